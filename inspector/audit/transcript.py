"""Checks of a transcript against the sound that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.audit.alignment import solved
from inspector.audit.checks import Stage, check
from inspector.audit.timing import moved
from inspector.core.model import Modality

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.audit.case import Case
    from inspector.core.findings import Finding

offset = check(
    "transcript.offset",
    "A transcript is early or late against its sound",
    """The words are laid over the level of speech in steps of 10 ms and moved by up to 10 s; the
    correlation's peak, less the detector's own latency, is how late the transcript is (ffsubsync's idea).
    Tolerance 125 ms (Netflix: three frames). It needs 8 words or cues and speech that pauses; a fix needs
    10 and halves that agree.""",
    "ms",
    (-125.0, 125.0),
    version=2,
)


@offset.at(Stage.DECODE)
def _offset(case: Case) -> Iterator[Finding]:
    found = solved(case)
    for stream in case.record.of(Modality.TEXT):
        if stream.span is None:
            continue
        own, pair = found.own_s(stream.id), found.through.get(stream.id)
        if own is not None and pair is not None:
            yield moved(case, "transcript.offset", stream, found, own, pair)
            continue
        # What hangs on a sound that the picture does not reach is still measured against that sound.
        alone = next((each for each in found.pairs if each.b == stream.id and each.good), None)
        if alone is not None:
            yield moved(case, "transcript.offset", stream, found, alone.offset_s, alone)
            continue
        why = [each.why for each in found.pairs if each.b == stream.id and each.why]
        yield case.unmeasurable("transcript.offset", "; ".join(why) or "there is no sound", (stream.id,))
