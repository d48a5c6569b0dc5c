"""The picture on the screen is the right one: real window, keys and drags, barcodes read off the widget."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import films
import numpy as np
import pytest
from films import NS, Film, Reel, Truth, picture_number, read_barcode
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from inspector.media.video import VideoReader
from inspector.session import Opening
from inspector.ui import stage
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow
from inspector.ui.timeline import header
from inspector.ui.views.camera import CameraView

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from inspector.media.video import Picture

ACTIONS = 200
CUES = "WEBVTT\n\n00:01.000 --> 00:02.000\none word\n"
NAMES = ("bframes.mp4", "variable.mkv", "variable.mp4", "late.mp4", "late.mkv")


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return films.reel(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def folder(reel: Reel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with one folder a record."""
    root = tmp_path_factory.mktemp("barcodes")
    for name in NAMES:
        stem, _, ending = name.partition(".")
        record = root / f"{stem}_{ending}"
        record.mkdir()
        (record / f"cam.{ending}").write_bytes(reel.film(name).path.read_bytes())
        (record / "talk.vtt").write_text(CUES)
    return root


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Truth]]:
    """Two films of the same moments at 25 and at 30 frames a second, in one record."""
    root = tmp_path_factory.mktemp("pairs")
    record = root / "rec"
    record.mkdir()
    (record / "talk.vtt").write_text(CUES)
    made: dict[str, Film] = {
        "left": films.bframes(record / "left.mp4", 6, 25),
        "right": films.make_film(record / "right.mkv", films.steady(6, 30), options={"g": "90"}, sound=None),
    }
    shutil.copytree(record, root / "rec_again")  # a single folder would not be taken for a record
    return root, {name: films.truth(film) for name, film in made.items()}


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    make_app("dark")
    made = MainWindow(with_sound=False)
    made.resize(1280, 800)
    made.show()
    made.parts.fit_panels()
    yield made
    end(made, qtbot)


def end(window: MainWindow, qtbot: QtBot) -> None:
    """Close it when its thumbnails are made: the strip that they go to would be deleted under them."""
    qtbot.waitUntil(lambda: window.player.thumbs is None or window.player.thumbs.idle, timeout=5000)
    window.close()
    window.deleteLater()


def show(window: MainWindow, qtbot: QtBot, folder: Path, record: str) -> None:
    window.start(Opening(str(folder), None, record), None, False)
    qtbot.waitUntil(lambda: window.record is not None and window.complete, timeout=15_000)
    window.stage.setFocus()


def settle(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.stage.all_settled, timeout=10_000)


def pixels(image: QImage) -> NDArray[np.uint8]:
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 4].reshape(image.height(), image.width(), 4).copy()


def seen(view: CameraView, size: tuple[int, int] = (320, 240)) -> int | None:
    """What a person sees: the number in the widget's own pixels, None where there is no barcode."""
    grabbed = pixels(view.grab().toImage())
    height, width = grabbed.shape[:2]
    factor = min(width / size[0], height / size[1])
    w, h = round(size[0] * factor), round(size[1] * factor)
    x, y = (width - w) // 2, (height - h) // 2
    return read_barcode(grabbed[y : y + h, x : x + w])


def at_x(window: MainWindow, ns: int) -> int:
    """The px under which a time lies, by the axis' visible span alone."""
    start, end = window.timeline.axis.visible
    canvas = window.timeline.canvas
    return round(header.WIDTH + (ns - start) * (canvas.width() - header.WIDTH) / (end - start))


def scrub(window: MainWindow, qtbot: QtBot, times: list[int]) -> None:
    """Press on the ruler, drag over these times, let go at the last."""
    view = window.timeline
    places = [QPoint(at_x(window, ns), 8) for ns in times]
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=places[0])
    for place in places:
        QTest.mouseMove(view, place)
        QTest.qWait(0)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=places[-1])


@pytest.mark.parametrize("name", NAMES)
def test_two_hundred_seeks_steps_and_scrubs(
    window: MainWindow, qtbot: QtBot, folder: Path, reel: Reel, name: str
) -> None:
    truth = reel.truth(name)
    show(window, qtbot, folder, name.replace(".", "_"))
    transport = window.player.transport
    view = window.stage.cameras[0]
    rng = np.random.default_rng(sum(map(ord, name)))
    start, end = transport.span
    assert start == 0
    assert end >= truth.end_ns - 40_000_000
    right = outside = 0
    wrong: list[str] = []
    for turn in range(ACTIONS // len(NAMES) + 1):
        before = truth.at(transport.now_ns())
        kind = ("seek", "edge", "step_on", "step_back", "scrub")[int(rng.integers(0, 5))]
        expected: int | None
        if kind == "seek":
            transport.seek(int(rng.integers(start, end)))
            expected = truth.at(transport.now_ns())
        elif kind == "edge":  # the first and the last ns of a frame
            frame = int(rng.integers(1, len(truth.starts_ns)))
            early = int(rng.integers(0, 2))
            transport.seek(truth.starts_ns[frame] - early)
            expected = truth.numbers[frame - early]
        elif kind in ("step_on", "step_back"):
            QTest.keyClick(window, Qt.Key.Key_Period if kind == "step_on" else Qt.Key.Key_Comma)
            expected = truth.at(transport.now_ns())
            last = len(truth.numbers) - 1
            if before is not None and kind == "step_on" and before < last:
                assert expected == before + 1
            if before is not None and kind == "step_back":
                assert expected == max(before - 1, 0)
        else:
            times = rng.integers(start, end, int(rng.integers(2, 6))).tolist()
            scrub(window, qtbot, times)
            assert abs(transport.now_ns() - times[-1]) <= window.timeline.axis.length / 500  # a px or so
            expected = truth.at(transport.now_ns())
        settle(window, qtbot)
        got = seen(view)
        if got == expected:
            right += 1
            outside += expected is None
        else:
            wrong.append(f"{turn} {kind} at {transport.now_ns()}: {got}, not {expected}")
    assert not wrong
    assert right == ACTIONS // len(NAMES) + 1
    if name.startswith("late"):
        assert outside >= 3, "the seed never went where there is sound and no picture"


def test_frame_by_frame_there_and_back(window: MainWindow, qtbot: QtBot, folder: Path, reel: Reel) -> None:
    """Each press is one frame, also over the key frame at 48."""
    truth = reel.truth("bframes.mp4")
    show(window, qtbot, folder, "bframes_mp4")
    window.player.transport.seek(truth.starts_ns[42])
    path = [*range(43, 53), *range(51, 41, -1)]
    got: list[int] = []
    for number in path:
        QTest.keyClick(window, Qt.Key.Key_Period if number > (got[-1] if got else 42) else Qt.Key.Key_Comma)
        settle(window, qtbot)
        got.append(seen(window.stage.cameras[0]) or 0)
    assert got == path


def test_the_widget_is_empty_where_the_film_has_not_begun(
    window: MainWindow, qtbot: QtBot, folder: Path, reel: Reel
) -> None:
    film, truth = reel.film("late.mp4"), reel.truth("late.mp4")
    show(window, qtbot, folder, "late_mp4")
    view = window.stage.cameras[0]
    transport = window.player.transport
    begins, ends = round(film.pts_s[0] * NS), round(film.end_s * NS)
    for at, expected in (
        (0, None),
        (begins - 1, None),
        (begins, 0),
        (ends - 1, truth.numbers[-1]),
        (ends + 1, None),
        (transport.span[1], None),
    ):
        transport.seek(at)
        settle(window, qtbot)
        assert (at, seen(view)) == (at, expected)


def name_of(view: CameraView) -> str:
    """The film's name."""
    return view.feed.stream.id.partition("#")[0]


class Watched(MainWindow):
    """Tells after each repaint what is on the screen: the number in the pixels that each view painted."""

    painted: dict[str, int | None]
    screens: list[dict[str, int | None]]

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.UpdateRequest and hasattr(self, "screens"):
            self.screens.append(dict(self.painted))
        return done


@pytest.fixture
def watched(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    paint = CameraView.paintEvent

    def watch(view: CameraView, event: Any) -> None:
        paint(view, event)
        top = view.window()
        if isinstance(top, Watched) and hasattr(top, "painted"):
            picture = view.picture
            top.painted[name_of(view)] = None if picture is None else picture_number(picture)

    monkeypatch.setattr(CameraView, "paintEvent", watch)
    make_app("dark")
    made = Watched(with_sound=False)
    made.painted, made.screens = {}, []
    made.resize(1280, 800)
    made.show()
    made.parts.fit_panels()
    yield made
    end(made, qtbot)


def last_is(screens: list[dict[str, int | None]], wanted: dict[str, int | None]) -> bool:
    """Whether what stands on the screen now is that."""
    return screens[-1:] == [wanted]


def test_two_cameras_never_show_two_moments(
    watched: Watched, qtbot: QtBot, pair: tuple[Path, dict[str, Truth]]
) -> None:
    """At every repaint while paused, and not only once it has settled."""
    root, truths = pair
    show(watched, qtbot, root, "rec")
    transport = watched.player.transport
    rng = np.random.default_rng(8)
    asked = [transport.now_ns()]
    screens = 0
    for turn in range(100):
        watched.screens.clear()
        if turn % 10 == 9:
            QTest.keyClick(watched, Qt.Key.Key_Period)
        else:
            transport.seek(int(rng.integers(0, 6 * NS)))
        if turn % 3 == 0:  # not always do hands wait for the picture
            QTest.qWait(int(rng.integers(0, 12)))
            asked.append(transport.now_ns())
            transport.seek(int(rng.integers(0, 6 * NS)))
        asked.append(transport.now_ns())
        belongs = [{name: truth.at(at) for name, truth in truths.items()} for at in asked[-6:]]
        qtbot.waitUntil(partial(last_is, watched.screens, belongs[-1]), timeout=5000)
        screens += len(watched.screens)
        for screen in watched.screens:
            assert screen in belongs
        for view in watched.stage.cameras:
            assert seen(view) == belongs[-1][name_of(view)]
    assert screens >= 100


def test_a_camera_that_is_late_shows_nothing_older(
    watched: Watched, qtbot: QtBot, pair: tuple[Path, dict[str, Truth]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the slowest is given up waiting for, no two moments are on the screen at once."""
    root, truths = pair
    show(watched, qtbot, root, "rec")
    watched.player.transport.seek(NS)
    settle(watched, qtbot)
    gates = {"left": threading.Event(), "right": threading.Event()}
    read = VideoReader.read

    def slow(reader: VideoReader, *arguments: Any, **named: Any) -> Picture | None:
        gate = "left" if len(reader.index) == 150 else "right"
        gates[gate].wait(10)
        return read(reader, *arguments, **named)

    monkeypatch.setattr(VideoReader, "read", slow)
    monkeypatch.setattr(stage, "TOGETHER_S", 0.0)
    watched.screens.clear()
    at = 4_321_000_000
    watched.player.transport.seek(at)
    gates["right"].set()
    right = {"left": None, "right": truths["right"].at(at)}
    qtbot.waitUntil(lambda: last_is(watched.screens, right), timeout=5000)
    assert not watched.stage.all_settled
    assert all(screen["left"] is None for screen in watched.screens)
    gates["left"].set()
    settle(watched, qtbot)
    both = {name: truth.at(at) for name, truth in truths.items()}
    qtbot.waitUntil(lambda: last_is(watched.screens, both), timeout=5000)
