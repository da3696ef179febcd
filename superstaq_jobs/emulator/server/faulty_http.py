"""Faults on real connections: what each kind of fault sends in place of a response.

A fault lasts no longer than its connection: it ends when the client has gone or the server cuts it
off. Other connections are served meanwhile. The values are those of ``superstaq_jobs.testing``,
which imports the emulator and which an emulator does not need: any object with the same four
attributes will do.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

from superstaq_jobs.emulator.messages.responses import Response, json_response

__all__ = ["BOMB_BYTES", "KINDS", "REFUSED", "UNREAD", "AnyFault", "play", "response_of"]

REFUSED: Final = "refused"
"""The one kind that concerns the port rather than a connection."""

UNREAD: Final = frozenset({REFUSED, "close_at_once", "reset_at_once", "hang_at_connect"})
"""With these kinds the request is not read."""

BOMB_BYTES: Final = 512 * 1024 * 1024
"""What a decompression bomb inflates to: twice what a client of this library accepts by default."""

_DRIP_SECONDS: Final = 0.05
_OK: Final = b"HTTP/1.1 200 OK\r\n"
_CHUNKED: Final = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_ABORTING: Final = struct.pack("ii", 1, 0)


def _of_length(stated: str, body: bytes) -> bytes:
    return _OK + f"Content-Length: {stated}\r\n\r\n".encode() + body


@functools.cache
def _bomb() -> bytes:
    # A gzip body may consist of several members, so repeating one member is quick.
    inflated = 1024 * 1024
    body = gzip.compress(bytes(inflated)) * (BOMB_BYTES // inflated)
    return _of_length(f"{len(body)}\r\nContent-Encoding: gzip", body)


class AnyFault(Protocol):
    """How one request fails: a ``superstaq_jobs.testing.Fault``, or an object like it."""

    # Any rather than str: pyright misjudges the type of an attribute with an attrs converter.
    @property
    def kind(self) -> Any:
        """One of `KINDS`, a string."""
        ...

    @property
    def status_code(self) -> int:
        """The status of a ``status`` fault, from 400 to 599."""
        ...

    @property
    def retry_after_seconds(self) -> int | None:
        """The value of its ``Retry-After`` header in whole seconds; None for no header."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether the request is carried out all the same, so that only the response is lost."""
        ...


class _Sent(NamedTuple):
    """What is sent in place of a response, and how the connection ends.

    After the ``first`` bytes the others are sent ``again`` and again, with a pause after each.
    """

    first: bytes = b""
    again: bytes = b""
    pause_seconds: float = 0.0
    end: Literal["close", "reset", "hang"] = "close"


_SENT: Final[Mapping[str, _Sent]] = {
    REFUSED: _Sent(end="reset"),  # on a connection that was open before
    "close_at_once": _Sent(),
    "reset_at_once": _Sent(end="reset"),
    "close_after_request": _Sent(),
    "reset_after_request": _Sent(end="reset"),
    "cut_headers": _Sent(_OK + b"Content-Type: application/json\r\n"),
    "cut_body": _Sent(_of_length("1000", b'{"cut')),
    "cut_chunks": _Sent(_CHUNKED + b'5\r\n{"cut\r\n'),
    "hang_at_connect": _Sent(end="hang"),
    "hang": _Sent(end="hang"),
    "hang_in_headers": _Sent(_OK + b"Content-Le", end="hang"),
    "hang_in_body": _Sent(_of_length("1000", b'{"hang'), end="hang"),
    "drip_headers": _Sent(_OK + b"X-Drip: ", again=b"x", pause_seconds=_DRIP_SECONDS),
    "drip_body": _Sent(_CHUNKED + b"fffffff\r\n", again=b"x", pause_seconds=_DRIP_SECONDS),
    "garbage": _Sent(b"\x16\x03\x01 220 smtp.example.com ESMTP\r\n\r\n"),
    "bad_length": _Sent(_of_length("many", b"{}")),
    "endless_interim": _Sent(again=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
    "header_flood": _Sent(_OK, again=b"X-Flood: y\r\n" * 1000),
    "long_header": _Sent(_OK + b"X-Flood: ", again=b"y" * 10_000),
    "endless_body": _Sent(_OK + b"Connection: close\r\n\r\n", again=b"z" * 65_536),
    "endless_chunks": _Sent(_CHUNKED, again=b"10000\r\n" + b"z" * 65_536 + b"\r\n"),
    "bomb": _Sent(),  # made when it is first needed
}

KINDS: Final = _SENT.keys() | {"status", "web_page", "redirect"}
"""The kinds of faults, by the values of ``superstaq_jobs.testing.FaultKind``."""


def response_of(fault: AnyFault) -> Response | None:
    """The response, for a fault that is one."""
    if fault.kind in _SENT:
        return None
    if fault.kind == "web_page":
        page = b"<!DOCTYPE html>\n<html><body>You are not logged in to this network.</body></html>"
        return Response(headers={"Content-Type": "text/html; charset=utf-8"}, body=page)
    if fault.kind == "redirect":
        return Response(status_code=302, headers={"Location": "https://elsewhere.invalid/"})
    after = fault.retry_after_seconds
    return json_response(
        {"message": "a fault injected by the test"},
        status_code=fault.status_code,
        headers={} if after is None else {"Retry-After": str(after)},
    )


def play(fault: AnyFault, sock: socket.socket) -> None:
    """Send what another fault sends; returns once the connection has ended, or is to be closed."""
    sent = _SENT[fault.kind]
    with contextlib.suppress(OSError):  # the client has gone
        sock.sendall(_bomb() if fault.kind == "bomb" else sent.first)
        while sent.again:
            sock.sendall(sent.again)
            time.sleep(sent.pause_seconds)
        if sent.end == "hang":
            sock.settimeout(None)
            while sock.recv(65_536):
                pass
        elif sent.end == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTING)
