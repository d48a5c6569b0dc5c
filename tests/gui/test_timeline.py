"""The timeline: its axis, its gestures, and that a moving playhead renders nothing."""

from __future__ import annotations

import gc
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QHelpEvent, QImage, QPainter, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from inspector.core.model import Anchor, Annotation, Clock, Cue, Modality, Record, Source, Stream, Word
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.ui import theme
from inspector.ui.timeline import header, ruler
from inspector.ui.timeline.axis import MIN_SPAN_NS, TimeAxis
from inspector.ui.timeline.build import build_tracks, short_titles, tracks_of
from inspector.ui.timeline.channels import MOST, group_channels
from inspector.ui.timeline.filmstrip import FilmStripTrack
from inspector.ui.timeline.label_track import LabelTrack
from inspector.ui.timeline.sensor_track import SensorTrack
from inspector.ui.timeline.text_track import TextTrack
from inspector.ui.timeline.track import Track, stack
from inspector.ui.timeline.view import FOLLOW_PAUSE_S, TimelineView
from inspector.ui.timeline.waveform import WaveformTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from inspector.core.model import Span
    from inspector.ui.timeline.track import StreamTrack

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

    def at(self, t_ns: int) -> NDArray[np.float64] | None:
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
        self, start_ns: int, end_ns: int, columns: int
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


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> Iterator[TimelineView]:
    theme.load_fonts()
    theme.apply(qapp, light=False)
    made = TimelineView()
    qtbot.addWidget(made)
    made.resize(header.WIDTH + WIDTH, 620)
    made.show()
    qtbot.waitExposed(made)
    made.set_record(full_record())
    made.canvas.budget_s = 60.0  # no row lags, however slow the machine
    yield made
    made.set_tracks(())


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


# --- the axis -------------------------------------------------------------------------------------

totals = st.tuples(st.integers(-(10**15), 10**15), st.integers(1, 10**15)).map(lambda t: (t[0], t[0] + t[1]))
moves = st.lists(
    st.one_of(
        st.tuples(st.just("zoom"), st.floats(-0.2, 1.2), st.floats(0.001, 1000)),
        st.tuples(st.just("pan"), st.floats(-2, 2), st.just(0.0)),
        st.tuples(st.just("show"), st.floats(-1, 2), st.floats(0, 3)),
    ),
    max_size=8,
)


def moved(axis: TimeAxis, many: list[tuple[str, float, float]]) -> None:
    for kind, a, b in many:
        start, end = axis.visible
        length = end - start
        if kind == "zoom":
            axis.zoom_at(start + round(a * length), b)
        elif kind == "pan":
            axis.pan(round(a * length))
        else:
            total = axis.total[1] - axis.total[0]
            first = axis.total[0] + round(a * total)
            axis.show(first, first + round(b * total))


@given(totals, moves)
def test_axis_stays_within_its_limits(total: Span, many: list[tuple[str, float, float]]) -> None:
    axis = TimeAxis()
    axis.set_total(*total)
    moved(axis, many)
    low, high = axis.limits
    start, end = axis.visible
    assert low <= start < end <= high
    assert end - start >= MIN_SPAN_NS
    length = axis.total[1] - axis.total[0]
    assert high - low <= length + length // 25
    axis.fit()
    assert axis.fitted


@given(totals, moves, st.integers(50, 4000), st.floats(0, 1))
def test_axis_places_and_times_are_inverse(
    total: Span, many: list[tuple[str, float, float]], width: int, part: float
) -> None:
    axis = TimeAxis()
    axis.set_total(*total)
    moved(axis, many)
    ns = axis.visible[0] + round(part * axis.length)
    x = axis.x_of(ns, width)
    assert abs(axis.ns_of(x, width) - ns) <= 1 + axis.length * 1e-12
    assert axis.x_of(axis.visible[0], width) == 0
    assert axis.x_of(axis.visible[1], width) == width
    assert axis.x_of_array(np.array([ns]), width)[0] == pytest.approx(x, abs=1e-6)


@given(totals, st.floats(0, 1), st.lists(st.floats(1, 50), min_size=1, max_size=6))
def test_zooming_in_keeps_the_anchor_in_its_place(total: Span, part: float, factors: list[float]) -> None:
    axis = TimeAxis()
    axis.set_total(*total)
    anchor = axis.visible[0] + round(part * axis.length)
    before = axis.x_of(anchor, 1920)
    for factor in factors:
        axis.zoom_at(anchor, factor)
    assert abs(axis.x_of(anchor, 1920) - before) < 0.01


@given(st.integers(MIN_SPAN_NS, 10**15), st.integers(300, 4000))
def test_ticks_are_readable_and_aligned(length: int, width: int) -> None:
    major, minor = ruler.tick_steps(length, width)
    assert major % minor == 0
    assert major * width / length >= ruler.MIN_STEP_PX or major == ruler.STEPS[-1]
    assert minor == major or minor * width / length >= ruler.MIN_MINOR_PX


@pytest.mark.parametrize(
    ("ns", "step", "text"),
    [
        (7 * NS, NS, "0:07"),
        (67 * NS, NS, "1:07"),
        (7 * NS + NS // 2, NS // 2, "0:07.5"),
        (7 * NS, NS // 1000, "0:07.000"),
        (3661 * NS, NS, "1:01:01"),
    ],
)
def test_tick_labels_carry_the_decimals_of_their_step(ns: int, step: int, text: str) -> None:
    assert ruler.tick_label(ns, step) == text


def test_a_document_counts_positions() -> None:
    major, minor = ruler.tick_steps(5 * NS, 1000, positions=True)
    assert (major, minor) == (NS, NS)
    assert ruler.tick_label(3 * NS, major, positions=True) == "3"


# --- gestures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ns", [NS // 10, 3 * NS, 9 * NS])
def test_ctrl_wheel_keeps_the_time_under_the_pointer(view: TimelineView, ns: int) -> None:
    pos = QPointF(at(view, ns))
    under = view.canvas.ns_of(pos.x())
    for _ in range(8):
        wheel(view, pos, dy=120, modifiers=Qt.KeyboardModifier.ControlModifier)
        assert abs(view.canvas.x_of(under) - pos.x()) <= 1
    assert view.axis.length < DURATION // 4
    for _ in range(5):
        wheel(view, pos, dy=-120, modifiers=Qt.KeyboardModifier.ControlModifier)
        assert abs(view.canvas.x_of(under) - pos.x()) <= 1


def test_shift_wheel_and_sideways_wheel_pan(view: TimelineView) -> None:
    view.axis.show(4 * NS, 5 * NS)
    pos = QPointF(500, 100)
    wheel(view, pos, dy=-120, modifiers=Qt.KeyboardModifier.ShiftModifier)
    assert view.axis.visible == (4 * NS + NS // 10, 5 * NS + NS // 10)
    wheel(view, pos, dx=120)
    assert view.axis.visible == (4 * NS, 5 * NS)


def test_plain_wheel_scrolls_the_rows_only(view: TimelineView) -> None:
    tracks = [CountingTrack(str(place)) for place in range(30)]
    view.set_tracks(tracks)
    before = view.axis.visible
    first = view.canvas.content_rect(tracks[0]).top()
    wheel(view, QPointF(500, 100), dy=-120)
    assert view.axis.visible == before
    view.canvas.grab()
    assert view.canvas.content_rect(tracks[0]).top() == first - 56
    assert tracks[29].renders == 0  # what is off the screen is not rendered


def test_a_drag_scrubs_and_a_click_is_start_and_end(view: TimelineView, qtbot: QtBot) -> None:
    told: list[tuple[str, int | None]] = []
    view.scrub_started.connect(lambda: told.append(("start", None)))
    view.scrub_moved.connect(lambda ns: told.append(("move", ns)))
    view.scrub_ended.connect(lambda ns: told.append(("end", ns)))
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=at(view, 2 * NS))
    assert view.scrubbing
    for ns in (3 * NS, 4 * NS):
        QTest.mouseMove(view, at(view, ns))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at(view, 4 * NS))
    assert not view.scrubbing
    assert told == [
        ("start", None),
        ("move", 2 * NS),
        ("move", 3 * NS),
        ("move", 4 * NS),
        ("end", 4 * NS),
    ]
    told.clear()
    view.set_tracks([CountingTrack("one")])
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 6 * NS, ruler.HEIGHT + 20))
    assert told == [("start", None), ("move", 6 * NS), ("end", 6 * NS)]


def test_times_beyond_32_bits_arrive_whole(view: TimelineView) -> None:
    view.axis.set_total(0, 36_000 * NS)
    got: list[int] = []
    view.scrub_ended.connect(got.append)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=at(view, 18_000 * NS))
    assert got == [18_000 * NS]


def test_a_scrub_never_asks_for_a_time_outside_the_record(view: TimelineView) -> None:
    got: list[int] = []
    view.scrub_moved.connect(got.append)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=at(view, 5 * NS))
    QTest.mouseMove(view, QPoint(-400, 10))
    QTest.mouseMove(view, QPoint(view.width() + 400, 10))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(view.width() + 400, 10))
    assert got[1] == 0
    assert got[-1] == DURATION


@pytest.mark.parametrize(
    ("button", "modifier"),
    [
        (Qt.MouseButton.MiddleButton, Qt.KeyboardModifier.NoModifier),
        (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier),
    ],
)
def test_middle_drag_and_alt_drag_pan(
    view: TimelineView, button: Qt.MouseButton, modifier: Qt.KeyboardModifier
) -> None:
    asked: list[int] = []
    view.scrub_moved.connect(asked.append)
    view.axis.show(4 * NS, 6 * NS)
    QTest.mousePress(view, button, modifier, QPoint(600, 100))
    QTest.mouseMove(view, QPoint(500, 100))
    QTest.mouseRelease(view, button, modifier, QPoint(500, 100))
    assert view.axis.visible[0] == pytest.approx(4 * NS + NS // 5, abs=10**7)
    assert not asked


def test_double_click_on_the_ruler_fits(view: TimelineView) -> None:
    ended: list[int] = []
    view.scrub_ended.connect(ended.append)
    view.axis.show(4 * NS, 5 * NS)
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=QPoint(600, 10))
    assert view.axis.fitted
    assert len(ended) <= 1  # the first click's


def test_dragging_a_header_edge_resizes_and_a_double_click_resets(view: TimelineView) -> None:
    track, other = CountingTrack("one"), CountingTrack("two")
    view.set_tracks([track, other])
    edge = QPoint(40, ruler.HEIGHT + track.height)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=edge)
    QTest.mouseMove(view, edge + QPoint(0, 30))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=edge + QPoint(0, 30))
    assert track.height == 86
    again = CountingTrack("one")
    view.set_tracks([again])
    assert again.height == 86  # the next record's track of that name keeps it
    QTest.mouseDClick(view, Qt.MouseButton.LeftButton, pos=QPoint(40, ruler.HEIGHT + 86))
    assert again.height == 56


def test_the_view_pages_after_the_playhead_but_not_against_the_curator(view: TimelineView) -> None:
    now = [100.0]
    view.clock = lambda: now[0]
    view.axis.show(0, 2 * NS)
    view.set_time(2 * NS + 1)
    assert view.axis.shows(2 * NS + 1)
    assert view.axis.length == 2 * NS
    wheel(view, QPointF(500, 100), dy=-1200, modifiers=Qt.KeyboardModifier.ShiftModifier)
    put = view.axis.visible
    view.set_time(NS)
    assert view.axis.visible == put
    now[0] += FOLLOW_PAUSE_S
    view.set_time(NS)
    assert view.axis.visible == put  # the same time again is no move
    view.set_time(NS + 1)
    assert view.axis.shows(NS + 1)


# --- what is painted, and when --------------------------------------------------------------------


def test_moving_the_playhead_renders_nothing(view: TimelineView, qapp: QApplication) -> None:
    counting = [CountingTrack("one"), CountingTrack("two")]
    real = build_tracks(full_record())
    fill(real)
    view.set_tracks([*counting, *real])
    view.resize(view.width(), 900)
    view.repaint()
    view.grab()
    before, renders = [track.renders for track in counting], view.canvas.renders
    for step in range(300):
        view.set_time(step * DURATION // 300)
        view.canvas.repaint(view.canvas._playhead_region())
        if step % 50 == 0:
            qapp.processEvents()
    assert [track.renders for track in counting] == before
    assert view.canvas.renders == renders


def test_the_playhead_exposes_two_strips(view: TimelineView, qapp: QApplication) -> None:
    view.set_tracks([CountingTrack("one")])
    view.set_time(NS)
    qapp.processEvents()
    exposed = []
    canvas = view.canvas
    paint = canvas.paintEvent

    def watched(event: object) -> None:
        exposed.append(event.region())  # type: ignore[attr-defined]
        paint(event)  # type: ignore[arg-type]

    canvas.paintEvent = watched  # type: ignore[method-assign]
    view.set_time(6 * NS)
    qapp.processEvents()
    area = sum(each.width() * each.height() for region in exposed for each in region)
    assert 0 < area < 2 * (6 * canvas.height() + 100 * ruler.HEIGHT)
    canvas.grab()  # leave nothing pending for the instance's own handler
    del canvas.paintEvent


def test_the_playhead_is_drawn_where_its_time_is(view: TimelineView) -> None:
    view.set_tracks([CountingTrack("one")])
    view.set_time(4 * NS)
    image = view.grab().toImage()
    y = view.height() - 10
    xs = [x for x in range(image.width()) if QColor(image.pixel(x, y)) == theme.current().playhead]
    assert xs
    assert abs(np.mean(xs) + 0.5 - view.canvas.x_of(4 * NS)) <= 1


def test_rows_that_lag_behind_a_zoom_catch_up(view: TimelineView, qtbot: QtBot) -> None:
    tracks = [CountingTrack(str(place)) for place in range(4)]
    view.set_tracks(tracks)
    view.grab()
    view.canvas.budget_s = -1.0  # every row lags that can
    view.axis.show(2 * NS, 3 * NS)
    view.canvas.repaint()
    assert view.canvas.lagging
    assert [track.renders for track in tracks] == [1, 1, 1, 1]
    with qtbot.waitSignal(view.canvas.settled, timeout=2000):
        view.canvas.budget_s = 60.0
    assert not view.canvas.lagging
    assert [track.renders for track in tracks] == [2, 2, 2, 2]


def test_invalidating_a_track_renders_that_one(view: TimelineView) -> None:
    one, two = CountingTrack("one"), CountingTrack("two")
    view.set_tracks([one, two])
    view.grab()
    one.invalidate()
    view.grab()
    assert (one.renders, two.renders) == (2, 1)


def test_a_theme_change_renders_in_the_new_colours(view: TimelineView, qapp: QApplication) -> None:
    track = CountingTrack("one")
    view.set_tracks([track])
    view.grab()
    theme.apply(qapp, light=True)
    image = view.grab().toImage()
    assert track.renders == 2
    assert QColor(image.pixel(600, 60)) == theme.LIGHT.modality[Modality.VIDEO]
    theme.apply(qapp, light=False)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal: nothing to lose")
def test_repainting_neither_loses_nor_keeps_references_to_none(view: TimelineView) -> None:
    """PySide6 6.12.0 on Python 3.11 lost some 20 a repaint, and aborted."""
    tracks = build_tracks(full_record())
    fill(tracks)
    view.set_tracks(tracks)
    view.resize(view.width(), 700)

    def repaint(times: int) -> None:
        for step in range(times):
            view.axis.show(step * 10**6, DURATION - 10**6)
            view.set_time(step * 10**7)
            view.grab()
        gc.collect()

    repaint(20)  # imports, first-use caches
    renders, before = view.canvas.renders, sys.getrefcount(None)
    repaint(300)
    growth = sys.getrefcount(None) - before
    assert view.canvas.renders - renders >= 300 * 5
    assert abs(growth) < 50, growth


# --- tracks ---------------------------------------------------------------------------------------


def test_tracks_stand_in_the_order_of_the_drawing() -> None:
    tracks = build_tracks(full_record())
    kinds = [type(track).__name__ for track in tracks]
    assert kinds == [
        "FilmStripTrack",
        "WaveformTrack",
        "TextTrack",
        *["SensorTrack"] * 3,
        "PlainTrack",
        *["LabelTrack"] * 2,
    ]
    assert [track.title for track in tracks[:3]] == ["front", "voice", "words"]
    assert tracks[0].chip is not None
    assert tracks[0].chip.text == "ref"
    assert all(track.chip is not None and track.chip.kind != "good" for track in tracks)
    plotted = [name for track in tracks_of(tracks, "imu") for name in track.channels]  # type: ignore[attr-defined]
    assert sorted(plotted) == sorted(PLOTTED)


def test_a_nominal_clock_says_so() -> None:
    nominal = Stream("s", Modality.SENSOR, Source(Path("x"), "table"), Clock("n", "nominal"), (0, NS))
    (track,) = build_tracks(Record("r", (nominal,)))
    assert track.chip is not None
    assert track.chip.kind == "unmeasured"
    assert "nominal" in track.chip.tooltip


def test_titles_are_short_but_tell_streams_apart() -> None:
    ids = ("a/clip#video", "b/clip#video", "observation.images.cam_high", "c/front#video2")
    titles = short_titles(Record("r", tuple(stream(each, Modality.VIDEO) for each in ids)))
    assert titles["observation.images.cam_high"] == "cam_high"
    assert titles["c/front#video2"] == "front 2"
    assert titles["a/clip#video"] != titles["b/clip#video"]


@pytest.mark.usefixtures("view")
def test_label_boxes_lie_at_their_times() -> None:
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    late = stream("s", Modality.SENSOR, timemap=TimeMap.offset(NS))
    annotations = (label("a", (2 * NS, 4 * NS)), label("b", (7 * NS, 8 * NS), on="s"))
    track = LabelTrack(Record("r", (stream("v", Modality.VIDEO), late)), "t", "x", annotations)
    boxes = {box.annotation.label: area for box, area in track.placed(QRectF(0, 0, WIDTH, 28), axis)}
    record_start = -NS  # the late stream starts a second before the reference; the axis here does not
    assert track.span[0] == record_start
    assert (boxes["a"].left(), boxes["a"].right()) == (200, 400)
    assert (boxes["b"].left(), boxes["b"].right()) == (600, 700)
    image = rendered(track, axis)
    assert [differs(image, x, 8) for x in (196, 204, 396, 404, 596, 604, 696, 704)] == [
        False, True, True, False, False, True, True, False,
    ]  # fmt: skip


@pytest.mark.usefixtures("view")
def test_labels_that_overlap_get_rows_and_strays_get_arrows() -> None:
    record = Record("r", (stream("v", Modality.VIDEO),))
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    annotations = [label("a", (0, 4 * NS)), label("b", (2 * NS, 5 * NS)), label("far", (40 * NS, 41 * NS))]
    annotations += [label("event", (6 * NS, 6 * NS)), label("mood", None)]
    track = LabelTrack(record, "t", "x", annotations)
    assert track.rows == 2
    assert track.height > LabelTrack.default_height
    rect = QRectF(0, 0, WIDTH, track.height)
    placed = {box.annotation.label: area for box, area in track.placed(rect, axis)}
    assert not placed["a"].intersects(placed["b"])
    assert placed["far"].right() == WIDTH
    assert "after the record ends" in track.tooltip_at(placed["far"].center(), rect, axis)
    assert "0:06.000" in track.tooltip_at(placed["event"].center(), rect, axis)
    assert "mood" not in placed
    assert "1 timeless" in track.subtitle
    assert track.click_at(placed["b"].center(), rect, axis) == 2 * NS


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 30)).map(lambda t: (t[0], t[0] + t[1]))))
def test_stacked_spans_never_overlap_in_a_row(spans: list[Span]) -> None:
    spans.sort()
    rows, count = stack(spans)
    assert max(rows, default=0) < count
    for row in set(rows):
        mine = [span for span, each in zip(spans, rows, strict=True) if each == row]
        assert all(a[1] <= b[0] for a, b in pairwise(mine))


@pytest.mark.usefixtures("view")
def test_a_spoken_word_lights_up_without_rendering() -> None:
    track = TextTrack(stream("w", Modality.TEXT, timemap=TimeMap.offset(NS)))
    track.set_cues([words((2 * NS, 3 * NS), (3 * NS, 4 * NS))])
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    revision = track.revision
    assert track.set_time(NS + 1)  # a second early, as the map says
    assert not track.set_time(NS + 2)
    assert track.set_time(5 * NS)
    assert track.revision == revision
    rect = QRectF(0, 0, WIDTH, 32)
    assert track.click_at(QPointF(250, 16), rect, axis) == 2 * NS
    assert "0:02.000" in track.tooltip_at(QPointF(250, 16), rect, axis)


@pytest.mark.usefixtures("view")
def test_words_give_way_to_cues_where_there_is_no_room() -> None:
    track = TextTrack(stream("w", Modality.TEXT))
    spans = [(place * NS // 10, (place + 1) * NS // 10) for place in range(100)]
    track.set_cues([words(*spans[:50]), words(*spans[50:])])
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    rect = QRectF(0, 0, WIDTH, 32)
    assert len(list(track.boxes(rect, axis))) == 2
    axis.show(0, NS)
    assert len(list(track.boxes(rect, axis))) >= 10


@pytest.mark.usefixtures("view")
def test_cues_that_overlap_do_not_hide_each_other() -> None:
    track = TextTrack(stream("w", Modality.TEXT))
    track.set_cues([Cue(NS, 3 * NS, "one"), Cue(2 * NS, 4 * NS, "two")])
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    (_, one), (_, two) = track.boxes(QRectF(0, 0, WIDTH, 32), axis)
    assert not one.intersects(two)


@pytest.mark.usefixtures("view")
@pytest.mark.parametrize(
    "timemap",
    [TimeMap.offset(2 * NS), TimeMap(((0, 0), (7 * NS, 5 * NS), (8 * NS, 8 * NS)))],
    ids=["offset", "piecewise"],
)
def test_a_waveform_goes_through_the_time_map(timemap: TimeMap) -> None:
    track = WaveformTrack(stream("a", Modality.AUDIO, (0, 20 * NS), timemap=timemap))
    track.set_peaks(FakePeaks(step_ns=7 * NS, known_ns=20 * NS))  # at 5 s on the reference, by both maps
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    lefts, loud = track.amplitudes(QRectF(0, 0, WIDTH, 56), axis)
    assert np.all(loud[(lefts > 10) & (lefts < 494)] == 0.5)
    assert np.all(loud[(lefts > 506) & (lefts < 990)] == 1.0)


@pytest.mark.usefixtures("view")
def test_an_undecoded_waveform_is_a_dashed_line() -> None:
    track = WaveformTrack(stream("a", Modality.AUDIO))
    track.set_peaks(FakePeaks(known_ns=5 * NS))
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    image = rendered(track, axis)
    assert any(differs(image, x, 20) for x in range(100, 110))
    assert not any(differs(image, x, 20) for x in range(600, 700))
    assert any(differs(image, x, 28) for x in range(600, 610))
    assert "not decoded" in track.tooltip_at(QPointF(700, 20), QRectF(0, 0, WIDTH, 56), axis)


@pytest.mark.usefixtures("view")
def test_no_data_is_hatched_outside_a_stream() -> None:
    track = WaveformTrack(stream("a", Modality.AUDIO, (0, 5 * NS)))
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    image = rendered(track, axis)
    assert differs(image, 800, 10)
    assert not differs(image, 200, 10)
    assert track.tooltip_at(QPointF(800, 10), QRectF(0, 0, WIDTH, 56), axis) == "No data"


@pytest.mark.usefixtures("view")
def test_every_channel_is_drawn_the_flat_one_too() -> None:
    series = FakeSeries(100, 10, PLOTTED)
    track = SensorTrack(stream("s", Modality.SENSOR), channels=("flat",))
    track.set_series(series)
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    image = rendered(track, axis)
    assert all(any(differs(image, x, y) for y in range(20, 40)) for x in range(100, 900, 50))
    text = track.tooltip_at(QPointF(500, 20), QRectF(0, 0, WIDTH, 56), axis)
    assert "flat  0.25" in text


@pytest.mark.usefixtures("view")
def test_channels_whose_swings_are_far_apart_get_their_own_scale() -> None:
    series = FakeSeries(100, 10, ("a", "b"))
    track = SensorTrack(stream("s", Modality.SENSOR))
    track.set_series(series)
    assert track.shared_scale
    series.values[:, 1] *= 1000
    track.set_series(series)
    assert not track.shared_scale


names = st.lists(st.text("abkLRxyz_.[]012 ", min_size=1, max_size=8), unique=True, max_size=40)


@given(names)
def test_grouping_drops_no_channel(channels: list[str]) -> None:
    groups = group_channels(channels)
    assert sorted(name for group in groups for name in group.channels) == sorted(channels)
    if len(channels) <= MOST:
        assert all(len(group.channels) <= MOST for group in groups)


def test_a_humanoid_becomes_a_few_plots() -> None:
    arm = ["ShoulderPitch", "ShoulderRoll", "ShoulderYaw", "Elbow", "WristRoll", "WristPitch", "WristYaw"]
    hand = ["HandPinky", "HandRing", "HandMiddle", "HandIndex", "HandThumbBend", "HandThumbRotation"]
    channels = [f"k{side}{part}" for parts in (arm, hand) for side in ("Left", "Right") for part in parts]
    groups = group_channels(channels)
    assert [(group.title, len(group.channels)) for group in groups] == [
        ("left shoulder–wrist", 7),
        ("right shoulder–wrist", 7),
        ("left hand", 6),
        ("right hand", 6),
    ]


def test_a_film_strip_asks_what_is_visible_once_the_zoom_settles(view: TimelineView, qtbot: QtBot) -> None:
    asked: list[list[int]] = []
    answer: list[Callable[[int, QImage], None]] = []

    def supply(_: Stream, times: list[int], height: int, take: Callable[[int, QImage], None]) -> None:
        assert height == FilmStripTrack.default_height - 4
        asked.append(times)
        answer.append(take)

    track = FilmStripTrack(stream("v", Modality.VIDEO), supplier=supply)
    view.set_tracks([track])
    for end in (6, 5, 4):
        view.axis.show(2 * NS, end * NS)
        view.grab()
    qtbot.waitUntil(lambda: len(asked) == 1)
    assert all(2 * NS - NS // 3 <= ns <= 4 * NS for ns in asked[0])
    assert len(asked[0]) == pytest.approx(WIDTH / 65, abs=2)
    picture = QImage(64, 36, QImage.Format.Format_RGB32)
    picture.fill(QColor("#123456"))
    for ns in asked[0]:
        answer[0](ns, picture)
    revision = track.revision
    qtbot.waitUntil(lambda: track.revision > revision)
    image = view.grab().toImage()
    assert QColor(image.pixel(700, ruler.HEIGHT + 20)) == QColor("#123456")
    assert len(asked) == 1


def test_tooltips_come_from_what_is_under_the_pointer(view: TimelineView) -> None:
    tracks = build_tracks(full_record())
    fill(tracks)
    view.set_tracks(tracks)
    voice: StreamTrack = tracks_of(tracks, "voice#audio")[0]
    row = next(row for track, row in view.canvas.rows() if track is voice)
    chip = header.chip_rect(voice, row).center()
    assert "Not measured" in view.tooltip_at(chip)
    assert "voice#audio" in view.tooltip_at(QPointF(30, row.center().y()))
    assert "dBFS" in view.tooltip_at(QPointF(500, row.center().y()))
    where = QPoint(500, round(row.center().y()))
    asked = QHelpEvent(QEvent.Type.ToolTip, where, view.mapToGlobal(where))
    assert view.event(asked)


def test_an_empty_record_says_so(view: TimelineView) -> None:
    view.set_record(Record("r", ()))
    assert view.canvas.empty_text
    view.grab()
    view.set_record(None)
    assert not view.canvas.empty_text
