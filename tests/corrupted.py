"""Records of which one file each is corrupted: bit flips, cuts, lengths that lie, bombs.

What was done to a file is told by its `Harm`; `told` is whether anybody could see it from the file alone: a
bit that flips in a sample, or in a word, makes another sample and another word.
"""

from __future__ import annotations

import gzip
import io
import shutil
import struct
import tarfile
import wave
import zipfile
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import films
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from inspector.core.findings import Finding

Bytes = bytes
FILES = {
    "film": "cam.mp4",
    "film_mkv": "cam.mkv",
    "sound": "mic.wav",
    "sound_mp3": "mic.mp3",
    "transcript": "words.vtt",
    "subtitles": "words.srt",
    "table": "imu.csv",
    "parquet": "imu.parquet",
    "annotation": "labels.eaf",
}
KEPT = ("cam.mp4", "mic.wav", "words.vtt", "imu.csv")
"""What every record has, but where the corrupted file is of the same role."""


@dataclass(frozen=True, slots=True)
class Harm:
    """One corrupted file."""

    record_id: str
    file: str
    kind: str
    told: bool


def _flips(count: int, data: Bytes, rng: np.random.Generator) -> Bytes:
    out = bytearray(data)
    for at in rng.integers(0, len(out), count).tolist():
        out[at] ^= 1 << int(rng.integers(8))
    return bytes(out)


def _head_flips(data: Bytes, rng: np.random.Generator) -> Bytes:
    return _flips(24, data[:64], rng) + data[64:]


def _cut(part: float, data: Bytes, rng: np.random.Generator) -> Bytes:
    return data[: max(1, int(len(data) * part * rng.uniform(0.8, 1.2)))]


def _zeros(data: Bytes, rng: np.random.Generator) -> Bytes:
    start = int(rng.uniform(0.3, 0.5) * len(data))
    return data[:start] + bytes(len(data) // 4) + data[start + len(data) // 4 :]


def _noise(data: Bytes, rng: np.random.Generator) -> Bytes:
    return rng.bytes(min(len(data), 20_000))


def _empty(data: Bytes, rng: np.random.Generator) -> Bytes:
    return b""


def _lie(data: Bytes, rng: np.random.Generator) -> Bytes:
    """The length in the head is far too large: RIFF's, or that of the first box or element."""
    lie = 0x7FFF_0000 + int(rng.integers(0xFFFF))
    if data[:4] == b"RIFF":
        place = data.index(b"data") + 4
        return data[:4] + struct.pack("<I", lie) + data[8:place] + struct.pack("<I", lie) + data[place + 4 :]
    place = data.find(b"moov")
    if place > 4:
        return data[: place - 4] + struct.pack(">I", lie) + data[place:]
    return struct.pack(">I", lie) + data[4:]


def _zip_bomb(data: Bytes, rng: np.random.Generator) -> Bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("a", bytes(50_000_000))
    return out.getvalue()


def _gz_bomb(data: Bytes, rng: np.random.Generator) -> Bytes:
    return gzip.compress(bytes(50_000_000))


def _tar_bomb(data: Bytes, rng: np.random.Generator) -> Bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as box:
        for number in range(50):
            told = tarfile.TarInfo(f"../../{'x' * 90}{number}")
            box.addfile(told)
    whole = bytearray(out.getvalue())
    whole[124:136] = b"77777777777\0"  # a member of 8 GiB
    return bytes(whole)


def _xml_bomb(data: Bytes, rng: np.random.Generator) -> Bytes:
    names = "".join(f'<!ENTITY e{k} "{f"&e{k - 1};" * 10}">' for k in range(1, 12))
    text = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "ha">{names}]><ANNOTATION_DOCUMENT>&e11;'
    return f"{text}</ANNOTATION_DOCUMENT>".encode()


def _backwards(data: Bytes, rng: np.random.Generator) -> Bytes:
    """Every cue ends before it begins, or a row's time is no number."""
    if b"-->" in data:
        rows = [
            b" --> ".join(reversed(row.split(b" --> "))) if b"-->" in row else row
            for row in data.split(b"\n")
        ]
        return b"\n".join(rows)
    return data.replace(b"0.", b"?.")


HARMS: dict[str, tuple[Callable[[Bytes, np.random.Generator], Bytes], bool]] = {
    "bit flips": (partial(_flips, 12), False),
    "flips in the head": (_head_flips, False),
    "cut": (partial(_cut, 0.5), False),
    "cut near the start": (partial(_cut, 0.02), False),
    "a stretch of zeros": (_zeros, False),
    "noise": (_noise, True),
    "empty": (_empty, True),
    "a length that lies": (_lie, False),
    "a zip bomb": (_zip_bomb, True),
    "a gzip bomb": (_gz_bomb, True),
    "a tar bomb": (_tar_bomb, True),
}
ONLY = {"annotation": {"an XML bomb": (_xml_bomb, True)}}
ONLY |= {name: {"times that run backwards": (_backwards, True)} for name in ("transcript", "subtitles")}

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="a" DATE="2026-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="100"/>
<TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="900"/></TIME_ORDER><TIER LINGUISTIC_TYPE_REF="d" TIER_ID="gesture">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2">
<ANNOTATION_VALUE>wave</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="d" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>
"""


def whole(folder: Path) -> None:
    """One good file of every kind in a folder."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(5)
    films.make_film(folder / "cam.mp4", films.steady(3, 20), rate=20)
    films.make_film(folder / "cam.mkv", films.steady(3, 20), rate=20)
    pcm = (rng.normal(0, 3000, 16_000 * 3)).astype("<i2")
    with wave.open(str(folder / "mic.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(pcm.tobytes())
    _mp3(folder / "mic.mp3", pcm)
    cues = "\n".join(
        f"00:00:0{k // 10}.{k % 10}00 --> 00:00:0{k // 10}.{k % 10}50\nword {k}\n" for k in range(14)
    )
    (folder / "words.vtt").write_text("WEBVTT\n\n" + cues)
    (folder / "words.srt").write_text(cues.replace(".", ","))
    t = np.arange(300) / 100
    (folder / "imu.csv").write_text("t,x\n" + "".join(f"{a:.3f},{np.sin(9 * a):.4f}\n" for a in t))
    pq.write_table(pa.table({"t": t, "x": np.sin(9 * t)}), folder / "imu.parquet")
    (folder / "labels.eaf").write_text(EAF)


def _mp3(path: Path, pcm: np.ndarray) -> None:
    import av

    with av.open(str(path), "w") as box:
        track = box.add_stream("mp3", 16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm[None, :].astype(np.int16), "s16", "mono")
        frame.sample_rate, frame.pts = 16_000, 0
        frames = av.AudioResampler("s16p", "mono", 16_000).resample(frame)
        for each in frames:
            box.mux(track.encode(each))
        box.mux(track.encode(None))


def corrupted(root: Path, count: int, seed: int = 0) -> list[Harm]:
    """`count` records below `root`, every kind of file with every kind of harm in turn, and two good ones."""
    whole(root.parent / "good")
    rng = np.random.default_rng(seed)
    pairs = [(role, kind, harm) for role in FILES for kind, harm in (HARMS | ONLY.get(role, {})).items()]
    if count < len(pairs):
        pairs = [pairs[int(k)] for k in np.linspace(0, len(pairs) - 1, count)]
    done = []
    for number in range(count):
        role, kind, (harm, told) = pairs[number % len(pairs)]
        folder = root / f"rec_{number:03}"
        folder.mkdir(parents=True)
        file = FILES[role]
        stem = file.split(".")[0]
        for name in {file, *(each for each in KEPT if each.split(".")[0] != stem)}:
            shutil.copyfile(root.parent / "good" / name, folder / name)
        (folder / file).write_bytes(harm((folder / file).read_bytes(), rng))
        done.append(Harm(folder.name, file, kind, told))
    for name in ("good_1", "good_2"):
        (root / name).mkdir()
        for each in KEPT:
            shutil.copyfile(root.parent / "good" / each, root / name / each)
    return done


def judged(harms: Sequence[Harm], found: Sequence[Finding]) -> tuple[list[str], list[str], list[str]]:
    """(harms that nobody told though the file shows them, harms that more than one failed finding tells, what
    was said of the good records, and faults of ours)."""
    by_record: dict[str | None, list[Finding]] = {}
    for each in found:
        if each.check != "coverage.duplicate" and each.status.value in ("failed", "suspect"):
            by_record.setdefault(each.record_id, []).append(each)
    missed = [f"{each.record_id} {each.file}: {each.kind}" for each in harms if each.told]
    missed = [each for each in missed if not by_record.get(each.split()[0])]
    twice = []
    for harm in harms:
        failed = [each for each in by_record.get(harm.record_id, []) if each.status.value == "failed"]
        if len(failed) > 1:
            told = [(each.check, each.streams, each.message) for each in failed]
            twice.append(f"{harm.record_id} {harm.file}: {harm.kind}: {told}")
    wrong = [str(each) for name in ("good_1", "good_2") for each in by_record.get(name, [])]
    wrong += [each.message for each in found if "fault of Inspector" in each.message]
    return missed, twice, wrong
