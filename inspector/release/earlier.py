"""A release as an earlier state of the dataset that it was made from: its files are the old ones."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core import manifest
from inspector.core.effective import timemap_from
from inspector.core.identity import content_of
from inspector.errors import InspectorError
from inspector.readers.release import ReleaseDataset
from inspector.readers.taken_out import Held, TakenOut
from inspector.release.compare import inverse
from inspector.release.seen import Asset, Track, selector_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from inspector.core.model import Stream
    from inspector.core.prints import Print
    from inspector.media.prints import Printer


_HELD = ("path", "within", "offset", "bytes", "sha256")


class Released:
    """The state that a release keeps. Satisfies Before. Its files are read when they are asked for.

    Where fixes went into a file its times are taken back through the map that was asked for; where its
    content was changed too (a sound resampled for drift) it will not be found again.
    """

    def __init__(self, root: Path, printer: Printer) -> None:
        """InspectorError where there is no release that can be read."""
        self._root = root
        self._printer = printer
        self.whole = False
        self.card = manifest.read_card(root)
        self.name = f"the release “{self.card.name}”"
        self._dataset = ReleaseDataset(root)
        self._taken_out = TakenOut()
        self._identities: dict[str, str] = {}
        self._files: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._streams: dict[Track, Stream] = {}
        self._prints: dict[tuple[Track, str], Print | None] = {}
        self._contents: dict[str, str] = {}
        try:
            records = pq.read_table(manifest.table_path(root, "records"), columns=["record_id", "made_from"])
            assets = pq.read_table(manifest.table_path(root, "assets"))
        except (OSError, pa.ArrowException) as error:
            raise manifest.unreadable(root, error) from None
        for row in records.to_pylist():
            self._identities[row["record_id"]] = row["made_from"] or ""
        for row in assets.to_pylist():
            for record_id in row["records"] or ():
                self._files[record_id].append(row)

    def identities(self) -> dict[str, str]:
        """Every record's content identity when it was released."""
        return self._identities

    def _content(self, row: dict[str, Any]) -> str:
        """What is in a file of the release that is a source file as it was."""
        path = row["path"]
        if path not in self._contents:
            try:
                within: dict[str, Any] = {name: row.get(name) for name in _HELD}
                held = Held(**within) if row.get("within") else None
                place = (
                    manifest.inside(self._root, path)
                    if held is None
                    else self._taken_out.path(self._root, held)
                )
                self._contents[path] = content_of(str(place))
            except (OSError, InspectorError):
                self._contents[path] = "gone"
        return self._contents[path]

    def assets(self, record_id: str) -> Sequence[Asset]:
        """The source files of a record that the release holds as they were."""
        return [
            Asset(row["made_from"], "", self._content(row), row["bytes"] or 0)
            for row in self._files.get(record_id, ())
            if row["made_from"] is not None and row["change"] is None
        ]

    def tracks(self, record_id: str) -> Sequence[Track]:
        """A record's streams. InspectorError where the manifest holds no such record."""
        record = self._dataset.load(record_id)
        changed = {
            row["path"].rpartition("/")[2]
            for row in self._files.get(record_id, ())
            if row["change"] is not None
        }
        found = []
        for stream in record.streams:
            place = stream.source.path
            try:
                content = content_of(str(place))
            except OSError:
                content = "gone"
            if place.name in changed:
                content = f"changed {content}"  # equal to no source file's
            reference = stream.id == record.reference
            track = Track(stream.id, stream.modality.value, content, selector_of(stream), reference)
            self._streams[track] = stream
            found.append(track)
        return found

    def print_of(self, track: Track, level: str) -> Print | None:
        """What a track of the release held before fixes went into it; None where that cannot be told."""
        key = (track, level)
        if key not in self._prints:
            try:
                self._prints[key] = self._made(track, level)
            except (InspectorError, KeyError):
                self._prints[key] = None
        return self._prints[key]

    def _made(self, track: Track, level: str) -> Print | None:
        stream = self._streams[track]
        made = self._printer.make(stream, level)
        if not track.content.startswith("changed"):
            return made
        baked = stream.meta.get("baked")
        return None if baked is None else made.moved(inverse(timemap_from(baked)))
