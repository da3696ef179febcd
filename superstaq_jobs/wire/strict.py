"""Plain JSON data to checked data without coercion, with every problem named by its path.

The one module that imports cattrs; it knows no field of any API.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import types
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final, NewType, NoReturn, TypeVar, cast
from uuid import UUID

import msgspec

from superstaq_jobs.errors import InvalidValue, Problem, ProtocolError
from superstaq_jobs.records import CircuitType, JobType, JsonMapping, fields
from superstaq_jobs.records.budget import paced, spend_on
from superstaq_jobs.records.counts import received_counts
from superstaq_jobs.records.problems import MAX_PROBLEMS

if TYPE_CHECKING:
    import cattrs

    from superstaq_jobs.records import JobSnapshot

__all__ = [
    "Collector",
    "Count",
    "CountsData",
    "Integer",
    "JsonObject",
    "QubitMap",
    "TargetName",
    "WrongError",
    "parse_json",
    "parse_moment",
    "protocol_error",
    "structure",
    "wrong",
]

T = TypeVar("T")

Integer = NewType("Integer", Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)])
"""An integer. The parser leaves larger ones to the converter, which takes up to 4,000 digits."""
Count = NewType("Count", int)
"""An integer >= 0."""
TargetName = NewType(
    "TargetName", Annotated[str, msgspec.Meta(pattern=rf"\A(?:{fields.TARGET.pattern})\Z")]
)
"""A target's name."""
JsonObject = NewType("JsonObject", dict[str, Any])
"""Any JSON object."""
CountsData = NewType("CountsData", dict[str, Integer | float])
"""What ``Counts`` are made of."""
_Qubit = Annotated[int, msgspec.Meta(gt=-fields.INDEX_LIMIT, lt=fields.INDEX_LIMIT)]
QubitMap = NewType("QubitMap", dict[_Qubit, Integer])
"""A mapping between qubit indices; in JSON its keys are strings."""

_TIMESTAMP: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?:(:\d\d)(?:[.,](\d+))?)?([Zz]|([+-]\d\d):?([0-5]\d))?",
    re.ASCII,
)
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_SNIPPET: Final = 60


class WrongError(Exception):
    """A value is not as it should be: the problems, with paths that start at the value."""

    def __init__(self, problems: Iterable[Problem], omitted: int = 0) -> None:
        super().__init__()
        self.problems = list(problems)
        self.omitted = omitted


def wrong(what: str) -> NoReturn:
    """Refuse a value as a whole."""
    raise WrongError([Problem("", what)])


class Collector:
    """Collects the problems of the parts of a value: at most 20.

    ``omitted`` is how many further parts are wrong, or were not checked after that.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.omitted = 0

    def add(self, where: str, error: Exception) -> None:
        """Add what is wrong with the part at a path."""
        if isinstance(error, WrongError | ProtocolError):
            self.omitted += error.omitted
            for problem in error.problems:
                self.say(where + problem.where.removeprefix("$"), problem.what)
        elif isinstance(error, InvalidValue):
            for problem in error.problems:
                self.say(f"{where}.{problem.where}", problem.what)
        elif isinstance(error, ExceptionGroup):
            parts, others = cast("cattrs.ClassValidationError", error).group_exceptions()
            for inner, note in parts:
                if isinstance(inner, KeyError):
                    self.say(f"{where}.{note.name}", "is missing")
                else:
                    self.add(f"{where}.{note.name}", inner)
            for inner in others:
                self.add(where, inner)
        else:
            raise error

    @property
    def is_full(self) -> bool:
        """Whether there are enough problems, so that no further part need be checked."""
        return len(self.problems) >= MAX_PROBLEMS

    def parts(self, parts: Collection[T]) -> Iterator[T]:
        """The parts of a value, one after the other, until there are enough problems."""
        for place, part in enumerate(paced(parts)):
            if self.is_full:
                self.omitted += len(parts) - place
                return
            yield part

    def say(self, where: str, what: str) -> None:
        """Add one problem."""
        if self.is_full:
            self.omitted += 1
        else:
            self.problems.append(Problem(where, what))

    def finish(self) -> None:
        """Refuse the value if anything is wrong with its parts."""
        if self.problems:
            raise WrongError(self.problems, self.omitted)


def parse_json(body: bytes) -> Any:
    """The plain data in a body; of equal keys in an object the last one wins.

    Raises:
        ProtocolError: If it is not JSON: empty, cut short, a web page, not UTF-8, nested too
            deeply, or with ``NaN`` or a number too large for a float.
    """
    spend_on(body)
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        reason = "it is nested too deeply"
    except (msgspec.MsgspecError, ValueError) as error:
        reason = str(error)
    start = body[: 4 * _SNIPPET].decode("utf-8", "replace").strip()
    if not start:
        reason = "it is empty"
    elif start.startswith("<"):
        reason = "it is a web page, such as a proxy's error page or a login form"
    raise ProtocolError(
        f"the response is not JSON: {reason} ({len(body)} bytes, starting with "
        f"{fields.shown(start, _SNIPPET)})"
    )


def structure(kind: type[T], data: Any, *, what: str) -> T:
    """Plain data as an instance of a class.

    Raises:
        ProtocolError: With the path of every problem, at most 20.
    """
    collector = Collector()
    try:
        return converter().structure(_object(data), kind)
    except (WrongError, InvalidValue, ExceptionGroup) as error:  # the last is cattrs's
        collector.add("$", error)
    raise protocol_error(what, collector)


def protocol_error(
    what: str, collector: Collector, *, found: Iterable[JobSnapshot] = ()
) -> ProtocolError:
    """The error for a body with these problems, with the jobs in it that can be read."""
    return ProtocolError(
        f"{what} is not what the API promises",
        collector.problems,
        omitted=collector.omitted,
        found=found,
    )


# ---- hooks ---------------------------------------------------------------------------------------


def _checked(check: Callable[[Any], T], value: Any, _kind: Any) -> T:
    checked = check(value)
    if isinstance(checked, fields.Bad):
        wrong(checked.what)
    return checked


def _is_tuple(kind: Any) -> bool:
    return isinstance(kind, types.GenericAlias) and kind.__origin__ is tuple


def _tuple(value: Any, kind: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        wrong(f"expected a list, got {fields.shown(value)}")
    item_kind = kind.__args__[0]
    hook = converter().get_structure_hook(item_kind)
    items = []
    collector = Collector()
    for place, item in enumerate(collector.parts(value)):
        try:
            items.append(hook(item, item_kind))
        except WrongError as error:
            collector.add(f"[{place}]", error)
    collector.finish()
    return tuple(items)


def _uuid(value: Any) -> UUID:
    text = fields.string(value)
    return fields.job_id(text) if isinstance(text, str) else text


def parse_moment(text: Any) -> dt.datetime:
    """An ISO 8601 time stamp as a datetime, without a time zone if it has none.

    Python's times have microseconds; further digits are cut off, as the official models do.

    Raises:
        WrongError: If it is not one.
    """
    match = _TIMESTAMP.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        wrong(f"must be an ISO 8601 time stamp, got {fields.shown(text)}")
    date, time, seconds, fraction, zone, hours, minutes = match.groups()
    offset = f"{hours}:{minutes}" if hours else "+00:00" if zone else ""
    exact = f"{date}T{time}{seconds or ':00'}.{(fraction or '')[:6]:0<6}{offset}"
    try:
        return dt.datetime.fromisoformat(exact)
    except ValueError as error:
        wrong(f"must be a valid time, got {fields.shown(text)}: {error}")


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        wrong(f"expected an object, got {fields.shown(value)}")
    return value


def _counts(value: Any) -> dict[str, Any]:
    items = _object(value)
    try:
        received_counts(items)
    except (TypeError, ValueError) as error:
        collector = Collector()
        for bits, number in collector.parts(items.items()):
            if not isinstance(number, int | float) or isinstance(number, bool):
                collector.say(f".{bits}", f"expected a number, got {fields.shown(number)}")
        collector.finish()
        wrong(str(error))
    return items


def _qubit_map(value: Any) -> dict[int, int]:
    collector = Collector()
    qubits: dict[int, int] = {}
    for key, qubit in collector.parts(_object(value).items()):
        if not _INTEGER.fullmatch(key):
            collector.say(f".{key}", "the key must be a qubit index")
        elif type(qubit) is not int:
            collector.say(f".{key}", f"expected a qubit index, got {fields.shown(qubit)}")
        else:
            qubits[int(key)] = qubit
    collector.finish()
    return qubits


def _json_object(value: Any) -> Any:
    checked = fields.json_mapping(value)
    return value if isinstance(checked, JsonMapping) else checked


@functools.cache
def converter() -> cattrs.Converter:
    """The converter of plain data. By itself cattrs makes 2 of 2.9, and ``'None'`` of None.

    Made when first needed: a body without anything wrong in it is read without cattrs.
    """
    import cattrs

    made = cattrs.Converter(detailed_validation=True)
    checks: dict[Any, Callable[[Any], Any]] = {
        str: fields.string,
        int: fields.integer,
        bool: fields.flag,
        float: fields.number,
        UUID: _uuid,
        JobType: fields.job_type,
        CircuitType: fields.circuit_type,
        JsonMapping: fields.json_mapping,
        JsonObject: _json_object,
        TargetName: fields.target,
        Integer: fields.integer,
        Count: fields.count,
        dt.datetime: parse_moment,
        CountsData: _counts,
        QubitMap: _qubit_map,
    }
    for kind, check in checks.items():
        made.register_structure_hook(kind, functools.partial(_checked, check))
    made.register_structure_hook_func(_is_tuple, _tuple)
    return made
