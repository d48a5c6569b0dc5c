"""What a check is, and the registry of all of them.

A check is an id `family.name`, a title, a paragraph of help with its source, a tolerance (a setting per
dataset) and one function a stage. One that cannot tell gives `not_measurable` and says why; a figure that is
only relative to the dataset says "relative" and is never ok and never has a fix.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from inspector.core.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from inspector.core.findings import Finding

Limits = tuple[float | None, float | None]
"""Least and greatest value that passes, either None where nothing bounds it."""


class Stage(StrEnum):
    """What a function of a check needs, from cheap to dear; stages run in this order."""

    INDEX = "index"
    """The dataset's index, all of it at once: called with `Facts`."""
    RECORD = "record"
    """One loaded record, nothing decoded: called with a `Case`."""
    DECODE = "decode"
    """One record and what was decoded of it: called with a `Case`."""
    DATASET = "dataset"
    """All records, after the others: called with `Gathered`."""


@dataclass(eq=False, slots=True)
class Check:
    """One check. `among` names the only records that its RECORD stage needs (None: all)."""

    id: str
    title: str
    help: str
    unit: str = ""
    tolerance: Limits = (None, None)
    version: int = 1
    stages: dict[Stage, Callable[[Any], Iterable[Finding]]] = field(default_factory=dict)
    among: Callable[[Any], Collection[str]] | None = None

    def at(self, stage: Stage) -> Callable[[Callable[[Any], Iterable[Finding]]], Any]:
        """Decorator that gives the check its function of a stage."""

        def add(run: Callable[[Any], Iterable[Finding]]) -> Callable[[Any], Iterable[Finding]]:
            self.stages[stage] = run
            return run

        return add

    @property
    def decodes(self) -> bool:
        """Whether it needs more than the records' own words."""
        return Stage.DECODE in self.stages or Stage.DATASET in self.stages


checks: Registry[Check] = Registry(
    "check",
    "inspector.checks",
    (
        "inspector.audit.coverage",
        "inspector.audit.content",
        "inspector.audit.container",
        "inspector.audit.timing",
        "inspector.audit.transcript",
        "inspector.audit.sensor",
        "inspector.audit.label",
        "inspector.audit.label_anchor",
        "inspector.audit.label_frames",
        "inspector.audit.asset",
        "inspector.audit.pairing",
        "inspector.audit.swapped",
        "inspector.audit.agreement",
        "inspector.audit.lips",
        "inspector.audit.gates",
        "inspector.audit.closing",
    ),
)
"""Asked in this order. Third parties use the entry-point group `inspector.checks`."""


def check(
    name: str, title: str, help_: str, unit: str = "", tolerance: Limits = (None, None), version: int = 1
) -> Check:
    """Make a check and register it; its functions are given with `at`."""
    made = Check(name, title, " ".join(help_.split()), unit, tolerance, version)
    return checks.register(name, title=title)(made)
