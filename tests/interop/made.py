"""Snapshots made by hand, as each version of the API describes finished jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import superstaq_jobs as sj
from superstaq_jobs.records.frozen import adopt
from superstaq_jobs.wire.api import V0_2_0, V0_3_0

JOB = UUID("00000000-0000-0000-0000-0000000000a1")
TARGET = "ss_unconstrained_simulator"
VERSIONS = ("v0.2.0", "v0.3.0")


def serialized(circuits: Sequence[Any]) -> list[str]:
    """Each circuit as the service sends it back: serialized alone."""
    return [sj.new_job(circuit, target=TARGET, shots=1).circuits for circuit in circuits]


def snapshot_of(
    texts: Sequence[str | None],
    counts: Sequence[Mapping[str, float] | None],
    circuit_type: str | None,
    *,
    version: str = "v0.3.0",
    **changes: Any,
) -> sj.JobSnapshot:
    """A finished job with these circuits and counts."""
    old = version == "v0.2.0"
    circuits = [
        sj.CircuitSnapshot(
            index=i,
            status_text="completed",
            input_circuit=text,
            # As they were sent: what a user may not write, a server may send.
            counts=None if found is None else adopt(sj.Counts, dict(found)),
            shots=sum(map(int, (found or {}).values())),
            circuit_id=f"c{i}" if old else None,
            **changes,
        )
        for i, (text, found) in enumerate(zip(texts, counts, strict=True))
    ]
    unsaid = ("job_type", "user_email", "dry_run", "submitted_at", "tags", "metadata")
    said = {"job_type": "submit", "user_email": "a@example.com", "submitted_at": None}
    return sj.JobSnapshot(
        job_id=",".join(f"c{i}" for i in range(len(circuits))) if old else JOB,
        target=TARGET,
        circuit_type=circuit_type,
        circuits=circuits,
        **(dict.fromkeys(unsaid) if old else said),
    )


APIS = {"v0.2.0": V0_2_0, "v0.3.0": V0_3_0}
