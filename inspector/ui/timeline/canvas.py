"""The one widget that paints the ruler, the headers and every track, each track from a kept picture.

Moving the playhead repaints two narrow strips: the kept pictures are blitted there, and the line drawn over
them. Nothing is rendered anew for it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPixmap, QRegion
from PySide6.QtWidgets import QWidget

from inspector.core.times import NS
from inspector.ui import theme
from inspector.ui.timeline import header, ruler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QPaintEvent

    from inspector.core.model import Span
    from inspector.ui.timeline.axis import TimeAxis
    from inspector.ui.timeline.track import Track

log = logging.getLogger(__name__)

GAP = 1
"""Px of the line under each row."""
NEAR = 16
"""Px that the playhead moves at most for what it leaves and takes to be painted as one strip."""
GHOST = 0.55
"""How strongly the picture of a row that is dragged lies over another."""
BUDGET_S = 0.0125
"""A paint renders rows for this long; the rest are shown stretched from what they were, and follow."""


def _rects(region: QRegion) -> list[QRect]:
    """The rectangles of a region; PySide6's stubs do not know that it can be iterated over."""
    return list(cast("Iterable[QRect]", region))


@dataclass(slots=True)
class _Kept:
    """A picture, what it was rendered for, and the span that it shows."""

    key: tuple[Any, ...]
    picture: QPixmap
    shown: Span = (0, 1)


class TimelineCanvas(QWidget):
    """Paints; knows no gesture. The view above it owns the axis and moves the scroll offset."""

    settled = Signal()
    """Every visible row shows the axis as it is, where some lagged behind a zoom or pan before."""

    def __init__(self, axis: TimeAxis, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.axis = axis
        self.tracks: tuple[Track, ...] = ()
        self.renders = 0
        """How many times any track was rendered; the playhead must not make it grow."""
        self.budget_s = BUDGET_S
        self.positions = False
        self.empty_text = ""
        self._kept: dict[str, _Kept] = {}
        self._headers: dict[str, _Kept] = {}
        self._late: set[str] = set()
        """Rows that do not show, all over, what was rendered for the axis as it is."""
        self._ruler: _Kept | None = None
        self._loop: Span | None = None
        self._ghost: tuple[Track, Track] | None = None
        self._moments: NDArray[np.int64] = np.zeros((0, 2), np.int64)
        self.over: Callable[[QPainter], object] = lambda _: None
        """What is drawn over all rows, under the playhead."""
        self._scroll = 0
        self._now = 0
        self._deadline = 0.0
        axis.changed.connect(self.update)

    # --- what is shown ----------------------------------------------------------------------------

    def set_tracks(self, tracks: Sequence[Track]) -> None:
        """Show these rows; the ones that are gone are closed."""
        for gone in self.tracks:
            if gone not in tracks:
                gone.close()
        self.tracks = tuple(tracks)
        for kept in (self._kept, self._headers):
            for name in kept.keys() - {track.id for track in tracks}:
                del kept[name]
        for track in tracks:
            track.bind(self._track_changed)
            track.set_time(self._now)
        self.update()

    def set_scroll(self, y: int) -> None:
        """Put the row that starts `y` px down at the top, under the ruler."""
        if y != self._scroll:
            self._scroll = y
            self.update()

    @property
    def scrolled(self) -> int:
        """Px of rows that lie above the screen."""
        return self._scroll

    def set_loop(self, loop: Span | None) -> None:
        """Tint a stretch of the ruler."""
        if loop != self._loop:
            self._loop = loop
            self.update(0, 0, self.width(), ruler.HEIGHT)

    def set_ghost(self, track: Track | None, over: Track | None) -> None:
        """Draw a track's picture over another row too, so that both can be compared; None for no more."""
        ghost = None if track is None or over is None else (track, over)
        if ghost != self._ghost:
            for each in (ghost or ())[1:] + (self._ghost or ())[1:]:
                self._track_changed(each)
            self._ghost = ghost

    def set_moments(self, moments: NDArray[np.int64]) -> None:
        """Draw these spans (n, 2) in ns, by start, as a band on the ruler: the moments of an answer."""
        if len(moments) or len(self._moments):
            self._moments = moments
            self._ruler = None
            self.update(0, 0, self.width(), ruler.HEIGHT)

    def moments_at(self, ns: int) -> NDArray[np.int64]:
        """Those of the moments that lie under a time, or a few px beside it."""
        near = round(4 * self.axis.length / max(self.content_width, 1))
        return self._moments[(self._moments[:, 0] <= ns + near) & (self._moments[:, 1] >= ns - near)]

    def set_now(self, ns: int) -> None:
        """Move the playhead; repaints the strips where it was and is, and the rows with something live."""
        if ns == self._now:
            return
        before = self._playhead_rects()
        self._now = ns
        after = self._playhead_rects()
        dirty = QRegion()
        for old, new in zip(before, after, strict=True):
            if (old, new) == (before[0], after[0]) and old == new:
                continue  # the line stands on the same px: no row has to be painted
            near = abs(old.left() - new.left()) <= NEAR
            dirty += QRegion(old.united(new)) if near else QRegion(old) + QRegion(new)
        for track, row in self.rows():
            if track.set_time(ns):
                dirty += self._content(row).toAlignedRect()
        self.update(dirty)

    @property
    def now(self) -> int:
        """The playhead's time."""
        return self._now

    @property
    def lagging(self) -> bool:
        """Whether a row shows an older picture, stretched, because there was no time to render them all."""
        return bool(self._late)

    # --- where things are -------------------------------------------------------------------------

    @property
    def content_width(self) -> int:
        """Px from the header column to the right edge: what the axis is laid on."""
        return max(self.width() - header.WIDTH, 1)

    @property
    def total_height(self) -> int:
        """Px of all rows, without the ruler."""
        return sum(track.height + GAP for track in self.tracks)

    def rows(self) -> Iterator[tuple[Track, QRectF]]:
        """The tracks that are on the screen, with their rows over the whole width."""
        y = ruler.HEIGHT - self._scroll
        for track in self.tracks:
            if y >= self.height():
                return
            if y + track.height + GAP > ruler.HEIGHT:
                yield track, QRectF(0, y, self.width(), track.height)
            y += track.height + GAP

    def row_at(self, pos: QPointF) -> tuple[Track, QRectF] | None:
        """The track under a place, with its row; None on the ruler and below the last one."""
        if pos.y() < ruler.HEIGHT:
            return None
        return next((each for each in self.rows() if each[1].contains(pos)), None)

    def content_rect(self, track: Track) -> QRectF:
        """The part of a track's row that lies on the axis, empty where it is scrolled away."""
        return next((self._content(row) for each, row in self.rows() if each is track), QRectF())

    def x_of(self, ns: int) -> float:
        """Where a time lies in this widget."""
        return header.WIDTH + self.axis.x_of(ns, self.content_width)

    def ns_of(self, x: float) -> int:
        """The time at a place in this widget."""
        return self.axis.ns_of(x - header.WIDTH, self.content_width)

    def _content(self, row: QRectF) -> QRectF:
        return QRectF(header.WIDTH, row.top(), self.content_width, row.height())

    def _line_rect(self) -> QRectF:
        """The playhead's line, on whole device pixels so that it is as sharp everywhere."""
        ratio = self.devicePixelRatioF()
        x = round((self.x_of(self._now) - 1) * ratio) / ratio
        return QRectF(x, 4, 2, self.height() - 4)

    def _bubble_rect(self) -> QRectF:
        text = ruler.time_text(self._now, self.positions)
        return ruler.bubble_rect(self.x_of(self._now), text, header.WIDTH, self.width())

    def _playhead_rects(self) -> tuple[QRect, QRect]:
        """What the line and the bubble cover, empty where the playhead is off the screen."""
        if not self.axis.shows(self._now):
            return QRect(), QRect()
        line = self._line_rect().toAlignedRect().adjusted(-1, 0, 1, 0)
        return line, self._bubble_rect().toAlignedRect().adjusted(-1, -1, 1, 1)

    # --- painting ---------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Blit the kept pictures into what is exposed, then draw the playhead over them."""
        t = theme.current()
        region = event.region()
        painter = QPainter(self)
        for area in _rects(region):
            painter.fillRect(area, t.panel)
        rows = list(self.rows())
        self._deadline = time.perf_counter() + self.budget_s
        lagged = self.lagging
        self._late &= {track.id for track, _ in rows}
        below = QRect(0, ruler.HEIGHT, self.width(), self.height() - ruler.HEIGHT)
        painter.setClipRegion(region.intersected(below))
        for track, row in rows:
            if region.intersects(row.toAlignedRect().adjusted(0, 0, 0, GAP)):
                self._paint_row(painter, track, row, region)
        if not self.tracks and self.empty_text:
            painter.setPen(t.quiet)
            painter.setFont(theme.text_font())
            painter.drawText(below, int(Qt.AlignmentFlag.AlignCenter), self.empty_text)
        self.over(painter)
        painter.setClipRegion(region)
        self._paint_ruler(painter, region)
        painter.fillRect(QRectF(header.WIDTH - 1, 0, 1, self.height()), t.line)
        if self.axis.shows(self._now):
            painter.fillRect(self._line_rect(), t.playhead)
            ruler.paint_bubble(painter, self._bubble_rect(), ruler.time_text(self._now, self.positions))
        painter.end()
        if self._late:
            QTimer.singleShot(0, self, self._update_late)
        elif lagged:
            self.settled.emit()

    def _update_late(self) -> None:
        for track, row in self.rows():
            if track.id in self._late:
                self.update(self._content(row).toAlignedRect())

    def _paint_row(self, painter: QPainter, track: Track, row: QRectF, region: QRegion) -> None:
        t = theme.current()
        content = self._content(row)
        exposed = region.intersected(content.toAlignedRect())
        if not exposed.isEmpty():
            kept, current = self._picture(track, content)
            if not current:
                self._late.add(track.id)
            elif exposed == QRegion(content.toAlignedRect().intersected(self.rect())):
                self._late.discard(track.id)
            ratio = kept.picture.devicePixelRatioF()
            start, length = kept.shown[0], kept.shown[1] - kept.shown[0]
            scale = self.axis.length / length  # 1, but for a picture of an older span
            shift = (self.axis.visible[0] - start) / length * content.width()
            for area in _rects(exposed):
                target = QRectF(area)
                source = target.translated(-content.topLeft())
                x, width = source.x() * scale + shift, source.width() * scale
                part = QRectF(x * ratio, source.y() * ratio, width * ratio, source.height() * ratio)
                painter.drawPixmap(target, kept.picture, part)
            if self._ghost is not None and self._ghost[1] is track:
                self._paint_ghost(painter, self._ghost[0], content)
            if track.live:
                painter.save()
                painter.setClipRect(content, Qt.ClipOperation.IntersectClip)
                try:
                    track.paint_live(painter, content, self.axis)
                except Exception:
                    log.exception("drawing %s", track.id)
                painter.restore()
        if region.intersects(QRect(0, int(row.top()), header.WIDTH, int(row.height()))):
            painter.drawPixmap(row.topLeft(), self._header(track, row.height()))
        painter.fillRect(QRectF(0, row.bottom(), row.width(), GAP), t.line)

    def _paint_ghost(self, painter: QPainter, track: Track, content: QRectF) -> None:
        kept = self._kept.get(track.id)
        if kept is not None:
            painter.save()
            painter.setOpacity(GHOST)
            painter.drawPixmap(content, kept.picture, QRectF(kept.picture.rect()))
            painter.restore()

    def _header(self, track: Track, height: float) -> QPixmap:
        """The picture of a track's header, painted anew where anything that it shows is another."""
        key = (header.shown_of(track), height, theme.current().name, self.devicePixelRatioF())
        kept = self._headers.get(track.id)
        if kept is None or kept.key != key:
            kept = self._headers[track.id] = _Kept(key, self._blank(kept, header.WIDTH, round(height)))
            painter = QPainter(kept.picture)
            header.paint_header(painter, track, QRectF(0, 0, header.WIDTH, height))
            painter.end()
        return kept.picture

    def _picture(self, track: Track, content: QRectF) -> tuple[_Kept, bool]:
        """The track's kept picture, rendered anew where the axis, size, theme or data is another.

        Where this paint's time is up, one that differs by the visible span only is handed out as it is: the
        second says whether it is of the axis as it is now.
        """
        size = content.size().toSize()
        ratio = self.devicePixelRatioF()
        key = (self.axis.total, size, ratio, theme.current().name, track.revision)
        kept = self._kept.get(track.id)
        if kept is None or kept.key != key or kept.shown != self.axis.visible:
            if kept is not None and kept.key == key and time.perf_counter() > self._deadline:
                return kept, False
            picture = self._blank(kept, size.width(), size.height())
            kept = _Kept(key, picture, self.axis.visible)
            rect = QRectF(0, 0, size.width(), size.height())
            painter = QPainter(kept.picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            try:
                track.render(painter, rect, self.axis)
                self._paint_beyond(painter, rect)
            except Exception:
                # What one track cannot draw must not leave a painter open: Qt ends the program for that.
                log.exception("drawing %s", track.id)
                painter.setPen(theme.current().failed)
                painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), "This cannot be drawn")
            finally:
                painter.end()
            self._kept[track.id] = kept
            self.renders += 1
        return kept, True

    def _blank(self, old: _Kept | None, width: int, height: int) -> QPixmap:
        """An empty picture, the old one where it has the size: each new QPixmap that is painted on keeps
        six references to None for ever (PySide6 6.11)."""
        ratio = self.devicePixelRatioF()
        size = QSize(max(round(width * ratio), 1), max(round(height * ratio), 1))
        picture = QPixmap(size) if old is None or old.picture.size() != size else old.picture
        picture.setDevicePixelRatio(ratio)
        picture.fill(theme.current().panel)
        return picture

    def _paint_beyond(self, painter: QPainter, rect: QRectF) -> None:
        """Shade what lies before the record's start and after its end."""
        t = theme.current()
        start, end = (self.axis.x_of(ns, rect.width()) for ns in self.axis.total)
        shade = t.tint(t.stage, 0.7)
        if start > 0:
            painter.fillRect(QRectF(0, 0, start, rect.height()), shade)
        if end < rect.width():
            painter.fillRect(QRectF(end, 0, rect.width() - end, rect.height()), shade)

    def _paint_ruler(self, painter: QPainter, region: QRegion) -> None:
        t = theme.current()
        area = QRect(0, 0, self.width(), ruler.HEIGHT)
        if not region.intersects(area):
            return
        ratio = self.devicePixelRatioF()
        key = (self.axis.visible, self.axis.total, self.width(), ratio, t.name, self._loop, self.positions)
        if self._ruler is None or self._ruler.key != key:
            self._ruler = _Kept(key, self._blank(self._ruler, self.width(), ruler.HEIGHT))
            inner = QPainter(self._ruler.picture)
            content = QRectF(header.WIDTH, 0, self.content_width, ruler.HEIGHT)
            ruler.paint_ruler(inner, content, self.axis, self._loop, self.positions)
            ruler.paint_moments(inner, content, self.axis, self._moments)
            inner.setFont(theme.mono_font(ruler.LABEL_PX))
            inner.setPen(t.quiet)
            inner.drawText(
                area.adjusted(8, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self.duration_text()
            )
            inner.fillRect(QRectF(0, ruler.HEIGHT - 1, self.width(), 1), t.line)
            inner.end()
        painter.drawPixmap(0, 0, self._ruler.picture)

    def duration_text(self) -> str:
        """The record's length, as `15.000 s`, or the number of positions."""
        start, end = self.axis.total
        if self.positions:
            return f"{(end - start) // NS} blocks"
        return f"{(end - start) / NS:.3f} s"

    def _track_changed(self, track: Track) -> None:
        if self._ghost is not None and track is self._ghost[0]:
            self.update(self.content_rect(self._ghost[1]).toAlignedRect())
        row = self.content_rect(track)
        if not row.isEmpty():
            self.update(row.toAlignedRect())
