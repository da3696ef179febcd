"""The official client as a judge: every call that the emulator supports."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable
from typing import Any

import general_superstaq as gss
import pytest
from general_superstaq.job import Job

from superstaq_jobs.emulator import Emulator, User

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'
)

Official = Callable[..., Any]


def test_a_job_from_submission_to_counts(
    emulate: Callable[..., Emulator], submit: Callable[..., str], official: Official
):
    server = emulate(step_seconds=0.02)
    job_id = submit(server, BELL, BELL, tags=["week-18"], metadata={"run": 3})
    job = Job(official(server), job_id)
    job.wait_until_terminal_state(polling_seconds=0.02)
    assert job._status() == gss.models.CircuitStatus.COMPLETED
    assert job.target() == "ss_unconstrained_simulator"
    assert job.tags == ["week-18"]
    assert job.metadata == {"run": 3}
    assert job._repetitions() == 100
    for counts in job.job_data.counts:
        assert set(counts) == {"00", "11"}
        assert sum(counts.values()) == 100
    assert job.to_dict()["compiled_circuits"][0].startswith("OPENQASM 2.0;")
    assert job._terminal_measurement_qubit_indices(0) == [0, 1]


def test_a_failure_has_its_reason(
    emulate: Callable[..., Emulator], submit: Callable[..., str], official: Official
):
    server = emulate()
    job = Job(official(server), submit(server, BELL, "OPENQASM 2.0; frobnicate;"))
    job.wait_until_terminal_state(polling_seconds=0.02)
    with pytest.raises(gss.SuperstaqUnsuccessfulJobException, match=r"Circuit 1 - .*frobnicate"):
        job._check_if_unsuccessful()


def test_cancel(
    emulate: Callable[..., Emulator], submit: Callable[..., str], official: Official, clock: Any
):
    server = emulate(step_seconds=10, clock=clock)
    client = official(server)
    job_id = submit(server, BELL)
    assert client.cancel_jobs([job_id, uuid.uuid4()]) == [job_id]
    assert Job(client, job_id)._status() == gss.models.CircuitStatus.CANCELLED
    assert client.cancel_jobs([job_id]) == []


def test_the_other_calls(emulate: Callable[..., Emulator], official: Official):
    client = official(emulate())
    assert client.get_balance() == {"balance": 100.0}
    assert client.get_user_info()[0]["email"] == "user@emulator.example.com"
    assert client.get_user_info(email="user@emulator.example.com")
    targets = {target.target: target for target in client.get_targets()}
    assert targets["ss_unconstrained_simulator"].supports_submit_qubo
    assert "emulated_retired_qpu" not in targets
    assert {t.target for t in client.get_targets(simulator=True)} == {"ss_unconstrained_simulator"}
    assert [t.target for t in client.get_targets(retired=True)] == ["emulated_retired_qpu"]
    assert client.target_info("emulated_ring_qpu")["target_info"]["num_qubits"] == 5
    assert client.fetch_jobs([uuid.uuid4()]) == {}


@pytest.mark.parametrize(
    ("user", "key", "message"),
    [
        (User(), "wrong", "Not authorized"),
        (User(email_validated=False), "k", "validate your registered email"),
    ],
)
def test_rejected_keys(
    emulate: Callable[..., Emulator], official: Official, user: User, key: str, message: str
):
    client = official(emulate(api_key={"k": user}), key=key)
    with pytest.raises(gss.SuperstaqServerException, match=message):
        client.get_balance()


def test_the_terms_of_use_dialogue(
    emulate: Callable[..., Emulator], official: Official, monkeypatch: pytest.MonkeyPatch
):
    client = official(emulate(api_key={"k": User(terms_accepted=False)}))
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(gss.SuperstaqServerException, match="accept the Terms of Use"):
        client.get_balance()
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert client.get_balance() == {"balance": 100.0}


def test_warnings_become_warnings(emulate: Callable[..., Emulator], official: Official):
    client = official(emulate(warnings=["mind the gap"]))
    with pytest.warns(gss.SuperstaqWarning, match="mind the gap"):
        assert client.get_balance() == {"balance": 100.0}


@pytest.mark.parametrize(
    ("circuits", "options", "message"),
    [
        ({"cirq_circuits": "{}"}, {}, "expected a Cirq circuit"),
        ({"cirq_circuits": BELL}, {}, "expected the JSON of a Cirq circuit"),
        ({"qiskit_circuits": BELL}, {}, "not base64"),
        ({"qiskit_circuits": "UUlTS0lU"}, {}, "not QPY"),
        (
            {"cirq_circuits": "{}"},
            {"target": "no_such_qpu"},
            "The target no_such_qpu does not exist",
        ),
    ],
)
def test_a_refusal_has_its_reason(
    emulate: Callable[..., Emulator],
    official: Official,
    circuits: dict[str, str],
    options: dict[str, Any],
    message: str,
):
    client = official(emulate())
    with pytest.raises(gss.SuperstaqServerException, match=message):
        client.create_job(circuits, **options)


NEW_JOBS = {
    "job_type": ["submit", "simulate", "compile"],
    "verbatim": [True, False],
    "dry_run": [True, False],
    "sim_method": ["sim", "noise-sim", None],
}


def test_every_job_of_the_official_model_is_accepted(emulate: Callable[..., Emulator], send: Any):
    server = emulate()
    for values in itertools.product(*NEW_JOBS.values()):
        new_job = gss.models.NewJob(
            target="emulated_line_qpu",
            circuits=json.dumps([BELL]),
            circuit_type="qasm",
            shots=3,
            options_dict={"a": None},
            **dict(zip(NEW_JOBS, values, strict=True)),
        )
        response = send(server, "POST", "/client/job", new_job.model_dump(mode="json"))
        assert response.status == 200
        gss.models.NewJobResponse(**response.json)
