"""Starts an emulator, sends it one request and prints figures; it is timed from outside."""

from __future__ import annotations

import time

began = time.perf_counter()

from superstaq_jobs.emulator import Emulator  # noqa: E402 - timed

imported = time.perf_counter()

import json  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402

with (
    Emulator() as server,
    socket.create_connection(("127.0.0.1", server.port)) as client,
):
    client.sendall(
        b"GET /v0.3.0/client/balance HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
        + server.api_key.encode()
        + b"\r\n\r\n"
    )
    assert client.recv(4096).startswith(b"HTTP/1.1 200 OK")
    figures = {
        "import_seconds": imported - began,
        "cpu_seconds": time.process_time(),
        "simulator": sorted({"qiskit", "qiskit_aer", "numpy", "cirq"} & set(sys.modules)),
    }
    print(json.dumps(figures), flush=True)
