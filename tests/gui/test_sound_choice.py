"""Which sound output the window takes, and what it says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QLabel

from inspector.playback.sound import OutputClock
from inspector.playback.sound_vlc import VlcSoundOutput
from inspector.ui import speaker as speakers
from inspector.ui.main_window import MainWindow
from inspector.ui.player import Player
from inspector.ui.sound_qt import QtSoundOutput
from inspector.ui.speaker import make_output

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from inspector.playback.sound import SoundFeed


class Output:
    """An output that tells what it is made to tell, and pulls nothing."""

    def __init__(self, name: str, missing: bool, tells: str, residual: str = "") -> None:
        self.name = name
        self.missing = missing
        self.residual = residual
        self.clock = OutputClock()
        self.tells = tells
        self.closed = False
        self.told: Callable[[str], None] = lambda text: None

    def start(self, feed: SoundFeed, told: Callable[[str], None]) -> None:
        self.told = told
        told(self.tells)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Output]:
    """The outputs that the player gets instead of real ones, by the name it asks for."""
    outputs = {
        "vlc": Output("VLC 3.0", False, "", "residual 0.9 ms"),
        "builtin": Output("built-in", False, ""),
    }
    monkeypatch.setattr(speakers, "make_output", outputs.__getitem__)
    return outputs


def test_each_name_has_its_output() -> None:
    assert isinstance(make_output("vlc"), VlcSoundOutput)
    assert isinstance(make_output("builtin"), QtSoundOutput)


def test_without_libvlc_the_built_in_output_plays(qtbot: QtBot, made: dict[str, Output]) -> None:
    made["vlc"].missing = True
    made["vlc"].tells = "libVLC is not installed. Install VLC"
    player = Player(True, None, "vlc")
    problems: list[str] = []
    player.speaker.problem.connect(problems.append)
    player.start_sound()
    qtbot.waitUntil(lambda: "estimated" in player.speaker.text)
    assert player.speaker.text.startswith("built-in sound")
    assert problems == ["libVLC is not installed. Install VLC. The built-in sound output is used."]
    assert made["vlc"].closed
    assert not made["builtin"].closed
    player.close()
    assert made["builtin"].closed


def test_a_lost_device_is_told_and_sound_comes_back(qtbot: QtBot, made: dict[str, Output]) -> None:
    player = Player(True, None, "vlc")
    problems: list[str] = []
    player.speaker.problem.connect(problems.append)
    player.start_sound()
    qtbot.waitUntil(lambda: "residual 0.9 ms" in player.speaker.text)
    made["vlc"].told("VLC lost its footing and starts again")
    qtbot.waitUntil(lambda: player.speaker.text == "silent")
    assert len(problems) == 1
    assert "starts again" in problems[0]
    made["vlc"].told("")
    qtbot.waitUntil(lambda: "residual 0.9 ms" in player.speaker.text)
    assert not made["vlc"].closed
    player.close()


@pytest.mark.usefixtures("made")
def test_the_bottom_row_shows_the_residual(qtbot: QtBot) -> None:
    window = MainWindow(sound="vlc")
    qtbot.addWidget(window)
    window.player.start_sound()
    qtbot.waitUntil(
        lambda: any("residual 0.9 ms" in label.text() for label in window.status.findChildren(QLabel))
    )
    window.close()
