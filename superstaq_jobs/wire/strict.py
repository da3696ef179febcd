"""JSON bytes to typed values without coercion, and every problem by its path.

Lives here: the JSON parser's one call site, the cattrs converter with strict hooks, and how the
problems of a value's parts become one bounded error. May import the records' field rules, cattrs
and the JSON parser; knows no field of any API.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
import types
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, NewType, NoReturn, TypeVar
from uuid import UUID

import msgspec

from superstaq_jobs.errors import InvalidValue, Problem, ProtocolError
from superstaq_jobs.records import CircuitType, Counts, FrozenMapping, JobType, JsonMapping, fields
from superstaq_jobs.records.problems import MAX_PROBLEMS

if TYPE_CHECKING:
    import cattrs

    from superstaq_jobs.records import JobSnapshot

__all__: list[str] = []

T = TypeVar("T")
Hook = Callable[[Any, Any], T]

Moment = NewType("Moment", dt.datetime)
"""An aware time, written as ISO 8601 with a zone."""
Count = NewType("Count", int)
"""A whole number, 0 or more."""
TargetName = NewType("TargetName", str)
"""A target's name."""
QubitMap = NewType("QubitMap", FrozenMapping[int, int])
"""A map between indices of qubits, whose keys JSON writes as texts."""

_TIMESTAMP: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?:(:\d\d)(?:[.,](\d+))?)?(?:[Zz]|([+-]\d\d):?([0-5]\d))",
    re.ASCII,
)
_WHOLE_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_SNIPPET: Final = 60
# White space before a colon, and an escaped backslash at the end of a key.
_ODD_ENDS_OF_KEYS: Final = (b" :", b"\t:", b"\n:", b"\r:", b'\\\\":')


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
    """Gathers the problems of the parts of a value: 20 at most, and how many more there were."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.omitted = 0

    def add(self, where: str, error: Exception) -> None:
        """Take in what is wrong with the part at a path."""
        import cattrs

        if isinstance(error, WrongError):
            self.omitted += error.omitted
            for problem in error.problems:
                self.say(where + problem.where, problem.what)
        elif isinstance(error, InvalidValue):
            for problem in error.problems:
                self.say(f"{where}.{problem.where}", problem.what)
        elif isinstance(error, cattrs.ClassValidationError):
            parts, others = error.group_exceptions()
            for inner, note in parts:
                if isinstance(inner, KeyError):
                    self.say(f"{where}.{note.name}", "is missing")
                else:
                    self.add(f"{where}.{note.name}", inner)
            for inner in others:
                self.add(where, inner)
        else:
            raise error

    def say(self, where: str, what: str) -> None:
        """Take in one problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(where, what))
        else:
            self.omitted += 1

    def finish(self) -> None:
        """Refuse the value if anything was wrong with its parts."""
        if self.problems:
            raise WrongError(self.problems, self.omitted)


def parse_json(body: bytes) -> Any:
    """The plain data that a body holds.

    Raises:
        ProtocolError: If it is no JSON: empty, cut short, a web page, not UTF-8, nested too deeply,
            with ``NaN`` or a number that no float can hold.
    """
    try:
        data = msgspec.json.decode(body)
        if not _has_repeated_keys(body, data):
            return data
        reason = "an object in it has a key twice"
    except RecursionError:
        reason = "it is nested too deeply"
    except (msgspec.MsgspecError, ValueError) as error:
        reason = str(error)
    start = body[:_SNIPPET].decode("utf-8", "replace").strip()
    if not start:
        reason = "it is empty"
    elif start.startswith("<"):
        reason = "it is a web page, as a proxy or a login form sends it"
    raise ProtocolError(f"the answer is no JSON: {reason} ({len(body)} bytes, beginning {start!r})")


def _has_repeated_keys(body: bytes, data: Any) -> bool:
    """Whether an object has a key twice, of which the parser silently kept the last.

    Counting is much faster than looking: a quote and a colon end a key, unless the quote is
    escaped. Where that cannot be relied on, or does not add up (a text that begins with a colon
    counts too), the body is read again by a parser that shows all keys.
    """
    odd = any(end in body for end in _ODD_ENDS_OF_KEYS)
    if not odd and body.count(b'":') - body.count(b'\\":') == _count_keys(data):
        return False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise _RepeatedKeyError
        return found

    try:
        json.loads(body, object_pairs_hook=pairs)
    except _RepeatedKeyError:
        return True
    return False


class _RepeatedKeyError(Exception):
    pass


def _count_keys(data: Any) -> int:
    keys = 0
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            keys += len(value)
            waiting.extend(v for v in value.values() if isinstance(v, dict | list))
        elif isinstance(value, list):
            waiting.extend(v for v in value if isinstance(v, dict | list))
    return keys


def structure(kind: type[T], data: Any, *, what: str) -> T:
    """Plain data as an instance of a class.

    Raises:
        ProtocolError: With the path of every problem, 20 at most.
    """
    import cattrs

    collector = Collector()
    try:
        if not isinstance(data, dict):
            wrong(f"{fields.shown(data)} is no object")
        return converter().structure(data, kind)
    except (WrongError, InvalidValue, cattrs.ClassValidationError) as error:
        collector.add("$", error)
    raise protocol_error(what, collector)


def protocol_error(
    what: str, collector: Collector, *, found: Iterable[JobSnapshot] = ()
) -> ProtocolError:
    """The error for an answer with these problems, and the jobs in it that can be read."""
    return ProtocolError(
        f"{what} is not what the API promises",
        collector.problems,
        omitted=collector.omitted,
        found=found,
    )


def list_of(hook: Hook[T]) -> Hook[tuple[T, ...]]:
    """A hook for a JSON array, from one for its items."""

    def structure_list(value: Any, _kind: Any = None) -> tuple[T, ...]:
        if not isinstance(value, list):
            wrong(f"{fields.shown(value)} is no list")
        items: list[T] = []
        collector = Collector()
        for place, item in enumerate(value):
            try:
                items.append(hook(item, None))
            except WrongError as error:
                collector.add(f"[{place}]", error)
        collector.finish()
        return tuple(items)

    return structure_list


def optional(hook: Hook[T]) -> Hook[T | None]:
    """A hook that takes null too."""
    return lambda value, kind: None if value is None else hook(value, kind)


def _strictly(check: Callable[[Any], T]) -> Hook[T]:
    def hook(value: Any, _kind: Any) -> T:
        checked = check(value)
        if isinstance(checked, fields.Bad):
            wrong(checked.what)
        return checked

    return hook


def _uuid(value: Any) -> UUID:
    text = fields.text(value)
    return fields.job_id(text) if isinstance(text, str) else text


def _job_type(value: Any) -> JobType:
    return fields.one_of(JobType, value)


def _circuit_type(value: Any) -> CircuitType:
    return fields.one_of(CircuitType, value)


def _moment(value: Any, _kind: Any) -> dt.datetime:
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        wrong(f"{fields.shown(value)} is no ISO 8601 time stamp with a zone")
    date, time, seconds, fraction, hours, minutes = match.groups()
    offset = f"{hours}:{minutes}" if hours else "+00:00"
    # Python's times end at microseconds; further digits are cut, as the official models do.
    text = f"{date}T{time}{seconds or ':00'}.{(fraction or '')[:6]:0<6}{offset}"
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError as error:
        wrong(f"{fields.shown(value)} is no time: {error}")


def _counts(value: Any, _kind: Any) -> Counts:
    if not isinstance(value, dict):
        wrong(f"{fields.shown(value)} is no mapping")
    try:
        return Counts(value)
    except (TypeError, ValueError) as error:
        collector = Collector()
        for bits, number in value.items():
            if not isinstance(number, int | float) or isinstance(number, bool):
                collector.say(f".{bits}", f"{fields.shown(number)} is no count")
        collector.finish()
        wrong(str(error))


def _qubit_map(value: Any, _kind: Any) -> FrozenMapping[int, int]:
    if not isinstance(value, dict):
        wrong(f"{fields.shown(value)} is no mapping")
    collector = Collector()
    qubits: dict[int, int] = {}
    for key, qubit in value.items():
        if not _WHOLE_NUMBER.fullmatch(key):
            collector.say(f".{key}", "is no index of a qubit")
        elif type(qubit) is not int:
            collector.say(f".{key}", f"{fields.shown(qubit)} is no index of a qubit")
        elif int(key) in qubits:  # 0 and -0
            collector.say(f".{key}", "is an index of a qubit a second time, in another spelling")
        else:
            qubits[int(key)] = qubit
    collector.finish()
    return FrozenMapping(qubits)


@functools.cache
def converter() -> cattrs.Converter:
    """Plain data to values, strictly: cattrs by itself makes 2 of 2.9 and ``'None'`` of None.

    Made when first asked for: an answer without anything wrong in it is read without cattrs.
    """
    import cattrs

    made = cattrs.Converter(detailed_validation=True)
    hooks: dict[Any, Hook[Any]] = {
        str: _strictly(fields.text),
        int: _strictly(fields.integer),
        bool: _strictly(fields.flag),
        float: _strictly(fields.number),
        UUID: _strictly(_uuid),
        JobType: _strictly(_job_type),
        CircuitType: _strictly(_circuit_type),
        JsonMapping: _strictly(fields.json_mapping),
        TargetName: _strictly(fields.target),
        Count: _strictly(fields.count),
        Counts: _counts,
        Moment: _moment,
        QubitMap: _qubit_map,
    }
    for kind, hook in list(hooks.items()):
        hooks[types.GenericAlias(tuple, (kind, ...))] = list_of(hook)
        hooks[types.GenericAlias(tuple, (kind | None, ...))] = list_of(optional(hook))
    # As a factory, which cattrs asks before its own hooks for int, str, bool and float.
    made.register_structure_hook_factory(hooks.__contains__, lambda kind: hooks[kind])
    # cattrs looks its own hooks for these up by class, before it asks any factory; the words are
    # texts by class, and would be taken for any text.
    for kind in (str, int, bool, float, JobType, CircuitType):
        made.register_structure_hook(kind, hooks[kind])
    return made
