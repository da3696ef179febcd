"""Jobs as API v0.3.0 writes them: from bytes to records and back.

``JobData`` declares the shape once. msgspec reads a body into it and checks every type while it
parses; unknown fields are found by cutting the body into its parts by name. If anything fails, each
job is read by itself, and those for which it still fails by cattrs, into the same class, to name
every problem by its path. All ways fill the same records.

Nothing is coerced. ``docs/wire.md`` says what is accepted, compared with the official models.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import heapq
import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import GenericAlias
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import attrs
import msgspec
from msgspec import Raw

from superstaq_jobs.errors import InvalidRequest, InvalidValue, Problem, ProtocolError
from superstaq_jobs.records import (
    CircuitStatus,
    CircuitType,
    Counts,
    FrozenMapping,
    JobSnapshot,
    JobType,
    JsonMapping,
    fields,
)
from superstaq_jobs.records.budget import paced, spend, spend_on
from superstaq_jobs.records.frozen import adopt, freeze_object, to_plain
from superstaq_jobs.records.problems import MAX_PROBLEMS, line
from superstaq_jobs.records.shape import (
    JOB_FIELDS,
    MISSING_ENTRIES,
    PER_CIRCUIT_LISTS,
    REQUIRED_LISTS,
)
from superstaq_jobs.records.snapshots import make_circuit, make_job

from .strict import (
    Collector,
    CountsData,
    Integer,
    JsonObject,
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
    "Decoded",
    "cut_jobs",
    "encode_job",
    "encode_jobs",
    "join_jobs",
    "read_each_job",
    "read_jobs",
    "read_provenance",
    "unknown_fields",
    "unknown_statuses",
    "without_warnings",
]

T = TypeVar("T")

MAX_MESSAGE_CHARACTERS: Final = 1000
"""The most that is kept of a message from the server."""


@attrs.frozen
class Decoded(Generic[T]):
    """What was read from a body.

    Attributes:
        value: The records.
        warnings: The server's warnings, and what is odd about the body without being wrong.
    """

    value: T
    warnings: tuple[str, ...] = ()


@attrs.frozen
class JobData:
    """The ``JobData`` of the API, field for field, in the order of the official model."""

    job_type: JobType
    statuses: tuple[str, ...]
    status_messages: tuple[str | None, ...]
    user_email: str
    target: TargetName
    provider_id: tuple[str | None, ...]
    num_circuits: Integer
    compiled_circuits: tuple[str | None, ...]
    input_circuits: tuple[str, ...]
    circuit_type: CircuitType
    counts: tuple[CountsData | None, ...]
    results_dicts: tuple[str | None, ...]
    shots: tuple[Integer, ...]
    dry_run: bool
    submission_timestamp: dt.datetime
    last_updated_timestamp: tuple[dt.datetime | None, ...]
    initial_logical_to_physicals: tuple[QubitMap | None, ...]
    final_logical_to_physicals: tuple[QubitMap | None, ...]
    logical_qubits: tuple[str | None, ...]
    physical_qubits: tuple[str | None, ...]
    tags: tuple[str, ...] = ()
    metadata: JsonObject = attrs.field(default=JsonObject({}))


_IDENTIFYING: Final = frozenset({"job_type", "statuses", "num_circuits"})
"""Fields of ``JobData`` that an object of jobs by id does not have."""

_NAMES: Final = frozenset(attrs.fields_dict(JobData))
_PARTS: Final = msgspec.defstruct(
    "JobParts",
    [(field.name, Raw, Raw()) for field in attrs.fields(JobData)],
    forbid_unknown_fields=True,
)


def _parser(kind: Any) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(kind).decode


_JOB: Final = msgspec.defstruct(
    "JobData",
    [
        (f.name, f.type) if f.default is attrs.NOTHING else (f.name, f.type, f.default)
        for f in attrs.fields(attrs.resolve_types(JobData, include_extras=True))
    ],
)
"""A class with the same fields, of the kind that the parser fills in fastest."""
_READ: Callable[[bytes], dict[UUID, JobData]] = _parser(GenericAlias(dict, (UUID, _JOB)))
_READ_ONE: Callable[[bytes], JobData] = _parser(_JOB)
_CUT: Callable[[bytes], dict[str, Raw]] = _parser(dict[str, Raw])
_CUT_JOBS: Callable[[bytes], dict[str, dict[str, Raw]]] = _parser(dict[str, dict[str, Raw]])
_CUT_KNOWN: Callable[[bytes], dict[str, Any]] = _parser(GenericAlias(dict, (str, _PARTS)))
"""Cuts jobs without unknown fields, in less time and memory; raises for others."""

_STATUSES: Final = frozenset(CircuitStatus) - {CircuitStatus.UNKNOWN}
_NOTHING: Final = JsonMapping()
_NONE_SHORT: Final = FrozenMapping[str, int]()
_NOT_QUICK: Final = msgspec.MsgspecError, ValueError, RecursionError, ProtocolError, WrongError

_UNUSUAL_TIME: Final = re.compile(rb"\.\d{7}|\\")
"""A time that is finer than a microsecond, which the parser rounds; any digit may be an escape."""


def unknown_fields(data: dict[str, Any], known: type[attrs.AttrsInstance]) -> dict[str, Any]:
    """The fields of an object that a class does not have."""
    names = attrs.fields_dict(known)
    return {name: value for name, value in paced(data.items()) if name not in names}


def without_warnings(data: Any) -> tuple[Any, tuple[str, ...]]:
    """An object, from which the warnings that the server added to it are taken; and these."""
    if not isinstance(data, dict) or "warnings" not in data:
        return data, ()
    return data, _warnings_in(data.pop("warnings"))


def _warnings_in(sent: Any) -> tuple[str, ...]:
    listed = sent if isinstance(sent, list) else [sent]
    messages = [
        w["message"] if isinstance(w, dict) and isinstance(w.get("message"), str) else as_string(w)
        for w in listed[:MAX_PROBLEMS]
    ]
    rest = len(listed) - len(messages)
    more = [f"the server sent {rest} more warnings, which are left out"] if rest else []
    return tuple(line(message, MAX_MESSAGE_CHARACTERS - 1) for message in [*messages, *more])


def as_string(value: Any) -> str:
    """Any JSON value as a string."""
    try:
        return str(value)
    except RecursionError:  # nested as deeply as the parser allows
        return f"a {type(value).__name__} that is nested too deeply to show"


# ---- bytes to jobs -------------------------------------------------------------------------------


def read_jobs(
    body: bytes, fetched_at: dt.datetime | None = None, source: str | None = None
) -> Decoded[tuple[JobSnapshot, ...]]:
    """The jobs in a response of ``GET /client/job/{circuit_type}``, in the order of the body.

    Raises:
        ProtocolError: If it is not such an object; names the path of each problem.
        InvalidValue: If ``fetched_at`` or ``source`` cannot be used.
    """
    provenance = read_provenance(fetched_at, source)
    try:
        return _read_quickly(body, provenance)
    except _NOT_QUICK:
        pass  # read anew outside the handler, so that an error stands alone
    return read_each_job(body, *provenance)


_Provenance = tuple[dt.datetime | None, str | None]


def read_provenance(fetched_at: dt.datetime | None, source: str | None) -> _Provenance:
    """When and where a body was read, checked."""
    moment = fields.optional_moment(fetched_at)
    server = None if source is None else fields.string(source)
    if isinstance(moment, fields.Bad):
        raise InvalidValue("a JobSnapshot", [Problem("fetched_at", moment.what)])
    if isinstance(server, fields.Bad):
        raise InvalidValue("a JobSnapshot", [Problem("source", server.what)])
    return moment, server


def _read_quickly(body: bytes, provenance: _Provenance) -> Decoded[tuple[JobSnapshot, ...]]:
    """The jobs in a body without warnings; or some error, if each has to be read by itself."""
    extras = _extras(body)
    spend_on(body)
    read = _READ(body)
    # As many as there are, unless a job's id is there twice.
    jobs = [
        _snapshot(job_id, data, extra, provenance)
        for (job_id, data), extra in zip(read.items(), extras, strict=True)
    ]
    return Decoded(tuple(jobs), _oddities(read.values(), jobs))


def _extras(body: bytes) -> list[JsonMapping]:
    """The unknown fields of each job in a body, of whose times none is unusual."""
    spend_on(body)
    try:
        cut = _CUT_KNOWN(body).values()
    except msgspec.ValidationError:
        spend_on(body)
        return list(map(_unknown, paced(_CUT_JOBS(body).values())))
    for parts in paced(cut):
        _check_times(parts.submission_timestamp, parts.last_updated_timestamp)
    return [_NOTHING] * len(cut)


def _unknown(parts: Mapping[str, Raw]) -> JsonMapping:
    """The unknown fields of a job, from all of its fields as they are written."""
    _check_times(parts.get("submission_timestamp", b""), parts.get("last_updated_timestamp", b""))
    names = [*itertools.filterfalse(_NAMES.__contains__, parts)]
    data = {name: parse_json(bytes(parts[name])) for name in paced(names)}
    return freeze_object(data) if data else _NOTHING


def _check_times(submitted: bytes | Raw, updated: bytes | Raw) -> None:
    if _UNUSUAL_TIME.search(submitted) or _UNUSUAL_TIME.search(updated):
        wrong("has a time that is perhaps finer than a microsecond")


def read_each_job(
    body: bytes, fetched_at: dt.datetime | None = None, source: str | None = None
) -> Decoded[tuple[JobSnapshot, ...]]:
    """As ``read_jobs``, but job by job; those that the parser does not take are read by cattrs.

    It names their problems by their paths. No job is explained beyond 20 problems.
    """
    collector = Collector()
    parts = cut_jobs(body)
    if parts is None:
        got = fields.shown(parse_json(body))
        collector.say("$", f"expected an object of jobs by id, got {got}")
        parts = {}
    elif _IDENTIFYING.issubset(parts):
        collector.say("$", "is the data of one job, without its id: pass {job_id: data}")
        parts = {}
    warnings = _warnings_in(_parse_part(parts.pop("warnings"), body)) if "warnings" in parts else ()
    read = {key: _read_part(key, part) for key, part in parts.items()}
    sent = parse_json(body) if None in read.values() else {}
    jobs: dict[UUID, JobSnapshot] = {}
    checked: list[JobData] = []
    for key, quick in read.items():
        if quick is None and collector.is_full:
            collector.omitted += 1
            continue
        try:
            job_id, data, extra = quick or _explain_part(key, sent[key])
            # Of an id in two spellings the last one wins, as of equal keys.
            jobs[job_id] = _snapshot(job_id, data, extra, (fetched_at, source))
            checked.append(data)
        except (ProtocolError, WrongError) as error:
            collector.add(f"$.{key}", error)
        except ValueError as error:
            collector.say(f"$.{key}", str(error))
    if collector.problems:
        raise protocol_error("the response with the jobs", collector, found=jobs.values())
    return Decoded(tuple(jobs.values()), warnings + _oddities(checked, jobs.values()))


_Part = tuple[UUID, JobData, JsonMapping]
"""A job's id, its fields, and those that are unknown."""


def _read_part(key: str, part: bytes) -> _Part | None:
    """What a body says of a job; None if it has to be read thoroughly."""
    spend()
    spend_on(part)
    try:
        return msgspec.convert(key, UUID), _READ_ONE(part), _unknown(_CUT(part))
    except _NOT_QUICK:
        return None


def _parse_part(part: bytes, body: bytes) -> Any:
    """The plain data in a part of a body; an error is about the whole body."""
    with contextlib.suppress(ProtocolError):
        return parse_json(part)
    return parse_json(body)


def _explain_part(key: str, sent: Any) -> _Part:
    job_id = converter().structure(key, UUID)
    return job_id, structure(JobData, sent, what=""), freeze_object(unknown_fields(sent, JobData))


# ---- the fields of a job to a record -------------------------------------------------------------


def _snapshot(
    job_id: UUID, data: JobData, extra: JsonMapping, provenance: _Provenance
) -> JobSnapshot:
    size = data.num_circuits
    # In the order of PER_CIRCUIT_LISTS.
    columns: tuple[Sequence[Any], ...] = (
        data.statuses,
        data.status_messages,
        data.provider_id,
        data.input_circuits,
        data.compiled_circuits,
        [None if c is None else adopt(Counts, c) for c in data.counts],
        data.results_dicts,
        data.shots,
        [None if time is None else _aware(time) for time in data.last_updated_timestamp],
        [None if q is None else adopt(FrozenMapping, q) for q in data.initial_logical_to_physicals],
        [None if q is None else adopt(FrozenMapping, q) for q in data.final_logical_to_physicals],
        data.logical_qubits,
        data.physical_qubits,
    )
    short_lists = _NONE_SHORT
    if set(map(len, columns)) != {size}:
        columns, surplus, short_lists = _evened(columns, size)
        extra = JsonMapping({**extra, **surplus})
    return make_job(
        job_id,
        data.job_type,
        data.target,
        data.circuit_type,
        data.user_email,
        data.dry_run,
        _aware(data.submission_timestamp),
        data.tags,
        freeze_object(data.metadata) if data.metadata else _NOTHING,
        tuple(map(make_circuit, paced(range(size)), *columns)),
        extra,
        short_lists,
        *provenance,
    )


def _aware(time: dt.datetime) -> dt.datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)


def _evened(
    columns: Iterable[Sequence[Any]], size: int
) -> tuple[tuple[Sequence[Any], ...], dict[str, Any], FrozenMapping[str, int]]:
    """The lists of a job, each with one entry for each circuit.

    Returns:
        The lists; the entries that were too many; how long those were that had too few.
    """
    named = dict(zip(PER_CIRCUIT_LISTS, columns, strict=True))
    collector = Collector()
    if size < 0:
        collector.say(".num_circuits", f"must be >= 0, got {size}")
    if len(named["statuses"]) < size:
        got = len(named["statuses"])
        collector.say(".statuses", f"must have num_circuits entries, {size}, got {got}")
    collector.finish()
    surplus = {
        n: [to_plain(entry) for entry in c[size:]] for n, c in named.items() if len(c) > size
    }
    short = {n: len(c) for n, c in named.items() if len(c) < size}
    evened = tuple(
        (*column[:size], *[MISSING_ENTRIES.get(name)] * (size - len(column)))
        for name, column in named.items()
    )
    return evened, surplus, FrozenMapping(short)


def unknown_statuses(texts: Collection[str]) -> tuple[str, ...]:
    """The warning about statuses that this version does not know, if there are any."""
    if not texts:
        return ()
    names = ", ".join(map(fields.shown, heapq.nsmallest(MAX_PROBLEMS, texts)))
    message = (
        "the server uses a circuit status that this version of superstaq_jobs does not know: "
        f"{names}. It is kept in status_text, and the circuit counts as unfinished."
    )
    return (message,)


def _oddities(sent: Collection[JobData], jobs: Iterable[JobSnapshot]) -> tuple[str, ...]:
    """What is odd about some jobs without being wrong, a message each."""
    strange = [data.statuses for data in sent if not _STATUSES.issuperset(data.statuses)]
    messages = [*unknown_statuses(set().union(*strange) - _STATUSES)] if strange else []
    short = [
        job
        for job in jobs
        if job.short_lists is not _NONE_SHORT and not REQUIRED_LISTS.isdisjoint(job.short_lists)
    ]
    if short:
        names = " and ".join(sorted(REQUIRED_LISTS.intersection(short[0].short_lists)))
        others = f" and {len(short) - 1} more" if len(short) > 1 else ""
        messages.append(
            f"the server sent fewer {names} than circuits, in job {short[0].job_id}{others}. What "
            "is missing is empty, or None; the lengths are in short_lists."
        )
    zones = {
        time.tzinfo
        for data in sent
        for time in (data.submission_timestamp, *data.last_updated_timestamp)
        if time is not None
    }
    if None in zones:
        messages.append("the server sent time stamps without a time zone. They are read as UTC.")
    return tuple(messages)


# ---- jobs to bytes -------------------------------------------------------------------------------


def cut_jobs(body: bytes) -> dict[str, bytes] | None:
    """The part of a body about each job, by the name that it has there, without reading it.

    None if the body is not a JSON object.
    """
    spend_on(body)
    try:
        return {name: bytes(part) for name, part in paced(_CUT(body).items())}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def join_jobs(parts: Mapping[str, bytes | Raw]) -> bytes:
    """A body of such parts: ``cut_jobs(join_jobs(parts)) == parts``."""
    return msgspec.json.encode({name: Raw(part) for name, part in paced(parts.items())})


def encode_jobs(snapshots: Iterable[JobSnapshot]) -> bytes:
    """Jobs as a body: ``read_jobs(encode_jobs(s)).value == s``.

    Raises:
        InvalidRequest: If a snapshot lacks what the API requires, or has what it cannot write.
    """
    return msgspec.json.encode(_checked_jobs([(each, each.to_dict()) for each in snapshots]))


def encode_job(snapshot: JobSnapshot, data: dict[str, Any]) -> bytes:
    """The object of one job in such a body; ``data`` is the snapshot's ``to_dict()``.

    Raises:
        InvalidRequest: As ``encode_jobs``.
    """
    (job,) = _checked_jobs([(snapshot, data)]).values()
    return msgspec.json.encode(job)


def _checked_jobs(jobs: Sequence[tuple[JobSnapshot, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Jobs by their ids, with their unknown fields."""
    if problems := [problem for each in jobs for problem in _unwritable(*each)]:
        raise InvalidRequest("the body", problems)
    return {
        str(job.job_id): data
        | {n: to_plain(v) for n, v in job.extra.items() if n not in PER_CIRCUIT_LISTS}
        for job, data in jobs
    }


def _unwritable(snapshot: JobSnapshot, data: Mapping[str, Any]) -> Iterator[Problem]:
    """What a snapshot that a program made lacks for the API, or has beyond it."""
    pickle = "A pickle keeps the snapshot as it is"
    required = f"must not be None: API v0.3.0 requires it. {pickle}"
    beyond = f"must be empty: API v0.3.0 has no place for it. {pickle}"
    for circuit in snapshot.circuits:
        if circuit.extra:
            yield Problem(f"job {snapshot.job_id}: circuits[{circuit.index}].extra", beyond)
    for name, value in data.items():
        if value is None:
            yield Problem(f"job {snapshot.job_id}: {JOB_FIELDS[name]}", required)
        elif name in REQUIRED_LISTS and None in value:
            field = f"circuits[{value.index(None)}].{PER_CIRCUIT_LISTS[name]}"
            yield Problem(f"job {snapshot.job_id}: {field}", required)
