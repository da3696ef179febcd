"""Submits a job exactly once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Final

import attrs

from .client import SuperstaqClient
from .client.client import check_client
from .client.parts import send_all
from .errors import (
    RequestTimeout,
    SubmissionKeyConflict,
    SubmissionUnknown,
    SuperstaqServerException,
    SuperstaqWarning,
)
from .records import JobQuery, JobSnapshot, NewJob, SubmitReceipt, fields
from .records.problems import warn
from .wire import bodies
from .wire.api import Call, name_jobs

__all__ = ["submit_job"]

_DIGEST: Final = "submission-digest:"
_KEY: Final = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?")
_SETTLING_SECONDS: Final = (0.5, 1.0, 2.0)
"""The pauses before each query for a job that the server may still be creating."""
_CHECK_SECONDS: Final = 10.0
"""How long it may take to check that the server keeps the key of a job."""
_KEEPS_KEYS: Final = (
    "\nWait some seconds, since the server may still be creating it, and call again with the same "
    "submission key."
)
_MAY_NOT_KEEP_KEYS: Final = (
    "\nNo job with its submission key was found, but this client has not found any job by a key "
    "yet, so the server may not keep them. Wait some seconds, and look for it by its target and "
    "time; only if it is not there, call again with the same submission key."
)


def submit_job(
    client: SuperstaqClient,
    job: NewJob,
    *,
    submission_key: str | None = None,
    timeout_seconds: float | None = None,
) -> SubmitReceipt:
    """Submit a job, once.

    Without a key, it is retried only if no part of it can have reached the server. With a key, the
    server is queried for a job that has it, before the job is sent, 3.5 s later (since a program
    that was stopped may have sent it just before), and again after a lost response: such a job is
    adopted. So a program that was interrupted can be run again with the same key. After a lost
    response the submission is retried once at most, and only if this client has found a job by its
    key before. A new job is queried for too: if it does not have the key, there is a warning.

    If two programs use one key within those 3.5 s, both may find no such job, and both submit it.
    Later calls warn of the two, and adopt the job that came first. Threads that share a client take
    turns, and submit it once.

    Args:
        client: The client.
        job: The job.
        submission_key: A string that identifies this one submission, 1 to 200 printable ASCII
            characters. It is sent as the tag ``submission-key:<key>``, together with a tag
            ``submission-digest:…`` of what was submitted.
        timeout_seconds: How long it may take in all, in seconds, queries included; with a key, more
            than 3.5. None for no limit but the client's.

    Returns:
        The new job's id, and the number of circuits that the server found; or those of the adopted
        job.

    Raises:
        SubmissionUnknown: If it was sent, but the response was lost: the job may have been created.
            With a key, if no job was found by it, but the server may still be creating it or may
            not keep keys; or if the query failed too. The message says how to go on.
        SubmissionKeyConflict: If the key belongs to a different job.
        InvalidRequest: If the key cannot be used, or the API version can do neither what the job
            asks for nor keys (v0.2.0). Nothing was sent.
        SuperstaqServerException: If the server refused it or could not be reached.

    Warns:
        SuperstaqWarning: If the server does not keep the key, or several jobs have it.
    """
    check_client(client)
    hint = "superstaq_jobs.new_job(circuits, target=...) makes one"
    fields.refuse("the request", {"job": fields.instance(job, NewJob, hint)})
    deadline = client.deadline_in(timeout_seconds)
    try:
        if submission_key is None:
            keep = partial(_expect, client, job)
            return client.send(client.api.submit_job(job), deadline=deadline, keep=keep)
        _check_key(client, submission_key)
        left = deadline - client.clock.now()
        with client.submission_keys.turn(submission_key, timeout_seconds=left):
            return _Keyed(client, job, submission_key, deadline).submit()
    except SubmissionUnknown as error:
        error.job, error.submission_key = job, submission_key
        if submission_key is not None:
            keeps_keys = client.submission_keys.are_kept
            error.message += _KEEPS_KEYS if keeps_keys else _MAY_NOT_KEEP_KEYS
        raise
    except KeyboardInterrupt as interrupt:
        where = "with query_jobs" if client.api.keeps_tags else "on the service's web page"
        now = f"look for it {where} before you submit it again"
        if submission_key is not None:
            now = f"call again with the submission key {submission_key!r}, which looks for it"
        interrupt.add_note(
            f"The submission of a job to {job.target} was interrupted; the job may have been "
            f"created: {now}."
        )
        raise


def _expect(client: SuperstaqClient, job: NewJob, receipt: SubmitReceipt) -> None:
    """Note that a submission was accepted."""
    client.submitted.add(receipt.job_id)
    if client.recorder is not None:
        now = client.clock.utcnow()
        client.recorder.expect(receipt.job_id, circuit_type=job.circuit_type, at=now)


def _check_key(client: SuperstaqClient, key: str) -> None:
    is_valid = fields.is_a(key, str) and _KEY.fullmatch(key) is not None
    what = "must be a string of 1 to 200 printable ASCII characters without spaces at its ends"
    checked = fields.valid(key, is_valid, what)
    if not client.api.keeps_tags:
        checked = fields.bad(
            f"API {client.api.version} keeps no tags by which to find a job: leave it out, or use "
            "v0.3.0 (api_version='v0.3.0')"
        )
    fields.refuse("the request", {"submission_key": checked})


@attrs.frozen
class _Keyed:
    """One submission with a key. The jobs that it finds are in the order of their creation."""

    client: SuperstaqClient
    job: NewJob
    key: str
    deadline: float

    @cached_property
    def tags(self) -> tuple[str, str]:
        """The tags for the key, and for what is submitted with it.

        The key is also part of the digest: a server that changes tags may give two keys the same.
        """
        body = bodies.encode_new_job(self.job)
        digest = hashlib.sha256(self.key.encode() + body).hexdigest()
        return f"submission-key:{self.key}", f"{_DIGEST}{digest[:32]}"

    def submit(self) -> SubmitReceipt:
        tagged = attrs.evolve(self.job, tags=(*self.job.tags, *self.tags))
        call = self.client.api.submit_job(tagged)  # refused before a query if it cannot be sent
        found = self.find() or self.find_later([sum(_SETTLING_SECONDS)])
        return self.adopt(found) if found else self.send(call)

    def find(self) -> list[JobSnapshot]:
        """The jobs that have the key; none if the server says that there is none."""
        tag, _ = self.tags
        calls = self.client.api.query_jobs(JobQuery(tags=[tag]), self.job.circuit_type)
        jobs = send_all(self.client, calls, deadline=self.deadline)
        # Filtered again: a server that does not filter must not make us adopt another job.
        found = [each for each in jobs.values() if tag in (each.tags or ())]
        if found:
            self.client.submission_keys.are_kept = True
        return sorted(found, key=lambda each: (each.submitted_at, each.job_id))

    def find_later(self, pauses: Sequence[float]) -> list[JobSnapshot]:
        """The same for a job that the server may still be creating.

        Only the last query counts for "none", so a query that fails does not shorten this.
        """
        failure: SuperstaqServerException | None = None
        for pause in pauses:
            if self.client.clock.now() + pause >= self.deadline:
                # A job that was looked for too early is not known to be missing.
                raise RequestTimeout(
                    f"too little time is left to query for the submission key {self.key!r} after a "
                    f"pause of {pause:g} s, so nothing more was submitted: allow a longer "
                    "timeout_seconds",
                    sent=False,
                )
            self.client.clock.sleep(pause)
            failure = None
            try:
                if found := self.find():
                    return found
            except SuperstaqServerException as error:
                failure = error
        if failure is not None:
            raise failure
        return []

    def send(self, call: Call[SubmitReceipt]) -> SubmitReceipt:
        """Send the job, and once more if it was lost and is known not to have been created."""
        keep = partial(_expect, self.client, self.job)
        lost: SubmissionUnknown | None = None
        for _ in range(min(2, self.client.retry_policy.max_attempts)):
            try:
                return self.check(self.client.send(call, deadline=self.deadline, keep=keep))
            except SubmissionUnknown as error:
                if lost is not None:
                    error.message += "\nIt had been submitted before, so there may be two jobs."
                lost = error
            except SuperstaqServerException as error:
                # A refusal of this attempt does not say what became of the one before.
                if lost is not None:
                    raise lost from error
                raise
            if found := self.find_lost(lost):
                return self.adopt(found)
            if lost.timed_out or not self.client.submission_keys.are_kept:
                break  # "none yet" is not "none", nor is it if no job can be found by a key
        raise lost or AssertionError("a submission ends with a receipt or an error")

    def find_lost(self, lost: SubmissionUnknown) -> list[JobSnapshot]:
        """The jobs with the key after a lost response; raises ``lost`` if that stays unknown."""
        try:
            if found := self.find_later(_SETTLING_SECONDS):
                self.refuse_other_job(found[0])
        except (SuperstaqServerException, SuperstaqWarning) as error:
            raise lost from error
        return found

    def check(self, created: SubmitReceipt) -> SubmitReceipt:
        """The receipt for a new job, or for an older one with its key. Failures are warnings."""
        soon = min(self.deadline, self.client.clock.now() + _CHECK_SECONDS)
        what = f"job {created.job_id} was created, but"
        advice = (
            "Keep the job's id. Before you use the key again, look for the job by its target and "
            "time: it may be submitted a second time, or taken for a different job."
        )
        try:
            found = attrs.evolve(self, deadline=soon).find_later([0.0, *_SETTLING_SECONDS])
            self.client.submission_keys.are_kept = bool(found)
            kept = [
                tag for each in found if each.job_id == created.job_id for tag in each.tags or ()
            ]
            if missing := [tag for tag in self.tags if tag not in kept]:
                # Without its key it was not found, so that nothing is known of the other tag.
                said = f"the server does not find it with the tag {missing[0]!r}"
                warn(f"{what} {said}: it may not keep tags as they are sent. {advice}", created)
            if found:
                return self.adopt(found, created)
        except SubmissionKeyConflict as error:
            said = f"job {error.job_id} has its submission key {self.key!r} too, and differs in"
            use = "Use another key for another job."
            warn(f"{what} {said} {', '.join(error.fields)}. {use}", created)
        except SuperstaqServerException as error:
            said = f"it could not be checked that the server keeps its submission key {self.key!r}"
            why = error.message
            if isinstance(error, RequestTimeout):
                why = "there was no response in time; allow a longer timeout_seconds."
            warn(f"{what} {said}: {why} {advice}", created)
        except SuperstaqWarning as warning:
            # If warnings are errors, the id of the job must not be lost.
            if not isinstance(warning.value, SubmitReceipt):
                warning.value = created
            raise
        return created

    def refuse_other_job(self, first: JobSnapshot) -> None:
        """Raise an error if the job that has the key is not the one to submit."""
        differing = [
            name
            for name in ("target", "job_type", "circuit_type", "dry_run")
            if getattr(first, name) != getattr(self.job, name)
        ]
        digests = [each for each in first.tags or () if each.startswith(_DIGEST)]
        # A server may have cut it.
        if not differing and digests and not any(map(self.tags[1].startswith, digests)):
            differing = ["circuits, shots, options or metadata"]
        if differing:
            raise SubmissionKeyConflict(self.key, job_id=first.job_id, fields=differing)

    def adopt(
        self, found: Sequence[JobSnapshot], created: SubmitReceipt | None = None
    ) -> SubmitReceipt:
        """The receipt for the first job with the key, which may be the one just created."""
        first = found[0]
        self.refuse_other_job(first)
        if created is not None and created.job_id == first.job_id:
            receipt = created
        else:
            receipt = SubmitReceipt(
                job_id=first.job_id, num_circuits=first.num_circuits, adopted=True
            )
        ids = [each.job_id for each in found] + ([created.job_id] if created is not None else [])
        if others := [each for each in dict.fromkeys(ids) if each != first.job_id]:
            has = "have" if len(others) > 1 else "has"
            warn(
                f"{name_jobs(others)} {has} the submission key of job {first.job_id} too, which is "
                "used. Cancel what is not needed with cancel_jobs.",
                receipt,
            )
        return receipt
