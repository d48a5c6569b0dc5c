"""Search in all texts, against a search by hand: words, beginnings and phrases, and the word's moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import hypothesis.strategies as st
import pytest

from inspector.core.assets import resource
from inspector.core.model import Clock, Cue, Modality, Record, Source, Stream, Word
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.query.fulltext import TextIndex
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

WORDS = ("half", "past", "two", "half-past", "Quarter", "quarters", "été", "半")


def a_stream(place: Path, timemap: TimeMap | None = None) -> Stream:
    return Stream(
        "talk",
        Modality.TEXT,
        Source(place, "cues"),
        Clock("c", "relative"),
        (0, NS),
        timemap or TimeMap(),
        person="Ann",
    )


def index_of(cues: list[Cue], place: Path, timemap: TimeMap | None = None) -> TextIndex:
    index = TextIndex()
    stream = a_stream(place, timemap)
    index.add(Record("r", (stream,)), stream, tuple(cues))
    index.build()
    return index


def starts(table: pa.Table) -> list[float]:
    found: list[float] = table.column("start_s").to_pylist()
    return found


@hypothesis.given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=6), max_size=12),
    st.lists(st.sampled_from(["half", "past", "quarter", "ete", "半"]), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_a_search_finds_what_reading_finds(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[list[str]],
    wanted: list[str],
    phrase: bool,
    timed: bool,
) -> None:
    """A phrase is where its words stand side by side in one cue; words are where the first of them stands."""
    cues = []
    for number, words in enumerate(texts):
        spans = tuple(Word(number * NS + at, number * NS + at + 1, each) for at, each in enumerate(words))
        cues.append(Cue(number * NS, (number + 1) * NS, " ".join(words), spans if timed else ()))
    plain = [
        [(at, part) for at, each in enumerate(words) for part in each.lower().replace("é", "e").split("-")]
        for words in texts
    ]
    expected = []
    for number, tokens in enumerate(plain):
        bare = [part for _, part in tokens]
        for place, (at, part) in enumerate(tokens):
            if phrase:
                hit = bare[place : place + len(wanted)] == wanted
            else:
                hit = part == wanted[0] and set(wanted) <= set(bare)
            if hit:
                expected.append(number + (at / NS if timed else 0))
    search = f'"{" ".join(wanted)}"' if phrase else " ".join(wanted)
    table, more = index_of(cues, tmp_path_factory.getbasetemp()).find(search, 1000)
    assert not more
    assert starts(table) == pytest.approx(expected)


def test_beginnings_limits_and_times(tmp_path: Path) -> None:
    cues = [
        Cue(number * NS, number * NS + 5, f"Quarter{'s' * (number % 2)} to {number}") for number in range(10)
    ]
    index = index_of(cues, tmp_path, TimeMap.offset(NS))
    shift = TimeMap.offset(NS).to_reference(0) / NS
    table, more = index.find("quart* TO", 4)
    assert more
    assert starts(table) == [shift + each for each in range(4)]
    assert set(table.column("speaker").to_pylist()) == {"Ann"}
    assert starts(index.find("quarter", 100)[0]) == [shift + each for each in range(0, 10, 2)]
    assert starts(index.find('"to 7"', 100)[0]) == [shift + 7]
    assert starts(index.find('"7 to"', 100)[0]) == []
    assert starts(index.find("absent quarter", 100)[0]) == []
    index.remap(Record("r", (a_stream(tmp_path),)))  # an edit moved the stream
    assert starts(index.find('"to 7"', 100)[0]) == [7]
    for nothing in ("", " ", '"."', "*"):
        with pytest.raises(InspectorError):
            index.find(nothing, 1)
    assert index_of([], tmp_path).find("a", 1)[0].num_rows == 0


def test_search_is_a_table_of_moments(tmp_path: Path) -> None:
    with Session.open(resource("demo"), workspace=str(tmp_path)) as session:
        by_hand = session.query(
            "SELECT w.record_id, w.start_s, w.text FROM words w WHERE w.text ILIKE 'past%' ORDER BY ALL"
        ).table.to_pylist()
        answer = session.query("SELECT record_id, start_s FROM search('past') ORDER BY ALL").table.to_pylist()
        assert answer
        assert answer == [{key: each[key] for key in ("record_id", "start_s")} for each in by_hand]
        both = session.query(
            "SELECT count(*) AS n FROM search('half') h JOIN search('past') p USING (record_id)"
        ).table.to_pylist()
        assert both[0]["n"] > 0
        (record_id,) = session.query("SELECT record_id FROM search('half past') LIMIT 1").table["record_id"]
        assert record_id.as_py() in session.record_ids()
