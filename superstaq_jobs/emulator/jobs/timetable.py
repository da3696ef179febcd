"""The timetable of a circuit: which status it has at which time. Pure functions of their arguments.

A timetable alone does not move a circuit: it leaves ``compiling`` only when it has been compiled,
and is completed only when its result is available. So a status may be reached later than planned,
never earlier, and a circuit never goes back. An ending that is planned needs no work to be done.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import attrs

from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import PROGRESS

from .plans import Ending, Plan, message_of

__all__ = [
    "PATHS",
    "CircuitState",
    "End",
    "Failure",
    "Progress",
    "Step",
    "Timetable",
    "complete_at",
    "make_timetable",
    "path_of",
    "state_at",
]

_S = CircuitStatus

_COMPILE: Final = (_S.AWAITING_COMPILE, _S.COMPILING)

PATHS: Final[Mapping[str, tuple[CircuitStatus, ...]]] = MappingProxyType(
    {
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
)
"""The statuses of a circuit of each job type if all goes well."""

_QUEUES: Final = {
    "submit": _S.PENDING,
    "simulate": _S.AWAITING_SIMULATION,
    "compile": _S.AWAITING_COMPILE,
}
_RUNS: Final = {_S.RUNNING, _S.SIMULATING}


@attrs.frozen(kw_only=True)
class Step:
    """A status and when it begins, in seconds after the submission."""

    status: CircuitStatus
    at: float


@attrs.frozen(kw_only=True)
class End:
    """An end other than completion.

    Attributes:
        after: The last status before it.
        status: The final status; None for none, so that the circuit stays in the last one.
        message: The circuit's status message.
    """

    after: CircuitStatus
    status: CircuitStatus | None
    message: str | None


_Gate = Literal["compiled", "finished"] | None
"""The work that has to be done before a circuit can leave a status."""


@attrs.frozen(kw_only=True)
class Timetable:
    """The timetable of one circuit.

    Attributes:
        steps: The whole path in order of time, the first step at 0, the last one ``completed``.
        end: How the circuit ends before that; None if it completes.
        gates: The work that has to be done before it leaves each status, from the first on.
    """

    steps: tuple[Step, ...]
    end: End | None = None
    gates: tuple[_Gate, ...] = attrs.field(init=False, eq=False, repr=False)

    @gates.default
    def _find_gates(self) -> tuple[_Gate, ...]:
        # A verbatim circuit is its own compiled form, and has it before it leaves its first status.
        compiles = (
            _S.COMPILING if any(s.status is _S.COMPILING for s in self.steps) else _S.RECEIVED
        )
        early = (step.status for step in self.steps[:-2])
        return (*("compiled" if status is compiles else None for status in early), "finished")


@attrs.frozen(kw_only=True)
class Failure:
    """Why a circuit cannot be compiled or run."""

    stage: Literal["compile", "run"]
    message: str


@attrs.frozen(kw_only=True)
class Progress:
    """What has actually happened to a circuit; times in seconds after the submission, or None.

    Attributes:
        compiled_at: When its compiled form was available.
        finished_at: When its result, or its failure, was available.
        failure: Why it failed, or None.
        ended_at: When a user or the operator ended it.
        ended_as: The status that it got then.
        message: The status message that it got then.
    """

    compiled_at: float | None = None
    finished_at: float | None = None
    failure: Failure | None = None
    ended_at: float | None = None
    ended_as: CircuitStatus = _S.CANCELLED
    message: str | None = None

    def done_at(self, gate: Literal["compiled", "finished"]) -> float:
        """When that work was done; infinite for never."""
        done = self.finished_at
        if gate == "compiled" and self.compiled_at is not None:
            done = self.compiled_at  # otherwise it may have failed without being compiled
        return math.inf if done is None else done


@attrs.frozen(kw_only=True)
class CircuitState:
    """The status of a circuit at one moment; times in seconds after the submission.

    Attributes:
        status: Its status.
        since: When that began.
        reached: The last status on its path that it reached, whatever ended it there; it determines
            what is shown of the circuit's compilation.
        message: Its status message, if it ended otherwise than by completion.
        is_waiting: Whether it would be further if the simulator had done its work by now.
    """

    status: CircuitStatus
    since: float
    reached: CircuitStatus
    message: str | None = None
    is_waiting: bool = False


def path_of(job_type: str, *, verbatim: bool = False) -> tuple[CircuitStatus, ...]:
    """The statuses of a job type in order; a verbatim job skips compilation."""
    path = PATHS[job_type]
    return tuple(s for s in path if s not in _COMPILE) if verbatim else path


def make_timetable(
    job_type: str,
    *,
    verbatim: bool = False,
    step_seconds: float,
    seed: str = "",
    plan: Plan | None = None,
    index: int = 0,
) -> Timetable:
    """The timetable of one circuit.

    Args:
        job_type: ``submit``, ``simulate`` or ``compile``.
        verbatim: Whether compilation is skipped.
        step_seconds: How long a status lasts on average, in seconds, >= 0. Each one lasts between
            half and one and a half times as long.
        seed: Determines the durations.
        plan: The plan of the job, or None.
        index: The circuit's index in its job.

    Returns:
        The timetable.
    """
    plan = Plan() if plan is None else plan
    pace = random.Random(seed)  # noqa: S311 - not a secret
    path = path_of(job_type, verbatim=verbatim)
    stays = [
        _planned(plan, job_type, status, step_seconds * pace.uniform(0.5, 1.5))
        for status in path[:-1]
    ]
    begins = itertools.accumulate(stays, initial=0.0)
    steps = tuple(Step(status=s, at=at) for s, at in zip(path, begins, strict=True))
    return Timetable(steps=steps, end=_end(plan.of(index), path))


def _planned(plan: Plan, job_type: str, status: CircuitStatus, otherwise: float) -> float:
    seconds = None
    if status is _QUEUES[job_type]:
        seconds = plan.queue_seconds
    elif status is _S.COMPILING:
        seconds = plan.compile_seconds
    elif status in _RUNS:
        seconds = plan.run_seconds
    return otherwise if seconds is None else float(seconds)


def _end(ending: Ending, path: tuple[CircuitStatus, ...]) -> End | None:
    if ending.becomes == "completed":
        return None
    during = _S.RUNNING if ending.during is None else ending.during
    after = max((s for s in path if PROGRESS[s] <= PROGRESS[during]), key=PROGRESS.__getitem__)
    status = None if ending.becomes == "stuck" else _S(ending.becomes)
    return End(after=after, status=status, message=message_of(ending))


def complete_at(timetable: Timetable, reached: CircuitStatus, at: float) -> Timetable:
    """A timetable on which all that is left happens at one moment, and the circuit completes.

    Args:
        timetable: The timetable so far.
        reached: The status that the circuit has.
        at: The moment, in seconds after the submission.

    Returns:
        The new timetable.
    """
    passed = [step.status for step in timetable.steps].index(reached)
    return Timetable(
        steps=tuple(
            step if index <= passed else attrs.evolve(step, at=at)
            for index, step in enumerate(timetable.steps)
        )
    )


def _course(timetable: Timetable, failure: Failure | None) -> tuple[int, End | None]:
    """The last step before the end, given what is known, and the end if it is not completion."""
    end = timetable.end
    if end is None and failure is None:
        return len(timetable.steps) - 2, None
    statuses = [step.status for step in timetable.steps]
    last = len(statuses) - 2 if end is None else statuses.index(end.after)
    if failure is not None:
        # A verbatim circuit is first examined when it runs.
        at_compiling = failure.stage == "compile" and _S.COMPILING in statuses
        failing = statuses.index(_S.COMPILING) if at_compiling else len(statuses) - 2
        # If a plan ends the circuit at the same step, the plan takes precedence.
        if end is None or failing < last:
            end = End(after=statuses[failing], status=_S.FAILED, message=failure.message)
            last = failing
    return last, end


def state_at(timetable: Timetable, progress: Progress, now: float) -> CircuitState:
    """The state of a circuit at a time.

    Args:
        timetable: Its timetable.
        progress: What has actually happened to it up to then.
        now: Seconds after the submission.

    Returns:
        Its status, and since when it has it.
    """
    last, end = _course(timetable, progress.failure)
    ended = progress.ended_at
    if ended is not None:
        now = min(now, ended)
    reached, since, is_waiting = timetable.steps[0].status, 0.0, False
    stays = end is not None and end.status is None
    for index, gate in enumerate(timetable.gates[: last if stays else last + 1]):
        is_end = end is not None and index == last
        step = timetable.steps[index + 1]
        begins = max(step.at, since)
        if begins > now:
            break
        # An ending that is planned needs no work to be done.
        if gate is not None and not (is_end and end is timetable.end):
            done = progress.done_at(gate)
            if done > now:
                is_waiting = True
                break
            begins = max(begins, done)
        since = begins
        if is_end and end is not None and end.status is not None:
            return CircuitState(
                status=end.status, since=since, reached=reached, message=end.message
            )
        reached = step.status
    if ended is not None and not reached.is_terminal:
        return CircuitState(
            status=progress.ended_as, since=ended, reached=reached, message=progress.message
        )
    return CircuitState(status=reached, since=since, reached=reached, is_waiting=is_waiting)
