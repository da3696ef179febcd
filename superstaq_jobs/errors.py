"""Every exception of the library, and how they are related.

::

    SuperstaqException                    any error that this library raises on purpose
    ├── InvalidValue                      a record cannot hold the given values (ValueError)
    │   └── InvalidRequest                a request cannot be made of them
    ├── CircuitIndexError                 the job has no circuit with that index (IndexError)
    ├── CountsUnavailable                 the snapshot has no such counts       (ValueError)
    ├── SuperstaqUnsuccessfulJobException the job failed, was cancelled or deleted
    ├── ConfigurationError                a setting cannot be used              (ValueError)
    │   └── ApiKeyNotFound                no API key was given or found
    ├── PartialCancelUnsupported          v0.3.0 cancels whole jobs only
    ├── WaitTimeout                       a wait timed out                      (TimeoutError)
    │   └── UnknownStatusTimeout          … while a status was unknown
    ├── JobsUnsettled                     of many jobs, some could not be waited for
    │   └── JobsTimeout                   … because the time was up             (TimeoutError)
    ├── ArchiveError                      an archive cannot do what was requested
    │   ├── NotInArchive                  no such job or digest, or none so early (LookupError)
    │   ├── ArchiveBusy                   another process wrote to it for too long (TimeoutError)
    │   ├── ArchiveUnusable               the file is not an archive, or not a whole one
    │   │   └── ArchiveVersionError       … or is one of a newer version
    │   ├── ArchiveDamaged                the contents of the file have changed
    │   └── ArchiveWriteFailed            nothing was written                   (OSError)
    │       └── ArchiveReadOnly           … since it was opened for reading
    ├── LockMismatch                      the data are not those that a study locked
    └── SuperstaqServerException          the server did not do what was requested
        ├── OfflineError                  this client reads an archive, which does not have it
        ├── AuthenticationError           401: the API key
        │   ├── TermsNotAccepted          401: the terms of use
        │   └── EmailNotValidated         401: the e-mail address
        ├── JobsNotFound                  unknown job ids                       (LookupError)
        ├── CancelRefused                 not all jobs were cancelled
        ├── SubmissionUnknown             a job was sent, and the response was lost
        ├── SubmissionKeyConflict         the submission key belongs to another job
        ├── ProtocolError                 the response is not what the API promises
        └── TransportError                there was no complete response
            ├── RequestTimeout            … in time                             (TimeoutError)
            ├── TlsError                  the server's certificate was not accepted
            └── AnswerTooLarge            the response exceeds the client's limit

The class says whose fault an error is, and its attributes hold the facts. Every error pickles, and
none holds the API key or a provider's token. Errors with the name of one of the official client's
mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Self

from .records import CancelReceipt, JobId, JobSnapshot, NewJob
from .records.ids import first_ids
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
    line,
    listed,
)

__all__ = [
    "AnswerTooLarge",
    "ApiKeyNotFound",
    "ArchiveBusy",
    "ArchiveDamaged",
    "ArchiveError",
    "ArchiveReadOnly",
    "ArchiveUnusable",
    "ArchiveVersionError",
    "ArchiveWriteFailed",
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
    "LockMismatch",
    "NotInArchive",
    "OfflineError",
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
    """A setting cannot be used, or needs a package that is not installed. Nothing was sent."""


class ApiKeyNotFound(ConfigurationError):
    """No API key was given, and none was found. Nothing was sent.

    Attributes:
        looked_in: The places that were searched, in order.
    """

    def __init__(self, looked_in: Iterable[str]) -> None:
        self.looked_in = tuple(looked_in)
        places = "\n".join(f"  {place}" for place in self.looked_in)
        super().__init__(
            "no Superstaq API key was found, so nothing was sent. Searched, in this order:\n"
            f"{places}\n"
            "Pass api_key=..., or put the key into one of these places."
        )


class PartialCancelUnsupported(SuperstaqException):
    """API v0.3.0 cannot cancel one circuit of several. Nothing was sent.

    Attributes:
        job_id: The job, which was not cancelled.
        index: The circuit that was to be cancelled.
        num_circuits: How many circuits the job has.
    """

    def __init__(self, *, job_id: JobId, index: int, num_circuits: int) -> None:
        self.job_id = job_id
        self.index = index
        self.num_circuits = num_circuits
        super().__init__(
            f"circuit {index} of job {job_id} cannot be cancelled alone: API v0.3.0 cancels whole "
            f"jobs only, and this one has {num_circuits} circuits. Nothing was cancelled. To "
            "cancel all of them, call cancel() without an index."
        )


class WaitTimeout(SuperstaqException, TimeoutError):
    """A wait timed out. The job itself was not changed.

    Attributes:
        job_id: The job.
        snapshot: The latest snapshot; None if there was no response.
        timeout_seconds: The timeout of the wait; None if it had none.
        waited_seconds: How long the wait took.
        failures: The last of the transient failures during the wait, at most 20.
        num_failures: How many there were.
    """

    def __init__(
        self,
        message: str,
        *,
        job_id: JobId,
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


class UnknownStatusTimeout(WaitTimeout):
    """A job had a status that this version does not know for too long.

    Such a status may be a final one, so the wait is limited even without a timeout.
    """


class JobsUnsettled(SuperstaqException):
    """Some of many jobs could not be waited for until they were finished; all others are finished.

    Attributes:
        errors: By job id, the error that a wait for that job alone would have raised.
        found: The final snapshots of the other jobs, in the order of their handles.
    """

    def __init__(
        self,
        errors: Mapping[JobId, SuperstaqException],
        *,
        found: Iterable[JobSnapshot] = (),
    ) -> None:
        self.errors = dict(errors)
        self.found = tuple(found)
        alike: dict[str, list[JobId]] = {}  # a thousand jobs that time out are one line
        for job_id, error in self.errors.items():
            reason = f"{type(error).__name__}: {error.message.splitlines()[0]}"
            named = re.compile(rf"\bjob {re.escape(str(job_id))}(?![^\s:,.])")
            alike.setdefault(named.sub("job …", reason), []).append(job_id)
        lines = [f"\n  {first_ids(ids)}: {reason}" for reason, ids in alike.items()]
        rest = sum(map(len, [*alike.values()][MAX_PROBLEMS:]))
        lines[MAX_PROBLEMS:] = [f"\n  and {rest} more (see .errors)"] if rest else []
        jobs = "1 job" if len(self.errors) == 1 else f"{len(self.errors)} jobs"
        super().__init__(
            f"{jobs} of {len(self.errors) + len(self.found)} could not be waited for until "
            f"finished; .found has the final snapshots of the others.{''.join(lines)}"
        )


class JobsTimeout(JobsUnsettled, TimeoutError):
    """A wait for many jobs timed out; ``errors`` has a ``WaitTimeout`` for each unfinished one."""


class ArchiveError(SuperstaqException):
    """An archive of snapshots cannot do what was requested.

    Nothing is half written after any of these errors, and the archive can be used further.

    Attributes:
        path: The archive's file; None if there is none.
        reason: SQLite's name for the cause, such as ``SQLITE_FULL``; None if it was not SQLite's.
        value: If a client could not record what the server said: what that was, such as the
            receipt for a job that was created.
    """

    value: object = None

    def __init__(self, message: str, *, path: str | None = None, reason: str | None = None) -> None:
        self.path = path
        self.reason = reason
        super().__init__(message)


class NotInArchive(ArchiveError, LookupError):
    """An archive does not have the requested job or snapshot.

    Attributes:
        job_id: The job; None if a snapshot was named by its digest.
    """

    def __init__(
        self, message: str, *, path: str | None = None, job_id: JobId | None = None
    ) -> None:
        self.job_id = job_id
        super().__init__(message, path=path)


class ArchiveBusy(ArchiveError, TimeoutError):
    """Another process, or thread, wrote to the archive for longer than this one waits."""


class ArchiveUnusable(ArchiveError):
    """The file cannot be opened as an archive. It was not changed."""


class ArchiveVersionError(ArchiveUnusable):
    """The archive was made by a newer version of this library. It was not changed.

    Attributes:
        version: The version of the file.
        supported: The newest version that can be read.
    """

    def __init__(self, *, path: str, version: int, supported: int) -> None:
        self.version = version
        self.supported = supported
        super().__init__(
            f"{path} is an archive of version {version}, and this version of superstaq_jobs reads "
            f"versions up to {supported}. It was not changed. Update superstaq_jobs.",
            path=path,
        )


class ArchiveDamaged(ArchiveError):
    """What is in the archive is not what was written: a checksum does not agree."""


class ArchiveWriteFailed(ArchiveError, OSError):
    """The archive could not be written: the disk is full, say. It is as it was before."""


class ArchiveReadOnly(ArchiveWriteFailed):
    """The archive was opened for reading only. Nothing was written."""


class LockMismatch(SuperstaqException):
    """The data are not those that were locked for a study.

    Attributes:
        differences: Every entry of the lock that is missing, or of which there is another state
            only; each a ``LockDifference``.
    """

    def __init__(self, message: str, *, differences: Iterable[object] = ()) -> None:
        self.differences = tuple(differences)
        super().__init__(message)


class SuperstaqServerException(SuperstaqException):
    """The server could not be reached, or did not do what was requested.

    This class itself is raised for responses that report an error without a class of its own.

    Attributes:
        status_code: The HTTP status of the response; None if there was none.
        job_ids: The jobs concerned, as far as they are known.
        found: Snapshots that had been fetched before the error.
        retry_after_seconds: The pause that the server demands, in seconds; None if it does not.
    """

    def __init__(
        self,
        message: str,
        status_code: int | None = None,
        *,
        job_ids: Iterable[JobId] = (),
        found: Iterable[JobSnapshot] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        self.status_code = status_code
        self.job_ids = tuple(job_ids)
        self.found = tuple(found)
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class OfflineError(SuperstaqServerException):
    """An ``OfflineClient`` cannot respond from its archive. Nothing was sent, as always with it."""


class AuthenticationError(SuperstaqServerException):
    """The server does not accept the API key (401)."""


class TermsNotAccepted(AuthenticationError):
    """The terms of use have not been accepted for this account (401)."""


class EmailNotValidated(AuthenticationError):
    """The account's e-mail address has not been validated (401)."""


class JobsNotFound(SuperstaqServerException, LookupError):
    """The server does not know some of the requested jobs, or the archive of an ``OfflineClient``.

    Attributes:
        missing: The unknown ids, in the order of the request.
        found: Snapshots of the other jobs, in the order of the request, each once.
    """

    def __init__(
        self,
        missing: Iterable[JobId],
        *,
        found: Iterable[JobSnapshot] = (),
        archive: str | None = None,
    ) -> None:
        self.missing = tuple(missing)
        readable = tuple(found)
        names = first_ids(self.missing, MAX_PROBLEMS, see=" (see .missing)")
        kept = " Snapshots of those it knows are in .found." if readable else ""
        jobs = f"{'job' if len(self.missing) == 1 else 'jobs'} {names}"
        super().__init__(
            f"the server does not know {jobs}, at least not for this API key. Check the ids and "
            f"the key.{kept}"
            if archive is None
            else f"the archive {archive} does not have {jobs}, and nothing was sent. Check the ids "
            f"and the archive.{kept}",
            job_ids=self.missing,
            found=readable,
        )

    @classmethod
    def among(cls, wanted: Iterable[JobId], found: Iterable[JobSnapshot]) -> Self:
        """The error for those of the wanted ids that no job of a response has."""
        known = {job.job_id: job for job in found}
        ids = dict.fromkeys(wanted)
        missing = [each for each in ids if each not in known]
        return cls(missing, found=[known[each] for each in ids if each in known])


class CancelRefused(SuperstaqServerException):
    """The server did not cancel every job of a request.

    Attributes:
        receipt: Its response, with the ids that were cancelled and those that were not.
    """

    def __init__(self, receipt: CancelReceipt) -> None:
        self.receipt = receipt
        names = ", ".join(map(str, receipt.refused))
        reason = line(receipt.message, 1000) or "it gave no reason"
        super().__init__(f"the server did not cancel {names}: {reason}", job_ids=receipt.refused)


class SubmissionUnknown(SuperstaqServerException):
    """A job was sent, and the response was lost: it may or may not have been created.

    It is not submitted a second time, since it could then run, and be charged for, twice. Look for
    it with ``query_jobs`` (by tag, target or time of submission) before you submit it again; or
    submit it with a ``submission_key``, which does that for you if the server keeps tags.

    Attributes:
        job: The job.
        submission_key: The key it was submitted with; None without one.
        timed_out: Whether the response was lost to a timeout (or a 504): then the server may still
            create the job.
    """

    job: NewJob | None = None
    submission_key: str | None = None
    timed_out: bool = False


class SubmissionKeyConflict(SuperstaqServerException):
    """A submission key belongs to a job that differs from the one to submit. Nothing was sent.

    Attributes:
        submission_key: The key.
        job_id: The job that has the key.
        fields: The fields in which the two jobs differ.
    """

    def __init__(self, submission_key: str, *, job_id: JobId, fields: Iterable[str]) -> None:
        self.submission_key = submission_key
        self.job_id = job_id
        self.fields = tuple(fields)
        super().__init__(
            f"the submission key {submission_key!r} belongs to job {job_id}, which differs in "
            f"{', '.join(self.fields)}, so nothing was sent. Use another key for another job.",
            job_ids=[job_id],
        )


class ProtocolError(SuperstaqServerException):
    """The response is not what the API promises.

    Attributes:
        problems: What is wrong, by path in the body; at most 20.
        omitted: How many further parts are wrong, or were not checked after 20 problems.
    """

    def __init__(
        self,
        message: str,
        problems: Iterable[Problem] = (),
        *,
        status_code: int | None = None,
        omitted: int = 0,
        job_ids: Iterable[JobId] = (),
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
    """There was no complete response from the server.

    Attributes:
        sent: False if nothing of the request can have reached the server; True if it may have.
    """

    def __init__(self, message: str, *, sent: bool, job_ids: Iterable[JobId] = ()) -> None:
        self.sent = sent
        super().__init__(message, job_ids=job_ids)


class RequestTimeout(TransportError, TimeoutError):
    """There was no complete response in the time that one request may take."""


class TlsError(TransportError):
    """The server's certificate was not accepted. Nothing of the request was sent."""


class AnswerTooLarge(TransportError):
    """The response is larger than the client allows."""
