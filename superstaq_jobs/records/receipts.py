"""What the server says besides jobs: receipts, targets, the balance.

Lives here: the small records that submit, cancel, target and balance calls return. May import
``errors`` and ``frozen``.

A pickle names this module, so records do not move.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import attrs

from . import fields
from .frozen import JsonMapping

__all__ = ["AccountBalance", "CancelReceipt", "SubmitReceipt", "Target", "TargetInfo"]


def _job_ids(value: Iterable[UUID]) -> tuple[UUID, ...]:
    return fields.many(value, UUID)


@attrs.frozen(kw_only=True)
class SubmitReceipt:
    """What the server says to a submitted job.

    Attributes:
        job_id: The new job's id.
        num_circuits: How many circuits the server found in it.
        adopted: Whether the job was there already and was found by its submission key.

    Raises:
        InvalidValue: If a field cannot hold what it is given.
    """

    job_id: UUID = attrs.field(converter=fields.job_id)
    num_circuits: int = attrs.field(converter=fields.count)
    adopted: bool = attrs.field(default=False, converter=fields.flag)

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self)


@attrs.frozen(kw_only=True)
class CancelReceipt:
    """What the server says to a request to cancel jobs.

    Attributes:
        cancelled: The jobs that it cancelled, in the order asked.
        refused: The jobs that it did not, in the order asked: they are over already, or unknown.
        message: What it says to it.
        succeeded: Its own list of what it cancelled, as sent.

    Raises:
        InvalidValue: If a field cannot hold what it is given.
    """

    cancelled: tuple[UUID, ...] = attrs.field(default=(), converter=_job_ids)
    refused: tuple[UUID, ...] = attrs.field(default=(), converter=_job_ids)
    message: str = attrs.field(default="", converter=fields.text)
    succeeded: tuple[str, ...] = attrs.field(default=(), converter=fields.texts)

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self)


@attrs.frozen(kw_only=True)
class Target:
    """A device or simulator that jobs can be sent to.

    Attributes:
        target_name: ``<provider>_<device>_<qpu|simulator>``.
        supports_submit: Whether it runs circuits.
        supports_submit_qubo: Whether it solves QUBOs.
        supports_compile: Whether circuits can be compiled for it.
        available: Whether it takes jobs now.
        retired: Whether it is gone for good.
        simulator: Whether it is a simulator.
        accessible: Whether this user may use it.
        extra: What the server sent that this version does not know.

    Raises:
        InvalidValue: If a field cannot hold what it is given.
    """

    target_name: str = attrs.field(converter=fields.target)
    supports_submit: bool = attrs.field(converter=fields.flag)
    supports_submit_qubo: bool = attrs.field(converter=fields.flag)
    supports_compile: bool = attrs.field(converter=fields.flag)
    available: bool = attrs.field(converter=fields.flag)
    retired: bool = attrs.field(converter=fields.flag)
    simulator: bool = attrs.field(converter=fields.flag)
    accessible: bool = attrs.field(converter=fields.flag)
    extra: JsonMapping = attrs.field(factory=JsonMapping, converter=fields.json_mapping)

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self)


@attrs.frozen(kw_only=True)
class TargetInfo:
    """What the server tells of one target.

    Attributes:
        target_name: The target that was asked about.
        info: What it tells: qubits, native gates, couplings, as the server names them.

    Raises:
        InvalidValue: If a field cannot hold what it is given.
    """

    target_name: str = attrs.field(converter=fields.target)
    info: JsonMapping = attrs.field(converter=fields.json_mapping)

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self)


@attrs.frozen(kw_only=True)
class AccountBalance:
    """How much the user may still spend.

    Attributes:
        email: The user.
        balance: What is left, in US dollars.

    Raises:
        InvalidValue: If a field cannot hold what it is given.
    """

    email: str = attrs.field(converter=fields.text)
    balance: float = attrs.field(converter=fields.number)

    def __attrs_post_init__(self) -> None:
        fields.refuse_bad(self)
