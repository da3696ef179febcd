"""The official client, unmodified, and our handle on one server: they must read the same."""

from __future__ import annotations

import warnings

import general_superstaq as gss
import pytest
from emulators import simulator  # noqa: F401 - a fixture
from general_superstaq.superstaq_client import _SuperstaqClientV3

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator

pytestmark = pytest.mark.official

GHZ = """OPENQASM 3.0;
include "stdgates.inc";
qubit[3] q;
bit[3] c;
h q[0];
cx q[0], q[1];
cx q[1], q[2];
c = measure q;
"""
ONE = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; x q[0]; measure q -> c;'
BROKEN = "OPENQASM 2.0; qreg q[1]; teleport q[0];"


@pytest.fixture(scope="module")
def server(simulator):  # noqa: F811 - the fixture
    with Emulator(step_seconds=0.02, seed=7, simulator=simulator) as running:
        yield running


@pytest.fixture
def ours(server):
    with sj.SuperstaqClient(server.api_key, server.url) as client:
        yield client


@pytest.fixture
def theirs(server):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that its v0.3.0 is under development
        client = _SuperstaqClientV3(
            client_name="general-superstaq",
            api_key=server.api_key,
            remote_host=server.url,
            api_version="v0.3.0",
            circuit_type=gss.models.CircuitType.QASM,
            max_retry_seconds=1,
        )
    yield client
    client.session.close()


def test_they_agree_on_a_job_that_we_submit(ours, theirs):
    job = sj.NewJob(
        target="ss_unconstrained_simulator",
        circuits=[GHZ, ONE, BROKEN],
        job_type="simulate",
        sim_method="sim",
        shots=100,
        tags=["one", "two"],
        metadata={"week": 18, "nested": {"list": [1, None, True, 0.5]}},
    )
    handle = sj.JobHandle.submit(ours, job)
    snapshot = handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.02)
    official = gss.job.Job(theirs, handle.job_id())
    official.wait_until_terminal_state(timeout_seconds=60, polling_seconds=0.02)

    assert official.job_id() == handle.job_id()
    assert official._status() == handle.status()
    for index in range(3):
        assert official._status(index) == handle.status(index)
    assert official.target() == handle.target()
    assert official.tags == handle.tags
    assert official.metadata == handle.metadata
    assert official.job_data.counts == [c.counts for c in snapshot.circuits]
    assert official.job_data.model_dump(mode="json") == handle.to_dict()
    assert set(snapshot.circuits[0].counts) == {"000", "111"}
    assert snapshot.circuits[1].counts == {"10": 100}  # big-endian: the first qubit is the first
    with pytest.raises(gss.SuperstaqUnsuccessfulJobException):
        official._check_if_unsuccessful()
    with pytest.raises(sj.SuperstaqUnsuccessfulJobException, match="teleport"):
        snapshot.raise_if_unsuccessful()


def test_they_agree_on_a_job_that_they_submit(ours, theirs):
    # Its create_job takes circuits of Cirq and Qiskit only; its model and its request take these.
    new_job = gss.models.NewJob(
        job_type="simulate",
        sim_method="sim",
        target="ss_unconstrained_simulator",
        circuits=ONE,
        circuit_type="qasm",
        shots=50,
        tags=["theirs"],
        metadata={"by": "them"},
    )
    answer = theirs.post_request("/client/job", new_job.model_dump())
    receipt = gss.models.NewJobResponse(**answer).model_dump()
    snapshot = sj.JobHandle(ours, receipt["job_id"]).wait_until_complete(
        timeout_seconds=60, polling_seconds=0.02
    )
    assert snapshot.tags == ("theirs",)
    assert snapshot.metadata == {"by": "them"}
    assert snapshot.counts(0) == {"10": 50}
    official = gss.job.Job(theirs, receipt["job_id"])
    assert official.job_data.model_dump(mode="json") == snapshot.to_dict()


def test_a_job_is_cancelled_once():
    with Emulator(step_seconds=60) as slow, sj.SuperstaqClient(slow.api_key, slow.url) as client:
        handle = sj.JobHandle.submit(
            client, sj.NewJob(target="ss_unconstrained_simulator", circuits=ONE, shots=1)
        )
        assert handle.cancel().cancelled == (handle.job_id(),)
        assert handle.status() is sj.CircuitStatus.CANCELLED
        assert handle.cancel().refused == (handle.job_id(),)
        # The server refuses the second one; the job is cancelled all the same.
        assert sj.JobHandle(client, handle.job_id()).cancel().cancelled == (handle.job_id(),)
        with pytest.raises(sj.CancelRefused):
            sj.JobHandle(client, "00000000-0000-0000-0000-0000000000ff").cancel()


def test_they_agree_on_targets_and_balance(ours, theirs):
    assert {t.target_name for t in sj.fetch_targets(ours)} == {
        t.target for t in theirs.get_targets()
    }
    only = sj.fetch_targets(ours, sj.TargetQuery(simulator=True))
    assert [t.target_name for t in only] == [t.target for t in theirs.get_targets(simulator=True)]
    assert sj.fetch_balance(ours).balance == theirs.get_balance()["balance"]
    info = theirs.target_info("ss_unconstrained_simulator")["target_info"]
    assert sj.fetch_target_info(ours, "ss_unconstrained_simulator").info == info


def test_a_sample_is_the_seeds_and_another_seed_is_another_sample(simulator):  # noqa: F811
    def sample(seed, simulator=simulator):
        biased = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; ry(1.2) q[0]; '
        biased += "measure q -> c;"
        with (
            Emulator(step_seconds=0, seed=seed, simulator=simulator) as server,
            sj.SuperstaqClient(server.api_key, server.url) as client,
        ):
            job = sj.NewJob(
                target="ss_unconstrained_simulator",
                circuits=[GHZ, biased],
                job_type="simulate",
                sim_method="sim",
                shots=10_000,
            )
            handle = sj.JobHandle.submit(client, job)
            return handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.02).counts()

    # The second one by processes of its own.
    (ghz, biased), again, other = sample(1), sample(1, simulator=None), sample(2)
    assert (ghz, biased) == again
    assert (ghz, biased) != other
    assert set(ghz) == {"000", "111"}
    expected = 10_000 * 0.31882112276166324  # sin(0.6)**2
    sigma = (expected * (1 - 0.31882112276166324)) ** 0.5
    assert abs(biased["1"] - expected) < 5 * sigma
    assert abs(ghz["000"] - 5000) < 5 * 50


def test_errors_of_the_server_are_distinguished(server, ours):
    with (
        sj.SuperstaqClient("wrong-key", server.url) as stranger,
        pytest.raises(sj.AuthenticationError, match="Check the API key"),
    ):
        sj.fetch_balance(stranger)
    unknown = "00000000-0000-0000-0000-0000000000ff"
    with pytest.raises(sj.JobsNotFound, match=unknown):
        sj.fetch_job(ours, unknown)
    with pytest.raises(sj.SuperstaqServerException, match="nowhere_device_qpu") as caught:
        sj.submit_job(ours, sj.NewJob(target="nowhere_device_qpu", circuits=ONE, shots=1))
    assert not isinstance(caught.value, sj.SubmissionUnknown)
