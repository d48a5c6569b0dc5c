"""Where the pane's rows may be saved, and as what: the file's ending says it, and never in the dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inspector.errors import InspectorError
from inspector.query import formats

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

FORMATS = {".csv": "CSV", ".json": "JSON", ".parquet": "Parquet"}


def save(table: pa.Table, path: Path, dataset: Path | None) -> None:
    """Write a table in the format of the file's ending; the file is there whole or as it was.

    Raises InspectorError: the ending is none of ours, the file would lie in the dataset, the disk will not.
    """
    ending = path.suffix.lower()
    if ending not in FORMATS:
        known = ", ".join(FORMATS)
        raise InspectorError("The file's ending names no format", path.name, f"End it with {known}")
    if dataset is not None and path.resolve().is_relative_to(dataset.resolve()):
        raise InspectorError(
            "Nothing is written into the dataset", str(path), "Choose a folder outside " + str(dataset)
        )
    formats.save(table, path, ending[1:])
