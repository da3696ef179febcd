"""Random layouts of classical bits and measurement keys, with the bitstrings the service sends.

A layout is a circuit, and a function from what the framework's own simulator measured to the
service's bitstrings. It knows the plan of the circuit, and does not read the circuit.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
import cirq
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit_aer import AerSimulator

SHOTS = 6


@attrs.frozen
class Layout:
    """A circuit, what its framework's simulator says, and the service's counts of the same."""

    circuit: Any
    expected: Any
    wire: dict[str, int]


def _sizes(rng: random.Random, most: int, registers: int) -> list[int]:
    return [rng.randint(1, most) for _ in range(rng.randint(1, registers))]


def qiskit_layout(rng: random.Random, *, mixed: bool) -> Layout:
    """Registers of several sizes; bits unmeasured, crossed, or written twice.

    Args:
        rng: Chooses.
        mixed: Whether outcomes differ between shots.
    """
    qubits = [QuantumRegister(n, f"q{i}") for i, n in enumerate(_sizes(rng, 3, 2))]
    names = rng.sample("abcdef", 4)
    clbits = [ClassicalRegister(n, names[i]) for i, n in enumerate(_sizes(rng, 3, 4))]
    circuit = QuantumCircuit(*qubits, *clbits, name=f"layout_{rng.randrange(10**9)}")
    width, slots = circuit.num_qubits, circuit.num_clbits

    def flips() -> None:
        for qubit in range(width):
            if rng.random() < 0.5:
                circuit.x(qubit)
            if mixed and rng.random() < 0.5:
                circuit.h(qubit)

    written: set[int] = set()
    measures = rng.random() < 0.95
    for _ in range(rng.randint(1, 3)):
        flips()
        if not measures:
            continue
        chosen = rng.sample(range(slots), rng.randint(1, min(slots, width)))
        written.update(chosen)
        where = rng.sample(range(width), len(chosen))
        if rng.random() < 0.2:
            inner = QuantumCircuit(len(chosen), len(chosen), name="inside")
            inner.measure(range(len(chosen)), reversed(range(len(chosen))))
            circuit.append(inner.to_instruction(), where, chosen)
        else:
            circuit.measure(where, chosen)
    judged = circuit
    if not written:
        judged = QuantumCircuit(*qubits)
        for step in circuit.data:
            judged.append(step.operation, step.qubits)
        judged.measure_all()
    simulator = AerSimulator(max_parallel_threads=1)
    result = simulator.run(judged.decompose("inside"), shots=SHOTS, seed_simulator=1).result()
    order = sorted(written) or range(width)
    wire = {
        "".join(str(int(memory, 16) >> place & 1) for place in order): count
        for memory, count in result.data(0)["counts"].items()
    }
    return Layout(circuit, result.get_counts(), wire)


def cirq_layout(rng: random.Random, *, mixed: bool) -> Layout:
    """Keys of several names and sizes, inverted, measured repeatedly, in subcircuits.

    Args:
        rng: Chooses.
        mixed: Whether outcomes differ between shots.
    """
    qubits = rng.choice(
        [
            cirq.LineQubit.range(5),
            cirq.GridQubit.rect(2, 3),
            [cirq.NamedQubit(name) for name in ("p", "q10", "q9", "r")],
        ]
    )
    sizes = {
        name: rng.randint(1, 3)
        for name in rng.sample(["a", "b", "B", "z", "m10", "m9", "key_1"], rng.randint(1, 4))
    }
    circuit = cirq.Circuit()

    def flips() -> None:
        for qubit in qubits:
            if rng.random() < 0.5:
                circuit.append(cirq.X(qubit))
            if mixed and rng.random() < 0.5:
                circuit.append(cirq.H(qubit))

    times = list(itertools.chain(*([name] * rng.choice([1, 1, 2, 3]) for name in sizes)))
    rng.shuffle(times)
    for name in times:
        flips()
        chosen = rng.sample(qubits, sizes[name])
        mask = [rng.random() < 0.3 for _ in range(rng.randint(0, sizes[name]))]
        circuit.append(cirq.measure(*chosen, key=name, invert_mask=tuple(mask)))
    if rng.random() < 0.2:
        inner = cirq.FrozenCircuit(cirq.X(qubits[0]), cirq.measure(*qubits[:2], key="inside"))
        circuit.append(cirq.CircuitOperation(inner, repetitions=2, use_repetition_ids=True))
    expected = cirq.Simulator(seed=1).run(circuit, repetitions=SHOTS)
    shots = [
        "".join(
            str(bit) for name in sorted(expected.records) for bit in expected.records[name][i].flat
        )
        for i in range(SHOTS)
    ]
    # The order of shots is not part of counts.
    order = sorted(range(SHOTS), key=shots.__getitem__)
    arranged = cirq.ResultDict(
        records={name: found[order] for name, found in expected.records.items()}
    )
    return Layout(circuit, arranged, dict(Counter(shots)))


MAKERS: dict[str, Callable[..., Layout]] = {"qiskit": qiskit_layout, "cirq": cirq_layout}


@functools.cache
def layouts(framework: str, number: int, *, mixed: bool, seed: int = 0) -> list[Layout]:
    """That many layouts of a framework, always the same for one seed."""
    rng = random.Random(f"{framework} {mixed} {seed}")
    return [MAKERS[framework](rng, mixed=mixed) for _ in range(number)]
