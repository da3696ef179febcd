"""A client, its handles and a server in memory whose responses get lost, against a model of it all.

Each process has a client; each job may be held by handles of several processes. Every action may
meet faults. Whatever happens: no submission is lost or doubled, no handle goes back, no deadline is
missed, no request is sent for a job that is known to be finished, and every error is one of ours.

It runs on both versions of the API. In v0.2.0 there are no submission keys, each circuit has an id
of its own and can be cancelled alone, and no circuit is requested again that was seen finished.

``MACHINE_EXAMPLES=2000`` in the environment runs that many examples.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import heapq
import itertools
import json
import os
import random
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from worlds import HOST, KEY, NOON

import superstaq_jobs as sj
from superstaq_jobs.records.status import NEXT_STATUSES
from superstaq_jobs.testing import FakeClock

pytestmark = pytest.mark.same_everywhere

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", min(60, settings.default.max_examples)))
STEPS = 50
EPSILON = 1e-6
REQUEST_TIMEOUT_SECONDS = 10.0
# A request whose response is lost takes effect within this time, or not at all: the queries for a
# submission key go on for 3.5 s after the loss.
SETTLING_SECONDS = 3.4
TRANSIENT = {408, 429, 500, 502, 503, 504, *range(520, 531)}
TARGETS = ("ss_unconstrained_simulator", "ibmq_fez_qpu")


class Fault(NamedTuple):
    """What happens to one request."""

    kind: str
    number: float = 0.0


FAULTS = st.sampled_from(
    [
        *map(Fault, ["fine", "refused", "untrusted", "lost before", "lost after", "garbage"]),
        *map(Fault, ["hang before", "hang after", "half", "page", "large", "absent", "moved"]),
        *(Fault("slow", seconds) for seconds in (0.01, 0.7, 4.0, 30.0)),
        *(Fault("late", seconds) for seconds in (0.2, 1.2, SETTLING_SECONDS)),
        *(Fault("status before", status) for status in (400, 401, 404, 408, 500, 502, 503, 521)),
        *(Fault("status after", status) for status in (500, 502, 503, 504, 520)),
        *(Fault("busy", seconds) for seconds in (0, 2, 90)),
        *(Fault("outage", seconds) for seconds in (1, 20, 200)),
        *(Fault("stale", versions) for versions in (1, 1, 2, 2, 5)),
    ]
)
FAULT_LISTS = st.one_of(
    FAULTS.map(lambda fault: [fault]),
    # A submission with a key begins with a query.
    FAULTS.map(lambda fault: [Fault("fine"), fault]),
    st.lists(st.just(Fault("fine")) | FAULTS, max_size=6),
)
TIMES = st.sampled_from([None, 0, 0.3, 3, 20, 90])
INDICES = st.sampled_from([None, None, 0, 1])
PACES = st.sampled_from([0.5, 2, 5, 30.0, sj.PollPolicy(), sj.PollPolicy(jitter=0)])
PLANS = st.lists(
    st.tuples(st.sampled_from([0.1, 1, 4, 15, 60]), st.integers(0, 2), st.integers(0, 20)),
    max_size=6,
)


class Job:
    """A job on the server, with all its past states."""

    def __init__(self, job_id: Any, order: dict[str, Any], submitted_at: dt.datetime) -> None:
        self.job_id = job_id
        self.order = order
        self.submitted_at = submitted_at
        self.size = len(json.loads(order["circuits"]))
        self.vanished = False
        self.cancelled: set[int] = set()  # by requests
        first = ("received", submitted_at)
        self.versions: list[tuple[tuple[str, dt.datetime], ...]] = [(first,) * self.size]

    @property
    def statuses(self) -> list[sj.CircuitStatus]:
        return [known_status(text) for text, _ in self.versions[-1]]

    @property
    def is_over(self) -> bool:
        return all(status.is_terminal for status in self.statuses)

    def move(self, index: int, text: str, at: dt.datetime) -> None:
        circuits = list(self.versions[-1])
        circuits[index] = (text, at)
        self.versions.append(tuple(circuits))

    def wire(self, version: int) -> dict[str, Any]:
        circuits = self.versions[version]
        nothing = [None] * self.size
        return {
            **{name: self.order[name] for name in ("job_type", "target", "circuit_type")},
            **{name: self.order[name] for name in ("dry_run", "tags", "metadata")},
            "user_email": "user@example.com",
            "num_circuits": self.size,
            "statuses": [text for text, _ in circuits],
            "last_updated_timestamp": [at.isoformat() for _, at in circuits],
            "counts": [{"0": 3, "1": 7} if text == "completed" else None for text, _ in circuits],
            "input_circuits": ["OPENQASM 2.0;"] * self.size,
            "shots": [self.order["shots"]] * self.size,
            "submission_timestamp": self.submitted_at.isoformat(),
            **dict.fromkeys(("status_messages", "provider_id", "compiled_circuits"), nothing),
            **dict.fromkeys(("results_dicts", "logical_qubits", "physical_qubits"), nothing),
            "initial_logical_to_physicals": nothing,
            "final_logical_to_physicals": nothing,
        }


def known_status(text: str) -> sj.CircuitStatus:
    return sj.CircuitStatus(text) if text in set(sj.CircuitStatus) else sj.CircuitStatus.UNKNOWN


class Sent(NamedTuple):
    """A request that a server saw."""

    at: float
    kind: str
    timeout_seconds: float
    reached: bool


class Server:
    """The service in memory: jobs that keep the rules, and the faults on the way to it."""

    api_version = "v0.3.0"

    def __init__(self, *, filters_tags: bool) -> None:
        self.clock = FakeClock(utc=NOON)
        self.filters_tags = filters_tags
        self.jobs: dict[Any, Job] = {}
        self.faults: deque[Fault] = deque()
        self.outage_until = 0.0
        self.sent: list[Sent] = []
        self.deadline: float | None = None
        self.is_heeded = False
        self.asks_to_wait_until = 0.0
        self.on_look: Callable[[Any, list[str]], None] = lambda _job_id, _ids: None
        self.on_report: Callable[[Any, Any], None] = lambda _job_id, _shown: None
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count(1)
        self.effects_to_come = 0
        self.lacking = 0  # how many responses had no job

    # ---- time

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        at = self.clock.now() + seconds
        heapq.heappush(self._agenda, (at, next(self._numbers), action))

    def catch_up(self) -> None:
        while self._agenda and self._agenda[0][0] <= self.clock.now():
            heapq.heappop(self._agenda)[2]()

    def settle(self) -> None:
        """Let every request arrive, and end the faults."""
        self.faults.clear()
        self.outage_until = 0.0
        if self.effects_to_come:
            self.clock.advance(SETTLING_SECONDS + 0.1)
        self.catch_up()
        assert not self.effects_to_come

    def _stamp(self) -> dt.datetime:
        # No two changes at one moment, so that an observer can tell them apart.
        return self.clock.utcnow() + dt.timedelta(microseconds=next(self._numbers))

    # ---- what the service does

    def advance(self, job: Job, index: int, choice: int) -> None:
        """One allowed step of a circuit, seldom to a terminal status."""
        index %= job.size
        steps = NEXT_STATUSES[job.statuses[index]]
        on = sorted(s for s in steps if not s.is_terminal and s != "unknown")
        ends = sorted(s for s in steps if s.is_terminal)
        texts = [*on, *on, *on, *on, *ends, *(["teleporting"] if on else [])]
        if texts:
            job.move(index, texts[choice % len(texts)], self._stamp())

    def stop(self, job: Job) -> list[str]:
        """Cancel what is not finished; the ids of the jobs with something to cancel."""
        open_circuits = [i for i, s in enumerate(job.statuses) if not s.is_terminal]
        for index in open_circuits:
            job.move(index, "cancelled", self._stamp())
            job.cancelled.add(index)
        return [str(job.job_id)] if open_circuits else []

    def with_tag(self, tag: str) -> list[Job]:
        return [job for job in self.jobs.values() if tag in job.order["tags"]]

    def _create(self, body: dict[str, Any]) -> sj.Response:
        job = Job(UUID(int=next(self._numbers)), body, self._stamp())
        self.jobs[job.job_id] = job
        return answer({"job_id": str(job.job_id), "num_circuits": job.size})

    def _cancel(self, body: dict[str, Any]) -> sj.Response:
        asked = [self.jobs[UUID(text)] for text in body["job_id"] if UUID(text) in self.jobs]
        stopped = [text for job in asked if not job.vanished for text in self.stop(job)]
        return answer({"succeeded": stopped, "message": f"{len(stopped)} cancelled"})

    def read_id(self, text: str) -> Any:
        return UUID(text)

    def _kind(self, request: sj.Request) -> tuple[str, Any]:
        """What a request is for, and its query."""
        pairs = parse_qsl(urlsplit(request.path).query)
        kind = {"POST": "submit", "PUT": "cancel"}.get(request.method, "search")
        return "poll" if any(name == "job_id" for name, _ in pairs) else kind, pairs

    def _polled(self, pairs: list[tuple[str, str]]) -> tuple[Any, list[str]]:
        """The job that is polled, and the ids in the request."""
        (text,) = (value for name, value in pairs if name == "job_id")
        return UUID(text), [text]

    def _show(self, pairs: list[tuple[str, str]], fault: Fault) -> tuple[sj.Response, list[Any]]:
        ids = {UUID(value) for name, value in pairs if name == "job_id"}
        tags = {value for name, value in pairs if name == "tags"}
        jobs = [job for job in self.jobs.values() if not job.vanished]
        if ids:
            jobs = [job for job in jobs if job.job_id in ids and fault.kind != "absent"]
        elif self.filters_tags:
            jobs = [job for job in jobs if tags & set(job.order["tags"])]
        back = int(fault.number) if ids and fault.kind == "stale" else 0
        shown = [(job, max(0, len(job.versions) - 1 - back)) for job in jobs]
        body = {str(job.job_id): job.wire(version) for job, version in shown}
        return answer(body), [(job.job_id, version) for job, version in shown if ids]

    # ---- the way to it

    def serve(self, request: sj.Request, timeout_seconds: float) -> sj.Response:
        now = self.clock.now()
        kind, asked = self._kind(request)
        if self.deadline is not None:
            assert now + timeout_seconds <= self.deadline + EPSILON
        assert timeout_seconds <= REQUEST_TIMEOUT_SECONDS
        if self.is_heeded:
            assert now >= self.asks_to_wait_until - EPSILON
        if kind == "poll":
            self.on_look(*self._polled(asked))
        self.catch_up()
        fault = self.faults.popleft() if self.faults else Fault("fine")
        if fault.kind == "outage":
            self.outage_until = max(self.outage_until, now + fault.number)
        if now < self.outage_until or timeout_seconds <= 0:
            fault = Fault("refused")
        reached = fault.kind not in {"refused", "untrusted"}
        self.sent.append(Sent(now, kind, timeout_seconds, reached))

        def take_effect() -> tuple[sj.Response, list[Any]]:
            if kind == "submit":
                return self._create(json.loads(request.body or b"")), []
            if kind == "cancel":
                return self._cancel(json.loads(request.body or b"")), []
            return self._show(asked, fault)

        response, reported = self._through(fault, take_effect, timeout_seconds)
        for job_id, shown in reported:
            self.on_report(job_id, shown)
        return response

    def _through(
        self,
        fault: Fault,
        take_effect: Callable[[], tuple[sj.Response, list[Any]]],
        timeout_seconds: float,
    ) -> tuple[sj.Response, list[Any]]:
        kind, number = fault
        if kind in NEVER_ARRIVES:
            lost = NEVER_ARRIVES[kind]()
            raise lost
        if kind in {"status before", "busy", "moved"}:
            return self._turned_away(fault), []
        if kind == "late":
            self._effect_later(timeout_seconds + number, take_effect)
        if kind in {"late", "hang before"}:
            self._hang(timeout_seconds)
        response, reported = take_effect()
        if kind in NEVER_RETURNS:
            lost = NEVER_RETURNS[kind]()
            raise lost
        if kind == "hang after" or (kind == "slow" and number >= timeout_seconds):
            self._hang(timeout_seconds)
        if kind == "slow":
            self.clock.advance(number)
        if kind in {"half", "page", "status after"}:
            return spoilt(fault, response), []
        return response, reported

    def _turned_away(self, fault: Fault) -> sj.Response:
        if fault.kind == "moved":
            return sj.Response(status=307, headers=[("Location", "https://example.org/")])
        if fault.kind == "busy":
            self.asks_to_wait_until = self.clock.now() + min(fault.number, 60)
            return answer("busy", status=429, headers=[("Retry-After", f"{fault.number:.0f}")])
        return answer({"message": "no"}, status=int(fault.number))

    def _hang(self, timeout_seconds: float) -> None:
        self.clock.advance(timeout_seconds)
        raise sj.RequestTimeout("no complete response in time", sent=True)

    def _effect_later(self, seconds: float, take_effect: Callable[[], object]) -> None:
        def effect() -> None:
            self.effects_to_come -= 1
            take_effect()

        self.effects_to_come += 1
        self.later(seconds, effect)


class OldServer(Server):
    """The service as API v0.2.0 shows it: each circuit is a job with an id of its own."""

    api_version = "v0.2.0"

    def read_id(self, text: str) -> Any:
        return text

    def _kind(self, request: sj.Request) -> tuple[str, Any]:
        kinds = {"/jobs": "submit", "/cancel_jobs": "cancel", "/fetch_jobs": "poll"}
        data = json.loads(request.body or b"")
        return kinds[request.path.removeprefix("/v0.2.0")], data.get("job_ids")

    def circuits(self, ids: list[str]) -> list[tuple[Job, int]]:
        """The circuits with these ids: the job of each, and the index in it."""
        places = {
            circuit_id: (job, index)
            for job in self.jobs.values()
            for index, circuit_id in enumerate(job.job_id.split(","))
        }
        return [places[each] for each in ids]

    def _polled(self, ids: list[str]) -> tuple[Any, list[str]]:
        assert ids
        (job_id,) = {job.job_id for job, _ in self.circuits(ids)}
        return job_id, ids

    def _create(self, body: dict[str, Any]) -> sj.Response:
        number = next(self._numbers)
        ids = [f"{number}-{index}" for index in range(len(json.loads(body["cirq_circuits"])))]
        order = {"target": body["target"], "circuits": body["cirq_circuits"], "tags": []}
        job = Job(",".join(ids), {**order, "job_type": "submit"}, self._stamp())
        self.jobs[job.job_id] = job
        return answer({"job_ids": ids})

    def _cancel(self, body: dict[str, Any]) -> sj.Response:
        stopped = []
        for circuit_id, (job, index) in zip(
            body["job_ids"], self.circuits(body["job_ids"]), strict=True
        ):
            if not job.statuses[index].is_terminal and not job.vanished:
                job.move(index, "cancelled", self._stamp())
                job.cancelled.add(index)
                stopped.append(circuit_id)
        return answer({"succeeded": stopped})

    def _show(self, ids: Any, fault: Fault) -> tuple[sj.Response, list[Any]]:
        body, shown = {}, []
        for circuit_id, (job, index) in zip(ids, self.circuits(ids), strict=True):
            if job.vanished or fault.kind == "absent":
                continue
            back = int(fault.number) if fault.kind == "stale" else 0
            text, _ = job.versions[max(0, len(job.versions) - 1 - back)][index]
            word, status = OLD_WORDS[text]
            samples = {"0": 3, "1": 7} if word == "Done" else None
            body[circuit_id] = {"status": word, "target": job.order["target"], "samples": samples}
            shown.append((job.job_id, (index, status)))
        return answer(body), shown


OLD_WORDS = {
    **dict.fromkeys(["received", "awaiting_compile", "compiling"], ("Submitted", "received")),
    **dict.fromkeys(["awaiting_submission"], ("Ready", "received")),
    **dict.fromkeys(["awaiting_simulation", "pending"], ("Queued", "pending")),
    **dict.fromkeys(["simulating", "running"], ("Running", "running")),
    **dict.fromkeys(["unrecognized", "failed"], ("Failed", "failed")),
    "completed": ("Done", "completed"),
    "cancelled": ("Cancelled", "cancelled"),
    "deleted": ("Deleted", "deleted"),
    "teleporting": ("Teleporting", "Teleporting"),
}
"""How v0.2.0 writes each status, and how a record has that."""


NEVER_ARRIVES: dict[str, Callable[[], Exception]] = {
    "refused": lambda: sj.TransportError("connection refused", sent=False),
    "untrusted": lambda: sj.TlsError("an unknown authority", sent=False),
    "lost before": lambda: sj.TransportError("reset", sent=True),
}
NEVER_RETURNS: dict[str, Callable[[], Exception]] = {
    "lost after": lambda: sj.TransportError("reset", sent=True),
    "garbage": lambda: sj.ProtocolError("no HTTP"),
    "large": lambda: sj.AnswerTooLarge("too large", sent=True),
}


def spoilt(fault: Fault, response: sj.Response) -> sj.Response:
    if fault.kind == "half":
        return sj.Response(status=200, body=response.body[: len(response.body) // 2])
    if fault.kind == "page":
        return sj.Response(status=200, body=b"<html>Log in</html>")
    return answer({"message": "no"}, status=int(fault.number))


def answer(data: Any, status: int = 200, headers: Any = ()) -> sj.Response:
    return sj.Response(status=status, headers=headers, body=json.dumps(data).encode())


class Line:
    """The transport of one process; like the real one, it sends nothing without time."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.requests = 0
        self.good = 0

    def send(self, request: sj.Request, /, *, timeout_seconds: float) -> sj.Response:
        self.requests += 1
        response = self.server.serve(request, timeout_seconds)
        self.server.lacking += response.status == 200 and response.body == b"{}"
        self.good += 200 <= response.status < 300
        return response

    def close(self) -> None:
        pass


class Process:
    """A program that uses the library."""

    def __init__(self, server: Server, budget: float, seed: int) -> None:
        self.line = Line(server)
        self.budget = budget
        self.born_at = server.clock.now()
        self.client = sj.SuperstaqClient(
            KEY,
            HOST,
            transport=self.line,
            clock=server.clock,
            jitter=random.Random(seed).random,
            retry_policy=sj.RetryPolicy(budget=budget),
            request_timeout_seconds=REQUEST_TIMEOUT_SECONDS,
            api_version=server.api_version,
        )


class Held:
    """A handle, and the latest version of its job that was reported to it."""

    def __init__(self, process: Process, handle: sj.JobHandle) -> None:
        self.process = process
        self.handle = handle
        self.version: int | None = None
        self.told: dict[int, str] = {}
        self.seen: sj.JobSnapshot | None = None


class Machine(RuleBasedStateMachine):
    processes = Bundle("processes")
    handles = Bundle("handles")
    server_type: type[Server] = Server
    SPLITS = 0

    def __init__(self) -> None:
        super().__init__()
        self.everyone: list[Process] = []
        self.held: list[Held] = []

    @initialize(target=processes, filters_tags=st.booleans(), budget=st.sampled_from([0, 2, 20]))
    def begin(self, filters_tags, budget):
        self.server = self.server_type(filters_tags=filters_tags)
        return self._start(budget)

    def _start(self, budget) -> Process:
        process = Process(self.server, budget, len(self.everyone))
        self.everyone.append(process)
        return process

    def _hold(self, process: Process, job_id: Any) -> Held:
        held = Held(process, sj.JobHandle(process.client, job_id))
        self.held.append(held)
        return held

    @contextlib.contextmanager
    def _action(
        self, faults: list[Fault], *, timeout_seconds: float | None = None
    ) -> Iterator[list[Sent]]:
        """One use of the library, and all that the server saw of it."""
        server = self.server
        server.faults = deque(faults)
        server.sent = []
        # Within one call; a pause that ends at a deadline, or before a query, may be shorter.
        server.is_heeded = timeout_seconds is None
        server.asks_to_wait_until = 0.0
        started = server.clock.now()
        if timeout_seconds is not None:
            server.deadline = started + timeout_seconds
        yield server.sent
        if timeout_seconds is not None:
            assert server.clock.now() <= started + timeout_seconds + EPSILON
        server.deadline = None
        server.on_look = lambda _job_id, _ids: None
        server.on_report = lambda _job_id, _shown: None
        server.settle()

    def _watch(self, held: Held, is_done: Callable[[sj.JobSnapshot], bool]) -> None:
        handle = held.handle

        def on_look(job_id: Any, ids: list[str]) -> None:
            assert job_id == handle.job_id()
            latest = handle.latest
            assert latest is None or not (latest.is_terminal or is_done(latest))
            if latest is not None:
                finished = {c.circuit_id for c in latest.circuits if c.is_terminal}
                assert finished.isdisjoint(ids)

        def on_report(job_id: Any, shown: Any) -> None:
            assert job_id == handle.job_id()
            self._note(held, shown)

        self.server.on_look = on_look
        self.server.on_report = on_report

    def _note(self, held: Held, shown: Any) -> None:
        held.version = max(shown, held.version or 0)

    def _new_job(self, target_name: str, size: int) -> sj.NewJob:
        return sj.NewJob(
            target=target_name, circuits=["OPENQASM 2.0;"] * size, tags=["mine"], shots=1
        )

    # ---- submissions

    @rule(target=processes, budget=st.sampled_from([0, 2, 20]))
    def start_a_process(self, budget):
        return self._start(budget)

    @rule(
        target=handles,
        process=processes,
        key=st.sampled_from([None, None, *"klm", "week 18"]),
        target_name=st.sampled_from([*[TARGETS[0]] * 5, TARGETS[1]]),
        size=st.integers(1, 3),
        timeout=TIMES,
        faults=FAULT_LISTS,
    )
    def submit(self, process, key, target_name, size, timeout, faults):
        server = self.server
        new = self._new_job(target_name, size)
        key = key if process.client.api.keeps_tags else None
        tag = f"submission-key:{key}"
        before = set(server.jobs)
        owners = server.with_tag(tag)
        receipt = error = None
        with self._action(faults, timeout_seconds=timeout) as sent, self._warnings() as said:
            server.is_heeded = timeout is None and key is None
            try:
                receipt = sj.submit_job(
                    process.client, new, submission_key=key, timeout_seconds=timeout
                )
            except sj.SuperstaqException as caught:
                error = caught
        created = [server.jobs[job_id] for job_id in server.jobs if job_id not in before]
        posts = [each for each in sent if each.kind == "submit"]
        # This server keeps tags, so the only warning is that its faults prevented the check of it.
        assert all("could not be checked" in str(each.message) for each in said)
        assert not said or (key is not None and created != [] and receipt is not None)
        assert len(created) <= 1
        if key is None:
            assert sum(post.reached for post in posts) <= 1
            assert len(posts) == len(sent)
        else:
            assert len(server.with_tag(tag)) <= 1
        if owners:
            assert posts == []
        if error is not None:
            self._check_failure(error, new, key, created=created, owners=owners, posts=posts)
            return multiple()
        job = server.jobs[receipt.job_id]
        assert receipt.num_circuits == job.size
        assert (job.order["target"], job.order["job_type"]) == (target_name, "submit")
        if key is None:
            assert (created, receipt.adopted) == ([job], False)
            assert job.order["tags"] == list(new.tags)
        else:
            assert server.with_tag(tag) == [job]
            assert job.order["tags"][:2] == ["mine", tag]
            assert receipt.adopted or created == [job]
        return self._hold(process, receipt.job_id)

    @contextlib.contextmanager
    def _warnings(self) -> Iterator[list[warnings.WarningMessage]]:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            # The check of a key may read jobs whose statuses are unknown.
            warnings.filterwarnings("ignore", "the server uses a circuit status")
            yield said

    def _check_failure(self, error, new, key, *, created, owners, posts):
        if isinstance(error, sj.SubmissionUnknown):
            assert (error.job, error.submission_key) == (new, key)
            assert any(post.reached for post in posts)
            return
        assert created == []
        if isinstance(error, sj.SubmissionKeyConflict):
            ours = (new.target, new.circuits)
            assert [(job.order["target"], job.order["circuits"]) for job in owners] != [ours]
            assert error.job_id == owners[0].job_id

    @rule(target=handles, held=consumes(handles), budget=st.sampled_from([0, 2, 20]))
    def restart_from_the_id(self, held, budget):
        self.held.remove(held)
        return self._hold(self._start(budget), self.server.read_id(str(held.handle.job_id())))

    # ---- asking

    @rule(
        held=handles,
        moves=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), max_size=2),
        faults=FAULT_LISTS,
    )
    def refresh(self, held, moves, faults):
        for index, choice in moves:
            self.server.advance(self.server.jobs[held.handle.job_id()], index, choice)
        with self._action(faults) as sent:
            self._watch(held, lambda _: False)
            known = held.handle.latest
            try:
                snapshot = held.handle.refresh()
            except sj.SuperstaqServerException:
                assert held.handle.latest is known
            else:
                assert snapshot is held.handle.latest
        assert len(sent) <= held.process.client.retry_policy.max_attempts + self.SPLITS

    @rule(held=handles, index=st.integers(0, 3), faults=FAULT_LISTS)
    def status(self, held, index, faults):
        with self._action(faults):
            self._watch(held, lambda _: False)
            try:
                status = held.handle.status(index)
            except sj.CircuitIndexError:
                assert index >= self.server.jobs[held.handle.job_id()].size
            except sj.SuperstaqServerException:
                pass
            else:
                assert status is held.handle.latest.circuits[index].status

    @rule(
        held=handles,
        index=INDICES,
        timeout=TIMES.filter(lambda seconds: seconds is not None),
        pace=PACES,
        until=st.sampled_from([*sj.Stage]),
        unknown=st.sampled_from([None, 0, 30, 600]),
        plan=PLANS,
        faults=FAULT_LISTS,
    )
    def wait(self, held, index, timeout, pace, until, unknown, plan, faults):
        self._wait(held, index, timeout, pace, until, unknown, plan, faults)

    @rule(
        held=handles,
        index=INDICES,
        pace=PACES,
        until=st.sampled_from([*sj.Stage]),
        unknown=st.sampled_from([None, 0, 30, 600]),
        plan=PLANS,
        faults=FAULT_LISTS,
    )
    def wait_without_limit(self, held, index, pace, until, unknown, plan, faults):
        self._wait(held, index, None, pace, until, unknown, plan, faults)

    def _wait(self, held, index, timeout, pace, until, unknown, plan, faults):
        job = self.server.jobs[held.handle.job_id()]
        if index is not None and index >= job.size:
            index = None
        for seconds, circuit, choice in plan:
            self.server.later(seconds, lambda c=circuit, x=choice: self.server.advance(job, c, x))
        if timeout is None:
            self.server.later(80, lambda: self.server.stop(job))

        def is_done(snapshot: sj.JobSnapshot) -> bool:
            return snapshot.has_reached(until, index)

        how = (
            {"poll_policy": pace} if isinstance(pace, sj.PollPolicy) else {"polling_seconds": pace}
        )
        before = held.process.client.traffic
        lacking = self.server.lacking
        snapshot = error = None
        started = self.server.clock.now()
        with self._action(faults, timeout_seconds=timeout or None) as sent:
            self.server.is_heeded = timeout is None
            self._watch(held, is_done)
            known = held.handle.latest
            try:
                snapshot = held.handle.wait_until_complete(
                    index, timeout, until=until, unknown_status_seconds=unknown, **how
                )
            except sj.SuperstaqException as caught:
                error = caught
            waited = self.server.clock.now() - started
        after = held.process.client.traffic
        assert after.repetitions == before.repetitions
        assert after.calls - before.calls == len(sent)
        if known is not None and is_done(known):
            assert sent == []
            assert snapshot is known
        if snapshot is not None:
            assert is_done(snapshot)
            assert snapshot is held.handle.latest
            return
        if timeout == 0:
            assert [each.timeout_seconds for each in sent] == [REQUEST_TIMEOUT_SECONDS]
        latest = held.handle.latest
        assert latest is None or not is_done(latest)
        if isinstance(error, sj.WaitTimeout):
            # A response that lacks the job, which was submitted before or seen, is a failure too.
            failed = after.failures - before.failures + self.server.lacking - lacking
            self._check_time_out(held, error, index, timeout, unknown, waited, failed)
        else:
            self._check_that_it_stays(error)

    def _check_time_out(self, held, error, index, timeout, unknown, waited, failed):
        latest = held.handle.latest
        assert error.snapshot is latest
        assert error.job_id == held.handle.job_id()
        if isinstance(error, sj.UnknownStatusTimeout):
            assert unknown is not None
            assert unknown - EPSILON <= error.waited_seconds <= waited + EPSILON
            status = latest.status if index is None else latest.circuits[index].status
            assert status is sj.CircuitStatus.UNKNOWN
            return
        assert error.waited_seconds == pytest.approx(waited)
        assert waited >= timeout - min(0.1 * timeout, 1) - EPSILON
        assert error.num_failures == failed
        assert len(error.failures) == min(20, error.num_failures)

    def _check_that_it_stays(self, error):
        """Only a failure that is not transient may end a wait."""
        assert isinstance(error, sj.SuperstaqServerException)
        assert error.status_code not in TRANSIENT
        if isinstance(error, sj.TransportError):
            assert isinstance(error, sj.TlsError | sj.AnswerTooLarge)

    @rule(held=handles, index=INDICES, faults=FAULT_LISTS)
    def cancel(self, held, index, faults):
        job = self.server.jobs[held.handle.job_id()]
        others = {each for each in range(job.size) if index not in {None, each}}
        cancelled_before = set(job.cancelled)
        with self._action(faults) as sent:
            self._watch(held, lambda _: False)
            was_known_to_be_over = held.handle.latest is not None and held.handle.latest.is_terminal
            try:
                receipt = held.handle.cancel(index)
            except sj.CircuitIndexError:
                assert index >= job.size
            except sj.PartialCancelUnsupported:
                assert index is not None
                assert job.size > 1
            except sj.SuperstaqServerException:
                pass
            else:
                assert (
                    receipt.cancelled != ()
                    or was_known_to_be_over
                    or held.handle.latest.is_terminal
                    or held.handle.latest.circuits[index].is_terminal
                )
                assert job.is_over or (index is not None and job.statuses[index].is_terminal)
        if was_known_to_be_over:
            assert sent == []
        self._check_cancel_of_one(index, job, [each for each in sent if each.kind == "cancel"])
        assert others.isdisjoint(job.cancelled - cancelled_before)

    def _check_cancel_of_one(self, index, job, cancels):
        if index is not None and job.size > 1:
            assert cancels == []

    # ---- the world

    @rule(held=handles, plan=PLANS, vanishes=st.sampled_from([*[False] * 7, True]))
    def let_time_pass(self, held, plan, vanishes):
        job = self.server.jobs[held.handle.job_id()]
        for seconds, index, choice in plan:
            self.server.clock.advance(seconds)
            self.server.catch_up()
            self.server.advance(job, index, choice)
        if vanishes:
            # A server that forgot a job with a key could not be queried for that key any more.
            job.vanished = not any(tag.startswith("submission-key:") for tag in job.order["tags"])

    # ---- what is always so

    @invariant()
    def no_handle_goes_back_or_makes_things_up(self):
        for held in self.held:
            latest = held.handle.latest
            if held.seen is not None:
                pairs = zip(held.seen.circuits, latest.circuits, strict=True)
                assert not any(a.status.is_terminal and not b.status.is_terminal for a, b in pairs)
            held.seen = latest
            if latest is None:
                assert held.version is None
                assert held.told == {}
                continue
            self._check_told(held, latest)

    def _check_told(self, held, latest):
        truth = self.server.jobs[latest.job_id].versions[held.version]
        assert tuple((c.status_text, c.updated_at) for c in latest.circuits) == truth

    @invariant()
    def repetitions_stay_within_the_budget(self):
        for process in self.everyone:
            counts = process.client.traffic
            seconds = self.server.clock.now() - process.born_at
            allowed = process.budget + 0.1 * process.line.good + 0.1 * seconds + 1
            assert counts.repetitions <= allowed
            assert counts.requests == process.line.requests
            assert counts.failures == process.line.requests - process.line.good
            assert counts.requests - counts.repetitions == counts.calls

    @invariant()
    def no_submission_key_has_two_jobs(self):
        tags = [
            tag
            for job in self.server.jobs.values()
            for tag in job.order["tags"]
            if tag.startswith("submission-key:")
        ]
        assert len(tags) == len(set(tags))


class OldMachine(Machine):
    """The same over API v0.2.0, which says no times: the latest response is the newest."""

    server_type = OldServer
    # Requests that look for the id for which a whole request was refused, of up to 3 circuits.
    SPLITS = 8

    def _new_job(self, target_name: str, size: int) -> sj.NewJob:
        circuits = json.dumps([{"cirq_type": "Circuit", "moments": []}] * size)
        return sj.NewJob(target=target_name, circuits=circuits, circuit_type="cirq", shots=10)

    def _note(self, held: Held, shown: Any) -> None:
        index, text = shown
        if not known_status(held.told.get(index, "unknown")).is_terminal:
            held.told[index] = text

    def _check_cancel_of_one(self, index, job, cancels):
        """One circuit can be cancelled alone."""

    def _check_told(self, held, latest):
        assert {c.index: c.status_text for c in latest.circuits} == held.told
        assert all(circuit.updated_at is None for circuit in latest.circuits)


@pytest.mark.parametrize("machine", [Machine, OldMachine])
@pytest.mark.filterwarnings(
    "ignore:the server uses a circuit status:superstaq_jobs.SuperstaqWarning",
    "ignore:a wait has had no response:superstaq_jobs.SuperstaqWarning",
)
@pytest.mark.timeout(0)
def test_whatever_happens_nothing_is_lost_doubled_forgotten_or_late(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
