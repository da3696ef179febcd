"""What worker processes receive and return: each task and each result is one line of JSON.

Both sides import it, and it imports nothing of this package.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "AnyTask",
    "Call",
    "CallName",
    "Compiled",
    "Converted",
    "Failed",
    "Result",
    "Returned",
    "Task",
]

CallName = Literal["split", "join", "sizes", "convert"]


class Task(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One circuit to compile, and to run unless ``run`` is False.

    ``error_rate`` is that of every noisy gate, None for the usual ones. With ``fixed_qubits`` qubit
    k of the circuit is qubit k of the device; with ``mirror_swaps`` a SWAP gate is not carried out
    but exchanges the qubits from then on.
    """

    circuit: str
    circuit_type: str
    verbatim: bool = False
    run: bool = False
    noise: bool = False
    error_rate: float | None = None
    shots: int = 0
    seed: int = 0
    max_qubits: int
    coupling: tuple[tuple[int, int], ...] | None
    native_gates: tuple[str, ...]
    fixed_qubits: bool = False
    mirror_swaps: bool = False


class Call(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Another task: a function of ``worker.compile_and_run``, and its arguments."""

    name: CallName
    arguments: dict[str, Any]


class Compiled(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """The compiled circuit, and the physical qubit of each logical one at its start and end.

    ``logical_qubits`` and ``physical_qubits`` name the qubits if the format has names for them.
    """

    compiled: str
    initial: tuple[int, ...]
    final: tuple[int, ...]
    logical_qubits: str | None = None
    physical_qubits: str | None = None


class Returned(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the function of a ``Call`` returned.

    Of a ``Task``, the counts by big-endian bitstring, or None if the circuit was not to be run.
    """

    value: Any


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why there will be no result, and in which stage the circuit failed."""

    failed: str
    stage: Literal["compile", "run"] = "run"


class Converted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A circuit and its compiled form in another format, with the names of the qubits there."""

    circuit: str
    compiled: str | None = None
    logical_qubits: str | None = None
    physical_qubits: str | None = None


AnyTask = Task | Call
Result = Compiled | Returned | Failed
