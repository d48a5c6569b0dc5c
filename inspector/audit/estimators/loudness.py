"""How loud a sound is: the integrated loudness of ITU-R BS.1770-4, which EBU R128 asks to be −23 LUFS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_S, HOP_S = 0.4, 0.1
ABSOLUTE_LUFS = -70.0
RELATIVE_LU = -10.0
_CHUNK_S = 20.0


def k_weighting(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """|H|² of the K filter at frequencies (n,): a high shelf of 4 dB, then a high pass at 38 Hz.

    The two biquads that BS.1770-4 tabulates for 48 kHz; their response at a frequency stands for every rate.
    """
    z = np.exp(-2j * np.pi * np.minimum(hz, 24_000.0) / 48_000)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    power: NDArray[np.float64] = np.abs(shelf * high_pass) ** 2
    return power


def loudness_lufs(pcm: NDArray[np.float32], rate: int) -> float | None:
    """Integrated loudness of a sound (n,) or (n, channels), full scale 1. None where no block is over
    −70 LUFS.

    Blocks of 0.4 s every 0.1 s; those below −70 LUFS, then those 10 LU under the mean of the rest, do
    not count.
    Channels count alike (left, right, mono). A steady tone of 997 Hz at full scale in one channel is −3.01.
    """
    channels = pcm[:, None] if pcm.ndim == 1 else pcm
    hop = round(HOP_S * rate)
    size = round(_CHUNK_S * rate) // hop * hop
    pad = round(0.2 * rate)
    power = np.zeros(len(channels) // hop)
    response = np.sqrt(k_weighting(np.fft.rfftfreq(size + 2 * pad, 1 / rate).astype(np.float64)))
    for channel in range(channels.shape[1]):
        x = np.concatenate(
            [np.zeros(pad, np.float32), channels[:, channel], np.zeros(size + pad, np.float32)]
        )
        for start in range(0, len(power) * hop, size):
            part = np.fft.irfft(np.fft.rfft(x[start : start + size + 2 * pad]) * response, size + 2 * pad)
            square = (part[pad : pad + size] ** 2).reshape(-1, hop).mean(axis=1)
            first = start // hop
            count = min(len(square), len(power) - first)
            power[first : first + count] += square[:count]
    run = round(BLOCK_S / HOP_S)
    if len(power) < run:
        return None
    blocks = np.convolve(power, np.ones(run) / run, "valid")
    heard = blocks[_lufs(blocks) > ABSOLUTE_LUFS]
    if not len(heard):
        return None
    bound = float(_lufs(np.array([heard.mean()]))[0]) + RELATIVE_LU
    kept = heard[_lufs(heard) > bound]
    return float(_lufs(np.array([kept.mean()]))[0])


def _lufs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    level: NDArray[np.float64] = -0.691 + 10 * np.log10(np.maximum(power, 1e-20))
    return level
