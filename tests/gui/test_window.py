"""The whole window under real keys: every key of the table, focus, datasets that come and go, and its end."""

from __future__ import annotations

import gc
import shutil
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any

import films
import pytest
from PySide6.QtCore import QEvent, QKeyCombination, QPoint, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMessageBox, QWidget

from inspector.agreement.disagreements import Disagreement
from inspector.agreement.measure import Agreement, PairFigures
from inspector.audit.store import Result
from inspector.core.curation import FLAGS
from inspector.core.findings import Finding, Status
from inspector.core.tiers import Entry, Tier
from inspector.core.times import NS
from inspector.playback.pictures import PictureFeed
from inspector.session import Opening
from inspector.ui import theme
from inspector.ui.actions import TABLE
from inspector.ui.app import make_app
from inspector.ui.linking import Linking
from inspector.ui.main_window import MainWindow
from inspector.ui.panels.missing import MissingPanel
from inspector.ui.preferences import Preferences
from inspector.ui.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.core.model import Annotation
    from inspector.ui.panels.findings import FindingsPanel

RECORDS = ("a", "b", "c")
CUES = "WEBVTT\n\n00:01.000 --> 00:02.000\nkitchen\n"
FRAME_NS = 40_000_000
AT_NS = 3 * NS
END_NS = 6 * NS


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three records of 6 s: a film with sound, and a transcript."""
    root = tmp_path_factory.mktemp("window")
    film = films.reel(tmp_path_factory.getbasetemp()).film("bframes.mp4")
    for name in RECORDS:
        (root / name).mkdir()
        shutil.copy(film.path, root / name / "cam.mp4")
        (root / name / "talk.vtt").write_text(CUES)
    return root


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    make_app("dark")
    made = MainWindow(with_sound=False)
    made.resize(1280, 800)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    yield made
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    make_app("dark")


def show(window: MainWindow, qtbot: QtBot, folder: Path, record: str | None = "b") -> None:
    window.start(Opening(str(folder), None, record), None, False)
    qtbot.waitUntil(lambda: window.record is not None and window.complete, timeout=15_000)
    window.stage.setFocus()


def press(window: MainWindow, keys: str) -> None:
    """Press a key of the table, in the widget that has the focus."""
    combination: QKeyCombination = QKeySequence(keys)[0]  # type: ignore[index]
    target = QApplication.focusWidget() or window
    QTest.keyClick(target, combination.key(), combination.keyboardModifiers())


def boxes(window: MainWindow) -> list[QDialog]:
    """The boxes and the key sheet that are shown."""
    found = window.findChildren(QDialog)
    return [box for box in found if box.isVisible() and (isinstance(box, QMessageBox) or box.objectName())]


def preferences(window: MainWindow) -> Preferences | None:
    """The Preferences, where they are shown."""
    return next((box for box in window.findChildren(Preferences) if box.isVisible()), None)


class Keyboard:
    """What each action of the table must do, from a known state: (make ready, see that it happened)."""

    def __init__(self, window: MainWindow, focus: QWidget, asked: list[str]) -> None:
        self.window = window
        self.focus = focus
        self.asked = asked

    def reset(self) -> None:
        window, go = self.window, self.window.player.transport
        for box in boxes(window):
            box.close()
        if (opened := preferences(window)) is not None:
            opened.close()
        if window.exporting.dialog is not None:
            window.exporting.dialog.close()
        while window.auditing.running:
            window.auditing.cancel()
            QTest.qWait(5)
        while self._labels():  # what was labelled before is undone
            assert window.session is not None
            window.session.undo()
            while window.record != window.session.record("b"):
                QTest.qWait(5)
        if self._lines() != 1:
            assert window.session is not None
            window.session.undo()
            while self._lines() != 1:
                QTest.qWait(5)
        window.labelling.choose()
        window.labelling.begun = None
        for name in ("label_box", "sync", "sql", "advance", "findings"):
            if window.actions_[name].isChecked():
                window.actions_[name].trigger()
        window.aligning.discard()  # half a tie
        window.aligning.discard()
        if self._moved():
            assert window.session is not None
            window.session.undo()
            while self._moved():
                QTest.qWait(5)
        window.activateWindow()
        window.goto.hide()
        go.pause()
        go.set_loop(None)
        go.seek(AT_NS)
        window.timeline.fit()
        for name in ("left", "right", "bottom"):
            if not window.actions_[name].isChecked():
                window.actions_[name].trigger()
        if window.isFullScreen():
            window.showNormal()
        if window.actions_["facets"].isChecked():
            window.actions_["facets"].trigger()
        window.records.filter.clear()
        self.focus.setFocus()
        assert self.focus.hasFocus()

    def _labels(self) -> tuple[Annotation, ...]:
        """The labels of the record on show, by time; the data have none."""
        record = self.window.record
        found = () if record is None else record.annotations
        return tuple(sorted(found, key=lambda each: each.span or (0, 0)))

    def _lines(self) -> int:
        """How many lines the transcript has."""
        assert self.window.contents is not None
        return len(self.window.contents.numbered("talk"))

    def _spans(self) -> list[tuple[int, int]]:
        return [each.span or (0, 0) for each in self._labels()]

    def _moved(self) -> bool:
        """Whether a stream of the record on show has another map than it was recorded with."""
        record = self.window.record
        return record is not None and any(each.timemap.late_ns for each in record.streams)

    def effects(self) -> dict[str, tuple[Callable[[], object], Callable[[], bool]]]:
        window, go = self.window, self.window.player.transport
        axis = window.timeline.axis

        def nothing() -> None:
            pass

        def at(ns: int) -> Callable[[], bool]:
            return lambda: go.now_ns() == ns and not go.playing

        def answered(steps: int) -> Callable[[], None]:
            """There is an answer of two moments, 1 s and 2 s, and so many steps were made through it."""

            def ready() -> None:
                window.actions_["sql"].trigger()
                panel = window.asking.panel
                assert panel is not None
                panel.editor.setPlainText("SELECT 'b' AS record_id, unnest([1.0, 2.0]) AS t_s")
                panel.run()
                while panel.table.rows.rowCount() != 2 or panel.asking:
                    QTest.qWait(5)
                panel.head.lead_in.setValue(0.5)
                for _ in range(steps):
                    panel.next_moment()
                self.focus.setFocus()

            return ready

        def stands(*steps: str | None, back: bool = False) -> Callable[[], None]:
            """Record b was flagged so, one after the other, and the last of it perhaps undone."""

            def ready() -> None:
                assert window.session is not None
                for flag in steps:
                    window.session.flag(["b"], flag)
                if back:
                    window.session.undo()
                while window.session.curation.flag("b") != window.curating.flags.get("b"):
                    QTest.qWait(5)
                self.focus.setFocus()

            return ready

        def own_flags() -> None:
            """The dataset has nine flags of its own, and record b none."""
            window.curating.own[:] = [f"own_{number}" for number in range(1, 10)]
            stands(None)()

        def flagged(flag: str | None) -> Callable[[], bool]:
            return lambda: window.curating.flags.get("b") == flag

        def record(name: str) -> Callable[[], bool]:
            return lambda: window.record is not None and window.record.id == name

        def proposed(ms: float) -> Callable[[], bool]:
            return lambda: (
                window.aligning.proposal is not None
                and abs(window.aligning.proposal.timemap.late_ns + ms * 1e6) < 1000
            )

        def worklist() -> FindingsPanel | None:
            panel = window.auditing.panel
            return panel if panel is not None and panel.isVisible() else None

        def found() -> None:
            """There is a finding of each record, and that of b is chosen."""
            assert window.session is not None
            findings = [Finding("x.y", name, status=Status.FAILED) for name in RECORDS]
            window.session.audited.add([Result(None, "test", "", findings)])
            window.actions_["findings"].trigger()
            panel = worklist()
            assert panel is not None
            panel.filter.setText("x.y")  # an audit that a key began may have found something too
            for _ in range(10):
                panel.shown_changed.emit()  # nothing is read while an audit runs
                deadline = time.monotonic() + 2
                while panel.model.rowCount() != 4 and time.monotonic() < deadline:
                    QTest.qWait(5)
                if panel.model.rowCount() == 4:
                    break
            assert panel.model.rowCount() == 4
            panel.list.setCurrentIndex(panel.model.index(2, 0))
            self.focus.setFocus()

        def disputed(place: int) -> Callable[[], None]:
            """Two authors differ at 1 s and at 2 s, and one of the two is chosen."""

            def ready() -> None:
                rows = [Disagreement("b", ns, ns, "only_a", "t", "x", "y", "x only") for ns in (NS, 2 * NS)]
                made = Agreement({}, (PairFigures("x", "y", 1, (), (), ()),), tuple(rows), 2)
                window.agreeing.agreement = made
                window.agreeing.open()
                panel = window.agreeing.panel
                assert panel is not None
                panel.show_agreement(made)
                panel.list.setCurrentIndex(panel.model.index(place, 0))
                self.focus.setFocus()

            return ready

        def chosen() -> str | None:
            panel = worklist()
            return panel.current.finding.record_id if panel is not None and panel.current else None

        def labelled(*spans: tuple[int, int], choose: int | None = 0, at: int = AT_NS) -> Callable[[], None]:
            """There are these labels on one tier, one of them is chosen, and the playhead is somewhere."""

            def ready() -> None:
                for span in spans:
                    before = self._labels()
                    window.labelling.make(span, "act")
                    while self._labels() == before or window.labelling.chosen == ():
                        QTest.qWait(5)
                window.labelling.choose(*(() if choose is None else (self._labels()[choose].id,)))
                go.seek(at)
                self.focus.setFocus()

            return ready

        def lies(*spans: tuple[int, int]) -> Callable[[], bool]:
            return lambda: self._spans() == list(spans)

        def label_chosen(place: int) -> Callable[[], bool]:
            return lambda: (
                [each.id for each in self._labels()[place : place + 1]] == list(window.labelling.chosen)
            )

        linking = next(each for each in window.rooms if isinstance(each, Linking))
        wording = next(each for each in window.rooms if isinstance(each, Wording))

        def spoken() -> None:
            """The one line is spoken at the playhead; nothing of it is in hand."""
            wording.word = wording.adding = None
            go.seek(NS + NS // 2)

        def typed() -> bool:
            return wording.part is not None and wording.part.text.hasFocus()

        def adding(kind: str) -> bool:
            return wording.adding is not None and wording.adding[0] == kind

        def said(words: str) -> bool:
            return words in window.status.text

        def nothing_linked() -> None:
            labelled((0, NS))()
            linking.ends, linking.stream = [], None

        def linked() -> None:
            """Two labels are linked, and a third is chosen."""
            labelled((0, NS), (NS, 2 * NS), (2 * NS, 3 * NS))()
            linking.ends, linking.stream = [], None
            ids = [each.id for each in self._labels()]
            for each in ids[:2]:
                window.labelling.choose(each)
                linking.link()
            while not any(len(each.anchors) == 2 for each in self._labels()):
                QTest.qWait(5)
            window.labelling.choose(ids[2])
            self.focus.setFocus()

        def two_tiers(tier: str) -> Callable[[], None]:
            def ready() -> None:
                window.labelling.add_tier("act")
                window.labelling.add_tier("gaze")
                window.labelling.tier = tier
                self.focus.setFocus()

            return ready

        def vocabulary() -> None:
            window.labelling.tiers["act"] = Tier("act", tuple(Entry(f"word {n}") for n in range(1, 10)))
            window.labelling.tier, window.labelling.text = "act", ""

        def accepted() -> bool:
            """The shown record has the map, and nothing is proposed any more."""
            return self._moved() and window.aligning.proposal is None

        return {
            "open": (self.asked.clear, lambda: self.asked == ["asked"]),
            "play": (nothing, lambda: go.playing and go.speed == 1),
            "forward": (nothing, lambda: go.playing and go.speed == 1),
            "pause": (go.play, lambda: not go.playing),
            "backward": (nothing, lambda: go.playing and go.speed == -1),
            "frame_back": (nothing, at(AT_NS - FRAME_NS)),
            "frame_on": (nothing, at(AT_NS + FRAME_NS)),
            "back_1": (nothing, at(AT_NS - NS)),
            "on_1": (nothing, at(AT_NS + NS)),
            "back_5": (nothing, at(0)),
            "on_5": (nothing, at(END_NS)),
            "start": (nothing, at(0)),
            "end": (nothing, lambda: at_last_frame(window)),
            "loop_in": (nothing, lambda: go.loop == (AT_NS, END_NS)),
            "loop_out": (nothing, lambda: go.loop == (0, AT_NS)),
            "loop_off": (lambda: go.set_loop((NS, 2 * NS)), lambda: go.loop is None),
            "mute": (window.player.reset_mix, lambda: window.player.mix(window.sounds.focus).mute),
            "solo": (window.player.reset_mix, lambda: window.player.mix(window.sounds.focus).solo),
            "mute_all": (lambda: window.player.silence(False), lambda: window.player.desk.silenced),
            "spectrogram": (
                lambda: window.sounds.show_spectrogram(window.sounds.focus, False),
                lambda: any(track.subtitle == "spectrogram" for track in window.timeline.tracks),
            ),
            "goto": (nothing, lambda: window.goto.isVisible() and window.goto.hasFocus()),
            "sync": (nothing, window.follower.overlay.isVisible),
            "preferences": (nothing, lambda: preferences(window) is not None),
            "previous": (nothing, record("a")),
            "next": (nothing, record("c")),
            "undo": (stands(None, "reject"), flagged(None)),
            "redo": (stands(None, "reject", back=True), flagged("reject")),
            **{f"flag_{flag}": (stands(None), flagged(flag)) for flag in FLAGS},
            **{f"flag_own_{number}": (own_flags, flagged(f"own_{number}")) for number in range(1, 10)},
            "unflag": (stands("reject"), flagged(None)),
            "note": (nothing, window.parts.history.note.hasFocus),
            "next_unreviewed": (nothing, record("c")),
            "advance": (nothing, window.actions_["advance"].isChecked),
            "select_listed": (nothing, lambda: len(window.records.selected_ids()) == len(RECORDS)),
            "missing": (
                nothing,
                lambda: any(each.isVisible() for each in window.findChildren(MissingPanel)),
            ),
            "align": (
                nothing,
                lambda: window.aligning.panel is not None and window.aligning.panel.isVisible(),
            ),
            "tie": (nothing, window.actions_["discard"].isEnabled),
            **{
                name: (nothing, proposed(ms))
                for name, ms in (
                    ("later_10", 10),
                    ("earlier_10", -10),
                    ("later_1", 1),
                    ("earlier_1", -1),
                    ("later_frame", FRAME_NS / 1e6),
                    ("earlier_frame", -FRAME_NS / 1e6),
                )
            },
            "before": (lambda: window.aligning.nudge(NS), window.actions_["before"].isChecked),
            "accept": (lambda: window.aligning.nudge(NS), accepted),
            "discard": (lambda: window.aligning.nudge(NS), lambda: window.aligning.proposal is None),
            "export": (
                nothing,
                lambda: window.exporting.dialog is not None and window.exporting.dialog.isVisible(),
            ),
            "findings": (nothing, lambda: worklist() is not None),
            "intake": (
                lambda: window.tabs.setCurrentWidget(window.streams),
                lambda: window.delivering.panel is not None and window.delivering.panel.isVisible(),
            ),
            "audit": (nothing, lambda: window.auditing.running),
            "rig": (
                nothing,
                lambda: window.rigging.panel is not None and window.rigging.panel.isVisible(),
            ),
            "finding_on": (found, lambda: chosen() == "c" and record("c")()),
            "finding_back": (found, lambda: chosen() == "a" and record("a")()),
            "agreement": (
                lambda: window.tabs.setCurrentWidget(window.streams),
                lambda: window.agreeing.panel is not None and window.agreeing.panel.isVisible(),
            ),
            "disagreement_on": (disputed(1), at(2 * NS)),
            "disagreement_back": (disputed(2), at(NS)),
            "history": (
                lambda: window.tabs.setCurrentWidget(window.streams),
                window.parts.history.isVisible,
            ),
            "labels": (
                nothing,
                lambda: window.labelling.panel is not None and window.labelling.panel.isVisible(),
            ),
            "label_here": (nothing, lambda: window.labelling.begun == AT_NS),
            "label_moment": (nothing, lies((AT_NS, AT_NS))),
            "label_next": (labelled((0, NS), (NS, 2 * NS)), label_chosen(1)),
            "label_previous": (labelled((0, NS), (NS, 2 * NS), choose=1), label_chosen(0)),
            "tier_next": (two_tiers("act"), lambda: window.labelling.tier == "gaze"),
            "tier_previous": (two_tiers("gaze"), lambda: window.labelling.tier == "act"),
            "tier_new": (
                nothing,
                lambda: window.labelling.panel is not None and window.labelling.panel.new_tier.hasFocus(),
            ),
            "label_start": (labelled((2 * NS, 5 * NS)), lies((AT_NS, 5 * NS))),
            "label_end": (labelled((2 * NS, 5 * NS)), lies((2 * NS, AT_NS))),
            "label_later": (labelled((0, NS)), lies((FRAME_NS, NS + FRAME_NS))),
            "label_earlier": (labelled((NS, 2 * NS)), lies((NS - FRAME_NS, 2 * NS - FRAME_NS))),
            "link": (nothing_linked, lambda: len(linking.ends) == 1),
            "link_more": (linked, lambda: any(len(each.anchors) == 3 for each in self._labels())),
            "label_box": (nothing, window.actions_["label_box"].isChecked),
            "word": (
                lambda: go.seek(NS + NS // 2),
                lambda: wording.part is not None and wording.part.text.hasFocus(),
            ),
            "line": (spoken, lambda: wording.word == ("talk", 0, None) and typed()),
            "word_split": (spoken, lambda: said("Put the caret where it is to be cut") and typed()),
            "word_merge": (spoken, lambda: said("There is no line after it to merge with")),
            "word_add": (spoken, lambda: adding("word") and typed()),
            "line_add": (spoken, lambda: adding("line") and typed()),
            "word_delete": (spoken, lambda: self._lines() == 0),
            "label_split": (labelled((2 * NS, 5 * NS)), lies((2 * NS, AT_NS), (AT_NS, 5 * NS))),
            "label_merge": (labelled((0, NS), (2 * NS, 5 * NS)), lies((0, 5 * NS))),
            "label_delete": (labelled((2 * NS, 5 * NS)), lies()),
            **{
                f"label_{n}": (vocabulary, lambda n=n: window.labelling.text == f"word {n}")  # type: ignore[misc]
                for n in range(1, 10)
            },
            "zoom_in": (nothing, lambda: axis.length < END_NS),
            "zoom_out": (window.timeline.zoom_in, lambda: axis.length >= END_NS),
            "fit": (window.timeline.zoom_in, lambda: axis.fitted),
            "left": (nothing, lambda: not window.records.isVisible()),
            "right": (nothing, lambda: not window.tabs.isVisible()),
            "bottom": (nothing, lambda: not window.timeline.isVisible()),
            "find": (nothing, lambda: window.transcript.isVisible() and _edits(window.transcript)),
            "filter": (nothing, lambda: window.records.filter.hasFocus()),
            "facets": (
                nothing,
                lambda: window.exploring.panel is not None and window.exploring.panel.isVisible(),
            ),
            "plots": (
                nothing,
                lambda: window.exploring.plots is not None and window.exploring.plots.isVisible(),
            ),
            "sample": (
                nothing,
                lambda: window.exploring.panel is not None and window.exploring.panel.sample.isVisible(),
            ),
            "find_all": (
                nothing,
                lambda: window.asking.panel is not None and window.asking.panel.bar.words.hasFocus(),
            ),
            "sql": (nothing, lambda: window.asking.panel is not None and window.asking.panel.isVisible()),
            "moment_on": (answered(1), at(1_500_000_000)),
            "moment_back": (answered(2), at(500_000_000)),
            "theme": (lambda: make_app("dark"), lambda: theme.current().name == "light"),
            "fullscreen": (nothing, window.isFullScreen),
            "keys": (nothing, lambda: len(boxes(window)) == 1),
        }


def _edits(panel: QWidget) -> bool:
    """Whether typing goes into a line of this panel."""
    focus = QApplication.focusWidget()
    return focus is not None and panel.isAncestorOf(focus) and focus.inherits("QLineEdit")


def at_last_frame(window: MainWindow) -> bool:
    """Whether the playhead stands where the reference film's last frame begins."""
    feed = window.player.reference_feed()
    index = feed.index if feed is not None else None
    return index is not None and window.player.transport.now_ns() == index.start_ns[-1]


@pytest.mark.parametrize("where", ["stage", "records", "timeline"])
def test_every_key_does_what_the_table_says(
    window: MainWindow, qtbot: QtBot, folder: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    asked: list[str] = []

    def ask(*_: object) -> str:
        asked.append("asked")
        return ""

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", ask)
    show(window, qtbot, folder)
    if where == "timeline":
        window.timeline.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    focus = {"stage": window.stage, "records": window.records.table, "timeline": window.timeline}[where]
    keyboard = Keyboard(window, focus, asked)
    effects = keyboard.effects()
    wrong: list[str] = []
    tried = 0
    for spec in TABLE:
        if spec.id == "quit" or not spec.keys:
            continue
        assert spec.id in effects, f"the table has a new row, {spec.id}: say here what it does"
        for key in spec.keys:
            if window.record is None or window.record.id != "b":
                window.records.select("b")
                window.show_record("b")
                qtbot.waitUntil(lambda: window.record is not None and window.record.id == "b")
                qtbot.waitUntil(lambda: window.complete, timeout=20_000)
            keyboard.reset()
            ready, happened = effects[spec.id]
            ready()
            before = happened()
            press(window, key)
            tried += 1
            try:
                qtbot.waitUntil(happened, timeout=20_000)
            except TimeoutError:
                wrong.append(f"{key} did not: {spec.text}")
            except Exception as error:  # noqa: BLE001 - pytest-qt's own TimeoutError
                wrong.append(f"{key} did not: {spec.text} ({type(error).__name__})")
            if before:
                wrong.append(f"{key}: {spec.text} was so before")
    keyboard.reset()
    make_app("dark")
    assert not wrong
    assert tried >= 32


def test_there_is_one_key_sheet(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    """Asked for again it comes to the front; each used to stay, and the memory of each with it."""
    show(window, qtbot, folder)
    for _ in range(3):
        press(window, "F1")
        window.activateWindow()
    assert len(boxes(window)) == 1
    boxes(window)[0].close()
    press(window, "F1")
    assert len(boxes(window)) == 1
    boxes(window)[0].close()


def test_quit_closes_the_window(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    show(window, qtbot, folder)
    press(window, "Ctrl+Q")
    qtbot.waitUntil(lambda: not window.isVisible())


def test_in_the_filter_keys_type(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    """Nothing that is typed there plays, steps, zooms or changes the record."""
    show(window, qtbot, folder)
    go = window.player.transport
    go.seek(AT_NS)
    length = window.timeline.axis.length
    line = window.records.filter
    press(window, "/")
    assert line.hasFocus()
    typed = "k, l.j[g]f/?+-= kK"
    QTest.keyClicks(line, typed)
    assert line.text() == typed
    for key in ("Home", "Right", "End", "Left", "Shift+Left"):
        press(window, key)
    assert (go.now_ns(), go.playing, window.timeline.axis.length) == (AT_NS, False, length)
    assert window.record is not None
    assert window.record.id == "b"
    assert not boxes(window)
    line.clear()


def test_going_to_a_time(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    show(window, qtbot, folder)
    go = window.player.transport
    press(window, "G")
    QTest.keyClicks(window.goto, "0:04.52")
    press(window, "Return")
    assert go.now_ns() == 4_520_000_000
    assert not window.goto.isVisible()
    press(window, "G")
    assert window.goto.text() == ""
    QTest.keyClicks(window.goto, "1.5")
    press(window, "Esc")
    assert not window.goto.isVisible()
    assert go.now_ns() == 4_520_000_000
    press(window, "G")
    QTest.keyClicks(window.goto, "noon")
    press(window, "Return")
    assert "noon" in window.status.text
    assert window.goto.isVisible()
    QTest.keyClicks(window.goto, "99")
    press(window, "Return")
    assert go.now_ns() == END_NS
    # The keys are the window's again.
    window.stage.setFocus()
    press(window, "Home")
    assert go.now_ns() == 0


def test_from_record_to_record_and_no_further(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    show(window, qtbot, folder, "a")
    for key, expected in (("]", "b"), ("]", "c"), ("]", "c"), ("[", "b"), ("[", "a"), ("[", "a")):
        press(window, key)
        qtbot.waitUntil(lambda name=expected: window.record is not None and window.record.id == name)  # type: ignore[misc]
        qtbot.waitUntil(lambda: window.complete, timeout=20_000)
        assert window.windowTitle().startswith(expected)
        assert window.player.transport.now_ns() == 0
        assert len(window.stage.cameras) == 1


def test_what_a_record_took_goes_with_it(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    """At once: waveforms, samples and pictures are large, and garbage is seldom searched for."""
    show(window, qtbot, folder, "a")
    window.sounds.show_spectrogram(window.sounds.focus, True)
    qtbot.waitUntil(lambda: window.complete, timeout=15_000)
    things: list[Any] = [*window.timeline.tracks, *window.player.feeds, *window.stage.cameras]
    things += [window.player.thumbs, window.player.spectra, window.contents]
    gc.collect()
    gc.disable()
    try:
        there = [weakref.ref(thing) for thing in things]
        assert len(there) >= 8
        things.clear()
        for name in "bc":
            window.show_record(name)
            qtbot.waitUntil(lambda name=name: window.record is not None and window.record.id == name)  # type: ignore[misc]
            qtbot.waitUntil(lambda: window.complete, timeout=20_000)
            qtbot.waitUntil(lambda: all(feed.ended for feed in window.player._going))
        assert not [thing for each in there if (thing := each()) is not None]
    finally:
        gc.enable()


def test_leafing_fast_ends_at_the_last(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    show(window, qtbot, folder, "a")
    for key in "]][]][[]]":
        press(window, key)
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "c")
    qtbot.waitUntil(lambda: window.complete, timeout=20_000)


def test_closing_while_it_plays_and_reads_leaves_nothing(
    window: MainWindow, qtbot: QtBot, folder: Path
) -> None:
    """What is left would be found by the house's own fixture."""
    window.start(Opening(str(folder)), None, True)
    qtbot.waitUntil(lambda: window.record is not None and window.player.transport.playing, timeout=15_000)
    window.close()


def test_a_drag_ends_with_its_record_and_with_its_timeline(
    window: MainWindow, qtbot: QtBot, folder: Path
) -> None:
    """Else the player would wait for a hand that let go long ago."""
    show(window, qtbot, folder, "a")
    line, place = window.timeline, QPoint(600, 8)
    left = Qt.MouseButton.LeftButton
    window.player.transport.play()
    QTest.mousePress(line, left, pos=place)
    assert window.player.dragging
    press(window, "]")
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "b")
    QTest.mouseRelease(line, left, pos=place)
    assert not window.player.dragging
    assert not window.player.transport.playing
    qtbot.waitUntil(lambda: window.complete, timeout=20_000)
    QTest.mousePress(line, left, pos=place)
    at_ns = window.player.transport.now_ns()
    assert window.player.dragging
    press(window, "Ctrl+3")
    assert not line.isVisible()
    assert not window.player.dragging
    assert window.player.transport.now_ns() == at_ns > 0
    press(window, "Ctrl+3")
    QTest.mouseMove(line, place + QPoint(90, 0))
    assert window.player.transport.now_ns() == at_ns
    assert not line.scrubbing


def test_closing_while_it_opens(window: MainWindow, folder: Path) -> None:
    window.start(Opening(str(folder)), None, True)
    window.close()


def test_another_dataset_in_the_same_window(
    window: MainWindow, qtbot: QtBot, folder: Path, tmp_path: Path
) -> None:
    show(window, qtbot, folder)
    window.player.transport.play()
    other = tmp_path / "other"
    for name in ("x", "y"):
        shutil.copytree(folder / "a", other / name)
    window.open_path(str(other))
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "x", timeout=15_000)
    qtbot.waitUntil(lambda: window.complete, timeout=15_000)
    assert window.session is not None
    assert window.session.root == other
    assert not window.player.transport.playing
    assert window.records.model.rowCount() == 2
    assert "other" in window.windowTitle()


def test_an_empty_folder_after_a_full_one(
    window: MainWindow, qtbot: QtBot, folder: Path, tmp_path: Path
) -> None:
    show(window, qtbot, folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    window.open_path(str(empty))
    qtbot.waitUntil(lambda: window.session is not None and window.session.root == empty, timeout=15_000)
    assert not window.stage.cameras
    assert window.record is None


def test_an_empty_folder(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    window.open_path(str(empty))
    qtbot.waitUntil(lambda: window.session is not None and window.session.root == empty, timeout=15_000)
    assert not window.stage.cameras
    assert window.record is None
    assert "no record" in window.stage._title.lower()
    assert window.records.model.rowCount() == 0
    for spec in TABLE:  # no key may fall over what is not there
        if spec.id not in ("open", "quit"):
            for key in spec.keys:
                press(window, key)
    for box in boxes(window):
        box.close()
    assert not list(empty.iterdir())


def test_a_path_that_is_not_there_is_said(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.open_path(str(tmp_path / "gone"))
    qtbot.waitUntil(lambda: "nothing" in window.stage._title.lower(), timeout=5000)
    assert str(tmp_path / "gone") in window.stage._text


def test_a_broken_film_is_told_and_the_rest_of_its_record_is_shown(
    window: MainWindow, qtbot: QtBot, folder: Path, tmp_path: Path
) -> None:
    root = tmp_path / "broken"
    for name in RECORDS:
        shutil.copytree(folder / name, root / name)
    (root / "b" / "cam.mp4").write_bytes(b"\0" * 5000)
    show(window, qtbot, root)
    assert window.record is not None
    assert [problem.path for problem in window.record.problems] == ["b/cam.mp4"]
    told = [line for line in _texts(window.dataset) if "cam.mp4" in line]
    assert told, "the Dataset panel does not name the broken file"
    assert not window.stage.cameras
    assert window.transcript is not None
    window.show_record("a")
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "a")
    qtbot.waitUntil(lambda: window.complete, timeout=20_000)
    assert len(window.stage.cameras) == 1


def _texts(panel: QWidget) -> list[str]:
    found = []
    for child in panel.findChildren(QWidget):
        for name in ("text", "toPlainText", "lines"):
            read = getattr(child, name, None)
            if callable(read):
                value = read()
                found += [str(each) for each in value] if isinstance(value, (list, tuple)) else [str(value)]
    return found


def test_small_large_and_in_both_themes(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    show(window, qtbot, folder)
    for width, height in ((800, 600), (1920, 1080), (1280, 800)):
        window.resize(width, height)
        for name in ("light", "dark"):
            press(window, "Ctrl+T")
            assert theme.current().name == name
            qtbot.waitUntil(lambda: window.complete, timeout=20_000)
            image = window.grab().toImage()
            assert (image.width(), image.height()) == (window.width(), window.height())
        camera = window.stage.cameras[0]
        assert window.stage.rect().contains(camera.geometry())
        assert camera.width() >= 120


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_repainting_the_window_keeps_its_references_to_none(
    window: MainWindow, qtbot: QtBot, folder: Path, qtlog: Any
) -> None:
    """PySide6 6.12 lost twenty a repaint and aborted; one that is gained each time is a leak."""
    show(window, qtbot, folder)
    transport = window.player.transport

    def repaint(count: int) -> None:
        for at in range(count):
            transport.seek(at % 20 * FRAME_NS)
            window.repaint()
            QApplication.processEvents()

    for at in range(20):  # a decoded frame holds a few references as long as it is kept
        transport.seek(at * FRAME_NS)
        qtbot.waitUntil(lambda: window.complete, timeout=20_000)
    qtbot.waitUntil(lambda: all(feed.idle for feed in window.player.feeds if isinstance(feed, PictureFeed)))
    with qtlog.disabled():  # a message that pytest-qt keeps has fields that are None
        repaint(30)
        gc.collect()  # else garbage of earlier tests goes while we count, with its references
        before = sys.getrefcount(None)
        repaint(300)
        gc.collect()
        growth = sys.getrefcount(None) - before
    assert abs(growth) < 150, growth  # one kept at each repaint would be 300; what runs behind keeps a few


def test_a_question_leads_to_the_frame(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    """Ctrl+E, a question, Ctrl+Enter, Enter: the record is open and its frame of that moment on show."""
    show(window, qtbot, folder, "a")
    press(window, "Ctrl+E")
    panel = window.asking.panel
    assert panel is not None
    assert panel.isVisible()
    panel.head.lead_in.setValue(0)
    QTest.keyClicks(panel.editor, "SELECT record_id, start_s + 0.5 AS t_s FROM words WHERE record_id > 'b'")
    press(window, "Esc")  # whatever is proposed
    press(window, "Ctrl+Return")
    qtbot.waitUntil(lambda: panel.table.rows.rowCount() == 1, timeout=15_000)
    panel.table.setFocus()
    press(window, "Return")
    qtbot.waitUntil(lambda: window.record is not None and window.record.id == "c", timeout=5000)
    qtbot.waitUntil(lambda: window.complete, timeout=15_000)
    go = window.player.transport
    assert go.now_ns() == 1_500_000_000
    picture = window.stage.cameras[0].picture
    assert picture is not None
    assert films.picture_number(picture) == 37  # of 25 a second
    panel.head.filter.setChecked(True)
    qtbot.waitUntil(lambda: window.records.model.rowCount() == 1)
    window.show_moment("c", 2_000_000_000)
    assert go.now_ns() == 2_000_000_000
    press(window, "Ctrl+E")
    assert not panel.isVisible()
