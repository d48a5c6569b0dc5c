"""The rig: what a device's clock did in all records of a session, taken together.

What was measured of a device's streams (what an accepted fix took off, and what remains) is one lateness and
one drift a record. Where records agree, they are one clock model of that device; those that do not are named
and left out. A model is accepted as one edit, which also moves the records that could not be measured by
themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from inspector.audit.checks import checks
from inspector.audit.ladder import check_of
from inspector.audit.pair import CONTAINER, corrected
from inspector.audit.purpose import chosen
from inspector.core.effective import timemap_path, timemap_value
from inspector.core.model import Modality
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from inspector.audit.checks import Limits
    from inspector.audit.store import Store
    from inspector.core.model import Dataset, Record, Stream

LEAST_RECORDS = 3
AGREE = 0.8
"""So many of a device's measured records have to agree."""
LEAST_MS, LEAST_PPM = 5.0, 10.0
"""A device that is less late, and whose clock is less fast, needs no model."""


Load = Callable[[str], "Record"]
"""A record by its id; InspectorError where it cannot be loaded."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One record's part: how late the device's stream was in all, ms and ppm, of which `left_ms` remain.

    `drift_ppm` is None where the method does not tell it. `predicted_ms` is what the model says.
    """

    record_id: str
    stream_id: str
    late_ms: float | None
    drift_ppm: float | None = None
    left_ms: float = 0.0
    predicted_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class ClockModel:
    """A device in a session is `offset_ms` late and its clock `drift_ppm` fast, to `spread_ms` (median).

    `agree` are the records that say so, `outliers` those that do not, `unmeasured` those that it also moves.
    """

    device: str
    session: str
    offset_ms: float
    drift_ppm: float
    spread_ms: float
    agree: tuple[Measured, ...]
    outliers: tuple[Measured, ...] = ()
    unmeasured: tuple[Measured, ...] = ()

    @property
    def name(self) -> str:
        """Device and session, as it is named to accept it."""
        return f"{self.device} @ {self.session}" if self.session else self.device

    def in_words(self) -> str:
        """For people: the model, how well it holds, and who does not."""
        drift = f", {self.drift_ppm:.0f} ppm" if self.drift_ppm else ""
        told = (
            f"{self.name}: {self.offset_ms:+.0f} ms{drift}; {len(self.agree)} records agree within "
            f"{self.spread_ms:.1f} ms"
        )
        if self.outliers:
            told += "; left out: " + ", ".join(
                f"{each.record_id} ({each.late_ms:+.0f} ms)" for each in self.outliers[:5]
            )
            more = len(self.outliers) - 5
            told += f" and {more} more" if more > 0 else ""
        if self.unmeasured:
            told += f"; {len(self.unmeasured)} not measured by themselves would be moved too"
        return told


def device_of(stream: Stream) -> str:
    """The device of a stream, or the name that the layout gives to its role."""
    return stream.device or stream.id


def session_of(record: Record) -> str:
    """The session that a record says it belongs to, empty where it says nothing."""
    return str(record.meta.get("session") or record.meta.get("session_id") or "")


def models(
    effective: Load,
    raw: Load,
    record_ids: Iterable[str],
    pairs: Iterable[Mapping[str, Any]],
    states: Iterable[Mapping[str, Any]],
    limits: Callable[[str], Limits],
) -> list[ClockModel]:
    """A model of each device whose records agree.

    `pairs` and `states` are rows of the audit's tables (of the latter the residuals, against the reference),
    `effective` and `raw` give a record with and without what was decided.
    """
    left = {
        (row["record_id"], row["name"]): float(row["figure"])
        for row in states
        if row["kind"] == "residual" and row["figure"] is not None
    }
    rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in pairs:
        if row["status"] == "ok" and row["method"] != CONTAINER and row["offset_ms"] is not None:
            rows[row["record_id"]].append(row)
    devices: dict[tuple[str, str], list[tuple[Measured, Modality]]] = defaultdict(list)
    for record_id in record_ids:
        try:
            record, before = effective(record_id), raw(record_id)
        except InspectorError:
            continue
        for measured, stream in _of(record, before, rows.get(record_id, ()), left):
            devices[device_of(stream), session_of(record)].append((measured, stream.modality))
    found = []
    for (device, session), told in sorted(devices.items()):
        parts = [each for each, _ in told]
        model = _fit(device, session, parts, _bound(limits(check_of(told[0][1].value))))
        if model is not None:
            found.append(model)
    return found


class Asked(Protocol):
    """What is needed of a session."""

    @property
    def audited(self) -> Store:
        """What audits found."""
        ...

    @property
    def dataset(self) -> Dataset:
        """The records as they were recorded."""
        ...

    def record(self, record_id: str) -> Record:
        """A record with what was decided."""
        ...

    def record_ids(self) -> list[str]:
        """Every record's id."""
        ...


def models_of(session: Asked, step: Callable[[], None] = lambda: None) -> list[ClockModel]:
    """The models that the newest audit of a dataset tells. `step` is called at every record; it may raise."""

    def record(record_id: str) -> Record:
        step()
        return session.record(record_id)

    store = session.audited
    limits = chosen(store.folder).limits()
    return models(
        record,
        session.dataset.load,
        session.record_ids(),
        store.table("pairs").to_pylist(),
        store.table("states").to_pylist(),
        lambda name: limits.get(name) or checks.get(name).tolerance,
    )


def _bound(limits: Limits) -> float:
    """The half width of a tolerance: so far apart records may be and still agree."""
    ends = [abs(each) for each in limits if each is not None]
    return min(ends) / 2 if ends else 20.0


def _of(
    record: Record,
    raw: Record,
    rows: Iterable[Mapping[str, Any]],
    residuals: Mapping[tuple[str, str], float],
) -> Iterator[tuple[Measured, Stream]]:
    """What is known of each stream of a record that could be late by itself."""
    by_stream = {row["stream_b"]: row for row in rows}
    before = {stream.id: stream for stream in raw.streams}
    for stream in record.streams:
        if stream.id == record.reference or stream.span is None or stream.clock.nominal:
            continue
        if stream.modality is Modality.TEXT or stream.id not in before:
            continue  # a transcript is no device
        row = by_stream.get(stream.id)
        if row is None:
            yield Measured(record.id, stream.id, None), stream
            continue
        taken_ms = (stream.timemap.late_ns - before[stream.id].timemap.late_ns) / 1e6
        taken_ppm = stream.timemap.drift_ppm - before[stream.id].timemap.drift_ppm
        drift = None if row["drift_ppm"] is None else row["drift_ppm"] + taken_ppm
        left = residuals.get((record.id, stream.id), float(row["offset_ms"]))
        yield Measured(record.id, stream.id, taken_ms + left, drift, left), stream


def _fit(device: str, session: str, parts: list[Measured], bound_ms: float) -> ClockModel | None:
    known = [each for each in parts if each.late_ms is not None]
    if len(known) < LEAST_RECORDS:
        return None
    late = np.array([each.late_ms for each in known], np.float64)
    middle = _middle(late, bound_ms)
    inside = np.abs(late - middle) <= bound_ms
    if inside.sum() < LEAST_RECORDS or inside.mean() < AGREE:
        return None
    agree = [each for each, good in zip(known, inside, strict=True) if good]
    offset = float(np.median(late[inside]))
    drifts = np.array([each.drift_ppm for each in agree if each.drift_ppm is not None], np.float64)
    drift = float(np.median(drifts)) if len(drifts) >= LEAST_RECORDS else 0.0
    if len(drifts) and float(np.median(np.abs(drifts - drift))) > max(LEAST_PPM, 0.2 * abs(drift)):
        drift = 0.0  # its records do not agree on a rate
    if abs(offset) < LEAST_MS and abs(drift) < LEAST_PPM:
        return None

    def told(each: Measured) -> Measured:
        return replace(each, predicted_ms=offset)

    return ClockModel(
        device, session, offset, drift if abs(drift) >= LEAST_PPM else 0.0,
        float(np.median(np.abs(late[inside] - offset))),
        tuple(map(told, agree)),
        tuple(told(each) for each, good in zip(known, inside, strict=True) if not good),
        tuple(told(each) for each in parts if each.late_ms is None),
    )  # fmt: skip


def _middle(late: np.ndarray[Any, np.dtype[np.float64]], bound_ms: float) -> float:
    """The median of those records that lie around the one with most others near it."""
    near = np.abs(late[:, None] - late[None, :]) <= bound_ms
    return float(np.median(late[near[int(np.argmax(near.sum(axis=1)))]]))


def maps(model: ClockModel, raw: Load) -> Iterator[tuple[str, str, Any]]:
    """(record, path, value) of each time map that puts the model in force, outliers left as they are."""
    for each in (*model.agree, *model.unmeasured):
        stream = raw(each.record_id).stream(each.stream_id)
        new = corrected(stream, model.offset_ms / 1000, model.drift_ppm)
        yield each.record_id, timemap_path(each.stream_id), timemap_value(new)
