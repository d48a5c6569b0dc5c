"""The one way in which a file is handed to FFmpeg. Nothing else in the program calls `av.open`.

FFmpeg guesses what a file is from its content and its name, and many of its formats are lists of further
files or addresses: a text beginning with `ffconcat` under the name a.mp4 opens what it names, and a picture
called a%d.png opens a1.png. So only containers that hold their data themselves are let in, by name, and only
the protocol `file`; pictures are opened as what their first bytes say. A header may declare more pixels than
the machine has memory: those are refused before they are asked for.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.container import InputContainer

    from inspector.core.model import Source

CONTAINERS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,asf,flv,ogg,mxf,gxf,nut,rm,ivf,dv,h264,hevc,obu,"
    "wav,w64,mp3,flac,aac,loas,aiff,amr,ac3,eac3,dts,caf,au,wv,ape,tta,mpc,mpc8,tak"
)
"""Film and sound that lie in one file. Formats that FFmpeg tells by the extension alone (raw MPEG-4, raw PCM)
are not among them: they take any bytes."""

FILM_PIXELS = 1 << 26
"""Of one picture of a film, twice 8K: a decoder may have to keep sixteen."""

STILL_PIXELS = 1 << 28
"""Of a still, which is read alone; telephones make 200 million."""

REQUEST = 1 << 20
"""Bytes that the disk is asked for at a time. FFmpeg's own 32 KiB are slow where each request travels."""

PART = 128 << 10
"""The usual read-ahead of network mounts."""

_STILLS = (
    (b"\xff\xd8", "jpeg_pipe"),
    (b"\x89PNG\r\n\x1a\n", "png_pipe"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp_pipe"),
    (b"II*\0", "tiff_pipe"),
    (b"MM\0*", "tiff_pipe"),
)


def open_film(path: Path, device: str | None = None) -> InputContainer:
    """A film or sound file that a child process has survived, to be closed.

    With a `device` its pictures are decoded there: see media.hardware.

    The answer is known for every file that a reader listed; a file that was changed since is asked about
    again. Raises InspectorError for one that killed the child or that it could not read, and av.FFmpegError,
    OSError or ValueError where it cannot be opened now: see `reason`.
    """
    _check(path)
    return open_unprobed(path, device)


_expendable = False


def expendable() -> None:
    """This process is itself a child that may die of a file: it asks no other one, and FFmpeg is mute."""
    global _expendable
    import av.logging

    av.logging.set_level(None)
    _expendable = True


def _check(path: Path) -> None:
    """Raises as `open_film` does where a file must not be opened here."""
    from inspector.media.child import probe

    _regular(path)
    if not _expendable:
        probe(path)


def open_unprobed(path: Path, device: str | None = None) -> InputContainer:
    """The same without asking a child first: for what runs in a child itself."""
    return _open(path, None, CONTAINERS, FILM_PIXELS, device)


def open_track(source: Source, kind: str, device: str | None = None) -> tuple[InputContainer, Any]:
    """The file of a source and its track of that kind, video or audio, for decoding.

    Raises InspectorError where the file cannot be opened, or the track is not there or of no known codec.
    """
    import av

    name = {"video": "film", "audio": "sound"}[kind]
    try:
        box, track = _opened(source, kind, device)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InspectorError(
            f"The {name} cannot be opened",
            f"{source.path}: {reason(error)}",
            "Check the copy against its origin",
        ) from error
    tracks = {stream.index: stream for stream in box.streams}
    stream = tracks.get(track)
    if stream is None or stream.type != kind or stream.codec_context is None:
        box.close()
        raise InspectorError(
            f"The {name} cannot be decoded",
            f"{source.path}: track {source.track} is no {kind} that FFmpeg knows",
            "Re-encode it, or open the dataset again if it was changed",
        )
    return box, stream


def _opened(source: Source, kind: str, device: str | None) -> tuple[InputContainer, int]:
    """The file with the track's number in it: a long one with no other track, where that can be done."""
    from inspector.core.memory import give_back
    from inspector.media.one_track import others

    track = -1 if source.track is None else source.track
    if hidden := others(source.path, track):
        _check(source.path)
        box = _open(source.path, None, CONTAINERS, FILM_PIXELS, device, [(at, b"free") for at in hidden])
        give_back()
        if [stream.type for stream in box.streams] == [kind]:
            return box, 0
        box.close()  # FFmpeg counts the tracks of this file in another way
    return open_film(source.path, device), track


def open_stretch(path: Path, place: int, data: bytes) -> tuple[InputContainer, Any]:
    """A file with other bytes at a place, which leave one track of it, and that track's stream.

    Raises as `open_film` does, and ValueError where FFmpeg sees anything else in it.
    """
    _check(path)
    box = _open(path, None, CONTAINERS, FILM_PIXELS, None, [(place, data)])
    if len(box.streams) == 1 and box.streams[0].codec_context is not None:
        return box, box.streams[0]
    box.close()
    raise ValueError("its tables are read in another way")


def open_still(path: Path) -> InputContainer:
    """A picture file, to be closed. Raises as `open_film` does."""
    with _regular(path).open("rb") as file:
        kind = still_format(file.read(16))
    if kind is None:
        raise ValueError("its first bytes are of no known picture format")
    return _open(path, kind, kind, STILL_PIXELS)


def still_format(head: bytes) -> str | None:
    """FFmpeg's name of a picture format, by a file's first 16 bytes; None for what is no picture."""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp_pipe"
    return next((name for mark, name in _STILLS if head.startswith(mark)), None)


def reason(error: Exception) -> str:
    """Why a file could not be opened or read, in a few words and without its path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _regular(path: Path) -> Path:
    """The path, where it is a file: reading a pipe or a device would wait for ever, or never end."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    return path


class _File:
    """A file as FFmpeg reads it through PyAV; closed when the container that reads it is let go."""

    def __init__(self, path: Path, instead: Sequence[tuple[int, bytes]] = ()) -> None:
        """With `instead`, other bytes are read at each of these places."""
        self._instead = instead
        self.name = os.path.abspath(path)  # FFmpeg tells some formats by the extension too
        self._at = self._read_to = 0
        self._file = os.open(self.name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._size = os.fstat(self._file).st_size

    def read(self, count: int) -> bytes:
        # Who reads on gets the next piece fetched meanwhile; who seeks gets no more than was asked for.
        _ask(self._file, self._at, count * (2 if self._at == self._read_to else 1))
        os.lseek(self._file, self._at, os.SEEK_SET)
        data = os.read(self._file, count)
        for place, other in self._instead:
            if self._at - len(other) < place < self._at + len(data):
                data = _with(data, place - self._at, other)
        self._at += len(data)
        self._read_to = self._at
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def __del__(self) -> None:
        file = getattr(self, "_file", None)
        if file is not None:
            os.close(file)


def _with(data: bytes, at: int, other: bytes) -> bytes:
    """The data with others at a place, from which these may hang over on either side."""
    word = other[max(-at, 0) : len(data) - at]
    start = max(at, 0)
    return data[:start] + word + data[start + len(word) :]


def _ask(file: int, at: int, count: int) -> None:
    """Ask for all parts of a stretch at once: by itself the system asks for a few, and waits for each.

    In parts, since Linux cuts what it is told will be needed down to one read-ahead of the device.
    """
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            for part in range(at, at + count, PART):
                os.posix_fadvise(file, part, PART, os.POSIX_FADV_WILLNEED)


def _accelerator(device: str) -> Any:
    from av.codec.hwaccel import HWAccel

    return HWAccel(device, allow_software_fallback=False)


def _open(
    path: Path,
    kind: str | None,
    kinds: str,
    pixels: int,
    device: str | None = None,
    instead: Sequence[tuple[int, bytes]] = (),
) -> InputContainer:
    import av

    limits = {"max_pixels": str(pixels)}
    box = av.open(
        _File(_regular(path), instead),
        "r",
        format=kind,
        options={"format_whitelist": kinds, "protocol_whitelist": "file", **limits},
        metadata_errors="replace",
        buffer_size=REQUEST,
        hwaccel=None if device is None else _accelerator(device),
    )
    for stream in box.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.options = limits
    return box
