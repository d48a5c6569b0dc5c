"""An audit handed to a cluster: the same findings as here, also where the cluster loses what it was given.

Ray itself is in tests/bench/test_ray.py; here its place is taken by threads.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import films
import pytest
from nodes import Threads
from programs import run

from inspector.audit.runner import Options
from inspector.core.model import Modality
from inspector.core.sources import absent_path
from inspector.errors import InspectorError
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five records, one without its transcript."""
    for number in range(5):
        record = tmp_path / "data" / f"r{number}"
        record.mkdir(parents=True)
        films.make_film(record / "cam.mp4", films.steady(1.0, 10), rate=10)
        if number != 3:
            (record / "words.vtt").write_text("WEBVTT\n\n00:00.100 --> 00:00.700\nhallo\n")
    return tmp_path / "data"


def told(folder: Path, workspace: Path, options: Options) -> list[str]:
    """What an audit with a workspace of its own finds."""
    with Session.open(folder, workspace=workspace) as session:
        return sorted(str(each.to_json()) for each in session.audit(options).findings())


@pytest.mark.parametrize("lose", [False, True])
def test_the_findings_are_those_of_one_machine(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lose: bool
) -> None:
    here = told(folder, tmp_path / "a", Options())
    ray = Threads(lose)
    monkeypatch.setitem(sys.modules, "ray", ray)
    assert told(folder, tmp_path / "b", Options(ray="auto")) == here
    assert ray.given >= 10  # five records, two stages
    again = Threads(lose)
    monkeypatch.setitem(sys.modules, "ray", again)
    assert told(folder, tmp_path / "b", Options(ray="auto")) == here  # what has not changed is given again


def test_what_need_not_be_there_is_known_on_every_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a film holds the sound that others have as a file is known only where it was probed."""
    for number in range(3):
        record = tmp_path / "data" / f"r{number}"
        record.mkdir(parents=True)
        films.make_film(record / "cam.mp4", films.steady(1.0, 10), rate=10, sound=None)
        if number < 2:
            films.make_sound(record / "voice.wav", "pcm_s16le", 1, 16_000)

    def missing(options: Options) -> int:
        found = told(tmp_path / "data", tmp_path / "work", options)
        return sum("coverage.missing" in each for each in found)

    assert missing(Options()) == 1
    with Session.open(tmp_path / "data", workspace=tmp_path / "work") as session:
        change = session.curation.change("r2", absent_path(Modality.AUDIO), True)
        session.edit("It has no sound", [change])
    monkeypatch.setitem(sys.modules, "ray", Threads(False))
    assert missing(Options(ray="auto")) == 0


def test_what_a_task_itself_raises_is_not_done_again_here(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: Any) -> Any:
        raise InspectorError("There is no such folder", str(folder), "Mount it on every node")

    monkeypatch.setitem(sys.modules, "ray", Threads(False))
    monkeypatch.setattr("inspector.audit.cluster._desk.opened", unreachable)
    with pytest.raises(InspectorError, match="no such folder"):
        told(folder, tmp_path / "b", Options(ray="auto"))


def test_no_ray_and_no_cluster_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with Session.open(folder) as session, pytest.raises(InspectorError, match="Ray is not installed"):
        list(session.audit(Options(ray="auto")).findings())
    monkeypatch.setitem(sys.modules, "ray", Threads(False))
    with Session.open(folder) as session, pytest.raises(InspectorError, match="No Ray cluster answers"):
        list(session.audit(Options(ray="elsewhere:6379")).findings())
    wrong = run("audit", folder, "--ray", "auto", "--workers", "2")
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1
