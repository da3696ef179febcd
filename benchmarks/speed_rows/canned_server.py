"""A web server that costs next to nothing: whole answers that were made beforehand.

    python benchmarks/speed_rows/canned_server.py

It is a process of its own, so that it does not share an interpreter with those who are measured.
It prints its port, answers ``GET`` of the paths in ``ANSWERS`` on connections that stay open, and
ends when its standard input does. Imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
import sys
import threading

__all__ = ["ANSWERS", "BODIES"]

BLANK = b"\r\n\r\n"


def _job(number: int, outcomes: int) -> dict[str, object]:
    """A finished job of one circuit, as a server writes it."""
    numbers = random.Random(number)  # noqa: S311 - the same in every run
    counts = {f"{numbers.getrandbits(30):030b}": numbers.randint(1, 99) for _ in range(outcomes)}
    return {
        "job_type": "simulate",
        "statuses": ["completed"],
        "status_messages": [None],
        "user_email": "ada@example.com",
        "target": "ss_unconstrained_simulator",
        "provider_id": [None],
        "num_circuits": 1,
        "compiled_circuits": [None],
        "input_circuits": ["OPENQASM 2.0;"],
        "circuit_type": "qasm",
        "counts": [counts],
        "results_dicts": [None],
        "shots": [1000],
        "dry_run": False,
        "submission_timestamp": "2026-01-01T00:00:00Z",
        "last_updated_timestamp": ["2026-01-01T00:00:01Z"],
        "tags": [],
        "metadata": {"run": f"{number:08}"},
    }


def _jobs(jobs: int, outcomes: int) -> bytes:
    ids = (f"5eed0000-0000-4000-8000-{number:012}" for number in range(jobs))
    return json.dumps({each: _job(n, outcomes) for n, each in enumerate(ids)}).encode()


def _whole(body: bytes, *headers: bytes) -> bytes:
    lines = [
        b"HTTP/1.1 200 OK",
        b"Date: Thu, 01 Jan 2026 00:00:00 GMT",
        b"Server: canned",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        *headers,
        b"Connection: keep-alive",
    ]
    return b"\r\n".join(lines) + BLANK + body


BODIES = {"small": _jobs(1, 10), "large": _jobs(80, 210)}
"""What is in the answers, decompressed: about 1 KB, and 0.7 MB."""

ANSWERS = {
    b"small": _whole(BODIES["small"]),
    b"large": _whole(BODIES["large"]),
    b"gzip": _whole(gzip.compress(BODIES["large"], mtime=0), b"Content-Encoding: gzip"),
}
"""By the last part of the path: status line, headers and body."""


def _serve(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, contextlib.suppress(OSError):
        received = b""
        while True:
            while BLANK not in received:
                data = connection.recv(65536)
                if not data:
                    return
                received += data
            head, _, received = received.partition(BLANK)
            path = head.split(b" ", 2)[1]
            connection.sendall(ANSWERS[path.rpartition(b"/")[2]])


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=[connection], daemon=True).start()


def main() -> None:
    """Serve until the standard input ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=[listener], daemon=True).start()
        print(listener.getsockname()[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
