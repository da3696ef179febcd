"""First tests: one with a snapshot made by hand, one with scripted responses."""

import datetime as dt

import pytest
from calibration.pipeline import Pipeline
from calibration.readout import readout_errors

from superstaq_jobs import CircuitSnapshot, JobSnapshot
from superstaq_jobs.testing import jobs_response, json_response

JOB_ID = "3f3a1c52-6a0e-4d0c-9c1f-6f1b3f5a7d11"


def snapshot(*counts):
    return JobSnapshot(
        job_id=JOB_ID,
        job_type="submit",
        target="ibmq_fez_qpu",
        circuit_type="qasm",
        user_email="ada@example.com",
        submitted_at=dt.datetime(2026, 5, 1, tzinfo=dt.UTC),
        tags=["submission-key:calibration-0"],
        circuits=[
            CircuitSnapshot(index=i, status_text="completed", shots=100, counts=c)
            for i, c in enumerate(counts)
        ],
    )


def test_the_errors_of_two_qubits():
    done = snapshot({"0": 3, "1": 97}, {"1": 100})
    assert readout_errors(done, [4, 7]) == {4: 0.03, 7: 0.0}


# The scripted server does not keep the digest of what was submitted with a key.
@pytest.mark.filterwarnings("ignore:.*does not find it with the tag 'submission-digest")
def test_a_calibration(superstaq_client, scripted_transport, tmp_path):
    pipeline = Pipeline(superstaq_client, tmp_path / "state.json", [4, 7])
    finished = snapshot({"0": 3, "1": 97}, {"1": 100})
    scripted_transport.extend(
        jobs_response(),  # no job has the submission key,
        jobs_response(),  # nor has one some seconds later
        json_response({"job_id": JOB_ID, "num_circuits": 2}),
        jobs_response(finished),  # the new job has the key
        jobs_response(finished),  # and is polled
    )
    pipeline.begin()
    assert pipeline.is_running
    pipeline.poll()
    assert pipeline.errors == {4: 0.03, 7: 0.0}
    assert not pipeline.is_running
