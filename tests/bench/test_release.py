"""Exporting many small records beside `cp -r` and `sha256sum`, with flat memory; and killed at any moment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from bench.harness import BOOK, ROOT, Load

from inspector.release.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = int(os.environ.get("INSPECTOR_RELEASE_RECORDS", "10000"))
KILLS = int(os.environ.get("INSPECTOR_RELEASE_KILLS", "200"))
FORMS = ("folder", "huggingface", "webdataset", "lerobot", "lance", "eaf", "webvtt", "labelstudio")
LEAST_OF_COPY = 0.6
MOST_GROWTH_MB = 80
"""From a tenth of the records to all of them."""
EXPORT = """
import sys
from pathlib import Path
from inspector.release.plan import Choice, make_plan
from inspector.release.write import write
from inspector.session import Session

with Session.open(sys.argv[1]) as session:
    print("begun", flush=True)
    write(session, make_plan(session, Choice(split=None, form=sys.argv[3])), Path(sys.argv[2]))
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024)
"""


def make(root: Path, records: int, kilobytes: int) -> Path:
    """Folders of a sensor table, a transcript and labels each, some tens of kilobytes a record."""
    rng = np.random.default_rng(1)
    rows = ["imu_file_name,words_file_name,label_file_name"]
    lines = "".join(
        f"{n / 100:.2f},{x:.5f},{y:.5f}\n" for n, (x, y) in enumerate(rng.normal(size=(48 * kilobytes, 2)))
    )
    for number in range(records):
        home = root / f"r{number:05}"
        home.mkdir(parents=True)
        (home / "imu.csv").write_text(f"t_s,x,y{number}\n{lines}")
        (home / "words.vtt").write_text(f"WEBVTT\n\n00:00.100 --> 00:00.400\nrecord {number}\n")
        (home / "labels.csv").write_text("start_s,end_s,label\n0.1,0.2,wave\n")
        rows.append(",".join(f"{home.name}/{name}" for name in ("imu.csv", "words.vtt", "labels.csv")))
    (root / "metadata.csv").write_text("\n".join(rows) + "\n")
    return root


def exported(data: Path, out: Path) -> tuple[float, float]:
    """Seconds that a run took, and the most memory it had, MB."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", EXPORT, str(data), str(out), "folder"],
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - start, float(done.stdout.split()[-1])


def copied(data: Path, out: Path) -> float:
    """Seconds that `cp -r`, `sha256sum` over all files and a sync took."""
    start = time.perf_counter()
    subprocess.run(["cp", "-r", str(data), str(out)], check=True)
    listed = subprocess.run(["find", str(out), "-type", "f", "-print0"], capture_output=True, check=True)
    subprocess.run(["xargs", "-0", "sha256sum"], input=listed.stdout, stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["sync", "-f", str(out)], check=True)
    return time.perf_counter() - start


def test_ten_thousand_small_records(tmp_path: Path) -> None:
    data = make(tmp_path / "data", RECORDS, 16)
    few = make(tmp_path / "few", RECORDS // 10, 16)
    _, little = exported(few, tmp_path / "warm")
    copied(data, tmp_path / "cold")
    shutil.rmtree(tmp_path / "cold")
    ours, theirs, most = [], [], 0.0
    with Load() as load:
        for number in range(3):
            theirs.append(copied(data, tmp_path / f"copy{number}"))
            took, memory = exported(data, tmp_path / f"out{number}")
            ours.append(took)
            most = max(most, memory)
            shutil.rmtree(tmp_path / f"copy{number}")
    ratio = min(theirs) / min(ours)
    print(
        f"export {min(ours):.1f} s, cp and sha256sum {min(theirs):.1f} s, ratio {ratio:.2f}; "
        f"{little:.0f} to {most:.0f} MB"
    )
    BOOK.took(
        "release",
        f"{RECORDS} records, of the pace of cp -r and sha256sum",
        [ratio],
        load=load,
        unit="x",
        target=f">= {LEAST_OF_COPY}",
        reached=ratio >= LEAST_OF_COPY,
    )
    BOOK.took(
        "release",
        "memory from a tenth of them to all",
        [most - little],
        load=load,
        unit="MB",
        target=f"<= {MOST_GROWTH_MB} MB",
        reached=most - little <= MOST_GROWTH_MB,
    )
    assert verify(tmp_path / "out0").differences == ()


def started(data: Path, out: Path, form: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """A run that has its dataset open and begins to write."""
    run = subprocess.Popen(
        [sys.executable, "-c", EXPORT, str(data), str(out), form],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "begun\n"
    return run


def test_killed_at_random_moments(tmp_path: Path) -> None:
    data = make(tmp_path / "data", 30, 8)
    env = dict(os.environ, PYTHONPATH=str(ROOT))
    rng = np.random.default_rng(7)
    whole_s = {}
    whole: Counter[str] = Counter()
    torn: Counter[str] = Counter()
    with Load() as load:
        for form in FORMS:
            with started(data, tmp_path / f"first-{form}", form, env) as run:
                begun = time.monotonic()
                run.wait()
            whole_s[form] = time.monotonic() - begun
        for number in range(KILLS):
            form = FORMS[number % len(FORMS)]
            out = tmp_path / f"out-{form}"
            with started(data, out, form, env) as run:
                time.sleep(float(rng.uniform(0, 1.1 * whole_s[form])))
                run.send_signal(signal.SIGKILL)
            if not out.exists():
                torn[form] += 1
                continue
            whole[form] += 1
            assert verify(out).differences == ()
            shutil.rmtree(out)
    print(f"{KILLS} kills: whole releases {dict(whole)}, none {dict(torn)}")
    BOOK.took(
        "release",
        "kills that left something else",
        [0.0],
        load=load,
        unit="",
        target="0",
        reached=torn.total() > 0 and whole.total() > 0,
    )
    assert torn.keys() == set(FORMS)
    assert whole
