"""Plots of counts and of a job's history, with matplotlib. Imports the records alone.

Nothing here uses pyplot, shows a window or changes a style: each function draws into the axes that
it is given, or into those of a new ``matplotlib.figure.Figure``, and returns them.
"""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Final, NamedTuple

from .records import CircuitStatus, Counts, JobSnapshot, fields
from .records.display import line
from .records.problems import InvalidValue, check_iterable, how_to_install, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_counts", "plot_timeline"]

_S = CircuitStatus
_HATCHES: Final = ("", "////", "....", "xxxx", "\\\\\\\\", "++", "oo")
_MAX_LABEL: Final = 24
_LINE_LENGTH: Final = 60
"""About as many characters stand beside each other below a plot of 6 inches."""

_MANY_OUTCOMES: Final = 16
_DWARFED: Final = 3
"""How many times as high the bar of the others may be as that of the first outcome."""

_MANY_CIRCUITS: Final = 60
_STYLES: Final[Mapping[CircuitStatus, tuple[str, str]]] = {
    _S.RECEIVED: ("#ececec", ""),
    _S.AWAITING_COMPILE: ("#c4c4c4", "---"),
    _S.COMPILING: ("#e6c76a", "////"),
    _S.AWAITING_SUBMISSION: ("#b8d4ea", "...."),
    _S.AWAITING_SIMULATION: ("#b8d4ea", "...."),
    _S.PENDING: ("#8fb8dc", "\\\\\\\\"),
    _S.RUNNING: ("#2f6fb0", ""),
    _S.SIMULATING: ("#2f6fb0", ""),
    _S.COMPLETED: ("#7cc49a", "oo"),
    _S.FAILED: ("#b3261e", "xxxx"),
    _S.CANCELLED: ("#e08e2b", "++"),
    _S.DELETED: ("#5c5c5c", "xx"),
    _S.UNRECOGNIZED: ("#8c6bb1", "**"),
    _S.UNKNOWN: ("#c7b3dd", "**"),
}
"""The colour and the hatch of each status; they differ in lightness too."""


def plot_counts(
    counts: Counts | Sequence[Counts],
    *,
    labels: str | Sequence[str] | None = None,
    top: int = 32,
    confidence: float | None = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw counts as bars: the share of each outcome, so that different numbers of shots compare.

    The outcomes stand in the order of their bitstrings. Beyond ``top`` of them, the others share
    one last bar. Several counts are drawn side by side, and differ in their hatches too.

    The error bars are Wilson score intervals (E. B. Wilson, J. Am. Stat. Assoc. 22, 209, 1927), one
    for each bar alone. Counts that are not whole numbers >= 0, such as probabilities, have none.

    Args:
        counts: The counts, or several.
        labels: A name for each of them, for the legend; None for ``0``, ``1``, … if there are
            several. As everywhere in matplotlib, what stands between two ``$`` is math.
        top: How many outcomes have a bar of their own, >= 1: those with the largest sum of shares.
        confidence: That of the error bars, > 0 and < 1; None for no error bars.
        ax: Where to draw; None for a new figure of 6 by 4 inches, ``ax.figure``.

    Returns:
        The axes.

    Raises:
        TypeError: If something is not ``Counts``, or ``top`` not an int.
        ValueError: If ``counts`` is empty, or some add up to 0 or to more than any float; if
            ``labels`` are not as many as the counts; if a number is out of its range.
        ModuleNotFoundError: If matplotlib is not installed (the extra ``[plots]``).
    """
    every, names = _series(counts, labels)
    _check_options(top, confidence)
    shares = [_shares(each, name) for each, name in zip(every, names, strict=True)]
    shown, hidden = _most_common(shares, top)
    drawn = _axes(ax)
    groups = [[bits] for bits in shown] + ([hidden] if hidden else [])
    width = 0.8 / len(every)
    highest = 0.0
    others: dict[float, float] = {}
    for place, (each, part) in enumerate(zip(every, shares, strict=True)):
        offset = (place - (len(every) - 1) / 2) * width
        positions = [position + offset for position in _positions(shown, hidden)]
        heights = [math.fsum(part.get(bits, 0.0) for bits in group) for group in groups]
        drawn.bar(
            positions,
            heights,
            width=width,
            label=names[place],
            color=f"C{place}",
            edgecolor="black",
            linewidth=0.5,
            hatch=_HATCHES[place % len(_HATCHES)],
        )
        tops = heights
        others |= dict(zip(positions[len(shown) :], heights[len(shown) :], strict=True))
        if confidence is not None and _have_intervals(each):
            intervals = [
                each.interval([bits for bits in group if bits in each], confidence)
                for group in groups
            ]
            _draw_intervals(drawn, positions, heights, intervals)
            tops = [high for _, high in intervals]
        highest = max([highest, *tops[: len(shown)]])
    _label_outcomes(drawn, shown, hidden)
    _cut_high_others(drawn, highest, others)
    drawn.set_ylabel("share of the shots")
    if any(share < 0 for part in shares for share in part.values()):
        drawn.axhline(0, color="black", linewidth=0.8)
    if len(every) > 1 or labels is not None:
        _legend(drawn)
    return drawn


def plot_timeline(snapshots: Iterable[JobSnapshot], *, ax: Axes | None = None) -> Axes:
    """Draw the statuses of each circuit of a job over time, from snapshots of it.

    One bar per circuit, the first at the top. A status begins when the server last changed the
    circuit (``updated_at``), or, where it did not say, when the snapshot was fetched. The bar ends
    with the last snapshot. What happened between two snapshots is not known, and not drawn.
    Statuses differ in hatch and lightness too.

    Args:
        snapshots: Snapshots of one job, in the order in which they were fetched.
        ax: Where to draw; None for a new figure of 6 by 4 inches, ``ax.figure``.

    Returns:
        The axes.

    Raises:
        TypeError: If something is not a ``JobSnapshot``.
        ValueError: If no snapshot has a circuit; if the snapshots are of different
            jobs; if a circuit has no time at all.
        ModuleNotFoundError: If matplotlib is not installed (the extra ``[plots]``).
    """
    history = _history(snapshots)
    spans = _spans(history)
    start = min(span.start for span in spans)
    drawn = _axes(ax)
    unit, seconds = _unit((max(span.end for span in spans) - start).total_seconds())
    _draw_spans(drawn, spans, start, seconds)
    num_circuits = 1 + max(span.circuit for span in spans)
    drawn.set_ylim(num_circuits - 0.5, -0.5)
    drawn.set_ylabel("circuit")
    since = start.isoformat(" ", "seconds").replace("+00:00", " UTC")
    drawn.set_xlabel(f"{unit} since {since}")
    _legend(drawn)
    return drawn


# ---- counts --------------------------------------------------------------------------------------


def _series(
    counts: Counts | Sequence[Counts], labels: str | Sequence[str] | None
) -> tuple[list[Counts], list[str]]:
    if not isinstance(counts, Mapping):
        check_iterable("Counts", counts=counts)
    every = [counts] if isinstance(counts, Mapping) else list(counts)
    if not every:
        raise InvalidValue(
            "counts is empty, so there is nothing to plot: pass Counts, or a list of them"
        )
    for place, each in enumerate(every):
        if not isinstance(each, Counts):
            raise TypeError(
                f"counts[{place}] must be Counts, got {type(each).__name__}; snapshot.counts() has "
                "those of a job, and Counts({...}) makes them of a dict"
            )
    if labels is None:
        return every, [str(place) for place in range(len(every))]
    if not isinstance(labels, str):
        check_iterable("names", labels=labels)
    listed = [labels] if isinstance(labels, str) else labels
    names = [line(_label(label), 200) for label in listed]
    if len(names) != len(every):
        raise InvalidValue(f"there are {len(every)} counts and {len(names)} labels")
    return every, names


def _label(value: object) -> str:
    if not isinstance(value, str | int | float):
        raise TypeError(f"labels must be strings, got {shown(value)}")
    return value if isinstance(value, str) else shown(value)


def _check_options(top: int, confidence: float | None) -> None:
    if isinstance(top, bool) or not isinstance(top, int):
        raise TypeError(f"top must be an int, got {shown(top)}")
    if top < 1:
        raise InvalidValue(f"top must be >= 1, got {top}")
    if confidence is not None and not fields.is_a(confidence, Real):
        got = shown(confidence)
        raise TypeError(f"confidence must be a number > 0 and < 1, or None, got {got}")
    if confidence is not None and not 0 < confidence < 1:
        raise InvalidValue(f"confidence must be > 0 and < 1, or None, got {shown(confidence)}")


def _shares(counts: Counts, name: str) -> dict[str, float]:
    try:
        total = counts.shots
        if total:
            return {bits: value / total for bits, value in counts.items()}
    except (OverflowError, ValueError):
        pass
    raise InvalidValue(
        f"the counts {name!r} add up to 0 or to more than any float, so they have no shares"
    )


def _most_common(shares: Sequence[Mapping[str, float]], top: int) -> tuple[list[str], list[str]]:
    """The outcomes with bars of their own, in order, and the others."""
    sums: dict[str, float] = {}
    for bits, share in itertools.chain.from_iterable(part.items() for part in shares):
        sums[bits] = sums.get(bits, 0.0) + share
    kept = heapq.nsmallest(top, sums, key=lambda bits: (-sums[bits], bits))
    own = set(kept)
    return sorted(kept), [bits for bits in sums if bits not in own]


def _have_intervals(counts: Counts) -> bool:
    """Whether they are numbers of shots by bitstring; a server may send others."""
    return (
        all(value >= 0 and value == int(value) for value in counts.values())
        and len(set(map(len, counts))) == 1
        and all(bits.strip("01") == "" for bits in counts)
    )


def _draw_intervals(
    ax: Axes,
    positions: Sequence[float],
    heights: Sequence[float],
    intervals: Sequence[tuple[float, float]],
) -> None:
    below = [max(0.0, h - low) for h, (low, _) in zip(heights, intervals, strict=True)]
    above = [max(0.0, high - h) for h, (_, high) in zip(heights, intervals, strict=True)]
    ax.errorbar(
        positions, heights, yerr=[below, above], fmt="none", ecolor="black", elinewidth=1, capsize=2
    )


def _positions(shown: Sequence[str], hidden: Sequence[str]) -> list[float]:
    """Where the bars stand: that of the others a little apart."""
    return [*map(float, range(len(shown))), *([len(shown) + 0.4] if hidden else [])]


def _label_outcomes(ax: Axes, shown: Sequence[str], hidden: Sequence[str]) -> None:
    # A server may send any string; matplotlib would read what is between two $ as math.
    names = [_cut(line(bits)).replace("$", r"\$") for bits in shown]
    names += [f"{len(hidden):,} others"] if hidden else []
    upright = sum(len(name) + 2 for name in names) > _LINE_LENGTH
    crowded = len(names) > _MANY_OUTCOMES
    ax.set_xticks(
        _positions(shown, hidden),
        names,
        rotation=90 if upright else 0,
        fontsize=7 if crowded else None,
        family="monospace" if upright else None,
    )
    ax.set_xlabel("outcome")
    ax.margins(x=0.01 if crowded else 0.05)


def _cut_high_others(ax: Axes, own: float, others: Mapping[float, float]) -> None:
    """If the bars of the others are much the highest, end the axis below, and write how high.

    Args:
        ax: The axes.
        own: The height of the highest bar of a single outcome.
        others: The heights of the bars of the others, by their positions.
    """
    if not 0 < own * _DWARFED < max(others.values(), default=0.0):
        return
    top = 1.5 * own
    ax.set_ylim(top=top)
    for place, (position, height) in enumerate(others.items()):
        box = {"facecolor": "white", "edgecolor": "black", "linewidth": 0.5, "pad": 2.0}
        at = (position, min(height, top) * (0.96 - 0.16 * (place % 6)))
        ax.annotate(f"{height:.1%}", at, rotation=90, ha="center", va="top", fontsize=7, bbox=box)


def _cut(bits: str) -> str:
    kept = _MAX_LABEL // 2
    return bits if len(bits) <= _MAX_LABEL else f"{bits[:kept]}…{bits[-kept + 1 :]}"


# ---- timelines -----------------------------------------------------------------------------------


class _Span(NamedTuple):
    """A time in which a circuit had a status, as far as is known."""

    circuit: int
    status: CircuitStatus
    start: dt.datetime
    end: dt.datetime


def _history(snapshots: Iterable[JobSnapshot]) -> list[JobSnapshot]:
    if isinstance(snapshots, JobSnapshot):
        return [snapshots]
    check_iterable("snapshots", snapshots=snapshots)
    history = list(snapshots)
    for place, each in enumerate(history):
        if not isinstance(each, JobSnapshot):
            raise TypeError(f"snapshots[{place}] must be a JobSnapshot, got {type(each).__name__}")
        if each.job_id != history[0].job_id:
            raise InvalidValue(
                f"snapshots of different jobs: {history[0].job_id} and {each.job_id}"
            )
    return history


def _spans(history: Sequence[JobSnapshot]) -> list[_Span]:
    changes: dict[int, list[tuple[dt.datetime, CircuitStatus]]] = {}
    for snapshot in history:
        for circuit in snapshot.circuits:
            seen = changes.setdefault(circuit.index, [])
            if seen and seen[-1][1] is circuit.status:
                continue
            moment = circuit.updated_at or snapshot.fetched_at or snapshot.submitted_at
            if moment is None:
                raise InvalidValue(
                    f"circuit {circuit.index} of job {snapshot.job_id} has no updated_at, and its "
                    "snapshot no fetched_at: a timeline needs one of them"
                )
            # A server that lags behind may go back: what was seen later is drawn later.
            seen.append((max(moment, seen[-1][0]) if seen else moment, circuit.status))
    if not changes:
        raise InvalidValue("nothing to plot: pass snapshots of a job that has circuits")
    every = [moment for seen in changes.values() for moment, _ in seen]
    end = max([*every, *(each.fetched_at for each in history if each.fetched_at is not None)])
    return [
        _Span(index, status, moment, following)
        for index, seen in changes.items()
        for (moment, status), (following, _) in itertools.pairwise([*seen, (end, _S.UNKNOWN)])
    ]


def _unit(seconds: float) -> tuple[str, float]:
    for name, length in (("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 3 * length:
            return name, length
    return "seconds", 1.0


def _draw_spans(ax: Axes, spans: Sequence[_Span], start: dt.datetime, unit: float) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.ticker import MaxNLocator

    crowded = max(span.circuit for span in spans) > _MANY_CIRCUITS
    half = 0.5 if crowded else 0.4
    longest = max((span.end - start).total_seconds() for span in spans) / unit or 1.0
    for status in CircuitStatus:
        boxes = []
        for span in spans:
            if span.status is status:
                left = (span.start - start).total_seconds() / unit
                # A status that was seen for no time is a line.
                right = max((span.end - start).total_seconds() / unit, left + longest / 150)
                low, high = span.circuit - half, span.circuit + half
                boxes.append([(left, low), (right, low), (right, high), (left, high)])
        if boxes:
            colour, hatch = _STYLES[status]
            ax.add_collection(
                PolyCollection(
                    boxes,
                    facecolor=colour,
                    edgecolor="black",
                    linewidth=0.0 if crowded else 0.5,
                    hatch="" if crowded else hatch,
                    label=str(status).replace("_", " "),
                )
            )
    ax.set_xlim(0, 1.01 * longest)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


# ---- axes ----------------------------------------------------------------------------------------


def _legend(ax: Axes) -> None:
    """A legend above the axes, where it hides nothing."""
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)


def _axes(ax: Axes | None) -> Axes:
    """Where to draw: the given axes, or those of a new figure."""
    # What draws is up to the caller; what cannot draw is refused.
    if ax is not None and not (hasattr(type(ax), "add_collection") and hasattr(type(ax), "bar")):
        raise TypeError(f"ax must be the Axes of a matplotlib figure, got {shown(ax)}")
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"plots need matplotlib: {how_to_install('plots')}", name=error.name
        ) from error
    return Figure(figsize=(6, 4), layout="constrained").add_subplot()
