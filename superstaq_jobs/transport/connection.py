"""Sockets and connections that know how long, and how many bytes, one request may still take.

Lives here: the sockets, connections and pools of urllib3 that keep to the running ``Attempt``.
urllib3's own timeouts bound the silence between two pieces of data, so that a server that drips is
never late; here every single call into the operating system gets no more than the time that is
left. A request is written, and its answer read, without http.client: its parsers take longer than
all the rest. Used by ``transport`` alone; may import ``_answers``, ``_attempts``, ``sansio``
and urllib3.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import sys
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import urllib3
import urllib3.connection

from superstaq_jobs.wire.request import Request, Secret

from .answers import BUFFER_BYTES, Answer
from .limits import Attempt, CutAnswer, Running

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    _Socket = socket.socket
else:
    _Socket = object

__all__ = [
    "HiddenHeaders",
    "disinherit",
    "new_pool",
    "tls_context",
]

_SEND_BYTES: Final = 256 * 1024
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "DELETE", "TRACE", "OPTIONS"})


class _BoundedSocket(_Socket):
    """Mixed into a socket: each blocking call gets the patience of the running attempt."""

    def _attempt(self) -> Attempt:
        raise NotImplementedError

    def _limited(self) -> Attempt:
        """The running attempt; the next call may take as long as that has patience."""
        attempt = self._attempt()
        patience = attempt.patience_seconds()
        if patience != self.gettimeout():  # setting it costs a call into the system
            self.settimeout(patience)
        return attempt

    def recv_into(self, buffer: WriteableBuffer, *args: Any, **options: Any) -> int:
        attempt = self._limited()
        received = super().recv_into(buffer, *args, **options)
        attempt.count_received(received)
        return received

    def recv(self, *args: Any, **options: Any) -> bytes:  # used by TLS inside of TLS
        attempt = self._limited()
        data = super().recv(*args, **options)
        attempt.count_received(len(data))
        return data

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        attempt = self._limited()
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


class _ProxyAnswer(http.client.HTTPResponse):
    """A proxy's answer to CONNECT, of which urllib3 reads the status and the headers alone."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        raw: Any = self.fp.detach()
        self.fp = _Reader(raw, BUFFER_BYTES)


class _PlainConnection(urllib3.connection.HTTPConnection):
    """A connection of urllib3 that keeps to the running attempt from its first step on."""

    def __init__(self, *args: Any, running: Running, **options: Any) -> None:
        super().__init__(*args, **options)
        self._running = running
        self.response_class: Any = _ProxyAnswer
        self._buffer = memoryview(bytearray(BUFFER_BYTES))

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Any = None,
        **_options: Any,
    ) -> None:
        """Send the request of the running attempt.

        ``sansio`` has checked its parts, so that they are not checked once more. The pool has
        been given none of its headers: what it hands on here are those for a proxy.
        """
        if self.sock is None:
            self.connect()
        self._method = method
        host = self._authority() if url.startswith("/") else urlsplit(url).netloc
        request = self._running.attempts[-1].request
        self.sock.sendall(_head(request, url, host=host, more=headers.items()))
        if body:
            self.sock.sendall(body)

    def getresponse(self) -> Any:
        """The answer, up to where its body begins."""
        attempt = self._running.attempts[-1]
        return Answer(self.sock, self._buffer, attempt, method=self._method)

    def _authority(self) -> str:
        host = self.host.partition("%")[0]  # an IPv6 zone is of this machine alone
        shown = f"[{host}]" if ":" in host else host
        return shown if self.port == self.default_port else f"{shown}:{self.port}"

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
    """Headers for a proxy; a traceback or a debugger cannot show them by chance."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


def _head(request: Request, target: str, *, host: str, more: Iterable[tuple[str, str]]) -> bytes:
    """The head of a request, as it goes over the wire.

    Args:
        request: The request.
        target: What is asked for, as the first line has it.
        host: The ``Host``, where the request does not name one.
        more: Headers beside those of the request.
    """
    names = {name.lower() for name, _ in request.headers}
    lines = [f"{request.method} {target} HTTP/1.1"]
    if "host" not in names:
        lines.append(f"Host: {host}")
    if "accept-encoding" not in names:
        # Results of many circuits are megabytes of text that shrinks well.
        lines.append("Accept-Encoding: gzip")
    if request.body is not None:
        lines.append(f"Content-Length: {len(request.body)}")
    elif request.method not in _WITHOUT_BODY:
        lines.append("Content-Length: 0")
    lines += [
        f"{name}: {value.reveal() if isinstance(value, Secret) else value}"
        for name, value in request.headers
    ]
    lines += [f"{name}: {value}" for name, value in more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


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
