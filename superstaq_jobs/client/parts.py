"""Calls about jobs, each of which is sent in parts if the server refuses it as a whole."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

import attrs

from superstaq_jobs.errors import AnswerTooLarge, SuperstaqServerException
from superstaq_jobs.records import JobId, JobSnapshot
from superstaq_jobs.wire.api import Call, halves, most_refusals

from .client import SuperstaqClient
from .recorder import keep_jobs, with_value

__all__ = ["Room", "is_about_ids", "is_too_large", "send_all", "send_in_parts"]

_Jobs = tuple[JobSnapshot, ...]

_TOO_LARGE: Final = frozenset({413, 414, 431})
_NOT_FOUND: Final = 404


@attrs.define
class Room:
    """How many ids a request may have; fewer once one was refused as too large."""

    ids: int = sys.maxsize


def is_too_large(error: SuperstaqServerException) -> bool:
    """Whether a request, or the response to it, was larger than the server or the client takes."""
    return isinstance(error, AnswerTooLarge) or error.status_code in _TOO_LARGE


def is_about_ids(error: SuperstaqServerException) -> bool:
    """Whether a request for fewer ids, or for others, may be accepted."""
    return is_too_large(error) or error.status_code == _NOT_FOUND


def send_all(
    client: SuperstaqClient,
    calls: Iterable[Call[_Jobs]],
    *,
    deadline: float,
    max_attempts: int | None = None,
    most: int = sys.maxsize,
) -> dict[JobId, JobSnapshot]:
    """The jobs in the responses to some calls, by the server's ids, until there are enough."""
    found: dict[JobId, JobSnapshot] = {}
    room = Room()
    for call in calls:
        if len(found) >= most:
            break
        keep = partial(keep_jobs, client.recorder, call.job_ids, None)
        try:
            jobs = send_in_parts(
                client, call, room=room, keep=keep, deadline=deadline, max_attempts=max_attempts
            )
        except SuperstaqServerException as error:
            error.found = (*found.values(), *error.found)
            raise
        found.update((job.job_id, job) for job in jobs)
    return found


def send_in_parts(
    client: SuperstaqClient,
    call: Call[_Jobs],
    *,
    room: Room,
    keep: Callable[[_Jobs], object],
    deadline: float = math.inf,
    max_attempts: int | None = None,
    divides: Callable[[SuperstaqServerException], bool] = is_about_ids,
) -> _Jobs:
    """Send a call about jobs; if it is too large, or refused since an id is unknown, in halves.

    In API v0.2.0 a server may refuse a whole request for one id. The ids are halved until that one
    is found. The number of refusals is limited, since they may be about all of them.

    ``room`` is updated. ``keep`` is called with what was found, also before an error is raised.
    ``divides`` says for which refusals the halves are sent.
    """
    send = partial(client.send, deadline=deadline, max_attempts=max_attempts)
    if call.only is None:
        return send(call, keep=keep)
    ids: Sequence[JobId] = call.asked or call.job_ids
    parts = _Parts(call.only, most_refusals(len(call.asked)), room, send, divides)
    if len(ids) <= room.ids:
        try:
            return send(call, keep=keep)
        except SuperstaqServerException as error:
            if not parts.takes_refusal(error, ids) or len(ids) == 1:
                raise
    try:
        parts.send_halves(ids)
        if parts.unknown is not None and not parts.found:
            raise parts.unknown
    except SuperstaqServerException as error:
        error.found = (*parts.found, *error.found)
        with_value(keep, error.found)
        raise
    # Kept together: a job may be in several parts.
    with_value(keep, tuple(parts.found))
    return tuple(parts.found)


@attrs.define
class _Parts:
    """The parts of a call: what was found in them, and what they were refused with."""

    only: Callable[[Sequence[JobId]], Call[_Jobs]]
    most_refusals: int
    room: Room
    send: Callable[[Call[_Jobs]], _Jobs]
    divides: Callable[[SuperstaqServerException], bool]
    found: list[JobSnapshot] = attrs.field(factory=list, init=False)
    unknown: SuperstaqServerException | None = attrs.field(default=None, init=False)
    num_refused: int = attrs.field(default=0, init=False)

    def send_halves(self, ids: Sequence[JobId]) -> None:
        """Send both halves, and those that are refused again in halves."""
        for part in reversed(halves(ids)):
            if len(part) > self.room.ids or (self._is_refused(part) and len(part) > 1):
                self.send_halves(part)

    def _is_refused(self, ids: Sequence[JobId]) -> bool:
        try:
            self.found += self.send(self.only(ids))
        except SuperstaqServerException as error:
            if not self.takes_refusal(error, ids):
                raise
            return True
        return False

    def takes_refusal(self, error: SuperstaqServerException, ids: Sequence[JobId]) -> bool:
        """Note a refusal; return whether it may be about some of the ids only."""
        self.num_refused += 1
        if not self.divides(error):
            return False
        if is_too_large(error):
            if len(ids) == 1:  # which says nothing of how many others there may be
                return False
            self.room.ids = (len(ids) + 1) // 2
            return True
        self.unknown = self.unknown or error
        # In API v0.3.0, which leaves an unknown job out, the path is unknown.
        if self.num_refused > self.most_refusals:
            raise self.unknown from None
        return True
