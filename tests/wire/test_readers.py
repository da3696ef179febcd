"""The two readers of jobs agree, and what is only unusual does not need the slow one."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import uuid
import weakref

import attrs
import pytest
from general_superstaq import models
from hypothesis import given
from hypothesis import strategies as st
from worlds import HOST, NOON, in_full, job

from superstaq_jobs.errors import ProtocolError
from superstaq_jobs.records import CircuitSnapshot
from superstaq_jobs.records.shape import PER_CIRCUIT_LISTS
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire.api import decode_jobs, encode_jobs
from superstaq_jobs.wire.job_data import JobData, read_each_job, read_jobs

IDS = [uuid.UUID(int=number) for number in range(1, 4)]
FIELDS = {"unknown_fields": True, "unknown_statuses": True, "irregular_lists": True}


def outcome(read, body):
    """All that a reader finds in a body: provenance and the spelling of numbers, or the error."""
    try:
        decoded = read(body, fetched_at=NOON, source=HOST)
    except ProtocolError as error:
        return str(error), error.problems, error.omitted, error.found
    found = [(s, s.digest, s.fetched_at, s.source, in_full(s), hash(s)) for s in decoded.value]
    return found, [exact(s.to_dict()) for s in decoded.value], decoded.warnings


def exact(data):
    """A string that differs for 1, 1.0 and True, which == does not."""
    return json.dumps(data, sort_keys=True)


def compact(data):
    return json.dumps(data, separators=(",", ":")).encode()


@given(st.lists(sts.wire_payloads(**FIELDS), max_size=3), st.booleans(), st.booleans())
def test_both_readers_read_alike(payloads, warns, spaced):
    data = {str(job_id): payload for job_id, payload in zip(IDS, payloads, strict=False)}
    if warns:
        data["warnings"] = [{"message": "soon: maintenance"}, 3, {"a": {"b": [":"]}}]
    body = json.dumps(data).encode() if spaced else compact(data)
    assert outcome(read_jobs, body) == outcome(read_each_job, body)


@given(sts.hostile_payloads())
def test_both_readers_refuse_alike(payload):
    assert outcome(read_jobs, payload.body) == outcome(read_each_job, payload.body)


@given(sts.wire_payloads(**FIELDS))
def test_the_parser_and_the_converter_read_alike(payload):
    usual = {**payload, "submission_timestamp": "2026-05-01T12:00:00.123456Z"}
    fine = {**payload, "submission_timestamp": "2026-05-01T12:00:00.1234567Z"}  # the parser rounds
    assert outcome(read_jobs, compact({KEY: fine})) == outcome(read_jobs, compact({KEY: usual}))


@given(
    sts.wire_payloads(**FIELDS), st.randoms(use_true_random=False), st.sampled_from([None, 0, 3])
)
def test_neither_order_nor_white_space_nor_escapes_matter(payload, random, indent):
    expected = read_jobs(compact({str(IDS[0]): payload}))
    names = [*payload]
    random.shuffle(names)
    shuffled = {str(IDS[0]): {name: payload[name] for name in names}}
    text = json.dumps(shuffled, indent=indent, ensure_ascii=random.random() < 0.5)
    decoded = read_jobs(text.encode("utf-8", "surrogatepass"))
    assert decoded == expected
    assert exact(decoded.value[0].to_dict()) == exact(expected.value[0].to_dict())


# ---- what is only unusual is read by the parser alone --------------------------------------------

PLAIN = json.loads(encode_jobs([job("completed", "running", "failed")]))
(KEY,) = PLAIN


def with_fields(**fields):
    return {KEY: {**PLAIN[KEY], **fields}}


UNUSUAL = {
    "one job": PLAIN,
    "no job": {},
    "many jobs": {str(job_id): PLAIN[KEY] for job_id in IDS},
    "no circuits": json.loads(encode_jobs([job()])),
    "a job with warnings beside it": {**PLAIN, "warnings": [{"message": "a: b"}]},
    "warnings that are an object": {**PLAIN, "warnings": {"message": "a: b"}},
    "an unknown field": with_fields(queue={"position": [1, {"a:": "b"}], "of": ":"}),
    "an unknown status": with_fields(statuses=["thinking: hard"] * 3),
    "weights for counts": with_fields(counts=[{"0": 0.5, "1": -0.25}, None, {"0": 3}]),
    "short lists": with_fields(compiled_circuits=[], counts=[{"0": 3}], provider_id=["arn:a:b"]),
    "short lists of what is required": with_fields(shots=[1], input_circuits=[]),
    "long lists": with_fields(
        tags=["x"],
        counts=[None] * 3 + [{"0": 1}],
        last_updated_timestamp=["2026-05-01 12:00:00Z"] * 5,
    ),
    "neither tags nor metadata": {
        KEY: {k: v for k, v in PLAIN[KEY].items() if k not in {"tags", "metadata"}}
    },
    "another order": {KEY: dict(sorted(PLAIN[KEY].items()))},
    "metadata of any depth": with_fields(metadata={"a": [1, [{"b": None, "c:": ":"}]], "d": 1e3}),
    "a time without a fraction": with_fields(submission_timestamp="2026-05-01T12:00:00Z"),
    "a time in another zone": with_fields(submission_timestamp="2026-05-01T12:00:00+02:00"),
    "a time without a zone": with_fields(submission_timestamp="2026-05-01T12:00:00"),
    "unknown times": with_fields(last_updated_timestamp=[None, None, None]),
    "indices of qubits": with_fields(initial_logical_to_physicals=[{"0": 4, "-1": 2}, {}, None]),
    "strings outside of ASCII": with_fields(tags=["é", "\U0001f600"]),
}
RARE = {
    "more digits than a time has": with_fields(submission_timestamp="2026-05-01T12:00:00.1234567Z"),
    "a time without seconds": with_fields(submission_timestamp="2026-05-01T12:00Z"),
    "an id without hyphens": {KEY.replace("-", ""): PLAIN[KEY]},
    "an id in braces": {f"{{{KEY}}}": PLAIN[KEY]},
    "a very large number": with_fields(shots=[10**30, 1, 1]),
}


@pytest.mark.parametrize("name", UNUSUAL | RARE)
def test_what_is_unusual_is_read(name):
    data = (UNUSUAL | RARE)[name]
    for body in (compact(data), json.dumps(data, indent=2).encode()):
        assert outcome(read_jobs, body) == outcome(read_each_job, body)
        assert len(read_jobs(body).value) == len(data.keys() - {"warnings"})


def test_what_is_unusual_is_read_without_cattrs():
    """It is loaded only to explain what is wrong, which takes several times as long."""
    bodies = [
        json.dumps(data, indent=indent, separators=separators).encode()
        for data in UNUSUAL.values()
        for indent, separators in ((None, (",", ":")), (None, None), (2, None))
    ]
    code = (
        "import pickle, sys\n"
        "from superstaq_jobs.wire.job_data import read_jobs\n"
        "for body in pickle.load(sys.stdin.buffer):\n"
        "    read_jobs(body)\n"
        "    assert 'cattrs' not in sys.modules, body\n"
    )
    subprocess.run([sys.executable, "-c", code], input=pickle.dumps(bodies), check=True, timeout=60)


# ---- keys that come twice ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '"metadata":{"a":1,"a":2},"tags":["first"],"tags":["last"]',
        '"metadata":{"a":":","\\u0061":1}',
        '"dry_run":true,"dry_run":false',
        '"new":{"a":1},"new":{"a":2,"a":3}',
        '"counts":[{"0":1,"0":2},null,null]',
        '"shots":[1,2,3],"sh\\u006fts":[4,5,6]',
        '"initial_logical_to_physicals":[{"0":1,"0":2},null,{"0":1,"-0":3}]',
        '"submission_timestamp":"2020-01-01T00:00:00Z","submission_timestamp":"2021-01-01T00:00:00Z"',
    ],
)
@pytest.mark.parametrize("read", [read_jobs, read_each_job])
def test_of_equal_keys_the_last_wins_as_in_the_official_client(text, read):
    body = compact(PLAIN)[:-2] + b"," + text.encode() + b"}}"
    (snapshot,) = read(body).value
    theirs = models.JobData(**json.loads(body)[KEY])
    assert snapshot.to_dict() == theirs.model_dump(mode="json")
    known = theirs.model_dump()
    assert snapshot.extra == {k: v for k, v in json.loads(body)[KEY].items() if k not in known}


@pytest.mark.parametrize("read", [read_jobs, read_each_job])
def test_of_a_job_that_comes_twice_the_last_wins(read):
    first, last = compact(with_fields(tags=["first"])), compact(with_fields(tags=["last"]))
    (snapshot,) = read(first[:-1] + b"," + last[1:]).value
    assert snapshot.tags == ("last",)


# ---- records -------------------------------------------------------------------------------------


def test_each_list_fills_the_field_it_belongs_to():
    marks = {name: [None] for name in PER_CIRCUIT_LISTS}
    marks |= {"statuses": ["completed"], "input_circuits": ["in"], "shots": [7]}
    marks |= {"counts": [{"0": 1}], "last_updated_timestamp": ["2026-05-01T12:00:00Z"]}
    marks |= {"initial_logical_to_physicals": [{"1": 2}], "final_logical_to_physicals": [{"3": 4}]}
    for name in ("status_messages", "provider_id", "compiled_circuits", "results_dicts"):
        marks[name] = [name]
    for name in ("logical_qubits", "physical_qubits"):
        marks[name] = [name]
    (snapshot,) = decode_jobs(compact(with_fields(num_circuits=1, **marks)))
    assert {name: snapshot.to_dict()[name] for name in marks} == marks


def test_the_declared_fields_are_the_official_ones_in_their_order():
    ours = {field.name: field.default is attrs.NOTHING for field in attrs.fields(JobData)}
    theirs = {name: field.is_required() for name, field in models.JobData.model_fields.items()}
    assert list(ours.items()) == list(theirs.items())


@given(sts.wire_payloads(**FIELDS))
def test_a_decoded_record_is_what_its_constructor_makes(payload):
    """Decoding builds records without their converters: these would not change a thing."""
    (snapshot,) = read_jobs(compact({KEY: payload}), fetched_at=NOON, source=HOST).value
    circuits = [
        CircuitSnapshot(**{f.name: getattr(c, f.name) for f in attrs.fields(CircuitSnapshot)})
        for c in snapshot.circuits
    ]
    again = attrs.evolve(snapshot, circuits=circuits)
    assert again == snapshot
    assert (in_full(again), again.fetched_at, again.source) == (in_full(snapshot), NOON, HOST)
    assert all(type(c) is CircuitSnapshot for c in snapshot.circuits)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s)), attrs.evolve]
)
def test_a_decoded_record_is_an_ordinary_one(copied):
    (snapshot,) = decode_jobs(compact(PLAIN))
    assert copied(snapshot) == snapshot == job("completed", "running", "failed")
    assert weakref.ref(snapshot)() is snapshot
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        snapshot.tags = ()
    with pytest.raises(AttributeError, match="circuit_list"):
        _ = snapshot.circuit_list


def test_a_snapshot_does_not_keep_the_body_it_was_read_from():
    body = compact(with_fields(new_field=[1], input_circuits=["a", "b", "c", "d"]))
    before = sys.getrefcount(body)
    snapshots = decode_jobs(body)
    assert sys.getrefcount(body) == before
    assert snapshots


def test_times_are_cut_not_rounded():
    payload = with_fields(submission_timestamp="2026-05-01T12:00:00.9999999Z")
    (snapshot,) = decode_jobs(compact(payload))
    assert snapshot.submitted_at.microsecond == 999_999
