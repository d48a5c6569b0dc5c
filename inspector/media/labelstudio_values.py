"""What one value of a Label Studio result means: where it lies in its medium, and what it says.

Sound is in seconds, film in frames counted from 1 with both ends inside, pictures in per cent, text in
characters; labelstud.io/tags gives each. Regions of ours are fractions of the picture: x, y, width, height.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from inspector.core.model import Anchor, Modality
from inspector.core.times import NS
from inspector.media.annotators import LATEST, exact_ns

if TYPE_CHECKING:
    from inspector.core.model import Span

DEFAULT_RATE = 25.0
"""Frames a second where nobody says: the default of Label Studio's Video tag."""

MOST_KEYFRAMES = 100_000

_LABELS = "labels"


def kind_of(value: dict[str, Any]) -> str:
    """The modality that a value lies in, "" where it does not tell."""
    if "ranges" in value or "sequence" in value:
        return Modality.VIDEO.value
    if "startOffset" in value or "globalOffsets" in value:
        return Modality.TEXT.value
    if "start" in value and isinstance(value.get("text"), str):
        return Modality.TEXT.value
    if "instant" in value or "timeserieslabels" in value:
        return Modality.SENSOR.value
    if "start" in value and "end" in value:
        return Modality.AUDIO.value
    if {"x", "y"} <= value.keys() or "points" in value or "rle" in value:
        return Modality.IMAGE.value
    return ""


def says(value: dict[str, Any]) -> list[str]:
    """The labels, choices or text of a value, in order; empty where it has none."""
    for key in sorted(value, key=lambda key: not key.endswith(_LABELS)):
        if key.endswith(_LABELS) or key in ("choices", "taxonomy", "rating", "number", "datetime"):
            return _texts(value[key])
    if isinstance(value.get("text"), list) or ("text" in value and not kind_of(value)):
        return _texts(value["text"])
    return []


def _texts(found: object) -> list[str]:
    if isinstance(found, str | int | float):
        return [str(found)]
    if isinstance(found, list):
        if found and all(isinstance(each, list) for each in found):  # a taxonomy: paths from the root
            return [" › ".join(str(part) for part in each) for each in found]
        return [str(each) for each in found if isinstance(each, str | int | float)]
    return []


def number(value: object) -> float | None:
    """A finite number within belief, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and abs(value) <= LATEST else None


def rate_in(value: dict[str, Any]) -> float | None:
    """Frames a second as the value tells: its number of frames over its length."""
    frames, length = number(value.get("framesCount")), number(value.get("duration"))
    return frames / length if frames and length and frames > 0 and length > 0 else None


def anchors_of(value: dict[str, Any], stream: str | None, rate: float) -> list[Anchor] | None:
    """Where a value lies, an anchor for each stretch; None where it should lie somewhere but cannot be told.

    A value that lies nowhere (a choice for the whole clip) gives one anchor without a moment.
    """
    if "sequence" in value:
        return _boxes(value, stream, rate)
    if "ranges" in value:
        ranges = value["ranges"] if isinstance(value["ranges"], list) else []
        spans = [_frames(each, rate) for each in ranges if isinstance(each, dict)]
        found = [Anchor(stream, span) for span in spans if span is not None]
        return found if found and len(found) == len(ranges) else None
    if "startOffset" in value or (kind_of(value) == Modality.TEXT and "start" in value):
        inside = value.get("globalOffsets")
        inside = inside if isinstance(inside, dict) else value
        low = inside.get("start", value.get("startOffset"))
        high = inside.get("end", value.get("endOffset"))
        if inside is value and "startOffset" in value:
            low, high = value.get("startOffset"), value.get("endOffset")
        if not isinstance(low, int) or not isinstance(high, int) or not 0 <= low <= high <= LATEST:
            return None
        return [Anchor(stream, None, text_range=(low, high))]
    if "start" in value:
        start, end = exact_ns(value["start"]), exact_ns(value.get("end", value["start"]))
        if start is None or end is None or end < start:
            return None
        return [Anchor(stream, (start, end))]
    region = _region(value)
    return [Anchor(stream, None, region)]


def _frames(given: dict[str, Any], rate: float) -> Span | None:
    start, end = number(given.get("start")), number(given.get("end"))
    if start is None or end is None or end < start:
        return None
    return round((start - 1) * NS / rate), round(end * NS / rate)


def _region(value: dict[str, Any]) -> tuple[float, float, float, float] | None:
    points = value.get("points")
    if isinstance(points, list) and points:
        pairs = [each for each in points if isinstance(each, list) and len(each) == 2]
        xs = [x for each in pairs if (x := number(each[0])) is not None]
        ys = [y for each in pairs if (y := number(each[1])) is not None]
        if not xs or not ys:
            return None
        x, y, width, height = min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    else:
        x0, y0 = number(value.get("x")), number(value.get("y"))
        if x0 is None or y0 is None:
            return None
        x, y = x0, y0
        width, height = number(value.get("width")) or 0.0, number(value.get("height")) or 0.0
    return x / 100, y / 100, width / 100, height / 100


def _boxes(value: dict[str, Any], stream: str | None, rate: float) -> list[Anchor] | None:
    """A box that moves: an anchor a key frame, up to the next; one switched off ends the one before."""
    sequence = value["sequence"]
    if not isinstance(sequence, list) or len(sequence) > MOST_KEYFRAMES:
        return None
    keys = [
        (frame, each)
        for each in sequence
        if isinstance(each, dict) and (frame := number(each.get("frame"))) is not None
    ]
    keys.sort(key=lambda key: key[0])
    last = number(value.get("framesCount"))
    found: list[Anchor] = []
    for place, (frame, each) in enumerate(keys):
        if each.get("enabled") is False:
            if found and found[-1].span is not None and place:
                start = found[-1].span[0]
                found[-1] = Anchor(stream, (start, round(frame * NS / rate)), found[-1].region)
            continue
        until = keys[place + 1][0] - 1 if place + 1 < len(keys) else max(last or frame, frame)
        span = (round((frame - 1) * NS / rate), round(max(until, frame) * NS / rate))
        found.append(Anchor(stream, span, _region(each)))
    return found or None
