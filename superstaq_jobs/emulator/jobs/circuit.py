"""A circuit of a job: its timetable, what has happened to it, and its status that follows.

A timetable alone does not move a circuit: it leaves ``compiling`` only when it has been compiled,
and is completed only when its result is available. So a status may be reached later than planned,
never earlier, and a circuit never goes back. An ending that is planned needs no work to be done.

A job may have hundreds of thousands of circuits. The garbage collector would stop every thread
while it traverses what is kept of them, so none of it is traversed (gc=False): it has no cycles.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import struct
from collections.abc import Mapping
from typing import Final

import msgspec

from superstaq_jobs.emulator.simulator.tasks import Compiled, Converted
from superstaq_jobs.records import CircuitStatus
from superstaq_jobs.records.status import PROGRESS

from .plans import DEFAULT_MESSAGES, Plan

__all__ = ["PATHS", "Circuit", "State", "Timetable", "make_timetable", "path_of"]

_S = CircuitStatus
_Path = tuple[CircuitStatus, ...]

_COMPILE: Final = (_S.AWAITING_COMPILE, _S.COMPILING)

PATHS: Final[Mapping[str, _Path]] = {
    "submit": (
        _S.RECEIVED, *_COMPILE, _S.AWAITING_SUBMISSION, _S.PENDING, _S.RUNNING, _S.COMPLETED
    ),
    "simulate": (_S.RECEIVED, *_COMPILE, _S.AWAITING_SIMULATION, _S.SIMULATING, _S.COMPLETED),
    "compile": (_S.RECEIVED, *_COMPILE, _S.COMPLETED),
}  # fmt: skip
"""The statuses of a circuit of each job type if all goes well."""


@functools.cache
def path_of(job_type: str, *, verbatim: bool = False) -> _Path:
    """The statuses of a job type in order; a verbatim job skips compilation."""
    path = PATHS[job_type]
    return tuple(s for s in path if s not in _COMPILE) if verbatim else path


class Timetable(msgspec.Struct, frozen=True, gc=False):
    """The timetable of one circuit.

    Attributes:
        path: All statuses that it passes through, from ``received`` to its end.
        times: When each of them begins, in seconds after the submission.
        message: Its status message, if it is planned to end otherwise than by completion.
    """

    path: _Path
    times: tuple[float, ...]
    message: str | None = None

    def ended(self, after: CircuitStatus, at: float, rest: _Path, message: str | None) -> Timetable:
        """A timetable that is the same up to a status, and on which the rest follows at a time."""
        kept = self.path.index(after) + 1
        times = (*self.times[:kept], *[at] * len(rest))
        return Timetable((*self.path[:kept], *rest), times, message)


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
    shares = struct.unpack(f">{len(path)}H", digest)
    stays = [step_seconds * (0.5 + share / 65_535) for share in shares]
    message = None
    if plan is not None:
        planned = {
            _S.AWAITING_COMPILE: plan.queue_seconds if job_type == "compile" else None,
            _S.COMPILING: plan.compile_seconds,
            _S.PENDING: plan.queue_seconds,
            _S.AWAITING_SIMULATION: plan.queue_seconds,
            _S.RUNNING: plan.run_seconds,
            _S.SIMULATING: plan.run_seconds,
        }
        for place, status in enumerate(path):
            if (seconds := planned.get(status)) is not None:
                stays[place] = float(seconds)
        ending = plan.of(index)
        if ending.becomes != "completed":
            last = PROGRESS[ending.during or _S.RUNNING]
            path = tuple(status for status in path if PROGRESS[status] <= last)
            if ending.becomes != "stuck":
                path = (*path, _S(ending.becomes))
                message = ending.message
                message = DEFAULT_MESSAGES[ending.becomes] if message is None else message
    times = tuple(itertools.accumulate(stays[: len(path) - 1], initial=0.0))
    return Timetable(path, times, message)


class State(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The status of a circuit at one moment.

    Attributes:
        status: Its status.
        since: When that began, in seconds after the submission.
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


class Circuit(msgspec.Struct, kw_only=True, gc=False):
    """One circuit of a job, and what has happened to it; times in seconds after the submission.

    The simulator's results are set without the lock of its job: a time is set after what was
    available then.
    """

    source: str
    timetable: Timetable
    compiled: Compiled | None = None
    compiled_at: float | None = None
    counts: dict[str, int] | None = None
    failure: str | None = None
    """Why it failed."""
    finished_at: float | None = None
    """When its counts, or its failure, were available."""
    num_qubits: int | None = None
    """If it was found out when it was submitted."""

    def state(self, now: float) -> State:
        """Its state at a time, in seconds after the submission."""
        path, times, planned = self.timetable.path, self.timetable.times, self.timetable.message
        reached, since, is_waiting = path[0], 0.0, False
        for status, time in zip(path[1:], times[1:], strict=True):
            begins = max(time, since)
            if begins > now:
                break
            if status.is_terminal and status is not _S.COMPLETED:  # as planned, whatever is done
                return State(status=status, since=begins, reached=reached, message=planned)
            if status.is_compiled:  # only once the work is done
                done_at = self.finished_at  # before the other, since it is set later
                compiled_at = self.compiled_at
                if compiled_at is not None and status is not _S.COMPLETED:
                    done_at = compiled_at
                if done_at is None or done_at > now:
                    is_waiting = True
                    break
                begins = max(begins, done_at)
                is_failing = reached is _S.COMPILING and compiled_at is None
                if self.failure is not None and (is_failing or status is _S.COMPLETED):
                    return State(
                        status=_S.FAILED, since=begins, reached=reached, message=self.failure
                    )
            reached, since = status, begins
        return State(status=reached, since=since, reached=reached, is_waiting=is_waiting)

    def shown(self, state: State) -> Converted:
        """What is shown of it in a state, in the format in which it was submitted.

        That is what it has reached on its path, however it ended, and nothing that the simulator
        has finished ahead of the timetable.
        """
        compiled = self.compiled if state.reached.is_compiled else None
        if compiled is None:
            return Converted(circuit=self.source)
        return Converted(
            circuit=self.source,
            compiled=compiled.compiled,
            logical_qubits=compiled.logical_qubits,
            physical_qubits=compiled.physical_qubits,
        )
