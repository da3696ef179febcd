"""Qiskit circuits: qiskit-superstaq, unmodified, as the judge, and our handle beside it."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from typing import Any

import cirq
import general_superstaq as gss
import pytest
import qiskit
import qiskit.qasm2
import qiskit.qpy
import qiskit_superstaq as qss
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.library import (
    CXGate,
    MCXGate,
    MSGate,
    QFTGate,
    XGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import Operator, Statevector

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator, Ending, Plan

pytestmark = pytest.mark.official

SIMULATOR = "ss_unconstrained_simulator"

Serve = Callable[[Emulator], Any]


@pytest.fixture
def serve() -> Serve:
    """qiskit-superstaq's provider for an emulator."""

    def make(server: Emulator, key: str = "") -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the API version is young
            return qss.SuperstaqProvider(
                api_key=key or server.api_key, remote_host=server.url, api_version="v0.3.0"
            )

    return make


@pytest.fixture
def server(emulate: Callable[..., Emulator]) -> Emulator:
    return emulate()


@pytest.fixture
def provider(server: Emulator, serve: Serve) -> Any:
    return serve(server)


def basis_state(ones: list[int], qubits: int = 3) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, qubits)
    circuit.x(ones)
    circuit.measure(range(qubits), range(qubits))
    return circuit


BELL = QuantumCircuit(2, 2)
BELL.h(0)
BELL.cx(0, 1)
BELL.measure([0, 1], [0, 1])

BODY = {"job_type": "submit", "target": SIMULATOR, "circuit_type": "qiskit", "shots": 4}


# --- the calls


def test_run_and_retrieve(server: Emulator, provider: Any):
    circuits = [basis_state([0]), basis_state([1, 2]), BELL]
    backend = provider.get_backend(SIMULATOR)
    job = backend.run(circuits, shots=100, tag="t", metadata={"n": 1})
    counts = job.result(wait=0.02).get_counts()
    assert counts[:2] == [{"001": 100}, {"110": 100}]
    assert set(counts[2]) == {"00", "11"}
    assert job.status() is qiskit.providers.JobStatus.DONE
    assert job.input_circuits() == circuits
    assert (job.tags, job.metadata, job.shots()) == (["t"], {"n": 1}, 100)
    assert provider.get_job(job.job_id()).result(wait=0.02).get_counts() == counts
    with pytest.warns(DeprecationWarning, match="retrieve_job"):
        again = backend.retrieve_job(job.job_id())
    assert again.result(wait=0.02).get_counts() == counts
    # What our own handle reads from the same server.
    with sj.SuperstaqClient(server.api_key, server.url, circuit_type="qiskit") as client:
        snapshot = sj.JobHandle(client, job.job_id()).refresh()
    assert gss.models.JobData(**snapshot.to_dict()).model_dump() == job.to_dict()
    ours = [{key[::-1]: n for key, n in c.counts.items()} for c in snapshot.circuits]
    assert ours == counts


@pytest.mark.parametrize("target", [SIMULATOR, "emulated_line_qpu"])
def test_a_compiled_circuit_is_the_submitted_one_on_physical_qubits(provider: Any, target: str):
    circuit = QuantumCircuit(4)
    circuit.append(QFTGate(4), range(4))
    circuit.cx(0, 3)
    circuit.ry(0.3, 2)
    measured = circuit.copy()
    measured.measure_all()
    job = provider.get_backend(target).run(measured, shots=10)
    compiled = job.compiled_circuits(0, wait=0.02)
    initial, final = job.initial_logical_to_physical(0), job.final_logical_to_physical(0)
    assert set(initial) == set(final) == set(range(4))
    assert set(compiled.count_ops()) <= {"rz", "sx", "x", "cx", "measure", "barrier"}
    assert job._terminal_measurement_qubit_indices(0) == [final[i] for i in range(4)]
    if target == "emulated_line_qpu":
        assert compiled.num_qubits == 8
        for step in compiled.data:
            if step.operation.name == "cx":
                one, other = (compiled.find_bit(qubit).index for qubit in step.qubits)
                assert abs(one - other) == 1
    compiled.remove_final_measurements()
    spare = [qubit for qubit in range(compiled.num_qubits) if qubit not in final.values()]
    order = [final[i] for i in range(4)] + spare
    places = {physical: place for place, physical in enumerate(order)}
    moved = QuantumCircuit(compiled.num_qubits)
    moved.compose(compiled, [places[i] for i in range(compiled.num_qubits)], inplace=True)
    state = Statevector(moved)
    wanted = QuantumCircuit(compiled.num_qubits)
    wanted.compose(circuit, range(4), inplace=True)
    assert state.equiv(Statevector(wanted))


def test_compile_only(provider: Any):
    job = provider.get_backend("emulated_compileonly_qpu").compile(BELL)
    compiled = job.compiled_circuits(wait=0.02)
    assert len(compiled) == 1
    assert compiled[0].count_ops()["cx"] == 1
    with pytest.raises(ValueError, match="no counts"):
        job.result(wait=0.02)


def test_a_verbatim_circuit_is_returned_unchanged(provider: Any):
    job = provider.get_backend(SIMULATOR).run(BELL, shots=10, verbatim=True)
    assert job.compiled_circuits(0, wait=0.02) == BELL
    assert set(job.result(wait=0.02).get_counts()) == {"00", "11"}


@pytest.mark.parametrize("method", ["simulate", "sim", "noise-sim", "dry-run", "submit"])
def test_each_method(provider: Any, method: str):
    job = provider.get_backend(SIMULATOR).run(basis_state([1]), shots=200, method=method)
    counts = job.result(wait=0.02).get_counts()
    assert sum(counts.values()) == 200
    assert counts["010"] > 150


def test_cancel(emulate: Callable[..., Emulator], serve: Serve, clock: Any):
    backend = serve(emulate(step_seconds=10, clock=clock)).get_backend(SIMULATOR)
    job = backend.run(BELL, shots=10)
    assert job.status() is qiskit.providers.JobStatus.INITIALIZING
    job.cancel()
    assert job.status() is qiskit.providers.JobStatus.CANCELLED


def test_the_operator_cancels(emulate: Callable[..., Emulator], serve: Serve, clock: Any):
    server = emulate(step_seconds=10, clock=clock, plans=[Plan(ending=Ending("stuck"))])
    job = serve(server).get_backend(SIMULATOR).run(BELL, shots=10)
    server.advance(36_000)
    assert job.status() is qiskit.providers.JobStatus.RUNNING
    server.cancel_job(server.jobs()[0].job_id)
    assert job.status() is qiskit.providers.JobStatus.CANCELLED


def test_targets_and_balance(provider: Any):
    assert provider.get_balance() == "100.00 credits"
    names = [backend.name for backend in provider.backends(simulator=False, available=True)]
    assert "emulated_ring_qpu" in names
    assert "emulated_offline_qpu" not in names
    ring = provider.get_backend("emulated_ring_qpu")
    assert ring.num_qubits == 5
    edges = {(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)}
    assert set(ring.coupling_map.get_edges()) == edges | {(b, a) for a, b in edges}
    assert set(ring.target.operation_names) >= {"rz", "sx", "x", "cx", "measure"}


# --- supported circuits


def _registers() -> tuple[QuantumCircuit, str]:
    one, two = ClassicalRegister(2, "one"), ClassicalRegister(3, "two")
    circuit = QuantumCircuit(QuantumRegister(3), one, two)
    circuit.x([0, 2])
    circuit.measure([0, 1], one)
    circuit.measure([2, 1, 0], two)
    return circuit, "10101"


def _partial() -> tuple[QuantumCircuit, str]:
    circuit = QuantumCircuit(3, 4)
    circuit.x([0, 2])
    circuit.measure(2, 3)
    circuit.measure(1, 1)
    return circuit, "1000"


def _crossed() -> tuple[QuantumCircuit, str]:
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure([0, 1], [1, 0])
    return circuit, "10"


def _middle() -> tuple[QuantumCircuit, str]:
    circuit = QuantumCircuit(2, 3)
    circuit.x(0)
    circuit.measure(0, 0)
    circuit.reset(0)
    circuit.measure(0, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 2)
    return circuit, "101"


def _inside() -> tuple[QuantumCircuit, str]:
    inner = QuantumCircuit(1, 1)
    inner.x(0)
    inner.measure(0, 0)
    circuit = QuantumCircuit(2, 3)
    circuit.append(inner.to_instruction(), [1], [2])
    circuit.measure(0, 0)
    return circuit, "100"


def _loose() -> tuple[QuantumCircuit, str]:
    circuit = QuantumCircuit([qiskit.circuit.Qubit(), qiskit.circuit.Qubit()])
    circuit.add_bits([qiskit.circuit.Clbit()])
    circuit.x(1)
    circuit.measure(1, 0)
    return circuit, "1"


def _delayed(unit: str) -> tuple[QuantumCircuit, str]:
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.delay(100, 0, unit)
    circuit.measure(0, 0)
    return circuit, "1"


KINDS = [
    *(make() for make in (_registers, _partial, _crossed, _middle, _inside, _loose)),
    _delayed("ns"),
    _delayed("dt"),
]


def test_the_keys_of_circuits_of_every_kind(provider: Any):
    circuits, wanted = zip(*KINDS, strict=True)
    job = provider.get_backend(SIMULATOR).run(list(circuits), shots=9)
    counts = job.result(wait=0.02).get_counts()
    assert counts == [{key: 9} for key in wanted]
    # Compiled for a line and read by the official client, they are equivalent.
    job = provider.get_backend("emulated_line_qpu").run(list(circuits), shots=9)
    assert job.result(wait=0.02).get_counts() == counts
    assert len(job.compiled_circuits()) == len(KINDS)


def test_gates_of_qiskit_superstaq(provider: Any):
    gates = [
        qss.AceCR(0.3),
        qss.ZZSwapGate(0.4),
        qss.StrippedCZGate(0.5),
        qss.custom_gates.iXGate(),
        qss.custom_gates.iCCXGate(),
        qss.AQTiCCXGate(),
        qss.custom_gates.DDGate(0.3),
        qss.ParallelGates(XGate(), CXGate()),
        MSGate(2, 0.4),
        MCXGate(2, ctrl_state=1),
    ]
    circuit = QuantumCircuit(3)
    for gate in gates:
        circuit.h(range(3))
        circuit.append(gate, range(gate.num_qubits))
    job = provider.get_backend(SIMULATOR).compile(circuit)
    compiled = job.compiled_circuits(0, wait=0.02)
    assert set(compiled.count_ops()) <= {"rz", "sx", "x", "cx"}
    assert Operator.from_circuit(compiled).equiv(Operator(circuit))


# --- circuits that cannot run


def text(stream: bytes) -> str:
    return base64.encodebytes(stream).decode()


def qpy(*circuits: QuantumCircuit, version: int = 13) -> bytes:
    stream = io.BytesIO()
    qiskit.qpy.dump(list(circuits), stream, version=version)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("circuits", "message"),
    [
        ("OPENQASM 2.0;", "not base64"),
        (text(b"PK\x03\x04 something else altogether"), "not QPY"),
        (text(qpy(BELL)[:10]), "not QPY"),
        (text(qpy(BELL)[:60]), "cannot be read"),
        (text(qpy(BELL)[:6] + b"\x0c" + qpy(BELL)[7:]), "QPY version 12"),
        (text(qpy(BELL)[:6] + b"\xff" + qpy(BELL)[7:]), "cannot be read"),
        (text(qpy()), "not contain a circuit"),
        ("", "not QPY"),
    ],
)
def test_anything_but_qpy_is_422(
    server: Emulator, provider: Any, send: Callable[..., Any], circuits: str, message: str
):
    response = send(server, "POST", "/client/job", BODY | {"circuits": circuits})
    assert response.status == 422
    assert response.json["detail"][0]["loc"] == ["body", "circuits"]
    with pytest.raises(gss.SuperstaqServerException, match=message):
        provider._client.create_job({"qiskit_circuits": circuits})


def test_the_old_symbolic_engine_is_never_used(
    server: Emulator, send: Callable[..., Any], finish: Any
):
    # The field that would send an old payload to an unpickler has no effect.
    stream = qpy(BELL)
    assert stream[18:19] == b"p"
    body = BODY | {"circuits": text(stream[:18] + b"e" + stream[19:])}
    job_id = send(server, "POST", "/client/job", body).json["job_id"]
    assert finish(server, job_id)["statuses"] == ["completed"]


def test_a_circuit_that_cannot_run_fails_with_a_reason(provider: Any):
    open_ended = QuantumCircuit(1, 1)
    open_ended.rx(qiskit.circuit.Parameter("theta"), 0)
    open_ended.measure(0, 0)
    wide = QuantumCircuit(21, 1)
    wide.measure(0, 0)
    opaque = QuantumCircuit(1, 1)
    opaque.append(qiskit.circuit.Gate("mystery", 1, []), [0])
    opaque.measure(0, 0)
    job = provider.get_backend(SIMULATOR).run([open_ended, wide, BELL, opaque], shots=5)
    with pytest.raises(gss.SuperstaqUnsuccessfulJobException, match=r"Circuit 0 - .*theta"):
        job.result(wait=0.02)
    messages = job.job_data.status_messages
    assert "parameters without a value: theta" in messages[0]
    assert "21 qubits, more than the 20" in messages[1]
    assert messages[2] is None
    assert "mystery" in messages[3]
    assert [status.value for status in job.job_data.statuses] == [
        "failed",
        "failed",
        "completed",
        "failed",
    ]


def test_newer_qpy_is_read_too(server: Emulator, send: Callable[..., Any], provider: Any):
    newest = qiskit.qpy.common.QPY_VERSION
    body = BODY | {"circuits": text(qpy(basis_state([0]), BELL, version=newest))}
    job = provider.get_job(send(server, "POST", "/client/job", body).json["job_id"])
    assert job.result(wait=0.02).get_counts()[0] == {"001": 4}
    assert job.input_circuits(1) == BELL


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("unknown_device_qpu", "unknown_device_qpu does not exist"),
        ("emulated_retired_qpu", "retired"),
    ],
)
def test_a_refusal_becomes_the_clients_exception(provider: Any, target: str, message: str):
    with pytest.raises(gss.SuperstaqServerException, match=message):
        provider.get_backend(target).run(BELL, shots=1)


# --- other formats


def test_a_job_in_another_format(
    server: Emulator, provider: Any, send: Callable[..., Any], submit: Callable[..., str]
):
    program = "OPENQASM 3.0; qubit[2] q; bit[2] c; U(pi,0,pi) q[1]; c = measure q;"
    job = provider.get_job(submit(server, program, job_type="simulate", shots=3))
    assert job.result(wait=0.02).get_counts() == {"10": 3}
    assert job.input_circuits(0).count_ops()["measure"] == 2
    assert job.compiled_circuits(0).count_ops()["measure"] == 2

    circuit, _ = _partial()
    job = provider.get_backend("emulated_line_qpu").run(circuit, shots=3)
    job.result(wait=0.02)
    data = send(server, "GET", f"/client/job/cirq?job_id={job.job_id()}").json[str(job.job_id())]
    gss.models.JobData(**data)
    assert data["circuit_type"] == "cirq"
    assert data["counts"] == [{"01": 3}]
    assert data["physical_qubits"][0].count("LineQubit") == 8


def test_every_standard_gate_is_the_same_in_every_format(
    server: Emulator, send: Callable[..., Any]
):
    circuits = []
    for name, gate in get_standard_gate_name_mapping().items():
        if name not in {"measure", "reset", "delay", "global_phase"}:
            circuit = QuantumCircuit(gate.num_qubits)
            angles = [0.3 + 0.2 * number for number in range(len(gate.params))]
            circuit.append(gate.base_class(*angles) if angles else gate, range(gate.num_qubits))
            circuits.append(circuit)
    new = BODY | {"job_type": "compile", "circuits": text(qpy(*circuits))}
    job_id = send(server, "POST", "/client/job", new).json["job_id"]
    shown = {
        kind: send(server, "GET", f"/client/job/{kind}?job_id={job_id}").json[job_id]
        for kind in ("cirq", "qasm")
    }
    assert {data["circuit_type"] for data in shown.values()} == {"cirq", "qasm"}
    for circuit, source in zip(circuits, shown["cirq"]["input_circuits"], strict=True):
        matrix = cirq.unitary(cirq.read_json(json_text=source))
        assert Operator(circuit.reverse_bits()).equiv(Operator(matrix)), circuit
    for circuit, source in zip(circuits, shown["qasm"]["input_circuits"], strict=True):
        assert Operator(circuit).equiv(
            Operator(
                qiskit.qasm2.loads(
                    source, custom_instructions=qiskit.qasm2.LEGACY_CUSTOM_INSTRUCTIONS
                )
            )
        ), circuit
