"""An emulator on a virtual clock: its responses depend on that clock alone."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import general_superstaq as gss
import pytest
from emulators import hold
from general_superstaq.job import Job
from hypothesis import given, settings
from hypothesis import strategies as st

import superstaq_jobs as sj
from superstaq_jobs.clock import SystemClock
from superstaq_jobs.emulator import Emulator, Ending, Plan, Simulator
from superstaq_jobs.testing import FakeClock

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'
)
BROKEN = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; frobnicate q[0];'
HOURS = 3600.0
TEN_HOURS = Plan(queue_seconds=10 * HOURS, compile_seconds=0, run_seconds=30)


@pytest.fixture
def gate(simulator: Simulator) -> Iterator[threading.Event]:
    """Blocks the simulator until it is set."""
    opened = threading.Event()
    hold(simulator, opened)
    yield opened
    opened.set()


@pytest.fixture
def background() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        yield pool


def started_waiting(server: Emulator) -> None:
    """Block until a request waits for a circuit."""
    while not server._service.store._news._waiters:
        time.sleep(0.001)


# --- responses do not depend on how fast this machine simulates


def test_a_request_waits_for_due_results_and_others_do_not(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Any, send: Any,
    gate: threading.Event, background: Any,
):  # fmt: skip
    clock = FakeClock()
    server = emulate(clock=clock, step_seconds=10)
    job_id = submit(server, BELL, BROKEN)
    clock.advance(5)
    assert fetch(server, job_id)["statuses"] == ["received"] * 2, "nothing is due"
    clock.advance(1_000)
    polls = [background.submit(fetch, server, job_id) for _ in range(2)]
    polls.append(background.submit(lambda: server.jobs()[0]))
    started_waiting(server)
    assert send(server, "GET", "/client/balance").status == 200
    other = submit(server, BELL)
    assert fetch(server, other)["statuses"] == ["received"]
    assert not any(poll.done() for poll in polls)
    gate.set()
    first, second, operators = (poll.result(timeout=60) for poll in polls)
    assert first == second
    assert first["statuses"] == ["completed", "failed"] == list(operators.statuses)
    # At the planned time, which has long passed, and not when the simulator was done.
    newest = max(first["last_updated_timestamp"])
    assert newest < clock.utcnow().isoformat()
    assert newest > "2026-01-01T00:00:20"


def test_cancelling_waits_for_due_results_too(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Any, send: Any,
    gate: threading.Event, background: Any,
):  # fmt: skip
    clock = FakeClock()
    server = emulate(clock=clock, step_seconds=10)
    finished = submit(server, BELL)
    clock.advance(1_000)
    going = submit(server, BELL)
    clock.advance(1)
    ids = {"job_id": [finished, going]}
    cancelling = background.submit(send, server, "PUT", "/client/cancel_jobs", ids)
    started_waiting(server)
    gate.set()
    assert cancelling.result(timeout=60).json["succeeded"] == [going]
    assert fetch(server, finished)["statuses"] == ["completed"]


def test_on_a_real_clock_no_request_waits(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Any, gate: threading.Event
):
    for clock in (None, SystemClock()):
        server = emulate(clock=clock, step_seconds=0)
        job_id = submit(server, BELL)
        assert fetch(server, job_id)["statuses"] == ["compiling"]
        assert server.jobs()[0].statuses == ("compiling",)
    gate.set()


def script(server: Emulator, clock: FakeClock, send: Any, pause: Callable[[], object]) -> list[Any]:
    """Three jobs, and their data at each step; ``pause`` may let the simulator work."""
    server.plan(Plan(queue_seconds=500, circuits={1: Ending("failed", during="compiling")}))
    seen = []
    new_job = {"job_type": "submit", "target": "ss_unconstrained_simulator", "circuit_type": "qasm"}
    for circuits in ([BELL, BELL], [BROKEN], [BELL] * 3):
        body = {**new_job, "circuits": json.dumps(circuits), "shots": 50}
        seen.append(send(server, "POST", "/client/job", body).json)
        clock.advance(7)
        pause()
        seen.append(send(server, "GET", "/client/job/qasm").json)
    for seconds in (20, 30, 400, 1, 1_000):
        clock.advance(seconds)
        seen.append(send(server, "GET", "/client/job/qasm").json)
        pause()
        seen.append(send(server, "GET", "/client/job/qasm?status=running&status=failed").json)
    cancelled = send(server, "PUT", "/client/cancel_jobs", {"status": ["completed"]}).json
    return [*seen, cancelled, server.jobs()]


def test_the_same_script_gives_the_same_responses(
    emulate: Callable[..., Emulator], send: Any, simulator_idle: Callable[[], None]
):
    runs = []
    for pause in (lambda: None, simulator_idle):
        clock = FakeClock()
        runs.append(script(emulate(clock=clock, step_seconds=10, seed=3), clock, send, pause))
    assert runs[0] == runs[1]
    assert {s for job in runs[0][-1] for s in job.statuses} == {"completed", "failed"}


# --- waits without an end of their own


def test_stopping_ends_waiting_requests(
    submit: Callable[..., str], fetch: Any, simulator: Simulator, gate: threading.Event,
    background: Any,
):  # fmt: skip
    clock = FakeClock()
    with Emulator(simulator=simulator, clock=clock, step_seconds=1) as server:
        job_id = submit(server, BELL)
        clock.advance(1_000)
        polls = [background.submit(fetch, server, job_id), background.submit(server.jobs)]
        started_waiting(server)
    for poll in polls:
        with contextlib.suppress(http.client.HTTPException, OSError, RuntimeError, AssertionError):
            poll.result(timeout=10)
        assert poll.exception() is not None
    with pytest.raises(RuntimeError, match="stopped"):
        server.jobs()
    gate.set()


def test_no_request_waits_for_a_closed_simulator(
    submit: Callable[..., str], send: Any, background: Any
):
    clock, gate = FakeClock(), threading.Event()
    with Simulator() as simulator, Emulator(simulator=simulator, clock=clock) as server:
        hold(simulator, gate)
        job_id = submit(server, BELL)
        clock.advance(1_000)
        looking = background.submit(send, server, "GET", f"/client/job/qasm?job_id={job_id}")
        started_waiting(server)
        closing = background.submit(simulator.close)  # which waits for the gate
        assert looking.result(timeout=60).status == 500
        with pytest.raises(RuntimeError, match="simulator is closed"):
            server.jobs()
        gate.set()
        closing.result(timeout=60)


# --- ten hours


def schedule(policy: sj.PollPolicy, changes: list[tuple[float, str]]) -> list[float]:
    """The times of the polls of a wait, from the policy's attributes, without the library's code.

    The job has each status from its time on; the last one is terminal.
    """

    def seen(now: float) -> str:
        return [status for at, status in changes if at <= now][-1]

    def pause(status: str, quiet: float) -> float:
        pace = policy.running if status in {"running", "simulating"} else policy.queued
        return min(pace.max_seconds, max(pace.min_seconds, pace.fraction * quiet))

    now, status, quiet, quiet_at = 0.0, seen(0.0), 0.0, 0.0
    polls = [now]
    while status != changes[-1][1]:
        now += pause(status, quiet + now - quiet_at)
        polls.append(now)
        if seen(now) != status:
            pace = policy.running if status in {"running", "simulating"} else policy.queued
            quiet = policy.snap_back * pause(status, quiet + now - quiet_at) / pace.fraction
            status, quiet_at = seen(now), now
    return polls


@pytest.mark.parametrize(
    "pace",
    [
        60.0,
        3600.0,
        sj.PollPolicy(jitter=0, queued=sj.Pace(fraction=0.1, min_seconds=1, max_seconds=600)),
        sj.PollPolicy(),
    ],
    ids=["a minute", "an hour", "up to ten minutes", "as the policy is"],
)
def test_a_wait_of_ten_hours_makes_the_requests_of_its_schedule(
    emulate: Callable[..., Emulator], pace: float | sj.PollPolicy
):
    clock = FakeClock()
    server = emulate(clock=clock, step_seconds=0, plans=[TEN_HOURS])
    options = (
        {"poll_policy": pace} if isinstance(pace, sj.PollPolicy) else {"polling_seconds": pace}
    )
    with sj.SuperstaqClient(server.api_key, server.url, clock=clock, jitter=lambda: 0.5) as client:
        job = sj.NewJob(target="ss_unconstrained_simulator", circuits=[BELL], shots=100)
        handle = sj.JobHandle.submit(client, job)
        submitted = client.traffic.requests
        final = handle.wait_until_complete(**options)
        requests = client.traffic.requests - submitted
    timetable = [(0.0, "pending"), (10 * HOURS, "running"), (10 * HOURS + 30, "completed")]
    if isinstance(pace, sj.PollPolicy):
        polls = schedule(pace, timetable)
    else:
        polls = [pace * n for n in range(int(-(-timetable[-1][0] // pace)) + 1)]
    assert requests == len(polls)
    pauses = [after - before for before, after in itertools.pairwise(polls)]
    assert clock.sleeps == pytest.approx(pauses)
    assert clock.now() == pytest.approx(polls[-1])
    assert final.completed
    assert sum(final.counts(0).values()) == 100
    finished = final.circuits[0].updated_at
    assert finished is not None
    assert (finished - final.submitted_at).total_seconds() == timetable[-1][0]


PACES = st.builds(
    lambda fraction, shortest, longer: sj.Pace(
        fraction=fraction, min_seconds=shortest, max_seconds=shortest + longer
    ),
    st.floats(0.01, 1),
    st.integers(100, 1_000),
    st.integers(0, 3_000),
)


@settings(max_examples=15)
@given(
    queue=st.integers(0, 20_000),
    run=st.integers(0, 5_000),
    queued=PACES,
    running=PACES,
    snap_back=st.floats(0.01, 1),
)
def test_any_wait_makes_the_requests_of_its_schedule(
    *,
    simulator: Simulator,
    queue: int,
    run: int,
    queued: sj.Pace,
    running: sj.Pace,
    snap_back: float,
):
    clock = FakeClock()
    policy = sj.PollPolicy(queued=queued, running=running, snap_back=snap_back, jitter=0)
    plan = Plan(queue_seconds=queue, run_seconds=run)
    new = sj.NewJob(target="ss_unconstrained_simulator", circuits=[BELL], shots=1)
    with (
        Emulator(simulator=simulator, clock=clock, step_seconds=0, plans=[plan]) as server,
        sj.SuperstaqClient(server.api_key, server.url, clock=clock) as client,
    ):
        handle = sj.JobHandle.submit(client, new)
        assert handle.wait_until_complete(poll_policy=policy).completed
        requests = client.traffic.requests - 1
    polls = schedule(policy, [(0, "pending"), (queue, "running"), (queue + run, "completed")])
    assert requests == len(polls)
    pauses = [after - before for before, after in itertools.pairwise(polls)]
    assert clock.sleeps == pytest.approx(pauses)


@pytest.mark.parametrize("timeout", [HOURS, 10 * HOURS + 30, 10 * HOURS + 29.999])
def test_a_wait_polls_at_its_deadline(emulate: Callable[..., Emulator], timeout: float):
    clock = FakeClock()
    server = emulate(clock=clock, step_seconds=0, plans=[TEN_HOURS])
    with sj.SuperstaqClient(server.api_key, server.url, clock=clock) as client:
        job = sj.NewJob(target="ss_unconstrained_simulator", circuits=[BELL], shots=100)
        handle = sj.JobHandle.submit(client, job)
        if timeout < 10 * HOURS + 30:
            with pytest.raises(sj.WaitTimeout) as caught:
                handle.wait_until_complete(timeout_seconds=timeout, polling_seconds=HOURS)
            assert caught.value.num_failures == 0
            assert caught.value.snapshot is not None
            assert str(caught.value.snapshot.status) == (
                "pending" if timeout == HOURS else "running"
            )
        else:
            final = handle.wait_until_complete(timeout_seconds=timeout, polling_seconds=HOURS)
            assert final.completed
    assert clock.now() == timeout


def test_a_wait_for_a_stuck_circuit_times_out(emulate: Callable[..., Emulator]):
    clock = FakeClock()
    plan = Plan(circuits={1: Ending("stuck", during="pending")})
    server = emulate(clock=clock, step_seconds=1, plans=[plan])
    with sj.SuperstaqClient(server.api_key, server.url, clock=clock) as client:
        job = sj.NewJob(target="ss_unconstrained_simulator", circuits=[BELL, BELL], shots=100)
        handle = sj.JobHandle.submit(client, job)
        with pytest.raises(sj.WaitTimeout) as caught:
            handle.wait_until_complete(timeout_seconds=24 * HOURS, polling_seconds=HOURS)
        snapshot = caught.value.snapshot
        assert snapshot is not None
        assert [str(status) for status in snapshot.statuses] == ["completed", "pending"]
        done = server.finish_job(handle.job_id(), circuits=[1])
        assert done.statuses == ("completed", "completed")
        assert handle.wait_until_complete(timeout_seconds=0).completed


# --- the official client


def test_the_official_client_waits_ten_hours_too(
    emulate: Callable[..., Emulator], submit: Callable[..., str], official: Any
):
    class Hurrying(FakeClock):
        """Each poll takes ten minutes, since the official client sleeps by the system clock."""

        def now(self) -> float:
            self.advance(600)
            return super().now()

    server = emulate(clock=Hurrying(), step_seconds=0, plans=[TEN_HOURS])
    client = official(server)
    job = Job(client, submit(server, BELL))
    job.wait_until_terminal_state(polling_seconds=0)
    assert job._status() == gss.models.CircuitStatus.COMPLETED
    assert sum(job.job_data.counts[0].values()) == 100
    waited = job.job_data.last_updated_timestamp[0] - job.job_data.submission_timestamp
    assert waited.total_seconds() == 10 * HOURS + 30


def test_a_planned_failure_becomes_the_official_clients_exception(
    emulate: Callable[..., Emulator], submit: Callable[..., str], official: Any
):
    clock = FakeClock()
    plan = Plan(circuits={1: Ending("failed", message="A laser went dark."), 2: Ending("stuck")})
    server = emulate(clock=clock, step_seconds=1, plans=[plan])
    client = official(server)
    job = Job(client, submit(server, BELL, BELL, BELL))
    server.advance(HOURS)
    assert job._status() == gss.models.CircuitStatus.RUNNING
    assert job._status(0) == gss.models.CircuitStatus.COMPLETED
    server.cancel_job(job.job_id(), message="Maintenance.")
    assert job._status() == gss.models.CircuitStatus.FAILED
    with pytest.raises(gss.SuperstaqUnsuccessfulJobException, match=r"A laser went dark\."):
        job._check_if_unsuccessful()
    assert job.job_data.status_messages == [None, "A laser went dark.", "Maintenance."]
