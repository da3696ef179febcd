"""Qiskit circuits of operations that are Qiskit's own.

Qiskit's compiler and Aer know operations by their names. A program's own gate may have any name, so
every operation of the program's own is replaced by what it is defined as before they see it.
"""

from __future__ import annotations

import cmath
from collections.abc import Iterable
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    BoxOp,
    ControlFlowOp,
    ControlledGate,
    Delay,
    Gate,
    Instruction,
    Measure,
)
from qiskit.circuit.classical import expr

from .program import CircuitError

__all__ = ["plain", "written_bits"]


def _is_of_qiskit(operation: Any) -> bool:
    """Whether an operation is of a class of Qiskit's own, and not of a class for any operation."""
    kind = getattr(operation, "base_class", type(operation))
    return kind not in (Instruction, Gate, ControlledGate) and kind.__module__.startswith(
        ("qiskit.circuit.", "qiskit.quantum_info.")
    )


def _is_delay(operation: Any) -> bool:
    # qiskit-superstaq writes one whose unit is not dt as an instruction without a definition.
    if type(operation) is Instruction and operation.name == "delay":
        return operation.definition is None
    return isinstance(operation, Delay)


def _where(circuit: Any, bits: Iterable[Any]) -> str:
    """Bits as the program names them."""
    names = []
    for bit in bits:
        found = circuit.find_bit(bit)
        register = found.registers[0] if found.registers else None
        names.append(f"{register[0].name}[{register[1]}]" if register else f"qubit {found.index}")
    return ", ".join(names)


def _check_numbers(operation: Any) -> None:
    for value in operation.params:
        if isinstance(value, np.ndarray):
            is_finite = bool(np.isfinite(value).all())
        elif isinstance(value, int | float | complex):
            is_finite = cmath.isfinite(value)
        else:
            continue
        if not is_finite:
            raise CircuitError(f"a parameter of {operation.name!r} is not a finite number: {value}")


def plain(circuit: Any) -> Any:
    """The same circuit, of operations that are Qiskit's own and that the simulator knows.

    Boxes are opened, and delays, which change nothing here, are left out.
    """
    names = [variable.name for variable in circuit.iter_vars()]
    if names:
        raise CircuitError(
            f"this emulator does not run circuits with real-time variables: {', '.join(names)}"
        )
    made = circuit.copy_empty_like(vars_mode="drop")
    for step in circuit.data:
        try:
            _add(made, step)
        except CircuitError as error:
            place = f"{step.operation.name!r} on {_where(circuit, step.qubits)}"
            raise CircuitError(f"{place}: {error}") from error
    return made


def _add(made: Any, step: Any) -> None:
    operation = step.operation
    if isinstance(operation, BoxOp):
        made.compose(plain(operation.body), step.qubits, step.clbits, inplace=True)
    elif isinstance(operation, ControlFlowOp):
        blocks = [plain(block) for block in operation.blocks]
        made.append(_control_flow(operation, blocks), step.qubits, step.clbits)
    elif isinstance(operation, AnnotatedOperation):
        made.append(_modified(operation), step.qubits)
    elif _is_delay(operation):
        _check_numbers(operation)
    elif _is_of_qiskit(operation):
        _check_numbers(operation)
        made.append(step)
    elif operation.definition is None:
        raise CircuitError("the operation is opaque: it has no definition")
    else:
        made.compose(plain(operation.definition), step.qubits, step.clbits, inplace=True)


def _modified(operation: Any) -> Any:
    """A gate with modifiers, under a name that Qiskit does not know."""
    base = QuantumCircuit(operation.base_op.num_qubits)
    base.append(operation.base_op, base.qubits)
    gate = plain(base).to_gate()
    gate.name = "modified"
    return AnnotatedOperation(gate, operation.modifiers)


def _control_flow(operation: Any, blocks: list[Any]) -> Any:
    """Control flow with other blocks, and a condition that Aer can evaluate."""
    made = operation.replace_blocks(blocks)
    for name in ("condition", "target"):
        if isinstance(value := getattr(made, name, None), expr.Expr):
            setattr(made, name, _replaced(value))
    return made


def _replaced(node: Any) -> Any:
    """An expression with bits in place of indices into registers, which Aer does not know."""
    match node:
        case expr.Index(target=expr.Var(), index=expr.Value()):
            return expr.lift(node.target.var[node.index.value])
        case expr.Cast():
            return expr.Cast(_replaced(node.operand), node.type, node.implicit)
        case expr.Unary():
            return expr.Unary(node.op, _replaced(node.operand), node.type)
        case expr.Binary(op=op) if not op.name.startswith("SHIFT"):
            return expr.Binary(op, _replaced(node.left), _replaced(node.right), node.type)
        case expr.Var() | expr.Value():
            return node
    raise CircuitError("this emulator does not evaluate a condition with a shift or an index")


def written_bits(circuit: Any) -> set[int]:
    """The classical bits that measurements write, in definitions too but not in control flow."""
    written = set()
    for step in circuit.data:
        inside: set[int] = set()
        if isinstance(step.operation, Measure):
            inside = {0}
        elif step.clbits and getattr(step.operation, "definition", None) is not None:
            inside = written_bits(step.operation.definition)
        written |= {circuit.find_bit(step.clbits[index]).index for index in inside}
    return written
