"""The one error that the program raises on purpose; anything else that escapes is a bug."""

from __future__ import annotations


class InspectorError(Exception):
    """Something outside the program is wrong: a file, a device, an argument.

    `title` says what in a few words, `detail` names the file and the place, `hint` says what to do.
    """

    def __init__(self, title: str, detail: str = "", hint: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return ". ".join(part.rstrip(".") for part in (self.title, self.detail, self.hint) if part)

    def __reduce__(self) -> tuple[type[InspectorError], tuple[str, str, str]]:
        """Keep all three parts across a process boundary."""
        return type(self), (self.title, self.detail, self.hint)


class Cancelled(Exception):
    """A job was asked to stop and did."""
