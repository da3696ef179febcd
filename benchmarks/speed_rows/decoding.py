"""Rows of decoding: from the bytes of a response to records, with all of their fields read.

They are compared with ``orjson.loads``, the fastest parser, whose dicts and lists are unchecked,
and with the official client. ``msgspec`` without types, our parser alone, is the lower limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec
import orjson

from . import payloads, reading
from .lines import (
    Bar,
    Figure,
    Line,
    Run,
    at_least,
    at_most,
    in_turns,
    middle,
    ratio,
    seconds_text,
)

__all__ = ["row"]

BARS = {"S1": (8.5, 3.5), "S2": (3.0, 2.2), "S3": (1.45, 2.8), "S4": (5.2, 4.0)}
"""Ours ÷ ``orjson``, at most; official ÷ ours, at least."""
UNUSUAL = 1.6


def row(run: Run) -> Iterator[Line]:
    """Measure; five lines for each of four payloads."""
    for name in payloads.SIZES:
        data = payloads.payload(name)
        reading.check_same_values(data)
        yield from _lines(name, data, run)


def _lines(name: str, data: bytes, run: Run) -> Iterator[Line]:
    unusual = dict(reading.unusual(data))
    taken = in_turns(
        {
            "ours": lambda: reading.our_read(data),
            "official": lambda: reading.official_read(data),
            "orjson": lambda: orjson.loads(data),
            "msgspec": lambda: msgspec.json.decode(data),
            **{what: partial(reading.our_read, body) for what, body in unusual.items()},
        },
        turns=run.turns,
    )
    spent = {way: seconds_text(middle(taken, way)) for way in taken[0]}
    most, least = BARS[name]

    def line(what: str, ours: str, theirs: str, figure: Figure, bar: Bar | None) -> Line:
        beside = f"{theirs if theirs in {'ours', 'official'} else f'`{theirs}`'} {spent[theirs]}"
        return Line(
            what=f"{name}: {what}", ours=spent.get(ours, ""), theirs=beside, figure=figure, bar=bar
        )

    parser, official = ratio(taken, "ours", "orjson"), ratio(taken, "official", "ours")
    yield line("decoded, complete: ours ÷ `orjson`", "ours", "orjson", parser, at_most(most))
    yield line("decoded, complete: official ÷ ours", "ours", "official", official, at_least(least))
    for what in unusual:
        beside = ratio(taken, what, "ours")
        yield line(f"{what} ÷ without", what, "ours", beside, at_most(UNUSUAL))
    floor = ratio(taken, "msgspec", "orjson")
    yield line("`msgspec` without types ÷ `orjson`, the lower limit", "", "orjson", floor, None)
