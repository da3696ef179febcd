"""Fixtures of the emulator's tests: servers that stop with the test, and a plain HTTP client.

The client is ``http.client``, which knows nothing of the API; the official client is a second
judge.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import attrs
import general_superstaq as gss
import pytest
from emulators import emulate, simulator, simulator_idle  # noqa: F401 - fixtures
from general_superstaq.superstaq_client import _SuperstaqClientV3

from superstaq_jobs.emulator import Emulator
from superstaq_jobs.testing import FakeClock

TERMINAL = {"completed", "failed", "cancelled"}


@attrs.frozen
class Received:
    status: int
    json: Any
    headers: dict[str, str]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_000)


@pytest.fixture
def send() -> Callable[..., Received]:
    """Send one request; ``body`` as JSON, ``raw`` unchanged; ``key=None`` for no key."""

    def send_request(
        server: Emulator,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        key: str | None = "",
        headers: dict[str, str] | None = None,
        version: str = "/v0.3.0",
    ) -> Received:
        key = server.api_key if key == "" else key
        sent = {} if key is None else {"Authorization": key}
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        with contextlib.closing(connection):
            if body is not None:
                raw = json.dumps(body).encode()
            connection.request(method, version + path, body=raw, headers=sent | (headers or {}))
            response = connection.getresponse()
            content = response.read()
            return Received(
                response.status,
                json.loads(content) if content else None,
                {name.lower(): value for name, value in response.getheaders()},
            )

    return send_request


@pytest.fixture
def submit(send: Callable[..., Received]) -> Callable[..., str]:
    """Submit OpenQASM programs; returns the id of the job."""

    def submit_job(server: Emulator, *circuits: str, key: str = "", **fields: Any) -> str:
        new_job = {
            "job_type": "submit",
            "target": "ss_unconstrained_simulator",
            "circuits": circuits[0] if len(circuits) == 1 else json.dumps(circuits),
            "circuit_type": "qasm",
            "shots": 100,
        } | fields
        response = send(server, "POST", "/client/job", new_job, key=key)
        assert response.status == 200, response
        assert response.json["num_circuits"] == len(circuits)
        return str(response.json["job_id"])

    return submit_job


@pytest.fixture
def fetch(send: Callable[..., Received]) -> Callable[..., dict[str, Any]]:
    """Fetch one job as it is now, and validate it with the official model."""

    def fetch_job(
        server: Emulator, job_id: str, circuit_type: str = "qasm", *, key: str = ""
    ) -> dict[str, Any]:
        response = send(server, "GET", f"/client/job/{circuit_type}?job_id={job_id}", key=key)
        assert response.status == 200, response
        data: dict[str, Any] = response.json[job_id]
        assert gss.models.JobData(**data).model_dump(mode="json") == data
        return data

    return fetch_job


@pytest.fixture
def finish(fetch: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Fetch a job until it is finished."""

    def fetch_until_finished(
        server: Emulator, job_id: str, circuit_type: str = "qasm"
    ) -> dict[str, Any]:
        for _ in range(6_000):
            data = fetch(server, job_id, circuit_type)
            if set(data["statuses"]) <= TERMINAL:
                return data
            time.sleep(0.01)
        raise AssertionError(f"the job never finished: {data['statuses']}")

    return fetch_until_finished


@pytest.fixture
def official() -> Callable[[Emulator], _SuperstaqClientV3]:
    """The official client of a server."""

    def make(server: Emulator, key: str = "") -> _SuperstaqClientV3:
        with warnings.catch_warnings():
            # It warns that the API version is under development.
            warnings.simplefilter("ignore")
            return _SuperstaqClientV3(
                client_name="general-superstaq",
                api_key=key or server.api_key,
                remote_host=server.url,
                api_version="v0.3.0",
                circuit_type=gss.models.CircuitType.QASM,
            )

    return make
