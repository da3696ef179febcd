"""Registers the strategies of the records with Hypothesis, for ``st.from_type`` in every project.

Hypothesis calls ``register`` when it is imported (the entry point group ``hypothesis``). Each
strategy is loaded only when it is first used. Hypothesis is also made to print records as Python
that creates them, without their default values: the ``repr`` of a record is only a summary.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["STRATEGIES", "register"]

STRATEGIES: Final = {
    "records.changes": {
        "CircuitChange": "circuit_changes",
        "FieldChange": "field_changes",
        "JobDiff": "job_diffs",
    },
    "records.counts": {"Counts": "counts"},
    "records.frozen": {"JsonMapping": "json_mappings"},
    "records.inputs": {
        "JobQuery": "job_queries",
        "NewJob": "new_jobs",
        "TargetQuery": "target_queries",
    },
    "client.retry": {"RetryPolicy": "retry_policies"},
    "waiting.options": {"Pace": "paces", "PollPolicy": "poll_policies"},
    "records.snapshots": {"CircuitSnapshot": "circuit_snapshots", "JobSnapshot": "job_snapshots"},
    "records.receipts": {
        "AccountBalance": "balances",
        "CancelReceipt": "cancel_receipts",
        "SubmitReceipt": "submit_receipts",
        "Target": "targets",
        "TargetInfo": "target_infos",
    },
    "wire.request": {"Request": "requests", "Response": "responses"},
    "testing.faults": {"Fault": "faults"},
    "client.traffic": {"TrafficCounts": "traffic_counts"},
    "archive.querying": {"ArchivedJob": "archived_jobs"},
    "archive.verify": {"ArchiveReport": "archive_reports"},
    "study": {
        "LockDifference": "lock_differences",
        "LockEntry": "lock_entries",
        "StudyLock": "study_locks",
    },
}
"""The name of each record's strategy, by the record's module and name."""


def register() -> None:
    """Register the strategy of each record with Hypothesis."""
    from hypothesis import strategies

    for module, records in STRATEGIES.items():
        home = importlib.import_module(f"superstaq_jobs.{module}")
        for record, strategy in records.items():
            kind = getattr(home, record)
            strategies.register_type_strategy(kind, _loader(kind, strategy))
            if attrs.has(kind):
                _print_without_defaults(kind)
            else:  # a mapping
                _print_in_full(kind)


def _loader(kind: type[Any], name: str) -> Callable[[type[Any]], SearchStrategy[Any]]:
    def load(requested: type[Any]) -> SearchStrategy[Any]:
        # For `object` or `Mapping`, say, Hypothesis tries the strategies of all subclasses; but a
        # test that requests those, perhaps in another project, does not mean our records.
        if requested is not kind:
            return NotImplemented  # type: ignore[no-any-return]
        strategies = importlib.import_module("superstaq_jobs.testing.strategies")
        strategy: SearchStrategy[Any] = getattr(strategies, name)()
        return strategy

    return load


def _print_without_defaults(kind: type[Any]) -> None:
    """Make Hypothesis omit the fields that have their default values.

    The output is Python that creates an equal record.
    """
    from hypothesis.vendor import pretty

    def show(record: Any, printer: pretty.RepresentationPrinter, _cycle: bool) -> None:
        with printer.group(4, f"{kind.__name__}(", ")"):
            for place, (name, value) in enumerate(_non_default_fields(record).items()):
                if place:
                    printer.text(",")
                    printer.breakable()
                printer.text(f"{name}=")
                printer.pretty(_plain(value))

    pretty.for_type_by_name(kind.__module__, kind.__name__, show)


def _print_in_full(kind: type[Any]) -> None:
    """Make Hypothesis print every item of a mapping, of which the ``repr`` shows some."""
    from hypothesis.vendor import pretty

    def show(record: Any, printer: pretty.RepresentationPrinter, _cycle: bool) -> None:
        with printer.group(4, f"{kind.__name__}(", ")"):
            printer.pretty(dict(record))

    pretty.for_type_by_name(kind.__module__, kind.__name__, show)


def _plain(value: Any) -> Any:
    """Members of enums as their strings, which records accept too and Python can evaluate."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return str(value) if isinstance(value, enum.StrEnum) else value


def _non_default_fields(record: Any) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    fields = {}
    for field in attrs.fields(type(record)):
        made: Any = field.default
        default = made.factory() if hasattr(made, "factory") else made
        value = getattr(record, field.name)
        if value != default:
            fields[field.name] = value
    return fields
