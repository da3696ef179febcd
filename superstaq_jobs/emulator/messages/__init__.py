"""What requests and responses hold, as validated values."""

from __future__ import annotations

__all__: list[str] = []
