"""Facets: what is in every column of the records, and the filters that are picked there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from inspector.query.facets import SELECTION, WHERE, Coverage, Kind, Pick, condition
from inspector.ui import theme
from inspector.ui.panels.common import ElidedLabel, IconButton, Panel, SectionHeader, count_text, number_text
from inspector.ui.panels.facet_coverage import CoverageFacet
from inspector.ui.panels.facet_tools import SampleForm, SelectionLine
from inspector.ui.panels.facet_view import FacetView

if TYPE_CHECKING:
    from inspector.query.explore import Shown

LAST = (Kind.NAMES, Kind.EMPTY)
"""Kinds with nothing to pick stand at the end."""


class FacetsPanel(Panel):
    """Header, selections and sample, a line on what is picked, then a facet a column."""

    picked = Signal(object, object)
    """A facet's key and what is picked in it."""
    asked = Signal(object)
    """A facet's key, which is to be turned into SQL; None for all that is picked."""
    cleared = Signal()
    read_all = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.header = SectionHeader("Facets")
        self.selections = SelectionLine()
        self.sample = SampleForm()
        self.sample.hide()
        self.selections.sampled.connect(self.sample.toggle)
        self.state = ElidedLabel("", "quiet")
        self.state.setFont(theme.text_font(12))
        self.clear_button = IconButton("close", "Let every filter go", self.cleared.emit)
        self.sql_button = IconButton("database", "Open all filters as a question in SQL", self._ask_all)
        self.coverage = CoverageFacet()
        self.coverage.picked.connect(self.picked)
        self.coverage.asked.connect(lambda: self.asked.emit(Coverage("")))
        self.coverage.read_all.connect(self.read_all)
        self.views: dict[str, FacetView] = {}
        inside = Panel()
        self._list = QVBoxLayout(inside)
        self._list.setContentsMargins(0, 0, 0, 2 * theme.STEP)
        self._list.setSpacing(theme.STEP)
        self._list.addWidget(self.coverage)
        self._list.addStretch(1)
        self.area = QScrollArea()
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(inside)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        line = QHBoxLayout()
        line.setContentsMargins(theme.MARGIN, 0, theme.STEP, theme.STEP)
        line.setSpacing(0)
        line.addWidget(self.state, 1)
        line.addWidget(self.sql_button)
        line.addWidget(self.clear_button)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.header)
        box.addWidget(self.selections)
        box.addWidget(self.sample)
        box.addLayout(line)
        box.addWidget(self.area, 1)
        self.forget("No dataset is open")

    def _ask_all(self) -> None:
        self.asked.emit(None)

    def forget(self, words: str) -> None:
        """Show no facet, and these words."""
        for view in self.views.values():
            self._list.removeWidget(view)
            view.deleteLater()
        self.views.clear()
        self.coverage.hide()
        self.header.set_count("")
        self.say(words)
        self._enable(False)

    def say(self, words: str) -> None:
        """What is being done, or what was picked."""
        self.state.setText(words)

    def _enable(self, on: bool) -> None:
        self.clear_button.setEnabled(on)
        self.sql_button.setEnabled(on)

    def show_facets(self, shown: Shown) -> None:
        """Show what came back: the facets of a column each, those with nothing to pick at the end."""
        names = [key for key in shown.facets if isinstance(key, str)]
        facets = {name: shown.facets[name] for name in names}
        picked = shown.picked
        for name in sorted(names, key=lambda each: facets[each].kind in LAST):
            if name not in self.views:
                view = self.views[name] = FacetView(facets[name])
                view.picked.connect(lambda pick, key=name: self.picked.emit(key, pick))
                view.asked.connect(lambda key=name: self.asked.emit(key))
                self._list.insertWidget(self._list.count() - 1, view)
            pick = picked.get(name, Pick())
            sql = condition(name, pick, facets) if pick else ""
            self.views[name].set_counts(facets[name], shown.counts[name], shown.everything[name], pick, sql)
        if shown.complete:
            for name in sorted(names, key=lambda each: facets[each].kind in LAST):
                self._list.removeWidget(self.views[name])
                self._list.insertWidget(self._list.count() - 1, self.views[name])
        mine = ((key, pick) for key, pick in picked.items() if isinstance(key, Coverage))
        rows = {key: condition(key, pick, facets) for key, pick in mine}
        self.coverage.set_shown(shown, rows)
        self.coverage.show()
        self.sample.set_facets(facets)
        chosen = picked.get(SELECTION)
        self.selections.show_chosen(str(chosen.values[0]) if chosen is not None else None)
        self._tell(shown)

    def _tell(self, shown: Shown) -> None:
        self._enable(bool(shown.picked))
        self.header.set_count(count_text(len(shown.picked), "filter") if shown.picked else "")
        if not shown.complete:
            return
        if not shown.picked:
            self.say("Click or drag to pick")
            return
        left = len(shown.rows) if shown.rows is not None else shown.records
        typed = shown.picked.get(WHERE)
        words = f"{number_text(left)} of {number_text(shown.records)} left"
        self.say(f"{words} · {typed.sql.strip()}" if typed is not None else words)

    def minimumSizeHint(self) -> QSize:
        """Narrow enough to fold, high enough for a facet."""
        return QSize(160, 160)
