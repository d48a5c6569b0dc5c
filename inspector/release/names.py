"""Names for files and folders that every system and every loader takes, each given once."""

from __future__ import annotations

import hashlib
import re

LEFT_OUT = "manifest/left_out.parquet"
"""A release's list of the dataset's records that are not in it: `record_id` and `reason`."""
LONGEST = 100
"""Signs of one name: a path of three of them still fits everywhere."""
_REFUSED = re.compile(r"[^\w.\- +=@,()]")
_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))]
)


def safe(name: str) -> str:
    """The name with what some system refuses replaced by `_`: separators, control signs, a leading dot."""
    kept = _REFUSED.sub("_", name).rstrip(". ")
    if not kept or kept.startswith(".") or kept.partition(".")[0].lower() in _RESERVED:
        kept = f"_{kept.lstrip('.')}"
    if len(kept.encode("utf-8", "replace")) > LONGEST:
        stem, dot, ending = kept.rpartition(".")
        ending = dot + ending if stem and len(ending) <= 10 else ""
        mark = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
        head = kept.encode("utf-8", "ignore")[: LONGEST - len(ending) - 9].decode("utf-8", "ignore")
        kept = f"{head}-{mark}{ending}"
    return kept.encode("utf-8", "replace").decode()


_OURS = frozenset(["manifest", "shared", "release.json", "release.sha256", "croissant.json", "readme.md"])


def split_folder(split: str) -> str:
    """The folder of a split, whose name comes from the dataset: one of its own, below the release."""
    name = safe(split)
    return f"_{name}" if name.casefold() in _OURS else name


class Names:
    """Gives each thing a name of its own in its folder, also where upper and lower case are one."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, folder: str, name: str) -> str:
        """`folder/name`, made safe; a number stands before the extension from the second of a name on."""
        stem, dot, ending = safe(name).rpartition(".")
        if not stem:
            stem, dot, ending = ending, "", ""
        number, found = 1, f"{folder}/{stem}{dot}{ending}".lstrip("/")
        while found.casefold() in self._taken:
            number += 1
            found = f"{folder}/{stem}-{number}{dot}{ending}".lstrip("/")
        self._taken.add(found.casefold())
        return found
