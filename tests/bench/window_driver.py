"""Run by the benches as a program of its own: the real window, told what to do by lines of JSON on stdin.

Each line `{"do": name, …}` is answered by one line, `{"is": …}` or `{"error": text}`. Times are seconds of
CLOCK_MONOTONIC, so that they can be held against what another process saw on the screen. The window is set
up as `inspector.ui.app.run` does; what is noted of it comes from wrapped paint and tick methods and signals.

usage: window_driver.py WIDTH HEIGHT SOUND(0|1)
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from films import picture_number
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPixmap

from inspector.session import Opening
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow
from inspector.ui.player import Player
from inspector.ui.timeline.sensor_track import SensorTrack
from inspector.ui.timeline.waveform import WaveformTrack
from inspector.ui.views.camera import CameraView

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S = 300.0
BEAT_MS = 5
now = time.monotonic


class Log:
    """What was seen since `clear`."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.paints: list[tuple[float, int, int | None, int]] = []
        """When a camera's paint returned, which camera, the picture's number, and the playhead then."""
        self.flushes: list[float] = []
        """When the window had handed its repaints to the screen."""
        self.beats: list[float] = []
        """When a timer of BEAT_MS came round."""
        self.ticks: list[float] = []
        """How long each tick took, s."""
        self.moves: list[float] = []
        """When the views had been told of a move."""
        self.actions: list[tuple[float, str]] = []
        """When an action had been carried out."""


class Watched(MainWindow):
    """Notes when its repaints have reached the screen."""

    log: Log | None = None

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if self.log is not None and event.type() == QEvent.Type.UpdateRequest:
            self.log.flushes.append(now())
        return done


class Driver(QObject):
    """Does what the lines say, in the window's thread."""

    came = Signal(str)

    def __init__(self, width: int, height: int, sound: bool) -> None:
        super().__init__()
        self.log = Log()
        self._watch_classes()
        self.window = Watched(with_sound=sound)
        self.window.log = self.log
        self.window.resize(width, height)
        self.window.show()
        self.window.parts.fit_panels()
        self.window.activateWindow()
        self.window.raise_()
        self.first_picture: float | None = None
        self.first_bounds: float | None = None
        self.first_curve: float | None = None
        self.new_picture: float | None = None
        self.opened = 0.0
        self.opening: Opening | None = None
        self.window.first_picture.connect(self._pictured)
        self.window.player.moved.connect(lambda _: self.log.moves.append(now()))
        for name, action in self.window.actions_.items():
            action.triggered.connect(lambda *_, name=name: self.log.actions.append((now(), name)))
        self.beat = QTimer(self, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self.beat.timeout.connect(lambda: self.log.beats.append(now()))
        self.came.connect(self._do, Qt.ConnectionType.QueuedConnection)
        threading.Thread(target=self._listen, daemon=True).start()

    # -- what is watched -----------------------------------------------------------------------------------

    def _watch_classes(self) -> None:
        driver, paint, render = self, CameraView.paintEvent, SensorTrack.render
        set_series = SensorTrack.set_series
        series_of: dict[int, Any] = {}

        def painted(view: CameraView, event: Any) -> None:
            paint(view, event)
            if view in driver.window.stage.cameras:
                picture = view.picture
                number = None if picture is None else picture.number
                camera = driver.window.stage.cameras.index(view)
                if number is not None and driver.new_picture is None and driver.opening is not None:
                    session = driver.window.session
                    if session is not None and session is driver.opening.session:
                        driver.new_picture = now()
                driver.log.paints.append((now(), camera, number, driver.window.player.transport.now_ns()))

        def got(track: SensorTrack, series: Any) -> None:
            series_of[id(track)] = series
            set_series(track, series)

        def rendered(track: SensorTrack, painter: QPainter, rect: QRectF, axis: Any) -> None:
            render(track, painter, rect, axis)
            series = series_of.get(id(track))
            if driver.first_curve is None and series is not None:
                at = now()
                look = series.look(*axis.visible, 200)
                if driver.first_bounds is None and look.boxes is not None and len(look.boxes.start_ns):
                    driver.first_bounds = at
                if np.isfinite(look.low).any():
                    driver.first_curve = at

        CameraView.paintEvent = painted  # type: ignore[method-assign,assignment]
        SensorTrack.set_series = got  # type: ignore[method-assign,assignment]
        SensorTrack.render = rendered  # type: ignore[method-assign,assignment]
        if hasattr(Player, "_tick"):
            tick = Player._tick

            def ticked(player: Player) -> None:
                start = now()
                tick(player)
                driver.log.ticks.append(now() - start)

            Player._tick = ticked  # type: ignore[method-assign,assignment]

    def _pictured(self) -> None:
        self.first_picture = now()
        gc.freeze()

    # -- lines ---------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        for line in sys.stdin:
            self.came.emit(line)
        self.came.emit('{"do": "quit"}')

    def _do(self, line: str) -> None:
        asked = json.loads(line)
        try:
            answer = {"is": getattr(self, f"do_{asked.pop('do')}")(**asked)}
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    def _wait(self, condition: Callable[[], bool], limit_s: float = LIMIT_S) -> bool:
        """Let the window live until the condition holds; False where the time ran out first."""
        loop, end = QEventLoop(), now() + limit_s
        timer = QTimer(interval=4)
        timer.timeout.connect(lambda: loop.quit() if condition() or now() > end else None)
        timer.start()
        if not condition():
            loop.exec()
        timer.stop()
        return condition()

    # -- what can be asked for -----------------------------------------------------------------------------

    def do_start(self, path: str, record: str | None = None) -> float:
        """Begin to open a dataset; when that was."""
        self.beat.start()
        self.new_picture = None
        self.opened = now()
        self.opening = Opening(path, None, record)
        self.window.start(self.opening, None, False)
        return self.opened

    def do_open(self, path: str, record: str | None = None) -> float:
        """Open a dataset and wait until nothing is missing; how long that took, s."""
        self.do_start(path, record)
        self.beat.stop()
        opening = self.opening
        assert opening is not None
        if not self._wait(lambda: opening.error is not None or self._complete(), 90):
            thumbs = self.window.player.thumbs
            raise TimeoutError(
                f"the record was not complete: stage settled {self.window.stage.all_settled}, rows lag "
                f"{self.window.timeline.canvas.lagging}, thumbs idle {thumbs is None or thumbs.idle}"
            )
        if opening.error is not None:
            raise opening.error
        self.window.stage.setFocus()
        return now() - self.opened

    def _complete(self) -> bool:
        here = self.opening is not None and self.window.session is self.opening.session
        return here and self.window.record is not None and self.window.complete

    def do_wait_record(self) -> float:
        """Until a record is there; s after the start."""
        self._wait(lambda: self.window.record is not None)
        return now() - self.opened

    def do_wait_complete(self) -> float:
        """Until nothing is missing; s after the start."""
        self._wait(self._complete)
        return now() - self.opened

    def do_wait_picture(self) -> float:
        """Until the first picture; s after the start."""
        self._wait(lambda: self.first_picture is not None)
        return (self.first_picture or now()) - self.opened

    def do_wait_new_picture(self, limit_s: float) -> float | None:
        """Until the dataset that was started last has painted a picture; s after the start, None if late."""
        self._wait(lambda: self.new_picture is not None, limit_s)
        return None if self.new_picture is None else self.new_picture - self.opened

    def do_wait_curve(self, limit_s: float) -> float | None:
        """Until a curve of what is in the data was drawn; s after the start, None if late."""
        self._wait(lambda: self.first_curve is not None, limit_s)
        return None if self.first_curve is None else self.first_curve - self.opened

    def do_first_bounds(self) -> float | None:
        """When boxes were drawn in which the data lies; s after the start, None if none ever were."""
        return None if self.first_bounds is None else self.first_bounds - self.opened

    def do_boxes(self) -> list[list[int]]:
        """Where each camera's picture lies on the screen: left, top, width, height in px."""
        boxes = []
        for camera in self.window.stage.cameras:
            width, height = camera.feed.size or (16, 9)
            factor = min(camera.width() / width, camera.height() / height)
            w, h = width * factor, height * factor
            corner = camera.mapToGlobal(camera.rect().topLeft())
            x, y = corner.x() + (camera.width() - w) / 2, corner.y() + (camera.height() - h) / 2
            boxes.append([round(x), round(y), round(w), round(h)])
        return boxes

    def do_seek(self, at_ns: int) -> float:
        """Seek; when that was asked for."""
        start = now()
        self.window.player.transport.seek(at_ns)
        return start

    def do_drag(self, at_ns: int) -> float:
        """Press on the scrub bar and go there; when that was asked for."""
        start = now()
        self.window.player.begin_drag()
        self.window.player.transport.seek(at_ns)
        return start

    def do_drop(self, at_ns: int) -> None:
        """Let go of the scrub bar."""
        self.window.player.end_drag(at_ns)

    def do_step(self, frames: int) -> float:
        """Go a frame on or back; when that was asked for."""
        start = now()
        self.window.player.step(frames)
        return start

    def do_settle(self) -> bool:
        """Until all cameras show, painted, what belongs to the playhead; False where that took 30 s."""
        return self._wait(lambda: self.window.stage.all_settled and self._painted(), 30)

    def _painted(self) -> bool:
        """Whether each camera's newest paint was of the picture that it has now."""
        newest = {camera: number for _, camera, number, _ in self.log.paints}
        pictures = [camera.picture for camera in self.window.stage.cameras]
        numbers = [None if picture is None else picture.number for picture in pictures]
        return all(place in newest and newest[place] == number for place, number in enumerate(numbers))

    def do_rest(self, seconds: float) -> None:
        """Let the window live for a while."""
        end = now() + seconds
        self._wait(lambda: now() >= end, seconds + 1)

    def do_play(self) -> None:
        """Play at normal speed."""
        self.window.player.transport.play()

    def do_pause(self) -> None:
        """Pause."""
        self.window.player.transport.pause()

    def do_clear(self, beat: bool = False) -> None:
        """Begin a new log, with or without the timer."""
        self.log.clear()
        if beat:
            self.beat.start()
        else:
            self.beat.stop()

    def do_log(self) -> dict[str, Any]:
        """What was noted since `clear`."""
        return dict(vars(self.log))

    def do_blocks(self) -> list[int | None]:
        """The number in each camera's picture, read from its blocks: not what it says of itself."""
        pictures = [camera.picture for camera in self.window.stage.cameras]
        return [None if picture is None else picture_number(picture) for picture in pictures]

    def do_has_proxies(self) -> bool:
        """Whether this build makes proxies."""
        return hasattr(self.window.player, "proxies")

    def do_wait_proxies(self) -> bool:
        """Until the proxies of the open record are made."""
        proxies = getattr(self.window.player, "proxies", None)
        return proxies is not None and self._wait(lambda: bool(proxies.complete))

    def do_sound_text(self) -> str:
        """What the window says of its sound."""
        return str(self.window.player.sound_said)

    def do_waveforms(self, count: int, seed: int) -> list[float]:
        """Render the first waveform at random zooms into a picture as wide as its row; ms of each."""
        track = next(each for each in self.window.timeline.tracks if isinstance(each, WaveformTrack))
        return self._renders(track, count, seed)

    def do_sensors(self, count: int, seed: int) -> list[float]:
        """The same for the first plot of a sensor."""
        track = next(each for each in self.window.timeline.tracks if isinstance(each, SensorTrack))
        return self._renders(track, count, seed)

    def _renders(self, track: Any, count: int, seed: int) -> list[float]:
        axis, canvas = self.window.timeline.canvas.axis, self.window.timeline.canvas
        picture = QPixmap(canvas.content_width, track.height)
        took = []
        for start, end in _zooms(axis.total, count, seed):
            axis.show(start, end)
            picture.fill(Qt.GlobalColor.black)
            painter = QPainter(picture)
            begin = now()
            track.render(painter, QRectF(picture.rect()), axis)
            painter.end()
            took.append((now() - begin) * 1e3)
        return took

    def do_zooms(self, count: int, seed: int) -> dict[str, list[float]]:
        """Random zooms of the whole timeline: ms of the first repaint, and ms until no row lags.

        What follows the first repaint is left to the event loop, as when somebody zooms.
        """
        axis, canvas = self.window.timeline.canvas.axis, self.window.timeline.canvas
        first, whole = [], []
        for start, end in _zooms(axis.total, count, seed):
            begin = now()
            axis.show(start, end)
            canvas.repaint()
            first.append((now() - begin) * 1e3)
            while canvas.lagging:
                QCoreApplication.processEvents()
            whole.append((now() - begin) * 1e3)
        return {"first": first, "whole": whole}

    def do_envelope(self, channel: int, start_ns: int, end_ns: int) -> list[float]:
        """The least and greatest value of a channel in a span, as the first sensor is drawn from."""
        assert self.window.record is not None
        assert self.window.session is not None
        stream = next(each for each in self.window.record.streams if each.modality == "sensor")
        _, low, high = self.window.session.series(stream).envelope(start_ns, end_ns, 64)
        return [float(np.nanmin(low[:, channel])), float(np.nanmax(high[:, channel]))]

    def do_quit(self) -> None:
        """Close the window and end."""
        self.window.close()
        QTimer.singleShot(0, QuitLater.quit)


class QuitLater:
    """The application's end, after the answer was written."""

    @staticmethod
    def quit() -> None:
        """End the event loop."""
        QCoreApplication.quit()


def _zooms(total: tuple[int, int], count: int, seed: int) -> list[tuple[int, int]]:
    """Spans from 50 ms to all, lengths evenly spread in orders of magnitude."""
    rng = np.random.default_rng(seed)
    start, end = total
    lengths = np.exp(rng.uniform(np.log(5e7), np.log(end - start), count)).astype(np.int64)
    starts = start + (rng.uniform(0, 1, count) * (end - start - lengths)).astype(np.int64)
    return [(int(a), int(a + b)) for a, b in zip(starts, lengths, strict=True)]


def main() -> int:
    """Until told to quit, or stdin ends."""
    sys.setswitchinterval(0.001)
    app = make_app("dark")
    driver = Driver(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1")
    app.setProperty("driver", driver)
    return app.exec()


if __name__ == "__main__":
    sys.exit(main())
