"""Which exit status an error has, and what a user of the command can do about it."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any, Final

import click

import superstaq_jobs as sj

__all__ = ["CommandError", "ExitCode", "as_data", "exit_code", "hint", "message_of", "outcome"]

_SERVER_FAULT: Final = 500
_SHOWN: Final = 20
_ON_THE_COMMAND_LINE: Final = {
    "Wait for it with JobHandle.wait_until_complete().": "Wait for it: superstaq-jobs wait JOB.",
    "job_ids() has the jobs that it has.": "superstaq-jobs archive list shows those that it has.",
    ", or pass allow_insecure_http=True if you mean it.": ".",
    "pass shots=1000, say": "pass --shots 1000, say",
    "api_version='v0.2.0'": "--api-version v0.2.0",
}
"""What errors advise the library's users to do, and what to do with the command instead."""


class ExitCode(enum.IntEnum):
    """The exit statuses."""

    OK = 0
    """Done; of ``wait`` and ``watch``, all jobs have completed."""

    FAILED = 1
    """A job failed or was cancelled, or the command could not do what it should."""

    USAGE = 2
    """An argument or a setting cannot be used, or the API key is missing. Nothing was sent."""

    TIMED_OUT = 3
    """A wait timed out; the jobs go on."""

    UNREACHABLE = 4
    """The service could not be reached, or is out of order."""

    INTERRUPTED = 130
    """Ctrl-C."""

    BROKEN_PIPE = 141
    """The program that reads the output has ended, as ``head`` does."""


class CommandError(Exception):
    """Something that the command cannot do, explained to its user.

    Args:
        message: What happened, and what to do.
        code: The exit status.
        data: What the command can say in spite of that, for ``--json``.
        cause: The library's error, if it is that.
    """

    def __init__(
        self,
        message: str,
        code: ExitCode = ExitCode.FAILED,
        *,
        data: Any = None,
        cause: Exception | None = None,
    ) -> None:
        self.message = message
        self.code = code
        self.data = data
        self.cause = cause
        super().__init__(message)


def exit_code(error: BaseException) -> ExitCode:
    """The exit status for an error."""
    match error:
        case CommandError():
            code = error.code
        case sj.JobsUnsettled():
            codes = set(map(exit_code, error.errors.values()))
            order = (ExitCode.TIMED_OUT, ExitCode.UNREACHABLE)
            code = next((each for each in order if each in codes), ExitCode.FAILED)
        case sj.WaitTimeout(snapshot=None) if error.num_failures:
            code = ExitCode.UNREACHABLE  # it was not the time that was missing
        case sj.WaitTimeout():
            code = ExitCode.TIMED_OUT
        case click.UsageError() | sj.ConfigurationError() | sj.InvalidValue():
            code = ExitCode.USAGE
        case sj.SubmissionUnknown():
            code = ExitCode.FAILED  # trying again may submit it a second time
        case sj.TransportError():
            code = ExitCode.UNREACHABLE
        case sj.SuperstaqServerException() if (error.status_code or 0) >= _SERVER_FAULT:
            code = ExitCode.UNREACHABLE
        case _:
            code = ExitCode.FAILED
    return code


def outcome(snapshots: Iterable[Any]) -> ExitCode:
    """The exit status for finished jobs: whether all have completed."""
    return ExitCode.OK if all(each.completed for each in snapshots) else ExitCode.FAILED


def message_of(error: BaseException) -> str:
    """What an error says, without what only a program can use."""
    match error:
        case sj.ApiKeyNotFound():
            places = "".join(f"\n  {each}" for each in error.looked_in[1:])
            return f"no Superstaq API key was found, so nothing was sent. Searched:{places}"
        case sj.JobsNotFound():
            ids = "".join(f"\n  {each}" for each in error.missing[:_SHOWN])
            more = len(error.missing) - _SHOWN
            rest = f"\n  and {more} more" if more > 0 else ""
            return f"the service does not know these jobs, not for this API key:{ids}{rest}"
        case sj.JobsUnsettled():
            lines = [f"\n  {job}: {_of_job(each)}" for job, each in error.errors.items()]
            rest = f"\n  and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
            what = "in time" if isinstance(error, sj.JobsTimeout) else "by this wait"
            return f"not finished {what}:{''.join(lines[:_SHOWN])}{rest}"
    message = str(error)
    for theirs, ours in _ON_THE_COMMAND_LINE.items():
        message = message.replace(theirs, ours.replace("JOB", str(getattr(error, "job_id", ""))))
    return message


def _of_job(error: Exception) -> str:
    if not isinstance(error, sj.WaitTimeout):
        return message_of(error)
    if error.snapshot is not None:
        return f"it was {error.snapshot.status} when the time was up"
    why = f": {error.failures[-1]}" if error.failures else ""
    return f"there was no response about it{why}"


def hint(error: BaseException) -> str:
    """What to do on the command line; empty if the error says it itself."""
    if isinstance(error, sj.ApiKeyNotFound):
        return (
            "Set SUPERSTAQ_API_KEY, or put the key into one of these files. An option for "
            "it is missing on purpose, since an argument stays in the shell's history."
        )
    if isinstance(error, sj.SubmissionUnknown):
        return "Look for it with: superstaq-jobs list --since '10 minutes'"
    if isinstance(error, sj.WaitTimeout | sj.JobsTimeout):
        return "The jobs go on: wait again, with a longer --timeout."
    if isinstance(error, sj.AuthenticationError | sj.TransportError | sj.ProtocolError):
        return "superstaq-jobs doctor checks the key, the host and the connection."
    return ""


def as_data(error: BaseException, message: str) -> dict[str, Any]:
    """An error as JSON data."""
    data: dict[str, Any] = {"type": type(error).__name__, "message": message}
    for name in ("status_code", "retry_after_seconds"):
        if getattr(error, name, None) is not None:
            data[name] = getattr(error, name)
    by_job = getattr(error, "errors", None)
    if isinstance(by_job, dict):
        data["jobs"] = {str(job): as_data(each, str(each)) for job, each in by_job.items()}
    ids = getattr(error, "job_ids", None) or getattr(error, "missing", None)
    if ids:
        data["job_ids"] = list(map(str, ids))
    problems = getattr(error, "problems", None)
    if problems:
        data["problems"] = [{"where": each.where, "what": each.what} for each in problems]
    return data
