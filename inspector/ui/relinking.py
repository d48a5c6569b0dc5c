"""What records lack: looked for elsewhere, said not to be expected, or flagged, each as one edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog

from inspector.core.model import Modality
from inspector.ui.rooms import Room, said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inspector.core.edits import Edit
    from inspector.core.jobs import Job
    from inspector.core.model import Record
    from inspector.readers.relink import Match
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.missing import MissingPanel

COUNT_MS = 150
"""Further records are selected sooner than that: one count for all."""


class Relinking(Room):
    """Owns the records in hand and the folder that was looked in; the panel is made when first opened."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.panel: MissingPanel | None = None
        self.modality = Modality.AUDIO
        self.folder: Path | None = None
        self.lacking: list[str] = []
        """The records in hand that lack it; empty until they are counted, so that no edit is of others."""
        self._job: Job[Any] | None = None
        """What is being counted or looked for."""
        self._settled = QTimer(self, singleShot=True, interval=COUNT_MS)
        self._settled.timeout.connect(self._count)

    def handlers(self) -> Mapping[str, Handler]:
        """What the action of this room does."""
        return {"missing": self.open}

    def set_session(self, session: Session | None) -> None:
        """Another dataset: nothing of it is in hand yet."""
        self._forget()
        super().set_session(session)

    def set_record(self, record: Record | None) -> None:
        """Another record: what is in hand may be another too."""
        if self.panel is not None and self.panel.isVisible() and record is not None:
            self.count()

    def open(self) -> None:
        """Show the panel for the selected records, else the one on show."""
        if self.panel is None:
            from inspector.ui.panels.missing import MissingPanel

            self.panel = MissingPanel()
            self.panel.modality_chosen.connect(self._choose)
            self.panel.folder_asked.connect(self.ask_folder)
            self.panel.linked.connect(self.link)
            self.panel.absent_asked.connect(self.expect_absent)
            self.panel.flag_asked.connect(self.flag)
            self.window.records.table.selectionModel().selectionChanged.connect(lambda *_: self.count())
        self.window.parts.show_task(self.panel, "Missing")
        record, session = self.window.record, self.session
        if record is not None and session is not None:
            states = session.coverage(record)
            gone = [each for each in session.modalities if states[each].value == "absent"]
            self.modality = gone[0] if gone else self.modality
        self.count()

    def _choose(self, name: str) -> None:
        self.modality = Modality(name)
        self.count()

    def _in_hand(self) -> list[str]:
        selected = self.window.records.selected_ids()
        record = self.window.record
        return selected if len(selected) > 1 or record is None else [record.id]

    def _forget(self) -> None:
        """What was counted is of other records: no edit may go to them any more."""
        self._settled.stop()
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self.lacking = []
        if self.panel is not None:
            self.panel.show_matches([])
            self.panel.say("")
            self.panel.show_counting()

    def count(self) -> None:
        """Count soon which of the records in hand lack the modality; until then there is nothing to edit."""
        self._forget()
        if self.panel is not None and self.panel.isVisible():
            self._settled.start()

    def _count(self) -> None:
        panel, session, modality = self.panel, self.session, self.modality
        if panel is None or session is None or not panel.isVisible():
            return
        ids = self._in_hand()
        panel.say(f"Looking at {len(ids)} records…" if len(ids) > 1 else "")

        def work(job: Job[list[str]]) -> list[str]:
            from inspector.readers.relink import lacking

            found: list[str] = []
            for each in ids:
                job.step()
                found += lacking(session, [each], modality)
            return found

        def got(job: Job[list[str]] | None, found: list[str]) -> None:
            if job is self._job:
                self.lacking = found
                panel.say("")
                panel.show_scope(modality, len(found), len(ids))

        self._begin("looking for what is missing", work, got)

    def _begin(
        self, title: str, work: Callable[[Job[Any]], Any], got: Callable[[Job[Any] | None, Any], None]
    ) -> None:
        """Do it slowly in place of what is under way; what is overtaken is not told."""
        if self._job is not None:
            self._job.cancel()
        self._job = job = self.slowly(
            title, work, lambda found: got(job, found), lambda error: self._failed(job, error)
        )

    def _failed(self, job: Job[Any] | None, error: BaseException) -> None:
        if job is self._job and self.panel is not None:
            self.panel.say(said(error))

    def ask_folder(self) -> None:
        """Ask where to look, and look."""
        here = self.folder or (self.session.root.parent if self.session is not None else Path.home())
        name = QFileDialog.getExistingDirectory(self.window, "Look for files in", str(here))
        if name:
            self.look_in(Path(name))

    def look_in(self, folder: Path) -> None:
        """Show what a folder has for the records in hand; nothing is linked yet."""
        panel, session, ids, modality = self.panel, self.session, list(self.lacking), self.modality
        if panel is None or session is None or not ids:
            return
        self.folder = folder
        panel.say(f"Looking in {folder.name}…")

        def work(job: Job[list[Match]]) -> list[Match]:
            from inspector.readers.relink import find_files

            return find_files(session, ids, folder, modality, job.step)

        def got(job: Job[list[Match]] | None, found: list[Match]) -> None:
            if job is self._job:
                panel.show_matches(found)

        self._begin(f"looking in {folder.name}", work, got)

    def link(self) -> None:
        """Link what is ticked, as one edit."""
        panel, folder, modality = self.panel, self.folder, self.modality
        chosen = {} if panel is None else panel.chosen()
        if folder is None or not chosen:
            return

        def work(session: Session) -> Edit | None:
            from inspector.readers.relink import link_files

            return link_files(session, chosen, folder, modality)

        self._save(work)

    def expect_absent(self) -> None:
        """Say that the records in hand need not have the modality, as one edit."""
        ids, modality = list(self.lacking), self.modality
        if not ids:
            return

        def work(session: Session) -> Edit | None:
            from inspector.readers.relink import expect_absent

            return expect_absent(session, ids, modality)

        self._save(work)

    def flag(self) -> None:
        """Flag the records in hand for which nothing is ticked."""
        ticked = set() if self.panel is None else set(self.panel.chosen())
        ids = [each for each in self.lacking if each not in ticked]
        if ids:
            self._save(lambda session: session.flag(ids, "missing_modality"))

    def _save(self, work: Callable[[Session], Edit | None]) -> None:
        def saved(edit: Edit | None) -> None:
            told = "It stands so already" if edit is None else f"{edit.title} · Ctrl+Z takes it back"
            self.window.notice(told)
            self.count()

        self.window.curating.save(work, saved)
