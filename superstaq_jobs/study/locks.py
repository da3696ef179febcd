"""Locks of the data of a study: which snapshots it uses, and whether they are still the same."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Self

import attrs

from superstaq_jobs.archive import SnapshotArchive
from superstaq_jobs.archive.arguments import checked_path
from superstaq_jobs.errors import InvalidValue, LockMismatch, NotInArchive, Problem
from superstaq_jobs.records import (
    CircuitType,
    Counts,
    JobDiff,
    JobId,
    JobSnapshot,
    diff,
    fields,
    newest,
)
from superstaq_jobs.records.advice import explains_changes
from superstaq_jobs.records.problems import MAX_PROBLEMS, check_type

from .lock_lines import HEADER, counts_for_a_lock, entry_line, is_newer_header, read_line

__all__ = ["LockDifference", "LockEntry", "StudyLock", "lock", "locked"]

_MAX_BITS: Final = 4


@explains_changes
@attrs.frozen
class LockEntry:
    """One snapshot that a study uses.

    Attributes:
        job_id: Its job.
        circuit_type: The format of its circuits; None if the server did not say it.
        status: The status of the job in it.
        fetched_at: When it was fetched; None if that is unknown.
        digest: Its ``digest``.
        counts: The counts of each circuit, so that a difference can name bitstrings; None if there
            are none, or more than 10,000 characters of them.
    """

    job_id: JobId
    circuit_type: CircuitType | None
    status: str
    fetched_at: dt.datetime | None
    digest: str
    counts: tuple[Counts | None, ...] | None = None

    @classmethod
    def of(cls, snapshot: JobSnapshot) -> Self:
        """The entry of a snapshot."""
        check_type(JobSnapshot, snapshot=snapshot)
        return cls(
            job_id=snapshot.job_id,
            circuit_type=snapshot.circuit_type,
            status=str(snapshot.status),
            fetched_at=snapshot.fetched_at,
            digest=snapshot.digest,
            counts=counts_for_a_lock(snapshot),
        )

    def __str__(self) -> str:
        return entry_line(**attrs.asdict(self, recurse=False))


@explains_changes
@attrs.frozen
class LockDifference:
    """An entry of a lock whose snapshot is not there.

    Attributes:
        entry: The entry.
        found: The newest state of the job that is there; None if there is none.
        diff: The changes from the locked snapshot to that one; None if the locked one is unknown,
            because more than its counts changed and no archive has it.
    """

    entry: LockEntry
    found: JobSnapshot | None
    diff: JobDiff | None

    def __str__(self) -> str:
        entry = self.entry
        what = f"job {entry.job_id} ({entry.status}, digest {entry.digest[:12]}…)"
        if self.found is None:
            return f"{what}: no snapshot of it was found"
        other = f"{self.found.status}, digest {self.found.digest[:12]}…"
        changes = "" if self.diff is None else f": {self.diff!r}"
        bits = "".join(f"\n    {each}" for each in self._changed_counts(self.found))
        return f"{what}: there is another state of it ({other}){changes}{bits}"

    def _changed_counts(self, found: JobSnapshot) -> Iterator[str]:
        """The circuits whose counts changed, and their bitstrings; at most ``MAX_PROBLEMS``."""
        now = [each.counts for each in found.circuits]
        known = self.entry.counts or ()
        pairs = [*enumerate(zip(known, now, strict=False))]
        if self.diff is not None:
            pairs = [
                (each.index, (each.before.counts, each.after.counts))
                for each in self.diff.circuits
                if each.before is not None and each.after is not None
            ]
        changed = [(index, old, new) for index, (old, new) in pairs if old != new]
        for index, old, new in changed[:MAX_PROBLEMS]:
            yield f"circuit {index}: {_bits(old or {}, new or {})}"
        if len(changed) > MAX_PROBLEMS:
            yield f"and {len(changed) - MAX_PROBLEMS} more circuits"


def _entries(value: Iterable[LockEntry]) -> tuple[LockEntry, ...]:
    return fields.many(value, LockEntry)


@explains_changes
@attrs.frozen
class StudyLock:
    """The snapshots that a study uses, by their digests, in order.

    Attributes:
        entries: An entry for each of them.

    Raises:
        InvalidValue: If something is not an entry.
    """

    entries: tuple[LockEntry, ...] = attrs.field(converter=_entries)

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self)

    @property
    def root(self) -> str:
        """SHA-256 of the digests in order, a line each: what a paper can quote."""
        lines = "".join(f"{entry.digest}\n" for entry in self.entries)
        return hashlib.sha256(lines.encode()).hexdigest()

    @classmethod
    def of(cls, snapshots: Iterable[JobSnapshot]) -> Self:
        """The lock of some snapshots, in their order.

        Raises:
            InvalidValue: If something is not a snapshot, or a job's id cannot be in a lock.
        """
        listed = _snapshots(snapshots)
        wrong = [each for each in listed if re.search(r"\s|^#", str(each.job_id))]
        if wrong:
            what = f"cannot be in a lock: {fields.shown(wrong[0].job_id)} has white space or a #"
            raise InvalidValue("a StudyLock", [Problem("job_id", what)])
        return cls(tuple(map(LockEntry.of, listed)))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """The lock in a file. Blank lines and comments, which begin with #, are ignored.

        Raises:
            InvalidValue: If a line is not one of a lock; with its number.
            OSError: If the file cannot be read.
        """
        problems: list[Problem] = []
        entries: list[LockEntry] = []
        source = checked_path("path", path)
        written = source.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(written.splitlines(), 1):
            if is_newer_header(line):
                problems.append(Problem(f"line {number}", "is of a newer version of the format"))
            if line.strip() and not line.startswith("#"):
                try:
                    entries.append(LockEntry(**read_line(line)))
                except ValueError as error:
                    problems.append(Problem(f"line {number}", str(error)))
        if problems:
            raise InvalidValue(f"a StudyLock of {source}", problems)
        return cls(tuple(entries))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the lock into a file, a line for each snapshot, in place of what is there.

        Raises:
            OSError: If it cannot be written; the old file is as it was.
        """
        target = checked_path("path", path)
        lines = "".join(f"{line}\n" for line in (HEADER, *self.entries))
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        try:
            partial.write_bytes(lines.encode())
            partial.replace(target)
        except OSError as error:
            error.filename, error.filename2 = str(target), None
            raise
        finally:
            partial.unlink(missing_ok=True)

    def differences(
        self, snapshots: Iterable[JobSnapshot], *, archive: SnapshotArchive | None = None
    ) -> tuple[LockDifference, ...]:
        """The entries whose snapshots are not among some snapshots.

        Args:
            snapshots: What is to be used.
            archive: Where to look up the locked snapshots, for the changes since then.

        Returns:
            The differences, in the order of the entries; none if all are there.

        Raises:
            InvalidValue: If something is not a snapshot.
            ArchiveError: If the archive cannot be read.
        """
        listed = _snapshots(snapshots)
        digests = {each.digest for each in listed}
        return tuple(
            _difference(entry, _newest(entry, listed), archive)
            for entry in self.entries
            if entry.digest not in digests
        )

    def load(self, archive: SnapshotArchive) -> tuple[JobSnapshot, ...]:
        """The locked snapshots from an archive, in the order of the entries.

        Raises:
            LockMismatch: If the archive does not have all of them.
            InvalidValue: If ``archive`` is not an archive.
            ArchiveError: If it cannot be read.
        """
        fields.refuse(
            "a study", {"archive": fields.instance(archive, SnapshotArchive)}, InvalidValue
        )
        found: list[JobSnapshot] = []
        missing: list[LockDifference] = []
        for entry in self.entries:
            try:
                found.append(archive.by_digest(entry.digest))
            except NotInArchive:
                missing.append(_difference(entry, _latest(entry, archive), None))
        if missing:
            shown = "".join(f"\n  {each}" for each in missing[:MAX_PROBLEMS])
            rest = len(missing) - MAX_PROBLEMS
            more = f"\n  and {rest} more (see .differences)" if rest > 0 else ""
            raise LockMismatch(
                f"{archive.path} does not have {len(missing)} of the {len(self.entries)} snapshots "
                f"that were locked, so none was returned:{shown}{more}\nUse the archive that they "
                "were locked from, or lock() the other data if that is what you mean.",
                differences=missing,
            )
        return tuple(found)


def lock(path: str | os.PathLike[str], snapshots: Iterable[JobSnapshot]) -> StudyLock:
    """Lock the data of a study: write the digests of its snapshots into a file.

    A file that holds the same data already stays as it is.

    Args:
        path: The file, which belongs into version control.
        snapshots: The snapshots that the study uses, in order.

    Returns:
        The lock in the file.

    Raises:
        InvalidValue: If something is not a snapshot, or the file is there and not a lock.
        OSError: If it cannot be read or written.
    """
    made = StudyLock.of(snapshots)
    if checked_path("path", path).exists():
        known = StudyLock.read(path)
        if list(map(_data, known.entries)) == list(map(_data, made.entries)):
            return known
    made.write(path)
    return made


def locked(path: str | os.PathLike[str], archive: SnapshotArchive) -> tuple[JobSnapshot, ...]:
    """The snapshots that a study locked, from an archive: those, or an error.

    Args:
        path: The file that ``lock`` wrote.
        archive: The archive.

    Returns:
        The snapshots, in the order in which they were locked.

    Raises:
        LockMismatch: If the archive does not have all of them; it says which, and what it has.
        InvalidValue: If the file is not a lock.
        ArchiveError: If the archive cannot be read.
        OSError: If the file cannot be read.
    """
    return StudyLock.read(path).load(archive)


# ---- entries -------------------------------------------------------------------------------------


def _data(entry: LockEntry) -> tuple[JobId, CircuitType | None, str]:
    return entry.job_id, entry.circuit_type, entry.digest


def _bits(old: Mapping[str, float], new: Mapping[str, float]) -> str:
    """The bitstrings that were measured more or less often."""
    changed = sorted(bits for bits in {**old, **new} if old.get(bits) != new.get(bits))
    shown = [f"{bits!r} {old.get(bits, 0)} → {new.get(bits, 0)}" for bits in changed[:_MAX_BITS]]
    more = len(changed) - len(shown)
    return ", ".join([*shown, f"and {more:,} more bitstrings"] if more else shown)


def _difference(
    entry: LockEntry, found: JobSnapshot | None, archive: SnapshotArchive | None
) -> LockDifference:
    before = None if found is None else _snapshot_of(entry, found, archive)
    changes = None if found is None or before is None else diff(before, found)
    return LockDifference(entry, found, changes)


def _snapshot_of(
    entry: LockEntry, found: JobSnapshot, archive: SnapshotArchive | None
) -> JobSnapshot | None:
    """The snapshot that was locked: from an archive, or another one with the locked counts."""
    if archive is not None:
        with contextlib.suppress(NotInArchive):
            return archive.by_digest(entry.digest)
    if entry.counts is None or len(entry.counts) != found.num_circuits:
        return None
    pairs = zip(found.circuits, entry.counts, strict=True)
    circuits = [attrs.evolve(circuit, counts=counts) for circuit, counts in pairs]
    made = attrs.evolve(found, circuits=circuits)
    return made if made.digest == entry.digest else None


def _newest(entry: LockEntry, snapshots: Sequence[JobSnapshot]) -> JobSnapshot | None:
    of_job = [
        each
        for each in snapshots
        if (each.job_id, each.circuit_type) == (entry.job_id, entry.circuit_type)
    ]
    return newest(*of_job) if of_job else None


def _latest(entry: LockEntry, archive: SnapshotArchive) -> JobSnapshot | None:
    try:
        found = archive.latest(entry.job_id, circuit_type=entry.circuit_type)
    except NotInArchive:
        return None
    return found if found.job_id == entry.job_id else None


def _snapshots(value: Iterable[JobSnapshot]) -> tuple[JobSnapshot, ...]:
    listed = fields.many(value, JobSnapshot)
    fields.refuse("a StudyLock", {"snapshots": listed}, InvalidValue)
    return listed
