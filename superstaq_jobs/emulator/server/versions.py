"""What a version of the API consists of: its calls, and the form of its errors."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from superstaq_jobs.emulator.accounts import User
from superstaq_jobs.emulator.messages import Refusal, Request
from superstaq_jobs.emulator.service import Access, Service

__all__ = ["ApiVersion", "Call"]


@attrs.frozen
class Call:
    """One call.

    Attributes:
        method: The HTTP method.
        path: The path after the version, with placeholders in braces.
        run: Carries a request out; returns plain JSON data, or a `Response`.
        access: Who may send the request.
    """

    method: str
    path: str
    run: Callable[[Service, User, Request], object]
    access: Access = "accepted"

    @property
    def name(self) -> str:
        """Method and path, such as ``"POST /client/job"``."""
        return f"{self.method} {self.path}"


@attrs.frozen(kw_only=True)
class ApiVersion:
    """A version of the API.

    Attributes:
        name: The first part of every path, such as ``v0.3.0``.
        calls: Its calls.
        error: Returns a refusal in the form in which this version sends errors.
    """

    name: str
    calls: tuple[Call, ...]
    error: Callable[[Refusal], Refusal]
