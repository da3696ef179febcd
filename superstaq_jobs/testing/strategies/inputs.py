"""Strategies for what a client sends: new jobs, and queries for jobs and targets."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from superstaq_jobs.errors import InvalidValue
from superstaq_jobs.records import (
    CircuitType,
    JobQuery,
    JobType,
    NewJob,
    SimMethod,
    TargetQuery,
)

from . import v0_2_0, values
from .arguments import checked
from .choices import Choices
from .snapshots import FREE_METADATA, FREE_TAGS, KINDS, METADATA, TAGS

__all__ = ["job_queries", "new_jobs", "target_queries"]

_CIRCUITS: Final[dict[CircuitType, tuple[str, ...]]] = {
    CircuitType.CIRQ: ('{"cirq_type": "Circuit"}', '[{"cirq_type": "é\U0001f600"}]'),
    CircuitType.QISKIT: ("UUlTS0lU", "UUlTS0lUDQ==\n"),
    CircuitType.QASM: ("OPENQASM 2.0; qreg q[1];", "é\U0001f600\n"),
    CircuitType.JAQAL: ("register q[1]\nprepare_all", "é\U0001f600\n"),
}
_MAX_SHOTS: Final = 100_000
_NEW_JOB_PARTS: Final[tuple[tuple[str, ...], ...]] = (
    (),
    ("shots",),
    ("shots", "tags"),
    ("metadata", "priority"),
    ("options_dict", "verbatim"),
)
_FLAGS: Final = (None, True, False)
_QUERY_VALUES: Final[dict[str, st.SearchStrategy[Any]]] = {
    name: st.lists(some, min_size=1, max_size=3)
    for name, some in {
        "job_id": values.job_ids(),
        "user_email": st.sampled_from(values.EMAILS),
        "target_name": st.sampled_from(values.TARGETS),
        "status": values.statuses(),
        "tags": values.texts(max_size=8),
    }.items()
}


@checked
def new_jobs(
    *,
    job_type: JobType | None = None,
    circuit_type: CircuitType | None = None,
    targets: Sequence[str] | None = None,
    api_version: str = "v0.3.0",
) -> st.SearchStrategy[NewJob]:
    """Jobs to submit.

    Args:
        job_type: Their type; None for any.
        circuit_type: The format of their circuits; None for any.
        targets: The targets that they may have; None for any.
        api_version: The version of the API, which can run them.

    Raises:
        ValueError: ``targets`` is empty, or the version does not exist or cannot run such jobs.
    """
    kinds: tuple[Any, ...] = KINDS
    is_old = values.is_v0_2_0(api_version)
    if is_old:
        kinds = (*itertools.product(v0_2_0.JOB_TYPES, v0_2_0.CIRCUIT_TYPES, (False, True)),)
    kinds = tuple(
        (kind, form, dry_run)
        for kind, form, dry_run in kinds
        if job_type in {None, kind} and circuit_type in {None, form}
    )
    if not kinds:
        wanted = " ".join(str(each) for each in (job_type, circuit_type) if each is not None)
        raise InvalidValue(f"API {api_version} has no {wanted} jobs")
    return _new_jobs(kinds, values.check_targets(targets), is_old)


@st.composite
def _new_jobs(
    draw: st.DrawFn,
    kinds: Sequence[tuple[JobType, CircuitType, bool]],
    names: Sequence[str],
    is_old: bool,
) -> NewJob:
    choices = Choices(draw, 15)
    kind, circuit_type, dry_run = choices.of(kinds)
    method = choices.of((None, *SimMethod))
    fields: dict[str, Any] = {
        "target": choices.of(names),
        "circuits": choices.of(_CIRCUITS[circuit_type]),
        "circuit_type": circuit_type,
        "job_type": kind,
        "dry_run": dry_run,
        "sim_method": method if kind is JobType.SIMULATE else None,
    }
    shots = choices.below(_MAX_SHOTS)
    if kind in {JobType.SUBMIT, JobType.SIMULATE} and not dry_run:
        fields["shots"] = shots + 1
    for part in choices.of(_NEW_JOB_PARTS):
        if part == "shots":
            fields.setdefault(part, shots)
        elif part == "tags":
            fields[part] = choices.of(TAGS, FREE_TAGS)
        elif part == "priority":
            fields[part] = choices.below(11) - 5
        elif part == "verbatim":
            fields[part] = choices.flag()
        else:
            fields[part] = choices.of(METADATA, FREE_METADATA)
    return v0_2_0.new_job_of(fields) if is_old else NewJob(**fields)


@checked
def job_queries(*, fields: Sequence[str] | None = None) -> st.SearchStrategy[JobQuery]:
    """Queries for jobs; each field is absent from some.

    Args:
        fields: The names of the fields that may be present; None for all.

    Raises:
        ValueError: A field does not exist.
    """
    names = [field.name for field in attrs.fields(JobQuery)]
    if not set(fields or ()) <= set(names):
        raise InvalidValue(
            f"fields must be some of {', '.join(names)}; got {', '.join(fields or ())}"
        )
    return _job_queries(tuple(names if fields is None else fields))


@st.composite
def _job_queries(draw: st.DrawFn, names: tuple[str, ...]) -> JobQuery:
    choices = Choices(draw, 3 + values.MOMENT_BYTES + len(names))
    chosen = [name for name in names if choices.flag()]
    low, width = choices.below(19) - 9, choices.below(4)
    days = 1 + choices.below(9)
    early = values.moment_of(choices, utc=True)
    bounds: dict[str, Any] = {
        "min_priority": low,
        "max_priority": low + width,
        "submitted_after": early,
        "submitted_before": early + dt.timedelta(days=days),
    }
    return JobQuery(
        **{name: bounds[name] if name in bounds else draw(_QUERY_VALUES[name]) for name in chosen}
    )


@st.composite
def target_queries(draw: st.DrawFn) -> TargetQuery:
    """Queries for targets; each field is absent from some."""
    names = [field.name for field in attrs.fields(TargetQuery)]
    choices = Choices(draw, len(names))
    return TargetQuery(**{name: choices.of(_FLAGS) for name in names})
