"""Compares counts of the emulator with exact probabilities, for the same circuits in three formats.

    python benchmarks/emulator_counts.py                  # 200 circuits, about half a minute
    python benchmarks/emulator_counts.py --circuits 1000 --seed 2

Prints one row. Needs the dependency group ``test``. Sends requests to this machine only. The exit
code is 1 if the bar is missed: every chi-square p-value above 1e-6.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "emulator"))

import random_circuits

BAR = 1e-6


def _samples(
    client: sj.SuperstaqClient, plans: list[random_circuits.Plan], circuit_type: str, shots: int
) -> list[dict[str, float]]:
    job = sj.NewJob(
        job_type="simulate",
        target="ss_unconstrained_simulator",
        circuits=random_circuits.job_text(plans, circuit_type),
        circuit_type=circuit_type,
        shots=shots,
    )
    handle = sj.JobHandle.submit(client, job)
    snapshot = handle.wait_until_complete(timeout_seconds=600, polling_seconds=0.2)
    snapshot.raise_if_unsuccessful()
    return [dict(counts) for counts in snapshot.counts()]


def worst_p_values(*, circuits: int, shots: int, seed: int) -> tuple[dict[str, float], float]:
    """The smallest p-value of each format and of all three together, and the seconds taken."""
    rng = random.Random(seed)  # noqa: S311 - not a secret
    plans = [random_circuits.random_plan(rng) for _ in range(circuits)]
    began = time.perf_counter()
    with (
        Emulator(seed=seed, step_seconds=0) as server,
        sj.SuperstaqClient(server.api_key, server.url) as client,
    ):
        samples = {
            circuit_type: _samples(client, plans, circuit_type, shots)
            for circuit_type in random_circuits.CIRCUIT_TYPES
        }
    seconds = time.perf_counter() - began
    worst = dict.fromkeys((*samples, "all three equal"), 1.0)
    for index, plan in enumerate(plans):
        exact = random_circuits.probabilities(plan)
        three = {circuit_type: counts[index] for circuit_type, counts in samples.items()}
        for circuit_type, counts in three.items():
            p = random_circuits.goodness_of_fit(counts, exact)
            worst[circuit_type] = min(worst[circuit_type], p)
        equal = random_circuits.homogeneity(list(three.values()))
        worst["all three equal"] = min(worst["all three equal"], equal)
    return worst, seconds


def main() -> int:
    """Run the circuits and print the row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--circuits", type=int, default=200)
    parser.add_argument("--shots", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    worst, seconds = worst_p_values(
        circuits=options.circuits, shots=options.shots, seed=options.seed
    )
    passed = min(worst.values()) > BAR
    print(
        f"{options.circuits} random circuits of at most 6 qubits, {options.shots} shots, "
        f"seed {options.seed}: smallest p-values "
        + ", ".join(f"{what} {p:.2g}" for what, p in worst.items())
        + f" (bar: > {BAR:g}); {seconds:.0f} s{'' if passed else '   MISSED'}"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
