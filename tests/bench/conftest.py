"""The table and the JSON of a bench run, and the screen that all benches share."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bench.harness import BOOK, Stand, Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--bench-json FILE`, else INSPECTOR_BENCH_JSON, else bench.json here."""
    parser.addoption("--bench-json", help="where the figures are written as JSON")


@pytest.fixture(scope="session")
def stand() -> Iterator[Stand]:
    """An X server and a sound sink of this run."""
    with Stand() as made:
        yield made


@pytest.fixture(scope="session")
def watcher(stand: Stand) -> Iterator[Watcher]:
    """Eyes on that screen."""
    made = Watcher(stand)
    yield made
    made.close()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was not measured, and why."""
    if report.skipped and isinstance(report.longrepr, tuple):
        BOOK.skipped.append(f"{report.nodeid.rsplit('/', 1)[-1]}: {report.longrepr[2]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table and write the JSON, of whatever was measured."""
    if not BOOK.figures and not BOOK.skipped:
        return
    terminalreporter.section("figures")
    for line in BOOK.table():
        terminalreporter.write_line(line)
    for line in BOOK.skipped:
        terminalreporter.write_line(f"not measured: {line}")
    path = Path(config.getoption("--bench-json") or os.environ.get("INSPECTOR_BENCH_JSON") or "bench.json")
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    figures = [figure.plain() for figure in BOOK.figures]
    path.write_text(json.dumps({"machine": machine, "figures": figures, "skipped": BOOK.skipped}, indent=1))
    terminalreporter.write_line(f"written to {path}")
