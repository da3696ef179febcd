"""A clock and a transport that a test holds in its hand.

Lives here: ``FakeClock``, ``ScriptedTransport``, and ready-made answers for its script. May import
``sansio``, ``codec``, ``records`` and ``faults``; opens no socket and never sleeps.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final, Self, TypeAlias

from superstaq_jobs.records import JobSnapshot
from superstaq_jobs.wire.job_data import encode_jobs
from superstaq_jobs.wire.request import Request, Response

from .faults import Fault

__all__ = ["FakeClock", "ScriptedTransport", "Step", "jobs_response", "json_response"]

Step: TypeAlias = Response | BaseException | Fault | Callable[[Request], Response]
"""What a ``ScriptedTransport`` does with a request: answer it, raise, fail, or ask a function."""

_NEW_YEAR: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class FakeClock:
    """A ``Clock`` on which time passes only when somebody sleeps or the test says so.

    Sleeping returns at once and moves the clock on, so a test of a wait of an hour takes no time.
    Any number of threads may use one clock; the time that one of them sleeps passes for all.

    >>> clock = FakeClock()
    >>> clock.sleep(5)
    >>> clock.now(), clock.sleeps
    (5.0, (5.0,))

    Args:
        start: What ``now()`` is at first, in seconds.
        utc: What ``utcnow()`` is at first; aware.

    Raises:
        ValueError: If ``utc`` has no time zone.
    """

    def __init__(self, start: float = 0.0, *, utc: dt.datetime = _NEW_YEAR) -> None:
        if utc.utcoffset() is None:
            raise ValueError("utc has no time zone")
        self._lock = threading.Lock()
        self._start = float(start)
        self._utc = utc.astimezone(dt.UTC)
        self._passed = 0.0
        self._sleeps: list[float] = []

    @property
    def sleeps(self) -> tuple[float, ...]:
        """How long each sleep so far was asked to be, in seconds, in order."""
        with self._lock:
            return tuple(self._sleeps)

    def now(self) -> float:
        """Seconds on the clock."""
        with self._lock:
            return self._start + self._passed

    def utcnow(self) -> dt.datetime:
        """The date and time on the clock, in UTC."""
        with self._lock:
            return self._utc + dt.timedelta(seconds=self._passed)

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass at once, and note it in ``sleeps``.

        Raises:
            ValueError: If it is negative, NaN or infinite: no real clock could do it.
        """
        self._pass(seconds, note=True)

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass without a sleep, as a slow server does.

        Raises:
            ValueError: If it is negative, NaN or infinite.
        """
        self._pass(seconds, note=False)

    def _pass(self, seconds: float, *, note: bool) -> None:
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"{seconds} seconds cannot pass")
        with self._lock:
            self._passed += seconds
            if note:
                self._sleeps.append(float(seconds))

    def __repr__(self) -> str:
        return f"FakeClock(now={self.now()}, {len(self.sleeps)} sleeps)"


class ScriptedTransport:
    """A ``Transport`` that answers from a script in place of a server.

    Each request takes the next step of the script: a ``Response`` is returned, an exception is
    raised, a ``Fault`` is played, and a function is called with the request and gives the answer. A
    request past the end of the script fails the test that sent it. Any number of threads may use
    one transport.

    >>> from superstaq_jobs.wire.request import Request
    >>> transport = ScriptedTransport([json_response({"balance": 3})])
    >>> transport.send(Request(method="GET", path="/balance"), timeout_seconds=1).status
    200
    >>> transport.requests[0].label
    'GET /balance'

    Args:
        steps: The script, in order.
        clock: Where a fault that takes time lets it pass: the client's clock. None for a fault
            that takes none.
    """

    def __init__(self, steps: Iterable[Step] = (), *, clock: FakeClock | None = None) -> None:
        self._lock = threading.Lock()
        self._steps = list(steps)
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
        """A transport that asks one function for every answer, without an end.

        Args:
            handler: Takes the request; returns the answer or raises. Called by the thread that
                sends, several at once if the code under test does.
            faults: What goes wrong with the first request, the second, and so on; None where
                nothing does. The function is not asked about a request that goes wrong, or, where
                the fault ``is_done``, it is, and its answer is lost.
            clock: As above.
        """
        transport = cls(clock=clock)
        transport._handler = handler
        transport._faults = list(faults)
        return transport

    def extend(self, *steps: Step) -> None:
        """Add steps to the end of the script.

        Args:
            steps: The further steps, in order.

        Raises:
            ValueError: If a function answers, so that the steps were never taken.
            TypeError: If a list is among them: they are given one by one.
        """
        if any(isinstance(step, list | tuple) for step in steps):
            raise TypeError("a list of steps is no step: give them one by one, extend(*steps)")
        if self._handler is not None:
            raise ValueError("this transport asks a function: it has no script to add to")
        with self._lock:
            self._steps.extend(steps)

    def fail(self, *faults: Fault | None) -> None:
        """Let something go wrong with the next requests, after the faults that are waiting.

        Args:
            faults: What goes wrong with each; None where nothing does.
        """
        with self._lock:
            self._faults.extend(faults)

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request so far, in order, those past the end of the script included."""
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
        """Whether ``close`` was called."""
        return self._closed

    def send(self, request: Request, /, *, timeout_seconds: float) -> Response:
        """Take the next step of the script.

        Raises:
            AssertionError: If the script is over, or the transport closed.
        """
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
        """Note that the transport was closed; may be called again."""
        self._closed = True

    def __repr__(self) -> str:
        # Requests hold keys and answers may hold anything: neither is shown.
        what = "a function" if self._handler else f"{len(self._steps)} steps"
        return f"<ScriptedTransport of {what}, {len(self.requests)} requests so far>"


def json_response(
    data: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """An answer whose body is JSON.

    Args:
        data: Plain JSON data.
        status: The HTTP status.
        headers: Further headers, such as ``Retry-After``.

    Raises:
        TypeError: If the data is not JSON.
        ValueError: If it holds NaN or an infinity.
    """
    return Response(
        status=status,
        headers=(("Content-Type", "application/json"), *headers),
        body=json.dumps(data, allow_nan=False).encode(),
    )


def jobs_response(
    *snapshots: JobSnapshot, status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """The answer to a request for jobs that says what these snapshots say.

    Args:
        snapshots: Snapshots of different jobs; none for an answer that knows no job.
        status: The HTTP status.
        headers: Further headers.

    Raises:
        ValueError: If two are of one job.
    """
    return Response(
        status=status,
        headers=(("Content-Type", "application/json"), *headers),
        body=encode_jobs(snapshots),
    )
