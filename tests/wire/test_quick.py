"""The quick reader and the slow one read alike, and the quick one is really used."""

from __future__ import annotations

import copy
import json
import pickle
import sys
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import HOST, NOON, job

from superstaq_jobs.errors import InvalidValue, ProtocolError
from superstaq_jobs.records.snapshots import PER_CIRCUIT_LISTS
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire import job_data, quick
from superstaq_jobs.wire.job_data import decode_jobs, encode_jobs

IDS = [uuid.UUID(int=number) for number in range(1, 4)]
FIELDS = {"unknown_fields": True, "unknown_statuses": True, "irregular_lists": True}


def quickly(body):
    """The answer by the quick reader, as the codec gives it; None if that one cannot."""
    return (
        None
        if quick.read_jobs(body, NOON, HOST) is None
        else job_data.read_jobs(body, fetched_at=NOON, source=HOST)
    )


def slowly(body):
    return job_data.Answer(*job_data._read_slowly(body, NOON, HOST))


def told(answer):
    """All that an answer says, provenance and the spelling of numbers included."""
    return [
        (s.digest, s.fetched_at, s.source, repr(s), s.to_dict(), hash(s)) for s in answer.value
    ], answer.warnings


@given(st.lists(sts.wire_payloads(**FIELDS), max_size=3), st.booleans(), st.booleans())
def test_what_both_read_they_read_alike(payloads, warns, compact):
    data = {str(job_id): payload for job_id, payload in zip(IDS, payloads, strict=False)}
    if warns:
        data["warnings"] = [{"message": "soon: maintenance"}, 3, {"a": {"b": [":"]}}]
    body = json.dumps(data, separators=(",", ":") if compact else None).encode()
    quick = quickly(body)
    try:
        slow = slowly(body)
    except ProtocolError:
        assert quick is None
        return
    if quick is not None:
        assert quick == slow
        assert told(quick) == told(slow)


@given(sts.hostile_payloads())
def test_what_the_slow_reader_refuses_the_quick_one_does_not_read(payload):
    try:
        slow = slowly(payload.body)
    except (ProtocolError, InvalidValue):
        assert quick.read_jobs(payload.body, NOON, HOST) is None
    else:
        fast = quickly(payload.body)
        assert fast is None or told(fast) == told(slow)


PLAIN = json.loads(encode_jobs([job("completed", "running", "failed")]))
(KEY,) = PLAIN


def with_fields(**fields):
    return {KEY: {**PLAIN[KEY], **fields}}


USUAL = {
    "one job": PLAIN,
    "no job": {},
    "many jobs": {str(job_id): PLAIN[KEY] for job_id in IDS},
    "no circuits": json.loads(encode_jobs([job()])),
    "a job with warnings beside it": {**PLAIN, "warnings": [{"message": "a: b"}]},
    "a field that nobody knows": with_fields(queue={"position": [1, {"a:": "b"}], "of": ":"}),
    "a status that nobody knows": with_fields(statuses=["thinking: hard"] * 3),
    "weights for counts": with_fields(counts=[{"0": 0.5, "1": -0.25}, None, {"0": 3}]),
    "short lists": with_fields(compiled_circuits=[], counts=[{"0": 3}], provider_id=["arn:a:b"]),
    "neither tags nor metadata": {
        KEY: {k: v for k, v in PLAIN[KEY].items() if k not in {"tags", "metadata"}}
    },
    "circuits full of colons": with_fields(input_circuits=['{"a": [":", {"b": 1}]}', "::", ""]),
    "metadata of any depth": with_fields(metadata={"a": [1, [{"b": None, "c:": ":"}]], "d": 1e3}),
    "a time without a fraction": with_fields(submission_timestamp="2026-05-01T12:00:00Z"),
    "a time in another zone": with_fields(submission_timestamp="2026-05-01T12:00:00+02:00"),
    "times that are not known": with_fields(last_updated_timestamp=[None, None, None]),
    "numbers of qubits": with_fields(initial_logical_to_physicals=[{"0": 4, "-1": 2}, {}, None]),
}


@pytest.mark.parametrize("compact", [True, False])
@pytest.mark.parametrize("name", USUAL)
def test_what_a_server_usually_sends_is_read_quickly(name, compact):
    body = json.dumps(USUAL[name], separators=(",", ":") if compact else None).encode()
    assert quickly(body) is not None
    assert told(quickly(body)) == told(slowly(body))


UNUSUAL = {
    "a colon that is spelt out": with_fields(tags=["a:b"]),
    "more digits than a time has": with_fields(submission_timestamp="2026-05-01T12:00:00.1234567Z"),
    "an id without hyphens": {KEY.replace("-", ""): PLAIN[KEY]},
    "an id in braces": {f"{{{KEY}}}": PLAIN[KEY]},
    "long lists": with_fields(tags=["x"], counts=[None] * 5),
    "a number that is larger than others": with_fields(shots=[10**30, 1, 1]),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_only_unusual_is_read_too(name):
    body = json.dumps(UNUSUAL[name]).encode().replace(b"a:b", b"a\\u003ab")
    assert told(job_data.read_jobs(body, fetched_at=NOON, source=HOST)) == told(slowly(body))


def test_times_are_cut_not_rounded():
    payload = with_fields(submission_timestamp="2026-05-01T12:00:00.9999999Z")
    (snapshot,) = decode_jobs(json.dumps(payload).encode())
    assert snapshot.submitted_at.microsecond == 999_999


@pytest.mark.parametrize(
    "text",
    [
        b'"metadata":{"a":":","\\u0061":1}',
        b'"metadata":{"x":"\\u003a","x":1}',
        b'"metadata":{"x":"\\u003A\\u003a","x":1,"x":2}',
        b'"dry_run":false,"metadata":{}',
        b'"new":{"a":1},"new":{"a":1},"metadata":{}',
        b'"initial_logical_to_physicals":[{"0":1,"-0":1},null,null],"metadata":{}',
        b'"counts":[{"0":1,"0":1},null,null],"metadata":{}',
    ],
)
def test_no_key_that_comes_twice_hides_among_the_colons(text):
    payload = {**PLAIN[KEY], "tags": ["::"]}
    del payload["metadata"]
    if b"counts" in text:
        del payload["counts"]
    if b"initial" in text:
        del payload["initial_logical_to_physicals"]
    body = json.dumps({KEY: payload}, separators=(",", ":")).encode()
    with pytest.raises(ProtocolError, match=r"twice|second time"):
        decode_jobs(body[:-2] + b"," + text + b"}}")


def test_the_lists_are_taken_in_the_order_of_the_table():
    """``make_circuits`` unpacks them by place: each value comes back in the field it belongs to."""
    marks = {name: [None] for name in PER_CIRCUIT_LISTS}
    marks |= {"statuses": ["completed"], "input_circuits": ["in"], "shots": [7]}
    marks |= {"counts": [{"0": 1}], "last_updated_timestamp": ["2026-05-01T12:00:00Z"]}
    marks |= {"initial_logical_to_physicals": [{"1": 2}], "final_logical_to_physicals": [{"3": 4}]}
    for name in ("status_messages", "provider_id", "compiled_circuits", "results_dicts"):
        marks[name] = [name]
    for name in ("logical_qubits", "physical_qubits"):
        marks[name] = [name]
    (snapshot,) = quickly(json.dumps(with_fields(num_circuits=1, **marks)).encode()).value
    assert {name: snapshot.to_dict()[name] for name in marks} == marks


# ---- circuits that are made when they are asked for ----------------------------------------------


def test_circuits_are_made_once():
    (snapshot,) = decode_jobs(json.dumps(PLAIN).encode())
    assert snapshot.circuits is snapshot.circuits
    assert snapshot.circuits == job("completed", "running", "failed").circuits


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_a_copy_has_circuits_whether_they_were_asked_for_or_not(copied):
    (snapshot,) = decode_jobs(json.dumps(PLAIN).encode())
    assert copied(snapshot) == job("completed", "running", "failed")


def test_statuses_are_known_without_circuits():
    (snapshot,) = decode_jobs(json.dumps(PLAIN).encode())
    before = snapshot.statuses, snapshot.status
    assert snapshot.circuits
    assert (snapshot.statuses, snapshot.status) == before


def test_there_is_no_attribute_that_there_is_not():
    (snapshot,) = decode_jobs(json.dumps(PLAIN).encode())
    with pytest.raises(AttributeError, match="circuit_list"):
        _ = snapshot.circuit_list
    assert snapshot.circuits


def test_a_snapshot_does_not_hold_the_body_it_was_read_from():
    body = json.dumps(PLAIN).encode()
    before = sys.getrefcount(body)
    snapshots = decode_jobs(body)
    assert sys.getrefcount(body) == before
    assert snapshots


SPELT_OUT = '"submission_timestamp":"2020-01-01T00\\u003a00\\u003a00Z"'


@pytest.mark.parametrize(
    "more", ['"tags":[],"tags":[],"tags":[]', '"a":1,"b":2', '"a\\u003ab":1,"tags":[],"tags":[]']
)
@pytest.mark.parametrize("spelt_out", [True, False])
def test_nothing_hides_behind_a_colon_that_is_spelt_out(more, spelt_out):
    payload = {k: v for k, v in PLAIN[KEY].items() if k not in {"tags", "submission_timestamp"}}
    time = SPELT_OUT if spelt_out else SPELT_OUT.replace("\\u003a", ":")
    rest = json.dumps(payload, separators=(",", ":"))[1:-1]
    body = f'{{"{KEY}":{{{rest},{time},{more}}}}}'.encode()
    try:
        slow = slowly(body)
    except ProtocolError:
        assert quickly(body) is None
    else:
        assert quickly(body) is None or told(quickly(body)) == told(slow)
