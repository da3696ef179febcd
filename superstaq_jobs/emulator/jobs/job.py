"""A job and its circuits, and the form in which the operator sees them."""

from __future__ import annotations

import datetime as dt
import threading
import uuid

import attrs

from superstaq_jobs.emulator.messages import JobQuery, NewJob
from superstaq_jobs.emulator.simulator.tasks import Task
from superstaq_jobs.emulator.targets import Target
from superstaq_jobs.records import CircuitStatus

from .circuit import Circuit, State
from .plans import Plan

__all__ = ["EmulatedJob", "Job"]

_S = CircuitStatus


@attrs.frozen(kw_only=True, eq=False)
class Job:
    """One job. Only its circuits change.

    Attributes:
        number: Its place in the order of submission.
        seed: Determines the pace and the samples of its circuits.
        submitted: When it was submitted, in seconds on the emulator's clock.
        submitted_at: The same as a date and time.
        lock: Held while its circuits are read together, or ended.
    """

    number: int
    seed: str
    job_id: uuid.UUID
    owner: str
    new_job: NewJob
    tags: tuple[str, ...]
    target: Target
    plan: Plan | None
    submitted: float
    submitted_at: dt.datetime
    circuits: tuple[Circuit, ...]
    lock: threading.Lock = attrs.field(init=False, factory=threading.Lock)

    def provider_id(self, index: int, state: State) -> str | None:
        """The id of one of its circuits at the device's provider; None if it is not there."""
        is_run = self.new_job.job_type == "submit" and not self.new_job.dry_run
        is_there = state.reached in {_S.PENDING, _S.RUNNING, _S.COMPLETED}
        return f"emulated-{self.number}-{index}" if is_run and is_there else None

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

    def matches(self, query: JobQuery) -> bool:
        """Whether it matches all conditions of a query that do not depend on time."""
        new_job, before, after = self.new_job, query.submitted_before, query.submitted_after
        return (
            (query.user_email is None or self.owner in query.user_email)
            and (query.target_name is None or new_job.target in query.target_name)
            and (query.tags is None or not set(query.tags).isdisjoint(self.tags))
            and (query.min_priority is None or new_job.priority >= query.min_priority)
            and (query.max_priority is None or new_job.priority <= query.max_priority)
            and (before is None or self.submitted_at < _aware(before))
            and (after is None or self.submitted_at > _aware(after))
        )


def _aware(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment


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
