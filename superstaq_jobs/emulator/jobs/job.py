"""A job and its circuits, and the forms in which users and the operator see them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs
import msgspec

from superstaq_jobs.emulator.messages.requests import JobQuery, NewJob
from superstaq_jobs.emulator.messages.responses import timestamp
from superstaq_jobs.emulator.simulator.tasks import Compiled, Converted, Task
from superstaq_jobs.emulator.targets import Target
from superstaq_jobs.records import CircuitStatus

from .plans import Plan
from .timetable import CircuitState, Progress, Timetable

__all__ = [
    "Circuit",
    "EmulatedJob",
    "Job",
    "emulated_job",
    "in_own_format",
    "is_match",
    "job_data",
]


class Circuit(msgspec.Struct, kw_only=True, gc=False):
    """One circuit of a job, and what is known of it. Changed under the store's lock only."""

    source: str
    timetable: Timetable
    progress: Progress = Progress()
    compiled: Compiled | None = None
    counts: dict[str, int] | None = None
    num_qubits: int | None = None
    """If it was found out when it was submitted."""
    conversions: Mapping[tuple[str, bool], Converted | None] = MappingProxyType({})
    """By format, and whether the compiled form is included; None if conversion is impossible."""
    final_state: CircuitState | None = None
    """Its state, once it is terminal."""


@attrs.frozen(kw_only=True)
class Job:
    """One job. Only its circuits change."""

    number: int
    job_id: uuid.UUID
    owner: str
    new_job: NewJob
    tags: tuple[str, ...]
    target: Target
    plan: Plan | None
    submitted: float
    submitted_at: dt.datetime
    circuits: tuple[Circuit, ...]

    def provider_id(self, index: int, state: CircuitState) -> str | None:
        """The id of one of its circuits at the device's provider; None if it is not there."""
        new_job = self.new_job
        if new_job.job_type != "submit" or new_job.dry_run or state.reached not in _AT_PROVIDER:
            return None
        return f"emulated-{self.number}-{index}"

    def task(self, index: int, *, seed: int) -> Task:
        """The simulator's task for one of its circuits."""
        new_job = self.new_job
        noise = new_job.sim_method == "noise-sim" and new_job.job_type == "simulate"
        return Task(
            circuit=self.circuits[index].source,
            circuit_type=new_job.circuit_type,
            verbatim=new_job.verbatim,
            run=new_job.job_type != "compile",
            noise=noise,
            error_rate=new_job.options_dict.get("error_rate") if noise else None,
            shots=new_job.shots,
            seed=seed,
            **self.target.device,
        )


@attrs.frozen(kw_only=True)
class EmulatedJob:
    """A job at one moment, as the operator sees it.

    Attributes:
        job_id: Its id.
        user_email: The e-mail address of its user.
        job_type: ``submit``, ``simulate`` or ``compile``.
        target: The target it runs on.
        tags: Its tags.
        submitted_at: When it was submitted, by the emulator's clock; aware, in UTC.
        plan: Its plan, or None.
        statuses: The status of each circuit.
        messages: The status message of each circuit, or None.
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


def emulated_job(job: Job, states: list[CircuitState]) -> EmulatedJob:
    """A job as the operator sees it."""
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


def is_match(job: Job, query: JobQuery) -> bool:
    """Whether a job matches all conditions of a query that do not depend on time."""
    new_job = job.new_job
    return (
        (query.user_email is None or job.owner in query.user_email)
        and (query.target_name is None or new_job.target in query.target_name)
        and (query.tags is None or not set(query.tags).isdisjoint(job.tags))
        and (query.min_priority is None or new_job.priority >= query.min_priority)
        and (query.max_priority is None or new_job.priority <= query.max_priority)
        and (query.submitted_before is None or job.submitted_at < _aware(query.submitted_before))
        and (query.submitted_after is None or job.submitted_at > _aware(query.submitted_after))
    )


def _aware(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment


def in_own_format(circuit: Circuit, state: CircuitState) -> Converted:
    """What is shown of a circuit in the format in which it was submitted."""
    # What the circuit has reached on its path is shown, however it ended. What the simulator has
    # finished ahead of the timetable is not.
    compiled = circuit.compiled if state.reached.is_compiled else None
    if compiled is None:
        return Converted(circuit=circuit.source)
    return Converted(
        circuit=circuit.source,
        compiled=compiled.compiled,
        logical_qubits=compiled.logical_qubits,
        physical_qubits=compiled.physical_qubits,
    )


def job_data(
    job: Job, states: list[CircuitState], circuit_type: str, shown: list[Converted]
) -> msgspec.Raw:
    """A job as ``JobData`` of the API, in JSON; each list has one entry per circuit.

    ``shown`` is what is shown of each circuit in that format.
    """
    new_job, circuits = job.new_job, job.circuits
    compiled = [
        circuit.compiled if state.reached.is_compiled else None
        for circuit, state in zip(circuits, states, strict=True)
    ]
    data = {
        "job_type": new_job.job_type,
        "statuses": [state.status.value for state in states],
        "status_messages": [state.message for state in states],
        "user_email": job.owner,
        "target": new_job.target,
        "provider_id": [job.provider_id(index, state) for index, state in enumerate(states)],
        "num_circuits": len(circuits),
        "compiled_circuits": [circuit.compiled for circuit in shown],
        "input_circuits": [circuit.circuit for circuit in shown],
        "circuit_type": circuit_type,
        "counts": [
            circuit.counts if state.status is CircuitStatus.COMPLETED else None
            for circuit, state in zip(circuits, states, strict=True)
        ],
        "results_dicts": [None] * len(circuits),
        "shots": [new_job.shots] * len(circuits),
        "dry_run": new_job.dry_run,
        "submission_timestamp": timestamp(job.submitted_at),
        "last_updated_timestamp": [
            timestamp(job.submitted_at + dt.timedelta(seconds=state.since)) for state in states
        ],
        "initial_logical_to_physicals": [one and _as_map(one.initial) for one in compiled],
        "final_logical_to_physicals": [one and _as_map(one.final) for one in compiled],
        "logical_qubits": [circuit.logical_qubits for circuit in shown],
        "physical_qubits": [circuit.physical_qubits for circuit in shown],
        "tags": job.tags,
        "metadata": new_job.metadata,
    }
    return msgspec.Raw(msgspec.json.encode(data))


_AT_PROVIDER: Final = frozenset(
    {CircuitStatus.PENDING, CircuitStatus.RUNNING, CircuitStatus.COMPLETED}
)


def _as_map(physical: tuple[int, ...]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(dict(enumerate(physical))))
