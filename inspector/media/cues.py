"""Text with times: SRT, WebVTT, ASS, and the JSON of speech recognisers; and plain text, which has none.

The parsers are our own since libraries drop malformed cues without a word: here each is told by its line
and the rest is still read.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from inspector.core.model import Cue, Word
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.csvhead import decode
from inspector.media.told import Told, load_bytes, load_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inspector.core.model import Source

Cues = tuple[tuple[Cue, ...], tuple[str, ...]]

LATEST_NS = 100 * 3600 * NS
"""A stamp past 100 hours is not believed."""

STAMP = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?"
TIMING = re.compile(rf"^\s*{STAMP}\s*-->\s*{STAMP}(?:\s+(?P<settings>.*))?\s*$")
"""The line of a cue's times in SRT and WebVTT: start, end, settings."""
INLINE = re.compile(rf"<{STAMP}>")
"""When a word of a cue begins, in WebVTT."""
# Each stops at the next opening sign and never goes back: a cue full of those would else take hours.
_VOICE = re.compile(r"<v(?:\.[^\s<>]*+)?\s++([^<>]*+)>")
_TAG = re.compile(r"</?[A-Za-z][^<>]*+>|<>|</>")
_OVERRIDE = re.compile(r"\{\\[^{}]*+\}")
ASS_STAMP = re.compile(r"^\s*(\d{1,4}):(\d{1,2}):(\d{1,2})[.,](\d{1,3})\s*$")


def load_cues(source: Source) -> Cues:
    """The cues of a text source, ordered by start, in local time, and what is wrong with the file.

    Formats: `cues` (srt, vtt, ass, ssa by extension), `whisper` (segments, fragments or chunks in JSON) and
    `plaintext` (one cue a line that is not empty, all with span (0, 0): there are no times). A cue that ends
    before it starts is kept at its start; one whose stamps are malformed or past belief is left out.
    Raises InspectorError where the file cannot be read at all.
    """
    told = Told()
    if source.format == "whisper":
        cues = list(_from_json(load_json(source.path), told))
    else:
        text, encoding = decode(load_bytes(source.path))
        if "\0" in text:
            raise InspectorError("The file is no text", source.path.name)
        if encoding == "cp1252":
            told.add("not UTF-8, read as Windows-1252")
        if source.format == "plaintext":
            return tuple(Cue(0, 0, line.strip()) for line in text.splitlines() if line.strip()), told.lines()
        cues = list(_timed(source.path, text, told))
    if any(b.start_ns < a.start_ns for a, b in pairwise(cues)):
        told.add("cues are not in the order of their times; shown sorted")
        cues.sort(key=lambda cue: cue.start_ns)
    if source.start_ns is not None:
        cues = [
            _shift(cue, -source.start_ns)
            for cue in cues
            if cue.end_ns > source.start_ns and (source.end_ns is None or cue.start_ns < source.end_ns)
        ]
    return tuple(cues), told.lines()


def _shift(cue: Cue, by_ns: int) -> Cue:
    words = tuple(
        replace(word, start_ns=word.start_ns + by_ns, end_ns=word.end_ns + by_ns) for word in cue.words
    )
    return replace(cue, start_ns=cue.start_ns + by_ns, end_ns=cue.end_ns + by_ns, words=words)


def _timed(path: Path, text: str, told: Told) -> Iterator[Cue]:
    # Not splitlines(): a form feed or U+2028 inside a cue would end its line.
    lines = re.split(r"\r\n|\r|\n", text)
    if path.suffix.lower() in (".ass", ".ssa"):
        return _ass(lines, told)
    webvtt = path.suffix.lower() == ".vtt" or (bool(lines) and lines[0].startswith("WEBVTT"))
    return _blocks(lines, told, webvtt)


def stamp_ns(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> int | None:
    """Parts of a stamp in ns, None where minutes or seconds run past 59."""
    if int(minutes) > 59 or int(seconds) > 59:
        return None
    whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * NS + int((fraction or "").ljust(9, "0"))


def _believed(start: int | None, end: int | None, where: str, told: Told) -> tuple[int, int] | None:
    if start is None or end is None:
        told.add(f"{where}: malformed time; the cue is left out")
        return None
    if max(abs(start), abs(end)) > LATEST_NS:
        told.add(f"{where}: a time past 100 hours is not believed; the cue is left out")
        return None
    if end < start:
        told.add(f"{where}: the cue ends before it starts; kept at its start")
        end = start
    return start, end


def _blocks(lines: list[str], told: Told, webvtt: bool) -> Iterator[Cue]:
    """SRT and WebVTT: a line with an arrow, then text up to an empty line or the next cue's head."""
    place = 0
    if webvtt:
        if not lines or not re.match(r"WEBVTT(?:[ \t].*)?$", lines[0]):
            told.add("line 1: the header WEBVTT is missing")
        else:
            while place < len(lines) and lines[place].strip() and "-->" not in lines[place]:
                if lines[place].startswith("X-TIMESTAMP-MAP"):
                    told.add(f"line {place + 1}: X-TIMESTAMP-MAP is not applied, cues stay in their own time")
                place += 1
    while place < len(lines):
        line = lines[place].strip()
        if not line:
            place += 1
        elif webvtt and re.match(r"(NOTE|STYLE|REGION)(\s|$)", line) and not TIMING.match(line):
            while place < len(lines) and lines[place].strip():
                place += 1
        elif "-->" in line:
            where = f"line {place + 1}"
            body, place = _body(lines, place + 1)
            match = TIMING.match(line)
            if match is None:
                told.add(f"{where}: malformed time {line[:60]!r}; the cue is left out")
                continue
            parts = match.groups()
            span = _believed(stamp_ns(*parts[0:4]), stamp_ns(*parts[4:8]), where, told)
            if span is not None:
                yield _marked_up(span, "\n".join(body), webvtt)
        else:
            following = lines[place + 1] if place + 1 < len(lines) else ""
            if "-->" not in following and not (line.isdecimal() and not webvtt and not following.strip()):
                told.add(f"line {place + 1}: {line[:40]!r} belongs to no cue")
                while place < len(lines) and lines[place].strip() and "-->" not in lines[place]:
                    place += 1
            else:
                place += 1


def _body(lines: list[str], place: int) -> tuple[list[str], int]:
    body: list[str] = []
    while place < len(lines) and lines[place].strip():
        if TIMING.match(lines[place]):
            if body and body[-1].strip().isdecimal():
                body.pop()
            break
        body.append(lines[place])
        place += 1
    return body, place


def _marked_up(span: tuple[int, int], raw: str, webvtt: bool) -> Cue:
    voice = _VOICE.search(raw)
    words: list[Word] = []
    if INLINE.search(raw):
        words = _karaoke(span, raw)
    return Cue(
        span[0],
        span[1],
        _clean(raw, webvtt),
        tuple(words),
        _unescaped(voice[1]).strip() if voice else None,
    )


def _clean(raw: str, entities: bool) -> str:
    text = _OVERRIDE.sub("", _TAG.sub("", INLINE.sub("", raw)))
    return (_unescaped(text) if entities else text).strip()


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:  # a character's number of thousands of digits
        return text


def _karaoke(span: tuple[int, int], raw: str) -> list[Word]:
    """Words between inline stamps: each stamp starts the text behind it."""
    marks: list[tuple[int, int, int]] = [(span[0], 0, 0)]
    for match in INLINE.finditer(raw):
        at = stamp_ns(*match.groups())
        if at is not None and marks[-1][0] <= at <= span[1]:
            marks.append((at, match.end(), match.start()))
    words = []
    for (start, begin, _), (end, _, stop) in zip(marks, [*marks[1:], (span[1], 0, len(raw))], strict=True):
        text = _clean(raw[begin:stop], True)
        if text:
            words.append(Word(start, end, text))
    return words


def _ass(lines: list[str], told: Told) -> Iterator[Cue]:
    """ASS and SSA: `Dialogue` lines, laid out by the `Format` line of their section."""
    fields = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
    events = False
    for number, line in enumerate(lines, 1):
        head, _, rest = line.partition(":")
        key = head.strip().lower()
        if key.startswith("["):
            events = key.startswith("[events")
        elif events and key == "format":
            fields = [name.strip().lower() for name in rest.split(",")]
        elif events and key == "dialogue":
            cells = dict(zip(fields, rest.split(",", len(fields) - 1), strict=False))
            stamps = [ASS_STAMP.match(cells.get(name, "")) for name in ("start", "end")]
            start, end = (None if match is None else stamp_ns(*match.groups()) for match in stamps)
            span = _believed(start, end, f"line {number}", told)
            if span is not None:
                text = _OVERRIDE.sub("", cells.get("text", ""))
                text = text.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ").strip()
                yield Cue(span[0], span[1], text, speaker=cells.get("name", "").strip() or None)


# --- the JSON of recognisers -----------------------------------------------------------------------


def is_transcript(plain: object) -> bool:
    """Whether JSON is a transcript with times, in one of the forms that `load_cues` reads."""
    return _segments(plain) is not None


LISTS = ("segments", "fragments", "transcription", "chunks", "word_segments")
"""Under which a recogniser's JSON keeps its segments, the surest first."""


def _segments(plain: object) -> list[Any] | None:
    """The list of segments: Whisper, WhisperX, whisper.cpp, transformers' chunks, aeneas, or a bare list."""
    if isinstance(plain, dict):
        for key in LISTS:
            found = plain.get(key)
            if isinstance(found, list) and (not found or any(_is_segment(item) for item in found[:20])):
                return found
        return None
    if isinstance(plain, list) and plain and _is_segment(plain[0]) and "label" not in plain[0]:
        return plain
    return None


def _is_segment(item: object) -> bool:
    if not isinstance(item, dict) or not item.keys() & {"text", "word", "lines", "words"}:
        return False
    return bool(item.keys() & {"end", "offsets", "timestamp"})


def _from_json(plain: object, told: Told) -> Iterator[Cue]:
    segments = _segments(plain)
    if segments is None:
        raise InspectorError(
            "The JSON holds no transcript", "neither segments, fragments nor chunks with times"
        )
    for number, item in enumerate(segments, 1):
        where = f"segment {number}"
        if not isinstance(item, dict):
            told.add(f"{where}: no object, left out")
            continue
        span = _believed(*_times(item), where, told)
        if span is None:
            continue
        words = tuple(_words(item.get("words"), where, told))
        speaker = item.get("speaker")
        yield Cue(
            span[0], span[1], _said(item), words, str(speaker) if isinstance(speaker, str | int) else None
        )


def _times(item: dict[str, Any]) -> tuple[int | None, int | None]:
    offsets, pair = item.get("offsets"), item.get("timestamp")
    if isinstance(offsets, dict):
        return _ns(offsets.get("from"), 1_000_000), _ns(offsets.get("to"), 1_000_000)
    if isinstance(pair, list) and len(pair) == 2:
        start = _ns(pair[0])
        return start, start if pair[1] is None else _ns(pair[1])
    return _ns(item.get("start", item.get("begin"))), _ns(item.get("end"))


def _said(item: dict[str, Any]) -> str:
    for key in ("text", "word"):
        if isinstance(item.get(key), str):
            return str(item[key]).strip()
    lines = item.get("lines")
    if isinstance(lines, list):
        return "\n".join(str(line) for line in lines).strip()
    words = item.get("words")
    if isinstance(words, list):
        return " ".join(_said(word) for word in words if isinstance(word, dict)).strip()
    return ""


def _words(items: object, where: str, told: Told) -> Iterator[Word]:
    """The words that have times; WhisperX gives none to digits, whose text the cue still holds."""
    for number, item in enumerate(items if isinstance(items, list) else [], 1):
        if not isinstance(item, dict):
            continue
        start, end = _times(item)
        if start is None or end is None:
            continue
        span = _believed(start, end, f"{where}, word {number}", told)
        if span is not None:
            score = next((item[key] for key in ("probability", "score", "confidence") if key in item), None)
            yield Word(span[0], span[1], _said(item), _finite(score))


def _finite(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:  # an integer of hundreds of digits
        return None
    return number if math.isfinite(number) else None


def _ns(value: object, scale: int = NS) -> int | None:
    """A number, or one written as text, in ns; None where it is none or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return round(number * scale) if math.isfinite(number * scale) else None
