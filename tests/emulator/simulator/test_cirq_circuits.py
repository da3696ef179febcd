"""Cirq circuits: cirq-superstaq, unmodified, as the judge, and our handle beside it."""

from __future__ import annotations

import itertools
import json
import sys
import uuid
import warnings
from collections.abc import Callable
from typing import Any

import cirq
import cirq_superstaq as css
import general_superstaq as gss
import numpy as np
import pytest
import sympy

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator, Ending, Plan

pytestmark = pytest.mark.official

FAST = {"polling_seconds": 0.02}
Q = cirq.LineQubit.range(3)
X01 = cirq.Circuit(cirq.I(Q[0]), cirq.X(Q[1]), cirq.measure(*Q[:2], key="m"))
BELL = cirq.Circuit(cirq.H(Q[0]), cirq.CX(*Q[:2]), cirq.measure(*Q[:2], key="m"))

Serve = Callable[[Emulator], Any]


@pytest.fixture
def serve() -> Serve:
    """cirq-superstaq's service for an emulator."""

    def make(server: Emulator, key: str = "") -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the API version is young
            return css.Service(
                api_key=key or server.api_key,
                remote_host=server.url,
                api_version="v0.3.0",
                default_target="ss_unconstrained_simulator",
            )

    return make


@pytest.fixture
def server(emulate: Callable[..., Emulator]) -> Emulator:
    return emulate()


@pytest.fixture
def service(server: Emulator, serve: Serve) -> Any:
    return serve(server)


def histogram(circuit: cirq.Circuit, shots: int = 300) -> dict[str, int]:
    """The counts of Cirq's own simulator, with keys as cirq-superstaq joins them."""
    result = cirq.Simulator(seed=1).run(circuit, repetitions=shots)
    counts: dict[str, int] = {}
    for shot in range(shots):
        bits = "".join(
            str(bit)
            for key in sorted(result.records)
            for instance in result.records[key][shot]
            for bit in instance
        )
        counts[bits] = counts.get(bits, 0) + 1
    return counts


def agree(counts: dict[str, float], others: dict[str, int]) -> bool:
    """Whether two samples may come from the same distribution: within six standard errors."""
    shots, other_shots = sum(counts.values()), sum(others.values())
    for key in {*counts, *others}:
        p, q = counts.get(key, 0) / shots, others.get(key, 0) / other_shots
        mean = (counts.get(key, 0) + others.get(key, 0)) / (shots + other_shots)
        error = (mean * (1 - mean) * (1 / shots + 1 / other_shots)) ** 0.5
        if abs(p - q) > 6 * error + 1e-12:
            return False
    return True


# --- the calls


def test_get_counts_and_run(service: Any):
    assert service.get_counts(X01, 50) == {"01": 50}
    result = service.run(X01, 50)
    assert result.measurements["m"].tolist() == [[0, 1]] * 50


def test_a_job_of_several_circuits(server: Emulator, service: Any):
    job = service.create_job([X01, BELL], 100, tag=["t"], metadata={"n": 1})
    counts = job.counts(**FAST)
    assert counts[0] == {"01": 100}
    assert set(counts[1]) == {"00", "11"}
    assert job.counts(1, qubit_indices=[0], **FAST).keys() == {"0", "1"}
    assert job.input_circuits() == [X01, BELL]
    assert job.num_qubits() == [2, 2]
    assert (job.repetitions(), job.tags, job.metadata) == (100, ["t"], {"n": 1})
    assert service.get_job(job.job_id()).counts(**FAST) == counts
    assert job.combined_counts(**FAST).keys() == {"00", "01", "11"}
    # What our own handle reads from the same server.
    with sj.SuperstaqClient(server.api_key, server.url, circuit_type="cirq") as client:
        snapshot = sj.JobHandle(client, job.job_id()).refresh()
    assert gss.models.JobData(**snapshot.to_dict()).model_dump() == job.to_dict()
    assert [dict(c.counts) for c in snapshot.circuits] == counts


@pytest.mark.parametrize("target", ["ss_unconstrained_simulator", "emulated_ring_qpu"])
def test_a_compiled_circuit_is_the_submitted_one_on_physical_qubits(service: Any, target: str):
    circuit = cirq.testing.random_circuit(cirq.GridQubit.rect(2, 2), 8, 0.9, random_state=4)
    job = service.create_job(
        circuit + cirq.measure(*sorted(circuit.all_qubits()), key="m"), 10, target
    )
    compiled = job.compiled_circuits(0, **FAST)
    initial = job.initial_logical_to_physical(0, **FAST)
    final = job.final_logical_to_physical(0, **FAST)
    logical = sorted(circuit.all_qubits())
    assert list(initial) == list(final) == logical
    ring = {frozenset((i, (i + 1) % 5)) for i in range(5)}
    for operation in compiled.all_operations():
        if not cirq.is_measurement(operation):
            assert operation.gate in cirq.Gateset(cirq.X, cirq.X**0.5, cirq.CX, cirq.ZPowGate)
        if cirq.num_qubits(operation) == 2 and target == "emulated_ring_qpu":
            assert frozenset(qubit.x for qubit in operation.qubits) in ring
    measured = next(op for op in compiled.all_operations() if cirq.is_measurement(op))
    assert list(measured.qubits) == [final[qubit] for qubit in logical]
    assert job._terminal_measurement_qubit_indices(0) == [final[qubit].x for qubit in logical]
    # The same state: the logical qubits as in the final map, the others in 0.
    body = cirq.Circuit(op for op in compiled.all_operations() if not cirq.is_measurement(op))
    spare = [q for q in cirq.LineQubit.range(5) if q not in final.values()]
    order = [*(final[qubit] for qubit in logical), *spare]
    state = cirq.final_state_vector(body, qubit_order=order).reshape(16, -1)
    wanted = cirq.final_state_vector(circuit, qubit_order=logical)
    assert abs(np.vdot(wanted, state[:, 0])) == pytest.approx(1, abs=1e-5)


def test_compile_only(service: Any):
    job = service.create_job(BELL, 10, method="compile")
    assert job.compiled_circuits(**FAST)[0].has_measurements()
    with pytest.raises(ValueError, match="no counts"):
        job.counts(0, **FAST)


@pytest.mark.parametrize(
    ("method", "job_type", "dry_run"),
    [
        ("simulate", "simulate", False),
        ("sim", "simulate", False),
        ("noise-sim", "simulate", False),
        ("submit", "submit", False),
        ("dry-run", "submit", True),
        (None, "submit", False),
    ],
)
def test_each_method(service: Any, method: str | None, job_type: str, *, dry_run: bool):
    job = service.create_job(X01, 200, method=method)
    (counts,) = job.counts(**FAST)
    assert sum(counts.values()) == 200
    assert counts["01"] > 150
    assert (job.job_data.job_type, job.job_data.dry_run) == (job_type, dry_run)


def test_noise_has_the_documented_size(service: Any):
    # 40 pairs of CX, each with a depolarizing probability of 0.01, are not merged by a reset.
    pairs = [[cirq.CX(*Q[:2]), css.barrier(*Q[:2])] for _ in range(40)]
    circuit = cirq.Circuit(pairs, cirq.measure(*Q[:2], key="m"))
    shots = 20_000
    counts = service.create_job(circuit, shots, method="noise-sim").counts(0, **FAST)
    # From the state after k gates: a depolarized pair is 00 with probability a quarter.
    kept = 0.99**40
    p = kept + (1 - kept) / 4
    assert abs(counts["00"] - shots * p) < 6 * (shots * p * (1 - p)) ** 0.5


def test_a_verbatim_circuit_is_returned_unchanged(service: Any):
    job = service.create_job(BELL, 10, verbatim=True)
    assert job.compiled_circuits(0, **FAST) == BELL
    assert job.final_logical_to_physical(0) == {Q[0]: Q[0], Q[1]: Q[1]}


def test_cancel(emulate: Callable[..., Emulator], serve: Serve, clock: Any):
    job = serve(emulate(step_seconds=10, clock=clock)).create_job(BELL, 10)
    assert job.status() == "received"
    job.cancel()
    assert job.status() == "cancelled"
    with pytest.raises(ValueError, match="no counts"):
        job.counts(0, **FAST)


def test_a_queue_of_ten_hours_on_a_clock_of_the_test(
    emulate: Callable[..., Emulator], serve: Serve, clock: Any
):
    plan = Plan(queue_seconds=36_000, circuits={1: Ending("failed", message="Out of light.")})
    server = emulate(step_seconds=0, clock=clock, plans=[plan])
    job = serve(server).create_job([BELL, BELL], 10)
    server.advance(35_999)
    assert job.status() == "pending"
    assert job.compiled_circuits(0, **FAST)
    server.advance(1)
    assert sum(job.counts(0, **FAST).values()) == 10
    with pytest.raises(gss.SuperstaqUnsuccessfulJobException, match="Out of light"):
        job.counts(1, **FAST)


def test_targets_balance_and_user(service: Any):
    assert service.get_balance() == "100.00 credits"
    assert service.get_balance(pretty_output=False) == 100.0
    names = [target.target for target in service.get_targets(simulator=False, available=True)]
    assert "emulated_ring_qpu" in names
    assert "emulated_offline_qpu" not in names
    assert service.target_info("emulated_ring_qpu")["num_qubits"] == 5
    assert service.get_user_info()["email"] == "user@emulator.example.com"


# --- supported circuits

SUB = cirq.FrozenCircuit(cirq.H(Q[0]), cirq.measure(Q[0], key="s"))
CIRCUITS = {
    "keys in alphabetical order": cirq.Circuit(
        cirq.X(Q[0]), cirq.measure(Q[0], key="z"), cirq.measure(Q[2], Q[1], key="a")
    ),
    "an inverted bit": cirq.Circuit(
        cirq.X(Q[0]), cirq.measure(*Q, key="m", invert_mask=(True, True)), cirq.measure(Q[0])
    ),
    "measured in the middle": cirq.Circuit(
        cirq.H(Q[0]), cirq.measure(Q[0], key="b"), cirq.H(Q[0]), cirq.measure(Q[0], key="a")
    ),
    "a key again": cirq.Circuit(
        cirq.X(Q[0]), cirq.measure(Q[0], key="a"), cirq.X(Q[0]), cirq.measure(Q[0], key="a")
    ),
    "a condition": cirq.Circuit(
        cirq.H(Q[0]),
        cirq.H(Q[1]),
        cirq.measure(*Q[:2], key="c"),
        cirq.X(Q[2]).with_classical_controls("c"),
        cirq.measure(Q[2], key="d"),
    ),
    "two conditions": cirq.Circuit(
        cirq.H.on_each(*Q[:2]),
        cirq.measure(Q[0], key="a"),
        cirq.measure(Q[1], key="b"),
        cirq.X(Q[2]).with_classical_controls("a", "b"),
        cirq.measure(Q[2], key="d"),
    ),
    "a reset": cirq.Circuit(cirq.X(Q[0]), cirq.reset(Q[0]), cirq.measure(Q[0], key="m")),
    "no measurement of one qubit": cirq.Circuit(cirq.X.on_each(*Q), cirq.measure(Q[1], key="m")),
    "a subcircuit": cirq.Circuit(
        cirq.CircuitOperation(SUB, repetitions=2, use_repetition_ids=True),
        cirq.measure(Q[0], key="m"),
    ),
    "other qubits": cirq.Circuit(
        cirq.X(cirq.NamedQubit("b")),
        cirq.CX(cirq.NamedQubit("b"), cirq.GridQubit(0, 1)),
        cirq.measure(cirq.GridQubit(0, 1), cirq.NamedQubit("b"), cirq.GridQubit(3, 1), key="m"),
    ),
    "big gates": cirq.Circuit(
        cirq.H.on_each(*Q),
        cirq.X(Q[2]).controlled_by(*Q[:2], control_values=[0, 1]),
        cirq.QuantumFourierTransformGate(3)(*Q),
        cirq.MatrixGate(cirq.testing.random_unitary(8, random_state=3))(*Q),
        cirq.PauliStringPhasor(cirq.X(Q[0]) * cirq.Y(Q[1]) * cirq.Z(Q[2]), exponent_neg=0.3),
        cirq.GlobalPhaseGate(1j)(),
        cirq.measure(*Q, key="m"),
    ),
    "a Pauli measurement": cirq.Circuit(
        cirq.H(Q[0]), cirq.measure_single_paulistring(cirq.X(Q[0]) * cirq.Z(Q[1]), key="p")
    ),
    "gates of cirq-superstaq": cirq.Circuit(
        cirq.H.on_each(*Q),
        css.ZZSwapGate(0.4)(*Q[:2]),
        css.barrier(*Q),
        css.AceCR(0.7)(*Q[1:]),
        css.ops.qubit_gates.ParallelRGate(0.3, 0.2, 3)(*Q),
        css.ParallelGates(cirq.X, css.ZXPowGate(exponent=0.2))(*Q),
        css.ops.qubit_gates.StrippedCZGate(0.2)(*Q[:2]),
        css.ops.qubit_gates.IXGate()(Q[0]),
        css.ops.qubit_gates.RGate(0.2, 0.4)(Q[1]),
        css.ops.qubit_gates.DDPowGate()(Q[2], Q[0]),
        cirq.measure(*Q, key="m"),
    ),
}


def test_the_counts_of_circuits_of_every_kind(service: Any):
    job = service.create_job(list(CIRCUITS.values()), 2_000)
    counts = job.counts(**FAST)
    for (what, circuit), sample in zip(CIRCUITS.items(), counts, strict=True):
        assert agree(sample, histogram(circuit)), (what, sample)
    # The compiled circuits give the same in Cirq's simulator.
    for what, compiled, sample in zip(CIRCUITS, job.compiled_circuits(), counts, strict=True):
        assert agree(sample, histogram(compiled)), (what, sample)


def test_circuits_that_share_parts(service: Any):
    part = cirq.CircuitOperation(cirq.FrozenCircuit(cirq.X(Q[0])))
    circuits = [
        cirq.Circuit(part, cirq.measure(Q[0], key="m")),
        cirq.Circuit(part, part, cirq.measure(Q[0], key="m")),
        cirq.Circuit(part.with_qubits(Q[1]), cirq.measure(*Q[:2], key="m")),
    ]
    job = service.create_job(circuits, 5)
    assert job.counts(**FAST) == [{"1": 5}, {"0": 5}, {"01": 5}]
    assert job.input_circuits() == circuits


def test_all_qubits_are_measured_if_the_circuit_measures_none(
    server: Emulator, send: Callable[..., Any], serve: Serve
):
    circuit = cirq.Circuit(cirq.X(Q[1]), cirq.I(Q[0]))
    body = {
        "job_type": "simulate",
        "target": "ss_unconstrained_simulator",
        "circuits": cirq.to_json(circuit),
        "circuit_type": "cirq",
        "shots": 7,
    }
    job_id = send(server, "POST", "/client/job", body).json["job_id"]
    job = serve(server).get_job(job_id)
    assert job.counts(0, **FAST) == {"01": 7}
    assert job._terminal_measurement_qubit_indices(0) == [0, 1]


# --- circuits that cannot run


def _raw(kind: object, **fields: Any) -> str:
    operation = {
        "cirq_type": "GateOperation",
        "gate": {"cirq_type": kind, **fields},
        "qubits": [{"cirq_type": "LineQubit", "x": 0}],
    }
    moment = {"cirq_type": "Moment", "operations": [operation]}
    return json.dumps({"cirq_type": "Circuit", "moments": [moment]})


T = cirq.LineQid(0, dimension=3)
LOOP = cirq.CircuitOperation(SUB, repeat_until=cirq.KeyCondition(cirq.MeasurementKey("s")))
FAILING = {
    "levels": (cirq.to_json(cirq.Circuit(css.QutritZ0PowGate()(T))), "has 3 levels"),
    "symbols": (
        cirq.to_json(cirq.Circuit(cirq.X(Q[0]) ** sympy.Symbol("t"))),
        "without a value: t",
    ),
    "noise": (
        cirq.to_json(cirq.Circuit(cirq.depolarize(0.1)(Q[0]))),
        "does not run depolarize(p=0.1)(q(0))",
    ),
    "a loop": (cirq.to_json(cirq.Circuit(LOOP)), "repeat_until"),
    "infinity": (
        cirq.to_json(cirq.Circuit(cirq.rz(float("inf"))(Q[1]))),
        "a number is not finite in cirq.Rz(rads=inf).on(cirq.LineQubit(1))",
    ),
    "a condition without its measurement": (
        cirq.to_json(cirq.Circuit(cirq.X(Q[0]).with_classical_controls("m"))),
        "the condition m comes before its measurement",
    ),
    "a formula in a condition": (
        _raw("sympy.Add", args=["__import__('os').system('true')"]),
        "a formula in a string",
    ),
    "a formula in a list": (
        _raw("sympy.Add", args=[["__import__('os').system('true')"]]),
        "a formula in a string",
    ),
    "not a number": (
        cirq.to_json(cirq.Circuit(cirq.PhasedXPowGate(phase_exponent=float("nan"))(Q[0]))),
        "a number is not finite in cirq.PhasedXPowGate(phase_exponent=nan).on(cirq.LineQubit(0))",
    ),
    "nonsense": (_raw("XPowGate", exponent="__import__('os')"), "Error"),
    "too many fields": (_raw("XPowGate", nonsense=1), "Cirq cannot read the circuit"),
    "a formula": (
        _raw(
            "BooleanHamiltonianGate",
            parameter_names=["a"],
            boolean_strs=["__import__('os').system('true')"],
            theta=1,
        ),
        "does not accept 'BooleanHamiltonianGate'",
    ),
    "a type that is no string": (_raw(5), "does not accept 5"),
    "a frame": (_raw("pandas.DataFrame", data=[]), "does not accept 'pandas.DataFrame'"),
    "21 qubits": (
        cirq.to_json(cirq.Circuit(cirq.X.on_each(*cirq.LineQubit.range(21)))),
        "21 qubits, more than the 20",
    ),
    "no qubits": (cirq.to_json(cirq.Circuit()), "no qubits"),
}


def test_a_circuit_that_cannot_run_fails_with_a_reason(
    server: Emulator, service: Any, send: Callable[..., Any]
):
    body = {
        "job_type": "submit",
        "target": "ss_unconstrained_simulator",
        "circuits": "[" + ",".join(text for text, _ in FAILING.values()) + "]",
        "circuit_type": "cirq",
        "shots": 1,
    }
    job = service.get_job(send(server, "POST", "/client/job", body).json["job_id"])
    with pytest.raises(gss.SuperstaqUnsuccessfulJobException, match="Circuit 0 - "):
        job.counts(**FAST)
    for (what, (_, message)), actual in zip(
        FAILING.items(), job.job_data.status_messages, strict=True
    ):
        assert message in actual, what


@pytest.mark.parametrize(
    ("circuits", "reason"),
    [
        ("OPENQASM 2.0;", "expected the JSON"),
        ("[]", "at least one circuit"),
        ("7", "circuit 0: expected a Cirq circuit"),
        ('{"cirq_type": "LineQubit", "x": 0}', "circuit 0: expected a Cirq circuit, got LineQubit"),
        ('[{"cirq_type": "Circuit", "moments": []}, {"moments": []}]', "circuit 1: expected"),
        ("[" * 100_000, "expected the JSON"),
    ],
)
def test_anything_but_a_list_of_circuits_is_422(
    server: Emulator, send: Callable[..., Any], circuits: str, reason: str
):
    body = {
        "job_type": "submit",
        "target": "ss_unconstrained_simulator",
        "circuits": circuits,
        "circuit_type": "cirq",
        "shots": 10,
    }
    response = send(server, "POST", "/client/job", body)
    assert response.status == 422
    (problem,) = response.json["detail"]
    assert problem["loc"] == ["body", "circuits"]
    assert reason in problem["msg"]


def test_a_circuit_that_refers_to_itself_is_422(server: Emulator, send: Callable[..., Any]):
    ref = {"cirq_type": "REF", "key": 1}
    val = {"cirq_type": "VAL", "key": 1, "val": {"cirq_type": "FrozenCircuit", "moments": [ref]}}
    body = {
        "job_type": "submit",
        "target": "ss_unconstrained_simulator",
        "circuits": json.dumps([val, json.loads(cirq.to_json(X01)), ref]),
        "circuit_type": "cirq",
        "shots": 2,
    }
    response = send(server, "POST", "/client/job", body)
    assert response.status == 422
    assert "Cirq cannot read the circuit" in response.json["detail"][0]["msg"]


def test_many_tiny_turns_add_up(service: Any):
    # A compiler that leaves each out, as next to nothing, gives 48,115 ones.
    steps = [[cirq.XX(*Q[:2]) ** 2e-5, cirq.XX(*Q[1:]) ** 2e-5] for _ in range(600)]
    circuit = cirq.Circuit(steps, cirq.XX(*Q[:2]) ** 0.488, cirq.measure(Q[0], key="m"))
    assert service.create_job(circuit, 100_000).counts(0, **FAST)["1"] > 49_060


def test_without_cirq_the_error_says_what_to_install(service: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cirq", None)
    with pytest.raises(gss.SuperstaqServerException, match=r"'\.\[emulator-cirq\]'"):
        service._client.create_job({"cirq_circuits": "{}"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "unknown_device_qpu"}, "The target unknown_device_qpu does not exist"),
        ({"target": "emulated_retired_qpu"}, "retired"),
        ({"target": "emulated_private_qpu"}, "not have access"),
        ({"target": "emulated_offline_qpu"}, "not available"),
    ],
)
def test_a_refusal_becomes_the_clients_exception(
    service: Any, options: dict[str, Any], message: str
):
    with pytest.raises(gss.SuperstaqServerException, match=message) as caught:
        service.create_job(X01, 1, **options)
    assert 400 <= caught.value.status_code < 500


def test_an_unknown_job(service: Any):
    with pytest.raises(KeyError):
        service.get_job(uuid.uuid4()).status()


# --- other formats


def test_a_job_in_another_format(
    server: Emulator, service: Any, send: Callable[..., Any], submit: Callable[..., str]
):
    program = "OPENQASM 3.0; qubit[2] q; bit[2] c; U(pi,0,pi) q[1]; c = measure q;"
    job = service.get_job(submit(server, program, job_type="simulate", shots=3))
    assert job.counts(0, **FAST) == {"01": 3}
    assert job.job_data.circuit_type == "cirq"
    assert histogram(job.input_circuits(0), 5) == {"01": 5}
    assert histogram(job.compiled_circuits(0), 5) == {"01": 5}
    assert list(job.final_logical_to_physical(0)) == cirq.LineQubit.range(2)

    job = service.create_job(X01, 3)
    job.counts(**FAST)
    for circuit_type, beginning in {"qasm": "OPENQASM", "qiskit": "UUlTS0lU"}.items():
        response = send(server, "GET", f"/client/job/{circuit_type}?job_id={job.job_id()}").json
        data = response[str(job.job_id())]
        assert data["circuit_type"] == circuit_type
        assert data["input_circuits"][0].startswith(beginning)
        assert data["compiled_circuits"][0].startswith(beginning)
        assert data["counts"] == [{"01": 3}]


def test_a_circuit_that_another_format_cannot_express_keeps_its_own(
    server: Emulator, service: Any, submit: Callable[..., str]
):
    job = service.get_job(submit(server, "OPENQASM 2.0; frobnicate;"))
    job.wait_until_terminal_state(**FAST)
    assert job.job_data.circuit_type == "qasm"
    assert job.job_data.input_circuits == ["OPENQASM 2.0; frobnicate;"]


def test_every_response_has_one_format(emulate: Callable[..., Emulator], serve: Serve, send: Any):
    server = emulate(step_seconds=0.05)
    job = serve(server).create_job([X01, BELL], 5)
    for _ in itertools.count():
        data = send(server, "GET", f"/client/job/qasm?job_id={job.job_id()}").json
        data = data[str(job.job_id())]
        assert data["circuit_type"] == "qasm"
        assert all(text.startswith("OPENQASM") for text in data["input_circuits"])
        compiled = [text for text in data["compiled_circuits"] if text is not None]
        assert all(text.startswith("OPENQASM") for text in compiled)
        if set(data["statuses"]) == {"completed"}:
            return
