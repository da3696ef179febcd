"""How patient a client is: what may be sent again, and when; how often to look. Pure.

Lives here: ``RetryPolicy``, and ``PollPolicy`` with its ``Pace``. No clock and no randomness: time
and jitter come in as arguments. May import ``errors`` and ``status``.
"""

from __future__ import annotations

import math
from typing import Final

import attrs

from .errors import (
    AnswerTooLarge,
    InvalidValue,
    Problem,
    SuperstaqServerException,
    TlsError,
    TransportError,
)
from .status import CircuitStatus

__all__ = ["REPEATABLE_STATUS_CODES", "Pace", "PollPolicy", "RetryPolicy"]

REPEATABLE_STATUS_CODES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses after which a request that is safe to repeat is sent again."""


def is_amount(value: object) -> bool:
    """Whether a value is a finite number, 0 or more; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When a request is sent again.

    Attributes:
        max_attempts: How often it is sent at the most, 1 or more; 1 is once.
        base_seconds: The longest pause before the first repetition; it doubles each time.
        cap_seconds: The longest pause.
        retry_after_cap_seconds: The longest pause that the server can impose with ``Retry-After``.
        budget: How many repetitions all calls of a client together may have in hand. Each takes one
            away; each call that succeeds gives a tenth of one back, and so do ten seconds. So in an
            outage the calls of many threads are soon sent once each, not ``max_attempts`` times.

    Raises:
        InvalidValue: If a number is out of its range.
    """

    max_attempts: int = 5
    base_seconds: float = 0.25
    cap_seconds: float = 10.0
    retry_after_cap_seconds: float = 60.0
    budget: float = 20.0

    def __attrs_post_init__(self) -> None:
        problems = []
        if type(self.max_attempts) is not int or self.max_attempts < 1:
            problems.append(Problem("max_attempts", f"{self.max_attempts!r} is no number from 1"))
        problems.extend(
            Problem(name, f"{number!r} is no finite number, 0 or more")
            for name in ("base_seconds", "cap_seconds", "retry_after_cap_seconds", "budget")
            if not is_amount(number := getattr(self, name))
        )
        if problems:
            raise InvalidValue("a RetryPolicy", problems)

    def may_repeat(self, error: SuperstaqServerException, *, safe_to_repeat: bool) -> bool:
        """Whether a request that ended in this error may be sent again.

        Args:
            error: How it ended.
            safe_to_repeat: Whether doing it twice is the same as doing it once. One that is not
                (a submission) is repeated only if nothing of it can have reached the server.
        """
        if isinstance(error, TlsError | AnswerTooLarge):
            return False
        if isinstance(error, TransportError):
            return safe_to_repeat or not error.sent
        return safe_to_repeat and error.status_code in REPEATABLE_STATUS_CODES

    def delay_seconds(
        self, attempt: int, *, jitter: float, retry_after_seconds: float | None = None
    ) -> float:
        """How long to wait before sending again: ``jitter * min(cap, base * 2**(attempt - 1))``.

        Args:
            attempt: How often it has been sent, 1 or more.
            jitter: A number drawn evenly from 0 to 1 ("full jitter": clients that failed together
                come back apart).
            retry_after_seconds: What the server asked for: the pause is not shorter, unless it
                asked for more than ``retry_after_cap_seconds``.
        """
        doublings = min(attempt - 1, 60)
        pause = jitter * min(self.cap_seconds, self.base_seconds * 2.0**doublings)
        return max(pause, min(retry_after_seconds or 0.0, self.retry_after_cap_seconds))


@attrs.frozen(kw_only=True)
class Pace:
    """How the pause between two looks grows with the time that nothing has changed.

    Attributes:
        fraction: The pause is this share of that time,
        min_seconds: but never shorter,
        max_seconds: and never longer.

    Raises:
        InvalidValue: If a number is out of its range.
    """

    fraction: float = 0.1
    min_seconds: float = 1.0
    max_seconds: float = 30.0

    def __attrs_post_init__(self) -> None:
        problems = [
            Problem(field.name, f"{getattr(self, field.name)!r} is no finite number, 0 or more")
            for field in attrs.fields(Pace)
            if not is_amount(getattr(self, field.name))
        ]
        if not problems and self.max_seconds < self.min_seconds:
            problems.append(Problem("max_seconds", "is below min_seconds"))
        if problems:
            raise InvalidValue("a Pace", problems)

    def pause_seconds(self, quiet_seconds: float) -> float:
        """The pause after nothing has changed for so long, before any jitter."""
        return min(self.max_seconds, max(self.min_seconds, self.fraction * quiet_seconds))


@attrs.frozen(kw_only=True)
class PollPolicy:
    """How often a wait looks: seldom while nothing happens, often when something has.

    The pause grows with the time waited. A change of the job snaps it back to a share of what it
    was, since a job that moves is likely to move on.

    Attributes:
        queued: The pace while no circuit runs.
        running: The pace while a circuit is running or simulating.
        snap_back: The share of the pause that is left after a change, 0 to 1.
        jitter: How far a pause is drawn evenly to both sides, as a share of it, 0 to 1: waits that
            began together do not stay together.

    Raises:
        InvalidValue: If a number is out of its range.
    """

    queued: Pace = Pace(fraction=0.12)
    running: Pace = Pace()
    snap_back: float = 0.75
    jitter: float = 0.25

    def __attrs_post_init__(self) -> None:
        problems = [
            Problem(name, f"{getattr(self, name)!r} is no share from 0 to 1")
            for name in ("snap_back", "jitter")
            if not is_amount(getattr(self, name)) or getattr(self, name) > 1
        ]
        if problems:
            raise InvalidValue("a PollPolicy", problems)

    def pause_seconds(
        self, status: CircuitStatus | None, *, quiet_seconds: float, jitter: float
    ) -> float:
        """How long to wait before the next look.

        Args:
            status: The job's status; None if it is not known.
            quiet_seconds: The time that nothing has changed, as ``quiet_after_change`` left it.
            jitter: A number drawn evenly from 0 to 1.
        """
        pause = self._pace(status).pause_seconds(quiet_seconds)
        return pause * (1 + self.jitter * (2 * jitter - 1))

    def quiet_after_change(self, status: CircuitStatus | None, quiet_seconds: float) -> float:
        """The time to count on from, now that something has changed.

        Args:
            status: The job's status before the change; None if it was not known.
            quiet_seconds: The time counted until the change.
        """
        pace = self._pace(status)
        pause = self.snap_back * pace.pause_seconds(quiet_seconds)
        return pause / pace.fraction if pace.fraction else 0.0

    def _pace(self, status: CircuitStatus | None) -> Pace:
        is_running = status in {CircuitStatus.RUNNING, CircuitStatus.SIMULATING}
        return self.running if is_running else self.queued
