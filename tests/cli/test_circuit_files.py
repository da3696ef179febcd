"""What ``submit`` makes of files."""

from __future__ import annotations

import base64
import io
import json

import cirq
import pytest
import qiskit
import qiskit.qpy

import superstaq_jobs as sj
from superstaq_jobs.cli.circuit_files import read_circuits
from superstaq_jobs.cli.failures import CommandError

QASM2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[1];\nx q[0];\n'
QASM3 = "// mine\nOPENQASM 3.0;\nqubit[1] q;\n/* not this:\nOPENQASM 3.0;\n*/\n"
CIRQ = cirq.to_json(cirq.Circuit(cirq.X(cirq.q(0))))
CIRQS = cirq.to_json([cirq.Circuit(cirq.X(cirq.q(0)))] * 2)


def file(content, name="a.txt"):
    made = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    made.name = name
    return made


def qpy(*circuits):
    written = io.BytesIO()
    qiskit.qpy.dump(list(circuits), written)
    return written.getvalue()


FLIP = qiskit.QuantumCircuit(1, name="flip")
FLIP.x(0)


@pytest.mark.parametrize(
    ("contents", "circuits", "kind"),
    [
        ([QASM2], QASM2, "qasm"),
        ([b"\xef\xbb\xbf" + QASM2.encode()], QASM2, "qasm"),
        ([QASM2, QASM3], [QASM2, QASM3], "qasm"),
        ([QASM2 + QASM3], [QASM2 + "// mine\n", QASM3[8:]], "qasm"),
        ([json.dumps([QASM2, QASM3])], [QASM2, QASM3], "qasm"),
        (["qreg q[1];"], "qreg q[1];", "qasm"),
        ([qpy(FLIP)], base64.b64encode(qpy(FLIP)).decode(), "qiskit"),
        ([base64.encodebytes(qpy(FLIP))], base64.b64encode(qpy(FLIP)).decode(), "qiskit"),
    ],
)
def test_a_file_is_read_by_what_is_in_it(contents, circuits, kind):
    assert read_circuits(map(file, contents)) == (circuits, kind)


@pytest.mark.parametrize("contents", [[CIRQ, CIRQ], [CIRQS], [json.dumps([CIRQ, CIRQ])]])
def test_circuits_of_cirq_make_one_job(contents):
    circuits, kind = read_circuits(map(file, contents))
    job = sj.NewJob(target="a_b_qpu", circuits=circuits, circuit_type=kind, shots=1)
    assert cirq.read_json(json_text=job.circuits) == cirq.read_json(json_text=CIRQS)


def test_several_files_of_qpy_make_one_job():
    other = FLIP.copy("other")
    circuits, kind = read_circuits([file(qpy(FLIP)), file(qpy(other, FLIP))])
    assert kind == "qiskit"
    read = qiskit.qpy.load(io.BytesIO(base64.b64decode(circuits)))
    assert read == [FLIP, other, FLIP]
    assert [each.name for each in read] == ["flip", "other", "flip"]


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ([""], "a.txt is empty"),
        ([" \n"], "a.txt is empty"),
        ([b"\xff\xfe"], "neither QPY nor UTF-8"),
        (["{"], "is not JSON"),
        (["[" * 100_000], "is not JSON"),
        (["[]"], "neither what cirq.to_json writes"),
        (['{"a": 1}'], "neither what cirq.to_json writes"),
        ([f"[{CIRQ}, 3]"], "neither what cirq.to_json writes"),
        ([QASM2, CIRQ], "submit a job for each format"),
        ([b"QISKIT", qpy(FLIP)], "QPY cannot be read"),
    ],
)
def test_what_holds_no_circuits_is_refused_before_anything_is_sent(contents, said):
    with pytest.raises(CommandError, match=said) as caught:
        read_circuits(map(file, contents))
    assert caught.value.code == 2
    assert "Nothing was sent" in caught.value.message


def test_programs_that_follow_each_other_come_through_stdin(run):
    stdin = (QASM2 + QASM2).encode()
    options = ["--target", "emulated_line_qpu", "--shots", "3"]
    result = run("submit", "-", *options, "--json", stdin=stdin)
    assert json.loads(result.stdout)["data"]["num_circuits"] == 2


def test_the_options_become_fields_of_the_job(server, run, folder):
    result = run(
        "submit", str(folder / "flip.qasm"), "--target", "ss_unconstrained_simulator",
        "--shots", "7", "--tag", "a", "--tag", "b", "--metadata", "n=3", "--metadata", "s=x",
        "--option", 'o={"a": [1]}', "--method", "noise-sim", "--verbatim",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    with sj.SuperstaqClient(server.api_key, server.url) as client:
        made = sj.fetch_job(client, result.stdout.strip())
    assert (made.tags, made.metadata.to_dict()) == (("a", "b"), {"n": 3, "s": "x"})
    assert (made.job_type, made.circuits[0].shots) == (sj.JobType.SIMULATE, 7)
    assert run("submit", "-", "--target", "a_b_qpu", "--metadata", "x", stdin=QASM2).exit_code == 2


def test_a_key_that_the_api_cannot_keep_is_refused(run, folder):
    arguments = ["submit", str(folder / "flip.qpy"), "--target", "emulated_ring_qpu", "--dry-run"]
    result = run(*arguments, "--submission-key", "once", version="v0.2.0")
    assert result.exit_code == 2
    assert "submission_key: API v0.2.0 keeps no tags" in result.stderr
