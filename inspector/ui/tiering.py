"""Tiers declared for the whole dataset: vocabularies, what labels must be anchored in, labels merged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inspector.core.annotate import changes_of, relabel
from inspector.core.edits import DATASET
from inspector.core.tiers import Tier, tier_path, tier_value
from inspector.ui.panels.common import count_text
from inspector.ui.rooms import Room, rows_of

if TYPE_CHECKING:
    from inspector.core.edits import Change, Edit
    from inspector.core.jobs import Job
    from inspector.session import Session
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.labels import LabelsPanel
    from inspector.ui.panels.vocabulary import VocabularyPart

WHERE = "SELECT record_id, annotation_id FROM annotations WHERE tier = {} AND label = {} ORDER BY ALL"


class Tiering(Room):
    """Owns what a merge was previewed for."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.part: VocabularyPart | None = None
        self._asked: tuple[Tier, str, str, dict[str, list[str]]] | None = None
        window.labelling.opened.connect(self._opened)

    def set_session(self, session: Session | None) -> None:
        """Another dataset; its tiers are followed."""
        super().set_session(session)
        self._asked = None
        if session is not None:
            relay, labelling = self.window.relay, self.window.labelling

            def heard(touched: frozenset[str] | None) -> None:
                if touched is None or DATASET in touched:
                    relay.post(labelling.read_tiers)

            self.behind("following the tiers", lambda _: session.curation.listen(heard), lambda _: None)

    def _opened(self, panel: LabelsPanel) -> None:
        self.part = panel.vocabulary
        self.part.kept.connect(self.declare)
        self.part.merge_asked.connect(self.ask_merge)
        self.part.merge_done.connect(self.merge)

    def declare(self, tier: Tier) -> None:
        """Keep a tier's vocabulary and demands, as one edit."""

        def work(session: Session) -> Edit:
            change = session.curation.change(DATASET, tier_path(tier.name), tier_value(tier))
            return session.edit(f"Vocabulary of {tier.name}: {len(tier.entries)} labels", [change])

        self.window.curating.save(
            work, lambda edit: self.window.notice(f"{edit.title} · Ctrl+Z takes it back")
        )

    def ask_merge(self, label: str, into: str) -> None:
        """Look up in every record what becoming another would change, and show it."""
        session = self.session
        if self.part is None or session is None:
            return
        tier = self.part.tier()
        quoted = ["'" + text.replace("'", "''") + "'" for text in (tier.name, label)]

        def read(job: Job[Any]) -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for row in rows_of(session, WHERE.format(*quoted), job):
                found.setdefault(row["record_id"], []).append(row["annotation_id"])
            return found

        def got(found: dict[str, list[str]]) -> None:
            self._asked = (tier, label, into, found)
            count = sum(map(len, found.values()))
            some = ", ".join(list(found)[:6]) + (", …" if len(found) > 6 else "")
            places = f" in {count_text(len(found), 'record')}: {some}" if found else ""
            if self.part is not None:
                self.part.show_preview(f"{count_text(count, 'label')}{places}. “{label}” becomes “{into}”.")

        self.part.show_preview("Reading every record…")
        self.part.go.hide()
        self.slowly("looking for the labels", read, got)

    def merge(self) -> None:
        """Do what was previewed, in every record, as one edit; the label leaves the vocabulary."""
        if self._asked is None:
            return
        (tier, label, into, found), self._asked = self._asked, None

        def work(session: Session) -> Edit:
            changes: list[Change] = []
            for record_id, ids in found.items():
                record = session.record(record_id)
                there = {each.id for each in record.annotations if each.label == label}
                step = relabel(record, [each for each in ids if each in there], into, same_meaning=True)
                changes += changes_of(session.curation, record_id, step)
            left = replace(tier, entries=tuple(each for each in tier.entries if each.label != label))
            changes.append(session.curation.change(DATASET, tier_path(tier.name), tier_value(left)))
            return session.edit(f"Merge {label} into {into} on {tier.name}", changes)

        self.window.curating.save(
            work, lambda edit: self.window.notice(f"{edit.title} · Ctrl+Z takes it back")
        )
        if self.part is not None:
            self.part.show_preview("")
