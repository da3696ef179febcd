"""Plans: how a test says in advance what will happen to jobs."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

import attrs
from attrs.converters import optional

from superstaq_jobs.records import CircuitStatus, FrozenMapping, fields
from superstaq_jobs.records.problems import InvalidValue, check_type, shown

__all__ = ["DEFAULT_MESSAGES", "Becomes", "Ending", "Plan", "PlanQueue"]

_S = CircuitStatus

Becomes = Literal["completed", "failed", "cancelled", "unrecognized", "deleted", "stuck"]
"""The final status of a circuit, or ``stuck`` if it is to have none."""

DEFAULT_MESSAGES: Final = {
    "failed": "The device failed.",
    "cancelled": "Cancelled by the operator.",
    "deleted": "Deleted by the operator.",
    "unrecognized": None,
}
"""The endings before the result, with the messages of those that are not given one."""

_DURING: Final = {status for status in _S if not status.is_terminal and status is not _S.UNKNOWN}


def _becomes(value: Becomes) -> Any:
    known = get_args(Becomes)
    return fields.valid(value, value in known, f"must be one of {', '.join(known)}")


def _during(value: CircuitStatus | str | None) -> Any:
    if isinstance(value, str) and value in _DURING:
        return _S(value)
    return fields.valid(value, value is None, "must be a non-terminal status")


def _ending(value: Ending) -> Ending:
    return fields.instance(value, Ending)


def _endings(value: Mapping[int, Ending]) -> Any:
    fits = fields.is_a(value, Mapping) and all(
        type(index) is int and index >= 0 and fields.is_a(ending, Ending)
        for index, ending in value.items()
    )
    if not fits:
        return fields.bad(f"must map indices >= 0 to Endings, got {shown(value)}")
    return FrozenMapping(value)


@attrs.frozen
class Ending:
    """How a circuit ends.

    >>> Ending("failed", during="compiling", message="The compiler ran out of memory.").becomes
    'failed'

    A circuit that cannot be compiled or run fails on its own, if the plan lets it get that far.

    Attributes:
        becomes: The final status. A ``completed`` circuit has counts; a ``stuck`` one stays in the
            status ``during`` forever.
        during: The status from which it goes to its end, after the usual time in it; not for
            ``completed``. If a job never has this status (a ``simulate`` job is never ``running``),
            the closest earlier one that it does have. None for the last one, ``running`` or
            ``simulating``.
        message: Its entry in ``status_messages``; None for a default message. Not for ``completed``
            and ``stuck``, which have none.

    Raises:
        ValueError: The values are invalid or contradict each other.
    """

    becomes: Becomes = attrs.field(converter=_becomes)
    during: CircuitStatus | None = attrs.field(default=None, kw_only=True, converter=_during)
    message: str | None = attrs.field(default=None, kw_only=True, converter=optional(fields.string))

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self)
        if self.becomes == "completed" and self.during is not None:
            raise InvalidValue("a completed circuit ends after its last status: leave during out")
        if self.becomes not in DEFAULT_MESSAGES and self.message is not None:
            raise InvalidValue(f"a {self.becomes} circuit has no message: leave message out")


@attrs.frozen(kw_only=True)
class Plan(fields.Checked):
    """How one job will go: how long each stage takes, and how each circuit ends.

    >>> Plan(queue_seconds=36_000, circuits={1: Ending("failed")}).of(1).becomes
    'failed'

    Durations are exact and the same for all circuits of the job. Where one is None, each circuit
    has its own pace, as it does without a plan. All other statuses last as long as without a plan.

    Attributes:
        queue_seconds: How long a circuit is ``pending`` (``submit`` jobs), ``awaiting_simulation``
            (``simulate``) or ``awaiting_compile`` (``compile``), in seconds, >= 0.
        compile_seconds: How long it is ``compiling``; ``verbatim`` jobs never are.
        run_seconds: How long it is ``running`` or ``simulating``; ``compile`` jobs never are.
        ending: How each circuit ends.
        circuits: Other endings for individual circuits, by index from 0. An index that the job does
            not have is ignored.

    Raises:
        ValueError: A value is invalid.
    """

    queue_seconds: float | None = attrs.field(default=None, converter=optional(fields.seconds))
    compile_seconds: float | None = attrs.field(default=None, converter=optional(fields.seconds))
    run_seconds: float | None = attrs.field(default=None, converter=optional(fields.seconds))
    ending: Ending = attrs.field(default=Ending("completed"), converter=_ending)
    circuits: Mapping[int, Ending] = attrs.field(factory=FrozenMapping, converter=_endings)

    def of(self, index: int) -> Ending:
        """The ending of the circuit with this index."""
        check_type(int, index=index)
        return self.circuits.get(index, self.ending)


class _Entry(NamedTuple):
    plan: Plan
    tag: str | None
    target: str | None
    always: bool


class PlanQueue:
    """The plans that have not been used yet. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []

    def add(
        self, plans: Iterable[Plan], *, tag: str | None, target: str | None, always: bool = False
    ) -> None:
        """Append plans for one job each, or, always, set the plan of jobs without their own."""
        with self._lock:
            self._entries += [_Entry(plan, tag, target, always) for plan in plans]

    def take(self, *, tags: Collection[str], target: str) -> Plan | None:
        """The plan for a job that arrives now, or None."""
        always = None
        with self._lock:
            for place, entry in enumerate(self._entries):
                if entry.tag in {None, *tags} and entry.target in {None, target}:
                    if not entry.always:
                        return self._entries.pop(place).plan
                    always = entry.plan
        return always
