"""One HTTP request and its answer, bounded in time and size.

Lives here: ``Transport``, what the client needs of the outside world, and ``HttpTransport``, which
does it with urllib3. No retries, no redirects, no logging: those are the client's. May import
``sansio``, ``errors``, its own ``_sockets`` and urllib3.

Nothing of what happens inside, neither an exception of another library nor a frame with the
request's headers in it, gets out: an error is built anew from what is known of the old one and
raised where the old one is no longer being handled, so that neither its chain nor the locals of its
traceback can show a key.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import math
import os
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from types import TracebackType
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    EmptyPoolError,
    HTTPError,
    LocationParseError,
)
from urllib3.exceptions import TimeoutError as PoolTimeoutError

from ._sockets import (
    Attempt,
    BadAnswer,
    CutAnswer,
    PlainConnection,
    Running,
    TlsConnection,
    TooLarge,
    tls_context,
)
from .errors import (
    AnswerTooLarge,
    ConfigurationError,
    ProtocolError,
    RequestTimeout,
    SuperstaqServerException,
    TlsError,
    TransportError,
)
from .sansio import Request, Response, Secret

__all__ = ["HttpTransport", "Transport"]

_PIECE_BYTES: Final = 64 * 1024
_INFLATED_PIECE_BYTES: Final = 256 * 1024
_FRAMING_BYTES: Final = 1024 * 1024
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})


class Transport(Protocol):
    """Sends one request to the service and gives back its one answer.

    It neither repeats a request nor follows a redirect: an answer of any status is returned as it
    is. It may be used by any number of threads at once. A fake for tests needs these two methods.
    """

    def send(self, request: Request, /, *, timeout_seconds: float) -> Response:
        """Send one request.

        Args:
            request: What to send.
            timeout_seconds: The longest that it may take, from the call to the last byte of the
                answer; seconds.

        Returns:
            The whole answer.

        Raises:
            TransportError: No whole answer came; ``sent`` tells whether the request may have
                reached the server. ``RequestTimeout``, ``TlsError`` and ``AnswerTooLarge`` are
                kinds of it.
            ProtocolError: What came back is not HTTP.
        """

    def close(self) -> None:
        """Close what is open. May be called more than once."""


class _HiddenHeaders(urllib3.HTTPHeaderDict):
    """Headers on their way to the socket; a traceback or a debugger cannot show them by chance."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


class HttpTransport:
    """Requests over HTTP/1.1 connections that are kept and used again.

    The address of the host is looked up by the operating system, which takes no time limit; every
    other step, connecting and the TLS handshake included, ends by the deadline of its request.
    Certificates are always verified. The proxies of the environment and ``.netrc`` are not read.
    After a ``fork()`` the child opens connections of its own.

    Args:
        origin: Where the service is: ``https://host`` or ``https://host:port``.
        connect_timeout_seconds: The longest that one step of connecting may take: an address of the
            host, the proxy's answer, the TLS handshake; seconds.
        read_timeout_seconds: The longest silence between two pieces of data; seconds.
        max_body_bytes: The largest body of an answer, decompressed; bytes.
        max_connections: How many connections there may be at once. Further threads wait for one,
            within the time of their request.
        proxy_url: A proxy to go through, ``http://[user:password@]host:port``.
        ca_certs: The path of a bundle of certificates to trust instead of the system's.
        allow_insecure_http: Whether plain http may go to other hosts than this machine.
        clock: A monotonic clock, in seconds.

    Raises:
        ConfigurationError: One of the arguments cannot be used.
    """

    def __init__(
        self,
        *,
        origin: str,
        connect_timeout_seconds: float = 10.0,
        read_timeout_seconds: float = 60.0,
        max_body_bytes: int = 256 * 1024 * 1024,
        max_connections: int = 10,
        proxy_url: str | None = None,
        ca_certs: str | os.PathLike[str] | None = None,
        allow_insecure_http: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, value in (
            ("connect_timeout_seconds", connect_timeout_seconds),
            ("read_timeout_seconds", read_timeout_seconds),
        ):
            if not 0 < value < math.inf:
                raise ConfigurationError(f"{name} is {value}: it must be a number of seconds > 0")
        if max_body_bytes < 0 or max_connections < 1:
            raise ConfigurationError(
                "max_body_bytes must be at least 0, max_connections at least 1"
            )
        self._scheme, self._host, self._port, _ = _address("origin", origin)
        self._proxy = None if proxy_url is None else _address("proxy_url", proxy_url)
        # Through a proxy even "localhost" is sent over the network.
        local = self._proxy is None and _is_loopback(self._host)
        if self._scheme == "http" and not (local or allow_insecure_http):
            raise ConfigurationError(
                f"plain http to {self._host} would show the API key to the network. Use https, or "
                "pass allow_insecure_http=True if you mean it."
            )
        host = f"[{self._host}]" if ":" in self._host else self._host
        port = "" if self._port == _DEFAULT_PORTS[self._scheme] else f":{self._port}"
        self._origin = f"{self._scheme}://{host}{port}"
        self._connect_timeout_seconds = connect_timeout_seconds
        self._read_timeout_seconds = read_timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._max_connections = max_connections
        self._clock = clock
        self._running = Running()
        self._tls: ssl.SSLContext | None = None
        if "https" in {self._scheme, self._proxy and self._proxy[0]}:
            try:
                self._tls = tls_context(self._running, ca_certs=ca_certs and os.fspath(ca_certs))
            except (OSError, ValueError) as error:
                raise ConfigurationError(f"ca_certs cannot be used: {error}") from None
        try:
            self._pool = self._new_pool()
        except LocationParseError:
            raise ConfigurationError(f"{self._host!r} is no name of a host") from None
        self._pid = os.getpid()
        self._inherited: list[urllib3.HTTPConnectionPool] = []
        self._closed = False

    def __repr__(self) -> str:
        return f"HttpTransport(origin={self._origin!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. May be called more than once; requests under way end normally."""
        self._closed = True
        self._pool_of_this_process().close()

    def send(self, request: Request, /, *, timeout_seconds: float) -> Response:
        """Send one request; see ``Transport.send``.

        Raises:
            TransportError: No whole answer came.
            ProtocolError: What came back is not HTTP.
            ConfigurationError: The transport has been closed.
        """
        outcome = self._outcome(request, timeout_seconds)
        if isinstance(outcome, Response):
            return outcome
        try:
            raise outcome
        finally:
            del outcome  # or its traceback would hold this frame, and this frame it

    def _outcome(self, request: Request, timeout_seconds: float) -> Response | BaseException:
        """The answer, or what is to be raised, without a trace of what went on inside."""
        attempt = Attempt(
            timeout_seconds=timeout_seconds,
            connect_timeout_seconds=self._connect_timeout_seconds,
            read_timeout_seconds=self._read_timeout_seconds,
            clock=self._clock,
        )
        self._running.attempts.append(attempt)
        try:
            return self._exchange(request, attempt)
        except Exception as error:  # noqa: BLE001 - whatever it is, its frames hold the headers
            return self._translated(_cause(error), request, attempt, timeout_seconds)
        except BaseException as error:  # noqa: BLE001 - Ctrl-C: goes on, without those frames
            error.__context__ = error.__cause__ = None
            return error.with_traceback(None)
        finally:
            self._running.attempts.pop()

    def _exchange(self, request: Request, attempt: Attempt) -> Response:
        pool = self._pool_of_this_process()
        if self._closed:
            raise _Closed
        attempt.patience_seconds()  # raises where no time was given to begin with
        answer = None
        whole = False
        try:
            answer = pool.urlopen(
                request.method,
                # A proxy for plain http is told the whole address.
                f"{self._origin}{request.path}" if self._forwarded else request.path,
                body=request.body,
                headers=_revealed(request),
                retries=False,
                redirect=False,
                assert_same_host=False,
                timeout=urllib3.Timeout(
                    connect=self._connect_timeout_seconds, read=self._read_timeout_seconds
                ),
                # Typed as whole seconds; any number will do.
                pool_timeout=min(attempt.seconds_left(), threading.TIMEOUT_MAX),  # type: ignore[arg-type]
                preload_content=False,
                decode_content=False,
            )
            body = self._body(answer, attempt)
            whole = True
        finally:
            if answer is not None:
                if not whole:  # what is left of this answer must not meet the next request
                    answer.close()
                answer.release_conn()
        return Response(status=answer.status, headers=attempt.headers, body=body)

    def _body(self, answer: urllib3.BaseHTTPResponse, attempt: Attempt) -> bytes:
        """The body, decompressed."""
        length = attempt.content_length
        if length is not None and length > self._max_body_bytes:
            raise TooLarge
        # Twice, since a body that comes in small chunks is larger on the wire.
        attempt.wire_bytes_left = 2 * self._max_body_bytes + _FRAMING_BYTES
        codings = [
            coding.strip().lower()
            for name, value in attempt.headers
            if name.lower() == "content-encoding"
            for coding in value.split(",")
        ]
        coding = next((name for name in codings if name not in {"", "identity"}), None)
        if coding is None and length is not None:
            return answer.read()  # at once: two to three times as fast as in pieces
        pieces: Iterator[bytes] = iter(partial(answer.read, _PIECE_BYTES), b"")
        whole = io.BytesIO()
        if coding is not None and length != 0:
            if len(codings) > 1 or coding not in _CODINGS:
                raise BadAnswer("its body is compressed in a way that was not asked for")
            pieces = _inflated(_counted(pieces, attempt))
        else:
            pieces = _counted(pieces, attempt)
        for piece in pieces:
            attempt.patience_seconds()  # inflating takes time as well
            if whole.tell() + len(piece) > self._max_body_bytes:
                raise TooLarge
            whole.write(piece)
        return whole.getvalue()

    @property
    def _forwarded(self) -> bool:
        return self._proxy is not None and self._scheme == "http"

    def _pool_of_this_process(self) -> urllib3.HTTPConnectionPool:
        """The pool of connections, a new one in a process that was forked since.

        Without a lock: one that another thread held during the fork would stay locked in the child.
        """
        if self._pid != os.getpid():
            old, self._pool = self._pool, self._new_pool()
            self._pid = os.getpid()
            # The pool itself has locks as well; kept, lest its finalizer should wait for one.
            self._inherited.append(old)
            idle: list[Any] = list(getattr(old.pool, "queue", ()))
            for connection in filter(None, idle):
                connection.close()  # this process's copy; nothing is sent, also not over TLS
        return self._pool

    def _new_pool(self) -> urllib3.HTTPConnectionPool:
        options: dict[str, Any] = {"maxsize": self._max_connections, "block": True}
        if self._tls is not None:
            options["ssl_context"] = self._tls
        manager: urllib3.PoolManager
        if self._proxy is None:
            manager = urllib3.PoolManager(1, **options)
        else:
            scheme, host, port, login = self._proxy
            manager = urllib3.ProxyManager(
                f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}",
                proxy_headers=login
                and _HiddenHeaders(urllib3.make_headers(proxy_basic_auth=login.reveal())),
                proxy_ssl_context=self._tls,
                **options,
            )
        pool = manager.connection_from_host(self._host, self._port, self._scheme)
        secure = isinstance(pool, urllib3.HTTPSConnectionPool)
        connection: Any = TlsConnection if secure else PlainConnection
        pool.ConnectionCls = partial(connection, running=self._running)  # type: ignore[assignment]
        return pool

    def _translated(
        self, cause: Exception, request: Request, attempt: Attempt, timeout_seconds: float
    ) -> Exception:
        """The error to raise for what went wrong inside."""
        if isinstance(cause, _Closed):
            return ConfigurationError(
                f"{request.label}: this transport to {self._origin} has been closed, nothing was "
                "sent. Make a new one."
            )
        sent = attempt.sent and not attempt.connecting
        kind, what, advice = self._diagnosis(cause, attempt, timeout_seconds)
        message = (
            f"{request.label} at {self._origin}: {what}. "
            f"{'The request was sent.' if sent else 'Nothing of the request was sent.'} {advice}"
        )
        if issubclass(kind, TransportError):
            return kind(message, sent=sent)
        return kind(message)

    def _diagnosis(
        self, cause: Exception, attempt: Attempt, timeout_seconds: float
    ) -> tuple[type[SuperstaqServerException], str, str]:
        """Which error it is, what happened, and what to do now."""
        # No text that came from the server: it could repeat what it was sent, the key included.
        match cause:
            case EmptyPoolError():
                what = (
                    f"all {self._max_connections} connections were busy for {timeout_seconds:g} s"
                )
                return RequestTimeout, what, "Allow more time, or raise max_connections."
            case TimeoutError() | PoolTimeoutError():
                return RequestTimeout, *self._lateness(attempt, timeout_seconds)
            case socket.gaierror():
                what = f"the host's name was not found ({cause.strerror})"
                return TransportError, what, "Check the name, and the network of this machine."
            case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
                what = "the connection was closed inside of TLS"
                return TransportError, what, "Try again, or check that the port speaks TLS."
            case ssl.SSLError():
                reason = getattr(cause, "verify_message", "") or cause.reason or "no reason given"
                what = f"TLS failed ({reason})"
                advice = "Check the host's name, or name a private authority with ca_certs."
                return TlsError if attempt.connecting else TransportError, what, advice
            case http.client.RemoteDisconnected():
                what = "the server closed the connection without an answer"
                return TransportError, what, "Try again if the request is safe to repeat."
            case http.client.IncompleteRead() | CutAnswer():
                return TransportError, _shortness(cause, attempt), "Try again."
            case TooLarge() | http.client.LineTooLong():
                part = "body is" if attempt.headers else "headers are"
                what = f"the answer's {part} larger than allowed"
                return AnswerTooLarge, what, "Ask for less, or raise max_body_bytes."
            case BadAnswer():
                what = f"the answer is not proper HTTP: {cause}"
                return ProtocolError, what, "Check that the host is the Superstaq service."
            case zlib.error():
                what = "the body of the answer is not compressed as it says"
                return ProtocolError, what, "Try again, or check the proxies on the way."
            case http.client.HTTPException() | ValueError() | HTTPError():
                what = f"the answer is not proper HTTP ({type(cause).__name__})"
                return ProtocolError, what, "Check that the host is the Superstaq service."
            case OSError():
                return TransportError, _reason(cause), "Check the host, its port and the network."
        what = f"an error that was not foreseen ({type(cause).__name__})"
        return TransportError, what, "Please report it."

    def _lateness(self, attempt: Attempt, timeout_seconds: float) -> tuple[str, str]:
        if not attempt.seconds_left() > 0:
            step = "no connection" if attempt.connecting else "no whole answer"
            return (
                f"there was {step} within {timeout_seconds:g} s",
                "Allow more time, or try later.",
            )
        if attempt.connecting:
            what = f"there was no connection within {self._connect_timeout_seconds:g} s"
            return what, "Check the host and port, or raise connect_timeout_seconds."
        what = f"the server was silent for {self._read_timeout_seconds:g} s"
        return what, "Try later, or raise read_timeout_seconds."


class _Closed(Exception):
    """The transport was closed."""


def _revealed(request: Request) -> _HiddenHeaders:
    headers = _HiddenHeaders()
    for name, value in request.headers:
        headers.add(name, value.reveal() if isinstance(value, Secret) else value)
    # Results of many circuits are megabytes of text that shrinks well.
    headers.setdefault("Accept-Encoding", "gzip")
    return headers


def _counted(pieces: Iterator[bytes], attempt: Attempt) -> Iterator[bytes]:
    for piece in pieces:
        attempt.body_bytes += len(piece)
        yield piece


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What a gzip or deflate body says, never more of it at once than ``_INFLATED_PIECE_BYTES``."""
    inflater = None
    for piece in pieces:
        rest = piece
        while rest:
            if inflater is None or inflater.eof:  # gzip may have several members in a row
                # "deflate" is a zlib stream by its definition, and often a bare one in fact.
                bare = inflater is None and rest[0] & 0x0F != zlib.DEFLATED and rest[0] != 0x1F
                inflater = zlib.decompressobj(-zlib.MAX_WBITS if bare else _GZIP_OR_ZLIB)
            inflated = inflater.decompress(rest, _INFLATED_PIECE_BYTES)
            yield inflated
            rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    if inflater is None or not inflater.eof:
        raise CutAnswer


def _address(name: str, url: str) -> tuple[str, str, int, Secret | None]:
    """Scheme, host, port and login of an address that has nothing else."""
    # The address is not shown before it is known to hold no password.
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"{name} is no address like https://host:port") from None
    login = Secret(parts.netloc.rpartition("@")[0]) if "@" in parts.netloc else None
    if login is not None and name == "origin":
        raise ConfigurationError("origin must not have a user name or password in it")
    shown = name if login is not None else f"{name} {url!r}"
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ConfigurationError(f"{shown} must begin with https:// (or http://) and name a host")
    if parts.path or parts.query or parts.fragment:
        raise ConfigurationError(f"{shown} must end after the host or port: no path, no query")
    return parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme], login


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _cause(error: Exception) -> Exception:
    """What urllib3 has wrapped: its errors have the inner one among their arguments."""
    while inner := next((arg for arg in error.args if isinstance(arg, Exception)), None):
        error = inner
    return error


def _shortness(cause: Exception, attempt: Attempt) -> str:
    partial_body = getattr(cause, "partial", b"")
    received = attempt.body_bytes + len(partial_body if isinstance(partial_body, bytes) else b"")
    if not attempt.headers:
        return "the connection ended in the middle of the answer's headers"
    if attempt.content_length is not None:
        return f"only {received} of {attempt.content_length} bytes of the answer's body came"
    return f"the answer's body was cut off after {received} bytes"


def _reason(cause: OSError) -> str:
    if cause.strerror:
        return cause.strerror
    # What the proxy said to CONNECT; http.client puts it into the text only.
    status = re.search(r"Tunnel connection failed: (\d{3})", str(cause))
    return f"the proxy refused, with status {status[1]}" if status else "the connection failed"
