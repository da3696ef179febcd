"""What an archive survives: killed writers, flipped bits, several processes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import superstaq_jobs as sj

from .shared import Row, folder

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from flips import flip_some

__all__ = ["flips", "kills", "processes"]

_WRITER = """
import sys
sys.path.insert(0, sys.argv[3])
from archive_rows.shared import job
import superstaq_jobs as sj
archive = sj.SnapshotArchive(sys.argv[1])
number, step = int(sys.argv[2]), int(sys.argv[4])
count = int(sys.argv[5])
while count:
    archive.record(job(number, circuits=2, gates=10))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
    number += step
    count -= 1
"""


def _writer(path: Path, number: int, step: int, count: int) -> subprocess.Popen[str]:
    here = str(Path(__file__).resolve().parents[1])
    arguments = [str(path), str(number), here, str(step), str(count)]
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, *arguments], stdout=subprocess.PIPE, text=True
    )


def kills(*, quick: bool) -> Iterator[Row]:
    """Writers that are killed while they write; what they reported as written must be there."""
    number = 15 if quick else 500
    rng = random.Random(1)  # noqa: S311 - when to kill
    acknowledged: set[int] = set()
    next_number = 1
    is_whole = True
    with folder() as place:
        path = place / "study.db"
        sj.SnapshotArchive(path).close()
        killed = 0
        while killed < number:
            writers = []
            for _ in range(3):
                writers.append(_writer(path, next_number, 1, -1))
                next_number += 10_000_000
            for each in writers:
                assert each.stdout is not None
                acknowledged.add(int(each.stdout.readline()))  # it has begun
            for each in writers:
                time.sleep(rng.random() * 0.05)
                os.kill(each.pid, signal.SIGKILL)
                killed += 1
            for each in writers:
                assert each.stdout is not None
                lines = each.stdout.read().split("\n")[:-1]
                acknowledged.update(int(line) for line in lines)
                each.wait()
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
    with folder() as place:
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
        writers = [_writer(path, 1 + n * 10_000_000, 1, count) for n in range(number)]
        errors = sum(each.wait() != 0 for each in writers if each.communicate() is not None)
        with sj.SnapshotArchive(path) as archive:
            there = len(archive)
    yield Row(
        f"{number} processes × {count} records, defaults: errors; there",
        f"0; {number * count}",
        f"{errors}; {there}",
        (errors, there) == (0, number * count),
    )
