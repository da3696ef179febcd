"""Fixtures of the emulator's tests: servers that end with the test, and a plain HTTP client.

Lives here: everything that more than one file needs. The client is ``http.client``, which knows
nothing of the API; the official client is a second judge.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import general_superstaq as gss
import pytest
from general_superstaq.superstaq_client import _SuperstaqClientV3

from superstaq_jobs.emulator import Emulator, Simulator
from superstaq_jobs.testing import FakeClock

TERMINAL = {"completed", "failed", "cancelled"}


@attrs.frozen
class Answer:
    status: int
    json: Any
    headers: dict[str, str]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_000)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as shared:
        yield shared


@pytest.fixture
def settled(simulator: Simulator) -> Callable[[], None]:
    """Wait until the simulator has nothing more to do."""

    def wait() -> None:
        idle = threading.Event()
        simulator._runs._put(idle.set)
        assert idle.wait(60)

    return wait


@pytest.fixture
def emulate(simulator: Simulator) -> Iterator[Callable[..., Emulator]]:
    """Start an emulator that finishes jobs at once, unless told otherwise."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> Emulator:
            options = {"step_seconds": 0, "simulator": simulator} | options
            return stack.enter_context(Emulator(**options))

        yield start


@pytest.fixture
def ask() -> Callable[..., Answer]:
    """Send one request; ``body`` is sent as JSON, ``raw`` as it is; ``key=None`` sends no key."""

    def send(
        server: Emulator,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        key: str | None = "",
        headers: dict[str, str] | None = None,
        version: str = "/v0.3.0",
    ) -> Answer:
        key = server.api_key if key == "" else key
        sent = {} if key is None else {"Authorization": key}
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        with contextlib.closing(connection):
            if body is not None:
                raw = json.dumps(body).encode()
            connection.request(method, version + path, body=raw, headers=sent | (headers or {}))
            answer = connection.getresponse()
            content = answer.read()
            return Answer(
                answer.status,
                json.loads(content) if content else None,
                {name.lower(): value for name, value in answer.getheaders()},
            )

    return send


@pytest.fixture
def submit(ask: Callable[..., Answer]) -> Callable[..., str]:
    """Submit OpenQASM programs; the id of the job."""

    def send(server: Emulator, *circuits: str, key: str = "", **fields: Any) -> str:
        new_job = {
            "job_type": "submit",
            "target": "ss_unconstrained_simulator",
            "circuits": circuits[0] if len(circuits) == 1 else json.dumps(circuits),
            "circuit_type": "qasm",
            "shots": 100,
        } | fields
        answer = ask(server, "POST", "/client/job", new_job, key=key)
        assert answer.status == 200, answer
        assert answer.json["num_circuits"] == len(circuits)
        return str(answer.json["job_id"])

    return send


@pytest.fixture
def fetch(ask: Callable[..., Answer]) -> Callable[..., dict[str, Any]]:
    """Fetch one job as it is now, and check its form by the official model."""

    def look(
        server: Emulator, job_id: str, language: str = "qasm", *, key: str = ""
    ) -> dict[str, Any]:
        answer = ask(server, "GET", f"/client/job/{language}?job_id={job_id}", key=key)
        assert answer.status == 200, answer
        data: dict[str, Any] = answer.json[job_id]
        assert gss.models.JobData(**data).model_dump(mode="json") == data
        return data

    return look


@pytest.fixture
def finish(fetch: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Fetch a job until it is over."""

    def wait(server: Emulator, job_id: str, language: str = "qasm") -> dict[str, Any]:
        for _ in range(6_000):
            data = fetch(server, job_id, language)
            if set(data["statuses"]) <= TERMINAL:
                return data
            time.sleep(0.01)
        raise AssertionError(f"never over: {data['statuses']}")

    return wait


@pytest.fixture
def official() -> Callable[[Emulator], _SuperstaqClientV3]:
    """The official client for a server."""

    def make(server: Emulator, key: str = "") -> _SuperstaqClientV3:
        with warnings.catch_warnings():
            # It warns that the API version is young.
            warnings.simplefilter("ignore")
            return _SuperstaqClientV3(
                client_name="general-superstaq",
                api_key=key or server.api_key,
                remote_host=server.url,
                api_version="v0.3.0",
                circuit_type=gss.models.CircuitType.QASM,
            )

    return make
