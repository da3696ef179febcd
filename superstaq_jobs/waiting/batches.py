"""Which jobs are polled with which request, and when.

A ``Batch`` is polled by itself: the pause before its next request begins with its last response. A
refusal may be about one job or about everything, and so may a transient failure that comes again
and again; ``Group`` finds out with few requests.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs

from superstaq_jobs.client import SuperstaqClient
from superstaq_jobs.client.parts import is_too_large, send_in_parts
from superstaq_jobs.client.recorder import record_news
from superstaq_jobs.clock import Clock
from superstaq_jobs.errors import (
    AnswerTooLarge,
    ProtocolError,
    SuperstaqException,
    SuperstaqServerException,
    TransportError,
)
from superstaq_jobs.records import CircuitType, JobId, JobSnapshot
from superstaq_jobs.wire.api import Call, halves, most_refusals

from .deadline import Deadline
from .job_wait import JobWait
from .latest import needed_ids
from .memory import ResponseMemory

__all__ = ["Batch", "Group", "Outcome", "seconds_until_due"]

_Jobs = tuple[JobSnapshot, ...]
Outcome = _Jobs | BaseException | None  # None if there was nothing left to request

_INSTANT = 1e-9
_LONGEST_SLACK_SECONDS = 1.0
_SLACK_SHARE = 0.2
_ABOUT_ALL = frozenset({401, 407, 511})  # the key, a proxy, a network that wants a login
_SMALLEST_ERROR = 400
_ENOUGH_PROBES = 4
_MAYBE_FAILS_FOR_ONE = frozenset({500, 502, 504})
_FAILURES_OF_A_WHOLE = 3


@attrs.define(eq=False)
class Batch:
    """The waits on jobs that are polled with one request.

    Attributes:
        is_part: Whether it is a part of a batch that was refused, and not accepted yet.
        refusal: What its last request was refused with.
        num_failed: How many requests in a row had a transient failure.
        accepted_before: How many of its group had been accepted when it was made or accepted last.
        began: When its last request was queued, on the loop's clock.
        took: How long that took.
    """

    group: Group
    call: Call[_Jobs]
    waits: Sequence[JobWait]
    is_part: bool = False
    refusal: SuperstaqServerException | None = attrs.field(default=None, init=False)
    num_failed: int = attrs.field(default=0, init=False)
    accepted_before: int = attrs.field(
        default=attrs.Factory(lambda self: self.group.num_accepted, takes_self=True), init=False
    )
    began: float = attrs.field(default=-math.inf, init=False)
    took: float = attrs.field(default=0.0, init=False)
    _clock: Clock | None = attrs.field(default=None, init=False)
    _ends: float = attrs.field(default=math.inf, init=False)
    _rests_since: float = attrs.field(default=-math.inf, init=False)
    _pause: float = attrs.field(default=0.0, init=False)
    _last: _Jobs | None = attrs.field(default=None, init=False)
    _found: Sequence[JobSnapshot | None] = attrs.field(default=(), init=False)

    def seconds_left(self, now: float) -> float:
        """Seconds until its next request is due, or less than 0; infinite without one."""
        left = self._pause - (now - self._rests_since)
        # The sum of the times slept differs from the pause in the last digit.
        return left if left > min(_INSTANT, 0.5 * self._pause) else min(left, 0.0)

    @property
    def slack(self) -> float:
        """How much later its request may be sent, to go together with others; seconds."""
        return min(_LONGEST_SLACK_SECONDS, _SLACK_SHARE * self._pause)

    def rest(self, now: float, seconds: float | None) -> None:
        """Pause for some seconds from now on; None without a further request."""
        self._rests_since, self._pause = now, math.inf if seconds is None else seconds

    def begin(self, deadline: Deadline) -> None:
        """Prepare the next request, given what is known now."""
        if self.call.asked:
            cells = [each.latest for each in self.waits]
            needed = {i for cell in cells for i in needed_ids(cell.job_id, cell.snapshot)}
            self.call = self.group.memory.only(self.call, needed)
        for each in self.waits:
            each.note_request()
        self._clock, self.began = deadline.clock, deadline.clock.now()
        self._ends = self.group.client.deadline_in(deadline.seconds_for_requests())
        self.rest(self.began, None)

    def send(self) -> Outcome:
        """Send the request; an error is an outcome too."""
        known = [each.latest.snapshot for each in self.waits]
        if all(job is not None and job.is_terminal for job in known):
            return None  # they have been refreshed since
        try:
            room = self.group.memory.room
            return send_in_parts(
                self.group.client,
                self.call,
                room=room,
                keep=self._keep,
                deadline=self._ends,
                # The next poll is the retry, but not of one part of many.
                max_attempts=1 if len(self.call.asked) <= room.ids else None,
                # Too many jobs are halved by their group.
                divides=is_too_large if len(self.call.job_ids) == 1 else _never,
            )
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            return error
        finally:
            if self._clock is not None:
                self.took = self._clock.now() - self.began

    def _keep(self, jobs: _Jobs) -> None:
        """Record what is new in a response, before anybody gets it."""
        recorder = self.group.client.recorder
        if recorder is None or jobs is self._last:
            return
        known = [each.latest.snapshot for each in self.waits]
        record_news(recorder, zip(known, self.found(jobs), strict=True))

    @property
    def misses_jobs(self) -> bool:
        """Whether the last response lacked a job that had been seen or submitted before."""
        return any(each.is_missing for each in self.waits)

    def fail(self, error: SuperstaqException | None) -> None:
        """End the waits with an error."""
        for each in self.waits:
            each.error = each.error or error

    def found(self, jobs: _Jobs) -> Sequence[JobSnapshot | None]:
        """The snapshot for each wait in a response; a response without news is not searched."""
        if jobs is not self._last:
            by_id = {job.job_id: job for job in jobs}
            self._found = [each.latest.found_in(by_id) for each in self.waits]
            self._last = jobs
        return self._found


def _never(_error: SuperstaqServerException) -> bool:
    return False


class Group:
    """The open waits on one client, in as few requests as possible.

    A request does not change while all its jobs are open, so a response without news has the same
    bytes as the last one.
    """

    def __init__(
        self, client: SuperstaqClient, circuit_type: CircuitType, waits: Sequence[JobWait]
    ) -> None:
        self.client = client
        # Of a single job, the handle remembers what it has fetched.
        self.memory = waits[0].latest.memory() if len(waits) == 1 else ResponseMemory()
        self._circuit_type = circuit_type
        self._joins = True
        self._held: list[Batch] = []
        self._num_refused = 0  # in a row
        self._refused_probes = 0
        self.num_accepted = 0
        self.batches = self._packed(waits)
        self._room = max(len(batch.call.job_ids) for batch in self.batches)

    def _packed(self, waits: Iterable[JobWait], *, is_part: bool = False) -> list[Batch]:
        by_id: dict[JobId, list[JobWait]] = defaultdict(list)
        for each in waits:
            by_id[each.latest.job_id].append(each)
        if not by_id:
            return []
        return [
            Batch(
                self,
                self.memory.remembering(call),
                [each for job_id in call.job_ids for each in by_id[job_id]],
                is_part,
            )
            for call in self.client.api.fetch_jobs(tuple(by_id), self._circuit_type)
        ]

    def take_due(self, now: float) -> list[Batch]:
        """The batches whose request is due, joined where fewer are enough.

        Waits whose end has been reported are left out. Whether a wait is open is not judged here
        again: its job may have finished since then, and its end is still to be reported.
        """
        due = [batch for batch in self.batches if batch.seconds_left(now) <= 0]
        taken: list[Batch] = []
        for batch in due:
            left = [each for each in batch.waits if not each.is_reported]
            is_whole = len(left) == len(batch.waits)
            taken += [batch] if is_whole else self._packed(left, is_part=batch.is_part)
        # What was just refused, or misses a job, is not joined: it could be refused again.
        joined = [b for b in taken if self._joins and not (b.is_part or b.misses_jobs)]
        waits = [each for batch in joined for each in batch.waits]
        if len(waits) <= self._room * (len(joined) - 1):
            taken = [batch for batch in taken if batch not in joined] + self._packed(waits)
        if taken != due:
            self.batches = [batch for batch in self.batches if batch not in due] + taken
            ended = {e.latest.job_id for b in due for e in b.waits if e.is_reported}
            self.memory.forget(ended, except_calls=[batch.call for batch in self.batches])
        return taken

    # ---- refusals

    def accepted(self, batch: Batch) -> None:
        """Take in that a request was accepted: so a refusal is about some of its jobs only."""
        self.num_accepted += 1
        batch.accepted_before, batch.num_failed = self.num_accepted, 0
        batch.is_part, self._num_refused = False, 0
        held, self._held = self._held, []
        for each in held:
            self._halve(each)

    def failed(self, batch: Batch, error: SuperstaqServerException) -> None:
        """Take in a transient failure, of one job or of everything.

        A batch that fails again and again is halved if others are accepted meanwhile, or there are
        none; and so are its parts, but only if others are accepted.
        """
        batch.num_failed += 1
        is_alone = len(self.batches) == 1
        others = self.num_accepted > batch.accepted_before or (is_alone and not batch.is_part)
        enough = batch.is_part or batch.num_failed >= _FAILURES_OF_A_WHOLE
        may_be_about_one = error.status_code in _MAYBE_FAILS_FOR_ONE or (
            isinstance(error, TransportError) and error.sent
        )
        if others and enough and may_be_about_one and len(batch.call.job_ids) > 1:
            self.batches.remove(batch)
            self._halve(batch)

    def refused(self, batch: Batch, error: SuperstaqServerException) -> None:
        """Take in a refusal, of one job or of everything.

        If it may be about one job of several, the batch is held until a request for a single job
        shows which: if one is accepted, all that are held are halved; if four are refused one after
        the other, so is everything.
        """
        batch.refusal = error
        self._num_refused += 1
        status = error.status_code or 0
        may_be_about_one = isinstance(error, AnswerTooLarge | ProtocolError) or (
            status >= _SMALLEST_ERROR and status not in _ABOUT_ALL
        )
        if not may_be_about_one:
            batch.fail(error)
            self._refused_probes = _ENOUGH_PROBES
        elif len(batch.call.job_ids) > 1:
            self.batches.remove(batch)
            if batch.is_part and self._num_refused <= most_refusals(self._room):
                self._halve(batch)
                return
            self._held.append(batch)
            if len(self._held) > 1:
                return  # there is a probe already
            self._refused_probes = 0
        else:
            for each in batch.waits:
                each.note_refusal(error)
            self._refused_probes += not batch.is_part
        unprobed = [held for held in self._held if held.waits]
        if unprobed and self._refused_probes < _ENOUGH_PROBES:
            self._probe(unprobed[-1])
        else:
            for held in self._held:
                held.fail(held.refusal)
            self._held = []

    def _probe(self, held: Batch) -> None:
        """Poll one of its jobs alone; another one each time."""
        place = (2 * self._refused_probes + 1) * len(held.waits) // (2 * _ENOUGH_PROBES)
        job_id = held.waits[place].latest.job_id
        probed = [each for each in held.waits if each.latest.job_id == job_id]
        held.waits = [each for each in held.waits if each.latest.job_id != job_id]
        self.batches += self._packed(probed)

    def _halve(self, batch: Batch) -> None:
        self._joins = self._joins and (batch.refusal is None or not is_too_large(batch.refusal))
        ids = list(dict.fromkeys(each.latest.job_id for each in batch.waits))
        for part in map(set, halves(ids)):
            waits = [each for each in batch.waits if each.latest.job_id in part]
            self.batches += self._packed(waits, is_part=True)


def seconds_until_due(groups: Iterable[Group], now: float) -> float:
    """Seconds until the next requests are due, 0 or more; those due soon after go with them."""
    batches = [batch for group in groups for batch in group.batches]
    if not batches:
        return math.inf
    first = min(batches, key=lambda batch: batch.seconds_left(now))
    latest = first.seconds_left(now) + first.slack
    return max(0.0, *(left for b in batches if (left := b.seconds_left(now)) <= latest))
