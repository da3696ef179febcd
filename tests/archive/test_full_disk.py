"""A disk that fills: the named error, nothing half-written, and an archive that goes on."""

from __future__ import annotations

import contextlib
import resource
import signal
import uuid

import attrs
import pytest
from archived import OLD_ID, START
from hypothesis import find
from worlds import JOB, job

import superstaq_jobs as sj
from superstaq_jobs.testing import strategies as sts

JOBS = [
    attrs.evolve(
        job("completed", job_id=uuid.UUID(int=number)),
        tags=[f"tag {number}" * 30],
        fetched_at=START,
    )
    for number in range(1, 121)
]

OLD = find(sts.job_snapshots(job_id=OLD_ID, api_version="v0.2.0"), lambda _: True)


@contextlib.contextmanager
def room_for(num_bytes):
    """Files cannot become larger than that, as with a full disk or a quota."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def fails(num_bytes, call):
    with room_for(num_bytes), pytest.raises(sj.ArchiveError) as caught:
        call()
    assert type(caught.value) is sj.ArchiveWriteFailed
    return caught.value


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("full") / "source.db"
    with sj.SnapshotArchive(path) as archive:
        archive.record_all(JOBS)
        archive.export_jsonl(path.with_suffix(".jsonl"))
        archive.export_jsonl(path.with_suffix(".jsonl.gz"))
    return path


@pytest.fixture
def archive(tmp_path):
    with sj.SnapshotArchive(tmp_path / "study.db") as made:
        made.record(JOBS[0])
        yield made


@pytest.mark.parametrize("num_bytes", [0, 4096, 20_000])
def test_a_new_archive(tmp_path, num_bytes):
    path = tmp_path / "study.db"
    error = fails(num_bytes, lambda: sj.SnapshotArchive(path))
    assert (error.path, error.reason) == (str(path), "SQLITE_IOERR_WRITE")
    with sj.SnapshotArchive(path) as made:
        assert made.record(JOBS[0])


WRITES = {
    "record_all": lambda archive, _: archive.record_all(JOBS),
    "merge": lambda archive, source: archive.merge(source),
    "import": lambda archive, source: archive.import_jsonl(source.with_suffix(".jsonl")),
    "import .gz": lambda archive, source: archive.import_jsonl(source.with_suffix(".jsonl.gz")),
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("spills", [False, True])  # before the end of the transaction
@pytest.mark.parametrize("num_bytes", [60_000, 80_000])
def test_what_writes_much(archive, source, name, spills, num_bytes):
    if spills:
        with archive._file.reading() as raw:
            raw.execute("PRAGMA cache_size=5")
    error = fails(num_bytes, lambda: WRITES[name](archive, source))
    assert error.path == str(archive.path)
    assert archive.job_ids() == (JOBS[0].job_id,)
    assert archive.verify(deep=True)
    assert WRITES[name](archive, source) == len(JOBS) - 1
    assert archive.verify(deep=True)


def test_small_writes(archive):
    with room_for(0):
        for write in (
            lambda: archive.record(JOBS[1]),
            lambda: archive.expect(JOB, circuit_type="qasm", at=START),
            lambda: archive.forget([JOBS[0].job_id]),
            archive.compact,
        ):
            with pytest.raises(sj.ArchiveWriteFailed):
                write()
    assert list(archive.query()) == [JOBS[0]]
    assert archive.verify(deep=True)


@pytest.mark.parametrize("name", ["study.jsonl", "study.jsonl.gz", "copy.db"])
@pytest.mark.parametrize("num_bytes", [0, 1000])
def test_copies_and_exports(source, tmp_path, name, num_bytes):
    path = tmp_path / name
    with sj.SnapshotArchive(source, mode="r") as archive:
        write = archive.copy_to if name == "copy.db" else archive.export_jsonl
        error = fails(num_bytes, lambda: write(path))
        assert error.path == str(path)
        assert list(tmp_path.iterdir()) == []
        write(path)
        before = path.read_bytes()
        if name != "copy.db":
            fails(num_bytes, lambda: write(path))
            assert path.read_bytes() == before
            assert [each.name for each in tmp_path.iterdir()] == [name]


def test_no_room_for_temporary_files(tmp_path):
    ids = [f"{number:05}" * 1000 for number in range(300)]  # so long that they are sorted in a file
    circuits = [attrs.evolve(OLD.circuits[0], circuit_id=each) for each in ids]
    with sj.SnapshotArchive(tmp_path / "study.db") as archive:
        archive.record_all(
            attrs.evolve(OLD, job_id=each.circuit_id, circuits=[each], fetched_at=START)
            for each in circuits
        )
        with archive._file.reading() as raw:
            raw.execute("PRAGMA cache_size=1")
        assert "temporary" in str(fails(0, lambda: list(archive.query())))
        assert len(list(archive.query())) == len(ids)


def test_a_lock(tmp_path):
    path = tmp_path / "study.lock"
    sj.lock(path, JOBS[:1])
    before = path.read_bytes()
    with room_for(100), pytest.raises(OSError, match="large"):
        sj.lock(path, JOBS)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
