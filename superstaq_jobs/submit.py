"""Submits a job exactly once."""

from __future__ import annotations

import hashlib
import re
from functools import partial
from typing import Final

import attrs

from .client import SuperstaqClient
from .client.client import check_client
from .client.recorder import keep_jobs
from .errors import (
    RequestTimeout,
    SubmissionKeyConflict,
    SubmissionUnknown,
    SuperstaqServerException,
)
from .records import JobQuery, NewJob, SubmitReceipt, fields
from .records.problems import warn
from .wire import bodies
from .wire.api import name_jobs

__all__ = ["submit_job"]

_DIGEST: Final = "submission-digest:"
_KEY: Final = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?")
_SETTLING_SECONDS: Final = (0.5, 1.0, 2.0)


def submit_job(
    client: SuperstaqClient,
    job: NewJob,
    *,
    submission_key: str | None = None,
    timeout_seconds: float | None = None,
) -> SubmitReceipt:
    """Submit a job, once.

    Without a key, it is retried only if no part of it can have reached the server. With a key, the
    server is first queried for a job that has it, and again after a lost response: such a job is
    adopted, and the job is sent (again) only if the server says that there is none. So a program
    that was interrupted can be run again with the same key.

    If two clients use one key at the very same moment, both may find no such job, and both submit
    it. The next client to query gets a warning, and all adopt the job that came first.

    Args:
        client: The client.
        job: The job.
        submission_key: A string that identifies this one submission, 1 to 200 printable ASCII
            characters. It is sent as the tag ``submission-key:<key>``, together with a tag
            ``submission-digest:…`` of what was submitted.
        timeout_seconds: How long it may take in all, in seconds, queries included; None for no
            limit but the client's.

    Returns:
        The new job's id, and the number of circuits that the server found; or those of the adopted
        job.

    Raises:
        SubmissionUnknown: If it was sent, but the response was lost: the job may have been created.
            With a key, if the query for it failed too: wait some seconds, since the server may
            still be creating the job, and call again with the same key.
        SubmissionKeyConflict: If the key belongs to a different job.
        InvalidRequest: If the key cannot be used, or the API version can do neither what the job
            asks for nor keys (v0.2.0). Nothing was sent.
        SuperstaqServerException: If the server refused it or could not be reached.
    """
    check_client(client)
    hint = "superstaq_jobs.new_job(circuits, target=...) makes one"
    fields.refuse("the request", {"job": fields.instance(job, NewJob, hint)})
    deadline = client.deadline_in(timeout_seconds)
    try:
        if submission_key is not None:
            return _submit_once(client, job, submission_key, deadline)
        return _send(client, job, deadline)
    except SubmissionUnknown as error:
        error.job, error.submission_key = job, submission_key
        raise


def _send(client: SuperstaqClient, job: NewJob, deadline: float) -> SubmitReceipt:
    def keep(receipt: SubmitReceipt) -> None:
        _expect(client, job, receipt)

    return client.send(client.api.submit_job(job), deadline=deadline, keep=keep)


def _expect(client: SuperstaqClient, job: NewJob, receipt: SubmitReceipt) -> None:
    """Record that a submission was accepted."""
    if client.recorder is not None:
        now = client.clock.utcnow()
        client.recorder.expect(receipt.job_id, circuit_type=job.circuit_type, at=now)


def _submit_once(client: SuperstaqClient, job: NewJob, key: str, deadline: float) -> SubmitReceipt:
    _check_key(client, key)
    tag = f"submission-key:{key}"
    tagged = attrs.evolve(job, tags=(*job.tags, tag, _digest_tag(job)))
    client.api.submit_job(tagged)  # refused before the query if it cannot be submitted
    adopted = _adopted(client, job, tag, deadline)
    if adopted is not None:
        return adopted
    lost: SubmissionUnknown | None = None
    for _ in range(client.retry_policy.max_attempts):
        try:
            return _send(client, tagged, deadline)
        except SubmissionUnknown as error:
            lost = error
        except SuperstaqServerException as error:
            # A refusal of this attempt does not say what became of the one before.
            if lost is not None:
                raise lost from error
            raise
        try:
            adopted = _found_later(client, job, tag, deadline)
        except SuperstaqServerException as error:
            raise lost from error
        if adopted is not None:
            return adopted
        if lost.timed_out:
            break  # a slow server may still be creating it: "none yet" is not "none"
    raise lost or AssertionError("a submission ends with a receipt or an error")


def _check_key(client: SuperstaqClient, key: str) -> None:
    what = ""
    if not client.api.keeps_tags:
        what = (
            f"API {client.api.version} keeps no tags by which to find a job: leave it out, or use "
            "v0.3.0 (api_version='v0.3.0')"
        )
    elif not isinstance(key, str) or not _KEY.fullmatch(key):
        what = (
            "must be a string of 1 to 200 printable ASCII characters without spaces at its ends, "
            f"got {fields.shown(key)}"
        )
    if what:
        fields.refuse("the request", {"submission_key": fields.bad(what)})


def _digest_tag(job: NewJob) -> str:
    """A tag that distinguishes what was submitted with a key from everything else."""
    body = bodies.encode_new_job(job)
    return f"{_DIGEST}{hashlib.sha256(body).hexdigest()[:32]}"


def _found_later(
    client: SuperstaqClient, job: NewJob, tag: str, deadline: float
) -> SubmitReceipt | None:
    """Query for a job whose response was lost; the server may still be creating it.

    Only the last query counts for "none", so a query that fails does not shorten this.
    """
    failure: SuperstaqServerException | None = None
    for pause in _SETTLING_SECONDS:
        if client.clock.now() + pause >= deadline:
            # A job that is not there too early is not known to be missing.
            raise RequestTimeout("too little time is left to query for the job", sent=False)
        client.clock.sleep(pause)
        try:
            receipt = _adopted(client, job, tag, deadline)
        except SuperstaqServerException as error:
            failure = error
        else:
            if receipt is not None:
                return receipt
            failure = None
    if failure is not None:
        raise failure
    return None


def _adopted(
    client: SuperstaqClient, job: NewJob, tag: str, deadline: float
) -> SubmitReceipt | None:
    """The receipt of the job that has this tag; None if the server says that there is none."""
    calls = client.api.query_jobs(JobQuery(tags=[tag]), job.circuit_type)
    keep = partial(keep_jobs, client.recorder, (), None)
    responses = (client.send(call, deadline=deadline, keep=keep) for call in calls)
    # Filtered again: a server that does not filter must not make us adopt another job.
    found = [each for jobs in responses for each in jobs if tag in (each.tags or ())]
    if not found:
        return None
    first, *others = sorted(found, key=lambda each: (each.submitted_at, each.job_id))
    if others:
        names = name_jobs(each.job_id for each in others)
        has = "have" if len(others) > 1 else "has"
        warn(f"{names} {has} the submission key of job {first.job_id} too, which is adopted")
    differing = [
        name
        for name in ("target", "job_type", "circuit_type", "dry_run")
        if getattr(first, name) != getattr(job, name)
    ]
    digests = [each for each in first.tags or () if each.startswith(_DIGEST)]
    if not differing and digests and _digest_tag(job) not in digests:
        differing = ["circuits, shots, options or metadata"]
    if differing:
        raise SubmissionKeyConflict(tag.partition(":")[2], job_id=first.job_id, fields=differing)
    return SubmitReceipt(job_id=first.job_id, num_circuits=first.num_circuits, adopted=True)
