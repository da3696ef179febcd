"""The calls of the API: keys, invalid requests, targets, users and filters."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import http.client
import json
import urllib.parse
import uuid
from collections.abc import Callable
from typing import Any

import general_superstaq as gss
import pytest

from superstaq_jobs.emulator import Emulator, Simulator, Target, User
from superstaq_jobs.emulator.messages import MAX_BODY_BYTES
from superstaq_jobs.testing import FakeClock, Fault

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'
)
NEW_JOB = {
    "job_type": "simulate",
    "target": "ss_unconstrained_simulator",
    "circuits": BELL,
    "circuit_type": "qasm",
    "shots": 10,
}
TERMS = "You must accept the Terms of Use (superstaq.infleqtion.com/terms_of_use)."

Send = Callable[..., Any]


@pytest.fixture
def server(emulate: Callable[..., Emulator]) -> Emulator:
    return emulate()


# --- keys


@pytest.mark.parametrize("key", [None, "wrong", "Bearer emulator-key", "emulator-key2"])
def test_a_wrong_key_is_401_with_a_json_string(server: Emulator, send: Send, key: str | None):
    response = send(server, "GET", "/client/balance", key=key)
    assert response.status == 401
    assert isinstance(response.json, str)
    assert response.headers["content-type"] == "application/json"


def test_the_key_is_checked_before_the_body(server: Emulator, send: Send):
    assert send(server, "POST", "/client/job", raw=b"{", key="wrong").status == 401


def test_terms_must_be_accepted_once(emulate: Callable[..., Emulator], send: Send):
    server = emulate(api_key={"k": User(terms_accepted=False)})
    assert send(server, "GET", "/client/balance").status == 401
    assert send(server, "GET", "/client/balance").json == TERMS
    refused = send(server, "PUT", "/client/accept_terms_of_use", {"accept": False})
    assert refused.status == 200
    assert isinstance(refused.json, str)
    assert send(server, "GET", "/client/balance").status == 401
    accepted = send(server, "PUT", "/client/accept_terms_of_use", {"accept": True})
    assert accepted.json == "Accepted. You can now continue using Superstaq."
    assert send(server, "GET", "/client/balance").status == 200


def test_an_email_must_be_validated(emulate: Callable[..., Emulator], send: Send):
    server = emulate(api_key={"k": User(email_validated=False)})
    for method, path in [("GET", "/client/balance"), ("PUT", "/client/accept_terms_of_use")]:
        response = send(server, method, path, {"accept": True} if method == "PUT" else None)
        assert (response.status, response.json) == (401, "You must validate your registered email.")


def test_users_are_isolated(
    emulate: Callable[..., Emulator], send: Send, submit: Callable[..., str], clock: Any
):
    server = emulate(
        api_key={"a": User(email="a@example.com"), "b": User(email="b@example.com")},
        step_seconds=10,
        clock=clock,
    )
    mine = submit(server, BELL, key="a")
    yours = submit(server, BELL, key="b")
    assert list(send(server, "GET", "/client/job/qasm", key="a").json) == [mine]
    assert list(send(server, "GET", "/client/job/qasm", key="b").json) == [yours]
    query = f"/client/job/qasm?job_id={yours}&user_email=b@example.com"
    assert send(server, "GET", query, key="a").json == {}
    cancelled = send(server, "PUT", "/client/cancel_jobs", {"job_id": [yours, mine]}, key="a").json
    assert cancelled["succeeded"] == [mine]
    assert send(server, "GET", "/client/job/qasm", key="b").json[yours]["statuses"] == ["received"]


# --- invalid requests


def _body_errors() -> list[Any]:
    wrong: list[tuple[dict[str, Any], list[Any]]] = [
        ({"job_type": "teleport"}, ["body", "job_type"]),
        ({"target": "nowhere"}, ["body", "target"]),
        ({"target": "a_b_toaster"}, ["body", "target"]),
        ({"circuit_type": "quil"}, ["body", "circuit_type"]),
        ({"circuit_type": "cirq"}, ["body", "circuits"]),
        ({"circuit_type": "qiskit"}, ["body", "circuits"]),
        ({"circuit_type": "jaqal"}, ["body", "circuit_type"]),
        ({"job_type": "convert"}, ["body", "job_type"]),
        ({"shots": -1}, ["body", "shots"]),
        ({"shots": "3"}, ["body", "shots"]),
        ({"shots": True}, ["body", "shots"]),
        ({"shots": 1.5}, ["body", "shots"]),
        ({"sim_method": "guess"}, ["body", "sim_method"]),
        ({"verbatim": "yes"}, ["body", "verbatim"]),
        ({"tags": ["a", 3]}, ["body", "tags", 1]),
        ({"metadata": []}, ["body", "metadata"]),
        ({"circuits": None}, ["body", "circuits"]),
        ({"circuits": "[]"}, ["body", "circuits"]),
        ({"circuits": '["a", 3]'}, ["body", "circuits"]),
        ({"circuits": "[["}, ["body", "circuits"]),
    ]
    return [pytest.param(change, loc, id=str(change)) for change, loc in wrong]


@pytest.mark.parametrize(("change", "loc"), _body_errors())
def test_an_invalid_field_is_422_and_named(
    server: Emulator, send: Send, change: dict[str, Any], loc: list[Any]
):
    response = send(server, "POST", "/client/job", NEW_JOB | change)
    assert response.status == 422
    (problem,) = response.json["detail"]
    assert problem["loc"] == loc
    assert problem["msg"]
    assert problem["type"]


def test_every_invalid_field_is_named_at_once(server: Emulator, send: Send):
    response = send(server, "POST", "/client/job", {"shots": -1, "tags": 3})
    assert {tuple(problem["loc"]) for problem in response.json["detail"]} == {
        ("body", name)
        for name in ("job_type", "target", "circuits", "circuit_type", "shots", "tags")
    }
    assert {problem["type"] for problem in response.json["detail"]} == {"missing", "value_error"}


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"null", b"[]", b'"x"', b"\xff", b'{"shots": NaN}', b"[" * 100_000],
    ids=["empty", "cut", "null", "list", "string", "not utf-8", "NaN", "deep"],
)
def test_a_body_that_is_not_a_json_object_is_422(server: Emulator, send: Send, raw: bytes):
    response = send(server, "POST", "/client/job", raw=raw)
    assert response.status == 422
    assert response.json["detail"][0]["loc"] == ["body"]


def test_unknown_fields_are_ignored(server: Emulator, send: Send):
    assert send(server, "POST", "/client/job", NEW_JOB | {"novelty": 1}).status == 200


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ("job_id=17", ["query", "job_id", 0]),
        (f"job_id={uuid.UUID(int=7)}&job_id=x", ["query", "job_id", 1]),
        ("status=asleep", ["query", "status", 0]),
        ("target_name=x", ["query", "target_name", 0]),
        ("min_priority=high", ["query", "min_priority"]),
        ("submitted_before=yesterday", ["query", "submitted_before"]),
        ("user_email=nobody", ["query", "user_email", 0]),
    ],
)
def test_an_invalid_query_is_422(server: Emulator, send: Send, query: str, loc: list[Any]):
    response = send(server, "GET", f"/client/job/qasm?{query}")
    assert response.status == 422
    assert response.json["detail"][0]["loc"] == loc


@pytest.mark.parametrize("circuit_type", ["quil", "jaqal"])
def test_an_unsupported_circuit_type_is_422(server: Emulator, send: Send, circuit_type: str):
    response = send(server, "GET", f"/client/job/{circuit_type}")
    assert response.status == 422
    assert response.json["detail"][0]["loc"] == ["path", "circuit_type"]


def test_a_cancel_with_a_malformed_id_is_422(server: Emulator, send: Send):
    response = send(server, "PUT", "/client/cancel_jobs", {"job_id": ["x"]})
    assert response.status == 422
    assert response.json["detail"][0]["loc"] == ["body", "job_id", 0]


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/client/nothing", 404, "Not Found"),
        ("GET", "/client/job/qasm/", 404, "Not Found"),
        ("GET", "/client/job/", 404, "Not Found"),
        ("DELETE", "/client/job", 404, "Not Found"),
        ("POST", "/client/balance", 404, "Not Found"),
    ],
)
def test_an_unknown_call_is_404(
    *, server: Emulator, send: Send, method: str, path: str, status: int, detail: str
):
    response = send(server, method, path)
    assert (response.status, response.json) == (status, {"detail": detail})


@pytest.mark.parametrize("version", ["/v0.1.0", "/v0.4.0", "/V0.3.0", "/api/v0.3.0", "//v0.3.0"])
def test_a_path_of_another_version_is_404_and_names_the_versions(
    server: Emulator, send: Send, version: str
):
    for method, path in [("GET", "/client/balance"), ("POST", "/jobs"), ("GET", "")]:
        response = send(server, method, path, version=version)
        assert response.status == 404
        assert "v0.2.0 and v0.3.0" in response.json["message"]


def test_a_body_that_announces_too_much_is_413(server: Emulator, send: Send):
    response = send(
        server, "POST", "/client/job", headers={"Content-Length": str(MAX_BODY_BYTES + 1)}
    )
    assert response.status == 413
    assert "detail" in response.json


@pytest.mark.parametrize("length", ["-1", "+1", "1_0", "x", "9" * 5_000])
def test_a_length_that_is_not_a_number_is_400(server: Emulator, send: Send, length: str):
    response = send(server, "POST", "/client/job", headers={"Content-Length": length})
    assert response.status == 400
    assert "length" in response.json["detail"]


@pytest.mark.parametrize("version", ["v0.2.0", "v0.3.0"])
def test_a_body_in_chunks_is_411(server: Emulator, version: str):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(connection):
        chunks = (b" " * (1024 * 1024) for _ in range(10))
        headers = {"Authorization": server.api_key}
        connection.request("POST", f"/{version}/targets", body=chunks, headers=headers)
        response = connection.getresponse()
        assert response.status == 411
        assert "length" in response.read().decode()


def test_responses_are_dated_by_the_clock_of_the_emulator(
    emulate: Callable[..., Emulator], send: Send
):
    clock = FakeClock(utc=dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC))
    server = emulate(clock=clock, faults=[None, Fault("status")])
    assert send(server, "GET", "/client/balance").headers["date"] == "Sun, 01 Mar 2026 12:00:00 GMT"
    server.advance(3_600)
    for status in (503, 404):
        response = send(server, "GET", "/client/nothing")
        assert response.status == status
        assert response.headers["date"] == "Sun, 01 Mar 2026 13:00:00 GMT"
    real = email.utils.parsedate_to_datetime(send(emulate(), "GET", "/").headers["date"])
    assert abs(real - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=60)


# --- targets


def _names(response: Any) -> set[str]:
    for target in response.json:
        assert gss.models.TargetModel(**target).model_dump(mode="json") == target
    return {target["target_name"] for target in response.json}


def test_retired_targets_are_listed_only_on_request(server: Emulator, send: Send):
    default = _names(send(server, "GET", "/client/targets"))
    assert "ss_unconstrained_simulator" in default
    assert "emulated_retired_qpu" not in default
    assert _names(send(server, "GET", "/client/targets?retired=True")) == {"emulated_retired_qpu"}


@pytest.mark.parametrize(
    "flag",
    [
        "simulator",
        "supports_submit",
        "supports_submit_qubo",
        "supports_compile",
        "available",
        "retired",
        "accessible",
    ],
)
@pytest.mark.parametrize("value", [True, False])
def test_each_target_filter(server: Emulator, send: Send, flag: str, value: bool):
    response = send(server, "GET", f"/client/targets?{flag}={value}")
    assert all(target[flag] is value for target in response.json)
    everything = send(server, "GET", "/client/targets").json
    if flag != "retired":
        assert response.json == [target for target in everything if target[flag] is value]


def test_target_filters_are_joined_by_and(server: Emulator, send: Send):
    response = send(server, "GET", "/client/targets?simulator=false&available=1&accessible=TRUE")
    assert _names(response) >= {"emulated_line_qpu"}
    assert not _names(response) & {"emulated_offline_qpu", "emulated_private_qpu"}
    assert send(server, "GET", "/client/targets?simulator=perhaps").status == 422


def test_target_info(server: Emulator, send: Send):
    response = send(server, "POST", "/client/retrieve_target_info", {"target": "emulated_line_qpu"})
    info = response.json["target_info"]
    assert info["num_qubits"] == 8
    assert [0, 1] in info["coupling_map"]
    missing = send(server, "POST", "/client/retrieve_target_info", {"target": "no_such_qpu"})
    assert missing.status == 404
    assert "no_such_qpu" in missing.json["message"]


def test_a_target_without_access_dry_runs(server: Emulator, send: Send):
    job = NEW_JOB | {"target": "emulated_private_qpu", "job_type": "submit", "dry_run": True}
    assert send(server, "POST", "/client/job", job).status == 200


def test_a_coupling_map_lists_each_pair_in_both_directions(server: Emulator, send: Send):
    body = {"target": "emulated_line_qpu"}
    response = send(server, "POST", "/client/retrieve_target_info", body)
    pairs = response.json["target_info"]["coupling_map"]
    assert sorted(pairs) == sorted([b, a] for a, b in pairs)
    assert pairs


@pytest.mark.parametrize(
    ("target", "job_type", "status"),
    [
        ("no_such_qpu", "submit", 404),
        ("emulated_retired_qpu", "simulate", 400),
        ("emulated_private_qpu", "submit", 400),
        ("emulated_private_qpu", "simulate", 400),
        ("emulated_private_qpu", "compile", 200),
        ("emulated_offline_qpu", "submit", 400),
        ("emulated_offline_qpu", "simulate", 200),
        ("emulated_compileonly_qpu", "submit", 400),
        ("emulated_compileonly_qpu", "compile", 200),
    ],
)
def test_a_target_refuses_unsupported_jobs(
    server: Emulator, send: Send, target: str, job_type: str, status: int
):
    response = send(
        server, "POST", "/client/job", NEW_JOB | {"target": target, "job_type": job_type}
    )
    assert response.status == status
    if status != 200:
        assert target in response.json["message"]


def test_custom_targets(emulate: Callable[..., Emulator], send: Send):
    server = emulate(targets=[Target(name="ours_tiny_qpu", supports_compile=False)])
    assert _names(send(server, "GET", "/client/targets")) == {"ours_tiny_qpu"}
    new_job = NEW_JOB | {"target": "ours_tiny_qpu", "job_type": "compile"}
    assert send(server, "POST", "/client/job", new_job).status == 400
    with pytest.raises(ValueError, match="must be a target name <provider>"):
        Target(name="tiny")


# --- the user


def test_balance_and_user(emulate: Callable[..., Emulator], send: Send):
    user = User(email="ada@example.com", name="Ada", role="admin", balance=12.5)
    server = emulate(api_key={"ada-key": user})
    balance = send(server, "GET", "/client/balance").json
    assert balance == {"email": "ada@example.com", "balance": 12.5}
    (info,) = send(server, "GET", "/client/user").json
    assert gss.models.UserInfo(**info).model_dump(mode="json") == info
    assert (info["name"], info["role"], info["token"]) == ("Ada", "admin", "ada-key")
    for query, found in [
        ("name=Ada", 1),
        ("name=Bob", 0),
        ("name=Bob&name=Ada", 1),
        ("email=ada@example.com&role=user", 0),
        (f"user_id={info['user_id']}", 1),
        (f"user_id={uuid.uuid4()}", 0),
    ]:
        assert len(send(server, "GET", f"/client/user?{query}").json) == found


def test_warnings_are_added_to_objects(
    emulate: Callable[..., Emulator], send: Send, submit: Callable[..., str]
):
    server = emulate(warnings=["queue is long", "so is art"])
    messages = [{"message": "queue is long"}, {"message": "so is art"}]
    assert send(server, "GET", "/client/balance").json["warnings"] == messages
    job_id = submit(server, BELL)
    assert set(send(server, "GET", "/client/job/qasm").json) == {job_id, "warnings"}
    assert isinstance(send(server, "GET", "/client/targets").json, list)
    assert "warnings" not in send(server, "GET", "/client/nothing").json


# --- filters of jobs


@pytest.fixture
def three_jobs(
    emulate: Callable[..., Emulator], submit: Callable[..., str], send: Send
) -> tuple[Emulator, dict[str, str]]:
    """Three jobs, submitted a minute apart, of which the first is cancelled."""
    clock = FakeClock(utc=dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC))
    server = emulate(
        clock=clock,
        step_seconds=1e6,
    )
    jobs = {}
    for name, fields in {
        "a": {"tags": ["red", "small"], "priority": 1},
        "b": {"tags": ["red"], "priority": 5, "target": "emulated_line_qpu"},
        "c": {"priority": 9, "target": "emulated_ring_qpu", "metadata": {"x": [1, None]}},
    }.items():
        jobs[name] = submit(server, BELL, **fields)
        clock.advance(60)
    send(server, "PUT", "/client/cancel_jobs", {"job_id": [jobs["a"]]})
    return server, jobs


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ([], "abc"),
        ([("tags", "red")], "ab"),
        ([("tags", "small"), ("tags", "nothing")], "a"),
        ([("tags", "red"), ("min_priority", "2")], "b"),
        ([("min_priority", "5")], "bc"),
        ([("max_priority", "5")], "ab"),
        ([("min_priority", "2"), ("max_priority", "8")], "b"),
        ([("target_name", "emulated_line_qpu")], "b"),
        ([("target_name", "emulated_line_qpu"), ("target_name", "emulated_ring_qpu")], "bc"),
        ([("status", "cancelled")], "a"),
        ([("status", "received")], "bc"),
        ([("status", "cancelled"), ("status", "received")], "abc"),
        ([("status", "completed")], ""),
        ([("user_email", "user@emulator.example.com")], "abc"),
        ([("user_email", "other@example.com")], ""),
        ([("submitted_before", "2026-03-01T12:01:00Z")], "a"),
        ([("submitted_before", "2026-03-01 12:01:00.000001+00:00")], "ab"),
        ([("submitted_after", "2026-03-01T12:01:00Z")], "c"),
        ([("submitted_after", "2026-03-01T13:00:30+01:00")], "bc"),
        ([("submitted_after", "2026-03-01T12:00:30"), ("max_priority", "5")], "b"),
        ([("unheard_of", "1")], "abc"),
    ],
    ids=str,
)
def test_each_job_filter(
    three_jobs: tuple[Emulator, dict[str, str]], send: Send, query: list[Any], found: str
):
    server, jobs = three_jobs
    response = send(server, "GET", "/client/job/qasm?" + urllib.parse.urlencode(query))
    assert list(response.json) == [jobs[name] for name in found]


def test_jobs_by_id(three_jobs: tuple[Emulator, dict[str, str]], send: Send):
    server, jobs = three_jobs
    ids = [jobs["c"], str(uuid.uuid4()), jobs["a"], jobs["a"].upper()]
    query = urllib.parse.urlencode([("job_id", job_id) for job_id in ids])
    assert list(send(server, "GET", f"/client/job/qasm?{query}").json) == [jobs["a"], jobs["c"]]


def test_fetching_one_job_touches_no_other(three_jobs: tuple[Emulator, dict[str, str]], send: Send):
    server, jobs = three_jobs
    stored = server._service.store.jobs
    whole = dict(stored)
    stored.update((uuid.UUID(jobs[name]), object()) for name in "ac")
    found = send(server, "GET", f"/client/job/qasm?job_id={jobs['b']}")
    cancelled = send(server, "PUT", "/client/cancel_jobs", {"job_id": [jobs["b"]]})
    everything = send(server, "GET", "/client/job/qasm")
    stored.update(whole)
    assert list(found.json) == [jobs["b"]]
    assert cancelled.json["succeeded"] == [jobs["b"]]
    assert everything.status == 500, "the others could not have been touched"


def test_cancelling_by_query(three_jobs: tuple[Emulator, dict[str, str]], send: Send):
    server, jobs = three_jobs
    response = send(server, "PUT", "/client/cancel_jobs", {"tags": ["red"], "status": ["received"]})
    assert response.json["succeeded"] == [jobs["b"]]
    rest = send(server, "PUT", "/client/cancel_jobs", {})
    assert rest.json["succeeded"] == [jobs["c"]]
    assert gss.models.JobCancellationResults(**rest.json).model_dump() == rest.json


def test_deep_metadata_is_returned_or_refused(server: Emulator, send: Send):
    for depth in (50, 480, 990, 1100):
        nested: Any = "[" * depth + "]" * depth
        body = json.dumps(NEW_JOB)[:-1] + ', "metadata": {"x": ' + nested + "}}"
        assert send(server, "POST", "/client/job", raw=body.encode()).status in {200, 422}
    assert send(server, "GET", "/client/job/qasm?status=received").status == 200


# --- options


@pytest.mark.parametrize(
    "options",
    [
        {"port": -1},
        {"port": 65_536},
        {"step_seconds": -1},
        {"step_seconds": float("nan")},
        {"api_key": ""},
        {"api_key": {}},
    ],
    ids=str,
)
def test_invalid_options_are_refused(options: dict[str, Any]):
    with pytest.raises(ValueError, match=r"."):
        Emulator(**options)
    with pytest.raises(ValueError, match="e-mail"):
        User(email="nobody")
    with pytest.raises(ValueError, match="time_limit_seconds"):
        Simulator(time_limit_seconds=0)


def test_a_job_is_refused_when_the_simulator_is_closed(emulate: Callable[..., Emulator], send: Any):
    simulator = Simulator()
    server = emulate(simulator=simulator)
    simulator.close()
    assert send(server, "POST", "/client/job", NEW_JOB).status == 500
    assert server.jobs() == ()


def test_a_request_for_another_host_is_421(emulate: Callable[..., Emulator]):
    import http.client

    server = emulate()
    for path in ("/v0.2.0/balance", "/v0.3.0/client/balance"):
        for host, status in [
            ("evil.example.com", 421), ("", 421), ("127.0.0.1.example.com", 421),
            ("localhost", 200), ("127.0.0.1:5", 200), ("[::1]:80", 200),
        ]:  # fmt: skip
            line = http.client.HTTPConnection("127.0.0.1", server.port)
            line.request("GET", path, headers={"Host": host, "Authorization": server.api_key})
            assert line.getresponse().status == status, (path, host)
            line.close()
