"""Kindness in daily use: what an interrupt says, how ids and times may be written, pickles."""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime as dt
import multiprocessing
import os
import pickle
import signal
import time
import uuid
from urllib.parse import parse_qsl, urlsplit

import attrs
import numpy as np
import pytest
import trustme
from servers import OldServer
from worlds import HOST, JOB, KEY, NOON, OTHER, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.client.settings import locate_api_key
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response

CIRQ = '{"cirq_type": "Circuit", "moments": []}'
IDS = [uuid.UUID(int=number) for number in range(1000)]


class Interrupted(FakeClock):
    """A clock whose first sleep is interrupted by Ctrl-C."""

    def sleep(self, _seconds):
        signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def ctrl_c():
    """Ctrl-C as Python has it, in a process too that a shell started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# ---- Ctrl-C --------------------------------------------------------------------------------------


def waiting(*job_ids, finished=()):
    """Handles of jobs that are waited for until Ctrl-C; some of them are finished before."""
    jobs = [job("completed" if i in finished else "running", job_id=i) for i in job_ids]

    def respond(request):
        return jobs_response(*(each for each in jobs if str(each.job_id) in request.path))

    client = client_on(ScriptedTransport.from_function(respond), clock=Interrupted())
    return [sj.JobHandle(client, each) for each in job_ids]


def interrupted(wait):
    with pytest.raises(KeyboardInterrupt) as caught:
        wait()
    # In a coroutine, Ctrl-C cancels the task first; a traceback shows both.
    error = caught.value
    errors = [error, error.__context__, error.__cause__]
    (note,) = [n for e in errors if e is not None for n in getattr(e, "__notes__", ())]
    return note


def test_an_interrupted_wait_says_for_which_job_it_was_and_how_to_go_on():
    (handle,) = waiting(JOB)
    note = interrupted(handle.wait_until_complete)
    assert note == (
        f"The wait for job {JOB} was interrupted; nothing was cancelled. Wait again with its "
        f"handle; or, in another program, with JobHandle(client, '{JOB}'), where the client is for "
        f"{HOST} (API v0.3.0)."
    )
    assert handle.latest == handle.refresh() == job("running")


def test_an_interrupted_wait_of_v0_2_0_says_so():
    client = OldServer(a="Running", b="Done").client(clock=Interrupted())
    note = interrupted(sj.JobHandle(client, "a,b").wait_until_complete)
    assert "JobHandle(client, 'a,b')" in note
    assert "(API v0.2.0)" in note


@pytest.mark.parametrize(
    "wait",
    [
        sj.wait_all,
        lambda handles: sj.wait_any(handles, 3),
        lambda handles: list(sj.as_completed(handles)),
        lambda handles: list(sj.watch(handles)),
        lambda handles: asyncio.run(sj.wait_all_async(handles)),
    ],
)
def test_an_interrupted_wait_for_many_jobs_says_which_are_not_finished(wait):
    note = interrupted(lambda: wait(waiting(*IDS[:5], finished=IDS[1:3])))
    assert note.startswith("The wait for 3 of 5 jobs was interrupted; nothing was cancelled.")
    for number, job_id in enumerate(IDS[:5]):
        assert (f"'{job_id}'" in note) is (number not in {1, 2})


def test_the_note_about_a_thousand_jobs_is_short():
    note = interrupted(lambda: sj.wait_all(waiting(*IDS)))
    assert "The wait for 1000 of 1000 jobs" in note
    named = sum(str(each) in note for each in IDS)
    assert named >= 20
    assert f" and {1000 - named} more" in note
    assert len(note) < 2500


def test_an_id_that_does_not_print_is_escaped():
    client = OldServer().client(clock=Interrupted())
    note = interrupted(
        lambda: sj.wait_all([sj.JobHandle(client, "a\x1b[31m"), sj.JobHandle(client, "b\x07")])
    )
    assert note.isprintable()


@pytest.mark.parametrize("wait", ["wait_until_complete_async", "wait_all"])
def test_ctrl_c_in_a_coroutine_says_so_too(wait):
    transport = ScriptedTransport.from_function(lambda _: jobs_response(job("running")))
    handle = sj.JobHandle(client_on(transport, clock=sj.SystemClock()), JOB)

    async def main():
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
        if wait == "wait_all":
            await sj.wait_all_async([handle], polling_seconds=60)
        else:
            await handle.wait_until_complete_async(polling_seconds=60)

    assert f"JobHandle(client, '{JOB}')" in interrupted(lambda: asyncio.run(main()))


def test_an_interrupt_between_two_results_is_not_the_waits():
    finals = sj.as_completed(waiting(JOB, OTHER, finished=[JOB]))
    try:
        for _ in finals:
            signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as error:
        notes = getattr(error, "__notes__", [])
    assert notes == []


def test_an_error_that_ends_a_wait_has_no_such_note():
    client = client_on(ScriptedTransport([sj.TransportError("lost", sent=True)]))
    with pytest.raises(sj.WaitTimeout) as caught:
        sj.JobHandle(client, JOB).wait_until_complete(timeout_seconds=0)
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({}, "look for it with query_jobs before you submit it again"),
        ({"submission_key": "bell"}, "call again with the submission key 'bell'"),
        ({"api_version": "v0.2.0"}, "look for it on the service's web page"),
    ],
)
def test_an_interrupted_submission_says_that_the_job_may_exist(options, advice):
    version = {"api_version": options.pop("api_version", "v0.3.0")}
    client = client_on(ScriptedTransport([KeyboardInterrupt()]), **version)
    target = "ss_unconstrained_simulator"
    new = sj.NewJob(target=target, circuits=CIRQ, circuit_type="cirq", shots=1)
    note = interrupted(lambda: sj.submit_job(client, new, **options))
    assert note.startswith(f"The submission of a job to {target} was interrupted")
    assert advice in note


# ---- without a key -------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user without any key."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("SUPERSTAQ_API_KEY", raising=False)
    return tmp_path


def unpickled(*handles):
    """Handles that were pickled with a key and unpickled without one."""
    return pickle.loads(pickle.dumps(handles))


def known(snapshot, **options):
    client = sj.SuperstaqClient(KEY, "http://127.0.0.1:9", **options)
    return sj.JobHandle.from_snapshot(client, snapshot)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("is_async", [False, True])
def test_a_wait_without_a_key_loses_no_result(is_async):
    done, running = job("completed", job_id=OTHER), job("running")
    handles = unpickled(known(running), known(done))
    with pytest.raises(sj.JobsUnsettled) as caught:
        asyncio.run(sj.wait_all_async(handles)) if is_async else sj.wait_all(handles)
    assert caught.value.found == (done,)
    (error,) = caught.value.errors.values()
    assert isinstance(error, sj.ApiKeyNotFound)
    assert handles[0].client.traffic.requests == 0


@pytest.mark.usefixtures("home")
def test_a_wait_with_and_without_a_key_gets_what_can_be_had():
    without = unpickled(*(known(job("running", job_id=each)) for each in IDS[:300]))
    client = client_on(
        ScriptedTransport([jobs_response(job("running")), jobs_response(job("completed"))])
    )
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all([*without, sj.JobHandle(client, JOB)], polling_seconds=0)
    assert caught.value.found == (job("completed"),)
    assert set(caught.value.errors) == set(IDS[:300])


@pytest.mark.usefixtures("home")
def test_a_wait_for_one_job_without_a_key_raises_that_error():
    (handle,) = unpickled(known(job("running")))
    with pytest.raises(sj.ApiKeyNotFound):
        handle.wait_until_complete()
    assert handle.latest == job("running")


@pytest.mark.usefixtures("home")
def test_an_error_for_an_unpickled_client_says_where_the_key_is_missing():
    (handle,) = unpickled(known(job("running")))
    with pytest.raises(sj.ApiKeyNotFound) as caught:
        handle.refresh()
    message = str(pickle.loads(pickle.dumps(caught.value)))
    assert "nothing was sent" in message
    assert message.startswith(f"a client that was unpickled in process {os.getpid()} on ")
    assert "A pickle contains neither keys nor files" in message
    assert "SUPERSTAQ_API_KEY" in message
    with pytest.raises(sj.ApiKeyNotFound):  # again, and still nothing was sent
        handle.refresh()
    assert handle.client.traffic.requests == 0


@pytest.mark.usefixtures("home")
def test_threads_of_an_unpickled_client_share_the_same_things_after_its_key_was_found(monkeypatch):
    once = sj.RetryPolicy(max_attempts=1)
    (handle,) = unpickled(known(job("running"), retry_policy=once))
    client, keys = handle.client, handle.client.submission_keys
    monkeypatch.setenv("SUPERSTAQ_API_KEY", KEY)
    for number in (1, 2):
        with pytest.raises(sj.TransportError):
            handle.refresh()
        assert client.traffic.requests == number
    assert client.submission_keys is keys


def refresh(handle):
    return handle.refresh()


def without_key():
    os.environ.pop("SUPERSTAQ_API_KEY", None)


@pytest.mark.usefixtures("home")
def test_a_pool_of_processes_without_a_key_reports_that_and_goes_on():
    finished, running = known(job("completed", job_id=OTHER)), known(job("running"))
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        error = pool.submit(refresh, running).exception(timeout=60)
        assert pool.submit(refresh, finished).result(timeout=60) == job("completed", job_id=OTHER)
    assert isinstance(error, sj.ApiKeyNotFound)
    assert "A pickle contains neither keys nor files" in str(error)
    assert f"process {os.getpid()} " not in str(error)


def test_a_file_of_certificates_that_is_gone_breaks_no_pool(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERSTAQ_API_KEY", KEY)
    bundle = tmp_path / "ca.pem"
    certificate = trustme.CA().cert_pem.bytes()
    bundle.write_bytes(certificate)
    client = sj.SuperstaqClient(KEY, "https://127.0.0.1:9", ca_certs=str(bundle))
    handle = sj.JobHandle(client, JOB)
    data = pickle.dumps(handle)
    bundle.unlink()
    again = pickle.loads(data)
    assert again == handle
    for _ in range(2):  # never with the system's certificates instead
        with pytest.raises(sj.ConfigurationError, match="ca_certs cannot be used"):
            again.refresh()
    pickled_again = pickle.loads(pickle.dumps(again))
    bundle.write_bytes(certificate)
    for each in (again, pickled_again):
        with pytest.raises(sj.TransportError, match="refused"):
            each.refresh()


# ---- ids as they are copied ----------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), [(" ", ""), ("", "\n"), ("\t\u00a0", " \r\n")])
def test_white_space_around_an_id_is_not_part_of_it(before, after):
    written = f"{before}{JOB}{after}"
    transport = ScriptedTransport.from_function(
        lambda request: (
            jobs_response(job("completed"))
            if request.method == "GET"
            else json_response({"succeeded": [str(JOB)], "message": ""})
        )
    )
    client = client_on(transport)
    assert sj.JobHandle(client, written).job_id() == JOB
    assert sj.fetch_job(client, written) == job("completed")
    assert sj.fetch_jobs(client, [written, JOB]) == (job("completed"),) * 2
    assert sj.JobQuery(job_id=[written]) == sj.JobQuery(job_id=[JOB])
    assert sj.cancel_jobs(client, [written]).cancelled == (JOB,)
    assert sj.decode_jobs(sj.encode_jobs([job("failed")]), job_ids=[written]) == (job("failed"),)

    old = OldServer(a="Queued", b="Done").client()
    written = f"{before}a,b{after}"
    assert sj.JobHandle(old, written).job_id() == "a,b"
    assert sj.fetch_job(old, written).job_id == "a,b"
    assert [each.job_id for each in sj.fetch_jobs(old, [written, "a"])] == ["a,b", "a"]
    assert sj.cancel_jobs(old, [f"{before}a{after}"]).cancelled == ("a",)


@pytest.mark.parametrize("written", ["a, b", "a ,b", "a\nb", "", "  ", "a,,b", ","])
def test_white_space_within_an_id_is_refused(written):
    server = OldServer(a="Done", b="Done")
    with pytest.raises(sj.InvalidRequest, match="joined by commas without spaces"):
        sj.fetch_job(server.client(), written)
    for broken in (written, f"{str(JOB)[:9]} {str(JOB)[9:]}"):
        with pytest.raises(sj.InvalidRequest, match="must be a UUID"):
            sj.fetch_job(client_on(ScriptedTransport()), broken)
    assert not server.asked()


def test_the_lines_of_a_file_are_ids(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text(f"{JOB}\n{OTHER}\n")
    jobs = job("completed"), job("failed", job_id=OTHER)
    client = client_on(ScriptedTransport([jobs_response(*jobs)]))
    with path.open() as file:
        assert sj.fetch_jobs(client, file) == jobs


def test_an_archive_takes_an_id_as_it_was_copied(tmp_path):
    with sj.SnapshotArchive(tmp_path / "study.db") as archive:
        archive.record(attrs.evolve(job("completed"), fetched_at=NOON))
        assert archive.latest(f" {JOB}\n") == job("completed")


# ---- times of a query ----------------------------------------------------------------------------


@pytest.fixture
def zone(monkeypatch):
    def change(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield change
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "hour"), [("UTC0", 12), ("EST5", 17), ("CET-1CEST,M3.5.0,M10.5.0/3", 10)]
)
def test_a_time_without_a_zone_is_local_in_a_query(name, hour, zone):
    zone(name)
    noon = dt.datetime(2026, 7, 1, 12)  # noqa: DTZ001
    query = sj.JobQuery(submitted_after=noon, submitted_before=noon + dt.timedelta(days=1))
    assert query.submitted_after == dt.datetime(2026, 7, 1, hour, tzinfo=dt.UTC)
    assert query.submitted_after.tzinfo is dt.UTC
    assert query.submitted_before - query.submitted_after == dt.timedelta(days=1)
    assert query == pickle.loads(pickle.dumps(query))
    aware = sj.JobQuery(submitted_after=dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC))
    with pytest.raises(sj.InvalidRequest, match="must be before submitted_before"):
        attrs.evolve(aware, submitted_before=noon - dt.timedelta(days=1))


@pytest.mark.parametrize("name", ["EST5", "CET-1"])
@pytest.mark.parametrize("moment", [dt.datetime.min, dt.datetime.max])  # noqa: DTZ901
def test_a_local_time_at_the_end_of_the_calendar_is_named(name, moment, zone):
    zone(name)
    try:
        made = sj.JobQuery(submitted_after=moment)
    except sj.InvalidRequest as error:
        assert "pass a time with a time zone" in str(error)  # noqa: PT017
    else:
        assert made.submitted_after.replace(tzinfo=None) != moment


# ---- queries without a query ---------------------------------------------------------------------


def test_all_jobs_are_found_without_a_query():
    jobs = job("running"), job("completed", job_id=OTHER)
    transport = ScriptedTransport([jobs_response(*jobs)])
    assert sj.query_jobs(client_on(transport)) == jobs
    assert [r.path for r in transport.requests] == ["/v0.3.0/client/job/qasm"]
    with pytest.raises(sj.InvalidRequest, match=r"v0\.3\.0"):
        sj.query_jobs(OldServer().client())


@pytest.mark.parametrize("limit", [0, 1, 149, 151, 300, 399, 400, 401, np.int64(2)])
def test_a_limit_sends_no_more_requests_than_it_needs(limit):
    def respond(request):
        pairs = parse_qsl(urlsplit(request.path).query)
        return jobs_response(*(job("running", job_id=uuid.UUID(text)) for _, text in pairs))

    transport = ScriptedTransport.from_function(respond)
    found = sj.query_jobs(client_on(transport), sj.JobQuery(job_id=IDS[:400]), limit=limit)
    assert [each.job_id for each in found] == IDS[: min(limit, 400)]
    sizes = [request.path.count("job_id=") for request in transport.requests]
    assert sum(sizes[:-1]) < limit or not limit
    assert bool(sizes) is bool(limit)


@pytest.mark.parametrize("limit", [-1, 1.0, True, "3", float("inf"), [2]])
def test_what_is_not_a_limit_is_refused(limit):
    with pytest.raises(sj.InvalidRequest, match="limit: "):
        sj.query_jobs(client_on(ScriptedTransport()), limit=limit)


# ---- key files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r", " \nthe second line", "\r\n\r\n"])
def test_a_key_file_of_any_editor_is_read(encoding, end, home):
    path = home / ".super.tech" / "superstaq_api_key"
    path.parent.mkdir()
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path.write_bytes(f"{mark}the-key{end}".encode(encoding))
    assert locate_api_key(None, environ=os.environ.get, home=home)[0].reveal() == "the-key"


@pytest.mark.parametrize(
    "data", ["the-key".encode("utf-16-le"), b"\xff\xfe", b"clef\xe9", b"k\x85y"]
)
def test_a_key_file_that_holds_no_key_is_named_without_what_is_in_it(data, home):
    path = home / ".super.tech" / "superstaq_api_key"
    path.parent.mkdir()
    path.write_bytes(data)
    with pytest.raises(sj.ConfigurationError, match="superstaq_api_key") as caught:
        locate_api_key(None, environ=os.environ.get, home=home)
    assert "clef" not in str(caught.value)
    assert "the-key" not in str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r", " ", "\r\n"])
def test_white_space_around_a_variable_of_the_environment_is_not_part_of_it(end, monkeypatch):
    monkeypatch.setenv("SUPERSTAQ_API_KEY", f"the-key{end}")
    monkeypatch.setenv("SUPERSTAQ_REMOTE_HOST", f"http://127.0.0.1:9{end}")
    monkeypatch.setenv("SUPERSTAQ_API_VERSION", f"v0.2.0{end}")
    transport = ScriptedTransport([json_response({"email": "a@b.co", "balance": 1.0})])
    client = sj.SuperstaqClient(transport=transport)
    assert client.api.version == "v0.2.0"
    assert client.remote_host == "http://127.0.0.1:9"
    sj.fetch_balance(client)
    assert dict(transport.requests[0].headers)["Authorization"] == sj.Secret("the-key")
    for empty in ("SUPERSTAQ_REMOTE_HOST", "SUPERSTAQ_API_VERSION"):
        monkeypatch.setenv(empty, end)
    assert sj.SuperstaqClient().api.version == "v0.3.0"


# ---- mistakes whose way out is near --------------------------------------------------------------


@pytest.mark.parametrize("version", ["v0.3.0", "v0.2.0"])
def test_what_has_an_id_is_not_one_and_the_error_says_how_to_get_it(version):
    old, new = OldServer(a="Done").client(), client_on(ScriptedTransport())
    client = new if version == "v0.3.0" else old
    handle = sj.JobHandle(client, JOB)
    for wrong, way in ((handle, "its .job_id()"), (job("failed"), "its .job_id")):
        for call in (
            lambda wrong=wrong: sj.fetch_job(client, wrong),
            lambda wrong=wrong: sj.fetch_jobs(client, [wrong]),
            lambda wrong=wrong: sj.cancel_jobs(client, [wrong]),
            lambda wrong=wrong: sj.JobHandle(client, wrong),
        ):
            with pytest.raises(sj.InvalidRequest) as caught:
                call()
            assert str(caught.value).endswith(f": pass {way}")


@pytest.mark.parametrize(
    ("given", "way"),
    [
        ({"status": "running"}, "pass ['running']"),
        ({"tags": "week-18"}, "pass ['week-18']"),
        ({"submitted_after": "2026-05-01"}, "pass datetime.datetime("),
        ({"submitted_before": dt.date(2026, 5, 1)}, "pass datetime.datetime("),
    ],
)
def test_a_condition_that_is_nearly_right_is_told_how_it_is_written(given, way):
    with pytest.raises(sj.InvalidRequest) as caught:
        sj.JobQuery(**given)
    assert way in str(caught.value)
