"""`new_job` finds out what it is given, and refuses what cannot run before anything is sent."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import textwrap

import cirq
import cirq_superstaq as css
import pytest
import qiskit_superstaq as qss
import sympy
from made import TARGET, VERSIONS
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.classical import types

import superstaq_jobs as sj
from superstaq_jobs.interop import cirq as of_cirq
from superstaq_jobs.interop import qiskit as of_qiskit

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; h q[0]; cx q[0], q[1];'
Q = cirq.LineQubit.range(2)
FLIP = cirq.Circuit(cirq.X(Q[0]), cirq.measure(*Q, key="m"))
FREE = cirq.Circuit(cirq.rx(sympy.Symbol("angle"))(Q[0]))


class MyCirqCircuit(cirq.Circuit):
    """A subclass, which Cirq cannot serialize."""


class MyQiskitCircuit(QuantumCircuit):
    """A subclass, with other arguments."""

    def __init__(self, flipped: int) -> None:
        super().__init__(2, 2)
        self.x(flipped)
        self.measure([0, 1], [0, 1])


def flip() -> QuantumCircuit:
    return MyQiskitCircuit(0)


def free() -> QuantumCircuit:
    made = QuantumCircuit(1)
    made.rx(Parameter("angle"), 0)
    return made


def with_input() -> QuantumCircuit:
    made = QuantumCircuit(1)
    made.add_input("switch", types.Bool())
    return made


class Unwritable(cirq.Gate):
    def _num_qubits_(self):
        return 1


@pytest.mark.parametrize(
    ("circuits", "circuit_type", "number"),
    [
        (BELL, "qasm", None),
        ([BELL], "qasm", 1),
        ((BELL, BELL), "qasm", 2),
        (FLIP, "cirq", 1),
        ([FLIP, FLIP], "cirq", 2),
        (FLIP.freeze(), "cirq", 1),
        (MyCirqCircuit(FLIP), "cirq", 1),
        (iter([FLIP, FLIP.freeze()]), "cirq", 2),
        (flip(), "qiskit", 1),
        ((flip(), flip(), flip()), "qiskit", 3),
    ],
)
def test_it_finds_out_what_it_is_given(circuits, circuit_type, number):
    new = sj.new_job(circuits, target=TARGET, shots=7, tags=["a"], job_type="simulate")
    assert (new.target, new.shots, new.tags, new.job_type) == (TARGET, 7, ("a",), "simulate")
    assert new.circuit_type == circuit_type
    if circuit_type == "cirq":
        assert css.deserialize_circuits(new.circuits) == [FLIP] * number
    elif circuit_type == "qiskit":
        assert qss.deserialize_circuits(new.circuits) == [flip()] * number
        assert base64.b64decode(new.circuits)[6] == 13
    else:
        assert new.circuits == (
            BELL if number is None else json.dumps([BELL] * number).replace(', "OPEN', ',"OPEN')
        )


def test_other_strings_need_their_format():
    text = css.serialize_circuits(FLIP)
    assert sj.new_job(text, target=TARGET, circuit_type="cirq", shots=1).circuits == text
    assert sj.new_job("a", target=TARGET, circuit_type="jaqal", shots=1).circuit_type == "jaqal"
    with pytest.raises(sj.InvalidRequest, match="circuit_type='cirq'"):
        sj.new_job([BELL, text], target=TARGET, shots=1)
    with pytest.raises(sj.InvalidRequest, match=r"circuits\[0\].*circuit_type='qiskit'"):
        sj.new_job(qss.serialize_circuits(flip()), target=TARGET, shots=1)


NO_QUBITS = "has no qubits"


@pytest.mark.parametrize(
    ("circuits", "where", "what"),
    [
        ([], "circuits", "at least one circuit"),
        ((), "circuits", "at least one circuit"),
        (None, "circuits", "a circuit or a sequence of circuits, got a NoneType"),
        (7, "circuits", "got an int"),
        (b"OPENQASM 2.0;", "circuits", "got a bytes"),
        ({"a": FLIP}, "circuits", "got a dict"),
        ({"OPENQASM 2.0;"}, "circuits", "got a set"),
        (cirq.X, "circuits", "got a cirq._PauliX"),
        (cirq.X(Q[0]), "circuits", "got a cirq.SingleQubitPauliString"),
        (cirq.Moment(cirq.X(Q[0])), "circuits", "got a cirq.Moment"),
        (flip().to_instruction(), "circuits", "got a qiskit.Instruction"),
        (bytearray(b"OPENQASM 2.0;"), "circuits", "got a bytearray"),
        ([FLIP, cirq.X(Q[0])], "circuits[1]", "got a cirq.SingleQubitPauliString"),
        ([BELL, None], "circuits[1]", "got a NoneType"),
        ([FLIP, flip()], "circuits[1]", "job for each kind"),
        ([flip(), FLIP], "circuits[1]", r"circuits\[0\] is a"),
        ([BELL, FLIP], "circuits[1]", r"circuits\[0\] is the string 'OPENQASM"),
        ([FLIP, BELL], "circuits[1]", "is the string 'OPENQASM"),
        ([FLIP, FREE], "circuits[1]", "parameters without a value.*cirq.resolve_parameters: angle"),
        ([flip(), free()], "circuits[1]", "parameters without a value.*assign_parameters: angle"),
        (with_input(), "circuits[0]", "input variables.*switch"),
        (cirq.Circuit(), "circuits[0]", NO_QUBITS),
        ([FLIP, cirq.Circuit(cirq.Moment())], "circuits[1]", NO_QUBITS),
        (QuantumCircuit(0, 2), "circuits[0]", NO_QUBITS),
        ([flip(), QuantumCircuit()], "circuits[1]", NO_QUBITS),
        ("  ", "circuits", "must not be empty"),
        ([BELL, ""], "circuits[1]", "must not be empty"),
        ([FLIP, cirq.Circuit(Unwritable()(Q[0]))], "circuits[1]", "cannot be serialized: .*Unwrit"),
        (QuantumCircuit(1, metadata={"a": {1}}), "circuits[0]", "cannot be serialized: .*set"),
    ],
)
def test_what_cannot_run_is_refused_and_named(circuits, where, what):
    with pytest.raises(sj.InvalidRequest, match=f"nothing was sent(?s:.*){what}") as caught:
        sj.new_job(circuits, target=TARGET, shots=1)
    assert [problem.where for problem in caught.value.problems] == [where]


def test_every_bad_circuit_is_named():
    with pytest.raises(sj.InvalidRequest) as caught:
        sj.new_job([free(), flip(), QuantumCircuit()], target=TARGET, shots=1)
    assert [problem.where for problem in caught.value.problems] == ["circuits[0]", "circuits[2]"]


@pytest.mark.parametrize(("circuit", "other"), [(FLIP, "qiskit"), (flip(), "cirq")])
def test_a_format_that_contradicts_the_circuits_is_refused(circuit, other):
    with pytest.raises(sj.InvalidRequest, match=r"circuit_type: must be (cirq|qiskit) for these"):
        sj.new_job(circuit, target=TARGET, circuit_type=other, shots=1)
    own = {"cirq": "qiskit", "qiskit": "cirq"}[other]
    assert sj.new_job(circuit, target=TARGET, circuit_type=own, shots=1).circuit_type == own


def test_the_modules_take_only_their_own():
    assert of_cirq.new_job(FLIP, target=TARGET, shots=1) == sj.new_job(FLIP, target=TARGET, shots=1)
    one = flip()  # each flip has a name of its own
    assert of_qiskit.new_job(one, target=TARGET, shots=1) == sj.new_job(
        [one], target=TARGET, shots=1
    )
    with pytest.raises(sj.InvalidRequest, match=r"must be a qiskit.QuantumCircuit, got a cirq"):
        of_qiskit.new_job(FLIP, target=TARGET, shots=1)
    with pytest.raises(sj.InvalidRequest, match=r"must be a cirq.AbstractCircuit, got the string"):
        of_cirq.new_job([BELL], target=TARGET, shots=1)


@pytest.mark.parametrize(
    ("circuit", "extra"), [(FLIP, "cirq"), (flip(), "qiskit")], ids=["cirq", "qiskit"]
)
def test_a_missing_extra_is_named(monkeypatch, circuit, extra):
    monkeypatch.setitem(sys.modules, f"{extra}_superstaq", None)
    with pytest.raises(sj.InvalidRequest, match=rf"circuits\[0\].*{extra}-superstaq"):
        sj.new_job([circuit], target=TARGET, shots=1)
    with pytest.raises(sj.InvalidRequest, match=rf"'\.\[{extra}\]'"):
        sj.new_job([circuit], target=TARGET, shots=1)


def test_no_framework_is_imported_for_strings():
    code = f"""
    import sys
    import superstaq_jobs as sj
    assert not {{m for m in sys.modules if m.startswith("superstaq_jobs.interop")}}
    sj.new_job([{BELL!r}], target={TARGET!r}, shots=1)
    sj.interop.cirq.counts, sj.interop.qiskit.counts
    try:
        sj.new_job(object(), target={TARGET!r}, shots=1)
    except sj.InvalidRequest:
        pass
    heavy = {{"cirq", "qiskit", "numpy", "cirq_superstaq", "qiskit_superstaq"}}
    print(sorted(heavy & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


# ---- NewJob ------------------------------------------------------------------------------------


@pytest.mark.parametrize("circuits", [FLIP, [FLIP], flip(), [BELL, flip()], None])
def test_the_error_of_a_new_job_of_objects_names_the_function(circuits):
    with pytest.raises(sj.InvalidRequest, match=r"superstaq_jobs\.new_job\(circuits"):
        sj.NewJob(target=TARGET, circuits=circuits, shots=1)


SHARED = cirq.FrozenCircuit(cirq.X(Q[0]))
SUBCIRCUITS = cirq.Circuit(
    cirq.CircuitOperation(SHARED), cirq.CircuitOperation(SHARED), cirq.measure(Q[0], key="m")
)
OTHERS = cirq.Circuit(
    cirq.CircuitOperation(cirq.FrozenCircuit(cirq.Y(Q[0]), cirq.X(Q[0]))),
    cirq.CircuitOperation(SHARED),
    cirq.measure(Q[0], key="m"),
)


@pytest.mark.parametrize(
    "circuits", [[FLIP], [FLIP, FLIP], [SUBCIRCUITS, OTHERS, SUBCIRCUITS]], ids=["1", "2", "refs"]
)
def test_a_list_of_the_json_of_cirq_is_understood(circuits):
    texts = [cirq.to_json(circuit) for circuit in circuits]
    expected = circuits
    for given in (texts, tuple(texts), json.dumps(texts)):
        new = sj.NewJob(target=TARGET, circuits=given, circuit_type="cirq", shots=1)
        assert css.deserialize_circuits(new.circuits) == expected
    lists = [css.serialize_circuits([circuit]) for circuit in circuits]
    new = sj.NewJob(target=TARGET, circuits=lists, circuit_type="cirq", shots=1)
    assert css.deserialize_circuits(new.circuits) == expected
    alone = sj.NewJob(target=TARGET, circuits=texts[0], circuit_type="cirq", shots=1)
    assert alone.circuits == texts[0]


@pytest.mark.parametrize(
    "circuits",
    [
        BELL,
        [BELL],
        "{",
        ["7"],
        "7",
        '"a"',
        '[{"cirq_type": "Circuit"}, 7]',
        "[" * 9999,
    ],
)
def test_a_string_that_is_not_the_json_of_cirq_is_refused(circuits):
    with pytest.raises(sj.InvalidRequest, match=r"cirq\.to_json"):
        sj.NewJob(target=TARGET, circuits=circuits, circuit_type="cirq", shots=1)


def test_lists_of_the_json_of_no_circuits_are_refused():
    for circuits in ([], ["[]"], ["[]", "[]"]):
        with pytest.raises(sj.InvalidRequest, match="must not be empty"):
            sj.NewJob(target=TARGET, circuits=circuits, circuit_type="cirq", shots=1)


@pytest.mark.parametrize("make", [sj.new_job, sj.NewJob])
@pytest.mark.parametrize(
    "pack", [lambda each: each, lambda each: [each], lambda e: json.dumps([e])]
)
@pytest.mark.parametrize("wanted", [None, "qasm", "jaqal", "cirq", "qiskit"])
@pytest.mark.parametrize(
    ("circuit", "kind"),
    [
        (cirq.to_json(FLIP), "cirq"),
        (css.serialize_circuits([FLIP, FLIP]), "cirq"),
        ("\n " + css.serialize_circuits(FLIP), "cirq"),
        (qss.serialize_circuits([flip(), flip()]), "qiskit"),
        ("\n" + qss.serialize_circuits(flip()), "qiskit"),
    ],
)
def test_strings_of_another_format_are_refused_by_it(make, pack, wanted, circuit, kind):
    """Whatever holds them: a string, a list, or the JSON of a list."""
    fields = {"shots": 1} | ({} if wanted is None else {"circuit_type": wanted})
    circuits = pack(circuit)
    if kind == wanted == "cirq" or (kind == wanted and circuits == circuit):
        assert make(circuits=circuits, target=TARGET, **fields).circuit_type == kind
        return
    with pytest.raises(sj.InvalidRequest, match="nothing was sent") as caught:
        make(circuits=circuits, target=TARGET, **fields)
    if wanted not in {"cirq", kind}:
        assert f"circuit_type='{kind}'" in str(caught.value)


@pytest.mark.parametrize("wanted", ["qasm", "jaqal", "cirq", "qiskit"])
@pytest.mark.parametrize("make", [sj.new_job, sj.NewJob])
def test_the_json_of_no_circuits_is_refused(make, wanted):
    for circuits in ("[]", " [ ]"):
        with pytest.raises(sj.InvalidRequest, match="circuits: must"):
            make(circuits=circuits, target=TARGET, circuit_type=wanted)


@pytest.mark.parametrize("make", [sj.new_job, sj.NewJob])
def test_a_blank_string_among_circuits_is_refused(make):
    for circuits in ([BELL, " "], json.dumps([BELL, ""])):
        with pytest.raises(sj.InvalidRequest, match=r"circuits\[1\]: must not be empty"):
            make(circuits=circuits, target=TARGET)


def test_a_list_of_qpy_is_refused_with_the_fix():
    texts = [qss.serialize_circuits(flip())] * 2
    with pytest.raises(sj.InvalidRequest, match=r"superstaq_jobs\.new_job"):
        sj.NewJob(target=TARGET, circuits=texts, circuit_type="qiskit", shots=1)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("framework", ["cirq", "qiskit", "json"])
def test_a_server_takes_what_it_makes(emulate, version, framework):
    if framework == "json":
        texts = [cirq.to_json(FLIP), cirq.to_json(SUBCIRCUITS)]
        new = sj.NewJob(target=TARGET, circuits=texts, circuit_type="cirq", shots=5)
        expected = [{"10": 5}, {"0": 5}]
    else:
        given = [FLIP, FLIP] if framework == "cirq" else [flip(), flip()]
        new = sj.new_job(given, target=TARGET, shots=5)
        expected = [{"10": 5}, {"10": 5}]
    server = emulate()
    with sj.SuperstaqClient(server.api_key, server.url, api_version=version) as client:
        handle = sj.JobHandle.submit(client, new)
        snapshot = handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.05)
    assert list(snapshot.counts()) == expected
