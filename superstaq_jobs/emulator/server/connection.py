"""One connection of the HTTP server, in a thread of its own: its requests, and their faults."""

from __future__ import annotations

import contextlib
import http.server
import io
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, Final

from superstaq_jobs.emulator.messages.requests import MAX_BODY_BYTES, Request
from superstaq_jobs.emulator.messages.responses import Refusal, Response, json_response

from .faults import UNREAD, AnyFault, FaultScript
from .faulty_http import Behavior, behavior_of

__all__ = ["Connection"]

_IDLE_SECONDS: Final = 300.0
"""Longer than clients pause between polls: if the server closed an idle connection just as its
client used it again, the client would see a failure."""
_LINGER_SECONDS: Final = 2.0
_PIECE_BYTES: Final = 1024 * 1024


class Connection(http.server.BaseHTTPRequestHandler):
    """A connection, and the thread that serves it.

    Args:
        sock: The connected socket.
        app: Returns the response to a request.
        script: The faults of the requests.
        update_port: Called when a ``refused`` fault is next, before the request that came before it
            gets its response.
        ended: Called when the connection has ended.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS

    def __init__(
        self,
        sock: socket.socket,
        *,
        app: Callable[[Request], Response],
        script: FaultScript,
        update_port: Callable[[], None],
        ended: Callable[[Connection], None],
    ) -> None:
        self._socket = sock
        self._app = app
        self._script = script
        self._update_port = update_port
        self._ended = ended
        self._lock = threading.Lock()
        self._must_close = False
        self._body = _Body(io.BytesIO(), None)
        self.is_busy = False
        """Whether a request is being served."""
        self.thread = threading.Thread(target=self._run, name="superstaq-emulator", daemon=True)

    def _run(self) -> None:
        try:
            with contextlib.suppress(OSError):  # the client has gone, or the server has stopped
                super().__init__(self._socket, ("", 0), None)  # type: ignore[arg-type]
        finally:
            self._socket.close()
            self._ended(self)

    def cut(self) -> None:
        """End the connection at once."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close_soon(self) -> None:
        """End the connection once the response in progress has been sent."""
        with self._lock:
            self._must_close = True
            if not self.is_busy:
                self.cut()

    def handle_one_request(self) -> None:
        """Read a request and respond to it."""
        self.is_busy = False
        self.close_connection = True
        self.raw_requestline = self.rfile.readline(65_537)
        with self._lock:
            if not self.raw_requestline or self._must_close:
                return
            self.is_busy = True
        if len(self.raw_requestline) > 65_536:  # noqa: PLR2004 - as the standard library does
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
        elif self.parse_request():
            self._body = _Body(self.rfile, self.headers)
            self._serve()

    def _serve(self) -> None:
        # As it was sent: the base class replaces two slashes at its beginning by one.
        path, _, query = self.requestline.split()[1].partition("?")
        request = Request(
            method=self.command,
            path=urllib.parse.unquote(path),
            query=query,
            headers=self.headers,  # type: ignore[arg-type] # it finds names in any case
            body=self._body.read,
        )
        fault = None
        if not self._script.is_empty:
            fault = self._script.take(request.method, request.path)
            if self._script.refusal is not None:
                self._update_port()
        if fault is None:
            self._respond(self._app(request))
        else:
            self._fail(request, fault)

    def _fail(self, request: Request, fault: AnyFault) -> None:
        if fault.kind not in UNREAD:
            if fault.is_done:
                self._app(request)  # its response is lost
            self._body.discard()
        behavior = behavior_of(fault)
        if isinstance(behavior, Behavior):
            self.close_connection = True
            behavior.play(self._socket)
        else:
            self._respond(behavior)

    def _respond(self, response: Response) -> None:
        if self._must_close or not self._body.can_be_skipped:
            self.close_connection = True
        status = response.status_code
        phrase, _ = self.responses.get(status, ("", ""))  # a proxy's own status has none
        head = {
            **response.headers,
            "Content-Length": str(len(response.body)),
            **({"Connection": "close"} if self.close_connection else {}),
        }
        lines = [f"HTTP/1.1 {status} {phrase}", *map(": ".join, head.items()), "", ""]
        body = b"" if self.command == "HEAD" else response.body
        self._socket.sendall("\r\n".join(lines).encode("latin-1") + body)
        if not self.close_connection:
            self._body.discard()
        elif not self._body.is_read:
            # Closed with something unread, it would be reset, and the response might be lost.
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(_LINGER_SECONDS)
            while self._socket.recv(_PIECE_BYTES):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Respond to what is not a request, as the base class requires."""
        del explain
        self.command = "GET"
        detail = message or HTTPStatus(code).phrase
        self.close_connection = True
        self._respond(json_response({"detail": detail}, status_code=code))

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class _Body:
    """The body of a request, which may have a length or come in chunks."""

    def __init__(self, stream: Any, headers: Any) -> None:
        coding = "" if headers is None else headers.get("Transfer-Encoding", "")
        length = "0" if headers is None else headers.get("Content-Length", "0")
        self._stream = stream
        self._is_chunked = coding.lower() == "chunked"
        self._length = int(length) if length.isascii() and length.isdigit() else None
        self._is_valid = self._is_chunked or (not coding and self._length is not None)
        self.is_read = self._length == 0 and not self._is_chunked and not coding

    @property
    def can_be_skipped(self) -> bool:
        """Whether the rest of it is soon read, so that the connection can be used again."""
        is_short = not self._is_chunked and (self._length or 0) <= MAX_BODY_BYTES
        return self.is_read or (self._is_valid and is_short)

    def read(self) -> bytes:
        """All of it; raises a `Refusal` if it is too large, and an OSError if it is cut."""
        if not self._is_valid:
            raise Refusal(400, {"detail": "The length of the body is not stated."})
        too_large = Refusal(413, {"detail": f"The body is larger than {MAX_BODY_BYTES} bytes."})
        if not self._is_chunked and (self._length or 0) > MAX_BODY_BYTES:
            raise too_large
        body = bytearray()
        for piece in self._pieces():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise too_large
        return bytes(body)

    def discard(self) -> None:
        """Receive what has not been read yet."""
        for _ in self._pieces():
            pass

    def _pieces(self) -> Iterator[bytes]:
        if self.is_read:
            return
        left = 0 if self._is_chunked else self._length or 0
        while self._is_chunked or left:
            if left == 0 and (left := self._chunk_size()) == 0:
                while self._stream.readline(65_537).strip():
                    pass  # trailers
                break
            piece = self._stream.read(min(left, _PIECE_BYTES))
            if not piece:
                raise ConnectionError("the client has gone")
            left -= len(piece)
            yield piece
            if self._is_chunked and left == 0:
                self._stream.readline(3)
        self.is_read = True

    def _chunk_size(self) -> int:
        size = self._stream.readline(65_537).partition(b";")[0].strip()
        if not size.isalnum() or size.strip(b"0123456789abcdefABCDEF"):
            raise ConnectionError("the client sent no chunk")
        return int(size, 16)
