"""One client: its settings, its requests, their retries, and its counters."""

from __future__ import annotations

from .client import SuperstaqClient
from .retry import RetryPolicy
from .traffic import TrafficCounts

__all__ = ["RetryPolicy", "SuperstaqClient", "TrafficCounts"]
