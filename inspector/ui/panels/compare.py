"""The Releases panel: two releases, what changed between them, and the page for who trains on them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from inspector.release.diff_said import NAMES
from inspector.ui import theme
from inspector.ui.panels.common import IconButton, Panel, SectionHeader, Words
from inspector.ui.panels.told import Heading, Line, ToldList

if TYPE_CHECKING:
    from inspector.release.diff import Diff
    from inspector.ui.panels.common import ChipKind

EMPTY = (
    "Name two releases. What changed from the first to the second is told by record, modality and kind: "
    "bytes only, timing, content, labels."
)
_CHIPS: dict[str, ChipKind] = {
    "bytes": "neutral",
    "timing": "suspect",
    "content": "failed",
    "unknown": "unmeasured",
    "removed": "failed",
    "added": "good",
}
_SHORT = {"timing": "timing", "content": "content", "unknown": "not known"}
_ORDER = (
    "content",
    "removed",
    "unknown",
    "timing",
    "added",
    "labels",
    "split",
    "metadata",
    "renamed",
    "bytes",
)


def diff_lines(found: Diff) -> list[Line | Heading]:
    """What changed, the records that are gone first, then those that changed by their gravest kind."""
    lines: list[Line | Heading] = []
    if found.removed:
        lines.append(Heading("Gone", len(found.removed)))
        lines += [Line(each, why, "gone", "failed", each) for each, why in found.removed]
    by_kind: dict[str, list[Line]] = {}
    for each in found.changed:
        kind = min(each.kinds, key=_ORDER.index)
        line = Line(
            each.record_id,
            each.words,
            _SHORT.get(kind, NAMES[kind]),
            _CHIPS.get(kind, "neutral"),
            each.record_id,
        )
        by_kind.setdefault(kind, []).append(line)
    for kind in _ORDER:
        if kind in by_kind:
            lines.append(Heading(f"Changed: {NAMES[kind]}", len(by_kind[kind])))
            lines += by_kind[kind]
    if found.added:
        lines.append(Heading("New", len(found.added)))
        lines += [Line(each, "it is new", "new", "neutral", each) for each in found.added]
    return lines


def summary(found: Diff) -> str:
    """In a few lines."""
    a, b = found.a, found.b
    if found.same:
        return f"{a.name} and {b.name} hold the same."
    told = [
        f"{a.name} → {b.name}",
        f"records {a.records} → {b.records}, {a.hours:.2f} → {b.hours:.2f} h, "
        f"labels {a.labels.total()} → {b.labels.total()}",
    ]
    for device, (count, middle, _, _) in found.by_device().items():
        by = f"{middle:+,.1f}".replace("-", "−")
        told.append(f"timing of {device}: {count} streams by {by} ms")
    for (was, now), ids in found.moves().items():
        told.append(f"{len(ids)} moved from {was or 'no split'} to {now or 'no split'}")
    return "\n".join(told)


class ComparePanel(Panel):
    """It shows and asks; what is done is the room's."""

    asked = Signal(str, str)
    """Two releases are to be compared."""
    browsed = Signal(int)
    """A folder is to be chosen for the first (0) or the second (1)."""
    chosen = Signal(str)
    """A record is to be shown."""
    saved = Signal()
    """The page is to be written."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.found: Diff | None = None
        self.places = (QLineEdit(), QLineEdit())
        self.told = Words(EMPTY, "quiet")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(theme.STEP)
        self.progress.setMaximum(0)
        self.list = ToldList("What changed between the releases")
        self.go = QPushButton("Compare")
        self.page = QPushButton("Save as a page…")
        self.page.setToolTip("One HTML file for the people who train on it")
        self._build()
        self.go.clicked.connect(self._ask)
        self.page.clicked.connect(self.saved)
        self.list.chosen.connect(self.chosen)
        self.show_busy(False)
        self._show()

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 2 * theme.STEP)
        column.setSpacing(0)
        grid = QGridLayout()
        grid.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 2 * theme.STEP)
        grid.setSpacing(2 * theme.STEP)
        for row, (field, name) in enumerate(zip(self.places, ("Before", "After"), strict=True)):
            field.setPlaceholderText(f"{name}: the folder of a release")
            field.setAccessibleName(name)
            field.returnPressed.connect(self._ask)
            grid.addWidget(field, row, 0)
            grid.addWidget(IconButton("folder", "Choose a folder", partial(self.browsed.emit, row)), row, 1)
        grid.addWidget(self.go, 2, 0, 1, 2)
        grid.addWidget(self.told, 3, 0, 1, 2)
        grid.addWidget(self.progress, 4, 0, 1, 2)
        column.addWidget(SectionHeader("Two releases"))
        column.addLayout(grid)
        column.addWidget(self.list, 1)
        column.addStretch(0)
        foot = QHBoxLayout()
        foot.setContentsMargins(theme.MARGIN, 2 * theme.STEP, theme.MARGIN, 0)
        foot.addWidget(self.page)
        column.addLayout(foot)

    def set_place(self, which: int, folder: str) -> None:
        """Put a folder into the first (0) or the second (1) field."""
        self.places[which].setText(folder)

    def _ask(self) -> None:
        first, second = (each.text().strip() for each in self.places)
        if first and second:
            self.asked.emit(first, second)
        else:
            self.show_error("Name two releases")

    def show_busy(self, busy: bool) -> None:
        """Whether they are being compared."""
        self.progress.setVisible(busy)
        self.go.setEnabled(not busy)

    def show_diff(self, found: Diff) -> None:
        """What changed."""
        self.found = found
        self.told.setText(summary(found))
        self.told.set_tone("text")
        self._show()

    def show_error(self, words: str) -> None:
        """Why they could not be compared."""
        self.found = None
        self.told.setText(words)
        self.told.set_tone("failed")
        self._show()

    def _show(self) -> None:
        self.show_busy(False)
        self.list.rows.set_lines([] if self.found is None else diff_lines(self.found))
        self.list.setVisible(self.found is not None and not self.found.same)
        self.page.setVisible(self.found is not None)
