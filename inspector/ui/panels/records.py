"""The list of records: filtered, sorted, and walked through with the arrow keys."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import shiboken6
from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent
from PySide6.QtWidgets import (
    QHeaderView,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from inspector.ui import theme
from inspector.ui.panels.common import Panel, SectionHeader, chip_size, number_text
from inspector.ui.panels.coverage import strip_width
from inspector.ui.panels.flags import MARK, Progress
from inspector.ui.panels.records_model import (
    COVERAGE,
    DURATION,
    FIRST_OWN,
    FLAG,
    FOUND,
    RECORD,
    STATE,
    RecordsModel,
    arranged,
    visible_ids,
)
from inspector.ui.panels.records_table import DOT, PAD, RecordTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from inspector.core.model import Record
    from inspector.session import Session

DEBOUNCE_MS = 120
KEY_MS = 60
FILL_MS = 40
IN_PLACE = 20_000
"""Up to so many rows are filtered and sorted at once; more in a thread, the newest asking wins."""

AnyIndex = QModelIndex | QPersistentModelIndex


def _condition(text: str) -> str | None:
    """What stands behind `where`; None for a text that is searched for."""
    first, _, rest = text.strip().partition(" ")
    return rest.strip() if first.lower() == "where" and rest.strip() else None


class RecordsPanel(Panel):
    """Header, filter line and table. `record_chosen` tells which record the curator goes to."""

    record_chosen = Signal(str)
    condition = Signal(str)
    """A condition in SQL was typed behind `where`, and Enter pressed; empty where one is let go."""
    _arranged = Signal(int, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chosen: str | None = None
        self._condition = ""
        self._quiet = False
        self._asked = 0
        self._unpainted: set[str] = set()
        self.header = SectionHeader("Records")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by text, or: where …")
        self.filter.setToolTip(
            "Shows the records that have this text in their name or a column · Esc clears\n"
            "where duration_s > 10 AND flag IS NULL, and Enter: those for which that holds"
        )
        self.filter.setAccessibleName("Filter records")
        self.filter.setClearButtonEnabled(False)
        self.filter.installEventFilter(self)
        self.model = RecordsModel()
        self.table = RecordTable()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Records")
        around = QVBoxLayout()
        around.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 2 * theme.STEP)
        around.addWidget(self.filter)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.header)
        box.addLayout(around)
        box.addWidget(self.table, 1)
        self.progress = Progress()
        box.addWidget(self.progress)

        self._typing = self._timer(DEBOUNCE_MS, self._arrange)
        self._moving = self._timer(KEY_MS, self._tell_choice)
        self._filling = self._timer(FILL_MS, self._paint_filled)
        self.filter.textChanged.connect(lambda _: self._typing.start())
        self.filter.returnPressed.connect(self._enter_filtered)
        self.table.horizontalHeader().sortIndicatorChanged.connect(lambda *_: self._arrange())
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.table.entered_row.connect(self._enter)
        self._arranged.connect(self._show_order)
        self.model.widened.connect(self._size_columns)
        self.table.setColumnHidden(FOUND, True)
        self.set_session(None)

    def _timer(self, after_ms: int, then: Callable[[], object]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(after_ms)
        timer.timeout.connect(then)
        return timer

    # --- what the window calls ------------------------------------------------------------------------

    def set_session(self, session: Session | None) -> None:
        """Show a dataset's records; None empties the list."""
        self._asked += 1
        self._chosen = self._only = self._rows = None
        self._condition = ""
        self._unpainted.clear()
        for timer in (self._typing, self._moving, self._filling):
            timer.stop()
        self._quiet = True
        self.filter.blockSignals(True)
        self.filter.clear()
        self.filter.blockSignals(False)
        head = self.table.horizontalHeader()
        head.blockSignals(True)
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        head.blockSignals(False)
        self.model.set_session(session)
        self._quiet = False
        self.table.empty_text = "No dataset is open" if session is None else "This dataset has no records"
        self.filter.setEnabled(self.model.total > 0)
        self.table.horizontalHeader().setVisible(self.model.total > 0)
        self._size_columns()
        self._count()

    def set_filled(self, record_id: str, record: Record | None) -> None:
        """Show what loading a record told; None says that it could not be loaded.

        May be called for every record of a large dataset: only rows on screen are painted, together.
        """
        self.model.fill(record_id, record)
        self._unpainted.add(record_id)
        if not self._filling.isActive():
            self._filling.start()

    def focus_filter(self) -> None:
        """Go to the filter line, its text selected."""
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def select(self, record_id: str) -> None:
        """Mark a record as the current one, without telling `record_chosen`. A filter may hide it."""
        self._moving.stop()
        self._chosen = record_id
        self._mark()

    def show_findings(self, found: Mapping[str, tuple[int, int]]) -> None:
        """Tell beside each record how many findings failed, or are suspect; no room where none did."""
        self.model.set_findings(found)
        self.table.setColumnHidden(FOUND, not found)
        self.table.viewport().update()

    def show_flags(self, flags: Mapping[str, str]) -> None:
        """Show these flags; called again whenever they changed. The mapping is kept."""
        self.model.set_flags(flags)
        self.progress.set_flags(flags, self.model.total)
        self.table.viewport().update()

    def selected_ids(self) -> list[str]:
        """The records whose rows are selected, from top to bottom."""
        chosen = self.table.selectionModel().selection()
        ranges = [chosen.at(number) for number in range(chosen.count())]
        rows = [np.arange(each.top(), each.bottom() + 1) for each in ranges]
        return self.model.ids_of(np.unique(np.concatenate(rows))) if rows else []

    def select_listed(self) -> None:
        """Select every record that the filter leaves."""
        self._quiet = True
        self.table.selectAll()
        self._quiet = False

    def next_without_flag(self) -> str | None:
        """The next listed record behind the current one that has no flag, from the top again at the end."""
        at = None if self._chosen is None else self.model.row_of(self._chosen)
        row = self.model.next_without_flag(-1 if at is None else at)
        return None if row is None else self.model.record_id(row)

    def neighbour(self, step: int) -> str | None:
        """The record so many rows further down (or up, below 0) in the order shown; None past the ends.

        From a record that the filter hides, the nearest shown one in that direction.
        """
        rows = self.model.rowCount()
        if rows == 0 or step == 0:
            return None
        at = None if self._chosen is None else self.model.row_of(self._chosen)
        if at is not None:
            target = at + step
        else:
            index_row = None if self._chosen is None else self.model.index_row(self._chosen)
            sorted_by_column = self.table.horizontalHeader().sortIndicatorSection() >= 0
            gap = 0 if step > 0 else rows
            if index_row is not None and not sorted_by_column:
                gap = self.model.after(index_row)
            target = gap + step - 1 if step > 0 else gap + step
        return self.model.record_id(target) if 0 <= target < rows else None

    # --- filter and order -----------------------------------------------------------------------------

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Esc empties the filter; Down goes on to the table."""
        if watched is self.filter and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape and self.filter.text():
                self.filter.clear()
                self._arrange()
                return True
            if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Down):
                self.table.setFocus()
                return True
        return False

    def _enter_filtered(self) -> None:
        """Go on to the table, and to its first record where the filter hides the current one."""
        if (typed := _condition(self.filter.text())) is not None:
            self._put_condition(typed)
            return
        self._arrange()
        if not self.model.rowCount():
            return
        self.table.setFocus()
        if self._chosen is None or self.model.row_of(self._chosen) is None:
            self._enter(0)

    def show_only(self, ids: Sequence[str] | None) -> None:
        """Show these records alone, as far as the filter lets them; None shows all again."""
        self._only = None if ids is None else pa.array(ids, pa.string())
        self._arrange()

    def show_rows(self, rows: NDArray[np.int64] | None) -> None:
        """Show the records at these places of the index alone, as the facets leave them; None for all."""
        if rows is not None or self._rows is not None:
            self._rows = rows
            self._arrange()

    def clear_condition(self) -> None:
        """Take a condition out of the filter line; that it is let go is not told."""
        self._condition = ""
        if _condition(self.filter.text()) is not None:
            self.filter.clear()

    def _put_condition(self, sql: str) -> None:
        if sql != self._condition:
            self._condition = sql
            self.condition.emit(sql)

    _only: pa.Array | None = None
    _rows: NDArray[np.int64] | None = None

    def _arrange(self) -> None:
        """Filter and sort anew: at once, or in a thread where that takes a while."""
        self._typing.stop()
        self._asked += 1
        asked, needle = self._asked, self.filter.text().strip()
        if _condition(needle) is None:
            self._put_condition("")
        else:
            needle = ""
        head = self.table.horizontalHeader()
        column = head.sortIndicatorSection()
        key = self.model.sort_key(column) if column >= 0 else None
        descending = head.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder
        index, only, rows = self.model.index_table, self._only, self._rows
        if index.num_rows <= IN_PLACE:
            self._show_order(asked, arranged(index, needle, key, descending, only, rows))
            return

        def work() -> None:
            order = arranged(index, needle, key, descending, only, rows)
            if shiboken6.isValid(self):
                self._arranged.emit(asked, order)

        threading.Thread(target=work, name="inspector-filter", daemon=True).start()

    def _show_order(self, asked: int, order: NDArray[np.int64] | None) -> None:
        if asked != self._asked:
            return
        needle = self.filter.text().strip()
        if _condition(needle) is not None:
            self.table.empty_text = "The condition holds for no record"
        elif needle:
            self.table.empty_text = f"No record has “{needle}” in its name or columns"
        else:
            left = self._rows is not None
            self.table.empty_text = "The facets leave no record" if left else "The question led to no record"
        self._quiet = True
        self.model.set_order(order)
        self._quiet = False
        self._mark()
        self._count()

    def _count(self) -> None:
        shown, total = self.model.rowCount(), self.model.total
        note = "" if shown == total else f"{number_text(shown) if shown else 'none'} shown by filter"
        self.header.set_count(number_text(total) if total else "", note)

    # --- the current record ---------------------------------------------------------------------------

    def _mark(self) -> None:
        """Put the table's mark on the chosen record, where it is shown."""
        row = None if self._chosen is None else self.model.row_of(self._chosen)
        self._quiet = True
        if row is None:
            self.table.clearSelection()
            self.table.setCurrentIndex(QModelIndex())
        elif row != self.table.currentIndex().row() or not self.table.selectionModel().hasSelection():
            across = self.table.horizontalScrollBar().value()
            self.table.selectRow(row)
            self.table.scrollTo(self.model.index(row, RECORD))
            self.table.horizontalScrollBar().setValue(across)
        self._quiet = False

    def _current_changed(self, current: QModelIndex, _before: QModelIndex) -> None:
        if self._quiet or not current.isValid():
            return
        by_hand = QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        self._moving.start(0 if by_hand else KEY_MS)

    def _tell_choice(self) -> None:
        current = self.table.currentIndex()
        if current.isValid():
            self._choose(self.model.record_id(current.row()))

    def _enter(self, row: int) -> None:
        self._moving.stop()
        self._chosen = None
        self._choose(self.model.record_id(row))

    def _choose(self, record_id: str) -> None:
        if record_id != self._chosen:
            self._chosen = record_id
            self.record_chosen.emit(record_id)

    # --- painting -------------------------------------------------------------------------------------

    def _paint_filled(self) -> None:
        for record_id, row in visible_ids(self.model, self.table.shown_rows()).items():
            if record_id in self._unpainted:
                self.model.changed(row)
        self._unpainted.clear()

    def _size_columns(self) -> None:
        """Widths from the header and a few hundred rows spread over the table."""
        model, table = self.model, self.table
        head = table.horizontalHeader()
        own = model.columnCount() > FIRST_OWN
        head.setStretchLastSection(own)
        stretch = QHeaderView.ResizeMode.Interactive if own else QHeaderView.ResizeMode.Stretch
        head.setSectionResizeMode(RECORD, stretch)
        rows = range(0, model.rowCount(), max(1, model.rowCount() // 200))
        text = QFontMetrics(theme.text_font())
        mono = QFontMetrics(theme.mono_font())
        spare = 2 * PAD + theme.STEP
        table.setColumnWidth(STATE, theme.MARGIN + DOT)
        table.setColumnWidth(FLAG, MARK + 3 * theme.STEP)
        table.setColumnWidth(FOUND, chip_size("99").width() + theme.STEP)
        table.setColumnWidth(COVERAGE, max(strip_width(len(model.modalities)), 24) + 2 * PAD)
        table.setColumnWidth(DURATION, mono.horizontalAdvance("000.0") + spare)
        for column in [RECORD, *range(FIRST_OWN, model.columnCount())]:
            texts = [str(model.headerData(column, Qt.Orientation.Horizontal)) + "  "]
            texts += [str(model.index(row, column).data()) for row in rows]
            wide = max(map(text.horizontalAdvance, texts)) + spare
            limit = 220 if column == RECORD else 160
            table.setColumnWidth(column, min(max(wide, 40), limit))

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.table.viewport().update()
        super().changeEvent(event)

    def minimumSizeHint(self) -> QSize:
        """Narrow enough to fold, wide enough to read an id."""
        return QSize(160, 120)
