"""Waits in an event loop: other tasks run, a cancelled wait stops, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from test_many import QUEUE, Server, ids, world
from worlds import JOB, client_on, job

import superstaq_jobs as sj
from superstaq_jobs import JobHandle
from superstaq_jobs.testing import FakeClock, ScriptedTransport, jobs_response

SERVED = "received"
"""The status in its responses."""


class Held:
    """A server in real time whose responses are held back until they are let go."""

    def __init__(self, *, hold=True):
        self.go_on = threading.Event()
        if not hold:
            self.go_on.set()
        self.asked = []
        self.reached = threading.Event()

    def send(self, _request, /, *, timeout_seconds):
        assert timeout_seconds >= 0
        self.asked.append(threading.current_thread())
        self.reached.set()
        assert self.go_on.wait(60)
        return jobs_response(job(SERVED))

    def close(self):
        pass

    def handle(self):
        return JobHandle(sj.SuperstaqClient("key", "http://localhost", transport=self), JOB)

    def let_go(self):
        """Respond, and wait until every request has ended."""
        self.go_on.set()
        for thread in self.asked:
            thread.join(60)
            assert not thread.is_alive()


def run(main):
    """Run it in a loop of its own, and fail if the loop reports a problem."""
    complaints = []

    async def watched():
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, what: complaints.append(what)
        )
        return await main

    try:
        return asyncio.run(watched(), debug=True)
    finally:
        assert complaints == []


async def reach(server):
    """Let other tasks run until a request has arrived."""
    while not server.asked:  # noqa: ASYNC110 - the server is a thread's
        await asyncio.sleep(0.001)


def test_final_snapshots_come_as_they_do_without_a_coroutine():
    server, _, handles = world({job_id: QUEUE[i:] for i, job_id in enumerate(ids(4))})

    async def gather():
        return [s.job_id.int async for s in sj.as_completed_async(handles)]

    assert run(gather()) == [4, 3, 2, 1]
    assert len(server.asked) == 4


def test_a_program_without_coroutines_does_not_load_asyncio():
    code = "import sys, superstaq_jobs as sj; sj.wait_all([]); print('asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("lost", [False, True])
def test_each_front_for_coroutines_is_that_of_threads(lost):
    async def listed(results):
        return [each async for each in results]

    pairs = [
        (sj.wait_all, lambda *args: asyncio.run(sj.wait_all_async(*args))),
        (
            lambda *args: list(sj.as_completed(*args)),
            lambda *args: asyncio.run(listed(sj.as_completed_async(*args))),
        ),
        (
            lambda *args: list(sj.watch(*args)),
            lambda *args: asyncio.run(listed(sj.watch_async(*args))),
        ),
    ]
    for pair in pairs:
        courses = []
        for wait in pair:
            server, clock, handles = world({job_id: QUEUE[i:] for i, job_id in enumerate(ids(4))})
            if lost:
                server.lives[ids(1)[0]] = ["pending"]
                del server.lives[ids(2)[1]]
            try:
                outcome = wait(handles, 60)
            except sj.JobsTimeout as error:
                outcome = str(error), error.found
            courses.append((outcome, server.asked, clock.sleeps))
        assert courses[0] == courses[1]
        assert isinstance(courses[0][0][0], str) == lost


def test_requests_of_a_round_are_sent_together_and_reported_as_responses_arrive():
    lives = {job_id: ["received", "completed"] for job_id in ids(1000)}
    server, _, handles = world(lives)

    async def gather():
        return [s.job_id async for s in sj.as_completed_async(handles)]

    assert sorted(run(gather())) == ids(1000)
    assert len(server.asked) == 14


def test_other_tasks_run_while_a_request_is_in_progress():
    server = Held()

    async def main():
        task = asyncio.create_task(server.handle().wait_until_complete_async(timeout_seconds=0))
        await reach(server)
        server.go_on.set()  # not reached if the request blocked the loop
        with pytest.raises(sj.WaitTimeout):
            await task

    run(main())


def test_many_waits_in_one_event_loop_do_not_disturb_each_other():
    steps = dict.fromkeys(ids(60), QUEUE)
    server = Server(steps)
    handles = [JobHandle(client_on(server, clock=FakeClock()), job_id) for job_id in steps]

    async def main():
        waits = [handle.wait_until_complete_async(polling_seconds=1) for handle in handles]
        return await asyncio.gather(*waits)

    assert [snapshot.job_id for snapshot in run(main())] == list(steps)
    assert set(server.polls.values()) == {4}


def test_what_on_change_raises_ends_it_and_changes_come_in_the_loops_thread():
    transport = ScriptedTransport.from_function(lambda _: jobs_response(job("running")))
    threads = []

    def callback(_before, _after):
        threads.append(threading.current_thread())
        raise KeyError("the callback's own")

    with pytest.raises(KeyError, match="own"):
        run(JobHandle(client_on(transport), JOB).wait_until_complete_async(on_change=callback))
    assert threads == [threading.current_thread()]


def test_a_request_is_sent_in_the_context_of_the_task():
    variable = contextvars.ContextVar("variable")
    seen = []

    def answer(_request):
        seen.append(variable.get())
        return jobs_response(job("completed"))

    handle = JobHandle(client_on(ScriptedTransport.from_function(answer)), JOB)

    async def main():
        variable.set("of the task")
        await handle.wait_until_complete_async()

    run(main())
    assert seen == ["of the task"]


# ---- cancelled and interrupted waits


async def cancelled(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("hold", [True, False], ids=["in a request", "in a pause"])
def test_a_cancelled_task_sends_nothing_more_and_leaves_a_usable_handle(hold):
    server = Held(hold=hold)
    handle = server.handle()

    async def main():
        task = asyncio.create_task(handle.wait_until_complete_async(polling_seconds=60))
        await reach(server)
        while not hold and handle.latest is None:  # noqa: ASYNC110 - of another task
            await asyncio.sleep(0.001)
        await cancelled(task)

    run(main())  # which does not wait for the request, and closes its loop before the response
    server.let_go()
    assert len(server.asked) == 1
    assert handle.latest == (None if hold else job(SERVED))
    assert handle.refresh() == job(SERVED)


def test_after_a_cancellation_no_further_request_of_a_round_is_sent():
    server = Held()
    client = server.handle().client

    async def main():
        handles = [JobHandle(client, job_id) for job_id in ids(1000)]
        finals = sj.as_completed_async(handles, requests_at_once=2)
        task = asyncio.create_task(anext(finals))
        await reach(server)
        await cancelled(task)
        with pytest.raises(StopAsyncIteration):
            await anext(finals)

    run(main())
    server.let_go()
    assert len(server.asked) <= 2


def test_a_timeout_of_asyncio_raises_its_own_error():
    server = Held()

    async def main():
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.02):
                await server.handle().wait_until_complete_async()
        assert not isinstance(caught.value, sj.WaitTimeout)

    run(main())
    server.let_go()


def test_a_generator_that_is_left_sends_nothing_more():
    server, _, handles = world({job_id: QUEUE[i:] for i, job_id in enumerate(ids(4))})

    async def main():
        finals = sj.as_completed_async(handles)
        async with contextlib.aclosing(finals):
            async for _ in finals:
                break
        async for _ in sj.as_completed_async(handles, polling_seconds=1):
            break  # and one that the loop has to close

    run(main())
    assert len(server.asked) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_an_interrupt_in_a_request_comes_through(error):
    transport = ScriptedTransport([jobs_response(job("received")), error])
    handle = JobHandle(client_on(transport), JOB)

    async def main():
        await handle.wait_until_complete_async()

    with pytest.raises(type(error)):
        asyncio.run(main())
    assert handle.latest == job("received")


@pytest.fixture
def ctrl_c():
    """Ctrl-C as Python has it, in a process too that a shell started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def wait_in_a_coroutine(handles, **options):
    async def main():
        return [final async for final in sj.as_completed_async(handles, **options)]

    return asyncio.run(main())


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("wait", [sj.wait_all, wait_in_a_coroutine])
def test_after_ctrl_c_no_further_request_of_a_round_is_sent(wait):
    server = Held()
    client = server.handle().client

    def interrupt():
        server.reached.wait(60)
        time.sleep(0.1)  # until the wait is blocked
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        wait([JobHandle(client, job_id) for job_id in ids(1000)], requests_at_once=2)
    thread.join()
    server.let_go()
    assert len(server.asked) <= 2


def test_nothing_is_left_to_the_event_loop_when_a_wait_ends(caplog):
    _, _, handles = world({key: ["received", "completed"] for key in ids(400)})
    loop = asyncio.new_event_loop()
    try:
        assert len(loop.run_until_complete(sj.wait_all_async(handles))) == 400
        assert asyncio.all_tasks(loop) == set()
    finally:
        loop.close()
    gc.collect()
    assert "destroyed" not in caplog.text
