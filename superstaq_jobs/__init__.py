"""Immutable snapshots of Superstaq jobs, plain fetch functions, and one small live handle.

A ``JobSnapshot`` is a value: what the server said at one moment. A fetch function sends a request
and returns snapshots. A ``JobHandle`` is the one live object: it keeps the latest snapshot of a job
and waits for it.

Each public name is imported when it is first used; ``__init__.pyi`` lists them for type checkers.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from ._version import __version__

_NAMES: Final = {
    "archive": "ArchiveReport ArchivedJob SnapshotArchive",
    "client": "Recorder RetryPolicy SuperstaqClient TrafficCounts",
    "clock": "Clock SystemClock",
    "errors": (
        "AnswerTooLarge ApiKeyNotFound ArchiveBusy ArchiveDamaged ArchiveError ArchiveReadOnly "
        "ArchiveUnusable ArchiveVersionError ArchiveWriteFailed "
        "AuthenticationError CancelRefused CircuitIndexError "
        "ConfigurationError CountsUnavailable EmailNotValidated InvalidRequest InvalidValue "
        "JobsNotFound JobsTimeout JobsUnsettled LockMismatch NotInArchive OfflineError "
        "PartialCancelUnsupported Problem ProtocolError RequestTimeout "
        "SubmissionKeyConflict SubmissionUnknown "
        "SuperstaqException SuperstaqServerException SuperstaqUnsuccessfulJobException "
        "SuperstaqWarning TermsNotAccepted TlsError TransportError UnknownStatusTimeout "
        "WaitTimeout"
    ),
    "fetch": (
        "cancel_jobs fetch_balance fetch_job fetch_jobs fetch_target_info fetch_targets query_jobs"
    ),
    "handle": "JobHandle",
    "interop": "new_job",
    "many": ("as_completed as_completed_async wait_all wait_all_async wait_any watch watch_async"),
    "plots": "plot_counts plot_timeline",
    "records": (
        "STATUS_PRIORITY_ORDER AccountBalance CancelReceipt CircuitChange CircuitSnapshot "
        "CircuitStatus CircuitType Counts FieldChange FrozenMapping JobDiff JobId "
        "JobQuery JobSnapshot JobType JsonMapping NewJob SimMethod Stage SubmitReceipt Target "
        "TargetInfo TargetQuery diff newest"
    ),
    "study": "LockDifference LockEntry OfflineClient StudyLock lock locked resume",
    "submit": "submit_job",
    "tables": "",  # its functions are used as `tables.to_arrow` and so on
    "transport": "HttpTransport Transport",
    "waiting": "Pace PollPolicy ProgressBar",
    "wire.api": "decode_jobs encode_jobs",
    "wire.request": "Request Response Secret",
}
"""The public names of each module."""

_MODULE_OF: Final = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES: Final = frozenset(module.partition(".")[0] for module in _NAMES)

__all__ = ["__version__", *_MODULE_OF]  # noqa: PLE0604 - they are strings


def __getattr__(name: str) -> Any:
    """Import a public name, or one of the modules, when it is first used."""
    if name in _MODULE_OF:
        value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
