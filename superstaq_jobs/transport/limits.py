"""How long, and how many bytes, one request may still take, and what has become of it.

Lives here: ``Attempt``, ``Running``, the attempts that a thread is in, and what is raised where an
answer is not good. Used by the other parts of the transport; may import ``sansio``.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from typing import Final

from superstaq_jobs.wire.request import Request

__all__ = ["MAX_HEADER_BYTES", "Attempt", "BadAnswer", "CutAnswer", "Running", "TooLarge"]

MAX_HEADER_BYTES: Final = 512 * 1024
"""So many bytes may come before an answer's headers end, those of interim answers included."""


# HTTPExceptions, for urllib3 to know them and to give up the connection.
class BadAnswer(http.client.HTTPException):
    """The answer breaks the rules of HTTP."""


class CutAnswer(http.client.HTTPException):
    """The connection ended in the middle of the answer."""


class TooLarge(http.client.HTTPException):
    """The answer is larger than what is allowed."""


class Attempt:
    """What one request may still take, and what has become of it so far.

    Args:
        request: The request.
        timeout_seconds: How long the request may take in all, from now on; seconds.
        connect_timeout_seconds: How long one blocking step of connecting may take; seconds.
        read_timeout_seconds: How long any other blocking step may take; seconds.
        clock: A monotonic clock, in seconds.

    Attributes:
        connecting: Whether a connection is being made (name, TCP, proxy, TLS).
        sent: Whether bytes of the request (while connecting: of one to the proxy) went out.
        wire_bytes_left: How many bytes may still be received, as they are on the wire.
        answered: Whether the answer's headers have come; the next is theirs.
        content_length: How long the body is by the headers; None where they do not say.
        body_bytes: How much of the body was received, as it is coded on the wire.
    """

    def __init__(
        self,
        *,
        request: Request,
        timeout_seconds: float,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._deadline = clock() + timeout_seconds
        self.request = request
        self.timeout_seconds = timeout_seconds
        self.connect_timeout_seconds = connect_timeout_seconds
        self.read_timeout_seconds = read_timeout_seconds
        self.connecting = False
        self.sent = False
        self.wire_bytes_left = MAX_HEADER_BYTES
        self.answered = False
        self.content_length: int | None = None
        self.body_bytes = 0

    def seconds_left(self) -> float:
        """Seconds until the deadline; 0 or less once it has passed."""
        return self._deadline - self._clock()

    def patience_seconds(self) -> float:
        """How many seconds the next blocking call may take; always more than 0.

        Raises:
            TimeoutError: The deadline has passed.
        """
        left = self.seconds_left()
        if not left > 0:
            raise TimeoutError("no time is left for this request")
        step = self.connect_timeout_seconds if self.connecting else self.read_timeout_seconds
        return min(step, left)

    def count_received(self, received: int) -> None:
        """Book bytes that came over the wire.

        Raises:
            TooLarge: They are more than this request may receive.
        """
        self.wire_bytes_left -= received
        if self.wire_bytes_left < 0:
            raise TooLarge


class Running(threading.local):
    """The attempts that this thread is in; more than one where a signal handler makes a request."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
