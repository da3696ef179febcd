"""Converters and checks for the fields of records.

A converter never raises. In place of a value that cannot be used it returns a ``Bad``, and
``refuse_bad``, called once the record is complete, names every bad field in one error.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, SupportsIndex, TypeVar
from uuid import UUID

import attrs

from .frozen import MAX_BITS, FrozenMapping, JsonMapping, canonical_json, is_unicode
from .ids import JobId
from .problems import (
    InvalidRequest,
    InvalidValue,
    Problem,
    is_amount,
    is_number,
    must_be,
    shown,
    with_article,
)
from .status import CircuitType, JobType

__all__ = ["is_amount", "is_number", "shown"]

INDEX_LIMIT: Final = 10**18
"""Qubit indices are smaller than this: the decoder reads at most 18 digits."""

TARGET: Final = re.compile(r"[A-Za-z0-9-]+_[A-Za-z0-9.-]+_(?:qpu|simulator)")
_MOST_VALUES: Final = 200
_SECONDS: Final = "must be a number of seconds >= 0"

T = TypeVar("T")
R = TypeVar("R", bound=attrs.AttrsInstance)
E = TypeVar("E", bound=enum.Enum)


@attrs.frozen
class Bad:
    """Stands in a field for a value that cannot be used, and says what is wrong with it."""

    what: str


bad: Final[Callable[[str], Any]] = Bad
"""Makes a ``Bad``; typed so that a converter may return it."""


def valid(value: T, is_valid: bool, what: str) -> T:
    """The value; if it is not valid, a ``Bad`` that says ``what`` it must be, and what it is."""
    return value if is_valid else bad(f"{what}, got {shown(value)}")


def refuse_bad(
    record: attrs.AttrsInstance,
    error: Callable[[str, list[Problem]], Exception] = InvalidValue,
    *further: Problem,
) -> None:
    """Raise one error that names every bad field of a record, and further problems, if any."""
    problems = [
        Problem(field.name, value.what)
        for field in attrs.fields(type(record))
        if type(value := getattr(record, field.name)) is Bad
    ]
    problems.extend(further)
    if problems:
        raise error(with_article(type(record).__name__), problems)


@attrs.frozen
class Checked:
    """A record of which every bad field is named in one error when it is made."""

    def __attrs_post_init__(self) -> None:
        refuse_bad(self)


def refuse(
    what: str,
    arguments: Mapping[str, object],
    error: Callable[[str, list[Problem]], Exception] = InvalidRequest,
) -> None:
    """Raise one error that names every bad one of some arguments, if there is one."""
    problems = [Problem(name, v.what) for name, v in arguments.items() if isinstance(v, Bad)]
    if problems:
        raise error(what, problems)


def instance(value: T, kind: type, hint: str = "") -> T:
    """A value of a class; ``hint`` says how to get one."""
    return value if isinstance(value, kind) else bad(must_be(kind, value, hint))


def is_a(value: object, kind: type) -> bool:
    """``isinstance``, for arguments that may not have their annotated type."""
    return isinstance(value, kind)


def clipped(value: object) -> str:
    """The ``repr`` of a long string inside the ``repr`` of a record."""
    return shown(value, 60)


# ---- strings -------------------------------------------------------------------------------------


def string(value: str) -> str:
    """A string that UTF-8 can encode."""
    if not isinstance(value, str):
        return bad(f"expected a string, got {shown(value)}")
    if not is_unicode(value):
        return bad("must not contain a lone surrogate, which UTF-8 cannot encode")
    return str.__str__(value)


def strings(value: Iterable[str]) -> tuple[str, ...]:
    """Strings, in order. A single string is refused: it would be taken for its letters."""
    return _many(value, string, "strings")


def serialized(value: str | Sequence[str]) -> str:
    """A string that is not blank; a sequence of strings becomes the JSON array of them."""
    if isinstance(value, str):
        return string(value) if value.strip() else bad("must not be empty")
    listed = strings(value)
    if isinstance(listed, Bad):
        new_job = "superstaq_jobs.new_job(circuits, ...)"
        return bad(f"{listed.what}; for objects of Cirq or Qiskit use {new_job}")
    return canonical_json(listed) if listed else bad("must not be empty")


def cirq_json(value: str) -> str:
    """The JSON of Cirq's circuits; an array of such strings becomes the array of the circuits.

    Only checks that it is JSON of objects; the service checks what they are.
    """
    try:
        found = json.loads(value)
        if isinstance(found, list) and any(isinstance(each, str) for each in found):
            parts = [json.loads(each) if isinstance(each, str) else each for each in found]
            found = [c for part in parts for c in (part if isinstance(part, list) else [part])]
            if not found:
                return bad("must not be empty")
            value = json.dumps(found)
    except (ValueError, RecursionError):
        found = None
    if all(isinstance(each, dict) for each in (found if isinstance(found, list) else [found])):
        return value
    return bad(
        "must be the JSON that cirq.to_json writes of circuits (superstaq_jobs.new_job does); "
        f"got {shown(value)}"
    )


def one_of(kind: type[E], value: object) -> E:
    """A member of an enum, given as itself or by its value."""
    if isinstance(value, str):  # as every member is
        with contextlib.suppress(ValueError):
            return kind(value)
    values, got = ", ".join(str(member.value) for member in kind), shown(value)
    if len(values) > _MOST_VALUES:  # what would be cut off is what was passed
        return bad(f"must be a {kind.__name__}, got {got}: one of {values}")
    return bad(f"must be one of {values}; got {got}")


def job_type(value: JobType | str) -> JobType:
    """A job type."""
    return one_of(JobType, value)


def circuit_type(value: CircuitType | str) -> CircuitType:
    """A format of circuits."""
    return one_of(CircuitType, value)


def job_id(value: UUID | str) -> UUID:
    """A job's id, as a UUID or a string."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value.lower())  # "urn:uuid:" must be in lower case
    except (ValueError, AttributeError, TypeError):
        return bad(f"must be a UUID, got {shown(value)}{id_hint(value)}")


def id_hint(value: object) -> str:
    """How to get the id of a handle, a snapshot or a receipt that stands where an id should."""
    member = getattr(type(value), "job_id", None)
    return "" if member is None else f": pass its .job_id{'()' if callable(member) else ''}"


def any_job_id(value: JobId) -> JobId:
    """A job's id of any version of the API, as it is."""
    if isinstance(value, UUID):
        return value
    if value and isinstance(value, str):
        return string(value)
    return bad(f"must be a job's id, got {shown(value)}")


def job_ids(value: Iterable[JobId]) -> tuple[JobId, ...]:
    """Ids of jobs, in order."""
    return _many(value, any_job_id, "job ids")


def target(value: str) -> str:
    """A target's name, ``<provider>_<device>_<qpu|simulator>``: the official client's rule."""
    name = string(value)
    if isinstance(name, str) and not TARGET.fullmatch(name):
        return bad(
            "must be a target name <provider>_<device>_<qpu|simulator>, such as ibmq_fez_qpu; "
            f"got {shown(name)}"
        )
    return name


# ---- numbers -------------------------------------------------------------------------------------


def integer(value: SupportsIndex) -> int:
    """An integer, but not a bool."""
    if isinstance(value, bool):
        return bad(f"expected an integer, got {value}")
    try:
        number = operator.index(value)
    except TypeError:
        return bad(f"expected an integer, got {shown(value)}")
    return bad("must have at most 4,000 digits") if number.bit_length() > MAX_BITS else number


def count(value: SupportsIndex) -> int:
    """An integer >= 0."""
    number = integer(value)
    return valid(number, isinstance(number, Bad) or number >= 0, "must be >= 0")


def positive_integer(value: int) -> int:
    """An integer >= 1."""
    return valid(value, type(value) is int and value >= 1, "must be an integer >= 1")


def number(value: float) -> float:
    """A finite number, but not a bool."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return bad(f"expected a number, got {shown(value)}")
    is_finite = not isinstance(value, float) or math.isfinite(value)
    return valid(value, is_finite, "must be a finite number")


def amount(value: float) -> float:
    """A finite number >= 0."""
    return valid(value, is_amount(value), "must be a finite number >= 0")


def fraction(value: float) -> float:
    """A number from 0 to 1."""
    return valid(value, is_amount(value) and value <= 1, "must be a number from 0 to 1")


def seconds(value: float) -> float:
    """A number of seconds >= 0."""
    return valid(value, is_amount(value), _SECONDS)


def seconds_or_inf(value: float) -> float:
    """A number of seconds >= 0, perhaps infinite."""
    return valid(value, is_number(value) and value >= 0, _SECONDS)


def flag(value: bool) -> bool:
    """True or False, nothing else."""
    return valid(value, isinstance(value, bool), "expected True or False")


# ---- times ---------------------------------------------------------------------------------------


def moment(value: dt.datetime) -> dt.datetime:
    """A datetime with a time zone, which is kept as a fixed offset from UTC in whole minutes."""
    if not isinstance(value, dt.datetime):
        return bad(f"expected a datetime, got {shown(value)}")
    offset = value.utcoffset()
    if offset is None:
        return bad("must have a time zone, such as datetime.UTC")
    if offset.seconds % 60 or offset.microseconds:
        return bad("must have an offset from UTC in whole minutes")
    return value.replace(tzinfo=dt.timezone(offset), fold=0)


def optional_moment(value: dt.datetime | None) -> dt.datetime | None:
    """A datetime with a time zone, or None."""
    return None if value is None else moment(value)


def optional_local_moment(value: dt.datetime | None) -> dt.datetime | None:
    """A datetime, or None. One without a time zone is this computer's local time, kept in UTC."""
    if isinstance(value, dt.datetime) and value.utcoffset() is None:
        try:
            return value.astimezone(dt.UTC)
        except (OverflowError, ValueError, OSError):  # whatever the platform's C library says
            return bad(f"has no time in UTC, got {shown(value)}: pass a time with a time zone")
    elif value is not None and not isinstance(value, dt.datetime):
        return bad(
            f"expected a datetime, got {shown(value)}: pass datetime.datetime(2026, 5, 1), say"
        )
    return optional_moment(value)


def same_moment(value: dt.datetime | None) -> object:
    """The key by which two times are compared.

    To Python 12:00Z equals 13:00+01:00; as strings, which is what the server sends, they differ.
    """
    return (value, value.utcoffset()) if isinstance(value, dt.datetime) else value


# ---- collections ---------------------------------------------------------------------------------


def json_mapping(value: Mapping[str, Any]) -> JsonMapping:
    """A JSON object, frozen."""
    if isinstance(value, JsonMapping):
        return value
    if not isinstance(value, Mapping):
        return bad(f"expected a mapping, got {shown(value)}")
    try:
        return JsonMapping(value)
    except (TypeError, ValueError) as error:
        return bad(str(error))


def integer_map(value: Mapping[int, int]) -> FrozenMapping[int, int]:
    """A mapping from integers to integers, frozen."""
    if not isinstance(value, Mapping):
        return bad(f"expected a mapping, got {shown(value)}")
    items = value.items()
    if not all(type(k) is int and type(v) is int for k, v in items):
        return bad("must map integers to integers")
    if any(abs(k) >= INDEX_LIMIT or v.bit_length() > MAX_BITS for k, v in items):
        return bad("must map qubit indices of at most 18 digits")
    return value if type(value) is FrozenMapping else FrozenMapping(items)


def many(value: Iterable[T], kind: type[T], what: str = "") -> tuple[T, ...]:
    """Instances of a class, in order."""

    def check(item: T) -> T:
        return item if is_a(item, kind) else bad(f"expected a {kind.__name__}, got {shown(item)}")

    return _many(value, check, what or f"{kind.__name__}s")


def filters(value: Iterable[Any] | None, check: Callable[[Any], T]) -> tuple[T, ...] | None:
    """Values of a query, of which one must match; None for no condition."""
    if value is None:
        return None
    if isinstance(value, str):
        return bad(f"expected a list of values, got {shown(value)}: pass [{shown(value)}]")
    checked = _many(value, check, "values")
    if checked == ():
        return bad("must not be empty: that would match nothing; leave it out to match everything")
    return checked


def _many(value: Iterable[Any], check: Callable[[Any], T], what: str) -> tuple[T, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return bad(f"expected a list of {what}, got {shown(value)}")
    checked = tuple(map(check, value))
    for position, item in enumerate(checked):
        if isinstance(item, Bad):
            return bad(f"[{position}] {item.what}")
    return checked


# ---- records of values that have been checked ----------------------------------------------------


def maker(record: type[R], **defaults: object) -> Callable[..., R]:
    """A constructor of a record without its converters and checks, several times as fast.

    It takes the fields by position. attrs writes it: the ``__init__`` of a class with the same
    fields and no converters fills in an instance of the record.
    """
    bare_fields = {
        field.name: attrs.field(default=defaults.get(field.name, attrs.NOTHING))
        for field in attrs.fields(record)
    }
    bare = attrs.make_class(f"Bare{record.__name__}", bare_fields, frozen=True, slots=True)
    fill = bare.__init__  # type: ignore[misc]

    def make(*values: Any) -> R:
        made = object.__new__(record)
        fill(made, *values)
        return made

    return make
