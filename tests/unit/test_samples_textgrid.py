"""The TextGrids of praatio: every one opens with the labels that praatio finds; mary's two are measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from praatio import textgrid

from inspector.core.times import NS
from inspector.media.textgrid import read_textgrid

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.core.model import Span

FOLDER = "praatio/examples/files"


def theirs(path: Path) -> dict[str, list[tuple[int, int, str]]]:
    """What praatio reads: tiers of start and end in ns and text, without empty intervals."""
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    found = {}
    for name in grid.tierNames:
        found[name] = [
            (round(row[0] * NS), round(row[-2] * NS), row[-1]) for row in grid.getTier(name).entries
        ]
    return found


def ours(path: Path) -> dict[str, list[tuple[int, int, str]]]:
    """What we read, in the same shape."""
    found: dict[str, list[tuple[int, int, str]]] = {}
    for label in read_textgrid(path).labels:
        assert label.span is not None
        found.setdefault(label.tier, []).append((*label.span, label.label))
    return found


def test_every_sample_opens_with_the_labels_that_praatio_finds(samples: Path) -> None:
    paths = sorted((samples / FOLDER).glob("*.TextGrid"))
    assert len(paths) == 11
    for path in paths:
        assert read_textgrid(path).told == ()
        # A tier without a name gets one, since praatio's "" would name nothing on screen.
        expected = {
            name or "tier 3": [(a, b, text.strip()) for a, b, text in rows]
            for name, rows in theirs(path).items()
        }
        found = {name: [(a, b, text.strip()) for a, b, text in rows] for name, rows in ours(path).items()}
        assert found == expected, path.name


def moved(a: list[Span], b: list[Span]) -> list[float]:
    """By how many ms the boundaries of one row of spans lie behind another's, start and end in turn."""
    return [(y - x) / 1e6 for one, other in zip(a, b, strict=True) for x, y in zip(one, other, strict=True)]


def test_mary_misaligned_is_measured_against_mary(samples: Path) -> None:
    """The phones agree to the ns. Of the four words two inner boundaries are moved, by −3.694 and +2.098 ms,
    each met as the end of one word and the start of the next; the pitch tier is gone."""
    paths = [samples / FOLDER / f"{name}.TextGrid" for name in ("mary", "mary_misaligned")]
    measured = {}
    for read in (ours, theirs):
        a, b = (read(path) for path in paths)
        assert set(a) - set(b) == {"pitch"}
        for tier in ("phone", "word"):
            assert [text for *_, text in a[tier]] == [text for *_, text in b[tier]]
            measured[read.__name__, tier] = moved([row[:2] for row in a[tier]], [row[:2] for row in b[tier]])
    for name in ("ours", "theirs"):
        assert measured[name, "phone"] == [0.0] * 28
        assert measured[name, "word"] == pytest.approx(
            [0, -3.693713, -3.693713, 2.097808, 2.097808, 0, 0, 0], abs=1e-6
        )
