"""Label Studio exports (JSON and JSON_MIN): regions on sound, film, pictures and text, by annotator.

One file holds the tasks of a whole project; those whose media a record has are read into it. Several
annotators of a task are authors, predictions are authors too (with `origin` model), relations are links.
The format: labelstud.io/guide/export and labelstud.io/guide/task_format.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from inspector.core.effective import annotation_from
from inspector.core.made_on import MadeOn
from inspector.core.model import Anchor, Annotation, Modality
from inspector.errors import InspectorError
from inspector.media.annotators import MOST_LABELS, LabelFile, exact_ns, nowhere
from inspector.media.labelstudio_values import DEFAULT_RATE, anchors_of, kind_of, number, rate_in, says
from inspector.media.told import Told, load_json

if TYPE_CHECKING:
    from pathlib import Path

    from inspector.core.model import Stream
    from inspector.media.annotators import Find

_ABOUT = frozenset(
    ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "inner_id", "agreement")
)
"""The columns of JSON_MIN that are about the annotation and no label."""

OWN = "inspector"
"""The key in a region's `meta` under which our own writer keeps what Label Studio has no place for."""


def is_label_studio(plain: object) -> bool:
    """Whether JSON is an export of Label Studio, told by its first task."""
    tasks = plain if isinstance(plain, list) else [plain]
    first = next((task for task in tasks[:20] if isinstance(task, dict)), None)
    if first is None:
        return False
    if isinstance(first.get("data"), dict):
        return any(isinstance(first.get(key), list) for key in ("annotations", "predictions", "completions"))
    return "annotation_id" in first and bool({"annotator", "lead_time", "created_at"} & first.keys())


@dataclass(slots=True)
class _Reading:
    """One file while it is being read."""

    name: str
    find: Find
    told: Told
    labels: list[Annotation] = field(default_factory=list)
    made: dict[MadeOn, Stream | None] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    ends: set[str] = field(default_factory=set)
    """Ids of regions that are only ends of a link of ours."""

    def add(self, label: Annotation) -> Annotation:
        """Keep a label under an id that no other has."""
        number_, label_id = 1, label.id
        while label_id in self.ids:
            number_ += 1
            label_id = f"{label.id}#{number_}"
        self.ids.add(label_id)
        self.labels.append(label if label_id == label.id else replace(label, id=label_id))
        if len(self.labels) > MOST_LABELS:
            raise InspectorError("The file holds too many labels", f"more than {MOST_LABELS}")
        return self.labels[-1]


@dataclass(frozen=True, slots=True)
class _Task:
    """One task: its number in the file, and the media and other data that it shows."""

    id: str
    data: dict[str, Any]


def task_ids(plain: object) -> set[str]:
    """The ids of the tasks of an export; JSON_MIN has a row an annotation, so that rows are no tasks."""
    tasks = plain if isinstance(plain, list) else [plain]
    return {str(each.get("id")) for each in tasks if isinstance(each, dict)}


def read_labelstudio(
    path: Path, name: str | None = None, find: Find = nowhere, shared: bool = False
) -> LabelFile:
    """The labels of the tasks whose media `find` knows by name; of the only task whatever its media.

    A label's id is `<name>:<task>:<annotation>:<region>`, or what our own writer was given. Its tier is the
    control's name (`from_name`), its author who completed the annotation. Where a region has several labels
    the first is the label, all of them are in `labels`; text and choices given to a region are in attrs under
    their control's name. With `shared` tasks on other media are as it should be, and not told. Raises
    InspectorError where the file is no export.
    """
    plain = load_json(path)
    if not is_label_studio(plain):
        raise InspectorError("The file is no export of Label Studio", path.name)
    tasks = plain if isinstance(plain, list) else [plain]
    reading = _Reading(path.stem if name is None else name, find, Told())
    strangers = 0
    alone = len(task_ids(tasks)) == 1
    for row, raw in enumerate(tasks):
        if not isinstance(raw, dict):
            reading.told.add(f"item {row + 1} is no task and left out")
            continue
        data = raw["data"] if isinstance(raw.get("data"), dict) else _shown(raw)
        task = _Task(str(raw.get("id", row + 1))[:80], data)
        names = [value for value in data.values() if isinstance(value, str) and len(value) < 4096]
        if not alone and not any(find(MadeOn(value), by_name=True) for value in names):
            strangers += 1
            continue
        if "data" in raw:
            _annotations(reading, task, raw)
        else:
            results = _results_of_min(raw)
            _results(reading, task, str(raw.get("annotation_id")), results, _author(raw.get("annotator")), {})
    if strangers and not shared:
        reading.told.add(f"{strangers} of its {len(tasks)} tasks are on media that this record does not have")
    labels = tuple(label for label in reading.labels if label.id not in reading.ends)
    return LabelFile(labels, tuple(reading.made.items()), reading.told.lines())


def _shown(raw: dict[str, Any]) -> dict[str, Any]:
    """The data columns of JSON_MIN: paths and addresses."""
    return {
        key: value
        for key, value in raw.items()
        if key not in _ABOUT and isinstance(value, str) and ("/" in value or "." in value[-6:])
    }


def _results_of_min(raw: dict[str, Any]) -> list[Any]:
    results: list[Any] = []
    shown = _shown(raw)
    for key, value in raw.items():
        if key in _ABOUT or key in shown:
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                results.append({"from_name": key, "id": f"{key}{len(results)}", "value": each})
            elif isinstance(each, str | int | float):
                results.append({"from_name": key, "id": f"{key}{len(results)}", "value": {"choices": [each]}})
    return results


def _author(who: object) -> str:
    if isinstance(who, dict):
        full = " ".join(str(who.get(key) or "") for key in ("first_name", "last_name")).strip()
        who = who.get("email") or who.get("username") or full or who.get("id")
    return "" if who is None or isinstance(who, list) else str(who)


def _annotations(reading: _Reading, task: _Task, raw: dict[str, Any]) -> None:
    for group in ("annotations", "completions", "predictions"):
        listed = raw.get(group)
        for row, given in enumerate(listed if isinstance(listed, list) else []):
            where = f"task {task.id}, {group} {row + 1}"
            if not isinstance(given, dict) or not isinstance(given.get("result"), list):
                if not isinstance(given, int):  # predictions of an export may be numbers alone
                    reading.told.add(f"{where}: no results; left out")
                continue
            if given.get("was_cancelled"):
                reading.told.add(f"{where}: skipped by its annotator; left out")
                continue
            attrs: dict[str, Any] = {}
            author = _author(given.get("completed_by"))
            if group == "predictions":
                author = _author(given.get("model_version")) or "prediction"
                attrs["origin"] = "model"
            if given.get("ground_truth"):
                attrs["ground_truth"] = True
            _results(reading, task, str(given.get("id", row + 1))[:80], given["result"], author, attrs)


def _results(
    reading: _Reading, task: _Task, annotation: str, results: list[Any], author: str, attrs: dict[str, Any]
) -> None:
    """The regions and relations of one annotator; what shares a region's id belongs to that region."""
    regions: dict[str, list[dict[str, Any]]] = {}
    relations: list[dict[str, Any]] = []
    for row, given in enumerate(results):
        if isinstance(given, dict) and given.get("type") == "relation":
            relations.append(given)
        elif isinstance(given, dict) and isinstance(given.get("value"), dict):
            regions.setdefault(str(given.get("id", f"row{row}")), []).append(given)
        else:
            reading.told.add(f"task {task.id}, result {row + 1}: no value; left out")
    read: dict[str, Annotation] = {}
    for region, parts in regions.items():
        label = _region(
            reading, task, f"{reading.name}:{task.id}:{annotation}:{region}", parts, author, attrs
        )
        if label is not None:
            read[region] = label
    for given in relations:
        ends = [read.get(str(given.get(key))) for key in ("from_id", "to_id")]
        own = _own(given)
        if ends[0] is None or ends[1] is None:
            reading.told.add(f"task {task.id}: a relation names a region that is not there; left out")
            continue
        said = (
            [str(each) for each in given.get("labels") or []] if isinstance(given.get("labels"), list) else []
        )
        link = Annotation(
            f"{reading.name}:{task.id}:{annotation}:{given['from_id']}>{given['to_id']}",
            "relation",
            said[0] if said else "related",
            (*ends[0].anchors[:1], *ends[1].anchors[:1]),
            author,
            {
                "from": ends[0].id,
                "to": ends[1].id,
                "direction": str(given.get("direction", "right")),
                **attrs,
            },
        )
        kept = own.get("label")
        if isinstance(kept, Annotation):
            if kept.id in reading.ids:
                continue  # a link between several: its first relation has given it
            # An end that was moved, and the relation's own label, are what the annotator says now.
            moved = [
                end.anchors[0] if end is not None and "part_of" not in end.attrs else None for end in ends
            ]
            link = replace(kept, label=said[0] if said else kept.label)
            if any(moved) and len(kept.anchors) == 2:
                pairs = zip(moved, kept.anchors, strict=True)
                link = replace(link, anchors=tuple(new or old for new, old in pairs))
        reading.add(link)


def _end(label: Annotation, link: str, same: bool) -> Annotation:
    """An end of a link of ours: no label by itself. It names its link while nobody moved it."""
    return replace(label, attrs={"part_of": link} if same else {})


def _own(given: dict[str, Any]) -> dict[str, Any]:
    """What our own writer keeps of a region or relation: `label` (as an Annotation, where it holds), `value`
    as it was written, and `part_of`, the link that it is an end of."""
    meta = given.get("meta")
    own = meta.get(OWN) if isinstance(meta, dict) else None
    if not isinstance(own, dict) or not isinstance(own.get("id"), str):
        return {}
    kept: dict[str, Any] = {"value": own.get("value")}
    if isinstance(own.get("part_of"), str):
        kept["part_of"] = own["part_of"]
    elif "label" in own:
        try:
            kept["label"] = annotation_from(own["id"], own["label"])
        except InspectorError:
            return {}
    return kept


def _medium(task: _Task, to_name: str, kind: str) -> str | None:
    """The path or address of what a control works on: by its name, or as the only one, or by its kind."""
    names = {key: value for key, value in task.data.items() if isinstance(value, str)}
    if to_name in names:
        return names[to_name]
    paths = {key: value for key, value in names.items() if len(value) < 4096 and "\n" not in value}
    by_kind = [value for key, value in paths.items() if kind and key.lower().startswith(kind)]
    if by_kind:
        return by_kind[0]
    return next(iter(paths.values())) if len(paths) == 1 else None


def _region(
    reading: _Reading,
    task: _Task,
    label_id: str,
    parts: list[dict[str, Any]],
    author: str,
    attrs: dict[str, Any],
) -> Annotation | None:
    parts = sorted(parts, key=lambda part: not any(key.endswith("labels") for key in part["value"]))
    main = parts[0]
    value: dict[str, Any] = main["value"]
    kind = kind_of(value)
    tier = str(main.get("from_name") or "label")
    where = f"task {task.id}, {tier}, region {str(main.get('id'))[:40]}"
    path = _medium(task, str(main.get("to_name") or ""), kind)
    rate = rate_in(value) if kind == Modality.VIDEO else None
    frames = number(value.get("framesCount"))
    length = exact_ns(value["duration"] if "duration" in value else main.get("original_length"))
    made = MadeOn(
        path or "", kind, rate=rate, frames=None if frames is None else int(frames), duration_ns=length
    )
    stream = None if path is None and not kind else reading.find(made)
    if path is not None or stream is not None:
        reading.made[made] = stream
    if kind == Modality.VIDEO:
        rate = (stream.rate if stream is not None else None) or rate
        if rate is None:
            reading.told.add(f"{where}: no frame rate is known; read at Label Studio's 25 a second")
    anchors = anchors_of(value, None if stream is None else stream.id, rate or DEFAULT_RATE)
    if anchors is None:
        reading.told.add(f"{where}: no usable place in its medium; the label is kept without a moment")
        anchors = [Anchor(None if stream is None else stream.id, None)]
    labels = says(value)
    more: dict[str, Any] = dict(attrs)
    for part in parts[1:]:
        said = says(part["value"])
        if said:
            more[str(part.get("from_name") or "text")] = said[0] if len(said) == 1 else said
    if len(labels) > 1:
        more["labels"] = labels
    if isinstance(main.get("score"), int | float):
        more["score"] = main["score"]
    note = main.get("meta", {}).get("text") if isinstance(main.get("meta"), dict) else None
    if note:
        more["note"] = note if isinstance(note, str) else " ".join(map(str, note))
    shapes = value.keys() & {"points", "rle", "rotation", "channel"}
    more |= {key: value[key] for key in sorted(shapes) if value[key]}
    text = labels[0] if labels else next((str(v) for v in more.values() if isinstance(v, str)), tier)
    label = Annotation(label_id, tier, text, tuple(anchors), author, more)
    own = _own(main)
    kept = own.get("label")
    if isinstance(kept, Annotation):
        label = replace(label, author=kept.author)  # who made it, whoever brought the file in
        attrs_now = {**kept.attrs, **{key: more[key] for key in ("note",) if key in more}}
        label = replace(label, id=kept.id, tier=kept.tier, attrs=attrs_now, label=labels[0] if labels else "")
        if own["value"] == value:
            label = replace(label, label=kept.label, anchors=kept.anchors)
    elif "part_of" in own:
        label = _end(label, own["part_of"], own["value"] == value)
        reading.ends.add(label.id)
    return reading.add(label)
