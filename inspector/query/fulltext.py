"""Full-text search over transcripts and documents: an inverted index in arrays, built once, kept in memory.

DuckDB's own full-text search is an extension that is fetched from the network, so it is not used. All texts
are one row of tokens; a token is a number, and numbers are in the order of the words, so that all words with
one beginning are one range. A phrase is looked up by its rarest word and checked against what stands beside.
"""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inspector.core.model import Modality
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from inspector.core.model import Cue, Record, Stream
    from inspector.core.timemap import TimeMap
    from inspector.query.question import Question

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("record_id", "stream_id")),
        *((name, pa.float64()) for name in ("start_s", "end_s")),
        *((name, pa.string()) for name in ("text", "speaker")),
    ]
)
CHUNK = 50_000
MOST_HITS = 100_000
MOST_WORDS = 32
"""Words of one search."""
_UNIT = re.compile(r'"([^"]*)"?|(\S+)')
# Scripts without spaces: each sign is a word, and a word of the search is a phrase of them.
_SINGLE = r"([\x{0E00}-\x{0EFF}\x{3040}-\x{30FF}\x{3400}-\x{9FFF}\x{F900}-\x{FAFF}])"


def tokens_of(texts: pa.Array) -> Any:
    """The words of each text, lower case and without accents, as lists of strings; some may be empty."""
    plain = pc.utf8_lower(pc.utf8_normalize(texts, "NFKD"))
    plain = pc.replace_substring_regex(plain, r"\pM+", "")
    plain = pc.replace_substring_regex(plain, _SINGLE, r" \1 ")
    return pc.split_pattern_regex(plain, r"[^\pL\pN]+")


@dataclass(frozen=True, slots=True)
class _Unit:
    """Words that stand side by side; of an open one the last word may go on."""

    words: tuple[str, ...]
    open: bool


def units_of(search: str) -> list[_Unit]:
    """What is looked for: words, `begin*`, and "phrases". InspectorError where there is no word in it."""
    units = []
    for quoted, bare in _UNIT.findall(search):
        words = tuple(filter(None, tokens_of(pa.array([quoted or bare]))[0].as_py()))
        if words:
            units.append(_Unit(words, not quoted and bare.endswith("*")))
    if not units:
        raise InspectorError("There is no word to look for", search[:80], 'Try: half "past two" quart*')
    if sum(len(each.words) for each in units) > MOST_WORDS:
        raise InspectorError("There are too many words", "", f"Look for {MOST_WORDS} at most")
    return units


class _Collected:
    """Cues and words as they are read, some thousands at a time."""

    def __init__(self) -> None:
        self.terms: list[Any] = []
        self.lengths: list[NDArray[np.int32]] = []
        self.times: list[NDArray[np.int64]] = []
        self.cues: list[NDArray[np.int64]] = []
        self.texts: list[Any] = []
        self._entries: list[tuple[str, int, int, int]] = []
        self._cues: list[tuple[str, str | None, int]] = []
        self._count = 0

    def add(self, cue: Cue, stream: int, person: str | None) -> None:
        """One cue: a text for each of its words with times of their own, else one for all of it."""
        number = self._count
        self._count += 1
        self._cues.append((cue.text, cue.speaker or person, stream))
        if cue.words:
            self._entries += [(each.text, each.start_ns, each.end_ns, number) for each in cue.words]
        else:
            self._entries.append((cue.text, cue.start_ns, cue.end_ns, number))
        if len(self._entries) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Cut what waits into words."""
        texts, starts, ends, cues = zip(*self._entries, strict=True) if self._entries else ((), (), (), ())
        lists = tokens_of(pa.array(texts, pa.string()))
        values = pc.list_flatten(lists)
        owner = pc.list_parent_indices(lists).to_numpy()
        there = pc.not_equal(values, "")
        self.terms.append(values.filter(there).dictionary_encode())
        owner = owner[there.to_numpy(zero_copy_only=False)]
        self.lengths.append(np.bincount(owner, minlength=len(texts)).astype(np.int32))
        self.times.append(np.array([starts, ends], np.int64).T.reshape(-1, 2))
        self.cues.append(np.array(cues, np.int64))
        said, speakers, streams = zip(*self._cues, strict=True) if self._cues else ((), (), ())
        self.texts.append(
            pa.table(
                {
                    "text": pa.array(said, pa.string()),
                    "speaker": pa.array(speakers, pa.string()),
                    "stream": pa.array(streams, pa.int32()),
                }
            )
        )
        self._entries, self._cues = [], []


class TextIndex:
    """Finds words in all texts of a dataset. Built by `read`, then asked; in one thread at a time."""

    def __init__(self) -> None:
        self.streams: list[tuple[str, str]] = []
        self.maps: list[TimeMap] = []
        self._place: dict[tuple[str, str], int] = {}
        self._collected = _Collected()

    def add(self, record: Record, stream: Stream, cues: tuple[Cue, ...]) -> None:
        """The cues of one text stream."""
        number = self._place.setdefault((record.id, stream.id), len(self.streams))
        if number == len(self.streams):
            self.streams.append((record.id, stream.id))
            self.maps.append(stream.timemap)
        for cue in cues:
            self._collected.add(cue, number, stream.person)

    def remap(self, record: Record) -> None:
        """Take the time maps of a record anew after an edit."""
        for stream in record.streams:
            if (number := self._place.get((record.id, stream.id))) is not None:
                self.maps[number] = stream.timemap

    def build(self) -> None:
        """All was added: put it in order."""
        got = self._collected
        got.flush()
        terms = pa.chunked_array(got.terms).unify_dictionaries()
        words = terms.chunk(0).dictionary
        order = pc.sort_indices(words)
        self._words: list[str] = words.take(order).to_pylist()
        rank = np.empty(len(self._words), np.int32)
        rank[order.to_numpy()] = np.arange(len(self._words), dtype=np.int32)
        codes = [chunk.indices.to_numpy() for chunk in terms.chunks]
        self._terms = rank[np.concatenate(codes)] if len(rank) else np.zeros(0, np.int32)
        self._postings = np.argsort(self._terms, kind="stable").astype(np.int32)
        counts = np.bincount(self._terms, minlength=len(self._words))
        self._first = np.concatenate(([0], np.cumsum(counts)))
        lengths = np.concatenate(got.lengths)
        self._entry = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        self._times = np.concatenate(got.times)
        self._cue = np.concatenate(got.cues).astype(np.int32)[self._entry]
        self._texts = pa.concat_tables(got.texts).combine_chunks()
        self._collected = _Collected()

    def __len__(self) -> int:
        """How many cues there are."""
        return int(self._texts.num_rows)

    def find(self, search: str, limit: int) -> tuple[pa.Table, bool]:
        """The places where all that is looked for stands in one cue, in order; whether there are more.

        A row is a moment: from the first word of the first thing looked for to the last of it.
        """
        units = units_of(search)
        places = [self._places(unit) for unit in units]
        hits = places[0]
        if len(units) > 1:
            both = self._cue_of(hits)
            for other in places[1:]:
                there = np.zeros(len(self), np.bool_)
                there[self._cue_of(other)] = True
                hits, both = hits[there[both]], both[there[both]]
        more = len(hits) > limit
        return self._rows(hits[:limit], len(units[0].words)), more

    def _cue_of(self, places: NDArray[np.int64]) -> NDArray[np.int32]:
        cues: NDArray[np.int32] = self._cue[places]
        return cues

    def _range(self, word: str, open_: bool) -> tuple[int, int]:
        """The numbers of a word, or of all that begin with it."""
        low = _bisect(self._words, lambda each: each >= word)
        if not open_:
            return low, low + (low < len(self._words) and self._words[low] == word)
        return low, _bisect(self._words, lambda each: each > word and not each.startswith(word))

    def _places(self, unit: _Unit) -> NDArray[np.int64]:
        """Where a phrase begins, in the order of the texts."""
        last = len(unit.words) - 1
        ranges = [self._range(word, unit.open and at == last) for at, word in enumerate(unit.words)]
        counts = [int(self._first[high] - self._first[low]) for low, high in ranges]
        rarest = int(np.argmin(counts))
        low, high = ranges[rarest]
        listed = self._postings[self._first[low] : self._first[high]]
        if high - low > 1:  # in the order of the texts: marks are sooner read off than sorted
            there = np.zeros(len(self._terms), np.bool_)
            there[listed] = True
            found = np.flatnonzero(there).astype(np.int64) - rarest
        else:
            found = listed.astype(np.int64) - rarest
        if not last:
            return found
        found = found[(found >= 0) & (found + last < len(self._terms))]
        for at, (low, high) in enumerate(ranges):
            if at != rarest:
                term = self._terms[found + at]
                found = found[(term >= low) & (term < high)]
        same = self._cue_of(found) == self._cue_of(found + last)
        return np.asarray(found[same], np.int64)

    def _rows(self, hits: NDArray[np.int64], words: int) -> pa.Table:
        cues = self._cue_of(hits)
        texts = self._texts.take(pa.array(cues))
        streams = texts.column("stream").to_numpy()
        spans = (
            np.stack(
                [self._times[self._entry[hits], 0], self._times[self._entry[hits + words - 1], 1]], axis=1
            )
            if len(hits)
            else np.zeros((0, 2), np.int64)
        )
        order = np.argsort(streams, kind="stable")
        mapped = np.empty((len(hits), 2))
        for part in np.split(order, np.flatnonzero(np.diff(streams[order])) + 1):
            if len(part):
                to_reference = self.maps[int(streams[part[0]])].to_reference_array
                mapped[part] = to_reference(spans[part].ravel()).reshape(-1, 2) / 1e9
        ids = [self.streams[each] for each in streams.tolist()]
        return pa.table(
            {
                "record_id": pa.array([record for record, _ in ids], pa.string()),
                "stream_id": pa.array([stream for _, stream in ids], pa.string()),
                "start_s": mapped[:, 0],
                "end_s": mapped[:, 1],
                "text": texts.column("text"),
                "speaker": texts.column("speaker"),
            },
            SCHEMA,
        )


def _bisect(words: list[str], reached: Callable[[str], bool]) -> int:
    """The first of the ordered words for which something holds that holds for all after it."""
    low, high = 0, len(words)
    while low < high:
        middle = (low + high) // 2
        if reached(words[middle]):
            high = middle
        else:
            low = middle + 1
    return low


class Texts:
    """Every text of a session's dataset, read when it is first searched. `edited` from any thread."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._index: TextIndex | None = None
        self._failed = 0
        self._lock = threading.Lock()
        self._touched: set[str] = set()

    def edited(self, touched: frozenset[str] | None) -> None:
        """These records changed; None: any may have."""
        with self._lock:
            if touched is None:
                self._index = None
            else:
                self._touched |= touched

    def find(self, search: str, question: Question) -> tuple[pa.Table, tuple[str, ...]]:
        """The places (`SCHEMA`), and what they may lack. Raises InspectorError, Cancelled."""
        with self._lock:
            index, touched, self._touched = self._index, self._touched, set()
        if index is None:
            index = self._read(question)
            with self._lock:
                self._index = index
        for record_id in touched:
            with suppress(InspectorError):
                index.remap(self._session.record(record_id))
        table, more = index.find(search, MOST_HITS)
        notes = [f"search gives the first {MOST_HITS} places, there are more"] if more else []
        if self._failed:
            notes.append(f"{self._failed} transcripts or records could not be read")
        return table, tuple(notes)

    def _read(self, question: Question) -> TextIndex:
        index = TextIndex()
        ids = self._session.record_ids()
        question.doing, question.total, self._failed = "reading texts", len(ids), 0
        for done, record_id in enumerate(ids):
            question.step()
            question.done = done
            try:
                record = self._session.record(record_id)
            except InspectorError:
                self._failed += 1
                continue
            for stream in record.of(Modality.TEXT):
                try:
                    index.add(record, stream, self._session.cues(stream))
                except InspectorError:
                    self._failed += 1
        index.build()
        return index
