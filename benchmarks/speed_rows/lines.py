"""What all rows of ``speed.py`` share: the record of a line, and times measured in turns.

May import the standard library and attrs: the rows choose what they measure.
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import attrs

__all__ = [
    "FITTED",
    "Bar",
    "Figure",
    "Line",
    "Run",
    "Way",
    "as_table",
    "at_least",
    "at_most",
    "bytes_text",
    "in_turns",
    "middle",
    "ratio",
    "seconds_text",
    "slope",
    "within",
]

Way: TypeAlias = Callable[[], object]
"""Does once what is measured."""

BATCH_SECONDS = 0.01
WIDE = 0.25
FITTED = 100
"""Slopes are of sizes from this part of the largest on: the upper two decades."""


@attrs.frozen(kw_only=True)
class Run:
    """The settings of a run.

    Attributes:
        quick: Fewer turns and shorter waits: a first impression.
        plot: The file for the plot of growth; None for no plot.
    """

    quick: bool = False
    plot: Path | None = None

    @property
    def turns(self) -> int:
        """The number of turns, if a turn is short."""
        return 3 if self.quick else 21


def _short(number: float) -> str:
    """Three significant digits, without a power of ten."""
    if number == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(number))))
    text = f"{number:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# ---- lines -----------------------------------------------------------------------------------


@attrs.frozen
class Bar:
    """The range that a figure must be in.

    Attributes:
        shown: The bar as it is shown.
        low: The lower limit.
        high: The upper limit.
    """

    shown: str
    low: float = -math.inf
    high: float = math.inf

    def is_met(self, figure: float) -> bool:
        """Whether a figure is in the range."""
        return self.low <= figure <= self.high


def at_most(limit: float, shown: str | None = None) -> Bar:
    """An upper limit."""
    return Bar(f"≤ {_short(limit) if shown is None else shown}", high=limit)


def at_least(limit: float) -> Bar:
    """A lower limit."""
    return Bar(f"≥ {_short(limit)}", low=limit)


def within(centre: float, distance: float) -> Bar:
    """Limits on both sides."""
    return Bar(f"{centre:g} ± {distance:g}", low=centre - distance, high=centre + distance)


@attrs.frozen
class Figure:
    """A measured value.

    Attributes:
        value: The median of the turns.
        least: The smallest of a turn.
        most: The largest of a turn.
    """

    value: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Figure:
        """The figure of several turns."""
        found = list(values)
        return cls(statistics.median(found), min(found), max(found))

    @property
    def is_wide(self) -> bool:
        """Whether the turns differ by more than a quarter of the figure."""
        return self.most - self.least > WIDE * self.value


@attrs.frozen(kw_only=True)
class Line:
    """A line of the table.

    Attributes:
        what: What is measured.
        ours: The absolute result of this library.
        theirs: What it is compared with, and its absolute result.
        figure: The value that the bar applies to; a plain number if it was not measured in turns,
            None if the line is for information.
        bar: The bar; None if the line is for information.
        show: How a figure is written.
    """

    what: str
    ours: str = ""
    theirs: str = ""
    figure: Figure | float | None = None
    bar: Bar | None = None
    show: Callable[[float], str] = attrs.field(default=_short)

    @property
    def is_met(self) -> bool | None:
        """Whether the bar is met; None where there is none."""
        value = self._value
        return None if self.bar is None or value is None else self.bar.is_met(value)

    @property
    def _value(self) -> float | None:
        return self.figure.value if isinstance(self.figure, Figure) else self.figure

    def __str__(self) -> str:
        """The line as one of a Markdown table."""
        value = self._value
        shown = "" if value is None else self.show(value)
        if isinstance(self.figure, Figure) and self.figure.is_wide:
            shown += f" ({self.show(self.figure.least)} to {self.show(self.figure.most)})"
        bar = "" if self.bar is None else self.bar.shown
        verdict = {None: "", True: "met", False: "missed"}[self.is_met]
        cells = (self.what, self.ours, self.theirs, shown, bar, verdict)
        return f"| {' | '.join(cells)} |"


HEAD = """\
| what | `superstaq_jobs` | beside it | figure | bar | |
| --- | --: | --: | --: | --: | --- |"""


def as_table(lines: Iterable[Line]) -> str:
    """Lines as a Markdown table."""
    return "\n".join([HEAD, *map(str, lines)])


def seconds_text(seconds: float) -> str:
    """A time in a suitable unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_short(seconds / size)} {unit}"
    return f"{_short(seconds / 1e-6)} µs"


def bytes_text(number: float) -> str:
    """A size in a suitable unit."""
    for unit, size in (("MB", 1e6), ("KB", 1e3)):
        if number >= size:
            return f"{_short(number / size)} {unit}"
    return f"{number:.0f} B"


# ---- times -----------------------------------------------------------------------------------


def in_turns(
    ways: Mapping[str, Way], *, turns: int, clock: Callable[[], float] = time.process_time
) -> list[dict[str, float]]:
    """For each turn, the seconds that each way takes once.

    In each turn every way runs, repeated for about ten milliseconds, in an order that rotates. The
    garbage collector is on, as it is for users, and runs before each way, so that none pays for
    what another has left. Two turns before the first fill all caches and are not counted.

    Args:
        ways: What is compared, by name.
        turns: The number of turns that are counted.
        clock: The clock. Processor time leaves out other programs of the machine; where there is
            something to wait for, it must be ``time.perf_counter``.
    """
    names = list(ways)
    taken: list[dict[str, float]] = []
    times = dict.fromkeys(names, 1)
    for turn in range(-2, turns):
        first = turn % len(names)
        order = names[first:] + names[:first]
        taken.append({name: _once(ways[name], times[name], clock) for name in order})
        if turn < 0:
            spent = taken.pop()
            times = {name: max(1, round(BATCH_SECONDS / spent[name])) for name in names}
    return taken


def _once(way: Way, times: int, clock: Callable[[], float]) -> float:
    gc.collect()
    started = clock()
    for _ in range(times):
        way()
    return (clock() - started) / times


def ratio(taken: Sequence[Mapping[str, float]], above: str, below: str) -> Figure:
    """The ratio of two ways, from the ratios within each turn."""
    return Figure.of(turn[above] / turn[below] for turn in taken)


def middle(taken: Sequence[Mapping[str, Any]], name: str) -> float:
    """The median of one way."""
    return float(statistics.median(turn[name] for turn in taken))


def slope(sizes: Sequence[float], times: Sequence[float]) -> float:
    """The slope of the straight line through the logarithms; 1 is time in proportion to size.

    Args:
        sizes: In order. Sizes below the upper two decades are left out: fixed costs bend the line.
        times: The time for each size.
    """
    pairs = zip(sizes, times, strict=True)
    upper = [(math.log(n), math.log(t)) for n, t in pairs if n * FITTED >= sizes[-1]]
    return statistics.linear_regression(*zip(*upper, strict=True)).slope
