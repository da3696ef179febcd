"""Everything public on API v0.2.0, over a server in memory that keeps one job for each circuit."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import pickle
from functools import partial

import attrs
import pytest
from servers import OldServer, circuit
from worlds import JOB, KEY, job, scripted

import superstaq_jobs as sj
from superstaq_jobs.handle import latest_of
from superstaq_jobs.testing import FakeClock, ScriptedTransport, json_response
from superstaq_jobs.wire.api import NOT_IN_V0_2_0

CIRCUIT = '{"cirq_type": "Circuit", "moments": []}'
NEW = sj.NewJob(
    target="ss_unconstrained_simulator", circuits=CIRCUIT, circuit_type="cirq", shots=10
)


# ---- reading -------------------------------------------------------------------------------------


def test_a_job_of_several_circuits_is_one_snapshot():
    server = OldServer(a="Done", b="Running")
    snapshot = sj.fetch_job(server.client(), "a,b")
    assert snapshot.job_id == "a,b"
    assert [c.circuit_id for c in snapshot.circuits] == ["a", "b"]
    assert [c.index for c in snapshot.circuits] == [0, 1]
    assert snapshot.statuses == ("completed", "running")
    assert snapshot.counts(0) == {"00": 4, "11": 6}
    assert (snapshot.target, snapshot.circuit_type) == ("ss_unconstrained_simulator", "cirq")
    assert server.asked() == [["a", "b"]]


def test_what_the_version_does_not_say_is_none():
    snapshot = sj.fetch_job(OldServer(a="Done").client(), "a")
    for name in ("job_type", "user_email", "dry_run", "submitted_at", "tags", "metadata"):
        assert getattr(snapshot, name) is None
    (only,) = snapshot.circuits
    assert only.updated_at is None
    assert only.initial_logical_to_physical is None
    assert only.results_dict is None


def test_what_no_field_holds_is_kept_in_extra_of_the_circuit():
    sent = circuit(
        "Done", num_qubits=3, state_vector="[1,0]", data={"histogram": {"0": 1}}, new=[1]
    )
    (only,) = sj.fetch_job(OldServer(a=sent).client(), "a").circuits
    assert only.extra == {
        "num_qubits": 3,
        "state_vector": "[1,0]",
        "data": {"histogram": {"0": 1}},
        "new": [1],
    }


def test_a_status_alone_is_a_circuit():
    snapshot = sj.fetch_job(OldServer(a={"status": "Deleted"}).client(), "a")
    assert snapshot.status is sj.CircuitStatus.DELETED
    assert (snapshot.target, snapshot.circuit_type) == (None, None)
    (only,) = snapshot.circuits
    assert (only.shots, only.counts, only.input_circuit) == (None, None, None)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *[("Submitted", "received"), ("Ready", "received"), ("Queued", "pending")],
        *[("Running", "running"), ("Done", "completed"), ("Failed", "failed")],
        *[("Canceled", "cancelled"), ("Cancelled", "cancelled"), ("Deleted", "deleted")],
    ],
)
def test_every_word_for_a_status_is_read(word, status):
    (only,) = sj.fetch_job(OldServer(a=circuit(word)).client(), "a").circuits
    assert only.status == only.status_text == status
    assert only.extra.get("status", word) == word


def test_an_unknown_word_is_kept_with_a_warning():
    with pytest.warns(sj.SuperstaqWarning, match="'Teleporting'"):
        snapshot = sj.fetch_job(OldServer(a="Teleporting").client(), "a")
    assert snapshot.status is sj.CircuitStatus.UNKNOWN
    assert snapshot.circuits[0].status_text == "Teleporting"


def test_the_reason_of_a_failure_is_its_message():
    sent = circuit("Failed", failure={"error": "no such gate"})
    snapshot = sj.fetch_job(OldServer(a="Done", b=sent).client(), "a,b")
    with pytest.raises(sj.SuperstaqUnsuccessfulJobException, match="circuit 1: no such gate"):
        snapshot.counts()
    assert snapshot.counts(0)


@pytest.mark.parametrize("failure", ["no such gate", {"error": 3}, {"code": 7}, ["x"]])
def test_a_failure_in_another_form_is_kept(failure):
    (only,) = sj.fetch_job(OldServer(a=circuit("Failed", failure=failure)).client(), "a").circuits
    assert only.extra["failure"] == (tuple(failure) if isinstance(failure, list) else failure)
    assert only.status_message


def test_circuits_of_different_jobs_keep_their_own_target():
    server = OldServer(a=circuit("Done", target="ibmq_fez_qpu"), b=circuit("Done"))
    snapshot = sj.fetch_job(server.client(), "a,b")
    assert snapshot.target is None
    assert [c.extra["target"] for c in snapshot.circuits] == [
        "ibmq_fez_qpu",
        "ss_unconstrained_simulator",
    ]
    assert snapshot.circuit_type == "cirq"


def test_many_jobs_are_fetched_with_few_requests_in_the_order_asked():
    names = [f"c{place}" for place in range(1000)]
    server = OldServer(**dict.fromkeys(names, "Done"))
    jobs = [",".join(names[i : i + 4]) for i in range(0, 1000, 4)]
    snapshots = sj.fetch_jobs(server.client(), [*jobs, jobs[0]])
    assert [each.job_id for each in snapshots] == [*jobs, jobs[0]]
    assert len(server.asked()) == 5
    assert sorted(each for ids in server.asked() for each in ids) == sorted(names)


def test_a_request_is_for_250_circuits_at_most():
    for number, requests in ((250, 1), (251, 2)):
        names = [f"c{place}" for place in range(number)]
        server = OldServer(**dict.fromkeys(names, "Done"))
        sj.fetch_jobs(server.client(), names)
        assert len(server.asked()) == requests


# ---- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "job_id", ["", " ", "a, b", "a b", "a,,b", ",a", "a,", "warnings", "a,warnings", 3, None, ["a"]]
)
def test_what_cannot_be_an_id_is_refused_before_sending(job_id):
    server = OldServer()
    for call in (sj.fetch_job, sj.JobHandle):
        with pytest.raises(sj.InvalidRequest, match="job_id"):
            call(server.client(), job_id)
    with pytest.raises(sj.InvalidRequest, match=r"job_ids"):
        sj.fetch_jobs(server.client(), ["a", job_id])
    assert not server.bodies


def test_ids_joined_by_commas_with_a_client_of_the_other_version_name_theirs():
    client = scripted()
    for call in (lambda: sj.JobHandle(client, "a,b"), lambda: sj.fetch_jobs(client, ["a,b"])):
        with pytest.raises(sj.InvalidRequest, match=r"commas need api_version='v0\.2\.0'"):
            call()
    with pytest.raises(sj.InvalidRequest, match=r"must be a UUID, got 'a'$"):
        sj.JobHandle(client, "a")


def test_a_uuid_is_an_id_too():
    server = OldServer(**{str(JOB): "Done"})
    assert sj.fetch_job(server.client(), JOB).job_id == str(JOB)


def test_no_ids_need_no_request():
    server = OldServer()
    assert sj.fetch_jobs(server.client(), []) == ()
    assert not server.bodies


def test_an_id_that_the_server_does_not_know_is_its_error():
    with pytest.raises(sj.SuperstaqServerException, match="unknown job b"):
        sj.fetch_job(OldServer(a="Done").client(), "b")


def test_an_id_that_the_server_does_not_know_costs_nothing_of_the_others():
    names = [f"c{place}" for place in range(40)]
    server = OldServer(**dict.fromkeys(names, "Done"))
    asked = [*names, "unknown", "c1,unknown"]
    with pytest.raises(sj.JobsNotFound, match="job unknown,") as caught:
        sj.fetch_jobs(server.client(), asked)
    assert [each.job_id for each in caught.value.found] == names
    assert len(server.asked()) <= 14
    handle = sj.JobHandle(server.client(), "c1,unknown")
    with pytest.raises(sj.JobsNotFound) as caught:
        handle.refresh()
    assert [each.job_id for each in caught.value.found] == ["c1"]


def test_a_finished_circuit_is_not_requested_when_an_id_is_looked_for():
    server = OldServer(a="Done", b="Queued", c="Queued")
    handle = sj.JobHandle(server.client(), "a,b,c")
    handle.refresh()
    del server.circuits["c"]
    with pytest.raises(sj.JobsNotFound, match="job c,"):
        handle.refresh()
    assert server.asked() == [["a", "b", "c"], ["b", "c"], ["c"], ["b"]]


def test_another_error_while_an_id_is_looked_for_keeps_what_was_found():
    done = dict.fromkeys("ab", circuit("Done"))
    unknown, broken = json_response({}, status=404), json_response({}, status=400)
    client = scripted(unknown, json_response(done), broken, api_version="v0.2.0")
    with pytest.raises(sj.SuperstaqServerException, match="400") as caught:
        sj.fetch_jobs(client, ["c", "d", "a", "b"])
    assert [each.job_id for each in caught.value.found] == ["a", "b"]


def test_a_refusal_of_everything_ends_soon():
    server = OldServer()
    with pytest.raises(sj.SuperstaqServerException, match="unknown job c0"):
        sj.fetch_jobs(server.client(), [f"c{place}" for place in range(250)])
    assert len(server.asked()) <= 33


def test_a_circuit_that_the_response_lacks_is_named_and_the_others_are_kept():
    client = scripted(
        json_response({"a": circuit("Done"), "c": circuit("Done")}), api_version="v0.2.0"
    )
    with pytest.raises(sj.JobsNotFound, match="job b,") as caught:
        sj.fetch_jobs(client, ["a,b", "c"])
    assert caught.value.missing == ("b",)
    assert [each.job_id for each in caught.value.found] == ["c", "a"]


@pytest.mark.parametrize(
    "body", [[], None, 3, "x", {"a": None}, {"a": []}, {"a": {}}, {"a": {"status": None}}]
)
def test_a_response_of_another_shape_is_a_protocol_error(body):
    client = scripted(json_response(body), api_version="v0.2.0")
    with pytest.raises(sj.ProtocolError):
        sj.fetch_job(client, "a")


def test_a_page_is_a_protocol_error():
    page = sj.Response(status=200, body=b"<html>log in</html>")
    with pytest.raises(sj.ProtocolError, match="web page"):
        sj.fetch_job(scripted(page, api_version="v0.2.0"), "a")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("status", 3), ("target", "nowhere"), ("target", 3), ("shots", "10"), ("shots", True)],
        *[("samples", []), ("samples", {"0": "3"}), ("input_circuit", 3)],
    ],
)
def test_a_wrong_field_is_named_by_its_path_and_the_others_are_kept(field, value):
    sent = {"a": circuit("Done"), "b": {**circuit("Done"), field: value}}
    client = scripted(json_response(sent), api_version="v0.2.0")
    with pytest.raises(sj.ProtocolError, match=rf"\$\.b\.{field}") as caught:
        sj.fetch_jobs(client, ["a", "b"])
    assert [each.job_id for each in caught.value.found] == ["a"]


def test_samples_that_are_null_on_a_finished_job_are_no_counts():
    snapshot = sj.fetch_job(OldServer(a=circuit("Done", samples=None)).client(), "a")
    with pytest.raises(sj.CountsUnavailable, match="its job type is not known"):
        snapshot.counts(0)


# ---- submitting ----------------------------------------------------------------------------------


def test_a_job_is_submitted_as_the_official_client_does():
    server = OldServer()
    job = attrs.evolve(NEW, circuits=f"[{CIRCUIT}, {CIRCUIT}]", options_dict={"lifespan": 3})
    handle = sj.JobHandle.submit(server.client(), job)
    assert (handle.job_id(), str(handle.job_id())) == ("new-0,new-1", "new-0,new-1")
    ((path, sent),) = server.bodies
    assert path == "/jobs"
    assert json.loads(sent.pop("options")) == {"lifespan": 3, "verbatim": False}
    assert sent == {
        "cirq_circuits": job.circuits,
        "target": "ss_unconstrained_simulator",
        "shots": 10,
    }


@pytest.mark.parametrize(
    ("fields", "method"),
    [
        ({"dry_run": True}, "dry-run"),
        ({"job_type": "simulate"}, "sim"),
        ({"job_type": "simulate", "sim_method": "noise-sim"}, "noise-sim"),
        ({}, None),
    ],
)
def test_the_method_says_what_kind_of_job_it_is(fields, method):
    server = OldServer()
    receipt = sj.submit_job(server.client(), attrs.evolve(NEW, **fields))
    assert receipt == sj.SubmitReceipt(job_id="new-0", num_circuits=1)
    assert server.bodies[0][1].get("method") == method


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"tags": ["x"]}, "tags"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"priority": 1}, "priority"),
        ({"job_type": "compile"}, "job_type"),
        ({"circuit_type": "qasm", "circuits": "OPENQASM 2.0;"}, "circuit_type"),
        ({"shots": 0, "dry_run": True}, "shots"),
        ({"job_type": "simulate", "dry_run": True}, "dry_run"),
    ],
)
def test_what_cannot_work_is_refused_before_sending(fields, named):
    server = OldServer()
    with pytest.raises(sj.InvalidRequest, match=f"{named}: .*v0.[23].0") as caught:
        sj.submit_job(server.client(), attrs.evolve(NEW, **fields))
    assert "nothing was sent" in str(caught.value)
    assert not server.bodies


def test_one_shot_is_enough():
    server = OldServer()
    sj.submit_job(server.client(), attrs.evolve(NEW, shots=1))
    assert server.bodies[0][1]["shots"] == 1


def test_a_submission_key_is_named_as_what_cannot_be_used():
    with pytest.raises(sj.InvalidRequest) as caught:
        sj.submit_job(OldServer().client(), NEW, submission_key="once")
    assert [each.where for each in caught.value.problems] == ["submission_key"]


def test_a_submission_key_a_query_and_another_format_are_refused_before_sending():
    server = OldServer()
    client = server.client()
    for call in (
        lambda: sj.submit_job(client, NEW, submission_key="once"),
        lambda: sj.query_jobs(client, sj.JobQuery(tags=["a"])),
        lambda: sj.fetch_job(client, "a", circuit_type="qasm"),
    ):
        with pytest.raises(sj.InvalidRequest, match=r"v0\.3\.0"):
            call()
    assert not server.bodies


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({"job_ids": []}, ()),
        ({"job_ids": ["a", "b,c"]}, ("a", "b,c")),
        ({"job_ids": None, "status": "x"}, ()),
        ({"ids": ["a"]}, ()),
    ],
)
def test_a_response_that_names_no_jobs_leaves_the_submission_unknown(sent, named):
    client = scripted(json_response(sent), api_version="v0.2.0")
    with pytest.raises(sj.SubmissionUnknown, match=r"API v0\.2\.0 cannot look for it") as caught:
        sj.submit_job(client, NEW)
    assert caught.value.job_ids == named
    assert caught.value.job == NEW


def test_a_submission_is_not_repeated_and_a_read_is():
    clock = FakeClock()
    lost = sj.TransportError("reset", sent=True)
    reads = scripted(lost, json_response({"a": circuit("Done")}), clock=clock, api_version="v0.2.0")
    assert sj.fetch_job(reads, "a").is_terminal
    with pytest.raises(sj.SubmissionUnknown):
        sj.submit_job(scripted(lost, api_version="v0.2.0"), NEW)


# ---- handles -------------------------------------------------------------------------------------


def test_a_finished_circuit_is_never_requested_again():
    server = OldServer(a="Done", b="Running", c="Queued")
    handle = sj.JobHandle(server.client(), "a,b,c")
    first = handle.refresh()
    server.circuits["b"] = circuit("Done")
    second = handle.refresh()
    assert second.circuits[0] is first.circuits[0]
    assert second.statuses == ("completed", "completed", "pending")
    server.circuits["c"] = circuit("Failed", failure={"error": "no"})
    assert handle.refresh().is_terminal
    assert handle.refresh() is handle.latest
    assert server.asked() == [["a", "b", "c"], ["b", "c"], ["c"]]


def test_circuits_of_different_jobs_keep_their_own_target_when_one_is_finished():
    server = OldServer(a=circuit("Done", target="ibmq_fez_qpu"), b=circuit("Running"))
    handle = sj.JobHandle(server.client(), "a,b")
    first = handle.refresh()
    server.circuits["b"] = circuit("Done")
    second = handle.refresh()
    assert server.asked() == [["a", "b"], ["b"]]
    assert second.circuits[0] is first.circuits[0]
    assert second.target is None
    own = ["ibmq_fez_qpu", "ss_unconstrained_simulator"]
    assert [c.extra["target"] for c in second.circuits] == own


def test_a_target_that_is_said_late_leaves_the_others_theirs():
    server = OldServer(a=circuit("Done", target="ibmq_fez_qpu"), b={"status": "Queued"})
    handle = sj.JobHandle(server.client(), "a,b")
    assert handle.refresh().target == "ibmq_fez_qpu"
    server.circuits["b"] = circuit("Done")
    own = ["ibmq_fez_qpu", "ss_unconstrained_simulator"]
    assert [c.extra["target"] for c in handle.refresh().circuits] == own


def test_circuits_that_two_handles_share_are_read_for_both():
    server = OldServer(a="Queued", b="Done", c="Done")
    client = server.client(FakeClock())
    knowing = sj.JobHandle(client, "a,b")
    knowing.refresh()
    server.circuits["a"] = circuit("Done")
    finals = sj.wait_all([knowing, sj.JobHandle(client, "b,c"), sj.JobHandle(client, "b")])
    assert [final.job_id for final in finals] == ["a,b", "b,c", "b"]


def test_a_request_is_for_what_was_known_when_its_thread_decided_to_send_it():
    server = OldServer(a="Queued")
    handle = sj.JobHandle(server.client(), "a")
    before = handle.refresh()
    server.circuits["a"] = circuit("Done")
    handle.refresh()  # by another thread
    latest = latest_of(handle)
    latest.client.send(latest.call().only(latest.needed_ids(before)))
    assert server.asked() == [["a"], ["a"], ["a"]]


def test_a_snapshot_is_as_old_as_its_newest_circuit():
    server, clock = OldServer(a="Queued", b="Queued"), FakeClock()
    handle = sj.JobHandle(server.client(clock), "a,b")
    first = handle.refresh()
    clock.advance(3600)
    server.circuits["b"] = circuit("Done")
    second = handle.refresh()
    assert (second.fetched_at - first.fetched_at).total_seconds() == 3600
    assert second.age(clock.utcnow()).total_seconds() == 0


def test_circuits_of_different_targets_stay_so():
    server = OldServer(a=circuit("Done", target="ibmq_fez_qpu"), b="Queued")
    handle = sj.JobHandle(server.client(), "a,b")
    for _ in range(3):
        snapshot = handle.refresh()
        assert snapshot == sj.fetch_job(server.client(), "a,b")
        assert snapshot.target is None
    with pytest.raises(sj.SuperstaqException, match="the circuits differ in it"):
        handle.target()


def test_the_format_of_a_handle_is_that_of_the_submission():
    server = OldServer()
    handle = sj.JobHandle.submit(server.client(), NEW)
    assert handle.circuit_type == "cirq"
    again = sj.JobHandle(server.client(), handle.job_id())
    again.refresh()
    assert again.circuit_type == "cirq"
    with pytest.raises(sj.InvalidRequest, match="as they were submitted"):
        sj.JobHandle(server.client(), "a", circuit_type="qasm")


def test_a_refresh_without_news_returns_the_very_same_snapshot():
    handle = sj.JobHandle(OldServer(a="Running", b="Queued").client(), "a,b")
    assert handle.refresh() is handle.refresh()


def test_a_wait_polls_until_all_circuits_are_finished():
    server, clock = OldServer(a="Queued", b="Queued"), FakeClock()
    handle = sj.JobHandle(server.client(clock), "a,b")

    def progress(before: sj.JobSnapshot | None, _after: sj.JobSnapshot) -> None:
        server.circuits["a" if before is None else "b"] = circuit("Done")

    snapshot = handle.wait_until_complete(polling_seconds=5, on_change=progress)
    assert snapshot.counts() == (snapshot.counts(0), snapshot.counts(1))
    assert server.asked() == [["a", "b"], ["a", "b"], ["b"]]
    assert clock.sleeps == (5.0, 5.0)


def test_a_wait_for_one_circuit_and_a_coroutine():
    handle = sj.JobHandle(OldServer(a="Queued", b="Done").client(), "a,b")
    assert handle.wait_until_complete(1, timeout_seconds=0).counts(1)
    assert asyncio.run(handle.wait_until_complete_async(1)) is handle.latest
    with pytest.raises(sj.WaitTimeout, match="job a,b was not finished"):
        handle.wait_until_complete(timeout_seconds=12)


def test_a_thousand_circuits_are_few_requests_a_round_without_those_that_are_finished():
    names = [f"c{place}" for place in range(1000)]
    server, clock = OldServer(**dict.fromkeys(names, "Queued")), FakeClock()
    client = server.client(clock)
    handles = [sj.JobHandle(client, ",".join(names[i : i + 2])) for i in range(0, 1000, 2)]
    rounds = []

    def sleep(seconds: float) -> None:
        # A quarter of the circuits finishes in each pause: the first of every job first.
        rounds.append(server.asked())
        server.bodies.clear()
        for each in (names[::2] + names[1::2])[250 * (len(rounds) - 1) :][:250]:
            server.circuits[each] = circuit("Done")
        FakeClock.sleep(clock, seconds)

    clock.sleep = sleep  # type: ignore[method-assign]
    finals = sj.wait_all(handles, polling_seconds=60)
    rounds = [each for each in [*rounds, server.asked()] if each]
    assert [final.job_id for final in finals] == [handle.job_id() for handle in handles]
    assert [sum(map(len, each)) for each in rounds] == [1000, 1000, 750, 500, 250]
    assert max(map(len, rounds)) <= 10


def test_a_job_that_lost_a_circuit_does_not_stop_the_others():
    server = OldServer(a="Done", b="Running", c="Done")
    client = server.client()
    handles = [sj.JobHandle(client, each) for each in ("a,b", "c")]
    server.fetch_jobs = lambda _data: {"a": circuit("Done"), "c": circuit("Done")}
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all(handles)
    error = caught.value.errors["a,b"]
    assert isinstance(error, sj.JobsNotFound)
    assert error.missing == ("b",)
    assert [each.job_id for each in error.found] == ["a"]
    assert [each.job_id for each in caught.value.found] == ["c"]


def test_a_job_that_cannot_be_read_does_not_stop_the_others():
    server = OldServer(a="Done", b=circuit("Done", shots="x"), c="Done")
    client = server.client()
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all([sj.JobHandle(client, each) for each in ("a,b", "c")])
    error = caught.value.errors["a,b"]
    assert isinstance(error, sj.ProtocolError)
    assert [each.job_id for each in error.found] == ["a"]
    assert [each.job_id for each in caught.value.found] == ["c"]


def test_only_the_job_that_cannot_be_read_is_blamed():
    server = OldServer(c1="Done", c10=circuit("Done", shots="x"))
    server.fetch_jobs = lambda data: {
        each: server.circuits[each] for each in data["job_ids"] if each == "c10"
    }
    client = server.client()
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all([sj.JobHandle(client, each) for each in ("c1", "c10")])
    assert [type(error).__name__ for error in caught.value.errors.values()] == [
        "JobsNotFound",
        "ProtocolError",
    ]


def test_a_short_id_does_not_spoil_the_reasons():
    client = OldServer(o="Queued").client(FakeClock())
    with pytest.raises(sj.JobsTimeout, match=r"o: WaitTimeout: job … was not finished after 3 s"):
        sj.wait_all([sj.JobHandle(client, "o")], timeout_seconds=3)


def test_one_circuit_is_cancelled_and_nothing_else():
    server = OldServer(a="Queued", b="Queued")
    handle = sj.JobHandle(server.client(), "a,b")
    assert handle.cancel(0).cancelled == ("a",)
    assert server.bodies == [("/cancel_jobs", {"job_ids": ["a"]})]
    assert handle.refresh().statuses == ("cancelled", "pending")
    with pytest.raises(sj.CircuitIndexError):
        handle.cancel(2)
    with pytest.raises(TypeError):
        handle.cancel(True)
    assert sj.JobHandle(OldServer(c="Queued").client(), "c").cancel(0).cancelled == ("c",)


def test_cancelling_a_job_leaves_out_circuits_that_are_finished():
    server = OldServer(a="Done", b="Queued", c="Done")
    handle = sj.JobHandle(server.client(), "a,b")
    with pytest.warns(sj.SuperstaqWarning, match="Job 'a' cannot be cancelled"):
        receipt = handle.cancel()
    assert (receipt.cancelled, receipt.refused) == (("b",), ("a",))
    assert handle.cancel().message.startswith("nothing was sent")
    done = sj.JobHandle(server.client(), "c")
    with pytest.warns(sj.SuperstaqWarning), pytest.raises(sj.CancelRefused):
        done.cancel()


def test_whole_jobs_are_cancelled_together():
    server = OldServer(a="Queued", b="Queued", c="Done")
    with pytest.warns(sj.SuperstaqWarning):
        receipt = sj.cancel_jobs(server.client(), ["a,b", "c"])
    assert (receipt.cancelled, receipt.refused) == (("a,b",), ("c",))
    assert receipt.succeeded == ("a", "b")


def test_tags_and_metadata_are_not_made_up():
    handle = sj.JobHandle(OldServer(a="Done").client(), "a")
    for name in ("tags", "metadata"):
        with pytest.raises(sj.SuperstaqException, match=rf"the {name} of job a .*v0\.3\.0 does"):
            getattr(handle, name)


def test_a_handle_and_a_snapshot_are_pickled_and_compared():
    snapshot = sj.fetch_job(OldServer(a="Done", b="Failed").client(), "a,b")
    copy = pickle.loads(pickle.dumps(snapshot))
    assert (copy, hash(copy), copy.digest) == (snapshot, hash(snapshot), snapshot.digest)
    assert attrs.evolve(snapshot).job_id == "a,b"
    assert sj.diff(snapshot, copy) == sj.JobDiff()
    assert sj.newest(snapshot, copy) == snapshot
    assert str(JOB) != sj.fetch_job(OldServer(**{str(JOB): "Done"}).client(), JOB).digest
    body = sj.encode_jobs([snapshot], api_version="v0.2.0")
    assert sj.decode_jobs(body, api_version="v0.2.0", job_ids=["a,b"]) == (snapshot,)


def test_a_snapshot_is_not_written_in_the_form_of_the_other_version():
    ours = sj.fetch_job(OldServer(a="Done", b="Done").client(), "a,b")
    like_a_uuid = sj.fetch_job(OldServer(**{str(JOB): "Done"}).client(), JOB)
    for snapshot in (ours, like_a_uuid):
        with pytest.raises(sj.InvalidRequest, match=r"api_version: job .* is not of v0\.3\.0"):
            sj.encode_jobs([snapshot])
        assert sj.encode_jobs([snapshot], api_version="v0.2.0")
    with pytest.raises(sj.InvalidRequest, match=r"api_version: job .* is not of v0\.2\.0"):
        sj.encode_jobs([job("completed", "completed")], api_version="v0.2.0")


OF_V0_2_0 = {"JobSnapshot.job_id", "CircuitSnapshot.circuit_id", "CircuitSnapshot.extra"}


@pytest.mark.parametrize("name", [name for name in NOT_IN_V0_2_0 if name not in OF_V0_2_0])
def test_what_v0_2_0_has_no_place_for_is_refused_instead_of_dropped(name):
    kind, _, field = name.partition(".")
    value = FULL[field]
    circuit = sj.CircuitSnapshot(index=0, status_text="completed", circuit_id="a")
    unsaid = ("job_type", "user_email", "dry_run", "submitted_at", "tags", "metadata")
    plain = sj.JobSnapshot(
        job_id="a",
        target="ibmq_fez_qpu",
        circuit_type="cirq",
        circuits=[circuit],
        **dict.fromkeys(unsaid),
    )
    assert sj.decode_jobs(sj.encode_jobs([plain], api_version="v0.2.0"), api_version="v0.2.0") == (
        plain,
    )
    if kind == "JobSnapshot":
        full = attrs.evolve(plain, **{field: value})
    else:
        full = attrs.evolve(plain, circuits=[attrs.evolve(circuit, **{field: value})])
    with pytest.raises(sj.InvalidRequest, match=rf"job a: (circuits\[0\]\.)?{field}: must be"):
        sj.encode_jobs([full], api_version="v0.2.0")


FULL = {
    "job_type": "submit",
    "user_email": "a@example.com",
    "dry_run": False,
    "submitted_at": dt.datetime(2026, 5, 1, tzinfo=dt.UTC),
    "tags": (),
    "metadata": {},
    "extra": {"colour": "blue"},
    "results_dict": "{}",
    "updated_at": dt.datetime(2026, 5, 1, tzinfo=dt.UTC),
    "initial_logical_to_physical": {0: 1},
    "final_logical_to_physical": {0: 1},
    "logical_qubits": "[]",
    "physical_qubits": "[]",
}


def test_circuits_and_job_must_name_the_same_ids():
    snapshot = sj.fetch_job(OldServer(a="Done", b="Failed").client(), "a,b")
    with pytest.raises(sj.InvalidValue, match="job_id: must be the circuit_id of each circuit"):
        attrs.evolve(snapshot, job_id="b,a")


@pytest.mark.parametrize("version", ["", "v0.4.0", None, ["v0.2.0"]])
def test_an_unknown_version_is_refused(version):
    for call in (partial(sj.decode_jobs, b"{}"), partial(sj.encode_jobs, [])):
        with pytest.raises(sj.InvalidRequest, match="api_version: must be one of"):
            call(api_version=version)


# ---- targets, account, credentials ---------------------------------------------------------------


def test_targets_and_the_account():
    server = OldServer()
    client = server.client()
    fez, simulator = sj.fetch_targets(client, sj.TargetQuery(available=True))
    assert (fez.supports_submit, fez.retired, fez.simulator) == (True, False, False)
    assert fez.extra == {"color": "blue"}
    assert (simulator.simulator, simulator.available) == (True, True)
    info = sj.fetch_target_info(client, "ibmq_fez_qpu", options={"a": 1}).info
    assert info == {"num_qubits": 156, "options": '{"a": 1}'}
    with pytest.raises(sj.InvalidRequest, match="must be a TargetQuery, got 5"):
        sj.fetch_targets(client, 5)
    assert sj.fetch_balance(client) == sj.AccountBalance(email=None, balance=12.5)


def test_credentials_travel_in_options_and_are_not_shown(caplog):
    server = OldServer(a="Queued")
    client = server.client(ibmq_token="very-secret", cq_token={"access": "hidden"})
    caplog.set_level("DEBUG")
    sj.fetch_job(client, "a")
    sj.submit_job(client, attrs.evolve(NEW, options_dict={"lifespan": 1}))
    sj.cancel_jobs(client, ["a"])
    sj.fetch_targets(client)
    sj.fetch_target_info(client, "ibmq_fez_qpu")
    for _, data in server.bodies:
        options = json.loads(data["options"])
        assert options["ibmq_token"] == "very-secret"
        assert options["cq_token"] == {"access": "hidden"}
    assert json.loads(server.bodies[1][1]["options"])["lifespan"] == 1
    for request in server.transport.requests:
        assert not any(name.startswith(("ibmq", "cq")) for name, _ in request.headers)
        assert "secret" not in repr(request)
    assert "secret" not in caplog.text


def test_without_credentials_a_fetch_has_no_options():
    server = OldServer(a="Queued")
    sj.fetch_job(server.client(), "a")
    assert server.bodies == [("/fetch_jobs", {"job_ids": ["a"]})]


# ---- choosing the version ------------------------------------------------------------------------


def test_the_version_comes_from_the_argument_the_environment_or_the_default(monkeypatch):
    monkeypatch.delenv("SUPERSTAQ_REMOTE_HOST", raising=False)
    assert sj.SuperstaqClient(KEY).api.version == "v0.3.0"
    monkeypatch.setenv("SUPERSTAQ_API_VERSION", "v0.2.0")
    client = sj.SuperstaqClient(KEY)
    assert client.api.version == "v0.2.0"
    assert client.remote_host == "https://superstaq.infleqtion.com"
    assert sj.SuperstaqClient(KEY, api_version="v0.3.0").api.version == "v0.3.0"
    monkeypatch.setenv("SUPERSTAQ_API_VERSION", "2")
    with pytest.raises(sj.ConfigurationError, match="SUPERSTAQ_API_VERSION must be one of"):
        sj.SuperstaqClient(KEY)


def test_the_host_of_the_other_version_is_refused_with_the_argument_to_pass():
    with pytest.raises(sj.ConfigurationError, match=r"Pass api_version='v0\.2\.0'"):
        sj.SuperstaqClient(KEY, "https://superstaq.infleqtion.com/", api_version="v0.3.0")


@pytest.mark.parametrize(
    "step",
    [
        json_response("unknown key", status=401),
        json_response({"message": "no such path"}, status=404),
        sj.TransportError("refused", sent=False),
    ],
)
def test_an_error_of_the_service_itself_names_the_other_version(step, monkeypatch):
    monkeypatch.delenv("SUPERSTAQ_REMOTE_HOST", raising=False)
    options = {"retry_policy": sj.RetryPolicy(max_attempts=1)}
    for version, other in [("v0.3.0", "v0.2.0"), ("v0.2.0", "v0.3.0")]:
        elsewhere = scripted(step, api_version=version, **options)
        there = sj.SuperstaqClient(
            KEY, transport=ScriptedTransport([step]), api_version=version, **options
        )
        for client in (elsewhere, there):
            with pytest.raises(sj.SuperstaqServerException) as caught:
                sj.fetch_balance(client)
            # Another server, such as an emulator, may speak both.
            assert (f"pass api_version='{other}'" in str(caught.value)) is (client is there)
