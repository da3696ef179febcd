"""What the calls of one client share: the retry budget, the spacing of polls, the counters."""

from __future__ import annotations

import itertools
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import JOB, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.client.traffic import Traffic
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response

BALANCE = json_response({"email": "a@b.c", "balance": 1})
BUSY = json_response({"message": "busy"}, status=503)


def traffic(budget=20.0, polls_per_second=125.0):
    return Traffic(budget=budget, polls_per_second=polls_per_second)


def taken(shared, now, most=1000):
    """How many retries can be taken at once."""
    return next(n for n in range(most) if not shared.take_retry(now))


# ---- the budget


@pytest.mark.parametrize(("budget", "number"), [(0, 0), (0.9, 0), (1, 1), (2.5, 2), (20, 20)])
def test_it_holds_as_many_retries_as_it_is_given(budget, number):
    assert taken(traffic(budget), 0) == number


def test_ten_seconds_or_ten_successes_give_one_back():
    shared = traffic(2)
    assert taken(shared, 0) == 2
    assert taken(shared, 9.9) == 0
    assert taken(shared, 10.1) == 1
    for _ in range(10):
        shared.count_response(0, is_success=True)
    assert taken(shared, 10.1) == 1
    for _ in range(50):
        shared.count_response(0, is_success=False)
        shared.count(failures=1)
    assert taken(shared, 10.1) == 0


def test_it_never_holds_more_than_at_first():
    shared = traffic(3)
    for _ in range(1000):
        shared.count_response(0, is_success=True)
    assert taken(shared, 0) == 3
    assert taken(shared, 1e6) == 3


STEPS = st.lists(st.tuples(st.sampled_from(["take", "good", "bad"]), st.floats(0, 30)), max_size=60)


@given(budget=st.floats(0, 8), steps=STEPS)
def test_what_is_taken_is_what_was_there_and_what_came_back(budget, steps):
    shared = traffic(budget)
    now = 0.0
    number = good = 0
    for what, seconds in steps:
        now += seconds
        if what == "take":
            number += shared.take_retry(now)
        else:
            good += what == "good"
            shared.count_response(0, is_success=what == "good")
    assert number <= budget + 0.1 * good + 0.1 * now + 1e-6


def test_with_an_empty_budget_nothing_is_retried():
    transport = ScriptedTransport([BUSY, BALANCE])
    client = client_on(transport, retry_policy=sj.RetryPolicy(budget=0))
    with pytest.raises(sj.SuperstaqServerException, match="503"):
        sj.fetch_balance(client)
    assert len(transport.requests) == 1
    assert client.clock.sleeps == ()
    sj.fetch_balance(client)


def test_calls_of_one_client_share_one_budget_and_those_of_another_have_their_own():
    transport = ScriptedTransport.from_function(lambda _: BUSY)
    policy = sj.RetryPolicy(max_attempts=4, budget=5, base_seconds=0)
    one, other = (client_on(transport, retry_policy=policy) for _ in range(2))
    for client, requests in [(one, 4), (one, 3), (one, 1), (other, 4)]:
        before = len(transport.requests)
        with pytest.raises(sj.SuperstaqServerException):
            sj.fetch_balance(client)
        assert len(transport.requests) - before == requests


def test_in_an_outage_the_calls_of_many_threads_cost_little_more_than_one_request_each():
    transport = ScriptedTransport.from_function(lambda _: BUSY)
    # On this clock a pause of one thread passes for all, and ten seconds give a retry back.
    policy = sj.RetryPolicy(base_seconds=0)
    client = client_on(transport, retry_policy=policy)
    errors: list[BaseException] = []

    def call() -> None:
        for _ in range(200):
            try:
                sj.fetch_balance(client)
            except BaseException as error:  # noqa: BLE001 - every failure counts
                errors.append(error)

    run_together([call] * 8)
    assert {type(error) for error in errors} == {sj.SuperstaqServerException}
    counts = client.traffic
    assert (counts.calls, counts.repetitions) == (1600, 20)
    assert counts.requests == len(transport.requests) == 1620
    assert counts.requests <= 1.1 * counts.calls


def test_threads_take_no_more_than_there_is():
    shared = traffic(500)
    numbers = []

    def take() -> None:
        numbers.append(sum(shared.take_retry(0) for _ in range(200)))

    run_together([take] * 8)
    assert sum(numbers) == 500


def run_together(functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ---- the spacing of polls


@given(number=st.integers(1, 40), rate=st.sampled_from([1.0, 8.0, 125.0]))
def test_polls_that_begin_together_are_spread_evenly(number, rate):
    shared = traffic(polls_per_second=rate)
    delays = [shared.reserve_poll(7) for _ in range(number)]
    # A long backlog is not waited for, or it would starve whoever comes next.
    assert delays == pytest.approx([min(place / rate, 5) for place in range(number)])


def test_a_poll_that_comes_alone_does_not_wait():
    shared = traffic(polls_per_second=10)
    assert [shared.reserve_poll(now) for now in (0, 0.2, 0.31, 5)] == [0, 0, 0, 0]
    assert [shared.reserve_poll(5), shared.reserve_poll(5.05)] == pytest.approx([0.1, 0.15])


@given(st.lists(st.floats(0, 0.05), max_size=60))
def test_no_two_polls_begin_closer_together_than_the_rate_allows(steps):
    shared = traffic(polls_per_second=100)
    begins = [now + shared.reserve_poll(now) for now in itertools.accumulate(steps)]
    assert all(b - a >= 0.01 - 1e-9 for a, b in itertools.pairwise(begins))


def test_the_polls_of_all_waits_of_a_client_are_spread_out():
    clock = FakeClock()
    began = []

    def answer(_request):
        began.append(clock.now())
        return jobs_response(job("completed"))

    client = client_on(ScriptedTransport.from_function(answer), clock=clock, polls_per_second=4)
    # On a fake clock a wait ends before the next one begins, so the polls are reserved before.
    assert [client.reserve_poll() for _ in range(3)] == [0, 0.25, 0.5]
    sj.JobHandle(client, JOB).wait_until_complete()
    assert began == [0.75]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), True, "8"])
def test_a_rate_must_be_a_positive_number(rate):
    with pytest.raises(sj.ConfigurationError, match="polls_per_second"):
        client_on(ScriptedTransport(), polls_per_second=rate)


# ---- counts


def test_the_client_counts_calls_requests_retries_failures_and_bytes():
    reset = sj.TransportError("reset", sent=True)
    transport = ScriptedTransport([BUSY, reset, BALANCE, json_response("no", status=400)])
    client = client_on(transport)
    assert client.traffic == sj.TrafficCounts()
    sj.fetch_balance(client)
    before = client.traffic
    assert before == sj.TrafficCounts(
        calls=1,
        requests=3,
        repetitions=2,
        failures=2,
        body_bytes=len(BUSY.body) + len(BALANCE.body),
    )
    with pytest.raises(sj.SuperstaqServerException):
        sj.fetch_balance(client)
    assert client.traffic.calls == 2
    assert client.traffic.failures == 3
    assert before.calls == 1  # a copy, which does not change


def test_what_was_refused_before_it_was_sent_is_not_a_call():
    client = client_on(ScriptedTransport())
    with pytest.raises(sj.InvalidRequest):
        sj.fetch_job(client, "no-id")
    with pytest.raises(sj.InvalidRequest):
        sj.fetch_job(client, JOB, timeout_seconds=-1)
    assert client.traffic == sj.TrafficCounts()


def test_threads_lose_no_count():
    shared = traffic()

    def count() -> None:
        for _ in range(300):
            shared.count(calls=1)
            shared.count(requests=1, repetitions=1)
            shared.count_response(2, is_success=False)

    run_together([count] * 8)
    assert shared.counts() == sj.TrafficCounts(
        calls=2400, requests=2400, repetitions=2400, failures=2400, body_bytes=4800
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_lock_that_was_held_during_a_fork_does_not_stop_the_child():
    shared = traffic(1)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with shared._lock.of_this_process():
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        shared.count(calls=1)
        os._exit(0 if shared.take_retry(0) and shared.counts().calls == 1 else 1)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# ---- deadlines of calls


def test_a_call_passes_the_time_that_is_left_to_each_request():
    transport = ScriptedTransport([BUSY, BUSY, BUSY, jobs_response(job("running"))])
    client = client_on(transport, request_timeout_seconds=9)
    sj.fetch_job(client, JOB, timeout_seconds=10)
    assert transport.timeouts == (9, 9, 9, 8.25)


def test_a_pause_that_would_pass_the_deadline_is_not_begun():
    clock = FakeClock()
    client = client_on(ScriptedTransport.from_function(lambda _: BUSY), clock=clock)
    with pytest.raises(sj.SuperstaqServerException, match="503"):
        sj.fetch_jobs(client, [JOB], timeout_seconds=1.5)
    assert clock.sleeps == (0.25, 0.5)
    assert client.traffic.repetitions == 2


def test_retry_after_beyond_the_deadline_ends_the_call_at_once():
    clock = FakeClock()
    busy = json_response("busy", status=429, headers=[("Retry-After", "30")])
    transport = ScriptedTransport([busy, busy, jobs_response()])
    client = client_on(transport, clock=clock)
    with pytest.raises(sj.SuperstaqServerException) as caught:
        sj.query_jobs(client, sj.JobQuery(), timeout_seconds=20)
    assert caught.value.retry_after_seconds == 30
    assert clock.sleeps == ()
    sj.query_jobs(client, sj.JobQuery(), timeout_seconds=40)
    assert clock.sleeps == (30,)


def test_one_deadline_bounds_all_requests_of_a_call():
    clock = FakeClock()

    def slow(_request):
        clock.advance(4)
        return jobs_response()

    transport = ScriptedTransport.from_function(slow)
    ids = [f"00000000-0000-0000-0000-{n:012}" for n in range(400)]
    with pytest.raises(sj.JobsNotFound):
        sj.fetch_jobs(client_on(transport, clock=clock), ids, timeout_seconds=30)
    assert transport.timeouts == (30, 26, 22)


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan"), float("inf"), True, "10", b"1"])
def test_a_timeout_must_be_a_number_of_seconds(timeout):
    transport = ScriptedTransport()
    client = client_on(transport)
    calls = [
        lambda: sj.fetch_job(client, JOB, timeout_seconds=timeout),
        lambda: sj.fetch_jobs(client, [JOB], timeout_seconds=timeout),
        lambda: sj.query_jobs(client, sj.JobQuery(), timeout_seconds=timeout),
    ]
    for call in calls:
        with pytest.raises(sj.InvalidRequest, match="must be a number of seconds >= 0") as caught:
            call()
        assert [problem.where for problem in caught.value.problems] == ["timeout_seconds"]
    assert transport.requests == ()


def test_one_attempt_is_one_request():
    transport = ScriptedTransport([BUSY])
    with pytest.raises(sj.SuperstaqServerException):
        sj.fetch_job(client_on(transport), JOB, max_attempts=1)
    assert len(transport.requests) == 1
