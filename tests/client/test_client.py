from __future__ import annotations

import copy
import logging
import pickle
import traceback
import warnings

import pytest
from worlds import HOST, JOB, KEY, job, scripted

import superstaq_jobs as sj
from superstaq_jobs.client import SuperstaqClient
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response

NEW_JOB = sj.NewJob(
    target="ss_unconstrained_simulator", circuits="OPENQASM 2.0;", tags=["t1"], shots=1
)
BUSY = json_response({"message": "busy"}, status=503)
RESET = sj.TransportError("the connection was reset", sent=True)
REFUSED = sj.TransportError("connection refused", sent=False)
RECEIPT = json_response({"job_id": str(JOB), "num_circuits": 1})


def script(*steps, clock=None, **options):
    transport = ScriptedTransport(steps)
    client = SuperstaqClient(
        KEY,
        HOST,
        transport=transport,
        clock=clock or FakeClock(),
        jitter=lambda: 1.0,
        **options,
    )
    return client, transport


def test_the_headers_are_those_of_the_official_client():
    client, transport = script(json_response({"email": "a@b.c", "balance": 1.5}), ibmq_token="tok")
    sj.fetch_balance(client)
    (request,) = transport.requests
    headers = {
        name: value.reveal() if isinstance(value, sj.Secret) else value
        for name, value in request.headers
    }
    assert headers.pop("User-Agent") == f"superstaq-jobs/{sj.__version__}"
    assert headers == {
        "Authorization": KEY,
        "Content-Type": "application/json",
        "X-Client-Name": "superstaq-jobs",
        "X-Client-Version": "v0.3.0",
        "ibmq_token": "tok",
    }


def test_a_read_is_retried_with_full_jitter_until_it_succeeds():
    clock = FakeClock()
    answer = json_response({"email": "a@b.c", "balance": 1.5})
    client, transport = script(BUSY, RESET, REFUSED, answer, clock=clock)
    assert sj.fetch_balance(client) == sj.AccountBalance(email="a@b.c", balance=1.5)
    assert len(transport.requests) == 4
    assert clock.sleeps == (0.25, 0.5, 1.0)


def test_a_read_is_given_up_after_the_last_attempt_with_the_last_error():
    client, transport = script(BUSY, BUSY, RESET, retry_policy=sj.RetryPolicy(max_attempts=3))
    with pytest.raises(sj.TransportError, match="fetching the balance failed: the connection"):
        sj.fetch_balance(client)
    assert len(transport.requests) == 3


def test_retry_after_is_a_floor_of_the_pause():
    clock = FakeClock()
    busy = json_response("busy", status=429, headers=[("Retry-After", "7")])
    client, _ = script(busy, json_response({"email": "a@b.c", "balance": 0}), clock=clock)
    sj.fetch_balance(client)
    assert clock.sleeps == (7.0,)


def test_a_submission_is_retried_only_if_it_cannot_have_reached_the_server():
    client, transport = script(REFUSED, RECEIPT)
    assert sj.submit_job(client, NEW_JOB) == sj.SubmitReceipt(job_id=JOB, num_circuits=1)
    assert len(transport.requests) == 2


@pytest.mark.parametrize(
    "lost",
    [
        RESET,
        sj.RequestTimeout("no response in time", sent=True),
        sj.ProtocolError("what came back is not HTTP"),
        json_response({"detail": "bad gateway"}, status=502),
        json_response("gone", status=504),
        sj.Response(status=200, body=b"<html>a proxy's page</html>"),
        sj.Response(status=200, body=b'{"job_id": "00000000'),
        json_response({"job_id": 3}),
    ],
)
def test_a_submission_whose_response_is_lost_is_never_retried(lost):
    client, transport = script(lost)
    with pytest.raises(sj.SubmissionUnknown) as caught:
        sj.submit_job(client, NEW_JOB)
    assert len(transport.requests) == 1
    text = str(caught.value)
    assert "ss_unconstrained_simulator" in text
    assert "'t1'" in text
    assert "query_jobs" in text
    assert caught.value.__context__ is None


@pytest.mark.parametrize("status", [400, 403, 404, 422, 429])
def test_a_submission_that_the_server_refuses_is_an_error_of_its_own(status):
    client, transport = script(json_response({"message": "too many circuits"}, status=status))
    with pytest.raises(sj.SuperstaqServerException, match="too many circuits") as caught:
        sj.submit_job(client, NEW_JOB)
    assert type(caught.value) is sj.SuperstaqServerException
    assert caught.value.status_code == status
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    ("body", "kind", "advice"),
    [
        (
            "You must accept the Terms of Use (superstaq.infleqtion.com/terms_of_use).",
            sj.TermsNotAccepted,
            "Accept them",
        ),
        ("You must validate your registered email.", sj.EmailNotValidated, "e-mail"),
        ("whatever", sj.AuthenticationError, "Check the API key"),
    ],
)
def test_a_401_says_what_to_do(body, kind, advice):
    client, transport = script(json_response(body, status=401))
    with pytest.raises(sj.AuthenticationError, match=advice) as caught:
        sj.fetch_job(client, JOB)
    assert type(caught.value) is kind
    assert caught.value.status_code == 401
    assert caught.value.job_ids == (JOB,)
    assert str(JOB) in str(caught.value)
    assert len(transport.requests) == 1


def test_a_redirect_is_not_followed_and_the_error_names_where_it_points():
    moved = json_response("", status=307, headers=[("Location", "https://evil.example.com/")])
    client, transport = script(moved)
    with pytest.raises(sj.SuperstaqServerException, match=r"evil\.example\.com.*not followed"):
        sj.fetch_balance(client)
    assert len(transport.requests) == 1


def test_a_proxys_page_in_place_of_json_is_recognized():
    client, _ = script(sj.Response(status=200, body=b"<html><body>Log in</body></html>"))
    with pytest.raises(sj.ProtocolError, match="a web page, such as a proxy") as caught:
        sj.fetch_job(client, JOB)
    assert str(JOB) in str(caught.value)
    assert caught.value.status_code == 200


def test_an_unreadable_job_does_not_take_the_readable_ones_with_it():
    good = job("completed")
    body = jobs_response(good).body[:-1] + b', "00000000-0000-0000-0000-0000000000b2": {}}'
    client, _ = script(sj.Response(status=200, body=body))
    with pytest.raises(sj.ProtocolError) as caught:
        sj.query_jobs(client, sj.JobQuery())
    assert caught.value.found == (good,)
    assert len(caught.value.problems) == 20
    assert "b2.statuses: is missing" in str(caught.value)


def test_server_warnings_become_warnings_that_point_at_the_caller():
    client, _ = script(
        json_response({"email": "a@b.c", "balance": 1.5, "warnings": [{"message": "be quick"}]})
    )
    with pytest.warns(sj.SuperstaqWarning, match="be quick") as caught:
        balance = sj.fetch_balance(client)
    assert balance.balance == 1.5
    assert caught[0].filename == __file__


def test_an_unknown_status_is_one_warning_and_no_error():
    odd = job("teleporting", "completed", "teleporting")
    client, _ = script(jobs_response(odd))
    with pytest.warns(sj.SuperstaqWarning) as caught:
        snapshot = sj.fetch_job(client, JOB)
    assert len(caught) == 1
    assert "teleporting" in str(caught[0].message)
    assert snapshot.circuits[0].status_text == "teleporting"
    assert snapshot.status is sj.CircuitStatus.UNKNOWN
    assert not snapshot.is_terminal


def test_a_server_cannot_hand_the_key_back_in_a_message_or_a_warning():
    echo = json_response({"message": f"you sent {KEY}"}, status=400)
    warned = json_response(
        {"email": "a@b.c", "balance": 1, "warnings": [{"message": f"key {KEY}"}]}
    )
    page = sj.Response(status=200, body=f"key {KEY}".encode())
    client, _ = script(echo, warned, page)
    with pytest.raises(sj.SuperstaqServerException, match=r"you sent \*\*\*"):
        sj.fetch_balance(client)
    with pytest.warns(sj.SuperstaqWarning, match=r"key \*\*\*"):
        sj.fetch_balance(client)
    with pytest.raises(sj.ProtocolError) as caught:
        sj.fetch_balance(client)
    assert KEY not in str(caught.value)


def test_the_log_has_method_path_status_and_size_and_no_more(caplog):
    client, _ = script(BUSY, jobs_response(job("completed")))
    with caplog.at_level(logging.DEBUG, logger="superstaq_jobs"):
        sj.query_jobs(client, sj.JobQuery(tags=["a-tag"]))
    text = caplog.text
    assert "GET /v0.3.0/client/job/qasm: 503" in text
    assert "GET /v0.3.0/client/job/qasm: 200" in text
    assert "attempt 1 failed with SuperstaqServerException; retrying in 0.25 s" in text
    assert KEY not in text
    assert "a-tag" not in text


def test_each_request_is_bounded_by_the_clients_timeout():
    client, transport = script(jobs_response(job("running")), request_timeout_seconds=12.5)
    sj.fetch_job(client, JOB)
    assert transport.timeouts == (12.5,)


def test_what_the_client_is_shows_without_the_key():
    client, _ = script()
    assert repr(client) == (
        f"SuperstaqClient(remote_host='{HOST}', api_version='v0.3.0', api_key='***')"
    )
    assert client.remote_host == HOST
    assert client.circuit_type is sj.CircuitType.QASM
    assert client.api.version == "v0.3.0"


def test_the_services_own_host_is_the_official_one():
    import general_superstaq as gss

    client = sj.SuperstaqClient(KEY, transport=ScriptedTransport())
    assert client.remote_host == gss.API_URL_V3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"api_version": "v0.9.0"}, "api_version must be one of v0.3.0, v0.2.0; got 'v0.9.0'"),
        ({"circuit_type": "quil"}, "circuit_type must be one of .*; got 'quil'"),
        *(
            ({f"{name}_seconds": value}, f"{name}_seconds must be a number > 0, got {value!r}")
            for name in ("request_timeout", "connect_timeout", "read_timeout")
            for value in (0, -1, "10", None, True)
        ),
        ({"max_body_bytes": "1"}, "max_body_bytes must be an integer >= 0, got '1'"),
        ({"max_connections": 0}, "max_connections must be an integer from 1 to 10,000, got 0"),
        ({"max_connections": 1.5}, "max_connections must be an integer from 1 to 10,000, got 1.5"),
        ({"retry_policy": {"max_attempts": 3}}, "retry_policy must be a RetryPolicy, got {"),
        ({"ibmq_channel": "ibm_quantum"}, "ibmq_channel must be .*; got 'ibm_quantum'"),
        ({"remote_host": "example.com"}, "https://example.com"),
        ({"remote_host": "http://example.com"}, "allow_insecure_http"),
        ({"remote_host": 5}, "remote_host must be a string, got 5"),
        ({"api_key": "a\nb"}, "api_key must .*printable ASCII"),
        ({"api_key": 5}, "api_key must be a string"),
        ({"cq_token": 5}, "cq_token must be a string"),
        ({"client_name": "a\r\nb"}, "client_name must .*printable ASCII"),
        ({"client_name": 5}, "client_name must be a string"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_at_once(options, message):
    with pytest.raises(sj.ConfigurationError, match=message):
        sj.SuperstaqClient(**{"api_key": KEY, "remote_host": HOST, **options})


def test_plain_http_goes_to_this_machine_and_elsewhere_only_if_asked():
    sj.SuperstaqClient(KEY, "http://127.0.0.1:1").close()
    sj.SuperstaqClient(KEY, "http://localhost:1").close()
    sj.SuperstaqClient(KEY, "http://example.com", allow_insecure_http=True).close()


def test_a_with_statement_closes_the_transport():
    transport = ScriptedTransport()
    with SuperstaqClient(KEY, HOST, transport=transport) as client:
        assert not transport.is_closed
    assert transport.is_closed
    client.close()


def test_a_pickle_drops_the_key_and_finds_it_again_where_it_is_unpickled(monkeypatch):
    client = sj.SuperstaqClient(
        KEY, HOST, circuit_type="cirq", retry_policy=sj.RetryPolicy(max_attempts=2), cq_token="tok"
    )
    data = pickle.dumps(client)
    assert KEY.encode() not in data
    assert b"tok" not in data.replace(b"cq_token", b"")
    monkeypatch.setenv("SUPERSTAQ_API_KEY", "another-key")
    again = pickle.loads(data)
    assert again.remote_host == HOST
    assert again.circuit_type is sj.CircuitType.CIRQ
    assert again._headers[0] == ("Authorization", sj.Secret("another-key"))
    assert again._retry_policy == sj.RetryPolicy(max_attempts=2)


def test_a_client_with_a_transport_of_its_own_says_that_it_does_not_pickle():
    with pytest.raises(TypeError, match="was given a transport"):
        pickle.dumps(scripted())


def test_nothing_warns_without_a_reason():
    client, _ = script(jobs_response(job("completed")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sj.fetch_job(client, JOB)


@pytest.mark.parametrize(
    "options",
    [
        {"remote_host": "superstaq.example.com"},
        {"remote_host": "http://superstaq.example.com"},
        {"ibmq_channel": "ibm_quantum"},
        {"api_version": "v9"},
        {"api_key": "canary-key-77\n"},
        {"ibmq_token": "canary-key-77\n"},
        {"proxy_url": "http://user:canary-key-77@proxy.example.com/path"},
    ],
)
def test_a_mistake_in_one_argument_shows_no_secret_in_a_traceback(options, monkeypatch):
    monkeypatch.setenv("SUPERSTAQ_API_KEY", "canary-key-77")
    monkeypatch.setenv("SUPERSTAQ_OTHER", "canary-key-77")
    given = {"remote_host": HOST, "ibmq_token": "canary-key-77", **options}
    with pytest.raises(sj.ConfigurationError) as caught:
        sj.SuperstaqClient(**given)
    frames = list(traceback.walk_tb(caught.value.__traceback__))[1:]  # without this test's own
    assert frames
    shown = [repr(frame.f_locals.get(name)) for frame, _ in frames for name in frame.f_locals]
    assert not [text for text in [*shown, str(caught.value)] if "canary-key-77" in text]


def test_a_pickle_holds_no_login_of_a_proxy(monkeypatch):
    client = sj.SuperstaqClient(
        KEY, HOST, proxy_url="http://user:pass-word-5@proxy.example.com:3128"
    )
    data = pickle.dumps(client)
    assert b"pass-word-5" not in data
    assert "pass-word-5" not in repr(vars(client))
    monkeypatch.setenv("SUPERSTAQ_API_KEY", "another-key")
    assert pickle.loads(data)._proxy == sj.Secret("http://proxy.example.com:3128")
    assert copy.copy(client) is copy.deepcopy(client) is client


def test_if_warnings_are_errors_the_receipt_of_a_created_job_is_not_lost():
    receipt = {"job_id": str(JOB), "num_circuits": 1, "warnings": [{"message": "be quick"}]}
    client, _ = script(json_response(receipt))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(sj.SuperstaqWarning, match="be quick") as caught:
            sj.submit_job(client, NEW_JOB)
    assert caught.value.value == sj.SubmitReceipt(job_id=JOB, num_circuits=1)


def test_a_job_id_in_a_response_that_is_otherwise_wrong_is_named():
    client, _ = script(json_response({"job_id": str(JOB), "num_circuits": "1"}))
    with pytest.raises(sj.SubmissionUnknown, match=f"names job {JOB}") as caught:
        sj.submit_job(client, NEW_JOB)
    assert caught.value.job_ids == (JOB,)


def test_what_is_not_a_job_is_refused():
    client, transport = script()
    with pytest.raises(sj.InvalidRequest, match="must be a NewJob"):
        sj.submit_job(client, "OPENQASM 2.0;")
    with pytest.raises(sj.InvalidRequest, match="must be a SuperstaqClient"):
        sj.JobHandle(JOB, client)
    with pytest.raises(sj.InvalidRequest, match="one string of QPY"):
        sj.NewJob(target="ibmq_fez_qpu", circuits=["a", "b"], circuit_type="qiskit", shots=1)
    assert transport.requests == ()
