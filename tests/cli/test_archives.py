"""``archive``, ``lock`` and ``verify``: the library's archives on the command line."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest
from terminals import is_safe

import superstaq_jobs as sj


@pytest.fixture
def recorded(world, run, tmp_path):
    """An archive of the three jobs of the world, and its path."""
    ids = [world.finished, world.failed, world.stuck]
    assert run("show", *ids, "--record", "study.db", version=world.version).exit_code == 0
    return tmp_path / "study.db"


def data_of(result):
    return json.loads(result.stdout)["data"]


def test_what_was_recorded_is_listed_and_shown(world, run, recorded, on_terminal):
    listed = run("archive", "list", "study.db")
    assert {line.split("\t")[0] for line in listed.stdout.splitlines()} == {
        world.finished,
        world.failed,
        world.stuck,
    }
    some = data_of(run("archive", "list", "study.db", "--status", "failed", "--json"))["jobs"]
    assert [each["job_id"] for each in some] == [world.failed]
    shown = run("archive", "show", "study.db", world.failed)
    assert shown.exit_code == 0
    assert "status\tfailed" in shown.stdout
    assert is_safe(shown.stdout)
    assert is_safe(on_terminal("archive", "show", "study.db", world.failed).stdout)
    assert run("archive", "show", "study.db", world.failed, "--as-of", "yesterday").exit_code == 1
    history = run("archive", "show", "study.db", world.failed, "--history", "--json")
    with sj.SnapshotArchive(recorded, mode="r") as archive:
        known = archive.history(world.failed)
    assert [each["digest"] for each in data_of(history)["jobs"]] == [each.digest for each in known]
    both = ("archive", "show", "study.db", world.failed, "--history", "--as-of", "now")
    assert run(*both).exit_code == 2
    assert run("archive", "show", "study.db", "nobody").exit_code == 1


@pytest.mark.usefixtures("recorded")
def test_an_archive_is_exported_and_merged(run, tmp_path):
    exported = data_of(run("archive", "export", "study.db", "out.jsonl.gz", "--json"))
    assert exported == {"path": "out.jsonl.gz", "observations": 3}
    merged = run("archive", "merge", "new.db", "out.jsonl.gz", "study.db")
    assert merged.stdout == "new.db: 3 jobs, 3 new observations\n"
    again = data_of(run("archive", "merge", "new.db", "study.db", "--json"))
    assert again == {"path": "new.db", "jobs": 3, "new_observations": 0}
    assert run("archive", "export", "new.db", "out2.jsonl.gz").exit_code == 0
    assert (tmp_path / "out.jsonl.gz").read_bytes() == (tmp_path / "out2.jsonl.gz").read_bytes()
    (tmp_path / "wrong.jsonl").write_text("no\n")
    assert run("archive", "merge", "new.db", "wrong.jsonl").exit_code == 1


def test_damage_is_found(run, recorded):
    sound = run("archive", "verify", "study.db", "--deep")
    assert sound.exit_code == 0
    assert sound.stdout.startswith("study.db: as it was written (3 jobs, ")
    with contextlib.closing(sqlite3.connect(recorded)) as file, file:
        file.execute("UPDATE seen SET offset_s = offset_s + 60")
    damaged = run("archive", "verify", "study.db", "--json")
    assert damaged.exit_code == 1
    assert len(data_of(damaged)["problems"]) == 3
    told = run("archive", "verify", "study.db")
    assert told.exit_code == 1
    assert "study.db: 3 problems" in told.stdout


def test_a_file_that_is_no_archive_is_named(run, tmp_path):
    (tmp_path / "notes.txt").write_text("no archive, but long enough to be read as a file" * 9)
    for verb in (["list"], ["show"], ["verify"], ["export"]):
        more = {"show": ["id"], "export": ["out.jsonl"]}.get(verb[0], [])
        result = run("archive", *verb, "notes.txt", *more)
        assert result.exit_code == 1
        assert "notes.txt" in result.stderr
        assert "was not changed" in result.stderr


def test_a_lock_names_the_data_and_is_verified(world, run, recorded, tmp_path):
    made = run("lock", "study.lock", "study.db", world.finished, world.failed, "--json")
    known = sj.StudyLock.read(tmp_path / "study.lock")
    assert data_of(made)["root"] == known.root
    assert [str(each.job_id) for each in known.entries] == [world.finished, world.failed]
    agreed = run("verify", "study.lock", "study.db")
    assert agreed.exit_code == 0
    assert (
        agreed.stdout == f"study.lock agrees with the archive in 2 snapshots; root {known.root}\n"
    )
    everything = run("lock", "all.lock", "study.db")
    assert everything.stdout.startswith("all.lock locks 3 snapshots; root ")
    assert "1 of the 3 jobs are not finished" in everything.stderr
    assert run("lock", "old.lock", "study.db", "--as-of", "yesterday").exit_code == 0
    with sj.SnapshotArchive(recorded) as archive:
        archive.forget([known.entries[0].job_id])
    differs = run("verify", "study.lock", "study.db")
    assert differs.exit_code == 1
    assert world.finished in differs.stderr
    document = json.loads(run("verify", "study.lock", "study.db", "--json").stdout)
    assert document["error"]["type"] == "LockMismatch"
    assert [each["job_id"] for each in document["data"]["differences"]] == [world.finished]
    (tmp_path / "study.lock").write_text("no lock\n")
    assert run("verify", "study.lock", "study.db").exit_code == 2
