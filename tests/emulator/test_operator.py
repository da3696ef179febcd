"""What the operator of an emulator does, and what users see of it."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from emulators import hold
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reachable import may_become

from superstaq_jobs.emulator import Emulator, Ending, Plan, Simulator, User
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.testing import FakeClock

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'
)
BROKEN = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; frobnicate q[0];'
UNKNOWN = str(uuid.UUID(int=0))

Send = Callable[..., Any]


# --- ending jobs


def test_cancel_and_fail_end_unfinished_circuits(
    emulate: Callable[..., Emulator],
    submit: Callable[..., str],
    fetch: Callable[..., Any],
    clock: Any,
):
    server = emulate(clock=clock, step_seconds=10)
    server.plan(
        *[Plan(queue_seconds=1_000, circuits={0: Ending("failed", during="compiling")})] * 2
    )
    for what, status in [("cancel", "cancelled"), ("fail", "failed")]:
        job_id = submit(server, BELL, BELL, BELL, BELL)
        server.advance(200)
        first = getattr(server, f"{what}_job")(job_id, circuits=[0, 2], message="Maintenance.")
        assert list(first.statuses) == ["failed", "pending", status, "pending"]
        last = getattr(server, f"{what}_job")(job_id)
        assert list(last.statuses) == ["failed", status, status, status]
        general = {"cancel": "Cancelled by the operator.", "fail": "Failed by the operator."}[what]
        messages = ["The device failed.", general, "Maintenance.", general]
        assert list(last.messages) == messages
        server.advance(1_000_000)
        assert getattr(server, f"{what}_job")(job_id, message="Again.") == last
        assert server.finish_job(job_id) == last
        data = fetch(server, job_id)
        assert data["statuses"] == list(last.statuses)
        assert data["status_messages"] == messages
        # What the circuits had reached is still shown.
        assert [text is not None for text in data["compiled_circuits"]] == [False] + [True] * 3
        assert data["counts"] == [None] * 4


def test_finish_completes_unfinished_circuits_whatever_their_plan(
    emulate: Callable[..., Emulator],
    submit: Callable[..., str],
    fetch: Callable[..., Any],
    clock: Any,
):
    server = emulate(clock=clock, step_seconds=10)
    endings = {0: Ending("stuck", during="received"), 1: Ending("failed"), 2: Ending("cancelled")}
    server.plan(Plan(queue_seconds=1_000, circuits=endings))
    job_id = submit(server, BELL, BELL, BELL, BELL, BROKEN)
    server.advance(500)
    assert fetch(server, job_id)["statuses"] == ["received", *["pending"] * 3, "failed"]
    some = server.finish_job(job_id, circuits=[1, 3])
    assert list(some.statuses) == ["received", "completed", "pending", "completed", "failed"]
    server.advance(1)
    rest = server.finish_job(job_id)
    assert list(rest.statuses) == ["completed"] * 4 + ["failed"]
    assert [messages is None for messages in rest.messages] == [True] * 4 + [False]
    data = fetch(server, job_id)
    assert [sum(counts.values()) for counts in data["counts"][:4]] == [100] * 4
    assert data["last_updated_timestamp"][0] > data["last_updated_timestamp"][1]
    broken = submit(server, BROKEN)
    assert server.finish_job(broken).statuses == ("failed",)


def test_on_a_real_clock_finish_does_not_wait_for_results(
    emulate: Callable[..., Emulator],
    submit: Callable[..., str],
    finish: Callable[..., Any],
    simulator: Simulator,
):
    gate = threading.Event()
    hold(simulator, gate)
    server = emulate(step_seconds=1_000)
    job_id = submit(server, BELL)
    assert server.finish_job(job_id).statuses == ("compiling",)
    gate.set()
    assert sum(finish(server, job_id)["counts"][0].values()) == 100


ACTS = st.tuples(
    st.sampled_from(["cancel", "fail", "finish", "user", "fetch"]), st.sets(st.integers(0, 2))
)
BECOMES = st.sampled_from(
    [
        Ending("completed"),
        Ending("failed", during="compiling"),
        Ending("cancelled", during="pending"),
        Ending("stuck", during="running"),
        Ending("unrecognized", during="received"),
    ]
)


# The fixtures keep no state from one example to the next.
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    endings=st.lists(BECOMES, min_size=3, max_size=3),
    story=st.lists(st.tuples(st.integers(0, 40), ACTS), max_size=8),
)
def test_no_circuit_goes_back_whatever_the_operator_does(
    simulator: Simulator, submit: Callable[..., str], fetch: Callable[..., Any], send: Send,
    endings: list[Ending], story: list[Any],
):  # fmt: skip
    clock = FakeClock()
    plan = Plan(circuits=dict(enumerate(endings)))
    with Emulator(simulator=simulator, clock=clock, step_seconds=10, plans=[plan]) as server:
        job_id = submit(server, BELL, BELL, BELL)
        polls = [fetch(server, job_id)]
        for seconds, (what, circuits) in story:
            server.advance(seconds)
            if what == "user":
                send(server, "PUT", "/client/cancel_jobs", {"job_id": [job_id]})
            elif what != "fetch":
                getattr(server, f"{what}_job")(job_id, circuits=circuits)
            polls.append(fetch(server, job_id))
            assert list(server.jobs()[0].statuses) == polls[-1]["statuses"]
    for before, after in itertools.pairwise(polls):
        for index in range(3):
            was, is_now = (CircuitStatus(poll["statuses"][index]) for poll in (before, after))
            assert may_become(was, is_now)
            assert before["last_updated_timestamp"][index] <= after["last_updated_timestamp"][index]
            if was.is_terminal:
                for field in ("statuses", "status_messages", "counts", "last_updated_timestamp"):
                    assert after[field][index] == before[field][index]


# --- jobs, plans and time


def test_the_operator_sees_the_jobs_of_all_users(
    emulate: Callable[..., Emulator], submit: Callable[..., str], clock: Any
):
    users = {"a": User(email="a@example.com"), "b": User(email="b@example.com")}
    server = emulate(clock=clock, step_seconds=10, api_key=users)
    assert server.jobs() == ()
    server.plan(Plan(), tag="x")
    ids = [
        submit(server, BELL, key="a"),
        submit(server, BELL, BROKEN, key="b", tags=["x"], job_type="compile"),
    ]
    server.advance(1_000)
    jobs = server.jobs()
    assert [str(job.job_id) for job in jobs] == ids
    assert [job.user_email for job in jobs] == ["a@example.com", "b@example.com"]
    assert [list(job.statuses) for job in jobs] == [["completed"], ["completed", "failed"]]
    assert [list(job.tags) for job in jobs] == [[], ["x"]]
    assert [bool(job.plan) for job in jobs] == [False, True]
    assert {job.submitted_at.isoformat() for job in jobs} == {"2026-01-01T00:00:00+00:00"}


def test_invalid_arguments_are_refused(
    emulate: Callable[..., Emulator], submit: Callable[..., str]
):
    server = emulate()
    job_id = submit(server, BELL)
    for act in (server.cancel_job, server.fail_job, server.finish_job):
        with pytest.raises(LookupError, match=f"job {UNKNOWN} does not exist"):
            act(UNKNOWN)
        with pytest.raises(LookupError, match="has no circuit 1"):
            act(job_id, circuits=[0, 1])
        with pytest.raises(LookupError, match="has no circuit -1"):
            act(job_id, circuits=[-1])
        with pytest.raises(ValueError, match="job_id: must be a UUID, got "):
            act("mine")
    with pytest.raises(RuntimeError, match="real clock"):
        server.advance(1)
    virtual = emulate(clock=FakeClock())
    for seconds in (-1, float("nan"), float("inf"), 1e300, 1e12):
        with pytest.raises(ValueError, match=r"seconds|NaN"):
            virtual.advance(seconds)


@pytest.mark.parametrize("message", [5, "\ud800"])
def test_a_message_that_json_cannot_hold_is_refused(
    emulate: Callable[..., Emulator], submit: Callable[..., str], message: Any
):
    with pytest.raises(ValueError, match=r"message: (expected a string|must not contain a lone)"):
        Ending("failed", message=message)
    server = emulate()
    with pytest.raises(ValueError, match=r"message: (expected a string|must not contain a lone)"):
        server.cancel_job(submit(server, BELL), message=message)
