"""Many jobs waited for in one loop, in a handful of requests a round.

Lives here: ``wait_all``, ``wait_any``, ``as_completed`` and ``watch``, and for coroutines
``wait_all_async``, ``as_completed_async`` and ``watch_async``. May import ``handle`` and below.

All of them go over the same loop and take the same options, which ``wait_all`` explains.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncGenerator, Generator, Iterable

from .errors import InvalidRequest, InvalidValue, Problem
from .handle import JobHandle
from .records import JobSnapshot, Stage, fields
from .waiting import PollPolicy, ProgressBar
from .waiting.drivers import run, run_async
from .waiting.loop import Steps, WaitLoop
from .waiting.options import Change, WaitOptions
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


def wait_all(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    *,
    until: Stage | str = Stage.FINISHED,
    poll_policy: PollPolicy | None = None,
    unknown_status_seconds: float | None = 600,
    requests_at_once: int = 4,
    progress: bool | ProgressBar = False,
) -> tuple[JobSnapshot, ...]:
    """Wait until all of many jobs are over, in a few requests a round for all of them.

    About 150 jobs go into a request; a job that is over is not asked about again; an answer that
    says what the last one said is not decoded. Each handle's ``latest`` goes along.

    Args:
        handles: The handles, of any clients; one job may come twice.
        timeout_seconds: How long to wait for all of them together; None without a limit, 0 to look
            once.
        polling_seconds: The pause between two rounds.
        until: ``finished``, or ``compiled`` to wait only until compilation is behind.
        poll_policy: Pauses that grow with the time waited, instead of ``polling_seconds``; the job
            that is due first sets the pause.
        unknown_status_seconds: How long to wait on a status that this version does not know; None
            without a limit.
        requests_at_once: How many requests of a round may be under way together, 1 or more.
        progress: True to show on stderr how far it is, which needs rich (extra ``progress``); or a
            ``ProgressBar``, for another place. Nothing is shown by default.

    Returns:
        The final snapshots, in the order of the handles.

    Raises:
        JobsUnsettled: When all others are over, for jobs that could not be read or found.
        JobsTimeout: If the time ran out; it is a ``TimeoutError`` too. Both hold the final
            snapshots of the others, and the reason for each job.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option;
            ``ConfigurationError`` for a bar without rich. Nothing was sent.
    """
    options = WaitOptions.of(
        timeout_seconds,
        polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
    )
    loop = _loop(handles, options, requests_at_once)
    for _ in run(steps_of(loop, progress)):
        pass
    loop.raise_unsettled()
    return loop.finals()


def as_completed(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    *,
    until: Stage | str = Stage.FINISHED,
    poll_policy: PollPolicy | None = None,
    unknown_status_seconds: float | None = 600,
    requests_at_once: int = 4,
    progress: bool | ProgressBar = False,
) -> Generator[JobSnapshot, None, None]:
    """The final snapshot of each of many jobs, as it comes.

    It asks as ``wait_all`` does, and its options are those. Nothing is asked until the first is
    wanted, nor after the loop is left.

    Yields:
        Final snapshots, those that are known to be over first.

    Raises:
        JobsUnsettled: When all others are over, for jobs that could not be read or found.
        JobsTimeout: If the time ran out.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option;
            ``ConfigurationError`` for a bar without rich. Nothing was sent.
    """
    options = WaitOptions.of(
        timeout_seconds,
        polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
    )
    loop = _loop(handles, options, requests_at_once)
    return _finals(loop, steps_of(loop, progress))


def wait_any(
    handles: Iterable[JobHandle],
    n: int = 1,
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    *,
    until: Stage | str = Stage.FINISHED,
    poll_policy: PollPolicy | None = None,
    unknown_status_seconds: float | None = 600,
    requests_at_once: int = 4,
    progress: bool | ProgressBar = False,
) -> tuple[JobSnapshot, ...]:
    """Wait until ``n`` of many jobs are over, whichever they are.

    It asks as ``wait_all`` does, and its other options are those.

    Returns:
        The final snapshots of the first ``n``.

    Raises:
        JobsUnsettled: When all others are over and too few, for jobs that could not be read or
            found.
        JobsTimeout: If the time ran out.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option, and for an ``n``
            that is no number from 0 to that of the handles. Nothing was sent.
    """
    options = WaitOptions.of(
        timeout_seconds,
        polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
    )
    loop = _loop(handles, options, requests_at_once)
    if type(n) is not int or not 0 <= n <= len(loop.waits):
        what = f"{n!r} is no number from 0 to the {len(loop.waits)} handles"
        raise InvalidValue("a wait", [Problem("n", what)])
    with contextlib.closing(_finals(loop, steps_of(loop, progress))) as finals:
        return tuple(itertools.islice(finals, n))


def watch(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    *,
    until: Stage | str = Stage.FINISHED,
    poll_policy: PollPolicy | None = None,
    unknown_status_seconds: float | None = 600,
    requests_at_once: int = 4,
    progress: bool | ProgressBar = False,
) -> Generator[Change, None, None]:
    """Every change of many jobs until all are over; a job that is known to be over has none.

    It asks as ``wait_all`` does, and its options are those. Nothing is asked until the first change
    is wanted, nor after the loop is left.

    Yields:
        The snapshots before (None at first) and after, as each job changes.

    Raises:
        JobsUnsettled: When all others are over, for jobs that could not be read or found.
        JobsTimeout: If the time ran out.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option;
            ``ConfigurationError`` for a bar without rich. Nothing was sent.
    """
    options = WaitOptions.of(
        timeout_seconds,
        polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
    )
    loop = _loop(handles, options, requests_at_once)
    return _changes(loop, steps_of(loop, progress))


async def wait_all_async(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    *,
    until: Stage | str = Stage.FINISHED,
    poll_policy: PollPolicy | None = None,
    unknown_status_seconds: float | None = 600,
    requests_at_once: int = 4,
    progress: bool | ProgressBar = False,
) -> tuple[JobSnapshot, ...]:
    """``wait_all`` for a coroutine: the same loop, whose pauses and requests let others run.

    Its options are those. Cancelling the task stops it; a request that is under way is left to
    itself.

    Returns:
        The final snapshots, in the order of the handles.

    Raises:
        JobsUnsettled: When all others are over, for jobs that could not be read or found.
        JobsTimeout: If the time ran out.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option;
            ``ConfigurationError`` for a bar without rich. Nothing was sent.
    """
    options = WaitOptions.of(
        timeout_seconds,
        polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
    )
    loop = _loop(handles, options, requests_at_once)
    async with contextlib.aclosing(run_async(steps_of(loop, progress))) as events:
        async for _ in events:
            pass
    loop.raise_unsettled()
    return loop.finals()


def as_completed_async(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    *,
    until: Stage | str = Stage.FINISHED,
    poll_policy: PollPolicy | None = None,
    unknown_status_seconds: float | None = 600,
    requests_at_once: int = 4,
    progress: bool | ProgressBar = False,
) -> AsyncGenerator[JobSnapshot, None]:
    """``as_completed`` for ``async for``, as ``wait_all_async`` is ``wait_all`` for ``await``.

    Yields:
        Final snapshots, those that are known to be over first.

    Raises:
        JobsUnsettled: When all others are over, for jobs that could not be read or found.
        JobsTimeout: If the time ran out.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option;
            ``ConfigurationError`` for a bar without rich. Nothing was sent.
    """
    options = WaitOptions.of(
        timeout_seconds,
        polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
    )
    loop = _loop(handles, options, requests_at_once)
    return _finals_async(loop, steps_of(loop, progress))


def watch_async(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    *,
    until: Stage | str = Stage.FINISHED,
    poll_policy: PollPolicy | None = None,
    unknown_status_seconds: float | None = 600,
    requests_at_once: int = 4,
    progress: bool | ProgressBar = False,
) -> AsyncGenerator[Change, None]:
    """``watch`` for ``async for``, as ``wait_all_async`` is ``wait_all`` for ``await``.

    Yields:
        The snapshots before (None at first) and after, as each job changes.

    Raises:
        JobsUnsettled: When all others are over, for jobs that could not be read or found.
        JobsTimeout: If the time ran out.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option;
            ``ConfigurationError`` for a bar without rich. Nothing was sent.
    """
    options = WaitOptions.of(
        timeout_seconds,
        polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
    )
    loop = _loop(handles, options, requests_at_once)
    return _changes_async(loop, steps_of(loop, progress))


def _loop(handles: Iterable[JobHandle], options: WaitOptions, requests_at_once: int) -> WaitLoop:
    if isinstance(handles, JobHandle):
        raise InvalidRequest("a wait", [Problem("handles", "is one handle: pass a list, [handle]")])
    listed = list(handles)
    problems = [
        Problem(f"handles[{place}]", f"{fields.shown(each)} is no JobHandle")
        for place, each in enumerate(listed)
        if not fields.is_a(each, JobHandle)
    ]
    if problems:
        raise InvalidRequest("a wait", problems)
    if type(requests_at_once) is not int or requests_at_once < 1:
        what = f"{requests_at_once!r} is no number from 1"
        raise InvalidValue("a wait", [Problem("requests_at_once", what)])
    return WaitLoop(listed, options, requests_at_once=requests_at_once)


def _finals(loop: WaitLoop, steps: Steps) -> Generator[JobSnapshot, None, None]:
    with contextlib.closing(run(steps)) as events:
        for each in events:
            if each.error is None and (final := each.final) is not None:
                yield final
    loop.raise_unsettled()


async def _finals_async(loop: WaitLoop, steps: Steps) -> AsyncGenerator[JobSnapshot, None]:
    async with contextlib.aclosing(run_async(steps)) as events:
        async for each in events:
            if each.error is None and (final := each.final) is not None:
                yield final
    loop.raise_unsettled()


def _changes(loop: WaitLoop, steps: Steps) -> Generator[Change, None, None]:
    with contextlib.closing(run(steps)) as events:
        for each in events:
            if each.change is not None:
                yield each.change
    loop.raise_unsettled()


async def _changes_async(loop: WaitLoop, steps: Steps) -> AsyncGenerator[Change, None]:
    async with contextlib.aclosing(run_async(steps)) as events:
        async for each in events:
            if each.change is not None:
                yield each.change
    loop.raise_unsettled()
