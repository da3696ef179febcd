"""What a version of the API consists of: its calls, and the form of its errors."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from superstaq_jobs.emulator.accounts import User
from superstaq_jobs.emulator.messages.requests import Request
from superstaq_jobs.emulator.messages.responses import Refusal
from superstaq_jobs.emulator.service import Service

__all__ = ["ApiVersion", "Call"]


@attrs.frozen
class Call:
    """One call.

    Attributes:
        method: The HTTP method.
        path: The path after the version, with placeholders in braces.
        run: Carries a request out; returns plain JSON data.
        needs_terms: Whether the user must have accepted the terms of use.
    """

    method: str
    path: str
    run: Callable[[Service, User, Request], object]
    needs_terms: bool = True

    @property
    def name(self) -> str:
        """The name of the call, such as ``"POST /client/job"``."""
        return f"{self.method} {self.path}"


def _unchanged(refusal: Refusal) -> Refusal:
    return refusal


@attrs.frozen(kw_only=True)
class ApiVersion:
    """A version of the API.

    Attributes:
        name: The first part of every path, such as ``v0.3.0``.
        calls: Its calls.
        error: Returns a refusal in the form in which this version sends errors.
        headers: The headers of the response to ``GET`` of the version itself, which needs no key;
            None if the version does not have that call.
    """

    name: str
    calls: tuple[Call, ...]
    error: Callable[[Refusal], Refusal] = _unchanged
    headers: dict[str, str] | None = None
