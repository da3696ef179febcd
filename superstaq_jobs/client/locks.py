"""Locks that are free in a forked process, and those of submission keys."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Final
from weakref import WeakValueDictionary

from superstaq_jobs.errors import RequestTimeout

__all__ = ["ForkSafeLock", "SubmissionKeys"]


_FIRST_USES: Final[dict[int, threading.RLock]] = {}
"""For each process that was forked, a lock for replacing those of its parent."""


class ForkSafeLock:
    """A lock that is free again in a forked process.

    A plain lock that another thread holds during the fork would stay locked in the child forever.
    """

    __slots__ = ("__weakref__", "_lock", "_pid")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._pid = os.getpid()

    def of_this_process(self) -> threading.RLock:
        """The lock itself, to be held in a ``with`` statement directly.

        A ``with`` statement takes and releases it without running Python code in between, so Ctrl-C
        cannot leave it locked; and a signal handler that needs it too does not wait for itself.
        """
        pid = os.getpid()
        if self._pid != pid:
            with _FIRST_USES.setdefault(pid, threading.RLock()):
                if self._pid != pid:  # another thread may have been faster
                    self._lock = threading.RLock()
                    self._pid = pid
        return self._lock


class SubmissionKeys:
    """What the threads of one client share about submission keys.

    Attributes:
        are_kept: Whether the latest job with a key was found by it. If not, a query that
            finds no job by its key does not prove that there is none.
    """

    def __init__(self) -> None:
        self.are_kept = False
        self._guard = ForkSafeLock()
        self._locks: WeakValueDictionary[str, ForkSafeLock] = WeakValueDictionary()

    @contextlib.contextmanager
    def turn(self, key: str, *, timeout_seconds: float) -> Iterator[None]:
        """Keep other threads from using a key; wait for the one that uses it.

        Raises ``RequestTimeout`` if that takes longer than the timeout, in real seconds.
        """
        with self._guard.of_this_process():
            mine = self._locks.setdefault(key, ForkSafeLock())  # forgotten when nobody uses it
        lock = mine.of_this_process()
        if not lock.acquire(timeout=min(max(timeout_seconds, 0.0), threading.TIMEOUT_MAX)):
            raise RequestTimeout(
                f"another thread was still submitting a job with the submission key {key!r}, so "
                "nothing was sent: call again, or allow a longer timeout_seconds",
                sent=False,
            )
        try:
            yield
        finally:
            lock.release()
