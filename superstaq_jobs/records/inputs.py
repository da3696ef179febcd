"""What a request is made of: a new job, and the conditions of a query.

Each is checked when it is made, and every problem is named in one error.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

import attrs
from attrs.converters import optional

from . import fields
from .advice import explains_changes
from .fields import refuse, string
from .frozen import JsonMapping
from .ids import trimmed
from .problems import InvalidRequest, Problem, shown, warn
from .status import CircuitStatus, CircuitType, JobType, SimMethod

__all__ = ["CREDENTIAL_NAMES", "SECRET_NAME", "JobQuery", "NewJob", "TargetQuery"]

T = TypeVar("T")

CREDENTIAL_NAMES: Final = ("ibmq_token", "ibmq_instance", "ibmq_channel", "cq_token")
"""Credentials for other providers: they are headers of a request, never part of a job."""
_QPY: Final = "UUlTS0lU"  # how QPY in base64 starts

SECRET_NAME: Final = re.compile("token|secret|passw|credential|api.?key|auth(?!or)", re.IGNORECASE)
"""What the name of a secret looks like, among options."""


_OFFICIAL_NAMES: Final = {
    "method": "job_type='simulate', sim_method='sim' or dry_run=True; or call NewJob.for_method",
    "repetitions": "shots",
    "tag": "tags, a list of strings",
    "options": "options_dict",
}
"""Arguments of the official services, and what to pass to a ``NewJob`` instead."""

_METHODS: Final[Mapping[str, dict[str, Any]]] = {
    **{kind: {"job_type": kind, "dry_run": False} for kind in JobType},
    JobType.SIMULATE: {"job_type": JobType.SIMULATE, "sim_method": SimMethod.SIM},
    **{kind: {"job_type": JobType.SIMULATE, "sim_method": kind} for kind in SimMethod},
    "dry-run": {"job_type": JobType.SUBMIT, "dry_run": True},
}
"""The ``method`` argument of the official client, and the fields of a ``NewJob`` that it means."""


def _sim_method(value: SimMethod | str | None) -> SimMethod | None:
    return None if value is None else fields.one_of(SimMethod, value)


def _without_secrets(value: object) -> object:
    """Options as they may be shown: without what is named like a secret."""
    if isinstance(value, JsonMapping):
        items = value.items()
        return {n: "***" if SECRET_NAME.search(n) else _without_secrets(v) for n, v in items}
    return [_without_secrets(each) for each in value] if isinstance(value, tuple) else value


def _explains_official_names(cls: type[T]) -> type[T]:
    """A class decorator: an argument of the official services raises an error with the way."""
    init: Callable[..., None] = vars(cls)["__init__"]

    @functools.wraps(init)
    def __init__(self: Any, *positional: Any, **given: Any) -> None:  # noqa: N807
        for name in _OFFICIAL_NAMES.keys() & given.keys():
            raise TypeError(
                f"a {cls.__name__} has no {name}, as the official services do. Nothing was sent. "
                f"Pass {_OFFICIAL_NAMES[name]} instead"
            )
        init(self, *positional, **given)

    cls.__init__ = __init__  # type: ignore[method-assign]
    return cls


@_explains_official_names
@explains_changes
@attrs.frozen(kw_only=True)
class NewJob:
    """A job to submit, of circuits that are serialized already.

    ``superstaq_jobs.new_job`` makes one of circuits of Cirq and Qiskit.

    Attributes:
        target: What to run on, ``<provider>_<device>_<qpu|simulator>``.
        circuits: The circuits, serialized as ``circuit_type`` says, in one string. A sequence of
            strings becomes the JSON array of them (for qasm and jaqal), or of the circuits in them
            (for cirq). For qiskit, one string of QPY in base64.
        circuit_type: The format of the circuits.
        job_type: What to do with them.
        shots: How often to run each circuit, >= 1. ``dry_run``, ``compile`` and ``convert`` jobs
            may leave it out, since nothing runs on the target; it is then 0.
        sim_method: How to simulate them; only for ``simulate`` jobs.
        dry_run: Whether to simulate the run on the target.
        verbatim: Whether to run the circuits without compiling them.
        priority: Jobs with a higher priority run sooner; the service limits it by the user's role.
        options_dict: Options for the compiler and the provider. Credentials are not among them:
            pass them to the client.
        tags: Strings by which to find the job.
        metadata: JSON data to store with the job.

    Raises:
        InvalidRequest: If a field cannot hold its value; names every such field.
    """

    target: str = attrs.field(converter=fields.target)
    circuits: str = attrs.field(converter=fields.serialized, repr=fields.clipped)
    circuit_type: CircuitType = attrs.field(default=CircuitType.QASM, converter=fields.circuit_type)
    job_type: JobType = attrs.field(default=JobType.SUBMIT, converter=fields.job_type)
    shots: int = attrs.field(default=0, converter=fields.count)
    sim_method: SimMethod | None = attrs.field(default=None, converter=_sim_method)
    dry_run: bool = attrs.field(default=False, converter=fields.flag)
    verbatim: bool = attrs.field(default=False, converter=fields.flag)
    priority: int = attrs.field(default=0, converter=fields.integer)
    options_dict: JsonMapping = attrs.field(
        factory=JsonMapping,
        converter=fields.json_mapping,
        repr=lambda options: f"JsonMapping({_without_secrets(options)!r})",
    )
    tags: tuple[str, ...] = attrs.field(default=(), converter=fields.strings)
    metadata: JsonMapping = attrs.field(factory=JsonMapping, converter=fields.json_mapping)

    def __attrs_post_init__(self) -> None:
        if self.circuit_type is CircuitType.CIRQ and isinstance(self.circuits, str):
            object.__setattr__(self, "circuits", fields.cirq_json(self.circuits))
        fields.refuse_bad(self, InvalidRequest, *self._contradictions())

    def _contradictions(self) -> Iterator[Problem]:
        other_types = set(JobType) - {JobType.SIMULATE}
        if isinstance(self.sim_method, SimMethod) and self.job_type in other_types:
            yield Problem("sim_method", f"must be None for a {self.job_type} job")
        runs = self.job_type in {JobType.SUBMIT, JobType.SIMULATE} and self.dry_run is False
        if runs and self.shots == 0:
            yield Problem(
                "shots",
                f"must be >= 1 for a {self.job_type} job, which runs its circuits: pass "
                "shots=1000, say. Only dry_run, compile and convert jobs may leave it out",
            )
        if isinstance(self.circuits, str) and isinstance(self.circuit_type, CircuitType):
            yield from _not_circuits(self.circuits, self.circuit_type)
        if isinstance(self.options_dict, JsonMapping):
            for name in CREDENTIAL_NAMES:
                if name in self.options_dict:
                    yield Problem("options_dict", f"{name} must be passed to SuperstaqClient")

    @classmethod
    def for_method(cls, method: str | None, **fields: Any) -> NewJob:
        """A job from the ``method`` argument of the official client.

        Args:
            method: A job type (``simulate`` means ``sim``); ``sim`` or ``noise-sim`` for a simulate
                job; ``dry-run`` for a submit job with ``dry_run``; None or anything else for a
                submit job.
            fields: The other fields.

        Warns:
            SuperstaqWarning: For any other method, which may be a misspelling: submit jobs run on
                the target.

        Raises:
            InvalidRequest: If a field cannot hold its value; names every such field.
        """
        method = "" if method is None else method
        refuse("a NewJob", {"method": string(method)})
        if method and method not in _METHODS:
            warn(
                f"method must be one of {', '.join(sorted(_METHODS))}; got {shown(method)}. As in "
                "the official client, this is a submit job, which runs on the target."
            )
        return cls(**_METHODS.get(method, _METHODS[JobType.SUBMIT]), **fields)


def _not_circuits(circuits: str, wanted: CircuitType) -> Iterator[Problem]:
    """What a serialization shows of circuits that are missing or have another format."""
    listed: Any = None
    if circuits.lstrip().startswith("["):
        with contextlib.suppress(ValueError, RecursionError):  # not JSON, so one circuit
            listed = json.loads(circuits)
    if listed == []:
        yield Problem("circuits", "must not be empty: a job needs at least one circuit")
    problems = []
    for place, each in enumerate([circuits] if listed is None else listed):
        kind = _format_of(each)
        if isinstance(each, str) and not each.strip():
            problems.append(Problem(f"circuits[{place}]", "must not be empty"))
        elif kind not in {None, wanted}:
            what = (
                f"looks like the serialization of {kind}, not of {wanted}: pass "
                f"circuit_type='{kind}', or submit a job for each format"
            )
            problems.append(Problem(f"circuits[{place}]", what))
    yield from problems
    if listed and not problems and wanted is CircuitType.QISKIT:
        what = "must be one string of QPY for qiskit, got a list: superstaq_jobs.new_job writes it"
        yield Problem("circuits", what)


def _format_of(circuit: object) -> CircuitType | None:
    """The format of a circuit, if it shows."""
    if isinstance(circuit, dict):
        return CircuitType.CIRQ if "cirq_type" in circuit else None
    start = circuit.lstrip() if isinstance(circuit, str) else ""
    if start.startswith(_QPY):
        return CircuitType.QISKIT
    return CircuitType.CIRQ if start[:1] in {"{", "["} and '"cirq_type"' in start else None


def _status(value: CircuitStatus | str) -> CircuitStatus:
    status = fields.one_of(CircuitStatus, value)
    is_known = status is not CircuitStatus.UNKNOWN
    return status if is_known else fields.bad("must be a status of the API, got 'unknown'")


def _strings(value: Iterable[str] | None) -> tuple[str, ...] | None:
    return fields.filters(value, fields.string)


def _job_ids(value: Iterable[UUID | str] | None) -> tuple[UUID, ...] | None:
    return fields.filters(value, lambda each: fields.job_id(trimmed(each)))


def _targets(value: Iterable[str] | None) -> tuple[str, ...] | None:
    return fields.filters(value, fields.target)


def _statuses(value: Iterable[CircuitStatus | str] | None) -> tuple[CircuitStatus, ...] | None:
    return fields.filters(value, _status)


@explains_changes
@attrs.frozen(kw_only=True)
class JobQuery:
    """Conditions on jobs. A job matches if it has one of the values of every field that is given.

    Fields that are None are not conditions. Without conditions, every job that the user may see
    matches.

    Attributes:
        job_id: Job ids, as UUIDs or strings.
        user_email: E-mail addresses of the users who submitted the job.
        target_name: Targets.
        status: Statuses.
        tags: Tags.
        min_priority: The lowest priority.
        max_priority: The highest priority.
        submitted_before: The job was submitted before this time. A time without a zone, such as
            ``datetime.now()`` returns, is this computer's local time, and is kept in UTC.
        submitted_after: The job was submitted after this time, likewise.

    Raises:
        InvalidRequest: If a field cannot hold its value; names every such field. An empty list is
            refused: left out of the request, it would match everything.
    """

    job_id: tuple[UUID, ...] | None = attrs.field(default=None, converter=_job_ids)
    user_email: tuple[str, ...] | None = attrs.field(default=None, converter=_strings)
    target_name: tuple[str, ...] | None = attrs.field(default=None, converter=_targets)
    status: tuple[CircuitStatus, ...] | None = attrs.field(default=None, converter=_statuses)
    tags: tuple[str, ...] | None = attrs.field(default=None, converter=_strings)
    min_priority: int | None = attrs.field(default=None, converter=optional(fields.integer))
    max_priority: int | None = attrs.field(default=None, converter=optional(fields.integer))
    submitted_before: dt.datetime | None = attrs.field(
        default=None, converter=fields.optional_local_moment, eq=fields.same_moment
    )
    submitted_after: dt.datetime | None = attrs.field(
        default=None, converter=fields.optional_local_moment, eq=fields.same_moment
    )

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self, InvalidRequest, *self._contradictions())

    def _contradictions(self) -> Iterator[Problem]:
        low, high = self.min_priority, self.max_priority
        if isinstance(low, int) and isinstance(high, int) and low > high:
            yield Problem("min_priority", f"must be <= max_priority, {high}, got {low}")
        after, before = self.submitted_after, self.submitted_before
        if isinstance(after, dt.datetime) and isinstance(before, dt.datetime) and after >= before:
            yield Problem("submitted_after", "must be before submitted_before")


@explains_changes
@attrs.frozen(kw_only=True)
class TargetQuery:
    """Conditions on targets: each is True, False, or None for no condition.

    They are conditions on the fields of ``Target`` with the same names. For ``retired=None`` the
    service leaves retired targets out.

    Raises:
        InvalidRequest: If a field cannot hold its value; names every such field.
    """

    simulator: bool | None = attrs.field(default=None, converter=optional(fields.flag))
    supports_submit: bool | None = attrs.field(default=None, converter=optional(fields.flag))
    supports_submit_qubo: bool | None = attrs.field(default=None, converter=optional(fields.flag))
    supports_compile: bool | None = attrs.field(default=None, converter=optional(fields.flag))
    available: bool | None = attrs.field(default=None, converter=optional(fields.flag))
    retired: bool | None = attrs.field(default=None, converter=optional(fields.flag))
    accessible: bool | None = attrs.field(default=None, converter=optional(fields.flag))

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self, InvalidRequest)
