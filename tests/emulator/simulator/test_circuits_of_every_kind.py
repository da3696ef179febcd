"""Own gates, conditions and loops, and Cirq circuits of all kinds: small sizes of the benchmark.

``benchmarks/circuits.py`` runs all names, 400 conditional circuits and 150 of Cirq.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import circuit_checks as checks
import pytest
from own_gates import AER_NAMES, STANDARD_NAMES

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator

pytestmark = pytest.mark.official


@pytest.fixture
def client(emulate: Callable[..., Emulator]) -> Iterator[sj.SuperstaqClient]:
    server = emulate(seed=1)
    with sj.SuperstaqClient(server.api_key, server.url) as made:
        yield made


def test_a_gate_of_ones_own_is_what_it_is_defined_as(client):
    names = [*STANDARD_NAMES[::8], "x", *AER_NAMES[:2]]
    number, wrong = checks.own_gates(client, names)
    assert number == 3 * len(names)
    assert not wrong


def test_an_own_gate_stays_itself_in_other_formats(client):
    number, wrong = checks.own_gates_translated(client, ["x", "cx"])
    assert number
    assert not wrong


def test_conditions_loops_and_resets_have_their_exact_probabilities(client):
    assert checks.conditional(client, 24, shots=300) == (72, [])


def test_cirq_circuits_have_the_counts_of_cirqs_simulator(client):
    assert checks.kinds_of_cirq(client, 6, shots=50) == (12, [])


def test_cirq_circuits_in_other_formats_have_the_same_counts(client):
    number, wrong = checks.kinds_of_cirq_translated(client, 4, shots=50)
    assert number
    assert not wrong
