"""Random Cirq circuits of all kinds that run here, and their counts by Cirq's simulator."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import cirq
import numpy as np
import sympy

__all__ = ["counts", "random_cirq_circuit"]

_ONE = [cirq.H, cirq.X, cirq.Y**0.3, cirq.Z**-0.7, cirq.T, cirq.rx(0.4), cirq.PhasedXZGate(
    x_exponent=0.3, z_exponent=0.2, axis_phase_exponent=0.7)]  # fmt: skip
_TWO = [cirq.CX, cirq.CZ**0.4, cirq.SWAP, cirq.ISWAP**0.5, cirq.FSimGate(0.3, 0.9), cirq.ZZ**0.3]
_THREE = [cirq.CCX, cirq.CSWAP, cirq.CCZ**0.5]


def _gates(rng: random.Random, qubits: list[Any], number: int) -> Iterator[Any]:
    for _ in range(number):
        size = min(rng.choice([1, 1, 1, 2, 2, 3]), len(qubits))
        gate = rng.choice({1: _ONE, 2: _TWO, 3: _THREE}[size])
        operation = gate(*rng.sample(qubits, size))
        control = rng.choice(qubits)
        if rng.random() < 0.1 and control not in operation.qubits:
            operation = operation.controlled_by(control, control_values=[rng.randint(0, 1)])
        yield operation


class _Maker:
    """Operations, one kind after another, which know what has been measured so far."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        size = rng.randint(2, 4)
        self.qubits: list[Any] = rng.choice(
            [
                cirq.LineQubit.range(size),
                cirq.NamedQubit.range(size, prefix="q"),
                cirq.GridQubit.rect(1, size),
            ]
        )
        self.keys: dict[str, tuple[int, int]] = {}  # how often each was measured, and its bits
        self.names = (f"k{number}" for number in itertools.count())

    def measurement(self) -> Any:
        rng = self.rng
        if self.keys and rng.random() < 0.4:
            key, (times, size) = rng.choice(list(self.keys.items()))
        else:
            key, times, size = next(self.names), 0, rng.randint(1, 2)
        self.keys[key] = times + 1, size
        mask = tuple(rng.random() < 0.3 for _ in range(size))
        confusion = None
        if rng.random() < 0.1:
            confusion = {(0,): np.array([[0.9, 0.1], [0.2, 0.8]])}
        gate = cirq.MeasurementGate(size, key, mask, confusion_map=confusion)
        return gate(*rng.sample(self.qubits, size))

    def condition(self) -> Any:
        key, (times, _) = self.rng.choice(list(self.keys.items()))
        symbol, index = sympy.Symbol(key), self.rng.randrange(-times, times)
        return self.rng.choice(
            [
                cirq.KeyCondition(cirq.MeasurementKey(key), index),
                cirq.BitMaskKeyCondition(key, index, target_value=1, equal_target=True),
                cirq.SympyCondition(sympy.Eq(symbol, 1)),
                cirq.SympyCondition(symbol + 1 > 1),
            ]
        )

    def conditional(self) -> Any:
        rng = self.rng
        (operation,) = _gates(rng, self.qubits, 1)
        if rng.random() < 0.3:
            body = cirq.FrozenCircuit(_gates(rng, self.qubits, 2))
            operation = cirq.CircuitOperation(body, repetitions=rng.randint(1, 2))
        return operation.with_classical_controls(
            *(self.condition() for _ in range(rng.randint(1, 2)))
        )

    def subcircuit(self) -> Any:
        rng = self.rng
        pair = rng.sample(self.qubits, 2)
        name = next(self.names)
        angle = sympy.Symbol("angle")
        body = [cirq.X(pair[0]) ** angle, cirq.CX(*pair) ** (angle / 2)]
        repetitions = rng.randint(-1, 2)
        if rng.random() < 0.5:
            body += [cirq.measure(pair[1], key="in"), cirq.X(pair[0]).with_classical_controls("in")]
            repetitions = rng.randint(0, 2)
        return cirq.CircuitOperation(
            cirq.FrozenCircuit(body),
            repetitions=repetitions,
            use_repetition_ids=rng.random() < 0.5,
            qubit_map=dict(zip(pair, reversed(pair), strict=True)) if rng.random() < 0.5 else {},
            measurement_key_map={"in": name},
            param_resolver={"angle": rng.random()},
        )

    def operation(self) -> Any:
        kind = self.rng.random()
        if kind < 0.5 or (kind < 0.75 and not self.keys):
            return list(_gates(self.rng, self.qubits, 2))
        if kind < 0.75:
            return self.conditional()
        if kind < 0.85:
            return self.measurement()
        if kind < 0.9:
            return cirq.reset(self.rng.choice(self.qubits))
        if kind < 0.93:
            string = cirq.X(self.qubits[0]) * cirq.Z(self.qubits[1])
            return cirq.measure_single_paulistring(string, key=next(self.names))
        return self.subcircuit()


def random_cirq_circuit(rng: random.Random) -> cirq.Circuit:
    """A circuit; about every tenth measures nothing."""
    maker = _Maker(rng)
    circuit = cirq.Circuit(_gates(rng, maker.qubits, 4))
    if rng.random() < 0.9:
        circuit.append(maker.operation() for _ in range(rng.randint(1, 8)))
        circuit.append(_gates(rng, maker.qubits, 3))
        circuit.append(cirq.measure(*rng.sample(maker.qubits, 2), key=rng.choice("am") + "last"))
    return circuit


def counts(circuit: cirq.Circuit, shots: int) -> dict[str, int]:
    """The counts of Cirq's simulator: keys in alphabetical order, each in order of time."""
    if not cirq.is_measurement(circuit):
        circuit = circuit + cirq.measure(*sorted(circuit.all_qubits()), key="all")
    records = cirq.Simulator(seed=1).run(circuit, repetitions=shots).records
    found: dict[str, int] = {}
    for shot in range(shots):
        bits = "".join(str(bit) for key in sorted(records) for bit in records[key][shot].flat)
        found[bits] = found.get(bits, 0) + 1
    return found
