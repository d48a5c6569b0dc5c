"""What the readers of annotators' files share: the result, how a medium is found, times that hold."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Protocol

from inspector.core.times import NS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from inspector.core.made_on import MadeOn
    from inspector.core.model import Annotation, Stream


class Find(Protocol):
    """Gives the stream of the record that a file of labels means, None where there is none.

    `by_name` holds to the name alone; without it the only stream of the kind will do.
    """

    def __call__(self, made: MadeOn, by_name: bool = False) -> Stream | None: ...


MOST_LABELS = 1_000_000
LATEST = 10**9
"""Seconds; a time past it is not believed."""

_LANE = re.compile(r"^(?P<name>.+) #\d+$", re.DOTALL)
_ESCAPED = re.compile(r"_([0-9a-f]{1,6})_")


@dataclass(frozen=True, slots=True)
class LabelFile:
    """One file of labels: in the order of the file, with its media and what is wrong with some of it.

    `vocabularies` are the labels that a tier allows, with their definitions.
    """

    labels: tuple[Annotation, ...]
    made: tuple[tuple[MadeOn, Stream | None], ...] = ()
    told: tuple[str, ...] = ()
    vocabularies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def nowhere(made: MadeOn, by_name: bool = False) -> Stream | None:
    """No stream at all: for a file that is read by itself."""
    del made, by_name
    return None  # mypy wants it said


def exact_ns(value: object, unit_ns: int = NS) -> int | None:
    """A number, or its text, in ns, exact where written exactly; None for NaN, text and past belief."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and abs(value) > LATEST * NS:
        return None
    try:
        number = Decimal(str(value).strip() if len(str(value)) < 64 else "nan")
    except InvalidOperation:
        return None
    if not number.is_finite() or number.adjusted() > 30:
        return None
    if number.adjusted() < -20:
        return 0
    ns = int((number * unit_ns).to_integral_value())
    return ns if abs(ns) <= LATEST * NS else None


def as_xml_id(text: str) -> str:
    """The text as an XML id that `from_xml_id` turns back: ids of ours go through a tool that knows only
    such."""
    return "i." + "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in "-.") else f"_{ord(sign):x}_" for sign in text
    )


def from_xml_id(text: str) -> str | None:
    """The id that `as_xml_id` was given, None for one that was not made by it."""
    if not text.startswith("i."):
        return None
    plain = _ESCAPED.sub(lambda match: chr(min(int(match[1], 16), 0x10FFFF)), text[2:])
    return plain if as_xml_id(plain) == text else None


def without_lane(title: str, titles: Collection[str]) -> str:
    """A tier's name without its number as a further lane of another: `words #2` beside `words`."""
    match = _LANE.match(title)
    return match["name"] if match and match["name"] in titles else title
