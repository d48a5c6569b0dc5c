"""What the window has to know of a record's labels before it edits them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspector.core.model import Record, Stream


def _uncorrected(stream: Stream) -> Stream:
    return replace(stream, meta={key: value for key, value in stream.meta.items() if key != "corrections"})


OF_LABELS = ("requires", "annotators_files", "expected_absent")
"""What of a record's meta tells of its labels, and of nothing that is played."""


def only_labels(shown: Record, again: Record) -> bool:
    """Whether two states of one record differ in labels, corrected words and problems alone."""
    a, b = (
        replace(
            each,
            annotations=(),
            problems=(),
            streams=tuple(map(_uncorrected, each.streams)),
            meta={key: value for key, value in each.meta.items() if key not in OF_LABELS},
        )
        for each in (shown, again)
    )
    return a == b
