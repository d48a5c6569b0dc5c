"""What the report shows besides the findings: pairs by device, what was fixed, the worst with frames."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING, Any, Protocol

from inspector import __version__
from inspector.audit.report import Beside
from inspector.audit.report_figures import MOST_COLUMNS, Worst, moments
from inspector.core.findings import Status
from inspector.core.model import Modality
from inspector.core.times import clock_text
from inspector.errors import InspectorError
from inspector.media.stills import stills

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from inspector.audit.store import Store
    from inspector.core.findings import Finding
    from inspector.core.model import Dataset, Record

LOOKED_AT = 8
"""So many of the worst findings are shown with pictures."""
FIT = (192, 128)
PAIRS = """
SELECT p.*, a.modality AS modality_a, b.modality AS modality_b, b.device AS device FROM pairs p
JOIN streams a ON a.record_id = p.record_id AND a.stream_id = p.stream_a
JOIN streams b ON b.record_id = p.record_id AND b.stream_id = p.stream_b
ORDER BY p.record_id, p.stream_b
"""
LIBRARIES = ("av", "numpy", "duckdb", "pyarrow")


class Asked(Protocol):
    """What is needed of a session."""

    dataset: Dataset

    @property
    def root(self) -> Path:
        """The dataset's folder."""
        ...

    @property
    def index(self) -> pa.Table:
        """A row a record."""
        ...

    @property
    def audited(self) -> Store:
        """What audits found."""
        ...

    def record(self, record_id: str) -> Record:
        """The effective record."""
        ...

    def query(self, sql: str) -> Any:
        """An answer with a `table`."""
        ...


def beside_of(session: Asked, found: list[Finding]) -> Beside:
    """All of it."""
    states: dict[str, dict[str, str]] = {}
    if len(session.index) <= MOST_COLUMNS:
        for row in session.query("SELECT * FROM coverage ORDER BY record_id").table.to_pylist():
            states.setdefault(row["record_id"], {})[row["modality"]] = row["state"]
    pairs = session.query(PAIRS).table.to_pylist()
    return Beside(states, pairs, _worst(session, found), tuple(_fixed(session)), _software(session))


def _worst(session: Asked, found: list[Finding]) -> list[Worst]:
    """The worst findings, one a record, with frames of the camera that they name, else of the first."""
    failed = sorted((each for each in found if each.status is Status.FAILED), key=lambda each: -each.severity)
    shown: dict[str, Worst] = {}
    for finding in failed:
        if finding.record_id is None or finding.record_id in shown or len(shown) == LOOKED_AT:
            continue
        try:
            record = session.record(finding.record_id)
        except InspectorError:
            continue
        films = sorted(record.of(Modality.VIDEO), key=lambda each: each.id not in finding.streams)
        frames: tuple[tuple[str, bytes], ...] = ()
        span = films[0].reference_span if films else None
        if span is not None:
            at = moments(finding, span)
            try:
                made = stills(films[0].source, [films[0].timemap.to_local(each) for each in at], FIT)
            except InspectorError:
                made = []  # the finding says why
            told = [f"{films[0].id} {clock_text(each)}" for each in at]
            frames = tuple(zip(told, made, strict=False))
        shown[finding.record_id] = Worst(finding, record, frames)
    return list(shown.values())


def _fixed(session: Asked) -> Iterator[tuple[str, str, float, float | None, str]]:
    """What accepted fixes took off, and what is left, by the newest audit."""
    rows = session.audited.table("states").to_pylist()
    now = {
        (row["record_id"], row["name"]): row["figure"]
        for row in rows
        if row["kind"] in ("residual", "after")  # what another method says stands over the same one's
    }
    drifts = {(row["record_id"], row["name"]): row["figure"] for row in rows if row["kind"] == "drift before"}
    after = {(row["record_id"], row["name"]): row["state"] for row in rows if row["kind"] == "after"}
    for row in rows:
        if row["kind"] == "evidence" and row["figure"] is not None:
            place = (row["record_id"], row["name"])
            how = "same evidence" if row["state"] == "same" else f"by {after.get(place, 'another method')}"
            if place in drifts:
                how += f"; its clock was {drifts[place]:+.0f} ppm"
            yield (*place, row["figure"], now.get(place), how)


def _software(session: Asked) -> str:
    """Names and versions of what the figures rest on."""
    told = [f"Inspector {__version__}", f"reader {session.dataset.reader}"]
    told.append(f"Python {platform.python_version()}")
    told += [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    return "Made by " + ", ".join(told)
