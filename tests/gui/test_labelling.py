"""Labels edited under real keys and mouse on a record of the demo, each gesture one edit of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gui.label_hands import CTRL, MS, NO, dataset, drag, labels, lane, saved, see, spot, window
from gui.windows import edits, press
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from inspector.core.annotate import reference_span
from inspector.core.times import NS
from inspector.ui.timeline.label_track import LabelTrack

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from inspector.ui.main_window import MainWindow


__all__ = ["dataset", "window"]


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
    for typed, value in (("sure = 0.5", {"sure": 0.5}), ("sure =", {})):
        panel.attribute.setFocus()
        QTest.keyClicks(panel.attribute, typed)
        press(window, "Return")
        done()
        assert labels(window, "cy")[0].attrs == value
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
