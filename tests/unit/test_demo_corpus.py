"""The clock corpus is what it claims to be: each planted fault is measured from the files alone, and so is
its absence everywhere else. The program has no part in it; the truth file only says what is to be found.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "resources" / "demo"
TRUTH: dict[str, Any] = json.loads((ROOT / "packaging" / "demo_truth.json").read_text(encoding="utf-8"))
RECORDS: dict[str, dict[str, Any]] = {record["record_id"]: record for record in TRUTH["records"]}
FAULTS: dict[str, list[dict[str, Any]]] = {}
for _fault in TRUTH["faults"]:
    FAULTS.setdefault(_fault["fault"], []).append(_fault)
RATE = 48000

Array = np.ndarray[Any, np.dtype[Any]]
every_record = pytest.mark.parametrize("record_id", sorted(RECORDS))


def has(record_id: str, *faults: str) -> bool:
    """Whether one of these faults is planted in the record."""
    return RECORDS[record_id]["fault"] in faults


def only(fault: str) -> dict[str, Any]:
    """The one entry of a fault that is planted once."""
    (entry,) = FAULTS[fault]
    return entry


@cache
def rows() -> dict[str, dict[str, str]]:
    """The rows of metadata.csv by the folder that their first file lies in."""
    with (DEMO / "metadata.csv").open(encoding="utf-8", newline="") as table:
        return {row["front_file_name"].split("/")[0]: row for row in csv.DictReader(table)}


# --- reading ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Film:
    """What a film shows: a picture's time, its mean luma, and how much it differs from the one before.

    A key frame changes a little of everything: it is not motion, and counts as none.
    """

    pts_s: Array
    luma: Array
    motion: Array
    promised_s: float

    def flashes_s(self) -> Array:
        """The times of the first lit pictures."""
        above = self.luma - np.median(self.luma)
        lit = above > 0.5 * above.max()
        return np.asarray(self.pts_s[1:][lit[1:] & ~lit[:-1]])

    def step_phase_s(self, start_s: float = 0.0, end_s: float = 1e9) -> float:
        """Where in each second the second hand steps: the phase at which pictures nearly always change."""
        phase = np.round(self.pts_s % 1.0, 3) % 1.0
        inside = (self.pts_s >= max(start_s, 0.5)) & (self.pts_s < end_s)
        phases = np.unique(phase[inside])
        change = [np.percentile(self.motion[inside & (phase == each)], 25) for each in phases]
        return float(phases[int(np.argmax(change))])


@cache
def film(record_id: str, camera: str = "front") -> Film:
    """Decode a film as far as it goes."""
    pts: list[float] = []
    luma: list[float] = []
    motion: list[float] = []
    last: Array | None = None
    with av.open(str(DEMO / record_id / f"{camera}.mp4")) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        assert stream.duration is not None
        assert stream.time_base is not None
        promised_s = float(stream.duration * stream.time_base)
        for frame in container.decode(stream):
            plane = frame.planes[0]
            whole = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
            small = whole[: frame.height : 2, : frame.width : 2].astype(np.int16)
            pts.append(frame.time or 0.0)
            luma.append(float(small.mean()))
            moved = 0.0 if last is None or frame.key_frame else float(np.abs(small - last).mean())
            motion.append(moved)
            last = small
    return Film(np.array(pts), np.array(luma), np.array(motion), promised_s)


@cache
def sound(record_id: str) -> Array:
    """The record's sound, whose first sample is at time 0."""
    own = DEMO / record_id / "voice.m4a"
    with av.open(str(own if own.exists() else DEMO / record_id / "front.mp4")) as container:
        frames = list(container.decode(audio=0))
    assert frames[0].sample_rate == RATE
    assert frames[0].pts == 0
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@cache
def sensor(record_id: str) -> tuple[Array, Array]:
    """Times in seconds and (n, 3) angles; the unit is in the name of the first column."""
    path = DEMO / rows()[record_id]["hands_file_name"]
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        names, data = table.column_names, np.stack([column.to_numpy() for column in table.columns], axis=1)
    else:
        with path.open(encoding="utf-8") as lines:
            names = next(lines).strip().split(",")
            data = np.loadtxt(lines, delimiter=",")
    assert names[1:] == ["hour_deg", "minute_deg", "second_deg"]
    factor = {"time_s": 1.0, "time_ms": 1e3, "timestamp_us": 1e6}[names[0]]
    return data[:, 0] / factor, data[:, 1:]


@cache
def labels(record_id: str, author: str) -> list[tuple[float, float, str]]:
    """One annotator's spans as start, end, label."""
    with (DEMO / rows()[record_id][f"labels_{author}_file_name"]).open(encoding="utf-8", newline="") as table:
        read = list(csv.DictReader(table))
    assert {row["author"] for row in read} == {author}
    assert {row["tier"] for row in read} == {"time", "motion"}
    return [(float(row["start"]), float(row["end"]), row["label"]) for row in read]


@cache
def words(record_id: str) -> list[tuple[float, float, str]]:
    """The transcript's words as start, end, text."""
    data = json.loads((DEMO / rows()[record_id]["words_file_name"]).read_text(encoding="utf-8"))
    told = [word for segment in data["segments"] for word in segment["words"]]
    return [(word["start"], word["end"], word["word"].strip()) for word in told]


# --- measuring -------------------------------------------------------------------------------------


def envelope(pcm: Array, frequency_hz: float, window_s: float) -> Array:
    """The strength of one frequency, a multiple of 200 Hz: demodulated and averaged over a window."""
    width = int(window_s * RATE)
    turn = np.exp(-2j * np.pi * frequency_hz * np.arange(240) / RATE)  # whole turns in 5 ms
    turned = pcm * np.resize(turn, len(pcm))
    summed = np.concatenate([np.zeros(width), np.cumsum(turned)])
    return np.asarray(np.abs(summed[width:] - summed[:-width]) / width)


@cache
def clicks_s(record_id: str) -> Array:
    """The onsets of the loud 2 kHz clicks."""
    pcm = sound(record_id)
    loud = envelope(pcm, 2000.0, 0.004) > 0.11
    starts = np.flatnonzero(loud[1:] & ~loud[:-1])
    starts = starts[np.diff(starts, prepend=-RATE) > 0.05 * RATE]
    onsets = []
    for start in starts.tolist():
        first = max(0, start - 480)
        near = np.abs(pcm[first : start + 480])
        onsets.append((first + int(np.argmax(near > 0.3 * near.max()))) / RATE)
    return np.array(onsets)


@cache
def ticks_s(record_id: str) -> Array:
    """One tick a second in the sound: the strongest 3.4 kHz onset near the phase that the seconds share."""
    strength = envelope(sound(record_id), 3400.0, 0.002)
    rise = np.maximum(strength[96:] - strength[:-96], 0.0)
    seconds = len(rise) // RATE
    folded = np.median(rise[: seconds * RATE].reshape(seconds, RATE)[:, ::8], axis=0)
    at = int(np.argmax(folded)) * 8
    starts = [max(0, at + n * RATE - 240) for n in range(seconds)]
    return np.array([(start + int(np.argmax(rise[start : start + 480]))) / RATE for start in starts])


@cache
def steps_s(record_id: str) -> Array:
    """The middles of the second hand's steps on the sensor's clock, by its angle between two rests."""
    times, angles = sensor(record_id)
    angle = angles[:, 2]
    rest = np.angle(np.exp(2j * np.pi * angle / 6.0).mean()) / (2 * np.pi) * 6.0
    half = 10 if len(times) > 50000 else 0
    width = 2 * half + 1
    smooth = np.convolve(np.pad(angle, half, mode="edge"), np.ones(width) / width, mode="valid")
    edge = np.searchsorted(times, 0.06)
    first, last = np.round((smooth[edge] - rest) / 6.0), np.round((smooth[-edge] - rest) / 6.0)
    found = []
    for level in np.arange(first, last) * 6.0 + 3.0 + rest:
        index = int(np.argmax(smooth > level))
        part = (level - smooth[index - 1]) / (smooth[index] - smooth[index - 1])
        found.append(times[index - 1] + part * (times[index] - times[index - 1]))
    return np.array(found)


def matched_ms(reference_s: Array, late_s: Array, reach_s: float = 0.45) -> Array:
    """How late each event is against the nearest one of the reference, in ms, if one is in reach."""
    gaps = late_s[:, None] - reference_s[None, :]
    nearest = gaps[np.arange(len(late_s)), np.abs(gaps).argmin(axis=1)]
    return np.asarray(nearest[np.abs(nearest) < reach_s] * 1000.0)


def phase_ms(first_s: Array, second_s: Array) -> float:
    """How late a once-a-second train is against another one, in milliseconds from -500 to 500."""
    turned = np.exp(2j * np.pi * (second_s[:, None] - first_s[None, :]))
    return float(np.angle(turned.mean()) / (2 * np.pi) * 1000.0)


def mask(spans: list[tuple[float, float]], length: int, step_s: float) -> Array:
    """Spans as a row of 0 and 1."""
    at = np.arange(length) * step_s
    inside = np.zeros(length)
    for start, end in spans:
        inside[(at >= start) & (at < end)] = 1.0
    return inside


def shift_ms(spans: list[tuple[float, float]], data: Array, step_s: float, reach_s: float) -> float:
    """How late spans are against the row of 0 and 1 that they should cover: the best agreeing shift."""
    reach = round(reach_s / step_s)
    padded = np.pad(2.0 * data - 1.0, reach, constant_values=-1.0)
    covers = mask(spans, len(data), step_s)
    scores = np.correlate(padded, covers, mode="valid")[::-1]
    best = np.flatnonzero(np.isclose(scores, scores.max()))
    return float(best.mean() - reach) * step_s * 1000.0


def speaks(record_id: str) -> Array:
    """Whether there is a voice, every 5 ms: means of half a millisecond keep it and lose ticks and clicks."""
    pcm = sound(record_id)
    low = pcm[: len(pcm) // 240 * 240].reshape(-1, 10, 24).mean(axis=2)
    loud = np.sqrt((low**2).mean(axis=1)) > 0.008
    return np.asarray(loud, dtype=float)


def stands(record_id: str) -> Array:
    """Whether the minute hand stands still, every 5 ms of the sensor's clock."""
    times, angles = sensor(record_id)
    at = np.arange(0.0, times[-1], 0.005)
    minute = np.interp(at, times, angles[:, 1])
    smooth = np.convolve(np.pad(minute, 4, mode="edge"), np.ones(9) / 9.0, mode="valid")
    speed = np.abs(np.gradient(smooth, 0.005))
    return (np.convolve(speed, np.ones(9) / 9.0, mode="same") < 15.0).astype(float)


def fits(label: str, record_id: str, start_s: float, end_s: float) -> bool:
    """Whether the hands show the labelled time in the inner part of a span."""
    times, angles = sensor(record_id)
    inside = (times > start_s + 0.2) & (times < end_s - 0.2)
    found = re.fullmatch(r"reads (\d+):(\d\d)", label)
    assert found is not None
    if not inside.any():
        return False
    minutes = int(found[1]) % 12 * 60 + int(found[2])
    hour, minute = np.median(angles[inside, :2], axis=0)
    off = (np.array([hour - minutes / 2, minute - minutes * 6]) + 180.0) % 360.0 - 180.0
    return bool(np.all(np.abs(off) < 1.5))


# --- the dataset as a whole ------------------------------------------------------------------------


def test_the_dataset_is_small_and_every_file_is_named_once() -> None:
    files = {path.relative_to(DEMO).as_posix() for path in DEMO.rglob("*") if path.is_file()}
    named = [row[column] for row in rows().values() for column in row if column.endswith("_file_name")]
    assert files - {"metadata.csv"} == {name for name in named if name}
    assert len([name for name in named if name]) == len(files) - 1
    assert sum((DEMO / name).stat().st_size for name in files) < 8_000_000
    assert sorted(rows()) == sorted(RECORDS)
    assert len(rows()) >= 28


def test_at_least_27_records_of_10_to_20_seconds_and_one_of_120() -> None:
    lengths = [record["duration_s"] for record in RECORDS.values()]
    assert sum(10.0 <= length <= 20.0 for length in lengths) >= 27
    assert lengths.count(120.0) == 1


def test_each_fault_has_a_record_of_its_own_and_15_are_right() -> None:
    planted = [entry["record_id"] for entry in TRUTH["faults"]]
    assert len(planted) == len(set(planted)) == 12
    assert len(FAULTS) == 11
    assert len(FAULTS["labels_swapped"]) == 2
    assert len(TRUTH["right"]) >= 15
    assert sorted(planted + TRUTH["right"]) == sorted(RECORDS)


def test_names_and_columns_never_hint_at_a_fault() -> None:
    hints = re.compile("fault|bad|late|early|miss|cut|trunc|froz|silen|fast|outside|swap|wrong")
    for record_id, row in rows().items():
        assert re.fullmatch(r"rec_\d{3}", record_id)
        assert not hints.search("".join([*row, *row.values()]))


def test_films_have_several_rates_b_frames_and_one_has_none_that_is_even() -> None:
    rates, uneven = set(), set()
    for record_id in RECORDS:
        gaps = np.diff(film(record_id).pts_s)
        rates.add(round(1.0 / float(np.median(gaps))))
        uneven |= {record_id} if np.ptp(gaps) > 0.005 else set()
        with av.open(str(DEMO / record_id / "front.mp4")) as container:
            order = [packet.pts for packet, _ in zip(container.demux(video=0), range(30), strict=False)]
        assert order != sorted(order, key=lambda pts: pts or 0)
    assert rates == {15, 24, 25, 30}
    assert len(uneven) == 1


# --- record by record: right, or wrong as planted -----------------------------------------------------------


@every_record
def test_sound_against_film_by_flashes_and_clicks(record_id: str) -> None:
    if has(record_id, "sound_silent"):
        assert len(clicks_s(record_id)) == 0
        return
    seen, heard = film(record_id).flashes_s(), clicks_s(record_id)
    late = matched_ms(seen, heard)
    expected = only("sound_late")["value"] if has(record_id, "sound_late") else 0.0
    assert len(late) >= (2 if has(record_id, "film_truncated", "picture_frozen") else 5)
    assert abs(np.median(late) - expected) < (10.0 if expected else 3.0)
    assert np.abs(late - expected).max() < 10.0
    assert len(heard) == len(RECORDS[record_id]["flashes_s"])


@every_record
def test_sensor_against_sound_and_film_by_the_steps_of_the_second_hand(record_id: str) -> None:
    steps, times = steps_s(record_id), sensor(record_id)[0]
    slope = np.polyfit(np.arange(len(steps)), steps, 1)[0]
    drift_ppm = (slope - 1.0) * 1e6
    if has(record_id, "sensor_fast"):
        assert abs(drift_ppm - only("sensor_fast")["value"]) < 100.0
        assert times[-1] == pytest.approx(120.96, abs=0.01)
        ticks = ticks_s(record_id)
        assert abs((np.polyfit(np.arange(len(ticks)), ticks, 1)[0] - 1.0) * 1e6) < 20.0
        assert film(record_id).step_phase_s(0.0, 40.0) == film(record_id).step_phase_s(80.0, 120.0)
        return
    assert abs(drift_ppm) < 400.0
    assert times[-1] == pytest.approx(RECORDS[record_id]["duration_s"], abs=0.03)
    if not has(record_id, "sound_silent"):
        expected = only("sound_late")["value"] if has(record_id, "sound_late") else 0.0
        assert abs(phase_ms(steps, ticks_s(record_id)) - expected) < 5.0
    if len(np.unique(np.diff(film(record_id).pts_s).round(4))) == 1:
        seen = film(record_id).step_phase_s(end_s=7.0 if has(record_id, "picture_frozen") else 1e9)
        assert abs(phase_ms(steps, np.array([seen]))) < 5.0


@every_record
def test_transcript_against_voice(record_id: str) -> None:
    if has(record_id, "transcript_missing"):
        assert rows()[record_id]["words_file_name"] == ""
        assert speaks(record_id).mean() > 0.1
        return
    if has(record_id, "sound_silent"):
        assert len(words(record_id)) > 5
        return
    off = shift_ms([word[:2] for word in words(record_id)], speaks(record_id), 0.005, 2.5)
    expected = only("transcript_early")["value"] if has(record_id, "transcript_early") else 0.0
    assert abs(off - expected) < 25.0
    assert [word[2] for word in words(record_id)] == [word[2] for word in RECORDS[record_id]["words"]]


@every_record
def test_pictures_go_on_to_the_end(record_id: str) -> None:
    shown, length = film(record_id), RECORDS[record_id]["duration_s"]
    assert shown.promised_s == pytest.approx(length, abs=0.1)
    cut = has(record_id, "film_truncated")
    assert shown.pts_s[-1] == pytest.approx(only("film_truncated")["value"] if cut else length, abs=0.1)
    frozen = has(record_id, "picture_frozen")
    last_change = shown.pts_s[np.flatnonzero(shown.motion > 0.1)[-1]]
    ends = only("picture_frozen")["value"] if frozen else shown.pts_s[-1]
    assert ends - 1.2 < last_change <= ends + 0.05
    if cut or frozen:
        assert (clicks_s(record_id) > ends).sum() >= 2
        assert (steps_s(record_id) > ends).sum() >= 4
        assert max(end for _, end, _ in labels(record_id, "A")) > ends + 2.0


@every_record
def test_the_sound_is_as_long_as_the_record_and_silent_in_one(record_id: str) -> None:
    pcm = sound(record_id)
    assert len(pcm) / RATE == pytest.approx(RECORDS[record_id]["duration_s"], abs=0.03)
    loudest = float(np.abs(pcm).max())
    assert (loudest < 1e-3) if has(record_id, "sound_silent") else (loudest > 0.3)


@every_record
def test_cameras_against_each_other_by_flashes(record_id: str) -> None:
    if not rows()[record_id]["side_file_name"]:
        assert not has(record_id, "camera_late")
        return
    front, side = film(record_id), film(record_id, "side")
    late = matched_ms(front.flashes_s(), side.flashes_s())
    expected = only("camera_late")["value"] if has(record_id, "camera_late") else 0.0
    assert len(late) >= 5
    assert abs(late.mean() - expected) < 5.0
    assert np.median(np.diff(front.pts_s)) != pytest.approx(np.median(np.diff(side.pts_s)), abs=1e-3)


@every_record
def test_labels_say_what_the_hands_show_when_they_show_it(record_id: str) -> None:
    length = RECORDS[record_id]["duration_s"]
    drift = 1.0 + (only("sensor_fast")["value"] * 1e-6 if has(record_id, "sensor_fast") else 0.0)
    swapped = {entry["record_id"]: entry["with"] for entry in FAULTS["labels_swapped"]}
    source = swapped.get(record_id, record_id)
    for author in "AB":
        told = labels(record_id, author)
        outside = [span for span in told if span[0] > length]
        assert len(outside) == (1 if has(record_id, "label_outside") and author == "A" else 0)
        inside = [span for span in told if span not in outside]
        assert all(0.0 <= start < end <= length for start, end, _ in inside)
        early = has(record_id, "annotator_early") and author == "B"
        expected = only("annotator_early")["value"] if early else 0.0
        reads = [(a * drift, b * drift, label) for a, b, label in inside if label.startswith("reads")]
        moved = expected / 1000.0
        assert all(fits(label, source, a - moved, b - moved) for a, b, label in reads)
        if source != record_id:
            assert not any(fits(label, record_id, a, b) for a, b, label in reads)
        inner = stands(source)
        first, last = (
            round((reads[0][0] - moved - 0.25) / 0.005),
            round((reads[-1][1] - moved + 0.25) / 0.005),
        )
        inner[:first], inner[last:] = 0.0, 0.0
        assert abs(shift_ms([(a, b) for a, b, _ in reads], inner, 0.005, 0.7) - expected) < 30.0


@every_record
def test_annotators_differ_by_a_hand_s_jitter_and_one_by_400_ms(record_id: str) -> None:
    first = [span for span in labels(record_id, "A") if span[0] <= RECORDS[record_id]["duration_s"]]
    second = labels(record_id, "B")
    assert [span[2] for span in first] == [span[2] for span in second]
    apart = np.array([[b[0] - a[0], b[1] - a[1]] for a, b in zip(first, second, strict=True)]) * 1000.0
    expected = only("annotator_early")["value"] if has(record_id, "annotator_early") else 0.0
    assert abs(apart.mean() - expected) < 5.0
    assert np.abs(apart - expected).max() < 80.0
    assert 4 <= len(second) <= 8 or record_id == only("sensor_fast")["record_id"]
