"""The main window: records left, stage and timeline in the middle, details right. It only wires."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QApplication, QFileDialog, QMainWindow

from inspector.core.settings import change_settings, settings
from inspector.core.times import NS
from inspector.ui import actions as table
from inspector.ui import theme
from inspector.ui.arrangement import Arrangement
from inspector.ui.dialogs import show_about, show_keys
from inspector.ui.follow import Follower
from inspector.ui.furnished import Furnished
from inspector.ui.goto_field import GotoField
from inspector.ui.player import Player
from inspector.ui.relay import Relay
from inspector.ui.said import NOTHING_READ, START_WORDS, no_pictures
from inspector.ui.sounds import Sounds
from inspector.ui.status_line import StatusLine, memory_mb
from inspector.ui.surveyor import Surveyor
from inspector.ui.top_bar import TopBar

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent

    from inspector.core.jobs import Job
    from inspector.core.model import Record
    from inspector.session import Opening, Session
    from inspector.ui.contents import Contents
    from inspector.ui.preferences import Preferences

AFTER_PICTURE_MS = 400
"""Tracks that need heavy imports are built when the first picture is there, or after this long without."""


class MainWindow(QMainWindow, Furnished):
    """One dataset, one record. `first_picture` is emitted once, when the first exact picture is on screen."""

    first_picture = Signal()

    def __init__(self, with_sound: bool = True, sound: str | None = None) -> None:
        super().__init__()
        self.session: Session | None = None
        self.record: Record | None = None
        self._opening: Opening | None = None
        self._start_at: tuple[int | None, bool] = (None, False)
        self.contents: Contents | None = None
        self._surveyor: Surveyor | None = None
        self._wanted, self._pictured = "", False
        self.closing = False
        """Whether the window closes, and waits for what is still being done; another dataset does not."""
        self.relay = Relay(self)
        self.player = Player(with_sound, self, sound)
        self.sounds = Sounds(self.player, self)
        self.setWindowTitle("Inspector")
        self.setAcceptDrops(True)
        self.resize(1280, 800)
        self._build()
        self._wire()
        self.restyle()
        self._show_start()

    # -- making --------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.actions_ = table.make_actions(self, self._perform)
        self.top = TopBar(self)
        table.fill_menus(self.top.menus, self.actions_)
        self.top.add_buttons(self.actions_)
        self.setMenuWidget(self.top)
        self.parts = Arrangement(self.actions_, self)
        self.records = self.parts.records
        self.stage = self.parts.stage
        self.timeline = self.parts.timeline
        self.transport_bar = self.parts.transport_bar
        self.streams = self.parts.streams
        self.transcript = self.parts.transcript
        self.dataset = self.parts.dataset
        self.tabs = self.parts.tabs
        self.setCentralWidget(self.parts)
        self.stage.setFocus()
        for name in ("left", "right", "bottom"):
            self.actions_[name].setChecked(True)
        self.goto = GotoField(self.transport_bar.time)
        self.status = StatusLine(self)
        self.setStatusBar(self.status)

    def _wire(self) -> None:
        player = self.player
        self.follower = Follower(player, self.parts, self.actions_, self)
        self.furnish()
        player.state_changed.connect(self.show_status)
        player.speaker.problem.connect(self.notice)
        self.sounds.build(self.timeline, self.actions_)
        self.sounds.said.connect(self.notice)
        self.sounds.rows_changed.connect(self.parts.fit_timeline)
        self.timeline.scrub_started.connect(player.begin_drag)
        self.timeline.scrub_moved.connect(player.transport.seek)
        self.timeline.scrub_ended.connect(player.end_drag)
        self.transcript.seek.connect(player.transport.seek)
        self.records.record_chosen.connect(self.show_record)
        self.stage.settled.connect(self._stage_settled)
        self.goto.asked.connect(player.go_typed)
        self.goto.refused.connect(self.notice)
        self._doing = self._handlers()
        self._show_sync()
        self._clock = QTimer(self, interval=1000)
        self._clock.timeout.connect(self.show_status)
        self._clock.start()

    def _handlers(self) -> dict[str, table.Handler]:
        go = self.player.transport
        found: dict[str, table.Handler] = {
            "open": self._ask_open,
            "demo": self._open_demo,
            "preferences": self._preferences,
            "quit": self.close,
            "play": go.toggle,
            "forward": lambda: go.shuttle(1),
            "pause": go.pause,
            "backward": lambda: go.shuttle(-1),
            "frame_back": lambda: self.player.step(-1),
            "frame_on": lambda: self.player.step(1),
            "back_1": lambda: go.seek(go.now_ns() - NS),
            "on_1": lambda: go.seek(go.now_ns() + NS),
            "back_5": lambda: go.seek(go.now_ns() - 5 * NS),
            "on_5": lambda: go.seek(go.now_ns() + 5 * NS),
            "start": lambda: go.seek(go.span[0]),
            "end": self.player.go_end,
            "goto": self.goto.ask,
            "loop_in": lambda: self.player.mark(start=True),
            "loop_out": lambda: self.player.mark(start=False),
            "loop_off": lambda: go.set_loop(None),
            **self.sounds.handlers(),
            "previous": lambda: self._neighbour(-1),
            "next": lambda: self._neighbour(1),
            "zoom_in": self.timeline.zoom_in,
            "zoom_out": self.timeline.zoom_out,
            "fit": self.timeline.fit,
            "left": lambda: self.parts.left.setVisible(self.actions_["left"].isChecked()),
            "right": lambda: self.tabs.setVisible(self.actions_["right"].isChecked()),
            "bottom": lambda: self.timeline.setVisible(self.actions_["bottom"].isChecked()),
            "sync": self._toggle_sync,
            "find": self._find,
            "filter": self._filter,
            "theme": self._switch_theme,
            "fullscreen": lambda: self.showNormal() if self.isFullScreen() else self.showFullScreen(),
            "keys": lambda: show_keys(self),
            "about": lambda: show_about(self),
        }
        for room in self.rooms:
            found.update(room.handlers())
        return found

    def _perform(self, name: str) -> None:
        self._doing[name]()

    def restyle(self) -> None:
        """Take the colours of the theme in force everywhere."""
        table.set_icons(self.actions_)
        self.actions_["theme"].setIcon(theme.icon("sun" if theme.current().name == "dark" else "moon"))
        self.follower.state_changed()
        self.show_status()
        self.top.restyle()
        self.transport_bar.restyle()
        self.status.restyle()
        for panel in (self.streams, self.transcript, self.dataset):
            panel.update()

    # -- datasets and records ------------------------------------------------------------------------------

    def start(self, opening: Opening, at_ns: int | None, play: bool) -> None:
        """Take over a dataset that is on its way in."""
        self._opening = opening
        self._start_at = (at_ns, play)
        if opening.path is None:
            self._show_start()
            return
        if not opening.wait(0):
            self.stage.set_words("Opening", opening.path)
        self._poll_opening()

    def _poll_opening(self) -> None:
        opening = self._opening
        if opening is None:
            return
        if not opening.wait(0):
            QTimer.singleShot(5, self._poll_opening)
            return
        self._opening = None
        if opening.error is not None or opening.session is None:
            if self.session is None:
                self._show_start(opening.error)
            else:  # what is open stays open
                self.notice(str(opening.error))
            return
        self._set_session(opening.session)
        if opening.record is not None:
            self._show_loaded(opening.record)
        else:
            self._show_nothing()
            self.stage.set_words("No record in here", NOTHING_READ)

    def _set_session(self, session: Session) -> None:
        self._let_go()
        self.player.reset_mix()  # another dataset's sounds are others, whatever their names
        self.session = session
        self.records.set_session(session)
        for room in self.rooms:
            room.set_session(session)
        self.dataset.set_session(session)
        told = bool(session.dataset.leftover or session.dataset.ambiguous or session.dataset.problems)
        self.tabs.setCurrentWidget(self.dataset if told else self.streams)
        self._surveyor = Surveyor(
            session, self.records, self.relay, self._player_busy, self.dataset.set_found
        )
        self.show_status()

    def _show_nothing(self) -> None:
        """No record: every view empty."""
        self.record = None
        self._wanted = self._after = ""
        self.stage.set_cameras([])
        self.player.load(None)
        self.timeline.set_record(None)
        for panel in (self.streams, self.transcript, self.dataset, self.follower):
            panel.set_record(None)
        for room in self.rooms:
            room.set_record(None)
        self.top.set_place(self.session.root.name if self.session is not None else "", "")
        self.setWindowTitle("Inspector")

    def _player_busy(self) -> bool:
        return self.player.transport.playing or self.player.dragging

    def _let_go(self) -> None:
        """Let the dataset go; only a window that closes waits for what is still being read."""
        if self.contents is not None:
            self.contents.close()
            self.contents = None
        if self._surveyor is not None:
            self._surveyor.close()
            self._surveyor = None
        if self.session is not None:
            for room in self.rooms:
                room.set_session(None)
            self.session.close(self.closing)
            self.session = None

    def show_moment(self, record_id: str, at_ns: int | None) -> None:
        """Go to a record, and where a time is given to that."""
        if self.record is not None and self.record.id == record_id and self._wanted == record_id:
            if at_ns is not None:
                self.player.transport.seek(at_ns)
            return
        self.show_record(record_id, at_ns)

    def show_record(self, record_id: str, at_ns: int | None = None) -> None:
        """Load a record behind, and show it when it is there; a newer choice replaces this one."""
        if self.session is None or (self.record is not None and self.record.id == record_id):
            return
        self._wanted, self._start_at = record_id, (at_ns, False)
        session = self.session

        def done(job: Job[Record]) -> None:
            self.relay.post(lambda: arrived(job))

        def arrived(job: Job[Record]) -> None:
            if self._wanted != record_id or self.session is not session:
                return
            error = job.future.exception()
            if error is not None:
                self.notice(f"{record_id}: {error}")
            else:
                self._show_loaded(job.future.result())

        session.urgent(f"opening {record_id}", lambda _job: session.record(record_id), done)

    def show_again(self, record: Record) -> None:
        """Show the record anew after an edit of it, at the playhead; not where another is on its way."""
        if self._wanted != record.id:
            return
        self._start_at = (self.player.transport.now_ns(), self.player.transport.playing)
        self._show_loaded(record)

    def _show_loaded(self, record: Record) -> None:
        assert self.session is not None
        if self.contents is not None:
            self.contents.close()
            self.contents = None
        self._wanted = record.id
        self.record = record
        at_ns, play = self._start_at
        self._start_at = (None, False)
        self.stage.set_cameras([])
        self.player.load(record, at_ns)
        pictured = self.agreeing.pictured
        self.stage.set_cameras([(feed, pictured(record, feed.stream.id)) for feed in self.player.feeds])
        self.timeline.set_record(record)
        for room in self.rooms:
            room.set_record(record)
        self.streams.set_record(record)
        self.transcript.set_record(record, ())
        self.dataset.set_record(record)
        self.follower.set_record(record)
        self.records.set_filled(record.id, record)
        self.records.select(record.id)
        self.top.set_place(self.session.root.name, record.id)
        self.setWindowTitle(f"{record.id} · {self.session.root.name} · Inspector")
        if not self.player.feeds:
            self.stage.set_words(*no_pictures(record))
        self.follower.moved(self.player.transport.now_ns())
        self._after = record.id
        if self._pictured or not self.player.feeds:
            QTimer.singleShot(0, self._fill)
        else:
            QTimer.singleShot(AFTER_PICTURE_MS, self._fill)
        if play:
            self._play_when_settled = True

    _after = ""
    _play_when_settled = False

    def _stage_settled(self) -> None:
        if not self._pictured and self.stage.cameras:
            self._pictured = True
            for camera in self.stage.cameras:
                camera.repaint()  # now: what comes next imports for half a second
            self.first_picture.emit()
            QTimer.singleShot(20, self._fill)

    def _fill(self) -> None:
        """Everything about a record that may come after its first picture."""
        if self.record is None or self.session is None or self._after != self.record.id:
            return
        self._after = ""
        from inspector.ui.contents import Contents

        self.contents = Contents(
            self.session,
            self.record,
            self.relay,
            self.timeline,
            self.transcript,
            self.player.thumbs,
            self.notice,
            self._player_busy,
        )
        self.contents.start()
        self.labelling.attach()
        self.sounds.attach()
        for room in self.rooms:
            room.tracks_built()
        self.parts.fit_timeline()
        self.timeline.set_time(self.player.transport.now_ns())
        self.player.start_sound()
        if self._play_when_settled:
            self._play_when_settled = False
            self.player.transport.play()
        if self._surveyor is not None:
            self._surveyor.start()

    @property
    def complete(self) -> bool:
        """Whether nothing that is to be shown is still on its way."""
        if self._opening is not None:
            return False
        if self.record is None:
            return True
        return (
            self.contents is not None
            and not self.contents.busy
            and self.stage.all_settled
            and not self.timeline.canvas.lagging
            and not self.sounds.busy
            and (self.player.thumbs is None or self.player.thumbs.idle)
        )

    def _neighbour(self, step: int) -> None:
        record_id = self.records.neighbour(step)
        if record_id is not None:
            self.records.select(record_id)
            self.show_record(record_id)

    # -- what is said --------------------------------------------------------------------------------------

    def notice(self, text: str) -> None:
        """Say something for a while in the bottom bar; it never stops the work."""
        self.status.notice(text)

    def show_status(self) -> None:
        """Say in the bottom bar where the data and the work are, and what runs."""
        parts = []
        if self.session is not None:
            parts += ["read-only source", self.curating.said]
            if self._surveyor is not None and self._surveyor.left:
                self._surveyor.hurry()
                parts.append(f"reading records: {self._surveyor.left} left")
        small = self.player.proxies.said if self.record is not None else ""
        parts += [each for each in (self.auditing.said, small) if each]
        self.status.say("  ·  ".join(parts), f"{self.player.sound_said}  ·  {memory_mb()} MB")

    def _show_start(self, error: Exception | None = None) -> None:
        if error is None:
            self.stage.set_words(*START_WORDS)
            return
        title = getattr(error, "title", "This could not be opened")
        parts = (getattr(error, "detail", str(error)), getattr(error, "hint", ""))
        self.stage.set_words(title, "\n".join(part for part in parts if part))

    # -- commands ------------------------------------------------------------------------------------------

    def open_path(self, path: str) -> None:
        """Open another dataset in this window."""
        from inspector.session import Opening

        self.start(Opening(path), None, False)

    def _ask_open(self) -> None:
        here = self.session.root.parent if self.session is not None else Path.home()
        folder = QFileDialog.getExistingDirectory(self, "Open dataset", str(here))
        if folder:
            self.open_path(folder)

    def _open_demo(self) -> None:
        from inspector.core.assets import resource

        self.open_path(str(resource("demo")))

    def _find(self) -> None:
        self.parts.show_tab(self.transcript)
        self.transcript.focus_search()

    def _preferences(self) -> None:
        if self._preferences_box is None:
            from inspector.ui.preferences import Preferences

            self._preferences_box = Preferences(self.player, self)
            self._preferences_box.changed.connect(self._show_sync)
        self._preferences_box.show()
        self._preferences_box.raise_()

    _preferences_box: Preferences | None = None

    def _toggle_sync(self) -> None:
        change_settings(sync_overlay=self.actions_["sync"].isChecked())
        self._show_sync()

    def _show_sync(self) -> None:
        self.actions_["sync"].setChecked(settings().sync_overlay)
        self.follower.show_overlay(settings().sync_overlay)

    def _filter(self) -> None:
        self.actions_["left"].setChecked(True)
        self.parts.left.show()
        self.records.focus_filter()

    def _switch_theme(self) -> None:
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.apply(app, light=theme.current().name == "dark")
            self.restyle()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(Path(url.toLocalFile()).is_dir() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls():
            if Path(url.toLocalFile()).is_dir():
                self.open_path(url.toLocalFile())
                return

    def closeEvent(self, event: QCloseEvent) -> None:
        self._opening, self.closing = None, True
        self.relay.close()
        self._clock.stop()
        if self._preferences_box is not None:
            self._preferences_box.close()
        self.follower.close()
        self.player.close()
        self.stage.set_cameras([])
        self.timeline.set_record(None)
        self._let_go()
        super().closeEvent(event)
