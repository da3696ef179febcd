"""What all calls of one client share: a budget of repetitions, the spacing of looks, the counts.

Lives here: ``Traffic``, the only state that a client has, and ``TrafficCounts``, a copy of its
numbers. Time comes in as an argument. May import ``_locks``.
"""

from __future__ import annotations

import os
import threading
from typing import Final

import attrs

__all__ = ["ForkSafeLock", "Traffic", "TrafficCounts"]

_BACK_FOR_SUCCESS: Final = 0.1
_BACK_PER_SECOND: Final = 0.1
_LONGEST_TURN_SECONDS: Final = 5.0


@attrs.frozen(kw_only=True)
class TrafficCounts:
    """How much a client has sent and received so far.

    Attributes:
        calls: Calls that were made: fetches, submissions, cancellations, looks of a wait.
        requests: Requests that were sent for them, repetitions included.
        repetitions: Those of the requests that were sent again after a failure.
        failures: Requests that brought no good answer.
        body_bytes: Bytes of the answers' bodies, decompressed.
    """

    calls: int = 0
    requests: int = 0
    repetitions: int = 0
    failures: int = 0
    body_bytes: int = 0


class Traffic:
    """The shared state of a client's calls. Any number of threads may use it.

    Args:
        budget: How many repetitions may be in hand at the most, and are at first.
        looks_per_second: How many looks of waits may begin in a second.
    """

    def __init__(self, *, budget: float, looks_per_second: float) -> None:
        self._capacity = budget
        self._budget = budget
        self._refilled_at: float | None = None
        self._look_seconds = 1 / looks_per_second
        self._next_look: float | None = None
        self._counts = dict.fromkeys((f.name for f in attrs.fields(TrafficCounts)), 0)
        self._lock = ForkSafeLock()

    def take_repetition(self, now: float) -> bool:
        """Take one repetition out of the budget; False, and nothing is taken, if it is empty.

        Args:
            now: The time on a monotonic clock, in seconds.
        """
        with self._lock.of_this_process():
            if self._refilled_at is not None:
                self._refill(_BACK_PER_SECOND * (now - self._refilled_at))
            self._refilled_at = now
            if self._budget < 1:
                return False
            self._budget -= 1
            return True

    def _refill(self, amount: float) -> None:
        self._budget = min(self._capacity, self._budget + max(0.0, amount))

    def look_in(self, now: float) -> float:
        """How long a look that would like to begin now has to wait for its turn; seconds.

        Waits that began together are spread out, so that they do not all ask at one moment.

        Args:
            now: The time on a monotonic clock, in seconds.
        """
        with self._lock.of_this_process():
            turn = now if self._next_look is None else max(now, self._next_look)
            if turn - now > _LONGEST_TURN_SECONDS:
                return _LONGEST_TURN_SECONDS
            self._next_look = turn + self._look_seconds
            return turn - now

    def count_call(self) -> None:
        """Count a call."""
        self._add(calls=1)

    def count_request(self, *, is_repetition: bool) -> None:
        """Count a request."""
        self._add(requests=1, repetitions=int(is_repetition))

    def count_answer(self, body_bytes: int, *, is_good: bool) -> None:
        """Count an answer; a good one gives a little of the budget back."""
        self._add(body_bytes=body_bytes, failures=int(not is_good))
        if is_good:
            with self._lock.of_this_process():
                self._refill(_BACK_FOR_SUCCESS)

    def count_no_answer(self) -> None:
        """Count a request that no answer came to."""
        self._add(failures=1)

    def _add(self, **counts: int) -> None:
        with self._lock.of_this_process():
            for name, number in counts.items():
                self._counts[name] += number

    def counts(self) -> TrafficCounts:
        """The numbers as they are now."""
        with self._lock.of_this_process():
            return TrafficCounts(**self._counts)


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
