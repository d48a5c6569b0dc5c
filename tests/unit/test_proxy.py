"""Proxies: every small picture is its frame, whatever became of the builder, the files or the disk."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import films
import hard_films
import numpy as np
import pytest
from filelock import FileLock

from inspector.core.cache import user_cache
from inspector.core.model import Clock, Modality, Source, Stream
from inspector.core.settings import change_settings
from inspector.media import proxy
from inspector.media.child import child_command
from inspector.media.frames import frame_index
from inspector.media.probe import probe
from inspector.media.proxy import HEAD, ProxyBuilder, ProxyReader, names, progress
from inspector.playback import proxies as building
from inspector.playback.drafts import Drafts
from inspector.playback.proxies import Proxies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WAIT_S = 60
FIT = (320, 180)


def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)


@pytest.fixture
def clip(tmp_path_factory: pytest.TempPathFactory) -> films.Film:
    """5 s, a single key frame."""
    return films.reel(tmp_path_factory.getbasetemp()).film("long_gop.mp4")


def build(path: Path, folder: Path, groups: int | None = None, fit: tuple[int, int] = proxy.LARGE) -> int:
    """Build all of it, or so many groups; how much is done."""
    folder.mkdir(exist_ok=True)
    builder = ProxyBuilder(path, 0, folder, fit)
    run = builder.run()
    for _ in range(1 << 20 if groups is None else groups):
        if next(run, None) is None:
            break
    run.close()  # type: ignore[attr-defined]
    return builder.done


def barcodes(path: Path, folder: Path, rotation: int = 0) -> dict[int, int | None]:
    """The barcode of each frame that the proxy has, by the frame's number."""
    index = frame_index(path, 0)
    reader = ProxyReader(folder, 0, index, index)
    found = {}
    for number in range(len(index)):
        picture = reader.read(number, (640, 360), rotation)
        if picture is not None:
            assert picture.number == number
            assert picture.span == index.frame_span(number)
            found[number] = films.picture_number(picture)
    reader.close()
    return found


def pixels(path: Path, folder: Path) -> list[bytes]:
    """All pictures of a proxy."""
    index = frame_index(path, 0)
    reader = ProxyReader(folder, 0, index, index)
    found = [reader.read(number, (640, 360)) for number in range(len(index))]
    reader.close()
    assert all(found)
    return [bytes(each.data) for each in found if each is not None]


SOFT = ("bframes.mp4", "variable.mkv", "long_gop.mp4", "late.mp4", "start.ts", "live.webm", "portrait.mp4")
TURNED = ("turned_90.mp4", "turned_180.mp4", "turned_270.mp4")
HARD = (
    "open_gop.mp4",
    "open_gop.ts",
    "below_zero.mp4",
    "below_decoding.mp4",
    "two_sizes.ts",
    "cut.mkv",
    *TURNED,
)


@pytest.mark.parametrize("name", SOFT)
def test_every_picture_is_its_frame(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    film = films.reel(tmp_path_factory.getbasetemp()).film(name)
    index = frame_index(film.path, 0)
    assert build(film.path, tmp_path / "p") == len(index) == progress(tmp_path / "p", 0, len(index))
    found = barcodes(film.path, tmp_path / "p", _rotation(film.path))
    assert len(found) == len(index)
    first = found[0]
    assert first is not None
    assert [found[number] for number in range(len(index))] == list(range(first, first + len(index)))


def _rotation(path: Path) -> int:
    """What a reader notes of the film's rotation, and Drafts goes by."""
    return round(next(track.rotation for track in probe(path).tracks if track.kind == "video")) % 360


@pytest.mark.parametrize("name", HARD)
def test_no_picture_of_a_hard_film_is_another_frames(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """Some frames of these go missing; what is there is right."""
    reel = hard_films.hard_reel(tmp_path_factory.getbasetemp())
    film = reel.film(name)
    index = frame_index(film.path, 0)
    build(film.path, tmp_path / "p")
    found = barcodes(film.path, tmp_path / "p", _rotation(film.path))
    truth = {shot.start_ns: shot.number for shot in reel.shots(name) if shot.whole}
    known = {number: truth.get(int(index.start_ns[number])) for number in found}
    assert len(found) > len(index) // 2
    assert {n: found[n] for n, want in known.items() if want is not None} == {
        n: want for n, want in known.items() if want is not None
    }


def test_a_builder_killed_midway_is_taken_up(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = films.reel(tmp_path_factory.getbasetemp()).film("bframes.mp4")
    index = frame_index(film.path, 0)
    assert len(index.key_pts) > 2
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    build(film.path, whole)
    cut.mkdir()
    child = subprocess.Popen(
        child_command("inspector.media.proxy"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    task = {"path": str(film.path), "track": 0, "folder": str(cut), "fit": proxy.LARGE}
    child.stdin.write(json.dumps(task) + "\n")
    child.stdin.flush()
    assert int(child.stdout.readline()) > 0
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    done = progress(cut, 0, len(index))
    assert 0 < done <= len(index)
    built: list[int] = []
    builder = ProxyBuilder(film.path, 0, cut, proxy.SMALL)
    written = builder._write

    def noted(made: list[tuple[int, bytes]]) -> None:
        built.extend(number for number, _ in made)
        written(made)

    monkeypatch.setattr(builder, "_write", noted)
    for _ in builder.run():
        pass
    assert len(built) == len(index) - done
    assert pixels(film.path, cut) == pixels(film.path, whole)


def test_key_frames_come_first_then_where_the_curator_is(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    film = films.reel(tmp_path_factory.getbasetemp()).film("bframes.mp4")
    index = frame_index(film.path, 0)
    builder = ProxyBuilder(film.path, 0, tmp_path, FIT)
    builder.focus = int(index.pts[-1])
    run = builder.run()
    keys = {index.number_of(pts) for pts in index.key_pts.tolist()}
    next(run)
    reader = ProxyReader(tmp_path, 0, index, index)
    assert {number for number in range(len(index)) if reader.read(number, FIT)} == keys
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert reader.read(len(index) - 1, FIT) is not None
    assert reader.read(1, FIT) is None
    reader.close()


TEARS: dict[str, Callable[[Any, bytes], bytes]] = {
    "cut": lambda rows, data: data[: len(data) // 2],
    "empty": lambda rows, data: b"",
    "zeros": lambda rows, data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
    "shifted": lambda rows, data: data[int(rows[0, 1]) :] + data[: int(rows[0, 1])],
    "a bit": lambda rows, data: data[:4000] + bytes([data[4000] ^ 4]) + data[4001:],
}


@pytest.mark.parametrize("tear", TEARS)
def test_a_torn_picture_file_is_built_again(tmp_path: Path, clip: films.Film, tear: str) -> None:
    build(clip.path, tmp_path, fit=FIT)
    index = frame_index(clip.path, 0)
    before = pixels(clip.path, tmp_path)
    table, pictures = (tmp_path / name for name in names(0))
    rows = np.fromfile(table, np.int64)[HEAD:].reshape(-1, 2)
    pictures.write_bytes(TEARS[tear](rows, pictures.read_bytes()))
    found = barcodes(clip.path, tmp_path)
    assert len(found) < len(index)
    assert all(value == number for number, value in found.items())
    assert progress(tmp_path, 0, len(index)) == len(found)
    build(clip.path, tmp_path)
    assert pixels(clip.path, tmp_path) == before


def test_a_film_grown_over_old_entries_gives_no_wrong_picture(tmp_path: Path, clip: films.Film) -> None:
    """The picture file was lost and filled again while the table still named the old places."""
    build(clip.path, tmp_path, fit=FIT)
    table, pictures = (tmp_path / name for name in names(0))
    data = np.fromfile(table, np.int64)
    rows = data[HEAD:].reshape(-1, 2)
    rows[:] = np.roll(rows, 3, axis=0)
    data.tofile(table)
    assert barcodes(clip.path, tmp_path) == {}
    assert pictures.stat().st_size


@pytest.mark.parametrize("damage", ["short", "magic", "frames", "size", "negative", "gone"])
def test_a_torn_table_is_built_again(tmp_path: Path, clip: films.Film, damage: str) -> None:
    build(clip.path, tmp_path, fit=FIT)
    index = frame_index(clip.path, 0)
    before = pixels(clip.path, tmp_path)
    table = tmp_path / names(0)[0]
    data = np.fromfile(table, np.int64)
    if damage == "short":
        data = data[:-5]
    elif damage == "negative":
        data[HEAD:] = -7
    elif damage != "gone":
        data[{"magic": 0, "frames": 1, "size": 2}[damage]] += 1 << 20
    data.tofile(table)
    if damage == "gone":
        table.unlink()
    assert progress(tmp_path, 0, len(index)) == 0
    build(clip.path, tmp_path, fit=FIT)
    assert pixels(clip.path, tmp_path) == before


def test_a_cut_of_a_longer_film(tmp_path: Path, clip: films.Film) -> None:
    """A LeRobot episode is a stretch of a film; its frames count from its own start."""
    build(clip.path, tmp_path)
    whole = frame_index(clip.path, 0)
    start_ns, end_ns = int(whole.start_ns[40]), int(whole.start_ns[70])
    shown = whole.of(Source(clip.path, "av", 0, start_ns=start_ns, end_ns=end_ns))
    reader = ProxyReader(tmp_path, 0, whole, shown)
    for number in range(30):
        picture = reader.read(number, FIT)
        assert picture is not None
        assert films.picture_number(picture) == 40 + number
        assert picture.span == shown.frame_span(number)
    reader.close()


def test_it_fits_what_is_asked_for_and_never_grows(tmp_path: Path, clip: films.Film) -> None:
    build(clip.path, tmp_path, fit=FIT)
    index = frame_index(clip.path, 0)
    reader = ProxyReader(tmp_path, 0, index, index)
    large, small = reader.read(3, (4000, 4000)), reader.read(3, (100, 100))
    reader.close()
    assert large is not None
    assert small is not None
    assert large.width <= FIT[0]
    assert large.height <= FIT[1]
    assert (small.width, small.height) <= (100, 100)


# --- who builds them ------------------------------------------------------------------------------


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxies]:
    monkeypatch.setattr(building, "CALM_S", 0.0)
    made = Proxies(lambda: False)
    yield made
    made.close()


def _film(keeper: Proxies, path: Path) -> Path | None:
    return keeper.film(path, 0, frame_index(path, 0))


def test_a_film_slow_to_seek_in_gets_one(keeper: Proxies, clip: films.Film) -> None:
    folder = _film(keeper, clip.path)
    assert folder is not None
    until(lambda: keeper.complete)
    assert set(barcodes(clip.path, folder).items()) == {(n, n) for n in range(len(frame_index(clip.path, 0)))}
    until(lambda: keeper.said == "")


def test_a_film_quick_to_seek_in_gets_none(keeper: Proxies, tmp_path: Path) -> None:
    film = films.make_film(tmp_path / "quick.mp4", films.steady(2, 25), options={"g": "10"})
    assert _film(keeper, film.path) is None
    assert keeper.complete


def test_switched_off_none_is_built(keeper: Proxies, clip: films.Film) -> None:
    change_settings(proxies=False)
    assert _film(keeper, clip.path) is None
    assert keeper._thread is None


class Children:
    """Every child that was started, in place of subprocess.Popen."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.all: list[subprocess.Popen[str]] = []
        real = subprocess.Popen

        def popen(*args: Any, **kwargs: Any) -> Any:
            self.all.append(real(*args, **kwargs))
            return self.all[-1]

        monkeypatch.setattr(subprocess, "Popen", popen)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Children:
    return Children(monkeypatch)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, children: Children) -> Iterator[Proxies]:
    """Proxies of a player that is busy once their builder is there: it stands still before it has begun."""
    monkeypatch.setattr(building, "CALM_S", 0.0)
    made = Proxies(lambda: bool(children.all))
    yield made
    made.close()
    assert all(child.poll() is not None for child in children.all)


def test_switched_off_the_builder_ends_and_switched_on_goes_on(
    held: Proxies, children: Children, clip: films.Film
) -> None:
    folder = _film(held, clip.path)
    assert folder is not None
    until(lambda: bool(children.all))
    assert "small copies" in held.said
    change_settings(proxies=False)
    held.look()
    until(lambda: children.all[0].poll() is not None)
    assert held.said == ""
    held._busy = lambda: False
    change_settings(proxies=True)
    held.look()
    until(lambda: held.complete)
    assert len(children.all) == 2


def test_another_record_ends_the_child(held: Proxies, children: Children, clip: films.Film) -> None:
    folder = _film(held, clip.path)
    until(lambda: bool(children.all))
    assert folder in user_cache()._held
    held.release()
    until(lambda: children.all[0].poll() is not None)
    assert folder not in user_cache()._held
    assert held.said == ""


def test_closing_ends_the_child(
    monkeypatch: pytest.MonkeyPatch, children: Children, clip: films.Film
) -> None:
    monkeypatch.setattr(building, "CALM_S", 0.0)
    made = Proxies(lambda: bool(children.all))
    _film(made, clip.path)
    until(lambda: bool(children.all))
    made.close()
    assert children.all[0].poll() is not None


def test_no_builder_is_started_while_something_plays(
    monkeypatch: pytest.MonkeyPatch, children: Children, clip: films.Film
) -> None:
    monkeypatch.setattr(building, "CALM_S", 0.0)
    asked: list[bool] = []
    playing = True

    def busy() -> bool:
        asked.append(playing)
        return playing

    made = Proxies(busy)
    try:
        _film(made, clip.path)
        until(lambda: len(asked) >= 3)
        assert children.all == []
        playing = False
        until(lambda: made.complete)
    finally:
        made.close()


def test_a_busy_player_holds_the_builder_up(held: Proxies, children: Children, clip: films.Film) -> None:
    folder = _film(held, clip.path)
    assert folder is not None
    until(lambda: bool(children.all))
    frames = len(frame_index(clip.path, 0))
    until(lambda: (folder / "proxy-0.lock").exists())
    assert progress(folder, 0, frames) < frames
    held._busy = lambda: False
    until(lambda: held.complete)


def test_a_tight_budget_makes_small_ones_and_a_tighter_none(
    keeper: Proxies, clip: films.Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = len(frame_index(clip.path, 0))
    large, small = proxy.estimate_bytes(frames, proxy.LARGE), proxy.estimate_bytes(frames, proxy.SMALL)
    cache = user_cache()
    monkeypatch.setattr(building, "user_cache", lambda: cache)
    cache.budget = large
    folder = _film(keeper, clip.path)
    assert folder is not None
    until(lambda: keeper.complete)
    index = frame_index(clip.path, 0)
    reader = ProxyReader(folder, 0, index, index)
    picture = reader.read(0, (4000, 4000))
    reader.close()
    assert picture is not None
    assert picture.width <= proxy.SMALL[0]
    keeper.release()
    cache.clear()
    cache.budget = small // 2
    _film(keeper, clip.path)
    until(lambda: "do not fit" in keeper.said)
    assert clip.path.name in keeper.said


def test_a_cache_emptied_while_it_is_read(keeper: Proxies, clip: films.Film, tmp_path: Path) -> None:
    """Somebody else clears it: what is open gives right pictures on, and they are built anew."""
    folder = _film(keeper, clip.path)
    assert folder is not None
    until(lambda: keeper.complete)
    index = frame_index(clip.path, 0)
    reader = ProxyReader(folder, 0, index, index)
    shutil.rmtree(folder)
    for number in range(0, len(index), 10):
        picture = reader.read(number, FIT)
        assert picture is not None
        assert films.picture_number(picture) == number
    reader.close()
    keeper.release()
    assert _film(keeper, clip.path) == folder
    until(lambda: keeper.complete and progress(folder, 0, len(index)) == len(index))
    assert barcodes(clip.path, folder) == {number: number for number in range(len(index))}


def test_a_cache_emptied_while_it_is_built(held: Proxies, children: Children, clip: films.Film) -> None:
    folder = _film(held, clip.path)
    assert folder is not None
    until(lambda: (folder / names(0)[0]).exists())
    shutil.rmtree(folder)
    held._busy = lambda: False
    until(lambda: children.all[0].poll() is not None)
    until(lambda: held.said == "")  # given up, and said by nobody as being under way
    held.release()
    assert _film(held, clip.path) == folder
    until(lambda: held.complete)


def test_two_processes_do_not_build_the_same(keeper: Proxies, children: Children, clip: films.Film) -> None:
    folder = user_cache().folder(clip.path)
    assert folder is not None
    other = FileLock(folder / "proxy-0.lock")
    with other:
        _film(keeper, clip.path)
        until(lambda: bool(children.all) and children.all[0].poll() is not None)
        assert progress(folder, 0, len(frame_index(clip.path, 0))) == 0
    until(lambda: keeper.said == "")


def test_drafts_survive_a_torn_proxy(tmp_path: Path, clip: films.Film) -> None:
    """The thread that reads it goes on; where the small picture is torn there is none."""
    build(clip.path, tmp_path, fit=FIT)
    table = tmp_path / names(0)[0]
    data = np.fromfile(table, np.int64)
    data[HEAD + 2 * 5] = -9  # the offset of frame 5
    data.tofile(table)
    index = frame_index(clip.path, 0)
    stream = Stream(
        "cam", Modality.VIDEO, Source(clip.path, "av", 0), Clock("c", "container"), (0, index.end_ns)
    )
    drafts = Drafts(stream, lambda: None, lambda picture, fit: None)
    drafts.use_proxy(tmp_path, index, index)
    drafts.want(5, FIT, None)
    until(lambda: int(np.fromfile(table, np.int64)[HEAD + 2 * 5 + 1]) == 0)
    drafts.want(6, FIT, None)
    until(lambda: drafts.get(6) is not None)
    assert drafts.get(5) is None
    drafts.close()
