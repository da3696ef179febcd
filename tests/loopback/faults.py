"""An HTTP server on 127.0.0.1 that misbehaves as scripted, on raw sockets.

    with FaultServer(respond(b"hello"), reset_after_request(), then=echo()) as server:
        ...  # the first request gets hello, the second a reset, all others their own target
        assert server.requests[0].target == "/a"

A script is a sequence of ``Act``s. Each request takes the next one; after the last, every request
gets ``then``. An act for a connection (``at_connect``) is taken when a connection is accepted,
before anything is read from it. Every wait of an act ends when the server is closed, and no thread
outlives the ``with`` statement. Imports only the standard library.
"""

from __future__ import annotations

import contextlib
import gzip
import select
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

__all__ = [
    "Act",
    "Connection",
    "FaultServer",
    "Received",
    "bomb",
    "chunked",
    "close_after_request",
    "close_at_once",
    "closed_port",
    "cut_body",
    "cut_chunks",
    "cut_headers",
    "drip_body",
    "drip_headers",
    "echo",
    "endless_body",
    "endless_chunks",
    "endless_interim",
    "garbage",
    "hang",
    "hang_at_connect",
    "hang_in_body",
    "hang_in_headers",
    "header_flood",
    "interim",
    "long_header",
    "raw",
    "redirect",
    "reset_after_request",
    "reset_at_once",
    "respond",
    "stated_length",
    "together",
]

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Received:
    """A request as it arrived: header names in lower case, in the order received."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    """The number of the connection, from 0 in the order accepted."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


class Stopped(Exception):
    """The server is being closed, or the peer has gone."""


class Connection:
    """One accepted connection, as the acts see it."""

    def __init__(self, sock: socket.socket, number: int, stopping: threading.Event) -> None:
        self.sock = sock
        self.number = number
        self.open = True
        self._stopping = stopping
        self._buffer = b""

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError:
            raise Stopped from None

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until the server is closed."""
        if self._stopping.wait(seconds):
            raise Stopped

    def hang(self) -> None:
        """Do nothing until the server is closed."""
        self.pause(600)

    def close(self) -> None:
        """End the connection in order."""
        self.open = False
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection with a RST."""
        self.open = False
        linger = struct.pack("ii", 1, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.sock.close()

    def receive(self) -> Received | None:
        """The next request; None where the peer has gone instead."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ", 2)
        headers = tuple(
            (name.lower(), value.strip()) for name, _, value in (x.partition(":") for x in lines)
        )
        length = int(dict(headers).get("content-length", "0"))
        while len(self._buffer) < length:
            if not self._more():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Received(method, target, headers, body, self.number)

    def _until(self, end: bytes) -> bytes | None:
        while end not in self._buffer:
            if not self._more():
                return None
        head, _, self._buffer = self._buffer.partition(end)
        return head

    def _more(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except OSError:
            return False
        self._buffer += data
        return bool(data)


@dataclass(frozen=True)
class Act:
    """What to do with one request, or with one new connection (then ``request`` is None)."""

    run: Callable[[Connection, Received | None], None]
    at_connect: bool = False


class FaultServer:
    """A server that runs a script; a context manager.

    Args:
        acts: The script.
        then: What every request gets after the end of the script.
        tls: The server's side of TLS; None for plain http.

    Attributes:
        requests: The complete requests received, in the order of arrival.
        connections: How many connections were accepted.
    """

    def __init__(
        self, *acts: Act, then: Act | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.acts = list(acts)
        self.then = then or respond(b"")
        self.tls = tls
        self.requests: list[Received] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._listener = socket.socket()
        # The system must not buffer without limit what is sent to a peer that does not read.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 256 * 1024)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def open_connections(self) -> int:
        """How many connections are open now, or have ended without the server noticing yet."""
        with self._lock:
            return len(self._open)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes up accept()
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            if thread.is_alive():
                raise RuntimeError("a thread of the fault server did not end")

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(sock)
                number = self.connections
                self.connections += 1
            self._start(self._serve, sock, number)

    def _serve(self, sock: socket.socket, number: int) -> None:
        connection = Connection(sock, number, self._stopping)
        try:
            self._greet(connection)
            if self.tls is not None and connection.open:
                self._wrap(connection)
            while connection.open:
                request = connection.receive()
                if request is None:
                    return
                with self._lock:
                    self.requests.append(request)
                    act = self.acts.pop(0) if self.acts else self.then
                act.run(connection, request)
        except (Stopped, OSError):
            pass
        finally:
            with self._lock:
                self._open -= {sock, connection.sock}
            connection.sock.close()

    def _wrap(self, connection: Connection) -> None:
        assert self.tls is not None
        plain = connection.sock
        connection.sock = secure = self.tls.wrap_socket(
            plain, server_side=True, do_handshake_on_connect=False
        )
        with self._lock:
            self._open = (self._open - {plain}) | {secure}
        secure.do_handshake()

    def _greet(self, connection: Connection) -> None:
        with self._lock:
            act = self.acts.pop(0) if self.acts and self.acts[0].at_connect else None
        if act is not None:
            act.run(connection, None)


# --- good responses


def head(status: str, headers: Headers) -> bytes:
    """A status line and headers, with the empty line that ends them."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def whole(body: bytes, status: str = "200 OK", headers: Headers = ()) -> bytes:
    """A complete response with its length."""
    return head(status, [("Content-Length", str(len(body))), *headers]) + body


def raw(data: bytes, *, close: bool = False) -> Act:
    """Exactly these bytes, then the end of the connection if ``close``."""

    def run(connection: Connection, _: Received | None) -> None:
        connection.send(data)
        if close:
            connection.close()

    return Act(run)


def respond(body: bytes = b"ok", status: str = "200 OK", headers: Headers = ()) -> Act:
    """A good response."""
    return raw(whole(body, status, headers))


def redirect(location: str, status: str = "302 Found") -> Act:
    """A response that names another address."""
    return respond(b"", status, [("Location", location)])


def echo() -> Act:
    """A response whose body is the target of the request, then the body of the request."""

    def run(connection: Connection, request: Received | None) -> None:
        assert request is not None
        connection.send(whole(request.target.encode() + request.body))

    return Act(run)


def together(requests: int) -> Act:
    """As ``echo``, but only once that many requests have arrived: share one act among them."""
    barrier = threading.Barrier(requests)

    def run(connection: Connection, request: Received | None) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(30)
            echo().run(connection, request)

    return Act(run)


def chunked(*chunks: bytes, headers: Headers = ()) -> Act:
    """A good response in chunks."""
    parts = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return raw(head("200 OK", [("Transfer-Encoding", "chunked"), *headers]) + parts + b"0\r\n\r\n")


def interim(status: str, then: bytes) -> Act:
    """An interim response (100, 103), and a good one after it."""
    return raw(head(status, [("Link", "</x>; rel=preload")]) + whole(then))


# --- connections that end


def closed_port() -> int:
    """A port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def close_at_once() -> Act:
    """Accept a connection and close it, without reading what comes."""
    return _unread(Connection.close)


def reset_at_once() -> Act:
    """Accept a connection and reset it, without reading what comes."""
    return _unread(Connection.reset)


def _unread(end: Callable[[Connection], None]) -> Act:
    def run(connection: Connection, _: Received | None) -> None:
        # Not before something has arrived: whether the client has connected by then would be a
        # matter of luck.
        select.select([connection.sock], [], [], 10)
        end(connection)

    return Act(run, at_connect=True)


def close_after_request() -> Act:
    """Read the request, and close without a response."""
    return Act(lambda connection, _: connection.close())


def reset_after_request() -> Act:
    """Read the request, and reset without a response."""
    return Act(lambda connection, _: connection.reset())


def cut_headers() -> Act:
    """Close in the middle of the headers, at the end of a line."""
    return raw(b"HTTP/1.1 200 OK\r\nServer: x\r\n", close=True)


def cut_body(body: bytes, stated: int) -> Act:
    """Close before the body is as long as was said."""
    return raw(head("200 OK", [("Content-Length", str(stated))]) + body, close=True)


def cut_chunks(body: bytes) -> Act:
    """Close after a chunk that is not the last."""
    chunk = b"%x\r\n%b\r\n" % (len(body), body)
    return raw(head("200 OK", [("Transfer-Encoding", "chunked")]) + chunk, close=True)


# --- time


def hang_at_connect() -> Act:
    """Accept, and never read nor write; with TLS, never shake hands."""
    return Act(lambda connection, _: connection.hang(), at_connect=True)


def hang(after: bytes = b"") -> Act:
    """Read the request, send these bytes, and no more."""

    def run(connection: Connection, _: Received | None) -> None:
        connection.send(after)
        connection.hang()

    return Act(run)


def hang_in_headers() -> Act:
    """Stop in the middle of a header."""
    return hang(b"HTTP/1.1 200 OK\r\nContent-Le")


def hang_in_body() -> Act:
    """Stop in the middle of the body."""
    return hang(whole(b"x" * 1000)[:-500])


def _drip(start: bytes, drops: bytes, seconds: float) -> Act:
    def run(connection: Connection, _: Received | None) -> None:
        connection.send(start)
        for drop in drops:
            connection.pause(seconds)
            connection.send(bytes([drop]))
        connection.close()

    return Act(run)


def drip_headers(seconds: float) -> Act:
    """A good response, but a byte at a time from the start."""
    return _drip(b"", whole(b"x" * 1000), seconds)


def drip_body(seconds: float) -> Act:
    """A good response whose body comes a byte at a time."""
    return _drip(head("200 OK", [("Content-Length", "1000")]), b"x" * 1000, seconds)


# --- nonsense and floods


def stated_length(value: str, body: bytes) -> Act:
    """A response with this Content-Length, valid or not."""
    return raw(head("200 OK", [("Content-Length", value)]) + body, close=True)


def garbage() -> Act:
    """Something that is not HTTP at all."""
    return raw(b"\x16\x03\x01 220 smtp.example ESMTP\r\n\r\n", close=True)


def _endless(start: bytes, again: Callable[[], Iterator[bytes]]) -> Act:
    def run(connection: Connection, _: Received | None) -> None:
        connection.send(start)
        for piece in again():
            connection.send(piece)

    return Act(run)


def _forever(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


def header_flood() -> Act:
    """Endless headers."""
    return _endless(b"HTTP/1.1 200 OK\r\n", lambda: _forever(b"X-Flood: " + b"y" * 1000 + b"\r\n"))


def long_header() -> Act:
    """One endless header."""
    return _endless(b"HTTP/1.1 200 OK\r\nX-Flood: ", lambda: _forever(b"y" * 10_000))


def endless_interim() -> Act:
    """Endless interim responses."""
    return _endless(b"", lambda: _forever(head("103 Early Hints", [("Link", "</x>")])))


def endless_body(headers: Headers = (), piece: bytes = b"z" * 65536) -> Act:
    """A body without a length and without an end."""
    return _endless(head("200 OK", [("Connection", "close"), *headers]), lambda: _forever(piece))


def endless_chunks(chunk: bytes = b"10000\r\n" + b"z" * 65536 + b"\r\n") -> Act:
    """Chunks without end; ``chunk`` is sent as it is, with its own framing."""
    return _endless(head("200 OK", [("Transfer-Encoding", "chunked")]), lambda: _forever(chunk))


def bomb(inflated_bytes: int, coding: str = "gzip") -> Act:
    """A small body that inflates to many zeros; ``coding`` as for Content-Encoding."""
    body = bytes(inflated_bytes)
    for name in coding.split(", "):
        body = gzip.compress(body) if name == "gzip" else zlib.compress(body)
    return respond(body, headers=[("Content-Encoding", coding)])
