"""The ways to read a response that the rows compare, from its bytes to what a program uses.

Ours is ``decode_jobs``; the records are complete then, and every field of them is read once. The
official client's is what its ``fetch_jobs`` and its ``Job`` do one after the other: the standard
library's parser, ``JobData``, ``model_dump``, and ``JobData`` once more.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator
from typing import Any, Final

import attrs
import orjson
from general_superstaq import models

import superstaq_jobs as sj

__all__ = ["check_same_values", "official_read", "our_read", "unusual"]

_OF_JOB: Final = operator.attrgetter(*(f.name for f in attrs.fields(sj.JobSnapshot)), "status")
_MAPPINGS_OF_JOB: Final = operator.attrgetter("metadata", "extra", "short_lists")
_OF_CIRCUIT: Final = operator.attrgetter(
    *(f.name for f in attrs.fields(sj.CircuitSnapshot)), "status"
)
_MAPPINGS_OF_CIRCUIT: Final = operator.attrgetter(
    "counts", "initial_logical_to_physical", "final_logical_to_physical"
)
_OF_OFFICIAL: Final = operator.attrgetter(*models.JobData.model_fields)


def our_read(data: bytes) -> tuple[sj.JobSnapshot, ...]:
    """All jobs decoded, and every field and the length of every mapping read."""
    found = sj.decode_jobs(data)
    for job in found:
        _OF_JOB(job)
        sum(map(len, _MAPPINGS_OF_JOB(job)))
        for circuit in job.circuits:
            _OF_CIRCUIT(circuit)
            sum(map(len, filter(None, _MAPPINGS_OF_CIRCUIT(circuit))))
    return found


def official_read(data: bytes) -> list[models.JobData]:
    """The same by the official client."""
    dumped = [models.JobData(**job).model_dump() for job in json.loads(data).values()]
    found = [models.JobData(**job) for job in dumped]
    for job in found:
        _OF_OFFICIAL(job)
    return found


def check_same_values(data: bytes) -> None:
    """Make sure that all ways find the same values, field for field."""
    ours: list[dict[str, Any]] = [job.to_dict() for job in our_read(data)]
    assert ours == [job.model_dump(mode="json") for job in official_read(data)]
    assert ours == list(orjson.loads(data).values())


def unusual(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The same jobs as no server writes them today: what differs, and the body."""
    jobs: dict[str, dict[str, Any]] = json.loads(data)
    unknown = {job_id: {**job, "queue_position": {"of": 7}} for job_id, job in jobs.items()}
    ordered = {job_id: dict(sorted(job.items())) for job_id, job in jobs.items()}
    yield "an unknown field in each job", json.dumps(unknown, separators=(",", ":")).encode()
    yield "another order, and white space", json.dumps(ordered).encode()
