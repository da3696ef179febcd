"""``counts``."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .output import printable
from .session import Session, remote

if TYPE_CHECKING:
    from superstaq_jobs import CircuitSnapshot, JobSnapshot

__all__ = ["counts"]


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--circuit", type=click.IntRange(min=0), help="Only this circuit, counted from 0.")
@click.option("--csv", "as_csv", is_flag=True, help="Write circuit, outcome and count as CSV.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    help="Show that many outcomes of each circuit, the most common; 8 on a terminal.",
)
@remote
@click.pass_obj
def counts(
    session: Session, job_id: str, circuit: int | None, as_csv: bool, top: int | None
) -> int:
    """Show the counts of a finished job.

    Character i of an outcome is the i-th measured qubit. Of circuits that failed, there is a note
    on stderr.

    \b
    superstaq-jobs counts 0b5ae22e-1b1c-4a31-a8a2-8ba5c1f5ee9a --csv > counts.csv
    """
    from superstaq_jobs import fetch_job

    from . import shapes

    if as_csv and session.out.json:
        raise click.UsageError("--csv and --json are two forms: choose one.")
    with session.client() as client:
        snapshot = fetch_job(client, job_id.strip())
    chosen = _with_counts(session, snapshot, circuit)
    found = shapes.job_data(snapshot) | {"circuits": list(map(shapes.circuit_data, chosen))}

    def text() -> None:
        if as_csv:
            _write_csv(chosen)
        else:
            _show(session, snapshot, chosen, top)

    return session.done({"jobs": [found]}, text)


def _with_counts(
    session: Session, snapshot: JobSnapshot, circuit: int | None
) -> Sequence[CircuitSnapshot]:
    """The circuits that have counts; the record's own error if there are none."""
    if circuit is not None:
        snapshot.counts(circuit)
        return (snapshot.circuit(circuit),)
    found = [each for each in snapshot.circuits if each.is_terminal and each.counts is not None]
    if not found:
        snapshot.counts()
    for each in snapshot.circuits:
        if each not in found:
            why = f", {each.status_message}" if each.status_message else ""
            session.out.warn(f"circuit {each.index} has no counts: {each.status_text}{why}")
    return found


def _write_csv(circuits: Sequence[CircuitSnapshot]) -> None:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["circuit", "outcome", "count"])
    for circuit in circuits:
        for outcome, number in (circuit.counts or {}).items():
            writer.writerow([circuit.index, printable(outcome), number])
    sys.stdout.write(lines.getvalue())


def _show(
    session: Session, snapshot: JobSnapshot, circuits: Sequence[CircuitSnapshot], top: int | None
) -> None:
    from superstaq_jobs.records.fields import shown

    from . import views

    out = session.out
    for number, each in enumerate(circuits):
        if each.counts is None:
            continue
        if number and out.is_terminal:
            out.line()
        if not out.is_terminal:
            views.rows_of_counts(out, each, top, with_index=snapshot.num_circuits > 1)
            continue
        name = f"circuit {each.index}, " if snapshot.num_circuits > 1 else ""
        out.line(f"{name}{shown(views.total_of(each.counts))} shots")
        views.histogram(out, each.counts, top or views.SHOWN_OUTCOMES)
