"""The one live thing: a job's id, a client, and the latest snapshot.

Lives here: ``JobHandle``. It has all of the official client's ``Job`` by the same names. May import
``fetch``, ``_wait_drivers`` and below.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any, ClassVar, Self
from uuid import UUID

import attrs

from .client import SuperstaqClient
from .client.traffic import ForkSafeLock
from .errors import (
    CancelRefused,
    InvalidRequest,
    JobsNotFound,
    PartialCancelUnsupported,
    Problem,
    SuperstaqServerException,
)
from .fetch import cancel_jobs
from .records import (
    STATUS_PRIORITY_ORDER,
    CancelReceipt,
    CircuitStatus,
    CircuitType,
    JobQuery,
    JobSnapshot,
    NewJob,
    Stage,
    fields,
    newest,
)
from .records.changes import follow, share_texts
from .submit import submit_job
from .waiting import PollPolicy
from .waiting.drivers import run, run_async
from .waiting.loop import WaitLoop
from .waiting.memory import SeenJobs
from .waiting.options import OnChange, WaitOptions

__all__ = ["JobHandle"]


class JobHandle:
    """A job on the server, and the latest that is known of it.

    What it hands out are snapshots, which do not change; it alone does. Any number of threads may
    share one: ``latest`` is always a whole snapshot, and never an older one after a newer one.

    Two handles are equal when they are of one job.

    Args:
        client: The client that asks.
        job_id: The job's id. Nothing is sent.
        circuit_type: The language in which the server is to write the circuits; None for the
            client's.

    Raises:
        InvalidRequest: If the id is no UUID, or the language none that there is.
    """

    STATUS_PRIORITY_ORDER: ClassVar[tuple[CircuitStatus, ...]] = STATUS_PRIORITY_ORDER
    """The status of a job is the first of these that any of its circuits has."""

    def __init__(
        self,
        client: SuperstaqClient,
        job_id: UUID | str,
        *,
        circuit_type: CircuitType | str | None = None,
    ) -> None:
        if not fields.is_a(client, SuperstaqClient):
            what = f"{fields.shown(client)} is no SuperstaqClient"
            raise InvalidRequest("a JobHandle", [Problem("client", what)])
        known_id = fields.job_id(job_id)
        kind = client.circuit_type if circuit_type is None else circuit_type
        language = fields.one_of(CircuitType, kind)
        given = {"job_id": known_id, "circuit_type": language}
        problems = [Problem(k, v.what) for k, v in given.items() if isinstance(v, fields.Bad)]
        if problems:
            raise InvalidRequest("a JobHandle", problems)
        self._client = client
        self._job_id = known_id
        self._circuit_type = language
        self._latest: JobSnapshot | None = None
        self._answers = 0
        self._looked_at: dt.datetime | None = None
        self._seen: SeenJobs | None = None
        self._lock = ForkSafeLock()

    @classmethod
    def submit(
        cls,
        client: SuperstaqClient,
        job: NewJob,
        *,
        submission_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Self:
        """Submit a job, once, and hold it.

        Circuits are read back in the language that they were submitted in.

        Args:
            client: The client.
            job: The job.
            submission_key: A text that stands for this one submission; see ``submit_job``.
            timeout_seconds: How long it may take in all; None for no limit but the client's.

        Raises:
            SubmissionUnknown: If it was sent, but the answer was lost.
            SubmissionKeyConflict: If the key belongs to a job that is not like this one.
            SuperstaqServerException: If the server refused it or could not be reached.
        """
        receipt = submit_job(
            client, job, submission_key=submission_key, timeout_seconds=timeout_seconds
        )
        return cls(client, receipt.job_id, circuit_type=job.circuit_type)

    # ---- what is known, without asking -----------------------------------------------------

    def job_id(self) -> UUID:
        """The job's id. No I/O."""
        return self._job_id

    @property
    def latest(self) -> JobSnapshot | None:
        """The latest snapshot; None if nothing has been fetched yet. No I/O."""
        return self._latest

    @property
    def looked_at(self) -> dt.datetime | None:
        """When the server last answered about the job; aware, None if it has not. No I/O.

        An answer without news leaves ``latest`` as it is, with the time at which it was news.
        """
        return self._looked_at

    @property
    def circuit_type(self) -> CircuitType:
        """The language in which the server writes the circuits."""
        return self._circuit_type

    @property
    def client(self) -> SuperstaqClient:
        """The client that asks."""
        return self._client

    def __eq__(self, other: object) -> bool:
        return self._job_id == other._job_id if isinstance(other, JobHandle) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._job_id)

    def __str__(self) -> str:
        return f"job {self._job_id}"

    def __repr__(self) -> str:
        known = "nothing fetched yet" if self._latest is None else str(self._latest.status)
        return f"<JobHandle {self._job_id}: {known}>"

    # ---- asking ----------------------------------------------------------------------------

    def refresh(self) -> JobSnapshot:
        """Ask the server once, and return the latest snapshot.

        A job that is over is not asked about again. If nothing has changed, the very snapshot that
        was there before is returned.

        Raises:
            JobsNotFound: If the server does not know the job.
            SuperstaqServerException: If the server could not be asked; ``latest`` stays.
        """
        with self._lock.of_this_process():
            known, asked_after = self._latest, self._answers
        if known is not None and known.is_terminal:
            return known
        (call,) = self._client.api.query_jobs(JobQuery(job_id=[self._job_id]), self._circuit_type)
        found = self._client.send(self._memory().reading(call))
        seen = next((job for job in found if job.job_id == self._job_id), None)
        if seen is None:
            raise JobsNotFound([self._job_id])
        return self._keep(seen, asked_after=asked_after)

    def _memory(self) -> SeenJobs:
        memory = self._seen
        if memory is None:
            memory = self._seen = SeenJobs()
        return memory

    def _keep(self, seen: JobSnapshot, *, asked_after: int) -> JobSnapshot:
        now = self._client.clock.utcnow()
        with self._lock.of_this_process():
            known = self._latest
            kept = seen if known is None else _kept(known, seen, asked_after == self._answers)
            self._latest = kept
            self._answers += 1
            self._looked_at = now
            if kept is not known and kept.is_terminal:
                self._seen = None
            return kept

    def _known(self) -> JobSnapshot:
        known = self._latest
        return self.refresh() if known is None else known

    def status(self, index: int | None = None) -> CircuitStatus:
        """Refresh, and tell the status of the job, or of one circuit.

        Args:
            index: The circuit, from 0; None for the whole job.

        Raises:
            CircuitIndexError: If there is no such circuit.
            SuperstaqServerException: If the server could not be asked.
        """
        snapshot = self.refresh()
        return snapshot.status if index is None else snapshot.circuit(index).status

    def to_dict(self) -> dict[str, Any]:
        """Refresh, and give the job as plain JSON data in the official client's shape.

        Returns:
            New dicts and lists, which are the caller's own.

        Raises:
            SuperstaqServerException: If the server could not be asked.
        """
        return self.refresh().to_dict()

    @property
    def job_data(self) -> JobSnapshot:
        """The latest snapshot; fetched only if there is none yet.

        Raises:
            SuperstaqServerException: If the server could not be asked.
        """
        return self._known()

    def target(self) -> str:
        """What the job runs on; fetched only if nothing has been fetched yet.

        Raises:
            SuperstaqServerException: If the server could not be asked.
        """
        return self._known().target

    @property
    def metadata(self) -> dict[str, Any]:
        """The job's metadata, as a dict of the caller's own; fetched only if nothing has been yet.

        Raises:
            SuperstaqServerException: If the server could not be asked.
        """
        return self._known().metadata.to_dict()

    @property
    def tags(self) -> list[str]:
        """The job's tags, as a list of the caller's own; fetched only if nothing has been yet.

        Raises:
            SuperstaqServerException: If the server could not be asked.
        """
        return list(self._known().tags)

    # ---- waiting ---------------------------------------------------------------------------

    def wait_until_complete(
        self,
        index: int | None = None,
        timeout_seconds: float | None = None,
        polling_seconds: float = 5,
        *,
        until: Stage | str = Stage.FINISHED,
        on_change: OnChange | None = None,
        poll_policy: PollPolicy | None = None,
        unknown_status_seconds: float | None = 600,
    ) -> JobSnapshot:
        """Ask again and again until the job is over, well or not.

        A job that is known to be over is not asked about. Whether it went well is not judged:
        ``raise_if_unsuccessful`` of the snapshot does that. Failures that pass (no connection, a
        busy server) are absorbed until the deadline; one that stays (a bad key, an unknown job)
        ends the wait at once. The handle stays usable, after Ctrl-C too.

        Args:
            index: Wait for this circuit alone, from 0; None for all of them.
            timeout_seconds: How long to wait at the most, on a monotonic clock, the request under
                way included. None without a limit; 0 to look once, for as long as one request may
                take.
            polling_seconds: The pause between two looks; the last ends at the deadline, or before
                it by what a look takes.
            until: ``finished``, or ``compiled`` to wait only until compilation is behind.
            on_change: Called in this thread with the snapshots before (None at first) and after,
                each time that the job has changed. What it raises ends the wait.
            poll_policy: Pauses that grow with the time waited, instead of ``polling_seconds``.
            unknown_status_seconds: How long to wait on a status that this version does not know;
                None without a limit.

        Returns:
            The snapshot in which it is so.

        Raises:
            WaitTimeout: If the time ran out; it is a ``TimeoutError`` and holds the last snapshot
                and the failures.
            UnknownStatusTimeout: If the job kept a status that nobody knows for too long.
            CircuitIndexError: If there is no such circuit.
            InvalidValue: If an argument is none that can be waited with.
            SuperstaqServerException: If the server could not be asked, for good.
        """
        options = WaitOptions.of(
            timeout_seconds,
            polling_seconds,
            until=until,
            poll_policy=poll_policy,
            unknown_status_seconds=unknown_status_seconds,
            index=index,
            on_change=on_change,
        )
        loop = WaitLoop([self], options, memory=self._memory)
        for _ in run(loop.steps()):
            pass
        return loop.only_final()

    async def wait_until_complete_async(
        self,
        index: int | None = None,
        timeout_seconds: float | None = None,
        polling_seconds: float = 5,
        *,
        until: Stage | str = Stage.FINISHED,
        on_change: OnChange | None = None,
        poll_policy: PollPolicy | None = None,
        unknown_status_seconds: float | None = 600,
    ) -> JobSnapshot:
        """``wait_until_complete`` for a coroutine: while it asks or pauses, others run.

        Its arguments are those; ``on_change`` is a plain function, called in the event loop's
        thread, and so is the ``sleep`` of a clock that is no ``SystemClock``. Cancelling the task
        stops it: a request that is under way is left to itself, and nothing is asked after it. The
        handle stays usable.

        Returns:
            The snapshot in which it is so.

        Raises:
            WaitTimeout: As ``wait_until_complete`` does, as are the others.
            UnknownStatusTimeout: If the job kept a status that nobody knows for too long.
            CircuitIndexError: If there is no such circuit.
            InvalidValue: If an argument is none that can be waited with.
            SuperstaqServerException: If the server could not be asked, for good.
        """
        options = WaitOptions.of(
            timeout_seconds,
            polling_seconds,
            until=until,
            poll_policy=poll_policy,
            unknown_status_seconds=unknown_status_seconds,
            index=index,
            on_change=on_change,
        )
        loop = WaitLoop([self], options, memory=self._memory)
        async with contextlib.aclosing(run_async(loop.steps())) as events:
            async for _ in events:
                pass
        return loop.only_final()

    # ---- cancelling ------------------------------------------------------------------------

    def cancel(self, index: int | None = None) -> CancelReceipt:
        """Cancel the job, unless it is known to be over: then nothing is sent.

        Args:
            index: The circuit to cancel, from 0; None for all. API v0.3.0 cancels whole jobs only,
                so an index works only for a job of one circuit.

        Returns:
            What the server says; where it refuses a job that is cancelled already, that one counts
            as cancelled. For a job that is known to be over, a receipt that says so.

        Raises:
            PartialCancelUnsupported: If the job has more circuits. Nothing is cancelled.
            CancelRefused: If the server does not cancel it.
            CircuitIndexError: If there is no such circuit.
            SuperstaqServerException: If the server could not be asked.
        """
        if index is not None:
            snapshot = self._known()
            snapshot.circuit(index)
            if snapshot.num_circuits > 1:
                raise PartialCancelUnsupported(
                    job_id=self._job_id, index=index, num_circuits=snapshot.num_circuits
                )
        known = self._latest
        if known is not None and known.is_terminal:
            message = f"nothing was sent: the job is over ({known.status})"
            return CancelReceipt(refused=[self._job_id], message=message)
        receipt = cancel_jobs(self._client, [self._job_id])
        if not receipt.refused:
            return receipt
        # An answer that was lost may have cancelled it already: then it is as it was to be.
        with contextlib.suppress(SuperstaqServerException):
            if self.refresh().status is CircuitStatus.CANCELLED:
                return attrs.evolve(receipt, cancelled=receipt.refused, refused=())
        raise CancelRefused(receipt)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_lock"]
        state["_seen"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = ForkSafeLock()


def _kept(known: JobSnapshot, seen: JobSnapshot, was_asked_after: bool) -> JobSnapshot:
    """What a handle keeps of what it knows and what it has seen."""
    # Most news is of a status, which is compared without making the circuits.
    if seen is known or (seen.statuses == known.statuses and seen == known):
        # What says the same stays the same object: a look without news costs no memory.
        return known
    # Where another answer came while this was asked, the later to arrive may be the older.
    kept = follow(known, seen) if was_asked_after else newest(known, seen)
    if kept is not seen and kept == known:
        return known
    share_texts(known, kept)
    return kept
