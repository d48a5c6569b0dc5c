"""A word of the transcript corrected: its text and its times, as one edit; what hangs on it follows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inspector.core.annotate import dependants, word_target
from inspector.core.correct import correct_cue, with_word
from inspector.core.model import Modality
from inspector.errors import InspectorError
from inspector.ui.rooms import Room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.core.annotate import Step
    from inspector.core.model import Cue, Record, Stream
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.labels import LabelsPanel
    from inspector.ui.panels.word import WordPart
    from inspector.ui.timeline.track import StreamTrack


class Wording(Room):
    """Owns which word is being corrected: stream, number of its cue, its place in that (None: the cue)."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.part: WordPart | None = None
        self.word: tuple[str, int, int | None] | None = None
        self._row = ""
        window.timeline.pressed_on.connect(self._pressed_on)
        window.labelling.opened.connect(self._opened)

    def handlers(self) -> Mapping[str, Handler]:
        """What the action of this room does."""
        return {"word": self.open}

    def set_record(self, record: Record | None) -> None:
        """Another record, or the same with other words."""
        self.word, self._row = None, ""
        self._show()

    def _pressed_on(self, track: StreamTrack | None) -> None:
        if track is not None and track.stream.modality is Modality.TEXT:
            self._row = track.stream.id

    def _opened(self, panel: LabelsPanel) -> None:
        self.part = panel.word
        panel.word.corrected.connect(self.correct)
        panel.word.left.connect(lambda: self.window.stage.setFocus())
        self._show()

    def open(self) -> None:
        """Show the word at the playhead in the panel, its text having the keys."""
        self.window.labelling.open()
        record = self.window.record
        texts = () if record is None else record.of(Modality.TEXT)
        stream = next((each for each in texts if each.id == self._row), next(iter(texts), None))
        if stream is None or self.part is None:
            self.window.notice("This record has no transcript")
            return
        local = stream.timemap.to_local(self.window.player.transport.now_ns())
        self.word = self._at(stream, local)
        if self.word is None:
            self.window.notice("No word is spoken at the playhead: click one on its row")
        self._show()
        self.part.focus_text()

    def _at(self, stream: Stream, local: int) -> tuple[str, int, int | None] | None:
        for number, cue in self._cues(stream.id):
            if cue.start_ns <= local < cue.end_ns:
                places = [at for at, word in enumerate(cue.words) if word.start_ns <= local < word.end_ns]
                if places or not cue.words:
                    return stream.id, number, places[0] if places else None
        return None

    def _cues(self, stream_id: str) -> list[tuple[int, Cue]]:
        contents = self.window.contents
        return [] if contents is None else contents.numbered(stream_id)

    def _show(self) -> None:
        record = self.window.record
        if self.part is None:
            return
        cue = None
        if self.word is not None and record is not None:
            cue = dict(self._cues(self.word[0])).get(self.word[1])
        if self.word is None or cue is None or record is None:
            self.part.show_word(None)
            return
        stream_id, number, place = self.word
        timemap = record.stream(stream_id).timemap
        text = cue.text if place is None else cue.words[place].text
        start, end = (cue.start_ns, cue.end_ns) if place is None else _span(cue, place)
        target = f"cue:{number}" if place is None else word_target(number, place)
        hung = [label.label or label.tier for label in dependants(record, target, stream_id)]
        span = (timemap.to_reference(start), timemap.to_reference(end))
        self.part.show_word((text.strip(), span, stream_id, hung))

    def correct(self, text: str, start_ns: int, end_ns: int) -> None:
        """Give the word another text or other times (of the reference timeline), as one edit."""
        record, word, session = self.window.record, self.word, self.session
        if record is None or word is None or session is None:
            return
        stream_id, number, place = word

        def make(now: Record) -> Step:
            stream = now.stream(stream_id)
            cues = session.numbered_cues(stream)
            old = dict(cues).get(number)
            if old is None:
                raise InspectorError("The words are gone", stream_id, "Somebody may have deleted them")
            was = (old.start_ns, old.end_ns) if place is None else _span(old, place)
            ends = zip((start_ns, end_ns), was, strict=True)
            start, end = (
                local if stream.timemap.to_reference(local) == ns else stream.timemap.to_local(ns)
                for ns, local in ends
            )
            return correct_cue(now, stream_id, cues, number, _corrected(old, place, text, start, end))

        self.window.labelling.edit(make)


def _span(cue: Cue, place: int) -> tuple[int, int]:
    return cue.words[place].start_ns, cue.words[place].end_ns


def _corrected(cue: Cue, place: int | None, text: str, start: int, end: int) -> Cue:
    if place is not None:
        return with_word(cue, place, text, start, end)
    return replace(cue, text=text, start_ns=start, end_ns=end)
