"""The application: every version of the API on one port, and the operator's calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import attrs

from superstaq_jobs.emulator.messages.requests import Request
from superstaq_jobs.emulator.messages.responses import Refusal, Response, json_response
from superstaq_jobs.emulator.service import Service

from .admin_api import ADMIN, ADMIN_CALLS
from .v0_2_0 import V0_2_0
from .v0_3_0 import V0_3_0
from .versions import ApiVersion, Call

__all__ = ["CALLS", "VERSIONS", "App", "find_call", "path_pattern"]

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


def path_pattern(path: str) -> re.Pattern[str]:
    """What matches a path with placeholders in braces, and finds their values."""
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile(
        "".join(
            f"(?P<{part}>[^/]+)" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
    )


_Endpoint = Callable[[Request], Response]


class App:
    """Finds what a request is for, and carries it out.

    Args:
        service: What the calls work on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._routes: list[tuple[re.Pattern[str], str, _Endpoint]] = []
        for version in VERSIONS.values():
            for call in version.calls:
                self._add(call.method, f"/{version.name}{call.path}", self._endpoint(call))
            if version.headers is not None:
                self._add("GET", f"/{version.name}", self._own_endpoint(version))
        for method, path, run in ADMIN_CALLS:
            self._add(method, f"/{ADMIN}{path}", self._admin_endpoint(run))

    def _add(self, method: str, path: str, endpoint: _Endpoint) -> None:
        self._routes.append((path_pattern(path), method, endpoint))

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
        elif name != ADMIN:
            spoken = " and ".join(VERSIONS)
            message = f"There is nothing at {path}: this emulator speaks {spoken}."
            refusal = Refusal(refusal.status_code, {"message": message})
        return json_response(refusal.body, status_code=refusal.status_code)

    def _respond(self, request: Request) -> Response:
        status = HTTPStatus.NOT_FOUND
        for pattern, method, endpoint in self._routes:
            if found := pattern.fullmatch(request.path):
                if request.method in {method, "HEAD" if method == "GET" else method}:
                    request.check_host()
                    return endpoint(attrs.evolve(request, values=found.groupdict()))
                status = HTTPStatus.METHOD_NOT_ALLOWED
        raise Refusal(status, {"detail": status.phrase})

    def _endpoint(self, call: Call) -> _Endpoint:
        def respond(request: Request) -> Response:
            service = self._service
            user = service.user(request.key, terms=call.needs_terms)
            return json_response(call.run(service, user, request), warnings=service.warnings)

        return respond

    def _own_endpoint(self, version: ApiVersion) -> _Endpoint:
        return lambda _: json_response({"version": version.name}, headers=version.headers or {})

    def _admin_endpoint(self, run: Callable[[Service, Request], object]) -> _Endpoint:
        def respond(request: Request) -> Response:
            self._service.user(request.key, checked=False)
            return json_response(run(self._service, request))

        return respond
