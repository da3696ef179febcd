from __future__ import annotations

import copy
import itertools
import pickle
import threading
import warnings

import attrs
import pytest
from worlds import JOB, NOON, OTHER, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.handle import latest_of
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response


def on(*steps, clock=None, **options):
    """A handle on a client that plays a script of snapshots and other responses."""
    answers = [jobs_response(s) if isinstance(s, sj.JobSnapshot) else s for s in steps]
    transport = ScriptedTransport(answers)
    return sj.JobHandle(client_on(transport, clock=clock), JOB, **options), transport


def test_making_a_handle_sends_nothing_and_knows_nothing():
    handle, transport = on()
    assert handle.latest is None
    assert handle.job_id() == JOB
    assert transport.requests == ()
    assert repr(handle) == f"<JobHandle {JOB}: nothing fetched yet>"


def test_a_malformed_id_is_refused():
    with pytest.raises(sj.InvalidRequest, match="job_id: must be a UUID, got 'x'"):
        sj.JobHandle(client_on(ScriptedTransport()), "x")


def test_refresh_sends_one_request_and_keeps_the_snapshot():
    handle, transport = on(job("running"))
    snapshot = handle.refresh()
    assert snapshot == job("running")
    assert handle.latest is snapshot
    assert len(transport.requests) == 1
    assert repr(handle) == f"<JobHandle {JOB}: running>"
    assert str(handle) == f"job {JOB}: running"
    assert len(transport.requests) == 1


def test_no_request_is_sent_for_a_finished_job():
    handle, transport = on(job("completed", "failed"))
    first = handle.refresh()
    assert handle.refresh() is first
    assert handle.status() is sj.CircuitStatus.FAILED
    assert handle.status(0) is sj.CircuitStatus.COMPLETED
    assert handle.wait_until_complete(timeout_seconds=0) is first
    assert handle.to_dict() == first.to_dict()
    assert handle.cancel().refused == (JOB,)
    assert len(transport.requests) == 1


def test_a_refresh_without_news_returns_the_very_same_snapshot():
    handle, _ = on(job("running"), job("running"))
    assert handle.refresh() is handle.refresh()


def test_an_older_response_that_comes_late_does_not_replace_a_newer_one():
    circuits = [
        attrs.evolve(circuit, updated_at=NOON.replace(hour=13))
        for circuit in job("completed", "running").circuits
    ]
    new = attrs.evolve(job("completed", "running"), circuits=circuits)
    handle, _ = on(new, job("running", "received"))
    handle.refresh()
    assert handle.refresh() == new


def test_a_failed_refresh_leaves_what_was_known():
    handle, _ = on(job("running"), json_response("gone", status=410))
    known = handle.refresh()
    with pytest.raises(sj.SuperstaqServerException):
        handle.refresh()
    assert handle.latest is known


def test_an_unknown_job_is_named_by_its_id():
    handle, _ = on(jobs_response())
    with pytest.raises(sj.JobsNotFound, match=str(JOB)):
        handle.refresh()


def test_submit_gives_a_handle_that_reads_in_the_format_submitted():
    transport = ScriptedTransport(
        [json_response({"job_id": str(JOB), "num_circuits": 1}), jobs_response(job("received"))]
    )
    new = sj.NewJob(target="ibmq_fez_qpu", circuits="{}", circuit_type="cirq", shots=1)
    handle = sj.JobHandle.submit(client_on(transport), new)
    assert handle.job_id() == JOB
    assert handle.latest is None
    handle.refresh()
    assert transport.requests[1].label == "GET /v0.3.0/client/job/cirq"


def test_handles_of_one_job_are_equal():
    client = client_on(ScriptedTransport())
    one, same, other = (sj.JobHandle(client, i) for i in (JOB, str(JOB), OTHER))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != JOB
    assert str(one) == f"job {JOB}: nothing fetched yet"
    assert one.client is client


# ---- waiting -------------------------------------------------------------------------------


def test_a_wait_polls_at_the_interval_and_returns_the_final_snapshot():
    clock = FakeClock()
    handle, transport = on(job("received"), job("running"), job("completed"), clock=clock)
    snapshot = handle.wait_until_complete(polling_seconds=7)
    assert snapshot == job("completed")
    assert handle.latest is snapshot
    assert clock.sleeps == (7, 7)
    assert len(transport.requests) == 3


def test_a_wait_for_one_circuit_ends_with_that_one():
    handle, transport = on(job("running", "running"), job("running", "completed"))
    snapshot = handle.wait_until_complete(1, polling_seconds=1)
    assert snapshot.statuses == ("running", "completed")
    assert handle.wait_until_complete(index=1) is snapshot
    assert len(transport.requests) == 2


def test_a_wait_for_a_missing_circuit_says_so():
    handle, _ = on(job("running"))
    with pytest.raises(sj.CircuitIndexError, match=rf"job {JOB} has no circuit 1"):
        handle.wait_until_complete(1)
    with pytest.raises(sj.CircuitIndexError):
        handle.wait_until_complete(-1)


def test_a_wait_until_compiled_ends_when_compilation_is_done():
    steps = [job("compiling", "received"), job("pending", "compiling"), job("running", "failed")]
    handle, transport = on(*steps)
    snapshot = handle.wait_until_complete(until="compiled", polling_seconds=1)
    assert snapshot.statuses == ("running", "failed")
    assert snapshot.is_compiled
    assert not snapshot.is_terminal
    assert handle.wait_until_complete(until=sj.Stage.COMPILED) is snapshot
    assert len(transport.requests) == 3


@pytest.mark.parametrize("until", ["done", None, 3])
def test_an_unknown_stage_is_refused_before_anything_is_sent(until):
    handle, transport = on()
    with pytest.raises(sj.InvalidValue, match="until"):
        handle.wait_until_complete(until=until)
    assert transport.requests == ()


def test_a_wait_that_times_out_holds_the_last_snapshot_and_says_what_to_do():
    clock = FakeClock()
    steps = [job("received"), job("running"), job("running")]
    handle, _ = on(*steps, clock=clock)
    with pytest.raises(sj.WaitTimeout) as caught:
        handle.wait_until_complete(timeout_seconds=7, polling_seconds=5)
    error = caught.value
    assert isinstance(error, TimeoutError)
    assert isinstance(error, sj.SuperstaqException)
    assert error.job_id == JOB
    assert error.snapshot is handle.latest
    assert (error.timeout_seconds, error.waited_seconds) == (7, 7)
    assert f"job {JOB} was not finished after 7 s" in str(error)
    assert "last known status is running" in str(error)
    assert error.__context__ is None
    assert clock.sleeps == (5, 2)


def test_a_timeout_of_zero_polls_once():
    handle, transport = on(job("running"))
    with pytest.raises(sj.WaitTimeout, match="circuit 0 of job"):
        handle.wait_until_complete(0, timeout_seconds=0)
    assert len(transport.requests) == 1


def test_on_change_is_called_with_each_change_before_and_after():
    reported = []
    steps = [job("received"), job("received"), job("running"), job("completed")]
    handle, _ = on(*steps)
    handle.wait_until_complete(
        polling_seconds=1, on_change=lambda before, after: reported.append((before, after))
    )
    assert reported == [
        (None, job("received")),
        (job("received"), job("running")),
        (job("running"), job("completed")),
    ]


def test_a_later_wait_does_not_report_what_was_known_before_it():
    reported = []
    handle, _ = on(job("running"), job("running"), job("completed"))
    handle.refresh()
    handle.wait_until_complete(polling_seconds=1, on_change=lambda *pair: reported.append(pair))
    assert reported == [(job("running"), job("completed"))]


def test_what_on_change_raises_ends_the_wait_and_the_handle_stays_usable():
    handle, _ = on(job("received"), job("completed"))

    def stop(_before, _after):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        handle.wait_until_complete(on_change=stop)
    assert handle.latest == job("received")
    assert handle.wait_until_complete() == job("completed")


# ---- cancelling ----------------------------------------------------------------------------


def cancelled(*ids, message="ok"):
    return json_response({"succeeded": [str(i) for i in ids], "message": message})


def test_a_job_is_cancelled_in_one_request():
    handle, transport = on(cancelled(JOB))
    assert handle.cancel().cancelled == (JOB,)
    assert [r.label for r in transport.requests] == ["PUT /v0.3.0/client/cancel_jobs"]


def test_a_refusal_is_an_error_with_the_receipt():
    handle, _ = on(cancelled(message="it is running already"), job("running"))
    with pytest.raises(sj.CancelRefused, match="it is running already") as caught:
        handle.cancel()
    assert caught.value.receipt.refused == (JOB,)
    assert str(JOB) in str(caught.value)


def test_a_job_that_was_cancelled_by_a_request_without_a_response_counts_as_cancelled():
    handle, transport = on(cancelled(message="nothing to cancel"), job("cancelled"))
    receipt = handle.cancel()
    assert (receipt.cancelled, receipt.refused) == ((JOB,), ())
    assert [r.method for r in transport.requests] == ["PUT", "GET"]


def test_a_later_status_is_seen_whatever_the_time_stamps_say():
    for after in ("pending", "archived"):
        before = job("running")
        undated = attrs.evolve(before.circuits[0], updated_at=None)
        steps = [attrs.evolve(before, circuits=[undated]), job(after)]
        steps[1] = attrs.evolve(
            steps[1], circuits=[attrs.evolve(steps[1].circuits[0], updated_at=None)]
        )
        handle, _ = on(*steps)
        handle.refresh()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sj.SuperstaqWarning)
            assert handle.refresh().circuits[0].status_text == after


def test_polled_at_advances_without_news_too():
    clock = FakeClock()
    handle, _ = on(job("running"), job("running"), clock=clock)
    assert handle.polled_at is None
    first = handle.refresh()
    clock.advance(3600)
    assert handle.refresh() is first
    assert (handle.polled_at - first.fetched_at).total_seconds() == 3600


def test_one_circuit_of_several_is_refused_before_anything_is_cancelled():
    handle, transport = on(job("running", "running"))
    with pytest.raises(sj.PartialCancelUnsupported, match="Nothing was cancelled") as caught:
        handle.cancel(index=1)
    assert (caught.value.index, caught.value.num_circuits) == (1, 2)
    assert [r.method for r in transport.requests] == ["GET"]


def test_the_only_circuit_can_be_cancelled_by_its_index():
    handle, transport = on(job("running"), cancelled(JOB))
    assert handle.cancel(index=0).cancelled == (JOB,)
    assert [r.method for r in transport.requests] == ["GET", "PUT"]


def test_a_missing_circuit_cannot_be_cancelled():
    handle, transport = on(job("running"))
    with pytest.raises(sj.CircuitIndexError):
        handle.cancel(index=1)
    assert [r.method for r in transport.requests] == ["GET"]


# ---- threads and pickles -------------------------------------------------------------------


def test_threads_that_share_a_handle_never_see_it_go_back():
    life = [job("received", "received"), job("running", "received"), job("running", "running")]
    life += [job("completed", "running"), job("completed", "completed")]
    lock, position = threading.Lock(), iter(range(10_000))

    def answer(_request):
        with lock:
            at = next(position)
        # Responses overtake each other: each thread gets one from around its turn.
        return jobs_response(life[min(max(at // 8 + (-1) ** at, 0), len(life) - 1)])

    handle = sj.JobHandle(client_on(ScriptedTransport.from_function(answer)), JOB)
    seen: list[list[tuple[str, ...]]] = [[] for _ in range(4)]

    def look(mine):
        for _ in range(30):
            mine.append(handle.refresh().statuses)

    threads = [threading.Thread(target=look, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine in seen:
        for before, after in itertools.pairwise(mine):
            for old, new in zip(before, after, strict=True):
                assert not (old.is_terminal and not new.is_terminal)


def test_a_pickled_handle_keeps_its_snapshot_and_finds_its_key_again(monkeypatch):
    monkeypatch.setenv("SUPERSTAQ_API_KEY", "key-from-the-environment")
    client = sj.SuperstaqClient("key-not-to-be-pickled", "http://127.0.0.1:1")
    handle = sj.JobHandle(client, JOB, circuit_type="cirq")
    latest_of(handle).advance(job("completed"), responses_before=0)
    data = pickle.dumps(handle)
    assert b"key-not-to-be-pickled" not in data
    again = pickle.loads(data)
    assert again == handle
    assert again.latest == handle.latest
    assert again.polled_at == handle.polled_at
    assert again.circuit_type is sj.CircuitType.CIRQ
    assert again.refresh() == job("completed")


def test_a_pickled_handle_is_a_handle_of_its_own(monkeypatch):
    monkeypatch.setenv("SUPERSTAQ_API_KEY", "key-from-the-environment")
    handle = sj.JobHandle(sj.SuperstaqClient("key", "http://127.0.0.1:1"), JOB)
    again = pickle.loads(pickle.dumps(handle))
    latest_of(again).advance(job("running"), responses_before=0)
    assert again.latest == job("running")
    assert handle.latest is None


def test_a_copied_handle_shares_what_is_known():
    handle, _ = on(job("running"))
    snapshot = handle.refresh()
    again = copy.copy(handle)
    assert again == handle
    assert again.latest is snapshot
