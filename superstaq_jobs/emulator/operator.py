"""What a person who operates an emulator can do, from Python.

Lives here: `Operated`, the half of `Emulator` that is not the API, and `advance`, which `admin`
needs too. May import all of the package but `admin`, `app` and `server`.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Collection

from superstaq_jobs.records import CircuitStatus

from .jobs.job import EmulatedJob
from .jobs.plans import CANCELLED_BY_OPERATOR, FAILED_BY_OPERATOR, Plan, is_message
from .messages.responses import Refusal
from .service import Service, run_when_ready_blocking

__all__ = ["OperatorMethods"]


class OperatorMethods:
    """What the operator of an emulator can do; any thread may, before the start too.

    On a virtual clock, methods that look at jobs wait until the simulator has done what is due by
    then, as the API does.
    """

    _service: Service

    def plan(
        self,
        *plans: Plan,
        tag: str | None = None,
        target: str | None = None,
        always: bool = False,
    ) -> None:
        """Say what is to become of jobs to come; talks to no server.

        Each plan is for one job, in order of submission: a job takes the first of the plans that
        wait and are for its tags and target.

        Args:
            plans: The plans, behind those that wait already.
            tag: Only for jobs that have this tag.
            target: Only for jobs on this target.
            always: For every job that finds no other plan, and not for one only: one plan, in
                place of an earlier one for the same tag and target; of several that fit, the last
                that was set.

        Raises:
            ValueError: Something else than a plan, no such target, or ``always`` without one plan.
        """
        for plan in plans:
            if not isinstance(plan, Plan):
                raise ValueError(f"a plan must be a Plan, not {plan!r}")  # noqa: TRY004 - see Raises
        if always and len(plans) != 1:
            raise ValueError(f"always takes one plan, not {len(plans)}")
        if target is not None:
            try:
                self._service.target(target)
            except Refusal as refusal:
                raise ValueError(refusal.body["message"]) from None
        self._service.store.plan(plans, tag=tag, target=target, always=always)

    def advance(self, seconds: float) -> None:
        """Let time pass on the emulator's clock, for a client that shares it too.

        Args:
            seconds: How much, 0 or more.

        Raises:
            RuntimeError: It goes by a real clock.
            ValueError: So many seconds cannot pass.
        """
        self._service.advance(seconds)

    def jobs(self) -> tuple[EmulatedJob, ...]:
        """All jobs of all users as they are now, in order of submission."""
        return tuple(run_when_ready_blocking(self._service, self._service.store.all_jobs))

    def cancel_job(
        self,
        job_id: uuid.UUID | str,
        *,
        circuits: Collection[int] | None = None,
        message: str = CANCELLED_BY_OPERATOR,
    ) -> EmulatedJob:
        """Cancel what is not over of a job, as the operator of a device does.

        Args:
            job_id: The job, of whichever user.
            circuits: The circuits, from 0; None for all.
            message: What their ``status_messages`` say.

        Returns:
            The job afterwards.

        Raises:
            LookupError: There is no such job or circuit.
            ValueError: The id is none, or the message no text.
        """
        return self._end(job_id, CircuitStatus.CANCELLED, circuits, message)

    def fail_job(
        self,
        job_id: uuid.UUID | str,
        *,
        circuits: Collection[int] | None = None,
        message: str = FAILED_BY_OPERATOR,
    ) -> EmulatedJob:
        """Let what is not over of a job fail now; as ``cancel_job``."""
        return self._end(job_id, CircuitStatus.FAILED, circuits, message)

    def finish_job(
        self, job_id: uuid.UUID | str, *, circuits: Collection[int] | None = None
    ) -> EmulatedJob:
        """Let what is not over of a job complete now, whatever its plan; as ``cancel_job``.

        On a real clock a circuit completes when its result is there, which may be later. One that
        cannot be run fails.
        """
        finish = self._service.store.finish
        return run_when_ready_blocking(
            self._service, functools.partial(finish, _uuid(job_id), circuits)
        )

    def _end(
        self,
        job_id: uuid.UUID | str,
        status: CircuitStatus,
        circuits: Collection[int] | None,
        message: str,
    ) -> EmulatedJob:
        if not is_message(message):
            raise ValueError(f"a message is a text, not {message!r}")
        end = functools.partial(
            self._service.store.end, _uuid(job_id), status, message=message, circuits=circuits
        )
        return run_when_ready_blocking(self._service, end)


def _uuid(job_id: uuid.UUID | str) -> uuid.UUID:
    return job_id if isinstance(job_id, uuid.UUID) else uuid.UUID(job_id)
