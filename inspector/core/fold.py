"""The fold of a journal's lines: which change stands at each place, and which edits are in force.

Everything is arrays in one order, (at, id), so that neither the order of the files nor copies of lines
matter. A *place* is a record, a path and the content that a change was made on: what was decided on other
content never mixes with what holds now. An edit is in force unless an edit in force undoes it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inspector.core.journal_lines import Lines, read_lines
from inspector.core.names import Names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int32]
    Long = NDArray[np.int64]


@dataclass(slots=True)
class Fold:
    """Edits in their order (`ids`, `at`, … by row) and changes by place (`edit`, `before`, `after`).

    The changes of place p are `starts[p]:starts[p + 1]`, oldest first; places are ordered by record, path and
    content. `target` is the row that an edit undoes, or -1; `depth` 0 is an edit of its own, 1 an undo, 2 a
    redo; `since` is when it last came into force.
    """

    ids: pa.LargeStringArray
    by_id: Whole
    at: Long
    since: Long
    author: Whole
    target: Whole
    depth: NDArray[np.int8]
    undone: NDArray[np.bool_]
    file: Whole
    offset: Long
    size: Whole
    edit: Whole
    before: Whole
    after: Whole
    record: Whole
    path: Whole
    made: Whole
    starts: Long
    authors: Names
    records: Names
    paths: Names
    mades: Names
    values: Names
    lost: Names
    """Ids that an undo names and that are not here."""

    def row_of(self, id_: str) -> int:
        """The row of the edit with that id, -1 where there is none."""
        low, high = 0, len(self.by_id)
        while low < high:
            middle = (low + high) // 2
            if self.ids[int(self.by_id[middle])].as_py() < id_:
                low = middle + 1
            else:
                high = middle
        if low < len(self.by_id) and self.ids[int(self.by_id[low])].as_py() == id_:
            return int(self.by_id[low])
        return -1

    def places_of(self, record_code: int) -> range:
        """The places of one record."""
        if record_code < 0:
            return range(0)
        low, high = np.searchsorted(self.record, [record_code, record_code + 1])
        return range(int(low), int(high))

    def conflicted(self) -> Whole:
        """Changes (by row) whose `before` is not what the change before them at their place left."""
        differs = np.zeros(len(self.edit), np.bool_)
        differs[1:] = self.before[1:] != self.after[:-1]
        differs[self.starts[:-1]] = False
        return np.flatnonzero(differs).astype(np.int32)

    def place_of_row(self, rows: Whole) -> Long:
        """The place of each change."""
        return np.searchsorted(self.starts, rows, "right") - 1


NAMED = ("authors", "records", "paths", "mades", "values", "lost")
ARRAYS = tuple(f.name for f in fields(Fold) if f.name not in (*NAMED, "ids"))


PACK = 12
"""Blocks that are put together at a time; what they have in common is kept once."""


class Columns:
    """Lines as they are read, gathered for the fold. Texts that come again in later blocks are kept once."""

    def __init__(self) -> None:
        self._edits: list[pa.Table] = []
        self._changes: list[pa.Table] = []
        self._fresh = 0
        self.rows = 0

    def add(self, lines: Lines, file: int, offset: int) -> None:
        """One block of lines, which begins at `offset` of the file of that number."""
        edits, changes = lines.edits, lines.changes
        places = pa.array(edits.column("offset").to_numpy() + offset)
        edits = edits.set_column(edits.schema.get_field_index("offset"), "offset", places)
        self._edits.append(edits.append_column("file", pa.array(np.full(len(edits), file, np.int32))))
        moved = pa.array(changes.column("edit").to_numpy() + np.int32(self.rows))
        self._changes.append(changes.set_column(changes.schema.get_field_index("edit"), "edit", moved))
        self.rows += len(edits)
        self._fresh += 1
        if self._fresh >= PACK:
            self._pack()

    def _pack(self) -> None:
        for tables in (self._edits, self._changes):
            fresh = tables[-self._fresh :]
            del tables[-self._fresh :]
            tables.append(pa.concat_tables(fresh).unify_dictionaries().combine_chunks())
        self._fresh = 0
        pa.default_memory_pool().release_unused()

    def give(self) -> tuple[pa.Table, pa.Table]:
        """The edits and the changes, which are then no longer held here."""
        if not self._edits:
            self.add(read_lines(b""), 0, 0)
        tables = pa.concat_tables(self._edits), pa.concat_tables(self._changes)
        self._edits, self._changes, self.rows = [], [], 0
        return tables


def fold(columns: Columns) -> Fold:
    """Fold what was gathered, which is used up by it."""
    tidy = pa.default_memory_pool().release_unused  # what was freed goes back at once: a million rows add up
    rows, whole = columns.give()
    order, rank, by_id = _in_order(rows)
    rows = rows.take(pa.array(order))
    del order
    tidy()
    ids = rows.column("id").combine_chunks()
    authors, author = Names.of(rows.column("author"))
    at = rows.column("at").to_numpy()
    target, lost = _rows_of(rows.column("undoes"), ids)
    depth, undone, since = _in_force(target, at)
    edit = rank[whole.column("edit").to_numpy()].astype(np.int32)
    if (edit < 0).any():
        kept = edit >= 0
        whole, edit = whole.filter(pa.array(kept)), edit[kept]
    del rank
    texts = pa.dictionary(pa.int32(), pa.large_string())
    both = pa.chunked_array([*whole.column("before").chunks, *whole.column("after").chunks], texts)
    whole = whole.drop_columns(["before", "after"])
    values, codes = Names.of(both)
    del both
    found = []
    for name in ("record", "path", "made"):
        tidy()
        found.append(Names.of(whole.column(name)))
        whole = whole.drop_columns([name])
    (records, record), (paths, path), (mades, made) = found
    tidy()
    key = record.astype(np.int64) * max(len(paths), 1) + path
    sort = np.lexsort((edit, made, key))  # stable: changes of one edit to one place keep their order
    first = np.ones(len(sort), np.bool_)
    first[1:] = (np.diff(key[sort]) != 0) | (np.diff(made[sort]) != 0)
    at_first = np.flatnonzero(first)
    return Fold(
        ids=ids,
        by_id=by_id,
        at=at,
        since=since,
        author=author,
        target=target,
        depth=depth,
        undone=undone,
        file=rows.column("file").to_numpy(),
        offset=rows.column("offset").to_numpy(),
        size=rows.column("size").to_numpy(),
        edit=edit[sort],
        before=codes[: len(edit)][sort],
        after=codes[len(edit) :][sort],
        record=record[sort][at_first],
        path=path[sort][at_first],
        made=made[sort][at_first],
        starts=np.append(at_first, len(sort)).astype(np.int64),
        authors=authors,
        records=records,
        paths=paths,
        mades=mades,
        values=values,
        lost=lost,
    )


def _in_order(rows: pa.Table) -> tuple[Long, Long, Whole]:
    """Rows by (at, id), each id once; for every row its number among them or -1; and the numbers by id.

    Of lines with one id the earliest counts, whichever file it lies in. Lines that share id and time and yet
    differ were made up: the shorter one is taken, so that the answer does not hang on the files.
    """
    at = rows.column("at").to_numpy()
    ids = rows.column("id").combine_chunks()
    by_id, same = _by_text(ids)
    id_rank = np.empty(len(by_id), np.int64)
    id_rank[by_id] = np.cumsum(~same)
    order = np.lexsort((rows.column("size").to_numpy(), id_rank, at))
    if same.any():
        seen = np.unique(id_rank[order], return_index=True)[1]
        order = order[np.sort(seen)]
    rank = np.full(len(at), -1, np.int64)
    rank[order] = np.arange(len(order))
    again = rank[by_id]
    return order, rank, again[again >= 0].astype(np.int32)


def _by_text(texts: pa.LargeStringArray) -> tuple[Long, NDArray[np.bool_]]:
    """The order of the texts, and whether each in it equals the one before."""
    same = np.zeros(len(texts), np.bool_)
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset :][: len(texts) + 1]
    if len(texts) and (np.diff(offsets) == 16).all():  # as ours are: 16 letters are two numbers
        letters = np.frombuffer(texts.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
        words = letters.view(">u8").astype(np.uint64).reshape(-1, 2)
        order = np.lexsort((words[:, 1], words[:, 0]))
        words = words[order]
        same[1:] = (words[1:] == words[:-1]).all(axis=1)
        return order, same
    order = pc.array_sort_indices(texts).to_numpy().astype(np.int64)
    sorted_texts = texts.take(pa.array(order))
    same[1:] = pc.equal(sorted_texts[1:], sorted_texts[:-1]).to_numpy(zero_copy_only=False)
    return order, same


def _rows_of(undoes: pa.ChunkedArray, ids: pa.LargeStringArray) -> tuple[Whole, Names]:
    """The row of the edit that each one undoes, -1 for none; and the ids that are not here, sorted."""
    target = np.full(len(undoes), -1, np.int32)
    some = np.flatnonzero(undoes.is_valid().to_numpy(zero_copy_only=False))
    lost = pa.array([], pa.large_string())
    if len(some):
        named = undoes.take(pa.array(some)).combine_chunks()
        found = pc.index_in(named, value_set=ids)
        target[some] = found.fill_null(-1).to_numpy(zero_copy_only=False)
        lost = pc.unique(named.filter(pc.is_null(found)))
        lost = lost.take(pc.array_sort_indices(lost))
    target[target >= np.arange(len(target))] = -1  # only what came before can be undone
    return target, Names(lost)


def _in_force(target: Whole, at: Long) -> tuple[NDArray[np.int8], NDArray[np.bool_], Long]:
    """How deep each edit's undoing goes, whether it is undone, and since when it is in force.

    Backwards in time everything that could undo a row has been settled before it comes.
    """
    depth = np.zeros(len(target), np.int8)
    undone = np.zeros(len(target), np.bool_)
    since = at.copy()
    undoing = np.flatnonzero(target >= 0).tolist()
    if not undoing:
        return depth, undone, since
    targets = target.tolist()
    deep: dict[int, int] = {}
    for row in undoing:
        deep[row] = deep.get(targets[row], 0) + 1
    out: set[int] = set()
    back: dict[int, int] = {}
    for row in reversed(undoing):
        if row in out:
            continue
        goal = targets[row]
        if goal not in out:
            out.add(goal)
        # Whoever undoes an undo brings back what that one took away, as of now.
        if (root := targets[goal]) >= 0:
            back[root] = max(back.get(root, 0), row)
    depth[undoing] = [min(deep[row], 100) for row in undoing]
    undone[list(out)] = True
    for root, row in back.items():
        since[root] = at[row]
    return depth, undone, since
