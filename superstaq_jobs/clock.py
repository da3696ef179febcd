"""Time, passed as an argument: clients and waits take a ``Clock``.

A test passes ``superstaq_jobs.testing.FakeClock``, which is a ``VirtualClock``.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Final, Protocol, runtime_checkable

from .records.problems import InvalidValue, is_amount, shown

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


_LONGEST_SLEEP: Final = 1e9
"""Seconds; the operating system refuses more than it can count."""


class SystemClock:
    """The machine's clocks: the monotonic one for deadlines, the wall clock for time stamps."""

    __slots__ = ()

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass.

        Raises:
            InvalidValue: If it is not a number of seconds >= 0.
        """
        if not is_amount(seconds):
            raise InvalidValue(f"seconds must be a number of seconds >= 0, got {shown(seconds)}")
        time.sleep(min(seconds, _LONGEST_SLEEP))

    def utcnow(self) -> dt.datetime:
        """The date and time of the wall clock, in UTC."""
        return dt.datetime.now(dt.UTC)
