"""A job's life as an observer sees it, by a clock that the test moves; and the server's own."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from superstaq_jobs.emulator import Emulator, Simulator
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import may_become
from superstaq_jobs.testing import FakeClock

Q2 = 'OPENQASM 2.0; include "qelib1.inc"; '
BELL = Q2 + "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q->c;"
BROKEN = Q2 + "qreg q[2]; frobnicate q[0];"

Fetch = Callable[..., dict[str, Any]]


SUBMITTED = ["received", "awaiting_compile", "compiling", "awaiting_submission", "pending"]
PATHS = {
    "submit": ({}, [*SUBMITTED, "running", "completed"]),
    "dry run": ({"dry_run": True}, [*SUBMITTED, "running", "completed"]),
    "simulate": (
        {"job_type": "simulate"},
        [*SUBMITTED[:3], "awaiting_simulation", "simulating", "completed"],
    ),
    "compile": ({"job_type": "compile"}, [*SUBMITTED[:3], "completed"]),
    "verbatim": (
        {"verbatim": True},
        ["received", "awaiting_submission", "pending", "running", "completed"],
    ),
}


@pytest.mark.parametrize(("fields", "path"), PATHS.values(), ids=PATHS)
def test_an_observer_sees_every_status_of_the_path(
    *,
    emulate: Callable[..., Emulator],
    submit: Callable[..., str],
    fetch: Fetch,
    settled: Callable[[], None],
    clock: Any,
    fields: dict[str, Any],
    path: list[str],
):
    server = emulate(clock=clock, step_seconds=10)
    job_id = submit(server, BELL, BELL, BROKEN, **fields)
    settled()
    looks = []
    while not looks or not set(looks[-1]["statuses"]) <= {"completed", "failed"}:
        looks.append(fetch(server, job_id))
        clock.advance(1)
        assert len(looks) < 1_000
    for index in range(3):
        seen = [look["statuses"][index] for look in looks]
        steps = [status for status, _ in itertools.groupby(seen)]
        if index < 2:
            assert steps == path
        else:
            where = path.index("compiling") if "compiling" in path else len(path) - 2
            assert steps == [*path[: where + 1], "failed"]
        for before, after in itertools.pairwise(seen):
            assert may_become(CircuitStatus(before), CircuitStatus(after))
        stamps = [look["last_updated_timestamp"][index] for look in looks]
        assert stamps == sorted(stamps)
    assert any(len(set(look["statuses"][:2])) == 2 for look in looks), "all at the same pace"
    for look, index in itertools.product(looks, (0, 1)):
        status = CircuitStatus(look["statuses"][index])
        has_counts = fields.get("job_type") != "compile" and status == "completed"
        assert (look["counts"][index] is not None) == has_counts
        assert (look["compiled_circuits"][index] is not None) == status.is_compiled
        at_provider = not fields and status in {"pending", "running", "completed"}
        assert (look["provider_id"][index] is not None) == (
            at_provider or ("verbatim" in fields and status in {"pending", "running", "completed"})
        )
    assert fetch(server, job_id) == looks[-1]


def test_a_clock_that_goes_back_moves_nothing(
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Fetch,
    settled: Callable[[], None],
):  # fmt: skip
    class Unsteady(FakeClock):
        back = 0.0

        def now(self) -> float:
            return super().now() - self.back

    clock = Unsteady()
    server = emulate(clock=clock, step_seconds=10)
    job_id = submit(server, BELL)
    settled()
    clock.advance(1_000)
    over = fetch(server, job_id)
    assert over["statuses"] == ["completed"]
    clock.back = 995
    assert fetch(server, job_id) == over


def test_cancel_ends_what_is_not_over(
    *,
    emulate: Callable[..., Emulator], submit: Callable[..., str], fetch: Fetch, ask: Any,
    settled: Callable[[], None], clock: Any,
):  # fmt: skip
    server = emulate(clock=clock, step_seconds=10)
    job_id = submit(server, *[BELL] * 6, job_type="compile")
    settled()
    while fetch(server, job_id)["statuses"].count("completed") == 0:
        clock.advance(0.5)
    before = fetch(server, job_id)
    assert set(before["statuses"]) > {"completed"}
    answer = ask(server, "PUT", "/client/cancel_jobs", {"job_id": [job_id]})
    assert answer.json["succeeded"] == [job_id]
    after = fetch(server, job_id)
    assert set(after["statuses"]) == {"completed", "cancelled"}
    for index, status in enumerate(before["statuses"]):
        if status == "completed":
            assert after["statuses"][index] == "completed"
            assert after["status_messages"][index] is None
        else:
            assert after["statuses"][index] == "cancelled"
            assert "user@emulator.example.com" in after["status_messages"][index]
            assert after["compiled_circuits"][index] is None
    clock.advance(1_000)
    assert fetch(server, job_id) == after
    again = ask(server, "PUT", "/client/cancel_jobs", {"job_id": [job_id]})
    assert again.json["succeeded"] == []
    assert "already over" in again.json["message"]


def test_what_is_cancelled_before_its_turn_is_never_run(
    *,
    emulate: Callable[..., Emulator], submit: Callable[..., str], ask: Any, simulator: Simulator,
    settled: Callable[[], None], fetch: Fetch,
):  # fmt: skip
    gate = threading.Event()
    simulator._runs._put(gate.wait)
    server = emulate(step_seconds=0)
    job_id = submit(server, BELL)
    ask(server, "PUT", "/client/cancel_jobs", {"job_id": [job_id]})
    gate.set()
    settled()
    assert fetch(server, job_id)["statuses"] == ["cancelled"]
    assert fetch(server, job_id)["counts"] == [None]


# --- the server


def test_stop_leaves_no_thread_and_closes_the_port(ask: Any):
    before = set(threading.enumerate())
    server = Emulator(warm_up=True)
    server.stop()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = server.url
    assert "not started" in repr(server)
    with pytest.raises(RuntimeError, match="only once"):
        server.start()
    server = Emulator(warm_up=True)
    assert server.start() is server
    assert server.url in repr(server)
    assert ask(server, "GET", "/client/balance").status == 200
    with pytest.raises(RuntimeError, match="only once"):
        server.start()
    server.stop()
    server.stop()
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_stop_waits_for_no_client():
    server = Emulator().start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(
            b"POST /v0.3.0/client/job HTTP/1.1\r\nHost: localhost\r\n"
            b"Authorization: emulator-key\r\nContent-Length: 1000\r\n\r\n{"
        )
        time.sleep(0.05)
        server.stop()
        assert not server._thread.is_alive()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_a_port_that_is_taken_is_an_error(emulate: Callable[..., Emulator]):
    first = emulate()
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{first.port}"):
        Emulator(port=first.port).start()
    before = first.port
    first.stop()
    second = emulate(port=before)
    assert second.port == before


def test_an_exception_stops_the_server(simulator: Simulator):
    with pytest.raises(KeyboardInterrupt), Emulator(simulator=simulator) as server:
        raise KeyboardInterrupt
    assert not server._thread.is_alive()


def test_starting_imports_no_simulator_and_prints_nothing():
    program = (
        "import sys, http.client\n"
        "from superstaq_jobs.emulator import Emulator\n"
        "with Emulator() as server:\n"
        "    c = http.client.HTTPConnection('127.0.0.1', server.port)\n"
        "    c.request('GET', '/'); assert c.getresponse().status == 404; c.close()\n"
        "    s = __import__('socket').create_connection(('127.0.0.1', server.port))\n"
        "    s.sendall(b'nonsense\\r\\n\\r\\n'); s.recv(100); s.close()\n"
        "loaded = {'qiskit', 'qiskit_aer', 'numpy', 'hypothesis'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_fault_of_ours_is_500(emulate: Callable[..., Emulator], ask: Any):
    class Broken(FakeClock):
        broken = False

        def now(self) -> float:
            if self.broken:
                raise ZeroDivisionError
            return super().now()

    clock = Broken()
    server = emulate(clock=clock)
    clock.broken = True
    answer = ask(server, "GET", "/client/job/qasm")
    assert (answer.status, answer.json) == (500, {"detail": "Internal Server Error"})


def test_the_other_loopback():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        server = Emulator(host="::1").start()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with socket.create_connection(("::1", server.port), timeout=5):
        assert server.url == f"http://[::1]:{server.port}"
    server.stop()


def test_a_connection_made_just_before_the_end_is_closed_too(simulator: Simulator):
    for _ in range(20):
        server = Emulator(simulator=simulator).start()
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            server.stop()
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""


def test_stop_waits_for_no_text_that_is_being_taken_apart(ask: Any):
    server = Emulator().start()
    body = {
        "job_type": "submit",
        "target": "ss_unconstrained_simulator",
        "circuits": "x",
        "circuit_type": "qiskit",
    }
    given_up = threading.Event()

    def submit() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask(server, "POST", "/client/job", body)
        given_up.set()

    thread = threading.Thread(target=submit)
    thread.start()
    # The process that takes texts apart is starting, which takes longer than this.
    while not server._simulator._asked:
        assert not given_up.wait(0.001)
    server.stop()
    assert given_up.wait(10)
    thread.join()
    assert not server._simulator._asked
