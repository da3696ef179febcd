"""The last responses about some jobs, so that what did not change is not decoded again. No I/O."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from functools import partial

import attrs

from superstaq_jobs.client.parts import Room
from superstaq_jobs.errors import ProtocolError
from superstaq_jobs.records import JobId, JobSnapshot
from superstaq_jobs.records.budget import paced
from superstaq_jobs.records.ids import server_ids
from superstaq_jobs.wire.api import Call, Reader
from superstaq_jobs.wire.job_data import Decoded, cut_jobs, join_jobs

__all__ = ["ResponseMemory"]

_Jobs = tuple[JobSnapshot, ...]
_Key = tuple[str, bytes | None]


def _key(call: Call[_Jobs]) -> _Key:
    return call.request.path, call.request.body


class ResponseMemory:
    """Remembers the last response to each call about jobs.

    A response that equals the last one is not decoded. Of a response about several jobs, only the
    parts that changed are; for the others, the very same snapshots are returned. Responses may be
    decoded in some threads while another one forgets.

    Attributes:
        room: How many ids these calls may have.
    """

    def __init__(self) -> None:
        self.room = Room()
        # By the request's path and body. A tuple of ids is slow to hash.
        self._responses: dict[_Key, tuple[bytes, Decoded[_Jobs]]] = {}
        self._parts: dict[str, tuple[bytes, JobSnapshot]] = {}

    def remembering(self, call: Call[_Jobs]) -> Call[_Jobs]:
        """The same call, with its response decoded from what is remembered where possible."""
        key, several = _key(call), len(call.ids) > 1

        def remembering(read: Reader[_Jobs]) -> Reader[_Jobs]:
            news = partial(self._read_parts, read) if several else read
            return partial(self._read_news, key, news)

        return attrs.evolve(call, remembering=remembering)

    def _read_news(
        self, key: _Key, read: Reader[_Jobs], body: bytes, at: dt.datetime, source: str
    ) -> Decoded[_Jobs]:
        last = self._responses.get(key)
        if last is not None and last[0] == body:
            return last[1]
        response = read(body, at, source)
        self._responses[key] = body, Decoded(response.value)  # it warns once
        return response

    def only(self, call: Call[_Jobs], needed: Collection[JobId]) -> Call[_Jobs]:
        """The call for those ids of the server that are needed, where it can leave out the others.

        It stays the same object while there is nothing more to leave out. What is left out is
        forgotten.
        """
        wanted = frozenset(needed)
        asked = frozenset(call.asked)
        if call.only is None or not asked or not wanted or wanted == asked:
            return call
        self._responses.pop(_key(call), None)
        for each in asked - wanted:
            self._parts.pop(str(each), None)
        return self.remembering(call.only(wanted))

    def forget(self, job_ids: Iterable[JobId], *, except_calls: Iterable[Call[_Jobs]]) -> None:
        """Forget some jobs, and the responses to all calls but these."""
        kept = set(map(_key, except_calls))
        for key in self._responses.copy().keys() - kept:
            self._responses.pop(key, None)
        forgotten = set(server_ids(*job_ids))
        for name, (_, job) in self._parts.copy().items():
            if job.job_id in forgotten:
                self._parts.pop(name, None)

    def _read_parts(
        self, read: Reader[_Jobs], body: bytes, at: dt.datetime, source: str
    ) -> Decoded[_Jobs]:
        parts = cut_jobs(body)
        if parts is None:
            return read(body, at, source)
        known = {
            name: last[1]
            for name, part in paced(parts.items())
            if (last := self._parts.get(name)) is not None and last[0] == part
        }
        changed = {name: part for name, part in paced(parts.items()) if name not in known}
        try:
            response = read(join_jobs(changed), at, source)
        except ProtocolError as error:
            error.found = (*known.values(), *error.found)
            raise
        # By the names in the body: a job's id can be spelled in several ways.
        named = [name for name in changed if name != "warnings"]
        if len(named) != len(response.value):  # two names of one job
            return read(body, at, source)
        jobs = dict(zip(named, response.value, strict=True))
        self._parts.update({name: (changed[name], job) for name, job in jobs.items()})
        jobs |= known
        return attrs.evolve(response, value=tuple(jobs[name] for name in parts if name in jobs))
