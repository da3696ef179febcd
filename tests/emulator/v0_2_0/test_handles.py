"""Our client on v0.2.0 and the official clients, against one emulator: they read the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import cirq
import cirq_superstaq as css
import pytest
import qiskit
import qiskit_superstaq as qss
from small_circuits import flips

import superstaq_jobs as sj
from superstaq_jobs.emulator import OFFICIAL_TARGETS, Emulator, Ending, Plan
from superstaq_jobs.testing import FakeClock

pytestmark = pytest.mark.official

SIMULATOR = "ss_unconstrained_simulator"
VERSIONS = ("v0.2.0", "v0.3.0")
BOTH = f"[{flips(0)}, {flips(1, 2)}]"
NEW = sj.NewJob(target=SIMULATOR, circuits=BOTH, circuit_type="cirq", shots=20)
FAST = {"polling_seconds": 0.05, "timeout_seconds": 60}


@pytest.fixture
def client() -> Iterator[Callable[..., sj.SuperstaqClient]]:
    """Our client for a server, of v0.2.0 unless a test says otherwise."""
    clients = []

    def make(server: Emulator, **options: Any) -> sj.SuperstaqClient:
        options = {"api_version": "v0.2.0"} | options
        clients.append(sj.SuperstaqClient(server.api_key, server.url, **options))
        return clients[-1]

    yield make
    for made in clients:
        made.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.filterwarnings("ignore:.*v0.3.0.*:UserWarning")
def test_a_handle_reads_what_cirq_superstaq_submitted(emulate, client, version):
    server = emulate()
    service = css.Service(server.api_key, remote_host=server.url, api_version=version)
    circuits = cirq.read_json(json_text=BOTH)
    job = service.create_job(circuits, repetitions=20, target="emulated_line_qpu")
    handle = sj.JobHandle(client(server, api_version=version, circuit_type="cirq"), job.job_id())
    snapshot = handle.wait_until_complete(**FAST)
    assert str(handle.job_id()) == str(job.job_id())
    assert snapshot.counts() == tuple(job.counts()) == ({"100": 20}, {"011": 20})
    assert handle.target() == job.target() == "emulated_line_qpu"
    assert [cirq.read_json(json_text=c.input_circuit) for c in snapshot.circuits] == circuits
    compiled = [css.deserialize_circuits(str(c.compiled_circuit))[0] for c in snapshot.circuits]
    assert compiled == job.compiled_circuits()
    assert [c.shots for c in snapshot.circuits] == [20, 20]
    assert snapshot.circuit_type == "cirq"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.filterwarnings("ignore:.*v0.3.0.*:UserWarning")
def test_a_handle_reads_what_qiskit_superstaq_submitted(emulate, client, version):
    server = emulate()
    provider = qss.SuperstaqProvider(server.api_key, remote_host=server.url, api_version=version)
    circuit = qiskit.QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    job = provider.get_backend(SIMULATOR).run([circuit, circuit], shots=7)
    handle = sj.JobHandle(client(server, api_version=version, circuit_type="qiskit"), job.job_id())
    snapshot = handle.wait_until_complete(**FAST)
    assert [c.reversed_bits() for c in snapshot.counts()] == job.result(wait=0.02).get_counts()
    assert snapshot.counts(0) == {"10": 7}
    assert qss.deserialize_circuits(str(snapshot.circuits[0].input_circuit)) == [circuit]
    assert snapshot.circuit_type == "qiskit"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.filterwarnings("ignore:.*v0.3.0.*:UserWarning")
def test_the_official_client_reads_what_a_handle_submitted(emulate, client, version):
    server = emulate()
    handle = sj.JobHandle.submit(client(server, api_version=version), NEW)
    snapshot = handle.wait_until_complete(**FAST)
    service = css.Service(server.api_key, remote_host=server.url, api_version=version)
    job = service.get_job(str(handle.job_id()))
    assert tuple(job.counts()) == snapshot.counts() == ({"100": 20}, {"011": 20})
    assert job.input_circuits() == cirq.read_json(json_text=BOTH)
    assert job.target() == snapshot.target == SIMULATOR


def test_every_word_for_a_status_means_the_same_in_both_versions(emulate, client):
    clock = FakeClock()
    failure = Plan(circuits={1: Ending("failed", message="the laser is off")})
    server = emulate(clock=clock, step_seconds=10, plans=[failure])
    old, new = client(server), client(server, api_version="v0.3.0", circuit_type="cirq")
    handle = sj.JobHandle.submit(old, NEW)
    seen = set()
    for _ in range(40):
        before = sj.fetch_jobs(old, str(handle.job_id()).split(","))
        after = sj.fetch_jobs(new, str(handle.job_id()).split(","))
        for one, other in zip(before, after, strict=True):
            seen.add((one.status, other.status))
            assert one.is_terminal == other.is_terminal
        clock.advance(2)
    assert {(a, b) for a, b in seen if b.is_terminal} == {
        ("completed", "completed"),
        ("failed", "failed"),
    }
    with pytest.raises(sj.SuperstaqUnsuccessfulJobException, match=r"circuit 1: .*laser is off"):
        handle.wait_until_complete(timeout_seconds=0).counts()


def test_one_circuit_is_cancelled_and_the_other_runs(emulate, client):
    clock = FakeClock()
    server = emulate(clock=clock, step_seconds=10)
    handle = sj.JobHandle.submit(client(server, clock=clock), NEW)
    first, _ = str(handle.job_id()).split(",")
    assert handle.cancel(0).cancelled == (first,)
    snapshot = handle.wait_until_complete(timeout_seconds=1000)
    assert snapshot.statuses == ("cancelled", "completed")
    assert snapshot.counts(1) == {"011": 20}
    assert handle.cancel().message == "nothing was sent: the job is finished (cancelled, completed)"


def test_targets_info_and_balance_are_those_of_the_official_client(emulate, client, service):
    server = emulate(targets=OFFICIAL_TARGETS)
    ours, theirs = client(server), service(server)
    listed = {target.target_name: target for target in sj.fetch_targets(ours)}
    for target in theirs.get_targets():
        for flag in ("supports_submit", "supports_compile", "available", "retired", "accessible"):
            assert getattr(listed[target.target], flag) == getattr(target, flag)
    assert listed.keys() == {target.target for target in theirs.get_targets()}
    few = sj.fetch_targets(ours, sj.TargetQuery(simulator=True, accessible=True))
    assert {each.target_name for each in few} < listed.keys()
    info = sj.fetch_target_info(ours, "ibmq_fez_qpu").info.to_dict()
    assert info == theirs.target_info("ibmq_fez_qpu")
    assert sj.fetch_balance(ours).balance == theirs.get_balance(pretty_output=False)


def test_what_the_server_refuses_is_its_error_with_its_message(emulate, client):
    server = emulate()
    with pytest.raises(sj.SuperstaqServerException, match="nosuch_thing_qpu"):
        sj.fetch_target_info(client(server), "nosuch_thing_qpu")
    with pytest.raises(sj.SuperstaqServerException) as caught:
        sj.fetch_jobs(client(server), ["6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de"])
    assert "6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de" in str(caught.value)
    wrong = sj.SuperstaqClient("not the key", server.url, api_version="v0.2.0")
    with wrong, pytest.raises(sj.AuthenticationError):
        sj.fetch_balance(wrong)


def test_a_dry_run_is_finished_when_it_is_submitted(emulate, client):
    server = emulate(step_seconds=10)
    job = sj.NewJob(target=SIMULATOR, circuits=flips(0), circuit_type="cirq", shots=9, dry_run=True)
    snapshot = sj.JobHandle.submit(client(server), job).refresh()
    assert snapshot.counts(0) == {"100": 9}


def test_a_thousand_circuits_take_few_requests_a_round_in_a_thread_and_in_asyncio(emulate, client):
    server = emulate(step_seconds=0.1)
    ours = client(server)
    hundred = sj.NewJob(
        target=SIMULATOR, circuits=f"[{','.join([flips(0)] * 100)}]", circuit_type="cirq", shots=1
    )
    handles = [sj.JobHandle.submit(ours, hundred) for _ in range(10)]
    before = ours.traffic.requests
    with pytest.raises(sj.JobsTimeout):
        sj.wait_all(handles, timeout_seconds=0)
    assert ours.traffic.requests - before <= 10
    finals = asyncio.run(sj.wait_all_async(handles, **FAST))
    assert [final.job_id for final in finals] == [handle.job_id() for handle in handles]
    assert {c.status for final in finals for c in final.circuits} == {"completed"}
    settled = ours.traffic.requests
    assert sj.wait_all(handles) == finals
    assert ours.traffic.requests == settled
