"""What each track shows, where, and what it says when pointed at."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor

from inspector.core.model import Clock, Cue, Modality, Record, Source, Stream
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.media.look import Boxes, Look
from inspector.ui import theme
from inspector.ui.timeline.axis import TimeAxis
from inspector.ui.timeline.build import build_tracks, short_titles, tracks_of
from inspector.ui.timeline.channels import MOST, group_channels
from inspector.ui.timeline.curves import FINE, NO_CURVE, SHADES, SOFT_PX, bars_of, seen_of
from inspector.ui.timeline.label_track import LabelTrack
from inspector.ui.timeline.polylines import lines_of
from inspector.ui.timeline.sensor_track import SensorTrack
from inspector.ui.timeline.text_track import TextTrack
from inspector.ui.timeline.track import stack
from inspector.ui.timeline.waveform import WaveformTrack

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from inspector.core.model import Span

from gui.timeline_fakes import (
    DURATION,
    PLOTTED,
    WIDTH,
    FakePeaks,
    FakeSeries,
    differs,
    full_record,
    label,
    rendered,
    stream,
    words,
)


@pytest.fixture(autouse=True)
def dressed(qapp: QApplication) -> None:
    theme.load_fonts()
    theme.apply(qapp, light=False)


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


def test_cues_that_overlap_do_not_hide_each_other() -> None:
    track = TextTrack(stream("w", Modality.TEXT))
    track.set_cues([Cue(NS, 3 * NS, "one"), Cue(2 * NS, 4 * NS, "two")])
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    (_, one), (_, two) = track.boxes(QRectF(0, 0, WIDTH, 32), axis)
    assert not one.intersects(two)


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


def test_an_undecoded_waveform_is_a_dashed_line() -> None:
    track = WaveformTrack(stream("a", Modality.AUDIO))
    track.set_peaks(FakePeaks(known_ns=5 * NS))
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    image = rendered(track, axis)
    assert any(differs(image, x, 20) for x in range(100, 110))
    assert not any(differs(image, x, 20) for x in range(600, 700))
    assert any(differs(image, x, track.height // 2) for x in range(600, 610))
    assert "not decoded" in track.tooltip_at(QPointF(700, 20), QRectF(0, 0, WIDTH, 56), axis)


def test_no_data_is_hatched_outside_a_stream() -> None:
    track = WaveformTrack(stream("a", Modality.AUDIO, (0, 5 * NS)))
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    image = rendered(track, axis)
    assert differs(image, 800, 10)
    assert not differs(image, 200, 10)
    assert track.tooltip_at(QPointF(800, 10), QRectF(0, 0, WIDTH, 56), axis) == "No data"


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


# --- what is not read yet -------------------------------------------------------------------------


class HalfRead(FakeSeries):
    """Known up to the middle; of the rest only between which values it lies, or nothing."""

    def __init__(self, bounds: bool) -> None:
        super().__init__(100, 10, ("a",))
        self.unread_ns = DURATION // 2
        self.bounds = bounds
        self.asked: list[object] = []

    def look(self, start_ns: int, end_ns: int, columns: int, channels: Any = None, later: Any = None) -> Look:
        self.asked.append(later)
        known = super().look(start_ns, min(end_ns, DURATION // 2), columns, channels)
        ends = np.array([DURATION // 2]), np.array([DURATION])
        boxes = Boxes(*ends, np.array([[-1.0]]), np.array([[0.0]]))
        return Look(known.t_ns, known.low, known.high, boxes if self.bounds else None)


def test_bounds_are_a_field_that_is_no_curve() -> None:
    track = SensorTrack(stream("imu", Modality.SENSOR, channels=("a",)))
    series = HalfRead(True)
    told: list[int] = []
    track.later = lambda: told.append(1)
    track.set_series(series)
    image = rendered(track, axis_of())
    low, high = round(track.height * 0.75), round(track.height * 0.25)
    assert differs(image, WIDTH * 3 // 4, low)  # −1 to 0: the lower half
    assert not differs(image, WIDTH * 3 // 4, high)
    field = QColor(image.pixel(WIDTH * 3 // 4, low))
    assert field != track.colors()[0]
    assert series.asked == [track.later]
    # Without bounds there is the dashed line alone.
    track.set_series(HalfRead(False))
    image = rendered(track, axis_of())
    assert not differs(image, WIDTH * 3 // 4, low)
    assert any(differs(image, x, track.height // 2) for x in range(WIDTH * 3 // 4, WIDTH * 3 // 4 + 20))


def test_bars_join_and_break_where_the_data_does() -> None:
    x = np.array([-3.0, 0, 2, 2.5, 3, 5, 6])
    top = np.array([[7.0, 0, 10, 20, np.nan, 40, 41]])
    tops, bottoms = bars_of(x, top, top + 2, 8)
    # Each joins the next; two of one pixel are one bar; none reaches into the gap; the last is a pixel wide.
    assert tops[0].tolist() == pytest.approx([0, 0, 10, np.nan, np.nan, 40, 41, np.nan], nan_ok=True)
    assert bottoms[0].tolist() == pytest.approx([10, 10, 22, np.nan, np.nan, 42, 43, np.nan], nan_ok=True)
    assert len(lines_of(np.arange(6.0), np.array([0.0, 10, 20, np.nan, 40, 41]))) == 3


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 400), st.booleans())
def test_the_first_bar_that_covers_a_pixel_is_seen_and_ends_are_soft(
    seed: int, count: int, height: int, thin: bool
) -> None:
    rng = np.random.default_rng(seed)
    tops = rng.uniform(-50, height + 50, (count, 6))
    far = 2.0 if thin else 2.0 * height + 8  # of a mean below or above SOFT_PX, mostly
    bottoms = tops + rng.uniform(0, far, tops.shape)
    tops[rng.random(tops.shape) < 0.2] = np.nan
    seen = seen_of(tops, bottoms, height)
    soft = np.nansum(bottoms + 1 - tops, axis=1) <= SOFT_PX * np.isfinite(tops).sum(1)
    off = np.where(soft, 0.5 / SHADES, 0.5) + 0.5 / FINE + 1e-9
    """By how much of a pixel each curve may be told wrongly: whole pixels where it spreads far."""
    rows = np.arange(height)
    for column in range(6):
        low, high = tops[:, column, None] - 0.5, bottoms[:, column, None] + 0.5
        covered = np.nan_to_num(np.clip(np.minimum(high, rows + 1) - np.maximum(low, rows), 0, 1))
        for row in range(height):
            here = covered[:, row]
            if (told := seen[row, column]) == NO_CURVE:
                assert (here <= off).all()
                continue
            shade, curve = divmod(int(told), count)
            assert abs(1 - shade / SHADES - here[curve]) <= off[curve]
            most = slice(None) if shade else slice(curve)
            assert (here[most] - off[most] <= 1 - shade / SHADES).all()
            assert shade or not soft.all() or (here[:curve] <= 1 - off[:curve] + 2e-9).all()


def axis_of() -> TimeAxis:
    axis = TimeAxis()
    axis.set_total(0, DURATION)
    axis.show(0, DURATION)
    return axis
