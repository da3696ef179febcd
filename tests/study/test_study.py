"""Locking the data of a study."""

from __future__ import annotations

import datetime as dt
import json
import pickle
import uuid

import attrs
import pytest
from archived import OLD_ID, START
from hypothesis import given
from hypothesis import strategies as st
from worlds import JOB, OTHER, job

import superstaq_jobs as sj
from superstaq_jobs.testing import strategies as sts

DONE = attrs.evolve(job("completed"), fetched_at=START)
FAILED = job("failed", job_id=OTHER)
COUNTS = json.dumps([dict(DONE.circuits[0].counts)], separators=(",", ":"))


def snapshots_of_both():
    new = sts.job_snapshots()
    old = st.one_of(
        sts.job_snapshots(api_version="v0.2.0"),
        sts.job_snapshots(api_version="v0.2.0", job_id=OLD_ID),
    )
    return st.lists(st.one_of(new, old), max_size=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("locks")


@pytest.fixture
def archive(tmp_path):
    with sj.SnapshotArchive(tmp_path / "study.db") as made:
        made.record_all([DONE, FAILED], observed_at=START)
        yield made


@given(snapshots_of_both())
def test_what_is_written_is_read(folder, snapshots):
    path = folder / "study.lock"
    made = sj.StudyLock.of(snapshots)
    made.write(path)
    assert sj.StudyLock.read(path) == made
    assert [entry.job_id for entry in made.entries] == [each.job_id for each in snapshots]
    assert made.differences(snapshots) == ()
    written = path.read_bytes()
    path.write_bytes(b"\n# a comment\r\n" + written.replace(b"\n", b"\r\n"))
    assert sj.StudyLock.read(path) == made
    assert pickle.loads(pickle.dumps(made)) == made


@given(snapshots_of_both(), snapshots_of_both())
def test_the_root_follows_from_the_data_and_their_order(one, other):
    first, second = sj.StudyLock.of(one), sj.StudyLock.of(other)
    same = [each.digest for each in one] == [each.digest for each in other]
    assert (first.root == second.root) == same


@given(snapshots_of_both(), st.data())
def test_what_is_left_out_is_a_difference(snapshots, data):
    kept = [each for each in snapshots if data.draw(st.booleans())]
    digests = {each.digest for each in kept}
    found = sj.StudyLock.of(snapshots).differences(kept)
    expected = [each for each in snapshots if each.digest not in digests]
    assert [each.entry.digest for each in found] == [each.digest for each in expected]


def test_the_format_of_the_file(tmp_path):
    path = tmp_path / "study.lock"
    zone = dt.timezone(dt.timedelta(hours=2))
    sj.lock(path, [attrs.evolve(DONE, fetched_at=START.astimezone(zone)), FAILED])
    assert path.read_bytes().decode() == (
        "# superstaq_jobs study lock 1\n"
        f"{JOB}  qasm  completed  2026-03-01T14:00:00+02:00  {DONE.digest}  {COUNTS}\n"
        f"{OTHER}  qasm  failed  -  {FAILED.digest}\n"
    )
    assert [each.name for each in tmp_path.iterdir()] == ["study.lock"]


def test_the_same_data_leave_the_file_as_it_is(tmp_path):
    path = tmp_path / "study.lock"
    sj.lock(path, [DONE])
    path.write_bytes(b"# why\n" + path.read_bytes())
    before = path.read_bytes()
    later = attrs.evolve(DONE, fetched_at=START + dt.timedelta(days=1))
    assert sj.lock(path, [later]).entries[0].fetched_at == START
    assert path.read_bytes() == before
    assert sj.lock(path, [DONE, FAILED]) == sj.StudyLock.of([DONE, FAILED])
    assert b"why" not in path.read_bytes()


def test_locked_data_are_returned_in_their_order(archive, tmp_path):
    path = tmp_path / "study.lock"
    sj.lock(path, [FAILED, DONE])
    archive.record(attrs.evolve(DONE, fetched_at=START.replace(hour=13), tags=["later"]))
    assert sj.locked(path, archive) == (FAILED, DONE)


def test_other_data_are_an_error_that_says_what_there_is(archive, tmp_path):
    gone = attrs.evolve(DONE, job_id=uuid.UUID(int=77))
    changed = DONE.with_counts(0, {"00": 5, "11": 5})
    path = tmp_path / "study.lock"
    sj.lock(path, [DONE, changed, gone])
    with pytest.raises(sj.LockMismatch) as caught:
        sj.locked(path, archive)
    error = caught.value
    assert [each.found for each in error.differences] == [DONE, None]
    assert error.differences[0].entry.digest == changed.digest
    assert f"job {JOB} (completed" in str(error)
    assert "there is another state of it (completed" in str(error)
    assert f"job {gone.job_id}" in str(error)
    assert "2 of the 3 snapshots" in str(error)
    assert pickle.loads(pickle.dumps(error)).differences == error.differences


def test_a_difference_names_the_circuit_and_the_bits(archive):
    changed = DONE.with_counts(0, {"00": 5, "11": 6})
    (difference,) = sj.StudyLock.of([DONE, FAILED]).differences([changed, FAILED], archive=archive)
    assert difference.diff == sj.diff(DONE, changed)
    assert "circuit 0" in str(difference)
    assert "00" in str(difference)


def test_so_does_a_mismatch_where_no_archive_has_the_locked_data(tmp_path):
    jobs = attrs.evolve(job("completed", "completed", "running"), fetched_at=START)
    jobs = jobs.with_counts(1, {"00": 4, "11": 6})
    changed = jobs.with_counts(1, {"00": 5, "01": 1, "11": 6})
    path = tmp_path / "study.lock"
    sj.lock(path, [jobs])
    with sj.SnapshotArchive(tmp_path / "changed.db") as archive:
        archive.record(changed)
        with pytest.raises(sj.LockMismatch) as caught:
            sj.locked(path, archive)
        (difference,) = caught.value.differences
        assert difference.diff == sj.diff(jobs, changed)
        assert f"job {JOB}" in str(caught.value)
        assert "circuit 1: '00' 4 → 5, '01' 0 → 1\n" in str(caught.value)
        assert "circuit 0:" not in str(caught.value)
        later = attrs.evolve(changed, tags=["later"], fetched_at=START + dt.timedelta(hours=1))
        archive.record(later)
        with pytest.raises(sj.LockMismatch, match=r"circuit 1: '00' 4 → 5, '01' 0 → 1") as caught:
            sj.locked(path, archive)
        assert [each.diff for each in caught.value.differences] == [None]


def test_counts_that_are_long_are_not_in_a_lock(tmp_path):
    many = DONE.with_counts(0, {format(n, "016b"): n for n in range(1000)})
    assert sj.StudyLock.of([many]).entries[0].counts is None
    fewer = DONE.with_counts(0, {format(n, "09b"): n + 0.5 for n in range(500)})
    entry = sj.StudyLock.of([fewer]).entries[0]
    assert entry.counts == (fewer.counts(0),)
    changed = fewer.with_counts(0, {format(n, "09b"): n + 0.25 for n in range(500)})
    (difference,) = sj.StudyLock((entry,)).differences([changed])
    assert "'000000000' 0.5 → 0.25, " in str(difference)
    assert "and 496 more bitstrings" in str(difference)
    path = tmp_path / "study.lock"
    before = "".join(f"{line}\n" for line in [f"# superstaq_jobs study lock 1\n{GOOD}"])
    path.write_text(before)  # as written before counts were in a lock
    assert sj.StudyLock.read(path).entries[0].counts is None


def test_many_differences_are_counted(archive):
    missing = [attrs.evolve(DONE, job_id=uuid.UUID(int=n)) for n in range(100, 130)]
    with pytest.raises(sj.LockMismatch, match="and 10 more") as caught:
        sj.StudyLock.of(missing).load(archive)
    assert len(caught.value.differences) == 30


GOOD = f"{JOB}  qasm  completed  -  {'0' * 64}"


@pytest.mark.parametrize(
    "line",
    [
        "what is this",
        GOOD[:-1],
        GOOD.replace("qasm", "quil"),
        GOOD.replace(str(JOB), "a,b"),
        GOOD.replace("-  0", "today  0"),
        GOOD.replace("-  0", "2026-01-01T00:00:00  0"),
        GOOD + "  v0.3.0",
        GOOD + "  [1]",
        GOOD + '  [{"02":1}]',
        GOOD + '  [{"00":1}',
        GOOD + "  v0.2.0  more",
        "# superstaq_jobs study lock 2",
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path, line):
    path = tmp_path / "study.lock"
    path.write_text(f"# superstaq_jobs study lock 1\n{GOOD}\n{line}\n")
    with pytest.raises(sj.InvalidValue, match="line 3") as caught:
        sj.StudyLock.read(path)
    assert len(caught.value.problems) == 1
    with pytest.raises(sj.InvalidValue):
        sj.lock(path, [DONE])


@pytest.mark.parametrize(
    "call",
    [
        lambda: sj.StudyLock.of(["a snapshot"]),
        lambda: sj.StudyLock.of(DONE),
        lambda: sj.StudyLock(("an entry",)),
        lambda: sj.StudyLock.of([DONE]).load("study.db"),
        lambda: sj.StudyLock.of([DONE]).differences([None]),
    ],
)
def test_arguments_are_checked(call):
    with pytest.raises(sj.InvalidValue):
        call()


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    with pytest.raises(OSError, match="none"):
        sj.lock(tmp_path / "none" / "study.lock", [DONE])
    (tmp_path / "study.lock").mkdir()
    with pytest.raises(OSError, match=r"study\.lock"):
        sj.StudyLock.of([DONE]).write(tmp_path / "study.lock")
    assert [each.name for each in tmp_path.iterdir()] == ["study.lock"]
