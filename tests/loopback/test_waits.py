"""Waits in real time against a server that misbehaves on real sockets."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import faults
import pytest
from faults import Act, FaultServer
from helpers import GENEROUS, MIB, at_the_same_time
from worlds import JOB, KEY, job

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock
from superstaq_jobs.wire.api import encode_jobs

TIMEOUT = 0.5


def shown(*statuses: str) -> Act:
    return faults.respond(encode_jobs([job(*statuses)]))


def client_of(server: FaultServer, **options: object) -> sj.SuperstaqClient:
    return sj.SuperstaqClient(KEY, server.origin, max_body_bytes=MIB, **options)  # type: ignore[arg-type]


PASSING: dict[str, Callable[[], Act]] = {
    "close at once": faults.close_at_once,
    "reset at once": faults.reset_at_once,
    "close after the request": faults.close_after_request,
    "reset after the request": faults.reset_after_request,
    "cut in the headers": faults.cut_headers,
    "cut in the body": lambda: faults.cut_body(b'{"', 100),
    "cut in the chunks": lambda: faults.cut_chunks(b'{"'),
    "hang at connect": faults.hang_at_connect,
    "hang": faults.hang,
    "hang in the headers": faults.hang_in_headers,
    "hang in the body": faults.hang_in_body,
    "drip the headers": lambda: faults.drip_headers(0.1),
    "drip the body": lambda: faults.drip_body(0.1),
    "408": lambda: faults.respond(b"", "408 Late"),
    "429": lambda: faults.respond(b"", "429 Busy", [("Retry-After", "60")]),
    "500": lambda: faults.respond(b"", "500 Oh"),
    "502": lambda: faults.respond(b"<html>", "502 Bad"),
    "503": lambda: faults.respond(b"", "503 Busy"),
    "504": lambda: faults.respond(b"", "504 Late"),
    "520": lambda: faults.respond(b"<html>edge</html>", "520 Unknown"),
    "524": lambda: faults.respond(b"<html>edge</html>", "524 Late"),
}
STAYING: dict[str, tuple[Callable[[], Act], type[sj.SuperstaqServerException]]] = {
    "garbage": (faults.garbage, sj.ProtocolError),
    "endless interim responses": (faults.endless_interim, sj.ProtocolError),
    "no length": (lambda: faults.stated_length("many", b"{}"), sj.ProtocolError),
    "headers without end": (faults.header_flood, sj.AnswerTooLarge),
    "a header without end": (faults.long_header, sj.AnswerTooLarge),
    "a body without end": (faults.endless_body, sj.AnswerTooLarge),
    "chunks without end": (faults.endless_chunks, sj.AnswerTooLarge),
    "a bomb": (lambda: faults.bomb(8 * MIB), sj.AnswerTooLarge),
    "a page": (lambda: faults.respond(b"<html>Log in</html>"), sj.ProtocolError),
    "401": (lambda: faults.respond(b"", "401 No"), sj.AuthenticationError),
    "403": (lambda: faults.respond(b"", "403 No"), sj.SuperstaqServerException),
    "redirect": (
        lambda: faults.redirect("http://127.0.0.1:9/"),
        sj.SuperstaqServerException,
    ),
}


def test_no_fault_carries_a_wait_past_its_deadline() -> None:
    at_the_same_time(assert_the_deadline_holds, PASSING)


def assert_the_deadline_holds(name: str) -> None:
    act = PASSING[name]()
    # An act for a connection is in the script, once for each that a wait could make.
    script = [act] * 200 if act.at_connect else []
    with FaultServer(*script, then=act) as server, client_of(server) as client:
        handle = sj.JobHandle(client, JOB)
        started = time.monotonic()
        with pytest.raises(sj.WaitTimeout) as caught:
            handle.wait_until_complete(timeout_seconds=TIMEOUT, polling_seconds=0.05)
        took = time.monotonic() - started
    assert took <= GENEROUS
    assert took >= 0.9 * TIMEOUT - 0.01
    error = caught.value
    assert error.snapshot is None
    assert error.num_failures == client.traffic.requests >= 1
    assert all(isinstance(failure, sj.SuperstaqServerException) for failure in error.failures)


@pytest.mark.parametrize("name", STAYING)
def test_a_fault_that_stays_ends_a_wait_at_once(name: str) -> None:
    make, kind = STAYING[name]
    with FaultServer(shown("running"), then=make()) as server, client_of(server) as client:
        handle = sj.JobHandle(client, JOB)
        with pytest.raises(kind) as caught:
            handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.01)
        assert type(caught.value) is kind
        assert len(server.requests) == 2
    assert handle.latest == job("running")


def test_a_refused_connection_is_waited_out_and_told() -> None:
    origin = f"http://127.0.0.1:{faults.closed_port()}"
    with sj.SuperstaqClient(KEY, origin) as client, pytest.raises(sj.WaitTimeout) as caught:
        sj.JobHandle(client, JOB).wait_until_complete(timeout_seconds=0.3, polling_seconds=0.05)
    assert caught.value.num_failures > 1
    # The last poll may have no time left when it begins, and then fails for another reason.
    assert "Connection refused" in str(caught.value)


def test_a_server_that_comes_back_in_the_middle_of_a_wait_is_believed() -> None:
    at_the_same_time(assert_it_is_believed_afterwards, PASSING.keys() - {"429"})


def assert_it_is_believed_afterwards(name: str) -> None:
    act = PASSING[name]()
    script = [shown("received", "running"), *[act] * 2, shown("running", "completed")]
    if act.at_connect:
        # Such an act waits for a new connection, which the closed one before makes sure of.
        script.insert(1, faults.close_after_request())
    with FaultServer(*script, then=shown("completed", "completed")) as server:
        # A hanging look ends with the time that one request may take.
        with client_of(server, request_timeout_seconds=0.3) as client:
            handle = sj.JobHandle(client, JOB)
            final = handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.02)
        assert client.traffic.failures >= 2
        assert client.traffic.repetitions == 0
    assert final == job("completed", "completed")


def test_a_deadline_bounds_a_call_with_its_repetitions() -> None:
    with FaultServer(then=faults.hang()) as server, client_of(server) as client:
        started = time.monotonic()
        with pytest.raises(sj.RequestTimeout):
            sj.fetch_job(client, JOB, timeout_seconds=TIMEOUT)
        assert time.monotonic() - started <= GENEROUS


def test_a_lost_response_on_a_real_socket_is_adopted_by_its_key() -> None:
    tagged = job("received", tags=["submission-key:k"])
    found = faults.respond(encode_jobs([tagged]))
    with (
        FaultServer(
            *[faults.respond(b"{}")] * 2, faults.reset_after_request(), then=found
        ) as server,
        client_of(server, clock=FakeClock()) as client,
    ):
        new = sj.NewJob(
            target="ss_unconstrained_simulator",
            circuits="OPENQASM 2.0;",
            job_type="simulate",
            shots=1,
        )
        receipt = sj.submit_job(client, new, submission_key="k", timeout_seconds=60)
        assert [request.method for request in server.requests] == ["GET", "GET", "POST", "GET"]
    assert receipt == sj.SubmitReceipt(job_id=JOB, num_circuits=1, adopted=True)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as Python has it, in a process too that a shell started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("where", ["hang", "hang in the body", "drip the body", "in a pause"])
def test_ctrl_c_in_the_middle_of_a_wait_leaves_a_handle_that_goes_on(where: str) -> None:
    act = shown("running") if where == "in a pause" else PASSING[where]()
    polling = 60 if where == "in a pause" else 0.01
    reached = threading.Event()

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        reached.set()
        act.run(connection, request)

    def interrupt() -> None:
        reached.wait(60)
        time.sleep(0.2)  # until the response has begun, or the pause
        os.kill(os.getpid(), signal.SIGINT)

    script = [shown("received"), Act(run)]
    with FaultServer(*script, then=shown("completed")) as server, client_of(server) as client:
        handle = sj.JobHandle(client, JOB)
        handle.refresh()
        thread = threading.Thread(target=interrupt)
        thread.start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            handle.wait_until_complete(polling_seconds=polling)
        assert time.monotonic() - started <= GENEROUS
        thread.join()
        assert handle.latest == job("running" if where == "in a pause" else "received")
        assert handle.wait_until_complete(timeout_seconds=60) == job("completed")


# --- real sockets, and a clock on which no time passes meanwhile


@pytest.mark.parametrize("fault", ["hang", "hang in the body", "drip the headers", "drip the body"])
def test_on_a_virtual_clock_a_request_is_bounded_in_real_time(fault: str):
    clock = FakeClock()
    once = sj.RetryPolicy(max_attempts=1)
    with (
        FaultServer(PASSING[fault]()) as server,
        client_of(
            server, clock=clock, request_timeout_seconds=TIMEOUT, retry_policy=once
        ) as client,
    ):
        began = time.monotonic()
        with pytest.raises(sj.RequestTimeout):
            sj.fetch_job(client, JOB)
        assert time.monotonic() - began < GENEROUS
    assert clock.now() == 0


def test_on_a_virtual_clock_the_look_at_the_deadline_has_the_time_of_a_request():
    clock = FakeClock()
    with (
        FaultServer(shown("running"), shown("running"), shown("completed")) as server,
        client_of(server, clock=clock) as client,
    ):
        handle = sj.JobHandle(client, JOB)
        final = handle.wait_until_complete(timeout_seconds=7200, polling_seconds=3600)
    assert final.completed
    assert clock.sleeps == (3600, 3600)


# ---- every function that sends a request ---------------------------------------------------------

NEW_JOB = sj.new_job("{}", target="ss_unconstrained_simulator", shots=1, circuit_type="cirq")
FUNCTIONS: dict[str, Callable[[sj.SuperstaqClient, str | UUID], object]] = {
    "fetch_job": lambda client, job_id: sj.fetch_job(client, job_id, timeout_seconds=TIMEOUT),
    "fetch_jobs": lambda client, job_id: sj.fetch_jobs(client, [job_id], timeout_seconds=TIMEOUT),
    "cancel_jobs": lambda client, job_id: sj.cancel_jobs(client, [job_id], timeout_seconds=TIMEOUT),
    "submit_job": lambda client, _: sj.submit_job(client, NEW_JOB, timeout_seconds=TIMEOUT),
    "fetch_targets": lambda client, _: sj.fetch_targets(client, timeout_seconds=TIMEOUT),
    "fetch_balance": lambda client, _: sj.fetch_balance(client, timeout_seconds=TIMEOUT),
    "fetch_target_info": lambda client, _: sj.fetch_target_info(
        client, "ss_unconstrained_simulator", timeout_seconds=TIMEOUT
    ),
}


def test_a_timeout_bounds_each_function_at_a_server_that_drips() -> None:
    at_the_same_time(assert_it_is_bounded, itertools.product(FUNCTIONS, ["v0.2.0", "v0.3.0"]))


def assert_it_is_bounded(case: tuple[str, str]) -> None:
    function, api_version = case
    with FaultServer(then=faults.drip_body(0.1)) as server:
        client = client_of(server, api_version=api_version)
        start = time.monotonic()
        with client, pytest.raises(sj.SuperstaqServerException) as caught:
            FUNCTIONS[function](client, JOB if api_version == "v0.3.0" else "a")
        taken = time.monotonic() - start
    assert TIMEOUT - 0.05 < taken < GENEROUS
    if function == "submit_job":
        assert isinstance(caught.value, sj.SubmissionUnknown)
        assert caught.value.timed_out
    else:
        assert isinstance(caught.value, sj.RequestTimeout)
