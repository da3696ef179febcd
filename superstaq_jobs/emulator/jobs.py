"""The jobs of an emulator, in memory.

Lives here: `JobStore`, under one lock: submissions, queries, cancellation, what the simulator
reports, and what an operator does. No status is stored: it is worked out from the timetable
whenever somebody looks. May import the other modules here but those that know HTTP.

On a real clock an answer tells what the simulator has done so far. On a virtual one an answer must
not depend on how fast this machine simulates: what the timetable has behind it has happened, at its
time, and a call that finds that the simulator is not so far yet raises `NotYet` and is to be
repeated.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import uuid
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from typing import Final

import attrs
import msgspec

from superstaq_jobs.clock import Clock, VirtualClock
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import fold_statuses

from .accounts import User
from .lives import Failure, Standing, hurry, plan_life, stand
from .plans import Plan, PlanQueue
from .requests import JobQuery, NewJob
from .simulator import Compiled, Counted, Reply, Task, Translated, Translation
from .stored import Circuit, Job
from .targets import Target
from .views import EmulatedJob, emulated_job, job_data, own_words

__all__ = ["Found", "JobStore", "NotYet", "Untranslated", "job_id_of"]

_NAMESPACE: Final = uuid.UUID("0b9c1a52-6a0e-5d0c-9c1f-6f1b3f5a7d11")


def job_id_of(seed: int, number: int) -> uuid.UUID:
    """The id of the job that an emulator of this seed is the ``number``-th to get, from 0."""
    return uuid.uuid5(_NAMESPACE, f"{seed}/{number}")


def _sampling_seed(seed: int, number: int, index: int) -> int:
    digest = hashlib.sha256(f"{seed}/{number}/{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


@attrs.frozen(kw_only=True)
class Untranslated:
    """A circuit that somebody wants to see in another language, before it has been translated."""

    translation: Translation
    keep: Callable[[Translated | None], None]


@attrs.frozen(kw_only=True)
class Found:
    """Jobs as ``JobData`` by id, and what must be translated first to show them as asked.

    Each job is JSON already: of ten thousand the lists and maps alone would be a quarter of a
    million, all there at once, and the garbage collector would go through them again and again.
    """

    jobs: dict[str, msgspec.Raw]
    untranslated: list[Untranslated]


class NotYet(Exception):
    """What was asked cannot be told before the simulator has done its work up to now.

    Args:
        reported: Done when it is worth asking again.
    """

    def __init__(self, reported: Future[None]) -> None:
        super().__init__(reported)
        self.reported = reported


class JobStore:
    """All the jobs of one emulator. Every method may be called from any thread.

    Args:
        seed: What the job ids, the paces and the samples follow from.
        clock: Time: the timetables run by it, and time stamps show it.
        step_seconds: How long a circuit stays in each status on average, in seconds.
    """

    def __init__(
        self,
        *,
        seed: int,
        clock: Clock,
        step_seconds: float,
    ) -> None:
        self._seed = seed
        self._clock = clock
        self._step_seconds = step_seconds
        self._is_virtual = isinstance(clock, VirtualClock)
        self._lock = threading.Lock()
        self._plans = PlanQueue()
        self._jobs: dict[uuid.UUID, Job] = {}
        self._latest = float("-inf")
        self._closed = False

    def _now(self) -> float:
        # Time must not go back, or a finished circuit could come to life again.
        self._latest = max(self._latest, self._clock.now())
        return self._latest

    def add(self, user: User, new_job: NewJob, texts: Iterable[str], target: Target) -> Job:
        """Take a job."""
        with self._lock:
            number = len(self._jobs)
            plan = self._plans.take(tags=new_job.tags, target=new_job.target)
            circuits = tuple(
                Circuit(
                    text=text,
                    life=plan_life(
                        new_job.job_type,
                        verbatim=new_job.verbatim,
                        step_seconds=self._step_seconds,
                        seed=f"{self._seed}/{number}/{index}",
                        plan=plan,
                        index=index,
                    ),
                )
                for index, text in enumerate(texts)
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
        """What the simulator is to do with one circuit."""
        new_job = job.new_job
        coupling = job.target.coupling
        return Task(
            circuit=job.circuits[index].text,
            circuit_type=new_job.circuit_type,
            verbatim=new_job.verbatim,
            run=new_job.job_type != "compile",
            noise=new_job.sim_method == "noise-sim" and new_job.job_type == "simulate",
            shots=new_job.shots,
            seed=_sampling_seed(self._seed, job.number, index),
            max_qubits=job.target.max_qubits,
            coupling=coupling and (*coupling, *((b, a) for a, b in coupling)),
        )

    def is_wanted(self, job: Job, index: int) -> bool:
        """Whether a circuit is still to be run."""
        with self._lock:
            return not self._closed and job.circuits[index].progress.ended_at is None

    def close(self) -> None:
        """Want nothing more from the simulator, and let nobody wait for it."""
        with self._lock:
            self._closed = True
            for job in self._jobs.values():
                for circuit in job.circuits:
                    _wake(circuit)

    def report(self, job: Job, index: int, reply: Reply) -> None:
        """Note what the simulator says of a circuit."""
        with self._lock:
            circuit = job.circuits[index]
            if circuit.progress.ended_at is not None:
                return  # What is over does not change, whatever came too late.
            # On a virtual clock the simulator's work takes no time.
            now = 0.0 if self._is_virtual else self._now() - job.submitted
            if isinstance(reply, Compiled):
                circuit.compiled = reply
                circuit.progress = attrs.evolve(circuit.progress, compiled_at=now)
            elif isinstance(reply, Counted):
                circuit.counts = reply.counts
                circuit.progress = attrs.evolve(circuit.progress, finished_at=now)
            else:
                failure = Failure(stage=reply.stage, message=reply.failed)
                circuit.progress = attrs.evolve(circuit.progress, finished_at=now, failure=failure)
            _wake(circuit)

    def find(self, user: User, query: JobQuery, circuit_type: str) -> Found:
        """The user's jobs that match, in order of submission, written in a language.

        A job whose circuits cannot all be translated is written in its own.
        """
        found = Found(jobs={}, untranslated=[])
        with self._lock:
            now = self._now()
            for job, standings in self._matches(user, query, now):
                found.untranslated.extend(self._untranslated(job, standings, circuit_type))
                shown = msgspec.json.encode(job_data(job, standings, circuit_type))
                found.jobs[str(job.job_id)] = msgspec.Raw(shown)
        return found

    def _untranslated(
        self, job: Job, standings: list[Standing], circuit_type: str
    ) -> Iterable[Untranslated]:
        if circuit_type == job.new_job.circuit_type:
            return
        for circuit, standing in zip(job.circuits, standings, strict=True):
            own = own_words(circuit, standing)
            kind = (circuit_type, own.compiled is not None)
            if kind in circuit.translations:
                continue

            def keep(
                translated: Translated | None,
                circuit: Circuit = circuit,
                kind: tuple[str, bool] = kind,
            ) -> None:
                with self._lock:
                    circuit.translations[kind] = translated

            yield Untranslated(
                translation=Translation(
                    circuit=own.circuit,
                    compiled=own.compiled,
                    physical_qubits=own.physical_qubits,
                    circuit_type=job.new_job.circuit_type,
                    translate_to=circuit_type,
                ),
                keep=keep,
            )

    def cancel(self, user: User, query: JobQuery) -> list[str]:
        """Cancel what is not over of the user's jobs that match; the ids of those that had any."""
        with self._lock:
            now = self._now()
            return [
                str(job.job_id)
                for job, standings in self._matches(user, query, now)
                if _end(
                    _alive(job, standings),
                    at=now - job.submitted,
                    status=CircuitStatus.CANCELLED,
                    message=f"Cancelled by {user.email}.",
                )
            ]

    def _matches(self, user: User, query: JobQuery, now: float) -> list[tuple[Job, list[Standing]]]:
        jobs: Iterable[Job] = self._jobs.values()
        if query.job_id is not None:
            wanted = dict.fromkeys(query.job_id)
            found = [self._jobs[job_id] for job_id in wanted if job_id in self._jobs]
            jobs = sorted(found, key=lambda job: job.number)
        stood = self._stand(
            (job for job in jobs if job.owner == user.email and _matches(job, query)), now
        )
        if query.status is None:
            return stood
        return [
            (job, standings)
            for job, standings in stood
            if fold_statuses(standing.status for standing in standings).value in query.status
        ]

    def _stand(self, jobs: Iterable[Job], now: float) -> list[tuple[Job, list[Standing]]]:
        """Where all the circuits of jobs stand, jobs in order of submission."""
        stood = []
        held = None
        for job in jobs:
            if job.over is not None:
                stood.append((job, job.over))
                continue
            elapsed = now - job.submitted
            standings = [stand(c.life, c.progress, elapsed) for c in job.circuits]
            if all(standing.status.is_terminal for standing in standings):
                job.over = standings
            stood.append((job, standings))
            for circuit, standing in zip(job.circuits, standings, strict=True):
                if standing.is_held:
                    held = circuit
        if held is not None and self._is_virtual:
            # The simulator takes circuits in order, so it is enough to wait for the last.
            raise self._not_yet(held)
        return stood

    def _not_yet(self, circuit: Circuit) -> NotYet:
        if self._closed:
            raise RuntimeError("the emulator was stopped")
        reported: Future[None] = Future()
        circuit.waits.append(reported)
        return NotYet(reported)

    # ---- the operator ----------------------------------------------------------------------

    def plan(
        self, plans: Collection[Plan], *, tag: str | None, target: str | None, always: bool
    ) -> int:
        """Have plans for jobs to come; how many plans wait for one job each."""
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
            return [emulated_job(*stood) for stood in self._stand(self._jobs.values(), self._now())]

    def end(
        self,
        job_id: uuid.UUID,
        status: CircuitStatus,
        message: str | None,
        circuits: Collection[int] | None,
    ) -> EmulatedJob:
        """End what is not over of a job, or of some circuits of it.

        Raises:
            LookupError: There is no such job or circuit.
        """
        with self._lock:
            now = self._now()
            job, standings = self._one(job_id, circuits, now)
            alive = _alive(job, standings, circuits)
            _end(alive, at=now - job.submitted, status=status, message=message)
            return emulated_job(*self._one(job_id, None, now))

    def finish(self, job_id: uuid.UUID, circuits: Collection[int] | None) -> EmulatedJob:
        """Let what is not over of a job, or of some circuits of it, complete now.

        Raises:
            LookupError: There is no such job or circuit.
        """
        with self._lock:
            now = self._now()
            job, standings = self._one(job_id, circuits, now)
            for circuit, standing in _alive(job, standings, circuits):
                circuit.life = hurry(circuit.life, standing.reached, now - job.submitted)
            return emulated_job(*self._one(job_id, None, now))

    def _one(
        self, job_id: uuid.UUID, circuits: Collection[int] | None, now: float
    ) -> tuple[Job, list[Standing]]:
        job = self._jobs.get(job_id)
        if job is None:
            raise LookupError(f"there is no job {job_id}")
        for index in circuits or ():
            if not 0 <= index < len(job.circuits):
                raise LookupError(f"job {job_id} has no circuit {index}")
        return self._stand([job], now)[0]


def _alive(
    job: Job, standings: list[Standing], circuits: Collection[int] | None = None
) -> list[tuple[Circuit, Standing]]:
    """The circuits, of all or of some, that are not over."""
    return [
        (circuit, standing)
        for index, (circuit, standing) in enumerate(zip(job.circuits, standings, strict=True))
        if (circuits is None or index in circuits) and not standing.status.is_terminal
    ]


def _end(
    alive: list[tuple[Circuit, Standing]],
    *,
    at: float,
    status: CircuitStatus,
    message: str | None,
) -> bool:
    """End circuits at a time after the submission; whether there were any."""
    for circuit, _ in alive:
        circuit.progress = attrs.evolve(
            circuit.progress, ended_at=at, ended_as=status, message=message
        )
        _wake(circuit)
    return bool(alive)


def _wake(circuit: Circuit) -> None:
    """Tell those that wait for news of a circuit."""
    while circuit.waits:
        circuit.waits.pop().set_result(None)


def _matches(job: Job, query: JobQuery) -> bool:
    """Whether a job matches all of a query that does not change with time."""
    new_job = job.new_job
    return (
        (query.user_email is None or job.owner in query.user_email)
        and (query.target_name is None or new_job.target in query.target_name)
        and (query.tags is None or not set(query.tags).isdisjoint(new_job.tags))
        and (query.min_priority is None or new_job.priority >= query.min_priority)
        and (query.max_priority is None or new_job.priority <= query.max_priority)
        and (query.submitted_before is None or job.submitted_at < _aware(query.submitted_before))
        and (query.submitted_after is None or job.submitted_at > _aware(query.submitted_after))
    )


def _aware(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment
