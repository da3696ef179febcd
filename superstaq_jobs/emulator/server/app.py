"""The application: every version of the API on one port, and the operator's calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

from superstaq_jobs.emulator.messages.requests import Request
from superstaq_jobs.emulator.messages.responses import Refusal, Response, json_response
from superstaq_jobs.emulator.service import Service

from .admin_api import ADMIN
from .v0_2_0 import V0_2_0
from .v0_3_0 import V0_3_0
from .versions import ApiVersion

__all__ = ["CALLS", "VERSIONS", "App", "find_call", "path_pattern"]

VERSIONS: Final[Mapping[str, ApiVersion]] = {version.name: version for version in (V0_2_0, V0_3_0)}
"""The versions of the API, by the first part of the path."""

CALLS: Final = tuple(
    f"{call.method} {call.path}"
    for version in VERSIONS.values()
    for call in version.calls
    if call.path
)
"""The names of the calls of all versions, such as ``"POST /client/job"``."""


def find_call(method: str, path: str) -> str | None:
    """A request as the name of a call, with values in place of placeholders; None if it is none."""
    version, call = _split_path(path)
    return f"{method} /{call}" if version in VERSIONS else None


def _split_path(path: str) -> tuple[str, str]:
    version, _, call = path.removeprefix("/").partition("/")
    return version, call


def path_pattern(path: str) -> re.Pattern[str]:
    """What matches a path with placeholders in braces, and finds their values."""
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile(
        "".join(
            f"(?P<{part}>[^/]+)" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
    )


class App:
    """Finds what a request is for, and carries it out.

    Args:
        service: What the calls work on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._calls = [
            (path_pattern(f"/{version.name}{call.path}"), call)
            for version in (*VERSIONS.values(), ADMIN)
            for call in version.calls
        ]

    def __call__(self, request: Request) -> Response:
        """The response to a request, which is an error rather than an exception."""
        try:
            return self._respond(request)
        except Refusal as error:
            refusal = error
        except Exception:  # noqa: BLE001 - whatever it is, the client gets a response
            refusal = Refusal(500, {"detail": "Internal Server Error"})
        return self.refuse(request.path, refusal)

    def refuse(self, path: str, refusal: Refusal) -> Response:
        """The response to a refused request, in the form of the version that its path names."""
        name, _ = _split_path(path)
        if name in VERSIONS:
            refusal = VERSIONS[name].error(refusal)
        elif name != ADMIN.name:
            spoken = " and ".join(VERSIONS)
            message = f"There is nothing at {path}: this emulator speaks {spoken}."
            refusal = Refusal(refusal.status_code, {"message": message})
        return json_response(refusal.body, status_code=refusal.status_code)

    def _respond(self, request: Request) -> Response:
        status, service = HTTPStatus.NOT_FOUND, self._service
        for pattern, call in self._calls:
            if found := pattern.fullmatch(request.path):
                if request.method in {call.method, "HEAD" if call.method == "GET" else call.method}:
                    request.check_host()
                    user: Any = service.user(request.key, call.access)
                    request = attrs.evolve(request, values=found.groupdict())
                    body = call.run(service, user, request)
                    if isinstance(body, Response):
                        return body
                    return json_response(body, warnings=service.warnings)
                status = HTTPStatus.METHOD_NOT_ALLOWED
        raise Refusal(status, {"detail": status.phrase})
