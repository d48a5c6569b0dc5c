"""The side panels: fast on a million records, quiet about keys, exact about what they repaint."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from gui.costs import least_s
from gui.panel_fakes import (
    FakeDataset,
    Painted,
    a_record,
    a_session,
    clean_session,
    crowded_session,
    picture,
    plain_record,
    rich_record,
    shown,
    texts,
    tip,
)
from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip, QVBoxLayout, QWidget

from inspector.core.model import Coverage, Modality, Problem
from inspector.ui import theme
from inspector.ui.panels.common import chip_size, count_text, paint_chip
from inspector.ui.panels.coverage import SQUARE, paint_square
from inspector.ui.panels.dataset import DatasetPanel
from inspector.ui.panels.records import RecordsPanel
from inspector.ui.panels.records_model import (
    BROKEN,
    COVERAGE,
    DURATION,
    FIRST_OWN,
    RECORD,
    STATE,
    WARNED,
    RecordsModel,
)
from inspector.ui.panels.streams import (
    Places,
    StreamDelegate,
    StreamsPanel,
    column_text,
    lag_text,
    offset_text,
    what_text,
)
from inspector.ui.panels.transcript import TranscriptPanel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from inspector.session import Session
    from inspector.ui.panels.common import ChipKind


pytestmark = pytest.mark.usefixtures("dark")


# --- what the panels share ------------------------------------------------------------------------


def test_every_state_of_coverage_has_a_shape_of_its_own() -> None:
    grey = QColor("#808080")
    area = QRectF(10, 8, SQUARE, SQUARE)
    drawn = {state: picture(lambda p, s=state: paint_square(p, area, grey, s)) for state in Coverage}  # type: ignore[misc]
    same = {(a, b) for a in drawn for b in drawn if a < b and drawn[a] == drawn[b]}
    assert same == {(Coverage.FROZEN, Coverage.SILENT)}  # one shape: there is a track, and nothing in it


@pytest.mark.parametrize("light", [False, True])
def test_every_kind_of_chip_looks_its_own_way_and_only_good_is_green(qapp: QApplication, light: bool) -> None:
    theme.apply(qapp, light)
    area = QRect(QPoint(), chip_size("n/m"))
    kinds: tuple[ChipKind, ...] = ("ref", "neutral", "good", "suspect", "failed", "unmeasured")
    drawn = {kind: picture(lambda p, k=kind: paint_chip(p, area, "n/m", k)) for kind in kinds}  # type: ignore[misc]
    assert len(set(drawn.values())) == len(kinds)


def test_counts_are_grouped() -> None:
    assert count_text(1, "record") == "1 record"
    assert count_text(1_234_567, "record") == "1\u2009234\u2009567 records"


# --- records --------------------------------------------------------------------------------------


def million(rows: int = 1_000_000) -> Session:
    """An index of so many rows, made without a Python object for each."""
    number = pa.array(np.arange(rows))
    ids = pc.binary_join_element_wise("rec_", pc.utf8_lpad(number.cast(pa.string()), 7, "0"), "")
    kinds = pa.array(["video", "audio", "text", "sensor"] * rows)
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * 4)
    lists = pa.ListArray.from_arrays(offsets, kinds)
    table = pa.table({"record_id": ids, "modalities": lists, "take": pc.multiply(number, -1)})
    return a_session(FakeDataset(Path("/data/big"), "folder", table))


def test_a_million_records_open_and_scroll_at_once(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    session = million()
    panel = RecordsPanel()
    shown(qtbot, panel)
    read = Painted(monkeypatch, RecordsModel, "_at")
    panel.set_session(session)
    panel.table.viewport().repaint()
    visible = len(panel.table.shown_rows()) * panel.model.columnCount()
    assert len(read.calls) < 1000 + 10 * visible  # a few hundred rows are read to size the columns

    read.calls.clear()
    bar = panel.table.verticalScrollBar()
    for part in range(1, 11):
        bar.setValue(bar.maximum() * part // 10)
        panel.table.viewport().repaint()
    assert 0 < len(read.calls) <= 10 * 10 * visible
    assert 999_999 in panel.table.shown_rows()
    assert panel.model.record_id(999_999) == "rec_0999999"
    assert panel.header.text() == "Records 1\u2009000\u2009000"

    panel.filter.setText("rec_00123")
    qtbot.waitUntil(lambda: panel.model.rowCount() == 100, timeout=10_000)
    assert panel.header.text().endswith("100 shown by filter")
    panel.table.horizontalHeader().setSortIndicator(FIRST_OWN, Qt.SortOrder.AscendingOrder)
    qtbot.waitUntil(lambda: panel.model.record_id(0) == "rec_0012399", timeout=10_000)


def test_a_filling_index_paints_only_rows_on_screen(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    session = million()
    panel = RecordsPanel()
    shown(qtbot, panel)
    panel.set_session(session)
    changed = Painted(monkeypatch, panel.model, "changed")
    few = RecordsPanel()
    qtbot.addWidget(few)
    few.set_session(million(10_000))

    def fill(panel: RecordsPanel, numbers: Iterator[int]) -> None:
        for number in islice(numbers, 1000):
            panel.set_filled(f"rec_{number:07d}", a_record("any", 14.0))

    costs = [least_s(partial(fill, each, iter(range(5000)))) for each in (panel, few)]
    assert costs[0] < 10 * costs[1]  # 100 if anything went through all records
    qtbot.waitUntil(lambda: bool(changed.calls))
    assert set(changed.calls) == set(panel.table.shown_rows())
    texts_ = {panel.model.index(row, DURATION).data() for row in (0, 3, 4999, 5000)}
    assert texts_ == {"14.0", "…"}  # also after thousands went from the front into the arrays


@pytest.fixture
def records(qtbot: QtBot) -> RecordsPanel:
    """The crowded list, shown, with keyboard focus in the table."""
    panel = RecordsPanel()
    panel.set_session(crowded_session())
    shown(qtbot, panel, 420, 560)
    panel.table.setFocus()
    return panel


def column(panel: RecordsPanel, number: int) -> list[str]:
    """What a column shows from top to bottom."""
    return [str(panel.model.index(row, number).data()) for row in range(panel.model.rowCount())]


def test_filter_looks_into_the_id_and_every_own_column(records: RecordsPanel, qtbot: QtBot) -> None:
    QTest.keyClicks(records.filter, "KITCHEN")
    qtbot.waitUntil(lambda: records.model.rowCount() == 3)
    assert records.header.text() == "Records 28 3 shown by filter"
    records.filter.setText("_02")
    qtbot.waitUntil(lambda: column(records, RECORD) == [f"rec_02{n}" for n in range(9)])
    records.filter.setText("nowhere")
    qtbot.waitUntil(lambda: records.model.rowCount() == 0)
    assert records.table.empty_text == "No record has “nowhere” in its name or columns"
    QTest.keyClick(records.filter, Qt.Key.Key_Escape)
    assert records.filter.text() == ""
    assert records.model.rowCount() == 28
    assert records.header.text() == "Records 28"


def test_a_click_on_a_header_sorts_and_a_third_one_does_not(records: RecordsPanel, qtbot: QtBot) -> None:
    head = records.table.horizontalHeader()
    take = FIRST_OWN + 2
    records.select("rec_005")
    spot = QPoint(head.sectionViewportPosition(FIRST_OWN) + 10, head.height() // 2)
    QTest.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert column(records, FIRST_OWN) == sorted(column(records, FIRST_OWN))
    assert records.model.record_id(records.table.currentIndex().row()) == "rec_005"  # the mark stays with it
    QTest.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert column(records, FIRST_OWN) == sorted(column(records, FIRST_OWN), reverse=True)
    QTest.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert column(records, RECORD)[:2] == ["rec_001", "rec_002"]
    head.setSortIndicator(take, Qt.SortOrder.AscendingOrder)
    assert column(records, take) == [str(number) for number in range(1, 29)]  # as numbers, not as words
    records.set_filled("rec_003", a_record("rec_003", 2.0))
    records.set_filled("rec_004", a_record("rec_004", 1.0))
    head.setSortIndicator(DURATION, Qt.SortOrder.AscendingOrder)
    assert column(records, DURATION)[:3] == ["1.0", "2.0", "…"]


def test_neighbour_follows_what_is_shown(records: RecordsPanel) -> None:
    assert records.neighbour(1) == "rec_001"
    assert records.neighbour(-1) == "rec_028"
    records.select("rec_005")
    assert (records.neighbour(-1), records.neighbour(1)) == ("rec_004", "rec_006")
    records.select("rec_028")
    assert records.neighbour(1) is None
    records.filter.setText("rec_01")
    records.filter.returnPressed.emit()
    records.select("rec_005")  # hidden by the filter
    assert (records.neighbour(-1), records.neighbour(1)) == (None, "rec_010")
    records.select("rec_025")
    assert (records.neighbour(-1), records.neighbour(1)) == ("rec_019", None)


def test_holding_an_arrow_key_chooses_once(records: RecordsPanel, qtbot: QtBot) -> None:
    chosen: list[str] = []
    records.record_chosen.connect(chosen.append)
    records.select("rec_001")
    assert not chosen
    for _ in range(5):
        QTest.keyClick(records.table, Qt.Key.Key_Down)
    assert not chosen
    qtbot.waitUntil(lambda: chosen == ["rec_006"])
    QTest.keyClick(records.table, Qt.Key.Key_Return)
    assert chosen == ["rec_006", "rec_006"]
    place = records.table.visualRect(records.model.index(2, RECORD)).center()
    QTest.mouseClick(records.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: chosen[2:] == ["rec_003"])
    QTest.keyClick(records.table, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: chosen[3:] == ["rec_028"])


NAMES = "Space J K L Comma Period Left Right Home End BracketLeft BracketRight G F Plus"
WINDOW_KEYS = [getattr(Qt.Key, f"Key_{name}") for name in NAMES.split()]


class Window(QWidget):
    """Notes the keys that come through to it."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[int] = []

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.keys.append(event.key())


@pytest.mark.parametrize("part", ["records", "streams", "transcript", "leftover"])
def test_the_keys_of_the_window_come_through(qtbot: QtBot, part: str) -> None:
    window = Window()
    box = QVBoxLayout(window)
    panel: Any
    if part == "records":
        panel = RecordsPanel()
        panel.set_session(crowded_session())
        panel.select("rec_003")
        inner = panel.table
    elif part == "streams":
        panel = StreamsPanel()
        panel.set_record(rich_record())
        inner = panel.view
    elif part == "transcript":
        panel = TranscriptPanel()
        panel.set_record(rich_record(), texts(rich_record()))
        inner = panel.list
    else:
        panel = DatasetPanel()
        panel.set_session(crowded_session())
        inner = panel.leftover.list
    box.addWidget(panel)
    shown(qtbot, window, 320, 700)
    inner.setFocus()
    for key in WINDOW_KEYS:
        QTest.keyClick(inner, key)
    assert window.keys == WINDOW_KEYS
    if part == "records":
        assert panel.model.record_id(inner.currentIndex().row()) == "rec_003"


def test_what_is_known_of_a_record_is_said_in_words(records: RecordsPanel, qtbot: QtBot) -> None:
    model = records.model
    assert model.words(0, STATE) == "Not looked at yet"
    assert "film not looked at yet · sound not looked at yet" in model.words(0, COVERAGE)
    assert "sensor absent" in model.words(13, COVERAGE)
    problem = Problem("front.mp4", "ends early", "plays up to there")
    told = a_record("rec_001", 9.8, coverage={Modality.VIDEO: Coverage.TRUNCATED}, problems=(problem,))
    records.set_filled("rec_001", told)
    assert model.words(0, COVERAGE) == "film cut short · sound present · transcript present · sensor present"
    assert model.words(0, STATE) == "front.mp4: ends early; plays up to there"
    assert (model.state(0), model.words(0, DURATION)) == (WARNED, "9.8 s")
    records.set_filled("rec_002", None)
    assert (model.state(1), model.words(1, DURATION)) == (BROKEN, "No length: it could not be loaded")
    records.table.viewport().repaint()
    strip = records.table.visualRect(model.index(0, COVERAGE)).center()
    assert tip(records.table, strip).startswith("film cut short")
    whole = records.table.visualRect(model.index(0, RECORD)).center()
    tip(records.table, whole)
    qtbot.waitUntil(lambda: QToolTip.text() == "")  # nothing is cut


# --- streams --------------------------------------------------------------------------------------


def test_streams_say_what_they_are() -> None:
    film, _, voice, words, imu, arm = rich_record().streams
    assert what_text(film) == "video · h264 · 640×480 · 30 fps"
    assert what_text(voice) == "audio · aac · 48 kHz · mono"
    assert what_text(words) == "text · whisper"
    assert what_text(imu) == "sensor · 26 ch · 30 Hz"
    assert column_text(imu) == "times in t_ms (ms)"
    assert offset_text(voice) == "320 ms late"
    assert offset_text(imu) == "0 ms · +800 ppm"
    assert offset_text(arm) == "0 ms"
    assert (lag_text(4.2, 0.1), lag_text(-86, 2.6), lag_text(None, None)) == ("+4.2 ms", "−86 ms · 3 f", "")


@pytest.fixture
def streams(qtbot: QtBot) -> StreamsPanel:
    """The streams of the crowded record, shown."""
    panel = StreamsPanel()
    panel.set_record(rich_record())
    shown(qtbot, panel, 420, 560)
    return panel


def test_a_lag_repaints_its_own_figure_and_lays_nothing_out(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = StreamsPanel()
    streams.set_record(rich_record())
    shown(qtbot, streams, 420, 560)
    streams.set_lag("voice", 1.0, 0.0)
    before = streams.view.grab().toImage()
    QApplication.processEvents()
    painted = Painted(monkeypatch, StreamDelegate, "places", keep=lambda index: index.row())
    laid_out: list[str] = []
    streams.model.dataChanged.connect(lambda *_: laid_out.append("data"))
    streams.model.layoutChanged.connect(lambda *_: laid_out.append("layout"))
    streams.set_lag("voice", -86.0, 2.6)
    qtbot.waitUntil(lambda: bool(painted.calls))
    assert painted.calls == [2]
    assert not laid_out
    assert streams.view.grab().toImage() != before
    painted.calls.clear()
    streams.set_lag("voice", -86.2, 2.6)  # reads the same
    QApplication.processEvents()
    assert not painted.calls


def test_streams_explain_their_chips_and_are_copied(streams: StreamsPanel, qtbot: QtBot) -> None:
    def at(row: int, part: str) -> QPoint:
        index = streams.model.index(row, 0)
        stream = streams.model.stream(row)
        places = Places(streams.view.visualRect(index), stream, streams.model.is_reference(stream))
        return cast("QRect", getattr(places, part)).center()

    assert tip(streams.view, at(0, "chip")).startswith("The reference")
    assert tip(streams.view, at(2, "chip")).startswith("Not measured")
    assert "prove nothing" in tip(streams.view, at(5, "clock"))
    assert "axis_11 … 14 more" in tip(streams.view, at(4, "what"))
    streams.view.setCurrentIndex(streams.model.index(2, 0))
    QTest.keyClick(streams.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith("voice\taudio · aac · 48 kHz · mono\t0:00.000 – 0:15.000")
    assert "320 ms late\tnot measured" in copied


# --- dataset --------------------------------------------------------------------------------------


def test_the_dataset_is_told_in_words(qtbot: QtBot) -> None:
    panel = DatasetPanel()
    shown(qtbot, panel, 320, 700)
    assert panel.format.text() == "No dataset is open"
    panel.set_session(clean_session())
    assert panel.leftover.none.text() == "Nothing left over: every file belongs to a record"
    session = crowded_session()
    panel.set_session(session)
    assert panel.counts.lines() == [f"{name} 28 of 28" for name in ("film", "sound", "transcript")] + [
        "sensor 27 of 28"
    ]
    assert panel.path.text() == str(session.root)
    assert panel.leftover.header.text() == "Left over 40"
    assert panel.record.none.text() == "No record is open"
    panel.set_record(rich_record())
    assert panel.record.list.text().splitlines()[1] == "imu.csv: three lines repeat a time stamp"
    panel.set_record(plain_record())
    assert panel.record.none.text() == "No problem found in the files of rec_001"
    panel.leftover.copy.click()
    assert QGuiApplication.clipboard().text().count("\n") == 39
    panel.leftover.list.setCurrentIndex(panel.leftover.list.lines.index(3, 0))
    QTest.keyClick(panel.leftover.list, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().endswith("take_0003_of_the_old_camera.mov")


def test_a_hundred_thousand_files_left_over_open_at_once(qtbot: QtBot) -> None:
    panel = DatasetPanel()
    shown(qtbot, panel, 320, 700)

    def cost(files: int) -> float:
        session = clean_session()
        session.dataset.leftover = tuple(f"scratch/{number}.mov" for number in range(files))

        def opened() -> None:
            panel.set_session(session)
            QApplication.processEvents()

        return least_s(opened)

    assert cost(100_000) < 20 * cost(1000)  # 100 if every one were laid out


@pytest.mark.parametrize("make", [RecordsPanel, StreamsPanel, TranscriptPanel, DatasetPanel])
def test_a_panel_changes_its_theme(qtbot: QtBot, qapp: QApplication, make: type[QWidget]) -> None:
    panel = make()
    shown(qtbot, panel)
    for light in (True, False):
        theme.apply(qapp, light)
        ground = panel.grab().toImage().pixelColor(2, panel.height() - 3)
        assert ground == theme.current().panel
