"""The Labels panel: the chosen label in full, what hangs on it, and the tier in hand with its vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from inspector.core.annotate import RECHECK, dependants, label_target, reference_span
from inspector.core.tiers import progress
from inspector.core.times import clock_text, parse_clock
from inspector.core.transcripts import ADDED_FROM
from inspector.ui import theme
from inspector.ui.panels.common import (
    MODALITY_WORD,
    Panel,
    SectionHeader,
    Words,
    action_button,
    count_text,
    inset,
    scrolled,
)
from inspector.ui.panels.label_files import FilesPart
from inspector.ui.panels.lines_edit import line
from inspector.ui.panels.vocabulary import VocabularyPart
from inspector.ui.panels.word import WordPart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PySide6.QtGui import QAction

    from inspector.core.model import Annotation, Record
    from inspector.core.tiers import Tier

NOTHING = "No label is chosen. Click one on its lane, or drag on a lane to make one."
BUTTONS = (
    ("label_split", "Split"),
    ("label_merge", "Merge with next"),
    ("label_start", "Start here"),
    ("label_end", "End here"),
    ("label_delete", "Delete"),
)
MOST_LINES = 12


class LabelsPanel(Panel):
    """It shows and asks; the room does."""

    relabelled = Signal(str)
    moved = Signal(object, object)
    """The start and end in reference ns that were typed."""
    retiered = Signal(str)
    attribute_set = Signal(str, object)
    """The name of an attribute and its value, None to take it away."""
    confirmed = Signal()
    tier_chosen = Signal(str)
    tier_added = Signal(str)
    left = Signal()
    """The keys belong to the window again."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[Record, Annotation] | None = None
        self._filling = False
        self.head = SectionHeader("Label")
        self.text = line("Text of the label", "Enter keeps it, Esc does not")
        self.owner = QComboBox()
        self.owner.setAccessibleName("Tier of the label")
        self.owner.setToolTip("The tier that the chosen labels lie on; another moves them there")
        self.start = line("Start", "Such as 7.4 or 1:07.400; Enter moves the label")
        self.end = line("End", "Such as 7.4 or 1:07.400; Enter moves the label")
        for each in (self.start, self.end):
            each.setFont(theme.mono_font(13))
        self.facts = Words("", "quiet", 12)
        self.attribute = line(
            "Attribute = value", "Such as sure = 0.8; nothing behind the = takes it away. Enter"
        )
        self.again = Words("", "suspect", 12)
        self.holds = QPushButton("It holds")
        self.holds.setToolTip("What it hangs on was changed; this label is right all the same")
        self.hanging = Words("", "text", 12)
        self.tier = QComboBox()
        self.tier.setAccessibleName("Tier in hand")
        self.tier.setToolTip("Where labels are made; its vocabulary has the number keys")
        self.new_tier = line("New tier: its name", "A lane of yours for labels of one kind; Enter makes it")
        self.counts = Words("", "quiet", 12)
        self.vocabulary = VocabularyPart()
        self.word = WordPart(actions)
        self.files = FilesPart(actions)
        self._buttons = [action_button(actions[name], text) for name, text in BUTTONS]
        self._build()
        self.text.returnPressed.connect(self._typed_text)
        for each in (self.start, self.end):
            each.returnPressed.connect(self._typed_times)
        self.attribute.returnPressed.connect(self._typed_attribute)
        for each in (self.text, self.start, self.end, self.attribute):
            each.given_up.connect(self._give_up)
        self.holds.clicked.connect(lambda _=False: self.confirmed.emit())
        self.owner.textActivated.connect(self.retiered)
        self.tier.textActivated.connect(self.tier_chosen)
        self.new_tier.returnPressed.connect(self._typed_tier)
        self.new_tier.given_up.connect(self._give_up)

    def _build(self) -> None:
        inside = Panel()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, theme.MARGIN)
        column.setSpacing(0)
        column.addWidget(self.head)
        times = QHBoxLayout()
        times.setSpacing(theme.STEP)
        times.addWidget(self.start, 1)
        times.addWidget(self.end, 1)
        label = inset(self.text, self.owner, gap=1)
        label.addLayout(times)
        for each in (self.facts, self.attribute, self.again, self.holds, self.hanging):
            label.addWidget(each)
        column.addLayout(label)
        grid = QGridLayout()
        grid.setContentsMargins(theme.MARGIN, theme.STEP, theme.MARGIN, theme.STEP)
        grid.setSpacing(theme.STEP)
        for place, button in enumerate(self._buttons):
            grid.addWidget(button, place // 2, place % 2)
        column.addLayout(grid)
        column.addWidget(SectionHeader("Tier in hand"))
        column.addLayout(inset(self.tier, self.counts, self.vocabulary, self.new_tier, gap=1))
        column.addWidget(self.word)
        column.addWidget(self.files)
        column.addStretch(1)
        area = scrolled(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)

    # -- what the room calls -------------------------------------------------------------------------------

    def show_labels(
        self,
        record: Record | None,
        labels: Sequence[Annotation],
        tiers: Sequence[str],
        tier: Tier,
        declared: Mapping[str, Tier],
    ) -> None:
        """Show the chosen labels and the tier in hand."""
        self._filling = True
        one = labels[0] if labels else None
        self._shown = None if record is None or one is None else (record, one)
        self.head.set_count("" if not labels else count_text(len(labels), "chosen", "chosen"))
        for each in (self.text, self.owner, self.start, self.end, self.attribute):
            each.setEnabled(one is not None)
        self._fill_label(record, one, declared)
        for box, name in ((self.owner, "" if one is None else one.tier), (self.tier, tier.name)):
            box.clear()
            box.addItems(list(dict.fromkeys([*tiers, *([name] if name else [])])))
            box.setCurrentText(name)
        self._fill_tier(record, tier, declared)
        self.vocabulary.show_tier(tier, tier.name in declared, record)
        self._filling = False

    def focus_text(self) -> None:
        """Give the label's text the keys."""
        self.text.setFocus()
        self.text.selectAll()

    def _fill_label(
        self, record: Record | None, label: Annotation | None, declared: Mapping[str, Tier]
    ) -> None:
        span = None
        if record is not None and label is not None:
            spans = (reference_span(record, anchor) for anchor in label.anchors)
            span = next((each for each in spans if each is not None), None)
        texts = ("" if label is None else label.label, *(_clock(span, at) for at in (0, 1)))
        for each, text in zip((self.text, self.start, self.end), texts, strict=True):
            if each.text() != text:
                each.setText(text)
        if record is None or label is None:
            self.facts.setText(NOTHING)
            for part in (self.again, self.holds, self.hanging):
                part.hide()
            return
        lines = [f"by {label.author or 'no named author'}"]
        lines += [_anchor_words(record, label, at) for at in range(len(label.anchors))][:MOST_LINES]
        tier = declared.get(label.tier)
        if tier is not None and (lacking := tier.missing(record, label)):
            lines.append(f"incomplete: not anchored in {', '.join(MODALITY_WORD[each] for each in lacking)}")
        lines += [f"{key}: {value}" for key, value in label.attrs.items() if key != RECHECK][:MOST_LINES]
        self.facts.setText("\n".join(lines))
        why = label.attrs.get(RECHECK)
        self.again.setText(f"To be checked again: {why}")
        for part in (self.again, self.holds):
            part.setVisible(why is not None)
        hung = dependants(record, label_target(label.id))
        self.hanging.setText(
            "\n".join(f"{each.label or each.tier} hangs on it" for each in hung[:MOST_LINES])
        )
        self.hanging.setVisible(bool(hung))

    def _fill_tier(self, record: Record | None, tier: Tier, declared: Mapping[str, Tier]) -> None:
        if record is None or not tier.name:
            self.counts.setText("No tier yet: name one below")
            return
        counted = progress(record, (each for each in record.annotations if each.tier == tier.name), declared)
        parts = [f"{count_text(counted.labels, 'label')}, {counted.done} done"]
        parts += [f"{counted.incomplete} incomplete"] if counted.incomplete else []
        parts += [f"{counted.again} to be checked again"] if counted.again else []
        self.counts.setText(" · ".join(parts))

    # -- what was typed ------------------------------------------------------------------------------------

    def _typed_text(self) -> None:
        if self._shown is not None and self.text.text() != self._shown[1].label:
            self.relabelled.emit(self.text.text().strip())
        self.left.emit()

    def _typed_attribute(self) -> None:
        name, mark, value = (part.strip() for part in self.attribute.text().partition("="))
        self.attribute.clear()
        if name and mark and name != RECHECK:
            self.attribute_set.emit(name, _plain(value) if value else None)
        self.left.emit()

    def _typed_tier(self) -> None:
        name = self.new_tier.text().strip()
        self.new_tier.clear()
        if name:
            self.tier_added.emit(name)
        self.left.emit()

    def _typed_times(self) -> None:
        start, end = (parse_clock(each.text()) for each in (self.start, self.end))
        if start is None or end is None or end < start:
            self._give_up()
            return
        self.moved.emit(start, end)
        self.left.emit()

    def _give_up(self) -> None:
        if self._shown is not None:
            record, label = self._shown
            self._fill_label(record, label, {})
        self.attribute.clear()
        self.left.emit()


def _clock(span: tuple[int, int] | None, at: int) -> str:
    return "" if span is None else clock_text(span[at])


def _anchor_words(record: Record, label: Annotation, at: int) -> str:
    anchor = label.anchors[at]
    where = anchor.stream_id or "the record"
    span = reference_span(record, anchor)
    when = "" if span is None else f" {clock_text(span[0])}–{clock_text(span[1])}"
    named = f", {_target_words(record, anchor.target)}" if anchor.target else ""
    box = ", a box" if anchor.region else ""
    text = f", signs {anchor.text_range[0]} to {anchor.text_range[1]}" if anchor.text_range else ""
    return f"on {where}{when}{box}{text}{named}"


def _plain(value: str) -> int | float | str:
    """What was typed, as a number where it is one."""
    for kind in (int, float):
        try:
            number = kind(value)
        except ValueError:
            continue
        if number - number == 0:  # no NaN and no infinity: JSON has neither
            return number
    return value


def _target_words(record: Record, target: str) -> str:
    """What an anchor names, to a person: a label by what it says, a word by its place."""
    kind, _, name = target.partition(":")
    if kind == "label":
        label = next((each for each in record.annotations if each.id == name), None)
        return f"the label “{label.label or label.tier}”" if label is not None else "a label that is gone"
    cue, _, word = name.partition(".")
    line = f"line {int(cue) + 1}" if int(cue) < ADDED_FROM else "an added line"
    return f"word {int(word) + 1} of {line}" if word.isdecimal() else line
