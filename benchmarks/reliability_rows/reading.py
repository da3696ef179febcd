"""Row 17: bodies of 16 MB, valid or not, that arrive in time but take long to read."""

from __future__ import annotations

import contextlib
import gc
import json
import time
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import superstaq_jobs as sj
from superstaq_jobs.testing import ScriptedTransport

from .shared import HOST, JOB, KEY, Row, circuits_body, job_data, job_number

__all__ = ["reading"]

MEGABYTES = 16
DEADLINE_SECONDS = 1.0
MOST_SECONDS = 0.5

Make: TypeAlias = Callable[[int], Any]
"""Makes a body with that many of something, as JSON data or as bytes."""


def _job(**fields: Any) -> dict[str, Any]:
    return {str(JOB): job_data(**fields)}


def _circuits(number: int, **fields: Any) -> dict[str, Any]:
    (sent,) = _job().values()
    lists = {name: value * number for name, value in sent.items() if isinstance(value, list)}
    return {str(JOB): {**sent, **lists, "num_circuits": number, **fields}}


def _old(**fields: Any) -> dict[str, Any]:
    (sent,) = json.loads(circuits_body(JOB)).values()
    return {str(JOB): {**sent, **fields}}


def _unknown(number: int) -> dict[str, Any]:
    return {f"field{place}": place for place in range(number)}


def _outcomes(number: int, value: object = 1) -> dict[str, Any]:
    return {f"{place:024b}": value for place in range(number)}


BODIES: dict[str, dict[str, Make]] = {
    "v0.3.0": {
        "unknown fields": lambda n: _job(**_unknown(n)),
        "unknown fields, and a wrong one": lambda n: _job(**_unknown(n), dry_run="x"),
        "circuits": _circuits,
        "circuits, a wrong one": lambda n: _circuits(n, shots=[10] * (n - 1) + ["x"]),
        "circuits, all wrong": lambda n: _circuits(n, shots=["x"] * n, counts=[[]] * n),
        "jobs": lambda n: {str(job_number(place)): job_data() for place in range(n)},
        "jobs, all wrong": lambda n: {str(job_number(k)): job_data(shots=1) for k in range(n)},
        "jobs that are numbers": lambda n: {str(job_number(place)): place for place in range(n)},
        "outcomes": lambda n: _job(counts=[_outcomes(n)]),
        "outcomes, all wrong": lambda n: _job(counts=[_outcomes(n, "x")]),
        "metadata": lambda n: _job(metadata={f"k{k}": {"a": {"b": [k]}} for k in range(n)}),
        "unknown statuses": lambda n: _circuits(n, statuses=[f"status {k}" for k in range(n)]),
        "warnings": lambda n: {"warnings": [f"w{place}" for place in range(n)], **_job()},
        "lists of lists": lambda n: b"[" * n + b"]" * n,
        "a number of millions of digits": lambda n: (
            b'{"%b": {"shots": [%b]}}'
            % (
                str(JOB).encode(),
                b"9" * n,
            )
        ),
    },
    "v0.2.0": {
        "circuits": lambda n: json.loads(circuits_body(*map(job_number, range(n)))),
        "circuits, all wrong": lambda n: {
            f"c{k}": {"status": "Done", "shots": "x"} for k in range(n)
        },
        "unknown fields": lambda n: _old(**_unknown(n)),
        "outcomes": lambda n: _old(status="Done", samples=_outcomes(n)),
        "outcomes, all wrong": lambda n: _old(status="Done", samples=_outcomes(n, "x")),
    },
}


def _grown(make: Make, megabytes: float) -> bytes:
    """A body of that size."""

    def body(number: int) -> bytes:
        made = make(number)
        return made if isinstance(made, bytes) else json.dumps(made).encode()

    return body(round(1000 * megabytes * 1e6 / len(body(1000))))


def _overshoot(body: bytes, version: str) -> float:
    """By how many seconds a fetch or a wait ends after its deadline, at most."""
    transport = ScriptedTransport.from_function(lambda _request: sj.Response(status=200, body=body))
    worst = 0.0
    for call in (
        lambda client: sj.fetch_job(client, JOB, timeout_seconds=DEADLINE_SECONDS),
        lambda client: sj.JobHandle(client, JOB).wait_until_complete(DEADLINE_SECONDS, 0.2),
    ):
        client = sj.SuperstaqClient(KEY, HOST, transport=transport, api_version=version)
        gc.collect()
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.suppress(sj.SuperstaqException):
                call(client)
        worst = max(worst, time.perf_counter() - began - DEADLINE_SECONDS)
    return worst


def reading(*, quick: bool) -> Row:
    """Row 17."""
    megabytes = 1 if quick else MEGABYTES
    late = {
        f"{name}, {version}": _overshoot(_grown(make, megabytes), version)
        for version, bodies in BODIES.items()
        for name, make in bodies.items()
    }
    worst = max(late, key=late.__getitem__)
    return Row(
        what=f"overshoot of a deadline of {DEADLINE_SECONDS:.0f} s by reading {len(late)} bodies "
        f"of {megabytes} MB, valid and invalid (both versions of the API)",
        bar=f"≤ {MOST_SECONDS} s",
        ours=f"{late[worst]:.2f} s at most ({worst})",
        theirs="has no limit on reading",
        passed=late[worst] <= MOST_SECONDS,
    )
