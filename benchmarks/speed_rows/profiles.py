"""Rows that show where this library spends its time.

A timer of processor time fires every millisecond, and the function of this library that is running
is counted, including what it calls outside of the library: the parser, the standard library,
urllib3. Unlike a profiler that traces calls, it does not slow anything down.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections import Counter
from collections.abc import Iterator
from types import FrameType
from typing import Final

import superstaq_jobs as sj

from . import payloads, reading
from .clients import KEY
from .job_server import job_id
from .lines import Line, Run, Way
from .serving import started

__all__ = ["row"]

PACKAGE: Final = "superstaq_jobs."
INTERVAL_SECONDS: Final = 0.001
SHOWN: Final = 6
JOBS: Final = 1000


def row(run: Run) -> Iterator[Line]:
    """Measure; four payloads by function, and a wait by module and function."""
    for name in payloads.SIZES:
        data = payloads.payload(name)
        reading.our_read(data)
        with sampled() as functions:
            _for_seconds(lambda d=data: reading.our_read(d), 0.3 if run.quick else 2)
        yield _line(f"{name}: decoded, complete, by function", functions)
    seconds = 2 if run.quick else 10
    with (
        started("job_server", str(JOBS), str(seconds), "7") as origin,
        sj.SuperstaqClient(KEY, origin) as client,
    ):
        sj.fetch_job(client, job_id(0))
        handles = [sj.JobHandle(client, job_id(number)) for number in range(JOBS)]
        with sampled() as functions:
            # One request at a time keeps all of it in this thread.
            sj.wait_all(handles, polling_seconds=0.5, requests_at_once=1)
    modules = Counter[str]()
    for name, times in functions.items():
        modules[name.partition(".")[0]] += times
    what = f"a wait for {JOBS:,} jobs, by"
    yield _line(f"{what} module", modules)
    yield _line(f"{what} function", functions)


def _line(what: str, found: Counter[str]) -> Line:
    total = found.total()
    shares = [f"`{name}` {times / total:.0%}" for name, times in found.most_common(SHOWN)]
    return Line(what=what, ours=", ".join(shares), theirs=f"{total} samples")


def _for_seconds(work: Way, seconds: float) -> None:
    began = time.process_time()
    while time.process_time() - began < seconds:
        work()


@contextlib.contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Count how often each function of this library is running, in the main thread."""
    found = Counter[str]()

    def note(_signal: int, frame: FrameType | None) -> None:
        while frame is not None and not frame.f_globals.get("__name__", "").startswith(PACKAGE):
            frame = frame.f_back
        if frame is not None:
            module = frame.f_globals["__name__"].removeprefix(PACKAGE)
            found[f"{module}.{frame.f_code.co_qualname}"] += 1

    before = signal.signal(signal.SIGPROF, note)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)
    try:
        yield found
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
