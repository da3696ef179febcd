"""What is raised for a call that failed, told in the caller's terms and without a secret.

Lives here: ``CallErrors``. A server hands back what it was sent, the key included, so that no text
of its own goes into an error as it is. Used by ``client`` alone; may import ``api`` and below.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from . import messages
from .api import Call, error_for
from .errors import (
    Problem,
    ProtocolError,
    RequestTimeout,
    SubmissionUnknown,
    SuperstaqServerException,
    TransportError,
)
from .sansio import Response, Secret

__all__ = ["CallErrors"]

_CREATED_PERHAPS: Final = (
    "The job may have been created all the same, so it was not sent again: look for it with "
    "query_jobs before you submit it once more."
)
_SHOWN_CHARACTERS: Final = 160
_JOB_ID: Final = re.compile(rb'"job_id": ?"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')


class CallErrors:
    """The errors of one client's calls.

    Args:
        origin: The server.
        secrets: What no text may show.
    """

    def __init__(self, *, origin: str, secrets: Sequence[Secret]) -> None:
        self._origin = origin
        self._secrets = tuple(secrets)

    def masked(self, text: str) -> str:
        """A text of the server's in which it cannot hand the key back."""
        for secret in self._secrets:
            text = text.replace(secret.reveal(), "***")
        return text

    def masked_bytes(self, body: bytes) -> bytes:
        """The same for a body."""
        for secret in self._secrets:
            body = body.replace(secret.reveal().encode(), b"***")
        return body

    def no_answer(
        self, call: Call[Any], error: TransportError | ProtocolError
    ) -> SuperstaqServerException:
        """The transport's error, told of the call."""
        text = f"{call.what} failed: {error.message}"
        if isinstance(error, ProtocolError):
            if call.creates:
                return SubmissionUnknown(f"{text}\n{_CREATED_PERHAPS}")
            return ProtocolError(text, job_ids=call.job_ids)
        if call.creates and error.sent:
            unknown = SubmissionUnknown(f"{text}\n{_CREATED_PERHAPS}")
            unknown.timed_out = isinstance(error, RequestTimeout)
            return unknown
        return type(error)(text, sent=error.sent, job_ids=call.job_ids)

    def refused(
        self, call: Call[Any], response: Response, *, now: dt.datetime
    ) -> SuperstaqServerException:
        """The error for an answer whose status is not a good one.

        Args:
            call: What was called.
            response: What the server answered.
            now: The time, aware; for ``Retry-After``.
        """
        return error_for(
            call,
            response,
            message=messages.read_error(self.masked_bytes(response.body)),
            location=self.masked(response.header("location") or "")[:_SHOWN_CHARACTERS],
            now=now,
            source=self._origin,
        )

    def unreadable(
        self, call: Call[Any], response: Response, error: ProtocolError
    ) -> SuperstaqServerException:
        """The error for a good answer that is not what the API promises.

        Args:
            call: What was called.
            response: What the server answered.
            error: What is wrong with it.
        """
        text = self.masked(
            f"{call.what} failed: {self._origin} answered {response.status} to "
            f"{call.request.label}, but {error.message}"
        )
        if call.creates:
            named = tuple(UUID(found.decode()) for found in _JOB_ID.findall(response.body)[:1])
            known = f"\nThe answer names job {named[0]}: look for that one." if named else ""
            return SubmissionUnknown(
                f"{text}\n{_CREATED_PERHAPS}{known}", response.status, job_ids=named
            )
        unreadable = ProtocolError(
            text, status_code=response.status, job_ids=call.job_ids, found=error.found
        )
        unreadable.problems = tuple(
            Problem(self.masked(p.where), self.masked(p.what)) for p in error.problems
        )
        unreadable.omitted = error.omitted
        return unreadable
