"""Decoding on a graphics processor: only where one was tried on that kind of film, and was right and faster.

Drivers crash, hang and give wrong pictures, and much of what FFmpeg can drive is slower than the processor
once the pictures have come back. So each device is tried in a child process, once for a codec and a class of
sizes, on the first film of that kind: it has to give the same frames, and clearly sooner. Until that is
known, and wherever it is not so, the processor decodes; nobody waits for a trial. What was found is kept in
the cache under the machine's devices. A device checks a picture's data less closely than a strict decoder:
where it reports an error the film is read again without it.
"""

from __future__ import annotations

import atexit
import json
import logging
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inspector.core.cache import user_cache
from inspector.core.files import write_atomic
from inspector.core.settings import settings
from inspector.media.child import bound_memory, child_command
from inspector.media.opening import open_unprobed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inspector.core.model import Source

LEAST_PIXELS = 1280 * 720
"""Smaller pictures take the processor a millisecond: no trip to a device and back is shorter."""
FRAMES = 60
FIT = (640, 360)
FASTER = 1.2
"""So many times as fast as the processor a device has to be."""
MEAN, FAR, FAR_SHARE = 2.0, 16, 0.001
"""How far a device's picture may be off, of 255: on average, and by more than FAR in this share of pixels."""
TRIAL_S = 60.0
"""A device that takes longer is taken to hang."""
CLASSES = (720, 1080, 1440, 2160, 4320)
"""Heights up to which films count as of one size."""

NODES = {
    "cuda": "/dev/nvidia[0-9]*",
    "vdpau": "/dev/nvidia[0-9]*",
    "vaapi": "/dev/dri/renderD*",
    "qsv": "/dev/dri/renderD*",
    "amf": "/dev/dri/renderD*",
    "vulkan": "/dev/dri/renderD*",
    "drm": "/dev/video*",
}
"""What must be there on Linux before a device is even tried."""

log = logging.getLogger(__name__)


class Shot(NamedTuple):
    """One frame as it was decoded: what of it has to be the same on a device."""

    pts: int | None
    rotation: int
    pixels: NDArray[np.uint8]
    """BGRA (height, width, 4), scaled to FIT."""


class Verdicts:
    """What is known of this machine: a device for each kind of film, "" where the processor is better."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, str] | None = None
        self._path: Path | None = None
        self._trial: threading.Thread | None = None
        self.child: subprocess.Popen[str] | None = None
        self.may_try = True
        """Off in a child process, which goes by what is kept."""

    def of(self, kind: str) -> str | None:
        """The device for a kind of film, None where that is not known yet."""
        with self._lock:
            return self._read().get(kind)

    def _read(self) -> dict[str, str]:
        path = user_cache().root / "hardware.json"
        if self._known is None or path != self._path:
            self._path, self._known = path, {}
            with suppress(OSError, ValueError, RecursionError):
                kept = json.loads(path.read_text("utf-8"))
                if isinstance(kept, dict) and kept.get("machine") == machine():
                    found = kept.get("kinds")
                    pairs = found.items() if isinstance(found, dict) else ()
                    self._known = {str(k): v for k, v in pairs if v == "" or v in devices()}
        return self._known

    def note(self, kind: str, device: str) -> None:
        """Keep what was found."""
        with self._lock:
            known = self._read()
            known[kind] = device
            path = self._path
            text = json.dumps({"machine": machine(), "kinds": known})
        if path is not None:
            with suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, lambda beside: beside.write_text(text, "utf-8"))

    def start_trial(self, kind: str, path: Path, track: int) -> None:
        """Find it out behind, one kind after the other."""
        with self._lock:
            if self._trial is not None and self._trial.is_alive():
                return
            self._trial = threading.Thread(
                target=self._try, args=(kind, path, track), name="inspector-hardware", daemon=True
            )
            self._trial.start()

    def wait(self) -> None:
        """Until the trial under way has ended."""
        if self._trial is not None:
            self._trial.join()

    def _try(self, kind: str, path: Path, track: int) -> None:
        self.note(kind, "")  # what brings the whole machine down is not tried again
        best, gain = "", FASTER
        for device in devices():
            found = self._tried(device, path, track)
            log.info("decoding %s by %s: %.2f times as fast", kind, device, found)
            if found >= gain:
                best, gain = device, found
        if best:
            self.note(kind, best)

    def _tried(self, device: str, path: Path, track: int) -> float:
        """How many times as fast a device is, 0 where it is wrong, hangs or brings its process down."""
        self.child = child = subprocess.Popen(
            child_command(CHILD, 3),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        task = json.dumps({"path": str(path), "track": track, "device": device})
        try:
            answer = json.loads(child.communicate(task + "\n", TRIAL_S)[0])
            return float(answer["faster"])
        except (subprocess.TimeoutExpired, OSError, ValueError, KeyError, TypeError):
            return 0.0
        finally:
            child.kill()
            child.communicate()
            self.child = None

    def close(self) -> None:
        """End the trial under way."""
        if (child := self.child) is not None:
            child.kill()


CHILD = "inspector.media.hardware"
verdicts = Verdicts()
atexit.register(lambda: verdicts.close())
_given_up: set[Path] = set()
_devices: list[str] | None = None


def devices() -> list[str]:
    """The device types that FFmpeg can drive and that this machine may have; asking opens none of them."""
    global _devices
    if _devices is None:
        from av.codec.hwaccel import hwdevices_available

        _devices = [name for name in hwdevices_available() if _may_be_here(name)]
    return _devices


def _may_be_here(name: str) -> bool:
    if not sys.platform.startswith("linux"):
        return name not in ("opencl", "vulkan")
    pattern = NODES.get(name)
    return pattern is not None and any(Path("/").glob(pattern[1:]))


def machine() -> str:
    """What a verdict counts for: these devices under this build of FFmpeg."""
    import av

    nodes = sorted(str(path) for pattern in set(NODES.values()) for path in Path("/").glob(pattern[1:]))
    return " ".join([sys.platform, av.__version__, *devices(), *nodes])


def chosen(source: Source, context: Any) -> str | None:
    """The device that decodes a film track of such a codec context, None for the processor. Never waits.

    Where nothing is known yet of films of that kind it is found out behind.
    """
    if not settings().hardware_decoding or not devices() or source.track is None or source.path in _given_up:
        return None
    if context.width * context.height < LEAST_PIXELS:
        return None
    size = next((height for height in CLASSES if min(context.width, context.height) <= height), "more")
    kind = f"{context.name} {context.pix_fmt} {size}"
    device = verdicts.of(kind)
    if device is None and verdicts.may_try:
        verdicts.start_trial(kind, source.path, source.track)
    return device or None


def give_up(source: Source, why: object) -> None:
    """From now on the processor decodes this film. Said once."""
    if source.path not in _given_up:
        _given_up.add(source.path)
        log.warning("%s is decoded without the graphics processor: %s", source.path.name, why)


# --- in the child -----------------------------------------------------------------------------------------


def decoded(path: Path, track: int, device: str | None) -> tuple[list[Shot], float]:
    """The first FRAMES frames, and the seconds from the first to the last, with scaling and all."""
    shots: list[Shot] = []
    started = ended = 0.0
    with open_unprobed(path, device) as box:
        stream: Any = box.streams[track]
        if device is None:
            stream.codec_context.thread_type = "AUTO"
        for frame in box.decode(stream):
            small = frame.reformat(width=FIT[0], height=FIT[1], format="bgra", interpolation="AREA")
            if device is not None and not stream.codec_context.is_hwaccel:
                raise ValueError("the device does not decode it")
            ended = time.perf_counter()
            started = started or ended
            rotation = round(getattr(frame, "rotation", 0) or 0)
            shots.append(Shot(frame.pts, rotation, small.to_ndarray()))
            if len(shots) == FRAMES:
                break
    return shots, ended - started


def equal(one: Shot, other: Shot) -> bool:
    """Whether a device gave the same frame."""
    if one[:2] != other[:2] or one.pixels.shape != other.pixels.shape:
        return False
    off = np.abs(one.pixels.astype(np.int16) - other.pixels)
    return bool(off.mean() <= MEAN and (off > FAR).mean() <= FAR_SHARE)


def faster(path: Path, track: int, device: str) -> float:
    """How many times as fast as the processor it gives the same frames, 0 where they are not the same."""
    right, _ = decoded(path, track, None)  # also brings the film into memory
    _, plain_s = decoded(path, track, None)
    found, device_s = decoded(path, track, device)
    if len(right) < 2 or len(found) != len(right) or not all(map(equal, right, found)):
        return 0.0
    return plain_s / max(device_s, 1e-9)


def main() -> None:
    """The child: a task on stdin, `faster` on stdout."""
    import av.logging

    av.logging.set_level(None)
    bound_memory()
    task = json.loads(sys.stdin.readline())
    found = faster(Path(task["path"]), task["track"], task["device"])
    sys.stdout.write(json.dumps({"faster": found}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
