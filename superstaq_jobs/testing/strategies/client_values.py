"""Strategies for what a client works with: policies, requests, responses and traffic counts."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from superstaq_jobs.client import RetryPolicy, TrafficCounts
from superstaq_jobs.waiting import Pace, PollPolicy
from superstaq_jobs.wire.request import Request, Response, Secret

from .choices import Choices

__all__ = [
    "paces",
    "poll_policies",
    "requests",
    "responses",
    "retry_policies",
    "traffic_counts",
]

_SECONDS: Final = (1.0, 0.0, 0.25, 10.0, 60.0, 3600.0)
_SHARES: Final = (0.0, 0.1, 0.25, 0.5, 1.0)
_METHODS: Final = ("GET", "POST", "PUT")
_PATHS: Final = (
    "/v0.3.0/client/balance",
    "/v0.3.0/client/job/qasm?tags=a+b&tags=c",
    "/",
    "/%F0%9F%98%80",
)
_HEADERS: Final[tuple[tuple[str, str | Secret], ...]] = (
    ("Content-Type", "application/json"),
    ("Authorization", Secret("a-key-that-opens-nothing")),
    ("X-Client-Version", "v0.3.0"),
)
_STATUS_CODES: Final = (200, 404, 503, 201, 302, 401, 422, 429, 500)
_RESPONSE_HEADERS: Final = (
    ("Content-Type", "application/json"),
    ("Retry-After", "30"),
    ("Content-Type", "text/html"),
)
_BODIES: Final = (b"{}", b"", b"[]", b'"message"', b"<html>", b"\xff")


@st.composite
def retry_policies(draw: st.DrawFn) -> RetryPolicy:
    """When requests are retried."""
    choices = Choices(draw, 5)
    return RetryPolicy(
        max_attempts=1 + choices.below(6),
        base_seconds=choices.of(_SECONDS),
        cap_seconds=choices.of(_SECONDS),
        retry_after_cap_seconds=choices.of(_SECONDS),
        budget=float(choices.below(21)),
    )


@st.composite
def paces(draw: st.DrawFn) -> Pace:
    """How the pauses of a wait grow."""
    return _pace(Choices(draw, 3))


def _pace(choices: Choices) -> Pace:
    low, high = sorted([choices.of(_SECONDS), choices.of(_SECONDS)])
    return Pace(fraction=choices.of(_SHARES), min_seconds=low, max_seconds=high)


@st.composite
def poll_policies(draw: st.DrawFn) -> PollPolicy:
    """How often a wait polls."""
    choices = Choices(draw, 8)
    return PollPolicy(
        queued=_pace(choices),
        running=_pace(choices),
        snap_back=choices.of(_SHARES),
        jitter=choices.of(_SHARES),
    )


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests as a transport receives them; some have a secret in a header."""
    choices = Choices(draw, 4)
    body = choices.of((None, *_BODIES))
    return Request(
        method=choices.of(_METHODS),
        path=choices.of(_PATHS),
        headers=_HEADERS[: choices.below(len(_HEADERS) + 1)],
        body=body,
    )


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """Responses as a transport returns them, successful or not."""
    choices = Choices(draw, 3)
    return Response(
        status=choices.of(_STATUS_CODES),
        headers=_RESPONSE_HEADERS[: choices.below(len(_RESPONSE_HEADERS) + 1)],
        body=choices.of(_BODIES),
    )


@st.composite
def traffic_counts(draw: st.DrawFn) -> TrafficCounts:
    """How much a client has sent and received; the numbers are consistent."""
    choices = Choices(draw, 6)
    calls, retries = choices.below(100), choices.below(50)
    requests = calls + retries
    return TrafficCounts(
        calls=calls,
        requests=requests,
        repetitions=retries,
        failures=choices.below(requests + 1),
        body_bytes=choices.below(1 << 20),
    )
