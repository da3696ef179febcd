"""The calls of the v0.3.0 API, and the ASGI application that serves them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from superstaq_jobs.emulator.accounts import User
from superstaq_jobs.emulator.messages.circuits import no_circuits, split_circuits
from superstaq_jobs.emulator.messages.requests import (
    AcceptTerms,
    JobQuery,
    NewJob,
    TargetFilter,
    TargetInfoQuery,
    UserQuery,
    check_host,
    read_all,
    read_body,
    read_circuit_type,
    read_query,
)
from superstaq_jobs.emulator.messages.responses import Problem, Refusal, invalid, json_response
from superstaq_jobs.emulator.service import Service, run_when_ready
from superstaq_jobs.emulator.simulator.tasks import Converted, Result

from .admin_api import admin_routes

__all__ = ["CALLS", "VERSION", "make_app"]

VERSION: Final = "v0.3.0"
"""The version of the API, the first part of every path."""


async def _circuits(service: Service, new_job: NewJob) -> list[str]:
    """The circuits of a new job, one string each."""
    circuits = split_circuits(new_job.circuits, new_job.circuit_type)
    if circuits is not None:
        return circuits
    split_up = service.simulator.split(new_job.circuits, new_job.circuit_type)
    try:
        return (await asyncio.wrap_future(split_up)).circuits
    except ValueError as error:
        raise no_circuits(str(error)) from error


async def _create_job(service: Service, user: User, request: Request) -> object:
    new_job = read_body(NewJob, await read_all(request))
    if new_job.job_type == "convert":
        message = "this emulator does not run convert jobs"
        raise invalid([Problem(("body", "job_type"), message, "unsupported")])
    target = service.target(new_job.target)
    if reason := target.refusal(new_job.job_type, dry_run=new_job.dry_run):
        raise Refusal(400, {"message": reason})
    circuits = await _circuits(service, new_job)
    service.check_simulator()  # or a job would be stored that never runs
    job = service.store.add(user, new_job, circuits, target)
    for index in range(len(job.circuits)):

        def listen(result: Result, index: int = index) -> None:
            service.store.report(job, index, result)

        def is_wanted(index: int = index) -> bool:
            return service.store.is_wanted(job, index)

        service.simulator.submit(service.store.task(job, index), listen, is_wanted=is_wanted)
    return {"job_id": str(job.job_id), "num_circuits": len(job.circuits)}


async def _fetch_jobs(service: Service, user: User, request: Request) -> object:
    circuit_type = read_circuit_type(request.path_params["circuit_type"])
    query = read_query(JobQuery, request.query_params.multi_items())
    find = functools.partial(service.store.find, user, query, circuit_type)
    while True:
        found = await run_when_ready(service, find)
        if not found.unconverted:
            return found.jobs
        # Searched again afterwards, since a circuit may have been compiled meanwhile.
        for circuit in found.unconverted:
            try:
                converting = service.simulator.convert(circuit.conversion)
                converted: Converted | None = await asyncio.wrap_future(converting)
            except ValueError:
                converted = None
            circuit.keep(converted)


async def _cancel_jobs(service: Service, user: User, request: Request) -> object:
    query = read_body(JobQuery, await read_all(request))
    cancelled = await run_when_ready(service, functools.partial(service.store.cancel, user, query))
    message = f"Cancelled {len(cancelled)} job(s)."
    if missed := len(set(query.job_id or ())) - len(cancelled):
        message += f" Not cancelled, since unknown or already finished: {missed}."
    return {"succeeded": cancelled, "message": message}


async def _fetch_targets(service: Service, _: User, request: Request) -> object:
    query = read_query(TargetFilter, request.query_params.multi_items())
    wanted = {
        flag: value
        for flag in query.__struct_fields__
        if (value := getattr(query, flag)) is not None
    }
    return [
        {"target_name": target.name, **target.flags}
        for target in service.targets
        if wanted.items() <= target.flags.items()
    ]


async def _fetch_target_info(service: Service, _: User, request: Request) -> object:
    query = read_body(TargetInfoQuery, await read_all(request))
    return {"target_info": service.target(query.target).info}


async def _fetch_balance(_: Service, user: User, __: Request) -> object:
    return {"email": user.email, "balance": user.balance}


async def _fetch_user(_: Service, user: User, request: Request) -> object:
    # Only an administrator sees other users, and there is none here.
    query = read_query(UserQuery, request.query_params.multi_items())
    fits = (
        (query.name is None or user.name in query.name)
        and (query.email is None or user.email in query.email)
        and (query.role is None or user.role in query.role)
        and (query.user_id is None or user.user_id in query.user_id)
    )
    details = {
        "name": user.name,
        "email": user.email,
        "role": user.role,
        "balance": user.balance,
        "token": request.headers["authorization"],
        "user_id": str(user.user_id),
    }
    return [details] if fits else []


async def _accept_terms(service: Service, user: User, request: Request) -> object:
    body = read_body(AcceptTerms, await read_all(request))
    return service.accounts.accept_terms(user, accept=body.accept)


_Call = Callable[[Service, User, Request], Awaitable[object]]

_CALLS: Final[tuple[tuple[str, str, _Call], ...]] = (
    ("POST", "/client/job", _create_job),
    ("GET", "/client/job/{circuit_type}", _fetch_jobs),
    ("PUT", "/client/cancel_jobs", _cancel_jobs),
    ("GET", "/client/targets", _fetch_targets),
    ("POST", "/client/retrieve_target_info", _fetch_target_info),
    ("GET", "/client/balance", _fetch_balance),
    ("GET", "/client/user", _fetch_user),
    ("PUT", "/client/accept_terms_of_use", _accept_terms),
)

CALLS: Final = tuple(f"{method} {path}" for method, path, _ in _CALLS)
"""The names of the calls, such as ``"POST /client/job"``."""


def _route(service: Service, method: str, path: str, call: _Call) -> Route:
    async def endpoint(request: Request) -> Response:
        check_host(request)
        terms = call is not _accept_terms
        user = service.accounts.user(request.headers.get("authorization"), terms=terms)
        return json_response(await call(service, user, request), warnings=service.warnings)

    return Route(f"/{VERSION}{path}", endpoint, methods=[method])


async def _error_response(_: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return json_response(error.body, status_code=error.status_code)
    if isinstance(error, HTTPException):
        response = json_response({"detail": error.detail}, status_code=error.status_code)
        response.headers.update(error.headers or {})
        return response
    return json_response({"detail": "Internal Server Error"}, status_code=500)


def make_app(service: Service) -> Starlette:
    """The ASGI application for a service."""
    app = Starlette(
        routes=[
            *(_route(service, method, path, call) for method, path, call in _CALLS),
            *admin_routes(service),
        ],
        exception_handlers={
            Refusal: _error_response,
            HTTPException: _error_response,
            Exception: _error_response,
        },
    )
    # A redirect would make some clients send their key, or a POST, twice.
    app.router.redirect_slashes = False
    return app
