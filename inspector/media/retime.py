"""Transcripts with a time map in their stamps: everything else in the file stays as it stands.

What a format has no times for (before 0 in SRT, WebVTT and ASS) is left out and told, as is what lies outside
a clip. Text is written as UTF-8.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inspector.core.times import NS
from inspector.media.csvhead import decode
from inspector.media.cues import ASS_STAMP, INLINE, LISTS, TIMING, stamp_ns
from inspector.media.told import load_bytes, load_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from inspector.core.model import Source, Span
    from inspector.core.timemap import TimeMap

MS = 1_000_000


@dataclass(slots=True)
class Retimed:
    """What was left out of a file, a sentence each; and, of a table, which column its stamps are in now."""

    lost: list[str] = field(default_factory=list)
    left_out: int = 0
    time_column: str | None = None
    time_unit: str = "s"
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """From a file's own times to those that are wanted, in ns: `zero_ns` of the file is local time 0.

    Nothing of the file from `until_ns` on is meant. `window` (start, end) is what is kept of the reference
    timeline, either None for all there is.
    """

    timemap: TimeMap
    zero_ns: int = 0
    until_ns: int | None = None
    window: tuple[int | None, int | None] = (None, None)

    def of(self, file_ns: int) -> int:
        """The reference time of a moment of the file."""
        return self.timemap.to_reference(file_ns - self.zero_ns)

    def span(self, start: int, end: int, least: int | None = None) -> Span | None:
        """The reference span of one of the file, as far as it is kept; None where nothing of it is.

        `least` is the earliest time that the format knows.
        """
        if (self.zero_ns and end <= self.zero_ns) or (self.until_ns is not None and start >= self.until_ns):
            return None
        low, high = self.window
        low = least if low is None else low if least is None else max(low, least)
        a, b = self.of(start), self.of(end)
        if (low is not None and (b < low or (b == low and a < b))) or (high is not None and a >= high):
            return None
        a = a if low is None else max(a, low)
        b = b if high is None else min(b, high)
        return a, max(a, b)


def retime_text(source: Source, times: Times, to: Path) -> Retimed:
    """Write a transcript to `to` with other times. InspectorError where it cannot be read, OSError where it
    cannot be written."""
    done = Retimed()
    if source.format == "whisper":
        plain = load_json(source.path)
        _json(plain, times, done)
        text = json.dumps(plain, ensure_ascii=False, indent=1) + "\n"
    else:
        text, _ = decode(load_bytes(source.path))
        lines = re.split(r"\r\n|\r|\n", text)
        ass = source.path.suffix.lower() in (".ass", ".ssa")
        text = "\n".join(_ass(lines, times, done) if ass else _blocks(lines, times, done))
    to.write_bytes(text.encode("utf-8", "replace"))
    if done.left_out:
        done.lost.append("cues that lie outside the times of the record are left out")
    return done


def _blocks(lines: list[str], times: Times, done: Retimed) -> list[str]:
    """SRT and WebVTT."""
    out: list[str] = []
    place = 0
    while place < len(lines):
        line = lines[place]
        place += 1
        match = TIMING.match(line)
        if match is None:
            out.append(line)
            continue
        parts = match.groups()
        span = _moved(stamp_ns(*parts[0:4]), stamp_ns(*parts[4:8]), times)
        body = []
        while place < len(lines) and lines[place].strip() and not TIMING.match(lines[place]):
            body.append(lines[place])
            place += 1
        if span is None:  # malformed: it was no cue before either
            out += [line, *body]
        elif span == _NONE:
            done.left_out += 1
            if out and out[-1].strip() and not out[-1].startswith("WEBVTT"):
                out.pop()  # its name or number
            while out and not out[-1].strip() and place < len(lines) and not lines[place].strip():
                place += 1
        else:
            mark = "," if "," in line[: line.index("-->")] else "."
            settings = f" {match['settings']}" if match["settings"] else ""
            out.append(f"{_clock(span[0], mark)} --> {_clock(span[1], mark)}{settings}")
            out += [_inlines(text, times, span) for text in body]
    return out


_NONE = (1, 0)
"""Nothing of a cue is kept."""


def _moved(start: int | None, end: int | None, times: Times, least: int | None = 0) -> Span | None:
    if start is None or end is None:
        return None
    return times.span(start, max(start, end), least) or _NONE


def _inlines(text: str, times: Times, span: Span) -> str:
    """A cue's line with the stamps of its words moved, within the cue."""

    def moved(match: re.Match[str]) -> str:
        at = stamp_ns(*match.groups())
        return match[0] if at is None else f"<{_clock(min(max(times.of(at), span[0]), span[1]), '.')}>"

    return INLINE.sub(moved, text)


def _clock(ns: int, mark: str) -> str:
    ms = (2 * ns + MS) // (2 * MS)
    minutes, rest = divmod(ms, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"


def _ass(lines: Iterable[str], times: Times, done: Retimed) -> list[str]:
    fields = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
    out: list[str] = []
    events = False
    for line in lines:
        head, _, rest = line.partition(":")
        key = head.strip().lower()
        if key.startswith("["):
            events = key.startswith("[events")
        elif events and key == "format":
            fields = [name.strip().lower() for name in rest.split(",")]
        elif events and key == "dialogue" and {"start", "end"} <= set(fields):
            cells = rest.split(",", len(fields) - 1)
            places = [fields.index("start"), fields.index("end")]
            found = [ASS_STAMP.match(cells[each]) if each < len(cells) else None for each in places]
            stamps = [None if each is None else stamp_ns(*each.groups()) for each in found]
            span = _moved(stamps[0], stamps[1], times)
            if span == _NONE:
                done.left_out += 1
                continue
            if span is not None:
                for place, ns in zip(places, span, strict=True):
                    cells[place] = f"{' ' * cells[place].startswith(' ')}{_centiseconds(ns)}"
                line = f"{head}:{','.join(cells)}"
        out.append(line)
    return out


def _centiseconds(ns: int) -> str:
    whole = (ns + 5 * MS) // (10 * MS)
    seconds, rest = divmod(whole, 100)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:02d}"


# --- the JSON of recognisers --------------------------------------------------------------------------------


def _json(plain: Any, times: Times, done: Retimed) -> None:
    """Every list of segments in the JSON, in place. Times before 0 it can hold: they stay."""
    lists = [plain] if isinstance(plain, list) else [plain.get(key) for key in LISTS]
    for number, items in enumerate(each for each in lists if isinstance(each, list)):
        kept = [item for item in items if _item(item, times)]
        if not number:
            done.left_out += len(items) - len(kept)
        items[:] = kept


def _item(item: Any, times: Times) -> bool:
    """Retime a segment or a word in place; whether it is kept."""
    if not isinstance(item, dict):
        return True
    pairs: list[tuple[Any, Any, Any, int]] = []
    offsets, pair, stamps = item.get("offsets"), item.get("timestamp"), item.get("timestamps")
    if isinstance(offsets, dict):
        pairs.append((offsets, "from", "to", MS))
    if isinstance(pair, list) and len(pair) == 2:
        pairs.append((pair, 0, 1, NS))
    pairs.append((item, "start" if "start" in item or "begin" not in item else "begin", "end", NS))
    for holder, first, last, scale in pairs:
        if not _pair(holder, first, last, scale, times):
            return False
    if isinstance(stamps, dict) and isinstance(offsets, dict):
        for name in ("from", "to"):
            if isinstance(stamps.get(name), str) and isinstance(offsets.get(name), int):
                stamps[name] = _clock(max(offsets[name], 0) * MS, ",")
    words = item.get("words")
    if isinstance(words, list):
        item["words"] = [word for word in words if _item(word, times)]
    return True


def _pair(holder: Any, first: Any, last: Any, scale: int, times: Times) -> bool:
    at = [holder.get(name) if isinstance(holder, dict) else holder[name] for name in (first, last)]
    start = _ns(at[0], scale)
    end = _ns(at[1], scale)
    if start is None:
        return True
    span = times.span(start, start if end is None else max(start, end))
    if span is None:
        return False
    for name, value, ns in zip((first, last), at, span, strict=True):
        if _ns(value, scale) is not None:
            number: Any = (
                round(ns / scale) if isinstance(value, int) and scale == MS else round(ns / scale, 6)
            )
            holder[name] = str(number) if isinstance(value, str) else number
    return True


def _ns(value: Any, scale: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return round(float(value) * scale)
    except (ValueError, OverflowError):
        return None
