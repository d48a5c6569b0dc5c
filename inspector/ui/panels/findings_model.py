"""The worklist: findings by check, the worst first, as lines that are read where they are painted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from inspector.core.findings import Finding, Status
from inspector.ui import theme
from inspector.ui.panels.common import SMALL, number_text, paint_elided

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from PySide6.QtGui import QColor

    from inspector.core.model import Span

CARD = 11 * theme.STEP
HEAD = 7 * theme.STEP
DOT = 8
STATUS_WORD = {
    Status.FAILED: "failed",
    Status.SUSPECT: "suspect",
    Status.NOT_MEASURABLE: "not measurable",
    Status.OK: "ok",
}
ROUNDING = {"ms": 0.05, "ppm": 0.05}
"""What is less is nought but for rounding, by unit; shares and seconds are shown as they are."""
ORDER = {status: place for place, status in enumerate(STATUS_WORD)}

AnyIndex = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Item:
    """A finding in the list. `dismissed` is the reason where somebody did; `before` a fix."""

    finding: Finding
    dismissed: str | None = None
    before: Finding | None = None
    place: tuple[str, Span | None] = field(init=False, compare=False, repr=False)
    """What tells it from every other: a check may find several spans in one stream."""

    def __post_init__(self) -> None:
        """Work the key out once: a list asks for it often."""
        object.__setattr__(self, "place", (self.finding.key, self.finding.span))


@dataclass(frozen=True, slots=True)
class Head:
    """The line above a check's findings."""

    check: str
    title: str
    count: int


def status_color(status: Status) -> QColor:
    """Good, to be looked at, bad, or not known."""
    t = theme.current()
    return {
        Status.OK: t.good,
        Status.SUSPECT: t.suspect,
        Status.FAILED: t.failed,
        Status.NOT_MEASURABLE: t.unmeasured,
    }[status]


def weight(finding: Finding) -> float:
    """How far up in the worklist: severity times confidence, where an exact check is as sure as can be."""
    return finding.severity * (1.0 if finding.confidence is None else finding.confidence)


def figure_text(finding: Finding, before: Finding | None = None) -> str:
    """The figure with its unit, after that before a fix where there was one: `+320 → +2 ms`."""
    if finding.value is None:
        return ""
    text = _signed(finding.value, finding.unit)
    if before is not None and before.value is not None:
        text = f"{_signed(before.value, finding.unit)} → {text}"
    return f"{text} {finding.unit}".strip().replace("-", "−")


def _signed(value: float, unit: str) -> str:
    """Four figures with a sign; what is nought but for rounding is nought."""
    return f"{value:+.4g}" if abs(value) >= ROUNDING.get(unit, 0.0) and value else "0"


def second_line(item: Item) -> str:
    """Where it is, and in words what was found."""
    finding = item.finding
    told = f"dismissed: {item.dismissed}" if item.dismissed else finding.message
    parts = [", ".join(finding.streams), told]
    return " · ".join(part for part in parts if part)


def arranged(
    items: Sequence[Item], shown: Collection[Status], dismissed: bool, needle: str, titles: Mapping[str, str]
) -> list[Item | Head]:
    """The lines of the list: groups by the worst of each, and in them by status and weight."""
    low = needle.strip().casefold()
    groups: dict[str, list[Item]] = {}
    for item in items:
        finding = item.finding
        if (finding.status not in shown and item.before is None) or (item.dismissed and not dismissed):
            continue
        words = " ".join((finding.check, finding.record_id or "", second_line(item)))
        if low and low not in words.casefold():
            continue
        groups.setdefault(finding.check, []).append(item)

    def place(item: Item) -> tuple[int, float, str]:
        return ORDER[item.finding.status], -weight(item.finding), item.finding.record_id or ""

    for group in groups.values():
        group.sort(key=place)
    lines: list[Item | Head] = []
    for check, group in sorted(groups.items(), key=lambda each: (place(each[1][0]), each[0])):
        lines.append(Head(check, titles.get(check, check), len(group)))
        lines += group
    return lines


class FindingsModel(QAbstractListModel):
    """Heads and findings."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Item | Head] = []

    def set_lines(self, lines: list[Item | Head]) -> None:
        """Show other lines."""
        if lines == self.lines:
            return
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def item(self, row: int) -> Item | None:
        """The finding of a line, None for a head or no line."""
        line = self.lines[row] if 0 <= row < len(self.lines) else None
        return line if isinstance(line, Item) else None

    def row_of(self, key: str, span: Span | None = None) -> int:
        """The line of a finding by its key, of several the one with that span; −1 where none is shown."""
        found = -1
        for row, line in enumerate(self.lines):
            if isinstance(line, Item) and line.place[0] == key:
                if line.place[1] == span:
                    return row
                found = row if found < 0 else found
        return found

    def rowCount(self, parent: AnyIndex | None = None) -> int:
        """How many lines there are."""
        return 0 if parent is not None and parent.isValid() else len(self.lines)

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        """Heads are not chosen."""
        if self.item(index.row()) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The line in words."""
        if not index.isValid():
            return None
        line = self.lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return line.title if isinstance(line, Head) else line.finding.record_id or "dataset"
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            if isinstance(line, Head):
                return theme.tip(f"{line.check}: {line.title}, {line.count}")
            finding = line.finding
            top = f"{STATUS_WORD[finding.status]}: {finding.record_id or 'dataset'} {figure_text(finding)}"
            return theme.tip(f"{top}\n{second_line(line)}")
        return None


class FindingsDelegate(QStyledItemDelegate):
    """A head in capitals; two lines a finding, with a dot that tells its status by shape and colour."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """Heads are lower."""
        model = index.model()
        assert isinstance(model, FindingsModel)
        return QSize(0, HEAD if isinstance(model.lines[index.row()], Head) else CARD)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """One line."""
        model = index.model()
        assert isinstance(model, FindingsModel)
        line = model.lines[index.row()]
        if isinstance(line, Head):
            self._head(painter, option.rect, line)
            return
        ground = QStyle.PrimitiveElement.PE_PanelItemViewItem
        option.widget.style().drawPrimitive(ground, option, painter, option.widget)
        t, finding = theme.current(), line.finding
        area = option.rect.adjusted(theme.MARGIN, theme.STEP, -theme.MARGIN, -theme.STEP)
        paint_status(painter, QRect(area.left(), area.top() + 5, DOT, DOT), finding.status)
        inner = area.adjusted(DOT + 2 * theme.STEP, 0, 0, 0)
        upper = inner.adjusted(0, 0, 0, -inner.height() // 2)
        lower = inner.adjusted(0, inner.height() // 2, 0, 0)
        quiet = line.dismissed is not None
        figure = figure_text(finding, line.before)
        right = Qt.AlignmentFlag.AlignRight
        color = t.faint if quiet else t.text
        taken = paint_elided(painter, upper, figure, theme.mono_font(SMALL), color, right)
        name = upper.adjusted(0, 0, -(taken + theme.STEP if taken else 0), 0)
        wide = paint_elided(painter, name, finding.record_id or "dataset", theme.text_font(), color)
        if quiet:
            y = name.center().y() + 1
            painter.drawLine(name.left(), y, name.left() + min(wide, name.width()), y)
        told = second_line(line)
        if finding.fix is not None and not quiet:
            mark = paint_elided(painter, lower, "fix", theme.text_font(SMALL), t.accent, right)
            lower = lower.adjusted(0, 0, -(mark + theme.STEP), 0)
        paint_elided(painter, lower, told, theme.text_font(SMALL), t.quiet)

    @staticmethod
    def _head(painter: QPainter, rect: QRect, head: Head) -> None:
        t = theme.current()
        area = rect.adjusted(theme.MARGIN, theme.STEP, -theme.MARGIN, 0)
        right = Qt.AlignmentFlag.AlignRight
        taken = paint_elided(painter, area, number_text(head.count), theme.mono_font(SMALL), t.quiet, right)
        room = area.adjusted(0, 0, -(taken + 2 * theme.STEP), 0)
        paint_elided(painter, room, head.title, theme.text_font(SMALL), t.quiet)
        painter.fillRect(rect.left(), rect.top(), rect.width(), 1, t.line)


def paint_status(painter: QPainter, area: QRect, status: Status) -> None:
    """A disc for failed, half a disc for suspect, a ring for ok, a stroke for what cannot be measured."""
    color = status_color(status)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(color, 1.6))
    if status is Status.NOT_MEASURABLE:
        y = area.center().y() + 0.5
        painter.drawLine(area.left(), round(y), area.right(), round(y))
    else:
        if status is Status.FAILED:
            painter.setBrush(color)
        painter.drawEllipse(area.adjusted(0, 0, -1, -1))
        if status is Status.SUSPECT:
            painter.setBrush(color)
            painter.drawChord(area.adjusted(0, 0, -1, -1), 90 * 16, 180 * 16)
    painter.restore()
