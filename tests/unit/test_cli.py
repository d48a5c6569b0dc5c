"""The command line as other programs see it: what is printed where, and how it exits."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import films
import pytest
from programs import Run, run
from PySide6.QtGui import QImage

if TYPE_CHECKING:
    from collections.abc import Callable

CUES = "WEBVTT\n\n00:00.500 --> 00:01.000\nword\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two records of a film with sound and a transcript, and a file that belongs to none."""
    root = tmp_path_factory.mktemp("cli")
    for name in ("one", "two"):
        (root / name).mkdir()
        films.make_film(root / name / "cam.mp4", films.steady(1.5, 20), rate=20)
        (root / name / "talk.vtt").write_text(CUES)
    (root / "readme.xyz").write_text("nothing")
    return root


def listing(root: Path) -> list[tuple[str, int, int]]:
    """Every file and folder with its size and time."""
    return sorted(
        (str(path.relative_to(root)), path.stat().st_size, path.stat().st_mtime_ns)
        for path in [root, *root.rglob("*")]
    )


def unusable(done: Run) -> str:
    """The one line that a refusal leaves on stderr."""
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("inspector: ")
    return lines[0]


def test_info_is_one_document_with_the_keys_that_are_fixed(folder: Path) -> None:
    before = listing(folder)
    done = run("info", folder, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert list(document) == [
        *("path", "format", "records", "duration_s", "modalities", "problems", "leftover"),
    ]
    assert document["path"] == str(folder)
    assert document["format"] == "folder"
    assert document["records"] == 2
    assert document["duration_s"] == pytest.approx(3.0, abs=0.1)
    assert document["modalities"] == {
        "video": {"records": 2, "streams": 2},
        "audio": {"records": 2, "streams": 2},
        "text": {"records": 2, "streams": 2},
    }
    assert document["problems"] == []
    assert document["leftover"] == ["readme.xyz"]
    assert listing(folder) == before


def test_info_for_people_names_the_same(folder: Path) -> None:
    done = run("info", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 records" in done.stdout
    assert "readme.xyz" in done.stdout
    assert "\x1b" not in done.stdout


REFUSED: dict[str, tuple[Callable[[Path], list[str | Path]], str]] = {
    "no such path": (lambda root: ["info", root / "nothing"], "nothing"),
    "no such path to open": (lambda root: [root / "nothing", "--screenshot", root / "no.png"], "nothing"),
    "no display": (lambda root: [root], "display"),
    "bad --at": (lambda root: [root, "--at", "noon"], "noon"),
    "bad --size": (lambda root: [root, "--size", "wide"], "wide"),
    "tiny --size": (lambda root: [root, "--size", "1x1"], "1x1"),
    "bad --sound": (lambda root: [root, "--sound", "winamp"], "winamp"),
    "no such record": (lambda root: [root, "--record", "ten", "--screenshot", root / "no.png"], "ten"),
    "no such reader": (lambda root: ["info", root, "--reader", "papyrus"], "lerobot"),
    "another reader": (lambda root: ["info", root, "--reader", "lerobot"], ""),
    "no such option": (lambda root: ["info", root, "--jason"], "--jason"),
    "no path": (lambda _: ["info"], "path"),
    "too many words": (lambda root: ["info", root, "more"], "more"),
    "option without its value": (lambda root: [root, "--record"], "--record"),
    "no such folder": (lambda root: [root, "--screenshot", root / "no" / "a.png"], "a.png"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_said_in_one_line(folder: Path, case: str) -> None:
    words, named = REFUSED[case]
    before = listing(folder)
    assert named in unusable(run(*words(folder)))
    assert listing(folder) == before


def test_help_and_version_are_no_errors() -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "info" in done.stdout
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("inspector ")


def test_a_first_word_that_is_no_command_opens_and_a_screenshot_needs_no_display(
    folder: Path, tmp_path: Path
) -> None:
    shot = tmp_path / "window.png"
    before = listing(folder)
    done = run(folder, "--record", "two", "--at", "1.02", "--size", "1100x640", "--screenshot", shot)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    image = QImage(str(shot))
    assert (image.width(), image.height()) == (1100, 640)
    assert listing(folder) == before, "opening wrote into the dataset"


def test_the_demo_prints_its_pictures_path_last_and_alone(tmp_path: Path) -> None:
    done = run("demo", "--size", "1000x700", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    shot = Path(last)
    assert shot.is_file()
    image = QImage(str(shot))
    assert (image.width(), image.height()) == (1000, 700)


def test_an_empty_folder_is_no_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run("info", empty, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert (document["records"], document["duration_s"], document["leftover"]) == (0, 0, [])


def test_an_odd_folder_is_read_as_far_as_it_goes(tmp_path: Path, folder: Path) -> None:
    """Broken, empty, unreadable and hostile names: told, never fatal."""
    root = tmp_path / "odd"
    root.mkdir()
    for name in ("a", "b ü\n%"):
        (root / name).mkdir()
        (root / name / "cam.mp4").write_bytes((folder / "one" / "cam.mp4").read_bytes())
        (root / name / "talk.vtt").write_text(CUES)
    (root / "b ü\n%" / "cam.mp4").write_bytes(b"\0" * 5000)
    (root / "c").mkdir()
    (root / "c" / "cam.mp4").write_bytes(b"")
    (root / "c" / "talk.vtt").write_bytes(b"\xff\xfe\x00broken")
    (root / "d").mkdir()
    (root / "d" / "cam.mp4").symlink_to(tmp_path / "gone.mp4")
    (root / "d" / "talk.vtt").write_text(CUES)
    (root / "e").symlink_to(root)  # round and round
    before = [path for path in root.rglob("*") if not path.is_symlink()]
    done = run("info", root, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["records"] >= 2
    assert document["modalities"]["video"]["records"] >= 1
    told = "\n".join(document["problems"])
    assert "cam.mp4" in told
    assert [path for path in root.rglob("*") if not path.is_symlink()] == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o000)
    try:
        done = run("info", shut)
    finally:
        shut.chmod(0o700)
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr
