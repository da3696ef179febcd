"""What a circuit is between the language that it came in and the simulator.

Lives here: `Program`, `Group`, and `CircuitError`, the reason for which a circuit fails. Imports
nothing of this package.
"""

from __future__ import annotations

from typing import Any

import attrs

__all__ = ["CircuitError", "Group", "Program", "operation_names", "written_bits"]


class CircuitError(Exception):
    """Why a circuit cannot be read, compiled or run, in words for whoever submitted it."""


@attrs.frozen(kw_only=True)
class Group:
    """Classical bits that one measurement of Cirq writes, in its order, under one key.

    Attributes:
        key: The measurement key.
        clbits: The indices of the bits.
    """

    key: str
    clbits: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Program:
    """A circuit as it was read.

    Attributes:
        circuit: A ``qiskit.QuantumCircuit``; its qubits, in order, are the logical ones.
        shown: The classical bits that the keys of counts have, in order; None for all of them.
        groups: Which bits belong to which measurement key, where the language has keys; in order
            of the measurements. None where it has none.
        logical_qubits: The logical qubits in the form of the language, or None.
    """

    circuit: Any
    shown: tuple[int, ...] | None = None
    groups: tuple[Group, ...] | None = None
    logical_qubits: str | None = None


def operation_names(circuit: Any) -> set[str]:
    """The names of all operations, those inside control flow too."""
    names = set()
    for step in circuit.data:
        names.add(step.operation.name)
        for block in getattr(step.operation, "blocks", ()):
            names |= operation_names(block)
    return names


def written_bits(circuit: Any) -> set[int]:
    """The indices of the classical bits that a measurement outside control flow writes.

    Definitions of operations are looked into as well.
    """
    written = set()
    for step in circuit.data:
        inside: set[int] = set()
        if step.operation.name == "measure":
            inside = {0}
        elif step.clbits and getattr(step.operation, "definition", None) is not None:
            inside = written_bits(step.operation.definition)
        written |= {circuit.find_bit(step.clbits[index]).index for index in inside}
    return written
