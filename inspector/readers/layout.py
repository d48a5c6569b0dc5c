"""Which files make a record, told from a listing of relative paths alone.

`tell` is pure: paths and what kind of file each is go in, records come out. Every file is in exactly one
record or left over, and no two records share an id. The rules are tried in this order (metadata files, the
first of all, are `inspector.readers.metadata`):

1. modality folders that share stems: `video/a.mp4`, `audio/a.wav`;
2. one folder a record: the same names or roles recur in sibling folders, as `s1/front.mp4`, `s2/front.mp4`;
3. each stem is a record, but a lone folder with at most one file a modality is one record.

The walk starts at the deepest folder that holds every usable file. Folders named train, test and the like
are laid out each on its own. Stream ids count from the record's folder: the folder that holds the modality
folders, the record's own folder, or the folder that the stem lies in.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inspector.media.told import in_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ANNOTATIONS = "annotations"
"""The kind of a file of labels: part of a record, but no stream."""

LABEL_ENDINGS = frozenset(("eaf", "textgrid"))
"""Extensions of annotators' files, which are named after their recording: `s1_ann.eaf`, `s1_bo.eaf`."""

SPLITS = frozenset(in_row("train training test testing val valid validation dev eval evaluation"))
"""Names of folders that part a dataset instead of naming a record."""

MODALITY_WORDS = frozenset(
    in_row(
        "video videos film films audio audios sound sounds wav wavs mp3 text texts transcript "
        "transcripts caption captions subtitle subtitles srt vtt words image images frames rgb depth "
        "sensor sensors imu csv labels annotations annotation"
    )
)
"""Names of folders that hold one kind of file, even if something else lies among it."""

_LANGUAGE = re.compile(r"^(?P<stem>.+)\.[A-Za-z]{2,3}(?:-[A-Za-z]{2,4})?$")
_SHOWN = 5


@dataclass(slots=True)
class Layout:
    """What `tell` found. `record_of` has one entry a path, -1 where no record took it."""

    kind: str
    sentence: str
    ids: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    """For each record the folder that its stream ids count from, "" for the root."""
    splits: list[str] | None = None
    """For each record the split that it lies in, None where the dataset has none."""
    record_of: list[int] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    """A layout while it is being made: one entry a record, `key` being the path that tells it apart."""

    kind: str
    sentence: str
    keys: list[str]
    folders: list[str]
    files: list[list[int]]
    ambiguous: list[str]
    by_folder: bool = False


class _Files:
    """The usable paths, taken apart once."""

    def __init__(self, paths: Sequence[str], kinds: Sequence[str]) -> None:
        self.kinds = kinds
        self.usable = [index for index, kind in enumerate(kinds) if kind]
        self.dirs: dict[int, str] = {}
        self.stems: dict[int, str] = {}
        self.named_after: set[int] = set()
        self._whole: dict[str, list[int]] = {}
        for index in self.usable:
            folder, _, name = paths[index].rpartition("/")
            self.dirs[index] = folder
            self.stems[index] = stem_of(name)
            if name.rpartition(".")[2].lower() in LABEL_ENDINGS:
                self.named_after.add(index)

    def below(self, index: int, base: str) -> str:
        """The path of a file below `base`, without its extension."""
        folder = self.dirs[index]
        inner = folder[len(base) + 1 if base else 0 :]
        return f"{inner}/{self.stems[index]}" if inner else self.stems[index]

    def children(
        self, members: Iterable[int], base: str, depth: int = 1
    ) -> tuple[dict[str, list[int]], list[int]]:
        """Members by the folder `depth` levels below `base`, and those that lie higher up."""
        folders: dict[str, list[int]] = defaultdict(list)
        outside: list[int] = []
        cut = len(base) + 1 if base else 0
        for folder, inside in self._by_dir(members).items():
            parts = folder[cut:].split("/") if len(folder) > cut else []
            if len(parts) >= depth:
                folders[folder[:cut] + "/".join(parts[:depth])] += inside
            else:
                outside += inside
        return dict(folders), outside

    def _by_dir(self, members: Iterable[int]) -> dict[str, list[int]]:
        whole = members is self.usable
        if whole and self._whole:
            return self._whole
        by_dir: dict[str, list[int]] = defaultdict(list)
        for index in members:
            by_dir[self.dirs[index]].append(index)
        if whole:
            self._whole = by_dir
        return by_dir


def stem_of(name: str) -> str:
    """A file's name without its last extension; a name that is nothing but extension is kept whole."""
    stem, dot, _ = name.rpartition(".")
    return stem if dot and stem else name


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key that puts rec_2 before rec_10."""
    return [
        (0, int(part), "") if part.isdecimal() and len(part) < 19 else (1, 0, part)
        for part in re.split(r"(\d+)", text)
    ]


def common_folder(folders: Iterable[str]) -> str:
    """The deepest folder that all of these lie in, "" for the root."""
    names = set(folders)
    if not names:
        return ""
    if len(names) == 1:
        return names.pop()
    low, high = min(names).split("/"), max(names).split("/")
    shared: list[str] = []
    for a, b in zip(low, high, strict=False):
        if a != b:
            break
        shared.append(a)
    # Only the two outermost were looked at: "a-b" sorts between "a" and "a/b", so all are checked.
    while shared and not all(f"{name}/".startswith("/".join(shared) + "/") for name in names):
        shared.pop()
    return "/".join(shared)


def tell(paths: Sequence[str], kinds: Sequence[str], root_name: str) -> Layout:
    """The records of a listing.

    `paths` are relative with `/`; `kinds[i]` is a modality, ANNOTATIONS, or "" for a file that nothing here
    reads (which is left over). `root_name` names the record of a lone folder that is the root itself.
    """
    files = _Files(paths, kinds)
    layout = Layout("nothing", "No file here is one that Inspector reads", record_of=[-1] * len(paths))
    if not files.usable:
        return layout
    base = common_folder({files.dirs[index] for index in files.usable})
    children, direct = files.children(files.usable, base)
    if len(children) > 1 and not direct and all(_last(name).lower() in SPLITS for name in children):
        parts = [(_last(name), members) for name, members in sorted(children.items())]
    else:
        parts = [("", files.usable)]
    merged: list[tuple[str, str, str, list[int]]] = []
    sentences: dict[str, list[str]] = {}
    for split, members in parts:
        found = _lay(files, members, lone=not split)
        layout.kind = found.kind
        sentences.setdefault(found.sentence, []).append(split)
        layout.ambiguous += [f"{split}: {text}" if split else text for text in found.ambiguous]
        ids = _ids(files, found, root_name)
        merged += [(ids[row], found.folders[row], split, found.files[row]) for row in range(len(ids))]
    layout.sentence = "; ".join(
        f"{', '.join(names)}: {text}" if len(sentences) > 1 else text for text, names in sentences.items()
    )
    if parts[0][0]:
        taken = Counter(row[0] for row in merged)
        merged = [(f"{row[2]}/{row[0]}" if taken[row[0]] > 1 else row[0], *row[1:]) for row in merged]
        layout.sentence += f"; split in {', '.join(name for name, _ in parts)}"
    _fill(layout, paths, merged, with_splits=bool(parts[0][0]))
    return layout


def _fill(
    layout: Layout, paths: Sequence[str], merged: list[tuple[str, str, str, list[int]]], with_splits: bool
) -> None:
    taken: Counter[str] = Counter()
    unique: list[tuple[str, str, str, list[int]]] = []
    # Where two would be named alike the number goes by what they hold, not by how the disk lists it.
    merged = sorted(merged, key=lambda row: (row[1], min(paths[index] for index in row[3])))
    for record_id, folder, split, members in merged:
        taken[record_id] += 1
        name = record_id
        while taken[record_id] > 1 and taken[name]:
            name = f"{record_id} ({taken[record_id]})"
            taken[record_id] += 1
        taken[name] += name != record_id
        unique.append((name, folder, split, members))
    unique.sort(key=lambda row: natural(row[0]))
    layout.ids = [row[0] for row in unique]
    layout.folders = [row[1] for row in unique]
    layout.splits = [row[2] for row in unique] if with_splits else None
    for number, row in enumerate(unique):
        for index in row[3]:
            layout.record_of[index] = number


def _lay(files: _Files, members: list[int], lone: bool) -> _Found:
    base = common_folder({files.dirs[index] for index in members})
    children, direct = files.children(members, base)
    return (
        _modality_folders(files, base, children, direct)
        or _record_folders(files, base, members)
        or _stems(files, base, members, lone and not children)
    )


def _ids(files: _Files, found: _Found, root_name: str) -> list[str]:
    """The stem where a record's files share one (its key where that repeats), else the folder, else the root.

    In record folders that holds only if most records with several files do share a stem: a record that lost
    all but one file keeps the kind of name that its siblings have.
    """
    shared: list[str | None] = []
    several = agree = 0
    for members in found.files:
        stems = {_plain(files.stems[index]) for index in members}
        shared.append(next(iter(stems)) if len(stems) == 1 else None)
        several += len(members) > 1
        agree += len(members) > 1 and len(stems) == 1
    if found.by_folder and several and agree * 2 <= several:
        shared = [None] * len(shared)
    repeats = Counter(stem for stem in shared if stem is not None)
    ids: list[str] = []
    for key, folder, stem, members in zip(found.keys, found.folders, shared, found.files, strict=True):
        if stem is None:
            ids.append(key or folder or root_name)
        elif repeats[stem] == 1:
            ids.append(stem)
        elif found.by_folder:
            direct = all(files.dirs[index] == folder for index in members)
            ids.append(f"{folder}/{stem}" if direct and folder else folder or stem)
        else:
            ids.append(key or stem)
    return ids


def _plain(stem: str) -> str:
    match = _LANGUAGE.match(stem)
    return match["stem"] if match else stem


def _by_key(files: _Files, keyed: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    """Files by key; where `a` exists a text `a.en` goes to it, as downloaders name subtitles, and so does an
    annotator's file `a_ann`, of several to the longest."""
    pairs = list(keyed)
    known = {key for key, _ in pairs}
    others = {key for key, index in pairs if index not in files.named_after}
    groups: dict[str, list[int]] = defaultdict(list)
    for key, index in pairs:
        if index in files.named_after and key not in others:
            cuts = [sign.start() for sign in re.finditer(r"[_\-. ]", key)]
            key = next((key[:cut] for cut in reversed(cuts) if key[:cut] in others), key)
        match = _LANGUAGE.match(key) if files.kinds[index] in ("text", ANNOTATIONS) else None
        groups[match["stem"] if match and match["stem"] in known else key].append(index)
    return dict(groups)


def _modality_folders(
    files: _Files, base: str, children: dict[str, list[int]], direct: list[int]
) -> _Found | None:
    modal: dict[str, set[str]] = {}
    for name, members in children.items():
        held = {files.kinds[index] for index in members}
        if len(held) == 1 or _last(name).lower() in MODALITY_WORDS:
            modal[name] = held
    if len(modal) < 2:
        return None
    where: dict[str, set[str]] = defaultdict(set)
    for name in modal:
        for index in children[name]:
            where[files.below(index, name)].add(name)
    sharing = set().union(*(names for names in where.values() if len(names) > 1))
    rest = [index for name in children.keys() - modal.keys() for index in children[name]]
    inside = sum(len(children[name]) for name in modal)
    if len(set().union(*(modal[name] for name in sharing))) < 2 or inside < len(rest) + len(direct):
        return None
    keyed = [(files.below(index, name), index) for name in modal for index in children[name]]
    keyed += [(files.below(index, base), index) for index in (*rest, *direct)]
    groups = _by_key(files, keyed)
    names = sorted(_last(name) for name in modal)
    alone = [key for key in groups if len(groups[key]) == 1]
    ambiguous = []
    if alone and len(alone) < len(groups):
        ambiguous.append(f"{_count(alone, 'stem')} in one modality folder only: {_some(alone)}")
    if rest:
        ambiguous.append(f"{_some({_last(files.dirs[i]) for i in rest})}: no modality folder, read by stem")
    prefix = f"{base}/" if base else ""
    repeats = Counter(key.rpartition("/")[2] for key in groups)
    return _Found(
        "modality folders",
        f"Modality folders that share stems: {_some(names)}" + (f", below {base}" if base else ""),
        [key if repeats[key] == 1 else prefix + key for key in groups],
        [base] * len(groups),
        list(groups.values()),
        ambiguous,
    )


def _record_folders(files: _Files, base: str, members: list[int]) -> _Found | None:
    """The highest level of folders below `base` whose siblings share names; one further down where the
    folders there share names of several modalities, for those are recordings of their own."""
    deepest = max((files.dirs[index].count("/") + 1 for index in members if files.dirs[index]), default=0)
    level = base.count("/") + 1 if base else 0
    for depth in range(1, deepest - level + 1):
        folders, outside = files.children(members, base, depth)
        if len(outside) * 2 > len(members):
            return None
        shared, _ = _recurring(files, folders)
        if shared:
            break
    else:
        return None
    ambiguous = []
    while True:
        deeper, above = files.children(members, base, depth + 1)
        if len(above) > len(outside):
            break
        names, multimodal = _recurring(files, deeper)
        parents = {name.rpartition("/")[0] for name in multimodal}
        if not parents or len(parents) * 2 < len(folders):
            break
        ambiguous.append(
            f"Folders share names at two levels, {_some(sorted(folders))} and {_some(sorted(deeper))}: the "
            "inner ones are the records, since each holds several modalities"
        )
        depth, folders, outside, shared = depth + 1, deeper, above, names
    odd = sorted(name for name in folders if name not in shared)
    if odd:
        ambiguous.append(
            f"{_some(odd)}: no file name shared with a sibling folder, read as a record all the same"
        )
    if outside:
        lying = [files.below(index, "") for index in outside]
        ambiguous.append(f"{_count(lying, 'file')} above the records' folders left over: {_some(lying)}")
    kinds = {files.kinds[index] for index in members}
    if len(kinds) == 1:
        ambiguous.append(
            f"All files are {next(iter(kinds))}: the folders could be classes instead of records"
        )
    example = next(iter(shared.values()))
    where = f" below {base}" if base else ""
    return _Found(
        "record folders",
        f"One folder a record: {len(folders)} folders{where} in which the same names recur, as {example}",
        list(folders),
        list(folders),
        list(folders.values()),
        ambiguous,
        by_folder=True,
    )


_Key = tuple[str, str]


def _recurring(files: _Files, folders: dict[str, list[int]]) -> tuple[dict[str, str], set[str]]:
    """Folders that share a name or role with a sibling, each with an example; and those that share names of
    two or more modalities. A role is a name without its digits and its folder's name, once a folder."""
    exact: dict[str, tuple[_Key, ...]] = {}
    for name, members in folders.items():
        inner = common_folder({files.dirs[index] for index in members})
        exact[name] = tuple(sorted((files.below(index, inner), files.kinds[index]) for index in members))
    shared, kinds = _shared(exact)
    if len(shared) < len(folders):
        roles = {name: _roles(keys, _last(name)) for name, keys in exact.items()}
        by_role, role_kinds = _shared(roles)
        shared = by_role | shared
        for name, held in role_kinds.items():
            kinds[name] = kinds.get(name, frozenset()) | held
    return shared, {name for name, held in kinds.items() if len(held - {ANNOTATIONS}) > 1}


def _shared(keyed: dict[str, tuple[_Key, ...]]) -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    """Which keys each folder has in common with a sibling: the first of them, and their kinds.

    Folders are counted by their whole list of keys, of which a large dataset has few.
    """
    alike: dict[str, Counter[tuple[_Key, ...]]] = defaultdict(Counter)
    for name, keys in keyed.items():
        alike[name.rpartition("/")[0]][keys] += 1
    common: dict[tuple[str, tuple[_Key, ...]], list[_Key]] = {}
    for parent, lists in alike.items():
        counts: Counter[_Key] = Counter()
        for keys, number in lists.items():
            for key in set(keys):
                counts[key] += number
        for keys in lists:
            common[parent, keys] = [key for key in keys if counts[key] > 1]
    examples: dict[str, str] = {}
    kinds: dict[str, frozenset[str]] = {}
    for name, keys in keyed.items():
        found = common[name.rpartition("/")[0], keys]
        if found:
            examples[name] = found[0][0]
            kinds[name] = frozenset(kind for _, kind in found)
    return examples, kinds


def _roles(keys: tuple[_Key, ...], folder: str) -> tuple[_Key, ...]:
    counts = Counter((role, kind) for below, kind in keys if (role := _role(below, folder)))
    return tuple(sorted(key for key, number in counts.items() if number == 1))


def _role(below: str, folder: str) -> str:
    text = below.lower().replace(folder.lower(), "") if folder else below.lower()
    text = re.sub(r"[\d_\-. ]+", "", text)
    return text if any(char.isalpha() for char in text) else ""


def _stems(files: _Files, base: str, members: list[int], leaf: bool) -> _Found:
    held = Counter(files.kinds[index] for index in members)
    if leaf and all(count < 2 for kind, count in held.items() if kind != ANNOTATIONS):
        stems = {files.stems[index] for index in members}
        ambiguous = []
        if len(stems) > 1:
            ambiguous.append(
                "One folder with at most one file a modality: read as one record, not as one a stem"
            )
        return _Found(
            "one record",
            "One folder with at most one file a modality: one record",
            [base],
            [base],
            [members],
            ambiguous,
        )
    groups: dict[str, list[int]] = {}
    by_folder: dict[str, list[int]] = defaultdict(list)
    for index in members:
        by_folder[files.dirs[index]].append(index)
    ambiguous = []
    folders: list[str] = []
    for folder, inside in by_folder.items():
        keyed = _by_key(files, ((files.stems[index], index) for index in inside))
        ambiguous += _prefixed(files, keyed)
        for stem, each in keyed.items():
            groups[f"{folder}/{stem}" if folder else stem] = each
            folders.append(folder)
    labels = [key for key, each in groups.items() if all(files.kinds[i] == ANNOTATIONS for i in each)]
    if labels and len(labels) < len(groups):
        ambiguous.append(f"Labels with no data of their stem, each a record of its own: {_some(labels)}")
    sentence = f"Files of one stem make a record: {_count(groups, 'stem')} in {_count(by_folder, 'folder')}"
    if len(ambiguous) > _SHOWN:
        ambiguous[_SHOWN - 1 :] = [f"and {len(ambiguous) - _SHOWN + 1} more like these"]
    return _Found("stems", sentence, list(groups), folders, list(groups.values()), ambiguous)


def _prefixed(files: _Files, groups: dict[str, list[int]]) -> list[str]:
    """What by its name could belong to a longer record: `song_en.vtt` beside `song.mp3`."""
    told = []
    for stem, members in groups.items():
        if any(files.kinds[index] not in ("text", ANNOTATIONS) for index in members):
            continue
        cuts = [match.start() for match in re.finditer(r"[_\-. ]", stem) if match.start()]
        owner = next((stem[:cut] for cut in reversed(cuts) if stem[:cut] in groups), None)
        if owner is not None:
            told.append(
                f"{stem} could belong to {owner} by its name; the stems differ, so it is a record of its own"
            )
    return told


def _last(folder: str) -> str:
    return folder.rpartition("/")[2]


def _count(things: Iterable[object], noun: str) -> str:
    number = sum(1 for _ in things)
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    text = ", ".join(listed[:_SHOWN])
    return text + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
