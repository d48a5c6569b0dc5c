"""Integer nanoseconds: conversions and the two forms in which a person reads a time."""

from __future__ import annotations

import re
from fractions import Fraction

NS = 1_000_000_000
"""Nanoseconds in a second."""

UNIT_NS = {"s": NS, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Nanoseconds in one of each time unit that recordings use."""

_CLOCK = re.compile(r"^(?P<sign>-?)(?:(?:(?P<h>\d+):)?(?P<m>\d+):)?(?P<s>\d+(?:[.,]\d*)?|[.,]\d+)\s*s?$")


def ns_from_s(seconds: float | Fraction) -> int:
    """Seconds to the nearest nanosecond; a Fraction (pts times time base) converts exactly."""
    return round(seconds * NS)


def s_from_ns(ns: int) -> float:
    """Nanoseconds to seconds, for display, SQL and JSON."""
    return ns / NS


def clock_text(ns: int, decimals: int = 3) -> str:
    """`h:mm:ss.mmm`, hours only where there are some; truncated, never rounded up to a later time."""
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    whole, rest = divmod(ns, NS)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    tail = f".{rest:09d}"[: decimals + 1] if decimals else ""
    return f"{sign}{head}:{seconds:02d}{tail}"


def parse_clock(text: str) -> int | None:
    """What a person types for a time (`7.4`, `1:07.4`, `1:02:03`) in ns, or None where it is no time."""
    match = _CLOCK.match(text.strip())
    if match is None:
        return None
    seconds = Fraction(match["s"].replace(",", ".").rstrip(".") or "0")
    total = (int(match["h"] or 0) * 60 + int(match["m"] or 0)) * 60 + seconds
    return ns_from_s(-total if match["sign"] else total)
