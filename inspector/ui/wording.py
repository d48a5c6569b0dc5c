"""Words and lines of a transcript corrected, cut, joined, added and deleted; each is one edit, and what hangs
on them follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from inspector.core import recut
from inspector.core.annotate import cue_target, dependants, word_target
from inspector.core.correct import correct_cue, with_word
from inspector.core.model import Modality, Word
from inspector.errors import InspectorError
from inspector.ui.rooms import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inspector.core.annotate import Step
    from inspector.core.model import Cue, Record, Span, Stream
    from inspector.core.recut import Cut
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.labels import LabelsPanel
    from inspector.ui.panels.word import WordPart
    from inspector.ui.timeline.track import StreamTrack

    At = tuple[str, int, int | None]
    """A stream, the number of a cue, and the place of a word in it (None: the whole line)."""
    Making = Callable[[Sequence[tuple[int, Cue]], int, Cue, int | None], Cut]
    """Makes a cut of all cues, the number and cue that are meant, and a word's place in that."""

USUAL_NS = {"word": 300_000_000, "line": 2_000_000_000}
"""How long what is added lasts where nothing that follows ends it sooner."""


class Wording(Room):
    """Owns which word or line is in hand, and what is being added (the panel then asks for its text)."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.part: WordPart | None = None
        self.word: At | None = None
        self.adding: tuple[Literal["word", "line"], str, Span] | None = None
        """What is added, to which stream, and when (local)."""
        self._row = ""
        window.timeline.pressed_on.connect(self._pressed_on)
        window.labelling.opened.connect(self._opened)
        window.transcript.filled.connect(self._show)

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do."""
        return {
            "word": lambda: self.open(False),
            "line": lambda: self.open(True),
            "word_split": self.split,
            "word_merge": self.merge,
            "word_add": lambda: self.ask("word"),
            "line_add": lambda: self.ask("line"),
            "word_delete": self.delete,
        }

    def set_record(self, record: Record | None) -> None:
        """Another record, or the same with other words."""
        self.word, self.adding, self._row = None, None, ""
        self._show()

    def _pressed_on(self, track: StreamTrack | None) -> None:
        if track is not None and track.stream.modality is Modality.TEXT:
            self._row = track.stream.id

    def _opened(self, panel: LabelsPanel) -> None:
        self.part = panel.word
        panel.word.corrected.connect(self._typed)
        panel.word.left.connect(self._left)
        self._show()

    def _left(self) -> None:
        if self.adding is not None:
            self.adding = None
            self._show()
        self.window.stage.setFocus()

    # -- what is in hand -----------------------------------------------------------------------------------

    def open(self, line: bool) -> None:
        """Show the word, or the line, at the playhead in the panel, its text having the keys."""
        self.window.labelling.open()
        stream = self._stream()
        if stream is None or self.part is None:
            return
        self.adding = None
        self.word = self._at(stream, self._local(stream), line)
        if self.word is None:
            self.window.notice(
                f"No {'line' if line else 'word'} is spoken at the playhead: click one on its row"
            )
        self._show()
        self.part.focus_text()

    def _stream(self) -> Stream | None:
        """The transcript whose row was clicked last, else the first."""
        record = self.window.record
        texts = () if record is None else record.of(Modality.TEXT)
        found = next((each for each in texts if each.id == self._row), next(iter(texts), None))
        if found is None:
            self.window.notice("This record has no transcript")
        return found

    def _local(self, stream: Stream) -> int:
        return stream.timemap.to_local(self.window.player.transport.now_ns())

    def _at(self, stream: Stream, local: int, line: bool) -> At | None:
        for number, cue in self._cues(stream.id):
            if cue.start_ns <= local < cue.end_ns:
                places = [at for at, word in enumerate(cue.words) if word.start_ns <= local < word.end_ns]
                if line or places or not cue.words:
                    return stream.id, number, None if line or not places else places[0]
        return None

    def _in_hand(self) -> At | None:
        """What the keys mean: what the panel shows while it has the keys, else what is at the playhead."""
        part = self.part
        if part is not None and part.isAncestorOf(part.window().focusWidget() or part) and self.word:
            return self.word
        stream = self._stream()
        if stream is None:
            return None
        found = self._at(stream, self._local(stream), False) or self._at(stream, self._local(stream), True)
        if found is None:
            self.window.notice("Nothing is spoken at the playhead: go to a word or a line")
        return found

    def _cues(self, stream_id: str) -> list[tuple[int, Cue]]:
        contents = self.window.contents
        return [] if contents is None else contents.numbered(stream_id)

    def _show(self) -> None:
        record = self.window.record
        if self.part is None:
            return
        if self.adding is not None and record is not None:
            kind, stream_id, span = self.adding
            timemap = record.stream(stream_id).timemap
            self.part.show_word(("", _both(timemap.to_reference, span), stream_id, ()), f"New {kind}")
            return
        cue = None
        if self.word is not None and record is not None:
            cue = dict(self._cues(self.word[0])).get(self.word[1])
        place = None if self.word is None else self.word[2]
        if self.word is None or cue is None or record is None or (place or 0) >= max(len(cue.words), 1):
            self.part.show_word(None)
            return
        stream_id, number, place = self.word
        timemap = record.stream(stream_id).timemap
        text = cue.text if place is None else cue.words[place].text
        target = cue_target(number) if place is None else word_target(number, place)
        hung = [label.label or label.tier for label in dependants(record, target, stream_id)]
        span = _both(timemap.to_reference, _span(cue, place))
        self.part.show_word((text.strip(), span, stream_id, hung), "Line" if place is None else "Word")

    # -- edits ---------------------------------------------------------------------------------------------

    def _typed(self, text: str, start_ns: int, end_ns: int) -> None:
        if self.adding is None:
            self.correct(text, start_ns, end_ns)
        else:
            self.add(text, start_ns, end_ns)

    def correct(self, text: str, start_ns: int, end_ns: int) -> None:
        """Give the word or line another text or other times (of the reference timeline), as one edit."""
        session, word = self.session, self.word
        if session is None or word is None:
            return
        stream_id, number, place = word

        def make(now: Record) -> Step:
            stream = now.stream(stream_id)
            cues = session.numbered_cues(stream)
            old = _found(cues, stream_id, number)
            ends = zip((start_ns, end_ns), _span(old, place), strict=True)
            start, end = (
                local if stream.timemap.to_reference(local) == ns else stream.timemap.to_local(ns)
                for ns, local in ends
            )
            if place is not None:
                return correct_cue(now, stream_id, cues, number, with_word(old, place, text, start, end))
            return correct_cue(now, stream_id, cues, number, recut.with_text(old, text, start, end))

        self.window.labelling.edit(make)

    def _cut(self, word: At, cut: Making, then: At | None) -> None:
        """Make a cut on the words as they stand by then, and have `then` in hand."""
        session = self.session
        if session is None:
            return
        stream_id, number, place = word

        def make(now: Record) -> Step:
            cues = session.numbered_cues(now.stream(stream_id))
            return recut.recut(
                now, stream_id, cues, cut(cues, number, _found(cues, stream_id, number), place)
            )

        def saved(_: Step) -> None:
            self.word = then
            self._show()

        self.window.labelling.edit(make, saved)

    def split(self) -> None:
        """Cut what is in hand at the caret; a line with words at the playhead, where there is no caret."""
        caret = None if self.part is None else self.part.caret()
        if (word := self._in_hand()) is None or self.window.record is None:
            return
        stream_id, number, place = word
        local, new = self._local(self.window.record.stream(stream_id)), recut.new_number()
        lines = dict(self._cues(stream_id))
        if caret is None and (place is not None or (number in lines and not lines[number].words)):
            self.word = word  # only its letters can say where
            self.window.labelling.open()
            self._show()
            if self.part is not None:
                self.part.focus_text()
                self.part.text.setCursorPosition(0)
            self.window.notice("Put the caret where it is to be cut, and press Alt+H again")
            return

        def cut(_: object, number: int, cue: Cue, place: int | None) -> Cut:
            if place is not None:
                return recut.split_word(number, cue, place, caret or 0, local)
            return recut.split_line(number, cue, caret, local, new)

        self._cut(word, cut, word)

    def merge(self) -> None:
        """Join what is in hand with the next word of its line, or the next line of its speaker."""
        if (word := self._in_hand()) is None:
            return

        def cut(cues: Sequence[tuple[int, Cue]], number: int, cue: Cue, place: int | None) -> Cut:
            return recut.merge_lines(cues, number) if place is None else recut.merge_words(number, cue, place)

        self._cut(word, cut, word)

    def delete(self) -> None:
        """Take away what is in hand."""
        if (word := self._in_hand()) is None:
            return

        def cut(_: object, number: int, cue: Cue, place: int | None) -> Cut:
            return recut.delete_line(number, cue) if place is None else recut.delete_word(number, cue, place)

        self._cut(word, cut, None)

    def ask(self, kind: Literal["word", "line"]) -> None:
        """Have the text of a new word or line typed; it begins at the playhead and ends before the next."""
        self.window.labelling.open()
        if (stream := self._stream()) is None or self.part is None:
            return
        start, cues = self._local(stream), self._cues(stream.id)
        starts = [word.start_ns for _, cue in cues for word in cue.words] if kind == "word" else []
        starts += [cue.start_ns for _, cue in cues]
        end = min((each for each in starts if each > start), default=start + USUAL_NS[kind])
        self.adding = kind, stream.id, (start, min(end, start + USUAL_NS[kind]))
        self._show()
        self.part.focus_text()

    def add(self, text: str, start_ns: int, end_ns: int) -> None:
        """Add what was asked for: a word to the line in which it begins, else to the one that ended last."""
        session, adding, new = self.session, self.adding, recut.new_number()
        self.adding = None
        if session is None or adding is None:
            return
        kind, stream_id, _ = adding

        def make(now: Record) -> Step:
            stream = now.stream(stream_id)
            start, end = _both(stream.timemap.to_local, (start_ns, end_ns))
            cues = session.numbered_cues(stream)
            if kind == "line":
                return recut.recut(now, stream_id, cues, recut.add_line(new, text, start, end))
            number, cue = _line_for(cues, start, text)
            cut = recut.add_word(number, cue, Word(start, max(start, end), text))
            return recut.recut(now, stream_id, cues, cut)

        self.window.labelling.edit(make)


def _line_for(cues: Sequence[tuple[int, Cue]], at_ns: int, text: str) -> tuple[int, Cue]:
    """The line that a new word at a time belongs to: with words, or without any text. Else InspectorError."""
    begun = [(number, cue) for number, cue in cues if cue.start_ns <= at_ns]
    inside = [each for each in begun if at_ns < each[1].end_ns]
    found = (inside or begun)[-1:] or cues[:1]
    if not found:
        raise InspectorError("The transcript has no line for the word", text, "Add a line")
    if not found[0][1].words:
        raise InspectorError(
            "The words of that line have no times", found[0][1].text, "Correct the line (Alt+E), or add one"
        )
    return found[0]


def _found(cues: Sequence[tuple[int, Cue]], stream_id: str, number: int) -> Cue:
    cue = dict(cues).get(number)
    if cue is None:
        raise InspectorError("The words are gone", stream_id, "Somebody may have deleted them")
    return cue


def _span(cue: Cue, place: int | None) -> Span:
    if place is None:
        return cue.start_ns, cue.end_ns
    return cue.words[place].start_ns, cue.words[place].end_ns


def _both(place: Callable[[int], int], span: Span) -> Span:
    return place(span[0]), place(span[1])
