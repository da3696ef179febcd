"""``OfflineClient``: the same analysis without a network, from an archive."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, TypeVar
from uuid import UUID

import attrs

from superstaq_jobs.archive import SnapshotArchive
from superstaq_jobs.client import RetryPolicy, SuperstaqClient, settings
from superstaq_jobs.clock import Clock, SystemClock
from superstaq_jobs.errors import InvalidValue, JobsNotFound, NotInArchive, OfflineError
from superstaq_jobs.records import CircuitType, JobId, JobQuery, JobSnapshot, fields
from superstaq_jobs.wire.api import APIS, Api, Call, Reader, name_jobs
from superstaq_jobs.wire.job_data import Decoded
from superstaq_jobs.wire.request import Request

__all__ = ["OfflineClient"]

T = TypeVar("T")
_Jobs = tuple[JobSnapshot, ...]

_REQUEST: Final = Request(method="GET", path="/")
_REFUSED: Final = {
    "submit_job": "submit jobs",
    "cancel_jobs": "cancel jobs",
    "fetch_targets": "fetch targets",
    "fetch_target_info": "fetch a target's description",
    "fetch_balance": "fetch the balance",
}


def _unread(*_: object) -> NoReturn:
    raise AssertionError("an archive has no bodies to read")


@attrs.frozen(kw_only=True)
class _ArchiveCall(Call[T]):
    """A call that an archive responds to."""

    request: Request = _REQUEST
    read: Reader[T] = _unread
    respond: Callable[[], T]


class _NoPauses:
    """A clock on which pauses take no time: nothing goes on in the meantime."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self._slept = 0.0

    def now(self) -> float:
        return self._system.now() + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += seconds

    def utcnow(self) -> dt.datetime:
        return self._system.utcnow()


class OfflineClient(SuperstaqClient):
    """A client that sends nothing, and takes what a server said from an archive.

    Fetch functions, queries, handles and waits work as with a server, and return the archived
    snapshots with their own ``fetched_at`` and ``source``. It needs neither a key nor a network.
    What the archive cannot say raises an ``OfflineError``: submissions, cancellations, targets, the
    balance; and a second poll of a job that was not finished, since it does not go on.

    Args:
        archive: The archive.
        as_of: Only what had been observed at this moment counts; None for everything.
        circuit_type: The format in which circuits are returned, unless a call names another. None
            for the only one in the archive, or qasm where it has several.
        api_version: The version of the API whose jobs are read. None for the only one in the
            archive, or v0.3.0 where it has both.
        clock: The clock of waits; by default, one on which pauses take no time.

    Raises:
        InvalidValue: If ``archive`` is not an archive, or ``as_of`` not a time with a zone.
        ConfigurationError: If another argument cannot be used.
        ArchiveError: If the archive cannot be read.
    """

    def __init__(
        self,
        archive: SnapshotArchive,
        *,
        as_of: dt.datetime | None = None,
        circuit_type: CircuitType | str | None = None,
        api_version: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        given: dict[str, object] = {
            "as_of": fields.optional_moment(as_of),
            "archive": fields.instance(archive, SnapshotArchive),
        }
        fields.refuse("an OfflineClient", given, InvalidValue)
        if api_version is None:
            ids = archive.job_ids()
            is_old = bool(ids) and not any(isinstance(each, UUID) for each in ids)
            api_version = "v0.2.0" if is_old else "v0.3.0"
        if circuit_type is None:
            known = archive.circuit_types()
            circuit_type = next(iter(known)) if len(known) == 1 else CircuitType.QASM
        self._archive = archive
        self._as_of = as_of
        self._given: dict[str, Any] = {
            "archive": archive,
            "as_of": as_of,
            "circuit_type": circuit_type,
            "api_version": api_version,
            "clock": clock,
        }
        self._set_up(
            api=self._offline(settings.find_api(api_version, environ=lambda _: None)),
            origin=archive.path.as_uri(),
            circuit_type=settings.one_of(CircuitType, circuit_type, name="circuit_type"),
            clock=clock if clock is not None else _NoPauses(),
            jitter=lambda: 1.0,
            retry_policy=RetryPolicy(),
            polls_per_second=math.inf,
        )
        self._unfinished: set[tuple[JobId, CircuitType]] = set()

    def _respond(self, call: Call[T], _deadline: float, _max_attempts: int | None) -> Decoded[T]:
        if not isinstance(call, _ArchiveCall):
            _refuse(call.what, call.job_ids)
        return Decoded(call.respond())

    def masked(self, text: str) -> str:
        """The string as it is: this client has no secrets."""
        return text

    # ---- the calls -------------------------------------------------------------------------------

    def _offline(self, api: Api) -> Api:
        """The calls of a version, which the archive responds to."""

        def refusing(what: str) -> Callable[..., NoReturn]:
            return lambda *_: _refuse(what)

        refused: dict[str, Any] = {name: refusing(what) for name, what in _REFUSED.items()}
        return attrs.evolve(
            api, fetch_jobs=self._fetch_jobs, query_jobs=self._query_jobs, **refused
        )

    def _fetch_jobs(self, job_ids: Sequence[JobId], kind: CircuitType) -> Sequence[Call[_Jobs]]:
        ids = tuple(job_ids)

        def call(place: int) -> Call[_Jobs]:
            return _ArchiveCall(
                what=f"fetching {name_jobs([ids[place]])}",
                job_ids=(ids[place],),
                respond=lambda: (self._polled(ids, place, kind),),
            )

        # One for each job, so that what is wrong with one is not taken for what is with others.
        return [call(place) for place in range(len(ids))]

    def _query_jobs(self, query: JobQuery, kind: CircuitType) -> Sequence[Call[_Jobs]]:
        APIS[self._api.version].query_jobs(query, kind)  # refuses what that version cannot do
        return [
            _ArchiveCall(
                what="querying jobs",
                respond=lambda: tuple(
                    job
                    for job in self._archive.query(query, as_of=self._as_of, circuit_type=kind)
                    if isinstance(job.job_id, UUID)
                ),
            )
        ]

    def _polled(self, job_ids: Sequence[JobId], place: int, kind: CircuitType) -> JobSnapshot:
        """One of some jobs that are fetched together."""
        job_id = job_ids[place]
        job = self._job(job_id, kind)
        if job is None:
            jobs = {each: self._job(each, kind) for each in job_ids}
            missing = [each for each, found in jobs.items() if found is None]
            later = [jobs[each] for each in job_ids[place + 1 :]]
            raise JobsNotFound(
                missing,
                found=[each for each in later if each is not None],
                archive=str(self._archive.path),
            )
        if not job.is_terminal and (job_id, kind) in self._unfinished:
            at = "" if self._as_of is None else f" at {self._as_of}"
            raise OfflineError(
                f"job {job_id} had not finished{at} when last observed, and will not go on in an "
                "archive. Nothing was sent. The snapshot is in .found; use a SuperstaqClient to "
                "wait for it.",
                job_ids=[job_id],
                found=[job],
            )
        if not job.is_terminal:
            self._unfinished.add((job_id, kind))
        return job

    def _job(self, job_id: JobId, kind: CircuitType) -> JobSnapshot | None:
        """A job in the archive, in a format; None if the archive does not have it at all."""
        # API v0.2.0 returns circuits as they were submitted.
        found = self._archived(job_id, kind if self._api.converts_circuits else None)
        if found is not None or not self._api.converts_circuits:
            return found
        formats = [each for each in CircuitType if self._archived(job_id, each) is not None]
        if not formats:
            return None
        names = " and ".join(formats)
        raise OfflineError(
            f"the archive {self._archive.path} has job {job_id} in {names} only, not in {kind}. "
            f"Nothing was sent. Pass circuit_type={formats[0].value!r}.",
            job_ids=[job_id],
        )

    def _archived(self, job_id: JobId, kind: CircuitType | None) -> JobSnapshot | None:
        """A job in a format, None for its only one; None if the archive does not have it in it."""
        try:
            found = (
                self._archive.latest(job_id, circuit_type=kind)
                if self._as_of is None
                else self._archive.as_of(job_id, self._as_of, circuit_type=kind)
            )
        except NotInArchive:
            return None
        return found if found.job_id == job_id else None  # one of the other version, by its string

    # ---- Python's own ----------------------------------------------------------------------------

    def close(self) -> None:
        """Do nothing: the archive stays open."""

    def __repr__(self) -> str:
        return f"OfflineClient({self._archive!r}, api_version={self._api.version!r})"

    def __getstate__(self) -> dict[str, Any]:
        return dict(self._given)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def _refuse(what: str, job_ids: Sequence[JobId] = ()) -> NoReturn:
    raise OfflineError(
        f"this client reads an archive and cannot {what}. Nothing was sent. Use a SuperstaqClient.",
        job_ids=job_ids,
    )
