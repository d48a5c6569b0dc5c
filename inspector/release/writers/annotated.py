"""Folders with a document of labels or cues in each, beside the media: ELAN, Label Studio, WebVTT.

    <split>/<record>/<record>.eaf   or .vtt, which names the media beside it
    tasks-<split>.json              Label Studio: a task a record; label_config.xml shows them

All else is as in `folder`. The document is written by the pure writers (eaf, labelstudio, webvtt) from the
record as it is released, with the names that its files have there.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from inspector.core.model import Modality
from inspector.release.targets import Piece, targets
from inspector.release.writers import eaf, labelstudio, webvtt
from inspector.release.writers.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inspector.core.model import Record
    from inspector.release.targets import Laid, Reads
    from inspector.release.writers.written import Writer, Written

_COUNT = re.compile(r" \(\d+\)$")


class _Annotated(Folder):
    """Folders, with a document that a pure writer makes of each record."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def _document(self, laid: Laid, reads: Reads, home: str) -> Written:
        """The record's document, its media named from `home`; what it cannot carry is told."""
        cues = {stream.id: reads.cues(stream) for stream in laid.record.of(Modality.TEXT)}
        written = self._writer(_named(laid, home), cues)
        # How many of a record's labels it concerns is not what is counted over all records.
        laid.lost += [_COUNT.sub("", sentence) for sentence in written.lost]
        return written


def _named(laid: Laid, home: str) -> Record:
    """The record with the paths that its files have in the release, seen from the folder `home`."""
    up = len(PurePosixPath(home).parts)
    streams = []
    for stream in laid.record.streams:
        path = laid.paths[stream.source.path]
        near = path[len(home) + 1 :] if path.startswith(f"{home}/") else "../" * up + path
        streams.append(replace(stream, source=replace(stream.source, path=Path(near))))
    return replace(laid.record, streams=tuple(streams))


class _Beside(_Annotated):
    """A document a record, in the record's folder."""

    kind: str

    def lay(self, laid: Laid, reads: Reads) -> None:
        """As a folder, and the document."""
        super().lay(laid, reads)
        home = self.home_of(laid)
        written = self._document(laid, reads, home)
        path = self._names.take(home, f"{laid.record.id}{written.suffix}")
        laid.pieces.append(Piece(path, make=lambda to: to.write_bytes(written.data)))
        self._rows[laid.split][-1][f"{self.kind}_path"] = self._below(path, len(laid.split) + 1)


@targets.register("eaf", title="ELAN documents beside their media")
class Elan(_Beside):
    """One release for ELAN."""

    kind = "eaf"

    def __init__(self) -> None:
        super().__init__(eaf.write)


@targets.register("webvtt", title="WebVTT beside its media")
class WebVtt(_Beside):
    """One release for players of film."""

    kind = "webvtt"

    def __init__(self) -> None:
        super().__init__(webvtt.write)


_OBJECTS = {"audio": "Audio", "video": "Video", "image": "Image", "text": "Text"}
_CONTROLS = {
    "labels": ("Labels", "Label"),
    "timelinelabels": ("TimelineLabels", "Label"),
    "rectanglelabels": ("RectangleLabels", "Label"),
    "videorectangle": ("Labels", "Label"),
    "choices": ("Choices", "Choice"),
}
"""Kinds of region, the control that shows them, and how it names its values: labelstud.io/tags."""


@targets.register("labelstudio", title="Label Studio tasks beside their media")
class LabelStudio(_Annotated):
    """One release for Label Studio, whose local storage is the release's folder."""

    def __init__(self) -> None:
        super().__init__(labelstudio.write)
        self._tasks: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._count = 0
        self._regions = 0
        self._objects: dict[str, str] = {}
        self._controls: dict[str, tuple[str, str]] = {}
        self._values: dict[str, dict[str, None]] = {}

    def lay(self, laid: Laid, reads: Reads) -> None:
        """As a folder, and the task."""
        super().lay(laid, reads)
        (task,) = json.loads(self._document(laid, reads, "").data)
        self._count += 1
        task["id"] = self._count
        for annotation in task["annotations"]:
            self._regions += 1
            annotation["id"] = self._regions
            for result in annotation["result"]:
                self._know(laid, result)
        for name in task["data"]:
            kind = name.rstrip("0123456789")
            if kind in _OBJECTS:
                self._objects.setdefault(name, kind)
        self._tasks[laid.record.id] = json.dumps(task, ensure_ascii=False, indent=1, allow_nan=False)

    def _know(self, laid: Laid, result: dict[str, Any]) -> None:
        """The control that shows a region: one for each tier, medium and kind of region."""
        if result["type"] not in _CONTROLS:
            return
        tier, shown = result["from_name"], (result["type"], result["to_name"])
        name, number = tier, 1
        while self._controls.setdefault(name, shown) != shown:
            number += 1
            name = f"{tier} {number}"
        if name != tier:
            laid.lost.append(f"Label Studio shows the tier {tier} as several, one for each kind of medium")
            result["from_name"] = name
        key = "labels" if result["type"] == "videorectangle" else result["type"]
        self._values.setdefault(name, {}).update(dict.fromkeys(result["value"].get(key, [])))

    def written(self, laid: Laid, out: Path) -> None:
        """The task goes behind those of its split."""
        new = laid.split not in self._files
        if new:
            self._files[laid.split] = self._names.take("", f"tasks-{laid.split}.json")
        with (out / self._files[laid.split]).open("w" if new else "a", encoding="utf-8") as file:
            file.write("[" if new else ",\n")
            file.write(self._tasks.pop(laid.record.id))

    def finish(self, out: Path) -> Iterable[str]:
        """The tables of folders, the tasks, and the configuration that shows them."""
        yield from super().finish(out)
        for path in self._files.values():
            with (out / path).open("a", encoding="utf-8") as file:
                file.write("]\n")
            yield path
        name = self._names.take("", "label_config.xml")
        (out / name).write_text(self._config(), encoding="utf-8", errors="replace")
        yield name

    def _config(self) -> str:
        lines = ["<!-- For Label Studio, under Settings, Labeling Interface. -->", "<View>"]
        for name, kind in self._objects.items():
            lines.append(f"  <{_OBJECTS[kind]} name={_attr(name)} value={_attr('$' + name)}/>")
        for name, (kind, target) in self._controls.items():
            if target not in self._objects:
                continue
            tag, value_tag = _CONTROLS[kind]
            lines.append(f"  <{tag} name={_attr(name)} toName={_attr(target)}>")
            lines += [f"    <{value_tag} value={_attr(value)}/>" for value in self._values[name]]
            lines.append(f"  </{tag}>")
            if kind == "videorectangle":
                lines.append(f"  <VideoRectangle name={_attr(f'{name} box')} toName={_attr(target)}/>")
        return "\n".join([*lines, "</View>", ""])


def _attr(text: str) -> str:
    return quoteattr(eaf.clean(text))
