"""What ``doctor`` finds, and a transport that keeps what was sent and received for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

import attrs

import superstaq_jobs as sj

if TYPE_CHECKING:
    from superstaq_jobs.wire.request import Request, Response

__all__ = ["Exchange", "Finding", "NotingTransport"]


@attrs.frozen
class Finding:
    """One thing that was checked.

    Attributes:
        name: What it is about.
        what: What was found.
        state: Whether it is in order; a ``note`` is neither.
        advice: What to do about it.
    """

    name: str
    what: str
    state: Literal["ok", "note", "problem"] = "ok"
    advice: str = ""


@attrs.frozen
class Exchange:
    """One request, and what came of it; times are those of the machine's clock, in seconds."""

    request: Request
    response: Response | None
    ended_at: float


class NotingTransport:
    """Sends requests by another transport, and keeps them with their responses."""

    def __init__(self, transport: sj.Transport) -> None:
        self._transport = transport
        self.exchanges: list[Exchange] = []

    def send(self, request: Request, /, *, timeout_seconds: float) -> Response:
        """Send one request, and keep it."""
        response = None
        try:
            response = self._transport.send(request, timeout_seconds=timeout_seconds)
        finally:
            self.exchanges.append(Exchange(request, response, time.time()))
        return response

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
