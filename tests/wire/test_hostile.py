"""Bodies that no honest server sends, and strings that no honest caller passes."""

from __future__ import annotations

import contextlib
import json
import pickle
import warnings
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from worlds import HOST, JOB, KEY, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.testing import ScriptedTransport, jobs_response, json_response
from superstaq_jobs.wire.api import encode_jobs
from superstaq_jobs.wire.strict import parse_json

LONGEST_ERROR_BYTES = 4096
GOOD = encode_jobs([job("completed")])
FIELDS = GOOD[: -len(b"}}")]


def with_field(value: bytes) -> bytes:
    """A good job with an unknown field, whose value is kept as it is."""
    return FIELDS + b',"new_field":' + value + b"}}"


def refused(body: bytes, api_version: str = "v0.3.0") -> sj.ProtocolError:
    with pytest.raises(sj.ProtocolError) as caught:
        sj.decode_jobs(body, api_version=api_version)
    error = caught.value
    for text in (str(error), repr(error), error.message):
        assert len(text.encode("utf-8", "surrogatepass")) <= LONGEST_ERROR_BYTES
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


def test_what_the_others_are_made_of_is_good():
    assert sj.decode_jobs(GOOD) == (job("completed"),)
    (snapshot,) = sj.decode_jobs(with_field(b'{"a":[1]}'))
    assert snapshot.extra == {"new_field": {"a": [1]}}


DEPTH = 100_000
BODIES = {
    "lists 100,000 deep": b"[" * DEPTH + b"]" * DEPTH,
    "objects 100,000 deep": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "lists deep in a field": with_field(b"[" * DEPTH + b"]" * DEPTH),
    "objects deep in a field": with_field(b'{"a":' * DEPTH + b"1" + b"}" * DEPTH),
    "10 MB of [": b"[" * 10_000_000,
    "10 MB of {": b'{"":' * 2_500_000,
    "10 MB of [ in a field": with_field(b"[" * 10_000_000),
    "a number of 100,000 digits": with_field(b"9" * 100_000),
    "10 MB of digits": b"9" * 10_000_000,
    "a number past all floats": with_field(b"1e999"),
    "a negative one": with_field(b"-1e999"),
    "an exponent of 100,000 digits": with_field(b"1e" + b"9" * 100_000),
    "NaN": with_field(b"NaN"),
    "nan": with_field(b"nan"),
    "Infinity": with_field(b"Infinity"),
    "-Infinity": with_field(b"-Infinity"),
    "a lone surrogate": with_field(b'"\\ud800"'),
    "the wrong half": with_field(b'"\\udc00"'),
    "halves the wrong way round": with_field(b'"\\udc00\\ud800"'),
    "a half and a letter": with_field(b'"\\ud83d\\u0041"'),
    "a lone surrogate in a key": with_field(b'{"\\ud800":1}'),
    "a raw surrogate": with_field(b'"\xed\xa0\x80"'),
    "no UTF-8": with_field(b'"\xff"'),
    "no UTF-8 in the name of a job": GOOD.replace(b'{"', b'{"\xff', 1),
    "no UTF-8 in the name of a field": FIELDS + b',"\xff":1}}',
    "an escape that is cut short": with_field(b'"\\u0041\\u00"'),
    "an escape without digits": with_field(b'"\\u0041\\u"'),
    "an escape with other letters": with_field(b'"\\u0041\\uZZZZ"'),
    "an overlong slash": with_field(b'"\xc0\xaf"'),
    "a BOM": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-16, little": GOOD.decode().encode("utf-16-le"),
    "UTF-16, big": GOOD.decode().encode("utf-16-be"),
    "UTF-32": GOOD.decode().encode("utf-32"),
    "a comment": b"/**/" + GOOD,
    "a comma too many": GOOD[:-1] + b",}",
    "single quotes": b"{'a':1}",
    "two values": GOOD + GOOD,
    "a value and more": GOOD + b"x",
    "a null byte": GOOD + b"\x00",
    "a line break in a string": with_field(b'"a\nb"'),
    "a leading zero": with_field(b"01"),
    "a plus": with_field(b"+1"),
    "hexadecimal": with_field(b"0x1"),
    "nothing": b"",
    "blanks": b" \r\n\t",
    "a long name of a job": b'{"' + b"x" * 1_000_000 + b'":{}}',
    "a long name of a field": with_field(b"1")[:-2] + b',"' + b"y" * 1_000_000 + b'":NaN}}',
    "many wrong jobs": json.dumps({f"{n:036}": n for n in range(20_000)}).encode(),
}


@pytest.mark.parametrize("name", BODIES)
def test_it_is_refused_with_a_short_error(name):
    refused(BODIES[name])


OLD_GOOD = b'{"a":{"status":"Done","shots":10,"samples":{"00":4,"11":6}}}'


@pytest.mark.parametrize("name", BODIES)
def test_it_is_refused_by_the_reader_of_v0_2_0_too(name):
    refused(BODIES[name].replace(GOOD, OLD_GOOD).replace(FIELDS, OLD_GOOD[:-2]), "v0.2.0")


@pytest.mark.parametrize(
    "body",
    [
        *(b"[]", b"null", b'"x"', b"3", b'{"a":null}', b'{"a":[]}', b'{"a":{}}', b'{"":{}}'),
        *(b'{"a b":{"status":"Done"}}', b'{"a,b":{"status":"Done"}}', b'{"a":"Done"}'),
        *(b'{"a":{"status":null}}', b'{"a":{"status":["Done"]}}', b'{"a":{"status":{"a":1}}}'),
        *(b'{"a":{"status":"Done","samples":{"0":"3"}}}', b'{"a":{"status":1,"samples":[]}}'),
        *(b'{"a":{"status":"Done","target":"nowhere"}}', b'{"a":{"status":"Done","shots":"1"}}'),
        json.dumps({f"c{n}": n for n in range(20_000)}).encode(),
        json.dumps({"x" * 1_000_000: {"status": 1}}).encode(),
    ],
    ids=lambda body: body[:40].decode(),
)
def test_a_body_of_v0_2_0_in_another_shape_is_refused(body):
    assert refused(body, "v0.2.0").problems


@pytest.mark.parametrize(
    "fields",
    [
        *({"failure": 3}, {"failure": []}, {"failure": {"error": None}}, {"failure": {}}),
        *({"samples": None}, {"samples": {}}, {"samples": {"": 3}}, {"num_qubits": "two"}),
        *({"circuit_type": "quil"}, {"circuit_type": None}, {"target": None}, {"shots": -1}),
        *({"data": [[]]}, {"pulse_gate_circuits": 3}, {"circuit_id": 7}, {"extra": {"a": 1}}),
        *({"index": "x"}, {"counts": {"0": 1}}, {"status_text": 3}, {"warnings": ["x"]}),
        {"failure": json.loads("[" * 60 + "]" * 60)},
    ],
    ids=str,
)
@pytest.mark.parametrize("word", ["Done", "Failed", "", "running", "Läuft"])
def test_a_circuit_that_is_odd_is_kept_with_what_is_known(fields, word):
    body = json.dumps({"a": {"status": word, **fields}, "b": {"status": "Done"}}).encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sj.SuperstaqWarning)
        (snapshot,) = sj.decode_jobs(body, api_version="v0.2.0", job_ids=["a,b"])
        again = sj.encode_jobs([snapshot], api_version="v0.2.0")
        assert sj.decode_jobs(again, api_version="v0.2.0", job_ids=["a,b"]) == (snapshot,)
    assert pickle.loads(pickle.dumps(snapshot)).digest == snapshot.digest
    assert snapshot.circuits[1].status == "completed"
    assert json.loads(again)["a"]["status"] == word


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"<html>", b"{}", b'{"job_ids":null}', b'{"job_ids":"a"}',
     b'{"job_ids":[]}', b'{"job_ids":[1]}', b'{"job_ids":["a b"]}', b'{"job_ids":[""]}',
     b'{"job_ids":{"a":1}}', b'{"succeeded":null}', b'{"succeeded":[1]}', b'{"succeeded":"a"}',
     b'{"superstaq_targets":[]}',
     b'{"superstaq_targets":{"a_b_qpu":3}}', b'{"superstaq_targets":{"":{}}}', b'{"target_info":3}',
     b'{"superstaq_targets":{"a_b_qpu":{"retired":"no"}}}', b'{"balance":"3"}', b'{"balance":null}',
     b'{"warnings":3}', b'{"job_ids":["a"],"warnings":{"a":1}}'],
)  # fmt: skip
def test_every_call_of_v0_2_0_meets_any_response_with_a_result_or_a_typed_error(body):
    new = sj.NewJob(
        target="ss_unconstrained_simulator", circuits="{}", circuit_type="cirq", shots=1
    )
    for call in (
        lambda client: sj.fetch_job(client, "a,b"),
        lambda client: sj.submit_job(client, new),
        lambda client: sj.cancel_jobs(client, ["a,b"]),
        lambda client: sj.JobHandle(client, "a,b").cancel(1),
        sj.fetch_targets,
        lambda client: sj.fetch_target_info(client, "ibmq_fez_qpu"),
        sj.fetch_balance,
    ):
        transport = ScriptedTransport.from_function(lambda _: sj.Response(status=200, body=body))
        with warnings.catch_warnings(), contextlib.suppress(sj.SuperstaqException):
            warnings.simplefilter("ignore", sj.SuperstaqWarning)
            call(client_on(transport, api_version="v0.2.0"))


@pytest.mark.parametrize("place", ["new_field", "metadata", "warnings"])
@pytest.mark.parametrize("value", [b"1e999", b"[NaN]", b'["\\ud800"]', b'{"a":"\xff"}'])
def test_what_is_not_json_is_described_as_a_whole(place, value):
    field = b',"%b":%b' % (place.encode(), value)
    body = GOOD[:-1] + field + b"}" if place == "warnings" else FIELDS + field + b"}}"
    start = FIELDS[:50].decode()
    assert f"({len(body)} bytes, starting with '{start}" in refused(body).message


@pytest.mark.parametrize("name", BODIES)
def test_it_is_refused_as_the_response_to_a_call_too(name):
    transport = ScriptedTransport([sj.Response(status=200, body=BODIES[name])] * 2)
    client = client_on(transport)
    with pytest.raises(sj.ProtocolError) as caught:
        sj.fetch_job(client, JOB)
    assert len(str(caught.value).encode()) <= LONGEST_ERROR_BYTES
    new = sj.NewJob(target="ss_unconstrained_simulator", circuits="OPENQASM 2.0;", shots=1)
    with pytest.raises(sj.SubmissionUnknown) as unknown:
        sj.submit_job(client, new)
    assert len(str(unknown.value).encode()) <= LONGEST_ERROR_BYTES


@pytest.mark.parametrize("name", BODIES)
def test_as_the_body_of_an_error_it_does_no_harm(name):
    response = sj.Response(status=400, body=BODIES[name])
    with pytest.raises(sj.SuperstaqServerException) as caught:
        sj.fetch_balance(client_on(ScriptedTransport([response])))
    assert type(caught.value) is sj.SuperstaqServerException
    assert len(str(caught.value).encode()) <= LONGEST_ERROR_BYTES


@pytest.mark.parametrize("digits", [19, 20, 300, 4000])
def test_a_whole_number_is_kept_exactly_or_refused(digits):
    body = with_field(b"7" * digits)
    try:
        (snapshot,) = sj.decode_jobs(body)
    except sj.ProtocolError:
        assert digits > 300
    else:
        assert snapshot.extra["new_field"] == int("7" * digits)
        assert type(snapshot.extra["new_field"]) is int


# ---- keys that come twice

KEYS = st.text(st.sampled_from('a":\\ \n\té\u2028'), max_size=4) | st.text(max_size=3)
TEXTS = st.text(st.sampled_from('":,{}\\ a'), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
BLANKS = st.text(st.sampled_from(" \t\n\r"), max_size=2)


def has_repeated_keys(text: str) -> bool:
    """According to the standard library's parser, which shows every key."""
    found = False

    def pairs(items):
        nonlocal found
        found = found or len({key for key, _ in items}) < len(items)
        return dict(items)

    json.loads(text, object_pairs_hook=pairs)
    return found


@st.composite
def written(draw, value, *, repeats):
    """A value as JSON, spelled at random, and with repeated keys if ``repeats``."""
    blank = draw(BLANKS)
    if isinstance(value, list):
        items = [draw(written(item, repeats=repeats)) for item in value]
        return "[" + f",{blank}".join(items) + blank + "]"
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=draw(st.booleans()))
    items = list(value.items())
    if items and repeats:
        items.insert(
            draw(st.integers(0, len(items))),
            (draw(st.sampled_from(items))[0], draw(st.sampled_from([0, ":", {}]))),
        )
    parts = [
        json.dumps(key, ensure_ascii=draw(st.booleans()))
        + draw(BLANKS)
        + ":"
        + blank
        + draw(written(item, repeats=repeats and draw(st.booleans())))
        for key, item in items
    ]
    return "{" + f"{blank},".join(parts) + "}"


@given(VALUES.flatmap(lambda value: st.tuples(st.just(value), written(value, repeats=False))))
@example(({"a": ":", "b": '":'}, '{"a":":","b":"\\":"}'))
def test_json_in_any_spelling_is_read(pair):
    value, text = pair
    assert not has_repeated_keys(text)
    assert parse_json(text.encode()) == value


@given(
    st.dictionaries(KEYS, VALUES, min_size=1, max_size=3).flatmap(
        lambda value: written(value, repeats=True)
    )
)
def test_of_repeated_keys_the_last_wins(text):
    assert has_repeated_keys(text)
    assert parse_json(text.encode()) == json.loads(text)
    (snapshot,) = sj.decode_jobs(with_field(text.encode()))
    assert snapshot.extra == {"new_field": json.loads(text)}


# ---- what a caller could inject into a request

INJECTIONS = ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\x00b", "\r\n\r\nGET /evil HTTP/1.1"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_key_or_a_token_cannot_bring_a_header_along(text):
    for options in ({"api_key": text}, {"ibmq_token": text}, {"cq_token": text}):
        with pytest.raises(sj.ConfigurationError) as caught:
            sj.SuperstaqClient(**{"api_key": KEY, "remote_host": HOST, **options})
        assert text not in str(caught.value)


def test_a_token_that_is_data_is_written_as_json_without_line_breaks():
    transport = ScriptedTransport([json_response({"email": "a@b.c", "balance": 1})])
    client = client_on(transport, cq_token={"a": "x\r\nX-Evil: 1"})
    sj.fetch_balance(client)
    (value,) = (value for name, value in transport.requests[0].headers if name == "cq_token")
    assert json.loads(value.reveal()) == {"a": "x\r\nX-Evil: 1"}
    assert value.reveal().isprintable()


@pytest.mark.parametrize("text", [*INJECTIONS, "a&job_id=b", "a#b", "a b", "ü", "%0d%0a", "../x"])
def test_a_tag_stays_within_its_parameter(text):
    transport = ScriptedTransport([jobs_response()])
    sj.query_jobs(client_on(transport), sj.JobQuery(tags=[text]))
    (request,) = transport.requests
    assert request.path.isprintable()
    assert request.path.isascii()
    assert urlsplit(request.path).path == "/v0.3.0/client/job/qasm"
    assert parse_qsl(urlsplit(request.path).query, keep_blank_values=True) == [("tags", text)]


@pytest.mark.parametrize(
    "text", [*INJECTIONS, f"{JOB}\r\nX-Evil: 1", f"{JOB}&a=b", f"{JOB}\n{JOB}"]
)
def test_an_id_that_is_more_than_an_id_is_refused(text):
    transport = ScriptedTransport()
    client = client_on(transport)
    calls = [
        lambda: sj.fetch_job(client, text),
        lambda: sj.cancel_jobs(client, [text]),
        lambda: sj.JobHandle(client, text),
        lambda: sj.JobQuery(job_id=[text]),
    ]
    for call in calls:
        with pytest.raises(sj.InvalidRequest):
            call()
    assert transport.requests == ()


@pytest.mark.parametrize("text", INJECTIONS)
def test_neither_a_target_nor_a_format_can_change_the_path(text):
    transport = ScriptedTransport()
    client = client_on(transport)
    with pytest.raises(sj.InvalidRequest):
        sj.fetch_job(client, JOB, circuit_type=text)
    with pytest.raises(sj.InvalidRequest):
        sj.fetch_target_info(client, text)
    assert transport.requests == ()
