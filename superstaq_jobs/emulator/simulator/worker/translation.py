"""Circuits in other formats than their own.

Qiskit's and Cirq's own exporters write them; from Qiskit to Cirq there is none, so `cirq_circuits`
has a table of gates. What is written is read again, and gates that pass from Cirq to Qiskit are
compared by their matrices. What is not the same is not shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

from qiskit import QuantumCircuit, qasm2, qasm3
from qiskit.quantum_info import Operator

from superstaq_jobs.emulator.simulator.tasks import Conversion, Converted

from . import qasm
from .formats import format_of
from .program import CircuitError, Program
from .qiskit_circuits import transpiled

__all__ = ["convert"]

_PRECISION: Final = 1e-7
"""How exactly a gate has to be the same: formats write angles with some ten digits."""

_IN_OPENQASM: Final = [
    gate.name
    for gate in qasm2.LEGACY_CUSTOM_INSTRUCTIONS
    if gate.name in {known.name for known in qasm3.STDGATES_INC_GATES}
]
"""The gates that both versions of OpenQASM name: Qiskit does not read all others that it writes."""


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
        circuit = _for_cirq(program)
    else:
        circuit = _from_cirq(program.circuit, program.qubits) if own == "cirq" else program.circuit
    if other == "qasm":
        circuit = transpiled(circuit, _IN_OPENQASM, level=0)
        circuit.global_phase = 0  # OpenQASM 2 has none
    written = str(format_of(other).write(circuit))
    if format_of(other).read(written).circuit != circuit:
        raise CircuitError(f"the circuit cannot be written as {other}")
    return written


def _from_cirq(circuit: Any, qubits: Sequence[Any]) -> Any:
    """A Cirq circuit for Qiskit; its bits are those of the keys of counts, in order."""
    import cirq

    operations = list(circuit.all_operations())
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
    # Cirq's matrices have the most significant qubit first.
    found, wanted = Operator(circuit.reverse_bits()), Operator(cirq.unitary(operation))
    if not found.equiv(wanted, atol=_PRECISION):
        raise CircuitError(f"Cirq does not export {operation} as what it is")
    return circuit


def _for_cirq(program: Program) -> Any:
    """A Qiskit circuit for Cirq, with one measurement key for each bit of a key of counts."""
    import cirq

    from .cirq_circuits import of_qiskit

    circuit = transpiled(program.circuit, list(of_qiskit()), level=0)
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
        elif name in of_qiskit():
            gate, angles = of_qiskit()[name], step.operation.params
            made.append((gate(*map(float, angles)) if angles else gate)(*qubits))
        elif name not in {"barrier", "delay"}:
            raise CircuitError("conditions and loops are not written for Cirq")
    if measured and sorted(measured) != shown:
        raise CircuitError("Cirq has no bits that are measured never or repeatedly")
    if not measured:
        every = cirq.LineQubit.range(circuit.num_qubits)
        made.append(cirq.I(qubit) for qubit in every if qubit not in made.all_qubits())
    return made
