"""Every exception and warning of the library, and how they hang together.

::

    SuperstaqException                    anything this library raises on purpose
    ├── ConfigurationError                your settings: host, scheme, limits   (ValueError)
    │   └── ApiKeyNotFound                no key in any of the places
    ├── InvalidValue                      a record cannot hold these values     (ValueError)
    │   └── InvalidRequest                what you asked for cannot be sent
    ├── CircuitIndexError                 the job has no circuit of that index  (IndexError)
    ├── PartialCancelUnsupported          v0.3.0 cancels whole jobs only
    ├── CountsUnavailable                 the snapshot holds no such counts     (ValueError)
    ├── SuperstaqUnsuccessfulJobException the job failed, was cancelled or deleted
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

import sys
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from uuid import UUID

    from .orders import NewJob
    from .records import JobSnapshot
    from .replies import CancelReceipt

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

MAX_PROBLEMS = 20
"""At most this many problems are kept in one error."""

_MAX_PROBLEM_CHARACTERS = 160


def _rebuild(cls: type[SuperstaqException], args: tuple[Any, ...], facts: dict[str, Any]) -> Any:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class SuperstaqException(Exception):
    """The base of every error of this library.

    Attributes:
        message: What happened and what to do now, for a person.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with `args`, which fails for keyword-only facts.
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class Problem(tuple[str, str]):
    """One thing that is wrong with a value: where, and what.

    A pair of two texts; ``where`` is a field's name or a path like ``$.statuses[3]``.
    """

    __slots__ = ()

    def __new__(cls, where: str, what: str) -> Self:  # noqa: D102
        return super().__new__(cls, (_clip(where), _clip(what)))

    def __getnewargs__(self) -> tuple[str, str]:
        return self[0], self[1]

    @property
    def where(self) -> str:
        """The field or path at which it is wrong."""
        return self[0]

    @property
    def what(self) -> str:
        """What is wrong there."""
        return self[1]

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def _clip(text: str) -> str:
    return text if len(text) <= _MAX_PROBLEM_CHARACTERS else text[:_MAX_PROBLEM_CHARACTERS] + "…"


def _listed(problems: tuple[Problem, ...], omitted: int) -> str:
    lines = [f"  {problem}" for problem in problems]
    if omitted:
        lines.append(f"  … and {omitted} more")
    return "\n".join(lines)


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


class InvalidValue(SuperstaqException, ValueError):
    """A record was to be made of values that it cannot hold.

    Attributes:
        problems: Every problem found, by field name; at most 20.
    """

    _consequence = ""

    def __init__(self, what: str, problems: Iterable[Problem]) -> None:
        named = tuple(problems)
        self.problems = named[:MAX_PROBLEMS]
        listed = _listed(self.problems, len(named) - len(self.problems))
        super().__init__(f"{what} cannot be made{self._consequence}:\n{listed}")


class InvalidRequest(InvalidValue):
    """What was asked for cannot be sent as it is. Nothing was sent.

    Attributes:
        problems: Every problem found, by field name; at most 20.
    """

    _consequence = "; nothing was sent"


class CircuitIndexError(SuperstaqException, IndexError):
    """A job has no circuit of the index that was asked for.

    Attributes:
        job_id: The job.
        index: What was asked for.
        num_circuits: How many circuits the job has.
    """

    def __init__(self, *, job_id: UUID, index: int, num_circuits: int) -> None:
        self.job_id = job_id
        self.index = index
        self.num_circuits = num_circuits
        has = f"circuits 0 to {num_circuits - 1}" if num_circuits else "no circuits"
        super().__init__(f"job {job_id} has no circuit {index}: it has {has}")


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


class CountsUnavailable(SuperstaqException, ValueError):
    """A snapshot does not hold the counts that were asked for.

    Attributes:
        job_id: The job.
        index: The circuit, or None where no circuit of the job has counts.
    """

    def __init__(self, message: str, *, job_id: UUID, index: int | None) -> None:
        self.job_id = job_id
        self.index = index
        super().__init__(message)


class SuperstaqUnsuccessfulJobException(SuperstaqException):
    """A job, or one circuit of it, ended without a result: failed, cancelled or deleted.

    Attributes:
        job_id: The job.
        status: The status that it ended with.
        circuits: The indices of the circuits that ended so.
    """

    def __init__(
        self, job_id: UUID | str, status: str, *, circuits: Iterable[int] = (), reason: str = ""
    ) -> None:
        self.job_id = job_id
        self.status = status
        self.circuits = tuple(circuits)
        super().__init__(f"job {job_id} ended {status}{': ' if reason else ''}{reason}")


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
        lines = "".join(
            f"\n  {job_id}: {type(error).__name__}: {error.message.splitlines()[0]}"
            for job_id, error in list(self.errors.items())[:MAX_PROBLEMS]
        )
        rest = len(self.errors) - MAX_PROBLEMS
        more = f"\n  and {rest} more (see .errors)" if rest > 0 else ""
        jobs = "1 job" if len(self.errors) == 1 else f"{len(self.errors)} jobs"
        super().__init__(
            f"{jobs} of {len(self.errors) + len(self.found)} did not come to an end that could be "
            f"seen; the final snapshots of the others are in this error's .found.{lines}{more}"
        )


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
        listed = _listed(self.problems, self.omitted)
        super().__init__(
            f"{message}:\n{listed}" if listed else message,
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


class SuperstaqWarning(UserWarning):
    """Something that the server said, or did, that is no error but should be read.

    Attributes:
        value: Where warnings are made errors: what the call that warned would have returned, such
            as the receipt of a job that was created.
    """

    value: object = None


def warn(message: str) -> None:
    """Warn with a ``SuperstaqWarning`` that points at the caller outside of this package."""
    package = __name__.rpartition(".")[0]
    frame = sys._getframe(1)  # noqa: SLF001 - `skip_file_prefixes` needs Python 3.12
    depth = 2
    while frame.f_back is not None and f"{frame.f_globals.get('__name__')}.".startswith(
        f"{package}."
    ):
        frame = frame.f_back
        depth += 1
    warnings.warn(message, SuperstaqWarning, stacklevel=depth)
