"""``JobHandle``, the one live object: a job's id, a client, and the latest snapshot."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn, Self, Unpack
from uuid import UUID

import attrs

from .client import SuperstaqClient
from .client.client import check_client
from .client.parts import send_in_parts
from .client.recorder import keep_jobs
from .errors import (
    CancelRefused,
    PartialCancelUnsupported,
    SuperstaqException,
    SuperstaqServerException,
)
from .fetch import cancel_jobs, check_format
from .records import (
    STATUS_PRIORITY_ORDER,
    CancelReceipt,
    CircuitSnapshot,
    CircuitStatus,
    CircuitType,
    JobId,
    JobSnapshot,
    NewJob,
    Stage,
    display,
    fields,
)
from .records.advice import HANDLE_ADVICE, raise_no_attribute
from .records.ids import server_ids
from .records.problems import check_index, check_index_type
from .submit import submit_job
from .waiting import JobWaitOptions
from .waiting.drivers import run, run_async
from .waiting.latest import Latest
from .waiting.loop import WaitLoop
from .waiting.options import WaitPlan

__all__ = ["JobHandle"]


class JobHandle:
    """A job on the server, and the latest snapshot of it.

    The snapshots that it returns do not change; only the handle does. It has every method and
    property of the official client's ``Job`` (general-superstaq 0.5.70), under the same names;
    ``set_counts`` and ``set_counts_for_circuit`` raise an error that says what to do instead.

    Thread-safe: ``latest`` is always a complete snapshot, and never an older one after a newer one.
    Two handles are equal if they are of the same job. A copy shares what is known of the job.

    Args:
        client: The client.
        job_id: The job's id; of API v0.2.0, the ids of its circuits, joined by commas. Nothing is
            sent.
        circuit_type: The format in which the server returns the circuits; None for the client's.

    Raises:
        InvalidRequest: If it cannot be a job's id, or the format is unknown.
    """

    STATUS_PRIORITY_ORDER: ClassVar[tuple[CircuitStatus, ...]] = STATUS_PRIORITY_ORDER
    """The status of a job is the first of these that any of its circuits has."""

    endianness: ClassVar[Literal["big"]] = "big"
    """The order of bitstrings: character i is the i-th measured qubit, for every framework."""

    def __init__(
        self,
        client: SuperstaqClient,
        job_id: UUID | str,
        *,
        circuit_type: CircuitType | str | None = None,
    ) -> None:
        check_client(client, what="a JobHandle")
        known_id = client.api.job_id(job_id)
        kind = check_format(client, circuit_type)
        fields.refuse("a JobHandle", {"job_id": known_id, "circuit_type": kind})
        self._latest = Latest(client, known_id, kind, was_submitted=known_id in client.submitted)

    @classmethod
    def submit(
        cls,
        client: SuperstaqClient,
        job: NewJob,
        *,
        submission_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Self:
        """Submit a job, once, and return its handle.

        The server returns the circuits in the format in which they were submitted.
        Arguments and errors are those of ``submit_job``.
        """
        receipt = submit_job(
            client, job, submission_key=submission_key, timeout_seconds=timeout_seconds
        )
        handle = cls(client, receipt.job_id)
        handle._latest.circuit_type = job.circuit_type
        return handle

    @classmethod
    def from_snapshot(cls, client: SuperstaqClient, snapshot: JobSnapshot) -> Self:
        """A handle that knows a snapshot of its job already. Nothing is sent.

        Args:
            client: The client.
            snapshot: The snapshot, from an archive say; the job is then fetched in its format.

        Raises:
            InvalidRequest: If it is not a snapshot, or is of the other version of the API.
        """
        fields.refuse("a JobHandle", {"snapshot": fields.instance(snapshot, JobSnapshot)})
        handle = cls(client, snapshot.job_id)
        if handle.job_id() != snapshot.job_id:
            what = f"is of another version of the API than {client.api.version}, the client's"
            fields.refuse("a JobHandle", {"snapshot": fields.bad(what)})
        if snapshot.circuit_type is not None and client.api.converts_circuits:
            handle._latest.circuit_type = snapshot.circuit_type
        handle._latest.snapshot = snapshot
        return handle

    # ---- without a request -----------------------------------------------------------------

    def job_id(self) -> JobId:
        """The job's id: a UUID, or in API v0.2.0 the official string. No I/O."""
        return self._latest.job_id

    @property
    def latest(self) -> JobSnapshot | None:
        """The latest snapshot; None if nothing has been fetched yet. No I/O."""
        return self._latest.snapshot

    @property
    def polled_at(self) -> dt.datetime | None:
        """When the last response about the job arrived; aware, None if there was none. No I/O.

        A response without news leaves ``latest`` as it is, with the time at which it was fetched.
        """
        return self._latest.polled_at

    @property
    def circuit_type(self) -> CircuitType:
        """The format in which the server returns the circuits.

        API v0.2.0 returns them as they were submitted, which is known after a response.
        """
        known = None if self.client.api.converts_circuits else self.latest
        said = None if known is None else known.circuit_type
        return self._latest.circuit_type if said is None else said

    @property
    def client(self) -> SuperstaqClient:
        """The client."""
        return self._latest.client

    def set_counts(self, *_: object, **__: object) -> NoReturn:
        """Raise an error: what the server said cannot be edited.

        ``snapshot.with_counts(index, counts)`` makes a snapshot with other counts.

        Raises:
            SuperstaqException: Always. Nothing is changed.
        """
        raise SuperstaqException(
            f"the counts of job {self.job_id()} cannot be set: a handle keeps what the server "
            "said. Nothing was changed. Make a changed copy with "
            "handle.job_data.with_counts(index, counts), once for each circuit"
        )

    set_counts_for_circuit = set_counts

    if not TYPE_CHECKING:  # where it would hide every misspelled name

        def __getattr__(self, name: str) -> NoReturn:
            raise_no_attribute(self, name, HANDLE_ADVICE)

    def __eq__(self, other: object) -> bool:
        return self.job_id() == other.job_id() if isinstance(other, JobHandle) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.job_id())

    def __str__(self) -> str:
        return f"job {self.job_id()}: {self._known()}"

    def __repr__(self) -> str:
        return f"<JobHandle {self.job_id()}: {self._known()}>"

    def _known(self) -> str:
        return "nothing fetched yet" if self.latest is None else str(self.latest.status)

    def _repr_html_(self) -> str:
        latest, polled_at = self.latest, self.polled_at
        seen = "nothing fetched yet"
        if polled_at is not None:
            seen = f"last response at {display.moment(polled_at)}"
        head = display.card("JobHandle", str(self.job_id()), None, note=f"live; {seen}")
        return head if latest is None else f"<div>{head}{latest._repr_html_()}</div>"

    # ---- with a request --------------------------------------------------------------------

    def refresh(self) -> JobSnapshot:
        """Send one request, and return the latest snapshot.

        None is sent for a job that is known to be finished. If nothing has changed, the same
        snapshot object as before is returned.

        Raises:
            JobsNotFound: If the server does not know the job.
            SuperstaqServerException: If the request failed; ``latest`` stays as it was.
        """
        latest = self._latest
        known, responses_before = latest.snapshot, latest.num_responses
        if known is not None and known.is_terminal:
            return known
        found = send_in_parts(
            latest.client,
            latest.call(known),
            room=latest.memory().room,
            keep=partial(keep_jobs, latest.client.recorder, [latest.job_id], known),
        )
        seen = latest.found_in({job.job_id: job for job in found})
        if seen is None:
            raise latest.not_found_in(found)
        return latest.advance(seen, responses_before=responses_before)

    def status(self, index: int | None = None) -> CircuitStatus:
        """Refresh, and return the status of the job or of one circuit.

        Args:
            index: The circuit, from 0; None for the whole job.

        Raises:
            CircuitIndexError: If the job does not have that circuit.
            SuperstaqServerException: If the request failed.
        """
        if index is not None:
            check_index_type(index)
        snapshot = self.refresh()
        return snapshot.status if index is None else snapshot.circuit(index).status

    def to_dict(self) -> dict[str, Any]:
        """Refresh, and return the job as plain JSON data in the official client's shape.

        The dicts and lists are new, and may be changed. Errors are those of ``refresh``.
        """
        return self.refresh().to_dict()

    @property
    def job_data(self) -> JobSnapshot:
        """The latest snapshot; a request is sent only if there is none yet.

        Raises:
            SuperstaqServerException: If the request failed.
        """
        known = self.latest
        return self.refresh() if known is None else known

    def target(self) -> str:
        """The target that the job runs on. Requests and errors are those of ``job_data``.

        Raises:
            SuperstaqException: If API v0.2.0 did not say it, or the circuits have different ones.
        """
        return str(self._said("target"))

    @property
    def metadata(self) -> dict[str, Any]:
        """The job's metadata, as a new dict. Requests and errors are those of ``job_data``.

        Raises:
            SuperstaqException: In API v0.2.0, which does not say it.
        """
        data: dict[str, Any] = self._said("metadata").to_dict()
        return data

    @property
    def tags(self) -> list[str]:
        """The job's tags, as a new list. Requests and errors are those of ``job_data``.

        Raises:
            SuperstaqException: In API v0.2.0, which does not say them.
        """
        return list(self._said("tags"))

    def _said(self, name: str) -> Any:
        value = getattr(self.job_data, name)
        if value is None:
            raise SuperstaqException(
                f"the {name} of job {self.job_id()} cannot be given: API {self.client.api.version} "
                "did not say it, or the circuits differ in it (see their .extra). v0.3.0 does say "
                "it (api_version='v0.3.0')"
            )
        return value

    def wait_until_complete(
        self,
        index: int | None = None,
        timeout_seconds: float | None = None,
        polling_seconds: float = 5,
        **options: Unpack[JobWaitOptions],
    ) -> JobSnapshot:
        """Poll until the job is finished, successful or not.

        Nothing is sent for a job that is known to be finished. To check that it was successful,
        call ``raise_if_unsuccessful`` of the snapshot. Transient failures (no connection, a busy
        server) are absorbed until the deadline; others (a wrong key, an unknown job) end the wait
        at once; a job that was seen or submitted before may be missing in two responses. The handle
        can be used further after any error, and after Ctrl-C.

        Args:
            index: Wait for this circuit alone, from 0; None for all of them.
            timeout_seconds: How long to wait, in seconds, the last request included. None for no
                limit; 0 for a single poll, which may take as long as any request.
            polling_seconds: The pause between two polls, in seconds. The last pause is cut short by
                the deadline.
            options: ``until``, ``on_change``, ``poll_policy`` and ``unknown_status_seconds``; see
                ``superstaq_jobs.waiting.WaitOptions`` and ``JobWaitOptions``.

        Returns:
            The snapshot that ended the wait.

        Raises:
            WaitTimeout: If the time ran out; it is a ``TimeoutError``, and holds the last snapshot
                and the failures.
            UnknownStatusTimeout: If the job kept an unknown status for too long.
            CircuitIndexError: If the job does not have that circuit.
            InvalidRequest: If an argument is out of its range; ``TypeError`` for an unknown option.
                Nothing was sent.
            SuperstaqServerException: If a request failed, and not with a transient failure.

        Warns:
            SuperstaqWarning: If there has been no response for 30 s, and then from time to time.
        """
        loop = self._wait_loop(
            "wait_until_complete", index, timeout_seconds, polling_seconds, options
        )
        for _ in run(loop.steps(), loop.waits):
            pass
        return loop.only_final()

    async def wait_until_complete_async(
        self,
        index: int | None = None,
        timeout_seconds: float | None = None,
        polling_seconds: float = 5,
        **options: Unpack[JobWaitOptions],
    ) -> JobSnapshot:
        """``wait_until_complete`` for a coroutine: other tasks run while it polls or pauses.

        Arguments and errors are those of ``wait_until_complete``. If the task is cancelled, no
        further request is sent, and the handle can be used further. A clock that is not a
        ``SystemClock`` sleeps in the event loop's thread.
        """
        loop = self._wait_loop(
            "wait_until_complete_async", index, timeout_seconds, polling_seconds, options
        )
        async with contextlib.aclosing(run_async(loop.steps(), loop.waits)) as reports:
            async for _ in reports:
                pass
        return loop.only_final()

    def wait_until_terminal_state(
        self,
        index: int | None = None,
        timeout_seconds: float | None = None,
        polling_seconds: float = 5,
        check_until_compiled: bool = False,
        **options: Unpack[JobWaitOptions],
    ) -> JobSnapshot:
        """``wait_until_complete``, by its name in the official client.

        The other arguments and the errors are those of ``wait_until_complete``.

        Args:
            index: See ``wait_until_complete``.
            timeout_seconds: See ``wait_until_complete``.
            polling_seconds: See ``wait_until_complete``.
            check_until_compiled: Whether to wait only until compilation is done, as for
                ``until="compiled"``.
            options: See ``wait_until_complete``.
        """
        fields.refuse("a wait", {"check_until_compiled": fields.flag(check_until_compiled)})
        if check_until_compiled:
            options = {"until": Stage.COMPILED, **options}
        return self.wait_until_complete(index, timeout_seconds, polling_seconds, **options)

    def _wait_loop(
        self,
        function: str,
        index: int | None,
        timeout_seconds: float | None,
        polling_seconds: float,
        options: JobWaitOptions,
    ) -> WaitLoop:
        allowed = JobWaitOptions.__optional_keys__
        plan = WaitPlan.of(
            function, allowed, options, timeout_seconds, polling_seconds, index=index
        )
        return WaitLoop([self._latest], plan)

    def cancel(self, index: int | None = None) -> CancelReceipt:
        """Cancel the job. Nothing is sent if it is known to be finished.

        Args:
            index: The circuit to cancel, from 0; None for all. API v0.3.0 cancels whole jobs only,
                so there an index works only for a job with one circuit.

        Returns:
            What the server says; a job that was cancelled already counts as cancelled. For a job
            that is known to be finished, a receipt that says so. In API v0.2.0, where each circuit
            is a job to the server, the ids in it are those of the circuits.

        Raises:
            PartialCancelUnsupported: If the job has several circuits, and the API cannot cancel one
                of them. Nothing was cancelled.
            CancelRefused: If the server did not cancel it.
            CircuitIndexError: If the job does not have that circuit.
            SuperstaqServerException: If the request failed.
        """
        ids = server_ids(self.job_id())
        if index is not None:
            check_index_type(index)
        if index is not None and self.client.api.cancels_circuits:
            check_index(self.job_id(), index, num_circuits=len(ids))
            ids = (ids[index],)
        elif index is not None:
            snapshot = self.job_data
            snapshot.circuit(index)
            if snapshot.num_circuits > 1:
                raise PartialCancelUnsupported(
                    job_id=self.job_id(), index=index, num_circuits=snapshot.num_circuits
                )
        finished = self._finished(ids)
        asked = [each for each in ids if each not in finished]
        if not asked:
            what = ", ".join(dict.fromkeys(finished.values()))
            message = f"nothing was sent: the job is finished ({what})"
            return CancelReceipt(refused=ids, message=message)
        receipt = cancel_jobs(self.client, asked)
        if not receipt.refused:
            return receipt
        # An earlier request may have cancelled it, and its response may have been lost.
        with contextlib.suppress(SuperstaqServerException):
            self.refresh()
        finished = self._finished(receipt.refused)
        refused = [e for e in receipt.refused if finished.get(e) is not CircuitStatus.CANCELLED]
        cancelled = [each for each in asked if each not in refused]
        receipt = attrs.evolve(receipt, cancelled=cancelled, refused=refused)
        # A circuit that was finished is not an error, if the others were cancelled.
        if not cancelled or not finished.keys() >= set(refused):
            raise CancelRefused(receipt)
        return receipt

    def _finished(self, ids: Iterable[JobId]) -> dict[JobId, CircuitStatus]:
        """By the server's ids, the statuses of what is known to be finished."""
        known = self.latest
        if known is None:
            return {}
        parts: dict[JobId | None, JobSnapshot | CircuitSnapshot] = {known.job_id: known}
        parts.update((circuit.circuit_id, circuit) for circuit in known.circuits)
        return {e: parts[e].status for e in ids if e in parts and parts[e].is_terminal}


def latest_of(handle: JobHandle) -> Latest:
    """The cell that a handle shares with the waits on its job."""
    return handle._latest  # noqa: SLF001 - the handle's own module
