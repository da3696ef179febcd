"""Faults injected into an emulator's requests: a real client sees them, over real sockets.

The oracle is ``Fault.play``, by way of a ``ScriptedTransport``; the number of jobs shows whether a
request was carried out.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import general_superstaq as gss
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator, Simulator
from superstaq_jobs.emulator.server.faults import BOMB_BYTES
from superstaq_jobs.testing import FakeClock, Fault, FaultKind, ScriptedTransport, json_response
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.transport import HttpTransport
from superstaq_jobs.wire.request import Request, Response

LIMIT = 1_000_000  # a bomb is smaller, and inflates to more
QASM = "OPENQASM 2.0; qreg q[1];"
SUBMISSION = "POST /client/job"
ONCE = sj.RetryPolicy(max_attempts=1)
EVERY = [Fault(kind, retry_after_seconds=7) for kind in FaultKind] + [
    Fault(kind, retry_after_seconds=7, is_done=True) for kind in FaultKind if kind.arrives
]


@pytest.fixture(scope="module")
def shared(simulator: Simulator) -> Iterator[Emulator]:
    with Emulator(step_seconds=0, simulator=simulator) as running:
        yield running


@pytest.fixture
def server(shared: Emulator) -> Iterator[Emulator]:
    """An emulator without faults, whatever the last test left."""
    yield shared
    shared.faults.clear()


@attrs.frozen
class Impatient:
    """A transport that does not wait longer than necessary for a response that never comes."""

    inner: HttpTransport
    server: Emulator

    def send(self, request: Request, /, *, timeout_seconds: float) -> Response:
        (fault, *_) = self.server.faults.remaining or (None,)
        if fault is not None and FaultKind(fault.kind).takes_time:
            timeout_seconds = 0.25  # but long enough for the server to receive the request
        return self.inner.send(request, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        self.inner.close()


class Watch(FakeClock):
    """A clock on which a refusal lasts for one attempt: it ends during the pause that follows."""

    def __init__(self, server: Emulator) -> None:
        super().__init__()
        self.server = server
        self.was_refused = server.faults.is_refusing

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.go_on()

    def go_on(self) -> None:
        if self.was_refused:
            self.server.faults.end_refusal()
        self.was_refused = self.server.faults.is_refusing


@contextlib.contextmanager
def client_of(server: Emulator, **options: Any) -> Iterator[sj.SuperstaqClient]:
    transport = HttpTransport(origin=server.url, max_body_bytes=LIMIT)
    with sj.SuperstaqClient(
        server.api_key,
        server.url,
        transport=Impatient(transport, server),
        jitter=lambda: 1.0,
        **{"clock": FakeClock(), **options},
    ) as client:
        yield client


def outcome(call: Callable[..., object], *arguments: object) -> object:
    """The outcome of a call, as far as it is the same in every run."""
    try:
        found = call(*arguments)
    except sj.SuperstaqException as error:
        facts = ("sent", "status_code", "retry_after_seconds")
        return type(error), [getattr(error, name, None) for name in facts]
    return type(found)


def new_job(tag: str) -> sj.NewJob:
    return sj.NewJob(target="ss_unconstrained_simulator", circuits=[QASM], tags=[tag], shots=1)


def num_jobs(server: Emulator, tag: str) -> int:
    with sj.SuperstaqClient(server.api_key, server.url) as client:
        return len(sj.query_jobs(client, sj.JobQuery(tags=[tag])))


def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to be so")


@contextlib.contextmanager
def ended_later(server: Emulator) -> Iterator[None]:
    """Ends all refusals that are next, one after another, while something else goes on."""

    def end() -> None:
        while server.faults.is_refusing:
            time.sleep(0.05)
            server.faults.end_refusal()

    thread = threading.Thread(target=end)
    thread.start()
    yield
    thread.join()


def is_quiet(server: Emulator) -> bool:
    """Whether the emulator has no open connection and no request in progress."""
    return not server._server.connections


def num_busy(server: Emulator) -> int:
    """How many requests are in progress."""
    return sum(connection.is_busy for connection in list(server._server.connections))


class Hooked(Simulator):
    """Runs nothing; calls a function while a submission is served."""

    def __init__(self, hook: Callable[[], object]) -> None:
        super().__init__()
        self.hook = hook

    def submit(self, *_: Any, **__: Any) -> None:
        self.hook()


class Service:
    """The emulator's behavior, for a ``ScriptedTransport``."""

    def __init__(self) -> None:
        self.num_jobs = 0

    def __call__(self, request: Request) -> Response:
        if request.method == "GET":
            return json_response({"email": "user@emulator.example.com", "balance": 100.0})
        self.num_jobs += 1
        return json_response({"job_id": str(uuid.uuid4()), "num_circuits": 1})


# ---- laws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", EVERY, ids=repr)
@pytest.mark.parametrize("is_kept", [False, True], ids=["new connection", "kept connection"])
def test_a_client_sees_what_the_fault_describes(server: Emulator, fault: Fault, *, is_kept: bool):
    tag = str(uuid.uuid4())
    with client_of(server, retry_policy=ONCE) as client:
        if is_kept:
            sj.fetch_balance(client)
        server.faults.extend([fault])
        seen = outcome(sj.submit_job, client, new_job(tag))
        server.faults.end_refusal()
        eventually(lambda: server.faults.remaining == ())
        assert outcome(sj.fetch_balance, client) is sj.AccountBalance
        eventually(lambda: num_busy(server) == 0)
        assert num_jobs(server, tag) == int(fault.is_done)
        server.faults.extend([fault])
        result = outcome(sj.fetch_balance, client)
        server.faults.end_refusal()
    scripted = ScriptedTransport.from_function(Service(), faults=[fault, fault])
    imitation = sj.SuperstaqClient(
        "key", server.url, transport=scripted, retry_policy=ONCE, clock=FakeClock()
    )
    assert seen == outcome(sj.submit_job, imitation, new_job(tag))
    assert result == outcome(sj.fetch_balance, imitation)


def check_script(server: Emulator, script: list[Fault | None], *, submitting: bool) -> None:
    """A client ends as it does on a scripted transport, after as many attempts."""
    tag = str(uuid.uuid4())

    def run(client: sj.SuperstaqClient) -> object:
        if submitting:
            return outcome(sj.submit_job, client, new_job(tag))
        return outcome(sj.fetch_balance, client)

    server.faults.extend(script)
    clock = Watch(server)
    with client_of(server, clock=clock) as client:
        result = run(client)
    clock.go_on()
    left = server.faults.remaining
    server.faults.clear()
    service = Service()
    scripted = ScriptedTransport.from_function(service, faults=script)
    pauses = FakeClock()
    imitation = sj.SuperstaqClient(
        "key", server.url, transport=scripted, clock=pauses, jitter=lambda: 1.0
    )
    assert run(imitation) == result
    assert pauses.sleeps == clock.sleeps
    assert tuple(script[len(scripted.requests) :]) == left
    if submitting:
        eventually(lambda: num_busy(server) == 0)
        assert num_jobs(server, tag) == service.num_jobs


QUICK = [kind for kind in FaultKind if not kind.takes_time]


@settings(max_examples=60)
@given(script=sts.fault_scripts(kinds=QUICK, max_faults=6), submitting=st.booleans())
def test_a_client_ends_as_it_does_on_a_scripted_transport(
    shared: Emulator, script: list[Fault | None], *, submitting: bool
):
    check_script(shared, script, submitting=submitting)


@settings(max_examples=10)
@given(script=sts.fault_scripts(max_faults=4, transient=True), submitting=st.booleans())
def test_a_client_ends_the_same_if_faults_take_time(
    shared: Emulator, script: list[Fault | None], *, submitting: bool
):
    check_script(shared, script, submitting=submitting)


@pytest.mark.filterwarnings("ignore:.*it could not be checked:superstaq_jobs.SuperstaqWarning")
@settings(max_examples=40)
@given(script=sts.fault_scripts(kinds=set(QUICK) - {"refused"}, max_faults=6))
def test_a_submission_with_a_key_makes_one_job(shared: Emulator, script: list[Fault | None]):
    tag = str(uuid.uuid4())
    shared.faults.extend(script)
    with client_of(shared) as client:
        with contextlib.suppress(sj.SuperstaqException):
            sj.submit_job(client, new_job(tag), submission_key=tag)
        shared.faults.clear()
        receipt = sj.submit_job(client, new_job(tag), submission_key=tag)
        assert sj.fetch_job(client, receipt.job_id).job_id == receipt.job_id
    assert num_jobs(shared, tag) == 1


# ---- the script ----------------------------------------------------------------------------------


def test_entries_apply_to_any_call_or_to_one(server: Emulator):
    server.faults.extend([Fault("garbage"), None], call=SUBMISSION)
    server.faults.extend([Fault("redirect")], call="GET /client/job/{circuit_type}")
    with client_of(server, retry_policy=ONCE) as client:
        sj.fetch_balance(client)
        sj.fetch_targets(client)
        with pytest.raises(sj.SubmissionUnknown):
            sj.submit_job(client, new_job("a"))
        with pytest.raises(sj.SuperstaqServerException, match="302"):
            sj.query_jobs(client, sj.JobQuery(tags=["a"]))
        sj.submit_job(client, new_job("a"))
        server.faults.extend([Fault("status")])
        with pytest.raises(sj.SuperstaqServerException, match="503"):
            sj.fetch_balance(client)
        assert server.faults.remaining == ()


def test_a_request_outside_the_api_takes_no_entry(server: Emulator, send: Callable[..., Any]):
    server.faults.extend([Fault("status")])
    assert send(server, "GET", "/", version="").status == 404
    assert send(server, "GET", "/client/balance", version="/v0.1.0").status == 404
    assert send(server, "GET", "/client/nothing").status == 503
    assert server.faults.remaining == ()


WRONG = {
    "must be Fault values or None, got 'hang'": (["hang"], None),
    "call must be one of POST .*; got 'GET /client'": ([None], "GET /client"),
    "carries no request": ([Fault("refused")], SUBMISSION),
}


@pytest.mark.parametrize(("what", "entries"), WRONG.items(), ids=WRONG)
def test_invalid_entries_are_refused_together(server: Emulator, what: str, entries: Any):
    faults, call = entries
    with pytest.raises((TypeError, ValueError), match=what):
        server.faults.extend([Fault("hang"), *faults], call=call)
    assert server.faults.remaining == ()


def test_a_script_can_be_set_before_the_start_and_cleared(emulate: Callable[..., Emulator]):
    server = emulate(faults=[Fault("status", status_code=500), Fault("hang")])
    with client_of(server, retry_policy=ONCE) as client:
        with pytest.raises(sj.SuperstaqServerException, match="500"):
            sj.fetch_balance(client)
        server.faults.clear()
        sj.fetch_balance(client)


def test_a_request_that_is_carried_out_may_fail_itself(emulate: Callable[..., Emulator]):
    def broken() -> None:
        raise ZeroDivisionError

    server = emulate(simulator=Hooked(broken))
    server.faults.extend([Fault("status", status_code=418, is_done=True)])
    with (
        client_of(server, retry_policy=ONCE) as client,
        pytest.raises(sj.SuperstaqServerException, match="418"),
    ):
        sj.submit_job(client, new_job("a"))


# ---- refused -------------------------------------------------------------------------------------


def test_nothing_listens_while_refused_is_next(server: Emulator):
    with client_of(server, retry_policy=ONCE) as client, client_of(server) as idle:
        sj.fetch_balance(idle)
        server.faults.extend([None, Fault("refused"), Fault("refused"), None])
        sj.fetch_balance(client)
        for left in (3, 2):
            for who, _ in itertools.product((client, idle), range(2)):
                with pytest.raises(sj.TransportError) as caught:
                    sj.fetch_balance(who)
                assert not caught.value.sent
            with socket.socket() as another, pytest.raises(OSError, match="in use"):
                another.bind(("127.0.0.1", server.port))
            assert len(server.faults.remaining) == left
            server.faults.end_refusal()
        sj.fetch_balance(client)
        server.faults.end_refusal()  # none is next
        sj.fetch_balance(idle)


def test_an_entry_for_one_call_does_not_delay_a_refusal(server: Emulator):
    server.faults.extend([Fault("status")], call=SUBMISSION)
    server.faults.extend([Fault("refused")])
    with client_of(server, retry_policy=ONCE) as client:
        with pytest.raises(sj.TransportError) as caught:
            sj.fetch_balance(client)
        assert not caught.value.sent
        server.faults.end_refusal()
        sj.fetch_balance(client)
    assert server.faults.remaining == (Fault("status"),)


def test_a_request_in_progress_gets_its_response_before_the_port_closes(server: Emulator):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(head(server, "PUT", "accept_terms_of_use", 16))
        eventually(lambda: num_busy(server) == 1)
        server.faults.extend([Fault("refused")])
        client.sendall(b'{"accept": true}')
        response = b"".join(iter(lambda: client.recv(65536), b""))
    server.faults.end_refusal()
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in response


def test_an_idle_connection_is_closed_with_the_port(server: Emulator):
    eventually(lambda: is_quiet(server))
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        eventually(lambda: bool(server._server.connections))
        server.faults.extend([Fault("refused")])
        assert client.recv(1) == b""


def test_a_connection_from_just_before_the_refusal_is_reset(server: Emulator):
    server.faults.watch(lambda: None)  # the port is not closed in time
    server.faults.extend([Fault("refused")])
    with client_of(server, retry_policy=ONCE) as client:
        with pytest.raises(sj.TransportError) as caught:
            sj.fetch_balance(client)
        assert caught.value.sent
        server.faults.watch(server._server.update_port)
        server._server.update_port()
        with pytest.raises(sj.TransportError) as caught:
            sj.fetch_balance(client)
        assert not caught.value.sent
    server.faults.end_refusal()
    assert server.faults.remaining == ()


def test_a_refusal_from_the_start_ends_while_a_client_retries(emulate: Callable[..., Emulator]):
    server = emulate(faults=[Fault("refused")] * 2)
    patient = sj.RetryPolicy(max_attempts=1000, base_seconds=0.02, cap_seconds=0.02, budget=1000)
    with sj.SuperstaqClient(server.api_key, server.url, retry_policy=patient) as client:
        with ended_later(server):
            sj.fetch_balance(client)
        assert server.faults.remaining == ()
        server.faults.extend([Fault("refused")])
        server.faults.clear()
        server.faults.extend([Fault("refused")])
        with ended_later(server):
            sj.fetch_balance(client)


def test_an_emulator_with_a_closed_port_can_be_stopped(simulator: Simulator):
    before = set(threading.enumerate())
    for faults in ([Fault("refused")], [None, Fault("refused")]):
        server = Emulator(simulator=simulator, faults=faults).start()
        with client_of(server) as client, contextlib.suppress(sj.TransportError):
            sj.fetch_balance(client)
        server.stop()
        server.faults.end_refusal()
        server._server.update_port()  # as if notified just before
        assert not set(threading.enumerate()) - before
        Emulator(simulator=simulator, port=server.port).start().stop()


def test_a_script_can_be_changed_while_a_request_is_served(emulate: Callable[..., Emulator]):
    script = [Fault("refused")]
    server = emulate(simulator=Hooked(lambda: server.faults.extend(script)))
    with sj.SuperstaqClient(server.api_key, server.url) as client:
        sj.submit_job(client, new_job("a"))
        assert server.faults.remaining == (Fault("refused"),)
        script.clear()
        server.faults.end_refusal()
        sj.submit_job(client, new_job("a"))


# ---- nothing is left behind ----------------------------------------------------------------------


LONG = [
    *(kind for kind in FaultKind if kind.takes_time),
    *("endless_interim", "header_flood", "long_header", "endless_body", "endless_chunks"),
]


def head(server: Emulator, method: str, call: str, length: int = 0) -> bytes:
    return (
        f"{method} /v0.3.0/client/{call} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {server.api_key}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("kind", LONG)
def test_a_fault_ends_when_its_client_leaves_and_others_are_served_meanwhile(
    server: Emulator, kind: str
):
    eventually(lambda: is_quiet(server))
    server.faults.extend([Fault(kind)])
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        # A second request behind the first must not hide that the client has left.
        client.sendall(head(server, "GET", "balance") * 2)
        eventually(lambda: server.faults.remaining == ())
        with client_of(server) as other:
            for _ in range(20):
                sj.fetch_balance(other)
        eventually(lambda: num_busy(server) == 1)
    eventually(lambda: is_quiet(server))


@pytest.mark.parametrize("kind", LONG)
def test_a_fault_ends_when_the_emulator_stops(simulator: Simulator, kind: str):
    before = set(threading.enumerate())
    server = Emulator(simulator=simulator, faults=[Fault(kind)] * 2).start()
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            stack.enter_context(client)
            client.sendall(head(server, "GET", "balance"))
        eventually(lambda: server.faults.remaining == ())
        server.stop()
        assert is_quiet(server)
        assert not set(threading.enumerate()) - before
        with contextlib.suppress(ConnectionResetError):
            while client.recv(1_000_000):
                pass


@pytest.mark.parametrize("kind", ["hang_at_connect", "hang", "close_after_request"])
def test_a_client_that_leaves_during_its_request(server: Emulator, kind: str):
    server.faults.extend([Fault(kind)])
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(head(server, "POST", "job", 1_000_000) + b"x" * 500_000)
        eventually(lambda: server.faults.remaining == ())
    eventually(lambda: is_quiet(server))


def test_a_client_that_has_left_before_its_fault_is_played(emulate: Callable[..., Emulator]):
    gate = threading.Event()
    server = emulate(simulator=Hooked(lambda: gate.wait(10)), faults=[Fault("hang", is_done=True)])
    new = {
        "job_type": "submit",
        "target": "ss_unconstrained_simulator",
        "circuits": QASM,
        "circuit_type": "qasm",
    }
    body = json.dumps(new).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(head(server, "POST", "job", len(body)) + body)
        eventually(lambda: server.faults.remaining == ())
    gate.set()
    eventually(lambda: is_quiet(server))


def test_a_bomb_is_larger_than_a_client_accepts(server: Emulator):
    server.faults.extend([Fault("bomb")])
    with (
        sj.SuperstaqClient(server.api_key, server.url) as client,
        pytest.raises(sj.AnswerTooLarge),
    ):
        sj.fetch_balance(client)
    assert BOMB_BYTES == 2 * 256 * 1024 * 1024


# ---- the official client -------------------------------------------------------------------------


PASSING = [kind for kind in FaultKind if kind.is_transient]
LIKE_AN_END = {"cut_headers", "hang_in_headers", "drip_headers"}
"""It takes the end of the connection for the end of the headers, and an empty body for JSON."""


@pytest.mark.official
@pytest.mark.parametrize("kind", [kind for kind in PASSING if not kind.takes_time])
def test_the_official_client_retries(
    emulate: Callable[..., Emulator], official: Callable[..., Any], kind: FaultKind
):
    server = emulate(faults=[Fault(kind)])
    client = official(server)
    if kind in LIKE_AN_END:
        with pytest.raises(json.JSONDecodeError):
            client.get_user_info()
    with ended_later(server):
        assert client.get_user_info()[0]["email"] == "user@emulator.example.com"
    assert server.faults.remaining == ()
    client.session.close()


@pytest.mark.official
@pytest.mark.parametrize("kind", [kind for kind in PASSING if kind.takes_time])
def test_the_official_client_waits_until_the_server_stops(
    simulator: Simulator, official: Callable[..., Any], kind: FaultKind
):
    # It sets no time limit for any of its requests.
    with Emulator(simulator=simulator, faults=[Fault(kind)]) as server:
        client = official(server)
        client.max_retry_seconds = 0.05
        ended: list[type[BaseException]] = []

        def send() -> None:
            try:
                client.get_user_info()
            except (TimeoutError, json.JSONDecodeError) as error:
                ended.append(type(error))

        thread = threading.Thread(target=send)
        thread.start()
        eventually(lambda: server.faults.remaining == ())
        thread.join(0.1)
        assert thread.is_alive()
    thread.join(60)
    assert len(ended) == 1
    assert issubclass(ended[0], TimeoutError) is (kind not in LIKE_AN_END)
    client.session.close()


@pytest.mark.official
def test_the_official_client_submits_twice_if_a_response_is_lost(
    emulate: Callable[..., Emulator], official: Callable[..., Any]
):
    server = emulate()
    server.faults.extend([Fault("reset_after_request", is_done=True)], call=SUBMISSION)
    client = official(server)
    new = gss.models.NewJob(
        job_type="submit",
        target="ss_unconstrained_simulator",
        circuits=QASM,
        circuit_type="qasm",
        shots=1,
    )
    client.post_request("/client/job", new.model_dump(exclude_none=True))
    client.session.close()
    with sj.SuperstaqClient(server.api_key, server.url) as ours:
        assert len(sj.query_jobs(ours, sj.JobQuery())) == 2
