"""The one loop of many waits: what is to be done, and what has been seen. It does nothing itself.

Lives here: ``WaitLoop``, a generator of steps (ask, pause) that ``_wait_drivers`` carries out, for
threads and for ``asyncio``; and what an answer means for the jobs that were asked about. It knows
handles by what it needs of them. May import ``_job_wait``, ``_seen``, ``client`` and below.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, Protocol
from uuid import UUID

import attrs

from ._job_wait import JobWait, stage_of
from ._seen import SeenJobs
from .api import Call
from .client import SuperstaqClient
from .errors import (
    AuthenticationError,
    InvalidValue,
    JobsNotFound,
    JobsTimeout,
    JobsUnsettled,
    Problem,
    ProtocolError,
    SuperstaqException,
    SuperstaqServerException,
    TlsError,
    WaitTimeout,
)
from .kinds import CircuitType
from .orders import JobQuery
from .policy import PollPolicy
from .records import JobSnapshot
from .status import Stage
from .waiting import Countdown

__all__: list[str] = []

_Jobs = tuple[JobSnapshot, ...]


class Waitable(Protocol):
    """What the loop needs of a handle."""

    _answers: int

    @property
    def client(self) -> SuperstaqClient:
        """The client that asks."""
        ...

    @property
    def circuit_type(self) -> CircuitType:
        """The language in which the server writes the circuits."""
        ...

    @property
    def latest(self) -> JobSnapshot | None:
        """The latest snapshot, without asking."""
        ...

    def job_id(self) -> UUID:
        """The job's id."""
        ...

    def refresh(self) -> JobSnapshot:
        """Ask the server once."""
        ...

    def _keep(self, seen: JobSnapshot, *, asked_after: int) -> JobSnapshot:
        """Advance by what was seen."""
        ...


@attrs.define(eq=False, kw_only=True)
class Waited:
    """One handle that is waited for."""

    handle: Waitable
    wait: JobWait
    changes: list[tuple[JobSnapshot | None, JobSnapshot]]
    error: SuperstaqException | None = None
    failure: SuperstaqServerException | None = None
    asked_after: int = 0

    def ask(self) -> None:
        """Note what is known at the moment of asking."""
        self.asked_after = self.handle._answers  # noqa: SLF001 - the handle is its friend

    def keep(self, seen: JobSnapshot) -> JobSnapshot:
        """Advance the handle by what was asked for it."""
        return self.handle._keep(seen, asked_after=self.asked_after)  # noqa: SLF001

    @property
    def final(self) -> JobSnapshot | None:
        """The latest snapshot, if it is what was waited for."""
        latest = self.handle.latest
        return latest if latest is not None and self.wait.is_done(latest) else None


@attrs.frozen(eq=False)
class Ask:
    """To be asked of the server, together with others."""

    client: SuperstaqClient
    call: Call[_Jobs]
    waited: Sequence[Waited]
    seconds: float | None

    def send(self) -> _Jobs | BaseException:
        """Ask; what goes wrong is an answer too."""
        try:
            return self.client.send(
                self.call, deadline=self.client.deadline_in(self.seconds), max_attempts=1
            )
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            return error


@attrs.frozen
class Pause:
    """Nothing is to be asked for so long."""

    seconds: float


Step = Pause | list[Ask] | Waited
Steps = Generator[Step, Any, None]


class WaitLoop:
    """The one loop of many waits.

    Args:
        handles: What is waited for.
        timeout_seconds: The time for all of them together, and further options, as ``wait_all``
            has them.
    """

    def __init__(
        self,
        handles: Sequence[Waitable],
        *,
        timeout_seconds: float | None,
        polling_seconds: float,
        until: Stage | str,
        poll_policy: PollPolicy | None,
        unknown_status_seconds: float | None,
        requests_at_once: int,
    ) -> None:
        if type(requests_at_once) is not int or requests_at_once < 1:
            what = f"{requests_at_once!r} is no number from 1"
            raise InvalidValue("a wait", [Problem("requests_at_once", what)])
        self.requests_at_once = requests_at_once
        self.timeout_seconds = timeout_seconds
        self.waited = [
            _waited(
                handle,
                stage=stage_of(until),
                pace=polling_seconds if poll_policy is None else poll_policy,
                unknown_status_seconds=unknown_status_seconds,
            )
            for handle in handles
        ]
        self._seen: dict[SuperstaqClient, SeenJobs] = defaultdict(SeenJobs)
        # One clock for the loop: that of the first client.
        self.clock = handles[0].client.clock if handles else None

    def steps(self) -> Steps:
        """What is to be done, and each handle that has changed, failed or is final already."""
        if self.clock is None:
            return
        countdown = Countdown(self.clock, self.timeout_seconds)
        open_ones = []
        for each in self.waited:
            each.wait.begin()
            if each.final is None:
                open_ones.append(each)
            else:
                yield each
        while open_ones:
            yield from self._round(open_ones, countdown)
            open_ones = [each for each in open_ones if each.final is None and each.error is None]
            left = countdown.seconds_to_last_look()
            if not open_ones:
                return
            if left <= 0:
                break
            yield Pause(max(0.0, min(left, *(e.wait.pause(e.failure) for e in open_ones))))
        for each in open_ones:
            each.error = each.wait.out_of_time(countdown.ran_out(), self.timeout_seconds)
            yield each

    def _round(self, open_ones: list[Waited], countdown: Countdown) -> Steps:
        assert self.clock is not None  # noqa: S101 - there are handles
        began = self.clock.now()
        left = countdown.seconds_left()
        turn = max(each.look_in() for each in {e.handle.client for e in open_ones})
        if turn > 0 and not countdown.looks_once:
            yield Pause(min(turn, 0.5 * left))
        groups: list[list[Waited]] = list(_by_server(open_ones))
        asked: dict[SuperstaqClient, set[tuple[UUID, ...]]] = defaultdict(set)
        while groups:
            asks = [ask for group in groups for ask in self._asks(group, countdown)]
            for ask in asks:
                asked[ask.client].add(ask.call.job_ids)
            answers = yield asks
            groups = []
            for ask, answer in zip(asks, answers, strict=True):
                groups += _take(ask, answer, countdown)
        for client, calls in asked.items():
            ids = {e.handle.job_id() for e in open_ones if e.handle.client is client}
            self._seen[client].forget_others(calls, ids)
        countdown.looked(self.clock.now() - began)
        for each in open_ones:
            if each.changes or each.error is not None or each.final is not None:
                yield each

    def _asks(self, group: list[Waited], countdown: Countdown) -> Iterator[Ask]:
        client, kind = group[0].handle.client, group[0].handle.circuit_type
        by_id = defaultdict(list)
        for each in group:
            by_id[each.handle.job_id()].append(each)
            each.ask()
        seconds = None if countdown.looks_once else max(0.0, countdown.seconds_left())
        if seconds == float("inf"):
            seconds = None
        for call in client.api.query_jobs(JobQuery(job_id=tuple(by_id)), kind):
            concerned = [each for job_id in call.job_ids for each in by_id[job_id]]
            yield Ask(client, self._seen[client].reading(call), concerned, seconds)

    def finals(self) -> tuple[JobSnapshot, ...]:
        """The final snapshots of those that have one, in the order of the handles."""
        finals = [each.final for each in self.waited if each.error is None]
        return tuple(final for final in finals if final is not None)

    def raise_unsettled(self) -> None:
        """Raise the error for the jobs that failed or ran out of time, if any did."""
        errors = {e.handle.job_id(): e.error for e in self.waited if e.error is not None}
        if not errors:
            return
        late = any(isinstance(error, WaitTimeout) for error in errors.values())
        raise (JobsTimeout if late else JobsUnsettled)(errors, found=self.finals())


def _waited(handle: Waitable, **options: Any) -> Waited:
    changes: list[tuple[JobSnapshot | None, JobSnapshot]] = []
    wait = JobWait(
        job_id=handle.job_id(),
        client=handle.client,
        latest=lambda: handle.latest,
        look_once=lambda **_: handle.refresh(),
        index=None,
        on_change=lambda before, after: changes.append((before, after)),
        **options,
    )
    return Waited(handle=handle, wait=wait, changes=changes)


def _by_server(open_ones: Iterable[Waited]) -> Iterable[list[Waited]]:
    groups: dict[tuple[SuperstaqClient, CircuitType], list[Waited]] = defaultdict(list)
    for each in open_ones:
        groups[each.handle.client, each.handle.circuit_type].append(each)
    return groups.values()


# ---- what an answer means ----------------------------------------------------------------------


def _take(ask: Ask, answer: _Jobs | BaseException, countdown: Countdown) -> Iterator[list[Waited]]:
    """Take in an answer; gives back the jobs that have to be asked about apart from the others."""
    if not isinstance(answer, BaseException):
        yield from _take_jobs(ask.waited, answer, {})
    elif isinstance(answer, ProtocolError) and _blames_single_jobs(answer, ask):
        yield from _take_jobs(ask.waited, answer.found, _blamed(answer, ask))
    elif not isinstance(answer, SuperstaqServerException):
        raise answer
    elif ask.client.retry_policy.may_repeat(answer, safe_to_repeat=True):
        countdown.failed(answer)
        for each in ask.waited:
            each.wait.absorb(answer)
            each.failure = answer
    elif len(ask.call.job_ids) > 1 and not isinstance(answer, AuthenticationError | TlsError):
        # It may be about one of them: the halves tell which.
        ids = ask.call.job_ids
        first = set(ids[: len(ids) // 2])
        yield [each for each in ask.waited if each.handle.job_id() in first]
        yield [each for each in ask.waited if each.handle.job_id() not in first]
    else:
        for each in ask.waited:
            each.error = answer


def _take_jobs(
    waited: Sequence[Waited], jobs: _Jobs, blamed: dict[UUID, SuperstaqServerException]
) -> Iterator[list[Waited]]:
    found = {job.job_id: job for job in jobs}
    apart = []
    for each in waited:
        job_id = each.handle.job_id()
        each.failure = None
        if job_id in found:
            try:
                each.wait.take(each.keep(found[job_id]))
            except SuperstaqException as error:
                each.error = error
        elif job_id in blamed:
            each.error = blamed[job_id]
        elif blamed:
            apart.append(each)  # the list of what is wrong is bounded: this job was not in it
        else:
            each.error = JobsNotFound([job_id])
    if apart:
        yield apart


def _blames_single_jobs(error: ProtocolError, ask: Ask) -> bool:
    return bool(error.found) or bool(_blamed(error, ask))


def _blamed(error: ProtocolError, ask: Ask) -> dict[UUID, SuperstaqServerException]:
    by_id: dict[UUID, SuperstaqServerException] = {}
    for job_id in ask.call.job_ids:
        problems = [p for p in error.problems if p.where.startswith(f"$.{job_id}")]
        if problems:
            by_id[job_id] = ProtocolError(
                f"job {job_id} cannot be read: the answer about it is not what the API promises",
                problems,
                status_code=error.status_code,
                job_ids=[job_id],
            )
    return by_id
