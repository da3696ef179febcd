"""A job is submitted once: what is sent, what is queried, and what is never retried."""

from __future__ import annotations

import json
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
    """A client on a script, and what it sent."""

    def __init__(self, *steps, **options):
        self.clock = FakeClock()
        self.transport = ScriptedTransport(steps)
        self.client = client_on(self.transport, clock=self.clock, **options)

    def submit(self, new=NEW, *, key=KEY, **options):
        return sj.submit_job(self.client, new, submission_key=key, **options)

    @property
    def sent(self):
        return "".join({"GET": "?", "POST": "!"}[r.method] for r in self.transport.requests)


def test_with_a_key_the_server_is_queried_first_and_the_job_sent_with_the_key_as_a_tag():
    world = World(NONE, RECEIPT)
    receipt = world.submit()
    assert receipt == sj.SubmitReceipt(job_id=JOB, num_circuits=1, adopted=False)
    asked, sent = world.transport.requests
    assert parse_qsl(urlsplit(asked.path).query) == [("tags", "submission-key:week-18/run 3")]
    assert urlsplit(asked.path).path == "/v0.3.0/client/job/qasm"
    mine, key, digest = json.loads(sent.body)["tags"]
    assert (mine, key) == ("mine", "submission-key:week-18/run 3")
    assert digest.startswith("submission-digest:")
    assert NEW.tags == ("mine",)
    assert world.clock.sleeps == ()


def test_apart_from_the_tag_the_body_is_that_of_a_submission_without_a_key():
    with_key, without = World(NONE, RECEIPT), World(RECEIPT)
    with_key.submit()
    without.submit(key=None)
    bodies = [json.loads(w.transport.requests[-1].body) for w in (with_key, without)]
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
    world = World(NONE, LOST[how], *[NONE] * (looks - 1), FOUND)
    assert world.submit() == sj.SubmitReceipt(job_id=JOB, num_circuits=1, adopted=True)
    assert world.sent == "?!" + "?" * looks
    assert world.clock.now() == at
    assert world.clock.sleeps == (0.5, 1.0, 2.0)[:looks]


def test_the_job_is_retried_only_if_the_server_says_that_there_is_none():
    world = World(NONE, RESET, NONE, NONE, NONE, RECEIPT)
    assert world.submit() == sj.SubmitReceipt(job_id=JOB, num_circuits=1)
    assert world.sent == "?!???!"
    bodies = {r.body for r in world.transport.requests if r.method == "POST"}
    assert len(bodies) == 1


def test_a_submission_that_never_reached_the_server_is_retried_without_a_query():
    world = World(NONE, REFUSED, REFUSED, RECEIPT)
    assert not world.submit().adopted
    assert world.sent == "?!!!"
    assert world.clock.sleeps == (0.25, 0.5)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_it_is_given_up_after_as_many_submissions_as_the_policy_allows(most):
    steps = [NONE, *[RESET, NONE, NONE, NONE] * most]
    world = World(*steps, retry_policy=sj.RetryPolicy(max_attempts=most))
    with pytest.raises(sj.SubmissionUnknown) as caught:
        world.submit()
    assert world.sent == "?" + "!???" * most
    assert world.transport.remaining == 0
    assert (caught.value.job, caught.value.submission_key) == (NEW, KEY)


def test_a_job_that_comes_up_after_the_last_submission_is_adopted():
    policy = sj.RetryPolicy(max_attempts=1)
    world = World(NONE, RESET, NONE, NONE, FOUND, retry_policy=policy)
    assert world.submit().adopted


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
    world = World(NONE, RESET, NONE, NONE, failure)
    with pytest.raises(sj.SubmissionUnknown, match="the connection was reset") as caught:
        world.submit()
    error = caught.value
    assert (error.job, error.submission_key) == (NEW, KEY)
    assert isinstance(error.__cause__, sj.SuperstaqServerException)
    assert world.sent == "?!???"
    assert world.clock.now() == 3.5


def test_a_query_that_fails_does_not_shorten_the_time_given_to_a_late_job():
    world = World(NONE, RESET, GONE, GONE, FOUND)
    assert world.submit().adopted
    world = World(NONE, RESET, GONE, NONE, NONE, RECEIPT)
    assert not world.submit().adopted
    assert world.sent == "?!???!"


LATE = sj.RequestTimeout("no response in time", sent=True)


@pytest.mark.parametrize("lost", [LATE, json_response("too slow", status=504)])
def test_after_a_response_that_took_too_long_nothing_is_retried(lost):
    # The server may be at it still: "none yet" is not "none".
    world = World(NONE, lost, NONE, NONE, NONE)
    with pytest.raises(sj.SubmissionUnknown) as caught:
        world.submit()
    assert caught.value.timed_out
    assert world.sent == "?!???"
    world = World(NONE, lost, NONE, NONE, FOUND)
    assert world.submit().adopted


@pytest.mark.parametrize("second", [GONE, sj.TransportError("refused", sent=False)])
def test_a_second_submission_that_fails_does_not_hide_what_may_have_become_of_the_first(second):
    policy = sj.RetryPolicy(max_attempts=2, budget=0)
    world = World(NONE, RESET, NONE, NONE, NONE, second, retry_policy=policy)
    with pytest.raises(sj.SubmissionUnknown, match="the connection was reset") as caught:
        world.submit()
    assert isinstance(caught.value.__cause__, sj.SuperstaqServerException)
    assert world.sent == "?!???!"


def test_a_key_that_was_used_for_other_circuits_is_a_conflict():
    server = World(NONE, RECEIPT)
    server.submit()
    tags = json.loads(server.transport.requests[-1].body)["tags"]
    there = jobs_response(attrs.evolve(OURS, tags=tags))
    assert World(there).submit().adopted
    other = attrs.evolve(NEW, circuits="OPENQASM 3.0; // another")
    with pytest.raises(sj.SubmissionKeyConflict, match="circuits"):
        sj.submit_job(World(there).client, other, submission_key=KEY)


def test_a_query_is_retried_like_any_read_before_it_fails():
    policy = sj.RetryPolicy(max_attempts=3)
    world = World(NONE, RESET, BUSY, RESET, FOUND, retry_policy=policy)
    assert world.submit().adopted
    world = World(NONE, RESET, *[BUSY] * 9, retry_policy=policy)
    with pytest.raises(sj.SubmissionUnknown) as caught:
        world.submit()
    assert caught.value.__cause__.status_code == 503
    assert world.sent == "?!" + "?" * 9


def test_if_the_first_query_for_the_key_fails_nothing_is_sent():
    world = World(json_response("who are you", status=401))
    with pytest.raises(sj.AuthenticationError):
        world.submit()
    assert world.sent == "?"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429])
def test_a_refusal_is_final(status):
    world = World(NONE, json_response("too many circuits", status=status))
    with pytest.raises(sj.SuperstaqServerException, match="too many circuits") as caught:
        world.submit()
    assert not isinstance(caught.value, sj.SubmissionUnknown)
    assert world.sent == "?!"


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
    world = World(strangers, RECEIPT)
    assert not world.submit().adopted
    assert world.sent == "?!"


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
    assert world.transport.requests == ()


PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=200)


@given(PRINTABLE.filter(lambda key: key == key.strip()))
def test_any_key_arrives_as_it_is_and_stays_within_its_parameter(key):
    world = World(NONE, RECEIPT)
    world.submit(key=key)
    asked, sent = world.transport.requests
    assert "\n" not in asked.path
    assert parse_qsl(urlsplit(asked.path).query) == [("tags", f"submission-key:{key}")]
    assert json.loads(sent.body)["tags"][:2] == ["mine", f"submission-key:{key}"]


@given(st.text(max_size=4) | PRINTABLE)
def test_a_key_is_taken_or_refused_and_nothing_between(key):
    world = World(NONE, RECEIPT)
    good = key.isascii() and key.isprintable() and key == key.strip() and 1 <= len(key) <= 200
    if good:
        world.submit(key=key)
    else:
        with pytest.raises(sj.InvalidRequest):
            world.submit(key=key)
        assert world.sent == ""


# ---- deadlines


def test_every_request_of_a_submission_is_given_the_time_that_is_left():
    world = World(NONE, RESET, NONE, FOUND)
    world.submit(timeout_seconds=9)
    assert world.transport.timeouts == (9, 9, 8.5, 7.5)


def test_no_pause_before_a_query_passes_the_deadline_and_nothing_is_sent_after_it():
    steps = [NONE, RESET, NONE, NONE, NONE, RECEIPT]
    for timeout, sent in ((0.2, "?!"), (0.5, "?!"), (1, "?!?"), (3, "?!??")):
        world = World(*steps)
        with pytest.raises(sj.SubmissionUnknown):
            world.submit(timeout_seconds=timeout)
        assert world.clock.now() <= timeout
        assert world.sent == sent
    world = World(*steps)
    assert not world.submit(timeout_seconds=4).adopted


def test_a_deadline_that_has_passed_leaves_it_unknown_with_what_was_sent():
    world = World(NONE, RESET)
    with pytest.raises(sj.SubmissionUnknown) as caught:
        world.submit(timeout_seconds=0.25)
    assert (caught.value.job, caught.value.submission_key) == (NEW, KEY)


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), True, "10"])
def test_a_timeout_out_of_range_is_refused_before_anything_is_sent(timeout):
    for key in (None, KEY):
        world = World()
        with pytest.raises(sj.InvalidRequest, match="timeout_seconds"):
            world.submit(key=key, timeout_seconds=timeout)
        assert world.transport.requests == ()


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
