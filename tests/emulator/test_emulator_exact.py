"""Counts of the emulator against exact probabilities, the same circuit in three languages.

A part of the circuits; ``benchmarks/emulator_counts.py`` runs 200. Emulator and circuits are
seeded, so that a run that passes passes again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from random_circuits import (
    LANGUAGES,
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
def test_counts_follow_the_exact_probabilities_in_every_language(
    emulate: Callable[..., Emulator], ask: Any, finish: Any, target: str
):
    server = emulate(seed=1)
    choose = random.Random(f"exact {target}")
    plans = [random_plan(choose) for _ in range(CIRCUITS)]
    samples = {}
    for language in LANGUAGES:
        body = {
            "job_type": "submit",
            "target": target,
            "circuits": job_text(plans, language),
            "circuit_type": language,
            "shots": SHOTS,
        }
        job_id = ask(server, "POST", "/client/job", body).json["job_id"]
        samples[language] = finish(server, job_id, language)["counts"]
    for index, plan in enumerate(plans):
        exact = probabilities(plan)
        assert sum(exact.values()) == pytest.approx(1)
        three = [samples[language][index] for language in LANGUAGES]
        for language, counts in zip(LANGUAGES, three, strict=True):
            assert sum(counts.values()) == SHOTS
            assert goodness_of_fit(counts, exact) > 1e-6, (language, plan)
        assert homogeneity(three) > 1e-6, plan


def test_the_statistics_can_tell_a_wrong_distribution():
    exact = {"0": 0.5, "1": 0.5}
    assert goodness_of_fit({"0": 1_000, "1": 1_000}, exact) == pytest.approx(1)
    assert goodness_of_fit({"0": 850, "1": 1_150}, exact) < 1e-6
    assert goodness_of_fit({"0": 10, "2": 10}, exact) == 0
    assert homogeneity([{"0": 900, "1": 100}, {"0": 700, "1": 300}]) < 1e-6
    assert homogeneity([{"0": 900, "1": 100}, {"0": 905, "1": 95}]) > 0.1
