"""Conversion of circuits from Cirq to Qiskit, and back."""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from .program import CircuitError, Group, Program

__all__ = ["MAX_UNITARY_QUBITS", "to_cirq", "to_qiskit"]

MAX_UNITARY_QUBITS: Final = 6
"""A gate that Cirq cannot decompose is converted as a matrix up to this number of qubits."""

_NAMED: Final = (
    ("x", "X", 1),
    ("y", "Y", 1),
    ("z", "Z", 1),
    ("h", "H", 1),
    ("s", "S", 1),
    ("t", "T", 1),
    ("cx", "CX", 2),
    ("cz", "CZ", 2),
    ("swap", "SWAP", 2),
    ("iswap", "ISWAP", 2),
    ("ccx", "CCX", 3),
    ("ccz", "CCZ", 3),
    ("cswap", "CSWAP", 3),
)
"""Gates with a name in both: in Qiskit, in Cirq, and their number of qubits."""

_TURNS: Final = {"rxx": "XXPowGate", "rzz": "ZZPowGate"}
"""Rotations of two qubits: in Qiskit, in Cirq."""

_BASIS: Final = ("x", "y", "z", "h", "s", "t", "sx", "rx", "ry", "rz", "cx", "cz", "swap")
"""The gates into which a circuit of another format is decomposed before it is written for Cirq."""


def _groups(operations: Sequence[Any]) -> tuple[Group, ...]:
    """The bits of each measurement: keys in alphabetical order, repeated ones in order of time."""
    import cirq

    measured = [
        (cirq.measurement_key_name(operation), number, len(operation.qubits))
        for number, operation in enumerate(operations)
        if cirq.is_measurement(operation)
    ]
    bits = itertools.count()
    found = {}
    for key, number, size in sorted(measured):
        found[number] = Group(key=key, clbits=tuple(itertools.islice(bits, size)))
    return tuple(found[number] for number in sorted(found))


def _simple_operations(circuit: Any) -> Iterator[Any]:
    """The operations in order, with measurements of Pauli strings decomposed."""
    import cirq

    for operation in circuit.all_operations():
        plain = operation.untagged
        if isinstance(plain, cirq.ClassicallyControlledOperation):
            if cirq.is_measurement(plain):
                raise CircuitError("this emulator does not run conditional measurements")
            yield plain
        elif cirq.is_measurement(plain) and not isinstance(plain.gate, cirq.MeasurementGate):
            yield from (part.untagged for part in cirq.decompose_once(plain))
        else:
            yield plain


def to_qiskit(circuit: Any, qubits: Sequence[Any]) -> tuple[Any, tuple[Group, ...]]:
    """Convert a Cirq circuit for Qiskit.

    Args:
        circuit: The circuit, without subcircuits and parameters.
        qubits: Its qubits, in the order that they are to have.

    Returns:
        The ``qiskit.QuantumCircuit``, and its groups of bits in order of the measurements.

    Raises:
        CircuitError: An operation cannot run here.
    """
    import cirq
    from qiskit import QuantumCircuit

    operations = list(_simple_operations(circuit))
    groups = _groups(operations)
    places = {qubit: place for place, qubit in enumerate(qubits)}
    made = QuantumCircuit(len(qubits), sum(len(group.clbits) for group in groups))
    done: dict[str, list[Group]] = {}
    remaining = iter(groups)
    last = {qubit: n for n, operation in enumerate(operations) for qubit in operation.qubits}
    for number, operation in enumerate(operations):
        if cirq.is_measurement(operation):
            group = next(remaining)
            used_later = {places[qubit] for qubit in operation.qubits if last[qubit] > number}
            _measure(made, operation, group, places, used_later)
            done.setdefault(group.key, []).append(group)
        elif isinstance(operation, cirq.ClassicallyControlledOperation):
            _add_condition(made, operation, done, places)
        else:
            _add(made, operation, places)
    return made, groups


def _measure(
    made: Any, operation: Any, group: Group, places: Mapping[Any, int], used_later: Container[int]
) -> None:
    where = [places[qubit] for qubit in operation.qubits]
    mask = operation.gate.full_invert_mask()
    flipped = [place for place, flip in zip(where, mask, strict=True) if flip]
    # An inverted bit is a flip before the measurement, undone afterwards if the qubit is still
    # used. The barriers keep the bits of one key together, so that they can be written as one
    # measurement again.
    if flipped:
        made.x(flipped)
    if len(where) > 1:
        made.barrier(where)
    made.measure(where, group.clbits)
    if len(where) > 1:
        made.barrier(where)
    for place in flipped:
        if place in used_later:
            made.x(place)


def _add_condition(
    made: Any, operation: Any, done: Mapping[str, Sequence[Group]], places: Mapping[Any, int]
) -> None:
    import cirq
    from qiskit import QuantumCircuit
    from qiskit.circuit.classical import expr

    combined = None
    for condition in operation.classical_controls:
        if not isinstance(condition, cirq.KeyCondition):
            raise CircuitError(f"this emulator does not run the condition {condition}")
        try:
            group = done[str(condition.key)][condition.index]
        except LookupError as error:
            raise CircuitError(f"the condition {condition} comes before its measurement") from error
        one = expr.lift(made.clbits[group.clbits[0]])
        for bit in group.clbits[1:]:
            one = expr.bit_or(one, made.clbits[bit])
        combined = one if combined is None else expr.logic_and(combined, one)
    inner = operation.without_classical_controls()
    body = QuantumCircuit(len(inner.qubits))
    _add(body, inner, {qubit: place for place, qubit in enumerate(inner.qubits)})
    made.if_test(combined, body, [places[qubit] for qubit in inner.qubits], [])


def _add(made: Any, operation: Any, places: Mapping[Any, int]) -> None:
    import cirq

    operation = operation.untagged
    gate = operation.gate
    where = [places[qubit] for qubit in operation.qubits]
    if isinstance(gate, cirq.ResetChannel):
        made.reset(where)
    elif type(gate).__name__ == "Barrier" and type(gate).__module__.startswith("cirq_superstaq."):
        made.barrier(where)
    elif isinstance(gate, cirq.IdentityGate | cirq.WaitGate | cirq.GlobalPhaseGate) or not where:
        return
    elif (name := _name(gate)) is not None:
        getattr(made, name)(*where)
    else:
        _add_unnamed(made, operation, places)


def _name(gate: Any) -> str | None:
    import cirq

    for name, of_cirq, qubits in _NAMED:
        if gate is not None and cirq.num_qubits(gate) == qubits and gate == getattr(cirq, of_cirq):
            return name
    return None


def _add_unnamed(made: Any, operation: Any, places: Mapping[Any, int]) -> None:
    import cirq
    from qiskit.circuit.library import UnitaryGate

    size = len(operation.qubits)
    parts = cirq.decompose_once(operation, default=None) if size > 2 else None  # noqa: PLR2004
    if parts and all(qubit in places for part in parts for qubit in part.qubits):
        for part in parts:
            _add(made, part, places)
        return
    if size > MAX_UNITARY_QUBITS or not cirq.has_unitary(operation):
        raise CircuitError(f"this emulator does not run {operation}")
    # Qiskit orders qubits from the least significant one.
    where = [places[qubit] for qubit in reversed(operation.qubits)]
    made.append(UnitaryGate(cirq.unitary(operation)), where)


@attrs.frozen
class _Keys:
    """The measurement key of each classical bit."""

    groups: tuple[Group, ...]

    @classmethod
    def of(cls, circuit: Any, program: Program) -> _Keys:
        if program.groups is not None:
            return cls(program.groups)
        # Other formats have no keys: each bit gets one, in alphabetical order.
        digits = len(str(max(circuit.num_clbits - 1, 0)))
        return cls(
            tuple(
                Group(key=f"c{bit:0{digits}d}", clbits=(bit,)) for bit in range(circuit.num_clbits)
            )
        )

    def group(self, bit: int) -> Group:
        return next(group for group in self.groups if bit in group.clbits)

    def condition(self, bits: set[int]) -> Any:
        import cirq

        for group in self.groups:
            if set(group.clbits) == bits:
                same = [other for other in self.groups if other.key == group.key]
                key = cirq.MeasurementKey.parse_serialized(group.key)
                return cirq.KeyCondition(key, index=same.index(group))
        raise CircuitError("Cirq cannot express this condition")


def to_cirq(circuit: Any, program: Program, qubits: Sequence[Any]) -> Any:
    """Convert a Qiskit circuit for Cirq.

    Args:
        circuit: A ``qiskit.QuantumCircuit``, compiled or not.
        program: What it was compiled from; provides the measurement keys.
        qubits: The qubits that it is to have, in order.

    Returns:
        The ``cirq.Circuit``.

    Raises:
        CircuitError: It has control flow that Cirq cannot express.
    """
    import cirq
    from qiskit import transpile

    if program.groups is None:
        circuit = transpile(circuit, basis_gates=list(_BASIS), optimization_level=0)
    keys = _Keys.of(circuit, program)
    pending: dict[Group, dict[int, Any]] = {}
    made = cirq.Circuit()
    for step in circuit.data:
        where = [qubits[circuit.find_bit(qubit).index] for qubit in step.qubits]
        if step.operation.name == "measure":
            bit = circuit.find_bit(step.clbits[0]).index
            group = keys.group(bit)
            pending.setdefault(group, {})[bit] = where[0]
            if len(pending[group]) == len(group.clbits):
                measured = pending.pop(group)
                key = cirq.MeasurementKey.parse_serialized(group.key)
                made.append(cirq.measure(*(measured[b] for b in group.clbits), key=key))
        elif step.operation.name == "if_else":
            made.append(_conditional(circuit, step, where, keys))
        else:
            made.append(_gate(step.operation, where))
    return made


def _conditional(circuit: Any, step: Any, where: Sequence[Any], keys: _Keys) -> Iterator[Any]:
    body, *other = step.operation.blocks
    if other:
        raise CircuitError("Cirq cannot express a condition with an else")
    conditions = [
        keys.condition({circuit.find_bit(bit).index for bit in bits})
        for bits in _conditions(step.operation.condition)
    ]
    for inner in body.data:
        inside = [where[body.find_bit(qubit).index] for qubit in inner.qubits]
        for operation in _gate(inner.operation, inside):
            yield operation.with_classical_controls(*conditions)


def _conditions(condition: Any) -> Iterator[set[Any]]:
    """The bits of each part of a conjunction; a part holds if any of its bits is 1."""
    from qiskit.circuit import Clbit
    from qiskit.circuit.classical import expr

    if isinstance(condition, tuple):
        bits, value = condition
        if not isinstance(bits, Clbit) or not value:
            raise CircuitError("Cirq cannot express this condition")
        yield {bits}
    elif isinstance(condition, expr.Binary) and condition.op is expr.Binary.Op.LOGIC_AND:
        yield from _conditions(condition.left)
        yield from _conditions(condition.right)
    else:
        yield set(_any_of(condition))


def _any_of(condition: Any) -> Iterator[Any]:
    from qiskit.circuit.classical import expr

    if isinstance(condition, expr.Var):
        yield condition.var
    elif isinstance(condition, expr.Binary) and condition.op is expr.Binary.Op.BIT_OR:
        yield from _any_of(condition.left)
        yield from _any_of(condition.right)
    else:
        raise CircuitError("Cirq cannot express this condition")


def _rotation(name: str, angles: Sequence[Any]) -> Any:
    """The gate if it is a rotation, or None."""
    import cirq

    if name in {"rx", "ry", "rz"}:
        return getattr(cirq, name)(float(angles[0]))
    if name == "sx":
        return cirq.X**0.5
    if name in _TURNS:
        exponent = float(angles[0]) / math.pi
        return getattr(cirq, _TURNS[name])(exponent=exponent, global_shift=-0.5)
    if name == "r":
        turn, axis = (float(angle) / math.pi for angle in angles)
        return cirq.PhasedXPowGate(exponent=turn, phase_exponent=axis)
    return None


def _gate(operation: Any, where: Sequence[Any]) -> list[Any]:
    import cirq

    name = operation.name
    for of_qiskit, of_cirq, _ in _NAMED:
        if name == of_qiskit:
            return [getattr(cirq, of_cirq)(*where)]
    rotation = _rotation(name, operation.params)
    if rotation is not None:
        return [rotation(*where)]
    if name == "reset":
        return [cirq.reset(qubit) for qubit in where]
    if name in {"barrier", "delay"}:
        return []
    raise CircuitError(f"Cirq cannot express the operation {name}")
