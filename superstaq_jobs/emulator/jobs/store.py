"""The jobs of an emulator, in memory.

No status is stored: it is computed from the timetables whenever it is needed. On a real clock, a
response shows what the simulator has done so far. On a virtual clock it must not depend on how fast
this machine simulates: what is due by the timetable has happened, at its time, and a call waits for
the simulator to catch up.

Each request has a thread of its own, and a job may have hundreds of thousands of circuits. So the
lock is held for one circuit at a time, and not at all to read: what a circuit shows is replaced
rather than changed, `Circuit.progress` last.
"""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import functools
import hashlib
import sys
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import msgspec

from superstaq_jobs.clock import Clock, VirtualClock
from superstaq_jobs.emulator.accounts import User
from superstaq_jobs.emulator.messages.requests import JobQuery, NewJob
from superstaq_jobs.emulator.simulator.simulator import Listener, Simulator
from superstaq_jobs.emulator.simulator.tasks import (
    Compiled,
    Converted,
    Counted,
    Result,
    Task,
)
from superstaq_jobs.emulator.targets import Target
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import fold_statuses

from .job import Circuit, EmulatedJob, Job, emulated_job, in_own_format, is_match
from .plans import Plan, PlanQueue
from .timetable import CircuitState, complete_at, make_timetable, path_of, state_at

__all__ = ["JobStore"]

T = TypeVar("T")

_NAMESPACE: Final = uuid.UUID("0b9c1a52-6a0e-5d0c-9c1f-6f1b3f5a7d11")

_CHECK_SECONDS: Final = 1.0
"""How often a waiting call checks that the simulator has not been closed, in real seconds."""

_TURN_CIRCUITS: Final = 100
_TURN_SECONDS: Final = 1e-4
"""A thread that takes the lock again and again gives the others a turn this often, for this long;
otherwise they would hardly ever get it."""


def _sampling_seed(seed: int, number: int, index: int) -> int:
    digest = hashlib.sha256(f"{seed}/{number}/{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


class JobStore:
    """All jobs of one emulator. Thread-safe.

    Args:
        seed: Determines durations and samples.
        id_seed: Determines job ids.
        clock: The clock for timetables and time stamps.
        step_seconds: How long a circuit stays in each status on average, in seconds.
        simulator: What runs the circuits.
        stored_tag: What is stored of each tag; None to store nothing of it.
    """

    def __init__(
        self,
        *,
        seed: int,
        id_seed: int,
        clock: Clock,
        step_seconds: float,
        simulator: Simulator,
        stored_tag: Callable[[str], str | None] | None = None,
    ) -> None:
        self._seed = seed
        self._id_seed = id_seed
        self._stored_tag = stored_tag
        self._clock = clock
        self._step_seconds = step_seconds
        self._simulator = simulator
        self._is_virtual = isinstance(clock, VirtualClock)
        self._news = threading.Condition()  # its lock guards everything
        self.plans = PlanQueue()
        self._jobs: dict[uuid.UUID, Job] = {}
        self._number = 0
        self._latest = float("-inf")
        self._stopped: Future[None] = Future()

    def _now(self) -> float:
        # Time must not go back, or a finished circuit could become unfinished.
        with self._news:
            self._latest = max(self._latest, self._clock.now())
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
            self.check_running()
        return future.result()

    def check_running(self) -> None:
        """Raise a RuntimeError if no more results are to be expected."""
        stopped = self._stopped.done()
        who = "emulator was stopped" if stopped else "simulator is closed"
        if stopped or self._simulator.is_closed:
            raise RuntimeError(f"the {who}, so circuits no longer run: start a new Emulator")

    # ---- new jobs --------------------------------------------------------------------------

    def add(
        self,
        user: User,
        new_job: NewJob,
        circuits: Sequence[str],
        target: Target,
        *,
        each: bool = False,
    ) -> list[Job]:
        """Store a new job, or one for each circuit; all of them take one plan."""
        plan = self.plans.take(tags=new_job.tags, target=new_job.target)
        add = functools.partial(self._add, user, new_job, target)
        if not each:
            return [add(circuits, plan)]
        return [
            add([circuit], plan and plan.for_one(index)) for index, circuit in enumerate(circuits)
        ]

    def _add(
        self,
        user: User,
        new_job: NewJob,
        target: Target,
        circuits: Sequence[str],
        plan: Plan | None,
    ) -> Job:
        with self._news:
            number = self._number
            self._number += 1
        timetable = functools.partial(
            make_timetable,
            new_job.job_type,
            verbatim=new_job.verbatim,
            step_seconds=self._step_seconds,
            plan=plan,
        )
        stored = map(self._stored_tag, new_job.tags) if self._stored_tag else new_job.tags
        job = Job(
            number=number,
            job_id=uuid.uuid5(_NAMESPACE, f"{self._id_seed}/{number}"),
            owner=user.email,
            new_job=new_job,
            tags=tuple(tag for tag in stored if tag is not None),
            target=target,
            plan=plan,
            circuits=tuple(
                Circuit(
                    source=circuit,
                    timetable=timetable(seed=f"{self._seed}/{number}/{index}", index=index),
                )
                for index, circuit in enumerate(circuits)
            ),
            submitted=self._now(),
            submitted_at=self._clock.utcnow().astimezone(dt.UTC),
        )
        with self._news:
            self._jobs[job.job_id] = job
        return job

    def start(self, jobs: Iterable[Job]) -> None:
        """Hand the circuits of stored jobs to the simulator.

        Raises:
            RuntimeError: The simulator is closed.
        """
        self._simulator.submit(self._runs(jobs))

    def _runs(self, jobs: Iterable[Job]) -> Iterator[tuple[Task, Listener]]:
        for job in jobs:
            for index, circuit in enumerate(job.circuits):
                if not self._stopped.done() and circuit.final_state is None:
                    task = job.task(index, seed=_sampling_seed(self._seed, job.number, index))
                    yield task, functools.partial(self._report, job, circuit)

    def _report(self, job: Job, circuit: Circuit, result: Result) -> None:
        """Record what the simulator reports on a circuit."""
        # On a virtual clock the simulator's work takes no time.
        now = 0.0 if self._is_virtual else self._now() - job.submitted
        with self._news:
            if circuit.final_state is not None:
                return  # A circuit that has been ended does not change any more.
            done: dict[str, object] = {"finished_at": now}
            if isinstance(result, Compiled):
                circuit.compiled = result
                done = {"compiled_at": now}
            elif isinstance(result, Counted):
                circuit.counts = result.counts
            else:
                done["failure"] = result
            circuit.progress = msgspec.structs.replace(circuit.progress, **done)
            self._news.notify_all()

    # ---- what users see --------------------------------------------------------------------

    def in_format(
        self, job: Job, states: list[CircuitState], circuit_type: str
    ) -> tuple[str, list[Converted]]:
        """What is shown of each circuit, and the format in which it is.

        That is the given one, or the job's own if its circuits cannot all be converted.
        """
        own = [in_own_format(c, state) for c, state in zip(job.circuits, states, strict=True)]
        if circuit_type == job.new_job.circuit_type:
            return circuit_type, own
        converted = []
        for circuit, shown in zip(job.circuits, own, strict=True):
            other = self._converted(job, circuit, shown, circuit_type)
            if other is None:
                return job.new_job.circuit_type, own
            converted.append(other)
        return circuit_type, converted

    def _converted(
        self, job: Job, circuit: Circuit, shown: Converted, circuit_type: str
    ) -> Converted | None:
        known = circuit.conversions
        kind = (circuit_type, shown.compiled is not None)
        if kind not in known:
            conversion = self._simulator.call(
                "convert",
                circuit=shown.circuit,
                compiled=shown.compiled,
                physical_qubits=shown.physical_qubits,
                circuit_type=job.new_job.circuit_type,
                convert_to=circuit_type,
            )
            try:
                result = Converted(**self.wait(conversion))
            except ValueError:
                result = None
            circuit.conversions = known = {**known, kind: result}
        return known[kind]

    def cancel(self, user: User, query: JobQuery) -> list[str]:
        """Cancel the unfinished circuits of a user's jobs; returns the ids of jobs that had any."""
        message = f"Cancelled by {user.email}."
        return [
            str(job.job_id)
            for job, _ in list(self.find(user, query))
            if self._end(job, CircuitStatus.CANCELLED, message)
        ]

    def find(self, user: User, query: JobQuery) -> Iterator[tuple[Job, list[CircuitState]]]:
        """The user's jobs that match a query, in order of submission.

        Each comes with the states of its circuits.
        """
        with self._news:
            jobs = list(self._jobs.values())
            if query.job_id is not None:
                jobs = [self._jobs[job_id] for job_id in set(query.job_id) if job_id in self._jobs]
        jobs.sort(key=lambda job: job.number)
        now = self._now()
        for job in jobs:
            if job.owner != user.email or not is_match(job, query):
                continue
            states = self._states(job, now)
            wanted = query.status
            if wanted is None or fold_statuses(state.status for state in states).value in wanted:
                yield job, states

    def _states(self, job: Job, now: float, *, wait: bool = False) -> list[CircuitState]:
        """The states of a job's circuits at a time; on a virtual clock waits for them."""
        states = []
        for circuit in job.circuits:
            while True:
                known = circuit.progress
                state = self._state(job, circuit, now)
                if not (state.is_waiting and (wait or self._is_virtual)):
                    break
                with self._news:
                    while circuit.progress is known and circuit.final_state is None:
                        self.check_running()
                        self._news.wait(_CHECK_SECONDS)
            states.append(state)
        return states

    def _state(self, job: Job, circuit: Circuit, now: float) -> CircuitState:
        state = circuit.final_state
        if state is None:
            state = state_at(circuit.timetable, circuit.progress, now - job.submitted)
            if state.status.is_terminal:
                with self._news:  # it may have been ended meanwhile
                    circuit.final_state = state = circuit.final_state or state
        return state

    # ---- the operator ----------------------------------------------------------------------

    def all_jobs(self) -> list[EmulatedJob]:
        """All jobs of all users, in order of submission."""
        with self._news:
            jobs = sorted(self._jobs.values(), key=lambda job: job.number)
        now = self._now()
        return [emulated_job(job, self._states(job, now)) for job in jobs]

    def end(
        self,
        job_id: uuid.UUID,
        status: CircuitStatus,
        message: str | None,
        circuits: Collection[int] | None,
    ) -> EmulatedJob:
        """End the unfinished circuits of a job, or some of them.

        With the status ``completed`` all that is left of their timetables happens now.

        Raises:
            LookupError: The job or a circuit does not exist.
        """
        job = self._jobs.get(job_id)
        if job is None:
            raise LookupError(f"job {job_id} does not exist in this emulator")
        for index in circuits or ():
            if not 0 <= index < len(job.circuits):
                raise LookupError(
                    f"job {job_id} has no circuit {index}: it has {len(job.circuits)} of them, "
                    "numbered from 0"
                )
        self._end(job, status, message, circuits)
        return emulated_job(job, self._states(job, self._now()))

    def complete(self, jobs: Collection[Job]) -> None:
        """Complete jobs now, whatever their timetables, and wait until the simulator has."""
        for job in jobs:
            self._end(job, CircuitStatus.COMPLETED)
        for job in jobs:
            self._states(job, sys.float_info.max, wait=True)

    def _end(
        self,
        job: Job,
        status: CircuitStatus,
        message: str | None = None,
        circuits: Collection[int] | None = None,
    ) -> bool:
        """End unfinished circuits; returns whether there was one."""
        self._states(job, self._now())  # on a virtual clock, nothing changes before they are known
        path = path_of(job.new_job.job_type, verbatim=job.new_job.verbatim)
        found = False
        for index, circuit in enumerate(job.circuits):
            if circuits is not None and index not in circuits:
                continue
            if index % _TURN_CIRCUITS == 0:
                time.sleep(_TURN_SECONDS)
            with self._news:
                now = self._now()
                state = self._state(job, circuit, now)
                if state.status.is_terminal:
                    continue
                found = True
                at, reached = now - job.submitted, state.reached
                if status is CircuitStatus.COMPLETED:
                    circuit.timetable = complete_at(path, circuit.timetable, reached, at)
                else:  # whatever the simulator reports later
                    circuit.final_state = CircuitState(
                        status=status, since=at, reached=reached, message=message
                    )
                self._news.notify_all()
        return found
