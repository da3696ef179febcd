"""The jobs of an emulator: their plans, the course of their statuses, and the store."""

from __future__ import annotations

__all__: list[str] = []
