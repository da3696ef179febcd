"""Many jobs waited for in one loop, in a handful of requests a round.

Lives here: ``wait_all``, ``wait_any``, ``as_completed`` and ``watch``, and their loop. May import
``handle`` and below.

The loop itself does nothing: it is a generator that says what is to be done (ask, pause) and what
it has seen, so that threads and ``asyncio`` may drive the same one.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import attrs

from . import _fields
from ._job_wait import JobWait
from ._seen import SeenJobs
from .api import Call
from .client import SuperstaqClient
from .clock import SystemClock
from .errors import (
    AuthenticationError,
    InvalidRequest,
    InvalidValue,
    JobsNotFound,
    JobsTimeout,
    JobsUnsettled,
    Problem,
    ProtocolError,
    SuperstaqException,
    SuperstaqServerException,
    TlsError,
    WaitTimeout,
)
from .handle import JobHandle, stage_of
from .kinds import CircuitType
from .orders import JobQuery
from .policy import PollPolicy
from .records import JobSnapshot
from .status import Stage
from .waiting import Countdown

__all__ = ["as_completed", "as_completed_async", "wait_all", "wait_any", "watch"]

_Jobs = tuple[JobSnapshot, ...]


@attrs.define(eq=False, kw_only=True)
class _Waited:
    """One handle that is waited for."""

    handle: JobHandle
    wait: JobWait
    changes: list[tuple[JobSnapshot | None, JobSnapshot]]
    error: SuperstaqException | None = None
    failure: SuperstaqServerException | None = None
    asked_after: int = 0

    def ask(self) -> None:
        """Note what is known at the moment of asking."""
        self.asked_after = self.handle._answers  # noqa: SLF001 - the handle is its friend

    def keep(self, seen: JobSnapshot) -> JobSnapshot:
        """Advance the handle by what was asked for it."""
        return self.handle._keep(seen, asked_after=self.asked_after)  # noqa: SLF001

    @property
    def final(self) -> JobSnapshot | None:
        """The latest snapshot, if it is what was waited for."""
        latest = self.handle.latest
        return latest if latest is not None and self.wait.is_done(latest) else None


@attrs.frozen(eq=False)
class _Ask:
    """To be asked of the server, together with others."""

    client: SuperstaqClient
    call: Call[_Jobs]
    waited: Sequence[_Waited]
    seconds: float | None

    def send(self) -> _Jobs | BaseException:
        """Ask; what goes wrong is an answer too."""
        try:
            return self.client.send(
                self.call, deadline=self.client.deadline_in(self.seconds), max_attempts=1
            )
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            return error


@attrs.frozen
class _Pause:
    seconds: float


_Step = _Pause | list[_Ask] | _Waited
_Steps = Generator[_Step, Any, None]


class _Loop:
    """The one loop."""

    def __init__(
        self,
        handles: Iterable[JobHandle],
        *,
        timeout_seconds: float | None,
        polling_seconds: float,
        until: Stage | str,
        poll_policy: PollPolicy | None,
        unknown_status_seconds: float | None,
        requests_at_once: int,
    ) -> None:
        listed = _handles(handles)
        if type(requests_at_once) is not int or requests_at_once < 1:
            what = f"{requests_at_once!r} is no number from 1"
            raise InvalidValue("a wait", [Problem("requests_at_once", what)])
        self.requests_at_once = requests_at_once
        self.timeout_seconds = timeout_seconds
        self.waited = [
            _waited(
                handle,
                stage=stage_of(until),
                pace=polling_seconds if poll_policy is None else poll_policy,
                unknown_status_seconds=unknown_status_seconds,
            )
            for handle in listed
        ]
        self._seen: dict[SuperstaqClient, SeenJobs] = defaultdict(SeenJobs)
        # One clock for the loop: that of the first client.
        self.clock = listed[0].client.clock if listed else None

    def steps(self) -> _Steps:
        """What is to be done, and each handle that has changed, failed or is final already."""
        if self.clock is None:
            return
        countdown = Countdown(self.clock, self.timeout_seconds)
        open_ones = []
        for each in self.waited:
            each.wait.begin()
            if each.final is None:
                open_ones.append(each)
            else:
                yield each
        while open_ones:
            yield from self._round(open_ones, countdown)
            open_ones = [each for each in open_ones if each.final is None and each.error is None]
            left = countdown.seconds_to_last_look()
            if not open_ones:
                return
            if left <= 0:
                break
            yield _Pause(max(0.0, min(left, *(e.wait.pause(e.failure) for e in open_ones))))
        for each in open_ones:
            each.error = each.wait.out_of_time(countdown.ran_out(), self.timeout_seconds)
            yield each

    def _round(self, open_ones: list[_Waited], countdown: Countdown) -> _Steps:
        assert self.clock is not None  # noqa: S101 - there are handles
        began = self.clock.now()
        left = countdown.seconds_left()
        turn = max(each.look_in() for each in {e.handle.client for e in open_ones})
        if turn > 0 and not countdown.looks_once:
            yield _Pause(min(turn, 0.5 * left))
        groups: list[list[_Waited]] = list(_by_server(open_ones))
        asked: dict[SuperstaqClient, set[tuple[UUID, ...]]] = defaultdict(set)
        while groups:
            asks = [ask for group in groups for ask in self._asks(group, countdown)]
            for ask in asks:
                asked[ask.client].add(ask.call.job_ids)
            answers = yield asks
            groups = []
            for ask, answer in zip(asks, answers, strict=True):
                groups += _take(ask, answer, countdown)
        for client, calls in asked.items():
            ids = {e.handle.job_id() for e in open_ones if e.handle.client is client}
            self._seen[client].forget_others(calls, ids)
        countdown.looked(self.clock.now() - began)
        for each in open_ones:
            if each.changes or each.error is not None or each.final is not None:
                yield each

    def _asks(self, group: list[_Waited], countdown: Countdown) -> Iterator[_Ask]:
        client, kind = group[0].handle.client, group[0].handle.circuit_type
        by_id = defaultdict(list)
        for each in group:
            by_id[each.handle.job_id()].append(each)
            each.ask()
        seconds = None if countdown.looks_once else max(0.0, countdown.seconds_left())
        if seconds == float("inf"):
            seconds = None
        for call in client.api.query_jobs(JobQuery(job_id=tuple(by_id)), kind):
            concerned = [each for job_id in call.job_ids for each in by_id[job_id]]
            yield _Ask(client, self._seen[client].reading(call), concerned, seconds)

    def unsettled(self) -> JobsUnsettled | None:
        """The error for the jobs that failed or ran out of time, if any did."""
        errors = {e.handle.job_id(): e.error for e in self.waited if e.error is not None}
        if not errors:
            return None
        late = any(isinstance(error, WaitTimeout) for error in errors.values())
        found = [each.final for each in self.waited if each.error is None]
        kind = JobsTimeout if late else JobsUnsettled
        return kind(errors, found=[final for final in found if final is not None])


def _waited(handle: JobHandle, **options: Any) -> _Waited:
    changes: list[tuple[JobSnapshot | None, JobSnapshot]] = []
    wait = JobWait(
        job_id=handle.job_id(),
        client=handle.client,
        latest=lambda: handle.latest,
        look_once=lambda **_: handle.refresh(),
        index=None,
        on_change=lambda before, after: changes.append((before, after)),
        **options,
    )
    return _Waited(handle=handle, wait=wait, changes=changes)


def _handles(handles: Iterable[JobHandle]) -> list[JobHandle]:
    if isinstance(handles, JobHandle):
        raise InvalidRequest("a wait", [Problem("handles", "is one handle, not a list of them")])
    listed = list(handles)
    problems = [
        Problem(f"handles[{place}]", f"{_fields.shown(each)} is no JobHandle")
        for place, each in enumerate(listed)
        if not _fields.is_a(each, JobHandle)
    ]
    if problems:
        raise InvalidRequest("a wait", problems)
    return listed


def _by_server(open_ones: Iterable[_Waited]) -> Iterable[list[_Waited]]:
    groups: dict[tuple[SuperstaqClient, CircuitType], list[_Waited]] = defaultdict(list)
    for each in open_ones:
        groups[each.handle.client, each.handle.circuit_type].append(each)
    return groups.values()


# ---- what an answer means ----------------------------------------------------------------------


def _take(
    ask: _Ask, answer: _Jobs | BaseException, countdown: Countdown
) -> Iterator[list[_Waited]]:
    """Take in an answer; gives back the jobs that have to be asked about apart from the others."""
    if not isinstance(answer, BaseException):
        yield from _take_jobs(ask.waited, answer, {})
    elif isinstance(answer, ProtocolError) and _blames_single_jobs(answer, ask):
        yield from _take_jobs(ask.waited, answer.found, _blamed(answer, ask))
    elif not isinstance(answer, SuperstaqServerException):
        raise answer
    elif ask.client.retry_policy.may_repeat(answer, safe_to_repeat=True):
        countdown.failed(answer)
        for each in ask.waited:
            each.wait.absorb(answer)
            each.failure = answer
    elif len(ask.call.job_ids) > 1 and not isinstance(answer, AuthenticationError | TlsError):
        # It may be about one of them: the halves tell which.
        ids = ask.call.job_ids
        first = set(ids[: len(ids) // 2])
        yield [each for each in ask.waited if each.handle.job_id() in first]
        yield [each for each in ask.waited if each.handle.job_id() not in first]
    else:
        for each in ask.waited:
            each.error = answer


def _take_jobs(
    waited: Sequence[_Waited], jobs: _Jobs, blamed: dict[UUID, SuperstaqServerException]
) -> Iterator[list[_Waited]]:
    found = {job.job_id: job for job in jobs}
    apart = []
    for each in waited:
        job_id = each.handle.job_id()
        each.failure = None
        if job_id in found:
            try:
                each.wait.take(each.keep(found[job_id]))
            except SuperstaqException as error:
                each.error = error
        elif job_id in blamed:
            each.error = blamed[job_id]
        elif blamed:
            apart.append(each)  # the list of what is wrong is bounded: this job was not in it
        else:
            each.error = JobsNotFound([job_id])
    if apart:
        yield apart


def _blames_single_jobs(error: ProtocolError, ask: _Ask) -> bool:
    return bool(error.found) or bool(_blamed(error, ask))


def _blamed(error: ProtocolError, ask: _Ask) -> dict[UUID, SuperstaqServerException]:
    by_id: dict[UUID, SuperstaqServerException] = {}
    for job_id in ask.call.job_ids:
        problems = [p for p in error.problems if p.where.startswith(f"$.{job_id}")]
        if problems:
            by_id[job_id] = ProtocolError(
                f"job {job_id} cannot be read: the answer about it is not what the API promises",
                problems,
                status_code=error.status_code,
                job_ids=[job_id],
            )
    return by_id


# ---- drivers -----------------------------------------------------------------------------------


def _begin(asks: Sequence[_Ask], at_once: int, done: Callable[[int, Any], None]) -> None:
    """Send in threads of their own, so many at once; nobody has to wait for them at exit."""
    places = iter(range(len(asks)))
    lock = threading.Lock()

    def send_some() -> None:
        while True:
            with lock:
                place = next(places, None)
            if place is None:
                return
            done(place, asks[place].send())

    for _ in range(min(at_once, len(asks))):
        threading.Thread(target=send_some, name="superstaq-jobs look", daemon=True).start()


def _send(asks: Sequence[_Ask], at_once: int) -> list[Any]:
    if len(asks) == 1 or at_once == 1:
        return [ask.send() for ask in asks]
    answered: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
    _begin(asks, at_once, lambda place, answer: answered.put((place, answer)))
    answers = dict(answered.get() for _ in asks)
    return [answers[place] for place in range(len(asks))]


async def _send_async(asks: Sequence[_Ask], at_once: int) -> list[Any]:
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in asks]

    def settle(place: int, answer: Any) -> None:
        if not futures[place].done():  # nobody waits for it where the task was cancelled
            futures[place].set_result(answer)

    def done(place: int, answer: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, place, answer)

    _begin(asks, at_once, done)
    return list(await asyncio.gather(*futures))


def _run(loop: _Loop) -> Iterator[_Waited]:
    steps = loop.steps()
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            return
        answer = None
        if isinstance(step, _Waited):
            yield step
        elif isinstance(step, _Pause):
            if loop.clock is not None:
                loop.clock.sleep(step.seconds)
        else:
            answer = _send(step, loop.requests_at_once)


# ---- the public functions ----------------------------------------------------------------------


def wait_all(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    *,
    until: Stage | str = Stage.FINISHED,
    poll_policy: PollPolicy | None = None,
    unknown_status_seconds: float | None = 600,
    requests_at_once: int = 4,
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

    Returns:
        The final snapshots, in the order of the handles.

    Raises:
        JobsUnsettled: When all others are over, for jobs that could not be read or found.
        JobsTimeout: If the time ran out; it is a ``TimeoutError`` too. Both hold the final
            snapshots of the others, and the reason for each job.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option. Nothing was sent.
    """
    loop = _Loop(
        handles,
        timeout_seconds=timeout_seconds,
        polling_seconds=polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
        requests_at_once=requests_at_once,
    )
    for _ in _run(loop):
        pass
    error = loop.unsettled()
    if error is not None:
        raise error
    finals = [each.final for each in loop.waited]
    return tuple(final for final in finals if final is not None)


def as_completed(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    *,
    until: Stage | str = Stage.FINISHED,
    poll_policy: PollPolicy | None = None,
    unknown_status_seconds: float | None = 600,
    requests_at_once: int = 4,
) -> Iterator[JobSnapshot]:
    """The final snapshot of each of many jobs, as it comes; as ``wait_all`` asks for them.

    Nothing is asked until the first is wanted, nor after the loop is left.

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

    Yields:
        Final snapshots, those that are known to be over first.

    Raises:
        JobsUnsettled: When all others are over, for jobs that could not be read or found.
        JobsTimeout: If the time ran out; it is a ``TimeoutError`` too. Both hold the final
            snapshots of the others, and the reason for each job.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option. Nothing was sent.
    """
    loop = _Loop(
        handles,
        timeout_seconds=timeout_seconds,
        polling_seconds=polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
        requests_at_once=requests_at_once,
    )
    return _finals(loop)


def _finals(loop: _Loop) -> Iterator[JobSnapshot]:
    for each in _run(loop):
        if each.error is None and (final := each.final) is not None:
            yield final
    error = loop.unsettled()
    if error is not None:
        raise error


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
) -> tuple[JobSnapshot, ...]:
    """Wait until some of many jobs are over; as ``wait_all`` asks for them.

    Args:
        handles: The handles, of any clients; one job may come twice.
        n: How many are enough.
        timeout_seconds: How long to wait for all of them together; None without a limit, 0 to look
            once.
        polling_seconds: The pause between two rounds.
        until: ``finished``, or ``compiled`` to wait only until compilation is behind.
        poll_policy: Pauses that grow with the time waited, instead of ``polling_seconds``; the job
            that is due first sets the pause.
        unknown_status_seconds: How long to wait on a status that this version does not know; None
            without a limit.
        requests_at_once: How many requests of a round may be under way together, 1 or more.

    Returns:
        The final snapshots of the first ``n``.

    Raises:
        JobsUnsettled: When all others are over, for jobs that could not be read or found.
        JobsTimeout: If the time ran out; it is a ``TimeoutError`` too. Both hold the final
            snapshots of the others, and the reason for each job.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option. Nothing was sent.
    """
    loop = _Loop(
        handles,
        timeout_seconds=timeout_seconds,
        polling_seconds=polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
        requests_at_once=requests_at_once,
    )
    if type(n) is not int or not 0 <= n <= len(loop.waited):
        what = f"{n!r} is no number from 0 to the {len(loop.waited)} handles"
        raise InvalidValue("a wait", [Problem("n", what)])
    finals = _finals(loop)
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
) -> Iterator[tuple[JobSnapshot | None, JobSnapshot]]:
    """Every change of many jobs until all are over; as ``wait_all`` asks for them.

    A job that is known to be over has no changes.

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

    Yields:
        The snapshots before (None at first) and after, as each job changes.

    Raises:
        JobsUnsettled: When all others are over, for jobs that could not be read or found.
        JobsTimeout: If the time ran out; it is a ``TimeoutError`` too. Both hold the final
            snapshots of the others, and the reason for each job.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option. Nothing was sent.
    """
    loop = _Loop(
        handles,
        timeout_seconds=timeout_seconds,
        polling_seconds=polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
        requests_at_once=requests_at_once,
    )
    return _changes(loop)


def _changes(loop: _Loop) -> Iterator[tuple[JobSnapshot | None, JobSnapshot]]:
    for each in _run(loop):
        changes, each.changes[:] = list(each.changes), []
        yield from changes
    error = loop.unsettled()
    if error is not None:
        raise error


async def as_completed_async(
    handles: Iterable[JobHandle],
    timeout_seconds: float | None = None,
    polling_seconds: float = 5,
    *,
    until: Stage | str = Stage.FINISHED,
    poll_policy: PollPolicy | None = None,
    unknown_status_seconds: float | None = 600,
    requests_at_once: int = 4,
) -> AsyncIterator[JobSnapshot]:
    """``as_completed`` for ``async for``: the same loop, whose pauses and requests let others run.

    Cancelling the task stops it; a request that is under way is left to itself.

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

    Yields:
        Final snapshots, those that are known to be over first.

    Raises:
        JobsUnsettled: When all others are over, for jobs that could not be read or found.
        JobsTimeout: If the time ran out; it is a ``TimeoutError`` too. Both hold the final
            snapshots of the others, and the reason for each job.
        InvalidRequest: If something is no handle; ``InvalidValue`` for an option. Nothing was sent.
    """
    loop = _Loop(
        handles,
        timeout_seconds=timeout_seconds,
        polling_seconds=polling_seconds,
        until=until,
        poll_policy=poll_policy,
        unknown_status_seconds=unknown_status_seconds,
        requests_at_once=requests_at_once,
    )
    steps = loop.steps()
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration:
            break
        answer = None
        if isinstance(step, _Pause):
            await _pause_async(loop, step.seconds)
        elif isinstance(step, list):
            answer = await _send_async(step, loop.requests_at_once)
        elif step.error is None and (final := step.final) is not None:
            yield final
    error = loop.unsettled()
    if error is not None:
        raise error


async def _pause_async(loop: _Loop, seconds: float) -> None:
    if loop.clock is None or isinstance(loop.clock, SystemClock):
        await asyncio.sleep(seconds)
    else:
        loop.clock.sleep(seconds)  # a clock of a test's own
        await asyncio.sleep(0)
