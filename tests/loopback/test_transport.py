"""HttpTransport against real sockets on 127.0.0.1 that misbehave."""

from __future__ import annotations

import base64
import contextlib
import copy
import gc
import gzip
import logging
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faults
import pytest
from certificates import Tls
from faults import Act, FaultServer
from helpers import (
    CANARY,
    GENEROUS,
    MIB,
    PATIENT,
    assert_no_canary,
    at_the_same_time,
    get,
    nothing_sent,
)

from superstaq_jobs.clock import SystemClock
from superstaq_jobs.errors import (
    AnswerTooLarge,
    ConfigurationError,
    InvalidRequest,
    ProtocolError,
    RequestTimeout,
    SuperstaqServerException,
    TlsError,
    TransportError,
)
from superstaq_jobs.transport import HttpTransport, Transport
from superstaq_jobs.wire.request import Request, Response, Secret

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def send(
    server: FaultServer,
    request: Request | None = None,
    *,
    timeout_seconds: float = PATIENT,
    max_body_bytes: int = MIB,
    read_timeout_seconds: float = 60.0,
) -> Response:
    with HttpTransport(
        origin=server.origin,
        max_body_bytes=max_body_bytes,
        read_timeout_seconds=read_timeout_seconds,
    ) as transport:
        return transport.send(request or get(), timeout_seconds=timeout_seconds)


def serve(act: Act, **options: float) -> Response:
    with FaultServer(act) as server:
        return send(server, **options)  # type: ignore[arg-type]


def test_it_is_a_transport() -> None:
    transport: Transport = HttpTransport(origin="https://example.com")
    transport.close()


# --- requests and responses that are good


def test_a_request_arrives_as_it_was_given() -> None:
    request = Request(
        method="PUT",
        path="/v0.3.0/client/job/cancel?a=%20b&a=c",
        headers=(("Authorization", Secret("key")), ("X-Two", "1"), ("X-Two", "2")),
        body=b'{"x": 1}',
    )
    with FaultServer(faults.echo()) as server:
        response = send(server, request)
        received = server.requests[0]
    assert response.body == b'/v0.3.0/client/job/cancel?a=%20b&a=c{"x": 1}'
    assert (received.method, received.target, received.body) == (
        request.method,
        request.path,
        request.body,
    )
    assert received.header("authorization") == "key"
    assert [value for name, value in received.headers if name == "x-two"] == ["1", "2"]
    assert received.header("accept-encoding") == "gzip"
    assert received.header("content-length") == "8"


def test_a_large_upload_arrives_whole() -> None:
    body = os.urandom(3 * MIB)
    with FaultServer(faults.echo()) as server:
        response = send(server, Request(method="POST", path="/", body=body), max_body_bytes=4 * MIB)
    assert response.body == b"/" + body


@pytest.mark.parametrize("status", [200, 201, 302, 307, 400, 401, 404, 429, 500, 503, 599])
def test_any_status_is_a_response(status: int) -> None:
    assert serve(faults.respond(b"why", f"{status} Any")).status == status


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_response_without_a_body(status: str) -> None:
    with (
        FaultServer(faults.raw(faults.head(status, [])), then=faults.echo()) as server,
        HttpTransport(origin=server.origin) as transport,
    ):
        assert transport.send(get(), timeout_seconds=PATIENT).body == b""
        assert transport.send(get("/b"), timeout_seconds=PATIENT).body == b"/b"


def test_headers_keep_their_order_and_their_repeats() -> None:
    headers = [("X-B", "1"), ("X-A", "2"), ("x-b", "3"), ("X-Fold", "one\r\n  two"), ("X-None", "")]
    response = serve(faults.respond(b"ok", headers=headers))
    assert response.headers == (
        ("content-length", "2"),
        ("x-b", "1"),
        ("x-a", "2"),
        ("x-b", "3"),
        ("x-fold", "one two"),
        ("x-none", ""),
    )


def test_bodies_of_every_framing() -> None:
    body = os.urandom(200_000)
    acts = [
        faults.respond(body),
        faults.chunked(body[:3], body[3:], headers=[("X", "y")]),
        faults.raw(faults.head("200 OK", [("Connection", "close")]) + body, close=True),
        faults.respond(gzip.compress(body), headers=[("Content-Encoding", "gzip")]),
        faults.respond(zlib.compress(body), headers=[("Content-Encoding", "deflate")]),
        faults.chunked(gzip.compress(body), headers=[("Content-Encoding", "GZIP")]),
        faults.respond(
            gzip.compress(body[:7]) + gzip.compress(body[7:]),
            headers=[("Content-Encoding", "x-gzip")],
        ),
        faults.respond(b"", headers=[("Content-Encoding", "gzip")]),
        faults.chunked(headers=[]),
    ]
    with FaultServer(*acts) as server, HttpTransport(origin=server.origin) as transport:
        bodies = [transport.send(get(), timeout_seconds=PATIENT).body for _ in acts]
        connections = server.connections
    assert bodies == [body] * 7 + [b"", b""]
    assert connections == 2  # only the body that ends with its connection costs another


@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_interim_responses_are_skipped(status: str) -> None:
    with FaultServer(faults.interim(status, b"real"), then=faults.echo()) as server:
        with HttpTransport(origin=server.origin) as transport:
            assert transport.send(get(), timeout_seconds=PATIENT).body == b"real"
            assert transport.send(get("/next"), timeout_seconds=PATIENT).body == b"/next"
        assert server.connections == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_redirect_reaches_no_second_host(status: int, method: str) -> None:
    with FaultServer() as other:
        with FaultServer(faults.redirect(f"{other.origin}/", f"{status} Go")) as server:
            response = send(server, Request(method=method, path="/", body=b"x"))
            assert len(server.requests) == 1
        assert response.status == status
        assert response.header("Location") == f"{other.origin}/"
        assert other.connections == 0


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
def test_proxies_of_the_environment_are_not_used(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, f"http://127.0.0.1:{faults.closed_port()}")
    assert serve(faults.respond(b"direct")).body == b"direct"


def test_netrc_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with FaultServer() as server:
        send(server, Request(method="GET", path="/"))
        assert server.requests[0].header("authorization") is None


# --- faults


def test_a_refused_connection() -> None:
    port = faults.closed_port()
    with (
        HttpTransport(origin=f"http://127.0.0.1:{port}") as transport,
        pytest.raises(TransportError, match="Connection refused") as caught,
    ):
        transport.send(get(), timeout_seconds=PATIENT)
    assert nothing_sent(caught.value)
    assert f"GET /v0.3.0/thing at http://127.0.0.1:{port}: " in str(caught.value)
    assert "tags" not in str(caught.value)
    assert "0x" not in str(caught.value)


@pytest.mark.parametrize("host", ["name.invalid", "a" * 70 + ".example", "example..com"])
def test_a_name_that_is_not_found(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def lookup(name: str, *args: object, **options: object) -> object:
        if name == "name.invalid":  # no query to a name server from a test
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(name, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with (
        HttpTransport(origin=f"https://{host}") as transport,
        pytest.raises(TransportError, match="name was not found") as caught,
    ):
        transport.send(get(), timeout_seconds=PATIENT)
    assert nothing_sent(caught.value)


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer() as server:
        kind, tcp = socket.SOCK_STREAM, socket.IPPROTO_TCP
        addresses = [
            (socket.AF_UNIX + 400, kind, tcp, "", ("127.0.0.1", 1)),
            (socket.AF_INET, kind, tcp, "", ("127.0.0.1", faults.closed_port())),
            (socket.AF_INET, kind, tcp, "", ("127.0.0.1", server.port)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: addresses)
        assert send(server).body == b""
        del addresses[:]
        with pytest.raises(TransportError, match="connection failed") as caught:
            send(server)
        assert nothing_sent(caught.value)


AFTER_SENDING: dict[str, Callable[[], Act]] = {
    "close after the request": faults.close_after_request,
    "reset after the request": faults.reset_after_request,
    "headers cut": faults.cut_headers,
    "body cut": lambda: faults.cut_body(b"12345", 10),
    "chunks cut": lambda: faults.cut_chunks(b"12345"),
    "chunk cut": lambda: faults.raw(
        faults.head("200 OK", [("Transfer-Encoding", "chunked")]) + b"20\r\n12345", close=True
    ),
    "no last chunk's end": lambda: faults.raw(
        faults.head("200 OK", [("Transfer-Encoding", "chunked")]) + b"0\r\n", close=True
    ),
    "length too long": lambda: faults.stated_length("10", b"12345"),
    "gzip cut": lambda: faults.respond(
        gzip.compress(os.urandom(1000))[:-9], headers=[("Content-Encoding", "gzip")]
    ),
}
BEFORE_SENDING: dict[str, Callable[[], Act]] = {
    "close at once": faults.close_at_once,
    "reset at once": faults.reset_at_once,
}
NOT_HTTP: dict[str, Callable[[], Act]] = {
    "garbage": faults.garbage,
    "http 2": lambda: faults.raw(b"HTTP/2 200 OK\r\n\r\n", close=True),
    "status 999": lambda: faults.respond(status="999 Odd"),
    "status 12": lambda: faults.respond(status="12 Odd"),
    "endless interim responses": faults.endless_interim,
    "switching": lambda: faults.respond(b"", "101 Switching Protocols"),
    "length negative": lambda: faults.stated_length("-5", b"12345"),
    "length nonsense": lambda: faults.stated_length("five", b"12345"),
    "length empty": lambda: faults.stated_length("", b"12345"),
    "length underscore": lambda: faults.stated_length("1_0", b"1234567890"),
    "lengths differ": lambda: faults.stated_length("5, 6", b"12345"),
    "length and chunks": lambda: faults.chunked(b"abc", headers=[("Content-Length", "3")]),
    "unknown transfer coding": lambda: faults.respond(headers=[("Transfer-Encoding", "gzip")]),
    "two transfer codings": lambda: faults.chunked(b"a", headers=[("Transfer-Encoding", "gzip")]),
    "not a header": lambda: faults.raw(b"HTTP/1.1 200 OK\r\nA: b\r\nnonsense\r\nC: d\r\n\r\n"),
    "folded at once": lambda: faults.raw(b"HTTP/1.1 200 OK\r\n  folded\r\nC: d\r\n\r\n"),
    "chunk size negative": lambda: faults.endless_chunks(b"-1\r\n" + b"z" * 10_000),
    "chunk size below -1": lambda: faults.endless_chunks(b"-5\r\nzzzzz\r\n"),
    "gzip garbage": lambda: faults.respond(b"no gzip", headers=[("Content-Encoding", "gzip")]),
    "gzip trailer": lambda: faults.respond(
        gzip.compress(b"x") + b"trailing", headers=[("Content-Encoding", "gzip")]
    ),
    "unknown coding": lambda: faults.respond(b"x", headers=[("Content-Encoding", "br")]),
}
TOO_LARGE: dict[str, Callable[[], Act]] = {
    "length": lambda: faults.stated_length(str(MIB + 1), b"x"),
    "length huge": lambda: faults.stated_length("9" * 18, b"x"),
    "endless body": faults.endless_body,
    "endless chunks": faults.endless_chunks,
    "endless small chunks": lambda: faults.endless_chunks(b"1;" + b"e" * 5000 + b"\r\nz\r\n"),
    "endless chunk size": lambda: faults.endless_chunks(b"1"),
    "endless chunk": lambda: faults.endless_body(
        [("Transfer-Encoding", "chunked")], b"f" * 15 + b"\r\n" + b"z" * 100_000
    ),
    "endless gzip": lambda: faults.endless_body(
        [("Content-Encoding", "gzip")], gzip.compress(os.urandom(1000))
    ),
    "header flood": faults.header_flood,
    "101 headers": lambda: faults.respond(headers=[(f"X-{i}", "y") for i in range(101)]),
    "long header": faults.long_header,
    "bomb": lambda: faults.bomb(16 * MIB),
    "deflate bomb": lambda: faults.bomb(16 * MIB, "deflate"),
}
SLOW: dict[str, Callable[[], Act]] = {
    "never responds": faults.hang,
    "stops after the status line": lambda: faults.hang(b"HTTP/1.1 200 OK\r\n"),
    "stops in the headers": faults.hang_in_headers,
    "stops in the body": faults.hang_in_body,
    "stops in a chunk": lambda: faults.hang(
        faults.head("200 OK", [("Transfer-Encoding", "chunked")]) + b"5\r\nab"
    ),
    "drips headers": lambda: faults.drip_headers(0.1),
    "drips the body": lambda: faults.drip_body(0.1),
}


@pytest.mark.parametrize("fault", AFTER_SENDING)
def test_a_response_that_is_not_complete(fault: str) -> None:
    with pytest.raises(TransportError) as caught:
        serve(AFTER_SENDING[fault]())
    assert type(caught.value) is TransportError
    assert caught.value.sent
    assert "The request was sent." in str(caught.value)


@pytest.mark.parametrize("fault", BEFORE_SENDING)
def test_a_request_may_have_arrived_on_a_connection_that_ended_before_it_was_read(
    fault: str,
) -> None:
    # The bytes went to the system before the end was received: whether they arrived is unknown.
    with pytest.raises(TransportError):
        serve(BEFORE_SENDING[fault]())


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (faults.close_after_request(), "without a response"),
        (faults.reset_after_request(), "reset by peer"),
        (faults.cut_headers(), "middle of the response's headers"),
        (faults.cut_body(b"12345", 10), "only 5 of 10 bytes"),
        (faults.cut_chunks(b"12345"), "cut off after"),
        (AFTER_SENDING["gzip cut"](), r"only \d+ of \d+ bytes|cut off"),
    ],
)
def test_the_message_says_what_arrived(act: Act, said: str) -> None:
    with pytest.raises(TransportError, match=said):
        serve(act)


@pytest.mark.parametrize("fault", NOT_HTTP)
def test_a_response_that_is_not_http(fault: str) -> None:
    with pytest.raises(ProtocolError, match=r"GET /v0\.3\.0/thing at http://127\.0\.0\.1:"):
        serve(NOT_HTTP[fault]())


@pytest.mark.parametrize("fault", TOO_LARGE)
def test_a_response_that_is_too_large(fault: str) -> None:
    with pytest.raises(AnswerTooLarge, match=r"larger than allowed|too many headers") as caught:
        serve(TOO_LARGE[fault]())
    assert caught.value.sent


@pytest.mark.parametrize("fault", ["bomb", "endless body", "endless chunks", "endless gzip"])
def test_memory_is_bounded_whatever_comes(fault: str) -> None:
    cap = 8 * MIB
    with FaultServer(TOO_LARGE[fault]()) as server:
        tracemalloc.start()
        try:
            with pytest.raises(AnswerTooLarge):
                send(server, max_body_bytes=cap)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 2 * cap + 4 * MIB


def test_a_body_of_just_the_size_allowed() -> None:
    body = bytes(MIB)
    assert serve(faults.respond(body), max_body_bytes=MIB).body == body
    assert serve(faults.chunked(body), max_body_bytes=MIB).body == body
    assert serve(faults.bomb(MIB), max_body_bytes=MIB).body == body
    with pytest.raises(AnswerTooLarge):
        serve(faults.bomb(MIB + 1), max_body_bytes=MIB)


@pytest.mark.parametrize(("kib", "is_allowed"), [(2900, True), (3300, False)])
def test_what_is_sent_around_a_body_is_bounded_too(kib: int, is_allowed: bool) -> None:
    """Twice the size allowed for the body, and a mebibyte; here of chunks with extensions."""
    chunk = b"1;" + b"x" * 1018 + b"\r\nb\r\n"
    act = faults.raw(
        faults.head("200 OK", [("Transfer-Encoding", "chunked")]) + chunk * kib + b"0\r\n\r\n"
    )
    if is_allowed:
        assert serve(act, max_body_bytes=MIB).body == b"b" * kib
        return
    with pytest.raises(AnswerTooLarge):
        serve(act, max_body_bytes=MIB)


def test_a_bomb_inside_a_bomb_is_refused() -> None:
    with pytest.raises(ProtocolError, match="not requested"):
        serve(faults.bomb(16 * MIB, "gzip, gzip"))


# --- time


def test_the_deadline_holds_whatever_the_server_does() -> None:
    at_the_same_time(assert_the_deadline_holds, SLOW)


def assert_the_deadline_holds(fault: str) -> None:
    started = time.monotonic()
    with pytest.raises(RequestTimeout, match=r"within 0\.5 s") as caught:
        serve(SLOW[fault](), timeout_seconds=0.5)
    elapsed = time.monotonic() - started
    assert 0.4 < elapsed < GENEROUS
    assert caught.value.sent


def test_the_deadline_holds_for_an_upload_that_nobody_reads() -> None:
    with FaultServer(faults.hang_at_connect()) as server:
        started = time.monotonic()
        request = Request(method="POST", path="/", body=bytes(64 * MIB))
        with pytest.raises(RequestTimeout) as caught:
            send(server, request, timeout_seconds=0.5)
        assert time.monotonic() - started < GENEROUS
        assert caught.value.sent


def test_silence_is_bounded_by_itself() -> None:
    started = time.monotonic()
    with pytest.raises(RequestTimeout, match=r"silent for 0\.3 s.*read_timeout_seconds"):
        serve(faults.hang_in_body(), read_timeout_seconds=0.3)
    assert time.monotonic() - started < GENEROUS


def test_a_drip_is_not_silence() -> None:
    slow = faults.whole(b"x" * 5)

    def run(connection: faults.Connection, _: faults.Received | None) -> None:
        for start in range(0, len(slow), 8):
            connection.pause(0.1)
            connection.send(slow[start : start + 8])

    assert serve(Act(run), read_timeout_seconds=2.0).body == b"xxxxx"


def test_without_time_nothing_is_sent() -> None:
    with FaultServer() as server:
        with pytest.raises(RequestTimeout) as caught:
            send(server, timeout_seconds=0)
        assert nothing_sent(caught.value)
        assert server.connections == 0


@pytest.mark.parametrize("timeout", [-1.0, float("nan")])
def test_what_is_no_time_is_refused(timeout: float) -> None:
    with FaultServer() as server:
        with pytest.raises(InvalidRequest, match="timeout_seconds: must be a number"):
            send(server, timeout_seconds=timeout)
        assert server.connections == 0


def test_without_a_limit() -> None:
    assert serve(faults.respond(b"ok"), timeout_seconds=float("inf")).body == b"ok"


def test_connecting_is_bounded() -> None:
    # A listener whose queue is full lets further connections wait.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(address)
            waiting.append(sock)
        try:
            origin = f"http://127.0.0.1:{address[1]}"
            for options, timeout, said in (
                ({"connect_timeout_seconds": 0.3}, PATIENT, r"no connection within 0\.3 s.*raise"),
                ({}, 0.3, r"no connection within 0\.3 s\..*Allow more time"),
            ):
                started = time.monotonic()
                with (
                    HttpTransport(origin=origin, **options) as transport,  # type: ignore[arg-type]
                    pytest.raises(RequestTimeout, match=said) as caught,
                ):
                    transport.send(get(), timeout_seconds=timeout)
                assert time.monotonic() - started < GENEROUS
                assert nothing_sent(caught.value)
        finally:
            for sock in waiting:
                sock.close()


def test_waiting_for_a_free_connection_is_bounded() -> None:
    with FaultServer(faults.hang()) as server:
        transport = HttpTransport(origin=server.origin, max_connections=1)
        with ThreadPoolExecutor(1) as other:
            first = other.submit(transport.send, get(), timeout_seconds=1.0)
            while not server.requests:
                time.sleep(0.01)
            with pytest.raises(RequestTimeout, match="all connections were busy") as caught:
                transport.send(get(), timeout_seconds=0.2)
            assert nothing_sent(caught.value)
            assert isinstance(first.exception(), RequestTimeout)
        transport.close()


def all_faults() -> dict[str, Callable[[], Act]]:
    return {**AFTER_SENDING, **BEFORE_SENDING, **NOT_HTTP, **TOO_LARGE, **SLOW}


@pytest.mark.parametrize("fault", all_faults())
def test_after_any_fault_the_next_request_gets_its_own_response(fault: str) -> None:
    with (
        FaultServer(all_faults()[fault](), then=faults.echo()) as server,
        HttpTransport(origin=server.origin, max_body_bytes=MIB, max_connections=1) as transport,
    ):
        with pytest.raises(SuperstaqServerException):
            transport.send(get("/a"), timeout_seconds=0.3 if fault in SLOW else PATIENT)
        assert transport.send(get("/b"), timeout_seconds=PATIENT).body == b"/b"


@pytest.mark.parametrize("where", ["plain", "TLS"])
@pytest.mark.parametrize("end", ["reads on", "closes", "resets", "stays"])
@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n"])
@pytest.mark.parametrize("read", [1000, 3 * MIB])
def test_an_early_refusal_of_a_large_upload_is_read(
    end: str, where: str, first: bytes, read: int, tls: Tls
) -> None:
    def refuse(connection: faults.Connection, _: faults.Received | None) -> None:
        if where == "TLS":
            connection.sock = tls.server.wrap_socket(connection.sock, server_side=True)
        received = 0
        while received < read:
            received += len(connection.sock.recv(1000))
        connection.send(first)
        connection.send(faults.whole(b"too much", "413 Content Too Large"))
        if end == "stays":
            connection.hang()
        elif end == "reads on":
            connection.close()
            connection.pause(0.3)
            while connection.sock.recv(MIB):  # closing over unread data would be a reset
                pass
        elif end == "resets":
            connection.pause(0.3)
            connection.reset()
        connection.close()

    if where == "TLS" and end != "stays":
        pytest.skip("the end of a TLS connection that is not read is another fault")
    secure = tls.server if where == "TLS" else None
    with (
        FaultServer(Act(refuse, at_connect=True), tls=secure) as server,
        HttpTransport(origin=server.origin, ca_certs=tls.bundle) as transport,
    ):
        request = Request(method="POST", path="/", body=bytes(16 * MIB))
        started = time.monotonic()
        assert transport.send(request, timeout_seconds=PATIENT).status == 413
        assert time.monotonic() - started < GENEROUS


def test_what_comes_early_without_being_a_response_does_not_end_an_upload() -> None:
    """Interim responses, in pieces too."""

    def run(connection: faults.Connection, _: faults.Received | None) -> None:
        for piece in (b"HTT", b"P/1.1 1", b"02 Processing\r\n", b"a: b\r\n", b"\r\n"):
            connection.send(piece)
            connection.pause(0.05)
        request = connection.receive()
        assert request is not None
        connection.send(faults.whole(str(len(request.body)).encode()))

    with FaultServer(Act(run, at_connect=True)) as server:
        request = Request(method="POST", path="/", body=bytes(16 * MIB))
        assert send(server, request).body == str(16 * MIB).encode()


# --- settings


@pytest.mark.parametrize(
    "origin",
    [
        "example.com",
        "ftp://example.com",
        "https://",
        "https://example.com/path",
        "https://example.com/",
        "https://example.com?x=1",
        "https://example.com#x",
        "https://example.com:port",
        "https://example.com:99999",
        "https://[::1",
        "https://exa mple.com",
        "https://exa\nmple.com",
        "",
    ],
)
def test_an_invalid_origin(origin: str) -> None:
    with pytest.raises(ConfigurationError):
        HttpTransport(origin=origin)


def test_a_password_in_an_address_is_not_shown() -> None:
    for options in (
        {"origin": f"https://user:{CANARY}@example.com"},
        {"origin": "https://example.com", "proxy_url": f"socks5://user:{CANARY}@proxy"},
        {"origin": "https://example.com", "proxy_url": f"http://user:{CANARY}@proxy:x"},
    ):
        with pytest.raises(ConfigurationError) as caught:
            HttpTransport(**options)  # type: ignore[arg-type]
        assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:80", "http://localhost"]
)
def test_plain_http_to_this_machine(origin: str) -> None:
    HttpTransport(origin=origin).close()


@pytest.mark.parametrize(
    "origin",
    ["http://example.com", "http://10.0.0.1", "http://0.0.0.0", "http://localhost.example.com"],
)
def test_plain_http_to_others_only_if_allowed(origin: str) -> None:
    with pytest.raises(ConfigurationError, match="allow_insecure_http"):
        HttpTransport(origin=origin)
    HttpTransport(origin=origin, allow_insecure_http=True).close()


def test_plain_http_through_a_proxy_is_not_local() -> None:
    with pytest.raises(ConfigurationError, match="allow_insecure_http"):
        HttpTransport(origin="http://localhost", proxy_url="http://proxy.example.com:3128")


@pytest.mark.parametrize(
    "options",
    [
        {"connect_timeout_seconds": 0},
        {"read_timeout_seconds": -1},
        {"read_timeout_seconds": float("inf")},
        {"max_body_bytes": -1},
        {"max_connections": 0},
        {"ca_certs": "/nowhere/ca.pem"},
        {"proxy_url": "proxy:3128"},
    ],
)
def test_invalid_settings(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        HttpTransport(origin="https://example.com", **options)  # type: ignore[arg-type]


def test_a_closed_transport_says_so() -> None:
    with FaultServer() as server:
        transport = HttpTransport(origin=server.origin)
        transport.send(get(), timeout_seconds=PATIENT)
        transport.close()
        transport.close()
        with pytest.raises(ConfigurationError, match=r"has been closed\. Nothing of the request"):
            transport.send(get(), timeout_seconds=PATIENT)
        assert len(server.requests) == 1


def test_a_transport_is_not_pickled_or_copied() -> None:
    with HttpTransport(origin="https://example.com") as transport:
        with pytest.raises(TypeError):
            pickle.dumps(transport)
        with pytest.raises(TypeError):
            copy.deepcopy(transport)


# --- TLS


def test_a_trusted_certificate(tls: Tls) -> None:
    with FaultServer(then=faults.echo(), tls=tls.server) as server:
        with HttpTransport(origin=server.origin, ca_certs=tls.bundle) as transport:
            for path in ("/a", "/b"):
                response = transport.send(get(path), timeout_seconds=PATIENT)
                assert response.body == path.encode()
        assert server.connections == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("system", "TLS failed .*unable to get local issuer|self.signed"),
        ("stranger", "TLS failed .*"),
        ("elsewhere", "TLS failed .*mismatch.*127.0.0.1"),
    ],
)
def test_a_certificate_that_is_not_accepted(name: str, said: str, tls: Tls) -> None:
    contexts = {"system": tls.server, "stranger": tls.stranger, "elsewhere": tls.elsewhere}
    bundle = None if name == "system" else tls.bundle
    with FaultServer(tls=contexts[name]) as server:
        with (
            HttpTransport(origin=server.origin, ca_certs=bundle) as transport,
            pytest.raises(TlsError, match=said) as caught,
        ):
            transport.send(get(), timeout_seconds=PATIENT)
        assert nothing_sent(caught.value)
        assert server.requests == []


def test_a_server_that_does_not_speak_tls(tls: Tls) -> None:
    def greet(connection: faults.Connection, _: faults.Received | None) -> None:
        connection.send(b"220 smtp.example ESMTP\r\n" * 10)
        connection.hang()

    with (
        FaultServer(Act(greet, at_connect=True), tls=tls.server) as server,
        HttpTransport(origin=server.origin, ca_certs=tls.bundle) as transport,
        pytest.raises(TlsError) as caught,
    ):
        transport.send(get(), timeout_seconds=PATIENT)
    assert nothing_sent(caught.value)


@pytest.mark.parametrize("fault", [faults.close_at_once, faults.reset_at_once])
def test_a_connection_that_ends_in_the_handshake(fault: Callable[[], Act], tls: Tls) -> None:
    with (
        FaultServer(fault(), tls=tls.server) as server,
        HttpTransport(origin=server.origin, ca_certs=tls.bundle) as transport,
        pytest.raises(TransportError) as caught,
    ):
        transport.send(get(), timeout_seconds=PATIENT)
    assert type(caught.value) is TransportError
    assert nothing_sent(caught.value)


def test_the_handshake_is_bounded(tls: Tls) -> None:
    for options, timeout in (({"connect_timeout_seconds": 0.3}, PATIENT), ({}, 0.3)):
        started = time.monotonic()
        with (
            FaultServer(faults.hang_at_connect(), tls=tls.server) as server,
            HttpTransport(
                origin=server.origin,
                ca_certs=tls.bundle,
                **options,  # type: ignore[arg-type]
            ) as transport,
            pytest.raises(RequestTimeout, match="no connection") as caught,
        ):
            transport.send(get(), timeout_seconds=timeout)
        assert time.monotonic() - started < GENEROUS
        assert nothing_sent(caught.value)


def test_the_deadline_holds_over_tls(tls: Tls) -> None:
    def check(fault: str) -> None:
        with (
            FaultServer(SLOW[fault](), tls=tls.server) as server,
            HttpTransport(origin=server.origin, ca_certs=tls.bundle) as transport,
        ):
            started = time.monotonic()
            with pytest.raises(RequestTimeout):
                transport.send(get(), timeout_seconds=0.5)
            assert time.monotonic() - started < GENEROUS

    at_the_same_time(check, SLOW)


def test_a_large_upload_over_tls(tls: Tls) -> None:
    body = os.urandom(2 * MIB)
    with (
        FaultServer(faults.echo(), tls=tls.server) as server,
        HttpTransport(origin=server.origin, ca_certs=tls.bundle) as transport,
    ):
        request = Request(method="POST", path="/", body=body)
        assert transport.send(request, timeout_seconds=PATIENT).body == b"/" + body


# --- a proxy


def tunnel(to_port: int, status: str = "200 OK", *, drip_after: float = float("inf")) -> Act:
    """What a proxy does: accept a CONNECT, and pass bytes on.

    Args:
        to_port: Where they go.
        status: The response to CONNECT.
        drip_after: After how many bytes those that come back are passed on one by one.
    """

    def passes_on(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        assert request is not None
        connection.send(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if not status.startswith("200"):
            return connection.close()

        def comes_back(onward: socket.socket) -> None:
            left = drip_after
            with contextlib.suppress(OSError, faults.Stopped):
                while data := onward.recv(65536):
                    at_once = int(min(left, len(data)))
                    left -= at_once
                    connection.send(data[:at_once])
                    for byte in data[at_once:]:
                        connection.pause(0.1)
                        connection.send(bytes([byte]))
                connection.sock.shutdown(socket.SHUT_WR)

        with socket.create_connection(("127.0.0.1", to_port)) as onward:
            back = threading.Thread(target=comes_back, args=(onward,), daemon=True)
            back.start()
            passes_on(connection.sock, onward)
            back.join()
        return connection.close()

    return Act(run)


@pytest.mark.parametrize("secure_proxy", [False, True])
def test_https_through_a_proxy(secure_proxy: bool, tls: Tls) -> None:
    with FaultServer(then=faults.echo(), tls=tls.server) as server:
        proxy_tls = tls.server if secure_proxy else None
        with FaultServer(tunnel(server.port), tls=proxy_tls) as proxy:
            scheme = "https" if secure_proxy else "http"
            with HttpTransport(
                origin=server.origin,
                ca_certs=tls.bundle,
                proxy_url=f"{scheme}://us%20er:{CANARY}@127.0.0.1:{proxy.port}",
            ) as transport:
                assert CANARY not in repr(transport)
                for path in ("/a", "/b"):
                    response = transport.send(get(path), timeout_seconds=PATIENT)
                    assert response.body == path.encode()
            (request,) = proxy.requests
        assert server.requests[0].header("proxy-authorization") is None
    assert (request.method, request.target) == ("CONNECT", f"127.0.0.1:{server.port}")
    assert request.header("authorization") is None
    login = str(request.header("proxy-authorization")).removeprefix("Basic ")
    assert base64.b64decode(login).decode() == f"us er:{CANARY}"


def test_plain_http_through_a_proxy() -> None:
    with FaultServer(then=faults.echo()) as proxy:
        with HttpTransport(
            origin="http://somewhere.example.com:8080",
            proxy_url=f"http://127.0.0.1:{proxy.port}",
            allow_insecure_http=True,
        ) as transport:
            response = transport.send(get("/a"), timeout_seconds=PATIENT)
        assert response.body == b"http://somewhere.example.com:8080/a"
        assert proxy.requests[0].header("host") == "somewhere.example.com:8080"


PROXY_FAULTS: dict[str, Callable[[], Act]] = {
    "refuses": lambda: tunnel(1, f"407 {CANARY}"),
    "closes": faults.close_after_request,
    "resets": faults.reset_after_request,
    "drips": lambda: faults.drip_headers(0.1),
    "hangs": faults.hang,
    "is garbage": faults.garbage,
}


@pytest.mark.parametrize("fault", PROXY_FAULTS)
def test_a_proxy_that_fails_has_sent_nothing(fault: str, tls: Tls) -> None:
    with (
        FaultServer(PROXY_FAULTS[fault]()) as proxy,
        HttpTransport(
            origin="https://somewhere.example.com",
            ca_certs=tls.bundle,
            proxy_url=f"http://user:{CANARY}@127.0.0.1:{proxy.port}",
        ) as transport,
    ):
        started = time.monotonic()
        with pytest.raises(SuperstaqServerException) as caught:
            transport.send(get(), timeout_seconds=0.5)
        assert time.monotonic() - started < GENEROUS
    assert "Nothing of the request was sent." in str(caught.value)
    assert_no_canary(caught.value)
    if fault == "refuses":
        assert "refused with status 407" in str(caught.value)


HTTPS_PROXY_FAULTS: dict[str, Callable[[int], Act]] = {
    "hangs in the handshake": lambda _port: faults.hang_at_connect(),
    "hangs": lambda _port: faults.hang(),
    "drips": lambda _port: faults.drip_headers(0.1),
    "drips the server's handshake": lambda port: tunnel(port, drip_after=0),
    "refuses": lambda _port: tunnel(1, f"407 {CANARY}"),
}


@pytest.mark.parametrize("fault", HTTPS_PROXY_FAULTS)
def test_an_https_proxy_that_fails_has_sent_nothing(fault: str, tls: Tls) -> None:
    with (
        FaultServer(tls=tls.server) as server,
        FaultServer(HTTPS_PROXY_FAULTS[fault](server.port), tls=tls.server) as proxy,
        HttpTransport(
            origin=server.origin,
            ca_certs=tls.bundle,
            proxy_url=f"https://user:{CANARY}@127.0.0.1:{proxy.port}",
        ) as transport,
    ):
        started = time.monotonic()
        with pytest.raises(TransportError) as caught:
            transport.send(get(), timeout_seconds=0.5)
        assert time.monotonic() - started < GENEROUS
        assert isinstance(caught.value, RequestTimeout) is (fault != "refuses")
        assert server.requests == []
    assert nothing_sent(caught.value)
    assert_no_canary(caught.value)


def test_an_https_proxy_that_drips_a_response_is_bounded(tls: Tls) -> None:
    response = faults.respond(b"x" * 10_000)
    with (
        FaultServer(then=response, tls=tls.server) as server,
        # All of the handshakes passes quickly, and not all of the response.
        FaultServer(tunnel(server.port, drip_after=9_000), tls=tls.server) as proxy,
        HttpTransport(
            origin=server.origin,
            ca_certs=tls.bundle,
            proxy_url=f"https://127.0.0.1:{proxy.port}",
        ) as transport,
    ):
        started = time.monotonic()
        with pytest.raises(RequestTimeout, match=r"within 0\.7 s") as caught:
            transport.send(get(), timeout_seconds=0.7)
        assert time.monotonic() - started < GENEROUS
        assert caught.value.sent


@pytest.mark.parametrize("through", ["http://", "https://"])
def test_a_response_through_a_proxy_may_end_with_its_connection(through: str, tls: Tls) -> None:
    closes = faults.raw(faults.head("200 OK", [("Connection", "close")]) + b"body", close=True)
    with (
        FaultServer(then=closes, tls=tls.server) as server,
        FaultServer(
            then=tunnel(server.port), tls=tls.server if through == "https://" else None
        ) as proxy,
        HttpTransport(
            origin=server.origin,
            ca_certs=tls.bundle,
            proxy_url=f"{through}127.0.0.1:{proxy.port}",
        ) as transport,
    ):
        for _ in range(2):
            assert transport.send(get(), timeout_seconds=PATIENT).body == b"body"


# --- secrets


@pytest.mark.parametrize("fault", [*all_faults(), "refused", "closed", "echoes the key"])
def test_the_key_is_in_nothing_that_can_be_seen(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def echoes(connection: faults.Connection, request: faults.Received | None) -> None:
        assert request is not None
        connection.send(f"{request.header('authorization')} 200 OK\r\n\r\n".encode())
        connection.close()

    act = all_faults()[fault]() if fault in all_faults() else Act(echoes)
    with FaultServer(act) as server:
        port = faults.closed_port() if fault == "refused" else server.port
        transport = HttpTransport(origin=f"http://127.0.0.1:{port}", max_body_bytes=MIB)
        if fault == "closed":
            transport.close()
        with pytest.raises((SuperstaqServerException, ConfigurationError)) as caught:
            transport.send(get(), timeout_seconds=0.3 if fault in SLOW else PATIENT)
        transport.close()
    error = caught.value
    assert_no_canary(error)
    assert error.__context__ is None
    assert error.__cause__ is None
    assert CANARY not in repr(transport)
    assert CANARY not in caplog.text
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)


def test_the_context_of_the_caller_is_kept() -> None:
    own = LookupError("the caller's own")

    def handles(transport: HttpTransport) -> None:
        try:
            raise own
        except LookupError:
            transport.send(get(), timeout_seconds=PATIENT)

    transport = HttpTransport(origin=f"http://127.0.0.1:{faults.closed_port()}")
    with transport, pytest.raises(TransportError) as caught:
        handles(transport)
    assert caught.value.__context__ is own


def test_an_error_leaves_no_cycle_of_frames() -> None:
    with HttpTransport(origin=f"http://127.0.0.1:{faults.closed_port()}") as transport:
        gc.collect()
        before = {id(x) for x in gc.get_objects() if isinstance(x, TransportError)}
        gc.disable()
        try:
            for _ in range(3):
                with pytest.raises(TransportError) as caught:
                    transport.send(get(), timeout_seconds=PATIENT)
                del caught
        finally:
            gc.enable()
        errors = [x for x in gc.get_objects() if isinstance(x, TransportError)]
        leaked = [x for x in errors if id(x) not in before]
    assert len(leaked) <= 3


class Leaps(SystemClock):
    """A clock on which a deadline passes after its n-th reading."""

    __slots__ = ("left",)

    def __init__(self, after: int) -> None:
        self.left = after

    def now(self) -> float:
        self.left -= 1
        return 0.0 if self.left >= 0 else 100.0


@pytest.mark.parametrize("reading", range(1, 25))
def test_a_deadline_that_passes_at_any_moment_is_reported_as_one(reading: int) -> None:
    with (
        FaultServer(then=faults.respond(b"{}")) as server,
        HttpTransport(origin=server.origin, clock=Leaps(reading)) as transport,
    ):
        try:
            response = transport.send(get("/a"), timeout_seconds=10)
        except RequestTimeout:
            return
        assert response.body == b"{}"


PROGRAM = """
import sys
import superstaq_jobs as sj
policy = sj.RetryPolicy(max_attempts=1)
client = sj.SuperstaqClient("key", "http://127.0.0.1:9", retry_policy=policy)
try:
    sj.fetch_targets(client)
except sj.TransportError:
    sys.modules_until_the_end = dict(sys.modules)  # their names are gone before the client
"""


def test_a_client_that_is_never_closed_says_nothing_when_python_ends():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
