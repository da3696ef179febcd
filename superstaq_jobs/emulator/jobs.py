"""The jobs of an emulator, in memory.

Lives here: `JobStore`, under one lock: submissions, queries, cancellation, what the simulator
reports, and `JobData`, a job as an answer shows it. No status is stored: it is worked out from the
timetable whenever somebody looks. May import the other modules here but `app` and `server`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs
import msgspec

from superstaq_jobs.status import CircuitStatus, fold_statuses

from .accounts import User
from .answers import timestamp
from .lives import Life, Progress, Standing, plan_life, stand
from .requests import JobQuery, NewJob
from .simulator import Compiled, Counted, Reply, Task, Translated, Translation
from .targets import Target

__all__ = ["Circuit", "Found", "Job", "JobStore", "Untranslated", "job_id_of"]

_NAMESPACE: Final = uuid.UUID("0b9c1a52-6a0e-5d0c-9c1f-6f1b3f5a7d11")


def job_id_of(seed: int, number: int) -> uuid.UUID:
    """The id of the job that an emulator of this seed is the ``number``-th to get, from 0."""
    return uuid.uuid5(_NAMESPACE, f"{seed}/{number}")


def _sampling_seed(seed: int, number: int, index: int) -> int:
    digest = hashlib.sha256(f"{seed}/{number}/{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


@attrs.define(kw_only=True)
class Circuit:
    """One circuit of a job, and what is known of it. Guarded by the store's lock."""

    text: str
    life: Life
    progress: Progress = attrs.field(factory=Progress)
    compiled: Compiled | None = None
    counts: dict[str, int] | None = None
    message: str | None = None
    translations: dict[tuple[str, bool], Translated | None] = attrs.field(factory=dict)
    """By language, and whether the compiled form is there; None where there is no translation."""


@attrs.define(kw_only=True)
class Job:
    """One job. Only its circuits change."""

    number: int
    job_id: uuid.UUID
    owner: str
    new_job: NewJob
    target: Target
    submitted: float
    submitted_at: dt.datetime
    circuits: tuple[Circuit, ...]


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


class JobStore:
    """All the jobs of one emulator. Every method may be called from any thread.

    Args:
        seed: What the job ids, the paces and the samples follow from.
        clock: Seconds from any start; the timetables run by it.
        wall_clock: The time that time stamps show, aware.
        step_seconds: How long a circuit stays in each status on average, in seconds.
    """

    def __init__(
        self,
        *,
        seed: int,
        clock: Callable[[], float],
        wall_clock: Callable[[], dt.datetime],
        step_seconds: float,
    ) -> None:
        self._seed = seed
        self._clock = clock
        self._wall_clock = wall_clock
        self._step_seconds = step_seconds
        self._lock = threading.Lock()
        self._jobs: dict[uuid.UUID, Job] = {}
        self._latest = float("-inf")
        self._closed = False

    def _now(self) -> float:
        # Time must not go back, or a finished circuit could come to life again.
        self._latest = max(self._latest, self._clock())
        return self._latest

    def add(self, user: User, new_job: NewJob, texts: Iterable[str], target: Target) -> Job:
        """Take a job."""
        with self._lock:
            number = len(self._jobs)
            circuits = tuple(
                Circuit(
                    text=text,
                    life=plan_life(
                        new_job.job_type,
                        verbatim=new_job.verbatim,
                        step_seconds=self._step_seconds,
                        seed=f"{self._seed}/{number}/{index}",
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
                submitted=self._now(),
                submitted_at=self._wall_clock().astimezone(dt.UTC),
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
            return not self._closed and job.circuits[index].progress.cancelled_at is None

    def close(self) -> None:
        """Want nothing more from the simulator."""
        with self._lock:
            self._closed = True

    def report(self, job: Job, index: int, reply: Reply) -> None:
        """Note what the simulator says of a circuit."""
        with self._lock:
            circuit = job.circuits[index]
            if circuit.progress.cancelled_at is not None:
                return  # What is over does not change, whatever came too late.
            now = self._now() - job.submitted
            if isinstance(reply, Compiled):
                circuit.compiled = reply
                circuit.progress = attrs.evolve(circuit.progress, compiled_at=now)
            elif isinstance(reply, Counted):
                circuit.counts = reply.counts
                circuit.progress = attrs.evolve(circuit.progress, finished_at=now)
            else:
                circuit.message = reply.failed
                circuit.progress = attrs.evolve(
                    circuit.progress, finished_at=now, failed_in=reply.stage
                )

    def find(self, user: User, query: JobQuery, circuit_type: str) -> Found:
        """The user's jobs that match, in order of submission, written in a language.

        A job whose circuits cannot all be translated is written in its own.
        """
        found = Found(jobs={}, untranslated=[])
        with self._lock:
            now = self._now()
            for job, standings in self._matches(user, query, now):
                found.untranslated.extend(self._untranslated(job, standings, circuit_type))
                shown = msgspec.json.encode(_job_data(job, standings, circuit_type))
                found.jobs[str(job.job_id)] = msgspec.Raw(shown)
        return found

    def _untranslated(
        self, job: Job, standings: list[Standing], circuit_type: str
    ) -> Iterable[Untranslated]:
        if circuit_type == job.new_job.circuit_type:
            return
        for circuit, standing in zip(job.circuits, standings, strict=True):
            own = _own_words(circuit, standing)
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
            cancelled = []
            for job, standings in list(self._matches(user, query, now)):
                alive = [
                    circuit
                    for circuit, standing in zip(job.circuits, standings, strict=True)
                    if not standing.status.is_terminal
                ]
                for circuit in alive:
                    circuit.message = f"Cancelled by {user.email}."
                    circuit.progress = attrs.evolve(
                        circuit.progress, cancelled_at=now - job.submitted
                    )
                if alive:
                    cancelled.append(str(job.job_id))
            return cancelled

    def _matches(
        self, user: User, query: JobQuery, now: float
    ) -> Iterable[tuple[Job, list[Standing]]]:
        jobs: Iterable[Job] = self._jobs.values()
        if query.job_id is not None:
            wanted = dict.fromkeys(query.job_id)
            found = [self._jobs[job_id] for job_id in wanted if job_id in self._jobs]
            jobs = sorted(found, key=lambda job: job.number)
        for job in jobs:
            if job.owner != user.email or not _matches(job, query):
                continue
            elapsed = now - job.submitted
            standings = [stand(c.life, c.progress, elapsed) for c in job.circuits]
            if query.status is not None:
                folded = fold_statuses(standing.status for standing in standings)
                if folded.value not in query.status:
                    continue
            yield job, standings


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


def _own_words(circuit: Circuit, standing: Standing) -> Translated:
    """What is shown of a circuit in the language that it came in."""
    # What a circuit has behind it shows, even if it was cancelled later; what the simulator has
    # ready ahead of the timetable does not.
    compiled = circuit.compiled if standing.reached.is_compiled else None
    if compiled is None:
        return Translated(circuit=circuit.text)
    return Translated(
        circuit=circuit.text,
        compiled=compiled.compiled,
        logical_qubits=compiled.logical_qubits,
        physical_qubits=compiled.physical_qubits,
    )


def _words(job: Job, standings: list[Standing], circuit_type: str) -> tuple[str, list[Translated]]:
    """What is shown of each circuit, and in which language."""
    own = [_own_words(c, standing) for c, standing in zip(job.circuits, standings, strict=True)]
    if circuit_type == job.new_job.circuit_type:
        return circuit_type, own
    other = [
        circuit.translations.get((circuit_type, words.compiled is not None))
        for circuit, words in zip(job.circuits, own, strict=True)
    ]
    translated = [words for words in other if words is not None]
    if len(translated) < len(own):
        return job.new_job.circuit_type, own
    return circuit_type, translated


def _job_data(job: Job, standings: list[Standing], circuit_type: str) -> dict[str, Any]:
    """A job as the API shows it, every list one entry a circuit."""
    new_job = job.new_job
    language, words = _words(job, standings, circuit_type)
    views = [
        _circuit_data(job, index, standing, words[index])
        for index, standing in enumerate(standings)
    ]
    return {
        "job_type": new_job.job_type,
        "user_email": job.owner,
        "target": new_job.target,
        "num_circuits": len(views),
        "circuit_type": language,
        "dry_run": new_job.dry_run,
        "submission_timestamp": timestamp(job.submitted_at),
        "tags": new_job.tags,
        "metadata": new_job.metadata,
        **{name: [view[name] for view in views] for name in views[0]},
    }


def _circuit_data(job: Job, index: int, standing: Standing, words: Translated) -> dict[str, Any]:
    circuit = job.circuits[index]
    compiled = circuit.compiled if standing.reached.is_compiled else None
    completed = standing.status is CircuitStatus.COMPLETED
    at_provider = (
        job.new_job.job_type == "submit"
        and not job.new_job.dry_run
        and (standing.reached in _AT_PROVIDER or _failed_there(circuit, standing))
    )
    telling = standing.status in {CircuitStatus.FAILED, CircuitStatus.CANCELLED}
    return {
        "statuses": standing.status.value,
        "status_messages": circuit.message if telling else None,
        "provider_id": f"emulated-{job.number}-{index}" if at_provider else None,
        "compiled_circuits": words.compiled,
        "input_circuits": words.circuit,
        "counts": circuit.counts if completed else None,
        "results_dicts": None,
        "shots": job.new_job.shots,
        "last_updated_timestamp": timestamp(
            job.submitted_at + dt.timedelta(seconds=standing.since)
        ),
        "initial_logical_to_physicals": compiled and _as_map(compiled.initial),
        "final_logical_to_physicals": compiled and _as_map(compiled.final),
        "logical_qubits": words.logical_qubits,
        "physical_qubits": words.physical_qubits,
    }


def _failed_there(circuit: Circuit, standing: Standing) -> bool:
    # A circuit that is not compiled first is first looked at there.
    compiled_first = any(step.status is CircuitStatus.COMPILING for step in circuit.life.steps)
    in_time = circuit.progress.failed_in == "compile" and compiled_first
    return standing.status is CircuitStatus.FAILED and not in_time


_AT_PROVIDER: Final = frozenset(
    {CircuitStatus.PENDING, CircuitStatus.RUNNING, CircuitStatus.COMPLETED}
)


def _as_map(physical: list[int]) -> dict[int, int]:
    return dict(enumerate(physical))
