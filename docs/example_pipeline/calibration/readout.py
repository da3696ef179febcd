"""From a snapshot to the readout errors. Pure functions: no requests."""

from __future__ import annotations

from collections.abc import Sequence

from superstaq_jobs import JobSnapshot, NewJob

SHOTS = 100
TARGET = "ibmq_fez_qpu"


def calibration_job(qubits: Sequence[int]) -> NewJob:
    """A job with one circuit per qubit: flip it, and measure it."""
    circuits = [
        f'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[{qubit + 1}];\ncreg c[1];\n'
        f"x q[{qubit}];\nmeasure q[{qubit}] -> c[0];\n"
        for qubit in qubits
    ]
    return NewJob(target=TARGET, circuits=circuits, shots=SHOTS, tags=["calibration"])


def readout_errors(snapshot: JobSnapshot, qubits: Sequence[int]) -> dict[int, float]:
    """How often a qubit in state 1 was read as 0, for each qubit whose circuit was measured."""
    measured = [
        (qubit, circuit.counts)
        for qubit, circuit in zip(qubits, snapshot.circuits, strict=True)
        if circuit.counts
    ]
    return {qubit: counts.get("0", 0) / SHOTS for qubit, counts in measured}
