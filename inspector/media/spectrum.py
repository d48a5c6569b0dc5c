"""How loud a sound is at each frequency, column by column: windows, levels in dB, and a mel axis. No I/O.

A column is a stretch of time about as wide as a pixel. It is analysed through a Hann window whose length
follows the column's (see `window_samples`): zoomed in, a click is narrow; zoomed out, a tone is. Where a
column is longer than a window, the powers of up to MOST_WINDOWS windows about its middle are averaged (Welch
1967): up to some 130 ms a column (170 ms at 48 kHz) all of the sound is seen, beyond that a part from the
middle of each column.

Levels are relative to full scale: a sine of amplitude 1 is 0 dB, whatever the window.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from inspector.core.times import NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 192
"""Bands from 0 Hz to half the rate, evenly spaced in mel."""
FLOOR_DB, TOP_DB = -100.0, -20.0
"""What is told apart: below is as silence, above as loud as can be. The partials of loud speech have -20."""
WINDOW_S = (0.005, 0.043)
"""The shortest window (wide band, 200 Hz) and the longest (narrow band, 23 Hz)."""
COLUMNS_A_WINDOW = 8
MOST_WINDOWS = 8
RATES = (4_000, 96_000)
"""Rates that are analysed as they are; others are resampled."""


def mel(frequency_hz: float) -> float:
    """Hz on the mel scale, O'Shaughnessy's formula: 2595 log10(1 + f / 700)."""
    return 2595.0 * math.log10(1.0 + frequency_hz / 700.0)


def row_of(frequency_hz: float, rate: int) -> float:
    """The row of a frequency, 0 to ROWS; row r holds from r to r + 1."""
    return mel(frequency_hz) / mel(rate / 2) * ROWS


def frequency_of(row: float, rate: int) -> float:
    """The frequency in Hz at a row."""
    hz: float = 700.0 * (10.0 ** (row / ROWS * mel(rate / 2) / 2595.0) - 1.0)
    return hz


def window_samples(column_ns: int, rate: int) -> int:
    """The window for columns of a length: a power of two near COLUMNS_A_WINDOW columns, within WINDOW_S."""
    seconds = min(max(column_ns * COLUMNS_A_WINDOW / NS, WINDOW_S[0]), WINDOW_S[1])
    return int(2 ** max(round(math.log2(seconds * rate)), 5))


def level_bytes(db: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Decibels as 0 (FLOOR_DB and less) to 255 (TOP_DB and more)."""
    scaled = (np.clip(db, FLOOR_DB, TOP_DB) - FLOOR_DB) * (255 / (TOP_DB - FLOOR_DB))
    levels: NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
    return levels


def db_of_byte(level: int) -> float:
    """The decibels that a byte of `level_bytes` stands for."""
    return FLOOR_DB + level / 255 * (TOP_DB - FLOOR_DB)


class Analyser:
    """Columns of one length of sounds at one rate."""

    def __init__(self, column_ns: int, rate: int) -> None:
        self.rate = rate
        self.window = window_samples(column_ns, rate)
        hop = self.window // 2
        count = min(max(round(column_ns * rate / NS / hop), 1), MOST_WINDOWS)
        self._starts = np.arange(count) * hop
        self.piece = self.window + int(self._starts[-1])
        """Samples that a column is made of, to be read about its middle."""
        self._hann = np.hanning(self.window + 1)[:-1].astype(np.float32)  # periodic
        self._to_power = (2.0 / float(self._hann.sum())) ** 2
        bins = self.window // 2 + 1
        place = [frequency_of(row, rate) / rate * self.window for row in np.arange(0, ROWS + 0.5, 0.5)]
        edges = np.minimum(np.ceil(place[::2]), bins).astype(np.int64)
        self._first = np.minimum(edges[:-1], bins - 1)
        self._holds_bins = edges[1:] > edges[:-1]
        middles = np.array(place[1::2])
        self._below = np.minimum(middles.astype(np.int64), bins - 2)
        self._part = (middles - self._below).astype(np.float32)

    def columns(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Levels in dB, shape (n, ROWS), of n pieces, shape (n, piece, channels); the channels' mean power.

        A row is as loud as its loudest bin, so that a tone keeps its level at any zoom; one that is narrower
        than a bin is read between two. Silence is -inf nowhere: it is a finite level far below FLOOR_DB.
        """
        if pcm.shape[2] > 1 and np.array_equal(pcm[:, :, 0], pcm[:, :, 1]):
            pcm = pcm[:, :, :1]
        pcm = np.clip(np.nan_to_num(pcm), -1e6, 1e6)  # a broken float file can hold anything
        views = np.stack([pcm[:, at : at + self.window] for at in self._starts.tolist()], axis=1)
        spectra = np.fft.rfft(views * self._hann[None, None, :, None], axis=2)
        power = (spectra.real**2 + spectra.imag**2).mean(axis=(1, 3)) * self._to_power
        between = power[:, self._below] * (1 - self._part) + power[:, self._below + 1] * self._part
        loudest = np.maximum.reduceat(power, self._first, axis=1)
        rows = np.where(self._holds_bins, np.maximum(loudest, between), between)
        levels: NDArray[np.float32] = (10 * np.log10(rows + 1e-20)).astype(np.float32)
        return levels
