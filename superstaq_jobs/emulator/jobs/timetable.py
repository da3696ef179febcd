"""The timetable of a circuit: which status it has at which time. Pure functions of their arguments.

A timetable alone does not move a circuit: it leaves ``compiling`` only when it has been compiled,
and is completed only when its result is available. So a status may be reached later than planned,
never earlier, and a circuit never goes back. An ending that is planned needs no work to be done.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import attrs
import msgspec

from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import PROGRESS

from .plans import Ending, Plan, message_of

__all__ = [
    "PATHS",
    "CircuitState",
    "End",
    "Failure",
    "Progress",
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


# A job may have hundreds of thousands of circuits. The garbage collector would stop every thread
# while it traverses what is kept of them, so none of it is traversed (gc=False): it has no cycles.
class Timetable(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The timetable of one circuit.

    Attributes:
        path: All statuses that it passes through, from ``received`` to ``completed``.
        times: When each of them begins, in seconds after the submission.
        end: How the circuit ends before that; None if it completes.
    """

    path: tuple[CircuitStatus, ...]
    times: tuple[float, ...]
    end: End | None = None


@functools.cache
def _gates(path: tuple[CircuitStatus, ...]) -> tuple[_Gate, ...]:
    """The work that has to be done before a circuit leaves each status, from the first on."""
    # A verbatim circuit is its own compiled form, and has it before it leaves its first status.
    compiles = _S.COMPILING if _S.COMPILING in path else _S.RECEIVED
    return (*("compiled" if status is compiles else None for status in path[:-2]), "finished")


class Failure(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why a circuit cannot be compiled or run."""

    stage: Literal["compile", "run"]
    message: str


class Progress(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


class CircuitState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


@functools.cache
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
    """The timetable of the circuit of a job with this index.

    Each status lasts between half of ``step_seconds`` and one and a half times as long, depending
    on the seed, unless the plan says otherwise.
    """
    path = path_of(job_type, verbatim=verbatim)
    digest = hashlib.blake2b(seed.encode(errors="replace"), digest_size=2 * len(path)).digest()
    stays = []
    for place, status in enumerate(path[:-1]):
        seconds = None if plan is None else _planned(plan, job_type, status)
        if seconds is None:
            share = int.from_bytes(digest[2 * place : 2 * place + 2], "big") / 65_535
            seconds = step_seconds * (0.5 + share)
        stays.append(seconds)
    end = None if plan is None else _end(plan.of(index), path)
    return Timetable(path=path, times=tuple(itertools.accumulate(stays, initial=0.0)), end=end)


def _planned(plan: Plan, job_type: str, status: CircuitStatus) -> float | None:
    seconds = None
    if status is _QUEUES[job_type]:
        seconds = plan.queue_seconds
    elif status is _S.COMPILING:
        seconds = plan.compile_seconds
    elif status in _RUNS:
        seconds = plan.run_seconds
    return None if seconds is None else float(seconds)


def _end(ending: Ending, path: tuple[CircuitStatus, ...]) -> End | None:
    if ending.becomes == "completed":
        return None
    during = _S.RUNNING if ending.during is None else ending.during
    after = max((s for s in path if PROGRESS[s] <= PROGRESS[during]), key=PROGRESS.__getitem__)
    status = None if ending.becomes == "stuck" else _S(ending.becomes)
    return End(after=after, status=status, message=message_of(ending))


def complete_at(timetable: Timetable, reached: CircuitStatus, at: float) -> Timetable:
    """A timetable on which all that comes after ``reached`` happens at a time."""
    passed = timetable.path.index(reached)
    times = tuple(time if index <= passed else at for index, time in enumerate(timetable.times))
    return Timetable(path=timetable.path, times=times)


def _course(timetable: Timetable, failure: Failure | None) -> tuple[int, End | None]:
    """The last step before the end, given what is known, and the end if it is not completion."""
    end, path = timetable.end, timetable.path
    if end is None and failure is None:
        return len(path) - 2, None
    last = len(path) - 2 if end is None else path.index(end.after)
    if failure is not None:
        # A verbatim circuit is first examined when it runs.
        at_compiling = failure.stage == "compile" and _S.COMPILING in path
        failing = path.index(_S.COMPILING) if at_compiling else len(path) - 2
        # If a plan ends the circuit at the same step, the plan takes precedence.
        if end is None or failing < last:
            end = End(after=path[failing], status=_S.FAILED, message=failure.message)
            last = failing
    return last, end


def state_at(timetable: Timetable, progress: Progress, now: float) -> CircuitState:
    """The state of a circuit at a time, in seconds after the submission.

    ``progress`` is what has actually happened to it up to then.
    """
    last, end = _course(timetable, progress.failure)
    ended = progress.ended_at
    if ended is not None:
        now = min(now, ended)
    reached, since, is_waiting = timetable.path[0], 0.0, False
    stays = end is not None and end.status is None
    for index, gate in enumerate(_gates(timetable.path)[: last if stays else last + 1]):
        is_end = end is not None and index == last
        begins = max(timetable.times[index + 1], since)
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
        reached = timetable.path[index + 1]
    if ended is not None and not reached.is_terminal:
        return CircuitState(
            status=progress.ended_as, since=ended, reached=reached, message=progress.message
        )
    return CircuitState(status=reached, since=since, reached=reached, is_waiting=is_waiting)
