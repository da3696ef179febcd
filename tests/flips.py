"""Flips single bits of an archive's file, and sees what is found and what is returned."""

from __future__ import annotations

import datetime as dt
import random
import uuid
import warnings
from pathlib import Path

import attrs

import superstaq_jobs as sj

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@attrs.define
class Outcome:
    """What became of the flips; each list has the places of those that went wrong."""

    flips: int = 0
    found: int = 0
    harmless: int = 0
    escaped: list[str] = attrs.Factory(list)
    wrong: list[str] = attrs.Factory(list)
    missed: list[int] = attrs.Factory(list)


def snapshots(rng: random.Random, jobs: int = 6, polls: int = 4) -> list[sj.JobSnapshot]:
    """Jobs with large circuits that go on, and of which some go back."""
    made = []
    for number in range(jobs):
        circuit = "".join(rng.choice("h q[0]; cx ") for _ in range(700))
        for poll in range(polls):
            status = ["received", "running", "completed"][rng.choice([poll // 2, poll // 2, 0])]
            done = status == "completed"
            circuits = [
                sj.CircuitSnapshot(
                    index=index,
                    status_text=status if index else "running",
                    input_circuit=circuit,
                    shots=100,
                    counts={format(k, "08b"): rng.randrange(1, 99) for k in range(30)}
                    if done
                    else None,
                    updated_at=START + dt.timedelta(minutes=poll),
                )
                for index in range(2)
            ]
            made.append(
                sj.JobSnapshot(
                    job_id=uuid.UUID(int=number + 1),
                    job_type="submit",
                    target="ibmq_fez_qpu",
                    circuit_type="qasm",
                    user_email="ada@example.com",
                    submitted_at=START,
                    circuits=circuits,
                    fetched_at=START + dt.timedelta(minutes=poll),
                    source="https://superstaq.example.com",
                )
            )
    return made


def answers(archive: sj.SnapshotArchive, job_ids: list[uuid.UUID]) -> dict[str, object]:
    """What an archive says; of a call that raised an ``ArchiveError``, that error."""

    def read(function, *arguments):
        try:
            found = function(*arguments)
            if isinstance(found, frozenset | bytes):
                return found
            found = [found] if isinstance(found, sj.JobSnapshot) else list(found)
            return [each if isinstance(each, uuid.UUID) else _in_full(each) for each in found]
        except sj.ArchiveError as error:
            return error

    said: dict[str, object] = {}
    for job_id in job_ids:
        said[f"latest {job_id}"] = read(archive.latest, job_id)
        said[f"history {job_id}"] = read(archive.history, job_id)
        for minute in (0, 3):
            until = START + dt.timedelta(minutes=minute)
            said[f"as of {minute} {job_id}"] = read(archive.as_of, job_id, until)
    said["query"] = read(archive.query)
    said["query in qasm"] = read(lambda: archive.query(circuit_type="qasm"))
    said["unfinished"] = read(archive.unfinished)
    said["job_ids"] = read(archive.job_ids)
    said["circuit_types"] = read(archive.circuit_types)
    said["digests"] = read(archive.digests)
    said["export"] = read(_exported, archive)
    return said


def _in_full(each):
    if isinstance(each, sj.JobSnapshot):
        return each, each.digest, each.fetched_at, each.source
    return each.job_id, each.circuit_type, each.latest


def _exported(archive):
    path = archive.path.with_suffix(".jsonl")
    archive.export_jsonl(path)
    return path.read_bytes()


def flip_some(folder: Path, rng: random.Random, flips: int) -> Outcome:
    """Flip that many bits, each in a fresh copy of an archive's file."""
    path, damaged = folder / "whole.db", folder / "damaged.db"
    observed = snapshots(rng)
    ids = sorted({each.job_id for each in observed})
    with sj.SnapshotArchive(path) as archive:
        archive.record_all(observed)
        archive.expect(uuid.UUID(int=99), circuit_type="qasm", at=START)
        expected = answers(archive, ids)
        rows = _rows(path)
    whole = path.read_bytes()
    outcome = Outcome()
    for _ in range(flips):
        place = rng.randrange(len(whole) * 8)
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        damaged.write_bytes(data)
        outcome.flips += 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _one(damaged, place, ids, expected, rows, outcome)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            outcome.escaped.append(f"bit {place}: {error!r}")
    return outcome


def _one(path, place, ids, expected, rows, outcome):
    try:
        archive = sj.SnapshotArchive(path)
    except sj.ArchiveError:
        outcome.found += 1
        return
    with archive:
        said = answers(archive, ids)
        report = archive.verify(deep=True)
    differing = [name for name in said if said[name] != expected[name]]
    outcome.wrong += [
        f"bit {place}: {name}" for name in differing if not isinstance(said[name], sj.ArchiveError)
    ]
    if not report:
        outcome.found += 1
    elif differing or _rows(path) != rows:
        outcome.missed.append(place)
    else:
        outcome.harmless += 1


def _rows(path):
    """Every row of every table, read without the library."""
    import sqlite3

    raw = sqlite3.connect(path)
    try:
        return {
            table: sorted(map(repr, raw.execute(f"SELECT * FROM {table}")))  # noqa: S608
            for table in ("source", "job", "value", "state", "seen", "head")
        }
    except sqlite3.Error as error:
        return repr(error)
    finally:
        raw.close()
