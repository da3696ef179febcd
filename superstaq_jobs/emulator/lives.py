"""The timetable of a circuit: which status it has at which time.

Lives here, as pure functions of their arguments: the path of statuses of each kind of job, the pace
of one circuit along it, and where a circuit stands given its timetable and what has really happened
to it. May import `superstaq_jobs.status`.

A timetable alone does not move a circuit: it leaves ``compiling`` only when it has been compiled,
and gets its last status only when its result is there. So an observer may see it later than
planned, never earlier, and never going back.
"""

from __future__ import annotations

import itertools
import math
import random
from typing import Final, Literal

import attrs

from superstaq_jobs.status import CircuitStatus

__all__ = ["PATHS", "Life", "Progress", "Standing", "Step", "path_of", "plan_life", "stand"]

_S = CircuitStatus

_COMPILE: Final = (_S.AWAITING_COMPILE, _S.COMPILING)

PATHS: Final[dict[str, tuple[CircuitStatus, ...]]] = {
    "submit": (
        _S.RECEIVED,
        *_COMPILE,
        _S.AWAITING_SUBMISSION,
        _S.PENDING,
        _S.RUNNING,
        _S.COMPLETED,
    ),
    "simulate": (_S.RECEIVED, *_COMPILE, _S.AWAITING_SIMULATION, _S.SIMULATING, _S.COMPLETED),
    "compile": (_S.RECEIVED, *_COMPILE, _S.COMPLETED),
}
"""The statuses that a circuit of each job type goes through when nothing goes wrong."""


@attrs.frozen(kw_only=True)
class Step:
    """A status and when it begins, in seconds after the submission."""

    status: CircuitStatus
    at: float


@attrs.frozen(kw_only=True)
class Life:
    """The plan for one circuit: steps in order of time, the first at 0, the last terminal."""

    steps: tuple[Step, ...]


@attrs.frozen(kw_only=True)
class Progress:
    """What has really happened to a circuit; times in seconds after the submission, or None.

    Attributes:
        compiled_at: When its compiled form was there.
        finished_at: When its result was there, or it was known to fail.
        failed_in: The stage in which it failed, or None.
        cancelled_at: When it was cancelled.
    """

    compiled_at: float | None = None
    finished_at: float | None = None
    failed_in: Literal["compile", "run"] | None = None
    cancelled_at: float | None = None


@attrs.frozen(kw_only=True)
class Standing:
    """Where a circuit stands, and since when, in seconds after the submission.

    ``reached`` is the status before a cancellation (else the same as ``status``): it tells what
    the circuit has behind it.
    """

    status: CircuitStatus
    since: float
    reached: CircuitStatus


def path_of(job_type: str, *, verbatim: bool = False) -> tuple[CircuitStatus, ...]:
    """The statuses of a job type in order; a verbatim job has none of compilation."""
    path = PATHS[job_type]
    return tuple(s for s in path if s not in _COMPILE) if verbatim else path


def plan_life(
    job_type: str, *, verbatim: bool = False, step_seconds: float, seed: str = ""
) -> Life:
    """The timetable of one circuit.

    Args:
        job_type: ``submit``, ``simulate`` or ``compile``.
        verbatim: Whether it is not to be compiled.
        step_seconds: How long a status lasts on average, in seconds, 0 or more. Each one lasts
            between half and one and a half times as long.
        seed: What picks the pace: the same text gives the same one.

    Returns:
        The plan.
    """
    pace = random.Random(seed)  # noqa: S311 - no secret
    path = path_of(job_type, verbatim=verbatim)
    stays = [step_seconds * pace.uniform(0.5, 1.5) for _ in path[1:]]
    begins = itertools.accumulate(stays, initial=0.0)
    return Life(steps=tuple(Step(status=s, at=at) for s, at in zip(path, begins, strict=True)))


def _with_failure(life: Life, failed_in: str | None) -> tuple[Step, ...]:
    if failed_in is None:
        return life.steps
    statuses = [step.status for step in life.steps]
    # A verbatim circuit is first looked at where it runs.
    at_compiling = failed_in == "compile" and _S.COMPILING in statuses
    last = statuses.index(_S.COMPILING) if at_compiling else len(statuses) - 2
    failure = Step(status=_S.FAILED, at=life.steps[last + 1].at)
    return (*life.steps[: last + 1], failure)


def stand(life: Life, progress: Progress, now: float) -> Standing:
    """Where a circuit stands at a time.

    Args:
        life: Its plan.
        progress: What has really happened to it up to then.
        now: Seconds after the submission.

    Returns:
        The status, and since when it has it.
    """
    steps = _with_failure(life, progress.failed_in)
    if progress.cancelled_at is not None:
        now = min(now, progress.cancelled_at)
    compiled = math.inf if progress.compiled_at is None else progress.compiled_at
    finished = math.inf if progress.finished_at is None else progress.finished_at
    # A verbatim circuit has its compiled form, which is itself, before it goes anywhere.
    verbatim = all(step.status is not _S.COMPILING for step in steps)
    reached, since = steps[0].status, 0.0
    for before, step in itertools.pairwise(steps):
        gate = 0.0
        if step is steps[-1]:
            gate = finished
        elif before.status is _S.COMPILING:
            gate = compiled
        elif before.status is _S.RECEIVED and verbatim:
            gate = min(compiled, finished)
        begins = max(step.at, since, gate)
        if begins > now:
            break
        reached, since = step.status, begins
    if progress.cancelled_at is not None and not reached.is_terminal:
        return Standing(status=_S.CANCELLED, since=progress.cancelled_at, reached=reached)
    return Standing(status=reached, since=since, reached=reached)
