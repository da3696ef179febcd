"""The responses that are read: S1 to S4, and others. Imports the standard library only.

All are of finished jobs with OpenQASM 2 circuits (20 gates, 40 compiled), with different times, and
the same in every run:

- S1: one job, one circuit, 16 outcomes of 4 bits
- S2: one job, 100 circuits, 100 outcomes of 10 bits each
- S3: one job, one circuit, 100,000 outcomes of 17 bits
- S4: 1,000 jobs, one circuit each, 16 outcomes of 4 bits
"""

from __future__ import annotations

import datetime as dt
import json
import random
import uuid
from typing import Any, Final

__all__ = ["SIZES", "body", "jobs", "payload"]

SIZES: Final = {
    "S1": (1, 1, 16, 4),
    "S2": (1, 100, 100, 10),
    "S3": (1, 1, 100_000, 17),
    "S4": (1000, 1, 16, 4),
}
"""Jobs, circuits, outcomes, bits."""

START: Final = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def circuit(random_: random.Random, qubits: int, gates: int) -> str:
    """An OpenQASM 2 circuit."""
    lines = ["OPENQASM 2.0;", 'include "qelib1.inc";', f"qreg q[{qubits}];", f"creg c[{qubits}];"]
    for _ in range(gates):
        one, other = random_.sample(range(qubits), 2)
        angle = random_.uniform(0, 6.28)
        lines.append(random_.choice([f"rz({angle:.6f}) q[{one}];", f"cx q[{one}],q[{other}];"]))
    return "\n".join([*lines, "measure q -> c;"]) + "\n"


def jobs(number: int, circuits: int, outcomes: int, bits: int) -> dict[str, dict[str, Any]]:
    """Jobs as a server writes them, by id."""
    random_ = random.Random(7)  # noqa: S311 - the same payload each time
    found = {}
    for place in range(number):
        moment = START + dt.timedelta(seconds=place, microseconds=random_.randrange(10**6))
        stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        qubits = {str(bit): bit + 3 for bit in range(bits)}
        counts = [
            {format(o, f"0{bits}b"): random_.randrange(1, 999) for o in chosen}
            for chosen in (random_.sample(range(2**bits), outcomes) for _ in range(circuits))
        ]
        nothing = [None] * circuits
        found[str(uuid.UUID(int=random_.getrandbits(128), version=4))] = {
            "job_type": "submit",
            "statuses": ["completed"] * circuits,
            "status_messages": nothing,
            "user_email": "ada@example.com",
            "target": "ibmq_fez_qpu",
            "provider_id": [f"d{random_.getrandbits(60):x}" for _ in range(circuits)],
            "num_circuits": circuits,
            "compiled_circuits": [circuit(random_, bits, 40) for _ in range(circuits)],
            "input_circuits": [circuit(random_, bits, 20) for _ in range(circuits)],
            "circuit_type": "qasm",
            "counts": counts,
            "results_dicts": nothing,
            "shots": [1000] * circuits,
            "dry_run": False,
            "submission_timestamp": stamp,
            "last_updated_timestamp": [stamp] * circuits,
            "initial_logical_to_physicals": [qubits] * circuits,
            "final_logical_to_physicals": [qubits] * circuits,
            "logical_qubits": nothing,
            "physical_qubits": nothing,
            "tags": ["calibration"],
            "metadata": {"run": place},
        }
    return found


def body(number: int, circuits: int, outcomes: int, bits: int) -> bytes:
    """The body of a response with these jobs, without white space."""
    return json.dumps(jobs(number, circuits, outcomes, bits), separators=(",", ":")).encode()


def payload(name: str) -> bytes:
    """One of S1 to S4."""
    return body(*SIZES[name])
