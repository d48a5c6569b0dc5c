"""Which channels of a sensor share a plot: by what they measure and by their names, never dropping one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 8
"""Curves that one plot carries readably."""

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_UNIT = re.compile(r"[\[(]([^\])]+)[\])]\s*$")
_SAID_BY = {
    "acceleration": "acc accel acceleration accelerometer",
    "rotation rate": "gyr gyro gyroscope",
    "magnetic field": "mag magnetometer",
    "orientation": "quat quaternion",
    "position": "pos position",
    "velocity": "vel velocity",
    "temperature": "temp temperature",
    "heart rate": "hr heartrate",
    **{word: word for word in ("effort", "torque", "force", "current", "voltage", "pressure")},
    **{word.upper(): word for word in ("ecg", "eeg", "emg", "eda")},
}
_QUANTITIES = {word: quantity for quantity, words in _SAID_BY.items() for word in words.split()}
"""Words in channel names that say what is measured."""


@dataclass(frozen=True, slots=True)
class Group:
    """Channels of one plot: a title for it, empty where it is the whole stream."""

    title: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Name:
    """A channel's name in parts: its words, and what it measures as far as the name says."""

    channel: str
    words: tuple[str, ...]
    quantity: str


def group_channels(channels: Sequence[str]) -> tuple[Group, ...]:
    """Plots for a stream's channels: by quantity or unit, then by common beginnings, at most MOST each.

    Neighbours that share a beginning are joined again while they fit (shoulder, elbow and wrist of one arm
    make one plot). Names without a word in common share plots in their order, and those alone in their kind
    are kept together in one.
    """
    names = [_name(channel) for channel in channels]
    kinds: dict[str, list[_Name]] = {}
    for name in names:
        kinds.setdefault(name.quantity, []).append(name)
    alone = [members[0] for members in kinds.values() if len(members) == 1]
    groups: list[list[_Name]] = []
    for members in kinds.values():
        if len(members) > 1:
            groups += _split(members, 0)
    if alone:
        groups.append(alone)
    groups = _gather_singles(groups)
    groups.sort(key=lambda group: channels.index(group[0].channel))
    if len(groups) <= 1:
        return (Group("", tuple(channels)),)
    return tuple(Group(_title(group, names), tuple(name.channel for name in group)) for group in groups)


def _name(channel: str) -> _Name:
    unit = _UNIT.search(channel)
    bare = channel[: unit.start()] if unit else channel
    words = tuple(_TOKEN.findall(bare)) or (bare,)
    said = next((found for word in words if (found := _QUANTITIES.get(word.lower()))), "")
    return _Name(channel, words, f"{said} {unit[1]}" if unit else said)


def _split(names: list[_Name], depth: int) -> list[list[_Name]]:
    """Groups of at most MOST by the word at `depth` and on, neighbours joined where they fit."""
    if len(names) <= MOST:
        return [names]
    by_word: dict[str, list[_Name]] = {}
    for name in names:
        by_word.setdefault(name.words[depth] if depth < len(name.words) else "", []).append(name)
    if len(by_word) == 1:
        if all(depth >= len(name.words) for name in names):
            return _even(names)
        return _split(names, depth + 1)
    if all(word.isdigit() or len(group) == 1 for word, group in by_word.items()):
        return _even(names)  # numbered or unlike: nothing to tell them apart by but their order
    joined: list[list[_Name]] = []
    for group in by_word.values():
        for part in _split(group, depth + 1):
            fits = joined and len(group) <= MOST and len(joined[-1]) + len(part) <= MOST
            # Unlike first words are mostly unlike things; only pairs are not worth a row each.
            if fits and (depth or len(part) <= 2):
                joined[-1] = joined[-1] + part
            else:
                joined.append(part)
    return joined


def _even(names: list[_Name]) -> list[list[_Name]]:
    """As few runs as hold them all, none longer than MOST, of nearly one length."""
    runs = -(-len(names) // MOST)
    return [
        [name for _, name in run]
        for _, run in groupby(enumerate(names), key=lambda each: each[0] * runs // len(names))
    ]


def _gather_singles(groups: list[list[_Name]]) -> list[list[_Name]]:
    """Put groups of one together: a plot for a single leftover channel is a row wasted."""
    singles = [group[0] for group in groups if len(group) == 1]
    rest = [group for group in groups if len(group) > 1]
    return [*rest, singles] if singles else rest


def _title(group: list[_Name], all_names: list[_Name]) -> str:
    """The words that a group's names begin with, less those that every name of the stream begins with."""
    if len(group) == 1:
        return group[0].channel
    skip = len(_common([name.words for name in all_names]))
    shared = _common([name.words for name in group])
    words = [word for word in shared[skip:] if not word.isdigit()] or list(shared[skip:])
    kinds = {name.quantity for name in group}
    kind = kinds.pop() if len(kinds) == 1 else None
    if words and len(shared) > skip:
        # Two plots of one arm begin alike: say where each goes on, and what it measures.
        others = [name for name in all_names if name not in group and name.words[: len(shared)] == shared]
        if any(name.quantity in (kind, "") for name in others):
            parts = [name.words[len(shared)] for name in group if len(name.words) > len(shared)]
            words += ["–".join(dict.fromkeys((parts[0], parts[-1])))] if parts else []
        if kind and any(name.quantity != kind for name in others):
            words.append(kind)
        return " ".join(words).lower()
    if kind is None:
        return "other channels"
    return kind or f"{group[0].channel}–{group[-1].channel}"


def _common(names: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The words that all names begin with."""
    shared: list[str] = []
    for words in zip(*names, strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return tuple(shared)
