"""Measures the emulator's speed and memory, and checks its counts against exact probabilities.

    python benchmarks/emulator.py            # three minutes on two cores
    python benchmarks/emulator.py --quick    # fewer jobs, for a first impression
    python benchmarks/emulator.py --all      # all 200 circuits for the counts

Prints a table and needs the dependency group ``test``. Jobs are submitted over HTTP, and each is
one circuit of one qubit that is really simulated; timing begins once all of them have finished.
Status requests come from a separate process. The time of a listing is the best of several, and its
growth is measured in processor time, which other work on the machine does not affect. The exit code
is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import emulator_counts
from emulator_rows.disturbance import disturbances
from emulator_rows.shared import Caller, Row, line_of, submit_jobs
from emulator_rows.ten_hours import ten_hours

from superstaq_jobs.emulator import Emulator

ROWS = Path(__file__).with_name("emulator_rows")
STARTS = 9
START_BAR = 0.5
RATE_BAR = 500
LINEAR = 1.3
"""The largest allowed ratio of a job's cost among the most jobs to that among the fewest."""


def started() -> tuple[float, dict[str, Any]]:
    """Seconds from the start of Python to the emulator's first response, and what it reports."""
    began = time.perf_counter()
    command = [sys.executable, str(ROWS / "first_response.py")]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - began
    return seconds, json.loads(line)


def first_response() -> Iterator[Row]:
    """From nothing to a response."""
    runs = [started() for _ in range(STARTS)]
    seconds = statistics.median(seconds for seconds, _ in runs)
    loaded = sorted({name for _, figures in runs for name in figures["simulator"]})
    importing, working = (
        statistics.median(figures[name] for _, figures in runs)
        for name in ("import_seconds", "cpu_seconds")
    )
    yield Row(
        what=f"start, from Python's start to the first response; median of {STARTS}",
        figure=f"{seconds:.2f} s, simulator {'IMPORTED' if loaded else 'not imported'}",
        bar=f"≤ {START_BAR} s, without simulator",
        is_met=seconds <= START_BAR and not loaded,
    )
    yield Row(
        what="of which imports; processor time of all", figure=f"{importing:.2f} s; {working:.2f} s"
    )


def status_requests(jobs: int, seconds: float) -> Iterator[Row]:
    """Requests per second with that many jobs stored."""
    with Emulator(step_seconds=0) as server:
        caller = Caller(server.port, server.api_key)
        ids = submit_jobs(caller, jobs)
        caller.close()

        def rate(jobs_per_request: int, client: str) -> float:
            arguments = (server.port, server.api_key, seconds, jobs_per_request, client)
            return float(line_of("status_client", *arguments, given="\n".join(ids)))

        what = f"status requests per second, {jobs:,} jobs stored"
        one = rate(1, "plain")
        yield Row(
            what=f"{what}, 1 job each",
            figure=f"{one:,.0f}",
            bar=f"≥ {RATE_BAR}",
            is_met=one >= RATE_BAR,
        )
        yield Row(
            what="the same, with this library as the client", figure=f"{rate(1, 'ours'):,.0f}"
        )
        yield Row(what=f"{what}, 150 jobs each", figure=f"{rate(150, 'plain'):,.0f}")


def stored_jobs(sizes: tuple[int, ...]) -> Iterator[Row]:
    """Memory and listing time of few jobs and of many."""
    found = {}
    for jobs in sizes:
        found[jobs] = figures = line_of("stored_jobs", jobs)
        yield Row(
            what=f"{jobs:,} jobs: memory; a listing of all",
            figure=f"{figures['bytes_per_job'] / 1024:.1f} KiB per job; "
            f"{1000 * figures['listing_seconds']:,.0f} ms for "
            f"{figures['response_bytes'] / 1e6:,.1f} MB, "
            f"{1e6 * figures['cpu_seconds'] / jobs:.0f} µs of processor time per job",
        )
    few, many = sizes[0], sizes[-1]
    memory = found[many]["bytes_per_job"] / found[few]["bytes_per_job"]
    times = found[many]["cpu_seconds"] / many / (found[few]["cpu_seconds"] / few)
    yield Row(
        what=f"a job among {many:,} ÷ one among {few:,}: memory; time in a listing",
        figure=f"{memory:.2f}; {times:.2f}",
        bar=f"linear: ≤ {LINEAR}",
        is_met=max(memory, times) <= LINEAR,
    )


def exact_counts(circuits: int) -> Iterator[Row]:
    """Counts against exact probabilities."""
    worst, seconds = emulator_counts.worst_p_values(circuits=circuits, shots=4_000, seed=0)
    yield Row(
        what=f"counts of {circuits} random circuits of at most 6 qubits: smallest p-values",
        figure=", ".join(f"{name} {p:.2g}" for name, p in worst.items()) + f"; {seconds:.0f} s",
        bar=f"> {emulator_counts.BAR:g}",
        is_met=min(worst.values()) > emulator_counts.BAR,
    )


def main() -> int:
    """Measure, print, and return whether a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer jobs")
    parser.add_argument("--all", action="store_true", help="all 200 circuits for the counts")
    options = parser.parse_args()
    sizes = (100, 300, 1_000) if options.quick else (100, 1_000, 10_000)
    packages = ("msgspec", "qiskit", "qiskit-aer", "superstaq_jobs")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    print(f"Python {platform.python_version()}, {versions}, {dt.datetime.now(dt.UTC):%Y-%m-%d}\n")
    print("| what | figure | bar | |\n| --- | --- | --- | --- |")
    is_missed = False
    for rows in (
        first_response(),
        status_requests(sizes[1], seconds=2 if options.quick else 5),
        stored_jobs(sizes),
        iter([ten_hours()]),
        disturbances(circuits=20_000 if options.quick else 200_000),
        exact_counts(200 if options.all else 20),
    ):
        for row in rows:
            print(row, flush=True)
            is_missed |= row.is_met is False
    return int(is_missed)


if __name__ == "__main__":
    sys.exit(main())
