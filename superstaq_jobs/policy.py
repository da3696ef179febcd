"""How patient a client is: what may be sent again, and when. Pure.

Lives here: ``RetryPolicy``. No clock and no randomness: time and jitter come in as arguments. May
import ``errors``.
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

__all__ = ["REPEATABLE_STATUS_CODES", "RetryPolicy"]

REPEATABLE_STATUS_CODES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses after which a request that is safe to repeat is sent again."""


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When a request is sent again.

    Attributes:
        max_attempts: How often it is sent at the most, 1 or more; 1 is once.
        base_seconds: The longest pause before the first repetition; it doubles each time.
        cap_seconds: The longest pause.
        retry_after_cap_seconds: The longest pause that the server may ask for with ``Retry-After``;
            where it asks for a longer one, the request is not sent again.

    Raises:
        InvalidValue: If a number is out of its range.
    """

    max_attempts: int = 5
    base_seconds: float = 0.25
    cap_seconds: float = 10.0
    retry_after_cap_seconds: float = 60.0

    def __attrs_post_init__(self) -> None:
        problems = []
        if type(self.max_attempts) is not int or self.max_attempts < 1:
            problems.append(Problem("max_attempts", f"{self.max_attempts!r} is no number from 1"))
        for name in ("base_seconds", "cap_seconds", "retry_after_cap_seconds"):
            seconds = getattr(self, name)
            if not 0 <= seconds < math.inf:
                problems.append(Problem(name, f"{seconds!r} is no time in seconds"))
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
        wanted = error.retry_after_seconds or 0.0
        return (
            safe_to_repeat
            and error.status_code in REPEATABLE_STATUS_CODES
            and wanted <= self.retry_after_cap_seconds
        )

    def delay_seconds(
        self, attempt: int, *, jitter: float, retry_after_seconds: float | None = None
    ) -> float:
        """How long to wait before sending again: ``jitter * min(cap, base * 2**(attempt - 1))``.

        Args:
            attempt: How often it has been sent, 1 or more.
            jitter: A number drawn evenly from 0 to 1 ("full jitter": clients that failed together
                come back apart).
            retry_after_seconds: What the server asked for; the pause is never shorter.
        """
        doublings = min(attempt - 1, 60)
        pause = jitter * min(self.cap_seconds, self.base_seconds * 2.0**doublings)
        return max(pause, retry_after_seconds or 0.0)
