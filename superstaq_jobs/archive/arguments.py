"""The arguments of an archive's methods, checked. Each raises ``InvalidValue``."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from superstaq_jobs.errors import InvalidValue, Problem
from superstaq_jobs.records import CircuitType, JobId, JobSnapshot, fields
from superstaq_jobs.records.ids import trimmed
from superstaq_jobs.records.problems import check_iterable

from .states import JobKey, job_key, microseconds

__all__ = [
    "checked_expectation",
    "checked_microseconds",
    "checked_opening",
    "checked_path",
    "circuit_type_name",
    "digest_bytes",
    "keys_of",
    "with_moments",
]


def checked_opening(path: str | os.PathLike[str], mode: str, busy_timeout_seconds: float) -> Path:
    """The absolute path of an archive that is to be opened like that."""
    whole = Path(os.path.abspath(checked_path("path", path)))  # noqa: PTH100 - not through links
    is_mode = isinstance(mode, str) and mode in {"a", "r"}
    checked = {
        "mode": fields.valid(mode, is_mode, "must be 'a' or 'r'"),
        "busy_timeout_seconds": fields.seconds(busy_timeout_seconds),
    }
    fields.refuse("a SnapshotArchive", checked, InvalidValue)
    return whole


def checked_expectation(
    job_id: JobId, circuit_type: CircuitType, at: dt.datetime
) -> tuple[JobKey, str, int]:
    """The key of a job, the name of the format in which it is expected, and the moment."""
    checked = {
        "job_id": fields.any_job_id(job_id),
        "circuit_type": fields.circuit_type(circuit_type),
        "at": fields.moment(at),
    }
    fields.refuse("an archive's record of a job", checked, InvalidValue)
    return job_key(job_id), str(CircuitType(circuit_type)), microseconds(at)


def keys_of(job_id: UUID | str) -> Iterator[JobKey]:
    """The jobs that a caller may mean by an id."""
    checked = fields.any_job_id(trimmed(job_id))
    fields.refuse("a job's id", {"job_id": checked}, InvalidValue)
    yield job_key(checked)
    if isinstance(checked, str):
        as_uuid = fields.job_id(checked)
        if isinstance(as_uuid, UUID):
            yield job_key(as_uuid)


def circuit_type_name(value: CircuitType | str | None) -> str | None:
    """The name of a format; None for none."""
    if value is None:
        return None
    checked = fields.circuit_type(value)
    fields.refuse("a format of circuits", {"circuit_type": checked}, InvalidValue)
    return str(checked)


def checked_microseconds(name: str, value: dt.datetime) -> int:
    """A time with a zone, in microseconds."""
    checked = fields.moment(value)
    fields.refuse("a moment", {name: checked}, InvalidValue)
    return microseconds(checked)


def digest_bytes(digest: str) -> bytes:
    """A digest as bytes; empty if it cannot be one."""
    try:
        return bytes.fromhex(digest)
    except (ValueError, TypeError):
        return b""


def checked_path(name: str, value: str | os.PathLike[str]) -> Path:
    """The path of a file."""
    try:
        if isinstance(value, str | os.PathLike) and os.fsencode(value):
            return Path(value)
    except ValueError:  # a lone surrogate
        pass
    what = f"must be the path of a file, got {fields.shown(value)}"
    raise InvalidValue("a path", [Problem(name, what)])


def with_moments(
    snapshots: Iterable[JobSnapshot], observed_at: dt.datetime | None
) -> list[tuple[JobSnapshot, dt.datetime]]:
    """Snapshots, each with the moment at which it was observed."""
    default = fields.optional_moment(observed_at)
    fields.refuse("a moment", {"observed_at": default}, InvalidValue)
    check_iterable("snapshots", snapshots=snapshots)
    listed = list(snapshots)
    checked = {
        f"snapshots[{place}]": fields.instance(each, JobSnapshot)
        for place, each in enumerate(listed)
    }
    fields.refuse("an archive's records", checked, InvalidValue)
    return [(each, _moment_of(each, default)) for each in listed]


def _moment_of(snapshot: JobSnapshot, default: dt.datetime | None) -> dt.datetime:
    moment = snapshot.fetched_at if snapshot.fetched_at is not None else default
    if moment is None:
        what = f"the snapshot of job {snapshot.job_id} has none: pass observed_at"
        raise InvalidValue("an archive's record", [Problem("fetched_at", what)])
    return moment
