"""What the rows share: the record of a row, jobs of any size, and a timer."""

from __future__ import annotations

import datetime as dt
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import attrs

import superstaq_jobs as sj

__all__ = ["NOON", "Row", "at_minute", "best_of", "folder", "job", "percentiles"]

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


@attrs.frozen
class Row:
    """A row of the table: what was measured, its bar, the figure, and whether it is met."""

    what: str
    bar: str
    figure: str
    is_met: bool


@contextmanager
def folder(*, in_memory: bool = False) -> Iterator[Path]:
    """An empty folder on this machine's disk, or in its memory, where a commit takes no time."""
    memory = Path("/dev/shm")  # noqa: S108 - only the folder inside it is used
    where = memory if in_memory and memory.is_dir() else None
    made = Path(tempfile.mkdtemp(prefix="archive-", dir=where))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def best_of(
    turns: int,
    *functions: Callable[[], object],
    clock: Callable[[], float] = time.thread_time,
) -> list[float]:
    """The least time of each of some functions, in seconds; they take turns.

    It is this thread's processor time: it depends less on what else runs on the machine.
    """
    best = [float("inf")] * len(functions)
    for _ in range(turns):
        for place, function in enumerate(functions):
            began = clock()
            function()
            best[place] = min(best[place], clock() - began)
    return best


def percentiles(times: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    ordered = sorted(times)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


def at_minute(snapshot: sj.JobSnapshot, minute: float) -> sj.JobSnapshot:
    """The snapshot, as fetched that many minutes after noon."""
    return attrs.evolve(snapshot, fetched_at=NOON + dt.timedelta(minutes=minute))


def circuit(rng: random.Random, lines: int) -> str:
    """A circuit of that many gates in OpenQASM."""
    gates = (
        f"rz({rng.random():.6f}) q[{rng.randrange(8)}]; cx q[{rng.randrange(8)}], q[0];"
        for _ in range(lines)
    )
    return 'OPENQASM 3.0; include "stdgates.inc"; qubit[8] q; ' + " ".join(gates)


def job(
    number: int, *, circuits: int = 4, outcomes: int = 16, done: int | None = None, gates: int = 20
) -> sj.JobSnapshot:
    """A job, of whose circuits the first ``done`` have completed; all for None."""
    rng = random.Random(number)  # noqa: S311 - the same jobs each time
    made = []
    for index in range(circuits):
        source = circuit(rng, gates)
        is_done = done is None or index < done
        counts = {format(k * 7919 % 2**16, "016b"): rng.randrange(1, 100) for k in range(outcomes)}
        made.append(
            sj.CircuitSnapshot(
                index=index,
                status_text="completed" if is_done else "running",
                input_circuit=source,
                compiled_circuit=source.replace("cx", "cz"),
                shots=1000,
                counts=counts if is_done else None,
                updated_at=NOON + dt.timedelta(seconds=index if is_done else 0),
            )
        )
    return sj.JobSnapshot(
        job_id=UUID(int=number),
        job_type="submit",
        target="ibmq_fez_qpu",
        circuit_type="qasm",
        user_email="ada@example.com",
        submitted_at=NOON + dt.timedelta(seconds=number % 1000),
        tags=["drift"],
        circuits=made,
        fetched_at=NOON,
        source="https://superstaq.example.com",
    )
