"""What calls other than those for jobs return: receipts, targets, the balance.

A pickle names this module, so its classes do not move.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import attrs
from attrs.converters import optional

from . import display, fields
from .advice import explains_changes
from .frozen import JsonMapping, to_plain
from .ids import JobId

__all__ = ["AccountBalance", "CancelReceipt", "SubmitReceipt", "Target", "TargetInfo"]


@explains_changes
@attrs.frozen(kw_only=True)
class SubmitReceipt(fields.Checked):
    """The server's response to a submitted job.

    Attributes:
        job_id: The new job's id.
        num_circuits: How many circuits the server found in it.
        adopted: Whether the job existed already and was found by its submission key.

    Raises:
        InvalidValue: If a field cannot hold its value; names every such field.
    """

    job_id: JobId = attrs.field(converter=fields.any_job_id)
    num_circuits: int = attrs.field(converter=fields.count)
    adopted: bool = attrs.field(default=False, converter=fields.flag)


@explains_changes
@attrs.frozen(kw_only=True)
class CancelReceipt(fields.Checked):
    """The server's response to a request to cancel jobs.

    Attributes:
        cancelled: The jobs that it cancelled, in the order of the request.
        refused: The other jobs, in the order of the request: finished already, or unknown. Empty if
            the server cancelled something, but names none of the jobs: see ``succeeded``.
        message: The server's message, or its warnings if there is none; at most 1,000 characters.
        succeeded: The server's own list of what it cancelled: of each entry at most 1,000
            characters, and at most 100 entries more than there are jobs.

    Raises:
        InvalidValue: If a field cannot hold its value; names every such field.
    """

    cancelled: tuple[JobId, ...] = attrs.field(default=(), converter=fields.job_ids)
    refused: tuple[JobId, ...] = attrs.field(default=(), converter=fields.job_ids)
    message: str = attrs.field(default="", converter=fields.string)
    succeeded: tuple[str, ...] = attrs.field(default=(), converter=fields.strings)


@explains_changes
@attrs.frozen(kw_only=True)
class Target(fields.Checked):
    """A device or simulator that runs jobs.

    Attributes:
        target_name: ``<provider>_<device>_<qpu|simulator>``.
        supports_submit: Whether it runs circuits.
        supports_submit_qubo: Whether it solves QUBOs.
        supports_compile: Whether circuits can be compiled for it.
        available: Whether it accepts jobs now.
        retired: Whether it is retired.
        simulator: Whether it is a simulator.
        accessible: Whether this user may use it.
        extra: Fields that this version does not know.

    Raises:
        InvalidValue: If a field cannot hold its value; names every such field.
    """

    target_name: str = attrs.field(converter=fields.target)
    supports_submit: bool = attrs.field(converter=fields.flag)
    supports_submit_qubo: bool = attrs.field(converter=fields.flag)
    supports_compile: bool = attrs.field(converter=fields.flag)
    available: bool = attrs.field(converter=fields.flag)
    retired: bool = attrs.field(converter=fields.flag)
    simulator: bool = attrs.field(converter=fields.flag)
    accessible: bool = attrs.field(converter=fields.flag)
    extra: JsonMapping = attrs.field(
        factory=JsonMapping, converter=fields.json_mapping, repr=fields.clipped
    )

    def _repr_html_(self) -> str:
        flags = [field.name for field in attrs.fields(Target)][1:-1]
        rows = [
            *((name, "yes" if getattr(self, name) else "no") for name in flags),
            *_rows(self.extra),
        ]
        table = display.table(["", ""], rows[: display.MAX_ROWS], len(rows))
        return display.card("Target", self.target_name, None, table)


@explains_changes
@attrs.frozen(kw_only=True)
class TargetInfo(fields.Checked):
    """The server's description of one target.

    Attributes:
        target_name: The target.
        info: Qubits, native gates, couplings, under the server's names.

    Raises:
        InvalidValue: If a field cannot hold its value; names every such field.
    """

    target_name: str = attrs.field(converter=fields.target)
    info: JsonMapping = attrs.field(converter=fields.json_mapping, repr=fields.clipped)

    def _repr_html_(self) -> str:
        rows = itertools.islice(_rows(self.info), display.MAX_ROWS)
        table = display.table(["", ""], rows, len(self.info))
        return display.card("TargetInfo", self.target_name, None, table)


def _rows(info: JsonMapping) -> Iterator[tuple[str, str]]:
    return ((name, display.value_line(to_plain(value), 100)) for name, value in info.items())


@explains_changes
@attrs.frozen(kw_only=True)
class AccountBalance(fields.Checked):
    """How much a user can still spend.

    Attributes:
        email: The user's e-mail address; None in API v0.2.0, which does not say it.
        balance: The remaining balance in US dollars.

    Raises:
        InvalidValue: If a field cannot hold its value; names every such field.
    """

    email: str | None = attrs.field(converter=optional(fields.string))
    balance: float = attrs.field(converter=fields.number)
