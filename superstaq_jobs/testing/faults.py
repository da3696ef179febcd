"""Faults: how one request can fail, as values for scripts.

A fault says what a real server or network does, and what the client sees of it.
``ScriptedTransport`` simulates it; the emulator carries it out on real connections.
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
    InvalidValue,
    ProtocolError,
    RequestTimeout,
    SuperstaqServerException,
    TransportError,
)
from superstaq_jobs.records import fields
from superstaq_jobs.records.advice import explains_changes
from superstaq_jobs.records.problems import check_type
from superstaq_jobs.wire.request import Request, Response

__all__ = ["Fault", "FaultKind"]

_PAGE: Final = b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>"


class FaultKind(enum.StrEnum):
    """How a request fails, from the harmless to the hostile."""

    STATUS = "status"
    """An error status, with an optional ``Retry-After``."""
    REFUSED = "refused"
    """Nothing listens at the port."""
    CLOSE_AT_ONCE = "close_at_once"
    """The connection is accepted, and closed before the request is read."""
    RESET_AT_ONCE = "reset_at_once"
    """The same with a reset."""
    CLOSE_AFTER_REQUEST = "close_after_request"
    """The request is read, and the connection is closed without a response."""
    RESET_AFTER_REQUEST = "reset_after_request"
    """The same with a reset."""
    CUT_HEADERS = "cut_headers"
    """The connection ends in the middle of the response's headers."""
    CUT_BODY = "cut_body"
    """The connection ends before the body has its announced length."""
    CUT_CHUNKS = "cut_chunks"
    """The connection ends after a chunk that is not the last."""
    HANG_AT_CONNECT = "hang_at_connect"
    """The connection is accepted but never read."""
    HANG = "hang"
    """The request is read, but a response is never sent."""
    HANG_IN_HEADERS = "hang_in_headers"
    """The response stops in the middle of its headers."""
    HANG_IN_BODY = "hang_in_body"
    """The response stops in the middle of its body."""
    DRIP_HEADERS = "drip_headers"
    """The headers arrive one byte at a time, too slowly to be complete in time."""
    DRIP_BODY = "drip_body"
    """The same for the body."""
    WEB_PAGE = "web_page"
    """A success status with a web page as its body, such as the login page of a proxy."""
    REDIRECT = "redirect"
    """A redirect to another address."""
    GARBAGE = "garbage"
    """Something that is not HTTP."""
    BAD_LENGTH = "bad_length"
    """A ``Content-Length`` that is not a number."""
    ENDLESS_INTERIM = "endless_interim"
    """Interim responses without end."""
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
        """Whether the server reads the request, and so may carry it out."""
        return self not in _UNREAD

    @property
    def takes_time(self) -> bool:
        """Whether it lasts until the client gives up."""
        return _RAISED[self].kind is RequestTimeout if self in _RAISED else False

    @property
    def is_transient(self) -> bool:
        """Whether the next attempt may succeed; for ``status``, if its code is transient."""
        if self is FaultKind.STATUS:
            return True
        raised = _RAISED.get(self)
        return raised is not None and raised.kind in {TransportError, RequestTimeout}


_K: Final = FaultKind
_UNREAD: Final = frozenset({_K.REFUSED, _K.CLOSE_AT_ONCE, _K.RESET_AT_ONCE, _K.HANG_AT_CONNECT})


class _Raised(NamedTuple):
    """The exception that the client raises."""

    kind: type[SuperstaqServerException]
    what: str
    sent: bool = True


_RAISED: Final[Mapping[FaultKind, _Raised]] = {
    _K.REFUSED: _Raised(TransportError, "the connection was refused", sent=False),
    _K.CLOSE_AT_ONCE: _Raised(TransportError, "the connection was closed at once"),
    _K.RESET_AT_ONCE: _Raised(TransportError, "the connection was reset at once"),
    _K.CLOSE_AFTER_REQUEST: _Raised(TransportError, "the connection was closed without a response"),
    _K.RESET_AFTER_REQUEST: _Raised(TransportError, "the connection was reset without a response"),
    _K.CUT_HEADERS: _Raised(TransportError, "the connection ended in the response's headers"),
    _K.CUT_BODY: _Raised(TransportError, "only a part of the response's body arrived"),
    _K.CUT_CHUNKS: _Raised(TransportError, "the response's body was cut off"),
    _K.HANG_AT_CONNECT: _Raised(RequestTimeout, "the server never read the request"),
    _K.HANG: _Raised(RequestTimeout, "the server sent no response"),
    _K.HANG_IN_HEADERS: _Raised(RequestTimeout, "the response stopped in its headers"),
    _K.HANG_IN_BODY: _Raised(RequestTimeout, "the response stopped in its body"),
    _K.DRIP_HEADERS: _Raised(RequestTimeout, "the response arrived too slowly"),
    _K.DRIP_BODY: _Raised(RequestTimeout, "the response's body arrived too slowly"),
    _K.GARBAGE: _Raised(ProtocolError, "the response is not HTTP"),
    _K.BAD_LENGTH: _Raised(ProtocolError, "the response's Content-Length is not a number"),
    _K.ENDLESS_INTERIM: _Raised(ProtocolError, "there are too many interim responses"),
    _K.HEADER_FLOOD: _Raised(AnswerTooLarge, "the response has too many headers"),
    _K.LONG_HEADER: _Raised(AnswerTooLarge, "the response's headers are larger than allowed"),
    _K.ENDLESS_BODY: _Raised(AnswerTooLarge, "the response's body is larger than allowed"),
    _K.ENDLESS_CHUNKS: _Raised(AnswerTooLarge, "the response's body is larger than allowed"),
    _K.BOMB: _Raised(AnswerTooLarge, "the response's body inflates to more than is allowed"),
}
"""The other kinds are responses."""


def _kind(value: FaultKind | str) -> FaultKind:
    kind = fields.one_of(FaultKind, value)
    fields.refuse("a Fault", {"kind": kind}, InvalidValue)
    return kind


@explains_changes
@attrs.frozen(repr=False)
class Fault:
    """How one request fails.

    >>> Fault("status", status_code=429, retry_after_seconds=30)
    Fault('status', status_code=429, retry_after_seconds=30)

    Attributes:
        kind: A ``FaultKind``, or its string.
        status_code: The status code of a ``status`` fault, from 400 to 599.
        retry_after_seconds: The value of its ``Retry-After`` header in whole seconds; None for no
            header.
        is_done: Whether the server carries the request out, so that only the response is lost.

    Raises:
        ValueError: The kind is unknown, ``status_code`` is not an error status, or ``is_done`` is
            True for a kind in which the server does not read the request.
    """

    kind: FaultKind = attrs.field(converter=_kind)
    status_code: int = attrs.field(default=503, kw_only=True)
    retry_after_seconds: int | None = attrs.field(default=None, kw_only=True)
    is_done: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.is_done, bool):
            raise InvalidValue(f"is_done must be True or False, got {fields.shown(self.is_done)}")
        if self.is_done and not self.kind.arrives:
            raise InvalidValue(
                f"a server never reads a request with a {self.kind} fault: is_done must be False"
            )
        code = self.status_code
        if self.kind is FaultKind.STATUS and not (type(code) is int and 400 <= code <= 599):  # noqa: PLR2004
            got = fields.shown(code)
            raise InvalidValue(f"status_code must be an error status from 400 to 599, got {got}")

    @property
    def is_transient(self) -> bool:
        """Whether the next attempt may succeed."""
        if self.kind is FaultKind.STATUS:
            return self.status_code in REPEATABLE_STATUS_CODES
        return self.kind.is_transient

    def play(self, request: Request, *, timeout_seconds: float) -> Response:
        """Return or raise what the client sees. No time passes: see ``kind.takes_time``.

        Args:
            request: The request, for the error message.
            timeout_seconds: The longest that it may take, in seconds.

        Returns:
            The response, for a fault that is one.

        Raises:
            TransportError: No complete response arrived.
            ProtocolError: The response is not HTTP.
        """
        check_type(Request, request=request)
        fields.refuse(
            "a fault", {"timeout_seconds": fields.seconds_or_inf(timeout_seconds)}, InvalidValue
        )
        raised = _RAISED.get(self.kind)
        if raised is None:
            return self._response()
        late = f" within {timeout_seconds:g} s" if self.kind.takes_time else ""
        message = f"{request.label}: {raised.what}{late} (a fault injected by the test)"
        if issubclass(raised.kind, TransportError):
            raise raised.kind(message, sent=raised.sent)
        raise raised.kind(message)

    def _response(self) -> Response:
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
            body=json.dumps("a fault injected by the test").encode(),
        )

    def __repr__(self) -> str:
        # Without the default values, which would only distract.
        shown = [repr(str(self.kind))]
        shown += [
            f"{field.name}={value!r}"
            for field in attrs.fields(Fault)
            if field.name != "kind" and (value := getattr(self, field.name)) != field.default
        ]
        return f"Fault({', '.join(shown)})"
