"""A release whose files a cluster copies is the one that is made here, also where nodes are lost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from nodes import Threads

from inspector.errors import InspectorError
from inspector.release.hands import SMALL, FarHands
from inspector.release.plan import Choice, make_plan
from inspector.release.verify import verify
from inspector.release.write import write
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four records of small files, one with a file that is not."""
    root = tmp_path / "data"
    for number in range(4):
        (root / f"r{number}").mkdir(parents=True)
        rows = "\n".join(f"{n / 100:.2f},{n * number % 13}" for n in range(300 if number else SMALL // 8))
        (root / f"r{number}" / "x.csv").write_text(f"t_s,x\n{rows}\n")
        (root / f"r{number}" / "talk.vtt").write_text(
            f"WEBVTT\n\n00:01.000 --> 00:02.000\nkitchen {number}\n"
        )
    assert (root / "r0/x.csv").stat().st_size > SMALL
    return root


def exported(folder: Path, out: Path, far: FarHands | None) -> str:
    """The root of a release."""
    with Session.open(folder) as session:
        card, _ = write(session, make_plan(session, Choice(split=None)), out, far=far)
    assert verify(out).differences == ()
    return card.root


@pytest.mark.parametrize("lose", [False, True])
def test_it_is_the_release_that_is_made_here(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lose: bool
) -> None:
    here = exported(folder, tmp_path / "here", None)
    monkeypatch.setattr("inspector.release.filling.BATCH", 1)
    ray = Threads(lose)
    monkeypatch.setitem(sys.modules, "ray", ray)
    assert exported(folder, tmp_path / "there", FarHands("auto")) == here
    assert ray.given == 4
    assert not list((tmp_path / "there").rglob("*.csv.*"))


def test_what_is_wrong_on_a_node_is_told_here_and_nothing_is_left(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", Threads(False))
    with Session.open(folder) as session:
        plan = make_plan(session, Choice(split=None))
        far = FarHands("auto")
        copy = far.copy

        def gone(files: list[tuple[str, str]], homes: list[str]) -> object:
            (folder / "r2/talk.vtt").unlink()
            return copy(files, homes)

        monkeypatch.setattr(far, "copy", gone)
        with pytest.raises(InspectorError, match="source file cannot be read"):
            write(session, plan, tmp_path / "out", far=far)
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


def test_a_cluster_that_is_not_there_is_told() -> None:
    with pytest.raises(InspectorError, match="Ray is not installed"):
        FarHands("auto")
