"""HTTP requests and responses as plain values, and what is read from them without a socket.

The one rule for headers is here, and ``Secret``, a string that does not show. Knows no JSON.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import urllib.parse
from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from superstaq_jobs.errors import InvalidRequest, Problem
from superstaq_jobs.records import fields
from superstaq_jobs.records.advice import explains_changes
from superstaq_jobs.records.problems import check_type, shown

__all__ = [
    "Request",
    "Response",
    "Secret",
    "encode_query",
    "header_value_problem",
    "retry_after_seconds",
]

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN: Final = re.compile(r"[0-9A-Za-z_.~-]*")
_DIGITS: Final = re.compile(r"[0-9]+")
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})


class Secret:
    """A string that must not be shown: an API key or a provider's token.

    Its ``repr`` and ``str`` are masked, it does not pickle, and only ``reveal()`` returns the
    string. Two secrets are equal if their strings are.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The string itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "Secret('***')"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret cannot be pickled: load the key again where it is needed")


class _Headers(tuple[tuple[str, "str | Secret"], ...]):
    """Headers that have been checked; a client sends the same ones with every request."""

    __slots__ = ()


def _text(value: str) -> str:
    return value if fields.is_a(value, str) else fields.bad(f"must be a string, got {shown(value)}")


def _pairs(headers: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Headers as a list; their values are not shown, since one may be secret."""
    with contextlib.suppress(TypeError, ValueError):
        pairs = [(name, value) for name, value in headers]
        if all(fields.is_a(name, str) for name, _ in pairs):
            return pairs
    what = "must be pairs of a name and a value, both strings"
    raise InvalidRequest("a request or response", [Problem("headers", what)])


def _headers(headers: Iterable[tuple[str, str | Secret]]) -> tuple[tuple[str, str | Secret], ...]:
    if type(headers) is _Headers:
        return headers
    checked = _Headers(_pairs(headers))
    problems = [
        Problem(f"header {name!r}", what)
        for name, value in checked
        if (what := _header_problem(name, value))
    ]
    if problems:
        raise InvalidRequest("a header", problems)
    return checked


def _header_problem(name: str, value: str | Secret) -> str:
    if not _TOKEN.fullmatch(name):
        return "must have a name that HTTP allows"
    if name.lower() in _FRAMING:
        return "must be left to the transport, which knows the body"
    return header_value_problem(value)


def header_value_problem(value: object) -> str:
    """Why a string or ``Secret`` cannot be the value of a header; empty if it can.

    It is returned, not raised: a traceback could show a secret that has a name here.
    """
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str):
        return f"must be a string, got {type(text).__name__}"
    if not (text.isascii() and text.isprintable()):
        return "must have only printable ASCII characters, and no line break"
    if text != text.strip():
        return "must not begin or end with a space (perhaps it was copied with it)"
    return ""


@explains_changes
@attrs.frozen(kw_only=True)
class Request:
    """One HTTP request, without the server's address.

    Attributes:
        method: ``GET``, ``POST`` or ``PUT``.
        path: The absolute path with its query, percent-encoded: ``/v0.3.0/client/job``.
        headers: Names and values in the order sent; values that must not be shown are ``Secret``.
        body: The body; None for none.
        idempotent: Whether sending it twice has the effect of sending it once, so that it may be
            retried, and sent over a connection that was used before. By default, of a POST it is
            False.

    Raises:
        InvalidRequest: If the method, the path or a header is not one that HTTP allows.
    """

    method: str = attrs.field(converter=_text)
    path: str = attrs.field(converter=_text)
    headers: tuple[tuple[str, str | Secret], ...] = attrs.field(default=(), converter=_headers)
    body: bytes | None = attrs.field(
        default=None, repr=lambda body: "None" if body is None else f"<{len(body)} bytes>"
    )
    idempotent: bool = attrs.field(
        default=attrs.Factory(lambda self: self.method != "POST", takes_self=True), repr=False
    )

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self, InvalidRequest)
        path, wrong = self.path, []
        if not _TOKEN.fullmatch(self.method):
            wrong.append(Problem("method", f"must be an HTTP method, got {self.method!r}"))
        if not (path.startswith("/") and path.isascii() and path.isprintable()) or " " in path:
            wrong.append(
                Problem("path", f"must be an absolute path, percent-encoded, got {path!r}")
            )
        if wrong:
            raise InvalidRequest("a request", wrong)

    @property
    def label(self) -> str:
        """Method and path without the query, for logs and error messages."""
        return f"{self.method} {self.path.partition('?')[0]}"

    @property
    def request_line_bytes(self) -> int:
        """The length of the request line in bytes, including its line break."""
        return len(f"{self.method} {self.path} HTTP/1.1\r\n")


def _lower_names(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    pairs = _pairs(headers)
    problems = [
        Problem(f"header {name!r}", f"must be a string, got {type(value).__name__}")
        for name, value in pairs
        if not fields.is_a(value, str)
    ]
    if problems:
        raise InvalidRequest("a response", problems)
    return tuple([(name.lower(), value) for name, value in pairs])


@explains_changes
@attrs.frozen(kw_only=True)
class Response:
    """One complete HTTP response.

    Attributes:
        status: The status code, 100 to 599.
        headers: Names, in lower case, and values, in the order received.
        body: The body, decompressed.
    """

    status: int
    # A server may send back what was sent to it, including the key.
    headers: tuple[tuple[str, str], ...] = attrs.field(
        default=(), converter=_lower_names, repr=lambda headers: f"<{len(headers)} headers>"
    )
    body: bytes = attrs.field(default=b"", repr=lambda body: f"<{len(body)} bytes>")

    def __attrs_post_init__(self) -> None:
        if type(self.status) is not int or not fields.is_a(self.body, bytes):
            check_type(int, status=self.status)
            check_type(bytes, body=self.body)

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in any case; None if there is none."""
        check_type(str, name=name)
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)


def encode_query(pairs: Sequence[tuple[str, str]]) -> str:
    """A query string of names and values, with its ``?``; empty if there are none.

    >>> encode_query([("tags", "a b"), ("tags", "c")])
    '?tags=a+b&tags=c'
    """
    quoted = [f"{_quoted(name)}={_quoted(text)}" for name, text in pairs]
    return f"?{'&'.join(quoted)}" if quoted else ""


def _quoted(text: str) -> str:
    # Ids and names need no quoting, which is slow.
    return text if _PLAIN.fullmatch(text) else urllib.parse.quote_plus(text)


def retry_after_seconds(value: str | None, *, now: dt.datetime) -> float | None:
    """The pause that a ``Retry-After`` header demands, in seconds from ``now``, >= 0.

    The header is a number of seconds, or an HTTP date in any zone; None if it is neither.
    """
    if value is None:
        return None
    text = value.strip()
    if _DIGITS.fullmatch(text):
        return float(text[:18])
    import email.utils  # loads sockets, which reading a body does not need

    try:
        when = email.utils.parsedate_to_datetime(text)
        if when.tzinfo is None:  # "-0000": the time in UTC, from an unknown zone
            when = when.replace(tzinfo=dt.UTC)
        return max(0.0, (when - now).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
