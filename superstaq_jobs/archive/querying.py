"""Finds the jobs of an archive that match the conditions of a query."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final

import attrs

from superstaq_jobs.records import CircuitType, JobId, JobQuery, JobSnapshot, fields
from superstaq_jobs.records.advice import explains_changes

from .reading import Reader
from .states import Job, JobKey, job_key, microseconds

__all__ = ["ArchivedJob", "check_query", "find_jobs", "find_unfinished", "is_match"]

_CHUNK: Final = 128
_MAX_VALUES: Final = 100  # of one condition in SQL; more are compared afterwards

_QUERY: Final = "a query of an archive"

# The conditions with a column of their own, which has the name of the snapshot's field.
_COLUMNS: Final = {"user_email": "user_email", "target_name": "target", "status": "status"}
_FIELDS: Final = {"job_id": "job_id", **_COLUMNS}

Reading = Callable[[], AbstractContextManager[Reader]]


def check_query(query: JobQuery) -> None:
    """Refuse what is not a query, and conditions that no snapshot can match."""
    checked = fields.instance(query, JobQuery, "pass JobQuery(tags=[...]), say")
    fields.refuse(_QUERY, {"query": checked})
    what = "cannot be a condition: no snapshot says its priority. Leave it out"
    given = [name for name in ("min_priority", "max_priority") if getattr(query, name) is not None]
    fields.refuse(_QUERY, dict.fromkeys(given, fields.bad(what)))


def is_match(query: JobQuery, snapshot: JobSnapshot) -> bool:
    """Whether a snapshot matches all conditions of a query, as the server understands them.

    A condition on what the snapshot does not say matches nothing.
    """
    for name, field in _FIELDS.items():
        allowed = getattr(query, name)
        if allowed is not None and getattr(snapshot, field) not in allowed:
            return False
    if query.tags is not None and set(query.tags).isdisjoint(snapshot.tags or ()):
        return False
    submitted = snapshot.submitted_at
    before, after = query.submitted_before, query.submitted_after
    if submitted is None:
        return before is None and after is None
    return (before is None or submitted < before) and (after is None or submitted > after)


def find_jobs(
    reading: Reading, query: JobQuery, *, until: int | None, circuit_type: str | None
) -> Iterator[JobSnapshot]:
    """The newest state of each job that matches, in order of submission and id.

    Only the places of the jobs are read at first, 24 bytes each, so it takes little memory, and
    nothing is locked while the caller has a snapshot.
    """
    places = array("q")
    ids = None if query.job_id is None else set(map(job_key, query.job_id))
    with reading() as reader:
        reader.check_index()
        for row in reader.raw.execute(*_candidates(query, until, circuit_type)):
            name, api, job_id, state, at, num_formats = row
            if job_id is None or (state is None) is not (at is None):
                reader.damaged("the index of the jobs")
            if at is None:  # not observed by then
                continue
            if ids is not None and JobKey(name, api) not in ids:
                continue
            if circuit_type is None and num_formats > 1:
                for job in reader.jobs("id = ?", job_id):
                    reader.last_in(job, None)  # raises
            places.extend((job_id, state, at))
        folded = sorted(_folded(reader, query, until, circuit_type), key=_key)
        reader.warn()
    indexed = _read(reading, places, query)
    yield from heapq.merge(indexed, folded, key=_key) if folded else indexed


def _folded(
    reader: Reader, query: JobQuery, until: int | None, circuit_type: str | None
) -> Iterator[JobSnapshot]:
    """The jobs that match and whose newest state is not simply the last."""
    for job in reader.jobs("id IN (SELECT job FROM head WHERE NOT in_order)"):
        for last in reader.last_seen(job):
            if not last.in_order and circuit_type in {None, last.circuit_type}:
                snapshot = reader.newest(job, last, until)
                if snapshot is not None and is_match(query, snapshot):
                    reader.last_in(job, circuit_type)  # raises if that is not the only format
                    yield snapshot


def _read(reading: Reading, places: array[int], query: JobQuery) -> Iterator[JobSnapshot]:
    for start in range(0, len(places), 3 * _CHUNK):
        found: list[JobSnapshot] = []
        chunk = places[start : start + 3 * _CHUNK]
        chosen = [*zip(chunk[::3], chunk[2::3], chunk[1::3], strict=True)]
        with reading() as reader:
            for (job_id, at, state), last in zip(chosen, reader.last(chosen), strict=True):
                # If it is None, it is of an earlier moment, or there is a later one since.
                snapshot = last or _earlier(reader, job_id, state, at)
                if snapshot is not None:
                    found.append(snapshot)
            reader.warn()
        yield from (each for each in found if is_match(query, each))


def _earlier(reader: Reader, job_id: int, state: int, at: int) -> JobSnapshot | None:
    for job in reader.jobs("id = ?", job_id):  # none if it was removed since
        reader.last_seen(job)
        reader.check_count(job)
        return reader.at(job, at, state)
    return None


def _key(snapshot: JobSnapshot) -> tuple[bool, int, str, str]:
    submitted = snapshot.submitted_at
    at = 0 if submitted is None else microseconds(submitted)
    key = job_key(snapshot.job_id)
    return submitted is not None, at, key.name, key.api


def _candidates(
    query: JobQuery, until: int | None, circuit_type: str | None
) -> tuple[str, list[Any]]:
    """The SQL for the jobs that may match and whose newest state is the last, in order."""
    # The format is compared only where there are several: that of a damaged row may have changed.
    formats = "(SELECT count(*) FROM head AS other WHERE other.job = head.job)"
    moment, place, values = "head.at", "AND seen.state = last.state", list[Any]()
    if until is not None:
        moment = f"""(
            SELECT seen.at FROM seen LEFT JOIN state ON state.id = seen.state
            WHERE seen.job = head.job AND seen.at <= ?
                AND ({formats} = 1 OR state.circuit_type = head.circuit_type)
            ORDER BY seen.at DESC LIMIT 1)"""  # noqa: S608 - names and marks only
        place = ""
        values.append(until)
    conditions = []
    if circuit_type is not None:
        conditions.append("(state.circuit_type = ? OR last.circuit_type = ?)")
        values += [circuit_type, circuit_type]
    for name, column in _COLUMNS.items():
        allowed = getattr(query, name)
        if allowed is not None and len(allowed) <= _MAX_VALUES:
            conditions.append(f"state.{column} IN ({','.join('?' * len(allowed))})")
            values += map(str, allowed)
    for sign, limit in (("<", query.submitted_before), (">", query.submitted_after)):
        if limit is not None:
            conditions.append(f"state.submitted_us {sign} ?")
            values.append(microseconds(limit))
    also = " AND ".join(["TRUE", *conditions])
    sql = f"""
        SELECT job.name, job.api, job.id, seen.state, last.at, last.formats
        FROM (SELECT head.job, head.circuit_type, head.state, {formats} AS formats, {moment} AS at
              FROM head WHERE head.in_order) AS last
        LEFT JOIN job ON job.id = last.job
        LEFT JOIN seen ON seen.job = last.job AND seen.at = last.at {place}
        LEFT JOIN state ON state.id = seen.state
        WHERE state.id IS NULL
            OR (state.circuit_type = last.circuit_type OR last.formats = 1) AND {also}
        ORDER BY state.submitted_us, job.name, job.api"""  # noqa: S608 - names and marks only
    return sql, values


# ---- unfinished jobs ---------------------------------------------------------------------------


@explains_changes
@attrs.frozen(kw_only=True)
class ArchivedJob:
    """A job of an archive that was not finished when it was last observed.

    Attributes:
        job_id: The job's id.
        circuit_type: The format in which its circuits were last observed, or are expected; None if
            the server did not say it (API v0.2.0).
        latest: Its newest state; None if the job was submitted and never observed.
    """

    job_id: JobId
    circuit_type: CircuitType | None
    latest: JobSnapshot | None


def find_unfinished(reader: Reader, job: Job) -> ArchivedJob | None:
    """A job, if it is not finished in any format."""
    last_seen = sorted(reader.last_seen(job), key=lambda last: last.at)
    newest = [reader.newest(job, last) for last in last_seen]
    if any(each is not None and each.is_terminal for each in newest):
        return None
    kind = last_seen[-1].circuit_type if last_seen else job.expected_type
    return ArchivedJob(
        job_id=job.key.job_id,
        circuit_type=CircuitType(kind) if kind else None,
        latest=newest[-1] if newest else None,
    )
