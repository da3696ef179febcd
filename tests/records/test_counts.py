"""Counts: what they take, what they refuse, and what they cost."""

from __future__ import annotations

import copy
import json
import math
import pickle

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import job

import superstaq_jobs as sj
from superstaq_jobs.records import Counts
from superstaq_jobs.testing import strategies as sts

FINISHED = job("completed")


class Shots(int):
    __slots__ = ()


def sent(counts, version="v0.3.0"):
    """A job of one circuit with these counts, as a server sends it."""
    if version == "v0.2.0":
        data = {"c": {"status": "Done", "samples": counts}}
        return sj.decode_jobs(json.dumps(data).encode(), api_version=version)[0]
    data = json.loads(sj.encode_jobs([FINISHED]))
    data[str(FINISHED.job_id)]["counts"] = [counts]
    return sj.decode_jobs(json.dumps(data).encode())[0]


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
        ({"0": 1, "0x1": 1}, ValueError, "got '0x1': write hexadecimal outcomes in binary"),
        ({"00 1": 1}, ValueError, "characters 0 and 1, got '00 1': remove the spaces"),
        ({"²": 1}, ValueError, "characters 0 and 1, got '²'$"),
        ({"0": 3, "1": -2}, ValueError, "must be >= 0, got -2 for '1'; .* the float -2.0"),
        ({"0": 1.5, "1": -2}, ValueError, "must be >= 0, got -2 for '1'"),
        ({"0": Shots(-1)}, ValueError, "must be >= 0, got -1"),
        ({"0": 1j}, TypeError, "must be a number, got 1j"),
    ],
)
def test_wrong_counts_are_refused(items, error, words):
    with pytest.raises(error, match=words):
        Counts(items)


def test_weights_may_be_negative():
    weights = {"0": 1.25, "1": -0.25}
    assert Counts(weights) == weights
    assert FINISHED.with_counts(0, weights).counts(0) == weights


def test_numpys_numbers_and_strings_become_pythons():
    np = pytest.importorskip("numpy")
    kinds = (np.int8, np.uint64, np.int64, np.float16, np.float32, np.float64)
    counts = Counts({np.str_(f"{n:03b}"): kind(n) for n, kind in enumerate(kinds)})
    assert counts == {f"{n:03b}": n for n in range(6)}
    assert [type(value) for value in counts.values()] == [int] * 3 + [float] * 3
    assert {type(bits) for bits in counts} == {str}
    for wrong in (np.bool_(True), np.array([1, 2]), np.complex128(1), np.str_("1")):
        with pytest.raises(TypeError, match="must be a number"):
            Counts({"0": wrong})
    for wrong in (np.int64(-1), np.float32("nan")):
        with pytest.raises(ValueError, match="must be"):
            Counts({"0": wrong})


def test_circuits_and_jobs_refuse_what_counts_refuse():
    for wrong in ({"0": -1}, {"00 1": 2}):
        with pytest.raises(sj.InvalidValue, match="counts: a"):
            FINISHED.with_counts(0, wrong)
        with pytest.raises(sj.InvalidValue, match="counts: a"):
            sj.CircuitSnapshot(index=0, status_text="completed", counts=wrong)


# ---- what a server sends is kept ---------------------------------------------------------------

ODD = st.dictionaries(
    sts.bitstrings() | st.text(st.characters(codec="utf-8"), max_size=4),
    st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False),
    max_size=4,
)


@pytest.mark.parametrize("version", ["v0.2.0", "v0.3.0"])
@given(ODD)
def test_whatever_was_sent_is_kept_pickled_copied_and_written_again(version, items):
    snapshot = sent(items, version)
    counts = snapshot.counts(0)
    assert counts == items
    assert list(map(type, counts.values())) == list(map(type, items.values()))
    for same in (pickle.loads(pickle.dumps(counts)), copy.deepcopy(counts)):
        assert same == counts
        assert hash(same) == hash(counts)
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot
    body = sj.encode_jobs([snapshot], api_version=version)
    assert sj.decode_jobs(body, api_version=version) == (snapshot,)
    assert attrs.evolve(snapshot, fetched_at=None) == snapshot
    assert snapshot.with_counts(0, counts) == snapshot
    assert snapshot.to_dict()["counts"] == [items]


def test_operations_on_whatever_was_sent():
    odd = sent({"2é": -3, "0x": 4}).counts(0)
    assert odd.shots == 1
    assert odd.probabilities() == {"2é": -3, "0x": 4}
    assert odd.reversed_bits() == {"é2": -3, "x0": 4}
    assert odd.marginal([0]) == {"2": -3, "0": 4}
    assert odd.combine(odd, {"00": 1}) == {"2é": -6, "0x": 8, "00": 1}
    assert odd.most_common(1) == [("0x", 4)]
    with pytest.raises(ValueError, match="characters 0 and 1"):
        odd.combine({"zz": 1})
    with pytest.raises(ValueError, match=">= 0, got -3 for '2é'"):
        odd.interval("0x")
    with pytest.raises(ValueError, match=r"weights must be >= 0 .*, got -3 for '2é'"):
        odd.total_variation_distance({"00": 1})


def test_a_lone_surrogate_is_refused_from_anybody():
    with pytest.raises(sj.ProtocolError, match="surrogate"):
        sent({"\ud800": 1})


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
        sent({"0x": 1}).counts(0).parity_expectation()
    assert sent({"0x": 1}).counts(0).parity_expectation([0]) == 1.0


def test_parity_of_no_qubits_is_one():
    assert Counts({"01": 4, "11": 2}).parity_expectation([]) == 1.0


def test_equal_numbers_are_in_order_of_bits():
    assert Counts({"01": 2, "00": 2, "10": 3}).most_common(2) == [("10", 3), ("00", 2)]


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


# ---- statistics --------------------------------------------------------------------------------

CONFIDENCES = st.sampled_from([0.5, 0.68, 0.9, 0.95, 0.99, 0.999])
SOME = sts.counts(num_bits=3).filter(lambda counts: counts.shots)
DISTRIBUTIONS = SOME | SOME.map(Counts.probabilities)


@given(SOME, st.sets(sts.bitstrings(3)), CONFIDENCES)
def test_an_interval_is_scipys_wilson_score(counts, bits, confidence):
    stats = pytest.importorskip("scipy.stats")
    hits = sum(counts.get(each, 0) for each in bits)
    judge = stats.binomtest(hits, counts.shots).proportion_ci(confidence, method="wilson")
    low, high = counts.interval(bits, confidence)
    assert low == pytest.approx(judge.low, abs=1e-12)
    assert high == pytest.approx(judge.high, abs=1e-12)


@given(SOME, st.sets(sts.bitstrings(3)), CONFIDENCES)
def test_an_interval_holds_the_share_and_ends_at_0_and_1(counts, bits, confidence):
    share = sum(counts.get(each, 0) for each in bits) / counts.shots
    low, high = counts.interval(bits, confidence)
    assert 0 <= low <= share <= high <= 1
    assert (low == 0) is (share == 0)
    assert (high == 1) is (share == 1)
    wider = counts.interval(bits, (1 + confidence) / 2)
    assert wider[0] <= low <= high <= wider[1]


@given(SOME, st.sets(sts.bitstrings(3)))
def test_the_interval_of_the_other_bitstrings_is_the_mirror_image(counts, bits):
    low, high = counts.interval(bits)
    others = {f"{n:03b}" for n in range(8)} - bits
    assert counts.interval(others) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_an_interval_takes_one_bitstring_or_several_each_once():
    counts = Counts({"00": 507, "11": 493.0})
    assert counts.interval("00") == counts.interval(["00"]) == counts.interval(iter(["00"] * 2))
    assert counts.interval(["00", "11"])[1] == 1.0
    assert counts.interval("01")[0] == counts.interval([])[0] == 0.0


def test_an_interval_of_more_shots_than_a_float_can_hold():
    low, high = Counts({"0": 10**400, "1": 10**400}).interval("0")
    assert low == high == 0.5


@pytest.mark.parametrize(
    ("counts", "arguments", "error", "words"),
    [
        ({"0": 1.5}, ("0",), ValueError, "whole and >= 0, got 1.5 for '0'"),
        ({"0": 1.0, "1": -1.0}, ("0",), ValueError, "whole and >= 0, got -1.0 for '1'"),
        ({}, ("0",), ValueError, "at least one shot"),
        ({"0": 0}, ("0",), ValueError, "at least one shot"),
        ({"00": 1}, ("0",), ValueError, "'0' is not a bitstring of 2 bits"),
        ({"00": 1}, ("0x",), ValueError, "'0x' is not a bitstring of 2 bits"),
        ({"00": 1}, ([0],), TypeError, "must be a string, got 0"),
        ({"0": 1}, ("0", 0), ValueError, "> 0 and < 1, got 0"),
        ({"0": 1}, ("0", 1.0), ValueError, "> 0 and < 1, got 1.0"),
        ({"0": 1}, ("0", 95), ValueError, "> 0 and < 1, got 95"),
        ({"0": 1}, ("0", float("nan")), ValueError, "> 0 and < 1, got nan"),
        ({"0": 1}, ("0", "0.95"), TypeError, "> 0 and < 1, got '0.95'"),
    ],
)
def test_an_interval_refuses(counts, arguments, error, words):
    with pytest.raises(error, match=words):
        Counts(counts).interval(*arguments)


@pytest.mark.parametrize("p", [0.5, 0.01, 0.002])
def test_an_interval_of_95_percent_contains_the_probability_in_94_percent_or_more(p):
    stats = pytest.importorskip("scipy.stats")
    shots = 1000
    covered = math.fsum(
        stats.binom.pmf(hits, shots, p)
        for hits in range(shots + 1)
        if (ends := Counts({"1": hits, "0": shots - hits}).interval("1"))[0] <= p <= ends[1]
    )
    assert covered >= 0.94


@given(DISTRIBUTIONS, DISTRIBUTIONS)
def test_the_fidelity_is_qiskits_and_the_distance_is_half_of_numpys_norm(one, two):
    qi = pytest.importorskip("qiskit.quantum_info")
    np = pytest.importorskip("numpy")
    judge = qi.hellinger_fidelity(dict(one), dict(two))
    assert one.hellinger_fidelity(two) == pytest.approx(judge, abs=1e-12)
    p, q = (np.array([c.get(f"{n:03b}", 0) for n in range(8)], float) for c in (one, two))
    gap = np.abs(p / p.sum() - q / q.sum()).sum() / 2
    assert one.total_variation_distance(two) == pytest.approx(gap, abs=1e-12)


@given(DISTRIBUTIONS, DISTRIBUTIONS, DISTRIBUTIONS)
def test_the_distance_is_a_metric_and_bounds_the_fidelity(one, two, three):
    distance = one.total_variation_distance(two)
    assert one.total_variation_distance(one) == 0
    assert distance == two.total_variation_distance(one)
    assert distance <= (
        one.total_variation_distance(three) + three.total_variation_distance(two) + 1e-12
    )
    fidelity = one.hellinger_fidelity(two)
    assert fidelity == two.hellinger_fidelity(one)
    assert one.hellinger_fidelity(one) == pytest.approx(1)
    # Fuchs and van de Graaf, for distributions.
    assert 1 - math.sqrt(fidelity) - 1e-9 <= distance <= math.sqrt(max(0, 1 - fidelity)) + 1e-9


def test_disjoint_distributions():
    assert Counts({"0": 5}).total_variation_distance({"1": 2}) == 1.0
    assert Counts({"0": 5}).hellinger_fidelity({"1": 2}) == 0.0


@pytest.mark.parametrize("name", ["total_variation_distance", "hellinger_fidelity"])
@pytest.mark.parametrize(
    ("one", "two", "error", "words"),
    [
        ({"0": 1}, {"0": 1.5, "1": -0.5}, ValueError, "must be >= 0 to be compared, got -0.5"),
        ({"0": 1.5, "1": -0.5}, {"0": 1}, ValueError, "must be >= 0 to be compared, got -0.5"),
        ({"0": 1}, {}, ValueError, "add up to 0"),
        ({"0": 0}, {"0": 1}, ValueError, "add up to 0"),
        ({"0": 1}, {"00": 1}, ValueError, "counts of 1 and 2 bits"),
        ({"0": 1}, {"0x0": 1}, ValueError, "characters 0 and 1"),
        ({"0": 1}, {0: 1}, TypeError, "must be a string"),
    ],
)
def test_distributions_that_cannot_be_compared(name, one, two, error, words):
    with pytest.raises(error, match=words):
        getattr(Counts(one), name)(two)


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


@pytest.mark.parametrize(
    "use",
    [
        lambda counts: counts.shots,
        lambda counts: counts.probabilities(),
        lambda counts: counts.parity_expectation(),
        lambda counts: counts.marginal([]),
        lambda counts: counts.total_variation_distance({"0": 1}),
        lambda counts: counts.hellinger_fidelity({"0": 1}),
    ],
)
def test_weights_beyond_all_floats_are_refused(use):
    counts = Counts({"0": 1e308, "1": 1e308})
    with pytest.raises(ValueError, match="more than any float"):
        use(counts)
    assert "1e+308" in counts._repr_html_()


@pytest.mark.parametrize("items", [{"0": -(10**5000)}, {"0": 10**5000, "1": 0.5}])
def test_a_number_that_python_does_not_print_is_named_by_its_type(items):
    with pytest.raises(ValueError, match="got a int"):
        Counts(items)


def test_positions_may_be_numpys():
    np = pytest.importorskip("numpy")
    counts = Counts({"001": 3, "011": 4})
    assert counts.marginal(np.array([2, 0])) == counts.marginal([2, 0])
    assert counts.parity_expectation(np.arange(2)) == counts.parity_expectation([0, 1])
    assert counts.expand(np.arange(3), 4) == counts.expand([0, 1, 2], 4)
    for wrong in (np.array([0.0]), np.array([True])):
        with pytest.raises(TypeError, match="must be an int"):
            counts.marginal(wrong)
