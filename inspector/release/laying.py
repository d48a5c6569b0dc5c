"""A plan's records one by one as they will be in the release: read, baked, and laid by a format."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.readers.apart import Apart
from inspector.release.baking import Baked, Baker, Foreseen
from inspector.release.copying import state_of
from inspector.release.names import split_folder
from inspector.release.plan import chosen_part
from inspector.release.tables import mask_rows
from inspector.release.targets import Laid, Looks, targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from inspector.core.model import Record
    from inspector.release.plan import Opened, Plan
    from inspector.release.targets import Target

READ_AT_A_TIME, READ_AHEAD = 2, 32
"""Records that are loaded at once, and how many before they are laid."""
BAKED_AT_A_TIME = 2
LOOKED_AT = 64
"""Records that a format may look at before the first is laid."""
BAKED_AHEAD = 16
"""Records that are read ahead of the one that is laid, so that several are baked at once."""


@dataclass
class Tally:
    """What a release holds, or would hold."""

    records: int = 0
    files: int = 0
    bytes: int = 0
    decisions: int = 0
    """Decisions in force on these records: time maps, labels, flags."""
    changes: dict[str, int] = field(default_factory=dict)
    """What was done to files, with how often."""
    lost: dict[str, int] = field(default_factory=dict)
    """What the format cannot carry, with in how many records."""
    splits: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """Records that could not be read; they are left out."""

    def leave_out(self, laid: Laid, strict: bool) -> None:
        """Tell of a record that the format cannot hold. InspectorError where that is to be refused."""
        if strict:
            raise InspectorError(
                "The format cannot carry everything",
                f"{laid.record.id}: {laid.left_out}",
                "Leave out --strict to have it left out",
            )
        sentence = f"a record is left out: {laid.left_out}"
        self.lost[sentence] = self.lost.get(sentence, 0) + 1
        self.problems.append(f"{laid.record.id} is left out: {laid.left_out}")

    def add(self, laid: Laid) -> None:
        """Count a record."""
        self.records += 1
        self.splits[laid.split] = self.splits.get(laid.split, 0) + 1
        for counted, sentences in ((self.lost, laid.lost), (self.changes, laid.changes)):
            for sentence in dict.fromkeys(sentences):
                counted[sentence] = counted.get(sentence, 0) + 1


def survey(session: Opened, plan: Plan, told: Callable[[int], None] | None = None) -> Tally:
    """What a plan would write, every record read and no file touched. For --dry-run and the dialog."""
    tally = Tally()
    files: set[str] = set()
    pieces: set[str] = set()
    for laid in lay_all(session, plan, tally, targets.get(plan.choice.form)(), Baker(None), told):
        for piece in laid.pieces:
            files.add(piece.path if laid.shard is None or piece.shared else laid.shard.path)
            if piece.path not in pieces and piece.source is not None:
                tally.bytes += state_of(piece.source)[0]
            pieces.add(piece.path)
    tally.files = len(files)
    return tally


@dataclass(slots=True)
class _Read:
    """A record that was read; `baked` is on its way where its files are to be made anew."""

    number: int
    record: Record
    baked: Future[Baked] | None = None
    dropped: int = 0
    """Streams that are left out since they are not proven."""


def lay_all(
    session: Opened,
    plan: Plan,
    tally: Tally,
    target: Target,
    baker: Baker,
    told: Callable[[int], None] | None,
) -> Iterator[Laid]:
    """Every record of the plan, laid by the format. `told` hears how many were, and may raise Cancelled.

    InspectorError where a source file changes or is gone; one record that cannot be read is a problem.
    """
    if isinstance(target, Looks):
        target.look(_first(session, plan))
    pool = ThreadPoolExecutor(BAKED_AT_A_TIME, thread_name_prefix="inspector-bake")
    readers = ThreadPoolExecutor(READ_AT_A_TIME, thread_name_prefix="inspector-read")
    apart = Apart(session.dataset, map(plan.source, range(len(plan.ids))))
    waiting: deque[_Read] = deque()
    ahead: deque[Future[Record]] = deque()
    try:
        for number in range(len(plan.ids)):
            while len(ahead) < READ_AHEAD and number + len(ahead) < len(plan.ids):
                ahead.append(readers.submit(session.record, plan.source(number + len(ahead)), apart.load))
            if (read := _read(plan, tally, number, ahead.popleft())) is None:
                continue
            moment = plan.span(number)
            if Baker.needed(read.record, moment) and (moment is not None or plan.choice.fixes == "files"):
                read.baked = pool.submit(baker.bake, read.record, moment)
            waiting.append(read)
            while waiting and (len(waiting) > BAKED_AHEAD or _ready(waiting[0])):
                yield from _lay(session, plan, tally, target, baker, told, waiting.popleft())
        while waiting:
            yield from _lay(session, plan, tally, target, baker, told, waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)
        readers.shutdown(cancel_futures=True)
        apart.close()


def _first(session: Opened, plan: Plan) -> Iterator[Record]:
    """The first records of a plan that can be read; what is wrong with the others is told when they come."""
    for source in dict.fromkeys(plan.source(number) for number in range(min(len(plan.ids), LOOKED_AT))):
        with suppress(InspectorError):
            yield chosen_part(session.record(source), plan.choice)


def _ready(read: _Read) -> bool:
    return read.baked is None or read.baked.done()


def _read(plan: Plan, tally: Tally, number: int, loaded: Future[Record]) -> _Read | None:
    source, record_id = plan.source(number), plan.ids[number]
    try:
        whole = loaded.result()
        record = chosen_part(whole, plan.choice)
    except InspectorError as error:
        tally.problems.append(f"{source}: {error}")
        return None
    span = plan.span(number)
    if span is not None:
        moment = {"record_id": source, "start_s": span[0] / NS, "end_s": span[1] / NS}
        record = replace(record, id=record_id, meta={**record.meta, "moment": moment})
    dropped = len(whole.streams) - len(record.streams) if plan.choice.proven is not None else 0
    return _Read(number, record, dropped=dropped)


def _lay(
    session: Opened,
    plan: Plan,
    tally: Tally,
    target: Target,
    baker: Baker,
    told: Callable[[int], None] | None,
    read: _Read,
) -> Iterator[Laid]:
    if told is not None:
        told(read.number)
    baked = Baked(read.record) if read.baked is None else read.baked.result()
    record, source = baked.record, plan.source(read.number)
    tally.problems += [f"{record.id}: {problem}" for problem in record.problems]
    laid = Laid(
        record,
        split_folder(plan.splits[read.number]),
        changes=list(dict.fromkeys(baked.changes)),
        lost=list(dict.fromkeys(baked.lost)),
        columns=_row(session, source),
        mask=list(mask_rows(record, session.coverage(record))),
        made_of=source,
    )
    foreseen = baker.staging is None and read.baked is not None
    if read.dropped:
        laid.changes.append("streams left out that are not proven against the core pair")
    target.lay(laid, Foreseen(session, read.record) if foreseen else session)
    if laid.left_out is not None:
        tally.leave_out(laid, plan.choice.strict)
        return
    laid.pieces = [
        replace(piece, change=baked.done[piece.source])
        if piece.change is None and piece.make is None and piece.source in baked.done
        else piece
        for piece in laid.pieces
    ]
    tally.decisions += len(session.curation.values(source))
    tally.add(laid)
    yield laid


def _row(session: Opened, record_id: str) -> dict[str, Any]:
    """The dataset's own columns of a record."""
    columns = [name for name in session.index.column_names if name not in ("record_id", "modalities")]
    if not columns:
        return {}
    row: dict[str, Any] = session.index.select(columns).slice(session.row_of(record_id), 1).to_pylist()[0]
    return row
