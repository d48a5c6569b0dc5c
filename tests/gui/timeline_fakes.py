"""What the timeline is tested on: made-up samples and sounds, a record, a view, and a wheel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication

from inspector.core.model import Anchor, Annotation, Clock, Cue, Modality, Record, Source, Stream, Word
from inspector.core.times import NS
from inspector.media.look import Look
from inspector.ui import theme
from inspector.ui.timeline import header
from inspector.ui.timeline.sensor_track import SensorTrack
from inspector.ui.timeline.text_track import TextTrack
from inspector.ui.timeline.track import Track
from inspector.ui.timeline.view import TimelineView
from inspector.ui.timeline.waveform import WaveformTrack

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from inspector.core.model import Span
    from inspector.ui.timeline.axis import TimeAxis

WIDTH = 1000
DURATION = 10 * NS
PLOTTED = ("acc_x", "acc_y", "flat", "gyro_x", "gyro_y", "gyro_z")
CLOCK = Clock("c", "relative")


class FakeSeries:
    """Samples with an envelope by equal counts."""

    def __init__(self, rate: int, seconds: int, channels: tuple[str, ...]) -> None:
        self.channels = channels
        self.t_ns = np.arange(rate * seconds, dtype=np.int64) * (NS // rate)
        phases = np.arange(len(channels))
        self.values: NDArray[np.float64] = np.sin(self.t_ns[:, None] / NS + phases)
        if "flat" in channels:
            self.values[:, channels.index("flat")] = 0.25

    def envelope(
        self, start_ns: int, end_ns: int, columns: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        first, last = np.searchsorted(self.t_ns, [start_ns, end_ns])
        t_ns, values = self.t_ns[first:last], self.values[first:last]
        if len(t_ns) <= columns:
            return t_ns, values, values
        edges = np.linspace(0, len(t_ns), columns + 1).astype(np.int64)[:-1]
        return t_ns[edges], np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)

    unread_ns: int | None = None

    def before(self, t_ns: int, later: Callable[[], None] | None = None) -> int | None:
        place = int(np.searchsorted(self.t_ns, t_ns, "right")) - 1
        return None if place < 0 else int(self.t_ns[place])

    def look(
        self,
        start_ns: int,
        end_ns: int,
        columns: int,
        channels: NDArray[np.int64] | None = None,
        later: Callable[[], None] | None = None,
    ) -> Look:
        t_ns, low, high = self.envelope(start_ns, end_ns, columns)
        return Look(t_ns, low, high) if channels is None else Look(t_ns, low[:, channels], high[:, channels])

    def extremes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.values.min(0), self.values.max(0)

    def at(self, t_ns: int, later: Callable[[], None] | None = None) -> NDArray[np.float64] | None:
        place = int(np.searchsorted(self.t_ns, t_ns, "right")) - 1
        return None if place < 0 else self.values[place]


class FakePeaks:
    """A sound of 0.5 that gets twice as loud at `step_ns`, known up to `known_ns`."""

    def __init__(self, step_ns: int = DURATION, known_ns: int = DURATION) -> None:
        self.step_ns, self.known_ns = step_ns, known_ns
        self.asked: list[Span] = []

    @property
    def loudest(self) -> float:
        return 1.0

    def envelope(
        self, start_ns: int, end_ns: int, columns: int, later: Callable[[], None] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.asked.append((start_ns, end_ns))
        t_ns = start_ns + (end_ns - start_ns) * (np.arange(columns) + 0.5) / columns
        high = np.where(t_ns < self.step_ns, 0.5, 1.0).astype(np.float32)
        high[(t_ns < 0) | (t_ns > self.known_ns)] = np.nan
        return -high, high


class CountingTrack(Track):
    """A track that counts how often it is rendered."""

    def __init__(self, name: str) -> None:
        super().__init__(name, name)
        self.renders = 0

    def render(self, painter: QPainter, rect: QRectF, axis: TimeAxis) -> None:
        self.renders += 1
        painter.fillRect(rect.adjusted(4, 4, -4, -4), self.color)


def stream(name: str, modality: Modality, span: Span | None = (0, DURATION), **more: object) -> Stream:
    return Stream(name, modality, Source(Path("x"), "av"), CLOCK, span, **more)  # type: ignore[arg-type]


def label(
    name: str, span: Span | None, tier: str = "t", author: str = "a", on: str | None = None
) -> Annotation:
    return Annotation(name, tier, name, (Anchor(on, span),), author)


def words(*spans: Span) -> Cue:
    made = tuple(Word(start, end, f"w{place}") for place, (start, end) in enumerate(spans))
    return Cue(spans[0][0], spans[-1][1], " ".join(word.text for word in made), made)


def full_record() -> Record:
    streams = (
        stream("front#video", Modality.VIDEO, rate=30.0),
        stream("voice#audio", Modality.AUDIO, rate=48000.0),
        stream("words", Modality.TEXT),
        stream("imu", Modality.SENSOR, channels=PLOTTED, rate=100.0),
        stream("photo", Modality.IMAGE),
    )
    labels = (label("one", (NS, 2 * NS)), label("two", (3 * NS, 4 * NS), author="b"))
    return Record("r", streams, reference="front#video", annotations=labels)


def fill(tracks: list[Track]) -> None:
    for track in tracks:
        if isinstance(track, WaveformTrack):
            track.set_peaks(FakePeaks())
        elif isinstance(track, TextTrack):
            track.set_cues([words((NS, 2 * NS), (2 * NS, 3 * NS))])
        elif isinstance(track, SensorTrack):
            track.set_series(FakeSeries(100, 10, PLOTTED))


def shown_view(qapp: QApplication) -> TimelineView:
    """A view of the full record on the screen, WIDTH px of it time, in which no row lags."""
    theme.load_fonts()
    theme.apply(qapp, light=False)
    made = TimelineView()
    made.resize(header.WIDTH + WIDTH, 620)
    made.show()
    made.set_record(full_record())
    made.canvas.budget_s = 60.0  # however slow the machine
    return made


def wheel(
    view: TimelineView,
    pos: QPointF,
    dx: int = 0,
    dy: int = 0,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    event = QWheelEvent(
        pos,
        view.mapToGlobal(pos),
        QPoint(),
        QPoint(dx, dy),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def at(view: TimelineView, ns: int, y: int = 10) -> QPoint:
    return QPoint(round(view.canvas.x_of(ns)), y)


def rendered(track: Track, axis: TimeAxis, width: int = WIDTH) -> QImage:
    image = QImage(width, track.height, QImage.Format.Format_RGB32)
    image.fill(theme.current().panel)
    painter = QPainter(image)
    track.render(painter, QRectF(0, 0, width, track.height), axis)
    painter.end()
    return image


def differs(image: QImage, x: int, y: int) -> bool:
    return QColor(image.pixel(x, y)) != theme.current().panel
