"""Plans: validation, which job gets which plan, and how jobs go by them."""

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
        ({"queue_seconds": -1}, "queue_seconds: must be a number"),
        ({"compile_seconds": float("nan")}, "compile_seconds: must be a number"),
        ({"run_seconds": float("inf")}, "run_seconds: must be a number"),
        ({"run_seconds": "3"}, "run_seconds: must be a number"),
        ({"run_seconds": True}, "run_seconds: must be a number"),
        ({"ending": "stuck"}, "ending: must be an Ending"),
        ({"ending": None}, "ending: must be an Ending"),
        ({"circuits": [Ending("stuck")]}, "circuits: must map indices"),
        ({"circuits": {-1: Ending("stuck")}}, "must map indices >= 0 to Endings, got {-1: "),
        ({"circuits": {True: Ending("stuck")}}, "must map indices >= 0 to Endings, got {True: "),
        ({"circuits": {"0": Ending("stuck")}}, "must map indices >= 0 to Endings, got {'0': "),
        ({"circuits": {0: "stuck"}}, "must map indices >= 0 to Endings, got {0: 'stuck'}"),
    ],
    ids=str,
)
def test_an_invalid_plan_is_refused(options: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        Plan(**options)


@pytest.mark.parametrize(
    ("becomes", "options", "why"),
    [
        ("lost", {}, "becomes: must be one of completed, failed, cancelled, .*, got 'lost'"),
        ("running", {}, "becomes: must be one of"),
        ([], {}, "becomes: must be one of"),
        ("completed", {"during": "running"}, "after its last status"),
        ("completed", {"message": "done"}, "completed circuit has no message"),
        ("stuck", {"message": "stuck"}, "stuck circuit has no message"),
        ("failed", {"during": "completed"}, "during: must be a non-terminal status"),
        ("failed", {"during": "unknown"}, "during: must be a non-terminal status"),
        (
            "failed",
            {"during": "teleporting"},
            "during: must be a non-terminal status, got 'teleporting'",
        ),
        ("failed", {"during": ["running"]}, "during: must be a non-terminal status"),
        ("failed", {"message": 3}, "message: expected a string"),
    ],
    ids=str,
)
def test_an_invalid_ending_is_refused(becomes: Any, options: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        Ending(becomes, **options)


def test_plans_are_values():
    plan = Plan(queue_seconds=3, circuits={1: Ending("failed", during="running", message="!")})
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert hash(plan) == hash(Plan(queue_seconds=3.0, circuits=dict(plan.circuits)))
    with pytest.raises(TypeError):
        plan.circuits[1] = Ending("stuck")  # type: ignore[index]


# --- which job gets which plan

NAMES = st.none() | st.sampled_from("ab")


@given(
    events=st.lists(
        st.tuples(st.just("plan"), NAMES, NAMES)
        | st.tuples(st.just("always"), NAMES, NAMES)
        | st.tuples(st.just("job"), st.sets(st.sampled_from("ab")), st.sampled_from("ab")),
        max_size=30,
    )
)
def test_each_job_takes_the_first_plan_that_matches(events: list[Any]):
    queue = PlanQueue()
    waiting: list[tuple[Plan, Any, Any]] = []
    state: list[tuple[Plan, Any, Any]] = []
    for number, (what, one, other) in enumerate(events):
        plan = Plan(run_seconds=number)
        if what == "plan":
            queue.add([plan], tag=one, target=other)
            waiting.append((plan, one, other))
        elif what == "always":
            queue.add([plan], tag=one, target=other, always=True)
            state.append((plan, one, other))
        else:
            fitting = [
                entry
                for entry in [*waiting, *reversed(state)]
                if entry[1] in {None, *one} and entry[2] in {None, other}
            ]
            assert queue.take(tags=one, target=other) == (fitting[0][0] if fitting else None)
            if fitting and fitting[0] in waiting:
                waiting.remove(fitting[0])


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


def test_invalid_arguments_of_plan_are_refused(emulate: Callable[..., Emulator]):
    server = emulate()
    with pytest.raises(
        ValueError, match="target: must be a target of this emulator, got 'nowhere_at_qpu'"
    ):
        server.plan(Plan(), target="nowhere_at_qpu")
    with pytest.raises(ValueError, match=r"plans: \[0\] expected a Plan, got 'stuck'"):
        server.plan("stuck")
    with pytest.raises(ValueError, match=r"plans: \[0\] expected a Plan, got 'stuck'"):
        emulate(plans=["stuck"])
    with pytest.raises(ValueError, match="takes exactly one plan, got 2"):
        server.plan(Plan(), Plan(), always=True)
    with pytest.raises(ValueError, match="takes exactly one plan, got 0"):
        server.plan(always=True)
    with pytest.raises(ValueError, match="tag: expected a string, got 3"):
        server.plan(Plan(), tag=3)


# --- how jobs go


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
        messages = data["status_messages"][index]
        compiled = data["compiled_circuits"][index]
        assert (data["counts"][index] is not None) == (
            status == "completed" and job_type != "compile"
        )
        if ending.becomes == "completed":
            assert (status, messages) == ("completed", None)
            assert compiled is not None
            continue
        assert messages == ending.message
        assert status == ending.becomes or (messages is None and CircuitStatus(status) in PASSING)
        passed_compilation = job_type != "compile" and ending.during in {
            "awaiting_submission", "awaiting_simulation", "pending", "running", "simulating"
        }  # fmt: skip
        assert (compiled is not None) == passed_compilation
        at_provider = job_type == "submit" and ending.during in {
            "pending", "running", "simulating"
        }  # fmt: skip
        assert (data["provider_id"][index] is not None) == at_provider


def test_partial_results_beside_a_circuit_that_fails_on_its_own(
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
    messages = data["status_messages"]
    assert messages[:4] == [None, "The device failed.", None, "Cancelled by the operator."]
    assert "frobnicate" in messages[4]
    assert sum(data["counts"][0].values()) == 100
    assert data["counts"][1:] == [None] * 4
