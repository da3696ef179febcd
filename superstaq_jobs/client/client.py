"""The client: one server, one user, and how requests are sent to it."""

from __future__ import annotations

import logging
import math
import os
import random
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import attrs

from superstaq_jobs._version import __version__
from superstaq_jobs.clock import Clock, SystemClock, VirtualClock
from superstaq_jobs.errors import (
    ConfigurationError,
    ProtocolError,
    SuperstaqServerException,
    TransportError,
)
from superstaq_jobs.records import CircuitType, JobId, fields
from superstaq_jobs.records.budget import OutOfTime, limited
from superstaq_jobs.records.problems import check_type, warn
from superstaq_jobs.transport.limits import MAX_CONNECTIONS, check, check_integer, check_positive
from superstaq_jobs.wire import job_data
from superstaq_jobs.wire.api import Api, Call
from superstaq_jobs.wire.masking import secrets_in_token
from superstaq_jobs.wire.record_mask import RecordMask
from superstaq_jobs.wire.refusals import CallErrors
from superstaq_jobs.wire.request import Request, Response, Secret

from . import settings
from .locks import ForkSafeLock, SubmissionKeys
from .recorder import Recorder, with_value
from .retry import RetryPolicy, with_retries
from .traffic import Traffic, TrafficCounts

if TYPE_CHECKING:
    from superstaq_jobs.transport import Transport

__all__ = ["SuperstaqClient", "check_client"]

T = TypeVar("T")

_NO_KEY: Final = "(there-is-no-api-key)"
"""In place of the key of a client that was unpickled where there is none; it is never sent."""
_SHARED: Final = frozenset({"_completing", "_submission_keys", "_submitted", "_traffic"})
"""What the threads of a client share, so that it stays the same when the client is completed."""
_READING_SECONDS: Final = 0.1
"""How long after its deadline a response that arrived in time may still be read."""
_LOGGER: Final = logging.getLogger("superstaq_jobs")


def check_client(client: object, what: str = "the request") -> None:
    """Raise an ``InvalidRequest`` for an argument that is not a client."""
    hint = "pass SuperstaqClient(), which finds the API key and the server"
    fields.refuse(what, {"client": fields.instance(client, SuperstaqClient, hint)})


def check_send(call: object, deadline: object, max_attempts: int | None, keep: object) -> None:
    """Check the arguments of ``SuperstaqClient.send``, before anything is sent."""
    if keep is not None and not callable(keep):
        raise TypeError(f"keep must be a function, got {fields.shown(keep)}. Nothing was sent")
    hint = "pass one of client.api, such as client.api.fetch_balance()"
    when = "must be a time, as client.deadline_in(seconds) returns"
    given = {
        "call": fields.instance(call, Call, hint),
        "deadline": fields.valid(deadline, fields.is_number(deadline), when),
        "max_attempts": None if max_attempts is None else fields.positive_integer(max_attempts),
    }
    fields.refuse("the request", given)


class SuperstaqClient:
    """A connection to one Superstaq server for one user. Making one sends nothing.

    Thread-safe. ``copy.copy`` returns the client itself. Use it in a ``with`` statement, or call
    ``close()``, to close its connections. Its ``repr`` does not show the API key. A pickled client
    contains neither the key, nor tokens of providers, nor a proxy's login: unpickling looks up the
    key again, and leaves out the others. If a key, or the file ``ca_certs``, is missing then, it is
    looked up when a request is to be sent: what is known of finished jobs can be read without it.

    Args:
        api_key: The API key. By default, the environment variable ``SUPERSTAQ_API_KEY``, else the
            first line of the first file ``superstaq_api_key`` or ``superstaq-api-key`` in
            ``super.tech`` or ``coldquanta`` of the user's data directory, or ``.super.tech`` or
            ``.coldquanta`` of the home directory, as in the official client.
        remote_host: The server, ``https://host[:port]``; what follows is dropped. By default, the
            environment variable ``SUPERSTAQ_REMOTE_HOST``, else the service itself.
        api_version: The API version, ``v0.3.0`` or ``v0.2.0``, which most accounts use. By default,
            the environment variable ``SUPERSTAQ_API_VERSION``, else ``v0.3.0``.
        circuit_type: The format in which the server returns circuits, unless a call names another.
            API v0.2.0 returns them as they were submitted.
        ibmq_token: An IBM Quantum token. It is sent with every request that may need it, in a
            header (in API v0.2.0 in the body), as are the next three.
        ibmq_instance: The IBM instance.
        ibmq_channel: ``ibm_quantum_platform`` or ``ibm_cloud``.
        cq_token: A CQ token, as a string or as the mapping that contains it.
        client_name: The name that the client gives to the server.
        retry_policy: When a request is retried.
        request_timeout_seconds: How long one request may take, its whole response included.
        connect_timeout_seconds: How long connecting may take.
        read_timeout_seconds: How long the server may be silent.
        max_body_bytes: The largest response body that is read, decompressed.
        max_connections: The largest number of connections.
        proxy_url: A proxy to use; none is taken from the environment.
        ca_certs: The path of a bundle of certificates to trust instead of the system's.
        allow_insecure_http: Whether plain http may be used for hosts other than this machine.
        transport: Sends the requests, instead of urllib3. The options above, from
            ``connect_timeout_seconds`` on, then have no effect.
        clock: The clock for pauses and time stamps. On a virtual clock a request takes no time,
            however long its connection takes; only ``request_timeout_seconds`` limits it.
        jitter: Draws a number uniformly from 0 to 1, for pauses.
        polls_per_second: How many polls of its waits may begin in a second, all together.
        recorder: Records what is learned of jobs before the caller gets it, such as a
            ``SnapshotArchive``: every snapshot, and every submission that was accepted. If it
            raises an error, so does the call; what the server said is in the error's ``value``.
            It is pickled with the client.

    Raises:
        ConfigurationError: If an argument cannot be used. ``ApiKeyNotFound`` if no key was found;
            it lists every place that was searched.
    """

    _state: dict[str, Any] | None = None  # what a pickle contains; None if it cannot be pickled

    def __init__(
        self,
        api_key: str | None = None,
        remote_host: str | None = None,
        *,
        api_version: str | None = None,
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
        polls_per_second: float = 100.0,
        recorder: Recorder | None = None,
    ) -> None:
        # A traceback that starts in here would show the values of these names.
        strings = {"api_key": api_key, "ibmq_token": ibmq_token, "proxy_url": proxy_url}
        wrong = [n for n, v in strings.items() if not (v is None or fields.is_a(v, str))]
        strings.clear()
        if wrong:
            del api_key, ibmq_token, cq_token, proxy_url
            raise ConfigurationError(f"{wrong[0]} must be a string. Nothing was sent")
        hidden_key = Secret(api_key) if api_key else None
        hidden_ibmq = None if ibmq_token is None else Secret(ibmq_token)
        hidden_cq = None if cq_token is None else settings.token_secret(cq_token)
        hidden_proxy = None if proxy_url is None else Secret(proxy_url)
        del api_key, ibmq_token, cq_token, proxy_url
        if hidden_key is not None and "://" in hidden_key.reveal():
            del remote_host  # probably the key
            raise ConfigurationError(
                "api_key is a URL: are api_key and remote_host in the wrong order? Nothing was sent"
            )
        api = settings.find_api(api_version, environ=os.getenv)
        circuit_type = settings.one_of(CircuitType, circuit_type, name="circuit_type")
        is_policy = retry_policy is None or fields.is_a(retry_policy, RetryPolicy)
        check(is_policy, "retry_policy", retry_policy, "a RetryPolicy")
        check_positive(
            request_timeout_seconds=request_timeout_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
            read_timeout_seconds=read_timeout_seconds,
            polls_per_second=polls_per_second,
        )
        check_integer(max_body_bytes, name="max_body_bytes", minimum=0)
        check_integer(max_connections, name="max_connections", minimum=1, maximum=MAX_CONNECTIONS)
        origin = settings.find_origin(remote_host, environ=os.getenv, default=api.default_origin)
        settings.check_version(origin, api)
        self._set_up(
            api=api,
            origin=origin,
            circuit_type=circuit_type,
            clock=clock if clock is not None else SystemClock(),
            jitter=jitter,
            retry_policy=retry_policy if retry_policy is not None else RetryPolicy(),
            polls_per_second=polls_per_second,
            recorder=settings.check_recorder(recorder),
        )
        key, _ = settings.locate_api_key(hidden_key, environ=os.getenv, home=Path.home())
        credentials = settings.provider_credentials(
            ibmq_token=hidden_ibmq,
            ibmq_instance=ibmq_instance,
            ibmq_channel=ibmq_channel,
            cq_token=hidden_cq,
        )
        self._sign(key, credentials, client_name, settings.less_secret(hidden_proxy, ibmq_instance))
        self._request_timeout_seconds = request_timeout_seconds
        self._time_stands = transport is None and isinstance(self._clock, VirtualClock)
        self._proxy = hidden_proxy
        if transport is not None:
            self._transport: Transport = transport
            return
        options: dict[str, Any] = {
            "connect_timeout_seconds": connect_timeout_seconds,
            "read_timeout_seconds": read_timeout_seconds,
            "max_body_bytes": max_body_bytes,
            "max_connections": max_connections,
            "ca_certs": ca_certs,
            "allow_insecure_http": allow_insecure_http,
        }
        self._transport = self._http_transport(options)
        self._state = {
            "remote_host": origin,
            "api_version": api.version,
            "circuit_type": circuit_type,
            "client_name": client_name,
            "retry_policy": self._retry_policy,
            "request_timeout_seconds": request_timeout_seconds,
            "polls_per_second": polls_per_second,
            "recorder": recorder,
            "proxy_url": hidden_proxy and settings.without_login(hidden_proxy.reveal()),
            **options,
        }

    def _sign(
        self,
        key: Secret,
        credentials: tuple[tuple[str, Secret], ...],
        client_name: str,
        less_secret: Iterable[Secret],
    ) -> None:
        """Set the headers of every request, and what no error and no record may show."""
        api, tokens = self._api, dict(credentials)
        given = [key, *(tokens[name] for name in ("ibmq_token", "cq_token") if name in tokens)]
        secrets = [each for secret in given for each in secrets_in_token(secret)]
        self._record_mask = RecordMask(secrets)
        # The others are data too: a record may name an instance.
        self._errors = CallErrors(origin=self._origin, api=api, secrets=[*secrets, *less_secret])
        self._options = {} if api.add_options is None else tokens
        settings.check_header(Secret(client_name), name="client_name")
        headers: tuple[tuple[str, str | Secret], ...] = (
            ("Authorization", key),
            ("Content-Type", "application/json"),
            ("X-Client-Name", client_name),
            ("X-Client-Version", api.version),
            ("User-Agent", f"superstaq-jobs/{__version__}"),
            *(credentials if api.add_options is None else ()),
        )
        # Checked by this request, so that the next ones need not check them again.
        self._headers = Request(method="GET", path="/", headers=headers).headers

    def _set_up(
        self,
        *,
        api: Api,
        origin: str,
        circuit_type: CircuitType,
        clock: Clock,
        jitter: Callable[[], float],
        retry_policy: RetryPolicy,
        polls_per_second: float,
        recorder: Recorder | None = None,
    ) -> None:
        """Set what every client has, with a network or without."""
        self._api = api
        self._origin = origin
        self._circuit_type = circuit_type
        self._clock = clock
        self._jitter = jitter
        self._retry_policy = retry_policy
        self._recorder = recorder
        self._lacks_settings = False
        self._completing = ForkSafeLock()
        self._traffic = Traffic(budget=retry_policy.budget, polls_per_second=polls_per_second)
        self._submission_keys = SubmissionKeys()
        self._submitted: set[JobId] = set()

    def _http_transport(self, options: Mapping[str, Any]) -> Transport:
        from superstaq_jobs.transport import HttpTransport  # loads urllib3

        try:
            return HttpTransport(
                origin=self._origin,
                proxy_url=None if self._proxy is None else self._proxy.reveal(),
                **options,
            )
        except ConfigurationError as error:
            message = error.message
        # A new error, since the frames of that one hold the proxy's login.
        raise ConfigurationError(message)

    @property
    def remote_host(self) -> str:
        """The server's scheme and authority, ``https://host[:port]``."""
        return self._origin

    @property
    def api(self) -> Api:
        """The calls of this client's API version."""
        return self._api

    @property
    def circuit_type(self) -> CircuitType:
        """The format in which the server returns circuits."""
        return self._circuit_type

    @property
    def clock(self) -> Clock:
        """The clock of this client and of its waits."""
        return self._clock

    @property
    def jitter(self) -> Callable[[], float]:
        """Draws a number uniformly from 0 to 1, for the pauses of this client and its waits."""
        return self._jitter

    @property
    def retry_policy(self) -> RetryPolicy:
        """When a request is retried."""
        return self._retry_policy

    @property
    def traffic(self) -> TrafficCounts:
        """The calls, requests, retries, failures and bytes so far."""
        return self._traffic.counts()

    @property
    def recorder(self) -> Recorder | None:
        """Records what is learned of jobs; None if nothing does."""
        return self._recorder

    @property
    def submission_keys(self) -> SubmissionKeys:
        """What this client knows of submission keys."""
        return self._submission_keys

    @property
    def submitted(self) -> set[JobId]:
        """The ids of the jobs submitted with this client, which a server may list late."""
        return self._submitted

    def masked(self, text: str) -> str:
        """A string from the server, in which each secret of this client is masked."""
        check_type(str, text=text)
        return self._errors.mask()(text)

    def reserve_poll(self) -> float:
        """Reserve a time for a poll, at most ``polls_per_second``; seconds from now. No I/O."""
        return self._traffic.reserve_poll(self._clock.now())

    def __repr__(self) -> str:
        # A traceback may show a client whose constructor has failed.
        origin = getattr(self, "_origin", None)
        version = getattr(getattr(self, "_api", None), "version", None)
        return f"SuperstaqClient(remote_host={origin!r}, api_version={version!r}, api_key='***')"

    def deadline_in(self, timeout_seconds: float | None) -> float:
        """The time, on the clock's monotonic side, that many seconds from now; None: infinity.

        Raises:
            InvalidRequest: If it is not a number of seconds >= 0.
        """
        if timeout_seconds is None:
            return math.inf
        fields.refuse("the request", {"timeout_seconds": fields.seconds(timeout_seconds)})
        return self._clock.now() + timeout_seconds

    def send(
        self,
        call: Call[T],
        *,
        deadline: float = math.inf,
        max_attempts: int | None = None,
        keep: Callable[[T], object] | None = None,
    ) -> T:
        """Send a call's request, with retries, and return the decoded response.

        Args:
            call: The call, from this client's ``api``.
            deadline: When the call must have finished, pauses and retries included, on the clock's
                monotonic side; see ``deadline_in``.
            max_attempts: How many times its request may be sent; None for the retry policy's
                number.
            keep: Is called with what was decoded, also if that is only the ``found`` of an error,
                before anything else is done with it. If it raises an error, that is raised, and has
                what was decoded in its ``value``.

        Raises:
            ApiKeyNotFound: If the client was unpickled where no key was found, and there still is
                none; it names the process. Nothing was sent.
            AuthenticationError: If the server does not accept the key.
            SubmissionUnknown: If the response to a submission was lost.
            TransportError: If no complete response arrived.
            ProtocolError: If the response is not what the API promises.
            SuperstaqServerException: If the server responded with another error.

        Warns:
            SuperstaqWarning: For each warning in the response.
        """
        check_send(call, deadline, max_attempts, keep)
        if self._lacks_settings:
            self._complete_unpickling()
        self._traffic.count(calls=1)
        try:
            response = self._respond(call, deadline, max_attempts)
        except SuperstaqServerException as error:
            if keep is not None and error.found:
                with_value(keep, cast("T", error.found))
            raise
        if keep is not None:
            with_value(keep, response.value)
        if response.warnings:  # a mask is made of the whole request
            mask = self._errors.mask(call)
            for message in response.warnings:
                # If warnings are errors, the id of a job that was created must not be lost.
                warn(mask(message), response.value)
        return response.value

    def _respond(
        self, call: Call[T], deadline: float, max_attempts: int | None
    ) -> job_data.Decoded[T]:
        """What a call's response says; a client without a network takes it from elsewhere."""
        policy = self.retry_policy
        return with_retries(
            partial(self._attempt, call, self._complete(call.request), deadline),
            policy=policy,
            idempotent=call.request.idempotent,
            clock=self._clock,
            deadline=deadline,
            max_attempts=policy.max_attempts if max_attempts is None else max_attempts,
            jitter=self._jitter,
            take_retry=self._traffic.take_retry,
        )

    def _complete(self, request: Request) -> Request:
        """The request with the client's own headers, and its credentials where they belong."""
        body = request.body
        if body is not None and self._options and self._api.add_options is not None:
            body = self._api.add_options(body, self._options)
        return attrs.evolve(request, headers=self._headers, body=body)

    def _attempt(
        self, call: Call[T], request: Request, deadline: float, number: int
    ) -> job_data.Decoded[T]:
        started = self._clock.now()
        # A connection takes real time, which a deadline on a virtual clock does not measure.
        left = math.inf if self._time_stands else max(0.0, deadline - started)
        seconds = min(self._request_timeout_seconds, left)
        self._traffic.count(requests=1, repetitions=int(number > 1))
        try:
            response = self._transport.send(request, timeout_seconds=seconds)
        except (TransportError, ProtocolError) as error:
            self._traffic.count(failures=1)
            failed = type(error).__name__, number, self._clock.now() - started
            _LOGGER.debug("%s: %s, attempt %d, %.3f s", request.label, *failed)
            failure = self._errors.no_response(call, error)
        else:
            got = response.status, number, self._clock.now() - started, len(response.body)
            _LOGGER.debug("%s: %d, attempt %d, %.3f s, %d bytes", request.label, *got)
            return self._read(call, response, deadline)
        # Raised outside of the handler, so that it has no context.
        raise failure

    def _read(self, call: Call[T], response: Response, deadline: float) -> job_data.Decoded[T]:
        # The body has no name here: a traceback would show it, and a server may echo the key.
        now = self._clock.utcnow()
        is_success = 200 <= response.status < 300  # noqa: PLR2004
        self._traffic.count_response(len(response.body), is_success=is_success)
        if not is_success:
            raise self._errors.refused(call, response, now=now)
        failure: BaseException | None = None
        try:
            with limited(partial(self._check_time, deadline + _READING_SECONDS)):
                masked = partial(self._record_mask.read, call.read)
                read = call.remembering(masked)(response.body, now, self._origin)
        except BaseException as error:  # noqa: BLE001 - whatever it is, its frames hold the body
            if isinstance(error, ProtocolError) and call.is_complete(error.found):
                # Without any, it is not even JSON, and its other parts were known before.
                problem = " ".join(error.problems[0]) if error.problems else error.message
                warning = f"the response has more, which cannot be read: {problem}"
                read = job_data.Decoded(cast("T", error.found), (warning,))
            else:
                failure = self._errors.unreadable(call, response, error)
        if failure is not None:
            raise failure
        self._errors.note_success()
        return read

    def _check_time(self, ends: float, seconds: float) -> None:
        if self._clock.now() + seconds > ends:
            raise OutOfTime

    def close(self) -> None:
        """Close the connections. May be called more than once."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __getstate__(self) -> dict[str, Any]:
        if self._state is None:
            raise TypeError("a SuperstaqClient that was given a transport cannot be pickled")
        return self._state

    def __setstate__(self, state: dict[str, Any]) -> None:
        try:
            self.__init__(**state)  # type: ignore[misc]
        except ConfigurationError:
            # What is known of a job can be read without a key, or without the certificates. And an
            # error raised here would not reach a parent process: it breaks a pool.
            self.__init__(**{**state, "api_key": _NO_KEY, "ca_certs": None})  # type: ignore[misc]
            self._state, self._lacks_settings = state, True

    def _complete_unpickling(self) -> None:
        """Look up again what was missing when the client was unpickled."""
        try:
            with self._completing.of_this_process():
                if self._lacks_settings:  # another thread may have been faster
                    # Another one, so that this one stays as it is if that fails.
                    complete = vars(type(self)(**self.__getstate__()))
                    vars(self).update({n: v for n, v in complete.items() if n not in _SHARED})
        except ConfigurationError as error:
            import platform  # for this error only

            error.message = (
                f"a client that was unpickled in process {os.getpid()} on {platform.node()} cannot "
                f"send requests: {error.message}\nA pickle contains neither keys nor files: set "
                f"{settings.API_KEY_VARIABLE} for the processes that unpickle a client, or make a "
                "SuperstaqClient in each."
            )
            error.args = (error.message,)
            raise
