"""The latest that is known of a job: the one cell that changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from superstaq_jobs.client import SuperstaqClient
from superstaq_jobs.client.locks import ForkSafeLock
from superstaq_jobs.errors import JobsNotFound
from superstaq_jobs.records import CircuitType, JobId, JobSnapshot, newest
from superstaq_jobs.records.changes import assemble, merge_response, share_strings
from superstaq_jobs.records.ids import server_ids

from .memory import RepeatedCall

__all__ = ["Latest"]


@attrs.define(eq=False, repr=False)
class Latest:
    """The latest that is known of one job. Thread-safe; it never goes back to an older state.

    Attributes:
        circuit_type: The format in which the server returns the circuits.
        snapshot: The latest snapshot; None before the first response.
        polled_at: When the last response arrived; aware, None before the first.
        num_responses: How many responses there have been.
        was_submitted: Whether this program submitted it.
    """

    client: SuperstaqClient
    job_id: JobId
    circuit_type: CircuitType
    was_submitted: bool = False
    snapshot: JobSnapshot | None = attrs.field(default=None, init=False)
    polled_at: dt.datetime | None = attrs.field(default=None, init=False)
    num_responses: int = attrs.field(default=0, init=False)
    _call: RepeatedCall | None = attrs.field(default=None, init=False)
    _lock: ForkSafeLock = attrs.field(factory=ForkSafeLock, init=False)

    @property
    def is_known(self) -> bool:
        """Whether the job is known to exist: it was seen or submitted before."""
        return self.was_submitted or self.snapshot is not None

    def call(self) -> RepeatedCall:
        """The call that fetches this job alone; it is kept until the job is finished."""
        repeated = self._call
        if repeated is None:
            (call,) = self.client.api.fetch_jobs([self.job_id], self.circuit_type)
            repeated = self._call = RepeatedCall(call)
        return repeated

    def needed_ids(self, known: JobSnapshot | None) -> list[JobId]:
        """The server's ids of what is not finished of the job in a snapshot of it."""
        circuits = () if known is None else known.circuits
        finished = {circuit.circuit_id for circuit in circuits if circuit.is_terminal}
        return [each for each in server_ids(self.job_id) if each not in finished]

    def found_in(self, jobs: Mapping[JobId, JobSnapshot]) -> JobSnapshot | None:
        """The job in a response, whose jobs are given by the server's ids; None if it lacks it."""
        return assemble(self.job_id, jobs, self.snapshot)

    def not_found_in(self, jobs: Iterable[JobSnapshot]) -> JobsNotFound:
        """The error for a response that lacks the job, or an unfinished circuit of it."""
        return JobsNotFound.among(self.needed_ids(self.snapshot), jobs)

    def advance(self, seen: JobSnapshot, *, responses_before: int) -> JobSnapshot:
        """Take in the snapshot in a response, and return the latest one.

        That stays the same object while nothing changes, so a poll without news takes no memory.
        ``responses_before`` is ``num_responses`` when the request was sent. If it has grown since,
        another response overtook this one, which may then be the older.
        """
        now = self.client.clock.utcnow()
        with self._lock.of_this_process():
            known = self.snapshot
            in_order = responses_before == self.num_responses
            kept = seen if known is None else _merged(known, seen, in_order=in_order)
            self.num_responses += 1
            self.snapshot = kept
            self.polled_at = now
            if kept is not known and kept.is_terminal:
                self._call = None
            return kept

    def __getstate__(self) -> dict[str, Any]:
        names = attrs.fields_dict(Latest).keys() - {"_call", "_lock"}
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._call = None
        self._lock = ForkSafeLock()


def _merged(known: JobSnapshot, seen: JobSnapshot, *, in_order: bool) -> JobSnapshot:
    # Most news is of a status, so the statuses are compared first.
    if seen is known or (seen.statuses == known.statuses and seen == known):
        return known
    if len({seen.circuit_type, known.circuit_type} - {None}) > 1:
        return seen if in_order else known  # their circuits cannot be compared
    kept = merge_response(known, seen) if in_order else newest(known, seen)
    if kept is not seen and kept == known:
        return known
    share_strings(known, kept)
    return kept
