"""A call of the API as a value, and the calls of one version of it. No I/O."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import attrs
import msgspec

from superstaq_jobs import records
from superstaq_jobs.records import CircuitType, JobId, JobSnapshot
from superstaq_jobs.records.ids import first_ids

from .job_data import Decoded
from .request import Request, Secret

__all__ = ["Api", "Call", "Reader", "call_of", "halves", "most_refusals", "name_jobs", "packed"]

T = TypeVar("T")
_Jobs = tuple[JobSnapshot, ...]
Reader: TypeAlias = Callable[[bytes, dt.datetime, str], Decoded[T]]
"""Reads a response, from its body, the time it arrived and the server it came from."""


def _each_time(read: Reader[T]) -> Reader[T]:
    return read


@attrs.frozen(kw_only=True)
class Call(Generic[T]):
    """One call of the API.

    Attributes:
        request: The request, without the client's own headers.
        read: Reads the response.
        what: What the call does, for error messages: "fetching job …".
        job_ids: The jobs concerned.
        created: For a submission, the ids of jobs that a body names, even if it cannot be read.
        asked: The ids of circuits that the request names, where it does not name jobs.
        remembering: Makes a reader of ``read``, or of what wraps it, that remembers what was read.
        only: The same call for some of the ids that it names; None if it names none.
    """

    request: Request
    read: Reader[T]
    what: str
    job_ids: tuple[JobId, ...] = ()
    created: Callable[[bytes], tuple[JobId, ...]] | None = None
    asked: tuple[JobId, ...] = ()
    remembering: Callable[[Reader[T]], Reader[T]] = _each_time
    only: Callable[[Collection[JobId]], Call[T]] | None = None

    @property
    def ids(self) -> tuple[JobId, ...]:
        """What the response is about, by the ids of the server."""
        return self.asked or self.job_ids

    def is_complete(self, found: Iterable[Any]) -> bool:
        """Whether these are all the jobs whose ids it names, whatever else cannot be read."""
        return bool(self.ids) and {job.job_id for job in found}.issuperset(self.ids)

    @property
    def creates(self) -> bool:
        """Whether something may have been created if the response is lost."""
        return not self.request.idempotent


def call_of(method: str, path: str, body: object, read: Reader[T], **about: Any) -> Call[T]:
    """A call with a JSON body; it may be retried, unless something is ``created`` by it."""
    encoded = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
    idempotent = "created" not in about
    request = Request(method=method, path=path, body=encoded, idempotent=idempotent)
    return Call(request=request, read=read, **about)


@attrs.frozen(kw_only=True)
class Api:
    """The calls of one version of the API, and what differs between the versions besides.

    Attributes:
        version: Its name in paths and headers.
        default_origin: The host of the service for it.
        job_id: A job's id as a caller may write it; ``fields.Bad`` for what cannot be one.
        fetch_jobs: Fetch jobs by id: one call, or several if one would be too large.
        query_jobs: Fetch the jobs that match some conditions, likewise.
        add_options: Adds credentials for other providers to a request's body. None if they are
            headers.
        keeps_tags: Whether a job can be found by its tags, as a submission key needs.
        cancels_circuits: Whether one circuit of several can be cancelled.
        converts_circuits: Whether the server returns circuits in the format that is asked for.
        hint: What to do if the server does not seem to speak this version.
        lost_submission: What to do if the response to a submission was lost.
    """

    version: str
    default_origin: str
    job_id: Callable[[Any], JobId]
    fetch_jobs: Callable[[Sequence[JobId], CircuitType], Sequence[Call[_Jobs]]]
    query_jobs: Callable[[records.JobQuery, CircuitType], Sequence[Call[_Jobs]]]
    submit_job: Callable[[records.NewJob], Call[records.SubmitReceipt]]
    cancel_jobs: Callable[[Sequence[JobId]], Call[records.CancelReceipt]]
    fetch_targets: Callable[[records.TargetQuery], Call[tuple[records.Target, ...]]]
    fetch_target_info: Callable[[str, records.JsonMapping], Call[records.TargetInfo]]
    fetch_balance: Callable[[], Call[records.AccountBalance]]
    decode_jobs: Callable[[bytes, dt.datetime | None, str | None], Decoded[_Jobs]]
    encode_jobs: Callable[[Iterable[JobSnapshot]], bytes]
    add_options: Callable[[bytes, Mapping[str, Secret]], bytes] | None = None
    keeps_tags: bool = True
    cancels_circuits: bool = False
    converts_circuits: bool = True
    hint: str
    lost_submission: str


def packed(items: Iterable[T], size: Callable[[T], int], room: int) -> Iterator[list[T]]:
    """The items in parts, in order, of at most ``room`` in all unless an item alone has more."""
    part: list[T] = []
    used = 0
    for each in items:
        if part and used + size(each) > room:
            yield part
            part, used = [], 0
        part.append(each)
        used += size(each)
    if part:
        yield part


def halves(ids: Sequence[T]) -> list[Sequence[T]]:
    """The ids in two parts, to find those for which a request is refused."""
    return [ids[: len(ids) // 2], ids[len(ids) // 2 :]]


def most_refusals(number: int) -> int:
    """How often the server may refuse in such a search of that many ids: it may refuse them all."""
    return 4 * number.bit_length()


def name_jobs(job_ids: Iterable[JobId]) -> str:
    """Job ids for an error message: the first three, and how many more there are."""
    ids = list(job_ids)
    return f"{'job' if len(ids) == 1 else 'jobs'} {first_ids(ids)}" if ids else "jobs"
