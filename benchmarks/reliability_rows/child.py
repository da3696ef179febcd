"""Runs one task in a process of its own: ``python -m reliability_rows.child TASK JSON``.

For waits that may never end, memory that must not exhaust the machine, and forks. Prints one line
of JSON and ends the process, whatever its threads are doing.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import general_superstaq as gss

import superstaq_jobs as sj

from .shared import JOB, echo_of, in_threads, job_number, official_client, our_client

__all__: list[str] = []

MEMORY_LIMIT_BYTES = 1536 * 1024 * 1024
CUTOFF_SECONDS = 8.0


def cut_off(work: Callable[[], None], seconds: float = CUTOFF_SECONDS) -> dict[str, Any]:
    """How a function ended, and after how long; ``cut off`` if it did not end in time."""
    ended: list[str] = []

    def run() -> None:
        try:
            work()
            ended.append("response")
        except BaseException as error:  # noqa: BLE001 - its name is the result
            ended.append(type(error).__name__)

    thread = threading.Thread(target=run, daemon=True)
    started = time.monotonic()
    thread.start()
    thread.join(seconds)
    return {
        "seconds": time.monotonic() - started,
        "ended": ended[0] if ended else "cut off",
    }


def limit_memory() -> None:
    """Keep this process from exhausting the machine's memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))


def official_wait(origin: str, timeout_seconds: float) -> dict[str, Any]:
    """A wait of the official client."""
    limit_memory()
    job = gss.Job(official_client(origin, max_retry_seconds=1), JOB)
    return cut_off(
        lambda: job.wait_until_terminal_state(timeout_seconds=timeout_seconds, polling_seconds=0.1)
    )


# ---- memory --------------------------------------------------------------------------------------


def peak_bytes() -> int:
    """The peak memory of this process."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage includes the process that started this one
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def grown(fetch: Callable[[], object]) -> dict[str, Any]:
    """By how much a response makes the process grow; the first response is a good one."""
    fetch()
    before = peak_bytes()
    outcome = cut_off(lambda: fetch() and None, 6.0)
    return {**outcome, "grown_bytes": peak_bytes() - before}


def our_memory(origin: str, max_body_bytes: int) -> dict[str, Any]:
    """Memory of this library."""
    client = our_client(origin, max_body_bytes=max_body_bytes)
    return grown(lambda: sj.fetch_job(client, JOB, max_attempts=1))


def official_memory(origin: str) -> dict[str, Any]:
    """Memory of the official client."""
    limit_memory()
    client = official_client(origin, max_retry_seconds=0)
    return grown(lambda: client.fetch_jobs([JOB]))


# ---- fork ----------------------------------------------------------------------------------------


def forked(fetch: Callable[[int], bool], calls: int, seconds: float) -> dict[str, Any]:
    """Correct calls in parent and child, which request different jobs at the same time."""
    in_threads([lambda: fetch(0) and None] * 4)  # the pool is live
    reading, writing = os.pipe()
    is_child = os.fork() == 0
    first = 1 + (calls if is_child else 0)
    right: list[int] = []

    def run() -> None:
        for number in range(first, first + calls):
            with contextlib.suppress(Exception):
                if fetch(number):
                    right.append(number)

    outcome = cut_off(run, seconds)
    if is_child:
        os.write(writing, f"{len(right)} {outcome['ended']}".encode())
        os._exit(0)
    os.close(writing)
    count, child_ended = os.read(reading, 100).decode().split(" ", 1)
    os.wait()
    return {"right": len(right) + int(count), "ended": [outcome["ended"], child_ended]}


def our_fork(origin: str, calls: int) -> dict[str, Any]:
    """A fork of this library."""
    client = our_client(origin)

    def fetch(number: int) -> bool:
        job = sj.fetch_job(client, job_number(number), timeout_seconds=20)
        return str(job.job_id) == str(job_number(number)) == echo_of(job)

    return forked(fetch, calls, 30.0)


def official_fork(origin: str, calls: int) -> dict[str, Any]:
    """A fork of the official client."""
    client = official_client(origin, max_retry_seconds=1)

    def fetch(number: int) -> bool:
        job_id = str(job_number(number))
        return client.fetch_jobs([job_id])[job_id]["metadata"] == {"echo": job_id}

    return forked(fetch, calls, 20.0)


TASKS = {
    task.__name__: task
    for task in (
        official_wait,
        our_memory,
        official_memory,
        our_fork,
        official_fork,
    )
}


if __name__ == "__main__":
    result = TASKS[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps(result), flush=True)
    os._exit(0)
