"""The one loop of all waits: what is to be done, and what has been seen. It does nothing itself.

Lives here: ``WaitLoop``, a generator of steps (ask, pause) that ``_wait_drivers`` carries out, for
threads and for ``asyncio``; and what an answer means for the jobs that were asked about. May import
``_job_wait``, ``_seen`` and below.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import attrs

from superstaq_jobs.client import SuperstaqClient
from superstaq_jobs.clock import Clock
from superstaq_jobs.errors import (
    AuthenticationError,
    JobsNotFound,
    JobsTimeout,
    JobsUnsettled,
    ProtocolError,
    SuperstaqServerException,
    TlsError,
    WaitTimeout,
)
from superstaq_jobs.records import CircuitType, JobQuery, JobSnapshot
from superstaq_jobs.wire.api import Call

from .deadline import Countdown, Looks
from .job_wait import JobWait, Waitable
from .memory import SeenJobs
from .options import WaitOptions

__all__: list[str] = []

_Jobs = tuple[JobSnapshot, ...]
Answer = _Jobs | BaseException


# ---- steps -------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Batch:
    """Jobs of one client that are asked about in one request, round after round.

    Attributes:
        call: The request, and what reads its answer.
        waits: The waits on its jobs.
    """

    call: Call[_Jobs]
    waits: Sequence[JobWait]
    _last: _Jobs | None = attrs.field(default=None, init=False)
    _found: Sequence[JobSnapshot | None] = attrs.field(default=(), init=False)

    def found(self, jobs: _Jobs) -> Sequence[JobSnapshot | None]:
        """What an answer says of the job of each wait. One without news is not looked through."""
        if jobs is not self._last:
            by_id = {job.job_id: job for job in jobs}
            self._found = [by_id.get(each.handle.job_id()) for each in self.waits]
            self._last = jobs
        return self._found


@attrs.frozen(eq=False)
class Ask:
    """One request that is to be sent."""

    pack: _Pack
    batch: Batch
    deadline: float

    def send(self) -> Answer:
        """Ask; what goes wrong is an answer too."""
        known = [each.handle.latest for each in self.batch.waits]
        over = tuple(job for job in known if job is not None and job.is_terminal)
        if len(over) == len(known):  # somebody has looked since the round began
            return over
        try:
            # One look, one request: the next look is its repetition.
            return self.pack.client.send(self.batch.call, deadline=self.deadline, max_attempts=1)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            return error


@attrs.frozen(eq=False)
class Round:
    """Requests that are to be sent, so many at once."""

    asks: Sequence[Ask]
    at_once: int


@attrs.frozen(eq=False)
class NextAnswer:
    """The next answer to a request of the round, in whatever order they come, is wanted."""


@attrs.frozen(eq=False)
class Pause:
    """Nothing is to be done for so long."""

    clock: Clock
    seconds: float


Answered = tuple[Ask, Answer]
Step = Round | NextAnswer | Pause | JobWait
Steps = Generator[Step, Any, None]


# ---- which jobs go into which request ----------------------------------------------------------


class _Pack:
    """The open waits on one client, in as few requests as fit.

    A request stays what it was while its jobs are open, so that its answer is known by its bytes.
    """

    def __init__(
        self, client: SuperstaqClient, kind: CircuitType, waits: Sequence[JobWait], seen: SeenJobs
    ) -> None:
        self.client = client
        self._kind = kind
        self._seen = seen
        self.batches = self.packed(waits)
        self._room = max(len(batch.call.job_ids) for batch in self.batches)

    def packed(self, waits: Iterable[JobWait]) -> list[Batch]:
        """The requests for some of the jobs."""
        by_id: dict[UUID, list[JobWait]] = defaultdict(list)
        for each in waits:
            by_id[each.handle.job_id()].append(each)
        if not by_id:
            return []
        query = JobQuery(job_id=tuple(by_id))
        return [
            Batch(
                self._seen.reading(call),
                [each for job_id in call.job_ids for each in by_id[job_id]],
            )
            for call in self.client.api.query_jobs(query, self._kind)
        ]

    def asks(self, batches: Iterable[Batch], countdown: Countdown) -> Iterator[Ask]:
        """Ask about them, from what is known now."""
        deadline = self.client.deadline_in(countdown.seconds_for_requests())
        for batch in batches:
            for each in batch.waits:
                each.ask()
            yield Ask(self, batch, deadline)

    def drop_settled(self) -> None:
        """Leave out what is over, and forget it."""
        waits = [each for batch in self.batches for each in batch.waits]
        open_ones = [[each for each in batch.waits if each.is_open] for batch in self.batches]
        num_open = sum(map(len, open_ones))
        kept: list[Batch] = []
        if num_open <= self._room * (sum(map(bool, open_ones)) - 1):
            kept = self.packed(each for still in open_ones for each in still)
        else:
            for batch, still in zip(self.batches, open_ones, strict=True):
                kept += [batch] if len(still) == len(batch.waits) else self.packed(still)
        self.batches = kept
        over = [each.handle.job_id() for each in waits if not each.is_open]
        self._seen.forget(over, except_calls=[batch.call for batch in kept])


# ---- the loop ----------------------------------------------------------------------------------


class WaitLoop:
    """The one loop of all waits.

    Args:
        handles: What is waited for.
        options: How.
        requests_at_once: How many requests of a round may be under way together.
        memory: Gives what is to remember the answers of one client's jobs.
    """

    def __init__(
        self,
        handles: Iterable[Waitable],
        options: WaitOptions,
        *,
        requests_at_once: int = 1,
        memory: Callable[[], SeenJobs] = SeenJobs,
    ) -> None:
        self.waits = [JobWait(handle, options) for handle in handles]
        self.countdown: Countdown | None = None
        self._timeout_seconds = options.timeout_seconds
        self._at_once = requests_at_once
        self._memory = memory

    def steps(self) -> Steps:
        """What is to be done, and each wait that has a change to tell, failed or is over."""
        if not self.waits:
            return
        # One clock for the loop: that of the first client.
        clock = self.waits[0].handle.client.clock
        countdown = self.countdown = Countdown(clock, self._timeout_seconds)
        for each in self.waits:
            each.begin()
        open_ones = yield from _told(self.waits)
        packs = self._packs(open_ones)
        looks = Looks(countdown, lambda: min(each.pause_seconds() for each in open_ones))
        while open_ones:
            yield from self._look(packs, clock, countdown)
            open_ones = yield from _left_open(open_ones, packs)
            pause = looks.pause_after(bool(open_ones))
            if pause is None:
                break
            yield Pause(clock, pause)
            for each in open_ones:
                each.catch_up()
            open_ones = yield from _left_open(open_ones, packs)
        for each in open_ones:
            each.run_out(countdown)
            yield each

    def _packs(self, waits: Sequence[JobWait]) -> list[_Pack]:
        groups: dict[tuple[SuperstaqClient, CircuitType], list[JobWait]] = defaultdict(list)
        for each in waits:
            groups[each.handle.client, each.handle.circuit_type].append(each)
        return [
            _Pack(client, kind, group, self._memory()) for (client, kind), group in groups.items()
        ]

    def _look(self, packs: Sequence[_Pack], clock: Clock, countdown: Countdown) -> Steps:
        looked = 0.0
        began = clock.now()
        if not countdown.looks_once:
            # Turns spread waits out; none may take the time away in which to look.
            clients = {pack.client for pack in packs if pack.batches}
            turn = max(client.look_in() for client in clients)
            turn = min(turn, 0.5 * countdown.seconds_left())
            if turn > 0:
                yield Pause(clock, turn)
        asks = [ask for pack in packs for ask in pack.asks(pack.batches, countdown)]
        while asks:
            yield Round(asks, self._at_once)
            again: list[Ask] = []
            for _ in asks:
                ask, answer = yield NextAnswer()
                for apart in _take(ask, answer, countdown):
                    again += ask.pack.asks(ask.pack.packed(apart), countdown)
                # What is told now need not wait for the other answers; telling is no looking.
                looked += clock.now() - began
                yield from _told(ask.batch.waits)
                began = clock.now()
            asks = again
        countdown.looked(looked)

    # ---- what came of it -------------------------------------------------------------------

    def finals(self) -> tuple[JobSnapshot, ...]:
        """The final snapshots of those that have one, in the order of the handles."""
        finals = [each.final for each in self.waits if each.error is None]
        return tuple(final for final in finals if final is not None)

    def raise_unsettled(self) -> None:
        """Raise the error for the jobs that failed or ran out of time, if any did."""
        errors = {e.handle.job_id(): e.error for e in self.waits if e.error is not None}
        if not errors:
            return
        late = any(isinstance(error, WaitTimeout) for error in errors.values())
        raise (JobsTimeout if late else JobsUnsettled)(errors, found=self.finals())

    def only_final(self) -> JobSnapshot:
        """The final snapshot of the only one; its error is raised as it is."""
        (wait,) = self.waits
        if wait.error is not None:
            raise wait.error
        (final,) = self.finals()
        return final


def _told(waits: Iterable[JobWait]) -> Generator[JobWait, Any, list[JobWait]]:
    """Tell what there is to tell of them; those that are still open."""
    open_ones = []
    for each in waits:
        is_open = each.is_open
        if is_open:
            open_ones.append(each)
        elif not each.has_ended:
            each.catch_up()  # who reads what is told may have looked by itself meanwhile
        if each.change is not None or not (is_open or each.has_ended):
            each.has_ended = not is_open
            yield each
            each.change = None
    return open_ones


def _left_open(
    waits: Sequence[JobWait], packs: Iterable[_Pack]
) -> Generator[JobWait, Any, list[JobWait]]:
    open_ones = yield from _told(waits)
    if len(open_ones) < len(waits):
        for pack in packs:
            pack.drop_settled()
    return open_ones


# ---- what an answer means ----------------------------------------------------------------------


def _take(ask: Ask, answer: Answer, countdown: Countdown) -> Iterator[Sequence[JobWait]]:
    """Take in an answer; gives back the jobs that have to be asked about apart from the others."""
    ids, waits = ask.batch.call.job_ids, ask.batch.waits
    if not isinstance(answer, BaseException):
        _take_jobs(ask.batch, answer)
    elif not isinstance(answer, SuperstaqServerException):
        raise answer
    elif ask.pack.client.retry_policy.may_repeat(answer, safe_to_repeat=True):
        countdown.failed(answer)
        for each in waits:
            each.absorb(answer)
    elif len(ids) == 1 or isinstance(answer, AuthenticationError | TlsError):
        for each in waits:
            each.error = answer
    elif isinstance(answer, ProtocolError) and (answer.found or _blamed(answer, ids)):
        yield from _take_readable(ask.batch, answer)
    else:
        # It may be about one of them: the halves tell which.
        first = set(ids[: len(ids) // 2])
        yield [each for each in waits if each.handle.job_id() in first]
        yield [each for each in waits if each.handle.job_id() not in first]


def _take_jobs(batch: Batch, jobs: _Jobs) -> None:
    for each, found in zip(batch.waits, batch.found(jobs), strict=True):
        if found is None:
            each.error = JobsNotFound([each.handle.job_id()])
        else:
            each.look(found)


def _take_readable(batch: Batch, error: ProtocolError) -> Iterator[Sequence[JobWait]]:
    blamed = _blamed(error, batch.call.job_ids)
    apart = []
    for each, found in zip(batch.waits, batch.found(error.found), strict=True):
        if found is not None:
            each.look(found)
        elif each.handle.job_id() in blamed:
            each.error = blamed[each.handle.job_id()]
        elif blamed:
            apart.append(each)  # the list of what is wrong is bounded: this job was not in it
        else:
            each.error = JobsNotFound([each.handle.job_id()])
    if apart:
        yield apart


def _blamed(error: ProtocolError, job_ids: Iterable[UUID]) -> dict[UUID, SuperstaqServerException]:
    by_id: dict[UUID, SuperstaqServerException] = {}
    for job_id in job_ids:
        problems = [p for p in error.problems if p.where.startswith(f"$.{job_id}")]
        if problems:
            by_id[job_id] = ProtocolError(
                f"job {job_id} cannot be read: the answer about it is not what the API promises",
                problems,
                status_code=error.status_code,
                job_ids=[job_id],
            )
    return by_id
