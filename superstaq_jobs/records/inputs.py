"""What the server is asked: a new job, and the conditions of a query.

Lives here: ``NewJob``, ``JobQuery`` and ``TargetQuery``. They check themselves when they are built,
and name every problem at once. May import ``status``, ``kinds``, ``errors`` and ``frozen``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, Final, SupportsIndex
from uuid import UUID

import attrs

from . import fields
from .frozen import JsonMapping
from .problems import InvalidRequest, Problem, warn
from .status import CircuitStatus, CircuitType, JobType, SimMethod

__all__ = ["CREDENTIAL_NAMES", "JobQuery", "NewJob", "TargetQuery"]

CREDENTIAL_NAMES: Final = ("ibmq_token", "ibmq_instance", "ibmq_channel", "cq_token")
"""Credentials for other providers: headers of the client's requests, never part of a job."""

_SHOWN_CHARACTERS: Final = 60


def _job_type(value: JobType | str) -> JobType:
    return fields.one_of(JobType, value)


def _circuit_type(value: CircuitType | str) -> CircuitType:
    return fields.one_of(CircuitType, value)


def _sim_method(value: SimMethod | str | None) -> SimMethod | None:
    return None if value is None else fields.one_of(SimMethod, value)


def _clipped(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]!r}…"


@attrs.frozen(kw_only=True)
class NewJob:
    """A job to be submitted.

    Attributes:
        target: What to run on, ``<provider>_<device>_<qpu|simulator>``.
        circuits: The circuits, serialized in ``circuit_type`` as one text. A sequence of texts is
            taken too, and becomes the JSON text of that list (for qasm and jaqal).
        circuit_type: The language that they are written in.
        job_type: What to do with them.
        shots: How often to run each circuit, 0 or more.
        sim_method: How to simulate them; for ``simulate`` jobs only.
        dry_run: Whether to only pretend to run on the target.
        verbatim: Whether to run the circuits as they are, without compiling them.
        priority: The higher the sooner; the service limits it by the user's role.
        options_dict: Options for the compiler and the provider. Credentials do not belong here:
            they are options of the client.
        tags: Texts to find the job by.
        metadata: JSON data to keep with the job.

    Raises:
        InvalidRequest: With every problem, by field.
    """

    target: str = attrs.field(converter=fields.target)
    circuits: str = attrs.field(converter=fields.serialized, repr=_clipped)
    circuit_type: CircuitType = attrs.field(default=CircuitType.QASM, converter=_circuit_type)
    job_type: JobType = attrs.field(default=JobType.SUBMIT, converter=_job_type)
    shots: int = attrs.field(default=0, converter=fields.count)
    sim_method: SimMethod | None = attrs.field(default=None, converter=_sim_method)
    dry_run: bool = attrs.field(default=False, converter=fields.flag)
    verbatim: bool = attrs.field(default=False, converter=fields.flag)
    priority: int = attrs.field(default=0, converter=fields.integer)
    options_dict: JsonMapping = attrs.field(factory=JsonMapping, converter=fields.json_mapping)
    tags: tuple[str, ...] = attrs.field(default=(), converter=fields.texts)
    metadata: JsonMapping = attrs.field(factory=JsonMapping, converter=fields.json_mapping)

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self, InvalidRequest, *self._contradictions())

    def _contradictions(self) -> Iterator[Problem]:
        other_types = set(JobType) - {JobType.SIMULATE}
        if isinstance(self.sim_method, SimMethod) and self.job_type in other_types:
            yield Problem("sim_method", f"is for simulate jobs, and this is a {self.job_type} job")
        if self.circuit_type is CircuitType.QISKIT and str(self.circuits).startswith("["):
            yield Problem("circuits", "is a list of texts, and Qiskit's QPY is one text")
        if isinstance(self.options_dict, JsonMapping):
            for name in CREDENTIAL_NAMES:
                if name in self.options_dict:
                    yield Problem("options_dict", f"{name} is a credential: give it to the client")

    @classmethod
    def for_method(cls, method: str | None, **fields: Any) -> NewJob:
        """A job from the one word that the official client's ``method`` argument is.

        Args:
            method: A job type (``simulate`` means ``sim``); ``sim`` or ``noise-sim``, a simulate
                job; ``dry-run``, a submit job that only pretends; None or anything else, a submit
                job.
            fields: The other fields.

        Warns:
            SuperstaqWarning: For another word, which may be one of these misspelt: a submit job
                really runs.

        Raises:
            InvalidRequest: With every problem, by field.
        """
        if method in set(SimMethod):
            return cls(job_type=JobType.SIMULATE, sim_method=method, **fields)
        if method == JobType.SIMULATE:
            return cls(job_type=JobType.SIMULATE, sim_method=SimMethod.SIM, **fields)
        words = {*JobType, *SimMethod, "dry-run"}
        if method and method not in words:
            warn(
                f"method {method!r} is none of {', '.join(sorted(words))}: this is taken for a job "
                "that really runs on the target, as the official client takes it"
            )
        job_type = method if method in set(JobType) else JobType.SUBMIT
        return cls(job_type=job_type, dry_run=method == "dry-run", **fields)


def _status(value: CircuitStatus | str) -> CircuitStatus:
    status = fields.one_of(CircuitStatus, value)
    return fields.bad("unknown is no status of the API") if status == "unknown" else status


def _emails(value: Iterable[str] | None) -> tuple[str, ...] | None:
    return fields.filters(value, fields.text)


def _job_ids(value: Iterable[UUID | str] | None) -> tuple[UUID, ...] | None:
    return fields.filters(value, fields.job_id)


def _targets(value: Iterable[str] | None) -> tuple[str, ...] | None:
    return fields.filters(value, fields.target)


def _statuses(value: Iterable[CircuitStatus | str] | None) -> tuple[CircuitStatus, ...] | None:
    return fields.filters(value, _status)


def _tags(value: Iterable[str] | None) -> tuple[str, ...] | None:
    return fields.filters(value, fields.text)


def _priority(value: SupportsIndex | None) -> int | None:
    return fields.optional_integer(value)


@attrs.frozen(kw_only=True)
class JobQuery:
    """Conditions on jobs: any value within a field, all fields together.

    None is no condition. Without any condition it matches every job that the user may see.

    Attributes:
        job_id: Ids, as UUIDs or their texts.
        user_email: Who submitted it.
        target_name: What it runs on.
        status: Statuses.
        tags: Tags that it has.
        min_priority: The lowest priority.
        max_priority: The highest priority.
        submitted_before: Submitted before this; aware.
        submitted_after: Submitted after this; aware.

    Raises:
        InvalidRequest: With every problem, by field. An empty list is one: it would be left out of
            the request, which then matched everything.
    """

    job_id: tuple[UUID, ...] | None = attrs.field(default=None, converter=_job_ids)
    user_email: tuple[str, ...] | None = attrs.field(default=None, converter=_emails)
    target_name: tuple[str, ...] | None = attrs.field(default=None, converter=_targets)
    status: tuple[CircuitStatus, ...] | None = attrs.field(default=None, converter=_statuses)
    tags: tuple[str, ...] | None = attrs.field(default=None, converter=_tags)
    min_priority: int | None = attrs.field(default=None, converter=_priority)
    max_priority: int | None = attrs.field(default=None, converter=_priority)
    submitted_before: dt.datetime | None = attrs.field(
        default=None, converter=fields.optional_moment, eq=fields.same_moment
    )
    submitted_after: dt.datetime | None = attrs.field(
        default=None, converter=fields.optional_moment, eq=fields.same_moment
    )

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self, InvalidRequest, *self._contradictions())

    def _contradictions(self) -> Iterator[Problem]:
        low, high = self.min_priority, self.max_priority
        if isinstance(low, int) and isinstance(high, int) and low > high:
            yield Problem("min_priority", f"{low} is above max_priority, {high}: nothing matches")
        after, before = self.submitted_after, self.submitted_before
        times = isinstance(after, dt.datetime) and isinstance(before, dt.datetime)
        if times and after >= before:  # type: ignore[operator]
            yield Problem("submitted_after", "is not before submitted_before: nothing matches")


@attrs.frozen(kw_only=True)
class TargetQuery:
    """Conditions on targets; None is no condition.

    Attributes:
        simulator: Is, or is not, a simulator.
        supports_submit: Runs circuits, or does not.
        supports_submit_qubo: Solves QUBOs, or does not.
        supports_compile: Can be compiled for, or not.
        available: Takes jobs now, or not.
        retired: Is gone for good, or not. The service leaves retired targets out where it is not
            told otherwise.
        accessible: May be used by this user, or not.

    Raises:
        InvalidRequest: With every problem, by field.
    """

    simulator: bool | None = attrs.field(default=None, converter=fields.optional_flag)
    supports_submit: bool | None = attrs.field(default=None, converter=fields.optional_flag)
    supports_submit_qubo: bool | None = attrs.field(default=None, converter=fields.optional_flag)
    supports_compile: bool | None = attrs.field(default=None, converter=fields.optional_flag)
    available: bool | None = attrs.field(default=None, converter=fields.optional_flag)
    retired: bool | None = attrs.field(default=None, converter=fields.optional_flag)
    accessible: bool | None = attrs.field(default=None, converter=fields.optional_flag)

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self, InvalidRequest)
