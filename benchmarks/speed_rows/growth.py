"""Rows of growth: how the time of decoding grows with circuits, outcomes and jobs.

Three decades of each. A line is the slope of one way in a double-logarithmic plot, fitted over the
upper two decades, below which fixed costs dominate; 1 means that time is proportional to size. All
sizes and ways come in every turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson

from . import payloads, plot, reading
from .lines import FITTED, Figure, Line, Run, in_turns, middle, seconds_text, slope, within

__all__ = ["row"]

_STEPS: Final = (1, 3, 10, 32, 100, 316, 1000)
CASES: Final = {
    "circuits": {n: (1, n, 16, 4) for n in _STEPS},
    "outcomes": {100 * n: (1, 1, 100 * n, 17) for n in _STEPS},
    "jobs": {n: (n, 1, 16, 4) for n in _STEPS},
}
"""By what grows and its size: jobs, circuits, outcomes, bits."""

WAYS: Final[Mapping[str, Callable[[bytes], Any]]] = {
    "superstaq_jobs": reading.our_read,
    "general-superstaq": reading.official_read,
    "orjson.loads": orjson.loads,
}
TURNS: Final = 11


def row(run: Run) -> Iterator[Line]:
    """Measure, and draw the plot if one is wanted."""
    panels = []
    for what, cases in CASES.items():
        bodies = {size: payloads.body(*case) for size, case in cases.items()}
        taken = in_turns(
            {
                f"{way}, {size}": partial(read, data)
                for way, read in WAYS.items()
                for size, data in bodies.items()
            },
            turns=3 if run.quick else TURNS,
        )
        sizes = list(bodies)
        times = {way: [middle(taken, f"{way}, {size}") for size in sizes] for way in WAYS}
        panels.append(plot.Panel(what=what, sizes=sizes, times=times))
        yield from _lines(what, sizes, times, taken)
    if run.plot is not None:
        plot.draw(panels, run.plot)


def _lines(
    what: str,
    sizes: Sequence[int],
    times: Mapping[str, Sequence[float]],
    taken: Sequence[Mapping[str, float]],
) -> Iterator[Line]:
    for way, spent in times.items():
        slopes = [slope(sizes, [turn[f"{way}, {size}"] for size in sizes]) for turn in taken]
        longest = f"{seconds_text(spent[-1])} for {sizes[-1]:,}"
        is_ours = way == "superstaq_jobs"
        yield Line(
            what=f"{what}, {sizes[-1] // FITTED:,} to {sizes[-1]:,}: slope of `{way}`",
            ours=longest if is_ours else "",
            theirs="" if is_ours else longest,
            figure=Figure.of(slopes),
            bar=within(1, 0.1) if is_ours else None,
        )
