"""The HTTP server in a thread: uvicorn, with a port that faults can close and reopen."""

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
    """uvicorn without a log; it stops without waiting for its clients.

    Args:
        app: The ASGI application.
        script: The faults of its requests.
        refused_seconds: How long the port stays closed for a ``refused`` fault, in seconds; None
            for until it is ended by a call.
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
                # uvicorn updates the date in the loop that `main_loop` replaces.
                date_header=False,
                proxy_headers=False,
                # Longer than clients pause between polls: if the server closed an idle connection
                # just as its client used it again, the client would see a failure.
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
        self._reserved: list[socket.socket] = []  # keeps the port while nothing listens
        self._reopening: asyncio.Handle | None = None
        self._update: asyncio.Future[None] | None = None

    def wait_until_ready(self) -> None:
        """Wait until it serves requests.

        Raises:
            RuntimeError: It did not start.
        """
        if not self.ready.wait(_START_SECONDS) or not self.started:
            raise RuntimeError(
                f"the emulator's HTTP server did not start within {_START_SECONDS:g} s"
            )

    def serve_on(self, listener: socket.socket) -> None:
        """Serve in this thread until `end`; closes the socket."""
        self._thread = threading.current_thread()
        try:
            # The debug mode of asyncio is meant for the program under test.
            asyncio.run(self.serve(sockets=[listener]), debug=False)
        finally:
            self.ready.set()
            listener.close()

    def end(self) -> None:
        """Stop serving soon. Thread-safe; may be called at any time."""
        self.should_exit = True
        if self._loop is not None and self._ending is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._ending.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then signal that it is ready."""
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)
        await self._update_port()
        self.ready.set()

    def update_port(self) -> None:
        """Open or close the port as the script says, before this returns. Thread-safe."""
        update = self._update_port()
        if threading.current_thread() is self._thread:
            self._update = asyncio.ensure_future(update)
            return
        try:
            # The loop exists: the script calls this only once the server has started.
            done = asyncio.run_coroutine_threadsafe(update, self._loop)  # type: ignore[arg-type]
        except RuntimeError:  # the loop has ended
            update.close()
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
        """Refuse new connections, and close the others once their responses are sent."""
        (server,) = self.servers
        (listener,) = server.sockets
        address = listener.getsockname()
        server.close()
        self._reserved.append(_bound(*address[:2]))
        for connection in list(self.server_state.connections):
            connection.shutdown()

    async def _open_port(self) -> None:
        await super().startup([self._reserved.pop()])

    async def main_loop(self) -> None:
        """Wait until the server is to stop."""
        # uvicorn's own checks ten times a second; this one lets a test end at once.
        if self._ending is not None and not self.should_exit:
            await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut off all connections."""
        del sockets  # it may listen on another one by now
        # Requests take no time here, so what is open now is idle, or still sending a body. First
        # stop accepting connections, then cut the open ones, and only then close the servers:
        # asyncio leaves a connection open that was just accepted when its server closes.
        loop = asyncio.get_running_loop()
        async with self._port_lock:  # or the port might be opened again
            for reserved in self._reserved:
                reserved.close()
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
        # is cut off takes a few until it is closed and its tasks have ended.
        for _ in range(_LAST_TURNS):
            for connection in list(self.server_state.connections):
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()
            await asyncio.sleep(0)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        OSError: The port is in use or not permitted.
    """
    listener = _bound(host, port)
    try:
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has the port but does not listen yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is explicit because asyncio disables Nagle's algorithm only then; otherwise every
    # response on a reused connection takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # On POSIX this permits a port whose last connections linger, not one that is in use.
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(
            error.errno, f"the emulator cannot listen on {host}:{port}: {error.strerror}"
        ) from error
    return listener
