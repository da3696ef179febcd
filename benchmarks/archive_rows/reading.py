"""How fast an archive is read."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from uuid import UUID

import attrs

import superstaq_jobs as sj

from .shared import NOON, Row, at_minute, best_of, folder, job, percentiles

__all__ = ["everything", "histories", "lookups", "queries"]


def read_every_field(snapshot: sj.JobSnapshot) -> int:
    """Read all that there is in a snapshot."""
    total = 0
    for field in attrs.fields(sj.JobSnapshot):
        total += getattr(snapshot, field.name) is not None
    for circuit in snapshot.circuits:
        total += len(circuit.counts or ()) + len(circuit.input_circuit or "")
    return total


_PEAK = """
import resource, sys
import superstaq_jobs as sj
with sj.SnapshotArchive(sys.argv[1], mode="r") as archive:
    for count, snapshot in enumerate(archive.query(), 1):
        if count == int(sys.argv[2]):
            break
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def everything(*, quick: bool) -> Iterator[Row]:
    """All snapshots of an archive, beside the bare decoder."""
    number = 2000 if quick else 100_000
    with folder() as place, sj.SnapshotArchive(place / "study.db") as archive:
        for start in range(0, number, 1000):
            archive.record_all(job(n) for n in range(start, min(start + 1000, number)))
        some = [job(n) for n in range(1000)]
        bodies = [sj.encode_jobs([each]) for each in some]

        def decode() -> None:
            for body in bodies:
                assert hashlib.sha256(body).digest()
                read_every_field(sj.decode_jobs(body)[0])

        ours = bare = 0.0
        count = 0
        began = time.thread_time()
        for each in archive.query():
            read_every_field(each)
            count += 1
            if count % len(bodies) == 0:  # they take turns
                ours += time.thread_time() - began
                bare += best_of(1, decode)[0]
                began = time.thread_time()
        assert count == number
        ratio = ours / bare
        yield Row(
            f"{number:,} snapshots of 4 circuits, every field read ÷ `decode_jobs` of the same "
            "bytes, SHA-256 checked",
            "≤ 2.2",
            f"{ratio:.2f}",
            ratio <= 2.2,
        )
        few, many = (
            int(
                subprocess.run(
                    [sys.executable, "-c", _PEAK, str(archive.path), str(size)],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
            )
            for size in (number // 10, number)
        )
        yield Row(
            f"… peak memory ÷ that of {number // 10:,}",
            "≤ 1.1",
            f"{many / few:.2f} ({many / 1024:.0f} MB)",
            many / few <= 1.1,
        )


def histories(*, quick: bool) -> Iterator[Row]:
    """The history of a job whose circuits finish one by one."""
    count = 20 if quick else 100
    seen = [
        at_minute(job(1, circuits=count, outcomes=100, done=n, gates=40), n)
        for n in range(count + 1)
    ]
    bodies = [sj.encode_jobs([each]) for each in seen]
    with folder() as place, sj.SnapshotArchive(place / "study.db") as archive:
        archive.record_all(seen)

        def ours() -> None:
            for each in archive.history(seen[0].job_id):
                read_every_field(each)

        def bare() -> None:
            for body in bodies:
                assert hashlib.sha256(body).digest()
                read_every_field(sj.decode_jobs(body)[0])

        mine, theirs = best_of(2 if quick else 4, ours, bare)
    yield Row(
        f"history of a {count}-circuit job ÷ the same",
        "≤ 1.5",
        f"{mine / theirs:.2f}",
        mine / theirs <= 1.5,
    )


def _observe(archive: sj.SnapshotArchive, jobs: int, times: int) -> None:
    """Record jobs that are observed each minute, by way of JSON Lines, which is faster."""
    archive.record_all(job(n, circuits=1, gates=2) for n in range(jobs))
    path = archive.path.with_suffix(".jsonl")
    archive.export_jsonl(path)
    lines = path.read_bytes().splitlines()[1:]
    with path.open("ab") as file:
        for number, line in enumerate(lines, 2):
            again = {**json.loads(line), "same_as": number}
            del again["job"]
            for minute in range(1, times):
                again["at"] = (NOON + dt.timedelta(minutes=minute)).isoformat()
                file.write(json.dumps(again).encode() + b"\n")
    archive.import_jsonl(path)


def lookups(*, quick: bool) -> Iterator[Row]:
    """The newest state of a job, and that as of a moment, in a large archive."""
    jobs, each_job = (100, 100) if quick else (10_000, 100)
    rng = random.Random(1)  # noqa: S311 - the same jobs each time
    with folder() as place, sj.SnapshotArchive(place / "study.db") as archive:
        _observe(archive, jobs, each_job)
        size = jobs * each_job
        for name in ("latest", "as_of"):
            times, own = [], []
            for _ in range(200 if quick else 2000):
                number = UUID(int=rng.randrange(jobs))
                when = NOON + dt.timedelta(minutes=rng.randrange(each_job))
                began, worked = time.perf_counter(), time.thread_time()
                if name == "latest":
                    archive.latest(number)
                else:
                    archive.as_of(number, when)
                times.append(time.perf_counter() - began)
                own.append(time.thread_time() - worked)
            middle, slow = percentiles(times)
            own_middle, own_slow = percentiles(own)
            yield Row(
                f"`{name}` with {size:,} observations, p50 / p99",
                "< 1 ms / < 3 ms",
                f"{middle * 1e3:.2f} ms / {slow * 1e3:.2f} ms (in processor time of its thread: "
                f"{own_middle * 1e3:.2f} ms / {own_slow * 1e3:.2f} ms)",
                middle < 1e-3 and slow < 3e-3,
            )


def queries(*, quick: bool) -> Iterator[Row]:
    """A query that one job of many matches."""
    number = 2000 if quick else 50_000
    with folder() as place, sj.SnapshotArchive(place / "study.db") as archive:
        for start in range(0, number, 1000):
            archive.record_all(
                job(n, circuits=1, gates=2) for n in range(start, min(start + 1000, number))
            )
        archive.record(attrs.evolve(job(number, circuits=1), user_email="eve@example.com"))
        query = sj.JobQuery(user_email=["eve@example.com"])
        (seconds,) = best_of(3, lambda: list(archive.query(query)), clock=time.perf_counter)
        assert len(list(archive.query(query))) == 1
    yield Row(
        f"`query` over {number:,} jobs, one matching: whole",
        "< 0.3 s",
        f"{seconds:.2f} s",
        seconds < 0.3,
    )
