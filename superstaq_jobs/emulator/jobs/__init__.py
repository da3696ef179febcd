"""The jobs: what is planned for them, which status they have when, and where they are stored."""

from __future__ import annotations

__all__: list[str] = []
