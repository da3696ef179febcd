"""Strategies for the values that a client works with: policies, requests, answers, differences.

Lives here: one strategy for each public value that is neither a record of a job nor an order or a
reply. Imports Hypothesis and the modules that define them.
"""

from __future__ import annotations

from typing import Any, Final

import attrs
from hypothesis import strategies as st

from superstaq_jobs.client import RetryPolicy, TrafficCounts
from superstaq_jobs.records import CircuitChange, FieldChange, JobDiff, JobSnapshot, diff
from superstaq_jobs.waiting import Pace, PollPolicy
from superstaq_jobs.wire.request import Request, Response, Secret

from . import _values as values
from ._dice import Dice
from ._jobs import job_snapshots
from ._lives import job_histories

__all__ = [
    "circuit_changes",
    "field_changes",
    "job_diffs",
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
_ANSWER_HEADERS: Final = (
    ("Content-Type", "application/json"),
    ("Retry-After", "30"),
    ("Content-Type", "text/html"),
)
_BODIES: Final = (b"{}", b"", b"[]", b'"told"', b"<html>", b"\xff")


@st.composite
def retry_policies(draw: st.DrawFn) -> RetryPolicy:
    """When requests are sent again."""
    dice = Dice(draw, 5)
    return RetryPolicy(
        max_attempts=1 + dice.below(6),
        base_seconds=dice.of(_SECONDS),
        cap_seconds=dice.of(_SECONDS),
        retry_after_cap_seconds=dice.of(_SECONDS),
        budget=float(dice.below(21)),
    )


@st.composite
def paces(draw: st.DrawFn) -> Pace:
    """How the pauses of a wait grow."""
    return _pace(Dice(draw, 3))


def _pace(dice: Dice) -> Pace:
    low, high = sorted([dice.of(_SECONDS), dice.of(_SECONDS)])
    return Pace(fraction=dice.of(_SHARES), min_seconds=low, max_seconds=high)


@st.composite
def poll_policies(draw: st.DrawFn) -> PollPolicy:
    """How often a wait looks."""
    dice = Dice(draw, 8)
    return PollPolicy(
        queued=_pace(dice),
        running=_pace(dice),
        snap_back=dice.of(_SHARES),
        jitter=dice.of(_SHARES),
    )


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests as a transport gets them; some hold a secret in a header."""
    dice = Dice(draw, 4)
    body = dice.of((None, *_BODIES))
    return Request(
        method=dice.of(_METHODS),
        path=dice.of(_PATHS),
        headers=_HEADERS[: dice.below(len(_HEADERS) + 1)],
        body=body,
    )


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """Answers as a transport gives them, good ones and others."""
    dice = Dice(draw, 3)
    return Response(
        status=dice.of(_STATUS_CODES),
        headers=_ANSWER_HEADERS[: dice.below(len(_ANSWER_HEADERS) + 1)],
        body=dice.of(_BODIES),
    )


@st.composite
def traffic_counts(draw: st.DrawFn) -> TrafficCounts:
    """How much a client has sent and received: what it counts adds up."""
    dice = Dice(draw, 6)
    calls, repetitions = dice.below(100), dice.below(50)
    requests = calls + repetitions
    return TrafficCounts(
        calls=calls,
        requests=requests,
        repetitions=repetitions,
        failures=dice.below(requests + 1),
        body_bytes=dice.below(1 << 20),
    )


@st.composite
def job_diffs(draw: st.DrawFn) -> JobDiff:
    """What differs between two snapshots of one job, neighbours in its life or any two."""
    dice = Dice(draw, 1)
    if dice.flag():
        number = draw(values.job_ids())
        return diff(draw(job_snapshots(job_id=number)), draw(job_snapshots(job_id=number)))
    before, after, *_ = draw(job_histories())
    return diff(before, after)


@st.composite
def circuit_changes(draw: st.DrawFn) -> CircuitChange:
    """One circuit that differs between two snapshots."""
    before, after, *_ = draw(job_histories())
    return draw(st.sampled_from(diff(before, after).circuits))


@st.composite
def field_changes(draw: st.DrawFn) -> FieldChange:
    """One field of a job that differs between two snapshots."""
    before = draw(job_snapshots(num_circuits=0))
    changed: dict[str, Any] = {"dry_run": not before.dry_run, "tags": (*before.tags, "new")}
    name = draw(st.sampled_from([*changed]))
    after: JobSnapshot = attrs.evolve(before, **{name: changed[name]})
    (change,) = diff(before, after).fields
    return change
