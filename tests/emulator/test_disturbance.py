"""No job disturbs another: whatever it is, other requests and other jobs go on.

The sizes that users may send are in ``benchmarks/emulator_rows/disturbance.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from superstaq_jobs.emulator import Emulator, Simulator

ONE = "OPENQASM 2.0; qreg q[1]; creg c[1]; measure q -> c;"
LONG = (
    'OPENQASM 3.0; include "stdgates.inc"; qubit[18] q; bit c; '
    "while (!c) { h q[0]; reset q[0]; c = measure q[0]; }"
)
NEW = {
    "job_type": "submit",
    "target": "ss_unconstrained_simulator",
    "circuits": ONE,
    "circuit_type": "qasm",
    "shots": 10,
}
MANY = 30_000

Send = Callable[..., Any]


@contextlib.contextmanager
def longest_wait(server: Emulator, send: Send) -> Iterator[list[float]]:
    """Measures how long small requests take meanwhile."""
    times: list[float] = []
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            began = time.perf_counter()
            assert send(server, "GET", "/client/balance").status == 200
            times.append(time.perf_counter() - began)
            time.sleep(0.005)

    thread = threading.Thread(target=poll)
    thread.start()
    yield times
    done.set()
    thread.join()


def test_a_job_of_many_circuits_delays_no_other_request(
    emulate: Callable[..., Emulator], send: Send
):
    server = emulate(simulator=Unhurried())
    body = json.dumps(NEW | {"circuits": json.dumps([ONE] * MANY)}).encode()
    with longest_wait(server, send) as times:
        job_id = send(server, "POST", "/client/job", raw=body).json["job_id"]
        data = send(server, "GET", f"/client/job/qasm?job_id={job_id}").json[job_id]
        cancelled = send(server, "PUT", "/client/cancel_jobs", {"job_id": [job_id]}).json
        assert len(server.jobs()[0].statuses) == MANY
    assert data["num_circuits"] == len(data["statuses"]) == MANY
    assert cancelled["succeeded"] == [job_id]
    assert len(times) > 10
    assert max(times) < 1, "it took longer than a second although nothing had to be waited for"


class Unhurried(Simulator):
    """Runs nothing."""

    def submit(self, runs: object) -> None:
        del runs


@pytest.mark.parametrize(
    ("version", "path", "body", "status"),
    [
        ("/v0.3.0", "/client/job", NEW | {"metadata": {"x": [[]] * 400_000}}, 422),
        ("/v0.3.0", "/client/job", NEW | {"tags": ["tag"] * 2_000_000}, 422),
        ("/v0.3.0", "/client/job", NEW | {"circuits": "[" + '"",' * 1_100_000 + '""]'}, 422),
        (
            "/v0.2.0",
            "/jobs",
            {
                "cirq_circuits": "",
                "target": NEW["target"],
                "shots": 1,
                "options": json.dumps({"x": [[]] * 400_000}),
            },
            400,
        ),
    ],
    ids=["metadata", "tags", "circuits", "options"],
)
def test_what_would_take_long_to_decode_is_refused_with_the_limit(
    *, emulate: Callable[..., Emulator], send: Send, version: str, path: str, body: Any, status: int
):
    response = send(emulate(), "POST", path, body, version=version)
    assert response.status == status
    assert "at most" in json.dumps(response.json)


@pytest.mark.parametrize("circuit_type", ["qasm", "cirq", "qiskit"])
def test_nested_circuits_fail_alone(
    emulate: Callable[..., Emulator], send: Send, finish: Callable[..., Any], circuit_type: str
):
    server = emulate()
    deep = "[" * 50_000 + "]" * 50_000
    nested = {
        "qasm": f"OPENQASM 3.0; float x = {'(' * 5_000}1{')' * 5_000};",
        "cirq": f'{{"cirq_type": "Circuit", "moments": {deep}}}',
        "qiskit": deep,
    }
    new = NEW | {"circuits": nested[circuit_type], "circuit_type": circuit_type}
    response = send(server, "POST", "/client/job", new)
    if response.status == 200:
        assert finish(server, response.json["job_id"])["statuses"] == ["failed"]
    else:
        assert response.status == 422
    after = send(server, "POST", "/client/job", NEW).json["job_id"]
    assert finish(server, after)["statuses"] == ["completed"]


def test_a_long_circuit_delays_no_other_job(
    submit: Callable[..., str], finish: Callable[..., Any], fetch: Callable[..., Any]
):
    with (
        Simulator(time_limit_seconds=600) as simulator,
        Emulator(simulator=simulator, step_seconds=0) as server,
    ):
        long = submit(server, LONG)
        while fetch(server, long)["statuses"] != ["running"]:
            time.sleep(0.02)
        assert finish(server, submit(server, ONE))["statuses"] == ["completed"]
        assert fetch(server, long)["statuses"][0] not in {"completed", "failed"}
        assert len(simulator._runner._workers) > 1


def test_the_circuits_of_jobs_take_turns(
    emulate: Callable[..., Emulator], submit: Callable[..., str], finish: Callable[..., Any],
    fetch: Callable[..., Any],
):  # fmt: skip
    server = emulate()
    many = submit(server, *[ONE] * 2_000)
    assert finish(server, submit(server, ONE))["statuses"] == ["completed"]
    assert "completed" not in fetch(server, many)["statuses"][1_000:]
    server.cancel_job(many)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"shots": 0}, 422),
        ({"shots": 0, "job_type": "simulate"}, 422),
        ({"shots": 0, "dry_run": True}, 200),
        ({"shots": 0, "job_type": "compile"}, 200),
        ({"shots": 1_000_000, "dry_run": True}, 200),
        ({"shots": 1_000_001}, 422),
        ({"shots": 10**4_000}, 422),
        ({"shots": 1_000_001, "dry_run": True}, 422),
    ],
    ids=str,
)
def test_shots_are_limited_and_needed_by_what_runs(
    emulate: Callable[..., Emulator], send: Send, fields: dict[str, Any], status: int
):
    response = send(emulate(), "POST", "/client/job", NEW | fields)
    assert response.status == status
    if status == 422:
        (problem,) = response.json["detail"]
        assert problem["loc"] == ["body", "shots"]


def test_the_limit_of_shots_is_named_in_both_versions(emulate: Callable[..., Emulator], send: Send):
    server = emulate()
    new = send(server, "POST", "/client/job", NEW | {"shots": 2_000_000})
    assert "at most 1,000,000 shots" in new.json["detail"][0]["msg"]
    body = {"cirq_circuits": "", "target": NEW["target"], "shots": 2_000_000}
    old = send(server, "POST", "/jobs", body, version="/v0.2.0")
    assert (old.status, "at most 1,000,000 shots" in old.json["message"]) == (400, True)


KILLED = """
import sys, time
from superstaq_jobs.emulator import Emulator
import superstaq_jobs as sj
server = Emulator(step_seconds=0).start()
with sj.SuperstaqClient(server.api_key, server.url) as client:
    sj.submit_job(client, sj.NewJob(target="ss_unconstrained_simulator", circuits=sys.argv[1],
                                    shots=10))
    sj.query_jobs(client, sj.JobQuery())
while not (workers := server._simulator._runner._workers) or not workers[0].is_ready:
    time.sleep(0.01)
print(workers[0]._process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_emulator_leaves_no_worker():
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, LONG], stdout=subprocess.PIPE, text=True
    ) as emulator:
        assert emulator.stdout is not None
        worker = Path("/proc", emulator.stdout.readline().strip())
        assert worker.exists()
        os.kill(emulator.pid, signal.SIGKILL)
    for _ in range(500):
        if not worker.exists() or "(zombie)" in (worker / "status").read_text():
            return
        time.sleep(0.01)
    raise AssertionError("the worker lives on")
