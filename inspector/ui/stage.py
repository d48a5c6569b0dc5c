"""All pictures of a record at once, in the grid that makes them largest; they change together."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt, QTimer, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from inspector.playback.shown import State
from inspector.ui import theme
from inspector.ui.views.camera import CameraView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QPaintEvent, QResizeEvent

    from inspector.core.model import Annotation
    from inspector.ui.views.camera import Feed

TOGETHER_S = 0.6
"""Paused pictures wait this long for the slowest camera, then come without it: it shows none until it has its
own, so that never two moments are seen at once."""
GAP = 8


class Stage(QWidget):
    """The grid of cameras. `empty_text` is what it says where a record has no pictures."""

    settled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cameras: list[CameraView] = []
        self._time_ns = 0
        self._asked = 0.0
        self._title = ""
        self._text = ""
        # While playing decoders are told only after all was painted: once awake they take Python's lock from
        # it, and they are ahead anyway.
        self._wanting = QTimer(self, singleShot=True, interval=0)
        self._wanting.timeout.connect(lambda: self._want(self._time_ns, True, False))
        self.setMinimumSize(240, 160)
        self.setAccessibleName("stage")

    def set_cameras(self, feeds: Sequence[tuple[Feed, Sequence[Annotation]]]) -> None:
        """Other pictures; the feeds are the caller's to close."""
        for camera in self.cameras:
            camera.hide()
            camera.deleteLater()
        self.cameras = [CameraView(feed, labels, self) for feed, labels in feeds]
        self._asked = time.monotonic()
        self._place()
        for camera in self.cameras:
            camera.show()
        self.update()

    def set_words(self, title: str, text: str) -> None:
        """What stands on the empty stage: a headline and a line under it."""
        if (title, text) != (self._title, self._text):
            self._title, self._text = title, text
            self.update()

    def show_time(self, reference_ns: int, playing: bool, dragging: bool) -> bool:
        """Ask the feeds for a time and show what they have; again for the same time when news came in.

        True where other pictures were shown than before.
        """
        if reference_ns != self._time_ns:
            self._time_ns = reference_ns
            self._asked = time.monotonic()
        looks = [camera.look(reference_ns) for camera in self.cameras]
        if not playing:
            self._wanting.stop()
            self._want(reference_ns, playing, dragging)
        waiting = any(look.state is State.WAITING for look in looks)  # a draft is the right moment too
        together = not playing and not dragging and len(self.cameras) > 1
        if waiting and not playing and not dragging and time.monotonic() - self._asked < TOGETHER_S:
            return False  # all or none: the slowest camera's news brings us back here
        changed = [
            camera
            for camera, look in zip(self.cameras, looks, strict=True)
            if camera.present(reference_ns, look, not playing, stand_in=not together)
        ]
        if changed and playing:
            # Now, and together: what else moves with the playhead is painted after the pictures.
            (changed[0] if len(changed) == 1 else self).repaint()
        if playing:
            self._wanting.start()
        if not waiting:
            self.settled.emit()
        return bool(changed)

    def _want(self, reference_ns: int, playing: bool, dragging: bool) -> None:
        for camera in self.cameras:
            camera.feed.want(reference_ns, playing, dragging)

    @property
    def all_settled(self) -> bool:
        """Whether every camera shows what belongs to the playhead."""
        return all(camera.settled_at(self._time_ns) for camera in self.cameras)

    def _place(self) -> None:
        """The number of columns under which the pictures come out largest."""
        count = len(self.cameras)
        if not count:
            return
        area = self.rect().adjusted(12, 12, -12, -12)
        shapes = [self._shape(camera) for camera in self.cameras]
        best, best_columns = -1.0, 1
        for columns in range(1, count + 1):
            rows = -(-count // columns)
            w = (area.width() - GAP * (columns - 1)) / columns
            h = (area.height() - GAP * (rows - 1)) / rows
            total = sum(min(w / shape, h) ** 2 * shape for shape in shapes)
            if total > best * 1.001:
                best, best_columns = total, columns
        rows = -(-count // best_columns)
        w = (area.width() - GAP * (best_columns - 1)) / best_columns
        h = (area.height() - GAP * (rows - 1)) / rows
        for at, camera in enumerate(self.cameras):
            row, column = divmod(at, best_columns)
            in_row = min(best_columns, count - row * best_columns)
            inset = (best_columns - in_row) * (w + GAP) / 2
            camera.setGeometry(
                QRect(
                    round(area.x() + inset + column * (w + GAP)),
                    round(area.y() + row * (h + GAP)),
                    int(w),
                    int(h),
                )
            )

    @staticmethod
    def _shape(camera: CameraView) -> float:
        meta = camera.feed.stream.meta
        width, height = camera.feed.size or (meta.get("width") or 16, meta.get("height") or 9)
        if round(meta.get("rotation") or 0) % 180:
            width, height = height, width
        return max(width, 1) / max(height, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colors = theme.current()
        painter.fillRect(self.rect(), colors.stage)
        if not self.cameras:
            middle = self.rect().adjusted(32, 32, -32, -32)
            painter.setPen(colors.text)
            painter.setFont(theme.text_font(22))
            flags = int(
                Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom | Qt.TextFlag.TextWordWrap
            )
            painter.drawText(middle.adjusted(0, 0, 0, -middle.height() // 2), flags, self._title)
            painter.setPen(colors.quiet)
            painter.setFont(theme.text_font(13))
            flags = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap)
            painter.drawText(middle.adjusted(0, middle.height() // 2 + 12, 0, 0), flags, self._text)
        painter.end()
