"""Where the files that come with the program lie: icons, fonts, SQL, the demo dataset."""

from __future__ import annotations

from pathlib import Path

from inspector.errors import InspectorError


def resource(*parts: str) -> Path:
    """The file or folder below resources/ that `parts` name, as `resource("icons", "play.svg")`.

    A wheel carries the folder inside the package, an editable install and a checkout have it beside the
    package. The one inside is taken first, since beside an installed package lies someone else's.
    Raises InspectorError where it is missing: the installation is damaged.
    """
    package = Path(__file__).resolve().parent.parent
    root = package / "resources"
    if not root.is_dir():
        root = package.parent / "resources"
    path = root.joinpath(*parts)
    if not path.exists():
        raise InspectorError(
            "A file that comes with Inspector is missing",
            str(path),
            "Install Inspector again",
        )
    return path
