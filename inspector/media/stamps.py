"""Columns of stamps: told by name, their unit by suffix, magnitude or step, and read as int64 ns.

The unit is the name's suffix or bracket (`t_ms`, `time [us]`), else told by magnitude and step. Stamps never
pass through float64 unless the file holds floats: it knows an epoch in seconds no finer than 0.2 µs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inspector.core.times import NS, UNIT_NS
from inspector.media.told import in_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EPOCH_S = (978_307_200, 4_102_444_800)
"""The years 2001 to 2100 in seconds since 1970: where a stamp lies that counts from then."""

TIME_NAMES = in_row(
    "time timestamp timestamps t ts stamp time_stamp seconds secs sec elapsed elapsed_time "
    "elapsed_seconds host_timestamp device_timestamp recording_time recording_timestamp frame_time "
    "frame_timestamp sample_time lsl_timestamp datetime date_time unix unix_time unixtime utc "
    "utc_time epoch epoch_time millis milliseconds ms us ns pts pts_time system_time host_time "
    "device_time sensor_time video_time"
)
"""Names of a column of stamps after its unit is taken off, the surest first."""

_NOT_STAMPS = frozenset(
    in_row("delta reaction response exposure dwell duration interval diff rise fall lead lag run step")
)
_UNITS = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "ms": "ms", "msec": "ms", "msecs": "ms", "millis": "ms", "millisecond": "ms", "milliseconds": "ms",
    "us": "us", "usec": "us", "usecs": "us", "micros": "us", "microsecond": "us", "microseconds": "us",
    "µs": "us", "μs": "us",
    "ns": "ns", "nsec": "ns", "nsecs": "ns", "nanos": "ns", "nanosecond": "ns", "nanoseconds": "ns",
}  # fmt: skip
_BRACKET = re.compile(r"\s*[\[(]\s*([^\])]*?)\s*[\])]\s*$")
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_PLAIN = r"^[+-]?(\d{1,19}(\.\d*)?|\.\d+)$"
_DIGITS = {"s": 9, "ms": 6, "us": 3, "ns": 0}


@dataclass(frozen=True, slots=True)
class Stamps:
    """The time column of a table. `ns` is absolute (an epoch is not taken off yet), in row order.

    `order` gives the rows that have a usable stamp, sorted by it; `epoch` says whether they count from 1970.
    """

    column: str
    unit: str
    epoch: bool
    ns: NDArray[np.int64]
    order: NDArray[np.int64]
    guessed: bool
    problems: tuple[str, ...]

    @property
    def sorted_ns(self) -> NDArray[np.int64]:
        """The usable stamps in ascending order."""
        return self.ns[self.order]

    @property
    def step_ns(self) -> int:
        """The median positive step, 0 where there is none."""
        return median_step_ns(self.sorted_ns)


@lru_cache(maxsize=4096)
def clean_name(name: str) -> tuple[str, str | None]:
    """A column name in snake case without its unit, and that unit (a key of UNIT_NS) where it names one."""
    text = name.strip().lstrip("#").strip()
    unit = None
    bracket = _BRACKET.search(text)
    if bracket:
        unit = _UNITS.get(bracket[1].strip().lower())
        text = text[: bracket.start()]
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()
    parts = [part for part in re.split(r"[\s_.\-/]+", text) if part]
    if unit is None and len(parts) > 1 and parts[-1] in _UNITS:
        unit = _UNITS[parts.pop()]
    elif unit is None and len(parts) == 1 and parts[0] in _UNITS:
        unit = _UNITS[parts[0]]
    return "_".join(parts), unit


def time_columns(names: Sequence[str]) -> list[str]:
    """The columns that by their names hold stamps, the surest first."""
    ranked = []
    for place, name in enumerate(names):
        plain, unit = clean_name(name)
        words = plain.split("_")
        if plain in TIME_NAMES:
            ranked.append((TIME_NAMES.index(plain), place, name))
        elif words[0] not in _NOT_STAMPS and words[-1] in ("time", "timestamp", "stamp", "ts"):
            ranked.append((len(TIME_NAMES), place, name))
        elif words[0] in ("time", "timestamp") and (unit or len(words) == 2) and "zone" not in words:
            ranked.append((len(TIME_NAMES) + 1, place, name))
    return [name for _, _, name in sorted(ranked)]


def _median(values: NDArray[Any]) -> float:
    """The median of one number or more; of few NumPy's own takes ten times as long."""
    middle = (len(values) - 1) // 2, len(values) // 2
    parted = np.partition(values, middle)
    return (float(parted[middle[0]]) + float(parted[middle[1]])) / 2


def median_step_ns(stamps_ns: NDArray[np.int64]) -> int:
    """The median positive step of ascending stamps, from at most a million of them; 0 where there is none."""
    steps = np.diff(stamps_ns[:1_000_001])
    steps = steps[steps > 0]
    return int(_median(steps)) if len(steps) else 0


def stamps_ns(column: pa.ChunkedArray | pa.Array, unit: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A column of stamps in ns, exact for whole numbers and decimals, and which of them are usable.

    Strings are read as decimals in `unit`, those that are none as ISO dates (since 1970); floats are rounded
    to the nearest ns. What has no time (null, NaN, text, beyond int64) is False in the second array.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        scale = UNIT_NS[kind.unit]
        return _scaled(array.cast(pa.int64()), scale)
    if pa.types.is_integer(kind):
        if kind == pa.uint64():
            array = pc.if_else(pc.greater(array, pa.scalar(2**63 - 1, pa.uint64())), None, array)
        return _scaled(array.cast(pa.int64()), UNIT_NS[unit])
    if pa.types.is_floating(kind):
        values = array.cast(pa.float64()).to_numpy(zero_copy_only=False) * UNIT_NS[unit]
        usable = np.isfinite(values) & (np.abs(values) < 2**62)
        return np.rint(np.where(usable, values, 0)).astype(np.int64), usable
    if pa.types.is_decimal(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _from_text(array.cast(pa.string()), unit)
    return np.zeros(len(array), np.int64), np.zeros(len(array), np.bool_)


def _scaled(array: pa.Array, scale: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    usable = array.is_valid().to_numpy(zero_copy_only=False)
    values: NDArray[np.int64] = array.fill_null(0).to_numpy(zero_copy_only=False)
    limit = 2**62 // scale
    usable = usable & (values <= limit) & (values >= -limit)
    return np.where(usable, values, 0) * scale, usable


def _from_text(array: pa.Array, unit: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    digits = _DIGITS[unit]
    try:
        return _from_decimals(pc.cast(array, pa.decimal128(38, digits)))
    except pa.ArrowInvalid:  # one at least is no plain decimal, or finer than a ns
        pass
    array = pc.replace_substring(pc.utf8_trim_whitespace(array), ",", ".", max_replacements=1)
    plain = pc.fill_null(pc.match_substring_regex(array, _PLAIN), False)
    cut = pc.replace_substring_regex(array, rf"(\.\d{{{digits}}})\d+$", r"\1")
    if not digits:  # decimals of a ns: "5." and "." are no decimals to Arrow
        cut = pc.replace_substring_regex(pc.replace_substring_regex(cut, r"\.\d*$", ""), r"^([+-]?)$", r"\10")
    number = pc.cast(pc.if_else(plain, cut, "0"), pa.decimal128(38, digits))
    ns, usable = _from_decimals(number)
    usable &= plain.to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(~usable & array.is_valid().to_numpy(zero_copy_only=False))[:100_000]:
        value = _odd(array[int(row)].as_py(), unit)
        if value is not None:
            ns[row], usable[row] = value, True
    return ns, usable


def _from_decimals(number: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Decimals of 128 bits as whole numbers of their last digit, and which of them int64 holds."""
    low, high = (
        np.frombuffer(number.buffers()[1], np.int64)[2 * number.offset :].reshape(-1, 2).T[:, : len(number)]
    )
    usable = (high == (low >> 63)) & (np.abs(low) < 2**62)
    if number.null_count:
        usable &= number.is_valid().to_numpy(zero_copy_only=False)
    return np.where(usable, low, 0), usable


def _odd(text: str, unit: str) -> int | None:
    """A stamp that is no plain decimal: 1e-3, or an ISO date."""
    from datetime import UTC, datetime

    try:
        value = float(text) * UNIT_NS[unit]
    except ValueError:
        try:
            date = datetime.fromisoformat(text)
        except ValueError:
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        whole = date - datetime(1970, 1, 1, tzinfo=UTC)
        ns = (whole.days * 86400 + whole.seconds) * NS + whole.microseconds * 1000
        return ns if abs(ns) < 2**62 else None
    return round(value) if abs(value) < 2**62 else None


def epoch_unit(stamp: float) -> str | None:
    """The unit in which a number is a moment of the years 2001 to 2100 since 1970, None where it is none."""
    for unit, scale in UNIT_NS.items():
        if EPOCH_S[0] * (NS // scale) <= stamp < EPOCH_S[1] * (NS // scale):
            return unit
    return None


def guess_unit(first: float, step: float, whole: bool, rows: int) -> str:
    """The unit of stamps whose name tells none, by magnitude (since 1970), else by step.

    `first` is a typical stamp, `step` the median step, both as written; `whole` says that all are integers.
    The limits lie where the rate in the one unit and in the next are as far from common ones, 5 Hz to 2 kHz.
    """
    since_1970 = epoch_unit(first)
    if since_1970 is not None:
        return since_1970
    if whole and step <= 1:
        return "ms" if abs(first) > 10_000 or rows > 20_000 else "s"
    for unit, limit in (("s", 5 if not whole and step == int(step) else 0.7), ("ms", 300), ("us", 300_000)):
        if step < limit:
            return unit
    return "ns"


def find_stamps(table: pa.Table, column: str, named_by: str = "name") -> Stamps | None:
    """The stamps in a column, their unit told from its name, else from its values; None where it has none."""
    array = table.column(column)
    _, unit = clean_name(column)
    kind = array.type
    dated = pa.types.is_timestamp(kind)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    sample = array.drop_null().slice(0, 50).to_pylist() if text else []
    if text and not dated:
        dated = bool(sample) and all("-" in item[1:] and ":" in item for item in sample)
    if text and not dated and unit is not None and (ns := _exact(array, unit)) is not None:
        return _told(column, unit, False, ns, np.ones(len(ns), np.bool_), False, [])
    values = _as_written(array)
    if not len(values) and not dated:
        return None
    guessed = unit is None and not dated
    steps = np.diff(values[:100_001])
    steps = steps[steps > 0]
    typical = _median(values) if len(values) else 0.0
    step = _median(steps) if len(steps) else 0.0
    whole = pa.types.is_integer(kind) or (text and not any("." in item for item in sample))
    said: list[str] = []
    if dated:
        unit = "ns"
    elif unit is None:
        unit = guess_unit(typical, step, whole, len(values))
    elif not _believable(typical, unit):
        read = guess_unit(typical, step, whole, len(values))
        said.append(f"{column}: its values cannot be {unit}, read as {read}")
        unit = read
    ns, usable = stamps_ns(array, unit)
    return _told(column, unit, dated, ns, usable, guessed, said) if usable.any() else None


def _exact(array: pa.ChunkedArray, unit: str) -> NDArray[np.int64] | None:
    """Text that is plain decimals throughout, in ns; None for other text and for stamps past belief."""
    if array.null_count or not len(array):
        return None
    try:
        number = pc.cast(array.combine_chunks(), pa.decimal128(38, _DIGITS[unit]))
    except pa.ArrowInvalid:
        return None
    ns, usable = _from_decimals(number)
    return ns if usable.all() and _believable(_median(ns) / UNIT_NS[unit], unit) else None


def _told(
    column: str,
    unit: str,
    dated: bool,
    ns: NDArray[np.int64],
    usable: NDArray[np.bool_],
    guessed: bool,
    said: list[str],
) -> Stamps:
    """What is to be said of stamps whose unit is known, one of which at least can be used."""
    epoch = dated or EPOCH_S[0] <= _median(ns[usable]) / NS < EPOCH_S[1]
    rows = np.flatnonzero(usable)
    if len(rows) < len(ns):
        said.append(
            f"{len(ns) - len(rows)} of {len(ns)} rows have no usable stamp in {column} and are left out"
        )
    backwards = int((np.diff(ns[rows]) < 0).sum())
    if backwards:
        said.append(
            f"stamps in {column} run backwards {backwards} time{'s' * (backwards > 1)}; the rows are sorted"
        )
        rows = rows[np.argsort(ns[rows], kind="stable")]
    return Stamps(column, unit, bool(epoch), ns, rows, guessed, tuple(said))


def _as_written(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """The finite numbers of a column in their own unit, only good for telling which unit that is."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            column = pc.cast(column, pa.float64())
        except pa.ArrowInvalid:  # some are no numbers as they stand
            text = pc.replace_substring(pc.utf8_trim_whitespace(column), ",", ".", max_replacements=1)
            column = pc.cast(pc.if_else(pc.match_substring_regex(text, _NUMBER), text, None), pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return np.zeros(0)
    values: NDArray[np.float64] = column.drop_null().cast(pa.float64(), safe=False).to_numpy()
    return values[np.isfinite(values)]


def _believable(typical: float, unit: str) -> bool:
    """Whether a stamp in this unit is before the year 2100, counted from 1970."""
    return abs(typical) * UNIT_NS[unit] < EPOCH_S[1] * NS
