"""A circuit between the format in which it was submitted and the simulator."""

from __future__ import annotations

from typing import Any

import attrs

__all__ = ["CircuitError", "Group", "Program", "operation_names", "written_bits"]


class CircuitError(Exception):
    """Why a circuit cannot be read, compiled or run, worded for its user."""


@attrs.frozen(kw_only=True)
class Group:
    """The classical bits that one Cirq measurement writes, in order, under one key.

    Attributes:
        key: The measurement key.
        clbits: The indices of the bits.
    """

    key: str
    clbits: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Program:
    """A circuit that has been read.

    Attributes:
        circuit: A ``qiskit.QuantumCircuit``; its qubits, in order, are the logical ones.
        shown: The classical bits in the keys of counts, in order; None for all.
        groups: Which bits belong to which measurement key, in order of the measurements; None if
            the format has no measurement keys.
        logical_qubits: The logical qubits as the format writes them, or None.
        places: The numbers that their names stand for, if the format has such names and all have
            one; None for their positions.
    """

    circuit: Any
    shown: tuple[int, ...] | None = None
    groups: tuple[Group, ...] | None = None
    logical_qubits: str | None = None
    places: tuple[int, ...] | None = None


def operation_names(circuit: Any) -> set[str]:
    """The names of all operations, including those inside control flow."""
    names = set()
    for step in circuit.data:
        names.add(step.operation.name)
        for block in getattr(step.operation, "blocks", ()):
            names |= operation_names(block)
    return names


def written_bits(circuit: Any) -> set[int]:
    """The indices of the classical bits that measurements outside control flow write.

    This includes measurements in the definitions of operations.
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
