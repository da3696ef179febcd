"""A call that is repeated: what did not change in its response is not decoded again. No I/O."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from functools import partial

import attrs

from superstaq_jobs.client.parts import Room
from superstaq_jobs.errors import ProtocolError
from superstaq_jobs.records import JobId, JobSnapshot
from superstaq_jobs.records.budget import paced
from superstaq_jobs.wire.api import Call, Reader
from superstaq_jobs.wire.job_data import Decoded, cut_jobs, join_jobs

__all__ = ["RepeatedCall"]

_Jobs = tuple[JobSnapshot, ...]


class RepeatedCall:
    """A call about jobs that remembers the last response to it, and may become a smaller one.

    A response that equals the last one is not decoded. Of a response about several jobs, only the
    parts that changed are; for the others, the very same snapshots are returned.

    ``earlier`` are calls about some of its jobs, whose last responses it knows too. Of a single one
    it knows as well how many ids the server takes; of several, that was perhaps due to other jobs.

    Attributes:
        current: The call as it is sent next.
        room: How many ids it may have.
        parts: The parts of the last response and what was read in them, by the names in the body: a
            job's id can be spelled in several ways.
    """

    def __init__(self, call: Call[_Jobs], earlier: Sequence[RepeatedCall] = ()) -> None:
        self.current = attrs.evolve(call, remembering=self._remembering)
        self.room: Room = attrs.evolve(earlier[0].room) if len(earlier) == 1 else Room()
        self._last: tuple[bytes, Decoded[_Jobs]] | None = None
        self.parts: dict[str, tuple[bytes, JobSnapshot]] = {}
        for each in earlier:
            self.parts |= each.parts

    def only(self, needed: Collection[JobId]) -> Call[_Jobs]:
        """The call for those ids of the server that are needed, where it can leave out the others.

        It stays the same object while there is nothing more to leave out.
        """
        call, wanted = self.current, frozenset(needed)
        if call.only is not None and call.asked and wanted and wanted != frozenset(call.asked):
            self.current = attrs.evolve(call.only(wanted), remembering=self._remembering)
        return self.current

    def _remembering(self, read: Reader[_Jobs]) -> Reader[_Jobs]:
        several = len(self.current.ids) > 1
        return partial(self._read, partial(self._read_parts, read) if several else read)

    def _read(
        self, read: Reader[_Jobs], body: bytes, at: dt.datetime, source: str
    ) -> Decoded[_Jobs]:
        last = self._last
        if last is not None and last[0] == body:
            return last[1]
        response = read(body, at, source)
        self._last = body, Decoded(response.value)  # it warns once
        return response

    def _read_parts(
        self, read: Reader[_Jobs], body: bytes, at: dt.datetime, source: str
    ) -> Decoded[_Jobs]:
        parts = cut_jobs(body)
        if parts is None:
            return read(body, at, source)
        known = {
            name: last[1]
            for name, part in paced(parts.items())
            if (last := self.parts.get(name)) is not None and last[0] == part
        }
        changed = {name: part for name, part in paced(parts.items()) if name not in known}
        try:
            response = read(join_jobs(changed), at, source)
        except ProtocolError as error:
            error.found = (*known.values(), *error.found)
            raise
        named = [name for name in changed if name != "warnings"]
        if len(named) != len(response.value):  # two names of one job
            return read(body, at, source)
        found = known | dict(zip(named, response.value, strict=True))
        jobs = {name: found[name] for name in parts if name in found}
        self.parts = {name: (parts[name], job) for name, job in jobs.items()}
        return attrs.evolve(response, value=tuple(jobs.values()))
