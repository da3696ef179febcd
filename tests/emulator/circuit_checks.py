"""Checks of the emulator's counts, which tests run at a small size and a benchmark at full size.

Each returns the number of circuits and what is wrong with some of them.
"""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Iterable, Mapping, Sequence

import cirq
import qiskit.qpy
from cirq_kinds import counts as counts_of_cirq
from cirq_kinds import random_cirq_circuit
from conditional_circuits import outcomes, random_circuit
from own_gates import circuits as own_circuits
from random_circuits import goodness_of_fit, homogeneity

import superstaq_jobs as sj

__all__ = [
    "conditional",
    "conditional_translated",
    "kinds_of_cirq",
    "kinds_of_cirq_translated",
    "own_gates",
    "own_gates_translated",
]

BAR = 1e-7
"""The smallest p-value of counts that are not called wrong."""

TARGETS = ("ss_unconstrained_simulator", "emulated_line_qpu", "emulated_ring_qpu")

Counts = Mapping[str, float]


def _qpy(circuits: Sequence[object]) -> str:
    stream = io.BytesIO()
    qiskit.qpy.dump(circuits, stream, version=13)
    return base64.b64encode(stream.getvalue()).decode()


def _submitted(
    client: sj.SuperstaqClient, circuits: str, circuit_type: str, shots: int, target: str
) -> sj.JobSnapshot:
    job = sj.NewJob(target=target, circuits=circuits, circuit_type=circuit_type, shots=shots)
    handle = sj.JobHandle.submit(client, job)
    return handle.wait_until_terminal_state(timeout_seconds=3_600, polling_seconds=0.05)


def _results(
    client: sj.SuperstaqClient, circuits: str, circuit_type: str, shots: int, target: str
) -> list[Counts | str]:
    """The counts of each circuit of a job, or why there are none."""
    snapshot = _submitted(client, circuits, circuit_type, shots, target)
    return [
        dict(circuit.counts) if circuit.counts is not None else str(circuit.status_message)
        for circuit in snapshot.circuits
    ]


def _translations(
    client: sj.SuperstaqClient, circuit: str, own: str, formats: Iterable[str]
) -> dict[str, str]:
    """A circuit in the other formats that can express it."""
    job = _submitted(client, circuit, own, 1, TARGETS[0])
    found = {}
    for other in formats:
        shown = sj.fetch_job(client, job.job_id, circuit_type=other)
        if str(shown.circuit_type) == other:
            found[other] = shown.circuits[0].input_circuit or ""
    return found


def own_gates(client: sj.SuperstaqClient, names: Iterable[str]) -> tuple[int, list[str]]:
    """Each name in three formats."""
    wrong, number = [], 0
    for name in names:
        for what, (text, key) in own_circuits(name).items():
            circuit_type = "qiskit" if what == "qiskit" else "qasm"
            (counts,) = _results(client, text, circuit_type, 20, TARGETS[0])
            number += 1
            if counts != {key: 20}:
                wrong.append(f"{name} in {what}: {counts}, not {key}")
    return number, wrong


def own_gates_translated(client: sj.SuperstaqClient, names: Iterable[str]) -> tuple[int, list[str]]:
    """Each name, written in the other formats and read again."""
    wrong, number = [], 0
    for name in names:
        for what, (text, key) in own_circuits(name).items():
            own = "qiskit" if what == "qiskit" else "qasm"
            others = {"qasm", "qiskit", "cirq"} - {own}
            for other, written in _translations(client, text, own, sorted(others)).items():
                (counts,) = _results(client, written, other, 20, TARGETS[0])
                number += 1
                if counts != {key: 20}:
                    wrong.append(f"{name} in {what}, written as {other}: {counts}, not {key}")
    return number, wrong


def _measured(circuit: qiskit.QuantumCircuit, exact: Counts) -> Counts:
    """The probabilities of the bits measured outside of control flow, as keys show them."""
    bits = sorted(
        {
            circuit.find_bit(step.clbits[0]).index
            for step in circuit.data
            if step.operation.name == "measure"
        }
    )
    found: dict[str, float] = {}
    for key, p in exact.items():
        short = "".join(key[bit] for bit in bits)
        found[short] = found.get(short, 0.0) + p
    return found


def conditional(client: sj.SuperstaqClient, number: int, *, shots: int) -> tuple[int, list[str]]:
    """Random conditional circuits on three targets, against their exact probabilities."""
    circuits = [random_circuit(random.Random(seed)) for seed in range(number)]
    exact = [_measured(circuit, outcomes(circuit)) for circuit in circuits]
    wrong = []
    for target in TARGETS:
        results = _results(client, _qpy(circuits), "qiskit", shots, target)
        for seed, counts in enumerate(results):
            if isinstance(counts, str) or goodness_of_fit(counts, exact[seed]) < BAR:
                wrong.append(f"circuit {seed} on {target}: {counts}")
    return number * len(TARGETS), wrong


def conditional_translated(
    client: sj.SuperstaqClient, number: int, *, shots: int
) -> tuple[int, list[str]]:
    """The same circuits, written in the other formats and read again."""
    wrong, checked = [], 0
    for seed in range(number):
        circuit = random_circuit(random.Random(seed))
        exact = outcomes(circuit)
        written = _translations(client, _qpy([circuit]), "qiskit", ["qasm", "cirq"])
        for other, text in written.items():
            (counts,) = _results(client, text, other, shots, TARGETS[0])
            wanted = exact if other == "qasm" else _measured(circuit, exact)
            checked += 1
            if isinstance(counts, str) or goodness_of_fit(counts, wanted) < BAR:
                wrong.append(f"circuit {seed} as {other}: {counts}")
    return checked, wrong


def kinds_of_cirq(client: sj.SuperstaqClient, number: int, *, shots: int) -> tuple[int, list[str]]:
    """Random Cirq circuits of all kinds, against Cirq's simulator."""
    circuits = [random_cirq_circuit(random.Random(seed)) for seed in range(number)]
    wrong = []
    wanted = [counts_of_cirq(circuit, shots) for circuit in circuits]
    for target in TARGETS[:2]:
        results = _results(client, cirq.to_json(circuits), "cirq", shots, target)
        for seed, counts in enumerate(results):
            if isinstance(counts, str) or homogeneity([counts, wanted[seed]]) < BAR:
                wrong.append(f"Cirq circuit {seed} on {target}: {counts}")
    return number * 2, wrong


def kinds_of_cirq_translated(
    client: sj.SuperstaqClient, number: int, *, shots: int
) -> tuple[int, list[str]]:
    """The same circuits, written in the other formats and read again."""
    wrong, checked = [], 0
    for seed in range(number):
        circuit = random_cirq_circuit(random.Random(seed))
        written = _translations(client, cirq.to_json(circuit), "cirq", ["qasm", "qiskit"])
        wanted = counts_of_cirq(circuit, shots) if written else {}
        for other, text in written.items():
            (counts,) = _results(client, text, other, shots, TARGETS[0])
            checked += 1
            if isinstance(counts, str) or homogeneity([counts, wanted]) < BAR:
                wrong.append(f"Cirq circuit {seed} as {other}: {counts}")
    return checked, wrong
