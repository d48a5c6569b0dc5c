"""The rooms beside `Labelling`: links, tiers, words, files, boxes, and what records lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.ui.label_files import LabelFiles
from inspector.ui.linking import Linking
from inspector.ui.marking import Marking
from inspector.ui.relinking import Relinking
from inspector.ui.tiering import Tiering
from inspector.ui.wording import Wording

if TYPE_CHECKING:
    from inspector.ui.main_window import MainWindow
    from inspector.ui.rooms import Room


def rooms_of_labels(window: MainWindow) -> tuple[Room, ...]:
    """One of each; `window.labelling` is there already."""
    rooms = Linking(window), Tiering(window), Wording(window), LabelFiles(window)
    return *rooms, Relinking(window), Marking(window)
