"""ELAN annotation documents (.eaf): tiers, time slots, parents, vocabularies, and the media they were made
on.

Read with expat as a stream: document types, entities and deep nesting are refused, and of a file that breaks
off what came before is kept. The format: www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf.
"""

from __future__ import annotations

import json
import xml.parsers.expat as expat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from inspector.core.effective import annotation_from
from inspector.core.made_on import MadeOn
from inspector.core.model import Anchor, Annotation
from inspector.errors import InspectorError
from inspector.media.annotators import MOST_LABELS, LabelFile, exact_ns, from_xml_id, nowhere, without_lane
from inspector.media.eaf_times import between, shares
from inspector.media.told import Told, load_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.core.model import Span
    from inspector.media.annotators import Find

MS = 1_000_000
PROPERTY = "inspector:"
"""With an annotation's id behind it: the header's property in which our own writer keeps the label."""

DEEPEST = 32
"""The format nests eight elements; deeper is no EAF."""


@dataclass(slots=True)
class _Given:
    """One annotation as it stands in the file: with slots, or with the annotation that it refers to."""

    id: str
    begin: str = ""
    end: str = ""
    parent: str = ""
    previous: str = ""
    entry: str = ""
    text: str = ""


@dataclass(slots=True)
class _Tier:
    id: str
    attrs: dict[str, str]
    given: list[_Given] = field(default_factory=list)


@dataclass(slots=True)
class _Document:
    """What the elements of a document come to."""

    root: str = ""
    attrs: dict[str, str] = field(default_factory=dict)
    unit: str = "milliseconds"
    media: list[dict[str, str]] = field(default_factory=list)
    slots: dict[str, int | None] = field(default_factory=dict)
    tiers: list[_Tier] = field(default_factory=list)
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    entries: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """Vocabulary to entry id to value and description."""
    kept: dict[str, str] = field(default_factory=dict)
    """Annotation id to what our own writer keeps of it, as JSON."""

    def vocabulary(self, tier: _Tier) -> dict[str, list[str]]:
        """The entries that the tier's type allows, empty where it allows all."""
        kind = self.types.get(tier.attrs.get("LINGUISTIC_TYPE_REF", ""), {})
        return self.entries.get(kind.get("CONTROLLED_VOCABULARY_REF", ""), {})


class _Parser:
    """Fills a document from expat's events."""

    def __init__(self, told: Told) -> None:
        self.document = _Document()
        self.told = told
        self.count = 0
        self._depth = 0
        self._text: list[str] | None = None
        self._given: _Given | None = None
        self._vocabulary = ""
        self._property = ""
        self._entry: list[str] | None = None
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse

    def parse(self, data: bytes) -> None:
        """Read it all, or up to the first fault, which is told by its line and column."""
        try:
            self._parser.Parse(data, True)
        except (expat.ExpatError, UnicodeError, LookupError, ValueError) as error:
            if not self.document.root:
                raise InspectorError("The file is no XML", str(error)) from error
            place = f"line {self._parser.ErrorLineNumber}, column {self._parser.ErrorColumnNumber + 1}"
            self.told.add(f"{place}: broken XML; what comes before is read")

    def _refuse(self, *_: object) -> None:
        raise InspectorError(
            "The file declares a document type",
            f"line {self._parser.CurrentLineNumber}: entities are not expanded, nothing outside is fetched",
        )

    def _start(self, name: str, attrs: dict[str, str]) -> None:
        document = self.document
        self._depth += 1
        if self._depth > DEEPEST:
            line = self._parser.CurrentLineNumber
            raise InspectorError("The file is no ELAN document", f"line {line}: nested too deeply")
        if not document.root:
            document.root, document.attrs = name, attrs
            if name != "ANNOTATION_DOCUMENT":
                raise InspectorError("The file is no ELAN document", f"its first element is {name[:60]}")
        elif name == "HEADER":
            document.unit = attrs.get("TIME_UNITS", document.unit)
            if attrs.get("MEDIA_FILE"):
                document.media.append({"MEDIA_URL": attrs["MEDIA_FILE"]})
        elif name == "PROPERTY" and attrs.get("NAME", "").startswith(PROPERTY):
            self._property = attrs["NAME"].removeprefix(PROPERTY)
            self._text = []
        elif name == "MEDIA_DESCRIPTOR" and len(document.media) < 100:
            document.media.append(attrs)
        elif name == "TIME_SLOT":
            self._slot(attrs)
        elif name == "TIER":
            document.tiers.append(_Tier(attrs.get("TIER_ID", f"tier {len(document.tiers) + 1}"), attrs))
        elif name in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            self._annotation(attrs)
        elif name == "LINGUISTIC_TYPE":
            document.types[attrs.get("LINGUISTIC_TYPE_ID", "")] = attrs
        elif name == "CONTROLLED_VOCABULARY":
            self._vocabulary = attrs.get("CV_ID", "")
            document.entries.setdefault(self._vocabulary, {})
        elif name in ("CV_ENTRY", "CV_ENTRY_ML"):  # up to format 2.7, and since
            self._entry = ["", attrs.get("DESCRIPTION", "")]
            entries = document.entries.setdefault(self._vocabulary, {})
            entries.setdefault(attrs.get("CVE_ID") or str(len(entries)), self._entry)
            self._text = [] if name == "CV_ENTRY" else None
        elif name == "CVE_VALUE" and self._entry is not None and not self._entry[0]:
            self._entry[1] = attrs.get("DESCRIPTION", "")
            self._text = []
        elif name == "ANNOTATION_VALUE":
            self._text = []

    def _slot(self, attrs: dict[str, str]) -> None:
        slot, value = attrs.get("TIME_SLOT_ID", ""), attrs.get("TIME_VALUE")
        time = None if value is None else exact_ns(value, MS)
        if value is not None and time is None:
            self.told.add(f"line {self._parser.CurrentLineNumber}: slot {slot} has no usable time")
        if slot in self.document.slots:
            line = self._parser.CurrentLineNumber
            self.told.add(f"line {line}: slot {slot} is given twice; the first counts")
            return
        self.document.slots[slot] = time

    def _annotation(self, attrs: dict[str, str]) -> None:
        self.count += 1
        if self.count > MOST_LABELS:
            raise InspectorError("The file holds too many annotations", f"more than {MOST_LABELS}")
        if not self.document.tiers:
            line = self._parser.CurrentLineNumber
            self.told.add(f"line {line}: an annotation outside any tier is left out")
            return
        self._given = _Given(
            attrs.get("ANNOTATION_ID", f"row{self.count}"),
            attrs.get("TIME_SLOT_REF1", ""),
            attrs.get("TIME_SLOT_REF2", ""),
            attrs.get("ANNOTATION_REF", ""),
            attrs.get("PREVIOUS_ANNOTATION", ""),
            attrs.get("CVE_REF", ""),
        )
        self.document.tiers[-1].given.append(self._given)

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, name: str) -> None:
        self._depth -= 1
        text = "".join(self._text) if self._text is not None else ""
        if name == "ANNOTATION_VALUE":
            if self._given is not None:
                self._given.text = text
            self._text = None
        elif name == "PROPERTY" and self._property:
            self.document.kept[self._property] = text
            self._property, self._text = "", None
        elif name in ("CV_ENTRY", "CVE_VALUE"):
            if self._entry is not None and not self._entry[0]:
                self._entry[0] = text
            self._text = None
        if name in ("CV_ENTRY", "CV_ENTRY_ML"):
            self._entry = None


def read_eaf(path: Path, name: str | None = None, find: Find = nowhere) -> LabelFile:
    """The annotations of an ELAN document, anchored to the first of its media that `find` knows.

    `name` is the file's path below its record's folder; a label's id is `<name>:<ANNOTATION_ID>`, or what our
    own writer was given. A tier's author is its ANNOTATOR, else the document's AUTHOR where it has one tier
    of nobody; a tier `gesture@Ann` of Ann's is `gesture`. Slots without a time are put where ELAN puts them
    (`eaf_times`), and such labels carry `interpolated`. Raises InspectorError where the file is no ELAN
    document.
    """
    name = path.stem if name is None else name
    told = Told()
    try:
        parser = _Parser(told)
        parser.parse(load_bytes(path))
    except InspectorError as error:
        detail = error.detail if path.name in error.detail else f"{path.name}: {error.detail}"
        raise InspectorError(error.title, detail, error.hint) from error
    document = parser.document
    if document.unit != "milliseconds":
        told.add(f"its time unit is {document.unit[:40]}; read as milliseconds, as ELAN does")
    made = tuple((each, find(each)) for each in map(_medium, document.media))
    medium, stream = next(((each, found) for each, found in made if found is not None), (None, None))
    shift = 0 if medium is None else medium.origin_ns
    spans, guessed = _spans(document, told)
    labels: list[Annotation] = []
    taken: set[str] = set()
    titles = {tier.id for tier in document.tiers}
    for tier in document.tiers:
        entries = document.vocabulary(tier)
        by_value = {entry[0]: entry[1] for entry in entries.values()}
        author = tier.attrs.get("ANNOTATOR", "") or document.attrs.get("AUTHOR", "")
        plain = without_lane(tier.id, titles)
        plain = plain.removesuffix(f"@{author}") if author else plain
        for given in tier.given:
            label_id = _label_id(name, given.id)
            if label_id in taken:
                told.add(f"annotation {given.id} on tier {tier.id} repeats an id; kept as a label of its own")
                label_id = f"{name}:{tier.id}:{len(labels)}"
            taken.add(label_id)
            span = spans.get(id(given))
            if span is not None:
                span = (span[0] + shift, span[1] + shift)
            attrs: dict[str, object] = {
                key: value
                for key, value in (
                    ("participant", tier.attrs.get("PARTICIPANT", "")),
                    ("parent", _label_id(name, given.parent) if given.parent else ""),
                    ("parent_tier", tier.attrs.get("PARENT_REF", "")),
                    ("type", tier.attrs.get("LINGUISTIC_TYPE_REF", "")),
                    ("definition", entries.get(given.entry, ["", by_value.get(given.text, "")])[1]),
                    ("interpolated", id(given) in guessed),
                )
                if value
            }
            label = Annotation(
                label_id,
                plain or tier.id,
                given.text,
                (Anchor(None if stream is None else stream.id, span),),
                author,
                attrs,
            )
            kept, written = _kept(document.kept.pop(given.id, ""), label_id, told)
            if kept is not None:
                bare = None if spans.get(id(given)) is None else [ns // MS for ns in spans[id(given)]]
                if written == [tier.id, *(bare or ()), given.text]:
                    label = kept
                elif written[:1] == [tier.id]:
                    label = replace(label, tier=kept.tier, author=kept.author, attrs=kept.attrs)
            labels.append(label)
    for (
        annotation_id,
        text,
    ) in document.kept.items():  # what ELAN has no place for
        kept, written = _kept(text, _label_id(name, annotation_id), told)
        if kept is not None and not written and kept.id not in taken:
            labels.append(kept)
    return LabelFile(tuple(labels), made, told.lines(), _vocabularies(document))


def _kept(text: str, label_id: str, told: Told) -> tuple[Annotation | None, list[object]]:
    """The exact label of a property, and as what it was written: tier, start and end in ms, text."""
    if not text:
        return None, []
    try:
        plain = json.loads(text)
        written = plain.get("as", [])
        return annotation_from(label_id, plain.get("label")), written if isinstance(written, list) else []
    except (ValueError, AttributeError, RecursionError, InspectorError):
        told.add(f"the property {PROPERTY}{label_id} holds no label; it is not used")
        return None, []


def _label_id(name: str, annotation_id: str) -> str:
    return from_xml_id(annotation_id) or f"{name}:{annotation_id}"


def _medium(attrs: dict[str, str]) -> MadeOn:
    mime = attrs.get("MIME_TYPE", "").partition("/")[0]
    return MadeOn(
        name=unquote(attrs.get("MEDIA_URL", "")),
        kind=mime if mime in ("video", "audio") else "",
        relative=unquote(attrs.get("RELATIVE_MEDIA_URL", "")),
        origin_ns=exact_ns(attrs.get("TIME_ORIGIN", "0"), MS) or 0,
    )


def _vocabularies(document: _Document) -> dict[str, dict[str, str]]:
    return {
        tier.id: {entry[0]: entry[1] for entry in entries.values() if entry[0]}
        for tier in document.tiers
        if (entries := document.vocabulary(tier))
    }


def _spans(document: _Document, told: Told) -> tuple[dict[int, Span], set[int]]:
    """The span of every annotation that has one, by the identity of its row, and which of them are
    guessed."""
    order = list(document.slots)
    spread = between(order, document.slots)
    spans: dict[int, Span] = {}
    guessed: set[int] = set()
    waiting: dict[int, tuple[_Tier, _Given]] = {}
    by_id: dict[str, _Given] = {}
    for tier in document.tiers:
        rows = [(each.begin, each.end) for each in tier.given if not each.parent]
        times = spread if not tier.attrs.get("PARENT_REF") else {**spread, **shares(rows, document.slots)}
        for given in tier.given:
            by_id.setdefault(given.id, given)
            if given.parent:
                waiting[id(given)] = (tier, given)
                continue
            where = f"annotation {given.id} on tier {tier.id}"
            unknown = [slot for slot in (given.begin, given.end) if slot not in document.slots]
            if unknown:
                told.add(f"{where}: no time slot {unknown[0] or 'is named'}; kept without a moment")
                continue
            start, end = (document.slots[slot] for slot in (given.begin, given.end))
            if start is None or end is None:
                guessed.add(id(given))
                start = times.get(given.begin) if start is None else start
                end = times.get(given.end) if end is None else end
            if start is None or end is None:
                told.add(f"{where}: nothing around its time slots has a time; kept without a moment")
                guessed.discard(id(given))
            elif end < start:
                told.add(f"{where}: ends before it starts; kept at its start")
                spans[id(given)] = (start, start)
            else:
                spans[id(given)] = (start, end)
    _refer(document, waiting, by_id, spans, guessed, told)
    return spans, guessed


def _refer(
    document: _Document,
    waiting: dict[int, tuple[_Tier, _Given]],
    by_id: dict[str, _Given],
    spans: dict[int, Span],
    guessed: set[int],
    told: Told,
) -> None:
    """Give annotations without slots their share of their parent's span, parents first."""
    children: dict[tuple[int, int], list[_Given]] = {}
    for tier, given in waiting.values():
        parent = by_id.get(given.parent)
        if parent is None:
            where = f"annotation {given.id} on tier {tier.id}"
            told.add(f"{where}: no annotation {given.parent}; kept without a moment")
            continue
        children.setdefault((id(parent), id(tier)), []).append(given)
    by_parent: dict[int, list[list[_Given]]] = {}
    for (parent_row, _), group in children.items():
        by_parent.setdefault(parent_row, []).append(_in_chain(group))
    ready = [row for row in by_parent if row in spans]
    seen = set(ready)
    while ready:
        row = ready.pop()
        start, end = spans[row]
        for group in by_parent[row]:
            for place, given in enumerate(group):
                low = start + (end - start) * place // len(group)
                spans[id(given)] = (low, start + (end - start) * (place + 1) // len(group))
                if len(group) > 1 or row in guessed:
                    guessed.add(id(given))
                if id(given) in by_parent and id(given) not in seen:
                    seen.add(id(given))
                    ready.append(id(given))
    lost = [
        (tier, given) for row, (tier, given) in waiting.items() if row not in spans and given.parent in by_id
    ]
    for tier, given in lost:
        told.add(
            f"annotation {given.id} on tier {tier.id}: its parents lead in a circle or to none with a time; "
            "kept without a moment"
        )


def _in_chain(group: list[_Given]) -> list[_Given]:
    """Siblings by PREVIOUS_ANNOTATION where that is one chain through all of them, else as they stand."""
    after = {given.previous: given for given in group}
    first = [given for given in group if not given.previous]
    if len(group) < 2 or len(after) < len(group) or len(first) != 1:
        return group
    chain = [first[0]]
    while len(chain) <= len(group) and (following := after.get(chain[-1].id)) is not None:
        chain.append(following)
    return chain if len(chain) == len(group) else group
