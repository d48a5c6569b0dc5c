"""The hand on a picture: boxes and points drawn, chosen, moved, sized, nudged and deleted, in whole pixels.

What is under way is seen (`preview`) and told once, when the button is let go or the keys rest: one gesture
is one edit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakMethod, proxy

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, QTimer, Signal

from inspector.ui.regions import POINT_PX, Region, region_between

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QKeyEvent, QMouseEvent
    from PySide6.QtWidgets import QWidget

T = TypeVar("T")

GRIP_PX = 7.0
"""So near to a corner or an outline the hand takes hold of it."""
REST_MS = 300
"""Keys that follow each other sooner than this are one edit."""
WAIT_MS = 3000
"""After this what was told and did not come back was refused."""
FAR_STEP = 10
"""Pixels of an arrow key with Shift."""
ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
ERASE = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)


@dataclass(frozen=True, slots=True)
class Held:
    """A region on the picture: of which label, and of which of its anchors."""

    label_id: str
    place: int
    region: Region


def _weak(method: Callable[[], T]) -> Callable[[], T]:
    """A bound method of an object that is there for as long as anybody calls it."""
    weak = WeakMethod(method)

    def call() -> T:
        there = weak()
        assert there is not None
        return there()

    return call


class RegionHand(QObject):
    """Of one picture. It asks where that is painted, how many pixels it has and what is on it."""

    drawn = Signal(object)
    """A new region."""
    reshaped = Signal(str, int, object)
    """A label's id, the place of the anchor, and its region from now on."""
    picked = Signal(str)
    """The id of the label that was clicked, "" for none of those that are there."""
    erased = Signal(str, int)

    def __init__(
        self,
        view: QWidget,
        rect: Callable[[], QRectF],
        pixels: Callable[[], tuple[int, int]],
        held: Callable[[], Sequence[Held]],
    ) -> None:
        super().__init__(view)
        # Weak: a picture that is gone must be gone at once, with all that it holds.
        self._view = proxy(view)
        self._rect, self._pixels, self._held = _weak(rect), _weak(pixels), _weak(held)
        self.on = False
        self.chosen: frozenset[str] = frozenset()
        """Ids of the chosen labels: theirs are the regions that can be moved."""
        self.preview: Held | None = None
        self._drawing: tuple[QPointF, QPointF] | None = None
        self._grabbed: tuple[Held, tuple[int, int] | None, QPointF] | None = None
        """What is dragged, by which corner (0 or 1 in x and in y; None: as a whole), from where."""
        self._free = False
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.commit)
        self._told = False
        """Whether what is previewed was told, and is shown until the labels have it."""
        self._waits = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._waits.timeout.connect(self.settled)

    def set_on(self, on: bool) -> None:
        """Whether the picture is being marked."""
        self.commit()
        self.on, self._drawing, self._grabbed = on, None, None
        self._view.setMouseTracking(on)
        self._view.setFocusPolicy(Qt.FocusPolicy.ClickFocus if on else Qt.FocusPolicy.NoFocus)
        self._view.setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)
        self._view.update()

    def choose(self, ids: frozenset[str]) -> None:
        """Other labels are chosen."""
        if ids != self.chosen:
            self.commit()
            self.chosen = ids
            self._view.update()

    @property
    def drawing(self) -> Region | None:
        """The region that is being drawn."""
        return None if self._drawing is None else self._between(*self._drawing)

    @property
    def mine(self) -> Held | None:
        """The region of a chosen label, as it is about to be."""
        if self.preview is not None:
            return self.preview
        return next((each for each in self._held() if each.label_id in self.chosen), None)

    # -- mouse ---------------------------------------------------------------------------------------------

    def press(self, event: QMouseEvent) -> bool:
        """Take hold of a chosen region, or begin a new one; False where the picture is not marked."""
        if not self.on or event.button() is not Qt.MouseButton.LeftButton:
            return False
        self.commit()
        at = event.position()
        mine = self.mine
        grip = None if mine is None else self._grip(mine.region, at)
        if mine is not None and grip is not None:
            self._grabbed = (mine, grip[0], at)
        else:
            self._drawing = (at, at)
        return True

    def move(self, event: QMouseEvent) -> bool:
        """Follow the pointer."""
        at, self._free = event.position(), _free(event)
        if self._grabbed is not None:
            mine, corner, start = self._grabbed
            self._show(mine, self._moved(mine.region, corner, at - start))
        elif self._drawing is not None:
            self._drawing = (self._drawing[0], at)
        elif self.on:
            self._view.setCursor(self._cursor(at))
            return True
        else:
            return False
        self._view.update()
        return True

    def release(self, event: QMouseEvent) -> bool:
        """Tell what was done."""
        self._free = _free(event)
        if self._grabbed is not None:
            self.move(event)
            self._grabbed = None
            self.commit()
            return True
        if self._drawing is None:
            return False
        (start, _), self._drawing = self._drawing, None
        self._view.update()
        region = self._between(start, event.position())
        if region is None:
            return True
        if region[2] == 0 and region[3] == 0:
            hit = self._hit(event.position())
            if hit is not None or self.mine is not None:
                self.picked.emit("" if hit is None else hit.label_id)
                return True
        self.drawn.emit(region)
        return True

    def _hit(self, at: QPointF) -> Held | None:
        """The region whose outline, or point, is at a place; of several the smallest."""
        found = [each for each in self._held() if self._on_line(each.region, at)]
        return min(found, key=lambda each: each.region[2] * each.region[3], default=None)

    def _on_line(self, region: Region, at: QPointF) -> bool:
        area = self._area(region)
        grown, shrunk = (area.adjusted(-by, -by, by, by) for by in (GRIP_PX, -GRIP_PX))
        return grown.contains(at) and not (shrunk.isValid() and shrunk.contains(at))

    def _grip(self, region: Region, at: QPointF) -> tuple[tuple[int, int] | None] | None:
        """By what a region is held at a place: a corner, or (None) itself; None where it is not."""
        area = self._area(region)
        if region[2] or region[3]:
            for x, left in enumerate((area.left(), area.right())):
                for y, top in enumerate((area.top(), area.bottom())):
                    if max(abs(at.x() - left), abs(at.y() - top)) <= GRIP_PX:
                        return ((x, y),)
        by = GRIP_PX if region[2] or region[3] else POINT_PX + GRIP_PX
        return (None,) if area.adjusted(-by, -by, by, by).contains(at) else None

    def _cursor(self, at: QPointF) -> Qt.CursorShape:
        mine = self.mine
        grip = None if mine is None else self._grip(mine.region, at)
        if grip is None:
            return Qt.CursorShape.PointingHandCursor if self._hit(at) else Qt.CursorShape.CrossCursor
        corner = grip[0]
        if corner is None:
            return Qt.CursorShape.SizeAllCursor
        return Qt.CursorShape.SizeFDiagCursor if corner[0] == corner[1] else Qt.CursorShape.SizeBDiagCursor

    # -- keys ----------------------------------------------------------------------------------------------

    def wants(self, event: QKeyEvent) -> bool:
        """Whether a key is for the region of a chosen label, and no shortcut of the window."""
        held = event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
        key = Qt.Key(event.key())
        return self.on and not held and (key in ARROWS or key in ERASE) and self.mine is not None

    def key(self, event: QKeyEvent) -> bool:
        """Nudge the region by a pixel (with Shift by ten), or take it away; False where it is no such key."""
        mine = self.mine
        if mine is None or not self.wants(event):
            return False
        if event.key() in ERASE:
            self.preview, self._told = None, False
            self._rest.stop()
            self.erased.emit(mine.label_id, mine.place)
            return True
        x, y = ARROWS[Qt.Key(event.key())]
        by = FAR_STEP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        rect, (wide, high) = self._rect(), self._pixels()
        step = QPointF(x * by * rect.width() / wide, y * by * rect.height() / high)
        self._free = False
        self._show(mine, self._moved(mine.region, None, step))
        self._rest.start()
        self._view.update()
        return True

    def _show(self, mine: Held, region: Region) -> None:
        self.preview, self._told = Held(mine.label_id, mine.place, region), False

    def commit(self) -> None:
        """Tell what was nudged or dragged so far; it is shown until the labels have it."""
        self._rest.stop()
        made = self.preview
        if made is None or self._told or self._grabbed is not None:
            return
        before = (each.region for each in self._held() if _same(each, made))
        if next(before, made.region) == made.region:
            self.preview = None
        else:
            self._told = True
            self._waits.start()
            self.reshaped.emit(made.label_id, made.place, made.region)
        self._view.update()

    def settled(self) -> None:
        """The labels are others: what was told is among them, or was refused."""
        if self._told:
            self.preview, self._told = None, False
            self._waits.stop()
            self._view.update()

    # -- pixels --------------------------------------------------------------------------------------------

    def _area(self, region: Region) -> QRectF:
        rect = self._rect()
        return QRectF(
            rect.left() + region[0] * rect.width(),
            rect.top() + region[1] * rect.height(),
            region[2] * rect.width(),
            region[3] * rect.height(),
        )

    def _between(self, start: QPointF, end: QPointF) -> Region | None:
        region = region_between(self._rect(), start, end)
        return region if region is None or self._free else snapped(region, self._pixels())

    def _moved(self, region: Region, corner: tuple[int, int] | None, by: QPointF) -> Region:
        """A region dragged by so many px of the screen, as a whole or by a corner, within the picture."""
        rect = self._rect()
        dx, dy = by.x() / max(rect.width(), 1), by.y() / max(rect.height(), 1)
        x, y, w, h = region
        if corner is None:
            x, y = min(max(x + dx, 0.0), 1 - w), min(max(y + dy, 0.0), 1 - h)
        else:
            edges = [[x, x + w], [y, y + h]]
            for axis, (side, step) in enumerate(zip(corner, (dx, dy), strict=True)):
                edges[axis][side] = min(max(edges[axis][side] + step, 0.0), 1.0)
            (x, right), (y, low) = (sorted(pair) for pair in edges)
            w, h = right - x, low - y
        moved = (x, y, w, h)
        return moved if self._free else snapped(moved, self._pixels(), whole=corner is None)


def snapped(region: Region, pixels: tuple[int, int], whole: bool = False) -> Region:
    """A region on whole pixels: a box's edges between two, a pixel wide at least; a point in one's middle.

    `whole`: it keeps its size.
    """
    found = []
    for start, length, count in zip(region[:2], region[2:], pixels, strict=True):
        if not region[2] and not region[3]:
            found.append(((min(int(start * count), count - 1) + 0.5) / count, 0.0))
            continue
        low = round(start * count)
        high = low + round(length * count) if whole else round((start + length) * count)
        low = min(low, count - 1)
        found.append((low / count, max(high - low, 1) / count))
    (x, w), (y, h) = found
    return x, y, min(w, 1 - x), min(h, 1 - y)


def _same(one: Held, other: Held) -> bool:
    return (one.label_id, one.place) == (other.label_id, other.place)


def _free(event: QMouseEvent) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
