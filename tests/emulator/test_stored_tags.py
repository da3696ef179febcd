"""Submission keys over real HTTP, on emulators that keep tags or change them."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator, Plan
from superstaq_jobs.testing import FakeClock, Fault

KEY = "Week 18"
TAG = f"submission-key:{KEY}"
NEW = sj.NewJob(
    target="ss_unconstrained_simulator",
    circuits=["OPENQASM 3.0; qubit q;"],
    shots=10,
    tags=["Mine"],
)
CHANGES: dict[str, Callable[[str], str | None]] = {
    "drop": lambda _: None,
    "lower": str.lower,
    "trim": lambda tag: tag.replace(" ", ""),
    "cut": lambda tag: tag[:18],
}
LOST = Fault("reset_after_request", is_done=True)
NEVER_ARRIVED = Fault("status", status_code=500)
SUBMISSION = "POST /client/job"


@pytest.fixture
def start(emulate: Callable[..., Emulator]) -> Iterator[Callable[..., Any]]:
    """Start an emulator and a client that share a clock."""
    with contextlib.ExitStack() as stack:

        def run(**options: Any) -> tuple[Emulator, sj.SuperstaqClient]:
            clock = FakeClock()
            server = emulate(clock=clock, **options)
            client = sj.SuperstaqClient(server.api_key, server.url, clock=clock)
            return server, stack.enter_context(client)

        yield run


def test_where_tags_are_kept_a_key_is_one_job_without_a_warning(start: Any):
    server, client = start()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = sj.submit_job(client, NEW, submission_key=KEY)
        again = sj.submit_job(client, NEW, submission_key=KEY)
        server.faults.extend([LOST], call=SUBMISSION)
        lost = sj.submit_job(client, NEW, submission_key="lost")
        server.faults.extend([NEVER_ARRIVED], call=SUBMISSION)
        missing = sj.submit_job(client, NEW, submission_key="missing")
    receipts = (first, again, lost, missing)
    assert [each.adopted for each in receipts] == [False, True, True, False]
    assert first.job_id == again.job_id
    assert len(server.jobs()) == 3


@pytest.mark.parametrize("how", CHANGES)
def test_where_they_are_not_kept_a_lost_job_is_not_submitted_again(start: Any, how: str):
    server, client = start(stored_tag=CHANGES[how])
    server.faults.extend([LOST, LOST, LOST], call=SUBMISSION)
    with pytest.raises(sj.SubmissionUnknown, match="may not keep them"):
        sj.submit_job(client, NEW, submission_key=KEY)
    assert len(server.jobs()) == 1
    server.faults.clear()
    with pytest.warns(sj.SuperstaqWarning, match="may not keep tags as they are sent"):
        receipt = sj.submit_job(client, NEW, submission_key=KEY)
    assert receipt.job_id == server.jobs()[1].job_id


@pytest.mark.parametrize(
    ("how", "tags"),
    [("drop", ()), ("lower", ("mine", "week 18")), ("trim", ("Mine", "Week18"))],
)
def test_tags_are_stored_and_found_as_changed_and_plans_see_them_as_sent(
    start: Any, how: str, tags: tuple[str, ...]
):
    server, client = start(stored_tag=CHANGES[how])
    plan = Plan(queue_seconds=50)
    server.plan(plan, tag="Week 18")
    tagged = sj.NewJob(target=NEW.target, circuits=NEW.circuits, shots=10, tags=["Mine", "Week 18"])
    job_id = sj.submit_job(client, tagged).job_id
    (stored,) = server.jobs()
    assert (stored.tags, stored.plan) == (tags, plan)
    assert sj.fetch_job(client, job_id).tags == tags
    found = sj.query_jobs(client, sj.JobQuery(tags=["Week 18"]))
    assert found == ()
    assert len(sj.query_jobs(client, sj.JobQuery(tags=list(tags) or None))) == 1


def test_what_is_not_a_function_is_refused():
    with pytest.raises(sj.InvalidValue, match="must be a function of a tag, got 'lower'") as caught:
        Emulator(stored_tag="lower", port=-1)  # type: ignore[arg-type]
    assert [problem.where for problem in caught.value.problems] == ["port", "stored_tag"]
