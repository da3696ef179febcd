"""What all rows of the table of speed share: the record of a line, and times taken in turn.

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
    """What a row is told.

    Attributes:
        quick: Fewer turns and shorter waits: a look, not a proof.
        plot: Where the plot of growth is to be written; None for nowhere.
    """

    quick: bool = False
    plot: Path | None = None

    @property
    def turns(self) -> int:
        """How many turns a row takes, where a turn is short."""
        return 3 if self.quick else 21


def _short(number: float) -> str:
    """Three digits that count, without a power of ten."""
    if number == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(number))))
    text = f"{number:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# ---- lines -----------------------------------------------------------------------------------


@attrs.frozen
class Bar:
    """What a figure must not leave.

    Attributes:
        text: As it is shown.
        low: The least that is good.
        high: The most that is good.
    """

    text: str
    low: float = -math.inf
    high: float = math.inf

    def is_met(self, figure: float) -> bool:
        """Whether a figure is good."""
        return self.low <= figure <= self.high


def at_most(limit: float, text: str | None = None) -> Bar:
    """A bar from above."""
    return Bar(f"≤ {_short(limit) if text is None else text}", high=limit)


def at_least(limit: float) -> Bar:
    """A bar from below."""
    return Bar(f"≥ {_short(limit)}", low=limit)


def within(centre: float, distance: float) -> Bar:
    """A bar from both sides."""
    return Bar(f"{centre:g} ± {distance:g}", low=centre - distance, high=centre + distance)


@attrs.frozen
class Figure:
    """What was measured.

    Attributes:
        value: The median of the turns.
        least: That of one turn.
        most: That of one turn.
    """

    value: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Figure:
        """The figure of some turns."""
        found = list(values)
        return cls(statistics.median(found), min(found), max(found))

    @property
    def is_wide(self) -> bool:
        """Whether the turns are further from each other than a quarter of the figure."""
        return self.most - self.least > WIDE * self.value


@attrs.frozen(kw_only=True)
class Line:
    """A line of the table.

    Attributes:
        what: What is measured.
        ours: What this library took, in absolute terms.
        theirs: Who is beside it, and what they took.
        figure: What is held against the bar; a plain number where it is no matter of turns, None
            where the line tells and does not measure.
        bar: What the figure must not leave; None where the line is for information.
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
        bar = "" if self.bar is None else self.bar.text
        verdict = {None: "", True: "met", False: "**missed**"}[self.is_met]
        cells = (self.what, self.ours, self.theirs, shown, bar, verdict)
        return f"| {' | '.join(cells)} |"


HEAD = """\
| what | `superstaq_jobs` | beside it | figure | bar | |
| --- | --: | --: | --: | --: | --- |"""


def as_table(lines: Iterable[Line]) -> str:
    """Lines as a Markdown table."""
    return "\n".join([HEAD, *map(str, lines)])


def seconds_text(seconds: float) -> str:
    """A time, in a unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_short(seconds / size)} {unit}"
    return f"{_short(seconds / 1e-6)} µs"


def bytes_text(number: float) -> str:
    """A size, in a unit that suits it."""
    for unit, size in (("MB", 1e6), ("KB", 1e3)):
        if number >= size:
            return f"{_short(number / size)} {unit}"
    return f"{number:.0f} B"


# ---- times -----------------------------------------------------------------------------------


def in_turns(
    ways: Mapping[str, Way], *, turns: int, clock: Callable[[], float] = time.process_time
) -> list[dict[str, float]]:
    """For each turn, the seconds that each way takes once.

    In a turn all ways come, each a number of times in a row that takes about ten milliseconds, and
    nobody always comes after the same one. The garbage collector is on, as it is for users; before
    each it has cleaned up, so that nobody pays for what another has left. Two turns before the
    first, which fill everybody's caches alike, are not counted.

    Args:
        ways: What is compared, by name.
        turns: How many turns are counted.
        clock: What the time is taken by. Processor time leaves out what other programs of the
            machine take away in between; where there is something to wait for, it has to be
            ``time.perf_counter``.
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
    """One way over another: of the ratios within each turn."""
    return Figure.of(turn[above] / turn[below] for turn in taken)


def middle(taken: Sequence[Mapping[str, Any]], name: str) -> float:
    """The median of one way."""
    return float(statistics.median(turn[name] for turn in taken))


def slope(sizes: Sequence[float], times: Sequence[float]) -> float:
    """That of the straight line through the logarithms; 1 is time in proportion to size.

    Args:
        sizes: In order. Those below the upper two decades are left out: fixed costs bend the line.
        times: Of each.
    """
    pairs = zip(sizes, times, strict=True)
    upper = [(math.log(n), math.log(t)) for n, t in pairs if n * FITTED >= sizes[-1]]
    return statistics.linear_regression(*zip(*upper, strict=True)).slope
