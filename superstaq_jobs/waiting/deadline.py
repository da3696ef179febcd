"""When a wait polls, and when it gives up. Knows nothing of jobs or of HTTP."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from superstaq_jobs.clock import Clock

__all__ = ["Deadline", "PollSchedule"]

_KEPT_FAILURES: Final = 20
_LONGEST_RESERVE_SECONDS: Final = 1.0
_LONGEST_RESERVE_SHARE: Final = 0.1


class Deadline:
    """The time of one wait: how much is left, when the last poll begins, and which polls failed.

    Polling ends slightly before the deadline, by the time that a poll takes, so that a slow poll
    does not overrun it. The last pause is cut short to end there too, so that a job that finished
    in time is seen whatever the polling interval.

    A timeout of 0 allows a single poll; None, any number of them.
    """

    def __init__(self, clock: Clock, timeout_seconds: float | None) -> None:
        self._clock = clock
        self._started = clock.now()
        self._timeout_seconds = timeout_seconds
        self._ends = math.inf if timeout_seconds is None else self._started + timeout_seconds
        self._poll_seconds = 0.0
        self._failures: deque[Exception] = deque(maxlen=_KEPT_FAILURES)
        self._num_failures = 0

    @property
    def allows_one_poll(self) -> bool:
        """Whether there is time for a single poll only."""
        return self._timeout_seconds == 0

    def seconds_left(self) -> float:
        """Seconds until the deadline; infinite if there is none."""
        return self._ends - self._clock.now()

    def seconds_for_requests(self) -> float | None:
        """How long a request that begins now may take; None for no limit but the client's.

        The only poll of a wait may take as long as any request; the last of several may not.
        """
        is_unlimited = self.allows_one_poll or self._ends == math.inf
        return None if is_unlimited else max(0.0, self.seconds_left())

    def seconds_to_last_poll(self) -> float:
        """Seconds until the last poll should begin; 0 or less if there should be no other."""
        if self._timeout_seconds is None:
            return math.inf
        reserve = min(
            2 * self._poll_seconds,
            _LONGEST_RESERVE_SHARE * self._timeout_seconds,
            _LONGEST_RESERVE_SECONDS,
        )
        return self._ends - reserve - self._clock.now()

    def waited_seconds(self) -> float:
        """How long the wait has lasted."""
        return self._clock.now() - self._started

    def note_poll(self, seconds: float) -> None:
        """Record how long a poll took."""
        self._poll_seconds = seconds

    def note_failure(self, error: Exception) -> None:
        """Record a transient failure."""
        self._num_failures += 1
        self._failures.append(error)

    def failures(self) -> tuple[tuple[Exception, ...], int]:
        """The last transient failures, at most 20, and how many there were."""
        return tuple(self._failures), self._num_failures


class PollSchedule:
    """Decides after each poll whether there is another one, and after which pause.

    tenacity makes the decision, one step at a time. It neither sleeps nor calls anything here, so
    the same decisions serve a thread, which sleeps, and a coroutine, which awaits.
    """

    def __init__(self, deadline: Deadline, pause_seconds: Callable[[], float]) -> None:
        import tenacity  # not needed by a program that only holds a handle

        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda is_open: is_open),
            stop=lambda _: deadline.seconds_to_last_poll() <= 0,
            # The last pause ends where the last poll begins, whatever the interval.
            wait=lambda _: max(0.0, min(deadline.seconds_to_last_poll(), pause_seconds())),
            retry_error_callback=lambda _: None,  # the wait reports by itself that it timed out
        )
        self._state = tenacity.RetryCallState(self._retrying, fn=None, args=(), kwargs={})

    def pause_after(self, is_open: bool) -> float | None:
        """The pause before the next poll, in seconds; None if that one was the last.

        ``is_open`` says whether it left a job open.
        """
        self._state.set_result(is_open)
        # tenacity keeps its statistics per thread, and a wait may continue in another one.
        self._retrying.begin()
        self._retrying.iter(self._state)
        action = self._state.next_action
        if action is None:
            return None
        self._state.prepare_for_next_attempt()
        return float(action.sleep)
