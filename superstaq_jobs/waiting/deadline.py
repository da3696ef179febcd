"""When a wait looks, and when it gives up. It knows no job and no HTTP.

Lives here: the ``Countdown`` that a wait goes by, and ``Looks``, which asks tenacity whether there
is to be another look, and after which pause. May import ``clock``, ``errors``, ``policy`` and
tenacity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from superstaq_jobs.clock import Clock
from superstaq_jobs.errors import InvalidValue, Problem
from superstaq_jobs.records.fields import is_amount

__all__ = ["Countdown", "Looks", "check_timeout"]

_KEPT_FAILURES: Final = 20
_LONGEST_RESERVE_SECONDS: Final = 1.0
_LONGEST_RESERVE_SHARE: Final = 0.1


def check_timeout(timeout_seconds: float | None) -> None:
    """Refuse what is no timeout of a wait.

    Raises:
        InvalidValue: If it is neither None nor a finite number of seconds, 0 or more.
    """
    if timeout_seconds is not None and not is_amount(timeout_seconds):
        what = f"{timeout_seconds!r} is no number of seconds, 0 or more"
        raise InvalidValue("a wait", [Problem("timeout_seconds", what)])


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
        check_timeout(timeout_seconds)
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

    def seconds_for_requests(self) -> float | None:
        """How long a request that begins now may take; None without a limit.

        A wait that is to look once may take as long as a request; the last look of another not.
        """
        is_unbounded = self.looks_once or self._deadline == math.inf
        return None if is_unbounded else max(0.0, self.seconds_left())

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

    def waited_seconds(self) -> float:
        """How long it has lasted."""
        return self._clock.now() - self._started

    def looked(self, seconds: float) -> None:
        """Take in how long a look took."""
        self._last_look = seconds

    def failed(self, error: Exception) -> None:
        """Take in a failure that the wait absorbs."""
        self._num_failures += 1
        self._failures[:] = [*self._failures[1 - _KEPT_FAILURES :], error]

    def failures(self) -> tuple[tuple[Exception, ...], int]:
        """The last of the failures that were absorbed, 20 at most, and how many there were."""
        return tuple(self._failures), self._num_failures


class Looks:
    """Looks that go on while something is open and there is time, for a loop that pauses itself.

    tenacity decides, step by step, as it does in its own loops; so the same decisions serve a
    thread, which sleeps, and a coroutine, which awaits.

    Args:
        countdown: The time there is.
        pause_seconds: How long to wait after a look that left something open.
    """

    def __init__(self, countdown: Countdown, pause_seconds: Callable[[], float]) -> None:
        import tenacity  # by those who wait, not by all who have a handle

        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda is_open: is_open),
            stop=lambda _: countdown.seconds_to_last_look() <= 0,
            # The last pause ends where the last look begins, whatever the interval.
            wait=lambda _: max(0.0, min(countdown.seconds_to_last_look(), pause_seconds())),
            retry_error_callback=lambda _: None,  # out of time is for the wait to tell
        )
        self._state = tenacity.RetryCallState(self._retrying, fn=None, args=(), kwargs={})

    def pause_after(self, is_open: bool) -> float | None:
        """The pause between a look and the next one, in seconds; None if there is no next one.

        Args:
            is_open: Whether the look left something open.
        """
        self._state.set_result(is_open)
        # tenacity keeps its statistics by thread, and a wait may go on in another one.
        self._retrying.begin()
        self._retrying.iter(self._state)
        action = self._state.next_action
        if action is None:
            return None
        self._state.prepare_for_next_attempt()
        return float(action.sleep)
