"""cirq-superstaq with nothing but a host and a key: every call on jobs, targets and the account."""

from __future__ import annotations

import cirq
import cirq_superstaq as css
import general_superstaq as gss
import pytest
from small_circuits import flips

from superstaq_jobs.emulator import OFFICIAL_TARGETS, Ending, Plan, User
from superstaq_jobs.testing import FakeClock

pytestmark = pytest.mark.official

SIMULATOR = "ss_unconstrained_simulator"
FAST = {"polling_seconds": 0.02, "timeout_seconds": 60}


def circuit(*ones: int) -> cirq.Circuit:
    return cirq.read_json(json_text=flips(*ones))


@pytest.fixture
def ours(emulate, service) -> css.Service:
    return service(emulate())


def test_a_job_from_beginning_to_end(ours):
    job = ours.create_job(circuit(0), repetitions=20, target="emulated_line_qpu")
    assert isinstance(job, css.Job)
    assert job.counts(0, **FAST) == {"100": 20}
    assert job.status() == "Done"
    assert job.target() == "emulated_line_qpu"
    assert job.repetitions() == 20
    assert job.num_qubits(0) == 3
    assert job.input_circuits(0) == circuit(0)
    assert job.compiled_circuits(0).all_measurement_key_names() == {"m"}
    again = ours.get_job(job.job_id())
    assert again.status() == "Done"
    assert again.counts(0) == {"100": 20}
    assert again.to_dict() == job.to_dict()


def test_a_job_of_several_circuits(ours):
    job = ours.create_job([circuit(), circuit(1), circuit(2)], repetitions=5, target=SIMULATOR)
    assert len(job.job_id().split(",")) == 3
    assert job.counts(**FAST) == [{"000": 5}, {"010": 5}, {"001": 5}]
    assert job.input_circuits() == [circuit(), circuit(1), circuit(2)]
    assert [job.status(index) for index in range(3)] == ["Done"] * 3
    assert job.counts(1, qubit_indices=[1, 2]) == {"10": 5}
    assert job[2].counts(0) == {"001": 5}
    assert ours.get_job(job.job_id()).counts(2) == {"001": 5}


def test_counts_runs_and_samplers(ours):
    assert ours.get_counts(circuit(0), repetitions=5, target=SIMULATOR) == {"100": 5}
    both = ours.get_counts([circuit(0), circuit(1)], repetitions=5, target=SIMULATOR)
    assert both == [{"100": 5}, {"010": 5}]
    result = ours.run(circuit(1), repetitions=5, target=SIMULATOR)
    assert result.measurements["m"].tolist() == [[0, 1, 0]] * 5
    sampled = ours.sampler(SIMULATOR).run(circuit(2), repetitions=4)
    assert sampled.measurements["m"].tolist() == [[0, 0, 1]] * 4


def test_several_measurement_keys(ours):
    a, b = cirq.LineQubit.range(2)
    keyed = cirq.Circuit(cirq.X(b), cirq.measure(b, key="z"), cirq.measure(a, key="y"))
    assert ours.get_counts(keyed, repetitions=3, target=SIMULATOR) == {"01": 3}


def test_cancelling(emulate, service):
    ours = service(emulate(clock=FakeClock(), step_seconds=10))
    job = ours.create_job([circuit(), circuit(0), circuit(1)], repetitions=1, target=SIMULATOR)
    assert job.status() == "Submitted"
    job.cancel(1)
    assert [job.status(index) for index in range(3)] == ["Submitted", "Canceled", "Submitted"]
    with pytest.warns(gss.SuperstaqWarning, match="it already has status Canceled"):
        job.cancel()
    assert job.status() == "Canceled"
    with pytest.raises(gss.SuperstaqUnsuccessfulJobException, match="Cancelled by user@"):
        job.counts(0, **FAST)


def test_a_job_that_fails_says_why(emulate, service):
    ours = service(emulate(plans=[Plan(ending=Ending("failed", message="The laser is off."))]))
    job = ours.create_job(circuit(), repetitions=1, target=SIMULATOR)
    with pytest.raises(gss.SuperstaqUnsuccessfulJobException, match=r"The laser is off\."):
        job.counts(0, **FAST)
    assert job.status() == "Failed"


def test_a_wait_ends_for_every_way_a_job_can_end(emulate, service):
    for becomes in ("failed", "cancelled", "deleted", "unrecognized"):
        ours = service(emulate(plans=[Plan(ending=Ending(becomes))]))
        job = ours.create_job(circuit(), repetitions=1, target=SIMULATOR)
        with pytest.raises(gss.SuperstaqUnsuccessfulJobException):
            job.counts(0, **FAST)


def test_targets_and_their_details(emulate, service):
    ours = service(emulate(targets=OFFICIAL_TARGETS))
    targets = {target.target: target for target in ours.get_targets()}
    assert targets["ibmq_fez_qpu"].accessible
    assert not targets["aqt_keysight_qpu"].supports_submit
    mine = {target.target for target in ours.get_my_targets()}
    assert mine == {name for name, target in targets.items() if target.accessible}
    assert {target.target for target in ours.get_targets(simulator=True)} == {
        name for name in targets if name.endswith("_simulator")
    }
    info = ours.target_info("ibmq_fez_qpu")
    assert (info["target"], info["num_qubits"]) == ("ibmq_fez_qpu", 156)
    edges = {tuple(edge) for edge in info["coupling_map"]}
    assert edges == {(b, a) for a, b in edges}


def test_the_account(emulate, service):
    ours = service(emulate(api_key={"k": User(name="Ada", balance=12.5)}))
    assert ours.get_balance() == "12.50 credits"
    assert ours.get_balance(pretty_output=False) == 12.5
    assert ours._client.get_user_info()[0]["name"] == "Ada"


def test_an_unknown_target_or_job_is_an_error_of_the_server(ours):
    with pytest.raises(gss.SuperstaqServerException, match="no_such_qpu") as caught:
        ours.create_job(circuit(), repetitions=1, target="no_such_qpu")
    assert caught.value.status_code == 404
    with pytest.raises(gss.SuperstaqServerException, match="do not exist"):
        ours.get_job("nothing").status()
    with pytest.raises(gss.SuperstaqServerException, match="do not have access"):
        ours.create_job(circuit(), repetitions=1, target="emulated_private_qpu")


def test_keywords_travel_as_options(emulate):
    server = emulate()
    ours = css.Service(server.api_key, remote_host=server.url, ibmq_token="T", cq_token={"a": 1})
    job = ours.create_job(circuit(0), repetitions=2, target=SIMULATOR, verbatim=True, lifespan=3)
    assert job.counts(0, **FAST) == {"100": 2}
    assert job.compiled_circuits(0) == circuit(0)
    ours.get_my_targets()
    assert ours.target_info(SIMULATOR)["num_qubits"] == 20


def test_noise(ours):
    noisy = ours.get_counts(
        circuit(0), repetitions=2_000, target=SIMULATOR, method="noise-sim", error_rate=0.2
    )
    assert 100 < 2_000 - noisy["100"] < 320  # the flipped qubit is wrong with probability 0.1
    with pytest.raises(gss.SuperstaqServerException, match="error_rate"):
        ours.get_counts(
            circuit(0), repetitions=1, target=SIMULATOR, method="noise-sim", noise="bit_flip"
        )
