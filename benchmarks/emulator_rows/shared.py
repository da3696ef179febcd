"""What the rows share: the record of a row, a plain client, and jobs to submit.

The client is ``http.client``, so that none of its work is this library's.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

__all__ = ["Caller", "Row", "line_of", "submit_jobs"]

SMALLEST = "OPENQASM 2.0; qreg q[1]; creg c[1]; measure q -> c;"
NEW_JOB = {
    "job_type": "simulate",
    "sim_method": "sim",
    "target": "ss_unconstrained_simulator",
    "circuits": SMALLEST,
    "circuit_type": "qasm",
    "shots": 10,
}
"""The body of a submission."""
UNFINISHED = ("received", "awaiting_compile", "compiling", "awaiting_simulation", "simulating")


@attrs.frozen(kw_only=True)
class Row:
    """A row of the table.

    Attributes:
        what: What is measured.
        figure: The result.
        bar: The target; empty if there is none.
        is_met: Whether the target was met; None if there is none.
    """

    what: str
    figure: str
    bar: str = ""
    is_met: bool | None = None

    def __str__(self) -> str:
        met = {True: "met", False: "missed", None: ""}[self.is_met]
        return f"| {self.what} | {self.figure} | {self.bar} | {met} |"


class Caller:
    """Calls an emulator over one connection.

    Args:
        port: Where it listens.
        key: The API key.
    """

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self._headers = {"Authorization": key, "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: object = None) -> bytes:
        """The body of the response, which must be successful."""
        return self._sent(method, path, None if body is None else json.dumps(body).encode())

    def submit_body(self, body: str) -> bytes:
        """Submit a job by its body, as it is."""
        return self._sent("POST", "/job", body.encode())

    def _sent(self, method: str, path: str, data: bytes | None) -> bytes:
        self._connection.request(method, f"/v0.3.0/client{path}", data, self._headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != http.client.OK:
            raise RuntimeError(f"{response.status} {content[:1000]!r}")
        return content

    def fetch(self, job_ids: Iterable[str]) -> bytes:
        """The jobs with these ids."""
        return self.call("GET", "/job/qasm?" + "&".join(f"job_id={job_id}" for job_id in job_ids))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def submit_jobs(caller: Caller, jobs: int) -> list[str]:
    """Submit that many jobs of one circuit each and wait until all are simulated; their ids."""
    new = {
        "job_type": "simulate",
        "sim_method": "sim",
        "target": "ss_unconstrained_simulator",
        "circuits": SMALLEST,
        "circuit_type": "qasm",
        "shots": 100,
    }
    ids = [json.loads(caller.call("POST", "/job", new))["job_id"] for _ in range(jobs)]
    unfinished = "&".join(f"status={status}" for status in UNFINISHED)
    while caller.fetch(ids[-1:]).count(b'"completed"') == 0:  # one of the last to run
        time.sleep(0.1)
    while caller.call("GET", f"/job/qasm?{unfinished}") != b"{}":
        time.sleep(0.1)
    return ids


def line_of(program: str, *arguments: object, given: str = "") -> Any:
    """The JSON that a program beside this file prints; it runs in a process of its own."""
    path = Path(__file__).with_name(f"{program}.py")
    command = [sys.executable, str(path), *map(str, arguments)]
    done = subprocess.run(  # noqa: S603 - our own program
        command, input=given, stdout=subprocess.PIPE, check=True, text=True
    )
    return json.loads(done.stdout)
