"""Review batches in the window: made of the selected records, worked through, told in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLineEdit,
    QSpinBox,
)

from inspector.core.batches import Batch, Outcome, batch_path, batches_of, dealt, outcome
from inspector.core.edits import DATASET
from inspector.errors import InspectorError
from inspector.ui.rooms import Room

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inspector.session import Session
    from inspector.ui.actions import Handler

NO_BATCH = "There is no review batch: Curate, New review batch makes one"


class BatchForm(QDialog):
    """What a new batch is: its name, its size, who gets it."""

    def __init__(self, records: int, author: str, parent: Batching) -> None:
        super().__init__(parent.window)
        self.setWindowTitle(f"New review batch of {records:,} records")
        self.name = QLineEdit("review")
        self.sample = QSpinBox()
        self.sample.setRange(0, records)
        self.sample.setSpecialValueText("all of them")
        self.sample.setToolTip("Drawn at random; an interval is told of a random sample only")
        self.seed = QSpinBox()
        self.seed.setMaximum(10**9)
        self.seed.setToolTip("The same seed draws the same records")
        self.authors = QLineEdit(author)
        self.authors.setToolTip("Names, with commas between them")
        self.share = QDoubleSpinBox()
        self.share.setRange(0, 100)
        self.share.setSuffix(" %")
        self.share.setToolTip("Given to two of them, neither of whom is told which")
        form = QFormLayout(self)
        form.addRow("Name", self.name)
        form.addRow("Random sample", self.sample)
        form.addRow("Seed", self.seed)
        form.addRow("Reviewers", self.authors)
        form.addRow("Given to two", self.share)
        box = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(box.Ok | box.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form.addRow(buttons)


class Batching(Room):
    """Carries between the form, the journal and the list of records."""

    form: BatchForm | None = None
    """While it is open."""

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {"batch_new": self.ask, "batch": self.toggle}

    def ask(self) -> None:
        """Ask what the batch is to be: of the selected records where there are several, else of all."""
        session = self.session
        if session is None:
            return
        chosen = self.window.records.selected_ids()
        ids = chosen if len(chosen) > 1 else session.record_ids()
        self.form = form = BatchForm(len(ids), session.desk.author, self)
        form.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        form.accepted.connect(lambda: self.make(form, ids))
        form.finished.connect(self._done)
        form.open()

    def _done(self) -> None:
        self.form = None

    def make(self, form: BatchForm, ids: Sequence[str]) -> None:
        """Deal the batch, as one edit, and show the part that is this author's."""
        people = [name.strip() for name in form.authors.text().split(",") if name.strip()]
        try:
            batch = dealt(
                form.name.text(),
                ids,
                people,
                sample=form.sample.value() or None,
                seed=form.seed.value(),
                share=form.share.value() / 100,
            )
        except InspectorError as error:
            self.window.notice(str(error))
            return

        def work(session: Session) -> None:
            change = session.curation.change(DATASET, batch_path(batch.id), batch.value())
            session.edit(f"Batch {batch.name}: {len(batch.records)} records", [change])

        self.window.curating.save(work, lambda _: self.show_mine())

    def set_session(self, session: Session | None) -> None:
        """Another dataset: all its records are listed."""
        super().set_session(session)
        self.window.actions_["batch"].setChecked(False)

    def toggle(self) -> None:
        """List this author's batch alone, or every record again, as the action is checked."""
        if self.window.actions_["batch"].isChecked():
            self.show_mine()
        else:
            self.window.records.show_only(None)

    def show_mine(self) -> None:
        """List the records of this author's newest batch alone, and tell what it came to so far."""
        session = self.session
        if session is None:
            return
        author = session.desk.author

        def read(_job: object) -> list[tuple[Batch, Outcome]]:
            flags = session.curation.flags()
            return [(each, outcome(each, flags)) for each in batches_of(session.curation.values(DATASET))]

        def got(found: list[tuple[Batch, Outcome]]) -> None:
            self.window.actions_["batch"].setChecked(bool(found))
            if not found:
                self.window.notice(NO_BATCH)
                return
            mine = [each for each in found if author in each[0].parts]
            batch, told = (mine or found)[0]
            self.window.records.show_only(list(batch.parts.get(author, ())) or batch.records)
            left = f"; {told.left[author]} of yours left" if author in told.left else ""
            self.window.notice(f"{batch.name}: {told.sentence}{left}")

        self.behind("reading the batches", read, got)
