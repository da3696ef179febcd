"""A client's recorder: everything that is learned is recorded before the caller gets it."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import threading
import warnings

import attrs
import pytest
from servers import OldServer, circuit
from worlds import JOB, KEY, OTHER, client_on, in_full, job

import superstaq_jobs as sj
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response, json_response

NEW = sj.NewJob(target="ss_unconstrained_simulator", circuits="OPENQASM 2.0;", shots=10)
RECEIVED, RUNNING, DONE = job("received"), job("running"), job("completed")


class Diary:
    """A recorder that keeps what it is called with."""

    def __init__(self, error=None):
        self.calls = []
        self.expected = []
        self.threads = set()
        self.error = error

    def record_all(self, snapshots, /):
        self.calls.append(list(snapshots))
        self.threads.add(threading.current_thread())
        if self.error is not None:
            raise self.error

    def expect(self, job_id, /, *, circuit_type, at):
        self.expected.append((job_id, circuit_type, at))
        if self.error is not None:
            raise self.error


def scripted(recorder, *steps, **options):
    return client_on(ScriptedTransport(steps), recorder=recorder, **options)


READS = {
    "fetch_job": lambda client: [sj.fetch_job(client, JOB)],
    "fetch_jobs": lambda client: sj.fetch_jobs(client, [JOB]),
    "query_jobs": lambda client: sj.query_jobs(client, sj.JobQuery()),
    "refresh": lambda client: [sj.JobHandle(client, JOB).refresh()],
    "status": lambda client: [(h := sj.JobHandle(client, JOB)).status() and h.latest],
    "wait": lambda client: [sj.JobHandle(client, JOB).wait_until_complete()],
    "wait_async": lambda client: [
        asyncio.run(sj.JobHandle(client, JOB).wait_until_complete_async())
    ],
    "wait_all": lambda client: sj.wait_all([sj.JobHandle(client, JOB)]),
    "as_completed": lambda client: list(sj.as_completed([sj.JobHandle(client, JOB)])),
    "watch": lambda client: [after for _, after in sj.watch([sj.JobHandle(client, JOB)])],
}


@pytest.mark.parametrize("read", READS)
def test_what_is_returned_was_recorded(read):
    diary = Diary()
    returned = READS[read](scripted(diary, jobs_response(DONE)))
    assert diary.calls == [list(returned)]
    assert diary.calls[0][0].fetched_at is not None
    assert diary.calls[0][0] is returned[0]


@pytest.mark.parametrize("read", READS)
def test_an_error_of_the_recorder_is_raised_with_what_the_server_said(read):
    failure = sj.ArchiveWriteFailed("the disk is full")
    with pytest.raises(sj.ArchiveWriteFailed) as caught:
        READS[read](scripted(Diary(failure), jobs_response(DONE)))
    assert caught.value is failure
    assert [*failure.value] == [DONE]


def test_a_wait_records_changes_and_not_polls():
    diary = Diary()
    script = [RECEIVED, RECEIVED, RUNNING, RUNNING, RUNNING, DONE]
    client = scripted(diary, *map(jobs_response, script))
    handle = sj.JobHandle(client, JOB)
    handle.wait_until_complete()
    assert [snapshot for (snapshot,) in diary.calls] == [RECEIVED, RUNNING, DONE]


def test_responses_of_many_jobs_are_recorded_in_one_call_each():
    diary = Diary()
    one, other = job("running"), job("running", job_id=OTHER)
    done = job("completed", job_id=OTHER)
    client = scripted(
        diary,
        jobs_response(one, other),
        jobs_response(one, done),
        jobs_response(DONE),
    )
    sj.wait_all([sj.JobHandle(client, JOB), sj.JobHandle(client, OTHER)])
    assert diary.calls == [[one, other], [one, done], [DONE]]
    assert diary.calls[0][0] is diary.calls[1][0]


def test_a_restored_handle_records_what_it_knows_with_the_time_when_it_was_new():
    diary = Diary()
    known = attrs.evolve(RUNNING, fetched_at=FakeClock().utcnow())
    client = scripted(diary, jobs_response(RUNNING), jobs_response(DONE))
    handle = sj.JobHandle.from_snapshot(client, known)
    assert handle.latest is known
    assert handle.wait_until_complete() == DONE
    assert diary.calls[0][0] is known


def test_a_coroutines_waits_record_in_the_thread_that_sent_the_request():
    diary = Diary()
    client = scripted(diary, jobs_response(DONE))
    asyncio.run(sj.JobHandle(client, JOB).wait_until_complete_async())
    assert threading.current_thread() not in diary.threads or len(diary.threads) == 1


def test_jobs_that_could_be_read_are_recorded_if_others_could_not():
    diary = Diary()
    broken = jobs_response(DONE, job("completed", job_id=OTHER))
    broken = attrs.evolve(
        broken, body=broken.body.replace(str(OTHER).encode() + b'":{', b'x":{"a":1,')
    )
    with pytest.raises(sj.ProtocolError) as caught:
        sj.fetch_jobs(scripted(diary, broken), [JOB, OTHER])
    assert caught.value.found == (DONE,)
    assert diary.calls == [[DONE]]


def test_what_was_fetched_before_an_error_is_recorded():
    diary = Diary()
    with pytest.raises(sj.JobsNotFound):
        sj.fetch_jobs(scripted(diary, jobs_response(DONE)), [JOB, OTHER])
    assert diary.calls == [[DONE]]


# ---- submissions ---------------------------------------------------------------------------------

ACCEPTED = json_response({"job_id": str(JOB), "num_circuits": 1})


@pytest.mark.parametrize(
    "submit",
    [
        lambda client, new: sj.submit_job(client, new).job_id,
        lambda client, new: sj.JobHandle.submit(client, new).job_id(),
    ],
)
def test_an_accepted_submission_is_expected(submit):
    diary, clock = Diary(), FakeClock()
    client = scripted(diary, ACCEPTED, clock=clock)
    new = attrs.evolve(NEW, circuit_type="jaqal")
    assert submit(client, new) == JOB
    assert diary.expected == [(JOB, sj.CircuitType.JAQAL, clock.utcnow())]


def test_an_accepted_submission_that_cannot_be_recorded_is_not_lost():
    failure = sj.ArchiveBusy("busy")
    with pytest.raises(sj.ArchiveBusy) as caught:
        sj.submit_job(scripted(Diary(failure), ACCEPTED), NEW)
    assert caught.value.value.job_id == JOB


def test_it_is_expected_before_a_warning_becomes_an_error():
    diary = Diary()
    response = json_response(
        {"job_id": str(JOB), "num_circuits": 1, "warnings": [{"message": "soon"}]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(sj.SuperstaqWarning):
            sj.submit_job(scripted(diary, response), NEW)
    assert [job_id for job_id, *_ in diary.expected] == [JOB]


def test_a_refused_submission_is_not_expected():
    diary = Diary()
    with pytest.raises(sj.SuperstaqServerException):
        sj.submit_job(scripted(diary, json_response({"message": "no"}, status=400)), NEW)
    assert diary.expected == []


def test_an_adopted_job_is_recorded():
    diary = Diary()
    adopted = attrs.evolve(job("running"), tags=["submission-key:k"], job_type="submit")
    receipt = sj.submit_job(scripted(diary, jobs_response(adopted)), NEW, submission_key="k")
    assert receipt.adopted
    assert diary.calls == [[adopted]]


# ---- API v0.2.0 ----------------------------------------------------------------------------------


def test_a_job_of_several_circuits_is_recorded_as_a_whole():
    server, diary = OldServer(a="Done", b="Running"), Diary()
    client = server.client(recorder=diary)
    (fetched,) = sj.fetch_jobs(client, ["a,b"])
    assert diary.calls == [[fetched]]
    handle = sj.JobHandle(client, "a,b")
    handle.refresh()
    server.circuits["b"] = {"status": "Done"}
    assert handle.refresh().is_terminal
    assert server.asked()[-1] == ["b"]  # only a part of the job is requested
    assert [snapshot.job_id for (snapshot,) in diary.calls] == ["a,b"] * 3
    assert diary.calls[-1] == [handle.latest]


@pytest.mark.parametrize("restored", [False, True])
def test_a_wait_for_a_part_of_a_job_records_the_whole(restored):
    server, diary = OldServer(a="Done", b="Running"), Diary()
    client = server.client(recorder=diary)
    handle = sj.JobHandle(client, "a,b")
    if restored:
        handle = sj.JobHandle.from_snapshot(client, handle.refresh())

    def finish(*_):
        server.circuits["b"] = {"status": "Done"}

    if restored:
        finish()
    final = handle.wait_until_complete(on_change=finish, timeout_seconds=60)
    assert final.is_terminal
    assert diary.calls[-1] == [final]
    assert {snapshot.job_id for call in diary.calls for snapshot in call} == {"a,b"}


# ---- the client ----------------------------------------------------------------------------------


def test_what_cannot_record_is_refused():
    with pytest.raises(sj.ConfigurationError, match="recorder must be a SnapshotArchive"):
        client_on(ScriptedTransport(), recorder="study.db")


def test_a_pickled_client_keeps_its_recorder(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERSTAQ_API_KEY", "key")
    with sj.SnapshotArchive(tmp_path / "study.db") as archive:
        client = sj.SuperstaqClient("key", "http://localhost", recorder=archive)
        assert client.recorder is archive
        assert copy.deepcopy(client).recorder is archive
        again = pickle.loads(pickle.dumps(client))
        assert again.recorder.path == archive.path
        again.close()
        client.close()


# ---- going on after a crash ----------------------------------------------------------------------


def test_a_study_goes_on_where_it_was(tmp_path):
    path = tmp_path / "study.db"
    with sj.SnapshotArchive(path) as archive:
        client = scripted(archive, ACCEPTED, jobs_response(job("running", job_id=OTHER)))
        sj.submit_job(client, attrs.evolve(NEW, circuit_type="jaqal"))
        sj.fetch_job(client, OTHER)
    with sj.SnapshotArchive(path) as archive:
        done = job("completed", job_id=OTHER)
        jaqal = attrs.evolve(DONE, circuit_type="jaqal")
        client = scripted(archive, jobs_response(jaqal), jobs_response(done))
        handles = sj.resume(client, archive)
        assert [(h.job_id(), h.circuit_type, h.latest) for h in handles] == [
            (JOB, "jaqal", None),
            (OTHER, "qasm", job("running", job_id=OTHER)),
        ]
        assert sj.wait_all(handles) == (jaqal, done)
        assert sj.resume(client, archive) == ()
        assert archive.latest(JOB) == jaqal
        assert [each.status for each in archive.history(OTHER)] == ["running", "completed"]
        with pytest.raises(sj.InvalidValue, match="archive: must be a SnapshotArchive"):
            sj.resume(client, path)


def test_jobs_of_the_other_version_are_left_out(tmp_path):
    with sj.SnapshotArchive(tmp_path / "study.db") as archive:
        server = OldServer(a="Running")
        old = server.client(recorder=archive)
        sj.fetch_job(old, "a")
        archive.expect("b", circuit_type=sj.CircuitType.CIRQ, at=FakeClock().utcnow())
        new = scripted(archive, jobs_response(RUNNING))
        sj.fetch_job(new, JOB)
        assert [each.job_id() for each in sj.resume(old, archive)] == ["a", "b"]
        assert [each.job_id() for each in sj.resume(new, archive)] == [JOB]


def test_a_handle_from_a_snapshot_of_the_other_version_is_refused():
    old = sj.fetch_job(OldServer(a="Running").client(), "a")
    for snapshot in (old, "a snapshot"):
        with pytest.raises(sj.InvalidRequest, match="nothing was sent"):
            sj.JobHandle.from_snapshot(scripted(None), snapshot)
    new = OldServer().client()
    with pytest.raises(sj.InvalidRequest, match="another version of the API"):
        sj.JobHandle.from_snapshot(new, DONE)


# ---- secrets -------------------------------------------------------------------------------------


def test_a_key_that_the_server_echoes_is_in_nothing_that_is_kept(tmp_path):
    token, cq = "token-of-a-provider", {"access_token": "cq-token-of-the-tests"}
    secrets = (KEY, token, cq["access_token"])
    planted = attrs.evolve(
        job("failed"),
        tags=[f"tag {KEY}"],
        metadata={token: [KEY, cq["access_token"] * 20]},
        circuits=[attrs.evolve(job("failed").circuits[0], status_message=f"who is {KEY}? {token}")],
    )
    path = tmp_path / "study.db"
    with sj.SnapshotArchive(path) as archive:
        client = scripted(
            archive, jobs_response(planted), ibmq_token=token, ibmq_channel="ibm_cloud", cq_token=cq
        )
        found = sj.fetch_job(client, JOB)
        archive.export_jsonl(tmp_path / "study.jsonl")
        sj.lock(tmp_path / "study.lock", [found])
        with archive._file.reading() as raw:
            written = [bytes(each) for (each,) in raw.execute("SELECT body FROM value")]
    from superstaq_jobs.archive.pieces import unpack

    kept = [each.read_bytes() for each in tmp_path.iterdir()] + [*map(unpack, written)]
    kept += [repr(found).encode(), found._repr_html_().encode(), str(found.to_dict()).encode()]
    assert not [secret for secret in secrets for each in kept if secret.encode() in each]
    assert found.circuits[0].status_message == "who is ***? ***"


SPELLINGS = {
    "as it is": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "in ASCII": lambda text: json.dumps(text)[1:-1],
    "with escaped slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "escaped": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "escaped, in upper case": lambda text: "".join(f"\\u{ord(c):04X}" for c in text),
    "in part": lambda text: "".join(
        f"\\u{ord(c):04x}" if c in "-0aé/" else json.dumps(c)[1:-1] for c in text
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("secret", ["key-0a/b+c==", "k\"e\\y-0a'<&>"])
@pytest.mark.parametrize("api_version", ["v0.3.0", "v0.2.0"])
def test_nor_is_one_that_it_escapes(tmp_path, api_version, secret, spelling):
    ids, status = [JOB], "failed"
    if api_version == "v0.2.0":
        ids, status = ["a"], "Failed"
        body = json_response(
            {"a": {**circuit(status), "more": ["PLANT", {"PLANT": "\\PLANT"}]}}
        ).body
    else:
        planted = attrs.evolve(
            job(status),
            tags=["a PLANT b", "\\PLANT"],
            metadata={"PLANT": ["PLANT"]},
            extra={"new": {"PLANT": "PLANT\n\\\\PLANT"}},
            circuits=[attrs.evolve(job(status).circuits[0], status_message='who is "PLANT"?')],
        )
        body = jobs_response(planted).body
    spelled = SPELLINGS[spelling](secret).encode()
    response = sj.Response(status=200, body=body.replace(b"PLANT", spelled))
    with sj.SnapshotArchive(tmp_path / "study.db") as archive:
        client = sj.SuperstaqClient(
            *("another-key", "https://superstaq.example"),
            api_version=api_version,
            cq_token={"token": secret},
            recorder=archive,
            transport=ScriptedTransport([response]),
            clock=FakeClock(),
        )
        (found,) = sj.fetch_jobs(client, ids)
        archive.export_jsonl(tmp_path / "study.jsonl")
        assert archive.latest(ids[0]) == found
    shown = in_full(found) + (tmp_path / "study.jsonl").read_text(encoding="utf-8")
    assert "***" in shown
    for written in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1]):
        assert written not in shown


def test_what_is_escaped_without_a_secret_is_read_as_it_is():
    message = '\u007f \\u006b \\\\/ / \u00e9 \U0001f600 "\n'
    failed = attrs.evolve(job("failed").circuits[0], status_message=message)
    body = json.dumps(
        json.loads(jobs_response(attrs.evolve(job("failed"), circuits=[failed])).body)
    )
    response = sj.Response(status=200, body=body.replace("/", "\\/").encode())
    assert sj.fetch_job(scripted(None, response), JOB).circuits[0].status_message == message
    echoed = body.replace("failed", f"failed {KEY}".replace("-", "\\u002d")).encode()
    client = scripted(None, sj.Response(status=200, body=echoed))
    with pytest.warns(sj.SuperstaqWarning, match="failed"):
        found = sj.fetch_job(client, JOB).circuits[0]
    assert (found.status_message, found.status_text) == (message, "failed ***")
