"""Measures tables of results, and the intervals of ``Counts``, within one run.

    python benchmarks/results.py             # a million rows, about half a minute
    python benchmarks/results.py --quick     # a hundred thousand

Times are those of this thread's processor time, the best of several runs, since other work on the
machine only makes them longer. Needs the extra ``tables`` and SciPy. Sends no requests. The exit
code is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import math
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import attrs
import pyarrow as pa
from scipy import stats

import superstaq_jobs as sj
from superstaq_jobs import tables

OUTCOMES = 1000
"""Outcomes of a circuit, of 20 bits each."""
CIRCUITS = 10
"""Circuits of a job."""


def make_jobs(rows: int, *, in_order: bool) -> tuple[sj.JobSnapshot, ...]:
    """Finished jobs with that many outcomes in all."""
    rng = random.Random(12)  # noqa: S311 - not a secret
    order: Callable[[list[int]], list[int]] = sorted if in_order else list
    jobs = [
        sj.JobSnapshot(
            job_id=UUID(int=number),
            job_type="simulate",
            target="ss_unconstrained_simulator",
            circuit_type="qasm",
            user_email="user@example.com",
            submitted_at=None,
            circuits=[
                sj.CircuitSnapshot(
                    index=index,
                    status_text="completed",
                    shots=4000,
                    counts={
                        f"{outcome:020b}": rng.randrange(1, 8)
                        for outcome in order(rng.sample(range(2**20), OUTCOMES))
                    },
                )
                for index in range(CIRCUITS)
            ],
        )
        for number in range(rows // OUTCOMES // CIRCUITS)
    ]
    return tuple(jobs)


def seconds(function: Callable[[], object], runs: int = 5) -> float:
    """The shortest processor time of several runs."""
    best = math.inf
    for _ in range(runs):
        started = time.thread_time()
        function()
        best = min(best, time.thread_time() - started)
    return best


def visit(jobs: tuple[sj.JobSnapshot, ...]) -> None:
    """The bare double loop."""
    every = [circuit.counts for job in jobs for circuit in job.circuits if circuit.counts]
    for counts in every:
        for _bits, _count in counts.items():
            pass


def dicts(jobs: tuple[sj.JobSnapshot, ...]) -> pa.Table:
    """The table as one would write it by hand."""
    rows = []
    for job in jobs:
        job_id = str(job.job_id)
        for circuit in job.circuits:
            counts = circuit.counts or sj.Counts()
            same = {"job_id": job_id, "circuit": circuit.index, "target": job.target}
            total = float(counts.shots)
            rows += [
                {**same, "bits": bits, "count": float(n), "total": total, "shots": circuit.shots}
                for bits, n in sorted(counts.items())
            ]
    return pa.Table.from_pylist(rows, schema=tables.to_arrow([]).schema)


def measure_tables(rows: int, *, in_order: bool) -> tuple[float, float]:
    """Our time as a multiple of the loop's, and that of ``from_pylist`` as a multiple of ours."""
    jobs = make_jobs(rows, in_order=in_order)
    ours = seconds(lambda: tables.to_arrow(jobs))
    by_hand = seconds(lambda: dicts(jobs), runs=2)
    return ours / seconds(lambda: visit(jobs)), by_hand / ours


def noisy_ghz(circuits: int, *, qubits: int = 12, shots: int = 4000) -> tuple[sj.JobSnapshot, ...]:
    """A job of GHZ states, of which 3 % of all bits are read wrongly."""
    rng = random.Random(5)  # noqa: S311 - not a secret
    (job,) = make_jobs(OUTCOMES * CIRCUITS, in_order=True)
    made = []
    for index in range(circuits):
        measured: Counter[str] = Counter()
        for _ in range(shots):
            ones = rng.random() < 0.5
            measured["".join("01"[ones ^ (rng.random() < 0.03)] for _ in range(qubits))] += 1
        made.append(attrs.evolve(job.circuits[0], index=index, counts=measured))
    return (attrs.evolve(job, circuits=made),)


def parquet_share(jobs: tuple[sj.JobSnapshot, ...]) -> float:
    """The size of the Parquet files as a part of the JSON of the same jobs."""
    with tempfile.TemporaryDirectory() as folder:
        tables.write_parquet(jobs, Path(folder) / "outcomes")
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
    return size / len(sj.encode_jobs(jobs))


def interval_error() -> float:
    """The largest difference from SciPy's Wilson interval."""
    worst = 0.0
    for shots in (1, 2, 7, 100, 1000, 10**6):
        for hits in sorted({0, 1, shots // 3, shots // 2, shots - 1, shots}):
            for confidence in (0.5, 0.9, 0.95, 0.999):
                ours = sj.Counts({"1": hits, "0": shots - hits}).interval("1", confidence)
                judge = stats.binomtest(hits, shots).proportion_ci(confidence, method="wilson")
                worst = max(worst, abs(ours[0] - judge.low), abs(ours[1] - judge.high))
    return worst


def coverage(p: float, shots: int = 1000) -> float:
    """How often the interval of 95 % contains the probability, computed exactly."""

    def covered() -> Iterator[float]:
        for hits in range(shots + 1):
            low, high = sj.Counts({"1": hits, "0": shots - hits}).interval("1")
            if low <= p <= high:
                yield float(stats.binom.pmf(hits, shots, p))

    return math.fsum(covered())


def main() -> int:
    """Measure, print, and return whether a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a hundred thousand rows")
    rows = 100_000 if parser.parse_args().quick else 1_000_000
    in_order, any_order = (measure_tables(rows, in_order=each) for each in (True, False))
    share = parquet_share(noisy_ghz(rows // 5000))
    random_share = parquet_share(make_jobs(rows // 5, in_order=False))
    error = interval_error()
    covers = [coverage(p) for p in (0.5, 0.01, 0.002)]
    lines: list[tuple[str, str, str, bool]] = [
        ("to_arrow ÷ a bare double loop", "≤ 8", f"{in_order[0]:.1f}", in_order[0] <= 8),
        ("a table by hand (from_pylist) ÷ to_arrow", "≥ 6", f"{in_order[1]:.1f}", in_order[1] >= 6),
        ("to_arrow ÷ loop, counts in random order", "", f"{any_order[0]:.1f}", True),
        ("a table by hand ÷ to_arrow, likewise", "", f"{any_order[1]:.1f}", True),
        ("Parquet ÷ JSON of the service, noisy GHZ", "≤ 0.10", f"{share:.3f}", share <= 0.10),
        ("Parquet ÷ JSON, uniformly random 20 bits", "", f"{random_share:.3f}", True),
        ("interval, from SciPy's Wilson", "≤ 1e-12", f"{error:.1g}", error <= 1e-12),
        (
            "coverage at p = 0.5, 0.01, 0.002; 1,000 shots",
            "≥ 0.94",
            ", ".join(f"{each:.3f}" for each in covers),
            min(covers) >= 0.94,
        ),
    ]
    print(f"{rows:,} rows\n\n| what | bar | measured |\n| --- | --: | --: |")
    for what, bar, measured, kept in lines:
        print(f"| {what} | {bar} | {measured}{'' if kept else ' MISSED'} |")
    names = ("pyarrow", "scipy", "superstaq_jobs")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"\nPython {platform.python_version()}, {versions}")
    return int(not all(kept for *_, kept in lines))


if __name__ == "__main__":
    sys.exit(main())
