"""Strategies for the values that records consist of: statuses, counts, JSON, names, times, ids."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any, Final, Literal, overload
from uuid import UUID

from hypothesis import strategies as st

from superstaq_jobs.errors import InvalidValue
from superstaq_jobs.records import STATUS_PRIORITY_ORDER, CircuitStatus, Counts, JsonMapping
from superstaq_jobs.wire.api import APIS

from .arguments import checked
from .choices import Choices, bytes_below

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

_S: Final = CircuitStatus
_PLAIN: Final = (_S.COMPLETED, _S.RUNNING, _S.FAILED, _S.RECEIVED)
KNOWN_STATUSES: Final[tuple[CircuitStatus, ...]] = (
    *_PLAIN,
    *(s for s in reversed(STATUS_PRIORITY_ORDER) if s not in _PLAIN),
)
TERMINAL_STATUSES: Final = tuple(s for s in KNOWN_STATUSES if s.is_terminal)
UNFINISHED_STATUSES: Final = tuple(s for s in KNOWN_STATUSES if not s.is_terminal)
WIRE_COUNTS: Final[tuple[Any, ...]] = (
    None,
    {},
    {"0": 1},
    {"00": 507, "11": 493},
    {"01": 0.25, "10": 1.0},
    {"1": -0.5},
)
"""Counts as either version of the API sends them."""
TARGETS: Final = (
    "ss_unconstrained_simulator",
    "ibmq_fez_qpu",
    "aqt_keysight_qpu",
    "cq_sqale_qpu",
    "cq_sqale_simulator",
    "ionq_forte-1_qpu",
    "toshiba_bifurcation_simulator",
)
EMAILS: Final = ("ada@example.com", "b.c+tag@example.org", "x1@sub.example.com")
_NAME: Final = "abcxyz019-ABC"
UNKNOWN_STATUSES: Final = ("teleporting", "", "Running", "unknown", "queued again", "läuft")
_WIDTHS: Final = (1, 2, 3, 5)
_WEIGHTS: Final = ("weights", "any")
_MOST: Final = 1001
_DAY_SECONDS: Final = 24 * 3600
_SECOND_MICROS: Final = 1_000_000
_FIRST: Final = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - the time zone is drawn
_LAST: Final = dt.datetime(2035, 1, 1)  # noqa: DTZ001
_ZONES: Final = (
    *[dt.UTC] * 8,
    *(
        dt.timezone(dt.timedelta(minutes=minutes))
        for minutes in (120, -690, 345, 0, 840, -720, 1439, -1439)
    ),
)
SHORT_ID_BYTES: Final = 4
MOMENT_BYTES: Final = 9
"""How many bytes a time takes, if it is within the default fifteen years."""


@checked
def statuses(
    *, terminal: bool | None = None, unknown: bool = False
) -> st.SearchStrategy[CircuitStatus]:
    """Statuses of a circuit.

    Args:
        terminal: True for terminal statuses, False for the others, None for all.
        unknown: Whether to include ``UNKNOWN`` (which is not terminal).
    """
    return st.sampled_from(
        [
            s
            for s in (*KNOWN_STATUSES, *([_S.UNKNOWN] if unknown else []))
            if terminal is None or s.is_terminal is terminal
        ]
    )


def unknown_status_texts() -> st.SearchStrategy[str]:
    """Strings that a newer server might send as a status, and that this version does not know."""
    return st.sampled_from(UNKNOWN_STATUSES)


@checked
def texts(*, max_size: int = 12) -> st.SearchStrategy[str]:
    """Strings that JSON in UTF-8 can contain: any characters but lone surrogates.

    Args:
        max_size: The largest number of characters.
    """
    # The same characters as of codec="utf-8", which takes seconds to find out on its first draw.
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=max_size)


@checked
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


@checked
def counts(
    *,
    num_bits: int | None = None,
    shots: int | None = None,
    floats: bool | None = False,
    max_outcomes: int = 6,
) -> st.SearchStrategy[Counts]:
    """``Counts`` whose bitstrings all have the same length.

    Args:
        num_bits: The length of the bitstrings; None for 1 to 5.
        shots: The sum of integer counts; None for any, including no counts at all.
        floats: False for integer counts; True for weights, including negative ones, as error
            mitigation produces them; None for either.
        max_outcomes: The largest number of different bitstrings.

    Raises:
        ValueError: ``shots`` is given and ``floats`` is not False: weights have no particular sum.
    """
    if shots is not None and floats is not False:
        raise InvalidValue(
            "shots is the sum of integer counts: leave floats=False, or leave shots out"
        )
    return _counts(num_bits, shots, floats, max_outcomes)


@st.composite
def _counts(
    draw: st.DrawFn, num_bits: int | None, shots: int | None, floats: bool | None, max_outcomes: int
) -> Counts:
    return draw_counts(draw, num_bits, shots, floats, max_outcomes)


def draw_counts(
    draw: st.DrawFn,
    num_bits: int | None = None,
    shots: int | None = None,
    floats: bool | None = False,
    max_outcomes: int = 6,
) -> Counts:
    """As ``counts``, from within another strategy."""
    head = Choices(draw, 3 + bytes_below(max_outcomes + 1))
    kind = _kind(head, floats)
    few = head.of(_WIDTHS)
    width = few if num_bits is None else num_bits
    outcomes = max(head.below(min(max_outcomes, 2**width) + 1), 1 if shots else 0)
    limit = _MOST if shots is None else shots + 1
    choices = Choices(draw, outcomes * (bytes_below(2**width) + bytes_below(limit)))
    numbers: dict[str, int] = {}
    for _ in range(outcomes):
        number, code = choices.below(limit), choices.below(2**width)
        numbers.setdefault(f"{code:0{width}b}" if width else "", number)
    if shots is not None:
        return Counts(_divided(shots, numbers))
    if kind == "any":
        return Counts({bits: draw(st.floats(-1e9, 1e9)) for bits in numbers})
    if kind == "weights":
        return Counts({bits: number / _MOST - 0.1 for bits, number in numbers.items()})
    return Counts(numbers)


def _kind(head: Choices, floats: bool | None) -> str:
    index, weighted = head.below(len(_WEIGHTS)), head.flag()
    return _WEIGHTS[index] if floats or (floats is None and weighted) else ""


def _divided(shots: int, cuts: dict[str, int]) -> dict[str, int]:
    """The shots, divided into as many parts as there are bitstrings."""
    edges = [0, *sorted(list(cuts.values())[1:]), shots] if cuts else []
    return {
        bits: high - low for bits, (low, high) in zip(cuts, itertools.pairwise(edges), strict=False)
    }


@checked
def json_values(*, max_leaves: int = 6) -> st.SearchStrategy[Any]:
    """Plain JSON data: None, booleans, numbers, strings, and lists and dicts of such.

    These include integers past 64 bits, and numbers that differ only in being an int or a float.

    Args:
        max_leaves: The approximate largest number of scalars in one value.
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


@checked
def json_mappings(*, max_leaves: int = 4, max_size: int = 3) -> st.SearchStrategy[JsonMapping]:
    """Immutable JSON objects, such as a job's metadata.

    Args:
        max_leaves: The approximate largest number of scalars in one member.
        max_size: The largest number of members.
    """
    members = st.dictionaries(
        texts(max_size=6), json_values(max_leaves=max_leaves), max_size=max_size
    )
    return members.map(JsonMapping)


@checked
def target_names(*, simulator: bool | None = None) -> st.SearchStrategy[str]:
    """Names of targets: real ones first, then any valid ones.

    Args:
        simulator: True for simulators, False for devices, None for both.
    """
    kinds = {None: ("simulator", "qpu"), True: ("simulator",), False: ("qpu",)}[simulator]
    known = [name for name in TARGETS if name.endswith(kinds)]
    return st.sampled_from(known) | _made_target_names(kinds)


@st.composite
def _made_target_names(draw: st.DrawFn, kinds: Sequence[str]) -> str:
    choices = Choices(draw, 13)
    provider = "".join(choices.of(_NAME) for _ in range(1 + choices.below(4)))
    device = "".join(choices.of(_NAME + ".") for _ in range(1 + choices.below(5)))
    return f"{provider}_{device}_{choices.of(kinds)}"


@checked
def moments(
    *, min_value: dt.datetime = _FIRST, max_value: dt.datetime = _LAST, utc: bool = False
) -> st.SearchStrategy[dt.datetime]:
    """Aware times, most of them in UTC, some with another offset in whole minutes.

    Args:
        min_value: The earliest, without a time zone.
        max_value: The latest, without a time zone.
        utc: Whether all are in UTC.

    Raises:
        ValueError: ``max_value`` is before ``min_value``.
    """
    if max_value < min_value:
        raise InvalidValue(f"max_value must not be before min_value {min_value}, got {max_value}")
    return _moments(min_value, max_value, utc)


@st.composite
def _moments(draw: st.DrawFn, first: dt.datetime, last: dt.datetime, utc: bool) -> dt.datetime:
    size = MOMENT_BYTES - bytes_below(_days(_FIRST, _LAST)) + bytes_below(_days(first, last))
    return moment_of(Choices(draw, size), first, last, utc=utc)


def _days(first: dt.datetime, last: dt.datetime) -> int:
    return (last - first).days + 1


def moment_of(
    choices: Choices, first: dt.datetime = _FIRST, last: dt.datetime = _LAST, *, utc: bool = False
) -> dt.datetime:
    """As ``moments``, from choices; the day, the time of day and the zone shrink one by one."""
    since = dt.timedelta(
        days=choices.below(_days(first, last)),
        seconds=choices.below(_DAY_SECONDS),
        microseconds=choices.below(_SECOND_MICROS),
    )
    zone = choices.of(_ZONES)
    return (first + min(since, last - first)).replace(tzinfo=dt.UTC if utc else zone)


@overload
def job_ids(*, api_version: Literal["v0.3.0"] = "v0.3.0") -> st.SearchStrategy[UUID]: ...


@overload
def job_ids(*, api_version: str) -> st.SearchStrategy[Any]: ...


@checked
def job_ids(*, api_version: str = "v0.3.0") -> st.SearchStrategy[Any]:
    """Ids of jobs.

    Args:
        api_version: The version of the API: UUIDs in v0.3.0; in v0.2.0 strings, the ids of one to
            three circuits, joined by commas.

    Raises:
        ValueError: The version does not exist.
    """
    if is_v0_2_0(api_version):
        return _joined_ids()
    return st.binary(min_size=16, max_size=16).map(lambda data: UUID(bytes=data, version=4))


@st.composite
def _joined_ids(draw: st.DrawFn) -> str:
    choices = Choices(draw, SHORT_ID_BYTES + 2)
    size = 1 + choices.below(3)
    return ",".join(circuit_ids_of(choices, size))


def circuit_ids_of(choices: Choices, size: int) -> tuple[str, ...]:
    """Different ids of circuits: UUIDs, as the service's are, or other strings."""
    first, form = short_id_of(choices).int, choices.below(3)
    numbers = [first ^ (place << 64) for place in range(size)]
    if form == 1:
        return tuple(f"{number:032x}" for number in numbers)
    return tuple(f"c-{number >> 64:x}" if form else str(UUID(int=number)) for number in numbers)


def short_id_of(choices: Choices) -> UUID:
    """A job id from choices: one of 2**32, so that few bytes suffice and ids rarely coincide."""
    return UUID(int=choices.below(1 << 8 * SHORT_ID_BYTES) << 96, version=4)


def choose_statuses(
    terminal: bool | None, *, unknown: bool = False
) -> tuple[CircuitStatus | str, ...]:
    """The pool of statuses that a record may have."""
    pool = {None: KNOWN_STATUSES, True: TERMINAL_STATUSES, False: UNFINISHED_STATUSES}[terminal]
    return (*pool, *UNKNOWN_STATUSES) if unknown else pool


def is_v0_2_0(api_version: str) -> bool:
    """Whether it is API v0.2.0, where a job is several circuits with ids of their own.

    Raises:
        ValueError: The version does not exist.
    """
    if api_version not in APIS:
        raise InvalidValue(f"api_version must be one of {', '.join(APIS)}; got {api_version!r}")
    return api_version == "v0.2.0"


def check_targets(targets: Sequence[str] | None) -> Sequence[str]:
    """The pool of targets that a record may have.

    Raises:
        ValueError: The pool is empty.
    """
    if targets is None:
        return TARGETS
    if isinstance(targets, str) or not targets:
        raise InvalidValue(f"targets must be a non-empty list of names, got {targets!r}")
    return tuple(targets)
