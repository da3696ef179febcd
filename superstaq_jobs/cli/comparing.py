"""``diff``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from .failures import CommandError, ExitCode
from .session import Session, remote

if TYPE_CHECKING:
    from superstaq_jobs import JobDiff, JobSnapshot

__all__ = ["diff"]


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
    from superstaq_jobs import diff as changes_of

    from . import shapes

    before, after = _sides(session, what, archive)
    missing = [each for each in before if each not in after]
    if missing:
        raise CommandError(f"job {missing[0]} is only in {what[0]}, so nothing was compared")
    found = {name: changes_of(old, after[name]) for name, old in before.items()}
    data = {"diffs": [shapes.diff_data(name, changes) for name, changes in found.items()]}
    differs = exit_code and any(found.values())

    def text() -> None:
        for name, changes in found.items():
            _show(session, name, changes)

    return session.done(data, text, ExitCode.FAILED if differs else ExitCode.OK)


def _sides(
    session: Session, what: Sequence[str], archive: str | None
) -> tuple[Mapping[str, JobSnapshot], Mapping[str, JobSnapshot]]:
    """The jobs before and after, by their ids."""
    from superstaq_jobs import SnapshotArchive

    from . import shapes

    if archive is not None:
        with SnapshotArchive(archive, mode="r") as opened:
            before = _by_id([opened.latest(each.strip()) for each in what])
        return before, _now(session, before)
    if len(what) > 2:  # noqa: PLR2004
        raise click.UsageError("diff compares one file with now, or two files.")
    before, *after = (_by_id(shapes.read_jobs(each)) for each in what)
    return before, after[0] if after else _now(session, before)


def _now(session: Session, before: Mapping[str, JobSnapshot]) -> dict[str, JobSnapshot]:
    from superstaq_jobs import JobHandle

    with session.client() as client:
        # Each in its own format, or the two could not be compared.
        handles = [JobHandle.from_snapshot(client, each) for each in before.values()]
        return _by_id([each.refresh() for each in handles])


def _by_id(snapshots: Sequence[JobSnapshot]) -> dict[str, JobSnapshot]:
    return {str(each.job_id): each for each in snapshots}


def _show(session: Session, name: str, changes: JobDiff) -> None:
    out = session.out
    out.line("job ", (name, "bold"), "" if changes else ": no changes")
    for line in repr(changes).splitlines()[1:] if changes else ():
        out.line(f"  {line.strip().removesuffix('>')}")
