"""The Arrow index as a table of Qt's: a million rows cost no object, cells are read when they are painted.

What loading a record tells (its span, what is there, what is wrong) is kept beside the index in arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from inspector.core.model import Coverage, Modality
from inspector.core.times import s_from_ns
from inspector.ui import theme
from inspector.ui.panels.common import SMALL
from inspector.ui.panels.coverage import coverage_words
from inspector.ui.panels.flags import flag_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QColor, QFont

    from inspector.core.model import Record
    from inspector.session import Session

STATE, FLAG, RECORD, FOUND, COVERAGE, DURATION = range(6)
FIRST_OWN = 6
"""Columns from here on are the dataset's own."""

UNSEEN, SOUND, WARNED, BROKEN = range(4)
"""What is known of a record: nothing yet; no problem; problems; part or all of it cannot be used."""

STATES = tuple(Coverage)
FOLD_AT = 4096
CELL_CHARS = 200
NOT_COLUMNS = ("record_id", "modalities")

AnyIndex = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Filled:
    """What a loaded record told. `duration_ns` is None where it could not be loaded."""

    state: int
    duration_ns: int | None
    coverage: tuple[int, ...]


def own_columns(index: pa.Table) -> list[str]:
    """The dataset's own columns in their order."""
    return [name for name in index.column_names if name not in NOT_COLUMNS]


def cell_text(value: object) -> str:
    """One value of the index as a person reads it, on one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(cell_text, value))[:CELL_CHARS]
    return " ".join(str(value)[:CELL_CHARS].split())


def _as_strings(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """A column in the form in which it is searched; None where it has no such form."""
    try:
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            return pc.binary_join(column, ", ")
        return column if pa.types.is_string(column.type) else column.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return None


def matching(index: pa.Table, needle: str) -> NDArray[np.bool_]:
    """Which rows have `needle` in their id or in one of the dataset's own columns, in any case of letters."""
    found = np.zeros(index.num_rows, bool)
    for name in ["record_id", *own_columns(index)]:
        strings = _as_strings(index.column(name))
        if strings is not None:
            mask = pc.match_substring(strings, needle, ignore_case=True)
            found |= pc.fill_null(mask, False).to_numpy()
    return found


def arranged(
    index: pa.Table,
    needle: str,
    key: pa.ChunkedArray | pa.Array | None,
    descending: bool,
    only: pa.Array | None = None,
    rows: NDArray[np.int64] | None = None,
) -> NDArray[np.int64] | None:
    """The index rows that are shown, in the order in which they are; None for all of them as they lie.

    Empty cells come last in either direction. A column that has no order leaves the dataset's. `only` are the
    ids of the records to which a question led, `rows` those that the facets leave, by their places.
    """
    order: NDArray[np.int64] | None = None
    if key is not None:
        keys = [("key", "descending" if descending else "ascending")]
        try:
            table = pa.table({"key": key})
            order = pc.sort_indices(table, sort_keys=keys).to_numpy().astype(np.int64)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError):
            order = None
    if needle or only is not None or rows is not None:
        found = matching(index, needle) if needle else np.ones(index.num_rows, bool)
        if only is not None:
            found &= pc.is_in(index.column("record_id"), value_set=only).to_numpy()
        if rows is not None:
            left = np.zeros(index.num_rows, bool)
            left[rows] = True
            found &= left
        order = np.flatnonzero(found) if order is None else order[found[order]]
    return order


class RecordsModel(QAbstractTableModel):
    """One row a shown record: state, id, coverage, duration, then the dataset's own columns."""

    widened = Signal()
    """A record had a modality that none before had: the coverage strip is longer now."""

    def __init__(self) -> None:
        super().__init__()
        self._session: Session | None = None
        self._index: pa.Table = pa.table({"record_id": pa.array([], pa.string())})
        self._own: list[str] = []
        self._columns: dict[int, pa.ChunkedArray] = {}
        self._order: NDArray[np.int64] | None = None
        self.modalities: tuple[Modality, ...] = ()
        self._forget()

    def _forget(self) -> None:
        rows = self._index.num_rows
        self._fresh: dict[str, Filled] = {}
        self._trouble: dict[str, str] = {}
        self._flags: Mapping[str, str] = {}
        self._findings: Mapping[str, tuple[int, int]] = {}
        self._state = np.zeros(rows, np.uint8)
        self._duration = np.full(rows, -1, np.int64)
        self._coverage = np.zeros((rows, len(self.modalities)), np.uint8)

    # --- what is shown --------------------------------------------------------------------------------

    @property
    def index_table(self) -> pa.Table:
        """The whole Arrow index, shown or not."""
        return self._index

    def set_session(self, session: Session | None) -> None:
        """Show another dataset, all of it, in its own order."""
        self.beginResetModel()
        self._session = session
        empty = pa.table({"record_id": pa.array([], pa.string())})
        self._index = empty if session is None else session.index
        self.modalities = () if session is None else session.modalities
        self._own = own_columns(self._index)
        names = {RECORD: "record_id"} | {FIRST_OWN + n: name for n, name in enumerate(self._own)}
        self._columns = {number: self._index.column(name) for number, name in names.items()}
        self._promised = (
            self._index.column("modalities") if "modalities" in self._index.column_names else None
        )
        self._order = None
        self._forget()
        self.endResetModel()

    def set_order(self, order: NDArray[np.int64] | None) -> None:
        """Show these rows of the index in this order; None shows all as they lie."""
        self.beginResetModel()
        self._order = order
        self.endResetModel()

    @property
    def total(self) -> int:
        """How many records the dataset has."""
        rows: int = self._index.num_rows
        return rows

    def sort_key(self, column: int) -> pa.ChunkedArray | pa.Array | None:
        """What to sort by for a column: its values, or how bad, how complete, how long as far as known."""
        if column in self._columns:
            return self._columns[column]
        self._fold()
        if column == STATE:
            return pa.array(self._state)
        if column == FLAG:
            ids = self._index.column("record_id")
            where = pc.index_in(ids, value_set=pa.array(list(self._flags), pa.string()))
            return pa.array(list(self._flags.values()), pa.string()).take(where.combine_chunks())
        if column == FOUND:
            where = pc.index_in(
                self._index.column("record_id"), value_set=pa.array(list(self._findings), pa.string())
            )
            worst = [failed * 1_000_000 + suspect for failed, suspect in self._findings.values()]
            return pa.array(worst, pa.int64()).take(where.combine_chunks())
        if column == DURATION:
            return pa.array(self._duration.copy(), mask=self._duration < 0)
        if column == COVERAGE:
            lacking = (self._coverage != STATES.index(Coverage.PRESENT)).sum(axis=1)
            return pa.array(lacking, mask=self._state == UNSEEN)
        return None

    def set_flags(self, flags: Mapping[str, str]) -> None:
        """The flag of each record that has one; the mapping is kept and may change."""
        self._flags = flags

    def set_findings(self, found: Mapping[str, tuple[int, int]]) -> None:
        """How many findings of each record failed, and how many are suspect."""
        self._findings = found

    def found(self, row: int) -> tuple[int, int]:
        """How many findings in a shown row failed, and how many are suspect."""
        return self._findings.get(self.record_id(row), (0, 0)) if self._findings else (0, 0)

    def flag(self, row: int) -> str:
        """The flag in a shown row, empty for none."""
        return self._flags.get(self.record_id(row), "")

    def ids_of(self, rows: NDArray[np.int64]) -> list[str]:
        """The ids in shown rows, in one pass."""
        at = rows if self._order is None else self._order[rows]
        ids: list[str] = self._index.column("record_id").take(pa.array(at)).to_pylist()
        return ids

    def next_without_flag(self, row: int) -> int | None:
        """The next shown row behind `row` without a flag, from the top again at the end; None for none."""
        ids = self._index.column("record_id")
        ids = ids if self._order is None else ids.take(pa.array(self._order))
        flagged = pc.is_in(ids, value_set=pa.array(list(self._flags), pa.string()))
        free = np.flatnonzero(~flagged.to_numpy())
        behind = free[free > row]
        return int(behind[0]) if len(behind) else int(free[0]) if len(free) else None

    def record_id(self, row: int) -> str:
        """The id of the record in a shown row."""
        text: str = self._columns[RECORD][self._at(row)].as_py()
        return text

    def row_of(self, record_id: str) -> int | None:
        """The shown row of a record; None where the filter hides it or there is none."""
        at = self.index_row(record_id)
        if at is None or self._order is None:
            return at
        found = np.flatnonzero(self._order == at)
        return int(found[0]) if len(found) else None

    def index_row(self, record_id: str) -> int | None:
        """The record's row in the Arrow index, by a scan of a few milliseconds a million."""
        at = pc.index(self._index.column("record_id"), pa.scalar(record_id, pa.string())).as_py()
        return None if at is None or at < 0 else int(at)

    def after(self, at: int) -> int:
        """The first shown row that lies behind index row `at`, with rows in the dataset's order."""
        return at if self._order is None else int(np.searchsorted(self._order, at))

    def _at(self, row: int) -> int:
        return row if self._order is None else int(self._order[row])

    # --- what loading told ----------------------------------------------------------------------------

    def fill(self, record_id: str, record: Record | None) -> None:
        """Note what a loaded record told; None says that it could not be loaded."""
        if self._session is None:
            return
        if record is None:
            lost = tuple(STATES.index(Coverage.UNREADABLE) for _ in self.modalities)
            self._fresh[record_id] = Filled(BROKEN, None, lost)
            self._trouble[record_id] = "This record could not be loaded"
            return
        found = {stream.modality for stream in record.streams}
        if not found <= set(self.modalities):
            self._widen(found)
        states = tuple(
            record.coverage.get(each, Coverage.PRESENT if each in found else Coverage.ABSENT)
            for each in self.modalities
        )
        unusable = {Coverage.UNREADABLE, Coverage.EMPTY} & set(states)
        state = (BROKEN if unusable else WARNED) if record.problems else SOUND
        start, end = record.span
        self._fresh[record_id] = Filled(state, end - start, tuple(map(STATES.index, states)))
        self._trouble.pop(record_id, None)
        if record.problems:
            self._trouble[record_id] = "\n".join(str(problem) for problem in record.problems[:8])
        if len(self._fresh) >= FOLD_AT:
            self._fold()

    def _widen(self, found: set[Modality]) -> None:
        """Make room for a modality that the index did not promise; records known so far have none of it."""
        self._fold()
        wider = tuple(each for each in Modality if each in found or each in self.modalities)
        coverage = np.full((len(self._coverage), len(wider)), STATES.index(Coverage.ABSENT), np.uint8)
        for at, modality in enumerate(self.modalities):
            coverage[:, wider.index(modality)] = self._coverage[:, at]
        self.modalities, self._coverage = wider, coverage
        self.widened.emit()

    def _fold(self) -> None:
        """Move what is newly known into the arrays, in one scan of the ids for thousands of records."""
        if not self._fresh:
            return
        ids = list(self._fresh)
        where = pc.index_in(self._index.column("record_id"), value_set=pa.array(ids, pa.string()))
        numbers = pc.fill_null(where, -1).to_numpy()
        for row in np.flatnonzero(numbers >= 0):
            told = self._fresh[ids[numbers[row]]]
            self._state[row] = told.state
            self._duration[row] = -1 if told.duration_ns is None else told.duration_ns
            self._coverage[row] = told.coverage
        self._fresh.clear()

    def _told(self, row: int) -> Filled | None:
        fresh = self._fresh.get(self.record_id(row)) if self._fresh else None
        at = self._at(row)
        if fresh is not None or self._state[at] == UNSEEN:
            return fresh
        duration = int(self._duration[at])
        known = tuple(int(code) for code in self._coverage[at])
        return Filled(int(self._state[at]), None if duration < 0 else duration, known)

    def state(self, row: int) -> int:
        """UNSEEN, SOUND, WARNED or BROKEN."""
        told = self._told(row)
        state = UNSEEN if told is None else told.state
        failed, suspect = self.found(row)
        return BROKEN if failed else max(state, WARNED) if suspect else state

    def coverage(self, row: int) -> tuple[tuple[Coverage, ...], bool]:
        """A state for each of the dataset's modalities, and whether that is known rather than promised."""
        told = self._told(row)
        if told is not None and told.duration_ns is not None:
            return tuple(STATES[code] for code in told.coverage), True
        promised = set(self._promised[self._at(row)].as_py() or ()) if self._promised is not None else set()
        if Modality.VIDEO in promised:
            promised.add(Modality.AUDIO)  # names do not tell whether a film has sound
        states = (Coverage.UNKNOWN if each in promised else Coverage.ABSENT for each in self.modalities)
        return tuple(states), False

    def changed(self, row: int) -> None:
        """Have one row painted again."""
        last = self.columnCount() - 1
        self.dataChanged.emit(self.index(row, 0), self.index(row, last))

    # --- what Qt asks ---------------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex | None = None) -> int:
        """How many records are shown."""
        if parent is not None and parent.isValid():
            return 0
        return self.total if self._order is None else len(self._order)

    def columnCount(self, parent: AnyIndex | None = None) -> int:
        """Six of the panel's, then the dataset's own."""
        return 0 if parent is not None and parent.isValid() else FIRST_OWN + len(self._own)

    def headerData(self, section: int, side: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What stands above a column."""
        if side != Qt.Orientation.Horizontal or section >= self.columnCount():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            if section >= FIRST_OWN:
                return self._own[section - FIRST_OWN]
            return ("", "", "record", "", "has", "s")[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            if section >= FIRST_OWN:
                return theme.tip(f"{self._own[section - FIRST_OWN]}\nClick to sort")
            return (
                "Problems in the files\nClick to bring them together",
                "The flag that was given last\nClick to bring them together",
                "The record's name\nClick to sort",
                "What the audit found: how many failed, or are suspect\nClick to sort",
                "What is there of each modality\nClick to sort by how much is missing, as far as known",
                "Length in seconds\nClick to sort by it, as far as known",
            )[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.side(section) | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.FontRole:
            return theme.text_font(SMALL)
        return None

    def side(self, column: int) -> Qt.AlignmentFlag:
        """Numbers stand at the right, all else at the left."""
        number = column == DURATION or self._is_number(column)
        return Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft

    def face(self, column: int) -> tuple[QFont, QColor]:
        """The face and the colour of a column."""
        t = theme.current()
        mono = column == DURATION or self._is_number(column)
        return theme.mono_font() if mono else theme.text_font(), t.text if column < FIRST_OWN else t.quiet

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """One cell's text, face or colour."""
        if not index.isValid():
            return None
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.side(column) | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.FontRole:
            return self.face(column)[0]
        if role == Qt.ItemDataRole.ForegroundRole:
            return self.face(column)[1]
        if role == Qt.ItemDataRole.ToolTipRole:
            return theme.tip(self.words(row, column))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.words(row, column)
        return None

    def _is_number(self, column: int) -> bool:
        if column < FIRST_OWN:
            return False
        kind = self._columns[column].type
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))

    def _text(self, row: int, column: int) -> str:
        if column == RECORD:
            return self.record_id(row)
        if column >= FIRST_OWN:
            return cell_text(self._columns[column][self._at(row)].as_py())
        if column == DURATION:
            told = self._told(row)
            if told is None:
                return "…"
            return "–" if told.duration_ns is None else f"{s_from_ns(told.duration_ns):.1f}"
        return ""

    def words(self, row: int, column: int) -> str:
        """A cell in words, for a tooltip and for those who hear the screen."""
        if column == STATE:
            told = self.state(row)
            if self._findings and (found := self._findings.get(self.record_id(row))) is not None:
                words = f"The audit: {found[0]} failed, {found[1]} suspect"
                return "\n".join(filter(None, (words, self._trouble.get(self.record_id(row), ""))))
            if told == UNSEEN:
                return "Not looked at yet"
            return self._trouble.get(
                self.record_id(row), "No problem found in the files; nothing measured yet"
            )
        if column == FLAG:
            return flag_words(self.flag(row)) or "No flag yet"
        if column == FOUND:
            failed, suspect = self.found(row)
            return f"The audit: {failed} failed, {suspect} suspect" if failed or suspect else ""
        if column == COVERAGE:
            states, known = self.coverage(row)
            text = coverage_words(self.modalities, states)
            return text if known or not text else f"{text}\nAs the file names promise; not looked at yet"
        text = self._text(row, column)
        if column == DURATION:
            return {"…": "Length not known yet", "–": "No length: it could not be loaded"}.get(
                text, f"{text} s"
            )
        return text


def visible_ids(model: RecordsModel, rows: Sequence[int]) -> dict[str, int]:
    """The rows by their records' ids; for the few that are on screen."""
    return {model.record_id(row): row for row in rows if row < model.rowCount()}
