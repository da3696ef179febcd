"""A fake clock and a scripted transport: they never sleep and open no socket."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final, Self, TypeAlias

from superstaq_jobs.errors import InvalidValue
from superstaq_jobs.records import JobSnapshot
from superstaq_jobs.records.fields import is_a, is_number
from superstaq_jobs.records.problems import check_iterable, check_type, is_amount, shown
from superstaq_jobs.wire.api import encode_jobs
from superstaq_jobs.wire.request import Request, Response

from .faults import Fault

__all__ = ["FakeClock", "ScriptedTransport", "Step", "jobs_response", "json_response"]

Step: TypeAlias = Response | BaseException | Fault | Callable[[Request], Response]
"""What a ``ScriptedTransport`` does with a request: return, raise, fail, or call a function."""

_NEW_YEAR: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class FakeClock:
    """A ``Clock`` on which time passes only when code sleeps or the test advances it.

    A sleep returns at once and advances the clock, so a test of an hour's wait takes no time.
    Thread-safe; the time that one thread sleeps passes for all threads.

    >>> clock = FakeClock()
    >>> clock.sleep(5)
    >>> clock.now(), clock.sleeps
    (5.0, (5.0,))

    Args:
        start: The initial value of ``now()``, in seconds.
        utc: The initial value of ``utcnow()``; aware.

    Raises:
        ValueError: ``utc`` has no time zone.
    """

    def __init__(self, start: float = 0.0, *, utc: dt.datetime = _NEW_YEAR) -> None:
        check_type(dt.datetime, utc=utc)
        if not is_number(start):
            raise InvalidValue(f"start must be a number of seconds, got {shown(start)}")
        if utc.utcoffset() is None:
            raise InvalidValue(
                f"utc must have a time zone, got {shown(utc)}: pass tzinfo=datetime.UTC"
            )
        self._lock = threading.Lock()
        self._start = float(start)
        self._utc = utc.astimezone(dt.UTC)
        self._passed = 0.0
        self._sleeps: list[float] = []

    @property
    def sleeps(self) -> tuple[float, ...]:
        """The requested duration of each sleep so far, in seconds, in order."""
        with self._lock:
            return tuple(self._sleeps)

    def now(self) -> float:
        """The seconds on the clock."""
        with self._lock:
            return self._start + self._passed

    def utcnow(self) -> dt.datetime:
        """The date and time on the clock, in UTC."""
        with self._lock:
            return self._utc + dt.timedelta(seconds=self._passed)

    def sleep(self, seconds: float) -> None:
        """Advance the clock by that many seconds at once, and record them in ``sleeps``.

        Raises:
            ValueError: The seconds are negative, NaN or infinite.
        """
        self._pass(seconds, record=True)

    def advance(self, seconds: float) -> None:
        """Advance the clock without a sleep, as if a server were slow.

        Raises:
            ValueError: The seconds are negative, NaN or infinite.
        """
        self._pass(seconds, record=False)

    def _pass(self, seconds: float, *, record: bool) -> None:
        if not is_amount(seconds):
            raise InvalidValue(f"seconds must be a finite number >= 0, got {shown(seconds)}")
        with self._lock:
            self._passed += seconds
            if record:
                self._sleeps.append(float(seconds))

    def __repr__(self) -> str:
        return f"FakeClock(now={self.now()}, {len(self.sleeps)} sleeps)"


class ScriptedTransport:
    """A ``Transport`` that takes its responses from a script instead of a server.

    Each request takes the next step of the script: a ``Response`` is returned, an exception is
    raised, a ``Fault`` is simulated, and a function is called with the request and returns the
    response. A request past the end of the script fails the test. Thread-safe.

    >>> from superstaq_jobs import Request
    >>> transport = ScriptedTransport([json_response({"balance": 3})])
    >>> transport.send(Request(method="GET", path="/balance"), timeout_seconds=1).status
    200
    >>> transport.requests[0].label
    'GET /balance'

    Args:
        steps: The script, in order.
        clock: The client's clock, which a fault that takes time advances. None for faults that take
            no time.
    """

    def __init__(self, steps: Iterable[Step] = (), *, clock: FakeClock | None = None) -> None:
        self._lock = threading.Lock()
        check_iterable("steps", steps=steps)
        self._steps = [_step(step) for step in steps]
        self._taken = 0
        self._handler: Callable[[Request], Response] | None = None
        self._faults: list[Fault | None] = []
        self._clock = clock
        self._requests: list[Request] = []
        self._timeouts: list[float] = []
        self._closed = False

    @classmethod
    def from_function(
        cls,
        handler: Callable[[Request], Response],
        *,
        faults: Iterable[Fault | None] = (),
        clock: FakeClock | None = None,
    ) -> Self:
        """A transport that calls one function for every response, without end.

        Args:
            handler: Takes the request, and returns the response or raises. Called by the thread
                that sends, so perhaps by several at once.
            faults: The fault of the first request, the second, and so on; None for no fault. The
                function is not called for a request with a fault unless the fault ``is_done``; then
                it is, and its response is lost.
            clock: As for the constructor.
        """
        if not callable(handler):
            raise TypeError(f"handler must be a function of a request, got {shown(handler)}")
        check_iterable("faults", faults=faults)
        transport = cls(clock=clock)
        transport._handler = handler
        transport.fail(*faults)
        return transport

    def extend(self, *steps: Step) -> None:
        """Append steps to the script.

        Args:
            steps: The steps, in order.

        Raises:
            ValueError: The transport calls a function, so the steps would never be taken.
            TypeError: One of the steps is something else, such as a list.
        """
        if self._handler is not None:
            raise InvalidValue(
                "this transport calls a function and has no script to extend: use fail() for faults"
            )
        checked = [_step(step) for step in steps]
        with self._lock:
            self._steps.extend(checked)

    def fail(self, *faults: Fault | None) -> None:
        """Add faults for the next requests, after the faults that remain.

        Args:
            faults: The fault of each request; None for no fault.
        """
        for fault in faults:
            if fault is not None:
                check_type(Fault, "pass them one by one, fail(*faults)", faults=fault)
        with self._lock:
            self._faults.extend(faults)

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request so far, in order, including those past the end of the script."""
        with self._lock:
            return tuple(self._requests)

    @property
    def timeouts(self) -> tuple[float, ...]:
        """The ``timeout_seconds`` of each request so far."""
        with self._lock:
            return tuple(self._timeouts)

    @property
    def remaining(self) -> int:
        """How many steps of the script have not been taken; 0 with a function."""
        with self._lock:
            return len(self._steps) - self._taken

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` has been called."""
        return self._closed

    def send(self, request: Request, /, *, timeout_seconds: float) -> Response:
        """Take the next step of the script.

        Raises:
            AssertionError: The script has no further step, or the transport is closed.
        """
        check_type(Request, request=request)
        with self._lock:
            self._requests.append(request)
            self._timeouts.append(timeout_seconds)
            if self._closed:
                raise AssertionError(f"{request.label} was sent over a closed transport")
            step = self._next_step(request)
            fault = self._faults.pop(0) if self._faults else None
        if fault is not None:
            if fault.is_done:
                self._handle(step, request, timeout_seconds)
            step = fault
        return self._handle(step, request, timeout_seconds)

    def _next_step(self, request: Request) -> Step:
        if self._handler is not None:
            return self._handler
        if self._taken == len(self._steps):
            raise AssertionError(
                f"request {len(self._requests)}, {request.label}, is past the end of the script, "
                f"which has {len(self._steps)} steps"
            )
        self._taken += 1
        return self._steps[self._taken - 1]

    def _handle(self, step: Step, request: Request, timeout_seconds: float) -> Response:
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, Fault):
            if step.kind.takes_time and self._clock is not None:
                self._clock.advance(timeout_seconds)
            return step.play(request, timeout_seconds=timeout_seconds)
        return step if isinstance(step, Response) else step(request)

    def close(self) -> None:
        """Record that the transport was closed; may be called repeatedly."""
        self._closed = True

    def __repr__(self) -> str:
        # Requests contain keys and responses may contain anything, so neither is shown.
        what = "a function" if self._handler else f"{len(self._steps)} steps"
        return f"<ScriptedTransport of {what}, {len(self.requests)} requests so far>"


def _step(step: Step) -> Step:
    if any(is_a(step, kind) for kind in (Response, BaseException, Fault)) or callable(step):
        return step
    hint = (
        "pass steps one by one, extend(*steps)"
        if isinstance(step, list | tuple)
        else ("a step is a Response, an exception, a Fault or a function of a request")
    )
    raise TypeError(f"steps must not contain {shown(step)}: {hint}. Nothing was changed")


def json_response(
    data: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """A response whose body is JSON.

    Args:
        data: Plain JSON data.
        status: The HTTP status.
        headers: Additional headers, such as ``Retry-After``.

    Raises:
        TypeError: The data is not JSON.
        InvalidValue: The data contains NaN or an infinity, or is nested too deeply.
    """
    try:
        body = json.dumps(data, allow_nan=False).encode()
    except TypeError as error:
        raise TypeError(f"data must be plain JSON data: {error}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"data must be plain JSON data: {error}") from None
    return _response(body, status, headers)


def jobs_response(
    *snapshots: JobSnapshot,
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (),
    api_version: str = "v0.3.0",
) -> Response:
    """The response to a request for jobs, with these snapshots.

    Args:
        snapshots: Snapshots of different jobs; none for a response without jobs.
        status: The HTTP status.
        headers: Additional headers.
        api_version: The version of the API.

    Raises:
        ValueError: Two snapshots are of the same job.
        InvalidRequest: The version does not exist, or a snapshot is of another one.
    """
    return _response(encode_jobs(snapshots, api_version=api_version), status, headers)


def _response(body: bytes, status: int, headers: Iterable[tuple[str, str]]) -> Response:
    check_iterable("pairs", headers=headers)
    return Response(
        status=status, headers=(("Content-Type", "application/json"), *headers), body=body
    )
