"""What the outcome of a request means: for the waits on its jobs, and for how they are polled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from superstaq_jobs.client.parts import is_too_large
from superstaq_jobs.client.retry import demanded_pause
from superstaq_jobs.errors import (
    AnswerTooLarge,
    ConfigurationError,
    ProtocolError,
    SuperstaqServerException,
    TransportError,
)
from superstaq_jobs.records import JobId, JobSnapshot, fields
from superstaq_jobs.records.ids import server_ids
from superstaq_jobs.wire.api import halves, most_refusals

from .batches import Batch, Group
from .polls import Poll

__all__ = ["Outcomes"]

_ABOUT_ALL: Final = frozenset({401, 407, 511})  # the key, a proxy, a network that wants a login
_SMALLEST_ERROR: Final = 400
_ENOUGH_PROBES: Final = 4
_MAYBE_FAILS_FOR_ONE: Final = frozenset({500, 502, 504})
_FAILURES_OF_A_WHOLE: Final = 3


class Outcomes:
    """Takes in the outcomes of a group's requests.

    A refusal may be about one job or about everything, and so may a transient failure that comes
    again and again. Which it is, is found out with few requests: a batch that is refused is held
    until a request for a single job of it, a probe, shows whether everything is refused.
    """

    def __init__(self, group: Group) -> None:
        self._group = group
        self._held: dict[Batch, SuperstaqServerException] = {}
        self._num_refused = 0  # in a row
        self._num_probes = 0  # that were refused

    def take(self, poll: Poll) -> bool:
        """Take in an outcome; return whether the jobs still open are to be polled again at once."""
        batch, outcome, again = poll.batch, poll.outcome, False
        if outcome is None:
            return False  # that its jobs have finished is reported anyway
        if not isinstance(outcome, BaseException):
            _take_jobs(poll, outcome, {})
        elif isinstance(outcome, ConfigurationError):  # unpickled without a key
            batch.fail(outcome)  # other clients may have one
            self._fail_held()
            return False
        elif not isinstance(outcome, SuperstaqServerException):
            raise outcome
        elif self._group.client.retry_policy.may_repeat(outcome, safe_to_repeat=True):
            for each in batch.waits:
                each.note_failure(outcome, began=poll.queued_at)
            self._take_failure(poll, outcome)
            return False
        elif (
            len(batch.job_ids) > 1
            and isinstance(outcome, ProtocolError)
            and ((blamed := _blamed(outcome, batch.job_ids)) or outcome.found)
        ):
            again = _take_jobs(poll, outcome.found, blamed)
        else:
            self._take_refusal(batch, outcome)
            return False
        self._take_acceptance(batch)
        return again

    def _take_acceptance(self, batch: Batch) -> None:
        self._group.num_accepted += 1
        batch.accepted_before, batch.num_failed = self._group.num_accepted, 0
        batch.is_part = batch.is_probe = False
        self._num_refused = 0
        # So what was refused before is about some of the jobs only.
        held, self._held = self._held, {}
        for each, error in held.items():
            self._halve(each, error)

    def _take_failure(self, poll: Poll, error: SuperstaqServerException) -> None:
        """Halve a batch that fails again and again, if others are accepted meanwhile.

        Without others, a batch that is not a part is halved too.
        """
        batch = poll.batch
        batch.num_failed += 1
        others = self._group.num_accepted > batch.accepted_before
        is_all = len(self._group.batches) == 1 and not batch.is_part
        enough = batch.is_part or batch.num_failed >= _FAILURES_OF_A_WHOLE
        if (others or is_all) and enough and _may_fail_for_one(error) and len(batch.job_ids) > 1:
            self._group.batches.remove(batch)
            after = demanded_pause(self._group.client.retry_policy, error.retry_after_seconds)
            for part in self._halve(batch, error):
                part.pause(after, last_began=poll.queued_at)

    def _take_refusal(self, batch: Batch, error: SuperstaqServerException) -> None:
        """Hold a batch of which one job may be refused, and probe; or take it as refused.

        If a probe is accepted, all that are held are halved; if four are refused one after the
        other, so is everything.
        """
        self._num_refused += 1
        if not _may_refuse_one(error):
            batch.fail(error)
            self._fail_held()
        elif len(batch.job_ids) == 1:
            for each in batch.waits:
                each.note_refusal(error)
            self._num_probes += not batch.is_part
            batch.is_probe = False
        else:
            self._group.batches.remove(batch)
            if batch.is_part and self._num_refused <= most_refusals(self._group.most_jobs):
                self._halve(batch, error)
                return
            if not self._held:
                self._num_probes = 0
            self._held[batch] = error

    def probe(self) -> None:
        """While batches are held, have a job of theirs polled alone, another one each time."""
        if not self._held or any(batch.is_probe for batch in self._group.batches):
            return
        for batch in self._held:
            batch.waits = [each for each in batch.waits if each.is_open]
        held = [batch for batch in self._held if batch.waits]
        if not held or self._num_probes >= _ENOUGH_PROBES:
            self._fail_held()
            return
        waits = held[-1].waits
        place = (2 * self._num_probes + 1) * len(waits) // (2 * _ENOUGH_PROBES)
        job_id = waits[place].cell.job_id
        probed = [each for each in waits if each.cell.job_id == job_id]
        held[-1].waits = [each for each in waits if each.cell.job_id != job_id]
        self._group.add(probed, [held[-1]], is_probe=True)

    def _fail_held(self) -> None:
        for batch, error in self._held.items():
            batch.fail(error)
        self._held = {}

    def _halve(self, batch: Batch, error: SuperstaqServerException) -> list[Batch]:
        if is_too_large(error):
            self._group.joins = False
        ids = list(dict.fromkeys(each.cell.job_id for each in batch.waits))
        parts: list[Batch] = []
        for part in map(set, halves(ids)):
            waits = [each for each in batch.waits if each.cell.job_id in part]
            parts += self._group.add(waits, [batch], is_part=True)
        return parts


def _may_fail_for_one(error: SuperstaqServerException) -> bool:
    is_broken_off = isinstance(error, TransportError) and error.sent
    return is_broken_off or error.status_code in _MAYBE_FAILS_FOR_ONE


def _may_refuse_one(error: SuperstaqServerException) -> bool:
    status = error.status_code or 0
    is_error = status >= _SMALLEST_ERROR and status not in _ABOUT_ALL
    return is_error or isinstance(error, AnswerTooLarge | ProtocolError)


def _take_jobs(
    poll: Poll, jobs: tuple[JobSnapshot, ...], blamed: dict[JobId, SuperstaqServerException]
) -> bool:
    """Take in the jobs in a response, and those that cannot be read.

    Returns whether to poll at once for others: an error lists a limited number of problems, so a
    job that is neither found nor blamed may be one of those.
    """
    is_unclear = has_failed = False
    waits, found = poll.batch.waits, poll.batch.found(jobs)
    for each, seen, before in zip(waits, found, poll.responses_before, strict=True):
        if seen is not None:
            each.note_response(seen, responses_before=before)
        elif each.cell.job_id in blamed:
            each.fail(blamed[each.cell.job_id])
            has_failed = True  # so the next error is about fewer jobs
        elif blamed:
            is_unclear = True
        else:
            each.note_missing(each.cell.not_found_in(jobs))
    return is_unclear and has_failed


def _blamed(
    error: ProtocolError, job_ids: Iterable[JobId]
) -> dict[JobId, SuperstaqServerException]:
    """An error for each of the jobs that a response has, but that cannot be read."""
    by_id: dict[JobId, SuperstaqServerException] = {}
    found = {job.job_id: job for job in error.found}
    for job_id in job_ids:
        ids = server_ids(job_id)
        problems = [p for p in error.problems if any(_is_about(p.where, each) for each in ids)]
        if problems:
            by_id[job_id] = ProtocolError(
                f"job {job_id} cannot be read: the response about it is not what the API promises",
                problems,
                status_code=error.status_code,
                job_ids=[job_id],
                found=[found[each] for each in ids if each in found],
            )
    return by_id


def _is_about(where: str, job_id: JobId) -> bool:
    """Whether a path begins with an id, in any spelling; it goes on with a dot or a bracket."""
    written = where[len("$.") :]
    if isinstance(job_id, UUID):
        return fields.job_id(re.split(r"[.[]", written, maxsplit=1)[0]) == job_id
    return written.startswith(job_id) and written[len(job_id) : len(job_id) + 1] in {"", ".", "["}
