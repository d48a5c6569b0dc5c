"""Records read ahead in processes of their own: taking many small files apart keeps one processor busy.

A child opens the dataset once more and sends records back as manifests have them, and only those that come
out equal. What it cannot do, or has not begun when it is wanted, is read here. So are records with film or
sound: those files are looked into by children of `media.child`, whose answers this process is to know.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from concurrent.futures import Future
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from inspector.core import manifest
from inspector.core.model import Modality
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inspector.core.model import Dataset, Record
    from inspector.media.child import Child

log = logging.getLogger(__name__)

MODULE = "inspector.readers.apart"
WORTH = 1000
"""Records from which on a child is worth its start, for which it opens the dataset."""
MOST_CHILDREN = 4
BATCH, AHEAD = 16, 8
"""Records that a child is asked for at once, and how many such batches it may be before who reads."""
_PATIENCE_S, _OPENING_S = 30.0, 600.0
_READ: dict[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "Decimal": Decimal,
}
"""Values of a dataset's own columns for which JSON has no word, by their types' names."""
_TYPES = {each.__name__: each for each in (date, datetime, time, Decimal)}
_ELSEWHERE = {Modality.VIDEO.value, Modality.AUDIO.value}


class Apart:
    """Reads records ahead, in the order of `ids`; `load` is for any thread. To be used in a `with`."""

    def __init__(self, dataset: Dataset, ids: Iterable[str]) -> None:
        self._load = dataset.load
        wanted = _worth(dataset, ids)
        self._batches = [wanted[at : at + BATCH] for at in range(0, len(wanted), BATCH)]
        self._batch_of = {each: number for number, batch in enumerate(self._batches) for each in batch}
        self._order: dict[str, Any] = {}
        self._told = threading.Condition()
        self._begun: dict[int, Future[dict[str, Record]]] = {}
        self._front, self._next = -1, 0
        self._closed = False
        self._children: list[Child] = []
        self._threads: list[threading.Thread] = []
        if wanted:
            mark = _mark(dataset.index)
            self._order = {"root": str(dataset.root), "reader": dataset.reader, "mark": mark}
            count = min(os.cpu_count() or 1, MOST_CHILDREN)
            self._threads = [
                threading.Thread(target=self._work, name="inspector-apart", daemon=True) for _ in range(count)
            ]
        for each in self._threads:
            each.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the children, whatever they are at: what they were asked for is read here, or not any more."""
        with self._told:
            self._closed = True
            self._told.notify_all()
        for child in self._children:
            child.kill()
        for each in self._threads:
            each.join()

    def load(self, record_id: str) -> Record:
        """The record as `Dataset.load` gives it. InspectorError as there."""
        number = self._batch_of.get(record_id, -1)
        with self._told:
            if number > self._front:
                self._front = number
                for old in [each for each in self._begun if each < number - AHEAD]:
                    del self._begun[old]
                self._told.notify_all()
            begun = self._begun.get(number)
        found = None if begun is None else begun.result().pop(record_id, None)
        return self._load(record_id) if found is None else found

    def _work(self) -> None:
        from inspector.media.child import Child

        child = Child(MODULE)
        with self._told:
            self._children.append(child)
            if self._closed:
                child.kill()
        try:
            child.answer({**self._order, "ids": []}, _OPENING_S)
            while (batch := self._take()) is not None:
                ids, future = batch
                found: dict[str, Record] = {}
                try:
                    found = self._asked(child, ids)
                finally:
                    future.set_result(found)
        except (EOFError, TimeoutError):
            if not self._closed:
                log.warning("a child that reads records is gone; they are read here")
        finally:
            child.close()

    def _take(self) -> tuple[list[str], Future[dict[str, Record]]] | None:
        """The next batch that nobody has come to, and where it is waited for; None where there is none."""
        with self._told:
            while not self._closed:
                number = max(self._next, self._front + 1)
                if number >= len(self._batches):
                    return None
                if number <= self._front + AHEAD:
                    self._next = number + 1
                    future = self._begun[number] = Future()
                    return self._batches[number], future
                self._told.wait()
        return None

    def _asked(self, child: Child, ids: list[str]) -> dict[str, Record]:
        answer = child.answer({**self._order, "ids": ids}, _PATIENCE_S)
        return {value["id"]: from_plain(value) for value in answer.get("records", ())}


def _worth(dataset: Dataset, ids: Iterable[str]) -> list[str]:
    """Those that children are to read; none where that is not worth it, or the reader does not say it is."""
    if not getattr(dataset, "apart", False):
        return []
    wanted = list(dict.fromkeys(ids))
    if len(wanted) < WORTH:
        return []
    rows = zip(*(dataset.index.column(name).to_pylist() for name in ("record_id", "modalities")), strict=True)
    here = {record_id for record_id, modalities in rows if _ELSEWHERE & set(modalities)}
    wanted = [each for each in wanted if each not in here]
    return wanted if len(wanted) >= WORTH else []


def _mark(index: pa.Table) -> str:
    """What an index holds, as a hash: a child that finds another dataset there sends nothing."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, index.schema) as stream:
        stream.write_table(index.combine_chunks())
    return hashlib.blake2b(sink.getvalue(), digest_size=16).hexdigest()


def to_plain(record: Record) -> dict[str, Any]:
    """A record in JSON. ValueError where another would come out of that."""
    paths = {each.source.path: str(each.source.path) for each in record.streams}
    problems = [[each.path, each.message, each.works] for each in record.problems]
    odd = {
        name: (type(each).__name__, str(each))
        for name, each in record.meta.items()
        if type(each) is _TYPES.get(type(each).__name__)
    }
    value = {**manifest.record_value(record, paths), "problems": problems, "odd": odd}
    if from_plain(json.loads(json.dumps(value))) != record:
        raise ValueError(record.id)
    return value


def from_plain(value: dict[str, Any]) -> Record:
    """The record of such JSON."""
    record = manifest.record_from(value, find=Path)
    if not value["odd"]:
        return record
    odd = {name: _READ[kind](text) for name, (kind, text) in value["odd"].items()}
    return replace(record, meta={**record.meta, **odd})


def main() -> None:
    """The child's loop: a dataset and ids a line, those records that can be sent, until the pipe closes."""
    from inspector.media.child import serve
    from inspector.readers import readers

    opened: dict[tuple[str, str], tuple[Dataset, str]] = {}

    def work(order: Any) -> dict[str, Any]:
        place = order["root"], order["reader"]
        if place not in opened:
            dataset = readers.get(order["reader"]).open(Path(order["root"]))
            opened[place] = dataset, _mark(dataset.index)
        (dataset, mark), found = opened[place], []
        if mark == order["mark"]:
            for each in order["ids"]:
                try:
                    found.append(to_plain(dataset.load(each)))
                except (InspectorError, ValueError, TypeError, OSError):
                    continue
        return {"records": found}

    serve(work, "The dataset cannot be read", lambda order: order["root"])


if __name__ == "__main__":
    main()
