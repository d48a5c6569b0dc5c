"""The one error that the program raises on purpose; anything else that escapes is a bug."""

from __future__ import annotations

_SPACES = "\u00a0\u2009\u202f\u3000"


def plain(text: str) -> str:
    """The text on one line and with nothing in it that a terminal or a reader would be fooled by.

    Names come from datasets: line ends, escape sequences, signs that turn the writing round and halves of
    characters are written out as escapes.
    """
    return "".join(
        sign if sign.isprintable() or sign in _SPACES else sign.encode("unicode_escape").decode()
        for sign in text
    )


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
