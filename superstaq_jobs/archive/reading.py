"""Reads the rows of an archive: each is checked before anything is made of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias
from uuid import UUID

from superstaq_jobs.errors import (
    ArchiveDamaged,
    ArchiveError,
    JobsNotFound,
    NotInArchive,
    ProtocolError,
)
from superstaq_jobs.records import CircuitStatus, JobSnapshot, newest
from superstaq_jobs.records.problems import warn

from .file import Connection
from .pieces import checksum
from .states import (
    Job,
    JobKey,
    LastSeen,
    Observation,
    State,
    Successive,
    decoded,
    decoded_together,
    moment_of,
    observed,
)
from .values import ValueCache

__all__ = ["Reader"]

_COLUMNS: Final = (
    "state.digest, state.sha, state.circuit_type, state.status, state.is_terminal, "
    "state.target, state.user_email, state.submitted_us"
)
_STATE: Final = f"state.id, {_COLUMNS}, state.body, state.sum"
_SEEN: Final = (
    f"SELECT seen.at, seen.offset_s, source.name, seen.sum, {_STATE} "  # noqa: S608 - names only
    "FROM seen LEFT JOIN state ON state.id = seen.state "  # a missing one is damage
    "LEFT JOIN source ON source.id = seen.source WHERE seen.job = ?"
)
_HEAD: Final = (  # from 0: 6 is the moment, 10 the state's id, 12 the SHA-256, -2 the body
    "SELECT job.id, job.name, job.api, head.circuit_type, head.in_order, head.sum, "  # noqa: S608
    f"seen.at, seen.offset_s, source.name, seen.sum, {_STATE} "
    "FROM head JOIN job ON job.id = head.job "
    "JOIN seen ON seen.job = head.job AND seen.at = head.at AND seen.state = head.state "
    "JOIN state ON state.id = seen.state JOIN source ON source.id = seen.source "
    "WHERE head.in_order AND head.job IN "
)
Decoder: TypeAlias = Callable[..., tuple[JobSnapshot, tuple[str, ...]]]
_IN_ORDER: Final = " ORDER BY seen.at, state.digest, state.sha, source.name, seen.offset_s"


class Reader:
    """Reads from one connection, in one transaction, for one call of an archive."""

    def __init__(self, raw: Connection, cache: ValueCache, path: Path) -> None:
        self.raw = raw
        self._cache = cache
        self.path = path
        self._warnings: dict[str, None] = {}
        self._decoded: dict[int, JobSnapshot] = {}
        self._wires: dict[bytes, bytes] = {}

    def damaged(self, what: str) -> NoReturn:
        """Raise the error for a file that is not as it was written."""
        raise ArchiveDamaged(
            f"{self.path}: {what} is not as it was written: the file is damaged. Nothing was "
            "changed. verify() lists what is damaged; restore it from a copy or a JSON Lines "
            "export.",
            path=str(self.path),
        )

    def warn(self) -> None:
        """Issue the warnings about what was read, each once."""
        for message in self._warnings:
            warn(message)

    # ---- rows ----------------------------------------------------------------------------------

    def jobs(self, where: str = "TRUE", *values: Any) -> list[Job]:
        """Rows of jobs, in order of their ids."""
        sql = "SELECT id, name, api, observations, expected_at, expected_type, sum FROM job WHERE "
        jobs = []
        for row in self.raw.execute(f"{sql} {where} ORDER BY name, api", values):
            number, name, api, *rest, total = row
            jobs.append(job := Job(number, JobKey(name, api), *rest))
            if total != job.sum():
                self.damaged(f"the row of job {name}")
        return jobs

    def job(self, key: JobKey) -> Job | None:
        """The row of a job."""
        return next(iter(self.jobs("name = ? AND api = ?", *key)), None)

    def last_jobs(self, count: int) -> list[Job]:
        """The jobs that were added last, the last one first."""
        some = "id IN (SELECT id FROM job ORDER BY id DESC LIMIT ?)"
        return sorted(self.jobs(some, count), reverse=True)

    def status(self, state: int) -> str:
        """The status of a job in one of its states."""
        _, _, _, status, *_ = next(self._checked_columns("state.id = ?", state))
        return str(status)

    def digests(self) -> Iterator[bytes]:
        """The digests of all states."""
        for digest, *_ in self._checked_columns("TRUE"):
            yield digest

    def _checked_columns(self, where: str, *values: Any) -> Iterator[Sequence[Any]]:
        """``_COLUMNS`` of some states."""
        sql = f"""
            SELECT job.name, job.api, {_COLUMNS}, state.sum
            FROM state LEFT JOIN job ON job.id = state.job WHERE {where}"""  # noqa: S608 - names only
        for name, api, *columns, total in self.raw.execute(sql, values):
            if checksum(name, api, *columns) != total:
                self.damaged(f"a state of job {name}")
            yield columns

    def last_seen(self, job: Job) -> list[LastSeen]:
        """The last observation of a job in each format in which it was seen."""
        sql = """
            SELECT head.circuit_type, head.state, state.digest, state.sha, head.at, head.in_order,
                   head.sum
            FROM head JOIN state ON state.id = head.state
            WHERE head.job = ? ORDER BY head.circuit_type"""
        found = []
        for *columns, total in self.raw.execute(sql, (job.id,)):
            found.append(last := LastSeen(*columns))
            if total != last.sum(job.key):
                self.damaged(f"the index of job {job.key.name}")
        if bool(found) != bool(job.observations):
            self.damaged(f"the index of job {job.key.name}")
        return found

    def last_in(self, job: Job, circuit_type: str | None) -> LastSeen | None:
        """The last observation of a job in a format; None for the only one in which it was seen.

        Raises:
            ArchiveError: If it was seen in several formats, and none is chosen.
        """
        found = self.last_seen(job)
        if circuit_type is None and len(found) > 1:
            names = ", ".join(each.circuit_type or "not said" for each in found)
            raise ArchiveError(
                f"{self.path} has job {job.key.name} in several formats of circuits ({names}), "
                "which are not mixed. Nothing was read. Pass circuit_type.",
                path=str(self.path),
            )
        return next((e for e in found if circuit_type in {None, e.circuit_type}), None)

    def circuit_types(self) -> list[str]:
        """The formats in which jobs were observed; empty for one that was not said."""
        sql = """
            SELECT DISTINCT head.circuit_type, state.circuit_type
            FROM head LEFT JOIN state ON state.id = head.state"""
        pairs = self.raw.execute(sql).fetchall()
        if any(one != other for one, other in pairs):
            self.damaged("the format of a job")
        return [one for one, _ in pairs]

    def check_index(self) -> None:
        """Check that each observed job is in the index of last observations, and nothing else."""
        sql = """
            SELECT (SELECT count(*) FROM job WHERE observations <> 0),
                   (SELECT count(DISTINCT job) FROM head)"""
        observed, indexed = self.raw.execute(sql).fetchone()
        if observed != indexed:
            self.damaged("the index of the jobs")

    def check_count(self, job: Job) -> None:
        """Check that no observation of a job is missing."""
        sql = "SELECT count(*) FROM seen WHERE job = ?"
        if self.raw.execute(sql, (job.id,)).fetchone() != (job.observations,):
            self.damaged(f"the number of observations of job {job.key.name}")

    def state(self, job: JobKey, row: Sequence[Any]) -> State:
        """A state, from the columns of its row from ``id`` to ``sum``."""
        number, *columns, body, total = row
        sha = columns[1]
        wire = self._wires.pop(sha, None) or self._cache.joined(self.raw, {sha: body}).get(sha)
        if wire is None:
            self._cache.clear()  # another process may have removed values, and added others
            wire = self._cache.joined(self.raw, {sha: body}).get(sha)
        state = State._make([job, *columns, wire or b""])
        if wire is None or state.sum() != total:
            self.damaged(f"state {number} of job {job.name}")
        return state

    def _read_ahead(self, rows: Sequence[Sequence[Any]]) -> None:
        """Read and decode several states at once, from rows of ``_HEAD``, for ``_snapshot``.

        It takes two thirds of the time, since each step repeats while its code and data are in the
        processor's cache. What is damaged or odd is left to ``state`` and ``_snapshot``.
        """
        self._wires = self._cache.joined(self.raw, {row[12]: row[-2] for row in rows})
        states = {row[1]: row for row in rows if row[2] == "v0.3.0"}
        with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError, ProtocolError):
            wires = {name: self._wires[row[12]] for name, row in states.items()}
            at, offset_s, source = rows[0][6:9]  # of most of them: they are of one response
            read = decoded_together(wires, moment_of(at, offset_s), source)
            self._decoded = {states[name][10]: snapshot for name, snapshot in read.items()}

    def observed_jobs(self) -> list[Job]:
        """The jobs that were observed."""
        self.check_index()
        return self.jobs("observations <> 0")

    def expected_jobs(self) -> list[Job]:
        """The jobs that are expected and were never observed."""
        self.check_index()
        return self.jobs("observations = 0")

    def unfinished_jobs(self) -> list[Job]:
        """The jobs that may not be finished."""
        self.check_index()
        terminal = [str(each) for each in CircuitStatus if each.is_terminal]
        marks = ",".join("?" * len(terminal))
        # Two columns say whether a state is terminal, so that one that is damaged hides no job.
        return self.jobs(
            "observations = 0 OR id IN (SELECT head.job "  # noqa: S608 - marks only
            "FROM head LEFT JOIN state ON state.id = head.state WHERE NOT head.in_order "
            f"OR state.is_terminal IS NOT 1 OR state.status NOT IN ({marks}))",
            *terminal,
        )

    def all_observations(self) -> Iterator[Observation]:
        """Every observation, in order of (moment, job, digest, writing, source)."""
        jobs = {job.id: job for job in self.jobs()}
        sql = (
            "SELECT seen.job, seen.at, seen.state, seen.source, seen.offset_s "
            "FROM seen JOIN state ON state.id = seen.state JOIN job ON job.id = seen.job "
            "JOIN source ON source.id = seen.source ORDER BY seen.at, job.name, job.api, "
            "state.digest, state.sha, source.name, seen.offset_s"
        )
        one = " AND seen.at = ? AND seen.state = ? AND source.id = ? AND seen.offset_s = ?"
        count, before = 0, None
        for job_id, *place in self.raw.execute(sql):
            found = next(self._seen(jobs[job_id], one, *place), None) if job_id in jobs else None
            if found is None:
                self.damaged("the index of the observations")
            _, seen = found
            if before is not None and seen.order < before:
                self.damaged("the index of the observations")
            count, before = count + 1, seen.order
            yield seen
        if count != sum(job.observations for job in jobs.values()):
            self.damaged("the number of observations")

    def state_rows(self, job: Job) -> Iterator[Sequence[Any]]:
        """The rows of the states of a job, for ``state``."""
        sql = f"SELECT {_STATE} FROM state WHERE job = ?"  # noqa: S608 - names only
        yield from self.raw.execute(sql, (job.id,))

    def has(self, digest: bytes) -> bool:
        """Whether there is a state with a digest."""
        sql = "SELECT 1 FROM state WHERE digest = ? LIMIT 1"
        return self.raw.execute(sql, (digest,)).fetchone() is not None

    # ---- snapshots -----------------------------------------------------------------------------

    def _snapshot(
        self, job: Job, state: int, seen: Observation, decode: Decoder = decoded
    ) -> JobSnapshot:
        """The snapshot of an observation of a state."""
        moment = moment_of(seen.at, seen.offset_s)
        known = self._decoded.get(state)
        if known is not None:
            return observed(known, moment, seen.source)
        try:
            snapshot, warnings = decode(job.key, seen.state.wire, moment, seen.source)
        except (ProtocolError, JobsNotFound, ValueError):
            self.damaged(f"an observation of job {job.key.name}")
        self._decoded = {state: snapshot}  # the last one: polls repeat it
        self._warnings.update(dict.fromkeys(warnings))
        return snapshot

    def _seen(self, job: Job, which: str, *values: Any) -> Iterator[tuple[int, Observation]]:
        """The observations of a job, or which of them, each with the id of its state."""
        for row in self.raw.execute(_SEEN + which, (job.id, *values)):
            yield self._observation(job, row)

    def _observation(self, job: Job, row: Sequence[Any]) -> tuple[int, Observation]:
        at, offset_s, source, total, *columns = row
        state = self.state(job.key, columns)
        seen = Observation(at, offset_s, source, state)
        if seen.sum() != total:
            self.damaged(f"an observation of job {job.key.name}")
        return columns[0], seen

    def history(
        self, job: Job, circuit_type: str, until: int | None = None
    ) -> Iterator[JobSnapshot]:
        """Snapshots of the observations of a job in a format, in order of time."""
        self.check_count(job)
        decode = Successive().decoded
        for state, seen in self._seen(job, _IN_ORDER):
            is_wanted = seen.state.circuit_type == circuit_type
            if is_wanted and (until is None or seen.at <= until):
                yield self._snapshot(job, state, seen, decode)

    def at(self, job: Job, at: int, state: int) -> JobSnapshot:
        """The snapshot of one observation."""
        which = " AND seen.at = ? AND seen.state = ? LIMIT 1"
        found = next(self._seen(job, which, at, state), None)
        if found is None:
            self.damaged(f"the last observation of job {job.key.name}")
        return self._snapshot(job, *found)

    def last(self, places: Sequence[tuple[int, int, int]]) -> Iterator[JobSnapshot | None]:
        """The snapshots at the places of at most 500 last observations.

        None for a place that is not, or no longer, that of a last observation in order.
        """
        marks = ",".join("?" * len(places))
        found = self.raw.execute(f"{_HEAD}({marks})", [job for job, *_ in places])
        by_place = {(row[0], row[6], row[10]): row for row in reversed(found.fetchall())}
        rows = [by_place.get(place) for place in places]
        if any(rows):
            self._read_ahead([row for row in rows if row is not None])
        checked = [None if row is None else self._checked(row) for row in rows]
        for each in checked:
            yield None if each is None else self._snapshot(*each)

    def _checked(self, row: Sequence[Any]) -> tuple[Job, int, Observation]:
        number, name, api, kind, in_order, total, *columns = row
        job = Job(number, JobKey(name, api))
        state, seen = self._observation(job, columns)
        last = LastSeen(kind, state, seen.state.digest, seen.state.sha, seen.at, in_order)
        if total != last.sum(job.key):
            self.damaged(f"the index of job {name}")
        return job, state, seen

    def newest(self, job: Job, last: LastSeen, until: int | None = None) -> JobSnapshot | None:
        """The newest state of a job in one format, of what was observed until a moment."""
        if until is None and last.in_order:
            return self.at(job, last.at, last.state)
        if last.in_order:
            self.check_count(job)
            # The next one too: its time may have been an earlier one before the file was damaged.
            next(self._seen(job, " AND seen.at > ? ORDER BY seen.at LIMIT 1", until), None)
            for state, seen in self._seen(job, " AND seen.at <= ? ORDER BY seen.at DESC", until):
                if seen.state.circuit_type == last.circuit_type:
                    return self._snapshot(job, state, seen)
            return None
        found = [*self.history(job, last.circuit_type, until)]
        return newest(*found) if found else None

    def first_with(self, digest: bytes) -> JobSnapshot | None:
        """The first observation of a state with a digest."""
        for job in self.jobs("id IN (SELECT job FROM state WHERE digest = ?)", digest):
            for state, seen in self._seen(job, f" AND state.digest = ?{_IN_ORDER} LIMIT 1", digest):
                return self._snapshot(job, state, seen)
        return None

    def find(
        self, job_id: UUID | str, keys: Iterable[JobKey], circuit_type: str | None
    ) -> tuple[Job, LastSeen]:
        """The first of the jobs that an id may mean that was seen in a format; None for its only.

        A ``NotInArchive`` if none of them was; else raises as ``last_in``.
        """
        every_row = "SELECT 1 FROM job WHERE +name = ? AND +api = ?"  # without an index
        for key in keys:
            job = self.job(key)
            last = None if job is None else self.last_in(job, circuit_type)
            if job is not None and last is not None:
                return job, last
            if job is None and self.raw.execute(every_row, key).fetchone():
                self.damaged("the index of the jobs")
        form = "" if circuit_type is None else f" in the format {circuit_type}"
        raise NotInArchive(
            f"{self.path} has no snapshot of job {job_id}{form}. job_ids() has the jobs that it "
            "has.",
            path=str(self.path),
            job_id=job_id,
        )
