"""One camera: the picture that belongs to the playhead, with its truth painted on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPen,
    QTransform,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from inspector.core.times import clock_text
from inspector.playback.shown import Shown, State
from inspector.ui import theme
from inspector.ui.region_hand import Held, RegionHand
from inspector.ui.regions import paint_region, shown_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QFocusEvent, QMouseEvent, QPaintEvent, QResizeEvent

    from inspector.core.model import Annotation, Stream
    from inspector.media.frames import FrameIndex
    from inspector.media.video import Picture
    from inspector.ui.regions import Region

NARROW = 280
"""Below this many px a picture says only what matters most."""
LAG_BADGE_S = 0.1
"""A picture that is late for longer than this says so."""
# Made once: on a picture they are the same in both themes, and frames are painted 30 times a second.
_PLATE = QColor(15, 17, 21, 200)
_NAME, _FIGURE, _LATE = QColor("#D7DCE4"), QColor("#AEB7C4"), QColor("#E9B44C")
_CENTRED = int(Qt.AlignmentFlag.AlignCenter)


class Feed(Protocol):
    """Where a camera view gets its pictures: a PictureFeed or a StillFeed."""

    stream: Stream

    @property
    def index(self) -> FrameIndex | None:
        """The film's frames where there are any."""
        ...

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in px, before rotation."""
        ...

    def shown(self, reference_ns: int) -> Shown:
        """What belongs on screen at a time, from memory."""
        ...

    def want(self, reference_ns: int, playing: bool = False, dragging: bool = False) -> None:
        """Wish for what is missing."""
        ...

    def fit(self, width: int, height: int) -> None:
        """The size in px to make pictures for."""
        ...

    def frame_start(self, reference_ns: int, step: int) -> int | None:
        """The reference time of the frame `step` away."""
        ...

    def close(self, wait: bool = True) -> None:
        """End its thread."""
        ...


class CameraView(QWidget):
    """Paints what its feed has; asks for nothing by itself but the size."""

    marked = Signal(str, object, object)
    """The stream, the region that was marked on it, and its frame's span in local time (None: a still)."""

    def __init__(self, feed: Feed, labels: Sequence[Annotation], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.feed = feed
        self.labels = labels
        """What is drawn on the picture, by the names that authors have now."""
        self.hand = RegionHand(self, self._frame_rect, self._pixels, self._held)
        self.hand.drawn.connect(self._drawn)
        self._time_ns = 0
        self._shown = Shown(State.WAITING)
        self._picture: Picture | None = None
        self._late_since: float | None = None
        self._lag: tuple[float, float] | None = None
        self._resized = QTimer(self, singleShot=True, interval=120)
        self._resized.timeout.connect(self._ask_size)
        self._fitted = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 90)
        self.setAccessibleName(f"camera {feed.stream.id}")

    def set_marking(self, on: bool) -> None:
        """Whether a drag on the picture marks a box, a click a point, and those of chosen labels move."""
        self.hand.set_on(on)

    def _pixels(self) -> tuple[int, int]:
        """Width and height of the picture as it is seen, in its own pixels."""
        width, height = self.feed.size or (16, 9)
        picture = self._picture
        return (width, height) if picture is None or picture.rotation % 180 == 0 else (height, width)

    def _held(self) -> list[Held]:
        """The regions on what is painted."""
        return [
            Held(label.id, place, region)
            for label, regions in self._labels_now()
            for place, region in regions.items()
        ]

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self.hand.press(event):
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not self.hand.move(event):
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not self.hand.release(event):
            super().mouseReleaseEvent(event)

    def event(self, event: QEvent) -> bool:
        """Arrows and Del are the chosen region's while the picture is marked and has the keys."""
        override = event.type() == QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and self.hand.wants(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.hand.key(event):
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.hand.commit()
        super().focusOutEvent(event)

    def _drawn(self, region: Region) -> None:
        if self._picture is not None:
            frame = self._picture.span if self.feed.index is not None else None
            self.marked.emit(self.feed.stream.id, region, frame)

    def set_labels(self, labels: Sequence[Annotation]) -> None:
        """Draw other labels on the picture."""
        self.labels = labels
        self.hand.settled()
        self.update()

    @property
    def picture(self) -> Picture | None:
        """The picture that is painted, None where there is no data."""
        return self._picture

    @property
    def state_text(self) -> str:
        """Why no picture is shown, in words; empty while one is."""
        return "" if self._shown.state is State.EXACT else self._shown.message or self._shown.state.value

    def settled_at(self, reference_ns: int) -> bool:
        """Whether what is painted is what belongs to a time, in the size asked for (or nothing can come).

        What the feed has is not enough: the news of it may not have been heard here yet.
        """
        look = self.feed.shown(reference_ns)
        if self._time_ns != reference_ns or self._shown.state is not look.state:
            return False
        if look.state is State.EXACT:
            return look.picture is self._picture
        return look.state not in (State.WAITING, State.DRAFT)

    def lag(self) -> tuple[float, float] | None:
        """Shown minus playhead in ms and in frames when the picture came on; None where no film is shown."""
        return self._lag

    def _lag_at(self, reference_ns: int) -> tuple[float, float] | None:
        picture, index = self._picture, self.feed.index
        if picture is None or index is None:
            return None
        start, end = picture.span
        ms = (self.feed.stream.timemap.to_reference(start) - reference_ns) / 1e6
        return ms, ms * 1e6 / max(end - start, 1)

    def look(self, reference_ns: int) -> Shown:
        """What the feed has for a time, not shown yet."""
        return self.feed.shown(reference_ns)

    def present(self, reference_ns: int, shown: Shown, paused: bool, stand_in: bool = True) -> bool:
        """Show it from the next paint on; True for another picture than before.

        With `stand_in` an older picture stays while there is no newer.
        """
        self._time_ns = reference_ns
        before = (self._picture, self._shown.state)
        self._shown = shown
        if shown.state is not State.WAITING:
            self._picture = shown.picture
        elif not stand_in:
            self._picture = None
        elif shown.picture is not None:
            self._picture = shown.picture
        if shown.state is State.WAITING:
            self._late_since = self._late_since or time.monotonic()
        else:
            self._late_since = None
        changed = (self._picture, shown.state) != before
        if paused or changed or self._late_since is not None:
            self._lag = self._lag_at(reference_ns)
            self.update()
        return changed

    def sizeHint(self) -> QSize:
        """A hint in the film's own shape."""
        return QSize(480, 360)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self._fitted:
            self._resized.start()
        else:
            self._fitted = True
            self._ask_size()

    def _ask_size(self) -> None:
        ratio = self.devicePixelRatioF()
        self.feed.fit(round(self.width() * ratio), round(self.height() * ratio))
        self.feed.want(self._time_ns)

    # -- painting ------------------------------------------------------------------------------------------

    def _frame_rect(self) -> QRectF:
        size = self.feed.size or (16, 9)
        picture = self._picture
        rotation = picture.rotation if picture is not None else 0
        if picture is not None and abs(picture.width * size[1] / (picture.height * size[0]) - 1) > 0.05:
            size = (picture.width, picture.height)  # the film changes its shape on the way
        width, height = size if rotation % 180 == 0 else (size[1], size[0])
        factor = min(self.width() / width, self.height() / height)
        w, h = round(width * factor), round(height * factor)
        return QRectF((self.width() - w) // 2, (self.height() - h) // 2, w, h)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colors = theme.current()
        rect = self._frame_rect()
        if self._picture is not None:
            _draw(painter, rect, self._picture, self.devicePixelRatioF())
        else:
            painter.fillRect(rect, colors.raised)
            self._draw_absence(painter, rect)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _round_corners(painter, rect, colors.stage)
        self._draw_labels(painter, rect)
        if (region := self.hand.drawing) is not None:
            paint_region(painter, rect, region)
        self._draw_corners(painter, rect)
        painter.end()

    def _draw_absence(self, painter: QPainter, rect: QRectF) -> None:
        colors = theme.current()
        if self._shown.state is not State.WAITING:
            painter.fillRect(rect, QBrush(colors.tint(colors.unmeasured, 0.25), Qt.BrushStyle.BDiagPattern))
        text = ""
        if self._shown.state is State.FAILED:
            text = self._shown.message
        elif self._shown.state is State.NO_DATA:
            span = self.feed.stream.reference_span
            text = "no data"
            if span is not None:
                before = self._time_ns < span[0]
                edge = f"begins at {clock_text(span[0])}" if before else f"ended at {clock_text(span[1])}"
                text += f"\nfilm {edge}"
        painter.setFont(theme.text_font(13))
        painter.setPen(colors.failed if self._shown.state is State.FAILED else colors.quiet)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(rect.adjusted(16, 16, -16, -16), int(flags), text)

    def _draw_corners(self, painter: QPainter, rect: QRectF) -> None:
        colors = theme.current()
        stream = self.feed.stream
        rate = f" · {stream.rate:.4g} fps" if stream.rate and self.feed.index is not None else ""
        name = stream.id.removesuffix("#video").rsplit("/", 1)[-1].removeprefix("observation.images.")
        place = rect.topLeft() + QPointF(8, 8)
        width = rect.width() - 16
        lag = self.lag()
        if lag is not None:
            ms, frames = lag
            late = -frames >= 1 or frames > 0.5
            waited = self._late_since is not None and time.monotonic() - self._late_since > LAG_BADGE_S
            text = f"{ms:+.1f} ms" + (f" · {abs(frames):.1f} f" if rect.width() > NARROW else "")
            color = _LATE if late or waited else _FIGURE
            width -= (
                _tag(painter, rect.topRight() + QPointF(-8, 8), text, theme.mono_font(11), color, right=True)
                + 8
            )
        elif self._late_since is not None and time.monotonic() - self._late_since > LAG_BADGE_S:
            _tag(
                painter,
                rect.topRight() + QPointF(-8, 8),
                "reading",
                theme.mono_font(11),
                colors.suspect,
                right=True,
            )
        if self._shown.state is State.FAILED and self._picture is not None:
            below = rect.bottomLeft() + QPointF(8, -30)
            message, most = self._shown.message, rect.width() - 16
            _tag(painter, below, message, theme.text_font(12), colors.failed, most=most)
        if width > 48:
            rate = rate if rect.width() > NARROW else ""
            _tag(painter, place, name + rate, theme.text_font(12), _NAME, most=width)

    def _labels_now(self) -> list[tuple[Annotation, dict[int, Region]]]:
        """The labels of the frame shown, by the frame's own time: never those of the time asked for."""
        if self._picture is None or not self.labels:
            return []
        stream, frame, at = self.feed.stream, None, self._time_ns
        if self.feed.index is not None:
            frame = start, end = self._picture.span
            inside = start <= stream.timemap.to_local(at) < end
            at = at if inside else stream.timemap.to_reference(start)
        return shown_now(self.labels, stream, at, frame)

    def _draw_labels(self, painter: QPainter, rect: QRectF) -> None:
        shown, hand = self._labels_now(), self.hand
        for label, regions in shown:
            for place, region in regions.items():
                moving = hand.preview
                if moving is not None and (moving.label_id, moving.place) == (label.id, place):
                    region = moving.region
                paint_region(painter, rect, region, label.label, hand.on and label.id in hand.chosen)
        texts = [label for label, regions in shown if not regions]
        font = theme.text_font(13)
        y = rect.bottom() - 8
        for label in reversed(texts[:4]):
            painter.setFont(font)
            text = f"{label.label}" + (f"  {label.author}" if label.author else "")
            text = text[: theme.LONGEST]
            text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(rect.width() - 48))
            box = QRectF(0, 0, painter.fontMetrics().horizontalAdvance(text) + 24, 26)
            box.moveCenter(QPointF(rect.center().x(), y - 13))
            painter.setPen(QPen(QColor(233, 180, 76, 150), 1))
            painter.setBrush(QColor(22, 24, 29, 215))
            painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
            painter.setPen(QColor("#F3E3BE"))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)
            y -= 30


def _tag(
    painter: QPainter,
    corner: QPointF,
    text: str,
    font: QFont,
    color: QColor,
    right: bool = False,
    most: float = 4096,
) -> float:
    """A small dark plate with text at a corner; its width."""
    text, width = _fitted(text, font, int(most - 16))
    box = QRectF(corner.x() - (width if right else 0), corner.y(), width, 22)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_PLATE)
    painter.drawRoundedRect(box, 4, 4)
    painter.setFont(font)
    painter.setPen(color)
    painter.drawText(box, _CENTRED, text)
    return width


_measured: dict[tuple[str, str, int], tuple[str, int]] = {}


def _fitted(text: str, font: QFont, room: int) -> tuple[str, int]:
    """The text, cut where it does not fit, and its plate's width: measured once, painted with each frame."""
    key = (text, font.key(), room)
    if key not in _measured:
        if len(_measured) > 4096:
            _measured.clear()
        metrics = QFontMetrics(font)
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room)
        _measured[key] = shown, metrics.horizontalAdvance(shown) + 16
    return _measured[key]


def _draw(painter: QPainter, rect: QRectF, picture: Picture, ratio: float) -> None:
    image = QImage(picture.data, picture.width, picture.height, picture.stride, QImage.Format.Format_RGB32)
    if picture.rotation:
        # FFmpeg's angle is counter-clockwise, as is the turn that puts the picture upright.
        image = image.transformed(QTransform().rotate(-picture.rotation))
    if abs(image.width() - rect.width() * ratio) < 1 and abs(image.height() - rect.height() * ratio) < 1:
        image.setDevicePixelRatio(ratio)
        painter.drawImage(rect.topLeft(), image)  # made for this size: a copy, no scaling
        return
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(rect, image)


def _round_corners(painter: QPainter, rect: QRectF, ground: QColor) -> None:
    """Paint the ground over the corners: clipping to a rounded shape would cost more than the picture."""
    path = QPainterPath()
    radius, right, bottom = theme.RADIUS, rect.right(), rect.bottom()
    for x, y, dx, dy in (
        (rect.left(), rect.top(), 1, 1),
        (right, rect.top(), -1, 1),
        (rect.left(), bottom, 1, -1),
        (right, bottom, -1, -1),
    ):
        path.moveTo(x, y)
        path.lineTo(x + dx * radius, y)
        path.quadTo(x, y, x, y + dy * radius)
        path.closeSubpath()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawPath(path)
