"""A clock for waits of this library that records how long each of their rounds took."""

from __future__ import annotations

import superstaq_jobs as sj

__all__ = ["NotingClock"]


class NotingClock(sj.SystemClock):
    """The system clock, which also records the time from one sleep to the next.

    Attributes:
        rounds: The times between sleeps in seconds; the first starts when the clock is made, or
            with ``begin``.
    """

    __slots__ = ("_since", "rounds")

    def __init__(self) -> None:
        self.rounds: list[float] = []
        self.begin()

    def begin(self) -> None:
        """Start the first round now."""
        self._since = self.now()

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""
        self.rounds.append(self.now() - self._since)
        super().sleep(seconds)
        self.begin()
