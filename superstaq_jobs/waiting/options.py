"""How a wait polls: its options, and the policy that spaces its polls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import attrs

from superstaq_jobs.errors import (
    InvalidValue,
    Problem,
)
from superstaq_jobs.records import CircuitStatus, JobSnapshot, Stage, fields
from superstaq_jobs.records.fields import is_amount

from .deadline import check_timeout

__all__ = ["Pace", "PollPolicy"]


@attrs.frozen(kw_only=True)
class Pace:
    """How the pause between two looks grows with the time that nothing has changed.

    Attributes:
        fraction: The pause is this share of that time,
        min_seconds: but never shorter,
        max_seconds: and never longer.

    Raises:
        InvalidValue: If a number is out of its range.
    """

    fraction: float = 0.1
    min_seconds: float = 1.0
    max_seconds: float = 30.0

    def __attrs_post_init__(self) -> None:
        problems = [
            Problem(field.name, f"{getattr(self, field.name)!r} is no finite number, 0 or more")
            for field in attrs.fields(Pace)
            if not is_amount(getattr(self, field.name))
        ]
        if not problems and self.max_seconds < self.min_seconds:
            problems.append(Problem("max_seconds", "is below min_seconds"))
        if problems:
            raise InvalidValue("a Pace", problems)

    def pause_seconds(self, quiet_seconds: float) -> float:
        """The pause after nothing has changed for so long, before any jitter."""
        return min(self.max_seconds, max(self.min_seconds, self.fraction * quiet_seconds))


@attrs.frozen(kw_only=True)
class PollPolicy:
    """How often a wait looks: seldom while nothing happens, often when something has.

    The pause grows with the time waited. A change of the job snaps it back to a share of what it
    was, since a job that moves is likely to move on.

    Attributes:
        queued: The pace while no circuit runs.
        running: The pace while a circuit is running or simulating.
        snap_back: The share of the pause that is left after a change, 0 to 1.
        jitter: How far a pause is drawn evenly to both sides, as a share of it, 0 to 1: waits that
            began together do not stay together.

    Raises:
        InvalidValue: If a number is out of its range.
    """

    queued: Pace = Pace(fraction=0.12)
    running: Pace = Pace()
    snap_back: float = 0.75
    jitter: float = 0.25

    def __attrs_post_init__(self) -> None:
        problems = [
            Problem(name, f"{getattr(self, name)!r} is no share from 0 to 1")
            for name in ("snap_back", "jitter")
            if not is_amount(getattr(self, name)) or getattr(self, name) > 1
        ]
        if problems:
            raise InvalidValue("a PollPolicy", problems)

    def pause_seconds(
        self, status: CircuitStatus | None, *, quiet_seconds: float, jitter: float
    ) -> float:
        """How long to wait before the next look.

        Args:
            status: The job's status; None if it is not known.
            quiet_seconds: The time that nothing has changed, as ``quiet_after_change`` left it.
            jitter: A number drawn evenly from 0 to 1.
        """
        pause = self._pace(status).pause_seconds(quiet_seconds)
        return pause * (1 + self.jitter * (2 * jitter - 1))

    def quiet_after_change(self, status: CircuitStatus | None, quiet_seconds: float) -> float:
        """The time to count on from, now that something has changed.

        Args:
            status: The job's status before the change; None if it was not known.
            quiet_seconds: The time counted until the change.
        """
        pace = self._pace(status)
        pause = self.snap_back * pace.pause_seconds(quiet_seconds)
        return pause / pace.fraction if pace.fraction else 0.0

    def _pace(self, status: CircuitStatus | None) -> Pace:
        is_running = status in {CircuitStatus.RUNNING, CircuitStatus.SIMULATING}
        return self.running if is_running else self.queued


OnChange = Callable[[JobSnapshot | None, JobSnapshot], object]


Change = tuple[JobSnapshot | None, JobSnapshot]


@attrs.frozen(kw_only=True)
class WaitOptions:
    """How to wait, for each of the jobs that are waited for together.

    Attributes:
        timeout_seconds: How long at the most, all together; None without a limit, 0 to look once.
        stage: What is to be reached.
        pace: The pause between two looks, or the policy that gives it.
        unknown_status_seconds: How long to wait on a status that nobody knows; None for ever.
        index: The circuit waited for; None for all.
        on_change: Told of each change.

    Raises:
        InvalidValue: If one of them is out of its range.
    """

    timeout_seconds: float | None
    stage: Stage
    pace: float | PollPolicy
    unknown_status_seconds: float | None
    index: int | None = None
    on_change: OnChange | None = None

    def __attrs_post_init__(self) -> None:
        check_timeout(self.timeout_seconds)
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

    @classmethod
    def of(
        cls,
        timeout_seconds: float | None,
        polling_seconds: float,
        *,
        until: Stage | str,
        poll_policy: PollPolicy | None,
        unknown_status_seconds: float | None,
        index: int | None = None,
        on_change: OnChange | None = None,
    ) -> Self:
        """The options, as the public functions have them."""
        stage = fields.one_of(Stage, until)
        if isinstance(stage, fields.Bad):
            raise InvalidValue("a wait", [Problem("until", stage.what)])
        return cls(
            timeout_seconds=timeout_seconds,
            stage=stage,
            pace=polling_seconds if poll_policy is None else poll_policy,
            unknown_status_seconds=unknown_status_seconds,
            index=index,
            on_change=on_change,
        )
