"""Colours for levels: equal steps of level are equal steps of lightness, and of hue as even as it allows.

The maps are made in OKLab (Ottosson 2020), whose L is perceived lightness: L runs straight from the
background to the far end, through hues on the way. On dark, loud is light; on light, loud is dark: silence is
the background.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STOPS = {
    "dark": ("#0F1115", "#232F6B", "#2B7F93", "#59C98E", "#FBF7C5"),
    "light": ("#FFFFFF", "#A9DCC3", "#2F9C9A", "#2A5596", "#1B1140"),
}
"""Evenly spaced; of the inner ones only hue and chroma count."""

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB, 0 to 1, shape (n, 3), in OKLab (L, a, b)."""
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    lab: NDArray[np.float64] = np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T
    return lab


def srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """OKLab, shape (n, 3), in sRGB, 0 to 1; colours that no screen has are cut."""
    linear = (lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T
    linear = np.clip(linear, 0, 1)
    shown: NDArray[np.float64] = np.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055
    )
    return shown


@lru_cache(2)
def level_colors(name: str) -> NDArray[np.uint32]:
    """0xFFRRGGBB for each level 0 to 255, shape (256,), for the theme `name`."""
    stops = [[int(stop[at : at + 2], 16) / 255 for at in (1, 3, 5)] for stop in STOPS[name]]
    lab = oklab(np.array(stops))
    at = np.linspace(0, len(lab) - 1, 256)
    line = np.stack([np.interp(at, np.arange(len(lab)), lab[:, part]) for part in range(3)], axis=1)
    line[:, 0] = np.linspace(lab[0, 0], lab[-1, 0], 256)
    rgb = np.rint(srgb(line) * 255).astype(np.uint32)
    return (0xFF000000 | rgb[:, 0] << 16 | rgb[:, 1] << 8 | rgb[:, 2]).astype(np.uint32)
