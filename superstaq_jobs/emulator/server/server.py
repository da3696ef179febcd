"""The HTTP server: a port that faults can close and reopen, and a thread for each connection."""

from __future__ import annotations

import errno
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable

from superstaq_jobs.emulator.messages.requests import Request
from superstaq_jobs.emulator.messages.responses import Response

from .connection import Connection
from .faults import FaultScript

__all__ = ["Server"]


class Server:
    """Serves from threads until it is stopped, which does not wait for its clients.

    Args:
        app: Returns the response to a request; called from any thread.
        script: The faults of its requests.
        refused_seconds: How long the port stays closed for a ``refused`` fault, in seconds; None
            for until it is ended by a call.
    """

    def __init__(
        self,
        app: Callable[[Request], Response],
        script: FaultScript,
        *,
        refused_seconds: float | None,
    ) -> None:
        self._app = app
        self._script = script
        self._refused_seconds = refused_seconds
        self._lock = threading.Lock()  # of the connections
        self.connections: set[Connection] = set()
        self._port_lock = threading.Lock()
        self._listener: _Listener | None = None
        self._reserved: socket.socket | None = None  # keeps the port while nothing listens
        self._refusal: object = None
        self._reopening: threading.Timer | None = None
        self._is_stopped = False

    def start(self, host: str, port: int) -> int:
        """Listen on a port and serve; returns the port.

        Raises:
            OSError: The port is in use or not permitted.
        """
        self._reserved = _bound(host, port)
        port = int(self._reserved.getsockname()[1])
        self._open_port()
        self._script.watch(self.update_port)
        self.update_port()
        return port

    def update_port(self) -> None:
        """Open or close the port as the script says, before this returns. Thread-safe."""
        with self._port_lock:
            refusal = self._script.refusal
            if refusal is self._refusal or self._is_stopped:
                return
            if self._reopening is not None:
                self._reopening.cancel()
            if refusal is None:
                self._open_port()
            elif self._refusal is None:
                self._close_port()
            self._refusal = refusal
            if refusal is not None and self._refused_seconds is not None:
                timer = threading.Timer(self._refused_seconds, self._script.end, [refusal])
                timer.daemon = True
                self._reopening = timer
                timer.start()

    def _open_port(self) -> None:
        if self._reserved is not None:
            self._listener = _Listener(self._reserved, self._connect)
            self._reserved = None

    def _close_port(self) -> None:
        """Refuse new connections, and close the others once their responses are sent."""
        if self._listener is not None:
            address = self._listener.address
            self._listener.close()
            self._listener = None
            self._reserved = _bound(*address[:2])
        for connection in self._open_connections():
            connection.close_soon()

    def _connect(self, sock: socket.socket) -> None:
        connection = Connection(
            sock,
            app=self._app,
            script=self._script,
            update_port=self.update_port,
            ended=self._forget,
        )
        with self._lock:
            self.connections.add(connection)
        try:
            connection.thread.start()
        except RuntimeError:  # there are too many threads
            sock.close()
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            self.connections.discard(connection)

    def _open_connections(self) -> list[Connection]:
        with self._lock:
            return list(self.connections)

    def stop(self) -> None:
        """Close the port, cut off all connections, and wait for their threads."""
        self._script.watch(None)
        with self._port_lock:
            self._is_stopped = True
            if self._listener is not None:
                self._listener.close()
            if self._reserved is not None:
                self._reserved.close()
            if self._reopening is not None:
                self._reopening.cancel()
        connections = self._open_connections()
        for connection in connections:
            connection.cut()
        for connection in connections:
            if connection.thread is not threading.current_thread():
                connection.thread.join()
        if self._reopening is not None:
            self._reopening.join()


class _Listener:
    """Accepts connections, in a thread, until it is closed."""

    def __init__(self, sock: socket.socket, accepted: Callable[[socket.socket], None]) -> None:
        sock.listen(128)
        sock.setblocking(False)
        self.address: tuple[str, int] = sock.getsockname()
        self._socket = sock
        self._accepted = accepted
        self._waker, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="superstaq-emulator", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._woken, self._socket, selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            selector.register(self._socket, selectors.EVENT_READ)
            while all(key.fileobj is not self._woken for key, _ in selector.select()):
                try:
                    connected, _ = self._socket.accept()
                except OSError as error:
                    if error.errno in {errno.EMFILE, errno.ENFILE}:
                        time.sleep(0.1)  # until other connections have ended
                    continue
                connected.setblocking(True)
                self._accepted(connected)

    def close(self) -> None:
        """Stop listening; returns once the port is free. May be called repeatedly."""
        self._waker.close()
        self._thread.join()


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has the port but does not listen yet."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        # On POSIX this permits a port whose last connections linger, not one that is in use.
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        advice = ": pass port=0 (on the command line: --port 0) for a free port" if port else ""
        raise OSError(
            error.errno, f"the emulator cannot listen on {host}:{port}: {error.strerror}{advice}"
        ) from error
    return listener
