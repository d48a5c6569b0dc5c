"""Annotators' files from the window: shown before they are taken in, and written for an annotator's tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from inspector.errors import InspectorError
from inspector.ui.panels.common import count_text
from inspector.ui.rooms import Room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.core.jobs import Job
    from inspector.core.model import Record
    from inspector.release.exchange import Received
    from inspector.release.returned import Returned
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.label_files import FilesPart
    from inspector.ui.panels.labels import LabelsPanel

READ = "Labels (*.eaf *.TextGrid *.textgrid *.json)"
MOST_LINES = 12
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
        self.waiting: tuple[list[Path], str] | None = None
        """The files, and the record that one alone is for."""
        window.labelling.opened.connect(self._opened)

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {"label_import": self.ask_import, "label_export": self.ask_export}

    def set_session(self, session: Session | None) -> None:
        """Another dataset: what was looked at was for the one before."""
        super().set_session(session)
        self._forget()

    def set_record(self, record: Record | None) -> None:
        """Another record: the one file that was looked at was not for it; several are each for their own."""
        if record is not None and self.waiting is not None and not self.waiting[1]:
            return
        self._forget()

    def _forget(self) -> None:
        self.waiting = None
        if self.part is not None:
            self.part.show_facts((), (), False)

    def _opened(self, panel: LabelsPanel) -> None:
        self.part = panel.files
        panel.files.take.clicked.connect(lambda _=False: self.take_in())

    def ask_import(self) -> None:
        """Ask for files of labels, and look at them: a single one is for the record on show."""
        if self.window.record is None:
            self.window.notice("Open a record first: labels belong to one")
            return
        names, _ = QFileDialog.getOpenFileNames(self.window, "Labels to take in", str(Path.home()), READ)
        if len(names) == 1:
            self.look_at(Path(names[0]))
        elif names:
            self.look_at_all(list(map(Path, names)))

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
                self.waiting = ([file], record.id)
                self._tell(file, found, True)

        self.behind("reading labels", read, got)

    def look_at_all(self, files: list[Path]) -> None:
        """Show whose several files are, and what taking them in would do; nothing is guessed."""
        session = self.session
        if session is None:
            return
        self.window.labelling.open()
        if self.part is not None:
            self.part.show_facts([f"Reading {count_text(len(files), 'file')}…"], (), False)

        def read(job: Job[Returned]) -> Returned:
            from inspector.release.returned import receive_all

            return receive_all(session, files, session.desk.author, dry_run=True, told=lambda _: job.step())

        def got(found: Returned) -> None:
            self.waiting = (files, "") if found.taken else None
            self._tell_all(found, bool(found.taken))

        self.slowly("reading labels", read, got)

    def take_in(self) -> None:
        """Take in what was shown, as one edit, conflicts as they were decided."""
        if self.waiting is None or self.part is None:
            return
        (files, record_id), self.waiting = self.waiting, None
        side, decided = self.part.side(), self.part.decided()

        def one(session: Session) -> Received:
            from inspector.release.exchange import receive

            return receive(session, files[0], session.desk.author, record_id, decided=decided)

        def several(session: Session) -> Returned:
            from inspector.release.returned import receive_all

            return receive_all(session, files, session.desk.author, conflicts=side)

        def took_one(found: Received) -> None:
            if self._shows(record_id):
                self._tell(files[0], found, False)
            self.window.notice(f"Labels from {files[0].name} · Ctrl+Z takes them back")

        def took_several(found: Returned) -> None:
            self._tell_all(found, False)
            self.window.notice(f"Labels from {count_text(len(files), 'file')} · Ctrl+Z takes them back")

        if record_id:
            self.window.curating.save(one, took_one)
        else:
            self.window.curating.save(several, took_several)

    def _shows(self, record_id: str) -> bool:
        """Whether what is told of a record is still asked for: another may be on show by then."""
        return self.window.record is not None and self.window.record.id == record_id

    def _tell(self, file: Path, found: Received, takeable: bool) -> None:
        if self.part is None:
            return
        lines = [file.name, *(f"made on {each}" for each in found.media)]
        lines.append(_counted(found.counts) + (f", since {found.since}" if found.since else ""))
        self.part.show_facts(lines, [*found.differs, *found.told][:MOST_LINES], takeable)
        if takeable:
            self.part.show_conflicts(
                [(each.id, told) for each, told in zip(found.disputed, found.conflicts, strict=True)]
            )

    def _tell_all(self, found: Returned, takeable: bool) -> None:
        if self.part is None:
            return
        records = len({received.record_id for _, received in found.taken})
        lines = [f"{count_text(len(found.taken), 'file')} for {count_text(records, 'record')}"]
        lines += [_counted(found.counts)]
        matched = [f"{each.file.name} → {got.record_id}, by {each.by}" for each, got in found.taken]
        lines += matched[:MOST_LINES]
        left = [
            f"left: {each.file.name}: {each.unsure}"
            + (f" ({', '.join(each.records[:3])})" if each.records else "")
            for each in found.left
        ]
        differs = [f"{got.record_id}: {line}" for _, got in found.taken for line in (*got.differs, *got.told)]
        self.part.show_facts(lines, [*left, *differs][:MOST_LINES], takeable)
        if takeable:
            self.part.show_conflicts([("", line) for _, got in found.taken for line in got.conflicts])

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


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {fate}" for fate, number in counts.items())
