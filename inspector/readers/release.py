"""Releases that Inspector made, of any format, opened through their manifest.

A record is what its manifest says: what was effective when it was released. The files are looked for where it
says they are and nowhere else. `inspector verify` tells whether they still are what they were.

What lies within another file (a tar, a Parquet table) is taken out into the user's cache when its record is
loaded, and only if its bytes are those of the manifest.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from inspector.core import manifest
from inspector.core.manifest_rows import Rows
from inspector.core.model import Problem
from inspector.errors import InspectorError
from inspector.readers import readers
from inspector.readers.taken_out import Held, TakenOut

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.core.model import Record


class ReleaseDataset:
    """A release. Satisfies the Dataset protocol."""

    reader = "release"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.card = manifest.read_card(root)
        try:
            self.index = _checked(pq.read_table(manifest.table_path(root, "index")))
            assets = pads.dataset(manifest.table_path(root, "assets"), format="parquet")
            inside = pc.field("within").is_valid()
            holds = "within" in assets.schema.names and assets.count_rows(filter=inside)
        except (OSError, pa.ArrowException) as error:
            raise manifest.unreadable(root, error) from None
        self._assets = assets if holds else None
        self._taken_out = TakenOut()
        self._rows = Rows(root)
        self.layout = (
            f"The release “{self.card.name}”, made {self.card.made} by {self.card.tool} as {self.card.writer}"
        )
        self.problems: tuple[Problem, ...] = tuple(
            Problem(manifest.CARD, f"the format could not carry: {each}", "the rest is there")
            for each in self.card.lost
        )
        self.leftover: tuple[str, ...] = ()
        self.ambiguous: tuple[str, ...] = ()

    def load(self, record_id: str) -> Record:
        """The record as released. InspectorError for an unknown id, or where its row cannot be read."""
        record = manifest.record_from(self._rows.value(record_id), partial(manifest.inside, self.root))
        problems: list[Problem] = []
        places: dict[Path, Path] = {}
        held = self._held(record_id)
        for path in manifest.files_of(self._rows.value(record_id)):
            place = manifest.inside(self.root, path)
            try:
                places[place] = self._taken_out.path(self.root, held[path]) if path in held else place
                wrong = None if places[place].is_file() else "the manifest names it, but it is not there"
            except InspectorError as error:
                wrong = str(error)
            if wrong is not None:
                problems.append(Problem(path, wrong, "the rest of the record is read"))
                places.pop(place, None)
        streams = tuple(
            replace(each, source=replace(each.source, path=places[each.source.path]))
            for each in record.streams
            if each.source.path in places
        )
        return replace(record, streams=streams, problems=(*record.problems, *problems))

    def _held(self, record_id: str) -> dict[str, Held]:
        """What of a record lies within other files, by path."""
        if self._assets is None:
            return {}
        paths = manifest.files_of(self._rows.value(record_id))
        names = ["path", "within", "offset", "bytes", "sha256"]
        try:
            found = self._assets.to_table(names, filter=pc.field("path").isin(paths)).to_pylist()
        except (OSError, pa.ArrowException) as error:
            place = manifest.table_path(self.root, "assets")
            raise InspectorError(
                "The manifest cannot be read", f"{place}, {record_id}: {str(error)[:200]}"
            ) from None
        return {row["path"]: Held(**row) for row in found if row["within"] is not None}

    def assets(self, record_id: str) -> list[tuple[str, str]]:
        """The record's files and which part of each is meant. InspectorError for an unknown id."""
        value = self._rows.value(record_id)
        held = self._held(record_id)
        found = set()
        for each in value["streams"]:
            path, part = each["source"]["path"], (each["source"]["row_start"], each["source"]["start_ns"])
            words = [] if part == (None, None) else [f"{part[0]} {part[1]}"]
            if path in held:
                words = [f"{held[path].offset} {held[path].bytes}", *words]
            place = held[path].within if path in held else path
            found.add((str(manifest.inside(self.root, place)), ", ".join(words)))
        return sorted(found)


def _checked(index: pa.Table) -> pa.Table:
    if not {"record_id", "modalities"} <= set(index.column_names):
        raise pa.ArrowInvalid("index.parquet has no record_id or modalities")
    return index


@readers.register("release", title="A release made by Inspector")
class ReleaseReader:
    """Claims what has a card and a manifest."""

    @staticmethod
    def claims(root: Path) -> bool:
        """Two looks."""
        return manifest.is_release(root)

    @staticmethod
    def open(root: Path) -> ReleaseDataset:
        """Reads the card and the index."""
        return ReleaseDataset(root)
