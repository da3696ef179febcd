"""A wait on one job: when it ends, how long it pauses, which failures it absorbs."""

from __future__ import annotations

import logging
import math
from typing import Final

import attrs

from superstaq_jobs.client.retry import demanded_pause
from superstaq_jobs.errors import (
    CircuitIndexError,
    RequestTimeout,
    SuperstaqException,
    SuperstaqServerException,
    UnknownStatusTimeout,
    WaitTimeout,
)
from superstaq_jobs.records import CircuitStatus, JobSnapshot
from superstaq_jobs.records.problems import line, shown
from superstaq_jobs.records.snapshots import status_text

from .deadline import Deadline
from .latest import Latest
from .options import Change, WaitPlan

__all__ = ["JobWait", "Outage"]

_LONGEST_BACKOFF_SECONDS: Final = 1.0
# A smaller index that does not exist is more likely off by one than a timeout.
_SMALLEST_TIMEOUT: Final = 10
_KEPT_FAILURES: Final = 20
# A replica that lags behind may not know a job yet, or may seem to have forgotten it.
_POLLS_WHILE_MISSING: Final = 3
_NOT_FOUND: Final = 404

_LOGGER: Final = logging.getLogger("superstaq_jobs")


@attrs.define(eq=False)
class Outage:
    """The polls since the last response that had the job: each failed, or lacked it.

    Attributes:
        cause: The first failure; that there was little time, only without another one.
        began: When the first poll that failed began; infinite if none has.
        failure: The last transient failure.
        num_failed: How many polls had one.
        num_missing: How many responses lacked the job.
    """

    cause: SuperstaqServerException
    began: float = math.inf
    failure: SuperstaqServerException | None = None
    num_failed: int = 0
    num_missing: int = 0


@attrs.define(eq=False)
class JobWait:
    """A wait on one job. A snapshot is judged once, however often it is seen.

    Attributes:
        cell: What is known of the job.
        plan: How to wait.
        change: The last change, until it has been reported.
        error: Why the wait ended without the result that it waited for.
        is_reported: Whether its end has been reported.
        outage: What has gone wrong since the last response that had the job, if anything.
    """

    cell: Latest
    plan: WaitPlan
    change: Change | None = attrs.field(default=None, init=False)
    error: SuperstaqException | None = attrs.field(default=None, init=False)
    is_reported: bool = attrs.field(default=False, init=False)
    outage: Outage | None = attrs.field(default=None, init=False)
    _shown: JobSnapshot | None = attrs.field(default=None, init=False)
    _judged: JobSnapshot | None = attrs.field(default=None, init=False)
    _final: JobSnapshot | None = attrs.field(default=None, init=False)
    _is_unknown: bool = attrs.field(default=False, init=False)
    _unknown_since: float | None = attrs.field(default=None, init=False)
    _quiet_since: float = attrs.field(default=0.0, init=False)
    _failures: tuple[SuperstaqServerException, ...] = attrs.field(default=(), init=False)
    _num_failures: int = attrs.field(default=0, init=False)

    @property
    def final(self) -> JobSnapshot | None:
        """The snapshot that the wait was for; it stays final, whatever is seen later.

        Raises ``CircuitIndexError`` if the job has no such circuit.
        """
        snapshot = self.cell.snapshot
        if snapshot is not self._judged and snapshot is not None:
            self._judge(snapshot)
        return self._final

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.error is None and self.final is None

    def _judge(self, snapshot: JobSnapshot) -> None:
        plan, index = self.plan, self.plan.index
        try:
            has_reached = snapshot.has_reached(plan.until, index)
        except CircuitIndexError as error:
            if plan.timeout_seconds is None and error.index >= _SMALLEST_TIMEOUT:
                error.message += f"; did you mean timeout_seconds={shown(error.index)}?"
                error.args = (error.message,)
            raise
        # A later snapshot that has reached it too is the better one, as when a job was deleted.
        if has_reached:
            self._final = snapshot
        status = snapshot.status if index is None else snapshot.statuses[index]
        # It is unknown, too, what a job without circuits waits for.
        self._is_unknown = status is CircuitStatus.UNKNOWN or not snapshot.num_circuits
        self._judged = snapshot

    def begin(self) -> None:
        """Take in what is known before the first poll."""
        self._shown = self.cell.snapshot
        self._quiet_since = self.cell.client.clock.now()

    def catch_up(self) -> None:
        """Take in a final snapshot that was fetched by somebody else."""
        final = self.final
        if final is not None:
            self._take(final)

    def fail(self, error: SuperstaqException) -> None:
        """End the wait with an error, if it has not ended."""
        if self.is_open:
            self.error = error

    def note_response(self, seen: JobSnapshot, *, responses_before: int) -> None:
        """Take in the snapshot in a response. An error that ends the wait becomes its ``error``."""
        self.outage = None
        kept = self.cell.advance(seen, responses_before=responses_before)
        try:
            self._take(kept)
        except SuperstaqException as error:
            self.error = error

    def note_failure(self, error: SuperstaqServerException, *, began: float) -> None:
        """Take in that a poll, which began at some time, failed with a transient failure."""
        _LOGGER.info("a poll of job %s failed with %s", self.cell.job_id, type(error).__name__)
        outage = self._record(error)
        outage.failure = error
        outage.num_failed += 1
        outage.began = min(outage.began, began)

    def note_missing(self, error: SuperstaqServerException) -> None:
        """Take in that a response lacked the job. If it is known to exist, that may pass."""
        outage = self._record(error)
        outage.num_missing += 1
        if not self.cell.is_known or outage.num_missing >= _POLLS_WHILE_MISSING:
            self.fail(error)

    def note_refusal(self, error: SuperstaqServerException) -> None:
        """Take in that a request for this job alone was refused."""
        if error.status_code == _NOT_FOUND:  # API v0.2.0 says so of a job that it does not know
            self.note_missing(error)
        else:
            self.fail(error)

    def _record(self, error: SuperstaqServerException) -> Outage:
        self._failures = (*self._failures, error)[-_KEPT_FAILURES:]
        self._num_failures += 1
        outage = self.outage = self.outage or Outage(error)
        if isinstance(outage.cause, RequestTimeout) and not isinstance(error, RequestTimeout):
            outage.cause = error
        return outage

    def _take(self, seen: JobSnapshot) -> None:
        if seen is not self._shown:
            self._note_change(seen)
        if seen is not self._judged:
            self._judge(seen)
        if self._is_unknown:
            self._limit_unknown(seen)
        else:
            self._unknown_since = None

    def _note_change(self, seen: JobSnapshot) -> None:
        before, self._shown = self._shown, seen
        plan = self.plan
        if plan.poll_policy is not None and before is not None:
            now = self.cell.client.clock.now()
            quiet = now - self._quiet_since
            self._quiet_since = now - plan.poll_policy.quiet_after_change(before.status, quiet)
        # A change that has not been reported yet becomes part of this one, so that none is lost.
        self.change = before if self.change is None else self.change[0], seen
        if plan.on_change is not None:
            plan.on_change(before, seen)

    def _limit_unknown(self, seen: JobSnapshot) -> None:
        limit, now = self.plan.unknown_status_seconds, self.cell.client.clock.now()
        if self._unknown_since is None:
            self._unknown_since = now
        seconds = now - self._unknown_since
        if limit is not None and seconds >= limit:
            how = f"after {seconds:.3g} s " + (
                "with a status that this version of superstaq_jobs does not know, which may be "
                "terminal"
                if seen.num_circuits
                else "without any circuit"
            )
            raise self._timeout(UnknownStatusTimeout, how, limit, seconds)

    def pause_seconds(self) -> float:
        """How long to wait before the next poll, in seconds."""
        client, pause = self.cell.client, self.plan.polling_seconds
        if self.plan.poll_policy is not None:
            quiet = client.clock.now() - self._quiet_since
            status = None if self._shown is None else self._shown.status
            pause = self.plan.poll_policy.pause_seconds(
                status, quiet_seconds=quiet, jitter=client.jitter()
            )
        outage = self.outage
        if outage is None or outage.failure is None:
            return pause
        policy = client.retry_policy
        # However short the pauses are, a server in trouble must not be flooded.
        backoff = policy.delay_seconds(outage.num_failed, jitter=client.jitter())
        return max(
            pause,
            min(backoff, _LONGEST_BACKOFF_SECONDS),
            demanded_pause(policy, outage.failure.retry_after_seconds),
        )

    def time_out(self, deadline: Deadline) -> None:
        """End it, since the deadline has passed."""
        seconds, timeout = deadline.waited_seconds(), self.plan.timeout_seconds
        how = f"after {seconds:.3g} s (timeout_seconds={timeout})"
        self.error = self._timeout(WaitTimeout, how, timeout, seconds)

    def _timeout(
        self,
        kind: type[WaitTimeout],
        how: str,
        timeout_seconds: float | None,
        waited_seconds: float,
    ) -> WaitTimeout:
        snapshot, index, job_id = self.cell.snapshot, self.plan.index, self.cell.job_id
        what = "job" if index is None else f"circuit {index} of job"
        if snapshot is None:
            known = "The server sent no response about it, so its state is not known."
            advice = "Nothing was changed. Check the connection and the host, then wait again."
        else:
            status = line(status_text(snapshot, index))
            known = f"Its last known status is {self.cell.client.masked(status)}"
            known += ", which may have changed since." if self.outage is not None else "."
            known += " The last snapshot is in this error's .snapshot."
            advice = "Nothing was changed: wait again, or cancel the job."
        failed = ""
        if self._failures:
            cause, since = self._failures[-1], "the last"
            if self.outage is not None:
                cause, since = self.outage.cause, "the first since the last response"
            failed = f" Polls that failed: {self._num_failures}, {since}: {cause}"
        return kind(
            f"{what} {job_id} was not {self.plan.until} {how}. {known} {advice}{failed}",
            job_id=job_id,
            snapshot=snapshot,
            timeout_seconds=timeout_seconds,
            waited_seconds=waited_seconds,
            failures=self._failures,
            num_failures=self._num_failures,
        )
