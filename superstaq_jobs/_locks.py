"""A lock that a forked process can use.

Lives here: ``ForkSafeLock``. Imports nothing of this package.
"""

from __future__ import annotations

import os
import threading

__all__ = ["ForkSafeLock"]


class ForkSafeLock:
    """A lock whose copy in a forked process is free, and its own.

    A plain one that another thread held during the fork would stay locked in the child for ever.
    """

    __slots__ = ("_lock", "_pid")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def of_this_process(self) -> threading.Lock:
        """The lock itself, to hold in a ``with`` statement.

        That one takes it and gives it back without a step of Python between, so that a Ctrl-C
        cannot leave it locked.
        """
        if self._pid != os.getpid():
            self._lock = threading.Lock()
            self._pid = os.getpid()
        return self._lock
