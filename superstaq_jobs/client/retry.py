"""When a failed request is retried, and the loop that retries it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from superstaq_jobs.clock import Clock
from superstaq_jobs.errors import (
    AnswerTooLarge,
    InvalidValue,
    Problem,
    SuperstaqServerException,
    TlsError,
    TransportError,
)
from superstaq_jobs.records.fields import is_amount

if TYPE_CHECKING:
    import tenacity

__all__ = ["REPEATABLE_STATUS_CODES", "RetryPolicy", "with_repetitions"]

T = TypeVar("T")

_LOGGER: Final = logging.getLogger("superstaq_jobs")


def with_repetitions(
    send: Callable[[int], T],
    *,
    policy: RetryPolicy,
    safe_to_repeat: bool,
    clock: Clock,
    deadline: float,
    max_attempts: int,
    jitter: Callable[[], float],
    take_repetition: Callable[[float], bool],
) -> T:
    """What the first attempt brings that does not fail, or fails in a way that stays.

    Args:
        send: Makes one attempt, given its number from 1.
        policy: Which failures pass, and the pauses.
        safe_to_repeat: Whether doing it twice is the same as doing it once.
        clock: Time, for the pauses.
        deadline: When no attempt may begin any more, on the monotonic clock.
        max_attempts: How many attempts there may be.
        jitter: Draws a number evenly from 0 to 1.
        take_repetition: Told the time, says whether the client's budget has a repetition left.

    Raises:
        SuperstaqServerException: The failure of the last attempt.
    """

    def may_repeat(error: BaseException) -> bool:
        return isinstance(error, SuperstaqServerException) and policy.may_repeat(
            error, safe_to_repeat=safe_to_repeat
        )

    # The first attempt stands alone: most calls need no other, and setting tenacity up takes a
    # good part of the time that a small request does.
    failures: list[SuperstaqServerException] = []
    try:
        return send(1)
    except SuperstaqServerException as error:
        if not may_repeat(error):
            raise
        failures.append(error)

    import tenacity  # for calls that fail

    def pause(state: tenacity.RetryCallState) -> float:
        asked = getattr(_failure_of(state), "retry_after_seconds", None)
        return policy.delay_seconds(
            state.attempt_number, jitter=jitter(), retry_after_seconds=asked
        )

    def is_over(state: tenacity.RetryCallState) -> bool:
        now = clock.now()
        return (
            state.attempt_number >= max_attempts
            or now + state.upcoming_sleep >= deadline
            or not take_repetition(now)
        )

    # One for each call: tenacity's are not safe to share between threads.
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(may_repeat),
        stop=is_over,
        wait=pause,
        sleep=clock.sleep,
        before_sleep=_log_pause,
        reraise=True,
    )
    for attempt in retrying:
        with attempt:
            if failures:  # what the first attempt came to; tenacity goes on from there
                raise failures.pop()
            return send(attempt.retry_state.attempt_number)
    raise AssertionError("tenacity ends in an answer or an error")  # pragma: no cover


def _failure_of(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _log_pause(state: tenacity.RetryCallState) -> None:
    _LOGGER.info(
        "attempt %d failed with %s; the next in %.2f s",
        *(state.attempt_number, type(_failure_of(state)).__name__, state.upcoming_sleep),
    )


REPEATABLE_STATUS_CODES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses after which a request that is safe to repeat is sent again."""


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
