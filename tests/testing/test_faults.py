"""Faults as values, and the transports that simulate them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shrinking import assert_all_are_drawn, assert_shrinks
from worlds import client_on, job, queries

import superstaq_jobs as sj
from superstaq_jobs.client.retry import REPEATABLE_STATUS_CODES
from superstaq_jobs.testing import (
    FakeClock,
    Fault,
    FaultKind,
    ScriptedTransport,
    jobs_response,
    json_response,
)
from superstaq_jobs.testing import strategies as sts
from superstaq_jobs.wire.request import Request

REQUEST = Request(method="GET", path="/v0.3.0/client/balance?secret=1")
BALANCE = json_response({"email": "ada@example.com", "balance": 3})


def play(fault):
    return fault.play(REQUEST, timeout_seconds=2.5)


# ---- values ------------------------------------------------------------------------------------


def outcome(fault):
    try:
        return play(fault), None
    except sj.SuperstaqServerException as error:
        return None, error


@given(sts.faults())
def test_a_fault_is_a_response_or_a_server_exception(fault):
    response, error = outcome(fault)
    assert isinstance(response, sj.Response) is (error is None)
    assert isinstance(error, sj.RequestTimeout) is fault.kind.takes_time
    assert error is None or str(error).startswith("GET /v0.3.0/client/balance: ")
    assert "secret" not in str(error)
    assert ("within 2.5 s" in str(error)) is fault.kind.takes_time
    assert fault.kind.arrives is False or getattr(error, "sent", True)


@given(sts.faults())
def test_a_fault_is_transient_if_the_retry_policy_retries_it(fault):
    client = client_on(ScriptedTransport([fault, BALANCE]))
    try:
        sj.fetch_balance(client)
        assert fault.is_transient
    except sj.SuperstaqException:
        assert not fault.is_transient


@given(sts.faults())
def test_the_repr_of_a_fault_is_python(fault):
    assert eval(repr(fault), {"Fault": Fault}) == fault  # noqa: S307
    assert hash(eval(repr(fault), {"Fault": Fault})) == hash(fault)  # noqa: S307


def test_faults_that_are_responses():
    busy = play(Fault("status", status_code=429, retry_after_seconds=30))
    assert (busy.status, busy.header("retry-after")) == (429, "30")
    assert play(Fault("status")).header("retry-after") is None
    assert play(Fault("web_page")).body.startswith(b"<!DOCTYPE html>")
    assert play(Fault("redirect")).status == 302


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if not kind.arrives])
def test_a_request_that_is_never_read_is_not_done(kind):
    with pytest.raises(ValueError, match="never reads"):
        Fault(kind, is_done=True)
    assert kind.is_transient


def test_which_kinds_are_transient():
    lasting = {kind for kind in FaultKind if not kind.is_transient}
    assert lasting == {
        *("web_page", "redirect", "garbage", "bad_length", "endless_interim", "header_flood"),
        *("long_header", "endless_body", "endless_chunks", "bomb"),
    }


def test_an_unknown_kind():
    with pytest.raises(ValueError, match="on_fire"):
        Fault("on_fire")


# ---- simulated ---------------------------------------------------------------------------------


def test_a_fault_that_takes_time_advances_the_clock():
    clock = FakeClock()
    transport = ScriptedTransport([Fault("hang"), Fault("garbage"), BALANCE], clock=clock)
    with pytest.raises(sj.RequestTimeout):
        transport.send(REQUEST, timeout_seconds=40)
    assert clock.now() == 40
    with pytest.raises(sj.ProtocolError):
        transport.send(REQUEST, timeout_seconds=40)
    assert clock.now() == 40
    assert clock.sleeps == ()


def test_the_function_is_not_called_for_a_request_with_a_fault():
    called = []

    def serve(request):
        called.append(request.label)
        return BALANCE

    faults = [None, Fault("hang"), Fault("cut_body", is_done=True)]
    transport = ScriptedTransport.from_function(serve, faults=faults)
    assert transport.send(REQUEST, timeout_seconds=1) == BALANCE
    for error in (sj.RequestTimeout, sj.TransportError):
        with pytest.raises(error):
            transport.send(REQUEST, timeout_seconds=1)
    assert len(called) == 2
    assert transport.send(REQUEST, timeout_seconds=1) == BALANCE
    assert len(transport.requests) == 4


def test_a_script_can_be_extended():
    transport = ScriptedTransport()
    transport.extend(BALANCE, Fault("hang"))
    assert transport.remaining == 2
    assert transport.send(REQUEST, timeout_seconds=1) == BALANCE
    assert transport.remaining == 1
    with pytest.raises(ValueError, match="calls a function"):
        ScriptedTransport.from_function(lambda _: BALANCE).extend(BALANCE)


def test_faults_can_be_added_later():
    transport = ScriptedTransport.from_function(lambda _: BALANCE, faults=[Fault("status")])
    transport.fail(None, Fault("hang"))
    assert transport.send(REQUEST, timeout_seconds=1).status == 503
    assert transport.send(REQUEST, timeout_seconds=1) == BALANCE
    with pytest.raises(sj.RequestTimeout):
        transport.send(REQUEST, timeout_seconds=1)
    assert transport.send(REQUEST, timeout_seconds=1) == BALANCE


# ---- scripts -----------------------------------------------------------------------------------


@given(sts.fault_scripts(max_faults=3, transient=True))
def test_a_script_ends_and_is_as_requested(script):
    faults = [fault for fault in script if fault is not None]
    assert len(faults) <= 3
    assert not script or script[-1] is not None
    assert all(fault.is_transient for fault in faults)


@given(st.data())
def test_scripts_contain_what_was_requested(data):
    for fault in data.draw(sts.fault_scripts(kinds=["status", "hang"], status_codes=[418])):
        assert fault is None or fault.kind in {"status", "hang"}
        assert fault is None or fault.kind == "hang" or fault.status_code == 418
    lasting = data.draw(sts.faults(transient=False, lost_answers=False))
    assert not lasting.is_transient
    assert not lasting.is_done
    assert data.draw(sts.fault_scripts(max_faults=0)) == []


@pytest.mark.parametrize(
    "options", [{"kinds": []}, {"kinds": ["garbage"], "transient": True}, {"kinds": ["on_fire"]}]
)
def test_options_that_leave_no_fault_are_refused_at_once(options):
    with pytest.raises(ValueError, match=r"no fault is left|on_fire"):
        sts.fault_scripts(**options)


def test_every_kind_of_fault_is_drawn():
    kinds = {kind: lambda script, kind=kind: kind in kinds_of(script) for kind in FaultKind}
    assert_all_are_drawn(sts.fault_scripts(), kinds)


def kinds_of(script):
    return {fault.kind for fault in script if fault is not None}


def test_every_transient_status_is_drawn():
    codes = {code: lambda f, code=code: f.status_code == code for code in REPEATABLE_STATUS_CODES}
    assert_all_are_drawn(sts.faults(), codes)


def test_a_script_shrinks_to_one_fault():
    def to(*smallest):
        def check(script):
            assert script == list(smallest)

        return check

    scripts = sts.fault_scripts()
    assert_shrinks(scripts, lambda s: Fault("hang") in s, to(Fault("hang")))
    assert_shrinks(
        scripts,
        lambda s: sum(f is not None for f in s) >= 2,
        to(Fault("status"), Fault("status")),
    )
    assert_shrinks(
        scripts,
        lambda s: any(f is not None and f.is_done for f in s),
        to(Fault("status", is_done=True)),
    )


# ---- faults and retries --------------------------------------------------------------------------


@given(sts.fault_scripts(transient=True, max_faults=4))
def test_a_fetch_survives_transient_faults(script):
    clock = FakeClock()
    transport = ScriptedTransport.from_function(
        lambda _: jobs_response(job("running")), faults=script, clock=clock
    )
    client = client_on(transport, clock=clock)
    assert sj.fetch_job(client, job("running").job_id) == job("running")
    first_good = script.index(None) if None in script else len(script)
    assert len(transport.requests) == first_good + 1
    assert len(set(queries(transport.requests))) == 1
