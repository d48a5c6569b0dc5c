"""Run by test_long as a program of its own: the sound pyramid of a folder's first record, with no window.

Prints how many seconds it took, and how many seconds of sound are known afterwards.

usage: peaks_driver.py FOLDER
"""

from __future__ import annotations

import sys
import time

from inspector.core.jobs import Job
from inspector.core.model import Modality
from inspector.session import Session


def main() -> int:
    """Open, build, print."""
    with Session.open(sys.argv[1]) as session:
        record = session.record(session.record_ids()[0])
        stream = record.of(Modality.AUDIO)[0]
        start = time.monotonic()
        peaks = session.peaks(stream, Job("peaks"), lambda _: None)
        took = time.monotonic() - start
        print(took, peaks.end_ns / 1e9)
    return 0


if __name__ == "__main__":
    sys.exit(main())
