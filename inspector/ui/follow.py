"""The playhead carried to every view, and the figures beside them. Views only follow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer

from inspector.ui import theme
from inspector.ui.overlay import SyncOverlay
from inspector.ui.readout import Readout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QAction

    from inspector.core.model import Record
    from inspector.ui.arrangement import Arrangement
    from inspector.ui.player import Player

FIGURES_S = 0.2
"""While playing, numbers change this often: no eye reads them faster, and a list takes long to paint. They
wait as long again for a tick that shows no new picture."""
LOOK_MS = 500
"""Also where nothing moves: a table that was read behind has samples now, a sound begins."""


class Follower(QObject):
    """Listens to the player; knows the views, which do not know each other."""

    def __init__(
        self, player: Player, parts: Arrangement, actions: Mapping[str, QAction], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._player = player
        self._parts = parts
        self._actions = actions
        self._figures_at = 0.0
        self._icon = ("", "")
        self.record: Record | None = None
        self.readout = Readout(player, parts.stage, parts.timeline)
        self.overlay = SyncOverlay(parts.stage)
        self._look = QTimer(self, interval=LOOK_MS)
        self._look.timeout.connect(self._refresh)
        self._look.start()
        player.moved.connect(self.moved)
        player.state_changed.connect(self.state_changed)
        player.mix_changed.connect(self._refresh)
        player.speaker.changed.connect(self._refresh)
        parts.tabs.currentChanged.connect(self._refresh)  # figures are kept up only where they are seen
        player.news.connect(self._news, Qt.ConnectionType.QueuedConnection)

    def set_record(self, record: Record | None) -> None:
        """Whose streams the figures are about."""
        self.record = record
        self.overlay.show_figures([])

    def close(self) -> None:
        """Follow no more."""
        self._look.stop()

    def show_overlay(self, on: bool) -> None:
        """Whether the figures of all streams stand over the pictures."""
        self.overlay.setVisible(on)
        self._refresh()

    def moved(self, at_ns: int) -> None:
        """The playhead is there now."""
        parts, transport = self._parts, self._player.transport
        shown = parts.stage.show_time(at_ns, transport.playing, self._player.dragging)
        parts.timeline.set_time(at_ns)
        parts.transcript.set_time(at_ns)
        parts.transport_bar.set_time(at_ns)
        now = time.monotonic()
        if transport.playing and now - self._figures_at < FIGURES_S * (1 + shown):
            return
        self._figures_at = now
        self._show_figures(at_ns)

    def state_changed(self) -> None:
        """Started, stopped, another speed or loop."""
        transport = self._player.transport
        self._parts.timeline.set_loop(transport.loop)
        self._parts.transport_bar.set_loop(transport.loop)
        if not self._player.dragging:
            self._parts.timeline.reveal(transport.now_ns())
        name = "pause" if transport.playing else "play"
        if (name, theme.current().name) != self._icon:  # each move of a drag comes by here
            self._icon = (name, theme.current().name)
            self._actions["play"].setIcon(theme.icon(name, theme.ON_ACCENT))

    def _news(self) -> None:
        transport = self._player.transport
        if not transport.playing:
            self.moved(transport.now_ns())

    def _refresh(self) -> None:
        """A sound is muted, or heard otherwise: also paused that is to be read at once."""
        if not self._player.transport.playing:
            self._show_figures(self._player.transport.now_ns())

    def _show_figures(self, at_ns: int) -> None:
        transport = self._player.transport
        feed = self._player.reference_feed()
        index = feed.index if feed is not None else None
        frame = None
        if feed is not None and index is not None and index.whole:
            frame = index.at(feed.stream.timemap.to_local(at_ns))
        self._parts.transport_bar.set_detail(frame, transport.speed, transport.playing)
        over = self.overlay.isVisibleTo(self._parts.stage)
        if self.record is None or not (over or self._parts.streams.isVisible()):
            return  # nobody would see them
        figures = self.readout.figures(self.record, at_ns)
        for each in figures:
            self._parts.streams.set_lag(each.stream.id, each.ms, each.frames)
        if over:
            self.overlay.show_figures(figures)
