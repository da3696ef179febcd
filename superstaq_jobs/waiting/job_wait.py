"""A wait on one job: when it is over, how long it pauses, what it absorbs, and what it tells.

Lives here: ``JobWait``, one of those that a ``WaitLoop`` goes round; ``WaitOptions``, which all of
them go by; and ``Waitable``, what they need of a handle. May import ``client``, ``waiting`` and
below.
"""

from __future__ import annotations

import logging
from typing import Final, Protocol
from uuid import UUID

import attrs

from superstaq_jobs.client import SuperstaqClient
from superstaq_jobs.errors import (
    SuperstaqException,
    SuperstaqServerException,
    UnknownStatusTimeout,
    WaitTimeout,
)
from superstaq_jobs.records import CircuitStatus, CircuitType, JobSnapshot

from .deadline import Countdown
from .options import Change, PollPolicy, WaitOptions

__all__: list[str] = []


_LONGEST_BACKOFF_SECONDS: Final = 1.0

_LOGGER: Final = logging.getLogger("superstaq_jobs")


class Waitable(Protocol):
    """What a wait needs of a handle."""

    _answers: int

    @property
    def client(self) -> SuperstaqClient:
        """The client that asks."""
        ...

    @property
    def circuit_type(self) -> CircuitType:
        """The language in which the server writes the circuits."""
        ...

    @property
    def latest(self) -> JobSnapshot | None:
        """The latest snapshot, without asking."""
        ...

    def job_id(self) -> UUID:
        """The job's id."""
        ...

    def _keep(self, seen: JobSnapshot, *, asked_after: int) -> JobSnapshot:
        """Advance by what was seen."""
        ...


@attrs.define(eq=False)
class JobWait:
    """One wait. What it has judged once is not judged again while it stays the same snapshot.

    Attributes:
        handle: The handle, which goes along.
        options: How to wait.
        change: The last change, until it has been told.
        error: Why it ended without what it waited for.
        has_ended: Whether it has been told that it is over.
    """

    handle: Waitable
    options: WaitOptions
    change: Change | None = attrs.field(default=None, init=False)
    error: SuperstaqException | None = attrs.field(default=None, init=False)
    has_ended: bool = attrs.field(default=False, init=False)
    _asked_after: int = attrs.field(default=0, init=False)
    _shown: JobSnapshot | None = attrs.field(default=None, init=False)
    _judged: JobSnapshot | None = attrs.field(default=None, init=False)
    _final: JobSnapshot | None = attrs.field(default=None, init=False)
    _is_unknown: bool = attrs.field(default=False, init=False)
    _unknown_since: float | None = attrs.field(default=None, init=False)
    _quiet_seconds: float = attrs.field(default=0.0, init=False)
    _quiet_at: float = attrs.field(default=0.0, init=False)
    _failure: SuperstaqServerException | None = attrs.field(default=None, init=False)
    _failed_looks: int = attrs.field(default=0, init=False)

    # ---- what it is ------------------------------------------------------------------------

    @property
    def final(self) -> JobSnapshot | None:
        """What was waited for, once it has been seen: it stays so, whatever is seen later.

        Raises:
            CircuitIndexError: If the job has no such circuit.
        """
        latest = self.handle.latest
        if latest is not self._judged and latest is not None:
            self._judge(latest)
        return self._final

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.error is None and self.final is None

    def _judge(self, snapshot: JobSnapshot) -> None:
        options = self.options
        # A later snapshot that has reached it too is the better one, as where a job was deleted.
        if snapshot.has_reached(options.stage, options.index):
            self._final = snapshot
        status = snapshot.status if options.index is None else snapshot.statuses[options.index]
        # Nor is it known what a job without circuits waits for.
        self._is_unknown = status is CircuitStatus.UNKNOWN or not snapshot.num_circuits
        self._judged = snapshot

    # ---- looking ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Take in what is known before the first look."""
        self._shown = self.handle.latest
        self._quiet_at = self.handle.client.clock.now()

    def catch_up(self) -> None:
        """Take in an end that somebody else has seen."""
        final = self.final
        if final is not None:
            self.take(final)

    def ask(self) -> None:
        """Note what is known at the moment of asking."""
        self._asked_after = self.handle._answers  # noqa: SLF001 - the handle is its friend

    def look(self, seen: JobSnapshot) -> None:
        """Take in what the server said. What ends the wait is its ``error``."""
        self._failure, self._failed_looks = None, 0
        kept = self.handle._keep(seen, asked_after=self._asked_after)  # noqa: SLF001
        try:
            self.take(kept)
        except SuperstaqException as error:
            self.error = error

    def take(self, seen: JobSnapshot) -> None:
        """Take in what was seen.

        Raises:
            CircuitIndexError: If the job has no such circuit.
            UnknownStatusTimeout: If the job kept a status that nobody knows for too long.
        """
        if seen is not self._shown:
            self._note_change(seen)
        if seen is not self._judged:
            self._judge(seen)
        if self._is_unknown:
            self._bound_unknown(seen)
        else:
            self._unknown_since = None

    def absorb(self, error: SuperstaqServerException) -> None:
        """Take in that a look failed, in a way that passes."""
        _LOGGER.info("a look at job %s failed with %s", self.handle.job_id(), type(error).__name__)
        self._failure = error
        self._failed_looks += 1

    def _note_change(self, seen: JobSnapshot) -> None:
        before, self._shown = self._shown, seen
        options = self.options
        if isinstance(options.pace, PollPolicy) and before is not None:
            now = self.handle.client.clock.now()
            quiet = self._quiet_seconds + now - self._quiet_at
            self._quiet_seconds = options.pace.quiet_after_change(before.status, quiet)
            self._quiet_at = now
        # What has not been told yet becomes part of this change: none is lost.
        self.change = before if self.change is None else self.change[0], seen
        if options.on_change is not None:
            options.on_change(before, seen)

    def _bound_unknown(self, seen: JobSnapshot) -> None:
        bound, now = self.options.unknown_status_seconds, self.handle.client.clock.now()
        if self._unknown_since is None:
            self._unknown_since = now
        seconds = now - self._unknown_since
        if bound is not None and seconds >= bound:
            how = f"after {seconds:.3g} s " + (
                "in a status that this version of superstaq_jobs does not know, and which may "
                "be its end"
                if seen.num_circuits
                else "without any circuit"
            )
            raise self._timeout(UnknownStatusTimeout, how, bound, seconds)

    # ---- pausing ---------------------------------------------------------------------------

    def pause_seconds(self) -> float:
        """How long to wait before the next look, after one that failed or did not."""
        pause, client = self.options.pace, self.handle.client
        if isinstance(pause, PollPolicy):
            quiet = self._quiet_seconds + client.clock.now() - self._quiet_at
            status = None if self._shown is None else self._shown.status
            pause = pause.pause_seconds(status, quiet_seconds=quiet, jitter=client.jitter())
        if self._failure is None:
            return pause
        policy, asked = client.retry_policy, self._failure.retry_after_seconds or 0.0
        # However short the pauses are, a server in trouble is not asked without end.
        backoff = policy.delay_seconds(self._failed_looks, jitter=client.jitter())
        return max(
            pause,
            min(backoff, _LONGEST_BACKOFF_SECONDS),
            min(asked, policy.retry_after_cap_seconds),
        )

    # ---- running out of time ---------------------------------------------------------------

    def run_out(self, countdown: Countdown) -> None:
        """End it, since the time is over."""
        seconds, timeout = countdown.waited_seconds(), self.options.timeout_seconds
        how = f"after {seconds:.3g} s (timeout_seconds={timeout})"
        self.error = self._timeout(WaitTimeout, how, timeout, seconds, countdown)

    def _timeout(
        self,
        kind: type[WaitTimeout],
        how: str,
        timeout_seconds: float | None,
        waited_seconds: float,
        countdown: Countdown | None = None,
    ) -> WaitTimeout:
        snapshot, index, job_id = self.handle.latest, self.options.index, self.handle.job_id()
        failures, num_failures = ((), 0) if countdown is None else countdown.failures()
        what = "job" if index is None else f"circuit {index} of job"
        last = "The server never answered about it."
        if snapshot is not None:
            last = f"It was {_told(snapshot, index)} when it was last looked at."
        failed = f" Looks that failed: {num_failures}, the last: {failures[-1]}" if failures else ""
        return kind(
            f"{what} {job_id} was not {self.options.stage} {how}. {last} It goes on at the server; "
            f"wait again, or cancel it. The last snapshot is in this error's .snapshot.{failed}",
            job_id=job_id,
            snapshot=snapshot,
            timeout_seconds=timeout_seconds,
            waited_seconds=waited_seconds,
            failures=failures,
            num_failures=num_failures,
        )


def _told(snapshot: JobSnapshot, index: int | None) -> str:
    """The status that was waited on, as the server wrote it."""
    if index is not None:
        return snapshot.circuit(index).status_text
    status = snapshot.status
    return next((c.status_text for c in snapshot.circuits if c.status is status), str(status))
