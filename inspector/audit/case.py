"""What a check is given: the dataset's expectations, one record and what was decoded of it, or all."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow.compute as pc

from inspector.audit.checks import checks
from inspector.audit.material import Film, Sound
from inspector.core.findings import Finding, Status
from inspector.core.model import Coverage, Modality
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from inspector.audit.checks import Limits
    from inspector.core.findings import Fix
    from inspector.core.model import Cue, Record, Span, Stream
    from inspector.media.series import Series

EXPECTED_SHARE = 0.5
"""A modality that at least this share of the records has is expected in all of them."""


class Source(Protocol):
    """What an audit asks of a session."""

    @property
    def root(self) -> Path:
        """Where the dataset lies."""
        ...

    @property
    def index(self) -> pa.Table:
        """One row a record."""
        ...

    def record(self, record_id: str) -> Record:
        """The effective record."""
        ...

    def cues(self, stream: Stream) -> tuple[Cue, ...]:
        """Of a text stream."""
        ...


@dataclass(frozen=True, eq=False)
class Facts:
    """The dataset as its index tells it, and the tolerances in force where they differ from a check's own."""

    root: Path
    index: pa.Table
    tolerances: Mapping[str, Limits] = field(default_factory=dict)
    excused: frozenset[tuple[str, Modality]] = frozenset()
    """Modalities that curators say a record need not have, or have linked from elsewhere."""

    def limits(self, check: str) -> Limits:
        """The tolerance of a check in this dataset."""
        return self.tolerances.get(check) or checks.get(check).tolerance

    def finding(self, check: str, record_id: str | None, **told: Any) -> Finding:
        """A finding of a check with its unit and the tolerance in force."""
        given: dict[str, Any] = {"unit": checks.get(check).unit, "tolerance": self.limits(check)}
        return Finding(check, record_id, **(given | told))

    @cached_property
    def shares(self) -> dict[Modality, float]:
        """The share of records for which the layout promises each modality."""
        rows = len(self.index)
        names = pc.list_flatten(self.index.column("modalities"))
        counted = pc.value_counts(names).to_pylist() if rows else []
        return {Modality(each["values"]): each["counts"] / rows for each in counted}

    @cached_property
    def expected(self) -> tuple[Modality, ...]:
        """Modalities that every record should have."""
        return tuple(modality for modality in Modality if self.shares.get(modality, 0.0) >= EXPECTED_SHARE)

    def without(self, modality: Modality) -> list[str]:
        """The records for which the layout does not promise a modality."""
        lists = self.index.column("modalities").combine_chunks()
        held = pc.list_parent_indices(lists).filter(pc.equal(pc.list_flatten(lists), modality.value))
        import numpy as np

        lacking = np.ones(len(self.index), np.bool_)
        lacking[held.to_numpy(zero_copy_only=False)] = False
        ids: list[str] = self.index.column("record_id").filter(lacking).to_pylist()
        return ids


@dataclass(frozen=True, eq=False)
class Case:
    """One record before the checks. What is decoded is shared by all of them; what fails is in `broken`."""

    record: Record
    facts: Facts
    decode: Callable[[Stream], Film | Sound]
    read_cues: Callable[[Stream], tuple[Cue, ...]]
    broken: dict[str, str] = field(default_factory=dict)
    """Streams that could not be decoded or read, and why."""
    pairs: list[dict[str, Any]] = field(default_factory=list)
    """Rows of the SQL table `pairs`."""
    states: list[dict[str, Any]] = field(default_factory=list)
    """What the checks know besides their findings; see audit.store."""
    before: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """What `note` kept of this record in earlier audits, by kind and name."""
    _known: dict[str, Any] = field(default_factory=dict)

    def note(self, kind: str, name: str, state: str, figure: float | None = None) -> None:
        """Keep what SQL shows elsewhere: the `coverage` of a modality, a stream's `residual`, `grounding`."""
        self.states.append(
            {"record_id": self.record.id, "kind": kind, "name": name, "state": state, "figure": figure}
        )

    def finding(self, check: str, **told: Any) -> Finding:
        """A finding on this record, with the check's unit and the tolerance in force."""
        return self.facts.finding(check, self.record.id, **told)

    def judged(
        self,
        check: str,
        value: float,
        message: str,
        *,
        streams: tuple[str, ...] = (),
        span: Span | None = None,
        confidence: float | None = None,
        fix: Fix | None = None,
    ) -> Finding:
        """A finding of a measured figure: failed outside its tolerance, with the `fix`, ok within."""
        limits = self.facts.limits(check)
        failed = outside(value, limits)
        return self.finding(
            check,
            streams=streams,
            span=span,
            value=value,
            status=Status.FAILED if failed else Status.OK,
            confidence=confidence,
            severity=severity(value, limits) if failed else 0.0,
            message=message,
            fix=fix if failed else None,
        )

    def unmeasurable(self, check: str, why: str, streams: tuple[str, ...] = ()) -> Finding:
        """A finding that says why the check cannot tell."""
        return self.finding(check, streams=streams, status=Status.NOT_MEASURABLE, message=why)

    def film(self, stream: Stream) -> Film | None:
        """A video stream decoded; None where it cannot be."""
        found = self._once(stream, self.decode)
        return found if isinstance(found, Film) else None

    def sound(self, stream: Stream) -> Sound | None:
        """An audio stream decoded; None where it cannot be."""
        found = self._once(stream, self.decode)
        return found if isinstance(found, Sound) else None

    def series(self, stream: Stream) -> Series | None:
        """A sensor's samples; None where they cannot be read or have no times."""
        if stream.span is None or stream.source.format != "table":
            return None
        from inspector.media.series import load_series

        found: Series | None = self._once(stream, load_series)
        return found

    def cues(self, stream: Stream) -> tuple[Cue, ...]:
        """The cues of a text stream, none where they have no times or cannot be read."""
        if stream.span is None:
            return ()
        return self._once(stream, self.read_cues) or ()

    def _once(self, stream: Stream, read: Callable[[Stream], Any]) -> Any:
        if stream.id not in self._known and stream.id not in self.broken:
            try:
                self._known[stream.id] = read(stream)
            except InspectorError as error:
                self.broken[stream.id] = str(error)
        return self._known.get(stream.id)

    def decoded(self) -> dict[str, Any]:
        """What was decoded and read of its streams, by their ids."""
        ids = {stream.id for stream in self.record.streams}
        return {name: value for name, value in self._known.items() if name in ids}

    def share(self, name: str, make: Callable[[], Any]) -> Any:
        """What several checks work out of the record together, made once."""
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]

    @property
    def coverage(self) -> dict[Modality, Coverage]:
        """What is there of each modality, as far as it is known before decoding."""
        found = {stream.modality for stream in self.record.streams}
        modalities = {*self.facts.shares, *found, *self.record.coverage}
        return {
            modality: self.record.coverage.get(
                modality, Coverage.PRESENT if modality in found else Coverage.ABSENT
            )
            for modality in Modality
            if modality in modalities
        }


@dataclass(frozen=True, eq=False)
class Gathered:
    """All records, for what is only seen by comparing them. Cases are made again as they are asked for."""

    facts: Facts
    ids: Sequence[str]
    case: Callable[[str], Case]
    """InspectorError where the record cannot be loaded."""
    wanted: frozenset[str] | None = None
    """The records that findings are asked about, None for all; the others are only compared with."""
    states: list[dict[str, Any]] = field(default_factory=list)
    measured: Callable[[], Mapping[tuple[str, str], str]] = dict
    """By record and stream whether it was measured to lie where it belongs: ok, failed or reference."""
    pairs: Callable[[], Sequence[Mapping[str, Any]]] = list
    """The rows of the table `pairs`."""
    _known: dict[str, Any] = field(default_factory=dict)

    def asked(self, record_id: str) -> bool:
        """Whether findings on this record are wanted."""
        return self.wanted is None or record_id in self.wanted

    def share(self, name: str, make: Callable[[], Any]) -> Any:
        """What several checks work out of the dataset together, made once."""
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]

    def note(self, record_id: str, kind: str, name: str, state: str) -> None:
        """As `Case.note`, for what only all records together tell."""
        self.states.append(
            {"record_id": record_id, "kind": kind, "name": name, "state": state, "figure": None}
        )

    def cases(self, most: int | None = None) -> Iterator[Case]:
        """Each record that can be loaded; of more than `most` so many, spread evenly."""
        ids = self.ids
        if most is not None and len(ids) > most:
            ids = [ids[place * len(ids) // most] for place in range(most)]
        for record_id in ids:
            try:
                yield self.case(record_id)
            except InspectorError:
                continue


def outside(value: float, limits: Limits) -> bool:
    """Whether a figure is beyond its tolerance."""
    low, high = limits
    return (low is not None and value < low) or (high is not None and value > high)


def severity(value: float, limits: Limits, most: float = 10.0) -> float:
    """0.5 at the edge of the tolerance, 1 at `most` times it: what orders a worklist."""
    low, high = limits
    bound = high if value >= 0 else low
    if not bound:
        return 0.75
    return float(min(1.0, 0.5 + 0.5 * (abs(value / bound) - 1) / (most - 1)))
