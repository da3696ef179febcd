"""Law 6: marginals compose, combining is associative and commutative, probabilities add up to 1,
reversing endianness twice is the identity.
"""

from __future__ import annotations

import collections
import fractions
import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from superstaq_jobs.records import Counts
from superstaq_jobs.testing import strategies as sts

WIDTH = 4
WHOLE = sts.counts(num_bits=WIDTH)
ANY = sts.counts(num_bits=WIDTH, floats=None)
QUBITS = st.permutations(range(WIDTH)).flatmap(
    lambda order: st.integers(0, WIDTH).map(lambda size: order[:size])
)


def shots_one_by_one(counts):
    """Every shot as a string of its own."""
    return [bits for bits, number in counts.items() for _ in range(number)]


def positive(counts):
    return {bits: number for bits, number in counts.items() if number}


@given(WHOLE, QUBITS)
def test_a_marginal_is_what_counting_some_bits_of_each_shot_gives(counts, qubits):
    counted = collections.Counter("".join(s[q] for q in qubits) for s in shots_one_by_one(counts))
    assert positive(counts.marginal(qubits)) == dict(counted)


@given(ANY, st.permutations(range(WIDTH + 2)).map(lambda order: order[:WIDTH]))
def test_a_marginal_undoes_an_expansion(counts, places):
    longer = counts.expand(places, WIDTH + 2)
    assert longer.marginal(places) == counts
    added = sorted(set(range(WIDTH + 2)) - set(places))
    assert set(longer.marginal(added)) <= {"00"}


@given(WHOLE, st.data())
def test_marginals_compose(counts, data):
    outer = data.draw(QUBITS.filter(bool))
    inner = data.draw(st.lists(st.integers(0, len(outer) - 1), unique=True))
    if not counts:
        return
    assert counts.marginal(outer).marginal(inner) == counts.marginal([outer[i] for i in inner])


@given(ANY)
def test_the_marginal_of_all_bits_is_the_identity_and_of_none_the_total(counts):
    assert counts.marginal(range(WIDTH)) == counts
    if counts:
        assert counts.marginal([]) == {"": counts.shots}


@given(ANY, QUBITS)
def test_a_marginal_keeps_the_total(counts, qubits):
    size = sum(map(abs, counts.values()))
    assert counts.marginal(qubits).shots == pytest.approx(counts.shots, abs=1e-12 * (1 + size))


@given(ANY)
def test_reversing_twice_is_the_identity(counts):
    reverse = counts.reversed_bits()
    assert reverse.reversed_bits() == counts
    assert reverse == counts.marginal(range(WIDTH - 1, -1, -1))
    assert reverse.shots == pytest.approx(counts.shots)


@given(WHOLE, WHOLE, WHOLE)
def test_combining_is_associative_and_commutative(one, two, three):
    assert one + two == two + one
    assert (one + two) + three == one + (two + three) == one.combine(two, three)
    assert hash(one + two) == hash(two + one)
    assert (one + two).shots == one.shots + two.shots


@given(WHOLE, WHOLE, QUBITS)
def test_combining_commutes_with_marginals(one, two, qubits):
    assert (one + two).marginal(qubits) == one.marginal(qubits) + two.marginal(qubits)


@given(ANY, ANY)
def test_combining_is_commutative_for_weights_too(one, two):
    assert one + two == two + one


@given(WHOLE)
def test_nothing_is_the_neutral_element(counts):
    assert counts + Counts() == counts == Counts() + counts
    assert counts.combine() == counts


@given(sts.counts())
def test_probabilities_of_shots_add_up_to_one(counts):
    assume(counts.shots)
    probabilities = counts.probabilities()
    assert math.isclose(math.fsum(probabilities.values()), 1)
    assert all(0 <= p <= 1 for p in probabilities.values())
    for bits, number in counts.items():
        assert probabilities[bits] == float(fractions.Fraction(number, counts.shots))


@given(sts.counts(floats=True))
def test_probabilities_of_weights_add_up_to_one(counts):
    size = math.fsum(map(abs, counts.values()))
    assume(abs(counts.shots) > 1e-3 * size)
    assert math.fsum(counts.probabilities().values()) == pytest.approx(1)


@given(sts.counts(shots=1000, num_bits=3))
def test_shots_is_the_number_of_shots(counts):
    assert counts.shots == 1000 == len(shots_one_by_one(counts))
    assert type(counts.shots) is int


@given(sts.counts(num_bits=WIDTH, shots=64), st.none() | QUBITS)
def test_parity_is_the_mean_over_single_shots(counts, qubits):
    chosen = range(WIDTH) if qubits is None else qubits
    signs = [(-1) ** sum(int(shot[q]) for q in chosen) for shot in shots_one_by_one(counts)]
    assert counts.parity_expectation(qubits) == pytest.approx(sum(signs) / 64)


@given(sts.counts(num_bits=WIDTH, shots=64), QUBITS)
def test_naming_a_qubit_twice_does_not_change_the_parity(counts, qubits):
    assert counts.parity_expectation([*qubits, *qubits]) == counts.parity_expectation(qubits)


@given(ANY)
def test_parity_is_minus_one_to_one_for_shots(counts):
    assume(counts.shots and all(v >= 0 for v in counts.values()))
    assert -1 - 1e-9 <= counts.parity_expectation() <= 1 + 1e-9


@given(ANY, st.integers(-1, 8))
def test_most_common_is_a_sorted_part(counts, n):
    everything = counts.most_common()
    assert dict(everything) == counts
    assert [value for _, value in everything] == sorted(counts.values(), reverse=True)
    assert counts.most_common(n) == everything[: max(n, 0)]
    for (bits, value), (after, smaller) in itertools.pairwise(everything):
        assert value > smaller or bits < after


@given(ANY)
def test_a_mapping_like_any_other(counts):
    plain = dict(counts)
    assert counts == plain
    assert len(counts) == len(plain)
    assert all(bits in counts and counts[bits] == plain[bits] for bits in plain)
    assert "no outcome" not in counts
    assert Counts(list(plain.items())) == counts
