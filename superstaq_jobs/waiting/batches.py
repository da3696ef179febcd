"""Which jobs are polled with which request, and when.

A ``Batch`` is polled by itself: the pause before its next request begins with its last response. A
``Group`` has the batches of one client, and makes new ones when jobs have ended.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import attrs

from superstaq_jobs.client import SuperstaqClient
from superstaq_jobs.errors import SuperstaqException
from superstaq_jobs.records import CircuitType, JobId, JobSnapshot

from .deadline import Deadline
from .job_wait import JobWait
from .memory import RepeatedCall

__all__ = ["Batch", "Group", "Rest", "groups_of", "seconds_until_due"]

_Jobs = tuple[JobSnapshot, ...]

_INSTANT = 1e-9
_LONGEST_SLACK_SECONDS = 1.0
_SLACK_SHARE = 0.2


class Rest(NamedTuple):
    """A pause of a batch, from a time on the loop's clock; infinite until there is an outcome."""

    since: float = -math.inf
    seconds: float = 0.0

    def seconds_left(self, now: float) -> float:
        """Seconds until it ends, 0 or less if it has."""
        left = self.seconds - (now - self.since)
        # The sum of the times slept differs from the pause in the last digit.
        return left if left > min(_INSTANT, 0.5 * self.seconds) else min(left, 0.0)


@attrs.define(eq=False)
class Batch:
    """The waits on jobs that are polled with one request.

    Attributes:
        is_part: Whether it is a part of a batch that was refused, and not accepted yet.
        is_probe: Whether it shows if a refusal of other jobs is about everything.
        accepted_before: How many of its group had been accepted when it was made or accepted last.
        num_failed: How many requests in a row had a transient failure.
        rest: The pause before its next request.
        last: The last response; it is the same object as the one before if it has no news.
    """

    group: Group
    call: RepeatedCall
    waits: Sequence[JobWait]
    is_part: bool = False
    is_probe: bool = False
    accepted_before: int = 0
    num_failed: int = attrs.field(default=0, init=False)
    rest: Rest = attrs.field(default=Rest(), init=False)
    last: _Jobs | None = attrs.field(default=None, init=False)
    _found: Sequence[JobSnapshot | None] = attrs.field(default=(), init=False)

    @property
    def job_ids(self) -> tuple[JobId, ...]:
        """The jobs that are requested."""
        return self.call.current.job_ids

    def found(self, jobs: _Jobs) -> Sequence[JobSnapshot | None]:
        """The snapshot for each wait in a response; one without news is not searched again."""
        if jobs is not self.last:
            by_id = {job.job_id: job for job in jobs}
            self._found = [each.cell.found_in(by_id) for each in self.waits]
            self.last = jobs
        return self._found

    def pause(self, seconds: float, *, last_began: float) -> None:
        """Rest before the next request as the deadline permits, without end after the last one.

        ``last_began`` is when the last request for these jobs began.
        """
        deadline = self.group.deadline
        pause = deadline.pause_before_next(seconds, last_began=last_began)
        self.rest = Rest(deadline.clock.now(), math.inf if pause is None else pause)

    def fail(self, error: SuperstaqException) -> None:
        """End the waits that are still open with an error."""
        for each in self.waits:
            each.fail(error)


class Group:
    """The open waits on one client, in as few requests as possible.

    A request does not change while all its jobs are open, so a response without news has the same
    bytes as the last one.

    Attributes:
        most_jobs: How many jobs a request may have.
        joins: Whether batches are joined where fewer are enough.
        num_accepted: How many requests have been accepted.
    """

    def __init__(
        self,
        client: SuperstaqClient,
        circuit_type: CircuitType,
        waits: Sequence[JobWait],
        deadline: Deadline,
    ) -> None:
        self.client = client
        self.deadline = deadline
        self.joins = True
        self.num_accepted = 0
        self._circuit_type = circuit_type
        self.batches: list[Batch] = []
        if len(waits) == 1:  # the handle remembers what it has fetched
            self.batches.append(Batch(self, waits[0].cell.call(), waits))
        else:
            self.add(waits)
        self.most_jobs = max(len(batch.job_ids) for batch in self.batches)

    def add(
        self,
        waits: Iterable[JobWait],
        earlier: Iterable[Batch] = (),
        *,
        is_part: bool = False,
        is_probe: bool = False,
    ) -> list[Batch]:
        """Poll some waits, that may have been in earlier batches, with requests of their own."""
        by_id: dict[JobId, list[JobWait]] = defaultdict(list)
        for each in waits:
            by_id[each.cell.job_id].append(each)
        calls = self.client.api.fetch_jobs(tuple(by_id), self._circuit_type) if by_id else ()
        known = [batch.call for batch in earlier]
        added = [
            Batch(
                self,
                RepeatedCall(call, known),
                [each for job_id in call.job_ids for each in by_id[job_id]],
                is_part,
                is_probe,
                self.num_accepted,
            )
            for call in calls
        ]
        self.batches += added
        return added

    def take_due(self, now: float) -> list[Batch]:
        """The batches whose request is due, joined where fewer are enough.

        Waits whose end has been reported are left out. Whether a wait is open is not judged here
        again: its job may have finished since then, and its end is still to be reported.
        """
        due = [batch for batch in self.batches if batch.rest.seconds_left(now) <= 0]
        taken: list[Batch] = []
        for batch in due:
            left = [each for each in batch.waits if not each.is_reported]
            if len(left) == len(batch.waits):
                taken.append(batch)
            else:
                self.batches.remove(batch)
                taken += self.add(left, [batch], is_part=batch.is_part, is_probe=batch.is_probe)
        joined = [batch for batch in taken if self._may_be_joined(batch)]
        waits = [each for batch in joined for each in batch.waits]
        if len(waits) <= self.most_jobs * (len(joined) - 1):
            separate = self.batches
            self.batches = [batch for batch in separate if batch not in joined]
            fewer = self.add(waits, joined)
            if len(fewer) < len(joined):
                return [batch for batch in taken if batch not in joined] + fewer
            # Jobs with many circuits need as many requests: what is known of each stays known.
            self.batches = separate
        return taken

    def _may_be_joined(self, batch: Batch) -> bool:
        # What was just refused, or misses a job, could be refused again.
        lacks_some = any(each.outage and each.outage.num_missing for each in batch.waits)
        return self.joins and not (batch.is_part or batch.is_probe or lacks_some)


def groups_of(waits: Iterable[JobWait], deadline: Deadline) -> list[Group]:
    """The waits in groups, each of one client and one format of circuits."""
    groups: dict[tuple[SuperstaqClient, CircuitType], list[JobWait]] = defaultdict(list)
    for each in waits:
        client = each.cell.client
        # A format that the server cannot be asked for is not a reason for another request.
        converts = client.api.converts_circuits
        kind = each.cell.circuit_type if converts else client.circuit_type
        groups[client, kind].append(each)
    return [Group(*key, group, deadline) for key, group in groups.items()]


def seconds_until_due(groups: Iterable[Group], now: float) -> float:
    """Seconds until the next requests are due, 0 or more."""
    rests = [batch.rest for group in groups for batch in group.batches]
    if not rests:
        return math.inf
    lefts = [rest.seconds_left(now) for rest in rests]
    first = min(lefts)
    # Those that are due soon after the first go with it.
    slack = min(_LONGEST_SLACK_SECONDS, _SLACK_SHARE * rests[lefts.index(first)].seconds)
    return max(0.0, *(left for left in lefts if left <= first + slack))
