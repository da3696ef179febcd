"""A wait on one job: what it looks at, how long it pauses, what it absorbs, and what it tells.

Lives here: ``JobWait``, which gives ``waiting`` the callables that it needs. May import ``client``,
``waiting`` and below.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Final, Protocol
from uuid import UUID

import attrs

from . import _fields
from .client import SuperstaqClient
from .errors import (
    InvalidValue,
    Problem,
    SuperstaqServerException,
    UnknownStatusTimeout,
    WaitTimeout,
)
from .policy import PollPolicy, is_amount
from .records import JobSnapshot
from .status import CircuitStatus, Stage
from .waiting import RanOut, wait_for

__all__: list[str] = []

OnChange = Callable[[JobSnapshot | None, JobSnapshot], object]

_LONGEST_BACKOFF_SECONDS: Final = 1.0

_LOGGER: Final = logging.getLogger("superstaq_jobs")


class LookOnce(Protocol):
    """Asks the server about the job, in one request."""

    def __call__(self, *, timeout_seconds: float | None, max_attempts: int) -> JobSnapshot:
        """The latest snapshot."""
        ...


class _PassingError(Exception):
    """A look failed in a way that passes. What ``on_change`` raises is never one."""

    def __init__(self, error: SuperstaqServerException) -> None:
        super().__init__(error)
        self.error = error


@attrs.define(kw_only=True)
class JobWait:
    """One wait.

    Attributes:
        job_id: The job.
        client: The client that asks, for its clock, its jitter and its turns.
        latest: The latest snapshot, without asking.
        look_once: Asks.
        index: The circuit waited for; None for all.
        stage: What it is to reach.
        on_change: Told of each change.
        pace: The pause between two looks, or the policy that gives it.
        unknown_status_seconds: How long to wait on a status that nobody knows; None for ever.
    """

    job_id: UUID
    client: SuperstaqClient
    latest: Callable[[], JobSnapshot | None]
    look_once: LookOnce
    index: int | None
    stage: Stage
    on_change: OnChange | None
    pace: float | PollPolicy
    unknown_status_seconds: float | None
    _shown: JobSnapshot | None = None
    _status: CircuitStatus | None = None
    _quiet_seconds: float = 0.0
    _quiet_at: float = 0.0
    _failed_looks: int = 0
    _unknown_since: float | None = None
    _looks_once: bool = False

    def __attrs_post_init__(self) -> None:
        problems = []
        if not isinstance(self.pace, PollPolicy) and not is_amount(self.pace):
            what = f"{self.pace!r} is no number of seconds, 0 or more"
            problems.append(Problem("polling_seconds", what))
        bound = self.unknown_status_seconds
        if bound is not None and not is_amount(bound):
            what = f"{bound!r} is no number of seconds, 0 or more"
            problems.append(Problem("unknown_status_seconds", what))
        if problems:
            raise InvalidValue("a wait", problems)

    def run(self, timeout_seconds: float | None) -> JobSnapshot:
        """Wait.

        Args:
            timeout_seconds: How long at the most; None without a limit, 0 to look once.

        Returns:
            The snapshot in which it is so.

        Raises:
            WaitTimeout: If the time ran out.
            UnknownStatusTimeout: If the job kept a status that nobody knows for too long.
            InvalidValue: If the timeout is no time.
        """
        self._looks_once = timeout_seconds == 0
        self.begin()
        try:
            return wait_for(
                self._look,
                self.is_done,
                clock=self.client.clock,
                timeout_seconds=timeout_seconds,
                pause=self._pause,
                absorbs=lambda error: isinstance(error, _PassingError),
            )
        except RanOut as error:
            ran_out = error
        ran_out.failures = tuple(
            each.error if isinstance(each, _PassingError) else each for each in ran_out.failures
        )
        raise self.out_of_time(ran_out, timeout_seconds)

    def begin(self) -> None:
        """Take in what is known before the first look."""
        self._shown = self.latest()
        self._quiet_at = self.client.clock.now()

    def is_done(self, snapshot: JobSnapshot) -> bool:
        """Whether it is as it is waited for."""
        return snapshot.has_reached(self.stage, self.index)

    def _look(self, seconds_left: float) -> JobSnapshot:
        seen = self.latest()
        if seen is None or not self.is_done(seen):
            seen = self._ask(seconds_left)
        self.take(seen)
        return seen

    def take(self, seen: JobSnapshot) -> None:
        """Take in what a look saw.

        Raises:
            UnknownStatusTimeout: If the job kept a status that nobody knows for too long.
        """
        if seen is not self._shown:
            self._note_change(seen)
        self._check_status(seen)

    def _ask(self, seconds_left: float) -> JobSnapshot:
        # Turns spread waits out; none may take the time away in which to look.
        turn = 0.0 if self._looks_once else min(self.client.look_in(), 0.5 * seconds_left)
        if turn > 0:
            self.client.clock.sleep(turn)
        # A wait that is to look once may take as long as a request; the last look of another not.
        is_unbounded = self._looks_once or seconds_left == math.inf
        timeout = None if is_unbounded else max(0.0, seconds_left - turn)
        try:
            # One look, one request: the next look is its repetition.
            seen = self.look_once(timeout_seconds=timeout, max_attempts=1)
        except SuperstaqServerException as error:
            self.absorb(error)
            failure = error
        else:
            self._failed_looks = 0
            return seen
        raise _PassingError(failure)

    def absorb(self, error: SuperstaqServerException) -> None:
        """Take in that a look failed; raise what does not pass."""
        if not self.client.retry_policy.may_repeat(error, safe_to_repeat=True):
            raise error
        _LOGGER.info("a look at job %s failed with %s", self.job_id, type(error).__name__)
        self._failed_looks += 1

    def _note_change(self, seen: JobSnapshot) -> None:
        before, self._shown = self._shown, seen
        now = self.client.clock.now()
        if isinstance(self.pace, PollPolicy) and before is not None:
            quiet = self._quiet_seconds + now - self._quiet_at
            self._quiet_seconds = self.pace.quiet_after_change(before.status, quiet)
            self._quiet_at = now
        if self.on_change is not None:
            self.on_change(before, seen)

    def _check_status(self, seen: JobSnapshot) -> None:
        status = seen.status if self.index is None else seen.circuit(self.index).status
        bound, now = self.unknown_status_seconds, self.client.clock.now()
        # Nor is it known what a job without circuits waits for.
        if status is not CircuitStatus.UNKNOWN and seen.circuits:
            self._unknown_since = None
            return
        if self._unknown_since is None:
            self._unknown_since = now
        seconds = now - self._unknown_since
        if bound is not None and seconds >= bound:
            how = f"after {seconds:.3g} s " + (
                "in a status that this version of superstaq_jobs does not know, and which may "
                "be its end"
                if seen.circuits
                else "without any circuit"
            )
            raise self._timeout(UnknownStatusTimeout, how, bound, RanOut(seconds, (), 0))

    def _pause(self, _seen: JobSnapshot | None, error: Exception | None) -> float:
        return self.pause(error.error if isinstance(error, _PassingError) else None)

    def pause(self, error: SuperstaqServerException | None) -> float:
        """How long to wait before the next look, after one that failed or did not; seconds."""
        pause = self.pace
        if isinstance(pause, PollPolicy):
            quiet = self._quiet_seconds + self.client.clock.now() - self._quiet_at
            status = None if self._shown is None else self._shown.status
            pause = pause.pause_seconds(status, quiet_seconds=quiet, jitter=self.client.jitter())
        if error is None:
            return pause
        policy, asked = self.client.retry_policy, error.retry_after_seconds or 0.0
        # However short the pauses are, a server in trouble is not asked without end.
        backoff = policy.delay_seconds(self._failed_looks, jitter=self.client.jitter())
        return max(
            pause,
            min(backoff, _LONGEST_BACKOFF_SECONDS),
            min(asked, policy.retry_after_cap_seconds),
        )

    def out_of_time(self, ran_out: RanOut, timeout_seconds: float | None) -> WaitTimeout:
        """The error for a wait whose time ran out."""
        how = f"after {ran_out.waited_seconds:.3g} s (timeout_seconds={timeout_seconds})"
        return self._timeout(WaitTimeout, how, timeout_seconds, ran_out)

    def _timeout(
        self,
        kind: type[WaitTimeout],
        how: str,
        timeout_seconds: float | None,
        ran_out: RanOut,
    ) -> WaitTimeout:
        snapshot = self.latest()
        what = "job" if self.index is None else f"circuit {self.index} of job"
        last = "The server never answered about it."
        if snapshot is not None:
            last = f"It was {self._told(snapshot)} when it was last looked at."
        failed = ""
        if ran_out.failures:
            failed = f" Looks that failed: {ran_out.num_failures}, the last: {ran_out.failures[-1]}"
        return kind(
            f"{what} {self.job_id} was not {self.stage} {how}. {last} It goes on at the server; "
            f"wait again, or cancel it. The last snapshot is in this error's .snapshot.{failed}",
            job_id=self.job_id,
            snapshot=snapshot,
            timeout_seconds=timeout_seconds,
            waited_seconds=ran_out.waited_seconds,
            failures=ran_out.failures,
            num_failures=ran_out.num_failures,
        )

    def _told(self, snapshot: JobSnapshot) -> str:
        """The status that was waited on, as the server wrote it."""
        if self.index is not None:
            return snapshot.circuit(self.index).status_text
        status = snapshot.status
        return next((c.status_text for c in snapshot.circuits if c.status is status), str(status))


def stage_of(until: Stage | str) -> Stage:
    """The stage that a wait is to wait for.

    Raises:
        InvalidValue: If there is none of that name.
    """
    stage = _fields.one_of(Stage, until)
    if isinstance(stage, _fields.Bad):
        raise InvalidValue("a wait", [Problem("until", stage.what)])
    return stage
