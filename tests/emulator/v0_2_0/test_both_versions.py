"""One store under both versions: what is submitted through one is read through the other."""

from __future__ import annotations

import json
import time
from typing import Any

import cirq
import pytest
import qiskit
import qiskit_superstaq as qss
from hypothesis import given, settings
from hypothesis import strategies as st
from small_circuits import flips

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator, Ending, Plan
from superstaq_jobs.testing import FakeClock, Fault

SIMULATOR = "ss_unconstrained_simulator"
QASM = 'OPENQASM 3.0; include "stdgates.inc"; qubit q; x q;'


@pytest.fixture
def client() -> Any:
    """Our client of v0.3.0, for a server."""
    clients = []

    def make(server: Emulator, **options: Any) -> sj.SuperstaqClient:
        clients.append(sj.SuperstaqClient(server.api_key, server.url, **options))
        return clients[-1]

    yield make
    for made in clients:
        made.close()


def test_a_job_of_v0_2_0_is_a_job_of_one_circuit_in_v0_3_0(emulate, run, done, client):
    server = emulate()
    ids = run(server, flips(0), flips(1), target="emulated_line_qpu", options='{"lifespan": 3}')
    shown = done(server, ids)
    snapshots = sj.fetch_jobs(client(server), ids, circuit_type="cirq")
    assert [str(snapshot.job_id) for snapshot in snapshots] == ids
    for job, snapshot in zip(shown, snapshots, strict=True):
        (circuit,) = snapshot.circuits
        assert str(snapshot.status) == "completed"
        assert (snapshot.target, snapshot.dry_run, snapshot.tags) == (job["target"], False, ())
        assert str(snapshot.job_type) == "submit"
        assert str(snapshot.circuit_type) == job["circuit_type"]
        assert dict(circuit.counts) == job["samples"]
        assert circuit.shots == job["shots"]
        assert circuit.provider_id == job["provider_id"]
        assert circuit.input_circuit == job["input_circuit"]
        assert circuit.compiled_circuit == job["compiled_circuit"]


def test_a_query_finds_them(emulate, run, client):
    server = emulate(clock=FakeClock(), step_seconds=10)
    ids = run(server, flips(), flips(0))
    ids += run(server, method="dry-run", target="emulated_private_qpu")
    found = sj.query_jobs(client(server, clock=FakeClock()), sj.JobQuery())
    assert [str(snapshot.job_id) for snapshot in found] == ids
    completed = sj.query_jobs(client(server), sj.JobQuery(status=["completed"]))
    assert [(str(job.job_id), job.dry_run) for job in completed] == [(ids[2], True)]


@pytest.mark.parametrize(
    ("method", "job_type", "dry_run"),
    [
        (None, "submit", False),
        ("statevector", "submit", False),
        ("dry-run", "submit", True),
        ("sim", "simulate", False),
        ("noise-sim", "simulate", False),
    ],
)
def test_what_a_method_means_in_v0_3_0(
    *, emulate, run, client, method: str | None, job_type: str, dry_run: bool
):
    server = emulate()
    (job_id,) = run(server, **({"method": method} if method else {}))
    snapshot = sj.fetch_job(client(server), job_id)
    assert (str(snapshot.job_type), snapshot.dry_run) == (job_type, dry_run)
    (emulated,) = server.jobs()
    assert emulated.job_type == job_type


@pytest.mark.parametrize(("format_", "circuit"), [("cirq", flips(0, 2)), ("qasm", QASM)])
def test_a_job_of_v0_3_0_is_read_through_v0_2_0(emulate, done, client, format_: str, circuit: str):
    server = emulate()
    job = sj.NewJob(target=SIMULATOR, circuits=circuit, circuit_type=format_, shots=20)
    handle = sj.JobHandle.submit(client(server), job)
    snapshot = handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.02)
    (shown,) = done(server, [str(handle.job_id())])
    (circuit_snapshot,) = snapshot.circuits
    assert shown["samples"] == dict(circuit_snapshot.counts)
    assert shown["circuit_type"] == format_
    assert shown["input_circuit"] == circuit_snapshot.input_circuit
    assert shown["compiled_circuit"] == circuit_snapshot.compiled_circuit
    assert shown["num_qubits"] == (3 if format_ == "cirq" else 1)


def test_a_compile_job_is_done_without_samples(emulate, done, submit):
    server = emulate()
    (shown,) = done(server, [submit(server, QASM, job_type="compile", shots=0)])
    assert (shown["status"], shown["samples"], shown["data"]) == ("Done", None, None)
    assert shown["compiled_circuit"]


def test_a_job_of_several_circuits_is_refused_by_name(emulate, submit, fetch, post):
    server = emulate(clock=FakeClock(), step_seconds=10)
    job_id = submit(server, QASM, QASM)
    for path in ("/fetch_jobs", "/cancel_jobs"):
        response = post(server, path, {"job_ids": [job_id]})
        assert response.status == 400
        assert f"job {job_id} has 2 circuits" in response.json["message"]
        assert "v0.3.0" in response.json["message"]
    assert fetch(server, job_id)["statuses"] == ["received", "received"]


def test_each_version_cancels_the_other_ones_jobs(emulate, run, read, submit, fetch, post, client):
    server = emulate(clock=FakeClock(), step_seconds=10)
    theirs, ours = run(server)[0], submit(server, QASM)
    assert post(server, "/cancel_jobs", {"job_ids": [ours]}).json == {"succeeded": [ours]}
    assert fetch(server, ours)["statuses"] == ["cancelled"]
    sj.cancel_jobs(client(server), [theirs])
    assert read(server, [theirs])[theirs]["status"] == "Canceled"


def test_ids_are_the_same_for_the_same_seed_and_differ_among_circuits(emulate, run):
    first, again = (run(emulate(seed=3, clock=FakeClock()), flips(), flips()) for _ in range(2))
    assert first == again
    assert len(set(first)) == 2


def test_the_same_seed_gives_the_same_counts(emulate, post, done):
    plus = cirq.Circuit(
        cirq.H.on_each(*cirq.LineQubit.range(3)), cirq.measure_each(*cirq.LineQubit.range(3))
    )
    body = {"cirq_circuits": cirq.to_json([plus, plus]), "target": SIMULATOR, "shots": 500}
    runs = []
    for _ in range(2):
        server = emulate(seed=11)
        runs.append(
            [job["samples"] for job in done(server, post(server, "/jobs", body).json["job_ids"])]
        )
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[0][1]


# --- law 9: the same circuits through both versions


LONE = {
    "num_qubits",  # v0.3.0 does not say it
    "state_vector",  # nor this
    "data",  # nor this, which follows from the counts
}
"""What only version 0.2.0 shows."""


@settings(deadline=None, max_examples=8)
@given(
    circuits=st.lists(st.sets(st.integers(0, 2)), min_size=1, max_size=4), shots=st.integers(1, 50)
)
def test_the_same_circuits_through_both_versions_give_the_same(simulator, circuits, shots: int):
    sources = [flips(*ones) for ones in circuits]
    with (
        Emulator(step_seconds=0, simulator=simulator) as server,
        sj.SuperstaqClient(server.api_key, server.url) as client,
    ):
        job = sj.NewJob(
            target="emulated_line_qpu",
            circuits=f"[{','.join(sources)}]",
            circuit_type="cirq",
            shots=shots,
        )
        handle = sj.JobHandle.submit(client, job)
        ours = handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.02)
        theirs = _through_v0_2_0(server, sources, shots)
    for circuit, shown in zip(ours.circuits, theirs, strict=True):
        assert shown["samples"] == dict(circuit.counts)
        assert shown["compiled_circuit"] == circuit.compiled_circuit
        assert json.loads(shown["input_circuit"]) == json.loads(circuit.input_circuit)
        assert (shown["shots"], shown["target"]) == (circuit.shots, ours.target)
        assert shown["circuit_type"] == str(ours.circuit_type)
        assert shown["status"] == "Done"
        assert str(circuit.status) == "completed"
        assert set(shown) - LONE == {
            *("status", "target", "shots", "samples", "circuit_type", "provider_id"),
            *("input_circuit", "compiled_circuit"),
        }


def _through_v0_2_0(server: Emulator, sources: list[str], shots: int) -> list[dict[str, Any]]:
    service = qss.SuperstaqProvider(server.api_key, remote_host=server.url)._client
    answer = service.post_request(
        "/jobs",
        {"cirq_circuits": f"[{','.join(sources)}]", "target": "emulated_line_qpu", "shots": shots},
    )
    for _ in range(3_000):
        jobs = list(service.post_request("/fetch_jobs", {"job_ids": answer["job_ids"]}).values())
        if {job["status"] for job in jobs} == {"Done"}:
            return jobs
        time.sleep(0.02)
    raise AssertionError(jobs)


# --- plans, the operator, faults


def test_a_plan_is_for_all_circuits_of_a_submission(emulate, run, read):
    plan = Plan(
        circuits={
            1: Ending("failed", during="compiling", message="Out of memory."),
            2: Ending("stuck", during="pending"),
        }
    )
    server = emulate(clock=FakeClock(), plans=[plan, Plan(ending=Ending("cancelled"))])
    ids = run(server, flips(), flips(0), flips(1))
    later = run(server, flips())
    jobs = list(read(server, [*ids, *later]).values())
    assert [job["status"] for job in jobs] == ["Done", "Failed", "Queued", "Canceled"]
    assert jobs[1]["failure"] == {"error": "Out of memory."}
    assert jobs[3]["failure"] == {"error": "Cancelled by the operator."}
    parts = [job.plan.ending.becomes for job in server.jobs()]
    assert parts == ["completed", "failed", "stuck", "cancelled"]


def test_a_plan_for_a_target_waits_for_it(emulate, run, read):
    server = emulate(clock=FakeClock())
    server.plan(Plan(ending=Ending("failed")), target="emulated_ring_qpu")
    (first,) = run(server, target="emulated_line_qpu")
    (second,) = run(server, target="emulated_ring_qpu")
    statuses = [job["status"] for job in read(server, [first, second]).values()]
    assert statuses == ["Done", "Failed"]


def test_the_virtual_clock_moves_jobs(emulate, run, read, clock):
    server = emulate(clock=clock, plans=[Plan(queue_seconds=36_000, run_seconds=90)])
    ids = run(server, flips(0), flips(1))

    def statuses() -> set[str]:
        return {job["status"] for job in read(server, ids).values()}

    assert statuses() == {"Queued"}
    server.advance(36_000)
    assert statuses() == {"Running"}
    server.advance(90)
    assert statuses() == {"Done"}


def test_the_operator_sees_and_ends_jobs(emulate, run, read):
    server = emulate(clock=FakeClock(), step_seconds=10)
    first, second, third, fourth = run(server, flips(0), flips(), flips(), flips())
    server.finish_job(first)
    server.cancel_job(second, message="Maintenance.")
    assert server.fail_job(third).statuses == ("failed",)
    jobs = read(server, [first, second, third, fourth])
    assert [job["status"] for job in jobs.values()] == ["Done", "Canceled", "Failed", "Submitted"]
    assert jobs[second]["failure"] == {"error": "Maintenance."}
    assert [str(job.job_id) for job in server.jobs()] == [first, second, third, fourth]


def test_faults_strike_the_calls_of_v0_2_0(emulate, run, post):
    server = emulate(faults=[Fault("status", status_code=502), None])
    assert post(server, "/targets", {}).status == 502
    server.faults.extend([Fault("status", status_code=500)], call="POST /fetch_jobs")
    ids = run(server)
    assert post(server, "/targets", {}).status == 200
    assert post(server, "/fetch_jobs", {"job_ids": ids}).status == 500
    assert post(server, "/fetch_jobs", {"job_ids": ids}).status == 200
    assert server.faults.remaining == ()


def test_a_submission_whose_response_is_lost_has_been_made(emulate, service):
    server = emulate()
    lost = Fault("reset_after_request", is_done=True)
    server.faults.extend([lost], call="POST /jobs")
    job = service(server).create_job(
        cirq.read_json(json_text=flips(0)), target=SIMULATOR, repetitions=5
    )
    assert job.counts(0, polling_seconds=0.02) == {"100": 5}
    assert len(server.jobs()) == 2  # the official client repeats a submission


# --- the version itself


def test_the_version_needs_no_key(emulate, send, service):
    server = emulate()
    response = send(server, "GET", "", key=None, version="/v0.2.0")
    assert response.status == 200
    assert response.headers["superstaq_version"] == sj.__version__
    told = service(server)._client.get_superstaq_version()
    assert told == {"superstaq_version": sj.__version__}


def test_qpy_is_read_with_and_without_line_breaks(emulate, post, done):
    server = emulate()
    circuit = qiskit.QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    text = qss.serialize_circuits([circuit, circuit])
    assert "\n" in text
    for given_text in (text, text.replace("\n", "")):
        body = {"qiskit_circuits": given_text, "target": SIMULATOR, "shots": 2}
        jobs = done(server, post(server, "/jobs", body).json["job_ids"])
        assert [job["samples"] for job in jobs] == [{"10": 2}, {"10": 2}]
        for job in jobs:
            (back,) = qss.deserialize_circuits(job["input_circuit"])
            assert back == circuit
            assert job["num_qubits"] == 2
