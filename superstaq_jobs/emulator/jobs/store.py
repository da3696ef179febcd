"""The jobs of an emulator, in memory.

No status is stored: it is computed from the timetables whenever it is needed. On a real clock, a
response shows what the simulator has done so far. On a virtual clock it must not depend on how fast
this machine simulates: what is due by the timetable has happened, at its time, and a call waits for
the simulator to catch up.

Each request has a thread of its own, and a job may have hundreds of thousands of circuits. So each
job has a lock of its own: while its circuits are read or ended, requests for other jobs go on.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime as dt
import functools
import hashlib
import itertools
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import attrs
import msgspec

from superstaq_jobs.clock import Clock, VirtualClock
from superstaq_jobs.emulator.messages import JobQuery, NewJob
from superstaq_jobs.emulator.simulator.simulator import Listener, Simulator
from superstaq_jobs.emulator.simulator.tasks import (
    CallName,
    Compiled,
    Converted,
    Result,
    Returned,
    Task,
)
from superstaq_jobs.emulator.targets import Target
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import fold_statuses

from .circuit import Circuit, State, make_timetable, path_of
from .job import Job
from .plans import Plan, PlanQueue

__all__ = ["JobStore"]

T = TypeVar("T")

_NAMESPACE: Final = uuid.UUID("0b9c1a52-6a0e-5d0c-9c1f-6f1b3f5a7d11")

_CHECK_SECONDS: Final = 1.0
"""How often a waiting call checks that the simulator has not been closed, in real seconds."""


@attrs.define(kw_only=True, eq=False)
class JobStore:
    """All jobs of one emulator. Thread-safe.

    Attributes:
        clock: The clock for timetables and time stamps.
        simulator: What runs the circuits.
        seed: Determines durations and samples.
        id_seed: Determines job ids.
        step_seconds: How long a circuit stays in each status on average, in seconds.
        stored_tag: What is stored of each tag; None to store nothing of it.
        plans: The plans for jobs to come.
        jobs: The jobs in order of submission, by id.
    """

    clock: Clock
    simulator: Simulator
    seed: int
    id_seed: int
    step_seconds: float
    stored_tag: Callable[[str], str | None] | None = None
    plans: PlanQueue = attrs.field(init=False, factory=PlanQueue)
    jobs: dict[uuid.UUID, Job] = attrs.field(init=False, factory=dict)
    _conversions: dict[tuple[str, str, Converted], Converted | None] = attrs.field(
        init=False, factory=dict
    )
    _news: threading.Condition = attrs.field(init=False, factory=threading.Condition)
    _numbers: Iterator[int] = attrs.field(init=False, factory=itertools.count)
    _latest: float = attrs.field(init=False, default=float("-inf"))
    _stopped: Future[None] = attrs.field(init=False, factory=Future)

    def _now(self) -> float:
        # Time must not go back, or a finished circuit could become unfinished.
        with self._news:
            self._latest = max(self._latest, self.clock.now())
            return self._latest

    def close(self) -> None:
        """Stop running circuits, and wake up everyone who waits for one."""
        with self._news:
            if not self._stopped.done():
                self._stopped.set_result(None)
            self._news.notify_all()

    def wait(self, future: Future[T]) -> T:
        """The result of a future; raises a RuntimeError if the store is closed meanwhile."""
        either: list[Future[Any]] = [future, self._stopped]
        concurrent.futures.wait(either, return_when=concurrent.futures.FIRST_COMPLETED)
        if not future.done():
            self._check_running()
        return future.result()

    def call(self, name: CallName, **arguments: Any) -> Any:
        """What a call of the simulator returns; a ValueError if it fails, as for ``wait``."""
        return self.wait(self.simulator.call(name, **arguments))

    def _check_running(self) -> None:
        stopped = self._stopped.done()
        who = "emulator was stopped" if stopped else "simulator is closed"
        if stopped or self.simulator.is_closed:
            raise RuntimeError(f"the {who}, so circuits no longer run: start a new Emulator")

    # ---- new jobs --------------------------------------------------------------------------

    def add(
        self,
        owner: str,
        new_job: NewJob,
        circuits: Sequence[str],
        target: Target,
        plan: Plan | None,
    ) -> Job:
        """Store a new job; raises a RuntimeError if it would never run."""
        self._check_running()
        number = next(self._numbers)
        seed = f"{self.seed}/{number}"
        timetable = functools.partial(
            make_timetable,
            new_job.job_type,
            verbatim=new_job.verbatim,
            step_seconds=self.step_seconds,
            plan=plan,
        )
        stored = map(self.stored_tag, new_job.tags) if self.stored_tag else new_job.tags
        job = Job(
            number=number,
            seed=seed,
            job_id=uuid.uuid5(_NAMESPACE, f"{self.id_seed}/{number}"),
            owner=owner,
            new_job=new_job,
            tags=tuple(tag for tag in stored if tag is not None),
            target=target,
            plan=plan,
            circuits=tuple(
                Circuit(source=circuit, timetable=timetable(seed=f"{seed}/{index}", index=index))
                for index, circuit in enumerate(circuits)
            ),
            submitted=self._now(),
            submitted_at=self.clock.utcnow().astimezone(dt.UTC),
        )
        self.jobs[job.job_id] = job
        return job

    def start(self, jobs: Iterable[Job]) -> None:
        """Hand the circuits of stored jobs to the simulator.

        Raises:
            RuntimeError: The simulator is closed.
        """
        self.simulator.submit(self._runs(jobs))

    def _runs(self, jobs: Iterable[Job]) -> Iterator[tuple[Task, Listener]]:
        for job in jobs:
            for index, circuit in enumerate(job.circuits):
                state = circuit.state(self._now() - job.submitted)
                if self._stopped.done() or state.status.is_terminal:
                    continue  # it was cancelled before its turn
                digest = hashlib.sha256(f"{job.seed}/{index}".encode()).digest()
                task = job.task(index, seed=int.from_bytes(digest[:4], "big") >> 1)
                yield task, functools.partial(self._report, job, circuit)

    def _report(self, job: Job, circuit: Circuit, result: Result) -> None:
        """Record what the simulator reports on a circuit."""
        # On a virtual clock the simulator's work takes no time.
        now = 0.0 if isinstance(self.clock, VirtualClock) else self._now() - job.submitted
        if isinstance(result, Compiled):
            circuit.compiled = result
            circuit.compiled_at = now
        else:
            if isinstance(result, Returned):
                circuit.counts = result.value
            else:
                circuit.failure = result.failed
            circuit.finished_at = now
        with self._news:
            self._news.notify_all()

    # ---- what users see --------------------------------------------------------------------

    def find(self, owner: str, query: JobQuery) -> Iterator[tuple[Job, list[State]]]:
        """A user's jobs that match a query, in order of submission.

        Each comes with the states of its circuits.
        """
        jobs = list(self.jobs.values())
        if query.job_id is not None:
            found = (self.jobs.get(job_id) for job_id in set(query.job_id))
            jobs = sorted(filter(None, found), key=lambda job: job.number)
        wanted, now = query.status, self._now()
        for job in jobs:
            if job.owner != owner or not job.matches(query):
                continue
            states = self.states(job, now)
            if wanted is None or fold_statuses(state.status for state in states) in wanted:
                yield job, states

    def states(self, job: Job, now: float | None = None, *, wait: bool = False) -> list[State]:
        """The states of a job's circuits, now or at a time; on a virtual clock waits for them."""
        now = self._now() if now is None else now
        with job.lock:
            states = [circuit.state(now - job.submitted) for circuit in job.circuits]
        waiting = [
            circuit for circuit, state in zip(job.circuits, states, strict=True) if state.is_waiting
        ]
        if not waiting or not (wait or isinstance(self.clock, VirtualClock)):
            return states
        for circuit in waiting:
            with self._news:
                while circuit.state(now - job.submitted).is_waiting:
                    self._check_running()
                    self._news.wait(_CHECK_SECONDS)
        return self.states(job, now)

    def in_format(
        self, job: Job, states: list[State], circuit_type: str
    ) -> tuple[str, list[Converted]]:
        """What is shown of each circuit, and the format in which it is.

        That is the given one, or the job's own if its circuits cannot all be converted.
        """
        own_type = job.new_job.circuit_type
        own = [circuit.shown(state) for circuit, state in zip(job.circuits, states, strict=True)]
        if circuit_type == own_type:
            return own_type, own
        converted = []
        for shown in own:
            key = own_type, circuit_type, shown
            if key not in self._conversions:
                given = msgspec.structs.asdict(shown)
                result = None
                with contextlib.suppress(ValueError):
                    converting = {"circuit_type": own_type, "convert_to": circuit_type}
                    result = Converted(**self.call("convert", **given, **converting))
                self._conversions[key] = result
            if (other := self._conversions[key]) is None:
                return own_type, own
            converted.append(other)
        return circuit_type, converted

    # ---- ends before the end ---------------------------------------------------------------

    def cancel(self, owner: str, query: JobQuery) -> list[str]:
        """Cancel the unfinished circuits of a user's jobs; returns the ids of jobs that had any."""
        message = f"Cancelled by {owner}."
        return [
            str(job.job_id)
            for job, _ in list(self.find(owner, query))
            if self.end(job, CircuitStatus.CANCELLED, message)
        ]

    def end(
        self,
        job: Job,
        status: CircuitStatus,
        message: str | None = None,
        circuits: Collection[int] | None = None,
    ) -> bool:
        """End the unfinished circuits of a job, or some of them; returns whether there was one.

        With the status ``completed``, all that is left of their usual path happens now.
        """
        self.states(job)  # on a virtual clock, nothing changes before they are known
        path = path_of(job.new_job.job_type, verbatim=job.new_job.verbatim)
        found = False
        with job.lock:
            now = self._now() - job.submitted
            for index in range(len(job.circuits)) if circuits is None else circuits:
                circuit = job.circuits[index]
                state = circuit.state(now)
                if not state.status.is_terminal:
                    found = True
                    rest: tuple[CircuitStatus, ...] = (status,)
                    if status is CircuitStatus.COMPLETED:
                        rest = path[path.index(state.reached) + 1 :]
                    circuit.timetable = circuit.timetable.ended(state.reached, now, rest, message)
        with self._news:
            self._news.notify_all()
        return found
