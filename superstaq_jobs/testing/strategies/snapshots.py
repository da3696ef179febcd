"""Strategies for snapshots of jobs and of their circuits."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import attrs
from hypothesis import strategies as st

from superstaq_jobs.errors import InvalidValue
from superstaq_jobs.records import CircuitSnapshot, CircuitStatus, CircuitType, JobSnapshot, JobType
from superstaq_jobs.records.shape import PER_CIRCUIT_LISTS, REQUIRED_LISTS

from . import v0_2_0, values
from .arguments import checked
from .choices import Choices

__all__ = ["circuit_snapshots", "job_snapshots"]

KINDS: Final = (*itertools.product(JobType, CircuitType, (False, True)),)
TAGS: Final[tuple[tuple[str, ...], ...]] = (
    ("week-18",),
    ("calibration", "week-18"),
    ("",),
    ("a", "a", "\u2028"),
)
FREE_TAGS: Final = st.lists(values.texts(max_size=8), max_size=3).map(tuple)
METADATA: Final[tuple[dict[str, Any], ...]] = (
    {"a": 1},
    {"a": True},
    {"a": 1.0},
    {"a": None, "b": [{}]},
    {"week": 18, "by": "Ω"},
)
FREE_METADATA: Final = values.json_mappings()
_UNKNOWN_FIELDS: Final = ("queue_position", "cost", "schema_version")
_UNKNOWN_VALUES: Final[tuple[Any, ...]] = (3, True, 1.0, None, [1, {"a": []}], {"a": 1})
_FREE_JSON: Final = values.json_values()
_TEXTS: Final = ("x", "", "Ω\x00", '"\\', " \n", "\u2028", "é\U0001f600")
_FREE_TEXT: Final = values.texts(max_size=8)
_MAPS: Final[tuple[dict[int, int], ...]] = ({0: 0}, {}, {1: 3, 0: 2}, {0: 7, 4: 1, 2: 9})
_SHOTS: Final = 100_001
_CIRCUIT_PARTS: Final[tuple[tuple[str, ...], ...]] = (
    (),
    ("counts",),
    ("counts", "updated_at"),
    ("shots", "updated_at"),
    ("status_message", "provider_id", "input_circuit"),
    ("compiled_circuit", "initial_logical_to_physical", "final_logical_to_physical"),
    ("results_dict", "logical_qubits", "physical_qubits"),
)
_CIRCUIT_BYTES: Final = 7
_MOMENTS: Final = values.moments()
_UTC_MOMENTS: Final = values.moments(utc=True)
_JOB_PARTS: Final[tuple[tuple[str, ...], ...]] = (
    (),
    (),
    (),
    (),
    ("fetched_at",),
    ("tags", "user_email"),
    ("metadata",),
    ("extra",),
    ("short",),
    ("long",),
    ("target", "tags", "metadata", "extra", "short", "long", "fetched_at"),
)
_JOB_BYTES: Final = values.SHORT_ID_BYTES + 20 + values.MOMENT_BYTES
_OPTIONAL_LISTS: Final = (*sorted(PER_CIRCUIT_LISTS.keys() - REQUIRED_LISTS),)
_SURPLUS: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(PER_CIRCUIT_LISTS, (None, "x", "")),
    "statuses": ("completed", "running", "deleted"),
    "shots": (100, 0, 2**70),
    "input_circuits": ("OPENQASM 2.0;", "", "é"),
    "counts": (None, {"00": 1}, {"1": 0.5}),
    "last_updated_timestamp": (None, "2026-11-02T08:00:00Z", "2026-11-02T08:00:00+02:00"),
    "initial_logical_to_physicals": (None, {}, {"0": 3, "1": 2}),
    "final_logical_to_physicals": (None, {}, {"0": 2}),
}


# ---- circuits ----------------------------------------------------------------------------------


@checked
def circuit_snapshots(
    *,
    index: int = 0,
    status: CircuitStatus | str | None = None,
    num_bits: int | None = None,
    max_outcomes: int = 6,
    api_version: str = "v0.3.0",
) -> st.SearchStrategy[CircuitSnapshot]:
    """Circuits of a job, with any fields that the API allows.

    Args:
        index: The circuit's index in its job.
        status: Its status, or the string of an unknown one; None for any known one.
        num_bits: The length of its bitstrings; None for any.
        max_outcomes: The largest number of different bitstrings.
        api_version: The version of the API that describes them. In v0.2.0 each has an id.

    Raises:
        ValueError: The version does not exist, or does not have the status.
    """
    is_old = values.is_v0_2_0(api_version)
    if is_old and status is not None:
        v0_2_0.check_statuses([status])
    known = v0_2_0.STATUSES if is_old else values.KNOWN_STATUSES
    pool = known if status is None else (status,)
    circuits = _circuit_snapshots(index, pool, num_bits, max_outcomes)
    return v0_2_0.circuits_of(circuits) if is_old else circuits


@st.composite
def _circuit_snapshots(
    draw: st.DrawFn,
    index: int,
    pool: Sequence[CircuitStatus | str],
    num_bits: int | None,
    max_outcomes: int,
) -> CircuitSnapshot:
    return _circuit(Choices(draw, _CIRCUIT_BYTES), index, pool, num_bits, max_outcomes)


def _circuit(
    choices: Choices,
    index: int,
    pool: Sequence[CircuitStatus | str],
    num_bits: int | None,
    max_outcomes: int,
) -> CircuitSnapshot:
    fields: dict[str, Any] = {"index": index, "status_text": choices.of(pool)}
    # Most fields of a circuit are plain, so that it is quick to draw and easy to read.
    for part in choices.of(_CIRCUIT_PARTS):
        if part == "counts":
            fields[part] = values.draw_counts(
                choices.draw, num_bits, floats=None, max_outcomes=max_outcomes
            )
        elif part.endswith("physical"):
            fields[part] = choices.of(_MAPS)
        elif part == "shots":
            fields[part] = choices.below(_SHOTS)
        elif part == "updated_at":
            fields[part] = choices.draw(_MOMENTS)
        else:
            fields[part] = choices.of(_TEXTS, _FREE_TEXT)
    return CircuitSnapshot(**fields)


# ---- jobs --------------------------------------------------------------------------------------


@checked
def job_snapshots(
    *,
    job_id: UUID | str | None = None,
    num_circuits: int | None = None,
    statuses: Sequence[CircuitStatus | str] | None = None,
    terminal: bool | None = None,
    unknown_statuses: bool = False,
    targets: Sequence[str] | None = None,
    num_bits: int | None = None,
    max_outcomes: int = 6,
    extra: bool = True,
    irregular_lists: bool = True,
    api_version: str = "v0.3.0",
) -> st.SearchStrategy[JobSnapshot]:
    """Snapshots of a job, with any fields that the API allows.

    Args:
        job_id: The id of the job; None for any. In v0.2.0 it also determines how many circuits
            there are.
        num_circuits: How many circuits it has; None for 0 to 3 (1 to 3 with ``terminal``, and in
            v0.2.0).
        statuses: The status of each circuit, which also determines how many there are; None for
            any.
        terminal: True for finished jobs, False for unfinished ones, None for both.
        unknown_statuses: Whether some circuits have an unknown status.
        targets: The targets that it may have; None for any.
        num_bits: The length of all bitstrings; None for any.
        max_outcomes: The largest number of different bitstrings of a circuit.
        extra: Whether some snapshots have fields that this version does not know.
        irregular_lists: Whether some lists of the response are shorter or longer than the job, as
            the server may send them (``short_lists``, and list entries in ``extra``); not in
            v0.2.0, which has no lists.
        api_version: The version of the API that describes the job. What v0.2.0 does not say is
            None, and each circuit has an id and an ``extra`` of its own.

    Raises:
        ValueError: The arguments contradict each other, or the version of the API.
    """
    is_old = values.is_v0_2_0(api_version)
    if is_old and job_id is not None:
        num_circuits = _num_circuits(str(job_id), num_circuits, statuses)
    if statuses is not None and (
        terminal is not None or unknown_statuses or num_circuits not in {None, len(statuses)}
    ):
        raise InvalidValue(
            "leave num_circuits, terminal and unknown_statuses out: statuses determines them"
        )
    if terminal and num_circuits == 0:
        raise InvalidValue(
            "num_circuits must be >= 1 with terminal: a job without circuits is never finished"
        )
    if terminal and unknown_statuses:
        raise InvalidValue(
            "a job with an unknown status is not finished: leave unknown_statuses out"
        )
    if is_old and (num_circuits == 0 or statuses == []):
        raise InvalidValue(
            "num_circuits must be >= 1 with api_version='v0.2.0': a job's id is its circuits' ids"
        )
    parts = [
        combination
        for combination in _JOB_PARTS
        if (extra or "extra" not in combination)
        and (irregular_lists or not {"short", "long"} & set(combination))
        and (not is_old or {"fetched_at"}.issuperset(combination))
    ]
    choose = v0_2_0.choose_statuses if is_old else values.choose_statuses
    pool = choose(terminal or None, unknown=unknown_statuses)
    if statuses is None:
        lowest = 1 if terminal or is_old else 0
        low, high = (lowest, 3) if num_circuits is None else [num_circuits] * 2
        pools = (pool,) * high
    else:
        if is_old:
            v0_2_0.check_statuses(statuses)
        low, pools = len(statuses), tuple((status,) for status in statuses)
    shape = _Shape(
        job_id=job_id,
        low=low,
        pools=pools,
        is_unfinished=terminal is False,
        parts=parts,
        targets=None if targets is None else values.check_targets(targets),
        num_bits=num_bits,
        max_outcomes=max_outcomes,
        is_v0_2_0=is_old,
        extra=extra,
    )
    return _job_snapshots(shape)


def _num_circuits(
    job_id: str, num_circuits: int | None, statuses: Sequence[object] | None
) -> int | None:
    """How many circuits a job of v0.2.0 has, by its id; None if ``statuses`` says the same."""
    size = len(job_id.split(","))
    told = num_circuits if statuses is None else len(statuses)
    if told not in {None, size}:
        raise InvalidValue(f"the job_id is of {size} circuits, so there cannot be {told}")
    return None if statuses is not None else size


@attrs.frozen(kw_only=True)
class _Shape:
    """What all snapshots of one strategy have in common."""

    job_id: UUID | str | None
    low: int
    pools: tuple[tuple[CircuitStatus | str, ...], ...]
    is_unfinished: bool
    parts: Sequence[tuple[str, ...]]
    targets: Sequence[str] | None
    num_bits: int | None
    max_outcomes: int
    is_v0_2_0: bool
    extra: bool


@st.composite
def _job_snapshots(draw: st.DrawFn, shape: _Shape) -> JobSnapshot:
    choices = Choices(draw, _JOB_BYTES)
    some, unfinished = choices.below(4) > 0, choices.of(values.UNFINISHED_STATUSES)
    circuits = _circuits(draw, shape, some=some)
    if shape.is_v0_2_0 and unfinished not in v0_2_0.STATUSES:
        unfinished = CircuitStatus.RUNNING
    if shape.is_unfinished and circuits and all(circuit.is_terminal for circuit in circuits):
        circuits[-1] = attrs.evolve(circuits[-1], status_text=unfinished)
    number = values.short_id_of(choices)
    job_type, circuit_type, dry_run = choices.of(KINDS)
    fields: dict[str, Any] = {
        "job_id": number if shape.job_id is None else shape.job_id,
        "job_type": job_type,
        "circuit_type": circuit_type,
        "dry_run": dry_run,
        "target": choices.of(shape.targets or values.TARGETS),
        "user_email": values.EMAILS[0],
        "submitted_at": values.moment_of(choices),
        "circuits": circuits,
    }
    for part in choices.of(shape.parts):
        _add_part(choices, part, fields, shape)
    if shape.is_v0_2_0:
        job_id = None if shape.job_id is None else str(shape.job_id)
        any_target = shape.targets is None
        return v0_2_0.job_of(draw, fields, job_id=job_id, extra=shape.extra, any_target=any_target)
    return JobSnapshot(**fields)


def _circuits(draw: st.DrawFn, shape: _Shape, *, some: bool) -> list[CircuitSnapshot]:
    """Each circuit decides whether another one follows, so Hypothesis can leave out any."""
    circuits: list[CircuitSnapshot] = []
    while len(circuits) < len(shape.pools) and (some or len(circuits) < shape.low):
        choices = Choices(draw, _CIRCUIT_BYTES)
        some, index = choices.flag(), len(circuits)
        pool = shape.pools[index]
        circuits.append(_circuit(choices, index, pool, shape.num_bits, shape.max_outcomes))
    return circuits


def _add_part(choices: Choices, part: str, fields: dict[str, Any], shape: _Shape) -> None:
    if part == "extra":
        value = {choices.of(_UNKNOWN_FIELDS): choices.of(_UNKNOWN_VALUES, _FREE_JSON)}
        fields["extra"] = {**fields.get("extra", {}), **value}
    elif part == "short":
        if fields["circuits"]:
            fields["short_lists"], fields["circuits"] = _with_short_lists(
                choices, fields["circuits"]
            )
    elif part == "long":
        value = _long_list(choices, fields.get("short_lists", {}))
        fields["extra"] = {**fields.get("extra", {}), **value}
    elif part == "fetched_at":
        fields["fetched_at"] = choices.draw(_UTC_MOMENTS)
        fields["source"] = "https://superstaq.example.com"
    elif part == "tags":
        fields["tags"] = choices.of(TAGS, FREE_TAGS)
    elif part == "metadata":
        fields["metadata"] = choices.of(METADATA, FREE_METADATA)
    elif part == "user_email":
        fields["user_email"] = choices.of(values.EMAILS)
    elif shape.targets is None:
        fields["target"] = choices.draw(values.target_names())


def _with_short_lists(
    choices: Choices, circuits: list[CircuitSnapshot]
) -> tuple[dict[str, int], list[CircuitSnapshot]]:
    short = {choices.of(_OPTIONAL_LISTS): choices.below(len(circuits)) for _ in range(2)}
    cut = []
    for circuit in circuits:
        missing = [PER_CIRCUIT_LISTS[name] for name, n in short.items() if circuit.index >= n]
        nothing: dict[str, Any] = dict.fromkeys(missing)
        cut.append(attrs.evolve(circuit, **nothing))
    return short, cut


def _long_list(choices: Choices, short: dict[str, int]) -> dict[str, Any]:
    name = choices.of([name for name in PER_CIRCUIT_LISTS if name not in short])
    entries = [choices.of(_SURPLUS[name]) for _ in range(1 + choices.below(2))]
    return {name: entries}
