"""What an archive survives: killed writers, flipped bits, several processes."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import random
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import UUID

import superstaq_jobs as sj

from .shared import Row, folder, job

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from flips import flip_some

__all__ = ["flips", "kills", "processes"]

_FORK = multiprocessing.get_context("fork")  # or most of the time goes into starting Python
_APART = 10_000_000
"""How far the numbers of the jobs of two writers are apart."""


def _write(path: Path, first: int, count: int | None, acknowledge: Connection) -> None:
    archive = sj.SnapshotArchive(path)
    for done in itertools.count() if count is None else range(count):
        archive.record(job(first + done, circuits=2, gates=10))
        acknowledge.send(first + done)


def _writer(path: Path, first: int, count: int | None = None) -> tuple[BaseProcess, Connection]:
    """A process that records jobs from a number on, and the end of a pipe with those recorded."""
    mine, its = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_write, args=(path, first, count, its))
    process.start()
    its.close()
    return process, mine


def kills(*, quick: bool) -> Iterator[Row]:
    """Writers that are killed while they write; what they reported as written must be there."""
    number = 15 if quick else 500
    rng = random.Random(1)  # noqa: S311 - when to kill
    acknowledged: set[int] = set()
    first = itertools.count(1, _APART)
    # In memory, where the writers spend their time in SQLite and not in waiting for a disk.
    with folder(in_memory=True) as place:
        path = place / "study.db"
        sj.SnapshotArchive(path).close()
        for _ in range(0, number, 3):
            writers = [_writer(path, next(first)) for _ in range(3)]
            acknowledged.update(pipe.recv() for _, pipe in writers)  # they have begun
            for process, _ in writers:
                time.sleep(rng.random() * 0.05)
                process.kill()
            for process, pipe in writers:
                with pipe, contextlib.suppress(EOFError, OSError):
                    while True:
                        acknowledged.add(pipe.recv())
                process.join()
        with sj.SnapshotArchive(path) as archive:
            is_whole = bool(archive.verify(deep=True))
            ids = {each.int for each in archive.job_ids() if isinstance(each, UUID)}
    lost = len(acknowledged - ids)
    yield Row(
        f"SIGKILL, 3 writers, {number} kills: acknowledged records lost of "
        f"{len(acknowledged):,}; `verify(deep=True)` without a repair",
        "0; true",
        f"{lost}; {str(is_whole).lower()}",
        lost == 0 and is_whole,
    )


def flips(*, quick: bool) -> Iterator[Row]:
    """One bit of the file is flipped."""
    number = 20 if quick else 1000
    with folder(in_memory=True) as place:
        outcome = flip_some(place, random.Random(1), number)  # noqa: S311 - the same bits each time
    bad = (len(outcome.missed), len(outcome.wrong), len(outcome.escaped))
    yield Row(
        f"{number:,} one-bit flips anywhere in a file ({outcome.harmless:,} changed nothing): not "
        "found; wrong snapshots; other errors than `ArchiveError`",
        "0; 0; 0",
        "; ".join(map(str, bad)),
        bad == (0, 0, 0),
    )


def processes(*, quick: bool) -> Iterator[Row]:
    """Several processes that write at once, with the defaults."""
    number, count = (3, 10) if quick else (8, 40)
    with folder() as place:
        path = place / "study.db"
        writers = [_writer(path, 1 + n * _APART, count)[0] for n in range(number)]
        for each in writers:
            each.join()
        errors = sum(each.exitcode != 0 for each in writers)
        with sj.SnapshotArchive(path) as archive:
            there = len(archive)
    yield Row(
        f"{number} processes × {count} records, default settings: errors; records found",
        f"0; {number * count}",
        f"{errors}; {there}",
        (errors, there) == (0, number * count),
    )
