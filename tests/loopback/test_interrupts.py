"""Ctrl-C at any moment: it arrives, and leaves a transport that can be used."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from types import FrameType

import faults
import pytest
from faults import Act, FaultServer, together
from helpers import GENEROUS, PATIENT, assert_no_canary, get

from superstaq_jobs.clock import SystemClock
from superstaq_jobs.transport import HttpTransport
from superstaq_jobs.wire.request import Request

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

SIGNALS = 300
PLACES = 3


class Interrupts(SystemClock):
    """A clock that raises at its n-th reading."""

    __slots__ = ("left",)

    def __init__(self, at: int) -> None:
        self.left = at

    def now(self) -> float:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return time.monotonic()


def test_an_interrupt_anywhere_leaves_a_usable_transport() -> None:
    interrupted = 0
    for at in range(1, 40):
        body = b"a" * 100_000
        clock = Interrupts(at)
        with (
            FaultServer(faults.chunked(body, body), then=faults.echo()) as server,
            HttpTransport(origin=server.origin, max_connections=1, clock=clock) as transport,
        ):
            try:
                assert transport.send(get("/a"), timeout_seconds=PATIENT).body == body + body
            except KeyboardInterrupt as error:
                interrupted += 1
                assert_no_canary(error)
            clock.left = -1
            if not server.requests:
                server.acts.clear()
            assert transport.send(get("/b"), timeout_seconds=PATIENT).body == b"/b"
    assert interrupted > 8


# --- by signal


@pytest.fixture
def arrivals() -> Iterator[list[None]]:
    """SIGUSR1 interrupts as Ctrl-C does; how often its handler ran."""
    handled: list[None] = []

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        handled.append(None)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    yield handled
    signal.signal(signal.SIGUSR1, before)


def interrupted_calls(call: Callable[[], object], signals: int) -> int:
    """Call again and again, with a signal at a random moment; how many KeyboardInterrupts came."""
    drawn = random.Random(3)
    caught = 0
    ready: SimpleQueue[None] = SimpleQueue()  # a lock that an interrupt cannot leave locked

    def interrupts() -> None:
        for _ in range(signals):
            ready.get()
            time.sleep(drawn.uniform(0, 0.002))
            os.kill(os.getpid(), signal.SIGUSR1)

    thread = threading.Thread(target=interrupts)
    thread.start()
    while caught < signals:
        try:
            ready.put(None)
            while True:
                call()
        except KeyboardInterrupt:
            caught += 1
    thread.join()
    return caught


# A socket that is interrupted while it is made is closed by the interpreter, with a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_every_interrupt_of_a_busy_loop_arrives_and_no_place_is_lost(arrivals: list[None]) -> None:
    requests = [get("/a"), get("/b"), Request(method="POST", path="/c", body=b"x" * 1000)]
    drawn = random.Random(4)
    all_at_once = together(PLACES)

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        assert request is not None
        act = all_at_once if request.target == "/z" else faults.echo()
        act.run(connection, request)

    with (
        FaultServer(then=Act(run)) as server,
        HttpTransport(origin=server.origin, max_connections=PLACES) as transport,
    ):

        def call() -> None:
            request = drawn.choice(requests)
            response = transport.send(request, timeout_seconds=PATIENT)
            assert response.body == request.path.encode() + (request.body or b"")

        caught = interrupted_calls(call, SIGNALS)
        assert caught == len(arrivals) == SIGNALS
        with ThreadPoolExecutor(PLACES) as threads:
            sent = [
                threads.submit(transport.send, get("/z"), timeout_seconds=10) for _ in range(PLACES)
            ]
            assert [future.result().body for future in sent] == [b"/z"] * PLACES


def test_an_interrupt_while_waiting_for_a_place_leaves_it_to_others(arrivals: list[None]) -> None:
    released = threading.Event()

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        released.wait(PATIENT)
        faults.echo().run(connection, request)

    with (
        FaultServer(Act(run), then=faults.echo()) as server,
        HttpTransport(origin=server.origin, max_connections=1) as transport,
        ThreadPoolExecutor(1) as other,
    ):
        first = other.submit(transport.send, get("/a"), timeout_seconds=PATIENT)
        while not server.requests:
            time.sleep(0.01)
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            transport.send(get("/b"), timeout_seconds=PATIENT)
        assert time.monotonic() - started < GENEROUS
        timer.join()
        released.set()
        assert first.result().body == b"/a"
        assert transport.send(get("/c"), timeout_seconds=PATIENT).body == b"/c"
        assert [request.target for request in server.requests] == ["/a", "/c"]
    assert len(arrivals) == 1


def test_a_signal_handler_may_send_a_request_of_its_own() -> None:
    bodies: list[bytes] = []
    arrived, released = threading.Event(), threading.Event()

    def run(connection: faults.Connection, request: faults.Received | None) -> None:
        arrived.set()
        released.wait(PATIENT)
        faults.echo().run(connection, request)

    with (
        FaultServer(Act(run), then=faults.echo()) as server,
        HttpTransport(origin=server.origin) as transport,
    ):

        def handle(_number: int, _frame: FrameType | None) -> None:
            bodies.append(transport.send(get("/inner"), timeout_seconds=PATIENT).body)
            released.set()

        def interrupt() -> None:
            arrived.wait(PATIENT)
            os.kill(os.getpid(), signal.SIGUSR1)

        before = signal.signal(signal.SIGUSR1, handle)
        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            bodies.append(transport.send(get("/outer"), timeout_seconds=PATIENT).body)
        finally:
            thread.join()
            signal.signal(signal.SIGUSR1, before)
    assert bodies == [b"/inner", b"/outer"]


def test_no_lock_of_a_request_is_taken_by_python_code() -> None:
    # One that is could stay locked: a signal handler runs between taking it and the next step.
    entered: set[str] = set()

    def note(frame: FrameType, _event: str, _argument: object) -> None:
        entered.add(Path(frame.f_code.co_filename).name)

    with FaultServer(then=faults.echo()) as server:
        transport = HttpTransport(origin=server.origin, max_connections=1)
        before = sys.gettrace()
        sys.settrace(note)
        try:
            for method in ("GET", "GET", "POST"):
                transport.send(Request(method=method, path="/"), timeout_seconds=PATIENT)
            transport.close()
        finally:
            sys.settrace(before)
    assert "http.py" in entered
    assert not {"threading.py", "queue.py"} & entered
