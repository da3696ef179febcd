"""What is wrong with a value: the words for it, and the errors that records raise."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any, Self, TypeGuard

from .ids import JobId

__all__ = [
    "MAX_PROBLEMS",
    "CircuitIndexError",
    "CountsUnavailable",
    "InvalidRequest",
    "InvalidValue",
    "Problem",
    "SuperstaqException",
    "SuperstaqUnsuccessfulJobException",
    "SuperstaqWarning",
    "check_index",
    "check_index_type",
    "check_iterable",
    "check_type",
    "how_to_install",
    "is_amount",
    "is_number",
    "line",
    "listed",
    "must_be",
    "shown",
    "warn",
    "with_article",
]

MAX_PROBLEMS = 20
"""How many problems one error names."""

_MAX_PROBLEM_CHARACTERS = 160
_SHOWN_CHARACTERS = 40


def line(text: str, limit: int = 60) -> str:
    """A string on one line, without quotes, cut to ``limit`` characters, which ``…`` marks.

    What does not print, such as what a terminal would obey, is written as Python writes it.
    """
    kept = text[:limit]
    kept = kept if kept.isprintable() else repr(kept)[1:-1]
    return kept if max(len(text), len(kept)) <= limit else f"{kept[:limit]}…"


def _printable(text: str) -> str:
    """A message in which nothing but line breaks does not print."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else repr(c)[1:-1] for c in text)


def _rebuild(cls: type[SuperstaqException], args: tuple[Any, ...], facts: dict[str, Any]) -> Any:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class SuperstaqException(Exception):
    """The base class of every error of this library.

    Attributes:
        message: What happened, and what to do now.
    """

    def __init__(self, message: str) -> None:
        # Whatever a server or a caller put into it, a terminal that shows it must not obey it.
        self.message = _printable(message)
        super().__init__(self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with `args`, which fails for keyword-only facts.
        # Pickles name `_rebuild`, so it stays.
        return _rebuild, (type(self), self.args, dict(self.__dict__))

    def __str__(self) -> str:
        # Subclasses that are OSErrors as well would print an errno.
        return self.message


class Problem(tuple[str, str]):
    """One thing that is wrong with a value: a pair of strings, ``where`` and ``what``.

    ``where`` is a field's name or a path such as ``$.statuses[3]``.
    """

    __slots__ = ()

    def __new__(cls, where: str, what: str) -> Self:  # noqa: D102
        check_type(str, where=where, what=what)
        return super().__new__(
            cls, (line(where, _MAX_PROBLEM_CHARACTERS), line(what, _MAX_PROBLEM_CHARACTERS))
        )

    def __getnewargs__(self) -> tuple[str, str]:
        return self[0], self[1]

    @property
    def where(self) -> str:
        """The field or path."""
        return self[0]

    @property
    def what(self) -> str:
        """What is wrong there."""
        return self[1]

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def how_to_install(extra: str, *also: str) -> str:
    """What to do to get an extra of this library, which is on no index yet, and other packages."""
    packages = " ".join([f"'.[{extra}]'", *also])
    return f"in a clone of superstaq_jobs, pip install {packages}"


def shown(value: object, limit: int = _SHOWN_CHARACTERS) -> str:
    """The ``repr`` of a value on one line, cut to ``limit`` characters; never raises."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - nested too deeply, thousands of digits, anybody's own code
        return f"a {type(value).__name__}"
    text = " ".join(text.split()) if "\n" in text else text
    return text if len(text) <= limit else f"{text[:limit]}…"


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number that a float can hold, or infinity, and not a bool."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max or value == math.inf


def is_amount(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number >= 0, and not a bool."""
    return is_number(value) and 0 <= value < math.inf


def with_article(name: str) -> str:
    """The name of a class behind "a" or "an"."""
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def must_be(kind: type, value: object, hint: str = "") -> str:
    """What is wrong with a value of another class; ``hint`` says what to pass instead."""
    instead = f": {hint}" if hint else ""
    return f"must be {with_article(kind.__name__)}, got {shown(value)}{instead}"


def check_type(kind: type, hint: str = "", /, **arguments: object) -> None:
    """Raise a ``TypeError`` for the first of some arguments that is not an instance of ``kind``."""
    for name, value in arguments.items():
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise TypeError(f"{name} {must_be(kind, value, hint)}. Nothing was changed")


def check_iterable(what: str, **arguments: object) -> None:
    """The same for an argument that must be iterable, and neither a string nor a mapping."""
    for name, value in arguments.items():
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            got = shown(value)
            raise TypeError(f"{name} must be a list of {what}, got {got}. Nothing was changed")


def listed(problems: tuple[Problem, ...], omitted: int) -> str:
    """The problems for an error message, a line each."""
    lines = [f"  {problem}" for problem in problems]
    if omitted:
        lines.append(f"  … and {omitted} more")
    return "\n".join(lines)


class InvalidValue(SuperstaqException, ValueError):
    """A record cannot be made of the given values, or a method cannot use them.

    Attributes:
        problems: Every problem found, by field name; at most 20. Empty for an argument of a method,
            which the message names.
    """

    _consequence = ""

    def __init__(self, what: str, problems: Iterable[Problem] = ()) -> None:
        named = tuple(problems)
        self.problems = named[:MAX_PROBLEMS]
        lines = listed(self.problems, len(named) - len(self.problems))
        super().__init__(f"{what} cannot be made{self._consequence}:\n{lines}" if named else what)


class InvalidRequest(InvalidValue):
    """A request cannot be made of the given values. Nothing was sent."""

    _consequence = "; nothing was sent"


class CircuitIndexError(SuperstaqException, IndexError):
    """A job has no circuit with the given index.

    Attributes:
        job_id: The job.
        index: The index.
        num_circuits: How many circuits the job has.
    """

    def __init__(self, *, job_id: JobId, index: int, num_circuits: int) -> None:
        self.job_id = job_id
        self.index = index
        self.num_circuits = num_circuits
        has = f"circuits 0 to {num_circuits - 1}" if num_circuits else "no circuits"
        has = "only circuit 0" if num_circuits == 1 else has
        super().__init__(f"job {job_id} has no circuit {shown(index)}: it has {has}")


def check_index_type(index: object) -> None:
    """Refuse what cannot be the index of a circuit, with a ``TypeError``."""
    if isinstance(index, bool) or not isinstance(index, Integral):
        raise TypeError(f"a circuit's index must be an int, got {shown(index)}. Nothing was sent")


def check_index(job_id: JobId, index: int, *, num_circuits: int) -> None:
    """Refuse what is not the index of one of a job's circuits; it is a ``CircuitIndexError``."""
    check_index_type(index)
    if not 0 <= index < num_circuits:
        raise CircuitIndexError(job_id=job_id, index=index, num_circuits=num_circuits)


class CountsUnavailable(SuperstaqException, ValueError):
    """A snapshot does not have the requested counts.

    Attributes:
        job_id: The job.
        index: The circuit; None if no circuit of the job has counts.
    """

    def __init__(self, message: str, *, job_id: JobId, index: int | None) -> None:
        self.job_id = job_id
        self.index = index
        super().__init__(message)


class SuperstaqUnsuccessfulJobException(SuperstaqException):
    """A job, or one circuit of it, finished without a result: failed, cancelled or deleted.

    Attributes:
        job_id: The job.
        status: Its final status.
        circuits: The indices of the circuits with that status.
    """

    def __init__(
        self, job_id: JobId, status: str, *, circuits: Iterable[int] = (), reason: str = ""
    ) -> None:
        self.job_id = job_id
        self.status = status
        self.circuits = tuple(circuits)
        why = f": {reason}" if reason else ""
        super().__init__(f"job {job_id} finished with status {status}{why}")


class SuperstaqWarning(UserWarning):
    """Something the server said or did that is not an error, but should be noticed.

    Attributes:
        value: If warnings are turned into errors: what the call would have returned, such as the
            receipt for a job that was created.
    """

    value: object = None


def warn(message: str, value: object = None) -> None:
    """Issue a ``SuperstaqWarning`` with a value; it points at the caller outside this package."""
    warning = SuperstaqWarning(_printable(message))
    warning.value = value
    package = __name__.partition(".")[0]
    frame = sys._getframe(1)  # noqa: SLF001 - `skip_file_prefixes` needs Python 3.12
    depth = 2
    while frame.f_back is not None and f"{frame.f_globals.get('__name__')}.".startswith(
        f"{package}."
    ):
        frame = frame.f_back
        depth += 1
    warnings.warn(warning, stacklevel=depth)
