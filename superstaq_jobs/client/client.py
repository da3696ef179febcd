"""Where the service is, who asks, and how patient it is.

Lives here: ``SuperstaqClient``. It holds no state of any job. One call goes out as one request
after another under the retry policy. May import everything below.
"""

from __future__ import annotations

import json
import logging
import math
import os
import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from superstaq_jobs._version import __version__
from superstaq_jobs.clock import Clock, SystemClock, VirtualClock
from superstaq_jobs.errors import (
    ConfigurationError,
    InvalidRequest,
    Problem,
    ProtocolError,
    SuperstaqWarning,
    TransportError,
)
from superstaq_jobs.records import CircuitType
from superstaq_jobs.records.fields import is_amount
from superstaq_jobs.records.problems import warn
from superstaq_jobs.wire import job_data
from superstaq_jobs.wire.api import APIS, Api, Call
from superstaq_jobs.wire.refusals import CallErrors
from superstaq_jobs.wire.request import Request, Response, Secret

from . import settings
from .retry import RetryPolicy
from .traffic import Traffic, TrafficCounts

if TYPE_CHECKING:
    from superstaq_jobs.transport import Transport

__all__ = ["SuperstaqClient"]

T = TypeVar("T")

_LOGGER: Final = logging.getLogger("superstaq_jobs")


class SuperstaqClient:
    """A way to one Superstaq server, for one user. Making one sends nothing.

    It may be used by any number of threads at once; it is its own copy. Use it in a ``with``
    statement, or call ``close()``, to close its connections. Its ``repr`` does not show the API
    key. A pickle of it holds neither the key, nor tokens of providers, nor a proxy's login: where
    it is unpickled, the key is looked for again, and the others are gone.

    Args:
        api_key: The API key. Where it is not given: the environment variable ``SUPERSTAQ_API_KEY``,
            else the first line of the first file ``superstaq_api_key`` or ``superstaq-api-key`` in
            ``super.tech`` or ``coldquanta`` of the user's data directory, or ``.super.tech`` or
            ``.coldquanta`` of the home directory, as the official client has it.
        remote_host: The server, ``https://host[:port]``; what follows is dropped. Where it is not
            given: the environment variable ``SUPERSTAQ_REMOTE_HOST``, else the service itself.
        api_version: The version of the API to speak, ``v0.3.0``.
        circuit_type: The language in which the server is to write circuits back, where a call does
            not say otherwise.
        ibmq_token: A token of IBM Quantum, sent as a header with every request, as are the next.
        ibmq_instance: The IBM instance.
        ibmq_channel: ``ibm_quantum_platform`` or ``ibm_cloud``.
        cq_token: A token of CQ, as text or as the mapping that holds it.
        client_name: What the client calls itself to the server.
        retry_policy: When a request is sent again.
        request_timeout_seconds: The longest that one request may take, its whole answer included.
        connect_timeout_seconds: The longest that connecting may take.
        read_timeout_seconds: The longest silence of the server.
        max_body_bytes: The largest answer that is read, decompressed.
        max_connections: How many connections there may be at once.
        proxy_url: A proxy to go through; none is taken from the environment.
        ca_certs: The path of a bundle of certificates to trust instead of the system's.
        allow_insecure_http: Whether plain http may go to other hosts than this machine.
        transport: What sends a request, instead of urllib3; the options above from
            ``connect_timeout_seconds`` on are for that one.
        clock: Time, for pauses and time stamps. On a virtual one a request takes no time, however
            long its connection takes; ``request_timeout_seconds`` alone bounds that.
        jitter: Draws a number evenly from 0 to 1, for pauses.
        looks_per_second: How many looks of its waits may begin in a second, all together.

    Raises:
        ConfigurationError: If something cannot be used. ``ApiKeyNotFound`` where there is no key,
            with every place that was looked at.
    """

    def __init__(
        self,
        api_key: str | None = None,
        remote_host: str | None = None,
        *,
        api_version: str = "v0.3.0",
        circuit_type: CircuitType | str = CircuitType.QASM,
        ibmq_token: str | None = None,
        ibmq_instance: str | None = None,
        ibmq_channel: str | None = None,
        cq_token: str | Mapping[str, Any] | None = None,
        client_name: str = "superstaq-jobs",
        retry_policy: RetryPolicy | None = None,
        request_timeout_seconds: float = 300.0,
        connect_timeout_seconds: float = 10.0,
        read_timeout_seconds: float = 120.0,
        max_body_bytes: int = 256 * 1024 * 1024,
        max_connections: int = 10,
        proxy_url: str | None = None,
        ca_certs: str | None = None,
        allow_insecure_http: bool = False,
        transport: Transport | None = None,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
        looks_per_second: float = 100.0,
    ) -> None:
        # Under these names a traceback, of a mistake in another argument say, would show them.
        if api_key and "://" in api_key:
            raise ConfigurationError(
                "api_key is an address: are api_key and remote_host the wrong way round? "
                "Nothing was sent"
            )
        hidden_key = Secret(api_key) if api_key else None
        hidden_ibmq = None if ibmq_token is None else Secret(ibmq_token)
        hidden_cq = None if cq_token is None else _as_secret(cq_token)
        hidden_proxy = None if proxy_url is None else Secret(proxy_url)
        del api_key, ibmq_token, cq_token, proxy_url
        if api_version not in APIS:
            raise ConfigurationError(
                f"api_version {api_version!r} is not spoken here: {', '.join(APIS)} is"
            )
        try:
            self._circuit_type = CircuitType(circuit_type)
        except ValueError:
            raise ConfigurationError(
                f"circuit_type {circuit_type!r} is none of {', '.join(CircuitType)}"
            ) from None
        for name, number in (
            ("request_timeout_seconds", request_timeout_seconds),
            ("looks_per_second", looks_per_second),
        ):
            if not is_amount(number) or number == 0:
                raise ConfigurationError(f"{name} is {number!r}: it must be a number above 0")
        self._api = APIS[api_version]
        self._origin = settings.find_origin(
            remote_host, environ=_environ, default=self._api.default_origin
        )
        key = settings.find_api_key(hidden_key, environ=_environ, home=Path.home())
        credentials = settings.provider_credentials(
            ibmq_token=hidden_ibmq,
            ibmq_instance=ibmq_instance,
            ibmq_channel=ibmq_channel,
            cq_token=hidden_cq,
        )
        self._errors = CallErrors(
            origin=self._origin, secrets=(key, *(value for _, value in credentials))
        )
        headers: tuple[tuple[str, str | Secret], ...] = (
            ("Authorization", key),
            ("Content-Type", "application/json"),
            ("X-Client-Name", settings.header_text(client_name, name="client_name")),
            ("X-Client-Version", self._api.version),
            ("User-Agent", f"superstaq-jobs/{__version__}"),
            *credentials,
        )
        # As a request has checked them, so that the next ones need not.
        self._headers = Request(method="GET", path="/", headers=headers).headers
        self._client_name = client_name
        self._retry_policy = retry_policy if retry_policy is not None else RetryPolicy()
        self._request_timeout_seconds = request_timeout_seconds
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._jitter = jitter
        self._looks_per_second = looks_per_second
        self._traffic = Traffic(budget=self._retry_policy.budget, looks_per_second=looks_per_second)
        self._own_transport = transport is None
        self._time_stands = transport is None and isinstance(self._clock, VirtualClock)
        self._proxy = hidden_proxy
        self._transport_options: dict[str, Any] = {
            "connect_timeout_seconds": connect_timeout_seconds,
            "read_timeout_seconds": read_timeout_seconds,
            "max_body_bytes": max_body_bytes,
            "max_connections": max_connections,
            "ca_certs": ca_certs,
            "allow_insecure_http": allow_insecure_http,
        }
        self._transport: Transport = transport if transport is not None else self._connected()

    def _connected(self) -> Transport:
        from superstaq_jobs.transport import (
            HttpTransport,
        )  # urllib3 is loaded for those who send something

        try:
            return HttpTransport(
                origin=self._origin,
                proxy_url=None if self._proxy is None else self._proxy.reveal(),
                **self._transport_options,
            )
        except ConfigurationError as error:
            message = error.message
        # Anew, since the frames of the other one hold the proxy's login.
        raise ConfigurationError(message)

    # ---- what it is ------------------------------------------------------------------------

    @property
    def remote_host(self) -> str:
        """The server's scheme and authority, ``https://host[:port]``."""
        return self._origin

    @property
    def api(self) -> Api:
        """The calls of the API version that this client speaks."""
        return self._api

    @property
    def circuit_type(self) -> CircuitType:
        """The language in which the server writes circuits back."""
        return self._circuit_type

    @property
    def clock(self) -> Clock:
        """The clock that this client, and waits through it, go by."""
        return self._clock

    @property
    def jitter(self) -> Callable[[], float]:
        """Draws a number evenly from 0 to 1, for the pauses of this client and its waits."""
        return self._jitter

    @property
    def retry_policy(self) -> RetryPolicy:
        """When a request is sent again."""
        return self._retry_policy

    @property
    def traffic(self) -> TrafficCounts:
        """How many calls, requests, repetitions and failures there have been so far."""
        return self._traffic.counts()

    def look_in(self) -> float:
        """How long a look that would begin now has to wait for its turn; seconds.

        Waits through one client take turns, so that many that began together do not all ask at one
        moment. Each call takes a turn.
        """
        return self._traffic.look_in(self._clock.now())

    def __repr__(self) -> str:
        # A traceback may show one that is only half made.
        origin, api = getattr(self, "_origin", None), getattr(self, "_api", None)
        version = None if api is None else api.version
        return f"SuperstaqClient(remote_host={origin!r}, api_version={version!r}, api_key='***')"

    def deadline_in(self, timeout_seconds: float | None) -> float:
        """The moment on the monotonic clock that is so many seconds from now; infinite for None.

        Raises:
            InvalidRequest: If it is no number of seconds, 0 or more.
        """
        if timeout_seconds is None:
            return math.inf
        if not is_amount(timeout_seconds):
            what = f"{timeout_seconds!r} is no number of seconds, 0 or more"
            raise InvalidRequest("the request", [Problem("timeout_seconds", what)])
        return self._clock.now() + timeout_seconds

    # ---- one call --------------------------------------------------------------------------

    def send(
        self,
        call: Call[T],
        *,
        deadline: float = math.inf,
        max_attempts: int | None = None,
    ) -> T:
        """Make one call, repeating its request under the retry policy, and read the answer.

        This is what the fetch functions are made of.

        Args:
            call: The call, of this client's ``api``.
            deadline: When the call must be over, pauses and repetitions included, on the client's
                monotonic clock; see ``deadline_in``.
            max_attempts: How often its request may be sent; None for the retry policy's number.

        Returns:
            What the answer says.

        Raises:
            AuthenticationError: The server does not accept the key.
            SubmissionUnknown: A submission whose answer was lost.
            TransportError: No whole answer came.
            ProtocolError: The answer is not what the API promises.
            SuperstaqServerException: The server answered with another error.

        Warns:
            SuperstaqWarning: For what the server warns of.
        """
        self._traffic.count_call()
        policy = self._retry_policy
        from .retry import with_repetitions  # and so is tenacity

        answer = with_repetitions(
            partial(self._attempt, call, deadline),
            policy=policy,
            safe_to_repeat=call.safe_to_repeat,
            clock=self._clock,
            deadline=deadline,
            max_attempts=policy.max_attempts if max_attempts is None else max_attempts,
            jitter=self._jitter,
            take_repetition=self._traffic.take_repetition,
        )
        for message in answer.warnings:
            try:
                warn(self._errors.masked(message))
            except SuperstaqWarning as warning:
                # Where warnings are errors, a created job must not be lost with one.
                warning.value = answer.value
                raise
        return answer.value

    def _attempt(self, call: Call[T], deadline: float, number: int) -> job_data.Decoded[T]:
        asked = call.request
        request = Request(
            method=asked.method, path=asked.path, headers=self._headers, body=asked.body
        )
        started = self._clock.now()
        self._traffic.count_request(is_repetition=number > 1)
        try:
            response = self._transport.send(
                request,
                timeout_seconds=self._longest_seconds(deadline - started),
            )
        except (TransportError, ProtocolError) as error:
            self._traffic.count_no_answer()
            elapsed = self._clock.now() - started
            what = type(error).__name__
            _LOGGER.debug("%s: %s, attempt %d, %.3f s", request.label, what, number, elapsed)
            failure = self._errors.no_response(call, error)
        else:
            elapsed = self._clock.now() - started
            _LOGGER.debug(
                "%s: %d, attempt %d, %.3f s, %d bytes",
                *(request.label, response.status, number, elapsed, len(response.body)),
            )
            return self._read(call, response)
        # Outside of the handler, so that the error stands alone.
        raise failure

    def _longest_seconds(self, seconds_left: float) -> float:
        """How long one request may take."""
        # A connection takes real time, which a virtual clock's deadline is no measure of.
        if self._time_stands:
            return self._request_timeout_seconds
        return min(self._request_timeout_seconds, max(0.0, seconds_left))

    def _read(self, call: Call[T], response: Response) -> job_data.Decoded[T]:
        # No name is given to the body here: what a server hands back may show in a traceback.
        now = self._clock.utcnow()
        is_good = 200 <= response.status < 300  # noqa: PLR2004
        self._traffic.count_answer(len(response.body), is_good=is_good)
        if not is_good:
            raise self._errors.refused(call, response, now=now)
        try:
            return call.read(response.body, now, self._origin)
        except ProtocolError as error:
            failure = error
        masked = self._errors.masked_bytes(response.body)
        if masked != response.body:
            # Found once more, so that no part of a secret is shown as what is wrong.
            try:
                call.read(masked, now, self._origin)
            except ProtocolError as error:
                failure = error
            else:
                failure = ProtocolError("it hands back a secret that was sent to it")
        raise self._errors.unreadable(call, response, failure)

    # ---- its end ---------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections. May be called more than once."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        if not self._own_transport:
            raise TypeError("a SuperstaqClient with a transport of its own cannot be pickled")
        return {
            "remote_host": self._origin,
            "api_version": self._api.version,
            "circuit_type": self._circuit_type,
            "client_name": self._client_name,
            "retry_policy": self._retry_policy,
            "request_timeout_seconds": self._request_timeout_seconds,
            "looks_per_second": self._looks_per_second,
            "proxy_url": None if self._proxy is None else _without_login(self._proxy.reveal()),
            **self._transport_options,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def _environ(name: str) -> str | None:
    return os.environ.get(name)


def _as_secret(token: str | Mapping[str, Any]) -> Secret:
    return Secret(token if isinstance(token, str) else json.dumps(dict(token)))


def _without_login(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest
