"""Random circuits, each in three formats, with their exact probabilities.

`Plan` is a circuit in no particular format, and `probabilities` a simulator of a few lines of NumPy
that shares nothing with Qiskit and Cirq. The tests of the emulator and its benchmark use them.
"""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np
from scipy.stats import chi2

CIRCUIT_TYPES = ("qasm", "qiskit", "cirq")

GATES = {
    "h": 1,
    "x": 1,
    "s": 1,
    "t": 1,
    "rx": 1,
    "ry": 1,
    "rz": 1,
    "cx": 2,
    "cz": 2,
    "swap": 2,
    "ccx": 3,
}


@attrs.frozen
class Gate:
    """A gate: its name in OpenQASM, its angle or None, and its qubits."""

    name: str
    angle: float | None
    qubits: tuple[int, ...]


@attrs.frozen
class Plan:
    """A circuit: gates, perhaps a measurement of one qubit, more gates, all qubits measured.

    The bit of the first measurement comes first in a key, followed by those of all qubits in order.
    """

    qubits: int
    before: tuple[Gate, ...]
    measured: int | None
    after: tuple[Gate, ...]


def random_plan(rng: random.Random, *, max_qubits: int = 6, max_gates: int = 20) -> Plan:
    """A circuit; every fourth one measures a qubit in the middle."""
    qubits = rng.randint(1, max_qubits)
    names = [name for name, size in GATES.items() if size <= qubits]

    def gates() -> tuple[Gate, ...]:
        picked = []
        for _ in range(rng.randint(1, max_gates)):
            name = rng.choice(names)
            angle = rng.uniform(-3.2, 3.2) if name.startswith("r") else None
            picked.append(Gate(name, angle, tuple(rng.sample(range(qubits), GATES[name]))))
        return tuple(picked)

    measured = rng.randrange(qubits) if rng.random() < 0.25 else None
    return Plan(qubits, gates(), measured, gates() if measured is not None else ())


# --- the oracle


def _matrix(gate: Gate) -> Any:
    half = 0.0 if gate.angle is None else gate.angle / 2
    c, s = np.cos(half), np.sin(half)
    if gate.name in {"cx", "ccx", "cz"}:
        size = 2 ** len(gate.qubits)
        matrix = np.eye(size, dtype=complex)
        matrix[-2:, -2:] = [[1, 0], [0, -1]] if gate.name == "cz" else [[0, 1], [1, 0]]
        return matrix
    return np.array(
        {
            "h": [[0.5**0.5, 0.5**0.5], [0.5**0.5, -(0.5**0.5)]],
            "x": [[0, 1], [1, 0]],
            "s": [[1, 0], [0, 1j]],
            "t": [[1, 0], [0, np.exp(0.25j * np.pi)]],
            "rx": [[c, -1j * s], [-1j * s, c]],
            "ry": [[c, -s], [s, c]],
            "rz": [[np.exp(-1j * half), 0], [0, np.exp(1j * half)]],
            "swap": [[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]],
        }[gate.name],
        dtype=complex,
    )


def _applied(state: Any, gates: tuple[Gate, ...]) -> Any:
    for gate in gates:
        size = len(gate.qubits)
        matrix = _matrix(gate).reshape((2,) * (2 * size))
        state = np.tensordot(matrix, state, axes=(range(size, 2 * size), gate.qubits))
        state = np.moveaxis(state, range(size), gate.qubits)
    return state


def probabilities(plan: Plan) -> dict[str, float]:
    """The probability of each possible key."""
    state = np.zeros((2,) * plan.qubits, dtype=complex)
    state[(0,) * plan.qubits] = 1
    state = _applied(state, plan.before)
    branches = {"": state}
    if plan.measured is not None:
        for bit in (0, 1):
            kept = np.zeros_like(state)
            where = (slice(None),) * plan.measured + (bit,)
            kept[where] = state[where]
            branches[str(bit)] = _applied(kept, plan.after)
        del branches[""]
    found = {}
    for first, end in branches.items():
        for place, amplitude in np.ndenumerate(end):
            if (p := abs(amplitude) ** 2) > 1e-12:
                found[first + "".join(map(str, place))] = float(p)
    return found


# --- the formats


def _as_qasm(plan: Plan) -> str:
    lines = ['OPENQASM 2.0; include "qelib1.inc";', f"qreg q[{plan.qubits}];"]
    if plan.measured is not None:
        lines.append("creg a[1];")
    lines.append(f"creg m[{plan.qubits}];")
    for part in (plan.before, plan.after):
        for gate in part:
            angle = "" if gate.angle is None else f"({gate.angle!r})"
            lines.append(f"{gate.name}{angle} {','.join(f'q[{q}]' for q in gate.qubits)};")
        if part is plan.before and plan.measured is not None:
            lines.append(f"measure q[{plan.measured}] -> a[0];")
    return "\n".join([*lines, "measure q -> m;"])


def _as_qiskit(plan: Plan) -> Any:
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    extra = [] if plan.measured is None else [ClassicalRegister(1, "a")]
    last = ClassicalRegister(plan.qubits, "m")
    circuit = QuantumCircuit(QuantumRegister(plan.qubits, "q"), *extra, last)
    for part in (plan.before, plan.after):
        for gate in part:
            angles = [] if gate.angle is None else [gate.angle]
            getattr(circuit, gate.name)(*angles, *gate.qubits)
        if part is plan.before and plan.measured is not None:
            circuit.measure(plan.measured, 0)
    circuit.measure(range(plan.qubits), last)
    return circuit


def _as_cirq(plan: Plan) -> Any:
    import cirq

    qubits = cirq.LineQubit.range(plan.qubits)
    named = {"h": cirq.H, "x": cirq.X, "s": cirq.S, "t": cirq.T, "cx": cirq.CX, "cz": cirq.CZ}
    named |= {"swap": cirq.SWAP, "ccx": cirq.CCX}
    circuit = cirq.Circuit()
    for part in (plan.before, plan.after):
        for gate in part:
            of_cirq = (
                named[gate.name] if gate.angle is None else getattr(cirq, gate.name)(gate.angle)
            )
            circuit.append(of_cirq(*(qubits[q] for q in gate.qubits)))
        if part is plan.before and plan.measured is not None:
            circuit.append(cirq.measure(qubits[plan.measured], key="a"))
    circuit.append(cirq.measure(*qubits, key="m"))
    return circuit


def job_text(plans: list[Plan], circuit_type: str) -> str:
    """Circuits as the string of one job, serialized by the official packages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import cirq_superstaq
        import qiskit_superstaq
    writers: Mapping[str, Callable[[], str]] = {
        "qasm": lambda: json.dumps([_as_qasm(plan) for plan in plans]),
        "qiskit": lambda: qiskit_superstaq.serialize_circuits([_as_qiskit(p) for p in plans]),
        "cirq": lambda: cirq_superstaq.serialize_circuits([_as_cirq(p) for p in plans]),
    }
    return writers[circuit_type]()


# --- statistics


def goodness_of_fit(counts: Mapping[str, float], exact: Mapping[str, float]) -> float:
    """The p-value of counts for exact probabilities; 0 if an impossible outcome occurred.

    Outcomes that are expected fewer than five times are pooled.
    """
    shots = sum(counts.values())
    if not set(counts) <= set(exact):
        return 0.0
    bins, rare = [], [0.0, 0.0]
    for key, p in exact.items():
        pair = (counts.get(key, 0), shots * p)
        if pair[1] < 5:
            rare[0] += pair[0]
            rare[1] += pair[1]
        else:
            bins.append(pair)
    if rare[1] >= 5 or (rare[1] and not bins):
        bins.append((rare[0], rare[1]))
    statistic = sum((seen - expected) ** 2 / expected for seen, expected in bins)
    return float(chi2.sf(statistic, max(len(bins) - 1, 1)))


def homogeneity(samples: list[Mapping[str, float]]) -> float:
    """The p-value of samples for having the same distribution."""
    keys = sorted(set().union(*samples))
    table = np.array([[sample.get(key, 0) for key in keys] for sample in samples], dtype=float)
    common = table.sum(axis=0) / table.sum()
    often = table.sum(axis=0) >= 5 * len(samples)
    grouped = np.column_stack([table[:, often], table[:, ~often].sum(axis=1)])
    expected = np.outer(table.sum(axis=1), [*common[often], common[~often].sum()])
    used = expected[0] > 0
    statistic = ((grouped - expected)[:, used] ** 2 / expected[:, used]).sum()
    freedom = (len(samples) - 1) * max(int(used.sum()) - 1, 1)
    return float(chi2.sf(statistic, freedom))
