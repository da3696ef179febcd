"""The calls: keys, filters, bodies that are wrong, and the answers to them."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import urllib.parse
import uuid
from collections.abc import Callable
from typing import Any

import general_superstaq as gss
import pytest

from superstaq_jobs.emulator import Emulator, Simulator, Target, User
from superstaq_jobs.emulator.messages.requests import MAX_BODY_BYTES
from superstaq_jobs.testing import FakeClock

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;'
)
NEW_JOB = {
    "job_type": "simulate",
    "target": "ss_unconstrained_simulator",
    "circuits": BELL,
    "circuit_type": "qasm",
}
TERMS = "You must accept the Terms of Use (superstaq.infleqtion.com/terms_of_use)."

Ask = Callable[..., Any]


@pytest.fixture
def server(emulate: Callable[..., Emulator]) -> Emulator:
    return emulate()


# --- who may come in


@pytest.mark.parametrize("key", [None, "wrong", "Bearer emulator-key", "emulator-key2"])
def test_a_wrong_key_is_401_with_a_json_string(server: Emulator, ask: Ask, key: str | None):
    answer = ask(server, "GET", "/client/balance", key=key)
    assert answer.status == 401
    assert isinstance(answer.json, str)
    assert answer.headers["content-type"] == "application/json"


def test_the_key_is_checked_before_the_body(server: Emulator, ask: Ask):
    assert ask(server, "POST", "/client/job", raw=b"{", key="wrong").status == 401


def test_terms_must_be_accepted_once(emulate: Callable[..., Emulator], ask: Ask):
    server = emulate(api_key={"k": User(terms_accepted=False)})
    assert ask(server, "GET", "/client/balance").status == 401
    assert ask(server, "GET", "/client/balance").json == TERMS
    refused = ask(server, "PUT", "/client/accept_terms_of_use", {"accept": False})
    assert refused.status == 200
    assert isinstance(refused.json, str)
    assert ask(server, "GET", "/client/balance").status == 401
    accepted = ask(server, "PUT", "/client/accept_terms_of_use", {"accept": True})
    assert accepted.json == "Accepted. You can now continue using Superstaq."
    assert ask(server, "GET", "/client/balance").status == 200


def test_an_email_must_be_validated(emulate: Callable[..., Emulator], ask: Ask):
    server = emulate(api_key={"k": User(email_validated=False)})
    for method, path in [("GET", "/client/balance"), ("PUT", "/client/accept_terms_of_use")]:
        answer = ask(server, method, path, {"accept": True} if method == "PUT" else None)
        assert (answer.status, answer.json) == (401, "You must validate your registered email.")


def test_users_are_isolated(
    emulate: Callable[..., Emulator], ask: Ask, submit: Callable[..., str], clock: Any
):
    server = emulate(
        api_key={"a": User(email="a@example.com"), "b": User(email="b@example.com")},
        step_seconds=10,
        clock=clock,
    )
    mine = submit(server, BELL, key="a")
    yours = submit(server, BELL, key="b")
    assert list(ask(server, "GET", "/client/job/qasm", key="a").json) == [mine]
    assert list(ask(server, "GET", "/client/job/qasm", key="b").json) == [yours]
    query = f"/client/job/qasm?job_id={yours}&user_email=b@example.com"
    assert ask(server, "GET", query, key="a").json == {}
    cancelled = ask(server, "PUT", "/client/cancel_jobs", {"job_id": [yours, mine]}, key="a").json
    assert cancelled["succeeded"] == [mine]
    assert ask(server, "GET", "/client/job/qasm", key="b").json[yours]["statuses"] == ["received"]


# --- what is asked wrongly


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
def test_a_wrong_field_is_422_and_named(
    server: Emulator, ask: Ask, change: dict[str, Any], loc: list[Any]
):
    answer = ask(server, "POST", "/client/job", NEW_JOB | change)
    assert answer.status == 422
    (flaw,) = answer.json["detail"]
    assert flaw["loc"] == loc
    assert flaw["msg"]
    assert flaw["type"]


def test_every_wrong_field_is_named_at_once(server: Emulator, ask: Ask):
    answer = ask(server, "POST", "/client/job", {"shots": -1, "tags": 3})
    assert {tuple(flaw["loc"]) for flaw in answer.json["detail"]} == {
        ("body", name)
        for name in ("job_type", "target", "circuits", "circuit_type", "shots", "tags")
    }
    assert {flaw["type"] for flaw in answer.json["detail"]} == {"missing", "value_error"}


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"null", b"[]", b'"x"', b"\xff", b'{"shots": NaN}', b"[" * 100_000],
    ids=["empty", "cut", "null", "list", "string", "not utf-8", "NaN", "deep"],
)
def test_a_body_that_is_no_json_object_is_422(server: Emulator, ask: Ask, raw: bytes):
    answer = ask(server, "POST", "/client/job", raw=raw)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body"]


def test_unknown_fields_are_ignored(server: Emulator, ask: Ask):
    assert ask(server, "POST", "/client/job", NEW_JOB | {"novelty": 1}).status == 200


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
def test_a_wrong_query_is_422(server: Emulator, ask: Ask, query: str, loc: list[Any]):
    answer = ask(server, "GET", f"/client/job/qasm?{query}")
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == loc


@pytest.mark.parametrize("circuit_type", ["quil", "jaqal"])
def test_a_circuit_type_that_is_not_written_here_is_422(
    server: Emulator, ask: Ask, circuit_type: str
):
    answer = ask(server, "GET", f"/client/job/{circuit_type}")
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["path", "circuit_type"]


def test_a_cancel_with_a_malformed_id_is_422(server: Emulator, ask: Ask):
    answer = ask(server, "PUT", "/client/cancel_jobs", {"job_id": ["x"]})
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", "job_id", 0]


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/client/nothing", 404, "Not Found"),
        ("GET", "/client/job/qasm/", 404, "Not Found"),
        ("DELETE", "/client/job", 405, "Method Not Allowed"),
        ("POST", "/client/balance", 405, "Method Not Allowed"),
    ],
)
def test_no_such_call(
    *, server: Emulator, ask: Ask, method: str, path: str, status: int, detail: str
):
    answer = ask(server, method, path)
    assert (answer.status, answer.json) == (status, {"detail": detail})


def test_another_version_is_not_found(server: Emulator, ask: Ask):
    assert ask(server, "GET", "/balance", version="/v0.2.0").status == 404


def test_a_body_that_announces_too_much_is_413(server: Emulator, ask: Ask):
    answer = ask(server, "POST", "/client/job", headers={"Content-Length": str(MAX_BODY_BYTES + 1)})
    assert answer.status == 413
    assert "detail" in answer.json


def test_a_chunked_body_that_grows_too_much_is_413(server: Emulator):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    chunk = b" " * (1024 * 1024)
    chunks = (chunk for _ in range(MAX_BODY_BYTES // len(chunk) + 1))
    try:
        connection.request(
            "POST", "/v0.3.0/client/job", body=chunks, headers={"Authorization": server.api_key}
        )
        assert connection.getresponse().status == 413
    finally:
        connection.close()


# --- targets


def _names(answer: Any) -> set[str]:
    for target in answer.json:
        assert gss.models.TargetModel(**target).model_dump(mode="json") == target
    return {target["target_name"] for target in answer.json}


def test_retired_targets_are_listed_only_when_asked_for(server: Emulator, ask: Ask):
    default = _names(ask(server, "GET", "/client/targets"))
    assert "ss_unconstrained_simulator" in default
    assert "emulated_retired_qpu" not in default
    assert _names(ask(server, "GET", "/client/targets?retired=True")) == {"emulated_retired_qpu"}


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
def test_each_target_filter(server: Emulator, ask: Ask, flag: str, value: bool):
    answer = ask(server, "GET", f"/client/targets?{flag}={value}")
    assert all(target[flag] is value for target in answer.json)
    everything = ask(server, "GET", "/client/targets").json
    if flag != "retired":
        assert answer.json == [target for target in everything if target[flag] is value]


def test_target_filters_are_joined_by_and(server: Emulator, ask: Ask):
    answer = ask(server, "GET", "/client/targets?simulator=false&available=1&accessible=yes")
    assert _names(answer) >= {"emulated_line_qpu"}
    assert not _names(answer) & {"emulated_offline_qpu", "emulated_private_qpu"}
    assert ask(server, "GET", "/client/targets?simulator=perhaps").status == 422


def test_target_info(server: Emulator, ask: Ask):
    answer = ask(server, "POST", "/client/retrieve_target_info", {"target": "emulated_line_qpu"})
    info = answer.json["target_info"]
    assert info["num_qubits"] == 8
    assert [0, 1] in info["coupling_map"]
    missing = ask(server, "POST", "/client/retrieve_target_info", {"target": "no_such_qpu"})
    assert missing.status == 404
    assert "no_such_qpu" in missing.json["message"]


@pytest.mark.parametrize(
    ("target", "job_type", "status"),
    [
        ("no_such_qpu", "submit", 404),
        ("emulated_retired_qpu", "simulate", 400),
        ("emulated_private_qpu", "compile", 400),
        ("emulated_offline_qpu", "submit", 400),
        ("emulated_offline_qpu", "simulate", 200),
        ("emulated_compileonly_qpu", "submit", 400),
        ("emulated_compileonly_qpu", "compile", 200),
    ],
)
def test_a_target_refuses_what_it_does_not_do(
    server: Emulator, ask: Ask, target: str, job_type: str, status: int
):
    answer = ask(server, "POST", "/client/job", NEW_JOB | {"target": target, "job_type": job_type})
    assert answer.status == status
    if status != 200:
        assert target in answer.json["message"]


def test_targets_of_ones_own(emulate: Callable[..., Emulator], ask: Ask):
    server = emulate(targets=[Target(name="ours_tiny_qpu", supports_compile=False)])
    assert _names(ask(server, "GET", "/client/targets")) == {"ours_tiny_qpu"}
    new_job = NEW_JOB | {"target": "ours_tiny_qpu", "job_type": "compile"}
    assert ask(server, "POST", "/client/job", new_job).status == 400
    with pytest.raises(ValueError, match="not <provider>"):
        Target(name="tiny")


# --- the user


def test_balance_and_user(emulate: Callable[..., Emulator], ask: Ask):
    user = User(email="ada@example.com", name="Ada", role="admin", balance=12.5)
    server = emulate(api_key={"ada-key": user})
    balance = ask(server, "GET", "/client/balance").json
    assert balance == {"email": "ada@example.com", "balance": 12.5}
    (info,) = ask(server, "GET", "/client/user").json
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
        assert len(ask(server, "GET", f"/client/user?{query}").json) == found


def test_warnings_stand_beside_the_data_of_objects(
    emulate: Callable[..., Emulator], ask: Ask, submit: Callable[..., str]
):
    server = emulate(warnings=["queue is long", "so is art"])
    told = [{"message": "queue is long"}, {"message": "so is art"}]
    assert ask(server, "GET", "/client/balance").json["warnings"] == told
    job_id = submit(server, BELL)
    assert set(ask(server, "GET", "/client/job/qasm").json) == {job_id, "warnings"}
    assert isinstance(ask(server, "GET", "/client/targets").json, list)
    assert "warnings" not in ask(server, "GET", "/client/nothing").json


# --- filters of jobs


@pytest.fixture
def three_jobs(
    emulate: Callable[..., Emulator], submit: Callable[..., str], ask: Ask
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
    ask(server, "PUT", "/client/cancel_jobs", {"job_id": [jobs["a"]]})
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
    three_jobs: tuple[Emulator, dict[str, str]], ask: Ask, query: list[Any], found: str
):
    server, jobs = three_jobs
    answer = ask(server, "GET", "/client/job/qasm?" + urllib.parse.urlencode(query))
    assert list(answer.json) == [jobs[name] for name in found]


def test_jobs_by_id(three_jobs: tuple[Emulator, dict[str, str]], ask: Ask):
    server, jobs = three_jobs
    ids = [jobs["c"], str(uuid.uuid4()), jobs["a"], jobs["a"].upper()]
    query = urllib.parse.urlencode([("job_id", job_id) for job_id in ids])
    assert list(ask(server, "GET", f"/client/job/qasm?{query}").json) == [jobs["a"], jobs["c"]]


def test_a_look_at_one_job_touches_no_other(three_jobs: tuple[Emulator, dict[str, str]], ask: Ask):
    server, jobs = three_jobs
    stored = server._service.store._jobs
    whole = dict(stored)
    stored.update((uuid.UUID(jobs[name]), object()) for name in "ac")
    found = ask(server, "GET", f"/client/job/qasm?job_id={jobs['b']}")
    cancelled = ask(server, "PUT", "/client/cancel_jobs", {"job_id": [jobs["b"]]})
    everything = ask(server, "GET", "/client/job/qasm")
    stored.update(whole)
    assert list(found.json) == [jobs["b"]]
    assert cancelled.json["succeeded"] == [jobs["b"]]
    assert everything.status == 500, "the others could not have been touched"


def test_where_a_job_that_is_over_stands_is_not_worked_out_again(
    three_jobs: tuple[Emulator, dict[str, str]], ask: Ask
):
    server, jobs = three_jobs
    path = f"/client/job/qasm?job_id={jobs['a']}"
    before = ask(server, "GET", path)
    (job,) = (j for j in server._service.store._jobs.values() if str(j.job_id) == jobs["a"])
    job.circuits[0].life = None
    assert ask(server, "GET", path).json == before.json
    assert before.json[jobs["a"]]["statuses"] == ["cancelled"]


def test_cancelling_by_query(three_jobs: tuple[Emulator, dict[str, str]], ask: Ask):
    server, jobs = three_jobs
    answer = ask(server, "PUT", "/client/cancel_jobs", {"tags": ["red"], "status": ["received"]})
    assert answer.json["succeeded"] == [jobs["b"]]
    rest = ask(server, "PUT", "/client/cancel_jobs", {})
    assert rest.json["succeeded"] == [jobs["c"]]
    assert gss.models.JobCancellationResults(**rest.json).model_dump() == rest.json


def test_deep_metadata_comes_back_or_is_refused(server: Emulator, ask: Ask):
    for depth in (50, 480, 990, 1100):
        nested: Any = "[" * depth + "]" * depth
        body = json.dumps(NEW_JOB)[:-1] + ', "metadata": {"x": ' + nested + "}}"
        assert ask(server, "POST", "/client/job", raw=body.encode()).status in {200, 422}
    assert ask(server, "GET", "/client/job/qasm?status=received").status == 200


# --- options


@pytest.mark.parametrize(
    "options",
    [
        {"host": "0.0.0.0"},  # noqa: S104 - it is refused
        {"host": "localhost"},
        {"host": "example.com"},
        {"port": -1},
        {"port": 65_536},
        {"step_seconds": -1},
        {"step_seconds": float("nan")},
        {"api_key": ""},
        {"api_key": {}},
    ],
    ids=str,
)
def test_options_without_sense_are_refused(options: dict[str, Any]):
    with pytest.raises(ValueError, match=r"."):
        Emulator(**options)
    with pytest.raises(ValueError, match="e-mail"):
        User(email="nobody")
    with pytest.raises(ValueError, match="time_limit_seconds"):
        Simulator(time_limit_seconds=0)
