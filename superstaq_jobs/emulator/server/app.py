"""The application: the calls of every version of the API, on one port."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

from superstaq_jobs.emulator.messages import Refusal, Request, Response, json_response
from superstaq_jobs.emulator.service import Service

from .v0_2_0 import V0_2_0
from .v0_3_0 import V0_3_0
from .versions import ApiVersion, Call

__all__ = ["CALLS", "VERSIONS", "App", "Route", "find_route"]

VERSIONS: Final[Mapping[str, ApiVersion]] = {version.name: version for version in (V0_2_0, V0_3_0)}
"""The versions of the API, by the first part of the path."""

CALLS: Final = tuple(
    call.name for version in VERSIONS.values() for call in version.calls if call.path
)
"""The names of the calls of all versions, such as ``"POST /client/job"``."""


def _pattern(path: str) -> re.Pattern[str]:
    """What matches a path with placeholders in braces, and finds their values."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))


_PATTERNS: Final = {call.path: _pattern(call.path) for v in VERSIONS.values() for call in v.calls}


@attrs.frozen
class Route:
    """What the method and the path of a request are for.

    Attributes:
        version: The version of the API; None if the path names none.
        call: The call; None if there is no such call.
        values: The values of the placeholders in its path.
        status: The status of the response if there is no such call.
    """

    version: ApiVersion | None
    call: Call | None = None
    values: Mapping[str, str] = {}
    status: HTTPStatus = HTTPStatus.NOT_FOUND


def find_route(method: str, path: str) -> Route:
    """What a request is for."""
    name, slash, rest = path.removeprefix("/").partition("/")
    route = Route(VERSIONS.get(name))
    for call in route.version.calls if route.version else ():
        if found := _PATTERNS[call.path].fullmatch(slash + rest):
            if method == call.method or (method, call.method) == ("HEAD", "GET"):
                return attrs.evolve(route, call=call, values=found.groupdict())
            route = attrs.evolve(route, status=HTTPStatus.METHOD_NOT_ALLOWED)
    return route


@attrs.frozen
class App:
    """Carries requests out."""

    service: Service

    def __call__(self, route: Route, request: Request) -> Response:
        """The response to a request, which is an error rather than an exception."""
        try:
            return self._respond(route, request)
        except Refusal as error:
            refusal = error
        except Exception:  # noqa: BLE001 - whatever it is, the client gets a response
            refusal = Refusal(500, {"detail": "Internal Server Error"})
        return self.refuse(route, refusal)

    def refuse(self, route: Route, refusal: Refusal) -> Response:
        """The response to a refused request, in the form of its version."""
        if route.version is not None:
            refusal = route.version.error(refusal)
        else:
            message = f"There is nothing here: this emulator speaks {' and '.join(VERSIONS)}."
            refusal = Refusal(refusal.status_code, {"message": message})
        return json_response(refusal.body, status_code=refusal.status_code)

    def _respond(self, route: Route, request: Request) -> Response:
        if route.call is None:
            raise Refusal(route.status, {"detail": route.status.phrase})
        request.check_host()
        user: Any = self.service.user(request.key, route.call.access)
        body = route.call.run(self.service, user, request)
        if isinstance(body, Response):
            return body
        if self.service.warnings and isinstance(body, dict):
            added = [{"message": message} for message in self.service.warnings]
            body = {**body, "warnings": [*body.get("warnings", []), *added]}
        return json_response(body)
