"""What worker processes receive and return: each task and each result is one line of JSON.

Both sides import it, and it imports nothing of this package.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "AnyResult",
    "AnyTask",
    "Compiled",
    "Conversion",
    "Converted",
    "Counted",
    "Describe",
    "Described",
    "Failed",
    "Join",
    "Joined",
    "Result",
    "Size",
    "Split",
    "SplitCircuits",
    "Task",
]


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


class Split(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A string with several circuits, to be split."""

    split: str
    circuit_type: str


class Conversion(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A circuit, and its compiled form or None, to be written in another format."""

    circuit: str
    compiled: str | None
    physical_qubits: str | None
    circuit_type: str
    convert_to: str


class Join(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Circuits to be written as one string."""

    join: list[str]
    circuit_type: str


class Describe(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Circuits whose sizes are wanted."""

    describe: list[str]
    circuit_type: str


class Compiled(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """The compiled circuit, and the physical qubit of each logical one at its start and end.

    ``logical_qubits`` and ``physical_qubits`` name the qubits if the format has names for them.
    """

    compiled: str
    initial: tuple[int, ...]
    final: tuple[int, ...]
    logical_qubits: str | None = None
    physical_qubits: str | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The counts by big-endian bitstring; None if the circuit was not to be run."""

    counts: dict[str, int] | None


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why there will be no result, and in which stage the circuit failed."""

    failed: str
    stage: Literal["compile", "run"] = "run"


class SplitCircuits(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The circuits of a `Split`, one string each."""

    circuits: list[str]


class Joined(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The circuits of a `Join` as one string."""

    circuits: str


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """The size of a circuit; gates on more than two qubits are counted by what they consist of."""

    num_qubits: int
    num_single_qubit_gates: int
    num_two_qubit_gates: int
    depth: int


class Described(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The sizes of the circuits of a `Describe`; None for one that cannot be read."""

    sizes: list[Size | None]


class Converted(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """A circuit and its compiled form in another format, with the names of the qubits there."""

    circuit: str
    compiled: str | None = None
    logical_qubits: str | None = None
    physical_qubits: str | None = None


Result = Compiled | Counted | Failed

AnyTask = Task | Split | Conversion | Join | Describe
AnyResult = Result | SplitCircuits | Converted | Joined | Described
