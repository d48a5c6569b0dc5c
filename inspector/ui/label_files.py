"""Annotators' files from the window: shown before they are taken in, and written for an annotator's tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from inspector.errors import InspectorError
from inspector.ui.rooms import Room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.core.model import Record
    from inspector.release.exchange import Received
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.label_files import FilesPart
    from inspector.ui.panels.labels import LabelsPanel

READ = "Labels (*.eaf *.TextGrid *.textgrid *.json)"
WRITTEN = {
    "ELAN (*.eaf)": "eaf",
    "Praat (*.TextGrid)": "textgrid",
    "Label Studio (*.json)": "labelstudio",
    "WebVTT (*.vtt)": "webvtt",
}


class LabelFiles(Room):
    """Owns the file that was looked at and not taken in yet."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.part: FilesPart | None = None
        self.waiting: tuple[Path, str] | None = None
        window.labelling.opened.connect(self._opened)

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {"label_import": self.ask_import, "label_export": self.ask_export}

    def set_record(self, record: Record | None) -> None:
        """Another record: what was looked at was not for it."""
        self.waiting = None
        if self.part is not None:
            self.part.show_facts((), (), False)

    def _opened(self, panel: LabelsPanel) -> None:
        self.part = panel.files
        panel.files.take.clicked.connect(lambda _=False: self.take_in())

    def ask_import(self) -> None:
        """Ask for a file of labels, and look at it."""
        if self.window.record is None:
            self.window.notice("Open a record first: labels belong to one")
            return
        name, _ = QFileDialog.getOpenFileName(self.window, "Labels to take in", str(Path.home()), READ)
        if name:
            self.look_at(Path(name))

    def look_at(self, file: Path) -> None:
        """Show what a file was made on and what taking it in would do to the record on show."""
        record, session = self.window.record, self.session
        if record is None or session is None:
            return
        self.window.labelling.open()

        def read(_job: object) -> Received:
            from inspector.release.exchange import receive

            return receive(session, file, session.desk.author, record.id, dry_run=True)

        def got(found: Received) -> None:
            if self._shows(record.id):
                self.waiting = (file, record.id)
                self._tell(file, found, True)

        self.behind(f"reading {file.name}", read, got)

    def take_in(self) -> None:
        """Take the file in that was looked at, as one edit."""
        if self.waiting is None:
            return
        (file, record_id), self.waiting = self.waiting, None

        def work(session: Session) -> Received:
            from inspector.release.exchange import receive

            return receive(session, file, session.desk.author, record_id)

        def taken(found: Received) -> None:
            if self._shows(record_id):
                self._tell(file, found, False)
            self.window.notice(f"Labels from {file.name} · Ctrl+Z takes them back")

        self.window.curating.save(work, taken)

    def _shows(self, record_id: str) -> bool:
        """Whether what is told of a record is still asked for: another may be on show by then."""
        return self.window.record is not None and self.window.record.id == record_id

    def _tell(self, file: Path, found: Received, takeable: bool) -> None:
        if self.part is None:
            return
        counts = ", ".join(f"{number} {fate}" for fate, number in found.counts.items())
        lines = [file.name, *(f"made on {each}" for each in found.media)]
        lines.append(f"{counts}" + (f", since {found.since}" if found.since else ""))
        differs = [
            *found.differs,
            *found.told,
            *(f"changed on both sides: {each}" for each in found.conflicts),
        ]
        self.part.show_facts(lines, differs[:12], takeable)

    def ask_export(self) -> None:
        """Ask where to, and write the record's labels."""
        record = self.window.record
        if record is None:
            self.window.notice("Open a record first: labels belong to one")
            return
        here = str(Path.home() / record.id.replace("/", "_"))
        name, kind = QFileDialog.getSaveFileName(
            self.window, "Labels for an annotator", here, ";;".join(WRITTEN)
        )
        if name:
            self.write(Path(name), WRITTEN.get(kind, "eaf"))

    def write(self, file: Path, form: str) -> None:
        """Write the labels of the record on show; what the format cannot carry is said."""
        record, session = self.window.record, self.session
        if record is None or session is None:
            return

        def work(_job: object) -> tuple[Path, tuple[str, ...]]:
            from inspector.release.exchange import SUFFIXES, send

            target = file if file.suffix else file.with_suffix(SUFFIXES[form])
            if target.resolve().is_relative_to(session.root):
                raise InspectorError(
                    "The labels would be written into the dataset", str(target), "Go elsewhere"
                )
            return target, send(session, record.id, form, target)

        def done(found: tuple[Path, tuple[str, ...]]) -> None:
            self.window.notice(f"Written: {found[0]}")
            if self.part is not None and self._shows(record.id):
                self.part.show_facts([f"{found[0].name} was written"], found[1], False)

        self.behind("writing the labels", work, done)
