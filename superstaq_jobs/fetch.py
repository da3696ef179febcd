"""One question to the server, one answer, no state: plain functions of a client.

Lives here: everything that is asked of the service. What comes back are records. May import
``client`` and below.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from .client import SuperstaqClient
from .errors import (
    InvalidRequest,
    JobsNotFound,
    Problem,
    SuperstaqServerException,
)
from .records import (
    AccountBalance,
    CancelReceipt,
    CircuitType,
    JobQuery,
    JobSnapshot,
    JsonMapping,
    Target,
    TargetInfo,
    TargetQuery,
    fields,
)

__all__ = [
    "cancel_jobs",
    "fetch_balance",
    "fetch_job",
    "fetch_jobs",
    "fetch_target_info",
    "fetch_targets",
    "query_jobs",
]


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
    name = fields.target(target)
    data = fields.json_mapping(options if options is not None else JsonMapping())
    given = {"target": name, "options": data}
    problems = [Problem(k, v.what) for k, v in given.items() if isinstance(v, fields.Bad)]
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
    kind = fields.one_of(CircuitType, value)
    if isinstance(kind, fields.Bad):
        raise InvalidRequest("the request", [Problem("circuit_type", kind.what)])
    return kind


def _ids(values: Iterable[UUID | str]) -> tuple[UUID, ...]:
    if isinstance(values, str | UUID):
        raise InvalidRequest("the request", [Problem("job_ids", "is one id, not a list of ids")])
    ids = tuple(map(fields.job_id, values))
    problems = [
        Problem(f"job_ids[{place}]", job_id.what)
        for place, job_id in enumerate(ids)
        if isinstance(job_id, fields.Bad)
    ]
    if problems:
        raise InvalidRequest("the request", problems)
    return ids
