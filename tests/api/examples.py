"""A value of every public class that can be pickled, and bodies of jobs: they stay readable."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import attrs
import test_errors
from worlds import JOB, KEY, NOON, OTHER, job

import superstaq_jobs as sj

__all__ = ["EXAMPLES", "JOBS", "NOT_PICKLED"]

_CIRCUIT = sj.CircuitSnapshot(
    index=0,
    status_text="completed",
    status_message="done",
    provider_id="p-1",
    input_circuit="OPENQASM 2.0;",
    compiled_circuit="OPENQASM 2.0; // compiled",
    counts={"00": 4, "11": 6},
    results_dict='{"shots": 10}',
    shots=10,
    updated_at=NOON,
    initial_logical_to_physical={0: 1},
    final_logical_to_physical={0: 2},
    logical_qubits="[0]",
    physical_qubits="[1]",
)
_FULL = attrs.evolve(
    job("completed"),
    circuits=[_CIRCUIT],
    extra={"region": "eu"},
    fetched_at=NOON + dt.timedelta(hours=1),
    source="https://superstaq.example.com",
)
_OLD = sj.JobSnapshot(
    job_id="a1,b2",
    target="ss_unconstrained_simulator",
    circuit_type="cirq",
    circuits=[
        sj.CircuitSnapshot(index=0, status_text="completed", counts={"0": 1}, circuit_id="a1"),
        sj.CircuitSnapshot(index=1, status_text="running", circuit_id="b2"),
    ],
    **dict.fromkeys(("job_type", "user_email", "dry_run", "submitted_at", "tags", "metadata")),
)
_DIFF = sj.diff(job("running", "running"), job("completed", "failed", tags=["c"]))
_ENTRY = sj.LockEntry(JOB, sj.CircuitType.QASM, "completed", NOON, job("completed").digest)
_FLAGS = ("supports_submit", "supports_submit_qubo", "supports_compile", "available", "retired")


def _handle() -> sj.JobHandle:
    client = sj.SuperstaqClient(KEY, "http://127.0.0.1:9", ibmq_token="a-token-of-a-provider")
    return sj.JobHandle.from_snapshot(client, _FULL)


EXAMPLES: dict[str, Any] = {
    "AccountBalance": sj.AccountBalance(email="ada@example.com", balance=12.5),
    "ArchivedJob": sj.ArchivedJob(job_id=JOB, circuit_type=sj.CircuitType.QASM, latest=_FULL),
    "ArchiveReport": sj.ArchiveReport(jobs=1, states=2, observations=3, problems=()),
    "CancelReceipt": sj.CancelReceipt(cancelled=[JOB], refused=[OTHER], message="late"),
    "CircuitChange": _DIFF.circuits[0],
    "CircuitSnapshot": _CIRCUIT,
    "CircuitStatus": sj.CircuitStatus.AWAITING_COMPILE,
    "CircuitType": sj.CircuitType.QISKIT,
    "Counts": sj.Counts({"00": 4, "11": 6.5}),
    "FieldChange": _DIFF.fields[0],
    "FrozenMapping": sj.FrozenMapping({"a": 1}),
    "JobDiff": _DIFF,
    "JobHandle": _handle(),
    "JobQuery": sj.JobQuery(job_id=[JOB], tags=["a"], min_priority=1, submitted_after=NOON),
    "JobSnapshot": _FULL,
    "JobSnapshot of v0.2.0": _OLD,
    "JobType": sj.JobType.CONVERT,
    "JsonMapping": sj.JsonMapping({"a": [1, {"b": None}]}),
    "LockDifference": sj.LockDifference(_ENTRY, _FULL, _DIFF),
    "LockEntry": _ENTRY,
    "NewJob": sj.NewJob(
        target="ibmq_fez_qpu", circuits=["OPENQASM 2.0;"], shots=7, tags=["a"], metadata={"w": 1}
    ),
    "Pace": sj.Pace(fraction=0.2),
    "PollPolicy": sj.PollPolicy(snap_back=0.5),
    "Problem": sj.Problem("$.shots", "must be >= 1"),
    "RetryPolicy": sj.RetryPolicy(max_attempts=3),
    "Response": sj.Response(status=200, headers=[("Retry-After", "3")], body=b"{}"),
    "SimMethod": sj.SimMethod.NOISE_SIM,
    "Stage": sj.Stage.COMPILED,
    "StudyLock": sj.StudyLock([_ENTRY]),
    "SubmitReceipt": sj.SubmitReceipt(job_id=JOB, num_circuits=2, adopted=True),
    "Target": sj.Target(
        target_name="ibmq_fez_qpu",
        simulator=False,
        accessible=True,
        extra={"color": "blue"},
        **dict.fromkeys(_FLAGS, True),
    ),
    "TargetInfo": sj.TargetInfo(target_name="ibmq_fez_qpu", info={"num_qubits": 156}),
    "TargetQuery": sj.TargetQuery(simulator=True),
    "TrafficCounts": sj.TrafficCounts(calls=1, requests=2),
    **{type(error).__name__: error for error in test_errors.EXAMPLES},
}
"""Values by name: a class, and what is special in it."""

NOT_PICKLED = {
    "Clock": "a protocol",
    "HttpTransport": "holds connections",
    "OfflineClient": "holds the path of an archive",
    "ProgressBar": "holds a console",
    "Recorder": "a protocol",
    "Request": "may hold a secret",
    "Secret": "is never pickled",
    "SnapshotArchive": "holds the path of a file",
    "SuperstaqClient": "is in that of a JobHandle",
    "SuperstaqWarning": "is not stored",
    "SystemClock": "has no state",
    "Transport": "a protocol",
}
"""Public classes that no pickle is kept of, and why."""

JOBS = {"v0.3.0": (_FULL, job("running", "failed", job_id=UUID(int=5))), "v0.2.0": (_OLD,)}
"""Jobs of both versions of the API, as ``encode_jobs`` writes them."""
