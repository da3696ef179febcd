"""The formats of circuits, and circuits in another format than their own.

The module of a format has

- ``read(source, qubits)``, for a string with one circuit, and for Cirq the JSON of its qubits, in
  order, or None for those that it acts on, sorted; it returns a ``Program``;
- ``write(circuit)``, which returns the string;
- ``split(source)``, for a string with several circuits, which returns one for each, or None where
  the server splits them; and ``join(sources)``, its opposite;
- ``FRAMEWORK``, a module with ``compile_for(program, task)``, which returns a ``CompiledCircuit``;
  ``run(program, compiled, task)``, which returns counts; and ``size(circuit)``.

Whatever cannot be done raises a ``CircuitError`` that says why.

Each framework's own exporter writes a circuit. Between Cirq and Qiskit, gates pass by the table of
``cirq_circuits``, and by their matrices. What is written is read again; what is not the same is not
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
    *,
    circuit: str,
    compiled: str | None,
    logical_qubits: str | None,
    physical_qubits: str | None,
    circuit_type: str,
    convert_to: str,
) -> Converted:
    """Write a circuit, and its compiled form if there is one, in another format."""
    own, other = circuit_type, convert_to
    program = format_of(own).read(circuit, logical_qubits)
    physical = program.num_qubits
    if compiled is not None:
        read = format_of(own).read(compiled, physical_qubits)
        physical, compiled = read.num_qubits, _written(read, own, other)
    names: dict[str, str] = {}
    if other == "cirq":
        import cirq

        write, line = format_of(other).write, cirq.LineQubit.range
        names["logical_qubits"] = write(line(program.num_qubits))
        names["physical_qubits"] = write(line(physical))
    return Converted(circuit=_written(program, own, other), compiled=compiled, **names)


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

    kept: list[Any] = []
    source = in_qiskit(circuit.all_operations(), qubits, kept)
    # Keys in alphabetical order, repeated ones in order of time.
    bits = sorted(
        (cirq.measurement_key_name(operation), label, number)
        for label, operation in enumerate(kept)
        if cirq.is_measurement(operation)
        for number, _ in enumerate(operation.qubits)
    )
    made = QuantumCircuit(len(qubits), len(bits))
    for step in source.data:
        label = step.operation.label
        if not label:
            made.append(step.operation, [source.find_bit(qubit).index for qubit in step.qubits])
            continue
        operation = kept[int(label)]
        where = [qubits.index(qubit) for qubit in operation.qubits]
        if cirq.is_measurement(operation) and not operation.gate.confusion_map:
            first = bits.index((cirq.measurement_key_name(operation), int(label), 0))
            flips = list(itertools.compress(where, operation.gate.full_invert_mask()))
            for place in flips:
                made.x(place)
            made.measure(where, range(first, first + len(where)))
            for place in flips:
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
        elif name != "barrier":
            raise CircuitError("conditions and loops are not written for Cirq")
    if measured and sorted(measured) != shown:
        raise CircuitError("Cirq has no bits that are measured never or repeatedly")
    if not measured:
        every = cirq.LineQubit.range(circuit.num_qubits)
        made.append(cirq.I(qubit) for qubit in every if qubit not in made.all_qubits())
    return made
