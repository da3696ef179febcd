"""A damaged archive: everything that changed is found, and no wrong snapshot is ever returned."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import uuid
import warnings

import attrs
import pytest
from archived import START, exactly
from flips import flip_some
from worlds import JOB, job

import superstaq_jobs as sj
from superstaq_jobs.archive.pieces import unpack

DONE = attrs.evolve(job("completed"), fetched_at=START)


@pytest.fixture
def archive(tmp_path):
    with sj.SnapshotArchive(tmp_path / "study.db") as made:
        made.record_all([attrs.evolve(job("running"), fetched_at=START, source="x"), DONE])
        yield made


def changed(archive, sql, *values):
    raw = sqlite3.connect(archive.path)
    raw.execute(sql, values)
    raw.commit()
    raw.close()
    return archive


def test_a_whole_archive(archive):
    report = archive.verify(deep=True)
    assert report
    assert (report.jobs, report.states, report.observations, report.problems) == (1, 2, 2, ())


CHANGES = {
    "a job's id": "UPDATE job SET name = replace(name, 'a1', 'a2')",
    "a job's version": "UPDATE job SET api = 'v0.2.0'",
    "the number of observations": "UPDATE job SET observations = 3",
    "a status": "UPDATE state SET status = 'failed' WHERE is_terminal = 0",
    "whether it is finished": "UPDATE state SET is_terminal = 1",
    "a target": "UPDATE state SET target = NULL",
    "a user": "UPDATE state SET user_email = 'eve@example.com'",
    "a time of submission": "UPDATE state SET submitted_us = submitted_us + 1",
    "a digest": "UPDATE state SET digest = zeroblob(32) WHERE is_terminal = 0",
    "a state": "UPDATE state SET body = zeroblob(9) WHERE is_terminal = 1",
    "a moment": "UPDATE seen SET at = at + 1",
    "an offset": "UPDATE seen SET offset_s = 60",
    "which state was seen": "UPDATE seen SET state = 1 WHERE state = 2",
    "a source": "UPDATE source SET name = 'y' WHERE name = 'x'",
    "that one was seen": "DELETE FROM seen WHERE state = 1",
    "the index": "UPDATE head SET in_order = 1 - in_order",
    "where the index points": "UPDATE head SET state = 3 - state",
    "that there is an index": "DELETE FROM head",
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_a_row_is_found(archive, what):
    changed(archive, CHANGES[what])
    for deep in (False, True):
        report = archive.verify(deep=deep)
        assert not report
        assert all(problem.where and problem.what for problem in report.problems)


def test_a_change_of_a_large_value_is_found(archive):
    big = attrs.evolve(DONE, metadata={"notes": "x" * 100, "more": "y" * 500})
    archive.record(big)
    changed(archive, "UPDATE value SET body = x'00' || zeroblob(length(body) - 1)")
    archive.close()
    report = archive.verify()
    assert any(problem.where.startswith("value") for problem in report.problems)
    with pytest.raises(sj.ArchiveDamaged, match="is not as it was written") as caught:
        archive.by_digest(big.digest)
    assert caught.value.path == str(archive.path)


@pytest.mark.parametrize("table", ["value", "state"])
def test_a_bit_that_flips_and_unpacks_to_the_same_is_found(archive, table):
    """Nothing that is read depends on it, but the file is not as it was written."""
    notes = {f"note {n}": f"{n} and so on, " * 40 + os.urandom(99).hex() for n in range(6)}
    archive.record(attrs.evolve(DONE, metadata=notes, tags=[f"tag {n}" for n in range(300)]))
    raw = sqlite3.connect(archive.path, isolation_level=None)
    flips = 0
    update = f"UPDATE {table} SET body = ? WHERE id = ?"  # noqa: S608 - a name
    for number, body in raw.execute(f"SELECT id, body FROM {table}").fetchall():  # noqa: S608
        for place in [*range(8, 8 * len(body), 61), *range(8 * len(body) - 80, 8 * len(body))]:
            flipped = bytearray(body)
            flipped[place // 8] ^= 1 << place % 8
            with contextlib.suppress(ValueError):
                if flips < 9 and flipped[0] == 1 and unpack(bytes(flipped)) == unpack(body):
                    flips += 1
                    raw.execute(update, (flipped, number))
                    assert not archive.verify()
        raw.execute(update, (body, number))
    raw.close()
    assert flips
    assert archive.verify()


def test_an_index_with_a_right_checksum_that_is_wrong_is_found_by_a_deep_check(tmp_path):
    """As a program with a fault, rather than a disk, may leave it."""
    from superstaq_jobs.archive.states import LastSeen, job_key

    with sj.SnapshotArchive(tmp_path / "study.db") as archive:
        late = attrs.evolve(job("running"), fetched_at=START.replace(hour=13))
        archive.record_all([DONE, late])
        with archive._file.writing() as raw:
            row = raw.execute(
                "SELECT head.circuit_type, state.id, digest, sha, at, 1 "
                "FROM head JOIN state ON state.id = head.state"
            ).fetchone()
            total = LastSeen(*row).sum(job_key(JOB))
            raw.execute("UPDATE head SET in_order = 1, sum = ?", (total,))
        assert archive.verify()
        assert not archive.verify(deep=True)


def test_one_bit_that_flips_is_found_and_never_gives_a_wrong_snapshot(tmp_path):
    """A part of what benchmarks/archive.py does a thousand times."""
    outcome = flip_some(tmp_path, random.Random(7), 25)
    assert outcome.escaped == outcome.wrong == outcome.missed == []
    assert outcome.flips == 25
    assert outcome.found > 3


# ---- copies and exports --------------------------------------------------------------------------


def test_a_copy_is_an_archive_of_its_own(archive, tmp_path):
    copy = tmp_path / "copy.db"
    archive.copy_to(copy)
    with sj.SnapshotArchive(copy) as other:
        assert [*map(exactly, other.history(JOB))] == [*map(exactly, archive.history(JOB))]
        assert other.record(attrs.evolve(DONE, job_id=uuid.UUID(int=5)))
    assert copy.stat().st_mode & 0o777 == 0o600
    assert len(archive) == 1
    with pytest.raises(sj.ArchiveWriteFailed, match="exists already"):
        archive.copy_to(copy)
    with pytest.raises(sj.ArchiveError, match="its folder does not exist"):
        archive.copy_to(tmp_path / "none" / "copy.db")


def test_what_is_forgotten_is_not_in_the_file(archive):
    secret = "ada.lovelace@example.com"
    archive.record(attrs.evolve(DONE, job_id=uuid.UUID(int=5), user_email=secret))
    assert secret.encode() in archive.path.read_bytes()
    assert archive.forget([uuid.UUID(int=5), uuid.UUID(int=6)]) == 1
    assert secret.encode() not in archive.path.read_bytes()
    assert DONE in archive.history(JOB)
    assert archive.record(attrs.evolve(DONE, job_id=uuid.UUID(int=5)))
    with pytest.raises(sj.InvalidValue, match="job_ids"):
        archive.forget("one id")


def test_a_reader_cannot_merge_forget_or_compact(archive, tmp_path):
    export = tmp_path / "all.jsonl"
    archive.export_jsonl(export)
    with sj.SnapshotArchive(archive.path, mode="r") as reader:
        for write in (
            lambda: reader.merge(archive),
            lambda: reader.import_jsonl(export),
            lambda: reader.forget([JOB]),
            reader.compact,
        ):
            with pytest.raises(sj.ArchiveReadOnly):
                write()


def test_a_merge_with_itself_is_no_news(archive):
    archive.expect(uuid.UUID(int=9), circuit_type="qasm", at=START)
    before = archive.path.read_bytes()
    assert archive.merge(archive) == archive.merge(archive.path) == 0
    assert archive.path.read_bytes() == before


@pytest.mark.parametrize("place", range(30, 100, 7))
def test_a_damaged_compressed_export_is_not_imported(archive, tmp_path, place):
    path = tmp_path / "all.jsonl.gz"
    archive.export_jsonl(path)
    data = bytearray(path.read_bytes())
    data[len(data) * place // 100] ^= 0xFF
    path.write_bytes(data)
    with sj.SnapshotArchive(tmp_path / "new.db") as new:
        with pytest.raises((sj.ArchiveUnusable, sj.ArchiveDamaged), match="othing was imported"):
            new.import_jsonl(path)
        assert len(new) == 0


def test_a_copy_does_not_wait_for_ever(archive, tmp_path):
    with sj.SnapshotArchive(archive.path, busy_timeout_seconds=0.05) as reader:
        blocker = sqlite3.connect(archive.path, isolation_level=None)
        blocker.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sj.ArchiveBusy):
            reader.copy_to(tmp_path / "copy.db")
        blocker.close()
        assert not (tmp_path / "copy.db").exists()
        reader.copy_to(tmp_path / "copy.db")
    with sj.SnapshotArchive(tmp_path / "copy.db") as copy:
        assert copy.digests() == archive.digests()


def test_a_merge_with_a_damaged_archive_changes_nothing(archive, tmp_path):
    changed(archive, "UPDATE seen SET at = at + 1 WHERE state = 2")
    with sj.SnapshotArchive(tmp_path / "new.db") as new:
        with pytest.raises(sj.ArchiveDamaged):
            new.merge(archive.path)
        assert len(new) == 0


@pytest.mark.parametrize(
    ("name", "data", "kind", "said"),
    [
        ("a.jsonl", b"", sj.ArchiveUnusable, "is not the export"),
        ("a.jsonl", b'{"a": 1}\n', sj.ArchiveUnusable, "is not the export"),
        ("a.jsonl", b'{"superstaq_jobs_archive":2}\n', sj.ArchiveVersionError, "version 2"),
        ("a.jsonl", b'{"superstaq_jobs_archive":1}\n{"at"', sj.ArchiveDamaged, "line 2"),
        ("a.jsonl.gz", b"not gzip", sj.ArchiveUnusable, "cannot be read"),
        ("b/a.jsonl", None, sj.ArchiveUnusable, "cannot be read"),
    ],
)
def test_what_is_not_an_export(archive, tmp_path, name, data, kind, said):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    before = exported(archive, tmp_path)
    with pytest.raises(sj.ArchiveError, match=said) as caught:
        archive.import_jsonl(path)
    assert type(caught.value) is kind
    assert caught.value.path == str(path)
    assert exported(archive, tmp_path) == before


def exported(archive, folder):
    archive.export_jsonl(folder / "exported.jsonl")
    return (folder / "exported.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"completed"', b'"cancelled"'),
        (b'"running"', b'"unknown"'),
        (b'"digest":"', b'"digest":"0'),
        (b'"job_id":"0', b'"job_id":"1'),
        (b'"v0.3.0"', b'"v0.4.0"'),
        (b'"v0.3.0"', b'"v0.2.0"'),
        (b'"at":"2026-03-01T12:00:00Z"', b'"at":"2026-03-01T12:00:00"'),
        (b'"shots":[10]', b'"shots":["x"]'),
    ],
)
def test_a_changed_line_is_refused(archive, tmp_path, old, new):
    data = exported(archive, tmp_path)
    assert old in data
    path = tmp_path / "changed.jsonl"
    path.write_bytes(data.replace(old, new, 1))
    with (
        sj.SnapshotArchive(tmp_path / "new.db") as empty,
        warnings.catch_warnings(),
        pytest.raises(sj.ArchiveDamaged, match=r"line \d of .* nothing was imported"),
    ):
        empty.import_jsonl(path)
    with sj.SnapshotArchive(tmp_path / "new.db") as empty:
        assert len(empty) == 0


def test_an_export_that_cannot_be_written_leaves_what_is_there(archive, tmp_path):
    with pytest.raises(sj.ArchiveWriteFailed, match="could not be written"):
        archive.export_jsonl(tmp_path / "none" / "all.jsonl")
    (tmp_path / "all.jsonl").mkdir()
    with pytest.raises(OSError, match="could not be written"):
        archive.export_jsonl(tmp_path / "all.jsonl")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["all.jsonl", "study.db"]


def test_a_compressed_export_is_the_same_each_time(archive, tmp_path):
    one, other = tmp_path / "one.jsonl.gz", tmp_path / "other.jsonl.gz"
    archive.export_jsonl(one)
    archive.export_jsonl(other)
    assert one.read_bytes() == other.read_bytes()
    assert one.read_bytes()[:2] == b"\x1f\x8b"
