"""What the last answers about some jobs said, so that what they say again is not decoded again.

Lives here: ``SeenJobs``. No I/O. May import ``api``, ``codec`` and below.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from uuid import UUID

import attrs

from superstaq_jobs.errors import ProtocolError
from superstaq_jobs.records import JobSnapshot
from superstaq_jobs.wire.api import Call
from superstaq_jobs.wire.job_data import Decoded, cut_jobs, join_jobs

__all__: list[str] = []

_Jobs = tuple[JobSnapshot, ...]


class SeenJobs:
    """Remembers the answers of calls about jobs, each until the next to the same question.

    An answer that equals the last is not read at all. In one for several jobs only those are read
    whose part of it has changed; the others are the very snapshots that they were. Calls about
    different jobs may be read by different threads.
    """

    def __init__(self) -> None:
        # By the path that was asked for. A tuple of ids is slow to hash.
        self._answers: dict[str, tuple[bytes, Decoded[_Jobs]]] = {}
        self._parts: dict[str, tuple[bytes, JobSnapshot]] = {}

    def reading(self, call: Call[_Jobs]) -> Call[_Jobs]:
        """The same call, whose answer is read with what is remembered."""

        def read(body: bytes, at: dt.datetime, source: str) -> Decoded[_Jobs]:
            last = self._answers.get(call.request.path)
            if last is not None and last[0] == body:
                return last[1]
            answer = self._read_parts(call, body, at, source)
            self._answers[call.request.path] = body, Decoded(answer.value)  # it warns once
            return answer

        return attrs.evolve(call, read=read)

    def forget(self, job_ids: Iterable[UUID], *, except_calls: Iterable[Call[_Jobs]]) -> None:
        """Forget what was said of some jobs, and the answers to all calls but these."""
        kept = {call.request.path for call in except_calls}
        self._answers = {path: last for path, last in self._answers.items() if path in kept}
        over = set(job_ids)
        self._parts = {n: part for n, part in self._parts.items() if part[1].job_id not in over}

    def _read_parts(
        self, call: Call[_Jobs], body: bytes, at: dt.datetime, source: str
    ) -> Decoded[_Jobs]:
        parts = cut_jobs(body) if len(call.job_ids) > 1 else None
        if parts is None:
            return call.read(body, at, source)
        known = {
            name: self._parts[name][1]
            for name, part in parts.items()
            if name in self._parts and self._parts[name][0] == part
        }
        changed = {name: part for name, part in parts.items() if name not in known}
        try:
            answer = call.read(join_jobs(changed), at, source)
        except ProtocolError as error:
            error.found = (*known.values(), *error.found)
            raise
        # By the names in the body: a job's id has more than one spelling.
        named = (name for name in changed if name != "warnings")
        jobs = dict(zip(named, answer.value, strict=True))
        self._parts.update({name: (changed[name], job) for name, job in jobs.items()})
        jobs |= known
        return attrs.evolve(answer, value=tuple(jobs[name] for name in parts if name in jobs))
