"""Jobs as API v0.3.0 writes them, from bytes to records and back.

Lives here: ``decode_jobs`` and ``encode_jobs``, which are public, ``Answer``, and what the readers
of other bodies (``messages``) have in common with these. No I/O. May import everything below.

Nothing is coerced: ``"3"`` is no number, ``1`` no boolean, ``NaN`` no count. Fields and statuses
that this version does not know are kept. What is refused is named by its path, all at once, 20
problems at most.

Where this is more tolerant than the models of the official client: a status that nobody knows;
unknown fields, which they drop; and ``user_email``, which is any text here, since a record of what
the server said must not be lost because an address looks odd. Where it is stricter: numbers in
texts, booleans as numbers, time stamps as numbers or without a zone, infinite counts, and lists of
``statuses``, ``input_circuits`` or ``shots`` that are shorter than ``num_circuits``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import attrs
import msgspec

from superstaq_jobs.errors import InvalidValue, ProtocolError
from superstaq_jobs.records import (
    CircuitSnapshot,
    CircuitStatus,
    CircuitType,
    Counts,
    JobSnapshot,
    JobType,
    JsonMapping,
    fields,
)
from superstaq_jobs.records.frozen import freeze, thaw
from superstaq_jobs.records.problems import warn
from superstaq_jobs.records.snapshots import JOB_FIELDS, PER_CIRCUIT_LISTS, REQUIRED_LISTS, to_plain

from . import quick
from .strict import (
    Collector,
    Moment,
    QubitMap,
    TargetName,
    WrongError,
    converter,
    parse_json,
    protocol_error,
    structure,
    wrong,
)

__all__ = [
    "Answer",
    "cut_jobs",
    "decode_jobs",
    "encode_jobs",
    "read_jobs",
    "unknown_fields",
    "without_warnings",
]

T = TypeVar("T")

MAX_MESSAGE_CHARACTERS: Final = 1000
"""What is kept of a text that the server says to a person."""


@attrs.frozen
class Answer(Generic[T]):
    """What a body says.

    Attributes:
        value: The records in it.
        warnings: What the server warns of, and what is odd about the body without being wrong.
    """

    value: T
    warnings: tuple[str, ...] = ()


@attrs.frozen
class _WireJob:
    """``JobData``, field for field, in frozen values."""

    job_type: JobType
    statuses: tuple[str, ...]
    status_messages: tuple[str | None, ...]
    user_email: str
    target: TargetName
    provider_id: tuple[str | None, ...]
    num_circuits: int
    compiled_circuits: tuple[str | None, ...]
    input_circuits: tuple[str, ...]
    circuit_type: CircuitType
    counts: tuple[Counts | None, ...]
    results_dicts: tuple[str | None, ...]
    shots: tuple[int, ...]
    dry_run: bool
    submission_timestamp: Moment
    last_updated_timestamp: tuple[Moment | None, ...]
    initial_logical_to_physicals: tuple[QubitMap | None, ...]
    final_logical_to_physicals: tuple[QubitMap | None, ...]
    logical_qubits: tuple[str | None, ...]
    physical_qubits: tuple[str | None, ...]
    tags: tuple[str, ...] = ()
    metadata: JsonMapping = JsonMapping()  # noqa: RUF009 - it cannot change


def unknown_fields(data: dict[str, Any], known: type[attrs.AttrsInstance]) -> dict[str, Any]:
    """The fields of an object that a class does not have."""
    return {name: value for name, value in data.items() if name not in attrs.fields_dict(known)}


def without_warnings(data: Any) -> tuple[Any, tuple[str, ...]]:
    """An object's data apart from the warnings that the server put beside it."""
    if not isinstance(data, dict) or "warnings" not in data:
        return data, ()
    rest = {name: value for name, value in data.items() if name != "warnings"}
    return rest, _warnings_in(data["warnings"])


def _warnings_in(sent: Any) -> tuple[str, ...]:
    texts = [
        w["message"] if isinstance(w, dict) and isinstance(w.get("message"), str) else shown(w)
        for w in (sent if isinstance(sent, list) else [sent])
    ]
    return tuple(text[:MAX_MESSAGE_CHARACTERS] for text in texts)


def shown(value: Any) -> str:
    """A JSON value as a text, whatever it is."""
    try:
        return str(value)
    except RecursionError:  # as deep as the parser goes
        return f"a {type(value).__name__} that is nested too deeply to show"


# ---- jobs --------------------------------------------------------------------------------------


def decode_jobs(
    body: bytes, *, fetched_at: dt.datetime | None = None, source: str | None = None
) -> tuple[JobSnapshot, ...]:
    """The jobs in an answer of ``GET /client/job/{circuit_type}``. No I/O.

    Args:
        body: The answer: a JSON object from job ids to ``JobData``.
        fetched_at: When it came; aware.
        source: Where it came from.

    Returns:
        A snapshot of each job, in the order of the answer.

    Raises:
        ProtocolError: If it is not such an answer, with the path of each problem.
        TypeError: If it is no bytes.

    Warns:
        SuperstaqWarning: For what the server warns of, and for a status that nobody knows.
    """
    if not isinstance(body, bytes):
        raise TypeError(
            f"the body is a {type(body).__name__}: pass bytes, as read_bytes() gives them"
        )
    jobs, warnings = _read(body, fetched_at, source)
    for message in warnings:
        warn(message)
    return jobs


def read_jobs(
    body: bytes, *, fetched_at: dt.datetime | None = None, source: str | None = None
) -> Answer[tuple[JobSnapshot, ...]]:
    """As ``decode_jobs``, but it returns the warnings."""
    return Answer(*_read(body, fetched_at, source))


def _read(
    body: bytes, fetched_at: dt.datetime | None, source: str | None
) -> tuple[tuple[JobSnapshot, ...], tuple[str, ...]]:
    read = quick.read_jobs(body, fetched_at, source)
    if read is None:
        return _read_slowly(body, fetched_at, source)
    snapshots, sent, strange = read
    warnings = () if sent is msgspec.UNSET else _warnings_in(sent)
    return snapshots, warnings + _about_statuses(strange) if strange else warnings


def _read_slowly(
    body: bytes, fetched_at: dt.datetime | None, source: str | None
) -> tuple[tuple[JobSnapshot, ...], tuple[str, ...]]:
    """The same for any body, with every problem in it by its path."""
    data, warnings = without_warnings(parse_json(body))
    collector = Collector()
    jobs: list[JobSnapshot] = []
    seen: set[UUID] = set()
    if not isinstance(data, dict):
        collector.say("$", f"{fields.shown(data)} is no object of jobs by id")
        data = {}
    for key, job in data.items():
        try:
            job_id = converter().structure(key, UUID)
            if job_id in seen:
                wrong("is a job's id a second time, in another spelling")
            seen.add(job_id)
            wire = structure(_WireJob, job, what="")
            extra = freeze(unknown_fields(job, _WireJob))
            jobs.append(_snapshot(job_id, wire, extra, fetched_at, source))
        except ProtocolError as error:
            for problem in error.problems:
                collector.say(f"$.{key}{problem.where[1:]}", problem.what)
            collector.omitted += error.omitted
        except (WrongError, InvalidValue) as error:
            collector.add(f"$.{key}", error)
        except ValueError as error:
            collector.say(f"$.{key}", str(error))
    if collector.problems:
        raise protocol_error("the answer with the jobs", collector, found=jobs)
    strange = {
        circuit.status_text
        for job in jobs
        for circuit in job.circuits
        if circuit.status is CircuitStatus.UNKNOWN
    }
    return tuple(jobs), warnings + _about_statuses(strange)


def _about_statuses(texts: Collection[str]) -> tuple[str, ...]:
    if not texts:
        return ()
    names = ", ".join(map(fields.shown, sorted(texts)[:20]))
    text = (
        f"the server uses a circuit status that this version of superstaq_jobs does not know: "
        f"{names}. It is kept in status_text and taken for a status of a circuit that is not over."
    )
    return (text,)


def _snapshot(
    job_id: UUID,
    wire: _WireJob,
    extra: Any,
    fetched_at: dt.datetime | None,
    source: str | None,
) -> JobSnapshot:
    size = wire.num_circuits
    lists: dict[str, tuple[Any, ...]] = {name: getattr(wire, name) for name in PER_CIRCUIT_LISTS}
    collector = Collector()
    if size < 0:
        collector.say("$.num_circuits", f"{size} is negative")
    for name in REQUIRED_LISTS:
        if len(lists[name]) < size:
            collector.say(f"$.{name}", f"has {len(lists[name])} entries for {size} circuits")
    if collector.problems:
        raise protocol_error("", collector)
    surplus = {
        name: [to_plain(entry) for entry in entries[size:]]
        for name, entries in lists.items()
        if len(entries) > size
    }
    columns: dict[str, tuple[Any, ...]] = {
        field: (*lists[name][:size], *[None] * (size - len(lists[name])))
        for name, field in PER_CIRCUIT_LISTS.items()
    }
    circuits = [
        CircuitSnapshot(index=index, **{field: column[index] for field, column in columns.items()})
        for index in range(size)
    ]
    return JobSnapshot(
        job_id=job_id,
        **{
            field: getattr(wire, name)
            for name, field in JOB_FIELDS.items()
            if name != "num_circuits"
        },
        circuits=circuits,
        extra={**extra, **surplus},
        short_lists={name: len(e) for name, e in lists.items() if len(e) < size},
        fetched_at=fetched_at,
        source=source,
    )


def cut_jobs(body: bytes) -> dict[str, bytes] | None:
    """The parts of a body about jobs, by the names that they have in it, without reading them.

    None if it is not certain that together they are the body: if it is no JSON object, if a name
    comes twice or is spelt oddly, or if there is white space where servers write none.
    """
    try:
        parts = quick.cut(body)
    except (msgspec.MsgspecError, RecursionError):
        return None
    for comma, colon in ((b",", b":"), (b", ", b": ")):
        pieces = [b'"%s"%s%s' % (name.encode(), colon, part) for name, part in parts.items()]
        if body == b"{%s}" % comma.join(pieces):
            return parts
    return None


def encode_jobs(snapshots: Iterable[JobSnapshot]) -> bytes:
    """Jobs as the body that ``decode_jobs`` reads: ``decode_jobs(encode_jobs(s)) == s``. No I/O.

    When and from where a snapshot was fetched is no part of it.

    Args:
        snapshots: Snapshots of different jobs.

    Raises:
        ValueError: If two are of one job.
        TypeError: If it is one snapshot, not several.
    """
    if isinstance(snapshots, JobSnapshot):
        raise TypeError("snapshots is one JobSnapshot: pass a list, [snapshot]")
    jobs: dict[str, Any] = {}
    for snapshot in snapshots:
        key = str(snapshot.job_id)
        if key in jobs:
            raise ValueError(f"two snapshots of job {key} cannot be in one answer")
        unknown = {n: thaw(v) for n, v in snapshot.extra.items() if n not in PER_CIRCUIT_LISTS}
        jobs[key] = {**snapshot.to_dict(), **unknown}
    return msgspec.json.encode(jobs)
