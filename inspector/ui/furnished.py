"""Which rooms the window has: a new kind of work is one file with a `Room`, and two lines here."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from inspector.ui.agreeing import Agreeing
from inspector.ui.aligning import Aligning
from inspector.ui.asking import Asking
from inspector.ui.auditing import Auditing
from inspector.ui.batching import Batching
from inspector.ui.curating import Curating
from inspector.ui.delivering import Delivering
from inspector.ui.exploring import Exploring
from inspector.ui.exporting import Exporting
from inspector.ui.label_rooms import rooms_of_labels
from inspector.ui.labelling import Labelling
from inspector.ui.rigging import Rigging
from inspector.ui.stamping import Stamping
from inspector.ui.weighing import Weighing

if TYPE_CHECKING:
    from inspector.ui.main_window import MainWindow
    from inspector.ui.rooms import Room


class Furnished:
    """The rooms of a main window, those by name that others ask."""

    rooms: tuple[Room, ...]

    def furnish(self) -> None:
        """Make every room; `self` is the window."""
        window = cast("MainWindow", self)
        self.asking = Asking(window)
        self.curating = Curating(window)
        self.aligning = Aligning(window)
        self.auditing = Auditing(window)
        self.exploring = Exploring(window)
        self.labelling = Labelling(window)
        self.rigging = Rigging(window)
        self.delivering = Delivering(window)
        self.agreeing = Agreeing(window)
        self.exporting = Exporting(window)
        self.batching = Batching(window)
        self.stamping = Stamping(window)
        self.weighing = Weighing(window)
        self.rooms = (
            self.asking,
            self.curating,
            self.aligning,
            self.auditing,
            self.exploring,
            self.labelling,
            self.rigging,
            self.delivering,
            self.agreeing,
            self.batching,
            self.exporting,
            self.stamping,
            self.weighing,
            *rooms_of_labels(window),
        )
