"""What the SQL panel needs of whom it asks; a Session has all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa


class Answer(Protocol):
    """The rows that were asked for, at most the limit."""

    @property
    def table(self) -> pa.Table:
        """The rows."""

    @property
    def truncated(self) -> bool:
        """Whether there were more."""

    @property
    def seconds(self) -> float:
        """How long it took."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known of the rows, as that not everything is read yet."""


class Question(Protocol):
    """What was asked, while it is worked on and afterwards."""

    @property
    def answer(self) -> Answer | None:
        """The answer, once there is one."""

    @property
    def error(self) -> Exception | None:
        """Why there is none; an InspectorError may have a `position`, the place in the text."""

    @property
    def done(self) -> int:
        """How much of `total` is done."""

    @property
    def total(self) -> int:
        """How much there is to do; 0 where that is not known."""

    @property
    def doing(self) -> str:
        """What is being done."""

    def cancel(self) -> None:
        """Stop soon."""


class Rule(Protocol):
    """A question whose rows are findings."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def sql(self) -> str:
        """What it asks."""


class Asked(Protocol):
    """A dataset that answers SQL."""

    @property
    def root(self) -> Path:
        """Where the dataset lies."""

    def ask(self, sql: str, then: Callable[[Any], None], limit: int = ...) -> Question:
        """Begin; `then` is called once, in another thread."""

    def sql_schema(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """The columns of each table with their types."""

    def sql_functions(self) -> Sequence[str]:
        """The functions there are."""

    def rules(self) -> Sequence[Rule]:
        """The dataset's own rules."""

    def make_rule(self, name: str, sql: str) -> Rule:
        """Keep a question as a rule; raises InspectorError."""
