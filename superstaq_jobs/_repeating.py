"""One call as one request after another: when it is sent again, and after which pause.

Lives here: ``with_repetitions``, which applies the retry policy; nothing else does. Used by
``client`` alone; may import ``clock``, ``errors``, ``policy`` and tenacity.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

import tenacity

from .clock import Clock
from .errors import SuperstaqServerException
from .policy import RetryPolicy

__all__ = ["with_repetitions"]

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
