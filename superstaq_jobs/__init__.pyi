from ._version import __version__ as __version__
from .client import (
    RetryPolicy as RetryPolicy,
)
from .client import (
    SuperstaqClient as SuperstaqClient,
)
from .client import (
    TrafficCounts as TrafficCounts,
)
from .clock import (
    Clock as Clock,
)
from .clock import (
    SystemClock as SystemClock,
)
from .errors import (
    AnswerTooLarge as AnswerTooLarge,
)
from .errors import (
    ApiKeyNotFound as ApiKeyNotFound,
)
from .errors import (
    AuthenticationError as AuthenticationError,
)
from .errors import (
    CancelRefused as CancelRefused,
)
from .errors import (
    CircuitIndexError as CircuitIndexError,
)
from .errors import (
    ConfigurationError as ConfigurationError,
)
from .errors import (
    CountsUnavailable as CountsUnavailable,
)
from .errors import (
    EmailNotValidated as EmailNotValidated,
)
from .errors import (
    InvalidRequest as InvalidRequest,
)
from .errors import (
    InvalidValue as InvalidValue,
)
from .errors import (
    JobsNotFound as JobsNotFound,
)
from .errors import (
    JobsTimeout as JobsTimeout,
)
from .errors import (
    JobsUnsettled as JobsUnsettled,
)
from .errors import (
    PartialCancelUnsupported as PartialCancelUnsupported,
)
from .errors import (
    Problem as Problem,
)
from .errors import (
    ProtocolError as ProtocolError,
)
from .errors import (
    RequestTimeout as RequestTimeout,
)
from .errors import (
    SubmissionKeyConflict as SubmissionKeyConflict,
)
from .errors import (
    SubmissionUnknown as SubmissionUnknown,
)
from .errors import (
    SuperstaqException as SuperstaqException,
)
from .errors import (
    SuperstaqServerException as SuperstaqServerException,
)
from .errors import (
    SuperstaqUnsuccessfulJobException as SuperstaqUnsuccessfulJobException,
)
from .errors import (
    SuperstaqWarning as SuperstaqWarning,
)
from .errors import (
    TermsNotAccepted as TermsNotAccepted,
)
from .errors import (
    TlsError as TlsError,
)
from .errors import (
    TransportError as TransportError,
)
from .errors import (
    UnknownStatusTimeout as UnknownStatusTimeout,
)
from .errors import (
    WaitTimeout as WaitTimeout,
)
from .fetch import (
    cancel_jobs as cancel_jobs,
)
from .fetch import (
    fetch_balance as fetch_balance,
)
from .fetch import (
    fetch_job as fetch_job,
)
from .fetch import (
    fetch_jobs as fetch_jobs,
)
from .fetch import (
    fetch_target_info as fetch_target_info,
)
from .fetch import (
    fetch_targets as fetch_targets,
)
from .fetch import (
    query_jobs as query_jobs,
)
from .handle import (
    JobHandle as JobHandle,
)
from .many import (
    as_completed as as_completed,
)
from .many import (
    as_completed_async as as_completed_async,
)
from .many import (
    wait_all as wait_all,
)
from .many import (
    wait_all_async as wait_all_async,
)
from .many import (
    wait_any as wait_any,
)
from .many import (
    watch as watch,
)
from .many import (
    watch_async as watch_async,
)
from .records import (
    STATUS_PRIORITY_ORDER as STATUS_PRIORITY_ORDER,
)
from .records import (
    AccountBalance as AccountBalance,
)
from .records import (
    CancelReceipt as CancelReceipt,
)
from .records import (
    CircuitChange as CircuitChange,
)
from .records import (
    CircuitSnapshot as CircuitSnapshot,
)
from .records import (
    CircuitStatus as CircuitStatus,
)
from .records import (
    CircuitType as CircuitType,
)
from .records import (
    Counts as Counts,
)
from .records import (
    FieldChange as FieldChange,
)
from .records import (
    FrozenMapping as FrozenMapping,
)
from .records import (
    JobDiff as JobDiff,
)
from .records import (
    JobQuery as JobQuery,
)
from .records import (
    JobSnapshot as JobSnapshot,
)
from .records import (
    JobType as JobType,
)
from .records import (
    JsonMapping as JsonMapping,
)
from .records import (
    NewJob as NewJob,
)
from .records import (
    SimMethod as SimMethod,
)
from .records import (
    Stage as Stage,
)
from .records import (
    SubmitReceipt as SubmitReceipt,
)
from .records import (
    Target as Target,
)
from .records import (
    TargetInfo as TargetInfo,
)
from .records import (
    TargetQuery as TargetQuery,
)
from .records import (
    diff as diff,
)
from .records import (
    newest as newest,
)
from .submit import (
    submit_job as submit_job,
)
from .transport import (
    HttpTransport as HttpTransport,
)
from .transport import (
    Transport as Transport,
)
from .waiting import (
    Pace as Pace,
)
from .waiting import (
    PollPolicy as PollPolicy,
)
from .waiting import (
    ProgressBar as ProgressBar,
)
from .wire.job_data import (
    decode_jobs as decode_jobs,
)
from .wire.job_data import (
    encode_jobs as encode_jobs,
)
from .wire.request import (
    Request as Request,
)
from .wire.request import (
    Response as Response,
)
from .wire.request import (
    Secret as Secret,
)

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
