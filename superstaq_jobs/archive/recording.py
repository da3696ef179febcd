"""Writes observations into an archive, within one transaction."""

from __future__ import annotations

import datetime as dt
import weakref
from collections.abc import Iterable

from superstaq_jobs.records import JobSnapshot, newest
from superstaq_jobs.records.fields import same_moment

from .file import Connection
from .pieces import cut, pack, pack_pieces, sha256, unpack_pieces
from .reading import Reader
from .states import Head, Job, JobKey, Observation, State, head_sum, job_sum, moment_of, observed
from .values import value_rows

__all__ = ["Recorded", "Recording", "is_newer"]


class Recorded:
    """The snapshots in memory that are in an archive already, by identity."""

    def __init__(self) -> None:
        self._times: dict[int, tuple[weakref.ref[JobSnapshot], object]] = {}
        self._by_state: weakref.WeakValueDictionary[tuple[bytes, bytes], JobSnapshot] = (
            weakref.WeakValueDictionary()
        )

    def clear(self) -> None:
        """Forget them all."""
        self.__init__()  # type: ignore[misc]

    def add(self, snapshot: JobSnapshot, moment: dt.datetime, state: State) -> None:
        """Remember that a snapshot is in the archive, as observed at that time."""
        number = id(snapshot)
        gone = weakref.ref(snapshot, lambda _: self._times.pop(number, None))
        self._times[number] = gone, same_moment(moment)
        self._by_state[state.digest, state.sha] = snapshot

    def has(self, snapshot: JobSnapshot, moment: dt.datetime) -> bool:
        """Whether this very snapshot was recorded, as observed at that time."""
        known = self._times.get(id(snapshot))
        return known is not None and known[0]() is snapshot and known[1] == same_moment(moment)

    def find(self, digest: bytes, sha: bytes) -> JobSnapshot | None:
        """A snapshot of a state, if one is in memory."""
        return self._by_state.get((digest, sha))


class Recording:
    """Puts observations into an archive through a connection that is in a transaction."""

    def __init__(self, raw: Connection, reader: Reader, recorded: Recorded) -> None:
        self._raw = raw
        self._reader = reader
        self._recorded = recorded
        self._sources: dict[str | None, int] = {}

    def put(self, seen: Observation, snapshot: JobSnapshot | None = None) -> bool:
        """Put one in; returns whether it was new. Its snapshot is read back if it is not given."""
        job = self.job(seen.state.job)
        state = self._state(job, seen.state)
        source = self._source(seen.source)
        added = self._raw.execute(
            "INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, ?, ?)",
            (job.id, seen.at, state, source, seen.offset_s, seen.sum()),
        )
        if added.rowcount != 1:
            return False
        self._put_job(job._replace(observations=job.observations + 1))
        self._put_head(job, state, seen, snapshot)
        return True

    def expect(self, key: JobKey, *, circuit_type: str, at: int) -> bool:
        """Note that a job exists; of several notes the earliest is kept. Whether it was news."""
        job = self.job(key)
        known = job.expected_at, job.expected_type
        if job.expected_at is not None and known <= (at, circuit_type):
            return False
        self._put_job(job._replace(expected_at=at, expected_type=circuit_type))
        return True

    def merge(self, contents: Iterable[Observation | Job]) -> int:
        """Put in all that is in another archive; returns how many observations were new."""
        count = 0
        for each in contents:
            if isinstance(each, Job):
                kind, at = each.expected_type or "", each.expected_at or 0
                self.expect(each.key, circuit_type=kind, at=at)
            else:
                count += self.put(each)
        return count

    def forget(self, keys: Iterable[JobKey]) -> int:
        """Remove all about some jobs; what other jobs share stays. Returns how many there were."""
        count = 0
        for key in keys:
            job = self._reader.job(key)
            if job is None:
                continue
            count += 1
            for table in ("head", "seen", "state"):
                self._raw.execute(f"DELETE FROM {table} WHERE job = ?", (job.id,))  # noqa: S608
            self._raw.execute("DELETE FROM job WHERE id = ?", (job.id,))
        if count:
            self._raw.execute("DELETE FROM source WHERE id NOT IN (SELECT source FROM seen)")
            unused = {each for (each,) in self._raw.execute("SELECT id FROM value")}
            for (body,) in self._raw.execute("SELECT body FROM state"):
                unused.difference_update(e for e in unpack_pieces(body) if isinstance(e, int))
            self._raw.executemany("DELETE FROM value WHERE id = ?", [(each,) for each in unused])
        return count

    # ---- rows ----------------------------------------------------------------------------------

    def job(self, key: JobKey) -> Job:
        """The row of a job, which is made if there is none."""
        known = self._reader.job(key)
        if known is not None:
            return known
        made = self._raw.execute(
            "INSERT INTO job (name, api, observations, sum) VALUES (?, ?, 0, ?)",
            (key.name, key.api, job_sum(key, 0, None, None)),
        )
        return Job(_id(made.lastrowid), key, 0, None, None)

    def _put_job(self, job: Job) -> None:
        columns = job.observations, job.expected_at, job.expected_type
        self._raw.execute(
            "UPDATE job SET observations = ?, expected_at = ?, expected_type = ?, sum = ? "
            "WHERE id = ?",
            (*columns, job_sum(job.key, *columns), job.id),
        )

    def _source(self, name: str | None) -> int:
        known = self._sources.get(name)
        if known is None:
            row = self._raw.execute("SELECT id FROM source WHERE name IS ?", (name,)).fetchone()
            if row is None:
                made = self._raw.execute("INSERT INTO source (name) VALUES (?)", (name,))
                row = (_id(made.lastrowid),)
            known = self._sources[name] = int(row[0])
        return known

    def _state(self, job: Job, state: State) -> int:
        sql = "SELECT id FROM state WHERE digest = ? AND sha = ?"
        known = self._raw.execute(sql, (state.digest, state.sha)).fetchone()
        if known is not None:
            return int(known[0])
        pieces = cut(state.wire)
        values = self._values(pieces[1::2])
        made = self._raw.execute(
            "INSERT INTO state (job, digest, sha, circuit_type, status, is_terminal, target, "
            "user_email, submitted_us, body, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(job.id, state.digest, state.sha, state.circuit_type, state.status),
                *(state.is_terminal, state.target, state.user_email, state.submitted_us),
                *(pack_pieces(pieces, values), state.sum()),
            ),
        )
        return _id(made.lastrowid)

    def _values(self, values: list[bytes]) -> list[int]:
        """The ids of large values; those that are not there are added."""
        shas = [*map(sha256, values)]
        ids: dict[bytes, int] = dict(value_rows(self._raw, "sha, id", shas))
        for sha, value in zip(shas, values, strict=True):
            if sha not in ids:
                made = self._raw.execute(
                    "INSERT INTO value (sha, body) VALUES (?, ?)", (sha, pack(value))
                )
                ids[sha] = _id(made.lastrowid)
        return [ids[sha] for sha in shas]

    def _put_head(
        self, job: Job, state: int, seen: Observation, snapshot: JobSnapshot | None
    ) -> None:
        sql = """
            SELECT head.state, head.at, head.in_order, state.digest, state.sha, head.sum
            FROM head JOIN state ON state.id = head.state
            WHERE head.job = ? AND head.circuit_type = ?"""
        kind = seen.state.circuit_type
        row = self._raw.execute(sql, (job.id, kind)).fetchone()
        head = Head(kind, state, seen.at, 1)
        digest, sha = seen.state.digest, seen.state.sha
        if row is not None:
            *columns, old_digest, old_sha, total = row
            old = Head(kind, *columns)
            if total != head_sum(job.key, old_digest, old_sha, old):
                self._reader.damaged(f"the index of job {job.key.name}")
            if seen.at > old.at:
                in_order = old.in_order
                if in_order and state != old.state:
                    before = self._recorded.find(old_digest, old_sha)
                    if before is None:
                        before = self._reader.at(job, old.at, old.state)
                    if snapshot is None:
                        snapshot = self._reader.at(job, seen.at, state)
                    in_order = int(is_newer(before, old.at, snapshot, seen.at))
                head = head._replace(in_order=in_order)
            else:
                head = old._replace(in_order=0)
                digest, sha = old_digest, old_sha
        self._raw.execute(
            "INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?, ?, ?)",
            (job.id, *head, head_sum(job.key, digest, sha, head)),
        )


def is_newer(before: JobSnapshot, before_at: int, after: JobSnapshot, after_at: int) -> bool:
    """Whether the later of two states of a job is the newest of both."""
    later = observed(after, moment_of(after_at, 0), after.source)
    return newest(observed(before, moment_of(before_at, 0), before.source), later) is later


def _id(row: int | None) -> int:
    if row is None:
        raise AssertionError("an INSERT gives a row's id")
    return row
