"""How text and names are spelled in a statement."""

from __future__ import annotations

import re

_RESERVED_WORDS = (
    "all analyse analyze and any array as asc asymmetric at both case cast check collate column "
    "constraint create default deferrable desc describe distinct do else end except false fetch for "
    "foreign from group having in initially intersect into lambda lateral leading limit not null "
    "offset on only or order pivot pivot_longer pivot_wider placing primary qualify references "
    "returning select show some summarize symmetric table then to trailing true union unique unpivot "
    "using variadic when where window with "
)
_RESERVED = frozenset(_RESERVED_WORDS.split())


def literal(text: str) -> str:
    """A text as a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A column's or table's name, whatever signs it has."""
    return '"' + name.replace('"', '""') + '"'


def quoted(name: str) -> str:
    """A table's or column's name as a query has to spell it."""
    plain = re.fullmatch(r"[^\W\d]\w*", name) and name.lower() not in _RESERVED
    return name if plain else '"' + name.replace('"', '""') + '"'
