"""The bodies of API v0.3.0 that are not about jobs. No I/O; nothing is coerced."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import attrs
import msgspec

from superstaq_jobs.errors import InvalidValue, ProtocolError
from superstaq_jobs.records import (
    AccountBalance,
    CancelReceipt,
    JobId,
    JobQuery,
    JsonMapping,
    NewJob,
    SubmitReceipt,
    Target,
    TargetInfo,
    TargetQuery,
    fields,
)
from superstaq_jobs.records.ids import server_ids, trimmed
from superstaq_jobs.records.problems import MAX_PROBLEMS, line

from .job_data import MAX_MESSAGE_CHARACTERS, Decoded, shown, unknown_fields, without_warnings
from .strict import Collector, Count, TargetName, parse_json, protocol_error, structure

__all__ = [
    "encode_cancel",
    "encode_new_job",
    "encode_target_info_request",
    "query_pairs",
    "read_balance",
    "read_cancelled",
    "read_error",
    "read_submitted",
    "read_target_info",
    "read_targets",
    "receipt_of",
    "targets_of",
    "token_of",
]

_MAX_OTHERS: Final = 100
"""How many entries more than ids of jobs a receipt keeps of what a server says it cancelled."""


@attrs.frozen
class _WireTarget:
    target_name: TargetName
    supports_submit: bool
    supports_submit_qubo: bool
    supports_compile: bool
    available: bool
    retired: bool
    simulator: bool
    accessible: bool


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


def token_of(text: str) -> Any:
    """A provider's token as it was passed to the client: an object, or else the string itself."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return data if isinstance(data, dict) else text


# ---- requests ----------------------------------------------------------------------------------


def encode_new_job(job: NewJob) -> bytes:
    """The body of ``POST /client/job``."""
    return msgspec.json.encode(
        {field.name: _plain(getattr(job, field.name)) for field in attrs.fields(NewJob)}
    )


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, JsonMapping) else value


def encode_cancel(job_ids: Sequence[JobId]) -> bytes:
    """The body of ``PUT /client/cancel_jobs``."""
    return msgspec.json.encode({"job_id": [str(job_id) for job_id in job_ids]})


def encode_target_info_request(target: str, options: JsonMapping) -> bytes:
    """The body of ``POST /client/retrieve_target_info``."""
    return msgspec.json.encode({"target": target, "options_dict": options.to_dict()})


def query_pairs(query: JobQuery | TargetQuery) -> list[tuple[str, str]]:
    """The names and values of a query string, in the order of the fields."""
    return [
        (field.name, _query_string(value))
        for field in attrs.fields(type(query))
        for value in _query_values(getattr(query, field.name))
    ]


def _query_values(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        yield from value
    elif value is not None:
        yield value


def _query_string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)


# ---- responses ---------------------------------------------------------------------------------


def read_submitted(body: bytes) -> Decoded[SubmitReceipt]:
    """The response of ``POST /client/job``."""
    data, warnings = without_warnings(parse_json(body))
    wire = structure(_WireSubmitted, data, what="the response to the submission")
    return Decoded(SubmitReceipt(job_id=wire.job_id, num_circuits=wire.num_circuits), warnings)


def read_cancelled(body: bytes, asked: Sequence[JobId]) -> Decoded[CancelReceipt]:
    """The response of ``PUT /client/cancel_jobs`` to a request with these ids."""
    data, warnings = without_warnings(parse_json(body))
    wire = structure(_WireCancelled, data, what="the response to the cancellation")
    message = "" if wire.message is None else _text(wire.message)
    return Decoded(receipt_of(asked, wire.succeeded, message), warnings)


def receipt_of(asked: Sequence[JobId], succeeded: Any, message: str) -> CancelReceipt:
    """The receipt for what the server says that it cancelled.

    The official model calls that a list of circuits. If it says something, but names none of the
    jobs, it is unknown which were refused, and none is said to be.
    """
    listed = succeeded if isinstance(succeeded, list) else [succeeded] if succeeded else []
    said = list(map(_text, listed))
    done = set(map(trimmed, said))
    done |= set(map(str, map(fields.job_id, done)))  # a UUID may be written in several ways
    cancelled = [job_id for job_id in asked if done.issuperset(map(str, server_ids(job_id)))]
    others = set(asked).difference(cancelled) if cancelled or not said else ()
    return CancelReceipt(
        cancelled=cancelled,
        refused=[each for each in asked if each in others],
        message=_cut(message),
        succeeded=[_cut(each) for each in said[: len(server_ids(*asked)) + _MAX_OTHERS]],
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def _cut(text: str) -> str:
    is_long = len(text) > MAX_MESSAGE_CHARACTERS
    return f"{text[:MAX_MESSAGE_CHARACTERS]}…" if is_long else text


def read_targets(body: bytes) -> Decoded[tuple[Target, ...]]:
    """The response of ``GET /client/targets``."""
    return Decoded(targets_of(parse_json(body)))


def targets_of(data: Any) -> tuple[Target, ...]:
    """The targets in a list of objects, of which each is checked."""
    collector = Collector()
    targets: list[Target] = []
    if not isinstance(data, list):
        collector.say("$", f"expected a list of targets, got {fields.shown(data)}")
        data = []
    for place, entry in enumerate(data):
        if collector.stops(len(data) - place):
            break
        try:
            wire = structure(_WireTarget, entry, what="")
            extra = unknown_fields(entry, _WireTarget)
            targets.append(Target(**attrs.asdict(wire), extra=extra))
        except (ProtocolError, InvalidValue) as error:
            collector.add(f"$[{place}]", error)
    if collector.problems:
        raise protocol_error("the list of targets", collector)
    return tuple(targets)


def read_target_info(body: bytes, target: str) -> Decoded[TargetInfo]:
    """The response of ``POST /client/retrieve_target_info`` for this target."""
    data, warnings = without_warnings(parse_json(body))
    wire = structure(_WireTargetInfo, data, what="the description of the target")
    return Decoded(TargetInfo(target_name=target, info=wire.target_info), warnings)


def read_balance(body: bytes) -> Decoded[AccountBalance]:
    """The response of ``GET /client/balance``."""
    data, warnings = without_warnings(parse_json(body))
    return Decoded(structure(AccountBalance, data, what="the balance"), warnings)


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
    return shown(entry)
