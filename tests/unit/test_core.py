"""Times as people read them, the registry, background jobs, and the model's small rules."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from fractions import Fraction
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.core import registry as registry_module
from inspector.core.jobs import Job, Jobs
from inspector.core.model import (
    Anchor,
    Annotation,
    Clock,
    Modality,
    Problem,
    Record,
    Source,
    Stream,
    default_reference,
)
from inspector.core.registry import Registry
from inspector.core.timemap import TimeMap
from inspector.core.times import NS, clock_text, ns_from_s, parse_clock, s_from_ns
from inspector.errors import Cancelled, InspectorError
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

# --- times ----------------------------------------------------------------------------------------


@given(st.integers(-(10**17), 10**17))
def test_a_shown_time_is_read_back(ns: int) -> None:
    assert parse_clock(clock_text(ns, decimals=9)) == ns


@given(st.integers(0, 10**17), st.integers(0, 9))
def test_a_shown_time_is_never_later_than_the_time(ns: int, decimals: int) -> None:
    back = parse_clock(clock_text(ns, decimals))
    assert back is not None
    assert 0 <= ns - back < 10 ** (9 - decimals)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0:00.000"),
        (59_999_999_999, "0:59.999"),
        (67_400_000_000, "1:07.400"),
        (3_723_000_000_000, "1:02:03.000"),
        (-1_500_000_000, "-0:01.500"),
    ],
)
def test_clock_text(ns: int, text: str) -> None:
    assert clock_text(ns) == text


def test_clock_text_without_decimals() -> None:
    assert clock_text(67_900_000_000, 0) == "1:07"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7.4", "7.4"),
        (" 7,4 ", "7.4"),
        ("1:07.4", "67.4"),
        ("1:02:03", "3723"),
        ("90 s", "90"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-1:30", "-90"),
        ("0.123456789", "0.123456789"),
    ],
)
def test_parse_clock(text: str, seconds: str) -> None:
    assert parse_clock(text) == Fraction(seconds) * NS


@pytest.mark.parametrize("text", ["", "-", ":", "1:", "a", "1:2:3:4", "1.2.3", "1 2", "1e3", "--1", "."])
def test_what_is_no_time(text: str) -> None:
    assert parse_clock(text) is None


def test_fractions_convert_exactly() -> None:
    assert ns_from_s(Fraction(1, 3)) == 333_333_333
    assert ns_from_s(Fraction(1001 * 10**6, 30000)) == 33_366_666_666_667
    assert s_from_ns(1_500_000_000) == 1.5


# --- registry -------------------------------------------------------------------------------------


def test_a_registry_keeps_the_order_and_refuses_doubles() -> None:
    things: Registry[int] = Registry("thing", "inspector.no_such_group")
    assert things.register("b", title="Bee")(2) == 2
    things.register("a", title="Ay")(1)
    assert [(entry.name, entry.title, entry.value) for entry in things.all()] == [
        ("b", "Bee", 2),
        ("a", "Ay", 1),
    ]
    with pytest.raises(ValueError, match="registered twice"):
        things.register("a", title="Again")(3)
    assert things.get("a") == 1


def test_an_unknown_name_lists_the_known_ones() -> None:
    things: Registry[int] = Registry("thing", "inspector.no_such_group")
    things.register("a", title="Ay")(1)
    things.register("b", title="Bee")(2)
    with pytest.raises(InspectorError) as error:
        things.get("c")
    assert str(error.value) == "There is no thing named 'c'. Known: a, b"


def test_modules_are_imported_at_the_first_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "registers_late.py").write_text(
        "import registry_under_test\nregistry_under_test.things.register('late', title='Late')(5)\n"
    )
    (tmp_path / "registry_under_test.py").write_text(
        "from inspector.core.registry import Registry\n"
        "things = Registry('thing', 'inspector.no_such_group', ['registers_late'])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from importlib import import_module

    things = import_module("registry_under_test").things
    assert things.get("late") == 5
    assert len(things.all()) == 1


def test_a_third_party_is_loaded_by_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    things: Registry[int] = Registry("thing", "inspector.things")
    loaded: list[str] = []

    class Point(EntryPoint):
        def load(self) -> None:
            loaded.append(self.name)
            things.register(self.name, title="Theirs")(7)

    points = [Point(name, "anywhere", "inspector.things") for name in ("theirs", "other")]

    def entry_points(*, group: str, name: str) -> list[EntryPoint]:
        return [point for point in points if point.group == group and point.name == name]

    monkeypatch.setattr(registry_module, "entry_points", entry_points)
    assert things.all() == ()
    assert things.get("theirs") == 7
    assert things.get("theirs") == 7
    assert loaded == ["theirs"]


# --- jobs -----------------------------------------------------------------------------------------

WAIT_S = 10


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    pool = Jobs(workers=2)
    yield pool
    pool.close()


def test_a_job_gives_its_result_and_its_progress(jobs: Jobs) -> None:
    def work(job: Job[str]) -> str:
        job.step(total=4)
        job.step()
        job.step(3)
        return "made"

    ended = threading.Event()
    seen: list[Job[str]] = []

    def then(job: Job[str]) -> None:
        seen.append(job)
        assert job.future.done()
        ended.set()

    job = jobs.start("Make", work, then)
    assert job.future.result(WAIT_S) == "made"
    assert ended.wait(WAIT_S)
    assert seen == [job]
    assert (job.title, job.done, job.total) == ("Make", 3, 4)
    assert jobs.live() == ()


def test_a_cancel_takes_effect_at_the_next_step(jobs: Jobs) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(job: Job[None]) -> None:
        begun.set()
        assert go_on.wait(WAIT_S)
        job.step()
        raise AssertionError("went on after a cancel")

    job = jobs.start("Long", work)
    assert begun.wait(WAIT_S)
    assert jobs.live() == (job,)
    job.cancel()
    assert job.cancelled
    go_on.set()
    with pytest.raises(Cancelled):
        job.future.result(WAIT_S)
    assert job.done == 0


def test_an_error_is_handed_to_whoever_reads_the_result(jobs: Jobs) -> None:
    def work(_: Job[None]) -> None:
        raise InspectorError("Broken", "x", "y")

    job = jobs.start("Fail", work)
    with pytest.raises(InspectorError, match="Broken"):
        job.future.result(WAIT_S)
    assert jobs.start("Next", lambda _: 5).future.result(WAIT_S) == 5


def test_close_cancels_what_runs_and_what_waits_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    jobs = Jobs(workers=1)
    begun = threading.Event()
    ran: list[str] = []

    def endless(job: Job[None]) -> None:
        begun.set()
        while True:
            job.step()
            threading.Event().wait(0.001)

    running = jobs.start("Endless", endless)
    waiting = jobs.start("Waits", lambda _: ran.append("waits"))
    assert begun.wait(WAIT_S)
    assert jobs.live() == (running, waiting)
    jobs.close()
    for job in (running, waiting):
        assert isinstance(job.future.exception(0), Cancelled)
    assert ran == []
    assert jobs.live() == ()
    assert {t for t in threading.enumerate() if t.name.startswith("inspector-job")} <= before
    jobs.close()


# --- model ----------------------------------------------------------------------------------------


def stream(
    name: str,
    modality: Modality,
    span: tuple[int, int] | None,
    path: Path,
    timemap: TimeMap | None = None,
) -> Stream:
    source = Source(path, "av")
    return Stream(name, modality, source, Clock("c", "container"), span, timemap or TimeMap())


@pytest.mark.parametrize(
    ("streams", "reference"),
    [
        ([], None),
        ([("b", "video", 5), ("a", "video", 3), ("0", "audio", 99)], "a"),
        ([("b", "audio", 5), ("c", "audio", 9), ("a", "sensor", 99)], "c"),
        ([("c", "audio", 9), ("b", "audio", 9), ("a", "audio", None)], "b"),
        ([("b", "sensor", 4), ("a", "text", 4), ("c", "text", 3)], "a"),
        ([("b", "sensor", None), ("a", "text", None)], "a"),
    ],
)
def test_the_default_reference(
    streams: list[tuple[str, str, int | None]], reference: str | None, tmp_path: Path
) -> None:
    made = [
        stream(name, Modality(kind), None if end is None else (0, end), tmp_path)
        for name, kind, end in streams
    ]
    assert default_reference(made) == reference
    assert default_reference(reversed(made)) == reference


def test_a_record_spans_its_streams_on_the_reference_timeline(tmp_path: Path) -> None:
    film = stream("film", Modality.VIDEO, (0, 100), tmp_path)
    late = stream("late", Modality.AUDIO, (0, 100), tmp_path, TimeMap.offset(30))
    unknown = stream("unknown", Modality.TEXT, None, tmp_path)
    record = Record("r", (film, late, unknown))
    assert late.reference_span == (-30, 70)
    assert unknown.reference_span is None
    assert record.span == (-30, 100)
    assert Record("r", (stream("a", Modality.AUDIO, (40, 100), tmp_path),)).span == (0, 100)
    assert Record("r", (stream("a", Modality.AUDIO, (-40, -10), tmp_path),)).span == (-40, 0)
    assert Record("r", (unknown,)).span == (0, 0)


def test_labels_stretch_no_record_that_has_streams(tmp_path: Path) -> None:
    label = Annotation("a", "t", "x", (Anchor(None, None), Anchor(None, (5, 900))))
    assert label.span == (5, 900)
    assert Record("r", (), annotations=(label,)).span == (0, 900)
    film = stream("film", Modality.VIDEO, (0, 100), tmp_path)
    assert Record("r", (film,), annotations=(label,)).span == (0, 100)
    assert Annotation("b", "t", "joy", ()).span is None


def test_streams_by_id_and_modality(tmp_path: Path) -> None:
    film = stream("film", Modality.VIDEO, (0, 1), tmp_path)
    sound = stream("sound", Modality.AUDIO, (0, 1), tmp_path)
    record = Record("r", (film, sound))
    assert record.stream("sound") is sound
    with pytest.raises(KeyError):
        record.stream("other")
    assert record.of(Modality.AUDIO, Modality.VIDEO) == (film, sound)
    assert record.of() == ()


def test_a_nominal_clock_says_so() -> None:
    assert Clock("n", "nominal").nominal
    assert not Clock("c", "container").nominal


def test_what_crosses_to_another_process_survives(tmp_path: Path) -> None:
    film = stream("film", Modality.VIDEO, (0, 1), tmp_path, TimeMap(((0, 0), (5, 6))))
    assert pickle.loads(pickle.dumps(film)) == film
    error = pickle.loads(pickle.dumps(InspectorError("Title", "detail", "hint")))
    assert (error.title, error.detail, error.hint) == ("Title", "detail", "hint")


def test_messages_read_as_sentences() -> None:
    assert str(Problem("a.mp4", "ends early", "the sound plays")) == "a.mp4: ends early; the sound plays"
    assert str(Problem("a.mp4", "ends early")) == "a.mp4: ends early"
    assert str(InspectorError("A.", "b", "")) == "A. b"


def test_the_folder_reader_is_asked_last_whoever_was_imported_first() -> None:
    """The folder reader takes everything: imported by hand before the others it must still come last."""
    asked = "import inspector.readers.folder; from inspector.readers import readers; "
    asked += "print([entry.name for entry in readers.all()])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['release', 'lerobot', 'folder']"


def test_a_survey_tells_of_a_record_that_does_not_load_and_goes_on() -> None:
    """One broken record must not leave the rest of a dataset unread, nor itself forever unknown."""

    class Half:
        """A dataset of which one record cannot be loaded."""

        root = Path("nowhere")

        index = pa.table({"record_id": ["a", "b", "c"], "modalities": [["video"]] * 3})

        def load(self, record_id: str) -> Record:
            if record_id == "b":
                raise InspectorError("broken", "b")
            return Record(record_id, ())

    left = ["a", "b", "c"]
    told: list[tuple[str, bool]] = []
    with Session(Half()) as session:  # type: ignore[arg-type]
        job = session.survey(
            lambda: left.pop(0) if left else None,
            lambda name, record: told.append((name, record is not None)),
        )
        job.future.result(5)
    assert told == [("a", True), ("b", False), ("c", True)]
