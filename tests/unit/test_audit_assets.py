"""Files that were changed since, and transcripts that were swapped."""

from __future__ import annotations

import shutil
import wave
from typing import TYPE_CHECKING

import av
import films
import numpy as np
import pytest

from inspector.audit.runner import Options
from inspector.core.findings import Finding, Status
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RATE = 16_000


def audited(root: Path, *checks: str) -> list[Finding]:
    """All findings of those checks."""
    with Session.open(root) as session:
        return list(session.audit(Options(checks=checks)).findings())


def remux(source: Path, target: Path, delay_s: float = 0.0, most: int = 1000) -> None:
    """The packets of a film in another container, later, or without the last ones."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        tracks = {each.index: after.add_stream_from_template(each) for each in before.streams}
        seen = 0
        for packet in before.demux():
            if packet.dts is None or packet.pts is None:
                continue
            if packet.stream.type == "video":
                seen += 1
                if seen > most:
                    continue
            assert packet.time_base is not None
            late = round(delay_s / packet.time_base)
            packet.pts, packet.dts = packet.pts + late, packet.dts + late
            packet.stream = tracks[packet.stream.index]
            after.mux(packet)


def again(source: Path, target: Path) -> None:
    """Encoded anew, smaller."""
    films.make_film(target, films.steady(1.0, 20), rate=20)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda a, b: remux(a, b), 0),
        (lambda a, b: remux(a, b, 0.4), 1),
        (lambda a, b: remux(a, b, 0.0, 20), 2),
        (again, 2),
    ],
    ids=["remux", "moved", "trimmed", "encoded anew"],
)
def test_a_file_that_changed_is_told_by_its_class(
    tmp_path: Path, change: Callable[[Path, Path], None], what: int
) -> None:
    for name in ("one", "two"):
        (tmp_path / "data" / name).mkdir(parents=True)
        films.make_film(tmp_path / "data" / name / "cam.mp4", films.steady(1.5, 20), rate=20)
        (tmp_path / "data" / name / "words.vtt").write_text("WEBVTT\n\n00:00.5 --> 00:01.0\nword\n")
    assert not audited(tmp_path / "data", "asset.stale")
    film = tmp_path / "data" / "one" / "cam.mp4"
    shutil.move(film, tmp_path / "old.mp4")
    change(tmp_path / "old.mp4", film if what == 2 else film.with_suffix(".mov"))
    found = [each for each in audited(tmp_path / "data", "asset.stale") if each.streams == ("cam#video",)]
    assert [each.value for each in found] == [float(what)]
    assert (found[0].status is Status.FAILED) == (what > 0)
    shutil.rmtree(tmp_path / "data" / "one")
    (tmp_path / "data" / "one").mkdir()
    shutil.move(tmp_path / "old.mp4", film)
    (tmp_path / "data" / "one" / "words.vtt").write_text("WEBVTT\n\n00:00.5 --> 00:01.0\nword\n")
    assert not [each for each in audited(tmp_path / "data", "asset.stale") if each.status is Status.FAILED]


def test_swapped_transcripts_are_found_and_no_other_is_named(tmp_path: Path) -> None:
    cues: list[str] = []
    for number in range(14):
        rng = np.random.default_rng(number)
        starts = np.cumsum(rng.uniform(0.9, 2.2, 12))
        ends = starts + rng.uniform(0.4, 0.8, 12)
        t = np.arange(round((ends[-1] + 1) * RATE)) / RATE
        buzz = sum(np.sin(2 * np.pi * 140 * k * t + k) / k for k in range(2, 25))
        inside = np.zeros(len(t))
        for a, b in zip(starts, ends, strict=True):
            inside[round(a * RATE) : round(b * RATE)] = 1
        pcm = buzz * inside * (0.6 + 0.4 * np.sin(2 * np.pi * 4.3 * t)) * 0.1 + rng.normal(0, 1e-3, len(t))
        folder = tmp_path / "data" / f"rec_{number:02}"
        folder.mkdir(parents=True)
        with wave.open(str(folder / "voice.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes())
        lines = [f"00:{a:06.3f} --> 00:{b:06.3f}\nwords\n" for a, b in zip(starts, ends, strict=True)]
        cues.append("WEBVTT\n\n" + "\n".join(lines))
    cues[3], cues[9], cues[5] = cues[9], cues[3], cues[11]
    for number, text in enumerate(cues):
        (tmp_path / "data" / f"rec_{number:02}" / "words.vtt").write_text(text)
    checks = ("timing.av_offset", "transcript.offset", "pairing.swapped_words")
    found = [each for each in audited(tmp_path / "data", *checks) if each.status is Status.FAILED]
    assert {(each.check, each.record_id) for each in found} == {
        ("pairing.swapped_words", f"rec_{number:02}") for number in (3, 5, 9)
    }
    assert "fits the sound of rec_09" in next(each.message for each in found if each.record_id == "rec_03")
