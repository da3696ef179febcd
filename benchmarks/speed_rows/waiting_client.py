"""One client that waits for many jobs, in a process of its own; prints what it took.

    python -m speed_rows.waiting_client ours http://127.0.0.1:40000 1000 15 7 1   # in benchmarks/

The way, the server (``job_server``), its jobs, seconds and seed, and the polling interval. The ways
are named in ``WAYS``. Each process imports what its way needs and no more, asks for one job first,
so that the connection is there and whatever is loaded late is loaded, and then counts its processor
time from the making of the handles until the last job is finished.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import time
import urllib.request
import warnings
from collections.abc import Callable, Container
from typing import Any, Final
from uuid import UUID

import attrs

from .job_server import Timetable, job_id

__all__ = ["WAYS", "Outcome"]

KEY: Final = "canary-key-of-the-benchmark-5e1f"
BATCH: Final = 150


@attrs.frozen(kw_only=True)
class Outcome:
    """What a wait took.

    Attributes:
        processor_seconds: Of the client's process while it waited.
        process_seconds: The same from the start of Python on, imports included.
        seconds: Of real time.
        requests: That the server saw.
        latest: The longest time from a job's end until the one who waits knew it; seconds.
        middle: The median of these times; seconds.
        rounds: How long each round took, from the first request until the pause; seconds.
    """

    processor_seconds: float
    process_seconds: float
    seconds: float
    requests: int
    latest: float
    middle: float
    rounds: list[float]


@attrs.frozen
class _Task:
    origin: str
    jobs: int
    polling_seconds: float

    @property
    def ids(self) -> list[UUID]:
        return [job_id(number) for number in range(self.jobs)]

    def ask(self, what: str) -> Any:
        with urllib.request.urlopen(f"{self.origin}/{what}") as answer:  # noqa: S310 - ours
            return json.loads(answer.read())


_Told = dict[UUID, float]
_Begin = Callable[[], None]


def _ours(task: _Task, begin: _Begin, told: _Told, rounds: list[float]) -> None:
    import superstaq_jobs as sj

    from .noting_clock import NotingClock

    clock = NotingClock()
    client = sj.SuperstaqClient(KEY, task.origin, clock=clock)
    with contextlib.suppress(TimeoutError):
        sj.wait_all([sj.JobHandle(client, task.ids[0])], timeout_seconds=0)
    begin()
    clock.begin()
    handles = [sj.JobHandle(client, each) for each in task.ids]
    for snapshot in sj.as_completed(handles, polling_seconds=task.polling_seconds):
        told[snapshot.job_id] = time.monotonic()
    rounds += clock.rounds


def _official(task: _Task) -> tuple[Any, Any]:
    import general_superstaq as gss

    from .clients import official_client

    client = official_client(task.origin)
    client.fetch_jobs([task.ids[0]])
    return gss, client


def _one_after_another(task: _Task, begin: _Begin, told: _Told, _rounds: list[float]) -> None:
    gss, client = _official(task)
    begin()
    jobs = [gss.Job(client, each) for each in task.ids]
    for job in jobs:
        job.wait_until_terminal_state(timeout_seconds=1e9, polling_seconds=task.polling_seconds)
        told[job.job_id()] = time.monotonic()


def _in_rounds(task: _Task, begin: _Begin, told: _Told, rounds: list[float]) -> None:
    gss, client = _official(task)
    begin()
    open_ones = [gss.Job(client, each) for each in task.ids]
    while True:
        began = time.monotonic()
        for job in list(open_ones):
            # It has no public way to poll once.
            if job._status() in gss.models.TERMINAL_CIRCUIT_STATES:  # noqa: SLF001
                told[job.job_id()] = time.monotonic()
                open_ones.remove(job)
        rounds.append(time.monotonic() - began)
        if not open_ones:
            return
        time.sleep(task.polling_seconds)


def _in_batches(task: _Task, begin: _Begin, told: _Told, rounds: list[float]) -> None:
    gss, client = _official(task)

    def states(batch: list[UUID]) -> dict[str, list[str]]:
        return {key: job["statuses"] for key, job in client.fetch_jobs(batch).items()}

    begin()
    _loop(task, states, gss.models.TERMINAL_CIRCUIT_STATES, told, rounds)


def _parsed_alone(task: _Task, begin: _Begin, told: _Told, rounds: list[float]) -> None:
    import orjson
    import urllib3

    pool = urllib3.PoolManager()

    def states(batch: list[UUID]) -> dict[str, list[str]]:
        query = "&".join([f"job_id={each}" for each in batch])
        body = pool.request("GET", f"{task.origin}/v0.3.0/client/job/qasm?{query}").data
        return {key: job["statuses"] for key, job in orjson.loads(body).items()}

    states(task.ids[:1])
    begin()
    _loop(task, states, {"completed"}, told, rounds)


def _loop(
    task: _Task,
    states: Callable[[list[UUID]], dict[str, list[str]]],
    terminal: Container[str],
    told: _Told,
    rounds: list[float],
) -> None:
    """Request all unfinished jobs, a batch at a time, until all are finished."""
    open_ones = {str(each): each for each in task.ids}
    while True:
        began = time.monotonic()
        asked = list(open_ones.values())
        for first in range(0, len(asked), BATCH):
            for key, statuses in states(asked[first : first + BATCH]).items():
                if all(each in terminal for each in statuses):
                    told[open_ones.pop(key)] = time.monotonic()
        rounds.append(time.monotonic() - began)
        if not open_ones:
            return
        time.sleep(task.polling_seconds)


WAYS: Final = {
    "ours": _ours,
    "official, one after another": _one_after_another,
    "official, in rounds": _in_rounds,
    "official, in batches": _in_batches,
    "parsed alone": _parsed_alone,
}
"""How to wait; each begins the jobs' lives, and notes when it knew of each job's end.

The official client's ``Job`` waits for itself alone, so its way is one job after another. In
rounds, every unfinished job is asked for by its ``Job``; in batches, by ``fetch_jobs`` of the
client behind it, with as many ids in a request as this library has. Both loops have to be written
by hand. The last is what nobody can be below who asks for every unfinished job in each round: a
bare request and a bare parser, nothing checked or kept.
"""


def main() -> None:
    """Wait, and print the outcome."""
    way, origin, jobs, seconds, seed, polling_seconds = sys.argv[1:]
    warnings.simplefilter("ignore")  # the official client's, of its API version, on every start
    task = _Task(origin, int(jobs), float(polling_seconds))
    timetable = Timetable(task.jobs, float(seconds), int(seed))
    told: _Told = {}
    rounds: list[float] = []
    begun: list[float] = []

    def begin() -> None:
        began = task.ask("begin")
        begun.extend((began, time.monotonic(), time.process_time()))

    WAYS[way](task, begin, told, rounds)
    spent = time.process_time() - begun[2]
    began = begun[0]
    lags = [
        told[each] - began - at for each, at in zip(task.ids, timetable.finished_at, strict=True)
    ]
    outcome = Outcome(
        processor_seconds=spent,
        process_seconds=time.process_time(),
        seconds=time.monotonic() - begun[1],
        requests=task.ask("requests"),
        latest=max(lags),
        middle=statistics.median(lags),
        rounds=rounds,
    )
    print(json.dumps(attrs.asdict(outcome)))


if __name__ == "__main__":
    main()
