"""One client: its settings, its requests, their retries, and its counters."""

from __future__ import annotations

from .client import SuperstaqClient
from .recorder import Recorder
from .retry import RetryPolicy
from .traffic import TrafficCounts

__all__ = ["Recorder", "RetryPolicy", "SuperstaqClient", "TrafficCounts"]
