"""Jobs in version 0.2.0, by plain HTTP: what clients rely on, and what is refused."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import cirq
import pytest
from small_circuits import flips

from superstaq_jobs.emulator import Emulator, Ending, Plan, Simulator, User
from superstaq_jobs.emulator.messages import MAX_BODY_BYTES
from superstaq_jobs.testing import FakeClock

QISKIT = "qiskit-superstaq"
NOBODYS = str(uuid.UUID(int=7))


@pytest.fixture
def server(emulate: Callable[..., Emulator]) -> Emulator:
    return emulate()


@pytest.fixture
def slow(emulate: Callable[..., Emulator], clock: FakeClock) -> Emulator:
    """On a virtual clock that nobody moves, so that nothing starts."""
    return emulate(clock=clock, step_seconds=10)


# --- what a job is


def test_each_circuit_is_a_job_of_its_own(server, run, done):
    ids = run(server, flips(), flips(0), flips(0, 2))
    assert len(set(ids)) == 3
    jobs = done(server, ids)
    assert [job["samples"] for job in jobs] == [{"000": 10}, {"100": 10}, {"101": 10}]
    assert {job["status"] for job in jobs} == {"Done"}


def test_a_finished_job_shows_everything(server, run, done):
    (job,) = done(server, run(server, flips(1), options=json.dumps({"verbatim": False})))
    compiled = cirq.read_json(json_text=job.pop("compiled_circuit"))
    (given,) = cirq.read_json(json_text=job.pop("input_circuit"))
    assert given == cirq.read_json(json_text=flips(1))
    assert cirq.measurement_key_names(compiled) == {"m"}
    assert job.pop("provider_id")
    assert job == {
        "status": "Done",
        "target": "ss_unconstrained_simulator",
        "shots": 10,
        "samples": {"010": 10},
        "data": {"histogram": {"010": 1.0}},
        "num_qubits": 3,
        "circuit_type": "cirq",
        "state_vector": None,
    }


def test_an_unfinished_job_has_the_same_keys(slow, run, read):
    (job,) = read(slow, run(slow, target="emulated_line_qpu")).values()
    assert (job["status"], job["shots"], job["num_qubits"]) == ("Submitted", 10, 3)
    assert cirq.read_json(json_text=job["input_circuit"])
    unknown = {"samples", "compiled_circuit", "data", "provider_id", "state_vector"}
    assert {key for key in job if job[key] is None} == unknown


def test_the_keys_are_in_the_order_of_the_ids(slow, run, read):
    ids = run(slow, flips(), flips(0), flips(1), flips(2))
    for order in (ids, ids[::-1], [ids[2], ids[0], ids[2]]):
        assert list(read(slow, order)) == list(dict.fromkeys(order))


def test_a_circuit_of_a_list_or_alone(server, post, done):
    for circuits in (flips(0), f"[{flips(0)}]"):
        body = {"cirq_circuits": circuits, "target": "ss_unconstrained_simulator", "shots": 3}
        (job,) = done(server, post(server, "/jobs", body).json["job_ids"])
        assert job["samples"] == {"100": 3}


def test_a_circuit_that_cannot_run_fails_alone(server, run, done):
    qubit = cirq.LineQid(0, 3)
    qutrit = cirq.to_json(cirq.Circuit(cirq.measure(qubit)))
    good, bad = done(server, run(server, flips(0), qutrit))
    assert good["status"] == "Done"
    assert bad["status"] == "Failed"
    assert "levels" in bad["failure"]["error"]
    assert (bad["samples"], bad["shots"], bad["num_qubits"]) == (None, 10, None)
    assert "failure" not in good


# --- status words


WORDS = [
    ("received", "Submitted", "Submitted"),
    ("awaiting_compile", "Submitted", "Submitted"),
    ("compiling", "Submitted", "Submitted"),
    ("awaiting_submission", "Ready", "Submitted"),
    ("pending", "Queued", "Queued"),
    ("running", "Running", "Running"),
]


@pytest.mark.parametrize(("during", "word", "of_qiskit"), WORDS)
def test_the_words_of_unfinished_jobs(
    *, emulate, clock, run, read, during: str, word: str, of_qiskit: str
):
    server = emulate(clock=clock, plans=[Plan(ending=Ending("stuck", during=during))])
    ids = run(server)
    clock.advance(1)
    for client, expected in [("cirq-superstaq", word), ("", word), (QISKIT, of_qiskit)]:
        (job,) = read(server, ids, client=client).values()
        assert job["status"] == expected, client


@pytest.mark.parametrize(
    ("becomes", "word", "of_qiskit"),
    [
        ("failed", "Failed", "Failed"),
        ("unrecognized", "Failed", "Failed"),
        ("cancelled", "Canceled", "Cancelled"),
        ("deleted", "Deleted", "Cancelled"),
    ],
)
def test_the_words_of_unsuccessful_jobs(
    *, emulate, run, read, becomes: str, word: str, of_qiskit: str
):
    server = emulate(clock=FakeClock(), plans=[Plan(ending=Ending(becomes, during="received"))])
    ids = run(server)
    for client, expected in [("general-superstaq", word), (QISKIT, of_qiskit)]:
        (job,) = read(server, ids, client=client).values()
        assert job["status"] == expected
        assert job["failure"]["error"]
        assert job["samples"] is None


# --- dry runs, targets, options


def test_a_dry_run_is_done_before_the_response(emulate, run, read):
    server = emulate(step_seconds=60)
    ids = run(server, flips(0), flips(1), method="dry-run", target="emulated_line_qpu")
    assert [job["status"] for job in read(server, ids).values()] == ["Done", "Done"]


def test_a_dry_run_is_done_on_a_virtual_clock_too(slow, run, read, clock):
    (job,) = read(slow, run(slow, method="dry-run")).values()
    assert (job["status"], clock.now()) == ("Done", 1_000)


class Idle(Simulator):
    """Runs nothing, but does everything else on another's processes."""

    def __init__(self, other: Simulator) -> None:
        self.__dict__ = other.__dict__

    def submit(self, runs: object) -> None:
        del runs


def test_a_dry_run_that_the_operator_ends_waits_no_longer(emulate, run, read, simulator):
    server = emulate(step_seconds=100, simulator=Idle(simulator))
    ids: list[str] = []
    thread = threading.Thread(target=lambda: ids.extend(run(server, method="dry-run")))
    thread.start()
    # Without the request that waits for its completion, it would not be so far.
    while not (jobs := server.jobs()) or jobs[0].statuses != ("compiling",):
        time.sleep(0.01)
    server.cancel_job(jobs[0].job_id)
    thread.join(10)
    assert ids == [str(jobs[0].job_id)]
    assert read(server, ids)[ids[0]]["status"] == "Canceled"


def test_a_dry_run_follows_its_plan_if_it_has_one(emulate, run, read, clock):
    server = emulate(clock=clock, plans=[Plan(queue_seconds=5)])
    ids = run(server, method="dry-run")
    assert read(server, ids)[ids[0]]["status"] == "Queued"
    clock.advance(5)
    assert read(server, ids)[ids[0]]["status"] == "Done"


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        ("emulated_private_qpu", None, 400),
        ("emulated_private_qpu", "sim", 400),
        ("emulated_private_qpu", "dry-run", 200),
        ("emulated_offline_qpu", None, 400),
        ("emulated_offline_qpu", "dry-run", 200),
        ("emulated_offline_qpu", "sim", 200),
        ("emulated_compileonly_qpu", "anything", 400),
        ("emulated_compileonly_qpu", "dry-run", 200),
        ("emulated_retired_qpu", "dry-run", 400),
        ("emulated_line_qpu", "statevector", 200),
        ("no_such_qpu", "dry-run", 404),
    ],
)
def test_which_target_takes_which_jobs(
    *, server, post, target: str, method: str | None, status: int
):
    body = {"cirq_circuits": flips(), "target": target, "shots": 1}
    response = post(server, "/jobs", body | ({"method": method} if method else {}))
    assert response.status == status
    if status != 200:
        assert target in response.json["message"]


def test_a_verbatim_circuit_is_not_compiled(server, run, done):
    (job,) = done(server, run(server, flips(0), options='{"verbatim": true, "lifespan": 3}'))
    assert json.loads(job["compiled_circuit"]) == json.loads(job["input_circuit"])


def test_an_error_rate_makes_a_simulation_as_noisy_as_that(server, run, done):
    noisy = {"method": "noise-sim", "shots": 4_000}
    rates = [
        done(server, run(server, flips(0), **noisy, options=json.dumps(options)))[0]
        for options in ({"error_rate": 0}, {}, {"error_rate": 0.5}, {"error_rate": 1})
    ]
    errors = [4_000 - job["samples"].get("100", 0) for job in rates]
    # A depolarizing channel of probability p turns the flipped qubit with probability p/2.
    assert errors[0] == 0
    assert errors[1] < 40
    assert 850 < errors[2] < 1_150
    assert 1_850 < errors[3] < 2_150


# --- cancelling


def test_cancelling_one_circuit_leaves_the_others(slow, run, read, post):
    ids = run(slow, flips(), flips(0), flips(1))
    response = post(slow, "/cancel_jobs", {"job_ids": [ids[1]]})
    assert response.json == {"succeeded": [ids[1]]}
    statuses = [job["status"] for job in read(slow, ids).values()]
    assert statuses == ["Submitted", "Canceled", "Submitted"]


@pytest.mark.parametrize(
    ("client", "word"), [("cirq-superstaq", "Canceled"), (QISKIT, "Cancelled")]
)
def test_cancelling_what_is_finished_is_200_with_a_warning(
    *, server, slow, run, done, post, client: str, word: str
):
    ids = run(server)
    done(server, ids)
    again = post(server, "/cancel_jobs", {"job_ids": ids}, client=client)
    message = f"Job '{ids[0]}' cannot be cancelled: it already has status Done"
    assert (again.status, again.json) == (
        200,
        {"succeeded": [], "warnings": [{"message": message}]},
    )
    (first, other) = run(slow, flips(), flips(0))
    post(slow, "/cancel_jobs", {"job_ids": [first]}, client=client)
    mixed = post(slow, "/cancel_jobs", {"job_ids": [first, other]}, client=client).json
    assert mixed["succeeded"] == [other]
    assert [warning["message"][-len(word) :] for warning in mixed["warnings"]] == [word]


def test_nothing_is_cancelled_if_one_job_does_not_exist(slow, run, read, post):
    ids = run(slow)
    response = post(slow, "/cancel_jobs", {"job_ids": [*ids, NOBODYS]})
    assert response.status == 404
    assert NOBODYS in response.json["message"]
    assert read(slow, ids)[ids[0]]["status"] == "Submitted"


def test_warnings_of_the_server_stand_beside_its_own(emulate, run, post):
    server = emulate(clock=FakeClock(), step_seconds=10, warnings=["Maintenance."])
    ids = run(server)
    post(server, "/cancel_jobs", {"job_ids": ids})
    again = post(server, "/cancel_jobs", {"job_ids": ids}).json["warnings"]
    assert [warning["message"] for warning in again[1:]] == ["Maintenance."]
    fetched = post(server, "/fetch_jobs", {"job_ids": ids}).json
    assert set(fetched) == {ids[0], "warnings"}


# --- bad input


CIRCUIT = flips()
GOOD = {"cirq_circuits": CIRCUIT, "target": "ss_unconstrained_simulator", "shots": 1}


def _bad_jobs() -> list[Any]:
    changes: list[tuple[dict[str, Any], str]] = [
        ({"target": "nowhere"}, "target"),
        ({"target": 3}, "target"),
        ({"shots": 0}, "shots"),
        ({"shots": -1}, "shots"),
        ({"shots": "10"}, "shots"),
        ({"shots": 1.5}, "shots"),
        ({"shots": None}, "shots"),
        ({"shots": True}, "shots"),
        ({"method": 3}, "method"),
        ({"options": {"verbatim": True}}, "options"),
        ({"options": "verbatim"}, "options"),
        ({"options": "[]"}, "options"),
        ({"options": "[" * 100_000}, "options"),
        ({"options": '{"verbatim": "yes"}'}, "verbatim"),
        ({"method": "noise-sim", "options": '{"error_rate": 2}'}, "error_rate"),
        ({"method": "noise-sim", "options": '{"error_rate": "high"}'}, "error_rate"),
        ({"method": "noise-sim", "options": '{"error_rate": true}'}, "error_rate"),
        ({"method": "noise-sim", "options": '{"noise": "bit_flip"}'}, "error_rate"),
        ({"cirq_circuits": None, "jaqal_strs": "[]"}, "Jaqal"),
        ({"cirq_circuits": None}, "cirq_circuits"),
        ({"cirq_circuits": "{"}, "circuit"),
        ({"cirq_circuits": "[]"}, "circuit"),
        ({"cirq_circuits": "QISKIT"}, "circuit"),
        ({"cirq_circuits": '{"cirq_type": "X"}'}, "circuit"),
        ({"qiskit_circuits": "QISKIT"}, "qiskit_circuits"),
        ({"cirq_circuits": None, "qiskit_circuits": "QISKIT"}, "base64"),
        ({"cirq_circuits": None, "qasm_circuits": "OPENQASM 3.0; qubit q;"}, "cirq_circuits"),
    ]
    return [pytest.param(change, word, id=str(change)[:60]) for change, word in changes]


@pytest.mark.parametrize(("change", "word"), _bad_jobs())
def test_an_invalid_submission_is_400_and_says_why(server, post, change, word: str):
    body = {key: value for key, value in (GOOD | change).items() if value is not None}
    if change == {"shots": None}:
        body = GOOD | change
    response = post(server, "/jobs", body)
    assert response.status == 400, response
    assert list(response.json) == ["message"]
    assert word in response.json["message"]
    assert server.jobs() == ()


@pytest.mark.parametrize("path", ["/jobs", "/fetch_jobs", "/cancel_jobs", "/compile", "/targets"])
@pytest.mark.parametrize(
    "raw", [b"", b"{", b"null", b"[]", b'"x"', b"\xff", b'{"shots": NaN}', b"[" * 100_000]
)
def test_a_body_that_is_not_a_json_object_is_400(server, post, path: str, raw: bytes):
    response = post(server, path, raw=raw)
    assert response.status == 400
    assert list(response.json) == ["message"]


@pytest.mark.parametrize("path", ["/fetch_jobs", "/cancel_jobs"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"job_ids": []}, 400),
        ({"job_ids": "x"}, 400),
        ({"job_ids": [3]}, 400),
        ({"job_ids": None}, 400),
        ({"job_ids": [NOBODYS], "options": "{"}, 400),
        ({"job_ids": [NOBODYS], "options": 3}, 400),
        ({"job_ids": [NOBODYS]}, 404),
        ({"job_ids": [NOBODYS], "options": '{"cq_token": {"a": 1}}'}, 404),
        ({"job_ids": [""]}, 404),
        ({"job_ids": ["x"]}, 404),
        ({"job_ids": ["x" * 100_000]}, 404),
    ],
)
def test_ids_that_are_invalid_or_unknown(server, post, path: str, body, status: int):
    response = post(server, path, body)
    assert response.status == status
    assert list(response.json) == ["message"]


@pytest.mark.parametrize("change", [" {}", "{} ", "{{{}}}", "urn:uuid:{}"])
def test_an_id_is_taken_literally(server, run, post, change: str):
    (job_id,) = run(server)
    other = change.format(job_id)
    response = post(server, "/fetch_jobs", {"job_ids": [job_id, other]})
    assert response.status == 404
    assert other in response.json["message"]
    assert post(server, "/fetch_jobs", {"job_ids": [job_id.upper()]}).status == 404


@pytest.mark.parametrize("key", [None, "wrong", "Bearer emulator-key"])
def test_a_wrong_key_is_401_with_a_json_string(server, post, send, key):
    for path in ("/jobs", "/fetch_jobs", "/targets"):
        response = post(server, path, {}, key=key)
        assert response.status == 401
        assert isinstance(response.json, str)
    assert send(server, "GET", "/balance", version="/v0.2.0", key=key).status == 401


def test_other_users_jobs_do_not_exist(emulate, run, post):
    server = emulate(
        api_key={"a": User(email="a@example.com"), "b": User(email="b@example.com")},
        clock=FakeClock(),
        step_seconds=10,
    )
    ids = run(server)
    for path in ("/fetch_jobs", "/cancel_jobs"):
        assert post(server, path, {"job_ids": ids}, key="a").status == 200
        assert post(server, path, {"job_ids": ids}, key="b").status == 404


def test_a_body_that_announces_too_much_is_413(server, send):
    headers = {"Content-Length": str(MAX_BODY_BYTES + 1)}
    response = send(server, "POST", "/jobs", headers=headers, version="/v0.2.0")
    assert (response.status, list(response.json)) == (413, ["message"])


class OutOfTime(Simulator):
    """Has no time for anything but to split circuits, which another one does for it."""

    def __init__(self, other: Simulator) -> None:
        super().__init__(time_limit_seconds=1e-6)
        self.other = other

    def call(self, name: Any, **arguments: Any) -> Any:
        if name == "split":
            return self.other.call(name, **arguments)
        return super().call(name, **arguments)


def test_a_simulator_that_is_out_of_time_fails_jobs_and_not_calls(
    emulate, run, done, post, simulator
):
    with OutOfTime(simulator) as hurried:
        server = emulate(simulator=hurried)
        (job,) = done(server, run(server, method="dry-run"))
        assert (job["status"], job["num_qubits"]) == ("Failed", None)
        assert "took longer than 1e-06 seconds" in job["failure"]["error"]
        body = {key: value for key, value in GOOD.items() if key != "shots"}
        for path in ("/compile", "/resource_estimate"):
            response = post(server, path, body)
            assert (response.status, list(response.json)) == (400, ["message"])


def test_a_stopped_emulator_responds_no_more(emulate, post):
    server = emulate()
    server.stop()
    with pytest.raises(ConnectionError):
        post(server, "/jobs", GOOD)


def test_an_unknown_call_is_404_with_a_message(server, send):
    for method, path, status in [
        ("GET", "/nothing", 404),
        ("GET", "/client/balance", 404),
        ("GET", "/jobs", 404),
        ("POST", "/balance", 404),
    ]:
        response = send(server, method, path, version="/v0.2.0")
        assert (response.status, list(response.json)) == (status, ["message"])


def test_circuits_that_share_parts_in_one_json_are_separated(server, post, done):
    inner = cirq.FrozenCircuit(cirq.X(cirq.q(0)), cirq.measure(cirq.q(0), key="a"))
    circuit = cirq.Circuit(cirq.CircuitOperation(inner))
    body = GOOD | {"cirq_circuits": cirq.to_json([circuit, circuit]), "shots": 5}
    jobs = done(server, post(server, "/jobs", body).json["job_ids"])
    assert [job["samples"] for job in jobs] == [{"1": 5}, {"1": 5}]
