"""Generated datasets for the tests of releases, what must hold of each format, and flipped bits."""

from __future__ import annotations

import shutil
import wave
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
from films import make_film, steady
from hypothesis import strategies as st

from inspector.core import manifest
from inspector.core.effective import annotation_path, timemap_path, timemap_value
from inspector.core.model import Modality
from inspector.core.timemap import IDENTITY, TimeMap, map_span
from inspector.media.series import load_series
from inspector.release.baking import still
from inspector.release.plan import Choice, make_plan
from inspector.release.verify import verify
from inspector.release.write import write
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from inspector.core.model import Anchor, Record, Stream
    from inspector.release.verify import Difference

MS = 1_000_000
FILES = ("cam.mp4", "voice.wav", "words.vtt", "imu.csv")


@dataclass(frozen=True, slots=True)
class Made:
    """What a generated record holds: which of FILES, how late its sound is decided to be, in which split."""

    name: str
    files: tuple[str, ...]
    late_ms: int = 0
    split: str = "train"
    seed: int = 0


def made() -> st.SearchStrategy[list[Made]]:
    """Datasets of one to four records; in the first is everything."""
    one = st.builds(
        Made,
        st.sampled_from(["take", "a.b", "Ünïcode 1", "x" * 90, "00001"]),
        st.sets(st.sampled_from(FILES), min_size=1).map(lambda names: tuple(sorted(names))),
        st.integers(-400, 400),
        st.sampled_from(["train", "test"]),
        st.integers(0, 999),
    )
    first = one.map(lambda each: replace(each, files=FILES))
    return st.tuples(first, st.lists(one, max_size=3)).map(lambda parts: _named([parts[0], *parts[1]]))


def _named(records: list[Made]) -> list[Made]:
    return [replace(each, name=f"{number}-{each.name}") for number, each in enumerate(records)]


@cache
def _film() -> Path:
    folder = Path(mkdtemp(prefix="inspector-test-film-"))
    make_film(folder / "cam.mp4", steady(0.6, 10), size=(64, 48))
    return folder / "cam.mp4"


def generate(root: Path, records: list[Made]) -> Path:
    """A folder a record, and a table that names their files, splits and licences."""
    stems = [each.partition(".")[0] for each in FILES]
    rows = [",".join(f"{stem}_file_name" for stem in stems) + ",label_file_name,split,licence,score"]
    for number, each in enumerate(records):
        folder = root / each.name
        folder.mkdir(parents=True)
        rng = np.random.default_rng(each.seed)
        for name in each.files:
            _file(folder / name, number, rng)
        (folder / "labels.csv").write_text("start_s,end_s,label\n0.1,0.2,wave\n0.3,0.4,nod\n")
        paths = [f"{each.name}/{name}" if name in each.files else "" for name in FILES]
        rows.append(",".join([*paths, f"{each.name}/labels.csv", each.split, "CC0", str(number / 4)]))
    (root / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def _file(path: Path, number: int, rng: np.random.Generator) -> None:
    match path.suffix:
        case ".mp4":
            shutil.copyfile(_film(), path)
        case ".wav":
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(8000)
                file.writeframes(rng.integers(-9999, 9999, 4000, np.int16).tobytes())
        case ".vtt":
            path.write_text(
                f"WEBVTT\n\n00:00.100 --> 00:00.400\n<v Ann>record {number}\n\n00:00.450 --> 00:00.500\nü\n"
            )
        case _:
            values = rng.normal(size=(40, 2))
            rows = "".join(f"{t / 100},{x:.4f},{y:.4f}\n" for t, (x, y) in enumerate(values))
            path.write_text(f"t_s,x,y\n{rows}")


def decide(session: Session, records: list[Made]) -> None:
    """Moved sounds, renamed, new and deleted labels."""
    for record_id, each in zip(session.record_ids(), records, strict=True):
        record, change = session.record(record_id), session.curation.change
        changes = []
        if each.late_ms:
            changes += [
                change(record_id, timemap_path(stream.id), timemap_value(TimeMap.offset(each.late_ms * MS)))
                for stream in record.streams
                if stream.id != record.reference and stream.modality is not Modality.VIDEO
            ]
        if record.annotations:
            first, *rest = record.annotations
            changes.append(change(record_id, annotation_path(first.id, "label"), "greet"))
            changes += [change(record_id, annotation_path(label.id), {"deleted": True}) for label in rest]
        anchors = [{"stream": record.streams[0].id, "span": [0, 50 * MS]}]
        new = {"tier": "own", "label": f"é {each.seed}", "anchors": anchors}
        changes.append(change(record_id, annotation_path("n1"), new))
        session.edit("Decide", changes)


def export(session: Session, out: Path, **wanted: Any) -> manifest.Card:
    """A release of what the session has."""
    return write(session, make_plan(session, Choice(**wanted)), out)[0]


def bare(record: Record) -> Record:
    """A record without what names places on this machine."""
    return replace(record, streams=tuple(map(_bare, record.streams)), meta={}, problems=())


def _bare(stream: Stream) -> Stream:
    return replace(stream, source=replace(stream.source, path=Path(stream.source.path.name)), meta={})


def assert_same_moments(session: Session, one: Record, again: Session, other: Record) -> None:
    """A record of a release is the effective one, within what its files can tell, and no fix is made twice.

    A stream whose time map changes something lies in a file with other times, or keeps its map.
    """
    assert [each.id for each in other.streams] == [each.id for each in one.streams]
    moved_files = {each.source.path for each in one.streams if not still(each.timemap)}
    for stream, there in zip(one.streams, other.streams, strict=True):
        if stream.source.path not in moved_files:
            assert _bare(there) == _bare(stream)
            assert stream.source.path.read_bytes() == there.source.path.read_bytes()
        elif not still(there.timemap):
            assert there.timemap == stream.timemap
            assert stream.source.path.read_bytes() == there.source.path.read_bytes()
        a, b = stream.reference_span, there.reference_span
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            frame = 100 * MS if stream.modality is Modality.VIDEO else MS
            hidden = still(there.timemap) and stream.source.format in ("av", "cues")
            start = max(a[0], 0) if hidden else a[0]
            assert abs(b[0] - start) <= frame, stream.id
            assert abs(b[1] - a[1]) <= frame, stream.id
        if stream.modality is Modality.TEXT:
            cut = still(there.timemap)
            assert _near(_cues(session, stream, cut), _cues(again, there, cut))
        elif stream.source.format == "table":
            x, y = load_series(stream), load_series(there)
            moved = [each.timemap.to_reference_array(t) for each, t in ((stream, x.t_ns), (there, y.t_ns))]
            assert (np.abs(moved[0] - moved[1]) <= 1000).all()
            assert (x.values == y.values).all()
    for label, same in zip(one.annotations, other.annotations, strict=True):
        assert replace(same, anchors=()) == replace(label, anchors=())
        for anchor, moved_one in zip(label.anchors, same.anchors, strict=True):
            assert replace(moved_one, span=None) == replace(anchor, span=None)
            a, b = _placed(one, anchor), _placed(other, moved_one)
            assert (a is None) == (b is None)
            if a is not None and b is not None:
                assert max(abs(a[0] - b[0]), abs(a[1] - b[1])) <= 2


def _placed(record: Record, anchor: Anchor) -> tuple[int, int] | None:
    if anchor.span is None:
        return None
    timemap = IDENTITY if anchor.stream_id is None else record.stream(anchor.stream_id).timemap
    return map_span(timemap, anchor.span)


def _cues(session: Session, stream: Stream, cut: bool) -> list[tuple[int, int, str, str | None]]:
    found = []
    for cue in session.cues(stream):
        start, end = map_span(stream.timemap, (cue.start_ns, cue.end_ns))
        if not (cut and stream.source.format == "cues"):
            found.append((start, end, cue.text, cue.speaker))
        elif end > 0:
            found.append((max(start, 0), end, cue.text, cue.speaker))
    return found


def _near(a: list[tuple[int, int, str, str | None]], b: list[tuple[int, int, str, str | None]]) -> bool:
    """Whether cues are the same to a millisecond."""
    return len(a) == len(b) and all(
        x[2:] == y[2:] and abs(x[0] - y[0]) <= MS and abs(x[1] - y[1]) <= MS
        for x, y in zip(a, b, strict=True)
    )


def assert_same_again(session: Session, out: Path) -> None:
    """The release opens, and its records are the effective ones: spans, time maps, labels, cues, samples."""
    with Session.open(out) as again:
        assert again.dataset.reader == "release"
        assert again.record_ids() == session.record_ids()
        for record_id in session.record_ids():
            one, other = session.record(record_id), again.record(record_id)
            assert other.problems == ()
            assert_same_moments(session, one, again, other)
        for name in ("split", "licence", "score"):
            if name in session.index.column_names:
                assert again.index.column(name).to_pylist() == session.index.column(name).to_pylist()
    found = verify(out)
    assert found.differences == ()
    assert found.files == found.card.files if found.card is not None else False


def assert_mask_and_origins(session: Session, out: Path) -> None:
    """The tables that every release has: what is there, and what each stream is."""
    mask = pq.read_table(manifest.table_path(out, "coverage")).to_pylist()
    streams = pq.read_table(manifest.table_path(out, "streams")).to_pylist()
    told_of = {(row["record_id"], row["modality"]) for row in mask}
    assert told_of == {(each, name.value) for each in session.record_ids() for name in session.modalities}
    told = {(row["record_id"], row["stream_id"]): row["origin"] for row in streams}
    for record_id in session.record_ids():
        for stream in session.record(record_id).streams:
            assert told[record_id, stream.id] == stream.origin


@dataclass(frozen=True, slots=True)
class Flip:
    """A bit that was flipped: in which file and whose bytes, in which member if in one, what verify found."""

    path: str
    member: str | None
    records: tuple[str, ...]
    found: tuple[Difference, ...]


def flips(out: Path, rng: np.random.Generator, per_file: int) -> Iterator[Flip]:
    """Flip one bit at a time, in every file of a release, and have it verified."""
    members = pq.read_table(manifest.table_path(out, "assets")).to_pylist()
    for path in sorted(each for each in out.rglob("*") if each.is_file()):
        name = path.relative_to(out).as_posix()
        good = path.read_bytes()
        for _ in range(per_file):
            at = int(rng.integers(len(good)))
            bad = bytearray(good)
            bad[at] ^= 1 << int(rng.integers(8))
            path.write_bytes(bad)
            hit = [
                row
                for row in members
                if row["within"] == name and row["offset"] <= at < row["offset"] + row["bytes"]
            ]
            regions = next((row["regions"] for row in members if row["path"] == name), None) or ()
            around = [each for each in regions if each["offset"] <= at < each["offset"] + each["bytes"]]
            whose = tuple((hit or around)[0]["records"]) if hit or around else ()
            yield Flip(name, hit[0]["path"] if hit else None, whose, verify(out).differences)
        path.write_bytes(good)


def assert_flips_are_named(out: Path, seed: int, per_file: int = 3) -> int:
    """Each is found, and one in a record's own bytes is named by record and asset; how many were flipped."""
    count = 0
    for flip in flips(out, np.random.default_rng(seed), per_file):
        count += 1
        names = {each.asset for each in flip.found}
        assert flip.path.removesuffix(".sha256").removesuffix(".json") in str(names)
        if flip.records:
            told = {(each.asset, each.records) for each in flip.found}
            assert (flip.member or flip.path, flip.records) in told
    return count


def hub_loader(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`datasets.load_dataset`, off the net and with a cache of its own."""
    import datasets
    from tqdm import tqdm

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(tqdm, "monitor_interval", 0)  # its thread would outlive the test
    datasets.disable_progress_bars()

    def loaded(path: Path, *words: str, **more: Any) -> Any:
        return datasets.load_dataset(str(path), *words, cache_dir=str(cache), **more)

    return loaded
