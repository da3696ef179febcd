"""``list``, ``show``, ``cancel``, ``counts`` and ``diff``."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

import superstaq_jobs as sj

from .arguments import conditions, job_ids, one_circuit, query_of
from .failures import CommandError, ExitCode
from .output import printable
from .session import Session, remote

__all__ = ["cancel", "counts", "diff", "list_jobs", "show"]


@click.command("list")
@conditions
@click.option(
    "--limit", type=click.IntRange(min=0), help="Show only the newest ones, up to that number."
)
@remote
@click.pass_obj
def list_jobs(session: Session, /, limit: int | None, **selected: Any) -> int:
    """List your jobs, the newest first.

    A job is listed if it has one of the values of each option. Only API v0.3.0 can do this.

    \b
    superstaq-jobs list --tag week-18 --since yesterday
    superstaq-jobs list --status running | cut -f1 | xargs superstaq-jobs wait
    """
    query = query_of(**selected)
    with session.client() as client:
        if not client.api.keeps_tags:
            raise CommandError(
                f"API {client.api.version} cannot list jobs, so nothing was sent. show, wait and "
                "counts work with the ids that submit printed; archive list FILE lists what was "
                "recorded with --record FILE. If your account has v0.3.0, pass "
                "--api-version v0.3.0.",
                ExitCode.USAGE,
            )
        found = sj.query_jobs(client, query)
    newest = sorted(found, key=lambda each: (each.submitted_at, str(each.job_id)), reverse=True)
    return session.done_with_table(newest[:limit])


@click.command()
@job_ids()
@remote
@click.pass_obj
def show(session: Session, ids: list[str]) -> int:
    """Show jobs as they are now.

    With --json, all that the service says of them is written; keep it in a file, and diff FILE
    shows later what has changed.

    \b
    superstaq-jobs show 0b5ae22e-1b1c-4a31-a8a2-8ba5c1f5ee9a
    """
    with session.client() as client:
        return session.done_with_all(sj.fetch_jobs(client, ids))


@click.command()
@job_ids()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@one_circuit("Cancel only this circuit, counted from 0, of one job. Only API v0.2.0 can.")
@remote
@click.pass_obj
def cancel(session: Session, ids: list[str], yes: bool, circuit: int | None) -> int:
    """Cancel jobs that are not finished.

    The exit status is 1 if the service did not cancel all of them.
    """
    if circuit is not None and len(ids) > 1:
        raise click.UsageError("--circuit is for one job.")
    what = f"{len(ids)} jobs" if len(ids) > 1 else f"job {ids[0]}"
    if circuit is not None:
        what = f"circuit {circuit} of {what}"
    with session.client() as client:
        handle = sj.JobHandle(client, ids[0])  # refuses what cannot be an id before it asks
        if not yes:
            session.out.confirm(f"Cancel {what}?", "pass --yes")
        session.after_interrupt = f"interrupted; {what} may have been cancelled"
        session.goes_on = ["show", *ids]
        try:
            receipt = sj.cancel_jobs(client, ids) if circuit is None else handle.cancel(circuit)
        except sj.CancelRefused as error:
            receipt = error.receipt
    data = {
        "cancelled": list(map(str, receipt.cancelled)),
        "refused": list(map(str, receipt.refused)),
        "message": receipt.message,
    }

    def text() -> None:
        rows = [(each, ("cancelled", "yellow")) for each in data["cancelled"]]
        session.out.facts(rows + [(each, ("not cancelled", "red")) for each in data["refused"]])
        if receipt.refused and receipt.message not in session.out.warnings:
            reason = receipt.message or "the service gave no reason; it may be finished"
            session.out.note(f"not cancelled: {reason}")

    return session.done(data, text, ExitCode.FAILED if receipt.refused else ExitCode.OK)


# ---- counts ------------------------------------------------------------------------------------


@click.command()
@click.argument("job_id", metavar="ID")
@one_circuit("Only this circuit, counted from 0.")
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
    from . import shapes, views

    if as_csv and session.out.json:
        raise click.UsageError("--csv and --json are two forms: choose one.")
    with session.client() as client:
        snapshot = sj.fetch_job(client, job_id.strip())
    chosen = _with_counts(session, snapshot, circuit)
    found = shapes.job_data(snapshot) | {"circuits": list(map(shapes.circuit_data, chosen))}

    def text() -> None:
        if as_csv:
            _write_csv(chosen)
        else:
            views.counts_of(session.out, chosen, top, are_several=snapshot.num_circuits > 1)

    return session.done({"jobs": [found]}, text)


def _with_counts(
    session: Session, snapshot: sj.JobSnapshot, circuit: int | None
) -> Sequence[sj.CircuitSnapshot]:
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


def _write_csv(circuits: Sequence[sj.CircuitSnapshot]) -> None:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["circuit", "outcome", "count"])
    for circuit in circuits:
        for outcome, number in (circuit.counts or {}).items():
            writer.writerow([circuit.index, printable(outcome), number])
    sys.stdout.write(lines.getvalue())


# ---- diff --------------------------------------------------------------------------------------


@click.command()
@click.argument("what", metavar="FILE [FILE] | ID...", nargs=-1, required=True)
@click.option(
    "--archive",
    metavar="ARCHIVE",
    type=click.Path(exists=True, dir_okay=False),
    help="Compare jobs with their newest state in this archive; the arguments are their ids.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 1 if something differs.")
@remote
@click.pass_obj
def diff(session: Session, what: tuple[str, ...], archive: str | None, exit_code: bool) -> int:
    """Show what has changed of jobs.

    Compares a file that show --json wrote with the jobs as they are now, or with a second such
    file; or, with --archive, jobs as they were recorded with the jobs as they are now.

    \b
    superstaq-jobs show ID --json > before.json
    superstaq-jobs diff before.json
    superstaq-jobs diff --archive study.db ID
    """
    from . import shapes

    before, after = _sides(session, what, archive)
    missing = [each for each in before if each not in after]
    if missing:
        raise CommandError(f"job {missing[0]} is only in {what[0]}, so nothing was compared")
    found = {name: sj.diff(old, after[name]) for name, old in before.items()}
    data = {"diffs": [shapes.diff_data(name, changes) for name, changes in found.items()]}
    differs = exit_code and any(found.values())

    def text() -> None:
        for name, changes in found.items():
            session.out.line("job ", (name, "bold"), "" if changes else ": no changes")
            for line in repr(changes).splitlines()[1:] if changes else ():
                session.out.line(f"  {line.strip().removesuffix('>')}")

    return session.done(data, text, ExitCode.FAILED if differs else ExitCode.OK)


def _sides(
    session: Session, what: Sequence[str], archive: str | None
) -> tuple[Mapping[str, sj.JobSnapshot], Mapping[str, sj.JobSnapshot]]:
    """The jobs before and after, by their ids."""
    from . import shapes

    if archive is not None:
        with sj.SnapshotArchive(archive, mode="r") as opened:
            before = _by_id([opened.latest(each.strip()) for each in what])
        return before, _now(session, before)
    if len(what) > 2:  # noqa: PLR2004
        raise click.UsageError("diff compares one file with now, or two files.")
    before, *after = (_by_id(shapes.read_jobs(each)) for each in what)
    return before, after[0] if after else _now(session, before)


def _now(session: Session, before: Mapping[str, sj.JobSnapshot]) -> dict[str, sj.JobSnapshot]:
    with session.client() as client:
        # Each in its own format, or the two could not be compared.
        handles = [sj.JobHandle.from_snapshot(client, each) for each in before.values()]
        return _by_id([each.refresh() for each in handles])


def _by_id(snapshots: Sequence[sj.JobSnapshot]) -> dict[str, sj.JobSnapshot]:
    return {str(each.job_id): each for each in snapshots}
