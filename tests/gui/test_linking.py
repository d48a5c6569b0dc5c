"""Links, vocabularies, corrected words and annotators' files in the window, under real keys and mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from gui.label_hands import MS, NO, dataset, labels, saved, see, spot, window
from gui.windows import edits, press
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from inspector.core import annotate
from inspector.core.annotate import RECHECK, label_target
from inspector.core.edits import DATASET
from inspector.core.model import Anchor, Annotation, Modality
from inspector.core.tiers import tiers_of
from inspector.core.times import NS, clock_text
from inspector.release.exchange import send
from inspector.ui.label_files import LabelFiles
from inspector.ui.linking import Linking
from inspector.ui.rooms import Room
from inspector.ui.tiering import Tiering
from inspector.ui.timeline.sensor_track import SensorTrack
from inspector.ui.timeline.text_track import TextTrack
from inspector.ui.wording import Wording

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.ui.main_window import MainWindow
    from inspector.ui.panels.labels import LabelsPanel
    from inspector.ui.timeline.track import StreamTrack

__all__ = ["dataset", "window"]
R = TypeVar("R", bound=Room)
LEFT = Qt.MouseButton.LeftButton


def room(window: MainWindow, kind: type[R]) -> R:
    return next(each for each in window.rooms if isinstance(each, kind))


def opened(window: MainWindow) -> LabelsPanel:
    window.labelling.open()
    panel = window.labelling.panel
    assert panel is not None
    return panel


def row(window: MainWindow, kind: type[StreamTrack]) -> StreamTrack:
    return next(each for each in window.timeline.tracks if isinstance(each, kind))


def click(window: MainWindow, track: StreamTrack, ns: int) -> None:
    canvas = window.timeline.canvas
    y = 0
    for each in window.timeline.tracks:
        if each is track:
            break
        y += each.height
    window.timeline._bar.setValue(y)
    assert not canvas.content_rect(track).isEmpty()
    QTest.mouseClick(window.timeline, LEFT, NO, spot(window, track, ns))


def test_a_word_a_gesture_and_a_sensor_peak_are_linked_and_follow_what_they_name(
    window: MainWindow, qtbot: QtBot, dataset: Path
) -> None:
    linking = room(window, Linking)
    track = see(window)
    gesture = labels(window)[0]
    at = sum(gesture.span or (0, 0)) // 2
    QTest.mouseClick(window.timeline, LEFT, NO, spot(window, track, at))
    press(window, "W")
    assert len(linking.ends) == 1
    assert linking.layer.waiting
    words = row(window, TextTrack)
    assert window.contents is not None
    number, cue = window.contents.numbered("words")[0]
    word = cue.words[0]
    click(window, words, (word.start_ns + word.end_ns) // 2)
    press(window, "W")
    saved(window, qtbot, dataset, 1)
    (link,) = [each for each in labels(window, "cy") if len(each.anchors) == 2]
    assert link.anchors[0].target == label_target(gesture.id)
    assert link.anchors[1].target == f"word:{number}.0"
    assert link.anchors[1].span == (word.start_ns, word.end_ns)
    assert window.labelling.chosen == (link.id,)
    assert {row_ for thread in linking.layer.threads for row_, _ in thread.ends} == {track.id, words.id}
    click(window, row(window, SensorTrack), 5_000_000_000)
    press(window, "Shift+W")
    saved(window, qtbot, dataset, 2)
    (link,) = [each for each in labels(window, "cy") if each.id == link.id]
    assert [anchor.stream_id for anchor in link.anchors] == [None, "words", "hands"]
    # What the link names moves, and it moves along, in the same edit.
    window.labelling.choose(gesture.id)
    press(window, "Ctrl+Right")
    edit = saved(window, qtbot, dataset, 3)
    assert link.id in edit["note"]
    now = next(each for each in labels(window, "cy") if each.id == link.id)
    assert now.anchors[0].span == labels(window)[0].span
    press(window, "Del")
    saved(window, qtbot, dataset, 4)
    now = next(each for each in labels(window, "cy") if each.id == link.id)
    assert RECHECK in now.attrs
    window.labelling.choose(now.id)
    panel = opened(window)
    assert "deleted" in panel.again.text()
    QTest.mouseClick(panel.holds, LEFT)
    saved(window, qtbot, dataset, 5)
    assert RECHECK not in next(each for each in labels(window, "cy") if each.id == link.id).attrs


def test_a_word_is_corrected_and_what_hangs_on_it_is_checked_again(
    window: MainWindow, qtbot: QtBot, dataset: Path
) -> None:
    wording = room(window, Wording)
    assert window.contents is not None
    number, cue = window.contents.numbered("words")[0]
    word = cue.words[1]
    window.player.transport.seek((word.start_ns + word.end_ns) // 2)
    press(window, "Shift+E")
    assert wording.word == ("words", number, 1)
    part = wording.part
    assert part is not None
    assert part.text.hasFocus()
    QTest.keyClicks(part.text, "mended")
    press(window, "Return")
    edit = saved(window, qtbot, dataset, 1)
    assert [change[1] for change in edit["changes"]] == [f"streams/words/cues/{number}"]
    contents = window.contents
    qtbot.waitUntil(lambda: contents.numbered("words")[0][1].words[1].text == "mended")
    now = contents.numbered("words")[0][1]
    assert "mended" in now.text
    assert (now.words[1].start_ns, now.words[1].end_ns) == (word.start_ns, word.end_ns)
    assert window.session is not None
    asked = window.session.query("SELECT text FROM words WHERE text = 'mended'")
    assert len(asked.table) == 1
    press(window, "Ctrl+Z")
    saved(window, qtbot, dataset, 2)
    qtbot.waitUntil(lambda: contents.numbered("words")[0][1] == cue)


def test_a_tier_is_declared_and_two_of_its_labels_are_merged_after_a_preview(
    window: MainWindow, qtbot: QtBot, dataset: Path
) -> None:
    tiering = room(window, Tiering)
    window.labelling.choose(labels(window)[0].id)
    name = window.labelling.tier
    panel = opened(window)
    part = panel.vocabulary
    session = window.session
    assert session is not None
    entries = [each.label for each in part.tier().entries]
    assert len(entries) >= 2
    item = part.table.item(0, 2)
    assert item is not None
    item.setText("what it means")
    part.requires[Modality.TEXT].setChecked(True)
    QTest.mouseClick(part.keep, LEFT)
    qtbot.waitUntil(lambda: name in window.labelling.tiers)
    declared = tiers_of(session.curation.values(DATASET))[name]
    assert declared.entries[0].definition == "what it means"
    assert declared.requires == (Modality.TEXT,)
    count = len([each for each in labels(window) if each.tier == name])
    lane = next(each for each in window.timeline.tracks if each.id == f"label:{name}:A")
    qtbot.waitUntil(lambda: len(getattr(lane, "incomplete", ())) == count)
    assert "incomplete" in panel.counts.text()
    assert " 0 done" in panel.counts.text()
    both = len([each for each in labels(window, "A") + labels(window, "B") if each.label == entries[0]])
    part.table.setCurrentCell(0, 1)
    part.become.setCurrentText(entries[1])
    QTest.mouseClick(part.merge, LEFT)
    qtbot.waitUntil(part.go.isVisible)
    assert f"{both} label" in part.preview.text()
    assert len(edits(dataset)) == 1
    QTest.mouseClick(part.go, LEFT)
    saved(window, qtbot, dataset, 2)
    assert not [each for each in labels(window, "A") + labels(window, "B") if each.label == entries[0]]
    qtbot.waitUntil(lambda: len(window.labelling.tiers[name].entries) == len(entries) - 1)
    assert tiering.part is part
    window.stage.setFocus()
    press(window, "Ctrl+Z")
    saved(window, qtbot, dataset, 3)
    qtbot.waitUntil(lambda: len(window.labelling.tiers[name].entries) == len(entries))


def test_a_box_and_a_point_are_marked_on_the_picture(window: MainWindow, qtbot: QtBot, dataset: Path) -> None:
    camera = window.stage.cameras[0]
    rect = camera._frame_rect()
    first = labels(window)[0]
    window.labelling.choose(first.id)
    window.player.transport.seek(sum(first.span or (0, 0)) // 2)
    qtbot.waitUntil(lambda: window.complete)
    press(window, "P")
    start, end = (rect.topLeft() + QPointF(rect.width() * x, rect.height() * x) for x in (0.25, 0.75))
    QTest.mousePress(camera, LEFT, NO, start.toPoint())
    QTest.mouseRelease(camera, LEFT, NO, end.toPoint())
    saved(window, qtbot, dataset, 1)
    now = labels(window)[0]
    assert now.anchors[0] == first.anchors[0]
    box = now.anchors[1]
    assert box.stream_id == camera.feed.stream.id
    assert box.span == first.span
    assert box.region == pytest.approx((0.25, 0.25, 0.5, 0.5), abs=0.01)
    grabbed = camera.grab().toImage()
    x, y = round(start.x()), round(rect.center().y())
    colours = [grabbed.pixelColor(x + step, y) for step in (-1, 0, 1)]
    assert any(each.red() > 200 and each.blue() < 110 for each in colours)
    window.labelling.choose()
    QTest.mouseClick(camera, LEFT, NO, (start - QPointF(20, 20)).toPoint())
    saved(window, qtbot, dataset, 2)
    (point,) = labels(window, "cy")
    assert (point.anchors[0].region or ())[2:] == (0.0, 0.0)
    assert camera.picture is not None
    assert point.span == camera.picture.span
    press(window, "P")
    QTest.mouseClick(camera, LEFT, NO, start.toPoint())
    assert len(edits(dataset)) == 2


def test_words_dragged_over_in_the_transcript_are_a_label(
    window: MainWindow, qtbot: QtBot, dataset: Path
) -> None:
    window.tabs.setCurrentWidget(window.transcript)
    listed = window.transcript.list
    qtbot.waitUntil(lambda: listed.viewport().height() > 100)
    listed.grab()
    assert window.contents is not None
    cues = window.contents.texts["words"]
    words = cues[0].words
    text = "\n".join(cue.text for cue in cues)
    first = text.index(words[0].text.strip())
    last = text.index(words[1].text.strip()) + len(words[1].text.strip())
    rects = listed.text_rects(0, 0, last - first)
    start, end = rects[0].center(), rects[-1].center()
    start.setX(rects[0].left() + 1)
    end.setX(rects[-1].right() - 1)
    view = listed.viewport()
    QTest.mousePress(view, LEFT, NO, start.toPoint())
    for place in (QPointF((start.x() + end.x()) / 2, end.y()), end):
        QTest.mouseMove(view, place.toPoint())
    QTest.mouseRelease(view, LEFT, NO, end.toPoint())
    saved(window, qtbot, dataset, 1)
    (label,) = labels(window, "cy")
    low, high = label.anchors[0].text_range or (0, 0)
    assert text[low:high] == text[first:last]
    assert label.span == (words[0].start_ns, words[1].end_ns)
    assert listed._marks == ((0, 0, last - first),)


def test_a_file_is_written_changed_shown_and_taken_in(
    window: MainWindow, qtbot: QtBot, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pympi
    from PySide6.QtWidgets import QFileDialog

    files = room(window, LabelFiles)
    panel = opened(window)
    file = tmp_path / "r.eaf"
    answers: dict[str, Any] = {
        "getSaveFileName": (str(file), "ELAN (*.eaf)"),
        "getOpenFileNames": ([str(file)], ""),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(QFileDialog, name, lambda *_, answer=answer: answer)
    window.actions_["label_export"].trigger()
    qtbot.waitUntil(file.exists)
    qtbot.waitUntil(lambda: "was written" in panel.files.facts.text())
    document = pympi.Eaf(str(file))
    tier = next(each for each in document.get_tier_names() if each.endswith("A"))
    document.add_annotation(tier, 10, 500, "from ELAN")
    document.to_file(str(file))
    window.actions_["label_import"].trigger()
    qtbot.waitUntil(panel.files.take.isVisible)
    assert "made on" in panel.files.facts.text()
    assert "1 added, 0 changed, 0 removed" in panel.files.facts.text()
    assert edits(dataset) == []
    QTest.mouseClick(panel.files.take, LEFT)
    saved(window, qtbot, dataset, 1)
    assert [each.label for each in labels(window, "A")].count("from ELAN") == 1
    assert files.waiting is None
    # What both sides change is decided line by line before it is taken in.
    mine = labels(window, "A")[:3]
    for count, each in enumerate(mine, 2):
        window.labelling.choose(each.id)
        window.labelling.relabel(f"mine {count}")
        saved(window, qtbot, dataset, count)
    document = pympi.Eaf(str(file))
    for tier in (each for each in document.get_tier_names() if each.endswith("A")):
        for id_, (begin, end, text, svg) in document.tiers[tier][0].items():
            document.tiers[tier][0][id_] = (begin, end, f"their {text}", svg)
    document.to_file(str(file))
    window.actions_["label_import"].trigger()
    part = panel.files
    qtbot.waitUntil(lambda: part.conflicts.count() == 3)
    part.conflicts.item(1).setSelected(True)
    part.decide.setCurrentIndex(2)
    part.decide.activated.emit(2)
    assert sorted(part.decided().values()) == ["check", "check", "theirs"]
    taken = next(id_ for id_, side in part.decided().items() if side == "theirs")
    QTest.mouseClick(part.take, LEFT)
    saved(window, qtbot, dataset, 5)
    now = {each.id: each for each in labels(window, "A")}
    assert {now[each.id].label.split()[0] for each in mine if each.id != taken} == {"mine"}
    assert now[taken].label.startswith("their ")
    assert sum(RECHECK in each.attrs for each in now.values()) == 2


def test_several_files_are_shown_with_their_records_before_they_are_taken_in(
    window: MainWindow, qtbot: QtBot, dataset: Path, tmp_path: Path
) -> None:
    files, session = room(window, LabelFiles), window.session
    panel = opened(window)
    assert session is not None
    file = tmp_path / "rec_001.eaf"
    send(session, "rec_001", "eaf", file)
    text = file.read_text("utf-8")
    label = labels(window, "A")[0].label
    file.write_text(text.replace(f">{label}<", ">from ELAN<", 1), "utf-8")
    (tmp_path / "nobody.TextGrid").write_text("no grid", "utf-8")
    files.look_at_all([file, tmp_path / "nobody.TextGrid"])
    qtbot.waitUntil(panel.files.take.isVisible)
    assert "rec_001.eaf → rec_001, by it was sent of it" in panel.files.facts.text()
    assert "left: nobody.TextGrid" in panel.files.differs.text()
    assert edits(dataset) == []
    QTest.mouseClick(panel.files.take, LEFT)
    saved(window, qtbot, dataset, 1)
    assert "from ELAN" in [each.label for each in labels(window, "A")]


def test_words_and_lines_are_cut_joined_added_and_deleted_by_key(
    window: MainWindow, qtbot: QtBot, dataset: Path
) -> None:
    wording, contents = room(window, Wording), window.contents
    assert contents is not None
    lines = contents.numbered("words")
    number, cue = lines[0]
    go = window.player.transport

    def now() -> list[str]:
        return [each.text for _, each in contents.numbered("words")]

    def done(count: int, *texts: str) -> None:
        saved(window, qtbot, dataset, count)
        qtbot.waitUntil(lambda: now()[: len(texts)] == list(texts))

    rest = [word.text.strip() for word in cue.words[1:]]
    first = cue.words[0].text.strip()
    go.seek((cue.words[0].start_ns + cue.words[0].end_ns) // 2)
    press(window, "Shift+E")
    part = wording.part
    assert part is not None
    press(window, "Home")
    press(window, "Right")
    press(window, "Alt+H")
    head, tail = first[:1], first[1:]
    done(1, cue.text.replace(first, f"{head} {tail}", 1))
    word = contents.numbered("words")[0][1].words[0]
    assert (word.text, word.start_ns, word.end_ns) == (head, cue.words[0].start_ns, go.now_ns())
    qtbot.waitUntil(lambda: part.text.text() == head)  # the first half stays in hand
    press(window, "Alt+Shift+H")
    done(2, cue.text)
    window.stage.setFocus()
    # A line between its words, at the playhead; what is left of the cue keeps its number.
    go.seek((cue.words[0].end_ns + cue.words[1].start_ns) // 2)
    press(window, "Alt+E")
    assert part.head.text().endswith("line")
    press(window, "Alt+H")
    cut = cue.text.index(rest[0])
    done(3, cue.text[:cut].rstrip(), cue.text[cut:])
    assert contents.numbered("words")[0][0] == number
    press(window, "Alt+Shift+H")
    done(4, " ".join((cue.text[:cut].rstrip(), cue.text[cut:])))
    window.stage.setFocus()
    # A word, typed; Esc gives it up.
    go.seek(cue.words[0].end_ns)
    press(window, "Alt+W")
    QTest.keyClicks(part.text, "well")
    press(window, "Esc")
    assert wording.adding is None
    press(window, "Alt+W")
    QTest.keyClicks(part.text, "well")
    press(window, "Return")
    saved(window, qtbot, dataset, 5)
    qtbot.waitUntil(lambda: "well" in now()[0])
    assert [each.text.strip() for each in contents.numbered("words")[0][1].words][:2] == [first, "well"]
    assert window.stage.hasFocus()
    press(window, "Alt+Del")  # of what is at the playhead: the new word
    saved(window, qtbot, dataset, 6)
    qtbot.waitUntil(lambda: "well" not in now()[0])
    go.seek(lines[-1][1].end_ns)
    press(window, "Alt+Shift+W")
    QTest.keyClicks(part.text, "the end")
    press(window, "Return")
    saved(window, qtbot, dataset, 7)
    qtbot.waitUntil(lambda: now()[-1] == "the end")
    assert window.session is not None
    assert len(now()) == len(lines) + 1
    for count in range(8, 15):
        press(window, "Ctrl+Z")
        saved(window, qtbot, dataset, count)
    qtbot.waitUntil(lambda: contents.numbered("words") == lines)


def test_a_moving_playhead_draws_no_link_anew(window: MainWindow, qtbot: QtBot) -> None:
    linking, canvas = room(window, Linking), window.timeline.canvas
    ends = Anchor("words", (2 * NS, 3 * NS)), Anchor("hands", (5 * NS, 6 * NS))
    link = Annotation("ours", "links", "goes with", ends, "cy")
    window.labelling.edit(lambda now: annotate.link(now, link), lambda _: window.labelling.choose("ours"))
    qtbot.waitUntil(lambda: bool(linking.layer.threads) and window.labelling.chosen == ("ours",))
    canvas.repaint()
    window.timeline.set_time(NS)
    canvas.repaint()
    picture, drawn = canvas.grab().toImage(), linking.layer.drawn
    assert drawn
    for at in range(20):
        window.timeline.set_time(2 * NS + at * 100 * MS)
        canvas.repaint()
    window.timeline.set_time(NS)
    assert canvas.grab().toImage() == picture
    assert linking.layer.drawn == drawn
    for change in (window.timeline.zoom_in, window.labelling.choose):
        change()
        canvas.repaint()
        assert linking.layer.drawn == drawn + 1
        drawn = linking.layer.drawn
    linking.layer.threads = ()
    assert canvas.grab().toImage() != picture


def test_links_and_the_labels_panel_follow_what_is_proposed(window: MainWindow, qtbot: QtBot) -> None:
    linking, panel, record = room(window, Linking), opened(window), window.record
    assert record is not None
    sound = record.of(Modality.AUDIO)[0].id
    ends = Anchor(sound, (2 * NS, 3 * NS)), Anchor("hands", (5 * NS, 6 * NS))
    link = Annotation("ours", "links", "goes with", ends, "cy")
    window.labelling.edit(lambda now: annotate.link(now, link), lambda _: window.labelling.choose("ours"))
    qtbot.waitUntil(lambda: bool(linking.layer.threads) and window.labelling.chosen == ("ours",))

    def starts() -> list[int]:
        (thread,) = linking.layer.threads
        return sorted(span[0] for _, span in thread.ends)

    assert starts() == [2 * NS, 5 * NS]
    assert panel.start.text() == clock_text(2 * NS)
    window.aligning.open()
    window.aligning._choose(sound)
    window.aligning.nudge(100 * MS)
    moved = 2 * NS + 100 * MS
    assert starts() == [moved, 5 * NS]
    assert panel.start.text() == clock_text(moved)
    press(window, "Ctrl+Return")
    qtbot.waitUntil(lambda: window.aligning.proposal is None)
    assert starts() == [moved, 5 * NS]
    press(window, "Ctrl+Z")
    qtbot.waitUntil(lambda: starts() == [2 * NS, 5 * NS])
    assert panel.start.text() == clock_text(2 * NS)
