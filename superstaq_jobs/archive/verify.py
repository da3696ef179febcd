"""Checks all that is in an archive, and names everything that is not as it was written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import attrs

from superstaq_jobs.errors import ArchiveDamaged, JobsNotFound, Problem, ProtocolError
from superstaq_jobs.records import JobSnapshot, newest
from superstaq_jobs.records.advice import explains_changes

from .file import ERRORS
from .pieces import is_as_packed, sha256, unpack
from .reading import Reader
from .states import Job, LastSeen, Observation, State, decoded, microseconds, written_as

__all__ = ["ArchiveReport", "verify"]


@explains_changes
@attrs.frozen(kw_only=True)
class ArchiveReport:
    """What was found when an archive was checked; true if nothing is wrong with it.

    Attributes:
        jobs: How many jobs were read.
        states: How many distinct states of jobs.
        observations: How many observations of them.
        problems: What is wrong, and where.
    """

    jobs: int
    states: int
    observations: int
    problems: tuple[Problem, ...]

    def __bool__(self) -> bool:
        return not self.problems


def verify(reader: Reader, *, deep: bool) -> ArchiveReport:
    """Check all rows; with ``deep``, also that they say what the states in them say."""
    return _Check(reader, deep=deep).report()


class _Check:
    def __init__(self, reader: Reader, *, deep: bool) -> None:
        self._reader = reader
        self._deep = deep
        self._problems: dict[Problem, None] = {}
        self._jobs = self._states = self._observations = 0

    def report(self) -> ArchiveReport:
        with self._noting("the file"):
            for check in ("integrity_check" if self._deep else "quick_check", "foreign_key_check"):
                for row in self._reader.raw.execute(f"PRAGMA {check}"):
                    if row != ("ok",):
                        self._note("the file", " ".join(map(str, row)))
        with self._noting("values"):
            for number, sha, body in self._reader.raw.execute("SELECT id, sha, body FROM value"):
                with self._noting(f"value {number}"):
                    if sha256(unpack(body)) != sha or not is_as_packed(body):
                        self._note(f"value {number}", "its checksum does not agree")
        job_ids: list[int] = []
        with self._noting("the file"):
            job_ids.extend(each for (each,) in self._reader.raw.execute("SELECT id FROM job"))
        for job_id in job_ids:
            with self._noting(f"job {job_id}"):
                for job in self._reader.jobs("id = ?", job_id):
                    self._jobs += bool(job.observations)
                    self._check_job(job)
        return ArchiveReport(
            jobs=self._jobs,
            states=self._states,
            observations=self._observations,
            problems=tuple(self._problems),
        )

    def _note(self, where: str, what: str) -> None:
        self._problems[Problem(where, what)] = None

    @contextlib.contextmanager
    def _noting(self, where: str) -> Iterator[None]:
        """Note what is raised on a damaged file."""
        try:
            yield
        except (ArchiveDamaged, ProtocolError, JobsNotFound, *ERRORS) as error:
            self._note(where, str(error).partition(" Nothing was changed")[0])
        except (ValueError, TypeError, OverflowError, KeyError) as error:
            self._note(where, f"cannot be read: {error}")

    # ---- a job -----------------------------------------------------------------------------------

    def _check_job(self, job: Job) -> None:
        where = f"job {job.key.name}"
        last_seen: list[LastSeen] = []
        with self._noting(where):
            last_seen = self._reader.last_seen(job)
        with self._noting(where):
            self._reader.check_count(job)
        states: dict[int, State] = {}
        with self._noting(where):
            for row in self._reader.state_rows(job):
                with self._noting(where):
                    self._states += 1
                    state = self._reader.state(job.key, row)
                    states[row[0]] = state._replace(wire=b"")
                    if not is_as_packed(row[-2]):
                        self._note(where, f"state {row[0]} is not as it was written")
                    if self._deep:
                        self._check_state(where, state)
        with self._noting(where):
            self._check_seen(job, where, states)
        if self._deep:
            for last in last_seen:
                with self._noting(where):
                    self._check_last(job, where, last)

    def _check_state(self, where: str, state: State) -> None:
        snapshot, _ = decoded(state.job, state.wire, None, None)
        if written_as(snapshot, state.wire, snapshot.to_dict()) != state:
            self._note(where, f"the columns of state {state.digest.hex()} do not agree with it")

    def _check_seen(self, job: Job, where: str, states: dict[int, State]) -> None:
        sql = (
            "SELECT seen.state, seen.at, source.name, seen.offset_s, seen.sum "
            "FROM seen LEFT JOIN source ON source.id = seen.source WHERE seen.job = ?"
        )
        for number, at, source, offset_s, total in self._reader.raw.execute(sql, (job.id,)):
            self._observations += 1
            state = states.get(number)
            if state is None:
                self._note(where, f"an observation is of state {number}, which is not there")
            elif total != Observation(at, offset_s, source, state).sum():
                self._note(where, f"an observation of state {number} is not as it was written")

    def _check_last(self, job: Job, where: str, known: LastSeen) -> None:
        before: JobSnapshot | None = None
        is_in_order = True
        for snapshot in self._reader.history(job, known.circuit_type):
            if before is not None:
                is_later = snapshot.fetched_at != before.fetched_at
                is_in_order = is_in_order and is_later and newest(before, snapshot) is snapshot
            before = snapshot
        last = None if before is None else before.fetched_at
        is_last = last is not None and microseconds(last) == known.at
        if not is_last or (known.in_order and not is_in_order):
            self._note(where, "its index does not agree with its observations")
