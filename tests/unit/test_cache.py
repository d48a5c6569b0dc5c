"""The cache of what can be worked out again, and the settings: both survive whatever lies on the disk."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspector.core import cache as core_cache
from inspector.core import settings as core_settings
from inspector.core.cache import Cache, file_key, user_cache
from inspector.core.files import write_atomic
from inspector.core.settings import Latency, Settings, change_settings, settings_path
from inspector.core.settings import settings as current
from inspector.core.sources import root_of

if TYPE_CHECKING:
    from pathlib import Path


def _filled(cache: Cache, source: Path, size: int, used: float) -> Path:
    source.write_bytes(os.urandom(64))
    folder = cache.folder(source)
    assert folder is not None
    (folder / "data").write_bytes(os.urandom(size))
    os.utime(folder / ".used", (used, used))
    return folder


def test_a_file_is_known_by_its_ends_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(bytes(5 << 20))
    os.utime(path, (1, 1))
    key = file_key(path)
    with path.open("r+b") as file:
        file.seek((5 << 20) - 1)
        file.write(b"x")
    os.utime(path, (2, 1))
    assert file_key(path) == key  # within a process a file of one size and mtime is not read again
    core_cache._keys.clear()
    later = file_key(path)
    assert later != key
    os.utime(path, (3, 3))
    assert file_key(path) not in (key, later)


def test_the_oldest_go_first_and_what_is_in_use_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", budget=250_000)
    folders = [_filled(cache, tmp_path / f"f{n}", 80_000, 1000 + n) for n in range(3)]
    with cache.holding(folders[0]):
        assert cache.make_room(50_000)
        assert [folder.exists() for folder in folders] == [True, False, True]
    assert not cache.make_room(260_000)
    cache.clear()
    assert cache.size() == 0


def test_no_cache_where_none_can_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    source = tmp_path / "source"
    source.write_text("x")
    assert Cache(blocked / "cache").folder(source) is None
    assert Cache(tmp_path / "cache").folder(tmp_path / "gone") is None


def test_user_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPECTOR_CACHE", str(tmp_path / "there"))
    assert user_cache().root == tmp_path / "there"


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "index"
    path.write_text("old")

    def full(beside: Path) -> None:
        beside.write_text("half")
        raise OSError("disk full")

    assert not write_atomic(path, full)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INSPECTOR_CONFIG", str(tmp_path / "config"))
    return settings_path()


def test_settings_are_kept(config: Path) -> None:
    change_settings(latency={"vlc": Latency(31.5, "2026-11-22")}, proxies=False)
    kept = json.loads(config.read_text())
    assert kept["latency"] == {"vlc": {"ms": 31.5, "on": "2026-11-22"}}
    from inspector.core import settings as module

    module._kept = None
    assert current().latency["vlc"].ms == 31.5
    assert not current().proxies


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*Settings.__slots__, "other"]), plain, max_size=6) | plain)
def test_any_settings_file_can_be_read(config: Path, content: object) -> None:
    from inspector.core import settings as module

    config.parent.mkdir(exist_ok=True)
    config.write_text(json.dumps(content))
    module._kept = None
    read = current()
    assert read.sound_output in ("builtin", "vlc")
    assert 32 <= read.picture_mb <= 16384


def test_what_another_process_kept_meanwhile_stays(config: Path) -> None:
    first = root_of(config / "films")
    text = settings_path().read_text()
    # Another program, which started before, gave a word to a folder of the same name.
    plain = json.loads(text)
    plain["roots"] = {**plain["roots"], "films~2": ["/else/films"]}
    plain["proxies"] = False
    settings_path().write_text(json.dumps(plain))
    second = root_of(config / "other" / "films")
    assert (first, second) == ("films", "films~3")
    kept = json.loads(settings_path().read_text())
    assert set(kept["roots"]) == {"films", "films~2", "films~3"}
    assert kept["proxies"] is False
    assert root_of(config / "films") == "films"


def test_settings_that_cannot_be_written_hold_while_the_program_runs(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_settings(author="ann")
    monkeypatch.setattr(core_settings, "write_atomic", lambda *_: False)
    change_settings(proxies=False)
    changed = change_settings(cache_gb=3)
    assert (changed.author, changed.proxies, changed.cache_gb) == ("ann", False, 3)
