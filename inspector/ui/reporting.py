"""Saving the report of an audit from the window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFileDialog

from inspector.ui.panels.common import count_text

if TYPE_CHECKING:
    from inspector.core.jobs import Job
    from inspector.ui.rooms import Room


def save_report(room: Room) -> None:
    """Write the report of the newest audit where the curator says, outside the dataset."""
    session, window = room.session, room.window
    if session is None:
        return
    start = str(Path.home() / f"{session.root.name}-audit.html")
    name, _ = QFileDialog.getSaveFileName(window, "Save the report", start, "HTML (*.html)")
    if not name:
        return
    target = Path(name)
    if target.resolve().is_relative_to(session.root.resolve()):
        window.notice("The report cannot lie in the dataset: choose another folder")
        return

    def work(job: Job[Any]) -> int:
        from inspector.audit.reporting import report_of

        return target.write_text(report_of(session, job.step), "utf-8")

    def done(size: int) -> None:
        window.notice(f"{target.name}: {count_text(size // 1000, 'kB', 'kB')} written")

    room.slowly("writing the report", work, done)
