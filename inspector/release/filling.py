"""The files of a release while they are made: by threads, or (`hands`) by a child or a cluster.

Each that is there is a line of DONE in the unfinished release, by which an interrupted run goes on.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.release.copying import changed, copy_hashed, hash_file, state_of
from inspector.release.hands import BATCH, MUCH, SMALL, WORTH, Hands
from inspector.release.shards import pack
from inspector.release.targets import Asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspector.release.hands import Copies
    from inspector.release.plan import Opened
    from inspector.release.shards import Batch
    from inspector.release.targets import Laid, Piece

AT_A_TIME = 4
"""Files copied at once: reading, writing and hashing then go on beside each other."""
DONE = "done.jsonl"


@dataclass(slots=True)
class _Handed:
    """Files that are copied together elsewhere; `made` gives what became of them by path."""

    pieces: list[Piece] = field(default_factory=list)
    homes: dict[str, None] = field(default_factory=dict)
    records: int = 0
    size: int = 0
    made: Future[dict[str, Asset]] = field(default_factory=Future)


class Files:
    """The files of one run, below `part`. To be used by one thread, and closed.

    `kept` are the lines of DONE, `origin` names what a staged file was made of, `records` is how many come.
    `far` copies all that is not made here; without it many small files go to a child.
    """

    def __init__(
        self,
        session: Opened,
        part: Path,
        kept: Mapping[str, list[Any]],
        origin: Mapping[Path, Path],
        records: int,
        far: Copies | None = None,
    ) -> None:
        self._identities = session.desk.identities
        self._root = str(session.root.resolve())
        self._part = part
        self._kept = kept
        self._origin = origin
        self._folders: set[str] = set()
        self._far = far is not None
        self._hands = Hands() if far is None and records >= WORTH else far
        self._pool = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="inspector-export")
        at_once = 1 if self._hands is None else self._hands.at_once
        self._handing = ThreadPoolExecutor(at_once, thread_name_prefix="inspector-hands")
        self._handed = _Handed()
        self._assets: dict[str, Future[dict[str, Asset]]] = {}
        """By path what tells of the file once it is there, and of those that are made with it."""
        self._states: dict[Path, tuple[int, int]] = {}
        self._copied: dict[str, tuple[int, int]] = {}
        """The same of what was copied elsewhere: a million `Path`s take three times as much memory."""
        self._done = (part / DONE).open("a", encoding="utf-8")

    def close(self) -> None:
        """End what is on its way, and whoever copies."""
        self._pool.shutdown(cancel_futures=True)
        self._handing.shutdown(cancel_futures=True)
        if self._hands is not None:
            self._hands.close()
        self._done.close()

    def begin(self, laid: Laid) -> None:
        """Have the record's files made: large ones each by itself, small ones one after the other."""
        small: dict[str, Piece] = {}
        for piece in laid.pieces:
            if (not piece.shared and laid.shard is not None) or piece.path in self._assets:
                continue
            home = piece.path.rpartition("/")[0]
            if self._hands is not None and piece.make is None and piece.path not in self._kept:
                self._handed.homes[f"{self._part}/{home}"] = None
                self._handed.pieces.append(piece)
                if self._far and piece.source is not None:
                    self._handed.size += state_of(piece.source)[0]
                self._assets[piece.path] = self._handed.made
                continue
            if home not in self._folders:
                (self._part / home).mkdir(parents=True, exist_ok=True)
                self._folders.add(home)
            if piece.source is not None and state_of(piece.source)[0] <= SMALL:
                small[piece.path] = piece
            else:
                self._assets[piece.path] = self._pool.submit(self._make_all, [piece])
        if small:
            made = self._pool.submit(self._make_all, list(small.values()))
            self._assets |= dict.fromkeys(small, made)
        self._handed.records += 1
        if self._handed.records >= BATCH or self._handed.size >= MUCH:
            self._hand_over()

    def made(self, path: str) -> Asset:
        """A file that was begun, once it is there. InspectorError and OSError of `copying.copy_hashed`."""
        future = self._assets[path]
        if future is self._handed.made:
            self._hand_over()
        return future.result()[path]

    def forget(self, path: str) -> None:
        """The file is not asked for again."""
        self._assets.pop(path, None)

    def pack(self, batch: Batch) -> Future[tuple[Asset, dict[str, Asset]]]:
        """Have a batch's shard written."""
        shard = batch.shard
        assert shard is not None
        to = self._part / shard.path
        to.parent.mkdir(parents=True, exist_ok=True)
        kept = self._kept.get(shard.path)
        return self._pool.submit(pack, batch, to, kept, self._states, self._named, self._done.write)

    def check(self) -> None:
        """InspectorError where a source is another than it was when it was copied."""
        for source, state in self._states.items():
            if state_of(source) != state:
                raise changed(source)
        for path, state in self._copied.items():
            if state_of(path) != state:
                raise changed(Path(path))

    def _hand_over(self) -> None:
        """Have what was gathered copied elsewhere."""
        handed, self._handed = self._handed, _Handed()
        if handed.pieces:
            self._handing.submit(self._make_apart, handed)

    def _make_apart(self, handed: _Handed) -> None:
        try:
            handed.made.set_result(self._made_apart(handed))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the files is told
            handed.made.set_exception(error)

    def _made_apart(self, handed: _Handed) -> dict[str, Asset]:
        assert self._hands is not None
        sources = [str(piece.source) for piece in handed.pieces]
        places = [f"{self._part}/{piece.path}" for piece in handed.pieces]
        copies = self._hands.copy(list(zip(sources, places, strict=True)), list(handed.homes))
        found: dict[str, Asset] = {}
        for piece, source, copied in zip(handed.pieces, sources, copies, strict=True):
            if copied is None:
                found[piece.path] = self._make(piece)
                continue
            state = self._copied[source] = (copied.size, copied.mtime_ns)
            if copied.content and piece.source not in self._origin:
                self._identities.know(source, *state, copied.content)
            found[piece.path] = self._noted(piece, state, copied.size, copied.sha256)
        return found

    def _make_all(self, pieces: list[Piece]) -> dict[str, Asset]:
        return {piece.path: self._make(piece) for piece in pieces}

    def _make(self, piece: Piece) -> Asset:
        to = self._part / piece.path
        state = (0, 0)
        if piece.source is not None:
            state = self._states[piece.source] = state_of(piece.source)
        # What is made of no file is made of what was decided, which may have changed since.
        kept = None if piece.source is None else self._kept.get(piece.path)
        if kept is not None and kept[0] == list(state) and kept[3] == piece.change:
            with suppress(OSError):
                if hash_file(to) == (kept[1], kept[2]):
                    return self._asset(piece, kept[1], kept[2])
        if piece.make is None:
            assert piece.source is not None
            size, digest = copy_hashed(piece.source, to)
        else:
            piece.make(to)
            size, digest = hash_file(to)
        return self._noted(piece, state, size, digest)

    def _noted(self, piece: Piece, state: tuple[int, int], size: int, digest: str) -> Asset:
        self._done.write(json.dumps([piece.path, state, size, digest, piece.change]) + "\n")
        return self._asset(piece, size, digest)

    def _asset(self, piece: Piece, size: int, digest: str) -> Asset:
        made_from = None if piece.source is None else self._named(piece.source)
        return Asset(piece.path, size, digest, made_from, piece.change)

    def _named(self, source: Path) -> str:
        resolved = str(self._origin.get(source, source))
        below = resolved.startswith(self._root + os.sep)
        return resolved[len(self._root) + 1 :] if below else os.path.basename(resolved)
