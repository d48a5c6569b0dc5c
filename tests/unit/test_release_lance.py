"""Lance: what `lance` makes of a release, its versions, and that it opens again as what was effective."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from releases import (
    FILES,
    Made,
    assert_flips_are_named,
    assert_mask_and_origins,
    assert_same_again,
    decide,
    export,
    generate,
    made,
)

from inspector.core.times import NS
from inspector.errors import InspectorError
from inspector.media.series import load_series
from inspector.release import shards
from inspector.release.verify import verify
from inspector.release.writers import lance as writer
from inspector.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORDS = [
    Made("one", FILES, 120),
    Made("two", ("voice.wav", "words.vtt"), 0, "test", 1),
    Made("three", FILES, -40, "train", 2),
]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.open(generate(tmp_path / "data", RECORDS), author="ann") as opened:
        decide(opened, RECORDS)
        yield opened


def table(out: Path, version: Any = None) -> Any:
    import lance

    return lance.dataset(str(out / "records.lance"), version=version)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=made())
def test_what_is_opened_again_is_what_was_effective(
    records: list[Made], tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("round")
    with Session.open(generate(home / "data", records), author="ann") as session:
        decide(session, records)
        export(session, home / "out", form="lance")
        assert_same_again(session, home / "out")
        assert_mask_and_origins(session, home / "out")


def test_lance_reads_rows_and_blobs(session: Session, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(session, out, form="lance", fixes="manifest", name="First one")
    found = table(out, "First-one")
    assert found.count_rows() == 3
    rows = found.to_table(columns=[name for name in found.schema.names if name not in ("cam", "voice")])
    for number, row in enumerate(rows.to_pylist()):
        record = session.record(row["record_id"])
        for name, stream_id in (("cam", "cam#video"), ("voice", "voice")):
            held = [each for each in record.streams if each.id == stream_id]
            blobs = found.take_blobs(name, indices=[number])
            assert len([each for each in blobs if each is not None and each.size()]) == len(held)
            for stream in held:
                assert blobs[0].read() == stream.source.path.read_bytes()
        if "imu" in [each.id for each in record.streams]:
            imu = record.stream("imu")
            series = load_series(imu)
            np.testing.assert_array_equal(row["imu"]["values"], series.values)
            np.testing.assert_array_equal(row["imu"]["t_s"], imu.timemap.to_reference_array(series.t_ns) / NS)
        words = record.stream("words")
        starts = [words.timemap.to_reference(cue.start_ns) / NS for cue in session.cues(words)]
        assert [cue["start_s"] for cue in row["words"]] == starts
        assert [each["label"] for each in row["annotations"]] == [label.label for label in record.annotations]
        assert {each["stream_id"]: each["origin"] for each in row["streams"]} == {
            stream.id: stream.origin for stream in record.streams
        }
        assert {each["modality"] for each in row["mask"]} >= {"audio", "text"}
        assert row["licence"] == "CC0"


def test_a_release_that_follows_is_a_version_beside_the_first(session: Session, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    export(session, first, form="lance", name="v1")
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    session.flag(["two"], "reject")
    card = export(session, second, form="lance", name="v2", parent=first)
    assert card.parent is not None
    assert {path: path.read_bytes() for path in first.rglob("*") if path.is_file()} == before
    assert set(table(second).tags.list()) == {"v1", "v2"}
    assert table(second, "v1").count_rows() == 3
    assert table(second).count_rows() == table(second, "v2").count_rows() == 2
    assert table(second, "v1").to_table(columns=["record_id"]) == table(first).to_table(columns=["record_id"])
    for out in (first, second):
        assert verify(out).differences == ()
    with Session.open(second) as again:
        assert again.record_ids() == ["one", "three"]
    third = export(session, tmp_path / "third", form="lance", name="v2", parent=second)
    assert third.records == 2
    assert set(table(tmp_path / "third").tags.list()) == {"v1", "v2", "v2-2"}
    # It holds what its parent held, so their roots are one: the names of data files must not be.
    export(session, tmp_path / "fourth", form="lance", name="v3", parent=tmp_path / "third")
    data = [{each.name for each in (tmp_path / name).rglob("part-*")} for name in ("third", "fourth")]
    assert data[0] < data[1]
    assert len(data[1]) == 4
    assert table(tmp_path / "fourth", "v2").count_rows() == 2


def test_later_shards_have_the_columns_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "Filling", lambda: shards.Filling(most_records=1))
    records = [Made("one", ("voice.wav",)), Made("two", FILES), Made("three", ("words.vtt",))]
    with Session.open(generate(tmp_path / "data", records), author="ann") as session:
        card = export(session, tmp_path / "out", form="lance")
        assert any("imu is no column" in each for each in card.lost)
        assert_same_again(session, tmp_path / "out")
        found = table(tmp_path / "out")
        assert "imu" not in found.schema.names
        assert found.count_rows() == 3
        assert found.to_table(columns=["record_id"]).column("record_id").to_pylist() == session.record_ids()
        with pytest.raises(InspectorError, match="cannot carry everything"):
            export(session, tmp_path / "strict", form="lance", strict=True)


def test_one_flipped_bit_is_found_and_named(session: Session, tmp_path: Path) -> None:
    export(session, tmp_path / "out", form="lance")
    assert assert_flips_are_named(tmp_path / "out", 13, 3) >= 45


def test_real_films_and_captions(samples: Path, tmp_path: Path) -> None:
    with Session.open(samples / "act_rules_captioned/test-assets/rabbit-video") as session:
        export(session, tmp_path / "out", form="lance")
        assert_same_again(session, tmp_path / "out")
        assert table(tmp_path / "out").count_rows() == len(session.record_ids())


def test_without_lance_the_other_formats_are_there_and_lance_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['lance'] = None\n"
        "from inspector.errors import InspectorError\n"
        "from inspector.release.targets import targets\n"
        "assert 'folder' in [each.name for each in targets.all()]\n"
        "try: targets.get('lance')()\n"
        "except InspectorError as error: sys.exit('dataset-inspector[lance]' not in str(error))\n"
        "sys.exit(2)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
