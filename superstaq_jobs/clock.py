"""Time, passed as an argument: clients and waits take a ``Clock``.

A test passes ``superstaq_jobs.testing.FakeClock``, which is a ``VirtualClock``.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Protocol, runtime_checkable

__all__ = ["Clock", "SystemClock", "VirtualClock"]


class Clock(Protocol):
    """What this library needs to know about time."""

    def now(self) -> float:
        """Seconds since some fixed point; never goes back (for deadlines and intervals)."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass, 0 or more."""

    def utcnow(self) -> dt.datetime:
        """The date and time, aware, in UTC (for time stamps)."""


@runtime_checkable
class VirtualClock(Clock, Protocol):
    """A clock on which time passes only when a program says so.

    What takes real time, such as a connection or a simulation, takes none on it. Any clock with a
    method ``advance`` is treated as a virtual one.
    """

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass without a sleep, 0 or more."""


class SystemClock:
    """The machine's clocks: the monotonic one for deadlines, the wall clock for time stamps."""

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
