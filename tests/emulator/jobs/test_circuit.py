"""Laws of circuits: statuses follow the table of next statuses and never go back."""

from __future__ import annotations

import itertools
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reachable import may_become

from superstaq_jobs.emulator import Ending, Plan
from superstaq_jobs.emulator.jobs.circuit import (
    PATHS,
    Circuit,
    State,
    Timetable,
    make_timetable,
    path_of,
)
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import NEXT_STATUSES, PROGRESS

READY = {"compiled_at": 0.0, "finished_at": 0.0}


def state_at(timetable: Timetable, happened: dict[str, Any], now: float) -> State:
    return Circuit(source="", timetable=timetable, **happened).state(now)


JOB_TYPES = st.sampled_from(sorted(PATHS))
TIMES = st.floats(0, 100)
PASSING = st.sampled_from(
    [s for s in CircuitStatus if not s.is_terminal and s is not CircuitStatus.UNKNOWN]
)


@given(JOB_TYPES, st.booleans(), st.floats(0, 1e6), st.text())
def test_a_timetable_follows_the_table_of_next_statuses(
    job_type: str, verbatim: bool, step_seconds: float, seed: str
):
    timetable = make_timetable(job_type, verbatim=verbatim, step_seconds=step_seconds, seed=seed)
    assert timetable.path[0] is CircuitStatus.RECEIVED
    assert timetable.times[0] == 0
    assert timetable.path[-1] is CircuitStatus.COMPLETED
    for before, after in itertools.pairwise(timetable.path):
        assert after in NEXT_STATUSES[before]
    for begin, end in itertools.pairwise(timetable.times):
        assert 0.5 * step_seconds * 0.99 <= end - begin <= 1.5 * step_seconds * 1.01 + 1e-6
    assert timetable == make_timetable(
        job_type, verbatim=verbatim, step_seconds=step_seconds, seed=seed
    )


def test_different_seeds_give_different_durations():
    assert make_timetable("submit", step_seconds=1, seed="a") != make_timetable(
        "submit", step_seconds=1, seed="b"
    )


@pytest.mark.parametrize("job_type", sorted(PATHS))
def test_a_verbatim_circuit_skips_compilation(job_type: str):
    path = path_of(job_type, verbatim=True)
    assert not {CircuitStatus.AWAITING_COMPILE, CircuitStatus.COMPILING} & set(path)


ENDINGS = st.one_of(
    st.just(Ending("completed")),
    st.builds(
        Ending,
        st.sampled_from(["failed", "cancelled", "unrecognized", "deleted"]),
        during=st.none() | PASSING,
        message=st.none() | st.text(),
    ),
    st.builds(Ending, st.just("stuck"), during=st.none() | PASSING),
)
SECONDS = st.none() | st.floats(0, 100)
PLANS = st.builds(
    Plan,
    queue_seconds=SECONDS,
    compile_seconds=SECONDS,
    run_seconds=SECONDS,
    ending=ENDINGS,
    circuits=st.dictionaries(st.integers(0, 2), ENDINGS),
)


@given(
    job_type=JOB_TYPES,
    verbatim=st.booleans(),
    plan=st.none() | PLANS,
    times=st.lists(TIMES, min_size=2, max_size=30).map(sorted),
    compiles=TIMES,
    takes=TIMES,
    failed_in=st.sampled_from([None, "compile", "run"]),
    is_finished=st.booleans(),
    done_at=TIMES,
)
def test_an_observer_never_sees_a_circuit_go_back(
    *,
    job_type: str,
    verbatim: bool,
    plan: Plan | None,
    times: list[float],
    compiles: float,
    takes: float,
    failed_in: str | None,
    is_finished: bool,
    done_at: float,
):
    if job_type == "compile" and failed_in == "run":
        failed_in = "compile"
    timetable = make_timetable(
        job_type, verbatim=verbatim, step_seconds=10, seed=str(times), plan=plan
    )
    failure = failed_in and "no such gate"
    ends = compiles if failed_in == "compile" else compiles + takes
    seen = []
    path = path_of(job_type, verbatim=verbatim)
    for now in [*times, 1e9]:
        # What is known at a time is what has happened until then.
        progress = {
            "compiled_at": compiles if compiles <= now and failed_in != "compile" else None,
            "finished_at": ends if ends <= now else None,
            "failure": failure if ends <= now else None,
        }
        if now >= done_at and is_finished:
            at = state_at(timetable, progress, now)
            if not at.status.is_terminal:
                rest = path[path.index(at.reached) + 1 :]
                timetable = timetable.ended(at.reached, now, rest, None)
            is_finished = False
        state = state_at(timetable, progress, now)
        assert 0 <= state.since <= now
        assert state.message is None or state.status.is_terminal
        seen.append(state)
    for before, after in itertools.pairwise(seen):
        assert may_become(before.status, after.status), seen
        assert before.since <= after.since
        assert PROGRESS[before.reached] <= PROGRESS[after.reached]
        if before.status.is_terminal:
            assert after == before
    # The circuit has ended as planned, or as the operator finished it, or has failed.
    last, ending = seen[-1], Ending("completed") if plan is None else plan.of(0)
    allowed = {ending.becomes}
    allowed |= {"failed"} if failed_in else set()
    allowed |= {"completed"} if timetable.path[-1] == "completed" else set()
    assert last.status.value in allowed or ("stuck" in allowed and not last.status.is_terminal)


@given(
    job_type=JOB_TYPES,
    verbatim=st.booleans(),
    plan=PLANS,
    index=st.integers(0, 3),
    seed=st.text(),
)
def test_a_circuit_ends_as_planned_when_planned(
    job_type: str, verbatim: bool, plan: Plan, index: int, seed: str
):
    timetable = make_timetable(
        job_type, verbatim=verbatim, step_seconds=7, seed=seed, plan=plan, index=index
    )
    path = path_of(job_type, verbatim=verbatim)
    ending = plan.circuits.get(index, plan.ending)
    last = state_at(timetable, READY, 1e9)
    if ending.becomes == "completed":
        assert (last.status.value, last.message) == ("completed", None)
        assert last.reached is CircuitStatus.COMPLETED
    else:
        during = CircuitStatus.RUNNING if ending.during is None else ending.during
        furthest = [s for s in path if PROGRESS[s] <= PROGRESS[during]][-1]
        assert last.reached is furthest
        if ending.becomes == "stuck":
            assert (last.status, last.message) == (furthest, None)
        else:
            assert last.status.value == ending.becomes
            assert ending.message in {None, last.message}
    # Statuses last as long as planned, and the others as long as without a plan.
    plain = make_timetable(job_type, verbatim=verbatim, step_seconds=7, seed=seed)
    queue = {"submit": "pending", "simulate": "awaiting_simulation", "compile": "awaiting_compile"}
    planned = {
        queue[job_type]: plan.queue_seconds,
        "compiling": plan.compile_seconds,
        "running": plan.run_seconds,
        "simulating": plan.run_seconds,
    }
    for status, (begin, end), usual in zip(
        path, itertools.pairwise(timetable.times), itertools.pairwise(plain.times), strict=False
    ):
        seconds = planned.get(status.value)
        expected = usual[1] - usual[0] if seconds is None else seconds
        assert end - begin == pytest.approx(expected, abs=1e-9)
        # And it is seen from that moment on, not before.
        if PROGRESS[status] <= PROGRESS[last.reached] and end > begin:
            assert state_at(timetable, READY, begin).reached is status
    before_the_end = state_at(timetable, READY, math.nextafter(last.since, 0))
    assert last.since == 0 or before_the_end.status is not last.status


@given(
    job_type=JOB_TYPES,
    verbatim=st.booleans(),
    plan=PLANS,
    now=TIMES,
    at=st.sampled_from([None, 0.0]),
)
def test_a_waiting_circuit_would_be_further_with_its_work_done(
    job_type: str, verbatim: bool, plan: Plan, now: float, at: float | None
):
    timetable = make_timetable(job_type, verbatim=verbatim, step_seconds=7, plan=plan)
    state = state_at(timetable, {"compiled_at": at}, now)
    assert state.is_waiting == (
        state_at(timetable, READY, now) != msgspec.structs.replace(state, is_waiting=False)
    )
    assert not state_at(timetable, READY, now).is_waiting


def test_a_plan_takes_precedence_over_the_circuits_own_failure():
    failed = {"finished_at": 0.0, "failure": "no such gate"}
    expected = {
        ("failed", "compiling"): ("failed", "planned"),
        ("failed", "awaiting_compile"): ("failed", "planned"),
        ("failed", "running"): ("failed", "no such gate"),
        ("cancelled", "compiling"): ("cancelled", "planned"),
    }
    for (becomes, during), messages in expected.items():
        plan = Plan(ending=Ending(becomes, during=during, message="planned"))
        state = state_at(make_timetable("submit", step_seconds=1, plan=plan), failed, 1e6)
        assert (state.status.value, state.message) == messages
    stuck = Plan(ending=Ending("stuck", during="running"))
    late = {**READY, "failure": "too late"}
    assert (
        state_at(make_timetable("submit", step_seconds=1, plan=stuck), late, 1e6).status
        == "running"
    )


def test_a_circuit_waits_for_its_work():
    timetable = make_timetable("simulate", step_seconds=1)
    assert state_at(timetable, {}, 1e6).status is CircuitStatus.COMPILING
    compiled = {"compiled_at": 2e6}
    assert state_at(timetable, compiled, 3e6).status is CircuitStatus.SIMULATING
    ran = {"compiled_at": 2e6, "finished_at": 4e6}
    assert state_at(timetable, ran, 4e6).status is CircuitStatus.COMPLETED
    assert state_at(timetable, ran, 4e6).since == 4e6
    # And work that is done ahead of time does not speed it up.
    assert state_at(timetable, READY, 0).status is CircuitStatus.RECEIVED
