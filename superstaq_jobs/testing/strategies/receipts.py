"""Strategies for what the server returns besides jobs: receipts, targets and balances."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from superstaq_jobs.records import (
    AccountBalance,
    CancelReceipt,
    JsonMapping,
    SubmitReceipt,
    Target,
    TargetInfo,
)

from . import values
from .arguments import checked
from .choices import Choices

__all__ = ["balances", "cancel_receipts", "submit_receipts", "target_infos", "targets"]

_EXTRA: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"queue_position": 3},
    {"cost": 1.0},
    {"schema_version": [1, {"a": []}]},
    {"cost": None},
)


@checked
def submit_receipts(*, api_version: str = "v0.3.0") -> st.SearchStrategy[SubmitReceipt]:
    """What the server returns for a submitted job.

    Args:
        api_version: The version of the API.

    Raises:
        ValueError: The version does not exist.
    """
    ids = values.job_ids(api_version=api_version)
    if values.is_v0_2_0(api_version):
        return ids.map(lambda each: SubmitReceipt(job_id=each, num_circuits=len(each.split(","))))
    return st.builds(SubmitReceipt, job_id=ids, num_circuits=st.integers(0, 100))


@checked
def cancel_receipts(*, api_version: str = "v0.3.0") -> st.SearchStrategy[CancelReceipt]:
    """What the server returns for a request to cancel jobs, some of which it may refuse.

    Args:
        api_version: The version of the API.

    Raises:
        ValueError: The version does not exist.
    """
    return _cancel_receipts(values.job_ids(api_version=api_version))


@st.composite
def _cancel_receipts(draw: st.DrawFn, ids: st.SearchStrategy[UUID | str]) -> CancelReceipt:
    requested = draw(st.lists(ids, unique=True, max_size=4))
    at = draw(st.integers(0, len(requested)))
    return CancelReceipt(
        cancelled=requested[:at],
        refused=requested[at:],
        message=draw(values.texts()),
        succeeded=[each for job_id in requested[:at] for each in str(job_id).split(",")],
    )


@checked
def targets(*, simulator: bool | None = None, extra: bool = True) -> st.SearchStrategy[Target]:
    """Devices and simulators; ``simulator`` agrees with the end of the name.

    Args:
        simulator: True for simulators, False for devices, None for both.
        extra: Whether some have fields that this version does not know.
    """
    return _targets(values.target_names(simulator=simulator), extra)


@st.composite
def _targets(draw: st.DrawFn, names: st.SearchStrategy[str], extra: bool) -> Target:
    name = draw(names)
    choices = Choices(draw, 7)
    return Target(
        target_name=name,
        simulator=name.endswith("simulator"),
        supports_submit=choices.flag(),
        supports_submit_qubo=choices.flag(),
        supports_compile=choices.flag(),
        available=choices.flag(),
        retired=choices.flag(),
        accessible=choices.flag(),
        extra=choices.of(_EXTRA) if extra else {},
    )


def target_infos() -> st.SearchStrategy[TargetInfo]:
    """What the server returns for one target."""
    info: st.SearchStrategy[JsonMapping] = values.json_mappings()
    return st.builds(TargetInfo, target_name=values.target_names(), info=info)


def balances() -> st.SearchStrategy[AccountBalance]:
    """What a user can still spend; may be negative."""
    amounts = st.floats(-1e6, 1e6) | st.integers(-1000, 1000)
    emails = st.sampled_from(values.EMAILS)
    return st.builds(AccountBalance, email=emails, balance=amounts)
