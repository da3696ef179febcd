"""Counts: what they take, what they refuse, and what they cost."""

from __future__ import annotations

import pytest

from superstaq_jobs.records import Counts


class Shots(int):
    __slots__ = ()


def test_the_numbers_are_kept_as_they_are():
    counts = Counts({"00": 1, "11": 2.0, "10": Shots(3)})
    assert [type(value) for value in counts.values()] == [int, float, int]


@pytest.mark.parametrize(
    ("items", "error", "words"),
    [
        ({0: 1}, TypeError, "must be a string, got 0"),
        ({"0": 1, b"1": 1}, TypeError, "must be a string, got b'1'"),
        ({"0": "1"}, TypeError, "count of '0' must be a number, got '1'"),
        ({"0": None}, TypeError, "count of '0' must be a number, got None"),
        ({"0": 1, "1": True}, TypeError, "count of '1' must be a number, got True"),
        (
            {"0": 1.0, "1": float("nan")},
            ValueError,
            "count of '1' must be a finite float or int, got nan",
        ),
        ({"0": float("inf")}, ValueError, "count of '0' must be a finite float or int, got inf"),
        ({"0": 0.5, "1": 10**400}, ValueError, "count of '1' must be .*, got 1000"),
        ({"\ud800": 1}, ValueError, "lone surrogate"),
    ],
)
def test_wrong_counts_are_refused(items, error, words):
    with pytest.raises(error, match=words):
        Counts(items)


def test_bitstrings_past_ascii_are_kept_as_sent():
    assert Counts({"é": 1})["é"] == 1


def test_shots_and_bits_of_nothing():
    empty = Counts()
    assert empty.shots == 0
    assert empty.num_bits == 0
    assert empty.most_common() == []
    assert empty.marginal([0, 5]) == {}
    assert empty.reversed_bits() == {}
    with pytest.raises(ValueError, match="add up to 0"):
        empty.probabilities()
    with pytest.raises(ValueError, match="add up to 0"):
        Counts({"0": 1.5, "1": -1.5}).probabilities()


def test_the_total_of_floats_is_exact():
    assert Counts({format(n, "04b"): 0.1 for n in range(10)}).shots == 1.0
    assert Counts({"0": 0.5, "1": 1}).shots == 1.5


def test_bitstrings_of_different_lengths_are_kept_until_their_length_matters():
    odd = Counts({"0": 1, "11": 2})
    assert odd.shots == 3
    assert odd.reversed_bits() == odd
    for use in (lambda: odd.num_bits, lambda: odd.marginal([0]), lambda: odd + odd):
        with pytest.raises(ValueError, match=r"different lengths: \[1, 2\]"):
            use()


@pytest.mark.parametrize(
    ("qubits", "error"), [([2], ValueError), ([-1], ValueError), (["0"], TypeError)]
)
def test_positions_outside_are_refused(qubits, error):
    counts = Counts({"01": 1})
    with pytest.raises(error):
        counts.marginal(qubits)
    with pytest.raises(error):
        counts.parity_expectation(qubits)


def test_a_bool_is_not_a_position():
    with pytest.raises(TypeError, match="must be an int, got True"):
        Counts({"01": 1}).marginal([True])


def test_the_order_of_the_positions_is_the_order_of_the_bits():
    assert Counts({"011": 5}).marginal([2, 0, 0]) == {"100": 5}


def test_combining_counts_of_different_widths_is_refused():
    with pytest.raises(ValueError, match="counts of 1 and 2 bits"):
        Counts({"0": 1}) + Counts({"01": 1})


def test_combining_with_plain_mappings():
    assert Counts({"0": 1}) + {"0": 2, "1": 0.5} == {"0": 3, "1": 0.5}
    assert Counts({"0": 1}).combine({"1": 1}, Counts({"1": 1})) == {"0": 1, "1": 2}
    with pytest.raises(TypeError):
        Counts({"0": 1}) + 3
    with pytest.raises(TypeError, match="must be a number"):
        Counts({"0": 1}) + {"0": "1"}


def test_parity_needs_bitstrings_of_0_and_1():
    with pytest.raises(ValueError, match="parity needs bitstrings of 0 and 1, got '0x'"):
        Counts({"0x": 1}).parity_expectation()
    assert Counts({"0x": 1}).parity_expectation([0]) == 1.0


def test_parity_of_no_qubits_is_one():
    assert Counts({"01": 4, "11": 2}).parity_expectation([]) == 1.0


def test_equal_numbers_are_in_order_of_bits():
    assert Counts({"1": 2, "0": 2, "2": 3}).most_common(2) == [("2", 3), ("0", 2)]


def test_the_repr_of_many_outcomes_is_short():
    few = Counts({format(n, "04b"): n for n in range(8)})
    assert repr(few).count(":") == 8
    assert eval(repr(few)) == few  # noqa: S307
    many = Counts({format(n, "020b"): n for n in range(1000)})
    assert "1000 outcomes" in repr(many)
    assert len(repr(many)) < 400


def test_reading_many_outcomes_copies_nothing():
    counts = Counts({format(n, "020b"): 1 for n in range(100_000)})
    assert counts.items() == counts._items.items()
    assert counts.keys().mapping == counts._items
    assert counts.shots == 100_000
    assert counts.num_bits == 20


def test_an_expansion_needs_a_place_for_each_bit():
    counts = Counts({"10": 7})
    assert Counts({}).expand([], 3) == {}
    for places, error in [
        ([0], ValueError),
        ([0, 1, 2], ValueError),
        ([1, 1], ValueError),
        ([0, 4], ValueError),
        ([-1, 0], ValueError),
        ([0, True], TypeError),
    ]:
        with pytest.raises(error):
            counts.expand(places, 4)
    with pytest.raises(ValueError, match="different lengths"):
        Counts({"1": 1, "10": 1}).expand([0], 4)
