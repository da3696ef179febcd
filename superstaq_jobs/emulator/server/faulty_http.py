"""Faults on real connections: what each kind of fault sends, and uvicorn's HTTP with faults.

A fault lasts no longer than its connection: it ends when the client has gone or the server cuts it
off. Other connections are served meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

import attrs
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

from superstaq_jobs.emulator.messages.responses import json_response

from .faults import UNREAD, AnyFault, FaultScript

__all__ = ["BOMB_BYTES", "FaultyProtocol"]

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


@attrs.frozen(kw_only=True)
class _Behavior:
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


def _sending(first: bytes, **options: Any) -> _Behavior:
    return _Behavior(first=lambda: first, **options)


_BEHAVIORS: Final[Mapping[str, _Behavior]] = {
    "refused": _Behavior(end="reset"),  # on a connection that was open before
    "close_at_once": _Behavior(),
    "reset_at_once": _Behavior(end="reset"),
    "close_after_request": _Behavior(),
    "reset_after_request": _Behavior(end="reset"),
    "cut_headers": _sending(_OK + b"Content-Type: application/json\r\n"),
    "cut_body": _sending(_of_length("1000", b'{"cut')),
    "cut_chunks": _sending(_CHUNKED + b'5\r\n{"cut\r\n'),
    "hang_at_connect": _Behavior(end="hang"),
    "hang": _Behavior(end="hang"),
    "hang_in_headers": _sending(_OK + b"Content-Le", end="hang"),
    "hang_in_body": _sending(_of_length("1000", b'{"hang'), end="hang"),
    "drip_headers": _sending(_OK + b"X-Drip: ", again=b"x", pause_seconds=_DRIP_SECONDS),
    "drip_body": _sending(_CHUNKED + b"fffffff\r\n", again=b"x", pause_seconds=_DRIP_SECONDS),
    "garbage": _sending(b"\x16\x03\x01 220 smtp.example.com ESMTP\r\n\r\n"),
    "bad_length": _sending(_of_length("many", b"{}")),
    "endless_interim": _Behavior(again=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
    "header_flood": _sending(_OK, again=b"X-Flood: y\r\n" * 1000),
    "long_header": _sending(_OK + b"X-Flood: ", again=b"y" * 10_000),
    "endless_body": _sending(_OK + b"Connection: close\r\n\r\n", again=b"z" * 65_536),
    "endless_chunks": _sending(_CHUNKED, again=b"10000\r\n" + b"z" * 65_536 + b"\r\n"),
    "bomb": _Behavior(first=_bomb),
}
"""By kind of fault. The kinds that are not here are HTTP responses."""


def _response(fault: AnyFault) -> Response:
    if fault.kind == "web_page":
        page = "<!DOCTYPE html>\n<html><body>You are not logged in to this network.</body></html>"
        return Response(page, media_type="text/html")
    if fault.kind == "redirect":
        return Response(status_code=302, headers={"Location": "https://elsewhere.invalid/"})
    response = json_response(
        {"message": "a fault injected by the test"}, status_code=fault.status_code
    )
    if fault.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(fault.retry_after_seconds)
    return response


class _RawConnection(asyncio.Protocol):
    """A connection taken over from its HTTP protocol, to send what HTTP does not allow.

    What the client sends from then on is received and discarded, since a server notices that a
    client has gone only while it reads. The same happens to a request that is not read.
    """

    def __init__(self, http: H11Protocol) -> None:
        self._http = http
        self._transport = http.transport
        self._gone = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        if http.cycle.disconnected:
            self._gone.set()
        http.flow.resume_reading()
        self._transport.set_protocol(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        self._writable.set()
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def play(self, behavior: _Behavior) -> None:
        """Behave as described; returns once the connection has ended."""
        self._transport.write(behavior.first())
        while behavior.again and not self._gone.is_set():
            self._transport.write(behavior.again)
            await self._writable.wait()
            await self._pause(behavior.pause_seconds)
        if behavior.end == "reset":
            sock: socket.socket = self._transport.get_extra_info("socket")
            with contextlib.suppress(OSError):  # the client has gone already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTING)
            self._transport.abort()
        elif behavior.end == "close":
            self._transport.close()
        await self._gone.wait()

    async def _pause(self, seconds: float) -> None:
        if seconds == 0:
            await asyncio.sleep(0)  # the other connections' turn
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gone.wait()


class _Request:
    """What arrives of a request, and whether it is complete."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_complete = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._is_complete = not message.get("more_body", False)  # or the client has gone
        return message

    async def read(self) -> None:
        """Receive what has not been received yet."""
        while not self._is_complete:
            await self.receive()


async def _discard(_: Message) -> None:
    """Discard a response."""


class FaultyProtocol(H11Protocol):
    """uvicorn's HTTP protocol, with requests that fail as a script says.

    Args:
        args: As uvicorn passes them.
        script: The faults.
        update_port: Called when a ``refused`` fault is next, before the request that came before it
            gets its response.
        options: As uvicorn passes them.
    """

    def __init__(
        self,
        *args: Any,
        script: FaultScript,
        update_port: Callable[[], Awaitable[None]],
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._script = script
        self._update_port = update_port
        self._served: ASGIApp = self.app
        self.app = self._serve

    def shutdown(self) -> None:
        """Close the connection once the response in progress has been sent."""
        if self.cycle is not None:
            # As if the client had requested it, so that the response says so; otherwise the client
            # might send its next request just then.
            scope = self.cycle.scope
            scope["headers"] = [*scope["headers"], CLOSE_HEADER]
        super().shutdown()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = None
        if not self._script.is_empty:
            fault = self._script.take(scope["method"], scope["path"])
            if self._script.refusal is not None:
                await self._update_port()
        if fault is None:
            await self._served(scope, receive, send)
            return
        if fault.kind not in UNREAD:
            request = _Request(receive)
            if fault.is_done:
                with contextlib.suppress(Exception):  # lost, like the response
                    await self._served(scope, request.receive, _discard)
            await request.read()
        if fault.kind in _BEHAVIORS:
            await _RawConnection(self).play(_BEHAVIORS[fault.kind])
        else:
            await _response(fault)(scope, receive, send)
