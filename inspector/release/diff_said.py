"""What changed between two releases as lines, as JSON, and as one page for the people who train on it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from inspector.core.page import head, table
from inspector.release.compare import WORDS, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inspector.release.diff import Diff, RecordDiff, Totals

MOST = 200
"""Records that a page lists one by one."""
NAMES = {each.value: words for each, words in WORDS.items()} | {
    "added": "added",
    "removed": "gone",
    "labels": "labels",
    "metadata": "metadata",
    "split": "another split",
    "renamed": "another name",
}


def _totals(each: Totals) -> dict[str, Any]:
    return {
        "name": each.name,
        "root": each.root,
        "records": each.records,
        "hours": round(each.hours, 6),
        "bytes": each.bytes,
        "splits": dict(each.splits),
        "streams": dict(each.streams),
        "labels": [
            {"tier": tier, "label": label, "count": count} for (tier, label), count in each.labels.items()
        ],
    }


def _record(each: RecordDiff) -> dict[str, Any]:
    return {
        "record_id": each.record_id,
        "was": each.was,
        "kinds": list(each.kinds),
        "streams": [
            {
                "stream": stream.stream_id,
                "modality": stream.modality,
                "device": stream.device or None,
                "kind": stream.kind,
                "late_ms": stream.late_ms,
                "message": stream.words,
            }
            for stream in each.streams
        ],
        "labels": dict(zip(("added", "removed", "changed"), each.labels, strict=True)),
        "columns": list(each.columns),
        "split": None if each.split is None else list(each.split),
    }


def document(found: Diff) -> dict[str, Any]:
    """What `inspector diff --json` prints."""
    return {
        "same": found.same,
        "a": _totals(found.a),
        "b": _totals(found.b),
        "added": list(found.added),
        "removed": [{"record_id": each, "why": why} for each, why in found.removed],
        "changed": [_record(each) for each in found.changed],
        "kinds": found.by_kind(),
        "modalities": found.by_modality(),
        "timing": [
            {"device": device, "streams": count, "median_ms": middle, "least_ms": least, "greatest_ms": most}
            for device, (count, middle, least, most) in found.by_device().items()
        ],
        "moves": [
            {"from": was, "to": now, "records": records} for (was, now), records in found.moves().items()
        ],
        "problems": list(found.problems),
    }


def lines(found: Diff) -> list[str]:
    """For people at a terminal."""
    if found.same:
        return [f"{found.a.name} and {found.b.name} hold the same"]
    a, b = found.a, found.b
    told = [
        f"{a.name} → {b.name}",
        f"records {a.records} → {b.records}: {len(found.added)} added, {len(found.removed)} removed, "
        f"{len(found.changed)} changed",
        f"hours {a.hours:.3f} → {b.hours:.3f}, labels {a.labels.total()} → {b.labels.total()}",
    ]
    if kinds := found.by_kind():
        told.append("changed: " + ", ".join(f"{n} {NAMES[kind]}" for kind, n in kinds.items()))
    for modality, counts in found.by_modality().items():
        told.append(f"  {modality}: " + ", ".join(f"{n} {NAMES[kind]}" for kind, n in counts.items()))
    for device, (count, middle, least, most) in found.by_device().items():
        told.append(f"timing of {device}: {count} streams, {middle:+.1f} ms ({least:+.1f} to {most:+.1f})")
    told += [f"moved {was} → {now}: {len(ids)}" for (was, now), ids in found.moves().items()]
    told += [f"added: {each}" for each in found.added]
    told += [f"removed: {each}: {why}" for each, why in found.removed]
    told += [f"changed: {each.record_id}: {each.words}" for each in found.changed]
    return told


# -- the page ----------------------------------------------------------------------------------------------


def page(found: Diff) -> str:
    """One self-contained page of HTML."""
    a, b = found.a, found.b
    parts = [
        head(f"{a.name} → {b.name}"),
        f"<p class=quiet>root {escape(a.root[:16])}… → {escape(b.root[:16])}…</p>",
        _summary(found),
        "<h2>Before and after</h2>"
        + table(
            ["", escape(a.name), escape(b.name), "difference"],
            [
                _pair("records", a.records, b.records),
                _pair("hours", a.hours, b.hours, ".3f"),
                _pair("labels", a.labels.total(), b.labels.total()),
                _pair("megabytes", a.bytes / 1e6, b.bytes / 1e6, ",.1f"),
                *(
                    _pair(f"split {each}", a.splits[each], b.splits[each])
                    for each in _all(a.splits, b.splits)
                ),
                *(
                    _pair(f"{each} streams", a.streams[each], b.streams[each])
                    for each in _all(a.streams, b.streams)
                ),
            ],
            (1, 2, 3),
        ),
        _modalities(found),
        _devices(found),
        _moves(found),
        _gone(found),
        _labels(found),
        _list("New records", [[escape(each)] for each in found.added], ["record"]),
        _list(
            "Records that changed",
            [
                [escape(e.record_id), escape(", ".join(NAMES[k] for k in e.kinds)), escape(e.words)]
                for e in found.changed
            ],
            ["record", "kind", "what"],
        ),
        _list("What could not be compared", [[escape(each)] for each in found.problems], [""]),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _all(a: Any, b: Any) -> list[str]:
    return sorted({*a, *b})


def _pair(name: str, before: float, after: float, form: str = ",") -> list[str]:
    by = after - before
    told = "" if by == 0 else f"{'+' if by > 0 else '−'}{format(abs(by), form)}"
    return [escape(name), format(before, form), format(after, form), told]


def _summary(found: Diff) -> str:
    if found.same:
        return "<p><b class=ok>Both hold the same.</b></p>"
    grave = {Kind.CONTENT.value, Kind.TIMING.value}
    same = found.b.records - len(found.added) - len(found.changed)
    sure = sum(bool(grave & set(each.kinds)) for each in found.changed)
    new = len(found.added)
    return (
        f"<p><b>{new} record{' is' if new == 1 else 's are'} new, {len(found.removed)} gone, "
        f"{len(found.changed)} changed</b>; {same} stayed as they were. Of those that changed {sure} have a "
        "stream with other content or at other times: what was trained on them is worth a look.</p>"
    )


def _modalities(found: Diff) -> str:
    rows = found.by_modality()
    if not rows and not found.by_kind():
        return ""
    there = {kind for counts in rows.values() for kind in counts}
    kinds = [each for each in NAMES if each in there]
    body = [[escape(name), *(str(counts.get(kind, "")) for kind in kinds)] for name, counts in rows.items()]
    rest = {k: n for k, n in found.by_kind().items() if k in ("labels", "metadata", "split", "renamed")}
    said = "".join(f"<p>{n} records: {escape(NAMES[kind])}.</p>" for kind, n in rest.items())
    grid = table(["modality", *(NAMES[k] for k in kinds)], body, range(1, 9)) if body else ""
    return f"<h2>Records that changed, by modality and kind</h2>{grid}{said}"


def _devices(found: Diff) -> str:
    rows = [
        [escape(device), str(count), *(f"{ms:+,.1f}".replace("-", "−") for ms in (middle, least, most))]
        for device, (count, middle, least, most) in found.by_device().items()
    ]
    heads = ["device", "streams", "median, ms", "least", "greatest"]
    said = "<p class=quiet>Positive: its moments lie later on the record’s timeline than before.</p>"
    return f"<h2>Timing, by device</h2>{said}{table(heads, rows, range(1, 5))}" if rows else ""


def _moves(found: Diff) -> str:
    rows = [
        [escape(was), escape(now), str(len(ids)), escape(_some(ids))]
        for (was, now), ids in found.moves().items()
    ]
    return _list("Moves between splits", rows, ["from", "to", "records", ""])


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:10]) + (" …" if len(ids) > 10 else "")


def _gone(found: Diff) -> str:
    rows = [[escape(each), escape(why)] for each, why in found.removed]
    return _list("Records that are gone, and why", rows, ["record", "why"])


def _labels(found: Diff) -> str:
    a, b = found.a.labels, found.b.labels
    rows = [
        [escape(tier), escape(label), *_pair("", a[tier, label], b[tier, label])[1:]]
        for tier, label in sorted({*a, *b})
        if a[tier, label] != b[tier, label]
    ]
    return _list(
        "Labels whose number changed", rows, ["tier", "label", "before", "after", "difference"], (2, 3, 4)
    )


def _list(
    title: str, rows: Sequence[Sequence[str]], heads: Sequence[str], numbers: Sequence[int] = ()
) -> str:
    if not rows:
        return ""
    more = f"<p class=quiet>and {len(rows) - MOST} more</p>" if len(rows) > MOST else ""
    return f"<h2>{escape(title)}</h2>{table(heads, rows[:MOST], numbers)}{more}"
