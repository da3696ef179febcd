"""Statuses of a circuit, as tables that the code, the docs and the tests all read.

Lives here: the status of one circuit, the order in which many statuses fold to one, the sets that
say when something is over, and which status may follow which. Imports nothing of this package.

The names, the order and the sets are those of the v0.3.0 API, read from the models of the official
client (``general-superstaq`` 0.5.70). Two things are ours: ``UNKNOWN``, for a status that this
version has never heard of, and the table of steps, which the official client does not have.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

__all__ = [
    "NEXT_STATUSES",
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
    "may_become",
    "parse_status",
]


class CircuitStatus(enum.StrEnum):
    """Where one circuit of a job stands.

    A member is its text on the wire: ``CircuitStatus.RUNNING == "running"``.
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
        """Whether a circuit with this status will never change again (except to be deleted)."""
        return self in TERMINAL_CIRCUIT_STATES

    @property
    def is_compiled(self) -> bool:
        """Whether nothing more will come of compilation: it is done, was skipped, or failed."""
        return self in TERMINAL_COMPILE_STATES

    @property
    def is_unsuccessful(self) -> bool:
        """Whether the circuit ended without a result: cancelled, failed or deleted."""
        return self in UNSUCCESSFUL_CIRCUIT_STATES


_S = CircuitStatus

STATUS_PRIORITY_ORDER: Final[tuple[CircuitStatus, ...]] = (
    _S.RECEIVED,
    _S.AWAITING_COMPILE,
    _S.AWAITING_SUBMISSION,
    _S.AWAITING_SIMULATION,
    _S.COMPILING,
    _S.SIMULATING,
    _S.RUNNING,
    _S.PENDING,
    _S.UNKNOWN,
    _S.FAILED,
    _S.CANCELLED,
    _S.UNRECOGNIZED,
    _S.COMPLETED,
    _S.DELETED,
)
"""The status of a job is the first of these that any of its circuits has.

The official order, with ``UNKNOWN`` behind all other statuses that are not terminal: a job with a
circuit that nobody understands is not over.
"""

_PRIORITY: Final = {status: place for place, status in enumerate(STATUS_PRIORITY_ORDER)}
_BY_TEXT: Final[Mapping[str, CircuitStatus]] = {status.value: status for status in CircuitStatus}

TERMINAL_CIRCUIT_STATES: Final = frozenset(
    {_S.COMPLETED, _S.FAILED, _S.CANCELLED, _S.UNRECOGNIZED, _S.DELETED}
)
"""Statuses that end a circuit."""

TERMINAL_COMPILE_STATES: Final = TERMINAL_CIRCUIT_STATES | {
    _S.AWAITING_SIMULATION,
    _S.AWAITING_SUBMISSION,
    _S.RUNNING,
    _S.SIMULATING,
    _S.PENDING,
}
"""Statuses in which a circuit is past compilation, or over."""

UNSUCCESSFUL_CIRCUIT_STATES: Final = frozenset({_S.CANCELLED, _S.FAILED, _S.DELETED})
"""Statuses of a circuit that ended without a result."""

_ENDS = TERMINAL_CIRCUIT_STATES - {_S.COMPLETED}

NEXT_STATUSES: Final[Mapping[CircuitStatus, frozenset[CircuitStatus]]] = MappingProxyType(
    {
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
)
"""The direct steps of a circuit's life.

A device may put a running circuit back into its queue (``running`` to ``pending``); nothing leaves
a terminal status but by deletion. Nothing is known of what follows an ``UNKNOWN`` status, so
everything may.
"""


PROGRESS: Final[Mapping[CircuitStatus, int]] = MappingProxyType(
    {
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
)
"""How far along its life a circuit is: of two observations, the larger is usually the later."""


def _closure(steps: Mapping[_S, frozenset[_S]]) -> dict[_S, frozenset[_S]]:
    reachable: dict[_S, frozenset[_S]] = {}
    for start in steps:
        seen = {start}
        frontier = [start]
        while frontier:
            fresh = steps[frontier.pop()] - seen
            seen |= fresh
            frontier.extend(fresh)
        # An observer may meet a status that we do not know anywhere before the end.
        if start not in TERMINAL_CIRCUIT_STATES:
            seen.add(_S.UNKNOWN)
        reachable[start] = frozenset(seen)
    return reachable


_REACHABLE: Final = _closure(NEXT_STATUSES)


class Stage(enum.StrEnum):
    """What a wait waits for."""

    COMPILED = "compiled"
    """Every circuit is past compilation, or over."""
    FINISHED = "finished"
    """Every circuit is over."""

    def is_reached(self, status: CircuitStatus) -> bool:
        """Whether a circuit with this status has reached the stage."""
        return status.is_terminal if self is Stage.FINISHED else status.is_compiled


def parse_status(text: str) -> CircuitStatus:
    """The status that a text of the wire stands for; ``UNKNOWN`` for one that we do not know.

    >>> parse_status("running")
    <CircuitStatus.RUNNING: 'running'>
    >>> parse_status("teleporting")
    <CircuitStatus.UNKNOWN: 'unknown'>
    """
    return _BY_TEXT.get(text, CircuitStatus.UNKNOWN)


def fold_statuses(statuses: Iterable[CircuitStatus]) -> CircuitStatus:
    """The status of a whole job, from those of its circuits, in any order.

    A job without circuits is ``RECEIVED``, as the official client has it.

    >>> fold_statuses([CircuitStatus.COMPLETED, CircuitStatus.RUNNING])
    <CircuitStatus.RUNNING: 'running'>
    """
    return min(statuses, key=_PRIORITY.__getitem__, default=CircuitStatus.RECEIVED)


def may_become(before: CircuitStatus, after: CircuitStatus) -> bool:
    """Whether a circuit seen with one status may later be seen with the other.

    An observer misses steps, so this follows ``NEXT_STATUSES`` over any number of them. A status
    may always be seen again.

    >>> may_become(CircuitStatus.RECEIVED, CircuitStatus.COMPLETED)
    True
    >>> may_become(CircuitStatus.COMPLETED, CircuitStatus.RUNNING)
    False
    """
    return after in _REACHABLE[before]


class JobType(enum.StrEnum):
    """What a job is to do with its circuits."""

    SUBMIT = "submit"
    """Compile them and run them on the target."""
    SIMULATE = "simulate"
    """Compile them and simulate them on the service."""
    COMPILE = "compile"
    """Compile them only."""
    CONVERT = "convert"
    """Write them in another language only."""


class SimMethod(enum.StrEnum):
    """How a ``simulate`` job is simulated."""

    NOISE_SIM = "noise-sim"
    """With noise."""
    SIM = "sim"
    """Without noise."""


class CircuitType(enum.StrEnum):
    """The language that circuits are written in."""

    CIRQ = "cirq"
    """Cirq's JSON."""
    QISKIT = "qiskit"
    """Qiskit's QPY, in base64."""
    QASM = "qasm"
    """OpenQASM text."""
    JAQAL = "jaqal"
    """Jaqal text."""
