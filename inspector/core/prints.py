"""What is in one track of a file, apart from how it is packed: its content piece by piece, and when each is.

A piece is a coded packet, a decoded picture, a stretch of sound, the edge of a cue or a row of a table. Two
prints tell whether a file that was delivered again holds the same content (a remux), the same at other times
(a trim, new stamps), or other content, without the old file being there any more.

Long tracks are thinned where their content says so (a piece whose mark ends in zeros begins a stretch, and a
stretch is the sum of its pieces), so that a track whose head was cut off is still thinned at the same places.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from inspector.core.timemap import TimeMap

MOST_PIECES = 16_384
"""So many pieces of a track are kept; about 400 KB."""

CODED = "coded"
"""Told by packets, rows and texts: the file is read once and nothing is decoded."""
DECODED = "decoded"
"""Told by pictures and samples as they come out of a decoder."""
LEVELS = (CODED, DECODED)


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """One track. `marks`, `sums` (n,) uint64 and `starts_ns` (n,) int64 are its pieces in order of time.

    `digest` is the sha256 of all its content in order, `times` that of all its times: both 64 hex digits, and
    of the whole track, also where it was thinned. `shape` says what no piece says (size, rate, channels).
    `end_ns` is where the last piece ends, in local time.
    """

    level: str
    shape: str
    digest: str
    times: str
    count: int
    marks: NDArray[np.uint64]
    sums: NDArray[np.uint64]
    starts_ns: NDArray[np.int64]
    end_ns: int

    @property
    def start_ns(self) -> int:
        """Where the first piece starts, in local time; 0 for an empty track."""
        return int(self.starts_ns[0]) if len(self.starts_ns) else 0

    @property
    def bits(self) -> int:
        """By how many zero bits the stretches begin: 0 where every piece is kept."""
        inner = self.marks[1:]
        if len(self.marks) == self.count or not len(inner):
            return 0 if len(self.marks) == self.count else 63
        every = int(np.bitwise_or.reduce(inner))
        return 63 if every == 0 else (every & -every).bit_length() - 1

    def thinned(self, bits: int) -> Print:
        """The same with stretches that begin where a mark ends in so many zero bits."""
        if bits <= 0 or not len(self.marks):
            return self
        begins = (self.marks & np.uint64((1 << bits) - 1)) == 0
        begins[0] = True
        places = np.flatnonzero(begins)
        sums = np.add.reduceat(self.sums, places)
        return replace(self, marks=self.marks[places], sums=sums, starts_ns=self.starts_ns[places])

    def moved(self, timemap: TimeMap) -> Print:
        """The same at the times that a map gives; `times` is then of what was kept of it."""
        starts = timemap.to_reference_array(self.starts_ns)
        end = timemap.to_reference(self.end_ns)
        return replace(self, starts_ns=starts, end_ns=end, times=_times(starts, end))

    def bounded(self) -> Print:
        """The same with MOST_PIECES at most, as far as its content allows."""
        made, bits = self, 0
        while len(made.marks) > MOST_PIECES and bits < 40:
            bits += 1
            made = self.thinned(bits)
        return made

    def to_json(self) -> dict[str, Any]:
        """Plain values for a pipe."""
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            **{name: _packed(getattr(self, name)) for name in _ARRAYS},
        }

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Print:
        """The inverse. InspectorError where it is none."""
        try:
            values: dict[str, Any] = {name: plain[name] for name in _PLAIN}
            values |= {name: _unpacked(plain[name], kind) for name, kind in _ARRAYS.items()}
            made = cls(**values)
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise InspectorError("It is no print of a track", f"{type(error).__name__}: {error}") from None
        if not len(made.marks) == len(made.sums) == len(made.starts_ns):
            raise InspectorError("It is no print of a track", "its lists are not of one length")
        return made


_PLAIN = ("level", "shape", "digest", "times", "count", "end_ns")
_ARRAYS = {"marks": np.uint64, "sums": np.uint64, "starts_ns": np.int64}


def _packed(values: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(values.tobytes(), 1)).decode("ascii")


def _unpacked(text: str, kind: type) -> NDArray[Any]:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), kind)


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """64-bit values spread over all bits (splitmix64's finalizer, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))


def key_of(data: bytes | memoryview) -> int:
    """A piece's 64-bit key."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def print_of(
    level: str,
    shape: str,
    digest: str,
    keys: Iterable[int] | NDArray[np.uint64],
    starts_ns: Iterable[int] | NDArray[np.int64],
    end_ns: int,
) -> Print:
    """The print of a track from its pieces' keys and starts, in any order; thinned where it is long."""
    marks = keys if isinstance(keys, np.ndarray) else np.array(list(keys), np.uint64)
    starts = starts_ns if isinstance(starts_ns, np.ndarray) else np.array(list(starts_ns), np.int64)
    order = np.argsort(starts, kind="stable")
    marks, starts = marks[order].astype(np.uint64), starts[order].astype(np.int64)
    times = _times(starts, int(end_ns))
    return Print(level, shape, digest, times, len(marks), marks, mixed(marks), starts, int(end_ns)).bounded()


def _times(starts_ns: NDArray[np.int64], end_ns: int) -> str:
    plain = starts_ns.astype("<i8").tobytes() + end_ns.to_bytes(8, "little", signed=True)
    return hashlib.sha256(plain).hexdigest()
