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
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol

import attrs

from superstaq_jobs.emulator.messages.responses import Response, json_response

__all__ = ["BOMB_BYTES", "KINDS", "REFUSED", "UNREAD", "AnyFault", "Behavior", "behavior_of"]

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


@attrs.frozen(kw_only=True)
class Behavior:
    """What is sent in place of a response, and how the connection ends.

    Attributes:
        first: Returns the bytes to send first.
        again: Bytes to send after that, repeatedly, without end.
        pause_seconds: The pause between two of these, in seconds.
        end: ``close`` or ``reset`` the connection, or ``hang`` until the client has gone.
    """

    first: Callable[[], bytes] = bytes
    again: bytes = b""
    pause_seconds: float = 0.0
    end: Literal["close", "reset", "hang"] = "close"

    def play(self, sock: socket.socket) -> None:
        """Behave like this; returns once the connection has ended, or is to be closed."""
        with contextlib.suppress(OSError):  # the client has gone
            sock.sendall(self.first())
            while self.again:
                sock.sendall(self.again)
                time.sleep(self.pause_seconds)
            if self.end == "hang":
                sock.settimeout(None)
                while sock.recv(65_536):
                    pass
            elif self.end == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTING)


def _sending(first: bytes, **options: Any) -> Behavior:
    return Behavior(first=lambda: first, **options)


_BEHAVIORS: Final[Mapping[str, Behavior]] = {
    REFUSED: Behavior(end="reset"),  # on a connection that was open before
    "close_at_once": Behavior(),
    "reset_at_once": Behavior(end="reset"),
    "close_after_request": Behavior(),
    "reset_after_request": Behavior(end="reset"),
    "cut_headers": _sending(_OK + b"Content-Type: application/json\r\n"),
    "cut_body": _sending(_of_length("1000", b'{"cut')),
    "cut_chunks": _sending(_CHUNKED + b'5\r\n{"cut\r\n'),
    "hang_at_connect": Behavior(end="hang"),
    "hang": Behavior(end="hang"),
    "hang_in_headers": _sending(_OK + b"Content-Le", end="hang"),
    "hang_in_body": _sending(_of_length("1000", b'{"hang'), end="hang"),
    "drip_headers": _sending(_OK + b"X-Drip: ", again=b"x", pause_seconds=_DRIP_SECONDS),
    "drip_body": _sending(_CHUNKED + b"fffffff\r\n", again=b"x", pause_seconds=_DRIP_SECONDS),
    "garbage": _sending(b"\x16\x03\x01 220 smtp.example.com ESMTP\r\n\r\n"),
    "bad_length": _sending(_of_length("many", b"{}")),
    "endless_interim": Behavior(again=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
    "header_flood": _sending(_OK, again=b"X-Flood: y\r\n" * 1000),
    "long_header": _sending(_OK + b"X-Flood: ", again=b"y" * 10_000),
    "endless_body": _sending(_OK + b"Connection: close\r\n\r\n", again=b"z" * 65_536),
    "endless_chunks": _sending(_CHUNKED, again=b"10000\r\n" + b"z" * 65_536 + b"\r\n"),
    "bomb": Behavior(first=_bomb),
}
"""By kind of fault. The kinds that are not here are HTTP responses."""

KINDS: Final = _BEHAVIORS.keys() | {"status", "web_page", "redirect"}
"""The kinds of faults, by the values of ``superstaq_jobs.testing.FaultKind``."""


def behavior_of(fault: AnyFault) -> Behavior | Response:
    """What happens in place of a response; for some kinds, another response."""
    if fault.kind in _BEHAVIORS:
        return _BEHAVIORS[fault.kind]
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
