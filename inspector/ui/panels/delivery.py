"""The Delivery panel: what came anew, what becomes of what was decided, and the buttons that take it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from inspector.release.carry import KEPT, LOST, MOVED, STALE, place_words, tally
from inspector.release.compare import Kind
from inspector.release.intake import Fate
from inspector.ui import theme
from inspector.ui.panels.common import Panel, SectionHeader, Words, count_text
from inspector.ui.panels.told import Heading, Line, ToldList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.release.carry import Decision
    from inspector.release.intake import Delivery, RecordChange
    from inspector.ui.panels.common import ChipKind

_FATES = (Fate.REPLACED, Fate.RENAMED, Fate.ADDED, Fate.VANISHED, Fate.COPYING)
_KIND: dict[Kind, ChipKind] = {
    Kind.SAME: "neutral",
    Kind.BYTES: "neutral",
    Kind.TIMING: "suspect",
    Kind.CONTENT: "failed",
    Kind.UNKNOWN: "unmeasured",
    Kind.MISSING: "failed",
}
CHIP_WORDS = {
    Kind.SAME: "unchanged",
    Kind.BYTES: "bytes only",
    Kind.TIMING: "timing",
    Kind.CONTENT: "content",
    Kind.UNKNOWN: "not known",
    Kind.MISSING: "gone",
}
"""A kind in a word or two."""
_STATES: dict[str, tuple[str, ChipKind]] = {
    STALE: ("Stale: look again", "failed"),
    MOVED: ("Moved with their data", "suspect"),
    LOST: ("Nothing left of their data", "unmeasured"),
    KEPT: ("Kept as they are", "neutral"),
}
NOTHING = (
    "Nothing has changed since this data was last seen. After a new delivery this panel tells what is new, "
    "replaced, renamed or gone, and which of your decisions still hold."
)


def record_lines(changes: Sequence[RecordChange]) -> list[Line | Heading]:
    """Records that changed, under what became of them."""
    lines: list[Line | Heading] = []
    for fate in _FATES:
        some = [each for each in changes if each.fate is fate]
        if not some:
            continue
        lines.append(Heading(fate.value.capitalize(), len(some)))
        for each in some:
            replaced = fate is Fate.REPLACED and bool(each.streams)  # else nobody looked into it yet
            chip = CHIP_WORDS[each.kind] if replaced else ""
            kind: ChipKind = _KIND[each.kind] if replaced else "neutral"
            lines.append(Line(each.now or each.was, each.words or fate.value, chip, kind, each.now))
    return lines


def decision_lines(found: Sequence[Decision]) -> list[Line | Heading]:
    """Decisions on old data, under what becomes of them."""
    lines: list[Line | Heading] = []
    for state, (title, kind) in _STATES.items():
        some = [each for each in found if each.state == state]
        if not some:
            continue
        lines.append(Heading(title, len(some)))
        for each in some:
            held = each.held
            was = "" if each.now in ("", held.record_id) else f" (was {held.record_id})"
            words = f"{place_words(held.path)} by {held.author or 'somebody'}: {each.words}"
            lines.append(Line(f"{each.now or held.record_id}{was}", words, state, kind, each.now))
    return lines


class DeliveryPanel(Panel):
    """It shows and asks; what is done is the room's."""

    chosen = Signal(str)
    """A record is to be shown."""
    looked = Signal()
    """Look again."""
    carried = Signal(bool)
    """Take it in; also what moved."""
    dropped = Signal()
    """The stale and the lost decisions are to be told no more."""
    seen = Signal()
    """The delivery is as it should be: compare with it from now on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._delivery: Delivery | None = None
        self._decisions: Sequence[Decision] = ()
        self.header = SectionHeader("Delivery")
        self.told = Words(NOTHING, "quiet")
        self.which = QComboBox()
        self.which.setAccessibleName("What is listed")
        self.which.addItems(["Decisions", "Records"])
        self.list = ToldList("What the delivery changed")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(theme.STEP)
        self.again = QPushButton("Look again")
        self.again.setToolTip("Compare every file with what was last seen; replaced ones are read whole")
        self.carry = QPushButton("Keep")
        self.carry.setToolTip(
            "Make again what holds, as one edit; records with stale decisions are flagged needs_review"
        )
        self.rebase = QPushButton("Keep and move")
        self.rebase.setToolTip(
            "The same, and move along what lies at other times now; one edit that can be undone"
        )
        self.drop = QPushButton("Drop stale")
        self.drop.setToolTip(
            "Tell no more of decisions whose data changed or is gone; one edit that can be undone"
        )
        self.take = QPushButton("Take as seen")
        self.take.setToolTip("Change nothing, and compare the next delivery with this one")
        self._build()
        self.list.chosen.connect(self.chosen)
        self.which.activated.connect(lambda _: self._fill())
        self.again.clicked.connect(self.looked)
        self.carry.clicked.connect(lambda: self.carried.emit(False))
        self.rebase.clicked.connect(lambda: self.carried.emit(True))
        self.drop.clicked.connect(self.dropped)
        self.take.clicked.connect(self.seen)
        self.show_delivery(None, ())

    def _build(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 2 * theme.STEP)
        column.setSpacing(0)
        inner = QVBoxLayout()
        inner.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 2 * theme.STEP)
        inner.setSpacing(2 * theme.STEP)
        inner.addWidget(self.told)
        inner.addWidget(self.progress)
        inner.addWidget(self.which)
        column.addWidget(self.header)
        column.addLayout(inner)
        column.addWidget(self.list, 1)
        column.addStretch(0)
        foot = QGridLayout()
        foot.setContentsMargins(theme.MARGIN, 2 * theme.STEP, theme.MARGIN, 0)
        foot.setSpacing(2 * theme.STEP)
        for row, buttons in enumerate(((self.rebase, self.carry), (self.drop, self.take))):
            for place, button in enumerate(buttons):
                foot.addWidget(button, row, place)
        foot.addWidget(self.again, 2, 0, 1, 2)
        column.addLayout(foot)

    def show_progress(self, done: int, total: int) -> None:
        """So many records were gone through; `total` 0 ends it."""
        self.progress.setVisible(total > 0)
        self.progress.setMaximum(max(total, 1))
        self.progress.setValue(done)
        for each in (self.again, self.carry, self.rebase, self.drop, self.take):
            each.setEnabled(total == 0 and each.property("useful") is not False)

    def show_delivery(self, delivery: Delivery | None, found: Sequence[Decision], words: str = "") -> None:
        """Show what a delivery changed and what becomes of the decisions; None where nothing did."""
        self._delivery, self._decisions = delivery, found
        counts, what = tally(found), delivery.counts() if delivery is not None else {}
        changed = delivery is not None and bool(delivery.changes)
        if delivery is not None and (changed or delivery.copying or found):
            parts = [f"{n} {fate}" for fate, n in what.items() if n]
            said = f"Against {delivery.against}: {', '.join(parts)}."
            if found:
                said += f" {count_text(len(found), 'decision')} on old data."
            self.told.setText(words or said)
            self.told.set_tone("text")
        else:
            self.told.setText(words or NOTHING)
            self.told.set_tone("quiet")
        copying = delivery is not None and bool(delivery.copying)
        for button, useful in (
            (self.carry, counts[KEPT] > 0 or (changed and not copying)),
            (self.rebase, counts[KEPT] + counts[MOVED] > 0),
            (self.drop, counts[STALE] + counts[LOST] > 0),
            (self.take, changed and not copying),
        ):
            button.setProperty("useful", useful)
            button.setVisible(bool(changed or found))
        self.show_progress(0, 0)
        self._fill()

    def _fill(self) -> None:
        shown = bool(self._decisions), self._delivery is not None and bool(self._delivery.changes)
        self.which.setVisible(all(shown))
        records = not shown[0] or (all(shown) and self.which.currentIndex() == 1)
        changes = () if self._delivery is None else self._delivery.changes
        lines = record_lines(changes) if records else decision_lines(self._decisions)
        self.list.rows.set_lines(lines)
        self.list.setVisible(bool(lines))
        self.header.set_count("", "")
