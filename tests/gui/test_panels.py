"""The side panels: fast on a million records, quiet about keys, exact about what they repaint."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent, QImage, QPainter
from PySide6.QtWidgets import QApplication, QWidget

from inspector.core.model import Clock, Coverage, Cue, Modality, Problem, Record, Source, Stream, Word
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.ui import theme
from inspector.ui.panels.common import chip_size, count_text, paint_chip
from inspector.ui.panels.coverage import SQUARE, coverage_words, paint_square
from inspector.ui.panels.dataset import DatasetPanel
from inspector.ui.panels.records import RecordsPanel
from inspector.ui.panels.records_model import COVERAGE, DURATION, FIRST_OWN, RECORD, STATE, cell_text
from inspector.ui.panels.streams import StreamsPanel, column_text, lag_text, offset_text, what_text
from inspector.ui.panels.transcript import TranscriptPanel
from inspector.ui.panels.transcript_list import HOLD_S
from inspector.ui.panels.transcript_track import TranscriptTrack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

    from inspector.session import Session

MS = 1_000_000
SPOKEN_NS = 7_433 * MS


# --- a dataset in memory --------------------------------------------------------------------------


@dataclass
class FakeDataset:
    """What a panel reads of a dataset."""

    root: Path
    reader: str
    index: pa.Table
    layout: str = ""
    problems: tuple[Problem, ...] = ()
    leftover: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()


@dataclass
class FakeSession:
    """What a panel reads of a session."""

    dataset: FakeDataset
    records: dict[str, Record] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        return self.dataset.root

    @property
    def index(self) -> pa.Table:
        return self.dataset.index

    @property
    def modalities(self) -> tuple[Modality, ...]:
        names = set(pc.unique(pc.list_flatten(self.index.column("modalities"))).to_pylist())
        return tuple(modality for modality in Modality if modality in names)

    def coverage(self, record: Record) -> dict[Modality, Coverage]:
        return {each: record.coverage.get(each, Coverage.PRESENT) for each in self.modalities}

    def record_ids(self) -> list[str]:
        return cast("list[str]", self.index.column("record_id").to_pylist())

    def load(self, record_id: str) -> Record:
        return self.records[record_id]


def a_session(dataset: FakeDataset, records: dict[str, Record] | None = None) -> Session:
    """The fake in the type that the panels ask for."""
    return cast("Session", FakeSession(dataset, records or {}))


def a_stream(stream_id: str, modality: Modality, end_s: float = 15.0, **more: Any) -> Stream:
    """A stream of a film's clock, unless told otherwise."""
    more.setdefault("source", Source(Path(f"/data/{stream_id}"), "av", 0))
    more.setdefault("clock", Clock("front", "container"))
    return Stream(stream_id, modality, span=(0, round(end_s * NS)), **more)


def a_record(record_id: str, end_s: float = 15.0, **more: Any) -> Record:
    """A film and nothing else."""
    return Record(record_id, (a_stream("front#video", Modality.VIDEO, end_s),), reference="front#video", **more)


plain_record: Callable[[], Record] = lambda: a_record("rec_001")  # noqa: E731


def crowded_session() -> Session:
    """28 records with four modalities, columns of their own, and most of what can be wrong."""
    ids = [f"rec_{number:03d}" for number in range(1, 29)]
    full = ["video", "audio", "text", "sensor"]
    modalities = [[each for each in full if (number, each) != (13, "sensor")] for number in range(28)]
    index = pa.table(
        {
            "record_id": ids,
            "modalities": modalities,
            "session": [f"{'kitchen' if number < 3 else 'workshop'} {number // 3 + 1}" for number in range(28)],
            "device": ["rig A" if number % 2 else "rig B, second recorder" for number in range(28)],
            "take": list(range(28, 0, -1)),
        }
    )
    odd = [
        {},
        {},
        {Modality.TEXT: Coverage.ABSENT},
        {},
        {Modality.VIDEO: Coverage.TRUNCATED},
        {},
        {Modality.AUDIO: Coverage.SILENT},
        {Modality.VIDEO: Coverage.FROZEN},
        {Modality.SENSOR: Coverage.UNREADABLE},
        {Modality.TEXT: Coverage.EMPTY},
    ]
    wrong = Problem("front.mp4", "ends at 9.8 s, its header promises 15.0 s", "plays up to there")
    records = {}
    for number, record_id in enumerate(ids):
        states = odd[number] if number < len(odd) else {}
        problems = (wrong,) if states else ()
        records[record_id] = a_record(record_id, 10 + number * 0.7, coverage=states, problems=problems)
    dataset = FakeDataset(
        Path("/data/field recordings/2026-03/clock-corpus"),
        "folder",
        index,
        "One folder a record; files of one folder belong together, and a transcript belongs to its sound.",
        (
            Problem("rec_009/imu.csv", "line 411 has 5 columns, the head has 7", "the lines before it are read"),
            Problem("rec_014/front.mp4", "cannot be opened: no moov atom", ""),
        ),
        tuple(f"scratch/export {number:03d}/take_{number:04d}_of_the_old_camera.mov" for number in range(40)),
        ("rec_020/notes.txt may be a transcript or notes about the record; it was taken as a transcript.",),
    )
    return a_session(dataset, records)


def clean_session() -> Session:
    """One record, nothing wrong."""
    index = pa.table({"record_id": ["rec_001"], "modalities": [["video"]]})
    return a_session(FakeDataset(Path("/data/one"), "folder", index, "One folder a record."))


def rich_record() -> Record:
    """One of every kind of stream, some late, one with a counted clock, one with an epoch clock."""
    table = Source(Path("/data/imu.csv"), "table", time_column="t_ms", time_unit="ms")
    return Record(
        "rec_007",
        (
            a_stream("front#video", Modality.VIDEO, rate=30.0, meta={"codec": "h264", "width": 640, "height": 480}),
            a_stream("side#video", Modality.VIDEO, rate=15.0, meta={"codec": "mpeg4", "width": 320, "height": 240}),
            a_stream(
                "voice",
                Modality.AUDIO,
                rate=48000.0,
                clock=Clock("recorder", "relative"),
                timemap=TimeMap.offset(320 * MS),
                meta={"codec": "aac", "channels": 1},
            ),
            a_stream("words", Modality.TEXT, source=Source(Path("/data/words.json"), "whisper")),
            a_stream(
                "imu",
                Modality.SENSOR,
                source=table,
                rate=30.0,
                channels=tuple(f"axis_{number}" for number in range(26)),
                clock=Clock("imu", "epoch"),
                timemap=TimeMap(((0, 0), (10_008_000_000, 10_000_000_000))),
            ),
            a_stream(
                "observation.state.of.the.left.arm.of.the.robot",
                Modality.SENSOR,
                rate=30.0,
                channels=("x", "y"),
                clock=Clock("frames", "nominal"),
            ),
        ),
        reference="front#video",
        problems=(
            Problem("voice.m4a", "starts 320 ms after the film's own clock says", "plays, and is late by as much"),
            Problem("imu.csv", "three lines repeat a time stamp", ""),
        ),
    )


SENTENCES = (
    ("Anna", "it's now ten past four"),
    ("Anna", "the minute hand moves"),
    ("Bo", "half past eleven exactly"),
    ("Bo", "reading slowly, so that nobody misses where the longer of the two hands has come to a stop"),
    ("Anna", "twenty to nine"),
)


def a_transcript(cues: int = 12) -> tuple[Stream, tuple[Cue, ...]]:
    """Cues of 2.5 s every 3 s from 1 s on, each with its words spread evenly over it."""
    made = []
    for number in range(cues):
        speaker, text = SENTENCES[number % len(SENTENCES)]
        start, words = (1 + 3 * number) * NS, text.split()
        each = 2_500 * MS // len(words)
        spoken = tuple(
            Word(start + at * each, start + (at + 1) * each, word) for at, word in enumerate(words)
        )
        made.append(Cue(start, start + 2_500 * MS, text, spoken, speaker))
    source = Source(Path("/data/words.json"), "whisper")
    return a_stream("words", Modality.TEXT, cues * 3.0, source=source), tuple(made)


def texts(record: Record) -> list[tuple[Stream, tuple[Cue, ...]]]:
    """Two text streams for a record."""
    stream, cues = a_transcript()
    return [(stream, cues), untimed()]


def untimed() -> tuple[Stream, tuple[Cue, ...]]:
    """Plain text: lines, no times."""
    source = Source(Path("/data/notes.txt"), "plaintext")
    stream = a_stream("notes", Modality.TEXT, 0, source=source, clock=Clock("notes", "none"))
    return stream, tuple(Cue(0, 0, text) for _, text in SENTENCES * 2)


@pytest.fixture(autouse=True)
def _dark(qapp: QApplication) -> Iterator[None]:
    theme.load_fonts()
    theme.apply(qapp, light=False)
    yield
    theme.apply(qapp, light=False)


def shown(qtbot: QtBot, panel: QWidget, width: int = 320, height: int = 480) -> None:
    """Put a panel on the (offscreen) screen."""
    qtbot.addWidget(panel)
    panel.resize(width, height)
    with qtbot.waitExposed(panel):
        panel.show()
