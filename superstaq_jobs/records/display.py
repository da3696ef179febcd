"""Values as people read them: on one line of a ``repr``, or as the HTML that a notebook shows.

The HTML has no script, no style sheet and no address. Every string in it is escaped, and characters
that do not print are written as Python writes them. Its colours are half transparent, so that they
suit a light and a dark page.
"""

from __future__ import annotations

import datetime as dt
import enum
import functools
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from .fields import shown
from .problems import line
from .status import PRIORITY, CircuitStatus, parse_status

__all__ = [
    "MAX_ROWS",
    "Html",
    "bar",
    "card",
    "change",
    "code",
    "facts",
    "largest",
    "line",
    "moment",
    "most_common",
    "never_raises",
    "outcomes",
    "plural",
    "status_counts",
    "status_mark",
    "table",
    "value_line",
]

T = TypeVar("T")

MAX_ROWS: Final = 20
"""The rows of a table in a notebook, and the lines of a ``repr`` that lists changes."""

_MAX_STATUSES: Final = 6
_OUTCOMES: Final = 4
_BLUE: Final = "#4a86c8"
_GREY: Final = "#8a8f98"
_FAINT: Final = "opacity:0.65"
_COLOURS: Final = {
    CircuitStatus.COMPLETED: "#2f9e5f",
    CircuitStatus.FAILED: "#d64545",
    CircuitStatus.CANCELLED: "#c98a1b",
    CircuitStatus.DELETED: _GREY,
    CircuitStatus.UNRECOGNIZED: _GREY,
    CircuitStatus.UNKNOWN: _GREY,
}


# ---- on one line ---------------------------------------------------------------------------------


def value_line(value: object, limit: int = 40) -> str:
    """Any value on one line, cut to ``limit`` characters; strings in quotes."""
    if isinstance(value, dt.datetime):
        return moment(value)
    return str(value) if isinstance(value, enum.StrEnum) else shown(value, limit)


def moment(value: dt.datetime) -> str:
    """A time to the second."""
    return value.isoformat(" ", "seconds").replace("+00:00", " UTC")


def plural(number: object, noun: str) -> str:
    """A number and its noun, which is in the plural unless the number is 1."""
    return f"{shown(number)} {noun}" if number == 1 else f"{shown(number)} {noun}s"


def change(before: T, after: T, show: Callable[[T], str] = value_line) -> str:
    """What a value was and is; the two may look the same when they are cut."""
    old, new = show(before), show(after)
    return f"{old} → {new}" if old != new else "changed"


def most_common(counts: Mapping[str, int | float], n: int) -> list[tuple[str, int | float]]:
    """The ``n`` outcomes with the largest numbers, without sorting the others."""
    return heapq.nsmallest(n, counts.items(), key=lambda item: (-item[1], item[0]))


def largest(counts: Mapping[str, float]) -> str:
    """The most common outcomes on one line, and how many more there are."""
    some = [f"{line(bits, 24)}: {shown(value)}" for bits, value in most_common(counts, _OUTCOMES)]
    more = len(counts) - len(some)
    return (", ".join(some) + (f" and {more:,} more" if more else "")) or "no outcomes"


def outcomes(counts: Mapping[str, float]) -> str:
    """The outcomes on one line; if they are many, how many there are, which takes no time."""
    return f"{{{largest(counts)}}}" if 0 < len(counts) <= _OUTCOMES else f"{len(counts):,} outcomes"


def status_counts(texts: Iterable[str]) -> str:
    """How many circuits have which status, the first of ``STATUS_PRIORITY_ORDER`` first."""
    tally = Counter(texts)
    ordered = sorted(tally, key=lambda text: (PRIORITY[parse_status(text)], text))
    parts = [f"{tally[text]} {line(text, 30)}" for text in ordered[:_MAX_STATUSES]]
    rest = sum(tally[text] for text in ordered[_MAX_STATUSES:])
    return ", ".join([*parts, f"{rest} others"] if rest else parts)


def never_raises(method: Callable[[T], str]) -> Callable[[T], str]:
    """Let a ``repr`` describe an incomplete record, which a debugger may show."""

    @functools.wraps(method)
    def described(self: T) -> str:
        try:
            return method(self)
        except (AttributeError, TypeError):
            return f"<{type(self).__name__}, incomplete>"

    return described


# ---- in a notebook -------------------------------------------------------------------------------


class Html(str):
    """A string that is HTML already."""

    __slots__ = ()


def _escaped(value: object, limit: int = 200) -> str:
    import html  # a table of all named characters, which few programs need

    if isinstance(value, Html):
        return value
    return html.escape(line(value, limit) if isinstance(value, str) else value_line(value, limit))


def _element(tag: str, content: str, style: str) -> Html:
    return Html(f'<{tag} style="{style}">{content}</{tag}>')


def status_mark(text: str) -> Html:
    """A status: a coloured mark and the word."""
    colour = _COLOURS.get(parse_status(text), _BLUE)
    mark = _element("span", "●", f"color:{colour}")
    return _element("span", f"{mark} {_escaped(text, 30)}", "white-space:nowrap")


def bar(share: float) -> Html:
    """A bar whose length is a share, from 0 to 1, of 10 em."""
    style = f"width:{10 * share:.2f}em;min-width:1px;height:0.8em;background:{_BLUE}"
    return _element("div", "", style)


def code(text: str, limit: int = 80) -> Html:
    """A string in a type of fixed width."""
    return _element("span", _escaped(text, limit), "font-family:monospace")


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """Names and values, without those that are None."""
    style = "display:inline-block;margin-right:1.4em;overflow-wrap:anywhere"
    items = []
    for name, value in pairs:
        if value is not None:
            label = _element("span", _escaped(name), f"{_FAINT};padding-right:0.4em")
            items.append(_element("span", label + _escaped(value), style))
    return _element("div", " ".join(items), "margin:0.2em 0") if items else Html()


def table(head: Sequence[str], rows: Iterable[Sequence[object]], total: int) -> Html:
    """A table of at most ``MAX_ROWS`` rows, if any, and how many more there are of ``total``."""
    cell = "text-align:left;vertical-align:middle;padding:0.15em 1em 0.15em 0;background:none;"
    head_style = f"{cell}font-weight:600;border-bottom:1px solid rgba(128,128,128,0.5)"
    cell_style = f"{cell}border-bottom:1px solid rgba(128,128,128,0.2)"
    kept = list(rows)
    if not kept:
        return Html()
    lines = [_row("th", head, head_style), *(_row("td", row, cell_style) for row in kept)]
    style = "border-collapse:collapse;border:none;margin:0.4em 0"
    more = total - len(kept)
    rest = _element("div", f"… and {more:,} more", _FAINT) if more else ""
    return Html(_element("table", "".join(lines), style) + rest)


def _row(tag: str, cells: Sequence[object], style: str) -> Html:
    # The longest strings are last. On a narrow page they wrap, and then the table scrolls.
    last = f"{style};overflow-wrap:anywhere;min-width:11em"
    styles = [f"{style};white-space:nowrap", *[style] * (len(cells) - 2), last]
    pairs = zip(cells, styles, strict=True)
    row = "".join(_element(tag, _escaped(cell), own) for cell, own in pairs)
    return _element("tr", row, "background:none")


def card(kind: str, name: str, status: str | None = None, *parts: Html, note: str = "") -> str:
    """A record: its class, its name, the server's word for its status, a note and its parts."""
    head = [Html(f"<b>{kind}</b>"), code(name)]
    head += [] if status is None else [status_mark(status)]
    head += [_element("span", _escaped(note), _FAINT)] if note else []
    gaps = "display:flex;flex-wrap:wrap;column-gap:0.7em;overflow-wrap:anywhere"
    style = "max-width:100%;overflow-x:auto;font-size:0.9em;line-height:1.45"
    return _element("div", _element("div", " ".join(head), gaps) + "".join(parts), style)
