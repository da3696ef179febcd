"""The bodies of the API that are not about jobs, and errors."""

from __future__ import annotations

import datetime as dt
import json
import uuid

import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from test_job_data import refused

from superstaq_jobs.errors import ProtocolError
from superstaq_jobs.records import JsonMapping
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire import bodies
from superstaq_jobs.wire.api import APIS

JOB, OTHER = uuid.UUID(int=0xA1), uuid.UUID(int=0xA2)
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

# ---- requests ----------------------------------------------------------------------------------


def test_bodies_of_requests():
    api = APIS["v0.3.0"]
    sent = api.cancel_jobs([JOB, OTHER]).request.body
    assert json.loads(sent) == {"job_id": [str(JOB), str(OTHER)]}
    sent = api.fetch_target_info("ibmq_fez_qpu", JsonMapping({"a": [1]})).request.body
    assert json.loads(sent) == {"target": "ibmq_fez_qpu", "options_dict": {"a": [1]}}


# ---- responses ---------------------------------------------------------------------------------


@given(sts.submit_receipts())
def test_a_receipt_is_read(receipt):
    sent = {"job_id": str(receipt.job_id), "num_circuits": receipt.num_circuits, "new": 1}
    assert bodies.read_submitted(json.dumps(sent).encode()).value == receipt


@pytest.mark.parametrize(
    ("sent", "problems"),
    [
        ({}, ["$.job_id: is missing", "$.num_circuits: is missing"]),
        ({"job_id": 3, "num_circuits": 1}, ["$.job_id: expected a string, got 3"]),
        ({"job_id": "x", "num_circuits": 1}, ["$.job_id: must be a UUID, got 'x'"]),
        ({"job_id": str(JOB), "num_circuits": -1}, ["$.num_circuits: must be >= 0, got -1"]),
        (
            {"job_id": str(JOB), "num_circuits": "1"},
            ["$.num_circuits: expected an integer, got '1'"],
        ),
        ([], ["$: expected an object, got []"]),
        (None, ["$: expected an object, got None"]),
    ],
)
def test_a_wrong_receipt_is_refused(sent, problems):
    assert refused(bodies.read_submitted, json.dumps(sent).encode()) == problems


@given(sts.cancel_receipts(), st.booleans())
def test_cancelled_and_refused_jobs_are_kept_apart(receipt, upper):
    succeeded = [text.upper() if upper else text for text in receipt.succeeded]
    sent = json.dumps({"succeeded": succeeded, "message": receipt.message}).encode()
    read = bodies.read_cancelled(sent, asked=[*receipt.cancelled, *receipt.refused]).value
    assert (read.cancelled, read.refused) == (receipt.cancelled, receipt.refused)
    assert read.message == receipt.message
    assert read.succeeded == tuple(succeeded)


def test_a_wrong_cancellation_is_refused():
    assert refused(bodies.read_cancelled, b'{"message": null}', asked=[JOB]) == [
        "$.succeeded: is missing",
    ]


@pytest.mark.parametrize(("version", "jobs"), [("v0.3.0", [JOB, OTHER]), ("v0.2.0", ["a,b", "c"])])
@pytest.mark.parametrize(
    "said",
    [
        ["0", "1"],
        [0, 1],
        ["circuit 3 of the job"],
        [{"circuit": 0}],
        [None],
        "all",
        {"n": 2},
        True,
        2,
    ],
)
def test_a_server_that_cancelled_something_else_than_a_job_refused_nothing(version, jobs, said):
    read = APIS[version].cancel_jobs(jobs).read
    listed = said if isinstance(said, list) else [said]
    for message in ({}, {"message": None}, {"message": "all circuits"}, {"message": {"a": 1}}):
        sent = json.dumps({"succeeded": said, **message}).encode()
        receipt = read(sent, NOW, "").value
        assert (receipt.cancelled, receipt.refused) == ((), ())
        assert receipt.succeeded == tuple(map(str, listed))


@pytest.mark.parametrize("said", [[], "", {}, False, 0, None])
def test_a_server_that_cancelled_nothing_refused_every_job(said):
    sent = json.dumps({"succeeded": said, "message": "too late"}).encode()
    receipt = bodies.read_cancelled(sent, asked=[JOB]).value
    assert (receipt.cancelled, receipt.refused, receipt.message) == ((), (JOB,), "too late")


@pytest.mark.parametrize(("version", "job"), [("v0.3.0", JOB), ("v0.2.0", "a,b")])
@pytest.mark.parametrize(
    ("said", "message"),
    [({}, "too late, sorry"), ({"message": None}, "too late, sorry"), ({"message": "no"}, "no")],
)
def test_without_a_message_the_warnings_say_why_nothing_was_cancelled(version, job, said, message):
    sent = {"succeeded": [], "warnings": [{"message": "too late,"}, {"message": "sorry"}], **said}
    read = APIS[version].cancel_jobs([job]).read(json.dumps(sent).encode(), NOW, "")
    assert (read.value.refused, read.value.message) == ((job,), message)
    assert read.warnings == ("too late,", "sorry")


@pytest.mark.parametrize("spelled", [str(JOB).upper(), JOB.hex, f"{{{JOB}}}", JOB.urn])
def test_a_cancelled_job_is_recognised_however_its_id_is_spelled(spelled):
    sent = json.dumps({"succeeded": [spelled, "else"], "message": ""}).encode()
    receipt = bodies.read_cancelled(sent, asked=[OTHER, JOB]).value
    assert (receipt.cancelled, receipt.refused) == ((JOB,), (OTHER,))


def plain(target):
    fields = {f: getattr(target, f) for f in ("target_name", "retired", "simulator", "available")}
    flags = ("supports_submit", "supports_submit_qubo", "supports_compile", "accessible")
    return {**fields, **{f: getattr(target, f) for f in flags}, **target.extra.to_dict()}


@given(st.lists(sts.targets(), max_size=3))
def test_targets_are_read_with_what_is_new(targets):
    sent = json.dumps([plain(target) for target in targets]).encode()
    assert bodies.read_targets(sent).value == tuple(targets)


def test_wrong_targets_are_refused_by_place():
    good = plain(find(sts.targets(extra=False), lambda _: True))
    wrong = [good, {**good, "retired": 0}, {**good, "target_name": "fez", "new": 1}, 3]
    problems = refused(bodies.read_targets, json.dumps(wrong).encode())
    assert problems[0] == "$[1].retired: expected True or False, got 0"
    assert problems[1].startswith("$[2].target_name: must be a target name")
    assert problems[2] == "$[3]: expected an object, got 3"
    assert refused(bodies.read_targets, b"{}") == ["$: expected a list of targets, got {}"]


def test_target_info_is_read():
    sent = b'{"target_info": {"num_qubits": 156, "a": [null]}}'
    info = bodies.read_target_info(sent, target="ibmq_fez_qpu").value
    assert info.target_name == "ibmq_fez_qpu"
    assert info.info == {"num_qubits": 156, "a": [None]}
    assert refused(bodies.read_target_info, b'{"target_info": []}', target="ibmq_fez_qpu") == [
        "$.target_info: expected a mapping, got []"
    ]


@given(sts.balances())
def test_a_balance_is_read(balance):
    sent = json.dumps({"email": balance.email, "balance": balance.balance}).encode()
    assert bodies.read_balance(sent).value == balance


@pytest.mark.parametrize("balance", ["3", True, None])
def test_a_wrong_balance_is_refused(balance):
    sent = json.dumps({"email": "a", "balance": balance}).encode()
    assert refused(bodies.read_balance, sent) == [f"$.balance: expected a number, got {balance!r}"]


# ---- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (b'"no credits"', "no credits"),
        (b'{"message": "no credits"}', "no credits"),
        (b'{"detail": "no credits"}', "no credits"),
        (b'{"message": "first", "detail": "second"}', "first"),
        (
            b'{"detail": [{"loc": ["body", "shots", 0], "msg": "too many"}, {"msg": "and"}]}',
            "body.shots.0: too many; and",
        ),
        (b'{"detail": [{"loc": "body", "msg": "odd"}]}', "odd"),
        (b'{"detail": [{"loc": []}, 3, null]}', "{'loc': []}; 3; None"),
        (b'{"detail": []}', ""),
        (b'["a", "b"]', "a; b"),
        (json.dumps([str(n) for n in range(25)]).encode(), "; ".join(map(str, range(20)))),
        (b'{"code": 7}', '{"code":7}'),
        (b'{"message": null}', "null"),
        (b'{"message": {"a": 1}}', '{"a":1}'),
        (b"123456789012345678901234567890", "123456789012345678901234567890"),
        (b"upstream timed out", "upstream timed out"),
        (b"", ""),
        (b" \n", ""),
        (b"<html>502</html>", "(a web page, such as a proxy's error page or a login form)"),
        (b"\n <!DOCTYPE html>", "(a web page, such as a proxy's error page or a login form)"),
        (b"\xff\xfeno", "\ufffd\ufffdno"),
        (b'"' + b"x" * 5000 + b'"', "x" * 999 + "…"),
        (b"y" * 5000, "y" * 999 + "…"),
    ],
)
def test_the_body_of_an_error(sent, text):
    assert bodies.read_error(sent) == text


@given(st.binary() | sts.hostile_payloads().map(lambda hostile: hostile.body))
def test_any_body_of_an_error_gives_a_short_message(sent):
    text = bodies.read_error(sent)
    assert len(text) <= 1000
    text.encode()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "it is empty"),
        (b"  ", "it is empty"),
        (b"<html>", "it is a web page"),
        (b"{", "not JSON"),
        (b"[NaN]", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_json_says_what_it_is(sent, words):
    with pytest.raises(ProtocolError, match=words) as caught:
        bodies.read_balance(sent)
    assert f"{len(sent)} bytes" in str(caught.value)
    assert len(str(caught.value)) < 400
