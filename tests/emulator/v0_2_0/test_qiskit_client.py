"""qiskit-superstaq with nothing but a host and a key: every call on jobs, targets, the account."""

from __future__ import annotations

import warnings

import general_superstaq as gss
import pytest
import qiskit
import qiskit_superstaq as qss
from qiskit.providers import JobStatus

from superstaq_jobs.emulator import OFFICIAL_TARGETS, Ending, Plan
from superstaq_jobs.testing import FakeClock

pytestmark = pytest.mark.official

SIMULATOR = "ss_unconstrained_simulator"


def circuit(*ones: int) -> qiskit.QuantumCircuit:
    made = qiskit.QuantumCircuit(3, 3)
    for one in ones:
        made.x(one)
    made.measure(range(3), range(3))
    return made


@pytest.fixture
def ours(emulate, provider) -> qss.SuperstaqProvider:
    return provider(emulate())


def test_a_job_from_beginning_to_end(ours):
    backend = ours.get_backend("emulated_line_qpu")
    job = backend.run(circuit(0), shots=20)
    assert isinstance(job, qss.SuperstaqJob)
    result = job.result(wait=0.02)
    assert result.success
    assert result.get_counts() == {"001": 20}
    assert job.status() == JobStatus.DONE
    assert job.input_circuits(0) == circuit(0)
    assert job.compiled_circuits(0).num_qubits == 8
    again = ours.get_job(job.job_id())
    assert again.result().get_counts() == {"001": 20}
    assert again.backend() == backend
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        retrieved = backend.retrieve_job(job.job_id())
    assert retrieved.status() == JobStatus.DONE
    assert retrieved.to_dict() == job.to_dict()


def test_a_job_of_several_circuits(ours):
    job = ours.get_backend(SIMULATOR).run([circuit(), circuit(1), circuit(0, 2)], shots=5)
    result = job.result(wait=0.02)
    assert result.get_counts() == [{"000": 5}, {"010": 5}, {"101": 5}]
    assert job.input_circuits() == [circuit(), circuit(1), circuit(0, 2)]
    assert len(job.compiled_circuits()) == 3
    assert ours.get_job(job.job_id()).result(2).get_counts() == {"101": 5}


def test_some_bits_in_several_registers(ours):
    made = qiskit.QuantumCircuit(
        qiskit.QuantumRegister(3),
        qiskit.ClassicalRegister(2, "a"),
        qiskit.ClassicalRegister(2, "b"),
    )
    made.x(2)
    made.measure([0, 2], [1, 3])
    job = ours.get_backend(SIMULATOR).run(made, shots=4)
    assert job.result(wait=0.02).get_counts() == {"1000": 4}


def test_cancelling(emulate, provider):
    ours = provider(emulate(clock=FakeClock(), step_seconds=10))
    job = ours.get_backend(SIMULATOR).run([circuit(), circuit(0), circuit(1)], shots=1)
    assert job.status() == JobStatus.INITIALIZING
    job.cancel(1)
    job.status()
    assert job.status(1) == JobStatus.CANCELLED
    assert job.status() == JobStatus.INITIALIZING
    with pytest.warns(gss.SuperstaqWarning, match="it already has status Cancelled"):
        job.cancel()
    assert job.status() == JobStatus.CANCELLED
    assert not job.result(wait=0.02).success


@pytest.mark.parametrize(
    ("becomes", "status"),
    [
        ("failed", JobStatus.ERROR),
        ("unrecognized", JobStatus.ERROR),
        ("cancelled", JobStatus.CANCELLED),
        ("deleted", JobStatus.CANCELLED),
    ],
)
def test_a_wait_ends_for_every_way_a_job_can_end(emulate, provider, becomes: str, status):
    ours = provider(emulate(plans=[Plan(ending=Ending(becomes))]))
    job = ours.get_backend(SIMULATOR).run(circuit(), shots=1)
    result = job.result(timeout=60, wait=0.02)
    assert not result.success
    assert job.status() == status


@pytest.mark.parametrize(
    "during",
    [
        *("received", "awaiting_compile", "compiling"),
        *("awaiting_submission", "pending", "running"),
    ],
)
def test_every_status_on_the_way_is_one_that_it_knows(emulate, provider, clock, during: str):
    server = emulate(clock=clock, plans=[Plan(ending=Ending("stuck", during=during))])
    job = provider(server).get_backend(SIMULATOR).run(circuit(), shots=1)
    clock.advance(1)
    assert job.status() in {JobStatus.INITIALIZING, JobStatus.QUEUED, JobStatus.RUNNING}
    assert job.status(0) == job.status()


def test_backends_and_targets(emulate, provider):
    ours = provider(emulate(targets=OFFICIAL_TARGETS))
    names = {target.target for target in ours.get_targets()}
    assert names == {target.name for target in OFFICIAL_TARGETS}
    backends = {backend.name: backend for backend in ours.backends()}
    assert set(backends) == names
    for backend in backends.values():
        target = backend.target
        assert target.num_qubits == backend.num_qubits == backend.target_info()["num_qubits"]
        assert backend.coupling_map is None or backend.coupling_map.is_symmetric
        assert backend.coupling_map is None or backend.coupling_map.is_connected()
    assert {target.target for target in ours.get_my_targets()} < names


def test_the_account(ours):
    assert ours.get_balance() == "100.00 credits"
    assert ours.get_balance(pretty_output=False) == 100.0


def test_gates_of_superstaq(ours):
    made = qiskit.QuantumCircuit(3, 3)
    made.append(qss.AceCR("+-"), [0, 1])
    made.append(qss.ZZSwapGate(0.3), [1, 2])
    made.append(qss.AceCR("+-").inverse(), [0, 1])
    made.append(qiskit.circuit.library.GR(3, 0.5, 0.25), [0, 1, 2])
    made.measure(range(3), range(3))
    bare = made.remove_final_measurements(inplace=False)
    expected = qiskit.quantum_info.Statevector(bare).probabilities_dict()
    counts = ours.get_backend(SIMULATOR).run(made, shots=20_000).result(wait=0.02).get_counts()
    for bits in set(expected) | set(counts):
        assert counts.get(bits, 0) / 20_000 == pytest.approx(expected.get(bits, 0), abs=0.02)


def test_an_unknown_job_is_an_error_of_the_server(ours):
    with pytest.raises(gss.SuperstaqServerException, match="do not exist"):
        ours.get_job("nothing")
