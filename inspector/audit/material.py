"""What the decoding checks look at: a film as a few numbers a frame, a sound as 16 kHz mono.

A stream is decoded once, in a child process (audit.decoding), into plain arrays in the user's cache.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.audit.estimators.turns import FIELDS
from inspector.core.times import NS
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from inspector.core.model import Source

VERSION = 2
"""Counted up when what is kept changes."""

RATE = 16_000
NATIVE_RATE = 48_000
GRID = 8
LONGEST_S = 2 * 3600
"""Of a longer sound this much is kept; its clipped stretches are known to the end."""

FULL_SCALE = 0.985
"""A sample from here on is at the end of the scale, also after a lossy codec."""

FLAT_SAMPLES = 3
"""So many samples in a row at the end of the scale are a clipped top."""

_TAPS = 61


@dataclass(frozen=True, eq=False, slots=True)
class Film:
    """A film's frames in order of time: `t_ns` (n,) local starts.

    `luma` (n,) is the mean brightness, 0 to 255; `grid` (n, 8, 8) that of the picture's fields; `change` (n,)
    the mean and `peak` (n,) the greatest difference from the frame before, 0 for the first. `sums` (n, 2, 64)
    is the brightness over the picture's columns and over its rows, less its mean: how the picture shifts.
    """

    t_ns: NDArray[np.int64]
    luma: NDArray[np.float32]
    grid: NDArray[np.float16]
    change: NDArray[np.float32]
    peak: NDArray[np.float32]
    sums: NDArray[np.float16]


@dataclass(frozen=True, eq=False, slots=True)
class Sound:
    """A sound from local time 0 on: `pcm` (m,) int16 mono at 16 kHz; `clipped` (k, 2) spans in local ns.

    `loudest` is the greatest sample before mixing down, 1 being full scale; `end_ns` where it ends.
    """

    pcm: NDArray[np.int16]
    clipped: NDArray[np.int64]
    loudest: NDArray[np.float32]
    end_ns: NDArray[np.int64]


def film_of(source: Source, told: Callable[[int], None]) -> Film:
    """Decode a film; `told` hears how many frames are done. InspectorError where it gives no frame."""
    from inspector.media.gray import gray_frames

    times: list[int] = []
    rows: list[tuple[float, float, float]] = []
    grids: list[NDArray[np.float16]] = []
    sums: list[NDArray[np.float16]] = []
    last: NDArray[np.int16] | None = None
    for t_ns, picture in gray_frames(source):
        wide = picture.astype(np.int16)
        difference = np.abs(wide - last) if last is not None and last.shape == wide.shape else None
        last = wide
        times.append(t_ns)
        rows.append(
            (
                float(wide.mean()),
                0.0 if difference is None else float(difference.mean()),
                0.0 if difference is None else float(difference.max()),
            )
        )
        grids.append(_grid(picture))
        sums.append(_sums(picture))
        if len(times) % 64 == 0:
            told(len(times))
    if not times:
        raise InspectorError("The film gives no picture", str(source.path), "Check the copy")
    order = np.argsort(np.array(times, np.int64), kind="stable")
    table = np.array(rows, np.float32)[order]
    luma, change, peak = table.T
    starts, grid, profiles = np.array(times, np.int64)[order], np.stack(grids)[order], np.stack(sums)[order]
    return Film(starts, luma, grid, change, peak, profiles)


def _sums(picture: NDArray[np.uint8]) -> NDArray[np.float16]:
    """(2, 64) mean brightness over columns and over rows, less the picture's own."""
    out = np.empty((2, FIELDS), np.float16)
    for axis in (0, 1):
        mean = picture.mean(axis=axis)
        place = np.linspace(0, len(mean) - 1, FIELDS)
        out[axis] = np.interp(place, np.arange(len(mean)), mean) - mean.mean()
    return out


def _grid(picture: NDArray[np.uint8]) -> NDArray[np.float16]:
    """Mean brightness of 8 × 8 fields; a picture smaller than that is repeated up to it."""
    height, width = picture.shape
    if height < GRID or width < GRID:
        picture = np.repeat(np.repeat(picture, -(-GRID // height), 0), -(-GRID // width), 1)
        height, width = picture.shape
    rows = np.add.reduceat(picture, np.arange(GRID) * height // GRID, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(rows, np.arange(GRID) * width // GRID, axis=1)
    tall = np.diff(np.append(np.arange(GRID) * height // GRID, height))
    wide = np.diff(np.append(np.arange(GRID) * width // GRID, width))
    fields_: NDArray[np.float16] = (sums / np.outer(tall, wide)).astype(np.float16)
    return fields_


def sound_of(source: Source, told: Callable[[int], None]) -> Sound:
    """Decode a sound; `told` hears how many seconds are done. InspectorError where it gives no sample."""
    from inspector.media.audio import PcmReader

    reader = PcmReader(source, NATIVE_RATE)
    kept: list[NDArray[np.int16]] = []
    flat: list[tuple[int, int]] = []
    loudest, end = 0.0, 0
    carry = np.zeros(_TAPS - 1, np.float32)
    taps = _lowpass()
    step = NATIVE_RATE // RATE
    try:
        for second, block in _seconds(reader.blocks()):
            end = second * NATIVE_RATE + len(block)
            high = np.abs(block).max(axis=1) if len(block) else np.zeros(0, np.float32)
            loudest = max(loudest, float(high.max(initial=0.0)))
            flat += _flat_tops(high, second * NATIVE_RATE)
            if second < LONGEST_S:
                mono = np.concatenate([carry, block.mean(axis=1)])
                kept.append(_thinned(mono, taps, step))
                carry = mono[-(_TAPS - 1) :]
            told(second)
    finally:
        reader.close()
    if not end:
        raise InspectorError("The sound gives no sample", str(source.path), "Check the copy")
    kept.append(_thinned(np.concatenate([carry, np.zeros(_TAPS - 1, np.float32)]), taps, step))
    late = (_TAPS - 1) // 2 // step
    pcm = np.concatenate(kept)[late : late + -(-end // step)]
    spans = np.array(flat, np.int64).reshape(-1, 2) * NS // NATIVE_RATE
    return Sound(pcm, spans, np.array([loudest], np.float32), np.array([end * NS // NATIVE_RATE], np.int64))


def _seconds(
    blocks: Iterator[tuple[int, NDArray[np.float32]]],
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(second, its samples (n, 2)) in order, silence where there are none; the last one may be shorter."""
    second, filled = 0, 0
    buffer = np.zeros((NATIVE_RATE, 2), np.float32)
    for at, pcm in blocks:
        start = max(at, 0)
        pcm = pcm[start - at :]
        while len(pcm):
            while start >= (second + 1) * NATIVE_RATE:
                yield second, buffer
                second, filled = second + 1, 0
                buffer = np.zeros((NATIVE_RATE, 2), np.float32)
                if second > 100 * 3600:
                    return
            place = start - second * NATIVE_RATE
            if place < 0:  # stamps that run backwards: what was heard first stays
                pcm, start = pcm[-place:], start - place
                continue
            count = min(len(pcm), NATIVE_RATE - place)
            buffer[place : place + count] = pcm[:count]
            filled = max(filled, place + count)
            pcm, start = pcm[count:], start + count
    if filled:
        yield second, buffer[:filled]


def _lowpass() -> NDArray[np.float32]:
    """A windowed sinc that passes up to 7 kHz of 48 kHz."""
    place = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(place * 2 * 7_000 / NATIVE_RATE) * np.hamming(_TAPS)
    unit: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return unit


def _thinned(mono: NDArray[np.float32], taps: NDArray[np.float32], step: int) -> NDArray[np.int16]:
    """Every `step`th sample of the filtered sound as int16."""
    windows = np.lib.stride_tricks.sliding_window_view(mono, _TAPS)[::step]
    whole: NDArray[np.int16] = np.clip(np.rint(windows @ taps * 32767), -32768, 32767).astype(np.int16)
    return whole


def _flat_tops(high: NDArray[np.float32], start: int) -> list[tuple[int, int]]:
    """Runs of samples at the end of the scale, as (first, past the last) sample numbers."""
    at_end = high >= FULL_SCALE
    if not at_end.any():
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], at_end, [False]]).astype(np.int8)))
    runs = edges.reshape(-1, 2)
    return [(start + int(a), start + int(b)) for a, b in runs if b - a >= FLAT_SAMPLES]


def keep(material: Film | Sound, path: Path) -> None:
    """Write it as plain arrays."""
    with path.open("wb") as file:
        np.savez(file, **{field.name: getattr(material, field.name) for field in fields(material)})


def kept(kind: type[Any], path: Path) -> Any | None:
    """What `keep` wrote; None where it is not there or not whole."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return kind(**{field.name: arrays[field.name] for field in fields(kind)})
    except (OSError, ValueError, KeyError, EOFError):
        return None
    except Exception as error:
        if type(error).__name__ == "BadZipFile":
            return None
        raise
