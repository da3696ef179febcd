"""One question to the server, one answer, no state: plain functions of a client.

Lives here: everything that is asked of the service. What comes back are records. May import
``client`` and below.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import attrs

from . import _fields, messages
from .api import name_jobs
from .client import SuperstaqClient
from .errors import (
    InvalidRequest,
    JobsNotFound,
    Problem,
    RequestTimeout,
    SubmissionKeyConflict,
    SubmissionUnknown,
    SuperstaqServerException,
    warn,
)
from .frozen import JsonMapping
from .kinds import CircuitType
from .orders import JobQuery, NewJob, TargetQuery
from .records import JobSnapshot
from .replies import AccountBalance, CancelReceipt, SubmitReceipt, Target, TargetInfo

__all__ = [
    "cancel_jobs",
    "fetch_balance",
    "fetch_job",
    "fetch_jobs",
    "fetch_target_info",
    "fetch_targets",
    "query_jobs",
    "submit_job",
]

_DIGEST: Final = "submission-digest:"
_KEY: Final = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?")
_SETTLING_SECONDS: Final = (0.5, 1.0, 2.0)


def fetch_job(
    client: SuperstaqClient,
    job_id: UUID | str,
    *,
    circuit_type: CircuitType | str | None = None,
    timeout_seconds: float | None = None,
    max_attempts: int | None = None,
) -> JobSnapshot:
    """Ask the server for one job.

    Args:
        client: The client.
        job_id: The job's id.
        circuit_type: The language in which the server is to write the circuits; None for the
            client's.
        timeout_seconds: How long it may take in all; None for no limit but the client's.
        max_attempts: How often the request may be sent; None for the client's retry policy.

    Returns:
        The job as it is now.

    Raises:
        InvalidRequest: If the id is no UUID. Nothing was sent.
        JobsNotFound: If the server does not know the job.
        SuperstaqServerException: If the server could not be asked.
    """
    return fetch_jobs(
        client,
        [job_id],
        circuit_type=circuit_type,
        timeout_seconds=timeout_seconds,
        max_attempts=max_attempts,
    )[0]


def fetch_jobs(
    client: SuperstaqClient,
    job_ids: Iterable[UUID | str],
    *,
    circuit_type: CircuitType | str | None = None,
    timeout_seconds: float | None = None,
    max_attempts: int | None = None,
) -> tuple[JobSnapshot, ...]:
    """Ask the server for some jobs, in as few requests as fit (about 150 jobs each).

    Args:
        client: The client.
        job_ids: The jobs' ids, in any order; one may come twice.
        circuit_type: The language in which the server is to write the circuits; None for the
            client's.
        timeout_seconds: How long all requests may take; None for no limit but the client's.
        max_attempts: How often each request may be sent; None for the client's retry policy.

    Returns:
        The jobs as they are now, in the order asked. No request is sent for no ids.

    Raises:
        InvalidRequest: If an id is no UUID. Nothing was sent.
        JobsNotFound: If the server does not know some of them; it names them all, and carries the
            snapshots of the others in ``found``.
        SuperstaqServerException: If the server could not be asked; it carries what had been fetched
            by then in ``found``.
    """
    asked = _ids(job_ids)
    if not asked:
        return ()
    query = JobQuery(job_id=tuple(dict.fromkeys(asked)))
    found_jobs = query_jobs(
        client,
        query,
        circuit_type=circuit_type,
        timeout_seconds=timeout_seconds,
        max_attempts=max_attempts,
    )
    jobs = {job.job_id: job for job in found_jobs}
    missing = [job_id for job_id in dict.fromkeys(asked) if job_id not in jobs]
    if missing:
        found = [jobs[job_id] for job_id in dict.fromkeys(asked) if job_id in jobs]
        raise JobsNotFound(missing, found=found)
    return tuple(jobs[job_id] for job_id in asked)


def query_jobs(
    client: SuperstaqClient,
    query: JobQuery,
    *,
    circuit_type: CircuitType | str | None = None,
    timeout_seconds: float | None = None,
    max_attempts: int | None = None,
) -> tuple[JobSnapshot, ...]:
    """Ask the server for the jobs that match some conditions.

    Args:
        client: The client.
        query: The conditions. None at all asks for every job that the user may see.
        circuit_type: The language in which the server is to write the circuits; None for the
            client's.
        timeout_seconds: How long all requests may take; None for no limit but the client's.
        max_attempts: How often each request may be sent; None for the client's retry policy.

    Returns:
        The jobs as they are now, in the server's order, each once.

    Raises:
        InvalidRequest: If a single condition is too long for a request line. Nothing was sent.
        SuperstaqServerException: If the server could not be asked; it carries what had been fetched
            by then in ``found``.
    """
    kind = client.circuit_type if circuit_type is None else _circuit_type(circuit_type)
    deadline = client.deadline_in(timeout_seconds)
    found: dict[UUID, JobSnapshot] = {}
    for call in client.api.query_jobs(query, kind):
        try:
            jobs = client.send(call, deadline=deadline, max_attempts=max_attempts)
        except SuperstaqServerException as error:
            error.found = (*found.values(), *error.found)
            raise
        found.update((job.job_id, job) for job in jobs)
    return tuple(found.values())


def submit_job(
    client: SuperstaqClient,
    job: NewJob,
    *,
    submission_key: str | None = None,
    timeout_seconds: float | None = None,
) -> SubmitReceipt:
    """Submit a job, once.

    Without a key it is sent again only if nothing of it can have reached the server. With a key,
    the server is first asked for a job that has it, here and after an answer that was lost: such a
    job is adopted, and only if the server says that there is none is the job sent (again). So a
    program that was stopped in the middle can be run again with the same key.

    Two clients that use one key at the very same moment may each be told that there is no such job
    yet, and both submit; the next to ask is warned, and all adopt the one that came first.

    Args:
        client: The client.
        job: The job.
        submission_key: A text of the caller's, 1 to 200 printable ASCII characters, that stands for
            this one submission. It goes along as the tag ``submission-key:<key>``, and a tag that
            begins with ``submission-digest:`` tells what was submitted.
        timeout_seconds: How long it may take in all, look-ups included; None for no limit but the
            client's.

    Returns:
        The new job's id, and how many circuits the server found; or those of the job adopted.

    Raises:
        SubmissionUnknown: If it was sent, but the answer was lost: the job may have been created.
            With a key, if the server could not be asked about it either: wait some seconds, since
            it may still be about to create the job, and call again with that key.
        SubmissionKeyConflict: If the key belongs to a job that is not like this one.
        InvalidRequest: If the key cannot be used. Nothing was sent.
        SuperstaqServerException: If the server refused it or could not be reached.
    """
    if not _fields.is_a(job, NewJob):
        raise InvalidRequest("the request", [Problem("job", f"{_fields.shown(job)} is no NewJob")])
    deadline = client.deadline_in(timeout_seconds)
    try:
        if submission_key is not None:
            return _submit_once(client, job, submission_key, deadline)
        return client.send(client.api.submit_job(job), deadline=deadline)
    except SubmissionUnknown as error:
        error.job, error.submission_key = job, submission_key
        raise


def _submit_once(client: SuperstaqClient, job: NewJob, key: str, deadline: float) -> SubmitReceipt:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        what = "is no text of 1 to 200 printable ASCII characters without spaces at its ends"
        raise InvalidRequest("the request", [Problem("submission_key", what)])
    tag = f"submission-key:{key}"
    tagged = attrs.evolve(job, tags=(*job.tags, tag, _digest_tag(job)))
    adopted = _adopted(client, job, tag, deadline)
    lost: SubmissionUnknown | None = None
    for _ in range(client.retry_policy.max_attempts):
        if adopted is not None:
            return adopted
        try:
            return client.send(client.api.submit_job(tagged), deadline=deadline)
        except SubmissionUnknown as error:
            lost = error
        except SuperstaqServerException as error:
            # That this one was refused does not tell what became of the one before.
            if lost is not None:
                raise lost from error
            raise
        try:
            adopted = _found_later(client, job, tag, deadline)
        except SuperstaqServerException as error:
            raise lost from error
        if lost.timed_out and adopted is None:
            break  # "none yet" of a server that is still at it is not "none"
    if adopted is not None:
        return adopted
    raise lost or AssertionError("a submission ends in an answer or an error")


def _digest_tag(job: NewJob) -> str:
    """A tag that tells what was submitted with a key from everything else."""
    text = messages.encode_new_job(job)
    return f"{_DIGEST}{hashlib.sha256(text).hexdigest()[:32]}"


def _found_later(
    client: SuperstaqClient, job: NewJob, tag: str, deadline: float
) -> SubmitReceipt | None:
    """Look for a job whose answer was lost: the server may still be about to create it.

    Only what the last look says counts for "none", so a look that fails does not shorten this.
    """
    failure: SuperstaqServerException | None = None
    for pause in _SETTLING_SECONDS:
        if client.clock.now() + pause >= deadline:
            # What is looked for too early is not known to be missing.
            raise RequestTimeout("there is no time left to look for the job", sent=False)
        client.clock.sleep(pause)
        try:
            receipt = _adopted(client, job, tag, deadline)
        except SuperstaqServerException as error:
            failure = error
            continue
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
    found: list[JobSnapshot] = []
    for call in client.api.query_jobs(JobQuery(tags=[tag]), job.circuit_type):
        # A server that does not filter must not make us adopt what is not ours.
        found.extend(j for j in client.send(call, deadline=deadline) if tag in j.tags)
    if not found:
        return None
    found.sort(key=lambda each: (each.submitted_at, each.job_id))
    first = found[0]
    if len(found) > 1:
        others = name_jobs(each.job_id for each in found[1:])
        has = "have" if len(found) > 2 else "has"  # noqa: PLR2004
        warn(f"{others} {has} the submission key of job {first.job_id} too, which is adopted")
    differing = [
        name
        for name in ("target", "job_type", "circuit_type", "dry_run")
        if getattr(first, name) != getattr(job, name)
    ]
    digests = [each for each in first.tags if each.startswith(_DIGEST)]
    if not differing and digests and _digest_tag(job) not in digests:
        differing = ["circuits, shots, options or metadata"]
    if differing:
        raise SubmissionKeyConflict(tag.partition(":")[2], job_id=first.job_id, fields=differing)
    return SubmitReceipt(job_id=first.job_id, num_circuits=first.num_circuits, adopted=True)


def cancel_jobs(client: SuperstaqClient, job_ids: Iterable[UUID | str]) -> CancelReceipt:
    """Cancel whole jobs, in one request.

    Args:
        client: The client.
        job_ids: The jobs' ids. No request is sent for none.

    Returns:
        Which were cancelled and which were not; a refusal is no error here.

    Raises:
        InvalidRequest: If an id is no UUID. Nothing was sent.
        SuperstaqServerException: If the server could not be asked.
    """
    asked = tuple(dict.fromkeys(_ids(job_ids)))
    return client.send(client.api.cancel_jobs(asked)) if asked else CancelReceipt()


def fetch_targets(client: SuperstaqClient, query: TargetQuery | None = None) -> tuple[Target, ...]:
    """Ask the server which targets there are.

    Args:
        client: The client.
        query: Conditions on them; None for all that are not retired.

    Returns:
        The targets that match, in the server's order.

    Raises:
        SuperstaqServerException: If the server could not be asked.
    """
    return client.send(client.api.fetch_targets(query if query is not None else TargetQuery()))


def fetch_target_info(
    client: SuperstaqClient, target: str, *, options: Mapping[str, Any] | None = None
) -> TargetInfo:
    """Ask the server what it knows of one target.

    Args:
        client: The client.
        target: The target's name, ``<provider>_<device>_<qpu|simulator>``.
        options: Options of the provider, as JSON data.

    Returns:
        What the server tells of it.

    Raises:
        InvalidRequest: If it is no name of a target, or the options are no JSON. Nothing was sent.
        SuperstaqServerException: If the server could not be asked, or knows no such target.
    """
    name = _fields.target(target)
    data = _fields.json_mapping(options if options is not None else JsonMapping())
    given = {"target": name, "options": data}
    problems = [Problem(k, v.what) for k, v in given.items() if isinstance(v, _fields.Bad)]
    if problems:
        raise InvalidRequest("the request", problems)
    return client.send(client.api.fetch_target_info(name, data))


def fetch_balance(client: SuperstaqClient) -> AccountBalance:
    """Ask the server how much the user may still spend.

    Args:
        client: The client.

    Returns:
        The user's e-mail address and the balance in US dollars.

    Raises:
        SuperstaqServerException: If the server could not be asked.
    """
    return client.send(client.api.fetch_balance())


def _circuit_type(value: CircuitType | str) -> CircuitType:
    kind = _fields.one_of(CircuitType, value)
    if isinstance(kind, _fields.Bad):
        raise InvalidRequest("the request", [Problem("circuit_type", kind.what)])
    return kind


def _ids(values: Iterable[UUID | str]) -> tuple[UUID, ...]:
    if isinstance(values, str | UUID):
        raise InvalidRequest("the request", [Problem("job_ids", "is one id, not a list of ids")])
    ids = tuple(map(_fields.job_id, values))
    problems = [
        Problem(f"job_ids[{place}]", job_id.what)
        for place, job_id in enumerate(ids)
        if isinstance(job_id, _fields.Bad)
    ]
    if problems:
        raise InvalidRequest("the request", problems)
    return ids
