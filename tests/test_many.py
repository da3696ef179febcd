"""Many jobs in one loop: few requests, each job for itself, the same handles and errors."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import threading
import time
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from worlds import client_on, job

import superstaq_jobs as sj
from superstaq_jobs import JobHandle
from superstaq_jobs.testing import FakeClock
from superstaq_jobs.wire.api import encode_jobs
from superstaq_jobs.wire.request import Response

QUEUE = ["received", "pending", "running", "completed"]


class Server:
    """Responds about jobs by how often each was requested; a transport without a script."""

    def __init__(self, lives, *, spoil=lambda _ids, body: body):
        self.lives = lives
        self.spoil = spoil
        self.polls = dict.fromkeys(lives, 0)
        self.asked = []

    def send(self, request, /, *, timeout_seconds):
        assert timeout_seconds >= 0
        ids = [uuid.UUID(text) for text in parse_qs(urlsplit(request.path).query)["job_id"]]
        self.asked.append(ids)
        known = []
        for job_id in (each for each in ids if each in self.lives):
            life = self.lives[job_id]
            known.append(job(life[min(self.polls[job_id], len(life) - 1)], job_id=job_id))
            self.polls[job_id] += 1
        body = self.spoil(ids, encode_jobs(known))
        if isinstance(body, Exception):
            raise body
        return body if isinstance(body, Response) else Response(status=200, body=body)

    def close(self):
        pass


def ids(number):
    return [uuid.UUID(int=place + 1) for place in range(number)]


def world(lives, **options):
    server = Server(lives, **options)
    clock = FakeClock()
    client = client_on(server, clock=clock)
    return server, clock, [JobHandle(client, job_id) for job_id in lives]


def test_final_snapshots_come_in_the_order_of_the_handles_which_are_updated():
    lives = {job_id: QUEUE[place % 4 :] for place, job_id in enumerate(ids(10))}
    server, _, handles = world(lives)
    snapshots = sj.wait_all(handles)
    assert [s.job_id for s in snapshots] == ids(10)
    assert all(s.completed for s in snapshots)
    assert [h.latest for h in handles] == list(snapshots)
    # A finished job is not requested again, and each round is one request.
    assert [len(asked) for asked in server.asked] == [10, 8, 6, 3]


def test_a_thousand_jobs_are_seven_requests_a_round():
    lives = {job_id: ["received", "completed"] for job_id in ids(1000)}
    server, _, handles = world(lives)
    assert len(sj.wait_all(handles)) == 1000
    assert len(server.asked) == 14


def test_jobs_that_are_known_to_be_finished_are_not_requested():
    server, _, handles = world({ids(1)[0]: ["completed"]})
    handles[0].refresh()
    assert sj.wait_all(handles) == (handles[0].latest,)
    assert len(server.asked) == 1
    assert sj.wait_all([]) == ()


def test_one_job_may_be_held_twice():
    server, _, (handle,) = world({ids(1)[0]: QUEUE})
    other = JobHandle(handle.client, handle.job_id())
    first, second = sj.wait_all([handle, other])
    assert first == second == other.latest
    assert len(server.asked) == 4


def test_handles_of_several_clients_are_requested_by_their_own():
    one, clock, mine = world({ids(2)[0]: QUEUE})
    other = Server({ids(2)[1]: QUEUE})
    theirs = [JobHandle(client_on(other, clock=clock), ids(2)[1])]
    assert len(sj.wait_all([*mine, *theirs])) == 2
    assert {tuple(asked) for asked in one.asked} == {(ids(2)[0],)}
    assert {tuple(asked) for asked in other.asked} == {(ids(2)[1],)}


def test_as_completed_gives_each_as_it_comes():
    lives = {job_id: QUEUE[place:] for place, job_id in enumerate(ids(4))}
    _, clock, handles = world(lives)
    seen = [(s.job_id.int, clock.now()) for s in sj.as_completed(handles, polling_seconds=5)]
    assert [number for number, _ in seen] == [4, 3, 2, 1]
    times = [at for _, at in seen]
    assert [round(b - a) for a, b in itertools.pairwise(times)] == [5, 5, 5]


def test_leaving_the_loop_sends_nothing_more():
    server, _, handles = world({job_id: QUEUE[i:] for i, job_id in enumerate(ids(4))})
    for _ in sj.as_completed(handles):
        break
    assert len(server.asked) == 1


def test_wait_any_stops_at_enough():
    server, _, handles = world({job_id: QUEUE[i:] for i, job_id in enumerate(ids(4))})
    assert [s.job_id.int for s in sj.wait_any(handles, 2)] == [4, 3]
    assert len(server.asked) == 2
    with pytest.raises(sj.InvalidValue, match="from 0 to the number of handles, 4; got 5"):
        sj.wait_any(handles, 5)


def test_watch_gives_every_change_and_nothing_else():
    lives = {ids(2)[0]: ["received", "received", "running", "completed"], ids(2)[1]: ["completed"]}
    _, _, handles = world(lives)
    steps = [
        (after.job_id.int, before and str(before.status), str(after.status))
        for before, after in sj.watch(handles)
    ]
    assert steps == [
        (1, None, "received"),
        (2, None, "completed"),
        (1, "received", "running"),
        (1, "running", "completed"),
    ]


def test_a_job_that_is_missing_does_not_stop_the_others():
    server, _, handles = world(dict.fromkeys(ids(3), QUEUE))
    del server.lives[ids(3)[1]]
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all(handles)
    (error,) = caught.value.errors.values()
    assert isinstance(error, sj.JobsNotFound)
    assert not isinstance(caught.value, TimeoutError)
    assert [s.job_id.int for s in caught.value.found] == [1, 3]
    assert str(ids(3)[1]) in str(caught.value)


def test_a_job_that_cannot_be_read_does_not_stop_the_others():
    bad = str(ids(3)[1])

    def spoil(_asked, body):
        data = json.loads(body)
        if bad in data:
            data[bad]["shots"] = ["three"]
        return json.dumps(data).encode()

    _, _, handles = world(dict.fromkeys(ids(3), QUEUE), spoil=spoil)
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all(handles)
    assert list(caught.value.errors) == [ids(3)[1]]
    error = caught.value.errors[ids(3)[1]]
    assert isinstance(error, sj.ProtocolError)
    assert [p.where for p in error.problems] == [f"$.{bad}.shots[0]"]
    assert len(caught.value.found) == 2


def test_however_many_jobs_cannot_be_read_each_is_named_and_the_others_end():
    """An error lists a limited number of problems of one response."""
    bad = set(map(str, ids(100)[10:90]))

    def spoil(_asked, body):
        jobs = json.loads(body)
        for key in bad & set(jobs):
            jobs[key]["shots"] = ["three"]
        return json.dumps(jobs).encode()

    _, _, handles = world(dict.fromkeys(ids(100), QUEUE), spoil=spoil)
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all(handles)
    assert set(map(str, caught.value.errors)) == bad
    assert {type(error) for error in caught.value.errors.values()} == {sj.ProtocolError}
    assert len(caught.value.found) == 20


def test_an_unreadable_job_that_was_not_requested_does_not_fail_the_others():
    def spoil(_asked, body):
        return json.dumps({**json.loads(body), str(ids(9)[8]): {"shots": "none"}}).encode()

    server, _, handles = world(dict.fromkeys(ids(3), QUEUE), spoil=spoil)
    del server.lives[ids(3)[1]]
    with pytest.raises(sj.JobsUnsettled) as caught, pytest.warns(sj.SuperstaqWarning):
        sj.wait_all(handles)
    assert {k: type(e) for k, e in caught.value.errors.items()} == {ids(3)[1]: sj.JobsNotFound}
    assert len(caught.value.found) == 2


def test_another_entry_that_is_not_even_json_is_a_warning_too():
    """As a number that no float holds, in a response of which the rest is known already."""
    polls, other = [], str(ids(9)[8]).encode()

    def spoil(_asked, body):
        polls.append(body)
        return body if len(polls) != 2 else body[:-1] + b', "%s": {"x": 1e999}}' % other

    unchanged_once = ["received", "received", "completed"]
    _, _, handles = world(dict.fromkeys(ids(3), unchanged_once), spoil=spoil)
    with pytest.warns(sj.SuperstaqWarning, match="Number out of range"):
        snapshots = sj.wait_all(handles, polling_seconds=0.01)
    assert all(each.completed for each in snapshots)
    assert len(polls) > 2


def test_a_request_that_is_refused_for_one_job_is_made_for_the_others():
    def spoil(asked, body):
        return Response(status=400, body=b'"no"') if ids(9)[6] in asked else body

    server, _, handles = world(dict.fromkeys(ids(9), QUEUE), spoil=spoil)
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all(handles)
    assert list(caught.value.errors) == [ids(9)[6]]
    assert len(caught.value.found) == 8
    assert len(server.asked) < 15


def test_a_wrong_key_is_one_request():
    server, _, handles = world(
        dict.fromkeys(ids(9), QUEUE), spoil=lambda *_: Response(status=401, body=b'"no"')
    )
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all(handles)
    assert {type(e) for e in caught.value.errors.values()} == {sj.AuthenticationError}
    assert len(server.asked) == 1


def test_transient_failures_are_absorbed():
    broken = [sj.TransportError("gone", sent=True), Response(status=503, body=b"")]

    def spoil(_asked, body):
        return broken.pop() if broken else body

    _, _, handles = world(dict.fromkeys(ids(3), QUEUE), spoil=spoil)
    assert len(sj.wait_all(handles)) == 3


def test_the_time_is_one_for_all():
    lives = {ids(3)[0]: QUEUE, ids(3)[1]: ["pending"], ids(3)[2]: ["running"]}
    _, clock, handles = world(lives)
    began = clock.now()
    with pytest.raises(sj.JobsTimeout) as caught:
        sj.wait_all(handles, timeout_seconds=60)
    assert clock.now() - began <= 60
    assert isinstance(caught.value, TimeoutError)
    assert set(caught.value.errors) == set(ids(3)[1:])
    assert all(isinstance(e, sj.WaitTimeout) for e in caught.value.errors.values())
    assert [s.job_id for s in caught.value.found] == ids(1)


@pytest.mark.same_everywhere
def test_the_error_says_each_reason_once_however_many_jobs_time_out():
    lives = {job_id: [["pending"], ["running"]][n % 2] for n, job_id in enumerate(ids(1000))}
    lives[ids(1)[0]] = ["completed"]
    server, _, handles = world(lives)
    del server.lives[ids(2)[1]]
    with pytest.raises(sj.JobsTimeout) as caught:
        sj.wait_all(handles, timeout_seconds=60)
    assert len(caught.value.errors) == 999
    headline, *reasons = str(caught.value).splitlines()
    assert headline.startswith("999 jobs of 1000 ")
    missing, running, pending = sorted(
        reasons, key=lambda line: ("pending" in line, "running" in line)
    )
    assert f"{ids(2)[1]}: JobsNotFound" in missing
    first = ", ".join(map(str, ids(8)[3::2]))
    assert f"{first} and 496 more: WaitTimeout" in running
    assert f"{', '.join(map(str, ids(7)[2::2]))} and 496 more: WaitTimeout" in pending


def test_watching_ends_with_the_timeout():
    _, _, handles = world({ids(1)[0]: ["pending"]})
    changes = sj.watch(handles, timeout_seconds=60)
    assert next(changes) == (None, handles[0].latest)
    with pytest.raises(sj.JobsTimeout):
        next(changes)


def test_a_timeout_of_zero_is_one_poll():
    server, _, handles = world({job_id: ["completed"] for job_id in ids(3)})
    assert len(sj.wait_all(handles, timeout_seconds=0)) == 3
    assert len(server.asked) == 1


def test_an_unknown_status_is_waited_on_for_a_while():
    _, _, handles = world({ids(1)[0]: ["teleporting"]})
    with (
        pytest.warns(sj.SuperstaqWarning, match="teleporting"),
        pytest.raises(sj.JobsTimeout) as caught,
    ):
        sj.wait_all(handles, unknown_status_seconds=30)
    assert isinstance(caught.value.errors[ids(1)[0]], sj.UnknownStatusTimeout)


@pytest.mark.parametrize("bad", [["x"], [None], 3])
def test_what_is_not_a_handle_is_named(bad):
    with pytest.raises((sj.InvalidRequest, TypeError)):
        sj.wait_all(bad)


@pytest.mark.parametrize("pick", [lambda h: h, lambda h: str(h.job_id()), lambda h: h.client])
def test_what_is_not_a_list_of_handles_is_named_before_the_options(pick):
    _, _, handles = world({ids(1)[0]: QUEUE})
    wrong = pick(handles[0])
    with pytest.raises(sj.InvalidRequest, match="nothing was sent:\n  handles: must be a list of"):
        sj.wait_all(wrong, handles[0])


def test_an_option_out_of_range_says_that_nothing_was_sent():
    _, _, handles = world({ids(1)[0]: QUEUE})
    for options in ({"requests_at_once": 0}, {"timeout_seconds": "600"}):
        (name,) = options
        with pytest.raises(sj.InvalidRequest, match=f"nothing was sent:\n  {name}: "):
            sj.wait_all(handles, **options)


def test_a_response_without_news_gives_the_same_snapshot():
    server, _, (handle,) = world({ids(1)[0]: ["pending"]})
    first = handle.refresh()
    before = handle.polled_at
    assert handle.refresh() is first
    assert handle.polled_at >= before
    assert len(server.asked) == 2


def test_a_changed_job_keeps_the_strings_it_had():
    _, _, (handle,) = world({ids(1)[0]: QUEUE})
    first = handle.refresh()
    assert handle.refresh().circuits[0].input_circuit is first.circuits[0].input_circuit


# ---- one round after another


def test_a_poll_that_succeeds_ends_a_row_of_failures():
    statuses = iter([503, 503, 200, 503, 503, 200, 503, 401])

    def spoil(_asked, body):
        status = next(statuses)
        return body if status == 200 else Response(status=status, body=b"")

    clock = FakeClock()
    server = Server({ids(1)[0]: ["pending"]}, spoil=spoil)
    handle = JobHandle(client_on(server, clock=clock), ids(1)[0])
    with pytest.raises(sj.JobsUnsettled):
        sj.wait_all([handle], polling_seconds=0.1)
    assert clock.sleeps == (0.25, 0.5, 0.1, 0.25, 0.5, 0.1, 0.25)


def test_a_long_wait_keeps_no_snapshot_that_is_past():
    alive = []

    class Counting(FakeClock):
        def sleep(self, seconds):
            super().sleep(seconds)
            if len(self.sleeps) in {3, 80}:
                alive.append(sum(type(each) is sj.JobSnapshot for each in gc.get_objects()))

    server = Server({ids(1)[0]: ["running", "pending"] * 40})
    handles = [JobHandle(client_on(server, clock=Counting()), ids(1)[0])]
    with pytest.raises(sj.JobsTimeout):
        sj.wait_all(handles, timeout_seconds=400)
    early, late = alive
    assert late <= early


def test_requests_that_wait_for_others_get_no_time_of_their_own():
    clock = FakeClock()

    class Hanging(Server):
        def send(self, _request, /, *, timeout_seconds):
            clock.advance(timeout_seconds)
            raise sj.RequestTimeout("late", sent=True)

    client = client_on(Hanging({}), clock=clock)
    with pytest.raises(sj.JobsTimeout):
        sj.wait_all([JobHandle(client, each) for each in ids(400)], 10, requests_at_once=1)
    assert clock.now() <= 10


@pytest.mark.parametrize("wait", [sj.wait_all, sj.as_completed, sj.watch, sj.as_completed_async])
@pytest.mark.parametrize("number", [0, 1])
def test_a_timeout_out_of_range_is_refused_at_the_call(wait, number):
    server, _, handles = world(dict.fromkeys(ids(number), QUEUE))
    with pytest.raises(sj.InvalidValue, match="timeout_seconds"):
        wait(handles, timeout_seconds=-1)
    assert server.asked == []


def test_a_job_that_another_thread_saw_finish_is_not_requested_again():
    server, _, (one, two) = world(dict.fromkeys(ids(2), QUEUE))
    changes = sj.watch([one, two])
    for _ in range(2):
        next(changes)
    for _ in range(3):
        two.refresh()
    before = len(server.asked)
    assert [(after.job_id.int, str(after.status)) for _, after in changes] == [
        (2, "completed"),
        *((1, status) for status in QUEUE[1:]),
    ]
    assert server.asked[before:] == [[ids(2)[0]]] * 3


def test_a_job_that_finished_since_its_round_began_is_not_requested_again():
    one, two = ids(2)
    clock = FakeClock()

    def refresh_the_other(_ids, body):
        handles[1].refresh()
        return body

    first = Server({one: ["completed"]}, spoil=refresh_the_other)
    second = Server({two: ["completed"]})
    handles = [
        JobHandle(client_on(server, clock=clock), job_id)
        for server, job_id in ((first, one), (second, two))
    ]
    assert len(sj.wait_all(handles, requests_at_once=1)) == 2
    assert len(second.asked) == 1


def slow_and_quick():
    """Two finished jobs; the response about one comes when the event is set."""
    told = threading.Event()

    def hold_back(_ids, body):
        assert told.wait(60)
        return body

    _, clock, (quick,) = world({ids(2)[0]: ["completed"]})
    server = Server({ids(2)[1]: ["completed"]}, spoil=hold_back)
    return told, JobHandle(client_on(server, clock=clock), ids(2)[1]), quick


def test_an_end_is_reported_before_the_other_responses_of_its_round_arrive():
    told, slow, quick = slow_and_quick()
    finals = sj.as_completed([slow, quick])
    assert next(finals).job_id == ids(2)[0]
    told.set()
    assert [final.job_id for final in finals] == [ids(2)[1]]


def test_an_end_is_reported_before_the_other_responses_in_a_coroutine_too():
    told, slow, quick = slow_and_quick()

    async def ends():
        seen = []
        async for final in sj.as_completed_async([slow, quick]):
            seen.append(final.job_id)
            told.set()
        return seen

    assert asyncio.run(ends()) == [ids(2)[0], ids(2)[1]]


def test_requests_stay_as_they_are_though_jobs_of_others_end():
    """So a response without news is recognized by its bytes."""
    lives = {job_id: ["pending", "pending", "completed"] for job_id in ids(400)}
    for job_id in ids(400)[:10]:
        lives[job_id] = ["completed"]
    server, _, handles = world(lives)
    sj.wait_all(handles, requests_at_once=1)
    first, second = server.asked[:3], server.asked[3:6]
    assert second == [first[0][10:], *first[1:]]


def test_requests_are_joined_as_soon_as_fewer_are_enough():
    lives = {job_id: ["pending", "completed"] for job_id in ids(400)}
    for job_id in ids(400)[::2]:
        lives[job_id] = ["completed"]
    server, _, handles = world(lives)
    sj.wait_all(handles, requests_at_once=1)
    room = len(server.asked[0])
    assert [len(asked) for asked in server.asked] == [room, room, 400 - 2 * room, room, 200 - room]


def test_handles_of_one_job_in_two_formats_are_requested_separately():
    server, _, (handle,) = world({ids(1)[0]: ["received", "received", "completed", "completed"]})
    other = JobHandle(handle.client, handle.job_id(), circuit_type="cirq")
    assert len(sj.wait_all([handle, other], requests_at_once=1)) == 2
    assert len(server.asked) == 4


def test_a_client_whose_jobs_are_finished_does_not_delay_polls():
    clock = FakeClock()
    servers = [Server({ids(1)[0]: ["completed"]}), Server({ids(2)[1]: QUEUE})]
    handles = [
        JobHandle(client_on(server, clock=clock, polls_per_second=rate), job_id)
        for server, rate, job_id in zip(servers, (0.25, 1000), ids(2), strict=True)
    ]
    sj.wait_all(handles, polling_seconds=1)
    assert clock.sleeps == (1, 1, 1)


def test_a_response_that_another_overtook_takes_no_handle_back():
    server, _, (handle,) = world({ids(1)[0]: QUEUE})

    def spoil(_asked, body):
        if len(server.asked) == 1:
            assert str(handle.refresh().status) == "pending"
        return body

    server.spoil = spoil
    changes = [str(after.status) for _, after in sj.watch([handle])]
    assert changes == ["pending", "running", "completed"]


def test_ids_in_another_spelling_are_the_same_jobs():
    lives = {uuid.UUID(int=0xABC0 + place): QUEUE for place in range(3)}
    server, _, handles = world(
        lives,
        spoil=lambda _, body: json.dumps(
            {key.upper(): value for key, value in json.loads(body).items()}
        ).encode(),
    )
    assert [s.job_id for s in sj.wait_all(handles)] == list(lives)
    assert len(server.asked) == len(QUEUE)


class Meddling(FakeClock):
    """A clock on which something else happens during each sleep."""

    meddle = staticmethod(lambda: None)

    def sleep(self, seconds):
        super().sleep(seconds)
        self.meddle()


def test_what_has_reached_its_stage_stays_so_whatever_is_seen_of_it_later():
    one, two = ids(2)
    clock = Meddling()
    client = client_on(
        Server(
            {
                one: ["awaiting_submission", "calibrating"],
                two: ["compiling", "compiling", "awaiting_submission"],
            }
        ),
        clock=clock,
    )
    handles = [JobHandle(client, one), JobHandle(client, two)]
    clock.meddle = handles[0].refresh
    with pytest.warns(sj.SuperstaqWarning, match="calibrating"):
        snapshots = sj.wait_all(handles, until="compiled")
    assert [s.job_id for s in snapshots] == [one, two]
    assert [str(s.status) for s in snapshots] == ["awaiting_submission"] * 2


def test_a_change_that_was_not_reported_yet_is_part_of_the_next():
    _, _, handles = world({key: ["received", "running", "completed"] for key in ids(2)})
    told = []
    for before, after in sj.watch(handles):
        told.append((before, after))
        if after.status == "running" and after.job_id == ids(2)[0]:
            handles[1].refresh()
    for job_id in ids(2):
        mine = [pair for pair in told if pair[1].job_id == job_id]
        assert mine[0][0] is None
        assert all(one[1] == other[0] for one, other in itertools.pairwise(mine))
        assert mine[-1][1].completed


def test_a_slow_reader_does_not_delay_the_other_requests_of_the_round():
    server, clock, handles = world({key: ["completed"] for key in ids(400)})
    finals = sj.as_completed(handles, timeout_seconds=2, requests_at_once=1)
    seen = [next(finals)]
    for _ in range(20_000):
        if len(server.asked) == 3:
            break
        time.sleep(0.001)
    assert len(server.asked) == 3
    clock.advance(10)
    seen += finals
    assert sorted(s.job_id for s in seen) == ids(400)


def test_a_job_that_the_caller_refreshes_during_a_report_is_reported_once():
    first, second = ids(2)
    _, _, handles = world({first: ["running", "running", "completed"], second: QUEUE[2:]})
    found = []
    for snapshot in sj.as_completed(handles, 100):
        found.append(snapshot.job_id)
        if snapshot.job_id == second:
            while not handles[0].refresh().is_terminal:
                pass
    assert found == [second, first]


def test_a_job_that_finishes_during_the_last_report_has_not_timed_out():
    first, second = ids(2)
    _, _, handles = world({first: ["running", "completed"], second: ["completed"]})
    found = []
    for snapshot in sj.as_completed(handles[::-1], 0):
        found.append(snapshot.job_id)
        handles[0].refresh()
    assert found == [second, first]


def test_a_job_that_finishes_while_its_change_is_reported_is_taken_once():
    first, second = ids(2)
    _, _, handles = world({first: ["running", "completed"], second: QUEUE})
    seen = []
    for before, after in sj.watch(handles):
        seen.append((after.job_id, before and before.status, after.status))
        if after.job_id == first and not after.is_terminal:
            handles[0].refresh()  # it finishes between this report and the next one
    assert [entry for entry in seen if entry[0] == first] == [
        (first, None, "running"),
        (first, "running", "completed"),
    ]
    assert sum(job_id == second for job_id, _, _ in seen) == len(QUEUE)


def test_a_poll_that_is_not_sent_is_not_a_response():
    (only,) = ids(1)
    _, clock, (handle,) = world({only: ["running", "completed"]})
    times = []

    def changed(_before, after):
        if not after.is_terminal:
            handle.refresh()  # the next poll of the wait has nothing left to request
            times.append(handle.polled_at)
            clock.advance(100)

    handle.wait_until_complete(on_change=changed)
    assert handle.polled_at == times[0]


def test_what_is_odd_about_a_job_is_warned_of_once_though_others_change():
    first, second = ids(2)

    def without_shots(_ids, body):
        data = json.loads(body)
        if str(first) in data:
            data[str(first)]["shots"] = []
        return json.dumps(data).encode()

    lives = {first: [*["running"] * 3, "completed"], second: QUEUE}
    _, _, handles = world(lives, spoil=without_shots)
    with pytest.warns(sj.SuperstaqWarning, match="shots") as caught:
        sj.wait_all(handles)
    assert len(caught) == 2  # running and completed, while the second changes in each round


def without_shots(_ids, body):
    """Of the first job, which is warned of whenever it is decoded."""
    data = json.loads(body)
    if str(ids(1)[0]) in data:
        data[str(ids(1)[0])]["shots"] = []
    return json.dumps(data).encode()


def test_what_is_known_of_a_job_is_not_decoded_again_when_another_ends():
    first, second, third = ids(3)
    lives = {first: [*["running"] * 3, "completed"], second: ["running", "completed"], third: QUEUE}
    _, _, handles = world(lives, spoil=without_shots)
    with pytest.warns(sj.SuperstaqWarning, match="shots") as caught:
        sj.wait_all(handles)
    assert len(caught) == 2  # running and completed


def test_a_handle_remembers_its_last_response_from_one_wait_to_the_next(recwarn):
    _, _, (handle,) = world({ids(1)[0]: ["running"]}, spoil=without_shots)
    for _ in range(3):
        handle.refresh()
        with pytest.raises(sj.WaitTimeout):
            handle.wait_until_complete(timeout_seconds=0)
    assert len(recwarn) == 1
    assert "shots" in str(recwarn[0].message)


def test_a_job_that_finishes_while_the_last_change_is_reported_has_not_timed_out():
    first, second = ids(2)
    _, _, handles = world({key: ["running", "completed"] for key in ids(2)})
    seen = []
    for _, after in sj.watch(handles, 0):
        seen.append((after.job_id, after.status))
        if after.job_id == second:
            handles[1 if after.status == "running" else 0].refresh()
    assert seen == [
        *((job_id, "running") for job_id in (first, second)),
        *((job_id, "completed") for job_id in (second, first)),
    ]
