"""The one loop of all waits: what to do next. It does no I/O itself.

``WaitLoop.steps`` is a generator of steps: send these requests, wait for a response, pause. A
driver carries them out, in a thread or in ``asyncio``. There is not a round for all: each batch of
jobs has its own time, so that a slow request delays none of the others.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from typing import Any, NamedTuple

from superstaq_jobs.clock import Clock
from superstaq_jobs.errors import JobsTimeout, JobsUnsettled, SuperstaqServerException, WaitTimeout
from superstaq_jobs.records import JobSnapshot
from superstaq_jobs.records.problems import warn
from superstaq_jobs.wire.api import name_jobs

from .batches import Batch, Group, Rest, groups_of, seconds_until_due
from .deadline import Alarm, Deadline
from .job_wait import JobWait
from .latest import Latest
from .options import WaitPlan
from .outcomes import Outcomes
from .polls import Poll

__all__ = ["Pause", "Steps", "WaitLoop", "step_after"]


class Pause(NamedTuple):
    """The loop pauses; or waits until a poll has an outcome, and gets it, but for no longer."""

    seconds: float
    for_outcome: bool = False


Step = Poll | Pause | JobWait
"""A poll is sent, and the loop does not wait for it; a wait is reported."""
Steps = Generator[Step, Any, None]


def step_after(steps: Steps, poll: Poll | None) -> Step | None:
    """The next step of a loop, given the poll that it waits for; None if that was the last."""
    try:
        return steps.send(poll)
    except StopIteration:
        return None


class WaitLoop:
    """The one loop of all waits.

    Attributes:
        waits: A wait for each cell, in order.
        deadline: When it ends; None before the first step.
    """

    def __init__(self, cells: Iterable[Latest], plan: WaitPlan) -> None:
        self.waits = [JobWait(cell, plan) for cell in cells]
        self.plan = plan
        self.deadline: Deadline | None = None
        self._outcomes: dict[Group, Outcomes] = {}
        self._alarm = Alarm()

    @property
    def clock(self) -> Clock:
        """The clock of the first client; the loop has only this one."""
        return self.waits[0].cell.client.clock

    @property
    def has_one_batch(self) -> bool:
        """Whether there is nothing to do until there is an outcome of a request that is sent."""
        return sum(len(group.batches) for group in self._outcomes) == 1

    def steps(self) -> Steps:
        """What to do next; and each wait that has a change to report, has failed or has ended."""
        if not self.waits:
            return
        clock = self.clock
        deadline = self.deadline = Deadline(clock, self.plan.timeout_seconds)
        for each in self.waits:
            each.begin()
        open_waits = yield from _report(self.waits)
        groups = groups_of(open_waits, deadline)
        self._outcomes = {group: Outcomes(group) for group in groups}
        in_progress = 0
        while open_waits:
            pause = self._seconds_until_due()
            if pause <= 0:
                in_progress += yield from _send(groups, deadline)
                continue
            if not in_progress:
                open_waits = yield from _report(open_waits)
                if pause == math.inf or not open_waits:
                    break
            poll = yield Pause(pause, for_outcome=in_progress > 0)
            if poll is None:
                open_waits = yield from _report(open_waits)
            else:
                in_progress -= 1
                yield from self._take(poll, deadline)
        for each in open_waits:
            if each.is_open:  # it may have finished while the caller had the report before
                each.time_out(deadline)
            yield from _report([each])

    def _seconds_until_due(self) -> float:
        for outcomes in self._outcomes.values():
            outcomes.probe()
        return seconds_until_due(self._outcomes, self.clock.now())

    def _take(self, poll: Poll, deadline: Deadline) -> Steps:
        """Take in an outcome, report what is new, and plan the next request."""
        batch = poll.batch
        again = self._outcomes[batch.group].take(poll)
        deadline.note_poll(poll.seconds)
        if isinstance(poll.outcome, SuperstaqServerException):
            self._warn(batch, poll.outcome, deadline)
        # Reported at once, before the other responses; the caller's time is not a poll's.
        yield from _report(batch.waits)
        pauses = [each.pause_seconds() for each in batch.waits if each.is_open]
        if pauses and not again:
            batch.pause(min(pauses), last_began=poll.queued_at)
        else:
            batch.rest = Rest()  # without any open, it is due at once, to be left out

    def _warn(self, batch: Batch, error: SuperstaqServerException, deadline: Deadline) -> None:
        """Say, from time to time, that there has been no response for long."""
        began = [each.outage.began for each in batch.waits if each.is_open and each.outage]
        since, now = min(began, default=math.inf), deadline.clock.now()
        if not self._alarm.rings(now, since=since):
            return
        left = deadline.seconds_left()
        goes_on = "without a limit" if left == math.inf else f"for {max(0.0, left):.0f} s more"
        warn(
            f"a wait has had no response about {name_jobs(batch.job_ids)} for "
            f"{now - since:.0f} s; it goes on {goes_on}. Nothing was changed. Check the connection "
            f"and the host, or interrupt the wait. The last failure: {error}"
        )

    def finals(self) -> tuple[JobSnapshot, ...]:
        """The final snapshots of the jobs that have one, in the order of the cells."""
        finals = [each.final for each in self.waits if each.error is None]
        return tuple(final for final in finals if final is not None)

    def raise_unsettled(self) -> None:
        """Raise an error for the jobs that failed or timed out, if there are any."""
        errors = {e.cell.job_id: e.error for e in self.waits if e.error is not None}
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


def _send(groups: Sequence[Group], deadline: Deadline) -> Generator[Step, Any, int]:
    """Send the requests that are due, and return how many they are."""
    due = [batch for group in groups for batch in group.take_due(deadline.clock.now())]
    if due and not deadline.allows_only_one_poll:
        # Polls of all waits are spread out, but that may take only half of the time left.
        delay = max(client.reserve_poll() for client in {batch.group.client for batch in due})
        delay = min(delay, 0.5 * max(0.0, deadline.seconds_left()))
        if delay > 0:
            yield Pause(delay)
    polls = [Poll.of(batch) for batch in due]
    yield from polls
    return len(polls)


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
