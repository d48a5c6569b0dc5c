"""A dataset in memory, records of every kind, and how a test looks at a panel."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QHelpEvent, QImage, QPainter
from PySide6.QtWidgets import QApplication, QToolTip, QWidget

from inspector.core.model import Clock, Coverage, Cue, Modality, Problem, Record, Source, Stream, Word
from inspector.core.timemap import TimeMap
from inspector.core.times import NS
from inspector.ui import theme

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
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


def a_record(record_id: str, end_s: float = 15.0, only: str = "", **more: Any) -> Record:
    """A film, a sound, a transcript and a sensor, or one of them."""
    names = {
        "front#video": Modality.VIDEO,
        "voice": Modality.AUDIO,
        "words": Modality.TEXT,
        "imu": Modality.SENSOR,
    }
    streams = tuple(a_stream(name, kind, end_s) for name, kind in names.items() if only in name)
    return Record(record_id, streams, reference=streams[0].id, **more)


def plain_record() -> Record:
    """A film and no text."""
    return a_record("rec_001", only="video")


def crowded_session() -> Session:
    """28 records with four modalities, columns of their own, and most of what can be wrong."""
    rows = range(28)
    ids = [f"rec_{number:03d}" for number in range(1, 29)]
    full = ["video", "audio", "text", "sensor"]
    modalities = [[each for each in full if (number, each) != (13, "sensor")] for number in range(28)]
    index = pa.table(
        {
            "record_id": ids,
            "modalities": modalities,
            "session": [f"{'workshop' if number > 2 else 'kitchen'} {number // 3 + 1}" for number in rows],
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
            Problem("rec_009/imu.csv", "line 411 has 5 columns, the head has 7", "the lines before it count"),
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


def film_meta(codec: str, width: int) -> dict[str, Any]:
    """What a reader tells of a film in 4:3."""
    return {"codec": codec, "width": width, "height": width * 3 // 4}


def rich_record() -> Record:
    """One of every kind of stream, some late, one with a counted clock, one with an epoch clock."""
    table = Source(Path("/data/imu.csv"), "table", time_column="t_ms", time_unit="ms")
    return Record(
        "rec_007",
        (
            a_stream("front#video", Modality.VIDEO, rate=30.0, meta=film_meta("h264", 640)),
            a_stream("side#video", Modality.VIDEO, rate=15.0, meta=film_meta("mpeg4", 320)),
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
            Problem("voice.m4a", "starts 320 ms after the film's own clock says", "plays, late by as much"),
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


def shown(qtbot: QtBot, panel: QWidget, width: int = 320, height: int = 480) -> None:
    """Put a panel on the (offscreen) screen."""
    qtbot.addWidget(panel)
    panel.resize(width, height)
    with qtbot.waitExposed(panel):
        panel.show()


def picture(paint: Callable[[QPainter], None], width: int = 40, height: int = 24) -> bytes:
    """What a painting leaves on the panel's ground, as bytes that can be compared."""
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(theme.current().panel)
    painter = QPainter(image)
    paint(painter)
    painter.end()
    return bytes(image.constBits())


def tip(view: Any, spot: QPoint) -> str:
    """The tooltip that a view shows at a place."""
    QToolTip.hideText()
    event = QHelpEvent(QEvent.Type.ToolTip, spot, view.viewport().mapToGlobal(spot))
    QApplication.sendEvent(view.viewport(), event)
    return QToolTip.text()


class Painted:
    """Notes each call of a method: its last argument, or what `keep` makes of it.

    Nothing else is kept: painters and style options live on Qt's stack, and are gone after the call. Not for
    a method that Qt itself calls: PySide remembers the one it found first, and calls it when it is long gone.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        owner: Any,
        name: str,
        keep: Callable[[Any], Any] = lambda last: last,
    ) -> None:
        self.calls: list[Any] = []
        inner = getattr(owner, name)

        def counted(*args: Any) -> Any:
            self.calls.append(keep(args[-1]))
            return inner(*args)

        monkeypatch.setattr(owner, name, counted)
