"""``OfflineClient``: fetching, querying and waiting without a network."""

from __future__ import annotations

import asyncio
import datetime as dt
import pickle
import socket
import time
from uuid import UUID

import attrs
import pytest
from emulators import emulate, simulator  # noqa: F401 - fixtures
from servers import OldServer
from worlds import JOB, OTHER, job

import superstaq_jobs as sj

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
NEW = sj.NewJob(target="ss_unconstrained_simulator", circuits="OPENQASM 2.0;", shots=10)


def seen(snapshot, minute=0):
    source = "https://superstaq.example.com"
    return attrs.evolve(snapshot, fetched_at=START + dt.timedelta(minutes=minute), source=source)


RUNNING, DONE = seen(job("running")), seen(job("completed"), 5)
STUCK = seen(job("running", job_id=OTHER))


@pytest.fixture
def archive(tmp_path):
    with sj.SnapshotArchive(tmp_path / "study.db") as made:
        made.record_all([RUNNING, DONE, STUCK])
        yield made


@pytest.fixture
def client(archive, monkeypatch):
    def refuse(*_, **__):
        pytest.fail("a socket was connected")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return sj.OfflineClient(archive)


def handle(client, job_id=JOB):
    return sj.JobHandle(client, job_id)


READS = {
    "fetch_job": lambda client: [sj.fetch_job(client, JOB)],
    "query_jobs": lambda client: sj.query_jobs(client, sj.JobQuery(status=["completed"])),
    "refresh": lambda client: [handle(client).refresh()],
    "wait": lambda client: [handle(client).wait_until_complete()],
    "wait_async": lambda client: [asyncio.run(handle(client).wait_until_complete_async())],
    "wait_all": lambda client: sj.wait_all([handle(client)]),
    "as_completed": lambda client: list(sj.as_completed([handle(client)])),
    "twice": lambda client: (
        sj.fetch_jobs(client, [JOB, JOB])[:1] + sj.fetch_jobs(client, [JOB])[1:]
    ),
}


@pytest.mark.parametrize("read", READS)
def test_what_was_archived_is_returned_as_it_was(client, read):
    (found,) = READS[read](client)
    assert found == DONE
    assert (found.fetched_at, found.source) == (DONE.fetched_at, DONE.source)
    assert client.traffic.requests == 0


def test_results_as_of_a_moment(archive):
    client = sj.OfflineClient(archive, as_of=START + dt.timedelta(minutes=1))
    assert sj.fetch_job(client, JOB) == RUNNING
    assert len(sj.query_jobs(client, sj.JobQuery(status=["running"]))) == 2
    before = sj.OfflineClient(archive, as_of=START - dt.timedelta(minutes=1))
    with pytest.raises(sj.JobsNotFound, match=r"the archive .*study\.db does not have job"):
        sj.fetch_job(before, JOB)


def test_a_wait_on_an_unfinished_job_does_not_spin(client):
    began = time.monotonic()
    with pytest.raises(sj.OfflineError, match="will not go on in an archive") as caught:
        handle(client, OTHER).wait_until_complete()
    assert caught.value.found == (STUCK,)
    assert time.monotonic() - began < 3
    assert client.traffic.calls == 2


def test_a_wait_on_many_jobs_gives_those_that_finished(client):
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all([handle(client), handle(client, OTHER)])
    assert caught.value.found == (DONE,)
    assert isinstance(caught.value.errors[OTHER], sj.OfflineError)


def test_a_wait_that_polls_once_times_out_as_ever(client):
    with pytest.raises(sj.WaitTimeout) as caught:
        handle(client, OTHER).wait_until_complete(timeout_seconds=0)
    assert caught.value.snapshot == STUCK


def test_jobs_that_the_archive_does_not_have(client):
    unknown = UUID(int=99)
    with pytest.raises(sj.JobsNotFound, match=r"the archive .* nothing was sent") as caught:
        sj.fetch_jobs(client, [JOB, unknown])
    assert caught.value.missing == (unknown,)
    assert caught.value.found == (DONE,)
    with pytest.raises(sj.JobsUnsettled) as caught:
        sj.wait_all([handle(client), handle(client, unknown)])
    assert caught.value.found == (DONE,)
    assert "the archive" in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: sj.submit_job(client, NEW),
        lambda client: sj.submit_job(client, NEW, submission_key="k"),
        lambda client: sj.JobHandle.submit(client, NEW),
        lambda client: sj.cancel_jobs(client, [JOB]),
        lambda client: handle(client, OTHER).cancel(),
        sj.fetch_targets,
        lambda client: sj.fetch_target_info(client, "ibmq_fez_qpu"),
        sj.fetch_balance,
        lambda client: client.send(
            sj.SuperstaqClient("key", "http://localhost").api.fetch_balance()
        ),
    ],
)
def test_what_needs_a_server_is_refused(archive, call):
    client = sj.OfflineClient(archive)
    with pytest.raises(sj.OfflineError, match="Nothing was sent"):
        call(client)


def test_formats(archive):
    assert sj.OfflineClient(archive).circuit_type == "qasm"
    cirq = attrs.evolve(DONE, circuit_type="cirq", job_id=OTHER)
    archive.forget([JOB, OTHER])
    archive.record(cirq)
    client = sj.OfflineClient(archive)
    assert client.circuit_type == "cirq"
    assert sj.fetch_job(client, OTHER) == cirq
    archive.record(DONE)
    client = sj.OfflineClient(archive)
    assert client.circuit_type == "qasm"
    with pytest.raises(sj.OfflineError, match=r"in cirq only, not in qasm.*circuit_type='cirq'"):
        sj.fetch_job(client, OTHER)
    assert sj.fetch_job(client, OTHER, circuit_type="cirq") == cirq
    assert sj.query_jobs(client, sj.JobQuery()) == (DONE,)


def test_jobs_of_v0_2_0(tmp_path):
    with sj.SnapshotArchive(tmp_path / "old.db") as archive:
        server = OldServer(a="Done", b="Done")
        fetched = sj.fetch_job(server.client(recorder=archive), "a,b")
        client = sj.OfflineClient(archive)
        assert client.api.version == "v0.2.0"
        assert sj.fetch_job(client, "a,b") == fetched
        assert handle(client, "a,b").wait_until_complete() == fetched
        with pytest.raises(sj.InvalidRequest, match=r"v0\.2\.0 can fetch jobs only by their ids"):
            sj.query_jobs(client, sj.JobQuery())
        with pytest.raises(sj.JobsNotFound):
            sj.fetch_job(client, "a")
        archive.record(DONE)
        assert sj.OfflineClient(archive).api.version == "v0.3.0"
        both = sj.OfflineClient(archive, api_version="v0.2.0")
        assert sj.fetch_job(both, "a,b") == fetched
        with pytest.raises(sj.JobsNotFound):
            sj.fetch_job(both, str(JOB))


def test_it_pickles_and_shows_itself(archive):
    client = sj.OfflineClient(archive, as_of=START)
    again = pickle.loads(pickle.dumps(client))
    assert sj.fetch_job(again, JOB) == RUNNING
    assert repr(client) == f"OfflineClient({archive!r}, api_version='v0.3.0')"
    assert client.remote_host == archive.path.as_uri()
    with client:
        pass
    assert sj.fetch_job(client, JOB) == RUNNING
    held = pickle.loads(pickle.dumps(handle(client)))
    assert held.client.circuit_type == "qasm"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"archive": "study.db"}, sj.InvalidValue),
        ({"as_of": START.replace(tzinfo=None)}, sj.InvalidValue),
        ({"circuit_type": "quil"}, sj.ConfigurationError),
        ({"api_version": "v1"}, sj.ConfigurationError),
    ],
)
def test_arguments_are_checked(archive, arguments, kind):
    given = {"archive": archive} | arguments
    with pytest.raises(kind):
        sj.OfflineClient(given.pop("archive"), **given)


def test_a_server_sees_no_request_of_an_offline_client(tmp_path, emulate):  # noqa: F811
    """What the recorder of a real client has archived, read while the server counts requests."""
    server = emulate()
    with sj.SnapshotArchive(tmp_path / "study.db") as archive:
        with sj.SuperstaqClient(server.api_key, server.url, recorder=archive) as client:
            submitted = sj.JobHandle.submit(client, NEW)
            submitted.wait_until_complete(timeout_seconds=60, polling_seconds=0.05)
            requests = client.traffic.requests
        offline = sj.OfflineClient(archive)
        found = sj.JobHandle(offline, submitted.job_id()).wait_until_complete()
        assert found == submitted.latest
        assert found.age(found.fetched_at) == dt.timedelta(0)
        assert client.traffic.requests == requests
