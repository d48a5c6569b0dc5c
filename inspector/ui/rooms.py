"""A room: what carries between the session and the panels of one kind of work, so that the window only wires.

A room is a class in a file of its own, made in `ui.furnished`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject

from inspector.core.jobs import Jobs
from inspector.errors import Cancelled, InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inspector.core.jobs import Job
    from inspector.core.model import Record
    from inspector.session import Session
    from inspector.ui.actions import Handler
    from inspector.ui.main_window import MainWindow

T = TypeVar("T")

LOOK_S = 0.1
"""How often it is looked whether a question is still wanted."""


class Room(QObject):
    """Lives as long as the window; panels that need heavy imports are made when they are first asked for."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.window = window
        self.session: Session | None = None
        self._slow: Jobs | None = None

    def handlers(self) -> Mapping[str, Handler]:
        """What the actions of this room do, by their ids in `ui.actions.TABLE`."""
        return {}

    def set_session(self, session: Session | None) -> None:
        """Another dataset; None before one is closed, which stops what is done slowly."""
        self.session = session
        if self._slow is not None:
            self._slow.close(wait=self.window.closing)
            self._slow = None

    def set_record(self, record: Record | None) -> None:
        """Another record is on show, or the same one after an edit; None where there is none."""

    def tracks_built(self) -> None:
        """The timeline has the tracks of the record on show."""

    def behind(
        self,
        title: str,
        work: Callable[[Job[T]], T],
        then: Callable[[T], object],
        failed: Callable[[BaseException], object] | None = None,
        jobs: Jobs | None = None,
    ) -> Job[T] | None:
        """Do what somebody waits for behind the window, and tell of its end in the window's thread.

        What went wrong goes to `failed`, else to the bottom bar. Nothing is told once the dataset was closed.
        `jobs` are a room's own, for what nobody waits for. Without them it is done in the one thread that
        opens records, too: what may take long is done `slowly`.
        """
        session = self.session
        if session is None:
            return None

        def ended(job: Job[T]) -> None:
            self.window.relay.post(lambda: told(job))

        def told(job: Job[T]) -> None:
            if self.session is not session or job.future.cancelled():
                return
            error = job.future.exception()
            if error is None:
                then(job.future.result())
            elif failed is not None:
                failed(error)
            else:
                self.window.notice(said(error))

        return session.urgent(title, work, ended) if jobs is None else jobs.start(title, work, ended)

    def slowly(
        self,
        title: str,
        work: Callable[[Job[T]], T],
        then: Callable[[T], object],
        failed: Callable[[BaseException], object] | None = None,
    ) -> Job[T] | None:
        """The same for what may take minutes: in a thread of this room's, one after the other, so that no
        record waits for it to be opened. Ends with the dataset, at its next step."""
        if self.session is None:
            return None
        if self._slow is None:
            self._slow = Jobs(1)
        return self.behind(title, work, then, failed, self._slow)


def rows_of(session: Session, sql: str, job: Job[Any]) -> list[dict[str, Any]]:
    """The rows that answer a question, asked from a job; cancelling that stops the question at once.

    Raises InspectorError for what is refused or wrong, and Cancelled.
    """
    question = session.ask(sql, None, None)
    while not question.wait(LOOK_S):
        if job.cancelled:
            question.cancel()
    if question.answer is None:
        raise question.error or Cancelled(sql)
    rows: list[dict[str, Any]] = question.answer.table.to_pylist()
    return rows


def said(error: BaseException) -> str:
    """An error as the bottom bar says it: ours in its own words, any other with its kind."""
    return str(error) if isinstance(error, InspectorError) else f"{type(error).__name__}: {error}"
