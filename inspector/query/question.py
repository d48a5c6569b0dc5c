"""A question as both sides see it: who asks, what came back, and how to stop it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from inspector.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from inspector.core.model import Cue, Modality, Record, Stream
    from inspector.query import audited


class Asker(Protocol):
    """What the engine asks of a session."""

    @property
    def root(self) -> Path:
        """Where the dataset lies."""
        ...

    @property
    def index(self) -> pa.Table:
        """One row a record."""
        ...

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Of the whole dataset, as far as they are known."""
        ...

    def record_ids(self) -> list[str]:
        """All of them."""
        ...

    def record(self, record_id: str) -> Record:
        """The effective record."""
        ...

    def cues(self, stream: Stream) -> tuple[Cue, ...]:
        """Of a text stream."""
        ...

    @property
    def audited(self) -> audited.Audited:
        """What audits found."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows; `notes` say what they may lack."""

    table: pa.Table
    truncated: bool
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass
class Question:
    """What was asked, seen from both sides. Cancel it from any thread."""

    sql: str
    limit: int | None
    then: Callable[[Question], None] | None = None
    timeout_s: float | None = None
    answer: Answer | None = None
    error: Exception | None = None
    doing: str = "waiting"
    done: int = 0
    total: int = 0
    batches: Callable[[pa.RecordBatch], None] | None = None
    """Given every batch of rows in the engine's thread, in place of keeping them."""
    _ended: threading.Event = field(default_factory=threading.Event)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _late: bool = False

    def cancel(self) -> None:
        """Stop at once what is running for it."""
        self._cancelled.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Until it ended; False where the time ran out first."""
        return self._ended.wait(timeout)

    def step(self) -> None:
        """Raises Cancelled where a stop was asked for."""
        if self._cancelled.is_set():
            raise Cancelled("the question")
