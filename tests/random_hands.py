"""Hands that do anything to the window, by real keys and mouse events, and eyes that check every paint.

What is checked at each paint of a camera view is the number in the picture's own pixels, against the frame
that the picture claims to be and, where the view says that it is the right one, against the film's truth.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import films
import hard_films
import numpy as np
from films import Film, Truth, make_film, make_sound, read_barcode, steady
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QKeySequence, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit

from inspector.playback.shown import State
from inspector.playback.sound import RATE, OutputClock
from inspector.ui.actions import TABLE
from inspector.ui.dialogs import KEY_SHEET
from inspector.ui.timeline import header

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from PySide6.QtWidgets import QWidget

    from inspector.media.video import Picture
    from inspector.playback.sound import SoundFeed
    from inspector.ui.main_window import MainWindow
    from inspector.ui.views.camera import CameraView

LEFT = Qt.MouseButton.LeftButton
SMALL = (160, 120)
CUES = "WEBVTT\n\n" + "".join(f"00:0{s}.000 --> 00:0{s}.800\nword {s}\n\n" for s in range(4))
DAMAGED = "f"
SIZES = ((1000, 700), (860, 600), (760, 560), (1280, 800))
READABLE_PX = 240
"""A view that is lower hides blocks of the barcode behind its corners."""


# --- what is looked at ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Reel:
    """A dataset of six records and what is true of each film, by path; `damaged` tells the damaged ones."""

    root: Path
    truths: dict[Path, Truth]
    numbers: dict[Path, dict[int, int | None]]
    """By film and local start: what the frame shows that begins there."""
    damaged: frozenset[Path]


def make_reel(root: Path) -> Reel:
    """One camera; two of different rate and start; one key frame and a sound; sounds; samples; damage."""
    for name in "abcdef":
        (root / name).mkdir(parents=True)
    bframes = {"bf": "3", "x264-params": "b-adapt=0:bframes=3:b-pyramid=normal:scenecut=0"}
    one = {"g": "9999", "x264-params": "scenecut=0"}
    made: list[Film] = [
        make_film(root / "a/cam.mp4", steady(4, 25), rate=25, size=SMALL, options=bframes),
        make_film(root / "b/left.mp4", steady(4, 25), rate=25, size=SMALL, options=bframes),
        make_film(
            root / "b/right.mkv",
            films.irregular(3.5, 9)[8:],
            size=SMALL,
            sound=None,
            base=Fraction(1, 1000),
            options={"bf": "2"},
        ),
        make_film(root / "c/cam.mp4", steady(5, 30), size=(320, 240), options=one, sound=None),
        make_film(root / "e/cam.mkv", films.irregular(4), size=SMALL, base=Fraction(1, 1000)),
    ]
    for path in (root / "c/mic.wav", root / "d/mic.wav"):
        make_sound(path, "pcm_s16le", 5, 16_000)
    for name in "ade":
        (root / name / "talk.vtt").write_text(CUES)
    rows = [f"{k / 50},{np.sin(k / 9):.4f},{np.cos(k / 7):.4f}" for k in range(200)]
    (root / "e/imu.csv").write_text("\n".join(["timestamp,ax,ay", *rows, ""]))
    broken = [root / DAMAGED / "cut.mkv", root / DAMAGED / "within.ts"]
    hard_films.cut(broken[0])
    hard_films.starts_within(broken[1])
    truths = {film.path: films.truth(film) for film in made}
    for path in broken:
        whole = [shot for shot in hard_films.shots(path) if shot.whole]
        starts, numbers = [shot.start_ns for shot in whole], [shot.number for shot in whole]
        truths[path] = Truth(tuple(starts), tuple(numbers), whole[-1].start_ns)
    shown = {path: dict(zip(each.starts_ns, each.numbers, strict=True)) for path, each in truths.items()}
    return Reel(root, truths, shown, frozenset(broken))


class PullingOutput:
    """A sound device without one: it pulls in a thread in real time, as a real one does."""

    missing = False
    residual = ""

    def __init__(self, name: str) -> None:
        self.name = name
        self.clock = OutputClock()
        self.frames = self.loud = 0
        """Frames pulled in all, and pulls with something to hear in them."""
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, feed: SoundFeed, told: Callable[[str], None]) -> None:
        """Pull until `close`."""

        def pull() -> None:
            told("")
            began = time.monotonic()
            while not self._end.wait(0.01):
                due = int((time.monotonic() - began) * RATE) - self.frames
                if due > 0:
                    self.loud += any(feed.pull(due))
                    self.frames += due
                    self.clock.taken(self.frames, 0)

        self._thread = threading.Thread(target=pull, name="pulling")
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()


# --- eyes -----------------------------------------------------------------------------------------


def seen(view: CameraView, size: tuple[int, int]) -> int | None:
    """What a person sees: the number in the widget's own pixels, None where there is no barcode."""
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    grabbed = rows[:, : image.width() * 4].reshape(image.height(), image.width(), 4)
    height, width = grabbed.shape[:2]
    factor = min(width / size[0], height / size[1])
    w, h = round(size[0] * factor), round(size[1] * factor)
    x, y = (width - w) // 2, (height - h) // 2
    return read_barcode(grabbed[y : y + h, x : x + w])


def _green(picture: Picture) -> NDArray[np.uint8]:
    rows = np.frombuffer(picture.data, np.uint8).reshape(-1, picture.stride)[: picture.height]
    return rows[:, 1 : picture.width * 4 : 4]


@dataclass
class Eyes:
    """Checks every paint of every camera, and what stands when all is settled. `wrong` must stay empty."""

    reel: Reel
    wrong: list[str] = field(default_factory=list)
    paints: int = 0
    rests: int = 0
    grabs: int = 0
    drafts: int = 0
    _read: dict[Path, tuple[Picture, int | None]] = field(default_factory=dict)

    def number_in(self, path: Path, picture: Picture) -> int | None:
        """What the picture's pixels say; the last one of each film is not read again."""
        last = self._read.get(path)
        if last is None or last[0] is not picture:
            last = self._read[path] = (picture, read_barcode(_green(picture)))
        return last[1]

    def painted(self, view: CameraView) -> None:
        """After a paint: the picture is the frame it claims to be, and the right one where it says so."""
        self.paints += 1
        picture, stream = view.picture, view.feed.stream
        path = stream.source.path
        truth = self.reel.truths[path]
        local_ns = stream.timemap.to_local(view._time_ns)
        state = view._shown.state
        hurt = path in self.reel.damaged
        if picture is None:
            if state in (State.EXACT, State.DRAFT):
                self.wrong.append(f"{path.name} at {local_ns}: {state.value} and no picture")
            ends = truth.at(local_ns + 1_000_000) is None  # Matroska rounds the end to ms
            if state is State.NO_DATA and truth.at(local_ns) is not None and not (hurt or ends):
                self.wrong.append(f"{path.name} at {local_ns}: no data, though there is {truth.at(local_ns)}")
            if state is State.FAILED and not hurt:
                self.wrong.append(f"{path.name} at {local_ns}: {view.state_text}")
            return
        number = self.number_in(path, picture)
        claimed = self.reel.numbers[path].get(picture.span[0])
        if picture.damaged or (hurt and claimed is None):
            if not hurt:
                self.wrong.append(f"{path.name} at {local_ns}: called damaged")
            return
        if number != claimed or claimed is None:
            self.wrong.append(f"{path.name}: the frame of {picture.span[0]} is {claimed}, {number} was shown")
        if state in (State.EXACT, State.DRAFT) and not hurt:
            self.drafts += state is State.DRAFT
            if number != truth.at(local_ns):
                self.wrong.append(
                    f"{path.name} at {local_ns}, {state.value}: {number} and not {truth.at(local_ns)}"
                )

    def rested(self, window: MainWindow) -> None:
        """While all is settled and paused: each camera shows what belongs to the playhead, to the pixel."""
        self.rests += 1
        now = window.player.transport.now_ns()
        for view in window.stage.cameras:
            stream = view.feed.stream
            path = stream.source.path
            if path in self.reel.damaged:
                continue
            expected = self.reel.truths[path].at(stream.timemap.to_local(now))
            picture = view.picture
            got = None if picture is None else self.number_in(path, picture)
            if got != expected:
                self.wrong.append(f"{path.name} rests at {now} with {got} and not {expected}")
            if view.isVisible() and view.height() >= READABLE_PX and view.width() >= READABLE_PX * 4 / 3:
                self.grabs += 1
                on_screen = seen(view, view.feed.size or SMALL)
                if on_screen != expected:
                    self.wrong.append(f"{path.name} at {now}: {on_screen} on screen, not {expected}")

    def forget(self) -> None:
        """Let go of the pictures."""
        self._read.clear()


# --- hands ----------------------------------------------------------------------------------------

TYPING = {"open", "demo", "preferences", "quit", "goto", "filter", "find", "note"}
TYPING |= {"keys", "about", "fullscreen"}
KEYS = [key for spec in TABLE if spec.id not in TYPING for key in spec.keys]


class Hands:
    """Random actions with a memory of the last thirty."""

    def __init__(self, window: MainWindow, seed: int) -> None:
        self.window = window
        self.rng = np.random.default_rng(seed)
        self.log: deque[str] = deque(maxlen=30)
        self.held = 0
        """For so many more actions the mouse button stays down on the timeline."""
        self._last = QPoint()
        self._kinds: list[tuple[int, Callable[[], str]]] = [
            (14, self.click),
            (14, self.drag),
            (3, self.grab),
            (14, self.step),
            (10, self.jump),
            (16, self.play),
            (4, self.loop),
            (8, self.mix),
            (4, self.strip),
            (8, self.leaf),
            (3, self.choose),
            (4, self.resize),
            (6, self.zoom),
            (3, self.panel),
            (1, self.look),
            (2, self.goto),
            (2, self.type),
            (1, self.box),
            (1, self.reopen),
        ]

    def act(self) -> None:
        """One of the actions; one of the keyboard's while the mouse button is held."""
        if self.held:
            self.held -= 1
            kinds = [self.step, self.jump, self.play, self.mix, self.leaf, self.panel, self.move]
            said = "held: " + kinds[self._to(len(kinds))]()
            if not self.held:
                QTest.mouseRelease(self.window.timeline, LEFT, pos=self._last)
                said += ", let go"
        else:
            weights = np.array([weight for weight, _ in self._kinds], float)
            said = self._kinds[int(self.rng.choice(len(weights), p=weights / weights.sum()))][1]()
        self.log.append(said)
        self.leave_lines()

    def release(self) -> None:
        """Let go of the mouse button."""
        if self.held:
            self.held = 0
            QTest.mouseRelease(self.window.timeline, LEFT, pos=self._last)
            self.log.append("let go")

    def leave_lines(self) -> None:
        """Give the keys back to the window, as Esc does."""
        if isinstance(QApplication.focusWidget(), QLineEdit):
            self.press("Esc")
            self.press("Esc")
            if isinstance(QApplication.focusWidget(), QLineEdit):
                self.window.stage.setFocus()

    def press(self, keys: str) -> str:
        """A key of the table, in the widget that has the focus."""
        combination: Any = QKeySequence(keys)[0]  # type: ignore[index]
        target: QWidget = QApplication.focusWidget() or self.window
        QTest.keyClick(target, combination.key(), combination.keyboardModifiers())
        return keys

    def _to(self, below: int) -> int:
        return int(self.rng.integers(below))

    def _one(self, *keys: str) -> str:
        return self.press(keys[self._to(len(keys))])

    def _place(self) -> QPoint:
        canvas = self.window.timeline.canvas
        x = header.WIDTH + self._to(max(canvas.width() - header.WIDTH, 1))
        return QPoint(x, self._to(max(canvas.height(), 1)))

    # each does something and says what

    def click(self) -> str:
        """Click on the timeline, which may hit a word."""
        place = self._place()
        QTest.mouseClick(self.window.timeline, LEFT, pos=place)
        return f"click {place.x()},{place.y()}"

    def drag(self) -> str:
        """Drag over the timeline and let go."""
        said = self.grab()
        while self.held:
            self.held -= 1
            said += f", {self.move()}"
        QTest.mouseRelease(self.window.timeline, LEFT, pos=self._last)
        return said

    def grab(self) -> str:
        """Press on the timeline and hold."""
        self._last = self._place()
        QTest.mousePress(self.window.timeline, LEFT, pos=self._last)
        self.held = 1 + self._to(3)
        return f"grab {self._last.x()},{self._last.y()}"

    def move(self) -> str:
        """Move the mouse over the timeline."""
        self._last = self._place()
        QTest.mouseMove(self.window.timeline, self._last)
        QTest.qWait(0)
        return f"to {self._last.x()}"

    def step(self) -> str:
        """A frame on or back, or several as a held key does."""
        key = ",."[self._to(2)]
        times = 1 if self._to(4) else 8
        for _ in range(times):
            self.press(key)
        return f"{key} ×{times}"

    def jump(self) -> str:
        """To another time by key."""
        return self._one("Left", "Right", "Shift+Left", "Shift+Right", "Home", "End")

    def play(self) -> str:
        """Play, pause, faster, backwards."""
        return self._one("Space", "Space", "L", "L", "J", "K")

    def loop(self) -> str:
        """The loop's ends."""
        return self._one("I", "O", "I", "O", "Shift+I")

    def mix(self) -> str:
        """Mute, solo and spectrogram by key."""
        return self._one("M", "Shift+M", "Ctrl+M", "Shift+S")

    def strip(self) -> str:
        """The buttons and the fader in a header."""
        strips = [each for each in self.window.timeline._controls.values() if each.isVisible()]
        if not strips:
            return "no strip"
        strip = strips[self._to(len(strips))]
        which = self._to(4)
        if which == 3 and strip.gain.isVisible():
            by = QPoint(self._to(60) - 30, 0)
            QTest.mousePress(strip.gain, LEFT, pos=QPoint(20, 8))
            QTest.mouseMove(strip.gain, QPoint(20, 8) + by)
            QTest.mouseRelease(strip.gain, LEFT, pos=QPoint(20, 8) + by)
            return f"gain by {by.x()} px"
        button = (strip.mute, strip.solo, strip.spectrogram)[which % 3]
        if button.isVisible():
            QTest.mouseClick(button, LEFT)
        return f"button {'MS~'[which % 3]}"

    def leaf(self) -> str:
        """The record before or behind, once or several times."""
        return " ".join(self._one("[", "]") for _ in range(1 + (self._to(4) == 0) * 3))

    def choose(self) -> str:
        """A click on a row of the table."""
        table = self.window.records.table
        model = self.window.records.model
        if not table.isVisible() or not model.rowCount():
            return "no table"
        row = self._to(model.rowCount())
        QTest.mouseClick(table.viewport(), LEFT, pos=table.visualRect(model.index(row, 1)).center())
        return f"row {row}"

    def resize(self) -> str:
        """Another size of the window."""
        size = SIZES[self._to(len(SIZES))]
        self.window.resize(*size)
        return f"size {size}"

    def zoom(self) -> str:
        """By key or by wheel, and panning."""
        if self._to(2):
            return self._one("+", "-", "F", "+", "Ctrl+0")
        place = self._place()
        modifier = (Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier)[self._to(2)]
        notch = 120 * (1 - 2 * self._to(2))
        view = self.window.timeline
        event = QWheelEvent(
            QPointF(place),
            QPointF(view.mapToGlobal(place)),
            QPoint(),
            QPoint(0, notch),
            Qt.MouseButton.NoButton,
            modifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(view, event)
        return f"wheel {modifier.name} {notch} at {place.x()}"

    def panel(self) -> str:
        """Show or hide a panel."""
        return self._one("Ctrl+1", "Ctrl+2", "Ctrl+3")

    def look(self) -> str:
        """The theme, the sync readout and the full screen."""
        return self._one("Ctrl+T", "Y", "F11")

    def goto(self) -> str:
        """Type a time, right or wrong, or leave it."""
        self.press("G")
        text = ("0:01.5", "3.2", "noon", "99", "")[self._to(5)]
        focus = QApplication.focusWidget()
        if isinstance(focus, QLineEdit):
            QTest.keyClicks(focus, text)
            self.press("Return")
        return f"go to {text!r}"

    def type(self) -> str:
        """Type into the filter or the search, and leave it."""
        said = self._one("/", "Ctrl+F")
        focus = QApplication.focusWidget()
        if isinstance(focus, QLineEdit):
            QTest.keyClicks(focus, "kL a.")
        return f"{said} and type"

    def box(self) -> str:
        """The key sheet, closed again."""
        self.press("F1")
        for each in self.window.findChildren(QDialog, KEY_SHEET):
            each.close()
        self.window.activateWindow()
        return "key sheet"

    def reopen(self) -> str:
        """The same dataset anew, by what Ctrl+O calls; or the mix as recorded."""
        if self._to(2):
            self.window.actions_["mix_reset"].trigger()
            return "mix reset"
        assert self.window.session is not None
        self.window.open_path(str(self.window.session.root))
        return "open again"
