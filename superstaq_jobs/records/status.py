"""The statuses of circuits, as tables that the code, the docs and the tests all read.

The names, their order and the sets are those of the models in the official client
(``general-superstaq`` 0.5.70). It has neither ``UNKNOWN``, for a status that this version does not
know, nor the table of which status may follow which.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Final

__all__ = [
    "NEXT_STATUSES",
    "PRIORITY",
    "PROGRESS",
    "STATUS_PRIORITY_ORDER",
    "TERMINAL_CIRCUIT_STATES",
    "TERMINAL_COMPILE_STATES",
    "UNSUCCESSFUL_CIRCUIT_STATES",
    "CircuitStatus",
    "CircuitType",
    "JobType",
    "SimMethod",
    "Stage",
    "fold_statuses",
    "parse_status",
]


class CircuitStatus(enum.StrEnum):
    """The status of one circuit of a job.

    Each member equals the string that the API uses: ``CircuitStatus.RUNNING == "running"``. They
    are in the order by which a job's status is found: ``STATUS_PRIORITY_ORDER``, with ``UNKNOWN``
    after the other unfinished ones.
    """

    RECEIVED = "received"
    AWAITING_COMPILE = "awaiting_compile"
    AWAITING_SUBMISSION = "awaiting_submission"
    AWAITING_SIMULATION = "awaiting_simulation"
    COMPILING = "compiling"
    SIMULATING = "simulating"
    RUNNING = "running"
    PENDING = "pending"
    UNKNOWN = "unknown"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNRECOGNIZED = "unrecognized"
    COMPLETED = "completed"
    DELETED = "deleted"

    @property
    def is_terminal(self) -> bool:
        """Whether the circuit is finished: its status will not change, except to deleted."""
        return self in TERMINAL_CIRCUIT_STATES

    @property
    def is_compiled(self) -> bool:
        """Whether the circuit is past compilation: compiled, not in need of it, or finished."""
        return self in TERMINAL_COMPILE_STATES

    @property
    def is_unsuccessful(self) -> bool:
        """Whether the circuit finished without a result: cancelled, failed or deleted."""
        return self in UNSUCCESSFUL_CIRCUIT_STATES


_S = CircuitStatus

STATUS_PRIORITY_ORDER: Final[tuple[CircuitStatus, ...]] = tuple(
    status for status in _S if status is not _S.UNKNOWN
)
"""The status of a job is the first of these that any of its circuits has: the official order.

A status that this version does not know, ``UNKNOWN``, is not among them. It counts after all other
unfinished statuses: a job is unfinished while the status of one of its circuits is unknown.
"""

PRIORITY: Final = {status: place for place, status in enumerate(CircuitStatus)}
_BY_TEXT: Final[Mapping[str, CircuitStatus]] = {status.value: status for status in CircuitStatus}

TERMINAL_CIRCUIT_STATES: Final = frozenset(
    {_S.COMPLETED, _S.FAILED, _S.CANCELLED, _S.UNRECOGNIZED, _S.DELETED}
)
"""Statuses of a finished circuit."""

TERMINAL_COMPILE_STATES: Final = TERMINAL_CIRCUIT_STATES | frozenset(
    {_S.AWAITING_SIMULATION, _S.AWAITING_SUBMISSION, _S.RUNNING, _S.SIMULATING, _S.PENDING}
)
"""Statuses of a circuit that is past compilation, or finished."""

UNSUCCESSFUL_CIRCUIT_STATES: Final = frozenset({_S.CANCELLED, _S.FAILED, _S.DELETED})
"""Statuses of a circuit that finished without a result."""

_ENDS = TERMINAL_CIRCUIT_STATES - {_S.COMPLETED}

NEXT_STATUSES: Final[Mapping[CircuitStatus, frozenset[CircuitStatus]]] = {
    _S.RECEIVED: _ENDS
    | {_S.AWAITING_COMPILE, _S.AWAITING_SUBMISSION, _S.AWAITING_SIMULATION, _S.COMPLETED},
    _S.AWAITING_COMPILE: _ENDS | {_S.COMPILING},
    _S.COMPILING: _ENDS | {_S.AWAITING_SUBMISSION, _S.AWAITING_SIMULATION, _S.COMPLETED},
    _S.AWAITING_SUBMISSION: _ENDS | {_S.PENDING, _S.RUNNING, _S.COMPLETED},
    _S.PENDING: _ENDS | {_S.RUNNING, _S.COMPLETED},
    _S.RUNNING: _ENDS | {_S.PENDING, _S.COMPLETED},
    _S.AWAITING_SIMULATION: _ENDS | {_S.SIMULATING},
    _S.SIMULATING: _ENDS | {_S.COMPLETED},
    _S.UNKNOWN: frozenset(_S),
    _S.COMPLETED: frozenset({_S.DELETED}),
    _S.FAILED: frozenset({_S.DELETED}),
    _S.CANCELLED: frozenset({_S.DELETED}),
    _S.UNRECOGNIZED: frozenset({_S.DELETED}),
    _S.DELETED: frozenset(),
}
"""Which status may directly follow which.

A device may put a running circuit back into its queue (``running`` to ``pending``). The only step
from a terminal status is deletion. Any status may follow ``UNKNOWN``.
"""

PROGRESS: Final[Mapping[CircuitStatus, int]] = {
    _S.RECEIVED: 0,
    _S.UNKNOWN: 1,
    _S.AWAITING_COMPILE: 2,
    _S.COMPILING: 3,
    _S.AWAITING_SUBMISSION: 4,
    _S.AWAITING_SIMULATION: 4,
    _S.PENDING: 5,
    _S.RUNNING: 6,
    _S.SIMULATING: 6,
    _S.COMPLETED: 7,
    _S.FAILED: 7,
    _S.CANCELLED: 7,
    _S.UNRECOGNIZED: 7,
    _S.DELETED: 8,
}
"""How far a circuit has come: the larger number is usually that of the later observation."""


class Stage(enum.StrEnum):
    """What to wait for."""

    COMPILED = "compiled"
    """Every circuit is past compilation, or finished."""
    FINISHED = "finished"
    """Every circuit is finished."""

    def is_reached(self, status: CircuitStatus) -> bool:
        """Whether a circuit with this status has reached the stage."""
        return status.is_terminal if self is Stage.FINISHED else status.is_compiled


def parse_status(text: str) -> CircuitStatus:
    """The status with the given name in the API; ``UNKNOWN`` if this version does not know it.

    >>> parse_status("running")
    <CircuitStatus.RUNNING: 'running'>
    >>> parse_status("teleporting")
    <CircuitStatus.UNKNOWN: 'unknown'>
    """
    return _BY_TEXT.get(text, CircuitStatus.UNKNOWN)


def fold_statuses(statuses: Iterable[CircuitStatus]) -> CircuitStatus:
    """The status of a job with these statuses of its circuits, in any order.

    It is the first of ``STATUS_PRIORITY_ORDER``, or ``UNKNOWN`` if no other circuit is unfinished.
    A job without circuits is ``RECEIVED``, as in the official client.

    >>> fold_statuses([CircuitStatus.COMPLETED, CircuitStatus.RUNNING])
    <CircuitStatus.RUNNING: 'running'>
    """
    return min(statuses, key=PRIORITY.__getitem__, default=CircuitStatus.RECEIVED)


class JobType(enum.StrEnum):
    """What a job does with its circuits."""

    SUBMIT = "submit"
    """Compile them and run them on the target."""
    SIMULATE = "simulate"
    """Compile them and simulate them on the service."""
    COMPILE = "compile"
    """Compile them only."""
    CONVERT = "convert"
    """Convert them to another format only."""


class SimMethod(enum.StrEnum):
    """How a ``simulate`` job is simulated."""

    NOISE_SIM = "noise-sim"
    """With noise."""
    SIM = "sim"
    """Without noise."""


class CircuitType(enum.StrEnum):
    """The format of circuits."""

    CIRQ = "cirq"
    """Cirq's JSON."""
    QISKIT = "qiskit"
    """Qiskit's QPY, in base64."""
    QASM = "qasm"
    """OpenQASM."""
    JAQAL = "jaqal"
    """Jaqal."""
