"""The jobs of an emulator, in memory, under one lock.

No status is stored: it is computed from the timetables whenever it is needed. On a real clock, a
response shows what the simulator has done so far. On a virtual clock it must not depend on how fast
this machine simulates: what is due by the timetable has happened, at its time, and an operation
that finds the simulator behind raises `SimulatorBehind` and is to be tried again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import uuid
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from typing import Final, TypeVar

import attrs
import msgspec

from superstaq_jobs.clock import Clock, VirtualClock
from superstaq_jobs.emulator.accounts import User
from superstaq_jobs.emulator.messages.requests import JobQuery, NewJob
from superstaq_jobs.emulator.simulator.tasks import (
    Compiled,
    Conversion,
    Converted,
    Counted,
    Result,
    Task,
)
from superstaq_jobs.emulator.targets import Target
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import fold_statuses

from .job import (
    Circuit,
    EmulatedJob,
    Job,
    emulated_job,
    in_own_format,
    is_match,
    job_data,
    unfinished,
)
from .plans import Plan, PlanQueue
from .timetable import CircuitState, Failure, complete_at, make_timetable, state_at

__all__ = ["FoundJobs", "JobStore", "SimulatorBehind", "Unconverted", "job_id_of"]

T = TypeVar("T")

_NAMESPACE: Final = uuid.UUID("0b9c1a52-6a0e-5d0c-9c1f-6f1b3f5a7d11")


def job_id_of(seed: int, number: int) -> uuid.UUID:
    """The id of the ``number``-th job, from 0, of an emulator with this seed."""
    return uuid.uuid5(_NAMESPACE, f"{seed}/{number}")


def _sampling_seed(seed: int, number: int, index: int) -> int:
    digest = hashlib.sha256(f"{seed}/{number}/{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


@attrs.frozen(kw_only=True)
class Unconverted:
    """A circuit that is requested in another format but has not been converted to it yet."""

    conversion: Conversion
    keep: Callable[[Converted | None], None]


@attrs.frozen(kw_only=True)
class FoundJobs:
    """Jobs as ``JobData`` by id, and the circuits that must be converted to show them as requested.

    Each job is JSON already: as lists and dicts, ten thousand jobs would be a quarter of a million
    objects at once, which the garbage collector would traverse again and again.
    """

    jobs: dict[str, msgspec.Raw]
    unconverted: list[Unconverted]


class SimulatorBehind(Exception):
    """An operation needs results that are due but that the simulator does not have yet.

    Args:
        reported: Done when it is worth trying again.
    """

    def __init__(self, reported: Future[None]) -> None:
        super().__init__(reported)
        self.reported = reported


class JobStore:
    """All jobs of one emulator. Thread-safe.

    Args:
        seed: Determines job ids, durations and samples.
        clock: The clock for timetables and time stamps.
        step_seconds: How long a circuit stays in each status on average, in seconds.
        stored_tag: What is stored of each tag; None to store nothing of it.
    """

    def __init__(
        self,
        *,
        seed: int,
        clock: Clock,
        step_seconds: float,
        stored_tag: Callable[[str], str | None] | None = None,
    ) -> None:
        self._seed = seed
        self._stored_tag = stored_tag
        self._clock = clock
        self._step_seconds = step_seconds
        self._is_virtual = isinstance(clock, VirtualClock)
        self._lock = threading.Lock()
        self._plans = PlanQueue()
        self._jobs: dict[uuid.UUID, Job] = {}
        self._latest = float("-inf")
        self._closed = False

    def _now(self) -> float:
        # Time must not go back, or a finished circuit could become unfinished.
        self._latest = max(self._latest, self._clock.now())
        return self._latest

    def add(self, user: User, new_job: NewJob, sources: Iterable[str], target: Target) -> Job:
        """Store a new job."""
        with self._lock:
            plan = self._plans.take(tags=new_job.tags, target=new_job.target)
            return self._add(user, new_job, sources, target, plan)

    def add_each(
        self,
        user: User,
        new_job: NewJob,
        sources: Iterable[str],
        target: Target,
        *,
        num_qubits: Iterable[int | None],
    ) -> list[Job]:
        """Store a new job for each circuit; all of them take one plan, as a single job would."""
        with self._lock:
            plan = self._plans.take(tags=new_job.tags, target=new_job.target)
            jobs = []
            for index, (source, qubits) in enumerate(zip(sources, num_qubits, strict=True)):
                part = plan and plan.for_one(index)
                job = self._add(user, new_job, [source], target, part)
                job.circuits[0].num_qubits = qubits
                jobs.append(job)
            return jobs

    def _add(
        self,
        user: User,
        new_job: NewJob,
        sources: Iterable[str],
        target: Target,
        plan: Plan | None,
    ) -> Job:
        number = len(self._jobs)
        if self._stored_tag is not None:
            stored = [tag for tag in map(self._stored_tag, new_job.tags) if tag is not None]
            new_job = msgspec.structs.replace(new_job, tags=stored)
        circuits = tuple(
            Circuit(
                source=source,
                timetable=make_timetable(
                    new_job.job_type,
                    verbatim=new_job.verbatim,
                    step_seconds=self._step_seconds,
                    seed=f"{self._seed}/{number}/{index}",
                    plan=plan,
                    index=index,
                ),
            )
            for index, source in enumerate(sources)
        )
        job = Job(
            number=number,
            job_id=job_id_of(self._seed, number),
            owner=user.email,
            new_job=new_job,
            target=target,
            plan=plan,
            submitted=self._now(),
            submitted_at=self._clock.utcnow().astimezone(dt.UTC),
            circuits=circuits,
        )
        self._jobs[job.job_id] = job
        return job

    def task(self, job: Job, index: int) -> Task:
        """The simulator's task for one circuit."""
        new_job = job.new_job
        noise = new_job.sim_method == "noise-sim" and new_job.job_type == "simulate"
        return Task(
            circuit=job.circuits[index].source,
            circuit_type=new_job.circuit_type,
            verbatim=new_job.verbatim,
            run=new_job.job_type != "compile",
            noise=noise,
            error_rate=new_job.options_dict.get("error_rate") if noise else None,
            shots=new_job.shots,
            seed=_sampling_seed(self._seed, job.number, index),
            **job.target.device,
        )

    def is_wanted(self, job: Job, index: int) -> bool:
        """Whether a circuit still has to run."""
        with self._lock:
            return not self._closed and job.circuits[index].progress.ended_at is None

    def close(self) -> None:
        """Stop running circuits, and wake up everyone who waits for one."""
        with self._lock:
            self._closed = True
            for job in self._jobs.values():
                for circuit in job.circuits:
                    circuit.notify()

    def report(self, job: Job, index: int, result: Result) -> None:
        """Record what the simulator reports on a circuit."""
        with self._lock:
            circuit = job.circuits[index]
            if circuit.progress.ended_at is not None:
                return  # A circuit that has been ended does not change any more.
            # On a virtual clock the simulator's work takes no time.
            now = 0.0 if self._is_virtual else self._now() - job.submitted
            if isinstance(result, Compiled):
                circuit.compiled = result
                circuit.progress = attrs.evolve(circuit.progress, compiled_at=now)
            elif isinstance(result, Counted):
                circuit.counts = result.counts
                circuit.progress = attrs.evolve(circuit.progress, finished_at=now)
            else:
                failure = Failure(stage=result.stage, message=result.failed)
                circuit.progress = attrs.evolve(circuit.progress, finished_at=now, failure=failure)
            circuit.notify()

    def find(self, user: User, query: JobQuery, circuit_type: str) -> FoundJobs:
        """The user's jobs that match a query, in order of submission, with circuits in one format.

        A job whose circuits cannot all be converted keeps its own format.
        """
        found = FoundJobs(jobs={}, unconverted=[])
        with self._lock:
            now = self._now()
            for job, states in self._matches(user, query, now):
                found.unconverted.extend(self._unconverted(job, states, circuit_type))
                shown = msgspec.json.encode(job_data(job, states, circuit_type))
                found.jobs[str(job.job_id)] = msgspec.Raw(shown)
        return found

    def view(
        self, user: User, query: JobQuery, show: Callable[[Job, list[CircuitState]], T]
    ) -> list[T]:
        """What a function makes of each of the user's jobs that match, in order of submission.

        It is called with the job and the states of its circuits, under the lock.
        """
        with self._lock:
            return [show(job, states) for job, states in self._matches(user, query, self._now())]

    def _unconverted(
        self, job: Job, states: list[CircuitState], circuit_type: str
    ) -> Iterable[Unconverted]:
        if circuit_type == job.new_job.circuit_type:
            return
        for circuit, state in zip(job.circuits, states, strict=True):
            own = in_own_format(circuit, state)
            kind = (circuit_type, own.compiled is not None)
            if kind in circuit.conversions:
                continue

            def keep(
                converted: Converted | None,
                circuit: Circuit = circuit,
                kind: tuple[str, bool] = kind,
            ) -> None:
                with self._lock:
                    circuit.conversions[kind] = converted

            yield Unconverted(
                conversion=Conversion(
                    circuit=own.circuit,
                    compiled=own.compiled,
                    physical_qubits=own.physical_qubits,
                    circuit_type=job.new_job.circuit_type,
                    convert_to=circuit_type,
                ),
                keep=keep,
            )

    def cancel(self, user: User, query: JobQuery) -> list[str]:
        """Cancel the unfinished circuits of a user's jobs; returns the ids of jobs that had any."""
        with self._lock:
            now = self._now()
            message = f"Cancelled by {user.email}."
            cancelled = []
            for job, states in self._matches(user, query, now):
                circuits = unfinished(job, states)
                for circuit, _ in circuits:
                    at = now - job.submitted
                    circuit.end(at=at, status=CircuitStatus.CANCELLED, message=message)
                if circuits:
                    cancelled.append(str(job.job_id))
            return cancelled

    def _matches(
        self, user: User, query: JobQuery, now: float
    ) -> list[tuple[Job, list[CircuitState]]]:
        jobs: Iterable[Job] = self._jobs.values()
        if query.job_id is not None:
            wanted = dict.fromkeys(query.job_id)
            known = [self._jobs[job_id] for job_id in wanted if job_id in self._jobs]
            jobs = sorted(known, key=lambda job: job.number)
        found = self._states_of(
            (job for job in jobs if job.owner == user.email and is_match(job, query)), now
        )
        if query.status is None:
            return found
        return [
            (job, states)
            for job, states in found
            if fold_statuses(state.status for state in states).value in query.status
        ]

    def _states_of(self, jobs: Iterable[Job], now: float) -> list[tuple[Job, list[CircuitState]]]:
        """The states of all circuits of jobs, in order of submission."""
        found = []
        waiting = None
        for job in jobs:
            if job.final_states is not None:
                found.append((job, job.final_states))
                continue
            elapsed = now - job.submitted
            states = [state_at(c.timetable, c.progress, elapsed) for c in job.circuits]
            if all(state.status.is_terminal for state in states):
                job.final_states = states
            found.append((job, states))
            for circuit, state in zip(job.circuits, states, strict=True):
                if state.is_waiting:
                    waiting = circuit
        if waiting is not None and self._is_virtual:
            # The simulator runs circuits in order, so it is enough to wait for the last one.
            raise self._behind(waiting)
        return found

    def _behind(self, circuit: Circuit) -> SimulatorBehind:
        if self._closed:
            raise RuntimeError(
                "the emulator was stopped, so its circuits no longer run: start a new Emulator"
            )
        reported: Future[None] = Future()
        circuit.waiters.append(reported)
        return SimulatorBehind(reported)

    # ---- the operator ----------------------------------------------------------------------

    def plan(
        self, plans: Collection[Plan], *, tag: str | None, target: str | None, always: bool
    ) -> int:
        """Add plans for jobs to come; returns how many plans wait for one job each."""
        with self._lock:
            if always:
                for plan in plans:
                    self._plans.set_always(plan, tag=tag, target=target)
            else:
                self._plans.add(plans, tag=tag, target=target)
            return len(self._plans)

    def all_jobs(self) -> list[EmulatedJob]:
        """All jobs of all users, in order of submission."""
        with self._lock:
            return [
                emulated_job(*found) for found in self._states_of(self._jobs.values(), self._now())
            ]

    def end(
        self,
        job_id: uuid.UUID,
        status: CircuitStatus,
        message: str | None,
        circuits: Collection[int] | None,
    ) -> EmulatedJob:
        """End the unfinished circuits of a job, or some of them.

        Raises:
            LookupError: The job or a circuit does not exist.
        """
        with self._lock:
            now = self._now()
            job, states = self._one(job_id, circuits, now)
            for circuit, _ in unfinished(job, states, circuits):
                circuit.end(at=now - job.submitted, status=status, message=message)
            return emulated_job(*self._one(job_id, None, now))

    def finish(self, job_id: uuid.UUID, circuits: Collection[int] | None) -> EmulatedJob:
        """Complete the unfinished circuits of a job, or some of them, now.

        Raises:
            LookupError: The job or a circuit does not exist.
        """
        with self._lock:
            now = self._now()
            job, states = self._one(job_id, circuits, now)
            for circuit, state in unfinished(job, states, circuits):
                circuit.timetable = complete_at(
                    circuit.timetable, state.reached, now - job.submitted
                )
            return emulated_job(*self._one(job_id, None, now))

    def complete(self, jobs: Collection[Job]) -> None:
        """Complete jobs now, whatever their timetables.

        Raises:
            SimulatorBehind: The simulator has not run them yet, on whatever clock: to be tried
                again.
        """
        with self._lock:
            now = self._now()
            for job, states in self._states_of(jobs, now):
                for circuit, state in unfinished(job, states):
                    at = now - job.submitted
                    circuit.timetable = complete_at(circuit.timetable, state.reached, at)
            for job, states in self._states_of(jobs, now):
                for circuit, _ in unfinished(job, states):
                    raise self._behind(circuit)

    def _one(
        self, job_id: uuid.UUID, circuits: Collection[int] | None, now: float
    ) -> tuple[Job, list[CircuitState]]:
        job = self._jobs.get(job_id)
        if job is None:
            raise LookupError(f"job {job_id} does not exist in this emulator")
        for index in circuits or ():
            if not 0 <= index < len(job.circuits):
                raise LookupError(
                    f"job {job_id} has no circuit {index}: it has {len(job.circuits)} of them, "
                    "numbered from 0"
                )
        return self._states_of([job], now)[0]
