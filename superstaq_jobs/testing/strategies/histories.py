"""Strategies for how jobs change: whole histories, and differences between two snapshots."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

import attrs
from hypothesis import strategies as st

from superstaq_jobs.errors import InvalidValue
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

from . import v0_2_0, values
from .arguments import checked, every_one_of
from .choices import Choices
from .snapshots import job_snapshots

__all__ = ["circuit_changes", "field_changes", "job_diffs", "job_histories"]

_S: Final = CircuitStatus
_DEVICE: Final = {_S.AWAITING_SUBMISSION, _S.PENDING, _S.RUNNING}
_SIMULATION: Final = {_S.AWAITING_SIMULATION, _S.SIMULATING}
_FINAL_STATUSES: Final = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED, _S.UNRECOGNIZED})
_NUM_WAYS: Final = 12
_HOUR_SECONDS: Final = 3600
_MESSAGES: Final = ("no such gate", "out of memory")
_STEP_BYTES: Final = 5
_FREE_STEPS: Final = 6
_JOB_BYTES: Final = values.SHORT_ID_BYTES + 2 + values.MOMENT_BYTES


@checked
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
    api_version: str = "v0.3.0",
) -> st.SearchStrategy[list[JobSnapshot]]:
    """Valid histories of a job, as a polling client sees them: from ``received`` to the end.

    In the first snapshot every circuit is ``received``, in the last one every circuit is terminal.
    Between two snapshots some circuits have taken one or more of the steps of ``NEXT_STATUSES``,
    each at its own pace. A circuit has a compiled form from its compilation on, counts once it has
    completed in a ``submit`` or ``simulate`` job, and a message if it failed. ``updated_at`` grows
    with every step of a circuit, ``fetched_at`` with every snapshot.

    Args:
        num_circuits: How many circuits; None for 1 to 3.
        job_type: The type of the job, which limits the statuses that it has; None for any.
        ends: The final statuses that a circuit may have, out of completed, failed, cancelled and
            unrecognized; None for any of them.
        targets: The targets that the job may have; None for any.
        shots: The shots of each circuit.
        num_bits: The length of the bitstrings; None for any.
        max_outcomes: The largest number of different bitstrings of a circuit.
        deletion: Whether some circuits are deleted in the end.
        api_version: The version of the API through which the client polls. In v0.2.0 it sees fewer
            steps, and no ``updated_at``, and no circuit ends as unrecognized.

    Raises:
        ValueError: ``num_circuits`` is less than 1 (a job without circuits is never finished), or a
            circuit cannot end in one of ``ends``, or the version does not exist or cannot do it.
    """
    is_old = values.is_v0_2_0(api_version)
    if num_circuits is not None and num_circuits < 1:
        raise InvalidValue(
            f"num_circuits must be >= 1, since a job without circuits is never finished; "
            f"got {num_circuits}"
        )
    possible = _FINAL_STATUSES.intersection(v0_2_0.STATUSES if is_old else CircuitStatus)
    allowed = possible if ends is None else frozenset(every_one_of(CircuitStatus, ends, "ends"))
    if not allowed or not allowed <= possible:
        raise InvalidValue(
            f"ends must be one or more of {', '.join(sorted(possible))}; "
            f"got {', '.join(sorted(allowed)) or 'none'}"
        )
    kinds = v0_2_0.JOB_TYPES if is_old else tuple(JobType)
    if job_type is not None and JobType(job_type) not in kinds:
        raise InvalidValue(f"API {api_version} has no {JobType(job_type)} jobs")
    options = _Options(
        low=num_circuits or 1,
        high=num_circuits or 3,
        kinds=kinds if job_type is None else (JobType(job_type),),
        ends=allowed,
        targets=values.check_targets(targets),
        shots=shots,
        num_bits=num_bits,
        max_outcomes=max_outcomes,
        deletion=deletion,
        is_v0_2_0=is_old,
    )
    return _job_histories(options)


@attrs.frozen(kw_only=True)
class _Options:
    """What all histories of one strategy have in common."""

    low: int
    high: int
    kinds: Sequence[JobType]
    ends: frozenset[CircuitStatus]
    targets: Sequence[str]
    shots: int
    num_bits: int | None
    max_outcomes: int
    deletion: bool
    is_v0_2_0: bool


class _Event(NamedTuple):
    """A step of one circuit."""

    time: dt.datetime
    circuit: CircuitSnapshot
    is_seen: bool


@st.composite
def _job_histories(draw: st.DrawFn, options: _Options) -> list[JobSnapshot]:
    choices = Choices(draw, _JOB_BYTES)
    start = values.moment_of(choices, utc=True)
    kind = choices.of(options.kinds)
    histories: list[list[_Event]] = []
    more = True
    # Each circuit is independent and decides whether there is another one, so Hypothesis can leave
    # out any of them.
    while len(histories) < options.high and (more or len(histories) < options.low):
        more = Choices(draw, 1).flag()
        histories.append(_circuit_history(draw, len(histories), start, kind, options))
    received = JobSnapshot(
        job_id=values.short_id_of(choices),
        job_type=kind,
        target=choices.of(options.targets),
        circuit_type=CircuitType.QASM,
        user_email=values.EMAILS[0],
        submitted_at=start,
        circuits=[events[0].circuit for events in histories],
        fetched_at=start,
    )
    history = [
        received,
        *_observed(received, [event for history in histories for event in history[1:]]),
    ]
    return v0_2_0.shown(draw, history) if options.is_v0_2_0 else history


def _circuit_history(
    draw: st.DrawFn, index: int, start: dt.datetime, kind: JobType, options: _Options
) -> list[_Event]:
    time = start
    circuit = CircuitSnapshot(index=index, status_text=CircuitStatus.RECEIVED, shots=options.shots)
    events = [_Event(start, circuit, is_seen=True)]
    goes_on = True
    while goes_on:
        choices = Choices(draw, _STEP_BYTES)
        way, is_deleted, is_unseen = (
            choices.below(_NUM_WAYS),
            choices.below(4) == 1,
            choices.below(4) == 1,
        )
        time += dt.timedelta(seconds=1 + choices.below(_HOUR_SECONDS))
        ways = _next_statuses(circuit, kind, options)
        # After some steps it takes the shortest way to its end.
        status = ways[way * len(ways) // _NUM_WAYS if len(events) <= _FREE_STEPS else 0]
        circuit = _advanced(draw, circuit, status, kind, options)
        circuit = attrs.evolve(circuit, updated_at=time)
        events.append(_Event(time, circuit, is_seen=not is_unseen))
        goes_on = not circuit.is_terminal or (
            options.deletion and is_deleted and status is not CircuitStatus.DELETED
        )
    return events


def _observed(job: JobSnapshot, events: list[_Event]) -> Iterator[JobSnapshot]:
    """What a client sees that polls after most of the steps, and after the last one."""
    circuits = list(job.circuits)
    moments = sorted({event.time for event in events})
    for moment in moments:
        now = [event for event in events if event.time == moment]
        for event in now:
            circuits[event.circuit.index] = event.circuit
        if moment == moments[-1] or any(event.is_seen for event in now):
            yield attrs.evolve(job, circuits=circuits, fetched_at=moment)


def _next_statuses(
    circuit: CircuitSnapshot, kind: JobType, options: _Options
) -> list[CircuitStatus]:
    """The statuses that may come next, the shortest way to the end first."""
    never = {CircuitStatus.UNKNOWN} | (_FINAL_STATUSES - options.ends)
    never |= set() if circuit.is_terminal else {CircuitStatus.DELETED}
    never |= _DEVICE if kind is not JobType.SUBMIT else set()
    never |= _SIMULATION if kind is not JobType.SIMULATE else set()
    best = _S.COMPLETED if _S.COMPLETED in options.ends else min(options.ends)
    return sorted(
        NEXT_STATUSES[circuit.status] - never,
        key=lambda s: (s is not best, s.is_terminal, -PROGRESS[s], s),
    )


def _advanced(
    draw: st.DrawFn,
    circuit: CircuitSnapshot,
    status: CircuitStatus,
    kind: JobType,
    options: _Options,
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
                draw, options.num_bits, circuit.shots, max_outcomes=options.max_outcomes
            )
    return attrs.evolve(circuit, **changes)


# ---- differences ------------------------------------------------------------------------------


@st.composite
def job_diffs(draw: st.DrawFn) -> JobDiff:
    """Differences between two snapshots of one job, consecutive ones or any two."""
    choices = Choices(draw, 1)
    if choices.flag():
        number = draw(values.job_ids())
        before, after = (draw(job_snapshots(job_id=number)) for _ in range(2))
        return diff(before, attrs.evolve(after, circuit_type=before.circuit_type))
    before, after, *_ = draw(job_histories())
    return diff(before, after)


@st.composite
def circuit_changes(draw: st.DrawFn) -> CircuitChange:
    """Changes of one circuit between two snapshots."""
    before, after, *_ = draw(job_histories())
    return draw(st.sampled_from(diff(before, after).circuits))


@st.composite
def field_changes(draw: st.DrawFn) -> FieldChange:
    """Changes of one field of a job between two snapshots."""
    before = draw(job_snapshots(num_circuits=0))
    changed: dict[str, Any] = {"dry_run": not before.dry_run, "tags": (*(before.tags or ()), "new")}
    name = draw(st.sampled_from([*changed]))
    after: JobSnapshot = attrs.evolve(before, **{name: changed[name]})
    (change,) = diff(before, after).fields
    return change
