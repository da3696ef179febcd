"""The rows of tables: plain tuples and dicts, made without another package."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from superstaq_jobs.records import CircuitSnapshot, Counts, JobSnapshot, fields
from superstaq_jobs.records.frozen import canonical_json
from superstaq_jobs.records.problems import InvalidValue, check_iterable, check_type, shown

__all__ = [
    "TYPES",
    "Outcomes",
    "Row",
    "RowKind",
    "Seen",
    "checked",
    "find_outcomes",
    "make_rows",
    "outcome_rows",
    "to_rows",
    "types_of",
]

RowKind: TypeAlias = Literal["outcomes", "circuits", "changes"]
"""What the rows of a table are."""

TYPES: Final[dict[str, dict[str, str]]] = {
    "outcomes": {
        "job_id": "string",
        "circuit": "int32",
        "target": "string",
        "bits": "string",
        "count": "double",
        "total": "double",
        "shots": "int64",
    },
    "circuits": {
        "job_id": "string",
        "circuit": "int32",
        "job_type": "string",
        "target": "string",
        "circuit_type": "string",
        "status": "string",
        "status_message": "string",
        "provider_id": "string",
        "shots": "int64",
        "outcomes": "int64",
        "total": "double",
        "submitted_at": "timestamp",
        "updated_at": "timestamp",
        "fetched_at": "timestamp",
        "tags": "list<string>",
        "metadata": "string",
        "digest": "string",
    },
    "changes": {
        "job_id": "string",
        "circuit": "int32",
        "from_status": "string",
        "to_status": "string",
        "at": "timestamp",
        "seconds": "double",
    },
}
"""The columns of each kind of rows, in order, and their types."""

_EXACT: Final = 2**53
"""Every int up to this one is a double; of larger ones, some are."""
_INT64: Final = 2**63

Row: TypeAlias = tuple[Any, ...]
"""A row, in the order of ``TYPES``."""
Seen: TypeAlias = dict[tuple[str, int], tuple[str, dt.datetime | None]]
"""By job and circuit, the last status and since when."""


def to_rows(snapshots: Iterable[JobSnapshot], rows: RowKind = "outcomes") -> list[dict[str, Any]]:
    """The rows of a table as plain dicts, which need no other package.

    >>> to_rows([])
    []

    Args:
        snapshots: Snapshots of any jobs, of either version of the API; for ``"changes"``, those of
            each job oldest first.
        rows: What the rows are; see ``superstaq_jobs.tables``.

    Returns:
        A dict for each row, with the same columns in the same order. The values are strings, ints,
        floats, lists of strings, datetimes in UTC, and None.

    Raises:
        TypeError: If ``snapshots`` are not snapshots.
        ValueError: If ``rows`` is not a kind of rows; if a count is an int that no double holds
            exactly, if the counts of a circuit add up to more than any double, or if ``shots`` does
            not fit 64 bits.
    """
    columns = tuple(types_of(rows))
    return [dict(zip(columns, row, strict=True)) for row in make_rows(checked(snapshots), rows)]


class Outcomes(NamedTuple):
    """The counts of one circuit."""

    job_id: str
    circuit: int
    target: str | None
    counts: Counts
    total: float
    shots: int | None


def make_rows(
    snapshots: Iterable[JobSnapshot], rows: RowKind, seen: Seen | None = None
) -> Iterator[Row]:
    """The rows of one kind; ``seen`` carries what came before from one call to the next."""
    if rows == "outcomes":
        yield from outcome_rows(find_outcomes(snapshots))
    elif rows == "circuits":
        yield from _circuits(snapshots)
    else:
        yield from _changes(snapshots, {} if seen is None else seen)


def find_outcomes(snapshots: Iterable[JobSnapshot]) -> Iterator[Outcomes]:
    """The counts of every circuit that has some."""
    for snapshot in snapshots:
        job_id, target = str(snapshot.job_id), snapshot.target
        for circuit in snapshot.circuits:
            counts = circuit.counts
            if counts is not None:
                total, shots = _total(job_id, circuit, counts), _shots(job_id, circuit)
                yield Outcomes(job_id, circuit.index, target, counts, total, shots)


def outcome_rows(parts: Iterable[Outcomes]) -> Iterator[Row]:
    """A row for each bitstring, in order."""
    for part in parts:
        for bits, value in sorted(part.counts.items()):
            count = _double(part.job_id, part.circuit, value, bits)
            yield part.job_id, part.circuit, part.target, bits, count, part.total, part.shots


def _circuits(snapshots: Iterable[JobSnapshot]) -> Iterator[Row]:
    for snapshot in snapshots:
        job_id, digest = str(snapshot.job_id), snapshot.digest
        metadata = None if snapshot.metadata is None else canonical_json(snapshot.metadata)
        for circuit in snapshot.circuits:
            counts = circuit.counts
            yield (
                job_id,
                circuit.index,
                _plain(snapshot.job_type),
                snapshot.target,
                _plain(snapshot.circuit_type),
                circuit.status_text,
                circuit.status_message,
                circuit.provider_id,
                _shots(job_id, circuit),
                None if counts is None else len(counts),
                None if counts is None else _total(job_id, circuit, counts),
                _utc(snapshot.submitted_at),
                _utc(circuit.updated_at),
                _utc(snapshot.fetched_at),
                None if snapshot.tags is None else list(snapshot.tags),
                metadata,
                digest,
            )


def _changes(snapshots: Iterable[JobSnapshot], seen: Seen) -> Iterator[Row]:
    for snapshot in snapshots:
        job_id = str(snapshot.job_id)
        for circuit in snapshot.circuits:
            key, status = (job_id, circuit.index), circuit.status_text
            before, since = seen.get(key, (None, None))
            if status == before:
                continue
            at = circuit.updated_at or snapshot.fetched_at
            seen[key] = status, at
            seconds = None if at is None or since is None else (at - since).total_seconds()
            yield *key, before, status, _utc(at), seconds


def checked(snapshots: Iterable[Any]) -> Iterator[JobSnapshot]:
    """The same snapshots; raises a ``TypeError`` for anything else."""
    if isinstance(snapshots, JobSnapshot):
        raise TypeError("snapshots must be a list, got one: pass [snapshot]")
    check_iterable("snapshots", snapshots=snapshots)
    return itertools.starmap(_checked, enumerate(snapshots))


def _checked(place: int, snapshot: JobSnapshot) -> JobSnapshot:
    hint = "pass handle.refresh()" if hasattr(type(snapshot), "refresh") else ""
    check_type(JobSnapshot, hint, **{f"snapshots[{place}]": snapshot})
    return snapshot


def types_of(rows: str) -> dict[str, str]:
    """The columns of a kind of rows; raises a ``ValueError`` for an unknown one."""
    if not isinstance(rows, str) or rows not in TYPES:
        raise InvalidValue(f"rows must be one of {', '.join(map(repr, TYPES))}, got {shown(rows)}")
    return TYPES[rows]


def _plain(value: str | None) -> str | None:
    return None if value is None else str(value)


def _utc(value: dt.datetime | None) -> dt.datetime | None:
    if value is not None:
        with contextlib.suppress(OverflowError):  # within a day of the years 1 and 9999
            return value.astimezone(dt.UTC)
    return value


def _shots(job_id: str, circuit: CircuitSnapshot) -> int | None:
    shots = circuit.shots
    if shots is not None and not -_INT64 <= shots < _INT64:
        where = f"circuit {circuit.index} of job {job_id}"
        raise InvalidValue(
            f"the shots of {where} do not fit 64 bits: {fields.shown(shots)}; leave that job out"
        )
    return shots


def _total(job_id: str, circuit: CircuitSnapshot, counts: Counts) -> float:
    """The sum of the counts of a circuit."""
    try:
        shots = counts.shots
    except ValueError as error:
        where = f"circuit {circuit.index} of job {job_id}"
        raise InvalidValue(f"{where} has no total: {error}; leave that job out") from None
    return float(shots) if -_EXACT <= shots <= _EXACT else _double(job_id, circuit.index, shots)


def _double(job_id: str, circuit: int, value: float, bits: str | None = None) -> float:
    """A count as a float, which it must equal."""
    with contextlib.suppress(OverflowError):
        if float(value) == value:
            return float(value)
    what = "the sum of the counts" if bits is None else f"the count of {bits!r}"
    raise InvalidValue(
        f"{what} in circuit {circuit} of job {job_id} is {fields.shown(value, 500)}, which no "
        "double holds exactly; leave that job out"
    )
