"""Time, as an argument.

Lives here: the ``Clock`` that clients and waits take, the real one, and what a ``VirtualClock`` has
beyond it. Imports nothing of this package. A test passes ``superstaq_jobs.testing.FakeClock``, a
virtual one.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Protocol, runtime_checkable

__all__ = ["Clock", "SystemClock", "VirtualClock"]


class Clock(Protocol):
    """What this library needs to know of time."""

    def now(self) -> float:
        """Seconds from some fixed point; never goes back (deadlines and intervals)."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass; 0 or more."""
        ...

    def utcnow(self) -> dt.datetime:
        """The date and time, aware, in UTC (time stamps)."""
        ...


@runtime_checkable
class VirtualClock(Clock, Protocol):
    """A clock on which time passes only as a program says.

    What takes real time, a connection or a simulation, takes none on it. Any clock with an
    ``advance`` is taken for one.
    """

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass without a sleep; 0 or more."""
        ...


class SystemClock:
    """The machine's clocks: monotonic for deadlines, wall clock for time stamps."""

    __slots__ = ()

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""
        time.sleep(seconds)

    def utcnow(self) -> dt.datetime:
        """The date and time of the wall clock, in UTC."""
        return dt.datetime.now(dt.UTC)
