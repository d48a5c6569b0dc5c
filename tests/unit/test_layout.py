"""Which files make a record: the rules in their order, and what holds for any listing."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inspector.readers.layout import Layout, common_folder, natural, tell
from inspector.readers.sniff import kind_by_name


def lay(*paths: str, root: str = "root") -> tuple[Layout, dict[str, list[str]]]:
    """The layout of a listing by names alone, and its records with their files."""
    layout = tell(list(paths), [kind_by_name(path) for path in paths], root)
    records: dict[str, list[str]] = {record_id: [] for record_id in layout.ids}
    for path, record in zip(paths, layout.record_of, strict=True):
        if record >= 0:
            records[layout.ids[record]].append(path)
    return layout, records


def test_modality_folders_join_by_stem() -> None:
    layout, records = lay("video/a.mp4", "video/b.mp4", "audio/a.wav", "text/b.srt", "README.md")
    assert layout.kind == "modality folders"
    assert records == {"a": ["video/a.mp4", "audio/a.wav"], "b": ["video/b.mp4", "text/b.srt"]}
    assert layout.folders == ["", ""]
    assert layout.record_of[-1] == -1


def test_modality_folders_below_one_folder_and_with_sessions() -> None:
    layout, records = lay("set/video/s1/a.mp4", "set/audio/s1/a.wav", "set/video/s2/a.mp4")
    assert layout.kind == "modality folders"
    assert set(records) == {"set/s1/a", "set/s2/a"}
    assert layout.folders == ["set", "set"]


def test_several_containers_of_a_stem_are_one_record() -> None:
    _, records = lay("video/a.mp4", "video/a.webm", "audio/a.wav")
    assert records == {"a": ["video/a.mp4", "video/a.webm", "audio/a.wav"]}


def test_one_folder_a_record() -> None:
    layout, records = lay("x/s1/front.mp4", "x/s1/voice.wav", "x/s2/front.mp4", "notes.txt.bak")
    assert layout.kind == "record folders"
    assert records == {"x/s1": ["x/s1/front.mp4", "x/s1/voice.wav"], "x/s2": ["x/s2/front.mp4"]}
    assert layout.folders == ["x/s1", "x/s2"]


def test_roles_recur_where_names_carry_the_folder() -> None:
    layout, records = lay("r1/r1_front.mp4", "r1/r1_words.srt", "r2/r2_front.mp4", "r2/r2_words.srt")
    assert layout.kind == "record folders"
    assert set(records) == {"r1", "r2"}


def test_cameras_in_folders_of_a_record_are_no_records() -> None:
    layout, records = lay("r1/left/v.mp4", "r1/right/v.mp4", "r2/left/v.mp4", "r2/right/v.mp4")
    assert set(records) == {"r1", "r2"}
    assert any("classes" in line for line in layout.ambiguous)


def test_sessions_of_several_modalities_below_subjects_are_the_records() -> None:
    paths = [f"sub{a}/ses{b}/{name}" for a in (1, 2) for b in (1, 2) for name in ("front.mp4", "voice.wav")]
    layout, records = lay(*paths)
    assert set(records) == {"sub1/ses1", "sub1/ses2", "sub2/ses1", "sub2/ses2"}
    assert any("two levels" in line for line in layout.ambiguous)


def test_a_record_that_lost_files_keeps_the_kind_of_id_of_its_siblings() -> None:
    _, records = lay("s1/front.mp4", "s1/voice.wav", "s2/front.mp4")
    assert set(records) == {"s1", "s2"}


def test_a_shared_stem_is_the_id_with_its_path_where_it_repeats() -> None:
    _, records = lay("s1/clip.mp4", "s1/clip.srt", "s2/clip.mp4", "s2/clip.srt")
    assert set(records) == {"s1/clip", "s2/clip"}


def test_files_above_record_folders_are_left_over() -> None:
    layout, records = lay("overview.mp4", "s1/front.mp4", "s1/a.wav", "s2/front.mp4")
    assert set(records) == {"s1", "s2"}
    assert layout.record_of[0] == -1
    assert any("overview" in line for line in layout.ambiguous)


def test_two_odd_folders_do_not_take_over_a_folder_of_stems() -> None:
    films = [f"film{number}.mp4" for number in range(20)]
    layout, records = lay(*films, "extra/a/x.jpg", "extra/b/x.jpg")
    assert layout.kind == "stems"
    assert len(records) == 22


def test_each_stem_is_a_record() -> None:
    layout, records = lay("a.mp4", "a.wav", "b.mp4", "c/a.mp4")
    assert layout.kind == "stems"
    assert records == {"a": ["a.mp4", "a.wav"], "b": ["b.mp4"], "c/a": ["c/a.mp4"]}


def test_a_lone_folder_with_one_file_a_modality_is_one_record() -> None:
    layout, records = lay("film.mp4", "voice.wav", "labels.html", root="talk")
    assert layout.kind == "one record"
    assert records == {"talk": ["film.mp4", "voice.wav"]}
    _, records = lay("deep/in/film.mp4", "deep/in/voice.wav")
    assert set(records) == {"deep/in"}
    _, records = lay("talk.mp4", "talk.srt")
    assert set(records) == {"talk"}


def test_language_suffixes_join_and_other_prefixes_are_told() -> None:
    layout, records = lay("a.mp4", "a.en.vtt", "b.mp4", "b_en.vtt")
    assert records == {"a": ["a.mp4", "a.en.vtt"], "b": ["b.mp4"], "b_en": ["b_en.vtt"]}
    assert any("b_en" in line for line in layout.ambiguous)


def test_splits_are_laid_out_each_on_its_own() -> None:
    layout, records = lay("train/a.mp4", "train/a.txt", "test/a.mp4", "test/b.mp4")
    assert set(records) == {"train/a", "test/a", "b"}
    assert layout.splits == ["test", "test", "train"]


def test_nothing_to_read_is_no_error() -> None:
    layout, records = lay("README.md", "LICENSE")
    assert records == {}
    assert layout.record_of == [-1, -1]


@pytest.mark.parametrize(
    ("folders", "common"), [(["a/b", "a/c"], "a"), (["a", "a-b", "a/b"], ""), (["a/b", "a"], "a"), ([], "")]
)
def test_common_folder(folders: list[str], common: str) -> None:
    assert common_folder(folders) == common


def test_natural_order() -> None:
    assert sorted(["rec_10", "rec_2", "rec_1"], key=natural) == ["rec_1", "rec_2", "rec_10"]


PARTS = st.sampled_from(["a", "b", "s1", "s2", "video", "audio", "train", "test", "a.en", "cam 1", "é"])
NAMES = st.builds(
    lambda stem, ending: f"{stem}{ending}", PARTS, st.sampled_from([".mp4", ".wav", ".srt", ".csv", ".x", ""])
)
PATHS = st.builds(lambda folders, name: "/".join([*folders, name]), st.lists(PARTS, max_size=3), NAMES)
LISTINGS = st.lists(PATHS, unique=True, max_size=30).map(sorted)


@given(LISTINGS)
def test_any_listing_is_parted(paths: list[str]) -> None:
    kinds = [kind_by_name(path) for path in paths]
    layout = tell(paths, kinds, "root")
    assert len(set(layout.ids)) == len(layout.ids) == len(layout.folders)
    assert len(layout.record_of) == len(paths)
    assert all(-1 <= record < len(layout.ids) for record in layout.record_of)
    assert set(layout.record_of) - {-1} == set(range(len(layout.ids)))
    assert all(record == -1 for record, kind in zip(layout.record_of, kinds, strict=True) if not kind)
    for path, record in zip(paths, layout.record_of, strict=True):
        if record >= 0 and layout.folders[record]:
            assert path.startswith(layout.folders[record] + "/")


TWINS = ["a.mp4", "a.srt", "a.wav", "a/a.mp4", "a/a.wav", "b/a/a.mp4", "s1/b.mp4"]


@given(LISTINGS, st.randoms(use_true_random=False))
@example(TWINS, Random(1))
@example(TWINS, Random(2))
def test_the_order_of_the_listing_does_not_matter(paths: list[str], random: Random) -> None:
    shuffled = list(paths)
    random.shuffle(shuffled)

    def records(listed: list[str]) -> set[tuple[str, frozenset[str]]]:
        layout = tell(listed, [kind_by_name(path) for path in listed], "root")
        return {
            (record_id, frozenset(p for p, r in zip(listed, layout.record_of, strict=True) if r == number))
            for number, record_id in enumerate(layout.ids)
        }

    assert records(paths) == records(shuffled)
