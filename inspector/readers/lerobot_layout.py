"""Which files a LeRobot dataset has: its path templates, one walk of the tree, and the fence around the root.

Everything that `meta/info.json` says about paths was written by others. A template may only use the fields
of its version with plain integer widths (`str.format` would otherwise reach into objects), and no path
leaves the root, except into the `blobs` of a Hugging Face hub snapshot.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inspector.core.model import Problem
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

KEY_FIELDS = frozenset({"video_key", "audio_key"})
"""The fields that hold the name of a feature."""

_WIDTH = re.compile(r"(?:0?(\d{1,2}))?d?")
DIGITS = 18
"""Of a number in a path, as many as fit 64 bits."""
LONGEST = 1000
"""Characters of a template."""
_SPREAD = 1 << 31
"""Chunk and number of a file in one int64: `chunk * _SPREAD + number`."""


class Fence:
    """The dataset's root, and what a path that was found in the data may point to."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._allowed = [self.root]
        if self.root.parent.name == "snapshots":  # of the Hugging Face hub: its files are links into blobs
            self._allowed.append(self.root.parent.parent / "blobs")

    def holds(self, real: Path) -> bool:
        """Whether a path without links in it may be read."""
        return any(real.is_relative_to(folder) for folder in self._allowed)

    def path(self, relative: str) -> Path:
        """The file of that name below the root; InspectorError for one that leads out, links followed."""
        if "\0" in relative or os.path.isabs(relative) or ".." in Path(relative).parts:
            raise InspectorError("A path in the dataset leads out of it", relative)
        path = self.root / relative
        try:
            inside = self.holds(path.resolve())
            kind = stat.S_IFMT(path.stat().st_mode) if inside and path.exists() else 0
        except UnicodeEncodeError:
            raise InspectorError("A path in the dataset is no Unicode", ascii(relative)[:200]) from None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise InspectorError("A path in the dataset is too long", f"{relative:.200}…") from None
            inside, kind = False, 0
        except RuntimeError:  # a ring of links
            inside, kind = False, 0
        if not inside:
            raise InspectorError("A link in the dataset leads out of it", relative)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):  # to open it could wait for ever
            raise InspectorError("A file of the dataset is a pipe, socket or device", relative)
        return path


@dataclass(frozen=True)
class Template:
    """A path template of info.json: `chunk` and `number` are the fields that count folders and files."""

    text: str
    chunk: str
    number: str

    @classmethod
    def parse(cls, text: object, chunk: str, number: str) -> Template:
        """Check a template; ValueError says in words what is wrong with it."""
        if not isinstance(text, str) or not text:
            raise ValueError("is not a path")
        if len(text) > LONGEST or not text.isprintable():
            raise ValueError("is too long, or holds signs that no path does")
        if text.startswith(("/", "\\", "~")) or ".." in text.split("/"):
            raise ValueError("leads out of the dataset")
        fields: Counter[str] = Counter()
        for _, name, width, conversion in Formatter().parse(text):
            if name is None:
                continue
            match = _WIDTH.fullmatch(width or "")
            plain = width == "" if name in KEY_FIELDS else match is not None and int(match[1] or 1) <= DIGITS
            fields[name] += 1
            if name not in KEY_FIELDS | {chunk, number} or conversion or not plain or fields[name] > 2:
                raise ValueError(f"uses {{{name}}} in a way that no LeRobot path does")
        if number not in fields:
            raise ValueError(f"lacks {{{number}}}")
        return cls(posixpath.normpath(text), chunk, number)

    def path(self, key: str, chunk: int, number: int) -> str:
        """The path, relative to the root, of one file."""
        values: dict[str, object] = dict.fromkeys(KEY_FIELDS, key)
        return self.text.format(**values, **{self.chunk: chunk, self.number: number})

    def patterns(self, key: str | None) -> tuple[str, str]:
        """Regular expressions, for Python and RE2, of the folder and of the name; any key where it is None.

        Groups are called chunk, number and key.
        """
        folder, _, name = self.text.rpartition("/")
        return self._pattern(folder, key), self._pattern(name, key)

    def _pattern(self, text: str, key: str | None) -> str:
        names = {self.chunk: "chunk", self.number: "number"}
        seen: set[str] = set()
        parts = []
        for literal, field, width, _ in Formatter().parse(text):
            parts.append(re.escape(literal))
            if field is None:
                continue
            if field in KEY_FIELDS:
                group, inner = "key", r"[^/]+" if key is None else re.escape(key)
            else:
                match = _WIDTH.fullmatch(width or "")
                digits = int(match[1] or 1) if match else 1
                group, inner = names[field], rf"[0-9]{{{max(digits, 1)},{DIGITS}}}"
            parts.append(f"(?:{inner})" if group in seen else f"(?P<{group}>{inner})")
            seen.add(group)
        return "".join(parts)


@dataclass(frozen=True)
class Found:
    """The files of one template in one folder: `at` are their places in the folder's listing."""

    folder: str
    at: NDArray[np.int64]
    chunk: NDArray[np.int64]
    number: NDArray[np.int64]

    @property
    def key(self) -> NDArray[np.int64]:
        """Chunk and number in one."""
        return spread(self.chunk, self.number)


def spread(chunk: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Chunk and number of files in one number each; −1 where either is no number of a file."""
    good = (chunk >= 0) & (number >= 0) & (chunk < _SPREAD) & (number < _SPREAD)
    return np.where(good, chunk * np.int64(_SPREAD) + number, -1)


class Tree:
    """Every file below the root by folder, listed once, with a mark on those that something took.

    Names starting with a dot are passed over, as are links out of the root, which become problems.
    """

    def __init__(self, fence: Fence) -> None:
        self.fence = fence
        self.problems: list[Problem] = []
        self.names: dict[str, pa.Array] = {}
        self._taken: dict[str, NDArray[np.bool_]] = {}
        self._odd: list[str] = []
        self._seen: set[str] = set()
        refused: list[str] = []
        todo = [""]
        while todo:
            folder = todo.pop()
            names, below = self._list(folder, refused)
            todo += below
            try:
                array = pa.array(names, pa.string())
            except UnicodeEncodeError:
                self._odd += [_join(folder, name) for name in names if not _utf8(name)]
                array = pa.array([name for name in names if _utf8(name)], pa.string())
            self.names[folder] = array
            self._taken[folder] = np.zeros(len(array), np.bool_)
        for name in refused[:20]:
            self.problems.append(
                Problem(name, "a link that leads out of the dataset is not followed", "the rest still opens")
            )
        if len(refused) > 20:
            self.problems.append(
                Problem(".", f"{len(refused) - 20} more links lead out and are not followed")
            )

    def find(self, template: Template, key: str = "") -> Iterator[Found]:
        """The files that a template with that key stands for."""
        in_folder, in_name = template.patterns(key)
        for folder, names in self.names.items():
            match = re.fullmatch(in_folder, folder)
            if match is None or not len(names):
                continue
            groups = pc.extract_regex(names, f"^(?P<whole>{in_name})$")
            at = np.flatnonzero(groups.is_valid().to_numpy(zero_copy_only=False))
            if not len(at):
                continue
            groups = groups.take(pa.array(at))
            numbers = {}
            for field in ("chunk", "number"):
                if groups.type.get_field_index(field) >= 0:
                    text = pc.struct_field(groups, field)
                    numbers[field] = pc.cast(text, pa.int64()).to_numpy(zero_copy_only=False)
                else:
                    value = int(match[field]) if field in match.re.groupindex else 0
                    numbers[field] = np.full(len(at), value, np.int64)
            yield Found(folder, at, numbers["chunk"], numbers["number"])

    def keys(self, template: Template) -> list[str]:
        """The names of features that a template's folders show, where info.json does not say."""
        in_folder, _ = template.patterns(None)
        matches = (re.fullmatch(in_folder, folder) for folder, names in self.names.items() if len(names))
        return sorted({match["key"] for match in matches if match and "key" in match.re.groupindex})

    def take(self, folder: str, at: NDArray[np.int64] | None = None) -> None:
        """Mark files of a folder (all of them without `at`) as taken."""
        if folder in self._taken:
            self._taken[folder][slice(None) if at is None else at] = True

    def take_below(self, folder: str) -> None:
        """Mark everything in a folder and below it as taken."""
        for each in self._taken:
            if each == folder or each.startswith(f"{folder}/"):
                self.take(each)

    def leftover(self) -> tuple[str, ...]:
        """The files that nothing took, sorted."""
        left = list(self._odd)
        for folder, taken in self._taken.items():
            if not taken.all():
                names = self.names[folder].filter(pa.array(~taken)).to_pylist()
                left += [_join(folder, name) for name in names]
        return tuple(sorted(name.encode("utf-8", "replace").decode() for name in left))

    def _list(self, folder: str, refused: list[str]) -> tuple[list[str], list[str]]:
        names: list[str] = []
        below: list[str] = []
        real = os.path.realpath(self.fence.root / folder)
        if not self.fence.holds(Path(real)):
            refused.append(folder)
            return names, below
        if real in self._seen:  # a link to a folder that is listed already
            return names, below
        self._seen.add(real)
        try:
            entries = os.scandir(real)
        except OSError as error:
            reason = error.strerror or str(error)
            self.problems.append(Problem(folder or ".", f"the folder cannot be listed: {reason}"))
            return names, below
        with entries:
            for entry in entries:
                name = entry.name
                if name.startswith("."):
                    continue
                if entry.is_symlink():
                    # Only the first step of the link is looked at here: Fence.path looks again on opening.
                    target = Path(os.path.normpath(os.path.join(real, os.readlink(entry.path))))
                    if not self.fence.holds(target):
                        refused.append(_join(folder, name))
                        continue
                if _is_dir(entry):
                    below.append(_join(folder, name))
                else:
                    names.append(name)
        return names, sorted(below, reverse=True)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class Places:
    """Where one feature's file of each episode lies; all arrays have a row an episode.

    `start_s` and `end_s` cut a part out of a film that holds several episodes, None for one file each.
    """

    template: Template
    key: str
    chunk: NDArray[np.int64]
    number: NDArray[np.int64]
    present: NDArray[np.bool_]
    start_s: NDArray[np.float64] | None = None
    end_s: NDArray[np.float64] | None = None

    def path(self, row: int) -> str:
        """The path of the episode's file, relative to the root; "" where the dataset names none."""
        if self.chunk[row] < 0 or self.number[row] < 0:
            return ""
        return self.template.path(self.key, int(self.chunk[row]), int(self.number[row]))


def combine(masks: Iterable[NDArray[np.bool_]], rows: int) -> NDArray[np.bool_]:
    """Where any of the masks is set."""
    result = np.zeros(rows, np.bool_)
    for mask in masks:
        result |= mask
    return result
