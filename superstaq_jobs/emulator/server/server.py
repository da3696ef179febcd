"""HTTP on a socket, in a thread.

Lives here: `Server`, uvicorn without what a test has no use for, which opens and closes its port as
a `FaultScript` says; and `listen`, which takes a port. May import `faults` and `playing`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import logging
import socket
import sys
import threading
from typing import Final

import uvicorn

from .faults import FaultScript
from .faulty_http import FaultyProtocol

__all__ = ["Server", "listen"]

_START_SECONDS: Final = 10.0
_LAST_TURNS: Final = 20


class Server(uvicorn.Server):
    """uvicorn without its log, which tells when it is ready and does not wait for its clients.

    Args:
        app: The ASGI application.
        script: What goes wrong with its requests.
        refused_seconds: How long a refusal lasts, in seconds; None for until it is ended.
    """

    def __init__(self, app: object, script: FaultScript, *, refused_seconds: float | None) -> None:
        http = functools.partial(FaultyProtocol, script=script, update_port=self._update_port)
        super().__init__(
            uvicorn.Config(
                app,  # type: ignore[arg-type]
                loop="asyncio",
                http=http,  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.CRITICAL + 1,
                access_log=False,
                server_header=False,
                # uvicorn keeps the date in the loop that `main_loop` replaces.
                date_header=False,
                proxy_headers=False,
                # Longer than anybody waits between two looks at a job: closing an idle connection
                # just as the client uses it again looks like a failure to the client.
                timeout_keep_alive=300,
            )
        )
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._script = script
        self._refused_seconds = refused_seconds
        self._port_lock = asyncio.Lock()
        self._refusal: object = None
        self._held: list[socket.socket] = []  # one that has the port while nothing listens
        self._reopening: asyncio.Handle | None = None
        self._soon: asyncio.Future[None] | None = None

    def wait_until_ready(self) -> None:
        """Wait until it serves.

        Raises:
            RuntimeError: It does not.
        """
        if not self.ready.wait(_START_SECONDS) or not self.started:
            raise RuntimeError("the emulator's HTTP server did not start")

    def serve_on(self, listener: socket.socket) -> None:
        """Serve until the end, in this thread; closes the socket."""
        self._thread = threading.current_thread()
        try:
            # The debug mode of asyncio is for the program under test, not for us.
            asyncio.run(self.serve(sockets=[listener]), debug=False)
        finally:
            self.ready.set()
            listener.close()

    def end(self) -> None:
        """Stop serving, soon; from any thread, at any time."""
        self.should_exit = True
        if self._loop is not None and self._ending is not None:
            with contextlib.suppress(RuntimeError):  # the loop is over already
                self._loop.call_soon_threadsafe(self._ending.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, as uvicorn does, and say so."""
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)
        await self._update_port()
        self.ready.set()

    def update_port(self) -> None:
        """Listen, or not, as the script says, before this returns; from any thread."""
        following = self._update_port()
        if threading.current_thread() is self._thread:
            self._soon = asyncio.ensure_future(following)
            return
        try:
            # It runs, or nobody would have been told to call this.
            done = asyncio.run_coroutine_threadsafe(following, self._loop)  # type: ignore[arg-type]
        except RuntimeError:  # it did
            following.close()
            return
        with contextlib.suppress(concurrent.futures.CancelledError, TimeoutError):
            done.result(_START_SECONDS)

    async def _update_port(self) -> None:
        async with self._port_lock:
            refusal = self._script.refusal
            if refusal is self._refusal or self.should_exit:
                return
            if self._reopening is not None:
                self._reopening.cancel()
            if refusal is None:
                await self._open_port()
            elif self._refusal is None:
                self._close_port()
            self._refusal = refusal
            self._reopening = self._end_later(refusal)

    def _end_later(self, refusal: object) -> asyncio.Handle | None:
        if refusal is None or self._refused_seconds is None:
            return None
        loop = asyncio.get_running_loop()
        return loop.call_later(self._refused_seconds, self._script.end, refusal)

    def _close_port(self) -> None:
        """Refuse connections, and end those that there are once they have their answer."""
        (server,) = self.servers
        (listener,) = server.sockets
        address = listener.getsockname()
        server.close()
        self._held.append(_bound(*address[:2]))
        for connection in list(self.server_state.connections):
            connection.shutdown()

    async def _open_port(self) -> None:
        await super().startup([self._held.pop()])

    async def main_loop(self) -> None:
        """Wait for the end."""
        # uvicorn's own looks ten times a second; this one lets a test end at once.
        if self._ending is not None and not self.should_exit:
            await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut everything off."""
        del sockets  # by now it may listen on another
        # Calls take no time here, so what is open now is idle, or a body that still drips in.
        # First no new connections, then the ones there are, and only then the servers: asyncio
        # leaves a connection open that was just accepted when its server closes.
        loop = asyncio.get_running_loop()
        async with self._port_lock:  # or the port might be opened once more
            for held in self._held:
                held.close()
        for server in self.servers:
            for listener in server.sockets:
                with contextlib.suppress(NotImplementedError):  # on Windows
                    loop.remove_reader(listener)
        await self._cut_connections()
        for server in self.servers:
            server.close()
        await self._cut_connections()

    async def _cut_connections(self) -> None:
        # A connection just accepted takes a few turns of the loop until it is listed, and one that
        # is cut takes a few until it is closed and what waited for it is over.
        for _ in range(_LAST_TURNS):
            for connection in list(self.server_state.connections):
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()
            await asyncio.sleep(0)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OSError: The port is taken, or may not be used.
    """
    listener = _bound(host, port)
    try:
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has the port, and does not listen yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol by name: asyncio turns Nagle's delay off only where it stands, and without
    # that every answer on a kept connection takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # On POSIX: not a port that somebody listens on, but one whose last connections linger.
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(
            error.errno, f"the emulator cannot listen on {host}:{port}: {error.strerror}"
        ) from error
    return listener
