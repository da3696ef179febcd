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
from typing import Final, Literal

import msgspec

from superstaq_jobs.emulator.simulator.tasks import Failed
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import PROGRESS

from .plans import Plan, message_of

__all__ = [
    "PATHS",
    "CircuitState",
    "Progress",
    "Timetable",
    "complete_at",
    "make_timetable",
    "path_of",
    "state_at",
]

_S = CircuitStatus
_Path = tuple[CircuitStatus, ...]

_COMPILE: Final = (_S.AWAITING_COMPILE, _S.COMPILING)
_SUBMIT: Final = (_S.AWAITING_SUBMISSION, _S.PENDING, _S.RUNNING)
_SIMULATE: Final = (_S.AWAITING_SIMULATION, _S.SIMULATING)

PATHS: Final[Mapping[str, _Path]] = {
    "submit": (_S.RECEIVED, *_COMPILE, *_SUBMIT, _S.COMPLETED),
    "simulate": (_S.RECEIVED, *_COMPILE, *_SIMULATE, _S.COMPLETED),
    "compile": (_S.RECEIVED, *_COMPILE, _S.COMPLETED),
}
"""The statuses of a circuit of each job type if all goes well."""

_QUEUES: Final = {
    "submit": _S.PENDING,
    "simulate": _S.AWAITING_SIMULATION,
    "compile": _S.AWAITING_COMPILE,
}


# A job may have hundreds of thousands of circuits. The garbage collector would stop every thread
# while it traverses what is kept of them, so none of it is traversed (gc=False): it has no cycles.
class Timetable(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The timetable of one circuit.

    Attributes:
        path: All statuses that it passes through, from ``received`` to its end.
        times: When each of them begins, in seconds after the submission.
        message: Its status message, if it is planned to end otherwise than by completion.
    """

    path: _Path
    times: tuple[float, ...]
    message: str | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What has actually happened to a circuit; times in seconds after the submission, or None.

    Attributes:
        compiled_at: When its compiled form was available.
        finished_at: When its result, or its failure, was available.
        failure: Why it failed, or None.
    """

    compiled_at: float | None = None
    finished_at: float | None = None
    failure: Failed | None = None

    def done_at(self, work: Literal["compiled", "finished"]) -> float:
        """When that work was done; infinite for never."""
        done = self.finished_at
        if work == "compiled" and self.compiled_at is not None:
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
def path_of(job_type: str, *, verbatim: bool = False) -> _Path:
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
    shares = [
        int.from_bytes(digest[at : at + 2], "big") / 65_535 for at in range(0, len(digest), 2)
    ]
    stays = [step_seconds * (0.5 + share) for share in shares[:-1]]
    if plan is None:
        return Timetable(path=path, times=tuple(itertools.accumulate(stays, initial=0.0)))
    planned = {
        _S.COMPILING: plan.compile_seconds,
        _S.RUNNING: plan.run_seconds,
        _S.SIMULATING: plan.run_seconds,
        _QUEUES[job_type]: plan.queue_seconds,
    }
    for place, status in enumerate(path[:-1]):
        seconds = planned.get(status)
        stays[place] = stays[place] if seconds is None else float(seconds)
    times = tuple(itertools.accumulate(stays, initial=0.0))
    ending = plan.circuits.get(index, plan.ending)
    if ending.becomes == "completed":
        return Timetable(path=path, times=times)
    last = PROGRESS[ending.during or _S.RUNNING]
    path = tuple(status for status in path if PROGRESS[status] <= last)
    if ending.becomes != "stuck":
        path = (*path, _S(ending.becomes))
    return Timetable(path=path, times=times[: len(path)], message=message_of(ending))


def complete_at(path: _Path, timetable: Timetable, reached: CircuitStatus, at: float) -> Timetable:
    """A timetable of a whole path, on which all that comes after ``reached`` happens at a time."""
    passed = timetable.times[: path.index(reached) + 1]
    return Timetable(path=path, times=(*passed, *[at] * (len(path) - len(passed))))


_Work = Literal["compiled", "finished"] | None


@functools.cache
def _steps(path: _Path) -> tuple[tuple[CircuitStatus, _Work], ...]:
    """The statuses after the first, and the work that has to be done before each."""
    # A verbatim circuit is its own compiled form, and has it before it leaves its first status.
    compiles = _S.RECEIVED if path[1:2] and path[1] not in _COMPILE else _S.COMPILING
    steps: list[tuple[CircuitStatus, _Work]] = []
    for before, status in itertools.pairwise(path):
        is_planned_end = status.is_terminal and status is not _S.COMPLETED
        work: _Work = "compiled" if before is compiles and not is_planned_end else None
        steps.append((status, "finished" if status is _S.COMPLETED else work))
    return tuple(steps)


def state_at(timetable: Timetable, progress: Progress, now: float) -> CircuitState:
    """The state of a circuit at a time, in seconds after the submission.

    ``progress`` is what has actually happened to it up to then.
    """
    failure = progress.failure
    reached, since, is_waiting = timetable.path[0], 0.0, False
    for (status, work), time in zip(_steps(timetable.path), timetable.times[1:], strict=True):
        begins = max(time, since)
        if begins > now:
            break
        if work is not None:
            done = progress.done_at(work)
            if done > now:
                is_waiting = True
                break
            begins = max(begins, done)
        since = begins
        if failure is not None and (
            work == "finished" or (reached is _S.COMPILING and work and failure.stage == "compile")
        ):
            return CircuitState(
                status=_S.FAILED, since=since, reached=reached, message=failure.failed
            )
        if status.is_terminal and work is None:
            return CircuitState(
                status=status, since=since, reached=reached, message=timetable.message
            )
        reached = status
    return CircuitState(status=reached, since=since, reached=reached, is_waiting=is_waiting)
