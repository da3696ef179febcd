"""The versions of the API, the one place where one is chosen; and bodies of jobs of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from superstaq_jobs.errors import InvalidValue, JobsNotFound
from superstaq_jobs.records import FrozenMapping, JobId, JobSnapshot, fields
from superstaq_jobs.records.changes import assemble
from superstaq_jobs.records.ids import server_ids
from superstaq_jobs.records.problems import check_iterable, check_type, warn

from .call import Api, Call, Reader, halves, most_refusals, name_jobs
from .v0_2_0 import UNSAID, UNSAID_OF_CIRCUITS, V0_2_0
from .v0_3_0 import MAX_REQUEST_LINE_BYTES, V0_3_0

__all__ = [
    "APIS",
    "MAX_REQUEST_LINE_BYTES",
    "NOT_IN_V0_2_0",
    "Api",
    "Call",
    "Reader",
    "check_ids",
    "decode_jobs",
    "encode_jobs",
    "halves",
    "most_refusals",
    "name_jobs",
    "pick_jobs",
]

APIS: Final[Mapping[str, Api]] = FrozenMapping({api.version: api for api in (V0_3_0, V0_2_0)})
"""The supported versions of the API; the first is the default."""

NOT_IN_V0_2_0: Final[Mapping[str, str]] = FrozenMapping(
    {
        "JobSnapshot.job_id": "the ids of its circuits, joined by commas, instead of a UUID",
        **{f"JobSnapshot.{name}": "not said" for name in UNSAID},
        **{f"JobSnapshot.{name}": "not said, nor kept" for name in ("tags", "metadata")},
        "JobSnapshot.extra": "only circuits have other fields, not the job",
        **{f"CircuitSnapshot.{name}": "not said" for name in UNSAID_OF_CIRCUITS},
        "CircuitSnapshot.circuit_id": "v0.3.0 has no ids of circuits",
        "CircuitSnapshot.extra": "what only v0.2.0 says, such as num_qubits",
    }
)
"""The fields in which a job differs when it is read through v0.2.0 and v0.3.0, and why."""


def decode_jobs(
    body: bytes,
    *,
    fetched_at: dt.datetime | None = None,
    source: str | None = None,
    api_version: str = "v0.3.0",
    job_ids: Iterable[UUID | str] | None = None,
) -> tuple[JobSnapshot, ...]:
    """The jobs in the body of a response about jobs. No I/O.

    Args:
        body: The response's body: in API v0.3.0 a JSON object from job ids to ``JobData``, in
            v0.2.0 from the ids of circuits to their data.
        fetched_at: When it arrived, with a time zone.
        source: Where it came from.
        api_version: The version of the API that wrote it, ``v0.3.0`` or ``v0.2.0``.
        job_ids: The jobs to return, in this order; None for all, in the order of the body. In
            v0.2.0 these are then a job for each circuit.

    Returns:
        A snapshot of each job.

    Raises:
        ProtocolError: If the body is not such an object; names the path of each problem.
        JobsNotFound: If the body lacks one of ``job_ids``.
        InvalidValue: If ``fetched_at`` or ``source`` cannot be used.
        InvalidRequest: If ``api_version`` or one of ``job_ids`` cannot be used.
        TypeError: If ``body`` is not bytes.

    Warns:
        SuperstaqWarning: For each warning from the server, for statuses that this version does not
            know, for time stamps without a time zone, and for lists of ``shots`` or
            ``input_circuits`` that are too short.
    """
    if not isinstance(body, bytes):
        raise TypeError(
            f"the body must be bytes, as read_bytes() returns them, got {type(body).__name__}"
        )
    api = _api(api_version)
    decoded = api.decode_jobs(body, fetched_at, source)
    for message in decoded.warnings:
        warn(message)
    return decoded.value if job_ids is None else pick_jobs(check_ids(api, job_ids), decoded.value)


def encode_jobs(snapshots: Iterable[JobSnapshot], *, api_version: str = "v0.3.0") -> bytes:
    """Jobs as a body for ``decode_jobs``, which returns them again. No I/O.

    ``fetched_at`` and ``source`` are not part of it.

    Args:
        snapshots: Snapshots of different jobs, of that version.
        api_version: The version of the API, ``v0.3.0`` or ``v0.2.0``.

    Raises:
        ValueError: If two snapshots are of the same job, or have different states of a circuit.
        TypeError: If ``snapshots`` is a single snapshot.
        InvalidRequest: If ``api_version`` is unknown, a snapshot is of another version, or one that
            a program made lacks what v0.3.0 requires, such as ``submitted_at``, or has what the
            version has no place for; names the fields.
    """
    if isinstance(snapshots, JobSnapshot):
        raise TypeError("snapshots must be a list, got one JobSnapshot: pass [snapshot]")
    check_iterable("snapshots", snapshots=snapshots)
    api = _api(api_version)
    jobs: dict[JobId, JobSnapshot] = {}
    for place, snapshot in enumerate(snapshots):
        named = {f"snapshots[{place}]": snapshot}
        check_type(JobSnapshot, "a handle's snapshot is handle.latest", **named)
        if snapshot.job_id in jobs:
            raise InvalidValue(f"two snapshots of job {snapshot.job_id} cannot be in one response")
        if api.job_id(snapshot.job_id) != snapshot.job_id:  # a UUID, or a string
            what = f"job {snapshot.job_id} is not of {api.version}: pass the version of its client"
            fields.refuse("the body", {"api_version": fields.bad(what)})
        jobs[snapshot.job_id] = snapshot
    return api.encode_jobs(jobs.values())


def _api(version: str) -> Api:
    if not fields.is_a(version, str) or version not in APIS:
        what = f"must be one of {', '.join(APIS)}; got {fields.shown(version)}"
        fields.refuse("the request", {"api_version": fields.bad(what)})
    return APIS[version]


def check_ids(api: Api, job_ids: Iterable[UUID | str]) -> tuple[JobId, ...]:
    """Jobs' ids as the records have them; ``InvalidRequest`` if one cannot be of this version."""
    if isinstance(job_ids, str | bytes | UUID | Mapping) or not fields.is_a(job_ids, Iterable):
        is_id = isinstance(job_ids, str | UUID)
        got = f"one id: pass [{str(job_ids)!r}]" if is_id else fields.shown(job_ids)
        what = f"must be a list of ids, got {got}"
        fields.refuse("the request", {"job_ids": fields.bad(what)})
    ids = tuple(map(api.job_id, job_ids))
    fields.refuse("the request", {f"job_ids[{place}]": each for place, each in enumerate(ids)})
    return ids


def pick_jobs(job_ids: Iterable[JobId], jobs: Iterable[JobSnapshot]) -> tuple[JobSnapshot, ...]:
    """The jobs with these ids, in their order, made of those in the server's responses.

    Raises ``JobsNotFound`` if there is none with one of the ids, or it lacks a circuit.
    """
    sent = {job.job_id: job for job in jobs}
    picked = {job_id: assemble(job_id, sent) for job_id in job_ids}
    found = {job_id: job for job_id, job in picked.items() if job is not None}
    lacking = [job_id for job_id in picked if job_id not in found]
    if lacking:
        # Of a job that lacks a circuit, the other circuits are found.
        parts = dict.fromkeys(server_ids(*lacking))
        found |= {each: sent[each] for each in parts if each in sent}
        raise JobsNotFound([each for each in parts if each not in sent], found=found.values())
    return tuple(found.values())
