"""``list``, ``show`` and ``cancel``."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from .arguments import conditions, job_ids, query_of
from .failures import CommandError, ExitCode
from .session import Session, remote

__all__ = ["cancel", "list_jobs", "show"]


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
    from superstaq_jobs import query_jobs

    from . import shapes, views

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
        found = query_jobs(client, query)
    newest = sorted(found, key=lambda each: (each.submitted_at, str(each.job_id)), reverse=True)
    listed = newest[:limit]
    return session.done(shapes.jobs_data(listed), partial(views.table_of_jobs, session.out, listed))


@click.command()
@job_ids
@remote
@click.pass_obj
def show(session: Session, ids: list[str]) -> int:
    """Show jobs as they are now.

    With --json, all that the service says of them is written; keep it in a file, and diff FILE
    shows later what has changed.

    \b
    superstaq-jobs show 0b5ae22e-1b1c-4a31-a8a2-8ba5c1f5ee9a
    """
    from superstaq_jobs import fetch_jobs

    from . import shapes, views

    with session.client() as client:
        found = fetch_jobs(client, ids)

    return session.done(
        shapes.jobs_data(found, circuits=True, record=True),
        partial(views.several_jobs, session.out, found),
    )


@click.command()
@job_ids
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--circuit",
    type=click.IntRange(min=0),
    help="Cancel only this circuit, counted from 0, of one job. Only API v0.2.0 can.",
)
@remote
@click.pass_obj
def cancel(session: Session, ids: list[str], yes: bool, circuit: int | None) -> int:
    """Cancel jobs that are not finished.

    The exit status is 1 if the service did not cancel all of them.
    """
    from superstaq_jobs import CancelRefused, JobHandle, cancel_jobs

    if circuit is not None and len(ids) > 1:
        raise click.UsageError("--circuit is for one job.")
    what = f"{len(ids)} jobs" if len(ids) > 1 else f"job {ids[0]}"
    if circuit is not None:
        what = f"circuit {circuit} of {what}"
    with session.client() as client:
        handle = JobHandle(client, ids[0])  # refuses what cannot be an id before it asks
        if not yes:
            session.out.confirm(f"Cancel {what}?", "pass --yes")
        session.after_interrupt = f"interrupted; {what} may have been cancelled"
        session.goes_on = ["show", *ids]
        try:
            receipt = cancel_jobs(client, ids) if circuit is None else handle.cancel(circuit)
        except CancelRefused as error:
            receipt = error.receipt
    data = {
        "cancelled": list(map(str, receipt.cancelled)),
        "refused": list(map(str, receipt.refused)),
        "message": receipt.message,
    }

    def text() -> None:
        rows = [(str(each), ("cancelled", "yellow")) for each in receipt.cancelled]
        rows += [(str(each), ("not cancelled", "red")) for each in receipt.refused]
        session.out.facts(rows)
        if receipt.refused and receipt.message not in session.out.warnings:
            reason = receipt.message or "the service gave no reason; it may be finished"
            session.out.note(f"not cancelled: {reason}")

    return session.done(data, text, ExitCode.FAILED if receipt.refused else ExitCode.OK)
