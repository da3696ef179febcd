"""The HTTP server: the calls of the API and of the operator, and faults on the connection."""

from __future__ import annotations

__all__: list[str] = []
