"""Counts of the emulator against exact probabilities, for the same circuits in three formats.

These are some of the circuits; ``benchmarks/emulator_counts.py`` runs 200. Emulator and circuits
are seeded, so the result is reproducible.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from random_circuits import (
    CIRCUIT_TYPES,
    goodness_of_fit,
    homogeneity,
    job_text,
    probabilities,
    random_plan,
)

from superstaq_jobs.emulator import Emulator

pytestmark = pytest.mark.official

CIRCUITS = 40
SHOTS = 2_000


@pytest.mark.parametrize("target", ["ss_unconstrained_simulator", "emulated_line_qpu"])
def test_counts_follow_the_exact_probabilities_in_every_format(
    emulate: Callable[..., Emulator], send: Any, finish: Any, target: str
):
    server = emulate(seed=1)
    rng = random.Random(f"exact {target}")
    plans = [random_plan(rng) for _ in range(CIRCUITS)]
    samples = {}
    for circuit_type in CIRCUIT_TYPES:
        body = {
            "job_type": "submit",
            "target": target,
            "circuits": job_text(plans, circuit_type),
            "circuit_type": circuit_type,
            "shots": SHOTS,
        }
        job_id = send(server, "POST", "/client/job", body).json["job_id"]
        samples[circuit_type] = finish(server, job_id, circuit_type)["counts"]
    for index, plan in enumerate(plans):
        exact = probabilities(plan)
        assert sum(exact.values()) == pytest.approx(1)
        three = [samples[circuit_type][index] for circuit_type in CIRCUIT_TYPES]
        for circuit_type, counts in zip(CIRCUIT_TYPES, three, strict=True):
            assert sum(counts.values()) == SHOTS
            assert goodness_of_fit(counts, exact) > 1e-6, (circuit_type, plan)
        assert homogeneity(three) > 1e-6, plan


def test_the_statistics_reject_a_wrong_distribution():
    exact = {"0": 0.5, "1": 0.5}
    assert goodness_of_fit({"0": 1_000, "1": 1_000}, exact) == pytest.approx(1)
    assert goodness_of_fit({"0": 850, "1": 1_150}, exact) < 1e-6
    assert goodness_of_fit({"0": 10, "2": 10}, exact) == 0
    assert homogeneity([{"0": 900, "1": 100}, {"0": 700, "1": 300}]) < 1e-6
    assert homogeneity([{"0": 900, "1": 100}, {"0": 905, "1": 95}]) > 0.1
