"""Deliveries and releases in the window: data that changed is told on opening, two releases are compared.

A thread of its own compares, one thing after the other. On opening only sizes, times of change and a few
blocks of changed files are looked at; files are read whole when somebody opens the panel. Records with
decisions are noted behind (`release.seen`), so that it can be told what changed in them when the old files
are gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog

from inspector.core.jobs import Jobs
from inspector.errors import Cancelled, InspectorError
from inspector.ui.rooms import Room, said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inspector.core.edits import Edit
    from inspector.core.jobs import Job
    from inspector.release.carry import Decision
    from inspector.release.intake import Delivery
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.compare import ComparePanel
    from inspector.ui.panels.delivery import DeliveryPanel

AFTER_MS = 2500
"""The look on opening comes after the first pictures."""
NOTE_MS = 15_000
"""So long after the last edit the edited records are looked into."""
MOST_LOOKED = 20_000
"""A dataset of more records is compared when somebody asks, not on opening."""
MOST_NOTED = 1000
"""Records with decisions that are looked into by themselves; of more, `inspector intake` does it."""


class Delivering(Room):
    """Owns the panels, made when they are first wanted."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.panel: DeliveryPanel | None = None
        self.compare: ComparePanel | None = None
        self.delivery: Delivery | None = None
        self.decisions: list[Decision] = []
        self._jobs: Jobs | None = None
        self._clean = False
        """Whether the data is what was last seen, so that it may be noted again."""
        self._start = QTimer(self, singleShot=True, interval=AFTER_MS)
        self._start.timeout.connect(self._look_on_opening)
        self._noting = QTimer(self, singleShot=True, interval=NOTE_MS)
        self._noting.timeout.connect(self._note)

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {"intake": self.show_intake, "diff": self.show_compare}

    @property
    def busy(self) -> bool:
        """Whether something is being compared or noted."""
        return self._jobs is not None and bool(self._jobs.live())

    def set_session(self, session: Session | None) -> None:
        """Another dataset; None before one is closed, which stops what runs."""
        self._start.stop()
        self._noting.stop()
        if self._jobs is not None:
            self._jobs.close(wait=False)
            self._jobs = None
        super().set_session(session)
        self.delivery, self.decisions, self._clean = None, [], False
        if self.panel is not None:
            self.panel.show_delivery(None, ())
        if self.compare is not None:
            self.compare.show_busy(False)
        if session is None:
            return
        self._jobs = Jobs(1)
        if len(session.index) <= MOST_LOOKED:
            self._start.start()

    # -- work ----------------------------------------------------------------------------------------------

    def _run(
        self,
        title: str,
        work: Callable[[Session, Job[Any]], Any],
        then: Callable[[Any], object],
        quiet: bool = False,
    ) -> None:
        """Work behind; its end is told in the window's thread unless the dataset was closed meanwhile."""
        session, jobs = self.session, self._jobs
        if session is None or jobs is None:
            return

        def ended(job: Job[Any]) -> None:
            self.window.relay.post(lambda: told(job))

        def told(job: Job[Any]) -> None:
            if self.session is not session or job.future.cancelled():
                return
            if self.panel is not None:
                self.panel.show_progress(0, 0)
            error = job.future.exception()
            if error is None:
                then(job.future.result())
            elif not isinstance(error, Cancelled) and not quiet:
                self.window.notice(said(error))

        jobs.start(title, lambda job: work(session, job), ended)

    def _told(self, session: Session, job: Job[Any]) -> Callable[[int], None]:
        """What hears of progress in the job's thread, and stops it where the dataset is closed."""
        total = len(session.index)

        def told(done: int) -> None:
            job.step(done, total)
            self.window.relay.post(lambda: self._progressed(session, done, total))

        return told

    def _progressed(self, session: Session, done: int, total: int) -> None:
        if self.panel is not None and self.session is session and self.busy:
            self.panel.show_progress(done, total)

    def _look_on_opening(self) -> None:
        relay = self.window.relay

        def work(session: Session, job: Job[Any]) -> tuple[bool, Delivery | None]:
            from inspector.release.intake import intake
            from inspector.release.seen import Seen

            folder = session.desk.workspace.folder
            session.curation.listen(lambda _: relay.post(self._noting.start))
            state = Seen(folder) if folder.is_dir() else None
            if state is None or not state.exists:
                return True, None
            found = intake(session, state, job.step, deep=False)
            return not (found.changes or found.copying), found

        def then(result: tuple[bool, Delivery | None]) -> None:
            self._clean, found = result
            if found is None or self._clean:
                self._noting.start()
                return
            if self.delivery is not None:
                return  # somebody looked meanwhile, and closer
            counts = ", ".join(f"{n} {fate}" for fate, n in found.counts().items() if n)
            words = f"The data changed since it was last seen: {counts}."
            self.window.notice(words)
            self.delivery = found
            self._panel().show_delivery(found, (), f"{words} Look again tells what changed in it.")
            self.window.parts.show_task(self._panel(), "Delivery")

        self._run("comparing with what was last seen", work, then, quiet=True)

    def _note(self) -> None:
        """Look into the edited records, where the data is what was last seen and there is a workspace."""
        if not self._clean or self.busy:
            return

        def work(session: Session, job: Job[Any]) -> None:
            from inspector.release.seen import Seen

            folder = session.desk.workspace.folder
            edited = session.curation.records() if folder.is_dir() else []
            if not edited or len(edited) > MOST_NOTED:
                return
            deep = sorted(set(edited) & set(session.record_ids()))
            Seen(folder).note(session, deep, told=job.step)

        self._run("noting what the data holds", work, lambda _: None, quiet=True)

    # -- the delivery --------------------------------------------------------------------------------------

    def _panel(self) -> DeliveryPanel:
        if self.panel is None:
            from inspector.ui.panels.delivery import DeliveryPanel

            self.panel = panel = DeliveryPanel()
            panel.chosen.connect(self.window.show_record)
            panel.looked.connect(self.look)
            panel.carried.connect(self.take_in)
            panel.dropped.connect(self.drop)
            panel.seen.connect(self.take_as_seen)
        return self.panel

    def show_intake(self) -> None:
        """Open the panel and compare with what was last seen."""
        self._start.stop()
        self.window.parts.show_task(self._panel(), "Delivery")
        if self.session is not None and len(self.session.index):  # nothing is noted of an empty folder
            self.look()

    def look(self) -> None:
        """Compare every file with what was last seen, and class every decision on old data."""
        self._run("comparing with what was last seen", self._compared, self._show)

    def _compared(self, session: Session, job: Job[Any]) -> Any:
        from inspector.release.carry import decisions
        from inspector.release.intake import intake
        from inspector.release.seen import Seen

        state = Seen(session.desk.workspace.folder)
        if not state.exists:
            known = set(session.record_ids())
            if not known:  # nothing is written down of an empty folder
                return None
            session.desk.workspace.begin()
            deep = [each for each in session.curation.records() if each in known]
            state.note(session, deep, told=self._told(session, job))
            return None
        found = intake(session, state, self._told(session, job))
        return found, decisions(session, found)

    def _show(self, result: tuple[Delivery, list[Decision]] | None) -> None:
        panel = self._panel()
        if result is None:
            self._clean = True
            panel.show_delivery(
                None,
                (),
                "Nothing was noted before. What is there is noted now, to compare the next delivery with.",
            )
            return
        self.delivery, self.decisions = result
        self._clean = not (self.delivery.changes or self.delivery.copying)
        panel.show_delivery(*result)
        for problem in self.delivery.problems[:1]:
            self.window.notice(problem)

    def take_in(self, rebase: bool) -> None:
        """Make again what holds, in one edit, and take the delivery as seen."""
        if self._is_copied():
            return
        found = list(self.decisions)

        def work(session: Session) -> Edit | None:
            from inspector.release.carry import carry

            return carry(session, found, rebase)

        def saved(edit: Edit | None) -> None:
            self.window.notice("Nothing was to be made again" if edit is None else edit.title)
            self._run("noting what the data holds", self._taken, self._show)

        self.window.curating.save(work, saved)

    def drop(self) -> None:
        """Have the stale and the lost decisions told no more."""
        from inspector.release.carry import LOST, STALE, dismiss

        found = [each for each in self.decisions if each.state in (STALE, LOST)]

        def saved(edit: Edit | None) -> None:
            if edit is not None:
                self.window.notice(edit.title)
            self._run("comparing with what was last seen", self._compared, self._show)

        self.window.curating.save(lambda session: dismiss(session, found), saved)

    def take_as_seen(self) -> None:
        """Change nothing, and compare the next delivery with this one."""
        if not self._is_copied():
            self._run("noting what the data holds", self._taken, self._show)

    def _is_copied(self) -> bool:
        """Whether files are still being copied, which is said: half of one is not what was delivered."""
        copying = self.delivery.copying if self.delivery is not None else ()
        if copying:
            self.window.notice(f"Files are still being copied: {copying[0]} · Look again once they are there")
        return bool(copying)

    def _taken(self, session: Session, job: Job[Any]) -> Any:
        """Note the delivery as seen, and compare with it."""
        from inspector.release.seen import Seen

        known = set(session.record_ids())
        deep = [each for each in session.curation.records() if each in known]
        Seen(session.desk.workspace.folder).note(session, deep, told=self._told(session, job))
        return self._compared(session, job)

    # -- two releases --------------------------------------------------------------------------------------

    def show_compare(self) -> None:
        """Open the panel that compares two releases."""
        if self.compare is None:
            from inspector.ui.panels.compare import ComparePanel

            self.compare = panel = ComparePanel()
            panel.asked.connect(self._compare)
            panel.chosen.connect(self._show_compared)
            panel.saved.connect(self._save_page)
            panel.browsed.connect(self._browse)
        self.window.parts.show_task(self.compare, "Releases")

    def _browse(self, which: int) -> None:
        here = self.session.root.parent if self.session is not None else ""
        folder = QFileDialog.getExistingDirectory(self.window, "A release", str(here))
        if folder and self.compare is not None:
            self.compare.set_place(which, folder)

    def _compare(self, first: str, second: str) -> None:
        panel = self.compare
        if panel is None:
            return
        if self.session is None:
            panel.show_error("Open a dataset or a release first")
            return

        def work(_job: Job[Any]) -> Any:
            from inspector.release.diff import diff

            return diff(Path(first).expanduser(), Path(second).expanduser(), _job.step)

        panel.show_busy(True)
        self.slowly("comparing releases", work, panel.show_diff, lambda error: panel.show_error(said(error)))

    def _show_compared(self, record_id: str) -> None:
        if self.session is not None and record_id in set(self.session.record_ids()):
            self.window.show_record(record_id)
        else:
            self.window.notice(f"{record_id} is not in the dataset that is open")

    def _save_page(self) -> None:
        panel = self.compare
        if panel is None or panel.found is None:
            return
        name, _ = QFileDialog.getSaveFileName(self.window, "Save the page", "changes.html", "HTML (*.html)")
        if name:
            self.save_page(name)

    def save_page(self, name: str) -> None:
        """Write what the panel shows as one page. What goes wrong is told in the bottom bar."""
        panel, session = self.compare, self.session
        found = None if panel is None else panel.found
        if found is None or session is None:
            return

        def work(_job: Job[Any]) -> Path:
            from inspector.release.diff_said import page

            target = Path(name).resolve()
            if target.is_relative_to(session.root):
                raise InspectorError(
                    "The page would be written into the dataset", name, "A dataset is never written to"
                )
            try:
                target.write_text(page(found), "utf-8", errors="replace")
            except OSError as error:
                raise InspectorError("The page cannot be written", f"{target}: {error.strerror}") from error
            return target

        self.slowly("writing the page", work, lambda target: self.window.notice(f"Written: {target}"))
