"""What may not leave: records whose licence is missing or denied, and those of people who took consent back.

The licence policy is off until one is set for the dataset. Consent is a table of record, person and state; it
lies in the workspace (consent.csv), and a dataset may bring one of its own. Both are asked by the plan of
every release, and who holds a record back is told with it.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from inspector.core import manifest
from inspector.core.files import write_atomic
from inspector.errors import InspectorError
from inspector.release.names import LEFT_OUT
from inspector.release.tables import is_licence, licence_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from inspector.release.plan import Opened, Plan

POLICY = "policy.json"
CONSENT = "consent.csv"
COLUMNS = ("record", "person", "state")
EVERY = "*"
"""In place of a record: all of them."""
GIVEN = frozenset(("given", "granted", "yes", "true", "1", "ok"))
TAKEN_BACK = frozenset(("withdrawn", "revoked", "denied", "refused", "no", "false", "0"))
WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Policy:
    """Which licences may leave. `allow` empty: any that is not denied; `column` "": the first named so."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    column: str = ""

    def refuses(self, licence: str | None) -> str | None:
        """Why a record of that licence is held back; None where it is not."""
        name = (licence or "").strip()
        if not name:
            return "it has no licence"
        known = name.casefold()
        if known in {each.casefold() for each in self.deny}:
            return f"its licence is denied: {name}"
        if self.allow and known not in {each.casefold() for each in self.allow}:
            return f"its licence is not among those allowed: {name}"
        return None


@dataclass(frozen=True, slots=True)
class Consent:
    """One row: whether a person agrees to a record's use, EVERY for all."""

    record: str
    person: str
    state: str

    @property
    def withdrawn(self) -> bool:
        """Whether it was taken back or refused."""
        return self.state.casefold() in TAKEN_BACK


def read_policy(workspace: Path) -> Policy | None:
    """The policy in force, None where none is set. InspectorError where it cannot be read."""
    place = workspace / POLICY
    try:
        plain = json.loads(place.read_text("utf-8"))
        lists = {name: tuple(str(each) for each in plain.get(name, ())) for name in ("allow", "deny")}
        return Policy(**lists, column=str(plain.get("column", "")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InspectorError(
            "The licence policy cannot be read", f"{place}: {error}"[:300], "Mend it, or set it anew"
        ) from None


def set_policy(session: Opened, policy: Policy | None) -> None:
    """Set it for the dataset, or take it away. InspectorError where that cannot be written."""
    workspace = session.desk.workspace
    workspace.begin()
    place = workspace.folder / POLICY
    try:
        if policy is None:
            place.unlink(missing_ok=True)
            return
    except OSError as error:
        raise InspectorError("The policy cannot be taken away", f"{place}: {error.strerror}") from error
    plain = {"allow": policy.allow, "deny": policy.deny, "column": policy.column}
    _write(place, json.dumps(plain, indent=1, ensure_ascii=False) + "\n")


def known_licences(session: Opened, column: str = "", most: int = 8) -> list[str]:
    """The licences that records name, in a column where one is named, the commonest first."""
    counts: Counter[str] = Counter()
    for name in session.index.column_names:
        if is_licence(name, column):
            values = session.index.column(name).to_pylist()
            counts.update(text for each in values if each is not None and (text := str(each).strip()))
    return [name for name, _ in counts.most_common(most)]


def _write(place: Path, text: str) -> None:
    if not write_atomic(place, lambda beside: beside.write_text(text, "utf-8")):
        raise InspectorError("It cannot be written", str(place), "Make room, or name another workspace")


# -- consent -----------------------------------------------------------------------------------------------


def read_consent(place: Path) -> list[Consent]:
    """The rows of a consent table in CSV; none where it is not there. InspectorError where it is none."""
    try:
        text = place.read_text("utf-8-sig")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InspectorError("The consent table cannot be read", f"{place}: {error}"[:300]) from None
    rows = csv.DictReader(io.StringIO(text))
    names = {(name or "").strip().casefold().removesuffix("_id"): name for name in rows.fieldnames or ()}
    if not set(COLUMNS) <= set(names):
        raise InspectorError(
            "The consent table has other columns",
            f"{place}: {', '.join(names)}",
            "It needs record, person, state",
        )
    found = []
    try:
        for row in rows:
            record, person, state = ((row[names[each]] or "").strip() for each in COLUMNS)
            if state.casefold() not in GIVEN | TAKEN_BACK:
                raise InspectorError(
                    "The consent table has a state that says neither yes nor no",
                    f"{place}, line {rows.line_num}: {state!r}",
                    f"Write {WITHDRAWN} or given",
                )
            found.append(Consent(record or EVERY, person, state))
    except csv.Error as error:
        raise InspectorError(
            "The consent table cannot be read", f"{place}, line {rows.line_num}: {error}"
        ) from None
    return found


def consent_of(session: Opened) -> list[Consent]:
    """The dataset's own table, then the workspace's, whose rows go before."""
    own = read_consent(session.root / CONSENT) if session.root.is_dir() else []
    rows = {(each.record, each.person): each for each in own}
    rows |= {
        (each.record, each.person): each for each in read_consent(session.desk.workspace.folder / CONSENT)
    }
    return list(rows.values())


def withdraw(session: Opened, person: str, records: Iterable[str]) -> int:
    """Write down that a person took consent back for these records; how many rows are new."""
    workspace = session.desk.workspace
    place = workspace.folder / CONSENT
    rows = {(each.record, each.person): each for each in read_consent(place)}
    before = {key for key, each in rows.items() if each.withdrawn}
    rows |= {(each, person): Consent(each, person, WITHDRAWN) for each in (EVERY, *records)}
    workspace.begin()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((each.record, each.person, each.state) for each in rows.values())
    _write(place, text.getvalue())
    return sum(each.withdrawn and key not in before for key, each in rows.items())


def persons_of(session: Opened) -> dict[str, frozenset[str]]:
    """The people that each record's columns name, where the dataset has such columns."""
    from inspector.readers.assemble import PERSON_COLUMNS

    index = session.index
    names = [each for each in PERSON_COLUMNS if each in index.column_names]
    found: dict[str, set[str]] = {}
    for name in names:
        for record_id, value in zip(
            index.column("record_id").to_pylist(), index.column(name).to_pylist(), strict=True
        ):
            if value not in (None, ""):
                found.setdefault(record_id, set()).add(str(value))
    return {record_id: frozenset(people) for record_id, people in found.items()}


# -- what the plan asks ------------------------------------------------------------------------------------


def held_back(session: Opened) -> dict[str, str]:
    """Records that may not leave, each with the reason. InspectorError where a rule cannot be read."""
    found: dict[str, str] = {}
    policy = read_policy(session.desk.workspace.folder)
    if policy is not None:
        ids = session.index.column("record_id").to_pylist()
        names = [each for each in session.index.column_names if is_licence(each, policy.column)]
        if policy.column and not names:
            raise InspectorError(
                "The licence policy names a column that is not there", policy.column, "Set the policy anew"
            )
        rows = session.index.select(names).to_pylist() if names else [{}] * len(ids)
        for record_id, row in zip(ids, rows, strict=True):
            why = policy.refuses(licence_of(row, policy.column))
            if why is not None:
                found[record_id] = why
    withdrawn = [each for each in consent_of(session) if each.withdrawn]
    if withdrawn:
        known = set(session.record_ids())
        people = persons_of(session)
        everywhere = {each.person for each in withdrawn if each.record == EVERY}
        for each in withdrawn:
            if each.record in known:
                found[each.record] = f"consent was taken back: {each.person}"
        for record_id, its in people.items():
            if gone := its & everywhere:
                found[record_id] = f"consent was taken back: {', '.join(sorted(gone))}"
    return found


def write_left_out(out: Path, session: Opened, plan: Plan) -> list[str]:
    """The table of the records that are not in a release, and why; its path there, none where all are in."""
    chosen = set(plan.ids if plan.sources is None else plan.sources)
    left = [each for each in session.record_ids() if each not in chosen]
    if not left:
        return []
    rejected = {each.record_id: each.author for each in session.curation.flags() if each.flag == "reject"}
    where = plan.choice.where
    other = f"not chosen by {where}" if where else "not chosen"

    def why(record_id: str) -> str:
        if record_id in plan.held_back:
            return plan.held_back[record_id]
        return f"flagged reject by {rejected[record_id]}" if record_id in rejected else other

    schema = pa.schema([("record_id", pa.string()), ("reason", pa.string())])
    rows = {"record_id": left, "reason": [why(each) for each in left]}
    pq.write_table(pa.table(rows, schema), manifest.inside(out, LEFT_OUT))
    return [LEFT_OUT]
