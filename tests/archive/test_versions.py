"""The archives of every released version are read as they were written, and stay as they are."""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path

import pytest
from archived import exactly

import superstaq_jobs as sj

ARCHIVES = Path(__file__).resolve().parent.parent / "archives"
sys.path.insert(0, str(ARCHIVES))

import contents  # noqa: E402 - beside the files

FILES = sorted(ARCHIVES.glob("version-*.db"))


def check(archive):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sj.SuperstaqWarning)  # of the unknown status
        found = [each for job_id in archive.job_ids() for each in archive.history(job_id)]
        unfinished = {each.job_id: each.circuit_type for each in archive.unfinished()}
    assert [*map(exactly, found)] == [*map(exactly, contents.SNAPSHOTS)]
    job_id, circuit_type, _ = contents.EXPECTED
    assert unfinished == {
        contents.SNAPSHOTS[0].job_id: "qasm",
        "a1,b2": "cirq",
        job_id: circuit_type,
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_read(path):
    before = path.read_bytes()
    with sj.SnapshotArchive(path, mode="r") as archive:
        check(archive)
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_written_to(path, tmp_path):
    copy = tmp_path / path.name
    shutil.copy(path, copy)
    with sj.SnapshotArchive(copy) as archive:
        assert copy.read_bytes() == path.read_bytes()
        assert archive.record_all(contents.SNAPSHOTS) == 0
        check(archive)
        assert archive.record(contents.SNAPSHOTS[0], observed_at=contents.NOON) is False


EXPORTS = sorted(ARCHIVES.glob("version-*.jsonl"))


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.name)
def test_an_export_is_imported(path, tmp_path):
    with sj.SnapshotArchive(tmp_path / "new.db") as archive:
        assert archive.import_jsonl(path) == len(contents.SNAPSHOTS)
        check(archive)


def test_the_newest_export_is_the_one_that_is_written(tmp_path):
    with sj.SnapshotArchive(FILES[-1], mode="r") as archive:
        archive.export_jsonl(tmp_path / "all.jsonl")
    assert (tmp_path / "all.jsonl").read_bytes() == EXPORTS[-1].read_bytes()
