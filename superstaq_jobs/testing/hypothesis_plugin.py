"""``st.from_type`` for the records, in every project that has this library installed.

Lives here: ``register``, which Hypothesis calls when it is imported (the entry point group
``hypothesis``). It tells the records to Hypothesis and loads no strategy: each is loaded when it is
first asked for. And it has Hypothesis print records without what they hold by default, since an
example that fails is there to be read. May import the modules that define records; not Hypothesis
before it is called.
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
}
"""By the module and the name of a record: the name of its strategy."""


def register() -> None:
    """Tell Hypothesis which strategy belongs to which record."""
    from hypothesis import strategies

    for module, records in STRATEGIES.items():
        home = importlib.import_module(f"superstaq_jobs.{module}")
        for record, strategy in records.items():
            kind = getattr(home, record)
            strategies.register_type_strategy(kind, _loader(kind, strategy))
            if attrs.has(kind):
                _print_shortly(kind)


def _loader(kind: type[Any], name: str) -> Callable[[type[Any]], SearchStrategy[Any]]:
    def load(asked: type[Any]) -> SearchStrategy[Any]:
        # Hypothesis asks for the strategies of all subclasses of `object`, say, or of `Mapping`;
        # but nobody who asked for those, perhaps in quite another project, meant our records.
        if asked is not kind:
            return NotImplemented  # type: ignore[no-any-return]
        strategies = importlib.import_module("superstaq_jobs.testing.strategies")
        strategy: SearchStrategy[Any] = getattr(strategies, name)()
        return strategy

    return load


def _print_shortly(kind: type[Any]) -> None:
    """Have Hypothesis leave out fields that are as they would be anyway.

    What is left is Python that makes an equal record.
    """
    from hypothesis.vendor import pretty

    def show(record: Any, printer: pretty.RepresentationPrinter, _cycle: bool) -> None:
        with printer.group(4, f"{kind.__name__}(", ")"):
            for place, (name, value) in enumerate(_told(record).items()):
                if place:
                    printer.text(",")
                    printer.breakable()
                printer.text(f"{name}=")
                printer.pretty(_worded(value))

    pretty.for_type_by_name(kind.__module__, kind.__name__, show)


def _worded(value: Any) -> Any:
    """Members of enums as their texts, which is what a record takes as well and Python reads."""
    if isinstance(value, tuple):
        return tuple(map(_worded, value))
    return str(value) if isinstance(value, enum.StrEnum) else value


def _told(record: Any) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    told = {}
    for field in attrs.fields(type(record)):
        made: Any = field.default
        default = made.factory() if hasattr(made, "factory") else made
        value = getattr(record, field.name)
        if value != default:
            told[field.name] = value
    return told
