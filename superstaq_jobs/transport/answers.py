"""One answer, read off a socket: its head, where its body ends, and the body, decompressed.

Lives here: ``Answer``, and the parser of HTTP/1.1 under it. It takes no guesses: what could be read
in two ways is refused, since the other way may be that of a proxy, which would let one answer end
inside of another. http.client's parser is more forgiving, and takes most of the time of a small
request. Used by ``_sockets``, which knows the sockets, and ``transport``; may import ``_attempts``.
"""

from __future__ import annotations

import http.client
import io
import re
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from .limits import Attempt, BadAnswer, CutAnswer, TooLarge

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

__all__ = ["BUFFER_BYTES", "Answer"]

BUFFER_BYTES: Final = 64 * 1024
"""The size of a connection's buffer: a head, or one line between chunks, is no longer."""

_FRAMING_BYTES: Final = 1024 * 1024
# Larger pieces may take new pages of memory each time, which is up to 1.6 times as slow.
_INFLATED_BYTES: Final = 64 * 1024
_MAX_INTERIM_ANSWERS: Final = 50
_MAX_HEADER_LINES: Final = 100
_LARGEST_STATUS: Final = 599

_BLANKS: Final = " \t"
_START: Final = b"HTTP/1."
_HEAD_END: Final = re.compile(rb"\n\r?\n")
_STATUS_LINE: Final = re.compile(r"HTTP/1\.([0-9])[ \t]+([0-9]{3})(?:[ \t].*)?")
_NAME: Final = re.compile(r"[!-9;-~]+")  # all that is visible but the colon
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)
_NO_BODY: Final = frozenset({http.client.NO_CONTENT, http.client.NOT_MODIFIED})
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})

Headers = tuple[tuple[str, str], ...]


class Answer:
    """An answer whose head has come and whose body has not been read.

    It fits in where a pool of urllib3 expects an answer of its own: the pool sets ``retries``,
    ``_pool`` and ``_connection``, and looks at the ones from ``version_string`` on.

    Args:
        sock: Where it comes from.
        view: A view of the connection's buffer, a ``bytearray``, with nothing in it.
        attempt: The request that it is the answer to.
        method: The request's method.

    Attributes:
        status: The status code, 200 to 599: interim answers are skipped.
        fields: Names in lower case and values, in the order received.

    Raises:
        BadAnswer: It is not HTTP, or its framing is in doubt.
        CutAnswer: The connection ended inside of the head.
        TooLarge: The head is longer than allowed.
        http.client.HTTPException: It has too many headers.
        http.client.RemoteDisconnected: The connection ended before the first byte.
    """

    def __init__(
        self, sock: socket.socket, view: memoryview, attempt: Attempt, *, method: str
    ) -> None:
        self._wire = _Wire(sock, view)
        self._attempt = attempt
        self.status, minor, self.fields = _final_head(self._wire)
        self._codings, self.length = _framing(self.fields)
        if method == "HEAD" or self.status in _NO_BODY:
            self._codings, self.length = [], 0
        self._chunked = bool(self._codings)
        self._whole = False
        self._closes = _closes(self.fields, minor) or not (self._chunked or self.length is not None)
        attempt.answered = True
        attempt.content_length = self.length
        self.retries: Any = None
        self._pool: Any = None
        self._connection: Any = None
        self.version_string = f"HTTP/1.{minor}"
        self.headers: dict[str, str] = {}  # nothing in them is for the pool
        self.length_remaining = self.length

    def release(self) -> None:
        """Give the connection back to the pool; closed, unless it is sure to be of use."""
        if not self._whole or self._closes or self._wire.has_more:
            self._connection.close()
        self._pool._put_conn(self._connection)  # noqa: SLF001 - as urllib3's own answers do

    def body(self, *, max_bytes: int) -> bytes:
        """The body, decompressed.

        Args:
            max_bytes: The largest that it may be; bytes.

        Raises:
            BadAnswer: Its framing or its coding is wrong.
            CutAnswer: The connection ended inside of it.
            TooLarge: It is larger than that.
            zlib.error: It is not compressed in the way that it says.
        """
        if self.length is not None and self.length > max_bytes:
            raise TooLarge
        # Twice, since a body that comes in small chunks is larger on the wire.
        self._attempt.wire_bytes_left = 2 * max_bytes + _FRAMING_BYTES
        is_compressed = self.length != 0 and _is_compressed(self.fields)
        if self.length is not None and not is_compressed:
            body = self._of_length(self.length)
        else:
            pieces = self._counted()
            body = self._joined(_inflated(pieces) if is_compressed else pieces, max_bytes)
        self._whole = True
        return body

    def _of_length(self, length: int) -> bytes:
        body = self._wire.exactly(length)
        self._attempt.body_bytes = len(body)
        if len(body) < length:
            raise CutAnswer
        return body

    def _counted(self) -> Iterator[bytes]:
        if self._chunked:
            pieces = self._wire.chunks()
        elif self.length is None:
            pieces = self._wire.all_there_is()
        else:
            pieces = self._wire.so_many(self.length)
        for piece in pieces:
            self._attempt.body_bytes += len(piece)
            yield piece

    def _joined(self, pieces: Iterator[bytes], max_bytes: int) -> bytes:
        whole = io.BytesIO()
        for piece in pieces:
            self._attempt.patience_seconds()  # inflating takes time as well
            if whole.tell() + len(piece) > max_bytes:
                raise TooLarge
            whole.write(piece)
        return whole.getvalue()


# ---- the head ------------------------------------------------------------------------------------


def _final_head(wire: _Wire) -> tuple[int, int, Headers]:
    """Status, minor version and headers of the first answer that is not an interim one."""
    for _ in range(_MAX_INTERIM_ANSWERS):
        status, minor, headers = _parsed(wire.head())
        if status == http.client.SWITCHING_PROTOCOLS:
            raise BadAnswer("it switches to a protocol that was not asked for")
        if status >= http.client.OK:
            return status, minor, headers
    raise BadAnswer("there are too many interim answers before it")


def _parsed(head: str) -> tuple[int, int, Headers]:
    text = head.replace("\r\n", "\n")
    if "\r" in text or "\0" in text:
        raise BadAnswer("its head has a character that no header can hold")
    first, *lines = text.split("\n")
    status_line = _STATUS_LINE.fullmatch(first)
    if not status_line:
        raise BadAnswer("it does not begin with a status line")
    minor, status = int(status_line[1]), int(status_line[2])
    if not http.client.CONTINUE <= status <= _LARGEST_STATUS:
        raise BadAnswer(f"there is no status {status}")
    if len(lines) > _MAX_HEADER_LINES:
        raise http.client.HTTPException("it has too many headers")
    headers: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and _NAME.fullmatch(name):
            headers.append((name.lower(), value.strip(_BLANKS)))
        elif headers and line[0] in _BLANKS:  # a header that goes on in the next line
            name, value = headers[-1]
            headers[-1] = name, f"{value} {line.strip(_BLANKS)}".strip(_BLANKS)
        else:
            raise BadAnswer("a line among the headers is no header")
    return status, minor, tuple(headers)


def _values(headers: Headers, wanted: str) -> list[str]:
    return [
        part.strip(_BLANKS).lower()
        for name, value in headers
        if name == wanted
        for part in value.split(",")
    ]


def _framing(headers: Headers) -> tuple[list[str], int | None]:
    """The transfer codings, and the length, where the headers say one."""
    codings = _values(headers, "transfer-encoding")
    lengths = set(_values(headers, "content-length"))
    if codings and codings != ["chunked"]:
        raise BadAnswer("its transfer coding is not the one that HTTP/1.1 has")
    if codings and lengths:
        raise BadAnswer("it has both a length and a transfer coding")
    if len(lengths) > 1:
        raise BadAnswer("it has several lengths")
    if not all(map(_DIGITS.fullmatch, lengths)):
        raise BadAnswer("its length is no number of bytes")
    return codings, int(lengths.pop()) if lengths else None


def _closes(headers: Headers, minor: int) -> bool:
    """Whether the server ends the connection after this answer."""
    options = _values(headers, "connection")
    return "close" in options or (minor == 0 and "keep-alive" not in options)


def _is_compressed(headers: Headers) -> bool:
    named = _values(headers, "content-encoding")
    codings = [coding for coding in named if coding not in {"", "identity"}]
    if codings and (len(named) > 1 or codings[0] not in _CODINGS):
        raise BadAnswer("its body is compressed in a way that was not asked for")
    return bool(codings)


# ---- the bytes -----------------------------------------------------------------------------------


class _Wire:
    """What comes from a socket, by way of a buffer: lines are looked for there."""

    def __init__(self, sock: socket.socket, view: memoryview) -> None:
        self._sock = sock
        self._view = view
        self._buffer: Any = view.obj
        self._start = self._end = 0
        self._begun = False

    @property
    def has_more(self) -> bool:
        """Whether bytes have come that nobody asked for."""
        return self._start < self._end

    def _receive(self) -> None:
        """Receive what there is, behind what there is.

        Raises:
            CutAnswer: The connection has ended.
            http.client.RemoteDisconnected: It has, before a single byte came.
        """
        if self._start == self._end:
            self._start = self._end = 0
        elif self._end == len(self._view):
            if not self._start:
                raise TooLarge
            rest = self._buffer[self._start : self._end]
            self._start, self._end = 0, len(rest)
            self._view[: self._end] = rest
        received = self._sock.recv_into(self._view[self._end :])
        if not received:
            raise CutAnswer if self._begun else http.client.RemoteDisconnected
        self._begun = True
        self._end += received

    def _taken(self, count: int) -> bytes:
        start = self._start
        self._start += count
        return bytes(self._view[start : self._start])

    def head(self) -> str:
        """The lines of the next head, without the empty one that ends it."""
        searched = 0
        while True:
            start, end = self._start, self._end
            shown = min(end - start, len(_START))
            if self._buffer[start : start + shown] != _START[:shown]:
                raise BadAnswer("it does not begin with a status line of HTTP/1.1")
            found = _HEAD_END.search(self._buffer, start + searched, end)
            if found:
                self._start = found.end()
                return str(self._view[start : found.start()], "latin-1").removesuffix("\r")
            searched = max(0, end - start - 2)
            self._receive()

    def _line(self) -> bytes:
        searched = 0
        while True:
            end = self._buffer.find(b"\n", self._start + searched, self._end)
            if end >= 0:
                return self._taken(end + 1 - self._start)
            searched = self._end - self._start
            self._receive()

    def _piece(self, most: int) -> bytes:
        """At least one byte, at most so many."""
        if self._start == self._end:
            self._receive()
        return self._taken(min(most, self._end - self._start))

    def so_many(self, count: int) -> Iterator[bytes]:
        """So many bytes, in pieces."""
        while count:
            piece = self._piece(count)
            count -= len(piece)
            yield piece

    def all_there_is(self) -> Iterator[bytes]:
        """The bytes up to the end of the connection, in pieces."""
        while True:
            try:
                piece = self._piece(BUFFER_BYTES)
            except CutAnswer:
                return
            yield piece

    def chunks(self) -> Iterator[bytes]:
        """What is in the chunks up to the last, in pieces; what follows that one is dropped."""
        while True:
            size = _CHUNK_SIZE.fullmatch(self._line())
            if not size:
                raise BadAnswer("a chunk does not begin with its size")
            left = int(size[1], 16)
            if not left:
                break
            yield from self.so_many(left)
            if b"".join(self.so_many(2)) != b"\r\n":
                raise BadAnswer("a chunk is not as long as it says")
        while self._line() not in {b"\r\n", b"\n"}:
            pass

    def exactly(self, count: int) -> bytes:
        """So many bytes, or fewer if the connection ends."""
        if count <= self._end - self._start:
            return self._taken(count)
        # Receives right into the bytes that it returns; pieces would have to be copied once more.
        return io.BufferedReader(_Rest(self), 1).read(count)

    def read_into(self, target: memoryview) -> int:
        """Fill the target, or its beginning, with what has come or else comes next."""
        ready = min(self._end - self._start, len(target))
        if not ready:
            return self._sock.recv_into(target)
        target[:ready] = self._view[self._start : self._start + ready]
        self._start += ready
        return ready


class _Rest(io.RawIOBase):
    """The wire as a raw stream of Python's."""

    def __init__(self, wire: _Wire) -> None:
        super().__init__()
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, target: WriteableBuffer, /) -> int:
        return self._wire.read_into(memoryview(target))


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What a gzip or zlib body says, in pieces of bounded size whatever it inflates to.

    Raises:
        CutAnswer: It ends too early.
        zlib.error: It is no such body.
    """
    inflater = None
    for piece in pieces:
        rest = piece
        while rest:
            if inflater is None or inflater.eof:  # gzip may have several members in a row
                inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
            yield inflater.decompress(rest, _INFLATED_BYTES)
            rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    if inflater is None or not inflater.eof:
        raise CutAnswer
