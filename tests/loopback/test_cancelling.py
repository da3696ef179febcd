"""A wait that is abandoned gives its connections up at once."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable

import faults
import pytest
from certificates import Tls
from faults import Act, FaultServer
from helpers import PATIENT, get
from worlds import JOB, KEY, job

import superstaq_jobs as sj
from superstaq_jobs.transport import HttpTransport
from superstaq_jobs.transport.limits import CANCEL_TOKEN, CancelToken
from superstaq_jobs.wire.api import encode_jobs

WAITS = 30
PROMPT = 5.0  # far less than a hung request takes; the benchmark has the bar


class Hangs:
    """A server's act: hang until it is healed, then say that the job has completed."""

    def __init__(self) -> None:
        self.healed = False
        self.hanging = 0

    def act(self) -> Act:
        def run(connection: faults.Connection, request: faults.Received | None) -> None:
            if not self.healed:
                self.hanging += 1
                connection.hang()
            faults.respond(encode_jobs([job("completed")])).run(connection, request)

        return Act(run)


def until(condition: Callable[[], bool]) -> None:
    gives_up = time.monotonic() + PATIENT
    while not condition():
        assert time.monotonic() < gives_up
        time.sleep(0.01)


def assert_prompt(client: sj.SuperstaqClient) -> None:
    """A wait through the client is finished at once."""
    started = time.monotonic()
    final = sj.JobHandle(client, JOB).wait_until_complete(timeout_seconds=PATIENT)
    assert time.monotonic() - started < PROMPT
    assert final == job("completed")


@pytest.mark.parametrize("where", ["response", "response over TLS", "handshake"])
def test_cancelled_waits_on_a_server_that_hangs_do_not_delay_the_next_one(
    where: str, tls: Tls
) -> None:
    hangs = Hangs()
    at_connect = [faults.hang_at_connect()] * 10 if where == "handshake" else []
    secure = tls.server if where != "response" else None
    with (
        FaultServer(*at_connect, then=hangs.act(), tls=secure) as server,
        sj.SuperstaqClient(KEY, server.origin, ca_certs=str(tls.bundle)) as client,
    ):

        async def cancelled() -> None:
            waits = [
                asyncio.create_task(sj.JobHandle(client, JOB).wait_until_complete_async())
                for _ in range(WAITS)
            ]
            await asyncio.to_thread(
                until, lambda: server.connections >= 10 and client.traffic.requests >= WAITS
            )
            for wait in waits:
                wait.cancel()
            results = await asyncio.gather(*waits, return_exceptions=True)
            assert all(isinstance(result, asyncio.CancelledError) for result in results)

        asyncio.run(cancelled())
        hangs.healed = True
        assert_prompt(client)


def test_a_watch_that_is_closed_gives_its_connections_up() -> None:
    # Two clients: one brings news, the other hangs.
    hangs = Hangs()
    with (
        FaultServer(then=hangs.act()) as server,
        FaultServer(then=faults.respond(encode_jobs([job("running")]))) as lively,
        sj.SuperstaqClient(KEY, server.origin, max_connections=1) as client,
        sj.SuperstaqClient(KEY, lively.origin) as other,
    ):
        changes = sj.watch([sj.JobHandle(client, JOB), sj.JobHandle(other, JOB)])
        next(iter(changes))
        until(lambda: hangs.hanging == 1)
        changes.close()
        hangs.healed = True
        assert_prompt(client)


def test_a_cancelled_request_says_so_and_a_later_one_sends_nothing() -> None:
    token = CancelToken()
    errors: list[sj.TransportError] = []
    with (
        FaultServer(faults.hang(), then=faults.echo()) as server,
        HttpTransport(origin=server.origin, max_connections=1) as transport,
    ):

        def calls() -> None:
            CANCEL_TOKEN.set(token)
            for path in ("/a", "/b"):
                try:
                    transport.send(get(path), timeout_seconds=PATIENT)
                except sj.TransportError as error:
                    errors.append(error)

        thread = threading.Thread(target=contextvars.copy_context().run, args=(calls,))
        thread.start()
        until(lambda: bool(server.requests))
        token.cancel()
        token.cancel()
        thread.join(PATIENT)
        assert [error.sent for error in errors] == [True, False]
        assert all("it was cancelled" in str(error) for error in errors)
        assert transport.send(get("/c"), timeout_seconds=PATIENT).body == b"/c"
        assert [request.target for request in server.requests] == ["/a", "/c"]


def test_a_cancellation_does_not_reach_a_connection_that_was_given_back() -> None:
    token = CancelToken()
    with (
        FaultServer(then=faults.echo()) as server,
        HttpTransport(origin=server.origin) as transport,
    ):

        def call() -> bytes:
            CANCEL_TOKEN.set(token)
            return transport.send(get("/a"), timeout_seconds=PATIENT).body

        assert contextvars.copy_context().run(call) == b"/a"
        token.cancel()
        assert transport.send(get("/b"), timeout_seconds=PATIENT).body == b"/b"
        assert server.connections == 1
