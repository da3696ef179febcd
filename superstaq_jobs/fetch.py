"""Plain functions of a client that send requests, keep no state and return records."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import attrs

from .client import SuperstaqClient
from .client.client import check_client
from .client.parts import send_all
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
from .records.ids import server_ids
from .wire.api import check_ids, pick_jobs

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
    """Fetch one job, as it is now.

    ``circuit_type``, ``timeout_seconds`` and ``max_attempts`` are those of ``query_jobs``.

    Raises:
        InvalidRequest: If it cannot be a job's id. Nothing was sent.
        JobsNotFound: If the server does not know the job.
        SuperstaqServerException: If the request failed.
    """
    check_client(client)
    fields.refuse("the request", {"job_id": client.api.job_id(job_id)})
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
    """Fetch some jobs, in as few requests as possible: about 150 jobs, or in v0.2.0 250 circuits.

    The ids may be in any order, with or without duplicates; without any, no request is sent.
    ``circuit_type``, ``timeout_seconds`` and ``max_attempts`` are those of ``query_jobs``.

    Returns:
        The jobs as they are now, in the order of the ids.

    Raises:
        InvalidRequest: If one cannot be a job's id. Nothing was sent.
        JobsNotFound: If the server does not know some of them; it names them all, and holds the
            snapshots of the others in ``found``.
        SuperstaqServerException: If a request failed; it holds what had been fetched before in
            ``found``.
    """
    check_client(client)
    wanted = check_ids(client.api, job_ids)
    if not wanted:
        return ()
    kind = check_format(client, circuit_type)
    fields.refuse("the request", {"circuit_type": kind})
    calls = client.api.fetch_jobs(tuple(dict.fromkeys(wanted)), kind)
    deadline = client.deadline_in(timeout_seconds)
    sent = send_all(client, calls, deadline=deadline, max_attempts=max_attempts)
    jobs = {job.job_id: job for job in pick_jobs(wanted, sent.values())}
    return tuple(jobs[job_id] for job_id in wanted)


def query_jobs(
    client: SuperstaqClient,
    query: JobQuery | None = None,
    *,
    limit: int | None = None,
    circuit_type: CircuitType | str | None = None,
    timeout_seconds: float | None = None,
    max_attempts: int | None = None,
) -> tuple[JobSnapshot, ...]:
    """Fetch the jobs that match some conditions.

    Args:
        client: The client.
        query: The conditions. Without any, or without a query, every job that the user may see
            matches.
        limit: How many jobs to return at most, 0 or more; None for all. The API has no such limit,
            so a request fetches all its jobs; but no further request is sent when there are enough.
        circuit_type: The format in which the server returns the circuits; None for the client's.
            API v0.2.0 cannot choose.
        timeout_seconds: How long all requests may take together, in seconds; None for no limit but
            the client's.
        max_attempts: How many times each request may be sent; None for the client's retry policy.

    Returns:
        The jobs as they are now, in the server's order, without duplicates.

    Raises:
        InvalidRequest: If ``query`` is not a ``JobQuery``, ``limit`` not a number of jobs, or a
            single condition too long for a request line. Nothing was sent.
        SuperstaqServerException: If a request failed; it holds what had been fetched before in
            ``found``.
    """
    check_client(client)
    wanted = JobQuery() if query is None else query
    checked = fields.instance(wanted, JobQuery, "pass JobQuery(tags=[...]), say")
    most = sys.maxsize if limit is None else fields.count(limit)
    kind = check_format(client, circuit_type)
    fields.refuse("the request", {"query": checked, "limit": most, "circuit_type": kind})
    calls = client.api.query_jobs(wanted, kind)
    deadline = client.deadline_in(timeout_seconds)
    found = send_all(client, calls, deadline=deadline, max_attempts=max_attempts, most=most)
    return tuple(found.values())[:most]


def cancel_jobs(
    client: SuperstaqClient,
    job_ids: Iterable[UUID | str],
    *,
    timeout_seconds: float | None = None,
) -> CancelReceipt:
    """Cancel whole jobs, in one request. Without any ids, no request is sent.

    ``timeout_seconds`` is that of ``fetch_targets``.

    Returns:
        Which jobs were cancelled and which were not; a refusal does not raise an error here.
        Neither does a server that cancelled something, but names none of the jobs.

    Raises:
        InvalidRequest: If one cannot be a job's id. Nothing was sent.
        SuperstaqServerException: If the request failed.
    """
    check_client(client)
    deadline = client.deadline_in(timeout_seconds)
    distinct = tuple(dict.fromkeys(check_ids(client.api, job_ids)))
    if not distinct:
        return CancelReceipt()
    receipt = client.send(client.api.cancel_jobs(distinct), deadline=deadline)
    ids = set(map(str, server_ids(*distinct)))
    succeeded = [each if each.lower() in ids else client.masked(each) for each in receipt.succeeded]
    return attrs.evolve(receipt, message=client.masked(receipt.message), succeeded=succeeded)


def fetch_targets(
    client: SuperstaqClient,
    query: TargetQuery | None = None,
    *,
    timeout_seconds: float | None = None,
) -> tuple[Target, ...]:
    """Fetch the targets that match some conditions, in the server's order.

    Args:
        client: The client.
        query: The conditions. Without any, all targets match that are not retired.
        timeout_seconds: How long it may take in all, retries included, in seconds; None for the
            client's ``request_timeout_seconds`` for each time that the request is sent.

    Raises:
        SuperstaqServerException: If the request failed.
    """
    check_client(client)
    wanted = TargetQuery() if query is None else query
    checked = fields.instance(wanted, TargetQuery, "pass TargetQuery(simulator=True), say")
    fields.refuse("the request", {"query": checked})
    deadline = client.deadline_in(timeout_seconds)
    return client.send(client.api.fetch_targets(wanted), deadline=deadline)


def fetch_target_info(
    client: SuperstaqClient,
    target: str,
    *,
    options: Mapping[str, Any] | None = None,
    timeout_seconds: float | None = None,
) -> TargetInfo:
    """Fetch what the server knows about one target.

    Args:
        client: The client.
        target: The target's name, ``<provider>_<device>_<qpu|simulator>``.
        options: Options of the provider, as JSON data.
        timeout_seconds: That of ``fetch_targets``.

    Returns:
        The information about it.

    Raises:
        InvalidRequest: If the name is not a target's, or the options are not JSON. Nothing was
            sent.
        SuperstaqServerException: If the request failed, or the server does not know the target.
    """
    check_client(client)
    name = fields.target(target)
    data = fields.json_mapping(options if options is not None else JsonMapping())
    fields.refuse("the request", {"target": name, "options": data})
    deadline = client.deadline_in(timeout_seconds)
    call = client.api.fetch_target_info(name, data)
    del options, data  # which a traceback would show, with tokens that may be in them
    return client.send(call, deadline=deadline)


def fetch_balance(
    client: SuperstaqClient, *, timeout_seconds: float | None = None
) -> AccountBalance:
    """Fetch the user's e-mail address, and how much the user may still spend, in US dollars.

    ``timeout_seconds`` is that of ``fetch_targets``.

    Raises:
        SuperstaqServerException: If the request failed.
    """
    check_client(client)
    deadline = client.deadline_in(timeout_seconds)
    return client.send(client.api.fetch_balance(), deadline=deadline)


def check_format(client: SuperstaqClient, circuit_type: CircuitType | str | None) -> CircuitType:
    """The format in which the server is to return circuits; a ``Bad`` if it cannot do so."""
    if circuit_type is None:
        return client.circuit_type
    if client.api.converts_circuits:
        return fields.circuit_type(circuit_type)
    what = f"API {client.api.version} returns circuits as they were submitted: leave it out, or use"
    refused: CircuitType = fields.bad(f"{what} v0.3.0 (api_version='v0.3.0')")
    return refused
