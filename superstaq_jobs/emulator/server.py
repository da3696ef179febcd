"""The emulator as a running server.

Lives here: `Emulator`: the socket, the thread that serves it, start and stop. May import all of
the package.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import ipaddress
import logging
import math
import socket
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Final, Self

import uvicorn

from superstaq_jobs.clock import Clock, SystemClock

from .accounts import Accounts, User
from .app import make_app
from .faults import AnyFault, FaultScript
from .jobs import JobStore
from .operating import Operated
from .plans import Plan
from .playing import FaultyProtocol
from .service import Service
from .simulator import Simulator
from .targets import DEFAULT_TARGETS, Target

__all__ = ["Emulator"]

_START_SECONDS: Final = 10.0
_LAST_TURNS: Final = 20


class Emulator(Operated):
    """A Superstaq on this machine: real HTTP, real simulation, nothing to pay.

    It runs in a thread, on the loopback interface only, and runs circuits in a process of its own,
    which starts with the first job. An emulator is started once; stopping it may be repeated.

    The same options and the same submissions in the same order give the same job ids, compiled
    circuits and counts. Circuits are OpenQASM 2 or 3, QPY of Qiskit or JSON of Cirq; one that
    measures nothing has all its qubits measured at the end. The keys of counts have one digit a
    classical bit, the first one first. A job of 0 shots has no counts: ``{}``.

    >>> with Emulator(step_seconds=0) as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True

    Args:
        port: The TCP port; 0 picks a free one.
        host: An IP address of the loopback interface.
        api_key: The key to come in with, or the user of each of several keys.
        seed: What ids, paces and samples follow from.
        step_seconds: How long a circuit stays in each status before the last, in seconds, on
            average. 0 lets it finish as soon as its result is there.
        clock: Time: what statuses go by, and what time stamps show. None for the machine's own. On
            a virtual one, such as a ``FakeClock`` that a client shares, answers do not depend on
            how fast this machine simulates: a call waits for results that are due.
        plans: What is to become of the first jobs, one after another; see ``plan``.
        targets: The targets there are, by default `DEFAULT_TARGETS`.
        warnings: Texts to put into every answer that is an object, as the service does with
            what it wants its users to read.
        simulator: A simulator that is shared with others, and that ``stop`` leaves running.
        warm_up: Whether to start the simulator with the server and not with the first job. It
            takes a second or two beside the server, and `start` does not wait for it.
        faults: What goes wrong with the first request, the second, and so on; None where nothing
            does. See `faults`, where more can be added.
        refused_seconds: How long nothing listens at the port for a ``refused`` among the faults,
            in seconds; None for until ``faults.end_refusal()``.

    Raises:
        ValueError: An option has no sense; nothing is started.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        api_key: str | Mapping[str, User] = "emulator-key",
        seed: int = 0,
        step_seconds: float = 0.2,
        clock: Clock | None = None,
        plans: Iterable[Plan] = (),
        targets: Iterable[Target] = DEFAULT_TARGETS,
        warnings: Iterable[str] = (),
        simulator: Simulator | None = None,
        warm_up: bool = False,
        faults: Iterable[AnyFault | None] = (),
        refused_seconds: float | None = None,
    ) -> None:
        if not _is_loopback(host):
            raise ValueError(f"an emulator listens on loopback addresses only, not on {host!r}")
        if not 0 <= port <= 65_535:  # noqa: PLR2004
            raise ValueError(f"a port is a number from 0 to 65535, not {port!r}")
        if not 0 <= step_seconds < math.inf:
            raise ValueError(f"step_seconds must be 0 or more, not {step_seconds!r}")
        if refused_seconds is not None and not 0 <= refused_seconds < math.inf:
            raise ValueError(f"refused_seconds must be 0 or more, not {refused_seconds!r}")
        users = {api_key: User()} if isinstance(api_key, str) else api_key
        self._host = host
        self._port = port
        self._own_simulator = simulator is None
        self._simulator = Simulator() if simulator is None else simulator
        self._accounts = Accounts(users)
        clock = SystemClock() if clock is None else clock
        self._service = Service(
            accounts=self._accounts,
            store=JobStore(seed=seed, clock=clock, step_seconds=step_seconds),
            clock=clock,
            targets=tuple(targets),
            simulator=self._simulator,
            warnings=tuple(warnings),
        )
        self.plan(*plans)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._started = False
        self._stopped = False
        self._warm_up = warm_up
        self._faults = FaultScript()
        self._faults.extend(faults)
        self._refused_seconds = refused_seconds

    @property
    def faults(self) -> FaultScript:
        """What goes wrong with the requests to come.

        >>> from superstaq_jobs.testing import Fault
        >>> with Emulator(faults=[Fault("status", retry_after_seconds=1)]) as server:
        ...     server.faults.extend([Fault("hang", is_done=True)], call="POST /client/job")
        ...     len(server.faults.remaining)
        2
        """
        return self._faults

    @property
    def api_key(self) -> str:
        """The key to come in with; of several, the first."""
        return self._accounts.first_key

    @property
    def port(self) -> int:
        """The TCP port; the one asked for until the server has started."""
        return self._port

    @property
    def url(self) -> str:
        """Where the server is: ``http://127.0.0.1:PORT``, without the API version.

        Raises:
            RuntimeError: The server has not started yet.
        """
        if not self._started:
            raise RuntimeError("the emulator has not been started")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def start(self) -> Self:
        """Listen, and serve from a thread.

        Returns:
            The emulator itself.

        Raises:
            OSError: The port is taken, or may not be used.
            RuntimeError: It was started or stopped before.
        """
        if self._started or self._stopped:
            raise RuntimeError("an emulator is started only once; make a new one")
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._server = _Server(
            make_app(self._service), self._faults, refused_seconds=self._refused_seconds
        )
        self._started = True
        self._thread = threading.Thread(
            target=self._server.serve_on,
            args=(listener,),
            name="superstaq-emulator",
            daemon=True,
        )
        try:
            self._thread.start()
            self._server.wait_until_ready()
            self._faults.watch(self._server.follow)
            self._server.follow()
            if self._warm_up:
                self._simulator.warm_up()
        except BaseException:
            self.stop()
            listener.close()
            raise
        return self

    def stop(self) -> None:
        """End the server, its threads and its simulator; cut what is still being transferred.

        Jobs that are not over are lost. May be called again, and before any start.
        """
        self._stopped = True
        self._faults.watch(None)
        self._service.store.close()
        if self._server is not None:
            self._server.end()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()
        # Last, because a call that is still being served may submit to it.
        if self._own_simulator:
            self._simulator.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        where = self.url if self._started else "not started"
        return f"<Emulator {where}>"


class _Server(uvicorn.Server):
    """uvicorn without its log, which tells when it is ready and does not wait for its clients."""

    def __init__(self, app: object, script: FaultScript, *, refused_seconds: float | None) -> None:
        http = functools.partial(FaultyProtocol, script=script, follow=self._follow)
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
        self._following = asyncio.Lock()
        self._refusal: object = None
        self._held: list[socket.socket] = []  # one that has the port while nothing listens
        self._reopening: asyncio.Handle | None = None
        self._soon: asyncio.Future[None] | None = None

    def wait_until_ready(self) -> None:
        if not self.ready.wait(_START_SECONDS) or not self.started:
            raise RuntimeError("the emulator's HTTP server did not start")

    def serve_on(self, listener: socket.socket) -> None:
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
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)
        await self._follow()
        self.ready.set()

    def follow(self) -> None:
        """Listen, or not, as the script says, before this returns; from any thread."""
        following = self._follow()
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

    async def _follow(self) -> None:
        async with self._following:
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
        # uvicorn's own looks ten times a second; this one lets a test end at once.
        if self._ending is not None and not self.should_exit:
            await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        del sockets  # by now it may listen on another
        # Calls take no time here, so what is open now is idle, or a body that still drips in.
        # First no new connections, then the ones there are, and only then the servers: asyncio
        # leaves a connection open that was just accepted when its server closes.
        loop = asyncio.get_running_loop()
        async with self._following:  # or the port might be opened once more
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


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _listen(host: str, port: int) -> socket.socket:
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
