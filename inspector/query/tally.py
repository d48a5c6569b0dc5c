"""Counting for facets: every column as small whole numbers, one a record, and a mask for every pick.

DuckDB says which records a pick is met by, with the SQL that the facet shows; to count all anew is then
a few passes over arrays, which costs 3 ms for a column of a million records where a question costs 20.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from inspector.query.facets import Coverage, Facet, Key, Kind, Pick, facet_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

MOST_VALUES = 250
"""So many different values are told apart, the commonest ones; all others are counted as one."""
HARDLY_TWO = 0.6
"""A column of texts with more different ones than this share of its records is one of names."""
SOME = 5000
"""Records by which a column of names is told."""


@dataclass(frozen=True, slots=True)
class Column:
    """A facet and the code of each record: 0 has no value, 1 another than those listed, then bars or values.

    Lists have a code for each different list, and `member` says which of the facet's values are in it.
    """

    facet: Facet
    codes: NDArray[np.uint8] | NDArray[np.uint16]
    member: NDArray[np.bool_] | None = None

    @property
    def places(self) -> int:
        """How many codes there are, with the first two."""
        if self.member is not None:
            return len(self.member)
        return 2 + (self.facet.bins.count if self.facet.bins is not None else len(self.facet.values))


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one facet: records by bar or value in the facet's order, without a value, and with another one."""

    by: NDArray[np.int64]
    missing: int = 0
    others: int = 0


def column_of(name: str, kind: Kind, values: pa.ChunkedArray, whole: bool = False) -> Column:
    """A column's codes from its values, as `facets.column_sql` asks for them."""
    if kind in (Kind.NUMBER, Kind.TIME):
        facet = facet_of(name, kind, values, whole)
        return Column(
            facet, np.zeros(len(values), np.uint8) if facet.bins is None else _barred(facet, values)
        )
    if kind is Kind.LISTS:
        return _listed(name, values)
    if kind is Kind.VALUES and not _is_names(values):
        return _valued(name, values)
    known = values.is_valid().to_numpy()
    return Column(facet_of(name, Kind.NAMES, values, False), known.astype(np.uint8))


def _barred(facet: Facet, values: pa.ChunkedArray) -> NDArray[np.uint8]:
    """By comparing with the edges themselves: a bar holds what its condition finds, to the last bit."""
    bins = facet.bins
    assert bins is not None
    found = values.to_numpy()
    inner = np.array([bins.edge(place) for place in range(1, bins.count)])
    codes: NDArray[np.uint8] = (np.searchsorted(inner, found, "right") + 2).astype(np.uint8)
    codes[~np.isfinite(found)] = 0
    return codes


def _is_names(values: pa.ChunkedArray) -> bool:
    some = values.slice(0, SOME).drop_null()
    many = len(some) > 50 and len(pc.unique(some)) > HARDLY_TWO * len(some)
    return many and len(pc.unique(values)) > HARDLY_TWO * (len(values) - values.null_count)


def _valued(name: str, values: pa.ChunkedArray) -> Column:
    coded = pc.dictionary_encode(values).combine_chunks()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.chunk(0) if coded.num_chunks else pa.array([], values.type).dictionary_encode()
    own = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    distinct = len(coded.dictionary)
    often = np.bincount(own + 1, minlength=distinct + 1)[1:]
    listed = np.argsort(-often, kind="stable")[:MOST_VALUES]
    codes = np.ones(distinct + 1, np.uint8)
    codes[listed] = np.arange(2, 2 + len(listed))
    codes[-1] = 0  # where the index of a missing one leads
    kept = tuple(coded.dictionary.take(pa.array(listed)).to_pylist())
    kind = Kind.VALUES if distinct else Kind.EMPTY
    return Column(Facet(name, kind, None, kept, int(often.sum()), distinct), codes[own])


def _listed(name: str, values: pa.ChunkedArray) -> Column:
    joined = pc.binary_join(values, "\0")
    column = _valued(name, joined)
    if column.facet.distinct > MOST_VALUES:
        known = values.is_valid().to_numpy()
        return Column(facet_of(name, Kind.NAMES, values, False), known.astype(np.uint8))
    parts = [str(text).split("\0") if text else [] for text in column.facet.values]
    every = list(dict.fromkeys(each for listed in parts for each in listed))
    member = np.zeros((2 + len(parts), len(every)), bool)
    for row, listed in enumerate(parts):
        member[row + 2, [every.index(each) for each in listed]] = True
    kind = Kind.LISTS if every else Kind.EMPTY
    return Column(
        replace(column.facet, kind=kind, values=tuple(every), distinct=len(every)), column.codes, member
    )


def coverage_columns(table: pa.Table, records: int, modalities: Sequence[str]) -> dict[Coverage, Column]:
    """A column for each modality of the coverage matrix, from the answer to `facets.coverage_sql`."""
    rows = table.column("row").to_numpy()
    names, states = table.column("modality"), table.column("state")
    found: dict[Coverage, Column] = {}
    for modality in modalities:
        mine = np.flatnonzero(pc.equal(names, modality).to_numpy(zero_copy_only=False))
        if not len(mine):
            continue
        of_mine = states.take(pa.array(mine))
        listed = sorted(pc.unique(of_mine).to_pylist())
        codes = np.zeros(records, np.uint8)
        codes[rows[mine]] = pc.index_in(of_mine, value_set=pa.array(listed)).to_numpy() + 2
        found[Coverage(modality)] = Column(
            Facet(modality, Kind.VALUES, None, tuple(listed), len(mine), len(listed)), codes
        )
    return found


def mask_of(found: pa.ChunkedArray, index: pa.Table) -> NDArray[np.bool_]:
    """Which records an answer to `facets.rows_sql` names."""
    mask = np.zeros(len(index), bool)
    if pa.types.is_integer(found.type):
        mask[found.to_numpy()] = True
    else:
        mask = pc.is_in(index.column("record_id"), value_set=found.combine_chunks()).to_numpy()
    return mask


class Tally:
    """All columns of one dataset, and the masks of what is picked."""

    def __init__(self, records: int) -> None:
        self.records = records
        self.columns: dict[Key, Column] = {}
        self.masks: dict[Key, tuple[Pick, NDArray[np.bool_]]] = {}

    @property
    def facets(self) -> dict[str, Facet]:
        """By column, for what a pick adds behind WHERE."""
        return {key: column.facet for key, column in self.columns.items() if isinstance(key, str)}

    def stale(self, picked: Mapping[Key, Pick]) -> list[Key]:
        """The picks whose records have to be asked for; masks of others are let go."""
        self.masks = {key: kept for key, kept in self.masks.items() if picked.get(key) == kept[0]}
        return [key for key in picked if key not in self.masks]

    def rows(self) -> NDArray[np.int64] | None:
        """The records that meet all picks, by their places in the index; None where nothing is picked."""
        return self.rows_but(None)

    def _without(self, *but: Key | None) -> NDArray[np.bool_] | None:
        masks = [mask for key, (_, mask) in self.masks.items() if key not in but]
        return None if not masks else masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)

    def rows_but(self, *but: Key | None) -> NDArray[np.int64] | None:
        """The same without the picks of these facets."""
        mask = self._without(*but)
        return None if mask is None else np.flatnonzero(mask)

    def counts(self, keys: Iterable[Key] | None = None, all_records: bool = False) -> dict[Key, Counts]:
        """Each facet under the picks of all others; of `all_records` as if nothing were picked."""
        found: dict[Key, Counts] = {}
        every = None if all_records else self.rows_but(None)
        for key in self.columns if keys is None else keys:
            rows = every if all_records or key not in self.masks else self.rows_but(key)
            column = self.columns[key]
            codes: Any = column.codes if rows is None else column.codes.take(rows)
            by = np.bincount(codes, minlength=column.places)
            if column.member is not None:
                found[key] = Counts(by @ column.member, int(by[0]), 0)
            else:
                found[key] = Counts(by[2:], int(by[0]), int(by[1]))
        return found
