"""A clock for waits of this library that notes how long each of their rounds took."""

from __future__ import annotations

import superstaq_jobs as sj

__all__ = ["NotingClock"]


class NotingClock(sj.SystemClock):
    """Sleeps as the machine does, and notes how long it was from one sleep to the next.

    Attributes:
        rounds: The times in between, the first from the making of the clock or ``begin`` on;
            seconds.
    """

    __slots__ = ("_since", "rounds")

    def __init__(self) -> None:
        self.rounds: list[float] = []
        self.begin()

    def begin(self) -> None:
        """Let the first round begin now."""
        self._since = self.now()

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""
        self.rounds.append(self.now() - self._since)
        super().sleep(seconds)
        self.begin()
