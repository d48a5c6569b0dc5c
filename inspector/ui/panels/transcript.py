"""The transcript of the current record: read it, search it, follow it, and click to go there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QTabBar, QVBoxLayout, QWidget

from inspector.core.model import Modality
from inspector.ui import theme
from inspector.ui.panels.common import SMALL, IconButton, Panel, SectionHeader, Words, count_text, number_text
from inspector.ui.panels.transcript_list import CueList
from inspector.ui.panels.transcript_track import TranscriptTrack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.core.model import Annotation, Cue, Record, Stream


class TranscriptPanel(Panel):
    """One of the record's text streams as a list of cues. `seek` asks for a reference time in ns."""

    seek = Signal(object)
    """A Python integer: Qt's own `int` is too small for nanoseconds."""

    filled = Signal()
    """The texts of a record, or other words of it, have come."""

    ranged = Signal(str, object, object)
    """A stretch of text was dragged over: stream, range of characters, and local span (None: no times)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels: Sequence[Annotation] = ()
        self._tracks: list[TranscriptTrack] = []
        self._matches: list[int] = []
        self._match = -1
        self._time_ns: int | None = None
        self._record_id: str | None = None
        self.header = SectionHeader("Transcript")
        self.selector = QTabBar()
        self.selector.setDrawBase(False)
        self.selector.setExpanding(False)
        self.selector.setUsesScrollButtons(True)
        self.selector.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.selector.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.selector.setAccessibleName("Text shown")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search the text")
        self.search.setToolTip(
            "Enter goes to the next place, Shift+Enter to the one before · Esc clears · Ctrl+F"
        )
        self.search.setAccessibleName("Search the text")
        self.search.installEventFilter(self)
        self.found = Words("", "quiet", SMALL, mono=True)
        self.found.setWordWrap(False)
        self.previous = IconButton("chevron-up", "The place before (Shift+Enter)", lambda: self._step(-1))
        self.next = IconButton("chevron-down", "The next place (Enter)", lambda: self._step(1))
        self.list = CueList()
        self.list.setAccessibleName("Transcript")
        bar = self._bar = QHBoxLayout()
        bar.setSpacing(theme.STEP)
        bar.addWidget(self.search, 1)
        bar.addWidget(self.found)
        bar.addWidget(self.previous)
        bar.addWidget(self.next)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.header)
        box.addWidget(self.selector)
        box.addLayout(bar)
        box.addWidget(self.list, 1)
        self.selector.currentChanged.connect(self._show_track)
        self.search.textChanged.connect(lambda _: self._search())
        self.list.seek.connect(self.seek)
        self.list.ranged.connect(self._ranged)
        self.set_record(None, [])

    def _ranged(self, first: tuple[int, int], last: tuple[int, int]) -> None:
        track = self._track()
        if track is not None:
            span = track.span_of(first, last) if track.timed else None
            self.ranged.emit(track.stream.id, track.range_of(first, last), span)

    def set_labels(self, labels: Sequence[Annotation]) -> None:
        """Underline what these labels mark in the text."""
        self._labels = [each for each in labels if any(anchor.text_range for anchor in each.anchors)]
        self._mark()

    def _mark(self) -> None:
        track = self._track()
        self.list.set_marks(
            [
                mark
                for label in self._labels
                for anchor in label.anchors
                if track is not None and anchor.text_range and anchor.stream_id == track.stream.id
                for mark in track.marks_of(*anchor.text_range)
            ]
        )

    # --- what the window calls ------------------------------------------------------------------------

    def set_record(self, record: Record | None, texts: Sequence[tuple[Stream, Sequence[Cue]]] = ()) -> None:
        """Show the texts of a record: each stream with its cues in local time.

        Called again for the same record, as more of it has been read, it keeps the text that is shown.
        """
        again = record is not None and record.id == self._record_id
        shown = self._track()
        self._record_id = None if record is None else record.id
        self._tracks = [TranscriptTrack(stream, cues) for stream, cues in texts]
        if not again:
            self._time_ns = None
        self.selector.blockSignals(True)
        while self.selector.count():
            self.selector.removeTab(0)
        for track in self._tracks:
            tab = self.selector.addTab(track.stream.id)
            self.selector.setTabToolTip(tab, theme.tip(str(track.stream.source.path)))
        best = max(range(len(self._tracks)), key=self._worth, default=-1)
        if again and shown is not None:
            same = (n for n, track in enumerate(self._tracks) if track.stream.id == shown.stream.id)
            best = next(same, best)
        self.selector.setCurrentIndex(best)
        self.selector.blockSignals(False)
        several = len(self._tracks) > 1
        self.selector.setVisible(several)
        above = 2 * theme.STEP if several else 0
        self._bar.setContentsMargins(theme.MARGIN, above, 2 * theme.STEP, 2 * theme.STEP)
        if record is None:
            self.list.empty_text = "No record is open"
        elif self._tracks:
            self.list.empty_text = "This file has no text in it"
        elif record.of(Modality.TEXT):
            self.list.empty_text = "The text of this record has not been read"
        else:
            self.list.empty_text = "No text in this record"
        now = self._track()
        if not (again and shown and now and now.same_as(shown)):
            self._show_track(best)
        self.filled.emit()

    def set_time(self, reference_ns: int) -> None:
        """Mark what is spoken at the playhead; made to be called for every picture shown."""
        self._time_ns = reference_ns
        self.list.set_time(reference_ns)

    def focus_search(self) -> None:
        """Go to the search line, its text selected."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+F, where the window has no action of its own for it."""
        if event.matches(QKeySequence.StandardKey.Find):
            self.focus_search()
        else:
            super().keyPressEvent(event)

    # --- inside ---------------------------------------------------------------------------------------

    def _worth(self, number: int) -> tuple[bool, bool, int]:
        """Word times before cue times before none, then the order of the record."""
        track = self._tracks[number]
        return (track.timed and any(cue.words for cue in track.cues[:20]), track.timed, -number)

    def _track(self) -> TranscriptTrack | None:
        number = self.selector.currentIndex()
        return self._tracks[number] if 0 <= number < len(self._tracks) else None

    def _show_track(self, _number: int) -> None:
        track = self._track()
        self.list.set_track(track)
        cues = 0 if track is None else len(track)
        note = "" if track is None or track.timed or not cues else "no times in this file"
        kind = ("cue", "cues") if track is not None and track.timed else ("line", "lines")
        self.header.set_count(count_text(cues, *kind) if cues else "", note)
        self.search.setEnabled(cues > 0)
        self._mark()
        self._search()
        if self._time_ns is not None:
            self.list.set_time(self._time_ns)

    _stepped = False
    """Whether the playhead has gone to a match of this search yet: the first Enter goes to the one shown."""

    def _search(self) -> None:
        needle, track = self.search.text().strip(), self._track()
        self._matches = track.find(needle) if track is not None and needle else []
        self._stepped = False
        here = self.list.first_shown()
        self._match = next(
            (n for n, cue in enumerate(self._matches) if cue >= here), 0 if self._matches else -1
        )
        self._tell()

    def _step(self, step: int) -> None:
        if self._matches:
            self._match = (self._match + step) % len(self._matches) if self._stepped else max(self._match, 0)
            self._stepped = True
            self._tell()
            track = self._track()
            if track is not None and track.timed:
                self.seek.emit(track.starts[self._matches[self._match]])

    def _tell(self) -> None:
        needle = self.search.text().strip()
        some = bool(self._matches)
        text = ""
        if needle:
            text = f"{number_text(self._match + 1)}/{number_text(len(self._matches))}" if some else "none"
        self.found.setText(text)
        self.found.setVisible(bool(text))
        self.previous.setEnabled(some)
        self.next.setEnabled(some)
        self.list.set_search(needle, self._matches[self._match] if some else -1)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Enter and Shift+Enter step through what was found; Esc empties the line, then leaves it."""
        if watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._step(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
                return True
            if event.key() == Qt.Key.Key_Escape:
                if self.search.text():
                    self.search.clear()
                else:
                    self.list.setFocus()
                return True
        return False
