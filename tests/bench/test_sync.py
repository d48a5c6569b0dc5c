"""Sound against picture at the screen and the sound sink, ours beside mpv's: the rig of ../shared/tools.

Prints one JSON line a player. Steady play, and play with seeks and pauses by real keys.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[3] / "shared" / "tools"
KEYS = "8:Right,11:space,12:space,15:Left,18:space,19:space,22:Home,26:shift+Right"
MPV_KEYS = "8:Right,11:space,12:space,15:Left,18:space,19:space,22:Left,26:Right"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flash and a beep at every whole second, in a folder of its own."""
    if not TOOLS.exists():
        pytest.skip(f"the rig is not at {TOOLS}")
    path = tmp_path_factory.mktemp("flash") / "film.mkv"
    subprocess.run([sys.executable, TOOLS / "make_flash_beep.py", path, "--seconds", "60"], check=True)
    return path


@pytest.mark.parametrize("keys", ["", "keys"], ids=["steady", "keys"])
@pytest.mark.parametrize("player", ["inspector", "mpv"])
def test_sync(film: Path, player: str, keys: str) -> None:
    """Figures are printed, not judged: an absolute time says as much of the machine as of the player."""
    rig = [sys.executable, str(TOOLS / "av_sync_rig.py"), "--seconds", "32"]
    if player == "inspector":
        pressed, command = KEYS, [sys.executable, "-m", "inspector", "open", str(film.parent), "--play"]
    else:
        pressed, command = MPV_KEYS, ["mpv", "--vo=x11", "--ao=pulse", str(film)]
    if keys:
        rig += ["--keys", pressed]
    done = subprocess.run([*rig, "--", *command], capture_output=True, text=True, check=False)
    figures = json.loads(done.stdout.splitlines()[-1])
    print("\n" + json.dumps({"player": player, "keys": bool(keys), "regions": figures["regions"]}))
    assert figures["regions"], done.stderr
