"""Immutable snapshots of Superstaq jobs, plain fetch functions, and one small live handle.

A ``JobSnapshot`` is a value: what the server said at one moment. A fetch function asks the server
and returns snapshots. A ``JobHandle`` is the one live thing: it keeps the latest snapshot of a job
and waits for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from ._version import __version__

if TYPE_CHECKING:
    from .changes import CircuitChange, FieldChange, JobDiff, diff, newest
    from .client import SuperstaqClient
    from .clock import Clock, SystemClock
    from .codec import decode_jobs, encode_jobs
    from .counts import Counts
    from .errors import (
        AnswerTooLarge,
        ApiKeyNotFound,
        AuthenticationError,
        CancelRefused,
        CircuitIndexError,
        ConfigurationError,
        CountsUnavailable,
        EmailNotValidated,
        InvalidRequest,
        InvalidValue,
        JobsNotFound,
        JobsTimeout,
        JobsUnsettled,
        PartialCancelUnsupported,
        Problem,
        ProtocolError,
        RequestTimeout,
        SubmissionKeyConflict,
        SubmissionUnknown,
        SuperstaqException,
        SuperstaqServerException,
        SuperstaqUnsuccessfulJobException,
        SuperstaqWarning,
        TermsNotAccepted,
        TlsError,
        TransportError,
        UnknownStatusTimeout,
        WaitTimeout,
    )
    from .fetch import (
        cancel_jobs,
        fetch_balance,
        fetch_job,
        fetch_jobs,
        fetch_target_info,
        fetch_targets,
        query_jobs,
        submit_job,
    )
    from .frozen import FrozenMapping, JsonMapping
    from .handle import JobHandle
    from .kinds import CircuitType, JobType, SimMethod
    from .many import (
        as_completed,
        as_completed_async,
        wait_all,
        wait_all_async,
        wait_any,
        watch,
        watch_async,
    )
    from .orders import JobQuery, NewJob, TargetQuery
    from .policy import Pace, PollPolicy, RetryPolicy
    from .progress import ProgressBar
    from .records import CircuitSnapshot, JobSnapshot
    from .replies import AccountBalance, CancelReceipt, SubmitReceipt, Target, TargetInfo
    from .sansio import Request, Response, Secret
    from .status import STATUS_PRIORITY_ORDER, CircuitStatus, Stage
    from .traffic import TrafficCounts
    from .transport import HttpTransport, Transport

__all__ = [
    "STATUS_PRIORITY_ORDER",
    "AccountBalance",
    "AnswerTooLarge",
    "ApiKeyNotFound",
    "AuthenticationError",
    "CancelReceipt",
    "CancelRefused",
    "CircuitChange",
    "CircuitIndexError",
    "CircuitSnapshot",
    "CircuitStatus",
    "CircuitType",
    "Clock",
    "ConfigurationError",
    "Counts",
    "CountsUnavailable",
    "EmailNotValidated",
    "FieldChange",
    "FrozenMapping",
    "HttpTransport",
    "InvalidRequest",
    "InvalidValue",
    "JobDiff",
    "JobHandle",
    "JobQuery",
    "JobSnapshot",
    "JobType",
    "JobsNotFound",
    "JobsTimeout",
    "JobsUnsettled",
    "JsonMapping",
    "NewJob",
    "Pace",
    "PartialCancelUnsupported",
    "PollPolicy",
    "Problem",
    "ProgressBar",
    "ProtocolError",
    "Request",
    "RequestTimeout",
    "Response",
    "RetryPolicy",
    "Secret",
    "SimMethod",
    "Stage",
    "SubmissionKeyConflict",
    "SubmissionUnknown",
    "SubmitReceipt",
    "SuperstaqClient",
    "SuperstaqException",
    "SuperstaqServerException",
    "SuperstaqUnsuccessfulJobException",
    "SuperstaqWarning",
    "SystemClock",
    "Target",
    "TargetInfo",
    "TargetQuery",
    "TermsNotAccepted",
    "TlsError",
    "TrafficCounts",
    "Transport",
    "TransportError",
    "UnknownStatusTimeout",
    "WaitTimeout",
    "__version__",
    "as_completed",
    "as_completed_async",
    "cancel_jobs",
    "decode_jobs",
    "diff",
    "encode_jobs",
    "fetch_balance",
    "fetch_job",
    "fetch_jobs",
    "fetch_target_info",
    "fetch_targets",
    "newest",
    "query_jobs",
    "submit_job",
    "wait_all",
    "wait_all_async",
    "wait_any",
    "watch",
    "watch_async",
]

_HOMES: Final = {
    "changes": "CircuitChange FieldChange JobDiff diff newest",
    "client": "SuperstaqClient",
    "clock": "Clock SystemClock",
    "codec": "decode_jobs encode_jobs",
    "counts": "Counts",
    "errors": (
        "AnswerTooLarge ApiKeyNotFound AuthenticationError CancelRefused CircuitIndexError "
        "ConfigurationError CountsUnavailable EmailNotValidated InvalidRequest InvalidValue "
        "JobsNotFound JobsTimeout JobsUnsettled PartialCancelUnsupported Problem ProtocolError "
        "RequestTimeout "
        "SubmissionKeyConflict SubmissionUnknown SuperstaqException SuperstaqServerException "
        "SuperstaqUnsuccessfulJobException SuperstaqWarning TermsNotAccepted TlsError "
        "TransportError UnknownStatusTimeout WaitTimeout"
    ),
    "fetch": (
        "cancel_jobs fetch_balance fetch_job fetch_jobs fetch_target_info fetch_targets "
        "query_jobs submit_job"
    ),
    "frozen": "FrozenMapping JsonMapping",
    "handle": "JobHandle",
    "kinds": "CircuitType JobType SimMethod",
    "many": "as_completed as_completed_async wait_all wait_all_async wait_any watch watch_async",
    "orders": "JobQuery NewJob TargetQuery",
    "policy": "Pace PollPolicy RetryPolicy",
    "progress": "ProgressBar",
    "records": "CircuitSnapshot JobSnapshot",
    "replies": "AccountBalance CancelReceipt SubmitReceipt Target TargetInfo",
    "sansio": "Request Response Secret",
    "status": "STATUS_PRIORITY_ORDER CircuitStatus Stage",
    "traffic": "TrafficCounts",
    "transport": "HttpTransport Transport",
}
"""Where each public name lives; a test holds it to the imports above."""

_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """A public name, or a module, that is loaded when it is first asked for."""
    if name in _HOMES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
