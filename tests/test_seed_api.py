"""The official ``Job``'s page, method by method: each works on a handle by its name and meaning."""

from __future__ import annotations

import inspect
import uuid

import general_superstaq as gss
import pytest
from worlds import JOB, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response


def handle_on(*steps):
    answers = [jobs_response(s) if isinstance(s, sj.JobSnapshot) else s for s in steps]
    transport = ScriptedTransport(answers)
    return sj.JobHandle(client_on(transport), JOB), transport


def test_constructor_takes_client_and_job_id():
    theirs = inspect.signature(gss.job.Job.__init__).parameters
    ours = inspect.signature(sj.JobHandle.__init__).parameters
    assert list(theirs) == list(ours)[: len(theirs)]
    client = client_on(ScriptedTransport())
    assert sj.JobHandle(client, JOB).job_id() == sj.JobHandle(client, str(JOB)).job_id() == JOB


def test_cancel():
    handle, transport = handle_on(json_response({"succeeded": [str(JOB)], "message": "done"}))
    assert handle.cancel().cancelled == (JOB,)
    assert [r.label for r in transport.requests] == ["PUT /v0.3.0/client/cancel_jobs"]


def test_cancel_does_nothing_in_a_terminal_state():
    handle, transport = handle_on(job("completed"))
    handle.refresh()
    handle.cancel()
    assert [r.method for r in transport.requests] == ["GET"]


def test_cancel_raises_if_the_cancellation_was_unsuccessful():
    refused = json_response({"succeeded": [], "message": "too late"})
    handle, _ = handle_on(refused, job("running"))
    with pytest.raises(sj.SuperstaqServerException, match="too late"):
        handle.cancel()


def test_job_id():
    handle, transport = handle_on()
    assert isinstance(handle.job_id(), uuid.UUID)
    assert handle.job_id() == JOB
    assert transport.requests == ()


def test_target():
    handle, transport = handle_on(job("running"))
    assert handle.target() == "ss_unconstrained_simulator"
    assert handle.target() == "ss_unconstrained_simulator"
    assert len(transport.requests) == 1


def test_target_raises_if_the_job_cannot_be_got():
    handle, _ = handle_on(jobs_response())
    with pytest.raises(sj.SuperstaqServerException):
        handle.target()


def test_to_dict_refreshes_and_returns_the_official_shape():
    handle, _ = handle_on(job("running"), job("completed"))
    first, second = handle.to_dict(), handle.to_dict()
    assert (first["statuses"], second["statuses"]) == (["running"], ["completed"])
    assert gss.models.JobData(**second).model_dump(mode="json") == second
    second["statuses"].append("edited")
    assert handle.to_dict()["statuses"] == ["completed"]


def test_wait_until_complete():
    theirs = inspect.signature(gss.job.Job.wait_until_terminal_state).parameters
    ours = inspect.signature(sj.JobHandle.wait_until_complete).parameters
    for name in ("index", "timeout_seconds", "polling_seconds"):
        assert list(ours).index(name) == list(theirs).index(name)
        assert ours[name].default == theirs[name].default
    handle, transport = handle_on(job("received"), job("running"), job("completed"))
    assert handle.wait_until_complete() == job("completed")
    assert len(transport.requests) == 3


def test_wait_until_complete_of_one_circuit():
    handle, _ = handle_on(job("completed", "running"))
    assert handle.wait_until_complete(index=0).statuses == ("completed", "running")


def test_wait_until_complete_times_out():
    answers = ScriptedTransport.from_function(lambda _: jobs_response(job("running")))
    clock = FakeClock()
    handle = sj.JobHandle(client_on(answers, clock=clock), JOB)
    with pytest.raises(TimeoutError):
        handle.wait_until_complete(timeout_seconds=12, polling_seconds=5)
    assert clock.now() == 12
    assert len(answers.requests) == 4


def test_status_priority_order():
    assert sj.JobHandle.STATUS_PRIORITY_ORDER == gss.job.Job.STATUS_PRIORITY_ORDER


def test_job_data_has_every_field_of_the_official_model_and_does_not_change():
    handle, transport = handle_on(job("running"))
    snapshot = handle.job_data
    assert handle.job_data is snapshot
    assert set(snapshot.to_dict()) == set(gss.models.JobData.model_fields)
    with pytest.raises(AttributeError):
        snapshot.target = "other"
    assert len(transport.requests) == 1


def test_metadata():
    handle, transport = handle_on(job("running"))
    assert handle.metadata == {"week": 18}
    handle.metadata["week"] = 19
    assert handle.metadata == {"week": 18}
    assert len(transport.requests) == 1


def test_tags():
    handle, transport = handle_on(job("running"))
    assert handle.tags == ["a", "b"]
    handle.tags.append("c")
    assert handle.tags == ["a", "b"]
    assert len(transport.requests) == 1


def test_every_public_name_of_the_page_is_here():
    page = """cancel job_id target to_dict wait_until_complete STATUS_PRIORITY_ORDER job_data
    metadata tags"""
    assert [name for name in page.split() if not hasattr(sj.JobHandle, name)] == []
