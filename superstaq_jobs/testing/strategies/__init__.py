"""Hypothesis strategies for every record, for histories of jobs, and for what a server may send.

Needs Hypothesis (the extra ``[testing]``).

    >>> from hypothesis import given
    >>> from superstaq_jobs.testing import strategies as sts
    >>> @given(sts.job_snapshots(terminal=True, num_circuits=2))
    ... def test_report(snapshot):
    ...     assert snapshot.is_terminal
    >>> test_report()
"""

from __future__ import annotations

from superstaq_jobs.records.problems import how_to_install

try:
    import hypothesis  # noqa: F401 - to report what is missing
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"the strategies need {error.name}: {how_to_install('testing')}", name=error.name
    ) from error

from .archived import (
    archive_reports,
    archived_jobs,
    lock_differences,
    lock_entries,
    study_locks,
)
from .client_values import (
    paces,
    poll_policies,
    requests,
    responses,
    retry_policies,
    traffic_counts,
)
from .histories import circuit_changes, field_changes, job_diffs, job_histories
from .hostile_bodies import HostilePayload, hostile_payloads
from .inputs import job_queries, new_jobs, target_queries
from .receipts import balances, cancel_receipts, submit_receipts, target_infos, targets
from .server_faults import fault_scripts, faults
from .snapshots import circuit_snapshots, job_snapshots
from .values import (
    bitstrings,
    counts,
    job_ids,
    json_mappings,
    json_values,
    moments,
    statuses,
    target_names,
    texts,
    unknown_status_texts,
)
from .wire_data import broken_payloads, wire_payloads

__all__ = [
    "HostilePayload",
    "archive_reports",
    "archived_jobs",
    "balances",
    "bitstrings",
    "broken_payloads",
    "cancel_receipts",
    "circuit_changes",
    "circuit_snapshots",
    "counts",
    "fault_scripts",
    "faults",
    "field_changes",
    "hostile_payloads",
    "job_diffs",
    "job_histories",
    "job_ids",
    "job_queries",
    "job_snapshots",
    "json_mappings",
    "json_values",
    "lock_differences",
    "lock_entries",
    "moments",
    "new_jobs",
    "paces",
    "poll_policies",
    "requests",
    "responses",
    "retry_policies",
    "statuses",
    "study_locks",
    "submit_receipts",
    "target_infos",
    "target_names",
    "target_queries",
    "targets",
    "texts",
    "traffic_counts",
    "unknown_status_texts",
    "wire_payloads",
]
