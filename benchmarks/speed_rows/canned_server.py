"""A server of three prepared responses, by the last part of the path.

    python -m speed_rows.canned_server      # in benchmarks/

Imports only the standard library.
"""

from __future__ import annotations

import gzip
import json
import random

from .serving import serve, whole

__all__ = ["ANSWERS", "BODIES"]


def _job(number: int, outcomes: int) -> dict[str, object]:
    """A finished job of one circuit, in the server's format."""
    numbers = random.Random(number)  # noqa: S311 - the same in every run
    counts = {f"{numbers.getrandbits(30):030b}": numbers.randint(1, 99) for _ in range(outcomes)}
    return {
        "job_type": "simulate",
        "statuses": ["completed"],
        "status_messages": [None],
        "user_email": "ada@example.com",
        "target": "ss_unconstrained_simulator",
        "provider_id": [None],
        "num_circuits": 1,
        "compiled_circuits": [None],
        "input_circuits": ["OPENQASM 2.0;"],
        "circuit_type": "qasm",
        "counts": [counts],
        "results_dicts": [None],
        "shots": [1000],
        "dry_run": False,
        "submission_timestamp": "2026-01-01T00:00:00Z",
        "last_updated_timestamp": ["2026-01-01T00:00:01Z"],
        "tags": [],
        "metadata": {"run": f"{number:08}"},
    }


def _jobs(jobs: int, outcomes: int) -> bytes:
    ids = (f"5eed0000-0000-4000-8000-{number:012}" for number in range(jobs))
    return json.dumps({each: _job(n, outcomes) for n, each in enumerate(ids)}).encode()


def _listed() -> bytes:
    """The small body, with the fields that this library insists on."""
    qubits = ("logical_qubits", "physical_qubits")
    maps = ("initial_logical_to_physicals", "final_logical_to_physicals")
    jobs = json.loads(BODIES["small"])
    return json.dumps(
        {key: job | dict.fromkeys(qubits + maps, (None,)) for key, job in jobs.items()}
    ).encode()


BODIES = {"small": _jobs(1, 10), "large": _jobs(80, 210)}
"""The bodies, decompressed: about 1 KB, and 0.7 MB."""

ANSWERS = {
    b"small": whole(BODIES["small"]),
    b"large": whole(BODIES["large"]),
    b"qasm": whole(_listed()),  # where the API lists jobs
    b"gzip": whole(gzip.compress(BODIES["large"], mtime=0), b"Content-Encoding: gzip"),
}
"""By the last part of the path: status line, headers and body."""


if __name__ == "__main__":
    serve(lambda target: ANSWERS[target.rpartition(b"/")[2]])
