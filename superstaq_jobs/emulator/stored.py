"""A job and its circuits, as the store keeps them.

Lives here: `Job` and `Circuit`. May import `lives`, `plans`, `requests`, `simulator` and `targets`.
"""

from __future__ import annotations

import datetime as dt
import uuid
from concurrent.futures import Future

import attrs

from .lives import Life, Progress, Standing
from .plans import Plan
from .requests import NewJob
from .simulator import Compiled, Translated
from .targets import Target

__all__ = ["Circuit", "Job"]


@attrs.define(kw_only=True)
class Circuit:
    """One circuit of a job, and what is known of it. Guarded by the store's lock."""

    text: str
    life: Life
    progress: Progress = attrs.field(factory=Progress)
    compiled: Compiled | None = None
    counts: dict[str, int] | None = None
    translations: dict[tuple[str, bool], Translated | None] = attrs.field(factory=dict)
    """By language, and whether the compiled form is there; None where there is no translation."""
    waits: list[Future[None]] = attrs.field(factory=list)
    """Done when the simulator has something new to say of it."""


@attrs.define(kw_only=True)
class Job:
    """One job. Only its circuits change."""

    number: int
    job_id: uuid.UUID
    owner: str
    new_job: NewJob
    target: Target
    plan: Plan | None
    submitted: float
    submitted_at: dt.datetime
    circuits: tuple[Circuit, ...]
    over: list[Standing] | None = None
    """Where its circuits stand, once they are all over and nothing changes any more."""
