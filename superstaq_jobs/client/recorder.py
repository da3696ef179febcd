"""What a client gives its snapshots to before the caller gets them."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Collection, Iterable
from typing import Protocol, TypeVar

from superstaq_jobs.records import CircuitType, JobId, JobSnapshot
from superstaq_jobs.records.changes import assemble

__all__ = ["Recorder", "keep_jobs", "record_news", "with_value"]

T = TypeVar("T")


class Recorder(Protocol):
    """Records what a client learns of jobs; ``SnapshotArchive`` is one.

    It is called in the thread that sent the request, possibly in several at once.
    """

    def record_all(self, snapshots: Iterable[JobSnapshot], /) -> object:
        """Record the snapshots in one response; some may have been recorded before."""

    def expect(self, job_id: JobId, /, *, circuit_type: CircuitType, at: dt.datetime) -> object:
        """Record that a submission was accepted."""


def with_value(keep: Callable[[T], object], value: T) -> None:
    """Call a function that keeps a value; if it raises an error, the error gets the value."""
    try:
        keep(value)
    except Exception as error:
        with contextlib.suppress(AttributeError):  # an error without room for it
            error.value = value  # type: ignore[attr-defined]
        raise


def record_news(
    recorder: Recorder, jobs: Iterable[tuple[JobSnapshot | None, JobSnapshot | None]]
) -> None:
    """Record jobs, each a pair of the snapshot known before and the one in a response, or None.

    If they are equal, the known one is recorded: it has the time at which it was new.
    """
    news = [
        known if known is not None and known == job else job
        for known, job in jobs
        if job is not None
    ]
    if news:
        recorder.record_all(news)


def keep_jobs(
    recorder: Recorder | None,
    job_ids: Collection[JobId],
    known: JobSnapshot | None,
    jobs: Iterable[JobSnapshot],
) -> None:
    """Record the jobs of which a response has all circuits.

    ``job_ids`` are those that were requested; without any, every job in it is recorded. If only one
    was requested, and it was ``known``, the response may be about some of its circuits only.
    """
    if recorder is None:
        return
    by_id = {job.job_id: job for job in jobs}
    record_news(
        recorder, [(known, assemble(each, by_id, known)) for each in job_ids or tuple(by_id)]
    )
