"""What records lack: looked for elsewhere, said not to be expected, or flagged, each as one edit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFileDialog

from inspector.core.model import Modality
from inspector.ui.rooms import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inspector.core.edits import Edit
    from inspector.core.model import Record
    from inspector.readers.relink import Match
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.missing import MissingPanel


class Relinking(Room):
    """Owns the records in hand and the folder that was looked in; the panel is made when first opened."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.panel: MissingPanel | None = None
        self.modality = Modality.AUDIO
        self.folder: Path | None = None
        self.lacking: list[str] = []

    def handlers(self) -> Mapping[str, Handler]:
        """What the action of this room does."""
        return {"missing": self.open}

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

    def count(self) -> None:
        """Count behind which of the records in hand lack the modality."""
        panel, ids, modality = self.panel, self._in_hand(), self.modality
        if panel is None or not panel.isVisible():
            return
        panel.show_matches([])
        panel.say(f"Looking at {len(ids)} records…" if len(ids) > 1 else "")

        def work(_job: Any) -> list[str]:
            from inspector.readers.relink import lacking

            return lacking(self.session, ids, modality)

        def got(found: list[str]) -> None:
            self.lacking = found
            panel.say("")
            panel.show_scope(modality, len(found), len(ids))

        self.behind("looking for what is missing", work, got)

    def ask_folder(self) -> None:
        """Ask where to look, and look."""
        here = self.folder or (self.session.root.parent if self.session is not None else Path.home())
        name = QFileDialog.getExistingDirectory(self.window, "Look for files in", str(here))
        if name:
            self.look_in(Path(name))

    def look_in(self, folder: Path) -> None:
        """Show what a folder has for the records in hand; nothing is linked yet."""
        panel, ids, modality = self.panel, list(self.lacking), self.modality
        if panel is None:
            return
        self.folder = folder
        panel.say(f"Looking in {folder.name}…")

        def work(job: Any) -> list[Match]:
            from inspector.readers.relink import find_files

            return find_files(self.session, ids, folder, modality, job.step)

        def failed(error: BaseException) -> None:
            panel.say(str(error))

        self.behind(f"looking in {folder.name}", work, panel.show_matches, failed)

    def link(self) -> None:
        """Link what is ticked, as one edit."""
        panel, folder, modality = self.panel, self.folder, self.modality
        if panel is None or folder is None:
            return
        chosen = panel.chosen()

        def work(session: Session) -> Edit | None:
            from inspector.readers.relink import link_files

            return link_files(session, chosen, folder, modality)

        self._save(work)

    def expect_absent(self) -> None:
        """Say that the records in hand need not have the modality, as one edit."""
        ids, modality = list(self.lacking), self.modality

        def work(session: Session) -> Edit | None:
            from inspector.readers.relink import expect_absent

            return expect_absent(session, ids, modality)

        self._save(work)

    def flag(self) -> None:
        """Flag the records in hand for which nothing is ticked."""
        ticked = set() if self.panel is None else set(self.panel.chosen())
        ids = [each for each in self.lacking if each not in ticked]
        self._save(lambda session: session.flag(ids, "missing_modality"))

    def _save(self, work: Callable[[Session], Edit | None]) -> None:
        def saved(edit: Edit | None) -> None:
            told = "It stands so already" if edit is None else f"{edit.title} · Ctrl+Z takes it back"
            self.window.notice(told)
            self.count()

        self.window.curating.save(work, saved)
