"""Law 5: the newest of some observations of one job does not depend on the order they come in.

And a circuit that was once finished stays finished.
"""

from __future__ import annotations

import datetime as dt
import itertools
import uuid

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reachable import may_become
from worlds import in_one_format

from superstaq_jobs.records import CircuitSnapshot, JobSnapshot, JobType, newest
from superstaq_jobs.records.changes import merge_response
from superstaq_jobs.testing import strategies as sts

pytestmark = pytest.mark.same_everywhere

JOB_ID = uuid.UUID(int=7)
ANYTHING = st.lists(
    sts.job_snapshots(job_id=JOB_ID, unknown_statuses=True), min_size=1, max_size=4
).map(in_one_format)


OLD_ID = "a,b"
OLD_ANYTHING = st.lists(
    sts.job_snapshots(job_id=OLD_ID, unknown_statuses=True, api_version="v0.2.0"),
    min_size=1,
    max_size=4,
).map(in_one_format)


@st.composite
def old_contradictions(draw):
    """Observations through API v0.2.0, in which each circuit is one of two."""
    both = [draw(sts.job_snapshots(job_id=OLD_ID, api_version="v0.2.0")) for _ in range(2)]
    one, other = in_one_format(both)
    return [
        attrs.evolve(
            draw(st.sampled_from([one, other])),
            circuits=[
                draw(st.sampled_from(pair))
                for pair in zip(one.circuits, other.circuits, strict=True)
            ],
        )
        for _ in range(draw(st.integers(1, 4)))
    ]


@st.composite
def contradictions(draw):
    """Observations that agree on much and contradict each other in the rest."""
    base = draw(sts.job_snapshots(job_id=JOB_ID, num_circuits=2))
    told = [base]
    kind = base.circuit_type
    for _ in range(draw(st.integers(1, 3))):
        last = draw(st.sampled_from(told))
        drawn = draw(sts.job_snapshots(job_id=JOB_ID, num_circuits=draw(st.integers(1, 2))))
        other = attrs.evolve(drawn, circuit_type=kind)
        names = draw(
            st.sets(st.sampled_from(["circuits", "metadata", "fetched_at", "short_lists", "tags"]))
        )
        try:
            told.append(attrs.evolve(last, **{name: getattr(other, name) for name in names}))
        except ValueError:
            told.append(other)
    return told


OBSERVATIONS = ANYTHING | contradictions()
OLD_OBSERVATIONS = OLD_ANYTHING | old_contradictions()


def whole(snapshot: JobSnapshot):
    """A snapshot with when it was fetched, which equality leaves out."""
    return snapshot, snapshot.fetched_at


@given(OBSERVATIONS | OLD_OBSERVATIONS)
def test_the_order_of_arrival_does_not_matter(observations):
    results = {whole(newest(*order)) for order in itertools.permutations(observations)}
    assert len(results) == 1


@given(st.tuples(OBSERVATIONS, OBSERVATIONS) | st.tuples(OLD_OBSERVATIONS, OLD_OBSERVATIONS))
def test_it_does_not_matter_what_was_merged_before(both):
    some = both[0]
    _, *others = in_one_format([some[0], *both[1]])
    at_once = newest(*some, *others)
    assert whole(newest(newest(*some), newest(*others))) == whole(at_once)
    step_by_step = some[0]
    for observation in [*some[1:], *others]:
        step_by_step = newest(step_by_step, observation)
    assert whole(step_by_step) == whole(at_once)


@given(OBSERVATIONS | OLD_OBSERVATIONS)
def test_the_same_observations_again_change_nothing(observations):
    result = newest(*observations)
    assert newest(result, result) is result
    assert whole(newest(result, *observations)) == whole(result)


@given(OBSERVATIONS | OLD_OBSERVATIONS)
def test_a_circuit_once_finished_stays_finished(observations):
    result = newest(*observations)
    for observation in observations:
        for circuit in observation.circuits:
            if circuit.is_terminal:
                assert result.circuits[circuit.index].is_terminal


@given(OBSERVATIONS | OLD_OBSERVATIONS)
def test_every_circuit_is_one_that_was_seen(observations):
    result = newest(*observations)
    assert result.num_circuits == max(o.num_circuits for o in observations)
    for circuit in result.circuits:
        assert any(circuit in observation.circuits for observation in observations)


@given(sts.job_histories(deletion=True, api_version="v0.2.0"))
def test_a_history_through_v0_2_0_is_followed_to_its_end(history):
    state = history[0]
    for snapshot in history[1:]:
        state = merge_response(state, snapshot)
        assert state is snapshot
    # A response that is overtaken takes no circuit back from its end.
    late = merge_response(history[-1], history[0])
    assert late == history[-1]


@given(sts.job_histories(deletion=True), st.randoms(use_true_random=False))
def test_of_a_history_the_newest_is_the_last(history, random):
    seen = random.sample(history, random.randint(1, len(history)))
    last = max(seen, key=history.index)
    assert newest(*seen) is last


@given(sts.job_histories(deletion=True))
def test_the_histories_that_are_drawn_are_possible(history):
    first, last = history[0], history[-1]
    assert set(first.statuses) == {"received"}
    assert last.is_terminal
    assert not any(snapshot.is_terminal for snapshot in history[:-1]) or "deleted" in last.statuses
    for before, after in itertools.pairwise(history):
        assert before != after
        assert before.fetched_at < after.fetched_at
        for old, new in zip(before.circuits, after.circuits, strict=True):
            assert may_become(old.status, new.status)
            assert (old.updated_at is None) or old.updated_at <= new.updated_at
            assert new == old or new.updated_at != old.updated_at
            assert new.counts is None or new.status == "completed"


@given(sts.job_snapshots(job_id=JOB_ID, num_circuits=2))
def test_circuits_that_come_or_go_are_those_of_the_later_response(both):
    one = attrs.evolve(both, circuits=both.circuits[:1], short_lists={})
    for before, after in ((one, both), (both, one)):
        assert merge_response(before, after) == after


@given(sts.job_histories(num_circuits=2, job_type=JobType.SUBMIT, num_bits=3))
def test_a_history_is_as_requested(history):
    for snapshot in history:
        assert snapshot.job_type is JobType.SUBMIT
        assert snapshot.num_circuits == 2
        for circuit in snapshot.circuits:
            assert circuit.status not in {"simulating", "awaiting_simulation"}
            if circuit.status == "completed":
                assert circuit.counts.num_bits == 3
                assert circuit.counts.shots == circuit.shots


def observed(status, *, fetched=None, **fields):
    return JobSnapshot(
        job_id=JOB_ID,
        job_type="submit",
        target="ibmq_fez_qpu",
        circuit_type="qasm",
        user_email="ada@example.com",
        submitted_at=at(0),
        circuits=[CircuitSnapshot(index=0, status_text=status, **fields)],
        fetched_at=None if fetched is None else at(fetched),
    )


def at(seconds):
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)


def test_a_response_that_was_overtaken_does_not_win():
    late = observed("running", fetched=9, updated_at=at(1))
    over = observed("completed", fetched=5, counts={"0": 1}, updated_at=at(2))
    assert newest(late, over) == newest(over, late) == over


def test_a_job_put_back_into_the_queue_is_newer_than_when_it_ran():
    ran = observed("running", updated_at=at(1))
    queued = observed("pending", updated_at=at(2))
    assert newest(ran, queued) is newest(queued, ran) is queued


def test_of_equal_observations_the_later_gives_fetched_at():
    early, late = observed("running", fetched=1), observed("running", fetched=3)
    assert newest(early, late) is newest(late, early) is late
    assert newest(early, observed("running", fetched=1)) is early


@example(1)
@given(st.integers(1, 5))
def test_a_single_observation_is_the_newest(fetched):
    only = observed("running", fetched=fetched)
    assert newest(only) is only


def test_observations_of_different_jobs_are_refused():
    with pytest.raises(ValueError, match="different jobs"):
        newest(observed("running"), attrs.evolve(observed("running"), job_id=uuid.UUID(int=8)))
