"""What a dataset is for, which tolerances and gates follow from that, and what is set for it by hand.

Kept as `audit/settings.json` in the workspace: `{"purpose": "benchmark", "tolerances": {"timing.av_offset":
[-20, 20]}}`, for people to read and change. A tolerance set by hand stands over the purpose's, which stands
over the check's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from inspector.audit.checks import checks
from inspector.core.files import write_atomic
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from inspector.audit.checks import Limits

FILE = "settings.json"


class Purpose(StrEnum):
    """What the dataset is meant for."""

    TRAINING = "training"
    """Much and varied: coverage, no duplicates, many people; what a viewer accepts is near enough."""
    DOMAIN = "domain"
    """A study of one thing: every pair of streams as precise as it is used."""
    BENCHMARK = "benchmark"
    """What others are measured by: evidence for every link."""


TOLERANCES: dict[Purpose, dict[str, Limits]] = {
    # ITU-R BT.1359, acceptable, in our sign; the others in proportion (ours).
    Purpose.TRAINING: {
        "timing.av_offset": (-90.0, 185.0),
        "timing.camera_offset": (-90.0, 90.0),
        "transcript.offset": (-250.0, 250.0),
        "sensor.offset": (-200.0, 200.0),
    },
    # Half of what the checks ask by themselves (ours).
    Purpose.DOMAIN: {
        "timing.av_offset": (-20.0, 30.0),
        "timing.camera_offset": (-20.0, 20.0),
        "transcript.offset": (-62.5, 62.5),
        "sensor.offset": (-50.0, 50.0),
        "label.offset": (-50.0, 50.0),
    },
    Purpose.BENCHMARK: {},
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is set for one dataset."""

    purpose: Purpose | None = None
    tolerances: Mapping[str, Limits] = field(default_factory=dict)

    def limits(self) -> dict[str, Limits]:
        """The tolerances that differ from the checks' own."""
        return (TOLERANCES[self.purpose] if self.purpose is not None else {}) | dict(self.tolerances)


def chosen(folder: Path | None) -> Chosen:
    """What is set in a workspace's audit folder. InspectorError where the file is not to be understood."""
    path = None if folder is None else folder / FILE
    if path is None or not path.exists():
        return Chosen()
    try:
        plain: Any = json.loads(path.read_text("utf-8"))
        purpose = plain.get("purpose")
        found = Chosen(
            None if purpose is None else Purpose(purpose),
            {name: _limits(name, each) for name, each in plain.get("tolerances", {}).items()},
        )
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InspectorError(
            "The audit's settings cannot be read", f"{path}: {error}", "Mend the file, or delete it"
        ) from error
    return found


def keep(folder: Path | None, what: Chosen) -> None:
    """Write what is set. InspectorError where nothing can be kept."""
    if folder is None:
        raise InspectorError("Nothing can be kept for this dataset", "", "Name --workspace")
    plain: dict[str, Any] = {"purpose": None if what.purpose is None else what.purpose.value}
    plain["tolerances"] = {name: list(each) for name, each in sorted(what.tolerances.items())}
    text = json.dumps(plain, indent=1) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        done = write_atomic(folder / FILE, lambda beside: beside.write_text(text, "utf-8"))
    except OSError:
        done = False
    if not done:
        raise InspectorError("The audit's settings cannot be kept", str(folder / FILE), "Name --workspace")


def tolerance_of(text: str) -> tuple[str, Limits]:
    """`timing.av_offset=-20:30` as a check and its limits, either end empty for none. InspectorError else."""
    name, _, told = text.partition("=")
    low, colon, high = told.partition(":")
    try:
        limits = (float(low) if low.strip() else None, float(high) if high.strip() else None)
    except ValueError:
        colon = ""
    if not colon:
        raise InspectorError("No tolerance", text, "Write it as timing.av_offset=-20:30, in the check's unit")
    return name, _limits(name, limits)


def _limits(name: str, told: Any) -> Limits:
    checks.get(name)
    low, high = (None if each is None else float(each) for each in told)
    if low is not None and high is not None and low > high:
        raise InspectorError("A tolerance's ends are in the wrong order", f"{name}: {low:g} to {high:g}")
    return low, high
