"""Mistakes that are easy to make: the error says what to do, and nothing is sent."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
from servers import OldServer
from worlds import HOST, JOB, KEY, client_on, job

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator
from superstaq_jobs.testing import ScriptedTransport, jobs_response

JOB_ARGUMENTS = {"target": "ibmq_fez_qpu", "circuits": "OPENQASM 2.0;", "shots": 1}


@pytest.mark.parametrize(
    ("given", "way"),
    [
        ({"method": "sim"}, "NewJob.for_method"),
        ({"repetitions": 10}, "Pass shots instead"),
        ({"tag": "x"}, "Pass tags"),
        ({"options": {}}, "Pass options_dict"),
    ],
)
def test_arguments_of_the_official_services_name_their_counterpart(given, way):
    for make in (sj.NewJob, sj.new_job):
        with pytest.raises(TypeError, match=r"Nothing was sent\.") as caught:
            make(**JOB_ARGUMENTS, **given)
        assert way in str(caught.value)
        assert next(iter(given)) in str(caught.value)


def test_the_data_of_one_job_needs_its_id():
    body = json.dumps(job("completed").to_dict()).encode()
    with pytest.raises(sj.ProtocolError, match=r"one job, without its id: pass \{job_id: data\}"):
        sj.decode_jobs(body)
    one = json.dumps(OldServer(a="Done").circuits["a"]).encode()
    with pytest.raises(sj.ProtocolError, match=r"one circuit, without its id: pass \{circuit_id"):
        sj.decode_jobs(one, api_version="v0.2.0")


def test_a_handle_in_place_of_a_snapshot_is_told_where_its_snapshot_is():
    handle = sj.JobHandle(client_on(ScriptedTransport()), JOB)
    for call in (sj.encode_jobs, lambda both: sj.diff(*both), lambda both: sj.newest(*both)):
        with pytest.raises(TypeError, match=r"must be a JobSnapshot.*handle\.latest"):
            call([handle, handle])


@pytest.mark.parametrize("port", ["8080", 8080.0, True, None, -1, 70_000])
def test_a_port_is_a_number(port):
    with pytest.raises(sj.InvalidValue, match="port: must be a number from 0 to 65535"):
        Emulator(port=port)


def test_a_closed_client_says_so():
    client = sj.SuperstaqClient(KEY, "http://127.0.0.1:9")
    client.close()
    with pytest.raises(sj.ConfigurationError, match=r"client, or its transport, has been closed"):
        sj.fetch_balance(client)


@pytest.mark.parametrize("path", ["/api", "/v0.3.0/", "?a=1", "#x"])
def test_what_follows_the_host_is_dropped_with_a_warning(path):
    with pytest.warns(sj.SuperstaqWarning, match=f"only {HOST} of remote_host is used"):
        client = sj.SuperstaqClient(KEY, HOST + path, transport=ScriptedTransport())
    assert client.remote_host == HOST


def test_a_slash_after_the_host_is_no_path():
    assert sj.SuperstaqClient(KEY, f"{HOST}/", transport=ScriptedTransport()).remote_host == HOST


def test_tls_to_a_server_of_plain_http_is_recognized():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with sj.SuperstaqClient(KEY, url) as client, pytest.raises(sj.TlsError) as caught:
            sj.fetch_balance(client)
        thread.join()
    assert "does not speak TLS" in str(caught.value)
    assert "http:// instead of https://" in str(caught.value)
    assert "ca_certs" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["api_key", "remote_host", "api_version", "ibmq_token", "cq_token", "client_name"]
)
@pytest.mark.parametrize("given", [np.array([1, 2]), np.array(["a", "b"]), 5, [], object()])
def test_an_argument_of_a_client_that_is_not_a_string_is_named(name, given):
    arguments = {"api_key": KEY, "remote_host": HOST, name: given}
    with pytest.raises(sj.ConfigurationError, match=f"{name} must be .* Nothing was sent"):
        sj.SuperstaqClient(**arguments, transport=ScriptedTransport())


@pytest.mark.parametrize("origin", [HOST, "http://127.0.0.1:1"])
@pytest.mark.parametrize("given", [True, 5, [], b"a", np.array([1, 2]), object()])
def test_certificates_that_are_not_a_path_are_named(origin, given):
    with pytest.raises(sj.ConfigurationError, match=r"ca_certs must be a path.* Nothing was sent"):
        sj.SuperstaqClient(KEY, origin, ca_certs=given)


# ---- without a key -------------------------------------------------------------------------------

READ = """
import pickle, sys
import superstaq_jobs as sj

handle = pickle.loads(sys.stdin.buffer.read())
assert handle.latest.counts(0) == {"00": 4, "11": 6}
assert handle.refresh() is handle.job_data is handle.wait_until_complete() is handle.latest
assert sj.wait_all([handle]) == (handle.latest,)
assert handle.status().is_terminal
assert handle.tags and handle.metadata and handle.target() and handle.to_dict()
assert pickle.loads(pickle.dumps(handle)) == handle
assert not handle.cancel().cancelled
try:
    sj.fetch_job(handle.client, handle.job_id())
except sj.ApiKeyNotFound as error:
    assert "nothing was sent" in str(error)
else:
    raise AssertionError("a request was sent without a key")
assert handle.client.traffic.requests == 0
print("read")
"""


def test_a_handle_of_a_finished_job_is_read_without_a_key(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERSTAQ_API_KEY", KEY)
    client = sj.SuperstaqClient(remote_host=HOST)
    handle = sj.JobHandle(client, JOB)
    seen = sj.JobHandle(client_on(ScriptedTransport([jobs_response(job("completed"))])), JOB)
    sj.handle.latest_of(handle).advance(seen.refresh(), responses_before=0)
    without = {n: v for n, v in os.environ.items() if not n.startswith(("SUPERSTAQ", "XDG"))}
    done = subprocess.run(
        [sys.executable, "-c", READ],
        input=pickle.dumps(handle),
        env=without | {"HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert done.stdout == b"read\n", done.stderr.decode()


def test_a_key_that_is_there_later_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("SUPERSTAQ_API_KEY", "first")
    data = pickle.dumps(sj.SuperstaqClient(remote_host="http://127.0.0.1:9"))
    monkeypatch.delenv("SUPERSTAQ_API_KEY")
    client = pickle.loads(data)
    with pytest.raises(sj.ApiKeyNotFound):
        sj.fetch_balance(client)
    monkeypatch.setenv("SUPERSTAQ_API_KEY", "second")
    with pytest.raises(sj.TransportError, match="refused"):
        sj.fetch_balance(client)
