"""Carries out the steps of a wait: one driver for threads, one for ``asyncio``."""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING

from superstaq_jobs.clock import SystemClock
from superstaq_jobs.transport.limits import CANCEL_TOKEN, CancelToken

from .job_wait import JobWait
from .loop import Pause, Polled, Round, Steps, step_after

if TYPE_CHECKING:
    import asyncio

__all__ = ["run", "run_async"]


def run(steps: Steps) -> Generator[JobWait, None, None]:
    """Carry the steps out in this thread.

    Yields:
        Each wait that has a change to report, has failed or has ended.
    """
    outcome: Polled | None = None
    outcomes: Iterator[Polled] = iter(())
    with contextlib.closing(steps), contextlib.ExitStack() as in_progress:
        while step := step_after(steps, outcome):
            outcome = None
            if isinstance(step, JobWait):
                yield step
            elif isinstance(step, Pause):
                step.clock.sleep(step.seconds)
            elif isinstance(step, Round):
                in_progress.close()
                outcomes = in_progress.enter_context(_sent(step))
            else:
                outcome = next(outcomes)


async def run_async(steps: Steps) -> AsyncGenerator[JobWait, None]:
    """``run`` for a coroutine: other tasks run while it waits for a response or pauses."""
    outcome: Polled | None = None
    next_outcome: Callable[[], Awaitable[Polled]]
    with contextlib.closing(steps), contextlib.ExitStack() as in_progress:
        while step := step_after(steps, outcome):
            outcome = None
            if isinstance(step, JobWait):
                yield step
            elif isinstance(step, Pause):
                await _pause_async(step)
            elif isinstance(step, Round):
                in_progress.close()
                next_outcome = in_progress.enter_context(_sent_async(step))
            else:
                outcome = await next_outcome()


async def _pause_async(pause: Pause) -> None:
    import asyncio  # not needed by a program without coroutines

    if isinstance(pause.clock, SystemClock):
        await asyncio.sleep(pause.seconds)
    else:
        pause.clock.sleep(pause.seconds)  # a test's own clock, on which no real time passes
        await asyncio.sleep(0)


@contextlib.contextmanager
def _sent(work: Round) -> Iterator[Iterator[Polled]]:
    """The outcomes as they arrive; the caller may take any time over each."""
    if len(work.polls) == 1:
        yield ((poll, poll.send()) for poll in work.polls)
        return
    outcomes: queue.SimpleQueue[Polled] = queue.SimpleQueue()
    with _sending(work, outcomes.put):
        yield (outcomes.get() for _ in work.polls)


@contextlib.contextmanager
def _sent_async(work: Round) -> Iterator[Callable[[], Awaitable[Polled]]]:
    """Gives the next outcome. Not a generator, since the event loop would wait for its end."""
    import asyncio

    loop = asyncio.get_running_loop()
    outcomes: asyncio.Queue[Polled] = asyncio.Queue()

    def done(outcome: Polled) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed, and the wait with it
            loop.call_soon_threadsafe(outcomes.put_nowait, outcome)

    with _sending(work, done):
        yield outcomes.get


@contextlib.contextmanager
def _sending(work: Round, done: Callable[[Polled], object]) -> Iterator[None]:
    """Send the requests in threads; those that have not begun at the end are not sent.

    Not in a pool: the interpreter, or an event loop, would wait for it when it ends.
    """
    polls = iter(work.polls)
    lock = threading.Lock()
    stopped = False
    token = CancelToken()

    def send_some() -> None:
        CANCEL_TOKEN.set(token)  # in the copy of the context that the thread runs in
        while True:
            with lock:
                poll = None if stopped else next(polls, None)
            if poll is None:
                return
            done((poll, poll.send()))

    try:
        for _ in range(min(work.at_once, len(work.polls))):
            context = contextvars.copy_context()
            threading.Thread(
                target=context.run, args=(send_some,), name="superstaq-jobs poll", daemon=True
            ).start()
        yield
    finally:
        with lock:
            stopped = True
        token.cancel()  # requests that are still under way give their connections up
