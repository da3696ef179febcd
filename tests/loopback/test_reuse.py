"""Which connections HttpTransport uses again, and for what."""

from __future__ import annotations

import gc
import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import faults
import pytest
from certificates import Tls
from faults import Act, FaultServer, together
from helpers import PATIENT, get

from superstaq_jobs.errors import ConfigurationError, TransportError
from superstaq_jobs.transport import HttpTransport
from superstaq_jobs.wire.request import Request

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

STALE = faults.whole(b"stale")


def test_connections_are_used_again() -> None:
    with FaultServer(then=faults.echo()) as server:
        with HttpTransport(origin=server.origin) as transport:
            for number in range(20):
                response = transport.send(get(f"/{number}"), timeout_seconds=PATIENT)
                assert response.body == f"/{number}".encode()
        assert server.connections == 1


def test_a_read_by_post_uses_a_connection_again_and_a_submission_does_not() -> None:
    with FaultServer(then=faults.echo()) as server:
        with HttpTransport(origin=server.origin) as transport:
            for idempotent in (True, True, False, True):
                request = Request(method="POST", path="/", body=b"{}", idempotent=idempotent)
                transport.send(request, timeout_seconds=PATIENT)
        assert [request.connection for request in server.requests] == [0, 0, 1, 1]


def test_a_transport_that_is_dropped_closes_its_connections() -> None:
    with FaultServer(then=faults.echo()) as server:
        transport = HttpTransport(origin=server.origin)
        transport.send(Request(method="GET", path="/"), timeout_seconds=PATIENT)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del transport
            gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    def closes_later(connection: faults.Connection, _: faults.Received | None) -> None:
        connection.send(faults.whole(b"first"))
        connection.close()

    with FaultServer(Act(closes_later), then=faults.echo()) as server:
        with HttpTransport(origin=server.origin) as transport:
            assert transport.send(get(), timeout_seconds=PATIENT).body == b"first"
            time.sleep(0.2)
            assert transport.send(get("/b"), timeout_seconds=PATIENT).body == b"/b"
        assert [request.connection for request in server.requests] == [0, 1]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (faults.reset_after_request, "reset"),
        (faults.close_after_request, "closed the connection without a response"),
    ],
)
def test_a_reset_of_a_used_connection_is_reported_and_not_retried(
    fault: Callable[[], Act], said: str
) -> None:
    with FaultServer(faults.echo(), fault(), then=faults.echo()) as server:
        with HttpTransport(origin=server.origin) as transport:
            transport.send(get("/a"), timeout_seconds=PATIENT)
            with pytest.raises(TransportError, match=said) as caught:
                transport.send(Request(method="PUT", path="/b"), timeout_seconds=PATIENT)
            assert caught.value.sent
            assert transport.send(get("/c"), timeout_seconds=PATIENT).body == b"/c"
        assert [request.target for request in server.requests] == ["/a", "/b", "/c"]
        assert [request.connection for request in server.requests] == [0, 0, 1]


def test_a_body_longer_than_it_says_does_not_reach_the_next_request() -> None:
    with (
        FaultServer(
            faults.raw(faults.whole(b"short") + faults.whole(b"foreign") * 10_000),
            then=faults.echo(),
        ) as server,
        HttpTransport(origin=server.origin) as transport,
    ):
        assert transport.send(get("/a"), timeout_seconds=PATIENT).body == b"short"
        time.sleep(0.2)
        assert transport.send(get("/b"), timeout_seconds=PATIENT).body == b"/b"


@pytest.mark.parametrize(
    ("response", "is_reusable"),
    [
        (faults.whole(b"ok"), True),
        (faults.whole(b"ok") + b" and more", False),
        (faults.head("200 OK", [("Transfer-Encoding", "chunked")]) + b"2\r\nok\r\n0\r\n\r\n", True),
        (
            faults.head("200 OK", [("Transfer-Encoding", "chunked")]) + b"2\r\nok\r\n0\r\n\r\n?",
            False,
        ),
        (faults.whole(b"ok", headers=[("Connection", "close")]), False),
        (faults.whole(b"ok", headers=[("Connection", "x, Close")]), False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", True),
        (faults.head("204 None", []), True),
        (faults.head("204 None", []) + b"ok", False),
    ],
)
@pytest.mark.parametrize("secure", [False, True])
def test_a_connection_is_used_again_only_if_nothing_is_left_on_it(
    response: bytes, is_reusable: bool, secure: bool, tls: Tls
) -> None:
    with (
        FaultServer(
            faults.raw(response), then=faults.echo(), tls=tls.server if secure else None
        ) as server,
        HttpTransport(origin=server.origin, ca_certs=tls.bundle) as transport,
    ):
        assert transport.send(get("/a"), timeout_seconds=PATIENT).body in {b"ok", b""}
        assert transport.send(get("/b"), timeout_seconds=PATIENT).body == b"/b"
        assert server.connections == (1 if is_reusable else 2)


def respond_and(body: bytes, extra: bytes, *, later: float = 0.0) -> Act:
    """A good response, and bytes behind it: in the same piece, or that many seconds later."""

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        assert request is not None
        if request.target != "/first":
            return connection.send(faults.whole(request.target.encode()))
        if not later:
            return connection.send(faults.whole(body) + extra)
        connection.send(faults.whole(body))
        connection.pause(later)
        return connection.send(extra)

    return Act(run)


@pytest.mark.parametrize("size", [0, 5_000, 60_000, 200_000, 1_000_000])
@pytest.mark.parametrize("secure", [False, True])
def test_bytes_behind_a_body_are_not_the_next_response(size: int, secure: bool, tls: Tls) -> None:
    # Over TLS they may have been received with the body, and wait inside OpenSSL.
    with (
        FaultServer(
            then=respond_and(bytes(size), STALE), tls=tls.server if secure else None
        ) as server,
        HttpTransport(origin=server.origin, ca_certs=tls.bundle) as transport,
    ):
        for number in range(4):
            assert transport.send(get("/first"), timeout_seconds=PATIENT).body == bytes(size)
            time.sleep(0.05)  # what arrives after the next request has begun cannot be recognized
            response = transport.send(get(f"/{number}"), timeout_seconds=PATIENT)
            assert response.body == f"/{number}".encode()


@pytest.mark.parametrize("secure", [False, True])
def test_a_response_that_comes_before_its_request_is_not_taken(secure: bool, tls: Tls) -> None:
    with (
        FaultServer(
            then=respond_and(b"", STALE, later=0.05), tls=tls.server if secure else None
        ) as server,
        HttpTransport(origin=server.origin, ca_certs=tls.bundle) as transport,
    ):
        for number in range(4):
            assert transport.send(get("/first"), timeout_seconds=PATIENT).body == b""
            time.sleep(0.15)
            response = transport.send(get(f"/{number}"), timeout_seconds=PATIENT)
            assert response.body == f"/{number}".encode()


@pytest.mark.parametrize("secure", [False, True])
def test_a_submission_has_a_connection_that_carried_no_response(secure: bool, tls: Tls) -> None:
    # Without a pause: what a server sends behind a response can never be taken for this one's.
    with (
        FaultServer(
            then=respond_and(bytes(10_000), STALE), tls=tls.server if secure else None
        ) as server,
        HttpTransport(origin=server.origin, ca_certs=tls.bundle, max_connections=2) as transport,
    ):
        for number in range(10):
            transport.send(get("/first"), timeout_seconds=PATIENT)
            post = Request(method="POST", path=f"/{number}", body=b"{}")
            assert transport.send(post, timeout_seconds=PATIENT).body == f"/{number}".encode()
        used: set[int] = set()
        for request in server.requests:
            assert request.method == "GET" or request.connection not in used
            used.add(request.connection)


def test_a_connection_that_carried_a_submission_is_used_again() -> None:
    with (
        FaultServer(then=faults.echo()) as server,
        HttpTransport(origin=server.origin) as transport,
    ):
        for method in ("POST", "GET", "GET"):
            transport.send(Request(method=method, path="/"), timeout_seconds=PATIENT)
        assert server.connections == 1


def test_submissions_open_no_more_connections_than_allowed() -> None:
    with (
        FaultServer(*[together(3)] * 3, then=faults.echo()) as server,
        HttpTransport(origin=server.origin, max_connections=3) as transport,
    ):
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda _: transport.send(get(), timeout_seconds=PATIENT), range(3)))
        assert server.open_connections == 3
        for number in range(4, 9):
            transport.send(Request(method="POST", path="/"), timeout_seconds=PATIENT)
            assert server.connections == number
            gives_up = time.monotonic() + PATIENT
            while server.open_connections > 3 and time.monotonic() < gives_up:
                time.sleep(0.01)
            assert server.open_connections == 3


def test_reads_use_the_latest_connection_and_a_submission_gives_up_the_one_idle_longest() -> None:
    with (
        FaultServer(*[together(2)] * 2, then=faults.echo()) as server,
        HttpTransport(origin=server.origin) as transport,
    ):
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda _: transport.send(get(), timeout_seconds=PATIENT), range(2)))
        for method in ("GET", "GET", "GET", "POST", "GET"):
            transport.send(Request(method=method, path="/"), timeout_seconds=PATIENT)
        *reads, submission, last = [each.connection for each in server.requests[2:]]
        assert len(set(reads)) == 1
        assert submission == last == 2
        transport.send(Request(method="POST", path="/"), timeout_seconds=PATIENT)
        assert server.connections == 4


def test_threads_never_get_the_response_of_another() -> None:
    with FaultServer(then=faults.echo()) as server:
        with HttpTransport(origin=server.origin, max_connections=10) as transport:

            def calls(thread: int) -> int:
                return sum(
                    transport.send(get(path), timeout_seconds=PATIENT).body == path.encode()
                    for path in (f"/{thread}/{number}" for number in range(100))
                )

            with ThreadPoolExecutor(16) as threads:
                assert list(threads.map(calls, range(16))) == [100] * 16
        assert server.connections <= 10


def in_child(work: Callable[[], bool]) -> int:
    """Fork, do the work in the child, and give back the pid to wait for; 0 is good."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return pid


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("secure", [False, True])
def test_a_forked_child_has_its_own_connections(secure: bool, tls: Tls) -> None:
    with FaultServer(then=faults.echo(), tls=tls.server if secure else None) as server:
        transport = HttpTransport(origin=server.origin, ca_certs=tls.bundle)
        transport.send(get("/warm"), timeout_seconds=PATIENT)

        def calls(who: str) -> bool:
            paths = [f"/{who}/{number}" for number in range(50)]
            return all(
                transport.send(get(path), timeout_seconds=PATIENT).body == path.encode()
                for path in paths
            )

        pid = in_child(lambda: calls("child"))
        assert calls("parent")
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert calls("parent-again")
        transport.close()
        pid = in_child(lambda: raises(ConfigurationError, lambda: calls("closed")))
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        numbers = {
            who: {r.connection for r in server.requests if r.target.startswith(f"/{who}")}
            for who in ("warm", "child", "parent")
        }
    assert numbers == {"warm": {0}, "child": {1}, "parent": {0}}


def raises(kind: type[BaseException], work: Callable[[], object]) -> bool:
    try:
        work()
    except kind:
        return True
    return False
