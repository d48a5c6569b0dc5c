"""A release as an earlier state of the dataset that it was made from: its files are the old ones."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core import manifest
from inspector.core.identity import content_of
from inspector.errors import InspectorError
from inspector.release.seen import Asset, Track, selector_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from inspector.core.model import Stream
    from inspector.core.prints import Print
    from inspector.media.prints import Printer


class Released:
    """The state that a release keeps. Satisfies Before. Its files are read when they are asked for.

    A file that the release changed (its times were put right in it) is no witness of what the source held:
    what lies in one is not known.
    """

    def __init__(self, root: Path, printer: Printer) -> None:
        """InspectorError where there is no release that can be read."""
        self._root = root
        self._printer = printer
        self.card = manifest.read_card(root)
        self.name = f"the release “{self.card.name}”"
        self._identities: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._files: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._changed: set[str] = set()
        self._streams: dict[Track, Stream] = {}
        self._prints: dict[tuple[Track, str], Print | None] = {}
        self._contents: dict[str, str] = {}
        try:
            records = pq.read_table(
                manifest.table_path(root, "records"), columns=["record_id", "made_from", "record"]
            )
            assets = pq.read_table(manifest.table_path(root, "assets"))
        except (OSError, pa.ArrowException) as error:
            raise InspectorError(
                "The release's manifest cannot be read",
                f"{root}: {str(error)[:200]}",
                "`inspector verify` tells more",
            ) from None
        for row in records.to_pylist():
            self._identities[row["record_id"]] = row["made_from"] or ""
            self._values[row["record_id"]] = row["record"]
        for row in assets.to_pylist():
            if row["change"] is not None:
                self._changed.add(row["path"])
            for record_id in row["records"] or ():
                self._files[record_id].append(row)

    def identities(self) -> dict[str, str]:
        """Every record's content identity when it was released."""
        return self._identities

    def _content(self, path: str) -> str:
        if path not in self._contents:
            try:
                inside = manifest.inside(self._root, path)
                self._contents[path] = "changed" if path in self._changed else content_of(str(inside))
            except (OSError, InspectorError):
                self._contents[path] = "gone"
        return self._contents[path]

    def assets(self, record_id: str) -> Sequence[Asset]:
        """The source files of a record that the release holds as they were."""
        return [
            Asset(row["made_from"], "", self._content(row["path"]), row["bytes"] or 0)
            for row in self._files.get(record_id, ())
            if row["made_from"] is not None and row["change"] is None
        ]

    def tracks(self, record_id: str) -> Sequence[Track]:
        """A record's streams. InspectorError where the manifest holds no such record."""
        try:
            value = json.loads(self._values[record_id])
        except (KeyError, ValueError):
            raise InspectorError("The manifest holds no record there", record_id) from None
        record = manifest.record_from(value, self._root)
        found = []
        for stream in record.streams:
            path = stream.source.path.relative_to(self._root).as_posix()
            reference = stream.id == record.reference
            track = Track(
                stream.id, stream.modality.value, self._content(path), selector_of(stream), reference
            )
            self._streams[track] = stream
            found.append(track)
        return found

    def print_of(self, track: Track, level: str) -> Print | None:
        """What a track of the release holds, read now; None where the release changed it, or it is gone."""
        if track.content in ("changed", "gone"):
            return None
        key = (track, level)
        if key not in self._prints:
            try:
                self._prints[key] = self._printer.make(self._streams[track], level)
            except (InspectorError, KeyError):
                self._prints[key] = None
        return self._prints[key]
