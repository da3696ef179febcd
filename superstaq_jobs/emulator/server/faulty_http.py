"""Faults on real connections.

Lives here: what each kind of fault writes and how it ends, and `FaultyProtocol`, the HTTP of a
server whose requests go wrong by a `FaultScript`. May import `answers`, `faults` and `app`.

What is played lasts no longer than its connection: it ends when the client has gone or the server
cuts it off. The other connections go on meanwhile.
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
"""What a bomb inflates to: twice of what a client of this library takes by default."""

_DRIP_SECONDS: Final = 0.05
_OK: Final = b"HTTP/1.1 200 OK\r\n"
_CHUNKED: Final = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_ABORTING: Final = struct.pack("ii", 1, 0)


def _of_length(stated: str, body: bytes) -> bytes:
    return _OK + f"Content-Length: {stated}\r\n\r\n".encode() + body


@functools.cache
def _bomb() -> bytes:
    # A gzip body may have several members in a row: this way it is made in no time.
    inflated = 1024 * 1024
    body = gzip.compress(bytes(inflated)) * (BOMB_BYTES // inflated)
    return _of_length(f"{len(body)}\r\nContent-Encoding: gzip", body)


@attrs.frozen(kw_only=True)
class _Behavior:
    """What is written in place of an answer, and how it ends.

    Attributes:
        first: Makes what is written first.
        again: What is written after it, without end.
        pause_seconds: How long the pauses between are, in seconds.
        end: How it ends: with the connection closed or reset, or when the client has gone.
    """

    first: Callable[[], bytes] = bytes
    again: bytes = b""
    pause_seconds: float = 0.0
    end: Literal["close", "reset", "hang"] = "close"


def _writing(first: bytes, **options: Any) -> _Behavior:
    return _Behavior(first=lambda: first, **options)


_BEHAVIORS: Final[Mapping[str, _Behavior]] = {
    "refused": _Behavior(end="reset"),  # over a connection from before
    "close_at_once": _Behavior(),
    "reset_at_once": _Behavior(end="reset"),
    "close_after_request": _Behavior(),
    "reset_after_request": _Behavior(end="reset"),
    "cut_headers": _writing(_OK + b"Content-Type: application/json\r\n"),
    "cut_body": _writing(_of_length("1000", b'{"cut')),
    "cut_chunks": _writing(_CHUNKED + b'5\r\n{"cut\r\n'),
    "hang_at_connect": _Behavior(end="hang"),
    "hang": _Behavior(end="hang"),
    "hang_in_headers": _writing(_OK + b"Content-Le", end="hang"),
    "hang_in_body": _writing(_of_length("1000", b'{"hang'), end="hang"),
    "drip_headers": _writing(_OK + b"X-Drip: ", again=b"x", pause_seconds=_DRIP_SECONDS),
    "drip_body": _writing(_CHUNKED + b"fffffff\r\n", again=b"x", pause_seconds=_DRIP_SECONDS),
    "garbage": _writing(b"\x16\x03\x01 220 smtp.example.com ESMTP\r\n\r\n"),
    "bad_length": _writing(_of_length("many", b"{}")),
    "endless_interim": _Behavior(again=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
    "header_flood": _writing(_OK, again=b"X-Flood: y\r\n" * 1000),
    "long_header": _writing(_OK + b"X-Flood: ", again=b"y" * 10_000),
    "endless_body": _writing(_OK + b"Connection: close\r\n\r\n", again=b"z" * 65_536),
    "endless_chunks": _writing(_CHUNKED, again=b"10000\r\n" + b"z" * 65_536 + b"\r\n"),
    "bomb": _Behavior(first=_bomb),
}
"""By kind. Those that are not here are answers."""


def _answer(fault: AnyFault) -> Response:
    if fault.kind == "web_page":
        page = "<!DOCTYPE html>\n<html><body>You are not logged in to this network.</body></html>"
        return Response(page, media_type="text/html")
    if fault.kind == "redirect":
        return Response(status_code=302, headers={"Location": "https://elsewhere.invalid/"})
    answer = json_response({"message": "a fault of the test"}, status_code=fault.status_code)
    if fault.retry_after_seconds is not None:
        answer.headers["Retry-After"] = str(fault.retry_after_seconds)
    return answer


class _RawConnection(asyncio.Protocol):
    """A connection taken over from its HTTP, to write on it what no HTTP would.

    What the client sends from now on is received and thrown away. Whoever does not read does not
    notice that the client has gone, so this is also what happens to a request that is not read.
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
        """Do what an act says; over when the connection is."""
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
    """What comes of a request, and whether all of it has."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_whole = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._is_whole = not message.get("more_body", False)  # or the client has gone
        return message

    async def read(self) -> None:
        """Receive what has not been received."""
        while not self._is_whole:
            await self.receive()


async def _discard(_: Message) -> None:
    """Where an answer gets lost."""


class FaultyProtocol(H11Protocol):
    """uvicorn's HTTP, with requests that go wrong by a script.

    Args:
        args: As uvicorn gives them.
        script: What goes wrong.
        follow: Called when a refusal is next, before the request that came before it is answered.
        options: As uvicorn gives them.
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
        """End the connection, once what is under way is answered."""
        if self.cycle is not None:
            # As if the client had asked for it, so that it hears of it: else it might send the
            # next request just then.
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
                with contextlib.suppress(Exception):  # lost with the answer that tells of it
                    await self._served(scope, request.receive, _discard)
            await request.read()
        if fault.kind in _BEHAVIORS:
            await _RawConnection(self).play(_BEHAVIORS[fault.kind])
        else:
            await _answer(fault)(scope, receive, send)
