"""The errors that a call is refused with: for a bad status, an unreadable response, or none at all.

No message shows a secret of the client or of the request, whatever the server sent back; see
``masking``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from superstaq_jobs.errors import (
    AuthenticationError,
    EmailNotValidated,
    InvalidValue,
    Problem,
    ProtocolError,
    RequestTimeout,
    SubmissionUnknown,
    SuperstaqServerException,
    TermsNotAccepted,
    TlsError,
    TransportError,
)
from superstaq_jobs.records.budget import OutOfTime
from superstaq_jobs.records.problems import line

from . import bodies
from .call import Api, Call, name_jobs
from .masking import Mask, secrets_in_request
from .request import Response, Secret, retry_after_seconds

__all__ = ["CallErrors"]

_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_GATEWAY_TIMEOUTS: Final = frozenset({504, 522, 524})
"""A proxy waited too long; 522 and 524 are Cloudflare's."""
_SHOWN_CHARACTERS: Final = 160
_NOT_AUTHENTICATED: Final = {
    "You must accept the Terms of Use": (
        TermsNotAccepted,
        " Accept them on the account's web page, then try again.",
    ),
    "You must validate your registered email": (
        EmailNotValidated,
        " Follow the link in the e-mail that was sent to it.",
    ),
    "": (AuthenticationError, " Check the API key, and that it belongs to this server."),
}
"""By how the server's message begins: the class of error, and what to do."""


class CallErrors:
    """The errors of one client's calls: none shows its ``secrets``."""

    def __init__(self, *, origin: str, api: Api, secrets: Iterable[Secret]) -> None:
        self._origin = origin
        self._api = api
        # Only at the service itself: another server may well be an emulator, which speaks both.
        self._hint = f" {api.hint}" if origin == api.default_origin else ""
        self._secrets = tuple(secrets)

    def note_success(self) -> None:
        """Take in that the server speaks this version, so that no error blames the version."""
        self._hint = ""

    def mask(self, call: Call[Any] | None = None) -> Mask:
        """What masks the secrets of the client, and of a call, in a string from the server."""
        own = () if call is None else secrets_in_request(call.request.body)
        return Mask([*self._secrets, *own])

    def no_response(
        self, call: Call[Any], error: TransportError | ProtocolError
    ) -> SuperstaqServerException:
        """The error for a call without a complete response, from the transport's error."""
        hint = ""
        if isinstance(error, TransportError) and not isinstance(error, TlsError):
            hint = self._hint if not error.sent else ""
        message = self.mask(call)(f"{call.what} failed: {error.message}{hint}")
        if call.creates and (isinstance(error, ProtocolError) or error.sent):
            unknown = SubmissionUnknown(f"{message}\n{self._api.lost_submission}")
            unknown.timed_out = isinstance(error, RequestTimeout)
            return unknown
        if isinstance(error, ProtocolError):
            return ProtocolError(message, job_ids=call.job_ids)
        return type(error)(message, sent=error.sent, job_ids=call.job_ids)

    def refused(
        self, call: Call[Any], response: Response, *, now: dt.datetime
    ) -> SuperstaqServerException:
        """The error for a response whose status is not 200 to 299; ``now`` has a time zone."""
        status = response.status
        said = bodies.read_error(response.body)
        kind: type[SuperstaqServerException] = SuperstaqServerException
        advice = ""
        if status == _UNAUTHORIZED:
            kind, advice = next(
                found for start, found in _NOT_AUTHENTICATED.items() if said.startswith(start)
            )
            advice += self._hint if kind is AuthenticationError else ""
        elif status == _NOT_FOUND:
            advice = self._hint
        elif call.creates and status >= 500:  # noqa: PLR2004
            kind, advice = SubmissionUnknown, f" {self._api.lost_submission}"
            if status in _GATEWAY_TIMEOUTS:  # the official client gives the same reason
                advice += " It took the server too long: a smaller batch of circuits may help."
        elif 300 <= status < 400:  # noqa: PLR2004
            location = line(response.header("location") or "", _SHOWN_CHARACTERS)
            advice = (
                f" It redirects to {location!r}. Redirects are not followed, since the API key "
                "would be sent there: check remote_host."
            )
        error = kind(
            self.mask(call)(f"{self._responded(call, status)}.{self._quoted(said)}{advice}"),
            status,
            job_ids=call.job_ids,
            retry_after_seconds=retry_after_seconds(response.header("retry-after"), now=now),
        )
        if isinstance(error, SubmissionUnknown):
            error.timed_out = status in _GATEWAY_TIMEOUTS
        return error

    def unreadable(
        self, call: Call[Any], response: Response, error: BaseException
    ) -> BaseException:
        """The error for a response with a good status that is not what the API promises.

        Anything else, such as a Ctrl-C, is returned without its frames, which hold the body.
        """
        if isinstance(error, OutOfTime):
            error = RequestTimeout(
                f"the response arrived, but its {len(response.body):,} bytes could not be read in "
                "time. Allow more time, or request less.",
                sent=True,
            )
            return self.no_response(call, error)
        if not isinstance(error, ProtocolError | InvalidValue):
            error.__context__ = error.__cause__ = None
            return error.with_traceback(None)
        mask = self.mask(call)
        message = mask(f"{self._responded(call, response.status)}, but {error.message}")
        if call.creates:
            ids = call.created(response.body) if call.created is not None else ()
            named = tuple(each for each in ids if mask(str(each)) == str(each))
            known = f"\nThe response names {name_jobs(named)}: look for that one." if named else ""
            return SubmissionUnknown(
                f"{message}\n{self._api.lost_submission}{known}", response.status, job_ids=named
            )
        unreadable = ProtocolError(message, status_code=response.status, job_ids=call.job_ids)
        unreadable.problems = tuple(Problem(mask(p.where), mask(p.what)) for p in error.problems)
        if isinstance(error, ProtocolError):
            unreadable.found, unreadable.omitted = error.found, error.omitted
        return unreadable

    @staticmethod
    def _quoted(said: str) -> str:
        if not said:
            return ""
        return f" Its message: {said}{'' if said.endswith(('.', '!', '?')) else '.'}"

    def _responded(self, call: Call[Any], status: int) -> str:
        return f"{call.what} failed: {self._origin} responded {status} to {call.request.label}"
