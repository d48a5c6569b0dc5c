"""Which record of a delivery is which old one, and which files are still on their way.

Records that kept name and content go first, then contents that are now under another name, then those that
share a file with one old record alone, then those that kept their name.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from inspector.release.seen import assets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from inspector.release.plan import Opened
    from inspector.release.seen import Asset

YOUNG_S = 120.0
"""A file that was written to so recently is looked at again before the list is told."""
AGAIN_S = 1.0
"""After so long."""
ENDINGS = (".part", ".partial", ".crdownload", ".download", ".tmp", ".filepart", ".aria2", "~")
"""Of files that a program is still writing."""


# -- which record is which ---------------------------------------------------------------------------------


def matched(
    old: Mapping[str, str],
    new: Mapping[str, str],
    old_assets: Callable[[str], Sequence[Asset]],
    new_assets: Callable[[str], Sequence[Asset]],
) -> dict[str, str]:
    """The old id of each new one that there was before under some name."""
    pairs = {each: each for each, identity in new.items() if old.get(each) == identity}
    left_old = {each: identity for each, identity in old.items() if each not in pairs}
    left_new = {each: identity for each, identity in new.items() if each not in pairs}
    # Equal contents under several names are paired only where there is no choice.
    _pair_by(
        pairs,
        left_old,
        left_new,
        {k: [v] for k, v in left_old.items()},
        {k: [v] for k, v in left_new.items()},
    )
    if left_old and left_new:
        keys_old = {each: _keys(old_assets(each)) for each in left_old}
        keys_new = {each: _keys(new_assets(each)) for each in left_new}
        _pair_by(pairs, left_old, left_new, keys_old, keys_new)
    for each in [each for each in left_new if each in left_old]:
        pairs[each] = each
        del left_new[each], left_old[each]
    return pairs


def _keys(assets: Iterable[Asset]) -> list[str]:
    return [f"{each.content} {each.part}" for each in assets if each.content not in ("gone", "unreadable")]


def _pair_by(
    pairs: dict[str, str],
    left_old: dict[str, str],
    left_new: dict[str, str],
    keys_old: Mapping[str, Iterable[str]],
    keys_new: Mapping[str, Iterable[str]],
) -> None:
    """Pair what has most keys in common, of keys that one record alone has on either side."""
    owners = _owners(keys_old), _owners(keys_new)
    shared: Counter[tuple[str, str]] = Counter()
    for key, was in owners[0].items():
        now = owners[1].get(key)
        if was is not None and now is not None:
            shared[now, was] += 1
    # The same name goes first where as much is shared, then the order of names.
    for (now, was), _ in sorted(
        shared.items(), key=lambda each: (-each[1], each[0][0] != each[0][1], each[0])
    ):
        if now in left_new and was in left_old:
            pairs[now] = was
            del left_new[now], left_old[was]


def _owners(keys: Mapping[str, Iterable[str]]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for owner, its in keys.items():
        for key in set(its):
            found[key] = None if key in found else owner
    return found


# -- what is still being written ---------------------------------------------------------------------------


def underway(
    session: Opened,
    pairs: Mapping[str, str],
    old: Mapping[str, str],
    new: Mapping[str, str],
    started: float,
) -> dict[str, list[str]]:
    """Records of which a file is still being written, with these files: looked at twice where it is young."""
    young: dict[str, list[Asset]] = defaultdict(list)
    for now in new:
        if now in pairs and old[pairs[now]] == new[now]:
            continue
        for each in assets_of(session.desk, session.root, now):
            if started - each.mtime_ns / 1e9 < YOUNG_S:
                young[now].append(each)
    found: dict[str, list[str]] = {}
    if not young:
        return found
    time.sleep(max(AGAIN_S - (time.time() - started), 0))
    for record_id, assets in young.items():
        for each in assets:
            try:
                stat = os.stat(session.root / each.path)
                grown = (stat.st_size, stat.st_mtime_ns) != (each.bytes, each.mtime_ns)
            except OSError:
                grown = True
            if grown or each.bytes == 0 or _hollow(session.root / each.path, each.bytes):
                found.setdefault(record_id, []).append(each.path)
    return found


def is_young(path: Path) -> bool:
    """Whether a file was written to a moment ago: one that cannot be read then may not be whole yet."""
    try:
        return time.time() - path.stat().st_mtime < YOUNG_S
    except OSError:
        return False


def _hollow(path: Path, size: int) -> bool:
    """Whether a file ends in nothing but zeros: its place was taken before its bytes came."""
    if size < 1 << 16:
        return False
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(size - (1 << 14))
            return not any(file.read(1 << 14))
    except OSError:
        return False


def unfinished(session: Opened) -> set[str]:
    """Files that no record took and that are named as what a program is still writing."""
    return {
        each
        for each in session.dataset.leftover
        if each.lower().endswith(ENDINGS) or (os.path.basename(each).startswith(".") and each.count(".") > 2)
    }
