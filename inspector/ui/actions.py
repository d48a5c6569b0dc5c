"""Every action in one table: menus, shortcuts, buttons and the key sheet are made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence

from inspector.ui import theme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtWidgets import QMainWindow, QMenuBar


Handler = Callable[[], object]
"""What an action does; a result is not looked at."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One action: its id, menu, text, keys, icon and tip. `checkable` ones show a state."""

    id: str
    menu: str
    text: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    tip: str = ""
    checkable: bool = False
    rule: bool = False
    """Whether a line is drawn above it in its menu."""


OWN_FLAG = "Flag of the dataset’s own"
SCOPE = "The selected records, else the one that is shown"
NUDGE_TIP = "The stream that is chosen in the Align panel, as a proposal"
LINK_TIP = "The chosen label, or the word or moment of the stream whose row was clicked last"
LABEL_TIP = "On the tier in hand: the one whose lane or header was clicked last"
WORD_TIP = "the word at the playhead"
LINE_TIP = "all that is said at the playhead without a pause in the file"
MIX_TIP = "The sound whose header was clicked last, else the record’s first"

TABLE = (
    Spec("open", "File", "Open dataset…", ("Ctrl+O",), "open", "Open a folder or a LeRobot dataset"),
    Spec("demo", "File", "Open the demo", (), "", "The clock corpus that comes with Inspector"),
    Spec("intake", "File", "New delivery…", ("Ctrl+I",), "", "What changed, and what still holds", rule=True),
    Spec("diff", "File", "Compare releases…", (), "", "What changed from one release to another"),
    Spec("export", "File", "Export…", ("Ctrl+Shift+E",), "", "Release a curated subset"),
    Spec("preferences", "File", "Preferences…", ("Ctrl+,",), rule=True),
    Spec("quit", "File", "Quit", ("Ctrl+Q",), rule=True),
    Spec("play", "Play", "Play or pause", ("Space",), "play"),
    Spec("forward", "Play", "Forward, faster each time", ("L",)),
    Spec("pause", "Play", "Pause", ("K",), "pause"),
    Spec("backward", "Play", "Backward, faster each time", ("J",)),
    Spec("frame_back", "Play", "One frame back", (",",), "step-back", rule=True),
    Spec("frame_on", "Play", "One frame on", (".",), "step-forward"),
    Spec("back_1", "Play", "1 s back", ("Left",)),
    Spec("on_1", "Play", "1 s on", ("Right",)),
    Spec("back_5", "Play", "5 s back", ("Shift+Left",)),
    Spec("on_5", "Play", "5 s on", ("Shift+Right",)),
    Spec("start", "Play", "To the start", ("Home",), "go-start"),
    Spec("end", "Play", "To the end", ("End",), "go-end"),
    Spec("goto", "Play", "Go to time…", ("G",), "clock", "Type a time such as 7.4 or 1:07.4"),
    Spec("loop_in", "Play", "Loop from here", ("I",), "loop", rule=True),
    Spec("loop_out", "Play", "Loop to here", ("O",)),
    Spec("loop_off", "Play", "No loop", ("Shift+I", "Shift+O")),
    Spec("mute", "Play", "Mute this sound", ("M",), "mute", MIX_TIP, checkable=True, rule=True),
    Spec("solo", "Play", "Only this sound", ("Shift+M",), "sound", MIX_TIP, checkable=True),
    Spec("mute_all", "Play", "Mute all sound", ("Ctrl+M",), checkable=True),
    Spec("mix_reset", "Play", "Every sound as recorded", tip="No mute, no solo, 0 dB"),
    Spec("previous", "Play", "Previous record", ("[",), "prev-record", rule=True),
    Spec("next", "Play", "Next record", ("]",), "next-record"),
    Spec("undo", "Curate", "Undo", ("Ctrl+Z",), "undo", "Take back your newest edit, also after a restart"),
    Spec("redo", "Curate", "Redo", ("Ctrl+Shift+Z",), "redo"),
    Spec("flag_ok", "Curate", "Flag ok", ("V",), "", SCOPE, rule=True),
    Spec("flag_misaligned", "Curate", "Flag misaligned", ("A",), "", SCOPE),
    Spec("flag_missing_modality", "Curate", "Flag missing modality", ("D",), "", SCOPE),
    Spec("flag_reject", "Curate", "Flag reject", ("X",), "", SCOPE),
    Spec("flag_needs_review", "Curate", "Flag needs review", ("R",), "", SCOPE),
    *(
        Spec(f"flag_own_{number}", "Curate", f"{OWN_FLAG} {number}", (f"Alt+{number}",), "", SCOPE)
        for number in range(1, 10)
    ),
    Spec("unflag", "Curate", "No flag", ("U",), "", SCOPE),
    Spec("note", "Curate", "Flag with a note…", ("C",), "flag", "Also your own, also pinned to a moment"),
    Spec("next_unreviewed", "Curate", "Next record without a flag", ("N",), rule=True),
    Spec("advance", "Curate", "Go on after a flag", ("Shift+N",), "", "To the next without one", True),
    Spec("missing", "Curate", "Missing modalities", ("Shift+D",), "", "Re-link, or say what is not expected"),
    Spec("select_listed", "Curate", "Select every listed record", ("Ctrl+Shift+A",)),
    Spec("align", "Align", "Align streams", ("Shift+A",), "", "Move a stream and hear it at once"),
    Spec("tie", "Align", "Mark an event for a tie", ("T",), "", "Once in the stream, once where it belongs"),
    Spec("later_10", "Align", "10 ms later", ("Alt+Right",), "", NUDGE_TIP, rule=True),
    Spec("earlier_10", "Align", "10 ms earlier", ("Alt+Left",), "", NUDGE_TIP),
    Spec("later_1", "Align", "1 ms later", ("Alt+Shift+Right",), "", NUDGE_TIP),
    Spec("earlier_1", "Align", "1 ms earlier", ("Alt+Shift+Left",), "", NUDGE_TIP),
    Spec("later_frame", "Align", "One frame later", ("Alt+.",), "", NUDGE_TIP),
    Spec("earlier_frame", "Align", "One frame earlier", ("Alt+,",), "", NUDGE_TIP),
    Spec("before", "Align", "As it was before", ("B",), "", "Without the proposal", True, True),
    Spec("accept", "Align", "Accept the proposal", ("Ctrl+Return", "Ctrl+Enter"), "check"),
    Spec("discard", "Align", "Throw the proposal away", ("Esc",), "close"),
    Spec("findings", "Audit", "Findings", ("F3",), "", "What the audit found, the worst first", True),
    Spec("audit", "Audit", "Run the audit", ("F4",), "", "Only what is new or changed is measured again"),
    Spec("finding_on", "Audit", "Next finding", ("F7",), "", "Its moment, with its fix proposed"),
    Spec("finding_back", "Audit", "Finding before", ("Shift+F7",)),
    Spec("audition", "Audit", "Play about each finding", (), "", "Three seconds, by themselves", True),
    Spec("rig", "Audit", "Devices: one clock a rig", ("F6",), "", "Late or fast alike in all its records"),
    Spec("self_test", "Audit", "Test the ruler on this data", (), "", "Hidden faults in copies, in memory"),
    Spec("report", "Audit", "Save the report…", (), "", "One HTML file of the newest audit", rule=True),
    Spec("labels", "Label", "Edit labels", ("E",), "label", "The chosen label and its tier"),
    Spec("label_here", "Label", "Begin or end a label here", ("S",), "", LABEL_TIP, rule=True),
    Spec("label_moment", "Label", "Label this moment", ("Q",), "", LABEL_TIP),
    Spec("label_next", "Label", "Next label of the tier", ("Alt+Down",), rule=True),
    Spec("label_previous", "Label", "Label before", ("Alt+Up",)),
    Spec("tier_next", "Label", "Next tier", ("Ctrl+Down",)),
    Spec("tier_previous", "Label", "Tier before", ("Ctrl+Up",)),
    Spec("tier_new", "Label", "New tier…", ("Ctrl+Shift+T",), "", "A lane of yours for labels of one kind"),
    Spec("label_start", "Label", "Start of the label to the playhead", ("Ctrl+[",), rule=True),
    Spec("label_end", "Label", "End of the label to the playhead", ("Ctrl+]",)),
    Spec("label_later", "Label", "Label one frame later", ("Ctrl+Right",)),
    Spec("label_earlier", "Label", "Label one frame earlier", ("Ctrl+Left",)),
    Spec("link", "Label", "Link: one end, then the other", ("W",), "link", LINK_TIP, rule=True),
    Spec("link_more", "Label", "One end more for the last link", ("Shift+W",), "", LINK_TIP),
    Spec(
        "label_box", "Label", "Mark on the picture", ("P",), "", "A box by dragging, a point by a click", True
    ),
    Spec("word", "Label", "Correct this word", ("Shift+E",), "", f"Text and times; {WORD_TIP}", rule=True),
    Spec("line", "Label", "Correct this line", ("Alt+E",), "", f"Text and times; {LINE_TIP}"),
    Spec("word_split", "Label", "Split the word or line", ("Alt+H",), "", "At the caret; a line also here"),
    Spec("word_merge", "Label", "Merge the word or line with the next", ("Alt+Shift+H",)),
    Spec("word_add", "Label", "Add a word…", ("Alt+W",), "", "To the line at the playhead"),
    Spec("line_add", "Label", "Add a line…", ("Alt+Shift+W",), "", "To the transcript, at the playhead"),
    Spec("word_delete", "Label", "Delete the word or line", ("Alt+Del",)),
    Spec("label_split", "Label", "Split the label at the playhead", ("H",), rule=True),
    Spec("label_merge", "Label", "Merge the label with the next", ("Shift+H",)),
    Spec("label_delete", "Label", "Delete the chosen labels", ("Del", "Backspace")),
    *(
        Spec(
            f"label_{number}",
            "Label",
            f"Label {number} of the tier’s vocabulary",
            (str(number),),
            "",
            "For the chosen labels, else for the next one that is made",
            rule=number == 1,
        )
        for number in range(1, 10)
    ),
    Spec(
        "label_import",
        "Label",
        "Import labels…",
        icon="open",
        tip="ELAN, Praat or Label Studio files, shown before they are taken in",
        rule=True,
    ),
    Spec(
        "label_export", "Label", "Export labels…", icon="export", tip="For ELAN, Praat, Label Studio, WebVTT"
    ),
    Spec(
        "agreement", "Curate", "Agreement", ("F2",), "", "How far annotators agree, and where not", rule=True
    ),
    Spec("disagreement_on", "Curate", "Next disagreement", ("F9",)),
    Spec("disagreement_back", "Curate", "Disagreement before", ("Shift+F9",)),
    Spec("batch", "Curate", "My review batch", (), "", "Only its records, and what it came to", True, True),
    Spec("batch_new", "Curate", "New review batch…", (), "", "Records dealt to reviewers, some to two"),
    Spec("history", "Curate", "History", ("Ctrl+H",), "", "Every edit by time and author", rule=True),
    Spec("zoom_in", "View", "Zoom in", ("Ctrl+=", "Ctrl++", "+", "="), "zoom-in"),
    Spec("zoom_out", "View", "Zoom out", ("Ctrl+-", "-"), "zoom-out"),
    Spec("fit", "View", "Show the whole record", ("Ctrl+0", "F"), "zoom-fit"),
    Spec("left", "View", "Records panel", ("Ctrl+1",), "panel-left", checkable=True, rule=True),
    Spec("right", "View", "Streams and transcript panel", ("Ctrl+2",), "panel-right", checkable=True),
    Spec("bottom", "View", "Timeline", ("Ctrl+3",), "panel-bottom", checkable=True),
    Spec("spectrogram", "View", "Spectrogram of this sound", ("Shift+S",), "", MIX_TIP, checkable=True),
    Spec("sync", "View", "Sync readout", ("Y",), "", "How far each stream is from the playhead", True),
    Spec("find", "View", "Search the transcript", ("Ctrl+F",), "search", rule=True),
    Spec("find_all", "View", "Search all texts", ("Ctrl+Shift+F",), "", "Words in every record, as moments"),
    Spec("filter", "View", "Filter the records", ("/",), "filter", "By text, or by a condition: where …"),
    Spec("facets", "View", "Facets", ("Shift+F",), "", "What is in every column, to filter by", True),
    Spec("plots", "View", "Plots of the dataset", ("Shift+P",), "", "Distributions, two columns, coverage"),
    Spec("sample", "View", "Random sample…", ("Ctrl+Shift+R",), "", "Stratified, kept with its seed"),
    Spec(
        "sql",
        "View",
        "Ask in SQL",
        ("Ctrl+E",),
        "",
        "Questions to the dataset, down to the frame",
        True,
        True,
    ),
    Spec("moment_on", "View", "Next moment of the answer", ("F8",)),
    Spec("moment_back", "View", "Moment before", ("Shift+F8",)),
    Spec("theme", "View", "Light or dark", ("Ctrl+T",), "sun", rule=True),
    Spec("fullscreen", "View", "Full screen", ("F11",)),
    Spec("keys", "Help", "Keys", ("F1", "?"), "keyboard"),
    Spec("about", "Help", "About Inspector"),
)


def make_actions(window: QMainWindow, perform: Callable[[str], object]) -> dict[str, QAction]:
    """One QAction for each row of the table; `perform` is given the id of the one that was triggered."""
    made: dict[str, QAction] = {}
    for spec in TABLE:
        action = QAction(spec.text, window)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        action.setCheckable(spec.checkable)
        keys = f"  ({_keys_text(spec)})" if spec.keys else ""
        action.setToolTip(f"{spec.tip or spec.text.rstrip('…')}{keys}")
        action.triggered.connect(lambda _=False, name=spec.id: perform(name))
        window.addAction(action)
        made[spec.id] = action
    return made


def set_icons(actions: Mapping[str, QAction]) -> None:
    """Draw the icons in the theme in force."""
    for spec in TABLE:
        if spec.icon:
            actions[spec.id].setIcon(theme.icon(spec.icon))


def fill_menus(bar: QMenuBar, actions: Mapping[str, QAction]) -> None:
    """The menus, in the table's order."""
    menus = {}
    for spec in TABLE:
        if spec.menu not in menus:
            menus[spec.menu] = bar.addMenu(spec.menu)
        if spec.rule:
            menus[spec.menu].addSeparator()
        menus[spec.menu].addAction(actions[spec.id])


TIMELINE_KEYS = (
    ("drag", "Move the playhead"),
    ("click", "Jump to a word or a label"),
    ("Ctrl + wheel", "Zoom at the pointer"),
    ("Shift + wheel", "Pan"),
    ("Alt + drag", "Pan"),
    ("drag on labels", "Make, move or size a label"),
    ("Ctrl while dragging", "Without snapping"),
    ("Ctrl + click", "Choose one label more"),
    ("Shift + drag", "Move a stream against the others"),
    ("drag an edge", "Track and timeline height"),
)


def key_sheet() -> str:
    """The table as HTML for the key sheet, its menus side by side."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for spec in TABLE:
        if spec.keys == ("1",):
            groups.setdefault(spec.menu, []).append(("1 to 9", "Labels of the tier’s vocabulary"))
        elif spec.keys == ("Alt+1",):
            groups.setdefault(spec.menu, []).append(("Alt+1 to Alt+9", "Flags of the dataset’s own"))
        elif spec.keys and not spec.keys[0].removeprefix("Alt+").isdecimal():
            groups.setdefault(spec.menu, []).append((_keys_text(spec), spec.text.rstrip("…")))
    groups["Timeline"] = list(TIMELINE_KEYS)
    columns = (("Play", "Timeline", "Help"), ("View", "File"), ("Curate", "Audit"), ("Align", "Label"))
    cells = "".join(
        f'<td style="padding-right:40px">{"".join(_group(name, groups[name]) for name in column)}</td>'
        for column in columns
    )
    return f'<table><tr valign="top">{cells}</tr></table>'


def _group(title: str, rows: list[tuple[str, str]]) -> str:
    quiet = theme.current().quiet.name()
    line = "white-space:nowrap"
    lines = "".join(
        f'<tr><td style="padding:0 20px 0 0;{line};font-family:{theme.MONO_FAMILY}">{escape(keys)}</td>'
        f'<td style="{line}">{text}</td></tr>'
        for keys, text in rows
    )
    return f'<p style="color:{quiet};margin:6px 0 2px 0">{title}</p><table>{lines}</table>'


def _keys_text(spec: Spec) -> str:
    names = {"Left": "←", "Right": "→", ",": ",", ".": "."}
    shown = []
    for key in spec.keys[:2]:
        for name, sign in names.items():
            if key.endswith(name) and len(name) > 1:
                key = key[: -len(name)] + sign
        shown.append(key)
    return " or ".join(shown)
