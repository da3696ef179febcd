"""Every exception and warning of the library, and how they hang together.

::

    SuperstaqException                    anything this library raises on purpose
    ├── InvalidValue                      a record cannot hold these values     (ValueError)
    │   └── InvalidRequest                what you asked for cannot be sent
    ├── CircuitIndexError                 the job has no circuit of that index  (IndexError)
    ├── CountsUnavailable                 the snapshot holds no such counts     (ValueError)
    ├── SuperstaqUnsuccessfulJobException the job failed, was cancelled or deleted
    ├── ConfigurationError                your settings: host, scheme, limits   (ValueError)
    │   └── ApiKeyNotFound                no key in any of the places
    ├── PartialCancelUnsupported          v0.3.0 cancels whole jobs only
    ├── WaitTimeout                       a wait ran out                        (TimeoutError)
    │   └── UnknownStatusTimeout          … on a status that nobody knows
    ├── JobsUnsettled                     of many jobs, some could not be seen to end
    │   └── JobsTimeout                   … in time                             (TimeoutError)
    └── SuperstaqServerException          the server could not be asked, or did not do it
        ├── AuthenticationError           401: the key
        │   ├── TermsNotAccepted          401: the terms of use
        │   └── EmailNotValidated         401: the e-mail address
        ├── JobsNotFound                  unknown job ids; carries the found    (LookupError)
        ├── CancelRefused                 the server cancelled less than asked
        ├── SubmissionUnknown             sent, but the answer was lost
        ├── SubmissionKeyConflict         the submission key belongs to another job
        ├── ProtocolError                 an answer came, not what the API promises
        └── TransportError                no whole answer came
            ├── RequestTimeout            in time                               (TimeoutError)
            ├── TlsError                  the server's certificate is not good
            └── AnswerTooLarge            it was larger than the client allows

The class tells whose fault it is; the attributes hold the facts, so nobody parses a message. Every
one pickles, and none holds the API key or a provider token. Names that the official client has too
mean the same there. Imports nothing of this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from .records import CancelReceipt, JobSnapshot, NewJob
from .records.problems import (
    MAX_PROBLEMS,
    CircuitIndexError,
    CountsUnavailable,
    InvalidRequest,
    InvalidValue,
    Problem,
    SuperstaqException,
    SuperstaqUnsuccessfulJobException,
    SuperstaqWarning,
    listed,
)

__all__ = [
    "AnswerTooLarge",
    "ApiKeyNotFound",
    "AuthenticationError",
    "CancelRefused",
    "CircuitIndexError",
    "ConfigurationError",
    "CountsUnavailable",
    "EmailNotValidated",
    "InvalidRequest",
    "InvalidValue",
    "JobsNotFound",
    "JobsTimeout",
    "JobsUnsettled",
    "PartialCancelUnsupported",
    "Problem",
    "ProtocolError",
    "RequestTimeout",
    "SubmissionKeyConflict",
    "SubmissionUnknown",
    "SuperstaqException",
    "SuperstaqServerException",
    "SuperstaqUnsuccessfulJobException",
    "SuperstaqWarning",
    "TermsNotAccepted",
    "TlsError",
    "TransportError",
    "UnknownStatusTimeout",
    "WaitTimeout",
]


class ConfigurationError(SuperstaqException, ValueError):
    """A setting cannot be used, or needs what is not installed. Nothing was sent."""


class ApiKeyNotFound(ConfigurationError):
    """No API key was given, and none was found.

    Attributes:
        looked_in: Every place that was looked at, in order.
    """

    def __init__(self, looked_in: Iterable[str]) -> None:
        self.looked_in = tuple(looked_in)
        places = "\n".join(f"  {place}" for place in self.looked_in)
        super().__init__(
            "no Superstaq API key: nothing was sent. Looked in, in this order:\n"
            f"{places}\n"
            "Pass api_key=..., or put the key into one of them."
        )


class PartialCancelUnsupported(SuperstaqException):
    """One circuit of several was to be cancelled, which API v0.3.0 cannot do. Nothing was sent.

    Attributes:
        job_id: The job, which goes on as it was.
        index: The circuit that was to be cancelled.
        num_circuits: How many circuits the job has.
    """

    def __init__(self, *, job_id: UUID, index: int, num_circuits: int) -> None:
        self.job_id = job_id
        self.index = index
        self.num_circuits = num_circuits
        super().__init__(
            f"circuit {index} of job {job_id} cannot be cancelled alone: API v0.3.0 cancels whole "
            f"jobs only, and this one has {num_circuits} circuits. Nothing was sent and nothing "
            "was cancelled. To cancel them all, call cancel() without an index."
        )


class WaitTimeout(SuperstaqException, TimeoutError):
    """A wait ran out before what it waited for had come. The job goes on.

    Attributes:
        job_id: The job.
        snapshot: What the server said last; None if it never answered.
        timeout_seconds: How long the wait was to take at the most.
        waited_seconds: How long it took.
        failures: The last of the passing failures that the wait absorbed, 20 at most.
        num_failures: How many there were.
    """

    def __init__(
        self,
        message: str,
        *,
        job_id: UUID,
        snapshot: JobSnapshot | None,
        timeout_seconds: float | None,
        waited_seconds: float,
        failures: Iterable[Exception] = (),
        num_failures: int = 0,
    ) -> None:
        self.job_id = job_id
        self.snapshot = snapshot
        self.timeout_seconds = timeout_seconds
        self.waited_seconds = waited_seconds
        self.failures = tuple(failures)
        self.num_failures = num_failures
        super().__init__(message)

    def __str__(self) -> str:
        return self.message


class UnknownStatusTimeout(WaitTimeout):
    """A job has kept a status that this version does not know for too long to go on waiting.

    Such a status may be the end of the job, so a wait for it has a bound even without a timeout.
    """


class JobsUnsettled(SuperstaqException):
    """Of many jobs that were waited for, some did not come to their end; all others did.

    Attributes:
        errors: Why, by job id: what the wait for that job alone would have raised.
        found: The final snapshots of the others, in the order of their handles.
    """

    def __init__(
        self,
        errors: Mapping[UUID, SuperstaqException],
        *,
        found: Iterable[JobSnapshot] = (),
    ) -> None:
        self.errors = dict(errors)
        self.found = tuple(found)
        alike: dict[str, list[UUID]] = {}  # a thousand jobs that time out are one line
        for job_id, error in self.errors.items():
            reason = f"{type(error).__name__}: {error.message.splitlines()[0]}"
            alike.setdefault(reason.replace(str(job_id), "…"), []).append(job_id)
        lines = "".join(
            f"\n  {_first_ids(ids)}: {reason}" for reason, ids in list(alike.items())[:MAX_PROBLEMS]
        )
        rest = sum(map(len, list(alike.values())[MAX_PROBLEMS:]))
        more = f"\n  and {rest} more (see .errors)" if rest else ""
        jobs = "1 job" if len(self.errors) == 1 else f"{len(self.errors)} jobs"
        super().__init__(
            f"{jobs} of {len(self.errors) + len(self.found)} did not come to an end that could be "
            f"seen; the final snapshots of the others are in this error's .found.{lines}{more}"
        )


def _first_ids(job_ids: Sequence[UUID]) -> str:
    more = f" and {len(job_ids) - 3} more" if len(job_ids) > 3 else ""  # noqa: PLR2004
    return ", ".join(map(str, job_ids[:3])) + more


class JobsTimeout(JobsUnsettled, TimeoutError):
    """The time for many jobs ran out; ``errors`` has a ``WaitTimeout`` for each that was late."""

    def __str__(self) -> str:
        return self.message


class SuperstaqServerException(SuperstaqException):
    """The server could not be asked, or did not do what it was asked to.

    Raised itself where the server answered with an error that has no class of its own.

    Attributes:
        status_code: The HTTP status of the answer; None where there was none.
        job_ids: The jobs concerned, as far as they are known.
        found: What had been fetched by then: snapshots that the error must not lose.
        retry_after_seconds: How long the server asks to be left alone; None if it does not say.
    """

    def __init__(
        self,
        message: str,
        status_code: int | None = None,
        *,
        job_ids: Iterable[UUID] = (),
        found: Iterable[JobSnapshot] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        self.status_code = status_code
        self.job_ids = tuple(job_ids)
        self.found = tuple(found)
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)

    def __str__(self) -> str:
        # Subclasses that are an OSError as well would print an errno pair.
        return self.message


class AuthenticationError(SuperstaqServerException):
    """The server does not accept the API key (401)."""


class TermsNotAccepted(AuthenticationError):
    """The account has not accepted the service's terms of use (401)."""


class EmailNotValidated(AuthenticationError):
    """The account's e-mail address has not been validated (401)."""


class JobsNotFound(SuperstaqServerException, LookupError):
    """The server does not know some of the jobs that were asked for.

    Attributes:
        missing: The ids that it does not know, in the order asked.
        found: Snapshots of the jobs that it does know, in the order asked, without repeats.
    """

    def __init__(self, missing: Iterable[UUID], *, found: Iterable[JobSnapshot] = ()) -> None:
        self.missing = tuple(missing)
        readable = tuple(found)
        names = ", ".join(map(str, self.missing[:MAX_PROBLEMS]))
        rest = len(self.missing) - MAX_PROBLEMS
        more = f" and {rest} more (see .missing)" if rest > 0 else ""
        one = len(self.missing) == 1
        kept = f" The {len(readable)} found are in this error's .found." if readable else ""
        super().__init__(
            f"the server knows no {'job' if one else 'jobs'} {names}{more}, or not for this API "
            f"key.{kept}",
            job_ids=self.missing,
            found=readable,
        )


class CancelRefused(SuperstaqServerException):
    """The server did not cancel every job that it was asked to cancel.

    Attributes:
        receipt: What it said, with the ids that were cancelled and those that were not.
    """

    def __init__(self, receipt: CancelReceipt) -> None:
        self.receipt = receipt
        names = ", ".join(map(str, receipt.refused))
        super().__init__(
            f"the server did not cancel {names}: {receipt.message or 'it gave no reason'}",
            job_ids=receipt.refused,
        )


class SubmissionUnknown(SuperstaqServerException):
    """A job was sent, and no whole answer came back: it may or may not have been created.

    It is not sent again, since that could run, and charge for, the job twice. Look for it with
    ``query_jobs`` (by tag, target or time of submission) before you submit again; or submit it with
    a ``submission_key``, which does that for you.

    Attributes:
        job: What was sent.
        submission_key: The key that it was sent with; None without one.
        timed_out: Whether the answer was lost because it took too long (a timeout, or a 504): then
            the server may be about to create the job still.
    """

    job: NewJob | None = None
    submission_key: str | None = None
    timed_out: bool = False


class SubmissionKeyConflict(SuperstaqServerException):
    """A submission key belongs to a job that is not like the one to be submitted. None was sent.

    Attributes:
        submission_key: The key.
        job_id: The job that has it.
        fields: In which fields the two differ.
    """

    def __init__(self, submission_key: str, *, job_id: UUID, fields: Iterable[str]) -> None:
        self.submission_key = submission_key
        self.job_id = job_id
        self.fields = tuple(fields)
        super().__init__(
            f"the submission key {submission_key!r} belongs to job {job_id}, which differs in "
            f"{', '.join(self.fields)}: nothing was sent. Use another key for another job.",
            job_ids=[job_id],
        )


class ProtocolError(SuperstaqServerException):
    """The server answered, but not with what its API promises.

    Attributes:
        problems: What is wrong, by path in the answer; at most 20.
        omitted: How many further problems there were.
    """

    def __init__(
        self,
        message: str,
        problems: Iterable[Problem] = (),
        *,
        status_code: int | None = None,
        omitted: int = 0,
        job_ids: Iterable[UUID] = (),
        found: Iterable[JobSnapshot] = (),
    ) -> None:
        named = tuple(problems)
        self.problems = named[:MAX_PROBLEMS]
        self.omitted = omitted + len(named) - len(self.problems)
        lines = listed(self.problems, self.omitted)
        super().__init__(
            f"{message}:\n{lines}" if lines else message,
            status_code,
            job_ids=job_ids,
            found=found,
        )


class TransportError(SuperstaqServerException):
    """No whole answer came from the server.

    Attributes:
        sent: False where nothing of the request can have reached the server; True where it may.
    """

    def __init__(self, message: str, *, sent: bool, job_ids: Iterable[UUID] = ()) -> None:
        self.sent = sent
        super().__init__(message, job_ids=job_ids)


class RequestTimeout(TransportError, TimeoutError):
    """The server took longer than one request may take."""


class TlsError(TransportError):
    """The server could not prove who it is. Nothing of the request was sent."""


class AnswerTooLarge(TransportError):
    """The answer is larger than the client allows."""
