"""How long other requests wait while an emulator has to do with a monster.

Another process sends three small requests again and again, and takes the time of each.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from emulator_rows.shared import NEW_JOB, SMALLEST, Caller, Row
from superstaq_jobs.emulator import Emulator

__all__ = ["BAR_SECONDS", "disturbances"]

BAR_SECONDS = 0.5
LONG = (
    'OPENQASM 3.0; include "stdgates.inc"; qubit[18] q; bit c; '
    "while (!c) { h q[0]; reset q[0]; c = measure q[0]; }"
)
_DEEP = "[" * 900 + "]" * 900


def _nested(circuit_type: str, circuits: str) -> dict[str, object]:
    return NEW_JOB | {"circuit_type": circuit_type, "circuits": circuits}


def _monsters(circuits: int) -> Iterator[tuple[str, Callable[[Caller], object]]]:
    """What is sent, and how."""
    many = NEW_JOB | {"circuits": json.dumps([SMALLEST] * circuits)}
    ids: list[str] = []

    def submit(caller: Caller) -> None:
        ids.append(json.loads(caller.call("POST", "/job", many))["job_id"])

    yield f"a submission of {circuits:,} circuits", submit
    yield "a poll of it", lambda caller: caller.fetch(ids)
    yield "its cancellation", lambda caller: caller.call("PUT", "/cancel_jobs", {"job_id": ids})
    yield "a listing of all jobs", lambda caller: caller.call("GET", "/job/qasm")
    yield (
        "a circuit that takes a minute",
        lambda caller: caller.call("POST", "/job", NEW_JOB | {"circuits": LONG}),
    )
    lists = "[" + "[]," * 10_000_000 + "[]]"
    for what, body in {
        "30 MB of nested lists as metadata": json.dumps(NEW_JOB)[:-1]
        + f', "metadata": {{"x": {lists}}}}}',
        "30 MB of empty strings as circuits": json.dumps(
            NEW_JOB | {"circuits": "[" + '"",' * 6_000_000 + '""]'}
        ),
        "30 MB of nested lists as Cirq circuits": json.dumps(_nested("cirq", lists)),
        "lists, 900 deep, as metadata": json.dumps(NEW_JOB)[:-1]
        + f', "metadata": {{"x": {_DEEP}}}}}',
        "brackets, 100,000 deep": '{"x": ' + "[" * 100_000,
        "OpenQASM with 20,000 nested parentheses": json.dumps(
            _nested("qasm", "OPENQASM 3.0; float x = " + "(" * 20_000 + "1" + ")" * 20_000 + ";")
        ),
        "OpenQASM without a version, after 40 slashes": json.dumps(
            _nested("qasm", "/" * 40 + "\n" + "/ " * 20_000 + "x")
        ),
        "300 KB of a Cirq circuit, nested": json.dumps(
            _nested(
                "cirq", '{"cirq_type": "Circuit", "moments": ' + "[" * 150_000 + "]" * 150_000 + "}"
            )
        ),
    }.items():
        yield what, lambda caller, body=body: caller.submit_body(body)


def _longest_waits(server: Emulator, circuits: int) -> Iterator[tuple[str, float, float]]:
    """Of each monster: the longest wait of another request, and how long it took itself."""
    program = Path(__file__).with_name("bystander.py")
    caller = Caller(server.port, server.api_key)
    for what, send in _monsters(circuits):
        with subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(program), str(server.port), server.api_key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as bystander:
            assert bystander.stdout is not None
            bystander.stdout.readline()
            began = time.perf_counter()
            monster = threading.Thread(target=_sent, args=(send, caller))
            monster.start()
            monster.join()
            took = time.perf_counter() - began
            time.sleep(max(0.0, 4.0 - took))  # what it started goes on
            longest, _ = bystander.communicate("stop\n")
        yield what, float(longest), took


def _sent(send: Callable[[Caller], object], caller: Caller) -> None:
    with contextlib.suppress(RuntimeError):  # it is refused
        send(caller)


def disturbances(*, circuits: int) -> Iterator[Row]:
    """A row for each monster."""
    with Emulator(step_seconds=0) as server:
        for what, longest, took in _longest_waits(server, circuits):
            yield Row(
                what=f"longest wait of other requests: {what}",
                figure=f"{longest:.2f} s (it took {took:.1f} s)",
                bar=f"≤ {BAR_SECONDS} s",
                is_met=longest <= BAR_SECONDS,
            )
