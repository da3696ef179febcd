"""The responses of the API, among them errors as exceptions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import msgspec

__all__ = ["Refusal", "Response", "invalid", "json_response", "problem", "timestamp"]


@attrs.frozen(kw_only=True)
class Response:
    """A response: its status, its own headers, and its body."""

    status_code: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Refusal(Exception):
    """An error response, as an exception.

    Args:
        status_code: The HTTP status, 4xx.
        body: The body, as plain JSON data.
    """

    def __init__(self, status_code: int, body: Any) -> None:
        super().__init__(status_code, body)
        self.status_code = status_code
        self.body = body


def problem(where: Iterable[str | int], message: str, kind: str = "value_error") -> dict[str, Any]:
    """One thing that is wrong with a request: where it is, a message, and its kind."""
    return {"loc": list(where), "msg": message, "type": kind}


def invalid(*problems: dict[str, Any]) -> Refusal:
    """The 422 that lists everything that is wrong with a request."""
    return Refusal(422, {"detail": problems})


def json_response(
    body: Any,
    *,
    status_code: int = 200,
    headers: Mapping[str, str] = {},
    warnings: Sequence[str] = (),
) -> Response:
    """A value as a JSON response; warnings are added to a successful JSON object."""
    if warnings and isinstance(body, dict) and status_code == 200:  # noqa: PLR2004
        own = body.get("warnings", [])
        body = {**body, "warnings": [*own, *({"message": message} for message in warnings)]}
    return Response(
        status_code=status_code,
        headers={"Content-Type": "application/json", **headers},
        body=msgspec.json.encode(body),
    )


def timestamp(moment: dt.datetime) -> str:
    """An aware time as ISO 8601 in UTC, ending in ``Z``."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
