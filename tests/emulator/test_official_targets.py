"""The targets with the names that the service uses."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import cirq
import pytest

from superstaq_jobs.emulator import DEFAULT_TARGETS, OFFICIAL_TARGETS, Emulator, Target

BY_NAME = {target.name: target for target in OFFICIAL_TARGETS}
HEADER = 'OPENQASM 2.0; include "qelib1.inc";'


@pytest.fixture
def server(emulate: Callable[..., Emulator]) -> Emulator:
    return emulate(targets=OFFICIAL_TARGETS)


def test_the_names_are_distinct_and_the_flags_are_those_of_the_service():
    assert len(BY_NAME) == len(OFFICIAL_TARGETS) >= 30
    closed = {
        name
        for name, target in BY_NAME.items()
        if not (target.supports_submit or target.available or target.accessible)
    }
    assert closed == {name for name in BY_NAME if name.startswith(("aqt_", "qscout_", "eeroq_"))}
    assert all(target.supports_compile and not target.retired for target in OFFICIAL_TARGETS)
    for name in closed.symmetric_difference(BY_NAME):
        assert BY_NAME[name].supports_submit
        assert BY_NAME[name].available
        assert BY_NAME[name].accessible


@pytest.mark.parametrize("target", OFFICIAL_TARGETS, ids=lambda target: target.name)
def test_each_edge_is_listed_in_both_directions_and_none_is_apart(target: Target):
    if target.coupling is None:
        return
    edges = set(target.coupling)
    assert len(edges) == len(target.coupling)
    assert edges == {(b, a) for a, b in edges}
    assert all(a != b for a, b in edges)
    reached, new = set(), {0}
    while new:
        reached |= new
        new = {b for a, b in edges if a in reached} - reached
    assert reached == set(range(target.max_qubits))


def test_a_heavy_hexagon_has_no_more_than_three_neighbours():
    fez = BY_NAME["ibmq_fez_qpu"]
    degrees = [sum(a == qubit for a, _ in fez.coupling) for qubit in range(156)]
    assert max(degrees) == 3
    assert len(fez.coupling) == 2 * 176
    assert {(3, 16), (16, 23), (21, 36), (36, 41)} <= set(fez.coupling)


def test_the_defaults_are_what_they_were():
    assert {target.name for target in DEFAULT_TARGETS}.isdisjoint(
        set(BY_NAME) - {DEFAULT_TARGETS[0].name}
    )
    assert DEFAULT_TARGETS[0].info["native_gate_set"] == ("rz", "sx", "x", "cx")


@pytest.mark.parametrize("version", ["/v0.2.0", "/v0.3.0"])
def test_an_unknown_name_is_404(server: Emulator, send: Callable[..., Any], version: str):
    path = {"/v0.2.0": "/target_info", "/v0.3.0": "/client/retrieve_target_info"}[version]
    response = send(server, "POST", path, {"target": "ibmq_nowhere_qpu"}, version=version)
    assert response.status == 404
    assert "ibmq_nowhere_qpu does not exist" in response.json["message"]


@pytest.mark.parametrize(
    "target", [target for target in OFFICIAL_TARGETS if target.accessible], ids=lambda t: t.name
)
def test_every_target_runs_a_circuit(server, submit, finish, target: Target):
    gates = "".join(f"cx q[{a}],q[{b}];" for a, b in itertools.combinations(range(4), 2))
    source = f"{HEADER} qreg q[4]; creg c[4]; x q[0]; {gates} measure q -> c;"
    # By hand: q0 flips q1, q2, q3; q1 flips q2, q3 back; q2 is 0.
    data = finish(server, submit(server, source, target=target.name, shots=50))
    assert data["statuses"] == ["completed"], data["status_messages"]
    assert data["counts"] == [{"1100": 50}]


def test_a_circuit_that_is_measured_midway_runs_on_a_large_device(server, submit, finish):
    source = (
        'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; bit[3] c; x q[0]; c[0] = measure q[0]; '
        "x q[0]; c[1] = measure q[0]; if (c[0]) { x q[2]; } c[2] = measure q[2];"
    )
    for target in ("ibmq_fez_qpu", "rigetti_cepheus-1-108q_qpu"):
        data = finish(server, submit(server, source, target=target, shots=20))
        assert data["status_messages"] == [None]
        assert data["counts"] == [{"101": 20}]


@pytest.mark.parametrize("circuit_type", ["qasm", "cirq"])
def test_qubits_of_conditional_gates_are_placed_close_together(
    server, submit, finish, circuit_type: str
):
    q = cirq.LineQubit.range(3)
    conditional = cirq.Circuit(
        cirq.X(q[0]),
        cirq.measure(q[0], key="c"),
        cirq.CX(q[0], q[2]).with_classical_controls("c"),
        cirq.CX(q[2], q[1]),
        cirq.measure(*q, key="d"),
    )
    source = {
        "cirq": cirq.to_json(conditional),
        "qasm": 'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; bit c; bit[3] d; x q[0]; '
        "c = measure q[0]; if (c) { cx q[0], q[2]; } cx q[2], q[1]; d = measure q;",
    }[circuit_type]
    for target in ("ibmq_fez_qpu", "rigetti_cepheus-1-108q_qpu"):
        fields = {"circuit_type": circuit_type, "circuits": source, "target": target, "shots": 20}
        data = finish(server, submit(server, source, **fields), circuit_type)
        assert data["counts"] == [{"1111": 20}]
        compiled = data["compiled_circuits"][0]
        if circuit_type == "cirq":
            assert len(cirq.read_json(json_text=compiled).all_qubits()) <= 4
        else:
            assert len(set(re.findall(r"\$\d+", compiled))) <= 4


def test_a_circuit_that_uses_too_many_qubits_of_a_large_device_fails(server, submit, finish):
    gates = "".join(f"cx q[{i}],q[{i + 1}];" for i in range(29))
    source = f"{HEADER} qreg q[30]; creg c[30]; h q[0]; {gates} measure q -> c;"
    data = finish(server, submit(server, source, target="ibmq_fez_qpu"))
    assert data["statuses"] == ["failed"]
    assert "uses 30 qubits, more than the 26" in data["status_messages"][0]
    assert data["compiled_circuits"][0]
    wide = f"{HEADER} qreg q[100]; creg c[2]; x q[99]; measure q[99] -> c[1];"
    data = finish(server, submit(server, wide, target="ibmq_fez_qpu", shots=9))
    assert data["counts"] == [{"01": 9}]


def test_noise_acts_on_the_gates_of_each_target(server, submit, finish):
    source = f"{HEADER} qreg q[2]; creg c[2]; {'cx q[0],q[1];' * 2} x q[0]; measure q -> c;"
    for target in ("ibmq_fez_qpu", "ionq_aria-1_qpu", "cq_sqale_qpu", "alpine_ibex-q1_qpu"):
        fields = {"job_type": "simulate", "sim_method": "noise-sim", "target": target}
        fields |= {"shots": 2_000, "options_dict": {"error_rate": 0.5}}
        data = finish(server, submit(server, source, **fields))
        assert data["statuses"] == ["completed"], (target, data["status_messages"])
        assert data["counts"][0].get("10", 0) < 1_900, target


@pytest.mark.parametrize(
    "options", [{"error_rate": 2}, {"error_rate": "1"}, {"error_rate": None}, {"noise": "bit_flip"}]
)
def test_a_wrong_option_of_noise_is_422_in_v0_3_0(server, send, options: dict[str, Any]):
    new_job = {
        "job_type": "simulate",
        "sim_method": "noise-sim",
        "target": "ss_unconstrained_simulator",
        "circuits": json.dumps([f"{HEADER} qreg q[1];"]),
        "circuit_type": "qasm",
        "shots": 10,
        "options_dict": options,
    }
    response = send(server, "POST", "/client/job", new_job)
    assert response.status == 422
    (problem,) = response.json["detail"]
    assert problem["loc"] == ["body", "options_dict"]
    assert "error_rate" in problem["msg"]


@pytest.mark.parametrize("circuit_type", ["qasm", "cirq"])
def test_noise_acts_on_gates_of_ones_own_choice(emulate, submit, finish, circuit_type: str):
    server = emulate(targets=[Target(name="ours_ecr_qpu", native_gate_set=("u", "ecr"))])
    source = f"{HEADER} qreg q[2]; creg c[2]; x q[0]; measure q -> c;"
    if circuit_type == "cirq":
        one, two = cirq.LineQubit.range(2)
        source = cirq.to_json(cirq.Circuit(cirq.X(one), cirq.measure(one, two)))
    fields = {"job_type": "simulate", "sim_method": "noise-sim", "target": "ours_ecr_qpu"}
    fields |= {"circuit_type": circuit_type, "circuits": source}
    fields |= {"shots": 4_000, "options_dict": {"error_rate": 0.5}}
    data = finish(server, submit(server, source, **fields))
    # A depolarizing channel of probability p turns the flipped qubit with probability p/2.
    assert 850 < data["counts"][0].get("00", 0) < 1_150
