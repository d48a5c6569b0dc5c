"""A read-only folder behind a slow disk: a FUSE file system that answers each request late, with no library.

Run as a program of its own, by root: it mounts FOLDER at PLACE, prints `mounted`, serves until its stdin
ends, and unmounts. A line `asked` on stdin is answered by a line of JSON: what has reached the disk so far.

Every request that goes to the "disk" (look up, attributes, open, list, read) is answered LATENCY_MS after it
came; the bytes of reads share one line of RATE_MB a second. Requests wait side by side, as on a network
mount. The kernel's read-ahead and page cache are left on, and names and attributes are valid for a second.

The protocol is that of include/uapi/linux/fuse.h, version 7.31.

usage: slow_disk.py FOLDER PLACE LATENCY_MS RATE_MB
"""

from __future__ import annotations

import ctypes
import errno
import heapq
import json
import os
import stat
import struct
import sys
import threading
import time
from collections import Counter
from itertools import count

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE = 1, 2, 3, 14, 15, 17, 18
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, DESTROY = 25, 26, 27, 28, 29, 36, 38
BATCH_FORGET = 42
ANSWERLESS = {FORGET, BATCH_FORGET, INTERRUPT}
AT_ONCE = {INIT, RELEASE, RELEASEDIR, FLUSH, STATFS, DESTROY}
"""What a client answers by itself or does not wait for."""
HEADER = struct.Struct("<IIQQIIII")
MAX_READ = 128 << 10
KEEP_CACHE = 1 << 1
"""What was read stays known when the file is opened again, as NFS and SMB have it for an unchanged file."""
ASYNC_READ, PARALLEL = 1 << 0, 1 << 18
MS_RDONLY, MS_NOSUID, MS_NODEV, MNT_DETACH = 1, 2, 4, 2


class SlowDisk:
    """Serves one folder from one mount."""

    def __init__(self, folder: str, place: str, latency_s: float, rate: float) -> None:
        self._place, self._latency, self._rate = place, latency_s, rate
        self._paths = {1: folder}
        self._nodes = {folder: 1}
        self._files: dict[int, int] = {}
        self._handles = count(1)
        self._free_at = 0.0
        self._due: list[tuple[float, int, bytes]] = []
        self._order = count()
        self._wake = threading.Condition()
        self.asked: Counter[str] = Counter()
        self._device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0,allow_other,max_read={MAX_READ}"
        self._libc = ctypes.CDLL(None, use_errno=True)
        flags = MS_RDONLY | MS_NOSUID | MS_NODEV
        if self._libc.mount(b"slow", place.encode(), b"fuse", flags, options.encode()):
            raise OSError(ctypes.get_errno(), "mount")
        threading.Thread(target=self._send, daemon=True).start()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Unmount; whoever still has a file open keeps it until they close it."""
        self._libc.umount2(self._place.encode(), MNT_DETACH)

    # -- answering -----------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            try:
                data = os.read(self._device, MAX_READ + 65536)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN):
                    continue
                return  # unmounted
            _, code, unique, node, *_ = HEADER.unpack_from(data)
            if code in ANSWERLESS:
                continue
            came = time.monotonic()
            try:
                body = self._answer(code, node, data[HEADER.size :])
                status = 0
            except OSError as error:
                body, status = b"", -(error.errno or errno.EIO)
            reply = struct.pack("<IiQ", 16 + len(body), status, unique) + body
            due = came
            if code not in AT_ONCE:
                due += self._latency
            if code == READ:
                self._free_at = max(self._free_at, due) + len(body) / self._rate
                due = self._free_at
                self.asked["read bytes"] += len(body)
            self.asked[{READ: "reads", LOOKUP: "lookups"}.get(code, "others")] += 1
            with self._wake:
                heapq.heappush(self._due, (due, next(self._order), reply))
                self._wake.notify()

    def _send(self) -> None:
        while True:
            with self._wake:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._wake.wait(self._due[0][0] - time.monotonic() if self._due else None)
                reply = heapq.heappop(self._due)[2]
            try:
                os.write(self._device, reply)
            except OSError:
                continue  # whoever asked is gone

    def _answer(self, code: int, node: int, body: bytes) -> bytes:
        if code == INIT:
            _, minor, ahead, flags = struct.unpack_from("<IIII", body)
            wanted = flags & (ASYNC_READ | PARALLEL)
            return struct.pack("<IIIIHHIIHHI28x", 7, min(minor, 31), ahead, wanted, 64, 48, 4096, 1, 0, 0, 0)
        if code == LOOKUP:
            path = os.path.join(self._paths[node], body.split(b"\0", 1)[0].decode())
            found = os.stat(path)
            number = self._nodes.setdefault(path, len(self._nodes) + 1)
            self._paths[number] = path
            return struct.pack("<QQQQII", number, 0, 1, 1, 0, 0) + _attributes(number, found)
        if code == GETATTR:
            return struct.pack("<QII", 1, 0, 0) + _attributes(node, os.stat(self._paths[node]))
        if code in (OPEN, OPENDIR):
            handle = next(self._handles)
            if code == OPEN:
                self._files[handle] = os.open(self._paths[node], os.O_RDONLY)
            return struct.pack("<QII", handle, KEEP_CACHE if code == OPEN else 0, 0)
        if code == READ:
            handle, offset, size = struct.unpack_from("<QQI", body)
            return os.pread(self._files[handle], size, offset)
        if code == READDIR:
            _, offset, size = struct.unpack_from("<QQI", body)
            return self._list(self._paths[node], offset, size)
        if code == RELEASE:
            os.close(self._files.pop(struct.unpack_from("<Q", body)[0]))
            return b""
        if code in (RELEASEDIR, FLUSH, DESTROY):
            return b""
        if code == STATFS:
            return struct.pack("<QQQQQIII28x", 1 << 30, 0, 0, 1 << 20, 0, 4096, 255, 4096)
        raise OSError(errno.ENOSYS, str(code))

    def _list(self, path: str, offset: int, size: int) -> bytes:
        found = b""
        for place, name in enumerate(sorted(os.listdir(path))):
            if place < offset:
                continue
            raw = name.encode()
            kind = stat.S_IFMT(os.stat(os.path.join(path, name)).st_mode) >> 12
            entry = struct.pack("<QQII", place + 100, place + 1, len(raw), kind) + raw
            entry += b"\0" * (-len(entry) % 8)
            if len(found) + len(entry) > size:
                break
            found += entry
        return found


def _attributes(node: int, found: os.stat_result) -> bytes:
    seconds, rest = divmod(found.st_mtime_ns, 1_000_000_000)
    blocks = -(-found.st_size // 512)
    times = (seconds, seconds, seconds, rest, rest, rest)
    return struct.pack(
        "<QQQQQQIIIIIIIIII",
        *(node, found.st_size, blocks, *times, found.st_mode, 1, 0, 0, 0, 4096, 0),
    )


def main() -> int:
    """Mount, serve until stdin ends, unmount."""
    folder, place, latency_ms, rate_mb = sys.argv[1:5]
    disk = SlowDisk(folder, place, float(latency_ms) / 1e3, float(rate_mb) * 1e6)
    print("mounted", flush=True)
    try:
        for line in sys.stdin:
            if line.strip() == "asked":
                print(json.dumps(disk.asked), flush=True)
    finally:
        disk.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
