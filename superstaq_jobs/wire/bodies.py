"""The bodies of API v0.3.0 that are not about jobs; v0.2.0 shares some. No I/O, no coercion."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

import attrs
import msgspec

from superstaq_jobs import records
from superstaq_jobs.errors import ProtocolError
from superstaq_jobs.records import JobId, JsonMapping, fields
from superstaq_jobs.records.frozen import to_plain
from superstaq_jobs.records.ids import server_ids, trimmed
from superstaq_jobs.records.problems import MAX_PROBLEMS, line

from .job_data import MAX_MESSAGE_CHARACTERS, Decoded, as_string, without_warnings
from .strict import Collector, Count, parse_json, protocol_error, structure

__all__ = [
    "encode_new_job",
    "query_pairs",
    "read_as",
    "read_balance",
    "read_cancelled",
    "read_error",
    "read_submitted",
    "read_target_info",
    "read_targets",
    "targets_of",
]

T = TypeVar("T")

_OF_TARGETS: Final = attrs.fields_dict(records.Target).keys() - {"extra"}

_MAX_OTHERS: Final = 100
"""How many entries more than ids of jobs a receipt keeps of what a server says it cancelled."""


@attrs.frozen
class _WireSubmitted:
    job_id: UUID
    num_circuits: Count


@attrs.frozen
class _WireCancelled:
    succeeded: Any
    message: Any = None


@attrs.frozen
class _WireTargetInfo:
    target_info: JsonMapping


# ---- requests ----------------------------------------------------------------------------------


def encode_new_job(job: records.NewJob) -> bytes:
    """The body of ``POST /client/job``."""
    data = {
        field.name: to_plain(getattr(job, field.name)) for field in attrs.fields(records.NewJob)
    }
    return msgspec.json.encode(data)


def query_pairs(query: records.JobQuery | records.TargetQuery) -> list[tuple[str, str]]:
    """The names and values of a query string, in the order of the fields."""
    given = {field.name: getattr(query, field.name) for field in attrs.fields(type(query))}
    return [
        (name, _query_string(each))
        for name, value in given.items()
        if value is not None
        for each in (value if isinstance(value, tuple) else [value])
    ]


def _query_string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)


# ---- responses ---------------------------------------------------------------------------------


def read_as(kind: type[T], body: bytes, *, what: str, **unsaid: object) -> Decoded[T]:
    """A body as an instance of a class, and the server's warnings in it.

    ``unsaid`` are fields for which there is nothing in the body.
    """
    data, warnings = without_warnings(parse_json(body))
    data = {**unsaid, **data} if isinstance(data, dict) else data
    return Decoded(structure(kind, data, what=what), warnings)


def read_submitted(body: bytes, *_: object) -> Decoded[records.SubmitReceipt]:
    """The response of ``POST /client/job``."""
    read = read_as(_WireSubmitted, body, what="the response to the submission")
    receipt = records.SubmitReceipt(job_id=read.value.job_id, num_circuits=read.value.num_circuits)
    return Decoded(receipt, read.warnings)


def read_cancelled(
    body: bytes, *_: object, asked: Sequence[JobId]
) -> Decoded[records.CancelReceipt]:
    """The response to a request to cancel the jobs with these ids.

    The official model calls ``succeeded`` a list of circuits. If the server says something there,
    but names none of the jobs, it is unknown which were refused, and none is said to be.
    """
    read = read_as(_WireCancelled, body, what="the response to the cancellation")
    succeeded, message = read.value.succeeded, read.value.message
    listed = succeeded if isinstance(succeeded, list) else [succeeded] if succeeded else []
    said = list(map(as_string, listed))
    done = set(map(trimmed, said))
    done |= set(map(str, map(fields.job_id, done)))  # a UUID may be written in several ways
    cancelled = [job_id for job_id in asked if done.issuperset(map(str, server_ids(job_id)))]
    others = set(asked).difference(cancelled) if cancelled or not said else ()
    receipt = records.CancelReceipt(
        cancelled=cancelled,
        refused=[each for each in asked if each in others],
        message=_cut(" ".join(read.warnings) if message is None else as_string(message)),
        succeeded=[_cut(each) for each in said[: len(server_ids(*asked)) + _MAX_OTHERS]],
    )
    return Decoded(receipt, read.warnings)


def _cut(text: str) -> str:
    is_long = len(text) > MAX_MESSAGE_CHARACTERS
    return f"{text[:MAX_MESSAGE_CHARACTERS]}…" if is_long else text


def read_targets(body: bytes, *_: object) -> Decoded[tuple[records.Target, ...]]:
    """The response of ``GET /client/targets``."""
    return Decoded(targets_of(parse_json(body)))


def targets_of(data: Any) -> tuple[records.Target, ...]:
    """The targets in a list of objects, of which each is checked."""
    collector = Collector()
    targets: list[records.Target] = []
    if not isinstance(data, list):
        collector.say("$", f"expected a list of targets, got {fields.shown(data)}")
        data = []
    for place, sent in enumerate(collector.parts(data)):
        try:
            entry = sent
            if isinstance(sent, dict):
                entry = {**sent, "extra": {n: sent[n] for n in sent if n not in _OF_TARGETS}}
            targets.append(structure(records.Target, entry, what=""))
        except ProtocolError as error:
            collector.add(f"$[{place}]", error)
    if collector.problems:
        raise protocol_error("the list of targets", collector)
    return tuple(targets)


def read_target_info(body: bytes, *_: object, target: str) -> Decoded[records.TargetInfo]:
    """The response of ``POST /client/retrieve_target_info`` for this target."""
    read = read_as(_WireTargetInfo, body, what="the description of the target")
    return Decoded(
        records.TargetInfo(target_name=target, info=read.value.target_info), read.warnings
    )


def read_balance(body: bytes, *_: object, **unsaid: object) -> Decoded[records.AccountBalance]:
    """The response to a request for the balance; ``unsaid`` as in ``read_as``."""
    return read_as(records.AccountBalance, body, what="the balance", **unsaid)


def read_error(body: bytes) -> str:
    """The message in the body of an error; never raises.

    The body may be a JSON string, an object with ``message`` or ``detail`` (a string, or a list of
    FastAPI's validation errors), or anything else, such as a proxy's error page.
    """
    try:
        data = parse_json(body)
    except ProtocolError:
        text = body[: 2 * MAX_MESSAGE_CHARACTERS].decode("utf-8", "replace").strip()
        if text.startswith("<"):
            return "(a web page, such as a proxy's error page or a login form)"
        is_cut = len(body) > 2 * MAX_MESSAGE_CHARACTERS
        return line(f"{text}…" if is_cut else text, MAX_MESSAGE_CHARACTERS - 1)
    if isinstance(data, dict):
        data = data.get("message", data.get("detail", data))
    if isinstance(data, list):
        data = "; ".join(map(_detail, data[:MAX_PROBLEMS]))
    text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
    return line(text, MAX_MESSAGE_CHARACTERS - 1)


def _detail(entry: Any) -> str:
    if isinstance(entry, dict) and isinstance(entry.get("msg"), str):
        where = entry.get("loc")
        path = ".".join(map(str, where)) if isinstance(where, list) else ""
        return f"{path}: {entry['msg']}" if path else entry["msg"]
    return as_string(entry)
