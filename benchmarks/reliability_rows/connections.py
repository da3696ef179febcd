"""Rows 11 to 13: bytes nobody requested, Ctrl-C at any moment, and waits that are cancelled."""

# ruff: noqa: RUF001 - the multiplication sign of the table

from __future__ import annotations

import asyncio
import json
import random
import signal
import statistics
import time
from types import FrameType

import superstaq_jobs as sj

from .shared import (
    JOB,
    Row,
    Tls,
    certificates,
    faults,
    in_threads,
    job_number,
    new_job,
    our_client,
    serve_jobs,
)

__all__ = ["cancelled_waits", "interrupts", "unrequested_bytes"]

# ---- row 11 --------------------------------------------------------------------------------------

SIZES = (60_000, 200_000, 1_000_000)
OWN, FOREIGN = job_number(1), job_number(2)


def _desynchronized(size: int, later: float) -> faults.Act:
    """A response of that size, and one more behind it: at once, or some seconds later.

    The response to a submission is the id of a job of its own; what follows a response names
    another.
    """
    # Of both versions of the API.
    receipt = {"job_id": str(OWN), "num_circuits": 1, "job_ids": [str(OWN)]}
    stale = faults.whole(
        json.dumps({**receipt, "job_id": str(FOREIGN), "job_ids": [str(FOREIGN)]}).encode()
    )

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        assert request is not None
        targets = b'{"superstaq_targets":{}}' if "/v0.2.0/" in request.target else b"[]"
        if request.target.endswith("job") or request.target.endswith("jobs"):
            connection.send(faults.whole(json.dumps(receipt).encode()))
        elif "/targets" not in request.target:
            connection.send(faults.whole(b'{"email": "own@example.com", "balance": 1}'))
        elif later:
            connection.send(faults.whole(targets.ljust(size)))
            connection.pause(later)
            connection.send(stale)
        else:
            connection.send(faults.whole(targets.ljust(size)) + stale)

    return faults.Act(run)


def _taken(size: int, later: float, tries: int, tls: Tls) -> int:
    """How many calls got a response that was not theirs."""
    new = new_job()
    taken = 0
    with (
        faults.FaultServer(then=_desynchronized(size, later), tls=tls.server) as server,
        our_client(server.origin, ca_certs=str(tls.bundle)) as client,
    ):
        for number in range(tries):
            sj.fetch_targets(client)
            try:
                if number % 2:  # at once: nothing of another connection can be taken
                    taken += str(sj.submit_job(client, new).job_id) != str(OWN)
                else:
                    time.sleep(later + 0.05)
                    taken += sj.fetch_balance(client).email != "own@example.com"
            except sj.SuperstaqServerException:
                taken += 1
    return taken


def unrequested_bytes(*, quick: bool) -> Row:
    """Row 11."""
    tries = 6 if quick else 60
    with certificates() as tls:
        behind = [_taken(size, 0.0, tries, tls) for size in SIZES]
        before = _taken(10, 0.02, tries, tls)
    return Row(
        what=f"over TLS: a response behind a body of 60 kB to 1 MB, and one sent before its "
        f"request; 4 × {tries} tries, half of them submissions",
        bar="0 taken by another call",
        ours=f"{sum(behind)} and {before} taken",
        theirs="not measured",
        passed=not sum(behind) and not before,
    )


# ---- row 12 --------------------------------------------------------------------------------------


def interrupts(*, quick: bool) -> Row:
    """Row 12."""
    signals, places = (500 if quick else 10_000), 3
    drawn = random.Random(12)  # noqa: S311 - nothing is kept secret with it
    handled = 0

    def interrupt(_number: int, frame: FrameType | None) -> None:
        nonlocal handled
        # Python ignores what is raised in the callback of a weak reference, such as those that the
        # server's threads leave behind: a little later, then.
        if frame is not None and frame.f_code.co_name == "_remove":
            signal.setitimer(signal.ITIMER_REAL, 1e-4)
            return
        handled += 1
        raise KeyboardInterrupt

    all_at_once = faults.together(places)

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        assert request is not None
        act = all_at_once if request.target == "/together" else faults.echo()
        act.run(connection, request)

    requests = [sj.Request(method=method, path="/a") for method in ("GET", "GET", "POST")]
    together = sj.Request(method="GET", path="/together")
    caught = calls = 0
    before = signal.signal(signal.SIGALRM, interrupt)
    with (
        faults.FaultServer(then=faults.Act(run)) as server,
        sj.HttpTransport(origin=server.origin, max_connections=places) as transport,
    ):
        try:
            while caught < signals:
                try:
                    signal.setitimer(signal.ITIMER_REAL, drawn.uniform(1e-6, 0.002))
                    while True:
                        transport.send(drawn.choice(requests), timeout_seconds=30)
                        calls += 1
                except KeyboardInterrupt:
                    caught += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

        def send_together() -> None:
            transport.send(together, timeout_seconds=30)

        in_threads([send_together] * places)  # raises if a place has been lost
    return Row(
        what=f"{signals:,} Ctrl-Cs by signal at random moments of a busy loop of requests",
        bar="each arrives as KeyboardInterrupt, no place for a connection is lost",
        ours=f"{caught:,} of {handled:,} arrived, {places} of {places} places left "
        f"({calls:,} requests succeeded)",
        theirs="not measured",
        passed=caught == handled == signals,
    )


# ---- row 13 --------------------------------------------------------------------------------------


def cancelled_waits(*, quick: bool) -> Row:
    """Row 13."""
    waits, times = 30, 3 if quick else 10
    seconds = [_after_cancelled(waits) for _ in range(times)]
    return Row(
        what=f"a wait after {waits} cancelled ones on a server that hung, {times} times",
        bar="< 0.5 s",
        ours=f"{max(seconds):.3f} s at most, median {statistics.median(seconds):.3f} s",
        theirs="has no waits in coroutines",
        passed=max(seconds) < 0.5,
    )


def _after_cancelled(waits: int) -> float:
    hangs = True

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        if hangs:
            connection.hang()
        serve_jobs("completed").run(connection, request)

    with faults.FaultServer(then=faults.Act(run)) as server, our_client(server.origin) as client:

        async def cancelled() -> None:
            tasks = [
                asyncio.create_task(sj.JobHandle(client, JOB).wait_until_complete_async())
                for _ in range(waits)
            ]
            await asyncio.sleep(1.0)  # until all of them wait for the server or for a connection
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run(cancelled())
        hangs = False
        started = time.perf_counter()
        sj.JobHandle(client, JOB).wait_until_complete(timeout_seconds=30)
        return time.perf_counter() - started
