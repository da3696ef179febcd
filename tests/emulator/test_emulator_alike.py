"""What an emulator answers does not depend on what its simulator did before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from superstaq_jobs.emulator import Emulator, Ending, Simulator
from superstaq_jobs.testing import FakeClock

# A pair, and qubits beside it that a compiler may put anywhere.
LONELY = 'OPENQASM 3.0; include "stdgates.inc"; qubit[5] q; cx q[4], q[1];'
BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'
)


def test_equal_circuits_of_a_job_are_compiled_alike(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Any
):
    server = emulate(clock=FakeClock(), step_seconds=0)
    seen = fetch(server, submit(server, *[LONELY] * 12, target="emulated_ring_qpu"))
    maps = [tuple(there.values()) for there in seen["initial_logical_to_physicals"]]
    assert len(set(maps)) == len(set(seen["compiled_circuits"])) == 1, maps


@pytest.mark.parametrize("language", ["qiskit", "qasm", "cirq"])
def test_the_same_again_gives_the_same_bytes(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Any, language: str
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
        return [json.dumps(fetch(server, job_id, language)) for job_id in ids]

    assert story() == story()


def test_a_job_is_not_taken_when_nobody_would_run_it(emulate: Callable[..., Emulator], ask: Any):
    simulator = Simulator()
    server = emulate(simulator=simulator)
    simulator.close()
    job = {"job_type": "submit", "target": "ss_unconstrained_simulator", "circuits": BELL}
    assert ask(server, "POST", "/client/job", job | {"circuit_type": "qasm"}).status == 500
    assert server.jobs() == ()


@pytest.mark.parametrize("message", [5, "\ud800"])
def test_a_message_that_no_answer_could_hold_is_refused(
    emulate: Callable[..., Emulator], submit: Callable[..., str], message: Any
):
    with pytest.raises(ValueError, match="a message is a text"):
        Ending("failed", message=message)
    server = emulate()
    with pytest.raises(ValueError, match="a message is a text"):
        server.cancel_job(submit(server, BELL), message=message)


def test_a_page_whose_name_is_made_to_lead_here_gets_no_answer(emulate: Callable[..., Emulator]):
    import http.client

    server = emulate()
    for path in ("/__admin__/jobs", "/v0.3.0/client/balance"):
        for host, status in [
            ("evil.example.com", 421), ("", 421), ("127.0.0.1.example.com", 421),
            ("localhost", 200), ("127.0.0.1:5", 200), ("[::1]:80", 200),
        ]:  # fmt: skip
            line = http.client.HTTPConnection("127.0.0.1", server.port)
            line.request("GET", path, headers={"Host": host, "Authorization": server.api_key})
            assert line.getresponse().status == status, (path, host)
            line.close()
