"""The emulator really runs circuits: counts, compiled circuits, failures, noise, seeds."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest

from superstaq_jobs.emulator import Emulator, Simulator, Target

Q2 = 'OPENQASM 2.0; include "qelib1.inc"; '
Q3 = 'OPENQASM 3.0; include "stdgates.inc"; '
BELL = Q2 + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;"
BELL_3 = Q3 + "qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;"
GHZ = Q2 + "qreg q[5]; creg c[5]; h q[0];" + "".join(
    f"cx q[{i}],q[{i + 1}];" for i in range(4)
) + "measure q->c;"  # fmt: skip
BROKEN = Q2 + "qreg q[2]; frobnicate q[0];"

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(emulate: Callable[..., Emulator], submit: Callable[..., str], finish: Run) -> Run:
    """Run circuits on a new emulator; returns the finished job."""

    def send(*circuits: str, options: dict[str, Any] | None = None, **fields: Any) -> Any:
        server = emulate(**(options or {}))
        return finish(server, submit(server, *circuits, **fields))

    return send


def test_a_bit_string_is_no_file_to_include(run: Run):
    program = Q3 + 'qubit[2] q; bit[2] c; x q[0]; c = measure q; if (c == "01") { x q[1]; } '
    assert run(program + "c = measure q;", shots=20)["counts"] == [{"11": 20}]


def test_an_own_gate_does_not_collide_with_other_names(run: Run):
    program = "OPENQASM 3.0; gate x q { } gate x_own q { U(pi, 0, pi) q; } "
    program += "qubit q_own; qubit x_own_; bit c; x q_own; ctrl @ x q_own, x_own_; x_own q_own; "
    assert run(program + "c = measure q_own;", shots=20)["counts"] == [{"1": 20}]


def test_a_ghz_state_has_two_outcomes(run: Run):
    (counts,) = run(GHZ, shots=10_000)["counts"]
    assert set(counts) == {"00000", "11111"}
    assert sum(counts.values()) == 10_000
    assert abs(counts["00000"] - 5_000) < 5 * math.sqrt(10_000 / 4)


@pytest.mark.parametrize("header", [Q2 + "qreg q[1]; creg c[1]; ", Q3 + "qubit[1] q; bit[1] c; "])
def test_a_biased_rotation_has_its_frequency(run: Run, header: str):
    measure = "measure q[0] -> c[0];" if "2.0" in header else "c[0] = measure q[0];"
    shots = 100_000
    (counts,) = run(f"{header} ry(1.2) q[0]; {measure}", shots=shots)["counts"]
    p = math.sin(0.6) ** 2
    assert abs(counts["1"] - shots * p) < 5 * math.sqrt(shots * p * (1 - p))


def test_the_seed_determines_the_sample(run: Run):
    circuits = [BELL, GHZ, BELL]
    first, again, other = (
        run(*circuits, shots=1_000, options={"seed": seed})["counts"] for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other
    # The circuits of a job have independent samples.
    assert first[0] != first[2]


def test_the_seed_and_the_order_determine_the_ids(
    emulate: Callable[..., Emulator], submit: Callable[..., str]
):
    one, two, three = emulate(seed=0), emulate(seed=0), emulate(seed=1)
    ids = [submit(one, BELL), submit(one, BELL)]
    assert ids == [submit(two, BELL), submit(two, BELL)]
    assert len({*ids, submit(three, BELL)}) == 3


RESET = Q2 + "qreg q[1]; creg c[2]; x q[0]; measure q[0]->c[0]; reset q[0]; measure q[0]->c[1];"
IF_2 = Q2 + (
    "qreg q[2]; creg c[1]; creg d[1]; x q[0]; measure q[0]->c[0]; if(c==1) x q[1];"
    "measure q[1]->d[0];"
)
BREAK = Q3 + "qubit q; bit c; while (!c) { x q; c = measure q; break; }"
BOX = Q3 + "qubit[2] q; bit[2] c; box { x q[0]; } box[100ns] { x q[1]; } c = measure q;"
UNMEASURED = Q3 + "qubit[3] q; bit c; x q[0]; c = measure q[0]; if (c) { x q[2]; h q[1]; }"
MODIFIED = "OPENQASM 3.0; gate x a { } qubit[2] q; U(pi,0,pi) q[0]; ctrl @ x q[0], q[1];"
COLLIDES = Q2 + "qreg q[1]; creg measured_at_the_end[1]; x q[0];"
IF_3 = Q3 + (
    "qubit[2] q; bit[2] c; x q[0]; c[0] = measure q[0]; if (c[0]) { x q[1]; }c[1] = measure q[1];"
)


@pytest.mark.parametrize(
    ("program", "key"),
    [
        (Q2 + "qreg q[3]; creg c[3]; x q[0]; measure q->c;", "100"),
        (Q2 + "qreg q[3]; creg c[2]; x q[2]; measure q[2]->c[1];", "01"),
        (Q2 + "qreg q[2]; creg a[1]; creg b[2]; x q[0]; measure q[0]->a[0];", "100"),
        (Q2 + "qreg q[2]; creg a[1]; creg b[2]; x q[0]; measure q[0]->b[1];", "001"),
        (Q2 + "qreg q[2]; qreg r[2]; x q[1]; x r[1];", "0101"),
        (Q2 + "qreg q[2]; creg c[5]; x q[1];", "01"),
        (RESET, "10"),
        (IF_2, "11"),
        (Q2 + "gate twice a { x a; x a; } qreg q[2]; twice q[0]; x q[1];", "01"),
        (Q3 + "qubit q; bit a; bit[2] c; x q; a = measure q;", "100"),
        (Q3 + "qubit q; bit[2] c; bit a; x q; a = measure q;", "001"),
        (IF_3, "11"),
        (BREAK, "1"),
        (BOX, "11"),
        (UNMEASURED, "1"),
        (MODIFIED, "10"),
        (COLLIDES, "1"),
        ("\ufeff" + IF_3, "11"),
        (("// head\n" + IF_2).replace("\n", "\r"), "11"),
        (Q3 + "qubit q; bit c; while (!c) { h q; c = measure q; }", "1"),
        (Q3 + "qubit[2] q; bit[2] c; for int i in [0:2] { x q[0]; } c[1] = measure q[0];", "01"),
        (Q3 + "qubit[2] q; bit c; x q[0]; if (c) { x q[1]; } else { x q[1]; }", "11"),
        ("qubit[2] q; U(pi, 0, pi) q[1];", "01"),
        ("// a comment\n\n // another\n" + Q2 + "qreg q[1]; x q[0];", "1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", ["ss_unconstrained_simulator", "emulated_ring_qpu"])
def test_keys_are_the_classical_bits_in_order(run: Run, program: str, key: str, target: str):
    data = run(program, shots=50, target=target)
    assert data["statuses"] == ["completed"], data["status_messages"]
    assert data["counts"] == [{key: 50}]


def test_one_of_three_cannot_be_parsed(run: Run):
    data = run(BELL, BROKEN, BELL_3)
    assert data["statuses"] == ["completed", "failed", "completed"]
    messages = data["status_messages"]
    assert messages[0] is messages[2] is None
    assert "'frobnicate' is not defined" in messages[1]
    assert data["counts"][1] is None
    assert data["compiled_circuits"][1] is None
    assert data["initial_logical_to_physicals"][1] is None
    assert data["input_circuits"] == [BELL, BROKEN, BELL_3]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("", "not an OpenQASM program"),
        ("hello", "no viable alternative"),
        ("hello there", "unexpected"),
        (Q3 + "qubit q; x q", "unexpected"),
        (Q3 + "qubit q; nogate q;", "'nogate' is not defined"),
        ("OPENQASM 2.0;", "no qubits"),
        (Q2 + "qreg q[21];", "21 qubits, more than the 20"),
        (Q2 + "qreg q[4000000000];", "at most 1000"),
        (Q3 + "qubit[1_000_000] q;", "at most 1000"),
        (Q3 + "input float a; qubit q; rx(a) q;", "parameters without a value: a"),
        ('OPENQASM 2.0; include "/etc/passwd";', "unable to find '/etc/passwd'"),
        ('OPENQASM 2.0; include // "\n"//etc/hosts";', "find '//etc/hosts'"),
        ("OPENQASM 2.0; include '../x';", "unable to find '../x'"),
        ('OPENQASM 3.0; include /* "a" */ "/etc/passwd";', "L1:C"),
        ('OPENQASM 3.0; include "/etc/passwd";', "non-stdgates imports"),
        (Q2 + "opaque magic q; qreg q[1]; magic q[0];", "'magic' on q[0]: the operation is opaque"),
        (Q2 + "opaque rzz a,b; qreg q[2]; rzz q[0],q[1];", "'rzz' on q[0], q[1]: the operation is"),
        (Q2 + "gate h a { } qreg q[1];", "'h' is already defined"),
        (Q2 + "qreg q[1]; iswap q[0]; gate iswap a { }", "'iswap' is not defined"),
        (Q2 + "qreg r[3]; rz(1e400) r[1];", "'rz' on r[1]: a parameter"),
        (Q2 + "gate mine(t) a { rx(t) a; } qreg r[2]; mine(1e400) r[1];", "'mine' on r[1]: 'rx'"),
        (Q3 + "qubit q; bit c; if (!c) { rz(1e400) q; }", "'if_else' on q"),
        ("OPENQASM", "unexpected"),
        ("/" * 100_000, "not an OpenQASM program"),
        ("/*" * 20_000, "unexpected"),
        (Q3 + 'qubit[2] q; bit[2] c = "00"; c = measure q;', "initialisation of classical bits"),
        ('OPENQASM 3.0; pragma vendor "fast"\nqubit q;', "Pragma is not supported"),
        ('OPENQASM 3.0; defcalgrammar "openpulse"; qubit q;', "CalibrationGrammarDeclaration"),
    ],
)
def test_a_circuit_that_cannot_run_fails_with_a_reason(run: Run, program: str, message: str):
    data = run(program, shots=10)
    assert data["statuses"] == ["failed"]
    assert message in data["status_messages"][0]


def test_a_circuit_larger_than_its_target_fails(run: Run):
    data = run(Q2 + "qreg q[6];", target="emulated_ring_qpu")
    assert "6 qubits, more than the 5" in data["status_messages"][0]


def test_compile_jobs_only_compile(run: Run):
    data = run(BELL, BELL_3, job_type="compile", shots=0)
    assert data["statuses"] == ["completed"] * 2
    assert data["counts"] == [None, None]
    for compiled in data["compiled_circuits"]:
        assert compiled.startswith("OPENQASM 2.0;")
        assert "h q[0]" not in compiled
        assert "sx q[0]" in compiled
    assert data["initial_logical_to_physicals"] == [{"0": 0, "1": 1}] * 2
    assert data["final_logical_to_physicals"] == [{"0": 0, "1": 1}] * 2


def test_what_openqasm_2_cannot_express_is_written_as_3(run: Run):
    program = (
        Q3 + "qubit[2] q; bit c; h q[0]; c = measure q[0]; if (c) { x q[1]; } else { z q[1]; }"
    )
    data = run(program, job_type="compile")
    assert data["compiled_circuits"][0].startswith("OPENQASM 3")


def test_the_maps_belong_to_the_compiled_circuit(run: Run):
    # Three qubits in a triangle do not fit a line, so the compiler has to swap some.
    program = Q2 + (
        "qreg q[4]; creg c[4]; x q[0]; h q[1]; cx q[0],q[1]; cx q[1],q[2]; cx q[0],q[2];"
        "cx q[3],q[0]; cx q[3],q[1]; h q[1]; x q[3];"
    )
    data = run(program, shots=400, target="emulated_line_qpu")
    (final,) = data["final_logical_to_physicals"]
    (initial,) = data["initial_logical_to_physicals"]
    assert set(initial) == set(final) == {"0", "1", "2", "3"}
    assert len(set(final.values())) == 4
    compiled = data["compiled_circuits"][0].rstrip()
    pairs = [line[3:-1].split(",") for line in compiled.splitlines() if line.startswith("cx")]
    assert all(abs(int(a[2:-1]) - int(b[2:-1])) == 1 for a, b in pairs)
    # The compiled circuit, measured where the map says, gives the counts of the job.
    measured = compiled.replace("creg c[4];", "creg c[4];\ncreg m[4];") + "".join(
        f"measure q[{final[str(i)]}] -> m[{i}];" for i in range(4)
    )
    again = run(measured, shots=400, verbatim=True)
    assert {key[4:] for key in again["counts"][0]} == set(data["counts"][0])
    direct = run(program, shots=400)
    assert set(direct["counts"][0]) == set(data["counts"][0])


def test_verbatim_is_not_compiled(run: Run):
    data = run(GHZ, verbatim=True, target="emulated_line_qpu", shots=20)
    assert data["compiled_circuits"] == [GHZ]
    assert data["final_logical_to_physicals"] == [{str(i): i for i in range(5)}]
    assert set(data["counts"][0]) <= {"00000", "11111"}


def test_noise_changes_the_counts(run: Run):
    quiet = run(GHZ, job_type="simulate", sim_method="sim", shots=4_000)["counts"][0]
    noisy = run(GHZ, job_type="simulate", sim_method="noise-sim", shots=4_000)["counts"][0]
    assert set(quiet) == {"00000", "11111"}
    assert len(noisy) > 2
    # Four cx at 1 %, and less than 1 % elsewhere: most shots are still right.
    assert noisy["00000"] + noisy["11111"] > 3_600
    wide = run(Q2 + "qreg q[11];", job_type="simulate", sim_method="noise-sim")
    assert "more than the 10 of noise-sim" in wide["status_messages"][0]


def test_a_job_without_shots_has_empty_counts(run: Run):
    assert run(BELL, shots=0, dry_run=True)["counts"] == [{}]


def test_twenty_qubits_measured_in_the_middle(run: Run):
    """Conditions with and without an else, a reset, a bit that is written twice."""
    program = Q3 + (
        "qubit[20] q; bit[3] a; bit[20] m; h q[0]; h q[1]; cx q[0], q[7];"
        "a[0] = measure q[0]; if (a[0]) { x q[0]; }"
        "reset q; h q[2]; a[1] = measure q[2];"
        "if (a[1]) { x q[3]; cx q[3], q[5]; } else { x q[4]; }"
        "x q[6]; a[2] = measure q[6]; x q[6]; a[2] = measure q[6];"
        "if (a == 2) { x q[19]; } m = measure q;"
    )
    shots = 500
    (counts,) = run(program, shots=shots)["counts"]
    assert sum(counts.values()) == shots
    for key in counts:
        a, m = key[:3], key[3:]
        assert a[2] == "0"
        wanted = ["0"] * 20
        wanted[2] = wanted[3] = wanted[5] = a[1]
        wanted[4] = "10"[int(a[1])]
        wanted[19] = "1" if a == "010" else "0"
        assert m == "".join(wanted)
    ones = sum(count for key, count in counts.items() if key[1] == "1")
    assert abs(ones - shots / 2) < 5 * math.sqrt(shots / 4)


def test_the_seed_determines_the_sample_of_mid_circuit_measurements(run: Run):
    program = Q3 + "qubit[2] q; bit[2] c; h q; c[0] = measure q[0]; h q[0]; c[1] = measure q[0];"
    first, again, other = (
        run(program, shots=5_000, options={"seed": seed})["counts"] for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_twenty_qubits_and_a_hundred_thousand_shots(run: Run):
    layers = "".join(f"h q[{i}];" for i in range(20)) + "".join(
        f"cx q[{i}],q[{i + 1}]; ry(0.3) q[{i}];" for i in range(19)
    )
    program = Q2 + f"qreg q[20]; creg c[20]; {layers} measure q->c;"
    data = run(program, shots=100_000)
    assert data["statuses"] == ["completed"]
    assert sum(data["counts"][0].values()) == 100_000
    assert all(len(key) == 20 for key in data["counts"][0])


ENDLESS = Q3 + "qubit[18] q; bit c; while (!c) { h q[0]; reset q[0]; c = measure q[0]; }"


def test_a_circuit_that_takes_too_long_fails_and_the_next_one_runs(
    emulate: Callable[..., Emulator], submit: Callable[..., str], finish: Run, send: Any
):
    with Simulator(time_limit_seconds=2) as impatient:
        server = emulate(simulator=impatient)
        stuck = submit(server, ENDLESS)
        # A simulation does not block requests.
        assert send(server, "GET", "/client/balance").status == 200
        good = submit(server, BELL)
        data = finish(server, stuck)
        assert data["statuses"] == ["failed"]
        assert data["status_messages"] == ["the circuit took longer than 2 seconds"]
        assert finish(server, good)["statuses"] == ["completed"]


def test_closing_the_simulator_ends_a_simulation(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Run
):
    before = set(threading.enumerate())
    simulator = Simulator()
    server = emulate(simulator=simulator)
    job_id = submit(server, ENDLESS)
    submit(server, BELL)
    while fetch(server, job_id)["statuses"] != ["running"]:
        pass
    simulator.close()
    simulator.close()
    server.stop()
    assert set(threading.enumerate()) == before
    with pytest.raises(RuntimeError, match="closed"):
        simulator.warm_up()


def test_a_simulator_that_dies_fails_its_circuit_only(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Run, finish: Run
):
    with Simulator() as simulator:
        server = emulate(simulator=simulator)
        job_id = submit(server, ENDLESS)
        while fetch(server, job_id)["statuses"] != ["running"]:
            pass
        simulator._runner._workers[0].kill()
        assert "the simulator stopped" in finish(server, job_id)["status_messages"][0]
        assert finish(server, submit(server, BELL))["statuses"] == ["completed"]


def test_a_list_of_one_program_is_the_same_as_the_program(
    emulate: Callable[..., Emulator], submit: Callable[..., str], finish: Run
):
    server = emulate(targets=[Target(name="a_b_simulator")])
    listed = submit(server, BELL, circuits=json.dumps([BELL]), target="a_b_simulator")
    assert finish(server, listed)["input_circuits"] == [BELL]
