from __future__ import annotations

import json
import time
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import general_superstaq as gss
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import circuit
from worlds import HOST, JOB, KEY, NOON, OTHER, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.testing import ScriptedTransport, jobs_response, json_response
from superstaq_jobs.wire.api import MAX_REQUEST_LINE_BYTES

IDS = [UUID(int=n) for n in range(1, 2001)]


def server(known):
    """A server that knows these jobs and responds as the API does: unknown ids are absent."""

    def answer(request: sj.Request) -> sj.Response:
        pairs = parse_qsl(urlsplit(request.path).query)
        wanted = {value for name, value in pairs if name == "job_id"}
        return jobs_response(*(j for j in known if not wanted or str(j.job_id) in wanted))

    return ScriptedTransport.from_function(answer)


def test_one_job():
    transport = server([job("running"), job("completed", job_id=OTHER)])
    snapshot = sj.fetch_job(client_on(transport), str(JOB))
    assert snapshot == job("running")
    assert snapshot.source == HOST
    assert snapshot.fetched_at is not None
    (request,) = transport.requests
    assert (request.method, request.body) == ("GET", None)
    assert request.path == f"/v0.3.0/client/job/qasm?job_id={JOB}"


def test_the_format_of_the_circuits_is_the_clients_or_the_calls():
    transport = server([job("running")])
    client = client_on(transport, circuit_type="cirq")
    sj.fetch_job(client, JOB)
    sj.fetch_job(client, JOB, circuit_type="qiskit")
    paths = [request.label for request in transport.requests]
    assert paths == ["GET /v0.3.0/client/job/cirq", "GET /v0.3.0/client/job/qiskit"]
    with pytest.raises(sj.InvalidRequest, match="quil"):
        sj.fetch_job(client, JOB, circuit_type="quil")
    assert len(transport.requests) == 2


def test_many_jobs_come_in_the_order_of_the_ids_with_duplicates_in_one_request():
    transport = server([job("running"), job("completed", job_id=OTHER)])
    jobs = sj.fetch_jobs(client_on(transport), [OTHER, str(JOB), OTHER])
    assert [j.job_id for j in jobs] == [OTHER, JOB, OTHER]
    assert jobs[0] is jobs[2]
    assert len(transport.requests) == 1


def test_a_thousand_jobs_take_seven_requests_whose_lines_stay_short():
    known = [job("running", job_id=job_id) for job_id in IDS[:1000]]
    transport = server(known)
    jobs = sj.fetch_jobs(client_on(transport), IDS[:1000])
    assert jobs == tuple(known)
    assert len(transport.requests) == 7
    assert all(r.request_line_bytes <= MAX_REQUEST_LINE_BYTES for r in transport.requests)


def test_no_ids_ask_nothing():
    transport = ScriptedTransport()
    client = client_on(transport)
    assert sj.fetch_jobs(client, []) == ()
    assert sj.cancel_jobs(client, []) == sj.CancelReceipt()
    assert transport.requests == ()


def test_unknown_jobs_are_all_named_and_the_known_are_carried():
    transport = server([job("running"), job("completed", job_id=OTHER)])
    with pytest.raises(sj.JobsNotFound) as caught:
        sj.fetch_jobs(client_on(transport), [IDS[5], OTHER, IDS[6], JOB, IDS[5]])
    error = caught.value
    assert error.missing == (IDS[5], IDS[6])
    assert [j.job_id for j in error.found] == [OTHER, JOB]
    assert str(IDS[5]) in str(error)
    assert str(IDS[6]) in str(error)
    assert isinstance(error, LookupError)
    assert isinstance(error, sj.SuperstaqServerException)


def test_a_malformed_id_is_named_before_anything_is_sent():
    transport = ScriptedTransport()
    client = client_on(transport)
    with pytest.raises(sj.InvalidRequest) as caught:
        sj.fetch_jobs(client, [JOB, "not-an-id", 7])
    assert [p.where for p in caught.value.problems] == ["job_ids[1]", "job_ids[2]"]
    with pytest.raises(sj.InvalidRequest, match="got one id: pass"):
        sj.fetch_jobs(client, str(JOB))
    with pytest.raises(sj.InvalidRequest, match="nothing was sent"):
        sj.cancel_jobs(client, ["x"])
    assert transport.requests == ()


def test_what_was_fetched_before_a_failure_is_not_lost():
    known = [job("running", job_id=job_id) for job_id in IDS[:300]]
    good = server(known)
    steps = iter([good.send, None])

    def answer(request):
        step = next(steps)
        if step is None:
            return json_response({"message": "maintenance"}, status=410)
        return step(request, timeout_seconds=1)

    with pytest.raises(sj.SuperstaqServerException, match="maintenance") as caught:
        sj.fetch_jobs(client_on(ScriptedTransport.from_function(answer)), IDS[:300])
    found = caught.value.found
    assert found
    assert found == tuple(known[: len(found)])


QUERY = sj.JobQuery(
    job_id=[JOB, OTHER],
    user_email=["a@example.com"],
    target_name=["ss_unconstrained_simulator", "ibmq_fez_qpu"],
    status=["running", sj.CircuitStatus.COMPLETED],
    tags=["week 18", "a&b=c", "ü"],
    min_priority=-1,
    max_priority=3,
    submitted_before=NOON,
    submitted_after=NOON.replace(month=1),
)


def test_every_filter_of_a_query_is_sent_as_the_official_model_reads_it():
    transport = server([job("running")])
    assert sj.query_jobs(client_on(transport), QUERY) == (job("running"),)
    pairs = parse_qsl(urlsplit(transport.requests[0].path).query, strict_parsing=True)
    scalars = {"min_priority", "max_priority", "submitted_before", "submitted_after"}
    sent: dict[str, object] = {}
    for name, value in pairs:
        if name in scalars:
            sent[name] = value
        else:
            sent.setdefault(name, []).append(value)
    theirs = gss.models.JobQuery(**sent)
    assert theirs == gss.models.JobQuery(
        job_id=[JOB, OTHER],
        user_email=["a@example.com"],
        target_name=["ss_unconstrained_simulator", "ibmq_fez_qpu"],
        status=["running", "completed"],
        tags=["week 18", "a&b=c", "ü"],
        min_priority=-1,
        max_priority=3,
        submitted_before=NOON,
        submitted_after=NOON.replace(month=1),
    )


def test_a_query_without_conditions_asks_for_everything():
    transport = server([job("running"), job("completed", job_id=OTHER)])
    assert len(sj.query_jobs(client_on(transport), sj.JobQuery())) == 2
    assert transport.requests[0].path == "/v0.3.0/client/job/qasm"


@given(
    ids=st.integers(1, 400),
    tags=st.lists(st.text("ab&é", min_size=1, max_size=300), max_size=60, unique=True),
)
def test_a_long_query_is_split_into_short_ones_that_together_ask_the_same(ids, tags):
    query = sj.JobQuery(job_id=IDS[:ids], tags=tags or None)
    asked: set[tuple[str, str | None]] = set()

    def answer(request):
        assert request.request_line_bytes <= MAX_REQUEST_LINE_BYTES
        pairs = parse_qsl(urlsplit(request.path).query)
        for name, job_id in pairs:
            if name == "job_id":
                asked.update((job_id, tag) for n, tag in pairs if n == "tags")
                if not tags:
                    asked.add((job_id, None))
        return jobs_response()

    sj.query_jobs(client_on(ScriptedTransport.from_function(answer)), query)
    assert asked == {(str(i), tag) for i in IDS[:ids] for tag in (tags or [None])}


def test_each_request_of_a_long_query_is_as_long_as_it_may_be():
    for length in range(10, 150):
        lines = []

        def answer(request, lines=lines):
            lines.append(request.request_line_bytes)
            return jobs_response()

        tags = [f"{number:0{length}}" for number in range(21_000 // (length + 6))]
        sj.query_jobs(client_on(ScriptedTransport.from_function(answer)), sj.JobQuery(tags=tags))
        one_more = length + len("&tags=")
        assert len(lines) > 2
        assert all(MAX_REQUEST_LINE_BYTES - one_more < line for line in lines[:-1])
        assert max(lines) <= MAX_REQUEST_LINE_BYTES


def test_a_single_condition_too_long_for_any_request_is_refused():
    transport = ScriptedTransport()
    with pytest.raises(sj.InvalidRequest, match="request line of"):
        sj.query_jobs(client_on(transport), sj.JobQuery(tags=["x" * 7000, "y"]))
    assert transport.requests == ()


def test_a_submission_is_the_official_models_new_job():
    transport = ScriptedTransport([json_response({"job_id": str(JOB), "num_circuits": 2})])
    new = sj.NewJob(
        target="ibmq_fez_qpu",
        circuits=["OPENQASM 2.0;", "OPENQASM 3.0;"],
        shots=100,
        tags=["t"],
        metadata={"a": [1, None]},
        options_dict={"o": True},
        priority=2,
        verbatim=True,
    )
    receipt = sj.submit_job(client_on(transport), new)
    assert receipt == sj.SubmitReceipt(job_id=JOB, num_circuits=2)
    (request,) = transport.requests
    assert (request.method, request.path) == ("POST", "/v0.3.0/client/job")
    body = json.loads(request.body)
    assert json.loads(body["circuits"]) == ["OPENQASM 2.0;", "OPENQASM 3.0;"]
    assert gss.models.NewJob(**body).model_dump(mode="json") == body


@pytest.mark.parametrize("version", ["v0.3.0", "v0.2.0"])
def test_of_a_cancellation_of_very_much_else_only_the_beginning_is_kept(version):
    said = [str(JOB), "%41" * 100_000, *map(str, range(50_000))]
    transport = ScriptedTransport([json_response({"succeeded": said})])
    client = client_on(transport, api_version=version, cq_token={"parts": [*range(10_000, 10_030)]})
    started = time.process_time()
    receipt = sj.cancel_jobs(client, [str(JOB)])
    assert time.process_time() - started < 2
    assert list(map(str, receipt.cancelled)) == [str(JOB)]
    assert len(receipt.succeeded) == 101
    assert receipt.succeeded[1] == "%41" * 333 + "%…"
    assert receipt.succeeded[2:] == tuple(map(str, range(99)))


def test_a_cancellation_says_which_were_cancelled_and_which_not():
    said = {"succeeded": [f" {OTHER}\n"], "message": "1 of 2"}
    transport = ScriptedTransport([json_response(said)])
    receipt = sj.cancel_jobs(client_on(transport), [JOB, OTHER, JOB])
    assert receipt == sj.CancelReceipt(
        cancelled=[OTHER], refused=[JOB], message="1 of 2", succeeded=said["succeeded"]
    )
    (request,) = transport.requests
    assert (request.method, request.path) == ("PUT", "/v0.3.0/client/cancel_jobs")
    assert json.loads(request.body) == {"job_id": [str(JOB), str(OTHER)]}


FLAGS = {
    "supports_submit": True,
    "supports_submit_qubo": False,
    "supports_compile": True,
    "available": True,
    "retired": False,
    "simulator": True,
    "accessible": True,
}


def test_targets_are_filtered_by_the_server():
    answer = [{"target_name": "ss_unconstrained_simulator", **FLAGS, "new_flag": 1}]
    transport = ScriptedTransport([json_response(answer), json_response([])])
    client = client_on(transport)
    (target,) = sj.fetch_targets(client)
    assert target == sj.Target(
        target_name="ss_unconstrained_simulator", **FLAGS, extra={"new_flag": 1}
    )
    assert sj.fetch_targets(client, sj.TargetQuery(simulator=True, available=False)) == ()
    assert [r.path for r in transport.requests] == [
        "/v0.3.0/client/targets",
        "/v0.3.0/client/targets?simulator=true&available=false",
    ]


def test_target_info_keeps_what_the_server_says():
    transport = ScriptedTransport([json_response({"target_info": {"num_qubits": 5, "x": [1]}})])
    info = sj.fetch_target_info(client_on(transport), "ibmq_fez_qpu", options={"a": 1})
    assert info == sj.TargetInfo(target_name="ibmq_fez_qpu", info={"num_qubits": 5, "x": [1]})
    assert json.loads(transport.requests[0].body) == {
        "target": "ibmq_fez_qpu",
        "options_dict": {"a": 1},
    }


def test_target_info_names_everything_that_is_wrong_with_the_question():
    transport = ScriptedTransport()
    with pytest.raises(sj.InvalidRequest) as caught:
        sj.fetch_target_info(client_on(transport), "fez", options={"a": {1, 2}})
    assert [p.where for p in caught.value.problems] == ["target", "options"]
    assert transport.requests == ()


def test_the_key_is_in_one_header_of_every_call():
    transport = ScriptedTransport.from_function(lambda _: json_response({}, status=418))
    client = client_on(transport)
    calls = [
        lambda: sj.fetch_job(client, JOB),
        lambda: sj.query_jobs(client, QUERY),
        lambda: sj.submit_job(client, sj.NewJob(target="ibmq_fez_qpu", circuits="x", shots=1)),
        lambda: sj.cancel_jobs(client, [JOB]),
        lambda: sj.fetch_targets(client),
        lambda: sj.fetch_target_info(client, "ibmq_fez_qpu"),
        lambda: sj.fetch_balance(client),
    ]
    for call in calls:
        with pytest.raises(sj.SuperstaqServerException, match="418"):
            call()
    assert len(transport.requests) == len(calls)
    for request in transport.requests:
        holders = [name for name, value in request.headers if value == sj.Secret(KEY)]
        assert holders == ["Authorization"]
        assert KEY not in request.path
        assert KEY.encode() not in (request.body or b"")


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (lambda client: sj.fetch_job(client, "abc"), "job_id: must be a UUID, got 'abc'"),
        (lambda client: sj.fetch_jobs(client, [JOB, 3]), r"job_ids\[1\]: must be a UUID, got 3"),
        (lambda client: sj.query_jobs(client, "week-18"), "query: must be a JobQuery, got 'week"),
    ],
)
def test_an_error_names_the_argument_that_was_passed(call, where):
    transport = ScriptedTransport()
    with pytest.raises(sj.InvalidRequest, match=f"nothing was sent:\n  {where}"):
        call(client_on(transport))
    assert transport.requests == ()


# ---- what a response has besides


@pytest.mark.parametrize("version", ["v0.3.0", "v0.2.0"])
@pytest.mark.parametrize("use", ["fetch_job", "fetch_jobs", "refresh", "wait", "wait_all"])
def test_an_entry_that_cannot_be_read_and_was_not_requested_is_a_warning(use, version):
    if version == "v0.3.0":
        good, other = json.loads(jobs_response(job("completed")).body), str(OTHER)
    else:
        good, other = {str(JOB): circuit("Done")}, "other"
    transport = ScriptedTransport([json_response({other: {"shots": "none"}, **good})])
    client = client_on(transport, api_version=version)
    handle = sj.JobHandle(client, JOB)
    use = {
        "fetch_job": lambda: sj.fetch_job(client, JOB),
        "fetch_jobs": lambda: sj.fetch_jobs(client, [JOB])[0],
        "refresh": handle.refresh,
        "wait": handle.wait_until_complete,
        "wait_all": lambda: sj.wait_all([handle])[0],
    }[use]
    with pytest.warns(sj.SuperstaqWarning, match=other):
        snapshot = use()
    assert str(snapshot.job_id) == str(JOB)
    assert snapshot.completed


@pytest.mark.parametrize("version", ["v0.3.0", "v0.2.0"])
@pytest.mark.parametrize("status", [401, 404])
def test_the_other_version_is_suggested_only_before_a_call_has_succeeded(status, version):
    refusal = json_response({"message": "no"}, status=status)
    transport = ScriptedTransport([refusal, json_response({"balance": 1, "email": "a"}), refusal])
    client = sj.SuperstaqClient(KEY, transport=transport, api_version=version)
    texts = []
    for _ in range(2):
        with pytest.raises(sj.SuperstaqServerException) as caught:
            sj.fetch_job(client, JOB)
        texts.append("api_version=" in str(caught.value))
        if len(texts) == 1:
            sj.fetch_balance(client)
    assert texts == [True, False]


UUID_SPELLINGS = [
    str.lower,
    str.upper,
    "{{{}}}".format,
    "urn:uuid:{}".format,
    lambda text: f"URN:UUID:{text.upper()}",
    lambda text: text.replace("-", ""),
]


@pytest.mark.parametrize("spelled", UUID_SPELLINGS)
def test_a_job_that_cannot_be_read_is_named_whatever_the_spelling_of_its_id(spelled):
    ids = [UUID(int=0xABC0 + place) for place in range(3)]
    good = json.loads(jobs_response(*(job("completed", job_id=each) for each in ids)).body)
    body = {spelled(name): data for name, data in good.items()}
    body[spelled(str(ids[1]))]["shots"] = ["three"]
    client = client_on(ScriptedTransport([json_response(body)]))
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all([sj.JobHandle(client, each) for each in ids])
    assert {k: type(e) for k, e in caught.value.errors.items()} == {ids[1]: sj.ProtocolError}


@pytest.mark.parametrize("other", UUID_SPELLINGS[1:])
def test_a_job_in_two_spellings_has_one_verdict_in_a_fetch_and_in_every_poll(other):
    """Of which the last one counts, whichever of them has changed."""
    ids = [UUID(int=0xABC0 + place) for place in range(2)]

    def body(first, last):
        pairs = [(str(ids[0]), first), (other(str(ids[0])), last), (str(ids[1]), "running")]
        jobs = {n: json.loads(jobs_response(job(status)).body)[str(JOB)] for n, status in pairs}
        return json_response(jobs)

    client = client_on(ScriptedTransport([body("completed", "running")]))
    assert sj.fetch_job(client, ids[0]).status == "running"
    steps = [("completed", "running"), ("failed", "running"), ("failed", "completed")]
    client = client_on(ScriptedTransport([body(*step) for step in steps]))
    (final,) = sj.wait_any([sj.JobHandle(client, each) for each in ids])
    assert (final.job_id, str(final.status)) == (ids[0], "completed")
