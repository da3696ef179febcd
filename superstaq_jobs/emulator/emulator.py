"""The emulator: its options, how it starts and stops, and what its operator can do."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from attrs.converters import optional

from superstaq_jobs.clock import Clock, SystemClock, VirtualClock
from superstaq_jobs.records import CircuitStatus, fields
from superstaq_jobs.records.problems import InvalidValue, shown

from .jobs.job import EmulatedJob, Job
from .jobs.plans import Plan
from .jobs.store import JobStore
from .server.faults import FaultScript
from .server.server import Server
from .service import Service, User
from .simulator.simulator import Simulator
from .targets import DEFAULT_TARGETS, Target

if TYPE_CHECKING:
    from superstaq_jobs.testing.faults import Fault

__all__ = ["Emulator"]


class Emulator:
    """A Superstaq service on this machine: real HTTP, real simulation, no cost.

    It speaks API v0.2.0 and v0.3.0 on one port, both for the same jobs. It serves from threads, on
    127.0.0.1 only, and runs circuits in separate processes that start with the first job. An
    emulator can be started once; ``stop`` may be called repeatedly. Its methods are thread-safe.

    The same options and the same submissions in the same order give the same compiled circuits and
    counts, and with a ``seed`` also the same job ids. Circuits are OpenQASM 2 or 3, Qiskit's QPY or
    Cirq's JSON; in a circuit without measurements all qubits are measured at the end. The keys of
    counts have one digit per classical bit, bit 0 first. A dry run of 0 shots has empty counts.

    >>> with Emulator(step_seconds=0) as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True

    Args:
        port: The TCP port; 0 picks a free one.
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
        targets: The available targets, by default ``DEFAULT_TARGETS``; ``OFFICIAL_TARGETS`` have
            the names of the service's.
        warnings: Messages to add to every response that is a JSON object, as the service does with
            notices to its users.
        simulator: A simulator shared with other emulators, or one that is warmed up; ``stop`` does
            not close it. None for one of its own, which starts with the first job.
        faults: The fault of each request, in order of arrival; None for no fault. More can be added
            later, see ``faults``.
        stored_tag: What the service stores of each tag of a job, as a function of the tag;
            ``str.lower``, say, or ``lambda tag: None`` for nothing. None to store every tag as it
            is.

    Attributes:
        port: The TCP port; before the start, the one that was requested.

    Raises:
        ValueError: An option is invalid; nothing has been started.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        api_key: str | Mapping[str, User] = "emulator-key",
        seed: int | None = None,
        step_seconds: float = 0.2,
        clock: Clock | None = None,
        plans: Iterable[Plan] = (),
        targets: Iterable[Target] = DEFAULT_TARGETS,
        warnings: Iterable[str] = (),
        simulator: Simulator | None = None,
        faults: Iterable[Fault | None] = (),
        stored_tag: Callable[[str], str | None] | None = None,
    ) -> None:
        is_port = type(port) is int and 0 <= port <= 65_535  # noqa: PLR2004
        given: dict[str, Any] = {
            "port": fields.valid(port, is_port, "must be a number from 0 to 65535"),
            "api_key": _users(api_key),
            "seed": optional(fields.integer)(seed),
            "step_seconds": fields.seconds(step_seconds),
            "clock": _having(("now", "sleep", "utcnow"), clock, "a Clock"),
            "plans": fields.many(plans, Plan),
            "targets": fields.many(targets, Target),
            "warnings": fields.strings(warnings),
            "simulator": None if simulator is None else fields.instance(simulator, Simulator),
            "stored_tag": _having(("__call__",), stored_tag, "a function of a tag"),
        }
        fields.refuse("an Emulator", given, InvalidValue)
        self.port = port
        self._own_simulator = simulator is None
        self._simulator = Simulator() if simulator is None else simulator
        clock = SystemClock() if clock is None else clock
        self._store = JobStore(
            clock=clock,
            simulator=self._simulator,
            seed=seed or 0,
            id_seed=secrets.randbits(128) if seed is None else seed,
            step_seconds=step_seconds,
            stored_tag=stored_tag,
        )
        self._service = Service(
            users=given["api_key"],
            store=self._store,
            targets=given["targets"],
            warnings=given["warnings"],
        )
        self.plan(*given["plans"])
        self._server = Server(self._service, clock=clock)
        self.faults.extend(faults)
        self._is_started = False
        self._is_stopped = False

    # ---- the server ------------------------------------------------------------------------------

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
    def url(self) -> str:
        """The address of the server, ``http://127.0.0.1:PORT``, without the API version.

        Raises:
            RuntimeError: The emulator has not been started.
        """
        if not self._is_started:
            raise RuntimeError(
                "the emulator has not been started, so it has no address: call start() first"
            )
        return f"http://127.0.0.1:{self.port}"

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
        self.port = self._server.start(self.port)
        self._is_started = True
        return self

    def stop(self) -> None:
        """Stop the server and its threads, close its own simulator, and cut off open transfers.

        Unfinished jobs are lost. May be called repeatedly, and before ``start``.
        """
        self._is_stopped = True
        self._store.close()
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

    # ---- its operator ----------------------------------------------------------------------------

    def plan(
        self,
        *plans: Plan,
        tag: str | None = None,
        target: str | None = None,
        always: bool = False,
    ) -> None:
        """Plan how jobs to come will go. Sends no request.

        Each plan is for one job, in order of submission: a job takes the first remaining plan that
        matches its tags and target. In API v0.2.0, the circuits of one submission take one plan
        together, although each is a job of its own.

        Args:
            plans: The plans, to be appended to those that remain.
            tag: Only for jobs with this tag.
            target: Only for jobs on this target.
            always: Use the plan for every job without a plan of its own, rather than for one job.
                Takes exactly one plan; if several match a job, the last one that was set is used.

        Raises:
            ValueError: An argument is not a plan, the target does not exist, or ``always`` is given
                with other than one plan. Nothing has been planned.
        """
        is_target = target is None or any(target == one.name for one in self._service.targets)
        given = {
            "plans": fields.many(plans, Plan),
            "tag": optional(fields.string)(tag),
            "target": fields.valid(target, is_target, "must be a target of this emulator"),
            "always": fields.valid(len(plans), len(plans) == 1, "takes exactly one plan")
            if always is True
            else fields.flag(always),
        }
        fields.refuse("a plan", given, InvalidValue)
        self._store.plans.add(plans, tag=tag, target=target, always=always)

    def advance(self, seconds: float) -> None:
        """Advance the emulator's clock, which is also that of a client that shares it.

        Args:
            seconds: By how much, in seconds, >= 0.

        Raises:
            RuntimeError: The emulator runs on a real clock.
            ValueError: The seconds are negative, not finite, or lead past the last date.
        """
        clock = self._store.clock
        if not isinstance(clock, VirtualClock):
            raise RuntimeError(  # noqa: TRY004 - it is the emulator that cannot, not the argument
                "this emulator runs on a real clock, which cannot be advanced; pass it a virtual "
                "one: Emulator(clock=superstaq_jobs.testing.FakeClock())"
            )
        given = {"seconds": fields.seconds(seconds)}
        fields.refuse("an advance of the clock", given, InvalidValue)
        try:
            clock.utcnow() + dt.timedelta(seconds=seconds)
        except OverflowError:
            what = f"seconds must not lead past the last date, got {shown(seconds)}"
            raise InvalidValue(what) from None
        clock.advance(seconds)

    def jobs(self) -> tuple[EmulatedJob, ...]:
        """All jobs of all users as they are now, in order of submission.

        On a virtual clock, waits until the simulator has done the work that is due, as requests do.
        """
        return tuple(map(self._seen, list(self._store.jobs.values())))

    def cancel_job(
        self,
        job_id: uuid.UUID | str,
        *,
        circuits: Collection[int] | None = None,
        message: str = "Cancelled by the operator.",
    ) -> EmulatedJob:
        """Cancel the unfinished circuits of a job, as the operator of a device can.

        Args:
            job_id: The job, of any user.
            circuits: The indices of the circuits, from 0; None for all.
            message: The ``status_messages`` entry of the circuits that are cancelled.

        Returns:
            The job afterwards.

        Raises:
            LookupError: The job or a circuit does not exist.
            ValueError: ``job_id`` is not a UUID, or ``message`` is not a string.
        """
        return self._end(job_id, CircuitStatus.CANCELLED, circuits, message)

    def fail_job(
        self,
        job_id: uuid.UUID | str,
        *,
        circuits: Collection[int] | None = None,
        message: str = "Failed by the operator.",
    ) -> EmulatedJob:
        """Let the unfinished circuits of a job fail now; arguments as for ``cancel_job``."""
        return self._end(job_id, CircuitStatus.FAILED, circuits, message)

    def finish_job(
        self, job_id: uuid.UUID | str, *, circuits: Collection[int] | None = None
    ) -> EmulatedJob:
        """Let the unfinished circuits of a job complete now, whatever its plan; see ``cancel_job``.

        On a real clock, a circuit completes when its result is available, which may be later. One
        that cannot run fails.
        """
        return self._end(job_id, CircuitStatus.COMPLETED, circuits, None)

    def _end(
        self,
        job_id: uuid.UUID | str,
        status: CircuitStatus,
        circuits: Collection[int] | None,
        message: str | None,
    ) -> EmulatedJob:
        known: Any = fields.job_id(job_id)
        given = {"job_id": known, "message": optional(fields.string)(message)}
        fields.refuse("the change of a job", given, InvalidValue)
        job = self._store.jobs.get(known)
        if job is None:
            raise LookupError(f"job {known} does not exist in this emulator")
        for index in circuits or ():
            if not 0 <= index < len(job.circuits):
                raise LookupError(
                    f"job {known} has no circuit {index}: it has {len(job.circuits)} of them, "
                    "numbered from 0"
                )
        self._store.end(job, status, message, circuits)
        return self._seen(job)

    def _seen(self, job: Job) -> EmulatedJob:
        states = self._store.states(job)
        return EmulatedJob(
            job_id=job.job_id,
            user_email=job.owner,
            job_type=job.new_job.job_type,
            target=job.new_job.target,
            tags=job.tags,
            submitted_at=job.submitted_at,
            plan=job.plan,
            statuses=tuple(state.status for state in states),
            messages=tuple(state.message for state in states),
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
