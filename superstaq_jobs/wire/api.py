"""The calls of each version of the API: the request, and the reader of its response. No I/O.

``APIS`` is the one place where a version is chosen.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Generic, TypeVar
from uuid import UUID

import attrs

from superstaq_jobs.errors import InvalidRequest, Problem
from superstaq_jobs.records import (
    AccountBalance,
    CancelReceipt,
    CircuitType,
    FrozenMapping,
    JobQuery,
    JobSnapshot,
    JsonMapping,
    NewJob,
    SubmitReceipt,
    Target,
    TargetInfo,
    TargetQuery,
)
from superstaq_jobs.records.problems import first_ids

from . import bodies, job_data
from .job_data import Decoded
from .request import Request, encode_query

__all__ = ["APIS", "MAX_REQUEST_LINE_BYTES", "Api", "Call"]

T = TypeVar("T")

MAX_REQUEST_LINE_BYTES: Final = 7000
"""Servers and proxies refuse request lines of about 8,000 bytes and more."""


@attrs.frozen(kw_only=True)
class Call(Generic[T]):
    """One call of the API.

    Attributes:
        request: The request, without the client's own headers.
        read: Reads the response, from its body, the time it arrived and the server it came from.
        what: What the call does, for error messages: "fetching job …".
        safe_to_repeat: Whether the call is idempotent, so that its request may be retried.
        job_ids: The jobs concerned.
    """

    request: Request
    read: Callable[[bytes, dt.datetime, str], Decoded[T]]
    what: str
    safe_to_repeat: bool = True
    job_ids: tuple[UUID, ...] = ()

    @property
    def creates(self) -> bool:
        """Whether something may have been created if the response is lost."""
        return not self.safe_to_repeat


@attrs.frozen(kw_only=True)
class Api:
    """The calls of one version of the API.

    Attributes:
        version: Its name in paths and headers.
        default_origin: The host of the service for it.
        query_jobs: Fetch jobs: one call, or several if one request line would be too long.
        submit_job: Submit a job.
        cancel_jobs: Cancel jobs.
        fetch_targets: Fetch the list of targets.
        fetch_target_info: Fetch the description of one target.
        fetch_balance: Fetch the balance.
    """

    version: str
    default_origin: str
    query_jobs: Callable[[JobQuery, CircuitType], Sequence[Call[tuple[JobSnapshot, ...]]]]
    submit_job: Callable[[NewJob], Call[SubmitReceipt]]
    cancel_jobs: Callable[[Sequence[UUID]], Call[CancelReceipt]]
    fetch_targets: Callable[[TargetQuery], Call[tuple[Target, ...]]]
    fetch_target_info: Callable[[str, JsonMapping], Call[TargetInfo]]
    fetch_balance: Callable[[], Call[AccountBalance]]


def name_jobs(job_ids: Iterable[UUID]) -> str:
    """Job ids for an error message: the first three, and how many more there are."""
    ids = list(job_ids)
    return f"{'job' if len(ids) == 1 else 'jobs'} {first_ids(ids)}" if ids else "jobs"


# ---- v0.3.0 --------------------------------------------------------------------------------------


@attrs.frozen
class _Condition:
    """A name and a value of a query, percent-encoded; and the job that it names, if it does."""

    name: str
    text: str
    job_id: UUID | None


def _query_jobs(query: JobQuery, circuit_type: CircuitType) -> list[Call[tuple[JobSnapshot, ...]]]:
    ids = iter(query.job_id or ())
    conditions = [
        _Condition(name, encode_query([(name, text)])[1:], next(ids) if name == "job_id" else None)
        for name, text in bodies.query_pairs(query)
    ]
    path = f"/v0.3.0/client/job/{circuit_type}"
    return [_jobs_call(part, path) for part in _split(conditions, path)]


def _jobs_call(conditions: Sequence[_Condition], path: str) -> Call[tuple[JobSnapshot, ...]]:
    job_ids = tuple([each.job_id for each in conditions if each.job_id is not None])
    return Call(
        request=Request(method="GET", path=_with_query(path, conditions)),
        read=lambda body, at, source: job_data.read_jobs(body, fetched_at=at, source=source),
        what=f"fetching {name_jobs(job_ids)}",
        job_ids=job_ids,
    )


def _with_query(path: str, conditions: Sequence[_Condition]) -> str:
    query = "&".join([each.text for each in conditions])
    return f"{path}?{query}" if query else path


def _split(conditions: Sequence[_Condition], path: str) -> Iterator[Sequence[_Condition]]:
    """The conditions in parts that match the same jobs together; each fits into a request line."""
    size = Request(method="GET", path=_with_query(path, conditions)).request_line_bytes
    if size <= MAX_REQUEST_LINE_BYTES:
        yield conditions
        return
    by_name: dict[str, list[_Condition]] = {}
    for each in conditions:
        by_name.setdefault(each.name, []).append(each)
    # The values of one list are alternatives: a part of them for each request.
    lists = [values for values in by_name.values() if len(values) > 1]
    if not lists:
        raise InvalidRequest(
            "the request",
            [
                Problem(
                    "query",
                    f"needs a request line of {size} bytes, and at most {MAX_REQUEST_LINE_BYTES} "
                    "are allowed",
                )
            ],
        )
    longest = max(lists, key=_length)
    room = MAX_REQUEST_LINE_BYTES - (size - _length(longest)) - 1
    for part in _packed(longest, room):
        yield from _split(
            [
                each
                for values in by_name.values()
                for each in (part if values is longest else values)
            ],
            path,
        )


def _length(conditions: Sequence[_Condition]) -> int:
    """Their length in a request line, with the character before each."""
    return sum([1 + len(each.text) for each in conditions])


def _packed(conditions: Sequence[_Condition], room: int) -> Iterator[list[_Condition]]:
    part: list[_Condition] = []
    used = 0
    for each in conditions:
        size = _length([each])
        if part and used + size > room:
            yield part
            part, used = [], 0
        part.append(each)
        used += size
    yield part


def _submit_job(job: NewJob) -> Call[SubmitReceipt]:
    tags = f" with the tags {', '.join(map(repr, job.tags[:5]))}" if job.tags else ""
    return Call(
        request=Request(method="POST", path="/v0.3.0/client/job", body=bodies.encode_new_job(job)),
        read=lambda body, _at, _source: bodies.read_submitted(body),
        what=f"submitting a {job.job_type} job to {job.target}{tags}",
        safe_to_repeat=False,
    )


def _cancel_jobs(job_ids: Sequence[UUID]) -> Call[CancelReceipt]:
    # Cancelling is idempotent, so it may be retried.
    return Call(
        request=Request(
            method="PUT", path="/v0.3.0/client/cancel_jobs", body=bodies.encode_cancel(job_ids)
        ),
        read=lambda body, _at, _source: bodies.read_cancelled(body, job_ids),
        what=f"cancelling {name_jobs(job_ids)}",
        job_ids=tuple(job_ids),
    )


def _fetch_targets(query: TargetQuery) -> Call[tuple[Target, ...]]:
    path = f"/v0.3.0/client/targets{encode_query(bodies.query_pairs(query))}"
    return Call(
        request=Request(method="GET", path=path),
        read=lambda body, _at, _source: bodies.read_targets(body),
        what="fetching the targets",
    )


def _fetch_target_info(target: str, options: JsonMapping) -> Call[TargetInfo]:
    # A read, though it is a POST, so it may be retried.
    return Call(
        request=Request(
            method="POST",
            path="/v0.3.0/client/retrieve_target_info",
            body=bodies.encode_target_info_request(target, options),
        ),
        read=lambda body, _at, _source: bodies.read_target_info(body, target),
        what=f"fetching the description of target {target}",
    )


def _fetch_balance() -> Call[AccountBalance]:
    return Call(
        request=Request(method="GET", path="/v0.3.0/client/balance"),
        read=lambda body, _at, _source: bodies.read_balance(body),
        what="fetching the balance",
    )


APIS: Final[Mapping[str, Api]] = FrozenMapping(
    {
        "v0.3.0": Api(
            version="v0.3.0",
            default_origin="https://superstaq-prod.infleqtion.com",
            query_jobs=_query_jobs,
            submit_job=_submit_job,
            cancel_jobs=_cancel_jobs,
            fetch_targets=_fetch_targets,
            fetch_target_info=_fetch_target_info,
            fetch_balance=_fetch_balance,
        ),
    }
)
"""The supported versions of the API."""
