"""Plans: values that are checked when they are made, who gets which, and what becomes of a job."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs.emulator import Emulator, Ending, Plan
from superstaq_jobs.emulator.jobs.plans import Becomes, PlanQueue
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import NEXT_STATUSES

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'
)
BROKEN = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; frobnicate q[0];'

PASSING = [status for status in CircuitStatus if status in NEXT_STATUSES and not status.is_terminal]
PASSING.remove(CircuitStatus.UNKNOWN)

# --- values


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"queue_seconds": -1}, "queue_seconds must be a number"),
        ({"compile_seconds": float("nan")}, "compile_seconds must be a number"),
        ({"run_seconds": float("inf")}, "run_seconds must be a number"),
        ({"run_seconds": "3"}, "run_seconds must be a number"),
        ({"run_seconds": True}, "run_seconds must be a number"),
        ({"ending": "stuck"}, "ending must be an Ending"),
        ({"ending": None}, "ending must be an Ending"),
        ({"circuits": [Ending("stuck")]}, "circuits must map indexes"),
        ({"circuits": {-1: Ending("stuck")}}, "an index is a number from 0, not -1"),
        ({"circuits": {True: Ending("stuck")}}, "an index is a number from 0, not True"),
        ({"circuits": {"0": Ending("stuck")}}, "an index is a number from 0, not '0'"),
        ({"circuits": {0: "stuck"}}, "circuit 0 must have an Ending"),
    ],
    ids=str,
)
def test_a_plan_without_sense_is_refused(options: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        Plan(**options)


@pytest.mark.parametrize(
    ("becomes", "options", "why"),
    [
        ("lost", {}, "becomes one of completed, failed, cancelled, .*, not 'lost'"),
        ("running", {}, "becomes one of"),
        ([], {}, "becomes one of"),
        ("completed", {"during": "running"}, "after its last status"),
        ("completed", {"message": "done"}, "completed has no message"),
        ("stuck", {"message": "stuck"}, "stuck has no message"),
        ("failed", {"during": "completed"}, "during is a status that passes"),
        ("failed", {"during": "unknown"}, "during is a status that passes"),
        ("failed", {"during": "teleporting"}, "during is a status that passes, not 'teleporting'"),
        ("failed", {"during": ["running"]}, "during is a status that passes"),
        ("failed", {"message": 3}, "a message is a text"),
    ],
    ids=str,
)
def test_an_ending_without_sense_is_refused(becomes: Any, options: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        Ending(becomes, **options)


def test_plans_are_values():
    plan = Plan(queue_seconds=3, circuits={1: Ending("failed", during="running", message="!")})
    again = eval(repr(plan.circuits[1]), {"Ending": Ending})  # noqa: S307 - our own text
    assert again == plan.circuits[1]
    assert repr(Ending("stuck")) == "Ending('stuck')"
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert hash(plan) == hash(Plan(queue_seconds=3.0, circuits=dict(plan.circuits)))
    with pytest.raises(TypeError):
        plan.circuits[1] = Ending("stuck")  # type: ignore[index]


# --- who gets which

NAMES = st.none() | st.sampled_from("ab")


@given(
    events=st.lists(
        st.tuples(st.just("plan"), NAMES, NAMES)
        | st.tuples(st.just("always"), NAMES, NAMES)
        | st.tuples(st.just("job"), st.sets(st.sampled_from("ab")), st.sampled_from("ab")),
        max_size=30,
    )
)
def test_each_job_takes_the_first_plan_that_is_for_it(events: list[Any]):
    queue = PlanQueue()
    waiting: list[tuple[Plan, Any, Any]] = []
    standing: list[tuple[Plan, Any, Any]] = []
    for number, (what, one, other) in enumerate(events):
        plan = Plan(run_seconds=number)
        if what == "plan":
            queue.add([plan], tag=one, target=other)
            waiting.append((plan, one, other))
        elif what == "always":
            queue.set_always(plan, tag=one, target=other)
            standing.append((plan, one, other))
        else:
            fitting = [
                entry
                for entry in [*waiting, *reversed(standing)]
                if entry[1] in {None, *one} and entry[2] in {None, other}
            ]
            assert queue.take(tags=one, target=other) == (fitting[0][0] if fitting else None)
            if fitting and fitting[0] in waiting:
                waiting.remove(fitting[0])
        assert len(queue) == len(waiting)


def test_jobs_get_plans_in_order_of_submission_by_tag_and_by_target(
    emulate: Callable[..., Emulator], submit: Callable[..., str], clock: Any
):
    plans = [Plan(run_seconds=seconds) for seconds in range(6)]
    server = emulate(clock=clock, step_seconds=10, plans=plans[:2])
    server.plan(plans[2], tag="week-18")
    server.plan(plans[3], target="emulated_line_qpu")
    server.plan(plans[4])
    for fields in [
        {},
        {"tags": ["week-18"]},
        {"target": "emulated_line_qpu"},
        {"tags": ["x", "week-18"]},
        {},
        {},
    ]:
        submit(server, BELL, **fields)
    got = [job.plan for job in server.jobs()]
    assert got == [plans[0], plans[1], plans[3], plans[2], plans[4], None]
    server.plan(plans[5], always=True)
    for _ in range(2):
        submit(server, BELL)
    assert [job.plan for job in server.jobs()][-2:] == [plans[5], plans[5]]


def test_plans_for_nobody_are_refused(emulate: Callable[..., Emulator]):
    server = emulate()
    with pytest.raises(ValueError, match="There is no target nowhere_at_qpu"):
        server.plan(Plan(), target="nowhere_at_qpu")
    with pytest.raises(ValueError, match="must be a Plan, not 'stuck'"):
        emulate(plans=["stuck"])
    with pytest.raises(ValueError, match="always takes one plan, not 2"):
        server.plan(Plan(), Plan(), always=True)
    with pytest.raises(ValueError, match="always takes one plan, not 0"):
        server.plan(always=True)


# --- what becomes of a job


@pytest.mark.parametrize("job_type", ["submit", "simulate", "compile"])
def test_each_ending_as_the_api_shows_it(
    emulate: Callable[..., Emulator],
    submit: Callable[..., str],
    fetch: Callable[..., dict[str, Any]],
    clock: Any,
    job_type: str,
):
    endings = [
        Ending("completed"),
        *(
            Ending(becomes, during=during, message=None if becomes == "stuck" else "as planned")
            for becomes in get_args(Becomes)
            if becomes != "completed"
            for during in PASSING
        ),
    ]
    server = emulate(clock=clock, step_seconds=10)
    server.plan(Plan(circuits=dict(enumerate(endings))))
    job_id = submit(server, *[BELL] * len(endings), job_type=job_type)
    clock.advance(1_000_000)
    data = fetch(server, job_id)
    for index, ending in enumerate(endings):
        status = data["statuses"][index]
        told = data["status_messages"][index]
        compiled = data["compiled_circuits"][index]
        assert (data["counts"][index] is not None) == (
            status == "completed" and job_type != "compile"
        )
        if ending.becomes == "completed":
            assert (status, told) == ("completed", None)
            assert compiled is not None
            continue
        assert told == ending.message
        assert status == ending.becomes or (told is None and CircuitStatus(status) in PASSING)
        passed_compilation = job_type != "compile" and ending.during in {
            "awaiting_submission", "awaiting_simulation", "pending", "running", "simulating"
        }  # fmt: skip
        assert (compiled is not None) == passed_compilation
        at_provider = job_type == "submit" and ending.during in {
            "pending", "running", "simulating"
        }  # fmt: skip
        assert (data["provider_id"][index] is not None) == at_provider


def test_partial_results_and_a_fault_of_a_circuits_own(
    emulate: Callable[..., Emulator],
    submit: Callable[..., str],
    fetch: Callable[..., dict[str, Any]],
    clock: Any,
):
    plan = Plan(
        queue_seconds=36_000,
        run_seconds=60,
        circuits={1: Ending("failed"), 2: Ending("stuck"), 3: Ending("cancelled")},
    )
    server = emulate(clock=clock, step_seconds=0, plans=[plan])
    job_id = submit(server, BELL, BELL, BELL, BELL, BROKEN)
    for seconds, statuses in [
        (0, ["pending"] * 4 + ["failed"]),
        (35_999, ["pending"] * 4 + ["failed"]),
        (1, ["running"] * 4 + ["failed"]),
        (60, ["completed", "failed", "running", "cancelled", "failed"]),
        (1e6, ["completed", "failed", "running", "cancelled", "failed"]),
    ]:
        clock.advance(seconds)
        data = fetch(server, job_id)
        assert data["statuses"] == statuses
    told = data["status_messages"]
    assert told[:4] == [None, "The device failed.", None, "Cancelled by the operator."]
    assert "frobnicate" in told[4]
    assert sum(data["counts"][0].values()) == 100
    assert data["counts"][1:] == [None] * 4
