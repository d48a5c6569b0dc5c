"""What runs without a window loads none: no Qt, no codec, no player, seen from a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import inspector

PACKAGE = Path(inspector.__file__).parent
HEAVY = {"PySide6", "shiboken6", "pyqtgraph", "av", "vlc"}

# Imports each module named on the command line, in order, and stops at the first that brings in a heavy one.
PROBE = f"""
import importlib, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
    loaded = {HEAVY!r} & set(sys.modules)
    if loaded:
        sys.exit(f"{{module}} loads {{', '.join(sorted(loaded))}}")
"""


def modules_below(*parts: str) -> list[str]:
    """The dotted names of all modules of the named parts of the package."""
    return [
        ".".join(("inspector", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for part in parts
        for file in sorted((PACKAGE / part).rglob("*.py"))
    ]


def test_the_window_starts_without_the_engine_of_questions() -> None:
    told = "import sys, inspector.ui.main_window; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0


@pytest.mark.parametrize(
    "modules",
    [
        pytest.param(["inspector.session"], id="session"),
        pytest.param(["inspector.cli"], id="cli"),
        pytest.param(["inspector.errors", *modules_below("core", "readers", "playback")], id="parts"),
    ],
)
def test_import_loads_no_window_and_no_codec(modules: list[str]) -> None:
    command = [sys.executable, "-c", PROBE, *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
