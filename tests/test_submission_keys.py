"""Submission keys on servers that keep tags, change them, or list jobs late: never two in silence.

The server is a model in memory that follows a drawn script; time is simulated.
"""

from __future__ import annotations

import itertools
import json
import threading
import warnings
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import NOON, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response

NEW = sj.NewJob(
    target="ss_unconstrained_simulator",
    circuits="OPENQASM 2.0;",
    job_type="simulate",
    shots=10,
    tags=["me"],
)
KEPT = {
    "keep": lambda tags: tags,
    "drop": lambda _tags: [],
    "lower": lambda tags: [tag.lower() for tag in tags],
    "trim": lambda tags: ["".join(tag.split()) for tag in tags],
    "cut": lambda tags: [tag[:18] for tag in tags],
    "cut the digest": lambda tags: [tag[:30] for tag in tags],
    "drop the last": lambda tags: tags[:-1],
    "first": lambda tags: tags[:1],
    "reverse": lambda tags: tags[::-1],
    "add": lambda tags: ["SUBMISSION-KEY:week 18", *tags, "server"],
}
HARMLESS = {"keep", "reverse", "add"}
FILTERS = {
    "exact": lambda tag, tags: tag in tags,
    "any case": lambda tag, tags: tag.lower() in [each.lower() for each in tags],
    "begins with": lambda tag, tags: any(each.startswith(tag) for each in tags),
    "none": lambda _tag, _tags: True,
}
KEYS = ("Week 18, run 3", "week-18", "week-1", "k" * 200, "W", "WEEK-18")
LONGEST_COMMIT = 3.4


@attrs.define
class Stored:
    """A job of the model, and from when on queries show it."""

    job_id: str
    tags: list[str]
    shown_from: float
    body: dict


class Server:
    """A server that keeps tags in its own way, and loses what the script says."""

    def __init__(self, *, tags="keep", filter_by="exact", listing_seconds=0.0, script=()):
        self.clock = FakeClock(utc=NOON)
        self.keep, self.matches = KEPT[tags], FILTERS[filter_by]
        self.listing_seconds = listing_seconds
        self.jobs: list[Stored] = []
        self.posts = list(script)
        self.gets: list[str] = []
        self.numbers = itertools.count(1)

    def client(self, **options):
        transport = ScriptedTransport.from_function(self.respond)
        return client_on(transport, clock=self.clock, **options)

    def respond(self, request):
        script = self.gets if request.method == "GET" else self.posts
        fault = script.pop(0) if script else "fine"
        if fault == "refused":
            raise sj.TransportError("connection refused", sent=False)
        if fault == "busy":
            return json_response("busy", status=429)
        if fault == "lost before":
            raise sj.TransportError("reset", sent=True)
        if fault == "error before":
            return json_response("oh", status=500)
        response = self.find(request) if request.method == "GET" else self.create(request, fault)
        if fault in {"lost after", "late"}:
            raise sj.TransportError("reset", sent=True)
        if fault == "error after":
            return json_response("oh", status=502)
        if fault == "slow":
            self.clock.advance(10)
            raise sj.RequestTimeout("no response in time", sent=True)
        return response

    def create(self, request, fault):
        body = json.loads(request.body)
        late = LONGEST_COMMIT if fault == "late" else 0.0
        job_id = f"00000000-0000-0000-0000-{next(self.numbers):012}"
        at = self.clock.now() + late + self.listing_seconds
        self.jobs.append(Stored(job_id, self.keep(body["tags"]), at, body))
        return json_response({"job_id": job_id, "num_circuits": 1})

    def find(self, request):
        (tag,) = parse_qs(urlsplit(request.path).query)["tags"]
        now = self.clock.now()
        return jobs_response(
            *(
                attrs.evolve(
                    job("received", job_id=each.job_id, tags=each.tags), target=each.body["target"]
                )
                for each in self.jobs
                if each.shown_from <= now and self.matches(tag, each.tags)
            )
        )

    def count(self, key):
        """How many jobs were created with a key, whatever became of their tags."""
        return sum(f"submission-key:{key}" in each.body["tags"] for each in self.jobs)


def submit(client, key, new=NEW, **options):
    """The receipt or the error, and the warnings."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            receipt = sj.submit_job(client, new, submission_key=key, **options)
        except sj.SuperstaqServerException as error:
            return None, error, said
    return receipt, None, said


LOST = st.sampled_from(["lost before", "lost after", "late", "error before", "error after", "slow"])
POSTS = st.lists(LOST | st.sampled_from(["refused", "busy", "fine"]), max_size=5)
GETS = st.lists(st.sampled_from(["fine", "fine", "fine", "busy", "lost before"]), max_size=12)
SERVERS = {
    "filter_by": st.sampled_from([*FILTERS]),
    "first": LOST,
    "posts": POSTS,
    "gets": GETS,
    "key": st.sampled_from(KEYS),
    "before": st.lists(st.sampled_from(KEYS), max_size=2),
}


# ---- the law


@given(tags=st.sampled_from(sorted(HARMLESS)), data=st.data(), **SERVERS)
def test_where_tags_are_kept_a_key_is_one_job(
    tags, filter_by, first, posts, gets, key, before, data
):
    server = Server(tags=tags, filter_by=filter_by, script=[first, *posts])
    server.gets = gets
    client = server.client()
    for each in before:  # on the same server, with the same faults
        submit(client, each)
    for _ in range(20):
        receipt, _, said = submit(client, key)
        assert server.count(key) <= 1
        if receipt is not None:
            break
        assert not said
        server.clock.advance(LONGEST_COMMIT)
        if data.draw(st.booleans()):
            client = server.client()  # in a program that was started again
    (created,) = [each for each in server.jobs if f"submission-key:{key}" in each.body["tags"]]
    assert str(receipt.job_id) == created.job_id
    server.gets.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sj.submit_job(server.client(), NEW, submission_key=key).job_id == receipt.job_id


@given(tags=st.sampled_from(sorted(set(KEPT) - HARMLESS)), **SERVERS)
def test_where_they_are_not_one_call_creates_two_at_most_and_never_in_silence(
    tags, filter_by, first, posts, gets, key, before
):
    server = Server(tags=tags, filter_by=filter_by, script=[first, *posts])
    client = server.client()
    for each in before:
        submit(client, each)
    server.gets = gets
    already = server.count(key)
    receipt, error, said = submit(client, key)
    created = server.count(key) - already
    assert created <= 2
    if isinstance(error, sj.SubmissionUnknown):
        return
    if receipt is None:
        assert created == 0
        return
    kept = any(f"submission-key:{key}" in each.tags for each in server.jobs)
    assert said or (kept and server.count(key) == 1)
    assert str(receipt.job_id) in {each.job_id for each in server.jobs}


@given(listing_seconds=st.floats(0, LONGEST_COMMIT), fault=st.sampled_from(["fine", "lost after"]))
def test_a_server_that_lists_jobs_late_is_given_time(listing_seconds, fault):
    server = Server(listing_seconds=listing_seconds, script=[fault])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        receipt = sj.submit_job(server.client(), NEW, submission_key="k")
        assert receipt.adopted == (fault != "fine")
        assert sj.submit_job(server.client(), NEW, submission_key="k").job_id == receipt.job_id
    assert server.count("k") == 1


@given(shown_after=st.floats(0, LONGEST_COMMIT))
def test_a_program_that_was_killed_can_be_started_again_at_once(shown_after):
    server = Server()
    sj.submit_job(server.client(), NEW, submission_key="k")
    # As if that program had just been killed, and the server were still creating its job.
    server.jobs[0].shown_from = server.clock.now() + shown_after
    assert sj.submit_job(server.client(), NEW, submission_key="k").adopted
    assert server.count("k") == 1


# ---- what the warnings say


@pytest.mark.parametrize("tags", ["drop", "lower", "trim", "cut", "first"])
def test_a_job_whose_key_the_server_does_not_keep_is_returned_with_a_warning(tags):
    server = Server(tags=tags)
    receipt, _, said = submit(server.client(), "Week 18")
    assert not receipt.adopted
    (warning,) = [each.message for each in said]
    assert str(receipt.job_id) in str(warning)
    assert "'submission-key:Week 18'" in str(warning)
    assert "look for the job by its target and time" in str(warning)
    assert warning.value == receipt
    assert said[0].filename == __file__


@pytest.mark.parametrize("tags", ["cut the digest", "drop the last"])
def test_a_job_whose_digest_the_server_does_not_keep_is_its_own_job(tags):
    server = Server(tags=tags)
    client = server.client()
    receipt, _, said = submit(client, "Week 18")
    (warning,) = [each.message for each in said]
    assert str(receipt.job_id) in str(warning)
    assert "'submission-digest:" in str(warning)
    assert "submission-key" not in str(warning)
    again, error, _ = submit(server.client(), "Week 18")
    assert error is None
    assert (again.job_id, again.adopted) == (receipt.job_id, True)
    server.posts = ["lost after"]
    lost, error, _ = submit(client, "Week 19")
    assert error is None
    assert lost.adopted
    assert server.count("Week 19") == 1


def test_a_digest_that_was_cut_still_tells_jobs_apart():
    server = Server(tags="cut the digest")
    submit(server.client(), "Week 18")
    other = attrs.evolve(NEW, circuits="OPENQASM 3.0;")
    _, error, _ = submit(server.client(), "Week 18", other)
    assert isinstance(error, sj.SubmissionKeyConflict)
    assert len(server.jobs) == 1


@pytest.mark.parametrize("fault", ["busy", "error before", "lost before", "refused"])
def test_a_key_that_cannot_be_checked_is_warned_of(fault):
    server = Server()
    client = server.client()
    server.gets = ["fine", "fine", *[fault] * 30]
    receipt, _, said = submit(client, "k")
    assert server.count("k") == 1
    assert str(receipt.job_id) == server.jobs[0].job_id
    (warning,) = said
    assert "could not be checked" in str(warning.message)
    assert warning.message.value == receipt
    assert server.clock.now() <= 3.5 + 10


def test_without_time_for_the_check_the_receipt_is_returned_with_a_warning():
    server = Server(tags="drop")
    receipt, _, said = submit(server.client(), "k", timeout_seconds=4)
    assert str(receipt.job_id) == server.jobs[0].job_id
    assert "allow a longer timeout_seconds" in str(said[0].message)
    assert server.clock.now() <= 4


def test_if_warnings_are_errors_they_hold_the_receipt():
    for tags, gets in (("drop", []), ("keep", ["fine", "fine", *["busy"] * 30])):
        server = Server(tags=tags)
        server.gets = gets
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(sj.SuperstaqWarning) as caught:
                sj.submit_job(server.client(), NEW, submission_key="k")
        assert str(caught.value.value.job_id) == server.jobs[0].job_id


def with_notice(body):
    """A response with a message for the user, which the client turns into a warning."""
    data = {**json.loads(body.body), "warnings": [{"message": "Maintenance at noon."}]}
    return json_response(data)


def test_a_message_of_the_server_that_is_an_error_does_not_hide_the_job():
    for fault, kind in (("fine", sj.SuperstaqWarning), ("lost after", sj.SubmissionUnknown)):
        server = Server(script=[fault])

        def respond(request, server=server):
            response = server.respond(request)
            is_later = request.method == "GET" and server.jobs
            return with_notice(response) if is_later else response

        client = client_on(ScriptedTransport.from_function(respond), clock=server.clock)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(kind) as caught:
                sj.submit_job(client, NEW, submission_key="k")
        if fault == "fine":
            assert str(caught.value.value.job_id) == server.jobs[0].job_id


# ---- twins


class Racing(Server):
    """A server to which another program sends a job with the key just before or after ours."""

    def __init__(self, *, first=True, target=NEW.target, **options):
        super().__init__(**options)
        self.first, self.target = first, target

    def create(self, request, fault):
        body = json.loads(request.body) | {"target": self.target}
        other = attrs.evolve(request, body=json.dumps(body).encode())
        both = [other, request] if self.first else [request, other]
        responses = [super(Racing, self).create(each, fault) for each in both]
        return responses[both.index(request)]


def test_a_twin_that_came_first_is_adopted_and_ours_is_named_in_a_warning():
    server = Racing()
    receipt, _, said = submit(server.client(), "k")
    theirs, ours = server.jobs
    assert (str(receipt.job_id), receipt.adopted) == (theirs.job_id, True)
    assert f"job {ours.job_id} has the submission key of job {theirs.job_id}" in str(said[-1])
    assert "cancel_jobs" in str(said[-1])
    assert said[-1].message.value == receipt


def test_a_twin_that_came_later_is_named_in_a_warning():
    server = Racing(first=False)
    receipt, _, said = submit(server.client(), "k")
    ours, theirs = server.jobs
    assert (str(receipt.job_id), receipt.adopted) == (ours.job_id, False)
    assert f"job {theirs.job_id} has the submission key of job {ours.job_id}" in str(said[-1])


def test_a_twin_is_adopted_even_if_our_job_is_not_listed_yet():
    server = Racing()

    def respond(request):
        response = server.respond(request)
        for each in server.jobs[1:]:
            each.shown_from = float("inf")
        return response

    client = client_on(ScriptedTransport.from_function(respond), clock=server.clock)
    receipt, _, said = submit(client, "k")
    theirs, ours = server.jobs
    assert str(receipt.job_id) == theirs.job_id
    assert any(f"job {ours.job_id} has the submission key" in str(each) for each in said)


def test_a_different_job_that_got_the_key_meanwhile_does_not_hide_ours():
    receipt, _, said = submit(Racing(target="ibmq_fez_qpu").client(), "k")
    assert not receipt.adopted
    assert "differs in target" in str(said[-1].message)
    assert "Nothing was sent" not in str(said[-1].message)
    lost = Racing(target="ibmq_fez_qpu", script=["lost after"])
    _, error, _ = submit(lost.client(), "k")
    assert isinstance(error, sj.SubmissionUnknown)
    assert isinstance(error.__cause__, sj.SubmissionKeyConflict)


# ---- threads


def test_threads_that_share_a_client_submit_a_job_once():
    server = Server()
    client = server.client()
    receipts = []
    barrier = threading.Barrier(8)

    def work():
        barrier.wait()
        receipts.append(sj.submit_job(client, NEW, submission_key="k"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.count("k") == 1
    assert len({receipt.job_id for receipt in receipts}) == 1
    assert [receipt.adopted for receipt in receipts].count(False) == 1


def test_a_thread_waits_for_another_one_until_its_deadline_and_only_for_its_own_key():
    server = Server()
    inside, go_on = threading.Event(), threading.Event()

    def respond(request):
        if "slow-key" in request.path and not go_on.is_set():
            inside.set()
            assert go_on.wait(60)
        return server.respond(request)

    client = client_on(ScriptedTransport.from_function(respond), clock=server.clock)
    other = threading.Thread(target=submit, args=[client, "slow-key"])
    other.start()
    assert inside.wait(60)
    try:
        with pytest.raises(sj.RequestTimeout, match=r"another thread.*nothing was") as caught:
            sj.submit_job(client, NEW, submission_key="slow-key", timeout_seconds=0.01)
        assert not caught.value.sent
        assert not sj.submit_job(client, NEW, submission_key="another").adopted
    finally:
        go_on.set()
        other.join()
    assert sj.submit_job(client, NEW, submission_key="slow-key").adopted


def test_after_a_ctrl_c_a_key_can_be_used_again():
    server = Server(script=["fine"])
    client = server.client()
    for moment in range(4):
        calls = itertools.count()

        def respond(request, calls=calls, moment=moment):
            if next(calls) == moment:
                raise KeyboardInterrupt
            return server.respond(request)

        client = client_on(ScriptedTransport.from_function(respond), clock=server.clock)
        with pytest.raises(KeyboardInterrupt):
            sj.submit_job(client, NEW, submission_key=f"k{moment}")
        sj.submit_job(client, NEW, submission_key=f"k{moment}", timeout_seconds=60)
        assert server.count(f"k{moment}") == 1
