"""A job as it is shown, to those who ask for it and to the operator.

Lives here: `job_data`, a job as ``JobData``; `own_words`, what is shown of a circuit in its own
language; and `EmulatedJob`, what the operator sees. No clock: they are given where circuits stand.
May import `stored`, `lives`, `plans`, `answers` and `simulator`.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Final

import attrs

from superstaq_jobs.records import CircuitStatus

from .answers import timestamp
from .lives import Standing
from .plans import Plan
from .simulator import Translated
from .stored import Circuit, Job

__all__ = ["EmulatedJob", "emulated_job", "job_data", "own_words"]


@attrs.frozen(kw_only=True)
class EmulatedJob:
    """A job at one moment, as the operator sees it.

    Attributes:
        job_id: Its id.
        user_email: Whose it is.
        job_type: ``submit``, ``simulate`` or ``compile``.
        target: What it runs on.
        tags: Its tags.
        submitted_at: When it came, by the emulator's clock; aware, in UTC.
        plan: The plan that it has, or None.
        statuses: The status of each circuit.
        messages: What is told of the end of each, or None.
    """

    job_id: uuid.UUID
    user_email: str
    job_type: str
    target: str
    tags: tuple[str, ...]
    submitted_at: dt.datetime
    plan: Plan | None
    statuses: tuple[CircuitStatus, ...]
    messages: tuple[str | None, ...]


def emulated_job(job: Job, standings: list[Standing]) -> EmulatedJob:
    """A job as the operator sees it."""
    return EmulatedJob(
        job_id=job.job_id,
        user_email=job.owner,
        job_type=job.new_job.job_type,
        target=job.new_job.target,
        tags=tuple(job.new_job.tags),
        submitted_at=job.submitted_at,
        plan=job.plan,
        statuses=tuple(standing.status for standing in standings),
        messages=tuple(standing.message for standing in standings),
    )


def own_words(circuit: Circuit, standing: Standing) -> Translated:
    """What is shown of a circuit in the language that it came in."""
    # What a circuit has behind it shows, however it ended; what the simulator has ready ahead of
    # the timetable does not.
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
    own = [own_words(c, standing) for c, standing in zip(job.circuits, standings, strict=True)]
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


def job_data(job: Job, standings: list[Standing], circuit_type: str) -> dict[str, Any]:
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
        and standing.reached in _AT_PROVIDER
    )
    return {
        "statuses": standing.status.value,
        "status_messages": standing.message,
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


_AT_PROVIDER: Final = frozenset(
    {CircuitStatus.PENDING, CircuitStatus.RUNNING, CircuitStatus.COMPLETED}
)


def _as_map(physical: list[int]) -> dict[int, int]:
    return dict(enumerate(physical))
