"""Results do not depend on what the simulator did before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from superstaq_jobs.emulator import Emulator
from superstaq_jobs.testing import FakeClock

# A pair of qubits, and others that a compiler may put anywhere.
LONELY = 'OPENQASM 3.0; include "stdgates.inc"; qubit[5] q; cx q[4], q[1];'
BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'
)


def test_equal_circuits_of_a_job_compile_to_the_same(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Any
):
    server = emulate(clock=FakeClock(), step_seconds=0)
    seen = fetch(server, submit(server, *[LONELY] * 12, target="emulated_ring_qpu"))
    maps = [tuple(there.values()) for there in seen["initial_logical_to_physicals"]]
    assert len(set(maps)) == len(set(seen["compiled_circuits"])) == 1, maps


@pytest.mark.parametrize("circuit_type", ["qiskit", "qasm", "cirq"])
def test_the_same_submissions_again_give_the_same_bytes(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Any, circuit_type: str
):
    cirq = pytest.importorskip("cirq")
    one, two = cirq.LineQubit.range(2)
    powers = cirq.to_json(cirq.Circuit(cirq.X(one) ** 0.3, cirq.X(two) ** 0.4, cirq.CX(one, two)))

    def story() -> list[str]:
        server = emulate(clock=FakeClock(), step_seconds=0)
        ids = [
            submit(server, BELL, LONELY),
            submit(server, powers, circuit_type="cirq", verbatim=True),
        ]
        return [json.dumps(fetch(server, job_id, circuit_type)) for job_id in ids]

    assert story() == story()
