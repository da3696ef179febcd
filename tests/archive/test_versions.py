"""The archives of every released version are read as they were written, and stay as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
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
        assert archive.verify(deep=True)
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


BYTES = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONWARNINGS": "ignore"}
EXPORT = """
import sys
import superstaq_jobs as sj
with sj.SnapshotArchive(sys.argv[1], mode="r") as old, sj.SnapshotArchive(sys.argv[2]) as new:
    snapshots = [each for job_id in old.job_ids() for each in old.history(job_id)]
    for snapshot in sorted(set(snapshots), key=hash):  # in another order for each hash seed
        new.record(snapshot)
    new.merge(old)
    new.export_jsonl(sys.argv[3])
    new.export_jsonl(sys.argv[3] + ".gz")
"""


def test_an_export_is_the_same_with_every_hash_seed_time_zone_and_locale(tmp_path):
    exports = set()
    for seed, zone, locale in [
        ("0", "UTC", "C.UTF-8"),
        ("1", "Asia/Kolkata", "C"),
        ("2", "America/New_York", "POSIX"),
        ("3", "UTC", "C"),
    ]:
        paths = [ARCHIVES / "version-1.db", tmp_path / f"{seed}.db", tmp_path / f"{seed}.jsonl"]
        subprocess.run(
            [sys.executable, "-c", EXPORT, *map(str, paths)],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale, **BYTES},
            check=True,
        )
        exports.add((paths[2].read_bytes(), Path(f"{paths[2]}.gz").read_bytes()))
    assert len(exports) == 1
    assert exports.pop()[0] == (ARCHIVES / "version-1.jsonl").read_bytes()
