"""Decodes the states of one job one after another: of the later ones, what has changed. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from superstaq_jobs.records import JobSnapshot
from superstaq_jobs.records.changes import share_strings
from superstaq_jobs.records.shape import PER_CIRCUIT_LISTS

from .pieces import members_of, object_of
from .states import JobKey, decoded

__all__ = ["Successive"]

_NUMBER: Final = "num_circuits"


class Successive:
    """Decodes states of one job. Circuits that are equal to those of the state before are these."""

    def __init__(self) -> None:
        self._before: JobSnapshot | None = None
        self._members: dict[str, Any] = {}

    def decoded(
        self, job: JobKey, wire: bytes, at: dt.datetime | None, source: str | None
    ) -> tuple[JobSnapshot, tuple[str, ...]]:
        """The snapshot of the next state, as ``states.decoded`` returns it."""
        before, members = self._before, members_of(wire)
        changed = None if before is None else _changed(self._members, members)
        if before is None or changed is None:
            snapshot, warnings = decoded(job, wire, at, source)
        else:
            snapshot, warnings = decoded(job, _part(members, changed), at, source)
            circuits = [*before.circuits]
            for index, circuit in zip(changed, snapshot.circuits, strict=True):
                object.__setattr__(circuit, "index", index)
                circuits[index] = circuit
            object.__setattr__(snapshot, "circuits", tuple(circuits))
        if before is not None:
            share_strings(before, snapshot)  # where they are equal, and written in another way
        self._before, self._members = snapshot, members
        return snapshot, warnings


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[int] | None:
    """Which circuits are not written as before; None if a list has not one entry for each.

    That is so in API v0.2.0, and if the server sent lists that were too short or too long.
    """
    old, new = ([said.get(name) for name in PER_CIRCUIT_LISTS] for said in (before, after))
    number = after.get(_NUMBER)
    if any(not isinstance(each, list) or len(each) != number for each in (*old, *new)):
        return None
    pairs = zip(zip(*old, strict=True), zip(*new, strict=True), strict=True)
    return [index for index, (one, other) in enumerate(pairs) if one != other]


def _part(members: dict[str, Any], chosen: list[int]) -> bytes:
    """A job's object with only some of its circuits."""
    lists = {name: [members[name][index] for index in chosen] for name in PER_CIRCUIT_LISTS}
    return object_of({**members, _NUMBER: len(chosen), **lists})
