"""Cirq circuits: read and run by Cirq, compiled by Qiskit.

Qiskit has all gates of all targets, and routes. It compiles gates alone: for whatever else a
circuit has, it sees a barrier or a block.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import attrs
import cirq
import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, IfElseOp
from qiskit.circuit.library import UnitaryGate, get_standard_gate_name_mapping
from qiskit.quantum_info import Operator

from superstaq_jobs.emulator.simulator.tasks import Task

from .program import CircuitError, CompiledCircuit, Program, check_used, depolarizing
from .qiskit_circuits import compiled

__all__ = [
    "CIRQ_NAMES",
    "cirq_gate",
    "compile_for",
    "flat",
    "in_qiskit",
    "is_barrier",
    "run",
    "size",
]

_SAME: Final = {
    "id": cirq.I, "x": cirq.X, "y": cirq.Y, "z": cirq.Z, "h": cirq.H, "s": cirq.S, "t": cirq.T,
    "sx": cirq.X**0.5, "sdg": cirq.S**-1, "tdg": cirq.T**-1, "cx": cirq.CX, "cz": cirq.CZ,
    "swap": cirq.SWAP,
}  # fmt: skip
"""Gates of Cirq, by Qiskit's names."""

_POWERS: Final = {
    cirq.XPowGate: "rx", cirq.Rx: "rx", cirq.YPowGate: "ry", cirq.Ry: "ry", cirq.ZPowGate: "rz",
    cirq.Rz: "rz", cirq.CZPowGate: "cp", cirq.XXPowGate: "rxx", cirq.ZZPowGate: "rzz",
}  # fmt: skip
"""Qiskit's names of gates with an exponent, up to a global phase."""

_ROTATIONS: Final[dict[str, Callable[..., Any]]] = {
    "rx": cirq.rx,
    "ry": cirq.ry,
    "rz": cirq.rz,
    "r": lambda turn, axis: cirq.PhasedXPowGate(
        exponent=turn / math.pi, phase_exponent=axis / math.pi
    ),
    "rxx": lambda turn: cirq.XXPowGate(exponent=turn / math.pi, global_shift=-0.5),
    "rzz": lambda turn: cirq.ZZPowGate(exponent=turn / math.pi, global_shift=-0.5),
}
"""Functions that make Cirq's gates of an angle, by Qiskit's names."""

CIRQ_NAMES: Final = (*_SAME, *_ROTATIONS)
"""Qiskit's names of gates that Cirq has too."""

_DEFERRED_QUBITS: Final = 18
"""The most qubits of a circuit whose measurements are deferred, one more for each bit included."""

_CONDITION_BITS: Final = 6
"""The most bits of a condition there: Cirq goes through all of their values."""

_DOUBLE_PRECISION_QUBITS: Final = 22


# ---- reading


def is_barrier(operation: Any) -> bool:
    """Whether it is a barrier, which only cirq-superstaq has."""
    kind = type(operation.gate)
    return kind.__name__ == "Barrier" and kind.__module__.startswith("cirq_superstaq.")


def flat(circuit: Any) -> Iterator[Any]:
    """The measurements, resets and barriers of a circuit, and its gates, on at most two qubits."""
    for whole in circuit.all_operations():
        for operation in cirq.decompose(
            whole,
            keep=_is_kept,
            fallback_decomposer=_by_matrix,
            on_stuck_raise=lambda stuck: CircuitError(f"this emulator does not run {stuck}"),
        ):
            if not set(operation.qubits) <= set(whole.qubits):
                raise CircuitError(f"this emulator does not run {whole}: it needs more qubits")
            if operation.qubits:  # otherwise it is a global phase
                controls = operation.classical_controls
                inner = operation.without_classical_controls().untagged
                yield inner.with_classical_controls(*controls) if controls else inner


def _is_kept(operation: Any) -> bool:
    inner = operation.without_classical_controls().untagged
    if isinstance(inner, cirq.CircuitOperation):
        if inner.repeat_until is not None:
            raise CircuitError("this emulator does not run subcircuits with repeat_until")
        return False
    if isinstance(inner.gate, cirq.MeasurementGate | cirq.ResetChannel) or is_barrier(inner):
        return True
    return len(inner.qubits) <= 2 and cirq.has_unitary(inner)  # noqa: PLR2004


def _by_matrix(operation: Any) -> Any:
    if isinstance(operation, cirq.Operation) and cirq.has_unitary(operation):
        return cirq.quantum_shannon_decomposition(operation.qubits, cirq.unitary(operation))
    return NotImplemented


# ---- compilation


def in_qiskit(operations: Iterable[Any], qubits: Sequence[Any], kept: list[Any]) -> Any:
    """Operations as a Qiskit circuit of gates.

    What is not a gate is added to ``kept``, and in the circuit is a barrier, labelled with its
    place there. The barriers, and the conditional blocks, are on all qubits: nothing is moved from
    one side of a measurement or a condition to the other.
    """
    circuit = QuantumCircuit(len(qubits), 1)
    for operation in operations:
        inner, label = operation.without_classical_controls(), str(len(kept))
        if operation.classical_controls:
            kept.append(operation)
            body, condition = in_qiskit([inner], qubits, kept), (circuit.clbits[0], 1)
            circuit.if_else(condition, body, None, circuit.qubits, circuit.clbits, label=label)
        elif is_barrier(inner) or not cirq.has_unitary(inner):
            kept.append(operation)
            circuit.barrier(label=label)
        else:
            for part in cirq.decompose(inner, keep=_gate, fallback_decomposer=_by_matrix):
                if part.qubits:  # otherwise it is a global phase
                    where = [qubits.index(qubit) for qubit in part.qubits]
                    circuit.append(_gate(part), where)
    return circuit


def _gate(operation: Any) -> Any:
    """The gate of Qiskit for an operation on one qubit, or for one that Qiskit has; or None."""
    known, gate = get_standard_gate_name_mapping(), operation.gate
    for name, same in _SAME.items():
        if gate == same:
            return known[name]
    if type(gate) in _POWERS:
        return known[_POWERS[type(gate)]].base_class(math.pi * gate.exponent)
    return None if len(operation.qubits) > 1 else UnitaryGate(cirq.unitary(operation))


def in_cirq(
    circuit: Any, places: Sequence[Any], qubits: Sequence[Any], kept: Sequence[Any]
) -> Iterator[Any]:
    """The operations of such a circuit once it is compiled, on the physical qubits ``places``."""
    for step in circuit.data:
        operation = step.operation
        where = [places[circuit.find_bit(qubit).index] for qubit in step.qubits]
        if isinstance(operation, IfElseOp):
            controls = kept[int(operation.label)].classical_controls
            for inner in in_cirq(operation.blocks[0], where, qubits, kept):
                yield inner.with_classical_controls(*controls)
        elif isinstance(operation, Barrier):
            yield kept[int(operation.label)].transform_qubits(dict(zip(qubits, where, strict=True)))
        else:
            yield cirq_gate(operation)(*where)


def cirq_gate(gate: Any) -> Any:
    """A gate of Qiskit for Cirq."""
    angles = [float(angle) for angle in gate.params]
    if gate.name in _SAME:
        return _SAME[gate.name]
    if gate.name in _ROTATIONS:
        return _ROTATIONS[gate.name](*angles)
    # Cirq's matrices have the most significant qubit first.
    return cirq.MatrixGate(Operator(gate).reverse_qargs().data, name=gate.name)


def compile_for(program: Program, task: Task) -> CompiledCircuit:
    """Compile a circuit for the target of a task."""
    qubits = program.qubits
    circuit, places = program.circuit, list(range(len(qubits)))
    if task.verbatim:
        return CompiledCircuit(circuit=circuit, initial=places, final=places, qubits=qubits)
    if all(isinstance(qubit, cirq.LineQubit) and qubit.x >= 0 for qubit in qubits):
        places = [qubit.x for qubit in qubits]
    kept: list[Any] = []
    made = compiled(in_qiskit(circuit.all_operations(), qubits, kept), task, places)
    if task.coupling is not None or not task.fixed_qubits:
        qubits = tuple(cirq.LineQubit.range(made.circuit.num_qubits))
    circuit = cirq.Circuit(in_cirq(made.circuit, qubits, program.qubits, kept))
    return attrs.evolve(made, circuit=circuit, qubits=qubits)


# ---- running


def run(_: Program, made: CompiledCircuit, task: Task) -> dict[str, int]:
    """Counts by the measured bits, or by those of all qubits if none is measured.

    They are in alphabetical order of the measurement keys and, for each, in order of time, as
    cirq-superstaq expects.
    """
    circuit = made.circuit
    if not cirq.is_measurement(circuit):
        circuit = circuit + cirq.measure(*(made.qubits[place] for place in made.final), key="all")
    used = len(circuit.all_qubits())
    check_used(used)
    if task.noise:
        circuit = cirq.Circuit(
            noisy for operation in circuit.all_operations() for noisy in _noisy(operation, task)
        )
    elif _can_be_deferred(circuit):
        with contextlib.suppress(ValueError):  # two conditions on one key, for example
            circuit = cirq.defer_measurements(circuit)
    density = task.noise and circuit.are_all_measurements_terminal()
    simulator = cirq.DensityMatrixSimulator if density else cirq.Simulator
    precision = np.complex128 if used <= _DOUBLE_PRECISION_QUBITS else np.complex64
    records = (
        simulator(dtype=precision, seed=task.seed % 2**32)
        .run(circuit, repetitions=task.shots)
        .records
    )
    bits = [records[key].reshape(task.shots, -1) for key in sorted(records)]
    return Counter("".join(map(str, shot)) for shot in np.concatenate(bits, axis=1))


def _noisy(operation: Any, task: Task) -> Iterator[Any]:
    """An operation and its noise: none after measurements, resets and turns about the z axis."""
    yield operation
    gate = operation.without_classical_controls().gate
    noiseless = cirq.ZPowGate | cirq.IdentityGate | cirq.WaitGate
    if cirq.has_unitary(gate) and not isinstance(gate, noiseless):
        number = len(operation.qubits)
        # Cirq's probability is that of any error but none, which the mixed state includes.
        probability = depolarizing(task, number) * (1 - 4.0**-number)
        noise = cirq.depolarize(probability, n_qubits=number)(*operation.qubits)
        yield noise.with_classical_controls(*operation.classical_controls)


def _can_be_deferred(circuit: Any) -> bool:
    """Whether to measure at the end, on further qubits, instead of simulating shot by shot.

    Cirq mixes up the measurements of a key that is measured repeatedly.
    """
    operations = list(circuit.all_operations())
    measured = [operation for operation in operations if cirq.is_measurement(operation)]
    sizes = {cirq.measurement_key_name(one): len(one.qubits) for one in measured}
    return (
        len(sizes) == len(measured)
        and not any(one.gate.confusion_map for one in measured)
        and not any(isinstance(one.gate, cirq.ResetChannel) for one in operations)
        and len(circuit.all_qubits()) + sum(sizes.values()) <= _DEFERRED_QUBITS
        and all(
            sum(sizes[str(key)] for key in cirq.control_keys(one)) <= _CONDITION_BITS
            for one in operations
        )
    )


def size(circuit: Any) -> tuple[list[int], int]:
    """The number of qubits of each gate, and the depth."""
    gates = [
        len(operation.qubits)
        for operation in circuit.all_operations()
        if cirq.has_unitary(operation.without_classical_controls()) and not is_barrier(operation)
    ]
    return gates, len(circuit)
