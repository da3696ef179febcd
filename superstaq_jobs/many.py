"""Waits for many jobs in one loop, with a handful of requests.

All of them take the arguments and options that ``wait_all`` explains.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from typing import TypeVar, Unpack

from .handle import JobHandle, latest_of
from .records import JobSnapshot, fields
from .waiting import JobsWaitOptions
from .waiting.drivers import run, run_async
from .waiting.job_wait import JobWait
from .waiting.loop import WaitLoop
from .waiting.options import Change, WaitPlan
from .waiting.progress import steps_of

__all__ = [
    "as_completed",
    "as_completed_async",
    "wait_all",
    "wait_all_async",
    "wait_any",
    "watch",
    "watch_async",
]

T = TypeVar("T")


def wait_all(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    **options: Unpack[JobsWaitOptions],
) -> tuple[JobSnapshot, ...]:
    """Wait until all of many jobs are finished, with few requests.

    A request is for about 150 jobs; a finished job is not requested again; a response that equals
    the last one is not decoded. A slow request does not delay the others. Each handle's ``latest``
    is updated.

    Args:
        handles: The handles, of any clients; several may be of the same job.
        timeout_seconds: How long to wait for all of them together, in seconds; None for no limit, 0
            for a single poll of each.
        polling_seconds: The pause between a response and the next request for the same jobs, in
            seconds.
        options: ``until``, ``poll_policy``, ``unknown_status_seconds``, ``requests_at_once`` and
            ``progress``; see ``superstaq_jobs.waiting.WaitOptions`` and ``JobsWaitOptions``.

    Returns:
        The final snapshots, in the order of the handles.

    Raises:
        JobsUnsettled: If some jobs could not be read or found; raised when all others are finished.
        JobsTimeout: If the time ran out; it is a ``TimeoutError`` too. Both hold the final
            snapshots of the others, and the reason for each job.
        InvalidRequest: If something is not a handle, or a value is out of its range; ``TypeError``
            for an unknown option; ``ConfigurationError`` for a progress bar without rich. Nothing
            was sent.
    """
    loop = _loop("wait_all", handles, timeout_seconds, polling_seconds, options)
    for _ in _picked(loop, _final):
        pass
    return loop.finals()


def as_completed(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    **options: Unpack[JobsWaitOptions],
) -> Generator[JobSnapshot, None, None]:
    """The final snapshot of each of many jobs, as soon as it is finished.

    Arguments and errors are those of ``wait_all``. No request is sent before the first snapshot is
    wanted, nor after the generator is closed.

    Yields:
        Final snapshots; first, those of jobs that are known to be finished.
    """
    loop = _loop("as_completed", handles, timeout_seconds, polling_seconds, options)
    return _picked(loop, _final)


def wait_any(
    handles: Iterable[JobHandle],
    n: int = 1,
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    **options: Unpack[JobsWaitOptions],
) -> tuple[JobSnapshot, ...]:
    """Wait until ``n`` of many jobs are finished, whichever they are.

    ``n`` is from 0 to the number of handles. The other arguments and the errors are those of
    ``wait_all``.

    Returns:
        The final snapshots of the first ``n``.
    """
    loop = _loop("wait_any", handles, timeout_seconds, polling_seconds, options)
    if type(n) is not int or not 0 <= n <= len(loop.waits):
        limit, got = len(loop.waits), fields.shown(n)
        what = f"must be an integer from 0 to the number of handles, {limit}; got {got}"
        fields.refuse("a wait", {"n": fields.bad(what)})
    with contextlib.closing(_picked(loop, _final)) as finals:
        return tuple(itertools.islice(finals, n))


def watch(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    **options: Unpack[JobsWaitOptions],
) -> Generator[Change, None, None]:
    """Every change of many jobs until all are finished.

    Arguments and errors are those of ``wait_all``. No request is sent before the first change is
    wanted, nor after the generator is closed.

    Yields:
        The snapshots before (None at first) and after each change of a job.
    """
    loop = _loop("watch", handles, timeout_seconds, polling_seconds, options)
    return _picked(loop, lambda wait: wait.change)


async def wait_all_async(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    **options: Unpack[JobsWaitOptions],
) -> tuple[JobSnapshot, ...]:
    """``wait_all`` for a coroutine: other tasks run while it polls or pauses.

    Arguments, result and errors are those of ``wait_all``. If the task is cancelled, no further
    request is sent.
    """
    loop = _loop("wait_all_async", handles, timeout_seconds, polling_seconds, options)
    async with contextlib.aclosing(_picked_async(loop, _final)) as finals:
        async for _ in finals:
            pass
    return loop.finals()


def as_completed_async(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    **options: Unpack[JobsWaitOptions],
) -> AsyncGenerator[JobSnapshot, None]:
    """``as_completed`` for ``async for``. Arguments and errors are those of ``wait_all``."""
    loop = _loop("as_completed_async", handles, timeout_seconds, polling_seconds, options)
    return _picked_async(loop, _final)


def watch_async(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    **options: Unpack[JobsWaitOptions],
) -> AsyncGenerator[Change, None]:
    """``watch`` for ``async for``. Arguments and errors are those of ``wait_all``."""
    loop = _loop("watch_async", handles, timeout_seconds, polling_seconds, options)
    return _picked_async(loop, lambda wait: wait.change)


def _loop(
    function: str,
    handles: Iterable[JobHandle],
    timeout_seconds: float | None,
    polling_seconds: float,
    options: JobsWaitOptions,
) -> WaitLoop:
    # Before the options: of `wait_all(a, b)`, the second handle would be a wrong timeout.
    if isinstance(handles, JobHandle | str | bytes) or not fields.is_a(handles, Iterable):
        what = f"must be a list of handles, got {fields.shown(handles)}: pass [handle, ...]"
        fields.refuse("a wait", {"handles": fields.bad(what)})
    listed = [fields.instance(each, JobHandle) for each in handles]
    fields.refuse("a wait", {f"handles[{place}]": each for place, each in enumerate(listed)})
    allowed = JobsWaitOptions.__optional_keys__
    plan = WaitPlan.of(function, allowed, options, timeout_seconds, polling_seconds)
    return WaitLoop(map(latest_of, listed), plan)


def _final(wait: JobWait) -> JobSnapshot | None:
    # Reported as ended: one that is reported for a change may have finished since, and will be too.
    return wait.final if wait.error is None and wait.is_reported else None


def _picked(loop: WaitLoop, pick: Callable[[JobWait], T | None]) -> Generator[T, None, None]:
    """What is picked from each report of a loop."""
    with contextlib.closing(run(steps_of(loop), loop.waits)) as reports:
        for wait in reports:
            if (picked := pick(wait)) is not None:
                yield picked
    loop.raise_unsettled()


async def _picked_async(
    loop: WaitLoop, pick: Callable[[JobWait], T | None]
) -> AsyncGenerator[T, None]:
    async with contextlib.aclosing(run_async(steps_of(loop), loop.waits)) as reports:
        async for wait in reports:
            if (picked := pick(wait)) is not None:
                yield picked
    loop.raise_unsettled()
