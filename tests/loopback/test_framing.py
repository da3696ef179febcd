"""Where a response ends: what HttpTransport reads, and what it refuses because it is in doubt."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator

import faults
import pytest
from faults import Act, FaultServer
from hypothesis import example, given
from hypothesis import strategies as st

from superstaq_jobs.errors import AnswerTooLarge, ProtocolError, TransportError
from superstaq_jobs.transport import HttpTransport
from superstaq_jobs.wire.request import Request, Response

PATIENT = 30.0
BUFFER_BYTES = 64 * 1024

Receive = Callable[..., Response]


@pytest.fixture(scope="module")
def receive() -> Iterator[Receive]:
    """Sends a request to a server that sends these bytes, in pieces, and closes the connection."""
    pieces: list[bytes] = []

    def run(connection: faults.Connection, _: faults.Received | None) -> None:
        for piece in pieces:
            connection.send(piece)
        connection.close()

    with FaultServer(then=Act(run)) as server:

        def received(data: bytes, *sizes: int, method: str = "GET") -> Response:
            pieces[:] = cut(data, sizes or (len(data) + 1,))
            with HttpTransport(origin=server.origin) as transport:
                return transport.send(Request(method=method, path="/"), timeout_seconds=PATIENT)

        yield received


def cut(data: bytes, sizes: tuple[int, ...]) -> Iterator[bytes]:
    number = start = 0
    while start < len(data):
        size = sizes[number % len(sizes)] if number < 100 else len(data)
        yield data[start : start + size]
        start += size
        number += 1


def whole(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1") + body


SIZES = st.lists(st.integers(1, 7) | st.sampled_from([100, BUFFER_BYTES]), min_size=1, max_size=4)
NAMES = st.from_regex(r"X-[A-Za-z0-9!#$%&'*+.^_|~-]{0,9}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=9)
LONG = b"x" * (BUFFER_BYTES + 1000)
BODIES = st.binary(max_size=40) | st.sampled_from([LONG, b"HTTP/1.1 200 OK\r\n\r\n"])


@st.composite
def responses(draw):
    """A good response of any framing, as bytes, and what it says: status, headers and body."""
    body = draw(BODIES)
    status = draw(st.sampled_from([200, 201, 302, 404, 503, 599]))
    headers = draw(st.lists(st.tuples(NAMES, VALUES), max_size=20))
    framing = draw(st.sampled_from(["length", "chunks", "close"]))
    coded = body
    if framing == "length":
        headers.insert(draw(st.integers(0, len(headers))), ("Content-Length", str(len(body))))
    elif framing == "chunks":
        headers.insert(draw(st.integers(0, len(headers))), ("Transfer-Encoding", "chunked"))
        size = draw(st.integers(1, max(1, len(body))))
        parts = [body[start : start + size] for start in range(0, len(body), size)][:50]
        body = b"".join(parts)
        extension = draw(st.sampled_from([b"", b";a=b", b" ;c"]))
        coded = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
        coded += b"0\r\n" + draw(st.sampled_from([b"", b"Trailer: x\r\n"])) + b"\r\n"
    end = draw(st.sampled_from(["\r\n", "\n"]))
    lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in headers), "", ""]
    said = status, tuple((name.lower(), value) for name, value in headers), body
    return end.join(lines).encode("latin-1") + coded, said


@given(responses(), SIZES)
def test_a_good_response_is_read_as_it_is_however_its_bytes_arrive(receive, response, sizes):
    data, said = response
    got = receive(data, *sizes)
    assert (got.status, got.headers, got.body) == said


@given(responses(), st.data())
def test_a_response_that_is_cut_anywhere_is_never_taken_for_a_complete_one(receive, response, data):
    complete, (_, headers, body) = response
    end = data.draw(st.integers(0, len(complete) - 1))
    try:
        got = receive(complete[:end], 5, BUFFER_BYTES)
    except TransportError:
        return
    # Only one that ends with its connection can be cut without notice.
    assert not {"content-length", "transfer-encoding"} & {name for name, _ in headers}
    assert body.startswith(got.body)


@given(st.binary(max_size=200).map(lambda data: b"HTTP/1.1 200 OK\r\n" + data) | st.binary())
@example(b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello")
@example(b"HTTP/1.1 200 OK\r\n: 5\r\n\r\n")
def test_any_bytes_are_a_response_or_refused(receive, data):
    said = ""
    try:
        assert isinstance(receive(data), Response)
    except (ProtocolError, TransportError) as error:
        said = str(error)
    assert "unexpected" not in said


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length : 5",
        ": no name",
        "A B: c",
        "\u00e9: c",
        "From the parser's own: 5",
        "Content-Length: +5",
        "Content-Length: 5, 05",
        "Content-Length: 5, 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 05",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: xchunked",
        "Content-Length: 5\r\nContent-Encoding: gzip, gzip",
    ],
)
def test_a_head_that_can_be_read_in_two_ways_is_refused(receive, head):
    with pytest.raises(ProtocolError):
        receive(whole(head, body=b"hello"))


@pytest.mark.parametrize(
    "line", ["HTTP/1.1 200OK", "HTTP/1.1", "http/1.1 200 OK", "", "HTTP/2 200"]
)
def test_a_line_that_is_not_a_status_line_is_refused(receive, line):
    with pytest.raises(ProtocolError):
        receive(f"{line}\r\nContent-Length: 0\r\n\r\n".encode())


@pytest.mark.parametrize(
    "chunk", [b"5_\r\nhello", b"\r\nhello", b"5\r\nhelloxx", b"-5\r\nhello", b"-1\r\nhello", b"g"]
)
def test_a_chunk_without_a_valid_size_is_refused(receive, chunk):
    with pytest.raises(ProtocolError):
        receive(whole("Transfer-Encoding: chunked", body=chunk + b"\r\n0\r\n\r\n"))


@pytest.mark.parametrize("value", ["chunked ", "chunked\t", "\r\n chunked", "Chunked "])
def test_a_space_beside_the_transfer_coding_changes_nothing(receive, value):
    head = whole(f"Transfer-Encoding: {value}")
    assert receive(head + b"5\r\nhello\r\n0\r\n\r\n").body == b"hello"
    with pytest.raises(TransportError):
        receive(head + b"5\r\nhel")


def test_the_same_length_twice_is_one(receive):
    assert receive(whole("Content-Length: 5", "Content-Length: 5", body=b"hello")).body == b"hello"


def test_a_line_of_the_head_may_be_64_kb_long_and_no_longer(receive):
    value = "x" * 60_000
    response = receive(whole(f"A: {value}", f"B: {value}", "Content-Length: 0"), 1000)
    assert [len(text) for _, text in response.headers] == [60_000, 60_000, 1]
    with pytest.raises(AnswerTooLarge):
        receive(whole("A: " + "x" * BUFFER_BYTES, "Content-Length: 0"))


@pytest.mark.parametrize("status", [100, 102, 103])
def test_interim_responses_arrive_in_the_same_piece(receive, status):
    interim = f"HTTP/1.1 {status} Wait\r\nLink: </x>\r\n\r\n".encode()
    response = receive(interim * 3 + whole("Content-Length: 2", body=b"ok"))
    assert (response.status, response.body) == (200, b"ok")
    with pytest.raises(TransportError):
        receive(interim)


def test_a_response_to_head_has_no_body_whatever_its_headers_say(receive):
    for header in ("Content-Length: 5", "Transfer-Encoding: chunked"):
        assert receive(whole(header), method="HEAD").body == b""


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("header", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_status_without_a_body_has_none_whatever_its_headers_say(receive, status, header):
    response = receive(f"HTTP/1.1 {status} None\r\n{header}\r\n\r\n".encode())
    assert (response.status, response.body) == (status, b"")


@given(st.binary(max_size=300), SIZES)
def test_a_compressed_body_is_the_same_however_it_arrives(receive, body, sizes):
    coded = gzip.compress(body)
    for framing in (f"Content-Length: {len(coded)}", "Connection: close"):
        data = whole(framing, "Content-Encoding: gzip", body=coded)
        assert receive(data, *sizes).body == body


def test_an_empty_body_may_be_said_to_be_compressed_in_any_way(receive):
    assert receive(whole("Content-Length: 0", "Content-Encoding: br")).body == b""
