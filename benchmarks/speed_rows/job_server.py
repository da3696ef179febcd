"""A server of many jobs: each is pending, runs, and finishes at a time of its own.

    python -m speed_rows.job_server 1000 15 7      # in benchmarks/: jobs, seconds, seed

All jobs finish within that many seconds, at times that are drawn from the seed. Besides the jobs
it serves two calls of the benchmark: ``/begin`` starts all jobs now, and returns the time of the
machine's monotonic clock, which all processes share on Linux; ``/requests`` returns the number of
requests for jobs since then.

A job is as in S4: one circuit, 16 outcomes. Responses are composed of prepared parts. Imports only
the standard library.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import sys
import time
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from . import payloads
from .serving import serve, whole

__all__ = ["Timetable", "job_id"]

TEMPLATES: Final = 250
_REQUESTED: Final = re.compile(rb"job_id=([0-9a-f-]{36})")


def job_id(number: int) -> UUID:
    """The id of a job."""
    return UUID(int=0x5EED_0000_0000_4000_8000_0000_0000_0000 + number)


class Timetable:
    """When each job starts to run and when it finishes, in seconds after the start.

    Args:
        jobs: The number of jobs.
        seconds: The time within which all of them finish; infinite for jobs that stay pending.
        seed: The seed of the times.
    """

    def __init__(self, jobs: int, seconds: float, seed: int) -> None:
        draw = random.Random(seed)  # noqa: S311 - not used for a secret
        self.finished_at = [seconds * draw.random() for _ in range(jobs)]
        self.running_at = [at * draw.random() for at in self.finished_at]

    def state(self, number: int, now: float) -> int:
        """The state of a job at a time: 0 pending, 1 running, 2 finished."""
        return (now >= self.running_at[number]) + (now >= self.finished_at[number])


def _parts(job: dict[str, Any]) -> tuple[bytes, ...]:
    """The job in each state, as part of a response."""
    unknown: dict[str, Any] = {"counts": [None], "provider_id": [None]}
    states: Sequence[dict[str, Any]] = (
        {"statuses": ["pending"], **unknown},
        {"statuses": ["running"], **unknown},
        {},
    )
    return tuple(json.dumps({**job, **state}, separators=(",", ":")).encode() for state in states)


class _Server:
    def __init__(self, timetable: Timetable) -> None:
        jobs = list(payloads.jobs(TEMPLATES, *payloads.SIZES["S4"][1:]).values())
        self._parts = [_parts(job) for job in jobs]
        self._timetable = timetable
        self._numbers = {str(job_id(n)).encode(): n for n in range(len(timetable.finished_at))}
        self._began = time.monotonic()
        self._requests = itertools.count()

    def respond(self, target: bytes) -> bytes:
        if target == b"/begin":
            self._began, self._requests = time.monotonic(), itertools.count()
            return whole(b"%r" % self._began)
        if target == b"/requests":
            return whole(b"%d" % next(self._requests))
        next(self._requests)
        now = time.monotonic() - self._began
        return whole(
            b"{%s}" % b",".join([self._job(each, now) for each in _REQUESTED.findall(target)])
        )

    def _job(self, job_id: bytes, now: float) -> bytes:
        number = self._numbers[job_id]
        part = self._parts[number % TEMPLATES][self._timetable.state(number, now)]
        return b'"%s":%s' % (job_id, part)


if __name__ == "__main__":
    serve(_Server(Timetable(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))).respond)
