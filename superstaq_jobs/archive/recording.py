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
from .states import Job, JobKey, LastSeen, Observation, State, moment_of, observed
from .values import value_rows

__all__ = ["Recorded", "Recording"]


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
        self._put_last(job, state, seen, snapshot)
        return True

    def expect(self, key: JobKey, *, circuit_type: str, at: int) -> None:
        """Note that a job exists; of several notes the earliest is kept."""
        job = self.job(key)
        if job.expected_at is None or (at, circuit_type) < (job.expected_at, job.expected_type):
            self._put_job(job._replace(expected_at=at, expected_type=circuit_type))

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
        job = self._reader.job(key)
        if job is None:
            new = Job(0, key)
            job = new._replace(id=self._add("job", *key, *new[2:], new.sum()))
        return job

    def _add(self, table: str, *columns: object) -> int:
        """Add a row; returns its id."""
        marks = ", ?" * len(columns)
        added = self._raw.execute(f"INSERT INTO {table} VALUES (NULL{marks})", columns)  # noqa: S608
        assert added.lastrowid is not None  # noqa: S101 - an INSERT gives a row's id
        return added.lastrowid

    def _put_job(self, job: Job) -> None:
        self._raw.execute(
            "UPDATE job SET observations = ?, expected_at = ?, expected_type = ?, sum = ? "
            "WHERE id = ?",
            (*job[2:], job.sum(), job.id),
        )

    def _source(self, name: str | None) -> int:
        known = self._sources.get(name)
        if known is None:
            row = self._raw.execute("SELECT id FROM source WHERE name IS ?", (name,)).fetchone()
            known = self._sources[name] = row[0] if row else self._add("source", name)
        return known

    def _state(self, job: Job, state: State) -> int:
        sql = "SELECT id FROM state WHERE digest = ? AND sha = ?"
        known = self._raw.execute(sql, (state.digest, state.sha)).fetchone()
        if known is not None:
            return int(known[0])
        pieces = cut(state.wire)
        body = pack_pieces(pieces, self._values(pieces[1::2]))
        return self._add("state", job.id, *state[1:-1], body, state.sum())

    def _values(self, values: list[bytes]) -> list[int]:
        """The ids of large values; those that are not there are added."""
        shas = [*map(sha256, values)]
        ids: dict[bytes, int] = dict(value_rows(self._raw, "sha, id", shas))
        for sha, value in zip(shas, values, strict=True):
            if sha not in ids:
                ids[sha] = self._add("value", sha, pack(value))
        return [ids[sha] for sha in shas]

    def _put_last(
        self, job: Job, state: int, seen: Observation, snapshot: JobSnapshot | None
    ) -> None:
        said = seen.state
        last = LastSeen(said.circuit_type, state, said.digest, said.sha, seen.at, in_order=1)
        old = self._reader.last_in(job, last.circuit_type)
        if old is not None and last.at <= old.at:
            last = old._replace(in_order=0)
        elif old is not None and not self._is_in_order(job, old, last, snapshot):
            last = last._replace(in_order=0)
        self._raw.execute(
            "INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?, ?, ?)",
            (job.id, last.circuit_type, last.state, last.at, last.in_order, last.sum(job.key)),
        )

    def _is_in_order(
        self, job: Job, old: LastSeen, last: LastSeen, snapshot: JobSnapshot | None
    ) -> bool:
        """Whether a job never went back, with an observation behind the one that was the last."""
        if not old.in_order or last.state == old.state:
            return bool(old.in_order)
        before = self._recorded.find(old.digest, old.sha)
        if before is None:
            before = self._reader.at(job, old.at, old.state)
        if snapshot is None:
            snapshot = self._reader.at(job, last.at, last.state)
        before = observed(before, moment_of(old.at, 0), before.source)
        after = observed(snapshot, moment_of(last.at, 0), snapshot.source)
        return newest(before, after) is after
