"""Waits on one job or on many, run by a thread or by asyncio. Knows no HTTP."""

from __future__ import annotations

from .options import Pace, PollPolicy
from .progress import ProgressBar

__all__ = ["Pace", "PollPolicy", "ProgressBar"]
