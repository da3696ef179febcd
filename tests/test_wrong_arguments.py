"""Any argument of any public function, replaced by anything: an error that names it, or a result.

The error is one of this library, or a ``TypeError``; never an ``AttributeError`` or ``KeyError``
from inside. Nothing is sent.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import datetime as dt
import re
import uuid
import warnings
from types import MappingProxyType
from typing import Any

import pytest
from public_calls import Call, World, calls, good_arguments, new_job, option_names, world
from worlds import JOB, job

import superstaq_jobs as sj
from superstaq_jobs.records.problems import shown

CALLS = list(calls())
VERSIONS = ("v0.3.0", "v0.2.0")
HUGE = 10**5000


class Hostile:
    """Nothing that anybody expects, and it does not even show itself."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def plain_values() -> list[Any]:
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    return [
        None, True, False, 0, -1, 3, 1.5, float("nan"), float("inf"), HUGE, 1j,
        "", "x", "\ud800", "a,b", "x" * 10_000, b"x", bytearray(b"x"),
        [], [None], [1], ["x"], (), (1, 2), [[]], deep, {}, {"a": 1}, {1: {}}, {"00": "x"},
        set(), {1}, frozenset(), range(2), MappingProxyType({}), iter([1]),
        object(), Hostile(), Hostile, int, len, print, lambda: None, Ellipsis, NotImplemented,
        dt.datetime(2026, 1, 1), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.timedelta(1),  # noqa: DTZ001
        uuid.UUID(int=1), sj,
    ]  # fmt: skip


def public_values(client: sj.SuperstaqClient) -> list[Any]:
    snapshot = job("completed")
    handle = sj.JobHandle(client, "aaa" if client.api.version == "v0.2.0" else JOB)
    return [
        client, handle, [handle], snapshot, [snapshot], snapshot.to_dict(), snapshot.circuits[0],
        snapshot.circuits, snapshot.counts(0), snapshot.metadata, new_job(), sj.JobQuery(),
        sj.TargetQuery(), sj.CancelReceipt(), sj.RetryPolicy(), sj.PollPolicy(), sj.Pace(),
        sj.Request(method="GET", path="/"), sj.Response(status=200), sj.Secret("s"),
        sj.CircuitStatus.RUNNING, sj.Stage.FINISHED, sj.SystemClock(), sj.diff(snapshot, snapshot),
        sj.TransportError("x", sent=False), sj.fetch_job, sj.JobSnapshot, sj.SuperstaqException,
        client.api, sj.Problem("a", "b"),
    ]  # fmt: skip


ALSO_NAMED = {
    "items": r"bitstring|count of|\$|keys?|number of shots",
    "others": r"snapshots?|bitstring|counts? of",
    "other": r"bitstrings?|counts?|weights?|does not exist, so it was not opened",
    "job_id": "snapshot of job",
    "when": "was observed by",
    "counts": r"bitstrings?|counts?",
    "qubits": r"positions?",
    "places": r"positions?",
    "snapshots": r"snapshots?\b.*",
    "faults": r"[Ff]aults?",
    "steps": r"[Ss]teps?",
    "plans": r"[Pp]lans?",
    "bits": r"bitstrings?",
    "before": "these changes",
    "num_bits": r"positions?",
    "api_key": "API key|api_key",
    "remote_host": "remote_host|host",
    "first": "snapshots?",
    "index": "circuit",
    "after": "snapshots?",
    "job": "circuit_type",
    "body": "response",
}


CALLBACKS = {"keep", "on_change", "handler", "jitter", "update_port", "listener"}


def is_named(name: str, text: str) -> bool:
    pattern = rf"\b{name}\b" + (f"|{ALSO_NAMED[name]}" if name in ALSO_NAMED else "")
    return re.search(pattern, text) is not None


def run(call: Call, here: World, wrong: dict[str, Any]) -> tuple[Any, int]:
    """The error of a call, if there is one, and how many requests were sent."""
    sent_before = len(here.transport.requests)
    arguments = good_arguments(call, here)
    arguments.update(wrong)
    positional = [
        arguments.pop(p.name)
        for p in call.keywords
        if p.kind is p.POSITIONAL_ONLY and p.name in arguments
    ]
    if call.rest and call.rest[0] in arguments and call.rest[0] not in {"options", "fields"}:
        extra = arguments.pop(call.rest[0])
        positional += [
            arguments.pop(p.name)
            for p in call.keywords
            if p.kind is p.POSITIONAL_OR_KEYWORD and p.name in arguments
        ]
        positional.append(extra)
    error = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = call.make(here)(*positional, **arguments)
            finish(result)
        except Exception as caught:  # noqa: BLE001 - which one is what is tested
            error = caught
    return error, len(here.transport.requests) - sent_before


def finish(result: Any) -> None:
    """Let what is lazy begin."""
    if isinstance(result, collections.abc.Generator):
        next(result, None)
        result.close()
    elif isinstance(result, collections.abc.AsyncGenerator):
        asyncio.run(begin(result))
    elif asyncio.iscoroutine(result):
        asyncio.run(result)


async def begin(steps: collections.abc.AsyncGenerator) -> None:
    async with contextlib.aclosing(steps):
        await anext(steps, None)


def replaced(call: Call) -> list[str]:
    rest = [name for name in call.rest if name not in {"options", "fields"}]
    return [p.name for p in call.keywords] + rest + [*option_names(call)]


def refusal_problem(name: str, error: Exception, sent: int) -> str | None:
    """What is wrong with the error for a wrong value of an argument; None if nothing is."""
    if name in {"directory", "path", "other"} and isinstance(error, OSError):
        return None
    if isinstance(error, sj.TransportError) or (
        sent and isinstance(error, sj.SuperstaqServerException)
    ):
        return None  # the value is a good one, of which the server or the network says something
    kind = type(error).__name__
    if not isinstance(error, sj.SuperstaqException | TypeError):
        return f"{kind} from inside"
    if not is_named(name, str(error)):
        return f"does not name it: {kind}: {error}"
    if sent and not isinstance(error, sj.CircuitIndexError):  # which depends on the response
        return f"{sent} requests were sent: {error}"
    return None


def faults_of(call: Call, api_version: str) -> list[str]:
    usual, _ = run(call, world(api_version), {})
    found = []
    for name in replaced(call):
        here = world(api_version)
        for value in plain_values() + public_values(world(api_version).client):
            if name in CALLBACKS and callable(value):
                continue  # its own error, when it is called, is its own
            if call.name == "SystemClock.sleep" and value in [1, 3, 1.5]:
                continue  # it would sleep
            error, sent = run(call, here, {name: value})
            if error is not None and type(error) is not type(usual):
                problem = refusal_problem(name, error, sent)
                if problem is not None:
                    found.append(f"{call.name}({name}={shown(value)}): {problem}")
    return found


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_wrong_argument_is_named_and_nothing_is_sent(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sends = "JobHandle" in call.name or {"client", "handles"} & {p.name for p in call.keywords}
    versions = VERSIONS if sends else VERSIONS[:1]
    assert [fault for version in versions for fault in faults_of(call, version)] == []


def test_the_calls_are_those_of_the_library():
    """Were none found, the test above would hold."""
    names = {call.name for call in CALLS}
    assert {"fetch_jobs", "JobHandle.cancel", "Counts.marginal", "tables.to_rows"} <= names
    assert {"interop.qiskit.to_result", "emulator.Emulator", "testing.strategies.counts"} <= names
    assert len(names) > 130
