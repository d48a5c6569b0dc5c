"""The lines above the facets: saved selections, a sample to draw, a name to give."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from inspector.query.facets import Facet, Kind
from inspector.query.sample import Draw
from inspector.ui import theme
from inspector.ui.panels.common import IconButton, Words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.core.selections import Selection

EVERY = "All records"
NO_STRATA = "no column"
USUAL = 60
MOST = 1_000_000


def new_seed() -> int:
    """One that nobody chose."""
    return secrets.randbelow(10_000)


class SampleForm(QWidget):
    """How many, of each of what, by which seed; Enter draws."""

    drawn = Signal(object)
    """A Draw."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._facets: dict[str, Facet] = {}
        self.count = QSpinBox()
        self.count.setRange(1, MOST)
        self.count.setValue(USUAL)
        self.count.setSuffix(" records")
        self.count.setAccessibleName("How many records")
        self.count.setToolTip("How many records are drawn among those that the filters leave")
        self.by = QComboBox()
        self.by.setAccessibleName("Stratified by")
        self.by.setToolTip("Stratified: each value of this column gets its share of the sample")
        self.by.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.by.setMinimumContentsLength(8)
        self.even = QCheckBox("as many of each")
        self.even.setToolTip("The same number of every value, in place of its share")
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setValue(new_seed())
        self.seed.setPrefix("seed ")
        self.seed.setAccessibleName("Seed")
        self.seed.setToolTip("The same seed draws the same records again, on any machine")
        self.button = QPushButton("Draw")
        self.button.setProperty("primary", True)
        self.button.setToolTip("Draw the sample, keep it by its name and show it (Enter)")
        self.button.clicked.connect(self._draw)
        first, second, third = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.count, 1)
        first.addWidget(self.seed, 1)
        second.addWidget(Words("by", "quiet", 12))
        second.addWidget(self.by, 1)
        third.addWidget(self.even, 1)
        third.addWidget(self.button)
        box = QVBoxLayout(self)
        box.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 2 * theme.STEP)
        box.setSpacing(2 * theme.STEP)
        for row in (first, second, third):
            row.setSpacing(2 * theme.STEP)
            box.addLayout(row)
        self.set_facets({})

    def set_facets(self, facets: Mapping[str, Facet]) -> None:
        """Offer these columns; one that is chosen stays so."""
        kinds = (Kind.NUMBER, Kind.TIME, Kind.VALUES, Kind.LISTS)
        found = {name: each for name, each in facets.items() if each.kind in kinds}
        if list(found) != list(self._facets) or not self.by.count():
            chosen = self.by.currentText()
            self.by.clear()
            self.by.addItems([NO_STRATA, *found])
            self.by.setCurrentIndex(max(self.by.findText(chosen), 0))
        self._facets = found

    def toggle(self) -> None:
        """Open or close."""
        if self.isVisible():
            self.hide()
        else:
            self.begin()

    def begin(self) -> None:
        """Go to it, with a seed that was not used yet."""
        self.seed.setValue(new_seed())
        self.show()
        self.count.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.count.selectAll()

    def draw(self) -> Draw:
        """What would be drawn."""
        by = self._facets.get(self.by.currentText()) if self.by.currentIndex() > 0 else None
        return Draw(self.count.value(), self.seed.value(), by, self.even.isChecked() and by is not None)

    def _draw(self) -> None:
        self.drawn.emit(self.draw())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter draws, Esc closes."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._draw()
        elif event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)


class SelectionLine(QWidget):
    """The saved selections as a list to choose from, with buttons to keep what is shown and to let one go."""

    chosen = Signal(object)
    """A name, or None for all records."""
    kept = Signal(str)
    removed = Signal(str)
    sampled = Signal()
    """A sample is to be drawn."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = QComboBox()
        self.list.setAccessibleName("Saved selections")
        self.list.setToolTip("Look at a saved selection alone")
        self.list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.list.setMinimumContentsLength(6)
        self.list.activated.connect(self._chosen)
        self.keep = IconButton("bookmark", "Keep the records that are left as a selection", self._begin)
        self.sample = IconButton("sample", "Draw a random sample of them (Ctrl+Shift+R)", self.sampled.emit)
        self.remove = IconButton("close", "Put this selection aside", self._remove)
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name; Enter keeps it")
        self.name.setAccessibleName("Name of the selection")
        self.name.setMaxLength(80)
        self.name.returnPressed.connect(self._named)
        self.name.installEventFilter(self)
        self.name.hide()
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.list, 1)
        row.addSpacing(theme.STEP)
        for button in (self.remove, self.keep, self.sample):
            row.addWidget(button)
        box = QVBoxLayout(self)
        box.setContentsMargins(theme.MARGIN, 0, theme.STEP, 2 * theme.STEP)
        box.setSpacing(theme.STEP)
        box.addLayout(row)
        box.addWidget(self.name)
        self.set_selections([], None)

    def set_selections(self, selections: Sequence[Selection], chosen: str | None) -> None:
        """Offer these; the chosen one is in the line."""
        self.list.clear()
        self.list.addItem(EVERY)
        for each in selections:
            self.list.addItem(each.name, each.name)
            self.list.setItemData(self.list.count() - 1, theme.tip(each.said()), Qt.ItemDataRole.ToolTipRole)
        self.show_chosen(chosen)

    def show_chosen(self, chosen: str | None) -> None:
        """Put this one into the line."""
        self.list.setCurrentIndex(max(self.list.findData(chosen), 0) if chosen else 0)
        self.remove.setEnabled(self.list.currentIndex() > 0)

    def _chosen(self, place: int) -> None:
        self.remove.setEnabled(place > 0)
        self.chosen.emit(self.list.itemData(place))

    def _begin(self) -> None:
        self.name.setVisible(not self.name.isVisible())
        self.name.setFocus()

    def _named(self) -> None:
        if name := self.name.text().strip():
            self.name.clear()
            self.name.hide()
            self.kept.emit(name)

    def _remove(self) -> None:
        if name := self.list.currentData():
            self.removed.emit(name)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Esc gives the name up."""
        pressed = event.key() if isinstance(event, QKeyEvent) else None
        if watched is not self.name or event.type() != QEvent.Type.KeyPress or pressed != Qt.Key.Key_Escape:
            return False
        self.name.clear()
        self.name.hide()
        return True
