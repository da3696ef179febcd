"""The parser of answers, over a socket that hands out bytes in pieces of any size."""

from __future__ import annotations

import gzip
import http.client
import io
import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from superstaq_jobs.transport.answers import BUFFER_BYTES, Answer
from superstaq_jobs.transport.limits import Attempt, BadAnswer, CutAnswer, TooLarge
from superstaq_jobs.wire.request import Request

LIMIT = 10_000_000


class Pieces:
    """A socket from which at most so many bytes come at once, and then its end."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self.stream = io.BytesIO(data)
        self.sizes = sizes
        self.calls = 0

    def recv_into(self, buffer: memoryview) -> int:
        size = self.sizes[self.calls % len(self.sizes)]
        self.calls += 1
        assert len(buffer) > 0
        return self.stream.readinto(buffer[:size])


class Pool:
    """Takes a connection back."""

    def __init__(self) -> None:
        self.closed = False
        self.returned = 0

    def close(self) -> None:
        self.closed = True

    def _put_conn(self, connection: object) -> None:
        assert connection is self
        self.returned += 1


def received(data: bytes, *sizes: int, method: str = "GET") -> tuple[Answer, bytes, bool]:
    """The answer, its body, and whether its connection would be used again."""
    attempt = Attempt(
        request=Request(method=method, path="/"),
        timeout_seconds=math.inf,
        connect_timeout_seconds=1.0,
        read_timeout_seconds=1.0,
        clock=lambda: 0.0,
    )
    sock = Pieces(data, list(sizes) or [BUFFER_BYTES])
    view = memoryview(bytearray(BUFFER_BYTES))
    answer = Answer(sock, view, attempt, method=method)  # type: ignore[arg-type]
    pool = Pool()
    answer._pool = answer._connection = pool
    try:
        body = answer.body(max_bytes=LIMIT)
    finally:
        answer.release()
    assert pool.returned == 1
    return answer, body, not pool.closed


def whole(*lines: str, body: bytes = b"") -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1") + body


class Oracle:
    """What http.client needs of a socket."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def by_http_client(data: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    answer = http.client.HTTPResponse(Oracle(data))  # type: ignore[arg-type]
    answer.begin()
    folds = re.compile(r"\r?\n[ \t]+")
    headers = [(name.lower(), folds.sub(" ", value).strip()) for name, value in answer.getheaders()]
    return answer.status, headers, answer.read()


SIZES = st.lists(st.integers(1, 7) | st.sampled_from([100, BUFFER_BYTES]), min_size=1, max_size=4)
NAMES = st.from_regex(r"X-[A-Za-z0-9!#$%&'*+.^_|~-]{0,9}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=9)
LONG = b"x" * (BUFFER_BYTES + 1000)
BODIES = st.binary(max_size=40) | st.sampled_from([LONG, b"HTTP/1.1 200 OK\r\n\r\n"])


@st.composite
def answers(draw):
    """An answer of any framing, as bytes, with its body."""
    body = draw(BODIES)
    status = draw(st.sampled_from([200, 201, 302, 404, 503, 599]))
    headers = [f"{name}: {value}" for name, value in draw(st.lists(st.tuples(NAMES, VALUES)))]
    framing = draw(st.sampled_from(["length", "chunks", "close"]))
    if framing == "length":
        headers.insert(draw(st.integers(0, len(headers))), f"Content-Length: {len(body)}")
        coded = body
    elif framing == "chunks":
        headers.insert(draw(st.integers(0, len(headers))), "Transfer-Encoding: chunked")
        cut = draw(st.integers(1, max(1, len(body))))
        parts = [body[start : start + cut] for start in range(0, len(body), cut)][:50]
        body = b"".join(parts)
        extension = draw(st.sampled_from([b"", b";a=b", b" ;c"]))
        coded = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
        coded += b"0\r\n" + draw(st.sampled_from([b"", b"Trailer: x\r\n"])) + b"\r\n"
    else:
        coded = body
    end = draw(st.sampled_from(["\r\n", "\n"]))
    head = end.join([f"HTTP/1.1 {status} Reason", *headers, "", ""]).encode("latin-1")
    return head + coded, body


@given(answers(), SIZES)
def test_a_good_answer_is_read_as_http_client_reads_it_however_its_bytes_come(answer, sizes):
    data, body = answer
    got, got_body, _ = received(data, *sizes)
    assert (got.status, list(got.fields), got_body) == by_http_client(data)
    assert got_body == body


@given(answers(), st.data())
def test_an_answer_that_is_cut_anywhere_is_never_taken_for_a_whole_one(answer, data):
    whole_answer, body = answer
    cut = data.draw(st.integers(0, len(whole_answer) - 1))
    try:
        _, got, reusable = received(whole_answer[:cut], 5, BUFFER_BYTES)
    except (CutAnswer, http.client.RemoteDisconnected):
        return
    # Only one that has no other end than that of its connection can be cut unseen.
    assert not reusable
    assert b"content-length" not in whole_answer.lower()
    assert body.startswith(got)


@given(st.binary(max_size=200).map(lambda data: b"HTTP/1.1 200 OK\r\n" + data), SIZES)
@example(b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", [3])
@example(b"HTTP/1.1 200 OK\r\n: 5\r\n\r\n", [3])
def test_any_bytes_are_an_answer_or_refused_the_same_however_they_come(data, sizes):
    def outcome(*sizes: int) -> object:
        try:
            answer, body, _ = received(data, *sizes)
        except http.client.HTTPException as error:
            return type(error)
        # Whether more than the answer has come is a matter of time.
        return answer.status, answer.fields, body

    assert outcome(*sizes) == outcome(BUFFER_BYTES)


@pytest.mark.parametrize(
    "head",
    [
        "A: b\rContent-Length: 0",
        "A: b\0c",
        "A: b\r",
        "Content-Length : 5",
        ": no name",
        "A B: c",
        "\u00e9: c",
        "Content-Length: +5",
        "Content-Length: 5, 05",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: xchunked",
    ],
)
def test_a_head_that_can_be_read_in_two_ways_is_refused(head):
    with pytest.raises(BadAnswer):
        received(whole(head, body=b"hello"))


@pytest.mark.parametrize(
    "line",
    ["HTTP/1.1 200OK", "HTTP/1.1", "HTTP/1. 200 OK", "HTTP/1.11 200 OK", "http/1.1 200 OK", ""],
)
def test_a_status_line_that_is_none_is_refused(line):
    with pytest.raises(BadAnswer):
        received(f"{line}\r\nContent-Length: 0\r\n\r\n".encode())


@pytest.mark.parametrize(
    "chunk", [b"0x5\r\nhello", b"+5\r\nhello", b"5_\r\nhello", b"\r\nhello", b"5\r\nhelloxx", b" 5"]
)
def test_a_chunk_whose_size_can_be_read_in_two_ways_is_refused(chunk):
    with pytest.raises(BadAnswer):
        received(whole("Transfer-Encoding: chunked", body=chunk + b"\r\n0\r\n\r\n"))


def test_the_same_length_twice_is_one():
    _, body, reusable = received(
        whole("Content-Length: 5, 5", "Content-Length: 5", body=b"hello"), 4
    )
    assert (body, reusable) == (b"hello", True)


def test_a_head_longer_than_the_buffer_is_refused_and_one_that_just_fits_is_not():
    rest = len(whole("A: ", "Content-Length: 0"))
    answer, _, _ = received(whole("A: " + "x" * (BUFFER_BYTES - rest), "Content-Length: 0"), 1000)
    assert len(answer.fields[0][1]) == BUFFER_BYTES - rest
    with pytest.raises(TooLarge):
        received(whole("A: " + "x" * BUFFER_BYTES, "Content-Length: 0"))


def test_interim_answers_come_before_it_in_the_same_piece():
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    answer, body, reusable = received(interim * 3 + whole("Content-Length: 2", body=b"ok"))
    assert (answer.status, body, reusable) == (200, b"ok", True)
    with pytest.raises(CutAnswer):
        received(interim)


def test_an_answer_to_head_has_no_body_whatever_its_headers_say():
    for header in ("Content-Length: 5", "Transfer-Encoding: chunked"):
        _, body, reusable = received(whole(header), method="HEAD")
        assert (body, reusable) == (b"", True)


@pytest.mark.parametrize(
    ("data", "reusable"),
    [
        (whole("Content-Length: 2", body=b"ok"), True),
        (whole("Content-Length: 2", body=b"ok and more"), False),
        (whole("Transfer-Encoding: chunked", body=b"2\r\nok\r\n0\r\n\r\nmore"), False),
        (whole("Content-Length: 2", "Connection: close", body=b"ok"), False),
        (whole("Content-Length: 2", "Connection: x, Close", body=b"ok"), False),
        (whole(body=b"ok"), False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", True),
    ],
)
def test_a_connection_is_used_again_only_if_it_is_sure_to_be_empty(data, reusable):
    assert received(data)[2] is reusable


@given(st.binary(max_size=300), SIZES)
def test_a_compressed_body_is_the_same_however_it_comes(body, sizes):
    coded = gzip.compress(body)
    for framing in (f"Content-Length: {len(coded)}", "Connection: close"):
        data = whole(framing, "Content-Encoding: gzip", body=coded)
        assert received(data, *sizes)[1] == body


def test_an_empty_answer_says_that_it_is_compressed_in_any_way_it_likes():
    _, body, reusable = received(whole("Content-Length: 0", "Content-Encoding: br"))
    assert (body, reusable) == (b"", True)
