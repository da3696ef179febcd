"""What the servers of the rows share: a minimal web server in a process of its own.

It does not share an interpreter with the clients that are measured. It serves ``GET`` on
connections that stay open. Imports only the standard library.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

__all__ = ["BENCHMARKS", "serve", "started", "whole"]

BENCHMARKS: Final = Path(__file__).resolve().parents[1]
BLANK: Final = b"\r\n\r\n"


def whole(body: bytes, *headers: bytes) -> bytes:
    """A good response: status line, headers and body."""
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


def serve(respond: Callable[[bytes], bytes]) -> None:
    """Print the port, and serve until standard input ends.

    Args:
        respond: Takes the target of a request line, returns the whole response; called by many
            threads.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=[listener, respond], daemon=True).start()
        print(listener.getsockname()[1], flush=True)
        sys.stdin.read()


def _accept(listener: socket.socket, respond: Callable[[bytes], bytes]) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_converse, args=[connection, respond], daemon=True).start()


def _converse(connection: socket.socket, respond: Callable[[bytes], bytes]) -> None:
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
            connection.sendall(respond(head.split(b" ", 2)[1]))


@contextlib.contextmanager
def started(module: str, *arguments: str) -> Iterator[str]:
    """Run one of the servers of this folder in a process of its own; yields its origin."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", f"{__package__}.{module}", *arguments],
        cwd=BENCHMARKS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
