"""Checks the arguments of strategies by their names, which mean the same in all of them."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast

from superstaq_jobs.errors import InvalidValue
from superstaq_jobs.records import fields
from superstaq_jobs.wire.api import APIS

__all__ = ["checked", "every_one_of"]

E = TypeVar("E", bound=enum.Enum)
F = TypeVar("F", bound=Callable[..., Any])

_MOST: Final = 10**6


def _size(value: Any) -> Any:
    number = fields.count(value)
    if isinstance(number, int) and number > _MOST:
        return fields.bad(f"must be <= {_MOST:,}, got {fields.shown(number)}")
    return number


def _version(value: Any) -> Any:
    if isinstance(value, str) and value in APIS:
        return value
    return fields.bad(f"must be one of {', '.join(APIS)}; got {fields.shown(value)}")


def _list_of(kind: type, what: str) -> Callable[[Any], Any]:
    return lambda value: fields.many(value, kind, what)


def _naive(value: Any) -> Any:
    if isinstance(value, dt.datetime) and value.utcoffset() is None:
        return value
    return fields.bad(f"must be a datetime without a time zone, got {fields.shown(value)}")


def _or_none(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


_CHECKS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(["index", "max_outcomes", "max_size", "max_leaves", "max_faults"], _size),
    **dict.fromkeys(["num_bits", "num_circuits"], _or_none(_size)),
    "shots": _or_none(fields.count),
    "api_version": _version,
    "job_type": _or_none(fields.job_type),
    "circuit_type": _or_none(fields.circuit_type),
    "job_id": _or_none(fields.any_job_id),
    "status": _or_none(fields.string),
    **dict.fromkeys(
        ["statuses", "ends", "targets", "fields", "kinds"], _or_none(_list_of(str, "strings"))
    ),
    "status_codes": _or_none(_list_of(int, "integers")),
    **dict.fromkeys(["terminal", "transient", "simulator"], _or_none(fields.flag)),
    **dict.fromkeys(["is_refused", "floats"], _or_none(fields.flag)),
    **dict.fromkeys(
        ["unknown", "unknown_statuses", "unknown_fields", "irregular_lists", "extra"], fields.flag
    ),
    **dict.fromkeys(["utc", "deletion", "lost_answers"], fields.flag),
    **dict.fromkeys(["min_value", "max_value"], _naive),
}
"""How to check an argument with this name."""


def every_one_of(kind: type[E], values: Iterable[object], name: str) -> list[E]:
    """Members of an enum, by themselves or their values."""
    members = [fields.one_of(kind, value) for value in values]
    for member in members:
        fields.refuse("the strategy", {name: member}, InvalidValue)
    return members


def checked(strategy: F) -> F:
    """A decorator: the strategy raises an ``InvalidValue`` that names every bad argument."""
    signature = inspect.signature(strategy)

    @functools.wraps(strategy)
    def check(*positional: Any, **given: Any) -> Any:
        arguments = signature.bind(*positional, **given).arguments
        wrong = {name: _CHECKS[name](value) for name, value in arguments.items()}
        fields.refuse(f"the strategy {strategy.__name__}", wrong, InvalidValue)
        return strategy(*positional, **given)

    return cast("F", check)
