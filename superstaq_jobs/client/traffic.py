"""What all calls of one client share: the retry budget, the spacing of polls, and the counters."""

from __future__ import annotations

import math
from typing import Final

import attrs

from superstaq_jobs.records.advice import explains_changes

from .locks import ForkSafeLock

__all__ = ["Traffic", "TrafficCounts"]

_REFILL_PER_SUCCESS: Final = 0.1
_REFILL_PER_SECOND: Final = 0.1
_LONGEST_DELAY_SECONDS: Final = 5.0


@explains_changes
@attrs.frozen(kw_only=True)
class TrafficCounts:
    """How much a client has sent and received so far."""

    calls: int = 0
    """The calls that were made: fetches, submissions, cancellations, polls of a wait."""

    requests: int = 0
    """The requests that were sent for them, retries included."""

    repetitions: int = 0
    """How many of the requests were retries."""

    failures: int = 0
    """The requests that got no response, or one with an error status."""

    body_bytes: int = 0
    """The bytes of the responses' bodies, decompressed."""


class Traffic:
    """The shared state of a client's calls. Thread-safe. Times are those of a monotonic clock.

    ``budget`` is how many retries are available at first, and at most.
    """

    def __init__(self, *, budget: float, polls_per_second: float) -> None:
        self._capacity = budget
        self._budget = budget
        self._refilled_at = math.inf  # not before the first retry
        self._poll_interval_seconds = 1 / polls_per_second
        self._next_poll_at = -math.inf
        self._counts = dict.fromkeys((f.name for f in attrs.fields(TrafficCounts)), 0)
        self._lock = ForkSafeLock()

    def take_retry(self, now: float) -> bool:
        """Take one retry out of the budget; return False if there is none left."""
        with self._lock.of_this_process():
            self._refill(_REFILL_PER_SECOND * (now - self._refilled_at))
            self._refilled_at = now
            if self._budget < 1:
                return False
            self._budget -= 1
            return True

    def _refill(self, amount: float) -> None:
        self._budget = min(self._capacity, self._budget + max(0.0, amount))

    def reserve_poll(self, now: float) -> float:
        """Reserve a time for a poll; return how many seconds to wait until then.

        So the polls of waits that began together do not all reach the server at once.
        """
        with self._lock.of_this_process():
            begins = max(now, self._next_poll_at)
            if begins - now > _LONGEST_DELAY_SECONDS:
                return _LONGEST_DELAY_SECONDS
            self._next_poll_at = begins + self._poll_interval_seconds
            return begins - now

    def count(self, **counts: int) -> None:
        """Add to some of the counters, which ``TrafficCounts`` names."""
        with self._lock.of_this_process():
            for name, number in counts.items():
                self._counts[name] += number

    def count_response(self, body_bytes: int, *, is_success: bool) -> None:
        """Count a response; a successful one refills the budget a little."""
        with self._lock.of_this_process():
            self.count(body_bytes=body_bytes, failures=int(not is_success))
            self._refill(_REFILL_PER_SUCCESS * is_success)

    def counts(self) -> TrafficCounts:
        """The counters as they are now."""
        with self._lock.of_this_process():
            return TrafficCounts(**self._counts)
