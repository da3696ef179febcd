"""A server of many jobs that live: each is pending, runs, and is over at a time of its own.

    python -m speed_rows.job_server 1000 15 7      # in benchmarks/: jobs, seconds, seed

All jobs come to their end within so many seconds, at times that are drawn from the seed. Beside the
jobs it answers two questions of the benchmark: ``/begin`` lets all lives begin now, and says when
that is on the machine's monotonic clock, which on Linux all processes share; ``/requests`` says how
many requests there have been about jobs since then.

A job is as in S4: one circuit, 16 outcomes. Answers are put together of parts that were made
beforehand. Imports the standard library alone.
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

__all__ = ["Lives", "job_id"]

TEMPLATES: Final = 250
_ASKED: Final = re.compile(rb"job_id=([0-9a-f-]{36})")


def job_id(number: int) -> UUID:
    """The id of a job."""
    return UUID(int=0x5EED_0000_0000_4000_8000_0000_0000_0000 + number)


class Lives:
    """When each job begins to run, and when it is over, from the beginning on.

    Args:
        jobs: How many.
        seconds: Within which all of them are over; infinite for jobs that stay pending.
        seed: What the times are drawn from.
    """

    def __init__(self, jobs: int, seconds: float, seed: int) -> None:
        draw = random.Random(seed)  # noqa: S311 - a life is not a secret
        self.over_at = [seconds * draw.random() for _ in range(jobs)]
        self.running_at = [at * draw.random() for at in self.over_at]

    def state(self, number: int, now: float) -> int:
        """Where a job is at a time: 0 pending, 1 running, 2 over."""
        return (now >= self.running_at[number]) + (now >= self.over_at[number])


def _parts(job: dict[str, Any]) -> tuple[bytes, ...]:
    """What an answer says of a job in each state."""
    unknown: dict[str, Any] = {"counts": [None], "provider_id": [None]}
    states: Sequence[dict[str, Any]] = (
        {"statuses": ["pending"], **unknown},
        {"statuses": ["running"], **unknown},
        {},
    )
    return tuple(json.dumps({**job, **state}, separators=(",", ":")).encode() for state in states)


class _Server:
    def __init__(self, lives: Lives) -> None:
        jobs = list(payloads.jobs(TEMPLATES, *payloads.SIZES["S4"][1:]).values())
        self._parts = [_parts(job) for job in jobs]
        self._lives = lives
        self._numbers = {str(job_id(n)).encode(): n for n in range(len(lives.over_at))}
        self._began = time.monotonic()
        self._requests = itertools.count()

    def answer(self, target: bytes) -> bytes:
        if target == b"/begin":
            self._began, self._requests = time.monotonic(), itertools.count()
            return whole(b"%r" % self._began)
        if target == b"/requests":
            return whole(b"%d" % next(self._requests))
        next(self._requests)
        now = time.monotonic() - self._began
        return whole(b"{%s}" % b",".join([self._job(each, now) for each in _ASKED.findall(target)]))

    def _job(self, asked: bytes, now: float) -> bytes:
        number = self._numbers[asked]
        part = self._parts[number % TEMPLATES][self._lives.state(number, now)]
        return b'"%s":%s' % (asked, part)


if __name__ == "__main__":
    serve(_Server(Lives(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))).answer)
