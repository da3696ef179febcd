"""Rows 15 and 16: waits for many jobs, whose requests are refused or of which one drips."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport

from .shared import (
    HOST,
    KEY,
    Row,
    circuits_body,
    faults,
    job_number,
    jobs_body,
    our_client,
    requested_ids,
)

__all__ = ["dripping", "refusals"]

# ---- row 15 --------------------------------------------------------------------------------------

HANDLES = 5000
BAD = str(job_number(3333))


def _refuse(status: int) -> Callable[[Sequence[str]], sj.Response | None]:
    return lambda _ids: sj.Response(status=status, body=b'"no"')


REFUSALS: dict[str, tuple[int, Callable[[Sequence[str]], sj.Response | None]]] = {
    "403": (40, _refuse(403)),
    "404": (40, _refuse(404)),
    "302": (40, _refuse(302)),
    "a login page": (40, lambda _ids: sj.Response(status=200, body=b"<html>Log in</html>")),
    "400 for one id": (80, lambda ids: _refuse(400)(ids) if BAD in ids else None),
}


def _jobs_body(target: str, ids: Sequence[str], status: str) -> bytes:
    """A body with all of these jobs."""
    one = circuits_body if target.startswith("/v0.2.0/") else jobs_body
    return one(*ids, status=status)


def _requests(refuse: Callable[[Sequence[str]], sj.Response | None], handles: int) -> int:
    """The requests of one wait for that many jobs, and that only the refused ones failed."""

    def respond(request: sj.Request) -> sj.Response:
        ids = requested_ids(request.path, request.body or b"")
        refusal = refuse(ids)
        if refusal is not None:
            return refusal
        return sj.Response(status=200, body=_jobs_body(request.path, ids, "completed"))

    transport = ScriptedTransport.from_function(respond)
    client = sj.SuperstaqClient(KEY, HOST, transport=transport, clock=FakeClock())
    try:
        sj.wait_all([sj.JobHandle(client, job_number(n)) for n in range(handles)], 600)
    except sj.JobsUnsettled as error:
        if len(error.errors) not in {1, handles}:
            raise
    return len(transport.requests)


def refusals(*, quick: bool) -> Row:
    """Row 15."""
    del quick
    numbers = {name: _requests(refuse, HANDLES) for name, (_, refuse) in REFUSALS.items()}
    return Row(
        what=f"requests of a wait for {HANDLES:,} jobs that is refused: {', '.join(REFUSALS)}",
        bar=f"≤ {', '.join(str(bar) for bar, _ in REFUSALS.values())}",
        ours=", ".join(map(str, numbers.values())),
        theirs="has no waits for many jobs",
        passed=all(numbers[name] <= bar for name, (bar, _) in REFUSALS.items()),
    )


# ---- row 16 --------------------------------------------------------------------------------------

JOBS = 600
INTERVAL_SECONDS = 2.0
FINISHED_AFTER_SECONDS = 3.0


def _lateness(version: str) -> tuple[int, float]:
    """How many jobs were reported, and how late the last of them, beside a request that drips."""
    began = time.monotonic()
    slow = str(job_number(0))

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        assert request is not None
        ids = requested_ids(request.target, request.body)
        if slow in ids:
            faults.drip_body(0.05).run(connection, request)
        is_finished = time.monotonic() - began > FINISHED_AFTER_SECONDS
        status = "completed" if is_finished else "running"
        connection.send(faults.whole(_jobs_body(request.target, ids, status)))

    times: list[float] = []
    server = faults.FaultServer(then=faults.Act(run))
    with server, our_client(server.origin, api_version=version) as client:
        handles = [sj.JobHandle(client, job_number(n)) for n in range(JOBS)]
        seconds = FINISHED_AFTER_SECONDS + INTERVAL_SECONDS + 3
        with contextlib.suppress(sj.JobsTimeout):
            times.extend(
                time.monotonic() - began - FINISHED_AFTER_SECONDS
                for _ in sj.as_completed(handles, seconds, INTERVAL_SECONDS)
            )
    return len(times), max(times, default=float("inf"))


def dripping(*, quick: bool) -> Row:
    """Row 16."""
    runs = [_lateness(version) for version in ("v0.3.0", "v0.2.0")[: 1 if quick else 2]]
    worst = max(late for _, late in runs)
    # A request is for about 150 jobs in v0.3.0, and for 250 circuits in v0.2.0.
    complete = all(number >= least for (number, _), least in zip(runs, (440, 350), strict=False))
    return Row(
        what=f"{JOBS} jobs polled every {INTERVAL_SECONDS:.0f} s, of whose requests one drips "
        "without end: how late the end of the others is reported (both versions of the API)",
        bar="≤ one interval + 2 s",
        ours=f"{worst:.1f} s at most ({' and '.join(str(number) for number, _ in runs)} jobs)",
        theirs="has no waits for many jobs",
        passed=worst <= INTERVAL_SECONDS + 2 and complete,
    )
