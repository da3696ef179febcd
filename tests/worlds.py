"""Small worlds for tests: a client on a script, and snapshots of a job as it goes on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import attrs

from superstaq_jobs import CircuitSnapshot, JobSnapshot, SuperstaqClient
from superstaq_jobs.testing import FakeClock, ScriptedTransport

KEY = "key-of-the-tests"
HOST = "https://superstaq.example.com"
JOB = UUID("00000000-0000-0000-0000-0000000000a1")
OTHER = UUID("00000000-0000-0000-0000-0000000000b2")
NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def scripted(*steps: Any, clock: FakeClock | None = None, **options: Any) -> SuperstaqClient:
    """A client whose transport plays a script; ``client.transport`` is not public, so keep it."""
    return client_on(ScriptedTransport(steps), clock=clock, **options)


def client_on(
    transport: ScriptedTransport, *, clock: FakeClock | None = None, **options: Any
) -> SuperstaqClient:
    return SuperstaqClient(
        KEY,
        HOST,
        transport=transport,
        clock=clock if clock is not None else FakeClock(),
        jitter=lambda: 1.0,
        **options,
    )


def job(*statuses: str, job_id: UUID = JOB, **fields: Any) -> JobSnapshot:
    """A job whose circuits have these statuses; completed ones have counts."""
    return JobSnapshot(
        job_id=job_id,
        job_type="simulate",
        target="ss_unconstrained_simulator",
        circuit_type="qasm",
        user_email="user@example.com",
        submitted_at=NOON,
        circuits=[
            CircuitSnapshot(
                index=index,
                status_text=status,
                status_message="no such gate" if status == "failed" else None,
                input_circuit="OPENQASM 2.0;",
                shots=10,
                counts={"00": 4, "11": 6} if status == "completed" else None,
                updated_at=NOON,
            )
            for index, status in enumerate(statuses)
        ],
        **{"tags": ["a", "b"], "metadata": {"week": 18}, **fields},
    )


def in_one_format(snapshots: Iterable[JobSnapshot]) -> list[JobSnapshot]:
    """The same snapshots with the format of the first: others cannot be compared with it."""
    first, *others = snapshots
    return [first, *(attrs.evolve(each, circuit_type=first.circuit_type) for each in others)]


def in_full(value: Any) -> Any:
    """A string of all that a value holds, the order of mappings and the types of numbers included.

    The ``repr`` of a record is a summary, and ``==`` does not see the rest.
    """
    if attrs.has(type(value)):
        fields = attrs.asdict(value, recurse=False).items()
        inside = ", ".join(f"{name}={in_full(each)}" for name, each in fields)
    elif isinstance(value, Mapping):
        inside = ", ".join(f"{in_full(key)}: {in_full(each)}" for key, each in value.items())
    elif isinstance(value, list | tuple):
        inside = ", ".join(map(in_full, value))
    else:
        return repr(value)
    return f"{type(value).__name__}({inside})"


def queries(requests: Iterable[Any]) -> list[str]:
    """The query string of each request."""
    return [request.path.partition("?")[2] for request in requests]
