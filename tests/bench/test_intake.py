"""Monday's re-delivery: of 1,000 records 200 replaced, 40 renumbered, 5 gone, 30 new, listed right."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import wave
from collections import Counter
from typing import TYPE_CHECKING, Any

from bench.harness import BOOK, Load
from deliveries import copied, film, small_record, sound

from inspector.core.effective import annotation_path, annotation_value, timemap_path, timemap_value
from inspector.core.model import Anchor, Annotation
from inspector.core.timemap import TimeMap
from inspector.release.seen import Seen
from inspector.session import Session

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000
RECORDS, NEW = 1000, 30
SHIFT = 7
"""By so much the renumbered ones move up: most come to a name that another one had."""
FILMED = range(0, 40)
"""Records with a film besides; the first thirty are replaced."""
REPLACED, GONE, MOVED = range(0, 200), range(300, 305), range(960, 1000)


def name(number: int) -> str:
    return f"rec{number:04}"


def make(root: Path, films: Path) -> None:
    for number in range(RECORDS):
        small_record(root, name(number), number)
        if number in FILMED:
            shutil.copy(films / "first.mp4", root / name(number) / "film.mp4")


def decide(root: Path) -> int:
    """A flag on every record, a time map and a label on every second; how many decisions."""
    late = timemap_value(TimeMap.offset(40 * MS))
    with Session.open(root, author="ann") as session:
        ids = session.record_ids()
        session.flag(ids, "ok")
        change = session.curation.change
        label = annotation_value(Annotation("a", "act", "x", (Anchor("voice", (150 * MS, 200 * MS)),)))
        some = ids[::2]
        session.edit("fix", [change(each, timemap_path("voice"), late) for each in some])
        session.edit("label", [change(each, annotation_path("a"), label) for each in some])
        Seen(session.desk.workspace.folder).note(session, ids)
    return len(ids) + 2 * len(some)


def deliver(root: Path, films: Path) -> dict[str, str]:
    """The delivery; the kind that each replaced record should be."""
    kinds = {}
    for number in REPLACED:
        folder = root / name(number)
        if number < 10:
            shutil.copy(films / "remux.mp4", folder / "film.mp4")
            kinds[name(number)] = "bytes"
        elif number < 20:
            shutil.copy(films / "trim.mp4", folder / "film.mp4")
            kinds[name(number)] = "timing"
        elif number < 30:
            shutil.copy(films / "again.mp4", folder / "film.mp4")
            kinds[name(number)] = "content"
        elif number < 80:  # a chunk more at the end of the WAV
            data = (folder / "voice.wav").read_bytes()
            (folder / "voice.wav").write_bytes(data + b"LIST\x04\0\0\0INFO")
            kinds[name(number)] = "bytes"
        elif number < 120:  # its first 100 ms are gone
            with wave.open(str(folder / "voice.wav")) as file:
                frames, form = file.readframes(file.getnframes()), file.getparams()
            with wave.open(str(folder / "voice.wav"), "wb") as file:
                file.setparams(form)
                file.writeframes(frames[1600:])
            kinds[name(number)] = "timing"
        elif number < 160:
            words = folder / "words.vtt"
            words.write_text(words.read_text().replace("this is", "that was"))
            kinds[name(number)] = "content"
        else:
            sound(folder / "voice.wav", number + 5000)
            kinds[name(number)] = "content"
    for number in GONE:
        shutil.rmtree(root / name(number))
    for number in MOVED:
        (root / name(number)).rename(root / f"_{number}")
    for number in MOVED:  # to a name that another of them had, or to a new one
        (root / f"_{number}").rename(root / name(number + SHIFT))
    for number in range(2000, 2000 + NEW):
        small_record(root, name(number), number)
    return kinds


def test_a_redelivery_of_a_thousand_records(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    first = film(films / "first.mp4", 2)
    copied(first, films / "remux.mp4")
    with (films / "remux.mp4").open("ab") as file:
        file.write(b"\0\0\0\x08free")
    copied(first, films / "trim.mp4", start_s=0.96)
    film(films / "again.mp4", 2, crf=40)
    root = tmp_path / "data"
    make(root, films)
    count = decide(root)
    kinds = deliver(root, films)
    with Load() as load:
        start = time.perf_counter()
        command = [sys.executable, "-m", "inspector", "intake", str(root), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        took = time.perf_counter() - start
    told: dict[str, Any] = json.loads(done.stdout)
    fates = Counter(each["fate"] for each in told["records"])
    assert fates == {"replaced": len(REPLACED), "added": NEW, "vanished": len(GONE), "renamed": len(MOVED)}
    assert {e["record_id"]: e["kind"] for e in told["records"] if e["fate"] == "replaced"} == kinds
    assert {(e["was"], e["record_id"]) for e in told["records"] if e["fate"] == "renamed"} == {
        (name(number), name(number + SHIFT)) for number in MOVED
    }
    assert {e["was"] for e in told["records"] if e["fate"] == "vanished"} == set(map(name, GONE))
    start = time.perf_counter()
    subprocess.run([*command[:-1], "--rebase", "--json"], capture_output=True, check=True)
    again = subprocess.run([*command[:-1], "--rebase", "--json"], capture_output=True, text=True, check=True)
    carried = time.perf_counter() - start
    assert json.loads(again.stdout)["edit"] is None  # nothing is made a second time
    with Session.open(root, author="bob") as session:
        maps = {each: session.curation.value(each, timemap_path("voice")) for each in session.record_ids()}
    late = timemap_value(TimeMap.offset(40 * MS))
    for number in MOVED:
        expected = late if number % 2 == 0 else None
        assert maps[name(number + SHIFT)] == expected
    BOOK.took(
        "re-delivery",
        f"{RECORDS} records, {count} decisions, listed",
        [took],
        load=load,
        unit="s",
        target="<= 120 s",
        reached=took <= 120,
        taken_in_twice_s=round(carried, 1),
    )
