"""Pages of HTML that stand alone: no script, nothing fetched. Who puts a text of the data in escapes it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--quiet:#5c6670;--line:#d9dee3;--paper:#fff;--bad:#b3261e;
--warn:#8a5a00;--good:#1f6f43}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--quiet:#9aa4ae;--line:#333b43;--paper:#15181b;
--bad:#ff8a80;--warn:#e0b060;--good:#7fd0a0}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;
margin:2.5rem auto;padding:0 1.25rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}p.quiet,td.quiet{color:var(--quiet)}
table{border-collapse:collapse;width:100%;font-size:.92rem}td,th{text-align:left;padding:.3rem .6rem .3rem 0;
border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}td.n,th.n{text-align:right;
font-variant-numeric:tabular-nums}.failed{color:var(--bad)}.suspect{color:var(--warn)}.ok{color:var(--good)}
svg{display:block;margin:.2rem 0 .8rem;max-width:100%}
"""


def head(title: str, style: str = "", pictures: bool = False) -> str:
    """Everything before the page's first words; `style` is added, `pictures` may lie in the page."""
    images = "; img-src data:" if pictures else ""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
        f"style-src 'unsafe-inline'{images}\">"
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style><h1>{escape(title)}</h1>"
    )


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], numbers: Iterable[int] = ()) -> str:
    """A table of cells that are HTML already; columns `numbers` are set to the right."""
    right = set(numbers)

    def cell(kind: str, place: int, text: str) -> str:
        return f"<{kind}{' class=n' if place in right else ''}>{text}</{kind}>"

    top = "".join(cell("th", place, each) for place, each in enumerate(heads))
    body = "".join(
        f"<tr>{''.join(cell('td', place, each) for place, each in enumerate(row))}</tr>" for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"
