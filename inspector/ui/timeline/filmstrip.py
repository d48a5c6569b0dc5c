"""Pictures of a film along the axis, asked for when the zoom settles and kept while they are near."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QRectF, QTimer
from PySide6.QtGui import QImage

from inspector.core.model import Stream
from inspector.core.times import clock_text
from inspector.ui import theme
from inspector.ui.relay import call_of
from inspector.ui.timeline.track import Chip, StreamTrack, paint_unknown

if TYPE_CHECKING:
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QPainter

    from inspector.ui.timeline.axis import TimeAxis

Supplier = Callable[[Stream, list[int], int, Callable[[int, QImage], None]], None]
"""`request(stream, reference_ns, height_px, callback)`: decode these moments off the GUI thread and call back
with each one's time and picture (a null image where there is none), from any thread. A new request for a
stream replaces the one before: what it no longer names need not be decoded."""

SETTLE_MS = 150
GATHER_MS = 40
"""Pictures that arrive within this are painted together."""
QUANTUM_NS = 10_000_000
"""Moments nearer than this share a picture."""
KEPT = 400
"""Pictures that a strip keeps; about 12 MB at the usual height."""
PAD = 2
USUAL_ASPECT = 16 / 9


class FilmStripTrack(StreamTrack):
    """Thumbnails edge to edge, each the frame at its slot's left edge."""

    default_height: ClassVar[int] = 40
    min_height: ClassVar[int] = 24

    def __init__(
        self,
        stream: Stream,
        title: str = "",
        subtitle: str = "",
        chip: Chip | None = None,
        supplier: Supplier | None = None,
    ) -> None:
        super().__init__(stream, title, subtitle, chip)
        self._supplier = supplier
        self._pictures: OrderedDict[int, QImage] = OrderedDict()
        self._order: list[int] = []
        self._wanted: list[int] = []
        self._pixels = 0
        self._aspect = _aspect_of(stream)
        self._settle = _single_shot(SETTLE_MS, self._ask)
        self._gather = _single_shot(GATHER_MS, self.invalidate)

    def set_supplier(self, supplier: Supplier | None) -> None:
        """Take another source of pictures and forget those of the one before."""
        self._supplier = supplier
        self._pictures.clear()
        self._order.clear()
        self.invalidate()

    def set_stream(self, stream: Stream) -> None:
        """Take another time map: pictures are filed by reference time, so they are asked for anew."""
        if stream != self.stream:
            self._pictures.clear()
            self._order.clear()
        super().set_stream(stream)

    def close(self) -> None:
        """Ask for nothing more, and drop what still arrives."""
        super().close()
        self._settle.stop()
        self._gather.stop()
        self._supplier = None

    def slots(self, rect: QRectF, axis: TimeAxis) -> tuple[list[int], float]:
        """The times of the visible slots and the px between them, counted from the stream's start."""
        height = rect.height() - 2 * PAD
        pitch = max(round(height * self._aspect) + 1, 12)
        step = max(round(pitch * axis.length / max(rect.width(), 1)), 1)
        start, end = self.span or axis.total
        first = start + max((axis.visible[0] - start) // step, 0) * step
        return list(range(first, min(end, axis.visible[1]), step)), float(pitch)

    def render(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        """Paint the pictures that are here, near ones for those that are not, else plain slots."""
        t = theme.current()
        painter.setRenderHint(painter.RenderHint.SmoothPixmapTransform)
        times, pitch = self.slots(rect, axis)
        missing: list[int] = []
        known_end = (self.span or axis.total)[1]
        last = rect.left() + axis.x_of(known_end, rect.width())
        reach = round(pitch * axis.length / max(rect.width(), 1))
        for ns in times:
            x = rect.left() + axis.x_of(ns, rect.width())
            width = min(pitch - 1, last - x)
            slot = QRectF(x, rect.top() + PAD, width, rect.height() - 2 * PAD)
            picture = self._pictures.get(_quantised(ns))
            if picture is None:
                missing.append(ns)
                picture = self._near(ns, reach)
            else:
                self._pictures.move_to_end(_quantised(ns))
            if picture is None or picture.isNull():
                painter.fillRect(slot, t.raised if self._supplier is not None else t.panel)
            else:
                _paint_cropped(painter, slot, pitch - 1, picture)
        if self._supplier is None and not self._pictures and times:
            left = rect.left() + axis.x_of(times[0], rect.width())
            paint_unknown(painter, QRectF(left, rect.top(), last - left, rect.height()).intersected(rect))
        self.paint_outside(painter, rect, axis)
        ratio = painter.device().devicePixelRatioF()
        self._pixels = max(round((rect.height() - 2 * PAD) * ratio), 1)
        self._wanted = missing
        if missing and self._supplier is not None:
            self._settle.start()
        else:
            self._settle.stop()

    def tooltip_at(self, pos: QPointF, rect: QRectF, axis: TimeAxis) -> str:
        """The time under the pointer, or that there is no film there."""
        ns = axis.ns_of(pos.x() - rect.left(), rect.width())
        return "No data" if self.outside(ns) else f"{self.title}  {clock_text(ns)}"

    def _near(self, ns: int, reach: int) -> QImage | None:
        """The kept picture nearest to a moment, none further off than `reach`."""
        key = _quantised(ns)
        place = bisect_left(self._order, key)
        near = self._order[max(place - 1, 0) : place + 1]
        best = min(near, key=lambda each: abs(each - key), default=None)
        if best is None or abs(best - key) * QUANTUM_NS > reach:
            return None
        return self._pictures[best]

    def _ask(self) -> None:
        if self._supplier is not None and self._wanted:
            self._supplier(self.stream, list(self._wanted), self._pixels, call_of(self._take))

    def _take(self, ns: int, picture: QImage) -> None:
        if self._supplier is None:
            return
        key = _quantised(ns)
        if key not in self._pictures:
            insort(self._order, key)
        self._pictures[key] = picture
        self._pictures.move_to_end(key)
        while len(self._pictures) > KEPT:
            old, _ = self._pictures.popitem(last=False)
            del self._order[bisect_left(self._order, old)]
        if not picture.isNull():
            aspect = picture.width() / picture.height()
            if abs(aspect - self._aspect) > 0.02 and "width" not in self.stream.meta:
                self._aspect = aspect
        if not self._gather.isActive():
            self._gather.start()


def _quantised(ns: int) -> int:
    return ns // QUANTUM_NS


def _single_shot(ms: int, call: Callable[[], None]) -> QTimer:
    timer = QTimer()
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.timeout.connect(call)
    return timer


def _aspect_of(stream: Stream) -> float:
    """Width over height from what the probe wrote down, the usual one where it did not."""
    width, height = stream.meta.get("width"), stream.meta.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return min(max(width / height, 0.3), 4.0)
    return USUAL_ASPECT


def _paint_cropped(painter: QPainter, slot: QRectF, full: float, picture: QImage) -> None:
    """Fill a slot with a picture, cut where it is wider or taller; the film's last slot may be narrow."""
    scale = max(full / picture.width(), slot.height() / picture.height())
    width, height = slot.width() / scale, slot.height() / scale
    left = max((picture.width() - full / scale) / 2, 0)
    painter.drawImage(slot, picture, QRectF(left, (picture.height() - height) / 2, width, height))
