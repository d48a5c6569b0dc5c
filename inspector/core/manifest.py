"""What a release says of itself: one card, sealed, and tables beside it; every file under a hash.

    release.json          the card: what this is, made from what, by which choice, and its root
    release.sha256        the sha256 of the card
    manifest/records.parquet   one row a record: RECORDS, with the record itself as JSON and its root
    manifest/assets.parquet    one row a file: ASSETS; also for one that lies, byte for byte, within another
    manifest/index.parquet     the dataset's own columns of these records, `split` included
    manifest/streams.parquet   one row a stream: STREAMS
    manifest/coverage.parquet  the mask: MASK, what is there of each modality, and when

A record's root is the root of a Merkle tree (RFC 6962's: leaves and nodes are hashed under different first
bytes) over its leaves: the record without its time maps and labels, each time map, each label, each file that
came from the dataset with its sha256. What a format adds (a table, a document of labels) is in the assets
alone: where two formats lay files alike, the root is the same in both. The release's root is that of its
records' roots, ordered by record id. So two releases tell where they differ without being read, and a changed
label is told from a changed film.

Paths are relative to the release, with `/`; what leaves it is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from inspector.core.effective import annotation_from, annotation_value, timemap_from, timemap_value
from inspector.core.model import Clock, Coverage, Modality, Problem, Record, Source, Stream
from inspector.errors import InspectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

CARD = "release.json"
SEAL = "release.sha256"
FOLDER = "manifest"
FORMAT = 1
"""Of the card and the tables. A reader refuses a greater one."""

RECORDS = pa.schema(
    [
        ("record_id", pa.string()),
        ("split", pa.string()),
        ("root", pa.string()),
        ("made_from", pa.string()),  # the source record's content identity
        ("licence", pa.string()),
        ("changes", pa.list_(pa.string())),  # what was done to its files, a sentence each
        ("lost", pa.list_(pa.string())),  # what the format could not carry
        ("record", pa.string()),
    ]
)
REGION = pa.struct(
    [
        ("offset", pa.int64()),
        ("bytes", pa.int64()),
        ("crc32", pa.int64()),
        ("records", pa.list_(pa.string())),
    ]
)
ASSETS = pa.schema(
    [
        ("path", pa.string()),
        ("records", pa.list_(pa.string())),  # empty for a file of the whole release
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("made_from", pa.string()),  # the source file relative to its dataset, null for one that was made
        ("change", pa.string()),  # null where the bytes are the source's
        ("within", pa.string()),  # the file of the release that holds it, null for a file of its own
        ("offset", pa.int64()),  # where in that file its first byte is
        ("regions", pa.list_(REGION)),  # of a file that holds others: whose each stretch of it is
    ]
)
STREAMS = pa.schema(
    [
        ("record_id", pa.string()),
        ("stream_id", pa.string()),
        ("modality", pa.string()),
        ("origin", pa.string()),
        ("derived_from", pa.string()),
        ("clock", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
    ]
)
MASK = pa.schema(
    [
        ("record_id", pa.string()),
        ("modality", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("state", pa.string()),
    ]
)
TABLES = ("records", "assets", "index", "streams", "coverage")

_SOURCE = (
    *("format", "track", "columns", "time_column", "time_unit", "epoch_ns"),
    *("start_ns", "end_ns", "row_start", "row_end"),
)
_STREAM = ("person", "device", "origin", "derived_from", "channels", "rate", "unit")


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> bytes:
    """The one JSON text of a value: keys sorted, no spaces, UTF-8."""
    return _CANONICAL.encode(value).encode("utf-8", "surrogatepass")


def plain_value(value: Any) -> Any:
    """A value of a dataset as JSON has it: numbers stay, what JSON has no word for becomes its text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, dict):
        return {str(key): plain_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_value(each) for each in value]
    return str(value)


def record_value(record: Record, paths: Mapping[Path, str]) -> dict[str, Any]:
    """A record in JSON, complete. `paths` gives each source file its path in the release."""
    return {
        "id": record.id,
        "axis": record.axis,
        "reference": record.reference,
        "meta": plain_value(dict(record.meta)),
        "coverage": {modality.value: state.value for modality, state in record.coverage.items()},
        "streams": [_stream_value(stream, paths) for stream in record.streams],
        "annotations": {label.id: annotation_value(label) for label in record.annotations},
    }


def _stream_value(stream: Stream, paths: Mapping[Path, str]) -> dict[str, Any]:
    source: dict[str, Any] = {name: plain_value(getattr(stream.source, name)) for name in _SOURCE}
    return {
        "id": stream.id,
        "modality": stream.modality.value,
        "source": {"path": paths[stream.source.path], **source},
        "clock": [stream.clock.id, stream.clock.kind],
        "span": None if stream.span is None else list(stream.span),
        "timemap": timemap_value(stream.timemap),
        "meta": plain_value(dict(stream.meta)),
        **{name: plain_value(getattr(stream, name)) for name in _STREAM},
    }


def record_from(value: Mapping[str, Any], find: Callable[[str], Path]) -> Record:
    """The record of such a value. InspectorError where it is none.

    `find` gives the file of a path there: `inside(root, path)` of a release.
    """
    try:
        return Record(
            id=str(value["id"]),
            streams=tuple(_stream_from(each, find) for each in value["streams"]),
            axis=str(value["axis"]),
            reference=value["reference"],
            annotations=tuple(annotation_from(id_, each) for id_, each in value["annotations"].items()),
            coverage={Modality(name): Coverage(state) for name, state in value["coverage"].items()},
            problems=tuple(Problem(*each) for each in value.get("problems", ())),
            meta=value["meta"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InspectorError(
            "The manifest holds no record there", f"{type(error).__name__}: {error}"[:300]
        ) from None


def _stream_from(value: Mapping[str, Any], find: Callable[[str], Path]) -> Stream:
    source = dict(value["source"])
    path = find(source.pop("path"))
    span = value["span"]
    return Stream(
        id=str(value["id"]),
        modality=Modality(value["modality"]),
        source=Source(
            path, **{name: source.get(name) for name in _SOURCE} | {"columns": tuple(source["columns"])}
        ),
        clock=Clock(*map(str, value["clock"])),
        span=None if span is None else (int(span[0]), int(span[1])),
        timemap=timemap_from(value["timemap"]),
        meta=value["meta"],
        **{name: value[name] for name in _STREAM} | {"channels": tuple(value["channels"])},
    )


def inside(root: Path, path: str) -> Path:
    """The file that a manifest names, below `root`. InspectorError for a path that leaves the release.

    Links are followed: where one leads out, the path leaves.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or ":" in parts[0] or "\0" in path:
        raise InspectorError(
            "The manifest names a file outside the release", repr(path)[:200], "It is not read"
        )
    found = root.joinpath(*parts)
    if not found.resolve().is_relative_to(root.resolve()):
        raise InspectorError(
            "The manifest names a file outside the release", repr(path)[:200], "It is not read"
        )
    return found


# -- roots -------------------------------------------------------------------------------------------------


def merkle(leaves: Sequence[bytes]) -> str:
    """The root of a Merkle tree over leaves, as 64 hex digits (RFC 6962, section 2.1)."""
    if not leaves:
        return hashlib.sha256().hexdigest()
    row = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(row) > 1:
        pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(row[::2], row[1::2], strict=False)]
        row = pairs + row[len(pairs) * 2 :]
    return row[0].hex()


def leaves_of(value: Mapping[str, Any], hashes: Mapping[str, str]) -> list[bytes]:
    """What a record's root is made of. `hashes` gives each file that it came with, by path, its sha256."""
    streams = [{**each, "timemap": None} for each in value["streams"]]
    leaves = [canonical(["record", {**value, "streams": streams, "annotations": None}])]
    leaves += [canonical(["timemap", each["id"], each["timemap"]]) for each in value["streams"]]
    leaves += [canonical(["annotation", id_, each]) for id_, each in sorted(value["annotations"].items())]
    leaves += [canonical(["file", path, digest]) for path, digest in sorted(hashes.items())]
    return leaves


def record_root(value: Mapping[str, Any], hashes: Mapping[str, str]) -> str:
    """The root of one record."""
    return merkle(leaves_of(value, hashes))


def release_root(roots: Iterable[tuple[str, str]]) -> str:
    """The root over records, from (record id, root)."""
    return merkle([canonical(list(pair)) for pair in sorted(roots)])


def files_of(value: Mapping[str, Any]) -> list[str]:
    """The files that a record's streams lie in, as paths in the release, each once."""
    return sorted({each["source"]["path"] for each in value["streams"]})


# -- the card ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Card:
    """release.json. `tables` gives each table's sha256; `chosen` is how the records were chosen."""

    name: str
    root: str
    writer: str
    made: str
    tool: str
    records: int
    files: int
    bytes: int
    tables: Mapping[str, str]
    chosen: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    journal: Mapping[str, Any] = field(default_factory=dict)
    audit: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    lost: tuple[str, ...] = ()
    note: str = ""
    format: int = FORMAT

    def text(self) -> str:
        """As it stands in the file."""
        value = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(plain_value(value), indent=2, ensure_ascii=False) + "\n"


def is_release(root: Path) -> bool:
    """Whether a folder looks like a release."""
    return (root / CARD).is_file() and (root / FOLDER).is_dir()


def read_card(root: Path) -> Card:
    """The card of the release at `root`. InspectorError where it is none or of a newer program."""
    place = root / CARD
    try:
        value = json.loads(place.read_bytes())
        made = int(value["format"])
        known = {name: value[name] for name in Card.__slots__ if name in value}
        card = replace(Card(**known), lost=tuple(map(str, known.get("lost", ()))))
        good = isinstance(card.tables, dict) and isinstance(card.root, str) and isinstance(card.name, str)
    except OSError as error:
        raise InspectorError(
            "There is no release there", f"{place}: {error.strerror}", "Name a folder that export made"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InspectorError(
            "The release's card cannot be read", str(place), "`inspector verify` tells more"
        ) from None
    if made > FORMAT:
        raise InspectorError(
            "The release was made by a newer Inspector", f"{place}: format {made}", "Update Inspector"
        )
    if not good:
        raise InspectorError("The release's card cannot be read", str(place), "`inspector verify` tells more")
    return card


def table_path(root: Path, name: str) -> Path:
    """Where one of TABLES lies."""
    return root / FOLDER / f"{name}.parquet"


def unreadable(root: Path, error: Exception) -> InspectorError:
    """What is raised where a table of a release's manifest cannot be read."""
    return InspectorError(
        "The release's manifest cannot be read",
        f"{root}: {str(error)[:200]}",
        "`inspector verify` tells more",
    )
