"""Facets in the window: what is picked drives the list of records, and can be turned into SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer

from inspector.query.facets import SELECTION, WHERE, Coverage, Key, Pick, as_question, picked_question
from inspector.ui import theme
from inspector.ui.relay import call_of
from inspector.ui.rooms import Room, said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.core.jobs import Job
    from inspector.core.selections import Selection
    from inspector.query.explore import Exploration, Shown
    from inspector.query.plots import Plot
    from inspector.query.sample import Draw
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.facets import FacetsPanel
    from inspector.ui.panels.plots import PlotsPanel

SAY_MS = 150
"""What takes longer is said."""
AFTER_EDIT_MS = 300
READING = "Reading the columns of every record…"
LEAST = 78 * theme.STEP
"""Px of height that the facets need."""
COVERAGE_SQL = "SELECT modality, state, count(*) AS records\nFROM coverage{}\nGROUP BY ALL\nORDER BY ALL"


class Exploring(Room):
    """Owns the panel and the exploration of the dataset, which begins when the panel is first opened."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._parts = window.parts
        self._opened = window.actions_["facets"]
        self.panel: FacetsPanel | None = None
        self.plots: PlotsPanel | None = None
        self.exploration: Exploration | None = None
        self.shown: Shown | None = None
        self._saying = QTimer(self, interval=SAY_MS)
        self._saying.timeout.connect(self._say)
        self._edited = QTimer(self, singleShot=True, interval=AFTER_EDIT_MS)
        self._edited.timeout.connect(self._after_edit)
        window.records.condition.connect(self.where)

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {"facets": self.toggle, "sample": self.sample, "plots": self.plot}

    def set_session(self, session: Session | None) -> None:
        """Explore another dataset; None before one is closed."""
        for timer in (self._saying, self._edited):
            timer.stop()
        if self.exploration is not None:
            self.exploration.close(self.window.closing)
            self.exploration = None
        self.session, self.shown = session, None
        self.window.records.show_rows(None)
        if self.panel is not None:
            self.panel.forget("No dataset is open")
            self.panel.selections.set_selections([], None)
            if session is not None and self.panel.isVisibleTo(self.window):
                self._begin()
        if self.plots is not None:
            self.plots.forget()
            if session is not None and self.plots.isVisibleTo(self.window):
                self.plots.forget(READING)
                self._begin()

    # -- the panel -----------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Open the panel under the records, or close it; what is picked stays in force."""
        panel = self.panel or self._made()
        if self._opened.isChecked():
            self.window.actions_["left"].setChecked(True)
            self._parts.left.show_task(panel, self._opened, LEAST)
            self._begin()
        else:
            panel.hide()

    def _made(self) -> FacetsPanel:
        from inspector.ui.panels.facets import FacetsPanel

        panel = self.panel = FacetsPanel(self._parts.left)
        panel.picked.connect(self.pick)
        panel.asked.connect(self.ask)
        panel.cleared.connect(self.clear)
        panel.read_all.connect(self.read_all)
        panel.sample.drawn.connect(self.draw)
        panel.selections.chosen.connect(self.select)
        panel.selections.kept.connect(self.keep)
        panel.selections.removed.connect(self.remove)
        return panel

    def _begin(self) -> Exploration | None:
        session = self.session
        if session is None or self.exploration is not None:
            return self.exploration
        from inspector.query.explore import Exploration  # with the engine behind it

        told, failed = call_of(self._told), call_of(self._failed)
        explored = self.exploration = Exploration(
            session, lambda shown: told(session, shown), lambda error: failed(session, error)
        )
        plotted = call_of(self._plotted)
        explored.plotted = lambda plot, shown: plotted(session, plot, shown)
        heard = call_of(self._heard)

        def listen(_job: Job[Any]) -> None:
            session.curation.listen(lambda _touched: heard(session))

        self.behind("reading the journal", listen, lambda _: None)
        self._list_selections()
        self._follow(explored.refresh)
        return explored

    def _heard(self, session: Session) -> None:
        if session is self.session:
            self._edited.start()

    def _after_edit(self) -> None:
        if self.exploration is not None:
            self.exploration.edited()

    def _follow(self, work: Any) -> None:
        work()
        self._saying.start()

    def _say(self) -> None:
        explored = self.exploration
        if explored is None or not explored.busy:
            self._saying.stop()
        elif self.panel is not None and explored.doing:
            self.panel.say(f"{explored.doing}…")

    def _told(self, session: Session, shown: Shown) -> None:
        if session is not self.session or self.exploration is None:
            return
        if shown.complete and shown.picked != self.exploration.picks.picked:
            return  # a newer pick is being worked out
        self.shown = shown
        if self.panel is not None:
            self.panel.show_facets(shown)
        if shown.complete:
            self.window.records.show_rows(shown.rows)
            if self.plots is not None:
                self.plots.set_shown(shown)

    def _plotted(self, session: Session, plot: Plot | None, shown: Shown) -> None:
        if session is self.session and self.plots is not None and shown is self.shown:
            self.plots.show_plot(plot, shown)

    def plot(self) -> None:
        """Show the plots of what the facets leave."""
        if self.plots is None:
            from inspector.ui.panels.plots import PlotsPanel

            panel = self.plots = PlotsPanel(self._parts)
            panel.wanted.connect(self._want)
            panel.view.picked.connect(self._pick_all)
            panel.view.pointed.connect(self._go_to)
            panel.matrix.picked.connect(self.pick)
            panel.forget()
        self._parts.show_task(self.plots, "Plots")
        if self._begin() is not None and self.shown is not None:
            self.plots.set_shown(self.shown)
        elif self.session is not None:
            self.plots.forget(READING)

    def _want(self, wanted: tuple[str, str | None] | None) -> None:
        if (explored := self.exploration) is not None:
            self._follow(lambda: explored.plot(wanted))

    def _pick_all(self, picks: dict[Key, Pick]) -> None:
        explored = self._begin()
        if explored is not None:
            for key, pick in picks.items():
                explored.picks.put(key, pick)
            self._follow(explored.refresh)

    def _go_to(self, row: int) -> None:
        if self.session is not None:
            self.window.show_record(self.session.index.column("record_id")[row].as_py())

    def _failed(self, session: Session, error: Exception) -> None:
        if session is not self.session or self.exploration is None:
            return
        self.window.notice(said(error))
        # What cannot be asked is not picked; what was shown before stays.
        kept = dict(self.shown.picked) if self.shown is not None else {}
        if kept != self.exploration.picks.picked:
            self.exploration.picks.picked = kept
            self.exploration.refresh()
        elif self.panel is not None and self.shown is not None:
            self.panel.show_facets(self.shown)

    # -- what hands do -------------------------------------------------------------------------------------

    def pick(self, key: Key, pick: Pick) -> None:
        """Pick that in a facet."""
        explored = self._begin()
        if explored is not None:
            self._follow(lambda: explored.pick(key, pick))

    def where(self, sql: str) -> None:
        """Show the records that a condition holds for, as it was typed; empty for all."""
        if sql or self.exploration is not None:
            self.pick(WHERE, Pick(sql=sql))

    def read_all(self) -> None:
        """Read every record, for the coverage matrix."""
        if (explored := self.exploration) is not None:
            self._follow(explored.read_all)

    def select(self, name: str | None) -> None:
        """Look at a saved selection alone; None for all records."""
        if (explored := self.exploration) is not None:
            self._follow(lambda: explored.select(name))

    def clear(self) -> None:
        """Let every filter go."""
        if self.exploration is not None:
            self._follow(self.exploration.clear)
        self.window.records.clear_condition()

    def ask(self, key: Key | None) -> None:
        """Open a facet, or all that is picked, as a question in the SQL pane."""
        if self.exploration is None:
            return
        picks = self.exploration.picks
        where = picks.where()
        if key is None:
            sql = picked_question(picks)
        elif isinstance(key, Coverage):
            some = f"\nWHERE record_id IN (SELECT record_id FROM records WHERE {where})"
            sql = COVERAGE_SQL.format("" if where == "true" else some)
        else:
            sql = as_question(picks, picks.facets[key])
        self.window.asking.open_with(sql)

    def sample(self) -> None:
        """Open the panel where it is not, and go to the sample."""
        if not self._opened.isChecked():
            self._opened.trigger()
        if self.panel is not None:
            self.panel.sample.begin()

    def draw(self, draw: Draw) -> None:
        """Draw a sample among what is left; it is kept, and shown alone."""
        explored = self._begin()
        if explored is not None:
            kept = call_of(self._kept)
            self._follow(lambda: explored.sample(draw, kept))

    def keep(self, name: str) -> None:
        """Keep what is left as a selection."""
        explored = self._begin()
        if explored is not None:
            kept = call_of(self._kept)
            self._follow(lambda: explored.keep(name, kept))

    def _kept(self, made: Selection) -> None:
        if self.exploration is None or self.panel is None:
            return
        self.panel.sample.hide()
        self.window.notice(f"Kept as {made.name}: {made.said()}")
        self._list_selections(made.name)
        # The sample was drawn among what was left, and stands for it now.
        self.exploration.picks.picked.clear()
        self.exploration.select(made.name)

    def remove(self, name: str) -> None:
        """Put a selection aside."""
        session = self.session
        if session is None:
            return

        def removed(aside: Any) -> None:
            self.window.notice(f"{name} was put aside, as {aside}")
            self._list_selections()
            if self.exploration is not None and SELECTION in self.exploration.picks.picked:
                self.exploration.select(None)

        self.behind("removing a selection", lambda _job: session.desk.selections.remove(name), removed)

    def _list_selections(self, chosen: str | None = None) -> None:
        session = self.session
        if session is not None:
            self.behind(
                "listing selections",
                lambda _job: session.desk.selections.all(),
                lambda found: self._show_selections(found, chosen),
            )

    def _show_selections(self, found: tuple[Selection, ...], chosen: str | None) -> None:
        if self.panel is not None:
            self.panel.selections.set_selections(found, chosen)
