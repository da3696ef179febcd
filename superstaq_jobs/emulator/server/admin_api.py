"""The operator's calls over HTTP, under ``/__admin__/``, for programs in other processes.

They need one of the emulator's API keys, whether or not its user has accepted the terms of use.
Only programs on this machine can reach the emulator, but one of them may be a browser: a web page
can send a ``POST`` to a loopback address, but not with this header.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import Any, Final

import attrs
import msgspec

from superstaq_jobs.clock import VirtualClock
from superstaq_jobs.emulator.jobs.job import EmulatedJob
from superstaq_jobs.emulator.jobs.plans import (
    CANCELLED_BY_OPERATOR,
    FAILED_BY_OPERATOR,
    Becomes,
    Ending,
    Plan,
)
from superstaq_jobs.emulator.messages.requests import Request, TargetName, read_body, read_object
from superstaq_jobs.emulator.messages.responses import Problem, Refusal, invalid, timestamp
from superstaq_jobs.emulator.service import Service
from superstaq_jobs.records import CircuitStatus

__all__ = ["ADMIN", "ADMIN_CALLS"]

ADMIN: Final = "__admin__"
"""The first part of every path."""


class _EndingBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    becomes: Becomes
    during: str | None = None
    message: str | None = None

    def ending(self) -> Ending:
        return Ending(self.becomes, during=self.during, message=self.message)


class _PlanBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    queue_seconds: float | None = None
    compile_seconds: float | None = None
    run_seconds: float | None = None
    ending: _EndingBody = _EndingBody("completed")
    circuits: dict[int, _EndingBody] = {}

    def plan(self) -> Plan:
        circuits = {index: body.ending() for index, body in self.circuits.items()}
        given = msgspec.structs.asdict(self)
        return Plan(**{**given, "ending": self.ending.ending(), "circuits": circuits})


class _PlansBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plans: list[Any]
    tag: str | None = None
    target: TargetName | None = None
    always: bool = False


class _ClockBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    advance_seconds: float


class _FinishBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    circuits: list[int] | None = None


class _EndBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    circuits: list[int] | None = None
    message: str | None = None


def _list_jobs(service: Service, _: Request) -> object:
    return [_job(job) for job in service.store.all_jobs()]


def _add_plans(service: Service, request: Request) -> object:
    body = read_body(_PlansBody, request.body)
    plans = _read_plans(body)
    if body.target is not None:
        service.target(body.target)
    waiting = service.store.plan(plans, tag=body.tag, target=body.target, always=body.always)
    return {"waiting": waiting}


def _read_plans(body: _PlansBody) -> list[Plan]:
    """The plans, each read separately, so that an invalid one does not hide the next."""
    plans = []
    refused = []
    for index, given in enumerate(body.plans):
        where = ("body", "plans", index)
        try:
            try:
                plans.append(read_object(_PlanBody, given, where=where).plan())
            except ValueError as error:
                raise invalid([Problem(where, str(error))]) from error
        except Refusal as refusal:
            refused += refusal.body["detail"]
    if refused:
        raise Refusal(422, {"detail": refused})
    if body.always and len(plans) != 1:
        raise invalid(
            [Problem(("body", "plans"), f"always takes exactly one plan, got {len(plans)}")]
        )
    return plans


def _read_clock(service: Service, _: Request) -> object:
    clock = service.clock
    return {
        "virtual": isinstance(clock, VirtualClock),
        "now": clock.now(),
        "utcnow": timestamp(clock.utcnow()),
    }


def _advance(service: Service, request: Request) -> object:
    body = read_body(_ClockBody, request.body)
    try:
        service.advance(body.advance_seconds)
    except RuntimeError as error:
        raise Refusal(409, {"message": str(error)}) from error
    except ValueError as error:
        raise invalid([Problem(("body", "advance_seconds"), str(error))]) from error
    return _read_clock(service, request)


def _end_job(status: CircuitStatus, usual: str, service: Service, request: Request) -> object:
    job_id = _job_id(request)
    body = read_body(_EndBody, request.body or b"{}")
    message = usual if body.message is None else body.message
    return _found(lambda: service.store.end(job_id, status, message, body.circuits))


def _finish_job(service: Service, request: Request) -> object:
    job_id = _job_id(request)
    body = read_body(_FinishBody, request.body or b"{}")
    return _found(lambda: service.store.finish(job_id, body.circuits))


def _found(operate: Callable[[], EmulatedJob]) -> object:
    try:
        return _job(operate())
    except LookupError as error:
        raise Refusal(404, {"message": str(error)}) from error


def _job_id(request: Request) -> uuid.UUID:
    job_id = request.values["job_id"]
    try:
        return uuid.UUID(job_id)
    except ValueError as error:
        raise invalid([Problem(("path", "job_id"), f"must be a UUID, got {job_id!r}")]) from error


def _job(job: EmulatedJob) -> dict[str, Any]:
    return {
        "job_id": str(job.job_id),
        "user_email": job.user_email,
        "job_type": job.job_type,
        "target": job.target,
        "tags": job.tags,
        "submission_timestamp": timestamp(job.submitted_at),
        # In the form in which ``POST /plans`` accepts it.
        "plan": job.plan
        and {**attrs.asdict(job.plan, recurse=False), "circuits": dict(job.plan.circuits)},
        "statuses": job.statuses,
        "status_messages": job.messages,
    }


_S = CircuitStatus

ADMIN_CALLS: Final[tuple[tuple[str, str, Callable[[Service, Request], object]], ...]] = (
    ("GET", "/jobs", _list_jobs),
    (
        "POST",
        "/jobs/{job_id}/cancel",
        functools.partial(_end_job, _S.CANCELLED, CANCELLED_BY_OPERATOR),
    ),
    ("POST", "/jobs/{job_id}/fail", functools.partial(_end_job, _S.FAILED, FAILED_BY_OPERATOR)),
    ("POST", "/jobs/{job_id}/finish", _finish_job),
    ("POST", "/plans", _add_plans),
    ("GET", "/clock", _read_clock),
    ("POST", "/clock", _advance),
)
"""The calls: their methods, their paths after `ADMIN`, and what carries them out."""
