"""A circuit between the format in which it was submitted and its simulator."""

from __future__ import annotations

from typing import Any, Final

import attrs

from superstaq_jobs.emulator.simulator.tasks import Task

__all__ = ["CircuitError", "CompiledCircuit", "Program", "check_size", "check_used", "depolarizing"]

_MAX_QUBITS: Final = 26
"""The most qubits that a circuit of any target may use: their state takes a gigabyte."""

_MAX_NOISY_QUBITS: Final = 10
"""``noise-sim``: a density matrix of n qubits is as large as the state of 2n qubits."""

_ONE_QUBIT_DEPOLARIZING: Final = 0.001
"""``noise-sim``: the depolarizing probability after each gate on a qubit. ``rz`` is noiseless."""

_CX_DEPOLARIZING: Final = 0.01
"""``noise-sim``: the (two-qubit) depolarizing probability after each gate on two qubits."""


class CircuitError(Exception):
    """Why a circuit cannot be read, compiled or run, worded for its user."""


@attrs.frozen(kw_only=True)
class Program:
    """A circuit that has been read.

    Attributes:
        circuit: A ``qiskit.QuantumCircuit`` whose operations are all Qiskit's own, or a
            ``cirq.Circuit`` without subcircuits that could be unrolled.
        num_qubits: The number of its qubits.
        qubits: Cirq: its qubits, in order.
        shown: Qiskit: the classical bits in the keys of counts, in order; None for all.
    """

    circuit: Any
    num_qubits: int
    qubits: tuple[Any, ...] = ()
    shown: tuple[int, ...] | None = None


@attrs.frozen(kw_only=True)
class CompiledCircuit:
    """A circuit that was compiled for a target.

    Attributes:
        circuit: The circuit to run, of the same framework.
        initial: The physical qubit of each logical one at the start.
        final: The physical qubit of each logical one at the end.
        qubits: Cirq: the physical qubits, in order.
    """

    circuit: Any
    initial: list[int]
    final: list[int]
    qubits: tuple[Any, ...] = ()


def check_size(num_qubits: int, task: Task) -> None:
    """Raise a ``CircuitError`` if a circuit has no qubits, or too many for its target."""
    if num_qubits == 0:
        raise CircuitError("the circuit has no qubits")
    limit, whose = task.max_qubits, "this target"
    if task.noise and limit > _MAX_NOISY_QUBITS:
        limit, whose = _MAX_NOISY_QUBITS, "noise-sim"
    if num_qubits > limit:
        raise CircuitError(f"the circuit has {num_qubits} qubits, more than the {limit} of {whose}")


def check_used(num_qubits: int) -> None:
    """Raise a ``CircuitError`` if a compiled circuit uses more qubits than can be simulated."""
    if num_qubits > _MAX_QUBITS:
        raise CircuitError(
            f"the circuit uses {num_qubits} qubits, more than the {_MAX_QUBITS} that this emulator "
            "simulates"
        )


def depolarizing(task: Task, num_qubits: int) -> float:
    """The depolarizing probability after each noisy gate on that many qubits."""
    if task.error_rate is not None:
        return float(task.error_rate)
    return _ONE_QUBIT_DEPOLARIZING if num_qubits == 1 else _CX_DEPOLARIZING
