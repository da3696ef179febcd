"""``archive list|show|verify|export|merge``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .arguments import MOMENT, conditions, job_ids, query_of
from .failures import ExitCode
from .session import Session, local

if TYPE_CHECKING:
    from superstaq_jobs import JobSnapshot

__all__ = ["archive"]

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False)


@click.group()
def archive() -> None:
    """Read and keep archives of snapshots. Nothing is sent.

    An archive is a file that commands with --record FILE, and programs with SnapshotArchive, write.
    """


def _reading(function: F) -> F:
    function = click.option(
        "--circuit-type",
        type=click.Choice(["qasm", "cirq", "qiskit", "jaqal"]),
        help="The format of the circuits, for jobs that were recorded in several.",
    )(function)
    return click.option(
        "--as-of", type=MOMENT, help="Only what had been recorded at this time counts."
    )(function)


@archive.command("list")
@click.argument("file", type=_FILE)
@conditions
@_reading
@local
@click.pass_obj
def list_archived(
    session: Session,
    /,
    file: str,
    as_of: dt.datetime | None,
    circuit_type: str | None,
    **selected: Any,
) -> int:
    """List the jobs in an archive, in their newest recorded state."""
    from superstaq_jobs import SnapshotArchive

    from . import shapes, views

    query = query_of(**selected)
    with SnapshotArchive(file, mode="r") as opened:
        found = list(opened.query(query, as_of=as_of, circuit_type=circuit_type))
    return session.done(shapes.jobs_data(found), partial(views.table_of_jobs, session.out, found))


@archive.command("show")
@click.argument("file", type=_FILE)
@job_ids()
@click.option("--history", is_flag=True, help="Every recorded state, the oldest first.")
@_reading
@local
@click.pass_obj
def show_archived(
    session: Session,
    *,
    file: str,
    ids: list[str],
    history: bool,
    as_of: dt.datetime | None,
    circuit_type: str | None,
) -> int:
    """Show jobs in an archive."""
    from superstaq_jobs import SnapshotArchive

    from . import shapes, views

    if history and as_of is not None:
        raise click.UsageError("--history and --as-of exclude each other.")
    found: list[JobSnapshot] = []
    with SnapshotArchive(file, mode="r") as opened:
        for each in ids:
            if history:
                found += opened.history(each, circuit_type=circuit_type)
            elif as_of is not None:
                found.append(opened.as_of(each, as_of, circuit_type=circuit_type))
            else:
                found.append(opened.latest(each, circuit_type=circuit_type))
    return session.done(
        shapes.jobs_data(found, circuits=True, record=True),
        partial(views.several_jobs, session.out, found),
    )


@archive.command("verify")
@click.argument("file", type=_FILE)
@click.option("--deep", is_flag=True, help="Decode every state too, and compare all indexes.")
@local
@click.pass_obj
def verify_archive(session: Session, file: str, deep: bool) -> int:
    """Check that everything in an archive is as it was written.

    The exit status is 1 if something is not.
    """
    from superstaq_jobs import SnapshotArchive
    from superstaq_jobs.records.display import amount

    with SnapshotArchive(file, mode="r") as opened:
        report = opened.verify(deep=deep)
    data = {
        "ok": bool(report),
        "jobs": report.jobs,
        "states": report.states,
        "observations": report.observations,
        "problems": [{"where": each.where, "what": each.what} for each in report.problems],
    }

    def text() -> None:
        for each in report.problems:
            session.out.line((each.where, "red"), f": {each.what}")
        number = amount(len(report.problems), "problem")
        verdict = "as it was written" if report else number
        jobs, states = amount(report.jobs, "job"), amount(report.states, "state")
        seen = amount(report.observations, "observation")
        session.out.line(f"{file}: {verdict} ({jobs}, {states}, {seen})")

    return session.done(data, text, ExitCode.OK if report else ExitCode.FAILED)


@archive.command("export")
@click.argument("file", type=_FILE)
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False))
@local
@click.pass_obj
def export(session: Session, file: str, target: str) -> int:
    """Write an archive as JSON Lines to OUT, compressed if it ends in .gz.

    This is the form to publish: the same content gives the same bytes.
    """
    from superstaq_jobs import SnapshotArchive
    from superstaq_jobs.records.display import amount

    with SnapshotArchive(file, mode="r") as opened:
        number = opened.export_jsonl(target)
    return session.done(
        {"path": target, "observations": number},
        lambda: session.out.line(f"{target}: {amount(number, 'observation')}"),
    )


@archive.command("merge")
@click.argument("file", metavar="INTO", type=click.Path(dir_okay=False))
@click.argument("sources", metavar="FROM...", nargs=-1, required=True, type=_FILE)
@local
@click.pass_obj
def merge(session: Session, file: str, sources: tuple[str, ...]) -> int:
    """Record in the archive INTO all that is in others.

    FROM are archives, or their exports (.jsonl and .jsonl.gz). INTO is made if it does not exist.
    The order does not matter, and merging twice does nothing.
    """
    from superstaq_jobs import SnapshotArchive
    from superstaq_jobs.records.display import amount

    number = 0
    with SnapshotArchive(file) as opened:
        for each in sources:
            is_export = each.endswith((".jsonl", ".jsonl.gz"))
            number += opened.import_jsonl(each) if is_export else opened.merge(each)
        jobs = len(opened)
    return session.done(
        {"path": file, "jobs": jobs, "new_observations": number},
        lambda: session.out.line(
            f"{file}: {amount(jobs, 'job')}, {amount(number, 'new observation')}"
        ),
    )
