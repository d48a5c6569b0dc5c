"""Two authors differ, and somebody decides: what was decided is a layer of its own, the gold.

Nobody's labels are changed: whoever is measured against the gold is measured by what they said. A decision
is one edit, of a note of it (`adjudications/<key>`) and of the gold labels that it gave; deciding again
replaces it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inspector.core.annotate import Step
from inspector.core.effective import annotation_path, annotation_value
from inspector.core.places import DELETED
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inspector.core.model import Annotation, Record

GOLD = "gold"
"""The author of what was decided."""
CHOICES = ("a", "b", "both", "neither", "new")


def decision_key(ids: Iterable[str]) -> str:
    """What a decision on these labels is filed under, whatever their order."""
    told = "\0".join(sorted(ids))
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def decision_path(ids: Iterable[str]) -> str:
    """Where the decision on these labels stands."""
    return f"adjudications/{decision_key(ids)}"


def decide(record: Record, authors: tuple[str, str], ids: Sequence[str], choice: str, text: str = "") -> Step:
    """Take the first author's labels, the second's, both, neither, or a new one of that text where they lie.

    InspectorError where a label is gone, or a new one has no text.
    """
    if choice not in CHOICES:
        raise InspectorError("There is no such decision", choice, f"There is {', '.join(CHOICES)}")
    mine = {label.id: label for label in record.annotations}
    if gone := [each for each in ids if each not in mine]:
        raise InspectorError("The label is not there any more", gone[0], "Measure the agreement again")
    labels = [mine[each] for each in ids]
    if choice == "new":
        if not text.strip():
            raise InspectorError("A new label needs a text", "", "Type it")
        taken = [replace(labels[0], label=text.strip())]
    else:
        wanted = {"a": authors[:1], "b": authors[1:], "both": authors, "neither": ()}[choice]
        taken = [label for label in labels if (label.author or "no author") in wanted]
    key = decision_key(ids)
    gold = [
        replace(
            label,
            id=f"{GOLD}:{key}:{place}",
            author=GOLD,
            attrs={**label.attrs, "adjudicates": list(ids), "decision": choice},
        )
        for place, label in enumerate(taken)
    ]
    kept = {label.id for label in gold}
    before = [each for each in mine if each.startswith(f"{GOLD}:{key}:") and each not in kept]
    puts: list[tuple[str, Any]] = [(decision_path(ids), {"ids": list(ids), "choice": choice})]
    puts += [(annotation_path(each), dict(DELETED)) for each in before]
    puts += [(annotation_path(label.id), annotation_value(label)) for label in gold]
    told = {"a": authors[0], "b": authors[1]}.get(choice, choice)
    return Step(f"Decide “{labels[0].label}”: {told}", tuple(puts))


def gild(record: Record, agreed: Iterable[tuple[str, str]]) -> Step:
    """Make gold of what two authors agree on: each pair of labels becomes one between their boundaries.

    `agreed` are pairs of ids. What stands in gold already is left as it is.
    """
    mine = {label.id: label for label in record.annotations}
    puts: list[tuple[str, Any]] = []
    for one, other in agreed:
        if one not in mine or other not in mine:
            continue
        label = _between(mine[one], mine[other])
        gold = replace(
            label,
            id=f"{GOLD}:{decision_key((one, other))}:0",
            author=GOLD,
            attrs={**label.attrs, "agreed": [one, other]},
        )
        if gold.id not in mine:
            puts.append((annotation_path(gold.id), annotation_value(gold)))
    return Step(f"Gold of {len(puts)} labels that two agree on", tuple(puts))


def _between(a: Annotation, b: Annotation) -> Annotation:
    """The first label with the mean of both's boundaries, where they lie on the same stream."""
    anchors = []
    others = {anchor.stream_id: anchor for anchor in b.anchors}
    for anchor in a.anchors:
        other = others.get(anchor.stream_id)
        if anchor.span is not None and other is not None and other.span is not None:
            start, end = ((x + y) // 2 for x, y in zip(anchor.span, other.span, strict=True))
            anchor = replace(anchor, span=(start, end))
        anchors.append(anchor)
    return replace(a, anchors=tuple(anchors))
