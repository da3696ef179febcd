"""The application: the calls of every version of the API, on one port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from superstaq_jobs.emulator.messages import Refusal, Request, Response, json_response
from superstaq_jobs.emulator.service import ApiVersion, Service

from .v0_2_0 import V0_2_0
from .v0_3_0 import V0_3_0

__all__ = ["CALLS", "Route", "find_route", "refuse", "respond"]

_VERSIONS: Final[Mapping[str, ApiVersion]] = {"v0.2.0": V0_2_0, "v0.3.0": V0_3_0}
"""The versions of the API, by the first part of the path."""

CALLS: Final = tuple(
    call for version in _VERSIONS.values() for call in version.calls if "/" in call
)
"""The names of the calls of all versions, such as ``"POST /client/job"``."""


@attrs.frozen
class Route:
    """What the method and the path of a request are for.

    Attributes:
        version: The version of the API; None if the path names none.
        call: The name of the call, which the version may not have.
        circuit_type: The last part of the path, for a call that has it there.
    """

    version: ApiVersion | None
    call: str
    circuit_type: str = ""


def find_route(method: str, path: str) -> Route:
    """What a request is for."""
    name, slash, rest = path.removeprefix("/").partition("/")
    version, call = _VERSIONS.get(name), f"{method} {slash}{rest}"
    before, _, last = call.rpartition("/")
    of_a_type = f"{before}/{{circuit_type}}"
    if version is not None and of_a_type in version.calls and last:
        return Route(version, of_a_type, last)
    return Route(version, call)


def respond(service: Service, route: Route, request: Request) -> Response:
    """The response to a request, which is an error rather than an exception."""
    try:
        return _respond(service, route, request)
    except Refusal as refusal:
        return refuse(route, refusal)
    except Exception:  # noqa: BLE001 - whatever it is, the client gets a response
        return refuse(route, Refusal(500, {"detail": "Internal Server Error"}))


def refuse(route: Route, refusal: Refusal) -> Response:
    """The response to a refused request, in the form of its version."""
    if route.version is not None:
        refusal = route.version.error(refusal)
    else:
        message = f"There is nothing here: this emulator speaks {' and '.join(_VERSIONS)}."
        refusal = Refusal(refusal.status_code, {"message": message})
    return json_response(refusal.body, status_code=refusal.status_code)


def _respond(service: Service, route: Route, request: Request) -> Response:
    call = None if route.version is None else route.version.calls.get(route.call)
    if call is None:
        raise Refusal(404, {"detail": "Not Found"})
    request.check_host()
    user: Any = service.user(request.key, call.access)
    body = call.run(service, user, request)
    if isinstance(body, Response):
        return body
    if service.warnings and isinstance(body, dict):
        added = [{"message": message} for message in service.warnings]
        body = {**body, "warnings": [*body.get("warnings", []), *added]}
    return json_response(body)
