"""Strategies for what the server is asked, and for what it says besides jobs.

Lives here: ``new_jobs``, the queries, receipts, targets and balances. Imports Hypothesis and the
records.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from superstaq_jobs.records import (
    AccountBalance,
    CancelReceipt,
    CircuitType,
    JobQuery,
    JobType,
    JsonMapping,
    NewJob,
    SimMethod,
    SubmitReceipt,
    Target,
    TargetInfo,
    TargetQuery,
)

from . import _values as values
from ._dice import Dice
from ._jobs import FREE_METADATA, FREE_TAGS, KINDS, METADATA, TAGS

__all__ = [
    "balances",
    "cancel_receipts",
    "job_queries",
    "new_jobs",
    "submit_receipts",
    "target_infos",
    "target_queries",
    "targets",
]

_CIRCUITS: Final = (
    "OPENQASM 2.0; qreg q[1];",
    '{"cirq_type": "Circuit"}',
    "UUlTS0lU\n",
    "é\U0001f600",
)
_MOST_SHOTS: Final = 100_000
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
_EXTRA: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"queue_position": 3},
    {"cost": 1.0},
    {"schema_version": [1, {"a": []}]},
    {"cost": None},
)


# ---- orders ------------------------------------------------------------------------------------


def new_jobs(
    *,
    job_type: JobType | None = None,
    circuit_type: CircuitType | None = None,
    targets: Sequence[str] | None = None,
) -> st.SearchStrategy[NewJob]:
    """Jobs to be submitted.

    Args:
        job_type: What they do; None for any.
        circuit_type: The language of their circuits; None for any.
        targets: What they may run on; None for anything.

    Raises:
        ValueError: If ``targets`` is empty.
    """
    return _new_jobs(job_type, circuit_type, values.check_targets(targets))


@st.composite
def _new_jobs(
    draw: st.DrawFn,
    job_type: JobType | None,
    circuit_type: CircuitType | None,
    names: Sequence[str],
) -> NewJob:
    dice = Dice(draw, 12)
    kind, language, dry_run = dice.of(KINDS)
    kind = job_type or kind
    method = dice.of((None, *SimMethod))
    fields: dict[str, Any] = {
        "target": dice.of(names),
        "circuits": dice.of(_CIRCUITS),
        "circuit_type": circuit_type or language,
        "job_type": kind,
        "dry_run": dry_run,
        "sim_method": method if kind is JobType.SIMULATE else None,
    }
    for part in dice.of(_NEW_JOB_PARTS):
        if part == "shots":
            fields[part] = dice.below(_MOST_SHOTS + 1)
        elif part == "tags":
            fields[part] = dice.of(TAGS, FREE_TAGS)
        elif part == "priority":
            fields[part] = dice.below(11) - 5
        elif part == "verbatim":
            fields[part] = dice.flag()
        else:
            fields[part] = dice.of(METADATA, FREE_METADATA)
    return NewJob(**fields)


def job_queries(*, fields: Sequence[str] | None = None) -> st.SearchStrategy[JobQuery]:
    """Conditions on jobs; each field is left out by some.

    Args:
        fields: The names of the fields that may have a condition; None for all.

    Raises:
        ValueError: If there is no such field.
    """
    names = [field.name for field in attrs.fields(JobQuery)]
    if not set(fields or ()) <= set(names):
        raise ValueError(f"the fields of a JobQuery are {', '.join(names)}")
    return _job_queries(tuple(names if fields is None else fields))


@st.composite
def _job_queries(draw: st.DrawFn, names: tuple[str, ...]) -> JobQuery:
    dice = Dice(draw, 3 + values.MOMENT_BYTES + len(names))
    chosen = [name for name in names if dice.flag()]
    low, width = dice.below(19) - 9, dice.below(4)
    days = 1 + dice.below(9)
    early = values.moment_of(dice, utc=True)
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
    """Conditions on targets; each field is left out by some."""
    names = [field.name for field in attrs.fields(TargetQuery)]
    dice = Dice(draw, len(names))
    return TargetQuery(**{name: dice.of(_FLAGS) for name in names})


# ---- replies -----------------------------------------------------------------------------------


def submit_receipts() -> st.SearchStrategy[SubmitReceipt]:
    """What the server says to a submitted job."""
    return st.builds(SubmitReceipt, job_id=values.job_ids(), num_circuits=st.integers(0, 100))


@st.composite
def cancel_receipts(draw: st.DrawFn) -> CancelReceipt:
    """What the server says to a request to cancel jobs, each of which is cancelled or refused."""
    asked = draw(st.lists(values.job_ids(), unique=True, max_size=4))
    at = draw(st.integers(0, len(asked)))
    return CancelReceipt(
        cancelled=asked[:at],
        refused=asked[at:],
        message=draw(values.texts()),
        succeeded=[str(job_id) for job_id in asked[:at]],
    )


def targets(*, simulator: bool | None = None, extra: bool = True) -> st.SearchStrategy[Target]:
    """Devices and simulators; ``simulator`` agrees with the end of the name.

    Args:
        simulator: True for simulators, False for devices, None for both.
        extra: Whether some hold fields that this version does not know.
    """
    return _targets(values.target_names(simulator=simulator), extra)


@st.composite
def _targets(draw: st.DrawFn, names: st.SearchStrategy[str], extra: bool) -> Target:
    name = draw(names)
    dice = Dice(draw, 7)
    return Target(
        target_name=name,
        simulator=name.endswith("simulator"),
        supports_submit=dice.flag(),
        supports_submit_qubo=dice.flag(),
        supports_compile=dice.flag(),
        available=dice.flag(),
        retired=dice.flag(),
        accessible=dice.flag(),
        extra=dice.of(_EXTRA) if extra else {},
    )


def target_infos() -> st.SearchStrategy[TargetInfo]:
    """What the server tells of one target."""
    info: st.SearchStrategy[JsonMapping] = values.json_mappings()
    return st.builds(TargetInfo, target_name=values.target_names(), info=info)


def balances() -> st.SearchStrategy[AccountBalance]:
    """What a user may still spend; may be below 0."""
    amounts = st.floats(-1e6, 1e6) | st.integers(-1000, 1000)
    emails = st.sampled_from(values.EMAILS)
    return st.builds(AccountBalance, email=emails, balance=amounts)
