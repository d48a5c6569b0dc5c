"""Make the clock corpus, the demo dataset that comes with Inspector, and the truth about it.

    python packaging/make_demo.py            remakes resources/demo and packaging/demo_truth.json
    python packaging/make_demo.py --out DIR  makes them elsewhere (DIR/demo, DIR/demo_truth.json)

Needs numpy, PyAV with libx264, pyarrow, PySide6 and the espeak-ng library. The same
versions give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from demo_draw import FRONT, SIDE, Clock
from demo_media import cut_film, write_film, write_series, write_sound
from demo_plan import (
    ANNOTATOR_EARLY_S,
    CAMERA_LATE_S,
    EDGE_S,
    FILM_ENDS_S,
    FROZEN_FROM_S,
    OUTSIDE_GAP_S,
    SENSOR_FAST_PPM,
    SOUND_LATE_S,
    TRANSCRIPT_EARLY_S,
    Schedule,
    Span,
    Word,
    flash_times,
    random_for,
    schedule,
    spoken_time,
)
from demo_records import DAYS, RECORDS
from demo_voice import Voice, mix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo_plan import Spec
    from demo_voice import Spoken

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ("front", "side", "voice", "words", "hands", "labels_A", "labels_B")
READINGS = (
    "It is now {t}",
    "The clock reads {t}",
    "Reading {t}",
    "Now it shows {t}",
    "That makes {t}",
    "{t} exactly",
)
ABOUT = (
    "Times are seconds on the record's timeline before any fault. Late sound takes its transcript along, "
    "which is true to the voice; the early transcript is not. A positive value is late, or a fast clock."
)
MOVING = "The minute hand moves"
ROOM_BEFORE_S = 0.30
ROOM_AFTER_S = 0.15


def main() -> None:
    """Remake the corpus."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="a folder to write to instead of the project's own")
    parser.add_argument("--record", type=int, action="append", help="only these records, to try things out")
    options = parser.parse_args()
    data = (options.out or ROOT / "resources") / "demo"
    truth_path = (options.out or ROOT / "packaging") / "demo_truth.json"
    specs = [spec for spec in RECORDS if not options.record or spec.number in options.record]
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    voice = Voice()
    plans, sounds = {}, {}
    for spec in RECORDS:
        plan = schedule(spec)
        sounds[spec.number] = speak(plan, voice)
        plan.flashes_s.extend(flash_times(plan))
        plans[spec.number] = plan
    for spec in specs:
        make_record(data / spec.record_id, plans[spec.number], plans, sounds[spec.number])
    write_metadata(data, specs)
    records = [truth_of(plans[spec.number]) for spec in RECORDS]
    truth = {"about": ABOUT, "faults": faults(), "right": right(), "records": records}
    truth_path.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8", newline="\n")


def speak(plan: Schedule, voice: Voice) -> list[tuple[float, np.ndarray]]:
    """Choose and place the phrases: each hold's time, and some of the moves. Fills the schedule's phrases."""
    spec, rng = plan.spec, random_for(plan.spec, 4)
    sounds: list[tuple[float, np.ndarray]] = []
    free_from = 0.0
    inner = plan.holds[1:-1]
    for index, hold in enumerate(inner):
        start = max(hold.start_s, free_from) + ROOM_BEFORE_S + float(rng.uniform(0.0, 0.12))
        text, spoken = _reading(
            spec, spoken_time(hold.minutes), hold.end_s - ROOM_AFTER_S - start, voice, rng
        )
        slack = hold.end_s - ROOM_AFTER_S - start - spoken.duration_s
        start += float(rng.uniform(0.0, 0.5)) * max(0.0, min(slack, 1.6))
        _place(plan, sounds, start, text, spoken, rng)
        free_from = start + spoken.duration_s
        if index + 1 == len(inner):
            break
        moving = voice.say(MOVING, spec.speaker)
        room = inner[index + 1].end_s - hold.end_s
        if room > moving.duration_s + 3.1 and rng.random() < 0.75:
            start = max(hold.end_s, free_from + 0.25) + 0.06
            _place(plan, sounds, start, MOVING, moving, rng)
            free_from = start + moving.duration_s
    return sounds


def _reading(
    spec: Spec, time: str, room_s: float, voice: Voice, rng: np.random.Generator
) -> tuple[str, Spoken]:
    """A phrase for the time that fits into the room, tried in a shuffled order; else the time alone."""
    for template in [*rng.permutation(READINGS), "{t}"]:
        text = str(template).format(t=time)
        text = text[0].upper() + text[1:]
        spoken = voice.say(text, spec.speaker)
        if spoken.duration_s <= room_s:
            return text, spoken
    raise ValueError(f"{spec.record_id}: no room to say {time!r} in {room_s:.2f} s")


def _place(
    plan: Schedule,
    sounds: list[tuple[float, np.ndarray]],
    start_s: float,
    text: str,
    spoken: Spoken,
    rng: np.random.Generator,
) -> None:
    sounds.append((start_s, spoken.pcm))
    words = [
        Word(start_s + a, start_s + b, token, round(float(rng.beta(30, 2)), 3))
        for a, b, token in spoken.words
    ]
    plan.phrases.append((start_s, text, words))


def make_record(
    folder: Path, plan: Schedule, plans: dict[int, Schedule], voice: list[tuple[float, np.ndarray]]
) -> None:
    """Write one record's files, with its fault."""
    spec = plan.spec
    folder.mkdir()
    late_s = SOUND_LATE_S if spec.fault == "sound_late" else 0.0
    ticks = plan.ticks_s(-1.0, spec.duration_s)
    pcm = mix(spec.duration_s, voice, ticks, plan.flashes_s, late_s, random_for(spec, 5))
    if spec.fault == "sound_silent":
        pcm = np.zeros_like(pcm)
    write_film(
        folder / "front.mp4", spec.front_fps, pictures(plan, False), pcm if spec.sound_in_film else None
    )
    if spec.fault == "film_truncated":
        cut_film(folder / "front.mp4", FILM_ENDS_S)
    if spec.side_fps:
        write_film(folder / "side.mp4", spec.side_fps, pictures(plan, True))
    if not spec.sound_in_film:
        write_sound(folder / "voice.m4a", pcm)
    if spec.fault != "transcript_missing":
        early_s = TRANSCRIPT_EARLY_S if spec.fault == "transcript_early" else 0.0
        text = json.dumps(transcript(plan, late_s - early_s), indent=1)
        (folder / "words.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    write_hands(folder / f"hands.{spec.sensor}", plan)
    labelled = plans[spec.partner] if spec.partner else plan
    for author, spans in annotate(labelled).items():
        write_labels(folder / f"labels_{author}.csv", author, spans)


def pictures(plan: Schedule, from_side: bool) -> Iterator[tuple[float, np.ndarray]]:
    """Each picture with its time. It shows the middle of the time for which it stands.

    So what happens on a picture's own time is first seen in that picture, and what happens between two is
    seen in the nearer one.
    """
    spec = plan.spec
    look = DAYS.index(spec.session)
    clock = Clock((SIDE if from_side else FRONT)[look], int(spec.device == "rig-2"), from_side)
    fps = spec.side_fps if from_side else spec.front_fps
    pts = np.arange(round(spec.duration_s * fps)) / fps if from_side else plan.frame_pts_s
    at = pts + np.diff(pts, append=pts[-1] + 1.0 / fps) / 2
    if from_side and spec.fault == "camera_late":
        at = at - CAMERA_LATE_S
    if not from_side and spec.fault == "picture_frozen":
        at = np.minimum(at, at[np.searchsorted(pts, FROZEN_FROM_S)])
    minutes, seconds = plan.minutes(at), plan.second_angle(at)
    lit = flash_lit(plan.flashes_s, at, max(0.1, 2.0 / fps) if fps > 25 else 2.0 / fps)
    for index, pts_s in enumerate(pts):
        hour, minute, second = minutes[index] / 2 % 360, minutes[index] * 6 % 360, seconds[index] % 360
        yield float(pts_s), clock.picture(hour, minute, second, float(lit[index]))


def flash_lit(flashes_s: list[float], at_s: np.ndarray, length_s: float) -> np.ndarray:
    """Whether the flash is lit at each time."""
    since = at_s[:, None] - np.asarray(flashes_s)[None, :]
    lit = (since >= 0) & (since < length_s)
    return np.asarray(lit.any(axis=1))


def transcript(plan: Schedule, shift_s: float) -> dict[str, Any]:
    """The words in Whisper's form."""
    segments: list[dict[str, Any]] = []
    for index, (_, text, words) in enumerate(plan.phrases):
        told: list[dict[str, Any]] = [
            {
                "word": f" {word.text}",
                "start": round(word.start_s + shift_s, 3),
                "end": round(word.end_s + shift_s, 3),
                "probability": word.probability,
            }
            for word in words
        ]
        bounds = {"id": index, "start": told[0]["start"], "end": told[-1]["end"]}
        segments.append(bounds | {"text": f" {text}.", "words": told})
    return {"text": "".join(segment["text"] for segment in segments), "language": "en", "segments": segments}


def write_hands(path: Path, plan: Schedule) -> None:
    """The sensor's file: three angles with noise, in its own clock's time with the jitter of a real one."""
    spec, rng = plan.spec, random_for(plan.spec, 6)
    speed = 1.0 + (SENSOR_FAST_PPM * 1e-6 if spec.fault == "sensor_fast" else 0.0)
    period = 1.0 / spec.sensor_hz
    clock_s = np.arange(round(spec.duration_s * speed * spec.sensor_hz)) * period
    clock_s = clock_s + np.clip(rng.normal(0.0, 0.015, len(clock_s)), -0.1, 0.1) * period * (clock_s > 0)
    true_s = clock_s / speed
    minutes = plan.minutes(true_s)
    start_turn = 720.0 * np.floor(min(hold.minutes for hold in plan.holds) / 720.0)
    minutes = minutes - start_turn
    angles = np.stack([minutes / 2, minutes * 6 % 360, plan.second_angle(true_s)], axis=1)
    angles[:, 1] = np.unwrap(angles[:, 1], period=360.0)
    angles += rng.normal(0.0, 1.0, angles.shape) * [0.12, 0.25, 0.25]
    write_series(path, spec.unit, clock_s, angles)


def annotate(plan: Schedule) -> dict[str, list[Span]]:
    """Both annotators' spans: A within 20 ms of the truth, B within 40 ms of A and like A on the mean."""
    spec, rng = plan.spec, random_for(plan.spec, 7)
    spans = plan.spans()
    edges = np.array([(span.start_s, span.end_s) for span in spans])
    first = edges + np.clip(rng.normal(0.0, 0.010, edges.shape), -0.02, 0.02)
    jitter = rng.uniform(-0.036, 0.036, edges.shape)
    second = first + jitter - jitter.mean()
    if spec.fault == "annotator_early":
        second = second - ANNOTATOR_EARLY_S
    out = {}
    for author, times in (("A", first), ("B", second)):
        told = zip(times.tolist(), spans, strict=True)
        out[author] = [Span(start, end, span.label, span.tier) for (start, end), span in told]
    if spec.fault == "label_outside":
        start = spec.duration_s + OUTSIDE_GAP_S
        out["A"].append(Span(start, start + 1.4, plan.holds[-1].label, "time"))
    return out


def write_labels(path: Path, author: str, spans: list[Span]) -> None:
    """One annotator's table."""
    lines = ["start,end,label,tier,author"]
    lines += [f"{span.start_s:.3f},{span.end_s:.3f},{span.label},{span.tier},{author}" for span in spans]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def write_metadata(data: Path, specs: list[Spec]) -> None:
    """The dataset's table, one row a record, an empty cell where it has no such file."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*(f"{asset}_file_name" for asset in ASSETS), "session", "device", "speaker"])
    for spec in specs:
        found = {path.stem: path.relative_to(data).as_posix() for path in (data / spec.record_id).iterdir()}
        table.writerow([*(found.get(asset, "") for asset in ASSETS), spec.session, spec.device, spec.speaker])
    (data / "metadata.csv").write_text(text.getvalue(), encoding="utf-8", newline="\n")


def truth_of(plan: Schedule) -> dict[str, Any]:
    """What happened in a record, in seconds on its own timeline, before its fault."""
    spec = plan.spec
    cameras = [{"stream": "front", "fps": spec.front_fps, "variable": spec.vfr}]
    if spec.side_fps:
        cameras.append({"stream": "side", "fps": spec.side_fps, "variable": False})
    return {
        "record_id": spec.record_id,
        "duration_s": spec.duration_s,
        "fault": spec.fault or None,
        "cameras": cameras,
        "sound": "front#audio" if spec.sound_in_film else "voice",
        "sensor_hz": spec.sensor_hz,
        "clock_starts_at": plan.holds[0].label.removeprefix("reads "),
        "second_hand_starts_at_s": round(float(plan.second_angle(0.0) / 6.0) % 60, 3),
        "ticks_s": [round(float(tick), 6) for tick in plan.ticks_s(0.0, spec.duration_s)],
        "flashes_s": [round(flash, 6) for flash in plan.flashes_s],
        "words": [[round(word.start_s, 4), round(word.end_s, 4), word.text] for word in plan.words()],
        "labels": [[round(s.start_s, 4), round(s.end_s, 4), s.label, s.tier] for s in plan.spans()],
        "nothing_but_the_second_hand_moves_before_s": EDGE_S,
    }


def faults() -> list[dict[str, Any]]:
    """The planted faults. Signs as everywhere: positive offset is late, positive drift is a fast clock."""
    table: dict[str, tuple[list[str], float | None, str | None]] = {
        "sound_late": (["voice"], SOUND_LATE_S * 1000, "ms"),
        "sensor_fast": (["hands"], SENSOR_FAST_PPM, "ppm"),
        "transcript_missing": (["words"], None, None),
        "transcript_early": (["words"], -TRANSCRIPT_EARLY_S * 1000, "ms"),
        "film_truncated": (["front"], FILM_ENDS_S, "s"),
        "labels_swapped": (["labels_A", "labels_B"], None, None),
        "picture_frozen": (["front"], FROZEN_FROM_S, "s"),
        "sound_silent": (["voice"], None, None),
        "camera_late": (["side"], CAMERA_LATE_S * 1000, "ms"),
        "annotator_early": (["labels_B"], -ANNOTATOR_EARLY_S * 1000, "ms"),
        "label_outside": (["labels_A"], OUTSIDE_GAP_S * 1000, "ms"),
    }
    listed = []
    for spec in RECORDS:
        if spec.fault:
            streams, value, unit = table[spec.fault]
            entry: dict[str, Any] = {"record_id": spec.record_id, "fault": spec.fault, "streams": streams}
            entry |= {"value": value, "unit": unit}
            listed.append(entry | ({"with": f"rec_{spec.partner:03d}"} if spec.partner else {}))
    return listed


def right() -> list[str]:
    """The records without a fault."""
    return [spec.record_id for spec in RECORDS if not spec.fault]


if __name__ == "__main__":
    main()
