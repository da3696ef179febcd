"""What HttpTransport writes on the wire, and how long it waits for the next byte."""

from __future__ import annotations

import base64
import socket

import faults
import pytest
from faults import Act, FaultServer

from superstaq_jobs.transport import HttpTransport
from superstaq_jobs.wire.request import Request, Secret

PATIENT = 30.0


def sent(request: Request, **options: object) -> faults.Received:
    with FaultServer() as server:
        with HttpTransport(origin=server.origin, **options) as transport:  # type: ignore[arg-type]
            transport.send(request, timeout_seconds=PATIENT)
        return server.requests[0]


def test_a_get_has_host_accept_encoding_and_its_own_headers_only() -> None:
    received = sent(Request(method="GET", path="/a?b=c", headers=[("A", "1"), ("B", Secret("2"))]))
    names = [name for name, _ in received.headers]
    assert names == ["host", "accept-encoding", "a", "b"]
    assert received.header("host").startswith("127.0.0.1:")  # type: ignore[union-attr]
    assert received.header("b") == "2"


def test_a_request_may_name_its_host_and_what_it_accepts() -> None:
    given = [("host", "other.example.com"), ("ACCEPT-ENCODING", "identity")]
    received = sent(Request(method="GET", path="/", headers=given))
    assert received.headers == (
        ("host", "other.example.com"),
        ("accept-encoding", "identity"),
    )


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", None, None),
        ("GET", b"", "0"),
        ("POST", None, "0"),
        ("PUT", None, "0"),
        ("POST", b"", "0"),
        ("POST", b"12345", "5"),
        ("DELETE", None, None),
    ],
)
def test_the_length_is_sent_where_a_body_is_expected(
    method: str, body: bytes | None, length: str | None
) -> None:
    received = sent(Request(method=method, path="/", body=body))
    assert received.header("content-length") == length
    assert received.body == (body or b"")


def test_the_login_of_a_proxy_goes_with_each_plain_request_that_it_forwards() -> None:
    with FaultServer(then=faults.echo()) as proxy:
        with HttpTransport(
            origin="http://somewhere.example.com",
            proxy_url=f"http://ada:secret@127.0.0.1:{proxy.port}",
            allow_insecure_http=True,
        ) as transport:
            for path in ("/a", "/b"):
                request = Request(method="GET", path=path, headers=[("X-Two", "1"), ("X-Two", "2")])
                transport.send(request, timeout_seconds=PATIENT)
        received = proxy.requests
    for request in received:
        assert request.header("host") == "somewhere.example.com"
        assert [value for name, value in request.headers if name == "x-two"] == ["1", "2"]
        login = str(request.header("proxy-authorization")).removeprefix("Basic ")
        assert base64.b64decode(login) == b"ada:secret"


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        ("http://127.0.0.1", "127.0.0.1"),
        ("http://somewhere.example.com:80", "somewhere.example.com"),
        ("http://Somewhere.example.com:8080", "somewhere.example.com:8080"),
        ("http://b\u00fccher.example.com", "xn--bcher-kva.example.com"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://[fe80::1%25eth0]", "[fe80::1]"),
    ],
)
def test_the_host_is_named_as_in_an_address(
    origin: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer() as server:
        found = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", server.port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: [found])
        with HttpTransport(origin=origin, allow_insecure_http=True) as transport:
            transport.send(Request(method="GET", path="/"), timeout_seconds=PATIENT)
        assert server.requests[0].header("host") == named


def test_each_request_on_a_connection_has_its_own_limits() -> None:
    # A timeout that the socket kept from the request before would be 30 s, or none.
    def stall(connection: faults.Connection, _: faults.Received | None) -> None:
        connection.send(faults.head("200 OK", [("Content-Length", "5")]))
        connection.hang()

    with (
        FaultServer(faults.echo(), Act(stall)) as server,
        HttpTransport(origin=server.origin) as transport,
    ):
        request = Request(method="GET", path="/a")
        assert transport.send(request, timeout_seconds=PATIENT).body == b"/a"
        with pytest.raises(TimeoutError, match=r"within 0\.3 s"):
            transport.send(request, timeout_seconds=0.3)
        assert [received.connection for received in server.requests] == [0, 0]
