"""Labels edited under real keys and mouse on a record of the demo, each gesture one edit of the journal."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QEvent, QKeyCombination, QPoint, QPointF, Qt
from PySide6.QtGui import QKeySequence, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from inspector.core.annotate import reference_span
from inspector.core.assets import resource
from inspector.core.times import NS
from inspector.session import Opening
from inspector.ui.app import make_app
from inspector.ui.main_window import MainWindow
from inspector.ui.timeline.label_track import LabelTrack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.core.model import Annotation

MS = 1_000_000
NO, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("label") / "demo"
    root.mkdir()
    shutil.copy(resource("demo") / "metadata.csv", root)
    shutil.copytree(resource("demo") / "rec_001", root / "rec_001")
    return root


@pytest.fixture
def window(qtbot: QtBot, dataset: Path) -> Iterator[MainWindow]:
    shutil.rmtree(dataset / ".inspector", ignore_errors=True)
    make_app("dark")
    made = MainWindow(with_sound=False)
    made.resize(1500, 950)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.start(Opening(str(dataset), None, "rec_001", None, "cy"), None, False)
    qtbot.waitUntil(lambda: made.record is not None and made.complete, timeout=20_000)
    made.stage.setFocus()
    yield made
    made.close()
    made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def press(window: MainWindow, keys: str) -> None:
    combination: QKeyCombination = QKeySequence(keys)[0]  # type: ignore[index]
    QTest.keyClick(QApplication.focusWidget() or window, combination.key(), combination.keyboardModifiers())


def edits(dataset: Path) -> list[dict[str, Any]]:
    files = (dataset / ".inspector" / "journal").glob("*.jsonl")
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def lane(window: MainWindow, author: str = "A") -> LabelTrack:
    found = [each for each in window.timeline.tracks if isinstance(each, LabelTrack)]
    return next(each for each in found if each.author == author)


def spot(window: MainWindow, track: LabelTrack, ns: int) -> QPoint:
    canvas = window.timeline.canvas
    row = canvas.content_rect(track)
    return QPoint(round(canvas.x_of(ns)), round(row.center().y()))


def drag(window: MainWindow, start: QPoint, end: QPoint, held: Qt.KeyboardModifier = NO) -> None:
    view, left = window.timeline, Qt.MouseButton.LeftButton
    QTest.mousePress(view, left, NO, start)
    for part in (0.3, 0.7, 1.0):
        place = QPointF(start + (end - start) * part)
        at = QPointF(view.mapToGlobal(place.toPoint()))
        QApplication.sendEvent(
            view, QMouseEvent(QEvent.Type.MouseMove, place, at, Qt.MouseButton.NoButton, left, held)
        )
    QTest.mouseRelease(view, left, held, end)


def labels(window: MainWindow, author: str = "A") -> list[Annotation]:
    assert window.record is not None
    found = [each for each in window.record.annotations if each.author == author]
    return sorted(found, key=lambda each: each.span or (0, 0))


def saved(window: MainWindow, qtbot: QtBot, dataset: Path, count: int) -> dict[str, Any]:
    """Wait until there are so many edits and the window shows the last; that edit."""

    def there() -> bool:
        found = edits(dataset)
        if len(found) != count or window.curating._busy() or window.session is None or window.record is None:
            return False
        return window.record == window.session.record("rec_001")

    qtbot.waitUntil(there, timeout=10_000)
    return max(edits(dataset), key=lambda each: each["at"])


def see(window: MainWindow) -> LabelTrack:
    """Bring the lane of A onto the screen, some seconds wide."""
    track = lane(window)
    bar = window.timeline._bar
    bar.setValue(bar.maximum())
    assert not window.timeline.canvas.content_rect(track).isEmpty()
    return track


def test_a_label_is_drawn_moved_sized_and_undone_by_mouse(
    window: MainWindow, qtbot: QtBot, dataset: Path
) -> None:
    track = see(window)
    assert window.record is not None
    first = reference_span(window.record, labels(window)[0].anchors[0])
    assert first is not None
    renders = window.timeline.canvas.renders
    low, high = first[0] // 4, first[0] // 2  # before the first label nothing is in the way
    drag(window, spot(window, track, low), spot(window, track, high), CTRL)
    edit = saved(window, qtbot, dataset, 1)
    assert edit["title"].startswith("Make")
    assert [change[1].split("/")[0] for change in edit["changes"]] == ["annotations"]
    (made,) = labels(window, "cy")
    assert made.tier == track.tier
    assert made.anchors[0].stream_id == window.record.reference
    per_px = window.timeline.axis.length / window.timeline.canvas.content_width
    assert abs((made.span or (0, 0))[1] - high) <= 2 * per_px
    assert window.labelling.chosen == (made.id,)
    assert lane(window, "cy").chosen == {made.id}
    # What is not a label was not laid anew.
    assert window.timeline.canvas.renders - renders <= 12
    # Its end pulled near the start of A's first label comes to lie on it exactly.
    own = lane(window, "cy")
    near = first[0] + round(5 * per_px)
    drag(window, spot(window, own, (made.span or (0, 0))[1]), spot(window, own, near))
    saved(window, qtbot, dataset, 2)
    assert (labels(window, "cy")[0].span or (0, 0))[1] == first[0]
    # With Ctrl it does not.
    drag(window, spot(window, own, first[0]), spot(window, own, near), CTRL)
    saved(window, qtbot, dataset, 3)
    end = (labels(window, "cy")[0].span or (0, 0))[1]
    assert 0 < end - first[0] <= 7 * per_px
    # As a whole, and one edit at that: its field alone.
    middle = sum(labels(window, "cy")[0].span or (0, 0)) // 2
    drag(window, spot(window, own, middle), spot(window, own, middle + 2 * NS), CTRL)
    edit = saved(window, qtbot, dataset, 4)
    assert [change[1] for change in edit["changes"]] == [f"annotations/{made.id}/anchors"]
    moved = labels(window, "cy")[0].span or (0, 0)
    assert abs(moved[0] + moved[1] - 2 * middle - 4 * NS) <= 4 * per_px
    for count in (5, 6, 7, 8):
        press(window, "Ctrl+Z")
        saved(window, qtbot, dataset, count)
    assert labels(window, "cy") == []
    press(window, "Ctrl+Shift+Z")
    saved(window, qtbot, dataset, 9)
    assert labels(window, "cy") == [made]


def test_a_drag_that_is_let_go_where_it_was_is_no_edit(
    window: MainWindow, qtbot: QtBot, dataset: Path
) -> None:
    track = see(window)
    first = labels(window)[0].span or (0, 0)
    at = spot(window, track, sum(first) // 2)
    QTest.mouseClick(window.timeline, Qt.MouseButton.LeftButton, NO, at)
    assert window.labelling.chosen == (labels(window)[0].id,)
    assert window.player.transport.now_ns() == first[0]
    assert edits(dataset) == []


def test_labels_are_made_and_edited_by_key_alone(window: MainWindow, qtbot: QtBot, dataset: Path) -> None:
    go = window.player.transport
    count = 0

    def done() -> dict[str, Any]:
        nonlocal count
        count += 1
        return saved(window, qtbot, dataset, count)

    go.seek(2 * NS)
    press(window, "S")
    go.seek(4 * NS)
    press(window, "S")
    done()
    (one,) = labels(window, "cy")
    assert one.span == (2 * NS, 4 * NS)
    go.seek(3 * NS)
    press(window, "H")
    done()
    assert [each.span for each in labels(window, "cy")] == [(2 * NS, 3 * NS), (3 * NS, 4 * NS)]
    press(window, "Shift+H")
    done()
    assert [each.span for each in labels(window, "cy")] == [(2 * NS, 4 * NS)]
    go.seek(2 * NS + 500 * MS)
    press(window, "Ctrl+[")
    done()
    assert labels(window, "cy")[0].span == (2 * NS + 500 * MS, 4 * NS)
    go.seek(5 * NS)
    press(window, "Ctrl+]")
    done()
    assert labels(window, "cy")[0].span == (2 * NS + 500 * MS, 5 * NS)
    before = labels(window, "cy")[0].span or (0, 0)
    press(window, "Ctrl+Right")
    done()
    after = labels(window, "cy")[0].span or (0, 0)
    assert after[0] - before[0] == after[1] - before[1] > 0
    entry = window.labelling.vocabulary(one.tier).label_of(2)
    press(window, "2")
    done()
    assert labels(window, "cy")[0].label == entry
    press(window, "E")
    panel = window.labelling.panel
    assert panel is not None
    assert panel.text.hasFocus()
    QTest.keyClicks(panel.text, "wave")
    press(window, "Return")
    done()
    assert labels(window, "cy")[0].label == "wave"
    assert window.stage.hasFocus()
    panel.start.setFocus()
    panel.start.selectAll()
    QTest.keyClicks(panel.start, "1.25")
    press(window, "Return")
    done()
    assert (labels(window, "cy")[0].span or (0, 0))[0] == 1250 * MS
    go.seek(6 * NS)
    press(window, "Q")
    done()
    assert labels(window, "cy")[-1].span == (6 * NS, 6 * NS)
    press(window, "Del")
    done()
    assert len(labels(window, "cy")) == 1
    go.seek(0)
    for step, place in (("Alt+Down", 0), ("Alt+Down", 1), ("Alt+Up", 0)):
        press(window, step)
        (label,) = window.labelling.labels
        along = [each for each in labels(window, label.author) if each.tier == window.labelling.tier]
        assert label == along[place]
        assert go.now_ns() == (label.span or (0, 0))[0]


def test_a_new_tier_has_a_lane_before_it_has_a_label(window: MainWindow, qtbot: QtBot, dataset: Path) -> None:
    press(window, "Ctrl+Shift+T")
    assert window.labelling.panel is not None
    QTest.keyClicks(window.labelling.panel.new_tier, "gaze")
    press(window, "Return")
    found = [each for each in window.timeline.tracks if isinstance(each, LabelTrack) and each.tier == "gaze"]
    assert [each.author for each in found] == ["cy"]
    bar = window.timeline._bar
    qtbot.waitUntil(lambda: not window.timeline.canvas.lagging)
    bar.setValue(bar.maximum())
    drag(window, spot(window, found[0], NS), spot(window, found[0], 2 * NS))
    saved(window, qtbot, dataset, 1)
    assert [each.tier for each in labels(window, "cy")] == ["gaze"]
    assert window.labelling.tier == "gaze"
