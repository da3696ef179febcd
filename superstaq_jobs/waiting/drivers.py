"""What carries out the steps of a wait: one driver for threads, one for ``asyncio``.

Lives here: ``run`` and ``run_async``. Neither knows what a job, an answer or a deadline is. May
import ``_wait_loop`` and below.
"""

from __future__ import annotations

import contextlib
import contextvars
import queue
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

from superstaq_jobs.clock import SystemClock
from superstaq_jobs.transport.limits import CANCEL_TOKEN, CancelToken

from .job_wait import JobWait
from .loop import Answered, Pause, Round, Steps

if TYPE_CHECKING:
    import asyncio

__all__: list[str] = []

_Done = Callable[[Answered], object]


def run(steps: Steps) -> Generator[JobWait, None, None]:
    """Carry the steps out in this thread.

    Yields:
        Each wait that has a change to tell, failed or is over.
    """
    answer: Any = None
    answers: Iterator[Answered] = iter(())
    with contextlib.closing(steps), contextlib.ExitStack() as under_way:
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(step, JobWait):
                yield step
            elif isinstance(step, Pause):
                step.clock.sleep(step.seconds)
            elif isinstance(step, Round):
                under_way.close()
                answers = under_way.enter_context(_sent(step))
            else:
                answer = next(answers)


async def run_async(steps: Steps) -> AsyncGenerator[JobWait, None]:
    """``run`` for a coroutine: while it asks or pauses, others run."""
    answer: Any = None
    next_answer: Callable[[], Awaitable[Answered]] | None = None
    with contextlib.closing(steps), contextlib.ExitStack() as under_way:
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(step, JobWait):
                yield step
            elif isinstance(step, Pause):
                await _pause_async(step)
            elif isinstance(step, Round):
                under_way.close()
                next_answer = under_way.enter_context(_sent_async(step))
            elif next_answer is not None:
                answer = await next_answer()


async def _pause_async(pause: Pause) -> None:
    import asyncio  # which a program without coroutines need not load

    if isinstance(pause.clock, SystemClock):
        await asyncio.sleep(pause.seconds)
    else:
        pause.clock.sleep(pause.seconds)  # a clock of a test's own, on which no time passes
        await asyncio.sleep(0)


@contextlib.contextmanager
def _sent(work: Round) -> Iterator[Iterator[Answered]]:
    """The answers as they come, however long the caller takes over each."""
    if len(work.asks) == 1:
        yield ((ask, ask.send()) for ask in work.asks)
        return
    answered: queue.SimpleQueue[Answered] = queue.SimpleQueue()
    with _sending(work, answered.put):
        yield (answered.get() for _ in work.asks)


@contextlib.contextmanager
def _sent_async(work: Round) -> Iterator[Callable[[], Awaitable[Answered]]]:
    """What gives the next answer. No generator, whose end the event loop would have to wait for."""
    import asyncio

    loop = asyncio.get_running_loop()
    answered: asyncio.Queue[Answered] = asyncio.Queue()

    def done(answer: Answered) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody waits for it
            loop.call_soon_threadsafe(answered.put_nowait, answer)

    with _sending(work, done):
        yield answered.get


@contextlib.contextmanager
def _sending(work: Round, done: _Done) -> Iterator[None]:
    """Send in threads of their own, so many at once; what is not under way at the end is not sent.

    Not in a pool, which an interpreter, or an event loop, would wait for at its end.
    """
    asks = iter(work.asks)
    lock = threading.Lock()
    stopped = False
    token = CancelToken()

    def send_some() -> None:
        CANCEL_TOKEN.set(token)  # in the copy of the context that the thread runs in
        while True:
            with lock:
                ask = None if stopped else next(asks, None)
            if ask is None:
                return
            done((ask, ask.send()))

    try:
        for _ in range(min(work.at_once, len(work.asks))):
            context = contextvars.copy_context()
            threading.Thread(
                target=context.run, args=(send_some,), name="superstaq-jobs look", daemon=True
            ).start()
        yield
    finally:
        with lock:
            stopped = True
        token.cancel()  # requests that are still under way give their connections up
