"""Probing in child processes: a file that crashes the demuxer takes down a child, not the window.

Children are kept and fed one path at a time over a pipe, one JSON line each way.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inspector.media.probe import MediaInfo

CHILDREN = 2
TIMEOUT_S = 60.0
"""A probe that takes longer is counted as hanging; its child is killed."""


class Process(Protocol):
    """What `Idle` keeps: a child of whatever protocol."""

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        ...

    def close(self) -> None:
        """End it."""
        ...


ChildT = TypeVar("ChildT", bound=Process)


class Idle(queue.LifoQueue[ChildT]):
    """Children that nobody asks just now, the one that was asked last first."""

    def take(self, make: Callable[[], ChildT]) -> ChildT:
        """One that lives, else a new one; those that died are ended."""
        with suppress(queue.Empty):
            while True:
                child = self.get_nowait()
                if child.alive:
                    return child
                child.close()
        return make()

    def close(self) -> None:
        """End all of them."""
        with suppress(queue.Empty):
            while True:
                self.get_nowait().close()


_idle: Idle[_Child] = Idle()
_slots = threading.Semaphore(CHILDREN)
_lock = threading.Lock()
_known: dict[tuple[str, int, int], MediaInfo | InspectorError] = {}


_START = (
    "import json, os, sys; hasattr(os, 'nice') and os.nice({nice}); "
    "sys.path[:] = json.loads(sys.argv[1]); import {module} as it; it.main()"
)
"""Not `python -m`: that looks for modules in the working folder first, which may be a dataset's."""

MOST_BYTES = 8 << 30
"""A child that asks for more memory than this is refused it, and says so of the file."""

MOST_KNOWN = 4096
"""So many answers are kept."""


def search_path() -> list[str]:
    """Where this process finds its modules, without "" (the working folder), and with this package."""
    package = Path(__file__).resolve().parents[2]
    return [*(place for place in sys.path if place), str(package)]


def child_command(module: str, nice: int = 0) -> list[str]:
    """The command that runs `main()` of a module of ours in a process of its own.

    With `nice` it stands back from its first import on: that alone takes a core for half a second.
    """
    start = _START.format(module=module, nice=nice)
    return [sys.executable, "-P", "-c", start, json.dumps(search_path())]


class Child:
    """One child process that runs `main()` of a module; not safe to use from two threads at once."""

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            child_command(module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def answer(self, question: Any, limit_s: float) -> dict[str, Any]:
        """The child's answer; EOFError where it died of the question, TimeoutError where it hangs."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        hung = threading.Event()

        def kill() -> None:
            hung.set()
            self._process.kill()

        timer = threading.Timer(limit_s, kill)
        timer.daemon = True
        timer.start()
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        finally:
            timer.cancel()
            timer.join()
        if not line:
            raise TimeoutError if hung.is_set() else EOFError
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError:
            raise EOFError from None
        return found

    def kill(self) -> None:
        """End it at once, from any thread: who waits for its answer gets EOFError."""
        self._process.kill()

    def close(self) -> None:
        """End the child and wait for it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # a dead child never read what was written last
                    pipe.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Pool:
    """Children that run one module, for any number of threads, each kept for the next question.

    To be used in a `with`, or closed; what is asked for afterwards gets a child that ends with its answer.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._idle: Idle[Child] = Idle()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, question: Any, limit_s: float) -> dict[str, Any]:
        """A child's answer; EOFError where it died of the question, TimeoutError where it hangs."""
        child = self._idle.take(lambda: Child(self._module))
        try:
            found = child.answer(question, limit_s)
        except BaseException:
            child.close()  # if it lives, what it says next may still be to this question
            raise
        self._idle.put(child)
        if self._closed:
            self.close()
        return found

    def close(self) -> None:
        """End the children that nobody waits for, and each of the others with its answer."""
        self._closed = True
        self._idle.close()


class _Child(Child):
    """One that probes."""

    def __init__(self) -> None:
        super().__init__("inspector.media.child")

    def ask(self, path: Path) -> dict[str, Any]:
        """What it says of a file."""
        return self.answer(os.fspath(path), TIMEOUT_S)


def warm() -> None:
    """Start a child now, so that it is ready when the first film is asked about."""
    _idle.put(_Child())


def probe(path: Path) -> MediaInfo:
    """What `media.probe.probe` says of the file, asked in a child. Answers are kept per path, size and mtime.

    Raises InspectorError for an unreadable file, and for one that killed or hung the child.
    """
    from inspector.media.probe import MediaInfo

    try:
        stat = path.stat()
    except OSError as error:
        raise InspectorError("The file is missing", str(path), "Restore it or correct its name") from error
    key = (str(path), stat.st_size, stat.st_mtime_ns)
    with _lock:
        known = _known.get(key)
    if known is None:
        try:
            answer = _ask(path)
            known = (
                MediaInfo.from_json(answer["info"]) if "info" in answer else InspectorError(*answer["error"])
            )
        except EOFError:
            known = InspectorError(
                "The file crashed the decoder", str(path), "It is not opened here; check or re-encode it"
            )
        except TimeoutError:
            known = InspectorError(
                "The file could not be read in time", f"{path}: {TIMEOUT_S:.0f} s", "Check the disk"
            )
        with _lock:
            _known[key] = known
            while len(_known) > MOST_KNOWN:
                _known.pop(next(iter(_known)))
    if isinstance(known, InspectorError):
        raise known
    return known


def _ask(path: Path) -> dict[str, Any]:
    with _slots:
        try:
            return _asked(path)
        except EOFError:
            # The system may have killed it, short of memory: only a file that kills a second one is blamed.
            return _asked(path)


def _asked(path: Path) -> dict[str, Any]:
    child = _idle.take(_Child)
    try:
        answer = child.ask(path)
    except (EOFError, TimeoutError):
        child.close()
        raise
    _idle.put(child)
    return answer


@atexit.register
def close() -> None:
    """End all idle children."""
    _idle.close()


def bound_memory() -> None:
    """Refuse this process more memory than MOST_BYTES."""
    with suppress(ImportError, ValueError, OSError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))


def serve(
    work: Callable[[Any], dict[str, Any]],
    title: str,
    name: Callable[[Any], str],
    lines: Iterable[str] | None = None,
) -> None:
    """A child's loop: an order in JSON a line, what `work` makes of it a line, until the pipe closes.

    What goes wrong is told under `error` as (title, detail, hint); `name` tells the file of an order.
    """
    for line in sys.stdin if lines is None else lines:
        order = json.loads(line)
        try:
            answer = work(order)
        except InspectorError as error:
            answer = {"error": (error.title, error.detail, error.hint)}
        except Exception as error:  # noqa: BLE001 - a decoder's Python side can raise anything; it is told
            fault = f"{name(order)}: {type(error).__name__}: {error}"[:500]
            answer = {"error": (title, fault, "Check it or re-encode it")}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    """The child's loop: a path in, an answer out, until the pipe closes."""
    import av.logging

    from inspector.media.probe import probe as probe_here

    av.logging.set_level(None)
    bound_memory()
    serve(
        lambda path: {"info": probe_here(Path(path)).to_json()},
        "The file cannot be read as film or sound",
        str,
    )


if __name__ == "__main__":
    main()
