"""The errors that a bad status or an unreadable response is raised as, with secrets masked."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from superstaq_jobs.errors import (
    AuthenticationError,
    EmailNotValidated,
    Problem,
    ProtocolError,
    RequestTimeout,
    SubmissionUnknown,
    SuperstaqServerException,
    TermsNotAccepted,
    TransportError,
)

from . import bodies
from .api import Call
from .request import Response, Secret, retry_after_seconds

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
            message=bodies.read_error(self.masked_bytes(response.body)),
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


_GATEWAY_TIMEOUT: Final = 504


_TERMS: Final = "You must accept the Terms of Use"


_EMAIL: Final = "You must validate your registered email"


def error_for(
    call: Call[Any],
    response: Response,
    *,
    message: str,
    location: str,
    now: dt.datetime,
    source: str,
) -> SuperstaqServerException:
    """The error for an answer whose status is none of 200 to 299.

    Args:
        call: What was called.
        response: The answer.
        message: What its body says, as ``bodies.read_error`` reads it.
        location: Where it points to, if it is a redirect. As the message, it is the server's text:
            neither may hold a secret or be long.
        now: When it came; aware.
        source: The server.
    """
    status = response.status
    said = f" The server says: {message}" if message else ""
    failed = f"{call.what} failed: {source} answered {status} to {call.request.label}."
    kind = SuperstaqServerException
    advice = ""
    if status == 401:  # noqa: PLR2004
        kind, advice = _refused(message)
    elif call.creates and status >= 500:  # noqa: PLR2004
        kind = SubmissionUnknown
        advice = (
            " The job may have been created all the same, so it was not sent again: look for it "
            "with query_jobs before you submit it once more."
        )
        if status == _GATEWAY_TIMEOUT:  # the official client gives the same reason
            advice += " It took the server too long: a smaller batch of circuits may help."
    elif 300 <= status < 400:  # noqa: PLR2004
        advice = (
            f" It points to {location!r}; redirects are not followed, since "
            "the API key would go there. Check remote_host."
        )
    error = kind(
        f"{failed}{said}{advice}",
        status,
        job_ids=call.job_ids,
        retry_after_seconds=retry_after_seconds(response.header("retry-after"), now=now),
    )
    if isinstance(error, SubmissionUnknown):
        error.timed_out = status == _GATEWAY_TIMEOUT
    return error


def _refused(message: str) -> tuple[type[AuthenticationError], str]:
    if message.startswith(_TERMS):
        return TermsNotAccepted, " Accept them with the account's web page, then try again."
    if message.startswith(_EMAIL):
        return EmailNotValidated, " Follow the link in the e-mail that was sent there."
    return AuthenticationError, " Check the API key, and that it belongs to this server."
