"""A line of a study's lock: an entry as a string, and back. Pure."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from superstaq_jobs.records import CircuitType, Counts, JobId, JobSnapshot, fields

__all__ = ["HEADER", "counts_for_a_lock", "entry_line", "is_newer_header", "read_line"]

HEADER: Final = "# superstaq_jobs study lock 1"
_NEWER: Final = re.compile(r"# superstaq_jobs study lock (?!1$)\S")
_NOTHING: Final = "-"
_OLD_API: Final = "v0.2.0"
_NUM_COLUMNS: Final = 5
_MAX_COUNTS: Final = 10_000  # characters; a lock belongs into version control
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def is_newer_header(line: str) -> bool:
    """Whether a line says that a file is of a newer version of the format."""
    return _NEWER.match(line) is not None


def entry_line(
    *,
    job_id: JobId,
    circuit_type: CircuitType | None,
    status: str,
    fetched_at: dt.datetime | None,
    digest: str,
    counts: tuple[Counts | None, ...] | None,
) -> str:
    """The fields of an entry as a line."""
    at = _NOTHING if fetched_at is None else fetched_at.isoformat()
    kind = _NOTHING if circuit_type is None else str(circuit_type)
    old = [] if isinstance(job_id, UUID) else [_OLD_API]
    counted = [] if counts is None else [_counts_text(counts)]
    return "  ".join([str(job_id), kind, status, at, digest, *old, *counted])


def read_line(line: str) -> dict[str, Any]:
    """The fields of an entry, from its line.

    Raises:
        ValueError: If it is not such a line.
    """
    columns = line.split()
    counts = _read_counts(columns.pop()) if columns[-1].startswith("[") else None
    is_old = columns[_NUM_COLUMNS:] == [_OLD_API]
    if len(columns) != _NUM_COLUMNS + is_old:
        raise ValueError(f"must have {_NUM_COLUMNS} columns, got {len(columns)}")
    name, kind, status, at, digest = columns[:_NUM_COLUMNS]
    moment = None if at == _NOTHING else dt.datetime.fromisoformat(at)
    checked: dict[str, Any] = {
        "job_id": name if is_old else fields.job_id(name),
        "circuit_type": None if kind == _NOTHING else fields.circuit_type(kind),
        "fetched_at": fields.optional_moment(moment),
    }
    for each in checked.values():
        if isinstance(each, fields.Bad):
            raise ValueError(each.what)  # noqa: TRY004 - it is the value that is wrong
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"must end with a digest of 64 hexadecimal digits, got {digest[:80]!r}")
    return {**checked, "status": status, "digest": digest, "counts": counts}


# ---- counts --------------------------------------------------------------------------------------


def counts_for_a_lock(snapshot: JobSnapshot) -> tuple[Counts | None, ...] | None:
    """The counts of each circuit; None if there are none, or too many for a line."""
    counts = tuple(each.counts for each in snapshot.circuits)
    if not any(counts) or sum(len(each) for each in counts if each) > _MAX_COUNTS:
        return None
    written = _counts_text(counts)
    try:
        is_short = len(written) <= _MAX_COUNTS and _read_counts(written) == counts
    except ValueError:  # bitstrings of a server that are none
        return None
    return counts if is_short else None


def _counts_text(counts: Iterable[Counts | None]) -> str:
    plain = [None if each is None else dict(each) for each in counts]
    return json.dumps(plain, separators=(",", ":"))


def _read_counts(written: str) -> tuple[Counts | None, ...]:
    try:
        return tuple(None if each is None else Counts(each) for each in json.loads(written))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"must have counts at its end: {error}") from None
