"""``wait`` and ``watch``."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import click

import superstaq_jobs as sj

from .arguments import job_ids, patience
from .failures import CommandError, exit_code, outcome
from .session import Session, remote

__all__ = ["wait", "watch"]

_FIRST_RESPONSE_SECONDS: Final = 2.0
"""How long the first response may take, however short the timeout of the wait is."""

_patience: Final = patience(
    "How long to wait for all of them together; by default, without limit.",
    "The pause between two polls; by default it grows with the time waited.",
)


@click.command()
@job_ids()
@_patience
@remote
@click.pass_obj
def wait(session: Session, ids: list[str], timeout: float | None, polling: float | None) -> int:
    """Wait until jobs are finished.

    The progress is shown on stderr. The exit status is 0 if all have completed, 1 if one failed or
    was cancelled, 3 after --timeout, 4 if the service could not be reached. Ctrl-C prints the
    command that goes on; the jobs go on in any case.
    """
    _note_interrupt(session, "wait", ids, timeout, polling)
    from . import shapes, views

    with session.client() as client:
        options = _begin(client, ids, timeout, polling)
        try:
            is_open = not all(each.job_data.is_terminal for each in options["handles"])
            finals = sj.wait_all(**options, progress=is_open and session.progress())
        except sj.JobsUnsettled as error:
            known = [handle.job_data for handle in options["handles"]]
            if not session.out.json:
                views.table_of_jobs(session.out, known)
            data = shapes.jobs_data(known, circuits=True)
            raise CommandError(str(error), exit_code(error), data=data, cause=error) from None
    return session.done_with_table(finals, outcome(finals), circuits=True)


@click.command()
@job_ids()
@_patience
@remote
@click.pass_obj
def watch(session: Session, ids: list[str], timeout: float | None, polling: float | None) -> int:
    """Show every change of jobs until they are finished.

    With --json, one document is written for each change, and a last one for the jobs as they ended.
    The exit status is that of wait.
    """
    _note_interrupt(session, "watch", ids, timeout, polling)
    from . import shapes

    finals: dict[str, sj.JobSnapshot] = {}
    with session.client() as client:
        options = _begin(client, ids, timeout, polling)
        for handle in options["handles"]:
            _show_change(session, None, handle.job_data)
            finals[str(handle.job_id())] = handle.job_data
        for before, after in sj.watch(**options):
            _show_change(session, before, after)
            finals[str(after.job_id)] = after
    snapshots = list(finals.values())
    data = shapes.jobs_data(snapshots, circuits=True)
    return session.done(data, lambda: None, outcome(snapshots))


def _note_interrupt(
    session: Session, verb: str, ids: list[str], timeout: float | None, polling: float | None
) -> None:
    what = f"job {ids[0]}" if len(ids) == 1 else f"{len(ids)} jobs"
    session.after_interrupt = f"interrupted while waiting for {what}; nothing was cancelled"
    given = {"--timeout": timeout, "--polling": polling}
    options = [f"{name}={value:g}" for name, value in given.items() if value is not None]
    session.goes_on = [verb, *ids, *options]


def _begin(
    client: sj.SuperstaqClient, ids: list[str], timeout: float | None, polling: float | None
) -> dict[str, Any]:
    """The arguments of a wait. The jobs are fetched first, so that a wrong id or host ends it."""
    started = client.clock.now()
    first = None if timeout is None else max(timeout, _FIRST_RESPONSE_SECONDS)
    found = sj.fetch_jobs(client, ids, timeout_seconds=first)
    left = None if timeout is None else max(0.0, timeout - (client.clock.now() - started))
    handles: list[sj.JobHandle] = [sj.JobHandle.from_snapshot(client, each) for each in found]
    arguments: dict[str, Any] = {"handles": handles, "timeout_seconds": left}
    if polling is None:
        return arguments | {"poll_policy": sj.PollPolicy()}
    return arguments | {"polling_seconds": polling}


def _show_change(session: Session, before: sj.JobSnapshot | None, after: sj.JobSnapshot) -> None:
    from . import shapes, views

    now = dt.datetime.now(dt.UTC)
    if session.out.json:
        changes = sj.JobDiff() if before is None else sj.diff(before, after)
        change = shapes.diff_data(after.job_id, changes) | {"status": str(after.status)}
        session.out.document({"change": change | {"at": shapes.to_plain(now)}}, code=None)
        return
    for number, parts in views.transitions(before, after):
        stamp = f"{now.astimezone():%H:%M:%S}  {after.job_id}  "
        session.out.line(stamp, number, *parts)
