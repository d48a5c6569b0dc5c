"""How text and names are spelled in a statement."""

from __future__ import annotations


def literal(text: str) -> str:
    """A text as a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A column's or table's name, whatever signs it has."""
    return '"' + name.replace('"', '""') + '"'
