"""What a view of pictures can be answered: of a film's feed and of a still alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspector.media.video import Picture


class State(Enum):
    """What a view can show for a time."""

    EXACT = "exact"
    DRAFT = "draft"
    """The right frame, from the proxy: smaller than it will be in a moment."""
    WAITING = "waiting"
    NO_DATA = "no data"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Shown:
    """The answer to "what belongs on screen at this time": for WAITING `picture` is the nearest one known."""

    state: State
    picture: Picture | None = None
    number: int | None = None
    message: str = ""
