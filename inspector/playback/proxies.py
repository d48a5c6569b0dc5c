"""Which films need a proxy, and the one child process that builds them, one film after the other."""

from __future__ import annotations

import json
import logging
import subprocess
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inspector.core.cache import user_cache
from inspector.core.settings import settings
from inspector.media import proxy
from inspector.media.child import child_command
from inspector.media.frames import LONG_GOP_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inspector.media.frames import FrameIndex

CALM_S = 1.5
"""A record has to be on show for so long: whoever leafs through records needs the machine for that."""
LOOK_S = 0.25
"""So often the builder is told whether to pause and where to go on."""
CHECK_BYTES = 64 << 20
"""While a proxy grows this much room is kept free."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Film:
    path: Path
    track: int
    folder: Path
    frames: int
    fit: tuple[int, int]
    focus: int = 0
    done: int = 0
    over: bool = False
    """Built, or given up."""


class Proxies:
    """The proxies of the films on show. Thread-safe; `close` it."""

    def __init__(self, busy: Callable[[], bool]) -> None:
        """`busy` says whether the player needs the machine more just now."""
        self._busy = busy
        self._wake = threading.Condition()
        self._films: list[_Film] = []
        self._held = ExitStack()
        self._closed = False
        self._thread: threading.Thread | None = None
        self.refused = ""
        """Why a film has none, where its room is too small."""

    def film(self, path: Path, track: int, index: FrameIndex) -> Path | None:
        """The folder of a film's proxy, which is built from now on; None where it needs or gets none."""
        if not settings().proxies or index.longest_gop_ns <= LONG_GOP_NS:
            return None
        cache = user_cache()
        folder = cache.folder(path)
        if folder is None:
            return None
        done = proxy.progress(folder, track, len(index))
        fit = proxy.LARGE
        if proxy.estimate_bytes(len(index), fit) > cache.budget // 2:
            fit = proxy.SMALL
        film = _Film(path, track, folder, len(index), fit, done=done)
        film.over = done >= film.frames
        with self._wake:
            if self._closed:
                return None
            if not any(each.folder == folder and each.track == track for each in self._films):
                self._held.enter_context(cache.holding(folder))
                self._films.append(film)
            if self._thread is None and not film.over:
                self._thread = threading.Thread(target=self._work, name="inspector-proxies", daemon=True)
                self._thread.start()
            self._wake.notify()
        return folder

    def release(self) -> None:
        """Another record: stop building for the films of this one."""
        with self._wake:
            self._films = []
            self.refused = ""
            self._held.close()
            self._wake.notify()

    def look(self) -> None:
        """The player is busy, or settings changed: the builder stands still, ends or goes on at once."""
        with self._wake:
            self._wake.notify()

    def focus(self, path: Path, pts: int) -> None:
        """Build from about this pts of a film on: there the curator is."""
        for film in self._films:
            if film.path == path:
                film.focus = pts

    @property
    def said(self) -> str:
        """How far the small copies of the films on show are, or why there are none; empty when done."""
        if not settings().proxies:
            return ""
        films = [film for film in self._films if not film.over]
        frames = sum(film.frames for film in films)
        if frames:
            return f"small copies for quick seeking: {100 * sum(film.done for film in films) // frames} %"
        return self.refused if self._films else ""

    @property
    def complete(self) -> bool:
        """Whether all films on show that need a proxy have theirs."""
        return all(film.done >= film.frames for film in self._films)

    def close(self) -> None:
        """End the builder; what it has done is kept."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
        self._held.close()

    # -- the thread ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._wake:
                while (film := self._next()) is None and not self._closed:
                    self._wake.wait()
                if self._closed or film is None:
                    return
                calm_at = time.monotonic() + CALM_S
                while not self._closed and film in self._films and not self._may_begin(calm_at):
                    self._wake.wait(LOOK_S)
                if self._closed or film not in self._films:
                    continue
            need = proxy.estimate_bytes(film.frames - film.done, film.fit)
            if not user_cache().make_room(need):
                film.over = True
                self.refused = f"{film.path.name} gets no proxy: {need >> 20} MB do not fit into the cache"
                continue
            try:
                self._build(film)
            except OSError:
                log.exception("the builder of proxies")
                film.over = True

    def _may_begin(self, calm_at: float) -> bool:
        """Whether a builder may be started: its start alone can be heard while something plays."""
        return time.monotonic() >= calm_at and not self._busy()

    def _next(self) -> _Film | None:
        """The first film on show whose proxy is not done, None too where none are to be built."""
        if not settings().proxies:
            return None
        return next((film for film in self._films if not film.over), None)

    def _build(self, film: _Film) -> None:
        """One child for one film, until it ends, the film is not on show any more, or the disk is full."""
        child = subprocess.Popen(
            child_command("inspector.media.proxy", 15),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        task = {"path": str(film.path), "track": film.track, "folder": str(film.folder), "fit": film.fit}
        listener = threading.Thread(target=self._listen, args=(child, film), daemon=True)
        listener.start()
        said: tuple[bool, int] | None = None
        checked = film.done
        switched_off = False
        try:
            child.stdin.write(json.dumps(task) + "\n")
            while child.poll() is None:
                state = (self._busy(), film.focus)
                if state != said:
                    child.stdin.write(f"focus {state[1]}\n{'pause' if state[0] else 'resume'}\n")
                    child.stdin.flush()
                    said = state
                with self._wake:
                    self._wake.wait(LOOK_S)
                    if self._closed or film not in self._films:
                        return
                if not settings().proxies:
                    switched_off = True
                    return
                if proxy.estimate_bytes(film.done - checked, film.fit) > CHECK_BYTES:
                    checked = film.done
                    if not user_cache().make_room(CHECK_BYTES):
                        self.refused = f"{film.path.name}: the cache is full, the rest gets no proxy"
                        return
            listener.join()
        except BrokenPipeError:
            pass  # it died of the film: the film goes without
        finally:
            child.kill()
            child.wait()
            listener.join()
            for pipe in (child.stdin, child.stdout):
                with suppress(OSError):
                    pipe.close()
            film.over = not switched_off  # what was switched off goes on where it is switched on again

    def _listen(self, child: subprocess.Popen[str], film: _Film) -> None:
        assert child.stdout is not None
        for line in child.stdout:
            with suppress(ValueError):  # the last line of one that died
                film.done = int(line)
