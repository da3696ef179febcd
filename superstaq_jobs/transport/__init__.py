"""One request, one response, within its limits of time and size."""

from __future__ import annotations

from .http import HttpTransport, Transport

__all__ = ["HttpTransport", "Transport"]
