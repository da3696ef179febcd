"""The HTTP server: a port that faults can close and reopen, and a thread for each connection."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import http.server
import socket
import sys
import threading
import time
import urllib.parse
from typing import Any, Final

from superstaq_jobs.clock import Clock
from superstaq_jobs.emulator.messages import MAX_BODY_BYTES, Refusal, Request, Response
from superstaq_jobs.emulator.service import Service

from .app import find_route, refuse, respond
from .faults import FaultScript, play, response_of

__all__ = ["Server"]

_HOST: Final = "127.0.0.1"
_LINGER_SECONDS: Final = 2.0


class Server:
    """Serves from threads until it is stopped, which does not wait for its clients.

    Args:
        service: What requests work on.
        clock: The clock for the ``Date`` header.
    """

    def __init__(self, service: Service, *, clock: Clock) -> None:
        self.service = service
        self.clock = clock
        self.faults = FaultScript()
        self.connections: set[_Connection] = set()
        self._lock = threading.Lock()
        self._port = 0
        self._socket: socket.socket | None = None
        """It has the port, also while nothing listens; None before the start and after the end."""
        self._acceptor: threading.Thread | None = None

    def start(self, port: int) -> int:
        """Listen on a port and serve; returns the port.

        Raises:
            OSError: The port is in use or not permitted.
        """
        self._socket = _bound(port)
        self._port = int(self._socket.getsockname()[1])
        self.faults.watch(self.update_port)
        self.update_port()
        return self._port

    def update_port(self) -> None:
        """Open or close the port as the script says, before this returns. Thread-safe."""
        with self._lock:
            if self._socket is None or self.is_open is not self.faults.is_refusing:
                return
            if self.is_open:
                self._close(self._socket)
                self._socket = _bound(self._port)
                for connection in list(self.connections):
                    if not connection.is_busy:  # the others end with their response
                        connection.cut()
            else:
                self._socket.listen(128)
                self._acceptor = threading.Thread(
                    target=self._accept, args=[self._socket], name="superstaq-emulator", daemon=True
                )
                self._acceptor.start()

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._acceptor is not None

    def _close(self, listener: socket.socket) -> None:
        acceptor, self._acceptor = self._acceptor, None
        while acceptor is not None and acceptor.is_alive():
            with contextlib.suppress(OSError):  # nothing else wakes it up on every system
                socket.create_connection((_HOST, self._port), timeout=0.1).close()
            acceptor.join(0.1)
        listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            sock = None
            try:
                sock, _ = listener.accept()
                if self._acceptor is not threading.current_thread():
                    sock.close()
                    return
                _Connection(sock, self).thread.start()
            except (OSError, RuntimeError):  # until there are fewer files and threads
                if sock is not None:
                    sock.close()
                time.sleep(0.1)

    def stop(self) -> None:
        """Close the port, cut off all connections, and wait for their threads."""
        with self._lock:
            listener, self._socket = self._socket, None
            if listener is not None:
                self._close(listener)
        connections = list(self.connections)
        for connection in connections:
            connection.cut()
        for connection in connections:
            if connection.thread.is_alive() and connection.thread is not threading.current_thread():
                connection.thread.join()


class _Connection(http.server.BaseHTTPRequestHandler):
    """A connection, and the thread that serves it.

    Args:
        sock: The connected socket.
        server: The server that it belongs to.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # so that head and body of a response are sent together

    def __init__(self, sock: socket.socket, server: Server) -> None:
        self._socket = sock
        self._server = server
        self.thread = threading.Thread(target=self._run, name="superstaq-emulator", daemon=True)
        self.is_busy = False
        """Whether a request is being served."""
        server.connections.add(self)

    def _run(self) -> None:
        try:
            with contextlib.suppress(OSError):  # the client has gone, or the server has stopped
                super().__init__(self._socket, ("", 0), self._server)  # type: ignore[arg-type]
        finally:
            self._socket.close()
            self._server.connections.discard(self)

    def cut(self) -> None:
        """End the connection at once."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def handle_one_request(self) -> None:
        """Read a request and respond to it."""
        self.is_busy = False
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Read the head of a request whose first line has arrived; False if it is refused."""
        self.is_busy = True
        return super().parse_request()

    def _serve(self) -> None:
        # As it was sent: the base class replaces two slashes at its beginning by one.
        path, _, query = self.requestline.split()[1].partition("?")
        route = find_route(self.command, urllib.parse.unquote(path))
        fault = None if route.version is None else self._server.faults.take(route.call)
        try:
            body = b"" if fault is not None and not fault.kind.arrives else self._body()
        except Refusal as refusal:
            self.close_connection = True
            self._respond(refuse(route, refusal))
            # Closed with something unread, it would be reset, and the response might be lost.
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(_LINGER_SECONDS)
            while self._socket.recv(1024 * 1024):
                pass
            return
        headers: Any = self.headers  # it finds names in any case
        request = Request(query=query, headers=headers, body=body, circuit_type=route.circuit_type)
        response = None
        if fault is None or fault.is_done:  # with a fault, its response is lost
            response = respond(self._server.service, route, request)
        if fault is not None:
            response = response_of(fault)
        if response is not None:
            self._respond(response)
        elif fault is not None:
            self.close_connection = True
            play(fault, self._socket)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - for the base class

    def _body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            raise Refusal(411, {"detail": "The length of the body must be stated."})
        stated = self.headers.get("Content-Length", "0")
        if not stated.isdecimal() or len(stated) > 18:  # noqa: PLR2004 - int() refuses 5,000
            raise Refusal(400, {"detail": "The stated length of the body is not a number."})
        if int(stated) > MAX_BODY_BYTES:
            raise Refusal(413, {"detail": f"The body is larger than {MAX_BODY_BYTES} bytes."})
        body = self.rfile.read(int(stated))
        if len(body) < int(stated):
            raise ConnectionError("the client has gone")
        return body

    def _respond(self, response: Response) -> None:
        now = self._server.clock.utcnow().astimezone(dt.UTC)
        head = {
            "Date": email.utils.format_datetime(now, usegmt=True),
            **response.headers,
            "Content-Length": str(len(response.body)),
        }
        if self.close_connection or not self._server.is_open:
            head["Connection"] = "close"
        self.send_response_only(response.status_code)
        for name, value in head.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def _bound(port: int) -> socket.socket:
    """A socket that has the port but does not listen yet."""
    listener = socket.socket()
    try:
        # On POSIX this permits a port whose last connections linger, not one that is in use.
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
    except OSError as error:
        listener.close()
        advice = ": pass port=0 (on the command line: --port 0) for a free port" if port else ""
        raise OSError(
            error.errno, f"the emulator cannot listen on {_HOST}:{port}: {error.strerror}{advice}"
        ) from error
    return listener
