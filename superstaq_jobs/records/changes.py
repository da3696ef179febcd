"""What changed between two snapshots of a job, and which of several is the newest.

Lives here: ``diff`` and the ``JobDiff`` it gives, ``newest``, ``follow``. May import ``records``.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import operator
from collections.abc import Iterator
from typing import Any, Final

import attrs

from .snapshots import CircuitSnapshot, JobSnapshot
from .status import PROGRESS, CircuitStatus

__all__ = ["CircuitChange", "FieldChange", "JobDiff", "diff", "follow", "newest", "share_texts"]

_JOB_FIELDS: Final = tuple(
    field.name for field in attrs.fields(JobSnapshot) if field.eq and field.name != "circuits"
)
_TEXTS: Final = (
    "input_circuit",
    "compiled_circuit",
    "results_dict",
    "provider_id",
    "logical_qubits",
    "physical_qubits",
)
_MAPPINGS: Final = ("counts", "initial_logical_to_physical", "final_logical_to_physical")
_BEGINNING: Final = dt.datetime.min.replace(tzinfo=dt.UTC)


@attrs.frozen
class CircuitChange:
    """One circuit that differs between two snapshots.

    Attributes:
        index: Which circuit.
        before: As it was; None if the earlier snapshot has no such circuit.
        after: As it is; None if the later snapshot has no such circuit.
    """

    index: int
    before: CircuitSnapshot | None
    after: CircuitSnapshot | None


@attrs.frozen
class FieldChange:
    """One field of the job itself that differs between two snapshots.

    Attributes:
        name: The field of ``JobSnapshot``.
        before: Its value in the earlier snapshot.
        after: Its value in the later one.
    """

    name: str
    before: Any
    after: Any


@attrs.frozen
class JobDiff:
    """All that differs between two snapshots of one job; false if nothing does.

    Attributes:
        circuits: The circuits that differ, in order.
        fields: The other fields of the job that differ.
    """

    circuits: tuple[CircuitChange, ...] = ()
    fields: tuple[FieldChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.circuits or self.fields)

    def apply(self, before: JobSnapshot) -> JobSnapshot:
        """The later snapshot, from the earlier one: ``diff(a, b).apply(a) == b``.

        When and from where it was fetched are no part of a difference: these stay those of
        ``before``.

        Raises:
            ValueError: If ``before`` is not the snapshot that the difference starts from.
        """
        if any(getattr(before, change.name) != change.before for change in self.fields) or any(
            _circuit_at(before, change.index) != change.before for change in self.circuits
        ):
            raise ValueError(f"these changes do not start from this snapshot of {before.job_id}")
        circuits = dict(enumerate(before.circuits))
        for change in self.circuits:
            if change.after is None:
                del circuits[change.index]
            else:
                circuits[change.index] = change.after
        fields = {change.name: change.after for change in self.fields}
        return attrs.evolve(before, circuits=tuple(circuits.values()), **fields)


def diff(before: JobSnapshot, after: JobSnapshot) -> JobDiff:
    """What changed between two snapshots of one job.

    Args:
        before: The earlier snapshot.
        after: The later snapshot.

    Returns:
        Exactly what differs; false if they are equal.

    Raises:
        ValueError: If they are of different jobs.
    """
    _of_one_job(before, after)
    return JobDiff(
        circuits=tuple(_changed_circuits(before, after)),
        fields=tuple(
            FieldChange(name, old, new)
            for name in _JOB_FIELDS
            if (old := getattr(before, name)) != (new := getattr(after, name)) or _moved(old, new)
        ),
    )


def _changed_circuits(before: JobSnapshot, after: JobSnapshot) -> Iterator[CircuitChange]:
    pairs = itertools.zip_longest(before.circuits, after.circuits)
    for index, (old, new) in enumerate(pairs):
        if old is not new and old != new:
            yield CircuitChange(index, old, new)


def _moved(old: object, new: object) -> bool:
    # Two times that Python holds equal, written with different offsets.
    return (
        isinstance(old, dt.datetime)
        and isinstance(new, dt.datetime)
        and old.utcoffset() != new.utcoffset()
    )


def _circuit_at(snapshot: JobSnapshot, index: int) -> CircuitSnapshot | None:
    return snapshot.circuits[index] if index < len(snapshot.circuits) else None


def _of_one_job(first: JobSnapshot, *others: JobSnapshot) -> None:
    for other in others:
        if other.job_id != first.job_id:
            raise ValueError(f"snapshots of different jobs: {first.job_id} and {other.job_id}")


def newest(first: JobSnapshot, *others: JobSnapshot) -> JobSnapshot:
    """The newest state of a job that some observations of it show, in whatever order they come.

    Answers can overtake each other, so the last to arrive is not always the newest. Each circuit is
    taken from the observation that saw it furthest: one that is over wins over one that is not, a
    later ``updated_at`` over an earlier one, a later status over an earlier one. So a circuit that
    was once seen to be over never goes back. The job's own fields are those of the observation that
    was fetched last, and so is ``fetched_at``. Observations of an honest server are ordered, and
    then the result is one of them, returned as it is.

    Args:
        first: An observation.
        others: Further observations of the same job.

    Returns:
        The newest of them; or, of a server that contradicts itself, the newest of each circuit.

    Raises:
        ValueError: If they are of different jobs.
    """
    _of_one_job(first, *others)
    observed = [first, *others]
    base = functools.reduce(_newer_job, observed)
    circuits = tuple(
        functools.reduce(
            _newer_circuit, (s.circuits[index] for s in observed if index < s.num_circuits)
        )
        for index in range(base.num_circuits)
    )
    merged = attrs.evolve(base, circuits=circuits, short_lists=_short_lists(base, observed))
    # When it was fetched is no part of equality, but the next call asks for it.
    return next((s for s in observed if s.fetched_at == merged.fetched_at and s == merged), merged)


def follow(before: JobSnapshot, after: JobSnapshot) -> JobSnapshot:
    """The state of a job after an answer to a question that was asked after the answer before.

    The later answer is right where nothing speaks against it. Of a circuit that was over and would
    not be, or whose ``updated_at`` goes back (as from a server behind the others), the earlier
    state is kept.

    Args:
        before: The earlier state.
        after: The later answer.

    Returns:
        ``after``, or what it would be without going back.

    Raises:
        ValueError: If they are of different jobs.
    """
    _of_one_job(before, after)
    if before.num_circuits != after.num_circuits:
        return newest(before, after)
    circuits = tuple(map(_followed, before.circuits, after.circuits))
    if all(map(operator.is_, circuits, after.circuits)):
        return after
    lists = _short_lists(after, [before, after])
    return attrs.evolve(after, circuits=circuits, short_lists=lists)


def share_texts(before: JobSnapshot, after: JobSnapshot) -> None:
    """Let the later of two snapshots of a job hold the earlier one's own objects for what is equal.

    So a job that is looked at often does not keep its circuits' texts more than once. Nobody can
    tell but by the memory it takes: equal values stand in for equal values.
    """
    circuits = [*map(_shared, before.circuits, after.circuits)]
    if not all(map(operator.is_, circuits, after.circuits)):
        rest = after.circuits[len(circuits) :]
        object.__setattr__(after, "circuits", (*circuits, *rest))


def _shared(old: CircuitSnapshot, new: CircuitSnapshot) -> CircuitSnapshot:
    if old.status_text == new.status_text and old == new and _written_alike(old, new):
        return old
    for name in _TEXTS:
        text = getattr(old, name)
        if text is not None and text == getattr(new, name):
            object.__setattr__(new, name, text)
    return new


def _written_alike(old: CircuitSnapshot, new: CircuitSnapshot) -> bool:
    """Whether equal circuits show the same: equal mappings may differ in order, or in 1 and 1.0."""
    return all(repr(getattr(old, name)) == repr(getattr(new, name)) for name in _MAPPINGS)


def _followed(old: CircuitSnapshot, new: CircuitSnapshot) -> CircuitSnapshot:
    if old.is_terminal != new.is_terminal:
        return old if old.is_terminal else new
    goes_back = (new.updated_at or _BEGINNING) < (old.updated_at or _BEGINNING)
    return old if goes_back and new.updated_at is not None else new


def _short_lists(base: JobSnapshot, observed: list[JobSnapshot]) -> dict[str, int]:
    """Each list is as long as the longest that was seen, so that it holds what was kept of it."""
    longest = {
        name: max(s.short_lists.get(name, s.num_circuits) for s in observed)
        for name in base.short_lists
    }
    return {name: length for name, length in longest.items() if length < base.num_circuits}


def _newer_circuit(one: CircuitSnapshot, other: CircuitSnapshot) -> CircuitSnapshot:
    if one is other:
        return one
    ranks = _circuit_rank(one), _circuit_rank(other)
    if ranks[0] == ranks[1] and one != other:
        # Nothing tells which came first, but the answer must not depend on which came first here.
        ranks = (one.canonical,), (other.canonical,)
    return one if ranks[0] >= ranks[1] else other


def _circuit_rank(circuit: CircuitSnapshot) -> tuple[Any, ...]:
    status = circuit.status
    return (
        status is CircuitStatus.DELETED,
        status.is_terminal,
        circuit.updated_at or _BEGINNING,
        PROGRESS[status],
        circuit.counts is not None,
    )


def _newer_job(one: JobSnapshot, other: JobSnapshot) -> JobSnapshot:
    ranks = _job_rank(one), _job_rank(other)
    if ranks[0] == ranks[1]:
        ranks = (_job_text(one),), (_job_text(other),)
    return one if ranks[0] >= ranks[1] else other


def _job_rank(snapshot: JobSnapshot) -> tuple[Any, ...]:
    return snapshot.num_circuits, snapshot.fetched_at or _BEGINNING


def _job_text(snapshot: JobSnapshot) -> str:
    return attrs.evolve(snapshot, circuits=(), short_lists={}).digest
