"""Sound against picture at the screen and the sound sink, ours beside mpv's: the rig of ../shared/tools.

Steady play, and play with seeks and pauses by real keys; one, two and four cameras. mpv plays one film, the
same: it is the peer of the first camera. A figure is audio minus video in ms, negative where sound is early.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bench import reel
from bench.harness import BOOK, Load

TOOLS = Path(__file__).resolve().parents[3] / "shared" / "tools"
KEYS = "8:Right,11:space,12:space,15:Left,18:space,19:space,22:Home,26:shift+Right"
MPV_KEYS = "8:Right,11:space,12:space,15:Left,18:space,19:space,22:Left,26:Right"
REFRESH_MS = 16.7


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flash and a beep at every whole second."""
    if not TOOLS.exists():
        pytest.skip(f"the rig is not at {TOOLS}")
    path = tmp_path_factory.mktemp("flash") / "film.mkv"
    subprocess.run([sys.executable, TOOLS / "make_flash_beep.py", path, "--seconds", "60"], check=True)
    return path


def _rig(command: list[str], keys: str, regions: int) -> list[dict[str, Any]]:
    """What the rig saw: a dict a region with `median_ms`, `p5_ms`, `p95_ms`, `all_ms`, `settling_ms`."""
    rig = [sys.executable, str(TOOLS / "av_sync_rig.py"), "--seconds", "32", "--regions", str(regions)]
    rig += ["--keys", keys] if keys else []
    done = subprocess.run([*rig, "--", *command], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["regions"]
    return [each for each in found if "median_ms" in each]


@pytest.fixture(scope="module")
def mpv_figures(film: Path) -> dict[bool, list[float]]:
    """mpv's, steady and with keys, each measured once a run."""
    command = ["mpv", "--no-config", "--vo=x11", "--ao=pulse", str(film)]
    return {
        keyed: [value for each in _rig(command, MPV_KEYS if keyed else "", 1) for value in each["all_ms"]]
        for keyed in (False, True)
    }


@pytest.mark.parametrize("cameras", [1, 2, 4])
@pytest.mark.parametrize("keys", ["", KEYS], ids=["steady", "keys"])
def test_sync(
    film: Path, mpv_figures: dict[bool, list[float]], tmp_path: Path, cameras: int, keys: str
) -> None:
    """Medians and spreads by camera, and the greatest difference between any two cameras' medians."""
    root = tmp_path / "set"
    reel.record_folder(root, "rec", {f"cam{each}.mkv": film for each in range(cameras)})
    command = [sys.executable, "-m", "inspector", "open", str(root), "--play"]
    with Load() as load:
        regions = _rig(command, keys, cameras)
    assert len(regions) == cameras, f"the rig saw {len(regions)} of {cameras} cameras flash"
    theirs = mpv_figures[bool(keys)]
    named = f"{cameras} camera{'s' if cameras > 1 else ''}, {'keys' if keys else 'steady'}"
    medians = [each["median_ms"] for each in regions]
    spreads = [each["p95_ms"] - each["p5_ms"] for each in regions]
    BOOK.took(
        "sync",
        f"sound after picture, {named}",
        regions[0]["all_ms"],
        peer="mpv",
        theirs=theirs,
        target="median within 8, p5-p95 <= 8",
        reached=all(abs(each) <= 8 for each in medians) and all(each <= 8 for each in spreads),
        load=load,
        regions=regions,
        spreads_ms=[round(each, 1) for each in spreads],
        mpv_ms=theirs,
    )
    if cameras > 1:
        apart = [abs(a - b) for a, b in itertools.combinations(medians, 2)]
        BOOK.took(
            "sync",
            f"cameras apart (medians), {named}",
            apart,
            target=f"all <= {REFRESH_MS}",
            reached=max(apart) <= REFRESH_MS,
            load=load,
            greatest_ms=round(max(apart), 1),
        )
