"""When a wait polls, and when it gives up. Knows nothing of jobs or of HTTP."""

from __future__ import annotations

import math
from typing import Final

from superstaq_jobs.clock import Clock

__all__ = ["Alarm", "Deadline"]

_OVERSLEPT_SECONDS: Final = 1.0
_LATE_POLL_SECONDS: Final = 5.0
_FIRST_ALARM_SECONDS: Final = 30.0
_LONGEST_RESERVE_SECONDS: Final = 1.0
_LONGEST_RESERVE_SHARE: Final = 0.1


class Deadline:
    """The time of one wait: how much is left, and when the last poll begins.

    Polling ends slightly before the deadline, by the time that a poll takes, so that a slow poll
    does not overrun it. The last pause is cut short to end there too, so that a job that finished
    in time is seen whatever the polling interval. If the program was suspended until after the
    deadline, there is one more poll, which may take 5 s.

    A timeout of 0 allows a single poll; None, any number of them. ``clock`` is the wait's clock.
    """

    def __init__(self, clock: Clock, timeout_seconds: float | None) -> None:
        self.clock = clock
        self._started = clock.now()
        self._timeout_seconds = timeout_seconds
        self._ends = math.inf if timeout_seconds is None else self._started + timeout_seconds
        self._poll_seconds = 0.0

    @property
    def allows_only_one_poll(self) -> bool:
        """Whether there is time for a single poll only."""
        return self._timeout_seconds == 0

    def seconds_left(self) -> float:
        """Seconds until the deadline; infinite if there is none."""
        return self._ends - self.clock.now()

    def seconds_for_requests(self) -> float | None:
        """How long a request that begins now may take; None for no limit but the client's.

        The only poll of a wait may take as long as any request; the last of several may not.
        """
        if self.allows_only_one_poll or self._ends == math.inf:
            return None
        return _LATE_POLL_SECONDS if self._is_overslept else max(0.0, self.seconds_left())

    @property
    def is_past(self) -> bool:
        """Whether it is too late for another request."""
        return not (self.allows_only_one_poll or self._is_overslept) and self.seconds_left() < 0

    @property
    def _is_overslept(self) -> bool:
        # No request of the wait takes as long: the machine, or the caller, slept.
        return not self.allows_only_one_poll and self.seconds_left() < -_OVERSLEPT_SECONDS

    def seconds_to_last_poll(self) -> float:
        """Seconds until the last poll should begin; 0 or less if there should be no other."""
        if self._timeout_seconds is None:
            return math.inf
        reserve = min(
            2 * self._poll_seconds,
            _LONGEST_RESERVE_SHARE * self._timeout_seconds,
            _LONGEST_RESERVE_SECONDS,
        )
        return self._ends - reserve - self.clock.now()

    def pause_before_next(self, seconds: float, *, last_began: float) -> float | None:
        """The pause before the next poll of a job, in seconds; None if the last one was the last.

        ``seconds`` is the pause if there is time for it; the last poll began at ``last_began``.
        """
        left = self.seconds_to_last_poll()
        may_be_late = self._is_overslept and last_began < self._ends
        if left <= 0 and not may_be_late:
            return None
        # The last pause ends where the last poll begins, whatever the interval.
        return max(0.0, min(left, seconds))

    def waited_seconds(self) -> float:
        """How long the wait has lasted."""
        return self.clock.now() - self._started

    def note_poll(self, seconds: float) -> None:
        """Record how long a poll took."""
        self._poll_seconds = seconds


class Alarm:
    """Decides when a wait that gets no response warns: after 30 s, then at doubled times."""

    def __init__(self) -> None:
        self._rang_at = self._next_at = -math.inf

    def rings(self, now: float, *, since: float) -> bool:
        """Whether to warn now of failures that began at some time; of new ones anew."""
        seconds = now - since
        is_known = since <= self._rang_at
        if seconds < _FIRST_ALARM_SECONDS or (is_known and now < self._next_at):
            return False
        self._rang_at, self._next_at = now, now + seconds
        return True
