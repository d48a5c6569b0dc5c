"""Decoding for an audit in child processes that may die or hang of a film without harm to the run.

A child is kept and fed one stream at a time: an order in, a line for each piece of work that is done, and a
last line when the arrays are written. One that says nothing for HANG_S, or takes longer than the film is
worth, is killed, and the film is blamed.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.audit.material import VERSION, Film, Sound, film_of, keep, kept, sound_of
from inspector.core.cache import user_cache
from inspector.core.model import Modality, Source
from inspector.core.times import NS
from inspector.errors import Cancelled, InspectorError
from inspector.media.child import Idle, bound_memory, child_command, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspector.core.model import Stream

HANG_S = 60.0
"""A child that tells of no progress for so long hangs."""

LEAST_S = 120.0
"""Every stream may take so long, and twice its own length."""


class Decoders:
    """The children of one run, one a worker. Safe to use from several threads; `close` it."""

    def __init__(self, hang_s: float = HANG_S, least_s: float = LEAST_S) -> None:
        self._hang_s = hang_s
        self._least_s = least_s
        self._idle: Idle[_Child] = Idle()
        self._spare = tempfile.TemporaryDirectory(prefix="inspector-audit-")

    def material(self, stream: Stream, stop: Callable[[], bool] = lambda: False) -> Film | Sound:
        """What `film_of` or `sound_of` makes of a stream, known or decoded now in a child.

        Raises InspectorError for a stream that cannot be decoded, that killed its child twice or hung it, and
        Cancelled where `stop` says yes.
        """
        kind: type[Any] = Film if stream.modality is Modality.VIDEO else Sound
        source = stream.source
        folder = user_cache().folder(source.path) or Path(self._spare.name)
        part = f"{source.track}-{source.start_ns or 0}-{source.end_ns or 0}"
        name = f"audit-{kind.__name__.lower()}-{VERSION}-{part}.npz"
        path = folder / (name if folder.name != Path(self._spare.name).name else f"{os.urandom(8).hex()}.npz")
        with user_cache().holding(folder):
            known: Film | Sound | None = kept(kind, path)
            if known is None:
                self._decode(stream, kind.__name__.lower(), path, stop)
                known = kept(kind, path)
        if folder == Path(self._spare.name):
            path.unlink(missing_ok=True)
        if known is None:
            raise InspectorError("What was decoded cannot be kept", str(path), "Make room on the disk")
        return known

    def _decode(self, stream: Stream, kind: str, path: Path, stop: Callable[[], bool]) -> None:
        span = stream.span or (0, 0)
        limit_s = self._least_s + 2 * (span[1] - span[0]) / NS
        source = stream.source
        order = {
            "kind": kind,
            "path": os.fspath(source.path),
            "track": source.track,
            "start": source.start_ns,
            "end": source.end_ns,
            "out": os.fspath(path),
        }
        for attempt in (1, 2):
            child = self._idle.take(_Child)
            try:
                answer = child.ask(order, self._hang_s, limit_s, stop)
            except EOFError:
                child.close()
                # The system may have killed it, short of memory: only what kills a second one is blamed.
                if attempt == 2:
                    raise InspectorError(
                        "It kills the decoder", str(source.path), "Check the file or re-encode it"
                    ) from None
                continue
            except (TimeoutError, Cancelled) as error:
                child.close()
                if isinstance(error, Cancelled):
                    raise
                raise InspectorError(
                    "It hangs the decoder", f"{source.path}: {error}", "Check the file or re-encode it"
                ) from None
            self._idle.put(child)
            if "error" in answer:
                raise InspectorError(*answer["error"])
            return

    def close(self) -> None:
        """End all children."""
        self._idle.close()
        self._spare.cleanup()


class _Child:
    """One child process; not safe to use from two threads at once."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            child_command("inspector.audit.decoding"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="inspector-audit-child", daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError, OSError):
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put("")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(
        self, order: dict[str, Any], hang_s: float, limit_s: float, stop: Callable[[], bool]
    ) -> dict[str, Any]:
        """The child's answer. EOFError: it died; TimeoutError: it hangs; Cancelled: nobody wants it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise EOFError from None
        start = heard = time.monotonic()
        while True:
            try:
                line = self._lines.get(timeout=0.2)
            except queue.Empty:
                now = time.monotonic()
                if stop():
                    raise Cancelled("the audit") from None
                if now - heard > hang_s:
                    raise TimeoutError(f"no progress for {hang_s:.0f} s") from None
                continue
            if not line:
                raise EOFError
            heard = time.monotonic()
            if heard - start > limit_s:
                raise TimeoutError(f"not done after {limit_s:.0f} s")
            with suppress(ValueError):
                answer: dict[str, Any] = json.loads(line)
                if "done" in answer or "error" in answer:
                    return answer

    def close(self) -> None:
        """End the child at once and wait for it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _told(last: list[float]) -> Callable[[int], None]:
    def told(done: int) -> None:
        now = time.monotonic()
        if now - last[0] > 0.5:
            last[0] = now
            sys.stdout.write(f'{{"at": {done}}}\n')
            sys.stdout.flush()

    return told


def main() -> None:
    """The child's loop: an order a line, its answer, until the pipe closes."""
    from inspector.media.opening import expendable

    def work(order: Any) -> dict[str, Any]:
        path, track = Path(order["path"]), order["track"]
        source = Source(path, "av", track, start_ns=order["start"], end_ns=order["end"])
        make: Any = film_of if order["kind"] == "film" else sound_of
        material = make(source, _told([time.monotonic()]))
        out = Path(order["out"])
        beside = out.with_name(f"{out.name}.{os.getpid()}.part")
        keep(material, beside)
        os.replace(beside, out)
        return {"done": True}

    bound_memory()
    expendable()
    serve(work, "It cannot be decoded", lambda order: order["path"])
