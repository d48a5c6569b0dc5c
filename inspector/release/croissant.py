"""croissant.json: a release in the words of Croissant 1.0.

Format: docs.mlcommons.org/croissant/docs/croissant-spec.html.

What dataset search and `mlcroissant` read: the release's tables as record sets, each with its sha256, and its
files as file sets. The hash of every file stands in the manifest.
"""

from __future__ import annotations

import json
import mimetypes
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from inspector.core import manifest

if TYPE_CHECKING:
    from inspector.release.targets import Asset

FILE = "croissant.json"
_TYPES = {
    ".parquet": "application/x-parquet",
    ".vtt": "text/vtt",
    ".jsonl": "application/jsonlines",
    ".eaf": "text/x-eaf+xml",
    ".mkv": "video/matroska",
    ".md": "text/markdown",
}
_FIELDS: dict[pa.DataType, str] = {
    pa.string(): "sc:Text",
    pa.float64(): "sc:Float",
    pa.int64(): "sc:Integer",
    pa.bool_(): "sc:Boolean",
}
_ABOUT = {
    "records": "One row a record: its split, the root of its content, its licence.",
    "streams": "One row a stream: its modality, its origin (recorded, human, model), its clock and its span.",
    "mask": "What is there of each modality of a record, and when: leave out of a loss what is not.",
}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            *("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject"),
            *("fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField"),
            *("path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator"),
            *("source", "subField", "transform"),
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "sc": "https://schema.org/",
}


@dataclass
class Contents:
    """What is told of a release's files: those of records by their place and kind, the others one by one."""

    sets: Counter[str] = field(default_factory=Counter)
    files: list[Asset] = field(default_factory=list)
    licences: set[str] = field(default_factory=set)

    def add(self, asset: Asset, own: bool) -> None:
        """A file; `own` is one of a record's, or one that holds some."""
        if asset.within is not None:
            return
        if own:
            folder, slash, name = asset.path.rpartition("/")
            below = f"{folder.partition('/')[0]}/**/" if "/" in folder else folder + slash
            self.sets[f"{below}*{_ending(name)}"] += 1
        else:
            self.files.append(asset)


def _ending(name: str) -> str:
    stem, dot, ending = name.rpartition("/")[2].rpartition(".")
    return dot + ending if stem else ""


def _kind(path: str) -> str:
    ending = _ending(path).lower()
    return _TYPES.get(ending) or mimetypes.types_map.get(ending) or "application/octet-stream"


def croissant(
    name: str,
    note: str,
    made: str,
    root: str,
    contents: Contents,
    tables: dict[str, tuple[str, pa.Schema]],
) -> str:
    """The text of the file. `tables` gives sha256 and columns of `records`, `streams` and `coverage`."""
    distribution: list[dict[str, Any]] = []
    sets: list[dict[str, Any]] = []
    for table, (digest, schema) in tables.items():
        place = f"{manifest.FOLDER}/{table}.parquet"
        distribution.append(_object(place, digest))
        sets.append(_record_set({"coverage": "mask"}.get(table, table), place, schema))
    distribution += [_object(each.path, each.sha256) for each in contents.files]
    distribution += [
        {
            "@type": "cr:FileSet",
            "@id": pattern,
            "name": pattern,
            "description": f"{count} files",
            "encodingFormat": _kind(pattern),
            "includes": pattern,
        }
        for pattern, count in sorted(contents.sets.items())
    ]
    licences = sorted(contents.licences)[:20] or ["not stated"]
    value = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": note or f"{name}, a release made with Inspector",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": licences[0] if len(licences) == 1 else licences,
        "url": f"urn:sha256:{root}",
        "identifier": root,
        "version": "1.0.0",
        "datePublished": made,
        "citeAs": f"{name}, sha256 {root}",
        "distribution": distribution,
        "recordSet": sets,
    }
    text = json.dumps(value, indent=1, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode() + "\n"


def _object(path: str, digest: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "encodingFormat": _kind(path),
        "sha256": digest,
    }


def _record_set(name: str, place: str, schema: pa.Schema) -> dict[str, Any]:
    fields = []
    for each in schema:
        if each.type in _FIELDS and each.name != "record":
            told = {
                "@type": "cr:Field",
                "@id": f"{name}/{each.name}",
                "name": each.name,
                "dataType": _FIELDS[each.type],
                "source": {"fileObject": {"@id": place}, "extract": {"column": each.name}},
            }
            if each.name == "record_id" and name != "records":
                told["references"] = {"field": {"@id": "records/record_id"}}
            fields.append(told)
    key = {"key": {"@id": "records/record_id"}} if name == "records" else {}
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": _ABOUT[name],
        **key,
        "field": fields,
    }
