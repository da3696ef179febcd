"""What users see of jobs: every status in order, cancellation, and nothing that goes back."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from emulators import hold
from reachable import may_become

from superstaq_jobs.clock import SystemClock
from superstaq_jobs.emulator import Emulator, Plan, Simulator
from superstaq_jobs.emulator.jobs.circuit import Circuit, State
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.testing import FakeClock

Q2 = 'OPENQASM 2.0; include "qelib1.inc"; '
BELL = Q2 + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;"
BROKEN = Q2 + "qreg q[2]; frobnicate q[0];"

Fetch = Callable[..., dict[str, Any]]


SUBMITTED = ["received", "awaiting_compile", "compiling", "awaiting_submission", "pending"]
PATHS = {
    "submit": ({}, [*SUBMITTED, "running", "completed"]),
    "dry run": ({"dry_run": True}, [*SUBMITTED, "running", "completed"]),
    "simulate": (
        {"job_type": "simulate"},
        [*SUBMITTED[:3], "awaiting_simulation", "simulating", "completed"],
    ),
    "compile": ({"job_type": "compile"}, [*SUBMITTED[:3], "completed"]),
    "verbatim": (
        {"verbatim": True},
        ["received", "awaiting_submission", "pending", "running", "completed"],
    ),
}


@pytest.mark.parametrize(("fields", "path"), PATHS.values(), ids=PATHS)
def test_an_observer_sees_every_status_of_the_path(
    *,
    emulate: Callable[..., Emulator],
    submit: Callable[..., str],
    fetch: Fetch,
    simulator_idle: Callable[[], None],
    clock: Any,
    fields: dict[str, Any],
    path: list[str],
):
    server = emulate(clock=clock, step_seconds=10)
    job_id = submit(server, BELL, BELL, BROKEN, **fields)
    simulator_idle()
    polls = []
    while not polls or not set(polls[-1]["statuses"]) <= {"completed", "failed"}:
        polls.append(fetch(server, job_id))
        clock.advance(1)
        assert len(polls) < 1_000
    for index in range(3):
        seen = [poll["statuses"][index] for poll in polls]
        steps = [status for status, _ in itertools.groupby(seen)]
        if index < 2:
            assert steps == path
        else:
            where = path.index("compiling") if "compiling" in path else len(path) - 2
            assert steps == [*path[: where + 1], "failed"]
        for before, after in itertools.pairwise(seen):
            assert may_become(CircuitStatus(before), CircuitStatus(after))
        stamps = [poll["last_updated_timestamp"][index] for poll in polls]
        assert stamps == sorted(stamps)
    assert any(len(set(poll["statuses"][:2])) == 2 for poll in polls), "all at the same pace"
    for poll, index in itertools.product(polls, (0, 1)):
        status = CircuitStatus(poll["statuses"][index])
        has_counts = fields.get("job_type") != "compile" and status == "completed"
        assert (poll["counts"][index] is not None) == has_counts
        assert (poll["compiled_circuits"][index] is not None) == status.is_compiled
        at_provider = not fields and status in {"pending", "running", "completed"}
        assert (poll["provider_id"][index] is not None) == (
            at_provider or ("verbatim" in fields and status in {"pending", "running", "completed"})
        )
    assert fetch(server, job_id) == polls[-1]


def test_a_clock_that_goes_back_moves_nothing(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Fetch,
    simulator_idle: Callable[[], None],
):  # fmt: skip
    class Unsteady(FakeClock):
        back = 0.0

        def now(self) -> float:
            return super().now() - self.back

    clock = Unsteady()
    server = emulate(clock=clock, step_seconds=10)
    job_id = submit(server, BELL)
    simulator_idle()
    clock.advance(1_000)
    finished = fetch(server, job_id)
    assert finished["statuses"] == ["completed"]
    clock.back = 995
    assert fetch(server, job_id) == finished


def test_cancel_ends_unfinished_circuits(
    *,
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Fetch, send: Any,
    simulator_idle: Callable[[], None], clock: Any,
):  # fmt: skip
    server = emulate(clock=clock, step_seconds=10)
    job_id = submit(server, *[BELL] * 6, job_type="compile")
    simulator_idle()
    while fetch(server, job_id)["statuses"].count("completed") == 0:
        clock.advance(0.5)
    before = fetch(server, job_id)
    assert set(before["statuses"]) > {"completed"}
    response = send(server, "PUT", "/client/cancel_jobs", {"job_id": [job_id]})
    assert response.json["succeeded"] == [job_id]
    after = fetch(server, job_id)
    assert set(after["statuses"]) == {"completed", "cancelled"}
    for index, status in enumerate(before["statuses"]):
        if status == "completed":
            assert after["statuses"][index] == "completed"
            assert after["status_messages"][index] is None
        else:
            assert after["statuses"][index] == "cancelled"
            assert "user@emulator.example.com" in after["status_messages"][index]
            assert after["compiled_circuits"][index] is None
    clock.advance(1_000)
    assert fetch(server, job_id) == after
    again = send(server, "PUT", "/client/cancel_jobs", {"job_id": [job_id]})
    assert again.json["succeeded"] == []
    assert "already finished: 1" in again.json["message"]


def test_a_circuit_cancelled_before_its_turn_never_runs(
    *,
    emulate: Callable[..., Emulator], submit: Callable[..., str], send: Any, simulator: Simulator,
    simulator_idle: Callable[[], None], fetch: Fetch,
):  # fmt: skip
    gate = threading.Event()
    hold(simulator, gate)
    server = emulate(step_seconds=0)
    job_id = submit(server, BELL)
    send(server, "PUT", "/client/cancel_jobs", {"job_id": [job_id]})
    gate.set()
    simulator_idle()
    assert fetch(server, job_id)["statuses"] == ["cancelled"]
    assert fetch(server, job_id)["counts"] == [None]


def test_a_circuit_that_was_seen_finished_is_not_cancelled_at_the_same_moment(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Fetch,
    simulator_idle: Callable[[], None],
):  # fmt: skip
    class Manual(SystemClock):
        time = 0.0

        def now(self) -> float:
            return self.time

    clock = Manual()
    server = emulate(clock=clock, step_seconds=0, plans=[Plan(run_seconds=10)])
    job_id = submit(server, BELL)
    simulator_idle()
    clock.time = 9.0
    assert fetch(server, job_id)["statuses"] == ["running"]
    seen: list[Any] = []
    calls: list[float] = []

    def read() -> None:
        seen.append(fetch(server, job_id)["statuses"])

    class Observed(Circuit):
        """Is read by another request, at a later time, while it is cancelled."""

        def state(self, now: float) -> State:
            state = super().state(now)
            calls.append(now)
            if len(calls) == 2:  # it was read, and is about to be changed
                clock.time = 11.0
                reader.start()
                reader.join(0.3)
            return state

    reader = threading.Thread(target=read)
    (job,) = server._service.store.jobs.values()
    (circuit,) = job.circuits
    object.__setattr__(job, "circuits", (Observed(**msgspec.structs.asdict(circuit)),))
    server.cancel_job(job_id)
    reader.join()
    assert seen == [fetch(server, job_id)["statuses"]]
