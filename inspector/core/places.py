"""How places in a journal are spelled, and what a time in it may be."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

FARTHEST_NS = 1 << 61
DELETED: Final[dict[str, Any]] = {"deleted": True}
"""What stands in place of a label or a cue that was taken away."""


def part(text: str) -> str:
    """An id as it stands in a journal path: `%` and `/` percent-encoded."""
    return quote(text, safe="".join(chr(c) for c in range(32, 127) if chr(c) not in "%/"))
