"""The column of times of a table, chosen in the Align panel: read behind, proposed like any other change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.readers.ingest import restamped, time_choices
from inspector.ui.proposed import Proposal
from inspector.ui.rooms import Room

if TYPE_CHECKING:
    from inspector.core.model import Record, Stream
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.align import AlignPanel


class Stamping(Room):
    """Owns which stream's columns the panel shows, and these."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._panel: AlignPanel | None = None
        self._shown: Stream | None = None
        self._columns: tuple[tuple[str, str], ...] = ()
        window.aligning.offered.connect(self._offer)

    def set_record(self, record: Record | None) -> None:
        """Another record is on show."""
        self._shown = None

    def _offer(self) -> None:
        """Look up behind which columns the stream's table has, and show them; what is no table has none."""
        aligning = self.window.aligning
        panel, stream = aligning.panel, aligning.stream
        if panel is None or not panel.isVisible():
            return
        if panel is not self._panel:
            self._panel = panel
            panel.column_chosen.connect(self.choose)
        if stream is None or stream.source.format != "table":
            self._shown = None
            panel.show_columns((), None)
            return
        if stream == self._shown:
            if aligning.proposal is None:
                self._show(panel, stream)
            return
        self._shown, self._columns = stream, ()
        self._show(panel, stream)

        def got(columns: tuple[tuple[str, str], ...]) -> None:
            if stream == self._shown:
                self._columns = columns
                self._show(panel, stream)

        self.behind("reading the columns", lambda _: time_choices(stream), got)

    def _show(self, panel: AlignPanel, stream: Stream) -> None:
        source = stream.source
        now = None if source.time_column is None else (source.time_column, source.time_unit)
        panel.show_columns(self._columns, now)

    def choose(self, column: str, unit: str) -> None:
        """Propose to read the stream by a column in a unit; by its own, take the proposal back."""
        aligning, record, stream = self.window.aligning, self.window.record, self.window.aligning.stream
        if record is None or stream is None:
            return
        if (column, unit) == (stream.source.time_column, stream.source.time_unit):
            aligning.discard()
            return
        zero = max(each.source.epoch_ns for each in record.streams)
        value = {"time_column": column, "time_unit": unit}

        def got(reread: Stream) -> None:
            if self.window.record is record and aligning.stream == stream:
                title = f"Read {stream.id} by {column} in {unit}"
                method = f"column {column} in {unit}"
                aligning.suggest(Proposal(stream.id, stream.timemap, title, method, reread=reread))

        self.behind(f"reading {column}", lambda _: restamped(stream, value, zero), got)
