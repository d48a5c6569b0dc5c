"""Releases from the window: a plan that follows what is chosen, the writing, and the result opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QTimer

from inspector.core.jobs import Jobs
from inspector.errors import Cancelled, InspectorError
from inspector.ui.panels.common import count_text
from inspector.ui.rooms import Room, rows_of, said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inspector.core.jobs import Job
    from inspector.release.laying import Tally
    from inspector.release.plan import Choice, Plan
    from inspector.release.policy import Policy
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.export import ExportDialog, Wanted

LOOK_MS = 200
ASKED_OF = 2000
"""Of a dataset of more records the authors of labels are not looked up: that reads every record."""
_GROUPS = ("session", "speaker", "person", "participant", "subject", "group", "scene", "video", "source")


class Exporting(Room):
    """Owns the dialog, the plan that is made and the release that is written; at most one of each."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.dialog: ExportDialog | None = None
        self._jobs: Jobs | None = None
        self._planning: Job[Any] | None = None
        self._writing: Job[Any] | None = None
        self._out = ""
        self._look = QTimer(self, interval=LOOK_MS)
        self._look.timeout.connect(self._watch)

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {"export": self.show}

    def set_session(self, session: Session | None) -> None:
        """Another dataset; None before one is closed, which cancels what is written: it can go on later."""
        if self._jobs is not None:
            self._jobs.close(wait=False)
        self._jobs = None if session is None else Jobs(1)
        self._planning = self._writing = None
        self._look.stop()
        super().set_session(session)
        if self.dialog is not None:
            self.dialog.close()
            self.dialog.deleteLater()
            self.dialog = None

    def show(self) -> None:
        """Open the dialog, as it was left."""
        if self.session is None:
            self.window.notice("Open a dataset first: there is nothing to export")
            return
        if self.dialog is None:
            self.dialog = self._made(self.session)
        records = self.window.records
        self.dialog.set_counts(records.model.rowCount(), len(records.selected_ids()))
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()
        self.dialog.refresh()

    def _made(self, session: Session) -> ExportDialog:
        from inspector.release.targets import targets
        from inspector.ui.panels.export import ExportDialog

        dialog = ExportDialog(self.window)
        dialog.set_formats([(each.name, each.title) for each in targets.all()])
        dialog.set_modalities(session.modalities)
        dialog.set_splits(_splits(session))
        dialog.out.setText(str(session.root.parent / f"{session.root.name}-release"))
        dialog.planned.connect(self._plan)
        dialog.exported.connect(self._write)
        dialog.stopped.connect(self._stop)
        dialog.opened.connect(lambda: self.window.open_path(self._out))
        if len(session.index) <= ASKED_OF:
            sql = "SELECT DISTINCT author FROM annotations ORDER BY author"

            def read(job: Job[list[str]]) -> list[str]:
                return [row["author"] for row in rows_of(session, sql, job) if row["author"]]

            self.slowly("who labelled", read, self._show_authors, lambda _: None)
        self.slowly("the licence policy", lambda _: _policy_of(session), self._show_policy, self._no_policy)
        return dialog

    def _show_policy(self, found: tuple[Policy | None, list[str]]) -> None:
        if self.dialog is not None:
            self.dialog.set_policy(*found)

    def _no_policy(self, error: BaseException) -> None:
        if self.dialog is not None:
            self.dialog.say_wrong(said(error))

    def _show_authors(self, authors: list[str]) -> None:
        if self.dialog is not None:
            self.dialog.set_authors(authors)

    # -- the plan ------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        session, dialog = self.session, self.dialog
        if session is None or dialog is None or self._writing is not None:
            return
        if self._planning is not None:
            self._planning.cancel()
        wanted = dialog.wanted()
        try:
            choice = self._choice(wanted)
        except InspectorError as error:
            dialog.say_wrong(str(error))
            return

        def work(job: Job[tuple[Plan, Tally]]) -> tuple[Plan, Tally]:
            from inspector.release.laying import survey
            from inspector.release.plan import make_plan

            _keep_policy(session, wanted)
            plan = make_plan(session, choice, lambda done: job.step(done, len(session.index)))
            return plan, survey(session, plan, lambda done: job.step(done, len(plan.ids)))

        dialog.set_running(False, True)
        self._planning = self._start("planning a release", work, self._show_plan)

    def _choice(self, wanted: Wanted) -> Choice:
        """What the dialog says, for the plan. InspectorError where something is missing."""
        from inspector.release.plan import Choice
        from inspector.ui.panels import export as panel

        records: tuple[str, ...] | None = None
        where = None
        if wanted.which == panel.LISTED:
            model = self.window.records.model
            records = tuple(model.ids_of(np.arange(model.rowCount())))
        elif wanted.which == panel.SELECTED:
            records = tuple(self.window.records.selected_ids())
        elif wanted.which == panel.FLAG:
            where = f"flag = '{(wanted.value or 'ok').replace(chr(39), chr(39) * 2)}'"
        elif wanted.which == panel.WHERE:
            where = wanted.value or None
        if records is not None and not records:
            raise InspectorError(
                "There is nothing to export", "no record is chosen", "Select some in the list"
            )
        if wanted.which in (panel.WHERE, panel.MOMENTS) and not wanted.value:
            missing = "Type a condition" if wanted.which == panel.WHERE else "Choose the list of moments"
            raise InspectorError("Something is missing yet", "", missing)
        return Choice(
            where=where,
            records=records,
            moments=Path(wanted.value) if wanted.which == panel.MOMENTS else None,
            form=wanted.form,
            modalities=wanted.modalities,
            authors=None if wanted.author is None else frozenset([wanted.author]),
            split=wanted.split,
            fixes=wanted.fixes,
            strict=wanted.strict,
            note=wanted.note,
        )

    def _show_plan(
        self, job: Job[Any], result: tuple[Plan, Tally] | None, error: BaseException | None
    ) -> None:
        dialog = self.dialog
        if dialog is None or job is not self._planning:
            return
        self._planning = None
        dialog.set_running(False)
        if result is None:
            if error is not None and not isinstance(error, Cancelled):
                dialog.show_plan("", (), ())
                dialog.say_wrong(said(error))
            return
        dialog.show_plan(*plan_in_words(*result))
        if result[0].choice.strict and result[1].lost:
            dialog.say_wrong("It would be refused: not everything can be carried")

    # -- the writing ---------------------------------------------------------------------------------------

    def _write(self) -> None:
        session, dialog = self.session, self.dialog
        if session is None or dialog is None or self._writing is not None:
            return
        wanted = dialog.wanted()
        try:
            choice = self._choice(wanted)
        except InspectorError as error:
            dialog.say_wrong(str(error))
            return
        if self._planning is not None:
            self._planning.cancel()
            self._planning = None
        out = Path(wanted.out).expanduser()

        def work(job: Job[Any]) -> Any:
            from inspector.release.plan import make_plan
            from inspector.release.write import write

            _keep_policy(session, wanted)
            plan = make_plan(session, choice, lambda done: job.step(done, len(session.index)))
            return plan, write(session, plan, out, lambda done: job.step(done, len(plan.ids)))[1]

        self._out = str(out)
        dialog.say_wrong("")
        dialog.set_running(True)
        self._writing = self._start(f"writing {out.name}", work, self._show_written)

    def _show_written(self, job: Job[Any], result: Any, error: BaseException | None) -> None:
        dialog = self.dialog
        if job is not self._writing:
            return
        self._writing = None
        if dialog is None:
            return
        dialog.set_running(False)
        if result is not None:
            dialog.show_plan(*plan_in_words(*result))
            dialog.show_done(f"Written to {self._out}")
            self.window.notice(f"Released {count_text(result[1].records, 'record')} to {self._out}")
        elif isinstance(error, Cancelled):
            dialog.state.setText("Cancelled; Export goes on where it was")
        elif error is not None:
            dialog.say_wrong(said(error))
            self.window.notice(said(error))

    def _stop(self) -> None:
        if self._writing is not None:
            self._writing.cancel()

    # -- jobs ----------------------------------------------------------------------------------------------

    def _start(
        self,
        title: str,
        work: Callable[[Job[Any]], Any],
        then: Callable[[Job[Any], Any, BaseException | None], None],
    ) -> Job[Any]:
        """Do it behind the window, one at a time; `then` hears of its end in the window's thread."""
        assert self._jobs is not None
        session = self.session

        def ended(job: Job[Any]) -> None:
            error = None if job.future.cancelled() else job.future.exception()
            result = None if error is not None else job.future.result()
            self.window.relay.post(lambda: then(job, result, error) if self.session is session else None)

        self._look.start()
        return self._jobs.start(title, work, ended)

    def _watch(self) -> None:
        job = self._writing or self._planning
        if job is None:
            self._look.stop()
        elif self.dialog is not None:
            self.dialog.set_progress(job.done, job.total)
            if self._writing is not None:
                self.dialog.state.setText(f"{job.done} of {job.total} records" if job.total else "")


def _policy_of(session: Session) -> tuple[Policy | None, list[str]]:
    """The licence policy in force, and the licences that records name."""
    from inspector.release.policy import known_licences, read_policy

    policy = read_policy(session.desk.workspace.folder)
    return policy, known_licences(session, policy.column if policy is not None else "")


def _keep_policy(session: Session, wanted: Wanted) -> None:
    """The policy that stands in the dialog becomes the dataset's, which every plan asks."""
    from inspector.release.policy import read_policy, set_policy

    if wanted.policy is not None and read_policy(session.desk.workspace.folder) != wanted.policy[0]:
        set_policy(session, wanted.policy[0])


def plan_in_words(plan: Plan, tally: Tally) -> tuple[str, list[str], list[str]]:
    """What a plan comes to: its figures, further lines, and what cannot be carried."""
    figures = ", ".join(
        (
            count_text(tally.records, "record"),
            count_text(tally.files, "file"),
            _size(tally.bytes),
        )
    )
    told = [f"{count_text(tally.decisions, 'decision')} of curators are in it"] if tally.decisions else []
    told += [f"{sentence} ({count})" for sentence, count in tally.changes.items()]
    if len(tally.splits) > 1 or (tally.splits and "data" not in tally.splits):
        told.append("Split: " + ", ".join(f"{name} {count}" for name, count in tally.splits.items()))
    told += [f"{count_text(count, 'record')} left out: {reason}" for reason, count in plan.left_out.items()]
    told += list(plan.told)
    told += tally.problems[:20]
    if len(tally.problems) > 20:
        told.append(f"and {len(tally.problems) - 20} more like these")
    lost = [f"Not carried: {sentence} ({count})" for sentence, count in tally.lost.items()]
    return figures, told, lost


def _size(count: int) -> str:
    if count < 100_000:
        return f"{count / 1e3:.1f} kB"
    return f"{count / 1e6:,.1f} MB".replace(",", "\u2009")


def _splits(session: Session) -> list[str]:
    """Ways to split that the dataset's columns suggest, the plainest first."""
    names = [name for name in session.index.column_names if name not in ("record_id", "modalities")]
    found = ["split"] if "split" in names else []
    found.append("none")
    groups = [name for name in names if name.lower().removesuffix("_id") in _GROUPS]
    found += [f"group={name},train=0.8,val=0.1,test=0.1" for name in groups]
    return [*found, "train=0.8,val=0.1,test=0.1"]
