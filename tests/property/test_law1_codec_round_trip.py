"""Law 1: decode(encode(s)) == s, and to_dict() of a decoded payload equals that payload.

The judge is the official client's ``JobData``.
"""

from __future__ import annotations

import json
import uuid
import warnings

import pydantic
import pytest
from general_superstaq import models
from general_superstaq import typing as official_v0_2_0
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from superstaq_jobs.errors import InvalidRequest, ProtocolError, SuperstaqWarning
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire.api import decode_jobs, encode_jobs
from superstaq_jobs.wire.job_data import read_jobs

JOB_ID = uuid.UUID("6f3c4a52-7a39-4b0e-9c56-0d4fb2a1c3de")


def body_of(payload, job_id=JOB_ID):
    return json.dumps({str(job_id): payload}).encode()


def decoded(payload):
    """The one job of a body; unknown statuses warn, and that is tested elsewhere."""
    (snapshot,) = read_jobs(body_of(payload)).value
    return snapshot


def theirs(payload):
    return models.JobData(**json.loads(json.dumps(payload))).model_dump(mode="json")


def outcome(read):
    """What a reader returns, and the protocol error that it raises instead."""
    try:
        return read(), None
    except ProtocolError as error:
        return None, error


def exact(data):
    """A string that differs for 1, 1.0 and True, which == does not."""
    return json.dumps(data, sort_keys=True)


# The official model is the judge of at least a thousand payloads where time allows it.
THOROUGHLY = settings(max_examples=1000 if settings.default.max_examples > 100 else 100)


@given(st.lists(sts.job_snapshots(), max_size=3, unique_by=lambda s: s.job_id))
def test_decoding_what_was_encoded_gives_equal_snapshots(snapshots):
    assert read_jobs(encode_jobs(snapshots)).value == tuple(snapshots)


@given(sts.job_snapshots(unknown_statuses=True, num_circuits=2))
def test_unknown_statuses_survive_the_round_trip(snapshot):
    (again,) = read_jobs(encode_jobs([snapshot])).value
    assert again == snapshot
    assert [c.status_text for c in again.circuits] == [c.status_text for c in snapshot.circuits]


@given(sts.job_snapshots())
def test_what_is_encoded_twice_is_the_same_bytes(snapshot):
    body = encode_jobs([snapshot])
    assert encode_jobs(read_jobs(body).value) == body


@THOROUGHLY
@given(sts.wire_payloads())
def test_to_dict_is_the_official_dump(payload):
    assert exact(decoded(payload).to_dict()) == exact(theirs(payload))


@THOROUGHLY
@given(sts.wire_payloads(irregular_lists=True, unknown_fields=True))
def test_to_dict_is_the_official_dump_of_irregular_lists(payload):
    assert exact(decoded(payload).to_dict()) == exact(theirs(payload))


@THOROUGHLY
@given(sts.wire_payloads(irregular_lists=True))
def test_a_payload_dumped_by_the_official_model_comes_back_as_it_was(payload):
    dumped = theirs(payload)
    assert exact(decoded(dumped).to_dict()) == exact(dumped)


@given(sts.wire_payloads(irregular_lists=True, unknown_fields=True, unknown_statuses=True))
def test_nothing_the_server_said_is_dropped(payload):
    snapshot = decoded(payload)
    kept = snapshot.to_dict()
    for name, value in payload.items():
        if name not in kept:
            assert exact(json.loads(encode_jobs([snapshot]))[str(JOB_ID)][name]) == exact(value)
        elif "timestamp" not in name:
            assert exact(kept[name]) == exact(value)


@given(sts.job_snapshots())
def test_the_official_model_accepts_what_we_encode(snapshot):
    (payload,) = json.loads(encode_jobs([snapshot])).values()
    assert exact(models.JobData(**payload).model_dump(mode="json")) == exact(snapshot.to_dict())


# ---- API v0.2.0 ------------------------------------------------------------------------------

OLD = "v0.2.0"
OFFICIAL_FIELDS = set(official_v0_2_0.Job.__annotations__) | {"failure"}
WORDS = {
    "received": {"Submitted", "Ready"},
    "pending": {"Queued"},
    "running": {"Running"},
    "completed": {"Done"},
    "failed": {"Failed"},
    "cancelled": {"Canceled", "Cancelled"},
    "deleted": {"Deleted"},
}


def old_jobs(body, job_ids=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SuperstaqWarning)
        return decode_jobs(body, api_version=OLD, job_ids=job_ids)


OLD_SNAPSHOTS = sts.job_snapshots(api_version=OLD, unknown_statuses=True)


@given(st.lists(OLD_SNAPSHOTS, max_size=3))
def test_decoding_what_was_encoded_for_v0_2_0_gives_equal_snapshots(snapshots):
    ids = [circuit.circuit_id for snapshot in snapshots for circuit in snapshot.circuits]
    assume(len(set(ids)) == len(ids))
    body = encode_jobs(snapshots, api_version=OLD)
    again = old_jobs(body, [snapshot.job_id for snapshot in snapshots])
    assert again == tuple(snapshots)
    assert encode_jobs(again, api_version=OLD) == body


@given(OLD_SNAPSHOTS)
def test_what_we_encode_has_the_fields_of_the_official_type(snapshot):
    sent = json.loads(encode_jobs([snapshot], api_version=OLD))
    for circuit, said in zip(snapshot.circuits, sent.values(), strict=True):
        assert set(said) <= OFFICIAL_FIELDS | set(circuit.extra)


@given(sts.wire_payloads(api_version=OLD, unknown_fields=True, unknown_statuses=True))
def test_nothing_that_v0_2_0_said_is_dropped(payload):
    jobs = old_jobs(json.dumps(payload).encode())
    assert [job.job_id for job in jobs] == list(payload)
    again = json.loads(encode_jobs(jobs, api_version=OLD))
    for sent, kept in zip(payload.values(), again.values(), strict=True):
        assert exact({name: kept[name] for name in sent}) == exact(sent)
        assert all(value is None for name, value in kept.items() if name not in sent)


@given(sts.wire_payloads(api_version=OLD, num_circuits=2))
def test_what_v0_2_0_said_is_in_the_snapshot(payload):
    (snapshot,) = old_jobs(json.dumps(payload).encode(), [",".join(payload)])
    for circuit, sent in zip(snapshot.circuits, payload.values(), strict=True):
        assert sent["status"] in WORDS[circuit.status]
        for name in ("provider_id", "shots", "input_circuit", "compiled_circuit"):
            assert getattr(circuit, name) == sent.get(name)
        assert circuit.counts == sent.get("samples")
        failure = sent.get("failure")
        if isinstance(failure, dict) and "error" in failure:
            assert circuit.status_message == failure["error"]
        for name in OFFICIAL_FIELDS & sent.keys() - {"failure", "status", "samples"}:
            assert hasattr(circuit, name) or name in circuit.extra or hasattr(snapshot, name)


@given(sts.broken_payloads(api_version=OLD))
def test_what_is_broken_in_v0_2_0_is_refused_at_its_path(broken):
    payload, where = broken
    body = json.dumps(payload).encode()
    with pytest.raises(ProtocolError) as caught:
        decode_jobs(body, api_version=OLD)
    assert [problem.where for problem in caught.value.problems] == [where]
    # Nothing is lost of the other circuits.
    whole = {name for name in payload if not where.startswith(f"$.{name}")}
    assert {job.job_id for job in caught.value.found} == whole


@pytest.mark.parametrize("word", ["compiling", "unrecognized", "completed", "unknown"])
def test_a_status_of_the_other_version_survives_the_round_trip(word):
    body = json.dumps({"a": {"status": word}}).encode()
    jobs = old_jobs(body)
    assert jobs[0].circuits[0].status == word
    sent = json.loads(encode_jobs(jobs, api_version=OLD))
    assert sent["a"]["status"] == word
    assert old_jobs(json.dumps(sent).encode()) == jobs


def test_a_finished_status_of_the_other_version_is_not_called_unfinished(recwarn):
    decode_jobs(b'{"a": {"status": "unrecognized"}}', api_version=OLD)
    assert not recwarn


@pytest.mark.parametrize(("version", "other"), [("v0.3.0", OLD), (OLD, "v0.3.0")])
@given(st.data())
def test_a_snapshot_of_the_other_version_is_refused(version, other, data):
    snapshot = data.draw(sts.job_snapshots(api_version=other, num_circuits=1))
    with pytest.raises(InvalidRequest, match=f"api_version: .* is not of {version}"):
        encode_jobs([snapshot], api_version=version)


def test_two_states_of_a_circuit_cannot_be_in_one_response():
    (one, other) = (
        old_jobs(json.dumps({"a": {"status": word}, "b": {"status": word}}).encode(), [job_id])[0]
        for word, job_id in [("Done", "a,b"), ("Running", "a")]
    )
    with pytest.raises(ValueError, match="circuit a "):
        encode_jobs([one, other], api_version=OLD)
    (same,) = old_jobs(b'{"a": {"status": "Done"}}', ["a"])
    assert len(json.loads(encode_jobs([one, same], api_version=OLD))) == 2


# ---- refusal -----------------------------------------------------------------------------------


@st.composite
def mutated_payloads(draw):
    """A good payload with any JSON value in place of some part of it; and which field it is in."""
    payload = draw(sts.wire_payloads(num_circuits=draw(st.integers(1, 2))))
    name = draw(st.sampled_from(sorted(payload)))
    value = draw(sts.json_values(max_leaves=3))
    part = payload[name]
    if isinstance(part, list) and part and draw(st.booleans()):
        place = draw(st.integers(0, len(part) - 1))
        if isinstance(part[place], dict) and part[place] and draw(st.booleans()):
            part[place][draw(st.sampled_from(sorted(part[place])))] = value
        else:
            part[place] = value
    elif draw(st.integers(0, 4)) == 0:
        del payload[name]
    else:
        payload[name] = value
    return payload, name


TOLERATED = {"statuses", "user_email"}
"""Fields in which we accept what they refuse: the tests below say why."""


@THOROUGHLY
@given(mutated_payloads())
def test_we_refuse_what_the_official_model_refuses(mutation):
    payload, name = mutation
    try:
        theirs(payload)
    except pydantic.ValidationError:
        taken = False
    else:
        taken = True
    assume(not taken)
    if name in TOLERATED and isinstance(payload.get(name), list | str):
        return
    with pytest.raises(ProtocolError) as caught:
        read_jobs(body_of(payload))
    assert caught.value.problems


@given(mutated_payloads())
def test_a_payload_that_both_accept_means_the_same(mutation):
    payload, _ = mutation
    try:
        ours = decoded(payload)
        official = theirs(payload)
    except (ProtocolError, pydantic.ValidationError):
        return
    assert exact(ours.to_dict()) == exact(official)


def good_payload():
    one = {
        "statuses": "completed",
        "status_messages": None,
        "provider_id": None,
        "compiled_circuits": None,
        "input_circuits": "OPENQASM 2.0;",
        "counts": {"0": 3},
        "results_dicts": None,
        "shots": 3,
        "last_updated_timestamp": "2026-01-01T00:00:00Z",
        "initial_logical_to_physicals": None,
        "final_logical_to_physicals": None,
        "logical_qubits": None,
        "physical_qubits": None,
    }
    return {
        "job_type": "submit",
        "user_email": "ada@example.com",
        "target": "ibmq_fez_qpu",
        "num_circuits": 1,
        "circuit_type": "qasm",
        "dry_run": False,
        "submission_timestamp": "2026-01-01T00:00:00Z",
        "tags": [],
        "metadata": {},
        **{name: [value] for name, value in one.items()},
    }


def both_verdicts(**changes):
    payload = good_payload() | changes
    try:
        theirs(payload)
    except pydantic.ValidationError:
        official = False
    else:
        official = True
    try:
        decoded(payload)
    except ProtocolError:
        return official, False
    return official, True


OFFICIAL_ONLY, OURS_ONLY = (True, False), (False, True)


def test_the_example_is_accepted_by_both():
    assert both_verdicts() == (True, True)


def test_unknown_statuses_are_accepted():
    assert both_verdicts(statuses=["teleporting"]) == OURS_ONLY


@pytest.mark.parametrize("email", ["", "ada", "ada@localhost", "Ada <ada@example.com>"])
def test_odd_email_addresses_are_accepted(email):
    official, ours = both_verdicts(user_email=email)
    assert ours
    assert not official or email.startswith("Ada")


def test_unknown_fields_are_kept_where_the_official_model_drops_them():
    payload = {**good_payload(), "queue_position": {"a": [1]}}
    assert "queue_position" not in theirs(payload)
    assert decoded(payload).extra == {"queue_position": {"a": [1]}}


@pytest.mark.parametrize(
    "changes",
    [
        {"shots": ["3"]},
        {"shots": [3.0]},
        {"shots": [True]},
        {"num_circuits": "1"},
        {"num_circuits": 1.0},
        {"counts": [{"0": "3"}]},
        {"counts": [{"0": True}]},
        {"dry_run": "no"},
        {"dry_run": 0},
        {"submission_timestamp": 1767225600},
        {"submission_timestamp": "2026-01-01"},
        {"last_updated_timestamp": ["1767225600"]},
        {"initial_logical_to_physicals": [{"+1": 1}]},
        {"initial_logical_to_physicals": [{"1": "1"}]},
        {"final_logical_to_physicals": [{"1": 1.0}]},
        {"final_logical_to_physicals": [{" 1": 1}]},
        {"statuses": []},
        {"num_circuits": -1},
    ],
    ids=lambda changes: f"{changes}",
)
def test_stricter_than_the_official_model(changes):
    assert both_verdicts(**changes) == OFFICIAL_ONLY


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:60:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-01T00:00:00+02:60",
        "2026-01-01T00:00:00+02:75",
        "2026-01-01T00:00:00-23:59",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T00:00:00.123456789Z",
        "2026-01-01T00:00:00.9999999Z",
        "2026-01-01T00:00.5Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2026-01-01T00:00:00+0000",
        "2026-01-01T00:00:00+00",
        "2026-01-01_00:00:00Z",
        "٢٠٢٦-01-01T00:00:00Z",
        " 2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z\n",
        "2026-01-01T00:00:00 Z",
    ],
)
def test_a_time_stamp_that_we_accept_means_the_same_to_the_official_model(text):
    payload = good_payload() | {"submission_timestamp": text}
    ours, error = outcome(lambda: decoded(payload).to_dict())
    if error is None:
        assert ours == theirs(payload)
    else:
        assert error.problems[0].where == f"$.{JOB_ID}.submission_timestamp"


@pytest.mark.parametrize(
    "changes",
    [
        {"submission_timestamp": "2026-01-01T00:00:00"},
        {"last_updated_timestamp": ["2026-01-01T00:00:00.5"]},
        {"input_circuits": []},
        {"shots": []},
    ],
    ids=lambda changes: f"{changes}",
)
def test_what_is_read_with_a_warning_the_official_model_accepts(changes):
    assert both_verdicts(**changes) == (True, True)
    decoded = read_jobs(body_of(good_payload() | changes))
    assert len(decoded.warnings) == 1


@given(sts.broken_payloads())
def test_what_is_broken_is_refused_at_its_path(broken):
    payload, where = broken
    with pytest.raises(ProtocolError) as caught:
        read_jobs(body_of(payload))
    paths = [problem.where for problem in caught.value.problems]
    field = where.split("[")[0]
    if field == "$.num_circuits":
        assert paths
    else:
        assert paths == [f"$.{JOB_ID}{where[1:]}"]


VERSIONS = st.sampled_from(["v0.3.0", "v0.2.0"])


@given(VERSIONS.flatmap(lambda v: st.tuples(st.just(v), sts.hostile_payloads(api_version=v))))
def test_a_hostile_body_is_refused_or_keeps_the_laws(hostile_of):
    version, hostile = hostile_of
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SuperstaqWarning)
        snapshots, error = outcome(lambda: decode_jobs(hostile.body, api_version=version))
        if error is None:
            assert not hostile.is_refused, hostile.description
            body = encode_jobs(snapshots, api_version=version)
            assert decode_jobs(body, api_version=version) == snapshots
            return
    assert 0 < len(str(error)) < 20_000


@given(
    st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "ignore"))
)
def test_any_bytes_are_refused_or_hold_no_job(body):
    for version in ("v0.3.0", "v0.2.0"):
        snapshots, error = outcome(lambda version=version: decode_jobs(body, api_version=version))
        if error is None:
            assert snapshots == ()
        else:
            assert error.problems or "not JSON" in str(error)
