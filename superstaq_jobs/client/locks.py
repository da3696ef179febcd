"""A lock that is free in a forked process."""

from __future__ import annotations

import os
import threading

__all__ = ["ForkSafeLock"]


class ForkSafeLock:
    """A lock of which a forked process gets a free one of its own.

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
        if self._pid != os.getpid():
            self._lock = threading.RLock()
            self._pid = os.getpid()
        return self._lock
