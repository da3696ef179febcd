"""``Transport``, what a client needs to send a request, and ``HttpTransport``, which does it.

Nothing of what happens inside gets out, neither an exception of another library nor a frame that
holds the request's headers: an error is built anew from what is known of the old one and raised
after that one has been handled, so that neither its chain nor the locals of its traceback
can show a key.
"""

from __future__ import annotations

import base64
import os
import ssl
import threading
from collections import deque
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol, Self
from urllib.parse import unquote

import urllib3
from urllib3.connection import ProxyConfig

from superstaq_jobs.clock import Clock, SystemClock
from superstaq_jobs.errors import ConfigurationError
from superstaq_jobs.records import fields
from superstaq_jobs.records.problems import check_type
from superstaq_jobs.wire.request import Request, Response, Secret

from .address import Address
from .connection import Connection, TlsConnection
from .failures import translated
from .limits import (
    CANCEL_TOKEN,
    MAX_CONNECTIONS,
    Closed,
    Limits,
    check,
    check_integer,
    check_positive,
)

__all__ = ["HttpTransport", "Transport"]


class Transport(Protocol):
    """Sends one request to the service and returns its one response.

    It neither retries a request nor follows a redirect: a response of any status is returned as it
    is. It is thread-safe. A fake for tests needs these two methods.
    """

    def send(self, request: Request, /, *, timeout_seconds: float) -> Response:
        """Send one request.

        Args:
            request: What to send.
            timeout_seconds: The longest that it may take, from the call to the last byte of the
                response; seconds.

        Returns:
            The complete response.

        Raises:
            TransportError: No complete response arrived; ``sent`` says whether the request may have
                reached the server. ``RequestTimeout``, ``TlsError`` and ``AnswerTooLarge`` are
                subclasses.
            ProtocolError: What came back is not HTTP.
        """

    def close(self) -> None:
        """Close the connections. May be called more than once."""


class HttpTransport:
    """Sends requests over HTTP/1.1 connections that are kept open and reused.

    Thread-safe. The host's address is looked up by the operating system, which takes no time limit;
    every other step, connecting and the TLS handshake included, ends by the deadline of its
    request. Certificates are always verified. Proxies of the environment and ``.netrc`` are not
    read. After a ``fork()`` the child opens connections of its own. A request that is not
    idempotent is sent over a connection that has carried no response yet: a submission cannot be
    taken for accepted because of bytes that belong to another request.

    Args:
        origin: Where the service is: ``https://host`` or ``https://host:port``.
        connect_timeout_seconds: The longest that one step of connecting may take (one address of
            the host, the proxy's response, the TLS handshake); seconds > 0.
        read_timeout_seconds: The longest silence between two pieces of data; seconds > 0.
        max_body_bytes: The largest body of a response, decompressed; bytes >= 0.
        max_connections: How many connections there may be at once, 1 or more. Further threads wait
            for one, within the time of their request.
        proxy_url: A proxy to go through, ``http://[user:password@]host:port``.
        ca_certs: The path of a bundle of certificates to trust instead of the system's.
        allow_insecure_http: Whether plain http may go to other hosts than this machine.
        clock: Measures the time of a request; None for the system's clock.

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
        clock: Clock | None = None,
    ) -> None:
        check_positive(
            connect_timeout_seconds=connect_timeout_seconds,
            read_timeout_seconds=read_timeout_seconds,
        )
        check_integer(max_body_bytes, name="max_body_bytes", minimum=0)
        check_integer(max_connections, name="max_connections", minimum=1, maximum=MAX_CONNECTIONS)
        self._address = Address.parse(origin, name="origin")
        self._proxy: Address | None = None
        if proxy_url is not None:
            self._proxy = Address.parse(proxy_url, name="proxy_url", may_have_login=True)
        # Through a proxy even "localhost" goes over the network.
        local = self._proxy is None and self._address.is_loopback
        if not (self._address.scheme == "https" or local or allow_insecure_http):
            raise ConfigurationError(
                f"plain http to {self._address.host} would show the API key to the network. Use "
                "https, or pass allow_insecure_http=True if you mean it."
            )
        self._limits = partial(
            Limits,
            clock=SystemClock() if clock is None else clock,
            connect_timeout_seconds=connect_timeout_seconds,
            read_timeout_seconds=read_timeout_seconds,
            max_body_bytes=max_body_bytes,
        )
        self._max_connections = max_connections
        self._tls: ssl.SSLContext | None = None
        is_path = isinstance(ca_certs, str | os.PathLike)
        check(ca_certs is None or is_path, "ca_certs", ca_certs, "a path")
        if "https" in {self._address.scheme, self._proxy and self._proxy.scheme}:
            try:
                self._tls = ssl.create_default_context(cafile=ca_certs)
            except (OSError, ValueError) as error:
                raise ConfigurationError(f"ca_certs cannot be used: {error}") from None
        self._shelf = _Shelf(max_connections)
        self._closed = False

    def __repr__(self) -> str:
        return f"HttpTransport(origin={self._address.origin!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. May be called more than once; requests under way end normally."""
        self._closed = True
        self._shelf_of_this_process().close()

    def send(self, request: Request, /, *, timeout_seconds: float) -> Response:
        """Send one request. Arguments and other errors are those of ``Transport.send``.

        Raises:
            ConfigurationError: The transport has been closed.
            InvalidRequest: It is not a request, or ``timeout_seconds`` not a number of seconds.
        """
        check_type(Request, request=request)
        seconds = fields.seconds_or_inf(timeout_seconds)
        fields.refuse("the request", {"timeout_seconds": seconds})
        outcome = self._outcome(request, timeout_seconds)
        if isinstance(outcome, Response):
            return outcome
        try:
            raise outcome
        finally:
            del outcome  # or its traceback would hold this frame, and this frame it

    def _outcome(self, request: Request, timeout_seconds: float) -> Response | BaseException:
        """The response, or what is to be raised, without a trace of what went on inside."""
        token = CANCEL_TOKEN.get()
        limits = self._limits(timeout_seconds=timeout_seconds, token=token)
        try:
            if token is not None:
                token.running.add(limits)
            return self._exchange(request, limits)
        except Exception as error:  # noqa: BLE001 - whatever it is, its frames hold the headers
            where = f"{request.label} at {self._address.origin}"
            return translated(error, where=where, limits=limits)
        except BaseException as error:  # noqa: BLE001 - Ctrl-C: goes on, without those frames
            error.__context__ = error.__cause__ = None
            return error.with_traceback(None)
        finally:
            if token is not None:
                token.running.discard(limits)

    def _exchange(self, request: Request, limits: Limits) -> Response:
        """Send the request over a connection that is taken from the shelf and put back on it.

        A signal handler, and so a Ctrl-C, runs between two calls of Python code, but not inside of
        one into C, and not before the first call of a ``finally``. Hence a place is taken and noted
        in one call into C, and given back by the first one below.
        """
        limits.seconds_for_step()  # raises if there was no time to begin with
        shelf = self._shelf_of_this_process()
        give_back = shelf.places.put
        place: list[None] = []
        held: list[Connection] = []
        try:
            seconds = min(max(limits.seconds_left(), 0.0), threading.TIMEOUT_MAX)
            place.extend(map(shelf.places.get, (True,), (seconds,)))
            limits.raise_if_cancelled()
            connection = self._connection(shelf, held, is_new=not request.idempotent)
            response = connection.exchange(request, limits)
            limits.release()
            if connection.sock is not None:
                done, held = held, []
                shelf.idle.extend(done)
        except BaseException:
            for connection in held:
                connection.close()
            raise
        finally:
            if place:
                give_back(None)
        if self._closed:
            shelf.close()
        return response

    def _connection(self, shelf: _Shelf, held: list[Connection], *, is_new: bool) -> Connection:
        """Take an idle connection that can be used, or make one; in ``held`` it is closed later.

        A new one takes the place of the one that has been idle longest.
        """
        if self._closed:
            raise Closed
        take = deque.popleft if is_new else deque.pop
        while shelf.idle:
            try:
                held.extend(map(take, (shelf.idle,)))
            except IndexError:  # another thread was faster
                break
            if not is_new and held[0].is_quiet():
                return held[0]
            held[0].close()
            held.clear()
            if is_new:
                break
        held.append(self._new_connection())
        return held[0]

    def _new_connection(self) -> Connection:
        """A connection that connects when something is sent."""
        kind = Connection if self._tls is None else TlsConnection
        options: dict[str, Any] = {} if self._tls is None else {"ssl_context": self._tls}
        address, proxy = self._address, self._proxy
        if proxy is None:
            return kind(address.host, address.port, **options)
        options["proxy"] = urllib3.util.parse_url(proxy.origin)
        options["proxy_config"] = ProxyConfig(self._tls, False, None, None)
        connection = kind(proxy.host, proxy.port, **options)
        if address.scheme == "https":
            headers = {name: value.reveal() for name, value in self._login()}
            connection.set_tunnel(address.host, address.port, headers, proxy.scheme)
        else:  # it is sent the whole URL
            connection.prefix, connection.extra = address.origin, self._login()
        return connection

    def _login(self) -> tuple[tuple[str, Secret], ...]:
        """The header that logs in to the proxy, if it has a login."""
        if self._proxy is None or self._proxy.login is None:
            return ()
        encoded = base64.b64encode(unquote(self._proxy.login.reveal()).encode()).decode()
        return (("Proxy-Authorization", Secret(f"Basic {encoded}")),)

    def _shelf_of_this_process(self) -> _Shelf:
        """The shelf; a new one in a process that was forked since.

        Without a lock: one that another thread held during the fork would stay locked in the child.
        """
        shelf = self._shelf
        if shelf.pid != os.getpid():
            shelf.close()  # this process's copies: nothing is sent, and the parent goes on
            shelf = self._shelf = _Shelf(self._max_connections)
        return shelf


class _Shelf:
    """The idle connections of one process, and a place for each connection that there may be.

    Its locks are C code: a lock taken by Python code could stay locked after a Ctrl-C.
    """

    def __init__(self, max_connections: int) -> None:
        self.pid = os.getpid()
        self.places: SimpleQueue[None] = SimpleQueue()  # an entry for each request that may begin
        for _ in range(max_connections):
            self.places.put(None)
        self.idle: deque[Connection] = deque()  # the one used last at the end

    def __del__(self) -> None:
        self.close()  # of a transport that was dropped

    def close(self) -> None:
        while self.idle:  # without this module's names, which are gone when Python ends
            try:
                connection = self.idle.pop()
            except IndexError:  # another thread was faster
                return
            connection.close()
