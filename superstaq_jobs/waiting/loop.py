"""The one loop of all waits: what to do next, and what each response means. It does no I/O itself.

``WaitLoop.steps`` is a generator of steps (send these requests, pause) that ``drivers`` carries
out, in a thread or in ``asyncio``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from typing import Any

import attrs

from superstaq_jobs.client import SuperstaqClient
from superstaq_jobs.client.recorder import with_value
from superstaq_jobs.clock import Clock
from superstaq_jobs.errors import (
    AuthenticationError,
    JobsTimeout,
    JobsUnsettled,
    ProtocolError,
    SuperstaqServerException,
    TlsError,
    WaitTimeout,
)
from superstaq_jobs.records import CircuitType, JobId, JobSnapshot
from superstaq_jobs.records.ids import server_ids
from superstaq_jobs.wire.api import Call

from .deadline import Deadline, PollSchedule
from .job_wait import JobWait
from .latest import Latest, needed_ids
from .memory import ResponseMemory
from .options import WaitPlan

__all__ = ["Pause", "Polled", "Round", "Steps", "WaitLoop", "step_after"]

_Jobs = tuple[JobSnapshot, ...]
Outcome = _Jobs | BaseException | None  # None if there was nothing left to request


# ---- steps -------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Batch:
    """The waits on jobs that are polled with one request, round after round."""

    call: Call[_Jobs]
    waits: Sequence[JobWait]
    _last: _Jobs | None = attrs.field(default=None, init=False)
    _found: Sequence[JobSnapshot | None] = attrs.field(default=(), init=False)

    def found(self, jobs: _Jobs) -> Sequence[JobSnapshot | None]:
        """The snapshot for each wait in a response; a response without news is not searched."""
        if jobs is not self._last:
            by_id = {job.job_id: job for job in jobs}
            self._found = [each.latest.found_in(by_id) for each in self.waits]
            self._last = jobs
        return self._found

    def news(self, jobs: _Jobs) -> list[JobSnapshot]:
        """What a response says of each job: if that is what is known already, the known snapshot.

        Empty for a response without news.
        """
        if jobs is self._last:
            return []
        known = [each.latest.snapshot for each in self.waits]
        return [
            old if old is not None and old == job else job
            for old, job in zip(known, self.found(jobs), strict=True)
            if job is not None
        ]


@attrs.frozen(eq=False)
class Poll:
    """One request that is to be sent."""

    group: _Group
    batch: Batch
    deadline: float

    def send(self) -> Outcome:
        """Send it; an error is an outcome too."""
        known = [each.latest.snapshot for each in self.batch.waits]
        if all(job is not None and job.is_terminal for job in known):
            return None  # they have been refreshed since the round began
        try:
            # One poll, one request: the next poll is its retry.
            return self.group.client.send(
                self.batch.call, deadline=self.deadline, max_attempts=1, keep=self._keep
            )
        except ProtocolError as error:
            try:
                with_value(self._keep, error.found)
            except Exception as failure:  # noqa: BLE001 - raised again in the caller's thread
                return failure
            return error
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            return error

    def _keep(self, jobs: _Jobs) -> None:
        recorder = self.group.client.recorder
        news = [] if recorder is None else self.batch.news(jobs)
        if recorder is not None and news:
            recorder.record_all(news)


@attrs.frozen(eq=False)
class Round:
    """Requests that are to be sent, ``at_once`` of them at the same time."""

    polls: Sequence[Poll]
    at_once: int


@attrs.frozen(eq=False)
class NextOutcome:
    """The loop waits for the next outcome of the round, in whatever order they arrive."""


@attrs.frozen(eq=False)
class Pause:
    """The loop pauses."""

    clock: Clock
    seconds: float


Polled = tuple[Poll, Outcome]
Step = Round | NextOutcome | Pause | JobWait
Steps = Generator[Step, Any, None]


def step_after(steps: Steps, outcome: Polled | None) -> Step | None:
    """The next step of a loop, given the outcome that it waits for; None if that was the last."""
    try:
        return steps.send(outcome)
    except StopIteration:
        return None


# ---- which jobs go into which request ----------------------------------------------------------


class _Group:
    """The open waits on one client, in as few requests as possible.

    A request does not change while all its jobs are open, so a response without news has the same
    bytes as the last one.
    """

    def __init__(
        self,
        client: SuperstaqClient,
        circuit_type: CircuitType,
        waits: Iterable[JobWait],
        memory: ResponseMemory,
    ) -> None:
        self.client = client
        self._circuit_type = circuit_type
        self._memory = memory
        self.batches = self.batched(waits)
        self._room = max(len(batch.call.job_ids) for batch in self.batches)

    def batched(self, waits: Iterable[JobWait]) -> list[Batch]:
        """The requests for some of the jobs."""
        by_id: dict[JobId, list[JobWait]] = defaultdict(list)
        for each in waits:
            by_id[each.latest.job_id].append(each)
        if not by_id:
            return []
        return [
            Batch(
                self._memory.remembering(call),
                [each for job_id in call.job_ids for each in by_id[job_id]],
            )
            for call in self.client.api.fetch_jobs(tuple(by_id), self._circuit_type)
        ]

    def polls(self, batches: Iterable[Batch], deadline: Deadline) -> Iterator[Poll]:
        """The polls of some batches, given what is known now."""
        ends = self.client.deadline_in(deadline.seconds_for_requests())
        for batch in batches:
            if batch.call.only is not None:
                cells = [each.latest for each in batch.waits]
                needed = {i for cell in cells for i in needed_ids(cell.job_id, cell.snapshot)}
                batch.call = self._memory.only(batch.call, needed)
            for each in batch.waits:
                each.note_request()
            yield Poll(self, batch, ends)

    def keep(self, open_waits: Collection[JobWait]) -> None:
        """Leave out all other waits, which have ended, and forget their jobs.

        Whether a wait is open is not judged here again: its job may have finished since then.
        """
        waits = [each for batch in self.batches for each in batch.waits]
        still_open = [[w for w in batch.waits if w in open_waits] for batch in self.batches]
        num_open = sum(map(len, still_open))
        kept: list[Batch] = []
        if num_open <= self._room * (sum(map(bool, still_open)) - 1):
            kept = self.batched(each for waits in still_open for each in waits)
        else:
            for batch, left in zip(self.batches, still_open, strict=True):
                kept += [batch] if len(left) == len(batch.waits) else self.batched(left)
        self.batches = kept
        ended = [each.latest.job_id for each in waits if each not in open_waits]
        self._memory.forget(ended, except_calls=[batch.call for batch in kept])


# ---- the loop ----------------------------------------------------------------------------------


class WaitLoop:
    """The one loop of all waits; ``memory`` gives the memory of one client's responses."""

    def __init__(
        self,
        cells: Iterable[Latest],
        plan: WaitPlan,
        *,
        memory: Callable[[], ResponseMemory] = ResponseMemory,
    ) -> None:
        self.waits = [JobWait(latest, plan) for latest in cells]
        self.plan = plan
        self.deadline: Deadline | None = None
        self._memory = memory

    def steps(self) -> Steps:
        """What to do next; and each wait that has a change to report, has failed or has ended."""
        if not self.waits:
            return
        # One clock for the loop: that of the first client.
        clock = self.waits[0].latest.client.clock
        deadline = self.deadline = Deadline(clock, self.plan.timeout_seconds)
        for each in self.waits:
            each.begin()
        open_waits = yield from _report(self.waits)
        groups = self._groups(open_waits)
        schedule = PollSchedule(deadline, lambda: min(each.pause_seconds() for each in open_waits))
        while open_waits:
            yield from self._poll(groups, clock, deadline)
            open_waits = yield from _left_open(open_waits, groups)
            pause = schedule.pause_after(bool(open_waits))
            if pause is None:
                break
            yield Pause(clock, pause)
            open_waits = yield from _left_open(open_waits, groups)
        for each in open_waits:
            if each.is_open:
                each.time_out(deadline)
                yield each
            else:  # it finished while the caller had the report before
                yield from _report([each])

    def _groups(self, waits: Iterable[JobWait]) -> list[_Group]:
        groups: dict[tuple[SuperstaqClient, CircuitType], list[JobWait]] = defaultdict(list)
        for each in waits:
            client = each.latest.client
            # A format that the server cannot be asked for is not a reason for another request.
            converts = client.api.converts_circuits
            kind = each.latest.circuit_type if converts else client.circuit_type
            groups[client, kind].append(each)
        return [_Group(*key, group, self._memory()) for key, group in groups.items()]

    def _poll(self, groups: Sequence[_Group], clock: Clock, deadline: Deadline) -> Steps:
        spent = 0.0
        began = clock.now()
        if not deadline.allows_one_poll:
            # Polls of all waits are spread out, but that may take only half of the time left.
            clients = {group.client for group in groups if group.batches}
            delay = max(client.reserve_poll() for client in clients)
            delay = min(delay, 0.5 * deadline.seconds_left())
            if delay > 0:
                yield Pause(clock, delay)
        polls = [poll for group in groups for poll in group.polls(group.batches, deadline)]
        while polls:
            yield Round(polls, self.plan.requests_at_once)
            again: list[Poll] = []
            for _ in polls:
                poll, outcome = yield NextOutcome()
                for waits in _take(poll, outcome, deadline):
                    again += poll.group.polls(poll.group.batched(waits), deadline)
                # Reported at once, before the other responses; the caller's time is not a poll's.
                spent += clock.now() - began
                yield from _report(poll.batch.waits)
                began = clock.now()
            polls = again
        deadline.note_poll(spent)

    def finals(self) -> tuple[JobSnapshot, ...]:
        """The final snapshots of the jobs that have one, in the order of the cells."""
        finals = [each.final for each in self.waits if each.error is None]
        return tuple(final for final in finals if final is not None)

    def raise_unsettled(self) -> None:
        """Raise an error for the jobs that failed or timed out, if there are any."""
        errors = {e.latest.job_id: e.error for e in self.waits if e.error is not None}
        if not errors:
            return
        late = any(isinstance(error, WaitTimeout) for error in errors.values())
        raise (JobsTimeout if late else JobsUnsettled)(errors, found=self.finals())

    def only_final(self) -> JobSnapshot:
        """The final snapshot of the only job; its error is raised as it is."""
        (wait,) = self.waits
        if wait.error is not None:
            raise wait.error
        (final,) = self.finals()
        return final


def _report(waits: Iterable[JobWait]) -> Generator[JobWait, Any, list[JobWait]]:
    """Yield those that have something to report; returns those that are still open."""
    open_waits = []
    for each in waits:
        is_open = each.is_open
        if is_open:
            open_waits.append(each)
        elif not each.is_reported:
            each.catch_up()  # it may have been refreshed during a pause or a report
        if each.change is not None or not (is_open or each.is_reported):
            each.is_reported = not is_open
            yield each
            each.change = None
    return open_waits


def _left_open(
    waits: Sequence[JobWait], groups: Iterable[_Group]
) -> Generator[JobWait, Any, list[JobWait]]:
    open_waits = yield from _report(waits)
    if len(open_waits) < len(waits):
        kept = set(open_waits)
        for group in groups:
            group.keep(kept)
    return open_waits


# ---- what an outcome means ---------------------------------------------------------------------


def _take(poll: Poll, outcome: Outcome, deadline: Deadline) -> Iterator[Sequence[JobWait]]:
    """Take in an outcome; yields groups of waits to poll again, each with its own request."""
    ids, waits = poll.batch.call.job_ids, poll.batch.waits
    if outcome is None:
        for each in waits:
            each.catch_up()
    elif not isinstance(outcome, BaseException):
        _take_jobs(poll.batch, outcome)
    elif not isinstance(outcome, SuperstaqServerException):
        raise outcome
    elif poll.group.client.retry_policy.may_repeat(outcome, safe_to_repeat=True):
        deadline.note_failure(outcome)
        for each in waits:
            each.note_failure(outcome)
    elif len(ids) == 1 or isinstance(outcome, AuthenticationError | TlsError):
        for each in waits:
            each.error = outcome
    elif isinstance(outcome, ProtocolError) and (outcome.found or _blamed(outcome, ids)):
        yield from _take_readable(poll.batch, outcome)
    else:
        # One job may be the cause: polling the halves shows which.
        first = set(ids[: len(ids) // 2])
        yield [each for each in waits if each.latest.job_id in first]
        yield [each for each in waits if each.latest.job_id not in first]


def _take_jobs(batch: Batch, jobs: _Jobs) -> None:
    for each, found in zip(batch.waits, batch.found(jobs), strict=True):
        if found is None:
            each.error = each.latest.not_found_in(jobs)
        else:
            each.note_response(found)


def _take_readable(batch: Batch, error: ProtocolError) -> Iterator[Sequence[JobWait]]:
    blamed = _blamed(error, batch.call.job_ids)
    again = []
    for each, found in zip(batch.waits, batch.found(error.found), strict=True):
        if found is not None:
            each.note_response(found)
        elif each.latest.job_id in blamed:
            each.error = blamed[each.latest.job_id]
        elif blamed:
            again.append(each)  # an error lists a limited number of problems: not this job's
        else:
            each.error = each.latest.not_found_in(error.found)
    if again:
        yield again


def _blamed(
    error: ProtocolError, job_ids: Iterable[JobId]
) -> dict[JobId, SuperstaqServerException]:
    by_id: dict[JobId, SuperstaqServerException] = {}
    found = {job.job_id: job for job in error.found}
    for job_id in job_ids:
        ids = server_ids(job_id)
        # A path goes on with a dot or a bracket after the id.
        paths = tuple(f"$.{each}{after}" for each in ids for after in ".[")
        whole = {f"$.{each}" for each in ids}
        problems = [p for p in error.problems if p.where.startswith(paths) or p.where in whole]
        if problems:
            by_id[job_id] = ProtocolError(
                f"job {job_id} cannot be read: the response about it is not what the API promises",
                problems,
                status_code=error.status_code,
                job_ids=[job_id],
                found=[found[each] for each in ids if each in found],
            )
    return by_id
