"""The calls of API v0.3.0: the request, and the reader of its response. No I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

import attrs

from superstaq_jobs import records
from superstaq_jobs.errors import InvalidRequest, Problem
from superstaq_jobs.records import CircuitType, JobId, fields
from superstaq_jobs.records.ids import trimmed

from . import bodies, job_data
from .call import Api, Call, call_of, name_jobs, packed
from .request import Request, encode_query

__all__ = ["MAX_REQUEST_LINE_BYTES", "V0_3_0"]

_Jobs = tuple[records.JobSnapshot, ...]

MAX_REQUEST_LINE_BYTES: Final = 7000
"""Servers and proxies refuse request lines of about 8,000 bytes and more."""

_JOB_ID: Final = re.compile(rb'"job_id": ?"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')


def _job_id(value: Any) -> UUID:
    known = fields.job_id(trimmed(value))
    if isinstance(known, fields.Bad) and isinstance(value, str) and "," in value:
        known = fields.bad(f"{known.what}; ids joined by commas need api_version='v0.2.0'")
    return known


def _fetch_jobs(job_ids: Sequence[JobId], circuit_type: CircuitType) -> list[Call[_Jobs]]:
    def only(some_ids: Collection[JobId]) -> Call[_Jobs]:
        (call,) = _fetch_jobs(tuple(some_ids), circuit_type)
        return call

    path = f"/v0.3.0/client/job/{circuit_type}"
    parts = _split([f"job_id={each}" for each in job_ids], path)
    return [attrs.evolve(_jobs_call(part, path), only=only) for part in parts]


def _query_jobs(query: records.JobQuery, circuit_type: CircuitType) -> list[Call[_Jobs]]:
    path = f"/v0.3.0/client/job/{circuit_type}"
    conditions = encode_query(bodies.query_pairs(query)).removeprefix("?").split("&")
    return [_jobs_call(part, path) for part in _split(conditions, path)]


def _jobs_call(conditions: Sequence[str], path: str) -> Call[_Jobs]:
    named = (each.removeprefix("job_id=") for each in conditions if each.startswith("job_id="))
    job_ids = tuple(map(UUID, named))
    what = f"fetching {name_jobs(job_ids)}"
    path = _with_query(path, conditions)
    return call_of("GET", path, None, job_data.read_jobs, what=what, job_ids=job_ids)


def _with_query(path: str, conditions: Sequence[str]) -> str:
    query = "&".join(conditions)
    return f"{path}?{query}" if query else path


def _split(conditions: Sequence[str], path: str) -> Iterator[Sequence[str]]:
    """The conditions in parts that match the same jobs together; each fits into a request line.

    A condition is ``name=value``, percent-encoded.
    """
    size = Request(method="GET", path=_with_query(path, conditions)).request_line_bytes
    if size <= MAX_REQUEST_LINE_BYTES:
        yield conditions
        return
    by_name: dict[str, list[str]] = {}
    for each in conditions:
        by_name.setdefault(each.partition("=")[0], []).append(each)
    # The values of one list are alternatives: a part of them for each request.
    lists = [values for values in by_name.values() if len(values) > 1]
    if not lists:
        most = f"at most {MAX_REQUEST_LINE_BYTES} are allowed"
        what = f"needs a request line of {size} bytes, and {most}"
        raise InvalidRequest("the request", [Problem("query", what)])
    longest = max(lists, key=_length)
    room = MAX_REQUEST_LINE_BYTES - (size - _length(longest))
    others = [each for values in by_name.values() if values is not longest for each in values]
    for part in packed(longest, lambda each: _length([each]), room):
        yield from _split([*others, *part], path)


def _length(conditions: Sequence[str]) -> int:
    """Their length in a request line, with the character before each."""
    return sum([1 + len(each) for each in conditions])


def _submit_job(job: records.NewJob) -> Call[records.SubmitReceipt]:
    tags = f" with the tags {', '.join(map(repr, job.tags[:5]))}" if job.tags else ""
    path, body = "/v0.3.0/client/job", bodies.encode_new_job(job)
    what = f"submitting a {job.job_type} job to {job.target}{tags}"
    return call_of("POST", path, body, bodies.read_submitted, what=what, created=_created)


def _cancel_jobs(job_ids: Sequence[JobId]) -> Call[records.CancelReceipt]:
    ids = tuple(job_ids)
    what = f"cancelling {name_jobs(ids)}"
    body = {"job_id": list(map(str, ids))}
    read = partial(bodies.read_cancelled, asked=ids)
    return call_of("PUT", "/v0.3.0/client/cancel_jobs", body, read, what=what, job_ids=ids)


def _fetch_targets(query: records.TargetQuery) -> Call[tuple[records.Target, ...]]:
    path = f"/v0.3.0/client/targets{encode_query(bodies.query_pairs(query))}"
    return call_of("GET", path, None, bodies.read_targets, what="fetching the targets")


def _fetch_target_info(target: str, options: records.JsonMapping) -> Call[records.TargetInfo]:
    what = f"fetching the description of target {target}"
    body = {"target": target, "options_dict": options.to_dict()}
    read = partial(bodies.read_target_info, target=target)
    return call_of("POST", "/v0.3.0/client/retrieve_target_info", body, read, what=what)


def _fetch_balance() -> Call[records.AccountBalance]:
    path = "/v0.3.0/client/balance"
    return call_of("GET", path, None, bodies.read_balance, what="fetching the balance")


def _created(body: bytes) -> tuple[JobId, ...]:
    return tuple(UUID(found.decode()) for found in _JOB_ID.findall(body)[:1])


V0_3_0: Final = Api(
    version="v0.3.0",
    default_origin="https://superstaq-prod.infleqtion.com",
    job_id=_job_id,
    fetch_jobs=_fetch_jobs,
    query_jobs=_query_jobs,
    submit_job=_submit_job,
    cancel_jobs=_cancel_jobs,
    fetch_targets=_fetch_targets,
    fetch_target_info=_fetch_target_info,
    fetch_balance=_fetch_balance,
    decode_jobs=job_data.read_jobs,
    encode_jobs=job_data.encode_jobs,
    hint=(
        "Most accounts use API v0.2.0: if yours does, pass api_version='v0.2.0' to "
        "SuperstaqClient, or set SUPERSTAQ_API_VERSION."
    ),
    lost_submission=(
        "The job may have been created, so it was not submitted again: look for it with "
        "query_jobs before you do that."
    ),
)
