"""What a notebook shows of an archive: the file, and the jobs that were added last."""

from __future__ import annotations

from collections.abc import Iterator

from superstaq_jobs.records import display

from .reading import Reader
from .states import Job, moment_of

__all__ = ["view"]


def view(reader: Reader, mode: str) -> str:
    """A few facts and rows as HTML, however large the archive is."""
    rows = [row for job in reader.last_jobs(display.MAX_ROWS) for row in _rows(reader, job)]
    known = display.facts(
        [
            ("mode", mode),
            ("size", f"{reader.path.stat().st_size:,} bytes"),
            ("jobs", f"the last {display.MAX_ROWS}" if rows else "none"),
        ]
    )
    head = ["job", "format", "status", "last observed"]
    kept = rows[: display.MAX_ROWS]
    table = display.table(head, kept, len(kept)) if kept else display.Html()
    return display.card("SnapshotArchive", str(reader.path), None, known, table)


def _rows(reader: Reader, job: Job) -> Iterator[tuple[object, ...]]:
    name = display.code(job.key.name)
    for last in reader.last_seen(job):
        status = display.status_mark(reader.status(last.state))
        seen_at = display.moment(moment_of(last.at, 0))
        yield name, last.circuit_type or "not said", status, seen_at
    if not job.observations:
        yield name, job.expected_type, "", "never"
