"""Trials of whole records, of films and of stamps.

The bundled dataset's records without a planted fault, and real films; the gates of flashes and of motion were
set on the bundled dataset, so that its rows prove less than the others.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bench.accuracy.material import (
    RATE,
    noisy,
    read_sound,
)
from bench.accuracy.sources import (
    ROOT,
    SAMPLES,
    late,
    nowhere,
)
from bench.accuracy.virtual import OFFSETS, Part, Trial, case_of

from inspector.core.model import Cue, Modality, Word
from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.audit.material import Film
    from inspector.media.series import Series


# -- the bundled dataset -----------------------------------------------------------------------------------

DEMO = ROOT / "resources" / "demo"
DEMO_KINDS: tuple[str, ...] = (
    *("right", "late voice", "late voice", "early words", "camera", "camera", "sensor", "fast sensor"),
    *("late film", "swapped words", "swapped voice", "noisy voice"),
)


def demo_names() -> list[str]:
    """The records of the bundled dataset in which nothing was planted."""
    told = json.loads((ROOT / "packaging" / "demo_truth.json").read_text("utf-8"))
    bad = {fault["record_id"] for fault in told["faults"]}
    return sorted(each.name for each in DEMO.iterdir() if each.is_dir() and each.name not in bad)


@cache
def demo_parts(name: str) -> tuple[Part, ...]:
    """A record of the bundled dataset, decoded, as parts."""
    from inspector.audit.material import film_of
    from inspector.media.series import load_series
    from inspector.session import Session

    parts = []
    with Session.open(DEMO, workspace=Path(os.environ["INSPECTOR_BENCH_WORK"])) as session:
        for stream in session.record(name).streams:
            if stream.span is None:
                continue
            given: dict[str, Any] = {}
            if stream.modality is Modality.VIDEO:
                given["film"] = film_of(stream.source, lambda _: None)
            elif stream.modality is Modality.AUDIO:
                given["pcm"] = read_sound(stream.source.path)
            elif stream.modality is Modality.TEXT:
                given["cues"] = session.cues(stream)
            elif stream.modality is Modality.SENSOR:
                given["series"] = load_series(stream)
            parts.append(Part(stream.id, stream.modality, stream.span[1] / NS, **given))
    return tuple(parts)


def demo(name: str, number: int) -> Trial:
    """A record of the bundled dataset with one thing moved."""
    rng = np.random.default_rng([number, *name.encode(), 9])
    parts = {part.name: part for part in demo_parts(name)}
    kind = DEMO_KINDS[number % len(DEMO_KINDS)]
    sign = float(rng.choice([-1, 1]))
    shift = sign * float(np.exp(rng.uniform(np.log(0.06), np.log(4.0))))
    truth: dict[str, tuple[str, float]] = {
        OFFSETS[part.modality]: (part.name, 0.0)
        for part in parts.values()
        if part.name != "front" and part.modality in OFFSETS
    }
    row = "bundled: flashes and ticks"
    if kind == "late voice" and "voice" in parts:
        for each in ("voice", "words"):
            if each in parts:
                parts[each] = moved(parts[each], shift)
        truth["timing.av_offset"] = ("voice", shift * 1000)
    elif kind == "early words" and "words" in parts:
        shift *= 2
        parts["words"] = moved(parts["words"], shift)
        truth["transcript.offset"] = ("words", shift * 1000)
        row = "bundled: words"
    elif kind == "camera" and "side" in parts:
        parts["side"] = moved(parts["side"], shift)
        truth["timing.camera_offset"] = ("side", shift * 1000)
        row = "bundled: two cameras"
    elif kind == "sensor" and "hands" in parts:
        parts["hands"] = moved(parts["hands"], shift)
        truth["sensor.offset"] = ("hands", shift * 1000)
        row = "bundled: motion"
    elif kind == "fast sensor" and "hands" in parts:
        ppm = sign * float(np.exp(rng.uniform(np.log(100), np.log(8000))))
        parts["hands"] = moved(parts["hands"], 0.0, ppm)
        truth["sensor.drift"] = ("hands", ppm)
        truth.pop("sensor.offset", None)
        row = "bundled: motion"
    elif kind == "late film":
        parts["front"] = moved(parts["front"], shift)
        truth = {"timing.camera_offset": ("front", shift * 1000)}
        row = "bundled: the reference moved"
    elif kind in ("swapped words", "swapped voice"):
        names = demo_names()
        other = {each.name: each for each in demo_parts(names[(names.index(name) + 3) % len(names)])}
        which = kind.split()[1]
        if which in other and which in parts:
            parts[which] = replace(other[which], belongs=nowhere)
            for each in (which, *(("words",) if which == "voice" else ())):
                if each in parts:
                    truth.pop(OFFSETS[parts[each].modality], None)
            if which == "voice" and "words" in parts:
                parts["words"] = replace(parts["words"], belongs=nowhere)
        row = "bundled: another record's"
    elif kind == "noisy voice" and "voice" in parts:
        pcm = parts["voice"].pcm
        assert pcm is not None
        parts["voice"] = replace(parts["voice"], pcm=noisy(pcm, 10, rng))
        row = "bundled: 10 dB"
    near = {"sensor.drift": 60.0}
    whole = tuple(parts.values())
    return Trial(row, case_of(whole, "front"), whole, truth, near, _excused(kind))


def _excused(kind: str) -> frozenset[str]:
    if kind == "late film":  # in a record of two streams nobody can say which of them moved
        return frozenset({"timing.av_offset", "sensor.offset", "timing.camera_offset"})
    return frozenset({"sensor.offset"}) if kind == "fast sensor" else frozenset()


def moved(part: Part, late_s: float, ppm: float = 0.0) -> Part:
    """The same stream with its times `late_s` later and its clock fast; what falls before 0 is gone."""
    scale = 1 + ppm * 1e-6
    belongs = late(late_s, ppm)
    if part.film is not None:
        film = part.film
        t_ns = np.rint(film.t_ns * scale).astype(np.int64) + round(late_s * NS)
        keep = t_ns >= 0
        new = _film(film, keep, t_ns)
        return replace(part, film=new, length_s=part.length_s + late_s, belongs=belongs)
    if part.pcm is not None:
        by = round(late_s * RATE)
        pcm = part.pcm[-by:] if by < 0 else np.concatenate([np.zeros(by, np.float32), part.pcm])
        return replace(part, pcm=pcm, length_s=len(pcm) / RATE, belongs=late(by / RATE, 0.0))
    if part.series is not None:
        series = part.series
        t_ns = np.rint(series.t_ns * scale).astype(np.int64) + round(late_s * NS)
        new_series = _series(series, t_ns)
        return replace(part, series=new_series, length_s=float(t_ns[-1]) / NS, belongs=belongs)
    by_ns = round(late_s * NS)
    cues = tuple(
        Cue(
            cue.start_ns + by_ns,
            cue.end_ns + by_ns,
            cue.text,
            tuple(Word(w.start_ns + by_ns, w.end_ns + by_ns, w.text) for w in cue.words),
        )
        for cue in part.cues
        if cue.start_ns + by_ns >= 0
    )
    return replace(part, cues=cues, length_s=part.length_s + late_s, belongs=belongs)


def _film(film: Film, keep: NDArray[Any], t_ns: NDArray[np.int64] | None = None) -> Film:
    from inspector.audit.material import Film as Made

    at = film.t_ns if t_ns is None else t_ns
    rest = (each[keep] for each in (film.luma, film.grid, film.change, film.peak, film.sums))
    return Made(at[keep], *rest)


def _series(series: Series, t_ns: NDArray[np.int64], keep: NDArray[Any] | None = None) -> Series:
    from inspector.media.series import Series as Made

    values = series.values if keep is None else series.values[keep]
    return Made(t_ns if keep is None else t_ns[keep], values, series.channels)


# -- stamps and frames -------------------------------------------------------------------------------------

FILMS = (
    "lerobot_v30_unitree_g1/videos/observation.images.cam_high/chunk-000/file-000.mp4",
    "tobii_glasses2/demo_data/projects/raoscyb/recordings/gzz7stc/segments/1/eyesstream.mp4",
    "iscc_containers/video/demo.mp4",
    "iscc_containers/video/demo.mkv",
    "act_rules_captioned/test-assets/rabbit-video/video.mp4",
    "gopro_gpmf/karma.mp4",
)


def film_names() -> list[str]:
    """The real films that are here."""
    return [name for name in FILMS if (SAMPLES / name).exists()]


@cache
def film(name: str) -> Film:
    """A real film as the decoder keeps it."""
    from inspector.audit.material import film_of
    from inspector.core.model import Source
    from inspector.media.probe import probe

    tracks = [track.index for track in probe(SAMPLES / name).tracks if track.kind == "video"]
    return film_of(Source(SAMPLES / name, "av", tracks[0]), lambda _: None)


FRAME_KINDS = ("dropped", "dropped", "frozen", "frozen", "black", "right")


def frames(name: str, number: int) -> Trial:
    """A real film with frames dropped, repeated for a while, black, or as it is."""
    rng = np.random.default_rng([number, *name.encode(), 3])
    known = film(name)
    count, step = len(known.t_ns), float(np.median(np.diff(known.t_ns)))
    kind = FRAME_KINDS[number % len(FRAME_KINDS)]
    own = int(np.rint(np.diff(known.t_ns) / step - 1).clip(0).sum())  # what the camera itself lost
    truth: dict[str, tuple[str, float]] = {"timing.frames": ("cam", float(own))}
    near: dict[str, float] = {"timing.frames": 0.0}
    new = known
    if kind == "dropped":
        run = int(rng.integers(1, 12))
        first = int(rng.integers(count // 4, 3 * count // 4))
        keep = np.ones(count, np.bool_)
        keep[first : first + run] = False
        new = _film(known, keep)
        truth["timing.frames"] = ("cam", float(own + run))
    elif kind in ("frozen", "black"):
        length = round(float(rng.uniform(2.5, 4.0)) * NS / step)
        first = int(rng.integers(count // 8, max(count // 8 + 1, count - length - 5)))
        part = slice(first, first + length)
        luma, grid = known.luma.copy(), known.grid.copy()
        change, peak = known.change.copy(), known.peak.copy()
        if kind == "frozen":
            luma[part], grid[part] = luma[first - 1], grid[first - 1]
            change[part], peak[part] = 0.0, 0.0
            past = min(first + length, count - 1)
            change[past], peak[past] = max(float(change[past]), 2.0), max(float(peak[past]), 40.0)
            value = float(known.t_ns[past] - known.t_ns[first - 1]) / NS
            truth["content.frozen"] = ("cam", value)
            near["content.frozen"] = 1.5 * step / NS
        else:
            luma[part], grid[part] = 3.0, 3.0
            truth["content.black"] = (
                "cam", float(known.t_ns[min(first + length, count - 1)] - known.t_ns[first]) / NS
            )  # fmt: skip
            near["content.black"] = 1.5 * step / NS
        from inspector.audit.material import Film as Made

        new = Made(known.t_ns, luma, grid, change, peak, known.sums)
    parts = (Part("cam", Modality.VIDEO, float(new.t_ns[-1] + step) / NS, film=new),)
    excused = frozenset({"content.frozen", "content.black"})  # what the film itself has of these is not known
    return Trial("frames of real films", case_of(parts, "cam"), parts, truth, near, excused)


SENSOR_KINDS = ("gap", "gap", "reset", "right")


def stamps(name: str, number: int) -> Trial:
    """A sensor of the bundled dataset that lost a stretch, or whose clock was set anew."""
    rng = np.random.default_rng([number, *name.encode(), 2])
    parts = {part.name: part for part in demo_parts(name)}
    hands = parts["hands"]
    series = hands.series
    assert series is not None
    count = len(series.t_ns)
    kind = SENSOR_KINDS[number % len(SENSOR_KINDS)]
    truth = {"sensor.gaps": ("hands", 0.0), "sensor.reset": ("hands", 0.0)}
    near = {"sensor.gaps": 0.02, "sensor.reset": 0.0}
    given: dict[str, Any] = {}
    step = float(np.median(np.diff(series.t_ns)))
    if kind == "gap":
        run = int(rng.integers(20, 300))
        first = int(rng.integers(count // 4, 3 * count // 4))
        keep = np.ones(count, np.bool_)
        keep[first : first + run] = False
        given["series"] = _series(series, series.t_ns, keep)
        truth["sensor.gaps"] = ("hands", run * step / NS)
    elif kind == "reset":
        place = int(rng.integers(count // 4, 3 * count // 4))
        as_recorded = series.t_ns.copy()
        as_recorded[place:] -= as_recorded[place] - round(step)
        given["stamps"] = as_recorded
        truth["sensor.reset"] = ("hands", 1.0)
    part = replace(hands, **given)
    excused = frozenset({"sensor.gaps"}) if kind == "reset" else frozenset()
    return Trial("stamps of a sensor", case_of((part,), "hands"), (part,), truth, near, excused)


LONG, PLANTED_PPM = "rec_019", 8000.0
"""The record of two minutes, and the drift that was planted in its sensor: it is taken off first."""
LONG_KINDS = ("fast", "fast", "late", "late and fast", "right", "fast")


def long_names() -> list[str]:
    """The only record of the bundled dataset that is long enough to tell a sensor's drift."""
    return [LONG] if (DEMO / LONG).is_dir() else []


def long_sensor(name: str, number: int) -> Trial:
    """A sensor of two minutes beside a film and ticks, its clock late or fast."""
    rng = np.random.default_rng([number, 4])
    parts = {part.name: part for part in demo_parts(name)}
    right = moved(parts["hands"], 0.0, (1 / (1 + PLANTED_PPM * 1e-6) - 1) * 1e6)
    kind = LONG_KINDS[number % len(LONG_KINDS)]
    sign = float(rng.choice([-1, 1]))
    ppm = sign * float(np.exp(rng.uniform(np.log(50), np.log(9000)))) if "fast" in kind else 0.0
    late_s = float(rng.choice([-1, 1]) * rng.uniform(0.15, 2.0)) if "late" in kind else 0.0
    parts["hands"] = moved(right, late_s, ppm)
    truth = {"sensor.drift": ("hands", ppm)}
    if "fast" not in kind:
        truth = {"sensor.offset": ("hands", late_s * 1000)}
    whole = tuple(parts[each] for each in ("front", "voice", "hands"))
    excused = frozenset({"sensor.offset"}) if "fast" in kind else frozenset()
    return Trial("bundled: a sensor of 2 min", case_of(whole, "front"), whole, truth, {}, excused)


TURN_KINDS = ("late", "late", "right", "stabilised", "late", "stands")


def turn_names() -> list[str]:
    """Seeds of films that are made for it: no real one that is not stabilised is at hand."""
    return [str(seed) for seed in range(6)]


def turns(name: str, number: int) -> Trial:
    """A gyroscope on a camera that is moved by hand over a random scene; stabilised films tell nothing."""
    from inspector.audit.estimators.turns import FIELDS
    from inspector.audit.material import Film as Made
    from inspector.media.series import Series as MadeSeries

    rng = np.random.default_rng([number, int(name), 8])
    kind = TURN_KINDS[number % len(TURN_KINDS)]
    late_s = 0.0 if kind == "right" else float(rng.uniform(-0.5, 0.5))
    length, fps, rate = 20.0, float(rng.choice([24, 30, 60])), float(rng.choice([100, 200, 400]))
    t, at = np.arange(0, length, 1 / fps), np.arange(0, length, 1 / rate)
    scene = np.convolve(rng.normal(size=4000), np.hanning(9), "same") * 30

    def path(where: NDArray[np.float64], hz: NDArray[np.float64], phase: NDArray[np.float64]) -> Any:
        return (np.sin(2 * np.pi * hz * where[:, None] + phase) / hz).sum(axis=1)

    sums, rates = [], []
    for _ in (0, 1):
        shape = rng.uniform(0.2, 2.5, 12), rng.uniform(0, 2 * np.pi, 12)
        other = rng.uniform(0.2, 2.5, 12), rng.uniform(0, 2 * np.pi, 12)
        seen = path(t, *(other if kind == "stabilised" else shape)) * (kind != "stands")
        where = np.arange(FIELDS) + 2000 + seen[:, None]
        profile = np.interp(where, np.arange(4000), scene) + rng.normal(0, 2.0, where.shape)
        sums.append(profile - profile.mean(axis=1, keepdims=True))
        rates.append(np.gradient(path(at - late_s, *shape), 1 / rate))
    gyro = (rng.normal(size=(3, 2)) @ np.stack(rates)).T + rng.normal(0, 0.3, (len(at), 3))
    t_ns = np.rint(t * NS).astype(np.int64)
    blank = np.zeros(len(t), np.float32)
    grid = np.zeros((len(t), 8, 8), np.float16)
    film_ = Made(t_ns, blank, grid, blank, blank, np.stack(sums, axis=1).astype(np.float16))
    series = MadeSeries(np.rint(at * NS).astype(np.int64), gyro, ("gyro_x", "gyro_y", "gyro_z"))
    parts = (
        Part("cam", Modality.VIDEO, length, film=film_),
        Part("imu", Modality.SENSOR, length, series=series, belongs=late(late_s, 0.0)),
    )
    tells = kind in ("late", "right")
    truth = {"sensor.offset": ("imu", late_s * 1000)} if tells else {}
    row = "gyroscope" if tells else f"gyroscope, film {kind}"
    return Trial(row, case_of(parts, "cam"), parts, truth, {"sensor.offset": 1000 / fps})


def sensor_names() -> list[str]:
    """Records of the bundled dataset that have a sensor with stamps."""
    return [name for name in demo_names() if (DEMO / name / "hands.csv").exists()]
