"""The lines of the Agreement panel: heads, figures of a tier or a relation, lags, and disagreements."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from inspector.agreement.told import figures, head
from inspector.core.adjudicate import decision_key
from inspector.core.times import clock_text
from inspector.ui import theme
from inspector.ui.panels.common import SMALL, number_text, paint_elided

if TYPE_CHECKING:
    from collections.abc import Collection

    from PySide6.QtCore import QRect
    from PySide6.QtGui import QPainter

    from inspector.agreement.disagreements import Disagreement
    from inspector.agreement.measure import Agreement, NamedLag, PairFigures, RelationFigures, TierFigures

CARD = 11 * theme.STEP
HEAD = 8 * theme.STEP
LINE = 6 * theme.STEP

AnyIndex = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Head:
    """What the lines below are about."""

    title: str
    count: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """One figure; `tells` is that it has a number."""

    words: str
    figure: str
    tells: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A lag or a disagreement: what is wrong, where it leads, and whether it is the news of a whole pair."""

    message: str
    place: str
    record_id: str | None
    at_ns: int
    loud: bool = False
    of: Disagreement | None = None


Line = Head | Value | Row


ONE, OTHER = "one", "the other"


def names_of(pair: PairFigures, of: str, blind: bool) -> tuple[str, str]:
    """What the two authors are called; blind, in an order that differs from one record to the next."""
    if not blind:
        return pair.a, pair.b
    swap = hashlib.blake2b(f"{of}{pair.a}{pair.b}".encode("utf-8", "surrogatepass")).digest()[0] % 2
    return (OTHER, ONE) if swap else (ONE, OTHER)


def lag_said(pair: PairFigures, lag: NamedLag, blind: bool) -> str:
    """Who of the two is early; `blind`, without a name and without what is known of who is right."""
    a, b = names_of(pair, lag.record_id or "", blind)
    return replace(lag, a=a, b=b, right="" if blind else lag.right).message


def arranged(
    agreement: Agreement,
    pair: PairFigures,
    needle: str = "",
    record_id: str | None = None,
    done: Collection[tuple[str, str]] = (),
    blind: bool = False,
) -> list[Line]:
    """The lines of a pair: its lags, its figures, its disagreements.

    `needle` and `record_id` narrow the rows; `done` are those that were decided, by record and key. `blind`:
    nobody is named.
    """
    low = needle.strip().casefold()
    lines: list[Line] = []
    for lag in pair.lags:
        place = "all records" if lag.record_id is None else lag.record_id
        if lag.record_id is None or record_id in (None, lag.record_id):
            told = lag_said(pair, lag, blind)
            lines.append(Row(told, f"{place} · a constant lag", lag.record_id, lag.start_ns, True))
    entries: list[TierFigures | RelationFigures] = [*pair.tiers, *pair.relations]
    for entry in entries:
        title, _, count = head(entry).partition(": ")
        lines.append(Head(title, count))
        for words, figure in figures(entry, "–"):
            lines.append(Value(words, figure, figure[:1].isdigit() or figure[:1] == "-"))
    rows = []
    for each in agreement.rows:
        if (each.a, each.b) != (pair.a, pair.b) or each.kind == "lag":
            continue
        if (each.record_id, decision_key(each.ids)) in done:
            continue
        told = each.words(*names_of(pair, each.record_id, blind))
        place = f"{each.record_id} · {clock_text(each.start_ns)} · {each.tier}"
        if record_id not in (None, each.record_id) or low not in f"{told} {place}".casefold():
            continue
        rows.append(Row(told, place, each.record_id, each.start_ns, False, each))
    lines.append(Head("Disagreements", number_text(len(rows)) if rows else "none"))
    return lines + rows


class AgreementModel(QAbstractListModel):
    """Lines as they are read; only rows that lead somewhere can be chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []

    def set_lines(self, lines: list[Line]) -> None:
        """Show other lines."""
        self.beginResetModel()
        self.lines = lines
        self.endResetModel()

    def row(self, place: int) -> Row | None:
        """The row at a line, None where it is a head or a figure."""
        line = self.lines[place] if 0 <= place < len(self.lines) else None
        return line if isinstance(line, Row) else None

    def rowCount(self, parent: AnyIndex | None = None) -> int:
        """How many lines there are."""
        return 0 if parent is not None and parent.isValid() else len(self.lines)

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        """Heads and figures are read, not chosen."""
        if self.row(index.row()) is None:
            return Qt.ItemFlag.ItemIsEnabled
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The line in words."""
        if not index.isValid():
            return None
        line = self.lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return (
                line.message
                if isinstance(line, Row)
                else line.words
                if isinstance(line, Value)
                else line.title
            )
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            if isinstance(line, Row):
                return theme.tip(f"{line.message}\n{line.place}")
            return theme.tip(
                f"{line.words}: {line.figure}" if isinstance(line, Value) else f"{line.title} {line.count}"
            )
        return None


class AgreementDelegate(QStyledItemDelegate):
    """A head with a line over it; a figure with its interval at the right; two lines a row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """Rows are the highest."""
        model = index.model()
        assert isinstance(model, AgreementModel)
        line = model.lines[index.row()]
        return QSize(0, CARD if isinstance(line, Row) else HEAD if isinstance(line, Head) else LINE)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """One line."""
        model = index.model()
        assert isinstance(model, AgreementModel)
        line, t = model.lines[index.row()], theme.current()
        area: QRect = option.rect.adjusted(theme.MARGIN, 0, -theme.MARGIN, 0)
        right = Qt.AlignmentFlag.AlignRight
        if isinstance(line, Head):
            painter.fillRect(option.rect.left(), option.rect.top(), option.rect.width(), 1, t.line)
            wide = paint_elided(painter, area, line.title, theme.text_font(), t.text)
            rest = area.adjusted(min(wide, area.width()) + 2 * theme.STEP, 0, 0, 0)
            paint_elided(painter, rest, line.count, theme.text_font(SMALL), t.quiet, right)
            return
        if isinstance(line, Value):
            tone = t.text if line.tells else t.quiet
            font = theme.mono_font(SMALL) if line.tells else theme.text_font(SMALL)
            reason = area if line.tells else area.adjusted(area.width() // 2, 0, 0, 0)
            wide = paint_elided(painter, reason, line.figure, font, tone, right)
            rest = area.adjusted(0, 0, -min(wide, reason.width()) - 2 * theme.STEP, 0)
            paint_elided(painter, rest, line.words, theme.text_font(12), t.quiet)
            return
        ground = QStyle.PrimitiveElement.PE_PanelItemViewItem
        option.widget.style().drawPrimitive(ground, option, painter, option.widget)
        area = area.adjusted(0, theme.STEP, 0, -theme.STEP)
        upper = area.adjusted(0, 0, 0, -area.height() // 2)
        lower = area.adjusted(0, area.height() // 2, 0, 0)
        paint_elided(painter, upper, line.message, theme.text_font(), t.suspect if line.loud else t.text)
        paint_elided(painter, lower, line.place, theme.text_font(SMALL), t.quiet)
