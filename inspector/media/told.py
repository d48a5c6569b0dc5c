"""What every loader of text shares: a bounded list of complaints, and bytes and JSON of a hostile file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from inspector.errors import InspectorError
from inspector.media.csvhead import decode

if TYPE_CHECKING:
    from pathlib import Path

MOST_TEXT_BYTES = 256 << 20
"""A larger text, transcript or JSON file is refused: it would be held in memory several times over."""


def in_row(text: str) -> tuple[str, ...]:
    """Words parted by spaces, for tables of names that read better in a row."""
    return tuple(text.split())


class Told:
    """What is wrong with a file, the first few in words and the rest as a count."""

    def __init__(self, most: int = 20) -> None:
        self._most = most
        self._lines: list[str] = []
        self._more = 0

    def add(self, line: str) -> None:
        """Note one more complaint."""
        if len(self._lines) < self._most:
            self._lines.append(line)
        else:
            self._more += 1

    def lines(self) -> tuple[str, ...]:
        """All that is told, the last line counting what was left out."""
        return (*self._lines, *([f"and {self._more} more like these"] if self._more else []))


def load_bytes(path: Path) -> bytes:
    """The file. InspectorError where it is missing, unreadable or past belief for a text."""
    try:
        if path.stat().st_size > MOST_TEXT_BYTES:
            raise InspectorError("The file is too large for text", path.name)
        return path.read_bytes()
    except OSError as error:
        raise InspectorError("The file cannot be read", f"{path.name}: {error.strerror or error}") from error


def load_json(path: Path) -> Any:
    """The parsed file (NaN and Infinity pass). InspectorError where it is no JSON or nested past belief."""
    text, _ = decode(load_bytes(path))
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InspectorError("The file is no valid JSON", f"{path.name}: {reason}") from error
