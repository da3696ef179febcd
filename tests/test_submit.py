"""A job is submitted once: what is sent, what is queried, and what is never retried."""

from __future__ import annotations

import json
import pickle
import warnings
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import JOB, NOON, OTHER, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response

KEY = "week-18/run 3"
TAG = f"submission-key:{KEY}"
NEW = sj.NewJob(
    target="ss_unconstrained_simulator",
    circuits="OPENQASM 2.0;",
    job_type="simulate",
    tags=["mine"],
    shots=1,
)
NONE = jobs_response()
RECEIPT = json_response({"job_id": str(JOB), "num_circuits": 1})
OURS = job("running", tags=["mine", TAG])
FOUND = jobs_response(OURS)
PAUSES = (0.5, 1.0, 2.0)
FIRST_PAUSE = sum(PAUSES)
RESET = sj.TransportError("the connection was reset", sent=True)
REFUSED = sj.TransportError("connection refused", sent=False)
BUSY = json_response({"message": "busy"}, status=503)
GONE = json_response({"message": "no"}, status=403)
LOST = {
    "reset": RESET,
    "timeout": sj.RequestTimeout("no response in time", sent=True),
    "too large": sj.AnswerTooLarge("too large", sent=True),
    "no HTTP": sj.ProtocolError("what came back is not HTTP"),
    "500": json_response("oh", status=500),
    "502": json_response({"detail": "bad gateway"}, status=502),
    "503": BUSY,
    "504": json_response("late", status=504),
    "half a body": sj.Response(status=200, body=RECEIPT.body[:20]),
    "a page": sj.Response(status=200, body=b"<html>Log in</html>"),
}


class World:
    """A client on a script, and what it sent.

    ``knows`` is whether it has found a job by its key before.
    """

    def __init__(self, *steps, knows=True, **options):
        self.clock = FakeClock()
        self.transport = ScriptedTransport()
        self.client = client_on(self.transport, clock=self.clock, **options)
        if knows:
            self.transport.extend(jobs_response(job("running", tags=["submission-key:before"])))
            self.submit(key="before")
        self.transport.extend(*steps)
        self.begins = len(self.transport.requests)

    def submit(self, new=NEW, *, key=KEY, **options):
        return sj.submit_job(self.client, new, submission_key=key, **options)

    @property
    def requests(self):
        return self.transport.requests[self.begins :]

    @property
    def sent(self):
        return "".join({"GET": "?", "POST": "!"}[r.method] for r in self.requests)


def digest(key, new=NEW):
    """The digest tag that is sent with a key."""
    world = World(NONE, NONE, RESET, NONE, NONE, NONE, knows=False)
    with pytest.raises(sj.SubmissionUnknown):
        world.submit(new, key=key)
    (sent,) = (r for r in world.requests if r.method == "POST")
    return json.loads(sent.body)["tags"][-1]


KEPT = jobs_response(job("running", tags=["mine", TAG, digest(KEY)]))


def test_with_a_key_the_server_is_queried_first_and_the_job_sent_with_the_key_as_a_tag():
    world = World(NONE, NONE, RECEIPT, KEPT, knows=False)
    receipt = world.submit()
    assert receipt == sj.SubmitReceipt(job_id=JOB, num_circuits=1, adopted=False)
    *before, sent, after = world.requests
    for asked in (*before, after):
        assert parse_qsl(urlsplit(asked.path).query) == [("tags", "submission-key:week-18/run 3")]
        assert urlsplit(asked.path).path == "/v0.3.0/client/job/qasm"
    mine, key, digest = json.loads(sent.body)["tags"]
    assert (mine, key) == ("mine", "submission-key:week-18/run 3")
    assert digest.startswith("submission-digest:")
    assert NEW.tags == ("mine",)
    assert world.sent == "??!?"
    assert world.clock.now() == FIRST_PAUSE


def test_apart_from_the_tag_the_body_is_that_of_a_submission_without_a_key():
    with_key, without = World(NONE, NONE, RECEIPT, KEPT), World(RECEIPT)
    with_key.submit()
    without.submit(key=None)
    bodies = [json.loads(r.body) for w in (with_key, without) for r in w.requests if r.body]
    assert bodies[0].pop("tags")[:-1] == [*bodies[1].pop("tags"), TAG]
    assert bodies[0] == bodies[1]


def test_a_job_that_has_the_key_is_adopted_and_nothing_is_sent():
    world = World(FOUND)
    assert world.submit() == sj.SubmitReceipt(job_id=JOB, num_circuits=1, adopted=True)
    assert world.sent == "?"


def test_a_handle_is_submitted_with_a_key_too():
    world = World(jobs_response(job("running", "running", tags=[TAG])))
    handle = sj.JobHandle.submit(world.client, NEW, submission_key=KEY)
    assert handle.job_id() == JOB
    assert handle.latest is None
    assert world.sent == "?"


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize(("looks", "at"), [(1, 0.5), (2, 1.5), (3, 3.5)])
def test_after_a_lost_response_the_key_is_queried_again_and_the_job_adopted(how, looks, at):
    world = World(NONE, NONE, LOST[how], *[NONE] * (looks - 1), FOUND)
    assert world.submit() == sj.SubmitReceipt(job_id=JOB, num_circuits=1, adopted=True)
    assert world.sent == "??!" + "?" * looks
    assert world.clock.now() == FIRST_PAUSE + at
    assert world.clock.sleeps == (FIRST_PAUSE, *PAUSES[:looks])


def test_the_job_is_retried_only_if_the_server_says_that_there_is_none():
    world = World(NONE, NONE, RESET, NONE, NONE, NONE, RECEIPT, KEPT)
    assert world.submit() == sj.SubmitReceipt(job_id=JOB, num_circuits=1)
    assert world.sent == "??!???!?"
    bodies = {r.body for r in world.requests if r.method == "POST"}
    assert len(bodies) == 1


def test_a_submission_that_never_reached_the_server_is_retried_without_a_query():
    world = World(NONE, NONE, REFUSED, REFUSED, RECEIPT, KEPT, knows=False)
    assert not world.submit().adopted
    assert world.sent == "??!!!?"
    assert world.clock.sleeps[1:3] == (0.25, 0.5)


@pytest.mark.parametrize(("most", "times"), [(1, 1), (2, 2), (5, 2)])
def test_it_is_submitted_twice_at_most_and_as_often_as_the_policy_allows(most, times):
    steps = [NONE, NONE, *[RESET, NONE, NONE, NONE] * times]
    world = World(*steps, retry_policy=sj.RetryPolicy(max_attempts=most))
    with pytest.raises(sj.SubmissionUnknown) as caught:
        world.submit()
    assert world.sent == "??" + "!???" * times
    assert world.transport.remaining == 0
    assert (caught.value.job, caught.value.submission_key) == (NEW, KEY)
    assert ("may be two jobs" in str(caught.value)) == (times == 2)
    assert "call again with the same submission key" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_job_that_comes_up_after_the_last_submission_is_adopted():
    policy = sj.RetryPolicy(max_attempts=1)
    world = World(NONE, NONE, RESET, NONE, NONE, FOUND, retry_policy=policy)
    assert world.submit().adopted


def test_a_client_that_has_found_no_job_by_its_key_yet_does_not_submit_again():
    world = World(NONE, NONE, RESET, NONE, NONE, NONE, knows=False)
    with pytest.raises(sj.SubmissionUnknown, match="look for it by its target and time"):
        world.submit()
    assert world.sent == "??!???"
    # The next call may find the job, or create it and find it: then the client knows.
    for steps in ([NONE, NONE, RECEIPT, KEPT], [FOUND]):
        world = World(*steps, knows=False)
        world.submit()
        next_one = jobs_response(job("running", tags=["submission-key:next"]))
        world.transport.extend(NONE, NONE, RESET, NONE, NONE, NONE, RESET, next_one)
        assert world.submit(key="next").adopted
        assert world.transport.remaining == 0


@pytest.mark.parametrize(
    "failure",
    [
        json_response("who are you", status=401),
        json_response("gone", status=410),
        sj.Response(status=200, body=b"{"),
        sj.TlsError("an unknown authority", sent=False),
    ],
)
def test_a_query_that_fails_leaves_the_submission_unknown(failure):
    world = World(NONE, NONE, RESET, NONE, NONE, failure)
    with pytest.raises(sj.SubmissionUnknown, match="the connection was reset") as caught:
        world.submit()
    error = caught.value
    assert (error.job, error.submission_key) == (NEW, KEY)
    assert isinstance(error.__cause__, sj.SuperstaqServerException)
    assert world.sent == "??!???"
    assert world.clock.now() == FIRST_PAUSE + 3.5


def test_a_query_that_fails_does_not_shorten_the_time_given_to_a_late_job():
    world = World(NONE, NONE, RESET, GONE, GONE, FOUND)
    assert world.submit().adopted
    world = World(NONE, NONE, RESET, GONE, NONE, NONE, RECEIPT, KEPT)
    assert not world.submit().adopted
    assert world.sent == "??!???!?"


LATE = sj.RequestTimeout("no response in time", sent=True)


@pytest.mark.parametrize("lost", [LATE, json_response("too slow", status=504)])
def test_after_a_response_that_took_too_long_nothing_is_retried(lost):
    # The server may be at it still: "none yet" is not "none".
    world = World(NONE, NONE, lost, NONE, NONE, NONE)
    with pytest.raises(sj.SubmissionUnknown) as caught:
        world.submit()
    assert caught.value.timed_out
    assert world.sent == "??!???"
    world = World(NONE, NONE, lost, NONE, NONE, FOUND)
    assert world.submit().adopted


@pytest.mark.parametrize("second", [GONE, sj.TransportError("refused", sent=False)])
def test_a_second_submission_that_fails_does_not_hide_what_may_have_become_of_the_first(second):
    policy = sj.RetryPolicy(max_attempts=2, budget=0)
    world = World(NONE, NONE, RESET, NONE, NONE, NONE, second, retry_policy=policy)
    with pytest.raises(sj.SubmissionUnknown, match="the connection was reset") as caught:
        world.submit()
    assert isinstance(caught.value.__cause__, sj.SuperstaqServerException)
    assert world.sent == "??!???!"


def test_a_key_that_was_used_for_other_circuits_is_a_conflict():
    there = KEPT
    assert World(there).submit().adopted
    other = attrs.evolve(NEW, circuits="OPENQASM 3.0; // another")
    with pytest.raises(sj.SubmissionKeyConflict, match="circuits"):
        World(there).submit(other)


def test_a_key_that_a_server_has_made_of_another_one_is_a_conflict():
    there = jobs_response(job("running", tags=["mine", TAG, digest(KEY.upper())]))
    with pytest.raises(sj.SubmissionKeyConflict, match="nothing was sent"):
        World(there).submit()


def test_a_query_is_retried_like_any_read_before_it_fails():
    policy = sj.RetryPolicy(max_attempts=3)
    world = World(NONE, NONE, RESET, BUSY, RESET, FOUND, retry_policy=policy)
    assert world.submit().adopted
    world = World(NONE, NONE, RESET, *[BUSY] * 9, retry_policy=policy)
    with pytest.raises(sj.SubmissionUnknown) as caught:
        world.submit()
    assert caught.value.__cause__.status_code == 503
    assert world.sent == "??!" + "?" * 9


def test_if_the_first_query_for_the_key_fails_nothing_is_sent():
    world = World(json_response("who are you", status=401))
    with pytest.raises(sj.AuthenticationError):
        world.submit()
    assert world.sent == "?"


def test_if_the_second_query_for_the_key_fails_nothing_is_sent():
    world = World(NONE, json_response("who are you", status=401))
    with pytest.raises(sj.AuthenticationError):
        world.submit()
    assert world.sent == "??"


def test_a_job_that_a_program_sent_just_before_it_was_stopped_is_adopted_after_a_pause():
    world = World(NONE, FOUND)
    assert world.submit().adopted
    assert world.sent == "??"
    assert world.clock.sleeps == (FIRST_PAUSE,)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429])
def test_a_refusal_is_final(status):
    world = World(NONE, NONE, json_response("too many circuits", status=status))
    with pytest.raises(sj.SuperstaqServerException, match="too many circuits") as caught:
        world.submit()
    assert not isinstance(caught.value, sj.SubmissionUnknown)
    assert world.sent == "??!"


def test_without_a_key_the_error_holds_the_job_too():
    world = World(RESET)
    with pytest.raises(sj.SubmissionUnknown) as caught:
        world.submit(key=None)
    assert (caught.value.job, caught.value.submission_key) == (NEW, None)
    assert world.sent == "!"


DIFFERENT = {
    "target": {"target": "ibmq_fez_qpu"},
    "job_type": {"job_type": "submit"},
    "circuit_type": {"circuit_type": "cirq"},
    "dry_run": {"dry_run": True},
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_key_of_another_job_is_a_conflict_and_nothing_is_sent(name):
    world = World(jobs_response(attrs.evolve(OURS, **DIFFERENT[name])))
    with pytest.raises(sj.SubmissionKeyConflict, match="nothing was sent") as caught:
        world.submit()
    error = caught.value
    assert (error.submission_key, error.job_id, error.fields) == (KEY, JOB, (name,))
    assert error.job_ids == (JOB,)
    assert repr(KEY) in str(error)
    assert world.sent == "?"


def test_of_several_jobs_with_the_key_the_oldest_is_adopted_with_one_warning():
    late = attrs.evolve(OURS, submitted_at=NOON.replace(hour=13))
    early = attrs.evolve(OURS, job_id=OTHER)
    world = World(jobs_response(late, early))
    with pytest.warns(sj.SuperstaqWarning, match=f"job {JOB} ha.* of job {OTHER}") as caught:
        assert world.submit().job_id == OTHER
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_of_jobs_of_one_moment_all_clients_adopt_the_same():
    twins = [job("running", job_id=i, tags=[TAG]) for i in (OTHER, JOB)]
    for answer in (jobs_response(*twins), jobs_response(*reversed(twins))):
        with pytest.warns(sj.SuperstaqWarning):
            assert World(answer).submit().job_id == JOB


def test_a_server_that_does_not_filter_does_not_make_it_adopt_a_stranger():
    strangers = jobs_response(
        job("running", tags=[]),
        job("running", job_id=OTHER, tags=[KEY, f"{TAG}x", f"x{TAG}", TAG.upper()]),
    )
    everything = jobs_response(
        job("running", job_id=OTHER), job("running", tags=["mine", TAG, digest(KEY)])
    )
    world = World(strangers, strangers, RECEIPT, everything, knows=False)
    assert world.submit().job_id == JOB
    assert world.sent == "??!?"
    world = World(strangers, strangers, RESET, *[strangers] * 3, knows=False)
    with pytest.raises(sj.SubmissionUnknown):
        world.submit()


def test_nothing_warns_where_one_job_has_the_key():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        World(FOUND).submit()


# ---- keys that cannot be used


@pytest.mark.parametrize(
    "key",
    [
        "", " ", " a", "a ", "a\n", "\na", "a\nb", "a\r\nX-Evil: 1", "a\tb", "a\x00", "a\x7f",
        "é", "k" * 201, 7, b"key", ["k"], True,
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_used_is_refused_before_anything_is_sent(key):
    world = World()
    with pytest.raises(sj.InvalidRequest, match="nothing was sent") as caught:
        world.submit(key=key)
    (problem,) = caught.value.problems
    assert problem.where == "submission_key"
    assert world.requests == ()


PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=200)


@given(PRINTABLE.filter(lambda key: key == key.strip()))
def test_any_key_arrives_as_it_is_and_stays_within_its_parameter(key):
    world = World(NONE, NONE, RESET, NONE, NONE, NONE, knows=False)
    with pytest.raises(sj.SubmissionUnknown):
        world.submit(key=key)
    asked, _, sent, *_ = world.requests
    assert "\n" not in asked.path
    assert parse_qsl(urlsplit(asked.path).query) == [("tags", f"submission-key:{key}")]
    assert json.loads(sent.body)["tags"][:2] == ["mine", f"submission-key:{key}"]


@given(st.text(max_size=4) | PRINTABLE)
def test_a_key_is_taken_or_refused_and_nothing_between(key):
    world = World(jobs_response(job("running", tags=[f"submission-key:{key}"])), knows=False)
    good = key.isascii() and key.isprintable() and key == key.strip() and 1 <= len(key) <= 200
    if good:
        assert world.submit(key=key).adopted
    else:
        with pytest.raises(sj.InvalidRequest):
            world.submit(key=key)
        assert world.sent == ""


# ---- deadlines


def test_every_request_of_a_submission_is_given_the_time_that_is_left():
    world = World(NONE, NONE, RESET, NONE, FOUND)
    world.submit(timeout_seconds=9)
    assert world.transport.timeouts[world.begins :] == (9, 5.5, 5.5, 5, 4)


def test_no_pause_before_a_query_passes_the_deadline_and_nothing_is_sent_after_it():
    steps = [NONE, NONE, RESET, NONE, NONE, NONE, RECEIPT, KEPT]
    for left, sent in ((0.2, "??!"), (0.5, "??!"), (1, "??!?"), (3, "??!??")):
        timeout = FIRST_PAUSE + left
        world = World(*steps)
        with pytest.raises(sj.SubmissionUnknown):
            world.submit(timeout_seconds=timeout)
        assert world.clock.now() <= timeout
        assert world.sent == sent
    world = World(*steps)
    assert not world.submit(timeout_seconds=FIRST_PAUSE + 4).adopted


@pytest.mark.parametrize("timeout", [0.25, 2, FIRST_PAUSE])
def test_if_there_is_no_time_for_the_pause_before_it_a_job_is_not_submitted(timeout):
    world = World(NONE)
    with pytest.raises(sj.RequestTimeout, match=r"nothing more was.*timeout_") as caught:
        world.submit(timeout_seconds=timeout)
    assert (caught.value.sent, world.sent, world.clock.sleeps) == (False, "?", ())
    assert World(FOUND).submit(timeout_seconds=timeout).adopted


def test_a_deadline_that_has_passed_leaves_it_unknown_with_what_was_sent():
    world = World(NONE, NONE, RESET)
    with pytest.raises(sj.SubmissionUnknown) as caught:
        world.submit(timeout_seconds=FIRST_PAUSE + 0.25)
    assert (caught.value.job, caught.value.submission_key) == (NEW, KEY)


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), True, "10"])
def test_a_timeout_out_of_range_is_refused_before_anything_is_sent(timeout):
    for key in (None, KEY):
        world = World()
        with pytest.raises(sj.InvalidRequest, match="timeout_seconds"):
            world.submit(key=key, timeout_seconds=timeout)
        assert world.requests == ()


# ---- two programs


class Service:
    """A server in memory that keeps what it is sent, and loses the responses that it should."""

    def __init__(self, lost=()):
        self.jobs = []
        self.lost = list(lost)

    def __call__(self, request):
        if request.method == "GET":
            wanted = {value for _, value in parse_qsl(urlsplit(request.path).query)}
            return jobs_response(*(j for j in self.jobs if wanted & set(j.tags)))
        body = json.loads(request.body)
        job_id = f"00000000-0000-0000-0000-{len(self.jobs):012}"
        self.jobs.append(job("received", job_id=job_id, tags=body["tags"]))
        if self.lost and self.lost.pop(0):
            raise sj.TransportError("reset", sent=True)
        return json_response({"job_id": job_id, "num_circuits": 1})


@given(lost=st.lists(st.booleans(), max_size=4), calls=st.integers(1, 4), keys=st.integers(1, 3))
def test_one_key_is_one_job_however_often_and_from_wherever_it_is_submitted(lost, calls, keys):
    service = Service(lost)
    for key in [f"key {number}" for number in range(keys)]:
        receipts = [
            sj.submit_job(
                client_on(ScriptedTransport.from_function(service)), NEW, submission_key=key
            )
            for _ in range(calls)
        ]
        assert len({receipt.job_id for receipt in receipts}) == 1
        assert all(receipt.adopted for receipt in receipts[1:])
    assert len(service.jobs) == keys
