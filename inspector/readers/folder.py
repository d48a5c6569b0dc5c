"""Plain folders: metadata files, modality folders, one folder a record, or one stem a record.

Opening lists files and reads a few heads; durations come when a record is loaded. Stream ids are the file's
path below the record's folder without its extension (with it where two would be equal). The record's folder
is the common folder of a metadata row's files, the folder that holds the modality folders (so that ids read
`video/a`, `audio/a`), the record's own folder, or the folder that a stem lies in. A container with one usable
track gives that id plain; one with several adds `#video`, `#audio`, `#audio2`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inspector.core.model import Modality, Problem, Record
from inspector.errors import InspectorError
from inspector.readers import metadata, readers
from inspector.readers.annotators import SHARED, SHARED_BY_FOLDER, shared_exports
from inspector.readers.assemble import Item, assemble
from inspector.readers.layout import ANNOTATIONS, common_folder, tell
from inspector.readers.sniff import MOST_TOLD, Listing, kind_by_name, kinds_of

if TYPE_CHECKING:
    from pathlib import Path

_BITS = {modality.value: 1 << place for place, modality in enumerate(Modality)}


class FolderDataset:
    """A folder of files, told apart by `layout`. Satisfies the Dataset protocol."""

    reader = "folder"
    apart = True
    """Reading a record is work enough to have it done in another process (`readers.apart`)."""

    def __init__(self, root: Path) -> None:
        single = None if root.is_dir() else root.name
        self.root = root.parent if single else root
        self._rows: dict[str, int] | None = None
        listing = _single(root) if single else Listing(root)
        self._paths = listing.paths
        self._kinds = kinds_of(self.root, listing.paths)
        self._shared = shared_exports(self.root, listing.paths, self._kinds)
        for index in self._shared:
            self._kinds[index] = ""  # part of no record's layout, and of every record
        self._meta: metadata.Metadata | None = None if single else metadata.find(listing)
        self.problems: tuple[Problem, ...] = ()
        self.ambiguous: tuple[str, ...] = ()
        self.leftover: tuple[str, ...] = ()
        if self._meta is None:
            unread = {problem.path for problem in listing.problems}
            self._kinds = [
                "" if path in unread else kind for path, kind in zip(self._paths, self._kinds, strict=True)
            ]
            ids, row, place, extra = self._by_names()
        else:
            ids, row, place, extra = self._by_metadata(self._meta, listing)
        order = np.argsort(row, kind="stable")
        self._places = place[order]
        self._starts = np.searchsorted(row[order], np.arange(len(ids) + 1))
        self.index = self._index(ids, row, place, extra)
        self.problems = (*listing.problems, *self.problems)
        self._shared_items = self._share()

    def _share(self) -> list[Item]:
        """The files whose labels are on several records, to be offered to each; they are not left over."""
        shared: list[str] = [self._paths[index] for index in self._shared]
        if not shared:
            return []
        media: list[str] = [
            path.rpartition("/")[2].lower()
            for path, kind in zip(self._paths, self._kinds, strict=True)
            if kind in ("video", "audio")
        ]
        repeat = len(set(media)) < len(media)
        if repeat:
            self.ambiguous += (
                f"{', '.join(shared)}: media of one name lie in several folders, so that only tasks which "
                "name the folder too are read",
            )
        left: tuple[str, ...] = self.leftover
        self.leftover = tuple(path for path in left if path not in shared)
        return [Item(path, ANNOTATIONS, SHARED_BY_FOLDER if repeat else SHARED) for path in shared]

    def _by_names(self) -> tuple[list[str], np.ndarray[Any, Any], np.ndarray[Any, Any], pa.Table]:
        found = tell(self._paths, self._kinds, self.root.name)
        self.layout = found.sentence
        self.ambiguous = tuple(found.ambiguous)
        record_of = np.array(found.record_of, np.int64)
        self.leftover = tuple(self._paths[index] for index in np.flatnonzero(record_of < 0))
        self._folders = found.folders
        place = np.flatnonzero(record_of >= 0)
        columns = {} if found.splits is None else {"split": pa.array(found.splits, pa.string())}
        return found.ids, record_of[place], place, pa.table(columns)

    def _by_metadata(
        self, meta: metadata.Metadata, listing: Listing
    ) -> tuple[list[str], np.ndarray[Any, Any], np.ndarray[Any, Any], pa.Table]:
        row, place = metadata.named_files(meta, self._paths)
        ids = metadata.record_ids(meta, self._paths, row, place)
        named = np.zeros(len(self._paths), np.bool_)
        named[place] = True
        own = set(meta.files)
        self.leftover = tuple(
            path
            for path, taken in zip(self._paths, named.tolist(), strict=True)
            if not taken and path not in own
        )
        self._folders = []
        roles = ", ".join(f"{role}_file_name" if role else "file_name" for role in meta.cells)
        self.layout = f"Each row of {', '.join(meta.files)} is a record, its files named by {roles}"
        listing.problems += meta.problems
        listed = sum(
            int(pc.sum(pc.fill_null(column.value_lengths(), 0)).as_py() or 0)
            for column in meta.cells.values()
        )
        if listed > len(row):
            missing = listed - len(row)
            self.problems = (
                Problem(
                    meta.files[0],
                    f"names {missing} file{'s' * (missing > 1)} not to be found below the root",
                    "each record says which",
                ),
            )
        shared = np.bincount(place, minlength=len(self._paths)) > 1
        if shared.any():
            twice = [self._paths[index] for index in np.flatnonzero(shared)[:5]]
            self.ambiguous = (f"Files that several rows name: {', '.join(twice)}",)
        return ids, row, place, meta.table

    def _index(
        self, ids: list[str], row: np.ndarray[Any, Any], place: np.ndarray[Any, Any], extra: pa.Table
    ) -> pa.Table:
        bits = np.array([_BITS.get(kind, 0) for kind in self._kinds], np.int64)
        masks = np.zeros(len(ids), np.int64)
        if len(row):
            np.bitwise_or.at(masks, row, bits[place])
        unique, inverse = np.unique(masks, return_inverse=True)
        lists = pa.array(
            [[name for name, bit in _BITS.items() if mask & bit] for mask in unique.tolist()],
            pa.list_(pa.string()),
        )
        modalities = lists.take(pa.array(inverse)) if len(ids) else pa.array([], pa.list_(pa.string()))
        columns = {"record_id": pa.array(ids, pa.string()), "modalities": modalities}
        return pa.table(columns | {name: extra.column(name) for name in extra.column_names})

    def load(self, record_id: str) -> Record:
        """The record, its files probed and read. InspectorError for an unknown id."""
        row = self._row(record_id)
        if self._meta is not None:
            return self._load_row(record_id, row, self._meta)
        places = self._places[self._starts[row] : self._starts[row + 1]]
        items = [Item(self._paths[index], self._kinds[index]) for index in places.tolist()]
        items += self._shared_items
        return assemble(record_id, self.root, self._folders[row], items, meta=self._columns(row))

    def assets(self, record_id: str) -> list[tuple[str, str]]:
        """The record's files, read whole, without opening them. InspectorError for an unknown id."""
        row = self._row(record_id)
        root = os.fspath(self.root)
        places = self._places[self._starts[row] : self._starts[row + 1]].tolist()
        return [(f"{root}/{self._paths[index]}", "") for index in places]

    def _row(self, record_id: str) -> int:
        if self._rows is None:
            ids = self.index.column("record_id").to_pylist()
            self._rows = {each: row for row, each in reversed(list(enumerate(ids)))}
        row = self._rows.get(record_id)
        if row is None:
            raise InspectorError("There is no such record", record_id, "`inspector info` lists what there is")
        return row

    def _columns(self, row: int) -> dict[str, Any]:
        cells: dict[str, Any] = (
            self.index.slice(row, 1).drop_columns(["record_id", "modalities"]).to_pylist()[0]
        )
        return cells

    def _load_row(self, record_id: str, row: int, meta: metadata.Metadata) -> Record:
        places = self._places[self._starts[row] : self._starts[row + 1]].tolist()
        there = {self._paths[index]: self._kinds[index] for index in places}
        items: list[Item] = []
        problems: list[Problem] = []
        for role, path in meta.row(row):
            if path in there:
                kind = there[path] or kind_by_name(path)
                items.append(Item(path, kind, role))
            elif metadata.is_outside(path):
                problems.append(
                    Problem(meta.files[0], f"names {path!r}, which is outside the dataset", "it is not read")
                )
            else:
                problems.append(
                    Problem(
                        path,
                        f"{meta.files[0]} names it, but it is not there",
                        "the rest of the record is read",
                    )
                )
        folder = common_folder(path.rpartition("/")[0] for path in there)
        return assemble(
            record_id, self.root, folder, items + self._shared_items, problems[:MOST_TOLD], self._columns(row)
        )


def _single(path: Path) -> Listing:
    """A listing of one file alone, for a film that is opened by itself."""
    listing = Listing.__new__(Listing)
    listing.root, listing.paths, listing.problems = path.parent, [path.name], []
    return listing


@readers.register("folder", title="Folder")
class FolderReader:
    """Takes any folder, and any single file."""

    @staticmethod
    def claims(root: Path) -> bool:
        """Whatever nobody else claims."""
        return root.is_dir() or root.is_file()

    @staticmethod
    def open(root: Path) -> FolderDataset:
        """List the records from names, heads and metadata. InspectorError where the root cannot be listed."""
        if not root.is_dir() and not root.is_file():
            raise InspectorError("There is nothing at that path", str(root))
        return FolderDataset(root)
