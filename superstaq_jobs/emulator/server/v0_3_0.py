"""Version 0.3.0 of the API: one job has any number of circuits."""

from __future__ import annotations

from typing import Final

from superstaq_jobs.emulator.accounts import User
from superstaq_jobs.emulator.jobs.job import job_data
from superstaq_jobs.emulator.messages.requests import (
    AcceptTerms,
    JobQuery,
    NewJob,
    Request,
    TargetFilter,
    TargetInfoQuery,
    UserQuery,
    job_problem,
    read_body,
    read_query,
)
from superstaq_jobs.emulator.messages.responses import Refusal, invalid, problem
from superstaq_jobs.emulator.service import Service, check_format

from .versions import ApiVersion, Call

__all__ = ["V0_3_0"]


def _create_job(service: Service, user: User, request: Request) -> object:
    new_job = read_body(NewJob, request.body)
    if new_job.job_type == "convert":
        message = "this emulator does not run convert jobs"
        raise invalid(problem(("body", "job_type"), message, "unsupported"))
    if (found := job_problem(new_job)) is not None:
        field, message = found
        raise invalid(problem(("body", field), message))
    target = service.target(new_job.target)
    if reason := target.refusal(new_job.job_type, dry_run=new_job.dry_run):
        raise Refusal(400, {"message": reason})
    circuits = service.split(new_job.circuits, new_job.circuit_type)
    service.store.check_running()  # or a job would be stored that never runs
    (job,) = service.store.add(user, new_job, circuits, target)
    service.store.start([job])
    return {"job_id": str(job.job_id), "num_circuits": len(job.circuits)}


def _fetch_jobs(service: Service, user: User, request: Request) -> object:
    circuit_type = request.values["circuit_type"]
    check_format(("path", "circuit_type"), circuit_type)
    query = read_query(JobQuery, request)
    return {
        str(job.job_id): job_data(job, states, *service.store.in_format(job, states, circuit_type))
        for job, states in service.store.find(user, query)
    }


def _cancel_jobs(service: Service, user: User, request: Request) -> object:
    query = read_body(JobQuery, request.body)
    cancelled = service.store.cancel(user, query)
    message = f"Cancelled {len(cancelled)} job(s)."
    if missed := len(set(query.job_id or ())) - len(cancelled):
        message += f" Not cancelled, since unknown or already finished: {missed}."
    return {"succeeded": cancelled, "message": message}


def _fetch_targets(service: Service, _: User, request: Request) -> object:
    query = read_query(TargetFilter, request)
    return [{"target_name": t.name, **t.flags} for t in service.find_targets(query)]


def _fetch_target_info(service: Service, _: User, request: Request) -> object:
    query = read_body(TargetInfoQuery, request.body)
    return {"target_info": service.target(query.target).info}


def _fetch_balance(_: Service, user: User, __: Request) -> object:
    return {"email": user.email, "balance": user.balance}


def _fetch_user(_: Service, user: User, request: Request) -> object:
    # Only an administrator sees other users, and there is none here.
    query = read_query(UserQuery, request)
    fits = (
        (query.name is None or user.name in query.name)
        and (query.email is None or user.email in query.email)
        and (query.role is None or user.role in query.role)
        and (query.user_id is None or user.user_id in query.user_id)
    )
    return [user.details(str(request.key))] if fits else []


def _accept_terms(service: Service, user: User, request: Request) -> object:
    body = read_body(AcceptTerms, request.body)
    return service.accept_terms(user, accept=body.accept)


V0_3_0: Final = ApiVersion(
    name="v0.3.0",
    calls=(
        Call("POST", "/client/job", _create_job),
        Call("GET", "/client/job/{circuit_type}", _fetch_jobs),
        Call("PUT", "/client/cancel_jobs", _cancel_jobs),
        Call("GET", "/client/targets", _fetch_targets),
        Call("POST", "/client/retrieve_target_info", _fetch_target_info),
        Call("GET", "/client/balance", _fetch_balance),
        Call("GET", "/client/user", _fetch_user),
        Call("PUT", "/client/accept_terms_of_use", _accept_terms, access="validated"),
    ),
)
"""This version."""
