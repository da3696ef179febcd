"""Rows of many handles: the memory of each, and the time of a round of 10,000 in one process.

The jobs stay pending on a real server in a process of its own. In the first round all of them are
news; the responses of the later rounds equal it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from uuid import UUID

import general_superstaq as gss

import superstaq_jobs as sj

from .clients import KEY, official_client
from .job_server import job_id
from .lines import Line, Run, at_most, bytes_text, seconds_text
from .memory import kept
from .noting_clock import NotingClock
from .serving import started

__all__ = ["row"]

HANDLES = 10_000
POLLING_SECONDS = 1.0
INTERVAL_SECONDS = 5.0
POLLING_FOR_SECONDS = 8.0


def row(run: Run) -> Iterator[Line]:
    """Measure; memory at two numbers of handles, and two rounds."""
    client = sj.SuperstaqClient(KEY, "http://localhost:9")
    official = official_client("http://localhost:9")
    for number in (HANDLES // 100, HANDLES):
        # The ids are counted: they are part of a handle.
        ours = kept(lambda n=number: [sj.JobHandle(client, UUID(int=i)) for i in range(n)])
        theirs = kept(lambda n=number: [gss.Job(official, UUID(int=i)) for i in range(n)])
        yield Line(
            what=f"bytes per handle without a snapshot, of {number:,}",
            ours=bytes_text(ours / number),
            theirs=f"official {bytes_text(theirs / number)}",
            figure=ours / number,
            bar=at_most(1024),
        )
    yield from _rounds(HANDLES // 10 if run.quick else HANDLES)


def _rounds(number: int) -> Iterator[Line]:
    clock = NotingClock()
    with (
        started("job_server", str(number), "inf", "7") as origin,
        sj.SuperstaqClient(KEY, origin, clock=clock) as client,
    ):
        sj.fetch_job(client, job_id(0))
        handles = [sj.JobHandle(client, job_id(each)) for each in range(number)]
        before = client.traffic.requests
        clock.begin()
        changes = sj.watch(
            handles, polling_seconds=POLLING_SECONDS, timeout_seconds=POLLING_FOR_SECONDS
        )
        with contextlib.suppress(sj.JobsTimeout):
            assert sum(1 for _ in changes) <= number
        # The last round is not followed by a sleep.
        requests = (client.traffic.requests - before) // (len(clock.rounds) + 1)
    first, *later = clock.rounds
    for what, seconds in {"all of it news": first, "without news": max(later)}.items():
        yield Line(
            what=f"a round of {number:,} handles, {what}",
            ours=f"{seconds_text(seconds)}, {requests} requests",
            theirs=f"official {number:,} requests",
            figure=seconds,
            bar=at_most(INTERVAL_SECONDS, f"{INTERVAL_SECONDS:g} s: the default interval"),
            show=seconds_text,
        )
