"""Law 4: diff(a, a) is empty; diff names exactly the changed circuits; applying it gives b."""

from __future__ import annotations

import itertools
import pickle
import uuid

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import in_one_format

from superstaq_jobs.records import CircuitType, JobDiff, diff, newest
from superstaq_jobs.records.changes import merge_response
from superstaq_jobs.records.problems import InvalidValue
from superstaq_jobs.testing import strategies as sts

JOB_ID = uuid.UUID(int=7)
OLD = "v0.2.0"
SNAPSHOTS = sts.job_snapshots(job_id=JOB_ID, unknown_statuses=True)
PAIRS = st.sampled_from(
    [SNAPSHOTS, sts.job_snapshots(job_id="a,b", unknown_statuses=True, api_version=OLD)]
).flatmap(lambda snapshots: st.tuples(snapshots, snapshots).map(in_one_format))


@given(PAIRS.map(lambda pair: pair[0]))
def test_nothing_differs_from_itself_or_its_equal(snapshot):
    twin = pickle.loads(pickle.dumps(snapshot))
    assert diff(snapshot, snapshot) == diff(snapshot, twin) == JobDiff()
    assert not diff(snapshot, twin)
    assert JobDiff().apply(snapshot) == snapshot


@given(PAIRS)
def test_applying_the_difference_gives_the_later_snapshot(pair):
    before, after = pair
    changes = diff(before, after)
    assert changes.apply(before) == after
    assert diff(after, before).apply(after) == before
    assert bool(changes) is (before != after)


@given(st.tuples(SNAPSHOTS, SNAPSHOTS).map(in_one_format))
def test_provenance_stays_that_of_the_earlier_snapshot(both):
    before, after = both
    applied = diff(before, after).apply(before)
    assert (applied.fetched_at, applied.source) == (before.fetched_at, before.source)


@given(
    sts.job_snapshots(num_circuits=3, irregular_lists=False)
    | sts.job_snapshots(num_circuits=3, api_version=OLD),
    st.data(),
)
def test_exactly_the_changed_circuits_are_named(before, data):
    changed = data.draw(st.sets(st.integers(0, 2)))
    circuits = [
        attrs.evolve(circuit, shots=(circuit.shots or 0) + 1)
        if circuit.index in changed
        else circuit
        for circuit in before.circuits
    ]
    changes = diff(before, attrs.evolve(before, circuits=circuits))
    assert [change.index for change in changes.circuits] == sorted(changed)
    assert changes.fields == ()
    for change in changes.circuits:
        assert change.before == before.circuits[change.index]
        assert change.after == circuits[change.index]


@given(PAIRS)
def test_exactly_the_changed_fields_are_named(pair):
    before, after = pair
    names = {f.name for f in attrs.fields(type(before)) if f.eq} - {"circuits"}
    # One field at a time, by the equality of snapshots, which knows of offsets from UTC.
    for change in diff(before, after).fields:
        assert change.name in names
        assert getattr(before, change.name) is change.before
        assert getattr(after, change.name) is change.after
        names.remove(change.name)
    for name in names:
        assert getattr(before, name) == getattr(after, name)


@given(sts.job_histories() | sts.job_histories(api_version=OLD, deletion=True))
def test_the_changes_of_a_life_lead_from_its_start_to_its_end(history):
    state = history[0]
    for before, after in itertools.pairwise(history):
        changes = diff(before, after)
        assert changes
        state = changes.apply(state)
    assert state == history[-1]


@given(st.tuples(SNAPSHOTS, SNAPSHOTS).map(in_one_format), SNAPSHOTS)
def test_changes_are_applied_only_to_what_they_start_from(both, other):
    before, after = both
    changes = diff(before, after)
    touched = {change.name for change in changes.fields}
    starts_there = all(getattr(other, n) == getattr(before, n) for n in touched) and all(
        (other.circuits[c.index] if c.index < other.num_circuits else None) == c.before
        for c in changes.circuits
    )
    if starts_there:
        return
    with pytest.raises(ValueError, match="do not start from this snapshot"):
        changes.apply(other)


@given(SNAPSHOTS, st.permutations(list(CircuitType)))
def test_circuits_in_different_formats_have_no_difference_and_no_newest(snapshot, formats):
    one, other = (attrs.evolve(snapshot, circuit_type=each) for each in formats[:2])
    unsaid = attrs.evolve(snapshot, circuit_type=None)
    for compare in (diff, newest, merge_response, lambda a, b: newest(a, unsaid, b)):
        with pytest.raises(InvalidValue, match="fetch both in one format") as caught:
            compare(one, other)
        assert all(str(each) in str(caught.value) for each in formats[:2])
    assert (
        newest(one, unsaid).circuits == snapshot.circuits
    )  # what was not said does not contradict


@given(sts.job_snapshots(), sts.job_snapshots(job_id=JOB_ID))
def test_snapshots_of_different_jobs_have_no_difference(one, other):
    if one.job_id == other.job_id:
        return
    with pytest.raises(ValueError, match="different jobs") as caught:
        diff(one, other)
    assert str(one.job_id) in str(caught.value)
    assert str(other.job_id) in str(caught.value)
