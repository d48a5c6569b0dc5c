"""How sure a fix made by hand is: what it moves, measured by the audit's own methods as if it were in force.

What was tied by eye and ear is measured here by another witness. Nothing is said where none can: neither
that the fix is right nor that it is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inspector.audit.alignment import measure
from inspector.audit.case import Case, Facts, outside
from inspector.audit.decoding import Decoders
from inspector.audit.pair import CONTAINER
from inspector.core.model import Modality

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from inspector.audit.case import Source
    from inspector.audit.checks import Limits
    from inspector.core.model import Record

NOTHING = "no method compares it with another stream"
CHECK_OF = {
    Modality.VIDEO: "timing.av_offset",
    Modality.AUDIO: "timing.av_offset",
    Modality.TEXT: "transcript.offset",
}
"""Whose tolerance says how late a stream may be."""


@dataclass(frozen=True, slots=True)
class After:
    """What measures a moved stream against one that stays, or (`method` empty) why nothing does.

    `late_ms` is how late the moved stream still is, `holds` whether that is within the tolerance.
    """

    method: str = ""
    stream: str = ""
    against: str = ""
    late_ms: float = 0.0
    confidence: float = 0.0
    holds: bool = False
    why: str = ""

    @property
    def said(self) -> str:
        """In one line."""
        if not self.method:
            return f"not measured: {self.why}"
        word = "late" if self.late_ms > 0 else "early"
        late = "on time" if abs(self.late_ms) < 0.5 else f"{abs(self.late_ms):.0f} ms {word}"
        still = "" if self.holds else "still "
        sure = f"{self.method}, confidence {self.confidence:.2f}"
        return f"{self.stream} is {still}{late} against {self.against} ({sure})"

    def plain(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "method": self.method,
            "stream": self.stream,
            "against": self.against,
            "late_ms": round(self.late_ms, 3),
            "confidence": round(self.confidence, 4),
            "holds": self.holds,
        }


def measured_after(
    source: Source,
    record: Record,
    moved: Collection[str],
    limits: Mapping[str, Limits],
    stop: Callable[[], bool],
) -> After:
    """Measure a record as a fix would make it, where a stream of `moved` meets one that is not.

    The surest of such pairs tells. `limits` are the tolerances in force. Raises Cancelled once `stop` says
    yes.
    """
    decoders = Decoders()
    try:
        facts = Facts(source.root, source.index, limits)
        case = Case(record, facts, lambda stream: decoders.material(stream, stop), source.cues)
        across = [each for each in measure(case) if (each.a in moved) != (each.b in moved)]
    finally:
        decoders.close()
    good = [each for each in across if each.good and each.method != CONTAINER]
    if not good:
        why = next((each.why for each in across if each.why), NOTHING)
        return After(why=why)
    best = max(good, key=lambda each: (each.sure, each.confidence))
    stream, against, sign = (best.b, best.a, 1) if best.b in moved else (best.a, best.b, -1)
    late_ms = sign * best.offset_s * 1000
    check = CHECK_OF.get(record.stream(stream).modality, "sensor.offset")
    holds = not outside(late_ms, facts.limits(check))
    return After(best.method, stream, against, late_ms, best.confidence, holds)
