"""What is in the archives of each released version, which every later version must read."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import superstaq_jobs as sj

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
ZONE = dt.timezone(dt.timedelta(hours=2))
BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; ' * 4


def _new(minute: int, *statuses: str) -> sj.JobSnapshot:
    return sj.JobSnapshot(
        job_id=UUID("6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de"),
        job_type="submit",
        target="ibmq_fez_qpu",
        circuit_type="qasm",
        user_email="ada@example.com",
        submitted_at=NOON,
        tags=["week-18", "Ω"],
        metadata={"temperature": 0.015, "list": [1, 1.0, None]},
        extra={"queue_position": 3},
        circuits=[
            sj.CircuitSnapshot(
                index=index,
                status_text=status,
                input_circuit=BELL,
                shots=100,
                counts={"11": 51, "00": 49.0} if status == "completed" else None,
                updated_at=NOON + dt.timedelta(minutes=minute),
            )
            for index, status in enumerate(statuses)
        ],
        fetched_at=NOON.astimezone(ZONE) + dt.timedelta(minutes=minute, microseconds=5),
        source="https://superstaq.example.com",
    )


def _old(minute: int, status: str) -> sj.JobSnapshot:
    return sj.JobSnapshot(
        job_id="a1,b2",
        circuit_type="cirq",
        target="ss_unconstrained_simulator",
        circuits=[
            sj.CircuitSnapshot(
                index=index,
                status_text=status,
                input_circuit=BELL,
                shots=10,
                circuit_id=circuit_id,
                extra={"num_qubits": 2},
            )
            for index, circuit_id in enumerate(("a1", "b2"))
        ],
        fetched_at=NOON + dt.timedelta(minutes=minute),
        **dict.fromkeys(("job_type", "user_email", "dry_run", "submitted_at", "tags", "metadata")),
    )


SNAPSHOTS = (
    _new(1, "running", "received"),
    _new(2, "completed", "running"),
    _new(3, "completed", "teleporting"),
    _old(4, "running"),
)
EXPECTED = (UUID(int=9), sj.CircuitType.QISKIT, NOON)
