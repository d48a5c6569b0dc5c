"""What a curator decided: edits of changes to places in records, each bound to what it was made on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DATASET = ""
"""In place of a record's id: what is decided of the dataset as a whole, such as its tiers."""


@dataclass(frozen=True, slots=True)
class Change:
    """One place of one record: what stood there and what stands there now, as plain JSON values.

    `path` is as design.md fixes it: `flag`, `streams/<id>/timemap`, `streams/<id>/source`,
    `streams/<id>/ingest`, `annotations/<id>[/field]`, `findings/<key>/verdict`. `made_on` is the record's
    content identity that the curator saw.
    """

    record_id: str
    path: str
    before: Any
    after: Any
    made_on: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """One gesture. `at` is in ns and never runs backwards; `undoes` names the edit that this takes back."""

    id: str
    at: int
    author: str
    title: str
    note: str
    changes: tuple[Change, ...]
    undoes: str | None = None
