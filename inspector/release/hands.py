"""Files copied and hashed elsewhere: many small ones in a child, or all on a cluster's nodes, by batches.

A thread that copies a small file gives Python's lock away at every call and waits for it again: with records
of a few files that costs more than the copying. A child is told of many files at once, and also finds what
each is known by (`core.identity`) in the bytes that it has read anyway.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import uuid4

from inspector.core.identity import content_in
from inspector.errors import InspectorError
from inspector.release.copying import changed, copy_hashed, gone, state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULE = "inspector.release.hands"
WORTH = 500
"""Records from which on a child is worth its start."""
BATCH = 32
"""Records whose files a child is told of at once."""
SMALL = 1 << 18
"""Bytes of a file up to which a thread of its own is not worth while."""
MUCH = 1 << 28
"""Bytes that are handed out at once at most, but for a longer file."""
_PATIENCE_S = 300.0


class Copied(NamedTuple):
    """A file that was copied: what its source was (`copying.state_of`), its sha256, and its content's id.

    That is "" of a file that was not small.
    """

    size: int
    mtime_ns: int
    sha256: str
    content: str


class Copies(Protocol):
    """Who copies files elsewhere than in this process."""

    at_once: int
    """So many threads may ask at a time."""

    def copy(self, files: Sequence[tuple[str, str]], homes: Sequence[str]) -> list[Copied | None]:
        """Copy each (source, to), with the folders `homes` made before; None for what is to be copied here.

        InspectorError where a source changes or is gone, OSError where a target cannot be written, as
        `copying.copy_hashed` has them.
        """
        ...

    def close(self) -> None:
        """Let go of whoever copies."""
        ...


class Hands:
    """Copies small files in a child. To be asked by one thread, and closed."""

    at_once = 1

    def __init__(self) -> None:
        from inspector.media.child import Pool

        self._pool = Pool(MODULE)

    def copy(self, files: Sequence[tuple[str, str]], homes: Sequence[str]) -> list[Copied | None]:
        """As of Copies; None for one that is not small, and for all where the child is gone."""
        try:
            answer = self._pool.answer({"files": files, "homes": homes}, _PATIENCE_S)
        except (EOFError, TimeoutError):
            for each in homes:
                os.makedirs(each, exist_ok=True)
            return [None] * len(files)
        if "error" in answer:
            raise InspectorError(*answer["error"])
        if "os" in answer:
            raise OSError(*answer["os"])
        return [None if each is None else Copied(*each) for each in answer["made"]]

    def close(self) -> None:
        """End the child."""
        self._pool.close()


class FarHands:
    """Copies files on the nodes of a Ray cluster, which reach source and target by the same paths."""

    def __init__(self, address: str) -> None:
        """Connect. Raises as `Nodes`."""
        from inspector.media.nodes import Nodes

        self._nodes = Nodes(address, copy_there, "export without --ray")
        self.at_once = self._nodes.at_once

    def copy(self, files: Sequence[tuple[str, str]], homes: Sequence[str]) -> list[Copied | None]:
        """As of Copies; None for all where the cluster cannot do it."""
        for each in homes:
            os.makedirs(each, exist_ok=True)
        try:
            made: list[Copied | None] = self._nodes.submit(list(files)).result()
        except Exception as error:
            if not self._nodes.lost(error):
                raise
            return [None] * len(files)
        return made

    def close(self) -> None:
        """Leave the cluster."""
        self._nodes.close()


def copy_there(files: Sequence[tuple[str, str]]) -> list[Copied]:
    """On a node: copy each (source, to), each whole, since a node that was given up may still be at it."""
    made = []
    for source, to in files:
        beside = f"{to}.{uuid4().hex}"
        try:
            copied = copy_small(source, beside)
            if copied is None:
                state = state_of(source)
                copied = Copied(*state, copy_hashed(Path(source), Path(beside))[1], "")
            os.replace(beside, to)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(beside)
        made.append(copied)
    return made


def copy_small(source: str, to: str) -> Copied | None:
    """Copy a file of at most SMALL bytes; None for a longer one. Errors as of `copying.copy_hashed`."""
    try:
        read = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise gone(source, error) from None
    try:
        before = os.fstat(read)
        if before.st_size > SMALL:
            return None
        data = b""
        while len(data) <= before.st_size and (block := os.read(read, before.st_size + 1 - len(data))):
            data += block
    except OSError as error:
        raise gone(source, error) from None
    finally:
        os.close(read)
    write = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(write, view) :]
    finally:
        os.close(write)
    try:
        after = os.stat(source)
    except OSError as error:
        raise gone(source, error) from None
    state = (before.st_size, before.st_mtime_ns)
    if len(data) != before.st_size or (after.st_size, after.st_mtime_ns) != state:
        raise changed(Path(source))
    return Copied(*state, hashlib.sha256(data).hexdigest(), content_in(data))


def main() -> None:
    """The child's loop: files and folders a line, what was made of them, until the pipe closes."""
    from inspector.media.child import serve

    parent = os.getppid()

    def copied(source: str, to: str) -> Copied | None:
        if os.getppid() != parent:  # it was killed, and another may go on in that folder
            sys.exit()
        return copy_small(source, to)

    def work(order: Any) -> dict[str, Any]:
        try:
            for each in order["homes"]:
                os.makedirs(each, exist_ok=True)
            return {"made": [copied(source, to) for source, to in order["files"]]}
        except OSError as error:
            return {"os": [error.errno, error.strerror, error.filename]}

    serve(work, "The files cannot be copied", lambda order: order["files"][0][0])


if __name__ == "__main__":
    main()
