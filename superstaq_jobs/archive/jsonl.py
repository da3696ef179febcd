"""An archive as JSON Lines: the same content gives the same bytes, whatever file it comes from."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec
from msgspec import Raw

from superstaq_jobs.errors import (
    ArchiveDamaged,
    ArchiveError,
    ArchiveUnusable,
    ArchiveVersionError,
    ArchiveWriteFailed,
    JobsNotFound,
    ProtocolError,
)
from superstaq_jobs.records import CircuitType
from superstaq_jobs.wire.api import APIS

from .reading import Reader
from .recording import Recording
from .states import JobKey, State, decoded, microseconds, moment_of, observation_of, written_as

__all__ = ["export_jsonl", "import_jsonl"]

_VERSION: Final = 1


class _FirstLine(msgspec.Struct):
    superstaq_jobs_archive: int


class _Line(msgspec.Struct):
    """A line: an observation, or that a job is expected."""

    at: dt.datetime
    job_id: str
    api_version: str
    source: str | None = None
    digest: str | None = None
    same_as: int | None = None
    job: Raw = msgspec.field(default_factory=Raw)
    expected: str | None = None


_READ_FIRST: Final = msgspec.json.Decoder(_FirstLine).decode
_READ: Final = msgspec.json.Decoder(_Line).decode


def export_jsonl(reader: Reader, path: Path) -> int:
    """Write all observations, and the jobs that are expected; returns how many observations."""
    number = 1
    with _new_file(path) as file:
        file.write(_encode({"superstaq_jobs_archive": _VERSION}))
        first_lines: dict[bytes, int] = {}
        for number, seen in enumerate(reader.all_observations(), 2):
            state = seen.state
            first = first_lines.setdefault(state.digest + state.sha, number)
            line: dict[str, Any] = {
                "at": moment_of(seen.at, seen.offset_s),
                "source": seen.source,
                "digest": state.digest.hex(),
                "job_id": state.job.name,
                "api_version": state.job.api,
            }
            line |= {"job": Raw(state.wire)} if first == number else {"same_as": first}
            file.write(_encode(line))
        for job in reader.expected_jobs():
            expected = {
                "at": moment_of(job.expected_at or 0, 0),
                "job_id": job.key.name,
                "api_version": job.key.api,
                "expected": job.expected_type,
            }
            file.write(_encode(expected))
    return number - 1


def import_jsonl(recording: Recording, path: Path) -> int:
    """Record what was exported; returns how many observations were new."""
    count = 0
    states: dict[int, State] = {}
    with _readable(path) as file:
        _check_first(path, file.readline())
        for number, line in enumerate(file, 2):
            try:
                read = _READ(line)
                key = _key(read)
                if read.expected is not None:
                    kind, at = str(CircuitType(read.expected)), microseconds(read.at)
                    recording.expect(key, circuit_type=kind, at=at)
                    continue
                state = _state(key, read, states)
                seen = observation_of(state, read.at, read.source)
            except (ValueError, TypeError, KeyError, ProtocolError, JobsNotFound) as error:
                raise ArchiveDamaged(
                    f"line {number} of {path} is not as it was written, so nothing was imported: "
                    f"{error}. Export it again, or restore the file from a copy.",
                    path=str(path),
                ) from None
            count += recording.put(seen)
            if read.same_as is None:
                states[number] = state._replace(wire=b"")
    return count


def _key(read: _Line) -> JobKey:
    if read.api_version not in APIS or not read.job_id:
        raise ValueError(f"API {read.api_version} is unknown")
    key = JobKey(read.job_id, read.api_version)
    if str(key.job_id) != key.name or read.at.tzinfo is None:
        raise ValueError("the job's id or the time is not as it is written there")
    return key


def _state(key: JobKey, read: _Line, states: dict[int, State]) -> State:
    if read.same_as is not None:
        state = states[read.same_as]
    else:
        wire = bytes(read.job)
        snapshot, _ = decoded(key, wire, None, None)
        state = written_as(snapshot, wire, snapshot.to_dict())
    if state.digest.hex() != read.digest or state.job != key:
        raise ValueError("its digest does not agree")
    return state


def _encode(line: dict[str, Any]) -> bytes:
    return msgspec.json.encode(line) + b"\n"


# ---- the file ------------------------------------------------------------------------------------


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place when all of it is written."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("xb") as plain:
            if path.suffix == ".gz":
                # Without a name and a time, so that the same content gives the same bytes.
                with gzip.GzipFile("", "wb", fileobj=plain, mtime=0) as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield plain
        partial.replace(path)
    except OSError as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveWriteFailed(
            f"{path} could not be written: {error.strerror or error}. The archive is unchanged. "
            "Give a path to which you may write, with enough room.",
            path=str(path),
        ) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[IO[bytes]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield cast("IO[bytes]", file)
    except (OSError, EOFError, zlib.error) as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveUnusable(
            f"{path} cannot be read: {error}. Nothing was imported. Give the path of a file that "
            "export_jsonl wrote.",
            path=str(path),
        ) from None


def _check_first(path: Path, line: bytes) -> None:
    try:
        version = _READ_FIRST(line).superstaq_jobs_archive
    except msgspec.MsgspecError:
        raise ArchiveUnusable(
            f"{path} is not the export of an archive, so nothing was imported. Give the path of a "
            "file that export_jsonl wrote.",
            path=str(path),
        ) from None
    if version > _VERSION:
        raise ArchiveVersionError(path=str(path), version=version, supported=_VERSION)
