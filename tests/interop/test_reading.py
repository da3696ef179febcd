"""Reading snapshots: what does not fit raises an error that says what to do; nothing is guessed."""

from __future__ import annotations

import base64
import sys

import attrs
import cirq
import numpy as np
import pytest
import qiskit.qpy
import qiskit.result
from made import JOB, TARGET, VERSIONS, serialized, snapshot_of
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit
from qiskit.circuit.classical import expr, types

import superstaq_jobs as sj
from superstaq_jobs.interop import cirq as of_cirq
from superstaq_jobs.interop import qiskit as of_qiskit

MODULES = {"cirq": of_cirq, "qiskit": of_qiskit}
Q = cirq.LineQubit.range(3)


def results(framework, snapshot):
    return of_cirq.to_results(snapshot) if framework == "cirq" else of_qiskit.to_result(snapshot)


def plain(framework):
    if framework == "cirq":
        return cirq.Circuit(cirq.X(Q[0]), cirq.measure(*Q[:2], key="m"))
    made = QuantumCircuit(2, 2)
    made.x(0)
    made.measure([0, 1], [0, 1])
    return made


def of(circuit, counts, **options):
    """A finished job of one circuit with these counts."""
    framework = "cirq" if isinstance(circuit, cirq.Circuit) else "qiskit"
    return snapshot_of(serialized([circuit]), [counts], framework, **options)


def changed(snapshot, **changes):
    return attrs.evolve(snapshot, circuits=[attrs.evolve(snapshot.circuits[0], **changes)])


both = pytest.mark.parametrize("framework", ["cirq", "qiskit"])
every = pytest.mark.parametrize("version", VERSIONS)


# ---- the format --------------------------------------------------------------------------------


def readers(framework):
    module = MODULES[framework]
    return [
        module.input_circuits,
        module.compiled_circuits,
        lambda snapshot: results(framework, snapshot),
        lambda snapshot: module.counts(snapshot, 0),
        lambda snapshot: module.qubit_map(snapshot, 0, "initial"),
    ]


@both
@every
def test_another_format_is_refused_with_the_way_to_this_one(framework, version):
    other = {"cirq": "qiskit", "qiskit": "cirq"}[framework]
    snapshot = of(plain(other), {"10": 5}, version=version)
    for reader in readers(framework):
        with pytest.raises(ValueError, match=f"circuits of {other}.*interop.{other}") as caught:
            reader(snapshot)
        fetch = f"fetch_job(client, job_id, circuit_type='{framework}')"
        assert (fetch in str(caught.value)) == (version == "v0.3.0")


@both
def test_openqasm_is_refused_with_the_way_to_this_format(framework):
    snapshot = snapshot_of(["OPENQASM 2.0;"], [{"0": 1}], "qasm")
    for reader in readers(framework):
        with pytest.raises(ValueError, match=f"circuits of qasm.*circuit_type='{framework}'"):
            reader(snapshot)


@both
def test_a_format_that_the_server_did_not_say_can_be_said(framework):
    made = of(plain(framework), {"10": 5}, version="v0.2.0")
    snapshot = attrs.evolve(made, circuit_type=None)
    for reader in readers(framework):
        with pytest.raises(ValueError, match=rf"did not say.*circuit_type='{framework}'\)"):
            reader(snapshot)
    assert results(framework, attrs.evolve(snapshot, circuit_type=framework)) is not None


@both
def test_circuits_fetched_in_another_format_than_submitted(emulate, framework):
    """The counts are those of the format that was submitted."""
    text = (
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg a[2]; creg b[2];'
        "x q[0]; measure q[0] -> b[0]; measure q[1] -> a[1];"
    )
    server = emulate()
    with sj.SuperstaqClient(server.api_key, server.url) as client:
        handle = sj.JobHandle.submit(client, sj.new_job(text, target=TARGET, shots=5))
        handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.05)
        snapshot = sj.fetch_job(client, handle.job_id(), circuit_type=framework)
    if framework == "qiskit":
        assert of_qiskit.counts(snapshot, 0) == {"01 00": 5}
    else:
        # Cirq has no bits that nothing is measured into, so there is no translation.
        with pytest.raises(ValueError, match="circuits of qasm, which were not read as cirq"):
            of_cirq.counts(snapshot, 0)


# ---- the circuits ------------------------------------------------------------------------------


@both
@every
@pytest.mark.parametrize("text", [None, ""])
def test_an_input_circuit_that_was_not_sent(framework, version, text):
    snapshot = changed(of(plain(framework), {"10": 5}, version=version), input_circuit=text)
    module = MODULES[framework]
    for reader in (module.input_circuits, lambda snap: results(framework, snap)):
        with pytest.raises(ValueError, match="did not send the input circuit 0"):
            reader(snapshot)
    assert module.compiled_circuits(snapshot) == (None,)


@both
def test_a_partly_compiled_job(framework):
    text = serialized([plain(framework)])[0]
    job = snapshot_of([text] * 2, [None, None], framework)
    circuits = [job.circuits[0], attrs.evolve(job.circuits[1], compiled_circuit=text)]
    found = MODULES[framework].compiled_circuits(attrs.evolve(job, circuits=circuits))
    assert found == (None, plain(framework))


def test_qpy_that_is_newer_than_qiskit():
    stream = bytearray(base64.b64decode(serialized([plain("qiskit")])[0]))
    newest = qiskit.qpy.common.QPY_VERSION
    stream[6] = newest + 1
    text = base64.encodebytes(bytes(stream)).decode()
    snapshot = changed(of(plain("qiskit"), {"10": 5}), input_circuit=text)
    match = rf"QPY version {newest + 1}.*{qiskit.__version__} reads versions up to {newest}"
    for reader in (of_qiskit.input_circuits, of_qiskit.to_result):
        with pytest.raises(sj.ProtocolError, match=match):
            reader(snapshot)


@pytest.mark.parametrize(
    ("framework", "text"),
    [
        ("qiskit", "no QPY"),
        ("qiskit", "UUlT"),
        ("qiskit", "é"),
        ("cirq", "no JSON"),
        ("cirq", "[]"),
        ("cirq", "[7]"),
        ("cirq", "7"),
        ("cirq", '{"cirq_type": "GateOfTheFuture"}'),
    ],
)
def test_a_circuit_that_cannot_be_read(framework, text):
    snapshot = changed(of(plain(framework), {"10": 5}), input_circuit=text, compiled_circuit=text)
    module = MODULES[framework]
    for reader, what in ((module.input_circuits, "input"), (module.compiled_circuits, "compiled")):
        with pytest.raises(sj.ProtocolError, match=f"{what} circuit 0 of job .* cannot be read"):
            reader(snapshot)


def test_a_frozen_circuit_that_was_sent():
    text = cirq.to_json(plain("cirq").freeze())
    snapshot = changed(of(plain("cirq"), {"10": 5}), input_circuit=text)
    assert of_cirq.input_circuits(snapshot) == (plain("cirq"),)


@both
def test_reading_without_the_extra(monkeypatch, framework):
    snapshot = of(plain(framework), {"10": 5})
    monkeypatch.setitem(sys.modules, f"{framework}_superstaq", None)
    for reader in readers(framework)[::2][:2]:
        with pytest.raises(sj.ConfigurationError, match=rf"'\.\[{framework}\]'"):
            reader(snapshot)


# ---- counts ------------------------------------------------------------------------------------


@both
@every
def test_all_of_a_job_or_nothing(framework, version):
    text = serialized([plain(framework)])[0]
    job = snapshot_of([text] * 2, [{"10": 5}, None], framework, version=version)

    def with_status(status):
        circuits = [job.circuits[0], attrs.evolve(job.circuits[1], status_text=status)]
        return attrs.evolve(job, circuits=circuits)

    for status, error in [
        ("running", sj.CountsUnavailable),
        ("completed", sj.CountsUnavailable),
        ("failed", sj.SuperstaqUnsuccessfulJobException),
    ]:
        snapshot = with_status(status)
        with pytest.raises(error):
            results(framework, snapshot)
        with pytest.raises(error):
            MODULES[framework].counts(snapshot, 1)
        assert MODULES[framework].counts(snapshot, 0).get("10" if framework == "cirq" else "01")
        with pytest.raises(sj.CircuitIndexError):
            MODULES[framework].counts(snapshot, 2)


@both
@pytest.mark.parametrize(
    "counts", [{"1": 5}, {"101": 5}, {"": 5}, {"10": 1, "1": 2}, {"1x": 5}, {"1 0": 5}, {"12": 1}]
)
def test_counts_that_do_not_fit_the_circuit(framework, counts):
    snapshot = of(plain(framework), counts)
    with pytest.raises(sj.CountsUnavailable, match="the counts of circuit 0") as caught:
        results(framework, snapshot)
    assert caught.value.index == 0
    assert snapshot.counts(0) == counts


@both
def test_no_shots(framework):
    snapshot = of(plain(framework), {})
    assert MODULES[framework].counts(snapshot, 0) == {}
    if framework == "cirq":
        assert of_cirq.to_results(snapshot)[0].measurements["m"].shape == (0, 2)
    else:
        assert of_qiskit.to_result(snapshot).get_counts() == {}


def test_fractional_counts_are_kept_for_qiskit():
    snapshot = of(plain("qiskit"), {"10": 4.75, "11": -0.25})
    assert of_qiskit.counts(snapshot, 0) == {"01": 4.75, "11": -0.25}
    assert of_qiskit.to_result(snapshot).get_counts() == {"01": 4.75, "11": -0.25}


@pytest.mark.parametrize("counts", [{"10": 4.75}, {"10": -1, "11": 2}, {"10": -1.0}])
def test_fractional_counts_are_no_result_of_cirq(counts):
    snapshot = of(plain("cirq"), counts)
    with pytest.raises(ValueError, match=r"interop\.cirq\.counts\(snapshot, 0\)"):
        of_cirq.to_results(snapshot)
    assert of_cirq.counts(snapshot, 0) == counts


@pytest.mark.parametrize("number", [2 * 10**9, 10**30, 1e300])
def test_a_result_of_cirq_holds_each_shot_so_there_are_not_too_many(number):
    snapshot = of(plain("cirq"), {"10": number})
    with pytest.raises(sj.CountsUnavailable, match=r"too many.*interop\.cirq\.counts\(snapshot, 0"):
        of_cirq.to_results(snapshot)
    assert of_cirq.counts(snapshot, 0) == {"10": number}


def test_a_circuit_that_is_repeated_until_something_sends_any_number_of_bits():
    inner = cirq.FrozenCircuit(cirq.X(Q[0]), cirq.measure(Q[0], key="u"))
    until = cirq.KeyCondition(cirq.MeasurementKey("u"))
    circuit = cirq.Circuit(
        cirq.CircuitOperation(inner, use_repetition_ids=False, repeat_until=until)
    )
    snapshot = of(circuit, {"1": 5})
    for read in (of_cirq.to_results, lambda snapshot: of_cirq.counts(snapshot, 0)):
        with pytest.raises(
            sj.CountsUnavailable, match=r"not known how many.*snapshot\.counts\(0\)"
        ):
            read(snapshot)


@both
def test_what_is_not_a_snapshot_is_refused(framework):
    module = MODULES[framework]
    handle = sj.JobHandle(sj.SuperstaqClient("key", "http://127.0.0.1:9"), JOB)
    reads = [module.input_circuits, module.compiled_circuits]
    reads += [getattr(module, "to_results", None) or module.to_result]
    reads += [lambda snapshot: module.counts(snapshot, 0)]
    reads += [lambda snapshot: module.qubit_map(snapshot, 0, "final")]
    for read in reads:
        with pytest.raises(TypeError, match=r"must be a JobSnapshot, got .*: pass handle.refresh"):
            read(handle)
        with pytest.raises(TypeError, match=r"snapshot must be a JobSnapshot, got \[\]"):
            read([])


@both
def test_an_index_may_be_numpys(framework):
    """As those of a column of a table are."""
    snapshot = of(plain(framework), {"10": 5})
    assert MODULES[framework].counts(snapshot, np.int32(0)) == MODULES[framework].counts(
        snapshot, 0
    )
    assert snapshot.counts(np.int64(0)) == {"10": 5}
    with pytest.raises(TypeError, match="must be an int"):
        snapshot.counts(np.float64(0))


@pytest.mark.parametrize("text", ["AAAA", "garbage", '{"cirq_type": "Circuit"}'])
def test_what_qiskit_cannot_read_is_explained_in_a_line(text):
    """Not by a request to report it to the vendor, in which the official package wraps it."""
    snapshot = snapshot_of([text], [{"1": 5}], "qiskit")
    with pytest.raises(sj.ProtocolError, match="cannot be read here: ") as caught:
        of_qiskit.input_circuits(snapshot)
    assert "contact" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_whole_floats_are_shots():
    assert of_cirq.to_results(of(plain("cirq"), {"10": 3.0}))[0].repetitions == 3


# ---- the bits of Qiskit ------------------------------------------------------------------------


def test_some_bits_of_several_registers():
    made = QuantumCircuit(
        QuantumRegister(3), ClassicalRegister(2, "a"), ClassicalRegister(3, "b"), name="mine"
    )
    made.metadata = {"run": 7}
    made.measure([2, 0], [1, 4])
    snapshot = of(made, {"10": 5})
    result = of_qiskit.to_result(snapshot)
    assert result.get_counts() == result.get_counts("mine") == {"000 10": 5}
    assert result.success
    assert (result.backend_name, result.job_id) == (TARGET, str(snapshot.job_id))
    assert (result.results[0].shots, result.results[0].header["metadata"]) == (5, {"run": 7})
    assert qiskit.result.marginal_counts(result, [1]).get_counts() == {"1": 5}


def test_all_bits_where_only_some_are_measured():
    made = QuantumCircuit(3, 3)
    made.measure(0, 1)
    assert of_qiskit.counts(of(made, {"010": 5}), 0) == {"010": 5}
    with pytest.raises(sj.CountsUnavailable, match="ones at classical bits that no measurement"):
        of_qiskit.counts(of(made, {"110": 5}), 0)
    with pytest.raises(sj.CountsUnavailable, match="writes 1 of its 3 classical bits"):
        of_qiskit.counts(of(made, {"11": 5}), 0)


def test_bits_without_a_register():
    made = QuantumCircuit(2, 2)
    made.add_bits([Clbit()])
    made.measure([0, 1], [0, 2])
    assert of_qiskit.counts(of(made, {"10": 5}), 0) == {"001": 5}


def test_a_qiskit_circuit_without_measurements():
    made = QuantumCircuit(QuantumRegister(1), QuantumRegister(2), ClassicalRegister(3))
    assert of_qiskit.counts(of(made, {"110": 5}), 0) == {"011": 5}
    with pytest.raises(sj.CountsUnavailable, match="measures none of its 3 qubits"):
        of_qiskit.counts(of(made, {"11": 5}), 0)


def test_bits_that_are_written_under_a_condition():
    made = QuantumCircuit(2, 3)
    made.measure(0, 0)
    with made.if_test((made.clbits[0], 1)):
        made.measure(1, 2)
    assert of_qiskit.counts(of(made, {"101": 5}), 0) == {"101": 5}
    assert of_qiskit.counts(of(made, {"10": 5}), 0) == {"001": 5}
    advice = "have 1 bits.*bits 2 are measured only inside control flow.*again at the end"
    with pytest.raises(sj.CountsUnavailable, match=advice):
        of_qiskit.counts(of(made, {"1": 5}), 0)


def test_bits_that_are_assigned():
    made = QuantumCircuit(1, 2)
    made.measure(0, 0)
    made.store(made.clbits[1], expr.lift(True))
    assert of_qiskit.counts(of(made, {"11": 5}), 0) == {"11": 5}
    with pytest.raises(sj.CountsUnavailable, match="have 1 bits"):
        of_qiskit.counts(of(made, {"1": 5}), 0)


def test_a_register_that_is_assigned_and_a_variable():
    made = QuantumCircuit(QuantumRegister(1), ClassicalRegister(1, "a"), ClassicalRegister(2, "b"))
    variable = made.add_var("v", expr.lift(True))
    made.store(variable, expr.lift(False))
    made.store(made.cregs[1], expr.lift(3, types.Uint(2)))
    assert of_qiskit.counts(of(made, {"11": 5}), 0) == {"11 0": 5}


# ---- the bits of Cirq --------------------------------------------------------------------------


def test_keys_and_their_counts():
    made = cirq.Circuit(
        cirq.measure(Q[1], Q[0], key="z"),
        cirq.measure(Q[2], key="a"),
        cirq.measure(Q[2], key="a"),
    )
    snapshot = of(made, {"0110": 3, "0111": 4})
    result = of_cirq.to_results(snapshot)[0]
    assert result.records["a"].tolist() == [[[0], [1]]] * 7
    assert result.records["z"].tolist() == [[[1, 0]]] * 3 + [[[1, 1]]] * 4
    assert result.records["z"].dtype == np.uint8
    assert of_cirq.counts(snapshot, 0, key="a") == {"01": 7}
    assert of_cirq.counts(snapshot, 0, key="z") == {"10": 3, "11": 4}
    with pytest.raises(ValueError, match="no measurement key 'm'; its keys: 'a', 'z'"):
        of_cirq.counts(snapshot, 0, key="m")


def test_a_cirq_circuit_without_measurements():
    snapshot = of(cirq.Circuit(cirq.X(Q[0]), cirq.H(Q[1])), {"10": 2, "11": 3})
    assert of_cirq.counts(snapshot, 0) == {"10": 2, "11": 3}
    with pytest.raises(sj.CountsUnavailable, match="have no measurement key"):
        of_cirq.to_results(snapshot)
    with pytest.raises(ValueError, match="its keys: none"):
        of_cirq.counts(snapshot, 0, key="m")


def test_a_measured_product_of_paulis():
    made = cirq.Circuit(cirq.measure_single_paulistring(cirq.Z(Q[0]) * cirq.Z(Q[1]), key="zz"))
    assert of_cirq.to_results(of(made, {"1": 2}))[0].measurements["zz"].tolist() == [[1], [1]]


def test_levels_of_qudits():
    qutrit, qubit = cirq.LineQid(0, 3), cirq.LineQid(1, 2)
    made = cirq.Circuit(cirq.measure(qutrit, qubit, key="m"))
    assert of_cirq.to_results(of(made, {"21": 1}))[0].measurements["m"].tolist() == [[2, 1]]
    with pytest.raises(sj.CountsUnavailable, match="digits that its qubits cannot have"):
        of_cirq.to_results(of(made, {"12": 1}))


def test_measurements_whose_bits_are_not_known():
    channel = cirq.KrausChannel([np.eye(2)], key="m").on(Q[1])
    snapshot = of(cirq.Circuit(cirq.measure(Q[0], key="a"), channel), {"00": 5})
    with pytest.raises(sj.CountsUnavailable, match="cannot be arranged"):
        of_cirq.counts(snapshot, 0)
    with pytest.raises(sj.CountsUnavailable, match="cannot be arranged"):
        of_cirq.to_results(snapshot)


def test_a_key_of_several_widths():
    made = cirq.Circuit(cirq.measure(Q[0], key="m"), cirq.measure(*Q[:2], key="m"))
    with pytest.raises(sj.CountsUnavailable, match="'m' with different numbers of qubits"):
        of_cirq.to_results(of(made, {"000": 5}))


# ---- maps of qubits ----------------------------------------------------------------------------


def mapped(framework, **changes):
    fields = {
        "initial_logical_to_physical": {0: 3, 1: 2},
        "final_logical_to_physical": {0: 2, 1: 3},
        "logical_qubits": cirq.to_json(Q[:2]),
        "physical_qubits": cirq.to_json(cirq.GridQubit.rect(2, 2)),
    }
    return changed(of(plain(framework), {"10": 5}), **(fields | changes))


def test_maps_of_qubits():
    assert of_qiskit.qubit_map(mapped("qiskit"), 0, "initial") == {0: 3, 1: 2}
    assert of_qiskit.qubit_map(mapped("qiskit"), 0, "final") == {0: 2, 1: 3}
    found = of_cirq.qubit_map(mapped("cirq"), 0, "final")
    assert found == {Q[0]: cirq.GridQubit(1, 0), Q[1]: cirq.GridQubit(1, 1)}


@both
def test_a_map_that_there_is_not(framework):
    get = MODULES[framework].qubit_map
    with pytest.raises(ValueError, match="must be 'initial' or 'final', got 'last'"):
        get(mapped(framework), 0, "last")
    with pytest.raises(sj.CircuitIndexError):
        get(mapped(framework), 1, "initial")
    with pytest.raises(ValueError, match="has no final qubit map: the server did not send it"):
        get(mapped(framework, final_logical_to_physical=None), 0, "final")
    waiting = mapped(framework, initial_logical_to_physical=None, status_text="compiling")
    with pytest.raises(ValueError, match=r"wait_until_complete\(until='compiled'\)"):
        get(waiting, 0, "initial")
    old = of(plain(framework), {"10": 5}, version="v0.2.0")
    with pytest.raises(ValueError, match=r"API v0\.2\.0 does not report it"):
        get(old, 0, "initial")


def test_a_map_without_qubits_to_map():
    with pytest.raises(ValueError, match=r"circuits\[0\]\.initial_logical_to_physical"):
        of_cirq.qubit_map(mapped("cirq", logical_qubits=None), 0, "initial")
    with pytest.raises(sj.ProtocolError, match="a qubit that was not sent: 0 to 9"):
        of_cirq.qubit_map(mapped("cirq", final_logical_to_physical={0: 9}), 0, "final")
    with pytest.raises(sj.ProtocolError, match="cannot be read here"):
        of_cirq.qubit_map(mapped("cirq", physical_qubits="no JSON"), 0, "final")
