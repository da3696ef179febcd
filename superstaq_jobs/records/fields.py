"""Fields of records: each takes what a person may pass, and keeps the one frozen form of it.

A converter here never raises. It returns a ``Bad`` in place of a value that cannot be used, and
``refuse_bad``, called when the record is complete, names every bad field in one error.

May import ``errors``, ``frozen`` and attrs.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, SupportsIndex, TypeVar
from uuid import UUID

import attrs

from .frozen import MAX_BITS, FrozenMapping, JsonMapping, canonical_json, is_unicode
from .problems import InvalidValue, Problem

__all__ = []

_INDEX_LIMIT: Final = 10**18  # the codec reads 18 digits at the most
_TARGET: Final = re.compile(r"[A-Za-z0-9-]+_[A-Za-z0-9.-]+_(?:qpu|simulator)")

T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)


@attrs.frozen
class Bad:
    """Stands in a field for a value that cannot be used."""

    what: str


def bad(what: str) -> Any:
    """A ``Bad``, typed so that a converter may return it."""
    return Bad(what)


def refuse_bad(
    record: attrs.AttrsInstance,
    error: Callable[[str, list[Problem]], Exception] = InvalidValue,
    *further: Problem,
) -> None:
    """Raise one error that names every bad field of a record, if there are any."""
    problems = [
        Problem(field.name, value.what)
        for field in attrs.fields(type(record))
        if type(value := getattr(record, field.name)) is Bad
    ]
    problems.extend(further)
    if problems:
        name = type(record).__name__
        raise error(f"{'an' if name[0] in 'AEIOU' else 'a'} {name}", problems)


def is_a(value: object, kind: type) -> bool:
    """Whether a value is of a class, where its type says so but a caller may not keep to it."""
    return isinstance(value, kind)


def shown(value: object) -> str:
    """A value for an error's text, cut to what a person reads."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deeply; a number of thousands of digits
        return f"a {type(value).__name__}"
    return text if len(text) <= 40 else f"{text[:40]}…"  # noqa: PLR2004


def text(value: str) -> str:
    """A text."""
    if not isinstance(value, str):
        return bad(f"{shown(value)} is no text")
    if not is_unicode(value):
        return bad("has a lone surrogate, which UTF-8 does not have")
    return str.__str__(value)


def optional_text(value: str | None) -> str | None:
    """A text or None."""
    return None if value is None else text(value)


def texts(value: Iterable[str]) -> tuple[str, ...]:
    """Some texts, in order; a single text is refused, since its letters were not meant."""
    return _many(value, text, "texts")


def serialized(value: str | Sequence[str]) -> str:
    """One text that is not blank; a sequence of texts becomes the JSON text of that list."""
    if isinstance(value, str):
        return text(value) if value.strip() else bad("is empty")
    listed = texts(value)
    if not isinstance(listed, tuple):
        return listed
    return canonical_json(listed) if listed else bad("is empty")


def integer(value: SupportsIndex) -> int:
    """A whole number; a bool is none."""
    if isinstance(value, bool):
        return bad(f"{value} is no number")
    try:
        number = operator.index(value)
    except TypeError:
        return bad(f"{shown(value)} is no whole number")
    return bad("has more than 4,000 digits") if number.bit_length() > MAX_BITS else number


def optional_integer(value: SupportsIndex | None) -> int | None:
    """A whole number or None."""
    return None if value is None else integer(value)


def count(value: SupportsIndex) -> int:
    """A whole number, 0 or more."""
    number = integer(value)
    return bad(f"{number} is negative") if isinstance(number, int) and number < 0 else number


def number(value: float) -> float:
    """A finite number; a bool is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return bad(f"{shown(value)} is no number")
    return value if abs(value) != float("inf") and value == value else bad(f"is {value}")  # noqa: PLR0124


def flag(value: bool) -> bool:
    """True or False, nothing else."""
    return value if isinstance(value, bool) else bad(f"{shown(value)} is neither True nor False")


def optional_flag(value: bool | None) -> bool | None:
    """True, False or None."""
    return None if value is None else flag(value)


def one_of(kind: type[E], value: object) -> E:
    """A member of an enum, given as itself or by its text."""
    try:
        return kind(value)
    except ValueError:
        words = ", ".join(str(member.value) for member in kind)
        return bad(f"{shown(value)} is none of {words}")


def job_id(value: UUID | str) -> UUID:
    """A job's id, as a UUID or its text."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)
    except (ValueError, AttributeError, TypeError):
        return bad(f"{shown(value)} is no UUID")


def target(value: str) -> str:
    """A target's name: ``<provider>_<device>_<qpu|simulator>``, the official client's rule."""
    name = text(value)
    if isinstance(name, str) and not _TARGET.fullmatch(name):
        return bad(
            f"{shown(name)} is no target: <provider>_<device>_<qpu|simulator>, like ibmq_fez_qpu"
        )
    return name


def moment(value: dt.datetime) -> dt.datetime:
    """An aware time, with its offset from UTC as a fixed one in whole minutes."""
    if not isinstance(value, dt.datetime):
        return bad(f"{shown(value)} is no datetime")
    offset = value.utcoffset()
    if offset is None:
        return bad("has no time zone")
    if offset.seconds % 60 or offset.microseconds:
        return bad("has an offset from UTC that is not in whole minutes")
    return value.replace(tzinfo=dt.timezone(offset), fold=0)


def optional_moment(value: dt.datetime | None) -> dt.datetime | None:
    """An aware time or None."""
    return None if value is None else moment(value)


def same_moment(value: dt.datetime | None) -> object:
    """What two times are compared by: Python holds 12:00Z and 13:00+01:00 equal, texts do not."""
    return (value, value.utcoffset()) if isinstance(value, dt.datetime) else value


def json_mapping(value: Mapping[str, Any]) -> JsonMapping:
    """A JSON object, frozen."""
    if isinstance(value, JsonMapping):
        return value
    if not isinstance(value, Mapping):
        return bad(f"{shown(value)} is no mapping")
    try:
        return JsonMapping(value)
    except (TypeError, ValueError) as error:
        return bad(str(error))


def integer_map(value: Mapping[int, int] | None) -> FrozenMapping[int, int] | None:
    """A map from whole numbers to whole numbers, frozen, or None."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return bad(f"{shown(value)} is no mapping")
    items = value.items()
    if not all(type(k) is int and type(v) is int for k, v in items):
        return bad("does not map whole numbers to whole numbers")
    if any(abs(k) >= _INDEX_LIMIT or v.bit_length() > MAX_BITS for k, v in items):
        return bad("has a number that is no index of a qubit")
    return value if type(value) is FrozenMapping else FrozenMapping(items)


def many(value: Iterable[T], kind: type[T]) -> tuple[T, ...]:
    """Some instances of a class, in order."""

    def check(item: T) -> T:
        return item if isinstance(item, kind) else bad(f"{shown(item)} is no {kind.__name__}")

    return _many(value, check, f"{kind.__name__}s")


def filters(value: Iterable[Any] | None, check: Callable[[Any], T]) -> tuple[T, ...] | None:
    """Values of a query of which one must match, or None for no condition."""
    if value is None:
        return None
    checked = _many(value, check, "values")
    if checked == ():
        return bad("is empty, which would match nothing: leave it out to match everything")
    return checked


def _many(value: Iterable[Any], check: Callable[[Any], T], what: str) -> tuple[T, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return bad(f"{shown(value)} is no list of {what}")
    checked = tuple(map(check, value))
    for position, item in enumerate(checked):
        if isinstance(item, Bad):
            return bad(f"[{position}] {item.what}")
    return checked


def is_amount(value: object) -> bool:
    """Whether a value is a finite number, 0 or more; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
