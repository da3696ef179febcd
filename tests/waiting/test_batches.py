"""A refusal of everything is told from a refusal of one job, with few requests, whoever waits."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import threading
import time
import uuid
from collections import Counter
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import OldServer, circuit
from worlds import JOB, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response

VERSIONS = pytest.mark.parametrize("version", ["v0.3.0", "v0.2.0"])


DONE = json.loads(jobs_response(job("completed")).body)[str(JOB)]
RUNNING = json.loads(jobs_response(job("running")).body)[str(JOB)]


def too_large(_ids):
    raise sj.AnswerTooLarge("too large", sent=True)


REFUSALS = {
    **{
        str(status): lambda _, status=status: json_response("no", status=status)
        for status in (400, 403, 404, 405, 413, 414, 422, 431, 501)
    },
    "302": lambda _: sj.Response(status=302, headers=[("Location", "https://x.example.com/")]),
    "401": lambda _: json_response("no", status=401),
    "a login page": lambda _: sj.Response(status=200, body=b"<html>Log in</html>"),
    "cut JSON": lambda _: sj.Response(status=200, body=b'{"'),
    "too large": too_large,
}


class World:
    """Handles of jobs that are finished after some seconds; ``refuse`` may refuse some ids."""

    def __init__(self, version, number, refuse=lambda _ids: None, *, ends=0.0):
        self.refuse = refuse
        self.ends = ends
        self.asked = []
        self.in_progress = Counter()
        self.doubled = []
        self.most = 0
        is_old = version == "v0.2.0"
        self.ids = [f"c{n}" if is_old else str(uuid.UUID(int=n + 1)) for n in range(number)]
        self.lock = threading.Lock()
        self.clock = FakeClock()
        transport = ScriptedTransport.from_function(self._respond)
        self.client = client_on(transport, clock=self.clock, api_version=version)
        self.handles = [sj.JobHandle(self.client, each) for each in self.ids]

    def _respond(self, request):
        if request.body is not None:
            ids = json.loads(request.body)["job_ids"]
        else:
            ids = [text for name, text in parse_qsl(urlsplit(request.path).query)]
        with self.lock:
            self.asked.append(ids)
            self.in_progress.update(ids)
            self.doubled += [each for each in ids if self.in_progress[each] > 1]
        try:
            refusal = self.refuse(ids)
            if refusal is not None:
                return refusal
        finally:
            with self.lock:
                self.in_progress.subtract(ids)
        is_done = self.clock.now() >= self.ends
        if request.body is not None:
            return json_response({each: circuit("Done" if is_done else "Queued") for each in ids})
        data = DONE if is_done else RUNNING
        return sj.Response(status=200, body=json.dumps(dict.fromkeys(ids, data)).encode())

    def wait(self, *, by_coroutine=False, **options):
        """The ids of the jobs with an error, and the errors."""
        try:
            if by_coroutine:
                asyncio.run(sj.wait_all_async(self.handles, 60, **options))
            else:
                sj.wait_all(self.handles, 60, **options)
        except sj.JobsUnsettled as caught:
            error = caught
        else:
            error = None
        assert self.doubled == []
        if error is None:
            return {}
        assert len(error.errors) + len(error.found) == len(self.ids)
        return {str(job_id): each for job_id, each in error.errors.items()}


@VERSIONS
@pytest.mark.parametrize(
    ("name", "number", "most", "by_coroutine"),
    [
        *((name, 2, 3, False) for name in REFUSALS),
        # Once refused, all kinds are looked into alike: here one of each way to be refused.
        *(
            pytest.param(name, 150, 5, False, marks=pytest.mark.same_everywhere)
            for name in ("302", "401", "422", "a login page")
        ),
        *((name, 150, 5, True) for name in ("403", "cut JSON", "too large")),
        pytest.param("400", 5000, 40, False, marks=pytest.mark.same_everywhere),
    ],
)
def test_a_refusal_of_all_takes_few_requests(name, number, most, by_coroutine, version):
    world = World(version, number, REFUSALS[name])
    errors = world.wait(by_coroutine=by_coroutine)
    assert set(errors) == set(world.ids)
    assert len(world.asked) <= most
    assert not any(isinstance(each, sj.WaitTimeout) for each in errors.values())


@pytest.mark.same_everywhere
@pytest.mark.parametrize(
    ("name", "place", "by_coroutine", "version"),
    [
        ("400", 3333, True, "v0.3.0"),
        ("404", 4999, False, "v0.2.0"),
        ("cut JSON", 0, False, "v0.3.0"),
        ("too large", 17, True, "v0.2.0"),
    ],
)
def test_a_refusal_of_one_job_of_5000_takes_few_requests(name, place, by_coroutine, version):
    world = World(version, 5000)
    bad = world.ids[place]
    world.refuse = lambda ids: REFUSALS[name](ids) if bad in ids else None
    assert list(world.wait(by_coroutine=by_coroutine)) == [bad]
    assert len(world.asked) <= 80


@pytest.mark.same_everywhere
@VERSIONS
@pytest.mark.parametrize("status", [402, 405, 406, 418, 423, 451, 499, 501, 505, 507, 599])
def test_a_refusal_of_one_job_with_any_status_ends_no_other_wait(status, version):
    world = World(version, 200)
    bad = world.ids[77]
    world.refuse = lambda ids: json_response("no", status=status) if bad in ids else None
    assert list(world.wait()) == [bad]
    assert len(world.asked) <= 25


@pytest.mark.same_everywhere
@VERSIONS
@settings(max_examples=10)
@given(bad=st.sets(st.integers(0, 299), max_size=12), at_once=st.integers(1, 5))
def test_whatever_is_refused_only_that_fails(bad, at_once, version):
    world = World(version, 300)
    refused = {world.ids[place] for place in bad}
    world.refuse = lambda ids: REFUSALS["403"](ids) if refused & set(ids) else None
    assert set(world.wait(requests_at_once=at_once)) == refused


@pytest.mark.same_everywhere
@pytest.mark.parametrize(
    ("name", "room", "version"),
    [
        *(("413", 1, "v0.3.0"), ("413", 10, "v0.2.0"), ("413", 40, "v0.3.0")),
        *(("too large", 1, "v0.2.0"), ("too large", 10, "v0.3.0"), ("too large", 40, "v0.2.0")),
    ],
)
def test_requests_become_as_small_as_they_have_to_be(name, room, version):
    world = World(version, 300, lambda ids: REFUSALS[name](ids) if len(ids) > room else None)
    assert world.wait() == {}


@pytest.mark.parametrize(
    ("name", "room", "by"),
    [
        *(("413", 90, by) for by in ("wait", "coroutine", "refresh", "fetch")),
        *((name, 999, "wait") for name in ("414", "431", "too large")),
        ("413", 1, "wait"),
    ],
)
def test_a_job_of_many_circuits_is_fetched_in_requests_as_small_as_they_have_to_be(name, room, by):
    world = World("v0.2.0", 1000, lambda ids: REFUSALS[name](ids) if len(ids) > room else None)
    job_id = ",".join(world.ids)
    world.handles = [handle] = [sj.JobHandle(world.client, job_id)]
    if by == "refresh":
        found = handle.refresh()
    elif by == "fetch":
        found = sj.fetch_job(world.client, job_id)
    else:
        world.ids = [job_id]
        assert world.wait(by_coroutine=by == "coroutine") == {}
        found = handle.latest
    assert found.num_circuits == 1000
    assert found.is_terminal
    refused = [ids for ids in world.asked if len(ids) > room]
    assert len(refused) <= 10
    assert len(world.asked) - len(refused) <= max(1000 // max(1, room // 2), 2)


def test_a_job_that_was_too_large_is_not_requested_as_a_whole_again():
    server = OldServer(**dict.fromkeys("abcd", "Running"))
    fetch = server.fetch_jobs
    server.fetch_jobs = lambda data: (
        fetch(data) if len(data["job_ids"]) <= 2 else json_response("no", status=413)
    )
    handle = sj.JobHandle(server.client(), "a,b,c,d")
    for _ in range(2):
        assert handle.refresh().num_circuits == 4
    assert server.asked() == [["a", "b", "c", "d"], *([["c", "d"], ["a", "b"]] * 2)]


@VERSIONS
def test_a_job_that_is_too_large_alone_does_not_divide_the_requests_for_others(version):
    world = World(version, 400, ends=30)
    large = world.ids[7]
    world.refuse = lambda ids: REFUSALS["too large"](ids) if large in ids else None
    assert list(world.wait(polling_seconds=5)) == [large]
    assert len(world.asked) <= 100  # of which most are about more than one job


@pytest.mark.parametrize(("version", "number"), [("v0.3.0", 315), ("v0.2.0", 499)])
def test_a_server_that_refuses_everything_from_now_on_ends_a_wait_whatever_is_due(version, number):
    world = World(version, number, ends=math.inf)

    def refuse(_ids):
        if len(world.asked) == 2:
            while world.handles[0].latest is None:
                time.sleep(0.001)
            time.sleep(0.02)  # the first batch rests already
            world.clock.advance(2)
        elif len(world.asked) == 3:  # the first batch alone; the other is overdue at its response
            time.sleep(0.02)
            world.clock.advance(2.2)
        return json_response("no", status=403) if len(world.asked) > 2 else None

    world.refuse = refuse
    errors = world.wait(polling_seconds=5, requests_at_once=1)
    assert {getattr(each, "status_code", None) for each in errors.values()} == {403}
    assert set(errors) == set(world.ids)
    assert len(world.asked) <= 10


@VERSIONS
def test_a_job_that_finished_meanwhile_is_not_failed_by_a_refusal(version):
    world = World(version, 2, ends=math.inf)
    done = world.handles[0]

    def refuse(ids):
        if len(world.asked) == 2:  # while both are polled together, another thread asks for one
            world.ends = 0.0
            world.in_progress.subtract(ids)
            done.refresh()
            world.in_progress.update(ids)
            return json_response("who are you", status=401)
        return None

    world.refuse = refuse
    assert list(world.wait(polling_seconds=5)) == [world.ids[1]]


def test_a_part_of_a_job_that_fails_is_retried_without_the_others():
    failures = iter([False] * 8 + [True, False] * 20)

    def refuse(ids):
        if len(ids) > 10:
            return REFUSALS["413"](ids)
        return json_response("busy", status=503) if next(failures, False) else None

    world = World("v0.2.0", 200, refuse)
    world.handles, world.ids = [sj.JobHandle(world.client, ",".join(world.ids))], ["all"]
    assert world.wait() == {}


def test_a_circuit_that_is_too_large_alone_ends_a_wait_and_nothing_is_lost_of_the_others():
    world = World("v0.2.0", 4, lambda ids: REFUSALS["413"](ids) if "c1" in ids else None)
    world.handles, world.ids = [sj.JobHandle(world.client, "c0,c1,c2,c3")], ["c0,c1,c2,c3"]
    (error,) = world.wait().values()
    assert error.status_code == 413
    assert {each.job_id for each in error.found} >= {"c2", "c3"}


@pytest.mark.same_everywhere
@VERSIONS
@pytest.mark.parametrize("name", ["413", "414", "431", "too large"])
def test_many_jobs_are_fetched_in_requests_as_small_as_they_have_to_be(name, version):
    world = World(version, 300, lambda ids: REFUSALS[name](ids) if len(ids) > 20 else None)
    found = sj.fetch_jobs(world.client, world.ids)
    assert [str(each.job_id) for each in found] == world.ids
    assert len(world.asked) <= 40


@pytest.mark.same_everywhere
@VERSIONS
def test_a_server_that_begins_to_refuse_everything_in_the_middle_of_a_search(version):
    world = World(version, 5000)
    bad = world.ids[0]

    def refuse(ids):
        if len(world.asked) > 40 or bad in ids:
            return REFUSALS["403"](ids)
        return None

    world.refuse = refuse
    world.wait()
    assert len(world.asked) < 120


def test_what_was_accepted_is_polled_on_while_one_job_is_looked_for():
    """Parts take turns with everything else."""
    world = World("v0.3.0", 1000)
    bad = world.ids[500]
    world.refuse = lambda ids: REFUSALS["400"](ids) if bad in ids else None
    assert list(world.wait()) == [bad]
    # 7 requests ask for all. Threads may send a few parts of the search before the last of them.
    first = {each for ids in world.asked[:10] for each in ids}
    assert first == {*world.ids}


# ---- one job with which the server fails

FAILURES = {
    "500": lambda _: json_response("a riddle", status=500),
    "reset": lambda _: broken("reset", sent=True),
}


def broken(message, *, sent):
    raise sj.TransportError(message, sent=sent)


@VERSIONS
@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize(
    ("number", "most", "by_coroutine"),
    [(2, 40, False), (150, 50, False), (600, 60, True)],
)
def test_one_job_for_which_the_server_fails_holds_no_other(
    number, most, by_coroutine, name, version
):
    world = World(version, number)
    bad = world.ids[number // 3]
    world.refuse = lambda ids: FAILURES[name](ids) if bad in ids else None
    with pytest.warns(sj.SuperstaqWarning, match=f"no response about job {bad} "):
        errors = world.wait(by_coroutine=by_coroutine, polling_seconds=2)
    assert list(errors) == [bad]
    assert isinstance(errors[bad], sj.WaitTimeout)
    assert len(world.asked) <= most


@pytest.mark.parametrize("name", FAILURES)
def test_jobs_of_many_circuits_do_not_keep_a_request_that_fails_whole(name):
    """Three requests are as few as possible, though the last two are for one job each."""
    world = World("v0.2.0", 650, ends=math.inf)
    bad = world.ids[3]
    large = [",".join(world.ids[at : at + 200]) for at in (50, 250, 450)]
    world.handles = [sj.JobHandle(world.client, each) for each in (*world.ids[:50], *large)]
    world.refuse = lambda ids: (
        FAILURES[name](ids)
        if bad in ids
        else json_response(
            {each: circuit("Done" if each in world.ids[:50] else "Queued") for each in ids}
        )
    )
    with (
        pytest.warns(sj.SuperstaqWarning, match="no response"),
        pytest.raises(sj.JobsTimeout) as caught,
    ):
        sj.wait_all(world.handles, 60)
    assert {*map(str, caught.value.errors)} == {bad, *large}


@VERSIONS
@pytest.mark.parametrize("number", [2, 300])
def test_the_halves_of_a_request_that_fails_wait_as_long_as_the_server_asks_for(number, version):
    world = World(version, number)
    bad, times = world.ids[0], []

    def refuse(ids):
        if bad in ids:
            times.append(world.clock.now())
            if len(times) <= 4:
                return json_response("x", status=500, headers=[("Retry-After", "7")])
        return None

    world.refuse = refuse
    assert world.wait(polling_seconds=2) == {}
    assert len(times) == 5
    assert all(after - before >= 7 for before, after in itertools.pairwise(times))


def test_halves_that_would_be_too_late_are_sent_once_more_at_the_deadline():
    world = World("v0.3.0", 2, ends=math.inf)
    times = []

    def refuse(_ids):
        times.append(world.clock.now())
        return json_response("x", status=500, headers=[("Retry-After", "25")])

    world.refuse = refuse
    with pytest.warns(sj.SuperstaqWarning, match="no response"):
        assert len(world.wait(polling_seconds=2)) == 2
    assert times == [0, 25, 50, 60, 60]


@pytest.mark.same_everywhere
@VERSIONS
@pytest.mark.parametrize("failure", [*FAILURES.values(), lambda _: json_response("no", status=503)])
@pytest.mark.parametrize("number", [150, 450])
def test_a_server_that_fails_for_all_gets_few_more_requests(number, failure, version):
    world = World(version, number, failure)
    with pytest.warns(sj.SuperstaqWarning, match="no response"):
        errors = world.wait(polling_seconds=10)
    assert all(isinstance(each, sj.WaitTimeout) for each in errors.values())
    polls = 60 // 10 + 1
    assert len(world.asked) <= 2 * polls * -(-number // 150)


# ---- a slow request


class Stalled:
    """Jobs on a server in real time; a request for the first one takes until it is let go."""

    def __init__(self, number):
        self.go_on = threading.Event()
        self.ids = [uuid.UUID(int=n + 1) for n in range(number)]
        self.begins = time.monotonic()
        self.asked = []
        self.lock = threading.Lock()
        self.in_progress = self.most = 0

    def send(self, request, /, *, timeout_seconds):
        del timeout_seconds
        ids = [uuid.UUID(text) for _, text in parse_qsl(urlsplit(request.path).query)]
        with self.lock:
            self.asked.append(ids)
            self.in_progress += 1
            self.most = max(self.most, self.in_progress)
        if self.ids[0] in ids:
            assert self.go_on.wait(60)
        with self.lock:
            self.in_progress -= 1
        is_done = time.monotonic() > self.begins + 1
        word = "completed" if is_done else "running"
        return jobs_response(*(job(word, job_id=each) for each in ids))

    def close(self):
        pass


@pytest.mark.parametrize("by_coroutine", [False, True])
@pytest.mark.parametrize("at_once", [1, 4])
def test_the_others_are_polled_on_beside_a_request_that_hangs(at_once, by_coroutine):
    server = Stalled(600)
    client = sj.SuperstaqClient("key", "http://localhost", transport=server)
    handles = [sj.JobHandle(client, each) for each in server.ids]
    options = {"polling_seconds": 0.3, "requests_at_once": at_once}
    times = []

    def take(final):
        times.append(time.monotonic() - server.begins)
        if len(times) == 600 - len(server.asked[0]):
            server.go_on.set()
        return final.job_id

    async def main():
        return [take(final) async for final in sj.as_completed_async(handles, 60, **options)]

    if by_coroutine:
        finals = asyncio.run(main())
    else:
        finals = [take(final) for final in sj.as_completed(handles, 60, **options)]
    stalled = server.asked[0]
    assert finals[-len(stalled) :] == stalled
    assert max(times[: -len(stalled)]) < 1 + 0.3 + 2
    assert sum(server.ids[0] in ids for ids in server.asked) == 1
    assert server.most <= 2 * at_once


def test_a_request_that_hangs_is_given_up_when_the_wait_is_closed():
    server = Stalled(600)
    client = sj.SuperstaqClient("key", "http://localhost", transport=server)
    finals = sj.as_completed([sj.JobHandle(client, each) for each in server.ids], 60, 0.1)
    next(finals)
    finals.close()
    number = len(server.asked)
    server.go_on.set()
    time.sleep(0.3)
    assert len(server.asked) == number


@VERSIONS
def test_a_server_that_is_busy_for_one_request_is_given_the_time_it_asks_for(version):
    world = World(version, 300)
    slow = world.ids[0]
    times = []

    def refuse(ids):
        if slow in ids:
            times.append(world.clock.now())
            if len(times) == 1:
                return json_response("busy", status=429, headers=[("Retry-After", "50")])
        return None

    world.refuse = refuse
    assert world.wait(polling_seconds=2) == {}
    assert times[1] - times[0] >= 50
