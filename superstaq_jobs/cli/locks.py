"""``lock`` and ``verify``: the data of a study are those that were locked."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from .arguments import MOMENT, job_ids
from .failures import CommandError
from .session import Session, local

if TYPE_CHECKING:
    from superstaq_jobs import JobSnapshot, LockDifference, StudyLock

__all__ = ["lock", "verify"]

_ARCHIVE = click.argument("archive", type=click.Path(exists=True, dir_okay=False))


@click.command()
@click.argument("file", metavar="LOCK", type=click.Path(dir_okay=False))
@_ARCHIVE
@job_ids(metavar="[ID]...", required=False)
@click.option("--as-of", type=MOMENT, help="Only what had been recorded at this time counts.")
@local
@click.pass_obj
def lock(
    session: Session, file: str, archive: str, ids: list[str], as_of: dt.datetime | None
) -> int:
    """Write the file LOCK, which names the data of a study.

    These are the newest states of the jobs in ARCHIVE, or of those with the given ids. LOCK belongs
    into version control; verify says later whether the data are still there.
    """
    from superstaq_jobs import SnapshotArchive
    from superstaq_jobs import lock as write_lock

    with SnapshotArchive(archive, mode="r") as opened:
        found: list[JobSnapshot]
        if not ids:
            found = list(opened.query(as_of=as_of))
        elif as_of is None:
            found = [opened.latest(each) for each in ids]
        else:
            found = [opened.as_of(each, as_of) for each in ids]
    made = write_lock(file, found)
    if unfinished := sum(not each.is_terminal for each in found):
        session.out.warn(f"{unfinished} of the {len(found)} jobs are not finished in {archive}")
    return _done(session, file, made, "locks")


@click.command()
@click.argument("file", metavar="LOCK", type=click.Path(exists=True, dir_okay=False))
@_ARCHIVE
@local
@click.pass_obj
def verify(session: Session, file: str, archive: str) -> int:
    """Check that ARCHIVE has exactly the data that LOCK names.

    The exit status is 1 if it does not, with what differs.
    """
    from superstaq_jobs import LockMismatch, SnapshotArchive, StudyLock

    known = StudyLock.read(file)
    with SnapshotArchive(archive, mode="r") as opened:
        try:
            known.load(opened)
        except LockMismatch as error:
            data = {"differences": [_difference(each) for each in error.differences]}  # type: ignore[arg-type]
            raise CommandError(error.message, data=data, cause=error) from None
    return _done(session, file, known, "agrees with the archive in")


def _done(session: Session, file: str, made: StudyLock, what: str) -> int:
    entries = [
        {
            "job_id": str(each.job_id),
            "circuit_type": each.circuit_type and str(each.circuit_type),
            "status": each.status,
            "digest": each.digest,
        }
        for each in made.entries
    ]
    number = "1 snapshot" if len(entries) == 1 else f"{len(entries)} snapshots"
    return session.done(
        {"path": file, "root": made.root, "entries": entries},
        lambda: session.out.line(f"{file} {what} {number}; root {made.root}"),
    )


def _difference(difference: LockDifference) -> dict[str, Any]:
    from . import shapes

    entry, changes = difference.entry, difference.diff
    return {
        "job_id": str(entry.job_id),
        "digest": entry.digest,
        "found": None if difference.found is None else shapes.job_data(difference.found),
        "diff": None if changes is None else shapes.diff_data(entry.job_id, changes),
    }
