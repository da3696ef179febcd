"""Waits of a handle: what they absorb, how they pace themselves, and where they end."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import logging
import math
import pickle
import random
import re
import statistics
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import circuit
from worlds import JOB, NOON, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response

TRANSIENT = {
    "refused": sj.TransportError("connection refused", sent=False),
    "reset": sj.TransportError("the connection was reset", sent=True),
    "short body": sj.TransportError("only 3 of 9 bytes came", sent=True),
    "timeout": sj.RequestTimeout("no complete response in time", sent=True),
    **{
        str(status): json_response("no", status=status)
        for status in (408, 429, 500, 502, 503, 504, *range(520, 531))
    },
}
LASTING = {
    "401": (json_response("who are you", status=401), sj.AuthenticationError),
    "400": (json_response("no", status=400), sj.SuperstaqServerException),
    "302": (sj.Response(status=302), sj.SuperstaqServerException),
    "untrusted": (sj.TlsError("an unknown authority", sent=False), sj.TlsError),
    "too large": (sj.AnswerTooLarge("too large", sent=True), sj.AnswerTooLarge),
    "no HTTP": (sj.ProtocolError("no HTTP"), sj.ProtocolError),
    "a page": (sj.Response(status=200, body=b"<html>Log in</html>"), sj.ProtocolError),
    "half": (sj.Response(status=200, body=b'{"'), sj.ProtocolError),
}
BUSY = TRANSIENT["503"]
QUIET = pytest.mark.filterwarnings("ignore:the server uses a circuit status")
UNREACHED = pytest.mark.filterwarnings("ignore:a wait has had no response")


class World:
    """A handle on a server that a function of the clock's time plays, and what was asked when."""

    def __init__(self, *steps, state=None, **options):
        self.clock = FakeClock()
        self.asked = []
        self.script = iter(steps)
        self.state = state
        self.transport = ScriptedTransport.from_function(self._answer)
        self.client = client_on(self.transport, clock=self.clock, **options)
        self.handle = sj.JobHandle(self.client, JOB)

    def _answer(self, _request):
        self.asked.append(self.clock.now())
        step = self.state(self.clock.now()) if self.state is not None else next(self.script)
        if isinstance(step, BaseException):
            raise step
        return jobs_response(step) if isinstance(step, sj.JobSnapshot) else step

    def wait(self, *args, **options):
        return self.handle.wait_until_complete(*args, **options)

    def wait_in_vain(self, kind=sj.WaitTimeout, **options):
        with pytest.raises(kind) as caught:
            self.wait(**options)
        assert type(caught.value) is kind
        return caught.value


def living(*life):
    """A job of one circuit that takes each status at its time; seconds, rising from 0."""

    def state(now):
        at, status = [step for step in life if step[0] <= now][-1]
        snapshot = job(status)
        changed = NOON + dt.timedelta(seconds=at)
        return attrs.evolve(
            snapshot, circuits=[attrs.evolve(snapshot.circuits[0], updated_at=changed)]
        )

    return state


def always(status):
    return lambda _now: job(status)


# ---- failures


@pytest.mark.parametrize("how", TRANSIENT)
def test_a_transient_failure_does_not_end_a_wait(how):
    world = World(TRANSIENT[how], job("running"), TRANSIENT[how], TRANSIENT[how], job("completed"))
    assert world.wait(polling_seconds=3) == job("completed")
    assert world.asked == [0, 3, 6, 9, 12]


@pytest.mark.parametrize("how", LASTING)
def test_another_failure_ends_a_wait_at_once_and_leaves_what_was_known(how):
    answer, kind = LASTING[how]
    world = World(job("running"), answer)
    world.wait_in_vain(kind, timeout_seconds=60, polling_seconds=3)
    assert world.asked == [0, 3]
    assert world.handle.latest == job("running")


def test_a_wait_that_times_out_says_what_failed():
    world = World(job("running"), *[BUSY] * 10)
    error = world.wait_in_vain(timeout_seconds=10, polling_seconds=4)
    assert world.asked == [0, 4, 8, 10]
    assert error.num_failures == 3
    assert [failure.status_code for failure in error.failures] == [503] * 3
    assert error.snapshot == job("running")
    assert "Polls that failed: 3, the first since the last response: fetching job" in str(error)


def test_a_wait_without_any_response_says_so():
    error = World(*TRANSIENT.values(), BUSY).wait_in_vain(timeout_seconds=3, polling_seconds=1)
    assert error.snapshot is None
    assert "The server sent no response about it" in str(error)
    assert error.num_failures == 4


REFUSED = sj.TransportError("connection refused", sent=False)
LATE = sj.RequestTimeout("no connection within 0.1 s", sent=False)


@pytest.mark.parametrize(
    ("steps", "cause"),
    [
        ([REFUSED, BUSY, LATE], "connection refused"),
        ([LATE, REFUSED, LATE], "connection refused"),
        ([LATE, LATE, LATE], "no connection within 0.1 s"),
        ([BUSY, job("running"), REFUSED, LATE], "connection refused"),
        ([REFUSED, BUSY, job("running")], "responded 503"),
    ],
)
def test_a_timeout_names_the_first_real_cause(steps, cause):
    text = str(World(*steps).wait_in_vain(timeout_seconds=len(steps) - 1, polling_seconds=1))
    assert cause in text
    assert text.count("failed: ") == 2  # and only that one


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("reached", [True, False])
def test_a_timeout_claims_only_what_is_known(seen, reached):
    steps = [job("running") if seen else REFUSED, job("running") if reached and seen else REFUSED]
    error = World(*steps).wait_in_vain(timeout_seconds=1, polling_seconds=1)
    assert (".snapshot" in str(error)) == seen == (error.snapshot is not None)
    assert "goes on" not in str(error)
    assert ("may have changed since" in str(error)) == (seen and not reached)
    assert "Nothing was changed" in str(error)


# ---- a server that cannot be reached


def warned_at(world, recwarn, **options):
    world.wait_in_vain(**options)
    return [str(each.message) for each in recwarn]


@pytest.mark.parametrize("count", [1, 400])
def test_a_wait_without_a_response_warns_at_growing_intervals(count, recwarn):
    clock = FakeClock()
    times = []

    def fail(_request):
        raise sj.TransportError(f"refused at {clock.now():g}", sent=False)

    client = client_on(ScriptedTransport.from_function(fail), clock=clock, polls_per_second=1e6)
    handles = [sj.JobHandle(client, UUID(int=place + 1)) for place in range(count)]
    with pytest.raises(sj.JobsTimeout):
        sj.wait_all(handles, timeout_seconds=1000, polling_seconds=10)
    for each in recwarn:
        text = str(each.message)
        assert "the last failure" in text.lower()
        times.append(float(re.search(r"refused at ([0-9.]+)", text)[1]))
    assert [round(at) for at in times] == [30, 60, 120, 240, 480, 960]


def test_the_warning_has_the_cause_and_the_time_that_is_left(recwarn):
    (text,) = warned_at(World(*[REFUSED] * 9), recwarn, timeout_seconds=40, polling_seconds=10)
    assert f"no response about job {JOB} for 30 s; it goes on for 10 s more" in text
    assert text.endswith("connection refused")


def test_a_response_in_between_starts_the_count_again(recwarn):
    def state(now):
        return REFUSED if now % 40 else job("running")

    world = World(state=state)
    warned_at(world, recwarn, timeout_seconds=119, polling_seconds=10)
    assert len(recwarn) == 0
    world = World(state=lambda now: REFUSED if now % 60 else job("running"))
    warned_at(world, recwarn, timeout_seconds=119, polling_seconds=10)
    assert ["for 30 s" in str(each.message) for each in recwarn] == [True, True]


# ---- a job that is missing


def absent(version):
    return {
        "v0.3.0": jobs_response(),
        "v0.2.0": json_response({}),
        "v0.2.0, refused": json_response({"message": "unknown job"}, status=404),
        "v0.2.0, one circuit": json_response({"c0": circuit("Running")}),
    }[version]


VERSIONS = ["v0.3.0", "v0.2.0", "v0.2.0, refused", "v0.2.0, one circuit"]


class Forgetful:
    """A handle of a server that lacks the job in some responses; and what was asked when."""

    def __init__(self, version, life):
        self.clock, self.asked = FakeClock(), []
        api = version[:6]
        life = iter(life)

        def respond(_request):
            self.asked.append(self.clock.now())
            step = next(life)
            if step == "absent":
                return absent(version)
            word = {"running": "Running", "completed": "Done"}[step]
            old = json_response({f"c{place}": circuit(word) for place in range(2)})
            return jobs_response(job(step)) if api == "v0.3.0" else old

        self.transport = ScriptedTransport.from_function(respond)
        self.client = client_on(self.transport, clock=self.clock, api_version=api)
        self.handle = sj.JobHandle(self.client, JOB if api == "v0.3.0" else "c0,c1")


def by_thread(handle, **options):
    return handle.wait_until_complete(**options)


def by_coroutine(handle, **options):
    return asyncio.run(handle.wait_until_complete_async(**options))


def among_many(handle, **options):
    try:
        return sj.wait_all([handle], **options)[0]
    except sj.JobsUnsettled as error:
        raise next(iter(error.errors.values())) from None


WAITS = [by_thread, by_coroutine, among_many]


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_that_was_seen_may_be_missing_twice_in_a_row(version, wait):
    life = ["running", "absent", "absent", "running", "absent", "absent", "completed"]
    world = Forgetful(version, life)
    assert wait(world.handle, polling_seconds=7).completed
    assert world.asked == [0, 7, 14, 21, 28, 35, 42]


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_that_is_missing_three_times_is_gone(version, wait):
    world = Forgetful(version, ["running", "absent", "absent", "absent"])
    with pytest.raises(sj.SuperstaqServerException) as caught:
        wait(world.handle, polling_seconds=7, timeout_seconds=60)
    assert isinstance(caught.value, sj.JobsNotFound) or caught.value.status_code == 404
    assert world.asked == [0, 7, 14, 21]


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_that_was_never_seen_is_missing_at_once(version, wait):
    world = Forgetful(version, ["absent"])
    with pytest.raises(sj.SuperstaqServerException):
        wait(world.handle, polling_seconds=7)
    assert world.asked == [0]


@pytest.mark.parametrize("by_id", [False, True])
def test_a_job_that_was_just_submitted_may_be_missing(by_id):
    steps = [json_response({"job_id": str(JOB), "num_circuits": 1}), *[jobs_response()] * 2]
    transport = ScriptedTransport([*steps, jobs_response(job("completed"))])
    new = sj.NewJob(target="ss_unconstrained_simulator", circuits="OPENQASM 2.0;", shots=1)
    client = client_on(transport)
    if by_id:
        handle = sj.JobHandle(client, sj.submit_job(client, new).job_id)
    else:
        handle = sj.JobHandle.submit(client, new)
    assert handle.wait_until_complete().completed
    assert transport.remaining == 0


def test_a_wait_that_times_out_while_the_job_is_missing_says_so():
    error = World(job("running"), jobs_response()).wait_in_vain(
        timeout_seconds=5, polling_seconds=5
    )
    assert isinstance(error.failures[-1], sj.JobsNotFound)
    assert "the server does not know job" in str(error)


# ---- a machine that slept


class Sleepy(FakeClock):
    """A clock whose n-th sleep, or whose n-th request, takes an hour."""

    def __init__(self, sleeps_at):
        super().__init__()
        self.sleeps_at = sleeps_at

    def sleep(self, seconds):
        super().sleep(seconds)
        if len(self.sleeps) == self.sleeps_at:
            self.advance(3600)


@UNREACHED
@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("where", ["pause", "last pause", "request", "request that fails"])
def test_a_machine_that_slept_past_the_deadline_polls_once_more(where, wait):
    clock = Sleepy({"pause": 1, "last pause": 2}.get(where, 0))
    asked = []

    def respond(_request):
        asked.append(clock.now())
        if len(asked) == 2 and "request" in where:
            clock.advance(3600)
            if "fails" in where:
                raise sj.RequestTimeout("late", sent=True)
            return jobs_response(job("running"))
        return jobs_response(job("completed" if clock.now() > 3600 else "running"))

    transport = ScriptedTransport.from_function(respond)
    handle = sj.JobHandle(client_on(transport, clock=clock), JOB)
    assert wait(handle, timeout_seconds=16, polling_seconds=8).completed
    assert len([at for at in asked if at > 3600]) == 1
    assert transport.timeouts[-1] == 5


def test_after_that_poll_there_is_no_other():
    clock = Sleepy(1)
    transport = ScriptedTransport.from_function(lambda _: jobs_response(job("running")))
    with pytest.raises(sj.WaitTimeout):
        sj.JobHandle(client_on(transport, clock=clock), JOB).wait_until_complete(None, 60, 5)
    assert len(transport.requests) == 2


class Tardy(FakeClock):
    """A clock on which every pause takes half a second longer."""

    def sleep(self, seconds):
        super().sleep(seconds)
        self.advance(0.5)


@pytest.mark.parametrize("wait", WAITS)
def test_a_poll_without_any_time_left_is_not_sent_and_no_failure(wait):
    clock = Tardy()
    transport = ScriptedTransport.from_function(lambda _: jobs_response(job("running")))
    handle = sj.JobHandle(client_on(transport, clock=clock), JOB)
    with pytest.raises(sj.WaitTimeout) as caught:
        wait(handle, timeout_seconds=2, polling_seconds=1)
    assert not caught.value.failures
    assert "failed" not in str(caught.value)
    assert all(seconds > 0 for seconds in transport.timeouts)


# ---- a job whose circuits change their format


@pytest.mark.parametrize("wait", WAITS)
def test_a_job_in_another_format_than_before_ends_and_can_be_refreshed(wait):
    other = attrs.evolve(job("completed"), circuit_type="qiskit")
    world = World(job("running"), attrs.evolve(job("running"), circuit_type="qiskit"), other)
    assert wait(world.handle, polling_seconds=1) == other
    assert world.handle.refresh() == other


# ---- a job that shrinks


@pytest.mark.parametrize("wait", WAITS)
def test_a_job_with_fewer_circuits_than_before_ends(wait):
    world = World(job("running", "running", "running"), job("running", "completed"))
    world.script = iter([job(*["running"] * 3), job("running"), job("completed", "completed")])
    assert wait(world.handle, polling_seconds=1).num_circuits == 2


@UNREACHED
def test_the_last_twenty_failures_are_kept_and_all_are_counted():
    world = World(state=lambda now: sj.TransportError(f"at {now:g}", sent=True))
    error = world.wait_in_vain(timeout_seconds=99, polling_seconds=1)
    assert error.num_failures == 100
    assert len(error.failures) == 20
    assert [str(failure).rpartition(" ")[2] for failure in error.failures] == [
        str(at) for at in range(80, 100)
    ]


def test_a_poll_that_failed_is_logged_without_a_secret(caplog):
    with caplog.at_level(logging.INFO, logger="superstaq_jobs"):
        World(TRANSIENT["reset"], job("completed")).wait()
    assert caplog.messages == [f"a poll of job {JOB} failed with TransportError"]


def test_a_poll_is_one_request_however_often_calls_may_be_retried():
    world = World(*[BUSY] * 7, job("completed"), retry_policy=sj.RetryPolicy(max_attempts=9))
    world.wait(polling_seconds=1)
    assert world.client.traffic.requests == world.client.traffic.calls == 8
    assert world.client.traffic.repetitions == 0


@UNREACHED
def test_retry_after_is_a_floor_of_the_pause_up_to_the_cap_and_to_the_deadline():
    def busy(seconds):
        return json_response("busy", status=429, headers=[("Retry-After", seconds)])

    world = World(busy("20"), busy("1"), busy("999"), busy("nonsense"), job("completed"))
    world.wait(polling_seconds=5)
    assert world.asked == [0, 20, 25, 85, 90]
    world = World(busy("20"), job("running"))
    world.wait_in_vain(timeout_seconds=12, polling_seconds=5)
    assert world.asked == [0, 12]


def test_after_a_failure_the_job_can_be_refreshed():
    world = World(BUSY, job("running"), LASTING["401"][0], job("completed"))
    with pytest.raises(sj.AuthenticationError):
        world.wait(polling_seconds=1)
    assert world.handle.refresh() == job("completed")


# ---- deadlines


def test_each_poll_is_given_the_time_that_is_left():
    world = World(state=always("running"), request_timeout_seconds=8)
    world.wait_in_vain(timeout_seconds=12, polling_seconds=5)
    assert world.asked == [0, 5, 10, 12]
    assert world.transport.timeouts == (8, 7, 2, 0)


def test_the_last_poll_at_the_deadline_is_not_given_the_time_of_a_whole_request():
    """It would carry the wait past its deadline by as much."""
    world = World(state=always("running"), request_timeout_seconds=300)
    world.wait_in_vain(timeout_seconds=2, polling_seconds=1)
    assert max(at + t for at, t in zip(world.asked, world.transport.timeouts, strict=True)) == 2


def test_a_timeout_of_zero_is_one_poll_that_may_take_as_long_as_a_request():
    world = World(state=always("running"), request_timeout_seconds=8)
    error = world.wait_in_vain(timeout_seconds=0)
    assert world.transport.timeouts == (8,)
    assert error.timeout_seconds == 0
    world = World(BUSY)
    assert world.wait_in_vain(timeout_seconds=0).num_failures == 1


def test_without_a_limit_each_poll_may_take_as_long_as_a_request():
    world = World(job("running"), job("completed"), request_timeout_seconds=8)
    world.wait()
    assert world.transport.timeouts == (8, 8)


@given(
    timeout=st.floats(0.01, 100),
    polling=st.floats(0.2, 30),
    slowness=st.lists(st.floats(0, 20), min_size=1, max_size=5),
)
def test_no_wait_is_carried_past_its_deadline_by_a_slow_server(timeout, polling, slowness):
    clock = FakeClock()
    slow = itertools.cycle(slowness)

    class Slow:
        def send(self, _request, /, *, timeout_seconds):
            seconds = next(slow) + 0.05
            clock.advance(min(seconds, timeout_seconds))
            if seconds >= timeout_seconds:
                raise sj.RequestTimeout("late", sent=True)
            return jobs_response(job("running"))

        def close(self):
            pass

    handle = sj.JobHandle(client_on(Slow(), clock=clock), JOB)
    with pytest.raises(sj.WaitTimeout) as caught:
        handle.wait_until_complete(timeout_seconds=timeout, polling_seconds=polling)
    assert clock.now() <= timeout * (1 + 1e-9)
    assert caught.value.waited_seconds == pytest.approx(clock.now())
    assert caught.value.waited_seconds >= timeout - min(1, 0.1 * timeout) - 1e-9


@pytest.mark.parametrize(
    ("options", "where"),
    [
        *(({"timeout_seconds": x}, "timeout_seconds") for x in (-1, math.nan, math.inf, True, "1")),
        *(
            ({"polling_seconds": x}, "polling_seconds")
            for x in (-1, math.nan, math.inf, True, None)
        ),
        *(({"unknown_status_seconds": x}, "unknown_status_seconds") for x in (-1, math.nan, "1")),
        *(({"index": x}, "index") for x in (0.0, "0", True)),
        *(({"poll_policy": x}, "poll_policy") for x in (5, sj.PollPolicy)),
        *(({"on_change": x}, "on_change") for x in (5, "print")),
    ],
)
def test_an_option_out_of_range_is_refused_before_anything_is_sent(options, where):
    world = World()
    with pytest.raises(sj.InvalidValue) as caught:
        world.wait(**options)
    assert [problem.where for problem in caught.value.problems] == [where]
    assert world.asked == []


def test_every_option_out_of_range_is_named_in_one_error():
    with pytest.raises(sj.InvalidValue) as caught:
        World().wait(timeout_seconds=-1, until="done", unknown_status_seconds="1")
    names = [problem.where for problem in caught.value.problems]
    assert names == ["timeout_seconds", "until", "unknown_status_seconds"]


@pytest.mark.parametrize("index", [600, 3600, 10])
def test_a_timeout_passed_as_the_index_is_recognized(index):
    """``wait_until_complete(600)``: the first argument is the index, as in the official client."""
    world = World(state=always("running"))
    with pytest.raises(sj.CircuitIndexError) as caught:
        world.wait(index)
    text = f"job {JOB} has no circuit {index}: .*; did you mean timeout_seconds={index}\\?"
    assert re.search(text, str(caught.value))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert caught.value.message == str(caught.value)
    with pytest.raises(sj.InvalidValue, match=f"did you mean timeout_seconds={index}.0"):
        world.wait(float(index))


@pytest.mark.parametrize("arguments", [(-1,), (1,), (9,), (600, 60)])
def test_another_wrong_index_is_not_taken_for_a_timeout(arguments):
    with pytest.raises(sj.CircuitIndexError) as caught:
        World(state=always("running")).wait(*arguments)
    assert "timeout_seconds" not in str(caught.value)


def test_spacing_out_polls_takes_at_most_half_of_the_time_that_is_left():
    world = World(state=always("running"), polls_per_second=0.5)
    for _ in range(2):
        world.client.reserve_poll()
    world.wait_in_vain(timeout_seconds=3, polling_seconds=10)
    assert world.asked[0] == 1.5
    assert world.transport.timeouts[0] == 1.5
    assert all(at <= 3 for at in world.asked)


def test_a_single_poll_is_not_delayed():
    world = World(state=always("running"), polls_per_second=0.5)
    for _ in range(2):
        world.client.reserve_poll()
    world.wait_in_vain(timeout_seconds=0)
    assert world.asked == [0]


def test_what_on_change_raises_is_not_absorbed_whatever_it_is():
    world = World(state=always("running"))

    def callback(_before, _after):
        raise sj.TransportError("of the callback's own", sent=True)

    with pytest.raises(sj.TransportError, match="of the callback's own"):
        world.wait(timeout_seconds=60, on_change=callback)


@UNREACHED
def test_a_server_in_trouble_is_not_flooded_however_short_the_pauses():
    world = World(*[json_response("no", status=503)] * 500)
    world.wait_in_vain(timeout_seconds=60, polling_seconds=0)
    assert len(world.transport.requests) < 80


def test_a_wait_on_a_job_without_circuits_has_a_bound():
    world = World(state=lambda _now: job())
    with pytest.raises(sj.UnknownStatusTimeout, match="without any circuit"):
        world.wait(polling_seconds=60)


# ---- Ctrl-C


class Interrupted(FakeClock):
    """A clock whose n-th sleep is interrupted."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def sleep(self, seconds):
        self.number -= 1
        if self.number == 0:
            raise KeyboardInterrupt
        super().sleep(seconds)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_interrupt_in_a_pause_leaves_a_handle_that_goes_on(number):
    clock = Interrupted(number)
    steps = [job("received"), job("running"), job("running"), job("completed")]
    transport = ScriptedTransport(map(jobs_response, steps))
    handle = sj.JobHandle(client_on(transport, clock=clock), JOB)
    with pytest.raises(KeyboardInterrupt):
        handle.wait_until_complete(polling_seconds=1)
    assert handle.latest == steps[number - 1]
    assert handle.wait_until_complete(polling_seconds=1) == job("completed")
    assert transport.remaining == 0


def test_an_interrupt_in_a_request_leaves_a_handle_that_goes_on():
    world = World(job("received"), KeyboardInterrupt(), job("completed"))
    with pytest.raises(KeyboardInterrupt):
        world.wait(polling_seconds=1)
    assert world.handle.latest == job("received")
    assert world.wait() == job("completed")


# ---- unknown statuses


@QUIET
def test_a_wait_on_an_unknown_status_ends_by_itself():
    world = World(state=always("teleporting"))
    error = world.wait_in_vain(sj.UnknownStatusTimeout, polling_seconds=5)
    assert world.asked[-1] == 600
    assert isinstance(error, sj.WaitTimeout)
    assert isinstance(error, TimeoutError)
    assert (error.waited_seconds, error.timeout_seconds) == (600, 600)
    assert error.snapshot == job("teleporting")
    assert "last known status is teleporting" in str(error)
    assert "does not know" in str(error)


@QUIET
@pytest.mark.parametrize(("bound", "at"), [(0, 0), (7, 10), (10, 10), (600, 600)])
def test_how_long_it_waits_on_an_unknown_status_is_an_option(bound, at):
    world = World(state=always("teleporting"))
    world.wait_in_vain(sj.UnknownStatusTimeout, polling_seconds=5, unknown_status_seconds=bound)
    assert world.asked[-1] == at


@QUIET
def test_without_a_limit_it_goes_on_until_the_job_is_finished_or_time_is_up():
    def state(now):
        return job("completed" if now >= 5000 else "teleporting")

    world = World(state=state)
    assert world.wait(polling_seconds=50, unknown_status_seconds=None).is_terminal
    world = World(state=state)
    world.wait_in_vain(timeout_seconds=4000, polling_seconds=50, unknown_status_seconds=None)


@QUIET
def test_the_deadline_may_come_first():
    world = World(state=always("teleporting"))
    world.wait_in_vain(timeout_seconds=20, unknown_status_seconds=30)


@QUIET
def test_a_known_status_in_between_starts_the_count_again():
    life = living((0, "teleporting"), (25, "running"), (32, "teleporting"))
    world = World(state=life)
    world.wait_in_vain(sj.UnknownStatusTimeout, polling_seconds=5, unknown_status_seconds=30)
    assert world.asked[-1] == 35 + 30


@QUIET
def test_only_the_status_of_the_circuit_that_is_waited_for_matters():
    world = World(state=lambda _now: job("teleporting", "running"))
    error = world.wait_in_vain(
        sj.UnknownStatusTimeout, index=0, polling_seconds=5, unknown_status_seconds=10
    )
    assert f"circuit 0 of job {JOB}" in str(error)
    assert world.asked[-1] == 10
    world.wait_in_vain(index=1, timeout_seconds=40, unknown_status_seconds=10)


@QUIET
def test_another_circuit_that_is_known_to_go_on_keeps_the_wait_going():
    world = World(state=lambda now: job("teleporting", "completed" if now > 99 else "running"))
    world.wait_in_vain(sj.UnknownStatusTimeout, polling_seconds=10, unknown_status_seconds=20)
    assert world.asked[-1] == 100 + 20


@QUIET
def test_a_status_that_becomes_known_again_ends_the_wait_normally():
    world = World(job("teleporting"), job("teleporting"), job("completed"))
    assert world.wait(polling_seconds=1, unknown_status_seconds=2).is_terminal


# ---- a pace that adapts


def pauses(world):
    return [b - a for a, b in itertools.pairwise(world.asked)]


POLICIES = st.builds(
    lambda queued, running, snap_back, jitter: sj.PollPolicy(
        queued=queued, running=running, snap_back=snap_back, jitter=jitter
    ),
    *[
        st.builds(
            lambda fraction, low, more: sj.Pace(
                fraction=fraction, min_seconds=low, max_seconds=low + more
            ),
            st.floats(0, 1),
            st.floats(0.1, 5),
            st.floats(0, 60),
        )
    ]
    * 2,
    st.floats(0, 1),
    st.floats(0, 0.5),
)


@given(policy=POLICIES, status=st.sampled_from(["received", "pending", "running", "simulating"]))
def test_a_pause_is_the_pace_of_the_status_within_the_jitter(policy, status):
    randomness = random.Random(7)
    world = World(state=always(status))
    world.client = sj.SuperstaqClient(
        "key-of-the-tests",
        transport=world.transport,
        clock=world.clock,
        jitter=randomness.random,
    )
    world.handle = sj.JobHandle(world.client, JOB)
    world.wait_in_vain(timeout_seconds=50, poll_policy=policy)
    pace = policy.running if status in {"running", "simulating"} else policy.queued
    for at, pause in zip(world.asked, pauses(world)[:-1], strict=False):
        wanted = min(pace.max_seconds, max(pace.min_seconds, pace.fraction * at))
        assert (1 - policy.jitter) * wanted - 1e-9 <= pause <= (1 + policy.jitter) * wanted + 1e-9


@pytest.mark.parametrize(("status", "share"), [("received", 0.12), ("running", 0.1)])
def test_by_default_pauses_grow_with_the_time_waited_from_1_s_to_30_s(status, share):
    world = World(state=always(status))
    policy = sj.PollPolicy(jitter=0)
    world.wait_in_vain(timeout_seconds=2000, poll_policy=policy)
    seen = pauses(world)[:-1]
    assert seen[:8] == [1] * 8
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(seen))
    assert seen[-1] == pytest.approx(30)
    for at, pause in zip(world.asked, seen, strict=False):
        assert pause == pytest.approx(min(30, max(1, share * at)))


def test_jitter_is_drawn_for_each_pause_within_a_quarter_to_both_sides():
    draws = iter([0.0, 1.0, 0.5, 0.25] * 10)
    transport = ScriptedTransport.from_function(lambda _: jobs_response(job("received")))
    clock = FakeClock()
    client = sj.SuperstaqClient("key", transport=transport, clock=clock, jitter=lambda: next(draws))
    with pytest.raises(sj.WaitTimeout):
        sj.JobHandle(client, JOB).wait_until_complete(
            timeout_seconds=9, poll_policy=sj.PollPolicy()
        )
    assert clock.sleeps[:6] == pytest.approx((0.75, 1.25, 1, 0.875, 0.75, 1.25))


def test_a_running_job_has_a_pace_of_its_own():
    policy = sj.PollPolicy(
        queued=sj.Pace(min_seconds=7, max_seconds=7),
        running=sj.Pace(min_seconds=2, max_seconds=2),
        jitter=0,
    )
    world = World(state=living((0, "received"), (20, "running"), (30, "completed")))
    world.wait(poll_policy=policy)
    assert world.asked == [0, 7, 14, 21, 23, 25, 27, 29, 31]


def test_a_change_snaps_the_pause_back_and_it_grows_again():
    policy = sj.PollPolicy(
        queued=sj.Pace(max_seconds=1000), running=sj.Pace(max_seconds=1000), jitter=0, snap_back=0.5
    )
    world = World(state=living((0, "received"), (600, "running"), (1200, "completed")))
    world.wait(poll_policy=policy)
    seen = list(zip(world.asked, pauses(world), strict=False))
    before = [pause for at, pause in seen if at < 600]
    after = [pause for at, pause in seen if at >= 600]
    assert before == sorted(before)
    assert after == sorted(after)
    # Half of what the next pause would have been: a tenth of the time waited.
    first = next(at for at, _ in seen if at >= 600)
    assert after[0] == pytest.approx(0.5 * 0.1 * first)


def test_what_was_known_before_the_wait_is_not_a_change():
    world = World(state=always("received"))
    world.handle.refresh()
    world.clock.advance(500)
    world.wait_in_vain(timeout_seconds=3, poll_policy=sj.PollPolicy(jitter=0))
    assert world.asked == [0, 500, 501, 502, 503]


@pytest.mark.same_everywhere
@pytest.mark.parametrize(
    ("seconds", "most", "lateness"), [(8, 10, 1), (60, 31, 3.5), (600, 67, 18), (7200, 300, 18)]
)
def test_few_requests_and_little_lateness_however_long_the_job(seconds, most, lateness):
    late, looks = [], []
    for seed in range(10):
        randomness = random.Random(seed)
        end = seconds * randomness.uniform(0.97, 1.03)
        compiled = min(3, 0.1 * end)
        # Compiled soon, then in the queue for most of its life, and the end within a pause.
        life = living(
            (0, "received"),
            (0.25 * compiled, "awaiting_compile"),
            (0.5 * compiled, "compiling"),
            (compiled, "pending"),
            (0.9 * end, "running"),
            (end, "completed"),
        )
        world = World(state=life)
        client = sj.SuperstaqClient(
            "key", transport=world.transport, clock=world.clock, jitter=randomness.random
        )
        sj.JobHandle(client, JOB).wait_until_complete(poll_policy=sj.PollPolicy())
        looks.append(len(world.asked))
        late.append(world.clock.now() - end)
    assert min(late) >= 0
    assert statistics.mean(late) <= lateness
    assert statistics.mean(looks) <= most
