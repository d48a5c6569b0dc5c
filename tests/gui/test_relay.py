"""Calls from other threads: they run in the window's, and keep nothing of it alive."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from gui.timeline_fakes import stream
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from inspector.core.model import Modality
from inspector.ui.relay import Relay, call_of
from inspector.ui.timeline.filmstrip import FilmStripTrack
from inspector.ui.timeline.spectrogram_track import SpectrogramTrack

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot


class Taker:
    def __init__(self) -> None:
        self.taken: list[tuple[int, threading.Thread]] = []

    def take(self, value: int) -> None:
        self.taken.append((value, threading.current_thread()))


def in_thread(call: Callable[[], None]) -> list[BaseException]:
    """Run it there, and what it raised."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return raised


def test_it_runs_in_the_windows_thread_in_order(qtbot: QtBot) -> None:
    taker = Taker()
    call = call_of(taker.take)

    def count() -> None:
        for each in range(9):
            call(each)

    assert not in_thread(count)
    assert not taker.taken
    qtbot.waitUntil(lambda: len(taker.taken) == 9)
    assert taker.taken == [(each, threading.current_thread()) for each in range(9)]


@pytest.mark.usefixtures("qapp")
def test_it_holds_nothing_and_calls_nothing_that_is_gone() -> None:
    taker = Taker()
    taken = taker.taken
    call, there = call_of(taker.take), weakref.ref(taker)
    assert not in_thread(lambda: call(1))
    del taker
    assert there() is None
    assert not in_thread(lambda: call(2))
    QApplication.processEvents()
    assert not taken


def test_after_its_close_a_relay_delivers_nothing(qtbot: QtBot) -> None:
    relay, ran = Relay(), Taker()
    relay.post(lambda: ran.take(1))
    qtbot.waitUntil(lambda: len(ran.taken) == 1)
    relay.post(lambda: ran.take(2))
    relay.close()
    relay.post(lambda: ran.take(3))
    QApplication.processEvents()
    assert len(ran.taken) == 1


@pytest.mark.usefixtures("qapp")
def test_a_strip_may_go_while_its_pictures_are_made() -> None:
    asked: list[Callable[[int, QImage], None]] = []
    track = FilmStripTrack(stream("v", Modality.VIDEO), supplier=lambda *told: asked.append(told[3]))
    track._wanted = [0]
    track._ask()
    there = weakref.ref(track)
    del track
    assert there() is None
    assert not in_thread(lambda: asked[0](0, QImage(4, 4, QImage.Format.Format_RGB32)))
    QApplication.processEvents()


@pytest.mark.usefixtures("qapp")
def test_a_spectrogram_may_go_while_it_is_computed() -> None:
    asked: list[Callable[[], None]] = []

    class Spectra:
        def want(self, *told: Any) -> None:
            asked.append(told[4])

    track = SpectrogramTrack(stream("s", Modality.AUDIO), "s", Spectra())  # type: ignore[arg-type]
    track._wish = (1, 0, 1)
    track._ask()
    there = weakref.ref(track)
    del track
    assert there() is None
    assert not in_thread(asked[0])
    QApplication.processEvents()
