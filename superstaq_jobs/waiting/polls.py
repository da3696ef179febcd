"""One request of a batch, from the time when it is due until it has an outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from superstaq_jobs.client.parts import is_too_large, send_in_parts
from superstaq_jobs.client.recorder import record_news
from superstaq_jobs.records import JobSnapshot

from .batches import Batch, Rest

__all__ = ["Poll"]

_Jobs = tuple[JobSnapshot, ...]


@attrs.define(eq=False)
class Poll:
    """One request of a batch.

    Attributes:
        ends: When it must have an outcome, on the client's clock.
        queued_at: When it was queued, on the loop's clock; it may have to wait for others.
        responses_before: For each wait of the batch, how many responses there had been then.
        outcome: The jobs, or an error; None if there was nothing left to request, or no time.
        seconds: How long it took from when it was queued until it had an outcome.
    """

    batch: Batch
    ends: float
    queued_at: float
    responses_before: Sequence[int]
    outcome: _Jobs | BaseException | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, batch: Batch) -> Poll:
        """The next request of a batch, for what is needed now; the batch is not due until then."""
        call, deadline = batch.call, batch.group.deadline
        if call.current.asked:
            cells = [each.cell for each in batch.waits]
            call.only({i for cell in cells for i in cell.needed_ids(cell.snapshot)})
        now = deadline.clock.now()
        batch.rest = Rest(now, math.inf)
        ends = batch.group.client.deadline_in(deadline.seconds_for_requests())
        return cls(batch, ends, now, [each.cell.num_responses for each in batch.waits])

    def send(self) -> None:
        """Send the request; an error is an outcome too."""
        group, call, room = self.batch.group, self.batch.call.current, self.batch.call.room
        known = [each.cell.snapshot for each in self.batch.waits]
        is_late = group.deadline.is_past  # the last pause took too long
        if all(job is not None and (job.is_terminal or is_late) for job in known):
            return  # they have been refreshed since, or their wait has timed out
        try:
            self.outcome = send_in_parts(
                group.client,
                call,
                room=room,
                keep=self._keep,
                deadline=self.ends,
                # The next poll is the retry, but not of one part of many.
                max_attempts=1 if len(call.asked) <= room.ids else None,
                # Too many jobs are halved by their group.
                divides=is_too_large if len(call.job_ids) == 1 else lambda _: False,
            )
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self.outcome = error
        self.seconds = group.deadline.clock.now() - self.queued_at

    def _keep(self, jobs: _Jobs) -> None:
        """Record what is new in a response, before anybody gets it."""
        recorder = self.batch.group.client.recorder
        if recorder is not None and jobs is not self.batch.last:
            known = [each.cell.snapshot for each in self.batch.waits]
            record_news(recorder, zip(known, self.batch.found(jobs), strict=True))
