"""Measures what one does with results, beside the official clients where they do the same.

    python benchmarks/results.py             # a million rows, about two minutes
    python benchmarks/results.py --quick     # a hundred thousand, and no plot by Qiskit

Times are those of this thread's processor time, the best of several runs, since other work on the
machine only makes them longer. The layouts run on a local emulator of the service, through the
official clients and this library. Needs what the tests need. The exit code is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import cirq_superstaq as css
import pyarrow as pa
import qiskit_superstaq as qss
from qiskit.visualization import plot_histogram
from scipy import stats

import superstaq_jobs as sj
from superstaq_jobs import tables
from superstaq_jobs.emulator import Emulator

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "interop"))
from layouts import SHOTS, layouts
from test_round_trips import CIRQ_CIRCUITS, QISKIT_CIRCUITS

SIMULATOR = "ss_unconstrained_simulator"
HEAVY = {"cirq", "qiskit", "numpy", "pandas", "pyarrow", "matplotlib", "rich", "scipy"}

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
            submitted_at=dt.datetime(2026, 5, 1, tzinfo=dt.UTC),
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


def right_layouts(number: int = 200) -> dict[str, tuple[int, int]]:
    """How many layouts of each framework we read right, and how many its official client.

    Each runs on the emulator and has one outcome. Right is what the framework's own simulator
    says. What the official clients cannot help is overlooked: the order of shots, and the spaces
    between Qiskit's registers.
    """
    made = {framework: layouts(framework, number, mixed=False) for framework in ("qiskit", "cirq")}
    found = {}
    with Emulator(step_seconds=0) as server:
        official = {"api_key": server.api_key, "remote_host": server.url, "api_version": "v0.3.0"}
        with sj.SuperstaqClient(server.api_key, server.url) as client:
            for framework, every in made.items():
                new = sj.new_job([each.circuit for each in every], target=SIMULATOR, shots=SHOTS)
                handle = sj.JobHandle.submit(client, new)
                snapshot = handle.wait_until_complete(timeout_seconds=600, polling_seconds=0.5)
                if framework == "qiskit":
                    ours = sj.interop.qiskit.to_result(snapshot).get_counts()
                    theirs = official_qiskit(every, official)
                else:
                    ours = list(sj.interop.cirq.to_results(snapshot))
                    theirs = official_cirq(every, official)
                right = sum(o == each.expected for o, each in zip(ours, every, strict=True))
                found[framework] = (right, theirs)
    return found


def official_qiskit(every: list[Any], options: dict[str, Any]) -> int:
    """How many layouts qiskit-superstaq reads right; it takes no circuit without a measurement."""
    measured = [each for each in every if each.circuit.count_ops().get("measure")]
    backend = qss.SuperstaqProvider(**options).get_backend(SIMULATOR)
    result = backend.run([each.circuit for each in measured], shots=SHOTS).result()
    return sum(
        result.get_counts(i) == {bits.replace(" ", ""): n for bits, n in each.expected.items()}
        for i, each in enumerate(measured)
    )


def official_cirq(every: list[Any], options: dict[str, Any]) -> int:
    """How many layouts cirq-superstaq reads right."""
    service = css.Service(**options)
    results = service.run([each.circuit for each in every], SHOTS, SIMULATOR)

    def shots(result: Any) -> dict[str, Any]:
        return {
            key: sorted(records.reshape(len(records), -1).tolist())
            for key, records in result.records.items()
        }

    return sum(
        shots(found) == shots(each.expected) for found, each in zip(results, every, strict=True)
    )


def returned(framework: str, circuits: list[Any]) -> int:
    """How many circuits are equal after they went to the server and came back."""
    found = 0
    for circuit in circuits:
        new = sj.new_job(circuit, target=SIMULATOR, shots=1)
        back = sj.CircuitSnapshot(index=0, status_text="completed", input_circuit=new.circuits)
        (job,) = make_jobs(OUTCOMES * CIRCUITS, in_order=True)
        job = attrs.evolve(job, circuit_type=framework, circuits=[back])
        (job,) = sj.decode_jobs(sj.encode_jobs([job]))
        module = sj.interop.qiskit if framework == "qiskit" else sj.interop.cirq
        found += module.input_circuits(job)[0] == circuit
    return found


def plot_seconds(outcomes: int, *, by_qiskit: bool = False) -> float:
    """The time of drawing counts, to the pixels."""
    width = (outcomes - 1).bit_length()
    rng = random.Random(7)  # noqa: S311 - not a secret
    counts = sj.Counts({f"{each:0{width}b}": rng.randrange(1, 50) for each in range(outcomes)})

    def draw() -> None:
        figure = plot_histogram(dict(counts)) if by_qiskit else sj.plot_counts(counts).figure
        with tempfile.TemporaryFile() as file:
            figure.savefig(file)

    return seconds(draw, runs=1 if by_qiskit else 3)


def imported_needlessly() -> list[str]:
    """Packages of the extras that ``import superstaq_jobs`` imports."""
    program = f"import superstaq_jobs, sys; print(*{HEAVY} & {{*sys.modules}})"
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return ran.stdout.split()


def main() -> int:
    """Measure, print, and return whether a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a hundred thousand rows")
    quick = parser.parse_args().quick
    rows = 100_000 if quick else 1_000_000
    right = right_layouts()
    back = returned("qiskit", QISKIT_CIRCUITS), returned("cirq", CIRQ_CIRCUITS)
    all_back = back == (len(QISKIT_CIRCUITS), len(CIRQ_CIRCUITS))
    plot, plot_1000 = plot_seconds(100_000), plot_seconds(1000)
    needless = imported_needlessly()
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
        *(
            (
                f"200 layouts of {framework} as its simulator says (official client: {theirs})",
                "200",
                str(ours),
                ours == 200,
            )
            for framework, (ours, theirs) in right.items()
        ),
        (
            f"{len(QISKIT_CIRCUITS)} and {len(CIRQ_CIRCUITS)} circuits of Qiskit, Cirq come back",
            "all",
            "{} and {}".format(*back),
            all_back,
        ),
        ("plot_counts of 100,000 outcomes, seconds", "≤ 2", f"{plot:.2f}", plot <= 2),
        ("plot_counts of 1,000 outcomes, seconds", "", f"{plot_1000:.2f}", True),
        (
            "packages of extras that `import superstaq_jobs` imports",
            "none",
            ", ".join(needless) or "none",
            not needless,
        ),
    ]
    if not quick:
        by_qiskit = plot_seconds(1000, by_qiskit=True)
        lines.append(("Qiskit's plot_histogram of 1,000, seconds", "", f"{by_qiskit:.2f}", True))
    print(f"{rows:,} rows\n\n| what | bar | measured |\n| --- | --: | --: |")
    for what, bar, measured, kept in lines:
        print(f"| {what} | {bar} | {measured}{'' if kept else ' MISSED'} |")
    names = ("pyarrow", "scipy", "cirq-superstaq", "qiskit-superstaq", "superstaq_jobs")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"\nPython {platform.python_version()}, {versions}")
    return int(not all(kept for *_, kept in lines))


if __name__ == "__main__":
    sys.exit(main())
