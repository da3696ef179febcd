"""Waits on one job or on many, in a thread or in asyncio. Knows nothing of HTTP.

``loop`` decides what to do next: send the ``polls`` that are due (one for each of the ``batches``),
wait for a response, pause, or report a job. ``drivers`` does it, in a thread or in ``asyncio``.
``outcomes`` gives each ``job_wait`` what came of a poll, until all have ended or time is up.
"""

from __future__ import annotations

from .options import JobsWaitOptions, JobWaitOptions, Pace, PollPolicy, ProgressBar, WaitOptions

__all__ = ["JobWaitOptions", "JobsWaitOptions", "Pace", "PollPolicy", "ProgressBar", "WaitOptions"]
