"""What the official introductions do, in our own words: the basics, and the access to information.

Nothing but the environment says where the service is, as in a notebook.
"""

from __future__ import annotations

import cirq
import cirq_superstaq as css
import pytest
import qiskit
import qiskit_superstaq as qss

from superstaq_jobs.emulator import OFFICIAL_TARGETS, Emulator

pytestmark = pytest.mark.official


@pytest.fixture
def server(emulate, monkeypatch) -> Emulator:
    running = emulate(targets=OFFICIAL_TARGETS)
    monkeypatch.setenv("SUPERSTAQ_API_KEY", running.api_key)
    monkeypatch.setenv("SUPERSTAQ_REMOTE_HOST", running.url)
    return running


@pytest.mark.usefixtures("server")
def test_the_basics_in_cirq():
    service = css.Service()
    qubits = cirq.LineQubit.range(2)
    bell = cirq.Circuit(
        cirq.H(qubits[0]), cirq.CNOT(*qubits), cirq.measure(qubits[0]), cirq.measure(qubits[1])
    )
    job = service.create_job(bell, repetitions=100, target="ibmq_fez_qpu", method="dry-run")
    counts = job.counts(0)
    assert sum(counts.values()) == 100
    assert set(counts) == {"00", "11"}
    assert job.status() == "Done"


@pytest.mark.usefixtures("server")
def test_the_basics_in_qiskit():
    provider = qss.SuperstaqProvider()
    bell = qiskit.QuantumCircuit(2, 2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure([0, 1], [0, 1])
    backend = provider.get_backend("ibmq_fez_qpu")
    job = backend.run(bell, shots=100, method="dry-run")
    counts = job.result().get_counts()
    assert sum(counts.values()) == 100
    assert set(counts) == {"00", "11"}


@pytest.mark.usefixtures("server")
def test_information_in_cirq():
    service = css.Service()
    assert service.get_balance() == "100.00 credits"
    names = [target.target for target in service.get_targets()]
    assert "ibmq_fez_qpu" in names
    assert service.target_info("ibmq_fez_qpu")["native_gate_set"] == ["cz", "rz", "sx", "x"]
    qubits = cirq.LineQubit.range(3)
    ghz = cirq.Circuit(
        cirq.H(qubits[0]),
        cirq.CNOT(qubits[0], qubits[1]),
        cirq.CNOT(qubits[1], qubits[2]),
        cirq.measure(*qubits, key="all"),
    )
    job = service.create_job(ghz, repetitions=50, target="ss_unconstrained_simulator")
    assert set(job.counts(0, polling_seconds=0.02)) == {"000", "111"}
    facts = (job.status(), job.target(), job.num_qubits(0), job.repetitions())
    assert facts == ("Done", "ss_unconstrained_simulator", 3, 50)
    assert job.input_circuits(0) == ghz
    again = service.get_job(job.job_id())
    assert again.compiled_circuits(0) == job.compiled_circuits(0)
    assert again.to_dict()[job.job_id()]["shots"] == 50


@pytest.mark.usefixtures("server")
def test_information_in_qiskit():
    provider = qss.SuperstaqProvider()
    assert provider.get_balance() == "100.00 credits"
    assert {target.target for target in provider.get_my_targets()} <= {
        backend.name for backend in provider.backends()
    }
    backend = provider.get_backend("ibmq_kingston_qpu")
    assert backend.target_info()["num_qubits"] == 156
    ghz = qiskit.QuantumCircuit(3)
    ghz.h(0)
    ghz.cx(0, 1)
    ghz.cx(1, 2)
    ghz.measure_all()
    job = backend.run(ghz, shots=50, method="dry-run")
    assert set(job.result().get_counts()) == {"000", "111"}
    assert provider.get_job(job.job_id()).status() == job.status()
    assert job.input_circuits(0) == ghz
    compiled = job.compiled_circuits(0)
    assert set(compiled.count_ops()) <= {"cz", "rz", "sx", "x", "measure", "barrier"}
