"""The operator's calls over HTTP, under ``/__admin__/``, for programs in other processes.

They need one of the emulator's API keys, whether or not its user has accepted the terms of use.
Only programs on this machine can reach the emulator, but one of them may be a browser: a web page
can send a ``POST`` to a loopback address, but not with this header.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
import msgspec

from superstaq_jobs.clock import VirtualClock
from superstaq_jobs.emulator.accounts import User
from superstaq_jobs.emulator.jobs.job import EmulatedJob
from superstaq_jobs.emulator.jobs.plans import Becomes, Ending, Plan
from superstaq_jobs.emulator.messages.requests import Request, TargetName, read_body, read_object
from superstaq_jobs.emulator.messages.responses import Refusal, invalid, problem, timestamp
from superstaq_jobs.emulator.operator import OperatorMethods
from superstaq_jobs.emulator.service import Service

from .versions import ApiVersion, Call

__all__ = ["ADMIN"]


class _EndingBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    becomes: Becomes
    during: str | None = None
    message: str | None = None

    def ending(self) -> Ending:
        return Ending(**msgspec.structs.asdict(self))


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


class _EndBody(_FinishBody, frozen=True, forbid_unknown_fields=True):
    message: str | None = None


@contextlib.contextmanager
def _refusing(*where: str | int) -> Iterator[None]:
    """Makes refusals of the errors of an operator's method; ``where`` is the place to blame."""
    try:
        yield
    except LookupError as error:
        raise Refusal(404, {"message": str(error)}) from error
    except ValueError as error:
        what = "; ".join(map(str, getattr(error, "problems", ()))) or str(error)
        raise invalid(problem(where, what)) from error
    except RuntimeError as error:
        raise Refusal(409, {"message": str(error)}) from error


def _list_jobs(service: Service, _: User, __: Request) -> object:
    return [_job(job) for job in OperatorMethods(service).jobs()]


def _end_job(
    end: Callable[..., EmulatedJob],
    kind: type[_FinishBody],
    service: Service,
    _: User,
    request: Request,
) -> object:
    body = msgspec.structs.asdict(read_body(kind, request.body or b"{}"))
    given = {name: value for name, value in body.items() if value is not None}
    with _refusing("path", "job_id"):
        return _job(end(OperatorMethods(service), request.values["job_id"], **given))


def _add_plans(service: Service, _: User, request: Request) -> object:
    body = read_body(_PlansBody, request.body)
    plans = []
    refused = []
    for index, given in enumerate(body.plans):
        where = ("body", "plans", index)
        try:  # each separately, so that an invalid one does not hide the next
            with _refusing(*where):
                plans.append(read_object(_PlanBody, given, where=where).plan())
        except Refusal as refusal:
            refused += refusal.body["detail"]
    if refused:
        raise invalid(*refused)
    if body.target is not None:
        service.target(body.target)
    with _refusing("body", "plans"):
        operator = OperatorMethods(service)
        operator.plan(*plans, tag=body.tag, target=body.target, always=body.always)
    return {"waiting": len(service.store.plans)}


def _read_clock(service: Service, _: User, __: Request) -> object:
    clock = service.clock
    return {
        "virtual": isinstance(clock, VirtualClock),
        "now": clock.now(),
        "utcnow": timestamp(clock.utcnow()),
    }


def _advance(service: Service, user: User, request: Request) -> object:
    body = read_body(_ClockBody, request.body)
    with _refusing("body", "advance_seconds"):
        OperatorMethods(service).advance(body.advance_seconds)
    return _read_clock(service, user, request)


def _job(job: EmulatedJob) -> dict[str, Any]:
    plan = job.plan
    return {
        "job_id": str(job.job_id),
        "user_email": job.user_email,
        "job_type": job.job_type,
        "target": job.target,
        "tags": job.tags,
        "submission_timestamp": timestamp(job.submitted_at),
        # In the form in which ``POST /plans`` accepts it.
        "plan": plan and {**attrs.asdict(plan, recurse=False), "circuits": dict(plan.circuits)},
        "statuses": job.statuses,
        "status_messages": job.messages,
    }


def _call(method: str, path: str, run: Callable[[Service, User, Request], object]) -> Call:
    return Call(method, path, run, access="user")


def _ending(end: Callable[..., EmulatedJob], kind: type[_FinishBody], path: str) -> Call:
    return _call("POST", f"/jobs/{{job_id}}/{path}", functools.partial(_end_job, end, kind))


ADMIN: Final = ApiVersion(
    name="__admin__",
    calls=(
        _call("GET", "/jobs", _list_jobs),
        _ending(OperatorMethods.cancel_job, _EndBody, "cancel"),
        _ending(OperatorMethods.fail_job, _EndBody, "fail"),
        _ending(OperatorMethods.finish_job, _FinishBody, "finish"),
        _call("POST", "/plans", _add_plans),
        _call("GET", "/clock", _read_clock),
        _call("POST", "/clock", _advance),
    ),
)
"""The operator's calls."""
