"""The fakes of the test kit."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from superstaq_jobs import testing
from superstaq_jobs.clock import Clock
from superstaq_jobs.errors import RequestTimeout
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire.api import decode_jobs
from superstaq_jobs.wire.request import Request, Response, Secret

KEY = "hunter2-is-the-key"


def send(transport, path="/v0.3.0/client/balance"):
    request = Request(method="GET", path=path, headers=[("Authorization", Secret(KEY))])
    return transport.send(request, timeout_seconds=5.0)


def test_importing_the_fakes_does_not_import_hypothesis():
    script = "import sys, superstaq_jobs.testing; sys.exit('hypothesis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_names_are_loaded_when_they_are_used():
    assert set(testing.__all__) <= set(dir(testing))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = testing.Nothing


# ---- the clock ---------------------------------------------------------------------------------


def test_sleeping_advances_both_times():
    start = dt.datetime(2026, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    clock: Clock = FakeClock(100.0, utc=start)
    clock.sleep(2.5)
    clock.advance(60)
    clock.sleep(0)
    assert clock.now() == 162.5
    assert clock.utcnow() == dt.datetime(2026, 1, 1, 0, 1, 2, 500000, tzinfo=dt.UTC)
    assert clock.utcnow().tzinfo is dt.UTC
    assert clock.sleeps == (2.5, 0.0)
    assert repr(clock) == "FakeClock(now=162.5, 2 sleeps)"


@pytest.mark.parametrize("seconds", [-1, -1e-9, float("nan"), float("inf")])
def test_invalid_durations_are_refused(seconds):
    clock = FakeClock()
    for use in (clock.sleep, clock.advance):
        with pytest.raises(ValueError, match="must be a finite number"):
            use(seconds)
    assert clock.now() == 0.0
    assert clock.sleeps == ()


def test_a_start_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="must have a time zone"):
        FakeClock(utc=dt.datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_clock_is_shared_by_threads():
    clock = FakeClock()
    in_threads(lambda: [clock.sleep(1) for _ in range(500)])
    assert clock.now() == 2000
    assert clock.sleeps == (1.0,) * 2000


def in_threads(work, number=4):
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ---- the transport -----------------------------------------------------------------------------


def test_a_script_returns_raises_and_calls():
    error = RequestTimeout("too slow", sent=True)
    transport = ScriptedTransport(
        [json_response({"a": 1}), error, lambda request: json_response(request.path)]
    )
    assert transport.remaining == 3
    assert send(transport).body == b'{"a": 1}'
    with pytest.raises(RequestTimeout) as caught:
        send(transport)
    assert caught.value is error
    assert send(transport, "/x").body == b'"/x"'
    assert [request.path for request in transport.requests][-1] == "/x"
    assert transport.timeouts == (5.0, 5.0, 5.0)
    assert transport.remaining == 0


def test_a_request_past_the_end_names_itself_and_no_secret():
    transport = ScriptedTransport([json_response(1)])
    send(transport)
    with pytest.raises(
        AssertionError, match=r"request 2, GET /v0\.3\.0/x, is past the end"
    ) as caught:
        send(transport, f"/v0.3.0/x?token={KEY}")
    assert KEY not in str(caught.value)
    assert len(transport.requests) == 2
    assert KEY not in repr(transport)
    assert repr(transport) == "<ScriptedTransport of 1 steps, 2 requests so far>"


def test_a_function_responds_without_end():
    transport = ScriptedTransport.from_function(lambda request: Response(status=len(request.path)))
    assert [send(transport, "/" * n).status for n in (1, 2, 3)] == [1, 2, 3]
    assert transport.remaining == 0
    assert "a function" in repr(transport)


def test_a_closed_transport_sends_nothing():
    transport = ScriptedTransport([json_response(1)])
    assert not transport.is_closed
    transport.close()
    transport.close()
    assert transport.is_closed
    with pytest.raises(AssertionError, match="over a closed transport"):
        send(transport)


def test_each_step_is_taken_once_by_many_threads():
    transport = ScriptedTransport([json_response(n) for n in range(400)])
    bodies = []
    in_threads(lambda: bodies.extend(send(transport).body for _ in range(100)))
    assert sorted(map(int, bodies)) == list(range(400))


def test_json_responses():
    response = json_response([None], 503, [("Retry-After", "3")])
    assert (response.status, response.body) == (503, b"[null]")
    assert response.header("content-type") == "application/json"
    assert response.header("retry-after") == "3"
    with pytest.raises(ValueError, match="JSON"):
        json_response(float("nan"))
    with pytest.raises(TypeError):
        json_response({1, 2})


@given(st.lists(sts.job_snapshots(), max_size=2, unique_by=lambda s: s.job_id))
def test_jobs_responses_contain_the_snapshots(snapshots):
    response = jobs_response(*snapshots, headers=[("X-A", "1")])
    assert decode_jobs(response.body) == tuple(snapshots)
    assert response.status == 200
    assert response.header("x-a") == "1"


def test_a_list_of_steps_is_refused_when_it_is_added():
    transport = ScriptedTransport()
    with pytest.raises(TypeError, match="one by one"):
        transport.extend([jobs_response()])
    assert transport.remaining == 0
