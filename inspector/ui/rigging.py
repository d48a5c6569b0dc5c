"""The rig in the window: a device's clock in all its records, heard in some and accepted as one edit."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from inspector.ui.rooms import Room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.audit.rig import ClockModel
    from inspector.core.jobs import Job
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.rig import RigPanel

SEED = 20261128
"""Of the order in which records are played at random, so that a session can be repeated."""


class Rigging(Room):
    """Owns the models; the panel is made when it is first opened."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.panel: RigPanel | None = None
        self._left: list[str] = []
        """Records of the chosen model that were not yet played."""
        self._count = 0

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {"rig": self.open}

    def set_session(self, session: Session | None) -> None:
        """Another dataset."""
        super().set_session(session)
        if self.panel is not None:
            self.panel.set_models(())

    def open(self) -> None:
        """Show the panel, with what the newest audit tells of each device."""
        if self.panel is None:
            from inspector.ui.panels.rig import RigPanel

            self.panel = panel = RigPanel()
            panel.chosen.connect(lambda _: self._again())
            panel.record_asked.connect(self._play)
            panel.random_asked.connect(self._play_random)
            panel.accepted.connect(self.accept)
        self.window.parts.show_task(self.panel, "Rig")
        self.read()

    def read(self) -> None:
        """Work out the models behind."""
        session = self.session
        if session is None:
            return

        def work(job: Job[list[ClockModel]]) -> list[ClockModel]:
            from inspector.audit.rig import models_of

            return models_of(session, job.step)

        self.slowly("reading what devices did", work, self._show)

    def _show(self, models: list[ClockModel]) -> None:
        if self.panel is not None:
            self.panel.set_models(models)
            self._again()

    def _again(self) -> None:
        """Draw the order in which the records of the chosen model are played."""
        model = None if self.panel is None else self.panel.model
        self._left = [] if model is None else sorted(each.record_id for each in model.agree)
        random.Random(SEED).shuffle(self._left)
        self._count = 0

    def _play_random(self) -> None:
        if not self._left:
            self._again()
        if self.panel is not None and self._left:
            record_id = self._left.pop()
            self._count += 1
            self.panel.set_played(f"{self._count} played, the last one {record_id}")
            self._play(record_id)

    def _play(self, record_id: str) -> None:
        """Go to a record with the model proposed in it, and play its first seconds."""
        model, session = None if self.panel is None else self.panel.model, self.session
        if model is None or session is None:
            return
        parts = (*model.agree, *model.outliers, *model.unmeasured)
        part = next(each for each in parts if each.record_id == record_id)

        def work(_job: Job[Any]) -> Any:
            from inspector.audit.pair import corrected

            raw = session.dataset.load(record_id).stream(part.stream_id)
            return corrected(raw, model.offset_ms / 1000, model.drift_ppm)

        def got(timemap: Any) -> None:
            title = f"Clock of {model.name} in {record_id}"
            self.window.aligning.propose(record_id, part.stream_id, timemap, title, "rig", show=False)
            self.window.auditing.play_in(record_id)

        self.behind(f"opening {record_id}", work, got)

    def accept(self) -> None:
        """Put the chosen model in force in all its records but those that were left out, as one edit."""
        model = None if self.panel is None else self.panel.model
        if model is None:
            return
        self.window.aligning.discard()

        def work(session: Session) -> Any:
            from inspector.audit.rig import maps

            changes = [session.curation.change(*place) for place in maps(model, session.dataset.load)]
            changes = [change for change in changes if change.before != change.after]
            ids = list(dict.fromkeys(change.record_id for change in changes))
            if not changes:
                return None, ids
            title = f"Clock of {model.name} in {len(ids)} records"
            return session.edit(title, changes, model.in_words()), ids

        def saved(told: Any) -> None:
            edit, _ = told
            if edit is None:
                self.window.notice("This model stands already")
                return
            self.window.notice(f"{edit.title} · Ctrl+Z takes it back")

        self.window.curating.save(work, saved)
