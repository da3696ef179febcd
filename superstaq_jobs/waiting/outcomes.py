"""What the outcome of a request means for the waits on its jobs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from uuid import UUID

from superstaq_jobs.errors import ConfigurationError, ProtocolError, SuperstaqServerException
from superstaq_jobs.records import JobId, JobSnapshot, fields
from superstaq_jobs.records.ids import server_ids

from .batches import Batch, Outcome

__all__ = ["take_outcome"]


def take_outcome(batch: Batch, outcome: Outcome) -> bool:
    """Take in an outcome; whether the jobs that are still open are to be polled again at once."""
    group, waits = batch.group, batch.waits
    again = False
    if outcome is None:
        for each in waits:
            each.catch_up()
    elif not isinstance(outcome, BaseException):
        _take_jobs(batch, outcome)
    elif isinstance(outcome, ConfigurationError):  # unpickled without a key; others may have one
        batch.fail(outcome)
        return False
    elif not isinstance(outcome, SuperstaqServerException):
        raise outcome
    elif group.client.retry_policy.may_repeat(outcome, safe_to_repeat=True):
        for each in waits:
            each.note_failure(outcome, began=batch.began)
        group.failed(batch, outcome)
        return False
    elif (
        len(batch.call.job_ids) > 1
        and isinstance(outcome, ProtocolError)
        and (outcome.found or _blamed(outcome, batch.call.job_ids))
    ):
        again = _take_readable(batch, outcome)
    else:
        group.refused(batch, outcome)
        return False
    group.accepted(batch)
    return again


def _take_jobs(batch: Batch, jobs: tuple[JobSnapshot, ...]) -> None:
    for each, found in zip(batch.waits, batch.found(jobs), strict=True):
        if found is None:
            each.note_missing(each.latest.not_found_in(jobs))
        else:
            each.note_response(found)


def _take_readable(batch: Batch, error: ProtocolError) -> bool:
    blamed = _blamed(error, batch.call.job_ids)
    again = False
    for each, found in zip(batch.waits, batch.found(error.found), strict=True):
        if found is not None:
            each.note_response(found)
        elif each.latest.job_id in blamed:
            each.error = blamed[each.latest.job_id]
        elif blamed:
            again = True  # an error lists a limited number of problems: not this job's
        else:
            each.note_missing(each.latest.not_found_in(error.found))
    return again


def _blamed(
    error: ProtocolError, job_ids: Iterable[JobId]
) -> dict[JobId, SuperstaqServerException]:
    by_id: dict[JobId, SuperstaqServerException] = {}
    found = {job.job_id: job for job in error.found}
    for job_id in job_ids:
        ids = server_ids(job_id)
        problems = [p for p in error.problems if any(_is_about(p.where, each) for each in ids)]
        if problems:
            by_id[job_id] = ProtocolError(
                f"job {job_id} cannot be read: the response about it is not what the API promises",
                problems,
                status_code=error.status_code,
                job_ids=[job_id],
                found=[found[each] for each in ids if each in found],
            )
    return by_id


def _is_about(where: str, job_id: JobId) -> bool:
    """Whether a path begins with an id, in any spelling; it goes on with a dot or a bracket."""
    written = where[len("$.") :]
    if isinstance(job_id, UUID):
        return fields.job_id(re.split(r"[.[]", written, maxsplit=1)[0]) == job_id
    return written.startswith(job_id) and written[len(job_id) : len(job_id) + 1] in {"", ".", "["}
