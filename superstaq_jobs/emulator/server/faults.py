"""Faults: which request fails, by a script, and what is sent in place of its response.

A fault lasts no longer than its connection: it ends when the client has gone or the server cuts it
off. Other connections are served meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from superstaq_jobs.emulator.messages import Response, json_response
from superstaq_jobs.records.problems import InvalidValue, check_iterable, check_type, shown

from .app import CALLS

if TYPE_CHECKING:
    from superstaq_jobs.testing.faults import Fault

__all__ = ["BOMB_BYTES", "FaultScript", "play", "response_of"]


# ---- the script ----------------------------------------------------------------------------------


class FaultScript:
    """The faults of the API requests to come, in the order of their arrival. Thread-safe.

    Each request takes the first entry that applies to it; once none is left, requests succeed.

    While the next entry for any request is ``refused``, nothing listens at the port: connections
    are refused, as by a server that is down, and idle ones are closed. A server does not learn
    which connections the operating system has refused for it, so this entry does not stand for one
    request but lasts until ``end_refusal``.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[tuple[Fault | None, str | None]] = []
        """Each fault with the only call that it is for, or with None."""
        self._update_port: Callable[[], None] = lambda: None

    def extend(self, faults: Iterable[Fault | None], *, call: str | None = None) -> None:
        """Append entries.

        Args:
            faults: The fault of each request, a ``superstaq_jobs.testing.Fault``; None for none.
            call: The only call that they apply to, such as ``"POST /client/job"`` or ``"GET
                /client/job/{circuit_type}"``, or of v0.2.0 ``"POST /jobs"``; None for all.

        Raises:
            TypeError: One is not a fault. Nothing is added.
            ValueError: The call is unknown, or a refused connection is limited to one call. Nothing
                is added.
        """
        check_iterable("faults", faults=faults)
        if call is not None and (not isinstance(call, str) or call not in CALLS):
            raise InvalidValue(f"call must be one of {', '.join(CALLS)}; got {shown(call)}")
        entries = [(fault, call) for fault in faults]
        for fault, _ in entries:
            if fault is None:
                continue
            if not hasattr(fault, "kind") or not hasattr(fault, "is_done"):
                raise TypeError(f"faults must be Fault values or None, got {shown(fault)}")
            if _is_refusal(fault) and call is not None:
                raise InvalidValue(
                    "a refused connection carries no request: use a refused fault without call="
                )
        with self._lock:
            self._entries += entries
        self._update_port()

    @property
    def remaining(self) -> tuple[Fault | None, ...]:
        """The faults of entries that no request has taken yet."""
        with self._lock:
            return tuple(fault for fault, _ in self._entries)

    def clear(self) -> None:
        """Remove all entries. Faults that have begun go on."""
        with self._lock:
            self._entries.clear()
        self._update_port()

    def end_refusal(self) -> None:
        """Remove the ``refused`` entry if one is next, so that the port listens again."""
        with self._lock:
            place, fault = self._next(None)
            if _is_refusal(fault):
                del self._entries[place]
        self._update_port()

    def _next(self, call: str | None) -> tuple[int, Fault | None]:
        """The first entry for a call, or for any: its place and fault; (-1, None) if none is."""
        for place, (fault, only) in enumerate(self._entries):
            if only in {None, call}:
                return place, fault
        return -1, None

    # ---- for the server --------------------------------------------------------------------------

    @property
    def is_refusing(self) -> bool:
        """Whether a ``refused`` entry is next."""
        with self._lock:
            return _is_refusal(self._next(None)[1])

    def take(self, call: str) -> Fault | None:
        """The fault of a request for a call that has arrived, or None.

        A request on a connection from before the port was closed has come to a server that is down:
        it gets the ``refused`` fault too, but does not remove it.
        """
        check_type(str, call=call)
        with self._lock:
            place, fault = self._next(call)
            if place >= 0 and not _is_refusal(fault):
                del self._entries[place]
        self._update_port()
        return fault

    def watch(self, update_port: Callable[[], None]) -> None:
        """Call a function when ``is_refusing`` may have changed, in the thread that changed it."""
        self._update_port = update_port


def _is_refusal(fault: Fault | None) -> bool:
    return fault is not None and fault.kind == "refused"


# ---- what is sent --------------------------------------------------------------------------------

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


class _Sent(NamedTuple):
    """What is sent in place of a response, and how the connection ends.

    After the ``first`` bytes the others are sent ``again`` and again, with a pause after each.
    """

    first: bytes = b""
    again: bytes = b""
    pause_seconds: float = 0.0
    end: Literal["close", "reset", "hang"] = "close"


_SENT: Final[Mapping[str, _Sent]] = {
    "refused": _Sent(end="reset"),  # on a connection that was open before
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


_RESPONSES: Final = {
    "redirect": Response(302, {"Location": "https://elsewhere.invalid/"}),
    "web_page": Response(
        200,
        {"Content-Type": "text/html; charset=utf-8"},
        b"<!DOCTYPE html>\n<html><body>You are not logged in to this network.</body></html>",
    ),
}


def response_of(fault: Fault) -> Response | None:
    """The response, for a fault that is one."""
    if fault.kind != "status":
        return _RESPONSES.get(fault.kind)
    after = fault.retry_after_seconds
    return json_response(
        {"message": "a fault injected by the test"},
        status_code=fault.status_code,
        headers={} if after is None else {"Retry-After": str(after)},
    )


def play(fault: Fault, sock: socket.socket) -> None:
    """Send what another fault sends; returns once the connection has ended, or is to be closed."""
    sent = _SENT[fault.kind]
    with contextlib.suppress(OSError):  # the client has gone
        sock.sendall(_bomb() if fault.kind == "bomb" else sent.first)
        while sent.again:
            sock.sendall(sent.again)
            time.sleep(sent.pause_seconds)
        if sent.end == "hang":
            while sock.recv(65_536):
                pass
        elif sent.end == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTING)
