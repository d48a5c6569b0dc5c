"""Sorted texts known by number: what a million strings are kept as, without a table of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Names:
    """Different texts in their order. `of` builds them together with the number of every given text."""

    def __init__(self, texts: pa.LargeStringArray) -> None:
        self.texts = texts

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> tuple[Names, NDArray[np.int32]]:
        """The texts of a dictionary-encoded column, and the number of each row's (-1 for null)."""
        whole = column.unify_dictionaries().combine_chunks()
        if isinstance(whole, pa.ChunkedArray):  # no rows at all
            return cls(pa.array([], pa.large_string())), np.zeros(0, np.int32)
        dictionary = whole.dictionary
        order = pc.array_sort_indices(dictionary)
        rank = np.empty(len(dictionary), np.int32)
        rank[order.to_numpy()] = np.arange(len(dictionary), dtype=np.int32)
        codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        if len(dictionary) == 0:
            return cls(dictionary), np.full(len(codes), -1, np.int32)
        return cls(dictionary.take(order)), np.where(codes < 0, np.int32(-1), rank[codes])

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, code: int) -> str:
        return str(self.texts[code].as_py())

    def code(self, text: str) -> int:
        """The text's number, -1 where it is none of them."""
        low, high = self.range(text, None)
        return low if high > low else -1

    def range(self, first: str, behind: str | None) -> tuple[int, int]:
        """The numbers of the texts from `first` on and before `behind` (None: of `first` alone)."""
        low = self._place(first)
        if behind is None:
            return low, low + (low < len(self) and self[low] == first)
        return low, self._place(behind)

    def _place(self, text: str) -> int:
        wanted = text.encode("utf-8", "surrogatepass")
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.texts[middle].as_buffer().to_pybytes() < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def codes(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """The number of each text, -1 where it is none: one pass for many."""
        if len(texts) < 200:
            return np.array([self.code(each) for each in texts], np.int64)
        found = pc.index_in(pa.array(texts, pa.large_string()), value_set=self.texts)
        whole: NDArray[Any] = found.fill_null(-1).to_numpy(zero_copy_only=False)
        return whole.astype(np.int64)

    def buffers(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Offsets and letters, to be written down; `from_buffers` takes them back without a copy."""
        texts = self.texts if self.texts.offset == 0 else pa.concat_arrays([self.texts])
        if not len(texts):
            return np.zeros(1, np.int64), np.zeros(0, np.uint8)
        _, offsets, letters = texts.buffers()
        places = np.frombuffer(offsets, np.int64)[: len(texts) + 1]
        raw = np.frombuffer(letters, np.uint8) if letters is not None else np.zeros(0, np.uint8)
        return places, raw[: int(places[-1])]

    @classmethod
    def from_buffers(cls, offsets: NDArray[np.int64], letters: NDArray[np.uint8]) -> Names:
        """What `buffers` gave."""
        made = pa.LargeStringArray.from_buffers(
            len(offsets) - 1, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(letters)
        )
        return cls(made)
