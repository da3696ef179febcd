"""The formats of circuits, and circuits in another format than their own.

The module of a format has a ``FRAMEWORK``, the module that compiles, runs and measures its
circuits; ``read`` for a string with one circuit (and the JSON of Cirq's qubits, or None); ``write``
for a circuit; ``join`` for strings with one circuit each; and ``split``, None if the server splits
them. `cirq_lists` has that of Cirq.

Each framework's own exporter writes a circuit. Between Cirq and Qiskit, gates pass by the table of
`cirq_circuits`, and by their matrices. What is written is read again; what is not the same is not
shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

from qiskit import QuantumCircuit, qasm2, qasm3

from superstaq_jobs.emulator.simulator.tasks import Converted

from . import qasm, qpy
from .program import CircuitError, Program
from .qiskit_circuits import transpiled

__all__ = ["convert", "format_of"]

_IN_OPENQASM: Final = [
    gate.name
    for gate in qasm2.LEGACY_CUSTOM_INSTRUCTIONS
    if gate.name in {known.name for known in qasm3.STDGATES_INC_GATES}
]
"""The gates that both versions of OpenQASM name: Qiskit does not read all others that it writes."""


def format_of(circuit_type: str) -> Any:
    """The module of a circuit type. Cirq takes seconds to import, so only where it is used."""
    if circuit_type == "cirq":
        from . import cirq_json

        return cirq_json
    return {"qasm": qasm, "qiskit": qpy}[circuit_type]


def convert(
    circuit: str,
    compiled: str | None,
    logical_qubits: str | None,
    physical_qubits: str | None,
    circuit_type: str,
    convert_to: str,
) -> Converted:
    """Write a circuit, and its compiled form if there is one, in another format.

    Raises:
        CircuitError: The format cannot express it.
    """
    own, other = circuit_type, convert_to
    program = format_of(own).read(circuit, logical_qubits)
    physical = program.num_qubits
    if compiled is not None:
        read = format_of(own).read(compiled, physical_qubits)
        physical, compiled = read.num_qubits, _written(read, own, other)
    circuit = _written(program, own, other)
    if other != "cirq":
        return Converted(circuit=circuit, compiled=compiled)
    import cirq

    return Converted(
        circuit=circuit,
        compiled=compiled,
        logical_qubits=format_of(other).write(cirq.LineQubit.range(program.num_qubits)),
        physical_qubits=format_of(other).write(cirq.LineQubit.range(physical)),
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

    from .cirq_circuits import in_qiskit, is_barrier

    measurements = [o for o in circuit.all_operations() if cirq.is_measurement(o)]
    keys = [cirq.measurement_key_name(measurement) for measurement in measurements]
    # Keys in alphabetical order, repeated ones in order of time.
    order = sorted(range(len(keys)), key=lambda number: (keys[number], number))
    sizes = [len(measurements[number].qubits) for number in order]
    first = dict(zip(order, itertools.accumulate(sizes, initial=0), strict=False))
    kept: list[Any] = []
    source = in_qiskit(circuit.all_operations(), qubits, kept)
    made, measured = QuantumCircuit(len(qubits), sum(sizes)), itertools.count()
    for step in source.data:
        label = step.operation.label
        if not label:
            made.append(step.operation, [source.find_bit(qubit).index for qubit in step.qubits])
            continue
        operation = kept[int(label)]
        where = [qubits.index(qubit) for qubit in operation.qubits]
        if cirq.is_measurement(operation) and not operation.gate.confusion_map:
            bits = itertools.count(first[next(measured)])
            for place, flip in zip(where, operation.gate.full_invert_mask(), strict=True):
                if flip:
                    made.x(place)
                made.measure(place, next(bits))
                if flip:
                    made.x(place)
        elif isinstance(operation.gate, cirq.ResetChannel):
            made.reset(where)
        elif is_barrier(operation):
            made.barrier(where)
        else:
            raise CircuitError(f"{operation} is not written in other formats")
    return made


def _for_cirq(program: Program) -> Any:
    """A Qiskit circuit for Cirq, with one measurement key for each bit of a key of counts."""
    import cirq

    from .cirq_circuits import CIRQ_NAMES, cirq_gate

    circuit = transpiled(program.circuit, CIRQ_NAMES, level=0)
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
        elif name in CIRQ_NAMES:
            made.append(cirq_gate(step.operation)(*qubits))
        elif name not in {"barrier", "delay"}:
            raise CircuitError("conditions and loops are not written for Cirq")
    if measured and sorted(measured) != shown:
        raise CircuitError("Cirq has no bits that are measured never or repeatedly")
    if not measured:
        every = cirq.LineQubit.range(circuit.num_qubits)
        made.append(cirq.I(qubit) for qubit in every if qubit not in made.all_qubits())
    return made
