"""Circuits in other formats than their own.

Qiskit's and Cirq's own exporters write them; from Qiskit to Cirq there is none, so each gate is
looked up here. What is written is read again, and compared with the circuit: each gate by its
matrix, or all operations in order. What is not the same is not shown.
"""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from qiskit import QuantumCircuit
from qiskit.circuit import Clbit
from qiskit.circuit.classical import expr
from qiskit.quantum_info import Operator

from . import qasm, qpy
from .formats import format_of
from .program import CircuitError, Program
from .qiskit_operations import replaced

__all__ = ["convert"]

_PRECISION: Final = 1e-7
"""How exactly a gate has to be the same: formats write angles with some ten digits."""


def convert(task: dict[str, Any]) -> dict[str, Any]:
    """Write a circuit, and its compiled form, in another format.

    Args:
        task: The fields of a `simulator.tasks.Conversion`.

    Returns:
        The fields of a `simulator.tasks.Converted`.

    Raises:
        CircuitError: The format cannot express it.
    """
    own, other = task["circuit_type"], task["convert_to"]
    program = format_of(own).read(task["circuit"])
    names, physical, compiled = None, program.num_qubits, None
    if task["compiled"] is not None:
        read = format_of(own).read(task["compiled"])
        if task["physical_qubits"] is not None:
            names = _qubits(task["physical_qubits"])
        physical = read.num_qubits if names is None else len(names)
        compiled = _written(read, own, other, names)
    result = {"circuit": _written(program, own, other), "compiled": compiled}
    if other == "cirq":
        from .cirq_circuits import line_qubits

        result["logical_qubits"] = line_qubits(program.num_qubits)
        result["physical_qubits"] = line_qubits(physical)
    return result


def _qubits(source: str) -> tuple[Any, ...]:
    import cirq

    return tuple(cirq.read_json(json_text=source))


def _written(program: Program, own: str, other: str, qubits: tuple[Any, ...] | None = None) -> str:
    if other == "cirq":
        return _written_for_cirq(program)
    circuit = program.circuit
    if own == "cirq":
        circuit = _from_cirq(program.circuit, program.qubits if qubits is None else qubits)
    read = format_of(other).read
    for simple in qasm.simplified(circuit) if other == "qasm" else [circuit]:
        written = qasm.write(simple) if other == "qasm" else qpy.write(simple)
        if _is_same(read(written).circuit, simple):
            return written
    raise CircuitError(f"the circuit cannot be written as {other}")


# ---- comparison


def _is_same_matrix(one: Any, other: Any) -> bool:
    """Whether two unitary matrices are the same up to a global phase."""
    import numpy as np

    overlap = np.vdot(one, other) / len(one)
    return math.isclose(abs(overlap), 1, abs_tol=_PRECISION) and bool(
        np.allclose(one * overlap, other, atol=math.sqrt(_PRECISION))
    )


def _is_same(one: Any, other: Any) -> bool:
    """Whether two Qiskit circuits consist of the same operations on the same bits, in order."""
    size = one.num_qubits, one.num_clbits
    return size == (other.num_qubits, other.num_clbits) and _is_equal(
        list(_steps(one, {}, {})), list(_steps(other, {}, {}))
    )


def _is_equal(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_is_equal, one, other))
    if isinstance(one, complex) and isinstance(other, complex):
        return cmath.isclose(one, other, abs_tol=_PRECISION)
    return bool(one == other)


def _steps(circuit: Any, qubits: dict[Any, int], bits: dict[Any, int]) -> Iterator[Any]:
    """The operations of a circuit as plain data, with numbers for qubits and bits."""
    qubits = qubits or {qubit: place for place, qubit in enumerate(circuit.qubits)}
    bits = bits or {bit: place for place, bit in enumerate(circuit.clbits)}
    for step in circuit.data:
        operation = step.operation
        where = [qubits[qubit] for qubit in step.qubits], [bits[bit] for bit in step.clbits]
        if not hasattr(operation, "blocks"):
            yield operation.name, *where, [_number(value) for value in operation.params]
            continue
        condition = getattr(operation, "condition", getattr(operation, "target", None))
        blocks = [
            list(
                _steps(
                    block,
                    dict(zip(block.qubits, where[0], strict=True)),
                    dict(zip(block.clbits, where[1], strict=True)),
                )
            )
            for block in operation.blocks
        ]
        rest = operation.params[:2] if operation.name == "for_loop" else []
        labels = operation.cases_specifier() if operation.name == "switch_case" else []
        yield (
            operation.name,
            sorted(where[0]),
            sorted(where[1]),
            _condition(condition, bits),
            [str(value) for value in rest],
            [str(label) for label, _ in labels],
            blocks,
        )


def _number(value: Any) -> Any:
    try:
        return complex(value)
    except (TypeError, ValueError):
        return str(value)


def _condition(condition: Any, bits: dict[Any, int]) -> Any:
    """A condition as plain data."""
    if condition is None:
        return None
    if isinstance(condition, tuple):
        condition = expr.lift_legacy_condition(condition)
    node = replaced(expr.lift(condition))
    match node:
        case expr.Var():
            variable = node.var
            return [bits[bit] for bit in ([variable] if isinstance(variable, Clbit) else variable)]
        case expr.Value():
            return int(node.value)
        case expr.Cast():
            return _condition(node.operand, bits)
        case expr.Unary():
            return node.op.name, _condition(node.operand, bits)
        case _:
            return node.op.name, _condition(node.left, bits), _condition(node.right, bits)


# ---- Cirq


def _from_cirq(circuit: Any, qubits: Sequence[Any]) -> Any:
    """A Cirq circuit for Qiskit; its bits are those of the keys of counts, in order.

    Raises:
        CircuitError: It has conditions, or a gate that Cirq does not export as what it is.
    """
    import cirq

    from .cirq_circuits import small

    places = {qubit: place for place, qubit in enumerate(qubits)}
    operations = [part for operation in circuit.all_operations() for part in small(operation)]
    keys = [cirq.measurement_key_name(o) for o in operations if cirq.is_measurement(o)]
    sizes = [len(o.qubits) for o in operations if cirq.is_measurement(o)]
    # Keys in alphabetical order, repeated ones in order of time.
    order = sorted(range(len(keys)), key=lambda number: (keys[number], number))
    starts = dict(zip(order, itertools.accumulate((sizes[n] for n in order), initial=0), strict=False))
    measured = itertools.count()
    made = QuantumCircuit(len(qubits), sum(sizes))
    for operation in operations:
        where = [places[qubit] for qubit in operation.qubits]
        if operation.classical_controls:
            raise CircuitError("conditions are not written in other formats")
        if cirq.is_measurement(operation):
            if operation.gate.confusion_map:
                raise CircuitError("confusion maps are not written in other formats")
            start = starts[next(measured)]
            mask = operation.gate.full_invert_mask()
            flipped = [place for place, flip in zip(where, mask, strict=True) if flip]
            made.x(flipped)
            made.measure(where, range(start, start + len(where)))
            made.x(flipped)
        elif isinstance(operation.gate, cirq.ResetChannel):
            made.reset(where)
        else:
            made.compose(_exported(operation), where, inplace=True)
    return made


def _exported(operation: Any) -> Any:
    """A gate of Cirq as a circuit of Qiskit, by way of Cirq's OpenQASM."""
    import cirq

    qubits = cirq.LineQubit.range(len(operation.qubits))
    alone = cirq.Circuit(operation.with_qubits(*qubits))
    circuit = qasm.read(alone.to_qasm(qubit_order=qubits, precision=15)).circuit
    # Qiskit orders qubits from the least significant one.
    matrix = Operator(circuit.reverse_bits()).data
    if not _is_same_matrix(matrix, cirq.unitary(operation)):
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
    """A gate of Qiskit as one of Cirq."""
    import cirq

    if hasattr(operation, "blocks"):
        raise CircuitError("conditions and loops are not written for Cirq")
    named = {
        **{"x": cirq.X, "y": cirq.Y, "z": cirq.Z, "h": cirq.H, "s": cirq.S, "t": cirq.T},
        **{"cx": cirq.CX, "cz": cirq.CZ, "swap": cirq.SWAP, "iswap": cirq.ISWAP, "id": cirq.I},
        **{"ccx": cirq.CCX, "ccz": cirq.CCZ, "cswap": cirq.CSWAP, "sx": cirq.X**0.5},
        **{"rx": cirq.rx, "ry": cirq.ry, "rz": cirq.rz},
        "r": lambda turn, axis: cirq.PhasedXPowGate(
            exponent=turn / math.pi, phase_exponent=axis / math.pi
        ),
        "rxx": lambda turn: cirq.XXPowGate(exponent=turn / math.pi, global_shift=-0.5),
        "rzz": lambda turn: cirq.ZZPowGate(exponent=turn / math.pi, global_shift=-0.5),
    }
    circuit = QuantumCircuit(operation.num_qubits)
    circuit.append(operation, circuit.qubits)
    matrix = Operator(circuit.reverse_bits()).data
    gate = named.get(operation.name)
    if gate is not None and operation.params:
        gate = gate(*map(float, operation.params))
    if gate is None or not _is_same_matrix(matrix, cirq.unitary(gate)):
        return cirq.MatrixGate(matrix)
    return gate
