"""Law 10: an archive says what the list of all that was recorded in it says, in any order."""

from __future__ import annotations

import datetime as dt
import itertools
import tempfile
from pathlib import Path

import attrs
import pytest
from archived import MEMORY, NEW_ID, OLD_ID, START, TWO_IDS, exactly, history, observations
from hypothesis import given, settings
from hypothesis import strategies as st

import superstaq_jobs as sj
from superstaq_jobs.testing import strategies as sts

IDS = [NEW_ID, OLD_ID, TWO_IDS]


@pytest.fixture(scope="module")
def new_archive():
    numbers = itertools.count()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield lambda: sj.SnapshotArchive(Path(folder) / f"{next(numbers)}.db")


def recorded(archive, observed, *, at_once):
    if at_once:
        return archive.record_all(observed)
    return sum(archive.record(each) for each in observed)


def newest(observed, until=None):
    seen = [each for each in observed if until is None or each.fetched_at <= until]
    return sj.newest(*seen) if seen else None


@given(observations(), st.booleans())
def test_what_was_recorded_is_what_is_read(new_archive, observed, at_once):
    with new_archive() as archive:
        distinct = sum(len(history(observed, job_id)) for job_id in IDS)
        assert recorded(archive, observed, at_once=at_once) == distinct
        assert recorded(archive, observed, at_once=not at_once) == 0
        known = [job_id for job_id in IDS if history(observed, job_id)]
        assert set(archive.job_ids()) == set(known)
        assert len(archive) == len(known)
        assert archive.digests() == {each.digest for each in observed}
        assert all(each in archive for each in observed)
        for job_id in known:
            expected = history(observed, job_id)
            found = archive.history(job_id)
            assert [*map(exactly, found)] == [*map(exactly, expected)]
            assert exactly(archive.latest(job_id)) == exactly(newest(found))
            for minute in range(5):
                until = START + dt.timedelta(minutes=minute)
                if expected[0].fetched_at > until:
                    with pytest.raises(sj.NotInArchive):
                        archive.as_of(job_id, until)
                else:
                    as_of = archive.as_of(job_id, until)
                    assert exactly(as_of) == exactly(newest(expected, until))


@st.composite
def polls(draw):
    """Snapshots of one job, each of whose circuits is in one of a few states."""
    size = draw(st.integers(0, 3))
    states = draw(
        st.lists(
            sts.job_snapshots(job_id=NEW_ID, num_circuits=size, extra=True), min_size=1, max_size=3
        )
    )
    states = [attrs.evolve(each, circuit_type="qasm") for each in states]
    return [
        attrs.evolve(
            draw(st.sampled_from(states)),
            circuits=[draw(st.sampled_from(states)).circuits[index] for index in range(size)],
            fetched_at=START + dt.timedelta(minutes=minute),
        )
        for minute in range(4)
    ]


@settings(max_examples=25)
@given(polls())
def test_the_circuits_of_a_history_that_stay_equal_are_one_object(new_archive, polled):
    with new_archive() as archive:
        archive.record_all(polled)
        found = archive.history(NEW_ID)
    assert [*map(exactly, found)] == [*map(exactly, polled)]
    for (before, old), (after, new) in itertools.pairwise(zip(polled, found, strict=True)):
        for index, circuit in enumerate(after.circuits):
            if circuit is before.circuits[index]:
                assert new.circuits[index] is old.circuits[index]


@given(observations(), st.randoms(use_true_random=False))
def test_the_order_of_recording_does_not_matter(new_archive, observed, random):
    with new_archive() as one, new_archive() as other:
        recorded(one, observed, at_once=False)
        random.shuffle(observed)
        recorded(other, observed, at_once=False)
        for read in (
            lambda a: [*map(exactly, a.query())],
            lambda a: a.unfinished(),
            lambda a: [[*map(exactly, a.history(each))] for each in a.job_ids()],
        ):
            assert read(one) == read(other)


@given(observations(), st.none() | st.integers(0, 4), st.data())
def test_a_query_finds_the_newest_states_that_match(new_archive, observed, minute, data):
    until = None if minute is None else START + dt.timedelta(minutes=minute)
    states = [newest(history(observed, job_id), until) for job_id in IDS]
    states = [each for each in states if each is not None]
    of_any = data.draw(st.sampled_from(states)) if states else None
    conditions = {
        "status": st.just(None) if of_any is None else st.just([of_any.status]),
        "tags": st.just(of_any.tags or None if of_any else None),
        "target_name": st.just([of_any.target] if of_any and of_any.target else None),
        "user_email": st.just([of_any.user_email] if of_any and of_any.user_email else None),
        "job_id": st.just([NEW_ID]),
        "submitted_before": st.just(of_any and of_any.submitted_at),
        "submitted_after": st.just(of_any and of_any.submitted_at),
    }
    names = data.draw(st.lists(st.sampled_from([*conditions]), max_size=2, unique=True))
    chosen = {name: data.draw(conditions[name]) for name in names}
    if chosen.get("submitted_before") is not None and "submitted_after" in chosen:
        del chosen["submitted_after"]
    if "status" in chosen and chosen["status"] == ["unknown"]:
        del chosen["status"]

    def is_match(each):
        return (
            (chosen.get("status") is None or each.status in chosen["status"])
            and (chosen.get("tags") is None or bool(set(chosen["tags"]) & set(each.tags or ())))
            and (chosen.get("target_name") is None or each.target in chosen["target_name"])
            and (chosen.get("user_email") is None or each.user_email in chosen["user_email"])
            and (chosen.get("job_id") is None or each.job_id in chosen["job_id"])
            and (
                chosen.get("submitted_before") is None
                or (
                    each.submitted_at is not None and each.submitted_at < chosen["submitted_before"]
                )
            )
            and (
                chosen.get("submitted_after") is None
                or (each.submitted_at is not None and each.submitted_at > chosen["submitted_after"])
            )
        )

    def place(each):
        at = each.submitted_at
        return at is not None, at or START, str(each.job_id), isinstance(each.job_id, str) is False

    with new_archive() as archive:
        recorded(archive, observed, at_once=True)
        found = [*archive.query(sj.JobQuery(**chosen), as_of=until)]
    expected = sorted(filter(is_match, states), key=place)
    assert [*map(exactly, found)] == [*map(exactly, expected)]


@given(observations())
def test_unfinished_jobs_are_those_whose_newest_state_is_not_terminal(new_archive, observed):
    with new_archive() as archive:
        recorded(archive, observed, at_once=True)
        found = {each.job_id: each.latest for each in archive.unfinished()}
    states = {job_id: newest(history(observed, job_id)) for job_id in IDS}
    expected = {i: s for i, s in states.items() if s is not None and not s.is_terminal}
    assert found == expected


def content(archive):
    """All that can be read from an archive."""
    return (
        [[*map(exactly, archive.history(job_id))] for job_id in archive.job_ids()],
        [*map(exactly, archive.query())],
        [(each.job_id, each.circuit_type, each.latest) for each in archive.unfinished()],
    )


def exported(archive, name="all.jsonl"):
    path = archive.path.with_name(name)
    archive.export_jsonl(path)
    data = path.read_bytes()
    path.unlink()
    return data


EXPECTED = [*IDS, "c3"]


@st.composite
def contents(draw):
    """What is recorded in an archive, and which jobs are expected in it."""
    expected = st.tuples(st.sampled_from(EXPECTED), st.sampled_from(["qasm", "cirq"]))
    return draw(observations(max_size=4)), draw(st.lists(st.tuples(expected, st.integers(0, 2))))


def filled(archive, made):
    observed, expected = made
    archive.record_all(observed)
    for (job_id, circuit_type), minute in expected:
        archive.expect(
            job_id,
            circuit_type=sj.CircuitType(circuit_type),
            at=START + dt.timedelta(minutes=minute),
        )
    return archive


# Each example merges and verifies eleven archives, which takes as long as ten other examples.
@settings(max_examples=settings.default.max_examples // 3)
@given(contents(), contents(), contents())
def test_merging_is_commutative_associative_and_idempotent(new_archive, one, two, three):
    def merged(*parts):
        with new_archive() as archive:
            for part in parts:
                archive.merge(part)
            # As one archive each time, so that nothing follows from another order.
            assert archive.verify(deep=True)
            return archive

    a, b, c = (filled(new_archive(), each) for each in (one, two, three))
    whole = merged(a, b, c)
    assert whole.merge(whole.path) == whole.merge(a) == 0
    read, data = content(whole), exported(whole)
    for other in (merged(c, b, a), merged(merged(a, b), c), merged(a, merged(b, c), b)):
        assert content(other) == read
        assert exported(other) == data
    for each in (a, b, c, whole):
        each.close()


@given(contents(), st.sampled_from(["all.jsonl", "all.jsonl.gz"]))
def test_what_is_exported_is_imported_again(new_archive, made, name):
    with filled(new_archive(), made) as archive, new_archive() as other:
        path = archive.path.with_name(name)
        count = sum(len(history(made[0], job_id)) for job_id in IDS)
        assert archive.export_jsonl(path) == count
        assert other.import_jsonl(path) == count
        assert other.import_jsonl(path) == 0
        assert content(other) == content(archive)
        assert exported(other) == exported(archive)
        assert other.verify(deep=True)


@given(contents(), contents(), st.lists(st.sampled_from(EXPECTED), unique=True))
def test_forgetting_leaves_what_would_be_there_without_the_jobs(new_archive, one, two, job_ids):
    def without(made):
        observed, expected = made
        return (
            [each for each in observed if each.job_id not in job_ids],
            [each for each in expected if each[0][0] not in job_ids],
        )

    with filled(filled(new_archive(), one), two) as archive:
        known = {each.job_id for each in one[0] + two[0]}
        known |= {each[0][0] for each in one[1] + two[1]}
        assert archive.forget(job_ids) == len(known & set(job_ids))
        assert archive.verify(deep=True)
        archive.compact()
        with filled(filled(new_archive(), without(one)), without(two)) as expected:
            assert exported(archive) == exported(expected)
        with archive._file.reading() as raw:  # nothing that is not needed is left
            values = raw.execute("SELECT count(*) FROM value").fetchone()
            sources = raw.execute("SELECT count(*) FROM source").fetchone()
        with new_archive() as fresh:
            fresh.merge(archive)
            with fresh._file.reading() as raw:
                assert raw.execute("SELECT count(*) FROM value").fetchone() == values
                assert raw.execute("SELECT count(*) FROM source").fetchone() == sources
