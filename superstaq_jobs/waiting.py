"""The loop of a wait. It knows no HTTP.

Lives here: ``wait_for``, given a callable that observes, and the ``Countdown`` that it and the loop
of many waits go by. May import ``clock``, ``errors``,
``policy`` and tenacity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from .clock import Clock
from .errors import InvalidValue, Problem
from .policy import is_amount

if TYPE_CHECKING:
    import tenacity

__all__ = ["Countdown", "RanOut", "wait_for"]

T = TypeVar("T")

_KEPT_FAILURES: Final = 20
_LONGEST_RESERVE_SECONDS: Final = 1.0
_LONGEST_RESERVE_SHARE: Final = 0.1


class RanOut(Exception):
    """A wait's time ran out; the caller makes the user's error of it.

    Attributes:
        waited_seconds: How long it waited.
        failures: The last of the failures that it absorbed, 20 at most.
        num_failures: How many there were.
    """

    def __init__(
        self, waited_seconds: float, failures: tuple[Exception, ...], num_failures: int
    ) -> None:
        super().__init__(waited_seconds)
        self.waited_seconds = waited_seconds
        self.failures = failures
        self.num_failures = num_failures


class Countdown:
    """The time of one wait: when its next look may begin, how it goes, and what failed.

    It ends at the deadline; or rather a little before, by what a look takes, so that a slow look
    does not carry the wait past its deadline. The last pause ends there too, so that what was so in
    time is seen whatever the interval.

    Args:
        clock: The clock; only its monotonic side is used.
        timeout_seconds: How long to wait at the most; None without a limit, 0 to look once.

    Raises:
        InvalidValue: If the timeout is out of its range.
    """

    def __init__(self, clock: Clock, timeout_seconds: float | None) -> None:
        if timeout_seconds is not None and not is_amount(timeout_seconds):
            what = f"{timeout_seconds!r} is no number of seconds, 0 or more"
            raise InvalidValue("a wait", [Problem("timeout_seconds", what)])
        self._clock = clock
        self._started = clock.now()
        self._timeout_seconds = timeout_seconds
        self._deadline = math.inf if timeout_seconds is None else self._started + timeout_seconds
        self._last_look = 0.0
        self._failures: list[Exception] = []
        self._num_failures = 0

    @property
    def looks_once(self) -> bool:
        """Whether there is time for one look only."""
        return self._timeout_seconds == 0

    def seconds_left(self) -> float:
        """Until the deadline; infinite without one."""
        return self._deadline - self._clock.now()

    def seconds_to_last_look(self) -> float:
        """Until the last look should begin; 0 or less if no other is to."""
        if self._timeout_seconds is None:
            return math.inf
        reserve = min(
            2 * self._last_look,
            _LONGEST_RESERVE_SHARE * self._timeout_seconds,
            _LONGEST_RESERVE_SECONDS,
        )
        return self._deadline - reserve - self._clock.now()

    def looked(self, seconds: float) -> None:
        """Take in how long a look took."""
        self._last_look = seconds

    def failed(self, error: Exception) -> None:
        """Take in a failure that the wait absorbs."""
        self._num_failures += 1
        self._failures[:] = [*self._failures[1 - _KEPT_FAILURES :], error]

    def ran_out(self) -> RanOut:
        """The end of the wait, as it would be now."""
        waited = self._clock.now() - self._started
        return RanOut(waited, tuple(self._failures), self._num_failures)


def wait_for(
    observe: Callable[[float], T],
    is_done: Callable[[T], bool],
    *,
    clock: Clock,
    timeout_seconds: float | None,
    pause: Callable[[T | None, Exception | None], float],
    absorbs: Callable[[BaseException], bool] = lambda _error: False,
) -> T:
    """Observe again and again until something is so.

    It looks at once, then after each pause, as long as its ``Countdown`` allows.

    Args:
        observe: Looks once, given the seconds that are left (infinite without a limit). What it
            raises ends the wait, unless it is absorbed.
        is_done: Whether what was seen is what was waited for.
        clock: The clock; only its monotonic side is used.
        timeout_seconds: How long to wait at the most; None without a limit, 0 to look once.
        pause: The seconds until the next look, from what was seen last or how it failed.
        absorbs: Whether a failure to look is passed over, and the wait goes on.

    Returns:
        What was seen last, which is what was waited for.

    Raises:
        InvalidValue: If the timeout is out of its range; nothing was observed.
        RanOut: If the time ran out.
    """
    import tenacity  # loaded for those who wait

    countdown = Countdown(clock, timeout_seconds)

    def look() -> T:
        began = clock.now()
        try:
            return observe(countdown.seconds_left())
        finally:
            countdown.looked(clock.now() - began)

    def next_pause(state: tenacity.RetryCallState) -> float:
        outcome = state.outcome
        error = outcome.exception() if outcome is not None else None
        if isinstance(error, Exception):
            countdown.failed(error)
            wanted = pause(None, error)
        else:
            wanted = pause(outcome.result() if outcome is not None else None, None)
        return max(0.0, min(wanted, countdown.seconds_to_last_look()))

    def give_up(_state: tenacity.RetryCallState) -> T:
        raise countdown.ran_out()

    return tenacity.Retrying(
        retry=tenacity.retry_any(
            tenacity.retry_if_result(lambda seen: not is_done(seen)),
            tenacity.retry_if_exception(absorbs),
        ),
        stop=lambda _state: countdown.seconds_to_last_look() <= 0,
        wait=next_pause,
        sleep=clock.sleep,
        retry_error_callback=give_up,
    )(look)
