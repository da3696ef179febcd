"""What the operator of an emulator can do, from Python."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

from superstaq_jobs.clock import VirtualClock
from superstaq_jobs.records import CircuitStatus, fields
from superstaq_jobs.records.problems import InvalidValue, expect, is_amount, shown

from .jobs.job import EmulatedJob
from .jobs.plans import CANCELLED_BY_OPERATOR, FAILED_BY_OPERATOR, Plan
from .messages.responses import Refusal
from .service import Service

__all__ = ["OperatorMethods"]


class OperatorMethods:
    """The methods of an ``Emulator`` for its operator. Thread-safe; they work before `start` too.

    On a virtual clock, methods that read jobs wait until the simulator has done the work that is
    due, as the API does.

    Args:
        service: What they work on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def plan(
        self,
        *plans: Plan,
        tag: str | None = None,
        target: str | None = None,
        always: bool = False,
    ) -> None:
        """Plan how jobs to come will go. Sends no request.

        Each plan is for one job, in order of submission: a job takes the first remaining plan that
        matches its tags and target. In API v0.2.0, the circuits of one submission take one plan
        together, although each is a job of its own.

        Args:
            plans: The plans, to be appended to those that remain.
            tag: Only for jobs with this tag.
            target: Only for jobs on this target.
            always: Use the plan for every job without a plan of its own, rather than for one job.
                Takes exactly one plan, which replaces an earlier one for the same tag and target;
                if several match a job, the last one that was set is used.

        Raises:
            ValueError: An argument is not a plan, the target does not exist, or ``always`` is given
                with other than one plan. Nothing has been planned.
        """
        for plan in plans:
            if not fields.is_a(plan, Plan):
                raise InvalidValue(f"plans must be Plans, got {shown(plan)}")
        if always and len(plans) != 1:
            raise InvalidValue(f"always=True takes exactly one plan, got {len(plans)}")
        if tag is not None:
            expect(str, tag=tag)
        if target is not None:
            expect(str, target=target)
            try:
                self._service.target(target)
            except Refusal as refusal:
                raise InvalidValue(refusal.body["message"]) from None
        self._service.store.plans.add(plans, tag=tag, target=target, always=always)

    def advance(self, seconds: float) -> None:
        """Advance the emulator's clock, which is also that of a client that shares it.

        Args:
            seconds: By how much, in seconds, >= 0.

        Raises:
            RuntimeError: The emulator runs on a real clock.
            ValueError: The seconds are negative, not finite, or lead past the last date.
        """
        clock = self._service.clock
        if not isinstance(clock, VirtualClock):
            raise RuntimeError(  # noqa: TRY004 - it is the emulator that cannot, not the argument
                "this emulator runs on a real clock, which cannot be advanced; pass it a virtual "
                "one: Emulator(clock=superstaq_jobs.testing.FakeClock())"
            )
        if not is_amount(seconds):
            raise InvalidValue(f"seconds must be a number of seconds >= 0, got {shown(seconds)}")
        try:
            clock.utcnow() + dt.timedelta(seconds=seconds)
        except OverflowError as error:
            raise InvalidValue(
                f"seconds must not lead past the last date, got {shown(seconds)}"
            ) from error
        clock.advance(seconds)

    def jobs(self) -> tuple[EmulatedJob, ...]:
        """All jobs of all users as they are now, in order of submission."""
        return tuple(self._service.store.all_jobs())

    def cancel_job(
        self,
        job_id: uuid.UUID | str,
        *,
        circuits: Collection[int] | None = None,
        message: str = CANCELLED_BY_OPERATOR,
    ) -> EmulatedJob:
        """Cancel the unfinished circuits of a job, as the operator of a device can.

        Args:
            job_id: The job, of any user.
            circuits: The indices of the circuits, from 0; None for all.
            message: The ``status_messages`` entry of the circuits that are cancelled.

        Returns:
            The job afterwards.

        Raises:
            LookupError: The job or a circuit does not exist.
            ValueError: ``job_id`` is not a UUID, or ``message`` is not a string.
        """
        return self._end(job_id, CircuitStatus.CANCELLED, circuits, message)

    def fail_job(
        self,
        job_id: uuid.UUID | str,
        *,
        circuits: Collection[int] | None = None,
        message: str = FAILED_BY_OPERATOR,
    ) -> EmulatedJob:
        """Let the unfinished circuits of a job fail now; arguments as for ``cancel_job``."""
        return self._end(job_id, CircuitStatus.FAILED, circuits, message)

    def finish_job(
        self, job_id: uuid.UUID | str, *, circuits: Collection[int] | None = None
    ) -> EmulatedJob:
        """Let the unfinished circuits of a job complete now, whatever its plan; see ``cancel_job``.

        On a real clock, a circuit completes when its result is available, which may be later. One
        that cannot run fails.
        """
        return self._end(job_id, CircuitStatus.COMPLETED, circuits)

    def _end(
        self,
        job_id: uuid.UUID | str,
        status: CircuitStatus,
        circuits: Collection[int] | None,
        message: str = "",
    ) -> EmulatedJob:
        completes = status is CircuitStatus.COMPLETED
        known = fields.job_id(job_id)
        given = {"job_id": known, "message": None if completes else fields.string(message)}
        fields.refuse("the change of a job", given, InvalidValue)
        return self._service.store.end(known, status, None if completes else message, circuits)
