"""What only API v0.2.0 has: ids of circuits, words for statuses, and circuits as it writes them.

The payloads are built by hand rather than by this library's encoder.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from superstaq_jobs.errors import InvalidValue
from superstaq_jobs.records import (
    CircuitSnapshot,
    CircuitStatus,
    CircuitType,
    JobSnapshot,
    JobType,
    NewJob,
)

from . import values
from .choices import Choices

__all__ = ["broken_circuits", "circuits_by_id", "circuits_of", "job_of", "new_job_of", "shown"]

_S: Final = CircuitStatus
STATUSES: Final = (
    *(_S.COMPLETED, _S.RUNNING, _S.FAILED, _S.RECEIVED),
    *(_S.PENDING, _S.CANCELLED, _S.DELETED),
)
"""The statuses that this version has a word for."""
WORDS: Final = (
    *("Done", "Running", "Failed", "Submitted", "Queued"),
    *("Canceled", "Cancelled", "Ready", "Deleted"),
)
UNKNOWN_STATUSES: Final = tuple(text for text in values.UNKNOWN_STATUSES if text not in WORDS)
JOB_TYPES: Final = (JobType.SUBMIT, JobType.SIMULATE)
CIRCUIT_TYPES: Final = (CircuitType.CIRQ, CircuitType.QISKIT)

_SHOWN: Final[Mapping[CircuitStatus, CircuitStatus]] = {
    **dict.fromkeys((_S.AWAITING_COMPILE, _S.COMPILING, _S.AWAITING_SUBMISSION), _S.RECEIVED),
    _S.AWAITING_SIMULATION: _S.PENDING,
    _S.SIMULATING: _S.RUNNING,
}
_UNSAID_OF_CIRCUITS: Final[dict[str, Any]] = dict.fromkeys(
    (
        *("results_dict", "updated_at", "logical_qubits", "physical_qubits"),
        *("initial_logical_to_physical", "final_logical_to_physical"),
    )
)
_UNSAID_OF_JOBS: Final[dict[str, Any]] = dict.fromkeys(
    ("job_type", "user_email", "dry_run", "submitted_at", "tags", "metadata")
)
_OTHER_WORDS: Final = {_S.RECEIVED: "Ready", _S.CANCELLED: "Cancelled"}
_EXTRAS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"num_qubits": 2},
    {"num_qubits": 2, "data": {"histogram": {"00": 0.4, "11": 0.6}}, "state_vector": None},
    {"queue_position": 3},
    {"pulse_gate_circuits": "UUlTS0lU\n", "cost": [1.0, {"a": None}]},
)
_EXTRA_BYTES: Final = 3
_JOB_BYTES: Final = 3


def check_statuses(statuses: Collection[CircuitStatus | str]) -> None:
    """Refuse statuses that no circuit has in this version.

    Raises:
        ValueError: One of them is a status of v0.3.0 alone, or a word that means a known one.
    """
    for status in statuses:
        if status in WORDS or (status in set(_S) - {_S.UNKNOWN} and status not in STATUSES):
            raise InvalidValue(
                f"with api_version='v0.2.0' a status must be one of {', '.join(STATUSES)}, or an "
                f"unknown one; got {str(status)!r}"
            )


def choose_statuses(terminal: bool | None, *, unknown: bool) -> tuple[CircuitStatus | str, ...]:
    """The pool of statuses that a record may have."""
    pool = (s for s in STATUSES if terminal is None or s.is_terminal is terminal)
    return (*pool, *(UNKNOWN_STATUSES if unknown else ()))


# ---- records -------------------------------------------------------------------------------------


def job_of(
    draw: st.DrawFn, fields: dict[str, Any], *, job_id: str | None, extra: bool, any_target: bool
) -> JobSnapshot:
    """A job as this version describes it, from the fields of one of v0.3.0.

    Args:
        draw: The draw function of a composite strategy.
        fields: What to make it of; its statuses are of this version already.
        job_id: Its id; None for any.
        extra: Whether some circuits have fields that no attribute holds.
        any_target: Whether the circuits of some jobs have different targets.
    """
    circuits: Sequence[CircuitSnapshot] = fields["circuits"]
    choices = Choices(draw, values.SHORT_ID_BYTES + 1 + _JOB_BYTES)
    made = values.circuit_ids_of(choices, len(circuits))
    ids = made if job_id is None else tuple(job_id.split(","))
    says_target, says_type, differ = choices.below(8) != 1, choices.below(8) != 1, choices.below(8)
    told = [
        circuit_of(draw, circuit, circuit_id, extra=extra)
        for circuit, circuit_id in zip(circuits, ids, strict=True)
    ]
    target = fields["target"] if says_target else None
    if any_target and extra and differ == 1 and len(told) > 1:
        target = None
        told = [
            attrs.evolve(circuit, extra={**circuit.extra, "target": name})
            for circuit, name in zip(told, values.TARGETS, strict=False)
        ]
    return JobSnapshot(
        job_id=",".join(ids),
        target=target,
        circuit_type=fields["circuit_type"] if says_type else None,
        circuits=told,
        fetched_at=fields.get("fetched_at"),
        source=fields.get("source"),
        **_UNSAID_OF_JOBS,
    )


def circuit_of(
    draw: st.DrawFn, circuit: CircuitSnapshot, circuit_id: str | None, *, extra: bool
) -> CircuitSnapshot:
    """A circuit as this version describes it, from one of v0.3.0."""
    choices = Choices(draw, _EXTRA_BYTES + values.SHORT_ID_BYTES + 1)
    unsaid: dict[str, Any] = choices.of(({}, {}, {}, {"shots": None}, {"input_circuit": None}))
    more = dict(choices.of(_EXTRAS)) if extra else {}
    other = choices.flag()
    if extra and other and circuit.status in _OTHER_WORDS:
        more["status"] = _OTHER_WORDS[circuit.status]
    if extra and other and circuit.status_message is not None:
        more["failure"] = {"error": circuit.status_message, "code": 7}
    (made,) = values.circuit_ids_of(choices, 1)
    return attrs.evolve(
        circuit,
        circuit_id=made if circuit_id is None else circuit_id,
        extra=more,
        **{**_UNSAID_OF_CIRCUITS, **unsaid},
    )


@st.composite
def circuits_of(draw: st.DrawFn, circuits: st.SearchStrategy[CircuitSnapshot]) -> CircuitSnapshot:
    """Circuits as this version describes them, from circuits of v0.3.0."""
    return circuit_of(draw, draw(circuits), None, extra=True)


def shown(draw: st.DrawFn, history: Sequence[JobSnapshot]) -> list[JobSnapshot]:
    """A history of v0.3.0 as a client of this version sees it: only what changes there too."""
    ids = values.circuit_ids_of(Choices(draw, values.SHORT_ID_BYTES + 1), history[0].num_circuits)
    seen: list[JobSnapshot] = []
    for snapshot in history:
        circuits = [
            attrs.evolve(
                circuit,
                status_text=_SHOWN.get(circuit.status, circuit.status),
                circuit_id=circuit_id,
                **_UNSAID_OF_CIRCUITS,
            )
            for circuit, circuit_id in zip(snapshot.circuits, ids, strict=True)
        ]
        now: JobSnapshot = attrs.evolve(
            snapshot,
            job_id=",".join(ids),
            circuit_type=CircuitType.CIRQ,
            circuits=circuits,
            **_UNSAID_OF_JOBS,
        )
        if not seen or now != seen[-1]:
            seen.append(now)
    return seen


def new_job_of(fields: dict[str, Any]) -> NewJob:
    """A job that this version can run, from the fields of one of v0.3.0."""
    kept = {k: v for k, v in fields.items() if k not in {"tags", "metadata", "priority"}}
    if kept["job_type"] is JobType.SIMULATE:
        kept["dry_run"] = False
    return NewJob(**{**kept, "shots": max(1, kept.get("shots", 1))})


# ---- payloads ------------------------------------------------------------------------------------

_TEXTS: Final = ("x", "", 'Ω\x00"\\', "[]", "\U0001f600\u2028", None)
_POOLS: Final[dict[str, tuple[Any, ...]]] = {
    "provider_id": _TEXTS[:-1],
    "num_qubits": (2, 0, None),
    "status": WORDS,
    "target": values.TARGETS,
    "circuit_type": ("cirq", "qiskit", "stim"),
    "compiled_circuit": _TEXTS,
    "input_circuit": _TEXTS,
    "pulse_gate_circuits": _TEXTS,
    "data": (None, {"histogram": {"0": 1.0}}, {}),
    "samples": values.WIRE_COUNTS,
    "shots": (100, 0, 1, 2**40, -1, 2**70, None),
    "state_vector": (None, "[1, 0]"),
}
_FAILURES: Final[tuple[Any, ...]] = (
    {"error": "no such gate"},
    {"error": ""},
    {"error": "out of memory", "code": 7},
    {"code": 7},
    "no reason",
    None,
)
_ABSENT: Final = (
    (),
    (),
    ("pulse_gate_circuits", "state_vector"),
    ("target", "shots"),
    ("compiled_circuit", "samples", "data"),
    tuple(name for name in _POOLS if name != "status"),
)
_UNKNOWN_FIELDS: Final = ("queue_position", "cost", "schema_version")
_PAYLOAD_IDS: Final = (
    "6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de",
    "7a39f3c4-0000-4b0e-9c56-0d4fb2a1c3de",
    "c-3",
)


@st.composite
def circuits_by_id(
    draw: st.DrawFn,
    *,
    low: int,
    high: int,
    words: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    unknown_fields: bool = False,
    unknown_statuses: bool = False,
) -> dict[str, Any]:
    """The circuits of a job as the server sends them, by id: plain JSON data."""
    pools = {**_POOLS, "status": words or WORDS, "target": targets or values.TARGETS}
    circuits: dict[str, Any] = {}
    more = Choices(draw, 1).below(4) > 0
    while len(circuits) < high and (more or len(circuits) < low):
        choices = Choices(draw, 6 + len(pools))
        more = choices.flag()
        circuit = {name: copy.deepcopy(choices.of(pool)) for name, pool in pools.items()}
        absent, fails, failure = choices.of(_ABSENT), choices.flag(), choices.of(_FAILURES)
        name, free_counts = choices.of(_UNKNOWN_FIELDS), choices.below(4) == 1
        if fails:
            circuit["failure"] = copy.deepcopy(failure)
        if free_counts:
            circuit["samples"] = dict(values.draw_counts(draw, floats=None))
        for each in absent:
            del circuit[each]
        if unknown_fields:
            circuit[name] = draw(values.json_values())
        if unknown_statuses and not circuits:
            circuit["status"] = draw(st.sampled_from(UNKNOWN_STATUSES))
        place = len(circuits)
        is_named = place < len(_PAYLOAD_IDS)
        circuits[_PAYLOAD_IDS[place] if is_named else f"c-{place + 1}"] = circuit
    return circuits


_NOT_A_STRING: Final[tuple[Any, ...]] = (1, 1.5, True, [], ["x"], {})
_WRONG: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(("provider_id", "circuit_type"), _NOT_A_STRING),
    **dict.fromkeys(("compiled_circuit", "input_circuit"), _NOT_A_STRING),
    "status": (*_NOT_A_STRING, None),
    "target": ("", "ibmq", "ibmq_fez", "ibmq_fez_gpu", "a b_c_qpu", 1, True, [], {}),
    "shots": ("3", 1.5, 2.0, True, False, [], {}),
    "samples": ([], "x", 3, True, [["0", 1]]),
}
_NOT_A_NUMBER: Final[tuple[Any, ...]] = ("3", None, True, [], {})
_NOT_A_CIRCUIT: Final[tuple[Any, ...]] = (None, [], "x", 3, True, {}, [{"status": "Done"}])


@st.composite
def broken_circuits(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """As ``circuits_by_id``, with one thing wrong that a strict reader refuses, and its path."""
    payload = draw(circuits_by_id(low=1, high=3))
    circuit_id = draw(st.sampled_from([*payload]))
    path, name = f"$.{circuit_id}", draw(st.sampled_from([*_WRONG, "samples of", "the circuit"]))
    circuit = payload[circuit_id]
    if name == "the circuit":
        payload[circuit_id] = wrong = copy.deepcopy(draw(st.sampled_from(_NOT_A_CIRCUIT)))
        return payload, f"{path}.status" if wrong == {} else path
    if name == "samples of":
        circuit["samples"] = {"0": 1, "1": draw(st.sampled_from(_NOT_A_NUMBER))}
        return payload, f"{path}.samples.1"
    if name == "status" and draw(st.booleans()):
        del circuit["status"]
    else:
        circuit[name] = copy.deepcopy(draw(st.sampled_from(_WRONG[name])))
    return payload, f"{path}.{name}"
