"""Records of what the server said and of what it is sent: values that cannot change. No I/O."""

from __future__ import annotations

from .changes import CircuitChange, FieldChange, JobDiff, diff, newest
from .counts import Counts
from .frozen import FrozenMapping, JsonMapping
from .ids import JobId
from .inputs import JobQuery, NewJob, TargetQuery
from .receipts import AccountBalance, CancelReceipt, SubmitReceipt, Target, TargetInfo
from .snapshots import CircuitSnapshot, JobSnapshot
from .status import STATUS_PRIORITY_ORDER, CircuitStatus, CircuitType, JobType, SimMethod, Stage

__all__ = [
    "STATUS_PRIORITY_ORDER",
    "AccountBalance",
    "CancelReceipt",
    "CircuitChange",
    "CircuitSnapshot",
    "CircuitStatus",
    "CircuitType",
    "Counts",
    "FieldChange",
    "FrozenMapping",
    "JobDiff",
    "JobId",
    "JobQuery",
    "JobSnapshot",
    "JobType",
    "JsonMapping",
    "NewJob",
    "SimMethod",
    "Stage",
    "SubmitReceipt",
    "Target",
    "TargetInfo",
    "TargetQuery",
    "diff",
    "newest",
]
