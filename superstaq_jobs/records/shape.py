"""The shape of a job in the official client, ``JobData``: its fields by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["JOB_FIELDS", "MISSING_ENTRIES", "PER_CIRCUIT_LISTS", "REQUIRED_LISTS"]

PER_CIRCUIT_LISTS: Final[Mapping[str, str]] = {
    "statuses": "status_text",
    "status_messages": "status_message",
    "provider_id": "provider_id",
    "input_circuits": "input_circuit",
    "compiled_circuits": "compiled_circuit",
    "counts": "counts",
    "results_dicts": "results_dict",
    "shots": "shots",
    "last_updated_timestamp": "updated_at",
    "initial_logical_to_physicals": "initial_logical_to_physical",
    "final_logical_to_physicals": "final_logical_to_physical",
    "logical_qubits": "logical_qubits",
    "physical_qubits": "physical_qubits",
}
"""The lists of ``JobData``, and the field of ``CircuitSnapshot`` that each one fills, in order."""

REQUIRED_LISTS: Final = frozenset({"statuses", "input_circuits", "shots"})
"""Those of the lists whose entries are never null."""

JOB_FIELDS: Final[Mapping[str, str]] = {
    "job_type": "job_type",
    "user_email": "user_email",
    "target": "target",
    "num_circuits": "num_circuits",
    "circuit_type": "circuit_type",
    "dry_run": "dry_run",
    "submission_timestamp": "submitted_at",
    "tags": "tags",
    "metadata": "metadata",
}
"""The other fields of ``JobData``, and the attribute of ``JobSnapshot`` that holds each one."""

MISSING_ENTRIES: Final[Mapping[str, str]] = {"input_circuits": ""}
"""What stands for the missing entries of a list that is too short; None for the other lists."""
