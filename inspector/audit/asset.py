"""Checks of assets against what they were when decisions and labels were made on them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from inspector.audit.checks import Stage, check
from inspector.core.findings import Status
from inspector.core.identity import content_of
from inspector.core.model import Modality

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.audit.case import Case
    from inspector.audit.material import Film, Sound
    from inspector.core.findings import Finding
    from inspector.core.model import Stream

stale = check(
    "asset.stale",
    "A file is not what it was when it was first audited",
    """Of each film and sound the bytes, the decoded pictures or samples, and the stamps are remembered from
    its first audit. Other bytes with the same content at the same times (a remux) are no fault; the same
    content at other times asks for the labels and fixes made before to be moved; other content makes them
    stale. `value` is the class: 0 bytes only, 1 timing, 2 content. Any change counts; the tolerance is 2 ms
    (ours), which containers of milliseconds need.""",
    "",
    (None, 0.0),
)

NEAR_MS = 2.0
KIND = "content"


def signature(case: Case, stream: Stream) -> str | None:
    """`bytes content n first last mean` of a film or sound, times in ms; None where it cannot be decoded."""
    try:
        told = content_of(str(stream.source.path))
    except OSError:
        return None
    if stream.modality is Modality.VIDEO:
        film = case.film(stream)
        return None if film is None else f"{told} {_of_film(film)}"
    sound = case.sound(stream)
    return None if sound is None else f"{told} {_of_sound(sound)}"


def _of_film(film: Film) -> str:
    digest = hashlib.blake2b(film.grid.tobytes(), digest_size=8)
    digest.update(np.rint(film.luma * 16).astype(np.int32).tobytes())
    t_ms = film.t_ns / 1e6
    return f"{digest.hexdigest()} {len(t_ms)} {t_ms[0]:.3f} {t_ms[-1]:.3f} {t_ms.mean():.3f}"


def _of_sound(sound: Sound) -> str:
    """From the first to the last sample that is not silence: priming that is cut off otherwise is timing."""
    loud = np.flatnonzero(np.abs(sound.pcm) > 64)
    first, last = (int(loud[0]), int(loud[-1])) if len(loud) else (0, len(sound.pcm) - 1)
    # The level of every 100 ms: resampled from another phase the same sound has other samples.
    step = 1600
    count = (last - first + 1) // step
    part = sound.pcm[first : first + count * step].astype(np.float32).reshape(count, step)
    level = 20 * np.log10(np.sqrt((part**2).mean(axis=1)) + 1)
    digest = hashlib.blake2b(np.rint(level).astype(np.int16).tobytes(), digest_size=8).hexdigest()
    rate = 16.0
    return f"{digest} {count} {first / rate:.3f} {last / rate:.3f} {(first + last) / 2 / rate:.3f}"


def compared(before: str, now: str) -> int | None:
    """None where the bytes are the same, else the class: 0 bytes only, 1 timing changed, 2 content
    changed."""
    old, new = before.split(), now.split()
    if old[0] == new[0]:
        return None
    if old[1:3] != new[1:3]:
        return 2
    apart = [abs(float(a) - float(b)) for a, b in zip(old[3:], new[3:], strict=True)]
    return 1 if max(apart) > NEAR_MS else 0


WORDS = {
    0: "other bytes, the same content at the same times",
    1: "the same content at other times: labels and fixes made before have to be moved",
    2: "other content: labels and fixes made before are stale",
}


@stale.at(Stage.DECODE)
def _stale(case: Case) -> Iterator[Finding]:
    for stream in case.record.of(Modality.VIDEO, Modality.AUDIO):
        now = signature(case, stream)
        if now is None:
            continue
        before = case.before.get((KIND, stream.id))
        what = None if before is None else compared(before, now)
        # What it was first is remembered until it is the same again: a change stays told.
        case.note(KIND, stream.id, now if before is None or not what else before)
        if what is None:
            continue
        labels = sum(any(a.stream_id == stream.id for a in each.anchors) for each in case.record.annotations)
        told = WORDS[what] + (f"; {labels} labels are anchored to it" if labels and what else "")
        span = stream.reference_span
        yield case.finding(
            "asset.stale",
            streams=(stream.id,),
            span=span,
            value=float(what),
            status=Status.OK if not what else Status.FAILED,
            severity=0.0 if not what else 0.6 + 0.1 * what,
            message=told,
        )
