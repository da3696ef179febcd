"""The ways to read an answer that the rows compare, each from bytes to what its user holds.

A snapshot puts off what nobody has asked for yet: the circuits of a job are made of the server's
lists when they are first looked at. So this library has two ways: what a poll needs, and all there
is. The official client's way is what its ``fetch_jobs`` and its ``Job`` do with an answer: the
standard library's parser, ``JobData``, ``model_dump``, and ``JobData`` once more.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable
from typing import Any, Final

import attrs
import general_superstaq as gss
import orjson
from general_superstaq import models

import superstaq_jobs as sj

__all__ = [
    "check_all_read_the_same",
    "official_read",
    "official_statuses",
    "read_of",
    "statuses_known",
    "wholly_read",
]

_OF_JOB: Final = operator.attrgetter(*(f.name for f in attrs.fields(sj.JobSnapshot)), "status")
_MAPPINGS_OF_JOB: Final = operator.attrgetter("metadata", "extra", "short_lists")
_OF_CIRCUIT: Final = operator.attrgetter(
    *(f.name for f in attrs.fields(sj.CircuitSnapshot)), "status"
)
_MAPPINGS_OF_CIRCUIT: Final = operator.attrgetter(
    "counts", "initial_logical_to_physical", "final_logical_to_physical"
)
_OF_OFFICIAL: Final = operator.attrgetter(*models.JobData.model_fields)
_OFFICIAL_ORDER: Final = {
    status: place for place, status in enumerate(gss.Job.STATUS_PRIORITY_ORDER)
}


def statuses_known(data: bytes) -> tuple[sj.JobSnapshot, ...]:
    """What a poll does: all jobs decoded, and the status of each read."""
    found = sj.decode_jobs(data)
    for job in found:
        job.status  # noqa: B018 - looked at, and no more
    return found


def read_of(found: Iterable[sj.JobSnapshot]) -> None:
    """Every field of every job and of every circuit, and the length of every mapping."""
    for job in found:
        _OF_JOB(job)
        sum(map(len, _MAPPINGS_OF_JOB(job)))
        for circuit in job.circuits:
            _OF_CIRCUIT(circuit)
            sum(map(len, filter(None, _MAPPINGS_OF_CIRCUIT(circuit))))


def wholly_read(data: bytes) -> tuple[sj.JobSnapshot, ...]:
    """All jobs decoded, and everything in them read: nothing is put off any longer."""
    found = sj.decode_jobs(data)
    read_of(found)
    return found


def _official(data: bytes) -> list[models.JobData]:
    dumped = [models.JobData(**job).model_dump() for job in json.loads(data).values()]
    return [models.JobData(**job) for job in dumped]


def official_statuses(data: bytes) -> list[models.JobData]:
    """What the official client makes of an answer, and the status of each job read as it does."""
    found = _official(data)
    for job in found:
        min(map(_OFFICIAL_ORDER.__getitem__, set(job.statuses)))
    return found


def official_read(data: bytes) -> list[models.JobData]:
    """The same, and all fields read."""
    found = _official(data)
    for job in found:
        _OF_OFFICIAL(job)
    return found


def check_all_read_the_same(data: bytes) -> None:
    """Make sure that all ways come to the same, field for field."""
    ours: list[dict[str, Any]] = [job.to_dict() for job in wholly_read(data)]
    assert ours == [job.model_dump(mode="json") for job in official_read(data)]
    assert ours == list(orjson.loads(data).values())
    assert [job.status for job in statuses_known(data)] == ["completed"] * len(ours)
