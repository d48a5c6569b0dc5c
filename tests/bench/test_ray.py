"""An audit on a real Ray cluster of two nodes, one of which is lost midway, beside the same audit here.

Ray is installed below tests/bench/.rivals, the first time, since nothing else of the project needs it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inspector.audit.runner import Options
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


def test_two_nodes_one_of_them_lost(tmp_path: Path) -> None:
    why = _ray()
    if why:
        pytest.skip(f"Ray cannot be installed: {why}")
    root = tmp_path / "demo"
    for name in sorted(each.name for each in (ROOT / "resources" / "demo").glob("rec_*"))[:RECORDS]:
        shutil.copytree(ROOT / "resources" / "demo" / name, root / name)
    with Session.open(root, workspace=tmp_path / "here") as session:
        here = [each.to_json() for each in session.audit(Options(workers=2)).findings()]
    out = tmp_path / "there.json"
    paths = [str(ROOT), os.environ.get("PYTHONPATH", ""), str(PLACE)]
    # A cache of its own: what was decoded here must not help there.
    given = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    given |= {"RAY_DISABLE_USAGE_STATS": "1", "RAY_TMPDIR": "/tmp"}
    driver = Path(__file__).with_name("ray_driver.py")
    command = [sys.executable, *map(str, (driver, root, tmp_path / "there", out))]
    done = subprocess.run(
        command, env=os.environ | given, capture_output=True, text=True, timeout=800, check=False
    )
    assert out.exists(), done.stderr[-2000:]
    told = json.loads(out.read_text())
    print(f"ray: nodes {told['nodes']}, one lost after {told['lost_after']} of {told['of']} records")
    assert told["nodes"] == [2, 1]
    assert 0 < told["lost_after"] < told["of"]
    assert _sorted(told["findings"]) == _sorted(here)


def _sorted(findings: list[dict[str, object]]) -> list[str]:
    return sorted(json.dumps(each, sort_keys=True) for each in findings)
