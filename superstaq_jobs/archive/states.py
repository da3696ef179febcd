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
from superstaq_jobs.records import JobId, JobSnapshot, fields
from superstaq_jobs.records.changes import share_strings
from superstaq_jobs.records.shape import PER_CIRCUIT_LISTS
from superstaq_jobs.records.snapshots import digest_of, make_job
from superstaq_jobs.wire.api import APIS, pick_jobs
from superstaq_jobs.wire.job_data import encode_job, join_jobs

from .pieces import canonical_bytes, checksum, members_of, object_of, sha256

__all__ = [
    "Job",
    "JobKey",
    "LastSeen",
    "Observation",
    "State",
    "Successive",
    "decoded",
    "decoded_together",
    "job_key",
    "microseconds",
    "moment_of",
    "observation_of",
    "observed",
    "state_of",
    "written_as",
]

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_NUM_CIRCUITS: Final = "num_circuits"
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
    observations: int = 0
    expected_at: int | None = None
    expected_type: str | None = None

    def sum(self) -> bytes:
        """The checksum of the row."""
        return checksum(*self.key, *self[2:])


class LastSeen(NamedTuple):
    """The last observation of a job in one format, by time: a row of the table ``head``.

    ``in_order`` is 1 if that is also the newest state, and it was so of each observation before.
    """

    circuit_type: str
    state: int
    digest: bytes
    sha: bytes
    at: int
    in_order: int

    def sum(self, job: JobKey) -> bytes:
        """The checksum of the row."""
        return checksum(*job, self.circuit_type, *self[2:])


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
        return checksum(*state.job, self.at, state.digest, state.sha, self.source, self.offset_s)

    @property
    def order(self) -> tuple[Any, ...]:
        """Its place among all observations."""
        state = self.state
        source = self.source is not None, self.source or ""
        return self.at, state.job, state.digest, state.sha, source, self.offset_s


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
    """The state in a snapshot; an ``InvalidValue`` if it would not be read back as the same."""
    job = job_key(snapshot.job_id)
    data = snapshot.to_dict()
    try:
        is_new = job.api == "v0.3.0"
        wire = encode_job(snapshot, data) if is_new else APIS[job.api].encode_jobs([snapshot])
        again, _ = decoded(job, wire, None, None)
        problem = "" if again == snapshot else "it would be read back as another one"
    except (ValueError, TypeError, ProtocolError, JobsNotFound, OverflowError) as error:
        problem = str(error)
    if problem:
        what = f"is not what a server of API {job.api} can say: {problem}"
        raise InvalidValue(f"an archive's record of job {job.name}", [Problem("snapshot", what)])
    return written_as(snapshot, wire, data)


def written_as(snapshot: JobSnapshot, wire: bytes, data: dict[str, Any]) -> State:
    """The state in a snapshot that is written like that; ``data`` is its ``to_dict()``."""
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


def observation_of(state: State, moment: dt.datetime, source: str | None) -> Observation:
    """The observation of a state, at a time with a zone."""
    offset = moment.utcoffset() or dt.timedelta()
    at, offset_s = microseconds(moment), int(offset.total_seconds())
    return Observation(at, offset_s, source, state)


def decoded(
    job: JobKey, wire: bytes, at: dt.datetime | None, source: str | None
) -> tuple[JobSnapshot, tuple[str, ...]]:
    """The snapshot of a state, and what is odd about it.

    Raises:
        ProtocolError, JobsNotFound: If it cannot be read.
    """
    is_new = job.api == "v0.3.0"
    body = b'{"%s":%s}' % (job.name.encode(), wire) if is_new else wire
    read = APIS[job.api].decode_jobs(body, at, source)
    (snapshot,) = read.value if is_new else pick_jobs([job.job_id], read.value)
    return snapshot, read.warnings


def decoded_together(
    wires: Mapping[str, bytes], at: dt.datetime | None, source: str | None
) -> dict[str, JobSnapshot]:
    """The snapshots of states of API v0.3.0, by the jobs' ids; none if anything is odd about them.

    Raises:
        ProtocolError: If they cannot be read.
    """
    read = APIS["v0.3.0"].decode_jobs(join_jobs(wires), at, source)
    return {} if read.warnings else dict(zip(wires, read.value, strict=True))


class Successive:
    """Decodes states of one job. Circuits that are equal to those of the state before are these."""

    def __init__(self) -> None:
        self._before: JobSnapshot | None = None
        self._members: dict[str, Any] = {}

    def decoded(
        self, job: JobKey, wire: bytes, at: dt.datetime | None, source: str | None
    ) -> tuple[JobSnapshot, tuple[str, ...]]:
        """The snapshot of the next state, as the function ``decoded`` returns it."""
        before, members = self._before, members_of(wire)
        changed = None if before is None else _changed(self._members, members)
        if before is None or changed is None:
            snapshot, warnings = decoded(job, wire, at, source)
        else:
            snapshot, warnings = decoded(job, _part(members, changed), at, source)
            circuits = [*before.circuits]
            for index, circuit in zip(changed, snapshot.circuits, strict=True):
                object.__setattr__(circuit, "index", index)
                circuits[index] = circuit
            object.__setattr__(snapshot, "circuits", tuple(circuits))
        if before is not None:
            share_strings(before, snapshot)  # where they are equal, and written in another way
        self._before, self._members = snapshot, members
        return snapshot, warnings


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[int] | None:
    """Which circuits are not written as before; None if a list has not one entry for each.

    That is so in API v0.2.0, and if the server sent lists that were too short or too long.
    """
    old, new = ([said.get(name) for name in PER_CIRCUIT_LISTS] for said in (before, after))
    number = after.get(_NUM_CIRCUITS)
    if any(not isinstance(each, list) or len(each) != number for each in (*old, *new)):
        return None
    pairs = zip(zip(*old, strict=True), zip(*new, strict=True), strict=True)
    return [index for index, (one, other) in enumerate(pairs) if one != other]


def _part(members: dict[str, Any], chosen: list[int]) -> bytes:
    """A job's object with only some of its circuits."""
    lists = {name: [members[name][index] for index in chosen] for name in PER_CIRCUIT_LISTS}
    return object_of({**members, _NUM_CIRCUITS: len(chosen), **lists})
