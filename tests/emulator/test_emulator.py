"""How an emulator starts and stops."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from superstaq_jobs.emulator import Emulator, Simulator
from superstaq_jobs.testing import FakeClock


def test_stop_leaves_no_thread_and_closes_the_port(send: Any):
    before = set(threading.enumerate())
    server = Emulator()
    server.stop()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = server.url
    assert "not started" in repr(server)
    with pytest.raises(RuntimeError, match="only once"):
        server.start()
    server = Emulator()
    assert server.start() is server
    assert server.url in repr(server)
    assert send(server, "GET", "/client/balance").status == 200
    with pytest.raises(RuntimeError, match="only once"):
        server.start()
    server.stop()
    server.stop()
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_stop_does_not_wait_for_clients():
    server = Emulator().start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(
            b"POST /v0.3.0/client/job HTTP/1.1\r\nHost: localhost\r\n"
            b"Authorization: emulator-key\r\nContent-Length: 1000\r\n\r\n{"
        )
        time.sleep(0.05)
        server.stop()
        assert not server._server.connections
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_a_port_in_use_is_an_error(emulate: Callable[..., Emulator]):
    first = emulate()
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{first.port}"):
        Emulator(port=first.port).start()
    before = first.port
    first.stop()
    second = emulate(port=before)
    assert second.port == before


def test_a_port_in_use_comes_with_advice(emulate: Callable[..., Emulator]):
    with pytest.raises(OSError, match=r"pass port=0 .*--port 0"):
        emulate(port=emulate().port)


def test_ids_are_new_on_every_start_unless_there_is_a_seed(
    emulate: Callable[..., Emulator], submit: Callable[..., str]
):
    circuit = "OPENQASM 2.0; qreg q[1];"
    assert submit(emulate(), circuit) != submit(emulate(), circuit)
    assert submit(emulate(seed=3), circuit) == submit(emulate(seed=3), circuit)
    assert submit(emulate(seed=3), circuit) != submit(emulate(seed=0), circuit)


def test_an_exception_stops_the_server(simulator: Simulator):
    with pytest.raises(KeyboardInterrupt), Emulator(simulator=simulator) as server:
        raise KeyboardInterrupt
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)


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


def test_an_internal_error_is_500(emulate: Callable[..., Emulator], send: Any):
    class Broken(FakeClock):
        broken = False

        def now(self) -> float:
            if self.broken:
                raise ZeroDivisionError
            return super().now()

    clock = Broken()
    server = emulate(clock=clock)
    clock.broken = True
    response = send(server, "GET", "/client/job/qasm")
    assert (response.status, response.json) == (500, {"detail": "Internal Server Error"})


def test_a_connection_from_just_before_the_stop_is_closed_too(simulator: Simulator):
    for _ in range(20):
        server = Emulator(simulator=simulator).start()
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            server.stop()
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""


def test_stop_does_not_wait_for_circuits_that_are_being_split(send: Any):
    server = Emulator().start()
    body = {
        "job_type": "submit",
        "target": "ss_unconstrained_simulator",
        "circuits": "x",
        "circuit_type": "qiskit",
        "shots": 1,
    }
    given_up = threading.Event()

    def submit() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            send(server, "POST", "/client/job", body)
        given_up.set()

    thread = threading.Thread(target=submit)
    thread.start()
    # The process that splits circuits is starting, which takes longer than this.
    while not (futures := list(server._simulator._futures)):
        assert not given_up.wait(0.001)
    server.stop()
    assert given_up.wait(10)
    thread.join()
    assert all(future.cancelled() for future in futures)
