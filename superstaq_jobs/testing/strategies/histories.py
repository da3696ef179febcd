"""Strategies for the lives of jobs.

Lives here: ``job_histories``. Imports Hypothesis, the records and the table of statuses.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

import attrs
from hypothesis import strategies as st

from superstaq_jobs.records import (
    CircuitChange,
    CircuitSnapshot,
    CircuitStatus,
    CircuitType,
    FieldChange,
    JobDiff,
    JobSnapshot,
    JobType,
    diff,
)
from superstaq_jobs.records.status import NEXT_STATUSES, PROGRESS

from . import values
from .choices import Choices
from .snapshots import job_snapshots

__all__ = ["circuit_changes", "field_changes", "job_diffs", "job_histories"]

_S: Final = CircuitStatus
_DEVICE: Final = {_S.AWAITING_SUBMISSION, _S.PENDING, _S.RUNNING}
_SIMULATION: Final = {_S.AWAITING_SIMULATION, _S.SIMULATING}
_ENDS: Final = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED, _S.UNRECOGNIZED})
_WAYS: Final = 12
_HOUR_SECONDS: Final = 3600
_MESSAGES: Final = ("no such gate", "out of memory")
_STEP_BYTES: Final = 5
_FREE_STEPS: Final = 6
_JOB_BYTES: Final = values.SHORT_ID_BYTES + 2 + values.MOMENT_BYTES


def job_histories(
    *,
    num_circuits: int | None = None,
    job_type: JobType | None = None,
    ends: Collection[CircuitStatus | str] | None = None,
    targets: Sequence[str] | None = None,
    shots: int = 100,
    num_bits: int | None = None,
    max_outcomes: int = 6,
    deletion: bool = False,
) -> st.SearchStrategy[list[JobSnapshot]]:
    """Lawful lives of a job: what a patient observer sees, from received until it is over.

    In the first snapshot every circuit is ``received``, in the last every one is over. Between two
    snapshots some circuits took one or more of the steps of ``NEXT_STATUSES``, each at its own
    pace. A circuit has a compiled form from its compilation on, counts once a ``submit`` or
    ``simulate`` job completed it, and a message where it failed. ``updated_at`` grows with every
    step of a circuit, ``fetched_at`` with every snapshot.

    Args:
        num_circuits: How many circuits; None for 1 to 3.
        job_type: What the job does, which limits the statuses that it meets; None for any.
        ends: The statuses that a circuit may end in: of completed, failed, cancelled and
            unrecognized; None for any of them.
        targets: What the job may run on; None for anything.
        shots: How often each circuit runs.
        num_bits: The length of the bitstrings; None for any.
        max_outcomes: The most different bitstrings of a circuit.
        deletion: Whether some circuits go on to be deleted.

    Raises:
        ValueError: If ``num_circuits`` is less than 1 (a job without circuits is never over), or a
            circuit cannot end in one of ``ends``.
    """
    if num_circuits is not None and num_circuits < 1:
        raise ValueError("a job without circuits is never over")
    allowed = _ENDS if ends is None else frozenset(map(CircuitStatus, ends))
    if not allowed or not allowed <= _ENDS:
        raise ValueError(f"a circuit ends in one of {', '.join(sorted(_ENDS))}")
    course = _Course(
        low=num_circuits or 1,
        high=num_circuits or 3,
        kinds=tuple(JobType) if job_type is None else (JobType(job_type),),
        ends=allowed,
        targets=values.check_targets(targets),
        shots=shots,
        num_bits=num_bits,
        max_outcomes=max_outcomes,
        deletion=deletion,
    )
    return _job_histories(course)


@attrs.frozen(kw_only=True)
class _Course:
    """What all lives of one strategy have in common."""

    low: int
    high: int
    kinds: Sequence[JobType]
    ends: frozenset[CircuitStatus]
    targets: Sequence[str]
    shots: int
    num_bits: int | None
    max_outcomes: int
    deletion: bool


class _Event(NamedTuple):
    """A step of one circuit."""

    time: dt.datetime
    circuit: CircuitSnapshot
    is_seen: bool


@st.composite
def _job_histories(draw: st.DrawFn, course: _Course) -> list[JobSnapshot]:
    choices = Choices(draw, _JOB_BYTES)
    start = values.moment_of(choices, utc=True)
    kind = choices.of(course.kinds)
    lives: list[list[_Event]] = []
    more = True
    # Each circuit lives on its own and tells whether there is a further one: so Hypothesis can
    # leave any one out.
    while len(lives) < course.high and (more or len(lives) < course.low):
        more = Choices(draw, 1).flag()
        lives.append(_life(draw, len(lives), start, kind, course))
    received = JobSnapshot(
        job_id=values.short_id_of(choices),
        job_type=kind,
        target=choices.of(course.targets),
        circuit_type=CircuitType.QASM,
        user_email=values.EMAILS[0],
        submitted_at=start,
        circuits=[events[0].circuit for events in lives],
        fetched_at=start,
    )
    return [received, *_observed(received, [event for life in lives for event in life[1:]])]


def _life(
    draw: st.DrawFn, index: int, start: dt.datetime, kind: JobType, course: _Course
) -> list[_Event]:
    time = start
    circuit = CircuitSnapshot(index=index, status_text=CircuitStatus.RECEIVED, shots=course.shots)
    events = [_Event(start, circuit, is_seen=True)]
    goes_on = True
    while goes_on:
        choices = Choices(draw, _STEP_BYTES)
        way, is_deleted, is_unseen = (
            choices.below(_WAYS),
            choices.below(4) == 1,
            choices.below(4) == 1,
        )
        time += dt.timedelta(seconds=1 + choices.below(_HOUR_SECONDS))
        ways = _ways(circuit, kind, course)
        # After some steps it goes to its end by the shortest way.
        status = ways[way * len(ways) // _WAYS if len(events) <= _FREE_STEPS else 0]
        circuit = _advanced(draw, circuit, status, kind, course)
        circuit = attrs.evolve(circuit, updated_at=time)
        events.append(_Event(time, circuit, is_seen=not is_unseen))
        goes_on = not circuit.is_terminal or (
            course.deletion and is_deleted and status is not CircuitStatus.DELETED
        )
    return events


def _observed(job: JobSnapshot, events: list[_Event]) -> Iterator[JobSnapshot]:
    """What somebody sees who looks after most of the steps, and after the last."""
    circuits = list(job.circuits)
    moments = sorted({event.time for event in events})
    for moment in moments:
        now = [event for event in events if event.time == moment]
        for event in now:
            circuits[event.circuit.index] = event.circuit
        if moment == moments[-1] or any(event.is_seen for event in now):
            yield attrs.evolve(job, circuits=circuits, fetched_at=moment)


def _ways(circuit: CircuitSnapshot, kind: JobType, course: _Course) -> list[CircuitStatus]:
    """Where a circuit may go from here, the shortest way to its end first."""
    never = {CircuitStatus.UNKNOWN} | (_ENDS - course.ends)
    never |= set() if circuit.is_terminal else {CircuitStatus.DELETED}
    never |= _DEVICE if kind is not JobType.SUBMIT else set()
    never |= _SIMULATION if kind is not JobType.SIMULATE else set()
    best = _S.COMPLETED if _S.COMPLETED in course.ends else min(course.ends)
    return sorted(
        NEXT_STATUSES[circuit.status] - never,
        key=lambda s: (s is not best, s.is_terminal, -PROGRESS[s], s),
    )


def _advanced(
    draw: st.DrawFn,
    circuit: CircuitSnapshot,
    status: CircuitStatus,
    kind: JobType,
    course: _Course,
) -> CircuitSnapshot:
    changes: dict[str, Any] = {"status_text": status}
    if status is CircuitStatus.FAILED:
        changes["status_message"] = _MESSAGES[circuit.index % 2]
    elif status is CircuitStatus.DELETED:
        changes |= {"counts": None, "compiled_circuit": None}
    elif status is CircuitStatus.COMPLETED or (status.is_compiled and not status.is_terminal):
        changes["compiled_circuit"] = f"compiled {circuit.index}"
        if status is CircuitStatus.COMPLETED and kind in {JobType.SUBMIT, JobType.SIMULATE}:
            changes["counts"] = values.draw_counts(
                draw, course.num_bits, circuit.shots, most=course.max_outcomes
            )
    return attrs.evolve(circuit, **changes)


# ---- differences ------------------------------------------------------------------------------


@st.composite
def job_diffs(draw: st.DrawFn) -> JobDiff:
    """What differs between two snapshots of one job, neighbours in its life or any two."""
    choices = Choices(draw, 1)
    if choices.flag():
        number = draw(values.job_ids())
        return diff(draw(job_snapshots(job_id=number)), draw(job_snapshots(job_id=number)))
    before, after, *_ = draw(job_histories())
    return diff(before, after)


@st.composite
def circuit_changes(draw: st.DrawFn) -> CircuitChange:
    """One circuit that differs between two snapshots."""
    before, after, *_ = draw(job_histories())
    return draw(st.sampled_from(diff(before, after).circuits))


@st.composite
def field_changes(draw: st.DrawFn) -> FieldChange:
    """One field of a job that differs between two snapshots."""
    before = draw(job_snapshots(num_circuits=0))
    changed: dict[str, Any] = {"dry_run": not before.dry_run, "tags": (*before.tags, "new")}
    name = draw(st.sampled_from([*changed]))
    after: JobSnapshot = attrs.evolve(before, **{name: changed[name]})
    (change,) = diff(before, after).fields
    return change
