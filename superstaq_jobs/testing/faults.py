"""What can go wrong with one request, as a value: for scripts in place of a server.

Lives here: ``Fault`` and its ``FaultKind``. A fault says what a real server or network does and
what the client sees of it; ``ScriptedTransport`` plays it. May import ``errors``, ``sansio`` and
``policy``; opens no socket.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import Final, NamedTuple

import attrs

from superstaq_jobs.client.retry import REPEATABLE_STATUS_CODES
from superstaq_jobs.errors import (
    AnswerTooLarge,
    ProtocolError,
    RequestTimeout,
    SuperstaqServerException,
    TransportError,
)
from superstaq_jobs.wire.request import Request, Response

__all__ = ["Fault", "FaultKind"]

_PAGE: Final = b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>"


class FaultKind(enum.StrEnum):
    """What goes wrong with a request, from the harmless to the hostile."""

    STATUS = "status"
    """An error status, with ``Retry-After`` if asked for."""
    REFUSED = "refused"
    """Nothing listens at the port."""
    CLOSE_AT_ONCE = "close_at_once"
    """The connection is accepted and closed before the request is read."""
    RESET_AT_ONCE = "reset_at_once"
    """The same with a reset."""
    CLOSE_AFTER_REQUEST = "close_after_request"
    """The request is read, and the connection closed without an answer."""
    RESET_AFTER_REQUEST = "reset_after_request"
    """The same with a reset."""
    CUT_HEADERS = "cut_headers"
    """The connection ends in the middle of the answer's headers."""
    CUT_BODY = "cut_body"
    """The connection ends before the body is as long as was said."""
    CUT_CHUNKS = "cut_chunks"
    """The connection ends after a chunk that is not the last."""
    HANG_AT_CONNECT = "hang_at_connect"
    """The connection is accepted and never read."""
    HANG = "hang"
    """The request is read and never answered."""
    HANG_IN_HEADERS = "hang_in_headers"
    """The answer stops in the middle of its headers."""
    HANG_IN_BODY = "hang_in_body"
    """The answer stops in the middle of its body."""
    DRIP_HEADERS = "drip_headers"
    """The answer comes a byte at a time, too slowly to end in time."""
    DRIP_BODY = "drip_body"
    """The body does."""
    WEB_PAGE = "web_page"
    """A good status and a web page for a body, as from a proxy's login."""
    REDIRECT = "redirect"
    """An answer that names another address."""
    GARBAGE = "garbage"
    """Something that is no HTTP."""
    BAD_LENGTH = "bad_length"
    """A length that is no number."""
    ENDLESS_INTERIM = "endless_interim"
    """Interim answers without end."""
    HEADER_FLOOD = "header_flood"
    """Headers without end."""
    LONG_HEADER = "long_header"
    """One header without end."""
    ENDLESS_BODY = "endless_body"
    """A body without end."""
    ENDLESS_CHUNKS = "endless_chunks"
    """Chunks without end."""
    BOMB = "bomb"
    """A small body that inflates to more than is allowed."""

    @property
    def arrives(self) -> bool:
        """Whether the server reads the request, and so may do what it asks."""
        return self not in _UNREAD

    @property
    def takes_time(self) -> bool:
        """Whether it lasts until the client gives up."""
        return _SEEN[self].kind is RequestTimeout if self in _SEEN else False

    @property
    def is_transient(self) -> bool:
        """Whether the next try may go well (an error status: if it is one that says so)."""
        if self is FaultKind.STATUS:
            return True
        seen = _SEEN.get(self)
        return seen is not None and seen.kind in {TransportError, RequestTimeout}


_K: Final = FaultKind
_UNREAD: Final = frozenset({_K.REFUSED, _K.CLOSE_AT_ONCE, _K.RESET_AT_ONCE, _K.HANG_AT_CONNECT})


class _Seen(NamedTuple):
    """What the client raises."""

    kind: type[SuperstaqServerException]
    what: str
    sent: bool = True


_SEEN: Final[Mapping[FaultKind, _Seen]] = {
    _K.REFUSED: _Seen(TransportError, "the connection was refused", sent=False),
    _K.CLOSE_AT_ONCE: _Seen(TransportError, "the connection was closed at once"),
    _K.RESET_AT_ONCE: _Seen(TransportError, "the connection was reset at once"),
    _K.CLOSE_AFTER_REQUEST: _Seen(TransportError, "the connection was closed without an answer"),
    _K.RESET_AFTER_REQUEST: _Seen(TransportError, "the connection was reset without an answer"),
    _K.CUT_HEADERS: _Seen(TransportError, "the connection ended in the answer's headers"),
    _K.CUT_BODY: _Seen(TransportError, "only a part of the answer's body came"),
    _K.CUT_CHUNKS: _Seen(TransportError, "the answer's body was cut off"),
    _K.HANG_AT_CONNECT: _Seen(RequestTimeout, "the server never read the request"),
    _K.HANG: _Seen(RequestTimeout, "the server did not answer"),
    _K.HANG_IN_HEADERS: _Seen(RequestTimeout, "the answer stopped in its headers"),
    _K.HANG_IN_BODY: _Seen(RequestTimeout, "the answer stopped in its body"),
    _K.DRIP_HEADERS: _Seen(RequestTimeout, "the answer came too slowly"),
    _K.DRIP_BODY: _Seen(RequestTimeout, "the answer's body came too slowly"),
    _K.GARBAGE: _Seen(ProtocolError, "what came back is not HTTP"),
    _K.BAD_LENGTH: _Seen(ProtocolError, "the answer's length is no number"),
    _K.ENDLESS_INTERIM: _Seen(ProtocolError, "there are too many interim answers"),
    _K.HEADER_FLOOD: _Seen(AnswerTooLarge, "the answer has too many headers"),
    _K.LONG_HEADER: _Seen(AnswerTooLarge, "the answer's headers are larger than allowed"),
    _K.ENDLESS_BODY: _Seen(AnswerTooLarge, "the answer's body is larger than allowed"),
    _K.ENDLESS_CHUNKS: _Seen(AnswerTooLarge, "the answer's body is larger than allowed"),
    _K.BOMB: _Seen(AnswerTooLarge, "the answer's body inflates to more than is allowed"),
}
"""The others are answers."""


def _kind(value: FaultKind | str) -> FaultKind:
    return FaultKind(value)


@attrs.frozen(repr=False)
class Fault:
    """One thing that goes wrong with one request.

    >>> Fault("status", status_code=429, retry_after_seconds=30)
    Fault('status', status_code=429, retry_after_seconds=30)

    Attributes:
        kind: What goes wrong, as itself or by its text.
        status_code: The status of a ``status`` fault.
        retry_after_seconds: What its ``Retry-After`` asks for; whole seconds, None for no header.
        is_done: Whether the server did what was asked, so that only the answer is lost.

    Raises:
        ValueError: If there is no such kind, or the request of this kind does not reach the server
            and yet ``is_done``.
    """

    kind: FaultKind = attrs.field(converter=_kind)
    status_code: int = attrs.field(default=503, kw_only=True)
    retry_after_seconds: int | None = attrs.field(default=None, kw_only=True)
    is_done: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.is_done and not self.kind.arrives:
            raise ValueError(f"with {self.kind} the server never reads what it was asked")

    @property
    def is_transient(self) -> bool:
        """Whether the next try may go well."""
        if self.kind is FaultKind.STATUS:
            return self.status_code in REPEATABLE_STATUS_CODES
        return self.kind.is_transient

    def play(self, request: Request, *, timeout_seconds: float) -> Response:
        """What the client sees of it. No time passes: see ``kind.takes_time``.

        Args:
            request: The request, for the error's text.
            timeout_seconds: The longest that it may take.

        Returns:
            The answer, of a fault that is one.

        Raises:
            TransportError: No whole answer came.
            ProtocolError: What came is not HTTP.
        """
        seen = _SEEN.get(self.kind)
        if seen is None:
            return self._answer()
        late = f" within {timeout_seconds:g} s" if self.kind.takes_time else ""
        message = f"{request.label}: {seen.what}{late} (a fault of the test)"
        if issubclass(seen.kind, TransportError):
            raise seen.kind(message, sent=seen.sent)
        raise seen.kind(message)

    def _answer(self) -> Response:
        if self.kind is FaultKind.WEB_PAGE:
            return Response(status=200, headers=[("Content-Type", "text/html")], body=_PAGE)
        if self.kind is FaultKind.REDIRECT:
            return Response(status=302, headers=[("Location", "https://elsewhere.invalid/")])
        after = self.retry_after_seconds
        return Response(
            status=self.status_code,
            headers=[
                ("Content-Type", "application/json"),
                *([] if after is None else [("Retry-After", str(after))]),
            ],
            body=json.dumps("a fault of the test").encode(),
        )

    def __repr__(self) -> str:
        # What is as it would be anyway only hides what matters.
        told = [repr(str(self.kind))]
        told += [
            f"{field.name}={value!r}"
            for field in attrs.fields(Fault)
            if field.name != "kind" and (value := getattr(self, field.name)) != field.default
        ]
        return f"Fault({', '.join(told)})"
