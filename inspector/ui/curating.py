"""Curation in the window: flags by key, undo and redo, the history, and what others write meanwhile.

Everything that touches the disk runs in a thread of its own, one thing after the other, so that the keys of a
fast hand come in order and the window never waits for a slow share.
"""

from __future__ import annotations

from concurrent.futures import wait
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QTimer

from inspector.core.curation import FLAGS
from inspector.core.jobs import Jobs
from inspector.core.model import Problem
from inspector.errors import InspectorError
from inspector.ui.actions import OWN_FLAG
from inspector.ui.panels.history import Row
from inspector.ui.rooms import Room, said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inspector.core.jobs import Job
    from inspector.core.model import Record
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow

T = TypeVar("T")

ASK_MS = 1500
"""How long after the last change open questions are looked for, which reads of every record edited."""
MOST_KNOWN = 20_000
"""Records of a dataset of so many at most are all looked at to find where some content is now."""
LOOK_MS = 2000
"""How often the journals of others are looked at."""
PAGE = 200
SAVING = "saving"


class Curating(Room):
    """Owns no widget: it carries between the session's curation and the window's panels."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._jobs: Jobs | None = None
        self.flags: dict[str, str] = {}
        """Of each record that has one, as it is shown."""
        self._listed: list[str] = []
        """What was last selected as all that is listed."""
        self._looking = False
        self._edits = 0
        self._failed = ""
        panel = window.parts.history
        panel.moment.connect(window.show_moment)
        panel.undo_to.connect(self._undo_to)
        panel.wanted.connect(self._read_history)
        panel.noted.connect(self._flag_with_note)
        panel.left.connect(lambda: window.stage.setFocus())
        panel.asked_record.connect(self._show_asked)
        self._asking = QTimer(self, singleShot=True, interval=ASK_MS)
        self._asking.timeout.connect(self._ask)
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {
            "undo": self.undo,
            "redo": self.redo,
            **{f"flag_{flag}": partial(self.flag, flag) for flag in FLAGS},
            **{f"flag_own_{number}": partial(self.flag_own, number) for number in range(1, 10)},
            "unflag": partial(self.flag, None),
            "note": self.start_note,
            "next_unreviewed": self.next_unreviewed,
            "advance": lambda: None,
            "select_listed": self.select_listed,
            "history": self.show_history,
        }

    # -- datasets ------------------------------------------------------------------------------------------

    def set_session(self, session: Session | None) -> None:
        """Curate another dataset; None before one is closed: what was decided is written first."""
        self._timer.stop()
        self._asking.stop()
        if self._jobs is not None:
            wait([job.future for job in self._jobs.live() if job.title == SAVING])
            self._jobs.close(wait=True)
            self._jobs = None
        self.session = session
        self.flags, self._edits, self._failed, self._looking = {}, 0, "", False
        self.own: list[str] = []
        window = self.window
        window.records.show_flags(self.flags)
        window.parts.history.set_rows([], False, False, 0)
        window.parts.history.set_questions([])
        if session is None:
            return
        self._jobs = Jobs(1)
        relay = window.relay

        def opened(_job: Job[Any]) -> dict[str, str]:
            session.curation.listen(lambda touched: relay.post(lambda: self._edited(session, touched)))
            return _flags_of(session)

        self._run("reading the journal", opened, self._show_flags)
        self._timer.start()

    @property
    def said(self) -> str:
        """Where the work is and whether it is saved, for the bottom row."""
        session = self.session
        if session is None:
            return ""
        if self._failed:
            return f"NOT SAVED: {self._failed}"
        if self._busy():
            return "saving…"
        if not self._edits:
            return "nothing decided yet"
        folder = session.desk.workspace.folder
        place = folder.relative_to(session.root) if folder.is_relative_to(session.root) else _short(folder)
        return f"all work saved in {place}"

    def _busy(self) -> bool:
        return self._jobs is not None and any(job.title == SAVING for job in self._jobs.live())

    def _run(
        self, title: str, work: Callable[[Job[Any]], Any], then: Callable[[Any], object] | None = None
    ) -> None:
        """Do something behind, in order, and tell of its end in the window's thread."""
        session, jobs = self.session, self._jobs
        if session is None or jobs is None:
            return

        def ended(job: Job[Any]) -> None:
            error = job.future.exception()
            self.window.relay.post(lambda: self._ended(session, job, error, then))

        jobs.start(title, work, ended)

    def _ended(
        self,
        session: Session,
        job: Job[Any],
        error: BaseException | None,
        then: Callable[[Any], object] | None,
    ) -> None:
        if self.session is not session:
            return
        if isinstance(error, InspectorError) and error.title == "The edit was not saved":
            self._failed = error.detail
        if error is not None:
            self.window.notice(said(error))
        else:
            if job.title == SAVING:
                self._failed = ""
            if then is not None:
                then(job.future.result())
        self.window.show_status()

    # -- edits ---------------------------------------------------------------------------------------------

    def save(self, work: Callable[[Session], T], then: Callable[[T], object] | None = None) -> None:
        """Write a decision, after those that were made before it; `then` is told once it is on the disk.

        What refuses it is said in the bottom bar.
        """
        if (session := self.session) is not None:
            self._run(SAVING, lambda _: work(session), then)

    def _chosen(self) -> list[str]:
        """The selected records where there are several, else the one that is shown.

        While the next one is loading that is the one that the curator sees.
        """
        selected = self.window.records.selected_ids()
        record = self.window.record
        if len(selected) > 1 or record is None or (selected and selected == self._listed):
            return selected
        return [record.id]

    def flag(self, flag: str | None, note: str = "", at_ns: int | None = None) -> None:
        """Flag what is chosen, in one edit."""
        if ids := self._chosen():
            self.save(
                lambda session: session.desk.flag(ids, flag, note, at_ns),
                lambda edit: self._told(edit, flag, ids),
            )

    def flag_own(self, number: int) -> None:
        """Flag what is chosen with one of the dataset's own flags, in the order in which they came up."""
        if number <= len(self.own):
            self.flag(self.own[number - 1])
        else:
            self.window.notice(f"The dataset has no flag {number} of its own: C gives one")

    def _told(self, edit: Any, flag: str | None, ids: Sequence[str]) -> None:
        if edit is None:
            self.window.notice(f"Flagged {flag} already" if flag else "There was no flag")
        else:
            self.window.notice(f"{edit.title} · Ctrl+Z takes it back")
        if flag is not None and len(ids) == 1 and self.window.actions_["advance"].isChecked():
            self.next_unreviewed()

    def _flag_with_note(self, flag: str, note: str, pinned: bool) -> None:
        at_ns = self.window.player.transport.now_ns() if pinned else None
        self.flag(flag, note, at_ns)

    def undo(self) -> None:
        """Take back this author's newest edit in force."""
        self.save(lambda session: session.undo(), lambda edit: self.window.notice(edit.title))

    def redo(self) -> None:
        """Bring back what was undone last."""
        self.save(lambda session: session.redo(), lambda edit: self.window.notice(edit.title))

    def _undo_to(self, edit_id: str) -> None:
        self.save(
            lambda session: len(session.curation.undo_to(edit_id)),
            lambda count: self.window.notice(f"{count or 'No'} edits of yours undone"),
        )

    # -- going ---------------------------------------------------------------------------------------------

    def next_unreviewed(self) -> None:
        """Go to the next listed record without a flag."""
        found = self.window.records.next_without_flag()
        if found is None:
            self.window.notice("Every listed record has a flag")
        else:
            self.window.records.select(found)
            self.window.show_record(found)

    def select_listed(self) -> None:
        """Select everything that the list shows."""
        self.window.records.select_listed()
        self._listed = self.window.records.selected_ids()
        self.window.notice(f"{len(self._listed):,} records are selected: a flag goes to all of them")

    def start_note(self) -> None:
        """Show the history's panel, the note having the keys."""
        self.show_history()
        self.window.parts.history.start_note()

    def show_history(self) -> None:
        """Show the panel."""
        self.window.parts.show_tab(self.window.parts.history)

    # -- what changed --------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Read on in the journals of others, unless the last look is not over yet."""
        session = self.session
        if session is None or self._looking:
            return
        self._looking = True

        def look(_job: Job[Any]) -> None:
            try:
                session.curation.refresh()
            finally:
                self._looking = False

        self._run("looking at the journals", look)

    def _edited(self, session: Session, touched: frozenset[str] | None) -> None:
        """In the window's thread: these records changed (None: any may have)."""
        if self.session is not session:
            return

        def work(_job: Job[Any]) -> tuple[dict[str, str] | None, dict[str, str | None], Record | None]:
            shown = self.window.record
            again = None
            if shown is not None and (touched is None or shown.id in touched):
                again = session.record(shown.id)
            if touched is None or len(touched) > 1000:
                return _flags_of(session), {}, again
            return None, {each: session.curation.flag(each) for each in touched}, again

        def then(found: tuple[dict[str, str] | None, dict[str, str | None], Record | None]) -> None:
            whole, some, again = found
            if whole is not None:
                self.flags = whole
            for record_id, flag in some.items():
                self.flags.pop(record_id, None)
                if flag is not None:
                    self.flags[record_id] = flag
            self._show_flags(self.flags)
            shown = self.window.record
            if again is None or shown is None or again.id != shown.id or again == shown:
                return
            if not (self.window.labelling.took(again) or self.window.aligning.took(again)):
                self.window.show_again(again)

        self._run("reading what changed", work, then)

    def _ask(self) -> None:
        """Look behind for what is in conflict, held or wrong with a journal."""
        session = self.session
        if session is None:
            return

        def work(job: Job[list[Problem]]) -> list[Problem]:
            return open_questions(session, job.step)

        def ended(job: Job[list[Problem]]) -> None:
            if job.future.exception() is None:
                lines = job.future.result()
                self.window.relay.post(lambda: self._show_questions(session, lines))

        session.jobs.start("looking for open questions", work, ended)

    def _show_questions(self, session: Session, lines: list[Problem]) -> None:
        if self.session is session:
            self.window.parts.history.set_questions(lines)

    def _show_asked(self, record_id: str) -> None:
        if self.session is not None and record_id in self.session.record_ids():
            self.window.show_record(record_id)

    def _show_flags(self, flags: dict[str, str]) -> None:
        self.flags = flags
        self.own += sorted(set(flags.values()) - {*FLAGS, *self.own})
        for number in range(1, 10):
            known = f"Flag {self.own[number - 1]}" if number <= len(self.own) else f"{OWN_FLAG} {number}"
            self.window.actions_[f"flag_own_{number}"].setText(known)
        self.window.records.show_flags(flags)
        self.window.parts.history.ask()
        self._asking.start()

    def _read_history(self, author: str | None, skip: int) -> None:
        session = self.session
        if session is None:
            return

        def work(_job: Job[Any]) -> tuple[list[Row], list[str], int]:
            rows = [Row.of(past) for past in session.history(author, skip, PAGE)]
            return rows, session.curation.authors(), len(session.curation)

        def then(found: tuple[list[Row], list[str], int]) -> None:
            rows, authors, self._edits = found
            panel = self.window.parts.history
            panel.set_authors(authors)
            panel.set_rows(rows, skip > 0, len(rows) == PAGE, self._edits)

        self._run("reading the history", work, then)


def open_questions(session: Session, step: Callable[[], None]) -> list[Problem]:
    """Each with the record that it is about, or the journal file."""
    curation = session.curation
    told = [
        Problem(finding.record_id or "", f"in conflict: {finding.message}") for finding in curation.findings()
    ]
    few = len(session.index) <= MOST_KNOWN
    held = curation.held(session.desk.holder if few else None, step)
    told += [
        Problem(each.record_id, f"held: {each.path} by {each.author}", f"{each.reason}; it changes nothing")
        for each in held
    ]
    return [*curation.problems, *told]


def _flags_of(session: Session) -> dict[str, str]:
    """The flag that stands at each record: the newest of any author."""
    found = {}
    for each in dict.fromkeys(flag.record_id for flag in session.curation.flags()):
        if (flag := session.curation.flag(each)) is not None:
            found[each] = flag
    return found


def _short(folder: Path) -> str:
    """A folder with the user's home as `~`."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)
