"""``archive list|show|verify|export|merge``, and ``lock`` and ``verify`` for a study's data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar

import click

import superstaq_jobs as sj

from .arguments import MOMENT, conditions, job_ids, query_of
from .failures import CommandError, ExitCode
from .output import amount
from .session import Session, local

__all__ = ["archive", "lock", "verify"]

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False)
_as_of = click.option(
    "--as-of", type=MOMENT, help="Only what had been recorded at this time counts."
)
_of_type = click.option(
    "--circuit-type",
    type=click.Choice(["qasm", "cirq", "qiskit", "jaqal"]),
    help="The format of the circuits, for jobs that were recorded in several.",
)


def _reading(file: str) -> sj.SnapshotArchive:
    return sj.SnapshotArchive(file, mode="r")


def _states(
    opened: sj.SnapshotArchive, ids: list[str], as_of: dt.datetime | None, **form: Any
) -> list[sj.JobSnapshot]:
    """The newest state of each job, or that of some time."""
    if as_of is None:
        return [opened.latest(each, **form) for each in ids]
    return [opened.as_of(each, as_of, **form) for each in ids]


@click.group()
def archive() -> None:
    """Read and keep archives of snapshots. Nothing is sent.

    An archive is a file that commands with --record FILE, and programs with SnapshotArchive, write.
    """


@archive.command("list")
@click.argument("file", type=_FILE)
@conditions
@_as_of
@_of_type
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
    query = query_of(**selected)
    with _reading(file) as opened:
        found = list(opened.query(query, as_of=as_of, circuit_type=circuit_type))
    return session.done_with_table(found)


@archive.command("show")
@click.argument("file", type=_FILE)
@job_ids()
@click.option("--history", is_flag=True, help="Every recorded state, the oldest first.")
@_as_of
@_of_type
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
    if history and as_of is not None:
        raise click.UsageError("--history and --as-of exclude each other.")
    with _reading(file) as opened:
        if history:
            found = [s for each in ids for s in opened.history(each, circuit_type=circuit_type)]
        else:
            found = _states(opened, ids, as_of, circuit_type=circuit_type)
    return session.done_with_all(found)


@archive.command("verify")
@click.argument("file", type=_FILE)
@click.option("--deep", is_flag=True, help="Decode every state too, and compare all indexes.")
@local
@click.pass_obj
def verify_archive(session: Session, file: str, deep: bool) -> int:
    """Check that everything in an archive is as it was written.

    The exit status is 1 if something is not.
    """
    with _reading(file) as opened:
        report = opened.verify(deep=deep)
    numbers = {name: getattr(report, name) for name in ("jobs", "states", "observations")}
    problems = [{"where": each.where, "what": each.what} for each in report.problems]

    def text() -> None:
        for each in report.problems:
            session.out.line((each.where, "red"), f": {each.what}")
        verdict = "as it was written" if report else amount(len(problems), "problem")
        checked = ", ".join(amount(number, name[:-1]) for name, number in numbers.items())
        session.out.line(f"{file}: {verdict} ({checked})")

    code = ExitCode.OK if report else ExitCode.FAILED
    return session.done({"ok": bool(report), **numbers, "problems": problems}, text, code)


@archive.command("export")
@click.argument("file", type=_FILE)
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False))
@local
@click.pass_obj
def export(session: Session, file: str, target: str) -> int:
    """Write an archive as JSON Lines to OUT, compressed if it ends in .gz.

    This is the form to publish: the same content gives the same bytes.
    """
    with _reading(file) as opened:
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
    number = 0
    with sj.SnapshotArchive(file) as opened:
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


# ---- locks -------------------------------------------------------------------------------------


@click.command()
@click.argument("file", metavar="LOCK", type=click.Path(dir_okay=False))
@click.argument("archive", type=_FILE)
@job_ids(required=False)
@_as_of
@local
@click.pass_obj
def lock(
    session: Session, file: str, archive: str, ids: list[str], as_of: dt.datetime | None
) -> int:
    """Write the file LOCK, which names the data of a study.

    These are the newest states of the jobs in ARCHIVE, or of those with the given ids. LOCK belongs
    into version control; verify says later whether the data are still there.
    """
    with _reading(archive) as opened:
        found = _states(opened, ids, as_of) if ids else list(opened.query(as_of=as_of))
    made = sj.lock(file, found)
    if unfinished := sum(not each.is_terminal for each in found):
        session.out.warn(f"{unfinished} of the {len(found)} jobs are not finished in {archive}")
    return _done(session, file, made, "locks")


@click.command()
@click.argument("file", metavar="LOCK", type=_FILE)
@click.argument("archive", type=_FILE)
@local
@click.pass_obj
def verify(session: Session, file: str, archive: str) -> int:
    """Check that ARCHIVE has exactly the data that LOCK names.

    The exit status is 1 if it does not, with what differs.
    """
    known = sj.StudyLock.read(file)
    with _reading(archive) as opened:
        try:
            known.load(opened)
        except sj.LockMismatch as error:
            data = {"differences": [_difference(each) for each in error.differences]}  # type: ignore[arg-type]
            raise CommandError(error.message, data=data, cause=error) from None
    return _done(session, file, known, "agrees with the archive in")


def _done(session: Session, file: str, made: sj.StudyLock, what: str) -> int:
    entries = [
        {
            "job_id": str(each.job_id),
            "circuit_type": each.circuit_type and str(each.circuit_type),
            "status": each.status,
            "digest": each.digest,
        }
        for each in made.entries
    ]
    number = amount(len(entries), "snapshot")
    return session.done(
        {"path": file, "root": made.root, "entries": entries},
        lambda: session.out.line(f"{file} {what} {number}; root {made.root}"),
    )


def _difference(difference: sj.LockDifference) -> dict[str, Any]:
    from . import shapes

    entry, changes = difference.entry, difference.diff
    return {
        "job_id": str(entry.job_id),
        "digest": entry.digest,
        "found": None if difference.found is None else shapes.job_data(difference.found),
        "diff": None if changes is None else shapes.diff_data(entry.job_id, changes),
    }
