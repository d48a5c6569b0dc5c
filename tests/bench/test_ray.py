"""An audit and an export on a real Ray cluster of two nodes, one lost midway, beside the same done here.

Ray is installed below tests/bench/.rivals, the first time, since nothing else of the project needs it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inspector.audit.runner import Options
from inspector.release.plan import Choice, make_plan
from inspector.release.verify import verify
from inspector.release.write import write
from inspector.session import Session

ROOT = Path(__file__).resolve().parents[2]
PLACE = Path(__file__).resolve().parent / ".rivals" / "ray"
RAY = "ray>=2.50,<3"
RECORDS = 12


def _ray() -> str:
    """Have Ray installed; why it cannot be, or nothing."""
    if (PLACE / "ray").is_dir():
        return ""
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(PLACE), RAY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    if done.returncode and not (PLACE / "ray").is_dir():
        shutil.rmtree(PLACE, ignore_errors=True)
        return (done.stderr.strip() or "pip gave no reason").splitlines()[-1]
    return ""


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """Some records of the bundled dataset."""
    root = tmp_path / "demo"
    for name in sorted(each.name for each in (ROOT / "resources" / "demo").glob("rec_*"))[:RECORDS]:
        shutil.copytree(ROOT / "resources" / "demo" / name, root / name)
    return root


def on_two_nodes(what: str, root: Path, out: Path) -> dict[str, Any]:
    """What the driver tells; one of its nodes was lost on the way."""
    why = _ray()
    if why:
        pytest.skip(f"Ray cannot be installed: {why}")
    paths = [str(ROOT), os.environ.get("PYTHONPATH", ""), str(PLACE)]
    # A cache of its own: what was decoded here must not help there.
    given = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "XDG_CACHE_HOME": str(out.parent / "cache")}
    given |= {"RAY_DISABLE_USAGE_STATS": "1", "RAY_TMPDIR": "/tmp"}
    driver = Path(__file__).with_name("ray_driver.py")
    command = [sys.executable, str(driver), what, *map(str, (root, out.parent / "there", out))]
    done = subprocess.run(
        command, env=os.environ | given, capture_output=True, text=True, timeout=800, check=False
    )
    assert out.exists(), done.stderr[-2000:]
    told: dict[str, Any] = json.loads(out.read_text())
    print(f"ray {what}: nodes {told['nodes']}, one lost after {told['lost_after']} of {told['of']} records")
    assert told["nodes"] == [2, 1]
    assert 0 < told["lost_after"] < told["of"]
    return told


def test_an_audit_on_two_nodes_one_of_them_lost(demo: Path, tmp_path: Path) -> None:
    with Session.open(demo, workspace=tmp_path / "here") as session:
        here = [each.to_json() for each in session.audit(Options(workers=2)).findings()]
    told = on_two_nodes("audit", demo, tmp_path / "there.json")
    assert _sorted(told["findings"]) == _sorted(here)


def test_an_export_on_two_nodes_one_of_them_lost(demo: Path, tmp_path: Path) -> None:
    with Session.open(demo, workspace=tmp_path / "here") as session:
        card, _ = write(session, make_plan(session, Choice(split=None)), tmp_path / "here-release")
    told = on_two_nodes("export", demo, tmp_path / "release.json")
    assert told["root"] == card.root
    assert verify(tmp_path / "release").differences == ()


def _sorted(findings: list[dict[str, object]]) -> list[str]:
    return sorted(json.dumps(each, sort_keys=True) for each in findings)
