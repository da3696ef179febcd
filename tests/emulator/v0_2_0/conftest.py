"""Fixtures of version 0.2.0: plain requests, and the official clients at their defaults."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cirq_superstaq as css
import pytest
import qiskit_superstaq as qss
from small_circuits import flips

from superstaq_jobs.emulator import Emulator

OVER = {"Done", "Failed", "Canceled", "Cancelled", "Deleted"}

Post = Callable[..., Any]


@pytest.fixture
def post(send: Callable[..., Any]) -> Post:
    """Send a POST as an official client does; ``client`` is its name."""

    def post_request(
        server: Emulator, path: str, body: object = None, *, client: str = "", **options: Any
    ) -> Any:
        headers = {"X-Client-Name": client or "cirq-superstaq", "X-Client-Version": "v0.2.0"}
        return send(server, "POST", path, body, headers=headers, version="/v0.2.0", **options)

    return post_request


@pytest.fixture
def run(post: Post) -> Callable[..., list[str]]:
    """Submit cirq circuits; returns the ids of the jobs."""

    def submit(server: Emulator, *circuits: str, **fields: Any) -> list[str]:
        circuits = circuits or (flips(0),)
        body = {
            "cirq_circuits": f"[{','.join(circuits)}]",
            "target": "ss_unconstrained_simulator",
            "shots": 10,
        } | fields
        response = post(server, "/jobs", body)
        assert response.status == 200, response
        assert len(response.json["job_ids"]) == len(circuits)
        return list(response.json["job_ids"])

    return submit


@pytest.fixture
def read(post: Post) -> Callable[..., dict[str, Any]]:
    """Fetch jobs as they are now."""

    def fetch(server: Emulator, ids: list[str], **options: Any) -> dict[str, Any]:
        response = post(server, "/fetch_jobs", {"job_ids": ids}, **options)
        assert response.status == 200, response
        return dict(response.json)

    return fetch


@pytest.fixture
def done(read: Callable[..., dict[str, Any]]) -> Callable[..., list[dict[str, Any]]]:
    """Fetch jobs until all have finished."""

    def fetch_until_done(server: Emulator, ids: list[str]) -> list[dict[str, Any]]:
        for _ in range(3_000):
            jobs = read(server, ids)
            if {job["status"] for job in jobs.values()} <= OVER:
                return list(jobs.values())
            time.sleep(0.02)
        raise AssertionError(f"the jobs never finished: {jobs}")

    return fetch_until_done


@pytest.fixture
def service() -> Callable[..., css.Service]:
    """cirq-superstaq with nothing but a host and a key."""
    return lambda server: css.Service(server.api_key, remote_host=server.url)


@pytest.fixture
def provider() -> Callable[..., qss.SuperstaqProvider]:
    """qiskit-superstaq with nothing but a host and a key."""
    return lambda server: qss.SuperstaqProvider(server.api_key, remote_host=server.url)
