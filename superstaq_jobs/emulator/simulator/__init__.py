"""The processes that compile, run and convert circuits."""

from __future__ import annotations

__all__: list[str] = []
