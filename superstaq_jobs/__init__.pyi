from ._version import __version__ as __version__
from .client import (
    RetryPolicy as RetryPolicy,
    SuperstaqClient as SuperstaqClient,
    TrafficCounts as TrafficCounts,
)
from .clock import (
    Clock as Clock,
    SystemClock as SystemClock,
)
from .errors import (
    AnswerTooLarge as AnswerTooLarge,
    ApiKeyNotFound as ApiKeyNotFound,
    AuthenticationError as AuthenticationError,
    CancelRefused as CancelRefused,
    CircuitIndexError as CircuitIndexError,
    ConfigurationError as ConfigurationError,
    CountsUnavailable as CountsUnavailable,
    EmailNotValidated as EmailNotValidated,
    InvalidRequest as InvalidRequest,
    InvalidValue as InvalidValue,
    JobsNotFound as JobsNotFound,
    JobsTimeout as JobsTimeout,
    JobsUnsettled as JobsUnsettled,
    PartialCancelUnsupported as PartialCancelUnsupported,
    Problem as Problem,
    ProtocolError as ProtocolError,
    RequestTimeout as RequestTimeout,
    SubmissionKeyConflict as SubmissionKeyConflict,
    SubmissionUnknown as SubmissionUnknown,
    SuperstaqException as SuperstaqException,
    SuperstaqServerException as SuperstaqServerException,
    SuperstaqUnsuccessfulJobException as SuperstaqUnsuccessfulJobException,
    SuperstaqWarning as SuperstaqWarning,
    TermsNotAccepted as TermsNotAccepted,
    TlsError as TlsError,
    TransportError as TransportError,
    UnknownStatusTimeout as UnknownStatusTimeout,
    WaitTimeout as WaitTimeout,
)
from .fetch import (
    cancel_jobs as cancel_jobs,
    fetch_balance as fetch_balance,
    fetch_job as fetch_job,
    fetch_jobs as fetch_jobs,
    fetch_target_info as fetch_target_info,
    fetch_targets as fetch_targets,
    query_jobs as query_jobs,
)
from .handle import (
    JobHandle as JobHandle,
)
from .many import (
    as_completed as as_completed,
    as_completed_async as as_completed_async,
    wait_all as wait_all,
    wait_all_async as wait_all_async,
    wait_any as wait_any,
    watch as watch,
    watch_async as watch_async,
)
from .records import (
    STATUS_PRIORITY_ORDER as STATUS_PRIORITY_ORDER,
    AccountBalance as AccountBalance,
    CancelReceipt as CancelReceipt,
    CircuitChange as CircuitChange,
    CircuitSnapshot as CircuitSnapshot,
    CircuitStatus as CircuitStatus,
    CircuitType as CircuitType,
    Counts as Counts,
    FieldChange as FieldChange,
    FrozenMapping as FrozenMapping,
    JobDiff as JobDiff,
    JobQuery as JobQuery,
    JobSnapshot as JobSnapshot,
    JobType as JobType,
    JsonMapping as JsonMapping,
    NewJob as NewJob,
    SimMethod as SimMethod,
    Stage as Stage,
    SubmitReceipt as SubmitReceipt,
    Target as Target,
    TargetInfo as TargetInfo,
    TargetQuery as TargetQuery,
    diff as diff,
    newest as newest,
)
from .submit import (
    submit_job as submit_job,
)
from .transport import (
    HttpTransport as HttpTransport,
    Transport as Transport,
)
from .waiting import (
    Pace as Pace,
    PollPolicy as PollPolicy,
    ProgressBar as ProgressBar,
)
from .wire.job_data import (
    decode_jobs as decode_jobs,
    encode_jobs as encode_jobs,
)
from .wire.request import (
    Request as Request,
    Response as Response,
    Secret as Secret,
)
