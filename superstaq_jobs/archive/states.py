"""States of jobs and observations of them, as an archive keeps them. Pure.

A state is what a server said of a job, in one writing. An observation is that a source said it at
one moment.
"""

from __future__ import annotations

import datetime as dt
import functools
import operator
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

import attrs

from superstaq_jobs.errors import InvalidValue, JobsNotFound, Problem, ProtocolError
from superstaq_jobs.records import CircuitType, JobId, JobSnapshot, fields
from superstaq_jobs.records.snapshots import digest_of, make_job
from superstaq_jobs.wire.api import APIS, pick_jobs
from superstaq_jobs.wire.job_data import encode_job, join_jobs

from .pieces import canonical_bytes, checksum, sha256

__all__ = [
    "Head",
    "Job",
    "JobKey",
    "Observation",
    "State",
    "circuit_type_of",
    "decoded",
    "decoded_together",
    "head_sum",
    "job_key",
    "job_sum",
    "microseconds",
    "moment_of",
    "observation_of",
    "observed",
    "seen_sum",
    "state_of",
    "written_as",
]

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_said: Final = operator.attrgetter(*[field.name for field in attrs.fields(JobSnapshot)[:-2]])


class JobKey(NamedTuple):
    """A job: the official string of its id, and the version of the API that it is of."""

    name: str
    api: str

    @property
    def job_id(self) -> JobId:
        """The job's id, as records have it."""
        return UUID(self.name) if self.api == "v0.3.0" else self.name


def job_key(job_id: JobId) -> JobKey:
    """The key of a job, by its id as records have it."""
    return JobKey(str(job_id), "v0.3.0" if isinstance(job_id, UUID) else "v0.2.0")


class Job(NamedTuple):
    """A job's row."""

    id: int
    key: JobKey
    observations: int
    expected_at: int | None
    expected_type: str | None


class Head(NamedTuple):
    """What is known of the last observation of a job in one format, by time.

    ``in_order`` is 1 if that is also the newest state, and it was so of each observation before.
    """

    circuit_type: str
    state: int
    at: int
    in_order: int


class State(NamedTuple):
    """What a server said of a job, in one writing of it.

    Attributes:
        job: The job.
        digest: ``JobSnapshot.digest``, as bytes.
        sha: SHA-256 of ``wire``.
        circuit_type: The format of the circuits; empty if it was not said.
        status: The status of the job.
        is_terminal: 1 if the job was finished, else 0.
        target: Its target; None if it was not said, as the next two.
        user_email: Who submitted it.
        submitted_us: When it was submitted.
        wire: What was said, as the API writes it: the job's object in v0.3.0, the circuits' by
            their ids in v0.2.0.
    """

    job: JobKey
    digest: bytes
    sha: bytes
    circuit_type: str
    status: str
    is_terminal: int
    target: str | None
    user_email: str | None
    submitted_us: int | None
    wire: bytes

    def sum(self) -> bytes:
        """The checksum of its row."""
        return checksum(*self.job, *self[1:-1])


class Observation(NamedTuple):
    """That a source said a state at one moment.

    Attributes:
        at: The moment, in microseconds since 1970, UTC.
        offset_s: The offset from UTC of the time as it was given, in seconds.
        source: Where it came from; None if unknown.
        state: The state.
    """

    at: int
    offset_s: int
    source: str | None
    state: State

    def sum(self) -> bytes:
        """The checksum of its row."""
        state = self.state
        return seen_sum(state.job, self.at, state.digest, state.sha, self.source, self.offset_s)

    @property
    def order(self) -> tuple[Any, ...]:
        """Its place among all observations."""
        state = self.state
        source = self.source is not None, self.source or ""
        return self.at, state.job, state.digest, state.sha, source, self.offset_s


def seen_sum(job: JobKey, *columns: bytes | str | int | None) -> bytes:
    """The checksum of an observation's row: of its time, digest, writing, source and offset."""
    return checksum(*job, *columns)


def job_sum(
    job: JobKey, observations: int, expected_at: int | None, expected_type: str | None
) -> bytes:
    """The checksum of a job's row."""
    return checksum(*job, observations, expected_at, expected_type)


def head_sum(job: JobKey, digest: bytes, sha: bytes, head: Head) -> bytes:
    """The checksum of a head's row."""
    return checksum(job.name, job.api, head.circuit_type, digest, sha, head.at, head.in_order)


# ---- times ---------------------------------------------------------------------------------------


def microseconds(moment: dt.datetime) -> int:
    """A time with a zone in microseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MICROSECOND


@functools.lru_cache  # a response about many jobs has one
def moment_of(at: int, offset_s: int) -> dt.datetime:
    """That time with that offset."""
    local = _EPOCH + dt.timedelta(microseconds=at, seconds=offset_s)
    return local.replace(tzinfo=dt.timezone(dt.timedelta(seconds=offset_s)))


def observed(snapshot: JobSnapshot, at: dt.datetime, source: str | None) -> JobSnapshot:
    """The snapshot with another time and source."""
    is_same = fields.same_moment(snapshot.fetched_at) == fields.same_moment(at)
    if is_same and snapshot.source == source:
        return snapshot
    made: JobSnapshot = make_job(*_said(snapshot), at, source)
    return made


# ---- from a snapshot and back --------------------------------------------------------------------


def state_of(snapshot: JobSnapshot) -> State:
    """The state in a snapshot.

    Raises:
        InvalidValue: If reading it back would not give the same snapshot.
    """
    job = job_key(snapshot.job_id)
    data = snapshot.to_dict()
    try:
        wire = encode_job(snapshot, data) if job.api == "v0.3.0" else _encode_old(snapshot)
        again, _ = decoded(job, wire, None, None)
        problem = "" if again == snapshot else "it would be read back as another one"
    except (ValueError, TypeError, ProtocolError, JobsNotFound, OverflowError) as error:
        problem = str(error)
    if problem:
        what = f"is not what a server of API {job.api} can say: {problem}"
        raise InvalidValue(f"an archive's record of job {job.name}", [Problem("snapshot", what)])
    return _state(snapshot, wire, data)


def _encode_old(snapshot: JobSnapshot) -> bytes:
    return APIS["v0.2.0"].encode_jobs([snapshot])


def written_as(snapshot: JobSnapshot, wire: bytes) -> State:
    """The state in a snapshot that is written like that."""
    return _state(snapshot, wire, snapshot.to_dict())


def _state(snapshot: JobSnapshot, wire: bytes, data: dict[str, Any]) -> State:
    submitted = snapshot.submitted_at
    return State(
        job=job_key(snapshot.job_id),
        digest=bytes.fromhex(digest_of(snapshot, data, canonical_bytes)),
        sha=sha256(wire),
        circuit_type="" if snapshot.circuit_type is None else str(snapshot.circuit_type),
        status=str(snapshot.status),
        is_terminal=int(snapshot.is_terminal),
        target=snapshot.target,
        user_email=snapshot.user_email,
        submitted_us=None if submitted is None else microseconds(submitted),
        wire=wire,
    )


def decoded(
    job: JobKey, wire: bytes, at: dt.datetime | None, source: str | None
) -> tuple[JobSnapshot, tuple[str, ...]]:
    """The snapshot of a state, and what is odd about it.

    Raises:
        ProtocolError, JobsNotFound: If it cannot be read.
    """
    if job.api == "v0.3.0":
        body = b'{"%s":%s}' % (job.name.encode(), wire)
        read = APIS[job.api].decode_jobs(body, at, source)
        (snapshot,) = read.value
    else:
        read = APIS[job.api].decode_jobs(wire, at, source)
        (snapshot,) = pick_jobs([job.job_id], read.value)
    return snapshot, read.warnings


def decoded_together(
    wires: Mapping[str, bytes], at: dt.datetime | None, source: str | None
) -> dict[str, JobSnapshot]:
    """The snapshots of states of API v0.3.0, by the jobs' ids; none if anything is odd about them.

    Raises:
        ProtocolError: If they cannot be read.
    """
    read = APIS["v0.3.0"].decode_jobs(join_jobs(wires), at, source)
    return {} if read.warnings else {str(each.job_id): each for each in read.value}


def observation_of(state: State, moment: dt.datetime, source: str | None) -> Observation:
    """The observation of a state, at a time with a zone."""
    offset = moment.utcoffset() or dt.timedelta()
    at, offset_s = microseconds(moment), int(offset.total_seconds())
    return Observation(at, offset_s, source, state)


def circuit_type_of(name: str) -> CircuitType | None:
    """The format by its name in an archive."""
    return CircuitType(name) if name else None
