"""What changed between two snapshots of a job, and which of several is the newest."""

from __future__ import annotations

import datetime as dt
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

import attrs

from . import display
from .advice import explains_changes
from .fields import same_moment
from .ids import JobId, server_ids
from .problems import InvalidValue, check_type
from .snapshots import CircuitSnapshot, JobSnapshot, make_circuit
from .status import PROGRESS, CircuitStatus

__all__ = [
    "CircuitChange",
    "FieldChange",
    "JobDiff",
    "assemble",
    "diff",
    "merge_response",
    "newest",
    "share_strings",
]

T = TypeVar("T", CircuitSnapshot, JobSnapshot)

_JOB_FIELDS: Final = tuple(
    field.name for field in attrs.fields(JobSnapshot) if field.eq and field.name != "circuits"
)
_STRINGS: Final = (
    "input_circuit",
    "compiled_circuit",
    "results_dict",
    "provider_id",
    "logical_qubits",
    "physical_qubits",
)
_mappings: Final = operator.attrgetter(
    "counts", "initial_logical_to_physical", "final_logical_to_physical"
)
_SHOWN_FIELDS: Final = ("status_message", "counts", "shots")
_NAMED_FIELDS: Final = 2
_CIRCUIT_FIELDS: Final = tuple(field.name for field in attrs.fields(CircuitSnapshot))
_SNAPSHOT: Final = "a handle's snapshot is handle.latest"
_BEGINNING: Final = dt.datetime.min.replace(tzinfo=dt.UTC)


@explains_changes
@attrs.frozen
class CircuitChange:
    """A circuit that differs between two snapshots.

    Attributes:
        index: The circuit.
        before: The circuit in the earlier snapshot; None if it has no such circuit.
        after: The circuit in the later snapshot; None if it has no such circuit.
    """

    index: int
    before: CircuitSnapshot | None
    after: CircuitSnapshot | None

    @display.never_raises
    def __repr__(self) -> str:
        return f"<CircuitChange {self.index}: {'; '.join(_changed_fields(self))}>"


@explains_changes
@attrs.frozen
class FieldChange:
    """A field of the job itself that differs between two snapshots.

    Attributes:
        name: The name of the field of ``JobSnapshot``.
        before: Its value in the earlier snapshot.
        after: Its value in the later one.
    """

    name: str
    before: Any
    after: Any

    @display.never_raises
    def __repr__(self) -> str:
        return f"<FieldChange {self.name}: {display.change(self.before, self.after)}>"


@explains_changes
@attrs.frozen
class JobDiff:
    """The differences between two snapshots of one job; false if there are none.

    Attributes:
        circuits: The circuits that differ, in order.
        fields: The other fields that differ.
    """

    circuits: tuple[CircuitChange, ...] = ()
    fields: tuple[FieldChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.circuits or self.fields)

    @display.never_raises
    def __repr__(self) -> str:
        shown = [": ".join(row) for row in self._rows()]
        more = len(self.circuits) + len(self.fields) - len(shown)
        shown += [f"… and {more:,} more"] if more else []
        return "\n ".join([f"<JobDiff {self._summary()}", *shown]) + ">"

    def _repr_html_(self) -> str:
        total = len(self.circuits) + len(self.fields)
        table = display.table(["", "before → after"], self._rows(), total)
        return display.card("JobDiff", self._summary(), None, table)

    def _summary(self) -> str:
        circuits = display.plural(len(self.circuits), "circuit")
        return f"{circuits}, {display.plural(len(self.fields), 'field')}" if self else "no changes"

    def _rows(self) -> list[tuple[str, str]]:
        """What changed, at most ``MAX_ROWS`` of it: fields of the job, then circuits."""
        kept = self.fields[: display.MAX_ROWS]
        rows = [(each.name, display.change(each.before, each.after)) for each in kept]
        rest = self.circuits[: display.MAX_ROWS - len(rows)]
        return rows + [(f"circuit {each.index}", "; ".join(_changed_fields(each))) for each in rest]

    def apply(self, before: JobSnapshot) -> JobSnapshot:
        """Make the later snapshot from the earlier one: ``diff(a, b).apply(a) == b``.

        ``fetched_at`` and ``source`` are not compared, and stay those of ``before``.

        Raises:
            ValueError: If ``before`` does not have the values that were changed.
        """
        check_type(JobSnapshot, _SNAPSHOT, before=before)
        circuits = dict(enumerate(before.circuits))
        if any(getattr(before, change.name) != change.before for change in self.fields) or any(
            circuits.get(change.index) != change.before for change in self.circuits
        ):
            raise InvalidValue(f"these changes do not start from this snapshot of {before.job_id}")
        for change in self.circuits:
            if change.after is None:
                del circuits[change.index]
            else:
                circuits[change.index] = change.after
        fields = {change.name: change.after for change in self.fields}
        return attrs.evolve(before, circuits=tuple(circuits.values()), **fields)


def _changed_fields(change: CircuitChange) -> list[str]:
    """What changed of a circuit: what matters to a reader first, the rest by name."""
    before, after = change.before, change.after
    if before is None or after is None:
        return ["removed" if after is None else "added"]
    others = {each.name: each for each in _field_changes(before, after, _CIRCUIT_FIELDS)}
    shown = []
    if others.pop("status_text", None):
        status = display.change(before.status_text, after.status_text, display.line)
        shown.append(f"status {status}")
    known = [others.pop(name) for name in _SHOWN_FIELDS if name in others]
    shown += [f"{each.name} {display.change(each.before, each.after)}" for each in known]
    named = ", ".join(others) if len(others) <= _NAMED_FIELDS else f"{len(others)} other fields"
    return [*shown, f"{named} changed"] if others else shown


def _field_changes(before: T, after: T, names: Iterable[str]) -> Iterator[FieldChange]:
    for name in names:
        old, new = getattr(before, name), getattr(after, name)
        if same_moment(old) != same_moment(new):
            yield FieldChange(name, old, new)


def diff(before: JobSnapshot, after: JobSnapshot) -> JobDiff:
    """The changes from the earlier to the later of two snapshots of a job; false without any.

    Raises:
        ValueError: If they are of different jobs, or their circuits in different formats.
    """
    check_type(JobSnapshot, _SNAPSHOT, before=before, after=after)
    _check_same_job(before, after)
    pairs = enumerate(itertools.zip_longest(before.circuits, after.circuits))
    return JobDiff(
        circuits=tuple(
            CircuitChange(index, old, new)
            for index, (old, new) in pairs
            if old is not new and old != new
        ),
        fields=tuple(_field_changes(before, after, _JOB_FIELDS)),
    )


def _check_same_job(first: JobSnapshot, *others: JobSnapshot) -> None:
    for other in others:
        if other.job_id != first.job_id:
            raise InvalidValue(f"snapshots of different jobs: {first.job_id} and {other.job_id}")
    formats = {each.circuit_type for each in (first, *others)} - {None}
    if len(formats) > 1:
        names = " and ".join(sorted(map(str, formats)))
        raise InvalidValue(
            f"snapshots of job {first.job_id} have circuits in different formats, {names}. They "
            "were not compared: fetch both in one format, with fetch_job(..., circuit_type=...)"
        )


def newest(first: JobSnapshot, *others: JobSnapshot) -> JobSnapshot:
    """The newest state of a job among some snapshots of it, in any order.

    Responses may overtake each other, so the last to arrive is not always the newest. Each circuit
    is taken from the snapshot in which it has come furthest: a finished circuit wins over an
    unfinished one, then the later ``updated_at``, then the later status. A circuit that was once
    finished thus stays finished. The job's own fields and ``fetched_at`` are those of the snapshot
    fetched last.

    Returns:
        One of the snapshots; or, if the server contradicts itself, a new one that has the newest
        state of each circuit.

    Raises:
        ValueError: If they are of different jobs, or their circuits in different formats.
    """
    further = {f"others[{place}]": other for place, other in enumerate(others)}
    check_type(JobSnapshot, _SNAPSHOT, first=first, **further)
    _check_same_job(first, *others)
    observed = [first, *others]
    base = _highest(observed, lambda s: (s.num_circuits, s.fetched_at or _BEGINNING), _job_digest)
    rest = [each for each in observed if each is not base]
    circuits = tuple(_newest_circuit(own, rest) for own in base.circuits)
    lists = _short_lists(base, observed)
    if lists == base.short_lists and all(map(operator.is_, circuits, base.circuits)):
        return base
    merged = attrs.evolve(base, circuits=circuits, short_lists=lists)
    # `fetched_at` is not part of equality, but the next call depends on it.
    return next((s for s in observed if s.fetched_at == merged.fetched_at and s == merged), merged)


def _newest_circuit(own: CircuitSnapshot, rest: Sequence[JobSnapshot]) -> CircuitSnapshot:
    others = [each.circuits[own.index] for each in rest if own.index < each.num_circuits]
    if all(each == own for each in others):  # as usual
        return own
    return _highest([own, *others], _circuit_rank, operator.attrgetter("canonical"))


def merge_response(before: JobSnapshot, after: JobSnapshot) -> JobSnapshot:
    """The state of a job after a response to a request that was sent after ``before`` arrived.

    That is the later response, except for circuits that would go back in it: from finished to
    unfinished, or to an earlier ``updated_at`` (from a server that lags behind). Of these the
    earlier state is kept. Circuits that the later response no longer has are dropped.

    Raises:
        ValueError: If they are of different jobs, or their circuits in different formats.
    """
    _check_same_job(before, after)
    added = after.circuits[before.num_circuits :]
    circuits = (*map(_later_circuit, before.circuits, after.circuits), *added)
    if all(map(operator.is_, circuits, after.circuits)):
        return after
    lists = _short_lists(after, [before, after])
    return attrs.evolve(after, circuits=circuits, short_lists=lists)


def assemble(
    job_id: JobId, found: Mapping[JobId, JobSnapshot], known: JobSnapshot | None = None
) -> JobSnapshot | None:
    """A job, from those that were found, by the server's ids; None if it, or a part, was not found.

    In API v0.3.0 it is one of them. In v0.2.0 each of its circuits is, but for those that were
    ``known`` to be finished, which are not requested again.
    """
    if job_id in found or isinstance(job_id, UUID):
        return found.get(job_id)
    circuits: list[CircuitSnapshot] = []
    sources: list[JobSnapshot] = []
    for index, circuit_id in enumerate(server_ids(job_id)):
        source = found.get(circuit_id)
        if source is not None:
            circuits.append(_moved_to(index, source.circuits[0]))
        elif known is not None and known.circuits[index].is_terminal:
            source = known
            circuits.append(known.circuits[index])
        else:
            return None
        sources.append(source)
    common: dict[str, Any] = {}
    for name in ("target", "circuit_type"):
        own = [c.extra.get(name, getattr(s, name)) for c, s in zip(circuits, sources, strict=True)]
        said = set(own) - {None}
        common[name] = None
        if len(said) == 1 and not any(name in circuit.extra for circuit in circuits):
            (common[name],) = said
        else:  # circuits of different jobs: each keeps its own
            circuits = [_keep_own(c, name, value) for c, value in zip(circuits, own, strict=True)]
    latest = max(sources, key=lambda source: source.fetched_at or _BEGINNING)
    return attrs.evolve(latest, job_id=job_id, circuits=circuits, **common)


def _moved_to(index: int, circuit: CircuitSnapshot) -> CircuitSnapshot:
    """A circuit at its place in a job; its other fields need not be checked again."""
    if circuit.index == index:
        return circuit
    fields = [getattr(circuit, field.name) for field in attrs.fields(CircuitSnapshot)[1:]]
    return make_circuit(index, *fields)


def _keep_own(circuit: CircuitSnapshot, name: str, value: str | None) -> CircuitSnapshot:
    if value is None or name in circuit.extra:
        return circuit
    return attrs.evolve(circuit, extra={**circuit.extra, name: str(value)})


def share_strings(before: JobSnapshot, after: JobSnapshot) -> None:
    """Make the later snapshot of a job share the earlier one's objects where they are equal.

    A job that is polled often then keeps the strings of its circuits only once. Equal values
    replace equal values, so nothing changes but the memory in use.
    """
    circuits = [*map(_share_circuit, before.circuits, after.circuits)]
    if not all(map(operator.is_, circuits, after.circuits)):
        rest = after.circuits[len(circuits) :]
        object.__setattr__(after, "circuits", (*circuits, *rest))


def _share_circuit(old: CircuitSnapshot, new: CircuitSnapshot) -> CircuitSnapshot:
    if old is new or (old == new and _look_alike(old, new)):
        return old
    for name in _STRINGS:
        text = getattr(old, name)
        if text is not None and text == getattr(new, name):
            object.__setattr__(new, name, text)
    return new


def _look_alike(old: CircuitSnapshot, new: CircuitSnapshot) -> bool:
    """Whether equal circuits look the same: equal mappings may differ in order, or in 1 and 1.0."""
    for one, other in zip(_mappings(old), _mappings(new), strict=True):
        if one is not None and not (
            [*one] == [*other] and [*map(type, one.values())] == [*map(type, other.values())]
        ):
            return False
    return not old.extra or repr(old.extra) == repr(new.extra)


def _later_circuit(old: CircuitSnapshot, new: CircuitSnapshot) -> CircuitSnapshot:
    if old.is_terminal != new.is_terminal:
        return old if old.is_terminal else new
    goes_back = new.updated_at and old.updated_at and new.updated_at < old.updated_at
    return old if goes_back else new


def _short_lists(base: JobSnapshot, observed: list[JobSnapshot]) -> dict[str, int]:
    """The longest length of each list that was observed, so that nothing of it is cut off."""
    longest = {
        name: max(s.short_lists.get(name, s.num_circuits) for s in observed)
        for name in base.short_lists
    }
    return {name: length for name, length in longest.items() if length < base.num_circuits}


def _highest(
    observed: Sequence[T], rank: Callable[[T], tuple[Any, ...]], tie_break: Callable[[T], Any]
) -> T:
    """The one with the highest rank; of several, the result must not depend on their order."""
    ranks = [*map(rank, observed)]
    highest = max(ranks)
    best = [each for each, own in zip(observed, ranks, strict=True) if own == highest]
    first, *others = best
    return first if all(each == first for each in others) else max(best, key=tie_break)


def _circuit_rank(circuit: CircuitSnapshot) -> tuple[Any, ...]:
    status = circuit.status
    return (
        status is CircuitStatus.DELETED,
        status.is_terminal,
        circuit.updated_at or _BEGINNING,
        PROGRESS[status],
        circuit.counts is not None,
    )


def _job_digest(snapshot: JobSnapshot) -> str:
    return attrs.evolve(snapshot, circuits=(), short_lists={}).digest
