"""Circuits in other formats than their own.

Qiskit's and Cirq's own exporters write them; from Qiskit to Cirq there is none, so each gate is
looked up here. What is written is read again and compared: gates by their matrices where they pass
from one framework to the other, whole circuits within one. What is not the same is not shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

from superstaq_jobs.emulator.simulator.tasks import Conversion, Converted

from . import qasm, qpy
from .formats import format_of
from .program import CircuitError, Program

__all__ = ["convert"]

_PRECISION: Final = 1e-7
"""How exactly a gate has to be the same: formats write angles with some ten digits."""


def convert(task: Conversion) -> Converted:
    """Write a circuit, and its compiled form, in another format.

    Raises:
        CircuitError: The format cannot express it.
    """
    own, other = task.circuit_type, task.convert_to
    program = format_of(own).read(task.circuit)
    physical, compiled = program.num_qubits, None
    if task.compiled is not None:
        read = format_of(own).read(task.compiled, task.physical_qubits)
        physical, compiled = read.num_qubits, _written(read, own, other)
    circuit = _written(program, own, other)
    if other != "cirq":
        return Converted(circuit=circuit, compiled=compiled)
    from .cirq_circuits import line_qubits

    return Converted(
        circuit=circuit,
        compiled=compiled,
        logical_qubits=line_qubits(program.num_qubits),
        physical_qubits=line_qubits(physical),
    )


def _written(program: Program, own: str, other: str) -> str:
    if other == "cirq":
        return _written_for_cirq(program)
    circuit = _from_cirq(program.circuit, program.qubits) if own == "cirq" else program.circuit
    # OpenQASM gets only gates that it has names for: Qiskit does not read all that it writes.
    for simple in qasm.simplified(circuit) if other == "qasm" else [circuit]:
        written = qasm.write(simple) if other == "qasm" else qpy.write(simple)
        if format_of(other).read(written).circuit == simple:
            return written
    raise CircuitError(f"the circuit cannot be written as {other}")


def _is_same(one: Any, other: Any) -> bool:
    """Whether two unitary matrices are the same up to a global phase."""
    overlap = np.vdot(one, other) / len(one)
    return bool(np.allclose(one * overlap, other, atol=_PRECISION))


def _matrix(circuit: Any) -> Any:
    """The matrix of a Qiskit circuit, with qubits in Cirq's order: the most significant first."""
    return Operator(circuit.reverse_bits()).data


def _from_cirq(circuit: Any, qubits: Sequence[Any]) -> Any:
    """A Cirq circuit for Qiskit; its bits are those of the keys of counts, in order."""
    import cirq

    from .cirq_circuits import small

    operations = [part for operation in circuit.all_operations() for part in small(operation)]
    measurements = [o for o in operations if cirq.is_measurement(o)]
    keys = [cirq.measurement_key_name(measurement) for measurement in measurements]
    # Keys in alphabetical order, repeated ones in order of time.
    order = sorted(range(len(keys)), key=lambda number: (keys[number], number))
    sizes = [len(measurements[number].qubits) for number in order]
    first = dict(zip(order, itertools.accumulate(sizes, initial=0), strict=False))
    made, measured = QuantumCircuit(len(qubits), sum(sizes)), itertools.count()
    for operation in operations:
        where = [qubits.index(qubit) for qubit in operation.qubits]
        if operation.classical_controls or getattr(operation.gate, "confusion_map", None):
            raise CircuitError(f"{operation} is not written in other formats")
        if cirq.is_measurement(operation):
            bits = itertools.count(first[next(measured)])
            for place, flip in zip(where, operation.gate.full_invert_mask(), strict=True):
                if flip:
                    made.x(place)
                made.measure(place, next(bits))
                if flip:
                    made.x(place)
        elif isinstance(operation.gate, cirq.ResetChannel):
            made.reset(*where)
        else:
            made.compose(_exported(operation), where, inplace=True)
    return made


def _exported(operation: Any) -> Any:
    """A gate of Cirq as a circuit of Qiskit, by way of Cirq's OpenQASM."""
    import cirq

    qubits = cirq.LineQubit.range(len(operation.qubits))
    alone = cirq.Circuit(operation.with_qubits(*qubits))
    circuit = qasm.read(alone.to_qasm(qubit_order=qubits, precision=15)).circuit
    if not _is_same(_matrix(circuit), cirq.unitary(operation)):
        raise CircuitError(f"Cirq does not export {operation} as what it is")
    return circuit


def _written_for_cirq(program: Program) -> str:
    """A Qiskit circuit as Cirq's JSON, with one measurement key for each bit of a key of counts."""
    import cirq

    from .cirq_json import write

    circuit = program.circuit
    shown = list(range(circuit.num_clbits) if program.shown is None else program.shown)
    digits = len(str(circuit.num_clbits))
    made, measured = cirq.Circuit(), []
    for step in circuit.data:
        qubits = [cirq.LineQubit(circuit.find_bit(qubit).index) for qubit in step.qubits]
        name = step.operation.name
        if name == "measure":
            measured.append(circuit.find_bit(step.clbits[0]).index)
            made.append(cirq.measure(*qubits, key=f"c{measured[-1]:0{digits}}"))
        elif name == "reset":
            made.append(cirq.reset_each(*qubits))
        elif name not in {"barrier", "delay"}:
            made.append(_for_cirq(step.operation)(*qubits))
    if measured and sorted(measured) != shown:
        raise CircuitError("Cirq has no bits that are measured never or repeatedly")
    if not measured:
        every = cirq.LineQubit.range(circuit.num_qubits)
        made.append(cirq.I(qubit) for qubit in every if qubit not in made.all_qubits())
    written = write(made)
    if cirq.read_json(json_text=written) != made:
        raise CircuitError("Cirq does not read what it has written")
    return written


def _for_cirq(operation: Any) -> Any:
    """A gate of Qiskit as the gate of Cirq with the same matrix."""
    import cirq

    from .cirq_circuits import of_qiskit

    if hasattr(operation, "blocks"):
        raise CircuitError("conditions and loops are not written for Cirq")
    circuit = QuantumCircuit(operation.num_qubits)
    circuit.append(operation, circuit.qubits)
    matrix, gate = _matrix(circuit), of_qiskit(operation.name, operation.params)
    if gate is not None and _is_same(matrix, cirq.unitary(gate)):
        return gate
    # A gate on one qubit is any rotation.
    is_rotation = operation.num_qubits == 1
    return cirq.PhasedXZGate.from_matrix(matrix) if is_rotation else cirq.MatrixGate(matrix)
