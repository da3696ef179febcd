"""The emulator as a running server.

Lives here: `Emulator`: what it can be told, start and stop. May import all of the package.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import threading
from collections.abc import Iterable, Mapping
from typing import Self

from superstaq_jobs.clock import Clock, SystemClock

from .accounts import Accounts, User
from .jobs.plans import Plan
from .jobs.store import JobStore
from .operator import OperatorMethods
from .server.client_api import make_app
from .server.faults import AnyFault, FaultScript
from .server.server import Server, listen
from .service import Service
from .simulator.simulator import Simulator
from .targets import DEFAULT_TARGETS, Target

__all__ = ["Emulator"]


class Emulator(OperatorMethods):
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
        self._server: Server | None = None
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
        listener = listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._server = Server(
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
            self._faults.watch(self._server.update_port)
            self._server.update_port()
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


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
