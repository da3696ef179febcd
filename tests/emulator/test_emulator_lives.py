"""Laws of the timetable: any life follows the table of steps, and no observer sees one go back."""

from __future__ import annotations

import itertools
import math
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs.emulator import Ending, Plan
from superstaq_jobs.emulator.jobs.timetable import (
    PATHS,
    Failure,
    Progress,
    hurry,
    path_of,
    plan_life,
    stand,
)
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import NEXT_STATUSES, PROGRESS, may_become

JOB_TYPES = st.sampled_from(sorted(PATHS))
TIMES = st.floats(0, 100)
PASSING = st.sampled_from(
    [s for s in CircuitStatus if not s.is_terminal and s is not CircuitStatus.UNKNOWN]
)


@given(JOB_TYPES, st.booleans(), st.floats(0, 1e6), st.text())
def test_a_plan_follows_the_table_of_steps(
    job_type: str, verbatim: bool, step_seconds: float, seed: str
):
    life = plan_life(job_type, verbatim=verbatim, step_seconds=step_seconds, seed=seed)
    assert life.steps[0].status is CircuitStatus.RECEIVED
    assert life.steps[0].at == 0
    assert life.steps[-1].status is CircuitStatus.COMPLETED
    for before, after in itertools.pairwise(life.steps):
        assert after.status in NEXT_STATUSES[before.status]
        assert 0.5 * step_seconds * 0.99 <= after.at - before.at <= 1.5 * step_seconds * 1.01 + 1e-6
    assert life == plan_life(job_type, verbatim=verbatim, step_seconds=step_seconds, seed=seed)


def test_other_seeds_have_other_paces():
    assert plan_life("submit", step_seconds=1, seed="a") != plan_life(
        "submit", step_seconds=1, seed="b"
    )


@pytest.mark.parametrize("job_type", sorted(PATHS))
def test_a_verbatim_life_has_no_compilation(job_type: str):
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
    looks=st.lists(TIMES, min_size=2, max_size=30).map(sorted),
    compiles=TIMES,
    takes=TIMES,
    failed_in=st.sampled_from([None, "compile", "run"]),
    done_to_it=st.sampled_from(["cancelled", "failed", "hurried", None]),
    done_at=TIMES,
)
def test_an_observer_never_sees_a_circuit_go_back(
    *,
    job_type: str,
    verbatim: bool,
    plan: Plan | None,
    looks: list[float],
    compiles: float,
    takes: float,
    failed_in: str | None,
    done_to_it: str | None,
    done_at: float,
):
    if job_type == "compile" and failed_in == "run":
        failed_in = "compile"
    life = plan_life(job_type, verbatim=verbatim, step_seconds=10, seed=str(looks), plan=plan)
    failure = failed_in and Failure(stage=failed_in, message="no such gate")
    ends = compiles if failed_in == "compile" else compiles + takes
    seen = []
    done: dict[str, Any] = {}
    for now in [*looks, 1e9]:
        # What is known at a time is what has happened up to it.
        progress = Progress(
            compiled_at=compiles if compiles <= now and failed_in != "compile" else None,
            finished_at=ends if ends <= now else None,
            failure=failure if ends <= now else None,
            **done,
        )
        if now >= done_at and done_to_it is not None:
            at = stand(life, progress, now)
            if not at.status.is_terminal and done_to_it == "hurried":
                life = hurry(life, at.reached, now)
            elif not at.status.is_terminal:
                done = {"ended_at": now, "ended_as": CircuitStatus(done_to_it), "message": "!"}
                progress = attrs.evolve(progress, **done)
            done_to_it = None
        standing = stand(life, progress, now)
        assert 0 <= standing.since <= now
        assert standing.message is None or standing.status.is_terminal
        seen.append(standing)
    for before, after in itertools.pairwise(seen):
        assert may_become(before.status, after.status), seen
        assert before.since <= after.since
        assert PROGRESS[before.reached] <= PROGRESS[after.reached]
        if before.status.is_terminal:
            assert after == before
    # In the end all is as it was planned, or as somebody had it, or as the circuit deserved.
    last, ending = seen[-1], Ending("completed") if plan is None else plan.of(0)
    allowed = {ending.becomes, done.get("ended_as", ending.becomes)}
    allowed |= {"failed"} if failed_in else set()
    allowed |= {"completed"} if life.end is None else set()
    assert last.status.value in allowed or ("stuck" in allowed and not last.status.is_terminal)
    if done:
        assert last.status is done["ended_as"] or last.since <= done["ended_at"]


@given(
    job_type=JOB_TYPES,
    verbatim=st.booleans(),
    plan=PLANS,
    index=st.integers(0, 3),
    seed=st.text(),
)
def test_a_life_ends_as_planned_at_the_time_planned(
    job_type: str, verbatim: bool, plan: Plan, index: int, seed: str
):
    life = plan_life(job_type, verbatim=verbatim, step_seconds=7, seed=seed, plan=plan, index=index)
    path = path_of(job_type, verbatim=verbatim)
    ending = plan.circuits.get(index, plan.ending)
    ready = Progress(compiled_at=0.0, finished_at=0.0)
    last = stand(life, ready, 1e9)
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
    # Statuses last as long as the plan says, and those it does not speak of as without it.
    plain = plan_life(job_type, verbatim=verbatim, step_seconds=7, seed=seed)
    queue = {"submit": "pending", "simulate": "awaiting_simulation", "compile": "awaiting_compile"}
    said = {
        queue[job_type]: plan.queue_seconds,
        "compiling": plan.compile_seconds,
        "running": plan.run_seconds,
        "simulating": plan.run_seconds,
    }
    for steps, others in zip(
        itertools.pairwise(life.steps), itertools.pairwise(plain.steps), strict=True
    ):
        seconds = said.get(steps[0].status.value)
        expected = others[1].at - others[0].at if seconds is None else seconds
        assert steps[1].at - steps[0].at == pytest.approx(expected, abs=1e-9)
        # And it is seen from the first moment on, not before.
        if PROGRESS[steps[0].status] <= PROGRESS[last.reached] and steps[1].at > steps[0].at:
            assert stand(life, ready, steps[0].at).reached is steps[0].status
    before_the_end = stand(life, ready, math.nextafter(last.since, 0))
    assert last.since == 0 or before_the_end.status is not last.status


@given(
    job_type=JOB_TYPES,
    verbatim=st.booleans(),
    plan=PLANS,
    now=TIMES,
    at=st.sampled_from([None, 0.0]),
)
def test_what_is_held_would_be_further_with_its_work_done(
    job_type: str, verbatim: bool, plan: Plan, now: float, at: float | None
):
    life = plan_life(job_type, verbatim=verbatim, step_seconds=7, plan=plan)
    ready = Progress(compiled_at=0.0, finished_at=0.0)
    standing = stand(life, Progress(compiled_at=at), now)
    assert standing.is_held == (stand(life, ready, now) != attrs.evolve(standing, is_held=False))
    assert not stand(life, ready, now).is_held


def test_the_plan_comes_before_the_fault_of_the_circuit_itself():
    failure = Failure(stage="compile", message="no such gate")
    failed = Progress(finished_at=0.0, failure=failure)
    expected = {
        ("failed", "compiling"): ("failed", "planned"),
        ("failed", "awaiting_compile"): ("failed", "planned"),
        ("failed", "running"): ("failed", "no such gate"),
        ("cancelled", "compiling"): ("cancelled", "planned"),
    }
    for (becomes, during), told in expected.items():
        plan = Plan(ending=Ending(becomes, during=during, message="planned"))
        standing = stand(plan_life("submit", step_seconds=1, plan=plan), failed, 1e6)
        assert (standing.status.value, standing.message) == told
    stuck = Plan(ending=Ending("stuck", during="running"))
    late = Progress(
        compiled_at=0.0, finished_at=0.0, failure=Failure(stage="run", message="too late")
    )
    assert stand(plan_life("submit", step_seconds=1, plan=stuck), late, 1e6).status == "running"


def test_a_circuit_waits_for_its_work():
    life = plan_life("simulate", step_seconds=1)
    assert stand(life, Progress(), 1e6).status is CircuitStatus.COMPILING
    compiled = Progress(compiled_at=2e6)
    assert stand(life, compiled, 3e6).status is CircuitStatus.SIMULATING
    ran = Progress(compiled_at=2e6, finished_at=4e6)
    assert stand(life, ran, 4e6).status is CircuitStatus.COMPLETED
    assert stand(life, ran, 4e6).since == 4e6
    # And what is ready ahead of time does not hurry.
    assert stand(life, Progress(compiled_at=0, finished_at=0), 0).status is CircuitStatus.RECEIVED
