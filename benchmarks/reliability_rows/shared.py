"""What the rows share: the record of a row, jobs in the server's format, and both clients.

The official client is unmodified. Where a row says so, a ``requests`` adapter replaces its network,
and the fake clock replaces the ``time`` that its modules have imported.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import attrs
import general_superstaq as gss
import requests
from general_superstaq.superstaq_client import _SuperstaqClientV3

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport

BENCHMARKS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCHMARKS.parent / "tests" / "loopback"))

import faults  # noqa: E402 - the fault server of the tests, found by the line above
from certificates import Tls  # noqa: E402 - so are its certificates

__all__ = [
    "HOST",
    "JOB",
    "KEY",
    "TARGET",
    "Answer",
    "Failed",
    "Handler",
    "Row",
    "Tls",
    "certificates",
    "circuits_body",
    "echo_of",
    "faults",
    "in_threads",
    "job_data",
    "job_number",
    "jobs_body",
    "new_job",
    "no_sleep",
    "official_client",
    "official_on",
    "our_client",
    "our_client_on",
    "requested",
    "requested_ids",
    "run_child",
    "serve_jobs",
]

KEY = "canary-key-of-the-benchmark-5e1f"
HOST = "https://superstaq.example.com"
TARGET = "ss_unconstrained_simulator"

Answer: TypeAlias = tuple[int, bytes]
"""Status and body."""

Handler: TypeAlias = Callable[[str, str, bytes], Answer]
"""Takes method, path and body; raises ``Failed`` if no response is sent."""


class Failed(Exception):
    """A request got no response.

    Args:
        sent: Whether the request was sent.
    """

    def __init__(self, *, sent: bool) -> None:
        super().__init__(sent)
        self.sent = sent


@attrs.frozen(kw_only=True)
class Row:
    """A line of the table.

    Attributes:
        what: What is measured.
        bar: The bar, as it is shown.
        ours: The result of this library.
        theirs: The result of the official client.
        passed: Whether this library meets the bar.
    """

    what: str
    bar: str
    ours: str
    theirs: str
    passed: bool


def job_number(number: int) -> UUID:
    """The id of the job with a number."""
    return UUID(int=0x5EED_0000_0000_4000_8000_0000_0000_0000 + number)


JOB = job_number(0)


def job_data(status: str = "running", **fields: Any) -> dict[str, Any]:
    """A job of one circuit as plain JSON data, in the server's format."""
    return {
        "job_type": "simulate",
        "statuses": [status],
        "status_messages": [None],
        "user_email": "ada@example.com",
        "target": TARGET,
        "provider_id": [None],
        "num_circuits": 1,
        "compiled_circuits": [None],
        "input_circuits": ["OPENQASM 2.0;"],
        "circuit_type": "qasm",
        "counts": [{"00": 4, "11": 6} if status == "completed" else None],
        "results_dicts": [None],
        "shots": [10],
        "dry_run": False,
        "submission_timestamp": "2026-01-01T00:00:00Z",
        "last_updated_timestamp": ["2026-01-01T00:00:01Z"],
        "initial_logical_to_physicals": [None],
        "final_logical_to_physicals": [None],
        "logical_qubits": [None],
        "physical_qubits": [None],
        "tags": [],
        "metadata": {},
        **fields,
    }


def jobs_body(*job_ids: UUID | str, status: str = "running") -> bytes:
    """The body of a response with these jobs; each has its id in its metadata too."""
    jobs = {str(job_id): job_data(status, metadata={"echo": str(job_id)}) for job_id in job_ids}
    return json.dumps(jobs).encode()


def circuits_body(*job_ids: UUID | str, status: str = "running") -> bytes:
    """The same jobs of one circuit as API v0.2.0 writes them."""
    words = {"completed": "Done", "running": "Running", "pending": "Queued"}
    return json.dumps(
        {
            str(job_id): {
                "status": words.get(status, "Submitted"),
                "target": TARGET,
                "circuit_type": "cirq",
                "input_circuit": "{}",
                "shots": 10,
                "samples": {"00": 4, "11": 6} if status == "completed" else None,
                "echo": str(job_id),
            }
            for job_id in job_ids
        }
    ).encode()


def requested_ids(target: str, body: bytes) -> list[str]:
    """The ids that a request is for, of the API version in its path; ``JOB`` if for none."""
    if target.startswith("/v0.2.0/"):
        return list(json.loads(body or b"{}").get("job_ids", [str(JOB)]))
    return parse_qs(urlsplit(target).query).get("job_id", [str(JOB)])


def requested(target: str, body: bytes, *, status: str = "running") -> bytes:
    """A body with the job that a request is for, of the API version in its path.

    It has ``JOB`` if the request is for something else.
    """
    one = circuits_body if target.startswith("/v0.2.0/") else jobs_body
    return one(requested_ids(target, body)[0], status=status)


def echo_of(job: sj.JobSnapshot) -> object:
    """The id that a job of ``jobs_body`` or ``circuits_body`` carries besides its own."""
    return job.circuits[0].extra["echo"] if job.metadata is None else job.metadata["echo"]


def new_job(**fields: Any) -> sj.NewJob:
    """A job to submit, which both versions can run."""
    return sj.NewJob(
        target=TARGET, circuits="{}", circuit_type="cirq", job_type="simulate", shots=10, **fields
    )


def serve_jobs(status: str = "running", *, arrivals: list[float] | None = None) -> faults.Act:
    """An act that returns the requested job, and records when the request arrived."""

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        assert request is not None
        if arrivals is not None:
            arrivals.append(time.monotonic())
        connection.send(faults.whole(requested(request.target, request.body, status=status)))

    return faults.Act(run)


@contextlib.contextmanager
def certificates() -> Iterator[Tls]:
    """Certificates for a server on 127.0.0.1, in files that are deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield Tls(Path(folder))


# ---- clients -------------------------------------------------------------------------------------


def our_client(origin: str, **options: Any) -> sj.SuperstaqClient:
    """A client of this library for a real server."""
    return sj.SuperstaqClient(KEY, origin, **options)


def our_client_on(handler: Handler, clock: FakeClock, **options: Any) -> sj.SuperstaqClient:
    """A client of this library whose server is a function."""

    def respond(request: sj.Request) -> sj.Response:
        try:
            status, body = handler(request.method, request.path, request.body or b"")
        except Failed as failed:
            kind = sj.RequestTimeout if failed.sent else sj.TransportError
            error = kind("no response", sent=failed.sent)
        else:
            return sj.Response(status=status, body=body)
        raise error

    transport = ScriptedTransport.from_function(respond)
    return sj.SuperstaqClient(KEY, HOST, transport=transport, clock=clock, **options)


def official_client(origin: str, **options: Any) -> _SuperstaqClientV3:
    """The official client for API v0.3.0, unmodified."""
    return _SuperstaqClientV3(
        "benchmark",
        api_key=KEY,
        remote_host=origin,
        api_version="v0.3.0",
        circuit_type=gss.models.CircuitType.QASM,
        **options,
    )


class _Adapter(requests.adapters.BaseAdapter):
    def __init__(self, handler: Handler) -> None:
        super().__init__()
        self._handler = handler

    def send(self, request: requests.PreparedRequest, **_options: object) -> requests.Response:
        body = request.body or b""
        data = body.encode() if isinstance(body, str) else body
        response = requests.Response()
        try:
            response.status_code, content = self._handler(
                str(request.method), request.path_url, data
            )
        except Failed as failed:
            kind = requests.ReadTimeout if failed.sent else requests.ConnectionError
            error = kind("no response", request=request)
        else:
            response._content = content  # noqa: SLF001 - as its own tests do
            response.url = str(request.url)
            return response
        raise error

    def close(self) -> None:
        """Nothing is open."""


def official_on(handler: Handler, **options: Any) -> _SuperstaqClientV3:
    """The official client, with a ``requests`` adapter instead of its network."""
    client = official_client(HOST, **options)
    client.session.trust_env = False  # no proxies
    client.session.mount("https://", _Adapter(handler))
    return client


@contextlib.contextmanager
def no_sleep(clock: FakeClock) -> Iterator[None]:
    """Make the official client sleep on the fake clock."""
    fake = SimpleNamespace(sleep=clock.sleep, time=clock.now, monotonic=clock.now)
    modules = (gss.superstaq_client, gss.job)
    for module in modules:
        module.time = fake
    try:
        yield
    finally:
        for module in modules:
            module.time = time


# ---- threads and processes -----------------------------------------------------------------------


def in_threads(work: Sequence[Callable[[], None]]) -> None:
    """Run each function in its own thread, all started together; raise the first error."""
    barrier = threading.Barrier(len(work))
    errors: list[BaseException] = []

    def run(function: Callable[[], None]) -> None:
        try:
            barrier.wait()
            function()
        except BaseException as error:  # noqa: BLE001 - raised below, in the caller's thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=[function]) for function in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def run_child(task: str, *, limit_seconds: float = 60.0, **arguments: Any) -> dict[str, Any]:
    """Run a task of ``child.py`` in a process of its own, and return its result.

    Raises:
        RuntimeError: If it printed no result.
        TimeoutExpired: If it did not end in time.
    """
    ended = subprocess.run(  # noqa: S603 - our own program
        [
            *(sys.executable, "-W", "ignore", "-m", "reliability_rows.child"),
            *(task, json.dumps(arguments)),
        ],
        cwd=BENCHMARKS,
        env={
            name: value
            for name, value in os.environ.items()
            if not name.startswith("SUPERSTAQ_") or name == "SUPERSTAQ_API_VERSION"
        },
        capture_output=True,
        text=True,
        timeout=limit_seconds,
        check=False,
    )
    lines = ended.stdout.splitlines()
    if not lines:
        raise RuntimeError(f"{task} {arguments} ended with {ended.returncode}: {ended.stderr}")
    result: dict[str, Any] = json.loads(lines[-1])
    return result
