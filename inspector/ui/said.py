"""What the stage says where it has no pictures, and which labels stand on which film."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.core.times import clock_text

if TYPE_CHECKING:
    from inspector.core.model import Annotation, Record

START_WORDS = (
    "Open a dataset",
    "Ctrl+O, or drop a folder here: a folder of recordings, or a LeRobot dataset.",
)
NOTHING_READ = (
    "Inspector reads films, sounds, transcripts (SRT, VTT, ASS, text, Whisper JSON),\n"
    "tables (CSV, TSV, Parquet), stills, and LeRobot datasets. Ctrl+O opens another folder."
)


def labels_on(record: Record, stream_id: str) -> list[Annotation]:
    """The labels that stand on a film: those that name it, and on the reference those that name none."""
    return [label for label in record.annotations if _belongs(label, stream_id, record)]


def _belongs(label: Annotation, stream_id: str, record: Record) -> bool:
    anchors = [anchor.stream_id for anchor in label.anchors]
    return stream_id in anchors or (stream_id == record.reference and not any(anchors))


def no_pictures(record: Record) -> tuple[str, str]:
    """Title and words for a record without films."""
    kinds = sorted({stream.modality.value for stream in record.streams})
    trouble = str(record.problems[0]) if record.problems else ""
    if not kinds:
        return "Nothing to show", trouble or "None of this record's files could be read"
    told = f"No pictures in this record: {', '.join(kinds)}, {clock_text(record.span[1], 1)}"
    return record.id, f"{told}\n{trouble}"
