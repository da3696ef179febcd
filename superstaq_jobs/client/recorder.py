"""What a client gives its snapshots to before the caller gets them."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Collection, Iterable
from typing import Protocol, TypeVar

from superstaq_jobs.records import CircuitType, JobId, JobSnapshot
from superstaq_jobs.records.changes import collect

__all__ = ["Recorder", "keep_jobs", "with_value"]

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
    """Call a function that keeps a value; an error that it raises has the value."""
    try:
        keep(value)
    except Exception as error:
        with contextlib.suppress(AttributeError):  # an error without room for it
            error.value = value  # type: ignore[attr-defined]
        raise


def keep_jobs(
    recorder: Recorder | None,
    job_ids: Collection[JobId],
    known: JobSnapshot | None,
    jobs: Iterable[JobSnapshot],
) -> None:
    """Record the jobs in a response that are in it as a whole.

    Args:
        recorder: Where to.
        job_ids: The jobs that were requested; without any, all are recorded as they are.
        known: What was known of the only job; the response may be about some of its circuits.
        jobs: What is in the response.
    """
    if recorder is None:
        return
    seen = list(jobs)
    if job_ids:
        by_id = {job.job_id: job for job in seen}
        collected = (collect(job_id, by_id, known) for job_id in job_ids)
        seen = [job for job in collected if job is not None]
    # What says nothing new is the snapshot that is known, with the time when it was new.
    news = [known if known is not None and known == job else job for job in seen]
    if news:
        recorder.record_all(news)
