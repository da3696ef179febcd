"""The HTTP server: the calls of the API and of the operator, and the faults injected into them."""

from __future__ import annotations

__all__: list[str] = []
