"""The answers of the API as JSON.

Lives here: `Refusal`, an answer that is not a success, as an exception; the JSON response; and the
forms of time stamps. Imports nothing of this package.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import msgspec
from starlette.responses import Response

__all__ = ["Problem", "Refusal", "invalid", "json_response", "timestamp"]


class Refusal(Exception):
    """An answer that refuses.

    Args:
        status_code: The HTTP status, 4xx.
        body: What is answered, as JSON.
    """

    def __init__(self, status_code: int, body: Any) -> None:
        super().__init__(status_code, body)
        self.status_code = status_code
        self.body = body


@attrs.frozen
class Problem:
    """One thing that is wrong with a request: where, what, and of what kind."""

    where: tuple[str | int, ...]
    what: str
    kind: str = "value_error"


def invalid(problems: Iterable[Problem]) -> Refusal:
    """The 422 that lists what is wrong with a request."""
    detail = [{"loc": list(f.where), "msg": f.what, "type": f.kind} for f in problems]
    return Refusal(422, {"detail": detail})


def json_response(body: Any, *, status_code: int = 200, warnings: Sequence[str] = ()) -> Response:
    """A value as a JSON response; warnings are put beside the data of an object."""
    if warnings and isinstance(body, dict) and status_code == 200:  # noqa: PLR2004
        body = {**body, "warnings": [{"message": text} for text in warnings]}
    return Response(
        msgspec.json.encode(body), status_code=status_code, media_type="application/json"
    )


def timestamp(moment: dt.datetime) -> str:
    """An aware time as ISO 8601 in UTC with a ``Z``."""
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
