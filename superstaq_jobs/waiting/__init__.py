"""Waits on one job or on many, in a thread or in asyncio. Knows nothing of HTTP."""

from __future__ import annotations

from .options import (
    JobsWaitOptions,
    JobWaitOptions,
    Pace,
    PollPolicy,
    ProgressBar,
    WaitOptions,
)

__all__ = ["JobWaitOptions", "JobsWaitOptions", "Pace", "PollPolicy", "ProgressBar", "WaitOptions"]
