"""Strategies for the records: snapshots, lives of jobs, orders and replies.

Lives here: one strategy for each public record, and ``job_histories``. Imports Hypothesis and the
records.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import attrs
from hypothesis import strategies as st

from superstaq_jobs.frozen import JsonMapping
from superstaq_jobs.kinds import CircuitType, JobType, SimMethod
from superstaq_jobs.orders import JobQuery, NewJob, TargetQuery
from superstaq_jobs.records import PER_CIRCUIT_LISTS, REQUIRED_LISTS, CircuitSnapshot, JobSnapshot
from superstaq_jobs.replies import AccountBalance, CancelReceipt, SubmitReceipt, Target, TargetInfo
from superstaq_jobs.status import NEXT_STATUSES, PROGRESS, CircuitStatus

from . import _values as values
from ._values import digits

__all__ = [
    "balances",
    "cancel_receipts",
    "circuit_snapshots",
    "job_histories",
    "job_queries",
    "job_snapshots",
    "new_jobs",
    "submit_receipts",
    "target_infos",
    "target_queries",
    "targets",
]

_OPTIONAL_LISTS: Final = sorted(PER_CIRCUIT_LISTS.keys() - REQUIRED_LISTS)
_IDS: Final = values.job_ids()
_MOMENTS: Final = values.moments()
_UTC_MOMENTS: Final = values.moments(utc=True)
_TARGETS: Final = st.sampled_from(values.TARGETS)
_STATUSES: Final = values.statuses()
_STEPS: Final = st.integers(0, 3 * 60 * 3600 * 4 * 4 * 100)
_KINDS: Final = st.sampled_from([*itertools.product(JobType, CircuitType, (False, True))])
_EMAILS: Final = st.sampled_from(["ada@example.com", "b.c+tag@example.org", "x1@sub.example.com"])
_CIRCUITS: Final = st.sampled_from(
    ["OPENQASM 2.0; qreg q[1];", '{"cirq_type": "Circuit"}', "UUlTS0lU\n", "é\U0001f600"]
)
_SHOTS: Final = st.integers(0, 100_000)
_TEXTS: Final = st.sampled_from(["", "x", "Ω\x00", '"\\', " \n", "\u2028"]) | values.texts(
    max_size=8
)
_QUBITS: Final = st.integers(0, 9)
_MAPS: Final = st.sampled_from([{}, {0: 0}, {1: 3, 0: 2}]) | st.dictionaries(
    _QUBITS, _QUBITS, max_size=3
)
_TAGS: Final = st.lists(st.sampled_from(["week-18", "calibration", ""]) | _TEXTS, max_size=3)
_EXTRA: Final = st.builds(
    lambda name, value: {name: value},
    st.sampled_from(["queue_position", "cost", "schema_version"]),
    st.sampled_from([3, True, 1.0, None, [1, {"a": []}], {"a": 1}]) | values.json_values(),
)
_METADATA: Final = (
    st.sampled_from([{"a": 1}, {"a": True}, {"a": 1.0}, {"a": None, "b": [{}]}])
    | values.json_mappings()
)
_CIRCUIT_PARTS: Final[st.SearchStrategy[tuple[str, ...]]] = st.sampled_from(
    [
        (),
        ("counts",),
        ("counts", "updated_at"),
        ("shots", "updated_at"),
        ("status_message", "provider_id", "input_circuit"),
        ("compiled_circuit", "maps"),
        ("results_dict", "logical_qubits", "physical_qubits"),
    ]
)
_JOB_PARTS: Final[tuple[tuple[str, ...], ...]] = (
    (),
    (),
    (),
    (),
    ("fetched_at", "source"),
    ("tags", "user_email"),
    ("metadata",),
    ("extra",),
    ("short",),
    ("long",),
    ("target", "tags", "metadata", "extra", "short", "long", "fetched_at"),
)
_JOB_FIELDS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "fetched_at": _UTC_MOMENTS,
    "source": st.just("https://superstaq.example.com"),
    "tags": _TAGS,
    "target": values.target_names(),
    "user_email": _EMAILS,
    "metadata": _METADATA,
}
_NEW_JOB_PARTS: Final[st.SearchStrategy[tuple[str, ...]]] = st.sampled_from(
    [(), ("shots",), ("shots", "tags"), ("metadata", "priority"), ("options_dict", "verbatim")]
)
_NEW_JOB_FIELDS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "shots": _SHOTS,
    "tags": _TAGS,
    "metadata": _METADATA,
    "options_dict": _METADATA,
    "priority": st.integers(-5, 5),
    "verbatim": st.booleans(),
}
_QUERY_FIELDS: Final[dict[str, st.SearchStrategy[Any]]] = {
    name: st.lists(some, min_size=1, max_size=3)
    for name, some in {
        "job_id": _IDS,
        "user_email": _EMAILS,
        "target_name": _TARGETS,
        "status": _STATUSES,
        "tags": _TEXTS,
    }.items()
}
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
_CHOICES: Final = st.integers(0, 2**40)
_DEVICE: Final = {
    CircuitStatus.AWAITING_SUBMISSION,
    CircuitStatus.PENDING,
    CircuitStatus.RUNNING,
}
_SIMULATION: Final = {CircuitStatus.AWAITING_SIMULATION, CircuitStatus.SIMULATING}


def circuit_snapshots(
    *,
    index: int = 0,
    status: CircuitStatus | str | None = None,
    num_bits: int | None = None,
) -> st.SearchStrategy[CircuitSnapshot]:
    """Circuits of a job, with any fields that the API allows.

    Args:
        index: The circuit's place in its job.
        status: Its status, or the text of one that nobody knows; None for any known one.
        num_bits: The length of its bitstrings; None for any.
    """
    return _circuit_snapshots(index, status, num_bits)


@st.composite
def _circuit_snapshots(
    draw: st.DrawFn, index: int, status: CircuitStatus | str | None, num_bits: int | None
) -> CircuitSnapshot:
    return _circuit(draw, index, draw(_STATUSES) if status is None else status, num_bits)


def _circuit(
    draw: st.DrawFn, index: int, status: CircuitStatus | str, num_bits: int | None
) -> CircuitSnapshot:
    fields: dict[str, Any] = {}
    # Most circuits are plain, so that they are quick to draw and easy to read.
    for part in draw(_CIRCUIT_PARTS):
        if part == "counts":
            fields["counts"] = values.draw_counts(draw, num_bits, floats=None)
        elif part == "maps":
            fields["initial_logical_to_physical"] = draw(_MAPS)
            fields["final_logical_to_physical"] = draw(_MAPS)
        elif part == "shots":
            fields["shots"] = draw(_SHOTS)
        elif part == "updated_at":
            fields["updated_at"] = draw(_MOMENTS)
        else:
            fields[part] = draw(_TEXTS)
    return CircuitSnapshot(index=index, status_text=status, **fields)


def job_snapshots(
    *,
    job_id: UUID | None = None,
    num_circuits: int | None = None,
    statuses: Sequence[CircuitStatus | str] | None = None,
    terminal: bool | None = None,
    unknown_statuses: bool = False,
    num_bits: int | None = None,
    extra: bool = True,
    irregular_lists: bool = True,
) -> st.SearchStrategy[JobSnapshot]:
    """Snapshots of a job, with any fields that the API allows.

    Args:
        job_id: The job; None for any.
        num_circuits: How many circuits it has; None for 0 to 3 (1 to 3 with ``terminal``).
        statuses: The status of each circuit, which also says how many there are; None for any.
        terminal: True for jobs that are over, False for jobs that are not, None for all.
        unknown_statuses: Whether some circuits have a status that nobody knows.
        num_bits: The length of all bitstrings; None for any.
        extra: Whether some snapshots hold fields that this version does not know.
        irregular_lists: Whether some lists of the wire are shorter or longer than the job, as the
            server may send them (``short_lists``, and list entries in ``extra``).

    Raises:
        ValueError: If the arguments contradict each other.
    """
    if statuses is not None and (
        terminal is not None or unknown_statuses or num_circuits not in {None, len(statuses)}
    ):
        raise ValueError("statuses says it all: leave the other arguments out")
    if terminal and num_circuits == 0:
        raise ValueError("a job without circuits is never over")
    if terminal and unknown_statuses:
        raise ValueError("a job with a status that nobody knows is not over")
    pool = values.KNOWN_STATUSES if not terminal else values.TERMINAL_STATUSES
    if unknown_statuses:
        pool += values.NEW_STATUSES
    low, high = (1 if terminal else 0, 3) if num_circuits is None else [num_circuits] * 2
    texts = _lists_of(pool, low, high) if statuses is None else st.just([*statuses])
    # With "no circuit is over" some would be missed in which only one is not.
    unfinished = values.statuses(terminal=False) if terminal is False else None
    parts = [
        combination
        for combination in _JOB_PARTS
        if (extra or "extra" not in combination)
        and (irregular_lists or not {"short", "long"} & set(combination))
    ]
    return _job_snapshots(
        job_id=job_id,
        statuses=texts,
        unfinished=unfinished,
        combinations=st.sampled_from(parts),
        num_bits=num_bits,
    )


@st.composite
def _lists_of(draw: st.DrawFn, pool: tuple[str, ...], low: int, high: int) -> list[str]:
    size = draw(st.integers(low, high)) if low < high else low
    number = draw(st.integers(0, len(pool) ** size - 1))
    return [pool[digit] for digit in digits(number, len(pool), size)]


@st.composite
def _job_snapshots(
    draw: st.DrawFn,
    *,
    job_id: UUID | None,
    statuses: st.SearchStrategy[list[str]],
    unfinished: st.SearchStrategy[CircuitStatus] | None,
    combinations: st.SearchStrategy[tuple[str, ...]],
    num_bits: int | None,
) -> JobSnapshot:
    texts = list(draw(statuses))
    if unfinished is not None and texts:
        texts[0] = draw(unfinished)
        texts = draw(st.permutations(texts)) if texts[1:] else texts
    circuits = [_circuit(draw, index, text, num_bits) for index, text in enumerate(texts)]
    fields: dict[str, Any] = {}
    more: dict[str, Any] = {}
    short: dict[str, int] = {}
    for part in draw(combinations):
        if part == "extra":
            more |= draw(_EXTRA)
        elif part == "short" and circuits:
            short, circuits = _with_short_lists(draw, circuits)
        elif part == "long":
            more |= _with_long_list(draw, short)
        elif part in _JOB_FIELDS:
            fields[part] = draw(_JOB_FIELDS[part])
    kind, language, dry_run = draw(_KINDS)
    return JobSnapshot(
        job_id=draw(_IDS) if job_id is None else job_id,
        job_type=kind,
        circuit_type=language,
        dry_run=dry_run,
        submitted_at=draw(_MOMENTS),
        circuits=circuits,
        extra=more,
        short_lists=short,
        **{"target": draw(_TARGETS), "user_email": "ada@example.com", **fields},
    )


def _with_short_lists(
    draw: st.DrawFn, circuits: list[CircuitSnapshot]
) -> tuple[dict[str, int], list[CircuitSnapshot]]:
    size, names = len(circuits), len(_OPTIONAL_LISTS)
    one, one_length, other, other_length = _mixed(draw(_CHOICES), names, size, names, size)
    short = {_OPTIONAL_LISTS[one]: one_length, _OPTIONAL_LISTS[other]: other_length}
    cut = []
    for circuit in circuits:
        unsaid = [PER_CIRCUIT_LISTS[name] for name, n in short.items() if circuit.index >= n]
        nothing: dict[str, Any] = dict.fromkeys(unsaid)
        cut.append(attrs.evolve(circuit, **nothing))
    return short, cut


def _with_long_list(draw: st.DrawFn, short: dict[str, int]) -> dict[str, Any]:
    names = [name for name in PER_CIRCUIT_LISTS if name not in short]
    place, more, *entries = _mixed(draw(_CHOICES), len(names), 2, 3, 3)
    surplus = _SURPLUS[names[place]]
    return {names[place]: [surplus[entry] for entry in entries[: 1 + more]]}


# ---- lives of jobs -----------------------------------------------------------------------------


def job_histories(
    *,
    num_circuits: int | None = None,
    job_type: JobType | None = None,
    num_bits: int | None = None,
    deletion: bool = False,
) -> st.SearchStrategy[list[JobSnapshot]]:
    """Lawful lives of a job: what a patient observer sees, from received until it is over.

    In the first snapshot every circuit is ``received``, in the last every one is over. Between two
    snapshots some circuits took one or more of the steps of ``NEXT_STATUSES``, each at its own
    pace. A circuit has a compiled form from its compilation on, counts once a ``submit`` or
    ``simulate`` job completed it, and a message where it failed. ``updated_at`` grows with every
    step of a circuit, ``fetched_at`` with every snapshot.

    Args:
        num_circuits: How many circuits; None for 1 to 3.
        job_type: What the job does, which limits the statuses that it meets; None for any.
        num_bits: The length of the bitstrings; None for any.
        deletion: Whether some circuits go on to be deleted.

    Raises:
        ValueError: If ``num_circuits`` is less than 1: a job without circuits is never over.
    """
    if num_circuits is not None and num_circuits < 1:
        raise ValueError("a job without circuits is never over")
    kinds = st.sampled_from(JobType) if job_type is None else st.just(job_type)
    sizes = st.integers(1, 3) if num_circuits is None else st.just(num_circuits)
    return _job_histories(sizes, kinds, num_bits, deletion)


@st.composite
def _job_histories(
    draw: st.DrawFn,
    sizes: st.SearchStrategy[int],
    kinds: st.SearchStrategy[JobType],
    num_bits: int | None,
    deletion: bool,
) -> list[JobSnapshot]:
    time = draw(_UTC_MOMENTS)
    job = JobSnapshot(
        job_id=draw(_IDS),
        job_type=draw(kinds),
        target=draw(_TARGETS),
        circuit_type=CircuitType.QASM,
        user_email="ada@example.com",
        submitted_at=time,
        circuits=[
            CircuitSnapshot(index=i, status_text=CircuitStatus.RECEIVED, shots=100)
            for i in range(draw(sizes))
        ],
        fetched_at=time,
    )
    history = [job]
    circuits = list(job.circuits)
    living = list(range(len(circuits)))
    left = 6 * len(living)  # after so many steps everything goes to its end by the shortest way
    while living:
        left -= 1
        place, way, seconds, unseen, on = _mixed(draw(_STEPS), len(living), 60, 3600, 4, 4)
        time += dt.timedelta(seconds=1 + seconds)
        index = living[place]
        circuit = _advanced(
            draw, circuits[index], kind=job.job_type, num_bits=num_bits, way=max(left, 0) and way
        )
        circuits[index] = attrs.evolve(circuit, updated_at=time)
        ended = circuit.status is CircuitStatus.DELETED or not (deletion and on == 1)
        if circuit.is_terminal and ended:
            del living[place]
        if not living or unseen != 1:
            history.append(attrs.evolve(job, circuits=circuits, fetched_at=time))
    return history


def _mixed(number: int, *bases: int) -> list[int]:
    """Several small choices from one draw: each draw costs more than all else here."""
    found = []
    for base in bases:
        number, digit = divmod(number, base)
        found.append(digit)
    return found


def _advanced(
    draw: st.DrawFn, circuit: CircuitSnapshot, *, kind: JobType, num_bits: int | None, way: int
) -> CircuitSnapshot:
    never = {CircuitStatus.UNKNOWN}
    never |= set() if circuit.is_terminal else {CircuitStatus.DELETED}
    never |= _DEVICE if kind is not JobType.SUBMIT else set()
    never |= _SIMULATION if kind is not JobType.SIMULATE else set()
    ways = sorted(
        NEXT_STATUSES[circuit.status] - never,
        key=lambda s: (s is not CircuitStatus.COMPLETED, s.is_terminal, -PROGRESS[s], s),
    )
    status = ways[way % len(ways)]
    changes: dict[str, Any] = {"status_text": status}
    if status is CircuitStatus.FAILED:
        changes["status_message"] = ("out of memory", "no such gate")[way % 2]
    elif status is CircuitStatus.DELETED:
        changes |= {"counts": None, "compiled_circuit": None}
    elif status is CircuitStatus.COMPLETED or (status.is_compiled and not status.is_terminal):
        changes["compiled_circuit"] = f"compiled {circuit.index}"
        if status is CircuitStatus.COMPLETED and kind in {JobType.SUBMIT, JobType.SIMULATE}:
            changes["counts"] = values.draw_counts(draw, num_bits, circuit.shots)
    return attrs.evolve(circuit, **changes)


# ---- orders ------------------------------------------------------------------------------------


def new_jobs(
    *, job_type: JobType | None = None, circuit_type: CircuitType | None = None
) -> st.SearchStrategy[NewJob]:
    """Jobs to be submitted.

    Args:
        job_type: What they do; None for any.
        circuit_type: The language of their circuits; None for any.
    """
    return _new_jobs(job_type, circuit_type)


@st.composite
def _new_jobs(
    draw: st.DrawFn, job_type: JobType | None, circuit_type: CircuitType | None
) -> NewJob:
    kind, language, dry_run = draw(_KINDS)
    kind = job_type or kind
    fields: dict[str, Any] = {}
    for part in draw(_NEW_JOB_PARTS):
        fields[part] = draw(_NEW_JOB_FIELDS[part])
    if kind is JobType.SIMULATE:
        fields["sim_method"] = draw(st.sampled_from([None, *SimMethod]))
    return NewJob(
        target=draw(_TARGETS),
        circuits=draw(_CIRCUITS),
        circuit_type=circuit_type or language,
        job_type=kind,
        dry_run=dry_run,
        **fields,
    )


def job_queries(*, fields: Sequence[str] | None = None) -> st.SearchStrategy[JobQuery]:
    """Conditions on jobs; each field is left out by some.

    Args:
        fields: The names of the fields that may have a condition; None for all.

    Raises:
        ValueError: If there is no such field.
    """
    names = [field.name for field in attrs.fields(JobQuery)]
    if not set(fields or ()) <= set(names):
        raise ValueError(f"the fields of a JobQuery are {', '.join(names)}")
    return _job_queries(tuple(names if fields is None else fields))


@st.composite
def _job_queries(draw: st.DrawFn, names: tuple[str, ...]) -> JobQuery:
    low, width = draw(st.integers(-9, 9)), draw(st.integers(0, 3))
    early, days = draw(_UTC_MOMENTS), draw(st.integers(1, 9))
    bounds: dict[str, Any] = {
        "min_priority": low,
        "max_priority": low + width,
        "submitted_after": early,
        "submitted_before": early + dt.timedelta(days=days),
    }
    wanted = digits(draw(st.integers(0, 2 ** len(names) - 1)), 2, len(names))
    chosen = [name for name, flag in zip(names, wanted, strict=True) if flag]
    return JobQuery(
        **{name: bounds[name] if name in bounds else draw(_QUERY_FIELDS[name]) for name in chosen}
    )


def target_queries() -> st.SearchStrategy[TargetQuery]:
    """Conditions on targets; each field is left out by some."""
    flags = st.sampled_from([None, True, False])
    names = [field.name for field in attrs.fields(TargetQuery)]
    return st.builds(TargetQuery, **dict.fromkeys(names, flags))


# ---- replies -----------------------------------------------------------------------------------


def submit_receipts() -> st.SearchStrategy[SubmitReceipt]:
    """What the server says to a submitted job."""
    return st.builds(SubmitReceipt, job_id=values.job_ids(), num_circuits=st.integers(0, 100))


@st.composite
def cancel_receipts(draw: st.DrawFn) -> CancelReceipt:
    """What the server says to a request to cancel jobs, each of which is cancelled or refused."""
    asked = draw(st.lists(values.job_ids(), unique=True, max_size=4))
    at = draw(st.integers(0, len(asked)))
    return CancelReceipt(
        cancelled=asked[:at],
        refused=asked[at:],
        message=draw(values.texts()),
        succeeded=[str(job_id) for job_id in asked[:at]],
    )


def targets(*, simulator: bool | None = None, extra: bool = True) -> st.SearchStrategy[Target]:
    """Devices and simulators; ``simulator`` agrees with the end of the name.

    Args:
        simulator: True for simulators, False for devices, None for both.
        extra: Whether some hold fields that this version does not know.
    """
    flags = st.booleans()
    return st.builds(
        lambda name, **fields: Target(
            target_name=name, simulator=name.endswith("simulator"), **fields
        ),
        values.target_names(simulator=simulator),
        supports_submit=flags,
        supports_submit_qubo=flags,
        supports_compile=flags,
        available=flags,
        retired=flags,
        accessible=flags,
        extra=st.just({}) | _EXTRA if extra else st.just({}),
    )


def target_infos() -> st.SearchStrategy[TargetInfo]:
    """What the server tells of one target."""
    info: st.SearchStrategy[JsonMapping] = values.json_mappings()
    return st.builds(TargetInfo, target_name=values.target_names(), info=info)


def balances() -> st.SearchStrategy[AccountBalance]:
    """What a user may still spend; may be below 0."""
    amounts = st.floats(-1e6, 1e6) | st.integers(-1000, 1000)
    return st.builds(AccountBalance, email=_EMAILS, balance=amounts)
