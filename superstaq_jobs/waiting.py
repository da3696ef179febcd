"""The loop of a wait. It knows no HTTP.

Lives here: ``wait_for``, given a callable that observes. May import ``clock``, ``errors`` and
tenacity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import tenacity

from .clock import Clock
from .errors import InvalidValue, Problem

__all__ = ["RanOut", "wait_for"]

T = TypeVar("T")


class RanOut(Exception):
    """A wait's time ran out; the caller makes the user's error of it.

    Attributes:
        waited_seconds: How long it waited.
    """

    def __init__(self, waited_seconds: float) -> None:
        super().__init__(waited_seconds)
        self.waited_seconds = waited_seconds


def wait_for(
    observe: Callable[[], T],
    is_done: Callable[[T], bool],
    *,
    clock: Clock,
    timeout_seconds: float | None,
    polling_seconds: float,
) -> T:
    """Observe again and again until something is so.

    It looks at once, then every ``polling_seconds``. The last pause ends at the deadline, where it
    looks once more, so that what was so in time is seen whatever the interval.

    Args:
        observe: Looks once. What it raises ends the wait.
        is_done: Whether what was seen is what was waited for.
        clock: The clock; only its monotonic side is used.
        timeout_seconds: How long to wait at the most; None without a limit, 0 to look once.
        polling_seconds: The pause between two looks, 0 or more.

    Returns:
        What was seen last, which is what was waited for.

    Raises:
        InvalidValue: If a number is out of its range; nothing was observed.
        RanOut: If the time ran out.
    """
    _check(timeout_seconds, polling_seconds)
    started = clock.now()
    deadline = math.inf if timeout_seconds is None else started + timeout_seconds

    def is_late(_state: tenacity.RetryCallState) -> bool:
        return clock.now() >= deadline

    def pause(_state: tenacity.RetryCallState) -> float:
        return min(polling_seconds, max(0.0, deadline - clock.now()))

    def give_up(_state: tenacity.RetryCallState) -> T:
        raise RanOut(clock.now() - started)

    return tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda seen: not is_done(seen)),
        stop=is_late,
        wait=pause,
        sleep=clock.sleep,
        retry_error_callback=give_up,
    )(observe)


def _check(timeout_seconds: float | None, polling_seconds: float) -> None:
    given = {"timeout_seconds": timeout_seconds, "polling_seconds": polling_seconds}
    problems = [
        Problem(name, f"{seconds!r} is no number of seconds, 0 or more")
        for name, seconds in given.items()
        if not (name == "timeout_seconds" and seconds is None) and not _is_time(seconds)
    ]
    if problems:
        raise InvalidValue("a wait", problems)


def _is_time(seconds: object) -> bool:
    return (
        isinstance(seconds, int | float)
        and not isinstance(seconds, bool)
        and 0 <= seconds < math.inf
    )
