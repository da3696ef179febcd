"""Strategies for the small values that records are made of.

Lives here: statuses, bitstrings and counts, JSON values, names, times and ids. Imports Hypothesis,
``status``, ``counts`` and ``frozen``.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from superstaq_jobs.counts import Counts
from superstaq_jobs.frozen import JsonMapping
from superstaq_jobs.status import STATUS_PRIORITY_ORDER, CircuitStatus

__all__ = [
    "bitstrings",
    "counts",
    "job_ids",
    "json_mappings",
    "json_values",
    "moments",
    "statuses",
    "target_names",
    "texts",
    "unknown_status_texts",
]

KNOWN_STATUSES: Final[tuple[str, ...]] = tuple(
    s for s in reversed(STATUS_PRIORITY_ORDER) if s is not CircuitStatus.UNKNOWN
)
TERMINAL_STATUSES: Final = tuple(s for s in KNOWN_STATUSES if CircuitStatus(s).is_terminal)
TARGETS: Final = (
    "ss_unconstrained_simulator",
    "ibmq_fez_qpu",
    "aqt_keysight_qpu",
    "cq_sqale_qpu",
    "cq_sqale_simulator",
    "ionq_forte-1_qpu",
    "toshiba_bifurcation_simulator",
)
_NAME: Final = "abcxyz019-ABC"
NEW_STATUSES: Final = ("teleporting", "", "Running", "unknown", "queued again", "läuft")
_WIDTHS: Final = st.sampled_from([1, 2, 3, 5])
_WEIGHTS: Final = st.sampled_from(["", "", "weights", "any"])
_MOST: Final = 1001
_ZONES: Final = (
    dt.UTC,
    *(
        dt.timezone(dt.timedelta(minutes=minutes))
        for minutes in (120, -690, 345, 0, 840, -720, 1439, -1439)
    ),
)


def statuses(
    *, terminal: bool | None = None, unknown: bool = False
) -> st.SearchStrategy[CircuitStatus]:
    """Statuses of a circuit.

    Args:
        terminal: True for those that end a circuit, False for the others, None for all.
        unknown: Whether ``UNKNOWN`` is among them (which is not terminal).
    """
    return st.sampled_from(
        [
            s
            for s in reversed(STATUS_PRIORITY_ORDER)
            if (terminal is None or s.is_terminal is terminal)
            and (unknown or s is not CircuitStatus.UNKNOWN)
        ]
    )


def unknown_status_texts() -> st.SearchStrategy[str]:
    """Texts that a newer server might send as a status, and that this version does not know."""
    return st.sampled_from(NEW_STATUSES)


def texts(*, max_size: int = 12) -> st.SearchStrategy[str]:
    """Texts that JSON in UTF-8 can hold: any characters but lone surrogates.

    Args:
        max_size: The most characters.
    """
    return st.text(st.characters(codec="utf-8"), max_size=max_size)


def bitstrings(num_bits: int | None = None) -> st.SearchStrategy[str]:
    """Big-endian bitstrings.

    Args:
        num_bits: Their length; None for 0 to 8.
    """
    if num_bits is None:
        return st.text("01", max_size=8)
    if num_bits == 0:
        return st.just("")
    return st.integers(0, 2**num_bits - 1).map(lambda number: f"{number:0{num_bits}b}")


def counts(
    *,
    num_bits: int | None = None,
    shots: int | None = None,
    floats: bool | None = False,
    max_outcomes: int = 6,
) -> st.SearchStrategy[Counts]:
    """``Counts`` whose bitstrings are all of one length.

    Args:
        num_bits: The length of the bitstrings; None for 1 to 5.
        shots: What whole numbers add up to; None for anything, nothing measured at all included.
        floats: False for whole numbers of shots; True for weights, negative ones included, as
            error mitigation gives them; None for either.
        max_outcomes: The most different bitstrings.

    Raises:
        ValueError: If ``shots`` is given and ``floats`` is not False: weights add up to nothing
            in particular.
    """
    if shots is not None and floats is not False:
        raise ValueError("shots is for whole numbers: leave floats False")
    return _counts(num_bits, shots, floats, max_outcomes)


@st.composite
def _counts(
    draw: st.DrawFn, num_bits: int | None, shots: int | None, floats: bool | None, most: int
) -> Counts:
    return draw_counts(draw, num_bits, shots, floats, most)


def draw_counts(
    draw: st.DrawFn,
    num_bits: int | None = None,
    shots: int | None = None,
    floats: bool | None = False,
    most: int = 6,
) -> Counts:
    """As ``counts``, from within another strategy, with few draws: those take the time."""
    width = draw(_WIDTHS) if num_bits is None else num_bits
    outcomes = draw(st.integers(1 if shots else 0, min(most, 2**width)))
    codes = digits(draw(st.integers(0, 2 ** (width * outcomes) - 1)), 2**width, outcomes)
    keys = list(dict.fromkeys(f"{code:0{width}b}" if width else "" for code in codes))
    if shots is not None:
        cuts = digits(draw(st.integers(0, (shots + 1) ** outcomes - 1)), shots + 1, len(keys) - 1)
        edges = [0, *sorted(cuts), shots]
        sizes = (high - low for low, high in itertools.pairwise(edges))
        return Counts(dict(zip(keys, sizes, strict=False)))
    numbers = digits(draw(st.integers(0, _MOST**outcomes - 1)), _MOST, len(keys))
    kind = draw(_WEIGHTS) if floats is None else floats and draw(_WEIGHTS.filter(bool))
    if kind == "any":
        return Counts({bits: draw(st.floats(-1e9, 1e9)) for bits in keys})
    if kind == "weights":
        return Counts(
            {bits: number / _MOST - 0.1 for bits, number in zip(keys, numbers, strict=True)}
        )
    return Counts(dict(zip(keys, numbers, strict=True)))


def digits(number: int, base: int, length: int) -> list[int]:
    """The last digits of a number, lowest first: many small choices from one draw."""
    found = []
    for _ in range(length):
        number, digit = divmod(number, base)
        found.append(digit)
    return found


def json_values(*, max_leaves: int = 6) -> st.SearchStrategy[Any]:
    """Plain JSON data: None, booleans, numbers, texts, lists and dicts of such.

    Integers past 64 bits, and numbers that differ only in being an int or a float, are among them.

    Args:
        max_leaves: About how many values one holds at the most.
    """
    scalars = (
        st.none()
        | st.booleans()
        | st.integers(-5, 5)
        | st.integers(-(2**70), 2**70)
        | st.floats(allow_nan=False, allow_infinity=False)
        | texts(max_size=6)
    )
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(texts(max_size=4), inner, max_size=3)
        ),
        max_leaves=max_leaves,
    )


def json_mappings(*, max_leaves: int = 4, max_size: int = 3) -> st.SearchStrategy[JsonMapping]:
    """JSON objects that cannot change, such as a job's metadata.

    Args:
        max_leaves: About how many values one member holds at the most.
        max_size: The most members.
    """
    members = st.dictionaries(
        texts(max_size=6), json_values(max_leaves=max_leaves), max_size=max_size
    )
    return members.map(JsonMapping)


def target_names(*, simulator: bool | None = None) -> st.SearchStrategy[str]:
    """Names of targets: real ones first, then any that the rule allows.

    Args:
        simulator: True for simulators, False for devices, None for both.
    """
    kinds = {None: ("simulator", "qpu"), True: ("simulator",), False: ("qpu",)}[simulator]
    known = [name for name in TARGETS if name.endswith(kinds)]
    made = st.builds(
        "{}_{}_{}".format,
        st.text(_NAME, min_size=1, max_size=4),
        st.text(_NAME + ".", min_size=1, max_size=6),
        st.sampled_from(kinds),
    )
    return st.sampled_from(known) | made


def moments(
    *,
    min_value: dt.datetime = dt.datetime(2020, 1, 1),  # noqa: DTZ001 - the zone is drawn
    max_value: dt.datetime = dt.datetime(2035, 1, 1),  # noqa: DTZ001
    utc: bool = False,
) -> st.SearchStrategy[dt.datetime]:
    """Aware times, most in UTC, some with another offset in whole minutes.

    Args:
        min_value: The earliest, without a zone.
        max_value: The latest, without a zone.
        utc: Whether all are in UTC.
    """
    zones = _ZONES[:1] if utc else _ZONES
    span = (max_value - min_value) // dt.timedelta(microseconds=1)
    return st.builds(
        lambda micros, zone: (min_value + dt.timedelta(microseconds=micros)).replace(tzinfo=zone),
        st.integers(0, span),
        st.sampled_from(zones),
    )


def job_ids() -> st.SearchStrategy[UUID]:
    """Ids of jobs."""
    return st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number, version=4))
