"""Sockets and connections that know how long, and how many bytes, one request may still take.

Lives here: ``Attempt``, the allowance of the request that a thread is making, and the sockets,
connections and pools of urllib3 that keep to it. urllib3's own timeouts bound the silence between
two pieces of data, so that a server that drips is never late; here every single call into the
operating system gets no more than the time that is left. Used by ``transport`` and ``_failures``
alone; may import urllib3 and nothing of this package.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import urllib3
import urllib3.connection

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    _Socket = socket.socket
else:
    _Socket = object

__all__ = [
    "MAX_HEADER_BYTES",
    "Attempt",
    "BadAnswer",
    "CutAnswer",
    "HiddenHeaders",
    "Running",
    "TooLarge",
    "disinherit",
    "new_pool",
    "tls_context",
]

MAX_HEADER_BYTES: Final = 512 * 1024
"""So many bytes may come before an answer's headers end; http.client allows 100 headers in them."""

_BUFFER_BYTES: Final = 64 * 1024
_SEND_BYTES: Final = 256 * 1024
_LARGEST_STATUS: Final = 599
_MAX_INTERIM_ANSWERS: Final = 50
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_FOLD: Final = re.compile(r"[ \t]*\r?\n[ \t]+")
_LOST: Final = (MissingHeaderBodySeparatorDefect, FirstHeaderLineIsContinuationDefect)


# HTTPExceptions, for urllib3 to know them and to give up the connection.
class BadAnswer(http.client.HTTPException):
    """The answer breaks the rules of HTTP."""


class CutAnswer(http.client.HTTPException):
    """The connection ended in the middle of the answer."""


class TooLarge(http.client.HTTPException):
    """The answer is larger than what is allowed."""


class Attempt:
    """What one request may still take, and what has become of it so far.

    Args:
        timeout_seconds: How long the request may take in all, from now on; seconds.
        connect_timeout_seconds: How long one blocking step of connecting may take; seconds.
        read_timeout_seconds: How long any other blocking step may take; seconds.
        clock: A monotonic clock, in seconds.

    Attributes:
        connecting: Whether a connection is being made (name, TCP, proxy, TLS).
        sent: Whether bytes of the request (while connecting: of one to the proxy) went out.
        wire_bytes_left: How many bytes may still be received, as they are on the wire.
        answered: Whether the answer's headers have come; the two below are theirs.
        headers: Names and values, in the order received.
        content_length: How long the body is by the headers; None where they do not say.
        body_bytes: How much of the body was received, as it is coded on the wire.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._deadline = clock() + timeout_seconds
        self.timeout_seconds = timeout_seconds
        self.connect_timeout_seconds = connect_timeout_seconds
        self.read_timeout_seconds = read_timeout_seconds
        self.connecting = False
        self.sent = False
        self.wire_bytes_left = MAX_HEADER_BYTES
        self.answered = False
        self.headers: tuple[tuple[str, str], ...] = ()
        self.content_length: int | None = None
        self.body_bytes = 0

    def seconds_left(self) -> float:
        """Seconds until the deadline; 0 or less once it has passed."""
        return self._deadline - self._clock()

    def patience_seconds(self) -> float:
        """How many seconds the next blocking call may take; always more than 0.

        Raises:
            TimeoutError: The deadline has passed.
        """
        left = self.seconds_left()
        if not left > 0:
            raise TimeoutError("no time is left for this request")
        step = self.connect_timeout_seconds if self.connecting else self.read_timeout_seconds
        return min(step, left)

    def count_received(self, received: int) -> None:
        """Book bytes that came over the wire.

        Raises:
            TooLarge: They are more than this request may receive.
        """
        self.wire_bytes_left -= received
        if self.wire_bytes_left < 0:
            raise TooLarge


class Running(threading.local):
    """The attempts that this thread is in; more than one where a signal handler makes a request."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []


class _BoundedSocket(_Socket):
    """Mixed into a socket: each blocking call gets the patience of the running attempt."""

    def _attempt(self) -> Attempt:
        raise NotImplementedError

    def recv_into(self, buffer: WriteableBuffer, *args: Any, **options: Any) -> int:
        attempt = self._attempt()
        self.settimeout(attempt.patience_seconds())
        received = super().recv_into(buffer, *args, **options)
        attempt.count_received(received)
        return received

    def recv(self, *args: Any, **options: Any) -> bytes:  # used by TLS inside of TLS
        attempt = self._attempt()
        self.settimeout(attempt.patience_seconds())
        data = super().recv(*args, **options)
        attempt.count_received(len(data))
        return data

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        attempt = self._attempt()
        self.settimeout(attempt.patience_seconds())
        attempt.sent = True
        return super().send(data, flags)

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        # The standard one holds the timeout for the whole of a large upload that goes on well.
        with memoryview(data) as view, view.cast("B") as octets:
            done = 0
            while done < len(octets):
                done += self.send(octets[done : done + _SEND_BYTES], flags)


class _PlainSocket(_BoundedSocket, socket.socket):
    running: Running

    def _attempt(self) -> Attempt:
        return self.running.attempts[-1]


def tls_context(running: Running, *, ca_certs: str | None) -> ssl.SSLContext:
    """Verifying TLS settings, as the platform has them, whose sockets keep to the running attempt.

    Raises:
        OSError: The bundle to trust instead of the system's cannot be read.
    """

    class TlsSocket(_BoundedSocket, ssl.SSLSocket):
        # A class of its own for each context: the handshake runs inside of the constructor,
        # before an attribute could be set.
        def _attempt(self) -> Attempt:
            return running.attempts[-1]

        def do_handshake(self, block: bool = False) -> None:
            self.settimeout(self._attempt().patience_seconds())
            super().do_handshake(block)

    context = ssl.create_default_context(cafile=ca_certs)
    context.sslsocket_class = TlsSocket
    return context


class _Reader(io.BufferedReader):
    """A stream that tells a line that was cut off from one that ended."""

    begun = False

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        whole = line.endswith(b"\n") or (size is not None and 0 <= size <= len(line))
        # http.client takes the end of the stream for the end of the headers.
        if not whole and (line or self.begun):
            raise CutAnswer
        self.begun = True
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        # http.client accepts a negative chunk size, and would read without limit.
        if size is None or size < 0:
            raise BadAnswer("a chunk has a negative size")
        return super().read(size)


class _Answer(http.client.HTTPResponse):
    """An answer whose framing is beyond doubt, without the interim ones before it."""

    def __init__(self, running: Running, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        raw: Any = self.fp.detach()
        self.fp = _Reader(raw, _BUFFER_BYTES)
        self._attempt = running.attempts[-1]

    def _read_status(self) -> tuple[str, int, str]:
        # http.client skips 100 alone and takes 103 for the answer; the real one would then stay
        # in the connection and be given to the next request.
        base: Any = super()
        for _ in range(_MAX_INTERIM_ANSWERS):
            version, status, reason = base._read_status()  # noqa: SLF001 - urllib3 calls it too
            if status == http.client.SWITCHING_PROTOCOLS:
                raise BadAnswer("it switches to a protocol that was not asked for")
            if status >= http.client.OK:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise BadAnswer("there are too many interim answers before it")

    def begin(self, *args: Any, **options: Any) -> None:
        super().begin(*args, **options)
        if self.status > _LARGEST_STATUS:
            raise BadAnswer(f"there is no status {self.status}")
        # The parser of headers drops everything from the first line on that it does not understand.
        if any(isinstance(defect, _LOST) for defect in self.msg.defects):
            raise BadAnswer("a line among the headers is no header")
        self._check_framing()
        self._attempt.answered = True
        self._attempt.content_length = self.length
        self._attempt.headers = tuple(
            (name, _FOLD.sub(" ", value).strip()) for name, value in self.msg.items()
        )

    def _check_framing(self) -> None:
        codings = self.msg.get_all("transfer-encoding", [])
        lengths = {
            length.strip()
            for line in self.msg.get_all("content-length", [])
            for length in line.split(",")
        }
        if codings and [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise BadAnswer("its transfer coding is not the one that HTTP/1.1 has")
        if codings and lengths:
            raise BadAnswer("it has both a length and a transfer coding")
        if len(lengths) > 1:
            raise BadAnswer("it has several lengths")
        if not all(map(_DIGITS.fullmatch, lengths)):
            raise BadAnswer("its length is no number of bytes")


class _PlainConnection(urllib3.connection.HTTPConnection):
    """A connection of urllib3 that keeps to the running attempt from its first step on."""

    def __init__(self, *args: Any, running: Running, **options: Any) -> None:
        super().__init__(*args, **options)
        self._running = running
        self.response_class: Any = partial(_Answer, running)

    def connect(self) -> None:
        """Connect, and keep book of it: until it has succeeded nothing of the request is sent."""
        attempt = self._running.attempts[-1]
        attempt.connecting = True
        super().connect()
        attempt.connecting = attempt.sent = False

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers, each given the whole connect timeout.

        Otherwise a host with a dead IPv6 route could never be reached.
        """
        attempt = self._running.attempts[-1]
        # The system's resolver takes no timeout: to bound it would need a thread.
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise socket.gaierror(socket.EAI_NONAME, "no name that a host can have") from None
        refused: OSError | None = None
        for family, kind, protocol, _name, address in found:
            try:
                sock = _PlainSocket(family, kind, protocol)
            except OSError as error:  # a family that this machine does not have
                refused = error
                continue
            try:
                sock.running = self._running
                sock.settimeout(attempt.patience_seconds())
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sys.audit("http.client.connect", self, self.host, self.port)
            except OSError as error:
                sock.close()
                refused = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise refused or OSError("the name has no address")


class _TlsConnection(_PlainConnection, urllib3.connection.HTTPSConnection):
    """The same over TLS."""


class HiddenHeaders(urllib3.HTTPHeaderDict):
    """Headers on their way to the socket; a traceback or a debugger cannot show them by chance."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


def new_pool(
    *,
    scheme: str,
    host: str,
    port: int,
    proxy_url: str | None,
    proxy_headers: HiddenHeaders,
    max_connections: int,
    tls: ssl.SSLContext | None,
    running: Running,
) -> urllib3.HTTPConnectionPool:
    """An empty pool of connections to one host that keep to the running attempt.

    Raises:
        urllib3.exceptions.LocationParseError: The host's name cannot be one.
    """
    # A thread that finds all connections busy waits, so that there are never more of them.
    options: dict[str, Any] = {"maxsize": max_connections, "block": True}
    if tls is not None:
        options["ssl_context"] = tls
    manager = urllib3.PoolManager(1, **options)
    if proxy_url is not None:
        manager = urllib3.ProxyManager(
            proxy_url, proxy_headers=proxy_headers, proxy_ssl_context=tls, **options
        )
    pool = manager.connection_from_host(host, port, scheme)
    secure = isinstance(pool, urllib3.HTTPSConnectionPool)
    connection: Any = _TlsConnection if secure else _PlainConnection
    pool.ConnectionCls = partial(connection, running=running)  # type: ignore[assignment]
    return pool


def disinherit(pool: urllib3.HTTPConnectionPool) -> None:
    """Close a forked process's copies of the idle connections of its parent, which goes on.

    Nothing is sent, over TLS neither. No lock is taken: one that another thread held during the
    fork stays locked in the child for ever, so the queue gets new ones, for its finalizer's sake.
    """
    if pool.pool is None:
        return
    idle = list(pool.pool.queue)
    pool.pool.__init__()  # type: ignore[misc]
    for connection in filter(None, idle):
        connection.close()
