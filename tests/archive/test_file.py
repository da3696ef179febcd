"""What can be wrong with the file of an archive: each is its own error, and nothing is lost."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import textwrap

import attrs
import pytest
from archived import START
from worlds import JOB, job

import superstaq_jobs as sj

DONE = attrs.evolve(job("completed"), fetched_at=START)
RUNNING = attrs.evolve(job("running"), fetched_at=START)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


@pytest.fixture
def whole(path):
    with sj.SnapshotArchive(path) as archive:
        archive.record(DONE)
    return path


def refused(path, kind=sj.ArchiveUnusable, mode="a", **options):
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(sj.ArchiveError) as caught:
        sj.SnapshotArchive(path, mode=mode, **options).latest(JOB)
    assert type(caught.value) is kind
    assert caught.value.path == str(path)
    if before is not None:
        assert path.read_bytes() == before
    return str(caught.value)


def change(path, statements):
    """Change a file by SQLite alone."""
    raw = sqlite3.connect(path)
    raw.executescript(statements)
    raw.close()


@pytest.mark.parametrize("mode", ["a", "r"])
def test_not_a_database(path, mode):
    path.write_bytes(b"%PDF-1.7 and so on, which is long enough to have a header" * 20)
    assert "not a whole archive" in refused(path, mode=mode)


@pytest.mark.parametrize("mode", ["a", "r"])
def test_another_programs_database(path, mode):
    change(path, "CREATE TABLE theirs (x)")
    assert "is not an archive" in refused(path, mode=mode)


@pytest.mark.parametrize("mode", ["a", "r"])
def test_a_directory_a_missing_folder_and_a_missing_file(tmp_path, path, mode):
    assert "is a directory" in refused(tmp_path, mode=mode)
    missing = tmp_path / "none" / "study.db"
    assert "does not exist" in refused(missing, mode=mode)
    assert not missing.parent.exists()
    if mode == "r":
        assert 'mode="a" makes a new archive' in refused(path, mode="r")
        assert not path.exists()


def test_an_empty_file_cannot_be_read(path):
    path.touch()
    assert "is not an archive" in refused(path, mode="r")


def test_a_newer_version(whole):
    change(whole, "PRAGMA user_version=2")
    said = refused(whole, sj.ArchiveVersionError)
    assert "version 2" in said
    assert "up to 1" in said


@pytest.mark.parametrize("mode", ["a", "r"])
@pytest.mark.parametrize("version", [0, -1])
def test_a_version_that_there_never_was(whole, version, mode):
    change(whole, f"PRAGMA user_version={version}")
    assert f"version {version}" in refused(whole, mode=mode)


@pytest.mark.parametrize("mode", ["a", "r"])
def test_another_programs_database_stays_as_it_is_though_it_has_no_tables(path, mode):
    change(path, "CREATE TABLE theirs (x); DROP TABLE theirs; PRAGMA user_version=7")
    assert "is not an archive" in refused(path, mode=mode)


@pytest.mark.parametrize("mode", ["a", "r"])
def test_a_file_in_wal_mode_says_how_to_leave_it(whole, mode):
    change(whole, "PRAGMA journal_mode=WAL")
    assert "PRAGMA journal_mode=DELETE" in refused(whole, mode=mode)
    assert [*whole.parent.iterdir()] == [whole]  # neither a WAL nor what belongs to it
    raw = sqlite3.connect(whole)
    raw.execute("INSERT INTO source (name) VALUES ('in the WAL')")
    raw.commit()
    refused(whole, mode=mode)
    assert raw.execute("PRAGMA journal_mode=DELETE").fetchone() == ("delete",)
    raw.close()
    assert sj.SnapshotArchive(whole, mode=mode).latest(JOB) == DONE


def test_opening_a_file_keeps_the_locks_of_this_process(whole):
    mine = sqlite3.connect(whole, isolation_level=None)
    mine.execute("BEGIN IMMEDIATE")
    with sj.SnapshotArchive(whole) as archive:
        assert archive.latest(JOB) == DONE
    other = f"import sqlite3; sqlite3.connect({str(whole)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
    run = subprocess.run([sys.executable, "-c", other], check=False, capture_output=True, text=True)
    assert "database is locked" in run.stderr
    mine.close()


@pytest.mark.parametrize("part", range(1, 20))
def test_a_truncated_file(whole, part):
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) * part // 20])
    assert re.search("not a whole archive|truncated", refused(whole))


def test_busy(whole):
    blocker = sqlite3.connect(whole, isolation_level=None)
    with sj.SnapshotArchive(whole, busy_timeout_seconds=0.05) as archive:
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(TimeoutError) as caught:
            archive.record(RUNNING)
        assert caught.value.reason == "SQLITE_BUSY"
        assert archive.latest(JOB) == DONE
        blocker.execute("ROLLBACK")
        blocker.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sj.ArchiveBusy):
            archive.latest(JOB)
        blocker.execute("ROLLBACK")
        assert archive.record(RUNNING)
    blocker.close()


def test_a_full_disk(whole):
    with sj.SnapshotArchive(whole) as archive:
        with archive._file.reading() as raw:
            raw.execute(f"PRAGMA max_page_count={raw.execute('PRAGMA page_count').fetchone()[0]}")
        big = attrs.evolve(RUNNING, tags=[os.urandom(10_000).hex()])
        with pytest.raises(OSError, match="full") as caught:
            archive.record_all([RUNNING, big])
        assert type(caught.value) is sj.ArchiveWriteFailed
        assert caught.value.reason == "SQLITE_FULL"
        assert archive.history(JOB) == (DONE,)
        with archive._file.reading() as raw:
            raw.execute("PRAGMA max_page_count=100000")
        assert archive.record_all([RUNNING, big]) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(whole):
    whole.parent.chmod(0o500)
    try:
        with sj.SnapshotArchive(whole) as archive:
            with pytest.raises(sj.ArchiveWriteFailed):
                archive.record(RUNNING)
            assert archive.latest(JOB) == DONE
        with pytest.raises(sj.ArchiveWriteFailed, match="could not be made"):
            sj.SnapshotArchive(whole.parent / "new.db")
    finally:
        whole.parent.chmod(0o700)


def test_a_file_that_is_replaced_is_opened_again_and_one_that_is_gone_is_an_error(whole, tmp_path):
    with sj.SnapshotArchive(tmp_path / "new.db") as new:
        new.record(RUNNING)
    with sj.SnapshotArchive(whole) as archive:
        assert archive.latest(JOB) == DONE
        (tmp_path / "new.db").replace(whole)
        assert archive.latest(JOB) == RUNNING
        whole.unlink()
        with pytest.raises(sj.ArchiveUnusable, match="does not exist"):
            archive.record(DONE)
        assert not whole.exists()


def test_a_writer_that_is_killed_leaves_nothing_half_written(whole):
    script = """
        import os, signal, sys
        import superstaq_jobs as sj
        archive = sj.SnapshotArchive(sys.argv[1])
        with archive._file.writing() as raw:
            raw.execute("PRAGMA cache_spill=1")
            raw.execute("PRAGMA cache_size=1")
            for n in range(3000):
                raw.execute("INSERT INTO source (name) VALUES (?)", (str(n) * 100,))
            os.kill(os.getpid(), signal.SIGKILL)
    """
    before = whole.read_bytes()
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(whole)], check=False)
    assert whole.read_bytes() != before  # it had begun
    assert 'mode="a"' in refused_reader(whole)
    with sj.SnapshotArchive(whole) as archive:
        assert archive.history(JOB) == (DONE,)
        with archive._file.reading() as raw:
            assert raw.execute("SELECT count(*) FROM source").fetchone() == (1,)


def refused_reader(path):
    """A reader may not repair a file, unless a writer has."""
    with pytest.raises(sj.ArchiveUnusable) as caught:
        sj.SnapshotArchive(path, mode="r")
    return str(caught.value)
