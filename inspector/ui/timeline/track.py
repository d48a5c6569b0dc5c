"""What every track is: a painter object with a header, a kept picture, and a little that is painted live."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QPen

from inspector.core.model import Modality
from inspector.core.times import clock_text
from inspector.ui import theme
from inspector.ui.panels.common import paint_hatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QColor, QFontMetricsF, QPainter

    from inspector.core.model import Span, Stream
    from inspector.ui.panels.common import ChipKind
    from inspector.ui.timeline.axis import TimeAxis


@dataclass(frozen=True, slots=True)
class Chip:
    """The figure that matters most of a track, at the right of its header."""

    text: str
    kind: ChipKind
    tooltip: str = ""


REFERENCE_CHIP = Chip("ref", "ref", "The reference: every other stream is placed against this one’s clock")
UNMEASURED_CHIP = Chip("n/m", "unmeasured", "Not measured against the reference")
NOMINAL_CHIP = Chip(
    "n/m",
    "unmeasured",
    "Not measured against the reference. Its times are nominal: counted from the rate, they prove nothing",
)


class Track:
    """One row of the timeline. Not a widget: the canvas asks it to paint, and keeps the picture.

    `render` paints what stays while the playhead moves; `paint_live` what does not, over the kept picture.
    Positions given to `tooltip_at` and `click_at` are in the coordinates of `rect`, the row's content area.
    """

    default_height: ClassVar[int] = 56
    min_height: ClassVar[int] = 20

    def __init__(self, track_id: str, title: str, subtitle: str = "", chip: Chip | None = None) -> None:
        self.id = track_id
        self.title = title
        self.subtitle = subtitle
        self.chip = chip
        self.modality = Modality.VIDEO
        self.height = self.natural_height
        self.revision = 0
        self.footer = 0
        """Px at the bottom of the header that lie under controls."""
        self.side = 0
        """Px at the right of the header that do; the chip gives way."""
        self.focused = False
        """Whether the keys that are for one track mean this one, where there are several."""
        self._notify: Callable[[Track], None] | None = None

    @property
    def natural_height(self) -> int:
        """The height before somebody drags it."""
        return self.default_height

    @property
    def color(self) -> QColor:
        """The colour of the bar in the header, in the theme in force."""
        return theme.current().modality[self.modality]

    @property
    def live(self) -> bool:
        """Whether it paints anything that follows the playhead."""
        return type(self).paint_live is not Track.paint_live

    def bind(self, notify: Callable[[Track], None] | None) -> None:
        """Tell whom to call when the picture is out of date; None when the track leaves the canvas."""
        self._notify = notify

    def invalidate(self) -> None:
        """Have the row rendered anew at the next paint."""
        self.revision += 1
        if self._notify is not None:
            self._notify(self)

    def close(self) -> None:
        """Let go of timers and pending requests: the track is shown no more."""
        self.bind(None)

    def render(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Paint the row for the visible span; the background is already there."""
        raise NotImplementedError

    def paint_live(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Paint what follows the playhead, over the kept picture. Must be cheap: it runs at 60 Hz."""

    def set_time(self, ns: int) -> bool:
        """Take the playhead's time; True where what `paint_live` draws has changed."""
        return False

    def header_tooltip(self) -> str:
        """What the header says when pointed at."""
        return "\n".join(part for part in (self.title, self.subtitle) if part)

    def tooltip_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> str:
        """What the row says of a place, empty for nothing."""
        return ""

    def click_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> int | None:
        """The reference time that a click here means, None for the time under the pointer."""
        return None


class StreamTrack(Track):
    """A track of one stream; times go through the stream's time map."""

    def __init__(
        self, stream: Stream, title: str = "", subtitle: str = "", chip: Chip | None = None, part: str = ""
    ) -> None:
        self.stream = stream
        super().__init__(f"{stream.id}{part}", title or stream.id, subtitle, chip)
        self.modality = stream.modality

    def set_stream(self, stream: Stream) -> None:
        """Take the stream with another time map, as while somebody drags it."""
        if stream != self.stream:
            self.stream = stream
            self.invalidate()

    @property
    def span(self) -> Span | None:
        """The stream's span on the reference timeline, None until it is known."""
        return self.stream.reference_span

    def header_tooltip(self) -> str:
        """The stream's id in full, its modality and who made it."""
        stream = self.stream
        lines = [stream.id, *([self.title] if self.title not in stream.id else []), self.subtitle]
        more = (("device", stream.device), ("person", stream.person), ("made by", stream.origin))
        lines += [f"{word}: {value}" for word, value in more if value]
        return "\n".join(line for line in lines if line)

    def outside(self, ns: int) -> bool:
        """Whether a time is known to have no data."""
        span = self.span
        return span is not None and not span[0] <= ns < span[1]

    def paint_outside(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Hatch what is known to have no data."""
        span = self.span
        if span is None:
            return
        start = rect.left() + axis.x_of(span[0], rect.width())
        end = rect.left() + axis.x_of(span[1], rect.width())
        # A pixel less is the record's own end, not missing data.
        if start > rect.left() + 1:
            paint_no_data(painter, QRectF(rect.left(), rect.top(), start - rect.left(), rect.height()), rect)
        if end < rect.right() - 1:
            paint_no_data(painter, QRectF(end, rect.top(), rect.right() - end, rect.height()), rect)


def paint_no_data(painter: QPainter, area: QRectF, rect: QRectF) -> None:
    """Hatch a part of a row that has no data, the strokes in step with the row's."""
    area = area.intersected(rect)
    if area.isEmpty():
        return
    t = theme.current()
    painter.save()
    painter.setClipRect(area)
    painter.fillRect(area, t.tint(t.stage, 0.6))
    painter.setRenderHint(painter.RenderHint.Antialiasing)
    whole = QRectF(rect.left(), area.top(), rect.width(), area.height())
    paint_hatch(painter, whole, t.tint(t.faint, 0.28), gap=7)
    painter.restore()


def paint_unknown(painter: QPainter, area: QRectF) -> None:
    """A thin dashed line along the middle: there is, or may be, data that has not been read yet."""
    if area.width() <= 0:
        return
    painter.save()
    painter.setPen(QPen(theme.current().faint, 1, Qt.PenStyle.DashLine))
    middle = round(area.center().y()) + 0.5
    painter.drawLine(QLineF(area.left(), middle, area.right(), middle))
    painter.restore()


def ink_on(color: QColor) -> QColor:
    """The theme's lightest or darkest colour, whichever reads better on `color`."""
    t = theme.current()

    def luminance(each: QColor) -> float:
        parts = (each.redF(), each.greenF(), each.blueF())
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    under = luminance(color)

    def contrast(each: QColor) -> float:
        low, high = sorted((luminance(each), under))
        return (high + 0.05) / (low + 0.05)

    return max((t.text, t.stage, t.panel), key=contrast)


def cut(text: str, metrics: QFontMetricsF, room: float) -> str:
    """The text with … where it does not fit; nothing where fewer than three letters of it would be left."""
    text = text[: theme.LONGEST]
    if metrics.horizontalAdvance(text) <= room:
        return text
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
    return shown if len(shown) > 3 else ""


def time_span_text(start_ns: int, end_ns: int) -> str:
    """`0:01.200–0:02.000`, or one time for a moment."""
    return clock_text(start_ns) if start_ns == end_ns else f"{clock_text(start_ns)}–{clock_text(end_ns)}"


def stack(spans: list[Span]) -> tuple[list[int], int]:
    """Rows for spans ordered by start, so that none overlap in a row: each one's row, and how many there are.

    Greedy interval partitioning: the lowest row that is free is taken, which needs as few rows as there are
    spans at once.
    """
    rows: list[int] = []
    free: list[int] = []
    busy: list[tuple[int, int]] = []  # until when, and which row
    for start, end in spans:
        while busy and busy[0][0] <= start:
            heappush(free, heappop(busy)[1])
        row = heappop(free) if free else len(busy)
        heappush(busy, (max(end, start + 1), row))
        rows.append(row)
    return rows, max(len(busy) + len(free), 1)
