"""Dataset formats, one file each. A reader opens a root read-only and loads records lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from inspector.core.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.core.model import Dataset


class Reader(Protocol):
    """A format: whether a root looks like it, and how to open it."""

    def claims(self, root: Path) -> bool:
        """Whether the root is in this format, told by a few cheap looks (no walk of the tree)."""
        ...

    def open(self, root: Path) -> Dataset:
        """List the records from names and metadata only; InspectorError where that is impossible."""
        ...


readers: Registry[Reader] = Registry(
    "reader",
    "inspector.readers",
    ("inspector.readers.release", "inspector.readers.lerobot", "inspector.readers.folder"),
)
"""Asked in this order; the folder reader takes what nobody else claims."""
