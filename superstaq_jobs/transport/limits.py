"""What one request may still take: time, bytes, and whether anyone still waits for it."""

from __future__ import annotations

import contextlib
import io
import math
import socket
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

import attrs

from superstaq_jobs.clock import Clock
from superstaq_jobs.errors import ConfigurationError
from superstaq_jobs.records.fields import is_amount, shown

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "CANCEL_TOKEN",
    "BadResponse",
    "CancelToken",
    "Closed",
    "CutResponse",
    "LimitedStream",
    "Limits",
    "TooLarge",
    "check",
    "check_integer",
    "check_positive",
]

MAX_CONNECTIONS: Final = 10_000
"""The most connections that a transport may have; a place is made for each at once."""

_MAX_HEAD_BYTES: Final = 512 * 1024  # interim responses included


def check(is_valid: bool, name: str, value: object, what: str) -> None:
    """Raise a ``ConfigurationError`` for an argument if it is not valid; it must be ``what``."""
    if not is_valid:
        raise ConfigurationError(f"{name} must be {what}, got {shown(value)}. Nothing was sent")


def check_positive(**numbers: float) -> None:
    """The same for numbers that must be finite and > 0."""
    for name, number in numbers.items():
        check(is_amount(number) and number > 0, name, number, "a number > 0")


def check_integer(number: int, *, name: str, minimum: int, maximum: float = math.inf) -> None:
    """The same for an integer that must be within its limits."""
    limits = f">= {minimum}" if maximum == math.inf else f"from {minimum} to {maximum:,}"
    is_valid = type(number) is int and minimum <= number <= maximum
    check(is_valid, name, number, f"an integer {limits}")


class BadResponse(Exception):
    """The response breaks the rules of HTTP; the message says which."""


class CutResponse(Exception):
    """The connection ended in the middle of the response."""


class TooLarge(Exception):
    """The response is larger than allowed."""


class Closed(Exception):
    """The transport has been closed."""


class CancelToken:
    """Ends, from any thread, the requests that were sent in a context that holds it.

    Their sockets are shut down, so that they fail and give up their connections at once; so do
    requests that are sent afterwards.
    """

    def __init__(self) -> None:
        self.cancelled = False
        self.running: set[Limits] = set()

    def cancel(self) -> None:
        """End the requests. May be called more than once."""
        self.cancelled = True
        for limits in list(self.running):
            limits.shut_down()


CANCEL_TOKEN: Final[ContextVar[CancelToken | None]] = ContextVar("CANCEL_TOKEN", default=None)
"""The token of the requests sent in this context.

It is in the context and not in an argument of ``Transport.send``, so that a transport of two
methods remains one, and a transport that wraps an ``HttpTransport`` need not pass it on.
"""


@attrs.define(kw_only=True, eq=False, repr=False)
class Limits:
    """What one request may still take, and how far it has come.

    Attributes:
        timeout_seconds: How long the request may take in total, from now on; seconds.
        connect_timeout_seconds: How long one blocking step of connecting may take; seconds.
        read_timeout_seconds: How long any other blocking step may take; seconds.
        max_body_bytes: The largest that the body may be, decompressed; bytes.
        deadline: When the request must be finished, on the clock.
        connecting: Whether a connection is being made (TCP, proxy, TLS).
        sent: Whether bytes of the request (while connecting: of one to the proxy) went out.
        bytes_left: How many bytes may still arrive over the wire.
        may_end: Whether the connection may end now: before the first byte, and in a body that is
            not chunked.
        head_received: Whether the headers have arrived.
        content_length: The length of the body in bytes, from the headers; None if unknown.
        body_bytes: How many bytes of the body have been read, still compressed.
        sock: The socket that the request blocks on; None once it has been given back.
    """

    clock: Clock
    timeout_seconds: float
    connect_timeout_seconds: float
    read_timeout_seconds: float
    max_body_bytes: int
    token: CancelToken | None
    deadline: float = attrs.field(init=False)
    connecting: bool = False
    sent: bool = False
    bytes_left: int = _MAX_HEAD_BYTES
    may_end: bool = True
    head_received: bool = False
    content_length: int | None = None
    body_bytes: int = 0
    sock: socket.socket | None = None

    @deadline.default
    def _deadline(self) -> float:
        return self.clock.now() + self.timeout_seconds

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the response any more."""
        return self.token is not None and self.token.cancelled

    def raise_if_cancelled(self) -> None:
        """Raise ``ConnectionAbortedError`` if nobody waits for the response any more."""
        if self.cancelled:
            raise ConnectionAbortedError

    def release(self) -> None:
        """Let go of the socket, so that a cancellation cannot reach the next request on it.

        Raises ``ConnectionAbortedError`` if it may already have been reached.
        """
        self.sock = None  # before the token is read, as below
        self.raise_if_cancelled()

    def seconds_left(self) -> float:
        """Seconds until the deadline; 0 or less once it has passed."""
        return self.deadline - self.clock.now()

    def seconds_for_step(self) -> float:
        """How many seconds the next blocking step may take; always more than 0.

        Raises ``ConnectionAbortedError``, or ``TimeoutError`` if the deadline has passed.
        """
        self.raise_if_cancelled()
        left = self.seconds_left()
        if not left > 0:
            raise TimeoutError
        step = self.connect_timeout_seconds if self.connecting else self.read_timeout_seconds
        return min(step, left)

    def bound(self, sock: socket.socket) -> None:
        """Give the next blocking step on a socket no more than ``seconds_for_step``."""
        self.sock = sock  # before the token is read, which is set before this: one sees the other
        seconds = self.seconds_for_step()
        if seconds != sock.gettimeout():  # setting it is a system call
            sock.settimeout(seconds)

    def count(self, received: int) -> None:
        """Count bytes that arrived; none are the end of the connection.

        Raises ``TooLarge``, or ``CutResponse`` if that was not the place to end.
        """
        self.bytes_left -= received
        if self.bytes_left < 0:
            raise TooLarge
        if received:
            self.may_end = self.head_received and self.may_end
        elif not self.may_end:
            raise CutResponse

    def shut_down(self) -> None:
        """Make the blocking step that the request is in fail, from another thread."""
        if (sock := self.sock) is not None:
            outer = getattr(sock, "socket", sock)  # of TLS inside of TLS
            # Not SSLSocket's own method: it turns TLS off first, and the key could still go out.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(outer, socket.SHUT_RDWR)


class LimitedStream(io.RawIOBase):
    """Reads a socket within the limits of a request.

    ``raw`` is the socket's own stream, which keeps it open; it is closed with this one. ``early``
    was read from the socket before.
    """

    def __init__(
        self, raw: io.RawIOBase, sock: socket.socket, limits: Limits, early: bytes = b""
    ) -> None:
        super().__init__()
        self._early = io.BytesIO(early)
        self._raw = raw
        self._sock = sock
        self._limits = limits
        self.finished = False  # whether nothing more is to be read

    def readable(self) -> bool:  # noqa: D102
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """Read what has arrived, waiting for it no longer than there is time."""
        if self.finished:
            return None
        self._limits.bound(self._sock)
        received = self._early.readinto(buffer) or self._sock.recv_into(buffer)
        self._limits.count(received)
        return received

    def close(self) -> None:
        """Close the socket's own stream too."""
        self._raw.close()
        super().close()
