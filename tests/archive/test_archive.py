"""``SnapshotArchive``: arguments, errors, threads, processes, forks, pickles."""

from __future__ import annotations

import datetime as dt
import gc
import multiprocessing
import os
import pickle
import signal
import sqlite3
import stat
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest
from archived import NEW_ID, OLD_ID, START, exactly
from hypothesis import find
from worlds import JOB, job

import superstaq_jobs as sj
from superstaq_jobs.testing import strategies as sts

DONE = job("completed")
RUNNING = job("running")
OLD = find(sts.job_snapshots(job_id=OLD_ID, api_version="v0.2.0"), lambda _: True)


def seen(snapshot, minute, source=None):
    return attrs.evolve(snapshot, fetched_at=START + dt.timedelta(minutes=minute), source=source)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


@pytest.fixture
def archive(path):
    with sj.SnapshotArchive(path) as made:
        yield made


# ---- what is recorded ----------------------------------------------------------------------------


def test_a_file_is_made_that_only_its_owner_may_read(path):
    before = os.umask(0)
    try:
        with sj.SnapshotArchive(path) as archive:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert archive.path == path
            assert repr(archive) == f"SnapshotArchive({str(path)!r}, mode='a')"
            assert len(archive) == 0
            assert archive
    finally:
        os.umask(before)


def test_an_empty_file_is_a_new_archive(path):
    path.touch()
    assert sj.SnapshotArchive(path).record(seen(DONE, 1))


def test_a_snapshot_without_a_time_needs_one(archive):
    timeless = attrs.evolve(DONE, fetched_at=None)
    with pytest.raises(sj.InvalidValue, match="pass observed_at"):
        archive.record(timeless)
    assert len(archive) == 0
    assert archive.record(timeless, observed_at=START)
    assert archive.latest(JOB).fetched_at == START
    assert not archive.record(timeless, observed_at=START)
    assert archive.record(timeless, observed_at=START + dt.timedelta(1))


@pytest.mark.parametrize("wrong", [["a snapshot"], [None], [DONE, 3]])
def test_what_is_not_a_snapshot_is_refused_and_nothing_is_written(archive, wrong):
    with pytest.raises(sj.InvalidValue, match=r"snapshots\[\d\]: must be a JobSnapshot"):
        archive.record_all(wrong)
    assert len(archive) == 0


def test_one_snapshot_may_stand_for_a_list_of_it(archive):
    assert archive.record_all(seen(DONE, 1)) == 1


@pytest.mark.parametrize(
    "changes", [{"job_type": None}, {"submitted_at": None}, {"target": None}, {"tags": None}]
)
def test_what_could_not_be_read_back_is_refused(archive, changes):
    with pytest.raises(sj.InvalidValue, match=r"is not what a server of API v0\.3\.0 can say"):
        archive.record_all([seen(RUNNING, 1), attrs.evolve(seen(DONE, 2), **changes)])
    assert len(archive) == 0


def test_a_failure_within_a_generator_writes_nothing(archive):
    def snapshots():
        yield seen(DONE, 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        archive.record_all(snapshots())
    assert len(archive) == 0


def test_nothing_new_does_not_touch_the_file(archive, path):
    snapshots = [seen(RUNNING, 1), seen(DONE, 2)]
    assert archive.record_all(snapshots) == 2
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")  # any access would wait, and fail
    assert archive.record_all(snapshots) == 0
    blocker.close()


def test_unknown_statuses_warn_once_a_call(archive):
    odd = [seen(job("teleporting", "teleporting"), 1), seen(job("teleporting", "received"), 2)]
    archive.record_all(odd)
    with pytest.warns(sj.SuperstaqWarning, match="teleporting") as caught:
        assert archive.history(JOB) == tuple(odd)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_equal_circuits_of_a_history_are_one_object(archive):
    archive.record_all([seen(job("completed", "running"), 1), seen(job("completed", "failed"), 2)])
    first, second = archive.history(JOB)
    assert first.circuits[0] is second.circuits[0]
    assert first.circuits[1] != second.circuits[1]


# ---- both versions of the API --------------------------------------------------------------------


def test_a_string_finds_the_job_of_v0_2_0_first_and_a_uuid_that_of_v0_3_0(archive):
    new = seen(attrs.evolve(DONE, job_id=NEW_ID), 1)
    archive.record(new)
    assert archive.latest(OLD_ID) == new
    assert archive.latest(OLD_ID.upper()) == new
    old = seen(OLD, 2)
    archive.record(old)
    assert archive.latest(OLD_ID) == old
    assert archive.latest(NEW_ID) == new
    assert archive.job_ids() == (OLD_ID, NEW_ID)
    with pytest.raises(sj.NotInArchive) as caught:
        archive.latest(uuid.UUID(int=77))
    assert caught.value.job_id == uuid.UUID(int=77)


def test_formats_are_not_mixed(archive):
    qasm = seen(DONE, 1)
    cirq = attrs.evolve(qasm, circuit_type="cirq")
    archive.record_all([qasm, cirq])
    for read in (archive.latest, archive.history, lambda j: archive.as_of(j, START + at_once)):
        with pytest.raises(sj.ArchiveError, match=r"several formats of circuits \(cirq, qasm\)"):
            read(JOB)
    with pytest.raises(sj.ArchiveError, match="several formats"):
        list(archive.query())
    assert archive.latest(JOB, circuit_type="cirq") == cirq
    assert archive.history(JOB, circuit_type=sj.CircuitType.QASM) == (qasm,)
    assert list(archive.query(circuit_type="cirq")) == [cirq]
    assert archive.by_digest(cirq.digest) == cirq
    with pytest.raises(sj.NotInArchive, match="in the format qiskit"):
        archive.latest(JOB, circuit_type="qiskit")
    with pytest.raises(sj.InvalidValue, match="must be one of"):
        archive.latest(JOB, circuit_type="quil")


at_once = dt.timedelta(days=1)


# ---- jobs that are not finished ------------------------------------------------------------------


def test_expected_jobs_are_unfinished_until_they_are_seen(archive):
    archive.expect(JOB, circuit_type=sj.CircuitType.QASM, at=START)
    archive.expect("a,b", circuit_type=sj.CircuitType.CIRQ, at=START)
    assert archive.job_ids() == ()
    assert [attrs.astuple(each) for each in archive.unfinished()] == [
        (JOB, sj.CircuitType.QASM, None),
        ("a,b", sj.CircuitType.CIRQ, None),
    ]
    running = seen(RUNNING, 1)
    archive.record(running)
    assert archive.unfinished()[0].latest == running
    archive.record(seen(DONE, 2))
    assert [each.job_id for each in archive.unfinished()] == ["a,b"]
    with pytest.raises(sj.NotInArchive):
        archive.latest("a,b")


def test_a_job_that_is_finished_in_one_format_is_finished(archive):
    archive.record_all([seen(attrs.evolve(RUNNING, circuit_type="cirq"), 3), seen(RUNNING, 1)])
    assert archive.unfinished()[0].circuit_type == "cirq"
    archive.record(seen(DONE, 2))
    assert archive.unfinished() == ()


def test_a_job_that_went_back_at_the_server_stays_finished(archive):
    archive.record_all([seen(DONE, 1), seen(RUNNING, 2)])
    assert archive.latest(JOB).is_terminal
    assert not archive.history(JOB)[-1].is_terminal
    assert archive.unfinished() == ()
    assert [each.status for each in archive.query(sj.JobQuery(status=["completed"]))]
    assert not list(archive.query(sj.JobQuery(status=["running"])))


@pytest.mark.parametrize(
    "wrong",
    [
        {"job_id": ""},
        {"circuit_type": "quil"},
        {"at": START.replace(tzinfo=None)},
    ],
)
def test_a_wrong_expectation_is_refused(archive, wrong):
    given = {"job_id": JOB, "circuit_type": sj.CircuitType.QASM, "at": START} | wrong
    with pytest.raises(sj.InvalidValue, match=next(iter(wrong))):
        archive.expect(given.pop("job_id"), **given)
    assert archive.unfinished() == ()


# ---- arguments -----------------------------------------------------------------------------------


def test_priorities_are_not_known(archive):
    with pytest.raises(sj.InvalidRequest, match="max_priority: cannot be a condition"):
        archive.query(sj.JobQuery(max_priority=3))
    with pytest.raises(sj.InvalidRequest, match="must be a JobQuery"):
        archive.query("week 18")


def test_a_query_streams_and_does_not_lock(archive):
    jobs = [seen(attrs.evolve(DONE, job_id=uuid.UUID(int=n)), 1) for n in range(200)]
    archive.record_all(jobs)
    with sj.SnapshotArchive(archive.path, busy_timeout_seconds=0) as other:
        found = archive.query()
        first = next(found)
        assert other.record(seen(RUNNING, 5))
        assert [first, *found] == jobs


def test_many_ids_in_a_query(archive):
    jobs = [seen(attrs.evolve(DONE, job_id=uuid.UUID(int=n)), 1) for n in range(3)]
    archive.record_all(jobs)
    ids = [uuid.UUID(int=n) for n in range(1, 2000)]
    emails = [f"{n}@x.com" for n in range(2000)] + [DONE.user_email]
    assert list(archive.query(sj.JobQuery(job_id=ids))) == jobs[1:]
    assert list(archive.query(sj.JobQuery(user_email=emails))) == jobs


@pytest.mark.parametrize("when", [None, "today", START.replace(tzinfo=None)])
def test_a_moment_must_have_a_zone(archive, when):
    archive.record(seen(DONE, 1))
    with pytest.raises(sj.InvalidValue, match="when"):
        archive.as_of(JOB, when)


def test_what_is_not_there(archive):
    archive.record(seen(DONE, 1))
    for digest in ("", "00" * 32, "xyz", None):
        with pytest.raises(sj.NotInArchive, match="no snapshot with the digest"):
            archive.by_digest(digest)
    with pytest.raises(sj.NotInArchive, match="observed by"):
        archive.as_of(JOB, START)
    with pytest.raises(sj.InvalidValue, match="job_id"):
        archive.latest(7)
    assert RUNNING not in archive
    assert "a snapshot" not in archive


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"path": ""}, "path"),
        ({"path": 7}, "path"),
        ({"mode": "w"}, "mode"),
        ({"busy_timeout_seconds": -1}, "busy_timeout_seconds"),
    ],
)
def test_arguments_are_checked(path, arguments, named):
    given = {"path": path} | arguments
    with pytest.raises(sj.InvalidValue, match=named):
        sj.SnapshotArchive(given.pop("path"), **given)
    assert not path.exists()


# ---- reading only --------------------------------------------------------------------------------


def test_a_reader_writes_nothing(archive, path):
    archive.record(seen(DONE, 1))
    archive.close()
    before = path.read_bytes()
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        with sj.SnapshotArchive(path, mode="r") as reader:
            assert reader.mode == "r"
            assert reader.latest(JOB) == DONE
            writes = (
                lambda: reader.record(seen(RUNNING, 2)),
                lambda: reader.record_all([]),
                lambda: reader.expect(JOB, circuit_type=sj.CircuitType.QASM, at=START),
            )
            for write in writes:
                with pytest.raises(sj.ArchiveReadOnly, match="nothing was written"):
                    write()
        assert [each.name for each in path.parent.iterdir()] == [path.name]
    finally:
        path.parent.chmod(0o700)
    assert path.read_bytes() == before


# ---- threads, processes, forks, pickles ----------------------------------------------------------


def jobs_of(number, size=10):
    jobs = (attrs.evolve(DONE, job_id=uuid.UUID(int=1000 * number + n)) for n in range(size))
    return [seen(each, 1) for each in jobs]


def record_each(archive, number):
    return [archive.record(each) for each in jobs_of(number)]


def test_threads_share_an_archive(archive):
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: record_each(archive, n), range(8)))
    assert done == [[True] * 10] * 8
    assert len(archive) == 80


def test_processes_share_an_archive(archive):
    archive.record(seen(DONE, 1))
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        done = pool.starmap(record_each, [(archive, n) for n in (1, 2)])
    assert done == [[True] * 10] * 2
    assert len(archive) == 21


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_in_the_middle_of_a_write_leaves_it_alone(archive, path):
    """SQLite in the child would roll back what the parent is writing, and delete its journal."""
    archive.record(seen(RUNNING, 1))
    begun, forked = threading.Event(), threading.Event()

    def write():
        with archive._file.writing() as raw:
            raw.execute("UPDATE job SET observations = 7")
            raw.execute("UPDATE job SET observations = 1")
            raw.execute("INSERT INTO source (name) VALUES ('x')")
            begun.set()
            assert forked.wait(30)

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(30)
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # rather than hang
        gc.collect()
        same = False
        try:
            with sj.SnapshotArchive(path, mode="r") as own:
                same = own.latest(JOB) == RUNNING == archive.latest(JOB)
            archive.close()
        finally:
            os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    forked.set()
    thread.join()
    raw = sqlite3.connect(path)
    assert raw.execute("SELECT count(*) FROM source WHERE name = 'x'").fetchone() == (1,)
    assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()


def test_it_pickles_as_its_path_and_mode(archive, path):
    archive.record(seen(DONE, 1))
    again = pickle.loads(pickle.dumps(archive))
    assert (again.path, again.mode) == (path, "a")
    assert exactly(again.latest(JOB)) == exactly(seen(DONE, 1))
    again.close()


def test_a_closed_archive_opens_again(archive):
    archive.close()
    archive.close()
    assert archive.record(seen(DONE, 1))


def test_a_thread_that_ends_closes_its_connection(archive):
    def count():
        gc.collect()
        return len([*Path("/proc/self/fd").iterdir()])

    archive.record(seen(DONE, 1))
    before = count()
    for _ in range(5):
        thread = threading.Thread(target=lambda: archive.latest(JOB))
        thread.start()
        thread.join()
    assert count() == before


def test_the_time_of_an_observation_keeps_its_offset(archive):
    zone = dt.timezone(dt.timedelta(hours=-3, minutes=-30))
    for moment in (dt.datetime.min.replace(tzinfo=dt.timezone.max), START.astimezone(zone)):
        archive.record(attrs.evolve(DONE, fetched_at=moment.replace(microsecond=1)))
    zones = [each.fetched_at.utcoffset() for each in archive.history(JOB)]
    assert zones == [dt.timedelta(hours=23, minutes=59), dt.timedelta(hours=-3, minutes=-30)]


# ---- how it is looked up -------------------------------------------------------------------------


LOOKUPS = {
    "latest": lambda archive: archive.latest(JOB),
    "as_of": lambda archive: archive.as_of(JOB, START),
    "history": lambda archive: archive.history(JOB),
    "by_digest": lambda archive: archive.by_digest(DONE.digest),
    "in": lambda archive: DONE in archive,
    "record": lambda archive: archive.record(seen(RUNNING, 5)),
    "record what went back": lambda archive: archive.record(seen(RUNNING, -5)),
    "expect": lambda archive: archive.expect(JOB, circuit_type="qasm", at=START),
    "query": lambda archive: list(archive.query(sj.JobQuery(status=["completed"]))),
    "query as of": lambda archive: list(archive.query(as_of=START)),
}


@pytest.mark.parametrize("name", LOOKUPS)
def test_nothing_is_looked_up_by_reading_all_observations(archive, name):
    archive.record_all([seen(RUNNING, 0), seen(DONE, 1)])
    statements = []
    with archive._file.reading() as raw:
        raw.set_trace_callback(statements.append)
    LOOKUPS[name](archive)
    with archive._file.reading() as raw:
        raw.set_trace_callback(None)
        plans = [
            (sql, row[-1])
            for sql in statements
            if sql.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
            for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}")
        ]
    scans = [(sql, plan) for sql, plan in plans if plan.startswith("SCAN")]
    allowed = ("SCAN last", "SCAN head", "SCAN CONSTANT ROW")  # a query reads the heads of all jobs
    if name.startswith("query"):
        scans = [each for each in scans if not each[1].startswith((*allowed, "SCAN job"))]
    assert scans == []
    assert any(plan.startswith("SEARCH") for _, plan in plans)
