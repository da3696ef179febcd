"""Runs circuits of every kind on the emulator, and compares their counts with those of others.

    python benchmarks/circuits.py                # full size, about half an hour
    python benchmarks/circuits.py --scale 0.1    # a tenth of it

Prints a table. Needs the dependency group ``test``. Sends requests to this machine only. The exit
code is 1 if a bar is missed: no wrong counts, no failed circuit.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "emulator"))

import circuit_checks as checks
from own_gates import STANDARD_NAMES


def main() -> int:
    """Run the circuits and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--shots", type=int, default=1_000)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    names = STANDARD_NAMES[: max(1, round(len(STANDARD_NAMES) * options.scale))]
    conditional, kinds = max(1, round(400 * options.scale)), max(1, round(150 * options.scale))
    shots = options.shots
    rows: dict[str, Callable[[sj.SuperstaqClient], tuple[int, list[str]]]] = {
        "standard gate names, redefined, in three formats": lambda c: checks.own_gates(c, names),
        "the same in other formats, read again": lambda c: checks.own_gates_translated(c, names),
        "random conditional circuits x 3 targets": lambda c: checks.conditional(
            c, conditional, shots=shots
        ),
        "the same in other formats, read back": lambda c: checks.conditional_translated(
            c, conditional, shots=shots
        ),
        "Cirq circuits of all kinds x 2 targets": lambda c: checks.kinds_of_cirq(
            c, kinds, shots=shots // 8
        ),
        "the same in other formats, read back again": lambda c: checks.kinds_of_cirq_translated(
            c, kinds, shots=shots // 8
        ),
    }
    missed = False
    with (
        Emulator(seed=1, step_seconds=0) as server,
        sj.SuperstaqClient(server.api_key, server.url) as client,
    ):
        for what, check in rows.items():
            began = time.perf_counter()
            number, wrong = check(client)
            missed |= bool(wrong)
            seconds = time.perf_counter() - began
            print(f"{what:50} {number:5} circuits, {len(wrong):3} wrong (bar: 0); {seconds:.0f} s")
            for line in wrong:
                print("   ", line[:300])
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
