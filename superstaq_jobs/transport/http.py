"""One HTTP request and its answer, bounded in time and size.

Lives here: ``Transport``, what the client needs of the outside world, and ``HttpTransport``, which
does it with urllib3. No retries, no redirects, no logging: those are the client's. May import
``sansio``, ``errors``, its own ``_sockets``, ``_attempts`` and ``_failures``, and urllib3.

Nothing of what happens inside, neither an exception of another library nor a frame with the
request's headers in it, gets out: an error is built anew from what is known of the old one and
raised where the old one is no longer being handled, so that neither its chain nor the locals of its
traceback can show a key.
"""

from __future__ import annotations

import base64
import ipaddress
import math
import os
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Protocol, Self
from urllib.parse import unquote, urlsplit

import attrs
import urllib3
from urllib3.exceptions import LocationParseError

from superstaq_jobs.errors import ConfigurationError
from superstaq_jobs.wire.request import Request, Response, Secret

from .connection import HiddenHeaders, disinherit, new_pool, tls_context
from .failures import translated
from .limits import Attempt, Running

__all__ = ["HttpTransport", "Transport"]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


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
        read_timeout_seconds: float = 120.0,
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
        self._address = _Address.read("origin", origin)
        self._origin = self._address.origin
        self._proxy = None if proxy_url is None else _Address.read("proxy_url", proxy_url)
        host, scheme = self._address.host, self._address.scheme
        # Through a proxy even "localhost" goes over the network.
        local = self._proxy is None and _is_loopback(host)
        if scheme == "http" and not (local or allow_insecure_http):
            raise ConfigurationError(
                f"plain http to {host} would show the API key to the network. Use https, or "
                "pass allow_insecure_http=True if you mean it."
            )
        self._connect_timeout_seconds = connect_timeout_seconds
        self._read_timeout_seconds = read_timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._max_connections = max_connections
        self._clock = clock
        self._running = Running()
        self._tls: ssl.SSLContext | None = None
        if "https" in {scheme, self._proxy and self._proxy.scheme}:
            bundle = None if ca_certs is None else os.fspath(ca_certs)
            try:
                self._tls = tls_context(self._running, ca_certs=bundle)
            except (OSError, ValueError) as error:
                raise ConfigurationError(f"ca_certs cannot be used: {error}") from None
        try:
            self._pool = self._new_pool()
        except LocationParseError:
            raise ConfigurationError(f"{host!r} is no name of a host") from None
        self._pid = os.getpid()
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
            request=request,
            timeout_seconds=timeout_seconds,
            connect_timeout_seconds=self._connect_timeout_seconds,
            read_timeout_seconds=self._read_timeout_seconds,
            clock=self._clock,
        )
        self._running.attempts.append(attempt)
        try:
            return self._exchange(request, attempt)
        except Exception as error:  # noqa: BLE001 - whatever it is, its frames hold the headers
            return translated(error, where=f"{request.label} at {self._origin}", attempt=attempt)
        except BaseException as error:  # noqa: BLE001 - Ctrl-C: goes on, without those frames
            error.__context__ = error.__cause__ = None
            return error.with_traceback(None)
        finally:
            self._running.attempts.pop()

    def _exchange(self, request: Request, attempt: Attempt) -> Response:
        pool = self._pool_of_this_process()
        attempt.patience_seconds()  # raises where no time was given to begin with
        # A proxy for plain http is told the whole address.
        forwarded = self._proxy is not None and self._address.scheme == "http"
        answer: Any = pool.urlopen(
            request.method,
            f"{self._origin}{request.path}" if forwarded else request.path,
            body=request.body,
            headers=HiddenHeaders(),  # the connection takes those of the attempt's request
            retries=False,
            redirect=False,
            assert_same_host=False,
            # Typed as whole seconds; any number from 0 will do. The deadline may just have passed.
            pool_timeout=min(max(attempt.seconds_left(), 0.0), threading.TIMEOUT_MAX),  # type: ignore[arg-type]
            preload_content=False,
        )
        try:
            body = answer.body(max_bytes=self._max_body_bytes)
        finally:
            answer.release()
        return Response(status=answer.status, headers=answer.fields, body=body)

    def _pool_of_this_process(self) -> urllib3.HTTPConnectionPool:
        """The pool of connections, a new one in a process that was forked since.

        Without a lock: one that another thread held during the fork would stay locked in the child.
        """
        if self._pid != os.getpid():
            old, self._pool = self._pool, self._new_pool()
            self._pid = os.getpid()
            if self._closed:
                self._pool.close()
            disinherit(old)
        return self._pool

    def _new_pool(self) -> urllib3.HTTPConnectionPool:
        login = HiddenHeaders()
        if self._proxy is not None and self._proxy.login is not None:
            text = base64.b64encode(unquote(self._proxy.login.reveal()).encode()).decode()
            login.add("Proxy-Authorization", f"Basic {text}")
            del text
        return new_pool(
            scheme=self._address.scheme,
            host=self._address.host,
            port=self._address.port,
            proxy_url=None if self._proxy is None else self._proxy.origin,
            proxy_headers=login,
            max_connections=self._max_connections,
            tls=self._tls,
            running=self._running,
        )


@attrs.frozen(kw_only=True)
class _Address:
    """Where something listens, and the login that a proxy may want."""

    scheme: str
    host: str
    port: int
    login: Secret | None

    @classmethod
    def read(cls, name: str, url: str) -> Self:
        """Read scheme, host and port from the argument of that name, which may have no more."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            readable = False
        else:  # urlsplit leaves line breaks out in silence
            readable = url.isprintable() and " " not in url
        if not readable:
            raise ConfigurationError(f"{name} is no address like https://host:port")
        login, at, _ = parts.netloc.rpartition("@")
        if at and name == "origin":
            raise ConfigurationError("origin must not have a user name or password in it")
        shown = name if at else f"{name} {url!r}"  # a password is not for messages
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ConfigurationError(f"{shown} must begin with https:// and name a host")
        if parts.path or parts.query or parts.fragment:
            raise ConfigurationError(f"{shown} must end after the host or port: no path, no query")
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
            login=Secret(login) if at else None,
        )

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = self.port == _DEFAULT_PORTS[self.scheme]
        return f"{self.scheme}://{host}" if default else f"{self.scheme}://{host}:{self.port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
