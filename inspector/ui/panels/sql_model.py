"""The rows of an answer, where they are: sorted, thinned out and read without being copied."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from inspector.errors import plain
from inspector.query.formats import value_of
from inspector.ui import theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

AnyIndex = QModelIndex | QPersistentModelIndex
NULL = "null"
ONE_BY_ONE = 64
"""Up to so many stretches of rows are taken out singly, so that the view keeps its place."""


def numeric(kind: pa.DataType) -> bool:
    """Whether values of this type are numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def cell_text(value: Any, exact: bool = False) -> str:
    """A value on one line; `exact` for a copy, else a number with as many digits as one reads."""
    if value is None:
        return "" if exact else NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if exact else _rounded(value)
    if isinstance(value, bytes):
        return value[: theme.LONGEST].hex(" ")
    return str(value)


def _rounded(value: float) -> str:
    """Four digits after the point, of small numbers six that count."""
    if not 1 <= abs(value) < 1e12:
        return f"{value:.6g}"
    return f"{value:.4f}".rstrip("0").rstrip(".")


class ResultModel(QAbstractTableModel):
    """An Arrow table behind an order of its rows; only the cells that are asked for become Python."""

    changed = Signal()
    """Rows were excluded or came back."""

    def __init__(self) -> None:
        super().__init__()
        self.table = pa.table({})
        self.sorted_by: tuple[int, bool] = (-1, False)
        self._sorted: NDArray[np.int64] = np.zeros(0, np.int64)
        self._gone: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._steps: list[NDArray[np.int64]] = []
        self.rows: NDArray[np.int64] = self._sorted
        """The table's row for each row shown."""

    def set_table(self, table: pa.Table) -> None:
        """Show another answer, in its own order."""
        self.beginResetModel()
        self.table = table
        self.sorted_by = (-1, False)
        self._sorted = np.arange(table.num_rows, dtype=np.int64)
        self._gone = np.zeros(table.num_rows, np.bool_)
        self._steps = []
        self.rows = self._sorted
        self.endResetModel()

    # --- what the view asks ---------------------------------------------------------------------------

    def rowCount(self, parent: AnyIndex | None = None) -> int:
        """How many rows are shown."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: AnyIndex | None = None) -> int:
        """How many columns the answer has."""
        return 0 if parent is not None and parent.isValid() else self.table.num_columns

    def value(self, row: int, column: int) -> Any:
        """One value."""
        return value_of(self.table.column(column)[int(self.rows[row])])

    def right(self, column: int) -> bool:
        """Whether a column holds numbers, which stand at the right."""
        return numeric(self.table.schema.field(column).type)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The cell as text; its whole text, within reason, as tooltip."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return plain(cell_text(self.value(index.row(), index.column()))[: theme.LONGEST])
        if role == Qt.ItemDataRole.ToolTipRole:
            value = self.value(index.row(), index.column())
            return theme.tip(NULL if value is None else cell_text(value, exact=True))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if self.right(index.column()) else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The column's name; its type as tooltip."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < self.table.num_columns:
            return None
        field = self.table.schema.field(section)
        if role == Qt.ItemDataRole.DisplayRole:
            return plain(field.name[: theme.LONGEST])
        if role == Qt.ItemDataRole.ToolTipRole:
            return theme.tip(f"{field.name} · {field.type}")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if self.right(section) else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    # --- order ----------------------------------------------------------------------------------------

    def arrange(self, column: int, descending: bool) -> None:
        """Sort by a column, nulls last; -1 is the order of the answer. Lists stay in it: they have none."""
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        tables = [int(self.rows[each.row()]) for each in kept]
        order = np.arange(self.table.num_rows, dtype=np.int64)
        if 0 <= column < self.table.num_columns:
            direction = "descending" if descending else "ascending"
            try:
                found = pc.sort_indices(self.table.column(column), sort_keys=[("", direction)])
                order = found.to_numpy().astype(np.int64)
            except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError):
                column = -1
        self.sorted_by = (column, descending)
        self._sorted = order
        self.rows = order[~self._gone[order]]
        if kept:
            place = np.full(self.table.num_rows, -1, np.int64)
            place[self.rows] = np.arange(len(self.rows))
            pairs = zip(kept, tables, strict=True)
            self.changePersistentIndexList(
                kept, [self.index(int(place[row]), each.column()) for each, row in pairs]
            )
        self.layoutChanged.emit()

    # --- excluded rows --------------------------------------------------------------------------------

    @property
    def excluded(self) -> int:
        """How many rows were taken out."""
        return int(self._gone.sum())

    def exclude(self, rows: Sequence[int]) -> None:
        """Take rows out of what is shown, counted and saved."""
        shown = np.unique(np.asarray(rows, np.int64))
        if not len(shown):
            return
        self._steps.append(self.rows[shown])
        self._gone[self.rows[shown]] = True
        stretches = np.split(shown, np.flatnonzero(np.diff(shown) > 1) + 1)
        if len(stretches) > ONE_BY_ONE:
            self.beginResetModel()
            self.rows = np.delete(self.rows, shown)
            self.endResetModel()
        else:
            for stretch in reversed(stretches):
                first, last = int(stretch[0]), int(stretch[-1])
                self.beginRemoveRows(QModelIndex(), first, last)
                self.rows = np.delete(self.rows, slice(first, last + 1))
                self.endRemoveRows()
        self.changed.emit()

    def undo(self) -> int | None:
        """Bring back what was taken out last; the first row of it, None where there is nothing."""
        if not self._steps:
            return None
        back = self._steps.pop()
        self._gone[back] = False
        self.beginResetModel()
        self.rows = self._sorted[~self._gone[self._sorted]]
        self.endResetModel()
        self.changed.emit()
        return int(np.flatnonzero(self.rows == back[0])[0])

    # --- out of here ----------------------------------------------------------------------------------

    def shown_table(self) -> pa.Table:
        """The rows that are shown, in their order, with all columns."""
        return self.table.take(pa.array(self.rows))

    def as_text(self, rows: Sequence[int], columns: Sequence[int], head: bool) -> str:
        """Rows as lines with tabs between, quoted where that is needed, as spreadsheets paste them."""
        out = io.StringIO()
        writer = csv.writer(out, delimiter="\t", lineterminator="\n")
        if head:
            writer.writerow([self.table.schema.field(column).name for column in columns])
        for row in rows:
            writer.writerow([cell_text(self.value(row, column), exact=True) for column in columns])
        return out.getvalue()
