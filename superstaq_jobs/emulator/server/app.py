"""The ASGI application: every version of the API on one port, and the operator's calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from superstaq_jobs.emulator.messages.requests import check_host
from superstaq_jobs.emulator.messages.responses import Refusal, json_response
from superstaq_jobs.emulator.service import Service

from .admin_api import ADMIN, admin_routes
from .v0_2_0 import V0_2_0
from .v0_3_0 import V0_3_0
from .versions import ApiVersion, Call

__all__ = ["CALLS", "VERSIONS", "find_call", "make_app"]

VERSIONS: Final[Mapping[str, ApiVersion]] = {version.name: version for version in (V0_2_0, V0_3_0)}
"""The versions of the API, by the first part of the path."""

CALLS: Final = tuple(call.name for version in VERSIONS.values() for call in version.calls)
"""The names of the calls of all versions, such as ``"POST /client/job"``."""


def find_call(method: str, path: str) -> str | None:
    """A request as the name of a call, with values in place of placeholders; None if it is none."""
    version, call = _split_path(path)
    return f"{method} /{call}" if version in VERSIONS else None


def _split_path(path: str) -> tuple[str, str]:
    version, _, call = path.removeprefix("/").partition("/")
    return version, call


def _route(service: Service, version: ApiVersion, call: Call) -> Route:
    async def endpoint(request: Request) -> Response:
        check_host(request)
        key = request.headers.get("authorization")
        user = service.accounts.user(key, terms=call.needs_terms)
        return json_response(await call.run(service, user, request), warnings=service.warnings)

    return Route(f"/{version.name}{call.path}", endpoint, methods=[call.method])


def _own_route(version: ApiVersion) -> Route:
    async def endpoint(request: Request) -> Response:
        check_host(request)
        response = json_response({"version": version.name})
        response.headers.update(version.headers or {})
        return response

    return Route(f"/{version.name}", endpoint, methods=["GET"])


async def _error_response(request: Request, error: Exception) -> Response:
    headers: Mapping[str, str] = {}
    if isinstance(error, Refusal):
        refusal = error
    elif isinstance(error, HTTPException):
        refusal = Refusal(error.status_code, {"detail": error.detail})
        headers = error.headers or {}
    else:
        refusal = Refusal(500, {"detail": "Internal Server Error"})
    name, _ = _split_path(request.url.path)
    if name in VERSIONS:
        refusal = VERSIONS[name].error(refusal)
    elif name != ADMIN:
        spoken = " and ".join(VERSIONS)
        message = f"There is nothing at {request.url.path}: this emulator speaks {spoken}."
        refusal = Refusal(refusal.status_code, {"message": message})
    response = json_response(refusal.body, status_code=refusal.status_code)
    response.headers.update(headers)
    return response


def make_app(service: Service) -> Starlette:
    """The ASGI application for a service."""
    versions = VERSIONS.values()
    app = Starlette(
        routes=[
            *(_route(service, version, call) for version in versions for call in version.calls),
            *(_own_route(version) for version in versions if version.headers is not None),
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
