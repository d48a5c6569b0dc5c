"""What nothing here can measure: lips against a voice, for which no model ships in a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.audit.checks import Stage, check
from inspector.audit.pair import CONTAINER
from inspector.core.findings import Status
from inspector.core.model import Modality

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inspector.audit.case import Gathered
    from inspector.core.findings import Finding

MOST = 2000
"""Of more records so many are looked at, spread evenly."""

lips = check(
    "timing.lips",
    "Film and voice that only lips could compare",
    """Where no flash and no second sound ties a sound to its picture, the lips of whoever speaks would: their
    opening leads the voice by 100 to 300 ms (Chandrasekaran 2009), so that even a good measure were only
    relative to the dataset. The models that do it ship no weights, or need another numpy; motion of the whole
    picture lies (a caption that slid in gave 1,280 ms). So this check measures nothing: it says in how many
    records the picture stands unproven against the sound.""",
    "records",
)


@lips.at(Stage.DATASET)
def _lips(gathered: Gathered) -> Iterator[Finding]:
    proven: set[str] = set()
    kinds: dict[str, dict[str, Modality]] = {}
    for case in gathered.cases(MOST):
        record = case.record
        kinds[record.id] = {each.id: each.modality for each in record.streams}
    for row in gathered.pairs():
        known = kinds.get(row["record_id"], {})
        pair = {known.get(row["stream_a"]), known.get(row["stream_b"])}
        if pair == {Modality.VIDEO, Modality.AUDIO} and row["status"] == "ok" and row["method"] != CONTAINER:
            proven.add(row["record_id"])
    there = {name for name, each in kinds.items() if {Modality.VIDEO, Modality.AUDIO} <= set(each.values())}
    left = sorted(there - proven)
    if left:
        yield gathered.facts.finding(
            "timing.lips",
            None,
            value=float(len(left)),
            status=Status.NOT_MEASURABLE,
            message=f"in {len(left)} of {len(there)} records nothing ties the sound to the picture (the "
            f"first is {left[0]}); lips would, and no model for them is at hand",
        )
