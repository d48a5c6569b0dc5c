"""Listing a folder, and what kind of file each is: by extension, by a look inside where that is not enough.

JSON, tables and plain text are looked into, one file of each recurring name, so that a folder of 100 000
files opens without reading them all; a file that turns out otherwise is told when its record is loaded.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from inspector.core.model import Problem
from inspector.errors import InspectorError
from inspector.media.csvhead import decode, read_head
from inspector.media.spans import roles_in, table_roles
from inspector.media.table import is_parquet, numeric_columns, schema_of
from inspector.media.told import in_row
from inspector.readers.layout import ANNOTATIONS, LABEL_ENDINGS

if TYPE_CHECKING:
    from pathlib import Path

VIDEO = frozenset(in_row("mp4 mov mkv webm avi mpg mpeg m4v wmv flv 3gp ts mts m2ts ogv vob mxf"))
AUDIO = frozenset(in_row("wav mp3 flac ogg oga opus m4a aac aif aiff wma amr ac3 mka caf"))
IMAGE = frozenset(in_row("jpg jpeg png webp bmp gif tif tiff"))
CUES = frozenset(in_row("srt vtt ass ssa"))
TABLES = frozenset(in_row("csv tsv parquet pq"))
LOOKED_INTO = TABLES | {"json", "txt", "ts"}

MOST_LOOKS = 2000
LOOKS_A_GROUP = 8
"""So many names of one folder and extension are looked into; what most of them are goes for the others."""

MOST_TOLD = 20
_ABOUT = re.compile(
    r"(readme|licen[cs]e|copying|notice|manifest|changelog|changes|contributing|citation|authors|requirements|"
    r"dataset_infos?|sha\d+sums?|md5sums?|checksums?)([._\-].*)?$",
    re.IGNORECASE,
)


class Listing:
    """The files below a root: `paths` relative with `/`, sorted; `problems` for what was not followed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths: list[str] = []
        self.problems: list[Problem] = []
        self._untold = 0
        self._allowed = [os.path.realpath(root)]
        if root.parent.name == "snapshots":  # a Hugging Face hub cache: files are links into blobs
            self._allowed.append(os.path.realpath(root.parent.parent / "blobs"))
        self._walk()
        self.paths.sort()
        if self._untold:
            self.problems.append(Problem(".", f"and {self._untold} more links or names like these"))

    def _walk(self) -> None:
        root = os.fspath(self.root)
        followed: set[str] = set()
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(os.path.join(root, folder)) as found:
                    entries = list(found)
            except OSError as error:
                self._tell(folder or ".", f"the folder cannot be listed: {error.strerror}")
                continue
            prefix = f"{folder}/" if folder else ""
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                path = prefix + name
                if not name.isascii() and not _is_unicode(name):
                    self._tell(ascii(path), "its name is not Unicode; it is not read")
                    continue
                try:
                    if entry.is_symlink():
                        self._follow(path, entry, followed, waiting)
                    elif entry.is_dir(follow_symlinks=False):
                        waiting.append(path)
                    elif entry.is_file(follow_symlinks=False):
                        self.paths.append(path)
                    else:
                        self._tell(path, "a pipe, socket or device; it is not read")
                except OSError as error:
                    self._tell(path, f"cannot be read: {error.strerror}")

    def _follow(self, path: str, entry: os.DirEntry[str], followed: set[str], waiting: list[str]) -> None:
        target = os.path.realpath(entry.path)
        if not any(target == place or target.startswith(place + os.sep) for place in self._allowed):
            self._tell(path, "a link that leads out of the dataset; it is not followed")
            return
        inside = os.path.relpath(target, self._allowed[0]).split(os.sep)
        if target.startswith(self._allowed[0]) and any(p.startswith(".") and p != "." for p in inside):
            return
        try:
            mode = os.stat(target).st_mode
        except OSError:
            self._tell(path, "a link that leads nowhere")
            return
        if stat.S_ISREG(mode):
            self.paths.append(path)
        elif stat.S_ISDIR(mode):
            above = os.path.realpath(os.path.dirname(entry.path))
            if target not in followed and not f"{above}{os.sep}".startswith(f"{target}{os.sep}"):
                followed.add(target)
                waiting.append(path)

    def _tell(self, path: str, message: str) -> None:
        if len(self.problems) < MOST_TOLD:
            self.problems.append(Problem(path, message))
        else:
            self._untold += 1


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def extension(name: str) -> str:
    """The last extension in lower case, without its dot; "" where there is none."""
    stem, dot, ending = name.rpartition(".")
    return ending.lower() if dot and stem else ""


def kind_by_name(path: str) -> str:
    """The modality that an extension promises, ANNOTATIONS for annotators' files, "" where it says nothing.

    A table is a sensor and JSON a text until somebody looks inside. Files about the dataset (README,
    LICENSE and the like) are nothing.
    """
    name = path.rpartition("/")[2]
    ending = extension(name)
    if ending in VIDEO:
        return "video"
    if ending in AUDIO:
        return "audio"
    if ending in IMAGE:
        return "image"
    if ending in LABEL_ENDINGS:
        return ANNOTATIONS
    if _ABOUT.match(name) and ending not in CUES:
        return ""
    if ending in CUES or ending in ("txt", "json"):
        return "text"
    return "sensor" if ending in TABLES else ""


def look(path: Path) -> str:
    """What a table, a JSON or a text file is by its first few KiB: a modality, ANNOTATIONS or ""."""
    ending = extension(path.name)
    try:
        if path.stat().st_size == 0:
            return kind_by_name(path.name)
        if is_parquet(path):
            if table_roles(path) is not None:
                return ANNOTATIONS
            return "sensor" if numeric_columns(schema_of(path)) else ""
        if ending in TABLES:
            head = read_head(path)
            if roles_in(head) is not None:
                return ANNOTATIONS
            return "sensor" if any(_numeric(head.rows, place) for place in range(len(head.names))) else ""
        with path.open("rb") as file:
            data = file.read(4096)
    except (InspectorError, OSError):
        # Unreadable is for the record to tell; the name says what should be there.
        return kind_by_name(path.name) if ending != "json" else ""
    if ending == "ts":
        return "video" if data[:1] == b"\x47" else ""
    text, _ = decode(data, whole=False)
    if "\0" in text:
        return ""
    if ending == "txt":
        return "" if text.lstrip().startswith(("<?xml", "<!DOCTYPE", "{\\rtf", "%PDF")) else "text"
    return _look_at_json(text)


def _numeric(rows: tuple[tuple[str, ...], ...], place: int) -> bool:
    from inspector.media.csvhead import is_number

    cells = [row[place] for row in rows if place < len(row) and row[place].strip()]
    return bool(cells) and all(
        is_number(cell) or cell.strip().lower() in ("nan", "inf", "-inf") for cell in cells
    )


def _look_at_json(text: str) -> str:
    """By the keys in the head alone. Whisper puts a text before its segments that may fill the head."""
    keys = set(re.findall(r'"(\w{1,40})"\s*:', text))
    start = text.lstrip()
    if {"annotation_id", "lead_time"} <= keys or {"annotations", "completed_by"} <= keys:
        return ANNOTATIONS  # Label Studio; a task's data may come behind its annotations
    if "data" in keys and keys & {"annotations", "predictions", "from_name", "result"}:
        return ANNOTATIONS
    if start.startswith("{"):
        if keys & {"segments", "word_segments", "fragments", "chunks"} and keys & {
            "start", "end", "begin", "timestamp", "text", "word", "lines"
        }:  # fmt: skip
            return "text"
        if "transcription" in keys and "offsets" in keys:
            return "text"
        if re.match(r'\{\s*"(text|language)"\s*:', start) and len(text) > 3000:
            return "text"
        if re.match(r'\{\s*"(segments|fragments|chunks|word_segments)"\s*:\s*\[\s*\]', start):
            return "text"
    listed = start.startswith("[") or keys & {"annotations", "labels", "spans", "events"}
    if not listed or not keys & {"start", "begin", "onset", "start_time", "start_ms", "start_s", "time"}:
        return ""
    ended = keys & {"end", "stop", "offset", "end_time", "end_ms", "end_s", "duration", "time"}
    if ended and keys & {"label", "class", "category", "value", "name", "event"}:
        return ANNOTATIONS
    return "text" if keys & {"end"} and keys & {"text", "word"} and start.startswith("[") else ""


def kinds_of(root: Path, paths: list[str]) -> list[str]:
    """The kind of every file of a listing: by name, and by `look` once for each name that recurs."""
    kinds: list[str] = []
    by_file: dict[str, str] = {}
    by_name: dict[str, str] = {}
    by_ending: dict[str, str] = {}
    groups: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    looks = 0
    for path in paths:
        folder, _, name = path.rpartition("/")
        ending = extension(name)
        if ending not in LOOKED_INTO:
            known = by_ending.get(ending)
            if known is None or known == "text":
                known = by_ending[ending] = kind_by_name(path)
            kinds.append(known)
            continue
        known = by_file.get(name)
        if known is not None:
            kinds.append(known)
            continue
        if not kind_by_name(path):
            by_file[name] = ""
            kinds.append("")
            continue
        pattern = re.sub(r"\d+", "#", name)
        kind = by_name.get(pattern)
        if kind is None:
            group = groups[folder.rpartition("/")[2], ending]
            if group.total() < LOOKS_A_GROUP and looks < MOST_LOOKS:
                kind = look(root / path)
                looks += 1
                group[kind] += 1
            else:
                kind = group.most_common(1)[0][0] if group else kind_by_name(path)
            by_name[pattern] = kind
        by_file[name] = kind
        kinds.append(kind)
    return kinds
