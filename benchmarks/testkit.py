"""Measures how fast the strategies of the test kit draw, and what its plugins cost.

    python benchmarks/testkit.py             # about half a minute
    python benchmarks/testkit.py --quick     # fewer examples, for a first impression

A rate is that of a ``@given`` test with an empty body, including Hypothesis' own work, in processor
time of this process; the best of several runs, since other work on the machine only makes it
slower. The exit code is 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from superstaq_jobs.testing import strategies as sts

ROWS: dict[str, tuple[SearchStrategy[Any], Callable[[Any], int], int | None]] = {
    "job_snapshots(), 0 to 3 circuits": (sts.job_snapshots(), lambda _: 1, 500),
    "job_snapshots(num_circuits=1)": (sts.job_snapshots(num_circuits=1), lambda _: 1, 500),
    "job_snapshots(num_circuits=3)": (sts.job_snapshots(num_circuits=3), lambda _: 1, None),
    "snapshots in job_histories()": (sts.job_histories(), len, 500),
    "histories in job_histories()": (sts.job_histories(), lambda _: 1, None),
    "wire_payloads()": (sts.wire_payloads(), lambda _: 1, None),
    "hostile_payloads()": (sts.hostile_payloads(), lambda _: 1, None),
    "fault_scripts()": (sts.fault_scripts(), lambda _: 1, None),
}
"""What is drawn, how many values it counts as, and the bar per second."""

PLUGIN = "superstaq_jobs.testing.hypothesis_plugin"

IMPORTS = {
    "the pytest plugin, beside pytest": ("pytest", "superstaq_jobs.testing.pytest_plugin"),
    "st.from_type's records, beside Hypothesis": (
        "hypothesis",
        f"{PLUGIN}; {PLUGIN}.register()",
    ),
}


def rate(strategy: SearchStrategy[Any], count: Callable[[Any], int], examples: int) -> float:
    """How many are drawn per second."""
    total = 0

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value: Any) -> None:
        nonlocal total
        total += count(value)

    started = time.process_time()
    draw()
    return total / (time.process_time() - started)


def import_seconds(first: str, then: str) -> float:
    """How long one import takes after another, in a separate Python."""
    script = (
        f"import {first}, time; started = time.perf_counter(); "
        f"import {then}; print(time.perf_counter() - started)"
    )
    command = [sys.executable, "-c", script]
    # Without the entry point, which would import it beforehand.
    environment = {"HYPOTHESIS_NO_PLUGINS": "1"}
    done = subprocess.run(  # noqa: S603 - this Python
        command, env=environment, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def main() -> int:
    """Measure, print, and return whether a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer examples")
    quick = parser.parse_args().quick
    examples, runs = (300, 1) if quick else (1000, 3)
    missed = False
    print("| what | bar | drawn per second |\n| --- | --: | --: |")
    for what, (strategy, count, bar) in ROWS.items():
        best = max(rate(strategy, count, examples) for _ in range(runs))
        is_missed = bar is not None and best < bar
        missed |= is_missed
        print(f"| {what} | {f'≥ {bar}' if bar else ''} | {best:.0f}{' MISSED' * is_missed} |")
    print("\n| import of | milliseconds |\n| --- | --: |")
    for what, (first, then) in IMPORTS.items():
        best = min(import_seconds(first, then) for _ in range(2 * runs + 1))
        print(f"| {what} | {1000 * best:.0f} |")
    print(
        f"\nPython {platform.python_version()}, Hypothesis {version('hypothesis')}, "
        f"superstaq_jobs {version('superstaq_jobs')}, {dt.datetime.now(dt.UTC):%Y-%m-%d}"
    )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
