"""Jobs, circuits and counts as people read them."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from superstaq_jobs.records import CircuitSnapshot, CircuitStatus, Counts, JobSnapshot
from superstaq_jobs.records.display import largest, moment, most_common, status_counts
from superstaq_jobs.records.fields import shown
from superstaq_jobs.records.status import parse_status

from .output import Cell, Column, Output, share_of

__all__ = [
    "circuit_rows",
    "counts_of",
    "histogram",
    "local_time",
    "name_of",
    "one_job",
    "several_jobs",
    "styled",
    "table_of_jobs",
    "to_the_minute",
    "transitions",
    "value",
]

_STYLES: Final = {
    CircuitStatus.COMPLETED: "green",
    CircuitStatus.FAILED: "red",
    CircuitStatus.CANCELLED: "yellow",
    CircuitStatus.DELETED: "yellow",
}
_SHOWN_OUTCOMES: Final = 8  # of a circuit, on a terminal

_JOB_COLUMNS: Final = (
    Column("job"),
    Column("status"),
    Column("circuits", right=True),
    Column("target", plain=True),
    Column("submitted", plain=True),
    Column("tags", plain=True),
)
_CIRCUIT_COLUMNS: Final = (
    Column("circuit", right=True),
    Column("status"),
    Column("shots", right=True),
    Column("most common, or message", plain=True),
)


def local_time(value: dt.datetime | None) -> str:
    """A time in the local zone; empty if it is not known."""
    return "" if value is None else moment(value.astimezone())


def to_the_minute(value: dt.datetime | None) -> str:
    """A time in the local zone, as short as can be."""
    return "" if value is None else f"{value.astimezone():%Y-%m-%d %H:%M}"


def styled(status: CircuitStatus, text: str = "") -> Cell:
    """A status in its colour, in the server's word if one is given."""
    return text or str(status), _STYLES.get(status, "cyan")


def table_of_jobs(out: Output, snapshots: Iterable[JobSnapshot]) -> None:
    """A line for each job, or two on a narrow terminal."""
    time = to_the_minute if out.is_terminal else local_time
    out.table(
        _JOB_COLUMNS,
        (
            (
                str(each.job_id),
                styled(each.status),
                shown(each.num_circuits),
                each.target or "",
                time(each.submitted_at),
                ", ".join(each.tags or ()),
            )
            for each in snapshots
        ),
    )


def one_job(out: Output, snapshot: JobSnapshot) -> None:
    """All that is worth knowing of a job, and a line for each circuit."""
    numbers = status_counts(each.status_text for each in snapshot.circuits)
    out.facts(
        [
            ("job", str(snapshot.job_id)),
            ("status", styled(snapshot.status)),
            ("target", snapshot.target or ""),
            ("type", snapshot.job_type or ""),
            ("format", snapshot.circuit_type or ""),
            ("dry run", "yes" if snapshot.dry_run else ""),
            ("tags", ", ".join(snapshot.tags or ())),
            ("metadata", value(snapshot.metadata.to_dict()) if snapshot.metadata else ""),
            ("submitted", local_time(snapshot.submitted_at)),
            ("fetched", local_time(snapshot.fetched_at)),
            ("from", snapshot.source or ""),
            ("circuits", f"{snapshot.num_circuits}: {numbers}" if snapshot.circuits else "none"),
        ]
    )
    rows = circuit_rows(snapshot.circuits)
    if out.is_terminal:
        out.line()
        out.table(_CIRCUIT_COLUMNS, rows)
    else:
        out.table((), [("circuit", *row) for row in rows])


def several_jobs(out: Output, snapshots: Sequence[JobSnapshot]) -> None:
    """All that is worth knowing of each of some jobs."""
    for number, each in enumerate(snapshots):
        if number:
            out.line()
        one_job(out, each)


def circuit_rows(
    circuits: Sequence[CircuitSnapshot], names: Sequence[str] = ()
) -> list[tuple[Cell, ...]]:
    """The lines of a table of circuits, which have names or are named by their indices."""
    return [
        (
            names[each.index] if names else str(each.index),
            styled(each.status, each.status_text),
            "" if each.shots is None else shown(each.shots),
            "; ".join(
                part
                for part in (
                    largest(each.counts) if each.counts else "",
                    each.status_message or "",
                )
                if part
            ),
        )
        for each in circuits
    ]


def counts_of(
    out: Output, circuits: Sequence[CircuitSnapshot], top: int | None, *, are_several: bool
) -> None:
    """The counts of some circuits, which are named if the job has several."""
    for number, each in enumerate(circuits):
        counts = each.counts or Counts({})
        if out.is_terminal:
            if number:
                out.line()
            histogram(out, counts, top, name=f"circuit {each.index}, " if are_several else "")
        else:
            index = (str(each.index),) if are_several else ()
            some = most_common(counts, top or len(counts))
            out.table((), [(*index, bits, shown(number)) for bits, number in some])


def histogram(out: Output, counts: Counts, top: int | None = None, *, name: str = "") -> None:
    """The most common outcomes with their shares, and how many more there are."""
    total = _total_of(counts)
    out.line(f"{name}{shown(total)} shots")
    some = most_common(counts, top or _SHOWN_OUTCOMES)
    out.bars([(bits, shown(number), share_of(number, total)) for bits, number in some])
    if (more := len(counts) - len(some)) and out.is_terminal:
        out.line(f"  … and {more:,} more outcomes (--top {len(counts)} shows all)")


def transitions(
    before: JobSnapshot | None, after: JobSnapshot, names: Sequence[str] = ()
) -> Iterator[tuple[str, tuple[Cell, ...]]]:
    """The statuses that changed: of which circuits, and from what to what."""
    groups: dict[tuple[str, str], list[CircuitSnapshot]] = {}
    for circuit in after.circuits:
        old = None
        if before is not None and circuit.index < before.num_circuits:
            old = before.circuits[circuit.index].status_text
        if old != circuit.status_text:
            groups.setdefault((old or "", circuit.status_text), []).append(circuit)
    # Those with names are named one by one.
    alone = ((key, [each]) for key, group in groups.items() for each in group)
    for (old, new), circuits in alone if names else groups.items():
        parts: list[Cell] = [styled(circuits[0].status, new)]
        if old:
            parts = [styled(parse_status(old), old), " → ", *parts]
        yield _named(circuits, after, names), tuple(parts)


def _named(circuits: Sequence[CircuitSnapshot], job: JobSnapshot, names: Sequence[str]) -> str:
    if len(circuits) > 1 and not names:
        return f"{len(circuits)} circuits: "
    return "" if job.num_circuits == 1 and not names else f"{name_of(circuits[0].index, names)}: "


def name_of(index: int, names: Sequence[str]) -> str:
    """A circuit by its index, with its name if it has one."""
    return f"circuit {index} ({names[index]})" if index < len(names) else f"circuit {index}"


def _total_of(counts: Counts) -> float:
    """The sum of all numbers; infinity if it is more than any float."""
    try:
        return counts.shots
    except ValueError:
        return math.inf


def value(anything: object) -> str:
    """Any value of JSON on one line."""
    if isinstance(anything, bool):
        return "yes" if anything else "no"
    return anything if isinstance(anything, str) else json.dumps(anything, ensure_ascii=False)
