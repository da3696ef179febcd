"""Circuits come back as they were submitted, judged by the frameworks and the official packages."""

from __future__ import annotations

import math

import cirq
import cirq_superstaq as css
import pytest
import qiskit
import qiskit_superstaq as qss
from made import TARGET, VERSIONS, serialized, snapshot_of
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Qubit, library

import superstaq_jobs as sj
from superstaq_jobs.interop import cirq as of_cirq
from superstaq_jobs.interop import qiskit as of_qiskit

Q = cirq.LineQubit.range(4)

CIRQ_GATES = [
    css.ZZSwapGate(0.3),
    css.AceCR("+-"),
    css.AceCR("-+", sandwich_rx_rads=0.25),
    css.AceCRMinusPlus,
    css.ZXPowGate(exponent=0.5),
    cirq.ms(0.4),
    css.StrippedCZGate(0.7),
    css.BSwapPowGate(exponent=0.5),
    css.RGate(0.1, 0.2),
    css.ParallelRGate(0.1, 0.2, 3),
    css.Barrier(3),
    css.ParallelGates(cirq.X, css.ZX),
    css.DDPowGate(exponent=0.5),
    css.AQTICCX,
    css.QutritCZPowGate(),
    css.QutritZ0PowGate(),
    css.VirtualZPowGate(),
    css.QuditSwapGate(3),
    css.QubitSubspaceGate(cirq.X, (3,)),
    css.CZ3,
]


def _on(gate):
    return cirq.Circuit(gate.on(*cirq.LineQid.for_gate(gate)))


CIRQ_CIRCUITS = [
    *map(_on, CIRQ_GATES),
    cirq.Circuit(cirq.H(Q[0]), cirq.CX(*Q[:2]), cirq.measure(*Q[:2], key="m")),
    cirq.Circuit(cirq.X(cirq.GridQubit(1, 2)), cirq.Y(cirq.NamedQubit("a"))),
    cirq.Circuit(cirq.Moment(), cirq.Moment(cirq.X(Q[0])), cirq.Moment()),
    cirq.Circuit(cirq.rx(math.pi / 7)(Q[0]), cirq.MatrixGate(cirq.unitary(cirq.H)).on(Q[1])),
    cirq.Circuit(cirq.measure(Q[0], key="a"), cirq.X(Q[1]).with_classical_controls("a")),
    cirq.Circuit(cirq.CircuitOperation(cirq.FrozenCircuit(cirq.X(Q[0])), repetitions=3)),
    cirq.Circuit(cirq.X(Q[0]).with_tags("tagged"), cirq.X(Q[1]).with_tags(css.ops.ZZSwapGate(0.1))),
    cirq.Circuit(cirq.reset(Q[0]), cirq.depolarize(0.1)(Q[1]), cirq.wait(Q[2], nanos=20)),
    cirq.Circuit(cirq.measure(*Q, key="z", invert_mask=(True, False, True))),
]


def _qiskit(gate, clbits=0):
    made = QuantumCircuit(gate.num_qubits, clbits)
    made.append(gate, range(gate.num_qubits))
    return made


QISKIT_GATES = [
    qss.AceCR("+-"),
    qss.AceCR("-+"),
    qss.AceCR("+-", sandwich_rx_rads=0.5),
    qss.ZZSwapGate(0.3),
    qss.StrippedCZGate(0.4),
    qss.DDGate(0.3),
    qss.ParallelGates(library.XGate(), qss.ZZSwapGate(0.2)),
    qss.custom_gates.iXGate(),
    qss.custom_gates.iXdgGate(),
    qss.custom_gates.iCCXGate(),
    qss.custom_gates.iCCXdgGate(),
    qss.AceCR("+-").control(1),
    library.MSGate(3, 0.5),
    library.MCXGate(3, ctrl_state=5),
    library.MCPhaseGate(0.3, 2),
    library.CXGate(ctrl_state=0),
    library.UnitaryGate([[0, 1], [1, 0]]),
    library.XXPlusYYGate(0.2, 0.3),
    library.GlobalPhaseGate(0.1),
    library.PauliEvolutionGate(qiskit.quantum_info.SparsePauliOp("XZ"), time=0.2),
]


def _of_qiskit():
    yield from map(_qiskit, [gate for gate in QISKIT_GATES if gate.num_qubits])
    made = QuantumCircuit(2, 2, name="mine", metadata={"run": 7})
    made.measure([0, 1], [1, 0])
    yield made
    made = QuantumCircuit(
        QuantumRegister(2, "a"), ClassicalRegister(1, "c"), ClassicalRegister(2, "d")
    )
    made.h(0)
    made.measure(0, 2)
    yield made
    made = QuantumCircuit([Qubit(), Qubit()], [Clbit()])
    made.cx(0, 1)
    made.measure(1, 0)
    yield made
    made = QuantumCircuit(2, 1)
    made.measure(0, 0)
    with made.if_test((made.clbits[0], 1)):
        made.x(1)
    yield made
    made = QuantumCircuit(1)
    made.delay(20, 0, unit="ns")
    made.delay(20, 0)
    made.barrier()
    made.reset(0)
    yield made
    made = QuantumCircuit(2, global_phase=0.3)
    made.initialize([0, 1], 0)
    yield made
    inner = QuantumCircuit(1, 1, name="inner")
    inner.h(0)
    inner.measure(0, 0)
    made = QuantumCircuit(2, 2)
    made.append(inner.to_instruction(), [1], [0])
    yield made
    yield library.quantum_volume(3, seed=1)
    yield library.efficient_su2(2).assign_parameters([0.1] * 16)


QISKIT_CIRCUITS = list(_of_qiskit())


@pytest.mark.parametrize("version", VERSIONS)
def test_circuits_of_cirq_come_back(version):
    texts = serialized(CIRQ_CIRCUITS)
    snapshot = snapshot_of(texts, [{}] * len(texts), "cirq", version=version)
    assert list(of_cirq.input_circuits(snapshot)) == CIRQ_CIRCUITS


@pytest.mark.parametrize("version", VERSIONS)
def test_circuits_of_qiskit_come_back(version):
    texts = serialized(QISKIT_CIRCUITS)
    snapshot = snapshot_of(texts, [{}] * len(texts), "qiskit", version=version)
    found = of_qiskit.input_circuits(snapshot)
    assert list(found) == QISKIT_CIRCUITS
    assert [circuit.metadata for circuit in found] == [c.metadata for c in QISKIT_CIRCUITS]
    gates = [circuit.data[0].operation for circuit in found[: len(QISKIT_GATES) - 1]]
    assert [type(gate) for gate in gates] == [type(g) for g in QISKIT_GATES if g.num_qubits]


def test_the_official_packages_read_what_a_job_has():
    new = sj.new_job(CIRQ_CIRCUITS, target=TARGET, shots=1)
    assert css.deserialize_circuits(new.circuits) == CIRQ_CIRCUITS
    new = sj.new_job(QISKIT_CIRCUITS, target=TARGET, shots=1)
    assert qss.deserialize_circuits(new.circuits) == QISKIT_CIRCUITS
    assert len(CIRQ_CIRCUITS) + len(QISKIT_CIRCUITS) >= 40


def test_without_the_official_packages_custom_gates_are_lost():
    import base64
    import io

    import qiskit.qpy

    text = serialized([_qiskit(qss.ZZSwapGate(0.3))])[0]
    plain = qiskit.qpy.load(io.BytesIO(base64.b64decode(text)))[0]
    assert plain != _qiskit(qss.ZZSwapGate(0.3))
    with pytest.raises(ValueError, match="ZZSwapGate"):
        cirq.read_json(json_text=serialized([_on(css.ZZSwapGate(0.3))])[0])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("framework", ["cirq", "qiskit"])
def test_a_job_from_beginning_to_end(emulate, framework, version):
    if framework == "cirq":
        given = [_on(css.ZZSwapGate(0.3)), cirq.Circuit(cirq.X(Q[0]), cirq.measure(Q[0], key="k"))]
        given[0].append(cirq.measure(*given[0].all_qubits(), key="z"))
        module = of_cirq
    else:
        given = [_qiskit(qss.ZZSwapGate(0.3), 2), QuantumCircuit(1, 2)]
        given[0].measure([0, 1], [0, 1])
        given[1].x(0)
        given[1].measure(0, 1)
        module = of_qiskit
    server = emulate()
    with sj.SuperstaqClient(server.api_key, server.url, api_version=version) as client:
        new = sj.new_job(given, target="emulated_line_qpu", shots=20)
        handle = sj.JobHandle.submit(client, new)
        snapshot = handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.05)
    assert list(module.input_circuits(snapshot)) == given
    compiled = module.compiled_circuits(snapshot)
    assert [type(circuit) for circuit in compiled] == [type(circuit) for circuit in given]
    if framework == "cirq":
        results = module.to_results(snapshot)
        assert results[1].measurements["k"].tolist() == [[1]] * 20
        assert module.counts(snapshot, 1, key="k") == {"1": 20}
    else:
        assert module.to_result(snapshot).get_counts()[1] == {"10": 20}
        assert module.to_result(snapshot).get_counts(given[0]) == {"00": 20}
    if version == "v0.2.0":
        with pytest.raises(ValueError, match=r"v0\.2\.0 does not report it"):
            module.qubit_map(snapshot, 0, "initial")
        return
    for which in ("initial", "final"):
        found = module.qubit_map(snapshot, 0, which)
        if framework == "cirq":
            assert set(found) == given[0].all_qubits()
            assert set(found.values()) <= set(cirq.LineQubit.range(8))
        else:
            assert set(found) == {0, 1}
            assert set(found.values()) <= set(range(8))
