"""The sound of the clock corpus: espeak-ng's voice with exact word times, ticks, clicks and a quiet room.

The espeak-ng library is called instead of its program because only the library tells when each word and each
phoneme begins, to the sample; so a phrase is spoken whole, in its natural rhythm, with exact word times.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np

RATE = 48000
WORDS_PER_MINUTE = 158
AUDIO_OUTPUT_SYNCHRONOUS = 2
PHONEME_EVENTS = 1
EVENT_END, EVENT_WORD, EVENT_PHONEME = 0, 1, 7
PARAMETER_RATE = 1
CHARS_UTF8 = 1


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A phrase at 48 kHz, peak 1, with `(start_s, end_s, text)` of each word, from its first sample."""

    pcm: np.ndarray
    words: list[tuple[float, float, str]]

    @property
    def duration_s(self) -> float:
        """To the end of the last word."""
        return self.words[-1][1]


class Voice:
    """The espeak-ng library, opened once a process."""

    def __init__(self) -> None:
        """Open the library; OSError where it is not installed."""
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.native_rate = int(
            self._library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, None, PHONEME_EVENTS)
        )
        self._blocks: list[np.ndarray] = []
        self._events: list[tuple[int, int, int, int, bytes]] = []
        signature = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
        )
        self._callback = signature(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            self._blocks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type != EVENT_END:
            event = events[index]
            name = bytes(event.id.string) if event.type == EVENT_PHONEME else b""
            self._events.append((event.type, event.text_position, event.length, event.sample, name))
            index += 1
        return 0

    def say(self, text: str, speaker: str) -> Spoken:
        """Speak a phrase.

        A word starts with its first sound that can be heard, after a stop's closure, and ends with its last.
        Raises ValueError where espeak-ng told other words than the text has.
        """
        self._blocks, self._events = [], []
        if self._library.espeak_SetVoiceByName(speaker.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {speaker}")
        self._library.espeak_SetParameter(PARAMETER_RATE, WORDS_PER_MINUTE, 0)
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, CHARS_UTF8, None, None)
        pcm = np.concatenate(self._blocks).astype(np.float64)
        pcm /= np.abs(pcm).max()
        marks = self._word_marks(len(pcm))
        tokens = text.split()
        if len(marks) != len(tokens):
            raise ValueError(f"{len(marks)} words told for {text!r}")
        words = []
        for (start, end), token in zip(marks, tokens, strict=True):
            heard = np.flatnonzero(np.abs(pcm[start:end]) > 0.02)
            words.append(
                ((start + heard[0]) / self.native_rate, (start + heard[-1]) / self.native_rate, token)
            )
        return Spoken(resample(pcm, self.native_rate, RATE), words)

    def _word_marks(self, total: int) -> list[tuple[int, int]]:
        """Sample ranges of the words: from a word event to the next, or to the first pause after it."""
        starts = [event[3] for event in self._events if event[0] == EVENT_WORD and event[2] > 0]
        pauses = [
            event[3] for event in self._events if event[0] == EVENT_PHONEME and event[4].startswith(b"_")
        ]
        edges = [*starts[1:], total]
        return [
            (start, min([pause for pause in pauses if start < pause <= edge], default=edge))
            for start, edge in zip(starts, edges, strict=True)
        ]


def resample(pcm: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Band-limited change of rate through the spectrum, zero-padded so that the ends do not wrap."""
    pad = rate // 10
    padded = np.concatenate([np.zeros(pad), pcm, np.zeros(pad + (-len(pcm)) % rate)])
    padded = np.concatenate([padded, np.zeros((-len(padded)) % rate)])
    count = len(padded) * new_rate // rate
    spectrum = np.fft.rfft(padded)
    wide = np.zeros(count // 2 + 1, dtype=complex)
    wide[: min(len(spectrum), len(wide))] = spectrum[: len(wide)]
    out = np.fft.irfft(wide, count) * (new_rate / rate)
    return out[pad * new_rate // rate :][: len(pcm) * new_rate // rate]


def burst(frequency_hz: float, decay_s: float, attack_s: float = 0.0002) -> np.ndarray:
    """A decaying sine that starts at once."""
    t = np.arange(int(decay_s * 8 * RATE)) / RATE
    return np.minimum(t / attack_s, 1.0) * np.exp(-t / decay_s) * np.sin(2 * np.pi * frequency_hz * t)


def mix(
    duration_s: float,
    voice: list[tuple[float, np.ndarray]],
    ticks_s: np.ndarray,
    flashes_s: list[float],
    late_s: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """The record's sound as float32 at 48 kHz: everything `late_s` late, over a quiet room that is not."""
    pcm = rng.normal(0.0, 0.0004, round(duration_s * RATE))
    tick = 0.13 * burst(3400.0, 0.0016)
    click = 0.62 * burst(2000.0, 0.0045)
    for at in ticks_s:
        _add(pcm, tick, at + late_s)
    for at in flashes_s:
        _add(pcm, click, at + late_s)
    for at, spoken in voice:
        _add(pcm, 0.34 * spoken, at + late_s)
    return np.clip(pcm, -0.98, 0.98).astype(np.float32)


def _add(pcm: np.ndarray, sound: np.ndarray, at_s: float) -> None:
    first = round(at_s * RATE)
    cut, end = max(0, -first), min(len(sound), len(pcm) - first)
    if cut < end:
        pcm[first + cut : first + end] += sound[cut:end]
