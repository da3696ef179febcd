"""What is to become of the jobs, as a test writes it down beforehand.

Lives here: `Ending` and `Plan`, values that are checked when they are made, and `PlanQueue`, which
knows which job gets which. May import `superstaq_jobs.records`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal, get_args

import attrs

from superstaq_jobs.records import CircuitStatus, FrozenMapping

__all__ = [
    "CANCELLED_BY_OPERATOR",
    "FAILED_BY_OPERATOR",
    "Becomes",
    "Ending",
    "Plan",
    "PlanQueue",
    "is_message",
]

_S = CircuitStatus

Becomes = Literal["completed", "failed", "cancelled", "unrecognized", "deleted", "stuck"]
"""The last status of a circuit, or ``stuck`` for one that never gets to any."""

CANCELLED_BY_OPERATOR: Final = "Cancelled by the operator."
FAILED_BY_OPERATOR: Final = "Failed by the operator."
"""The messages of circuits that the operator ends, unless another one is given."""

_MESSAGES: Final = {
    "failed": "The device failed.",
    "cancelled": CANCELLED_BY_OPERATOR,
    "deleted": "Deleted by the operator.",
    "unrecognized": None,
}
"""The endings that come before the result, and what they tell when the plan does not say it."""


_NOT_DURING: Final = frozenset({status for status in _S if status.is_terminal} | {_S.UNKNOWN})


def _check(is_right: bool, why: str) -> None:
    if not is_right:
        raise ValueError(why)


def is_message(message: object) -> bool:
    """Whether it is a text that an answer can hold: half of a surrogate pair has no bytes."""
    try:
        return isinstance(message, str) and message.encode() is not None
    except UnicodeEncodeError:
        return False


def _status(during: Any) -> Any:
    try:
        return None if during is None else _S(during)
    except ValueError:
        return during  # and is refused where all the rest is


@attrs.frozen
class Ending:
    """How the life of a circuit ends.

    >>> Ending("failed", during="compiling", message="The compiler ran out of memory.")
    Ending('failed', during='compiling', message='The compiler ran out of memory.')

    A circuit that cannot be compiled or run fails by itself, where the plan lets it get that far.

    Attributes:
        becomes: The last status; ``completed`` is with counts, ``stuck`` stays ``during`` for good.
        during: The status that it goes to that end from, when it has had it for its time; not for
            ``completed``. A job whose circuits do not come to it (a ``simulate`` job is never
            ``running``) has the nearest that they do come to, not later in a life. None for the
            last one, ``running`` or ``simulating``.
        message: What its ``status_messages`` entry says; None for a general text. Not for
            ``completed`` and ``stuck``, which have none.

    Raises:
        ValueError: It has no sense, and why.
    """

    becomes: Becomes
    during: CircuitStatus | None = attrs.field(default=None, kw_only=True, converter=_status)
    message: str | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        known = get_args(Becomes)
        _check(
            self.becomes in known,
            f"a circuit becomes one of {', '.join(known)}, not {self.becomes!r}",
        )
        if self.during is not None:
            _check(
                isinstance(self.during, _S) and self.during not in _NOT_DURING,
                f"during is a status that passes, not {self.during!r}",
            )
            _check(
                self.becomes != "completed",
                "a circuit that becomes completed does so after its last status, not during one",
            )
        if self.message is not None:
            _check(is_message(self.message), f"a message is a text, not {self.message!r}")
            _check(
                self.becomes in _MESSAGES, f"a circuit that becomes {self.becomes} has no message"
            )

    @property
    def told(self) -> str | None:
        """The message, or the general text."""
        return self.message if self.message is not None else _MESSAGES.get(self.becomes)

    def __repr__(self) -> str:
        # What is as it would be anyway only hides what matters.
        told = [repr(self.becomes)]
        if self.during is not None:
            told.append(f"during={str(self.during)!r}")
        if self.message is not None:
            told.append(f"message={self.message!r}")
        return f"Ending({', '.join(told)})"


def _frozen(circuits: Any) -> Any:
    return FrozenMapping(circuits) if isinstance(circuits, Mapping) else circuits


@attrs.frozen(kw_only=True)
class Plan:
    """What is to become of one job: how long things take, and how each circuit ends.

    >>> Plan(queue_seconds=36_000, circuits={1: Ending("failed")}).of(1)
    Ending('failed')

    Times are exact, and the same for all circuits of the job. Where one is None, each circuit goes
    at its own pace, as it does without a plan. All other statuses last as long as without a plan.

    Attributes:
        queue_seconds: How long a circuit is ``pending`` (of a ``submit`` job), or
            ``awaiting_simulation`` (``simulate``), or ``awaiting_compile`` (``compile``).
        compile_seconds: How long it is ``compiling``; a ``verbatim`` job never is.
        run_seconds: How long it is ``running`` or ``simulating``; a ``compile`` job never is.
        ending: How each circuit ends,
        circuits: but those of these indexes, from 0, which end otherwise. An index that the job
            does not have is of no account.

    Raises:
        ValueError: It has no sense, and why.
    """

    queue_seconds: float | None = None
    compile_seconds: float | None = None
    run_seconds: float | None = None
    ending: Ending = Ending("completed")
    circuits: Mapping[int, Ending] = attrs.field(factory=FrozenMapping, converter=_frozen)

    def __attrs_post_init__(self) -> None:
        for name in ("queue_seconds", "compile_seconds", "run_seconds"):
            seconds = getattr(self, name)
            _check(
                seconds is None or _is_amount(seconds),
                f"{name} must be a number of seconds, 0 or more, not {seconds!r}",
            )
        _check(isinstance(self.ending, Ending), f"ending must be an Ending, not {self.ending!r}")
        _check(
            isinstance(self.circuits, FrozenMapping),
            f"circuits must map indexes to endings, not be {self.circuits!r}",
        )
        for index, ending in self.circuits.items():
            _check(type(index) is int and index >= 0, f"an index is a number from 0, not {index!r}")
            _check(
                isinstance(ending, Ending), f"circuit {index} must have an Ending, not {ending!r}"
            )

    def of(self, index: int) -> Ending:
        """How the circuit of this index ends."""
        return self.circuits.get(index, self.ending)


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


@attrs.frozen(kw_only=True)
class _Entry:
    plan: Plan
    tag: str | None
    target: str | None

    def fits(self, tags: Collection[str], target: str) -> bool:
        return (self.tag is None or self.tag in tags) and self.target in {None, target}


class PlanQueue:
    """The plans that wait for their jobs. Not guarded: its owner has a lock."""

    def __init__(self) -> None:
        self._once: list[_Entry] = []
        self._always: list[_Entry] = []

    def __len__(self) -> int:
        """How many wait for one job each."""
        return len(self._once)

    def add(self, plans: Collection[Plan], *, tag: str | None, target: str | None) -> None:
        """Add plans for one job each, behind those that wait."""
        self._once += [_Entry(plan=plan, tag=tag, target=target) for plan in plans]

    def set_always(self, plan: Plan, *, tag: str | None, target: str | None) -> None:
        """Have a plan for all the jobs that no other is for; in place of one for the same jobs."""
        entry = _Entry(plan=plan, tag=tag, target=target)
        kept = [e for e in self._always if (e.tag, e.target) != (tag, target)]
        self._always = [entry, *kept]

    def take(self, *, tags: Collection[str], target: str) -> Plan | None:
        """The plan of a job that comes now."""
        for index, entry in enumerate(self._once):
            if entry.fits(tags, target):
                del self._once[index]
                return entry.plan
        return next((e.plan for e in self._always if e.fits(tags, target)), None)
