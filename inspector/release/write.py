"""A plan becomes a release: into a sibling folder first, hashed on the way, then under its name at once.

What was interrupted goes on where it was: the sibling keeps a list of the files that are done, and each is
taken again only if its source is what it was and its bytes still are what the list says. A source file that
changes or goes while the release is made ends it: there is then no release, and no sibling.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import deque
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from inspector import __version__
from inspector.core import manifest
from inspector.core.times import NS
from inspector.errors import Cancelled, InspectorError
from inspector.release.baking import Baker
from inspector.release.copying import changed, hash_file, settle, settle_name, state_of
from inspector.release.croissant import FILE as CROISSANT
from inspector.release.croissant import Contents, croissant
from inspector.release.filling import AT_A_TIME, DONE, Files
from inspector.release.hashes import Hashes
from inspector.release.history import list_release, releases
from inspector.release.laying import Tally, lay_all
from inspector.release.policy import write_left_out
from inspector.release.shards import Batch, Batches
from inspector.release.sides import remember_sides
from inspector.release.tables import Table, absent_row, licence_of
from inspector.release.targets import Asset, Follows, Laid, Stops, below, targets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inspector.core.model import Span
    from inspector.release.hands import Copies
    from inspector.release.plan import Opened, Plan
    from inspector.release.targets import Target

AHEAD = 64
"""Records whose files are on the way."""
STAGED = "baked"
"""Where files lie that were made anew, until they are in the release."""


def write(
    session: Opened,
    plan: Plan,
    out: Path,
    told: Callable[[int], None] | None = None,
    far: Copies | None = None,
) -> tuple[manifest.Card, Tally]:
    """Make the release at `out`; its card and what it holds.

    `told` hears how many records were gone through and may raise Cancelled: what is done is then kept for
    the next time. `far` copies files elsewhere than here, as `hands.FarHands` do; it is closed with the run.
    InspectorError where `out` is there already, where the plan is strict and something cannot be carried,
    where the disk is full, or a source file changed or went.
    """
    out = out.expanduser().resolve()
    part = out.with_name(f".{out.name}.part")
    with ExitStack() as stack:
        if far is not None:
            stack.callback(far.close)
        _is_free(session, out)
        lock = FileLock(out.with_name(f".{out.name}.lock"))
        try:
            stack.enter_context(lock.acquire(timeout=0))
        except Timeout:
            raise InspectorError(
                "Another export writes there", str(out), "Wait for it, or name another folder"
            ) from None
        except OSError as error:
            raise InspectorError(
                "The release cannot be written there",
                f"{out.parent}: {error.strerror}",
                "Name a folder that can be written",
            ) from None
        stack.callback(_forget, out.with_name(f".{out.name}.lock"))
        try:
            card, tally = _Writing(session, plan, part, far).run(out.name, told)
            settle(part)
            if out.exists():
                raise InspectorError("There is something at that path now", str(out), "Name another folder")
            os.rename(part, out)
        except Cancelled:
            raise
        except InspectorError:
            shutil.rmtree(part, ignore_errors=True)
            raise
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            detail = f"{error.filename or part}: {error.strerror or error}"
            raise InspectorError(
                "The release could not be written",
                detail,
                "Nothing was released: make room, or name another folder",
            ) from error
        settle_name(out.parent)
    tally.problems += _remember(session, plan, out, card, tally)
    return card, tally


def _remember(session: Opened, plan: Plan, out: Path, card: manifest.Card, tally: Tally) -> list[str]:
    """Have the workspace keep the sides and list the release; what is wrong with that, for it is there."""
    assigned, workspace = plan.assigned, session.desk.workspace
    try:
        workspace.begin()
        list_release(workspace.folder, out, card, tally.splits)
        if assigned is not None and assigned.sides:
            remember_sides(workspace.folder, assigned.sides, assigned.locked, plan.sketches)
    except InspectorError as error:
        return [str(error)]
    return []


def _forget(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _is_free(session: Opened, out: Path) -> None:
    root = session.root.resolve()
    if out == root or out.is_relative_to(root):
        raise InspectorError(
            "The release would be written into the dataset",
            str(out),
            "A dataset is never written to: name a folder elsewhere",
        )
    if root.is_relative_to(out) or os.path.lexists(out):
        raise InspectorError(
            "There is something at that path",
            str(out),
            "A release never goes over anything: name a folder that is not there",
        )
    if not out.parent.is_dir():
        raise InspectorError(
            "The folder for the release is not there", str(out.parent), "Make it, or name another"
        )


class _Writing:
    """One run."""

    def __init__(self, session: Opened, plan: Plan, part: Path, far: Copies | None) -> None:
        self._session = session
        self._far = far
        self._plan = plan
        self._part = part
        self._root = session.root.resolve()
        self._target: Target = targets.get(plan.choice.form)()
        self._tally = Tally()
        self._shared: dict[str, list[str]] = {}
        self._roots: list[tuple[str, str]] = []
        self._masked: list[tuple[str, Span, frozenset[str]]] = []
        self._told: dict[frozenset[str], frozenset[str]] = {}
        """Each set of modalities once: a set takes as much as all else that is kept of a record."""
        self._decided = hashlib.sha256()
        self._contents = Contents()
        self._made = datetime.now(UTC).isoformat(timespec="seconds")

    def run(self, name: str, told: Callable[[int], None] | None) -> tuple[manifest.Card, Tally]:
        if isinstance(self._target, Follows):
            self._target.follow(self._plan.choice.parent, self._plan.choice.name or name)
        kept = self._take_up()
        folder = self._part / manifest.FOLDER
        folder.mkdir(exist_ok=True)
        with ExitStack() as stack:
            if isinstance(self._target, Stops):
                stack.callback(self._target.stop)
            self._tables = {each: Table(manifest.table_path(self._part, each), schema) for each, schema in (
                ("records", manifest.RECORDS), ("assets", manifest.ASSETS),
                ("streams", manifest.STREAMS), ("coverage", manifest.MASK))}  # fmt: skip
            for table in self._tables.values():
                stack.callback(table.close)
            self._hashes = Hashes(self._part, self._plan.choice.hashes)
            stack.callback(self._hashes.close)
            waiting: deque[Batch] = deque()
            baker = self._baker = Baker(self._part / STAGED)
            stack.callback(baker.close)
            files = self._files = Files(
                self._session, self._part, kept, baker.origin, len(self._plan.ids), self._far
            )
            stack.callback(files.close)
            batches = Batches(files.pack)
            for laid in lay_all(self._session, self._plan, self._tally, self._target, baker, told):
                if self._plan.choice.strict and laid.lost:
                    raise InspectorError(
                        "The format cannot carry everything",
                        f"{laid.record.id}: {laid.lost[0]}",
                        "Leave out --strict to have it listed instead",
                    )
                self._decide(laid)
                files.begin(laid)
                waiting += batches.take(laid)
                while len(waiting) > (AHEAD if laid.shard is None else AT_A_TIME):
                    self._settle_all(waiting.popleft())
            for batch in (*waiting, *batches.rest()):
                self._settle_all(batch)
            if told is not None:
                told(len(self._plan.ids))
            if not self._roots:
                raise InspectorError(
                    "No record could be exported", self._tally.problems[0], "Take another format with --as"
                )
            self._found_later()
            self._shared_files()
            for path in self._target.finish(self._part):
                self._common(path)
            for path in self._hashes.finish():
                self._common(path)
            for path in write_left_out(self._part, self._session, self._plan):
                self._common(path)
            self._index()
            self._croissant(name)
        files.check()
        for source, state in baker.states.items():
            if state_of(source) != state:
                raise changed(source)
        return self._seal(name), self._tally

    # -- files ---------------------------------------------------------------------------------------------

    def _take_up(self) -> dict[str, list[Any]]:
        """Make the sibling folder, or go on in it where it was made for the same plan; what is done there."""
        kept: dict[str, list[Any]] = {}
        choice = self._plan.choice
        wanted = manifest.canonical(
            [
                *(__version__, str(self._root), choice.form, choice.chosen()),
                *(self._plan.ids, self._plan.splits, self._plan.spans),
            ]
        )
        mark = hashlib.sha256(wanted).hexdigest()
        place = self._part / DONE
        try:
            with place.open(encoding="utf-8") as file:
                same = file.readline().strip() == mark
                for line in file if same else ():
                    with suppress(ValueError):  # the last line of an interrupted run may be torn
                        path, *rest = json.loads(line)
                        kept[path] = rest
        except (OSError, UnicodeDecodeError):
            same = False
        if not same:
            if os.path.lexists(self._part):
                shutil.rmtree(self._part)
            self._part.mkdir()
            place.write_text(f"{mark}\n", encoding="utf-8")
        return kept

    # -- tables --------------------------------------------------------------------------------------------

    def _decide(self, laid: Laid) -> None:
        """Take what was decided on the record into the journal's digest."""
        record, decided = laid.record, self._session.curation.values(laid.made_of)
        self._decided.update(
            manifest.canonical(
                [
                    record.id,
                    sorted([path, manifest.plain_value(each.value)] for path, each in decided.items()),
                ]
            )
        )

    def _settle_all(self, batch: Batch) -> None:
        members: dict[str, Asset] = {}
        if batch.packed is not None:
            asset, members = batch.packed.result()
            self._asset(asset, [])
        for laid in batch.laids:
            self._settle(laid, members)

    def _settle(self, laid: Laid, members: dict[str, Asset]) -> None:
        """The record's files are there: its rows."""
        record, session = laid.record, self._session
        hashes = {}
        for piece in laid.pieces:
            asset = members.get(piece.path) or self._files.made(piece.path)
            if asset.made_from is not None:
                hashes[piece.path] = asset.sha256
            if piece.shared:
                self._shared.setdefault(piece.path, []).append(record.id)
            else:
                self._asset(asset, [record.id])
                self._files.forget(piece.path)
        if self._hashes.wanted:
            self._hashes.add(below(record, self._part))
        self._target.written(laid, self._part)
        value = manifest.record_value(record, laid.paths)
        root = manifest.record_root(value, hashes)
        self._roots.append((record.id, root))
        licence = licence_of(laid.columns)
        self._contents.licences |= {licence} if licence else set()
        self._tables["records"].add(
            {
                "record_id": record.id,
                "split": laid.split,
                "root": root,
                "made_from": session.desk.present(laid.made_of),
                "licence": licence,
                "changes": laid.changes,
                "lost": laid.lost,
                "record": manifest.canonical(value).decode("utf-8", "replace"),
            }
        )
        for stream in record.streams:
            span = stream.reference_span
            self._tables["streams"].add(
                {
                    "record_id": record.id,
                    "stream_id": stream.id,
                    "modality": stream.modality.value,
                    "origin": stream.origin,
                    "derived_from": stream.derived_from,
                    "clock": stream.clock.kind,
                    "start_s": None if span is None else span[0] / NS,
                    "end_s": None if span is None else span[1] / NS,
                }
            )
        for row in laid.mask:
            self._tables["coverage"].add(row)
        told = frozenset(row["modality"] for row in laid.mask)
        self._masked.append((record.id, record.span, self._told.setdefault(told, told)))

    def _found_later(self) -> None:
        """What other records were found to have besides, as the sound in their films, is absent here."""
        modalities = {each.value for each in self._session.modalities}
        for record_id, span, told in self._masked:
            for name in sorted(modalities - told):
                self._tables["coverage"].add(absent_row(record_id, name, span))

    def _asset(self, asset: Asset, records: list[str]) -> None:
        self._contents.add(asset, bool(records) or asset.regions is not None)
        if asset.within is None:
            self._tally.files += 1
            self._tally.bytes += asset.bytes
        regions = None if asset.regions is None else [region._asdict() for region in asset.regions]
        self._tables["assets"].add({**asset._asdict(), "records": records, "regions": regions})

    def _shared_files(self) -> None:
        for path, records in self._shared.items():
            self._asset(self._files.made(path), records)

    def _common(self, path: str) -> None:
        size, digest = hash_file(self._part / path)
        self._asset(Asset(path, size, digest), [])

    def _croissant(self, name: str) -> None:
        """What tells search engines of the release; last, for it tells what the rest is."""
        tables = {}
        for table in ("records", "streams", "coverage"):
            self._tables[table].close()
            path = manifest.table_path(self._part, table)
            tables[table] = (hash_file(path)[1], pq.read_schema(path))
        choice, root = self._plan.choice, manifest.release_root(self._roots)
        text = croissant(choice.name or name, choice.note, self._made, root, self._contents, tables)
        (self._part / CROISSANT).write_text(text, encoding="utf-8")
        self._common(CROISSANT)

    def _index(self) -> None:
        session = self._session
        there = {record_id for record_id, _ in self._roots}
        rows = [number for number, each in enumerate(self._plan.ids) if each in there]
        places = [session.row_of(self._plan.source(number)) for number in rows]
        table = session.index.take(pa.array(places, pa.int64()))
        ids = pa.array([self._plan.ids[number] for number in rows], pa.string())
        table = table.set_column(table.column_names.index("record_id"), "record_id", ids)
        column = pa.array([self._plan.splits[number] for number in rows], pa.string())
        if "split" in table.column_names:
            table = table.drop_columns(["split"])
        pq.write_table(table.append_column("split", column), manifest.table_path(self._part, "index"))

    def _parent(self) -> str | None:
        """The root of the release that this one follows: the one that was named, else the newest before."""
        named = self._plan.choice.parent
        if named is not None:
            return manifest.read_card(named).root
        before = releases(self._session.desk.workspace.folder)
        return before[0].root if before else None

    def _seal(self, name: str) -> manifest.Card:
        """The card, last of all."""
        choice, tally = self._plan.choice, self._tally
        card = manifest.Card(
            name=choice.name or name,
            root=manifest.release_root(self._roots),
            writer=choice.form,
            made=self._made,
            tool=f"inspector {__version__}",
            records=tally.records,
            files=tally.files,
            bytes=tally.bytes,
            tables={each: hash_file(manifest.table_path(self._part, each))[1] for each in manifest.TABLES},
            chosen=choice.chosen(),
            source={"name": self._root.name, "reader": self._session.dataset.reader},
            journal={"decisions": tally.decisions, "sha256": self._decided.hexdigest()},
            parent=self._parent(),
            lost=tuple(f"{sentence} ({count})" for sentence, count in tally.lost.items()),
            note=choice.note,
        )
        text = card.text().encode("utf-8", "replace")
        (self._part / manifest.CARD).write_bytes(text)
        seal = hashlib.sha256(text).hexdigest()
        (self._part / manifest.SEAL).write_text(f"{seal}  {manifest.CARD}\n", encoding="ascii")
        self._baker.clear()
        (self._part / DONE).unlink()
        return card
