"""Laws of the timetable: any life follows the table of steps, and no observer sees one go back."""

from __future__ import annotations

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs.emulator.lives import PATHS, Progress, path_of, plan_life, stand
from superstaq_jobs.status import NEXT_STATUSES, CircuitStatus, may_become

JOB_TYPES = st.sampled_from(sorted(PATHS))
TIMES = st.floats(0, 100)


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


@given(
    job_type=JOB_TYPES,
    verbatim=st.booleans(),
    looks=st.lists(TIMES, min_size=2, max_size=30).map(sorted),
    compiles=TIMES,
    takes=TIMES,
    failed_in=st.sampled_from([None, "compile", "run"]),
    cancelled_at=st.none() | TIMES,
)
def test_an_observer_never_sees_a_circuit_go_back(
    *,
    job_type: str,
    verbatim: bool,
    looks: list[float],
    compiles: float,
    takes: float,
    failed_in: str | None,
    cancelled_at: float | None,
):
    if job_type == "compile" and failed_in == "run":
        failed_in = "compile"
    life = plan_life(job_type, verbatim=verbatim, step_seconds=10, seed=str(looks))
    ends = compiles if failed_in == "compile" else compiles + takes
    seen = []
    cancelled = None
    for now in looks:
        # What is known at a time is what has happened up to it.
        progress = Progress(
            compiled_at=compiles if compiles <= now and failed_in != "compile" else None,
            finished_at=ends if ends <= now else None,
            failed_in=failed_in if ends <= now else None,
            cancelled_at=cancelled,
        )
        if cancelled_at is not None and now >= cancelled_at and cancelled is None:
            at = stand(life, progress, now)
            cancelled = None if at.status.is_terminal else now
            progress = attrs.evolve(progress, cancelled_at=cancelled)
        standing = stand(life, progress, now)
        assert 0 <= standing.since <= now
        seen.append(standing)
    for before, after in itertools.pairwise(seen):
        assert may_become(before.status, after.status), seen
        assert before.since <= after.since
        if before.status.is_terminal:
            assert after == before
    last = stand(
        life,
        Progress(
            compiled_at=None if failed_in == "compile" else compiles,
            finished_at=ends,
            failed_in=failed_in,
            cancelled_at=cancelled,
        ),
        1e9,
    )
    assert last.status.is_terminal
    assert may_become(seen[-1].status, last.status)


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
