"""Rules: a dataset's own questions whose rows are findings, as "force above 5 N while the label says free".

A rule is `<name>.sql` in the folder `rules` of the dataset or of the workspace; one in the workspace stands
for the dataset's of the same name. Its rows have `record_id`, and may have `start_s` and `end_s` (the whole
record without them), `expected`, `found` and `tolerance`, `unit` and `message`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inspector.core.files import write_atomic
from inspector.core.findings import Finding, Status
from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.query.formats import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

FOLDER = "rules"
MOST_RULES = 500
MOST_BYTES = 100_000
MOST_FINDINGS = 100_000
"""Of one rule; that there are more is said by a finding of its own."""
FARTHEST_S = 9e9
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,79}")


@dataclass(frozen=True, slots=True)
class Rule:
    """A question by its name. `shipped` with the dataset, else kept in the workspace."""

    name: str
    sql: str
    shipped: bool

    @property
    def check(self) -> str:
        """What its findings are listed under."""
        return f"rule.{self.name}"


def rules_of(root: Path, workspaces: Iterable[Path]) -> tuple[Rule, ...]:
    """The rules of a dataset at `root` and of the workspaces, by name.

    What is no file below those folders (a link out of them), too long, or no name of a check is left out.
    """
    found: dict[str, Rule] = {}
    for base, shipped in [(root, True), *((each, False) for each in workspaces)]:
        folder = base / FOLDER
        try:
            paths = sorted(folder.glob("*.sql"))[:MOST_RULES]
        except OSError:
            continue
        for path in paths:
            if (sql := _text(path, base)) is not None:
                found[path.stem] = Rule(path.stem, sql, shipped)
    return tuple(found[name] for name in sorted(found))


def _text(path: Path, base: Path) -> str | None:
    if not _NAME.fullmatch(path.stem):
        return None
    try:
        if not path.resolve().is_relative_to(base.resolve()) or path.stat().st_size > MOST_BYTES:
            return None
        return path.read_text("utf-8-sig", "replace")
    except OSError:
        return None


def keep_rule(workspace: Path, name: str, sql: str) -> Rule:
    """Write a rule into a workspace that is there. What cannot stand in the name of a file becomes `_`.

    Raises InspectorError where nothing of the name is left, or the disk will not.
    """
    plain = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("._-")[:80]
    if not _NAME.fullmatch(plain):
        raise InspectorError("A rule needs a name", repr(name), "Use letters, digits, - and _")
    if len(sql.encode()) > MOST_BYTES:
        raise InspectorError("The rule is too long", f"{len(sql)} signs", f"{MOST_BYTES} may be")
    folder = workspace / FOLDER
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InspectorError("The rule was not saved", f"{folder}: {error.strerror}") from error
    if not write_atomic(folder / f"{plain}.sql", lambda beside: beside.write_text(sql, "utf-8")):
        raise InspectorError("The rule was not saved", str(folder), "Is the disk full?")
    return Rule(plain, sql, False)


def findings_of(rule: Rule, table: pa.Table, truncated: bool = False) -> list[Finding]:
    """A finding for each row of a rule's answer.

    Without `expected` and `found` every row failed. With them it is failed where they are further apart than
    `tolerance` (a missing one is 0; texts have to be equal), ok where they are not, and not measurable where
    one of them is missing. `value` is what was found; the tolerance is the interval around what was expected.
    Raises InspectorError where rows do not say whose they are.
    """
    columns = {name.lower(): values_of(table.column(name)) for name in table.column_names}
    if "record_id" not in columns:
        raise InspectorError(
            "The rule does not say whose its rows are", rule.name, "Select record_id, and start_s and end_s"
        )
    compares = {"expected", "found"} <= columns.keys()
    found = [
        _finding(rule, dict(zip(columns, row, strict=True)), compares)
        for row in zip(*columns.values(), strict=True)
    ]
    if truncated:
        message = f"The rule gave more than {MOST_FINDINGS} rows; the others are not here"
        found.append(Finding(rule.check, None, status=Status.SUSPECT, message=message))
    return found


def _finding(rule: Rule, row: dict[str, Any], compares: bool) -> Finding:
    start, end = _ns(row.get("start_s")), _ns(row.get("end_s"))
    span = None if start is None else (start, start if end is None else max(start, end))
    expected, found = row.get("expected"), row.get("found")
    slack = _number(row.get("tolerance")) or 0.0
    low_high: tuple[float | None, float | None] = (None, None)
    status, severity = Status.FAILED, 1.0
    wanted, seen = _number(expected), _number(found)
    if compares and (expected is None or found is None):
        status, severity = Status.NOT_MEASURABLE, 0.0
    elif compares and wanted is not None and seen is not None:
        apart = abs(seen - wanted)
        low_high = (wanted - slack, wanted + slack)
        failed = apart > slack
        status = Status.FAILED if failed else Status.OK
        severity = apart / (apart + slack) if failed else 0.0
    elif compares and str(expected) == str(found):
        status, severity = Status.OK, 0.0
    said = row.get("message")
    if said is None:
        said = " ".join(_told(compares, expected, found, slack))
    record_id = row["record_id"]
    return Finding(
        rule.check,
        None if record_id is None else str(record_id),
        span=span,
        value=seen,
        unit=str(row.get("unit") or ""),
        tolerance=low_high,
        status=status,
        severity=severity,
        message=str(said)[:1000],
    )


def _told(compares: bool, expected: Any, found: Any, slack: float) -> Iterator[str]:
    if not compares:
        yield "The rule found this"
        return
    yield f"expected {_short(expected)}, found {_short(found)}"
    if slack:
        yield f"(tolerance {slack:g})"


def _short(value: Any) -> str:
    return "nothing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)[:200]


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, str | bytes | bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number - number == 0 else None


def _ns(seconds: Any) -> int | None:
    number = _number(seconds)
    return None if number is None or abs(number) > FARTHEST_S else round(number * NS)
