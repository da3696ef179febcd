"""The calls of version 0.2.0 that compile: what comes back is what went in, for the target."""

from __future__ import annotations

import json
import time
from typing import Any

import cirq
import cirq_superstaq as css
import general_superstaq as gss
import pytest
import qiskit
import qiskit.quantum_info
import qiskit_superstaq as qss
from small_circuits import flips

from superstaq_jobs.emulator import OFFICIAL_TARGETS, Emulator, Target
from superstaq_jobs.testing import FakeClock

SIMULATOR = "ss_unconstrained_simulator"


@pytest.fixture
def server(emulate) -> Emulator:
    return emulate()


@pytest.fixture
def official(emulate) -> Emulator:
    return emulate(targets=OFFICIAL_TARGETS)


def _entangled(qubits: int = 3) -> qiskit.QuantumCircuit:
    circuit = qiskit.QuantumCircuit(qubits)
    circuit.h(0)
    for qubit in range(1, qubits):
        circuit.cx(0, qubit)
    circuit.rz(0.3, qubits - 1)
    return circuit


def _same(circuit: Any, out: Any, index: int, initial: Any, final: Any) -> bool:
    """Whether a compiled circuit does the same, up to where its qubits are."""
    compiled = out.circuits[index] if hasattr(out, "circuits") else out.circuit
    size = compiled.num_qubits
    given = qiskit.QuantumCircuit(size).compose(
        circuit, [initial[qubit] for qubit in range(circuit.num_qubits)]
    )
    moved = dict(zip(initial.values(), final.values(), strict=True))
    rest = iter(sorted(set(range(size)) - set(final.values())))
    permutation = [moved[place] if place in moved else next(rest) for place in range(size)]
    shuffled = given.copy()
    shuffled.append(
        qiskit.circuit.library.PermutationGate([permutation.index(place) for place in range(size)]),
        range(size),
    )
    states = (qiskit.quantum_info.Statevector(one) for one in (shuffled, compiled))
    return next(states).equiv(next(states))


@pytest.mark.parametrize("target", ["emulated_line_qpu", "emulated_ring_qpu", SIMULATOR])
def test_a_compiled_circuit_does_the_same_on_the_targets_connections(server, provider, target: str):
    backend = provider(server).get_backend(target)
    circuits = [_entangled(), _entangled(5)]
    out = backend.compile(circuits)
    edges = backend.target_info()["coupling_map"]
    for index, circuit in enumerate(circuits):
        initial = out.initial_logical_to_physicals[index]
        final = out.final_logical_to_physicals[index]
        assert sorted(initial) == list(range(circuit.num_qubits))
        assert _same(circuit, out, index, initial, final)
        for step in out.circuits[index].data:
            where = [out.circuits[index].find_bit(qubit).index for qubit in step.qubits]
            assert len(where) < 2 or edges is None or {*where} in [{*edge} for edge in edges]
    alone = backend.compile(_entangled())
    assert alone.circuit == out.circuits[0]


def test_the_maps_of_cirq_name_qubits(server, service):
    circuit = cirq.Circuit(
        cirq.H(cirq.NamedQubit("a")), cirq.CX(*cirq.NamedQubit.range(2, prefix="b"))
    )
    out = service(server).compile(circuit, target="emulated_line_qpu")
    assert set(out.initial_logical_to_physical) == circuit.all_qubits()
    assert set(out.initial_logical_to_physical.values()) <= set(cirq.LineQubit.range(8))
    assert out.circuit.all_qubits() <= set(cirq.LineQubit.range(8))


CIRQ_GATES = {
    "gr": None, "rz": cirq.Rz, "rx": cirq.Rx, "r": cirq.PhasedXPowGate, "sx": cirq.XPowGate,
    "x": type(cirq.X), "cx": cirq.CXPowGate, "cz": cirq.CZPowGate, "rxx": cirq.XXPowGate,
    "rzz": cirq.ZZPowGate,
}  # fmt: skip


@pytest.mark.parametrize("target", [target.name for target in OFFICIAL_TARGETS])
def test_every_official_target_compiles_to_its_own_gates(official, provider, service, target: str):
    backend = provider(official).get_backend(target)
    native = set(backend.target_info()["native_gate_set"])
    circuit = _entangled(4)
    out = backend.compile(circuit)
    assert set(out.circuit.count_ops()) <= native
    as_cirq = cirq.Circuit(cirq.H(cirq.q(0)), cirq.CX(cirq.q(0), cirq.q(1)) ** 0.7)
    compiled = service(official).compile(as_cirq, target=target)
    kinds = {type(operation.gate) for operation in compiled.circuit.all_operations()}
    assert kinds <= {CIRQ_GATES[name] for name in native}
    order = [compiled.final_logical_to_physical[cirq.q(n)] for n in range(2)]
    assert [compiled.initial_logical_to_physical[cirq.q(n)] for n in range(2)] == order
    assert cirq.allclose_up_to_global_phase(
        compiled.circuit.unitary(order), as_cirq.unitary(), atol=1e-6
    )


def test_aqt_and_qscout_keep_the_qubits_where_they_are(official, service):
    q4, q5 = cirq.q(4), cirq.q(5)
    circuit = cirq.Circuit(cirq.H(q4), cirq.CZ(q4, q5))
    for out in (service(official).aqt_compile(circuit), service(official).qscout_compile(circuit)):
        assert out.initial_logical_to_physical == {q4: q4, q5: q5}
        assert out.circuit.all_qubits() == {q4, q5}
    far = cirq.Circuit(cirq.H(cirq.q(8)))
    with pytest.raises(gss.SuperstaqServerException, match="numbered from 0 to 7"):
        service(official).aqt_compile(far)


@pytest.mark.parametrize("copies", [1, 3])
def test_equivalent_circuits_are_copies(official, service, provider, copies: int):
    circuit = cirq.Circuit(cirq.H(cirq.q(4)), cirq.CX(cirq.q(4), cirq.q(5)) ** 0.7)
    plain = service(official).aqt_compile(circuit).circuit
    out = service(official).aqt_compile([circuit, circuit], num_eca_circuits=copies)
    assert out.circuits == [[plain] * copies] * 2
    assert [len(maps) for maps in out.initial_logical_to_physicals] == [copies, copies]
    of_qiskit = provider(official).aqt_compile(_entangled(2), num_eca_circuits=copies)
    assert len(of_qiskit.circuits) == copies


def test_mirrored_swaps_move_the_qubits(official, provider):
    circuit = qiskit.QuantumCircuit(3, 3)
    circuit.x(0)
    circuit.swap(0, 1)
    circuit.cx(1, 2)
    circuit.measure(range(3), range(3))
    out = provider(official).qscout_compile(circuit, mirror_swaps=True)
    assert out.final_logical_to_physical == {0: 1, 1: 0, 2: 2}
    assert sum(len(step.qubits) == 2 for step in out.circuit.data) == 1
    plain = provider(official).qscout_compile(circuit, mirror_swaps=False)
    assert sum(len(step.qubits) == 2 for step in plain.circuit.data) == 4
    for compiled in (out.circuit, plain.circuit):
        job = provider(official).get_backend(SIMULATOR).run(compiled, shots=7, method="dry-run")
        assert job.result().get_counts() == {"110": 7}


def test_a_gate_that_is_only_named_swap_moves_nothing(official, provider):
    own = qiskit.QuantumCircuit(2, name="swap")
    own.x(0)
    circuit = qiskit.QuantumCircuit(2)
    circuit.append(own.to_gate(), [0, 1])
    out = provider(official).qscout_compile(circuit, mirror_swaps=True)
    assert out.final_logical_to_physical == {0: 0, 1: 1}


def test_a_jaqal_program_says_that_it_is_missing(official, service, post):
    out = service(official).qscout_compile([cirq.Circuit(cirq.H(cirq.q(0)))], num_eca_circuits=2)
    assert all("does not write Jaqal" in program for program in out.jaqal_programs)
    body = {"jaqal_strs": '["prepare_all"]', "target": "qscout_peregrine_qpu", "options": "{}"}
    response = post(official, "/qscout_compile", body)
    assert response.status == 400
    assert "does not read Jaqal" in response.json["message"]


def test_a_target_that_is_not_accessible_compiles(server, service):
    circuit = cirq.read_json(json_text=flips(0))
    out = service(server).compile(circuit, target="emulated_private_qpu")
    assert out.circuit.all_measurement_key_names() == {"m"}


def test_gates_of_superstaq_are_compiled_and_run(official, service):
    a, b = cirq.LineQubit.range(2)
    circuit = cirq.Circuit(
        css.AceCRMinusPlus(a, b),
        css.ParallelRGate(0.5, 0.25, 2).on(a, b),
        css.ZZSwapGate(0.3)(a, b),
        css.barrier(a, b),
    )
    out = service(official).compile(circuit, target="ibmq_fez_qpu")
    order = [out.final_logical_to_physical[qubit] for qubit in (a, b)]
    unitary = out.circuit.unitary(order)
    assert order == [out.initial_logical_to_physical[qubit] for qubit in (a, b)]
    assert cirq.allclose_up_to_global_phase(unitary, circuit.unitary([a, b]), atol=1e-6)
    job = service(official).create_job(
        circuit + cirq.measure(a, b), target="ibmq_fez_qpu", repetitions=20, method="dry-run"
    )
    assert sum(job.counts(0).values()) == 20


# --- estimates


def test_the_resources_of_a_circuit(official, service):
    a, b, c = cirq.LineQubit.range(3)
    circuit = cirq.Circuit(cirq.H(a), cirq.CX(a, b), cirq.measure(a, b))
    estimate = service(official).resource_estimate(circuit, SIMULATOR)
    assert (estimate.num_single_qubit_gates, estimate.num_two_qubit_gates) == (1, 1)
    assert estimate.depth == 3
    three = service(official).resource_estimate(cirq.Circuit(cirq.CCX(a, b, c)), SIMULATOR)
    assert three.num_two_qubit_gates == 8  # the Toffoli gate's, as Cirq decomposes it on a line
    on_device = service(official).resource_estimate([circuit] * 2, "aqt_keysight_qpu")
    assert on_device[0] == on_device[1]
    assert on_device[0].num_single_qubit_gates > 1


# --- bad input


GOOD = {"cirq_circuits": flips(), "target": "emulated_line_qpu", "options": "{}"}
CALLS = ["/compile", "/aqt_compile", "/qscout_compile", "/resource_estimate"]


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"target": "no_such_qpu"}, 404, "no_such_qpu"),
        ({"target": "emulated_retired_qpu"}, 400, "retired"),
        ({"target": "nowhere"}, 400, "target"),
        ({"target": None}, 400, "target"),
        ({"options": "{"}, 400, "options"),
        ({"options": {}}, 400, "options"),
        ({"cirq_circuits": None}, 400, "circuits"),
        ({"qiskit_circuits": ""}, 400, "circuits"),
        ({"cirq_circuits": "[]"}, 400, "circuit"),
        ({"cirq_circuits": "{"}, 400, "circuit"),
        ({"cirq_circuits": 3}, 400, "circuits"),
    ],
)
def test_what_cannot_be_compiled_is_refused(
    *, server, post, path: str, change: dict[str, Any], status: int, word: str
):
    body = {key: value for key, value in (GOOD | change).items() if value is not None}
    response = post(server, path, body)
    assert response.status == status, response
    assert list(response.json) == ["message"]
    assert word in response.json["message"]


@pytest.mark.parametrize("copies", ["3", 0, -1, 1.5, 10**9, True])
def test_a_wrong_number_of_copies_is_400(server, post, copies):
    body = GOOD | {"options": json.dumps({"num_eca_circuits": copies})}
    response = post(server, "/aqt_compile", body)
    assert response.status == 400
    assert "num_eca_circuits" in response.json["message"]


def test_copies_that_would_be_too_long_are_refused(server, post):
    many = cirq.Circuit(cirq.CX(cirq.q(n % 2), cirq.q(2)) ** 0.7 for n in range(150))
    body = GOOD | {"cirq_circuits": cirq.to_json(many), "options": '{"num_eca_circuits": 1000}'}
    response = post(server, "/aqt_compile", body)
    assert response.status == 400
    assert "characters" in response.json["message"]


def test_the_circuit_that_cannot_be_compiled_is_named(server, post):
    qutrit = cirq.to_json(cirq.Circuit(cirq.measure(cirq.LineQid(0, 3))))
    for path in CALLS:
        body = GOOD | {"cirq_circuits": f"[{flips(0)},{qutrit}]"}
        response = post(server, path, body)
        assert response.status == 400
        assert "circuit 1" in response.json["message"]
    body = GOOD | {"cirq_circuits": f"[{flips(0)},{qutrit}]", "target": SIMULATOR}
    response = post(server, "/resource_estimate", body)
    assert response.status == 400
    assert "circuit 1 cannot be read" in response.json["message"]


def test_a_target_that_does_not_compile(emulate, post):
    server = emulate(targets=[Target(name="ours_tiny_qpu", supports_compile=False)])
    response = post(server, "/compile", GOOD | {"target": "ours_tiny_qpu"})
    assert response.status == 400
    assert "ours_tiny_qpu does not compile" in response.json["message"]


def test_compiling_takes_no_virtual_time_and_makes_no_job(emulate, post):
    server = emulate(clock=FakeClock(), step_seconds=100)
    assert post(server, "/compile", GOOD).status == 200
    assert server.jobs() == ()


def test_compiling_does_not_wait_for_circuits_that_run(post, run):
    with Emulator(step_seconds=0) as server:
        post(server, "/compile", GOOD)  # starts the process
        qubits = cirq.LineQubit.range(20)
        slow = cirq.testing.random_circuit(qubits, 400, 1.0, random_state=1)
        circuit = cirq.to_json(slow + cirq.measure(*qubits))
        started = time.monotonic()
        run(server, circuit, shots=10)
        assert post(server, "/compile", GOOD).status == 200
        waited = time.monotonic() - started
        (job,) = server.jobs()
        assert not job.statuses[0].is_terminal, f"it was quicker than the compilation: {waited}"


def test_qpy_of_several_circuits_keeps_their_order(server, provider):
    circuits = []
    for ones in range(5):
        circuit = qiskit.QuantumCircuit(5, 5)
        for qubit in range(ones):
            circuit.x(qubit)
        circuit.measure(range(5), range(5))
        circuits.append(circuit)
    out = provider(server).get_backend(SIMULATOR).compile(circuits)
    assert [len(one.data) for one in out.circuits] == [len(one.data) for one in circuits]
    assert qss.serialize_circuits(out.circuits)
