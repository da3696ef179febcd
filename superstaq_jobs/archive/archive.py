"""``SnapshotArchive``: what servers said of jobs, and when, in one file."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from superstaq_jobs.errors import ArchiveError, InvalidValue, NotInArchive
from superstaq_jobs.records import CircuitType, JobId, JobQuery, JobSnapshot, display, fields

from .arguments import (
    checked_expectation,
    checked_microseconds,
    checked_opening,
    checked_path,
    circuit_type_name,
    digest_bytes,
    keys_of,
    with_moments,
)
from .file import ArchiveFile, Mode
from .jsonl import export_jsonl, import_jsonl
from .querying import ArchivedJob, check_query, find_jobs, find_unfinished
from .reading import Reader
from .recording import Recorded, Recording
from .states import Job, Observation, job_key, observation_of, state_of
from .values import ValueCache
from .verify import ArchiveReport, verify
from .view import view

__all__ = ["ArchivedJob", "SnapshotArchive"]


class SnapshotArchive:
    """Snapshots of jobs in one file, which only grows: each state once, each observation of it.

    An observation records that a source reported a state at one moment, ``fetched_at``. Recording
    the same one twice does nothing, so every call that writes may be repeated. Each is one
    transaction: it is on disk when the call returns, or nothing of it is.

    Thread-safe, and any number of processes may use one file, but not over a network file system:
    there, use one archive for each process, and ``merge`` them. It pickles as its path and mode.

    Args:
        path: The file. It is an SQLite database that only the user may read.
        mode: "a" to record; a file that does not exist is made. "r" to read only: nothing is ever
            written, so this works on read-only media.
        busy_timeout_seconds: How long a call waits while another process writes, in seconds.

    Raises:
        ArchiveUnusable: If the file is not an archive, or not a whole one, or does not exist in
            mode "r". ``ArchiveVersionError`` if a newer version of this library made it. The file
            was not changed.
        ArchiveWriteFailed: If it cannot be made.
        ArchiveBusy: If another process wrote for longer than that.
        InvalidValue: If an argument cannot be used.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, mode: Mode = "a", busy_timeout_seconds: float = 60.0
    ) -> None:
        whole = checked_opening(path, mode, busy_timeout_seconds)
        self._file = ArchiveFile(whole, mode, busy_timeout_seconds)
        self._cache = ValueCache()
        self._recorded = Recorded()

    @property
    def path(self) -> Path:
        """The file, as an absolute path."""
        return self._file.path

    @property
    def mode(self) -> Mode:
        """Whether it may be written to: "a" or "r"."""
        return self._file.mode

    # ---- writing -------------------------------------------------------------------------------

    def record(self, snapshot: JobSnapshot, *, observed_at: dt.datetime | None = None) -> bool:
        """Record one snapshot.

        Arguments and errors are those of ``record_all``.

        Returns:
            Whether the observation was new.
        """
        return self.record_all([snapshot], observed_at=observed_at) > 0

    def record_all(
        self, snapshots: Iterable[JobSnapshot], *, observed_at: dt.datetime | None = None
    ) -> int:
        """Record snapshots, all or none, in one transaction.

        Without anything that this archive object has not recorded before, the file is not touched.

        Args:
            snapshots: Snapshots of any jobs, of both versions of the API; several may be of one.
            observed_at: When those were observed that have no ``fetched_at``; with a time zone.

        Returns:
            How many of the observations were new.

        Raises:
            InvalidValue: If something is not a snapshot, or neither it nor ``observed_at`` says
                when it was observed, or no server can have said it. Nothing was written.
            ArchiveWriteFailed: If it cannot be written. ``ArchiveReadOnly`` in mode "r".
            ArchiveBusy: If another process wrote for too long.
            ArchiveDamaged: If what is needed for it is damaged.
        """
        if isinstance(snapshots, JobSnapshot):
            snapshots = [snapshots]
        timed = with_moments(snapshots, observed_at)
        news = [each for each in timed if not self._recorded.has(*each)]
        if not news and self.mode == "a":
            return 0
        states = [state_of(snapshot) for snapshot, _ in news]
        count = 0
        with self._recording() as recording:
            for (snapshot, moment), state in zip(news, states, strict=True):
                count += recording.put(observation_of(state, moment, snapshot.source), snapshot)
        for (snapshot, moment), state in zip(news, states, strict=True):
            self._recorded.add(snapshot, moment, state)
        return count

    def expect(self, job_id: JobId, *, circuit_type: CircuitType, at: dt.datetime) -> None:
        """Note that a job was submitted, so that ``unfinished`` names it until it is observed.

        Args:
            job_id: The job's id, as its receipt has it: a UUID, or a string in API v0.2.0.
            circuit_type: The format of its circuits.
            at: When; with a time zone.

        Raises:
            InvalidValue: If an argument cannot be used. Nothing was written.
            ArchiveError: As ``record_all``.
        """
        key, kind, moment = checked_expectation(job_id, circuit_type, at)
        with self._recording() as recording:
            recording.expect(key, circuit_type=kind, at=moment)

    def merge(self, other: SnapshotArchive | str | os.PathLike[str]) -> int:
        """Record all that is in another archive, in one transaction.

        The order in which archives are merged does not matter to what can be read then.

        Args:
            other: The archive, or the path of its file. It is not changed.

        Returns:
            How many observations were new.

        Raises:
            ArchiveError: As ``record_all``, of either of the two.
        """
        if not isinstance(other, SnapshotArchive):
            with SnapshotArchive(checked_path("other", other), mode="r") as opened:
                return self.merge(opened)
        with self._recording() as recording, closing(other._contents()) as contents:  # noqa: SLF001
            return recording.merge(contents)

    def _contents(self) -> Generator[Observation | Job, None, None]:
        # In a block of its own: what fails while the other archive is written is not this one's.
        with self._reading() as reader:
            yield from reader.all_observations()
            yield from reader.jobs("expected_at IS NOT NULL")

    def import_jsonl(self, path: str | os.PathLike[str]) -> int:
        """Record what ``export_jsonl`` wrote, in one transaction.

        Args:
            path: The file; compressed if its name ends in ``.gz``.

        Returns:
            How many observations were new.

        Raises:
            ArchiveUnusable: If it is not such a file. ``ArchiveVersionError`` if it is a newer one.
            ArchiveDamaged: If a line is not as it was written, or does not fit its digest.
            ArchiveError: As ``record_all``.
        """
        source = checked_path("path", path)
        with self._recording() as recording:
            return import_jsonl(recording, source)

    def forget(self, job_ids: Iterable[JobId]) -> int:
        """Remove all about some jobs; what they share with others stays.

        It is overwritten in the file with zeros. ``compact`` makes the file shorter.

        Args:
            job_ids: The ids of the jobs, as records have them.

        Returns:
            How many of them there were.

        Raises:
            InvalidValue: If something is not a job's id. Nothing was removed.
            ArchiveError: As ``record_all``.
        """
        ids = fields.job_ids(job_ids)
        fields.refuse("a list of jobs", {"job_ids": ids}, InvalidValue)
        with self._recording() as recording:
            count = recording.forget(map(job_key, dict.fromkeys(ids)))
        self._recorded.clear()
        return count

    def compact(self) -> None:
        """Make the file shorter by what was removed from it. Errors are those of ``record_all``."""
        self._file.compact()

    # ---- reading -------------------------------------------------------------------------------

    def latest(
        self, job_id: UUID | str, *, circuit_type: CircuitType | str | None = None
    ) -> JobSnapshot:
        """The newest state of a job: ``newest(*history(job_id))``.

        Args:
            job_id: The job's id. A string is the id of API v0.2.0, if the archive has such a job;
                else it is that of v0.3.0.
            circuit_type: The format of its circuits. None for the only one that the archive has.

        Raises:
            NotInArchive: If the archive does not have the job, in that format.
            ArchiveError: If it was observed in several formats, and ``circuit_type`` is None.
            ArchiveDamaged: If it is not as it was written.

        Warns:
            SuperstaqWarning: If it has a status that this version does not know, and for what else
                was odd about it when it was fetched.
        """
        with self._reading() as reader:
            job, last = reader.find(job_id, keys_of(job_id), circuit_type_name(circuit_type))
            return _warned(reader, reader.newest(job, last))

    def as_of(
        self,
        job_id: UUID | str,
        when: dt.datetime,
        *,
        circuit_type: CircuitType | str | None = None,
    ) -> JobSnapshot:
        """The newest state of a job, of what had been observed at a moment, itself included.

        Arguments and errors are those of ``latest``, and:

        Args:
            job_id: The job's id.
            when: The moment; with a time zone.
            circuit_type: The format of its circuits.

        Raises:
            NotInArchive: If it had not been observed by then, too.
            InvalidValue: If ``when`` is not a time with a zone.
        """
        until = checked_microseconds("when", when)
        with self._reading() as reader:
            job, last = reader.find(job_id, keys_of(job_id), circuit_type_name(circuit_type))
            snapshot = reader.newest(job, last, until)
            if snapshot is None:
                first = f"{self.path} has nothing of job {job.key.name} that was observed by {when}"
                raise NotInArchive(
                    f"{first}. Give a later moment, or call history().",
                    path=str(self.path),
                    job_id=job.key.job_id,
                )
            return _warned(reader, snapshot)

    def history(
        self, job_id: UUID | str, *, circuit_type: CircuitType | str | None = None
    ) -> tuple[JobSnapshot, ...]:
        """Every observation of a job, in order of its time; equal circuits are one object.

        Arguments and errors are those of ``latest``.
        """
        with self._reading() as reader:
            job, last = reader.find(job_id, keys_of(job_id), circuit_type_name(circuit_type))
            found = tuple(reader.history(job, last.circuit_type))
            reader.warn()
        return found

    def by_digest(self, digest: str) -> JobSnapshot:
        """The snapshot with a digest, as it was first observed.

        Args:
            digest: ``JobSnapshot.digest``: 64 hexadecimal digits.

        Raises:
            NotInArchive: If there is none.
            ArchiveDamaged: If it is not as it was written.
        """
        with self._reading() as reader:
            found = reader.first_with(digest_bytes(digest))
            if found is None:
                raise NotInArchive(
                    f"{self.path} has no snapshot with the digest {fields.shown(digest, 80)}. "
                    "digests() has those that it has.",
                    path=str(self.path),
                )
            return _warned(reader, found)

    def query(
        self,
        query: JobQuery | None = None,
        *,
        as_of: dt.datetime | None = None,
        circuit_type: CircuitType | str | None = None,
    ) -> Iterator[JobSnapshot]:
        """The newest state of each job that matches some conditions.

        Args:
            query: The conditions, which mean what they mean to the server; a condition on what a
                snapshot does not say matches nothing. None for every job.
            as_of: Only what had been observed at this moment counts; None for everything.
            circuit_type: Only jobs in this format, in it; None for each job in its only one.

        Yields:
            Snapshots, in order of submission and id; first those without a time of submission.

        Raises:
            InvalidRequest: If ``query`` is not a ``JobQuery``, or has a condition on the priority,
                which no snapshot says.
            InvalidValue: If ``as_of`` is not a time with a zone.
            ArchiveError: If a job that matches was observed in several formats, and
                ``circuit_type`` is None.
            ArchiveDamaged: If something is not as it was written.
        """
        conditions = JobQuery() if query is None else query
        check_query(conditions)
        until = None if as_of is None else checked_microseconds("as_of", as_of)
        kind = circuit_type_name(circuit_type)
        return find_jobs(self._reading, conditions, until=until, circuit_type=kind)

    def job_ids(self) -> tuple[JobId, ...]:
        """The ids of all jobs that were observed, in order of their strings."""
        with self._reading() as reader:
            return tuple(job.key.job_id for job in reader.observed_jobs())

    def circuit_types(self) -> frozenset[CircuitType]:
        """The formats of circuits in which jobs were observed, as far as servers said them."""
        with self._reading() as reader:
            return frozenset(CircuitType(each) for each in reader.circuit_types() if each)

    def unfinished(self) -> tuple[ArchivedJob, ...]:
        """The jobs whose newest state is not terminal, and those submitted and never observed."""
        with self._reading() as reader:
            found = [find_unfinished(reader, job) for job in reader.unfinished_jobs()]
            reader.warn()
        return tuple(each for each in found if each is not None)

    def digests(self) -> frozenset[str]:
        """The digests of all snapshots in the archive."""
        with self._reading() as reader:
            return frozenset(each.hex() for each in reader.digests())

    def verify(self, *, deep: bool = False) -> ArchiveReport:
        """Check that everything in the file is as it was written.

        Args:
            deep: Check also that every state can be read, and that all indexes agree with them.

        Returns:
            What was found; true if nothing is wrong.

        Raises:
            ArchiveUnusable: If the file cannot be opened at all.
        """
        with self._reading() as reader:
            return verify(reader, deep=deep)

    def export_jsonl(self, path: str | os.PathLike[str]) -> int:
        """Write the archive as JSON Lines: the form to publish with a paper.

        The same content gives the same bytes, from whatever archives it was merged.

        Args:
            path: The file, which takes the place of one that exists; compressed if its name ends in
                ``.gz``.

        Returns:
            How many observations were written.

        Raises:
            ArchiveWriteFailed: If it cannot be written.
            ArchiveDamaged: If something in the archive is not as it was written.
        """
        target = checked_path("path", path)
        with self._reading() as reader:
            return export_jsonl(reader, target)

    def copy_to(self, path: str | os.PathLike[str]) -> None:
        """Copy the archive, as it is at one moment, while others may write to it.

        Args:
            path: The new file, which must not exist.

        Raises:
            ArchiveWriteFailed: If there is such a file, or it cannot be written.
            ArchiveBusy: If another process wrote for too long.
        """
        self._file.copy_to(Path(os.path.abspath(checked_path("path", path))))  # noqa: PTH100 - as in the constructor

    def __contains__(self, snapshot: object) -> bool:
        if not isinstance(snapshot, JobSnapshot):
            return False
        digest = bytes.fromhex(snapshot.digest)
        with self._reading() as reader:
            return reader.has(digest)

    def __len__(self) -> int:
        return len(self.job_ids())

    def __bool__(self) -> bool:
        return True  # an archive without jobs is an archive

    # ---- the file ------------------------------------------------------------------------------

    def close(self) -> None:
        """Close this process's connections to the file. The next call opens it again."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SnapshotArchive({str(self.path)!r}, mode={self.mode!r})"

    def _repr_html_(self) -> str:
        try:
            with self._reading() as reader:
                return view(reader, self.mode)
        except ArchiveError as error:
            return display.card("SnapshotArchive", str(self.path), note=str(error))

    def __getstate__(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "mode": self.mode,
            "busy_timeout_seconds": self._file.busy_timeout_seconds,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @contextmanager
    def _reading(self) -> Iterator[Reader]:
        with self._file.reading() as raw:
            yield Reader(raw, self._cache, self.path)

    @contextmanager
    def _recording(self) -> Iterator[Recording]:
        with self._file.writing() as raw:
            yield Recording(raw, Reader(raw, self._cache, self.path), self._recorded)


def _warned(reader: Reader, snapshot: JobSnapshot | None) -> JobSnapshot:
    if snapshot is None:
        reader.damaged("an index")
    reader.warn()
    return snapshot
