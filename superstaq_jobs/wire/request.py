"""Requests and answers of HTTP as plain values, and what can be told of them without a socket.

Lives here: ``Request`` and ``Response``, ``Secret`` texts that do not show, the headers of every
call, the query string, and ``Retry-After``. May import ``errors``; knows no JSON and does no I/O.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from superstaq_jobs.errors import InvalidRequest, Problem

__all__ = ["Request", "Response", "Secret", "encode_query", "retry_after_seconds"]

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN: Final = re.compile(r"[0-9A-Za-z_.~-]*")
_DIGITS: Final = re.compile(r"[0-9]+")
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})


class Secret:
    """A text that must not be seen: an API key or a provider's token.

    Its ``repr`` and ``str`` are a mask, it does not pickle, and only ``reveal()`` gives the text.
    Two secrets are equal when their texts are.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "Secret('***')"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not pickled: find the key again where it is needed")


class _Headers(tuple[tuple[str, "str | Secret"], ...]):
    """Headers that have been checked: a client sends the same ones with every request."""

    __slots__ = ()


def _headers(headers: Iterable[tuple[str, str | Secret]]) -> tuple[tuple[str, str | Secret], ...]:
    if type(headers) is _Headers:
        return headers
    checked = _Headers((name, value) for name, value in headers)
    problems = [
        Problem(f"header {name!r}", what)
        for name, value in checked
        if (what := _header_problem(name, value))
    ]
    if problems:
        raise InvalidRequest("a header", problems)
    return checked


def _header_problem(name: str, value: str | Secret) -> str:
    text = value.reveal() if isinstance(value, Secret) else value
    if not _TOKEN.fullmatch(name):
        return "is no name that HTTP allows"
    if name.lower() in _FRAMING:
        return "is for the transport to say, which knows the body"
    if not (text.isascii() and text.isprintable()):
        return "has a character that a header cannot hold (a line break, a letter past ASCII)"
    if text != text.strip():
        return "begins or ends with a space"
    return ""


@attrs.frozen(kw_only=True)
class Request:
    """One HTTP request, complete but for the server's address.

    Attributes:
        method: ``GET``, ``POST`` or ``PUT``.
        path: The path with its query, percent-encoded, from the root: ``/v0.3.0/client/job``.
        headers: Names and values in the order sent; a value that must not be seen is a ``Secret``.
        body: The bytes of the body; None for no body.

    Raises:
        InvalidRequest: If the path is not percent-encoded, or a header cannot be one.
    """

    method: str = attrs.field()
    path: str = attrs.field()
    headers: tuple[tuple[str, str | Secret], ...] = attrs.field(default=(), converter=_headers)
    body: bytes | None = attrs.field(
        default=None, repr=lambda body: "None" if body is None else f"<{len(body)} bytes>"
    )

    @method.validator
    def _check_method(self, _attribute: object, method: str) -> None:
        if not _TOKEN.fullmatch(method):
            raise InvalidRequest("a request", [Problem("method", f"{method!r} is no HTTP method")])

    @path.validator
    def _check_path(self, _attribute: object, path: str) -> None:
        if not (path.startswith("/") and path.isascii() and path.isprintable()) or " " in path:
            raise InvalidRequest(
                "a request", [Problem("path", f"{path!r} is no percent-encoded absolute path")]
            )

    @property
    def label(self) -> str:
        """Method and path without the query: what a log or an error may show."""
        return f"{self.method} {self.path.partition('?')[0]}"

    @property
    def request_line_bytes(self) -> int:
        """The length in bytes of the first line that goes over the wire, line break included."""
        return len(f"{self.method} {self.path} HTTP/1.1\r\n")


def _lower_names(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower(), value) for name, value in headers)


@attrs.frozen(kw_only=True)
class Response:
    """One whole HTTP answer.

    Attributes:
        status: The status code, 100 to 599.
        headers: Names in lower case and values, in the order received.
        body: The bytes of the body, decompressed.
    """

    status: int
    # What a server sends back may hold what was sent to it, the key included.
    headers: tuple[tuple[str, str], ...] = attrs.field(
        default=(), converter=_lower_names, repr=lambda headers: f"<{len(headers)} headers>"
    )
    body: bytes = attrs.field(default=b"", repr=lambda body: f"<{len(body)} bytes>")

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in any case; None where there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)


def encode_query(pairs: Sequence[tuple[str, str]]) -> str:
    """A query string from names and values, with its ``?``; empty where there are none.

    >>> encode_query([("tags", "a b"), ("tags", "c")])
    '?tags=a+b&tags=c'
    """
    quoted = [f"{_quoted(name)}={_quoted(text)}" for name, text in pairs]
    return f"?{'&'.join(quoted)}" if quoted else ""


def _quoted(text: str) -> str:
    # Ids and names have nothing to quote, and quoting takes long.
    return text if _PLAIN.fullmatch(text) else urllib.parse.quote_plus(text)


def retry_after_seconds(value: str | None, *, now: dt.datetime) -> float | None:
    """What a ``Retry-After`` header asks for, in seconds from now, never negative.

    Args:
        value: The header: whole seconds, or an HTTP date in any zone.
        now: The time, aware.

    Returns:
        The seconds to wait; None where the header is missing or means nothing.
    """
    if value is None:
        return None
    text = value.strip()
    if _DIGITS.fullmatch(text):
        return float(text[:18])
    try:
        when = email.utils.parsedate_to_datetime(text)
        if when.tzinfo is None:  # "-0000": the time in UTC, from an unknown zone
            when = when.replace(tzinfo=dt.UTC)
        return max(0.0, (when - now).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
