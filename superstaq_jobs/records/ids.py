"""The ids of jobs, in both versions of the API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar
from uuid import UUID

__all__ = ["JobId", "first_ids", "server_ids", "trimmed"]

T = TypeVar("T")

JobId: TypeAlias = UUID | str
"""A job's id: a UUID in API v0.3.0; in v0.2.0 the ids of its circuits, joined by commas."""


def server_ids(*job_ids: JobId) -> tuple[JobId, ...]:
    """The ids under which the server keeps jobs: their own, or in API v0.2.0 their circuits'.

    >>> server_ids("a,b")
    ('a', 'b')
    """
    return tuple(
        each
        for job_id in job_ids
        for each in ([job_id] if isinstance(job_id, UUID) else job_id.split(","))
    )


def trimmed(job_id: T) -> T | str:
    """An id as a user may have copied it, without the white space around it."""
    return job_id.strip() if isinstance(job_id, str) else job_id


def first_ids(job_ids: Sequence[JobId], limit: int = 3, see: str = "") -> str:
    """Job ids for an error message: the first, how many more there are, and where to ``see``."""
    more = f" and {len(job_ids) - limit} more{see}" if len(job_ids) > limit else ""
    return ", ".join(map(str, job_ids[:limit])) + more
