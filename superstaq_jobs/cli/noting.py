"""A transport that keeps what was sent and received, for ``doctor``."""

from __future__ import annotations

import time

import attrs

from superstaq_jobs.transport import HttpTransport
from superstaq_jobs.wire.request import Request, Response

__all__ = ["Exchange", "NotingTransport"]


@attrs.frozen
class Exchange:
    """One request, and what came of it; times are those of the machine's clock, in seconds."""

    request: Request
    response: Response | None
    ended_at: float


class NotingTransport(HttpTransport):
    """Sends requests, and keeps them with their responses in ``exchanges``."""

    def __init__(self, origin: str, *, proxy_url: str | None, ca_certs: str | None) -> None:
        super().__init__(origin=origin, proxy_url=proxy_url, ca_certs=ca_certs)
        self.exchanges: list[Exchange] = []

    def send(self, request: Request, /, *, timeout_seconds: float) -> Response:
        """Send one request, and keep it."""
        response = None
        try:
            response = super().send(request, timeout_seconds=timeout_seconds)
        finally:
            self.exchanges.append(Exchange(request, response, time.time()))
        return response
