"""A urllib3 connection that keeps to the limits of the request it is lent to.

urllib3 connects, tunnels and verifies; http.client writes requests and parses responses. Their
timeouts bound the silence between two pieces of data, so that a server that drips is never late;
here every blocking step gets only the time that is left for its request.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
import ssl
import sys
import zlib
from collections.abc import Iterator
from typing import Any, Final

import urllib3.connection
import urllib3.exceptions
from urllib3.util.response import assert_header_parsing
from urllib3.util.wait import wait_for_read, wait_for_socket

from superstaq_jobs.wire.request import Request, Response, Secret

from .limits import BadResponse, CutResponse, LimitedStream, Limits, TooLarge

__all__ = ["Connection", "TlsConnection"]

# Larger pieces may take new pages of memory each time, which is up to 1.6 times as slow.
_PIECE_BYTES: Final = 64 * 1024
_EARLY_BYTES: Final = 4096
_FRAMING_BYTES: Final = 1024 * 1024
_MAX_INTERIM_RESPONSES: Final = 50
_LARGEST_STATUS: Final = 599
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "DELETE", "TRACE", "OPTIONS"})

_FOLD: Final = re.compile(r"[ \t]*\r?\n[ \t]+")
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_INTERIM: Final = re.compile(rb"\AHTTP/1\.[01] 1[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n")
_MAYBE_INTERIM: Final = re.compile(rb"(?:HTTP/1\.[01] 1.*|.{0,9})\Z", re.DOTALL)
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})


class _EarlyResponse(Exception):
    """The server has begun to respond, before the request was sent completely."""


class Connection(urllib3.connection.HTTPConnection):
    """A connection that is lent to one request at a time."""

    limits: Limits  # of the request that it is lent to
    prefix = ""  # stands before the path in the first line: for a proxy, the server's origin
    extra: tuple[tuple[str, str | Secret], ...] = ()  # headers besides those of the request
    piece_bytes = 256 * 1024  # how much is sent in one step
    _early = b""  # of a response that began before the request was sent completely
    _twin: socket.socket | None = None  # a second handle of the socket that is being connected

    def exchange(self, request: Request, limits: Limits) -> Response:
        """Send a request and read its response; the connection is closed if it cannot be reused."""
        self.limits = limits
        self._early = b""
        sent_completely = True
        try:
            self._write(request)
        except (BrokenPipeError, ConnectionResetError, _EarlyResponse):
            if limits.connecting:
                raise
            sent_completely = False  # the server may have said why, before it stopped reading
        # Not urllib3's own, which wraps the response once more.
        response: Any = http.client.HTTPConnection.getresponse(self)
        with contextlib.closing(response):
            body = response.body()
        if response.reader.left_over or not sent_completely:
            self.close()
        return Response(status=response.status, headers=response.fields, body=body)

    def _write(self, request: Request) -> None:
        names = {name.lower() for name, _ in request.headers}
        self.putrequest(
            request.method,
            self.prefix + request.path,
            skip_host="host" in names,
            skip_accept_encoding=True,
        )
        if "accept-encoding" not in names:
            # Results of many circuits are megabytes that compress well.
            self.putheader("Accept-Encoding", "gzip")
        if request.body is not None or request.method not in _WITHOUT_BODY:
            self.putheader("Content-Length", str(len(request.body or b"")))
        for name, value in (*request.headers, *self.extra):
            self.putheader(name, value.reveal() if isinstance(value, Secret) else value)
        self.endheaders(request.body)

    def send(self, data: Any) -> None:
        """Send bytes in pieces, each within the time that is left."""
        if self.sock is None:
            self.connect()
        self.limits.sent = True
        with memoryview(data) as view:
            done = 0
            while done < len(view):
                if done:
                    self._raise_for_early_response()
                self.limits.bound(self.sock)
                done += self.sock.send(view[done : done + self.piece_bytes])

    def _raise_for_early_response(self) -> None:
        """Wait until more can be sent; raise if the server responds instead, say with 413.

        What arrives is read, since over TLS it need not be a response; interim responses are
        dropped.
        """
        while True:
            seconds = self.limits.seconds_for_step()
            wait_for_socket(self.sock, read=True, write=True, timeout=seconds)
            if not wait_for_read(self.sock, timeout=0):
                return
            self.sock.settimeout(0)
            try:
                received = self.sock.recv(_EARLY_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                continue
            self._early = _INTERIM.sub(b"", self._early + received)
            if not received or not _MAYBE_INTERIM.match(self._early):
                raise _EarlyResponse

    def response_class(  # type: ignore[override]  # http.client calls it as it calls a class
        self, sock: socket.socket, *_debuglevel: int, method: str | None = None
    ) -> HttpResponse:
        """The response that comes next, within the limits of the request."""
        return HttpResponse(sock, method=method, limits=self.limits, early=self._early)

    def is_quiet(self) -> bool:
        """Whether nothing has arrived since the last response was read, not even the end.

        What a server sent without a request must not become the response to the next one. Over TLS
        it may have been received already, and wait inside OpenSSL: hence the attempt to read.
        """
        try:
            self.sock.settimeout(0)
            self.sock.recv(1)
        except OSError as error:
            return isinstance(error, BlockingIOError | ssl.SSLWantReadError)
        return False

    def connect(self) -> None:
        """Connect. Until that has succeeded, nothing of the request is sent."""
        limits = self.limits
        limits.connecting = True
        try:
            super().connect()
        finally:
            if self._twin is not None:
                self._twin.close()
        limits.connecting = limits.sent = False
        limits.may_end = True

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that accepts; each is given the whole connect timeout.

        Otherwise a host with a dead IPv6 route could never be reached.
        """
        # The system's resolver takes no timeout: to bound it would need a thread.
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise socket.gaierror(socket.EAI_NONAME, "not a valid host name") from None
        refused: OSError | None = None
        for family, kind, protocol, _name, address in found:
            with contextlib.ExitStack() as closing:
                try:  # also a family that this machine does not have
                    sock = closing.enter_context(socket.socket(family, kind, protocol))
                    self.limits.bound(sock)
                    sock.connect(address)
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    sys.audit("http.client.connect", self, self.host, self.port)
                    self._twin = sock.dup()
                    self._bound_handshake(sock)
                    closing.pop_all()
                except OSError as error:
                    refused = error
                else:
                    return sock
        raise refused or OSError("the name has no address")

    def _tunnel(self) -> None:
        super()._tunnel()  # http.client's, which urllib3 overrides as well
        self._bound_handshake(self.sock)

    def _bound_handshake(self, sock: socket.socket) -> None:
        self.limits.bound(sock)
        # A handshake takes the socket away from its object before there is another one: a
        # cancellation reaches it by a second handle.
        self.limits.sock = self._twin


class TlsConnection(Connection, urllib3.connection.HTTPSConnection):
    """The same over TLS."""

    piece_bytes = 16 * 1024  # a record, which is sent whole: meanwhile no response is seen

    def _connect_tls_proxy(self, hostname: str, sock: socket.socket) -> ssl.SSLSocket:
        """Connect to an https proxy. TLS inside of TLS is read from the outer socket in many steps.

        Each of them has to be bounded, or a proxy that drips could take forever.
        """
        outer = super()._connect_tls_proxy(hostname, sock)

        def recv(size: int) -> bytes:
            if outer.gettimeout() != 0:  # that is, unless ``is_quiet`` reads it
                self.limits.bound(outer)
            return ssl.SSLSocket.recv(outer, size)

        outer.recv = recv  # type: ignore[method-assign, assignment]
        return outer


class _Reader(io.BufferedReader):
    """The buffer of one response."""

    raw: LimitedStream
    left_over = False  # whether bytes were left in it; known once it is closed

    def close(self) -> None:
        if not self.closed:
            self.raw.finished = True
            self.left_over = bool(self.peek(1))
        super().close()


class HttpResponse(http.client.HTTPResponse):
    """A response as http.client parses it; one that could be read in two ways is refused.

    A proxy may read it the other way, so that one response would end inside of another. It raises
    ``BadResponse``, ``CutResponse`` and ``TooLarge``, and what http.client and zlib raise.
    """

    def __init__(
        self, sock: socket.socket, *, method: str | None, limits: Limits, early: bytes = b""
    ) -> None:
        super().__init__(sock, method=method)
        self._limits = limits
        # The stream that http.client made keeps the socket open if the connection lets go of it.
        raw: Any = self.fp.detach()
        self.reader = _Reader(LimitedStream(raw, sock, limits, early), _PIECE_BYTES)
        self.fp: Any = self.reader
        self.fields: tuple[tuple[str, str], ...] = ()  # names in lower case, in the order received

    def begin(self) -> None:
        """Read the head of the first response that is not an interim one, and check it."""
        for _ in range(_MAX_INTERIM_RESPONSES + 1):
            super().begin()
            if self.status == http.client.SWITCHING_PROTOCOLS:
                raise BadResponse("it switches to a protocol that was not requested")
            if self.status >= http.client.OK:
                break
            self.headers = self.msg = None  # type: ignore[assignment]  # so that it begins again
        else:
            raise BadResponse("there are too many interim responses before it")
        self._check_head()
        limits = self._limits
        limits.head_received = True
        limits.content_length = self.length
        limits.may_end = not self.chunked

    def _check_head(self) -> None:
        if self.status > _LARGEST_STATUS:
            raise BadResponse(f"its status, {self.status}, does not exist")
        try:
            assert_header_parsing(self.headers)
            dropped = self.headers.get_unixfrom()
        except urllib3.exceptions.HeaderParsingError:
            dropped = "a line"
        if dropped:
            raise BadResponse("a line among its headers is not a header")
        self.fields = tuple(
            (name.lower(), (_FOLD.sub(" ", value) if "\n" in value else value).strip(" \t"))
            for name, value in self.headers.items()
        )
        codings = self._values("transfer-encoding")
        lengths = set(self._values("content-length"))
        if codings and codings != ["chunked"]:
            raise BadResponse("its transfer coding is not 'chunked'")
        if codings and lengths:
            raise BadResponse("it has both a length and a transfer coding")
        if codings and not self.chunked and self.length is None:
            # http.client takes "chunked" with a space or a fold beside it for something else.
            self.chunked, self.chunk_left = True, None
            self.will_close = "close" in self._values("connection")
        if len(lengths) > 1:
            raise BadResponse("it has several lengths")
        if not all(map(_DIGITS.fullmatch, lengths)):
            raise BadResponse("its length is not a number of bytes")
        if self.length == 0:
            self.chunked = False  # by its status or the request's method it has no body

    def _values(self, name: str) -> list[str]:
        return [value.lower() for key, value in self.fields if key == name]

    def body(self) -> bytes:
        """The body, decompressed."""
        length, limits = self.length, self._limits
        max_bytes = limits.max_body_bytes
        if length is not None and length > max_bytes:
            raise TooLarge
        # Twice, since a body that comes in small chunks is larger on the wire.
        limits.bytes_left = 2 * max_bytes + _FRAMING_BYTES
        is_compressed = length != 0 and self._is_compressed()
        if length is not None and not is_compressed:
            try:
                return self.read()
            except http.client.IncompleteRead as error:
                limits.body_bytes = len(error.partial)
            raise CutResponse
        body = io.BytesIO()
        pieces = self._pieces()
        for piece in _inflated(pieces) if is_compressed else pieces:
            limits.seconds_for_step()  # decompressing takes time as well
            if body.tell() + len(piece) > max_bytes:
                raise TooLarge
            body.write(piece)
        return body.getvalue()

    def _is_compressed(self) -> bool:
        named = ",".join(self._values("content-encoding")).split(",")
        codings = [coding for coding in map(str.strip, named) if coding not in {"", "identity"}]
        if codings and (len(codings) > 1 or codings[0] not in _CODINGS):
            raise BadResponse("its body is compressed in a way that was not requested")
        return bool(codings)

    def _pieces(self) -> Iterator[bytes]:
        while piece := self._chunk_piece() if self.chunked else self.read(_PIECE_BYTES):
            self._limits.body_bytes += len(piece)
            yield piece
        if self.length:
            raise CutResponse

    def _chunk_piece(self) -> bytes:
        try:
            piece = self.read1(_PIECE_BYTES)
        except http.client.IncompleteRead:  # not the end of the connection: that is a CutResponse
            raise BadResponse("a chunk does not begin with its size") from None
        if (self.chunk_left or 0) < 0:
            raise BadResponse("a chunk has a negative size")
        return piece


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress a gzip or zlib body into pieces of bounded size, whatever it expands to."""
    inflater = None
    for piece in pieces:
        rest = piece
        while rest:
            if inflater is None or inflater.eof:  # gzip may have several members in a row
                inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
            yield inflater.decompress(rest, _PIECE_BYTES)
            rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    if inflater is None or not inflater.eof:
        raise CutResponse
