"""When a failed request is retried, and the loop that retries it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

import attrs
from attrs.converters import optional

from superstaq_jobs.clock import Clock
from superstaq_jobs.errors import (
    AnswerTooLarge,
    InvalidValue,
    SuperstaqServerException,
    TlsError,
    TransportError,
)
from superstaq_jobs.records import fields
from superstaq_jobs.records.advice import explains_changes
from superstaq_jobs.records.problems import check_type

__all__ = ["REPEATABLE_STATUS_CODES", "RetryPolicy", "demanded_pause", "with_retries"]

T = TypeVar("T")

_LOGGER: Final = logging.getLogger("superstaq_jobs")

REPEATABLE_STATUS_CODES: Final = frozenset({408, 429, 500, *range(502, 505), *range(520, 531)})
"""The HTTP statuses after which an idempotent request is retried.

520 to 530 are those of proxies such as Cloudflare, for a service that was overloaded, or that they
could not reach, understand or trust: none is about the request.
"""


@explains_changes
@attrs.frozen(kw_only=True)
class RetryPolicy(fields.Checked):
    """When a request is retried.

    Attributes:
        max_attempts: How many times a request is sent at most, 1 or more; 1 means no retries.
        base_seconds: The longest pause before the first retry, in seconds; it doubles each time.
        cap_seconds: The longest pause, in seconds.
        retry_after_cap_seconds: The longest pause that the server can impose with ``Retry-After``,
            in seconds.
        budget: How many retries are available to all calls of a client together. Each retry takes
            one; each successful call gives a tenth of one back, and so does each second. So in an
            outage the calls of many threads soon send one request each, not ``max_attempts``.

    Raises:
        InvalidValue: If a number is out of its range.
    """

    max_attempts: int = attrs.field(default=5, converter=fields.positive_integer)
    base_seconds: float = attrs.field(default=0.25, converter=fields.amount)
    cap_seconds: float = attrs.field(default=10.0, converter=fields.amount)
    retry_after_cap_seconds: float = attrs.field(default=60.0, converter=fields.amount)
    budget: float = attrs.field(default=20.0, converter=fields.amount)

    def may_repeat(self, error: SuperstaqServerException, *, safe_to_repeat: bool) -> bool:
        """Whether a request that ended with this error may be retried.

        Args:
            error: How it ended.
            safe_to_repeat: Whether the request is idempotent. One that is not (a submission) is
                retried only if no part of it can have reached the server.
        """
        check_type(SuperstaqServerException, error=error)
        if isinstance(error, TlsError | AnswerTooLarge):
            return False
        if isinstance(error, TransportError):
            return safe_to_repeat or not error.sent
        return safe_to_repeat and error.status_code in REPEATABLE_STATUS_CODES

    def delay_seconds(
        self, attempt: int, *, jitter: float, retry_after_seconds: float | None = None
    ) -> float:
        """The pause before a retry: ``jitter * min(cap, base * 2**(attempt - 1))`` seconds.

        Args:
            attempt: How many times the request has been sent, 1 or more.
            jitter: A number drawn uniformly from 0 to 1 ("full jitter": clients that failed
                together come back at different times).
            retry_after_seconds: What the server requested; the pause is at least that long, up to
                ``retry_after_cap_seconds``.
        """
        given = {
            "attempt": fields.positive_integer(attempt),
            "jitter": fields.amount(jitter),
            "retry_after_seconds": optional(fields.seconds)(retry_after_seconds),
        }
        fields.refuse("a pause", given, InvalidValue)
        doublings = min(attempt - 1, 60)
        pause = jitter * min(self.cap_seconds, self.base_seconds * 2.0**doublings)
        return max(pause, demanded_pause(self, retry_after_seconds))


def demanded_pause(policy: RetryPolicy, retry_after_seconds: float | None) -> float:
    """The pause that a server imposes with ``Retry-After``, in seconds; 0 without that header."""
    return min(retry_after_seconds or 0.0, policy.retry_after_cap_seconds)


def with_retries(
    send: Callable[[int], T],
    *,
    policy: RetryPolicy,
    idempotent: bool,
    clock: Clock,
    deadline: float,
    max_attempts: int,
    jitter: Callable[[], float],
    take_retry: Callable[[float], bool],
) -> T:
    """The result of the first attempt that succeeds; or the failure of the last one is raised.

    ``send`` is called with the number of the attempt, from 1. From the ``deadline`` on, a time on
    the clock's monotonic side, no further attempt begins. ``take_retry``, called with the time,
    returns whether the client's budget has a retry left.
    """
    import tenacity  # not needed by a program that only holds a handle

    pause = 0.0

    def goes_on(state: tenacity.RetryCallState) -> bool:
        nonlocal pause
        number = state.attempt_number
        error = state.outcome.exception() if state.outcome is not None else None
        if not isinstance(error, SuperstaqServerException):
            return False
        if not policy.may_repeat(error, safe_to_repeat=idempotent):
            return False
        after, now = error.retry_after_seconds, clock.now()
        pause = policy.delay_seconds(number, jitter=jitter(), retry_after_seconds=after)
        if number >= max_attempts or now + pause >= deadline or not take_retry(now):
            return False
        failed = number, type(error).__name__, pause
        _LOGGER.info("attempt %d failed with %s; retrying in %.2f s", *failed)
        return True

    # One for each call: tenacity's objects must not be shared between threads.
    retrying = tenacity.Retrying(retry=goes_on, wait=lambda _: pause, sleep=clock.sleep)
    try:
        return retrying(lambda: send(retrying.statistics["attempt_number"]))
    finally:
        retrying.iter_state.reset()
