"""Corrections of a transcript: what stands in the journal in place of a cue as it was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inspector.core.model import Cue, Word
from inspector.core.places import DELETED, FARTHEST_NS, part
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ADDED_FROM = 1 << 40
"""Numbers of lines that were not delivered but added by a curator begin here (`core.recut.new_number`)."""
MOST_DIGITS = 18


def cue_path(stream_id: str, number: int) -> str:
    """Where the correction of a cue stands; `number` counts from 0 in the stream as it was delivered, and
    from `ADDED_FROM` where it was not.
    """
    return f"streams/{part(stream_id)}/cues/{number}"


def cue_value(cue: Cue | None) -> dict[str, Any]:
    """A corrected cue in JSON; None for one that was taken away."""
    if cue is None:
        return dict(DELETED)
    return {
        "start": cue.start_ns,
        "end": cue.end_ns,
        "text": cue.text,
        "speaker": cue.speaker,
        "words": [[word.start_ns, word.end_ns, word.text, word.confidence] for word in cue.words],
    }


def cue_from(value: Any) -> Cue | None:
    """The cue of such a value. InspectorError where it is none."""
    try:
        if value == DELETED:
            return None
        words = tuple(
            Word(_ns(start), _ns(end), _text(text), None if sure is None else float(sure))
            for start, end, text, sure in value["words"]
        )
        speaker = value.get("speaker")
        return Cue(
            _ns(value["start"]), _ns(value["end"]), _text(value["text"]), words,
            None if speaker is None else _text(speaker),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InspectorError("It is no cue", repr(value)[:100]) from None


def _ns(value: object) -> int:
    if type(value) is not int or abs(value) >= FARTHEST_NS:
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def numbered(cues: Iterable[Cue], corrections: Mapping[str, Any] | None) -> list[tuple[int, Cue]]:
    """The cues as they stand now, by start, each with its number in the stream as it was delivered.

    `corrections` are values of cues by their numbers in decimal, as in a stream's meta under that name.
    """
    found = list(enumerate(cues))
    if corrections:
        now = {int(number): cue_from(value) for number, value in corrections.items()}
        found += [(at, cue) for at, cue in now.items() if at >= ADDED_FROM and cue is not None]
        found = in_order((at, kept) for at, cue in found if (kept := now.get(at, cue)) is not None)
    return found


def in_order(cues: Iterable[tuple[int, Cue]]) -> list[tuple[int, Cue]]:
    """Cues with their numbers by start, as a corrected transcript has them."""
    return sorted(cues, key=lambda each: (each[1].start_ns, each[0]))
