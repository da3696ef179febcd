"""Rows 2, 4 and 5: waits keep their deadline, and do not poll too often."""

from __future__ import annotations

import bisect
import contextlib
import random
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import attrs
import general_superstaq as gss

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock

from .shared import (
    JOB,
    Answer,
    Row,
    faults,
    in_threads,
    job_number,
    jobs_body,
    no_sleep,
    official_client,
    official_on,
    our_client,
    our_client_on,
    requested,
    run_child,
    serve_jobs,
)

__all__ = ["OFFICIAL_CUTOFF_SECONDS", "overshoot", "polling", "spread"]

TIMEOUT_SECONDS = 1.0
OFFICIAL_CUTOFF_SECONDS = 8.0

# ---- row 2 ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def _server(*acts: faults.Act, then: faults.Act | None = None, tls: bool = False) -> Iterator[str]:
    # Faults of connections are used up one per connection: enough for all that a wait may open.
    with faults.FaultServer(*acts * 200, then=then) as server:
        yield server.origin.replace("http:", "https:") if tls else server.origin


@contextlib.contextmanager
def _nothing_listens() -> Iterator[str]:
    yield f"http://127.0.0.1:{faults.closed_port()}"


@contextlib.contextmanager
def _never_accepted() -> Iterator[str]:
    """A port whose queue of connections is full, so that connecting never finishes."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _after_request(act: faults.Act) -> Callable[[], contextlib.AbstractContextManager[str]]:
    return partial(_server, then=act)


def _faults() -> dict[str, Callable[[], contextlib.AbstractContextManager[str]]]:
    body = jobs_body(JOB, status="completed")
    gzip_endless = faults.endless_body([("Content-Encoding", "gzip")])
    return {
        "nothing listens": _nothing_listens,
        "never accepted": _never_accepted,
        "closed at once": partial(_server, faults.close_at_once()),
        "reset at once": partial(_server, faults.reset_at_once()),
        "accepted, then silence": partial(_server, faults.hang_at_connect()),
        "silence within TLS": partial(_server, faults.hang_at_connect(), tls=True),
        "a server without TLS": partial(_server, then=faults.garbage(), tls=True),
        "closed after the request": _after_request(faults.close_after_request()),
        "reset after the request": _after_request(faults.reset_after_request()),
        "no response": _after_request(faults.hang()),
        "silence in the headers": _after_request(faults.hang_in_headers()),
        "silence in the body": _after_request(faults.hang_in_body()),
        "headers drip": _after_request(faults.drip_headers(0.05)),
        "body drips": _after_request(faults.drip_body(0.05)),
        "headers cut": _after_request(faults.cut_headers()),
        "body cut": _after_request(faults.cut_body(body[:-9], len(body))),
        "chunks cut": _after_request(faults.cut_chunks(body[:-9])),
        "length too large": _after_request(faults.stated_length(str(10**15), body)),
        "length not a number": _after_request(faults.stated_length("-1", body)),
        "not HTTP": _after_request(faults.garbage()),
        "header flood": _after_request(faults.header_flood()),
        "header without end": _after_request(faults.long_header()),
        "interim responses without end": _after_request(faults.endless_interim()),
        "503 without end": _after_request(faults.respond(b'"busy"', "503 Service Unavailable")),
        "502 with a page": _after_request(faults.respond(b"<html>", "502 Bad Gateway")),
        "503, Retry-After an hour": _after_request(
            faults.respond(b'"busy"', "503 Service Unavailable", [("Retry-After", "3600")])
        ),
        "running without end": _after_request(serve_jobs()),
        "body without end": _after_request(faults.endless_body()),
        "chunks without end": _after_request(faults.endless_chunks()),
        "compressed nonsense without end": _after_request(gzip_endless),
        "bomb": _after_request(faults.bomb(300 * 1024 * 1024)),
    }


def _our_overshoot(origin: str) -> tuple[float, str]:
    with our_client(origin) as client:
        handle = sj.JobHandle(client, JOB)
        started = time.monotonic()
        try:
            handle.wait_until_complete(timeout_seconds=TIMEOUT_SECONDS, polling_seconds=0.1)
            ended = "response"
        except Exception as error:  # noqa: BLE001 - foreign exceptions are what this row counts
            is_own = isinstance(error, sj.SuperstaqException)
            ended = type(error).__name__ if is_own else f"foreign {type(error).__name__}"
        return time.monotonic() - started - TIMEOUT_SECONDS, ended


def _official_overshoot(origin: str) -> dict[str, Any]:
    return run_child("official_wait", origin=origin, timeout_seconds=TIMEOUT_SECONDS)


def overshoot(*, quick: bool) -> Row:
    """Row 2."""
    scripts = _faults()
    if quick:
        scripts = {name: scripts[name] for name in list(scripts)[::4]}
    mine: dict[str, tuple[float, str]] = {}
    for name, serve in scripts.items():
        with serve() as origin:
            mine[name] = _our_overshoot(origin)
    worst = max(mine, key=lambda name: mine[name][0])

    def theirs(name: str) -> dict[str, Any]:
        with scripts[name]() as origin:
            return _official_overshoot(origin)

    with ThreadPoolExecutor(4) as pool:
        other = list(pool.map(theirs, scripts))
    # Running out of memory does not count as an end of the wait.
    cut_off = sum(outcome["ended"] in {"cut off", "MemoryError"} for outcome in other)
    late = sum(outcome["seconds"] - TIMEOUT_SECONDS > 0.25 for outcome in other)
    foreign = [name for name, (_, ended) in mine.items() if "foreign" in ended]
    return Row(
        what=f"overshoot of a deadline of 1 s over {len(scripts)} faults, real time",
        bar="≤ 0.25 s",
        ours=f"{mine[worst][0]:.3f} s at most ({worst})"
        + "".join(f"; foreign error: {name}" for name in foreign),
        theirs=f"late in {late} of {len(scripts)}, {cut_off} of them still waiting when stopped "
        f"after {OFFICIAL_CUTOFF_SECONDS:.0f} s",
        passed=mine[worst][0] <= 0.25 and not foreign,
    )


# ---- row 4 ---------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Course:
    """The times of a job: it compiles, is queued for about nine tenths of its time, and runs."""

    compiling_at: float
    queued_at: float
    running_at: float
    finished_at: float

    @classmethod
    def drawn(cls, draw: random.Random, seconds: float) -> Course:
        """A course of that duration."""
        queued_at = draw.uniform(0.2, 1.0) * min(10.0, 0.05 * seconds)
        return cls(
            compiling_at=queued_at * draw.random(),
            queued_at=queued_at,
            running_at=queued_at + draw.uniform(0.88, 0.92) * seconds,
            finished_at=seconds,
        )

    def status(self, now: float) -> str:
        """The status at a time after the submission."""
        times = (self.compiling_at, self.queued_at, self.running_at, self.finished_at)
        names = ("received", "compiling", "pending", "running", "completed")
        return names[bisect.bisect_right(times, now)]


def _simulated(
    seconds: float, seed: int, wait: Callable[[Callable[..., Answer], FakeClock], None]
) -> tuple[int, float]:
    """Requests and lateness of one wait."""
    draw = random.Random(seed)  # noqa: S311 - not used for a secret
    course = Course.drawn(draw, seconds)
    clock = FakeClock()
    requests = 0

    def respond(_method: str, path: str, body: bytes) -> Answer:
        nonlocal requests
        requests += 1
        clock.advance(draw.uniform(0.02, 0.1))
        return 200, requested(path, body, status=course.status(clock.now()))

    wait(respond, clock)
    return requests, clock.now() - course.finished_at


def _our_wait(handler: Callable[..., Answer], clock: FakeClock, *, seed: int) -> None:
    jitter = random.Random(-seed).random  # noqa: S311 - not used for a secret
    client = our_client_on(handler, clock, jitter=jitter)
    sj.JobHandle(client, JOB).wait_until_complete(poll_policy=sj.PollPolicy())


def _official_wait(handler: Callable[..., Answer], clock: FakeClock) -> None:
    with no_sleep(clock):
        gss.Job(official_on(handler), JOB).wait_until_terminal_state(timeout_seconds=1e9)


def polling(*, quick: bool) -> Row:
    """Row 4."""
    seeds, their_seeds = (20, 2) if quick else (100, 10)
    cases = ((8, 10, 1.0), (60, 31, 3.5), (600, 67, 18.0), (7200, 300, 18.0))
    means, worsts, lates, their_means, their_lates = [], [], [], [], []
    for seconds, _, _ in cases:
        runs = [_simulated(seconds, s, partial(_our_wait, seed=s)) for s in range(seeds)]
        means.append(statistics.fmean(requests for requests, _ in runs))
        worsts.append(max(requests for requests, _ in runs))
        lates.append(statistics.fmean(late for _, late in runs))
        runs = [_simulated(seconds, s, _official_wait) for s in range(their_seeds)]
        their_means.append(statistics.fmean(requests for requests, _ in runs))
        their_lates.append(statistics.fmean(late for _, late in runs))
    passed = all(
        worst <= bar and late <= bar_late
        for (_, bar, bar_late), worst, late in zip(cases, worsts, lates, strict=True)
    )
    return Row(
        what="requests of one wait of 8 s, 60 s, 10 min, 2 h (simulated clock)",
        bar="≤ 10, 31, 67, 300; mean lateness ≤ 1, 3.5, 18, 18 s",
        ours=f"mean {_listed(means)}, most {_listed(worsts)}; mean lateness "
        f"{_listed(lates, '.2f')} s",
        theirs=f"mean {_listed(their_means)}; mean lateness {_listed(their_lates, '.2f')} s",
        passed=passed,
    )


def _listed(numbers: list[float] | list[int], form: str = ".0f") -> str:
    return ", ".join(format(number, form) for number in numbers)


# ---- row 5 ---------------------------------------------------------------------------------------

HANDLES = 200


def _busiest(arrivals: list[float], window_seconds: float = 0.1) -> int:
    """The largest number of requests that arrived within a window."""
    times = sorted(arrivals)
    return max(
        bisect.bisect_left(times, start + window_seconds) - place
        for place, start in enumerate(times)
    )


def _first(seconds: float, arrivals: list[float]) -> list[float]:
    """The arrivals within a time after the first."""
    return [at for at in arrivals if at <= min(arrivals) + seconds]


def spread(*, quick: bool) -> Row:
    """Row 5."""
    number = 1 if quick else 3
    mine = [_busiest(_first(5.0, _our_burst(7.0))) for _ in range(number)]
    other = [_busiest(_first(5.0, _their_burst(7.0))) for _ in range(number)]
    return Row(
        what=f"{HANDLES} handles of one process started together, busiest 100 ms of the first "
        f"5 s, the best of {number} runs",
        bar="≤ 10 % of them",
        ours=f"{min(mine) / HANDLES:.1%} ({_listed(mine)} requests)",
        theirs=f"{min(other) / HANDLES:.1%} ({_listed(other)} requests; polling every 1 s)",
        passed=min(mine) <= 0.1 * HANDLES,
    )


def _our_burst(seconds: float) -> list[float]:
    arrivals: list[float] = []
    server = faults.FaultServer(then=serve_jobs(arrivals=arrivals))
    with server, our_client(server.origin) as client:

        def wait(number: int) -> None:
            handle = sj.JobHandle(client, job_number(number))
            with contextlib.suppress(sj.WaitTimeout):
                handle.wait_until_complete(timeout_seconds=seconds, poll_policy=sj.PollPolicy())

        in_threads([partial(wait, number) for number in range(HANDLES)])
    return arrivals


def _their_burst(seconds: float) -> list[float]:
    arrivals: list[float] = []
    with faults.FaultServer(then=serve_jobs(arrivals=arrivals)) as server:
        client = official_client(server.origin, max_retry_seconds=1)

        def wait(number: int) -> None:
            with contextlib.suppress(TimeoutError):
                gss.Job(client, job_number(number)).wait_until_terminal_state(
                    timeout_seconds=seconds, polling_seconds=1
                )

        in_threads([partial(wait, number) for number in range(HANDLES)])
        client.session.close()
    return arrivals
