"""The errors that a call is refused with: for a bad status, an unreadable response, or none at all.

What the server said is quoted in them only after the secrets of the client have been masked.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from superstaq_jobs.errors import (
    AuthenticationError,
    EmailNotValidated,
    Problem,
    ProtocolError,
    RequestTimeout,
    SubmissionUnknown,
    SuperstaqServerException,
    TermsNotAccepted,
    TlsError,
    TransportError,
)

from . import bodies
from .call import Api, Call, name_jobs
from .request import Response, Secret, retry_after_seconds

__all__ = ["CallErrors"]

_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_GATEWAY_TIMEOUTS: Final = frozenset({504, 522, 524})
"""A proxy waited too long; 522 and 524 are Cloudflare's."""
_SHOWN_CHARACTERS: Final = 160
_PART_CHARACTERS: Final = 4
"""Of a token that is an object, shorter strings are not masked: they occur in other words."""
_MAX_ESCAPES: Final = 3
"""A body in a message in JSON, in which the options are JSON in a string."""
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


def _forms(secret: str) -> Iterator[str]:
    """How a server may send a secret back: as it is or, of an object, its strings; or escaped."""
    strings = _strings(bodies.token_of(secret))
    parts = [secret, *(part for part in strings if len(part) >= _PART_CHARACTERS)]
    for _ in range(_MAX_ESCAPES):
        yield from parts
        parts = [json.dumps(part)[1:-1] for part in parts]
    yield from parts


def _strings(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for each in data.values() if isinstance(data, dict) else data:
            yield from _strings(each)


class CallErrors:
    """The errors of one client's calls.

    Args:
        origin: The server.
        api: The version of the API.
        secrets: What no message may show.
    """

    def __init__(self, *, origin: str, api: Api, secrets: Sequence[Secret]) -> None:
        self._origin = origin
        self._api = api
        # Only at the service itself: another server may well be an emulator, which speaks both.
        self._hint = f" {api.hint}" if origin == api.default_origin else ""
        forms = {form for secret in secrets for form in _forms(secret.reveal())}
        # The longest first, since one may be a part of another.
        self._secrets = tuple(map(Secret, sorted(forms, key=lambda form: (-len(form), form))))

    def note_success(self) -> None:
        """Take in that the server speaks this version, so that no error blames the version."""
        self._hint = ""

    def masked(self, text: str) -> str:
        """A string from the server, in which each secret is masked."""
        for secret in self._secrets:
            text = text.replace(secret.reveal(), "***")
        return text

    def masked_bytes(self, body: bytes) -> bytes:
        """A body in which each secret is masked."""
        for secret in self._secrets:
            body = body.replace(secret.reveal().encode(), b"***")
        return body

    def no_response(
        self, call: Call[Any], error: TransportError | ProtocolError
    ) -> SuperstaqServerException:
        """The error for a call without a complete response, from the transport's error."""
        hint = ""
        if isinstance(error, TransportError) and not isinstance(error, TlsError):
            hint = self._hint if not error.sent else ""
        message = f"{call.what} failed: {error.message}{hint}"
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
        said = bodies.read_error(self.masked_bytes(response.body))
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
            location = self.masked(response.header("location") or "")[:_SHOWN_CHARACTERS]
            advice = (
                f" It redirects to {location!r}. Redirects are not followed, since the API key "
                "would be sent there: check remote_host."
            )
        error = kind(
            f"{self._responded(call, status)}.{self._quoted(said)}{advice}",
            status,
            job_ids=call.job_ids,
            retry_after_seconds=retry_after_seconds(response.header("retry-after"), now=now),
        )
        if isinstance(error, SubmissionUnknown):
            error.timed_out = status in _GATEWAY_TIMEOUTS
        return error

    def unreadable(
        self, call: Call[Any], response: Response, error: ProtocolError
    ) -> SuperstaqServerException:
        """The error for a response with a good status that is not what the API promises."""
        message = self.masked(f"{self._responded(call, response.status)}, but {error.message}")
        if call.creates:
            named = (
                call.created(self.masked_bytes(response.body)) if call.created is not None else ()
            )
            known = f"\nThe response names {name_jobs(named)}: look for that one." if named else ""
            return SubmissionUnknown(
                f"{message}\n{self._api.lost_submission}{known}", response.status, job_ids=named
            )
        unreadable = ProtocolError(
            message, status_code=response.status, job_ids=call.job_ids, found=error.found
        )
        unreadable.problems = tuple(
            Problem(self.masked(p.where), self.masked(p.what)) for p in error.problems
        )
        unreadable.omitted = error.omitted
        return unreadable

    @staticmethod
    def _quoted(said: str) -> str:
        if not said:
            return ""
        return f" Its message: {said}{'' if said.endswith(('.', '!', '?')) else '.'}"

    def _responded(self, call: Call[Any], status: int) -> str:
        return f"{call.what} failed: {self._origin} responded {status} to {call.request.label}"
