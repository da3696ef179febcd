"""Random Qiskit circuits with conditions, loops, switches and resets, and their exact outcomes.

The oracle follows every history of a circuit as it is written, with the matrices of its gates. It
compiles nothing, so that it shares nothing with the emulator but Qiskit's gates.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit.circuit.controlflow import CASE_DEFAULT
from qiskit.quantum_info import Operator

__all__ = ["outcomes", "random_circuit"]


def _gate(rng: random.Random, circuit: QuantumCircuit) -> None:
    pick = rng.sample(range(circuit.num_qubits), min(3, circuit.num_qubits))
    name = rng.choice(["h", "x", "s", "t", "sx", "rx", "ry", "rz", "u", "cx", "cz", "swap", "ccx"])
    angles = {"rx": 1, "ry": 1, "rz": 1, "u": 3}.get(name, 0)
    size = {"cx": 2, "cz": 2, "swap": 2, "ccx": 3}.get(name, 1)
    if size <= len(pick):
        getattr(circuit, name)(*(rng.uniform(-3, 3) for _ in range(angles)), *pick[:size])


def _condition(rng: random.Random, circuit: QuantumCircuit) -> Any:
    register, bit = rng.choice(circuit.cregs), rng.choice(circuit.clbits)
    other = rng.choice(circuit.clbits)
    return rng.choice(
        [
            (bit, rng.randint(0, 1)),
            (register, rng.randrange(2 ** len(register))),
            expr.logic_not(bit),
            expr.index(register, rng.randrange(len(register))),
            expr.logic_or(bit, expr.logic_not(other)),
            expr.bit_xor(expr.lift(bit), expr.lift(other)),
            expr.less(register, rng.randrange(2 ** len(register))),
        ]
    )


def _leave(rng: random.Random, circuit: QuantumCircuit, *, in_loop: bool) -> None:
    """Perhaps end a loop, or this round of it, under a condition."""
    if in_loop and rng.random() < 0.5:
        with circuit.if_test((rng.choice(circuit.clbits), 1)):
            if rng.random() < 0.5:
                circuit.break_loop()
            else:
                circuit.continue_loop()


def _block(rng: random.Random, circuit: QuantumCircuit, depth: int, *, in_loop: bool) -> None:
    for _ in range(rng.randint(1, 4)):
        kind = rng.random()
        if kind < 0.6 or depth == 0:
            _gate(rng, circuit)
        elif kind < 0.75:
            circuit.measure(rng.randrange(circuit.num_qubits), rng.randrange(circuit.num_clbits))
        elif kind < 0.8:
            circuit.reset(rng.randrange(circuit.num_qubits))
        elif kind < 0.9:
            with circuit.if_test(_condition(rng, circuit)) as otherwise:
                _block(rng, circuit, depth - 1, in_loop=in_loop)
            if rng.random() < 0.5:
                with otherwise:
                    _block(rng, circuit, depth - 1, in_loop=in_loop)
        elif kind < 0.95:
            with circuit.for_loop(range(rng.randint(0, 2))):
                _leave(rng, circuit, in_loop=True)
                _block(rng, circuit, depth - 1, in_loop=True)
        else:
            with circuit.switch(rng.choice(circuit.cregs)) as case:
                with case(rng.randint(0, 1)):
                    _block(rng, circuit, depth - 1, in_loop=in_loop)
                with case(case.DEFAULT):
                    _block(rng, circuit, depth - 1, in_loop=in_loop)


def random_circuit(rng: random.Random) -> QuantumCircuit:
    """A circuit of up to 5 qubits; often, some of them are never measured."""
    registers = [ClassicalRegister(rng.randint(1, 2), name) for name in "ab"[: rng.randint(1, 2)]]
    circuit = QuantumCircuit(QuantumRegister(rng.randint(1, 5), "q"), *registers)
    for _ in range(rng.randint(2, 4)):
        _block(rng, circuit, 1, in_loop=False)
        circuit.measure(rng.randrange(circuit.num_qubits), rng.randrange(circuit.num_clbits))
        _block(rng, circuit, 2, in_loop=False)
    return circuit


# --- the oracle


@attrs.frozen
class _World:
    """One history: its weight is the square of the norm of its state. ``leaving`` a loop or not."""

    state: Any
    bits: tuple[int, ...]
    leaving: str = ""


def _value(world: _World, where: Any, node: Any) -> int:  # noqa: PLR0911 - one for each kind
    """The value of a classical expression, or of a bit or register."""
    if isinstance(node, expr.Var):
        return _value(world, where, node.var)
    if isinstance(node, ClassicalRegister):
        return sum(world.bits[where[bit]] << place for place, bit in enumerate(node))
    if isinstance(node, expr.Value):
        return int(node.value)
    if isinstance(node, expr.Cast):
        return _value(world, where, node.operand)
    if isinstance(node, expr.Unary):
        return int(not _value(world, where, node.operand))
    if isinstance(node, expr.Index):
        return _value(world, where, node.target) >> _value(world, where, node.index) & 1
    if isinstance(node, expr.Binary):
        one, other = _value(world, where, node.left), _value(world, where, node.right)
        name = node.op.name
        return {
            "LOGIC_OR": int(bool(one or other)),
            "BIT_XOR": one ^ other,
            "LESS": int(one < other),
        }[name]
    return world.bits[where[node]]


def _holds(world: _World, where: Any, condition: Any) -> bool:
    if isinstance(condition, tuple):
        return _value(world, where, condition[0]) == int(condition[1])
    return bool(_value(world, where, condition))


def _apply(state: Any, matrix: Any, qubits: list[int]) -> Any:
    size = len(qubits)
    axes = list(reversed(qubits))
    state = np.tensordot(
        matrix.reshape((2,) * (2 * size)), state, axes=(range(size, 2 * size), axes)
    )
    return np.moveaxis(state, range(size), axes)


def _project(state: Any, qubit: int, bit: int) -> Any:
    kept = np.zeros_like(state)
    where = (slice(None),) * qubit + (bit,)
    kept[where] = state[where]
    return kept


def _step(world: _World, step: Any, qubits: Any, bits: Any) -> Iterator[_World]:
    operation = step.operation
    where = [qubits[qubit] for qubit in step.qubits]
    if operation.name in {"break_loop", "continue_loop"}:
        yield attrs.evolve(world, leaving=operation.name)
    elif operation.name in {"measure", "reset"}:
        for bit in (0, 1):
            state = _project(world.state, where[0], bit)
            if np.vdot(state, state).real < 1e-12:
                continue
            if operation.name == "reset":
                yield attrs.evolve(world, state=np.flip(state, where[0]) if bit else state)
            else:
                seen = list(world.bits)
                seen[bits[step.clbits[0]]] = bit
                yield attrs.evolve(world, state=state, bits=tuple(seen))
    elif hasattr(operation, "blocks"):
        yield from _control(world, operation, where, [bits[bit] for bit in step.clbits], bits)
    else:
        yield attrs.evolve(world, state=_apply(world.state, Operator(operation).data, where))


def _control(world: _World, operation: Any, where: Any, inner: Any, bits: Any) -> Iterator[_World]:
    def run(block: Any, before: _World) -> Iterator[_World]:
        yield from _run(
            before,
            block,
            dict(zip(block.qubits, where, strict=True)),
            bits | dict(zip(block.clbits, inner, strict=True)),
        )

    if operation.name == "if_else":
        then, *other = operation.blocks
        if _holds(world, bits, operation.condition):
            yield from run(then, world)
        elif other:
            yield from run(other[0], world)
        else:
            yield world
    elif operation.name == "switch_case":
        value = _value(world, bits, operation.target)
        for labels, block in operation.cases_specifier():
            if value in labels or CASE_DEFAULT in labels:
                yield from run(block, world)
                return
        yield world
    else:
        rounds = operation.params[0]
        worlds = [world]
        for _ in rounds:
            worlds = [
                attrs.evolve(
                    after, leaving="" if after.leaving == "continue_loop" else after.leaving
                )
                for before in worlds
                for after in ([before] if before.leaving else run(operation.blocks[0], before))
            ]
        yield from (attrs.evolve(after, leaving="") for after in worlds)


def _run(world: _World, circuit: Any, qubits: Any, bits: Any) -> Iterator[_World]:
    worlds = [world]
    for step in circuit.data:
        worlds = [
            after
            for before in worlds
            for after in ([before] if before.leaving else _step(before, step, qubits, bits))
        ]
    yield from worlds


def outcomes(circuit: QuantumCircuit) -> dict[str, float]:
    """The probability of each key: all classical bits in order, the first one first."""
    state = np.zeros((2,) * circuit.num_qubits, dtype=complex)
    state[(0,) * circuit.num_qubits] = 1
    start = _World(state, (0,) * circuit.num_clbits)
    qubits = {qubit: place for place, qubit in enumerate(circuit.qubits)}
    bits = {bit: place for place, bit in enumerate(circuit.clbits)}
    found: dict[str, float] = {}
    for world in _run(start, circuit, qubits, bits):
        key = "".join(map(str, world.bits))
        found[key] = found.get(key, 0.0) + float(np.vdot(world.state, world.state).real)
    return {key: p for key, p in found.items() if p > 1e-12}
