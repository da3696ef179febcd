"""Rows of decoding: from the bytes of an answer to frozen records.

Beside it stand ``orjson.loads``, the fastest parser there is, which gives plain dicts and lists
unchecked, and the official client. ``msgspec`` without types is the floor: our parser and no more.
"""

from __future__ import annotations

from collections.abc import Iterator

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

BARS = {"S1": (3.0, 5.0), "S2": (1.5, 2.3), "S3": (1.4, 3.4), "S4": (1.4, 6.0)}


def row(run: Run) -> Iterator[Line]:
    """Measure; four payloads, five lines each."""
    for name in payloads.SIZES:
        data = payloads.payload(name)
        reading.check_all_read_the_same(data)
        yield from _lines(name, data, run)


def _lines(name: str, data: bytes, run: Run) -> Iterator[Line]:
    taken = in_turns(
        {
            "status": lambda: reading.statuses_known(data),
            "all": lambda: reading.wholly_read(data),
            "official, status": lambda: reading.official_statuses(data),
            "official, all": lambda: reading.official_read(data),
            "orjson": lambda: orjson.loads(data),
            "msgspec": lambda: msgspec.json.decode(data),
        },
        turns=run.turns,
    )
    spent = {way: seconds_text(middle(taken, way)) for way in taken[0]}
    most, least = BARS[name]

    def line(what: str, ours: str, theirs: str, figure: Figure, bar: Bar | None) -> Line:
        named = "official" if theirs.startswith("official") else f"`{theirs}`"
        return Line(
            what=f"{name}: {what}",
            ours=spent.get(ours, ""),
            theirs=f"{named} {spent[theirs]}",
            figure=figure,
            bar=bar,
        )

    for way, what in {"status": "status of each job", "all": "all fields read"}.items():
        theirs = f"official, {way}"
        parser = ratio(taken, way, "orjson")
        yield line(f"decoded, {what}: ours ÷ `orjson`", way, "orjson", parser, at_most(most))
        official = ratio(taken, theirs, way)
        yield line(f"decoded, {what}: official ÷ ours", way, theirs, official, at_least(least))
    floor = ratio(taken, "msgspec", "orjson")
    yield line("the floor: `msgspec` without types ÷ `orjson`", "", "orjson", floor, None)
