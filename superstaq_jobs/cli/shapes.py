"""Records as the JSON data of ``--json``; docs/command-line.md describes it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import superstaq_jobs as sj
from superstaq_jobs.records.frozen import to_plain

from .failures import CommandError, ExitCode

__all__ = ["circuit_data", "diff_data", "job_data", "jobs_data", "read_jobs", "to_plain"]


def jobs_data(
    snapshots: Iterable[sj.JobSnapshot], *, circuits: bool = False, record: bool = False
) -> dict[str, Any]:
    """Several jobs."""
    return {"jobs": [job_data(each, circuits=circuits, record=record) for each in snapshots]}


def job_data(
    snapshot: sj.JobSnapshot, *, circuits: bool = False, record: bool = False
) -> dict[str, Any]:
    """One job; if wanted, with its circuits and their counts, and with all that the service said.

    ``read_jobs`` reads it again if it has the ``record``.
    """
    version = "v0.3.0" if isinstance(snapshot.job_id, UUID) else "v0.2.0"
    data: dict[str, Any] = {
        "job_id": str(snapshot.job_id),
        "api_version": version,
        "status": str(snapshot.status),
        "num_circuits": snapshot.num_circuits,
    }
    for name in ("target", "job_type", "circuit_type", "dry_run", "tags", "submitted_at"):
        data[name] = to_plain(getattr(snapshot, name))
    data |= {"fetched_at": to_plain(snapshot.fetched_at), "source": snapshot.source}
    if circuits:
        data["circuits"] = list(map(circuit_data, snapshot.circuits))
    if record:
        data["digest"] = snapshot.digest
        data["record"] = json.loads(sj.encode_jobs([snapshot], api_version=version))
    return data


def circuit_data(circuit: sj.CircuitSnapshot) -> dict[str, Any]:
    """One circuit, with its counts."""
    return {
        "index": circuit.index,
        "status": circuit.status_text,
        "message": circuit.status_message,
        "shots": circuit.shots,
        "counts": to_plain(circuit.counts),
    }


def diff_data(job_id: object, changes: sj.JobDiff) -> dict[str, Any]:
    """What changed of one job."""
    return {
        "job_id": str(job_id),
        "fields": [
            {"name": each.name, "before": to_plain(each.before), "after": to_plain(each.after)}
            for each in changes.fields
        ],
        "circuits": [
            {
                "index": each.index,
                "before": None if each.before is None else circuit_data(each.before),
                "after": None if each.after is None else circuit_data(each.after),
            }
            for each in changes.circuits
        ],
    }


def read_jobs(path: str) -> tuple[sj.JobSnapshot, ...]:
    """The jobs in a file that ``show --json`` wrote.

    Raises:
        CommandError: If it is not such a file.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:  # noqa: PTH123
            return tuple(map(_read_job, json.load(file)["data"]["jobs"]))
    except OSError as error:
        what = f"{path} cannot be read: {error.strerror}"
    except (ValueError, KeyError, TypeError, RecursionError):
        what = f"{path} does not hold jobs"
    raise CommandError(
        f"{what}, so nothing was compared. Write such a file with "
        "superstaq-jobs show ID --json > FILE",
        ExitCode.USAGE,
    )


def _read_job(data: dict[str, Any]) -> sj.JobSnapshot:
    fetched_at = data["fetched_at"]
    (snapshot,) = sj.decode_jobs(
        json.dumps(data["record"]).encode(),
        fetched_at=None if fetched_at is None else dt.datetime.fromisoformat(fetched_at),
        source=data["source"],
        api_version=data["api_version"],
        job_ids=[data["job_id"]],
    )
    return snapshot
