"""The emulator: its options, and how it starts and stops."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from attrs.converters import optional

from superstaq_jobs.clock import Clock, SystemClock
from superstaq_jobs.records import fields
from superstaq_jobs.records.problems import InvalidValue

from .accounts import User
from .jobs.plans import Plan
from .jobs.store import JobStore
from .operator import OperatorMethods
from .server.app import App
from .server.faults import FaultScript
from .server.faulty_http import AnyFault
from .server.server import Server
from .service import Service
from .simulator.simulator import Simulator
from .targets import DEFAULT_TARGETS, Target

__all__ = ["Emulator"]


class Emulator(OperatorMethods):
    """A Superstaq service on this machine: real HTTP, real simulation, no cost.

    It speaks API v0.2.0 and v0.3.0 on one port, both for the same jobs. It serves from threads, on
    the loopback interface only, and runs circuits in separate processes that start with the first
    job. An emulator can be started once; `stop` may be called repeatedly.

    The same options and the same submissions in the same order give the same compiled circuits and
    counts, and with a ``seed`` also the same job ids. Circuits are OpenQASM 2 or 3, Qiskit's QPY or
    Cirq's JSON; in a circuit without measurements all qubits are measured at the end. The keys of
    counts have one digit per classical bit, bit 0 first. A dry run of 0 shots has empty counts.

    >>> with Emulator(step_seconds=0) as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True

    Args:
        port: The TCP port; 0 picks a free one.
        host: An IP address of the loopback interface.
        api_key: The API key, or a mapping from keys to their users.
        seed: Determines job ids, the pace of each circuit, and samples. With None, ids are new on
            every start, so that no id of yesterday's means another job today; pace and samples are
            those of seed 0.
        step_seconds: How long a circuit stays in each non-terminal status on average, in seconds,
            >= 0. With 0, it finishes as soon as its result is available.
        clock: The clock for statuses and time stamps; None for the system clock. On a virtual
            clock, such as a ``FakeClock`` shared with a client, responses do not depend on how fast
            this machine simulates: a request waits for the results that are due.
        plans: Plans for the first jobs, one each, in order; see ``plan``.
        targets: The available targets, by default `DEFAULT_TARGETS`; `OFFICIAL_TARGETS` have the
            names of the service's.
        warnings: Messages to add to every response that is a JSON object, as the service does with
            notices to its users.
        simulator: A simulator shared with other emulators; ``stop`` does not close it. None for one
            of its own.
        warm_up: Whether to start the simulator together with the server rather than with the first
            job. That takes a second or two in the background; `start` does not wait for it.
        faults: The fault of each request, in order of arrival; None for no fault. More can be added
            later, see `faults`.
        stored_tag: What the service stores of each tag of a job, as a function of the tag;
            ``str.lower``, say, or ``lambda tag: None`` for nothing. None to store every tag as it
            is.
        refused_seconds: How long the port stays closed for a ``refused`` fault, in seconds, >= 0;
            None for until ``faults.end_refusal()`` is called.

    Raises:
        ValueError: An option is invalid; nothing has been started.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        api_key: str | Mapping[str, User] = "emulator-key",
        seed: int | None = None,
        step_seconds: float = 0.2,
        clock: Clock | None = None,
        plans: Iterable[Plan] = (),
        targets: Iterable[Target] = DEFAULT_TARGETS,
        warnings: Iterable[str] = (),
        simulator: Simulator | None = None,
        warm_up: bool = False,
        faults: Iterable[AnyFault | None] = (),
        stored_tag: Callable[[str], str | None] | None = None,
        refused_seconds: float | None = None,
    ) -> None:
        is_port = type(port) is int and 0 <= port <= 65_535  # noqa: PLR2004
        given: dict[str, Any] = {
            "port": fields.valid(port, is_port, "must be a number from 0 to 65535"),
            "host": _loopback(host),
            "api_key": _users(api_key),
            "seed": optional(fields.integer)(seed),
            "step_seconds": fields.seconds(step_seconds),
            "clock": _having(("now", "sleep", "utcnow"), clock, "a Clock"),
            "plans": fields.many(plans, Plan),
            "targets": fields.many(targets, Target),
            "warnings": fields.strings(warnings),
            "simulator": None if simulator is None else fields.instance(simulator, Simulator),
            "warm_up": fields.flag(warm_up),
            "stored_tag": _having(("__call__",), stored_tag, "a function of a tag"),
            "refused_seconds": optional(fields.seconds)(refused_seconds),
        }
        fields.refuse("an Emulator", given, InvalidValue)
        self._host = host
        self._port = port
        self._own_simulator = simulator is None
        self._simulator = Simulator() if simulator is None else simulator
        clock = SystemClock() if clock is None else clock
        service = Service(
            users=given["api_key"],
            store=JobStore(
                seed=seed or 0,
                id_seed=secrets.randbits(128) if seed is None else seed,
                clock=clock,
                step_seconds=step_seconds,
                simulator=self._simulator,
                stored_tag=stored_tag,
            ),
            clock=clock,
            targets=given["targets"],
            simulator=self._simulator,
            warnings=given["warnings"],
        )
        super().__init__(service)
        self.plan(*given["plans"])
        self._server = Server(App(service), clock=clock, refused_seconds=refused_seconds)
        self.faults.extend(faults)
        self._warm_up = warm_up
        self._is_started = False
        self._is_stopped = False

    @property
    def faults(self) -> FaultScript:
        """The faults of the requests to come.

        >>> from superstaq_jobs.testing import Fault
        >>> with Emulator(faults=[Fault("status", retry_after_seconds=1)]) as server:
        ...     server.faults.extend([Fault("hang", is_done=True)], call="POST /client/job")
        ...     len(server.faults.remaining)
        2
        """
        return self._server.faults

    @property
    def api_key(self) -> str:
        """The API key; if there are several, the first."""
        return next(iter(self._service.users))

    @property
    def port(self) -> int:
        """The TCP port; before the start, the one that was requested."""
        return self._port

    @property
    def url(self) -> str:
        """The address of the server, ``http://127.0.0.1:PORT``, without the API version.

        Raises:
            RuntimeError: The emulator has not been started.
        """
        if not self._is_started:
            raise RuntimeError(
                "the emulator has not been started, so it has no address: call start() first"
            )
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def start(self) -> Self:
        """Listen on the port, and serve requests from threads.

        Returns:
            The emulator itself.

        Raises:
            OSError: The port is in use or not permitted; ``port=0`` picks a free one.
            RuntimeError: The emulator has been started or stopped before.
        """
        if self._is_started or self._is_stopped:
            raise RuntimeError("an emulator can be started only once: create a new Emulator")
        self._port = self._server.start(self._host, self._port)
        self._is_started = True
        try:
            if self._warm_up:
                self._simulator.warm_up()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server and its threads, close its own simulator, and cut off open transfers.

        Unfinished jobs are lost. May be called repeatedly, and before `start`.
        """
        self._is_stopped = True
        self._service.store.close()
        self._server.stop()
        # Last, because a request that is still being served may submit a circuit to it.
        if self._own_simulator:
            self._simulator.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        where = self.url if self._is_started else "not started"
        return f"<Emulator {where}>"


def _loopback(host: object) -> Any:
    try:
        is_valid = isinstance(host, str) and ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_valid = False
    return fields.valid(
        host, is_valid, "must be an IP address of the loopback interface, such as '127.0.0.1'"
    )


def _users(api_key: str | Mapping[str, User]) -> Any:
    users = {api_key: User()} if isinstance(api_key, str) else api_key
    fits = isinstance(users, Mapping) and all(
        isinstance(key, str) and key and isinstance(user, User) for key, user in users.items()
    )
    if users and fits:
        return dict(users)
    return fields.bad("must be a non-empty string, or a mapping from such keys to users")


def _having(methods: tuple[str, ...], value: object, what: str) -> Any:
    fits = value is None or all(callable(getattr(value, name, None)) for name in methods)
    return fields.valid(value, fits, f"must be {what}")
