"""The streams of the current record: what each is, whose clock it has, and how late it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFont, QGuiApplication, QHelpEvent, QKeyEvent, QKeySequence, QPainter, QRegion
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from inspector.core.model import Modality
from inspector.core.times import clock_text
from inspector.ui import theme
from inspector.ui.panels.common import (
    CHIP_HEIGHT,
    MODALITY_WORD,
    SMALL,
    ChipKind,
    Panel,
    SectionHeader,
    chip_size,
    count_text,
    paint_chip,
    paint_elided,
)

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

    from inspector.core.model import Record, Stream

LINE = 5 * theme.STEP
"""One line of a stream's card."""

CLOCK_WORDS = {
    "container": "Time stamps of the container (pts)",
    "relative": "Time stamps in the data, counted from a start of their own",
    "epoch": "Time stamps in the data, counted from 1970",
    "nominal": "Made from a frame count and a rate: nobody measured these times, so they prove nothing",
    "none": "No time stamps at all",
}
CHANNELS = {1: "mono", 2: "stereo"}

AnyIndex = QModelIndex | QPersistentModelIndex


def rate_text(stream: Stream) -> str:
    """`30 fps`, `48 kHz`, `100 Hz`; empty where no rate is known."""
    if stream.rate is None:
        return ""
    if stream.modality is Modality.VIDEO:
        return f"{stream.rate:.5g} fps"
    return f"{stream.rate / 1000:.4g} kHz" if stream.rate >= 1000 else f"{stream.rate:.4g} Hz"


def what_text(stream: Stream) -> str:
    """What a stream is, in one quiet line: `video · h264 · 640×480 · 30 fps`."""
    meta = stream.meta
    parts = [stream.modality.value, str(meta.get("codec") or "")]
    if meta.get("width") and meta.get("height"):
        parts.append(f"{meta['width']}×{meta['height']}")
    if stream.modality is Modality.TEXT:
        parts.append(
            {"cues": "cues", "plaintext": "plain text"}.get(stream.source.format, stream.source.format)
        )
    number = meta.get("channels")
    tracks = len(number) if isinstance(number, (list, tuple)) else number
    if stream.modality is Modality.AUDIO:
        parts.append(rate_text(stream))
        parts.append(CHANNELS.get(tracks, f"{tracks} ch") if tracks else "")
    else:
        channels = len(stream.channels) or (tracks or 0)
        if channels and stream.modality is not Modality.VIDEO:
            parts.append(f"{channels} ch")
        parts.append(rate_text(stream))
    language = str(meta.get("language") or "")
    parts.append("" if language == "und" else language)
    return " · ".join(part for part in parts if part)


def column_text(stream: Stream) -> str:
    """Where a table's times stand: `times in t_ms (ms)`; empty for what is no table."""
    if stream.source.format != "table" and "time_column" not in stream.meta:
        return ""
    column = stream.meta.get("time_column", stream.source.time_column)
    if not column:
        return "no time column: row number / rate"
    return f"times in {column} ({stream.meta.get('time_unit', stream.source.time_unit)})"


def span_text(stream: Stream) -> str:
    """Start and end on the stream's own clock."""
    if stream.span is None:
        return "no times"
    return f"{clock_text(stream.span[0])} – {clock_text(stream.span[1])}"


def offset_text(stream: Stream) -> str:
    """The correction in force, in words: `0 ms`, `320 ms late`, `12 ms early · +800 ppm`."""
    late_ms = stream.timemap.late_ns / 1e6
    figure = f"{abs(late_ms):.1f}".removesuffix(".0")
    text = "0 ms" if figure == "0" else f"{figure} ms {'late' if late_ms > 0 else 'early'}"
    drift = round(stream.timemap.drift_ppm)
    return text + (f" · {drift:+d} ppm".replace("-", "−") if drift else "")


def lag_text(ms: float | None, frames: float | None) -> str:
    """How far what is shown lies from the playhead: frames where it is as much as one, else ms."""
    if ms is None:
        return ""
    text = f"{ms:+.0f} ms" if abs(ms) >= 10 else f"{ms:+.1f} ms"
    if frames is not None and abs(frames) >= 1:
        text += f" · {abs(frames):.0f} f"
    return text.replace("-", "−")


class StreamsModel(QAbstractListModel):
    """The record's streams in its order, and the live lag of each."""

    def __init__(self) -> None:
        super().__init__()
        self.record: Record | None = None
        self.lags: dict[str, tuple[float | None, float | None]] = {}

    def set_record(self, record: Record | None) -> None:
        """Show another record's streams."""
        self.beginResetModel()
        self.record = record
        self.lags = {}
        self.endResetModel()

    def rowCount(self, parent: AnyIndex | None = None) -> int:
        """How many streams there are."""
        return (
            0
            if self.record is None or (parent is not None and parent.isValid())
            else len(self.record.streams)
        )

    def stream(self, row: int) -> Stream:
        """The stream in a row."""
        assert self.record is not None
        return self.record.streams[row]

    def is_reference(self, stream: Stream) -> bool:
        """Whether the record's timeline is this stream's clock."""
        return self.record is not None and stream.id == self.record.reference

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The row in words; what is drawn comes from `stream`."""
        if index.isValid() and role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.words(index.row())
        return None

    def words(self, row: int) -> str:
        """All that a row says, on one line; this is what Ctrl+C copies."""
        stream = self.stream(row)
        parts = [stream.id, what_text(stream), column_text(stream), span_text(stream)]
        parts += [f"clock {stream.clock.id} ({stream.clock.kind})", offset_text(stream)]
        parts.append("reference" if self.is_reference(stream) else "not measured")
        lag = lag_text(*self.lags.get(stream.id, (None, None)))
        parts.append(f"shown − playhead {lag}" if lag else "")
        return "\t".join(part for part in parts if part)


class Places:
    """Where on a card each thing is drawn."""

    def __init__(self, card: QRect, stream: Stream, reference: bool) -> None:
        inner = card.adjusted(theme.MARGIN, theme.STEP, -theme.MARGIN, -theme.STEP)
        self.bar = QRect(inner.left(), inner.top() + 2, 3, inner.height() - 4)
        left = inner.left() + theme.MARGIN
        lines = [QRect(left, inner.top() + n * LINE, inner.right() + 1 - left, LINE) for n in range(4)]
        self.chip_text = "ref" if reference else "not measured"
        wide = chip_size(self.chip_text).width()
        self.chip = QRect(lines[0].right() + 1 - wide, lines[0].top(), wide, CHIP_HEIGHT)
        self.lag = QRect(self.chip.left() - 2 * theme.STEP - 88, lines[0].top(), 88, LINE)
        self.name = lines[0].adjusted(0, 0, -wide - 2 * theme.STEP, 0)
        wide = chip_size(stream.clock.kind).width()
        self.clock = QRect(lines[1].right() + 1 - wide, lines[1].top() + 2, wide, CHIP_HEIGHT - 2)
        self.what = lines[1].adjusted(0, 0, -wide - 2 * theme.STEP, 0)
        self.span = lines[2]
        self.column = lines[3]
        self.rest = card.adjusted(0, lines[1].top() - card.top(), 0, 0)


class StreamDelegate(QStyledItemDelegate):
    """Draws a stream as a card of three lines, four for a table."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        """Three or four lines high."""
        stream = _model(index).stream(index.row())
        return QSize(0, 2 * theme.STEP + LINE * (4 if column_text(stream) else 3))

    def places(self, card: QRect, index: AnyIndex) -> Places:
        """Where things are on the card of a row."""
        model = _model(index)
        stream = model.stream(index.row())
        return Places(card, stream, model.is_reference(stream))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """One card."""
        t = theme.current()
        model = _model(index)
        stream = model.stream(index.row())
        at = self.places(option.rect, index)
        exposed = option.widget.exposed if isinstance(option.widget, StreamsView) else QRegion(option.rect)
        chosen = QStyle.PrimitiveElement.PE_PanelItemViewItem
        option.widget.style().drawPrimitive(chosen, option, painter, option.widget)
        painter.fillRect(at.bar, t.modality[stream.modality])
        ms, frames = model.lags.get(stream.id, (None, None))
        name = at.name
        if ms is not None:
            behind = frames is not None and abs(frames) >= 1
            color = t.suspect if behind else t.faint
            right = Qt.AlignmentFlag.AlignRight
            text = lag_text(ms, frames)
            taken = paint_elided(painter, at.lag, text, theme.mono_font(SMALL), color, right)
            name = name.adjusted(0, 0, at.lag.right() - name.right() - taken - 2 * theme.STEP, 0)
        paint_elided(painter, name, stream.id, theme.text_font(13, QFont.Weight.Medium), t.text)
        if not exposed.intersects(at.chip) and not exposed.intersects(at.rest):
            return  # a figure changed, as they do several times a second while playing
        paint_chip(painter, at.chip, at.chip_text, "ref" if at.chip_text == "ref" else "unmeasured")
        paint_elided(painter, at.what, what_text(stream), theme.text_font(SMALL + 1), t.quiet)
        kind: ChipKind = "unmeasured" if stream.clock.nominal else "neutral"
        paint_chip(painter, at.clock, stream.clock.kind, kind)
        mono = theme.mono_font(SMALL)
        right = Qt.AlignmentFlag.AlignRight
        off = offset_text(stream)
        color = t.faint if off == "0 ms" else t.text
        taken = paint_elided(painter, at.span, off, mono, color, right)
        paint_elided(
            painter, at.span.adjusted(0, 0, -taken - theme.MARGIN, 0), span_text(stream), mono, t.quiet
        )
        column = column_text(stream)
        if column:
            paint_elided(painter, at.column, column, theme.text_font(SMALL + 1), t.quiet)
        painter.fillRect(option.rect.adjusted(0, option.rect.height() - 1, 0, 0), t.line)

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: AnyIndex
    ) -> bool:
        """Say of each part of a card what it means."""
        if event.type() != QEvent.Type.ToolTip or not index.isValid():
            return False
        QToolTip.showText(event.globalPos(), theme.tip(self.help(event.pos(), option.rect, index)), view)
        return True

    def help(self, spot: Any, card: QRect, index: AnyIndex) -> str:
        """The tooltip at a place on a card."""
        model = _model(index)
        stream = model.stream(index.row())
        at = self.places(card, index)
        if at.chip.contains(spot):
            if model.is_reference(stream):
                return "The reference: the record's timeline is this stream's clock"
            return "Not measured: nothing yet compared this stream with the reference"
        if at.clock.contains(spot):
            words = CLOCK_WORDS.get(stream.clock.kind, stream.clock.kind)
            return f"Clock “{stream.clock.id}”, {stream.clock.kind}\n{words}"
        if at.lag.contains(spot) and stream.id in model.lags:
            return "What is shown minus the playhead, in ms and frames"
        if at.span.contains(spot) and spot.x() > at.span.center().x():
            return f"The offset in force: {offset_text(stream)}\nLate: the stream comes after the reference"
        if at.span.contains(spot):
            return f"Start and end on the stream's own clock: {span_text(stream)}"
        word = MODALITY_WORD[stream.modality]
        facts = [f"{stream.id} ({word})", what_text(stream), column_text(stream)]
        facts += [f"person {stream.person}" if stream.person else ""]
        facts += [f"device {stream.device}" if stream.device else ""]
        facts += [f"made by {stream.origin}" if stream.origin else ""]
        facts += [f"made from {stream.derived_from}" if stream.derived_from else ""]
        facts += [f"labels made on {told}" for told in stream.meta.get("labels_made_on", ())[:6]]
        if stream.channels:
            shown = ", ".join(stream.channels[:12])
            facts.append(
                shown + (f" … {len(stream.channels) - 12} more" if len(stream.channels) > 12 else "")
            )
        facts.append(str(stream.source.path))
        return "\n".join(fact for fact in facts if fact)


def _model(index: AnyIndex) -> StreamsModel:
    model = index.model()
    assert isinstance(model, StreamsModel)
    return model


class StreamsView(QListView):
    """The cards. Takes the keys that move through it and Ctrl+C; leaves all others to the window."""

    def __init__(self) -> None:
        super().__init__()
        self.exposed = QRegion()
        """What the paint that is under way has to draw."""
        self.empty_text = "No record is open"
        self.setItemDelegate(StreamDelegate(self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListView.ResizeMode.Adjust)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up, Down and Ctrl+C are the list's."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
            event.accept()
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and not event.modifiers():
            super().keyPressEvent(event)
        else:
            event.ignore()

    def keyboardSearch(self, search: str) -> None:
        """Letters are the window's keys, not a search."""

    def copy(self) -> None:
        """Put the selected stream's row on the clipboard as text."""
        if self.currentIndex().isValid():
            QGuiApplication.clipboard().setText(str(self.currentIndex().data()))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the cards, or say why there are none."""
        self.exposed = event.region()
        super().paintEvent(event)
        if self.model() is not None and self.model().rowCount():
            return
        painter = QPainter(self.viewport())
        area = QRect(0, theme.MARGIN, self.viewport().width(), theme.ROW)
        center = Qt.AlignmentFlag.AlignHCenter
        paint_elided(painter, area, self.empty_text, theme.text_font(), theme.current().faint, center)
        painter.end()


class StreamsPanel(Panel):
    """The streams of the current record as a list of cards."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.header = SectionHeader("Streams")
        self.model = StreamsModel()
        self.view = StreamsView()
        self.view.setModel(self.model)
        self.view.setAccessibleName("Streams of this record")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.header)
        box.addWidget(self.view, 1)

    def set_record(self, record: Record | None) -> None:
        """Show a record's streams; None where no record is open."""
        self.view.empty_text = "No record is open" if record is None else "No stream in this record"
        self.model.set_record(record)
        streams = () if record is None else record.streams
        self.header.set_count(count_text(len(streams), "stream") if streams else "")
        self.view.viewport().update()

    def set_lag(self, stream_id: str, ms: float | None, frames: float | None) -> None:
        """Show how far what a stream shows lies from the playhead; only its figure is painted again."""
        if self.model.record is None:
            return
        before = self.model.lags.get(stream_id, (None, None))
        self.model.lags[stream_id] = (ms, frames)
        if lag_text(*before) == lag_text(ms, frames):
            return
        for row, stream in enumerate(self.model.record.streams):
            if stream.id == stream_id:
                index = self.model.index(row, 0)
                at = Places(self.view.visualRect(index), stream, self.model.is_reference(stream))
                appeared = (before[0] is None) != (ms is None)
                self.view.viewport().update(at.lag.united(at.name) if appeared else at.lag)
                return

    def changeEvent(self, event: QEvent) -> None:
        """Repaint in a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self.view.viewport().update()
        super().changeEvent(event)
