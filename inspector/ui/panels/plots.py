"""Plots of the dataset: a column's distribution, two against each other, the coverage matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QStackedWidget, QVBoxLayout, QWidget

from inspector.query.plots import PLOTTED
from inspector.ui import theme
from inspector.ui.panels.common import Panel, SectionHeader, Words, number_text
from inspector.ui.panels.plot_matrix import MatrixView
from inspector.ui.panels.plot_view import PlotView

if TYPE_CHECKING:
    from inspector.query.explore import Shown
    from inspector.query.plots import Plot

TALLEST = 420
"""px; a plot much higher than the panel is wide would be all height."""
MATRIX = "coverage matrix"
ALONE = "how many"


class PlotsPanel(Panel):
    """Two columns to choose, and the picture of the records that the facets leave."""

    wanted = Signal(object)
    """(x, y or None) to be plotted; None where the matrix is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.header = SectionHeader("Plots")
        self.across, self.upwards = QComboBox(), QComboBox()
        for box, name in ((self.across, "Across"), (self.upwards, "Upwards")):
            box.setAccessibleName(name)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
            box.activated.connect(self.ask)
        self.across.setToolTip("The column that is drawn across, or the coverage matrix")
        self.upwards.setToolTip("The column that is drawn upwards, or how many records there are")
        self.view = PlotView()
        self.matrix = MatrixView()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.view)
        self.stack.addWidget(self.matrix)
        self.caption = Words("", "quiet", 12)
        form = QFormLayout()
        form.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 2 * theme.STEP)
        form.setSpacing(2 * theme.STEP)
        form.addRow(Words("across", "quiet", 12), self.across)
        form.addRow(Words("upwards", "quiet", 12), self.upwards)
        below = QVBoxLayout()
        below.setContentsMargins(theme.MARGIN, theme.STEP, theme.MARGIN, 2 * theme.STEP)
        below.addWidget(self.caption)
        box_ = QVBoxLayout(self)
        box_.setContentsMargins(0, 0, 0, 0)
        box_.setSpacing(0)
        box_.addWidget(self.header)
        box_.addLayout(form)
        self.stack.setMaximumHeight(TALLEST)
        box_.addWidget(self.stack, 1)
        box_.addLayout(below)
        box_.addStretch()

    def forget(self, words: str = "Open a dataset to plot its columns") -> None:
        """Show nothing, and why."""
        self.across.clear()
        self.upwards.clear()
        self.view.show_plot(None, {}, words)
        self.matrix.set_shown(None)
        self.caption.setText("")

    def set_shown(self, shown: Shown) -> None:
        """Offer the columns that can be plotted; the matrix follows at once."""
        facets = [f for key, f in shown.facets.items() if isinstance(key, str) and f.kind in PLOTTED]
        names = [facet.column for facet in facets]
        if [self.across.itemText(n) for n in range(1, self.across.count())] != names:
            before = self.across.currentText(), self.upwards.currentText()
            self.across.clear()
            self.upwards.clear()
            self.across.addItems([MATRIX, *names])
            self.upwards.addItems([ALONE, *names])
            first = next((n for n, facet in enumerate(facets) if facet.bins is not None), 0)
            at = self.across.findText(before[0])
            self.across.setCurrentIndex(at if at >= 0 and before[0] else min(first + 1, len(names)))
            self.upwards.setCurrentIndex(max(self.upwards.findText(before[1]), 0))
            self.ask()
        self.matrix.set_shown(shown)
        self._say(None)

    def ask(self) -> None:
        """Ask for what is chosen."""
        matrix = self.across.currentIndex() <= 0
        self.stack.setCurrentWidget(self.matrix if matrix else self.view)
        self.upwards.setEnabled(not matrix)
        y = None if self.upwards.currentIndex() <= 0 else self.upwards.currentText()
        self.wanted.emit(None if matrix else (self.across.currentText(), y))

    def show_plot(self, plot: Plot | None, shown: Shown) -> None:
        """Show what came back."""
        words = "" if plot is not None else "These columns have nothing to draw"
        self.view.show_plot(plot, dict(shown.picked), words)
        self._say(plot)

    def _say(self, plot: Plot | None) -> None:
        if self.stack.currentWidget() is self.matrix:
            self.caption.setText(
                "Records by modality and state, as the facets leave them. Click a cell to pick it."
            )
        elif plot is not None:
            parts = [f"{number_text(plot.records)} records"]
            if plot.y is not None and plot.points is None:
                most = number_text(int(plot.cells.max()))
                parts.append(f"each counted in a cell, up to {most} (logarithmic shade)")
            elif plot.points is not None:
                parts.append("a point each; click one to go to it")
            if plot.outside:
                parts.append(f"{number_text(plot.outside)} without a value here")
            self.caption.setText(", ".join(parts))
